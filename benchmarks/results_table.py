#!/usr/bin/env python3
"""Records finished, evaluated runs, and writes the tables of docs/results.md from all records.

    .venv/bin/python benchmarks/results_table.py RUN [RUN ...]     # adds these runs, or replaces their records
    .venv/bin/python benchmarks/results_table.py                   # writes tables and pictures anew
    .venv/bin/python benchmarks/results_table.py --distance=10     # prints when each run was that good

A record is benchmarks/results/NAME.json, with a strip of 24 samples in docs/img/systems/NAME.png. A run that was not
finished, or cut short, is refused, and the others are recorded all the same.
"""

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import argparse
import collections
import io
import os
import sys

import numpy as np
import result_tables
import run_records
import systems
from PIL import Image

from dcgan_tf1.util import cli, figure_style
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import cannot_read, read_json, write_bytes, write_text, writing

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MARKERS = ('<!-- written by benchmarks/results_table.py -->', '<!-- end of what it writes -->')
TRIAL = '# A trial: a few steps of each system, and no results\n\n{}\n{}\n'
CELL = 32  # pixels of a sample in the picture of all systems, the larger ones' size

Places = collections.namedtuple('Places', 'records strips document picture')
HERE = Places(os.path.join(ROOT, 'benchmarks', 'results'), os.path.join(ROOT, 'docs', 'img', 'systems'),
              os.path.join(ROOT, 'docs', 'results.md'), os.path.join(ROOT, 'docs', 'img', 'systems.png'))


def trial_places(folder):
    """Where a trial's records, tables and pictures go; they never come beside the real ones."""
    return Places(os.path.join(folder, 'results'), os.path.join(folder, 'img'), os.path.join(folder, 'results.md'),
                  os.path.join(folder, 'systems.png'))


def add(paths, places, trial=False):
    """Records run folders; returns a line for each that was refused."""
    refused = []
    for path in paths:
        try:
            record, make_strip = run_records.from_run(path, trial)
            name = os.path.join(places.records, record['name'] + '.json')
            picture = os.path.join(places.strips, record['name'] + '.png')
            if os.path.exists(picture) and _same(name, record):
                print('{}: recorded already'.format(path))
                continue
            for folder in (places.records, places.strips):
                with writing(folder):
                    os.makedirs(folder, exist_ok=True)
            # The strip first: a record without one would stand in a table with a broken picture.
            write_bytes(picture, make_strip())
            write_text(name, run_records.as_text(record))
            print('{}: recorded as {}'.format(path, name))
        except (KeyError, TypeError) as error:
            refused.append('{}: expected what a run of this version records, found {}: {}'.format(
                path, type(error).__name__, error))
        except UserError as error:
            refused.append(str(error))
    return refused


def _same(name, record):
    try:
        return read_json(name) == record
    except (OSError, ValueError):
        return False


def write_tables(places, trial=False):
    """Writes the tables and the picture of all systems from all records."""
    records = run_records.read_all(places.records)
    content, records = contents(records, places, trial)
    if trial and not os.path.exists(places.document):
        with writing(os.path.dirname(places.document)):
            os.makedirs(os.path.dirname(places.document), exist_ok=True)
        write_text(places.document, TRIAL.format(*MARKERS))
    try:
        with open(places.document, encoding='utf-8') as handle:
            text = handle.read()
    except OSError as error:
        raise cannot_read(places.document, error)
    written = between_markers(text, content, places.document)
    if written != text:
        write_text(places.document, written)
    rows = picture_rows(records, places.strips)
    if rows:
        write_if_new(places.picture, picture_of(rows))
    print('{}: {} of {} systems'.format(
        places.document, len({record['system'] for record in records}), len(systems.SYSTEMS)))


