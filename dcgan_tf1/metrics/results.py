"""Rows of results, as evaluation.measure() gives them: as a table to print, and in a run's evaluations.csv."""

import csv
import io

from dcgan_tf1.metrics.table import COLUMNS
from dcgan_tf1.runs.tables import texts_to_go_on
from dcgan_tf1.util.files import write_text


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


def append_to_csv(path, rows, count, seed, extractor, data):
    """Adds a line for each row to a run's evaluations.csv; the lines in it keep their values.

    Where an older file lacks a column, its lines get an empty cell. count: of the images measured. extractor: its
    name. data: the real images, as recorded.short() names them.
    """
    added = list(COLUMNS) + ['data']
    header = ['step', 'name', 'n', 'seed', 'features'] + added
    earlier = texts_to_go_on(path, header, print, optional=added)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, lineterminator='\n')
    writer.writeheader()
    writer.writerows(earlier)
    for row in rows:
        cells = {key: '' if row.get(key) is None else '{:.6g}'.format(row[key]) for key in COLUMNS}
        writer.writerow(dict(cells, step=row['step'], name=row['name'], n=count, seed=seed, features=extractor,
                             data=data))
    write_text(path, stream.getvalue())
