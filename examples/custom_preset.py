"""A system of your own: one hidden layer in each network.

As a file of presets for any command:

    dcgan-train --preset_file=custom_preset.py --preset=tiny
    dcgan-sample --run=runs/00000-tiny

or as a program, which trains it and takes the flags of dcgan-train:

    python custom_preset.py --max_steps=100
"""

import sys

import tensorflow.compat.v1 as tf

import dcgan_tf1 as dcgan
from dcgan_tf1.gan import losses
from dcgan_tf1.gan.layers import dense, leaky_relu
from dcgan_tf1.gan.objectives import D_OBJECTIVE, G_OBJECTIVE, UpdateSpec
from dcgan_tf1.gan.presets import StepInterval


def tiny_generator(z, ctx):
    """z [N, 16] -> flat images [N, 784] in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 64, kernel_initializer=tf.random_normal_initializer(stddev=0.2))
        x = leaky_relu(x, 0.2)                              # [N, 64]
        return tf.tanh(dense(x, 784))                       # [N, 784]


def tiny_discriminator(x, ctx):
    """Flat images [N, 784] -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = leaky_relu(dense(x, 64), 0.2)                   # [N, 64]
        logits = dense(x, 1)                                # [N, 1]
        return logits, tf.sigmoid(logits)


TINY = dcgan.Preset(
    name='tiny', title='a GAN of one hidden layer', input_shape=(784,), z_dim=16, noise='normal', steps=200,
    generator=tiny_generator, discriminator=tiny_discriminator, loss=losses.hinge,
    # Two updates of the discriminator, each on images and noise of its own, then one of the generator.
    schedule=(UpdateSpec((D_OBJECTIVE,), images=0, noise=0), UpdateSpec((D_OBJECTIVE,), images=1, noise=1),
              UpdateSpec((G_OBJECTIVE,), noise=2)),
    image_batches=2, noise_batches=(1, 1, 1), log_every=StepInterval(50, 'steps'))

if __name__ == '__main__':  # as a program: the trainer executes this file, too, and registers the preset
    from dcgan_tf1 import train
    sys.exit(train.main(['--preset_file=' + __file__, '--preset=tiny'] + sys.argv[1:]))

dcgan.register_preset(TINY)
