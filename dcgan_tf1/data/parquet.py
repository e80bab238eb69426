"""Pictures in a column of Parquet files, as https://huggingface.co/docs/datasets stores them; needs pyarrow.

Every file is untrusted input, of which pyarrow reads the tables and Pillow the pictures.
"""

import bisect
import collections
import contextlib
import io
import os
import threading

from dcgan_tf1.data import label_files
from dcgan_tf1.data.catalogue import MAX_CLASSES
from dcgan_tf1.data.folders import Found
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import listing, parse_json, stamp

SUFFIX = '.parquet'
IMAGES = ('image', 'img', 'picture', 'bytes')
_INSTALL = "pip install 'dcgan_tf1[parquet]' (pyarrow)"


def find(place, paths, reading, log):
    """The Found of the pictures in some Parquet files, one after the other."""
    groups = _Groups()
    tables = [_Table(path, groups) for path in paths]
    image, label = tables[0].image_column(), tables[0].label_column(reading.label_column)
    for table in tables[1:]:
        table.check_like(tables[0], image, label)
    labels, numbers, total = [], [], 0
    for table in tables:
        numbers.append(total)
        total += table.rows
        if label is not None:
            labels += table.column(label)
    if not total:
        raise UserError('{}: expected pictures, found none'.format(place))
    if label is None:
        log('{}: no label among the columns {}, so the pictures have no labels'.format(
            place, listing(tables[0].names)))
        found, classes = None, ()
    else:
        found, classes = _named(label_files.encode(labels, place), tables[0].class_names(label))

    def where(index):
        number = bisect.bisect_right(numbers, index) - 1
        return tables[number], index - numbers[number]

    def picture(index):
        table, row = where(index)
        return io.BytesIO(table.picture(image, row))

    return Found(place, _Names(where, total), picture, found, classes, [], paths, lambda: (
        stamp(path, os.path.basename(path)) for path in paths), source='the column {}'.format(label))


def _named(encoded, names):
    """Labels with the classes' names, where they are numbers and there is a name of its own for each."""
    labels, classes = encoded
    numbers = classes == tuple(map(str, range(len(classes))))
    fits = len(classes) <= len(names) == len(set(names)) <= MAX_CLASSES
    return labels, tuple(names) if numbers and fits else classes


class _Names:
    """What messages call each picture."""

    def __init__(self, where, count):
        self._where, self._count = where, count

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        table, row = self._where(index)
        return '{} (row {})'.format(table.path, row + 1)


class _Groups:
    """The last two groups of rows, of all files, that are in memory: at a border, threads read both."""

    def __init__(self):
        self._lock, self._kept = threading.Lock(), collections.OrderedDict()

    def of(self, key, read):
        with self._lock:
            if key not in self._kept:
                self._kept[key] = read()
                while len(self._kept) > 2:
                    self._kept.popitem(last=False)
            return self._kept[key]


class _Table:
    """One file, which is open only while it is read: there may be more of them than a process can have open."""

    def __init__(self, path, groups):
        self.path, self._groups, self._metadata = path, groups, None
        with self._open() as file:
            self._metadata, self._schema = file.metadata, file.schema_arrow
            self.names, self.rows = list(self._schema.names), file.metadata.num_rows
            self._ends = []
            for number in range(file.num_row_groups):
                self._ends.append((self._ends or [0])[-1] + file.metadata.row_group(number).num_rows)

    @contextlib.contextmanager
    def _open(self):
        try:
            import pyarrow.parquet as pq
        except ImportError:
            raise UserError('{}: expected pyarrow to read Parquet files with, found none; {}'.format(
                self.path, _INSTALL))
        try:
            with open(self.path, 'rb') as handle:
                yield pq.ParquetFile(handle, metadata=self._metadata)
        except Exception as error:  # noqa: BLE001  hostile bytes make pyarrow raise almost anything
            raise UserError('{}: expected a Parquet file, found: {}'.format(self.path, reason(error)))

    def image_column(self):
        name = next((name for name in IMAGES if name in self.names), None)
        if name is None:
            raise UserError('{}: expected a column of pictures, one of {}, found {}'.format(
                self.path, ', '.join(IMAGES), listing(self.names)))
        return name

    def label_column(self, wanted):
        if wanted is not None and wanted not in self.names:
            raise UserError('{}: expected the column {!r} (--label_column), found {}'.format(
                self.path, wanted, listing(self.names)))
        return wanted or next((name for name in label_files.LABEL_COLUMNS if name in self.names), None)

    def check_like(self, other, image, label):
        """UserError where the file has not the columns of another one, or calls its classes otherwise."""
        for name in filter(None, (image, label)):
            if name not in self.names:
                raise UserError('{}: expected the column {}, as in {}, found {}'.format(
                    self.path, name, other.path, listing(self.names)))
        if label is not None and self._schema.field(label).type != other._schema.field(label).type:
            raise UserError('{}: expected {} in the column {}, as in {}, found {}'.format(
                self.path, other._schema.field(label).type, label, other.path, self._schema.field(label).type))
        names, others = self.class_names(label), other.class_names(label)
        if names and others and names != others:
            raise UserError('{}: expected the classes {}, as in {}, found {}'.format(
                self.path, listing(others), other.path, listing(names)))

    def class_names(self, column):
        """The names of the labels in a column that the datasets library recorded; () for none."""
        try:
            about = parse_json((self._schema.metadata or {})[b'huggingface'].decode('utf-8'))
            names = about['info']['features'][column]['names']
        except (KeyError, TypeError, ValueError):
            return ()
        texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        return tuple(names) if texts else ()

    def column(self, name):
        with self._open() as file:
            return file.read(columns=[name]).column(name).to_pylist()

    def _read(self, number, column):
        with self._open() as file:
            return file.read_row_group(number, columns=[column]).column(column)

    def picture(self, column, row):
        """The encoded bytes of a row: of binary values, or of structures with `bytes`."""
        number = bisect.bisect_right(self._ends, row)
        group = self._groups.of((self.path, number), lambda: self._read(number, column))
        value = group[row - ([0] + self._ends)[number]].as_py()
        value = value.get('bytes') if isinstance(value, dict) else value
        if not isinstance(value, bytes):
            raise UserError('{}: expected the bytes of a picture in {}, row {}, found {}'.format(
                self.path, column, row + 1, type(value).__name__))
        return value
