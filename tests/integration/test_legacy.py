"""Across TensorFlow's releases: checkpoints of 1.0.1, 1.15.5 and the one at hand.

./run_tests.sh names the other interpreters, where it found them:
DCGAN_TF1_PYTHON_TF115 (Python 3.7 with TensorFlow 1.15.5), DCGAN_TF1_PYTHON_TF10
(Python 3.6 with 1.0.1).
"""

import json
import os
import subprocess

import numpy as np
import pytest
from helpers.commands import interpreter, run_process
from helpers.golden import POWERS, VARIABLES
from helpers.places import HELPERS

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, checkpoint_paths, sampling


@pytest.mark.parametrize('name', [pytest.param('blog_mnist', marks=pytest.mark.slow),
                                  pytest.param('blog_cifar_horse', marks=pytest.mark.nightly), 'blog_dense'])
def test_checkpoints_of_2017s_graphs_under_tensorflow_1_0(name, tiny_data, tmp_path):
    python = interpreter('DCGAN_TF1_PYTHON_TF10', 'Python 3.6 with TensorFlow 1.0.1')
    env = {key: value for key, value in os.environ.items() if not key.startswith('PYTHON')}
    out = subprocess.check_output([python, os.path.join(HELPERS, 'legacy_2017.py'), name, str(tmp_path)],
                                  env=dict(env, TF_CPP_MIN_LOG_LEVEL='3'), stderr=subprocess.DEVNULL)
    written = json.loads(out.decode().splitlines()[-1])  # 1.0.1 says that it has frozen the graph
    assert written['version'] == '1.0.1'
    assert written['variables'] == VARIABLES[name]  # the golden lists are 2017's own
    assert written['powers'] == {scope: 'beta1_power' + suffix for scope, suffix in POWERS[name].items()}
    with np.load(str(tmp_path / 'expected.npz')) as arrays:
        for source in written['prefix'], checkpoint_paths.resolve(str(tmp_path / 'frozen.pb')):
            images = sampling.generate(PRESETS[name], source, arrays['z'], dropout=False)
            np.testing.assert_allclose(images.reshape(arrays['images'].shape), arrays['images'], atol=1e-5)
    if name == 'blog_mnist':
        assert written['updates'] == 14
        # Training goes on from it, too, although it has no global_step.
        status, text, err = run_process(
            'train', '--init_checkpoint=' + written['prefix'], '--data_dir=' + tiny_data,
            '--run_dir={}'.format(tmp_path / 'runs'), '--max_steps=1', '--batch_size=4')
        assert status == 0 and 'starting from the variables' in text, err


@pytest.mark.parametrize('name', [pytest.param('blog_mnist', marks=pytest.mark.nightly),
                                  pytest.param('blog_dense', marks=pytest.mark.slow)])
def test_checkpoints_go_both_ways_between_1_15_and_the_release_at_hand(name, tiny_data, tmp_path):
    old = interpreter('DCGAN_TF1_PYTHON_TF115', 'Python 3.7 with TensorFlow 1.15.5')
    flags = ['--preset=' + name, '--batch_size=8', '--data_dir=' + tiny_data]
    folders = {}
    for who, extra in (('new', {}), ('old', {'python': old})):
        parent = str(tmp_path / who)
        status, out, err = run_process('train', '--max_steps=3', '--run_dir=' + parent, *flags, **extra)
        assert status == 0 and ('TensorFlow 1.15.5' in out) == (who == 'old'), err
        folders[who] = os.path.join(parent, '00000-' + name)
    for who, folder in folders.items():
        images = {}
        for reader, extra in (('new', {}), ('old', {'python': old})):
            npz = str(tmp_path / '{}-{}.npz'.format(who, reader))
            status, _, err = run_process('sample', '--run=' + folder, '--n=16', '--dropout=off', '--npz=' + npz,
                                         '--out=' + npz + '.png', **extra)
            assert status == 0, err
            with np.load(npz) as arrays:
                images[reader] = arrays['images']
        np.testing.assert_allclose(images['new'], images['old'], atol=1e-5)
        assert images['new'].std() > 0.01
    # And training goes on in the other release.
    for who, extra in (('old', {}), ('new', {'python': old})):
        status, out, err = run_process('train', '--max_steps=4', '--resume=must', '--run_dir=' + folders[who],
                                       *flags, **extra)
        assert status == 0 and 'going on at step 3' in out, err
        assert checkpoint.list_steps(os.path.join(folders[who], 'checkpoints')) == [3, 4]
