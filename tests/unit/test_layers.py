"""The layers against NumPy."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.marks import NEEDS_BFLOAT16

from dcgan_tf1.gan import layers, moving_averages


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(7)
        yield tf_graph


def run(*fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches if len(fetches) > 1 else fetches[0])


X = np.random.RandomState(0).randn(6, 5, 4, 3).astype(np.float32) * 2 + 1


def normalised(x, mean, variance):
    return (x - mean) / np.sqrt(variance + 1e-3)


@pytest.mark.parametrize('kind, bessel', [('fused', 120 / 119), ('moments', 1.0)])
def test_batch_norm_in_training(kind, bessel):
    ctx = layers.BatchContext('real', training=True, batch_norm=kind)
    y = layers.batch_norm(tf.constant(X), ctx)
    updates = moving_averages.updates([ctx])
    mean, variance = X.mean((0, 1, 2)), X.var((0, 1, 2))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(y), normalised(X, mean, variance), atol=1e-5)
        values = {v.op.name: session.run(v) for v in tf.global_variables()}
        np.testing.assert_array_equal(values['batch_normalization/moving_mean'], np.zeros(3))  # not moved yet
        session.run(updates)
        values = {v.op.name: session.run(v) for v in tf.global_variables()}
    np.testing.assert_allclose(values['batch_normalization/moving_mean'], 0.01 * mean, rtol=1e-4)
    # rtol must tell Bessel's correction (0.8 % of 1 % here) from none: look at the step alone.
    step = (values['batch_normalization/moving_variance'] - 0.99) / 0.01
    np.testing.assert_allclose(step, variance * bessel, rtol=1e-3)


def test_batch_norm_of_vectors_by_the_fused_kernel():
    """Bessel's correction in the moving variance, which vectors don't have otherwise."""
    x, moved = X.reshape(6, 60), {}
    for fused in (True, False):
        ctx = layers.BatchContext('real', training=True)
        name = 'fused' if fused else 'plain'
        y = layers.batch_norm(tf.constant(x), ctx, fused_vectors=fused, name=name)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            np.testing.assert_allclose(session.run(y), normalised(x, x.mean(0), x.var(0)), atol=1e-4)
            moved[fused] = session.run(ctx.statistics[0].variance)
    np.testing.assert_allclose(moved[True], x.var(0) * 6 / 5, rtol=1e-4)
    np.testing.assert_allclose(moved[False], x.var(0), rtol=1e-4)
    assert {v.op.name for v in tf.trainable_variables()} == {
        kind + part for kind in ('fused', 'plain') for part in ('/gamma', '/beta')}


def test_batch_norm_in_inference_uses_the_averages_and_moves_nothing():
    ctx = layers.BatchContext('sample', training=False)
    y = layers.batch_norm(tf.constant(X), ctx)
    np.testing.assert_allclose(run(y), normalised(X, 0.0, 1.0), atol=1e-5)
    assert ctx.statistics == []


def test_updates_read_their_average_after_the_control_dependencies():
    first = layers.BatchContext('real', training=True)
    second = layers.BatchContext('fake', training=True)
    with tf.variable_scope('d', reuse=tf.AUTO_REUSE):
        layers.batch_norm(tf.constant(X), first)
    with tf.variable_scope('d', reuse=tf.AUTO_REUSE):
        layers.batch_norm(tf.constant(3 * X), second)
    with tf.control_dependencies(moving_averages.updates([first])):
        updates = moving_averages.updates([second])
    for _ in range(20):  # a race would not show every time
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(updates)
            moved = session.run(tf.global_variables()[2])
        mean = X.mean((0, 1, 2))
        np.testing.assert_allclose(moved, 0.99 * 0.01 * mean + 0.01 * 3 * mean, rtol=1e-4)


def test_dense_and_conv2d():
    flat = layers.dense(tf.constant(X.reshape(6, 60)), 7)
    image = layers.conv2d(tf.constant(X), 8, 3, strides=2)
    variables = {v.op.name: v for v in tf.global_variables()}
    flat, image, kernel, conv = run(flat, image, variables['dense/kernel'], variables['conv2d/kernel'])
    np.testing.assert_allclose(flat, X.reshape(6, 60) @ kernel, atol=1e-4)
    assert image.shape == (6, 3, 2, 8)
    # SAME with kernel 3, stride 2: height 5 is padded by one on both sides, width 4 after its end only.
    padded = np.pad(X, ((0, 0), (1, 1), (0, 1), (0, 0)), 'constant')
    np.testing.assert_allclose(image[:, 1, 1], np.einsum('nhwc,hwco->no', padded[:, 2:5, 2:5], conv), atol=1e-4)


@pytest.mark.parametrize('kernel, stride, padding, shape, given', [
    (4, 1, 'VALID', (8, 7), False), (3, 2, 'SAME', (10, 8), False), (4, 2, 'SAME', (10, 8), False),
    (5, 1, 'SAME', (5, 4), False), (4, 2, 'VALID', (12, 10), False), (5, 2, 'SAME', (9, 8), True)])
def test_conv2d_transpose_is_the_adjoint_of_the_convolution(kernel, stride, padding, shape, given):
    y = layers.conv2d_transpose(tf.constant(X), 2, kernel, stride, padding, size=shape if given else None)
    assert y.shape.as_list()[1:] == list(shape) + [2]
    other = np.random.RandomState(1).randn(6, *(shape + (2,))).astype(np.float32)
    weights = tf.global_variables()[0]
    back = tf.nn.conv2d(tf.constant(other), weights, [1, stride, stride, 1], padding)
    y, back = run(y, back)
    np.testing.assert_allclose((y * other).sum(), (back * X).sum(), rtol=1e-4)


def test_names_are_numbered_and_restart_with_the_scope():
    for _ in range(2):
        with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
            layers.dense(layers.dense(tf.zeros([2, 3]), 4), 5)
    assert [v.op.name for v in tf.global_variables()] == [
        'generator/dense/kernel', 'generator/dense/bias', 'generator/dense_1/kernel', 'generator/dense_1/bias']


def test_names_of_another_programs_layers():
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        for _ in range(2):  # within one scope: a name is not numbered
            layers.dense(tf.zeros([2, 3]), 4, name='lin', variables=('Matrix', 'bias'))
            layers.conv2d(tf.zeros([2, 4, 4, 3]), 5, 3, name='conv', variables=('w', 'biases'))
            layers.conv2d_transpose(tf.zeros([2, 4, 4, 3]), 5, 3, name='up', variables=('w', 'biases'))
    assert [v.op.name for v in tf.global_variables()] == ['generator/' + name for name in (
        'lin/Matrix', 'lin/bias', 'conv/w', 'conv/biases', 'up/w', 'up/biases')]


def test_initial_weights_are_glorot_uniform_and_a_function_of_seed_and_name():
    def weights(seed, names):
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            for name in names:
                with tf.variable_scope(name):
                    layers.dense(tf.zeros([1, 300]), 200)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                return {v.op.name: session.run(v) for v in tf.global_variables()}

    first, other_order, other_seed = weights(1, 'ab'), weights(1, 'ba'), weights(2, 'ab')
    limit = np.sqrt(6 / 500)
    kernel = first['a/dense/kernel']
    assert 0.99 * limit < kernel.max() <= limit and -limit <= kernel.min() < -0.99 * limit
    assert abs(kernel.std() - limit / np.sqrt(3)) < 0.001
    np.testing.assert_array_equal(kernel, other_order['a/dense/kernel'])
    assert not np.array_equal(kernel, first['b/dense/kernel'])
    assert not np.array_equal(kernel, other_seed['a/dense/kernel'])
    assert not first['a/dense/bias'].any()


def kernels(initializer, seed=1, build=lambda how: layers.dense(tf.zeros([1, 300]), 200, kernel_initializer=how)):
    """The kernels of two layers with the same initializer."""
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        for name in 'ab':
            with tf.variable_scope(name):
                build(initializer)
        return run(*[v for v in tf.global_variables() if v.op.name.endswith('kernel')])


def test_initial_weights_of_a_gain_and_truncated():
    limit, found = np.sqrt(6 / 500) * np.sqrt(2), np.abs(kernels(layers.glorot_uniform(np.sqrt(2)))[0])
    assert 0.99 * limit < found.max() <= limit
    found = kernels(layers.truncated_normal(0.02))[0]
    assert abs(found.std() - 0.0176) < 3e-4 and abs(found.mean()) < 3e-4 and 0.0395 < np.abs(found).max() <= 0.04
    assert np.abs(kernels(layers.normal(0.02))[0]).max() > 0.06


def test_the_gradient_through_spectral_normalisation_takes_the_singular_vectors_as_constants():
    """Miyato et al., 2018, equation 12: the power iteration is not differentiated."""
    draw, gain = np.random.RandomState(0), 2.5
    x, w = draw.randn(4, 5).astype(np.float32), draw.randn(4, 3).astype(np.float32)
    ctx = layers.BatchContext('real', True, spectral_gain=gain)
    y = layers.dense(tf.constant(x), 3, spectral_norm=ctx)
    kernel, u = [next(v for v in tf.global_variables() if v.op.name == 'dense/' + name) for name in ('kernel', 'u')]
    found, kernel, u = run(tf.gradients(tf.reduce_sum(y * w), kernel)[0], kernel, u)
    v = u[0] @ kernel.T
    v /= np.linalg.norm(v)
    moved = v @ kernel
    sigma = np.linalg.norm(moved)
    moved /= sigma
    by_kernel = gain * x.T @ w
    expected = by_kernel / sigma - (by_kernel * kernel).sum() / sigma ** 2 * np.outer(v, moved)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_plain_initializer_of_tensorflow_is_seeded_by_the_graphs_seed_and_the_variables_name():
    plain = tf.random_normal_initializer(0.0, 0.02)
    first, second = kernels(plain)
    assert abs(first.std() - 0.02) < 2e-4 and abs(first.mean()) < 4e-4
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal([first, second], kernels(plain))
    np.testing.assert_array_equal([first, second], kernels(layers.normal(0.02)))
    assert not np.array_equal(first, kernels(plain, seed=2)[0])
    assert plain.seed is None  # the user's object is left as it was


@pytest.mark.parametrize('build', [
    lambda how: layers.conv2d(tf.zeros([1, 4, 4, 30]), 20, 3, kernel_initializer=how),
    lambda how: layers.conv2d_transpose(tf.zeros([1, 4, 4, 30]), 20, 3, kernel_initializer=how)])
def test_convolutions_take_initializers_of_tensorflow_as_well(build):
    for plain, ours in ((tf.glorot_uniform_initializer(), layers.glorot_uniform()),
                        (tf.random_normal_initializer(0.0, 0.02), layers.normal(0.02))):
        np.testing.assert_array_equal(kernels(plain, build=build), kernels(ours, build=build))


def test_an_initializer_with_a_seed_keeps_it_and_a_constant_is_one():
    first, second = kernels(tf.random_normal_initializer(0.0, 0.02, seed=5))
    np.testing.assert_array_equal(first, second)
    # As TensorFlow has it, together with the graph's.
    assert not np.array_equal(first, kernels(tf.random_normal_initializer(0.0, 0.02, seed=5), seed=2)[0])
    assert all((kernel == 0.5).all() for kernel in kernels(tf.constant_initializer(0.5)))


def test_leaky_relu():
    for conv_impl in ('native', 'mixed'):
        with layers.compute_policy('float32', conv_impl):
            np.testing.assert_allclose(run(layers.leaky_relu(tf.constant([-2.0, 0.0, 3.0]), 0.01)), [-0.02, 0, 3])


ONES = np.ones((50, 200), np.float32)


def masks(seed=7, dropout_seed=3, name='real', layer=0):
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        ctx = layers.BatchContext(name, training=True, dropout_seed=tf.constant(dropout_seed))
        with tf.variable_scope('d'):
            outputs = [layers.dropout(tf.constant(ONES), 0.8, ctx) for _ in range(2)]
        return run(outputs[layer])


def test_dropout_keeps_the_share_and_the_mean():
    y = masks()
    np.testing.assert_allclose(np.unique(y), [0, 1.25])
    assert abs((y > 0).mean() - 0.8) < 0.015
    # Four elements share one random number: they must not hang together, nor may any column.
    lanes = [(y > 0)[:, lane::4] for lane in range(4)]
    for lane, others in zip(lanes, (lanes[1:], lanes[2:], lanes[3:], [])):
        assert abs(lane.mean() - 0.8) < 0.02
        assert all(abs((lane & other).mean() - 0.64) < 0.02 for other in others)
    assert (y > 0).mean(axis=0).min() > 0.5 and (y > 0).mean(axis=0).std() < 0.08


def test_dropout_keeps_what_is_no_share_of_256_exactly():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        dropout_seed = tf.placeholder(tf.int32, [])
        ctx = layers.BatchContext('real', training=True, dropout_seed=dropout_seed)
        kept = tf.reduce_mean(tf.cast(layers.dropout(tf.ones([20, 1000]), 0.8, ctx) > 0, tf.float64))
        found = [session.run(kept, {dropout_seed: number}) for number in range(400)]
        assert abs(np.mean(found) - 0.8) < 5e-4  # 205 of 256 would be off by 8e-4, 204 by 31e-4
        all_kept = layers.dropout(tf.ones([20, 1000]), 1.0, ctx)
        assert session.run(tf.reduce_min(all_kept), {dropout_seed: 1}) == 1


def test_dropout_of_an_odd_number_of_elements():
    ctx = layers.BatchContext('real', training=True, dropout_seed=tf.constant(1))
    y = run(layers.dropout(tf.constant(np.ones((400, 3, 1), np.float32)), 0.5, ctx))
    assert y.shape == (400, 3, 1) and abs((y > 0).mean() - 0.5) < 0.05
    np.testing.assert_allclose(np.unique(y), [0, 2])


def test_dropout_masks_are_a_function_of_seed_draw_pass_and_layer():
    np.testing.assert_array_equal(masks(), masks())
    others = [masks(seed=8), masks(dropout_seed=4), masks(name='fake'), masks(layer=1)]
    for other in others:  # independent: they agree in 0.8^2 + 0.2^2 of the places
        assert abs((masks() == other).mean() - 0.68) < 0.02


@pytest.mark.parametrize('before', ['conv2d', 'batch_norm'])
def test_dropout_whose_factor_a_layer_before_multiplied_by(before):
    """Values and gradients as where dropout multiplies for itself; see dropout_gain()."""
    x, weights = [np.random.RandomState(i).randn(6, 5, 5, 4).astype(np.float32) for i in range(2)]
    found = []
    for conv_impl in ('native', 'mixed'):
        with tf.Graph().as_default(), layers.compute_policy('float32', conv_impl):
            tf.set_random_seed(7)
            ctx = layers.BatchContext('real', training=True, dropout_seed=tf.constant(3))
            gain = layers.dropout_gain(0.8, ctx)
            assert gain == (1.0 if conv_impl == 'native' else 1.25)
            y = layers.conv2d(tf.constant(x), 4, 3, gain=gain) if before == 'conv2d' else \
                layers.batch_norm(tf.constant(x), ctx, gain=gain)
            y = layers.dropout(layers.leaky_relu(y, 0.1), 0.8, ctx, gain)
            variables = tf.trainable_variables()
            # Biases and beta are 0 at first, which would hide that they are multiplied, too.
            moved = [tf.assign_add(each, tf.fill(each.shape, 0.3)) for each in variables]
            gradients = tf.gradients(tf.reduce_sum(y * weights), variables)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(moved)
                found.append(session.run([y] + gradients))
    for native, mixed in zip(*found):
        np.testing.assert_allclose(mixed, native, rtol=1e-5, atol=1e-5)
    assert 0.1 < (found[0][0] == 0).mean() < 0.3
    off = layers.BatchContext('real', training=True)
    with layers.compute_policy('float32', 'mixed'):
        assert layers.dropout_gain(0.8, off) == 1


def test_dropout_off_is_the_identity():
    x = tf.constant(ONES)
    assert layers.dropout(x, 0.8, layers.BatchContext('sample', training=False)) is x


@NEEDS_BFLOAT16
def test_gradients_of_biases_and_batch_norm_are_summed_up_exactly_in_bfloat16():
    """TensorFlow's own BiasAddGrad loses a third of a sum of this length."""
    x, other = [np.random.RandomState(i).randn(64, 14, 14, 8).astype(np.float32) + 0.1 for i in range(2)]
    gradients = {}
    for precision in ('float32', 'bfloat16'):
        with layers.compute_policy(precision, 'mixed'), tf.variable_scope(precision):
            plain = layers.conv2d(tf.constant(x), 4, 1)
            dense = layers.dense(tf.reshape(tf.constant(x), [-1, 8]), 4)
            normal = layers.batch_norm(tf.cast(tf.constant(x), precision), layers.BatchContext('real', training=True))
            found = []
            for y, names in ((plain, ['conv2d/bias']), (dense, ['dense/bias']),
                             (normal, ['batch_normalization/gamma', 'batch_normalization/beta'])):
                wanted = [v for v in tf.trainable_variables(precision) if v.op.name.split('/', 1)[1] in names]
                weight = np.resize(other, [int(d) for d in run(tf.shape(y))])
                found += tf.gradients(tf.reduce_sum(tf.cast(y, tf.float32) * weight), wanted)
            gradients[precision] = run(*found)
    for exact, found in zip(gradients['float32'], gradients['bfloat16']):
        assert np.linalg.norm(found - exact) < 0.01 * np.linalg.norm(exact)


def test_up_sampling_and_pooling():
    x = X[:, :4]  # even sizes
    np.testing.assert_array_equal(run(layers.upsample(tf.constant(x))), x.repeat(2, axis=1).repeat(2, axis=2))
    blocks = x.reshape(6, 2, 2, 2, 2, 3)
    np.testing.assert_allclose(run(layers.average_pool(tf.constant(x))), blocks.mean((2, 4)), atol=1e-6)


def test_a_1x1_convolution_may_change_places_with_up_sampling_and_pooling():
    """What the ResNets' shortcuts rely on, biases included."""
    x = tf.constant(X[:, :4])
    for resize in (layers.upsample, layers.average_pool):
        def convolve(images):
            with tf.variable_scope('shortcut', reuse=tf.AUTO_REUSE):
                return layers.conv2d(images, 7, 1)

        one, other = convolve(resize(x)), resize(convolve(x))
        bias = next(v for v in tf.global_variables() if v.op.name == 'shortcut/conv2d/bias')
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(tf.assign(bias, np.arange(7)))
            np.testing.assert_allclose(session.run(one), session.run(other), atol=1e-5)
