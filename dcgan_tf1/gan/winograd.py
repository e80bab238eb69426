"""A convolution's products with fewer multiplications: Winograd's minimal filtering, by matrices.

Along one axis, a tile of m outputs of t taps is the transpose of a product of polynomials, which takes m * t
multiplications of coefficients, or m + t - 1 of values at as many points, of which one is infinity (Toom, Cook;
Winograd's F(m, t), 1980):

    outputs = output.T (kernel taps * input inputs)

with three small matrices. Along both axes, F(4, 3) takes 36 multiplications in place of 144. A convolution of stride s
is one of stride 1 on blocks of s x s pixels, whose pixels are channels. Its gradients have the same three matrices in
other places, so the values of x, y and kernel are the same in all three products, which share them; those of a kernel
are shared by all passes of an update (gan/sharing.py).

Sums of pixels, an operation each, cost as much as they save. Here they are matrix products, too: a matrix for each
axis, or one for both where tiles do not overlap, takes images to all points. For each point there is then a product of
[N * tiles, C] by [C, F], all of them in one batch.

The more points there are, the larger their values, and the more is lost where these are rounded. Results are off by
up to 4e-6 in float32 (root mean square, where plain products are off by 3e-7). In bfloat16, they are off by 0.6 % with
tiles of 2 by 2 and up to three taps, and by 1 to 2 % with others, where plain products are off by 0.2 to 0.5 % and
TensorFlow's own gradients of kernels by about 2 %.
"""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.convolution_axes import from_blocks, to_blocks
from dcgan_tf1.gan.sharing import Made

# The finite points, by the number of points with infinity: of the fractions that were tried, those whose products are
# the most exact in bfloat16.
_FINITE = {3: (0, 1), 4: (0, 1, -1), 5: (4 / 3, -4 / 3, 2 / 5, -2 / 5), 6: (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2),
           7: (1 / 4, -1 / 4, 3 / 4, -3 / 4, 2, -2)}
MAX_POINTS = max(_FINITE)
# In bfloat16 and float16: the sum of both axes' numbers of points, and taps along an axis. With more, results in
# bfloat16 are off by more than 2 %.
MAX_POINTS_ROUNDED, MAX_TAPS_ROUNDED = 12, 4
# How many bytes of values at the points a part of a batch may have, so that the processor's caches hold them, and into
# how many parts a batch is worth dividing: each has operations of its own.
PART_BYTES, MAX_PARTS = 8 << 20, 4

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


def forward(x, kernel, rows, columns, made=None):
    """x [N, H, W, C], kernel [k, k, C, F] -> [N, H', W', F]; rows, columns: their Tilings.

    made: the sharing.Made of a convolution's products.
    """
    maps = _Maps(rows, columns, *kernel.shape.as_list()[2:], x.dtype, made)
    kernel_values = maps.values_of_kernel(kernel)
    return tf.concat([maps.outputs(tf.matmul(part, kernel_values)) for part in maps.values_of_x(x)], axis=0)


def to_input(y, kernel, rows, columns, made=None):
    """y [N, H', W', F], kernel [k, k, C, F] -> [N, H, W, C]; rows, columns: their Tilings; made: see forward()."""
    maps = _Maps(rows, columns, *kernel.shape.as_list()[2:], y.dtype, made)
    kernel_values = maps.values_of_kernel(kernel)
    return tf.concat([maps.inputs(tf.matmul(part, kernel_values, transpose_b=True)) for part in maps.values_of_y(y)],
                     axis=0)


def to_kernel(x, dy, rows, columns, made=None):
    """x [N, H, W, C], dy [N, H', W', F] -> [k, k, C, F]; rows, columns: their Tilings; made: see forward()."""
    maps = _Maps(rows, columns, x.shape.as_list()[3], dy.shape.as_list()[3], x.dtype, made)
    return maps.kernel(tf.add_n([tf.matmul(x_part, dy_part, transpose_a=True) for x_part, dy_part in zip(
        maps.values_of_x(x), maps.values_of_y(dy))]))


# ---------------------------------------------------------------------------------- their parts

