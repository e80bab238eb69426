"""One training step on a GPU in this project and in what its users would pick instead, and the memory it takes.

Used by gpu_check.py; each check is a generator of rows, as gpu_checks.py describes them. The implementations are
those of workers.py. All lines of a preset are up at the same time and take turns, so that a card whose clock
drifts slows them all alike.
"""

import collections
import json
import os
import re
import select
import statistics
import subprocess
import sys
import time

from gpu_devices import cards, nvidia_smi

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
GIVEN = dict(os.environ)  # before this package chooses kernels, for processes that choose for themselves
# The presets that are timed with XLA, too: a network of each kind. Compiling takes minutes.
WITH_XLA = 'blog_mnist', 'cgan_mnist', 'dcgan', 'resnet_mnist', 'tf_tutorial'
# The same step in what a preset's users would pick instead: names of workers.py.
_GRAPHS = {'blog_mnist': ('2017 graph', 'graph2017'), 'dcgan': ("the author's graph", 'graph_carpedm20')}
_TORCH = {'blog_mnist': 'torch', 'dcgan': 'torch_dcgan', 'resnet_mnist': 'torch_resnet'}
_ERROR = re.compile(r'(error: |left out: |[\w.]*(Error|Exception|Interrupt)\b: ?)')

# How a line of the table is made: arguments of workers.py; `torch`: by PyTorch's interpreter.
Line = collections.namedtuple('Line', 'name arguments torch quick')


class Failed(Exception):
    """A check, or a line of one, that is to be a row with this error."""


def log_of(settings, title):
    """A new file for what a process prints."""
    os.makedirs(settings['logs'], exist_ok=True)
    return open(os.path.join(settings['logs'], re.sub(r'\W+', '-', title).strip('-') + '.log'), 'wb')


def last_error(log):
    """The last line of a process's output that says what went wrong, else the last one at all."""
    with open(log.name, errors='replace') as handle:
        lines = [line.strip() for line in handle if line.strip()]
    return next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1] if lines else 'no output')[:400]


# --------------------------------------------------------------------------------- workers

class StepWorker:
    """A worker of workers.py that is asked with deadlines."""

    def __init__(self, settings, line, preset, batch, grow=False):
        self.line, self.seconds, self.slow_turn_s = line, [], None
        python = settings['torch']['python'] if line.torch else sys.executable
        environment = dict({'TF_CPP_MIN_LOG_LEVEL': '3'}, **GIVEN)
        if line.torch:
            environment.update(PYTHONPATH=settings['torch']['pythonpath'])
            environment['LD_LIBRARY_PATH'] = settings['torch']['library_path']
            environment.setdefault('TORCHINDUCTOR_COMPILE_THREADS', '4')  # several compile at the same time
        elif grow:  # the graphs of old have no configuration, and would take all memory from the others
            environment['TF_FORCE_GPU_ALLOW_GROWTH'] = 'true'
        self._log, self._unread = log_of(settings, '{} {}'.format(preset, line.name)), b''
        self._process = subprocess.Popen(
            [python, os.path.join(HERE, 'workers.py')] + line.arguments + [
                '--preset=' + preset, '--batch={}'.format(batch), '--device=' + settings['device']],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT)
        self.pid, self.output = self._process.pid, self._process.stdout

    def ask(self, question):
        try:
            self._process.stdin.write(question.encode() + b'\n')
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended; answer() says why
        return self

    def poll(self, seconds):
        """The answer to the oldest open question, None where none comes within so many seconds; Failed at the end."""
        end = time.monotonic() + seconds
        while True:
            line, newline, rest = self._unread.partition(b'\n')
            if newline:
                self._unread = rest
                if line.startswith(b'{'):
                    return json.loads(line.decode())
                continue
            if not select.select([self.output], [], [], max(0, end - time.monotonic()))[0]:
                return None
            read = os.read(self.output.fileno(), 1 << 16)
            if not read:
                self._process.wait()
                raise Failed(last_error(self._log))
            self._unread += read

    def answer(self, deadline):
        """The same; Failed where it does not come in time."""
        answer = self.poll(max(0, deadline - time.monotonic()))
        if answer is None:
            raise Failed('no answer in time')
        return answer

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


# ------------------------------------------------------------------------------- the lines

