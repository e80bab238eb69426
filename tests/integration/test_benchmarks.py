"""The benchmark's arithmetic, and that each implementation takes a step."""

import dataclasses
import os
import sys

import pytest
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.places import ROOT

BENCHMARKS = os.path.join(ROOT, 'benchmarks')
sys.path.insert(0, BENCHMARKS)

import convolutions  # noqa: E402
import leave_out  # noqa: E402
import start_up  # noqa: E402
import time_to_quality  # noqa: E402
import train_step  # noqa: E402

from dcgan_tf1.gan import convolution_timing  # noqa: E402
from dcgan_tf1.gan.convolutions import PRODUCTS  # noqa: E402
from dcgan_tf1.gan.presets import PRESETS  # noqa: E402


def test_operations_of_a_step():
    assert abs(train_step.step_flops(64) / 1e9 - 59.3) < 0.1
    assert train_step.step_flops(128) == 2 * train_step.step_flops(64)
    assert abs(train_step.step_flops(64, 'dcgan') / 1e9 - 352.2) < 0.1
    assert train_step.step_flops(16, 'resnet_mnist') is None


@pytest.mark.parametrize('preset, names', [
    ('blog_mnist', ['{}/conv2d{}'.format(*name) for name in [
        ('generator', '_transpose' + number) for number in ('', '_1', '_2')]
        + [('discriminator', number) for number in ('', '_1', '_2')]]),
    ('dcgan', ['generator/g_h{}'.format(number) for number in (1, 2, 3, 4)]
     + ['discriminator/d_h{}_conv'.format(number) for number in (0, 1, 2, 3)])])
def test_the_timed_convolutions_are_those_of_a_step(preset, names):
    uses = convolution_timing.uses_of(PRESETS[preset])
    assert [use.scope for use in uses] == names
    updates = len(PRESETS[preset].schedule) - 1
    assert updates == convolutions.GENERATOR_UPDATES[preset]
    counted = sum(sum(convolutions.products_a_step(use, updates).values()) * convolutions.flops(use, 64)
                  for use in uses)
    dense = 2 * 64 * ((1 + 2 * updates) * 100 * 8192 + (6 + 2 * updates) * 8192)
    assert counted + dense == train_step.step_flops(64, preset)


@pytest.mark.slow
def test_the_convolutions_are_timed_in_every_way(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['convolutions.py', '--precision=float32', '--batch=2', '--rounds=1'])
    convolutions.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('blog_mnist, batch 2, float32; ') and len(lines) == 2 + 6 * 3 + 2 + 1
    assert lines[1].split()[-9:] == [
        'native', 'matmul', 'winograd2x2', 'winograd4x2', 'winograd4x4', 'blocks', 'mixed', 'auto', 'GFLOP/s']
    totals = dict(part.split() for part in lines[-1].split(': ')[1].replace('all of a step, ms', '').split(', '))
    assert set(totals) == {'native', 'matmul', 'mixed', 'auto'}
    assert all(float(took) > 0 for took in totals.values())


def test_what_products_share_is_counted_once():
    def share(ways, **together):
        seconds = {('key', product, way): 2. for product in PRODUCTS for way in ('native', 'winograd2x2')}
        seconds.update({('key', convolution_timing.TOGETHER, way): took for way, took in together.items()})
        return convolutions.shared(seconds, 'key', dict(zip(PRODUCTS, ways)))

    assert share(['winograd2x2'] * 3, winograd2x2=4.5, winograd4x4=3) == 0.75
    assert share(['winograd2x2'] * 3, winograd2x2=6.5) == 1  # by chance, or for want of cache
    assert share(['native'] * 3, winograd2x2=3) == share(['native', 'winograd2x2', 'winograd2x2'], winograd2x2=3) == 1


def test_names_say_what_they_are():
    parts = {'blog_mnist': ('2017', 'dcgan_tf1', 'torch', 'keras', 'tf1.15'),
             'dcgan': ("the author's", 'dcgan_tf1', 'torch')}
    for preset, implementations in train_step.IMPLEMENTATIONS.items():
        names = [one.name for one in implementations]
        assert len(set(names)) == len(names) and preset in train_step.BATCHES
        for part in parts.get(preset, ('dcgan_tf1',)):
            assert any(part in one.name and one.quick for one in implementations), part


