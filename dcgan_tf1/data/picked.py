"""Some of many images that stay where they are, in memory or in a mapped file, until they are asked for."""

import numpy as np


class _View:
    """Images [N, H, W, C] that are indexed like an array; indexing copies only the images that are selected.

    np.asarray() copies them all, and so does an index that begins with an ellipsis.
    """

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        if not isinstance(key, tuple):
            return self._images_of(slice(None) if key is Ellipsis else key)
        if not key or key[0] is Ellipsis or key[0] is None:
            return self._images_of(slice(None))[key]
        some = self._images_of(key[0])
        return some[key[1:] if isinstance(key[0], (int, np.integer)) else (slice(None),) + key[1:]]

    def __array__(self, dtype=None, copy=None):
        del copy
        return np.asarray(self[:], dtype)


class PickedImages(_View):
    """The rows `rows` of images.

    compute: applied to images when they are asked for; it keeps their shape and type.
    """

    def __init__(self, images, rows, compute=None):
        self._images, self._rows, self._compute = images, np.asarray(rows), compute
        self.dtype, self.shape = images.dtype, (len(self._rows),) + images.shape[1:]

    def _images_of(self, key):
        images = np.asarray(self._images[self._rows[key]])
        return images if self._compute is None else self._compute(images)


class JoinedImages(_View):
    """Several images one after the other, some of them in files."""

    def __init__(self, parts):
        self._parts, self._ends = parts, np.cumsum([len(part) for part in parts])
        self.dtype, self.shape = parts[0].dtype, (int(self._ends[-1]),) + parts[0].shape[1:]

    def _images_of(self, key):
        rows = np.arange(len(self))[key]
        images = np.empty(rows.shape + self.shape[1:], self.dtype)
        start = 0
        for part, end in zip(self._parts, self._ends):
            here = (rows >= start) & (rows < end)
            if here.any():
                images[here] = part[rows[here] - start]
            start = end
        return images

    def min(self, axis=None):
        return np.min([part.min(axis=axis) for part in self._parts], axis=0)

    def max(self, axis=None):
        return np.max([part.max(axis=axis) for part in self._parts], axis=0)


def joined(parts):
    """Images one after the other: copied where all of them lie in memory, else a view of the files."""
    return JoinedImages(parts) if any(map(in_file, parts)) else np.concatenate(parts)


def pick(images, rows):
    """The rows `rows` of images: copied where the images lie in memory, else a view of the file that they lie in."""
    if isinstance(images, PickedImages):
        return PickedImages(images._images, images._rows[rows], images._compute)
    return PickedImages(images, rows) if in_file(images) else images[rows]


def computed(images, compute):
    """A view of images in a file that applies `compute` when they are asked for; it keeps their shape and type."""
    if isinstance(images, PickedImages):
        return PickedImages(images._images, images._rows, compute)
    return PickedImages(images, np.arange(len(images)), compute)


def in_file(images):
    """Whether images lie in a mapped file, which memory is not to hold."""
    return isinstance(images, (np.memmap, PickedImages, JoinedImages))
