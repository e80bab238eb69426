"""What `evaluate` does: measures a run, a checkpoint or given images, and writes down the results."""

import dataclasses
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1.data import loading, prepare, reading, recorded
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import classifier, evaluation, extractors, given_images, projection, results, run_images
from dcgan_tf1.metrics.table import PIXELS
from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import (
    checkpoint_flags,
    checkpoint_paths,
    numbering,
    run_folder,
    sample_inputs,
    sampling,
    size_flags,
)
from dcgan_tf1.runs.classes import class_names
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import check_writable, listing, write_json, writing
from dcgan_tf1.util.images import MAX_COLUMNS, save_png
from dcgan_tf1.util.seeds import numpy_rng

_OF_IMAGES = ('background', 'resize', 'skip_damaged')  # flags that are for a folder of --images, too
_CLASSES, _QUALITY = 'classes.png', 'quality.png'  # which not every evaluation has
NEIGHBOURS = 16  # samples that are drawn with their nearest training images


def evaluate(config):
    """Prints the table; writes metrics.json and pictures, and appends to a run's evaluations.csv."""
    if config.device == 'gpu':
        devices.find(config.device)
    preset, image_class = _measured_preset(config)
    preset = checkpoint_flags.at_temperature(preset, config)
    how = _reading(config, preset)
    prefixes = [] if config.images is not None else _prefixes(config)
    _check_outputs(config, preset, _out(config, prefixes))
    given = _given(config, preset)
    dataset, is_own = _real_images(config, preset, prefixes, how)
    if given is not None and preset.classes is not None:
        preset, given = _labelled(preset, given, dataset, config.images)
    elif given is not None and given_images.has_labels(config.images):
        print('{}: its labels are not looked at, for {} takes none'.format(config.images, preset.name))
    data = prepare.prepare(dataset, preset, image_class)
    real = data.as_bytes(preset.image_range)
    count = _count(config, given, real)
    if config.run is not None:  # as they are now, and once more below: a training that goes on deletes older ones
        prefixes = _prefixes(config)
    sampling.check(preset, prefixes)  # before what takes minutes
    extractor = _extractor(config, dataset)
    labelled = preset.classes is not None
    reference = evaluation.make_reference(real, data.title, extractor, count, config.seed,
                                          labels=data.labels if labelled else None, classes=preset.classes)
    if config.run is not None:
        prefixes = _prefixes(config)
    out = _out(config, prefixes)
    unwritable = _check_outputs(config, preset, out)
    sheet = None
    if labelled and given is None:
        sheet = figures.class_sheet(run_images.sheet_of_classes(preset, prefixes[-1], config.seed, config.device),
                                    dataset.classes[:MAX_COLUMNS])

    rows, neighbours = _measure(config, preset, given, prefixes, reference, extractor)
    print(results.format_table(rows, '{:,} images against {:,} real ones ({}), by the {}'.format(
        count, count, reference.title, extractor.name)), flush=True)
    by_class = results.format_by_class(rows, dataset.classes) if labelled and not config.all_checkpoints else None
    if by_class:
        print(by_class, flush=True)
    _check_outputs(config, preset, out)  # another command may have made them meanwhile
    with writing(out):
        os.makedirs(out, exist_ok=True)
    figures.save_neighbours(os.path.join(out, 'neighbours.png'), *neighbours)
    if sheet is not None:
        save_png(os.path.join(out, _CLASSES), sheet)
    if config.all_checkpoints:
        figures.save_quality_figure(os.path.join(out, _QUALITY), rows[1:], rows[0], preset.name)
    _remove_earlier(config, preset, out)
    record = recorded.record_of(dataset, data.image_class, is_own)
    # Last, so that an evaluation with this file is a whole one.
    write_json(os.path.join(out, 'metrics.json'), dict(
        _circumstances(config, preset, extractor, given is not None), n=count, data=record,
        classes=list(dataset.classes), results=rows))
    if unwritable:
        print('WARNING: {}; it goes without these rows'.format(unwritable), file=sys.stderr)
    elif config.run is not None:
        results.append_to_csv(os.path.join(config.run, 'evaluations.csv'), rows[1:], count, config.seed,
                              extractor.name, recorded.short(record), labelled)
    print('{}: {}'.format(out, ', '.join(_outputs(config, preset))))


def _circumstances(config, preset, extractor, are_given):
    """What metrics.json says of what was measured, and by what. are_given: whether the images were."""
    return {'preset': preset.name, 'source': config.run or config.checkpoint or config.images, 'seed': config.seed,
            'temperature': None if are_given else preset.temperature,
            'features': {'name': extractor.name, 'test_accuracy': extractor.accuracy},
            'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': str(tf.VERSION), 'numpy': np.__version__}}