def contents(records, places, trial=False):
    """(what comes between the markers, the records that it is of): without those whose presets have changed since."""
    left_out = []
    for record in [] if trial else records:
        differing = run_records.outdated(record)
        if differing:
            left_out.append(record['name'])
            print('WARNING: {} is left out, for its preset is another one now: {}'.format(
                record['name'], '; '.join(differing)), file=sys.stderr)
    records = [record for record in records if record['name'] not in left_out]
    strips = os.path.relpath(places.strips, os.path.dirname(places.document)).replace(os.sep, '/')
    return result_tables.all_tables(records, strips, left_out), records


def between_markers(text, content, name):
    """A document with `content` in place of what stands between its two markers."""
    begin, end = MARKERS
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UserError('{}: expected one line {!r} and one {!r} after it, found {} and {}'.format(
            name, begin, end, text.count(begin), text.count(end)))
    before, rest = text.split(begin)
    return '{}{}\n\n{}\n\n{}{}'.format(before, begin, content.strip('\n'), end, rest.split(end)[1])


def write_if_new(path, content):
    if os.path.exists(path):
        with open(path, 'rb') as handle:
            if handle.read() == content:
                return
    write_bytes(path, content)


# ------------------------------------------------------------------- the picture of all systems

def picture_rows(records, strips):
    """(label, picture RGB of 24 samples side by side) of each system's first run."""
    rows = []
    for record in records:
        if rows and rows[-1][0] == record['system']:
            continue
        path = os.path.join(strips, record['name'] + '.png')
        try:
            with Image.open(path) as picture:
                strip = np.asarray(picture.convert('RGB'))
        except OSError as error:
            raise cannot_read(path, error)
        rows.append((record['system'], record['steps'], np.concatenate(np.split(strip, 2), axis=1)))
    return [('{}, {:,} steps'.format(system, steps), picture) for system, steps, picture in rows]


@figure_style.own_style()
def picture_of(rows):
    """The rows under each other, each with its label on the left, as the bytes of a PNG file."""
    dpi, left, margin, gap = 100, 230, 4, 4
    width = left + run_records.SAMPLES * CELL + margin
    height = 2 * margin + len(rows) * (CELL + gap) - gap
    figure = figure_style.new_figure(width / dpi, height / dpi)
    for index, (label, picture) in enumerate(rows):
        middle = margin + index * (CELL + gap) + CELL / 2  # from above
        # One image pixel is one figure pixel: figimage() draws without resampling.
        figure.figimage(picture, left, round(height - middle - picture.shape[0] / 2), resize=False)
        figure.text((left - 6) / width, 1 - middle / height, figure_style.plain(label), fontsize=8, ha='right',
                    va='center')
    with Image.open(io.BytesIO(figure_style.figure_bytes(figure, dpi))) as drawn:
        return run_records.small_png(np.asarray(drawn.convert('RGB')), max_bytes=150000)


# -------------------------------------------------------------------------------- the command

def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('runs', nargs='*', metavar='RUN', help='a run folder, finished and evaluated')
    parser.add_argument('--trial', metavar='FOLDER', help='write everything there, and take runs that were cut short')
    parser.add_argument('--distance', type=float, help='print when each run first had that Frechet distance, and '
                                                       'write nothing')
    arguments = parser.parse_args(argv)
    if arguments.distance is not None and arguments.runs:
        parser.error('--distance: expected no RUN beside it, found {}'.format(arguments.runs[0]))
    return arguments


def work(arguments):
    trial = arguments.trial is not None
    places = trial_places(arguments.trial) if trial else HERE
    if arguments.distance is not None:
        lines = result_tables.times_to(run_records.read_all(places.records), arguments.distance)
        print('\n'.join(lines).replace('`', '').replace('\\*', '*'))
        return 0
    refused = add(arguments.runs, places, trial)
    for line in refused:
        print('error: ' + line, file=sys.stderr)
    write_tables(places, trial)
    return 1 if refused else 0


if __name__ == '__main__':
    sys.exit(cli.run(parse, work))
