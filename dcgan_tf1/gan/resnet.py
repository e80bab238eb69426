"""The networks of the ResNet GAN, of any width: Miyato et al., 2018, https://arxiv.org/abs/1802.05957.

A generator or discriminator as networks.py has them; each width of a preset is a function with a name of its own,
which is what config.json records. For larger images there are more blocks that double and halve.
"""

import math

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.layers import average_pool, batch_norm, conv2d, dense, glorot_uniform, upsample
from dcgan_tf1.gan.sizes import doubled_from, halves, shape_text

# Of the 3x3 convolutions within residual blocks.
_RESIDUAL = {'kernel_initializer': glorot_uniform(math.sqrt(2))}


def resnet_mnist_generator(z, ctx):
    """resnet_mnist: z [N, 128] -> images [N, 28, 28, 1] in [-1, 1]."""
    return _generator(z, ctx, 256)


def resnet_mnist_small_generator(z, ctx):
    """resnet_mnist, small: the same at a quarter of the width."""
    return _generator(z, ctx, 64)


def resnet_cifar_generator(z, ctx):
    """resnet_cifar_horse: z [N, 128] -> images [N, 32, 32, 3] in [-1, 1]."""
    return _generator(z, ctx, 256)


def resnet_cifar_small_generator(z, ctx):
    """resnet_cifar_horse, small: the same at a quarter of the width."""
    return _generator(z, ctx, 64)


def resnet_discriminator(x, ctx):
    """Both ResNets: images [N, 28, 28, 1] or [N, 32, 32, 3] -> logits [N, 1], sigmoid."""
    return _discriminator(x, ctx, 128)


def resnet_small_discriminator(x, ctx):
    """Both ResNets, small: the same at a quarter of the width."""
    return _discriminator(x, ctx, 32)


def resnet_sizes(shapes, size=None):
    """What a checkpoint's variables, {name: shape}, say of a ResNet's image: see Preset.sizes_of_variables.

    The blocks of a generator for a smaller image would be found in that for a larger one, too.
    """
    first, last = shapes.get('generator/dense/kernel', []), shapes.get('generator/conv2d/kernel', [])
    if len(first) != 2 or len(last) != 4 or not last[2]:
        return {}
    blocks, width = 0, last[2]
    while 'generator/block_{}/conv2d/kernel'.format(blocks + 1) in shapes:
        blocks += 1
    if size is None:
        side = math.sqrt(first[1] / width)
        size = (int(side) * 2 ** blocks,) * 2 if side == int(side) else (None, None)
    else:
        (rows, columns), expected = doubled_from(size)
        if (first[1], blocks) != (rows * columns * width, expected):
            raise ValueError(
                'expected {} blocks and generator/dense/kernel of shape {} for images of {}, found {} and {}'.format(
                    expected, [first[0], rows * columns * width], shape_text(size), blocks, first))
    return {'image_shape': tuple(size) + (last[3],)}


# ------------------------------------------------- generators; W is the width. Comments: of 28x28 and of 32x32

def _generator(z, ctx, width):
    (rows, columns), blocks = doubled_from(ctx.image_shape)             # 7x7 twice; 4x4 three times
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = dense(z, rows * columns * width)                       # [N, 49 W]; [N, 16 W]
        x = tf.reshape(x, [-1, rows, columns, width])              # [N, 7, 7, W]; [N, 4, 4, W]
        for block in range(1, blocks + 1):
            x = _up_block('block_{}'.format(block), x, ctx)        # [N, 14, 14, W] ... ; [N, 8, 8, W] ...
        x = conv2d(tf.nn.relu(batch_norm(x, ctx)), ctx.image_shape[2], 3)  # [N, 28, 28, 1]; [N, 32, 32, 3]
        return tf.tanh(x)


def _up_block(name, x, ctx):
    """Residual block: [N, H, W, C] -> [N, 2 H, 2 W, C].

    A 1x1 convolution of up-sampled pixels is that of the pixels, up-sampled, at a quarter
    of the work; likewise where `_down_block` pools.
    """
    width = x.shape.as_list()[-1]
    with tf.variable_scope(name):
        y = upsample(tf.nn.relu(batch_norm(x, ctx)))
        y = conv2d(y, width, 3, **_RESIDUAL)
        y = conv2d(tf.nn.relu(batch_norm(y, ctx)), width, 3, **_RESIDUAL)
        return y + upsample(conv2d(x, width, 1))


# --------------------------------------------- discriminators; W is the width. Comments: of 28x28 and of 32x32

def _discriminator(x, ctx, width):
    down = halves(x.shape.as_list()[1:3])                               # twice
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = _first_down_block('block_1', x, ctx, width)            # [N, 14, 14, W]; [N, 16, 16, W]
        for block in range(2, down + 1):
            x = _down_block('block_{}'.format(block), x, ctx)      # [N, 7, 7, W]; [N, 8, 8, W]
        for block in (down + 1, down + 2):
            x = _plain_block('block_{}'.format(block), x, ctx)
        x = tf.reduce_sum(tf.cast(tf.nn.relu(x), tf.float32), axis=[1, 2])  # [N, W]
        logits = dense(x, 1, spectral_norm=ctx)                    # [N, 1]
        return logits, tf.sigmoid(logits)


def _first_down_block(name, x, ctx, width):
    """Without a leading ReLU, which would cut the image; pools before the shortcut's convolution."""
    with tf.variable_scope(name):
        y = conv2d(x, width, 3, spectral_norm=ctx, **_RESIDUAL)
        y = conv2d(tf.nn.relu(y), width, 3, spectral_norm=ctx, **_RESIDUAL)
        return average_pool(y) + conv2d(average_pool(x), width, 1, spectral_norm=ctx)


def _down_block(name, x, ctx):
    """Residual block: [N, H, W, C] -> [N, H / 2, W / 2, C]."""
    width = x.shape.as_list()[-1]
    with tf.variable_scope(name):
        y = conv2d(tf.nn.relu(x), width, 3, spectral_norm=ctx, **_RESIDUAL)
        y = conv2d(tf.nn.relu(y), width, 3, spectral_norm=ctx, **_RESIDUAL)
        return average_pool(y) + conv2d(average_pool(x), width, 1, spectral_norm=ctx)


def _plain_block(name, x, ctx):
    """Residual block: [N, H, W, C] -> the same."""
    width = x.shape.as_list()[-1]
    with tf.variable_scope(name):
        y = conv2d(tf.nn.relu(x), width, 3, spectral_norm=ctx, **_RESIDUAL)
        return x + conv2d(tf.nn.relu(y), width, 3, spectral_norm=ctx, **_RESIDUAL)
