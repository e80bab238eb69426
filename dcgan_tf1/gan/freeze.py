"""GraphDefs and MetaGraphDefs that every TensorFlow since 1.0 can load.

A graph built today differs from what TensorFlow 1.0 knows in three ways: attributes that
came later (those at their defaults can go), new versions of operations that do the same,
and shapes noted on every node. Source of the operations' histories: TensorFlow's own
compatibility rules, by which an attribute with a default may be left out.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import cannot_read

# Newer versions of operations, and what each adds to the one that it replaces. For what an
# inference graph does with them, the older ones give the same values.
_OLDER = {'AddV2': ('Add', ()), 'FusedBatchNormV3': ('FusedBatchNorm', ('U',))}
# Notes for the reader that older releases refuse.
_NOTES = ('_output_shapes', 'debug_name')
# Attributes that operations of images got after 1.15, and their defaults: with these, or without, they do the same.
_NEWER_DEFAULTS = {'grad_a': False, 'grad_b': False, 'grad_x': False, 'grad_y': False, 'exponential_avg_factor': 1.0,
                   'explicit_paddings': [], 'bad_indices_policy': b''}


def freeze(session, inputs, *outputs):
    """The GraphDef of `outputs` as functions of `inputs`, all else turned into constants.

    Everything that does not depend on an input is computed now: variables are read, and
    batch norm's factors, spectral norms and shapes come out as plain constants, so that
    the result is small and has only operations that every runtime knows.

    Args:
      session: a session in which the graph's variables are set.
      inputs: placeholders.
      outputs: tensors; their operations keep their names, as the inputs' do.
    """
    graph = session.graph
    live = _depending(graph, inputs) & _needed(outputs)
    frontier = collections.OrderedDict(  # what live operations read from the others
        (tensor.name, tensor) for op in graph.get_operations() if op in live
        for tensor in op.inputs if tensor.op not in live)
    values = session.run(frontier)
    frozen = tf.GraphDef()
    frozen.versions.CopyFrom(graph.as_graph_def().versions)
    names = {}
    for tensor in frontier.values():
        # A reading of a variable is an operation of its own in the graph; the constant takes the variable's name.
        name = tensor.op.name[:-len('/read')] if tensor.op.name.endswith('/read') else tensor.op.name
        names[tensor.name] = name if tensor.value_index == 0 else '{}_{}'.format(name, tensor.value_index)
        constant = frozen.node.add(name=names[tensor.name], op='Const')
        constant.attr['dtype'].type = tensor.dtype.base_dtype.as_datatype_enum
        constant.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(values[tensor.name]))
    for op in graph.get_operations():
        if op in live:
            node = frozen.node.add()
            node.CopyFrom(op.node_def)
            del node.input[:]
            node.input.extend([names.get(tensor.name, tensor.name[:-2] if tensor.name.endswith(':0') else tensor.name)
                               for tensor in op.inputs])
    return _for_older_releases(tf.train.export_meta_graph(
        graph_def=frozen, graph=tf.Graph(), clear_devices=True, strip_default_attrs=True)).graph_def


def _depending(graph, inputs):
    depending = {tensor.op for tensor in inputs}
    for op in graph.get_operations():  # in an order in which an operation comes after its inputs
        if any(tensor.op in depending for tensor in op.inputs):
            depending.add(op)
    return depending


def _needed(outputs):
    needed, todo = set(), [tensor.op for tensor in outputs]
    while todo:
        op = todo.pop()
        if op not in needed:
            needed.add(op)
            todo += [tensor.op for tensor in op.inputs]
    return needed


def meta_graph(graph, saver, signatures):
    """The MetaGraphDef of a graph with its Saver, for a SavedModel or by itself.

    signatures: {name: (inputs {key: tensor}, outputs {key: tensor})}, for TensorFlow Serving.
    """
    meta = _for_older_releases(tf.train.export_meta_graph(
        graph=graph, saver_def=saver.as_saver_def(), clear_devices=True, strip_default_attrs=True))
    meta.meta_info_def.tags.append('serve')
    for name, (inputs, outputs) in signatures.items():
        meta.signature_def[name].CopyFrom(tf.saved_model.build_signature_def(
            {key: tf.saved_model.build_tensor_info(tensor) for key, tensor in inputs.items()},
            {key: tf.saved_model.build_tensor_info(tensor) for key, tensor in outputs.items()},
            'tensorflow/serving/predict'))
    return meta


def _for_older_releases(meta):
    """Rewrites a MetaGraphDef in place for TensorFlow 1.0 and later; returns it."""
    for node in meta.graph_def.node:
        node.op, dropped = _OLDER.get(node.op, (node.op, ()))
        for name in dropped + _NOTES:
            if name in node.attr:
                del node.attr[name]
    return meta


def strip_newer_defaults(graph_def):
    """Removes, in place, attributes at the defaults that came after TensorFlow 1.15; returns the GraphDef.

    Importing a graph fills in all that the release at hand has, and an older one refuses to read them.
    """
    nodes = list(graph_def.node) + [node for function in graph_def.library.function for node in function.node_def]
    for node in nodes:
        for name, default in _NEWER_DEFAULTS.items():
            if name in node.attr and _value(node.attr[name]) == default:
                del node.attr[name]
    return graph_def


def _value(attribute):
    """An AttrValue's number or bytes; [] for an empty list, None for anything else."""
    kind = attribute.WhichOneof('value')
    if kind == 'list':
        return [] if not attribute.list.ListFields() else None
    return getattr(attribute, kind) if kind in ('s', 'i', 'f', 'b') else None


def saved_model_bytes(meta):
    """The contents of saved_model.pb for one MetaGraphDef.

    Its message, SavedModel, is not public in Python: field 1 is the schema's version, 1,
    field 2 the MetaGraphDefs. Source: tensorflow/core/protobuf/saved_model.proto.
    """
    content = meta.SerializeToString()
    length, size = [], len(content)
    while size > 0x7F:  # a varint
        length.append(0x80 | size & 0x7F)
        size >>= 7
    return b'\x08\x01\x12' + bytes(length + [size]) + content


def read_graph(path):
    """The GraphDef in a .pb file; UserError where there is none."""
    graph_def = tf.GraphDef()
    try:
        with open(path, 'rb') as handle:
            graph_def.ParseFromString(handle.read())
    except OSError as error:
        raise cannot_read(path, error)
    except Exception as error:  # noqa: BLE001  protobuf's DecodeError has moved between its releases
        raise UserError('{}: expected a frozen graph, found: {}'.format(
            path, signatures.kind_of(path, b'\n') or reason(error)))
    return graph_def
