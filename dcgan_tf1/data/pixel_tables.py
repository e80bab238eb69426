"""Tables of pixels, an image a line, as competitions publish MNIST and the like: label,pixel0,pixel1 ...

A column for each pixel, with or without a line of names, or one column `pixels` with all of them, separated by spaces.
Every file is untrusted input, and is read a line at a time.
"""

import collections
import csv
import math
import os
import re

import numpy as np
from tqdm import tqdm

from dcgan_tf1.data import cache, label_files
from dcgan_tf1.data.picture_notes import Remarks, is_nearly_black, nearly_black
from dcgan_tf1.data.pictures import InMemory
from dcgan_tf1.data.reading import DEFAULTS, Loaded
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing, stamp

SUFFIX = '.csv'
EXPECTED = 'a .csv with a label and the pixels of an image on each line'
_TOGETHER = 'pixels'  # the name of the column that has all of them
_SIDE = 8  # of an image, at least: narrower tables are of something else
_LONGEST = 1 << 22  # characters of a line
_BLOCK = 256  # images that are handed on at once
_VALUES = {str(value): value for value in range(256)}  # much quicker than to parse each number

# Which columns are what: the names of all of them, () where the table names none, and how many they are; the index of
# the label's, or None; those of the pixels; the images' shape [H, W, 1 or 3].
_Layout = collections.namedtuple('_Layout', 'names count label pixels shape')


def is_one(path):
    """Whether the first lines of a file are those of such a table."""
    try:
        return os.path.isfile(path) and path.lower().endswith(SUFFIX) and bool(_layout(path, DEFAULTS))
    except (OSError, UserError):
        return False


def load(path, log, reading=DEFAULTS):
    """The Loaded of a table: images [N, H, W, 1 or 3], squares, and their labels."""
    layout, notes = _layout(path, reading), Remarks(path, log)
    texts = [label for _, label, _ in _rows(path, layout)]
    others = [name for index, name in enumerate(layout.names) if index not in layout.pixels + [layout.label]]
    if layout.label is None:
        notes.tell('no column of labels, so the images have none{}'.format(
            '; --label_column may name one of {}'.format(listing(others)) if others else ''))
    elif others:
        notes.tell('left out, of the columns: {}'.format(listing(others)))
    if layout.shape[2] == 3:
        notes.tell('pixels taken in the order of {0}x{0}x3, a red, a green and a blue value for each'.format(
            layout.shape[0]))
    images, digest = _images(path, layout, len(texts), reading, log)
    if is_nearly_black(images):
        notes.tell(nearly_black())
    labels, classes = None, ()
    if layout.label is not None and reading.labels:
        labels, classes = label_files.encode(texts, path)
        notes.tell(label_files.counts(labels, classes, 'the column {}'.format(
            layout.names[layout.label] if layout.names else layout.label + 1)))
    elif layout.label is not None:
        notes.tell(label_files.WITHOUT)
    return Loaded(images, labels, [path], classes, tuple(notes), digest)


def _images(path, layout, count, reading, log):
    """(the images uint8 [count, H, W, C]; hashlib's SHA-256 of them, where it is known already)."""
    if not count:
        raise UserError('{}: expected a line for each image, found none'.format(path))

    def fill(write, bar):
        block = []
        for row, (number, _, cells) in enumerate(_rows(path, layout), 1):
            block.append(_pixels(path, layout, number, cells))
            if len(block) == _BLOCK or row == count:
                write(row - len(block), np.array(block))
                bar.update(len(block))
                block = []
        return {}

    def check(_, found):
        if found != count:
            raise ValueError('{:,} images of {:,}'.format(found, count))

    if count * int(np.prod(layout.shape)) > cache.limit(reading):
        where = cache.place_of(path, layout.shape, reading, [stamp(path, os.path.basename(path))],
                               'without-{}'.format(layout.label))  # the column that the labels take from the pixels
        images, _, digest = cache.load(where, count, fill, log, check)
        return images, digest
    rows = InMemory(count, layout.shape)
    with tqdm(total=count, desc='reading', unit='image', disable=None, leave=False) as bar:
        fill(rows.write, bar)
    return rows.images, None


def _pixels(path, layout, number, cells):
    """The image of one line, uint8 [H, W, C]."""
    count = int(np.prod(layout.shape))
    try:
        values = bytes(map(_VALUES.__getitem__, cells))
    except KeyError:  # written otherwise, or no pixels
        values = bytes(int(_number(cell)) for cell in cells if _number(cell) in range(256))
    if len(values) != count:
        wrong = next((cell for cell in cells if _number(cell) not in range(256)), '{:,} of them'.format(len(cells)))
        raise UserError('{}, line {:,}: expected {:,} whole numbers from 0 to 255, found {!r:.60}{}'.format(
            path, number, count, wrong, '; of floats from 0 to 1, 255 times as much' * (0 < _number(wrong) < 1)))
    return np.frombuffer(values, np.uint8).reshape(layout.shape)


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _lines(path):
    """Yields (its number, its cells) of each line that has some."""
    try:
        with open(path, encoding='utf-8-sig', newline='') as handle:
            reader = csv.reader(iter(lambda: handle.readline(_LONGEST), ''))
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield reader.line_num, cells
    except (ValueError, csv.Error) as error:
        raise UserError('{}: expected {}, found: {}'.format(path, EXPECTED, signatures.kind_of(path, ()) or error))


def _rows(path, layout):
    """Yields (the line's number, its label or None, the texts of its pixels) of each image."""
    lines = _lines(path)
    if layout.names:
        next(lines)
    for number, cells in lines:
        if len(cells) != layout.count:
            raise UserError('{}, line {:,}: expected {:,} values, found {:,}'.format(
                path, number, layout.count, len(cells)))
        texts = [cells[index] for index in layout.pixels]
        yield (number, None if layout.label is None else cells[layout.label],
               texts[0].split() if len(texts) == 1 else texts)


def _layout(path, reading):
    """The _Layout by the first two lines of a table; UserError where it is none of pixels."""
    lines = [cells for _, cells in zip(range(2), (cells for _, cells in _lines(path)))] + [[], []]
    names = () if all(_number(cell) % 1 == 0 for cell in lines[0]) else tuple(map(str.strip, lines[0]))
    count, label = len(lines[0]), None
    column = label_files.choose_column(path, 'column', names, reading.label_column)
    if column is not None:
        label = names.index(column)
    if _TOGETHER in names:
        pixels = [names.index(_TOGETHER)]
        shape = _shape(len(lines[1][pixels[0]].split())) if len(lines[1]) == count else None
        return _checked(path, _Layout(names, count, label, pixels, shape), lines[0])
    pixels = [index for index in range(count) if index != label]
    if label is not None:  # beside which there may be an id, or the like
        pixels = [index for index in pixels if re.search(r'\d$', names[index])]
    elif _shape(count) is None and _shape(count - 1):
        label = pixels.pop(0)  # where tables that name no columns have it
    return _checked(path, _Layout(names, count, label, pixels, _shape(len(pixels))), lines[0])


def _checked(path, layout, first):
    if layout.shape is None:
        raise UserError('{}: expected {}, as many as a square has, found {}'.format(
            path, EXPECTED, signatures.kind_of(path, ()) or '{:,} columns: {}'.format(
                layout.count, listing(first, 4))))
    return layout


def _shape(count):
    """[H, W, C] of square images of so many values; None where no square has as many."""
    for channels in (1, 3):
        side = int(round(math.sqrt(max(0, count) / channels)))
        if side >= _SIDE and side * side * channels == count:
            return side, side, channels
    return None
