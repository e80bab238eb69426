"""The convolutions' ways as measured: what is taken, kept and recorded, and that it changes the speed alone."""

import collections
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, command_environment, run_command
from helpers.marks import REPEATING, SLOW_OR_NIGHTLY

from dcgan_tf1 import train
from dcgan_tf1.gan import convolution_timing, winograd
from dcgan_tf1.gan.convolution_timing import TOGETHER, Case
from dcgan_tf1.gan.convolutions import PRODUCTS, TILES, WAYS, Convolution, Geometry
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.parallel.cluster import Cluster
from dcgan_tf1.training import lowering, record
from dcgan_tf1.util import devices, processor
from dcgan_tf1.util.compute_policy import ComputePolicy
from dcgan_tf1.util.errors import UserError

SMALL = Geometry(7, 8, 16, 5, 4, 2, 'SAME')  # which all ways can compute but the one for four taps
WAYS_OF_SMALL = {product: [way for way in ways if way != 'winograd4x2'] for product, ways in WAYS.items()}
TABLE = {SMALL.key: {'forward': 'matmul', 'to_input': 'blocks', 'to_kernel': 'native'}}
SYSTEM = PRESETS['blog_mnist']
USUAL = ComputePolicy('float32', 'mixed')


def test_the_key_of_a_geometry():
    assert SMALL.key == '7x8x16-5 4x4/2 SAME'


def test_the_convolutions_of_a_preset():
    uses = convolution_timing.uses_of(SYSTEM)
    assert [(use.scope, use.geometry.key, use.transposed) for use in uses] == [
        ('generator/conv2d_transpose', '7x7x256-512 4x4/1 VALID', True),
        ('generator/conv2d_transpose_1', '14x14x128-256 3x3/2 SAME', True),
        ('generator/conv2d_transpose_2', '28x28x1-128 3x3/2 SAME', True),
        ('discriminator/conv2d', '28x28x1-128 3x3/2 SAME', False),
        ('discriminator/conv2d_1', '14x14x128-256 3x3/2 SAME', False),
        ('discriminator/conv2d_2', '7x7x256-512 3x3/2 SAME', False)]
    assert convolution_timing.uses_of(PRESETS['keras_dense']) == []


@pytest.mark.slow_tf1
@pytest.mark.parametrize('preset', [pytest.param(name, marks=[pytest.mark.slow] * (name in REPEATING))
                                    for name in sorted(PRESETS)])
def test_of_every_preset_they_are_found(preset):
    uses = convolution_timing.uses_of(PRESETS[preset])
    assert len({use.scope for use in uses}) == len(uses)
    assert bool(uses) == (preset not in ('blog_dense', 'keras_dense', 'autoencoder', 'vae'))


def test_every_way_is_timed_that_is_exact_enough():
    found = convolution_timing.seconds([SMALL, SMALL], 'float32', 2, rounds=2)
    assert set(found) == {Case(SMALL.key, product, way) for product in PRODUCTS for way in WAYS_OF_SMALL[product]} | {
        Case(SMALL.key, TOGETHER, way) for way in ('winograd2x2', 'winograd4x4')}
    assert all(0 < took < 10 for took in found.values())
    convolve = Convolution(8, 8, 1, 3, 1, 'SAME', 'native')
    assert convolve.candidates('to_kernel', tf.bfloat16) == ['matmul']
    assert convolve.candidates('to_input', tf.float32) == ['native', 'matmul']
    # Windows in tiles: not for few channels, fewer windows than a tile has, windows of a tap or of too many, or where
    # zeros around the taps or the windows cost what is saved.
    for sizes, float32, bfloat16 in (
            ((8, 8, 16, 3, 1), '2x2 4x4', '2x2 4x4'), ((8, 7, 64, 4, 2), '2x2 4x4', '2x2 4x4'),
            ((8, 8, 15, 3, 1), '', ''), ((1, 8, 16, 3, 1), '', ''), ((3, 8, 16, 3, 1), '2x2', '2x2'),
            ((8, 8, 16, 2, 2), '', ''), ((8, 8, 16, 4, 1), '2x2 4x4', '2x2 4x2'), ((8, 8, 16, 5, 1), '2x2', ''),
            ((8, 8, 16, 7, 1), '', ''), ((14, 14, 128, 3, 2), '', ''), ((7, 7, 64, 3, 2), '4x4', '4x4'),
            ((14, 14, 64, 5, 2), '4x4', '4x4')):
        for dtype, expected in ((tf.float32, float32), (tf.bfloat16, bfloat16)):
            ways = Convolution(*sizes + ('SAME', 'native')).candidates('forward', dtype)
            assert [way for way in ways if way in TILES] == ['winograd' + tile for tile in expected.split()], sizes


