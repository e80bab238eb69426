"""Files -> arrays: IDX, .npz, CIFAR-10's pickles and binaries.

Every file is untrusted input. A damaged one raises UserError with the file's name, what
was expected and what was found; sizes are checked before memory is taken.
"""

import io
import os
import pickle
import posixpath
import struct
import zipfile

import numpy as np

from dcgan_tf1.data import archives
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import CHUNK, cannot_read, listing

MAX_BYTES = 600 << 20  # of one decoded file; MNIST's largest has 47 MB, EMNIST's 547 MB

CIFAR_BATCHES = {'train': tuple('data_batch_{}'.format(i) for i in range(1, 6)),
                 'test': ('test_batch',)}
_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_MAX_PICKLE = 1 << 26  # the official batches have 31 MB


# ------------------------------------------------------------------------------ IDX

def read_idx(path, dimensions):
    """An IDX file of unsigned bytes, plain or gzipped, as a uint8 array.

    Format: two zero bytes, type 0x08, the number of dimensions, each dimension as a
    big-endian uint32, then the bytes (as on the MNIST page of LeCun, Cortes and Burges).
    """
    with archives.plain_bytes(path) as handle:
        magic = handle.read(4)
        if magic != bytes((0, 0, 8, dimensions)):
            raise UserError('{}: expected an IDX file of bytes in {} dimensions (magic {}), found {}'.format(
                path, dimensions, bytes((0, 0, 8, dimensions)).hex(), magic.hex() or 'an empty file'))
        header = handle.read(4 * dimensions)
        if len(header) != 4 * dimensions:
            raise UserError('{}: expected {} bytes of dimensions, found {}'.format(
                path, 4 * dimensions, len(header)))
        shape = struct.unpack('>{}I'.format(dimensions), header)
        size = 1
        for length in shape:
            size *= length
        if not 0 < size <= MAX_BYTES:
            raise UserError('{}: expected 1 to {} bytes of data, found dimensions {}'.format(
                path, MAX_BYTES, ' x '.join(map(str, shape))))
        body = bytearray()  # grows by what there is, whatever the header says
        while len(body) <= size:
            part = handle.read(min(CHUNK, size + 1 - len(body)))
            if not part:
                break
            body += part
    if len(body) != size:
        raise UserError('{}: expected {} bytes after the header ({}), found {}'.format(
            path, size, ' x '.join(map(str, shape)),
            len(body) if len(body) < size else 'more'))
    return np.frombuffer(body, np.uint8).reshape(shape)


# ---------------------------------------------------------------------------- CIFAR

class _PickledDtype:
    """Stands in for numpy.dtype: only unsigned bytes are let through."""

    def __init__(self, code, *_):
        if code not in (b'u1', 'u1'):
            raise pickle.UnpicklingError('expected unsigned bytes, found dtype {!r}'.format(code))

    def __setstate__(self, state):
        pass  # byte order and the like, without meaning for bytes


class _PickledArray:
    """Stands in for numpy.ndarray: a matrix of bytes, its size checked."""

    def __setstate__(self, state):
        _, shape, dtype, fortran, body = state
        if not isinstance(dtype, _PickledDtype) or not isinstance(body, bytes) or fortran:
            raise pickle.UnpicklingError('expected a C-ordered matrix of bytes')
        if len(shape) != 2 or shape[0] * shape[1] != len(body):
            raise pickle.UnpicklingError('expected a matrix of {!r}, found {} bytes'.format(shape, len(body)))
        self.array = np.frombuffer(body, np.uint8).reshape(shape)


def _reconstruct(kind, shape, code):
    del kind, shape, code  # always (ndarray, (0,), 'b'); __setstate__ brings the content
    return _PickledArray()


def _from_buffer(body, dtype, shape, order):
    array = _PickledArray()
    array.__setstate__((1, shape, dtype, order != 'C', bytes(body)))
    return array


def _encode(text, encoding):
    if not isinstance(text, str) or encoding not in ('latin1', b'latin1'):
        raise pickle.UnpicklingError('expected bytes as latin1')
    return text.encode('latin1')


class _CifarUnpickler(pickle.Unpickler):
    """Admits the names that the official files use, and those of Python 3's protocols, each replaced by a stand-in.

    NumPy's own reconstructors are never called, so nothing but dictionaries, lists,
    strings, numbers and byte matrices can come out, and no code can run.
    """

    ALLOWED = {
        ('numpy.core.multiarray', '_reconstruct'): _reconstruct,
        ('numpy._core.multiarray', '_reconstruct'): _reconstruct,
        ('numpy.core.numeric', '_frombuffer'): _from_buffer,  # of protocol 5
        ('numpy._core.numeric', '_frombuffer'): _from_buffer,
        ('_codecs', 'encode'): _encode,  # bytes, in Python 3's protocols 0 to 2
        ('numpy', 'ndarray'): _PickledArray,
        ('numpy', 'dtype'): _PickledDtype,
    }

    def find_class(self, module, name):
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError('it asks for {}.{}, which no CIFAR-10 file needs'.format(module, name))

    def persistent_load(self, pid):
        raise pickle.UnpicklingError('it holds a persistent id')


