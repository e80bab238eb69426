"""What a training writes on the way: losses, samples, events, quality, checkpoints, figures.

The order of the list that chief_hooks() returns is the order in which all of it is written. Quality
comes before the checkpoint, which keeps the best one; and all rows come before it, so that a run
that is killed has the rows of the steps that it goes on from.
"""

import collections
import contextlib
import sys

import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan.noise import sample_inputs, sample_noise
from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import checkpoint, run_folder, tables
from dcgan_tf1.runs import samples as sample_files
from dcgan_tf1.runs.classes import class_names
from dcgan_tf1.runs.events import EventWriter
from dcgan_tf1.runs.samples import UnreadableSamples, animate
from dcgan_tf1.runs.sampling import to_uint8
from dcgan_tf1.training import tracing
from dcgan_tf1.training.loop import Hook
from dcgan_tf1.training.plan import IsolatedSteps
from dcgan_tf1.training.session import check_finite
from dcgan_tf1.util import images
from dcgan_tf1.util.figure_style import FigureError

# Leaves room for the losses on a terminal of 80 columns.
_BAR = '{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]'


def chief_hooks(config, plan, run, model, monitor, tf_graph, start, traced):
    """The hooks of the worker that writes the run folder; what the folder has after step `start` is dropped.

    model: the TrainingSession. monitor: the QualityMonitor, or None. traced: the TracedSteps, or None.
    """
    preset = config.preset
    samples = SamplesHook(config, plan, run, model, start)
    losses = LossesHook(preset, plan, run, model, start)
    quality = None if monitor is None else QualityHook(config, plan, run, model, monitor, start)
    # The best checkpoint stays also where nothing is measured any more.
    measured = measured_before(run, start) if quality is None else quality.rows
    hooks = [
        losses, samples, LossLogHook(preset, plan, run, samples), ProgressBar(preset, plan, start), quality,
        EventsHook(run, tf_graph, start), CheckpointHook(config, plan, run, model, measured),
        FiguresHook(config, plan, run, losses, samples, quality),
        tracing.hook(config.trace, model, traced, run.log)]
    return [hook for hook in hooks if hook]


def measured_before(run, start):
    """The rows of quality that a run has up to step `start`; those after it are dropped where they can be read."""
    tables.drop_after(run.file(run_folder.QUALITY), start, run.log)
    return [row for row in run_folder.read_quality(run.path).rows if row['step'] <= start]


def worker_hooks(config, plan, start, traced):
    """The hooks of the other workers: they write nothing, but take as many steps in a call as the chief."""
    return [ProgressBar(config.preset, plan, start)] + [Hook(schedule) for schedule in (
        plan.log_steps, sample_schedule(config.preset, plan), plan.quality_steps, plan.checkpoint_steps, traced)]


def sample_schedule(preset, plan):
    """Samples of the noise that a step is trained on are drawn before that step."""
    return IsolatedSteps(plan.sample_steps) if preset.samples_noise == 'fakes' else plan.sample_steps


def step_label(preset, step):
    """The number by which a preset calls step `step`."""
    return step - 1 + preset.first_step


def epoch_label(preset, plan, step):
    """The number by which a preset calls the epoch of step `step`."""
    return plan.batches.epoch((step - 1) * preset.image_batches + 1) - 1 + preset.first_epoch


class ProgressBar(Hook):
    """A bar on a terminal, with the losses of the last row."""

    def __init__(self, preset, plan, start):
        super().__init__()
        self._bar = tqdm(total=plan.total, initial=start, desc=preset.name, dynamic_ncols=True,
                         disable=not sys.stderr.isatty(), smoothing=0.05, bar_format=_BAR)

    def after_step(self, taken):
        if taken.loss_row is not None:
            losses = taken.loss_row.losses
            self._bar.set_postfix_str('{}, {:,.0f} img/s'.format(', '.join(
                '{} {:.2f}'.format(name, losses[name]) for name in _main_losses(losses)),
                taken.loss_row.cells['images_per_second']), refresh=False)
        self._bar.update(taken.count)

    def close(self):
        self._bar.close()


# A row of losses: {loss: value}, {column of losses.csv: value}, and the steps and seconds of training since
# the row before.
LossRow = collections.namedtuple('LossRow', 'losses cells steps seconds')


