"""The sections of a report, each as HTML, of one run or of several: functions of RunContents."""

import collections
import json
import os

import numpy as np

from dcgan_tf1.gan.noise import sample_inputs, sample_interpolations
from dcgan_tf1.metrics.table import DRAWN, METRICS, format_with_error, title_with_direction
from dcgan_tf1.reporting import figures, markup
from dcgan_tf1.runs import sampling
from dcgan_tf1.runs.samples import animation_bytes
from dcgan_tf1.util import images
from dcgan_tf1.util.figure_style import figure_bytes

SAMPLES_SHOWN, INTERPOLATIONS, INTERPOLATION_STEPS = 64, 6, 10
NOISES_SHOWN, CLASSES_INTERPOLATED = 8, 10  # of each class, where there are labels, and the classes of interpolations
MAX_ROWS = 45  # of the blog's figure; 2017 logged 42


def samples(run, seed, device):
    """A grid of samples of each of the run's checkpoints that are shown, drawn by this seed on this device.

    With labels, it has a column for each class.
    """
    if not run.checkpoints:
        return markup.note('No checkpoint yet.')
    parts = []
    for title, prefix in run.checkpoints:
        names = run.classes[:images.MAX_COLUMNS]
        z, labels = sample_inputs(run.preset, len(names) * NOISES_SHOWN or SAMPLES_SHOWN, seed, 'sample',
                                  classes=range(len(names)))
        drawn = sampling.generate_bytes(run.preset, prefix, z, seed, device=device, labels=labels)
        parts += [markup.note(title), markup.pixels(drawn, 8, 'A grid of samples') if not run.classes else markup.png(
            images.png_bytes(figures.class_sheet(drawn, names)), 'Samples with a column for each class')]
    return ''.join(parts)


def interpolations(run, seed, device):
    """Rows of images on the way from one noise vector to another, of the last of the checkpoints shown.

    With labels, each row is of a class, of the first ten.
    """
    if not run.checkpoints:
        return markup.note('No checkpoint yet.')
    title, prefix = run.checkpoints[-1]
    names = run.classes[:CLASSES_INTERPOLATED]
    rows = len(names) or INTERPOLATIONS
    z = sample_interpolations(run.preset, rows, INTERPOLATION_STEPS, seed)
    labels = np.arange(rows, dtype=np.int32).repeat(INTERPOLATION_STEPS) if names else None
    return markup.note('Each row goes from one noise vector to another{}; {}'.format(
        ', and is of one class: {}'.format(', '.join(names)) if names else '', title)) + markup.pixels(
            sampling.generate_bytes(run.preset, prefix, z, seed, device=device, labels=labels), INTERPOLATION_STEPS,
            'Rows of images that change from left to right')


def rows_of_samples(run):
    """The blog's figure: the samples of each logged step in a row."""
    if not run.samples:
        return markup.note('No samples yet.')
    figure = figures.rows_figure(run.samples, run.name, MAX_ROWS, run.classes)
    return markup.png(figure_bytes(figure, figures.ROWS_DPI), 'A row of samples for each logged step')


def animation(run):
    """The samples of all logged steps as an animated GIF."""
    if len(run.samples) < 2:
        return markup.note('Not enough samples yet.')
    content, frames = animation_bytes(run.samples, run.preset, run.classes)
    return markup.image('gif', content, 'The samples of {} steps as an animation'.format(frames), 'pixels')


def neighbours(run):
    """Samples and the training images nearest to them, from the run's newest evaluation."""
    path = run.evaluation and os.path.join(run.evaluation[0], 'neighbours.png')
    if not path or not os.path.isfile(path):
        return _not_evaluated(run)
    with open(path, 'rb') as handle:
        return markup.png(handle.read(), 'Samples above the training images that are nearest to them')


def losses(runs):
    """Charts of the losses over steps, with 2017's recorded ones; of several runs over seconds too."""
    keys = [key for key in ('d_loss', 'g_loss', 'loss') if any(key in row for run in runs for row in run.losses)]
    rows = [] if len(runs) > 1 else [[]]  # of charts: both of a loss beside each other, or those of one run
    for key in keys:
        title = figures.LOSS_TITLES.get(key, key)
        lines = _curves(runs, 'step', key)
        for name in sorted({run.preset.recorded_losses for run in runs} - {None}):
            recorded_2017 = figures.read_recorded_losses(name)
            if key in recorded_2017:
                lines.insert(0, figures.Line('recorded in 2017', recorded_2017['step'], recorded_2017[key], '0.65'))
        rows += [[]] if len(runs) > 1 else []
        rows[-1].append((figures.line_chart(title, 'step', lines), title + ' over steps'))
        if len(runs) > 1:
            rows[-1].append((figures.line_chart(title, 'seconds of training', _curves(runs, 'seconds', key)),
                             title + ' over seconds'))
    without = [run.name for run in runs if not any(key in row for key in keys for row in run.losses)]
    return ''.join(map(markup.charts, rows)) + ''.join(
        markup.note('{}: no losses yet.'.format(name)) for name in without)


