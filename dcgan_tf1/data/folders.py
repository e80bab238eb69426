"""Which pictures of a folder or archive are taken, in which order, and with which labels."""

import collections
import posixpath
import re

import numpy as np

from dcgan_tf1.data import label_files, trees
from dcgan_tf1.data.catalogue import MAX_CLASSES
from dcgan_tf1.data.picture_notes import Remarks
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

SUFFIXES = ('.png', '.jpg', '.jpeg', '.jfif', '.jpe', '.bmp', '.webp', '.tif', '.tiff', '.gif', '.ppm', '.pgm',
            '.pbm', '.pnm')
SUFFIXES_TEXT = ', '.join(suffix[1:] for suffix in SUFFIXES)  # for messages

# How the parts of a data set are called that has more than images for training: as a word of the name.
_TRAINING = re.compile(r'(^|[^a-z])train(ing)?([^a-z]|$)', re.I)
_PARTS = (r'(train(ing)?|val(id(ation)?)?|dev|eval(uation)?|test(ing)?|pred(iction)?|hold[_-]?out|extra'
          r'|unlabell?ed)')
_PART = re.compile(r'(^|[^a-z]){}([^a-z]|$)'.format(_PARTS), re.I)
_ONLY_PART = re.compile(r'([a-z0-9]+[ _-])*' + _PARTS + r'[ _-]*(\d+|sets?|images?|data)?$', re.I)

# Pictures that were found but not read yet.
PictureSet = collections.namedtuple('PictureSet', [
    'place',    # where, for messages
    'names',    # what messages call each
    'open',     # (index) -> a path or stream that Pillow opens, or a picture of Pillow's, open
    'labels',   # int64 [N], or None
    'classes',  # the labels' names
    'others',   # names of what was left out beside them
    'files',    # paths of the files that hold them
    'stamps',   # () -> texts that change when the pictures do
    'notes',    # lines on which of them are taken
    'source',   # where the labels come from, for people
])
PictureSet.__new__.__defaults__ = ((), None)

_TABLES = '.csv', '.tsv', '.txt', '.json', '.jsonl'  # files that others keep labels in

_Chosen = collections.namedtuple('_Chosen', 'names labels classes others source')
_Chosen.__new__.__defaults__ = (None,)


def is_picture(name):
    return name.lower().endswith(SUFFIXES)


def find(tree, reading, log):
    """The PictureSet of a tree's pictures; None where it has none."""
    if not any(is_picture(name) for name in tree.files):
        return None
    notes = Remarks(tree.place, log)
    tell = notes.tell
    if tree.left_out:
        tell('folders left out, which can not be read or were read by another name: {}'.format(listing(tree.left_out)))
    if reading.labels:
        _tell_of_other_tables(tree, tell)
    part, others = (None, []) if reading.recursive else _only_part(tree, reading, tell)
    if part is not None:
        inner = find(trees.Part(tree, part), reading, log)
        return inner._replace(place=tree.place, notes=tuple(notes) + inner.notes, others=others + inner.others)
    chosen = _labelled_by_file(tree, reading, tell)
    if chosen is None:
        if reading.label_column is not None:
            raise UserError('--label_column: expected a {} in {}, found {}'.format(
                ' or '.join(label_files.TABLES), tree.place, listing(
                    [name for name in tree.folders[''][1] if name.lower().endswith(_TABLES)] or ['none'], 3)))
        chosen = _labelled_by_folder(tree, reading, tell)
    names = chosen.names
    return PictureSet(
        tree.place, [tree.path(name) for name in names], lambda index: tree.open(names[index]), chosen.labels,
        chosen.classes, chosen.others, tree.holding(names), lambda: tree.stamps(names), tuple(notes), chosen.source)


def _tell_of_other_tables(tree, tell):
    """Names tables that may hold labels but have another name, if there is no file that labels are read from."""
    if any(posixpath.basename(name).lower() in label_files.TABLES + (label_files.STYLEGAN,) for name in tree.files):
        return
    tables = [name for name in tree.folders[''][1] if name.lower().endswith(('.csv', '.tsv', '.jsonl'))]
    if tables:
        tell('{} not read: a table of labels is called metadata.csv or metadata.jsonl, and has a column '
             'file_name'.format(listing(tables, 3)))


