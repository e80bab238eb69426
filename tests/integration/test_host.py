"""What surrounds a command: a program that imports us, its threads, and standard streams of every kind."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from helpers.commands import PATIENCE, command_environment, start_process
from helpers.places import ROOT
from helpers.runs import read_metrics

import dcgan_tf1
from dcgan_tf1 import train
from dcgan_tf1.util import cli, processor, streams, tf_startup
from dcgan_tf1.util.errors import UserError

# A program with settings of its own, which has imported what it uses itself.
HOST = '''
import importlib, logging, os, pkgutil, sys, warnings
import matplotlib, tensorflow.compat.v1 as tf
import tensorflow.python.debug, absl.flags, tqdm, PIL.Image  # ... of which parts come late
matplotlib.rcParams['font.size'] = 31
logging.getLogger().setLevel(logging.INFO)
logging.getLogger().addHandler(logging.NullHandler())
logging.getLogger('dcgan_tf1').setLevel(logging.DEBUG)
tf.logging.set_verbosity(tf.logging.INFO)
os.environ['MPLBACKEND'] = 'svg'
warnings.filterwarnings('error', 'a filter of the program')

def settings():
    return dict(
        environment=dict(os.environ), filters=list(warnings.filters), showwarning=warnings.showwarning,
        verbosity=tf.logging.get_verbosity(), rc=dict(matplotlib.rcParams), streams=(sys.stdout, sys.stderr),
        loggers={name: (found.level, list(found.handlers), list(found.filters), found.propagate, found.disabled)
                 for name in (None, 'tensorflow', 'absl', 'matplotlib', 'PIL', 'dcgan_tf1')
                 for found in [logging.getLogger(name)]},
        eager=tf.executing_eagerly(), excepthook=sys.excepthook, folder=os.getcwd(), path=list(sys.path))

before = settings()
import dcgan_tf1
modules = [name for _, name, package in pkgutil.walk_packages(dcgan_tf1.__path__, 'dcgan_tf1.') if not package]
for name in modules:
    importlib.import_module(name)
after = settings()
for key in before:
    assert before[key] == after[key], (key, before[key], after[key])
print(len(modules))
'''


@pytest.mark.slow
def test_importing_every_module_changes_nothing_in_the_program_that_does():
    done = subprocess.run([sys.executable, '-c', HOST], env=command_environment(), check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len([name for _, _, names in os.walk(os.path.dirname(dcgan_tf1.__file__))
                                    for name in names if name.endswith('.py') and name != '__init__.py']) > 30


class Buffer(io.TextIOWrapper):
    """A terminal of an encoding; what it got."""

    def __init__(self, encoding, errors='strict'):
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors, write_through=True)

    def got(self):
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.once
@pytest.mark.parametrize('instructions, release, given, expected', [
    ({'avx', 'avx2'}, (2, 9), None, '1'), ({'avx', 'avx2'}, (2, 21), '0', '0'), ({'avx'}, (2, 21), None, None),
    (set(), (2, 21), None, None), ({'avx', 'avx2'}, (2, 8), None, None), ({'avx', 'avx2'}, None, None, None)])
def test_commands_take_the_kernels_of_onednn_where_there_is_avx2(instructions, release, given, expected, monkeypatch):
    """Those of TensorFlow 2.6 end the process on some processors."""
    monkeypatch.setattr(processor, 'cpu_instructions', lambda: instructions)
    monkeypatch.delenv(tf_startup.ONEDNN, raising=False)
    if given is not None:
        monkeypatch.setenv(tf_startup.ONEDNN, given)
    tf_startup.choose_kernels(release)
    assert os.environ.get(tf_startup.ONEDNN) == expected


@pytest.mark.once
@pytest.mark.parametrize('names, expected', [
    (['tensorflow', 'tensorflow-2.10.1.dist-info', 'tensorflow_estimator-2.9.0.dist-info'], (2, 10)),
    (['tensorflow_cpu-2.6.5.dist-info', 'tensorflow_cpu-2.21.0.dist-info'], (2, 6)),
    (['tensorflow-2.4.0+nv20.11-py3.6.egg-info'], (2, 4)), (['tf_nightly-2.22.0.dev20260301.dist-info'], (2, 22)),
    (['tensorflow_hub-0.16.0.dist-info', 'tensorflow_io_gcs_filesystem-0.37.1.dist-info'], None), ([], None)])
def test_the_release_of_tensorflow_is_known_before_it_is_imported(names, expected, tmp_path):
    for name in names:
        (tmp_path / name).mkdir()
    assert tf_startup.installed_release(str(tmp_path)) == expected
    assert tf_startup.installed_release(str(tmp_path / 'none')) is None


@pytest.mark.once
def test_a_tensorflow_that_can_not_be_imported_is_one_line(tmp_path, monkeypatch):
    (tmp_path / 'tensorflow').mkdir()
    (tmp_path / 'tensorflow' / '__init__.py').write_text(
        'raise TypeError("Descriptors cannot be created directly.\\nIf this call came from a _pb2.py file ...")\n')
    (tmp_path / 'tensorflow-2.16.2.dist-info').mkdir()
    done = subprocess.run([sys.executable, '-m', 'dcgan_tf1.train', '--preset=blog_dense', '--max_steps=1'],
                          env=dict(command_environment(), PYTHONPATH='{}:{}'.format(tmp_path, ROOT)), check=False,
                          capture_output=True, text=True, cwd=str(tmp_path))
    assert done.returncode == 1 and done.stderr == (
        'error: TensorFlow 2.16: expected to import it, found TypeError: Descriptors cannot be created directly.\n')
    for release, version in (((2, 15), '2.0.2'), ((2, 15), '1.26.4'), ((2, 16), '2.0.2'), (None, '2.0.2')):
        monkeypatch.setattr(np, '__version__', version)
        with contextlib.ExitStack() as stack:
            if release == (2, 15) and version == '2.0.2':
                stack.enter_context(pytest.raises(UserError, match='TensorFlow 2.15: expected numpy<2, found 2.0.2'))
            tf_startup.check_numpy(release)


@pytest.mark.slow_tf1
def test_training_in_a_thread_with_streams_that_are_none_or_poor(tiny_data, tmp_path, monkeypatch):
    """The path has an umlaut and a character that the terminal can't show; there is no standard error."""
    terminal, status = Buffer('ascii'), []
    monkeypatch.setattr(sys, 'stdout', terminal)
    monkeypatch.setattr(sys, 'stderr', None)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    parent = tmp_path / 'L\xe4ufe \u5b57'
    thread = threading.Thread(target=lambda: status.append(train.main([
        '--preset=blog_dense', '--data_dir=' + tiny_data, '--run_dir={}'.format(parent), '--max_steps=2',
        '--log_every=1', '--gif'])))
    thread.start()
    thread.join()
    assert status == [0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert sys.stdout is terminal and terminal.errors == 'strict' and sys.stderr is None
    run = parent / '00000-blog_dense'
    assert [row['step'] for row in read_metrics(run)] == ['1', '2']
    log = (run / 'log.txt').read_text(encoding='utf-8')
    assert 'writing to {}\n'.format(run) in log
    assert 'not the main thread: no signal is waited for' in log
    assert 'writing to {}\n'.format(run).encode('ascii', 'backslashreplace').decode() in terminal.got()


def test_too_little_memory_is_one_line(capsys):
    def fails(config):
        return np.empty(1 << 50)

    assert cli.run(lambda argv: argv, fails, ['x']) == 1
    err = capsys.readouterr().err
    assert err.count('\n') == 1 and err.startswith('error: expected memory for what was asked, found too little: ')
    assert '--cache_gib' in err


def test_an_error_is_one_line_on_any_stream(monkeypatch):
    def fails(config):
        raise UserError('L\xe4ufe \u5b57 \udcfc: expected a run')

    def command():
        return cli.run(lambda argv: argv, fails, ['x'])

    for encoding, errors, expected in (
            ('ascii', 'strict', r'L\xe4ufe \u5b57 \udcfc'), ('latin-1', 'strict', 'L\xe4ufe \\u5b57 \\udcfc'),
            ('ascii', 'surrogateescape', r'L\xe4ufe \u5b57 \udcfc'), ('utf-8', 'strict', 'L\xe4ufe \u5b57 \\udcfc')):
        terminal = Buffer(encoding, errors)
        monkeypatch.setattr(sys, 'stderr', terminal)
        assert command() == 1
        assert terminal.got() == 'error: {}: expected a run\n'.format(expected), (encoding, errors)
        assert terminal.errors == errors
    # In the C locale Python takes undecodable bytes as they are, and gives them back so.
    monkeypatch.setattr(sys, 'stderr', Buffer('UTF-8', 'surrogateescape'))
    assert command() == 1
    assert sys.stderr.buffer.getvalue() == 'error: L\xe4ufe \u5b57 '.encode() + b'\xfc: expected a run\n'
    monkeypatch.setattr(sys, 'stdout', None)
    monkeypatch.setattr(sys, 'stderr', None)
    assert command() == 1 and sys.stdout is None and sys.stderr is None


def test_a_path_that_tensorflow_cannot_take_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, 'stderr', Buffer('utf-8'))
    assert cli.run(lambda argv: argv, lambda config: 'runs/\udcfc'.encode(), ['x']) == 1
    assert sys.stderr.got() == (
        "error: 'runs/\\udcfc': expected UTF-8, which TensorFlow takes paths in, found other bytes\n")


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='a device of Linux')
def test_output_that_cannot_be_written_is_an_error(monkeypatch):
    terminal = Buffer('utf-8')
    monkeypatch.setattr(sys, 'stderr', terminal)
    with open('/dev/full', 'w') as full:
        monkeypatch.setattr(sys, 'stdout', full)
        assert cli.run(lambda argv: argv, lambda config: print('a line'), ['x']) == 1
        monkeypatch.undo()
    assert terminal.got() == 'error: cannot write a file: No space left on device\n'


