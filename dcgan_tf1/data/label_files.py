"""Labels that lie in a file beside pictures: metadata.csv or metadata.jsonl, and dataset.json as StyleGAN has it.

Every file is untrusted input. Labels are integers from 0, or names, which are sorted.
"""

import collections
import csv
import io
import os
import posixpath
import re
import unicodedata

import numpy as np

from dcgan_tf1.data.catalogue import MAX_CLASSES
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import encoding_of, listing, parse_json

TABLES = ('metadata.csv', 'metadata.jsonl')
STYLEGAN = 'dataset.json'

Table = collections.namedtuple('Table', [
    'labels',   # {a picture's name in the tree: its label, or None where there are none}; None: it names no pictures
    'column',   # of the labels, or None
    'columns',  # all of them
])
LABEL_COLUMNS = ('label', 'labels', 'class')
NAME_COLUMNS = ('file_name', 'filename')  # of pictures, in capitals or not
WAY_OUT = '; --nolabels reads the images without labels'  # for the end of a message
WITHOUT = 'read without labels (--nolabels)'  # a note


def encode(values, where, least=0):
    """(labels int64 [N], the classes' names) of integers, or texts of some, from 0, or of names.

    Texts are names unless all of them are integers as a program writes them: 07 is not 7, and 2019 is no label. 2.0 is
    2, as pandas writes a column of integers that had a gap once.

    where: what has them, for messages. least: classes that there are at least, where labels are integers.

    Raises UserError for anything else.
    """
    values = plain(values)
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values) and not all(map(_NUMBER.match, texts)):
        if '' in texts:
            raise UserError('{}: expected a label for each picture, found an empty one{}'.format(where, WAY_OUT))
        decimal = all(text.isdecimal() and len(text) < 9 for text in texts)
        classes = sorted(set(texts), key=lambda text: (int(text) if decimal else 0, text))
        by_name = {name: number for number, name in enumerate(classes)}
        labels = [by_name[text] for text in texts]
    else:
        labels = list(map(_as_number, values))
        if not all(map(_is_label, labels)):
            wrong = next(value for value in labels if not _is_label(value))
            right = next(filter(_is_label, labels), None)
            raise UserError('{}: expected names or integers from 0 to {} as labels, found {!r:.60}{}{}'.format(
                where, MAX_CLASSES - 1, wrong, '' if right is None else ' beside {!r}'.format(right), WAY_OUT))
        classes = list(map(str, range(max(least, max(labels, default=-1) + 1))))
    if len(classes) > MAX_CLASSES:
        raise UserError('{}: expected at most {:,} classes, found {:,}{}'.format(
            where, MAX_CLASSES, len(classes), WAY_OUT))
    return np.array(labels, np.int64), tuple(classes)


def are_numbers(classes):
    """Whether the classes have numbers for names, as encode() gives them where labels are integers."""
    return classes == tuple(map(str, range(len(classes))))