def lines_of(preset):
    """The lines of a preset's table."""
    lines = []
    if preset in _GRAPHS:
        name, worker = _GRAPHS[preset]
        lines.append(Line(name + ': tf.layers, feed_dict, float32', [worker, '--steps_per_call=0'], False, True))
    for precision in ('float32', 'bfloat16', 'float16'):
        ours = ['dcgan_tf1', '--precision=' + precision]
        name = 'dcgan_tf1: ' + precision
        lines.append(Line(name, ours + ['--steps_per_call=0'], False, precision != 'float16'))
        if preset in WITH_XLA:
            lines.append(Line(name + ', --xla', ours + ['--xla', '--steps_per_call=0'], False, False))
        if preset == 'blog_mnist' and precision == 'bfloat16':
            lines.append(Line(name + ', --steps_per_run=1', ours, False, True))
            lines.append(Line(name + ', --xla, --steps_per_run=1', ours + ['--xla'], False, False))
    return lines + _torch_lines(preset)


def _torch_lines(preset):
    lines, worker = [], _TORCH.get(preset)
    for precision in ('float32', 'bfloat16') if worker else ():
        flags = [worker, '--channels_last', '--steps_per_call=0'] + ['--bfloat16'] * (precision == 'bfloat16')
        lines.append(Line('torch: eager, {}, channels last'.format(precision), flags, True, True))
        if worker != 'torch_resnet':
            lines.append(Line('torch: compiled, {}, channels last'.format(precision), flags + ['--compile'], True,
                              False))
        if worker == 'torch' and '--bfloat16' in flags:
            lines.append(Line('torch: compiled, CUDA graphs, {}, channels last'.format(precision),
                              flags + ['--compile', '--cuda_graphs'], True, False))
    return lines


def train_step(preset, settings):
    """Rows: a step of each implementation; images a second, and the median of the calls' milliseconds."""
    from dcgan_tf1.gan.presets import PRESETS  # with TensorFlow, which the command itself does without
    batch, begin = settings['batch'] or PRESETS[preset].batch_size, time.monotonic()
    lines = [line for line in lines_of(preset) if line.quick or not settings['quick']]
    for line in lines:
        if line.torch and 'why' in settings['torch']:
            yield {'name': '{}: {}'.format(preset, line.name), 'left_out': settings['torch']['why']}
    workers, failures = _ready(
        [line for line in lines if not line.torch or 'why' not in settings['torch']],
        lambda line: StepWorker(settings, line, preset, batch, grow=line.arguments[0].startswith('graph')),
        begin + 0.6 * settings['seconds'])
    try:
        failures.update(_take_turns(workers, settings, begin + 0.9 * settings['seconds']))
        for worker, failed in failures.items():
            yield _failed(preset, worker, failed)
        for worker in workers:
            if worker not in failures:
                yield _row(preset, worker, batch, settings['device'] == 'gpu')
    finally:
        for worker in workers:
            worker.close()


def _ready(lines, start, late):
    """([workers that have taken their first steps], {worker: Failed} of the others).

    As many start at the same time as there are cores. Once half of them are ready, the others have a minute.
    """
    waiting, starting, ready, failures, begin = list(lines), [], [], {}, time.monotonic()
    while waiting or starting:
        if waiting and len(starting) < os.cpu_count():
            starting.append(start(waiting.pop(0)).ask('steps 4'))
            continue
        select.select([worker.output for worker in starting], [], [], max(0, late - time.monotonic()))
        for worker in list(starting):
            try:
                answer = worker.poll(0)
                if answer is None and time.monotonic() < late:
                    continue
                if answer is None:
                    raise Failed('no answer in time')
                ready.append(worker)
            except Failed as failed:
                worker.close()
                failures[worker] = failed
            starting.remove(worker)
            print('{}: {} after {:.0f} s'.format(
                worker.line.name, failures.get(worker, 'ready'), time.monotonic() - begin), file=sys.stderr)
            if 2 * len(ready) >= len(lines):
                late = min(late, time.monotonic() + 60)
    return sorted(ready, key=lambda worker: lines.index(worker.line)), failures


