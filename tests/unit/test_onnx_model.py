"""ONNX models of the operations that other runtimes are particular about."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.exporting import onnx_model
from dcgan_tf1.gan import freeze, layers


@pytest.mark.parametrize('kernel, strides, padding, size, out', [
    (5, 2, 'SAME', (4, 5), (8, 10)), (3, 2, 'SAME', (4, 5), (8, 10)), (4, 2, 'SAME', (4, 5), (8, 10)),
    (5, 2, 'SAME', (4, 5), (7, 9)), (5, 2, 'SAME', (4, 5), (8, 9)), (4, 1, 'VALID', (4, 5), None)])
def test_a_graph_with_labels_and_a_transposed_convolution(kernel, strides, padding, size, out, tmp_path):
    onnx, onnxruntime = pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
    pytest.importorskip('tf2onnx')
    draw, path = np.random.RandomState(0), str(tmp_path / 'x.onnx')
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, (None,) + size + (2,), name='x')
        labels = tf.placeholder(tf.int32, [None], name='labels')
        ctx = layers.BatchContext('sample', False, labels=tf.one_hot(labels, 3))
        y = layers.conv2d_transpose(layers.with_labels(x, ctx), 4, kernel, strides, padding, size=out)
        y = tf.identity(y, name='y')
        session.run(tf.global_variables_initializer())
        given = {'x:0': draw.randn(5, *(size + (2,))).astype(np.float32),
                 'labels:0': np.array([2, 0, 1, 1, 2], np.int32)}
        expected = session.run(y, given)
        onnx_model.write(path, freeze.freeze(session, [x, labels], y), ['x:0', 'labels:0'], 'y:0', 17)
    found = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider']).run(['y:0'], given)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    graph = onnx.load(path).graph
    # OpenCV, ncnn and converters to PyTorch know nothing else.
    assert not {'OneHot', 'Tile'} & {node.op_type for node in graph.node}
    pads = [list(each.ints) for node in graph.node if node.op_type == 'ConvTranspose' for each in node.attribute
            if each.name == 'pads']
    assert all(each[:2] == each[2:] for each in pads)
    batches = [each.type.tensor_type.shape.dim[0] for each in list(graph.input) + list(graph.output)]
    assert [each.dim_param for each in batches] == ['N'] * 3
