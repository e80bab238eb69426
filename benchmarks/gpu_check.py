#!/usr/bin/env python3
"""Checks this project on a GPU: what is there, how fast a step is, what a run, samples and an export are worth there.

    python benchmarks/gpu_check.py [--quick] [--only=devices,train_step] [--budget_s=300] [--outdir=FOLDER]

Prints one table and writes gpu_check.json and gpu_check.log into --outdir. Each check runs in a process of its own,
and the file is written anew after each row, so that nothing is lost where one hangs or all are stopped. Nothing is
installed. Without a GPU it says what is missing and how to get it, and ends with status 1; with --allow_cpu it tries
everything out on the processor, and ends with status 0.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT]

from counts import positive  # noqa: E402
from gpu_checks import CHECKS, QUICK, UNTIMED  # noqa: E402
from gpu_steps import last_error, log_of  # noqa: E402

from dcgan_tf1.util.errors import UserError  # noqa: E402
from dcgan_tf1.util.files import check_writable, write_json, write_text, writing  # noqa: E402
from dcgan_tf1.util.processor import cpu_name  # noqa: E402

_TORCH = ("import json, torch; print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, "
          "'gpu': torch.cuda.is_available()}))")


# ----------------------------------------------------------------------------- interpreters

def environment_of(python_path, **others):
    return dict(os.environ, PYTHONPATH=python_path, TF_USE_LEGACY_KERAS='1', PYTHONUNBUFFERED='1',
                CUDA_CACHE_MAXSIZE=str(4 << 30),  # kernels that are compiled on the card's first use
                TF_CPP_MIN_LOG_LEVEL=os.environ.get('TF_CPP_MIN_LOG_LEVEL', '1'), **others)


def pythonpath():
    return os.pathsep.join([ROOT] + [part for part in os.environ.get('PYTHONPATH', '').split(os.pathsep) if part])


def find_torch(asked, python):
    """{python, pythonpath, library_path, about} of an interpreter with PyTorch; {why} where there is none.

    The packages and CUDA libraries that are brought along for TensorFlow are kept from it where it does without.
    """
    if asked == '':
        return {'why': '--torch_python= names none'}
    beside = os.path.join(ROOT, '.venv-torch', 'bin', 'python')
    candidate = asked or (beside if os.path.exists(beside) else python)
    libraries, best = os.environ.get('LD_LIBRARY_PATH', ''), None
    for path, library_path in dict.fromkeys([(ROOT, ''), (ROOT, libraries), (pythonpath(), libraries)]):
        try:
            completed = subprocess.run([candidate, '-c', _TORCH], check=False, timeout=120, text=True,
                                       env=environment_of(path, LD_LIBRARY_PATH=library_path),
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired):
            break
        if completed.returncode == 0:
            about = json.loads(completed.stdout.splitlines()[-1])
            if best is None or about['gpu']:
                best = {'python': candidate, 'pythonpath': path, 'library_path': library_path, 'about': about}
            if about['gpu']:
                break
    if best is not None:
        return best
    if asked:
        raise UserError('--torch_python: expected an interpreter with PyTorch, found {}'.format(asked))
    return {'why': 'no PyTorch in {} (--torch_python names another interpreter)'.format(candidate)}


# ------------------------------------------------------------------------------ the report

class Report:
    """The rows so far, and the files they are kept in."""

    def __init__(self, outdir, about):
        self._path, self._log = os.path.join(outdir, 'gpu_check.json'), os.path.join(outdir, 'gpu_check.log')
        self.about, self.rows, self._start, self._lock = about, [], time.monotonic(), threading.Lock()

    def add(self, check, row):
        with self._lock:
            self.rows.append(dict({'check': check, 'after_s': round(time.monotonic() - self._start, 1)}, **row))
            self.about['versions'].update({
                name: value for name, value in row.get('versions', {}).items() if name != 'python'})
            self.about['machine']['gpus'] += row.get('cards', [])
            print('  ' + _line(self.rows[-1]), file=sys.stderr, flush=True)
            self._write()

    def end(self, **ending):
        self.about.update(ending)
        self._write()

    def _write(self):
        write_json(self._path, dict(self.about, seconds=round(time.monotonic() - self._start, 1), rows=self.rows))

    def write_log(self, folder):
        """Joins what all processes printed."""
        texts = []
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), errors='replace') as handle:
                text = handle.read()
            if text.strip():
                texts.append('==> {} <==\n{}'.format(name, text[-20000:]))
        with self._lock:  # checks that run beside each other end at the same time
            write_text(self._log, '\n'.join(texts))

    def missing(self):
        return [row for row in self.rows if row.get('missing')]

    def failed(self):
        return [row for row in self.rows if row.get('error')]


def _result(row):
    for key, text in (('error', 'FAILED: {}'), ('left_out', 'left out: {}'), ('missing', 'MISSING {missing}: {}')):
        if row.get(key):
            return text.format(row['note'] if key == 'missing' else row[key], missing=row.get('missing'))
    return row.get('note', '')


def _line(row):
    rate, step = row.get('images_per_second'), row.get('step_ms')
    name = '{}  {}'.format(row['check'].split('.')[0], row['name'])
    return '{:<69}{:>10}{:>9}  {}'.format(
        name, '' if rate is None else '{:,.0f}'.format(rate), '' if step is None else '{:.2f}'.format(step),
        _result(row)).rstrip()


def print_table(report):
    machine = report.about['machine']
    print('{}; {cpu}, {cores} cores; {system}'.format(
        ', '.join(card['name'] for card in machine['gpus']) or 'no GPU', **machine))
    print('versions: ' + ', '.join('{} {}'.format(*item) for item in sorted(report.about['versions'].items())))
    print('{:<69}{:>10}{:>9}'.format('', 'images/s', 'ms'))
    for row in report.rows:
        print(_line(row))


# ------------------------------------------------------------------------------- the checks

started = []  # the processes of checks


def run_check(name, settings, report, seconds):
    """Runs one check in a process of its own for so many seconds at most; its rows go into the report."""
    print('{} (at most {:.0f} s)'.format(name, seconds), file=sys.stderr, flush=True)
    log, end, count = log_of(settings, 'check ' + name), time.monotonic() + seconds, 0
    environment = environment_of(pythonpath())
    if name == 'devices':
        environment['TF_CPP_MIN_LOG_LEVEL'] = '0'  # says which library is not found
    process = subprocess.Popen(
        [settings['python'], os.path.join(HERE, 'gpu_checks.py'), name, json.dumps(dict(settings, seconds=seconds))],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    unread = b''
    with contextlib.ExitStack() as stack:
        stack.callback(stop, process)
        started.append(process)
        while True:
            if not select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                report.add(name, {'name': name, 'error': 'not finished after {:.0f} s'.format(seconds)})
                return
            read = os.read(process.stdout.fileno(), 1 << 16)
            if not read:
                break
            *lines, unread = (unread + read).split(b'\n')
            for line in lines:
                if line.startswith(b'{'):
                    report.add(name, json.loads(line.decode()))
                    count += 1
        try:
            status = process.wait(timeout=max(20, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            report.add(name, {'name': name, 'error': 'its process did not end'})
            return
        if status != 0:
            report.add(name, {'name': name, 'error': last_error(log)})
        elif not count:
            report.add(name, {'name': name, 'error': 'it has no row'})


def stop(process):
    """Ends a check with all that it started."""
    with contextlib.suppress(OSError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(ValueError):
        started.remove(process)  # its number may become another program's


def stop_all():
    for process in list(started):
        stop(process)


def settings_of(arguments, work, torch):
    return {'python': arguments.python, 'torch': torch, 'quick': arguments.quick, 'batch': arguments.batch,
            'rounds': arguments.rounds or (3 if arguments.quick else 5), 'turn_s': arguments.turn_s,
            'train_steps': arguments.train_steps or (400 if arguments.quick else 2000),
            'samples': arguments.samples or (2048 if arguments.quick else 8192),
            'work': work, 'logs': os.path.join(work, 'logs'), 'device': 'gpu', 'gpus': 0, 'at_once': False}


def run_checks(arguments, names, settings, report):
    """Runs the checks, of which `devices` is the first; returns whether there is a GPU."""
    end = time.monotonic() + arguments.budget_s

    def run(name):
        left = end - time.monotonic()
        if left < 10:
            report.add(name, {'name': name, 'left_out': '--budget_s={:g} is spent'.format(arguments.budget_s)})
            return
        run_check(name, settings, report, min(left, CHECKS[name][1]))
        report.write_log(settings['logs'])

    run('devices')
    settings['gpus'] = sum(row.get('gpus', 0) for row in report.rows)
    settings['device'] = 'gpu' if settings['gpus'] else 'cpu'
    if not settings['gpus'] and not arguments.allow_cpu:
        return False
    memory = max([card['memory_mib'] or 0 for card in report.about['machine']['gpus']], default=0)
    settings['at_once'] = os.cpu_count() >= 8 and memory > 30000
    waiting = [name for name in names if name != 'devices']
    while waiting:
        together = [name for name in waiting if name in UNTIMED] if waiting[0] in UNTIMED else waiting[:1]
        if settings['at_once'] and len(together) > 1:
            with concurrent.futures.ThreadPoolExecutor(len(together)) as threads:
                try:
                    list(threads.map(run, together))
                except BaseException:  # a signal, say: the threads are waited for
                    stop_all()
                    raise
        else:
            for name in together:
                run(name)
        waiting = [name for name in waiting if name not in together]
    return settings['gpus'] > 0


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='fewer presets, implementations and steps')
    parser.add_argument('--only', default='', metavar='TEXT,...', help='only checks whose names hold a TEXT')
    parser.add_argument('--budget_s', type=float, default=1200, help='seconds for all (default: %(default)g)')
    parser.add_argument('--outdir', default='.', help='where gpu_check.json and gpu_check.log go (default: here)')
    parser.add_argument('--python', default=sys.executable, help="TensorFlow's interpreter (default: this one)")
    parser.add_argument('--torch_python', help="PyTorch's (default: .venv-torch's, else TensorFlow's; '' for none)")
    parser.add_argument('--allow_cpu', action='store_true', help='go on without a GPU, with status 0')
    parser.add_argument('--batch', type=positive, default=0, help="images in a batch (default: the preset's)")
    parser.add_argument('--rounds', type=positive, default=0, help='turns that each implementation takes')
    parser.add_argument('--turn_s', type=float, default=0.5, help='seconds of a turn (default: %(default)g)')
    parser.add_argument('--train_steps', type=positive, default=0, help='steps of the trainings')
    parser.add_argument('--samples', type=positive, default=0, help='images that are sampled')
    arguments = parser.parse_args(argv)
    names = [name for name in (QUICK if arguments.quick else CHECKS)
             if any(text in name for text in arguments.only.split(','))]
    arguments.python = os.path.abspath(arguments.python)  # checks run in other folders
    if arguments.torch_python:
        arguments.torch_python = os.path.abspath(arguments.torch_python)
    if not os.access(arguments.python, os.X_OK) or os.path.isdir(arguments.python):
        parser.error('--python: expected an interpreter, found {}'.format(arguments.python))
    if not names:
        parser.error('--only={}: expected a part of one of {}, found none'.format(arguments.only, ', '.join(CHECKS)))
    return arguments, names


def end(report, has_gpu, allow_cpu):
    """Prints the table and what is missing; returns the exit status."""
    print_table(report)
    if not has_gpu or report.missing():
        ways = dict.fromkeys(row['get'] for row in report.missing())
        for get in ways:
            print('missing: {}. To get it: {}'.format(
                ', '.join(row['missing'] for row in report.missing() if row['get'] == get), get))
    untold = [row for row in report.rows if row['check'] == row['name'] == 'devices'
              and (row.get('error') or row.get('left_out'))]
    if untold:  # of which nothing more is known
        print('not known whether there is a GPU: {}'.format(untold[0].get('error') or untold[0]['left_out']))
    elif not has_gpu:
        print('no GPU: expected one that TensorFlow uses, found none (gpu_check.log has its reasons); {}'.format(
            'tried out on the processor' if allow_cpu else '--allow_cpu tries everything out on the processor'))
    for row in report.failed():
        print('failed: {}: {}: {}'.format(row['check'], row['name'], row['error']))
    return 1 if report.failed() or not has_gpu and not allow_cpu else 0


def main(argv=None):
    arguments, names = parse(argv)
    work = tempfile.mkdtemp(prefix='gpu_check-')
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda signum, _: sys.exit(128 + signum))  # by way of `finally`
    try:
        with writing(arguments.outdir):
            os.makedirs(arguments.outdir, exist_ok=True)
        check_writable(os.path.join(arguments.outdir, 'gpu_check.json'))
        torch = find_torch(arguments.torch_python, arguments.python)
        report = Report(arguments.outdir, {
            'command': ' '.join(sys.argv), 'date': time.strftime('%Y-%m-%d'),
            'machine': {'cpu': cpu_name(), 'cores': os.cpu_count(), 'system': platform.platform(), 'gpus': []},
            'versions': {'python': platform.python_version()}})
        report.add('devices', {'name': 'PyTorch', 'note': '{version}, CUDA {cuda}, sees {}GPU'.format(
            'a ' if torch['about']['gpu'] else 'no ', **torch['about'])} if 'about' in torch else {
                'name': 'PyTorch', 'left_out': torch['why']})
        has_gpu = run_checks(arguments, names, settings_of(arguments, work, torch), report)
        report.end(has_gpu=has_gpu, missing=[
            {key: row[key] for key in ('missing', 'get')} for row in report.missing()])
        return end(report, has_gpu, arguments.allow_cpu)
    except UserError as error:
        print('error: {}'.format(error), file=sys.stderr)
        return 1
    finally:
        stop_all()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
