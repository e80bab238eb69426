"""The names of classes over the columns of a picture, drawn by Matplotlib."""

import functools
import importlib
import io

import numpy as np
from PIL import Image

from dcgan_tf1.util.figure_style import figure_bytes, new_figure, own_style, plain

_DPI = 100
MAX_LETTERS, _END = 24, 9  # of a name, and of the end of one that is cut


def short_names(names):
    """The names of classes as they stand over columns: in one line that is not too long.

    One that is too long is cut in the middle, for many differ at their end. A name with
    letters that Matplotlib's font lacks is replaced by the class's number.
    """
    shapes = _shapes()
    joined = [' '.join(name.split()) for name in names]
    return ['#{}'.format(number) if any(ord(letter) not in shapes for letter in name if letter.isprintable())
            else name if len(name) <= MAX_LETTERS
            else name[:MAX_LETTERS - _END - 1] + '\N{HORIZONTAL ELLIPSIS}' + name[-_END:]
            for number, name in enumerate(joined)]


@functools.lru_cache(maxsize=None)
@own_style()
def _shapes():
    """The letters that the font of our figures has a shape for."""
    fonts = importlib.import_module('matplotlib.font_manager')
    return frozenset(fonts.get_font(fonts.findfont('DejaVu Sans')).get_charmap())


@own_style()
def column_heads(names, width):
    """Names to be put over columns of images: uint8 [H, len(names) * width, 1], black on white.

    width: of a column, in pixels. Where one of them is wider than its column, all of them are turned upwards. One of
    more than MAX_LETTERS is cut.
    """
    half = 0.5  # of a pixel, or rounding might make one too few of them
    wide = len(names) * width + half
    figure = new_figure(wide / _DPI, 1)
    figure.set_dpi(_DPI)
    renderer = importlib.import_module('matplotlib.backends.backend_agg').FigureCanvasAgg(figure).get_renderer()
    texts = [figure.text((index + 0.5) * width / wide, 0, plain(name), fontsize=7, ha='center', va='bottom')
             for index, name in enumerate(short_names(names))]
    if max(text.get_window_extent(renderer).width for text in texts) > width - 2:
        for text in texts:
            text.set_rotation(90)
    high = int(max(text.get_window_extent(renderer).height for text in texts)) + 4 + half
    figure.set_size_inches(wide / _DPI, high / _DPI)
    for text in texts:
        text.set_y(2 / high)
    with Image.open(io.BytesIO(figure_bytes(figure, _DPI))) as picture:
        return np.asarray(picture.convert('L'))[..., np.newaxis]
