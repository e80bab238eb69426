"""Winograd's minimal filtering: its matrices, and batches in parts."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, winograd
from dcgan_tf1.gan.convolution_axes import axis
from dcgan_tf1.gan.convolutions import PRODUCTS, Convolution, Geometry
from dcgan_tf1.gan.presets import PRESETS

# (size, kernel size, stride, padding, tile): blocks that begin with zeros and with pixels, tiles beyond the last
# window, pixels that no window reaches.
AXES = [
    (8, 5, 2, 'SAME', 4), (7, 3, 2, 'SAME', 4), (14, 3, 2, 'SAME', 2), (7, 4, 1, 'VALID', 4), (16, 4, 2, 'SAME', 4),
    (9, 4, 2, 'SAME', 2), (13, 5, 2, 'VALID', 2), (23, 5, 4, 'VALID', 2), (6, 3, 1, 'SAME', 4),
    (12, 7, 3, 'SAME', 2), (5, 6, 1, 'SAME', 2)]


@pytest.mark.parametrize('size, kernel_size, stride, padding, tile', AXES)
def test_along_one_axis_it_is_the_convolution_to_1e_12(size, kernel_size, stride, padding, tile):
    one = axis(size, kernel_size, stride, padding)
    tiling = winograd.tiling(one, kernel_size, tile)
    draw = np.random.RandomState(0)
    x, kernel = draw.randn(size), draw.randn(kernel_size)
    padded = np.concatenate([np.zeros(one.before), x, np.zeros(kernel_size)])
    expected = [padded[i * stride:i * stride + kernel_size].dot(kernel) for i in range(one.count)]
    blocks = np.concatenate([np.zeros(tiling.axis.before), x, np.zeros(stride)])[:tiling.axis.blocks * stride]
    blocks = blocks.reshape([-1, stride])
    products = np.einsum('ptb,bs,psk,k->pt', tiling.input, blocks, tiling.kernel, kernel)
    np.testing.assert_allclose(np.einsum('pto,pt->o', tiling.output, products), expected, atol=1e-12)
    assert len(products) == winograd.points(kernel_size, stride, tile)


def computed(geometry, batch):
    """({product: its value}, the set of the graph's kinds of operation) of a batch of random images."""
    convolve, draw = Convolution.of(geometry, 'native'), np.random.RandomState(0)
    height, width, channels, filters, size = geometry[:5]
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        x, kernel, y = [tf.constant(draw.randn(*shape), tf.float32) for shape in (
            (batch, height, width, channels), (size, size, channels, filters),
            (batch,) + convolve.output_size + (filters,))]
        operands = {'forward': (x, kernel), 'to_input': (y, kernel), 'to_kernel': (x, y)}
        values = session.run({
            product: convolve.compute(product, 'winograd4x4', *operands[product]) for product in PRODUCTS})
        return values, {op.type for op in tf_graph.get_operations()}


@pytest.mark.parametrize('batch, divided', [
    (8, True), (12, True), (9, False), (24, False)])  # in 4 and 4; not to be divided by 4; 8 parts are too many
def test_a_batch_in_parts_gives_the_same(batch, divided, monkeypatch):
    geometry = Geometry(16, 14, 16, 4, 3, 1, 'SAME')
    whole, kinds = computed(geometry, batch)
    assert not kinds & {'Split', 'SplitV'}
    monkeypatch.setattr(winograd, 'PART_BYTES', 150000)  # the values of 3.3 images
    in_parts, kinds = computed(geometry, batch)
    assert bool(kinds & {'Split', 'SplitV'}) == divided
    for product in PRODUCTS:
        np.testing.assert_allclose(in_parts[product], whole[product], atol=1e-5 * np.abs(whole[product]).max())


@pytest.mark.parametrize('incomplete_batch, sizes', [('drop', {64}), ('keep', {None})])
def test_the_trainers_loop_knows_its_batch_where_all_are_full(incomplete_batch, sizes, monkeypatch):
    """So that a batch can be in parts, of the generator's images and of the real ones."""
    found = {}

    def parts(channels, filters, rows, columns, *images):
        if images[0].op.name.startswith('loop/'):
            found.setdefault(rows.axis.size, set()).update(each.shape.as_list()[0] for each in images)
        return [images]

    monkeypatch.setattr(winograd, '_parts', parts)
    monkeypatch.setattr(Convolution, '_may_tile', lambda *_: True)
    preset = dataclasses.replace(PRESETS['blog_mnist'], incomplete_batch=incomplete_batch)
    table = {key: dict.fromkeys(PRODUCTS, 'winograd2x2') for key in (
        '7x7x256-512 4x4/1 VALID', '7x7x256-512 3x3/2 SAME')}
    with tf.Graph().as_default():
        graph.build_training_graph(preset, 'float32', table)
    assert found == {7: sizes}
