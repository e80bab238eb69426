"""What is trained on, for how many steps, and after which of them something is written: before the graph is built."""

import collections
import dataclasses
import os

import numpy as np

from dcgan_tf1.data import loading, prepare, reading
from dcgan_tf1.data.batches import Batches
from dcgan_tf1.data.picked import in_file
from dcgan_tf1.gan import step_loop
from dcgan_tf1.gan.preset import StepInterval
from dcgan_tf1.training import image_sizes, resume
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

_FEW_ROWS = 10  # at most, of a run that ends before its first row
_FEW_STEPS = 1000  # fewer than these are rarely enough for clear images
MAX_SAMPLES = 1024  # of a preset with labels in a row, unless there are more classes

Plan = collections.namedtuple('Plan', [
    'preset',            # the config's, for images of the data's size and as many classes as they have
    'data',              # prepare.TrainingData
    'fed',               # whether each call brings its images: they lie in a file, or are too many for the device
    'batches',           # batches.Batches
    'batch_size',        # images in a batch, over all GPUs of all workers
    'local_batch_size',  # how many of them are this worker's
    'shard',             # slice: which ones
    'total',             # steps
    'log_steps',         # StepSchedule of the rows of losses
    'sample_steps',      # StepSchedule of the rows that have samples
    'checkpoint_steps',  # StepSchedule of the checkpoints
    'quality_steps',     # StepSchedule of the rows of quality
    'identity',          # see resume.identity()
])
SCHEDULES = ('log_steps', 'sample_steps', 'checkpoint_steps', 'quality_steps')


