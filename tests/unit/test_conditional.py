"""Networks that take labels: what they make of them, which labels a step takes, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, layers, networks, noise, step_loop, updates
from dcgan_tf1.gan.layers import dense
from dcgan_tf1.gan.presets import PRESETS

CGAN = PRESETS['cgan_mnist']


def tiny_generator(z, ctx):
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        return tf.tanh(dense(tf.concat([z, ctx.labels], axis=1), 4))


def tiny_discriminator(x, ctx):
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        logits = dense(tf.concat([x, ctx.labels], axis=1), 1)
        return logits, tf.sigmoid(logits)


TINY = dataclasses.replace(
    CGAN, name='tiny', input_shape=(4,), image_shape=(2, 2, 1), z_dim=3, classes=3, batch_size=4, samples=3,
    generator=tiny_generator, discriminator=tiny_discriminator)


def test_a_logit_is_that_of_the_image_and_the_projection_on_its_class():
    """Miyato and Koyama, 2018: dense(h) + <embedding(label), h>, both kernels over their largest singular value."""
    draw = np.random.RandomState(0)
    x = draw.uniform(-1, 1, (4, 28, 28, 1)).astype(np.float32)
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        tf.set_random_seed(0)
        weights = tf.placeholder(tf.float32, [None, 10])
        ctx = layers.BatchContext('real', True, labels=weights)
        logits, _ = networks.sngan_discriminator(tf.constant(x), ctx)
        h = next(op for op in tf_graph.get_operations() if op.type == 'Reshape'
                 and op.outputs[0].shape.as_list() == [4, 8192]).outputs[0]
        kernels = [v for v in tf.trainable_variables() if '/dense' in v.name]
        step = [tf.assign(u, moved) for u, moved in ctx.power_iterations]
        session.run(tf.global_variables_initializer())
        for _ in range(300):  # until the iterations have found the singular values
            session.run(step[-2:], {weights: np.eye(10)[:4]})
        found = {name: session.run(logits, {weights: value}) for name, value in (
            ('none', np.zeros((4, 10))), ('labels', np.eye(10)[[3, 3, 7, 0]]),
            ('between', 0.25 * np.eye(10)[[3] * 4] + 0.75 * np.eye(10)[[7] * 4]),
            ('threes', np.eye(10)[[3] * 4]), ('sevens', np.eye(10)[[7] * 4]))}
        features, values = session.run(h), dict(zip([v.op.name for v in kernels], session.run(kernels)))
    norm = {name: value / np.linalg.svd(value, compute_uv=False)[0] for name, value in values.items()
            if value.ndim == 2}
    plain = features @ norm['discriminator/dense/kernel'] + values['discriminator/dense/bias']
    np.testing.assert_allclose(found['none'], plain, atol=1e-4)
    embedded = norm['discriminator/dense_1/kernel'][[3, 3, 7, 0]]
    np.testing.assert_allclose(found['labels'], plain + (embedded * features).sum(axis=1, keepdims=True), rtol=1e-3,
                               atol=1e-3)
    np.testing.assert_allclose(found['between'], 0.25 * found['threes'] + 0.75 * found['sevens'], atol=1e-4)


@pytest.mark.slow_tf1
def test_a_step_takes_the_labels_of_its_own_real_images():
    """Steps of the loop in the graph, against updates by hand with those labels."""
    draw = np.random.RandomState(1)
    images = draw.uniform(-1, 1, (12, 4)).astype(np.float32)
    labels = draw.randint(3, size=12).astype(np.int32)
    indices = np.array([[1, 5, 8, 2], [0, 3, 11, 7]], np.int32)
    z = draw.uniform(-1, 1, (2, 4, 3)).astype(np.float32)

    def trained(train):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(0)
            handles = graph.build_training_graph(TINY, total_steps=10)
            by_step = [handles.update(
                spec, handles.real, handles.noise, handles.dropout_seed, labels=handles.one_hot,
                progress=updates.Progress(step, (10 - step + 1) / 10)) for step in (1, 2) for spec in TINY.schedule]
            session.run(tf.global_variables_initializer())
            train(session, handles, by_step)
            return session.run({v.op.name: v for v in tf.global_variables() if v.op.name != 'global_step'})

    def by_loop(session, handles, by_step):
        step_loop.make_steps(session, handles, images, labels)(1, indices, z)

    def by_hand(of_step):
        def train(session, handles, by_step):
            for number, update in enumerate(by_step):
                step = number // 2
                session.run(update, {
                    handles.real: images[indices[step]], handles.noise: z[step],
                    handles.labels: of_step(indices[step]),
                    handles.dropout_seed: step_loop.dropout_seed_for(step + 1, number % 2)})
        return train

    loop, hand = trained(by_loop), trained(by_hand(lambda rows: labels[rows]))
    other = trained(by_hand(lambda rows: (labels[rows] + 1) % 3))
    assert set(loop) == set(hand)
    for name, value in loop.items():
        np.testing.assert_allclose(value, hand[name], rtol=1e-6, atol=1e-7, err_msg=name)
    assert not np.allclose(loop['discriminator/dense/kernel'], other['discriminator/dense/kernel'])


def test_a_sheet_has_a_column_for_each_class_and_a_row_for_each_noise():
    z, labels = noise.sample_inputs(CGAN, 25, 3, 'samples')
    assert labels.dtype == np.int32 and labels.tolist() == [i % 10 for i in range(25)]
    rows = noise.sample_noise(CGAN, 3, 3, 'samples')
    np.testing.assert_array_equal(z, rows.repeat(10, axis=0)[:25])
    plain, none = noise.sample_inputs(PRESETS['sngan_mnist'], 25, 3, 'samples')
    assert none is None and len(np.unique(plain, axis=0)) == 25


def test_without_labels_the_networks_are_those_of_the_preset_without():
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        ctx = layers.BatchContext('sample', False)
        networks.sngan_mnist_generator(tf.zeros([1, 100]), ctx)
        networks.sngan_discriminator(tf.zeros([1, 28, 28, 1]), ctx)
        shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    assert shapes['generator/dense/kernel'] == [100, 8192] and 'discriminator/dense_1/kernel' not in shapes


@pytest.mark.parametrize('fields, text', [
    ({'classes': 0}, 'Preset.classes: expected 1 or more, found 0'),
    ({'image_class': '7'}, "Preset.image_class: expected None beside classes, found '7'"),
    ({'noise_batches': (2,)}, 'Preset.noise_batches: expected batches of 1'),
    ({'incomplete_batch': 'keep'}, "incomplete_batch='drop'"),
    ({'samples': 9}, 'Preset.samples: expected one of each of the 10 classes or more, found 9'),
    ({'samples_noise': 'fakes'}, "Preset.samples_noise: expected 'fresh' or 'fixed' beside classes, found 'fakes'"),
    ({'splits': ('valid',)}, "Preset.splits: expected some of 'train' and 'test', found ('valid',)"),
    ({'input_shape': (784,), 'augment': ('cutout',)}, 'Preset.augment: expected images [N, H, W, C]'),
    ({'image_range': (0.0, 1.0), 'augment': ('color',)}, "Preset.augment: expected 'color' only of images in [-1, 1]"),
    ({'augment': ('turning',)}, "Preset.augment: expected some of 'translation', 'color', 'cutout', found 'turning'")])
def test_what_a_conditional_preset_can_not_be(fields, text):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(CGAN, **fields)
    assert text in str(caught.value)


def test_the_classes_of_a_checkpoint_by_its_variables():
    assert networks.cgan_sizes({'generator/dense/kernel': [104, 8192]}) == networks.cgan_sizes({}) == {}
    for name in ('cgan_mnist', 'cgan_fashion_mnist', 'cgan_cifar10'):
        with tf.Graph().as_default():
            preset = dataclasses.replace(PRESETS[name], classes=7, z_dim=20)
            graph.build_sampling_graph(preset)
            shapes = {variable.op.name: variable.shape.as_list() for variable in tf.global_variables()}
            assert preset.sizes_of_variables(shapes) == {'classes': 7, 'z_dim': 20}
