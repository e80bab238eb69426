"""Trains a preset: `python -m dcgan_tf1.train --preset=blog_mnist`, or `dcgan-train`."""

import dcgan_tf1.quiet_start  # noqa: F401  isort: skip

import collections
import concurrent.futures
import contextlib
import dataclasses
import math
import platform
import signal
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

import dcgan_tf1
from dcgan_tf1 import checkpoint, cli, datasets, devices, flags, graph, images, runs
from dcgan_tf1.errors import UserError, reason
from dcgan_tf1.seeds import numpy_rng

# Leaves room for the losses on a terminal of 80 columns.
_BAR = '{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]'

# Fields of a preset that a run may change when it is resumed: they change nothing in the
# numbers of a step.
_FREE_FIELDS = ('title', 'epochs', 'metrics', 'log_every', 'samples', 'checkpoint_every', 'recorded_losses')


def main(argv=None):
    return cli.run(flags.parse_train, train, argv, failures=(tf.errors.OpError,))


def train(config):
    """Trains until the last step, a signal or an error; returns the exit status.

    What a step computes is a function of the seed and the step's number, so a resumed run
    goes on exactly where it stopped.
    """
    early_log = []  # until there is a run folder to log into

    def log_early(text):
        print(text, flush=True)
        early_log.append(text)

    # What can be refused is refused before there is a run folder.
    session_config = devices.session_config(
        config.device, config.intra_op_threads, config.inter_op_threads, config.num_gpus, config.xla)
    device = devices.find(config.device, config.num_gpus, session_config)
    init_checkpoint = config.init_checkpoint and checkpoint.resolve(config.init_checkpoint)
    plan = _make_plan(config, log_early)
    run, start = _open_run(config, plan, log_early)
    try:
        for text in early_log:
            run.log_to_file(text)
        if start is not None and start >= plan.total:
            run.log('{} is at step {:,} of {:,}: nothing left to do'.format(run.path, start, plan.total))
            return 0
        arithmetic = _choose_arithmetic(config, device, run, start)
        with tf.Graph().as_default() as tf_graph, StopSignals() as stop:
            tf.set_random_seed(config.seed)
            handles = graph.build_training_graph(
                config.preset, arithmetic.precision, arithmetic.lowering, device.towers)
            variables = tf.global_variables()
            saver = checkpoint.make_saver()
            initialise = tf.global_variables_initializer()
            tf_graph.finalize()
            with tf.Session(config=session_config) as session:
                run.write_config(_config_record(config, plan, device, arithmetic))
                session.run(initialise)
                if start is not None:
                    checkpoint.restore(session, checkpoint.prefix_of(run.checkpoints, start), variables)
                elif init_checkpoint:
                    # 2017's checkpoints have no global_step, and ours starts at 0 here.
                    checkpoint.restore(session, init_checkpoint,
                                       [v for v in variables if v is not handles.global_step])
                    run.log('starting from the variables of {}'.format(init_checkpoint))
                trainer = _Trainer(config, plan, run, session, handles, saver, stop)
                trainer.describe(device, arithmetic, start)
                run.start_events(tf_graph, start or 0)
                return trainer.run_steps(start or 0)
    except (UserError, tf.errors.OpError) as error:
        with contextlib.suppress(UserError):
            run.log_to_file('error: {}'.format(error if isinstance(error, UserError) else reason(error)))
        raise
    finally:
        run.close()


# What is trained on and for how long, before any TensorFlow.
_Plan = collections.namedtuple('_Plan', [
    'data',       # datasets.TrainingData
    'batches',    # datasets.Batches
    'batch_size',  # images in a step, over all GPUs
    'total',      # steps
    'log_every',  # steps
    'identity',   # see _identity()
])


def _make_plan(config, log):
    preset = config.preset
    dataset = datasets.load(preset.dataset, 'train', config.data_dir, preset.image_shape, log)
    data = datasets.prepare(dataset, preset, preset.image_class)
    batch_size = preset.batch_size * config.num_gpus
    batches = datasets.Batches(len(data.images), batch_size, config.seed,
                               preset.shuffle, preset.drop_last_full_batch)
    # A stand-in for the full data set trains for as many steps, and logs as often.
    full_epoch = data.full_size // batch_size - int(preset.drop_last_full_batch)
    total = preset.epochs * full_epoch if config.max_steps is None else config.max_steps
    return _Plan(data, batches, batch_size, total, preset.log_every or full_epoch, _identity(config, data))


# --------------------------------------------------------------------- identity and record

def _plain(value):
    """A preset's field as JSON has it: functions by name, tuples as lists."""
    if callable(value):
        return value.__name__
    return list(value) if isinstance(value, tuple) else value


