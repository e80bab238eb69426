"""Trains a preset: `python -m dcgan_tf1.train --preset=blog_mnist`, or `dcgan-train`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import collections
import concurrent.futures
import contextlib
import math
import platform
import signal
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

import dcgan_tf1
from dcgan_tf1 import flags
from dcgan_tf1.data import loading, prepare
from dcgan_tf1.data.batches import Batches
from dcgan_tf1.gan import graph, step_loop
from dcgan_tf1.gan.collectives import AllReduce
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.metrics import classifier, evaluation
from dcgan_tf1.parallel.group import SingleWorker, WorkerGroup, leave
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.runs.sampling import generate_in_batches, to_uint8
from dcgan_tf1.training import resume
from dcgan_tf1.util import cli, devices, images
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.figure_style import FigureError

# Leaves room for the losses on a terminal of 80 columns.
_BAR = '{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]'

def main(argv=None):
    with cli.lasting_output() as output_closed:
        return cli.run(flags.parse_train, lambda config: train(config, output_closed), argv,
                       failures=(tf.errors.OpError,))


def train(config, output_closed=lambda: False):
    """Trains until the last step, a signal or an error; returns the exit status.

    What a step computes is a function of the seed and the step's number, so a resumed run
    goes on exactly where it stopped. output_closed: whether the output is lost by now, which
    log.txt is to say.
    """
    early_log = []  # until there is a run folder to log into

    def log_early(text):
        print(text, flush=True)
        early_log.append(text)

    # What can be refused is refused before there is a run folder.
    session_config = devices.session_config(
        config.device, config.intra_op_threads, config.inter_op_threads, config.num_gpus, config.xla)
    device = devices.find(config.device, config.num_gpus, session_config)
    plan = _make_plan(config, log_early)
    team = SingleWorker() if config.cluster is None else WorkerGroup(
        config.cluster, config.worker_timeout, lambda text: _leave(run, text), log_early)
    watch = None
    if config.eval_every is not None and team.task == 0:
        watch = _make_watch(config, plan.data, log_early)
    run, start = run_folder.NullRun(), None
    if team.task == 0:
        # A run that is gone on with no longer needs what it was started from, which may be gone.
        run, start = resume.open_run(
            config.run_dir, config.resume, plan.identity, plan.total, log_early, output_closed,
            lambda: config.init_checkpoint and checkpoint.resolve(config.init_checkpoint))
    try:
        for text in early_log:
            run.log_to_file(text)
        policy = _choose_arithmetic(config, device, run, start) if team.task == 0 else None
        told = team.agree(_facts(config, plan, team), policy and {
            'start': start, 'precision': policy.precision, 'lowering': policy.conv_impl})
        start = told['start']
        if start is not None and start >= plan.total:
            if team.task == 0:
                run.log('{} is at step {:,} of {:,}: nothing left to do'.format(run.path, start, plan.total))
                if config.gif:
                    run.log('{}: {} frames'.format(*run_folder.save_animation(run.path, config.preset, log=run.log)))
            team.finish()
            return 0
        policy = policy or _same_arithmetic(device, told, team)
        if team.task == 0:
            # Before anything that takes time: a folder without it is not found again after a kill.
            run.write_config(_config_record(config, plan, device, policy, watch))
        team.start_server(session_config)
        with tf.Graph().as_default() as tf_graph, StopSignals() as stop, tf.device(team.device):
            tf.set_random_seed(config.seed)
            handles = graph.build_training_graph(
                config.preset, policy.precision, policy.conv_impl, device.towers, plan.total,
                AllReduce(team.count, team.task))
            variables = tf.global_variables()
            saver = checkpoint.make_saver()
            initialise = tf.global_variables_initializer()
            tf_graph.finalize()
            with tf.Session(team.target, config=session_config) as session:
                session.run(initialise)
                if team.task > 0:
                    run.log('{} of {:,} trains along'.format(team.name(team.task), team.count))
                elif start is not None:
                    checkpoint.restore(session, checkpoint.checkpoint_path(run.checkpoints, start),
                                       checkpoint.by_name(variables))
                elif config.init_checkpoint:
                    init_checkpoint = checkpoint.resolve(config.init_checkpoint)
                    # 2017's checkpoints have no global_step, and ours starts at 0 here.
                    checkpoint.restore(session, init_checkpoint, checkpoint.by_name(
                        v for v in variables if v is not handles.global_step))
                    run.log('starting from the variables of {}'.format(init_checkpoint))
                if handles.exchange is not None:
                    session.run(handles.exchange.sync)
                if team.task > 0:
                    trainer = _Follower(config, plan, run, watch, session, handles, saver, stop, team)
                else:
                    trainer = _Trainer(config, plan, run, watch, session, handles, saver, stop, team)
                    trainer.describe(device, policy, start)
                    run.start_events(tf_graph, start or 0)
                if not stop.listening:
                    run.log('not the main thread: no signal is waited for, and an end from outside saves nothing')
                status = trainer.run_steps(start or 0)
                team.finish()
                return status
    except (UserError, tf.errors.OpError) as error:
        if isinstance(error, tf.errors.OpError):
            team.end_if_lost()
        team.close(error if isinstance(error, UserError) else reason(error))
        with contextlib.suppress(UserError):
            run.log_to_file('error: {}'.format(error if isinstance(error, UserError) else reason(error)))
        raise
    finally:
        team.close()
        run.close()


def _leave(run, text):
    with contextlib.suppress(UserError):
        run.log_to_file('error: ' + text)
    leave('{}; the same command goes on from the last checkpoint'.format(text))


def _facts(config, plan, team):
    """What has to be the same on all workers, in the order in which it is compared."""
    if team.count == 1:
        return None
    facts = {'number of workers': team.count, 'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': str(tf.VERSION)}
    facts.update(plan.identity)
    facts.update({'steps': plan.total, 'steps_per_run': config.steps_per_run, 'precision': config.precision,
                  'lowering': config.lowering})
    return facts


def _same_arithmetic(device, told, team):
    """What the first worker computes in, here."""
    policy = devices.choose_compute_policy(device, told['precision'], told['lowering'])
    if policy.warning:
        raise UserError('{}: expected to compute in {}, as the first worker does: {}'.format(
            team.name(team.task), told['precision'], policy.warning))
    return policy


# What is trained on and for how long, before any TensorFlow.
_Plan = collections.namedtuple('_Plan', [
    'data',       # datasets.TrainingData
    'batches',    # datasets.Batches
    'batch_size',  # images in a step, over all GPUs of all workers
    'own',        # how many of them are this worker's
    'part',       # slice: which ones
    'total',      # steps
    'rows',       # StepSchedule of the rows of losses
    'pictures',   # StepSchedule of the rows that have samples
    'saves',      # StepSchedule of the checkpoints
    'evaluations',  # StepSchedule of the measurements of quality
    'identity',   # see resume.identity()
])


def _make_plan(config, log):
    preset = config.preset
    dataset = loading.load(preset.dataset, 'train', config.data_dir, preset.image_shape, log, config.background)
    data = prepare.prepare(dataset, preset, preset.image_class)
    own = preset.batch_size * config.num_gpus
    count, task = (len(config.cluster.hosts), config.cluster.task) if config.cluster else (1, 0)
    size = own * count
    # An incomplete batch has no equal parts for several devices.
    keep = preset.incomplete_batch != 'drop' and size == preset.batch_size
    batches = Batches(len(data.images), size, config.seed, preset.shuffle, preset.drop_last_full_batch, keep)
    # A stand-in for the full data set trains for as many steps, and logs as often.
    full = Batches(data.full_size, size, config.seed, preset.shuffle, preset.drop_last_full_batch, keep)
    epoch = -(-full.per_epoch // preset.image_batches)

    def steps(every):
        return every.count * (epoch if every.unit == 'epochs' else 1)

    total = preset.steps if preset.steps is not None else preset.epochs * epoch
    total = total if config.max_steps is None else config.max_steps
    rows = StepSchedule(steps(preset.log_first or preset.log_every), steps(preset.log_every))
    pictures = rows._replace(every=steps(preset.samples_every)) if preset.samples_every else rows
    if preset.samples_every and preset.log_first is None:
        pictures = pictures._replace(first=pictures.every)
    saves = StepSchedule(steps(preset.checkpoint_every), steps(preset.checkpoint_every))
    never = total + 1
    evaluated = never if config.eval_every is None else config.eval_every or epoch
    identity = resume.identity(
        preset, config.seed, config.init_checkpoint, data.dataset.checksum, data.image_class, config.num_gpus,
        config.background)
    if preset.learning_rate_decay != 'none':
        identity['decay_steps'] = total
    return _Plan(data, batches, size, own, slice(task * own, (task + 1) * own), total,
                 rows, pictures, saves, StepSchedule(evaluated, evaluated), identity)


def _make_watch(config, data, log):
    real = evaluation.as_bytes(data, config.preset)
    count = min(config.eval_n, len(real) // 2)
    if count < evaluation.MIN_IMAGES:
        raise UserError('--eval_every: expected at least {} real images to measure by, found {}'.format(
            2 * evaluation.MIN_IMAGES, len(real)))
    extractor = classifier.classifier(data.dataset, log=log)
    return evaluation.Watch(extractor, real, data.title, count, config.seed, log)


class StepSchedule(collections.namedtuple('StepSchedule', 'first every')):
    """Steps first, first + every, first + 2 every ..."""

    def __contains__(self, step):
        return step >= self.first and (step - self.first) % self.every == 0

    def after(self, step):
        """The first of them after `step`."""
        return self.first if step < self.first else self.first + ((step - self.first) // self.every + 1) * self.every


# ------------------------------------------------------------------- arithmetic and record

def _choose_arithmetic(config, device, run, start):
    """What the run computes in: what is asked for; else what it was started in; else the fastest.

    Checkpoints are the same for all, so a run may change, but not silently.
    """
    if start is None:
        policy = devices.choose_compute_policy(device, config.precision, config.lowering)
    else:
        before = {'precision': 'float32', 'lowering': 'native'}  # what there was before there was a choice
        found = run_folder.read_config(run.path).get('arithmetic')
        before.update(found if isinstance(found, dict) else {})
        policy = devices.choose_compute_policy(device, *[
            before[name] if getattr(config, name) == 'auto' else getattr(config, name)
            for name in ('precision', 'lowering')])
        if (policy.precision, policy.conv_impl) != (before['precision'], before['lowering']):
            run.log('WARNING: until step {:,} this run computed in {precision} with {lowering} convolutions'.format(
                start, **before))
    if policy.warning:
        run.log('WARNING: ' + policy.warning)
    return policy


def _config_record(config, plan, device, policy, watch):
    dataset = plan.data.dataset
    return {
        'command': 'python -m dcgan_tf1.train ' + ' '.join(sys.argv[1:]),
        'identity': plan.identity,
        'schedule': dict({name: resume.plain(getattr(config.preset, name)) for name in resume.FREE_FIELDS},
                         total_steps=plan.total, batches_per_epoch=plan.batches.per_epoch,
                         keep_checkpoints=config.keep_checkpoints),
        'data': {'name': dataset.name, 'note': dataset.note, 'folder': dataset.folder, 'files': dataset.files,
                 'checksum': dataset.checksum, 'official': dataset.official, 'images': len(plan.data.images)},
        'evaluation': watch and {'n': watch.count, 'features': watch.features, 'real': watch.real},
        'device': device.title,
        'arithmetic': {'precision': policy.precision, 'lowering': policy.conv_impl},
        'flags': {'device': config.device, 'xla': config.xla, 'steps_per_run': config.steps_per_run,
                  'precision': config.precision, 'lowering': config.lowering,
                  'intra_op_threads': config.intra_op_threads,
                  'inter_op_threads': config.inter_op_threads, 'data_dir': config.data_dir,
                  'run_dir': config.run_dir, 'resume': config.resume, 'max_steps': config.max_steps},
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.VERSION, 'numpy': np.__version__,
                     'python': platform.python_version(), 'system': platform.platform()},
    }


# ------------------------------------------------------------------------------- the loop

class StopSignals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a wish that the loop sees after its step.

    A second one ends the process at once: checkpoints on the disk are whole at any moment.
    SIGHUP stays ignored where it was, as under `nohup`. In another thread than the main one,
    signals are left to the program that the thread belongs to.
    """

    def __init__(self):
        self.signum, self.listening = None, cli.in_main_thread()

    def _handle(self, signum, frame):
        del frame
        self.signum = signum
        for number in self._before:
            # Not what was there before: a shell has SIGINT ignored in what it starts with `&`.
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def __enter__(self):
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self.listening else ()
        self._before = {number: signal.signal(number, self._handle) for number in numbers
                        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            # None: one that Python did not set, and can't set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class InputPrefetcher:
    """Prepares the indices and the noise of coming steps in a thread, while others train."""

    def __init__(self, config, plan):
        self._seed, self._preset = config.seed, config.preset
        self._plan = plan
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    def submit(self, first, count):
        """A future of (indices, noises), as step_loop.Loop has them, for `count` steps from `first` on."""
        return self._thread.submit(self._prepare, first, count)

    def _prepare(self, first, count):
        steps, each = range(first, first + count), self._preset.image_batches
        return (np.stack([np.concatenate([self._plan.batches.indices((step - 1) * each + 1 + i)[self._plan.part]
                                          for i in range(each)]) for step in steps]),
                np.stack([self._noise(step) for step in steps]))

    def _noise(self, step):
        """Drawn for all workers, of which this one takes its part of each batch."""
        preset, size, own = self._preset, self._plan.batch_size, self._plan.own
        whole = sample_noise(preset, size * sum(preset.noise_batches), self._seed, 'noise', step)
        if own == size:
            return whole
        parts, first = [], 0
        for batches in preset.noise_batches:
            begin = size * first + self._plan.part.start * batches
            parts.append(whole[begin:begin + own * batches])
            first += batches
        return np.concatenate(parts)

    def close(self):
        self._thread.shutdown()


class _Trainer:
    """The session loop over steps, and what is written on the way."""

    # So often Python looks up from training: for signals and for the progress bar.
    _SECONDS_PER_RUN = 0.5

    def __init__(self, config, plan, run, watch, session, handles, saver, stop, team):
        self._config, self._preset, self._run = config, config.preset, run
        self._watch, self._session, self._saver, self._stop = watch, session, saver, stop
        self._plan, self._data, self._batches = plan, plan.data, plan.batches
        self._total = plan.total
        self._team, self._exchange = team, handles.exchange
        self._steps = step_loop.make_steps(session, handles, self._data.images)
        self._seen = handles.loss_accumulators
        self._losses = session.make_callable(
            [getattr(handles.losses, name) for name in self._preset.losses],
            [handles.real, handles.noise, handles.dropout_seed])
        self._sample = session.make_callable(handles.sample_images, [handles.noise, handles.dropout_seed])
        self._evaluated = (None, None)  # the last step whose losses were, and those
        self._columns = ('step', 'epoch') + self._preset.losses + ('images_per_second', 'seconds')
        self._fakes = None  # the samples that the coming row will show, where they come before its step
        self._undrawn = set()  # figures that could not be drawn
        self._steps_per_run = config.steps_per_run or 1

    def describe(self, device, policy, start):
        preset, run, dataset = self._preset, self._run, self._data.dataset
        run.log('dcgan_tf1 {}, TensorFlow {}, {}'.format(dcgan_tf1.__version__, tf.VERSION, device.title))
        run.log('{}: {}'.format(preset.name, preset.title))
        run.log('computing in ' + policy.why)
        run.log('data: {:,} images of {} from {}{}'.format(
            len(self._data.images), self._data.title, dataset.folder,
            ' (the published files)' if dataset.official else ''))
        if self._exchange is not None:
            run.log('{} workers, which add up {:.1f} MB in {} all-reduces a step'.format(
                self._team.count, self._exchange.bytes / 1e6, self._exchange.sums))
        each = preset.image_batches
        run.log('{:,} steps of {}{} images, {:,} steps to an epoch, seed {}'.format(
            self._total, '{} x '.format(each) if each > 1 else '', self._plan.batch_size,
            -(-self._batches.per_epoch // each), self._config.seed))
        run.log('writing to {}{}'.format(run.path, '' if start is None else
                                         ', going on at step {:,} (--resume=never starts a new run)'.format(start)))

    def _count_after(self, step):
        """How many steps to take in one call after `step`: none past what has to be written."""
        plan = self._plan
        until = min(self._total, plan.rows.after(step), plan.pictures.after(step), plan.saves.after(step),
                    plan.evaluations.after(step))
        if self._preset.samples_noise == 'fakes' and until - step > 1:
            until = min(until, plan.pictures.after(step) - 1)  # they are drawn before their step
        return min(self._steps_per_run, until - step)

    def run_steps(self, start):
        """Trains steps start + 1 to the last; returns the exit status."""
        run, preset, plan = self._run, self._preset, self._plan
        self._start_tables(start)
        self._timer_step, self._timer = start, time.time()
        self._seconds = self._metrics[-1]['seconds'] if self._metrics else 0.0  # of training, up to the last row
        with contextlib.closing(InputPrefetcher(self._config, plan)) as prefetcher, tqdm(
                total=self._total, initial=start, desc=preset.name, dynamic_ncols=True,
                disable=not sys.stderr.isatty(), smoothing=0.05, bar_format=_BAR) as bar:
            step, count = start, self._count_after(start)
            coming = prefetcher.submit(step + 1, count)
            while step < self._total:
                first, (indices, noises) = step + 1, coming.result()
                step += count
                if step < self._total:
                    count = self._count_after(step)
                    coming = prefetcher.submit(step + 1, count)
                if preset.samples_noise == 'fakes' and step in plan.pictures:
                    self._fakes = self._draw_samples(step, noises[0, :preset.samples])
                before = time.time()
                stopping = self._take_steps(first, indices, noises)
                self._adapt(first > start + 1, (time.time() - before) / len(indices))
                bar.update(len(indices))
                rows = indices[-1][-plan.own:]
                batch = self._data.images[rows[rows >= 0]], noises[-1][-plan.own:]
                if step in plan.rows or step in plan.pictures:
                    self._log_step(step, batch, bar)
                evaluated = self._watch is not None and (step in plan.evaluations or step == self._total)
                if evaluated:
                    self._evaluate_quality(step)
                if step in plan.saves or step == self._total or stopping or evaluated:
                    self._save(step, batch)
                if stopping and step < self._total:
                    signum = self._stop.signum
                    run.log('stopped by {} after step {:,}; saved, the same command goes on from there'.format(
                        signal.Signals(signum).name if signum else 'another worker', step))
                    return 128 + (signum or signal.SIGTERM)
        self._finish()
        return 0

    def _start_tables(self, start):
        label = start - 1 + self._preset.first_step
        self._rows = self._run.load_samples(label, self._preset.image_range)
        self._metrics = self._run.start_table('metrics.csv', self._columns, label)
        self._quality = [] if self._watch is None else self._run.start_table(
            'quality.csv', evaluation.QualityMonitor.COLUMNS, start)

    def _finish(self):
        run = self._run
        if self._config.gif and self._rows:
            run.log('{}: {} frames'.format(*run_folder.save_animation(run.path, self._preset, log=run.log)))
        run.log('done: {:,} steps; look at {}'.format(
            self._total, run.file('figure.png') if self._rows else run.path))

    def _take_steps(self, first, indices, noises):
        """Trains the steps; returns whether to stop: then all workers do, after the same step."""
        return self._steps(first, indices, noises, lambda: self._stop.signum is not None)

    def _adapt(self, warm, seconds):
        """Chooses --steps_per_run by what a step took; the first call's time tells nothing.

        Several workers take one step at a time: they have to take as many, and wait for each other in each.
        """
        if warm and not self._config.steps_per_run and self._team.count == 1:
            self._steps_per_run = max(1, min(int(self._SECONDS_PER_RUN / max(seconds, 1e-9)), 1000))

    def _evaluate_losses(self, step, batch):
        """The losses after the step, in training mode, on its images and noise.

        Raises UserError where one is not finite: a checkpoint is only written after this.
        """
        if self._evaluated[0] == step:  # logged already
            return self._evaluated[1]
        values = self._losses(*batch, step_loop.dropout_seed_for(step, step_loop.LOSSES))
        losses = self._finite(step, dict(zip(self._preset.losses, map(float, values))))
        self._evaluated = (step, losses)
        return losses

    def _finite(self, step, losses):
        for name, value in losses.items():
            if not math.isfinite(value):
                steps = checkpoint.list_steps(self._run.checkpoints)
                raise UserError('{} is {} after step {:,}: expected a finite loss; {}. Try another --seed or a '
                                'lower --learning_rate'.format(name, value, step, (
                                    'the last good checkpoint is ' + checkpoint.checkpoint_path(
                                        self._run.checkpoints, steps[-1])) if steps else 'there is no checkpoint yet'))
        return losses

    def _row_losses(self, step, batch):
        """The losses of a row, as the preset's losses_when has them."""
        if self._seen is None:
            return self._evaluate_losses(step, batch)
        sums, counts = self._session.run([self._seen.sums, self._seen.counts])
        self._session.run(self._seen.reset)
        found = {}
        for name in set(self._seen.names):
            places = [i for i, other in enumerate(self._seen.names) if other == name]
            # NaN: not one update of this kind since the last row.
            found[name] = float(sums[places].sum()) / float(counts[places].sum()) if counts[places].any() else math.nan
        if 'd_loss' not in found:
            found['d_loss'] = (found['d_loss_real'] + found['d_loss_fake']) / 2
        return self._finite(step, {name: found[name] for name in self._preset.losses})

    def _draw_samples(self, step, z):
        """(pictures uint8, raw, z) of the generator as it is now."""
        raw = self._sample(z, step_loop.dropout_seed_for(step, step_loop.SAMPLE))
        return self._to_bytes(step, raw), raw, z

    def _to_bytes(self, step, raw):
        return to_uint8(self._preset, raw, 'the samples after step {:,}'.format(step))

    def _samples(self, step):
        preset = self._preset
        if preset.samples_noise == 'fakes':
            found, self._fakes = self._fakes, None
            return found
        stream_step = 0 if preset.samples_noise == 'fixed' else step
        return self._draw_samples(step, sample_noise(
            preset, preset.samples, self._config.seed, 'samples', stream_step))

    def _log_step(self, step, batch, bar):
        preset, plan = self._preset, self._plan
        seconds = max(time.time() - self._timer, 1e-9)
        speed = (step - self._timer_step) * plan.batch_size * preset.image_batches / seconds
        losses = self._row_losses(step, batch)
        label = step - 1 + preset.first_step
        epoch = self._batches.epoch((step - 1) * preset.image_batches + 1) - 1 + preset.first_epoch
        self._seconds += seconds
        row = dict(losses, step=label, epoch=epoch, images_per_second=speed, seconds=self._seconds)
        picture = None
        if step in plan.pictures:
            pictures, raw, z = self._samples(step)
            picture = images.grid(pictures, columns=preset.samples_columns or len(pictures))
            self._run.save_samples(label, preset.samples_name.format(step=label, epoch=epoch), picture, raw, z)
            self._rows.append((label, pictures))
        self._run.append_row('metrics.csv', row)
        self._run.add_events(label, dict(losses, images_per_second=speed), picture)
        self._metrics.append(row)
        left = (self._total - step) * plan.batch_size * preset.image_batches / speed
        took = ''
        if preset.log_every.unit == 'epochs':
            took = '  {} an epoch'.format(_duration(seconds / max(1, round(
                (step - self._timer_step) * preset.image_batches / self._batches.per_epoch))))
        values = '  '.join('{} {:.4f}'.format(name, value) for name, value in losses.items())
        self._run.log('step {:,}/{:,}  epoch {}  {}  {:,.0f} images/s{}  {} left'.format(
            label, self._total, epoch, values, speed, took, _duration(left)))
        bar.set_postfix_str('{}, {:,.0f} img/s'.format(', '.join(
            '{} {:.2f}'.format(name, losses[name]) for name in _main_losses(losses)), speed), refresh=False)
        # What logging took is not training; the next row's speed starts here.
        self._timer_step, self._timer = step, time.time()

    def _evaluate_quality(self, step):
        """Adds a row to quality.csv; the checkpoint of this step comes after it."""
        before, preset, count = time.time(), self._preset, self._watch.count
        z = sample_noise(preset, count, self._config.seed, 'evaluate')
        # The same masks each time, which are no training step's: what differs is the generator.
        raw = generate_in_batches(
            lambda some, batch: self._sample(some, step_loop.dropout_seed_for(-1 - batch, step_loop.SAMPLE)), z)
        row = self._watch.measure(step, self._to_bytes(step, raw))
        self._run.append_row('quality.csv', row)
        self._quality.append(row)
        best = evaluation.best(self._quality)
        self._run.add_events(step, {key: row[key] for key in evaluation.QualityMonitor.COLUMNS[2:]}, None)
        self._run.log('step {:,}/{:,}  Frechet distance {:.2f} (real images {:.2f}), precision {:.3f}, recall {:.3f}{}'
                      .format(step, self._total, row['frechet_distance'], self._watch.real['frechet_distance'],
                              row['precision'], row['recall'], '  the best so far' if best is row else
                              '; the best is {:.2f} at step {:,.0f}'.format(best['frechet_distance'], best['step'])))
        self._timer += time.time() - before

    def _save(self, step, batch):
        before = time.time()
        self._evaluate_losses(step, batch)
        self._run.check()
        best = evaluation.best(self._quality)
        checkpoint.save(self._saver, self._session, self._run.checkpoints, step, self._config.keep_checkpoints,
                        best and best['step'])
        self._draw_figures()
        self._timer += time.time() - before

    def _draw_figures(self):
        dataset, preset = self._data.dataset, self._preset
        title = '{}: {}, seed {}'.format(preset.name, self._data.title, self._config.seed)
        if dataset.note:
            title += '\n' + dataset.note
        if self._rows:
            self._draw_figure('figure.png', images.save_rows_figure, self._rows, title)
        if self._metrics:
            metrics = {key: [row[key] for row in self._metrics] for key in ('step',) + _main_losses(preset.losses)}
            recorded = preset.recorded_losses and images.read_recorded_losses(preset.recorded_losses)
            self._draw_figure('losses.png', images.save_losses_figure, metrics, title, recorded)
        if self._quality:
            self._draw_figure('quality.png', images.save_quality_figure, self._quality, self._watch.real, title)

    def _draw_figure(self, name, save, *arguments):
        """What can't be drawn is said once and does not end the training; a full disk does, as for any file."""
        path = self._run.file(name)
        try:
            save(path, *arguments)
        except FigureError as error:
            if name not in self._undrawn:
                self._run.log('WARNING: {}: {}; training goes on without it'.format(path, error))
            self._undrawn.add(name)


class _Follower(_Trainer):
    """A worker other than the first: it trains and leaves the writing to the first."""

    def _start_tables(self, start):
        self._rows, self._metrics, self._quality = [], [], []

    def _log_step(self, step, batch, bar):
        pass

    def _evaluate_quality(self, step):
        pass

    def _save(self, step, batch):
        pass

    def _finish(self):
        pass


def _main_losses(names):
    """Those worth a curve of their own: both networks', or all of them."""
    return ('d_loss', 'g_loss') if 'd_loss' in names else tuple(names)


def _duration(seconds):
    if seconds < 90:
        return '{:.0f} s'.format(seconds)
    return '{:.0f} min'.format(seconds / 60) if seconds < 5400 else '{:.1f} h'.format(seconds / 3600)


if __name__ == '__main__':
    sys.exit(main())
