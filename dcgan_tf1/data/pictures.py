"""Folders of pictures -> uint8 arrays; whatever changes a picture on the way is counted and logged.

Every file is untrusted input: Pillow's readers of a few widespread formats alone are let near it.
"""

import collections
import contextlib
import functools
import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from dcgan_tf1.data.catalogue import BACKGROUNDS, MAX_CLASSES
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import listing

SUFFIXES = ('.png', '.jpg', '.jpeg', '.jfif', '.jpe', '.bmp', '.webp', '.tif', '.tiff', '.gif')
FORMATS = ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF', 'GIF')  # as Pillow calls them

MAX_PIXELS = 1 << 26  # of one picture; the cameras that people carry have fewer

_GREY = ('1', 'L', 'LA', 'La', 'I', 'I;16', 'I;16B', 'I;16L', 'F')  # modes, as Pillow calls them
_WITH_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')
_ORIENTATION = 0x0112  # the tag of EXIF and TIFF
_PHOTOMETRIC = 262     # the tag of TIFF; 0: black is the largest value


def picture_files(folder):
    """The files directly in `folder` that are pictures by their names, sorted by name."""
    return _sort_out(folder)[0]


def _sort_out(folder):
    """Paths of the pictures and names of everything else, each sorted; hidden files are neither."""
    paths, others = [], []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith('.'):
            continue
        if os.path.isdir(path):
            others.append(name + '/')
        elif name.lower().endswith(SUFFIXES):
            paths.append(path)
        else:
            others.append(name)
    return paths, others


