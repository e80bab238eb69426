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
    channels = x.shape.as_list()[3]
    return tf.reshape(to_blocks(x, rows, columns),
                      [-1, rows.blocks, rows.step, columns.blocks, columns.step * channels])


def to_blocks(x, rows, columns):
    """[N, H, W, C] -> [N, blocks * step, blocks * step, C]: padded or cut to what the windows reach."""
    after = [_after(one) for one in (rows, columns)]
    if min(after) < 0:
        x = x[:, :rows.size + min(after[0], 0), :columns.size + min(after[1], 0)]
    return _padded(x, *[(one.before, max(zeros, 0)) for one, zeros in zip((rows, columns), after)])


def from_blocks(x, rows, columns):
    """[N, blocks * step, blocks * step, C] -> [N, H, W, C]: what to_blocks() made, with zeros where it cut."""
    x = _padded(x, *[(0, max(-_after(one), 0)) for one in (rows, columns)])
    if all(one.before == 0 and _after(one) <= 0 for one in (rows, columns)):
        return x
    return x[:, rows.before:rows.before + rows.size, columns.before:columns.before + columns.size]


def _after(one):
    """How many zeros there are behind an Axis's pixels; negative for pixels that no window reaches."""
    return one.blocks * one.step - one.size - one.before


def _padded(x, above_and_below, left_and_right):
    """[N, H, W, C] with so many zeros around."""
    paddings = [(0, 0), above_and_below, left_and_right, (0, 0)]
    return tf.pad(x, paddings) if any(map(any, paddings)) else x


def overlap_add(taps, dimension, one):
    """[kernel_size] of [N, H', W', C], each to be added `tap` further on -> `one.size` positions."""
    phases = []
    for phase in range(one.step):
        shifted = []
        for block, tap in enumerate(taps[phase::one.step]):
            around = block, one.blocks - one.count - block
            shifted.append(_padded(tap, around, (0, 0)) if dimension == 1 else _padded(tap, (0, 0), around))
        phases.append(tf.add_n(shifted) if shifted else None)
    # A kernel smaller than its stride leaves phases that nothing reaches.
    phases = [tf.zeros_like(phases[0]) if phase is None else phase for phase in phases]
    x = tf.stack(phases, axis=dimension + 1)
    shape = x.shape.as_list()
    shape[0] = -1
    shape[dimension:dimension + 2] = [one.blocks * one.step]
    x, other = tf.reshape(x, shape), _whole(shape[3 - dimension])
    return from_blocks(x, one, other) if dimension == 1 else from_blocks(x, other, one)


def _whole(size):
    """The Axis of a dimension that is left as it is."""
    return axis(size, 1, 1, 'VALID')


def as_matrix(x):
    """[N, H, W, C] -> [N * H * W, C]."""
    return tf.reshape(x, [-1, x.shape.as_list()[-1]])
