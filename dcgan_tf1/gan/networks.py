"""The networks of each system, as shape tables; the ResNets' are in resnet.py, carpedm20's in carpedm20.py.

A network takes a batch and a `layers.BatchContext` and opens its own variable scope; calling it
again reuses the variables. Generators return images in the preset's range, discriminators
the logits [N, 1] and their sigmoid, encoders a code, decoders images in [0, 1] and their
logits. Networks that read `ctx.image_shape` make images of any size; the shapes beside their lines are those of the
size that is named first.
"""

import math

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    dropout,
    dropout_gain,
    flatten,
    leaky_relu,
    normal,
    with_labels,
)
from dcgan_tf1.gan.sizes import halvings

# The blog's notebooks: https://github.com/NELSONZHAO/zhihu, dcgan/ and mnist_gan/. What they
# follow: Radford, Metz and Chintala, 2015, https://arxiv.org/abs/1511.06434.
# Their constants, shared by all of their networks:
ALPHA = 0.01
KEEP_PROB = 0.8


def blog_mnist_generator(z, ctx):
    """blog_mnist: z [N, 100] -> images [N, 28, 28, 1] in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 4 * 4 * 512)                                       # [N, 8192]
        x = tf.reshape(x, [-1, 4, 4, 512])                              # [N, 4, 4, 512]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, 256, 4, strides=1, padding='VALID')      # [N, 7, 7, 256]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, 128, 3, strides=2)                       # [N, 14, 14, 128]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, 1, 3, strides=2)                         # [N, 28, 28, 1]
        return tf.tanh(x)


def blog_cifar_generator(z, ctx):
    """blog_cifar_horse: z [N, 100] -> images [N, 32, 32, 3], or of any size, in [-1, 1]."""
    whole, half, quarter, (rows, columns) = halvings(ctx.image_shape, 3)
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, rows * columns * 512)                              # [N, 8192]
        x = tf.reshape(x, [-1, rows, columns, 512])                     # [N, 4, 4, 512]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, 256, 4, strides=2, size=quarter)         # [N, 8, 8, 256]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, 128, 3, strides=2, size=half)            # [N, 16, 16, 128]
        x = _blog_block(x, ctx)
        x = conv2d_transpose(x, ctx.image_shape[2], 3, strides=2, size=whole)  # [N, 32, 32, 3]
        return tf.tanh(x)


def blog_discriminator(x, ctx):
    """blog_mnist and blog_cifar_horse: images [N, 28, 28, 1], or of any size -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        gain = dropout_gain(KEEP_PROB, ctx)
        x = conv2d(x, 128, 3, strides=2, gain=gain)          # [N, 14, 14, 128]
        x = dropout(leaky_relu(x, ALPHA), KEEP_PROB, ctx, gain)
        x = conv2d(x, 256, 3, strides=2)                     # [N, 7, 7, 256]
        x = _blog_block(x, ctx)
        x = conv2d(x, 512, 3, strides=2)                     # [N, 4, 4, 512]
        x = _blog_block(x, ctx)
        logits = dense(flatten(x), 1)                       # [N, 8192], [N, 1]
        return logits, tf.sigmoid(logits)


def blog_dense_generator(z, ctx):
    """blog_dense: z [N, 100] -> flat images [N, 784], or of any size, in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 128)                                   # [N, 128]
        x = dropout(leaky_relu(x, ALPHA), KEEP_PROB, ctx)
        x = dense(x, _pixels(ctx))                          # [N, 784]
        return tf.tanh(x)


def blog_dense_discriminator(x, ctx):
    """blog_dense: flat images [N, 784], or of any size -> logits [N, 1], sigmoid."""
    del ctx  # neither batch norm nor dropout
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = leaky_relu(dense(x, 128), ALPHA)                 # [N, 128]
        logits = dense(x, 1)                                # [N, 1]
        return logits, tf.sigmoid(logits)


def _pixels(ctx):
    return int(np.prod(ctx.image_shape))


# ---------------------------------------------- the blog's layers, in 4x4, with a discriminator of today's kind
# Spectral normalisation: Miyato et al., 2018, https://arxiv.org/abs/1802.05957. Labels by projection: Miyato and
# Koyama, 2018, https://arxiv.org/abs/1802.05637.

def sngan_mnist_generator(z, ctx):
    """sngan_mnist: z [N, 100] -> images [N, 28, 28, 1] in [-1, 1]; cgan_mnist: by the labels, too."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(_with_labels(z, ctx), 4 * 4 * 512)                    # [N, 8192]
        x = tf.reshape(x, [-1, 4, 4, 512])                              # [N, 4, 4, 512]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, 256, 4, strides=1, padding='VALID')      # [N, 7, 7, 256]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, 128, 4, strides=2)                       # [N, 14, 14, 128]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, 1, 4, strides=2)                         # [N, 28, 28, 1]
        return tf.tanh(x)


