"""The networks of carpedm20/DCGAN-tensorflow, with its names, so that its checkpoints load.

Source: https://github.com/carpedm20/DCGAN-tensorflow, model.py and ops.py. Its layers are those of layers.py under
names of their own; generators and discriminators as networks.py has them.
"""

import math

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import layers
from dcgan_tf1.gan.layers import flatten, leaky_relu, normal, truncated_normal, with_labels
from dcgan_tf1.gan.sizes import halvings, shape_text


def linear(x, units, name):
    """Fully connected layer `name`/{Matrix, bias}: [N, n] -> [N, units]."""
    return layers.dense(x, units, kernel_initializer=normal(0.02), name=name, variables=('Matrix', 'bias'))


def conv(x, filters, name):
    """5x5 convolution of stride 2, `name`/{w, biases}: [N, H, W, C] -> [N, ceil(H / 2), ceil(W / 2), filters]."""
    return layers.conv2d(x, filters, 5, strides=2, kernel_initializer=truncated_normal(0.02), name=name,
                         variables=('w', 'biases'))


def deconv(x, filters, name, size=None):
    """5x5 transposed convolution of stride 2, `name`/{w, biases}: [N, H, W, C] -> [N, 2 H, 2 W, filters].

    size: another (H', W'), of which `conv` makes (H, W): 2 H - 1 or 2 H, and 2 W - 1 or 2 W.
    """
    return layers.conv2d_transpose(x, filters, 5, strides=2, kernel_initializer=normal(0.02), size=size, name=name,
                                   variables=('w', 'biases'))


def batch_norm(x, ctx, name):
    """Batch norm `name`/{beta, gamma, moving_mean, moving_variance}, of vectors, too, by the fused kernel.

    Its epsilon of 1e-5 is what TensorFlow 1's fused kernel raised to 1.001e-5.
    """
    return layers.batch_norm(x, ctx, momentum=0.9, epsilon=1.001e-5, fused_vectors=True, name=name)


# ------------------------------------- dcgan: of any size; the shapes beside its lines are those of [N, 64, 64, 3]

def dcgan_generator(z, ctx):
    """dcgan: z [N, 100] -> images [N, H, W, C] in [-1, 1]."""
    whole, half, quarter, eighth, (rows, columns) = halvings(ctx.image_shape, 4)
    width = ctx.gf_dim                                                  # 64
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = linear(z, rows * columns * 8 * width, 'g_h0_lin')           # [N, 8192]
        x = tf.reshape(x, [-1, rows, columns, 8 * width])               # [N, 4, 4, 512]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn0'))
        x = deconv(x, 4 * width, 'g_h1', eighth)                        # [N, 8, 8, 256]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn1'))
        x = deconv(x, 2 * width, 'g_h2', quarter)                       # [N, 16, 16, 128]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn2'))
        x = deconv(x, width, 'g_h3', half)                              # [N, 32, 32, 64]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn3'))
        x = deconv(x, ctx.image_shape[2], 'g_h4', whole)                # [N, 64, 64, 3]
        return tf.tanh(x)


def dcgan_discriminator(x, ctx):
    """dcgan: images [N, H, W, C] in [-1, 1] -> logits [N, 1], sigmoid."""
    width = ctx.df_dim                                                  # 64
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        x = leaky_relu(conv(x, width, 'd_h0_conv'), 0.2)                # [N, 32, 32, 64]
        x = conv(x, 2 * width, 'd_h1_conv')                             # [N, 16, 16, 128]
        x = leaky_relu(batch_norm(x, ctx, 'd_bn1'), 0.2)
        x = conv(x, 4 * width, 'd_h2_conv')                             # [N, 8, 8, 256]
        x = leaky_relu(batch_norm(x, ctx, 'd_bn2'), 0.2)
        x = conv(x, 8 * width, 'd_h3_conv')                             # [N, 4, 4, 512]
        x = leaky_relu(batch_norm(x, ctx, 'd_bn3'), 0.2)
        logits = linear(flatten(x), 1, 'd_h4_lin')                      # [N, 8192], [N, 1]
        return logits, tf.sigmoid(logits)


