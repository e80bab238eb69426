"""Measures how good generated images are: `python -m dcgan_tf1.evaluate --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import os
import sys
from typing import Any, Dict, Optional, Tuple

from dcgan_tf1.data import reading
from dcgan_tf1.data.catalogue import DATASETS, OWN_HINT
from dcgan_tf1.gan import preset_file
from dcgan_tf1.metrics.table import PIXELS
from dcgan_tf1.runs import checkpoint_flags, size_flags
from dcgan_tf1.util import cli, flags

EXAMPLES = (
    ('the last checkpoint of a run', 'python -m dcgan_tf1.evaluate --run=runs/00000-blog_mnist'),
    ('all of its checkpoints, as a curve',
     'python -m dcgan_tf1.evaluate --run=runs/00000-blog_mnist --all_checkpoints'),
    ('a run on pictures without labels',
     'python -m dcgan_tf1.evaluate --run=runs/00000-blog_mnist --features=pixels'),
    ('pictures from anywhere',
     'python -m dcgan_tf1.evaluate --images=my_pictures --preset=blog_mnist --num_images=5000'))


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What `evaluate` does."""

    run: Optional[str]
    checkpoint: Optional[str]
    preset: Optional[str]
    preset_file: Optional[str]
    mode: Optional[str]
    sizes: size_flags.SizeFlags
    averages: bool
    temperature: Optional[float]
    step: Optional[int]
    which: Optional[str]
    images: Optional[str]
    images_range: Optional[Tuple[float, float]]
    tiles: Optional[bool]
    all_checkpoints: bool
    num_images: int
    seed: int
    dataset: Optional[str]
    data_dir: Optional[str]
    other_data: Optional[bool]
    reading: Dict[str, Any]  # those of reading.Reading's fields that flags say
    features: Optional[str]
    features_seed: int
    features_input: Optional[str]
    features_output: Optional[str]
    features_probabilities: Optional[str]
    features_range: Optional[Tuple[float, float]]
    out: Optional[str]
    overwrite: bool
    device: str


def parse(argv):
    """The EvaluateConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-evaluate', 'Measures how far generated images are from real ones: Frechet and '
                                              'kernel distance, classifier score, precision, recall, density, '
                                              'coverage, classes, how near they are to training images, and '
                                              'checkerboards; by a classifier of the data set, which is trained once, '
                                              'or by a frozen graph.',
                            EXAMPLES)
    _add_source_flags(command)
    _add_measuring_flags(command)
    reading.add_flags(command, 'Real pictures of your own, with --checkpoint or --images (a run remembers these '
                               'settings; with --run only --cache_gib and --cache_dir may be given)',
                      '--images=FOLDER and of real pictures')
    command.group('Where to')
    command.path('out', None, 'The folder. Default: evaluation-STEP in the run folder (with a --temperature '
                              'evaluation-STEP-t0.7), else evaluation.')
    command.boolean('overwrite', False, 'Replace an earlier evaluation.')
    command.group('Machine')
    flags.device_flag(command)
    values = command.parse(argv)
    if values is None:
        return None
    _check_sources(values)
    _check_measuring_flags(values)
    return flags.fields_of(EvaluateConfig, values, sizes=size_flags.read(values), reading=reading.given(values))


def _add_source_flags(command):
    checkpoint_flags.add(command)
    command.path('images', None, "In place of a checkpoint: a folder of pictures, or an .npz with 'images' "
                                 "and, if they are known, 'labels'; needs --preset for the real ones.")
    command.string('images_range', None, "LOW,HIGH: black and white of an .npz. Default: found by the type and the "
                                         "values of 'images', or refused.")
    command.boolean('tiles', None, 'Whether pictures are grids of images, to be cut up. Default: pictures whose sides '
                                   "are multiples of an image's are refused.")
    command.boolean('all_checkpoints', False, "Every checkpoint of the run, and a picture of the quality over steps.")


def _add_measuring_flags(command):
    command.group('How')
    command.integer('num_images', 10000, 'How many; at most half of the real ones. Distances depend on it.', 100,
                    old_name='n')
    command.integer('seed', 0, 'Seed of the noise, the dropout masks and the choice of real images.', 0, None)
    command.choice('dataset', None, DATASETS, "The data set of the real images, beside --checkpoint or --images; a "
                                              "run has its own. Default: the preset's.",
                   hint=OWN_HINT)
    command.path('data_dir', None, 'The only place to look for the real images. Default: where the run found them, '
                                   'then $DCGAN_TF1_DATA, then data/.')
    command.boolean('other_data', None, 'Measure a run also against other data than it was trained on. Default: '
                                        'refuse them.')
    command.path('features', None, "A frozen graph (.pb) whose features are compared, in place of the data set's "
                                   'classifier; needs --features_input and --features_output. Or pixels: a fixed '
                                   'random convolutional projection, by which images are compared within one data set '
                                   'alone, but which needs no labels.')
    command.string('features_input', None, 'Its placeholder for images: floats or bytes, [N, H, W, C], [N, C, H, W] '
                                           'or flat, or encoded pictures.')
    command.string('features_output', None, 'Its features [N, D].')
    command.string('features_probabilities', None, 'Its class probabilities [N, K], if it has some.')
    command.string('features_range', None, 'The range in which it takes pixels, if it takes floats. Default: -1,1.')
    command.integer('features_seed', None, 'Seed of the classifier, which another seed trains anew, or of the '
                                           'weights of --features=pixels. Default: 0.', 0, None)


def _check_sources(values):
    """Refuses flags that don't go together, of those for the source of the images and for what measures them."""
    checkpoint_flags.check_preset(values)
    if values['run'] is None and values['checkpoint'] is None and values['images'] is None:
        raise flags.Error('expected one of --run, --checkpoint and --images, found none of them')
    asked = None
    if values['images'] is None:
        asked = checkpoint_flags.check(values)
    else:
        _check_beside_images(values)
    if values['run'] is not None:
        reading.refuse_with_run(values)
        if values['dataset'] is not None:
            raise flags.Error('--dataset: expected --checkpoint or --images beside it, for a run has its own, found '
                              '--run (--data_dir and --other_data measure it by other images)')
    if values['all_checkpoints'] and (values['run'] is None or values['step'] is not None or asked is not None):
        raise flags.Error('--all_checkpoints: expected a --run, and neither --step nor --checkpoint, beside it, found '
                          '{}'.format(asked or flags.given(values, 'checkpoint', 'images', 'step')))
    if values['features'] == PIXELS:
        of_graphs = 'features_input', 'features_output', 'features_probabilities', 'features_range'
        if any(values[name] is not None for name in of_graphs):
            raise flags.Error('--features: expected a frozen graph (.pb) for {}, found {}'.format(
                flags.given(values, *of_graphs), PIXELS))
    elif values['features'] is not None and None in (values['features_input'], values['features_output']):
        if not values['features'].endswith('.pb') and not os.path.exists(values['features']):
            raise flags.Error('--features: expected {} or a frozen graph (.pb), found {!r}, which is no file'.format(
                PIXELS, values['features']))
        raise flags.Error('--features: expected --features_input and --features_output beside it, found {}'.format(
            flags.given(values, 'features_input', 'features_output')))


