"""A convolution's products with fewer multiplications: Winograd's minimal filtering, by matrices.

Along one axis, a tile of m outputs of t taps is the transpose of a product of polynomials, which takes m * t
multiplications of coefficients, or m + t - 1 of values at as many points, of which one is infinity (Toom, Cook;
Winograd's F(m, t), 1980):

    outputs = output.T (kernel taps * input inputs)

with three small matrices. Along both axes, F(4, 3) takes 36 multiplications in place of 144. A convolution of stride s
is one of stride 1 on blocks of s x s pixels, whose pixels are channels. Its gradients have the same three matrices in
other places, so the values of x, y and kernel are the same tensors in all three products: TensorFlow computes them
once.

Sums of pixels, an operation each, cost as much as they save. Here they are matrix products, too: images become
[H, W, N * C], and a matrix for each axis, or one for both where there is a single tile, takes them to all points. For
each point there is then a product of [tiles * N, C] by [C, F], all of them in one batch.

The more points there are, the larger their values, and the more is lost where these are rounded. Results are off by
up to 4e-6 in float32 (root mean square, where plain products are off by 3e-7). In bfloat16, they are off by 0.6 % with
tiles of 2 by 2 and up to three taps, and by 1 to 2 % with others, where plain products are off by 0.2 to 0.5 % and
TensorFlow's own gradients of kernels by about 2 %.
"""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.convolution_axes import in_blocks, out_of_blocks

# The finite points, by the number of points with infinity: of the fractions that were tried, those whose products are
# the most exact in bfloat16.
_FINITE = {3: (0, 1), 4: (0, 1, -1), 5: (4 / 3, -4 / 3, 2 / 5, -2 / 5), 6: (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2),
           7: (1 / 4, -1 / 4, 3 / 4, -3 / 4, 2, -2)}
MAX_POINTS = max(_FINITE)
# In bfloat16 and float16: the sum of both axes' numbers of points, and taps along an axis. With more, results in
# bfloat16 are off by more than 2 %.
MAX_POINTS_ROUNDED, MAX_TAPS_ROUNDED = 12, 4
# How many bytes of values at the points a part of a batch may have, so that the processor's caches hold them, and how
# many parts there may be: each has operations of its own.
PART_BYTES, MAX_PARTS = 4 << 20, 8

# A convolution along one axis: its Axis, and the matrices `input` [points, tiles, blocks], `kernel` [points, step, k]
# and `output` [points, tiles, windows].
Tiling = collections.namedtuple('Tiling', 'axis input kernel output')