@pytest.mark.slow
def test_a_command_without_standard_streams(tiny_data, tmp_path):
    """As under `<&- >&- 2>&-`: no file that it opens gets what is printed."""
    process = start_process(
        ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', sys.executable, '-m', 'dcgan_tf1.train', '--preset=blog_dense',
         '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--max_steps=2', '--log_every=1'],
        env=command_environment())
    assert process.wait(timeout=PATIENCE) == 0
    run = tmp_path / '00000-blog_dense'
    assert [sorted(row) for row in read_metrics(run)] == [
        ['d_loss', 'd_loss_fake', 'd_loss_real', 'epoch', 'g_loss', 'images_per_second', 'seconds', 'step']] * 2
    assert (run / '.lock').read_text() == str(process.pid)
    assert 'done: 2 steps' in (run / 'log.txt').read_text()


def test_missing_streams_lead_nowhere():
    """In a process of its own, for it closes them."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.closerange(0, 3)
            sys.stdin = sys.stdout = sys.stderr = None
            with tf_startup.without_chatter():  # before there is anything to hold back
                pass
            streams.open_missing()
            print('a line')
            print('an error', file=sys.stderr, flush=True)
            status = 0 if os.open(os.devnull, os.O_RDONLY) > 2 and sys.stdin.read() == '' else 2  # noqa: PLR2004
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
