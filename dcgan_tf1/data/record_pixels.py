"""Pictures that TFRecords hold as pixels instead of encoded, and how the programs before StyleGAN2-ADA keep them.

Those, from Progressive GAN on, write the features `shape` [C, H, W] and `data`, and the same pictures in several
sizes: NAME-r02.tfrecords has them in 4x4, NAME-r03.tfrecords in 8x8, and so on; their labels are in NAME-rxx.labels,
an array of NumPy's (https://github.com/NVlabs/stylegan/blob/master/dataset_tool.py). Others, as TensorFlow's own
converter of MNIST, have pixels [H, W, C] beside `height` and `width`.

Every file is untrusted input.
"""

import collections
import math
import os
import re

import numpy as np
from PIL import Image

from dcgan_tf1.data import label_files, npz
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

_LEVEL = re.compile(r'(.*)-r(\d\d)\.tfrecords$', re.I)  # the binary logarithm of the pictures' side
_LABELS = '{}-rxx.labels'
_CHANNELS = (1, 3, 4)
_SIDES = (('height', 'width'), ('image/height', 'image/width'), ('rows', 'cols'))
_DEPTHS = ('depth', 'channels', 'image/depth', 'image/channels', 'channel')
_OF_STYLEGAN = 'data'  # its feature of pixels, in which channels come first whatever their number
_COUNT = 'pixels'  # a feature that says how many there are, of squares


def choose_sizes(names, shape, crop):
    """(the files to be read, a note or None) of some, of which several may have the same pictures in several sizes.

    The smallest that has at least the wanted shape [H, W, ...] is taken; the largest if none has, or with a crop,
    which counts a picture's own pixels.
    """
    levels, taken = collections.defaultdict(dict), []
    for name in names:
        match = _LEVEL.match(name)
        if match is None:
            taken.append(name)
        else:
            levels[match.group(1)][int(match.group(2))] = name
    for of_one in levels.values():
        enough = [level for level in of_one if 1 << level >= max(shape[:2])]
        taken.append(of_one[max(of_one) if crop or not enough else min(enough)])
    taken.sort()
    if len(taken) == len(names):
        return names, None
    return taken, 'the same pictures in several sizes: {} taken; left out: {}'.format(
        listing(taken), listing([name for name in names if name not in taken]))


def picture(features, name):
    """The picture, open, whose pixels a feature has; None where it has something else, such as an encoded one.

    Raises ValueError, which says what was found, for pixels of another type than bytes.
    """
    data = features[name].bytes_list.value[0]
    shape = _shape(features, name, len(data))
    if shape is None:
        for size, kind in ((4, 'float32'), (8, 'float64'), (2, 'uint16')):
            if len(data) % size == 0 and _shape(features, name, len(data) // size) is not None:
                raise ValueError('{} bytes for each value, as {} has; pixels are read as uint8'.format(size, kind))
        return None
    height, width, channels, channels_first = shape
    if channels_first:
        pixels = np.frombuffer(data, np.uint8).reshape(channels, height, width).transpose(1, 2, 0)
    else:
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, channels)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels))


def _shape(features, name, count):
    """(height, width, channels, whether they come first) of `count` bytes of pixels; None where no feature fits."""
    shape, total = _integers(features, 'shape'), _integers(features, _COUNT)
    told = next(filter(None, (_integers(features, each) for each in _DEPTHS)), None)  # how many channels
    if len(shape) == 3:
        channels_first = shape[0] in _CHANNELS
        if channels_first and shape[2] in _CHANNELS and name != _OF_STYLEGAN:  # as of 4x4 pixels
            if told not in ([shape[0]], [shape[2]]) or shape[0] == shape[2]:
                return None
            channels_first = told == [shape[0]]
        sides, channels = (shape[1:], shape[0]) if channels_first else (shape[:2], shape[2])
    else:
        sides = shape if len(shape) == 2 else next(filter(all, (
            [side for name in names for side in _integers(features, name) or [0]] for names in _SIDES)), None)
        if sides is None and total == [count]:
            side = math.sqrt(count) if math.sqrt(count).is_integer() else math.sqrt(count / 3)
            sides = [int(side)] * 2
        if sides is None or len(sides) != 2 or min(sides) < 1:
            return None
        channels, channels_first = count // (sides[0] * sides[1]), False
        if told != [channels] and (told is not None or channels == 4):  # as many bytes as floats of one channel
            return None
    if channels not in _CHANNELS or min(sides) < 1 or sides[0] * sides[1] * channels != count:
        return None
    return tuple(sides) + (channels, channels_first)


def _integers(features, name):
    return list(features[name].int64_list.value) if name in features else []  # get() makes one


def read_labels(paths, count, where):
    """(labels int64 [count], the classes' names, the files) of the files of labels beside some; None where none has.

    where: what has the pictures, for messages. Raises UserError where the labels are not one for each picture.
    """
    matches = [_LEVEL.match(path) for path in paths]
    files = [_LABELS.format(match.group(1)) for match in matches if match is not None]
    present = [file for file in files if os.path.exists(file)]
    if not present:
        return None
    if len(present) < len(paths):
        raise UserError('{}: expected labels for each of {}, found {}{}'.format(
            where, listing(paths), listing(present), label_files.WAY_OUT))
    try:
        arrays = [npz.read_array(file, None) for file in files]
    except UserError as error:
        raise UserError('{}{}'.format(error, label_files.WAY_OUT))
    if len({array.shape[1:] for array in arrays}) == 1 and arrays[0].ndim in (1, 2):
        values = np.concatenate(arrays)
        if values.shape[1:] == (0,):  # of pictures without labels
            return None
        if label_files.are_one_hot(values, count):
            return label_files.encode(values.argmax(axis=1), files[0], values.shape[1]) + (files,)
        if values.shape in ((count,), (count, 1)):
            return label_files.encode(values.reshape(-1).tolist(), files[0]) + (files,)
    raise UserError('{}: expected labels [{count}], or [{count}, classes] with a single 1 in each row, '
                    'found {}{}'.format(
        listing(files), ' and '.join(str(list(array.shape)) for array in arrays), label_files.WAY_OUT,
        count=count))