def sngan_cifar_generator(z, ctx):
    """sngan_cifar_horse: z [N, 100] -> images [N, 32, 32, 3], or of any size, in [-1, 1]; cgan_cifar10: by labels."""
    whole, half, quarter, (rows, columns) = halvings(ctx.image_shape, 3)
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(_with_labels(z, ctx), rows * columns * 512)           # [N, 8192]
        x = tf.reshape(x, [-1, rows, columns, 512])                     # [N, 4, 4, 512]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, 256, 4, strides=2, size=quarter)         # [N, 8, 8, 256]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, 128, 4, strides=2, size=half)            # [N, 16, 16, 128]
        x = leaky_relu(_conditional_batch_norm(x, ctx), 0.2)
        x = conv2d_transpose(x, ctx.image_shape[2], 4, strides=2, size=whole)  # [N, 32, 32, 3]
        return tf.tanh(x)


def cgan_sizes(shapes, size=None):
    """What a checkpoint's variables say of the cgan presets: classes and noise; see Preset.sizes_of_variables."""
    del size  # which the flags say
    first, scale = [shapes.get('generator/{}/kernel'.format(name), []) for name in ('dense', 'dense_1')]
    if len(first) != 2 or len(scale) != 2 or scale[1] != 512 or not 1 <= scale[0] < first[0]:
        return {}
    return {'classes': scale[0], 'z_dim': first[0] - scale[0]}


def sngan_discriminator(x, ctx):
    """sngan_mnist and cgan_mnist: images [N, 28, 28, 1] -> logits [N, 1], sigmoid."""
    return _projection_discriminator(x, ctx)


def sngan_cifar_discriminator(x, ctx):
    """sngan_cifar_horse and cgan_cifar10: images [N, 32, 32, 3], or of any size -> logits [N, 1], sigmoid."""
    return _projection_discriminator(x, ctx)


def _projection_discriminator(x, ctx):
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = conv2d(x, 128, 4, strides=2, spectral_norm=ctx)              # [N, 14, 14, 128] or [N, 16, 16, 128]
        x = leaky_relu(x, 0.1)
        x = conv2d(x, 256, 4, strides=2, spectral_norm=ctx)              # [N, 7, 7, 256] or [N, 8, 8, 256]
        x = leaky_relu(x, 0.1)
        x = conv2d(x, 512, 4, strides=2, spectral_norm=ctx)              # [N, 4, 4, 512]
        x = flatten(leaky_relu(x, 0.1))                                 # [N, 8192]
        logits = dense(x, 1, spectral_norm=ctx)                         # [N, 1]
        if ctx.labels is not None:
            units = x.shape.as_list()[1]
            embedding = dense(ctx.labels, units, use_bias=False, spectral_norm=ctx)           # [N, 8192]
            products = tf.cast(embedding, tf.float32) * tf.cast(x, tf.float32)
            logits += tf.reduce_sum(products, axis=1, keepdims=True)
        return logits, tf.sigmoid(logits)


