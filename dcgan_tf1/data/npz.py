"""Arrays in .npz files: of images and labels, as MNIST is stored by Keras, and of samples.

Every file is untrusted input: nothing is unpickled, and sizes are checked before memory is taken. A damaged
file raises a UserError that names it.
"""

import contextlib
import os
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


def read_integers(path, name, highest=255, dtype=np.uint8, most=MAX_BYTES):
    """An array of integers from 0 to `highest` in an .npz file, or of an .npy file where `name` is None.

    most: the bytes that it may have, which are checked before memory is taken.
    """
    with _integers(path, name, highest, most) as (handle, shape, fortran, stored):
        values = np.frombuffer(handle.read(_size(shape, stored)), stored).reshape(
            shape, order='F' if fortran else 'C')
        _check_range(values, name, highest)
        return np.ascontiguousarray(values, dtype)


def integers_shape(path, name, highest=255):
    """The shape of such an array."""
    with _integers(path, name, highest, None) as (_, shape, _, _):
        return shape


def stream_bytes(path, name, write, bar):
    """Gives such an array of bytes, [N, ...], to write(row, values), some at a time; bar: a tqdm bar."""
    with _integers(path, name, 255, None) as (handle, shape, fortran, stored):
        if fortran:
            raise ValueError('{} in the order of Fortran'.format(name))
        each = _size(shape[1:], stored)
        for row in range(0, shape[0], max(1, _BLOCK // each)):
            count = min(max(1, _BLOCK // each), shape[0] - row)
            values = np.frombuffer(handle.read(each * count), stored).reshape((count,) + shape[1:])
            _check_range(values, name, 255)
            write(row, values.astype(np.uint8))
            bar.update(count)


_BLOCK = 1 << 22  # bytes that are read at a time


def _size(shape, dtype):
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size


def _check_range(values, name, highest):
    if values.min() < 0 or values.max() > highest:
        raise ValueError('{} from {} to {}'.format(name or 'values', values.min(), values.max()))


@contextlib.contextmanager
def _integers(path, name, highest, most):
    """(a stream at the values, their shape, whether in the order of Fortran, their type) of an array of integers."""
    try:
        with contextlib.ExitStack() as stack:
            if name is None:
                handle, there = stack.enter_context(open(path, 'rb')), os.path.getsize(path)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                member = archive.getinfo(name + '.npy')
                handle, there = stack.enter_context(archive.open(member)), member.file_size
            version = np.lib.format.read_magic(handle)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                           (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, stored = read_header(handle)
            size = _size(shape, stored)
            if size <= 0 or size > there or most is not None and size > most:
                raise ValueError('{} bytes for the shape {}'.format(there, list(shape)))
            if stored.kind not in 'iu':
                raise ValueError('{} of {}, no integers from 0 to {}'.format(name or 'values', stored, highest))
            yield handle, shape, fortran, stored
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError('{}: expected an {} of integers from 0 to {}, found: {}'.format(
            path, '.npy file' if name is None else ".npz file with the array '{}'".format(name), highest,
            reason(error)))
