"""Labels as rows of a table, for runtimes that can't do without: see with_tables()."""

import numpy as np
import tensorflow.compat.v1 as tf


def with_tables(graph_def):
    """The GraphDef with rows of a table in place of one-hot vectors.

    In integers, LiteRT's one-hot operation gives its 0 and 1 in scales of their own, which are not the scale
    that its readers take them for. Several runtimes of ONNX have none.
    """
    changed = tf.GraphDef()
    changed.CopyFrom(graph_def)
    constants = {node.name: node.attr['value'].tensor for node in graph_def.node if node.op == 'Const'}
    for node in [node for node in changed.node if node.op == 'OneHot']:
        depth, on, off = (tf.make_ndarray(constants[name]) for name in node.input[1:])
        table = np.where(np.eye(int(depth), dtype=bool), on, off).astype(np.float32)
        labels, indices = node.input[0], node.attr['TI'].type
        node.op, node.input[:] = 'GatherV2', [node.name + '/table', labels, node.name + '/axis']
        node.ClearField('attr')
        for key, kind in (('Tparams', 'float32'), ('Tindices', indices), ('Taxis', 'int32')):
            node.attr[key].type = tf.as_dtype(kind).as_datatype_enum
        for name, value in zip(node.input[::2], (table, np.int32(0))):
            constant = changed.node.add(name=name, op='Const')
            constant.attr['dtype'].type = tf.as_dtype(value.dtype).as_datatype_enum
            constant.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(value))
    return changed