def _class_folders(folder):
    """Where a folder has no pictures, those of its sub-folders that do: {name: (pictures, names of all else)}."""
    if picture_files(folder):
        return {}
    found = ((name, os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if not name.startswith('.'))
    sorted_out = [(name, _sort_out(path)) for name, path in found if os.path.isdir(path)]
    return collections.OrderedDict((name, each) for name, each in sorted_out if each[0])


def present(folder, split):
    """Whether there are pictures in `folder`, or in its sub-folders; all of them are for training."""
    return split == 'train' and bool(picture_files(folder) or _class_folders(folder))


def load(folder, split, log, shape=None, background='black'):
    """Pictures -> images uint8 [N] + shape, labels int64 [N] or None, the files read, the classes' names.

    A shape (H, W, None) is that of grey images where all pictures are grey, else of three channels.

    Labels are the sub-folders that the pictures lie in, by name; those that lie directly in `folder` have none, and
    sub-folders beside them are left out.
    """
    del split
    if shape is None:
        raise UserError('--dataset=folder: expected a preset whose shape the pictures are resized to, found none')
    classes = _class_folders(folder)
    if not classes:
        images, paths = read_pictures(folder, shape, background, log)
        return images, None, paths, ()
    if len(classes) > MAX_CLASSES:
        raise UserError('{}: expected at most {:,} sub-folders of pictures, a class each, found {:,}'.format(
            folder, MAX_CLASSES, len(classes)))
    paths = [path for files, _ in classes.values() for path in files]
    others = [name for name in _sort_out(folder)[1] if name.rstrip('/') not in classes]
    others += [name + '/' + other for name, (_, left) in classes.items() for other in left]
    labels = np.repeat(np.arange(len(classes)), [len(files) for files, _ in classes.values()])
    images = _read(folder, paths, others, shape, background, log)
    return images, labels.astype(np.int64), paths, tuple(classes)


def picture_sizes(folder):
    """{path: (width, height)} of the pictures of a folder, upright, without reading their pixels.

    Raises UserError for a file that is no picture.
    """
    sizes = {}
    for path in picture_files(folder):
        with _opened(path) as opened:
            # Pillow turns the size of a TIFF itself.
            lies = opened.format != 'TIFF' and opened.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
            sizes[path] = opened.size[::-1] if lies else opened.size
    return sizes


def read_pictures(folder, shape, background='black', log=print):
    """Every picture of a folder -> uint8 [N, H, W, C], the files read.

    Each is turned upright, cropped about its centre to the shape's proportions and resized.
    Transparent parts are laid on `background`, values of more than 8 bits are scaled to 8,
    colours become grey for one channel. Whatever of this happened is logged, a line each.
    Raises UserError where there are none, or one is damaged or of unknown range.
    """
    paths, others = _sort_out(folder)
    if not paths:
        raise UserError('{}: expected pictures ({}), found {}'.format(
            folder, ', '.join(suffix[1:] for suffix in SUFFIXES), listing(others)))
    return _read(folder, paths, others, shape, background, log), paths


def _read(folder, paths, others, shape, background, log):
    """The pictures `paths` of a folder -> uint8 [N, H, W, C]. others: names of what is left out of it."""
    height, width, channels = shape
    channels = channels or _channels(folder, paths, log)
    shape = height, width, channels
    images = np.zeros((len(paths), height, width, channels), np.uint8)
    notes = _Notes(shape, background)
    unscaled = {}  # index: (lowest, highest, whether decimal) where only the whole folder tells the scale
    for index, path in enumerate(paths):
        with _opened(path, notes.warnings) as opened:
            if _scale(opened) is None:
                opened.load()  # here, for NumPy passes over what Pillow raises
                values = np.asarray(opened)
                unscaled[index] = values.min(), values.max(), opened.mode == 'F'
            else:
                images[index] = _fit(_decode(opened, notes), shape, background, notes)
    limits = {decimal: _common_scale(paths, unscaled, decimal, notes) for decimal in (False, True)}
    for index, (_, _, decimal) in unscaled.items():
        with _opened(paths[index]) as opened:
            images[index] = _fit(_decode(opened, notes, limits[decimal]), shape, background, notes)
    if others:
        log('{}: {} of {} files left out: {}'.format(folder, len(others), len(others) + len(paths), listing(others)))
    for line in notes.lines(len(paths)):
        log('{}: {}'.format(folder, line))
    return images


def _channels(folder, paths, log):
    """1 where the files of all pictures are grey, else 3."""
    for path in paths:
        with _opened(path) as opened:
            if opened.mode not in _GREY:
                return 3
    log('{}: all pictures are grey: images of 1 channel (--channels=3 makes them of 3)'.format(folder))
    return 1


def read_picture(path, channels, background='black'):
    """One picture as it is, neither cropped nor resized -> uint8 [H, W, channels]; UserError where it has no range."""
    with _opened(path) as opened:
        if _scale(opened) is None:
            raise UserError('{}: expected a picture of at most 16 bits a channel, found one of mode {}'.format(
                path, opened.mode))
        notes = _Notes((1, 1, channels), background)
        picture = _decode(opened, notes)
        return _fit(picture, picture.size[::-1] + (channels,), background, notes)


@functools.lru_cache()
def _formats():
    """Those of FORMATS that this Pillow was built with; WebP is one that may be missing."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@contextlib.contextmanager
def _opened(path, warned=None):
    """A picture, open; what Pillow warns of is counted in `warned`, for on standard error nobody knows the file."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            with Image.open(path, formats=_formats()) as opened:
                if opened.size[0] * opened.size[1] > MAX_PIXELS:
                    raise UserError('{}: expected at most {:,} pixels, found {} x {}'.format(
                        path, MAX_PIXELS, *opened.size))
                yield opened
        if warned is not None:
            warned.update({reason(warning.message) for warning in caught})
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise whatever the bytes provoke
        raise UserError('{}: expected a picture ({}), found: {}'.format(path, ', '.join(_formats()), reason(error)))


# ---------------------------------------------------------------------- more than 8 bits

def _raw_mode(opened):
    """How the values lie in the file ('L;2', 'I;16B' ...), as long as it has not been decoded."""
    arguments = opened.tile[0][3] if opened.tile else ''
    mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return mode if isinstance(mode, str) else ''


def _scale(opened):
    """The value that stands for white; None where the file does not tell."""
    if opened.mode == 'F' or opened.mode == 'I' and opened.format != 'PNG':
        return None
    if not opened.mode.startswith('I'):
        return 255
    # Old releases of Pillow call a PNG of 16 bits 'I', newer ones 'I;16'.
    return 4095 if _raw_mode(opened) == 'I;12' else 65535


def _common_scale(paths, unscaled, decimal, notes):
    """The value that stands for white in all pictures of integers, or of decimal numbers, of a folder."""
    indices = [index for index, found in unscaled.items() if found[2] == decimal]
    if not indices:
        return None
    lows, highs = [np.array([unscaled[index][end] for index in indices]) for end in (0, 1)]
    lowest, highest = lows.min(), highs.max()
    for limit in (1, 255, 65535) if decimal else (255, 65535):
        # Where the largest value is far below a limit, the limit is a guess that may turn all to black.
        if lowest >= 0 and (limit == 1 or highest == 0 or highest > limit / 16) and highest <= limit:
            notes.ranges.append('{} pictures of {} from {:g} to {:g}: 0 is taken as black, {} as white'.format(
                len(indices), 'decimal numbers' if decimal else '32-bit integers', lowest, highest, limit))
            return limit
    extreme = indices[highs.argmax() if lowest >= 0 else lows.argmin()]
    raise UserError('{}: expected values that reach from 0 to {}255 or 65535, found {:g} to {:g} in the {} pictures '
                    'of its kind'.format(paths[extreme], '1, ' if decimal else '', lowest, highest, len(indices)))


def _to_bytes(values, limit):
    """Values 0..limit -> uint8, rounded."""
    if values.dtype.kind == 'f':
        return np.rint(values * (255 / limit)).astype(np.uint8)
    return np.rint(np.arange(limit + 1) * (255 / limit)).astype(np.uint8)[values]


# -------------------------------------------------------------------------- one picture

def _decode(opened, notes, limit=None):
    """An opened picture, upright, with 8 bits a channel: L, RGB or, where parts may be transparent, RGBA."""
    notes.frames += bool(getattr(opened, 'is_animated', False))
    limit, raw = limit or _scale(opened), _raw_mode(opened)
    negative = opened.format == 'TIFF' and opened.tag_v2.get(_PHOTOMETRIC) == 0
    picture = ImageOps.exif_transpose(opened)
    if opened.mode[0] in 'IF':
        notes.deep += opened.mode[0] == 'I' and limit > 255
        values, key = np.asarray(picture), opened.info.get('transparency')
        grey = _to_bytes(values, limit)
        grey = Image.fromarray(255 - grey if negative else grey)
        if not isinstance(key, int):
            return grey
        picture = grey.convert('RGBA')
        picture.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
        return picture
    notes.deep += ';16' in raw
    if 'transparency' in picture.info:
        picture.info['transparency'] = _as_decoded(picture.info['transparency'], raw)
    elif picture.mode not in _WITH_ALPHA:
        return picture.convert('L' if picture.mode in ('1', 'L') else 'RGB')
    if picture.mode == 'La':  # which Pillow converts to nothing else
        picture = picture.convert('LA')
    return picture.convert('RGBA')


def _as_decoded(key, raw):
    """The colour that a PNG calls transparent, in the file's bits, as the decoded pixels have it."""
    if raw.endswith(';16B') and isinstance(key, tuple):  # Pillow keeps the upper bytes
        return tuple(value >> 8 for value in key)
    if isinstance(key, int):
        return {'1': min(key, 1) * 255, 'L;2': key * 85, 'L;4': key * 17}.get(raw, key)
    return key


def _fit(picture, shape, background, notes):
    """uint8 [H, W, C] of a picture in L, RGB or RGBA."""
    height, width, channels = shape
    if picture.mode == 'RGBA':
        notes.transparent += picture.getchannel('A').getextrema()[0] < 255
        ground = Image.new('RGBA', picture.size, BACKGROUNDS[background])
        ground.alpha_composite(picture)
        picture = ground.convert('RGB')
    if picture.mode == 'RGB' and channels == 1:
        pixels = np.asarray(picture)
        notes.coloured += bool((pixels[..., :2] != pixels[..., 1:]).any())
    if picture.size[0] * height != picture.size[1] * width:
        notes.cropped[picture.size] += 1
    notes.resized += picture.size != (width, height)
    fitted = ImageOps.fit(picture.convert('L' if channels == 1 else 'RGB'), (width, height), Image.LANCZOS)
    return np.asarray(fitted).reshape(shape)


class _Notes:
    """What was done to how many pictures."""

    def __init__(self, shape, background):
        self._shape, self._background = shape, background
        self.transparent = self.deep = self.frames = self.coloured = self.resized = 0
        self.cropped = collections.Counter()  # by size (width, height)
        self.warnings = collections.Counter()  # Pillow's, by text
        self.ranges = []

    def lines(self, total):
        """A line for each kind of thing that was done to some of `total` pictures."""
        def some(count, text):
            return ['{:,} of {:,} pictures {}'.format(count, total, text)] if count else []

        size = '{1}x{0}'.format(*self._shape)
        sizes = listing(['{}x{}'.format(*before) for before, _ in self.cropped.most_common()], 5)
        return (
            some(sum(self.cropped.values()), 'cropped about their centres to the proportions of {}, from {}'.format(
                size, sizes))
            + some(self.resized, 'resized to {}'.format(size))
            + some(self.transparent, 'with transparent parts, laid on {} (--background)'.format(self._background))
            + some(self.deep, 'with more than 8 bits a channel, scaled to 8')
            + some(self.frames, 'with several frames, of which the first is taken')
            + some(self.coloured, 'in colour, turned to grey')
            + [line for text, count in self.warnings.items() for line in some(count, 'with a warning: ' + text)]
            + self.ranges)