def _identity(config, data):
    """All that decides the numbers of a step; a run is resumed only where this is equal."""
    identity = {'preset': config.preset.name, 'seed': config.seed, 'init_checkpoint': config.init_checkpoint,
                'data_checksum': data.dataset.checksum, 'class': data.image_class, 'num_gpus': config.num_gpus}
    for field in dataclasses.fields(config.preset):
        if field.name not in _FREE_FIELDS + ('name', 'image_class'):
            identity[field.name] = _plain(getattr(config.preset, field.name))
    return identity


def _choose_arithmetic(config, device, run, start):
    """What the run computes in: what is asked for; else what it was started in; else the fastest.

    Checkpoints are the same for all, so a run may change, but not silently.
    """
    if start is None:
        arithmetic = devices.choose_arithmetic(device, config.precision, config.lowering)
    else:
        before = {'precision': 'float32', 'lowering': 'native'}  # what there was before there was a choice
        found = runs.read_config(run.path).get('arithmetic')
        before.update(found if isinstance(found, dict) else {})
        arithmetic = devices.choose_arithmetic(device, **{
            name: before[name] if getattr(config, name) == 'auto' else getattr(config, name) for name in before})
        if (arithmetic.precision, arithmetic.lowering) != (before['precision'], before['lowering']):
            run.log('WARNING: until step {:,} this run computed in {precision} with {lowering} convolutions'.format(
                start, **before))
    if arithmetic.warning:
        run.log('WARNING: ' + arithmetic.warning)
    return arithmetic


def _config_record(config, plan, device, arithmetic):
    dataset = plan.data.dataset
    return {
        'command': 'python -m dcgan_tf1.train ' + ' '.join(sys.argv[1:]),
        'identity': plan.identity,
        'schedule': dict({name: _plain(getattr(config.preset, name)) for name in _FREE_FIELDS},
                         total_steps=plan.total, steps_per_epoch=plan.batches.steps_per_epoch,
                         keep_checkpoints=config.keep_checkpoints),
        'data': {'name': dataset.name, 'note': dataset.note, 'folder': dataset.folder, 'files': dataset.files,
                 'checksum': dataset.checksum, 'official': dataset.official, 'images': len(plan.data.images)},
        'device': device.title,
        'arithmetic': {'precision': arithmetic.precision, 'lowering': arithmetic.lowering},
        'flags': {'device': config.device, 'xla': config.xla, 'steps_per_run': config.steps_per_run,
                  'precision': config.precision, 'lowering': config.lowering,
                  'intra_op_threads': config.intra_op_threads,
                  'inter_op_threads': config.inter_op_threads, 'data_dir': config.data_dir,
                  'run_dir': config.run_dir, 'resume': config.resume, 'max_steps': config.max_steps},
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.VERSION, 'numpy': np.__version__,
                     'python': platform.python_version(), 'system': platform.platform()},
    }


def _open_run(config, plan, log):
    """The run to train in, locked, and the step of its newest checkpoint.

    The step is None for a new run, and for one that was stopped before its first
    checkpoint, which begins again in the same folder.
    """
    preset, identity = config.preset, plan.identity
    path = runs.newest_folder(config.run_dir, preset.name)
    insists = config.resume == 'must' or path == config.run_dir
    if config.resume == 'never':
        if insists:
            raise UserError('--run_dir={}: expected a folder to make a run in for --resume=never, found a run'.format(
                config.run_dir))
        path = None
    if path is not None:
        try:
            _check_identity(path, identity)
            run = runs.Run(path)  # locked before its checkpoints are looked at
            try:
                step = checkpoint.newest_whole(run.checkpoints, log)
            except UserError:
                run.close()
                raise
            if step is None or step < plan.total or insists:
                return run, step
            run.close()
        except _OtherSettings:
            if insists:
                raise
        except runs.DamagedRun as error:
            if insists:
                raise
            log('WARNING: {}; starting a new run'.format(error))
    elif insists:
        raise UserError('--resume=must: expected a run of {} in {}, found none'.format(preset.name, config.run_dir))
    return runs.Run(runs.create_folder(config.run_dir, preset.name)), None


class _OtherSettings(UserError):
    pass


def _check_identity(path, identity):
    found = runs.read_config(path)['identity']
    differing = sorted(key for key in set(identity) | set(found) if identity.get(key) != found.get(key))
    if differing:
        raise _OtherSettings('{}: expected the settings it was started with; {}'.format(path, '; '.join(
            '{} was {!r}, now {!r}'.format(key, found.get(key), identity.get(key)) for key in differing)))


# ------------------------------------------------------------------------------- the loop

