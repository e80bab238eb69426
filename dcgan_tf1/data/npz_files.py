"""The user's own arrays in an .npz, or in .npy files, under the names that Keras or MedMNIST gives them, or `images`.

Tables of pixels are arrays, too; see pixel_tables.py.

Every file is untrusted input; see npz.py.
"""

import os

import numpy as np

from dcgan_tf1.data import cache, folders, label_files, npz, pixel_tables
from dcgan_tf1.data.catalogue import MAX_CLASSES
from dcgan_tf1.data.picture_notes import Remarks, tell_if_nearly_black
from dcgan_tf1.data.reading import DEFAULTS, Loaded
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing, stamp

EXPECTED = ('one .npz file with x_train and y_train, train_images and train_labels, images and labels, or the like '
            '(docs/data.md); or .npy files of these names, or one of any; or ' + pixel_tables.EXPECTED)
_LABELS = 'labels', 'label', 'y', 'Y', 'target', 'targets'
# How the arrays are called: {split: (the images, and what their labels may be)}. Keras's names, MedMNIST's, those of
# many a script, and what numpy.savez(file, images, labels) makes.
_FAMILIES = (
    {'train': ('x_train', 'y_train'), 'test': ('x_test', 'y_test')},
    {'train': ('train_images', 'train_labels'), 'test': ('test_images', 'test_labels')},
    {'train': ('images',) + _LABELS},
    {'train': ('X_train', 'y_train', 'Y_train'), 'test': ('X_test', 'y_test', 'Y_test')},
    {'train': ('X',) + _LABELS},
    {'train': ('image',) + _LABELS},
    {'train': ('data',) + _LABELS},
    {'train': ('arr_0', 'arr_1')},
)
_CLASSES = ('classes', 'class_names')
_TEXTS = 'US'  # NumPy's kinds of them
SUFFIXES = '.npz', '.npy', pixel_tables.SUFFIX


def _files(place):
    """What a path stands for: a file for itself; a folder for its .npz, else its .npy files, else its pixel tables.

    A folder of several .npy files, one of which has a usual name for images, stands for itself; see npz.py.
    """
    if os.path.isfile(place):
        return [place]
    files = [os.path.join(place, name) for name in sorted(os.listdir(place))
             if name.lower().endswith(SUFFIXES) and not name.startswith('.')]
    tables = [path for path in files if _is_table(path)]
    files = [path for path in files if path not in tables]
    archives = [path for path in files if not _is_npy(path)]
    if not files:
        return list(filter(pixel_tables.is_one, tables))
    if not archives and len(files) > 1 and any(_family(npz.names(place), split) for split in ('train', 'test')):
        return [place]
    return archives or files


def _family(names, split):
    """The first of the families whose images of a split are among the names; None for none."""
    return next((each for each in _FAMILIES if split in each and each[split][0] in names), None)


def _is_npy(path):
    return path.lower().endswith('.npy')


def is_one(path):
    """Whether a file is one of arrays, by its name, or a table of pixels, by its first lines."""
    return pixel_tables.is_one(path) if _is_table(path) else path.lower().endswith(SUFFIXES)


def _is_table(path):
    return path.lower().endswith(pixel_tables.SUFFIX)


def present(place, split):
    """Whether there is a file of arrays, or several; for test images one that has some, or is damaged."""
    paths = _files(place)
    if split == 'train' or not paths:
        return bool(paths)
    try:
        return any(_family(npz.names(path), split) for path in paths
                   if not (_is_npy(path) or _is_table(path)))
    except UserError:
        return True  # whoever reads it says so