# What says something of a checkpoint, and the flags that name one.
_OF_CHECKPOINTS = (
    ('mode', '--checkpoint'), ('averages', '--checkpoint'), ('z_dist', '--checkpoint'), ('step', '--run'),
    ('which', '--run'), ('temperature', '--run or --checkpoint'))


def _check_beside_images(values):
    """Refuses what does not go together with --images."""
    if values['run'] is not None or values['checkpoint'] is not None:
        raise flags.Error('--images: expected neither --run nor --checkpoint beside it, found {}'.format(
            flags.given(values, 'run', 'checkpoint')))
    for name, needed in _OF_CHECKPOINTS:
        if values[name] is not None and values[name] is not False:
            raise flags.Error('--{}: expected {} beside it, found --images'.format(name, needed))
    if values['preset'] is None:
        raise flags.Error('--preset: expected the preset whose real images --images are compared with, found nothing')


def _check_measuring_flags(values):
    """Reads the ranges among evaluate's flags; an error for a flag that would have no effect."""
    for name in ('features_range', 'images_range'):
        values[name] = flags.parse_range(name, values[name])
    for name, needed in (('features_range', 'features'), ('images_range', 'images'), ('tiles', 'images'),
                         ('features_input', 'features'), ('features_output', 'features'),
                         ('features_probabilities', 'features'), ('other_data', 'run')):
        if values[name] is not None and values[needed] is None:
            raise flags.Error('--{}: expected --{} beside it, found none'.format(name, needed))
    if values['features'] not in (None, PIXELS) and values['features_seed'] is not None:
        raise flags.Error("--features_seed: expected the data set's classifier or --features={}, found "
                          '--features={}'.format(PIXELS, values['features']))
    values['features_seed'] = values['features_seed'] or 0


def main(argv=None):
    return cli.run(parse, evaluate, argv, preset_file.described)


def evaluate(config):
    """Prints the table; writes metrics.json and pictures, and appends to a run's evaluations.csv."""
    from dcgan_tf1.reporting import evaluating
    checkpoint_flags.load_presets(config)
    evaluating.evaluate(config)


if __name__ == '__main__':
    sys.exit(main())
