"""What a run generates, to be measured, and which real images it is measured against."""

import collections
import dataclasses

from dcgan_tf1.data import reading, sources
from dcgan_tf1.gan.noise import sample_inputs, sample_noise
from dcgan_tf1.runs import checkpoint, checkpoint_paths, checkpoint_reader, run_folder, sampling
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.images import MAX_COLUMNS

# Images to be measured: their name in tables, the step of their checkpoint or None, uint8 [N, H, W, C], and the
# labels that they were made of, int32 [N], or None.
Sampled = collections.namedtuple('Sampled', 'name step images labels')

SHEET_ROWS = 10  # of noise, on a sheet of all classes


def trained_preset(run):
    """(a run's Preset, with the data set that it was trained on; the class that it was trained on, or None)."""
    preset = run_folder.read_preset(run)
    identity = run_folder.read_config(run)['identity']
    if identity.get('dataset', preset.dataset) not in sources.DATASETS:
        raise UserError('{}: expected one of the data sets {}, found {!r}'.format(
            run, ', '.join(sources.DATASETS), identity['dataset']))
    return (dataclasses.replace(preset, dataset=identity.get('dataset', preset.dataset)),
            identity.get('class', preset.image_class))


def reading_of(run):
    """The Reading of a run's data; where run is None, as it is without flags."""
    return reading.DEFAULTS if run is None else reading.of_run(run, run_folder.read_config(run))


def all_checkpoints(run):
    """The prefixes of all of a run's checkpoints, ascending; UserError where there are none."""
    folder = run_folder.checkpoints_of(run)
    steps = checkpoint.list_steps(folder)
    if not steps:
        raise UserError('{}: expected checkpoints, found none'.format(folder))
    return [checkpoint.checkpoint_path(folder, step) for step in steps]


def sample_checkpoints(preset, prefixes, count, seed, variants, device, labels=None, heated=False):
    """Yields a Sampled of `count` images for each checkpoint prefix, all of the same noise.

    labels: int32 [count], where the preset takes some.
    variants: whether the preset's other ways to sample are measured too, with dropout switched off, at a temperature
    of 1 and without averaged weights. heated: whether the preset's temperature was asked for, in place of its own.
    """
    z = sample_noise(preset, count, seed)
    heat = 'temperature {:g}'.format(preset.temperature)
    modes = [(heat if heated else 'as the preset samples', preset, None)]
    if variants and preset.dropout_when_sampling:
        modes.append(('dropout off', preset, False))
    if variants and preset.temperature != 1 and not heated:
        modes.append(('temperature 1', dataclasses.replace(preset, temperature=1.0), None))
    if variants and preset.ema_decay is not None:
        modes.append(('without averaged weights', dataclasses.replace(preset, ema_decay=None), None))
    if heated:
        modes[1:] = [('{}, {}'.format(name, heat), *others) for name, *others in modes[1:]]
    for prefix in prefixes:
        step = checkpoint_paths.step_of(prefix)
        for number, (name, sampled, dropout) in enumerate(modes):
            # A training that goes on may have removed it.
            if (number or len(prefixes) > 1) and not checkpoint_reader.has_index(prefix):
                print('step {}, {}: left out, for the checkpoint is not there any more'.format(step, name), flush=True)
                continue
            print('{}: {:,} images'.format(name if step is None else 'step {:,}, {}'.format(step, name), count),
                  flush=True)
            yield Sampled(name, step, sampling.generate_bytes(sampled, prefix, z, seed, dropout, device, progress=True,
                                                              labels=labels), labels)


def sheet_of_classes(preset, prefix, seed, device):
    """What a checkpoint of a conditional preset makes of some noise and every label, row by row: uint8 [N, H, W, C].

    A row has one noise vector, and a column for each class; of more than a picture shows, for the first MAX_COLUMNS.
    """
    columns = min(preset.classes, MAX_COLUMNS)
    z, labels = sample_inputs(preset, SHEET_ROWS * columns, seed, 'samples', classes=range(columns))
    return sampling.generate_bytes(preset, prefix, z, seed, device=device, labels=labels)
