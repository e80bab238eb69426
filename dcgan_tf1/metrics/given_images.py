"""Images to be measured that were made elsewhere: a folder of pictures, or an .npz.

The range of their values, and whether a picture is one image or a grid of them, is told from the files, or
asked for where it can't be.
"""

import dataclasses
import os

import numpy as np

from dcgan_tf1.data import npz, pictures
from dcgan_tf1.data.reading import DEFAULTS
from dcgan_tf1.runs.sample_inputs import as_labels, described
from dcgan_tf1.util import images
from dcgan_tf1.util.errors import UserError

MAX_BYTES = 1 << 34  # of the array in an .npz, which is in memory while it becomes bytes
TOLERANCE = 1e-3  # of a range, by which a generator's values may lie outside
DARK = 128  # no set of real or generated images in 0..255 stays below it


def read(path, preset, value_range=None, tiles=None, reading=DEFAULTS, log=print, choose=None):
    """uint8 [N] + preset.image_shape of a folder of pictures, or of the array `images` of an .npz.

    Args:
      value_range: (low, high), black and white of the .npz; None to find it out.
      tiles: whether pictures are grids to be cut up; None to refuse what may be grids.
      reading: how pictures are cropped and resized, what transparent ones are laid on, and whether damaged ones are
        left out.
      choose: of a folder of pictures that are one image each, as pictures.read_pictures() takes it.

    Raises UserError where that can't be told, or where values are outside of the range.
    """
    if os.path.isdir(path):
        if value_range is not None:
            raise UserError('--images_range: expected an .npz as --images, found the folder {}'.format(path))
        return _pictures(path, preset.image_shape, tiles, reading, log, choose)
    if tiles is not None:
        raise UserError('--tiles: expected a folder of pictures as --images, found {}'.format(path))
    array = npz.read_array(path, 'images', max_bytes=MAX_BYTES)
    if array.ndim == 3 and preset.image_shape[2] == 1:
        array = array[..., np.newaxis]
    if array.shape[1:] != preset.image_shape:
        raise UserError('{}: expected images [N, {}], found {}'.format(
            path, ', '.join(map(str, preset.image_shape)), list(array.shape)))
    return to_bytes(array, path, preset.image_range, value_range, log) if len(array) else array.astype(np.uint8)


def has_labels(path):
    """Whether --images is an .npz with an array `labels`."""
    return not os.path.isdir(path) and 'labels' in npz.names(path)


def labels_in(path, count, classes, log=print):
    """int32 [count]: the classes, from 0 to `classes` - 1, that the array `labels` of an .npz says its images are of.

    None, with a line that says so, where it has no such array (as `dcgan-sample --npz` writes it), or it is a folder.
    """
    why = 'no labels'
    if has_labels(path):
        try:
            labels = npz.read_array(path, 'labels', 'biufUS')
            converted = as_labels(labels[:, 0] if labels.shape == (count, 1) else labels, classes)
            if converted is not None and converted.shape == (count,):
                return converted
            what = described(labels)
        except UserError as error:
            what = str(error)
        why = 'labels that are no integers [{}] from 0 to {} ({})'.format(count, classes - 1, what)
    log('{}: these images have {}; they are measured without class accuracy'.format(path, why))
    return None


# --------------------------------------------------------------------------------- values

def to_bytes(array, path, preset_range, value_range=None, log=print):
    """An array of numbers as uint8, from `value_range` or else the range that its type and values suggest."""
    if not np.isfinite(array).all():
        raise UserError('{}: expected finite values, found {} that are not'.format(
            path, int((~np.isfinite(array)).sum())))
    low, high = (float(array.min()), float(array.max()))
    span = '{} values from {:.6g} to {:.6g}'.format(array.dtype, low, high)
    if value_range is not None:
        if not _within(low, high, value_range):
            raise UserError('{}: expected values from {:g} to {:g} (--images_range), found {}'.format(
                path, value_range[0], value_range[1], span))
    else:
        value_range = _range_of(array.dtype, low, high, preset_range)
        if value_range is None:
            raise UserError('{}: expected integers from 0 to 255, or floats from -1 to 1, from 0 to 1 or from 0 to '
                            '255, found {}; --images_range=LOW,HIGH says what is black and what is white'.format(
                                path, span))
        if array.dtype.kind == 'f' and value_range != tuple(preset_range):
            log('{}: {}, taken to be in [{:g}, {:g}] (--images_range=LOW,HIGH says otherwise)'.format(
                path, span, *value_range))
    if array.dtype == np.uint8 and value_range != (0, 255):
        array = array.astype(np.float32)
    return images.to_uint8(array, value_range)