def is_for_training(path):
    """Whether a folder or file on the way is called so."""
    return bool(_TRAINING.search(_apart(path)))


def is_part(folder):
    return bool(_PART.search(_apart(folder)))


def _apart(name):
    """A name whose words are apart: train_Set for trainSet."""
    return re.sub('(?<=[a-z])(?=[A-Z])', '_', name)


def _only_part(tree, reading, tell):
    """(the one folder whose pictures are taken, what lies beside it), or (None, []).

    It is the one with the training images, where the folders are named like the parts of a data set; or the only one
    with pictures, where those lie in its sub-folders.
    """
    folders, files = tree.folders['']
    if any(map(is_picture, files)):
        return None, []
    pictured = sorted({name.split('/')[0] for name in tree.files if is_picture(name)})
    beside = sorted(files + [folder + '/' for folder in folders if folder not in pictured])
    training = [folder for folder in pictured if is_for_training(folder)]
    parts = bool(training) and all(map(is_part, pictured))
    deep = len(pictured) == 1 and (parts or not any(map(is_picture, tree.folders[pictured[0]][1])))
    split = parts and len(pictured) > 1
    if not (split or deep):
        if len(pictured) > 1 and all(map(_ONLY_PART.match, pictured)) and not _says_what_is_taken(
                tree, reading, False, tell):
            raise UserError('{}: expected a folder of images for training, found {}; name one of them with '
                            '--data_dir, or take all pictures by --recursive'.format(tree.place, listing(pictured)))
        return None, []
    if _says_what_is_taken(tree, reading, split, tell):
        return None, []
    if len(training) > 1:
        raise UserError('{}: expected one folder of images for training, found {}; name one with --data_dir, or take '
                        'all pictures by --recursive'.format(tree.place, listing(training)))
    if split:
        tell('{}/ taken, the pictures for training; left out: {}'.format(
            training[0], listing([folder + '/' for folder in pictured if folder not in training])))
        return training[0], beside
    return pictured[0], beside


def _says_what_is_taken(tree, reading, split, tell):
    """Whether a file at the top of the tree does; beside a data set's parts (`split`), only one with labels counts."""
    for name in _called(tree.folders[''][1], label_files.TABLES + (label_files.STYLEGAN,)):
        if name.lower() in label_files.TABLES:
            table = label_files.read_table(tree, name, reading.label_column, reading.labels)
            ours, labels = table.labels is not None, table.column
            named = table.labels if ours else ()
        else:
            read = label_files.read_stylegan(tree, name)
            ours, labels = read is not None, read is not None and read[0] and reading.labels
            named = read[0] if ours else ()
        if ours and (labels or not split):
            parts = sorted({each.split('/')[0] for each in named if '/' in each})
            if split and len(parts) > 1:
                tell('WARNING: {} names pictures of {}, and all of them are taken; --data_dir may name one of these '
                     'folders'.format(name, listing([each + '/' for each in parts])))
            return True
        tell('{} not read, for it has no labels of pictures'.format(name))
    return False


# ------------------------------------------------------------------------- labels in a file

def _labelled_by_file(tree, reading, tell):
    """What dataset.json, metadata.csv or metadata.jsonl says is taken; None where there is none of these."""
    tables = _tables(tree, reading, tell)
    stylegan, others = _beside_all_pictures(tree, (label_files.STYLEGAN,))
    _tell_of(others, tell)
    for name in stylegan:
        read = label_files.read_stylegan(tree, name)
        if read is not None:
            if reading.label_column is not None:
                raise UserError('--label_column: expected no {} in {}, found one, which comes before tables'.format(
                    name, tree.place))
            if tables:
                tell('{} not read, for {} comes first'.format(listing(tables), name))
            _refuse_recursive(tree, name, reading)
            return _by_stylegan(tree, name, *read, reading=reading, tell=tell)
    if len(tables) > 1:
        raise UserError('{}: expected one of {}, found both'.format(tree.place, ' and '.join(tables)))
    for name in tables:
        table = label_files.read_table(tree, name, reading.label_column, reading.labels)
        if table.labels is not None:
            _refuse_recursive(tree, name, reading)
            return _by_table(tree, name, table, reading, tell)
        if reading.label_column is not None:
            raise UserError('{}: expected rows with the name of a picture (--label_column), found none'.format(
                tree.path(name)))
        named = label_files.find_column(table.columns, label_files.NAME_COLUMNS)
        tell('{} not read, for {}'.format(name, 'its column {} has no names of files'.format(named) if named else (
            'it has no column file_name or filename, but {}'.format(listing(table.columns) or 'none'))))
    return None