def are_one_hot(labels, count):
    """Whether an array is one of vectors [count, classes] with a single 1 in each row, of whatever type."""
    return labels.ndim == 2 and labels.shape[0] == count and 1 < labels.shape[1] <= MAX_CLASSES and bool(
        np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def with_names(classes, names, where, tell):
    """The classes, with `names` in place of numbers where they fit: one for each class, or more.

    names: None where there are none. where: their source, for `tell`, which reports names that don't fit.
    """
    if names is None or not are_numbers(classes):
        return classes
    names = tuple(plain(names))
    wrong = None
    if not len(classes) <= len(names) <= MAX_CLASSES:
        wrong = '{:,} names for {:,} of them'.format(len(names), len(classes))
    elif len(set(names)) < len(names) or '' in names:
        wrong = 'an empty name' if '' in names else 'some name twice'
    if wrong is None:
        return names
    tell('WARNING: classes are called by their numbers, for {} has {}'.format(where, wrong))
    return classes


def plain(values):
    """The values, texts as one name is written: without spaces around it, letters with their accents."""
    return [unicodedata.normalize('NFC', value).strip() if isinstance(value, str) else value for value in values]


def _is_label(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value < MAX_CLASSES


_NUMBER = re.compile(r'(0|[1-9][0-9]{0,2})(\.0*)?\Z')


def _as_number(value):
    """The integer that a text or a float stands for; anything else as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    match = _NUMBER.match(value) if isinstance(value, str) else None
    return value if match is None else int(match.group(1))


def find_column(columns, usual):
    """The column that has the first of the usual names that there is, in capitals or not; None where none has one."""
    return next((each for name in usual for each in sorted(columns, key=lambda each: each != name)
                 if each.lower() == name), None)


def choose_column(path, kind, columns, wanted, usual=LABEL_COLUMNS):
    """The column that has the labels: `wanted`, or else the first of the usual names that there is; None for none.

    kind: what columns are called there, for messages. Raises UserError where the wanted one is not among them.
    """
    if wanted is not None and wanted not in columns:
        raise UserError('{}: expected the {} {!r} (--label_column), found {}'.format(
            path, kind, wanted, listing(columns)))
    return wanted or find_column(columns, usual)


def read_table(tree, name, column, labelled=True):
    """The Table of a metadata file; its `labels` are None where it has no file names, so is not a metadata file.

    column: of the labels; None for the usual names, whatever their case. labelled: whether labels are wanted.
    """
    path, folder = tree.path(name), posixpath.dirname(name)
    rows = _csv_rows(tree, name, column) if name.lower().endswith('.csv') else _json_rows(tree, name)
    columns = list(collections.OrderedDict(
        (each, None) for row in rows for each in row or () if isinstance(each, str)))
    names = find_column(columns, NAME_COLUMNS)
    labels, named = {}, _by_name(tree)
    if names is None or names.lower() != 'file_name' and not _has_file_names(rows, names):
        return Table(None, None, columns)
    column = choose_column(path, 'column', sorted(columns), column, LABEL_COLUMNS * labelled)
    for number, row in enumerate(rows, 1):
        if row is None:
            continue
        file_name = row.get(names)
        if not isinstance(file_name, str) or not file_name:
            raise UserError('{}: expected a {} in row {}, found {!r:.60}'.format(path, names, number, file_name))
        file_name = named(posixpath.join(folder, file_name))
        label = None if column is None else row.get(column)
        if column is not None and label is None:
            raise UserError('{}: expected a {} in row {}, found none{}'.format(path, column, number, WAY_OUT))
        if file_name in labels and labels[file_name] != label:  # else a row for each caption, say
            raise UserError('{}: expected one {} for each {}, found {!r:.60} and {!r:.60} for {}{}'.format(
                path, column, names, labels[file_name], label, file_name, WAY_OUT))
        labels[file_name] = label
    return Table(labels, column, columns)


def _has_file_names(rows, column):
    """Whether a column, whose own name may occur in other kinds of tables, too, holds names with a suffix."""
    return any(isinstance(row.get(column), str) and posixpath.splitext(row[column])[1] for row in rows if row)


def _by_name(tree):
    """A function of a name in a file -> the name that the tree has for it, also where the file has the whole path."""
    present, place = set(tree.files), posixpath.join(os.path.abspath(tree.place), '')
    composed = {unicodedata.normalize('NFC', name): name for name in tree.files}
    folded = collections.Counter(map(str.lower, composed))
    by_folded = {name.lower(): composed[name] for name in composed if folded[name.lower()] == 1}

    def named(name):
        name = posixpath.normpath(name)
        name = name[len(place):] if name.startswith(place) else name
        if name in present:
            return name
        name = posixpath.normpath(name.replace('\\', '/').strip())  # as Windows, or a careful hand, writes it
        whole = unicodedata.normalize('NFC', name)  # macOS writes letters and their accents apart
        # Windows and macOS take A.PNG for a.png.
        return composed.get(whole, by_folded.get(whole.lower(), name))

    return named


def _text(tree, name):
    """What a file says, in UTF-8 or UTF-16; ValueError for anything else."""
    content = tree.read(name)
    try:
        return content.decode(encoding_of(content))
    except UnicodeDecodeError:
        raise ValueError('a text that is not in UTF-8')


_BLANK = re.compile(r'\A(?:[ \t,;]*\r?\n)+')  # lines before the first


def _csv_rows(tree, name, column):
    """The rows of a table, {column: text}; None for one without any text, as Excel leaves some at the end."""
    try:
        text = _BLANK.sub('', _text(tree, name))
        # Excel writes semicolons where the comma is that of decimals.
        delimiter = next((each for each in ',;\t' if find_column(list(map(str.strip, next(
            csv.reader(io.StringIO(text, newline=''), delimiter=each), ()))), NAME_COLUMNS)), ',')
        rows = csv.DictReader(io.StringIO(text, newline=''), delimiter=delimiter, skipinitialspace=True)
        columns = rows.fieldnames or ()
        rows.fieldnames = [each if each.strip() in columns else each.strip() for each in columns]
        names = find_column(rows.fieldnames, NAME_COLUMNS)
        if names is None:
            return list(rows)  # none of ours
        for each in (names, column) + LABEL_COLUMNS:
            if rows.fieldnames.count(each) > 1:
                raise ValueError('the column {!r} twice'.format(each))
        found = [_csv_row(row, number, len(columns)) for number, row in enumerate(rows, 1)]
        if not found:
            raise ValueError('the names of columns alone')
        return found
    except (ValueError, csv.Error) as error:
        raise UserError('{}: expected a table of comma-separated values, found: {}'.format(tree.path(name), error))


def _csv_row(row, number, count):
    more = row.pop(None, ())
    if any(map(str.strip, more)):
        raise ValueError('{} cells in row {}, for {} columns; a text with a comma has quotes around it'.format(
            count + len(more), number, count))
    return row if any(map(str.strip, filter(None, row.values()))) else None


def _json_rows(tree, name):
    rows, number = [], 1
    try:
        # Other ends of lines that splitlines() knows may stand within JSON's strings.
        for line in _text(tree, name).split('\n'):
            if line.strip():
                rows.append(parse_json(line))
                if not isinstance(rows[-1], dict):
                    raise ValueError('no object')
            number += 1
    except ValueError as error:
        raise UserError('{}: expected a JSON object on each line, found in line {}: {}'.format(
            tree.path(name), number, error))
    return rows


def read_stylegan(tree, file):
    """({a picture's name in the tree: its label}, the length of vectors) of a dataset.json; {} where it has no labels.

    None where the file has no `labels`, so is none of these. A label is an integer, or a vector with one 1.
    """
    path = tree.path(file)
    try:
        content = parse_json(_text(tree, file))
    except ValueError as error:
        raise UserError('{}: expected JSON, found: {}'.format(path, error))
    if not isinstance(content, dict) or 'labels' not in content:
        return None
    pairs = content['labels'] or []
    pairs = list(pairs.items()) if isinstance(pairs, dict) else pairs
    labels, named, lengths = {}, _by_name(tree), set()
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UserError('{}: expected labels as pairs of a file name and a label, found {!r:.60}'.format(
                path, pair))
        label = pair[1]
        if isinstance(label, list) and label.count(1) == 1 and label.count(0) == len(label) - 1:
            lengths.add(len(label))
            label = label.index(1)
        name = named(posixpath.join(posixpath.dirname(file), pair[0]))
        if name in labels:
            raise UserError('{}: expected each file once, found {} again'.format(path, name))
        labels[name] = label
    if len(lengths) > 1:
        raise UserError('{}: expected vectors of one length as labels, found {}'.format(
            path, ' and '.join(map(str, sorted(lengths)))))
    return labels, max(lengths, default=0)


def counts(labels, classes, source):
    """A line about how many images each class has, and where the labels are from."""
    totals = np.bincount(labels, minlength=len(classes))
    some = ['{} {:,}'.format(name, count) for name, count in zip(classes, totals) if count]
    none = [name for name, count in zip(classes, totals) if not count]
    return '{:,} class{}{}: {}{}'.format(
        len(classes), 'es' if len(classes) > 1 else '', '' if source is None else ' by ' + source, listing(some),
        '; WARNING: without images: ' + listing(none) if none else '')
