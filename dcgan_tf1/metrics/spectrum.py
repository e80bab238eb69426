"""The spectrum of images, and the checkerboard that transposed convolutions leave in it."""

import numpy as np

BLOCK, BLOCK_PIXELS = 500, 1 << 21  # images transformed at a time, at most, and their pixels
MIN_SIDE = 16  # pixels; in fewer, the neighbourhood of a frequency is not apart from it
NEIGHBOURHOOD = (1 / 8, 3 / 16)  # of a frequency: the distances, in cycles a pixel, that its edges lie at

# In cycles a pixel, vertical and horizontal: what repeats every second row, column, or both.
CHECKERBOARD = ((1 / 2, 0), (0, 1 / 2), (1 / 2, 1 / 2))


def mean_spectrum(images_uint8):
    """The mean power spectrum of uint8 [N, H, W, C], over images and channels: float64 [H, W], ordered as by fft2.

    Each image is taken without its mean and faded out towards its edges (a Hann window), since opposite edges that
    do not meet would put power on the axes, at all frequencies.
    """
    _, height, width, channels = images_uint8.shape
    window, total = _window(height, width), np.zeros((height, width))
    count = max(1, min(BLOCK, BLOCK_PIXELS // (height * width)))
    for first in range(0, len(images_uint8), count):
        part = images_uint8[first:first + count].astype(np.float64)
        part -= part.mean(axis=(1, 2), keepdims=True)
        waves = np.fft.fft2(part * window[..., np.newaxis], axes=(1, 2))
        total += (waves.real ** 2 + waves.imag ** 2).sum(axis=(0, 3))
    return total / (len(images_uint8) * channels)


def _window(height, width):
    one, other = [np.sin(np.pi * np.arange(side) / side) ** 2 for side in (height, width)]
    return np.outer(one, other)


def checkerboard(images_uint8):
    """How far the spectrum stands out at the checkerboard's frequencies, in decibels; None for very small images.

    The mean, over the three frequencies of CHECKERBOARD, of 10 log10 of the power there over that around it
    (NEIGHBOURHOOD, the geometric mean). White noise has 0. A spectrum that falls towards the highest frequencies,
    steeply as that of smooth images or gently as that of sharp ones, has less; what repeats every two pixels has
    more. Contrast changes nothing. Source of the artefact, though not of this measure of it: Odena et al., 2016,
    https://distill.pub/2016/deconv-checkerboard/.
    """
    height, width = [side - side % 2 for side in images_uint8.shape[1:3]]  # of an odd side, the last pixel is left out
    if min(height, width) < MIN_SIDE:
        return None
    # With the power that rounding to bytes adds everywhere, 1/12 a pixel, images without contrast have 0.
    power = mean_spectrum(images_uint8[:, :height, :width]) + (_window(height, width) ** 2).sum() / 12
    decibels = 10 * np.log10(power)
    rows, columns = np.fft.fftfreq(height)[:, np.newaxis], np.fft.fftfreq(width)
    low, high = NEIGHBOURHOOD
    heights = []
    for row, column in CHECKERBOARD:
        distance = np.maximum(_distance(rows, row), _distance(columns, column))
        around = decibels[(low <= distance) & (distance <= high)]
        heights.append(decibels[int(row * height), int(column * width)] - around.mean())
    return float(np.mean(heights))


def _distance(frequencies, frequency):
    """How far frequencies are from one, which come again every whole cycle."""
    apart = np.abs(frequencies - frequency)
    return np.minimum(apart, 1 - apart)
