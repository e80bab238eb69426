"""Long runs keep their memory, their open files and their graph."""

import os
import re
import signal
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import PATIENCE, start_command
from helpers.processes import open_files, resident_memory

from dcgan_tf1 import train
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.training import trainer

CASES = [pytest.param('blog_dense', 5000, 64, 100, marks=pytest.mark.slow),
         pytest.param('blog_mnist', 500, 16, 10, marks=pytest.mark.nightly)]


@pytest.mark.once
@pytest.mark.skipif(not os.path.isdir('/proc/self/fd') or sys.version_info < (3, 8),
                    reason='it reads /proc, and takes minutes: under one release of TensorFlow')
@pytest.mark.parametrize('preset, steps, batch, log_every', CASES)
def test_memory_and_open_files_stay_flat(preset, steps, batch, log_every, tiny_data, tmp_path):
    run = tmp_path / '00000-{}'.format(preset)
    # More steps than are looked at, so that it is still there at the last look. No checkpoints on the way: each
    # draws a figure with one row more.
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--preset=' + preset,
                            '--batch_size={}'.format(batch), '--log_every={}'.format(log_every),
                            '--max_steps={}'.format(100 * steps), '--checkpoint_every={}'.format(100 * steps))
    seen = []  # (step, resident memory, open files)
    try:
        while not seen or seen[-1][0] < steps:
            assert process.poll() is None, process.communicate()
            rows = re.findall(r'step ([\d,]+)/', (run / 'log.txt').read_text()) if (run / 'log.txt').exists() else []
            step = int(rows[-1].replace(',', '')) if rows else 0
            if step and (not seen or step > seen[-1][0]):
                seen.append((step, resident_memory(process.pid), open_files(process.pid)))
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM, err
    finally:
        process.kill()
    middle = [row for row in seen if steps * 0.3 < row[0] < steps * 0.6]
    end = [row for row in seen if row[0] > steps * 0.8]
    grown = np.median([row[1] for row in end]) / np.median([row[1] for row in middle]) - 1
    print('{}: {:.0f} MiB at step {:,}, {:+.2%} from the middle on; {} open files'.format(
        preset, end[-1][1] / 2 ** 20, end[-1][0], grown, end[-1][2]))
    # Rows of samples are kept for the figure: 100 more of 25 digits are 2 MB.
    assert grown < 0.02 and len({row[2] for row in middle + end}) <= 2
    assert checkpoint.list_steps(str(run / 'checkpoints'))


@pytest.mark.slow
def test_the_graph_does_not_grow(tiny_data, tmp_path, monkeypatch):
    sizes = []
    run_steps = trainer.run_steps

    def watched(*arguments):
        tf_graph = tf.get_default_graph()
        sizes.append(len(tf_graph.get_operations()))
        assert tf_graph.finalized
        ending = run_steps(*arguments)
        sizes.append(len(tf_graph.get_operations()))
        return ending

    monkeypatch.setattr(trainer, 'run_steps', watched)
    assert train.main(['--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--preset=blog_dense',
                       '--max_steps=300', '--log_every=10', '--checkpoint_every=50']) == 0
    assert sizes[0] == sizes[1] > 100
