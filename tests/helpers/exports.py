"""Checkpoints to export, and what the session makes of them; shared by the tests of exports."""

import contextlib
import dataclasses
import functools
import os

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, layers
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, sampling
from dcgan_tf1.util.seeds import draw_noise
from helpers.marks import REPEATING


def _labelled_generator(z, ctx):
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = layers.leaky_relu(layers.dense(layers.with_labels(z, ctx), 64), 0.2)
        return tf.tanh(layers.dense(x, 784))


def _labelled_discriminator(x, ctx):
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = layers.leaky_relu(layers.dense(layers.with_labels(x, ctx), 64), 0.2)
        logits = layers.dense(x, 1)
        return logits, tf.sigmoid(logits)


# The smallest conditional preset; no command knows it but within `registered`. It is sampled at a temperature, as
# is the next one.
LABELLED = dataclasses.replace(PRESETS['blog_dense'], name='labelled_dense', title='dense networks with labels',
                               classes=10, temperature=0.9, generator=_labelled_generator,
                               discriminator=_labelled_discriminator)
# The same with averaged weights, and samples of each class once, as cgan_mnist has them.
AVERAGED = dataclasses.replace(LABELLED, name='averaged_dense', ema_decay=0.999, samples=10)
# More classes than the page has columns for.
MANY = dataclasses.replace(LABELLED, name='many_dense', classes=14, samples=14)
# A small one of images that are not square, whose sides halve unevenly. It is not told by a checkpoint's variables.
ODD = dataclasses.replace(PRESETS['dcgan'].with_image_shape((45, 61, 3)), name='odd_dcgan', gf_dim=8, df_dim=8,
                          noise='uniform01', temperature=0.8, sizes_of_variables=None)


# A ResNet of a quarter of the width.
RESNET = dataclasses.replace(PRESETS['resnet_cifar_horse'].with_mode('small'), name='resnet_small', mode=None)


# What is exported in the tests; the networks of cgan_fashion_mnist are those of cgan_mnist.
NAMES = [name for name in PRESETS if name != 'cgan_fashion_mnist'] + [LABELLED.name, ODD.name, RESNET.name]
# One of each kind of network: the others nightly. Other tests have the kinds of cntk's layers, and colour.
OFTEN = [name for name in NAMES if name not in REPEATING + (
    'blog_cifar_horse', 'cntk', 'resnet_cifar_horse', 'sngan_cifar_horse')]


def preset_of(name):
    return {each.name: each for each in (LABELLED, AVERAGED, MANY, ODD, RESNET)}.get(name) or PRESETS[name]


@contextlib.contextmanager
def registered(name):
    """Lets the commands know a preset, if they don't yet."""
    added = name not in PRESETS
    if added:
        PRESETS[name] = preset_of(name)
    try:
        yield
    finally:
        if added:
            del PRESETS[name]


def make_checkpoint(name, folder):
    """A checkpoint of a preset as after 7 steps, with averages away from where they start."""
    preset = preset_of(name)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        graph.build_inference_graph(preset, with_discriminator=preset.discriminator is not None)
        variables = tf.global_variables()
        session.run(tf.global_variables_initializer())
        draw = np.random.RandomState(2)
        for variable in variables:
            if not variable.op.name.endswith(('kernel', '/Matrix', '/w')):
                shape, name = variable.shape.as_list(), variable.op.name
                value = draw.normal(0, 0.3, shape)
                if 'variance' in name or 'gamma' in name:
                    # A ResNet's activations grow from block to block; of the others, these make images with contrast.
                    spread = 1.0 if preset.name.startswith('resnet') else 0.05
                    value = draw.uniform(spread, 4 * spread, shape) if 'variance' in name \
                        else draw.uniform(0.5, 1, shape)
                session.run(variable.initializer, {variable.initializer.inputs[1]: value})
        names = graph.sampled_variables(preset, variables)
        return tf.train.Saver(names).save(session, os.path.join(str(folder), 'model.ckpt'), global_step=7)


def noise(name, count):
    return draw_noise(3, 'test', 0, (count, preset_of(name).z_dim), preset_of(name).noise)


def labels(name, count):
    """All classes in turn, from the last one on; None of a preset that takes no labels."""
    classes = preset_of(name).classes
    return None if classes is None else ((np.arange(count) - 1) % classes).astype(np.int32)


def feeds(first, of_classes):
    """{the tensor's name: array} of noise or images, under the name `first`, and labels, if there are some."""
    return dict([first] + ([] if of_classes is None else [('inputs_labels:0', of_classes)]))


def remembered(function):
    """Calls `function` once for each (preset, checkpoint, arrays): tests of one export ask for the same."""
    made = {}

    @functools.wraps(function)
    def call(name, prefix, *arrays):
        key = (name, prefix) + tuple(None if array is None else (array.shape, array.tobytes()) for array in arrays)
        if key not in made:
            made[key] = function(name, prefix, *arrays)
            made[key].setflags(write=False)
        return made[key]

    return call


@remembered
def expected_images(name, prefix, z, of_classes=None):
    """What a session of the sampling graph makes of noise and labels, dropout off."""
    return sampling.generate(preset_of(name), prefix, z, dropout=False, device='cpu', conv_impl='native',
                             labels=of_classes)


@remembered
def expected_logits(name, prefix, images, of_classes=None):
    """What a session of the discriminator makes of images [N] + image_shape and labels."""
    preset = preset_of(name)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        real = tf.placeholder(tf.float32, (None,) + preset.input_shape)
        one_hot = None if of_classes is None else tf.one_hot(of_classes, preset.classes)
        logits, _ = preset.discriminator(real, preset.batch_context('real', False, labels=one_hot))
        checkpoint.restore(session, prefix, checkpoint.by_name(tf.global_variables()))
        return session.run(logits, {real: images.reshape((-1,) + preset.input_shape)})
