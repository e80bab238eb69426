"""carpedm20's GANs as the spec has them, on TensorFlow 1.15's own layers, without the package.

    python3.7 carpedm20_reference.py conditional_mnist IN.npz OUT.npz
    python3.7 carpedm20_reference.py dcgan:GF_DIM:DF_DIM IN.npz OUT.npz

Reads variables and a batch from IN.npz, writes what the graph computes from them, then every variable after one
step that learns nothing. Beside OUT.npz it saves checkpoints as that program's Saver did: of all variables
(DCGAN.model-1, and DCGAN.model-v1 in TensorFlow's first format), of those without Adam's (weights-1) and of the
generator's (generator-1); and variables.json, the names and shapes.
"""

import json
import math
import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers import batch_norm

CLASSES = 10


def linear(x, units, name):
    with tf.variable_scope(name):
        matrix = tf.get_variable('Matrix', [x.get_shape().as_list()[1], units], tf.float32,
                                 tf.random_normal_initializer(stddev=0.02))
        return tf.matmul(x, matrix) + tf.get_variable('bias', [units], initializer=tf.zeros_initializer())


def conv(x, filters, name):
    with tf.variable_scope(name):
        kernel = tf.get_variable('w', [5, 5, int(x.get_shape()[-1]), filters],
                                 initializer=tf.truncated_normal_initializer(stddev=0.02))
        biases = tf.get_variable('biases', [filters], initializer=tf.zeros_initializer())
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=[1, 2, 2, 1], padding='SAME'), biases)


def deconv(x, shape, name):
    with tf.variable_scope(name):
        kernel = tf.get_variable('w', [5, 5, shape[-1], int(x.get_shape()[-1])],
                                 initializer=tf.random_normal_initializer(stddev=0.02))
        biases = tf.get_variable('biases', [shape[-1]], initializer=tf.zeros_initializer())
        return tf.nn.bias_add(tf.nn.conv2d_transpose(x, kernel, shape, strides=[1, 2, 2, 1]), biases)


def norm(x, name, training):
    # In a collection of its own, so that it can be said when they run; by the same kernel as without one.
    return batch_norm(x, decay=0.9, updates_collections='moves', epsilon=1e-5, scale=True, is_training=training,
                      scope=name)


def maps(x, y):
    shape = x.get_shape().as_list()
    return tf.concat([x, tf.reshape(y, [shape[0], 1, 1, CLASSES]) * tf.ones(shape[:3] + [CLASSES])], 3)


def generator(z, y, training, reuse=False):
    count = int(z.get_shape()[0])
    with tf.variable_scope('generator', reuse=reuse):
        x = tf.nn.relu(norm(linear(tf.concat([z, y], 1), 1024, 'g_h0_lin'), 'g_bn0', training))
        x = tf.nn.relu(norm(linear(tf.concat([x, y], 1), 2 * 64 * 7 * 7, 'g_h1_lin'), 'g_bn1', training))
        x = maps(tf.reshape(x, [count, 7, 7, 128]), y)
        x = tf.nn.relu(norm(deconv(x, [count, 14, 14, 128], 'g_h2'), 'g_bn2', training))
        return tf.nn.sigmoid(deconv(maps(x, y), [count, 28, 28, 1], 'g_h3'))


def leaky(x):
    return tf.maximum(x, 0.2 * x)


def discriminator(x, y, reuse=False):
    count = int(x.get_shape()[0])
    with tf.variable_scope('discriminator', reuse=reuse):
        x = maps(leaky(conv(maps(x, y), 1 + CLASSES, 'd_h0_conv')), y)
        x = leaky(norm(conv(x, 64 + CLASSES, 'd_h1_conv'), 'd_bn1', True))
        x = tf.concat([tf.reshape(x, [count, -1]), y], 1)
        x = tf.concat([leaky(norm(linear(x, 1024, 'd_h2_lin'), 'd_bn2', True)), y], 1)
        return linear(x, 1, 'd_h3_lin')


