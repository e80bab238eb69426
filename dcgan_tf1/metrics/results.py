"""Rows of results, as evaluation.measure() gives them: as a table to print, and in a run's evaluations.csv."""

import collections
import csv
import io
import os

from dcgan_tf1.metrics.table import COLUMNS, columns
from dcgan_tf1.runs.tables import texts_to_go_on
from dcgan_tf1.util.errors import one_line
from dcgan_tf1.util.files import locked, write_text

MAX_LINES = 50  # of the table of classes


def format_table(rows, title):
    """Rows of results as lines of text, their columns as wide as what stands in them."""
    keys = [key for key in COLUMNS if any(row.get(key) is not None for row in rows)]
    lines = [[''] + [COLUMNS[key][0] for key in keys]]
    for row in rows:
        name = row['name'] if row['step'] is None else '{:,} {}'.format(row['step'], row['name'])
        lines.append([name] + ['' if row.get(key) is None else COLUMNS[key][1].format(row[key]) for key in keys])
    widths = [max(least, *map(len, cells)) for least, cells in zip([30] + [10] * len(keys), zip(*lines))]
    return '\n'.join([title] + [' '.join([line[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]) for line in lines])


# {key of a row of results: (heading, format)} of the lists with a figure for each class.
BY_CLASS = collections.OrderedDict([('class_accuracies', ('accuracy', '{:.3f}')),
                                    ('frechet_by_class', ('Frechet', '{:.2f}'))])


def format_by_class(rows, names):
    """The figures of each class as lines of text, beside each other for the sets of images; names: of the classes.

    Of more than MAX_LINES, the rest is left to metrics.json. '' where nothing was measured by class.
    """
    keys = [key for key in BY_CLASS if all(key in row for row in rows)]
    if not keys:
        return ''
    lines = [[''] + [BY_CLASS[key][0] for _ in rows for key in keys]]
    more, names = len(names) - MAX_LINES, [one_line(name) for name in names[:MAX_LINES]]
    for index, name in enumerate(names):
        cells = [(BY_CLASS[key][1], row[key][index]) for row in rows for key in keys]
        lines.append([name] + ['' if value is None else form.format(value) for form, value in cells])
    first, width = max(len('by class'), *map(len, names)), max(len(cell) for line in lines for cell in line[1:])
    wide = max([(width + 2) * len(keys)] + [len(row['name']) + 2 for row in rows])  # of a set of images
    text = ['by class'.ljust(first) + ''.join(row['name'].rjust(wide) for row in rows)]
    for line in lines:
        sets = [line[1 + number * len(keys):][:len(keys)] for number in range(len(rows))]
        text.append(line[0].ljust(first) + ''.join(
            ''.join(cell.rjust(width + 2) for cell in cells).rjust(wide) for cells in sets))
    return '\n'.join(text + ['... and {:,} more classes'.format(more)] * (more > 0))


def append_to_csv(path, rows, count, seed, extractor, data, labelled=False):
    """Adds a line for each row to a run's evaluations.csv; the lines in it keep their values.

    Where an older file lacks a column, its lines get an empty cell. count: of the images measured. extractor: its
    name. data: the real images, as recorded.short() names them. labelled: whether the run's images have labels, and
    the table the columns that need them.
    """
    keys = columns(labelled)
    added = keys + ['data']
    header = ['step', 'name', 'n', 'seed', 'features'] + added
    with locked(os.path.dirname(path)):
        earlier = texts_to_go_on(path, header, print, optional=added)
        stream = io.StringIO()
        writer = csv.DictWriter(stream, header, lineterminator='\n')
        writer.writeheader()
        writer.writerows(earlier)
        for row in rows:
            cells = {key: '' if row.get(key) is None else '{:.6g}'.format(row[key]) for key in keys}
            writer.writerow(dict(cells, step=row['step'], name=row['name'], n=count, seed=seed, features=extractor,
                                 data=data))
        write_text(path, stream.getvalue())
