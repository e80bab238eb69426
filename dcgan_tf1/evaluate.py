"""Measures how good generated images are: `python -m dcgan_tf1.evaluate --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import collections
import csv
import dataclasses
import io
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import flags
from dcgan_tf1.data import loading, prepare, recorded, sources
from dcgan_tf1.data.pictures import BACKGROUNDS
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import classifier, evaluation, given_images
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.runs.sampling import generate, to_uint8
from dcgan_tf1.runs.tables import texts_to_go_on
from dcgan_tf1.util import cli, images
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import check_writable, write_json, write_text, writing

NEIGHBOURS = 16  # samples that are drawn with their nearest training images

# Images to be measured: what they are called in tables, the step they were made at or None, uint8 [N, H, W, C].
Sampled = collections.namedtuple('Sampled', 'name step images')


def main(argv=None):
    return cli.run(flags.parse_evaluate, evaluate, argv, failures=(tf.errors.OpError,))


def evaluate(config):
    """Prints the table; writes metrics.json and pictures, and appends to a run's evaluations.csv."""
    preset, image_class = _system(config)
    out = config.out or _default_out(config, preset)
    unwritable = _check_outputs(config, out)
    given = None if config.images is None else given_images.read(
        config.images, preset, config.images_range, config.tiles, config.background)
    if config.run is None:
        dataset, own = loading.load(preset.dataset, 'train', config.data_dir, preset.image_shape), None
    else:
        dataset, own = recorded.load(config.run, run_folder.read_config(config.run), preset.dataset, config.data_dir,
                                     preset.image_shape, config.other_data, background=_background(config.run))
    data = prepare.prepare(dataset, preset, image_class)
    real = evaluation.as_bytes(data, preset)
    count = _count(config, given, real)
    extractor = _extractor(config, dataset)
    reference = evaluation.make_reference(real, data.title, extractor, count, config.seed)

    results = [evaluation.measure(evaluation.REAL, None, reference.other, reference)[0]]
    neighbours = None
    for sampled in _all_sampled(config, preset, given, count):
        found, nearest = evaluation.measure(sampled.name, sampled.step, extractor.run(sampled.images), reference)
        results.append(found)
        neighbours = neighbours or (sampled.images[:NEIGHBOURS], reference.images[nearest[:NEIGHBOURS]])
    record = recorded.record_of(dataset, data.image_class, own)
    print(_table(results, '{:,} images against {:,} real ones ({}), by the {}'.format(
        count, count, reference.title, extractor.name)), flush=True)
    with writing(out):
        os.makedirs(out, exist_ok=True)
    write_json(os.path.join(out, 'metrics.json'), {
        'preset': preset.name, 'source': config.run or config.checkpoint or config.images, 'n': count,
        'seed': config.seed, 'features': {'name': extractor.name, 'test_accuracy': extractor.accuracy},
        'data': record, 'classes': list(dataset.classes), 'results': results,
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': str(tf.VERSION), 'numpy': np.__version__}})
    images.save_neighbours(os.path.join(out, 'neighbours.png'), *neighbours)
    if config.all_checkpoints:
        images.save_quality_figure(os.path.join(out, 'quality.png'), results[1:], results[0], preset.name)
    if unwritable:
        print('WARNING: {}; it goes without these rows'.format(unwritable), file=sys.stderr)
    elif config.run is not None:
        _append(os.path.join(config.run, 'evaluations.csv'), results[1:], count, config.seed, extractor.name,
                recorded.short(record))
    print('{}: metrics.json, neighbours.png{}'.format(out, ', quality.png' if config.all_checkpoints else ''))


def _check_outputs(config, out):
    """Raises UserError, before anything is measured, where what comes of it could not be written.

    Returns why a run's evaluations.csv can't be, where all else goes to a folder that was named; else None.
    """
    names = ['metrics.json', 'neighbours.png'] + (['quality.png'] if config.all_checkpoints else [])
    for path in [os.path.join(out, name) for name in names]:
        if os.path.exists(path) and not config.overwrite:
            raise UserError('{}: expected no earlier evaluation, found one; --overwrite replaces it'.format(path))
        try:
            check_writable(path)
        except UserError as error:
            raise UserError('{}; --out=FOLDER writes elsewhere'.format(error))
    if config.run is not None:
        try:
            check_writable(os.path.join(config.run, 'evaluations.csv'))
        except UserError as error:
            if config.out is None:
                raise UserError('{}; --out=FOLDER writes elsewhere'.format(error))
            return str(error)
    return None


def _count(config, given, real):
    """How many images are measured."""
    count = min([config.n, len(real) // 2] + ([] if given is None else [len(given)]))
    if count < evaluation.MIN_IMAGES:
        raise UserError('--n: expected at least {} images to measure, found {} (of {} real ones{})'.format(
            evaluation.MIN_IMAGES, count, len(real), '' if given is None else ' and {} in {}'.format(
                len(given), config.images)))
    if count < config.n:
        print('measuring {:,} images in place of {:,}: there are {:,} real ones for two halves{}'.format(
            count, config.n, len(real), '' if given is None else ' and {:,} in {}'.format(len(given), config.images)))
    return count


# ------------------------------------------------------------------------- what is measured

def _system(config):
    """The preset, with the data set that a run was trained on, and its class or None."""
    if config.run is None:
        return PRESETS[config.preset], PRESETS[config.preset].image_class
    preset = run_folder.read_preset(config.run)
    identity = run_folder.read_config(config.run)['identity']
    if identity.get('dataset', preset.dataset) not in sources.DATASETS:
        raise UserError('{}: expected one of the data sets {}, found {!r}'.format(
            config.run, ', '.join(sources.DATASETS), identity['dataset']))
    return (dataclasses.replace(preset, dataset=identity.get('dataset', preset.dataset)),
            identity.get('class', preset.image_class))


def _background(run):
    """What a run's transparent pictures were laid on."""
    found = 'black' if run is None else run_folder.read_config(run)['identity'].get('background', 'black')
    if found not in tuple(BACKGROUNDS):
        raise UserError('{}: expected a background of {}, found {!r}'.format(
            run, ' or '.join(BACKGROUNDS), found))
    return found


def _default_out(config, preset):
    if config.run is None:
        return 'evaluation'
    if config.all_checkpoints:
        return os.path.join(config.run, 'evaluation')
    _, prefix = run_folder.find_checkpoint(config.run, config.step, None, preset.name, config.which)
    return os.path.join(config.run, 'evaluation-{:06d}'.format(checkpoint.step_of(prefix)))


def _all_sampled(config, preset, given, count):
    """Yields what is to be measured, each a Sampled."""
    if given is not None:
        yield Sampled(os.path.basename(os.path.normpath(config.images)), None, given[:count])
        return
    if config.all_checkpoints:
        folder = os.path.join(config.run, 'checkpoints')
        steps = checkpoint.list_steps(folder)
        if not steps:
            raise UserError('{}: expected checkpoints, found none'.format(folder))
        prefixes = [checkpoint.checkpoint_path(folder, step) for step in steps]
    else:
        prefixes = [run_folder.find_checkpoint(
            config.run, config.step, config.checkpoint, config.preset, config.which)[1]]
    z = sample_noise(preset, count, config.seed)
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
            yield Sampled(name, step, to_uint8(preset, raw, prefix))


# --------------------------------------------------------------------------- what it is measured by

def _extractor(config, dataset):
    if config.features is None:
        return classifier.classifier(dataset, config.features_seed)
    return classifier.load_graph(config.features, config.features_input, config.features_output,
                               config.features_probabilities, config.features_range)


# --------------------------------------------------------------------------------- results

def _append(path, rows, count, seed, extractor, data):
    """Adds a line for each row to a run's evaluations.csv; what is there keeps its values.

    Where an older file lacks a column, its rows get an empty cell.
    """
    added = list(evaluation.COLUMNS) + ['data']
    header = ['step', 'name', 'n', 'seed', 'features'] + added
    earlier = texts_to_go_on(path, header, print, optional=added)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, lineterminator='\n')
    writer.writeheader()
    writer.writerows(earlier)
    for row in rows:
        cells = {key: '' if row.get(key) is None else '{:.6g}'.format(row[key]) for key in evaluation.COLUMNS}
        writer.writerow(dict(cells, step=row['step'], name=row['name'], n=count, seed=seed, features=extractor,
                             data=data))
    write_text(path, stream.getvalue())


def _table(rows, title):
    """Rows of measures in columns that are as wide as what stands in them."""
    columns = [key for key in evaluation.COLUMNS if any(row.get(key) is not None for row in rows)]
    cells = [[''] + [evaluation.COLUMNS[key][0] for key in columns]]
    for row in rows:
        name = row['name'] if row['step'] is None else '{:,} {}'.format(row['step'], row['name'])
        cells.append([name] + ['' if row.get(key) is None else evaluation.COLUMNS[key][1].format(row[key])
                               for key in columns])
    widths = [max(least, *map(len, column)) for least, column in zip([30] + [10] * len(columns), zip(*cells))]
    return '\n'.join([title] + [' '.join([line[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]) for line in cells])


if __name__ == '__main__':
    sys.exit(main())