def test_time_to_quality_tells_when_the_originals_last_distance_was_reached():
    def training(name, ready, rows):
        found = time_to_quality.Training.__new__(time_to_quality.Training)  # without a process
        found.name, found.ready, found.rows = name, ready, rows
        return found

    trainings = [training(time_to_quality.ORIGINAL, 4.0, [(10, 14.0, 90.0), (20, 24.0, 30.0)]),
                 training('blog_mnist', 3.0, [(10, 8.0, 40.0), (20, 13.0, 25.0)]),
                 training('cgan_mnist', 5.0, [(10, 12.0, 50.0)])]
    assert time_to_quality.table(trainings, 30.0).splitlines()[2:] == [
        '| the original graph | 4.0 s | 64 | 24 s | 20 | 30.0 | 30.0 |',
        '| `blog_mnist` | 3.0 s | 128 | 13 s | 20 | 25.0 | 25.0 |',
        '| `cgan_mnist` | 5.0 s | 91 | never |  | 50.0 | 50.0 |']
    assert time_to_quality.picture(trainings, 30.0, 2000).startswith(b'\x89PNG')


@pytest.mark.slow
@pytest.mark.once
def test_parts_of_a_step_are_left_out(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['leave_out.py', '--precision=float32', '--lowering=native', '--rounds=1'])
    monkeypatch.setattr(leave_out, 'PRESET', dataclasses.replace(leave_out.PRESET, batch_size=2))
    built, build = [], leave_out.graph.build_training_graph

    def counting(*args):
        handles = build(*args)
        names = [op.name for op in handles.losses.d_loss.graph.get_operations()]
        # The loss's own; TensorFlow 1's leaky ReLU is a Maximum.
        built.append([sum(part in name for name in names) > 0 for part in (
            'stateless_random_uniform', 'discriminator/dropout', 'discriminator/Maximum', 'FusedBatchNorm')])
        return handles

    monkeypatch.setattr(leave_out.graph, 'build_training_graph', counting)
    leave_out.main()
    assert built[0] == [True] * 4 and built[2:] == [[False, False, True, True], [False] * 3 + [True], [False] * 4]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('blog_mnist, batch 2, float32, native convolutions; ')
    assert [line[:24].strip() for line in lines[2:]] == [name for name, _ in leave_out.PARTS]
    assert all(float(line[24:].split()[0]) > 0 for line in lines[2:])


@SLOW_OR_NIGHTLY
def test_start_up_is_timed_until_the_first_step(tiny_data, monkeypatch):
    monkeypatch.setenv('DCGAN_TF1_DATA', tiny_data)
    assert 0.5 < start_up.seconds_to_first_step('blog_dense') < 120
    with pytest.raises(SystemExit, match='nonsense: expected a first step, found .*nonsense'):
        start_up.seconds_to_first_step('nonsense')


@SLOW_OR_NIGHTLY
@pytest.mark.parametrize('worker', ['graph2017', 'graph_carpedm20', 'dcgan_tf1', 'keras', 'keras_tutorial'])
def test_a_worker_takes_steps(worker, monkeypatch):
    if worker.startswith('keras') and sys.version_info < (3, 10):
        pytest.skip('Keras 3 comes with newer TensorFlow')
    monkeypatch.setattr(train_step, 'python_of', lambda environment: sys.executable)
    flags = ['--preset=dcgan', '--batch=2'] if worker == 'graph_carpedm20' else []
    process = train_step.Worker(train_step.IMPLEMENTATIONS['blog_mnist'][0]._replace(worker=[worker] + flags))
    seconds, about = process.steps(2), process.ask('about')
    process.close()
    assert len(seconds) == 2 and all(0 < each < 60 for each in seconds)
    assert about['peak_memory_bytes'] > 1e8 and 'tensorflow' in about['versions'] and about['processor_seconds'] > 0
