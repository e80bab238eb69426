"""Tables of pixels, an image a line, as competitions publish MNIST and the like: label,pixel0,pixel1 ...

A column for each pixel, with or without a line of names, or one column `pixels` with all of them, separated by spaces.
Between columns there are commas, semicolons or tabs. Every file is untrusted input, and is read a line at a time.
"""

import collections
import csv
import math
import os
import re

import numpy as np
from tqdm import tqdm

from dcgan_tf1.data import cache, label_files
from dcgan_tf1.data.folders import is_for_training
from dcgan_tf1.data.picture_notes import Remarks, tell_if_nearly_black
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
_NUMBERS = frozenset(map(float, range(256)))
_LABELS = label_files.LABEL_COLUMNS + ('target', 'targets', 'y')  # usual names of the column
_PARTS = ('usage', 'split', 'subset')  # usual names of the column of parts
_UNNAMED = re.compile(r'Unnamed: \d+$')

_EMNIST = re.compile(r'emnist-[a-z]+-(train|test)\.csv$', re.I)  # which has columns where others have rows

# Which columns are what: what messages call them; whether the first line has their names; the index of the label's, or
# None; those of the pixels; the images' shape [H, W, 1 or 3]; whether they lie on their side; and the index of the
# column that says which part of the data set an image belongs to, if only those for training are taken, else None.
_Layout = collections.namedtuple('_Layout', 'names has_names label pixels shape on_side part')


def is_one(path):
    """Whether the first lines of a file are those of such a table."""
    try:
        return os.path.isfile(path) and path.lower().endswith(SUFFIX) and bool(_layout(path, DEFAULTS))
    except (OSError, UserError):
        return False


def load(path, log, reading=DEFAULTS):
    """The Loaded of a table: images [N, H, W, 1 or 3], squares, and their labels."""
    layout, notes = _layout(path, reading), Remarks(path, log)
    layout = _of_training(path, layout, notes.tell)
    texts = [label for _, label, _ in _rows(path, layout)]
    others = [name for index, name in enumerate(layout.names)
              if index not in layout.pixels + [layout.label, layout.part]]
    if layout.label == 0 and not layout.has_names and len(texts) > 1 and len(set(texts)) == 1:
        notes.tell('WARNING: the first column, taken for the label, is {} on every line; where the label is another '
                   'one, a first line has to name the columns'.format(listing(texts[:1])))
    if layout.label is None:
        notes.tell('no column of labels, so the images have none{}'.format(
            '; --label_column may name one of {}'.format(listing(others)) if others else ''))
    elif others:
        notes.tell('left out, of the columns: {}'.format(listing(others)))
    if layout.on_side:
        notes.tell("EMNIST's, whose images lie on their side in the file, turned upright")
    if layout.shape[2] == 3:
        notes.tell('pixels taken in the order of {0}x{0}x3, a red, a green and a blue value for each'.format(
            layout.shape[0]))
    images, digest = _images(path, layout, len(texts), reading, log)
    tell_if_nearly_black(images, notes.tell)
    labels, classes = None, ()
    if layout.label is not None and reading.labels:
        labels, classes = label_files.encode(texts, path)
        notes.tell(label_files.counts(labels, classes, 'the column ' + layout.names[layout.label]))
    elif layout.label is not None:
        notes.tell(label_files.WITHOUT)
    return Loaded(images, labels, [path], classes, tuple(notes), digest)


def _of_training(path, layout, tell):
    """The layout, with its column of parts only where that tells images for training from others; these are named."""
    if layout.part is None:
        return layout
    parts = collections.Counter(cells[layout.part].strip() for _, cells in _lines_of_images(path, layout))
    taken = [part for part in parts if is_for_training(part)]
    if not taken or len(taken) == len(parts):
        return layout._replace(part=None)
    tell('images with {} in the column {} are taken; left out: {}'.format(
        listing(taken), layout.names[layout.part], listing(
            ['{:,} of {}'.format(count, part) for part, count in parts.items() if part not in taken])))
    return layout


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

    if not cache.fits(count * int(np.prod(layout.shape)), reading, log):
        where = cache.place_of(path, layout.shape, reading, [stamp(path, os.path.basename(path))],
                               'without-{}'.format(layout.label)  # the column that the labels take from the pixels
                               + ('' if layout.part is None else '-by-{}'.format(layout.part)))
        images, _, digest = cache.load(where, count, fill, log, cache.check_of_all(count))
        return images, digest
    rows = InMemory(count, layout.shape)
    with tqdm(total=count, desc='reading', unit='image', disable=None, leave=False) as bar:
        fill(rows.write, bar)
    return rows.images, None


def _pixels(path, layout, number, cells):
    """The image of one line, uint8 [H, W, C]."""
    height, width, channels = layout.shape
    count = height * width * channels
    try:
        values = bytes(map(_VALUES.__getitem__, cells))
    except KeyError:  # written otherwise, or no pixels
        values = bytes(int(value) for value in map(_number, cells) if value in _NUMBERS)
    if not len(values) == len(cells) == count:
        wrong = next((cell for cell in cells if _number(cell) not in _NUMBERS), '{:,} of them'.format(len(cells)))
        raise UserError('{}, line {:,}: expected {:,} whole numbers from 0 to 255, found {!r:.60}{}'.format(
            path, number, count, wrong, '; multiply floats from 0 to 1 by 255' * (0 < _number(wrong) < 1)))
    image = np.frombuffer(values, np.uint8).reshape(layout.shape)
    return image.transpose(1, 0, 2) if layout.on_side else image


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return math.nan


