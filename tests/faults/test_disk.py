"""A folder that vanishes, may not be written or is full of something else. (A full disk: test_train.py.)"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from helpers.commands import PATIENCE, check_one_line_error, command_environment, run_command, start_command, wait_for
from helpers.marks import SLOW_OR_NIGHTLY

from dcgan_tf1.runs import checkpoint

FLAGS = ('--preset=blog_dense', '--log_every=20', '--checkpoint_every=20')


def train(tiny_data, run_dir, *flags):
    return run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(run_dir), *(FLAGS + flags))


def newest(run):
    return max(checkpoint.list_steps(str(run / 'checkpoints')), default=0)


@pytest.mark.parametrize('gone', [pytest.param('samples', marks=pytest.mark.slow),
                                  pytest.param('checkpoints', marks=SLOW_OR_NIGHTLY),
                                  pytest.param('.', marks=SLOW_OR_NIGHTLY)])
def test_a_folder_that_vanishes_while_training(gone, tiny_data, tmp_path):
    run = tmp_path / 'runs' / '00000-blog_dense'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'runs'),
                            '--max_steps=1000000', *FLAGS)
    wait_for(lambda: len(checkpoint.list_steps(str(run / 'checkpoints'))) > 1, process)
    # Files may come while it is being deleted, and what is written at that moment is an error.
    while (run / gone).exists():
        shutil.rmtree(str(run / gone), ignore_errors=True)
        if gone != '.':
            break
    if gone != '.':  # what is missing is made again
        deadline = time.time() + PATIENCE
        while process.poll() is None and not (run / gone).exists() and time.time() < deadline:
            time.sleep(0.02)
        process.terminate()
    out, err = process.communicate(timeout=PATIENCE)
    if gone == '.' or process.returncode != 128 + signal.SIGTERM:
        check_one_line_error((process.returncode, out, err), '00000-blog_dense')
    status, out, err = train(tiny_data, tmp_path / 'runs', '--max_steps={}'.format(newest(run) + 3))
    assert status == 0, err
    assert ('going on at step' in out or gone == 'checkpoints') == (gone != '.')


def without_privileges(*command):
    """The command so that permissions count: for root they don't unless it gives up its right to pass them over."""
    if os.geteuid() != 0:
        return command
    if not shutil.which('setpriv'):
        pytest.skip('root passes permissions over, and setpriv is not here')
    return ('setpriv', '--bounding-set', '-dac_override,-dac_read_search') + command


@SLOW_OR_NIGHTLY
def test_no_permission(tiny_data, tmp_path):
    assert train(tiny_data, tmp_path, '--max_steps=40')[0] == 0
    run = tmp_path / '00000-blog_dense'
    command = without_privileges(sys.executable, '-m', 'dcgan_tf1.train', '--data_dir=' + tiny_data,
                                 '--run_dir={}'.format(tmp_path), '--max_steps=60', *FLAGS)
    for folder, name in ((run / 'checkpoints', 'model.ckpt-60'), (run, '00000-blog_dense'),
                         (tmp_path, None)):
        folder.chmod(0o555)
        process = subprocess.Popen(command + (('--resume=never',) if name is None else ()), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=command_environment(), universal_newlines=True)
        out, err = process.communicate()
        folder.chmod(0o755)
        check_one_line_error((process.returncode, out, err), name or str(tmp_path), 'ermission denied')
        assert checkpoint.list_steps(str(run / 'checkpoints')) == [20, 40]
    assert train(tiny_data, tmp_path, '--max_steps=60')[0] == 0
    assert checkpoint.list_steps(str(run / 'checkpoints')) == [20, 40, 60]


@pytest.mark.slow
def test_a_file_where_a_folder_belongs(tiny_data, tmp_path):
    assert train(tiny_data, tmp_path, '--max_steps=20')[0] == 0
    run = tmp_path / '00000-blog_dense'
    shutil.rmtree(str(run / 'samples'))
    (run / 'samples').write_text('mine')
    check_one_line_error(train(tiny_data, tmp_path, '--max_steps=60'), 'samples')
    assert (run / 'samples').read_text() == 'mine' and checkpoint.list_steps(str(run / 'checkpoints'))[0] == 20
