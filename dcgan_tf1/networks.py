"""The generator and discriminator of each system, as shape tables.

A network takes a batch and a `layers.Pass` and opens its own variable scope; calling it
again reuses the variables. Generators return images in the preset's range, discriminators
the logits [N, 1] and their sigmoid.
"""

import tensorflow.compat.v1 as tf

from dcgan_tf1.layers import batch_norm, conv2d, conv2d_transpose, dense, dropout, leaky_relu

# The blog's constants, shared by all of its networks.
LEAK = 0.01
KEEP = 0.8


def blog_mnist_generator(z, net_pass):
    """System 1: z [N, 100] -> images [N, 28, 28, 1] in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 4 * 4 * 512)                                       # [N, 8192]
        x = tf.reshape(x, [-1, 4, 4, 512])                              # [N, 4, 4, 512]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 256, 4, stride=1, padding='VALID')      # [N, 7, 7, 256]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 128, 3, stride=2)                       # [N, 14, 14, 128]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 1, 3, stride=2)                         # [N, 28, 28, 1]
        return tf.tanh(x)


def blog_cifar_generator(z, net_pass):
    """System 2: z [N, 100] -> images [N, 32, 32, 3] in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 4 * 4 * 512)                                       # [N, 8192]
        x = tf.reshape(x, [-1, 4, 4, 512])                              # [N, 4, 4, 512]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 256, 4, stride=2)                       # [N, 8, 8, 256]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 128, 3, stride=2)                       # [N, 16, 16, 128]
        x = _blog_block(x, net_pass)
        x = conv2d_transpose(x, 3, 3, stride=2)                         # [N, 32, 32, 3]
        return tf.tanh(x)


def blog_discriminator(x, net_pass):
    """Systems 1 and 2: images [N, 28, 28, 1] or [N, 32, 32, 3] -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = conv2d(x, 128, 3, stride=2)                     # [N, 14, 14, 128] or [N, 16, 16, 128]
        x = dropout(leaky_relu(x, LEAK), KEEP, net_pass)
        x = conv2d(x, 256, 3, stride=2)                     # [N, 7, 7, 256] or [N, 8, 8, 256]
        x = _blog_block(x, net_pass)
        x = conv2d(x, 512, 3, stride=2)                     # [N, 4, 4, 512]
        x = _blog_block(x, net_pass)
        x = tf.reshape(x, [-1, 4 * 4 * 512])                # [N, 8192]
        logits = dense(x, 1)                                # [N, 1]
        return logits, tf.sigmoid(logits)


def blog_dense_generator(z, net_pass):
    """System 3: z [N, 100] -> flat images [N, 784] in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 128)                                   # [N, 128]
        x = dropout(leaky_relu(x, LEAK), KEEP, net_pass)
        x = dense(x, 784)                                   # [N, 784]
        return tf.tanh(x)


def blog_dense_discriminator(x, net_pass):
    """System 3: flat images [N, 784] -> logits [N, 1], sigmoid."""
    del net_pass  # neither batch norm nor dropout
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = leaky_relu(dense(x, 128), LEAK)                 # [N, 128]
        logits = dense(x, 1)                                # [N, 1]
        return logits, tf.sigmoid(logits)


def _blog_block(x, net_pass):
    return dropout(leaky_relu(batch_norm(x, net_pass), LEAK), KEEP, net_pass)
