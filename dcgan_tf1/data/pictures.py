"""Pictures -> uint8 arrays; whatever changes a picture on the way is counted and logged.

Every file is untrusted input: Pillow's readers of a few widespread formats alone are let near it.
"""

import collections
import concurrent.futures
import contextlib
import errno
import functools
import os
import threading
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from dcgan_tf1.data import decoding, depth
from dcgan_tf1.data.folders import SUFFIXES_TEXT, PictureSet, is_picture
from dcgan_tf1.data.picture_notes import Notes
from dcgan_tf1.data.reading import DEFAULTS, Reading
from dcgan_tf1.data.trees import FILE, kind_of
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, one_line, reason
from dcgan_tf1.util.files import cannot_read, listing

FORMATS = ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF', 'GIF', 'PPM')  # as Pillow calls them

MAX_PIXELS = 1 << 26  # of one picture; the cameras that people carry have fewer

_GREY = ('1', 'L', 'LA', 'La', 'I', 'I;16', 'I;16B', 'I;16L', 'F')  # modes, as Pillow calls them
_WIDTH, _HEIGHT = 256, 257  # of a TIFF, as it lies there


def picture_files(folder):
    """The files directly in `folder` that are pictures by their names, sorted by name; hidden ones are none."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if is_picture(name) and not name.startswith('.') and kind_of(os.path.join(folder, name)) == FILE]


def picture_sizes(folder, skip_damaged=False):
    """{path: (width, height)} of the pictures of a folder, upright, without reading their pixels.

    Raises UserError for a file that is no picture, unless those are to be left out.
    """
    sizes = {}
    for path in picture_files(folder):
        try:
            with _collected_warnings(), _opened(path, path) as opened:
                size = opened.size
                if opened.format == 'TIFF':  # newer releases of Pillow have turned the size already
                    size = tuple(opened.tag_v2[tag] for tag in (_WIDTH, _HEIGHT))
                sizes[path] = size[::-1] if decoding.orientation(opened) in (5, 6, 7, 8) else size
        except UserError as error:
            if not skip_damaged or isinstance(error, Unreadable):
                raise
    return sizes


def beside(folder, paths):
    """What lies in a folder beside its pictures, `paths`, by name; folders with a slash. Hidden ones are left out."""
    taken = set(map(os.path.basename, paths))
    return [name + '/' * os.path.isdir(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
            if not name.startswith('.') and name not in taken]


def read_pictures(folder, shape, reading=DEFAULTS, log=print, choose=None):
    """Every picture that lies directly in a folder -> uint8 [N, H, W, C], the files read; see `read`.

    choose: a function that takes how many there are and returns which of them are read, ascending; None for all.
    """
    paths = picture_files(folder)
    others = beside(folder, paths)
    if not paths:
        raise UserError('{}: expected pictures ({}), found {}'.format(
            folder, SUFFIXES_TEXT, listing(others)))
    paths = paths if choose is None else [paths[index] for index in choose(len(paths))]
    picture_set = PictureSet(folder, paths, paths.__getitem__, None, (), others, paths, None)
    rows = InMemory(len(paths), shape)
    result = read(picture_set, shape, reading, rows.write)
    for line in left_out(others, len(paths)) + result.lines:
        log('{}: {}'.format(folder, line))
    return rows.images[:len(result.kept)], [paths[index] for index in result.kept]


_ALIGNMENT = 64  # bytes: from there, TensorFlow takes an array on a CPU without a copy


class InMemory:
    """Where pictures are written to: `images`, uint8 [N, H, W, C]."""

    def __init__(self, count, shape):
        shape = (count,) + tuple(shape)
        size = int(np.prod(shape, dtype=np.int64))
        space = np.zeros(size + _ALIGNMENT, np.uint8)
        start = -space.ctypes.data % _ALIGNMENT
        self.images = space[start:start + size].reshape(shape)

    def write(self, row, pixels):
        self.images[row:row + len(pixels)] = pixels


# What came of pictures: which of them were read, and a line for each kind of thing that was done to some.
Read = collections.namedtuple('Read', 'kept lines')


def read(picture_set, shape, reading, write, bar=None):
    """Reads the pictures of a PictureSet, in their order; returns a Read.

    Each is turned upright, cropped and resized as `reading` has it. Transparent parts are laid on its background,
    values of more than 8 bits are scaled to 8, colours become grey for one channel.

    Args:
      write: (row, uint8 [n, H, W, C]): takes images, whose rows leave none out.
      bar: a tqdm bar, or None.

    Raises UserError for a picture that is damaged or smaller than the crop, unless `reading` leaves those out; and
    for a range of values that is not known.
    """
    notes, kept, unscaled = Notes(shape, reading), [], {}
    threads = _threads()
    at_once = min(256, max(threads, _AT_ONCE // (shape[0] * shape[1] * shape[2])))
    with _collected_warnings(), concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(picture_set.names), at_once):
            indices = range(start, min(start + at_once, len(picture_set.names)))
            block = []
            for index, one in zip(indices, pool.map(lambda each: _one(picture_set, each, shape, reading), indices)):
                notes.add(one.notes)
                if one.error is not None:
                    if not reading.skip_damaged:
                        raise one.error
                    notes.damaged.append(one_line(one.error))
                    continue
                if one.extrema is not None:
                    unscaled[index] = one.extrema + (len(kept) + len(block),)
                block.append((index, one.pixels))
            if block:
                write(len(kept), np.stack([pixels for _, pixels in block]))
            kept += [index for index, _ in block]
            if bar is not None:
                bar.update(len(indices))
        if not kept:
            raise UserError('{}: expected pictures, found {:,} that are damaged: {}'.format(
                picture_set.place, len(picture_set.names), notes.damaged[0]))
        limits = {decimal: depth.common_scale(picture_set.names, unscaled, decimal, notes)
                  for decimal in (False, True)}
        for index, (_, _, decimal, row) in unscaled.items():
            with _opened(picture_set.open(index), picture_set.names[index]) as opened:
                picture = decoding.decode(opened, notes, limits[decimal])
                write(row, decoding.fit(picture, shape, reading, notes)[np.newaxis])
    return Read(kept, notes.lines(len(picture_set.names)))


def left_out(others, count):
    """A line about what lies beside `count` pictures that are read, if something does."""
    return ['{} of {} files left out: {}'.format(len(others), len(others) + count, listing(others))] if others else []


def _threads():
    return min(os.cpu_count() or 1, 16)


_AT_ONCE = 1 << 26  # bytes of images that are decoded before they are written
_LOOKED_AT = 256  # pictures whose colours are looked at together
# A decoded picture, or the error; for a picture whose scale depends on the others, its range of values.
_One = collections.namedtuple('_One', 'pixels extrema error notes')


def _one(picture_set, index, shape, reading):
    notes = Notes(shape, reading)
    try:
        with _opened(picture_set.open(index), picture_set.names[index], notes.warnings) as opened:
            if min(opened.size) < (reading.crop or 0):
                raise _TooSmall('expected a picture of at least {0}x{0} for --crop={0}, found {1}x{2}'.format(
                    reading.crop, *opened.size))
            if depth.scale(opened) is None:
                opened.load()  # here, since NumPy would swallow Pillow's errors
                values = np.asarray(opened)
                if not np.isfinite(values).all() or values.min() < 0:
                    raise UserError('{}: expected values of 0 and more, found {:g} to {:g}'.format(
                        picture_set.names[index], values.min(), values.max()))
                return _One(np.zeros(shape, np.uint8), (values.min(), values.max(), opened.mode == 'F'), None, notes)
            return _One(decoding.fit(decoding.decode(opened, notes), shape, reading, notes), None, None, notes)
    except Unreadable:
        raise
    except UserError as error:
        return _One(None, None, error, Notes(shape, reading))


def channels_of(picture_set, reading, log):
    """1 where the files of all pictures are grey, else 3."""
    def is_grey(index):
        try:
            with _opened(picture_set.open(index), picture_set.names[index]) as opened:
                return _is_grey(opened)
        except UserError as error:
            if not reading.skip_damaged or isinstance(error, Unreadable):
                raise
        return True

    with _collected_warnings(), concurrent.futures.ThreadPoolExecutor(_threads()) as pool, \
            tqdm(total=len(picture_set.names), desc='looking for colour', unit='image', disable=None,
                 leave=False) as bar:
        for start in range(0, len(picture_set.names), _LOOKED_AT):
            indices = range(start, min(start + _LOOKED_AT, len(picture_set.names)))
            if not all(pool.map(is_grey, indices)):
                return 3
            bar.update(len(indices))
    log('{}: all pictures are grey: images of 1 channel (--channels=3 makes them of 3)'.format(picture_set.place))
    return 1


def _is_grey(opened):
    if opened.mode != 'P':
        return opened.mode in _GREY
    colours = np.array(opened.getpalette()).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def read_picture(path, channels, background='black'):
    """One picture as it is, neither cropped nor resized -> uint8 [H, W, channels]; UserError where it has no range."""
    with _collected_warnings(), _opened(path, path) as opened:
        if depth.scale(opened) is None:
            raise UserError('{}: expected a picture of at most 16 bits a channel, found one of mode {}'.format(
                path, opened.mode))
        reading = Reading(background=background)
        notes = Notes((1, 1, channels), reading)
        picture = decoding.decode(opened, notes)
        return decoding.fit(picture, picture.size[::-1] + (channels,), reading, notes)


@functools.lru_cache()
def _formats():
    """Those of FORMATS that this Pillow was built with; WebP is one that may be missing."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


