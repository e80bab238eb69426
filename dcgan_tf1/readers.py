"""Files -> arrays: IDX, CIFAR-10's pickles and binaries, folders of pictures.

Every file is untrusted input. A damaged one raises UserError with the file's name, what
was expected and what was found; sizes are checked before memory is taken.
"""

import gzip
import io
import os
import pickle
import posixpath
import struct
import tarfile
import zlib

import numpy as np
from PIL import Image, ImageOps

from dcgan_tf1.errors import UserError, reason
from dcgan_tf1.files import CHUNK

MAX_BYTES = 600 << 20  # of one decoded file; MNIST's largest has 47 MB, EMNIST's 547 MB

CIFAR_BATCHES = {'train': tuple('data_batch_{}'.format(i) for i in range(1, 6)),
                 'test': ('test_batch',)}
_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_MAX_PICKLE = 1 << 26  # the official batches have 31 MB

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg')


# ------------------------------------------------------------------------------ IDX

def read_idx(path, dimensions):
    """An IDX file of unsigned bytes, plain or gzipped, as a uint8 array.

    Format: two zero bytes, type 0x08, the number of dimensions, each dimension as a
    big-endian uint32, then the bytes (as on the MNIST page of LeCun, Cortes and Burges).
    """
    opener = gzip.open if path.endswith('.gz') else open
    try:
        with opener(path, 'rb') as handle:
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
    except (EOFError, zlib.error) as error:
        raise UserError('{}: expected a whole gzip file, found a damaged one ({})'.format(path, error))
    except OSError as error:
        raise UserError('{}: {}'.format(path, error.strerror or error))
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


class _CifarUnpickler(pickle.Unpickler):
    """Admits the three names that the official files use, each replaced by a stand-in.

    NumPy's own reconstructors are never called, so nothing but dictionaries, lists,
    strings, numbers and byte matrices can come out, and no code can run.
    """

    ALLOWED = {
        ('numpy.core.multiarray', '_reconstruct'): _reconstruct,
        ('numpy._core.multiarray', '_reconstruct'): _reconstruct,
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
    data = batch.get(b'data') if isinstance(batch, dict) else None
    labels = batch.get(b'labels') if isinstance(batch, dict) else None
    if not isinstance(data, _PickledArray) or not hasattr(data, 'array') or not isinstance(labels, list):
        raise UserError("{}: expected a pickle with 'data' and 'labels', found neither".format(path))
    return _cifar_images(data.array, labels, path)


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
    batches = []
    for path in paths:
        raw = np.frombuffer(_read_limited(path, _CIFAR_MAX_PICKLE), np.uint8)
        if not len(raw) or len(raw) % (1 + _CIFAR_PIXELS):
            raise UserError('{}: expected records of {} bytes (a label and the pixels), found {} bytes'.format(
                path, 1 + _CIFAR_PIXELS, len(raw)))
        rows = raw.reshape(-1, 1 + _CIFAR_PIXELS)
        batches.append(_cifar_images(rows[:, 1:], rows[:, 0], path))
    return _joined(batches, paths)


def read_cifar_tar(path, split):
    """The batches inside cifar-10-python.tar.gz, without unpacking it to the disk.

    An archive with a member that would leave its target (an absolute name, '..', a link)
    or that is no plain file or folder is refused whole: nobody made it for CIFAR-10.
    """
    found = {}
    try:
        with gzip.open(path, 'rb') as stream:
            archive = tarfile.open(fileobj=stream, mode='r|')  # noqa: SIM115  holds nothing open itself
            for member in archive:
                name = posixpath.normpath(member.name)
                if (member.name.startswith('/') or name.startswith('..') or '\\' in name
                        or not (member.isfile() or member.isdir())):
                    raise UserError('{}: expected plain files below one folder, found the member {!r}{}'.format(
                        path, member.name, '' if member.isfile() else ', a link or device'))
                if member.size > _CIFAR_MAX_PICKLE:
                    raise UserError('{}: expected at most {} bytes in {}, found {}'.format(
                        path, _CIFAR_MAX_PICKLE, member.name, member.size))
                if member.isfile() and posixpath.basename(name) in CIFAR_BATCHES[split]:
                    found[posixpath.basename(name)] = decode_cifar_pickle(
                        archive.extractfile(member).read(), '{} ({})'.format(path, member.name))
            # The tar ends before the gzip stream does, and the stream's checksum comes last.
            for _ in iter(lambda: stream.read(CHUNK), b''):
                if stream.tell() > MAX_BYTES:
                    raise UserError('{}: expected at most {} bytes unpacked, found more'.format(path, MAX_BYTES))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError('{}: expected a whole tar archive, found a damaged one ({})'.format(path, error))
    except OSError as error:
        raise UserError('{}: {}'.format(path, error.strerror or error))
    missing = [name for name in CIFAR_BATCHES[split] if name not in found]
    if missing:
        raise UserError('{}: expected {} in the archive, found none'.format(path, ', '.join(missing)))
    return _joined([found[name] for name in CIFAR_BATCHES[split]], [path])


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


# ------------------------------------------------------------------------- pictures

def picture_files(folder):
    """The PNG and JPEG files directly in `folder`, sorted by name."""
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                  if name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith('.'))


def picture_sizes(folder):
    """{path: (width, height)} of every picture of a folder, turned as its EXIF data says."""
    found = {}
    for path in picture_files(folder):
        try:
            with Image.open(path, formats=('PNG', 'JPEG')) as opened:
                turned = opened.getexif().get(0x0112) in (5, 6, 7, 8)
                found[path] = opened.size[::-1] if turned else opened.size
        except Exception as error:  # Pillow's decoders raise whatever the bytes provoke
            raise UserError('{}: expected a PNG or JPEG picture, found: {}'.format(path, reason(error)))
    return found


def read_picture(path, channels):
    """One picture as it is -> uint8 [H, W, channels]; transparency is laid on black, colours become grey for one."""
    picture = np.asarray(_open_picture(path, channels))
    return picture.reshape(picture.shape[:2] + (channels,))


def _open_picture(path, channels):
    try:
        with Image.open(path, formats=('PNG', 'JPEG')) as opened:
            picture = ImageOps.exif_transpose(opened).convert('RGBA')
            opaque = Image.new('RGBA', picture.size, (0, 0, 0, 255))
            opaque.alpha_composite(picture)
            return opaque.convert('L' if channels == 1 else 'RGB')
    except Exception as error:  # Pillow's decoders raise whatever the bytes provoke
        raise UserError('{}: expected a PNG or JPEG picture, found: {}'.format(
            path, str(error).splitlines()[0] if str(error) else type(error).__name__))


def read_pictures(folder, shape):
    """Every picture of a folder -> uint8 [N, H, W, C], the files read.

    Each is cropped about its centre to the shape's proportions and resized; transparency
    is laid on black, colours become grey for one channel.
    """
    height, width, channels = shape
    paths = picture_files(folder)
    images = np.zeros((len(paths), height, width, channels), np.uint8)
    for index, path in enumerate(paths):
        fitted = ImageOps.fit(_open_picture(path, channels), (width, height), Image.LANCZOS)
        images[index] = np.asarray(fitted).reshape(shape)
    return images, paths
