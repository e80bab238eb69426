"""Arrays in .npz files: of images and labels, as MNIST is stored by Keras, and of samples.

A folder of .npy files is read like an .npz, which is an archive of such files.

Every file is untrusted input: nothing is unpickled, and sizes are checked before memory is taken. A damaged
file raises a UserError that names it.
"""

import contextlib
import os
import zipfile

import numpy as np

from dcgan_tf1.data.archives import MAX_BYTES
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, system_reason
from dcgan_tf1.util.files import cannot_read, listing


def read_array(path, name, kinds='biuf', max_bytes=MAX_BYTES):
    """One array in an .npz file, in the type that it has there: of numbers or booleans, or of other NumPy `kinds`.

    Raises UserError if it is missing or damaged, holds something else or has more than `max_bytes` bytes.
    """
    path, name = file_of(path, name)
    try:
        array = _read_npy(path, max_bytes) if name is None else _read_member(path, name, max_bytes)
        if array.dtype.kind not in kinds:
            raise ValueError('values of the type {}'.format(array.dtype))
        return array
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError('{}: expected {}, found: {}'.format(path, _called(name), _found(path, name, error)))


def file_of(path, name):
    """(the file that has an array, its name in there): an .npz and the name, or an .npy file of a folder and None."""
    if not os.path.isdir(path):
        return path, name
    called = [each for each in _npy_files(path) if each[:-len('.npy')] == name]
    return os.path.join(path, called[0] if called else name + '.npy'), None


def _npy_files(folder):
    try:
        return sorted(name for name in os.listdir(folder)
                      if name.lower().endswith('.npy') and not name.startswith('.'))
    except OSError as error:
        raise cannot_read(folder, error)


def _called(name):
    return 'an .npy file' if name is None else "an .npz file with the array '{}'".format(name)


def _found(path, name, error):
    """What a file that could not be read is, or else what went wrong."""
    if name is None:
        return signatures.kind_of(path, b'\x93NUMPY') or system_reason(error)
    return signatures.no_zip(path, error)


def _read_npy(path, max_bytes):
    if os.path.getsize(path) > max_bytes:
        raise ValueError('more than {} bytes'.format(max_bytes))
    with open(path, 'rb') as handle:
        return np.lib.format.read_array(handle, allow_pickle=False)


def _read_member(path, name, max_bytes):
    with open(path, 'rb') as handle:
        if not zipfile.is_zipfile(handle):  # of which NumPy says that it may be unpickled, which is not safe
            raise ValueError('a file that is no zip archive')
    with np.load(path, allow_pickle=False) as arrays:
        if name not in arrays.files:
            raise ValueError(listing(arrays.files))
        if arrays.zip.getinfo(name + '.npy').file_size > max_bytes:
            raise ValueError('more than {} bytes'.format(max_bytes))
        return arrays[name]


def kind_of(path, name):
    """NumPy's letter for what the values of an array in an .npz file are; UserError where it is damaged."""
    with _stored(path, name, 'of numbers or texts') as (_, _, _, stored, _):
        return stored.kind


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
    """The names of the arrays in an .npz file, or of the .npy files in a folder; UserError where it is damaged."""
    if os.path.isdir(path):
        return [name[:-len('.npy')] for name in _npy_files(path)]
    return [name[:-len('.npy')] for name in members(path, '.npy')]


