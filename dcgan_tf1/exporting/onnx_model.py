"""ONNX models: the conversion of a frozen GraphDef into operations that most runtimes read.

ONNX's own runtime reads more than this. OpenCV 4, ncnn and converters to PyTorch know transposed convolutions with the
same padding on both sides alone, and several know no one-hot operation.
"""

import numpy as np

from dcgan_tf1.exporting.tables import with_tables
from dcgan_tf1.util.streams import quiet_logger
from dcgan_tf1.util.tf_startup import without_chatter

_END = np.iinfo(np.int64).max


def write(path, graph_def, inputs, output, opset):
    """Writes the model of a frozen GraphDef; its inputs and output are named by tensors, 'x:0'."""
    with without_chatter():
        import onnx  # noqa: PLC0415  optional
        import tf2onnx  # noqa: PLC0415
    with quiet_logger('tf2onnx'), without_chatter():
        model, _ = tf2onnx.convert.from_graph_def(
            with_tables(graph_def), input_names=inputs, output_names=[output], opset=opset)
    _pad_evenly(model.graph)
    for each in list(model.graph.input) + list(model.graph.output):
        if not each.type.tensor_type.shape.dim[0].dim_value:
            each.type.tensor_type.shape.dim[0].dim_param = 'N'
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _pad_evenly(graph):
    """Gives transposed convolutions the same padding on both sides, and cuts off what is too much then."""
    from onnx import helper, numpy_helper  # noqa: PLC0415  optional
    nodes = []
    for node in graph.node:
        nodes.append(node)
        pads = next((each.ints for each in node.attribute if each.name == 'pads'), [])
        if node.op_type != 'ConvTranspose' or list(pads[:2]) == list(pads[2:]):
            continue
        even = [min(pair) for pair in zip(pads[:2], pads[2:])]
        cut = [[begin - pad for begin, pad in zip(pads[:2], even)],
               [pad - end or _END for end, pad in zip(pads[2:], even)], [2, 3]]
        pads[:] = even + even
        output, node.output[0] = node.output[0], node.output[0] + '/whole'
        names = ['{}/{}'.format(output, what) for what in ('starts', 'ends', 'axes')]
        graph.initializer.extend(numpy_helper.from_array(np.array(values, np.int64), name)
                                 for name, values in zip(names, cut))
        nodes.append(helper.make_node('Slice', [node.output[0]] + names, [output], name=output + '/cut'))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # shapes that are not those of the changed graph