class LossesHook(Hook):
    """Rows of losses.csv: the losses, as the preset's losses_when has them, and the speed."""

    def __init__(self, preset, plan, run, model, start):
        super().__init__(plan.log_steps)
        self._preset, self._plan, self._run, self._model = preset, plan, run, model
        self.rows = run.start_losses(
            ('step', 'epoch') + preset.losses + ('images_per_second', 'seconds'), step_label(preset, start))
        self._last_step, self._last_seconds = start, 0.0
        self._total_seconds = self.rows[-1]['seconds'] if self.rows else 0.0  # of training, up to the last row
        if self.rows and self.rows[-1]['images_per_second'] > 0:
            # Extrapolated, at that row's speed, to the step that the run goes on from.
            steps = step_label(preset, start) - self.rows[-1]['step']
            self._total_seconds += steps * plan.batch_size * preset.image_batches / self.rows[-1]['images_per_second']

    def after_step(self, taken):
        step, preset, plan = taken.step, self._preset, self._plan
        if step not in plan.log_steps and step not in plan.sample_steps:
            return
        steps, seconds = step - self._last_step, max(taken.seconds - self._last_seconds, 1e-9)
        losses = self._model.losses_of_updates() or {}
        if len(losses) < len(preset.losses):  # the preset keeps none, or there was no update of a kind
            losses = dict(self._model.losses(taken), **losses)
        losses = check_finite(losses, step, self._run.checkpoints)
        self._last_step, self._last_seconds = step, taken.seconds
        self._total_seconds += seconds
        cells = dict(losses, step=step_label(preset, step), epoch=epoch_label(preset, plan, step),
                     images_per_second=steps * plan.batch_size * preset.image_batches / seconds,
                     seconds=self._total_seconds)
        self._run.append_row(run_folder.LOSSES, cells)
        self.rows.append(cells)
        taken.loss_row = LossRow(losses, cells, steps, seconds)


class SamplesHook(Hook):
    """Rows of samples, beside rows of losses; at the end all of them in one animation."""

    def __init__(self, config, plan, run, model, start):
        super().__init__(sample_schedule(config.preset, plan))
        self._config, self._preset, self._plan = config, config.preset, plan
        self._run, self._model = run, model
        saved = sample_files.load(run.path, self._preset.image_range, run.log)
        self.rows = saved.up_to(step_label(self._preset, start))
        self._drawn = None  # of the coming row, where they come before its step

    def before_steps(self, first, noises):
        if self._preset.samples_noise == 'fakes' and first in self._plan.sample_steps:
            self._drawn = self._draw(first, noises[0, :self._preset.samples], None)

    def after_step(self, taken):
        step, preset = taken.step, self._preset
        if step not in self._plan.sample_steps:
            return
        (pictures, raw, z, labels), self._drawn = self._drawn or self._draw(step, *self._inputs(step)), None
        label = step_label(preset, step)
        name = preset.samples_name.format(step=label, epoch=epoch_label(preset, self._plan, step))
        taken.samples = images.grid(pictures, columns=preset.classes or preset.samples_columns or len(pictures))
        self.rows.append(label, sample_files.save(self._run.path, label, name, taken.samples, raw, z, labels))

    def _inputs(self, step):
        """(noise, labels or None) of a row."""
        preset = self._preset
        return sample_inputs(preset, preset.samples, self._config.seed, 'samples',
                             0 if preset.samples_noise == 'fixed' else step)

    def _draw(self, step, z, labels):
        """(images uint8, images in the preset's range, z, labels) of the generator as it is now."""
        raw = self._model.sample(step, z, labels)
        return to_uint8(self._preset, raw, _source(step)), raw, z, labels

    def end(self):
        if self._config.gif:
            animate(self._run, self._preset, class_names(self._run.path, self._preset))


class LossLogHook(Hook):
    """A line in the log for each row of losses."""

    def __init__(self, preset, plan, run, samples):
        super().__init__()
        self._preset, self._plan, self._run, self._samples = preset, plan, run, samples

    def after_step(self, taken):
        if taken.loss_row is None:
            return
        preset, plan, (losses, cells, steps, seconds) = self._preset, self._plan, taken.loss_row
        speed = cells['images_per_second']
        took = ''
        if preset.log_every.unit == 'epochs':
            epochs = max(1, round(steps * preset.image_batches / plan.batches.per_epoch))
            took = '  {} an epoch'.format(_duration(seconds / epochs))
        values = '  '.join('{} {:.4f}'.format(name, value) for name, value in losses.items())
        left = (plan.total - taken.step) * plan.batch_size * preset.image_batches / speed
        self._run.log('step {:,}/{:,}  epoch {}  {}  {:,.0f} images/s{}  {} left'.format(
            cells['step'], plan.total, cells['epoch'], values, speed, took, _duration(left)))

    def end(self):
        self._run.log('done: {:,} step{}; look at {}'.format(
            self._plan.total, '' if self._plan.total == 1 else 's',
            self._run.file('figure.png') if self._samples.rows else self._run.path))


class QualityHook(Hook):
    """Rows of quality.csv: metrics of a sample that is drawn of the same noise each time."""

    def __init__(self, config, plan, run, model, monitor, start):
        super().__init__(plan.quality_steps)
        self._config, self._plan, self._run, self._model = config, plan, run, model
        self.monitor = monitor
        # --eval_n may have been raised, so that images are enough to measure within classes, too.
        later = [name for name in monitor.columns if name not in tables.RANKED_BY]
        self.rows = run.start_table(run_folder.QUALITY, monitor.columns, start, later)

    def after_step(self, taken):
        step, preset = taken.step, self._config.preset
        if step not in self._plan.quality_steps and not taken.is_last:
            return
        z = sample_noise(preset, self.monitor.count, self._config.seed, 'evaluate')
        raw = self._model.sample_for_quality(z, self.monitor.labels)
        row = taken.quality_row = self.monitor.measure(step, to_uint8(preset, raw, _source(step)))
        self._run.append_row(run_folder.QUALITY, row)
        self.rows.append(row)
        best = tables.best_row(self.rows)
        shares = ', '.join('{} {:.3f}'.format(key.replace('_', ' '), row[key]) for key in (
            'precision', 'recall', 'class_accuracy') if key in row)
        self._run.log('step {:,}/{:,}  Frechet distance {:.2f} (real images {:.2f}), {}{}'.format(
            step, self._plan.total, row['frechet_distance'], self.monitor.real['frechet_distance'], shares,
            '  the best so far' if best is row else '; the best is {:.2f} at step {:,.0f}'.format(
                best['frechet_distance'], best['step'])))


