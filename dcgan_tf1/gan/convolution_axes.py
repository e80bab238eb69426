"""What a convolution does along one axis of its images: zeros around, windows, and their sums."""

import collections

import tensorflow.compat.v1 as tf

# `size` in, `count` windows, `before` zeros in front, and the `blocks` of `step` that hold everything they reach.
Axis = collections.namedtuple('Axis', 'size count before blocks step')


def axis(size, kernel_size, stride, padding):
    """The Axis of a convolution, whose windows are `stride` apart."""
    if padding == 'SAME':
        count = -(-size // stride)
        before = max((count - 1) * stride + kernel_size - size, 0) // 2
    else:
        count, before = (size - kernel_size) // stride + 1, 0
    return Axis(size, count, before, count + (kernel_size - 1) // stride, stride)


def in_blocks(x, rows, columns):
    """[N, H, W, C] -> [N, blocks, step, blocks, step * C], padded or cut to what the windows reach.

    So each of the kernel's taps is a plain slice: TensorFlow's strided ones are many times slower.
    """
    x = _fit(x, 1, rows)
    x = _fit(x, 2, columns)
    channels = x.shape.as_list()[3]
    return tf.reshape(x, [-1, rows.blocks, rows.step, columns.blocks, columns.step * channels])


def out_of_blocks(x, rows, columns):
    """[N, blocks, step, blocks, step * C] -> [N, H, W, C]: what in_blocks() made, with zeros where it cut."""
    channels = x.shape.as_list()[4] // columns.step
    x = tf.reshape(x, [-1, rows.blocks * rows.step, columns.blocks * columns.step, channels])
    return _cut(_cut(x, 1, rows), 2, columns)


def _fit(x, dimension, one):
    """Pads or cuts one dimension of x to the blocks that the kernel reaches."""
    after = one.blocks * one.step - one.size - one.before
    if after < 0:
        x = x[:, :one.size + after] if dimension == 1 else x[:, :, :one.size + after]
    if one.before or after > 0:
        paddings = [[0, 0]] * 4
        paddings[dimension] = [one.before, max(after, 0)]
        x = tf.pad(x, paddings)
    return x


def overlap_add(taps, dimension, one):
    """[kernel_size] of [N, H', W', C], each to be added `tap` further on -> `one.size` positions."""
    phases = []
    for phase in range(one.step):
        shifted = []
        for block, tap in enumerate(taps[phase::one.step]):
            paddings = [[0, 0]] * 4
            paddings[dimension] = [block, one.blocks - one.count - block]
            shifted.append(tf.pad(tap, paddings) if any(paddings[dimension]) else tap)
        phases.append(tf.add_n(shifted) if shifted else None)
    # A kernel smaller than its stride leaves phases that nothing reaches.
    phases = [tf.zeros_like(phases[0]) if phase is None else phase for phase in phases]
    x = tf.stack(phases, axis=dimension + 1)
    shape = x.shape.as_list()
    shape[0] = -1
    shape[dimension:dimension + 2] = [one.blocks * one.step]
    return _cut(tf.reshape(x, shape), dimension, one)


def _cut(x, dimension, one):
    """Of `one.blocks` blocks along one dimension, the `one.size` positions that are the image's."""
    after = one.blocks * one.step - one.before - one.size
    if after < 0:  # the last rows of the input that no window reaches
        paddings = [[0, 0]] * 4
        paddings[dimension] = [0, -after]
        x = tf.pad(x, paddings)
    return (x[:, one.before:one.before + one.size] if dimension == 1 else
            x[:, :, one.before:one.before + one.size])


def as_matrix(x):
    """[N, H, W, C] -> [N * H * W, C]."""
    return tf.reshape(x, [-1, x.shape.as_list()[-1]])
