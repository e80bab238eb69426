"""The user's own arrays in an .npz file: x_train, y_train, x_test and y_test as Keras has them, or images, labels.

Every file is untrusted input; see npz.py.
"""

import os

import numpy as np

from dcgan_tf1.data import npz
from dcgan_tf1.data.catalogue import MAX_CLASSES
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

EXPECTED = 'one .npz file with x_train and y_train, or images and labels'
# Of each split, what the images and their labels may be called.
_KEYS = {'train': (('x_train', 'y_train'), ('images', 'labels')), 'test': (('x_test', 'y_test'),)}


def _files(place):
    """The .npz files that a path stands for: itself, or those in the folder that it is."""
    if os.path.isfile(place):
        return [place]
    return [os.path.join(place, name) for name in sorted(os.listdir(place))
            if name.lower().endswith('.npz') and not name.startswith('.')]


def present(place, split):
    """Whether there is an .npz file, or several; for test images one that has some, or is damaged."""
    paths = _files(place)
    if split == 'train' or not paths:
        return bool(paths)
    try:
        return any(images in npz.names(path) for path in paths for images, _ in _KEYS[split])
    except UserError:
        return True  # whoever reads it says so


def load(place, split, log, shape=None, background=None):
    """One split -> images uint8 [N, H, W, 1 or 3], labels int64 [N] or None, the file, the classes' names.

    The classes are the numbers from 0 to the largest label.
    """
    del shape, background  # of pictures
    paths = _files(place)
    if len(paths) > 1:
        raise UserError('{}: expected one .npz file, found {}; name one with --data_dir'.format(
            place, listing([os.path.basename(path) for path in paths])))
    path, = paths
    names = npz.names(path)
    keys = next((keys for keys in _KEYS[split] if keys[0] in names), None)
    if keys is None:
        raise UserError('{}: expected the array {}, found {}'.format(
            path, ' or '.join(images for images, _ in _KEYS[split]), listing(names)))
    known = {name for pairs in _KEYS.values() for pair in pairs[:1] for name in pair} | set(keys)
    others = [name for name in names if name not in known]
    if others:
        log('{}: {} taken; left out: {}'.format(path, keys[0], listing(others)))
    images = npz.read_integers(path, keys[0])
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError('{}: expected {} [N, H, W] or [N, H, W, 1 or 3], found {}'.format(
            path, keys[0], list(images.shape)))
    if keys[1] not in names:
        log('{}: no {}, so the images have no labels'.format(path, keys[1]))
        return images, None, [path], ()
    labels = npz.read_integers(path, keys[1], MAX_CLASSES - 1, np.int64)
    if labels.shape not in ((len(images),), (len(images), 1)):
        raise UserError('{}: expected {} [{}], a label for each image, found {}'.format(
            path, keys[1], len(images), list(labels.shape)))
    labels = labels.reshape(-1)
    return images, labels, [path], tuple(map(str, range(labels.max() + 1)))