def _take_turns(workers, settings, end):
    """Asks the workers in turn until the rounds are over or it is late; returns {worker: Failed}."""
    failures = {}
    for number in range(settings['rounds'] + 1):
        for worker in workers:
            if worker in failures or worker.slow_turn_s or time.monotonic() > end:
                continue
            begin = time.monotonic()
            try:
                answer = worker.ask('turn {}'.format(settings['turn_s'])).answer(end + 0.05 * settings['seconds'])
            except Failed as failed:
                worker.close()
                failures[worker] = failed
                continue
            took = time.monotonic() - begin
            worker.slow_turn_s = took if took > 20 * settings['turn_s'] + 1 else None  # leaves time for the others
            # The first turn is not counted: the calls before it found their size beside all the others.
            worker.seconds += answer['seconds'] if number or worker.slow_turn_s else []
    failures.update({worker: Failed('no time was left for it') for worker in workers
                     if worker not in failures and not worker.seconds})
    return failures


def _row(preset, worker, batch, on_gpu):
    step = statistics.median(worker.seconds)
    row = {'name': '{}: {}'.format(preset, worker.line.name), 'images_per_second': batch / step, 'step_ms': 1e3 * step,
           'step_ms_min': 1e3 * min(worker.seconds), 'step_ms_max': 1e3 * max(worker.seconds),
           'calls': len(worker.seconds), 'batch_size': batch}
    try:
        row.update(worker.ask('about').answer(time.monotonic() + 20))
    except Failed:
        row['versions'] = {}
    row['note'] = '{:.2f} to {:.2f} ms, batch {}, {} steps a call{}{}'.format(
        row['step_ms_min'], row['step_ms_max'], batch, row.get('steps_a_call', '?'),
        ', TF32 allowed' if row.get('tf32') and 'float32' in worker.line.name and on_gpu else '',
        ', one turn alone, for it took {:.0f} s'.format(worker.slow_turn_s) if worker.slow_turn_s else '')
    return row


def _failed(preset, worker, failed):
    text, name = str(failed), '{}: {}'.format(preset, worker.line.name)
    if text.startswith('left out: '):
        return {'name': name, 'left_out': text[len('left out: '):]}
    return {'name': name, 'error': text}


# -------------------------------------------------------------------------------- memory

def memory(settings):
    """Rows: the GPU's memory that a training has in use, which is to grow with the batch, not to be all of it."""
    small = settings['batch'] or 64
    total = (cards() or [{'memory_mib': None}])[0]['memory_mib']
    workers = {batch: StepWorker(settings, Line('memory, batch {}'.format(batch), ['dcgan_tf1', '--steps_per_call=0'],
                                                False, True), 'blog_mnist', batch).ask('steps 3')
               for batch in (small, 16 * small)}
    try:
        for batch, worker in workers.items():
            name = 'training, batch {}'.format(batch)
            try:
                worker.answer(time.monotonic() + 0.8 * settings['seconds'])
                worker.ask('steps 1').answer(time.monotonic() + 30)
            except Failed as failed:
                yield {'name': name, 'error': str(failed)}
                continue
            if settings['device'] == 'cpu':
                peak = worker.ask('about').answer(time.monotonic() + 30)['peak_memory_bytes'] / 2 ** 20
                yield {'name': name, 'note': "{:.0f} MiB of the machine's memory; no GPU".format(peak)}
                continue
            yield memory_row(name, worker.pid, total)
    finally:
        for worker in workers.values():
            worker.close()


def memory_row(name, pid, total):
    """The row of what a process holds of a GPU's memory, of `total` MiB or None."""
    lines = nvidia_smi('--query-compute-apps=pid,used_memory') or []
    # On several GPUs a line for each, of which all but the one that computes are hardly used.
    used = [int(number) for each, number in (line.replace(' ', '').split(',')[:2] for line in lines if ',' in line)
            if each == str(pid) and number.isdigit()]
    if total is None or not used:
        whole = nvidia_smi('--query-gpu=memory.used') or ['unknown']
        return {'name': name, 'note': 'nvidia-smi does not name the {}; in use by all: {} of {} MiB'.format(
            "GPU's memory" if total is None else 'process', whole[0], 'unknown' if total is None else round(total))}
    mib = float(max(used))
    row = {'name': name, 'gpu_memory_mib': mib, 'note': '{:.0f} of {:.0f} MiB ({:.1%})'.format(
        mib, total, mib / total)}
    if mib > 0.5 * total:
        row['error'] = "expected a training to take what it needs of the GPU's memory, found " + row['note']
    return row
