"""Signals, a terminal that is closed, and a pipe whose reader goes away."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from helpers.commands import PATIENCE, command_environment, run_command, start_command, start_process, wait_for
from helpers.marks import SLOW_OR_NIGHTLY

from dcgan_tf1 import launch
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.training import signals

FLAGS = ('--preset=blog_dense', '--log_every=20')


def begin(tiny_data, tmp_path, **kwargs):
    """A trainer that has written some rows, and its run folder."""
    run = tmp_path / '00000-blog_dense'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                            '--max_steps=1000000', *FLAGS, **kwargs)
    wait_for(lambda: (run / 'samples').exists() and len(os.listdir(str(run / 'samples'))) > 2, process)
    return process, run


def check_resumes(tiny_data, tmp_path, run):
    steps = checkpoint.list_steps(str(run / 'checkpoints'))
    status, out, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                                   '--max_steps={}'.format((steps[-1] if steps else 0) + 3), *FLAGS)
    assert status == 0, err
    assert os.listdir(str(tmp_path)) == ['00000-blog_dense']
    return steps, out


@pytest.mark.slow
def test_sighup_saves_and_leaves(tiny_data, tmp_path):
    process, run = begin(tiny_data, tmp_path)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGHUP and err == '' and 'stopped by SIGHUP' in out
    steps, out = check_resumes(tiny_data, tmp_path, run)
    assert 'going on at step {:,}'.format(steps[-1]) in out


@pytest.mark.slow
def test_sighup_under_nohup_is_ignored(tiny_data, tmp_path):
    process, run = begin(tiny_data, tmp_path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    before = len(os.listdir(str(run / 'samples')))
    wait_for(lambda: len(os.listdir(str(run / 'samples'))) > before + 4, process)
    process.kill()
    process.communicate()


@pytest.mark.once
@pytest.mark.parametrize('handler', [signal.SIG_IGN, signal.SIG_DFL], ids=['nohup', 'terminal'])
def test_workers_that_are_launched_under_nohup_ignore_sighup_too(handler, tmp_path, monkeypatch, capsys):
    stub = tmp_path / 'python'
    stub.write_text('#!{}\nimport signal\nprint(signal.getsignal(signal.SIGHUP).name)\n'.format(sys.executable))
    stub.chmod(0o755)
    monkeypatch.setattr(sys, 'executable', str(stub))
    before = signal.signal(signal.SIGHUP, handler)
    try:
        assert launch.launch(launch.LaunchConfig(workers=2, timeout=10, train_flags=())) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert sorted(capsys.readouterr().out.splitlines()) == [
        '[worker {}] {}'.format(task, handler.name) for task in range(2)]


@SLOW_OR_NIGHTLY
def test_a_second_sigint_ends_at_once_and_loses_nothing(tiny_data, tmp_path):
    process, run = begin(tiny_data, tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(signals._ECHO + 0.1)
    if process.poll() is None:  # not saved and ended by now
        process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE)
    # Both may arrive before the loop looks up (130 of its own), or the second one while it saves. Only once the
    # trainer has said that it has stopped may the second one find Python ending, and kill it: 130 in a shell, too.
    assert process.returncode == 130 or 'stopped by SIGINT' in out and process.returncode == -signal.SIGINT
    check_resumes(tiny_data, tmp_path, run)


IN_A_LONG_CALL = """
import hashlib, sys
from dcgan_tf1.training.signals import StopSignals
with StopSignals():
    print('calling', flush=True)
    hashlib.pbkdf2_hmac('sha256', b'', b'', 2000000000)  # which no handler of Python's interrupts
"""


BUSY = """
import sys, threading, time
from dcgan_tf1.training.signals import StopSignals
for _ in range(2):
    threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(int, 1)], daemon=True).start()
with StopSignals() as stop:
    print('calling', flush=True)
    while not stop.requested():
        time.sleep(0.01)
    time.sleep(1.5)  # saves