def decode_cifar_pickle(raw, path):
    """One batch of CIFAR-10's Python version -> uint8 [N, 32, 32, 3], labels int64 [N]."""
    try:
        batch = _CifarUnpickler(io.BytesIO(raw), encoding='bytes').load()
    except Exception as error:  # hostile bytes make the unpickler raise almost anything
        raise UserError('{}: expected a batch of CIFAR-10 as a pickle, found something else: {}'.format(
            path, str(error).splitlines()[0] if str(error) else type(error).__name__))
    if not isinstance(batch, dict):
        raise UserError("{}: expected a pickle with 'data' and 'labels', found no dictionary".format(path))
    # Python 2 wrote the keys as bytes, Python 3 writes them as strings.
    data, labels = [batch.get(key.encode(), batch.get(key)) for key in ('data', 'labels')]
    if not isinstance(data, _PickledArray) or not hasattr(data, 'array') or not isinstance(labels, list):
        raise UserError("{}: expected a pickle with a matrix 'data' and a list 'labels', found {}".format(
            path, listing(sorted(_named(key, value) for key, value in batch.items()))))
    return _cifar_images(data.array, labels, path)


def _named(key, value):
    key = key.decode('latin1') if isinstance(key, bytes) else str(key)
    return '{!r} ({})'.format(key[:40], 'matrix' if isinstance(value, _PickledArray) else type(value).__name__)


def _cifar_images(rows, labels, path):
    if rows.shape[1] != _CIFAR_PIXELS or len(rows) != len(labels) or not len(rows):
        raise UserError('{}: expected rows of {} pixels and one label for each, found {} x {} and {} labels'.format(
            path, _CIFAR_PIXELS, rows.shape[0], rows.shape[1], len(labels)))
    if not all(isinstance(label, (int, np.integer)) and 0 <= label < 10 for label in labels):
        raise UserError('{}: expected labels from 0 to 9, found others'.format(path))
    images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(labels, np.int64)


def _read_limited(path, limit):
    size = os.path.getsize(path)
    if size > limit:
        raise UserError('{}: expected at most {} bytes, found {}'.format(path, limit, size))
    with open(path, 'rb') as handle:
        return handle.read()


def read_cifar_pickles(folder, split):
    """The batches of an unpacked cifar-10-batches-py -> images, labels, the files read."""
    paths = [os.path.join(folder, name) for name in CIFAR_BATCHES[split]]
    return _joined([decode_cifar_pickle(_read_limited(path, _CIFAR_MAX_PICKLE), path)
                    for path in paths], paths)


def read_cifar_binaries(folder, split):
    """The .bin files of CIFAR-10's binary version -> images, labels, the files read."""
    paths = [os.path.join(folder, name + '.bin') for name in CIFAR_BATCHES[split]]
    return _joined([_decode_cifar_binary(_read_limited(path, _CIFAR_MAX_PICKLE), path) for path in paths], paths)


def _decode_cifar_binary(raw, path):
    if not raw or len(raw) % (1 + _CIFAR_PIXELS):
        raise UserError('{}: expected records of {} bytes (a label and the pixels), found {} bytes'.format(
            path, 1 + _CIFAR_PIXELS, len(raw)))
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 1 + _CIFAR_PIXELS)
    return _cifar_images(rows[:, 1:], rows[:, 0], path)


def read_cifar_tar(path, split):
    """The batches inside cifar-10-python.tar.gz or cifar-10-binary.tar.gz, gzipped or not."""
    decoders = {name + suffix: decode for name in CIFAR_BATCHES[split]
                for suffix, decode in (('', decode_cifar_pickle), ('.bin', _decode_cifar_binary))}
    found = {}
    for name, content in archives.read_members(path, decoders, _CIFAR_MAX_PICKLE):
        found[posixpath.splitext(name)[0]] = decoders[name](content, '{} ({})'.format(path, name))
    missing = [name for name in CIFAR_BATCHES[split] if name not in found]
    if missing:
        raise UserError('{}: expected {} in the archive, found {}'.format(
            path, ', '.join(missing), 'none' if not found else 'only ' + ', '.join(sorted(found))))
    return _joined([found[name] for name in CIFAR_BATCHES[split]], [path])


def first_whole(readings, log):
    """What the first of `readings` (path, function) returns that finds its file whole; those before it are logged.

    Raises the first one's error where all are damaged.
    """
    failures = []
    for path, read in readings:
        try:
            found = read()
        except (UserError, OSError) as error:
            failures.append(error)
            continue
        for failure in failures:
            log('WARNING: {}; taking {} in its place'.format(
                failure if isinstance(failure, UserError) else cannot_read(failure.filename, failure),
                path))
        return found
    raise failures[0]


def _joined(batches, paths):
    images, labels = zip(*batches)
    return np.concatenate(images), np.concatenate(labels), paths


def read_array(path, name):
    """One array of numbers (or of truth values) of an .npz file, in the type that it has there.

    UserError where it is not there, is damaged, holds something else or would not fit into MAX_BYTES.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not hasattr(arrays, 'zip'):
                raise ValueError('a single array')
            if arrays.zip.getinfo(name + '.npy').file_size > MAX_BYTES:
                raise ValueError('more than {} bytes'.format(MAX_BYTES))
            found = arrays[name]
            if found.dtype.kind not in 'biuf':
                raise ValueError('values of the type {}'.format(found.dtype))
            return found
    except Exception as error:  # noqa: BLE001  hostile bytes make NumPy and zipfile raise almost anything
        raise UserError("{}: expected an .npz file with the array '{}', found: {}".format(path, name, reason(error)))


def read_mnist_npz(path, split):
    """mnist.npz as Keras has it -> images uint8 [N, H, W], labels uint8 [N].

    Its arrays are x_train, y_train, x_test and y_test. Pixels that are no bytes are refused:
    what was scaled once has lost its range.
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
