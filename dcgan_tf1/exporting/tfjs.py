"""TensorFlow.js graph models: model.json, and the constants in shards of at most 4 MiB.

Source: the format that @tensorflow/tfjs reads (`tf.loadGraphModel`): the GraphDef as JSON
without the constants' contents, and a manifest that says which bytes of which files they
are. The converter package itself can't be installed beside current TensorFlow.

Browsers do not let a page that lies on a disk read other files, but let it run scripts beside
it. So for a page the same is written as scripts.
"""

import base64
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import json_format

from dcgan_tf1.util.errors import UserError

SHARD_BYTES = 4 << 20
# Of those that the format has, what our graphs hold.
_DTYPES = {'float32': np.float32, 'int32': np.int32}
_ENUM_NAMES = {'float32': 'DT_FLOAT', 'int32': 'DT_INT32'}


def write(folder, graph_def, signature_inputs, signature_outputs, generated_by):
    """Writes a frozen GraphDef as a graph model; returns the names of its files.

    signature_inputs, signature_outputs: {key: (tensor name, dtype, shape with None for N)}.
    """
    model, shards = _model(graph_def, signature_inputs, signature_outputs, generated_by, '.bin')
    paths = model['weightsManifest'][0]['paths']
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'model.json'), 'w', encoding='utf-8') as handle:
        json.dump(model, handle)
    for path, shard in zip(paths, shards):
        with open(os.path.join(folder, path), 'wb') as handle:
            handle.write(shard)
    return ['model.json'] + paths


def write_scripts(folder, graph_def, signature_inputs, signature_outputs, generated_by):
    """The same as scripts: `model.js` has what model.json holds, the others the shards in base64."""
    model, shards = _model(graph_def, signature_inputs, signature_outputs, generated_by, '.js')
    paths = model['weightsManifest'][0]['paths']
    write_script(folder, 'model.js', model)
    for path, shard in zip(paths, shards):
        write_script(folder, path, base64.b64encode(shard).decode())
    return ['model.js'] + paths


def write_script(folder, name, value):
    """Writes JSON as a script that sets `dcganFiles[name]` to it."""
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as handle:
        handle.write(_SCRIPT.format(name) + json.dumps(value) + ';\n')


def read_script(folder, name):
    """What `write_script` wrote."""
    with open(os.path.join(folder, name), encoding='utf-8') as handle:
        return json.loads(handle.read()[len(_SCRIPT.format(name)):].rstrip(';\n'))


_SCRIPT = "(self.dcganFiles = self.dcganFiles || {{}})['{}'] = "


def _model(graph_def, signature_inputs, signature_outputs, generated_by, extension):
    """What model.json holds, and the shards: bytes."""
    weights, content = [], []
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name='')
    # Imported and written again, it has every attribute, as TensorFlow.js wants it: of `dilations`,
    # say, it does not know the default.
    stripped = graph.as_graph_def()
    for node in stripped.node:
        if node.op == 'Const':
            value = tf.make_ndarray(node.attr['value'].tensor)
            if value.dtype.name not in _DTYPES:
                raise UserError('tfjs: expected constants of {}, found {} in {}'.format(
                    ' or '.join(_DTYPES), value.dtype.name, node.name))
            weights.append({'name': node.name, 'shape': list(value.shape), 'dtype': value.dtype.name})
            content.append(value.astype(value.dtype.newbyteorder('<')).tobytes())
            tensor = node.attr['value'].tensor
            tensor.Clear()
            tensor.dtype = node.attr['dtype'].type
            for size in value.shape:
                tensor.tensor_shape.dim.add(size=size)
    content = b''.join(content)
    shards = [content[i:i + SHARD_BYTES] for i in range(0, len(content), SHARD_BYTES)]
    paths = ['group1-shard{}of{}{}'.format(i + 1, len(shards), extension) for i in range(len(shards))]

    def infos(tensors):
        return {key: {'name': name, 'dtype': _ENUM_NAMES[dtype], 'tensorShape': {'dim': [
            {'size': str(-1 if size is None else size)} for size in shape]}}
                for key, (name, dtype, shape) in tensors.items()}

    return {'format': 'graph-model', 'generatedBy': generated_by, 'convertedBy': None,
            'signature': {'inputs': infos(signature_inputs), 'outputs': infos(signature_outputs)},
            'modelTopology': json_format.MessageToDict(stripped),
            'weightsManifest': [{'paths': paths, 'weights': weights}]}, shards


def read(folder):
    """The frozen GraphDef of a graph model that `write` wrote."""
    with open(os.path.join(folder, 'model.json'), encoding='utf-8') as handle:
        model = json.load(handle)
    content = b''
    for path in model['weightsManifest'][0]['paths']:
        with open(os.path.join(folder, path), 'rb') as handle:
            content += handle.read()
    return _graph_def(model, content)


def read_scripts(folder):
    """The frozen GraphDef of what `write_scripts` wrote."""
    model = read_script(folder, 'model.js')
    return _graph_def(model, b''.join(base64.b64decode(read_script(folder, path))
                                      for path in model['weightsManifest'][0]['paths']))


def _graph_def(model, content):
    graph_def = json_format.ParseDict(model['modelTopology'], tf.GraphDef())
    group, = model['weightsManifest']
    values, start = {}, 0
    for weight in group['weights']:
        dtype = np.dtype(_DTYPES[weight['dtype']]).newbyteorder('<')
        count = int(np.prod(weight['shape'], dtype=np.int64))
        values[weight['name']] = np.frombuffer(content, dtype, count, start).reshape(weight['shape'])
        start += count * dtype.itemsize
    for node in graph_def.node:
        if node.op == 'Const':
            node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(values[node.name]))
    return graph_def
