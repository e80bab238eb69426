"""The benchmark's arithmetic, and that each implementation takes a step."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, command_environment

BENCHMARKS = os.path.join(ROOT, 'benchmarks')
sys.path.insert(0, BENCHMARKS)

import train_step  # noqa: E402


def test_operations_of_a_step():
    assert abs(train_step.step_flops(64) / 1e9 - 59.3) < 0.1
    assert train_step.step_flops(128) == 2 * train_step.step_flops(64)


def test_names_say_what_they_are():
    for preset, implementations in train_step.IMPLEMENTATIONS.items():
        names = [one.name for one in implementations]
        assert len(set(names)) == len(names) and preset in train_step.BATCHES
        for part in ('2017', 'dcgan_tf1', 'torch', 'keras', 'tf1.15') if preset == 'blog_mnist' else ('dcgan_tf1',):
            assert any(part in one.name and one.quick for one in implementations), part


@pytest.mark.parametrize('worker', ['graph2017', 'dcgan_tf1', 'keras', 'keras_tutorial'])
def test_a_worker_takes_steps(worker):
    if worker.startswith('keras') and sys.version_info < (3, 10):
        pytest.skip('Keras 3 comes with newer TensorFlow')
    legacy = '0' if worker.startswith('keras') else '1'
    environment = command_environment(TF_USE_LEGACY_KERAS=legacy, KERAS_BACKEND='tensorflow')
    process = subprocess.run([sys.executable, os.path.join(BENCHMARKS, 'workers.py'), worker], check=True,
                             input='steps 2\nabout\n', stdout=subprocess.PIPE, text=True,
                             env=environment)
    steps, about = [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{')]
    assert len(steps['seconds']) == 2 and all(0 < seconds < 60 for seconds in steps['seconds'])
    assert about['peak_memory_bytes'] > 1e8 and 'tensorflow' in about['versions']