def _conditional_batch_norm(x, ctx):
    """Batch norm whose scale and shift also depend on the labels, where there are some: [N, H, W, C] -> the same.

    Source: Dumoulin et al., 2017, https://arxiv.org/abs/1610.07629, as in Miyato and Koyama's generator. It begins as
    plain batch norm.
    """
    x = batch_norm(x, ctx)
    if ctx.labels is None:
        return x
    channels = x.shape.as_list()[-1]
    scale, shift = [
        tf.reshape(dense(ctx.labels, channels, use_bias=False, kernel_initializer=tf.zeros_initializer()),
                   [-1, 1, 1, channels]) for _ in range(2)]
    return x * (1 + scale) + shift


def _with_labels(x, ctx):
    """[N, n] -> [N, n + classes] where there are labels, else the same."""
    return x if ctx.labels is None else with_labels(x, ctx)


def _blog_block(x, ctx):
    gain = dropout_gain(KEEP_PROB, ctx)
    return dropout(leaky_relu(batch_norm(x, ctx, gain=gain), ALPHA), KEEP_PROB, ctx, gain)


# ------------------------------------------------------------------- TensorFlow's tutorial
# https://www.tensorflow.org/tutorials/generative/dcgan

def tf_tutorial_generator(z, ctx):
    """tf_tutorial: z [N, 100] -> images [N, 28, 28, 1], or of any size, in [-1, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = _tf_tutorial_units(z, ctx)                                  # [N, 12544]
        x = leaky_relu(batch_norm(x, ctx), 0.3)
        return _tf_tutorial_images(x, ctx)


def tf_tutorial_101_generator(z, ctx):
    """tf_tutorial_101: as tf_tutorial's, with nothing after the dense layer's batch norm."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = _tf_tutorial_units(z, ctx)                                  # [N, 12544]
        return _tf_tutorial_images(batch_norm(x, ctx), ctx)


def _tf_tutorial_units(z, ctx):
    rows, columns = halvings(ctx.image_shape, 2)[2]
    return dense(z, rows * columns * 256, use_bias=False)               # [N, 12544]


def _tf_tutorial_images(x, ctx):
    whole, half, (rows, columns) = halvings(ctx.image_shape, 2)
    x = tf.reshape(x, [-1, rows, columns, 256])                         # [N, 7, 7, 256]
    x = conv2d_transpose(x, 128, 5, use_bias=False)                     # [N, 7, 7, 128]
    x = leaky_relu(batch_norm(x, ctx), 0.3)
    x = conv2d_transpose(x, 64, 5, strides=2, use_bias=False, size=half)  # [N, 14, 14, 64]
    x = leaky_relu(batch_norm(x, ctx), 0.3)
    x = conv2d_transpose(x, ctx.image_shape[2], 5, strides=2, use_bias=False, size=whole)  # [N, 28, 28, 1]
    return tf.tanh(x)