def members(path, suffix):
    """The names that end so in a zip archive, as an .npz is one; UserError where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(name for name in archive.namelist() if name.endswith(suffix))
    except Exception as error:  # noqa: BLE001  hostile bytes make zipfile raise almost anything
        raise UserError('{}: expected an .npz file, found: {}'.format(path, _found(path, '', error)))


def read_integers(path, name, highest=255, dtype=np.uint8, max_bytes=MAX_BYTES):
    """An array of integers from 0 to `highest` in an .npz file, or of an .npy file where `name` is None.

    It is read in blocks, so that it is held in memory only as `dtype`, whatever its type in the file.

    max_bytes: how many it may take in memory, checked before that is allocated.
    """
    with _integers(path, name, highest) as (handle, shape, fortran, stored):
        if _size(shape, np.dtype(dtype)) > max_bytes:
            raise ValueError('{} in memory for the shape {}, of {} at most'.format(
                _size(shape, np.dtype(dtype)), list(shape), max_bytes))
        values = np.empty(shape, dtype)
        flat = values.T.flat if fortran else values.reshape(-1)
        each = _BLOCK // stored.itemsize
        for start in range(0, values.size, each):
            block = _read(handle, min(each, values.size - start), stored, name, highest)
            flat[start:start + len(block)] = block
        return values


def integers_shape(path, name):
    """The shape of an array of bytes, as read_integers() would read it."""
    with _integers(path, name, 255) as (_, shape, _, _):
        return shape


def blocks(path, name):
    """Yields (row, values) of such an array of bytes, [N, ...]: some rows at a time, uint8 [n, ...].

    An error in the code that uses the values is not the file's fault, and is passed on unchanged.
    """
    with _integers(path, name, 255) as (handle, shape, fortran, stored):
        if fortran:
            raise ValueError('{} in Fortran order, which can only be read as a whole: save what '
                             'np.ascontiguousarray makes of it, or raise --cache_gib'.format(name or 'an array'))
        each = _size(shape[1:], np.dtype(np.uint8))
        rows = max(1, _BLOCK // (each * stored.itemsize))
        for row in range(0, shape[0], rows):
            count = min(rows, shape[0] - row)
            values = _read(handle, count * each, stored, name, 255)
            yield row, values.astype(np.uint8).reshape((count,) + shape[1:])


_BLOCK = 1 << 22  # bytes that are read at a time


def _size(shape, dtype):
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size


def _read(handle, count, dtype, name, highest):
    """The next `count` values of a stream."""
    raw = handle.read(count * dtype.itemsize)
    if len(raw) != count * dtype.itemsize:
        raise ValueError('{} bytes less'.format(count * dtype.itemsize - len(raw)))
    values = np.frombuffer(raw, dtype)
    if values.min() < 0 or values.max() > highest:
        raise ValueError('{} from {} to {}'.format(name or 'values', values.min(), values.max()))
    return values


@contextlib.contextmanager
def _integers(path, name, highest):
    """(a stream at the values, their shape, whether in the order of Fortran, their type) of an array of integers."""
    expected = 'of integers from 0 to {}'.format(highest)
    with _stored(path, name, expected) as (handle, shape, fortran, stored, available):
        if stored.kind not in 'iu':
            raise ValueError('{} of {}, no integers from 0 to {}{}'.format(
                name or 'values', stored, highest, _remedy(handle, stored) if highest == 255 else ''))
        size = _size(shape, stored)
        if size <= 0 or size > available:
            raise ValueError('{} bytes for the shape {}'.format(available, list(shape)) if size else
                             'an empty one, of the shape {}'.format(list(shape)))
        yield handle, shape, fortran, stored


def _remedy(handle, stored):
    """A hint on how to make integers from 0 to 255 of other values, which begin at the stream's position."""
    if stored.kind not in 'fb':
        return ''
    few = handle.read(_BLOCK)
    values = np.frombuffer(few[:len(few) - len(few) % stored.itemsize], stored)
    if stored.kind == 'b':
        made, when = '255 * images.astype(np.uint8)', ''
    elif not values.size or not -1 <= values.min() <= values.max() <= 255:  # also if some are NaN
        return ''
    elif values.max() > 1:
        made, when = 'np.rint(images).astype(np.uint8)', 'from 0 to 255'
    elif values.min() < 0:
        made, when = 'np.rint(127.5 * (images + 1)).astype(np.uint8)', 'from -1 to 1'
    else:
        made, when = 'np.rint(255 * images).astype(np.uint8)', 'from 0 to 1'
    return '; for images{}, use {}'.format(when and ' ' + when, made)


@contextlib.contextmanager
def _stored(path, name, expected):
    """(a stream at the values, their shape, whether in the order of Fortran, their type, the bytes that there are).

    Of an array in an .npz file, or of an .npy file where `name` is None. What goes wrong within its `with` is a
    UserError, which says what was `expected` of the array.
    """
    path, name = file_of(path, name)
    try:
        with contextlib.ExitStack() as stack:
            if name is None:
                handle, available = stack.enter_context(open(path, 'rb')), os.path.getsize(path)
            else:
                archive = stack.enter_context(zipfile.ZipFile(path))
                member = archive.getinfo(name + '.npy')
                handle, available = stack.enter_context(archive.open(member)), member.file_size
            version = np.lib.format.read_magic(handle)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                           (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, stored = read_header(handle)
            yield handle, shape, fortran, stored, available
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError('{}: expected {} {}, found: {}'.format(
            path, _called(name), expected, _found(path, name, error)))
