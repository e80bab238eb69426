"""Which value of a picture with more than 8 bits a channel stands for white, and the same picture with 8."""

import numpy as np

from dcgan_tf1.util.errors import UserError


def raw_mode(opened):
    """How the values lie in the file ('L;2', 'I;16B' ...), as long as it has not been decoded; '' without a file."""
    tiles = getattr(opened, 'tile', None)
    arguments = tiles[0][3] if tiles else ''
    mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return mode if isinstance(mode, str) else ''


def scale(opened):
    """The value that stands for white; None where the file does not tell."""
    if opened.mode == 'F' or opened.mode == 'I' and opened.format not in ('PNG', 'PPM'):
        return None
    if not opened.mode.startswith('I'):
        return 255
    # Old releases of Pillow call a PNG of 16 bits 'I', newer ones 'I;16'.
    return 4095 if raw_mode(opened) == 'I;12' else 65535


def common_scale(names, unscaled, decimal, notes):
    """The value that stands for white in all pictures of integers, or of decimal numbers, of a folder."""
    indices = [index for index, extrema in unscaled.items() if extrema[2] == decimal]
    if not indices:
        return None
    lows, highs = [np.array([unscaled[index][end] for index in indices]) for end in (0, 1)]
    lowest, highest = lows.min(), highs.max()
    for limit in (1, 255, 65535) if decimal else (255, 65535):
        # Where the largest value is far below a limit, the limit is a guess that may turn all to black.
        if lowest >= 0 and (limit == 1 or highest == 0 or highest > limit / 16) and highest <= limit:
            notes.ranges.append('{:,} picture{} of {} from {:g} to {:g}: 0 is taken as black, {} as white'.format(
                len(indices), 's' * (len(indices) > 1), 'decimal numbers' if decimal else '32-bit integers', lowest,
                highest, limit))
            return limit
    extreme = indices[highs.argmax() if lowest >= 0 else lows.argmin()]
    raise UserError('{}: expected values that reach from 0 to {}255 or 65535, found {:g} to {:g} in the {} pictures '
                    'of its kind'.format(names[extreme], '1, ' if decimal else '', lowest, highest, len(indices)))


def to_bytes(values, limit):
    """Values 0..limit -> uint8, rounded."""
    if values.dtype.kind == 'f':
        return np.rint(values * (255 / limit)).astype(np.uint8)
    return np.rint(np.arange(limit + 1) * (255 / limit)).astype(np.uint8)[values]