def _measure(config, preset, given, prefixes, reference, extractor):
    """(rows of results, the real images' first; samples of the newest and their nearest training images)."""
    rows = [evaluation.measure(evaluation.REAL, None, reference.other, reference)[0]]
    neighbours = None
    for sampled in _sampled(
            config, preset, given, prefixes, len(reference.other.images), reference.other.labels):
        row, nearest = evaluation.measure(sampled.name, sampled.step, evaluation.extract(
            extractor, sampled.images, sampled.labels), reference)
        rows.append(row)
        if neighbours is None or config.all_checkpoints:  # of the newest, as the preset samples
            neighbours = sampled.images[:NEIGHBOURS], reference.images[nearest[:NEIGHBOURS]]
    if neighbours is None:
        raise UserError('{}: expected checkpoints, found that they are not there any more'.format(config.run))
    return rows, neighbours


def _outputs(config, preset):
    """The names of the files that are written."""
    names = ['metrics.json', 'neighbours.png']
    if preset.classes is not None and config.images is None:
        names.append(_CLASSES)
    if config.all_checkpoints:
        names.append(_QUALITY)
    return names


def _remove_earlier(config, preset, out):
    """Removes the pictures of an earlier evaluation that this one, which replaces it, has none in place of."""
    if os.path.exists(os.path.join(out, 'metrics.json')):
        for path in [os.path.join(out, name) for name in (_CLASSES, _QUALITY) if name not in _outputs(config, preset)]:
            if os.path.exists(path):
                with writing(path):
                    os.remove(path)


