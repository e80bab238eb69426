"""Measures how good generated images are: `python -m dcgan_tf1.evaluate --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1 import quiet_start
    quiet_start.begin()

import collections
import csv
import dataclasses
import io
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import checkpoint, cli, datasets, features, flags, images, quality, readers, runs
from dcgan_tf1.errors import UserError
from dcgan_tf1.files import write_json, write_text
from dcgan_tf1.generate import generate, noise, to_pictures
from dcgan_tf1.presets import PRESETS

NEIGHBOURS = 16  # samples that are drawn with their nearest training images

# Images to be measured: what they are called in tables, the step they were made at or None, uint8 [N, H, W, C].
Sampled = collections.namedtuple('Sampled', 'name step images')


def main(argv=None):
    return cli.run(flags.parse_evaluate, evaluate, argv, failures=(tf.errors.OpError,))


def evaluate(config):
    """Writes metrics.json and pictures, appends to a run's evaluations.csv, prints the table."""
    preset, image_class = _system(config)
    out = config.out or _default_out(config, preset)
    for name in ('metrics.json', 'neighbours.png'):
        if os.path.exists(os.path.join(out, name)) and not config.overwrite:
            raise UserError('{}: expected no earlier evaluation, found one; --overwrite replaces it'.format(
                os.path.join(out, name)))
    given = None if config.images is None else _read_images(config.images, preset)
    dataset = datasets.load(preset.dataset, 'train', config.data_dir, preset.image_shape)
    data = datasets.prepare(dataset, preset, image_class)
    real = quality.as_bytes(data, preset)
    count = min([config.n, len(real) // 2] + ([] if given is None else [len(given)]))
    if count < quality.AT_LEAST:
        raise UserError('--n: expected at least {} images to measure, found {} (of {} real ones{})'.format(
            quality.AT_LEAST, count, len(real), '' if given is None else ' and {} in {}'.format(
                len(given), config.images)))
    if count < config.n:
        print('measuring {:,} images in place of {:,}: there are {:,} real ones for two halves{}'.format(
            count, config.n, len(real), '' if given is None else ' and {:,} in {}'.format(len(given), config.images)))
    extractor = _extractor(config, preset)
    reference = quality.make_reference(real, data.title, extractor, count, config.seed)

    results = [quality.measure(quality.REAL, None, reference.other, reference)[0]]
    neighbours = None
    for sampled in _all_sampled(config, preset, given, count):
        found, nearest = quality.measure(sampled.name, sampled.step, extractor.run(sampled.images), reference)
        results.append(found)
        neighbours = neighbours or (sampled.images[:NEIGHBOURS], reference.images[nearest[:NEIGHBOURS]])
    os.makedirs(out, exist_ok=True)
    write_json(os.path.join(out, 'metrics.json'), {
        'preset': preset.name, 'source': config.run or config.checkpoint or config.images, 'n': count,
        'seed': config.seed, 'features': {'name': extractor.name, 'test_accuracy': extractor.accuracy},
        'data': {'name': dataset.name, 'class': image_class, 'checksum': dataset.checksum, 'note': dataset.note},
        'classes': list(dataset.classes), 'results': results,
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': str(tf.VERSION), 'numpy': np.__version__}})
    images.save_neighbours(os.path.join(out, 'neighbours.png'), *neighbours)
    if config.all_checkpoints:
        images.save_quality_figure(os.path.join(out, 'quality.png'), results[1:], results[0], preset.name)
    if config.run is not None:
        _append(os.path.join(config.run, 'evaluations.csv'), results[1:], count, config.seed, extractor.name)
    print(_table(results, reference, count, extractor))
    print('{}: metrics.json, neighbours.png{}'.format(out, ', quality.png' if config.all_checkpoints else ''))


# ------------------------------------------------------------------------- what is measured

def _system(config):
    """The preset, with the data set that a run was trained on, and its class or None."""
    if config.run is None:
        return PRESETS[config.preset], PRESETS[config.preset].image_class
    preset = runs.read_preset(config.run)
    identity = runs.read_config(config.run)['identity']
    if identity.get('dataset', preset.dataset) not in datasets.DATASETS:
        raise UserError('{}: expected one of the data sets {}, found {!r}'.format(
            config.run, ', '.join(datasets.DATASETS), identity['dataset']))
    return (dataclasses.replace(preset, dataset=identity.get('dataset', preset.dataset)),
            identity.get('class', preset.image_class))


def _default_out(config, preset):
    if config.run is None:
        return 'evaluation'
    if config.all_checkpoints:
        return os.path.join(config.run, 'evaluation')
    _, prefix = runs.find_checkpoint(config.run, config.step, None, preset.name, config.which)
    return os.path.join(config.run, 'evaluation-{:06d}'.format(checkpoint.step_of(prefix)))


def _all_sampled(config, preset, given, count):
    """Yields what is to be measured, each a Sampled."""
    if given is not None:
        yield Sampled(os.path.basename(os.path.normpath(config.images)), None, given[:count])
        return
    if config.all_checkpoints:
        folder = os.path.join(config.run, 'checkpoints')
        steps = checkpoint.steps_in(folder)
        if not steps:
            raise UserError('{}: expected checkpoints, found none'.format(folder))
        prefixes = [checkpoint.prefix_of(folder, step) for step in steps]
    else:
        prefixes = [runs.find_checkpoint(config.run, config.step, config.checkpoint, config.preset, config.which)[1]]
    z = noise(preset, config.seed, count)
    # As the preset samples; then, for one checkpoint, the other ways that there are.
    ways = [('as the preset samples', preset, None)]
    if not config.all_checkpoints:
        if preset.dropout_when_sampling:
            ways.append(('dropout off', preset, False))
        if preset.ema_decay is not None:
            ways.append(('without averaged weights', dataclasses.replace(preset, ema_decay=None), None))
    for prefix in prefixes:
        for name, system, dropout in ways:
            step = checkpoint.step_of(prefix)
            print('{}: {:,} images'.format(name if step is None else 'step {:,}, {}'.format(step, name), count),
                  flush=True)
            raw = generate(system, prefix, z, config.seed, dropout, config.device, progress=True)
            yield Sampled(name, step, to_pictures(preset, raw, prefix))


def _read_images(path, preset):
    """uint8 [N] + image_shape from a folder of pictures or an .npz with `images` in the preset's range."""
    if os.path.isdir(path):
        found, _ = readers.read_pictures(path, preset.image_shape)
        return found
    found = readers.read_array(path, 'images')
    if found.shape[1:] != preset.image_shape:
        raise UserError('{}: expected images [N, {}], found {}'.format(
            path, ', '.join(map(str, preset.image_shape)), list(found.shape)))
    return found if found.dtype == np.uint8 else to_pictures(preset, found, path)


# --------------------------------------------------------------------------- what it is measured by

def _extractor(config, preset):
    if config.features is None:
        return features.classifier(preset.dataset, config.data_dir, config.features_seed)
    return features.load_graph(config.features, config.features_input, config.features_output,
                               config.features_probabilities, config.features_range)


# --------------------------------------------------------------------------------- results

def _append(path, rows, count, seed, extractor):
    """Adds a line for each row to a run's evaluations.csv; lines that are there stay as they are."""
    header = ['step', 'name', 'n', 'seed', 'features'] + list(quality.COLUMNS)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    earlier = ''
    if os.path.exists(path):
        with open(path, newline='', encoding='utf-8') as handle:
            earlier = handle.read()
    if not earlier:
        writer.writerow(header)
    for row in rows:
        writer.writerow([row['step'], row['name'], count, seed, extractor] + [
            '' if row.get(key) is None else '{:.6g}'.format(row[key]) for key in quality.COLUMNS])
    write_text(path, earlier + stream.getvalue())


def _table(rows, reference, count, extractor):
    columns = [key for key in quality.COLUMNS if any(row.get(key) is not None for row in rows)]
    lines = ['{:,} images against {:,} real ones ({}), by the {}'.format(
        count, count, reference.title, extractor.name),
             '{:<30}'.format('') + ''.join('{:>11}'.format(quality.COLUMNS[key][0]) for key in columns)]
    for row in rows:
        name = row['name'] if row['step'] is None else '{:,} {}'.format(row['step'], row['name'])
        lines.append('{:<30}'.format(name) + ''.join('{:>11}'.format(
            '' if row.get(key) is None else quality.COLUMNS[key][1].format(row[key])) for key in columns))
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
