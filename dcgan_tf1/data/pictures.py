"""Pictures -> uint8 arrays; whatever changes a picture on the way is counted and logged.

Every file is untrusted input: Pillow's readers of a few widespread formats alone are let near it.
"""

import collections
import concurrent.futures
import contextlib
import functools
import os
import threading
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from dcgan_tf1.data import depth
from dcgan_tf1.data.catalogue import BACKGROUNDS
from dcgan_tf1.data.folders import SUFFIXES, Found, is_picture
from dcgan_tf1.data.picture_notes import Notes
from dcgan_tf1.data.reading import DEFAULTS, Reading
from dcgan_tf1.util.errors import UserError, one_line, reason
from dcgan_tf1.util.files import listing

FORMATS = ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF', 'GIF')  # as Pillow calls them

MAX_PIXELS = 1 << 26  # of one picture; the cameras that people carry have fewer

_GREY = ('1', 'L', 'LA', 'La', 'I', 'I;16', 'I;16B', 'I;16L', 'F')  # modes, as Pillow calls them
_USUAL = ('1', 'L', 'P', 'RGB')
_WITH_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')
_ORIENTATION = 0x0112  # the tag of EXIF and TIFF
_WIDTH, _HEIGHT = 256, 257  # of a TIFF, as it lies there
_PHOTOMETRIC = 262     # the tag of TIFF; 0: black is the largest value