class StepSchedule(collections.namedtuple('StepSchedule', 'first every')):
    """Steps first, first + every, first + 2 every ..."""

    def __contains__(self, step):
        return step >= self.first and (step - self.first) % self.every == 0

    def after(self, step):
        """The first of them after `step`."""
        return self.first if step < self.first else self.first + ((step - self.first) // self.every + 1) * self.every

    def count(self, last):
        """How many of them there are up to a last step."""
        return max(0, (last - self.first) // self.every + 1)


class IsolatedSteps(collections.namedtuple('IsolatedSteps', 'schedule')):
    """The steps of a schedule and the one before each, between which a step can be looked at before it is taken."""

    def after(self, step):
        wanted = self.schedule.after(step)
        return wanted - 1 if wanted - step > 1 else wanted


def make_plan(config, log, device_memory=None):
    """The Plan of a TrainConfig; loads the data. Raises UserError where there is none.

    device_memory: bytes that the device has, where that is not the machine's own memory.
    """
    dataset = loading.load_splits(config.preset.dataset, config.preset.splits, config.data_dir,
                                  image_sizes.to_load(config.preset, config.image_shape, config.auto_channels), log,
                                  config.reading)
    preset = with_classes_of(image_sizes.of_data(config, dataset, log), dataset)
    if config.every_class and 'all' in dataset.classes:
        raise UserError("--class: expected the number of a class, or no flag for all of them, found 'all', which is "
                        'one of them: {}'.format(listing(dataset.classes)))
    data = prepare.prepare(dataset, preset, preset.image_class)
    preset = _shuffling_classes(preset, data, log)
    local_batch_size = preset.batch_size * config.num_gpus
    count, task = (len(config.cluster.hosts), config.cluster.task) if config.cluster else (1, 0)
    batch_size = local_batch_size * count
    # An incomplete batch has no equal parts for several devices.
    keep = preset.incomplete_batch != 'drop' and batch_size == preset.batch_size
    if preset.incomplete_batch != 'drop' and not keep and data.count % batch_size:
        log('the last {:,} images of an epoch, fewer than a batch, are left out: they have no {} equal parts'.format(
            data.count % batch_size, batch_size // preset.batch_size))
    if data.count < batch_size != preset.batch_size:
        raise UserError('--batch_size={}: expected at least {} images for one step of {} workers or GPUs, found '
                        '{}'.format(preset.batch_size, batch_size, batch_size // preset.batch_size, data.count))
    batches = Batches(
        data.count, batch_size, config.seed, preset.shuffle, preset.drop_last_full_batch, keep)
    if preset.incomplete_batch == 'skip' and keep and data.count < batch_size:
        raise UserError('--batch_size={}: expected at least {} images for one step of the discriminator, found '
                        '{}'.format(batch_size, batch_size, data.count))
    # A stand-in for the full data set trains for as many steps, and logs as often.
    full = Batches(data.full_size, batch_size, config.seed, preset.shuffle, preset.drop_last_full_batch, keep)
    epoch = -(-full.per_epoch // preset.image_batches)
    total = preset.steps if preset.steps is not None else preset.epochs * epoch
    if config.max_steps is not None:
        if config.epochs is not None:
            log('--epochs={}, which is {:,} steps, has no effect beside --max_steps={}'.format(
                config.epochs, total, config.max_steps))
        total = config.max_steps
    if total > step_loop.MAX_STEPS:
        raise UserError('--{}: expected at most {:,} steps, found {:,}'.format(
            'epochs' if config.max_steps is None else 'max_steps', step_loop.MAX_STEPS, total))
    if config.log_every is None and config.max_steps is None:
        preset = _with_rows(preset, epoch, total, log)
    if config.epochs is config.max_steps is None and preset.discriminator is not None and total < _FEW_STEPS:
        log('WARNING: {:,} steps in all are too few for clear images, for which a GAN takes thousands '
            '(--max_steps=5000)'.format(total))
    identity = resume.identity(
        preset, config.seed, config.init_checkpoint and os.path.abspath(config.init_checkpoint), data.dataset.checksum,
        data.image_class, config.num_gpus, reading.compared(config.reading))
    if preset.learning_rate_decay != 'none':
        identity['decay_steps'] = total
    return Plan(
        preset, data, _are_fed(data.pixels, device_memory, log), batches, batch_size, local_batch_size,
        slice(task * local_batch_size, (task + 1) * local_batch_size), total,
        identity=identity, **_schedules(preset, config.eval_every, epoch, total))


def _are_fed(pixels, device_memory, log):
    if in_file(pixels):
        return True
    # While they are brought there, they are there twice; and a training wants memory, too.
    if device_memory is None or pixels.nbytes <= device_memory // 4:
        return False
    log('{:.1f} GiB of images are more than a quarter of the {:.1f} GiB of memory on the device: each call brings its '
        'own'.format(pixels.nbytes / 2 ** 30, device_memory / 2 ** 30))
    return True


def with_classes_of(preset, dataset):
    """A conditional preset for the classes of a data set, with as many samples of each as the preset has.

    Fewer of each where there are very many classes: a row of samples is drawn, kept and shown at once.
    """
    classes = len(dataset.classes)
    if preset.classes in (None, classes) or dataset.labels is None:
        return preset
    each = max(1, min(-(-preset.samples // preset.classes), MAX_SAMPLES // classes))
    return dataclasses.replace(preset, classes=classes, samples=each * classes)


def _shuffling_classes(preset, data, log):
    """The preset, shuffling images that lie class by class where it would take them in that order."""
    labels, mixed = data.labels, {'never': 'once', 'after_first_epoch': 'always'}.get(preset.shuffle)
    if mixed is None or labels is None or labels[0] == labels[-1] or (np.diff(labels) < 0).any():
        return preset
    log('{}: the images lie there class by class; {} takes them shuffled, {}'.format(
        data.dataset.folder, preset.name, 'once for all epochs' if mixed == 'once' else 'in the first epoch, too'))
    return dataclasses.replace(preset, shuffle=mixed)


def few_rows_every(total):
    """Steps between rows, of which a run of so many steps has a few."""
    return -(-total // _FEW_ROWS)


def _with_rows(preset, epoch, total, log):
    """The preset; where training ends before its first row of samples, say on few images, one with earlier rows."""
    schedules = _schedules(preset, None, epoch, total)
    if schedules['sample_steps'].count(total):
        return preset
    every = StepInterval(few_rows_every(total), 'steps')
    log('{:,} steps, of which the preset would show the first at {:,}: a row of samples every {:,} instead '
        '(--log_every)'.format(total, schedules['sample_steps'].first, every.count))
    return preset.with_samples_every(every) if schedules['log_steps'].count(total) else preset.with_rows_every(every)


def _schedules(preset, eval_every, epoch, total):
    def steps(every):
        return every.count * (epoch if every.unit == 'epochs' else 1)

    log_steps = StepSchedule(steps(preset.log_first or preset.log_every), steps(preset.log_every))
    sample_steps = log_steps._replace(every=steps(preset.samples_every)) if preset.samples_every else log_steps
    if preset.samples_every and preset.log_first is None:
        sample_steps = sample_steps._replace(first=sample_steps.every)
    never = total + 1
    quality_every = never if eval_every is None else eval_every or epoch
    return {'log_steps': log_steps, 'sample_steps': sample_steps,
            'checkpoint_steps': StepSchedule(steps(preset.checkpoint_every), steps(preset.checkpoint_every)),
            'quality_steps': StepSchedule(quality_every, quality_every)}
