"""Precision, conv_impl, towers and the loop: what may change the speed of a step, and not its values."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import command_environment
from helpers.exports import LABELLED
from helpers.marks import NEEDS_BFLOAT16, SLOW_OR_NIGHTLY

from dcgan_tf1.gan import graph, layers, objectives, step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.updates import UpdateBuilder, network_trainables
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError

TF1 = tf.VERSION.startswith('1.')
IMAGES = 12
D_UPDATE, G_UPDATE = [
    objectives.UpdateSpec((objective,)) for objective in (objectives.D_OBJECTIVE, objectives.G_OBJECTIVE)]
NO_DROPOUT = {'dropout_when_training': False, 'dropout_when_sampling': False}


def data(preset, steps, batch=4, seed=0):
    """(images, indices [steps, batch], noises [steps, batch, z_dim])."""
    draw = np.random.RandomState(seed)
    return (np.tanh(draw.randn(IMAGES, *preset.input_shape)).astype(np.float32),
            draw.randint(IMAGES, size=(steps, batch)).astype(np.int32),
            draw.uniform(-1, 1, (steps, batch, preset.z_dim)).astype(np.float32))


def train(preset, images, indices, noises, calls=(None,), config=None, **how):
    """{variable: value} after the steps, which `calls` divides: (2, 3) for two, then three; batches as given."""
    images_a_step = len(indices[0]) // preset.image_batches
    preset = dataclasses.replace(preset, batch_size=images_a_step // len(how.get('towers', ('',))))
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset, **how)
        variables = {v.op.name: v for v in tf.global_variables()}
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            labels = None if preset.classes is None else np.arange(len(images), dtype=np.int32) % preset.classes
            steps, first = step_loop.make_steps(session, handles, images, labels), 0
            for count in calls:
                last = len(indices) if count is None else first + count
                steps(first + 1, indices[first:last], noises[first:last])
                first = last
            return session.run(variables)


@pytest.mark.slow_tf1
@pytest.mark.parametrize('name', [pytest.param('blog_mnist', marks=pytest.mark.slow), 'blog_dense'])
def test_the_division_of_steps_into_calls_changes_nothing(name):
    preset = PRESETS[name]
    given = data(preset, 5)
    whole, divided = train(preset, *given), train(preset, *given, calls=(1, 1, 3))
    assert whole['global_step'] == 5
    for key, value in whole.items():
        np.testing.assert_array_equal(value, divided[key], err_msg=key)


@pytest.mark.parametrize('what, rows', [('indices', (3, 4)), ('noises', (4, 3))])
def test_a_batch_of_another_size_is_an_error_where_incomplete_ones_are_dropped(what, rows):
    preset = dataclasses.replace(PRESETS['blog_dense'], batch_size=4)
    images, indices, noises = data(preset, 1)
    with tf.Graph().as_default(), tf.Session() as session:
        handles = graph.build_training_graph(preset)
        session.run(tf.global_variables_initializer())
        steps = step_loop.make_steps(session, handles, images)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r'\[3,.*\[4,'):
            steps(1, indices[:, :rows[0]], noises[:, :rows[1]])


@pytest.mark.slow_tf1
def test_a_step_of_the_loop_is_the_schedules_updates_one_after_the_other():
    preset = PRESETS['blog_dense']
    images, indices, noises = data(preset, 3)
    looped = train(preset, images, indices, noises)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset)
        updates = [handles.update(update, handles.real, handles.noise, handles.dropout_seed)
                   for update in preset.schedule]
        session.run(tf.global_variables_initializer())
        for step in range(3):
            for place, update in enumerate(updates):
                session.run(update, {handles.real: images[indices[step]], handles.noise: noises[step],
                                     handles.dropout_seed: step_loop.dropout_seed_for(step + 1, place)})
        for variable in tf.global_variables():
            if variable.op.name != 'global_step':
                np.testing.assert_allclose(session.run(variable), looped[variable.op.name], rtol=1e-6, atol=1e-7)


@SLOW_OR_NIGHTLY
def test_repeated_updates_are_built_once_and_give_the_same_bits(monkeypatch):
    """Three of the discriminator, each on images, noise and masks of its own, before the generator's on more noise."""
    preset = dataclasses.replace(
        PRESETS['blog_dense'], batch_size=4, image_batches=3, noise_batches=(1, 1, 1, 2), learning_rate_decay='linear',
        losses=('d_loss', 'g_loss'),
        schedule=tuple(objectives.UpdateSpec((objectives.D_OBJECTIVE,), images=i, noise=i) for i in range(3))
        + (objectives.UpdateSpec((objectives.G_OBJECTIVE,), noise=3),))
    assert [step_loop.repeated(preset, place) for place in range(4)] == [3, 2, 1, 1]
    assert step_loop.repeated(dataclasses.replace(preset, losses_when='mean'), 0) == 1
    assert step_loop.repeated(dataclasses.replace(preset, noise_batches=(1, 2, 1, 2)), 0) == 1
    assert [step_loop.repeated(PRESETS[name], 0) for name in ('resnet_mnist', 'dcgan', 'blog_mnist')] == [5, 1, 1]
    images, _, _ = data(preset, 1)
    draw = np.random.RandomState(1)
    given = (images, draw.randint(IMAGES, size=(3, 12)).astype(np.int32),
             draw.uniform(-1, 1, (3, 20, preset.z_dim)).astype(np.float32))
    once = train(preset, *given, total_steps=5)
    monkeypatch.setattr(step_loop, 'repeated', lambda preset, place: 1)
    one_by_one = train(preset, *given, total_steps=5)
    for key, value in one_by_one.items():
        np.testing.assert_array_equal(once[key], value, err_msg=key)
    other = train(preset, given[0], given[1][:, ::-1], given[2], total_steps=5)  # which images there are does matter
    assert any((other[key] != value).any() for key, value in once.items())


