"""Tensors that passes of an update and their gradients have in common, so that a graph has each of them once.

TensorFlow would make one of operations that are alike, too. But with fewer operations a graph is built, and its first
step begun, in less time.
"""

import collections
import contextlib
import threading


class _Open(threading.local):
    """What is open in this thread: graphs may be built in several at once."""

    def __init__(self):
        super().__init__()
        self.tensors = None


_open = _Open()


@contextlib.contextmanager
def sharing(tensors):
    """What is built inside takes from the dictionary `tensors` what was made before, and adds what it makes.

    All that is built with the same dictionary lies on the same device and in the same loop, and waits for the same
    operations; and nothing moves a variable in between.
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

    Args:
      before: another one that is looked into, too. Nothing is added to it: gradients may be taken more than once, and
        inside of loops.

    Attributes:
      parts: {what decides it: into how many parts images are divided}, which is the same in gradients.
    """

    def __init__(self, before=None):
        self._tensors = (collections.ChainMap() if before is None else before._tensors).new_child(_open.tensors)
        self.parts = {} if before is None else before.parts

    def once(self, key, make, of=None):
        """What make() gives, once for each key and each tensor `of`."""
        return _once(self._tensors, key, make, of)


def _once(tensors, key, make, of):
    key = key, id(of)
    if key not in tensors:
        tensors[key] = of, make()  # with `of`, so that no other tensor gets its id
    return tensors[key][1]
