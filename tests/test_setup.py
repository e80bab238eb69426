"""The scripts that set everything up, with a stand-in for Python that records its calls."""

import os
import pty
import re
import subprocess
import sys

import pytest
from conftest import ROOT, command_environment

FAKE = '''#!/bin/sh
# python --version | -m venv [--clear] FOLDER | -m pip install ...
case "$*" in
  --version) echo "Python $(cat "$FAKE_HOME/version")" ;;
  *venv*) echo "$*" >> "$FAKE_HOME/calls"
          for folder; do :; done
          mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
  *pip*) echo "$*" >> "$FAKE_HOME/calls"; test ! -e "$FAKE_HOME/broken" ;;
esac
'''


@pytest.fixture
def fake(tmp_path):
    (tmp_path / 'version').write_text('3.12.1')
    (tmp_path / 'python').write_text(FAKE)
    (tmp_path / 'python').chmod(0o755)
    (tmp_path / 'setup.py').write_text('one')
    (tmp_path / 'calls').write_text('')
    return tmp_path


def calls(fake, *arguments):
    """Runs make_venv; returns its exit status and what it called."""
    (fake / 'calls').write_text('')
    script = 'set -euo pipefail; . "{}/scripts/venv.sh"; make_venv .venv ./python {}'.format(ROOT, ' '.join(arguments))
    status = subprocess.call(['bash', '-c', script], cwd=str(fake), env=dict(os.environ, FAKE_HOME=str(fake)),
                             stderr=subprocess.DEVNULL)
    lines = (fake / 'calls').read_text().split('\n')
    return status, [('clear' if '--clear' in line else 'venv') if 'venv' in line.split() else 'pip'
                    for line in lines if line]


def test_set_up_once_then_at_once(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    assert calls(fake, '-e .') == (0, [])
    assert calls(fake, "-e '.[test]'") == (0, ['pip'])
    assert calls(fake, '-e .') == (0, [])  # the two do not undo each other
    (fake / 'setup.py').write_text('two')
    assert calls(fake, '-e .') == (0, ['pip'])


def test_an_interrupted_set_up_is_taken_up_again(fake):
    (fake / '.venv' / 'bin').mkdir(parents=True)  # venv was stopped before pip was there
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / 'setup.py').write_text('two')
    (fake / 'broken').write_text('')
    assert calls(fake, '-e .') == (1, ['pip'])
    (fake / 'broken').unlink()
    assert calls(fake, '-e .') == (0, ['pip'])


def test_another_python_makes_ours_anew(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / 'version').write_text('3.13.0')
    assert calls(fake, '-e .') == (0, ['clear', 'pip'])


def test_a_python_without_tensorflow_is_refused():
    done = subprocess.run(['bash', '-c', '. scripts/venv.sh; PYTHON=/bin/false find_python'], cwd=ROOT,
                          capture_output=True, check=False)
    assert done.returncode == 1 and b'error: expected Python 3.10 to 3.13 (or 3.7)' in done.stderr


def test_the_python_of_the_environment_that_is_there_is_kept(tmp_path):
    def found(**env):
        return subprocess.check_output(['bash', '-c', '. "{}/scripts/venv.sh"; find_python'.format(ROOT)],
                                       cwd=str(tmp_path), env=dict(os.environ, **env)).decode().strip()

    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    os.symlink(sys.executable, str(tmp_path / '.venv' / 'bin' / 'python'))
    assert found() != '.venv/bin/python'  # not finished: may be anything
    (tmp_path / '.venv' / '.python').write_text('')
    assert found() == '.venv/bin/python'
    assert found(PYTHON=sys.executable) == sys.executable


def test_scripts_can_be_run():
    for name in ('run_mnist.sh', 'run_cifar.sh', 'run_tests.sh', os.path.join('.ci', 'run')):
        path = os.path.join(ROOT, name)
        assert os.access(path, os.X_OK), name
        subprocess.check_call(['bash', '-n', path])


def test_a_terminal_gets_a_progress_bar(tiny_data, tmp_path):
    terminal, end = pty.openpty()
    subprocess.check_call(['stty', 'cols', '80', 'rows', '40'], stdin=end)
    process = subprocess.Popen(
        [sys.executable, '-m', 'dcgan_tf1.train', '--preset=blog_dense', '--data_dir=' + tiny_data,
         '--run_dir={}'.format(tmp_path), '--max_steps=60'],
        stdout=end, stderr=end, env=command_environment())
    os.close(end)
    shown = b''
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    assert process.wait() == 0
    assert re.search(r'blog_dense 100%\|\S+\| 60/60 \[\d\d:\d\d<00:00, d_loss \d\.\d+, g_loss \d\.\d+, [\d,]+ img/s\]',
                     shown.decode())
    assert b'step 54/60  epoch 9  d_loss ' in shown
