"""Images in a preset's range -> bytes, grids, and PNG, JPEG and GIF files."""

import io
import math

import numpy as np
from PIL import Image

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_bytes

MAX_FRAMES = 200  # of an animation
MAX_JPEG = 65500  # pixels along a side that the encoder takes
# Pixels of such a frame, and of all of them: they are held while they are written, and pages of a report carry them.
MAX_FRAME_PIXELS, MAX_ANIMATION_PIXELS = 1 << 19, 1 << 26
MAX_COLUMNS = 50  # of classes that a picture shows
_AT_ONCE = 1 << 22  # values that are made bytes of


def to_uint8(images, image_range):
    """Float images in `image_range` (low, high) -> uint8, any shape.

    Values outside are clipped first, then rounded to the nearest of 256 levels; `low`
    becomes 0, `high` 255. uint8 images are returned as they are. Raises ValueError for values
    that are not finite.
    """
    if np.asarray(images).dtype == np.uint8:
        return images
    low, high = image_range
    values = np.asarray(images).reshape(-1)
    pixels, wrong = np.empty(values.shape, np.uint8), 0
    for first in range(0, values.size, _AT_ONCE):
        some = values[first:first + _AT_ONCE].astype(np.float32)
        wrong += int((~np.isfinite(some)).sum())
        if not wrong:
            pixels[first:first + _AT_ONCE] = np.rint((np.clip(some, low, high) - low) * (255 / (high - low)))
    if wrong:
        raise ValueError('expected finite images, found {} values that are not'.format(wrong))
    return pixels.reshape(np.shape(images))


def grid(images, columns):
    """uint8 [N, H, W, C] -> one picture [rows * H, columns * W, C]; the cells left over are black."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:count] = images
    cells = cells.reshape(rows, columns, height, width, channels)
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def _pillow(picture):
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def png_bytes(picture):
    """uint8 [H, W, 1 or 3] -> the bytes of a PNG file."""
    stream = io.BytesIO()
    _pillow(picture).save(stream, 'PNG')
    return stream.getvalue()


def save_picture(path, picture):
    """Writes uint8 [H, W, 1 or 3] in the format of the extension: JPEG, else PNG."""
    check_size(path, picture.shape[:2])
    write_bytes(path, _jpeg_bytes(_pillow(picture)) if _is_jpeg(path) else png_bytes(picture))


def check_size(path, shape):
    """UserError where a picture of [H, W] is too large for the format that the extension of `path` stands for."""
    if _is_jpeg(path) and max(shape) > MAX_JPEG:
        raise UserError('{}: expected at most {:,} pixels along a side of a JPEG picture, found {:,} x {:,}; name it '
                        '.png'.format(path, MAX_JPEG, shape[1], shape[0]))


def _is_jpeg(path):
    return path.lower().endswith(('.jpg', '.jpeg'))


def _jpeg_bytes(picture):
    stream = io.BytesIO()
    # Without chroma subsampling: samples are small, and so are a figure's letters.
    picture.convert('L' if picture.mode == 'L' else 'RGB').save(stream, 'JPEG', quality=95, subsampling=0)
    return stream.getvalue()


def encode_as_named(path, png):
    """The bytes of a PNG file -> those of the format that the extension of `path` stands for: JPEG, else PNG."""
    if not _is_jpeg(path):
        return png
    with Image.open(io.BytesIO(png)) as picture:
        return _jpeg_bytes(picture)


def save_png(path, picture):
    """Writes uint8 [H, W, 1 or 3] as a PNG file, whole or not at all."""
    write_bytes(path, png_bytes(picture))


def square(count):
    """How many of so many images stand in a row of a square of them."""
    return math.ceil(math.sqrt(count))


def double(picture):
    """uint8 [H, W, C] with each pixel as four: samples are small."""
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def with_heads(picture, heads):
    """A picture, uint8 [H, W, C], under the heads of its columns, uint8 [H, W, 1]."""
    return np.concatenate([np.repeat(heads, picture.shape[-1], axis=-1), picture])


def gif_bytes(rows, columns=None, heads=None):
    """(the bytes of an animated GIF, the number of its frames) of rows of samples, (step, uint8 [N, H, W, C]).

    Of more rows than MAX_FRAMES and MAX_ANIMATION_PIXELS allow, evenly spaced ones are taken, among them the last one,
    which is shown longest; of more images than MAX_FRAME_PIXELS allow, those at the top left.

    Args:
      rows: a sequence, of which one is taken at a time.
      columns: images in a row of each frame; None for a square.
      heads: function(number of columns, width of each) -> what stands over them, uint8 [H, columns * width, 1];
        with heads, rows are left out before columns. None for no heads.
    """
    count, height, width, _ = rows[-1][1].shape
    columns = columns or square(count)
    max_images = max(1, MAX_FRAME_PIXELS // (height * width))
    lines, shown = -(-count // columns), min(columns, MAX_COLUMNS if heads else columns)
    if lines * shown > max_images:
        shown = min(shown, max_images if heads else int(math.sqrt(max_images)))
        lines = min(lines, max_images // shown)
    scale = 2 if 4 * lines * shown * height * width <= MAX_FRAME_PIXELS else 1
    pixels = lines * shown * height * width * scale ** 2
    rows, _ = subsample(rows, max(1, min(MAX_FRAMES, MAX_ANIMATION_PIXELS // pixels)))
    head = heads and heads(shown, scale * width)

    def frame(images):
        picture = grid(images, columns)[:lines * height, :shown * width]
        picture = double(picture) if scale == 2 else picture
        return picture if head is None else with_heads(picture, head)

    return frames_as_gif((frame(images) for _, images in rows), [200] * (len(rows) - 1) + [2000]), len(rows)


def frames_as_gif(frames, milliseconds):
    """The bytes of a looping GIF of frames, uint8 [H, W, 1 or 3]; milliseconds: how long each of them is shown."""
    # All grey frames get the same palette of all levels: Pillow's own, one per frame, get mixed up in some animations.
    pictures, stream = (_pillow(frame).convert('P') if frame.shape[-1] == 1 else _pillow(frame)
                        for frame in frames), io.BytesIO()
    next(pictures).save(stream, 'GIF', save_all=True, append_images=pictures, loop=0, duration=milliseconds,
                        optimize=False)
    return stream.getvalue()


def subsample(rows, max_rows):
    """(at most `max_rows` of the rows, evenly spaced and with the last one; how many rows each stands for)."""
    every = max(1, -(-len(rows) // max_rows))
    return rows[(len(rows) - 1) % every::every], every