print('saved', stop.exit_status, flush=True)
"""


@pytest.mark.once
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_same_signal_twice_at_a_time_is_one(number):
    """As GNU timeout sends it: to its child, and to the group that this is in."""
    process = start_process([sys.executable, '-c', BUSY], env=command_environment(), stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b'calling'
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.02)
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.split() == [b'saved', str(128 + number).encode()]


@pytest.mark.once
@pytest.mark.parametrize('first, second', [
    (signal.SIGINT, signal.SIGINT), pytest.param(signal.SIGHUP, signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_second_signal_ends_at_once_within_a_long_call_too(first, second):
    process = start_process([sys.executable, '-c', IN_A_LONG_CALL], env=command_environment(), stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b'calling'
    time.sleep(1)  # until it does
    process.send_signal(first)
    if first == signal.SIGHUP:  # of a terminal that is closed, more than one may come
        process.send_signal(first)
        time.sleep(signals._GRACE)
        process.send_signal(first)
    time.sleep(signals._GRACE + 0.5)
    assert process.poll() is None
    process.send_signal(second)
    assert process.wait(timeout=30) in (128 + second, -second)  # the latter where the call had not begun yet


@pytest.mark.once
def test_a_program_around_a_training_outlives_its_second_signal():
    program = """
import signal, time
from dcgan_tf1.training.signals import StopSignals
try:
    with StopSignals():
        for _ in range(2):
            signal.raise_signal(signal.SIGINT) if hasattr(signal, 'raise_signal') else __import__('os').kill(
                __import__('os').getpid(), signal.SIGINT)
            time.sleep(0.6)
except KeyboardInterrupt:
    time.sleep(2)
    print('alive')
"""
    assert subprocess.check_output([sys.executable, '-c', program], env=command_environment()).strip() == b'alive'


def test_what_is_not_listened_to_any_more_is_as_it_was(monkeypatch):
    def fail(**_):
        raise OSError(24, 'Too many open files')

    before = signal.getsignal(signal.SIGINT)
    with signals.StopSignals() as found:
        assert found.listening and signal.getsignal(signal.SIGINT) != before
    monkeypatch.setattr(signals.threading, 'Thread', fail)
    with pytest.raises(OSError), signals.StopSignals():
        pass
    assert signal.getsignal(signal.SIGINT) == before and signal.set_wakeup_fd(-1) == -1


@pytest.mark.slow
def test_a_pipe_whose_reader_goes_away_does_not_end_the_training(tiny_data, tmp_path):
    process, run = begin(tiny_data, tmp_path)
    process.stdout.close()
    process.stderr.close()
    wait_for(lambda: 'training goes on' in (run / 'log.txt').read_text(), process)
    rows = (run / 'log.txt').read_text().count('d_loss')
    wait_for(lambda: (run / 'log.txt').read_text().count('d_loss') > rows + 3, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 128 + signal.SIGTERM
    steps, out = check_resumes(tiny_data, tmp_path, run)
    assert 'going on at step {:,}'.format(steps[-1]) in out


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='pseudo-terminals differ')
def test_a_closed_terminal_saves_and_leaves(tiny_data, tmp_path):
    run = tmp_path / '00000-blog_dense'
    ours, theirs = pty.openpty()
    # setsid makes the terminal its own, so that it hears of its end, as in a window.
    process = start_process(
        ['setsid', '--ctty', '--wait', sys.executable, '-m', 'dcgan_tf1.train', '--data_dir=' + tiny_data,
         '--run_dir={}'.format(tmp_path), '--max_steps=1000000'] + list(FLAGS),
        env=command_environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.set_blocking(ours, False)

    def some_rows():
        with contextlib.suppress(OSError):
            os.read(ours, 1 << 16)  # or it would wait for us
        return (run / 'samples').exists() and len(os.listdir(str(run / 'samples'))) > 2

    wait_for(some_rows, process)
    os.close(ours)
    deadline = time.time() + PATIENCE
    while 'stopped by SIGHUP' not in (run / 'log.txt').read_text() and time.time() < deadline:
        time.sleep(0.1)
    process.wait(timeout=PATIENCE)
    assert 'stopped by SIGHUP' in (run / 'log.txt').read_text()
    steps, out = check_resumes(tiny_data, tmp_path, run)
    assert 'going on at step {:,}'.format(steps[-1]) in out
