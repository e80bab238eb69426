"""benchmarks/gpu_check.py: what it says without a GPU, that all of its checks run, and what its rows are made of."""

import collections
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import PATIENCE, command_environment
from helpers.places import ROOT

BENCHMARKS = os.path.join(ROOT, 'benchmarks')
sys.path.insert(0, BENCHMARKS)

import gpu_checks  # noqa: E402
import gpu_devices  # noqa: E402
import gpu_runs  # noqa: E402
import gpu_steps  # noqa: E402

from dcgan_tf1.gan.catalogue import PRESET_TITLES  # noqa: E402

TINY = ['--allow_cpu', '--torch_python=', '--quick', '--batch=4', '--rounds=1', '--turn_s=0.01', '--train_steps=8',
        '--samples=64']


def check(outdir, *flags):
    """Runs the command without a GPU: (status, output, errors, the JSON)."""
    done = subprocess.run(
        [sys.executable, os.path.join(BENCHMARKS, 'gpu_check.py'), '--outdir={}'.format(outdir)] + list(flags),
        env=command_environment(CUDA_VISIBLE_DEVICES='-1', PATH=os.defpath), check=False, capture_output=True,
        text=True, timeout=PATIENCE)
    path = os.path.join(str(outdir), 'gpu_check.json')
    with open(path) if os.path.exists(path) else open(os.devnull) as handle:
        return done.returncode, done.stdout, done.stderr, json.loads(handle.read() or 'null')


def program(folder, name, text):
    """A program of that name which prints a text, the first that the PATH finds."""
    path = folder / name
    path.write_text("#!/bin/sh\ncat <<'END'\n{}\nEND\n".format(text))
    path.chmod(0o755)


# ------------------------------------------------------------------------- without a GPU

@pytest.mark.slow_tf1
def test_without_a_gpu_it_says_what_is_missing_and_how_to_get_it(tmp_path):
    status, out, _, found = check(tmp_path, '--torch_python=', '--only=training')
    assert status == 1
    last = out.strip().splitlines()[-1]
    assert last.startswith('no GPU: expected one that TensorFlow uses, found none (')
    assert 'To get it: ' in out and {'missing', 'get'} == set(found['missing'][0])
    assert not found['has_gpu'] and found['machine']['gpus'] == []
    assert {row['check'] for row in found['rows']} == {'devices'}  # nothing else was tried
    assert found['versions']['tensorflow'] == tf.VERSION


def test_what_can_not_be_done_is_one_line(tmp_path):
    for flags, parts in (
            (['--python=/no/such'], ('--python: expected an interpreter, found /no/such',)),
            (['--outdir={}/x'.format(__file__)], ('error: ', 'Not a directory')),
            (['--only=nothing'], ('--only=nothing: expected a part of one of devices, ', 'found none')),
            (['--torch_python=' + os.devnull], ('--torch_python: expected an interpreter with PyTorch, found ',))):
        status, _, err, _ = check(tmp_path, *flags)
        last = err.strip().splitlines()[-1]
        assert status != 0 and 'error: ' in last and all(part in last for part in parts), err


def test_what_the_budget_leaves_no_time_for_is_named(tmp_path):
    status, out, _, found = check(tmp_path, '--allow_cpu', '--torch_python=', '--only=export,resume', '--budget_s=1')
    assert status == 0, out
    left_out = {row['check']: row['left_out'] for row in found['rows'] if row['name'] != 'PyTorch'}
    assert left_out == dict.fromkeys(['devices', 'export', 'resume'], '--budget_s=1 is spent')


def checked(outdir, checks, *flags):
    """The rows of some checks on the processor, by their names: all ran without an error, and are printed."""
    status, out, _, found = check(outdir, *TINY + list(flags))
    assert status == 0, out
    assert {row['check'] for row in found['rows']} == set(checks)
    rows = {row['name']: row for row in found['rows']}
    assert not [row for row in rows.values() if row.get('error')]
    assert all(row['name'] in out for row in found['rows'])
    return rows


@pytest.mark.slow
@pytest.mark.once
def test_some_checks_run_on_the_processor(tmp_path):
    rows = checked(tmp_path, ('devices', 'sampling', 'num_gpus'), '--only=sampling,num_gpus')
    assert '--num_gpus=2: expected 2 GPUs' in rows['--num_gpus=2']['note']
    assert rows['this device against the CPU, with its dropout']['difference'] == 0


@pytest.mark.nightly
@pytest.mark.once
def test_all_checks_run_on_the_processor(tmp_path):
    rows = checked(tmp_path, gpu_checks.QUICK)
    for name in ('blog_mnist: dcgan_tf1: float32', 'blog_mnist: 2017 graph: tf.layers, feed_dict, float32'):
        assert abs(rows[name]['images_per_second'] * rows[name]['step_ms'] / 1e3 - 4) < 1e-6
    assert rows['two undisturbed runs']['equal'] and rows['killed and resumed']['equal']
    assert rows['this device against the CPU, with its dropout']['difference'] == 0
    assert rows['export, frozen graph']['difference'] < 1e-5


# -------------------------------------------------------------------------- what rows say