def load(place, split, log, shape=None, reading=DEFAULTS):
    """The Loaded of one split: images [N, H, W, 1 or 3]; classes without names are numbers."""
    del shape  # of pictures
    paths, others = _files(place), []
    if len(paths) > 1 and all(map(_is_table, paths)):
        training = [path for path in paths if folders.is_for_training(os.path.basename(path))]
        if len(training) == 1:
            paths, others = training, [path for path in paths if path not in training]
    if len(paths) > 1:
        raise UserError('{}: expected one {}, found {}; name one with --data_dir'.format(
            place, '.npy file, or several of the usual names (docs/data.md)' if all(map(_is_npy, paths))
            else 'table of pixels' if all(map(_is_table, paths)) else '.npz file',
            listing([os.path.basename(path) for path in paths])))
    path, = paths
    if _is_table(path):
        return _of_table(path, others, log, reading)
    if reading.label_column is not None:
        raise UserError('--label_column: expected a table, found {}'.format(path))
    notes = Remarks(path, log)
    tell = notes.tell
    if _is_npy(path):
        images, digest = _images(path, None, reading, log, tell)
        tell('one array, so the images have no labels' + _beside(path) * reading.labels)
        return Loaded(images, None, [path], (), tuple(notes), digest)
    names = npz.names(path)
    family = _family(names, split)
    if family is None:
        tables = [] if os.path.isdir(path) else npz.members(path, pixel_tables.SUFFIX)
        raise UserError('{}: expected the array {}, found {}{}'.format(
            path, ' or '.join(each[split][0] for each in _FAMILIES if split in each), listing(names + tables),
            ', which have to be unpacked first' * bool(tables)))
    given, *usual = family[split]
    label_names = [name for name in usual if name in names] or usual[:1]
    of_other_splits = [name for each, pair in family.items() if each != split for name in pair]
    texts = [(name, _texts(path, name)) for name in _CLASSES if name in names]
    called = next((each for each in texts if each[1]), None)
    known = {given, label_names[0], called and called[0]} | set(of_other_splits)
    others = [name for name in names if name not in known]
    if others:
        tell('{} taken; left out: {}'.format(given, listing(others)))
    images, digest = _images(path, given, reading, log, tell)
    if label_names[0] not in names or not reading.labels:
        tell(label_files.WITHOUT if label_names[0] in names else 'no {}, so the images have no labels'.format(
            label_names[0]))
        return Loaded(images, None, [npz.file_of(path, given)[0]], (), tuple(notes), digest)
    beside = [name for name in of_other_splits[1:] if name in names]
    labels, count, named = _labels(path, label_names[0], len(images), beside)
    classes = named or _class_names(path, called, count)
    tell(label_files.counts(labels, classes, label_names[0]))
    files = sorted({npz.file_of(path, name)[0] for name in [given, label_names[0]] + (
        beside if named else [called[0]] if called else [])})
    return Loaded(images, labels, files, classes, tuple(notes), digest)


def _of_table(path, others, log, reading):
    loaded = pixel_tables.load(path, log, reading)
    if not others:
        return loaded
    notes = Remarks(path, log)
    notes.tell('the table for training is taken; left out: {}'.format(listing(list(map(os.path.basename, others)))))
    return loaded._replace(notes=loaded.notes + tuple(notes))


def _beside(path):
    """A note on the labels that would be read with an .npy file if --data_dir named its folder."""
    folder, name = os.path.dirname(path) or '.', os.path.basename(path)
    try:
        names = npz.names(folder) if _files(folder) == [folder] else ()
    except (OSError, UserError):  # a folder that can't be listed has files that can be read all the same
        names = ()
    family = _family([os.path.splitext(name)[0]], 'train')
    labels = [name for name in family['train'][1:] if name in names] if family else []
    return '; with {}.npy beside it where --data_dir names the folder'.format(labels[0]) if labels else ''


def _labels(path, name, count, beside):
    """(labels int64 [count], how many classes they tell of, the classes' names where the array has texts, else None).

    One-hot labels, of whatever type, tell of as many classes as they are wide. Texts are numbered together with those
    of the other split, in the arrays `beside`.
    """
    try:
        kind = npz.kind_of(path, name)
        if kind in _TEXTS:
            labels = _decoded(path, name, npz.read_array(path, name, _TEXTS))
        else:
            labels = npz.read_array(path, name) if kind in 'bf' else None
            if labels is None or not label_files.are_one_hot(labels, count):
                labels = npz.read_integers(path, name, MAX_CLASSES - 1, np.int64)
    except UserError as error:
        raise UserError('{}{}'.format(error, label_files.WAY_OUT))
    if kind not in _TEXTS and label_files.are_one_hot(labels, count):
        return labels.argmax(axis=1), labels.shape[1], None
    if labels.shape not in ((count,), (count, 1)):
        raise UserError('{}: expected {} [{}], a label for each image, found {}{}'.format(
            path, name, count, list(labels.shape), label_files.WAY_OUT))
    labels = labels.reshape(-1)
    if kind not in _TEXTS:
        return labels, labels.max() + 1, None
    others = [array for array in [_text_array(path, each) for each in beside] if array is not None]
    labels, classes = label_files.encode(
        labels.tolist() + [text for array in others for text in array.reshape(-1).tolist() if text.strip()], path)
    return labels[:count], len(classes), classes