def _seen(one, kernel_size, zeros):
    """(first, last) block that the first window of an Axis sees, if the blocks begin with so many zeros."""
    return (zeros - one.before) // one.step, (kernel_size - 1 + zeros - one.before) // one.step


def _at_points(count, length):
    """[count, length]: takes a polynomial's coefficients, that of 1 first, to its values; at infinity, the last."""
    values = np.vander(_FINITE[count] + (0.,), length, increasing=True)
    values[-1] = [0] * (length - 1) + [1]
    return values


class _Maps:
    """Takes images and kernels to their values at the points, and products of these back, by matrices.

    Values at the points, and constants, are looked up in a sharing.Made, and added to it.
    """

    def __init__(self, rows, columns, channels, filters, dtype, made):
        self._rows, self._columns, self._channels, self._filters, self._dtype = rows, columns, channels, filters, dtype
        self._made = Made() if made is None else made
        self._points = rows.kernel.shape[0], columns.kernel.shape[0]

    def values_of_x(self, x):
        """[N, H, W, C] -> for each part of a batch, [points, N * tiles, step * step * C]."""
        rows, columns = self._rows, self._columns
        return self._made.once(('x', self._points), lambda: [
            self._values(to_blocks(part, rows.axis, columns.axis), rows.axis.step, self._channels * rows.axis.step,
                         rows.input, columns.input) for part in self._parts(x)], x)

    def values_of_y(self, y):
        """[N, H', W', F] -> for each part of a batch, [points, N * tiles, F]."""
        return self._made.once(('y', self._points), lambda: [
            self._values(part, 1, self._filters, self._rows.output, self._columns.output)
            for part in self._parts(y)], y)

    def values_of_kernel(self, kernel):
        """[k, k, C, F] -> [points, step * step * C, F]."""
        matrix = self._kernel_matrix()
        return self._made.shared(('kernel', matrix.tobytes()), lambda: self._reshape(
            tf.matmul(self._matrix(matrix), self._reshape(kernel, [-1, self._channels * self._filters])),
            [-1, self._rows.axis.step ** 2 * self._channels, self._filters]), kernel)

    def outputs(self, values):
        """[points, N * tiles, F] -> [N, H', W', F]."""
        rows, columns = self._rows, self._columns
        return self._map(values, 1, self._filters, rows.output, columns.output,
                         [-1, rows.axis.count, columns.axis.count, self._filters])

    def inputs(self, values):
        """[points, N * tiles, step * step * C] -> [N, H, W, C]."""
        rows, columns, step = self._rows, self._columns, self._rows.axis.step
        x = self._map(values, step, self._channels * step, rows.input, columns.input,
                      [-1, rows.axis.blocks * step, columns.axis.blocks * step, self._channels])
        return from_blocks(x, rows.axis, columns.axis)

    def kernel(self, values):
        """[points, step * step * C, F] -> [k, k, C, F]."""
        size = self._rows.kernel.shape[2]
        kernel = tf.matmul(self._matrix(self._kernel_matrix().T),
                           self._reshape(values, [-1, self._channels * self._filters]))
        return self._reshape(kernel, [size, size, self._channels, self._filters])

    def _parts(self, images):
        """[N, ...] in as many parts as the first of the images that products share was divided into."""
        parts = self._made.parts
        if self._points not in parts:
            parts[self._points] = _part_count(images, self._channels, self._filters, self._rows, self._columns)
        return tf.split(images, parts[self._points]) if parts[self._points] > 1 else [images]

    def _kernel_matrix(self):
        """[points * step * step, k * k]."""
        matrix = np.einsum('pai,qbj->pqabij', self._rows.kernel, self._columns.kernel)
        return matrix.reshape([-1, self._rows.kernel.shape[2] * self._columns.kernel.shape[2]])

    def _values(self, x, step, channels, rows, columns):
        """x at the points of both axes: [points, N * tiles, step * channels].

        x: of any shape that may be seen as [N, H, step, W, channels]. rows, columns: [points, tiles, size].
        """
        (row_points, row_tiles, height), (column_points, column_tiles, width) = rows.shape, columns.shape
        matrix = _of_both(rows, columns)
        if matrix is not None:
            x = self._reshape(x, [-1, row_tiles, height // row_tiles, step, column_tiles, width // column_tiles,
                                  channels])
            x = self._transpose(x, [2, 5, 0, 1, 4, 3, 6])
            values = tf.matmul(self._matrix(matrix), self._reshape(x, [matrix.shape[1], -1]))
        else:
            values = tf.matmul(self._matrix(rows.reshape([1, -1, height])),
                               self._reshape(x, [-1, height, step * width * channels]))
            values = tf.matmul(self._matrix(columns.reshape([1, -1, width])),
                               self._reshape(values, [-1, width, channels]))
            values = self._reshape(values, [-1, row_points, row_tiles, step, column_points, column_tiles, channels])
            values = self._transpose(values, [1, 4, 0, 2, 5, 3, 6])
        return self._reshape(values, [row_points * column_points, -1, step * channels])

    def _map(self, values, step, channels, rows, columns, shape):
        """[points, N * tiles, step * channels] -> [N, H, step, W, channels] as `shape`: the transpose of _values()."""
        (row_points, row_tiles, height), (column_points, column_tiles, width) = rows.shape, columns.shape
        matrix = _of_both(rows, columns)
        if matrix is not None:
            x = tf.matmul(self._matrix(matrix.T), self._reshape(values, [row_points * column_points, -1]))
            x = self._reshape(x, [height // row_tiles, width // column_tiles, -1, row_tiles, column_tiles, step,
                                  channels])
            return self._reshape(self._transpose(x, [2, 3, 0, 5, 4, 1, 6]), shape)
        values = self._reshape(values, [row_points, column_points, -1, row_tiles, column_tiles, step, channels])
        values = self._transpose(values, [2, 0, 3, 5, 1, 4, 6])
        x = tf.matmul(self._matrix(columns.reshape([1, -1, width]).transpose(0, 2, 1)),
                      self._reshape(values, [-1, column_points * column_tiles, channels]))
        x = tf.matmul(self._matrix(rows.reshape([1, -1, height]).transpose(0, 2, 1)),
                      self._reshape(x, [-1, row_points * row_tiles, step * width * channels]))
        return self._reshape(x, shape)

    def _matrix(self, values):
        return self._constant(values, self._dtype)

    def _reshape(self, x, shape):
        return tf.reshape(x, self._constant(shape, tf.int32))

    def _transpose(self, x, order):
        return tf.transpose(x, self._constant(order, tf.int32))

    def _constant(self, values, dtype):
        values = np.asarray(values)
        return self._made.shared((values.tobytes(), values.shape, dtype), lambda: tf.constant(values, dtype))