def _within(low, high, value_range):
    slack = TOLERANCE * (value_range[1] - value_range[0])
    return value_range[0] - slack <= low and high <= value_range[1] + slack


def _range_of(dtype, low, high, preset_range):
    """(black, white) of values of this type from `low` to `high`; None where that can't be told."""
    if dtype.kind == 'b':
        return 0, 1
    if dtype.kind in 'iu':
        # From 0 to 1 they may be bits, or floats that were cut off.
        return (0, 255) if low >= 0 and high <= 255 and (high == 0 or high >= (2 if dtype == np.uint8 else DARK)) \
            else None
    if _within(low, high, (0, 1)):
        # Images in [-1, 1] have something darker than the middle grey.
        return 0, 1
    if _within(low, high, preset_range):
        return tuple(preset_range)
    if _within(low, high, (-1, 1)):
        return -1, 1
    return (0, 255) if _within(low, high, (0, 255)) and high >= DARK else None


# ------------------------------------------------------------------------------- pictures

def _pictures(folder, shape, tiles, reading, log, choose):
    given = ['--' + field.name for field in dataclasses.fields(reading)
             if field.name != 'background' and getattr(reading, field.name) != getattr(DEFAULTS, field.name)]
    if tiles and given:
        raise UserError('--tiles: expected no {0} beside it, for grids are only cut up, found {0}'.format(
            ' and '.join(given)))
    sizes = pictures.picture_sizes(folder, reading.skip_damaged)
    height, width, channels = shape
    grids = [path for path, size in sizes.items() if size != (width, height) and _is_grid(size, shape)]
    if tiles:
        others = [path for path, size in sizes.items() if not _is_grid(size, shape)]
        if others:
            raise UserError('{}: expected a grid of images of {}x{} for --tiles, found {}x{}'.format(
                others[0], width, height, *sizes[others[0]]))
        for line in pictures.left_out(pictures.beside(folder, sizes), len(sizes)):
            log('{}: {}'.format(folder, line))
        return _cut(sizes, shape, reading.background, log)
    if grids and tiles is None:
        raise UserError('{}: expected one image of {}x{} in each picture, found {:,} of {:,} that may be grids '
                        '({}); --tiles cuts them up, --notiles takes each for one image'.format(
                            folder, width, height, len(grids), len(sizes), _some(sizes[path] for path in grids)))
    return pictures.read_pictures(folder, shape, reading, log, choose)[0]


def _is_grid(size, shape):
    """Whether (width, height) is a whole multiple of an image's (H, W, C)."""
    return size[0] % shape[1] == 0 and size[1] % shape[0] == 0


def _some(sizes):
    """Sizes for people, each once, no more than three."""
    unique = sorted(set(sizes))
    return ', '.join('{}x{}'.format(*size) for size in unique[:3]) + (' ...' if len(unique) > 3 else '')


def _cut(sizes, shape, background, log):
    """The images of grids, row by row, without the black cells that fill up a last row."""
    height, width, channels = shape
    kept, dropped = [], 0
    for path in sizes:
        picture = pictures.read_picture(path, channels, background)
        rows, columns = picture.shape[0] // height, picture.shape[1] // width
        cells = picture.reshape(rows, height, columns, width, channels).transpose(0, 2, 1, 3, 4)
        cells = cells.reshape(-1, height, width, channels)
        count = len(cells)
        while count > (rows - 1) * columns + 1 and not cells[count - 1].any():
            count -= 1
        dropped += len(cells) - count
        kept.append(cells[:count])
    result = np.concatenate(kept) if kept else np.zeros((0, height, width, channels), np.uint8)
    log('{:,} images of {}x{} cut out of {:,} pictures ({}){}'.format(
        len(result), width, height, len(sizes), _some(sizes.values()),
        ', without {:,} black cells at the end of a last row'.format(dropped) if dropped else ''))
    return result