def _curves(runs, x, y):
    """A Line for each run whose rows have both columns."""
    return [figures.Line(run.name, [row[x] for row in rows], [row[y] for row in rows], 'C{}'.format(index % 10))
            for index, run in enumerate(runs)
            for rows in [[row for row in run.losses if x in row and y in row]] if rows]


def speed(runs):
    """Images per second, the median of each run and a chart of them."""
    notes, charts = [], []
    for run in runs:
        seconds = [row['seconds'] for row in run.losses if 'seconds' in row]
        speeds = sorted(row['images_per_second'] for row in run.losses if 'images_per_second' in row)
        if not speeds:
            notes.append(markup.note('{}: no rows yet.'.format(run.name)))
        else:
            notes.append(markup.note('{}: {:,.0f} images/s in the median row{}.'.format(
                run.name, speeds[len(speeds) // 2], ', {} of training'.format(
                    '{:.1f} minutes'.format(seconds[-1] / 60) if seconds[-1] >= 60 else '{:.0f} s'.format(
                        seconds[-1])) if seconds else '')))
            # Each in axes of its own: a dense network may be a hundred times as fast as a convolutional one.
            charts.append((figures.line_chart(
                'images per second', 'step', _curves([run], 'step', 'images_per_second'), from_zero=True),
                           'Images per second over steps of ' + run.name))
    return ''.join(notes) + markup.charts(charts)


def metrics_over_steps(runs):
    """Charts of the metrics that were measured while the runs trained; of several runs over seconds too."""
    monitored = [(index, run) for index, run in enumerate(runs) if run.metrics_over_steps]
    if not monitored:
        return markup.note(
            'Train with --eval_every, or evaluate several checkpoints with --all_checkpoints, to see how it rises and '
            'falls.')
    real = next((run.metrics_over_steps[1] for _, run in monitored if run.metrics_over_steps[1]), None)
    charts = []
    for metric in DRAWN:
        for x, x_title in (('step', 'step'), ('seconds', 'seconds of training')):
            lines = [line for line in (_metric_line(run, metric, x, index) for index, run in monitored) if line]
            if lines and (x == 'step' or len(runs) > 1):
                charts.append((figures.line_chart(
                    title_with_direction(metric), x_title, lines,
                    level=None if real is None or real.get(metric.key) is None else ('real images', real[metric.key]),
                    from_zero=True),
                    '{} over {}'.format(metric.title, x_title)))
    sizes = sorted({run.metrics_over_steps[2] for _, run in monitored})
    return markup.charts(charts) + markup.note(
        'By samples of {}; distances of samples of other sizes do not compare.'.format(
            ', '.join(map('{:,}'.format, sizes))))


def _metric_line(run, metric, x, index):
    """A metric of a run over 'step' or 'seconds' as a Line in the run's colour; None where no point is known."""
    points = [(seconds_at(run, row['step']) if x == 'seconds' else row['step'], row.get(metric.key))
              for row in run.metrics_over_steps[0]]
    points = [point for point in points if None not in point]
    return figures.Line(run.name, *zip(*points), colour='C{}'.format(index % 10)) if points else None


def seconds_at(run, step):
    """Seconds of `step` steps of training, interpolated between the rows of losses; None where they don't say.

    Those rows call steps as the preset does, which may count from 0.
    """
    before_first = run.preset.first_step - 1
    rows = [(0.0, 0.0)] + [(row['step'] - before_first, row['seconds']) for row in run.losses if 'seconds' in row]
    if len(rows) < 2:
        return None
    for (x0, y0), (x1, y1) in zip(rows, rows[1:]):
        if x0 <= step <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (step - x0) / (x1 - x0)
    return rows[-1][1] * step / rows[-1][0] if rows[-1][0] > 0 else None


