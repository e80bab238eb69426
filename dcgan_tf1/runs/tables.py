"""Tables in CSV files: read as we or a spreadsheet wrote them, and kept where they can't be read.

A spreadsheet saves a table with a byte order mark, semicolons or tabs, decimal commas, or
lines that end in CRLF. All of that is read. When a run goes on, its tables are written anew; one that
can't be read in full is first copied beside itself.
"""

import collections
import csv
import io
import itertools
import math
import os
import re

from dcgan_tf1.util.files import cannot_read, encoding_of, write_bytes, write_text

Table = collections.namedtuple('Table', [
    'columns',
    'rows',     # list of {column: text or number}: those that can be read
    'problem',  # what could not be read, or None; a last line that a kill left incomplete is none
    'ended',    # whether the last line has its end
])

_NUMBER_WITH_COMMA = re.compile(r'\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*$')


def read(path):
    """The Table of a CSV file, all cells as text, numbers with a decimal point; empty where there is no file."""
    try:
        with open(path, 'rb') as handle:
            content = handle.read()
    except FileNotFoundError:
        return Table([], [], None, True)
    except OSError as error:
        raise cannot_read(path, error)
    text = content.decode(encoding_of(content), 'replace')
    text = text.rstrip('\0')  # which a power cut leaves where nothing was written yet
    delimiter = max(',;\t', key=text.strip().split('\n')[0].count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=''), delimiter=delimiter))
    except csv.Error as error:
        return Table([], [], 'it is no CSV file ({})'.format(error), True)
    lines = [(number, cells) for number, cells in enumerate(lines, 1) if any(cell.strip() for cell in cells)]
    if not lines:
        return Table([], [], None, True)
    columns, rows, problem, ended = [cell.strip() for cell in lines[0][1]], [], None, text.endswith('\n')
    for number, cells in lines[1:]:
        while len(cells) > len(columns) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(columns):
            cut = number == lines[-1][0] and not ended and len(cells) < len(columns) and '\n' not in ''.join(cells)
            problem = problem or (None if cut else 'row {} has {} cells for {} columns'.format(
                number - 1, len(cells), len(columns)))
            continue
        rows.append({column: _with_point(cell, delimiter) for column, cell in zip(columns, cells)})
    return Table(columns, rows, problem, ended)


def _with_point(cell, delimiter):
    return cell.replace(',', '.') if delimiter != ',' and _NUMBER_WITH_COMMA.match(cell) else cell


def read_numbers(path, columns=None, optional=()):
    """The Table of a CSV file with numbers in place of texts, of all its columns or the ones named.

    optional: further ones, which the table may lack.
    """
    table = read(path)
    return _numbers(table, columns and tuple(columns) + tuple(name for name in optional if name in table.columns))


def _numbers(table, columns):
    missing = [name for name in columns or () if name not in table.columns]
    if missing and (table.columns or table.problem):
        return table._replace(rows=[], problem=table.problem or 'it has no column ' + ', '.join(missing))
    rows, problem = [], table.problem
    for number, row in enumerate(table.rows, 1):
        try:
            rows.append({name: float(row[name]) for name in columns or row})
        except ValueError:
            cut = number == len(table.rows) and not table.ended
            problem = problem or (None if cut else 'row {} is not all numbers'.format(number))
    return table._replace(rows=rows, problem=problem)


def keep(path, problem, log):
    """Copies a table that can't be read in full beside itself, with a warning that names the copy."""
    for number in itertools.count(1):
        kept = '{}.unreadable-{}'.format(path, number)
        if not os.path.lexists(kept):
            break
    with open(path, 'rb') as handle:
        write_bytes(kept, handle.read())
    log('WARNING: {}: expected a table as it was written, found that {}; it is kept as {}'.format(path, problem, kept))


def numbers_to_go_on(path, columns, log, optional=()):
    """The rows of numbers, {column: number}, of a table that is to be written anew with these columns.

    A table that holds anything else is copied beside itself first. optional: columns that it may lack; they are NaN
    in its rows.
    """
    table = read(path)
    absent = dict.fromkeys((name for name in optional if name not in table.columns), math.nan)
    numbers = _numbers(table, [name for name in columns if name not in absent])
    problem = numbers.problem or _more(table, columns)
    if problem:
        keep(path, problem, log)
    return [dict(row, **absent) for row in numbers.rows]


def texts_to_go_on(path, columns, log, optional=()):
    """The rows of texts, {column: text}, of a table that is to be written anew with these columns.

    A table that holds anything else is copied beside itself first. optional: columns that a table of an
    earlier version lacks; they are empty in its rows.
    """
    table = read(path)
    missing = [name for name in columns if name not in table.columns and name not in optional]
    problem = table.problem or (table.columns and missing and 'it has no column ' + ', '.join(missing)) \
        or _more(table, columns)
    if problem:
        keep(path, problem, log)
    return [{name: row.get(name, '') for name in columns} for row in table.rows] if not missing else []


def drop_after(path, step, log):
    """Drops a table's rows after a step; the others' cells stay. A table that can't be read in full is left alone."""
    table = read(path)
    if table.problem or 'step' not in table.columns:
        if table.problem:
            log('WARNING: {}: expected a table, found that {}; rows of it after step {:,} stay'.format(
                path, table.problem, step))
        return
    kept = [row for row in table.rows if not _is_after(row['step'], step)]
    if len(kept) < len(table.rows):
        stream = io.StringIO()
        writer = csv.DictWriter(stream, table.columns, lineterminator='\n')
        writer.writeheader()
        writer.writerows(kept)
        write_text(path, stream.getvalue())


def _is_after(text, step):
    try:
        return float(text) > step
    except ValueError:
        return False


def _more(table, columns):
    """What a table has beside these columns, or None."""
    more = [name for name in table.columns if name not in columns and any(row[name] for row in table.rows)]
    return 'it also has the column ' + ', '.join(more) if more else None


def cell(key, value):
    """A number as a run's tables have it."""
    return '{:.0f}'.format(value) if key in ('step', 'epoch', 'n') else '{:.6g}'.format(value)


RANKED_BY = 'step', 'n', 'frechet_distance'  # the columns that tell the best row


def best_row(rows):
    """The row of quality.csv with the smallest Frechet distance among those with the last one's n; None without rows.

    A row that lacks either number, because somebody has edited it, does not count.
    """
    best = best_rows(rows)
    return best[-1] if best else None


def _rank(row):
    # Rounded as in the file, where values that differ in the seventh digit are equal: the best row must stay the same.
    return float(cell('frechet_distance', row['frechet_distance'])), row['step']


def best_rows(rows):
    """Of the rows of quality.csv the best, for each number of images n; that of the last row's n is the last."""
    best = {}
    for row in rows:
        if math.isfinite(row['n']) and math.isfinite(row['frechet_distance']):
            before = best.pop(row['n'], row)
            best[row['n']] = min(before, row, key=_rank)
    return list(best.values())