def test_a_table_of_another_precision_does_not_make_products_inexact():
    """TensorFlow's kernel gradient of one channel, the faster one in float32, is off by percents in bfloat16."""
    geometry = Geometry(8, 8, 1, 4, 3, 1, 'SAME')
    table = {geometry.key: {'forward': 'native', 'to_input': 'native', 'to_kernel': 'native'}}
    for precision, kind in (('float32', 'Conv2DBackpropFilter'), ('bfloat16', 'MatMul')):
        with tf.Graph().as_default() as graph:
            x, kernel = [tf.zeros(shape, precision) for shape in ((2, 8, 8, 1), (3, 3, 1, 4))]
            y = Convolution.of(geometry, table)(x, kernel)
            before = {op.name for op in graph.get_operations()}
            tf.gradients(y, kernel)
            kinds = {op.type for op in graph.get_operations() if op.name not in before}
            assert kinds & {'Conv2DBackpropFilter', 'MatMul'} == {kind}


def test_another_way_than_the_usual_one_is_taken_only_where_it_is_faster_by_more_than_chance():
    def way(native, matmul):
        found = {Case(SMALL.key, product, name): took for product in PRODUCTS
                 for name, took in (('native', native), ('matmul', matmul))}
        return lowering.fastest([SMALL], found, 'float32')[SMALL.key]['forward']

    assert convolution_timing.usual_way(SMALL, 'forward', 'float32') == 'native'
    assert [way(1.0, 0.96), way(1.0, 0.94), way(0.9, 1.0)] == ['native', 'matmul', 'native']
    assert lowering.fastest([SMALL], {}, 'float32')[SMALL.key] == {
        product: convolution_timing.usual_way(SMALL, product, 'float32') for product in PRODUCTS}


def test_one_way_for_all_products_is_taken_where_together_they_are_faster_by_more_than_chance():
    def ways(margin=lowering.MARGIN, **together):
        usual = {'forward': 'native', 'to_input': 'native', 'to_kernel': 'matmul'}
        found = {Case(SMALL.key, product, way): took for product in PRODUCTS
                 for way, took in ((usual[product], 1.0), ('winograd2x2', 1.1), ('winograd4x4', 1.2))}
        found.update({Case(SMALL.key, TOGETHER, way): took for way, took in together.items()})
        return list(lowering.fastest([SMALL], found, 'float32', margin)[SMALL.key].values())

    assert ways() == ways(winograd2x2=2.86) == ['native', 'native', 'matmul']
    assert ways(winograd2x2=2.84) == ways(winograd2x2=2.84, winograd4x4=2.85) == ['winograd2x2'] * 3
    assert ways(winograd2x2=2.86, winograd4x4=2.84) == ['winograd4x4'] * 3
    assert ways(lowering.BUSY_MARGIN, winograd2x2=2.41) == ['native', 'native', 'matmul']
    assert ways(lowering.BUSY_MARGIN, winograd2x2=2.39) == ['winograd2x2'] * 3