class StopSignals:
    """Turns the first SIGINT or SIGTERM into a wish that the loop sees after its step.

    A second one ends the process at once: checkpoints on the disk are whole at any moment.
    """

    def __init__(self):
        self.signum = None

    def _handle(self, signum, frame):
        del frame
        self.signum = signum
        self._restore()

    def __enter__(self):
        self._before = {number: signal.signal(number, self._handle)
                        for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _restore(self):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *exception):
        self._restore()


class _Feeder:
    """Prepares the indices and the noise of coming steps in a thread, while others train."""

    def __init__(self, config, plan):
        self._seed, self._z_dim = config.seed, config.preset.z_dim
        self._batches, self._batch_size = plan.batches, plan.batch_size
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    def ask(self, first, count):
        """A future of (indices [count, N], noises [count, N, z_dim]) for steps from `first` on."""
        return self._thread.submit(self._prepare, first, count)

    def _prepare(self, first, count):
        steps = range(first, first + count)
        return (np.stack([self._batches.indices(step) for step in steps]),
                np.stack([draw_noise(self._seed, 'noise', step, (self._batch_size, self._z_dim)) for step in steps]))

    def close(self):
        self._thread.shutdown()


def draw_noise(seed, stream, step, shape):
    """Uniform in [-1, 1): float32 of `shape`, a function of its arguments alone."""
    return numpy_rng(seed, stream, step).uniform(-1, 1, shape).astype(np.float32)