def picture_files(folder):
    """The files directly in `folder` that are pictures by their names, sorted by name; hidden ones are none."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if is_picture(name) and not name.startswith('.') and not os.path.isdir(os.path.join(folder, name))]


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
                sizes[path] = size[::-1] if _orientation(opened) in (5, 6, 7, 8) else size
        except UserError:
            if not skip_damaged:
                raise
    return sizes


def read_pictures(folder, shape, reading=DEFAULTS, log=print, choose=None):
    """Every picture that lies directly in a folder -> uint8 [N, H, W, C], the files read; see `read`.

    choose: a function that takes how many there are and returns which of them are read, ascending; None for all.
    """
    paths = picture_files(folder)
    taken = set(map(os.path.basename, paths))
    others = [name + '/' * os.path.isdir(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
              if not name.startswith('.') and name not in taken]
    if not paths:
        raise UserError('{}: expected pictures ({}), found {}'.format(
            folder, ', '.join(suffix[1:] for suffix in SUFFIXES), listing(others)))
    paths = paths if choose is None else [paths[index] for index in choose(len(paths))]
    found = Found(folder, paths, paths.__getitem__, None, (), others, paths, None)
    rows = InMemory(len(paths), shape)
    result = read(found, shape, reading, rows.write)
    for line in result.lines:
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


def read(found, shape, reading, write, bar=None):
    """Reads the pictures of a Found, in their order; returns a Read.

    Each is turned upright, cropped and resized as `reading` has it. Transparent parts are laid on its background,
    values of more than 8 bits are scaled to 8, colours become grey for one channel.

    Args:
      write: (row, uint8 [n, H, W, C]): takes images, whose rows leave none out.
      bar: a tqdm bar, or None.

    Raises UserError for a picture that is damaged or smaller than the crop, unless `reading` leaves those out; and
    for a range of values that is not known.
    """
    notes, kept, unscaled = Notes(shape, reading), [], {}
    threads = min(os.cpu_count() or 1, 16)
    at_once = min(256, max(threads, _AT_ONCE // (shape[0] * shape[1] * shape[2])))
    with _collected_warnings(), concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(found.names), at_once):
            indices = range(start, min(start + at_once, len(found.names)))
            block = []
            for index, one in zip(indices, pool.map(lambda each: _one(found, each, shape, reading), indices)):
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
                found.place, len(found.names), notes.damaged[0]))
        limits = {decimal: depth.common_scale(found.names, unscaled, decimal, notes) for decimal in (False, True)}
        for index, (_, _, decimal, row) in unscaled.items():
            with _opened(found.open(index), found.names[index]) as opened:
                write(row, _fit(_decode(opened, notes, limits[decimal]), shape, reading, notes)[np.newaxis])
    lines = notes.lines(len(found.names))
    if found.others:
        lines.insert(0, '{} of {} files left out: {}'.format(
            len(found.others), len(found.others) + len(found.names), listing(found.others)))
    return Read(kept, lines)


_AT_ONCE = 1 << 26  # bytes of images that are decoded before they are written
# A decoded picture, or why it is none; of one that only the others tell the scale of, its range.
_One = collections.namedtuple('_One', 'pixels extrema error notes')


def _one(found, index, shape, reading):
    notes = Notes(shape, reading)
    try:
        with _opened(found.open(index), found.names[index], notes.warnings) as opened:
            if min(opened.size) < (reading.crop or 0):
                raise _TooSmall('expected a picture of at least {0}x{0} for --crop={0}, found {1}x{2}'.format(
                    reading.crop, *opened.size))
            if depth.scale(opened) is None:
                opened.load()  # here, for NumPy passes over what Pillow raises
                values = np.asarray(opened)
                if not np.isfinite(values).all() or values.min() < 0:
                    raise UserError('{}: expected values of 0 and more, found {:g} to {:g}'.format(
                        found.names[index], values.min(), values.max()))
                return _One(np.zeros(shape, np.uint8), (values.min(), values.max(), opened.mode == 'F'), None, notes)
            return _One(_fit(_decode(opened, notes), shape, reading, notes), None, None, notes)
    except UserError as error:
        return _One(None, None, error, Notes(shape, reading))


def channels_of(found, reading, log):
    """1 where the files of all pictures are grey, else 3."""
    names = tqdm(found.names, desc='looking for colour', unit='image', disable=None, leave=False)
    with _collected_warnings(), contextlib.closing(names):
        for index, name in enumerate(names):
            try:
                with _opened(found.open(index), name) as opened:
                    if opened.mode not in _GREY:
                        return 3
            except UserError:
                if not reading.skip_damaged:
                    raise
    log('{}: all pictures are grey: images of 1 channel (--channels=3 makes them of 3)'.format(found.place))
    return 1


def read_picture(path, channels, background='black'):
    """One picture as it is, neither cropped nor resized -> uint8 [H, W, channels]; UserError where it has no range."""
    with _collected_warnings(), _opened(path, path) as opened:
        if depth.scale(opened) is None:
            raise UserError('{}: expected a picture of at most 16 bits a channel, found one of mode {}'.format(
                path, opened.mode))
        reading = Reading(background=background)
        notes = Notes((1, 1, channels), reading)
        picture = _decode(opened, notes)
        return _fit(picture, picture.size[::-1] + (channels,), reading, notes)


@functools.lru_cache()
def _formats():
    """Those of FORMATS that this Pillow was built with; WebP is one that may be missing."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


_caught = threading.local()  # what Pillow warns of, by the thread that reads a picture


