"""A folder that vanishes, may not be written or is full of something else. (A full disk: test_train.py.)"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from conftest import ROOT, check_one_line_error, command_environment, run_command, start_command, wait_for

from dcgan_tf1 import checkpoint

FLAGS = ('--preset=blog_dense', '--log_every=20', '--checkpoint_every=20')


def train(tiny_data, run_dir, *flags):
    return run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(run_dir), *(FLAGS + flags))


def newest(run):
    return max(checkpoint.steps_in(str(run / 'checkpoints')), default=0)


@pytest.mark.slow
@pytest.mark.parametrize('gone', ['samples', 'checkpoints', '.'])
def test_a_folder_that_vanishes_while_training(gone, tiny_data, tmp_path):
    run = tmp_path / 'runs' / '00000-blog_dense'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'runs'),
                            '--max_steps=1000000', *FLAGS)
    wait_for(lambda: len(checkpoint.steps_in(str(run / 'checkpoints'))) > 1, process)
    # Files may come while it is being deleted, and what is written at that moment is an error.
    while (run / gone).exists():
        shutil.rmtree(str(run / gone), ignore_errors=True)
        if gone != '.':
            break
    if gone != '.':  # what is missing is made again
        deadline = time.time() + 60
        while process.poll() is None and not (run / gone).exists() and time.time() < deadline:
            time.sleep(0.02)
        process.terminate()
    out, err = process.communicate(timeout=60)
    if gone == '.' or process.returncode != 128 + signal.SIGTERM:
        check_one_line_error((process.returncode, out, err), '00000-blog_dense')
    status, out, err = train(tiny_data, tmp_path / 'runs', '--max_steps={}'.format(newest(run) + 3))
    assert status == 0, err
    assert ('going on at step' in out or gone == 'checkpoints') == (gone != '.')


NOBODY = 65534


@pytest.fixture
def open_folder(tiny_data):
    """A folder that every user may read (pytest's own may be root's alone), with the data in it."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    shutil.copytree(tiny_data, os.path.join(folder, 'data'))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody(open_folder):
    """Runs train as a user without rights; skips where that can't be."""
    def run(*flags):
        code = ('import os, sys; os.setgroups([]); os.setgid({0}); os.setuid({0}); sys.argv[0] = "train"; '
                'from dcgan_tf1 import train; sys.exit(train.main())'.format(NOBODY))
        found = subprocess.Popen([sys.executable, '-c', code, '--data_dir={}/data'.format(open_folder)]
                                 + list(FLAGS + flags), cwd='/',
                                 env=command_environment(HOME='/nonexistent', MPLCONFIGDIR='/tmp'),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        out, err = found.communicate()
        return found.returncode, out, err

    if os.geteuid() != 0:
        pytest.skip('to become another user needs root')
    code = 'import os; os.setuid({}); os.listdir({!r}); import wave'.format(NOBODY, ROOT)
    unreadable = subprocess.call([sys.executable, '-c', code], stderr=subprocess.DEVNULL)
    if unreadable:
        pytest.skip('another user may not read the project or the interpreter here')
    return run


def test_no_permission(tiny_data, open_folder, as_nobody):
    parent = os.path.join(open_folder, 'runs')
    assert train(tiny_data, parent, '--max_steps=40')[0] == 0
    check_one_line_error(as_nobody('--run_dir=' + parent, '--max_steps=60'), parent, 'Permission denied')
    folder = os.path.join(parent, '00000-blog_dense', 'checkpoints')
    assert checkpoint.steps_in(folder) == [20, 40]
    assert train(tiny_data, parent, '--max_steps=60')[0] == 0
    assert checkpoint.steps_in(folder) == [20, 40, 60]


def test_a_file_where_a_folder_belongs(tiny_data, tmp_path):
    assert train(tiny_data, tmp_path, '--max_steps=20')[0] == 0
    run = tmp_path / '00000-blog_dense'
    shutil.rmtree(str(run / 'samples'))
    (run / 'samples').write_text('mine')
    check_one_line_error(train(tiny_data, tmp_path, '--max_steps=60'), 'samples')
    assert (run / 'samples').read_text() == 'mine' and checkpoint.steps_in(str(run / 'checkpoints'))[0] == 20