def _are_apart(matrix):
    """Whether an axis is divided among the tiles of a matrix [points, tiles, size]: none sees what another sees."""
    _, tiles, size = matrix.shape
    return size % tiles == 0 and not matrix.reshape([-1, tiles, tiles, size // tiles])[
        :, ~np.eye(tiles, dtype=bool)].any()


def _of_both(*axes):
    """One matrix for two of [points, tiles, size], [points of both, pixels of a tile]; None where tiles overlap."""
    if not all(map(_are_apart, axes)):
        return None
    return np.kron(*[matrix[:, 0, :matrix.shape[2] // matrix.shape[1]] for matrix in axes])


def _part_count(images, channels, filters, rows, columns):
    """Into how many equal parts to divide [N, ...]: so many that what is made of one stays in the caches.

    Each part reads the kernel's values anew, so it should make at least twice as many of its own. A single part, if
    that would take too many of them, or N is unknown or can't be divided.
    """
    batch = images.shape.as_list()[0]
    bytes_each = rows.kernel.shape[0] * columns.kernel.shape[0] * images.dtype.size  # of one value at all points
    channels *= rows.axis.step ** 2
    tiles = rows.output.shape[1] * columns.output.shape[1]
    part = max(PART_BYTES, 2 * bytes_each * channels * filters)
    count = 1
    while batch is not None and bytes_each * tiles * batch * (channels + filters) > count * part:
        count *= 2
    return 1 if batch is None or count > MAX_PARTS or batch % count else count
