"""A preset file with a small conditional preset: all that those of the package have, in layers of 32 units.

Its steps don't depend on how a batch is divided: no batch norm, no kink but the hinge, nothing augmented.
"""

import dataclasses

import tensorflow.compat.v1 as tf

import dcgan_tf1 as dcgan
from dcgan_tf1.gan.layers import dense


def generator(z, ctx):
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = tf.tanh(dense(tf.concat([z, ctx.labels], axis=1), 32))
        return tf.reshape(tf.tanh(dense(x, 784)), [-1, 28, 28, 1])


def discriminator(x, ctx):
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = tf.tanh(dense(tf.reshape(x, [-1, 784]), 32, spectral_norm=ctx))
        embedding = dense(ctx.labels, 32, use_bias=False, spectral_norm=ctx)
        products = tf.cast(embedding, tf.float32) * tf.cast(x, tf.float32)
        logits = dense(x, 1, spectral_norm=ctx) + tf.reduce_sum(products, axis=1, keepdims=True)
        return logits, tf.sigmoid(logits)


dcgan.register_preset(dataclasses.replace(
    dcgan.get_preset('cgan_mnist'), name='conditional', title='a small conditional GAN', generator=generator,
    discriminator=discriminator, z_dim=8, learning_rate_decay='none', d_learning_rate=1e-3))