@pytest.mark.slow
@pytest.mark.parametrize('losses_when', ['after', 'before'])
def test_images_of_the_same_noise_and_weights_are_made_once_and_the_bits_are_the_same(losses_when, monkeypatch):
    """The discriminator's update and the generator's first share them; its second has new weights."""
    preset = dataclasses.replace(
        PRESETS['blog_dense'], batch_size=4, noise_batches=(1, 1), losses_when=losses_when, generator=with_batch_norm,
        losses=('d_loss', 'g_loss'),
        schedule=(D_UPDATE, G_UPDATE, G_UPDATE, D_UPDATE, D_UPDATE._replace(noise=1), G_UPDATE))
    images, indices, _ = data(preset, 3)
    noises = np.random.RandomState(1).uniform(-1, 1, (3, 8, preset.z_dim)).astype(np.float32)

    def trained(**changed):
        made.clear()
        return train(dataclasses.replace(preset, **changed), images, indices, noises), len(made)

    shared, passes = trained()
    dropping, all_dropping = trained(generator=with_dropout, dropout_when_training=True)
    monkeypatch.setattr(UpdateBuilder, '_keep', lambda *_: None)
    apart, all_passes = trained()
    # Beside those of the steps there are one of the losses and one of the samples.
    assert (passes, all_dropping, all_passes) == (4 + 2, 6 + 2, 6 + 2)
    assert set(shared) == set(apart) and dropping['global_step'] == 3
    for key, value in apart.items():
        np.testing.assert_array_equal(shared[key], value, err_msg=key)


made = []


def with_batch_norm(z, ctx):
    made.append(ctx)
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        return tf.tanh(layers.dense(layers.batch_norm(layers.dense(z, 16), ctx), 784))


def with_dropout(z, ctx):
    made.append(ctx)
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        return tf.tanh(layers.dropout(layers.dense(z, 784), 0.5, ctx))


def test_the_average_of_the_weights_forgets_faster_in_the_first_steps():
    preset = dataclasses.replace(PRESETS['blog_dense'], batch_size=4, ema_decay=0.5, ema_warmup=True)
    images, indices, noises = data(preset, 11)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset)
        weights = network_trainables('generator')
        averages = [v for v in tf.global_variables() if v.op.name.endswith('/ExponentialMovingAverage')]
        assert [v.op.name + '/ExponentialMovingAverage' for v in weights] == [v.op.name for v in averages]
        session.run(tf.global_variables_initializer())
        steps, expected = step_loop.make_steps(session, handles, images), session.run(weights)
        for step in range(1, 12):
            steps(step, indices[step - 1:step], noises[step - 1:step])
            decay = min(0.5, (1 + step) / (10 + step))  # from step 8 on half
            now = session.run(weights)
            expected = [decay * old + (1 - decay) * new for old, new in zip(expected, now)]
            for found, value in zip(session.run(averages), expected):
                np.testing.assert_allclose(found, value, atol=1e-6)
    # By more than that do weights and averages differ.
    assert max(np.abs(new - value).max() for new, value in zip(now, expected)) > 1e-3