def _check_outputs(config, preset, out):
    """Raises UserError, before anything is measured, if the results could not be written.

    With --out, a run's evaluations.csv may be unwritable, which is no error: returns why it can't be written, else
    None.
    """
    if numbering.is_run(out):  # which has pictures and files of the same names
        raise UserError('--out: expected a folder for an evaluation, found the run folder {}'.format(out))
    if config.images is not None and os.path.realpath(out) == os.path.realpath(config.images):
        raise UserError('--out: expected another folder than that of --images, whose pictures are measured, found '
                        '{}'.format(out))
    # `..` is resolved first: after a folder that is yet to be made, it would hide an earlier evaluation.
    for path in [os.path.join(os.path.realpath(out), name) for name in _outputs(config, preset)]:
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
    count = min([config.num_images, len(real) // 2] + ([] if given is None else [len(given.images)]))
    if len(real) < 2 * evaluation.MIN_IMAGES:
        raise UserError('--num_images: expected {} real images or more, of which half are measured, found {:,}'.format(
            2 * evaluation.MIN_IMAGES, len(real)))
    if count < evaluation.MIN_IMAGES:
        raise UserError('--num_images: expected {} images or more to measure, found {:,} (of {:,} real ones{})'.format(
            evaluation.MIN_IMAGES, count, len(real), '' if given is None else ' and {:,} in {}'.format(
                len(given.images), config.images)))
    if count < config.num_images:
        print('measuring {:,} images in place of {:,}: there are {:,} real ones for two halves{}'.format(
            count, config.num_images, len(real), '' if given is None else ' and {:,} in {}'.format(
                len(given.images), config.images)))
    return count


# ------------------------------------------------------------------------- what is measured

def _measured_preset(config):
    """The preset, with the data set that a run was trained on, and its class or None."""
    if config.images is not None:
        preset = size_flags.of_preset(PRESETS[config.preset], config.sizes)
        preset = on_dataset(preset, config.dataset)
        return preset, preset.image_class
    if config.run is None:
        preset, prefix = run_folder.find_checkpoint(None, None, config.checkpoint, config.preset, mode=config.mode,
                                                    sizes=config.sizes, averages=config.averages)
        run = run_folder.run_of(prefix, preset.name)
        preset = on_dataset(preset, config.dataset)
        trained, image_class = (preset, preset.image_class) if run is None else run_images.trained_preset(run)
        if trained.dataset != preset.dataset and config.data_dir is None and config.dataset is None:
            raise UserError("--checkpoint: expected one that was trained on the preset's {}, found a run's on {}; "
                            '--run={} measures it by its own data, --data_dir by others'.format(
                                preset.dataset, trained.dataset, run))
        return preset, image_class if trained.dataset == preset.dataset else preset.image_class
    return run_images.trained_preset(config.run)


def on_dataset(preset, dataset):
    """The preset on a data set that was asked for, of which all classes are taken."""
    if dataset in (None, preset.dataset):
        return preset
    return dataclasses.replace(preset, dataset=dataset, image_class=None, scaling='bytes')  # as they are trained on


def _given(config, preset):
    """The images of --images as a Sampled, or None."""
    if config.images is None:
        return None
    # Beside grids, the other flags are for the real pictures.
    of_images = ('background',) if config.tiles and preset.dataset == 'folder' else _OF_IMAGES
    how = dataclasses.replace(
        reading.DEFAULTS, **{name: config.reading[name] for name in of_images if name in config.reading})
    images = given_images.read(config.images, preset, config.images_range, config.tiles, how,
                               choose=lambda total: np.sort(_chosen(config, total, config.num_images)))
    return run_images.Sampled(os.path.basename(os.path.normpath(config.images)), None, images, None)


def _labelled(preset, given, dataset, path):
    """(the preset, with the classes of the real images or without, the given images with their labels or without)."""
    classes, labels = len(dataset.classes), None
    if dataset.labels is None:
        print('{}: the real images have no labels; images are measured without class accuracy'.format(dataset.folder))
    else:
        labels = given_images.labels_in(path, len(given.images), classes)
    if labels is not None:
        try:
            sample_inputs.check_classes(path, dataset.classes, 'images are measured without class accuracy')
        except UserError as error:
            print(error)
            labels = None
    if labels is None:
        return dataclasses.replace(preset, classes=None), given
    return (dataclasses.replace(preset, classes=classes, samples=max(preset.samples, classes)),
            given._replace(labels=labels))


def _real_images(config, preset, prefixes, how):
    """(the Dataset that is measured against, whether it is what the run was trained on or None where none says so)."""
    if config.run is None:
        dataset, is_own = loading.load_splits(
            preset.dataset, preset.splits, config.data_dir, preset.image_shape, reading=how), None
        run = run_folder.run_of(prefixes[-1], preset.name) if prefixes else None
    else:
        dataset, is_own = recorded.load(
            config.run, run_folder.read_config(config.run), preset.dataset, config.data_dir, preset.image_shape,
            config.other_data, reading=how)
        run = config.run if is_own is False else None  # else it may have been trained on these
    if run is not None and preset.classes is not None:
        named = class_names(run, preset)
        if dataset.classes not in ((), named) and len(dataset.classes) == len(named):
            raise UserError("{}: expected the run's classes {}, found {} in {}".format(
                '--checkpoint' if config.run is None else '--other_data', listing(named), listing(dataset.classes),
                dataset.folder))
    return dataset, is_own


def _reading(config, preset):
    """How the real images are read; flags.Error for a flag that says nothing of them or of --images."""
    values = dict(config.reading)
    if config.images is not None and os.path.isdir(config.images) and preset.dataset != 'folder':
        for name in _OF_IMAGES:
            values.pop(name, None)  # of those pictures alone
    return reading.from_flags(values, preset.dataset, run_images.reading_of(config.run),
                              'real images of the data set {}')


def _out(config, prefixes):
    if config.out is not None:
        return config.out
    if config.run is None:
        return 'evaluation'
    suffix = checkpoint_flags.temperature_suffix(config)
    if config.all_checkpoints:
        return os.path.join(config.run, 'evaluation' + suffix)
    return os.path.join(config.run, 'evaluation-{:06d}{}'.format(checkpoint_paths.step_of(prefixes[-1]), suffix))


def _prefixes(config):
    """Those of the checkpoints that images are measured of, ascending."""
    if config.run is None:
        return [checkpoint_paths.resolve(config.checkpoint)]
    _, prefix = run_folder.find_checkpoint(config.run, config.step, None, config.preset, config.which)
    return run_images.all_checkpoints(config.run) if config.all_checkpoints else [prefix]


def _sampled(config, preset, given, prefixes, count, labels):
    """Yields what is to be measured, each a Sampled."""
    if given is not None:
        chosen = _chosen(config, len(given.images), count)
        yield given._replace(images=given.images[chosen],
                             labels=None if given.labels is None else given.labels[chosen])
        return
    # Of all checkpoints the curve is wanted; of a single one, what each way to sample comes to.
    yield from run_images.sample_checkpoints(
        preset, prefixes, count, config.seed, not config.all_checkpoints, config.device, labels,
        config.temperature is not None)


def _chosen(config, total, count):
    """Which of the given images are measured: they may lie there class by class, so any."""
    return numpy_rng(config.seed, 'evaluate', 2).permutation(total)[:count]


def _extractor(config, dataset):
    if config.features == PIXELS:
        return projection.projection(dataset.images.shape[1:], config.features_seed, config.device)
    if config.features is None:
        if not classifier.can_be_trained(dataset):
            raise UserError(
                "--features: expected a frozen graph (.pb) for {}, whose images have no labels of two classes or more "
                "to train a classifier with, found none: a Frechet distance compares a graph's features "
                "(--features_input and --features_output name its tensors); --features={} takes a fixed random "
                'projection, by which generators of the same images can be compared'.format(
                    dataset.folder, PIXELS))
        return classifier.classifier(dataset, config.features_seed, device=config.device)
    return extractors.load_graph(config.features, config.features_input, config.features_output,
                                 config.features_probabilities, config.features_range, config.device)
