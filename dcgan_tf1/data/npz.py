"""Arrays in .npz files: those of MNIST as Keras stores it, and those of samples.

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
    images, labels = [_npz_bytes(path, '{}_{}'.format(letter, split)) for letter in 'xy']
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or labels.ndim != 1 or not images.size:
        raise UserError('{}: expected x_{} [N, H, W] and y_{} [N], found {} and {}'.format(
            path, split, split, list(images.shape), list(labels.shape)))
    return images, labels


def _npz_bytes(path, name):
    """An array of integers from 0 to 255 of an .npz file, as uint8; its size is checked before memory is taken."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(name + '.npy')
            with archive.open(member) as handle:
                version = np.lib.format.read_magic(handle)
                read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                               (2, 0): np.lib.format.read_array_header_2_0}[version]
                shape, fortran, dtype = read_header(handle)
                size = dtype.itemsize
                for length in shape:
                    size *= length
                if not 0 < size <= MAX_BYTES or size > member.file_size:
                    raise ValueError('{} bytes for the shape {}'.format(member.file_size, list(shape)))
                if dtype.kind not in 'iu':
                    raise ValueError('{} of {}, no bytes from 0 to 255'.format(name, dtype))
                body = handle.read(size)
        values = np.frombuffer(body, dtype).reshape(shape, order='F' if fortran else 'C')
        if values.min() < 0 or values.max() > 255:
            raise ValueError('{} from {} to {}'.format(name, values.min(), values.max()))
        return np.ascontiguousarray(values, np.uint8)
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError("{}: expected an .npz file with the array '{}' of bytes, found: {}".format(
            path, name, reason(error)))