def dcgan_generator(z, width, image, training, reuse=False):
    count, (height, columns, channels) = int(z.get_shape()[0]), image
    sizes = [(int(math.ceil(height / 2.0 ** n)), int(math.ceil(columns / 2.0 ** n))) for n in range(5)]
    with tf.variable_scope('generator', reuse=reuse):
        x = linear(z, sizes[4][0] * sizes[4][1] * width * 8, 'g_h0_lin')
        x = tf.nn.relu(norm(tf.reshape(x, [-1, sizes[4][0], sizes[4][1], width * 8]), 'g_bn0', training))
        for layer in (1, 2, 3):
            shape = [count] + list(sizes[4 - layer]) + [width * 8 // 2 ** layer]
            x = tf.nn.relu(norm(deconv(x, shape, 'g_h%d' % layer), 'g_bn%d' % layer, training))
        return tf.nn.tanh(deconv(x, [count, height, columns, channels], 'g_h4'))


def dcgan_discriminator(x, width, reuse=False):
    with tf.variable_scope('discriminator', reuse=reuse):
        y = leaky(conv(x, width, 'd_h0_conv'))
        for layer in (1, 2, 3):
            y = leaky(norm(conv(y, width * 2 ** layer, 'd_h%d_conv' % layer), 'd_bn%d' % layer, True))
        return linear(tf.reshape(y, [int(x.get_shape()[0]), -1]), 1, 'd_h4_lin')


def networks(preset, given):
    """A preset's two networks as functions, the generator's of (training, reuse), for what is given."""
    z, image = tf.constant(given.pop('z')), given['real'].shape[1:]
    if preset == 'conditional_mnist':
        y = tf.one_hot(tf.constant(given.pop('labels')), CLASSES)
        return (lambda training, reuse=False: generator(z, y, training, reuse),
                lambda x, reuse=False: discriminator(x, y, reuse))
    name, gf_dim, df_dim = preset.split(':')
    assert name == 'dcgan'
    return (lambda training, reuse=False: dcgan_generator(z, int(gf_dim), image, training, reuse),
            lambda x, reuse=False: dcgan_discriminator(x, int(df_dim), reuse))


def entropy(logits, label):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.ones_like(logits) * label))


def save(session, folder, variables):
    weights = [v for name, v in variables.items() if '/Adam' not in name and '_power' not in name]
    tf.train.Saver().save(session, os.path.join(folder, 'DCGAN.model'), global_step=1)
    tf.train.Saver(write_version=tf.train.SaverDef.V1).save(session, os.path.join(folder, 'DCGAN.model-v1'))
    tf.train.Saver(weights).save(session, os.path.join(folder, 'weights'), global_step=1)
    tf.train.Saver([v for v in weights if v.op.name.startswith('generator/')]).save(
        session, os.path.join(folder, 'generator'), global_step=1)


def main(preset, path_in, path_out):
    given = dict(np.load(path_in))
    make, judge = networks(preset, given)
    real, moves = tf.constant(given.pop('real')), {}

    def seen(name, output):
        moves[name] = tf.get_collection('moves')[sum(map(len, moves.values())):]
        return output

    fake = seen('generator', make(True))
    logits_real, logits_fake = seen('real', judge(real)), seen('fake', judge(fake, reuse=True))
    sampled = make(False, reuse=True)
    d_loss, g_loss = entropy(logits_real, 1.0) + entropy(logits_fake, 0.0), entropy(logits_fake, 1.0)
    aims, results = ((d_loss, 'discriminator'), (g_loss, 'generator')), {}
    own = {scope: [v for v in tf.trainable_variables() if v.name.startswith(scope)] for _, scope in aims}
    for loss, scope in aims:
        results.update({'gradient/' + v.op.name: g for v, g in zip(own[scope], tf.gradients(loss, own[scope]))})
    steps = [tf.train.AdamOptimizer(0.0, beta1=0.5).minimize(loss, var_list=own[scope]) for loss, scope in aims]
    variables = {v.op.name: v for v in tf.global_variables()}
    folder = os.path.dirname(path_out)
    with open(os.path.join(folder, 'variables.json'), 'w') as handle:
        json.dump({name: v.get_shape().as_list() for name, v in variables.items()}, handle)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for name, value in given.items():
            variables[name].load(value, session)
        results = session.run(dict(results, fake=fake, logits_real=logits_real, logits_fake=logits_fake,
                                   sampled=sampled, d_loss=d_loss, g_loss=g_loss))
        # The discriminator once, the generator twice; each moves the averages of the passes that it runs.
        for step, passes in ((steps[0], ('generator', 'real', 'fake')), (steps[1], ('generator', 'fake')),
                             (steps[1], ('generator', 'fake'))):
            session.run(step)
            for name in passes:
                session.run(moves[name])
        results.update({'after/' + name: session.run(v) for name, v in variables.items()})
        results['sampled_after'] = session.run(sampled)
        save(session, folder, variables)
    np.savez(path_out, **results)


if __name__ == '__main__':
    main(*sys.argv[1:])