class EventsHook(Hook):
    """All rows, and the samples, for TensorBoard."""

    def __init__(self, run, tf_graph, start):
        super().__init__()
        self._writer = EventWriter(run.file('events'), tf_graph, start)

    def after_step(self, taken):
        if taken.loss_row is not None:
            cells = taken.loss_row.cells
            scalars = dict(taken.loss_row.losses, images_per_second=cells['images_per_second'])
            self._writer.add(cells['step'], scalars, taken.samples)
        if taken.quality_row is not None:
            figures_of_step = {key: value for key, value in taken.quality_row.items() if key not in ('step', 'n')}
            self._writer.add(taken.step, figures_of_step, None)

    def close(self):
        # What could not be written has been reported, and closing would fail over it again.
        with contextlib.suppress(OSError, RuntimeError, tf.errors.OpError):
            self._writer.close()


class CheckpointHook(Hook):
    """Checkpoints: as often as the preset says, with each row of quality, at a stop and at the end."""

    def __init__(self, config, plan, run, model, measured):
        """measured: the rows of quality, to which others may come."""
        super().__init__(plan.checkpoint_steps)
        self._keep, self._plan, self._run, self._model, self._measured = (
            config.keep_checkpoints, plan, run, model, measured)

    def after_step(self, taken):
        if not (taken.step in self._plan.checkpoint_steps or taken.quality_row is not None
                or taken.stopping or taken.is_last):
            return
        # No checkpoint is written once a loss is not finite.
        check_finite(self._model.losses(taken), taken.step, self._run.checkpoints)
        self._run.check()
        # The best row for each number of images: rows of different ones can't be compared. A row's checkpoint
        # may be missing, as after a full disk.
        there = set(checkpoint.list_steps(self._run.checkpoints)) | {taken.step}
        best = [row['step'] for row in tables.best_rows([row for row in self._measured if row['step'] in there])]
        self._model.save(self._run.checkpoints, taken.step, self._keep, best)
        taken.saved = True


class FiguresHook(Hook):
    """The figures of the run so far, at each checkpoint."""

    def __init__(self, config, plan, run, losses, samples, quality):
        super().__init__()
        self._preset, self._run = config.preset, run
        self._losses, self._samples, self._quality = losses, samples, quality
        self._title = '{}: {}, seed {}'.format(config.preset.name, plan.data.title, config.seed)
        if plan.data.dataset.note:
            self._title += '\n' + plan.data.dataset.note
        self._names = class_names(run.path, config.preset)
        name = config.preset.recorded_losses
        self._recorded = None if name is None else figures.read_recorded_losses(name)
        self._failed = set()  # names of figures

    def after_step(self, taken):
        if not taken.saved:
            return
        preset = self._preset
        rows = self._samples.rows.still_there()
        if rows:
            self._draw('figure.png', figures.save_rows_figure, rows, self._title, figures.MAX_ROWS, self._names)
        if self._losses.rows:
            curves = {key: [row[key] for row in self._losses.rows] for key in ('step',) + _main_losses(preset.losses)}
            self._draw('losses.png', figures.save_losses_figure, curves, self._title, self._recorded)
        if self._quality and self._quality.rows:
            self._draw('quality.png', figures.save_quality_figure, self._quality.rows, self._quality.monitor.real,
                       self._title)

    def _draw(self, name, save, *arguments):
        draw_figure(self._run, self._failed, name, save, *arguments)


def draw_figure(run, failed, name, save, *arguments):
    """Saves a figure in the run folder. What can't be drawn is said once and does not end the training;
    a full disk does, as for any file.

    failed: set of the names of figures that could not be drawn, which grows.
    """
    path = run.file(name)
    try:
        save(path, *arguments)
    except (FigureError, UnreadableSamples) as error:
        if name not in failed:
            run.log('WARNING: {}: {}; training goes on without it'.format(path, error))
        failed.add(name)


def _source(step):
    return 'the samples after step {:,}'.format(step)


def _main_losses(names):
    """Those worth a curve of their own: both networks', or all of them."""
    return tuple(name for name in ('d_loss', 'g_loss') if name in names) or tuple(names)


def _duration(seconds):
    if seconds < 90:
        return '{:.0f} s'.format(seconds)
    return '{:.0f} min'.format(seconds / 60) if seconds < 5400 else '{:.1f} h'.format(seconds / 3600)