_caught = threading.local()  # what Pillow warns of, by the thread that reads a picture


@contextlib.contextmanager
def _collected_warnings():
    """Assigns Python's warnings to the picture being read: on standard error they would not name the file.

    warnings.catch_warnings() affects the whole process, so it is entered once, around all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = lambda message, *_, **__: getattr(_caught, 'texts', set()).add(reason(message))
        yield


# Errors of a disk, a network or the process, not of a picture, which may be read another time.
_OF_DISKS = {getattr(errno, name, None) for name in (  # some systems lack some of them
    'EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'ECONNRESET', 'ECONNABORTED', 'ENETDOWN', 'ENETUNREACH', 'EHOSTDOWN',
    'EHOSTUNREACH', 'EREMOTEIO', 'EACCES', 'EPERM', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM')} - {None}


class Unreadable(UserError):
    """A picture that could not be read, so that nobody knows whether it is damaged."""


class _TooSmall(Exception):
    """A picture that a crop does not fit into."""


@contextlib.contextmanager
def _opened(source, name, warned=None):
    """A picture, open, of a path, a stream or a picture; what Pillow warns of is counted in `warned`.

    name: for messages.
    """
    _caught.texts = set()
    try:
        # Not by its path, for Pillow 11 to 13 map uncompressed TIFFs into memory and turn them wrongly.
        with (open(source, 'rb') if isinstance(source, str) else source) as handle, (
                handle if isinstance(handle, Image.Image) else
                _identified(handle, 'a file' if isinstance(source, str) else 'bytes')) as opened:
            if opened.size[0] * opened.size[1] > MAX_PIXELS:
                raise UserError('{}: expected at most {:,} pixels, found {} x {}'.format(
                    name, MAX_PIXELS, *opened.size))
            yield opened
        if warned is not None:
            warned.update(_caught.texts)
    except _TooSmall as error:
        raise UserError('{}: {}'.format(name, error))
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise whatever the bytes provoke
        if getattr(error, 'errno', None) in _OF_DISKS or isinstance(error, MemoryError):
            raise Unreadable(str(cannot_read(name, error)))
        raise UserError('{}: expected a picture ({}), found: {}'.format(name, ', '.join(_formats()), reason(error)))


def _identified(handle, what):
    """The picture in a stream, open; ValueError says what it is in place of one: `what`, where that is not known."""
    try:
        return Image.open(handle, formats=_formats())
    except UnidentifiedImageError:
        handle.seek(0)
        raise ValueError(signatures.kind(handle.read(signatures.LENGTH)) or what + ' of another format')