def test_a_product_is_timed_in_all_ways_or_where_that_takes_too_long_in_none(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(convolution_timing, 'time', types.SimpleNamespace(perf_counter=lambda: now[0]))

    def slow(cases):
        for number, case in enumerate(cases):
            yield case
            now[0] += 31 * (number == 4)

    found = convolution_timing.seconds([SMALL], 'float32', 2, progress=slow)
    timed = {case.product for case in found}
    assert timed and timed < set(PRODUCTS)
    assert set(found) == {Case(SMALL.key, product, way) for product in timed for way in WAYS_OF_SMALL[product]}


def test_the_largest_convolutions_are_timed_first_and_all_at_least_twice(monkeypatch):
    now, large, rounds = [0.0], SMALL._replace(filters=6), []
    monkeypatch.setattr(convolution_timing, 'time', types.SimpleNamespace(perf_counter=lambda: now[0]))

    def slow(cases):
        rounds.append(cases)
        now[0] += 7  # more than there is for all rounds together
        return cases

    both = {large.key, SMALL.key}
    assert {case.key for case in convolution_timing.seconds([SMALL, large], 'float32', 2, progress=slow)} == both
    assert len(rounds) == 2 and rounds[0] == rounds[1]
    assert list(dict.fromkeys(case.key for case in rounds[0])) == [large.key, SMALL.key]


def test_what_is_slow_in_two_rounds_is_timed_no_more(monkeypatch):
    def case(product, way):
        return Case(SMALL.key, product, way)

    times = {case('forward', 'native'): 1, case('forward', 'matmul'): 2.1, case('forward', 'winograd2x2'): 1.9,
             case('to_input', 'native'): 2, case('to_kernel', 'matmul'): 3,
             case(TOGETHER, 'winograd2x2'): 6.1, case(TOGETHER, 'winograd4x4'): 5.9}
    assert convolution_timing.hopeless(times) == {case('forward', 'matmul'), case(TOGETHER, 'winograd2x2')}
    rounds = []

    def progress(cases):
        rounds.append(cases)
        return cases

    slow = [case('forward', 'matmul')]
    monkeypatch.setattr(convolution_timing, 'hopeless', lambda times: slow)
    convolution_timing.seconds([SMALL], 'float32', 2, rounds=4, progress=progress)
    assert rounds[0] == rounds[1] and rounds[2] == rounds[3] == [each for each in rounds[0] if each not in slow]


@pytest.mark.parametrize('any_batch', [False, True])
def test_a_batch_of_unknown_size_is_timed_where_incomplete_ones_are_kept(any_batch, monkeypatch, tmp_path):
    sizes = set()

    def part_count(images, *_):
        sizes.add(images.shape.as_list()[0])
        return 1

    monkeypatch.setattr(winograd, '_part_count', part_count)
    convolution_timing.seconds([SMALL], 'float32', 2, rounds=1, any_batch=any_batch)
    assert sizes == {None if any_batch else 2}
    asked = []
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(convolution_timing, 'seconds', lambda *_, **options: asked.append(options) or {})
    preset = PRESETS['tf_tutorial' if any_batch else 'blog_mnist']
    lowering.choose(preset, USUAL, tf.ConfigProto(), lambda line: None)
    assert [options['any_batch'] for options in asked] == [any_batch]


@pytest.mark.slow_tf1
def test_patches_and_tiles_of_large_images_are_not_made_just_to_be_timed(monkeypatch):
    monkeypatch.setattr(convolution_timing, 'MAX_BYTES', 1000)
    ways = {(case.product, case.way) for case in convolution_timing.seconds([SMALL], 'float32', 2, rounds=1)}
    assert not ways & {('forward', 'matmul'), ('to_kernel', 'winograd2x2'), (TOGETHER, 'winograd4x4')}
    assert {('forward', 'native'), ('to_kernel', 'matmul')} < ways
    # The usual way is timed whatever it takes.
    few = SMALL._replace(channels=1)
    assert convolution_timing.usual_way(few, 'to_input', 'float32') == 'matmul'
    assert Case(few.key, 'to_input', 'matmul') in convolution_timing.seconds([few], 'float32', 2, rounds=1)


@pytest.mark.parametrize('number', range(5))
def test_each_way_of_a_table_gives_the_same_values(number):
    """Also what the table does not have."""
    table = {SMALL.key: {product: ways[number % len(ways)] for product, ways in WAYS_OF_SMALL.items()}}
    draw = np.random.RandomState(0)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x, kernel, dy = [tf.constant(draw.randn(*shape), tf.float32)
                         for shape in ((2, 7, 8, 16), (4, 4, 16, 5), (2, 4, 4, 5))]
        results = []
        for impl in ('native', table, {}):
            convolve = Convolution.of(SMALL, impl)
            before = {op.name for op in graph.get_operations()}
            y, back = convolve(x, kernel), convolve.transposed(dy, kernel)
            results.append(session.run([y, back] + tf.gradients(y, [x, kernel], dy)
                                       + tf.gradients(back, [dy, kernel], x)))
            kinds = {op.type for op in graph.get_operations() if op.name not in before}
            if impl == table:
                assert ('MatMul' in kinds) == bool({'matmul', *TILES} & set(table[SMALL.key].values()))
    for found in results[1:]:
        for value, expected in zip(found, results[0]):
            np.testing.assert_allclose(value, expected, atol=1e-5 * np.abs(expected).max())


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measurements that take no time, in a cache of the test's own: what was asked for."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    asked = []

    def seconds(geometries, precision, batch, config, progress, any_batch):
        asked.append((sorted(geometries), precision, batch))
        return {case: 1.0 if case.way == 'matmul' else 2.0 for case in progress([
            Case(geometry.key, product, way) for geometry in geometries for product in PRODUCTS
            for way in ('native', 'matmul')])}

    monkeypatch.setattr(convolution_timing, 'seconds', seconds)
    monkeypatch.setattr(processor, 'seconds_waited', lambda: 0)  # the machine of the tests may be busy
    monkeypatch.setattr(lowering, 'WORTH_STEPS', 1)
    return asked


def choose(policy=USUAL, **config):
    lines = []
    return lowering.choose(SYSTEM, policy, devices.session_config(**config), lines.append), lines


@pytest.mark.slow_tf1
def test_what_was_measured_is_kept_for_the_same_question_alone(measured, tmp_path, monkeypatch):
    first, lines = choose()
    assert first.conv_impl == 'measured' and first.why == 'float32, measured convolutions'
    assert first.built_by == first.convolutions and len(first.convolutions) == 4
    assert all(ways == dict.fromkeys(PRODUCTS, 'matmul') for ways in first.convolutions.values())
    assert 'measured 12 products of convolutions in 24 ways' in lines[0]
    assert '; forward of 14x14x128-256 3x3/2 SAME matmul' in lines[0]
    again, lines = choose()
    assert again == first and len(measured) == 1 and 'convolutions as measured before' in lines[0]
    choose(intra_op_threads=1)
    choose(ComputePolicy('bfloat16', 'mixed'))
    monkeypatch.setenv('TF_NUM_INTRAOP_THREADS', '1')  # which TensorFlow's threads go by as well
    choose()
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', 'AVX2')
    choose()
    monkeypatch.setattr(processor, 'cores_allowed', lambda: 0.5)  # in a container with a limit
    choose()
    monkeypatch.setitem(WAYS, 'forward', dict(WAYS['forward'], new=None))
    choose()
    assert [each[1:] for each in measured] == [('float32', 64)] * 2 + [('bfloat16', 64)] + [('float32', 64)] * 4
    assert len(os.listdir(str(tmp_path / 'cache' / 'dcgan_tf1'))) == 7


@pytest.mark.slow_tf1
def test_what_was_measured_while_other_work_kept_the_cores_is_not_kept(measured, monkeypatch, tmp_path):
    clock = iter(range(0, 10 ** 9, 10 ** 6))
    monkeypatch.setattr(processor, 'seconds_waited', lambda: next(clock))
    for number in (1, 2):
        found, lines = choose()
        assert found.conv_impl == 'measured' and len(measured) == number and len(lines) == 1
        assert 'while other work kept the cores (' in lines[0] and 'the next training measures anew' in lines[0]
        assert all(ways == dict.fromkeys(PRODUCTS, 'matmul') for ways in found.convolutions.values())  # half the time
    assert not (tmp_path / 'cache').exists()
    # Threads that are more than the cores, or than a container's limit, wait for each other.
    assert 'once on this machine' in choose(intra_op_threads=100000)[1][0]
    monkeypatch.setattr(processor, 'cores_allowed', lambda: 0.5)
    assert 'once on this machine' in choose(intra_op_threads=1)[1][0]


def test_a_busy_machine_takes_another_way_only_where_it_is_faster_by_far(measured, monkeypatch):
    clock = iter((0, 10 ** 6))
    monkeypatch.setattr(processor, 'seconds_waited', lambda: next(clock))
    monkeypatch.setattr(lowering, 'BUSY_MARGIN', 0.5)
    assert choose()[1][0].endswith('as --lowering=mixed')


WAITING = '''
import os, subprocess, sys, time
from dcgan_tf1.util import processor
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
other = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
try:
    before, end = processor.seconds_waited(), time.time() + 2
    while time.time() < end:
        pass
    print(processor.seconds_waited() - before)
finally:
    other.kill()
'''


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists('/proc/self/schedstat'), reason='this system does not say who waits for a core')
def test_who_shares_a_core_waits_for_it():
    waited = float(subprocess.run([sys.executable, '-c', WAITING], env=command_environment(), check=True,
                                  stdout=subprocess.PIPE).stdout)
    assert 0.3 < waited < 4


