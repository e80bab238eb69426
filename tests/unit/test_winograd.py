"""Winograd's minimal filtering: its matrices, and batches in parts."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import convolution_timing, graph, winograd
from dcgan_tf1.gan.convolution_axes import axis
from dcgan_tf1.gan.convolutions import PRODUCTS, Convolution, Geometry
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.sharing import Made, sharing
from dcgan_tf1.gan.step_loop import loops_of_tensorflow_1

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


def computed(geometry, batch, way='winograd4x4'):
    """({product: its value}, the set of the graph's kinds of operation) of a batch of random images."""
    convolve, draw = Convolution.of(geometry, 'native'), np.random.RandomState(0)
    height, width, channels, filters, size = geometry[:5]
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        x, kernel, y = [tf.constant(draw.randn(*shape), tf.float32) for shape in (
            (batch, height, width, channels), (size, size, channels, filters),
            (batch,) + convolve.output_size + (filters,))]
        operands = {'forward': (x, kernel), 'to_input': (y, kernel), 'to_kernel': (x, y)}
        values = session.run({
            product: convolve.compute(product, way, *operands[product]) for product in PRODUCTS})
        return values, {op.type for op in tf_graph.get_operations()}


@pytest.mark.parametrize('width', [14, 16])  # 3.5 and 4 tiles
@pytest.mark.parametrize('batch, divided', [
    (8, True), (12, True), (9, False), (24, False)])  # in 4 and 4; not to be divided by 4; 8 parts are too many
def test_a_batch_in_parts_gives_the_same(batch, divided, width, monkeypatch):
    geometry = Geometry(16, width, 16, 4, 3, 1, 'SAME')
    whole, kinds = computed(geometry, batch)
    assert not kinds & {'Split', 'SplitV'}
    monkeypatch.setattr(winograd, 'PART_BYTES', 150000)  # the values of 3.3 images
    in_parts, kinds = computed(geometry, batch)
    assert bool(kinds & {'Split', 'SplitV'}) == divided
    plain, _ = computed(geometry, batch, 'native')
    for product in PRODUCTS:
        atol = 1e-5 * np.abs(whole[product]).max()
        np.testing.assert_allclose(in_parts[product], whole[product], atol=atol)
        np.testing.assert_allclose(whole[product], plain[product], atol=4 * atol)


@pytest.mark.parametrize('unknown', ['x', 'y'])
def test_images_of_which_only_one_knows_their_number_are_divided_alike(unknown, monkeypatch):
    monkeypatch.setattr(winograd, 'PART_BYTES', 150000)
    geometry, draw = Geometry(16, 16, 16, 4, 3, 1, 'SAME'), np.random.RandomState(0)
    convolve, made = Convolution.of(geometry, 'native'), Made()
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = [tf.placeholder_with_default(value, [None if name == unknown else 8] + list(value.shape[1:]))
                for name, value in (('x', draw.randn(8, 16, 16, 16)), ('y', draw.randn(8, 16, 16, 4)))]
        kernel = tf.constant(draw.randn(3, 3, 16, 4))
        convolve.compute('forward', 'winograd4x4', x, kernel, made=made)
        found, plain = session.run([convolve.compute('to_kernel', way, x, y, made=made)
                                    for way in ('winograd4x4', 'native')])
    np.testing.assert_allclose(found, plain, atol=1e-10)


@pytest.mark.parametrize('way', ['matmul', 'winograd2x2'])
def test_gradients_are_taken_more_than_once_and_inside_of_loops(way):
    geometry, draw = Geometry(8, 8, 16, 4, 3, 1, 'SAME'), np.random.RandomState(0)
    table = {geometry.key: dict.fromkeys(PRODUCTS, way)}
    found = []
    with loops_of_tensorflow_1(), tf.Graph().as_default(), tf.Session() as session:
        x, kernel, dy = [tf.constant(draw.randn(*shape)) for shape in ((2, 8, 8, 16), (3, 3, 16, 4), (2, 8, 8, 4))]
        with sharing({}):
            y = [Convolution.of(geometry, conv_impl)(x, kernel) for conv_impl in ('native', table, table)]
            for each in y:
                def step(i, *_, y=each):
                    return [i + 1] + tf.gradients(y, [x, kernel], dy)

                found.append(tf.while_loop(lambda i, *_: i < 2, step, [0, x, kernel])[1:])
            found += [tf.gradients(each, [x, kernel], dy) for each in y]
        found += [tf.gradients(each, [x, kernel], dy) for each in y]
        expected, *found = session.run(found)
    for gradients in found:
        for one, other in zip(gradients, expected):
            np.testing.assert_allclose(one, other, atol=1e-10)


def test_convolutions_of_the_same_images_share_nothing_that_differs_between_them(monkeypatch):
    """The number of parts, for its filters; and the matrices, where another tile has as many points."""
    monkeypatch.setattr(winograd, 'PART_BYTES', 150000)
    draw, found = np.random.RandomState(0), []
    with tf.Graph().as_default(), tf.Session() as session, sharing({}):
        x, dy = tf.constant(draw.randn(8, 16, 16, 16)), tf.constant(draw.randn(8, 16, 16, 32))
        kernels = [tf.constant(draw.randn(size, size, *shape) / 9)
                   for size, shape in ((3, (16, 32)), (5, (16, 32)), (3, (16, 128)), (3, (128, 32)))]
        ways = 'winograd4x4', 'winograd2x2', 'winograd4x4', 'winograd4x4'
        for in_tiles in (False, True):
            def convolve(x, number, in_tiles=in_tiles):
                size, _, channels, filters = kernels[number].shape.as_list()
                geometry = Geometry(16, 16, channels, filters, size, 1, 'SAME')
                table = {geometry.key: dict.fromkeys(PRODUCTS, ways[number])}
                return Convolution.of(geometry, table if in_tiles else 'native')(x, kernels[number])

            y = convolve(x, 0) + convolve(x, 1) + convolve(convolve(x, 2), 3)
            found.append([y] + tf.gradients(y, [x] + kernels, dy))
        expected, found = session.run(found)
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize('taken', [True, False])
def test_what_a_networks_own_loop_or_condition_makes_stays_inside(taken):
    geometry, draw = Geometry(8, 8, 16, 4, 3, 1, 'SAME'), np.random.RandomState(0)
    with loops_of_tensorflow_1(), tf.Graph().as_default(), tf.Session() as session, sharing({}):
        x, kernel = tf.constant(draw.randn(2, 8, 8, 16)), tf.constant(draw.randn(3, 3, 16, 4))
        expected, found = [], []
        for way, outputs in (('native', expected), ('winograd4x4', found)):
            convolve = Convolution.of(geometry, {geometry.key: dict.fromkeys(PRODUCTS, way)})
            outputs += [tf.map_fn(lambda image, convolve=convolve: convolve(image[tf.newaxis], kernel)[0], x),
                        tf.cond(tf.placeholder_with_default(taken, []), lambda convolve=convolve: convolve(x, kernel),
                                lambda: tf.zeros([2, 8, 8, 4], tf.float64)), convolve(x, kernel)]
            outputs += [tf.gradients(y, x)[0] for y in list(outputs)]
        expected, found = session.run([expected, found])
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize('incomplete_batch, sizes', [('drop', {64}), ('keep', {None})])
def test_the_trainers_loop_knows_its_batch_where_all_are_full(incomplete_batch, sizes, monkeypatch):
    """So that a batch can be in parts, of the generator's images and of the real ones."""
    found = {}

    def part_count(images, channels, filters, rows, columns):
        if images.op.name.startswith('loop/'):
            found.setdefault(rows.axis.size, set()).add(images.shape.as_list()[0])
        return 1

    monkeypatch.setattr(winograd, '_part_count', part_count)
    monkeypatch.setattr(Convolution, '_may_tile', lambda *_: True)
    preset = dataclasses.replace(PRESETS['blog_mnist'], incomplete_batch=incomplete_batch)
    table = {key: dict.fromkeys(PRODUCTS, 'winograd2x2') for key in (
        '7x7x256-512 4x4/1 VALID', '7x7x256-512 3x3/2 SAME')}
    with tf.Graph().as_default():
        graph.build_training_graph(preset, 'float32', table)
    assert found == {7: sizes}


def test_what_passes_and_their_gradients_have_in_common_is_computed_once():
    """Partly by sharing tensors, partly by TensorFlow's merging of operations that are alike."""
    preset = dataclasses.replace(PRESETS['dcgan'], batch_size=2, gf_dim=16, df_dim=16)
    table = {use.geometry.key: dict.fromkeys(PRODUCTS, 'winograd4x4') for use in convolution_timing.uses_of(preset)}
    with tf.Graph().as_default(), tf.Session() as session:
        loop = graph.build_training_graph(preset, 'float32', table).loop
        session.run(tf.global_variables_initializer())
        session.run(loop.load, {loop.images: np.zeros((2, 64, 64, 3))})
        metadata = tf.RunMetadata()
        session.run(loop.train, {loop.first: 1, loop.indices: [[0, 1]], loop.noises: np.ones((1, 2, 100))},
                    tf.RunOptions(output_partition_graphs=True), metadata)
    nodes = {node.name: node for part in metadata.partition_graphs for node in part.node}
    shapes = collections.Counter(
        tuple(size.size for size in nodes[node.input[0]].attr['value'].tensor.tensor_shape.dim)
        for node in nodes.values() if 'MatMul' in node.op and nodes.get(node.input[0], node).op == 'Const')
    # Three convolutions in each network. Kernels, before and after: of both networks in the discriminator's update, of
    # the discriminator in the generator's first, of both in its second; and of what learns, of real and fake images.
    assert shapes[144, 25] == 3 * 5 and shapes[25, 144] == 3 * (2 + 1 + 1)
    # Images in tiles that do not overlap: y of all convolutions, and x of the smallest in each network.
    # x: of real and fake images, of fake ones in each update of the generator, and the two gradients of its own.
    assert shapes[36, 16] == 3 * (2 + 1 + 1 + 2) + 6, shapes
