"""The data set `folder`: pictures in a folder, a zip archive, TFRecord or Parquet files, as one array."""

import collections
import os
import re

from tqdm import tqdm

from dcgan_tf1.data import cache, folders, label_files, parquet, pictures, pixel_tables, tfrecords, trees
from dcgan_tf1.data.class_names import class_number
from dcgan_tf1.data.picture_notes import Remarks
from dcgan_tf1.data.reading import DEFAULTS, Loaded
from dcgan_tf1.data.record_pixels import choose_sizes
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

EXPECTED = 'pictures ({}; or a sub-folder of them for each class), a zip archive, TFRecord or Parquet files'.format(
    folders.SUFFIXES_TEXT)


def present(place, split):
    """Whether there are pictures in `place`, or a file of them; all of them are for training."""
    if split != 'train':
        return False
    if os.path.isfile(place):
        return _kind_of(place) is not None
    tree = trees.Folder(place)
    return any(folders.is_picture(name) for name in tree.files) or bool(_of_kinds(tree.files))


def load(place, split, log, shape=None, reading=DEFAULTS):
    """The Loaded of the pictures in a folder or file: images [N] + shape.

    A shape (H, W, None) is that of grey images where all pictures are grey, else of three channels.

    Labels are those of a file beside the pictures or, where there is none, the sub-folders that they lie in.
    """
    del split
    if shape is None:
        raise UserError('--dataset=folder: expected a preset whose shape the pictures are resized to, found none')
    picture_set = _find(place, reading, log, shape)
    if reading.image_class is not None:
        class_number('folder', picture_set.classes, reading.image_class)
    shape = tuple(shape[:2]) + (shape[2] or pictures.channels_of(picture_set, reading, log),)
    size = len(picture_set.names) * shape[0] * shape[1] * shape[2]
    if not cache.fits(size, reading, log):
        images, about, digest = _from_cache(picture_set, shape, reading, log)
    else:
        rows = pictures.InMemory(len(picture_set.names), shape)
        with tqdm(total=len(picture_set.names), desc='decoding', unit='image', disable=None, leave=False) as bar:
            about = pictures.read(picture_set, shape, reading, rows.write, bar)._asdict()
        images, digest = rows.images[:len(about['kept'])], None
    kept = about['kept']
    about_pictures = tuple(pictures.left_out(picture_set.others, len(picture_set.names))) + tuple(about['lines'])
    for line in about_pictures:
        log('{}: {}'.format(place, line))
    labels = picture_set.labels
    if labels is not None and len(kept) != len(picture_set.names):
        labels = labels[kept]
    about_labels = [] if labels is None else [label_files.counts(labels, picture_set.classes, picture_set.source)]
    about_labels += [] if reading.labels else [label_files.WITHOUT]
    for line in about_labels:
        log('{}: {}'.format(place, line))
    # A link to nothing is a damaged picture, too.
    files = [path for path in picture_set.files if not reading.skip_damaged or os.access(path, os.R_OK)]
    return Loaded(images, labels, files, picture_set.classes,
                  tuple(picture_set.notes) + about_pictures + tuple(about_labels), digest)


def _from_cache(picture_set, shape, reading, log):
    """(images, what pictures.read() said of them, their digest), from a file that may have to be made first."""
    where = cache.place_of(picture_set.place, shape, reading, picture_set.stamps())

    def fill(write, bar):
        about = pictures.read(picture_set, shape, reading, write, bar)
        missing = sorted(set(range(len(picture_set.names))) - set(about.kept))
        return {'missing': missing, 'lines': about.lines}

    def kept(notes):
        missing = set(notes['missing'])
        return [index for index in range(len(picture_set.names)) if index not in missing]

    def check(notes, count):
        texts = isinstance(notes['lines'], list) and all(isinstance(line, str) for line in notes['lines'])
        if not texts or len(kept(notes)) != count:
            raise ValueError('{:,} images, {:,} left out, of {:,}'.format(
                count, len(notes['missing']), len(picture_set.names)))

    images, notes, digest = cache.load(where, len(picture_set.names), fill, log, check)
    return images, {'kept': kept(notes), 'lines': notes['lines']}, digest


# ----------------------------------------------------------------------- which form it has

def _is_zip(name):
    return name.lower().endswith(trees.SUFFIX)