def test_cards_are_those_of_nvidia_smi(tmp_path, monkeypatch):
    program(tmp_path, 'nvidia-smi', 'NVIDIA H100 80GB HBM3, 580.159.04, 81559, 9.0')
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    assert gpu_devices.cards() == [
        {'name': 'NVIDIA H100 80GB HBM3', 'driver': '580.159.04', 'memory_mib': 81559.0, 'capability': '9.0'}]


def test_a_card_may_not_tell_its_memory(tmp_path, monkeypatch):
    program(tmp_path, 'nvidia-smi', 'NVIDIA GB10, 580.95.05, [N/A], 12.1')
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    assert gpu_devices.cards() == [
        {'name': 'NVIDIA GB10', 'driver': '580.95.05', 'memory_mib': None, 'capability': '12.1'}]
    assert gpu_devices.find_driver()['note'] == (
        'NVIDIA GB10, memory not known, compute capability 12.1, driver 580.95.05')
    assert 'in use by all: NVIDIA GB10' in gpu_steps.memory_row('x', 42, None)['note']


def test_memory_is_that_of_the_process(tmp_path, monkeypatch):
    # Of the process on two cards, the one that computes.
    program(tmp_path, 'nvidia-smi', '41, 1200\n42, 800\n42, 470\n43, 79000')
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    row = gpu_steps.memory_row('x', 42, 80000)
    assert row == {'name': 'x', 'gpu_memory_mib': 800.0, 'note': '800 of 80000 MiB (1.0%)'}
    assert 'found 79000 of 80000 MiB (98.8%)' in gpu_steps.memory_row('x', 43, 80000)['error']
    assert 'does not name the process' in gpu_steps.memory_row('x', 44, 80000)['note']


def test_an_error_is_the_line_that_says_what_went_wrong(tmp_path):
    path = tmp_path / 'log'
    for text, line in (('Traceback\n  File x\nValueError: no\n\nnote\n', 'ValueError: no'), ('a\nb\n\n', 'b'),
                       ('x\nerror: --y: expected z\n', 'error: --y: expected z'), ('', 'no output')):
        path.write_text(text)
        with open(str(path), 'rb') as log:
            assert gpu_steps.last_error(log) == line


def test_each_preset_is_timed_in_every_precision():
    assert sorted(name for name in gpu_checks.CHECKS if name.startswith('train_step.')) == sorted(
        'train_step.' + preset for preset in PRESET_TITLES)
    for preset in PRESET_TITLES:
        lines = gpu_steps.lines_of(preset)
        names = [line.name for line in lines]
        assert len(set(names)) == len(names) and any(line.quick for line in lines)
        for precision in ('float32', 'bfloat16', 'float16'):
            assert 'dcgan_tf1: ' + precision in names
            assert ('dcgan_tf1: {}, --xla'.format(precision) in names) == (preset in gpu_steps.WITH_XLA)
        assert any(line.torch for line in lines) == (preset in ('blog_mnist', 'dcgan', 'resnet_mnist'))
    for preset, first in (('blog_mnist', '2017 graph'), ('dcgan', "the author's graph")):
        assert gpu_steps.lines_of(preset)[0].name == first + ': tf.layers, feed_dict, float32'


def test_a_resumed_run_that_differs_where_undisturbed_ones_do_not_has_failed():
    resumed = {'name': 'killed and resumed', 'equal': False, 'note': '3 of 4 variables are equal'}
    assert gpu_runs.as_exact_as({'equal': True}, resumed)['error'].endswith('equal, found: 3 of 4 variables are equal')
    # Undisturbed runs differ on a GPU whose sums are in any order.
    assert gpu_runs.as_exact_as({'equal': False}, resumed) == resumed
    assert gpu_runs.as_exact_as({'equal': True}, dict(resumed, equal=True)) == dict(resumed, equal=True)


def test_gpus_that_tensorflow_uses_are_there_without_nvidia_smi():
    row = gpu_devices.seen_without_nvidia_smi(
        {'name': 'driver', 'note': 'nvidia-smi lists no GPU', 'missing': 'a GPU', 'get': 'a driver'},
        {'title': 'NVIDIA T4'})
    assert row['cards'][0]['name'] == 'NVIDIA T4' and 'missing' not in row
    assert row['note'] == 'nvidia-smi lists no GPU, but TensorFlow uses some'


def test_the_difference_of_two_runs_is_that_of_their_weights(tmp_path):
    runs = []
    for name, shift in (('one', 0.0), ('same', 0.0), ('other', 0.5)):
        runs.append(collections.namedtuple('Run', 'run')(str(tmp_path / name)))
        with tf.Graph().as_default(), tf.Session() as session:
            for variable, value in (('weight', [3.0, 4.0 + shift]), ('weight/Adam', [9.0 * shift, 0.0]), ('b', [1.0])):
                tf.get_variable(variable, initializer=np.array(value, np.float32))
            saver = tf.train.Saver()
            session.run(tf.global_variables_initializer())
            os.makedirs(os.path.join(runs[-1].run, 'checkpoints'))
            saver.save(session, os.path.join(runs[-1].run, 'checkpoints', 'model.ckpt'), global_step=7)
    assert gpu_runs.difference(runs[0], runs[1], 7) is None
    assert gpu_runs.difference(runs[0], runs[2], 7) == (
        '1 of 3 variables are equal; weights are 5.0e-01 apart at most (weight), {:.1e} of their norm'.format(
            0.5 / 26 ** 0.5))