@contextlib.contextmanager
def _collected_warnings():
    """Gives Python's warnings to the picture that is read: on standard error nobody knows the file.

    warnings.catch_warnings() is of the whole process, so it is entered once, around all threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning = lambda message, *_, **__: getattr(_caught, 'texts', set()).add(reason(message))
        yield


class _TooSmall(Exception):
    """A picture that a crop does not fit into."""


@contextlib.contextmanager
def _opened(source, name, warned=None):
    """A picture, open, of a path or stream; what Pillow warns of is counted in `warned`. name: for messages."""
    _caught.texts = set()
    try:
        # Not by its path, for Pillow 11 to 13 map uncompressed TIFFs into memory and turn them wrongly.
        with (open(source, 'rb') if isinstance(source, str) else source) as handle, \
                Image.open(handle, formats=_formats()) as opened:
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
        found = 'a file of another format' if isinstance(error, UnidentifiedImageError) else reason(error)
        raise UserError('{}: expected a picture ({}), found: {}'.format(name, ', '.join(_formats()), found))


# -------------------------------------------------------------------------- one picture

def _decode(opened, notes, limit=None):
    """An opened picture, upright, with 8 bits a channel: L, RGB or, where parts may be transparent, RGBA."""
    notes.frames += bool(getattr(opened, 'is_animated', False))
    limit, raw = limit or depth.scale(opened), depth.raw_mode(opened)
    negative = opened.format == 'TIFF' and opened.tag_v2.get(_PHOTOMETRIC) == 0
    picture = _upright(opened, notes)
    if opened.mode[0] in 'IF':
        values, key = np.asarray(picture), opened.info.get('transparency')
        if opened.mode[0] == 'I' and limit > 255:
            notes.deep += 1
            notes.brightest = max(notes.brightest, int(values.max()) / limit)
        grey = depth.to_bytes(values, limit)
        grey = Image.fromarray(255 - grey if negative else grey)
        if not isinstance(key, int):
            return grey
        picture = grey.convert('RGBA')
        picture.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
        return picture
    if ';16' in raw:  # of which Pillow has kept the upper bytes
        notes.deep += 1
        notes.brightest = 1
    if 'transparency' in picture.info:
        picture.info['transparency'] = _as_decoded(picture.info['transparency'], raw)
    elif picture.mode not in _WITH_ALPHA:
        if picture.mode not in _USUAL:
            notes.modes[picture.mode] += 1
        return picture.convert('L' if picture.mode in ('1', 'L') else 'RGB')
    if picture.mode == 'La':  # which Pillow converts to nothing else
        picture = picture.convert('LA')
    return picture.convert('RGBA')


def _orientation(opened):
    """What EXIF, or a TIFF itself, says of how a picture lies, 1 to 8; 0 where that can't be read."""
    try:
        found = (opened.tag_v2 if opened.format == 'TIFF' else opened.getexif()).get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  as of any other of Pillow's readers
        return 0
    return found if isinstance(found, int) and 1 <= found <= 8 else 0


def _upright(opened, notes):
    orientation = _orientation(opened)
    if orientation == 0:
        notes.warnings['an EXIF orientation that is none, taken as upright'] += 1
    notes.turned += orientation in _TURNS
    if opened.format == 'TIFF':
        opened.load()  # which turns it, in every release of Pillow
        return opened.copy()
    return opened.transpose(_TURNS[orientation]) if orientation in _TURNS else opened.copy()


_TURNS = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
          6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}


def _as_decoded(key, raw):
    """The colour that a PNG calls transparent, in the file's bits, as the decoded pixels have it."""
    if raw.endswith(';16B') and isinstance(key, tuple):  # Pillow keeps the upper bytes
        return tuple(value >> 8 for value in key)
    if isinstance(key, int):
        return {'1': min(key, 1) * 255, 'L;2': key * 85, 'L;4': key * 17}.get(raw, key)
    return key


def _fit(picture, shape, reading, notes):
    """uint8 [H, W, C] of a picture in L, RGB or RGBA."""
    height, width, channels = shape
    if picture.mode == 'RGBA':
        notes.transparent += picture.getchannel('A').getextrema()[0] < 255
        ground = Image.new('RGBA', picture.size, BACKGROUNDS[reading.background])
        ground.alpha_composite(picture)
        picture = ground.convert('RGB')
    if picture.mode == 'RGB' and channels == 1:
        pixels = np.asarray(picture)
        notes.coloured += bool((pixels[..., :2] != pixels[..., 1:]).any())
    notes.grey += picture.mode == 'L' and channels == 3
    if reading.crop is not None:
        side = reading.crop or min(picture.size)
        if picture.size != (side, side):
            notes.windows[picture.size] += 1
            left, top = (picture.size[0] - side) // 2, (picture.size[1] - side) // 2
            picture = picture.crop((left, top, left + side, top + side))
    if picture.size[0] * height != picture.size[1] * width:
        notes.cropped[picture.size] += 1
    notes.resized += picture.size != (width, height)
    fitted = ImageOps.fit(picture.convert('L' if channels == 1 else 'RGB'), (width, height),
                          _FILTERS[reading.resize])
    return np.asarray(fitted).reshape(shape)


_FILTERS = {'lanczos': Image.LANCZOS, 'bilinear': Image.BILINEAR, 'nearest': Image.NEAREST}
