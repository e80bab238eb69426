"""A convolution's products with fewer multiplications: windows in pairs, along both axes.

Two windows `stride` apart see three inputs by two taps, of which the middle one is seen by both:

    x0 k0 + x1 k1 = (x0 - x1) k0 + x1 (k0 + k1)
    x1 k0 + x2 k1 = (x2 - x1) k1 + x1 (k0 + k1)

So they share one of three multiplications, where plain windows need four (the minimal filtering F(2, 2) of Winograd,
1980; for transposed convolutions, Karatsuba's product). A tap without a partner is multiplied for each window. Along
both axes, 4x4 taps of stride 1 need 9/16 of the multiplications, 5x5 of stride 2 16/25, 3x3 of stride 2 25/36. Sums
take time, too. In float32 they lose no more than another order of summation does. In bfloat16 they round: results are
off by 0.6 % (root mean square) where plain products are off by 0.2 %.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.convolution_axes import as_matrix, at_column, at_row, in_blocks, overlap_add

# A product of x[plus] - x[minus], offsets from the pair's first input (minus: or None), with the sum of these taps.
_Term = collections.namedtuple('_Term', 'plus minus taps')


def terms(kernel_size, stride):
    """Three lists of terms: what the first window of a pair alone adds up, the second alone, and both."""
    first, second, both = [], [], []
    for tap in range(kernel_size):
        after = tap + stride
        if (tap // stride) % 2:
            continue  # is a partner
        if after < kernel_size:
            first.append(_Term(tap, after, (tap,)))
            second.append(_Term(after + stride, after, (after,)))
            both.append(_Term(after, None, (tap, after)))
        else:
            first.append(_Term(tap, None, (tap,)))
            second.append(_Term(after, None, (tap,)))
    return first, second, both


def forward(x, kernel, rows, columns, stride):
    """x [N, H, W, C], kernel [k, k, C, F] -> [N, H', W', F]; rows, columns: an Axis of pairs."""
    size, _, _, filters = kernel.shape.as_list()
    thirds, x = terms(size, stride), in_blocks(x, rows, columns)
    by_rows = []
    for row_terms in thirds:
        seen = [_inputs(term, at_row, x, rows) for term in row_terms]
        taps, by_columns = [_taps(kernel, term) for term in row_terms], []
        for column_terms in thirds:
            patches = [_inputs(term, at_column, row, columns) for term in column_terms for row in seen]
            by_columns.append(tf.matmul(as_matrix(tf.concat(patches, axis=3)), _matrix(taps, column_terms)))
        by_rows.append(tf.reshape(_windows(by_columns, 1), [-1, rows.count, columns.count * 2 * filters]))
    return tf.reshape(_windows(by_rows, 2), [-1, 2 * rows.count, 2 * columns.count, filters])


def to_kernel(x, dy, rows, columns, kernel_size, stride):
    """x [N, H, W, C], dy [N, H', W', F] -> [k, k, C, F]; rows, columns: an Axis of pairs."""
    channels, filters = x.shape.as_list()[3], dy.shape.as_list()[3]
    thirds, x = terms(kernel_size, stride), in_blocks(x, rows, columns)
    addends = collections.defaultdict(list)
    for row_terms, dy_rows in zip(thirds, _rows_of_pairs(dy, rows, columns)):
        seen = [_inputs(term, at_row, x, rows) for term in row_terms]
        for column_terms, dy_window in zip(thirds, _columns_of_pairs(dy_rows)):
            dy_matrix = as_matrix(dy_window)
            for row, row_term in zip(seen, row_terms):
                for term in column_terms:
                    product = tf.matmul(as_matrix(_inputs(term, at_column, row, columns)), dy_matrix, transpose_a=True)
                    for tap in ((i, j) for i in row_term.taps for j in term.taps):
                        addends[tap].append(product)
    taps = [tf.add_n(addends[i, j]) for i in range(kernel_size) for j in range(kernel_size)]
    return tf.reshape(tf.stack(taps), [kernel_size, kernel_size, channels, filters])


def to_input(y, kernel, rows, columns, stride):
    """y [N, H', W', F], kernel [k, k, C, F] -> [N, H, W, C]; rows, columns: an Axis of pairs."""
    size, _, channels, _ = kernel.shape.as_list()
    thirds = terms(size, stride)
    by_rows = []
    for row_terms, y_rows in zip(thirds, _rows_of_pairs(y, rows, columns)):
        taps, by_columns = [_taps(kernel, term) for term in row_terms], []
        for column_terms, y_window in zip(thirds, _columns_of_pairs(y_rows)):
            products = tf.matmul(as_matrix(y_window), _matrix(taps, column_terms), transpose_b=True)
            products = tf.reshape(products, [
                -1, rows.count, columns.count, len(column_terms), len(taps) * channels])
            by_columns.append([products[:, :, :, i] for i in range(len(column_terms))])
        x = overlap_add(_reached(by_columns, thirds, size + stride), 2, columns)
        by_rows.append([x[:, :, :, i * channels:(i + 1) * channels] for i in range(len(taps))])
    return overlap_add(_reached(by_rows, thirds, size + stride), 1, rows)


# ---------------------------------------------------------------------------------- their parts

def _inputs(term, at, x, one):
    return at(x, term.plus, one) if term.minus is None else at(x, term.plus, one) - at(x, term.minus, one)


def _taps(kernel, term):
    """The sum of a term's taps along the kernel's first axis."""
    return kernel[term.taps[0]] if len(term.taps) == 1 else kernel[term.taps[0]] + kernel[term.taps[1]]


def _matrix(taps, column_terms):
    """[terms * C, F], in one order for both directions: TensorFlow computes what is the same once."""
    return tf.concat([_taps(each, term) for term in column_terms for each in taps], axis=0)


def _windows(products, axis):
    """The two windows of a pair, beside each other along a new axis, of the products of the three lists of terms."""
    first, second, both = products
    return tf.stack([first + both, second + both], axis=axis)


def _rows_of_pairs(y, rows, columns):
    """The pairs' first rows, their second, and the sums: [N, H'/2, W'/2, 2 * F]."""
    y = tf.reshape(y, [-1, rows.count, 2, columns.count, 2 * y.shape.as_list()[3]])
    return y[:, :, 0], y[:, :, 1], y[:, :, 0] + y[:, :, 1]


def _columns_of_pairs(y_rows):
    first, second = tf.split(y_rows, 2, axis=3)
    return first, second, first + second


def _reached(products, thirds, count):
    """What a pair adds to each of the `count` inputs it reaches, of its products by list and term."""
    addends = collections.defaultdict(list)
    first, second, both = products
    shared = iter(both)
    for one, other, term, other_term in zip(first, second, thirds[0], thirds[1]):
        addends[term.plus].append(one)
        addends[other_term.plus].append(other)
        if term.minus is not None:
            addends[term.minus].append(next(shared) - one - other)
    return [tf.add_n(addends[offset]) for offset in range(count)]
