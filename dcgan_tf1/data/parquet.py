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
from dcgan_tf1.data.folders import PictureSet
from dcgan_tf1.data.picture_notes import Remarks
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import listing, parse_json, stamp

SUFFIX = '.parquet'
IMAGES = ('image', 'img', 'picture', 'bytes')
_BLOCK = 16  # rows that are read at once
_KEPT, _BYTES = 32, 1 << 27  # blocks that are kept, more than threads are apart; bytes they may take
_INSTALL = 'pip install pyarrow'


def find(place, paths, reading, log):
    """The PictureSet of the pictures in some Parquet files, one after the other."""
    blocks = _Rows()
    tables = [_Table(path, blocks) for path in paths]
    image = tables[0].image_column()
    label = tables[0].label_column(reading.label_column) if reading.labels else None
    for table in tables[1:]:
        table.check_like(tables[0], image, label)
        later = table.label_column(None) if reading.labels and label is None else None
        if later is not None:
            raise UserError('{}: expected no column {}, as in {}, found one{}'.format(
                table.path, later, tables[0].path, label_files.WAY_OUT))
    labels, numbers, total = [], [], 0
    for table in tables:
        numbers.append(total)
        total += table.rows
        if label is not None:
            labels += table.column(label)
    if not total:
        raise UserError('{}: expected pictures, found none'.format(place))
    notes = Remarks(place, log)
    label_numbers, classes = None, ()
    if label is not None:
        label_numbers, classes = label_files.encode(labels, place)
        classes = label_files.with_names(classes, tables[0].class_names(label), tables[0].path, notes.tell)
    elif reading.labels:
        notes.tell('no label among the columns {}, so the pictures have no labels'.format(listing(tables[0].names)))

    def where(index):
        number = bisect.bisect_right(numbers, index) - 1
        return tables[number], index - numbers[number]

    def picture(index):
        table, row = where(index)
        return io.BytesIO(table.picture(image, row))

    return PictureSet(place, _Names(where, total), picture, label_numbers, classes, [], paths, lambda: (
        stamp(path, os.path.basename(path)) for path in paths), tuple(notes), source='the column {}'.format(label))


class _Names:
    """What messages call each picture."""

    def __init__(self, where, count):
        self._where, self._count = where, count

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        table, row = self._where(index)
        return '{} (row {})'.format(table.path, row + 1)


class _Rows:
    """Rows of one column, of all files: keeps the blocks read last, and one file open to continue reading.

    Threads ask for rows nearly in order. A file's group of rows may be larger than memory, so it is never read at
    once; a row far behind costs reading its group from the start.
    """

    def __init__(self):
        self._lock, self._kept = threading.Lock(), collections.deque()
        self._group, self._blocks, self._next = None, iter(()), 0

    def get(self, group, row, read):
        """The value of a row of a group, whose blocks `read()` yields."""
        with self._lock:
            while True:
                for key, first, block in self._kept:
                    if key == group and first <= row < first + len(block):
                        return block[row - first].as_py()
                self._read_on(group, row, read)

    def _read_on(self, group, row, read):
        if group != self._group or row < self._next:
            self.close()
            self._group, self._blocks, self._next = group, read(), 0
        try:
            block = next(self._blocks)
        except BaseException as error:
            self._group = None  # a generator that has raised is at its end
            if isinstance(error, StopIteration):
                raise UserError('{}: expected a file that stays as it is, found another'.format(group[0]))
            raise
        self._kept.append((group, self._next, block))
        while len(self._kept) > _KEPT or len(self._kept) > 2 and sum(
                each.nbytes for _, _, each in self._kept) > _BYTES:
            self._kept.popleft()
        self._next += len(block)

    def close(self):
        """Closes the file that is open."""
        if self._group is not None:
            self._group = None
            self._blocks.close()


class _Table:
    """One file. Of all of them one stays open: there may be more than a process can have open."""

    def __init__(self, path, blocks):
        self.path, self._blocks, self._metadata = path, blocks, None
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
                # Else pyarrow holds a whole column of a group.
                yield pq.ParquetFile(handle, metadata=self._metadata, buffer_size=1 << 20, pre_buffer=False)
        except Exception as error:  # noqa: BLE001  hostile bytes make pyarrow raise almost anything
            raise UserError('{}: expected a Parquet file, found: {}'.format(
                self.path, signatures.kind_of(self.path, b'PAR1') or reason(error)))

    def image_column(self):
        name = label_files.find_column(self.names, IMAGES)
        if name is None:
            raise UserError('{}: expected a column of pictures, one of {}, found {}'.format(
                self.path, ', '.join(IMAGES), listing(self.names)))
        return name

    def label_column(self, wanted):
        return label_files.choose_column(self.path, 'column', self.names, wanted)

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
        """The names of the labels in a column that the datasets library recorded, a list of texts; None for none."""
        try:
            about = parse_json((self._schema.metadata or {})[b'huggingface'].decode('utf-8'))
            names = about['info']['features'][column]['names']
        except (KeyError, TypeError, ValueError):
            return None
        return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None

    def column(self, name):
        with self._open() as file:
            return file.read(columns=[name]).column(name).to_pylist()

    def _read(self, number, column):
        with self._open() as file:
            for batch in file.iter_batches(_BLOCK, row_groups=[number], columns=[column]):
                yield batch.column(0)

    def picture(self, column, row):
        """The encoded bytes of a row: of binary values, or of structures with `bytes`."""
        number = bisect.bisect_right(self._ends, row)
        value = self._blocks.get((self.path, number), row - ([0] + self._ends)[number],
                                 lambda: self._read(number, column))
        path = value.get('path') if isinstance(value, dict) else None
        value = value.get('bytes') if isinstance(value, dict) else value
        if not isinstance(value, bytes):
            raise UserError('{}: expected the bytes of a picture in {}, row {}, found {}'.format(
                self.path, column, row + 1, 'the path {!r:.80} alone'.format(path) if path else
                'none' if value is None else type(value).__name__))
        return value
