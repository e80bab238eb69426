"""Whole commands on a GPU: a training that is killed and resumed, several GPUs, samples, an export.

Used by gpu_check.py; each check is a generator of rows, as gpu_checks.py describes them.
"""

import concurrent.futures
import contextlib
import csv
import gzip
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import time

from gpu_steps import Failed, last_error, log_of

RUN = '00000-blog_mnist'
DETERMINISTIC = {'TF_DETERMINISTIC_OPS': '1'}


# ---------------------------------------------------------------------------- trainings

def make_data(settings):
    """A data folder with an `mnist` of generated blobs; the preset leaves the first 5,000 out."""
    import numpy as np  # noqa: PLC0415
    folder = os.path.join(settings['work'], 'data')
    if not os.path.isdir(folder):
        count, draw = 5000 + 100 * (settings['batch'] or 64), np.random.RandomState(0)
        y, x = np.mgrid[:28, :28]
        centre = draw.uniform(8, 20, (count, 2, 1, 1))
        images = 255 * np.exp(-((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) / 20)
        temporary = '{}.part-{}'.format(folder, os.getpid())
        os.makedirs(os.path.join(temporary, 'mnist'), exist_ok=True)
        for name, array in (('images-idx3', images.astype(np.uint8)), ('labels-idx1', np.arange(count) % 10)):
            with gzip.open(os.path.join(temporary, 'mnist', 'train-{}-ubyte.gz'.format(name)), 'wb', 1) as handle:
                handle.write(struct.pack('>4B{}I'.format(array.ndim), 0, 0, 8, array.ndim, *array.shape))
                handle.write(array.astype(np.uint8).tobytes())
        with contextlib.suppress(OSError):  # another check was faster
            os.rename(temporary, folder)
    return folder


class Training:
    """`python -m dcgan_tf1.train` of blog_mnist in a process of its own, in a folder of its own."""

    def __init__(self, settings, name, environment=None, flags=()):
        steps = settings['train_steps']
        self.folder = os.path.join(settings['work'], name)
        self._command = [
            sys.executable, '-m', 'dcgan_tf1.train', '--preset=blog_mnist', '--data_dir=' + make_data(settings),
            '--run_dir=' + self.folder, '--max_steps={}'.format(steps), '--keep_checkpoints=3',
            '--checkpoint_every={}'.format(max(1, steps // 8)), '--log_every={}'.format(max(1, steps // 4)),
        ] + ['--batch_size={}'.format(settings['batch'])] * bool(settings['batch']) + list(
            flags or ['--device=' + settings['device']])
        self._environment = dict(os.environ, **environment or {})
        self._log = log_of(settings, 'train ' + name)
        self._steps, self.killed_at = steps, None
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL,
                                         stdout=self._log, stderr=subprocess.STDOUT)
        return self

    def status(self):
        return self._process.wait()

    def last_error(self):
        return last_error(self._log)

    def wait(self):
        """Itself, once it has ended well; Failed where it did not."""
        if self.status() != 0:
            raise Failed('dcgan_tf1.train: {}'.format(self.last_error()))
        return self

    @property
    def run(self):
        return os.path.join(self.folder, RUN)

    def kill_midway(self):
        """Kills it once it has a checkpoint, and starts it again."""
        from dcgan_tf1.runs import checkpoint  # noqa: PLC0415
        folder = os.path.join(self.run, 'checkpoints')
        while not checkpoint.list_steps(folder):
            if self._process.poll() is not None:
                self.wait()
                raise Failed('it ended before it could be killed')
            time.sleep(0.005)
        self._process.send_signal(signal.SIGKILL)
        if self.status() != -signal.SIGKILL:
            raise Failed('it ended before it could be killed')
        self.killed_at = checkpoint.list_steps(folder)[-1]
        return self.start()

    def images_per_second(self):
        """Of the rows of losses.csv, without the first, in which it warms up."""
        with open(os.path.join(self.run, 'losses.csv'), newline='') as handle:
            rates = [float(row['images_per_second']) for row in csv.DictReader(handle)]
        return statistics.median(rates[1:] or rates)


def difference(one, other, step):
    """How far the weights of two runs' checkpoints of a step are apart, as a sentence; None where all is equal."""
    import numpy as np  # noqa: PLC0415
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    from dcgan_tf1.runs import checkpoint  # noqa: PLC0415
    readers = [tf.train.NewCheckpointReader(checkpoint.checkpoint_path(
        os.path.join(training.run, 'checkpoints'), step)) for training in (one, other)]
    names = sorted(readers[0].get_variable_to_shape_map())
    if names != sorted(readers[1].get_variable_to_shape_map()):
        return 'they have other variables'
    worst, square, size, equal = (0.0, ''), 0.0, 0.0, 0
    for name in names:
        a, b = [np.asarray(reader.get_tensor(name)) for reader in readers]
        equal += bool(np.array_equal(a, b))
        if '/Adam' not in name and a.dtype == np.float32:
            a, b = a.astype(np.float64), b.astype(np.float64)
            worst = max(worst, (float(np.abs(a - b).max()), name))
            square, size = square + float(((a - b) ** 2).sum()), size + float((a ** 2).sum())
    if equal == len(names):
        return None
    return '{} of {} variables are equal; weights are {:.1e} apart at most ({}), {:.1e} of their norm'.format(
        equal, len(names), worst[0], worst[1], (square / max(size, 1e-300)) ** 0.5)


def _compared(name, one, other, step, **row):
    differing = difference(one, other, step)
    return dict(row, name=name, equal=differing is None, note=row.get('note', '') + (differing or 'equal bit for bit'))


def _attempt(name, row):
    """The row that row() makes, or one with its error."""
    try:
        return row()
    except Failed as failed:
        return {'name': name, 'error': str(failed)}


def training(settings):
    """One row: the trainer's own speed, alone on the machine."""
    first = Training(settings, 'first').wait()
    yield {'name': 'the trainer itself', 'images_per_second': first.images_per_second(),
           'note': '{} steps of blog_mnist, by losses.csv'.format(settings['train_steps'])}


def resume(settings):
    """Rows: two undisturbed runs beside each other, and a killed and resumed one beside one of them."""
    with concurrent.futures.ThreadPoolExecutor(2) as threads:  # which wait for the moment to kill
        kinds = ((title, _three(settings, threads, number, environment)) for number, (title, environment) in enumerate(
            [('', None)] + [(', TF_DETERMINISTIC_OPS=1', DETERMINISTIC)] * (not settings['quick'])))
        for title, (base, other, killing) in list(kinds) if settings['at_once'] else kinds:
            name, step = 'two undisturbed runs' + title, settings['train_steps']
            undisturbed = _attempt(name, lambda: _compared(name, base.wait(), other.wait(), step))  # noqa: B023
            yield undisturbed
            name = 'killed and resumed' + title
            yield as_exact_as(undisturbed, _attempt(name, lambda: _resumed(name, base, killing, step)))  # noqa: B023


def as_exact_as(undisturbed, resumed):
    """A resumed run's row, with an error where it differs from runs that, undisturbed, are equal bit for bit."""
    if undisturbed.get('equal') and resumed.get('equal') is False:
        return dict(resumed, error='expected the weights of the undisturbed runs, which are equal, found: {}'.format(
            resumed['note']))
    return resumed


def _three(settings, threads, number, environment):
    """(a training, another, the future of a third that is killed and resumed), which are under way."""
    base, other, third = [Training(settings, '{}-{}'.format(name, number), environment)
                          for name in ('base', 'other', 'killed')]
    return base, other, threads.submit(third.kill_midway)


def _resumed(name, base, killing, step):
    killed = killing.result().wait()
    return _compared(name, base.wait(), killed, step, note='from step {} of {}: '.format(killed.killed_at, step))


def several_gpus(settings):
    """One row: a step over two GPUs, or the error that says that there are not as many."""
    training = Training(settings, 'two', flags=['--num_gpus=2'])
    if settings['gpus'] >= 2:
        yield {'name': '--num_gpus=2', 'images_per_second': training.wait().images_per_second(), 'note': 'two GPUs'}
        return
    status, line = training.status(), training.last_error()
    row = {'name': '--num_gpus=2', 'note': 'refused, as it should be: {}'.format(line)}
    if status == 0 or '--num_gpus=2: expected 2 GPUs' not in line:
        row = {'name': '--num_gpus=2', 'error': 'expected the error that there are no 2 GPUs, found status {}: {}'
               .format(status, line)}
    yield row


# ----------------------------------------------------------------------- samples and export

def a_run(settings):
    """The folder of the first training's run, which is made where it is missing."""
    from dcgan_tf1.runs import checkpoint  # noqa: PLC0415
    run = os.path.join(settings['work'], 'first', RUN)
    if settings['train_steps'] not in checkpoint.list_steps(os.path.join(run, 'checkpoints')):
        Training(settings, 'first').wait()
    return run


def sampling(settings):
    """Rows: images a second in each precision; what a GPU draws beside what a processor draws."""
    import numpy as np  # noqa: PLC0415

    from dcgan_tf1.gan.noise import sample_noise  # noqa: PLC0415
    from dcgan_tf1.runs import run_folder
    from dcgan_tf1.runs import sampling as ours
    preset, prefix = run_folder.find_checkpoint(a_run(settings), None, None, None)
    for precision in ('float32', 'bfloat16'):
        rate = _sampling_rate(settings, preset, prefix, precision)
        yield {'name': 'sampling, ' + precision, 'images_per_second': rate, 'note': 'after the first call, batches of '
               '{}'.format(ours.MAX_BATCH)} if rate else {
                   'name': 'sampling, ' + precision, 'left_out': 'the device was not made for it'}
    z = sample_noise(preset, settings['samples'] // 4, 0, 'sample')
    for title, dropout in (('without dropout', False), ('with its dropout', None)):
        drawn = [ours.to_uint8(preset, ours.generate(preset, prefix, z, 0, dropout, device), prefix).astype(np.int32)
                 for device in (settings['device'], 'cpu')]
        apart = np.abs(drawn[0] - drawn[1])
        yield {'name': 'this device against the CPU, ' + title, 'difference': int(apart.max()),
               'note': '{} images, float32: 8-bit values {} apart at most, {:.3%} of them differ'.format(
                   len(z), apart.max(), float((apart > 0).mean()))}


def _sampling_rate(settings, preset, prefix, precision):
    """Images a second; None where the device does not compute in the precision."""
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    from dcgan_tf1.gan import graph  # noqa: PLC0415
    from dcgan_tf1.gan.noise import sample_noise  # noqa: PLC0415
    from dcgan_tf1.runs import checkpoint  # noqa: PLC0415
    from dcgan_tf1.runs import sampling as ours
    from dcgan_tf1.util import devices  # noqa: PLC0415
    policy = devices.choose_compute_policy(devices.find(settings['device']), precision)
    if policy.warning:
        return None
    z = sample_noise(preset, settings['samples'], 0, 'sample')
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        handles = graph.build_sampling_graph(preset, None, policy.precision, policy.conv_impl)
        variables = graph.sampled_variables(preset, tf.global_variables())
        with tf.Session(config=devices.session_config(settings['device'])) as session:
            checkpoint.restore(session, prefix, variables)
            run = session.make_callable(handles.sample_images, [handles.noise, handles.dropout_seed])
            ours.generate_in_batches(run, preset.image_shape, z)
            start = time.perf_counter()
            ours.generate_in_batches(run, preset.image_shape, z)
            return len(z) / (time.perf_counter() - start)


def export(settings):
    """Rows: the frozen graph beside the session, by the command's own comparison, as it is and without a GPU."""
    run = a_run(settings)
    for title, hidden in (('export, frozen graph', False),) + (('export, frozen graph, the GPU hidden', True),) * (
            settings['device'] == 'gpu'):
        out = os.path.join(settings['work'], 'export-{}'.format(int(hidden)))
        log = log_of(settings, title)
        start = time.monotonic()
        status = subprocess.call(
            [sys.executable, '-m', 'dcgan_tf1.export', '--run=' + run, '--formats=frozen', '--out=' + out],
            env=dict(os.environ, **{'CUDA_VISIBLE_DEVICES': '-1'} if hidden else {}), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT)
        if status != 0:
            yield {'name': title, 'error': 'dcgan_tf1.export: {}'.format(last_error(log))}
            continue
        with open(os.path.join(out, 'MANIFEST.json')) as handle:
            artefact, = json.load(handle)['formats']['frozen']
        yield {'name': title, 'difference': artefact['largest_error'],
               'note': 'largest error {:.1e} against the session, {:.1f} s'.format(
                   artefact['largest_error'], time.monotonic() - start)}