@pytest.mark.slow_tf1
def test_a_damaged_or_foreign_file_is_made_anew(measured):
    first, _ = choose()
    path = os.path.join(lowering.cache_folder(), os.listdir(lowering.cache_folder())[0])
    with open(path) as handle:
        whole = json.load(handle, object_pairs_hook=collections.OrderedDict)
    whole['convolutions'] = {'other': {}}
    texts = ['{', '{"question": 1, "convolutions": {}}', '\x00', '{"convolutions": {"x": "y"}}', json.dumps(whole)]
    for number, text in enumerate(texts, 2):
        with open(path, 'w') as handle:
            handle.write(text)
        found, lines = choose()
        assert found == first and 'once on this machine' in lines[0] and len(measured) == number, text
    choose()
    assert len(measured) == 1 + len(texts)


def test_without_a_place_to_keep_it_a_line_says_so(measured, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    found, lines = choose()
    assert found.conv_impl == 'measured' and 'what was measured is not kept: ' in lines[1]
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert lowering.cache_folder() == os.path.expanduser('~/.cache/dcgan_tf1')


@SLOW_OR_NIGHTLY
def test_a_run_keeps_what_it_began_with(measured, tiny_data, tmp_path):
    flags = ['--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'runs'), '--preset=blog_mnist',
             '--batch_size=4', '--device=cpu', '--precision=float32']
    status, out, err = run_command('train', '--max_steps=1', *flags)
    assert status == 0 and 'computing in float32, measured convolutions' in out, err
    path = tmp_path / 'runs' / '00000-blog_mnist' / 'config.json'
    before = json.loads(path.read_text(encoding='utf-8'))
    assert before['arithmetic']['lowering'] == 'measured' and len(before['arithmetic']['convolutions']) == 4
    assert before['flags']['lowering'] == 'auto' and len(measured) == 1
    status, out, err = run_command('train', '--max_steps=2', *flags)
    assert status == 0 and 'computing in float32, measured convolutions' in out and 'WARNING' not in out, err
    assert json.loads(path.read_text(encoding='utf-8'))['arithmetic'] == before['arithmetic'] and len(measured) == 1
    before['arithmetic']['convolutions']['28x28x1-128 3x3/2 SAME']['forward'] = 'magic'
    path.write_text(json.dumps(before), encoding='utf-8')
    check_one_line_error(run_command('train', '--max_steps=3', *flags), "as 'convolutions' of 'arithmetic'", 'magic')
    status, out, err = run_command('train', '--max_steps=3', '--lowering=mixed', *flags)
    assert status == 0 and 'this run computed in float32 with measured convolutions' in out, err


@SLOW_OR_NIGHTLY
def test_nothing_is_measured_for_a_few_steps_or_where_a_way_is_named(measured, tiny_data, tmp_path, monkeypatch):
    flags = ['--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'runs'), '--preset=blog_mnist',
             '--batch_size=4', '--device=cpu', '--max_steps=1', '--resume=never']
    assert run_command('train', '--lowering=matmul', *flags)[0] == 0
    monkeypatch.setattr(lowering, 'WORTH_STEPS', 2)
    status, out, _ = run_command('train', *flags)
    assert status == 0 and 'mixed convolutions' in out and measured == []


def test_the_help_text_says_from_which_step_on(capsys):
    assert train.parse_train(['--help']) is None
    text = ' '.join(capsys.readouterr().out.split())
    assert 'where {} steps or more are trained'.format(lowering.WORTH_STEPS) in text


def test_other_workers_take_the_table_of_the_chief():
    cpu = devices.Device('CPU', 'CPU', ('',), None)
    found = record.of_recorded(cpu, 'float32', 'measured', TABLE, 'the chief')
    assert found.built_by == TABLE and found.conv_impl == 'measured' and found.precision == 'float32'
    with pytest.raises(UserError, match='the chief: expected what was measured'):
        record.of_recorded(cpu, 'float32', 'measured', None, 'the chief')


def test_a_run_whose_table_has_the_former_winograd_goes_on_with_todays_and_says_so(tmp_path):
    before = {SMALL.key: {'forward': 'winograd', 'to_input': 'native', 'to_kernel': 'matmul'}}
    cpu = devices.Device('CPU', 'CPU', ('',), None)
    config = types.SimpleNamespace(precision='auto', lowering='auto', preset_file=None, xla=False, intra_op_threads=0,
                                   cluster=None)

    def resumed(table):
        lines = []
        (tmp_path / 'config.json').write_text(json.dumps({'identity': {'preset': 'blog_mnist'}, 'arithmetic': {
            'precision': 'float32', 'lowering': 'measured', 'convolutions': table}}))
        policy = record.choose_policy(config, cpu, types.SimpleNamespace(path=str(tmp_path), log=lines.append), 7)
        return policy.convolutions, [line for line in lines if 'Winograd' in line]

    today = {SMALL.key: dict(before[SMALL.key], forward='winograd2x2')}
    assert resumed(before) == (today, [
        "WARNING: until step 7 this run computed Winograd's convolutions as an earlier version did, now as this one "
        'does (--lowering=mixed has none of them), so it does not go on bit for bit'])
    assert resumed(today) == (today, [])


def test_what_was_measured_in_bfloat16_says_nothing_of_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, 'cpu_instructions', lambda: {'avx2'})
    cpu = devices.Device('CPU', 'CPU', ('',), None)
    policy = record.of_recorded(cpu, 'bfloat16', 'measured', TABLE, 'the run')
    assert (policy.precision, policy.conv_impl, policy.convolutions) == ('float32', 'mixed', None) and policy.warning
    # Nor where float32 is asked for.
    lines, arithmetic = [], {'precision': 'bfloat16', 'lowering': 'measured', 'convolutions': TABLE,
                             'workers': 1}
    (tmp_path / 'config.json').write_text(json.dumps({'identity': {'preset': 'blog_mnist'}, 'arithmetic': arithmetic}))
    config = types.SimpleNamespace(precision='float32', lowering='auto', preset_file=None, xla=True,
                                   intra_op_threads=0, cluster=Cluster(('a:1', 'b:1'), 0))
    policy = record.choose_policy(config, cpu, types.SimpleNamespace(path=str(tmp_path), log=lines.append), 7)
    assert (policy.precision, policy.conv_impl, policy.convolutions) == ('float32', 'mixed', None)
    assert 'WARNING: until step 7 this run computed in bfloat16 with measured convolutions' in lines
    assert [line for line in lines if 'with 1 worker(s), now with 2 (--worker_hosts' in line]
    assert [line for line in lines if line.startswith('WARNING: --xla: nothing is compiled on a CPU without TF_')]
