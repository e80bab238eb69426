"""Our commands, in this process or one of their own."""

import contextlib
import importlib
import io
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers.places import ROOT

# Seconds until a process that a test waits for counts as hung. What takes a few of them alone has taken two minutes
# where a slow machine ran the tests of two releases side by side.
PATIENCE = 600


def graph_flags(path, probabilities='shares'):
    return ['--features=' + path, '--features_input=pictures', '--features_output=pooled:0',
            '--features_probabilities=' + probabilities, '--features_range=0,1']


def interpreter(variable, what):
    """The Python that an environment variable names; skips where it names none."""
    path = os.environ.get(variable)
    if not path:
        pytest.skip('{} is not here ({} names none)'.format(what, variable))
    return path


def command_environment(**extra):
    env = dict(os.environ, PYTHONPATH=ROOT, **extra)
    env.pop('DCGAN_TF1_DATA', None)
    return env


started = []


def start_process(command, **kwargs):
    """A Popen that is killed where its test leaves it running.

    It hears SIGHUP and SIGINT also where the tests run under nohup or behind a shell's `&`.
    """
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        started.append(subprocess.Popen(command, **kwargs))
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
    return started[-1]


def start_command(module, *flags, **kwargs):
    """Starts `python -m dcgan_tf1.<module> flags...`; returns the Popen with piped text."""
    python = kwargs.pop('python', sys.executable)
    env = command_environment(**kwargs.pop('env', {}))
    return start_process([python, '-m', 'dcgan_tf1.' + module] + [str(flag) for flag in flags], env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, **kwargs)


def run_command(module, *flags):
    """Runs a command in this process: (exit status, standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = importlib.import_module('dcgan_tf1.' + module).main([str(flag) for flag in flags])
    return status, out.getvalue(), err.getvalue()


def run_process(module, *flags, **kwargs):
    """The same in a process of its own, with all that TensorFlow itself prints."""
    process = start_command(module, *flags, **kwargs)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def check_one_line_error(result, *parts):
    """A failed command: status not 0, one line on stderr that holds every part."""
    status, _, err = result
    assert status not in (0, None), err
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), err
    for part in parts:
        assert part in lines[0], (part, lines[0])


def wait_for(condition, process, seconds=PATIENCE):
    deadline = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline, 'waited too long'
        time.sleep(0.02)
