"""Checkpoints to export, and what the session makes of them; shared by the tests of exports."""

import functools
import os

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, layers
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, sampling
from dcgan_tf1.util.seeds import draw_noise

NAMES = list(PRESETS)


def make_checkpoint(name, folder):
    """A checkpoint of a preset as after 7 steps, with averages away from where they start."""
    preset = PRESETS[name]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        graph.build_inference_graph(preset, with_discriminator=preset.discriminator is not None)
        variables = tf.global_variables()
        session.run(tf.global_variables_initializer())
        draw = np.random.RandomState(2)
        for variable in variables:
            if not variable.op.name.endswith(('kernel', 'Matrix', '/w')):
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
    return draw_noise(3, 'test', 0, (count, PRESETS[name].z_dim), PRESETS[name].noise)


def remembered(function):
    """Calls `function` once for each (preset, checkpoint, array): tests of one export ask for the same."""
    made = {}

    @functools.wraps(function)
    def call(name, prefix, array):
        key = name, prefix, array.shape, array.tobytes()
        if key not in made:
            made[key] = function(name, prefix, array)
            made[key].setflags(write=False)
        return made[key]

    return call


@remembered
def expected_images(name, prefix, z):
    """What a session of the sampling graph makes of noise, dropout off."""
    return sampling.generate(PRESETS[name], prefix, z, dropout=False, device='cpu', conv_impl='native')


@remembered
def expected_logits(name, prefix, images):
    """What a session of the discriminator makes of images [N] + image_shape."""
    preset = PRESETS[name]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        real = tf.placeholder(tf.float32, (None,) + preset.input_shape)
        logits, _ = preset.discriminator(real, layers.BatchContext('real', training=False))
        checkpoint.restore(session, prefix, checkpoint.by_name(tf.global_variables()))
        return session.run(logits, {real: images.reshape((-1,) + preset.input_shape)})