def _beside_all_pictures(tree, names):
    """(the files of these names in a tree or, if none, in its one folder that has all pictures; those elsewhere)."""
    direct = _called(tree.folders[''][1], names)
    if direct:
        return direct, []
    deeper = _called(tree.files, names)
    pictures = [name for name in tree.files if is_picture(name)] if deeper else []
    around = [folder for folder in map(posixpath.dirname, deeper)
              if all(name.startswith(folder + '/') for name in pictures)]
    around_all = [name for name in deeper if around and posixpath.dirname(name) == min(around, key=len)]
    return around_all, [name for name in deeper if name not in around_all]


def _called(paths, names):
    """The paths of files of these names or, where there are none, of these in capitals."""
    exactly = [path for path in paths if posixpath.basename(path) in names]
    return exactly or [path for path in paths if posixpath.basename(path).lower() in names]


def _tables(tree, reading, tell):
    """The tables that lie in a tree or, where none do, in its one folder that has all pictures."""
    tables, others = _beside_all_pictures(tree, label_files.TABLES)
    if tables:
        return tables
    if others and reading.label_column is not None:
        raise UserError('--label_column: expected a {} in {}, or in a folder of all its pictures, found {}'.format(
            ' or '.join(label_files.TABLES), tree.place, listing(others, 3)))
    _tell_of(others, tell)
    return []


def _tell_of(others, tell):
    if others:
        tell('{} not read, for other pictures lie outside {}; --data_dir may name one'.format(
            listing(others, 3), 'that folder' if len(others) == 1 else 'each of these folders'))


def _refuse_recursive(tree, name, reading):
    if reading.recursive:
        raise UserError('--recursive: expected no {} in {}, found one, which says what is taken'.format(
            name, tree.place))


def _by_stylegan(tree, file, labels, length, reading, tell):
    names = [name for name in tree.files if is_picture(name)]
    others = [name for name in tree.files if not is_picture(name) and name != file]
    if not labels or not reading.labels:
        return _Chosen(names, None, (), others)
    path = tree.path(file)
    missing = [name for name in names if name not in labels]
    if missing:
        raise UserError('{}: expected a label for each of {:,} pictures, found none for {}'.format(
            path, len(names), listing(missing, 3)))
    _those_there(tree, file, labels, reading, tell)
    return _Chosen(names, *label_files.encode([labels[name] for name in names], path, length), others, file)


def _those_there(tree, file, named, reading, tell):
    """Those pictures that a file names and that exist, sorted; if some don't, UserError or, if asked for, a note."""
    present = set(tree.files)
    missing = [name for name in named if name not in present]
    if missing and not reading.skip_damaged:
        outside = any(name.startswith(('/', '../')) for name in missing)
        raise UserError('{}: expected the pictures that it names{}, found no {} (--skip_damaged leaves them out)'
                        .format(tree.path(file), ' in its own folder' * outside, listing(missing, 3)))
    if missing:
        tell('{:,} of the {:,} pictures that {} names are not there, and left out: {}'.format(
            len(missing), len(named), file, listing(missing, 3)))
    return sorted(name for name in named if name in present)