@pytest.mark.parametrize('decay, factor', [('none', 1), ('linear', 0.5)])
def test_each_network_learns_at_its_own_rate(decay, factor):
    """Adam's first update moves a weight by the rate itself, whatever its gradient."""
    preset = dataclasses.replace(PRESETS['blog_dense'], batch_size=4, learning_rate=1.0, g_learning_rate=4e-3,
                                 d_learning_rate=1e-3, learning_rate_decay=decay, adam_epsilon=1e-12)
    images, indices, noises = data(preset, 1)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset, total_steps=4)
        session.run(tf.global_variables_initializer())
        kernels = {name: [v for v in network_trainables(name) if v.op.name.endswith('kernel')][-1]
                   for name in ('generator', 'discriminator')}
        before = session.run(kernels)
        step_loop.make_steps(session, handles, images)(3, indices, noises)  # the third of four: half is left
        after = session.run(kernels)
    for name, rate in (('generator', 4e-3), ('discriminator', 1e-3)):
        np.testing.assert_allclose(np.abs(after[name] - before[name]).max(), rate * factor, rtol=1e-3)


def evaluate(preset, given, **how):
    """The losses, every gradient, the samples and every average after a discriminator's update."""
    images, indices, noises = given
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset, **how)
        fetches = {'d_loss': handles.losses.d_loss, 'g_loss': handles.losses.g_loss, 'samples': handles.sample_images}
        for who, loss in (('generator', handles.losses.g_loss), ('discriminator', handles.losses.d_loss)):
            own = network_trainables(who)
            fetches.update({v.op.name: tf.zeros_like(v) if g is None else g
                            for v, g in zip(own, tf.gradients(loss, own))})
        session.run(tf.global_variables_initializer())
        feeds = {handles.real: images[indices[0]], handles.noise: noises[0], handles.dropout_seed: 5}
        found = session.run(fetches, feeds)
        session.run(handles.update(D_UPDATE, handles.real, handles.noise, handles.dropout_seed), feeds)
        found.update({v.op.name: session.run(v) for v in tf.global_variables() if 'moving_' in v.op.name})
        return found


@pytest.fixture(scope='module')
def in_float32():
    """get(name): (what is given, what `evaluate` finds in float32 by native convolutions), once for each preset."""
    made = {}

    def get(name):
        if name not in made:
            given = data(PRESETS[name], 1, batch=8 if name == 'blog_mnist' else 4)
            made[name] = given, evaluate(PRESETS[name], given)
        return made[name]

    return get


# Under TensorFlow 1.15.5, where building these graphs takes minutes, one of them; nightly the others.
@pytest.mark.parametrize('name, conv_impl', [pytest.param('blog_mnist', 'mixed', marks=pytest.mark.slow)] + [
    pytest.param('tf_tutorial', 'mixed', marks=SLOW_OR_NIGHTLY)] + [
    pytest.param(*case, marks=pytest.mark.nightly)
    for case in (('blog_mnist', 'matmul'), ('blog_cifar_horse', 'mixed'), ('cntk', 'mixed'), ('dcgan', 'mixed'),
                 ('resnet_mnist', 'mixed'))])
def test_lowerings_give_the_same_losses_gradients_and_averages(name, conv_impl, in_float32):
    given, expected = in_float32(name)
    found = evaluate(PRESETS[name], given, conv_impl=conv_impl)
    assert set(expected) == set(found)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-5 * max(1, np.abs(value).max()), err_msg=key)


@pytest.mark.slow
def test_the_bias_before_a_batch_norm_moves_its_mean_in_every_conv_impl():
    """The arithmetic may leave such a bias out, the moving average of the mean may not."""
    preset = dataclasses.replace(PRESETS['blog_mnist'], learning_rate=0.0, **NO_DROPOUT)
    means = {}
    for conv_impl in ('native', 'mixed'):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(0)
            handles = graph.build_training_graph(preset, conv_impl=conv_impl)
            update = handles.update(D_UPDATE, handles.real, handles.noise, handles.dropout_seed)
            session.run(tf.global_variables_initializer())
            values = {v.op.name: v for v in tf.global_variables()}
            values['discriminator/conv2d_1/bias'].load(np.full(256, 3, np.float32), session)
            images, indices, noises = data(preset, 1)
            session.run(update, {handles.real: images[indices[0]], handles.noise: noises[0], handles.dropout_seed: 0})
            means[conv_impl] = session.run(values['discriminator/batch_normalization/moving_mean'])
    np.testing.assert_allclose(means['mixed'], means['native'], rtol=1e-4)
    assert abs(means['mixed'].mean() - 3 * (1 - 0.99 ** 2)) < 0.02