def _decoded(path, name, texts):
    """An array of texts as str; bytes are decoded as UTF-8."""
    if texts.dtype.kind == 'U':
        return texts
    try:
        return np.char.decode(texts, 'utf-8')
    except UnicodeDecodeError:
        raise UserError('{}: expected {} in UTF-8, found other bytes'.format(path, name))


def _text_array(path, name):
    """An array of texts; None where it is something else, or damaged: whoever reads it says so."""
    try:
        return _decoded(path, name, npz.read_array(path, name, _TEXTS))
    except UserError:
        return None


def _texts(path, name):
    """The names of classes that an array has: a tuple of texts that differ; () where it is something else."""
    array = _text_array(path, name)
    if array is None:
        return ()
    texts = label_files.plain(array.reshape(-1).tolist())
    return tuple(texts) if array.ndim == 1 and len(set(texts)) == len(texts) <= MAX_CLASSES and '' not in texts else ()


def _class_names(path, called, count):
    """The names of `count` classes or more: of `called`, (the name of an array, texts), or their numbers for None."""
    if called is None:
        return tuple(map(str, range(count)))
    name, classes = called
    if len(classes) < count:
        raise UserError('{}: expected {} [{} or more], a name for each class, found {}{}'.format(
            path, name, count, listing(classes), label_files.WAY_OUT))
    return classes


def _images(path, name, reading, log, tell):
    """(the images of an array, [N, H, W, 1 or 3]; hashlib's SHA-256 of them, where it is known already)."""
    images, digest = _of_array(path, name, reading, log, tell)
    tell_if_nearly_black(images, tell)
    return images, digest


def _of_array(path, name, reading, log, tell):
    shape = npz.integers_shape(path, name)
    if len(shape) == 3 and shape[2] in (1, 3, 4) and shape[1] >= 8:  # no images are as narrow as this
        raise UserError('{}: expected {} [N, H, W] or [N, H, W, 1 or 3], found {}, one picture; images[None{}] makes '
                        'an array of it'.format(path, name or 'an array', list(shape), ', ..., :3' * (shape[2] == 4)))
    side = int(np.sqrt(shape[1])) if len(shape) == 2 else 0
    if side >= 8 and side * side == shape[1]:
        tell('flat images of {} values, taken for {}x{}, row by row'.format(shape[1], side, side))
        shape = (shape[0], side, side)
    side = int(np.sqrt(shape[1] / 3)) if len(shape) == 2 else 0
    if side >= 8 and 3 * side * side == shape[1]:
        raise UserError(
            '{0}: expected {1} [N, H, W] or [N, H, W, 1 or 3], found {2}; of flat images of {3}x{3}, '
            'images.reshape(-1, {3}, {3}, 3) makes one or, if all red values come first, images.reshape(-1, 3, {3}, '
            '{3}).transpose(0, 2, 3, 1)'.format(path, name or 'an array', list(shape), side))
    if len(shape) == 3:
        shape += (1,)
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise UserError('{}: expected {} [N, H, W] or [N, H, W, 1 or 3], found {}{}'.format(
            path, name or 'an array', list(shape), '; images.transpose(0, 2, 3, 1) puts the channels last'
            if len(shape) == 4 and shape[1] in (1, 3) else ''))
    size = shape[0] * shape[1] * shape[2] * shape[3]
    if cache.fits(size, reading, log):
        return npz.read_integers(path, name, max_bytes=size).reshape(shape), None
    file = npz.file_of(path, name)[0]
    where = cache.place_of(path, shape[1:], reading, [stamp(file, os.path.basename(file))], name)

    def fill(write, bar):
        for row, values in npz.blocks(path, name):
            write(row, values.reshape((-1,) + shape[1:]))
            bar.update(len(values))
        return {}

    images, _, digest = cache.load(where, shape[0], fill, log, cache.check_of_all(shape[0]))
    return images, digest