# ------------------------------------------------------------------------------- the lines

def _text_lines(handle):
    for line in iter(lambda: handle.readline(_LONGEST), ''):
        if len(line) == _LONGEST:
            raise ValueError('a line of {:,} characters or more'.format(_LONGEST))
        yield line


def _lines(path):
    """Yields (its number, its cells) of each line that has some."""
    try:
        with open(path, encoding='utf-8-sig', newline='') as handle:
            first = handle.readline(_LONGEST)
            handle.seek(0)
            reader = csv.reader(_text_lines(handle), delimiter=max(',;\t', key=first.count))
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield reader.line_num, cells[:-1] if not cells[-1].strip() else cells  # a separator at the end
    except (ValueError, csv.Error) as error:
        raise UserError('{}: expected {}, found: {}'.format(path, EXPECTED, signatures.kind_of(path, ()) or error))


def _lines_of_images(path, layout):
    """Yields (the line's number, its cells) of each image."""
    lines = _lines(path)
    if layout.has_names:
        next(lines)
    for number, cells in lines:
        if len(cells) != len(layout.names):
            raise UserError('{}, line {:,}: expected {:,} values, found {:,}'.format(
                path, number, len(layout.names), len(cells)))
        yield number, cells


def _rows(path, layout):
    """Yields (the line's number, its label or None, the texts of its pixels) of each image that is taken."""
    for number, cells in _lines_of_images(path, layout):
        if layout.part is not None and not is_for_training(cells[layout.part].strip()):
            continue
        texts = [cells[index] for index in layout.pixels]
        yield (number, None if layout.label is None else cells[layout.label],
               texts[0].split() if len(texts) == 1 else texts)


# ----------------------------------------------------------------------- which columns are what

def _layout(path, reading):
    """The _Layout by the first two lines of a table; UserError where it is none of pixels."""
    first, second = ([cells for _, cells in zip(range(2), (cells for _, cells in _lines(path)))] + [[], []])[:2]
    has_names = _are_names(first)
    # numpy.savetxt puts # before names. A column without one, such as pandas's index, is called as pandas calls it.
    names = [name.strip().lstrip('# ') or 'Unnamed: {}'.format(index) if has_names else str(index + 1)
             for index, name in enumerate(first)]
    if reading.label_column is not None and not has_names:
        raise UserError('{}: expected a line of names (--label_column), found none'.format(path))
    named = label_files.choose_column(path, 'column', names, reading.label_column, _LABELS)
    label = None if named is None else names.index(named)
    together = label_files.find_column(names, (_TOGETHER,))
    if together is not None:
        pixels = [names.index(together)]
        ways = [(label, pixels, _shape(len(second[pixels[0]].split())) if len(second) == len(names) else None)]
    else:
        ways = [way + (_shape(len(way[1])),) for way in _ways(first, names if has_names else None, label)]
    ways = [way for way in ways if way[-1] is not None]
    if not ways:
        count = '{:,} column{}'.format(len(first), '' if len(first) == 1 else 's')
        raise UserError('{}: expected {}, as many as a square has, found {}'.format(
            path, EXPECTED, signatures.kind_of(path, ()) or '{}: {:.200}'.format(count, listing(first, 4))))
    part = label_files.find_column(names, _PARTS) if has_names else None
    label, pixels, shape = ways[0]
    return _Layout(names, has_names, label, pixels, shape, bool(_EMNIST.match(os.path.basename(path))),
                   None if part is None or names.index(part) in pixels + [label] else names.index(part))


def _ways(first, names, label):
    """Yields (label, pixels), which columns may be them, the likeliest first. names: None where there are none.

    label: that of a usual name, or asked for; None for none.
    """
    every = [index for index in range(len(first)) if names is None or not _UNNAMED.match(names[index])]
    if label is None and (names is None or all(_is_number(names[index]) for index in every)):
        # Without names, or with numbers for them, the label comes first, unless the last is the one that is a text.
        texts = [index for index in every if names is None and not _is_number(first[index])]
        if not texts:
            yield None, every
        for at in texts if len(texts) == 1 else every[:1]:
            yield at, [index for index in every if index != at]
        return
    yield label, [index for index in every if index != label and re.search(r'\d$', names[index])]
    if label is not None:
        yield label, [index for index in every if index != label]  # pixels of any names


def _is_number(cell):
    return not math.isnan(_number(cell))


def _are_names(cells):
    """Whether a first line names the columns.

    Numbers do if they count up from 0 or 1, as pandas writes them, or can't be pixel values. The label's cell, at one
    of the ends, may be a text.
    """
    for inner in (cells, cells[1:], cells[:-1]):
        numbers = list(map(_number, inner))
        if inner and all(number % 1 == 0 for number in numbers):
            return len(inner) > 1 and any(numbers == list(range(start, start + len(inner))) for start in (0, 1))
    return not all(_number(cell) % 1 == 0 for cell in cells if cell.strip())  # integers with gaps are an image


def _shape(count):
    """[H, W, C] of square images of so many values; None where no square has as many."""
    for channels in (1, 3):
        side = int(round(math.sqrt(max(0, count) / channels)))
        if side >= _SIDE and side * side * channels == count:
            return side, side, channels
    return None
