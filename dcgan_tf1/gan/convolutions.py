"""The three products of a convolution, each by TensorFlow's own kernel or as matrix products.

A convolution y = x * k and its gradients are three products: `forward` (y of x and k),
`to_input` (x's gradient of y's and k; also the transposed convolution of y's values) and
`to_kernel` (k's gradient of x and y's). `CONV_IMPLS` says how each of them is computed:

  native  TensorFlow's kernels, differentiated by TensorFlow: the original notebook's graph.
  matmul  patches of x times k as a matrix, and its two gradients likewise.
  mixed   what was the fastest for each product on our CPUs (see benchmarks/README.md):
          native, except for most of `to_kernel`, which is the slowest of TensorFlow's
          three, for `to_input` where the image has few channels, and for large kernels on
          small maps of many channels.

In place of one of these names there may be a table of what was measured to be the fastest on a machine
({Geometry.key: {product: way}}, see training/lowering.py), with `mixed` for what is not in it.

Images are [N, H, W, C] with H, W and C known, kernels [height, width, C, F] and square.
"""

import collections
import contextlib
import functools

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import winograd
from dcgan_tf1.gan.convolution_axes import as_matrix, axis, from_blocks, in_blocks, overlap_add
from dcgan_tf1.gan.sharing import Made
from dcgan_tf1.util.compute_policy import CONV_IMPLS


class Geometry(collections.namedtuple('Geometry', 'height width channels filters kernel_size stride padding')):
    """All that the time of a convolution's products depends on, beside the batch and the precision."""

    @property
    def key(self):
        """For tables, e.g. '28x28x1-64 5x5/2 SAME'."""
        return '{0}x{1}x{2}-{3} {4}x{4}/{5} {6}'.format(*self)


# A convolution as a network has it: its variable scope, its Geometry, and whether it is a transposed one.
Use = collections.namedtuple('Use', 'scope geometry transposed')

_listeners = []  # lists of Use


@contextlib.contextmanager
def noted():
    """Yields a list to which every convolution that is built inside adds a Use."""
    uses = []
    _listeners.append(uses)
    try:
        yield uses
    finally:
        _listeners.remove(uses)


