"""Weights that lie in a frozen graph as constants: they keep the names of the variables that they were.

Every file is untrusted input.
"""

import os

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.freeze import read_graph
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError

SUFFIX = '.pb'
FOLDED = '/batchnorm/mul'  # the end of the name of a constant that stands for gamma and the moving variance


def is_one(path):
    """Whether a path, which may be a checkpoint's prefix, is rather a frozen graph's."""
    return path.endswith(SUFFIX) and os.path.isfile(path) and not os.path.exists(path + '.index')


class FrozenWeights:
    """The constants of a frozen graph, as TensorFlow's CheckpointReader gives variables.

    Raises UserError where the file is no graph, or one without weights.
    """

    def __init__(self, path):
        self._tensors = {node.name: node.attr['value'].tensor for node in read_graph(path).node if node.op == 'Const'}
        self._tensors = {name: tensor for name, tensor in self._tensors.items()
                         if tensor.tensor_shape.dim and tf.as_dtype(tensor.dtype).is_floating}
        if not self._tensors:
            raise UserError('{}: expected a frozen graph, whose weights are constants, found {}'.format(
                path, signatures.kind_of(path, b'\n') or 'one without weights; those of other graphs are in a '
                                                         'checkpoint'))

    def get_variable_to_shape_map(self):
        return {name: [dim.size for dim in tensor.tensor_shape.dim] for name, tensor in self._tensors.items()}

    def get_variable_to_dtype_map(self):
        return {name: tf.as_dtype(tensor.dtype) for name, tensor in self._tensors.items()}

    def get_tensor(self, name):
        return tf.make_ndarray(self._tensors[name])