def metrics_table(runs):
    """The metrics of each run's newest evaluation, a column for each set of images; and charts of their classes."""
    evaluated = [run for run in runs if run.evaluation]
    if not evaluated:
        return ''.join(map(_not_evaluated, runs))
    columns, notes, charts = [], [], []
    for run in evaluated:
        _, metrics = run.evaluation
        prefix = run.name + ', ' if len(runs) > 1 else ''
        for row in metrics['results']:
            step = row.get('step')
            columns.append(('{}{}{}'.format(prefix, row.get('name'), ', step {:,}'.format(step) if isinstance(
                step, int) else ''), row))
        notes.append(markup.note('{}{:,} images against {:,} real ones, by the {}.'.format(
            run.name + ': ' if len(runs) > 1 else '', metrics['n'], metrics['n'],
            metrics['features']['name'])))
        charts += _shares(run, metrics) + _by_class(run, metrics)
    lines = ['<div class="scroll"><table><thead><tr><th></th>{}</tr></thead><tbody>'.format(
        ''.join('<th>{}</th>'.format(markup.text(name)) for name, _ in columns))]
    for metric in METRICS:
        cells = [format_with_error(metric, row) for _, row in columns]
        if any(cells):
            lines.append('<tr><th>{}</th>{}</tr>'.format(
                markup.text(title_with_direction(metric)),
                ''.join('<td>{}</td>'.format(cell) for cell in cells)))
    lines.append('</tbody></table></div>')
    missing = [_not_evaluated(run) for run in runs if not run.evaluation]
    return ''.join(lines + notes + missing) + markup.charts(charts)


def _shares(run, metrics):
    """A chart of how the classes are shared out, where there was a classifier."""
    return _bars(metrics, 'class_shares', 'classes of ' + run.name, 'Share of each class in ' + run.name)


def _by_class(run, metrics):
    """Charts of the metrics of each class, where there were labels, and not so many that nothing can be seen."""
    if len(run.classes) > images.MAX_COLUMNS:
        return []
    return _bars(metrics, 'class_accuracies', 'class accuracy of ' + run.name,
                 'Class accuracy of each class in ' + run.name) + _bars(
        metrics, 'frechet_by_class', 'Frechet distance within the classes of ' + run.name,
        'Frechet distance within each class in ' + run.name)


def _bars(metrics, key, title, text):
    """[(a chart of the numbers under `key`, by class and set of images; `text`)]; [] where there are none."""
    groups = [(str(row.get('name')), [float('nan') if value is None else value for value in row[key]])
              for row in metrics['results'] if isinstance(row.get(key), list) and row[key]
              and all(value is None or isinstance(value, (int, float)) for value in row[key])]
    count = len(groups[0][1]) if groups else 0
    if not groups or any(len(values) != count for _, values in groups):
        return []
    names = metrics.get('classes')
    if not isinstance(names, list) or len(names) != count:
        names = range(count)
    return [(figures.bar_chart(title, [str(name) for name in names], groups), text)]


def _not_evaluated(run):
    return markup.note('Not evaluated yet: python -m dcgan_tf1.evaluate --run={}'.format(run.path))


def commands(run):
    """The command that started a run, the versions it ran with and its data."""
    versions = run.config.get('versions')
    data = run.config.get('data')
    lines = ['<pre>{}</pre>'.format(markup.text(run.config.get('command', 'not recorded')))]
    if isinstance(versions, dict):
        lines.append(markup.note('With ' + ', '.join('{} {}'.format(*item) for item in versions.items())))
    if isinstance(data, dict):
        lines.append(markup.note('Data: {}, checksum {}{}'.format(
            data.get('name'), data.get('checksum'), '; {}'.format(data['note']) if data.get('note') else '')))
    return ''.join(lines)


def configurations(runs):
    """Every value of one run; of several, those that are not the same in all."""
    flat = [_flat(run.config) for run in runs]
    keys = list(collections.OrderedDict((key, None) for values in flat for key in values))
    if len(runs) > 1:
        keys = [key for key in keys if len({values.get(key) for values in flat}) > 1]
    if not keys:
        return markup.note('None.')
    return '<table class="words"><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>'.format(
        ''.join('<th>{}</th>'.format(markup.text(run.name)) for run in runs),
        ''.join('<tr><th>{}</th>{}</tr>'.format(markup.text(key), ''.join(
            '<td>{}</td>'.format(markup.text(values.get(key, ''))) for values in flat)) for key in keys))


def _flat(value, prefix=''):
    """{'a.b': text} of nested dictionaries."""
    if isinstance(value, dict):
        flat = collections.OrderedDict()
        for key, item in value.items():
            flat.update(_flat(item, '{}.{}'.format(prefix, key) if prefix else str(key)))
        return flat
    return collections.OrderedDict([(prefix, value if isinstance(value, str) else json.dumps(value))])
