"""The spec's networks on `tf.layers`, written without the package: what 2017's author wrote.

Run in a process of its own by test_against_tf_layers.py (current TensorFlow needs
TF_USE_LEGACY_KERAS=1 and tf_keras for `tf.layers`): reads variables and a batch from an
.npz file, writes what the graph computes from them, dropout off.

    python tf_layers_reference.py PRESET IN.npz OUT.npz
"""

import sys

import numpy as np
import tensorflow.compat.v1 as tf

L = tf.layers


def leaky(x):
    return tf.maximum(0.01 * x, x)


def dcgan_generator(z, channels, training, reuse):
    first = {'strides': 1, 'padding': 'valid'} if channels == 1 else {'strides': 2, 'padding': 'same'}
    with tf.variable_scope('generator', reuse=reuse):
        x = tf.reshape(L.dense(z, 4 * 4 * 512), [-1, 4, 4, 512])
        x = leaky(L.batch_normalization(x, training=training))
        x = L.conv2d_transpose(x, 256, 4, **first)
        x = leaky(L.batch_normalization(x, training=training))
        x = L.conv2d_transpose(x, 128, 3, strides=2, padding='same')
        x = leaky(L.batch_normalization(x, training=training))
        return tf.tanh(L.conv2d_transpose(x, channels, 3, strides=2, padding='same'))


def dcgan_discriminator(x, reuse):
    with tf.variable_scope('discriminator', reuse=reuse):
        x = leaky(L.conv2d(x, 128, 3, strides=2, padding='same'))
        x = leaky(L.batch_normalization(L.conv2d(x, 256, 3, strides=2, padding='same'), training=True))
        x = leaky(L.batch_normalization(L.conv2d(x, 512, 3, strides=2, padding='same'), training=True))
        return L.dense(tf.reshape(x, [-1, 4 * 4 * 512]), 1)


def dense_generator(z, reuse):
    with tf.variable_scope('generator', reuse=reuse):
        return tf.tanh(L.dense(leaky(L.dense(z, 128)), 784))


def dense_discriminator(x, reuse):
    with tf.variable_scope('discriminator', reuse=reuse):
        return L.dense(leaky(L.dense(x, 128)), 1)


def entropy(logits, label):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.ones_like(logits) * label))


def main(preset, path_in, path_out):
    given = dict(np.load(path_in))
    tf.disable_eager_execution()
    z, real = tf.constant(given.pop('z')), tf.constant(given.pop('real'))
    updates = []

    def new_updates():
        found = [op for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if op not in sum(updates, [])]
        updates.append(found)

    if preset == 'blog_dense':
        fake = dense_generator(z, False)
        logits_real, logits_fake = dense_discriminator(real, False), dense_discriminator(fake, True)
        sampled = dense_generator(z, True)
        d_loss = 0.9 * entropy(logits_real, 1.0) + entropy(logits_fake, 0.0)
        g_loss = 0.9 * entropy(logits_fake, 1.0)
    else:
        channels = int(real.shape[-1])
        fake = dcgan_generator(z, channels, True, False)
        new_updates()
        logits_real = dcgan_discriminator(real, False)
        new_updates()
        logits_fake = dcgan_discriminator(fake, True)
        new_updates()
        sampled = dcgan_generator(z, channels, False, True)
        d_loss = entropy(logits_real, 0.9) + entropy(logits_fake, 0.0)
        g_loss = entropy(logits_fake, 0.9)

    trainable = tf.trainable_variables()
    gradients = {}
    for loss, scope in ((g_loss, 'generator'), (d_loss, 'discriminator')):
        own = [v for v in trainable if v.name.startswith(scope)]
        gradients.update({'gradient/' + v.op.name: g for v, g in zip(own, tf.gradients(loss, own))})
    variables = {v.op.name: v for v in tf.global_variables()}
    assert set(variables) == set(given), set(variables) ^ set(given)
    with tf.Session() as session:
        for name, variable in variables.items():
            variable.load(given[name], session)
        results = session.run(dict(gradients, fake=fake, logits_real=logits_real, logits_fake=logits_fake,
                                   sampled=sampled, d_loss=d_loss, g_loss=g_loss))
        for ops in updates:  # generator, real, fake: the order that ours fixes
            session.run(ops)
        results.update({'average/' + name: session.run(v) for name, v in variables.items() if 'moving_' in name})
    np.savez(path_out, **results)


if __name__ == '__main__':
    main(*sys.argv[1:])
