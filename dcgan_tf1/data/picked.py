"""Some of many images that stay where they are, in memory or in a mapped file, until they are asked for."""

import numpy as np


class PickedImages:
    """The rows `rows` of images [N, H, W, C], to be indexed by integers, slices and arrays of integers.

    np.asarray() copies them all.
    """

    def __init__(self, images, rows):
        self._images, self._rows = images, np.asarray(rows)
        self.dtype, self.shape = images.dtype, (len(self._rows),) + images.shape[1:]

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, key):
        return np.asarray(self._images[self._rows[key]])

    def __array__(self, dtype=None, copy=None):
        del copy
        return np.asarray(self[:], dtype)


def pick(images, rows):
    """The rows `rows` of images: copied where the images lie in memory, else a view of the file that they lie in."""
    if isinstance(images, PickedImages):
        return PickedImages(images._images, images._rows[rows])
    return PickedImages(images, rows) if isinstance(images, np.memmap) else images[rows]


def in_file(images):
    """Whether images lie in a mapped file, which memory is not to hold."""
    return isinstance(images, (np.memmap, PickedImages))