class Convolution:
    """One geometry: input [N, height, width, channels], square kernel, stride and padding."""

    def __init__(self, height, width, channels, kernel_size, stride, padding, conv_impl):
        self._kernel_size, self._stride, self._padding = kernel_size, stride, padding
        self._strides = [1, stride, stride, 1]
        self._rows = axis(height, kernel_size, stride, padding)
        self._columns = axis(width, kernel_size, stride, padding)
        if not isinstance(conv_impl, dict) and conv_impl not in CONV_IMPLS:
            raise ValueError('conv_impl: expected one of {}, found {!r}'.format(', '.join(CONV_IMPLS), conv_impl))
        self._conv_impl = conv_impl
        self._channels = channels

    @classmethod
    def of(cls, geometry, conv_impl):
        """The Convolution of a Geometry."""
        height, width, channels, _, kernel_size, stride, padding = geometry
        return cls(height, width, channels, kernel_size, stride, padding, conv_impl)

    @property
    def output_size(self):
        """(H', W') of what `forward` gives."""
        return self._rows.count, self._columns.count

    def __call__(self, x, kernel):
        """x [N, H, W, C], kernel [k, k, C, F] -> [N, H', W', F] of x's precision, differentiable once."""
        self._note(kernel, False)
        if self._conv_impl == 'native':
            return self._forward_natively(x, tf.cast(kernel, x.dtype))
        return self._differentiable('forward', x, kernel)

    def transposed(self, y, kernel):
        """y [N, H', W', F], kernel [k, k, C, F] -> [N, H, W, C] of y's precision, differentiable once."""
        self._note(kernel, True)
        if self._conv_impl == 'native':
            return self._to_input_natively(y, tf.cast(kernel, y.dtype))
        return self._differentiable('to_input', y, kernel)

    def compute(self, product, way, *operands, made=None):
        """One of PRODUCTS in one of its WAYS: forward of x, kernel; to_input of y, kernel; to_kernel of x, dy.

        made: the sharing.Made of a convolution's products.
        """
        shared = {'made': made} if way in TILES else {}
        return WAYS[product][way](self, *operands, **shared)

    def candidates(self, product, dtype):
        """The names of those of a product's WAYS that are exact enough and differ from one another, for measuring."""
        if product == 'to_kernel' and not self._native_kernel_is_exact(dtype):
            return ['matmul']
        return [way for way in WAYS[product] if (
            (way != 'blocks' or self._stride > 1) and (way not in TILES or self._may_tile(way, dtype)))]

    # ------------------------------------------------------------------- the products

    def _differentiable(self, product, images, kernel):
        """'forward' or 'to_input', each of which is the other's gradient."""
        made, back = Made(), 'to_input' if product == 'forward' else 'forward'
        rounded = made.shared(('rounded', images.dtype), lambda: tf.cast(kernel, images.dtype), kernel)

        @tf.custom_gradient
        def compute(images, _):  # takes `rounded`, which other passes share, not custom_gradient's copy of the kernel
            def gradients(dy):
                x_and_y = (images, dy) if product == 'forward' else (dy, images)
                return self._product(back, made, dy, rounded), tf.cast(
                    self._product('to_kernel', made, *x_and_y), kernel.dtype)

            return self._product(product, made, images, rounded), gradients

        return compute(images, kernel)

    def _product(self, product, made, *operands):
        """One of PRODUCTS in the way that is taken for it; see compute()."""
        way = self._way(product, operands[0].dtype, operands[1].shape.as_list()[-1])
        return self.compute(product, way, *operands, made=made)

    def _forward_natively(self, x, kernel):
        return tf.nn.conv2d(x, kernel, strides=self._strides, padding=self._padding)

    def _forward_by_patches(self, x, kernel):
        filters = kernel.shape.as_list()[-1]
        patches = tf.concat(self._taps(x), axis=3)
        y = tf.matmul(as_matrix(patches), tf.reshape(kernel, [-1, filters]))
        return tf.reshape(y, [-1, self._rows.count, self._columns.count, filters])

    def _to_input_natively(self, y, kernel):
        shape = [self._rows.size, self._columns.size, kernel.shape.as_list()[2]]
        x = tf.nn.conv2d_transpose(y, kernel, tf.stack([tf.shape(y)[0]] + shape),
                                   strides=self._strides, padding=self._padding)
        x.set_shape([None] + shape)
        return x

    def _to_input_by_patches(self, y, kernel):
        size, (channels, filters) = self._kernel_size, kernel.shape.as_list()[2:]
        patches = tf.matmul(as_matrix(y), tf.reshape(kernel, [-1, filters]), transpose_b=True)
        patches = tf.reshape(patches, [-1, self._rows.count, self._columns.count, size, size * channels])
        # Overlapping patches are added up along one axis at a time: k sums, not k * k.
        x = overlap_add([patches[:, :, :, i] for i in range(size)], 1, self._rows)
        x = tf.reshape(x, [-1, self._rows.size, self._columns.count, size, channels])
        return overlap_add([x[:, :, :, j] for j in range(size)], 2, self._columns)

    def _to_kernel_natively(self, x, dy):
        return tf.nn.conv2d_backprop_filter(
            x, [self._kernel_size, self._kernel_size, self._channels, dy.shape.as_list()[-1]], dy, self._strides,
            self._padding)

    def _to_kernel_by_taps(self, x, dy):
        filters = dy.shape.as_list()[-1]
        dy_matrix = as_matrix(dy)
        products = [tf.matmul(as_matrix(tap), dy_matrix, transpose_a=True) for tap in self._taps(x)]
        return tf.reshape(tf.concat(products, axis=0), [self._kernel_size, self._kernel_size, self._channels, filters])

    def _to_input_by_blocks(self, y, kernel):
        """Every block of stride x stride pixels as that many more channels of a convolution of stride 1."""
        size, stride, (channels, filters) = self._kernel_size, self._stride, kernel.shape.as_list()[2:]
        reach = -(-size // stride)  # blocks
        kernel = tf.pad(kernel, [[0, reach * stride - size]] * 2 + [[0, 0]] * 2)
        kernel = tf.reshape(kernel, [reach, stride, reach, stride, channels, filters])
        kernel = tf.reverse(tf.transpose(kernel, [0, 2, 5, 1, 3, 4]), [0, 1])
        kernel = tf.reshape(kernel, [reach, reach, filters, stride * stride * channels])
        y = tf.pad(y, [[0, 0], [reach - 1] * 2, [reach - 1] * 2, [0, 0]])
        x = tf.nn.conv2d(y, kernel, strides=[1, 1, 1, 1], padding='VALID')
        rows, columns = self._rows, self._columns
        x = tf.reshape(x, [-1, rows.blocks, columns.blocks, stride, stride * channels])
        x = tf.reshape(tf.transpose(x, [0, 1, 3, 2, 4]), [-1, rows.blocks * stride, columns.blocks * stride, channels])
        return from_blocks(x, rows, columns)

    def _in_tiles(self, *operands, compute, way, made):
        return compute(*operands, *self._tilings(way), made)

    # ---------------------------------------------------------------------- their parts

    def _may_tile(self, way, dtype):
        """Whether a way of TILES can compute it, and may win: with few channels its sums take longer than products."""
        taps = winograd.taps(self._kernel_size, self._stride)
        points = [winograd.points(self._kernel_size, self._stride, tile) for tile in TILES[way]]
        exact = dtype == tf.float32 or (
            sum(points) <= winograd.MAX_POINTS_ROUNDED and taps <= winograd.MAX_TAPS_ROUNDED)
        if self._channels < 16 or taps == 1 or max(points) > winograd.MAX_POINTS or not exact:
            return False
        if TILES[way][0] > self._rows.count or TILES[way][1] > self._columns.count:
            return False
        windows = self._rows.count * self._columns.count
        if self.tile_values(way) * self._stride ** 2 > WORTH_TILING * windows * self._kernel_size ** 2:
            return False
        # The tile between the others is for where the largest can't be.
        return way != 'winograd4x2' or not self._may_tile('winograd4x4', dtype)

    def tile_values(self, way):
        """How many values at points a way of TILES makes for each channel of a block of stride x stride pixels."""
        rows, columns = [winograd.value_count(one, self._kernel_size, tile)
                         for one, tile in zip((self._rows, self._columns), TILES[way])]
        return rows * columns

    def _tilings(self, way):
        return [winograd.tiling(one, self._kernel_size, tile)
                for one, tile in zip((self._rows, self._columns), TILES[way])]

    def _geometry(self, filters):
        return Geometry(self._rows.size, self._columns.size, self._channels, filters, self._kernel_size, self._stride,
                        self._padding)

    def _note(self, kernel, transposed):
        for uses in _listeners:
            uses.append(Use(tf.get_variable_scope().name, self._geometry(kernel.shape.as_list()[-1]), transposed))

    def _way(self, product, dtype, filters):
        """How one of the products is computed: the name of one of its WAYS."""
        if isinstance(self._conv_impl, dict):
            way = self._conv_impl.get(self._geometry(filters).key, {}).get(product)
            # A table of another precision may have one that is not exact in this one, an older table one that is no
            # longer worth it.
            return way if way in self.candidates(product, dtype) else self.usual_way(product, dtype)
        return self.usual_way(product, dtype) if self._conv_impl == 'mixed' else self._conv_impl

    def usual_way(self, product, dtype):
        """The way that `mixed` takes for one of PRODUCTS."""
        if product == 'to_kernel':
            return 'native' if self._native_kernel_is_faster(dtype) else 'matmul'
        if self._is_large and self._rows.size <= 8:
            return 'matmul' if product == 'forward' or dtype == tf.float32 else 'native'
        if product == 'forward' or self._channels >= 16:
            return 'native'
        return 'blocks' if self._kernel_size >= 5 and self._stride > 1 and self._rows.size >= 32 else 'matmul'

    @property
    def _is_large(self):
        """Whether it is one of `dcgan`'s at 64x64 and beyond, where 5x5 kernels are as slow as they are large."""
        return self._kernel_size >= 5 and self._stride > 1 and self._rows.size * self._channels >= 2048

    def _native_kernel_is_faster(self, dtype):
        """Whether TensorFlow's own kernel gradient wins: as measured over the presets' geometries."""
        in_float32 = dtype == tf.float32
        if self._stride == 1 and self._padding == 'SAME' and self._kernel_size > 1:
            return in_float32 or (self._native_kernel_is_exact(dtype)
                                  and (self._rows.size >= 14 or self._kernel_size >= 5))
        return in_float32 and ((self._kernel_size >= 5 and not self._is_large) or self._channels < 16)

    def _native_kernel_is_exact(self, dtype):
        """Not for one channel in bfloat16, where TensorFlow's own kernel gradient is off by up to 4 %."""
        return dtype == tf.float32 or self._channels > 1

    def _taps(self, x):
        """What the kernel's taps see: tensors [N, H', W', taps * C], in the kernel's order.

        The taps of one row of a block lie side by side, and all that a tap sees is one slice.
        """
        size, stride, rows, columns = self._kernel_size, self._stride, self._rows, self._columns
        x = in_blocks(x, rows, columns)
        return [x[:, i // stride:i // stride + rows.count, i % stride, j // stride:j // stride + columns.count,
                  :min(stride, size - j) * self._channels]
                for i in range(size) for j in range(0, size, stride)]


# The ways with fewer multiplications, which the windows in a tile share, and the tile's height and width.
TILES = {'winograd2x2': (2, 2), 'winograd4x2': (4, 2), 'winograd4x4': (4, 4)}
WORTH_TILING = 0.7  # of the multiplications, so that what the sums take is won back

# {product: {way: what computes it}}. A new way is a function, a row, and what candidates() says of where it applies; a
# new tile is a row of TILES.
WAYS = {
    'forward': {'native': Convolution._forward_natively, 'matmul': Convolution._forward_by_patches},
    'to_input': {'native': Convolution._to_input_natively, 'matmul': Convolution._to_input_by_patches,
                 'blocks': Convolution._to_input_by_blocks},
    'to_kernel': {'native': Convolution._to_kernel_natively, 'matmul': Convolution._to_kernel_by_taps},
}
for _way in TILES:
    for _product, _compute in (('forward', winograd.forward), ('to_input', winograd.to_input),
                               ('to_kernel', winograd.to_kernel)):
        WAYS[_product][_way] = functools.partial(Convolution._in_tiles, compute=_compute, way=_way)
PRODUCTS = tuple(WAYS)
