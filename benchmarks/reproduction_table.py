"""Runs beside what 2017 recorded, as tables: python benchmarks/reproduction_table.py RUN RUN ...

Losses: how many of a run's logged rows have both losses within the range of 2017's, and the
means over the last ten rows of each. Metrics: of the run's evaluation, images as the preset samples,
with dropout off, and a second half of the real images as the scale.
"""

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import glob
import json
import os
import sys

from dcgan_tf1.metrics import evaluation
from dcgan_tf1.metrics.table import COLUMNS
from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import run_folder, tables
from dcgan_tf1.util.errors import UserError

LAST = 10  # rows
METRICS = ('frechet_distance', 'kernel_distance', 'classifier_score', 'precision', 'recall', 'coverage')


def main(paths):
    print('| run | precision | last row at step | minutes | losses in range | last ten, discriminator (2017) '
          '| last ten, generator (2017) |')
    print('|---|---|---|---|---|---|---|')
    for path in paths:
        print('| {} |'.format(' | '.join(losses(path))))
    print()
    print('| run | images | {} | best while training |'.format(' | '.join(
        COLUMNS[key][0] for key in METRICS)))
    print('|---|---|{}---|'.format('---|' * len(METRICS)))
    real = []
    for path in paths:
        for cells in metrics(path):
            if cells[1] == evaluation.REAL:  # the same for all runs on the same images
                if cells[2:] in real:
                    continue
                real.append(cells[2:])
            print('| {} |'.format(' | '.join(cells)))


def name_of(path):
    return os.path.basename(os.path.dirname(os.path.abspath(path)))


def losses(path):
    preset, config, rows = run_folder.read_preset(path), run_folder.read_config(path), run_folder.read_losses(path)
    if not rows:  # a trial that ended before its first one
        return [name_of(path), config['arithmetic']['precision'], 'no row yet', '', '', '', '']
    keys = ('d_loss', 'g_loss')
    within, means = '', ['{:.2f}'.format(mean(rows, key)) for key in keys]
    if preset.recorded_losses:
        recorded = figures.read_recorded_losses(preset.recorded_losses)
        inside = [all(min(recorded[key]) <= row[key] <= max(recorded[key]) for key in keys) for row in rows]
        within = '{} of {}'.format(sum(inside), len(inside))
        means = ['{} ({:.2f})'.format(text, sum(recorded[key][-LAST:]) / LAST) for text, key in zip(means, keys)]
    return [name_of(path), config['arithmetic']['precision'], '{:,.0f}'.format(rows[-1]['step']),
            '{:.1f}'.format(rows[-1]['seconds'] / 60), within] + means


def mean(rows, key):
    last = [row[key] for row in rows[-LAST:]]
    return sum(last) / len(last)


def metrics(path):
    """A row of cells for each kind of images of the run's newest evaluation."""
    found = sorted(glob.glob(os.path.join(glob.escape(path), 'evaluation-*', 'metrics.json')))
    if not found:
        yield [name_of(path), 'not evaluated yet'] + [''] * (len(METRICS) + 1)
        return
    with open(found[-1]) as handle:
        results = json.load(handle)['results']
    best = tables.best_row(run_folder.read_table(os.path.join(path, 'quality.csv')))
    for row in results:
        note = ''
        if best and row is results[1]:
            note = '{:.2f} at step {:,.0f}'.format(best['frechet_distance'], best['step'])
        yield ['' if row['name'] == evaluation.REAL else name_of(path), row['name']] + [
            COLUMNS[key][1].format(row[key]) for key in METRICS] + [note]


if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        sys.exit('usage: python benchmarks/reproduction_table.py RUN [RUN ...]')
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit('error: {}'.format(error))
