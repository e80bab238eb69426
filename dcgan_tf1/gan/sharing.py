"""Tensors that passes of an update and their gradients have in common, so that a graph has each of them once.

TensorFlow itself merges identical operations, but a smaller graph is built, and its first step begun, in less time.
"""

import contextlib
import threading

import tensorflow.compat.v1 as tf


class _Open(threading.local):
    """What is open in this thread: graphs may be built in several at once."""

    def __init__(self):
        super().__init__()
        self.tensors = None


_open = _Open()


@contextlib.contextmanager
def sharing(tensors):
    """What is built inside takes from the dictionary `tensors` what was made before, and adds what it makes.

    All that is built with the same dictionary lies on the same device, and nothing moves a variable in between.
    """
    outside, _open.tensors = _open.tensors, tensors
    try:
        yield
    finally:
        _open.tensors = outside


def shared(key, make, of=None):
    """What make() gives; inside sharing(), once for each key and each tensor `of`."""
    return make() if _open.tensors is None else _once(_open.tensors, key, make, of)


class Made:
    """What the products of one convolution, its own and those of its gradients, have in common.

    Attributes:
      parts: {what decides it: into how many parts images are divided}.
    """

    def __init__(self):
        self._own = {}
        self._shared = self._own if _open.tensors is None else _open.tensors
        self.parts = {}

    def once(self, key, make, of):
        """What make() gives, once for each key and each tensor `of`."""
        return _once(self._own, key, make, of)

    def shared(self, key, make, of=None):
        """The same, once for all convolutions inside the sharing() in which this one was begun."""
        return _once(self._shared, key, make, of)


def _once(tensors, key, make, of):
    # What is made inside a loop or a condition is not there outside of it, nor inside another one: gradients may be
    # taken in there, and networks have some of their own.
    graph = tf.get_default_graph()
    where = graph, graph._get_control_flow_context()
    key = key, id(of), tuple(map(id, where))
    if key not in tensors:
        tensors[key] = (of, where), make()  # with what the key has the ids of, so that nothing else gets them
    return tensors[key][1]