def _by_table(tree, name, table, reading, tell):
    names = _those_there(tree, name, table.labels, reading, tell)
    if not names:
        raise UserError('{}: expected the name of a picture, found none that is there'.format(tree.path(name)))
    others = [each for each in tree.files if each not in table.labels and each != name]
    if table.column is not None:
        return _Chosen(names, *label_files.encode([table.labels[each] for each in names], tree.path(name)), others,
                       'the column {} of {}'.format(table.column, name))
    if not reading.labels:
        return _Chosen(names, None, (), others)
    about = 'no label among the columns {} of {}'.format(listing(table.columns), name)
    if len({each.split('/')[0] for each in names}) > 1 and all('/' in each for each in names):
        tell('{}; labels by sub-folders'.format(about))
        return _by_first_folder(names, others, reading, tell)
    tell('{}, so the pictures have no labels'.format(about))
    return _Chosen(names, None, (), others)


# ------------------------------------------------------------------------ labels by folder

def _labelled_by_folder(tree, reading, tell):
    folders, files = tree.folders['']
    direct = [name for name in files if is_picture(name)]
    if reading.recursive:
        return _deep(tree, bool(direct), reading, tell)
    if direct:
        _tell_of_deeper(tree, direct, tell)
        return _Chosen(direct, None, (), sorted(
            [name for name in files if not is_picture(name)] + [name + '/' for name in folders]))
    classes = collections.OrderedDict()
    for folder in folders:
        names = [name for name in tree.folders.get(folder, ((), ()))[1] if is_picture(name)]
        if names:
            classes[folder] = names
    if not classes:
        if reading.labels:
            _warn_of_parts(tree, tell)
        return _deep(tree, False, reading, tell)
    names = [posixpath.join(folder, name) for folder, inside in classes.items() for name in inside]
    _tell_of_deeper(tree, names, tell)
    lost = [folder + '/' for folder in folders if folder not in classes and any(
        name.startswith(folder + '/') for name in tree.files)]
    if lost and reading.labels:
        tell('WARNING: no classes, for no pictures ({}) lie directly in them: {}'.format(SUFFIXES_TEXT, listing(lost)))
    others = sorted(files + [folder + '/' for folder in folders if folder not in classes])
    for folder in classes:
        inner, inside = tree.folders[folder]
        others += ['{}/{}'.format(folder, name) for name in sorted(
            [name for name in inside if not is_picture(name)] + [name + '/' for name in inner])]
    return _by_first_folder(names, others, reading, tell)


def _warn_of_parts(tree, tell):
    """Warns if all folders hold the same sub-folders: these are more likely the classes, and the folders parts."""
    inside = collections.defaultdict(set)
    for name in filter(is_picture, tree.files):
        inside[name.split('/')[0]].add(name.split('/')[1])
    first, *others = inside.values()
    if others and len(first) > 1 and all(each == first for each in others):
        tell('WARNING: {} are taken for the classes, though each of them has {}; --data_dir may name one'.format(
            listing([folder + '/' for folder in sorted(inside)]), listing([name + '/' for name in sorted(first)])))


def _tell_of_deeper(tree, names, tell):
    deeper = sum(map(is_picture, tree.files)) - len(names)
    if deeper:
        tell('{}{:,} pictures in deeper folders left out; --recursive takes them, too'.format(
            'WARNING: only {:,} taken; '.format(len(names)) if deeper >= len(names) else '', deeper))


def _deep(tree, mixed, reading, tell):
    """All pictures of a tree; mixed: whether some lie directly in it, so that folders are no classes."""
    names = [name for name in tree.files if is_picture(name)]
    others = [name for name in tree.files if not is_picture(name)]
    return _Chosen(names, None, (), others) if mixed else _by_first_folder(names, others, reading, tell)


def _by_first_folder(names, others, reading, tell):
    if not reading.labels:
        return _Chosen(sorted(names), None, (), others)
    first = label_files.plain([name.split('/')[0] for name in names])
    classes = sorted(set(first))
    if len(classes) > MAX_CLASSES:
        tell('{:,} sub-folders of pictures, which are more than {:,} and so no classes'.format(
            len(classes), MAX_CLASSES))
        return _Chosen(sorted(names), None, (), others)
    numbers = {name: number for number, name in enumerate(classes)}
    order = sorted(range(len(names)), key=lambda index: (numbers[first[index]], names[index].split('/')))
    return _Chosen([names[index] for index in order], np.array([numbers[first[index]] for index in order], np.int64),
                   tuple(classes), others, 'sub-folders')
