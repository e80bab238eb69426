"""2017's graphs under genuine TensorFlow 1.0.1, for the tests; not part of the package.

    python3.6 legacy_2017.py PRESET FOLDER [CHECKPOINT NOISE.npz]

Builds the blog's graph on TensorFlow 1.0.1's own `tf.layers`, takes one step, saves a
checkpoint as 2017 did and prints, as JSON, its prefix and the variables' names and shapes.
Beside it, FOLDER/frozen.pb is the generator with its weights as constants, and
FOLDER/expected.npz holds noise and the images that 1.0.1 makes of it, dropout off. With
a CHECKPOINT it restores the generator from that, and makes images of the array `z` in
NOISE.npz, in place of all that.
"""

import json
import os
import sys

import numpy as np
import tensorflow as tf

KEEP = None  # a placeholder: 0.8 in training, 1 for the expected images


def leaky(x):
    return tf.maximum(0.01 * x, x)


def block(x, training=True):
    return tf.nn.dropout(leaky(tf.layers.batch_normalization(x, training=training)), KEEP)


def generator(z, channels, training=True, reuse=False):
    first = {'strides': 1, 'padding': 'valid'} if channels == 1 else {'strides': 2, 'padding': 'same'}
    with tf.variable_scope('generator', reuse=reuse):
        x = block(tf.reshape(tf.layers.dense(z, 4 * 4 * 512), [-1, 4, 4, 512]), training)
        x = block(tf.layers.conv2d_transpose(x, 256, 4, **first), training)
        x = block(tf.layers.conv2d_transpose(x, 128, 3, strides=2, padding='same'), training)
        return tf.tanh(tf.layers.conv2d_transpose(x, channels, 3, strides=2, padding='same'))


def discriminator(x, reuse=False):
    with tf.variable_scope('discriminator', reuse=reuse):
        x = tf.nn.dropout(leaky(tf.layers.conv2d(x, 128, 3, strides=2, padding='same')), KEEP)
        x = block(tf.layers.conv2d(x, 256, 3, strides=2, padding='same'))
        x = block(tf.layers.conv2d(x, 512, 3, strides=2, padding='same'))
        return tf.layers.dense(tf.reshape(x, [-1, 4 * 4 * 512]), 1)


def dense_generator(z, reuse=False):
    with tf.variable_scope('generator', reuse=reuse):
        return tf.tanh(tf.layers.dense(leaky(tf.layers.dense(z, 128)), 784))


def dense_discriminator(x, reuse=False):
    with tf.variable_scope('discriminator', reuse=reuse):
        return tf.layers.dense(leaky(tf.layers.dense(x, 128)), 1)


def entropy(logits, label):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.ones_like(logits) * label))


def main(preset, folder, checkpoint=None, noise_file=None):
    global KEEP  # noqa: PLW0603
    KEEP = tf.placeholder_with_default(0.8, [])
    shape = {'blog_mnist': [28, 28, 1], 'blog_cifar_horse': [32, 32, 3], 'blog_dense': [784]}[preset]
    real = tf.placeholder(tf.float32, [None] + shape)
    z = tf.placeholder(tf.float32, [None, 100])
    if preset == 'blog_dense':
        fake = dense_generator(z)
        d_real, d_fake = dense_discriminator(real), dense_discriminator(fake, True)
        images, beta1 = dense_generator(z, True), 0.9
    else:
        fake = generator(z, shape[-1])
        d_real, d_fake = discriminator(real), discriminator(fake, True)
        images, beta1 = generator(z, shape[-1], training=False, reuse=True), 0.4
    g_loss, d_loss = entropy(d_fake, 0.9), entropy(d_real, 0.9) + entropy(d_fake, 0.0)
    trainable = tf.trainable_variables()
    aims = [(g_loss, 'generator'), (d_loss, 'discriminator')]
    adams = {scope: tf.train.AdamOptimizer(1e-3, beta1=beta1) for _, scope in aims}
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        # The dense GAN's notebook made the discriminator's first.
        steps = [adams[scope].minimize(loss, var_list=[v for v in trainable if v.name.startswith(scope)])
                 for loss, scope in (aims[::-1] if preset == 'blog_dense' else aims)]
    # The dense GAN of 2017 saved its generator alone.
    saved = [v for v in trainable if v.name.startswith('generator')] if preset == 'blog_dense' else None
    draw = np.random.RandomState(0)
    noise = draw.uniform(-1, 1, (8, 100)).astype(np.float32)
    with tf.Session() as session:
        if checkpoint:
            own = [v for v in tf.global_variables() if v.name.startswith('generator') and 'Adam' not in v.name]
            tf.train.Saver(own).restore(session, checkpoint)
            with np.load(noise_file) as arrays:
                noise = arrays['z']
            np.savez(os.path.join(folder, 'expected.npz'), images=session.run(images, {z: noise, KEEP: 1.0}))
            return
        session.run(tf.global_variables_initializer())
        feeds = {real: np.tanh(draw.randn(8, *shape)), z: noise}
        for step in steps:
            session.run(step, feeds)
        prefix = tf.train.Saver(var_list=saved).save(session, os.path.join(folder, 'generator.ckpt'))
        with open(os.path.join(folder, 'frozen.pb'), 'wb') as handle:
            handle.write(tf.graph_util.convert_variables_to_constants(
                session, session.graph_def, [images.op.name]).SerializeToString())
        np.savez(os.path.join(folder, 'expected.npz'), z=noise, images=session.run(images, {z: noise, KEEP: 1.0}))
    print(json.dumps({'version': tf.__version__, 'prefix': prefix,
                      'powers': {scope: adam._beta1_power.op.name for scope, adam in adams.items()},
                      'updates': len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)),
                      'variables': {v.op.name: v.get_shape().as_list() for v in tf.global_variables()}}))


if __name__ == '__main__':
    main(*sys.argv[1:])
