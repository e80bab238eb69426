"""Arrays in .npz files: of images and labels, as MNIST is stored by Keras, and of samples.

Every file is untrusted input: nothing is unpickled, and sizes are checked before memory is taken. A damaged
file raises a UserError that names it.
"""

import zipfile

import numpy as np

from dcgan_tf1.data.archives import MAX_BYTES
from dcgan_tf1.util.errors import UserError, reason


def read_array(path, name):
    """One array of numbers or booleans in an .npz file, in the type that it has there.

    Raises UserError if it is missing or damaged, holds something else or is larger than MAX_BYTES.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not hasattr(arrays, 'zip'):
                raise ValueError('a single array')
            if arrays.zip.getinfo(name + '.npy').file_size > MAX_BYTES:
                raise ValueError('more than {} bytes'.format(MAX_BYTES))
            array = arrays[name]
            if array.dtype.kind not in 'biuf':
                raise ValueError('values of the type {}'.format(array.dtype))
            return array
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError("{}: expected an .npz file with the array '{}', found: {}".format(path, name, reason(error)))


def read_mnist_npz(path, split):
    """mnist.npz as Keras stores it -> images uint8 [N, H, W], labels uint8 [N].

    Its arrays are x_train, y_train, x_test and y_test. Pixels that are not bytes are refused: once scaled,
    they no longer tell what was black and what was white.
    """
    images, labels = [read_integers(path, '{}_{}'.format(letter, split)) for letter in 'xy']
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or labels.ndim != 1 or not images.size:
        raise UserError('{}: expected x_{} [N, H, W] and y_{} [N], found {} and {}'.format(
            path, split, split, list(images.shape), list(labels.shape)))
    return images, labels


def names(path):
    """The names of the arrays in an .npz file; UserError where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(name[:-len('.npy')] for name in archive.namelist() if name.endswith('.npy'))
    except Exception as error:  # noqa: BLE001  hostile bytes make zipfile raise almost anything
        raise UserError('{}: expected an .npz file, found: {}'.format(path, reason(error)))


def read_integers(path, name, highest=255, dtype=np.uint8):
    """An array of integers from 0 to `highest` in an .npz file; its size is checked before memory is taken."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(name + '.npy')
            with archive.open(member) as handle:
                version = np.lib.format.read_magic(handle)
                read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                               (2, 0): np.lib.format.read_array_header_2_0}[version]
                shape, fortran, stored = read_header(handle)
                size = stored.itemsize
                for length in shape:
                    size *= length
                if not 0 < size <= MAX_BYTES or size > member.file_size:
                    raise ValueError('{} bytes for the shape {}'.format(member.file_size, list(shape)))
                if stored.kind not in 'iu':
                    raise ValueError('{} of {}, no integers from 0 to {}'.format(name, stored, highest))
                body = handle.read(size)
        values = np.frombuffer(body, stored).reshape(shape, order='F' if fortran else 'C')
        if values.min() < 0 or values.max() > highest:
            raise ValueError('{} from {} to {}'.format(name, values.min(), values.max()))
        return np.ascontiguousarray(values, dtype)
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError("{}: expected an .npz file with the array '{}' of integers from 0 to {}, found: {}".format(
            path, name, highest, reason(error)))
