"""Some of many images that stay where they are, in memory or in a mapped file, until they are asked for."""

import numpy as np


class PickedImages:
    """The rows `rows` of images [N, H, W, C], to be indexed by integers, slices and arrays of integers.

    np.asarray() copies them all. compute: what becomes of some when they are asked for, of the same shape and type.
    """

    def __init__(self, images, rows, compute=None):
        self._images, self._rows, self._compute = images, np.asarray(rows), compute
        self.dtype, self.shape = images.dtype, (len(self._rows),) + images.shape[1:]

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, key):
        found = np.asarray(self._images[self._rows[key]])
        return found if self._compute is None else self._compute(found)

    def __array__(self, dtype=None, copy=None):
        del copy
        return np.asarray(self[:], dtype)


def pick(images, rows):
    """The rows `rows` of images: copied where the images lie in memory, else a view of the file that they lie in."""
    if isinstance(images, PickedImages):
        return PickedImages(images._images, images._rows[rows], images._compute)
    return PickedImages(images, rows) if isinstance(images, np.memmap) else images[rows]


def computed(images, compute):
    """A view of images in a file, of which `compute` makes others, of the same shape and type, when asked for."""
    if isinstance(images, PickedImages):
        return PickedImages(images._images, images._rows, compute)
    return PickedImages(images, np.arange(len(images)), compute)


def in_file(images):
    """Whether images lie in a mapped file, which memory is not to hold."""
    return isinstance(images, (np.memmap, PickedImages))
