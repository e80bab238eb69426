"""What a report shows of a run, collected from its folder."""

import collections
import glob
import math
import os
import sys

from dcgan_tf1.data import recorded
from dcgan_tf1.metrics.table import DRAWN, METRICS, MONITORED_COLUMNS, MONITORED_WITH_LABELS
from dcgan_tf1.runs import checkpoint, run_folder, samples, tables
from dcgan_tf1.runs.classes import class_names
from dcgan_tf1.util.errors import reason
from dcgan_tf1.util.files import read_json

RunContents = collections.namedtuple('RunContents', [
    'name',                # for people
    'path',
    'preset',
    'config',              # config.json
    'classes',             # the names of a conditional preset's; () without labels
    'samples',             # rows of (step, uint8 [N, H, W, C])
    'losses',              # rows of losses and speed
    'evaluation',          # (folder, metrics.json) of its newest checkpoint that was evaluated, or None
    'metrics_over_steps',  # (rows of metrics with their steps, the row of real images or None, n) or None
    'trained_on',          # the data, as recorded.py has it
    'measured_on',         # the data of its newest evaluation, and of the one of all checkpoints: a list
    'checkpoints',         # (title, prefix) of those that samples are drawn from
])


def collect(path, title):
    """The RunContents of a run folder, called `title`; UserError where it is no run."""
    preset = run_folder.read_preset(path)
    config = run_folder.read_config(path)
    quality = run_folder.read_table(os.path.join(path, run_folder.QUALITY), MONITORED_COLUMNS,
                                    optional=MONITORED_WITH_LABELS)
    evaluation, over_steps, measured_on = evaluations_of(path, preset)
    quality = [row for row in quality if math.isfinite(row['n'])]
    if quality:
        same_size = [row for row in quality if row['n'] == quality[-1]['n']]
        monitored = config.get('evaluation')
        real = monitored.get('real') if isinstance(monitored, dict) else None
        over_steps = same_size, real if _is_complete(real) else None, int(same_size[-1]['n'])
    return RunContents(title, path, preset, config, class_names(path, preset),
                       samples.load(path, preset.image_range, print), run_folder.read_losses(path), evaluation,
                       over_steps, recorded.trained_on(config), measured_on,
                       _checkpoints(run_folder.checkpoints_of(path), tables.best_row(quality)))


def _checkpoints(folder, best):
    """(title, prefix) of the last checkpoint and of the best one by quality.csv, where that is another."""
    steps, shown = checkpoint.list_steps(folder), []
    if steps:
        shown.append((
            'the last checkpoint, step {:,}'.format(steps[-1]), checkpoint.checkpoint_path(folder, steps[-1])))
    if best and best['step'] in steps and best['step'] != steps[-1]:
        shown.append(('the best checkpoint by Frechet distance, step {:,.0f}'.format(best['step']),
                      checkpoint.checkpoint_path(folder, int(best['step']))))
    return shown


def _is_complete(row):
    """Whether a row of metrics, which came from a file, has the numbers that a page needs."""
    keys = {key for metric in METRICS for key in (metric.key, metric.error)}
    drawn = [metric.key for metric in DRAWN if not metric.labelled]
    return isinstance(row, dict) and all(isinstance(row.get(key), (int, float)) for key in drawn) \
        and all(value is None or isinstance(value, (int, float)) for key, value in row.items() if key in keys)


def evaluations_of(path, preset):
    """What a run's evaluations hold, leaving out those at a temperature other than its preset's.

    (folder, metrics.json) of the last evaluation of a single checkpoint, the newest that has one; metrics_over_steps
    of the last evaluation of all checkpoints; and the data that these two were measured against.
    """
    single, several, data, newest = None, None, {}, -1
    names = glob.glob(os.path.join(glob.escape(path), 'evaluation*', 'metrics.json'))
    for name in sorted(names, key=lambda each: (os.path.getmtime(each), each)):
        try:
            metrics = read_json(name)
            rows = metrics['results']
            if not rows or not all(map(_is_complete, rows)) or not isinstance(metrics['n'], int):
                raise ValueError('no rows of metrics')
            metrics['features']['name']  # has to be there
            steps = [row for row in rows[1:] if isinstance(row.get('step'), int)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            print('WARNING: {}: expected an evaluation, found a damaged one ({}); the page goes without it'.format(
                name, reason(error)), file=sys.stderr)
            continue
        if metrics.get('temperature', 1.0) != preset.temperature:
            continue
        of_all = len({row['step'] for row in steps}) > 1
        if of_all:
            several = steps, rows[0], metrics['n']
        else:
            step = max((row['step'] for row in steps), default=0)
            if step < newest:
                continue
            newest, single = step, (os.path.dirname(name), metrics)
        data[of_all] = recorded.measured_on(metrics)
    return single, several, [data[of_all] for of_all in sorted(data)]