def _is_records(name):
    name = os.path.basename(name)
    return bool(tfrecords.NAMES.match(name) or tfrecords.OTHER_NAMES.match(name))


def _is_parquet(name):
    return name.lower().endswith(parquet.SUFFIX)


def _find_in_zip(place, paths, reading, log):
    """The PictureSet of a zip archive, the only one of `paths`."""
    del place  # which it is itself, or the folder that it lies in
    tree = trees.Zip(paths[0])
    picture_set = folders.find(tree, reading, log)
    if picture_set is None:
        unpacked = any(kind.has(name) for name in tree.files for kind in _KINDS)
        tables = any(name.lower().endswith(pixel_tables.SUFFIX) for name in tree.files)
        raise UserError('{}: expected pictures ({}), found {}{}{}'.format(
            paths[0], folders.SUFFIXES_TEXT, listing(list(tree.files)),
            ', which have to be unpacked first' * (unpacked or tables),
            '; --dataset=npz reads tables of pixels' * tables))
    return picture_set


# A kind of file that has pictures in it. `has(name)` tells it by its name, `find(place, paths, reading, log)` returns
# the PictureSet of one or, where `several` may be read together, of some; `folders`: whether there are folders in it.
_Kind = collections.namedtuple('_Kind', 'has find several folders')
_KINDS = (
    _Kind(_is_zip, _find_in_zip, False, True),
    _Kind(_is_records, tfrecords.find, True, False),
    _Kind(_is_parquet, parquet.find, True, False),
)


def _kind_of(name):
    return next((kind for kind in _KINDS if kind.has(name)), None)


def _of_kinds(names):
    """The names that belong to one of the kinds; those that other files may have, too, only if there are no others."""
    found = list(filter(_kind_of, names))
    sure = [name for name in found if not tfrecords.OTHER_NAMES.match(os.path.basename(name))]
    return sure or found


def _find(place, reading, log, shape):
    """The PictureSet of a folder or file."""
    if os.path.isfile(place):
        return _in_files(place, [place], reading, log)
    tree = trees.Folder(place)
    picture_set = folders.find(tree, reading, log)
    files = of_kinds = _of_kinds(tree.files)
    if picture_set is not None:
        if files:
            line = 'WARNING: {} not read, for there are pictures, too; --data_dir may name a file'.format(
                listing(files))
            log('{}: {}'.format(place, line))
            picture_set = picture_set._replace(notes=picture_set.notes + (line,))
        return picture_set
    notes = Remarks(place, log)
    files, note = choose_sizes(files, shape, reading.crop)
    if note is not None:
        notes.tell(note)
    kinds = {_kind_of(name) for name in files}
    if len(kinds) > 1 or len(files) > 1 and not all(kind.several for kind in kinds):
        raise UserError('{}: expected one zip archive, or TFRecord or Parquet files, found {}; name one with '
                        '--data_dir'.format(place, listing(files)))
    training = [name for name in files if folders.is_for_training(name)]
    # Several shards of one part are what there is.
    parts = {re.sub(r'-\d{5}-of-\d{5}(-[0-9a-f]+)?|\d+', '', name) for name in files}
    if not training and len(parts) > 1 and all(map(folders.is_part, files)):
        raise UserError('{}: expected files of images for training, found {}; name one of them with --data_dir'.format(
            place, listing(files)))
    if len(training) == len(files):  # by a folder around them all, so by their own names
        training = [name for name in files if folders.is_for_training(os.path.basename(name))]
    if training and len(training) < len(files):
        notes.tell('those with train in their names are taken; left out: {}'.format(
            listing([name for name in files if name not in training])))
        files = training
    picture_set = _in_files(place, [tree.path(name) for name in files], reading, log)
    read = {tree.path(name) for name in of_kinds}.union(picture_set.files)
    beside = [name for name in tree.files if tree.path(name) not in read]
    return picture_set._replace(notes=tuple(notes) + picture_set.notes, others=beside + picture_set.others)


def _in_files(place, paths, reading, log):
    if not paths:
        raise UserError('{}: expected {}, found none'.format(place, EXPECTED))
    kind = _kind_of(paths[0])
    if reading.recursive and not kind.folders:
        raise UserError('--recursive: expected pictures in folders, found {}'.format(paths[0]))
    return kind.find(place, paths, reading, log)