def dcgan_sizes(shapes, size=None):
    """What a checkpoint's variables, {name: shape}, say of dcgan's sizes: see Preset.sizes_of_variables.

    They tell the sides of square images only, and only to the next multiple of 16.
    """
    if 'generator/g_h1_lin/Matrix' in shapes and 'generator/g_h4/w' not in shapes:
        raise ValueError('expected the variables of dcgan, found those of its conditional GAN for MNIST, which '
                         '--preset=conditional_mnist reads')
    sizes = {}
    matrix, last = shapes.get('generator/g_h0_lin/Matrix', []), shapes.get('generator/g_h4/w', [])
    if len(matrix) == 2 and len(last) == 4:
        _, _, channels, width = last
        _check_layers(shapes, width)
        if size is None:
            side = math.sqrt(matrix[1] / (8 * width)) if width else 0
            size = (16 * int(side),) * 2 if side == int(side) else (None, None)
        else:
            rows, columns = halvings(size, 4)[4]
            if matrix[1] != rows * columns * 8 * width:
                raise ValueError('expected generator/g_h0_lin/Matrix of shape {} for images of {}, found {}'.format(
                    [matrix[0], rows * columns * 8 * width], shape_text(size), matrix))
        sizes = {'z_dim': matrix[0], 'gf_dim': width, 'image_shape': tuple(size) + (channels,)}
    if len(shapes.get('discriminator/d_h0_conv/w', [])) == 4:
        sizes['df_dim'] = shapes['discriminator/d_h0_conv/w'][3]
    return sizes


def _check_layers(shapes, width):
    """ValueError where a generator's variables are not those of dcgan's layers."""
    if 'generator/g_h5/w' in shapes:
        raise ValueError('expected the five layers of the generator of dcgan, found another one, generator/g_h5/w; a '
                         'preset of your own may have six (--preset_file, docs/library.md)')
    for name, outputs in (('g_h3', 1), ('g_h2', 2), ('g_h1', 4)):
        shape, expected = shapes.get('generator/{}/w'.format(name)), [5, 5, outputs * width, 2 * outputs * width]
        if shape not in (None, expected):
            raise ValueError('expected generator/{}/w of shape {}, as dcgan has it beside {} filters before the last '
                             'layer, found {}'.format(name, expected, width, shape))


def conditional_sizes(shapes, size=None):
    """What the shapes of conditional_mnist's variables say: {'classes': ..., 'z_dim': ...}; {} where they don't."""
    del size  # there is but one
    if 'generator/g_h4/w' in shapes and 'generator/g_h1_lin/Matrix' not in shapes:
        raise ValueError("expected the variables of conditional_mnist, found those of its author's GAN without "
                         'labels, which --preset=dcgan reads')
    last, matrix = shapes.get('generator/g_h3/w', []), shapes.get('generator/g_h0_lin/Matrix', [])
    if len(last) != 4 or len(matrix) != 2 or not 128 + 1 <= last[3] < 128 + matrix[0]:
        return {}
    return {'classes': last[3] - 128, 'z_dim': matrix[0] - (last[3] - 128)}


# --------------------------------------------------------------------------------- conditional_mnist

def conditional_mnist_generator(z, ctx):
    """conditional_mnist: z [N, 100] and labels -> images [N, 28, 28, 1] in [0, 1]."""
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = linear(with_labels(z, ctx), 1024, 'g_h0_lin')               # [N, 1024]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn0'))
        x = linear(with_labels(x, ctx), 7 * 7 * 128, 'g_h1_lin')        # [N, 6272]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn1'))                     # of 6,272 units, not of 128 channels
        x = tf.reshape(x, [-1, 7, 7, 128])                              # [N, 7, 7, 128]
        x = deconv(with_labels(x, ctx), 128, 'g_h2')                    # [N, 14, 14, 128]
        x = tf.nn.relu(batch_norm(x, ctx, 'g_bn2'))
        x = deconv(with_labels(x, ctx), 1, 'g_h3')                      # [N, 28, 28, 1]
        return tf.sigmoid(x)


def conditional_mnist_discriminator(x, ctx):
    """conditional_mnist: images [N, 28, 28, 1] in [0, 1] and labels -> logits [N, 1], sigmoid."""
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        classes = ctx.labels.shape.as_list()[1]  # as many channels more, as its author has it; here of 10:
        x = conv(with_labels(x, ctx), 1 + classes, 'd_h0_conv')         # [N, 14, 14, 11]
        x = leaky_relu(x, 0.2)
        x = conv(with_labels(x, ctx), 64 + classes, 'd_h1_conv')        # [N, 7, 7, 74]
        x = leaky_relu(batch_norm(x, ctx, 'd_bn1'), 0.2)
        x = tf.reshape(x, [-1, 7 * 7 * (64 + classes)])                 # [N, 3626]
        x = linear(with_labels(x, ctx), 1024, 'd_h2_lin')               # [N, 1024]
        x = leaky_relu(batch_norm(x, ctx, 'd_bn2'), 0.2)
        logits = linear(with_labels(x, ctx), 1, 'd_h3_lin')             # [N, 1]
        return logits, tf.sigmoid(logits)