@pytest.mark.skipif(TF1, reason='no float16 batch norm on a CPU in TensorFlow 1.15')
@pytest.mark.parametrize('precision, tolerance', [pytest.param('bfloat16', 0.01, marks=NEEDS_BFLOAT16), pytest.param(
    'float16', 0.005, marks=pytest.mark.slow)])
def test_low_precisions_stay_close(precision, tolerance, in_float32):
    if precision == 'bfloat16' and devices.choose_compute_policy(CPU, precision).warning:
        pytest.skip('a processor without instructions for bfloat16, for which the trainer takes float32')
    given, expected = in_float32('blog_mnist')
    found = evaluate(PRESETS['blog_mnist'], given, precision=precision, conv_impl='mixed')
    for key, value in expected.items():
        assert found[key].dtype == np.float32, key
        if 'loss' in key or key == 'samples' or 'moving_' in key:
            assert np.linalg.norm(found[key] - value) < tolerance * np.linalg.norm(value), key
        elif key == 'generator/conv2d_transpose_2/bias':  # one sum over all pixels, whose terms cancel
            assert abs(found[key] - value) < 0.05 * np.linalg.norm(expected[key.replace('bias', 'kernel')]), key
        elif np.abs(value).max() > 1e-6:  # else a bias before a batch norm: rounding about zero
            # Where rounding moves a value over leaky ReLU's edge its gradient changes a
            # hundredfold, so gradients agree in direction and size, not in every element.
            cosine = (found[key] * value).sum() / np.linalg.norm(found[key]) / np.linalg.norm(value)
            assert cosine > 0.98, (key, cosine)
            np.testing.assert_allclose(np.linalg.norm(found[key]), np.linalg.norm(value), rtol=0.1, err_msg=key)


@pytest.mark.slow
@pytest.mark.skipif(TF1, reason='no float16 batch norm on a CPU in TensorFlow 1.15')
def test_float16_learns_the_same_by_scaling_its_loss():
    preset = dataclasses.replace(PRESETS['blog_mnist'], **NO_DROPOUT)
    given = data(preset, 1, batch=8)
    before, after = [train(preset, *given, precision=p) for p in ('float32', 'float16')]
    # Adam's first step is the sign of the gradient times the learning rate.
    key = 'discriminator/conv2d_2/kernel'
    assert (np.sign(before[key + '/Adam']) == np.sign(after[key + '/Adam'])).mean() > 0.9
    np.testing.assert_allclose(np.linalg.norm(after[key + '/Adam']), np.linalg.norm(before[key + '/Adam']), rtol=0.02)


def two_devices():
    return tf.ConfigProto(device_count={'CPU': 2})


@pytest.mark.slow_tf1
@pytest.mark.parametrize('preset, atol', [
    pytest.param(PRESETS['blog_dense'], 1e-6, marks=pytest.mark.slow),
    (LABELLED, 2e-5)])  # a weight with hardly any gradient moves by chance, by 1e-5
def test_two_towers_equal_one_device_with_the_doubled_batch(preset, atol):
    """Without batch norm: the mean over the towers is the mean over the batch, each image with its label."""
    given = data(preset, 3, batch=8)
    one = train(preset, *given)
    two = train(preset, *given, towers=('/cpu:0', '/cpu:1'), config=two_devices())
    assert set(one) == set(two)
    for key, value in one.items():
        np.testing.assert_allclose(two[key], value, rtol=1e-4, atol=atol, err_msg=key)


@SLOW_OR_NIGHTLY
def test_two_towers_with_batch_norm_average_what_each_saw():
    preset = dataclasses.replace(PRESETS['blog_mnist'], learning_rate=0.0, **NO_DROPOUT)
    images, indices, noises = data(preset, 1, batch=8)
    two = train(preset, images, indices, noises, towers=('/cpu:0', '/cpu:1'), config=two_devices())
    one = train(preset, images, indices, noises)
    halves = [train(preset, images, indices[:, half], noises[:, half]) for half in (slice(0, 4), slice(4, 8))]
    for key in one:
        if 'moving_' in key or key.endswith('/Adam'):
            scale = np.abs(one[key]).max()
            np.testing.assert_allclose(two[key], (halves[0][key] + halves[1][key]) / 2, atol=1e-5 * max(1, scale),
                                       err_msg=key)
    # A batch norm of its own on each: the mean is the doubled batch's, the variance is not.
    key = 'generator/batch_normalization/moving_{}'
    np.testing.assert_allclose(two[key.format('mean')], one[key.format('mean')], atol=1e-6)
    key = key.format('variance')
    moved = np.abs(one[key] - 0.99 ** 2).max()
    assert np.abs(two[key] - one[key]).max() > 0.01 * moved