def tf_tutorial_discriminator(x, ctx):
    """tf_tutorial: images [N, 28, 28, 1], or of any size -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        gain = dropout_gain(0.7, ctx)
        x = conv2d(x, 64, 5, strides=2, gain=gain)                       # [N, 14, 14, 64]
        x = dropout(leaky_relu(x, 0.3), 0.7, ctx, gain)
        x = conv2d(x, 128, 5, strides=2, gain=gain)                      # [N, 7, 7, 128]
        x = dropout(leaky_relu(x, 0.3), 0.7, ctx, gain)
        logits = dense(flatten(x), 1)                                   # [N, 6272], [N, 1]
        return logits, tf.sigmoid(logits)


# --------------------------------------------------------- the introductory source's plain GAN

def keras_dense_generator(z, ctx):
    """keras_dense: z [N, 100] -> images [N, 28, 28, 1], or of any size, in [0, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        return tf.sigmoid(_dense_logits(z, ctx))


def _dense_logits(z, ctx):
    x = tf.nn.relu(dense(z, 128))                                       # [N, 128]
    x = tf.nn.relu(dense(x, 256))                                       # [N, 256]
    x = dense(x, _pixels(ctx))                                          # [N, 784]
    return tf.reshape(x, (-1,) + ctx.image_shape)                       # [N, 28, 28, 1]


def keras_dense_discriminator(x, ctx):
    """keras_dense: images [N, 28, 28, 1], or of any size -> logits [N, 1], sigmoid."""
    del ctx  # neither batch norm nor dropout
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = flatten(x)                                                  # [N, 784]
        x = tf.nn.relu(dense(x, 256))                                   # [N, 256]
        x = tf.nn.relu(dense(x, 128))                                   # [N, 128]
        logits = dense(x, 1)                                            # [N, 1]
        return logits, tf.sigmoid(logits)


# ------------------------------------------------------------------------ CNTK's tutorial
# https://github.com/microsoft/CNTK/blob/master/Tutorials/CNTK_206B_DCGAN.ipynb

# Kernels start from normal(0, 0.02); batch norm forgets over 5,000 images, 128 at a time.
_CNTK = {'kernel_initializer': normal(0.02)}
_CNTK_DECAY = math.exp(-128 / 5000)


def cntk_generator(z, ctx):
    """cntk: z [N, 100] -> images [N, 28, 28, 1] in [0, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, 1024, **_CNTK)                                     # [N, 1024]
        x = tf.nn.relu(_cntk_norm(x, ctx))
        x = dense(x, 7 * 7 * 128, **_CNTK)                              # [N, 6272]
        x = tf.reshape(x, [-1, 7, 7, 128])                              # [N, 7, 7, 128]
        x = tf.nn.relu(_cntk_norm(x, ctx))
        x = conv2d_transpose(x, 128, 5, strides=2, **_CNTK)              # [N, 14, 14, 128]
        x = tf.nn.relu(_cntk_norm(x, ctx))
        x = conv2d_transpose(x, 1, 5, strides=2, **_CNTK)                # [N, 28, 28, 1]
        return tf.sigmoid(x)


def cntk_discriminator(x, ctx):
    """cntk: images [N, 28, 28, 1] -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = conv2d(x, 1, 5, strides=2, padding='VALID', **_CNTK)         # [N, 12, 12, 1]
        x = leaky_relu(_cntk_norm(x, ctx), 0.2)
        x = conv2d(x, 64, 5, strides=2, padding='VALID', **_CNTK)        # [N, 4, 4, 64]
        x = leaky_relu(_cntk_norm(x, ctx), 0.2)
        x = tf.reshape(x, [-1, 4 * 4 * 64])                             # [N, 1024]
        x = dense(x, 1024, **_CNTK)                                     # [N, 1024]
        x = leaky_relu(_cntk_norm(x, ctx), 0.2)
        logits = dense(x, 1, **_CNTK)                                   # [N, 1]
        return logits, tf.sigmoid(logits)


def _cntk_norm(x, ctx):
    return batch_norm(x, ctx, momentum=_CNTK_DECAY, epsilon=1e-5)


# ------------------------------------------------------------------------- the baselines
# The VAE: Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114

def dense_decoder(z, ctx):
    """autoencoder and vae: codes [N, 100] -> images [N, 28, 28, 1] in [0, 1], logits; as keras_dense_generator."""
    with tf.variable_scope('decoder', reuse=tf.AUTO_REUSE):
        logits = _dense_logits(z, ctx)
        return tf.sigmoid(logits), logits


def autoencoder_encoder(x, ctx):
    """autoencoder: images [N, 28, 28, 1] -> codes [N, 100]."""
    del ctx
    with tf.variable_scope('encoder', reuse=tf.AUTO_REUSE):
        return dense(_dense_features(x), 100)                           # [N, 100]


def vae_encoder(x, ctx):
    """vae: images [N, 28, 28, 1] -> (means [N, 100], log-variances [N, 100])."""
    del ctx
    with tf.variable_scope('encoder', reuse=tf.AUTO_REUSE):
        x = _dense_features(x)
        return dense(x, 100), dense(x, 100)                             # [N, 100] each


def _dense_features(x):
    x = flatten(x)                                                      # [N, 784]
    x = tf.nn.relu(dense(x, 256))                                       # [N, 256]
    return tf.nn.relu(dense(x, 128))                                    # [N, 128]
