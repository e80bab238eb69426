"""SIGKILL at random moments: nothing is lost, and the end is that of an undisturbed run, bit for bit."""

import os
import random

import pytest
from helpers.commands import command_environment
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.processes import Forkserver, kill_after
from helpers.runs import same_results

from dcgan_tf1.runs import checkpoint

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='it forks')

# Every other step writes a row, samples, a checkpoint and both figures: a kill falls into any of them.
FLAGS = ['--preset=blog_dense', '--log_every=2', '--checkpoint_every=2', '--keep_checkpoints=2']


@pytest.mark.parametrize('kills, steps', [
    pytest.param(3, 40, marks=SLOW_OR_NIGHTLY), pytest.param(50, 120, marks=[pytest.mark.nightly, pytest.mark.once])])
def test_kills_at_random_moments(kills, steps, tiny_data, tmp_path):
    server = Forkserver(command_environment())
    try:
        log = str(tmp_path / 'log')

        def start(folder):
            return server.start('train', FLAGS + ['--max_steps={}'.format(steps), '--data_dir=' + tiny_data,
                                                  '--run_dir=' + folder], log)

        assert server.wait(start(str(tmp_path / 'whole'))) == 0
        whole = str(tmp_path / 'whole' / '00000-blog_dense')
        moments, made, finished = random.Random(0), 0, 0
        while made < kills:
            folder = str(tmp_path / 'killed-{}'.format(finished))
            while True:
                pid = start(folder)
                if made < kills:
                    # From before the graph is built to some rows later; a run lives through about ten of them.
                    kill_after(pid, moments.uniform(0.1, 4))
                status = server.wait(pid)
                assert status in (0, -9), status
                made += status != 0
                # Killed after its last checkpoint, it is done: the same command would begin another run.
                done = checkpoint.list_steps(os.path.join(folder, '00000-blog_dense', 'checkpoints'))
                if status == 0 or done[-1:] == [steps]:
                    break
            same_results(whole, os.path.join(folder, '00000-blog_dense'), steps)
            assert os.listdir(folder) == ['00000-blog_dense'], 'begun anew'
            finished += 1
        print('{} kills in {} runs, each as the undisturbed one'.format(made, finished))
    finally:
        server.close()
