"""Weights that lie in a frozen graph as constants: they keep the names of the variables that they were.

Every file is untrusted input.
"""

import functools
import os

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.freeze import read_graph
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import cannot_read

SUFFIX = '.pb'
_TYPES = [each.as_datatype_enum for each in (tf.float16, tf.bfloat16, tf.float32, tf.float64)]
FOLDED = '/batchnorm/mul'  # the end of the name of a constant that stands for gamma and the moving variance


def is_one(path):
    """Whether a path names a frozen graph rather than a checkpoint."""
    return path.endswith(SUFFIX) and os.path.isfile(path) and not os.path.exists(path + '.index')


def weights_of(path):
    """The FrozenWeights of a file, which is parsed once as long as it stays the same."""
    try:
        about = os.stat(path)
    except OSError as error:
        raise cannot_read(path, error)
    return _parsed(os.path.realpath(path), about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=1)
def _parsed(path, *_):
    return FrozenWeights(path)


class FrozenWeights:
    """The constants of a frozen graph, as TensorFlow's CheckpointReader gives variables.

    Raises UserError where the file is no graph, or one without weights.
    """

    def __init__(self, path):
        self._tensors = {node.name: node.attr['value'].tensor for node in read_graph(path).node if node.op == 'Const'}
        self._tensors = {name: tensor for name, tensor in self._tensors.items()
                         if tensor.tensor_shape.dim and tensor.dtype in _TYPES}
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