class _Trainer:
    """The session loop over steps, and what is written on the way."""

    # So often Python looks up from training: for signals and for the progress bar.
    _SECONDS_PER_RUN = 0.5

    def __init__(self, config, plan, run, session, handles, saver, stop):
        self._config, self._preset, self._run = config, config.preset, run
        self._session, self._saver, self._stop = session, saver, stop
        self._plan, self._data, self._batches = plan, plan.data, plan.batches
        self._total, self._log_every = plan.total, plan.log_every
        self._steps = graph.make_steps(session, handles, self._data.images)
        self._losses = session.make_callable(
            [getattr(handles.losses, name) for name in self._preset.metrics],
            [handles.real, handles.noise, handles.draw])
        self._sample = session.make_callable(handles.sample_images, [handles.noise, handles.draw])
        self._evaluated = (None, None)  # the last step whose losses were, and those
        self._columns = ('step', 'epoch') + self._preset.metrics + ('images_per_second',)
        self._steps_per_run = config.steps_per_run or 1

    def describe(self, device, arithmetic, start):
        preset, run, dataset = self._preset, self._run, self._data.dataset
        run.log('dcgan_tf1 {}, TensorFlow {}, {}'.format(dcgan_tf1.__version__, tf.VERSION, device.title))
        run.log('{}: {}'.format(preset.name, preset.title))
        run.log('computing in ' + arithmetic.why)
        run.log('data: {:,} images of {} from {}{}'.format(
            len(self._data.images), self._data_title(), dataset.folder,
            ' (the published files)' if dataset.official else ''))
        run.log('{:,} steps of {} images, {:,} steps to an epoch, seed {}'.format(
            self._total, self._plan.batch_size, self._batches.steps_per_epoch, self._config.seed))
        run.log('writing to {}{}'.format(run.path, '' if start is None else
                                         ', going on at step {:,} (--resume=never starts a new run)'.format(start)))

    def _data_title(self):
        title = datasets.DATASETS[self._data.dataset.name].title.split(',')[0]
        if self._data.image_class is not None:
            title += ', ' + self._data.image_class
        return title

    def _count_after(self, step):
        """How many steps to take in one call after `step`: none past what has to be written."""
        until = min([self._total] + [(step // every + 1) * every for every in (
            self._log_every, self._preset.checkpoint_every)])
        return min(self._steps_per_run, until - step)

    def run_steps(self, start):
        """Trains steps start + 1 to the last; returns the exit status."""
        run, preset = self._run, self._preset
        self._rows = run.load_samples(start, preset.image_range)
        self._metrics = run.start_metrics(self._columns, start)
        self._timer_step, self._timer = start, time.time()
        with contextlib.closing(_Feeder(self._config, self._plan)) as feeder, tqdm(
                total=self._total, initial=start, desc=preset.name, dynamic_ncols=True,
                disable=not sys.stderr.isatty(), smoothing=0.05, bar_format=_BAR) as bar:
            step, count = start, self._count_after(start)
            coming = feeder.ask(step + 1, count)
            while step < self._total:
                first, (indices, noises) = step + 1, coming.result()
                step += count
                if step < self._total:
                    count = self._count_after(step)
                    coming = feeder.ask(step + 1, count)
                before = time.time()
                self._steps(first, indices, noises)
                self._adapt(first > start + 1, (time.time() - before) / len(indices))
                bar.update(len(indices))
                batch = self._data.images[indices[-1]], noises[-1]
                if step % self._log_every == 0:
                    self._log_step(step, batch, bar)
                if step % preset.checkpoint_every == 0 or step == self._total or self._stop.signum:
                    self._save(step, batch)
                if self._stop.signum and step < self._total:
                    run.log('stopped by {} after step {:,}; saved, the same command goes on from there'.format(
                        signal.Signals(self._stop.signum).name, step))
                    return 128 + self._stop.signum
        run.log('done: {:,} steps; look at {}'.format(
            self._total, run.file('figure.png') if self._rows else run.path))
        return 0

    def _adapt(self, warm, seconds):
        """Chooses --steps_per_run by what a step took; the first call's time tells nothing."""
        if warm and not self._config.steps_per_run:
            self._steps_per_run = max(1, min(int(self._SECONDS_PER_RUN / max(seconds, 1e-9)), 1000))

    def _evaluate_losses(self, step, batch):
        """The losses after the step, in training mode, on its images and noise.

        Raises UserError where one is not finite: a checkpoint is only written after this.
        """
        if self._evaluated[0] == step:  # logged already
            return self._evaluated[1]
        values = self._losses(*batch, graph.draw_number(step, 'losses'))
        losses = dict(zip(self._preset.metrics, map(float, values)))
        for name, value in losses.items():
            if not math.isfinite(value):
                steps = checkpoint.steps_in(self._run.checkpoints)
                raise UserError('{} is {} after step {:,}: expected a finite loss; {}. Try another --seed or a '
                                'lower --learning_rate'.format(name, value, step, (
                                    'the last good checkpoint is ' + checkpoint.prefix_of(
                                        self._run.checkpoints, steps[-1])) if steps else 'there is no checkpoint yet'))
        self._evaluated = (step, losses)
        return losses

    def _log_step(self, step, batch, bar):
        seconds = max(time.time() - self._timer, 1e-9)
        speed = (step - self._timer_step) * self._plan.batch_size / seconds
        losses = self._evaluate_losses(step, batch)
        row = dict(losses, step=step, epoch=self._batches.epoch(step), images_per_second=speed)
        z = draw_noise(self._config.seed, 'samples', step, (self._preset.samples, self._preset.z_dim))
        raw = self._sample(z, graph.draw_number(step, 'sample'))
        try:
            pictures = images.to_uint8(raw, self._preset.image_range)
        except ValueError as error:
            raise UserError('the samples after step {:,}: {}'.format(step, error))
        self._run.append_metrics(row)
        self._run.save_samples(step, pictures, raw, z)
        self._run.add_events(step, dict(losses, images_per_second=speed),
                             images.grid(pictures, columns=len(pictures)))
        self._metrics.append(row)
        self._rows.append((step, pictures))
        left = (self._total - step) * self._plan.batch_size / speed
        self._run.log('step {:,}/{:,}  epoch {}  {}  {:,.0f} images/s  {} left'.format(
            step, self._total, row['epoch'],
            '  '.join('{} {:.4f}'.format(name, value) for name, value in losses.items()),
            speed, _duration(left)))
        bar.set_postfix_str('d_loss {:.2f}, g_loss {:.2f}, {:,.0f} img/s'.format(
            losses['d_loss'], losses['g_loss'], speed), refresh=False)
        # What logging took is not training; the next row's speed starts here.
        self._timer_step, self._timer = step, time.time()

    def _save(self, step, batch):
        before = time.time()
        self._evaluate_losses(step, batch)
        checkpoint.save(self._saver, self._session, self._run.checkpoints, step, self._config.keep_checkpoints)
        self._draw_figures()
        self._timer += time.time() - before

    def _draw_figures(self):
        if not self._rows:
            return
        dataset, preset = self._data.dataset, self._preset
        title = '{}: {}, seed {}'.format(preset.name, self._data_title(), self._config.seed)
        if dataset.note:
            title += '\n' + dataset.note
        images.save_rows_figure(self._run.file('figure.png'), self._rows, title)
        metrics = {key: [row[key] for row in self._metrics] for key in ('step', 'd_loss', 'g_loss')}
        recorded = preset.recorded_losses and images.read_recorded_losses(preset.recorded_losses)
        images.save_losses_figure(self._run.file('losses.png'), metrics, title, recorded)


def _duration(seconds):
    if seconds < 90:
        return '{:.0f} s'.format(seconds)
    return '{:.0f} min'.format(seconds / 60) if seconds < 5400 else '{:.1f} h'.format(seconds / 3600)


if __name__ == '__main__':
    sys.exit(main())