@pytest.mark.slow
def test_towers_compute_on_their_own_devices():
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(0)
        graph.build_training_graph(PRESETS['blog_mnist'], towers=('/cpu:0', '/cpu:1'))
        for kind in ('Conv2D', 'Conv2DBackpropFilter', 'MatMul', 'Tanh'):
            counts = [sum(op.type == kind and 'loop' in op.name and op.device.endswith(':{}'.format(i))
                          for op in tf_graph.get_operations()) for i in range(2)]
            assert counts[0] == counts[1] > 0, kind


CPU = devices.Device('CPU', 'CPU', ('',), None)


def gpu(major, minor):
    return devices.Device('GPU', 'GPU', ('',), (major, minor))


@pytest.mark.parametrize('device, instructions, release, expected, why', [
    (CPU, {'amx_bf16', 'avx512_bf16'}, (2, 21), 'bfloat16', 'has amx_bf16'),
    (CPU, {'avx512_bf16'}, (2, 16), 'bfloat16', 'has avx512_bf16'),
    (CPU, {'avx512_bf16'}, (2, 15), 'float32', 'lacks kernels for bfloat16'),
    (CPU, {'avx512f'}, (2, 21), 'float32', 'neither amx_bf16 nor avx512_bf16'),
    (CPU, {'amx_bf16'}, (1, 15), 'float32', 'lacks kernels for bfloat16'),
    (gpu(8, 0), set(), (2, 21), 'bfloat16', 'compute capability 8.0 or more'),
    (gpu(8, 0), set(), (1, 15), 'float16', 'compute capability 8.0'),
    (gpu(8, 0), set(), (2, 15), 'float16', 'lacks kernels for bfloat16'),
    (gpu(7, 0), set(), (2, 21), 'float16', 'compute capability 7.0 or more'),
    (gpu(0, 0), set(), (2, 21), 'float32', 'compute capability below 7.0')])
def test_auto_picks_by_what_the_machine_is_and_says_why(device, instructions, release, expected, why, monkeypatch):
    monkeypatch.setattr(devices, 'cpu_instructions', lambda: instructions)
    monkeypatch.setattr(devices, 'RELEASE', release)
    chosen = devices.choose_compute_policy(device)
    assert chosen.precision == expected and why in chosen.why and chosen.warning is None
    assert chosen.conv_impl == ('mixed' if device.kind == 'CPU' else 'native')
    for precision in ('bfloat16', 'float16'):
        asked = devices.choose_compute_policy(device, precision)
        can = expected == precision or precision == 'float16' and device.kind == 'GPU' and expected == 'bfloat16'
        assert asked.precision == (precision if can else 'float32')
        assert (asked.warning is None) == can
    assert devices.choose_compute_policy(device, 'float32', 'matmul')[:2] == ('float32', 'matmul')


def test_unknown_arithmetic_is_refused():
    with pytest.raises(UserError, match="--precision: expected one of auto, .*found 'float8'"):
        devices.choose_compute_policy(CPU, 'float8')
    with pytest.raises(UserError, match="--lowering: expected one of auto, .*found 3"):
        devices.choose_compute_policy(CPU, 'auto', 3)


@pytest.mark.slow
def test_the_number_of_threads_holds_although_the_device_is_looked_up_first():
    """A process's first session sets it for all of them."""
    script = """
import time
import tensorflow.compat.v1 as tf
from dcgan_tf1.util import devices
config = devices.session_config('cpu', 1, 1)
devices.find('cpu', config=config)
with tf.Graph().as_default(), tf.Session(config=config) as session:
    product = tf.matmul(*[tf.random.uniform([2000, 2000]) for _ in range(2)]).op
    session.run(product)
    wall, cpu = time.time(), time.process_time()
    for _ in range(5):
        session.run(product)
    print((time.process_time() - cpu) / (time.time() - wall))
"""
    out = subprocess.check_output([sys.executable, '-c', script], env=command_environment(), stderr=subprocess.DEVNULL)
    assert float(out) < 1.3