def taps(kernel_size, stride):
    """How many blocks of `stride` pixels a window sees along one axis."""
    return -(-kernel_size // stride)


def points(kernel_size, stride, tile):
    """At how many points a tile's values are taken along one axis."""
    return tile + taps(kernel_size, stride) - 1


def value_count(one, kernel_size, tile):
    """How many values at points each channel of a block has along an Axis."""
    return points(kernel_size, one.step, tile) * -(-one.count // tile)


def tiling(one, kernel_size, tile):
    """The Tiling of an Axis whose windows are computed `tile` at a time."""
    # Blocks begin at the first pixel, unless a window sees fewer of them if they begin with the zeros before it.
    zeros = min(0, one.before, key=lambda zeros: np.ptp(_seen(one, kernel_size, zeros)))
    first, last = _seen(one, kernel_size, zeros)
    count, tiles = points(kernel_size, one.step, tile), -(-one.count // tile)
    blocks = min(one.count + last, -(-(zeros + one.size) // one.step))  # those of nothing but zeros are left out
    inputs, of_inputs = np.zeros([count, tiles, blocks]), np.linalg.inv(_at_points(count, count)).T
    outputs, of_outputs = np.zeros([count, tiles, one.count]), _at_points(count, tile)
    for number in range(tiles):
        for place in range(count):
            block = number * tile + first + place
            if 0 <= block < blocks:
                inputs[:, number, block] = of_inputs[:, place]
        made = outputs[:, number, number * tile:]
        made[:, :tile] = of_outputs[:, :made.shape[1]]
    kernel, of_taps = np.zeros([count, one.step, kernel_size]), _at_points(count, last - first + 1)
    for tap in range(kernel_size):
        block, pixel = divmod(tap + zeros - one.before, one.step)
        kernel[:, pixel, tap] = of_taps[:, block - first]
    return Tiling(one._replace(before=zeros, blocks=blocks), inputs, kernel, outputs)


def forward(x, kernel, rows, columns):
    """x [N, H, W, C], kernel [k, k, C, F] -> [N, H', W', F]; rows, columns: their Tilings."""
    kernel_values = _of_kernel(kernel, rows, columns)
    return tf.concat([
        _image(tf.matmul(_of_x(part, rows, columns), kernel_values), rows.output, columns.output)
        for part, in _parts(*kernel.shape.as_list()[2:], rows, columns, x)], axis=0)


def to_input(y, kernel, rows, columns):
    """y [N, H', W', F], kernel [k, k, C, F] -> [N, H, W, C]; rows, columns: their Tilings."""
    kernel_values = _of_kernel(kernel, rows, columns)
    x = [_map(tf.matmul(_of_y(part, rows, columns), kernel_values, transpose_b=True), rows.input, columns.input)
         for part, in _parts(*kernel.shape.as_list()[2:], rows, columns, y)]
    return tf.concat([_out_of_blocks(part, rows.axis, columns.axis) for part in x], axis=0)


def to_kernel(x, dy, rows, columns):
    """x [N, H, W, C], dy [N, H', W', F] -> [k, k, C, F]; rows, columns: their Tilings."""
    size, channels, filters = rows.kernel.shape[2], x.shape.as_list()[3], dy.shape.as_list()[3]
    parts = _parts(channels, filters, rows, columns, x, dy)
    products = tf.add_n([tf.matmul(_of_x(x_part, rows, columns), _of_y(dy_part, rows, columns), transpose_a=True)
                         for x_part, dy_part in parts])
    matrix = tf.constant(_kernel_matrix(rows, columns).T, x.dtype)
    kernel = tf.matmul(matrix, tf.reshape(products, [-1, channels * filters]))
    return tf.reshape(kernel, [size, size, channels, filters])


# ---------------------------------------------------------------------------------- their parts

def _seen(one, kernel_size, zeros):
    """(first, last) block that the first window of an Axis sees, if the blocks begin with so many zeros."""
    return (zeros - one.before) // one.step, (kernel_size - 1 + zeros - one.before) // one.step


def _at_points(count, length):
    """[count, length]: takes a polynomial's coefficients, that of 1 first, to its values; at infinity, the last."""
    values = np.vander(_FINITE[count] + (0.,), length, increasing=True)
    values[-1] = [0] * (length - 1) + [1]
    return values


def _of_x(x, rows, columns):
    """[N, H, W, C] -> [points, tiles * N, step * step * C]."""
    x = tf.transpose(in_blocks(x, rows.axis, columns.axis), [1, 3, 0, 2, 4])
    blocks = [rows.axis.blocks, columns.axis.blocks]
    channels = x.shape.as_list()[3] * x.shape.as_list()[4]
    return _values(tf.reshape(x, blocks + [-1, channels]), rows.input, columns.input)


def _of_y(y, rows, columns):
    """[N, H', W', F] -> [points, tiles * N, F]."""
    return _values(tf.transpose(y, [1, 2, 0, 3]), rows.output, columns.output)


def _of_kernel(kernel, rows, columns):
    """[k, k, C, F] -> [points, step * step * C, F]."""
    size, _, channels, filters = kernel.shape.as_list()
    matrix = tf.constant(_kernel_matrix(rows, columns), kernel.dtype)
    values = tf.matmul(matrix, tf.reshape(kernel, [size * size, channels * filters]))
    return tf.reshape(values, [-1, rows.axis.step ** 2 * channels, filters])


def _kernel_matrix(rows, columns):
    """[points * step * step, k * k]."""
    matrix = np.einsum('pai,qbj->pqabij', rows.kernel, columns.kernel)
    return matrix.reshape([-1, rows.kernel.shape[2] * columns.kernel.shape[2]])


def _values(x, rows, columns):
    """[H, W, N, C] at the points of both axes: [points, tiles * N, C]; rows, columns: [points, tiles, size]."""
    (row_points, row_tiles, height), (column_points, column_tiles, width) = rows.shape, columns.shape
    channels = x.shape.as_list()[3]
    if row_tiles == column_tiles == 1:
        matrix = tf.constant(np.kron(rows[:, 0], columns[:, 0]), x.dtype)
        values = tf.matmul(matrix, tf.reshape(x, [height * width, -1]))
    else:
        values = tf.matmul(tf.constant(rows.reshape([-1, height]), x.dtype), tf.reshape(x, [height, -1]))
        values = tf.matmul(tf.constant(columns.reshape([1, -1, width]), x.dtype),
                           tf.reshape(values, [row_points * row_tiles, width, -1]))
        values = tf.reshape(values, [row_points, row_tiles, column_points, -1])
        values = tf.transpose(values, [0, 2, 1, 3]) if row_tiles > 1 else values
    return tf.reshape(values, [row_points * column_points, -1, channels])


def _map(values, rows, columns):
    """[points, tiles * N, C] -> [H, W, N, C]: the transpose of _values()."""
    (row_points, row_tiles, height), (column_points, column_tiles, width) = rows.shape, columns.shape
    channels, dtype = values.shape.as_list()[2], values.dtype
    if row_tiles == column_tiles == 1:
        matrix = tf.constant(np.kron(rows[:, 0], columns[:, 0]).T, dtype)
        x = tf.matmul(matrix, tf.reshape(values, [row_points * column_points, -1]))
    else:
        values = tf.reshape(values, [row_points, column_points, row_tiles, -1])
        values = tf.transpose(values, [0, 2, 1, 3]) if row_tiles > 1 else values
        values = tf.reshape(values, [row_points * row_tiles, column_points * column_tiles, -1])
        x = tf.matmul(tf.constant(columns.reshape([1, -1, width]).transpose(0, 2, 1), dtype), values)
        x = tf.matmul(tf.constant(rows.reshape([-1, height]).T, dtype), tf.reshape(x, [row_points * row_tiles, -1]))
    return tf.reshape(x, [height, width, -1, channels])


def _image(values, rows, columns):
    """[points, tiles * N, F] -> [N, H', W', F]."""
    return tf.transpose(_map(values, rows, columns), [2, 0, 1, 3])


def _out_of_blocks(x, rows, columns):
    """[blocks, blocks, N, step * step * C] -> [N, H, W, C]."""
    x = tf.reshape(x, [rows.blocks, columns.blocks, -1, rows.step, x.shape.as_list()[3] // rows.step])
    return out_of_blocks(tf.transpose(x, [2, 0, 3, 1, 4]), rows, columns)


def _parts(channels, filters, rows, columns, *images):
    """Tuples of an equal part of each of `images`, [N, ...]: so many that what is made of one stays in the caches.

    Each part reads the kernel's values anew, so it should make at least twice as many of its own. A single part, if N
    is unknown.
    """
    batch = images[0].shape.as_list()[0]
    bytes_each = rows.kernel.shape[0] * columns.kernel.shape[0] * images[0].dtype.size  # of one value at all points
    channels *= rows.axis.step ** 2
    tiles = rows.output.shape[1] * columns.output.shape[1]
    part = max(PART_BYTES, 2 * bytes_each * channels * filters)
    count = 1
    while batch is not None and count < MAX_PARTS and batch % (2 * count) == 0 and (
            bytes_each * tiles * batch * (channels + filters) > count * part):
        count *= 2
    return list(zip(*[tf.split(each, count) if count > 1 else [each] for each in images]))
