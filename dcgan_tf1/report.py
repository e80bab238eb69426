"""One HTML page about one run or several: `python -m dcgan_tf1.report --runs=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import base64
import collections
import glob
import html
import json
import os
import re
import sys
import time

import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1 import flags
from dcgan_tf1.data import recorded
from dcgan_tf1.gan.noise import sample_interpolations, sample_noise
from dcgan_tf1.metrics import evaluation
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.runs.sampling import generate, to_uint8
from dcgan_tf1.util import cli, images
from dcgan_tf1.util.errors import reason
from dcgan_tf1.util.files import read_json, refuse_existing, write_text

SAMPLES, WALKS, WALK = 64, 6, 10
TEMPLATES = os.path.join(os.path.dirname(__file__), 'reporting', 'templates')
ROWS = 45  # of the blog's figure; 2017 logged 42

# How each measure is to be read, in the order of the table.
BETTER = collections.OrderedDict([
    ('frechet_distance', 'lower'), ('kernel_distance', 'lower'), ('classifier_score', 'higher'),
    ('precision', 'higher'), ('recall', 'higher'), ('density', 'higher'), ('coverage', 'higher'),
    ('class_entropy', 'as real'), ('confidence', 'as real'), ('memorised', 'as real')])
SPREAD = {'kernel_distance': 'kernel_distance_error', 'classifier_score': 'classifier_score_deviation'}

# All of a run that the page shows.
Found = collections.namedtuple('Found', [
    'name',         # for people
    'path',
    'preset',
    'config',       # config.json
    'rows',         # of samples: (step, uint8 [N, H, W, C])
    'metrics',      # rows of metrics.csv
    'evaluation',   # (folder, metrics.json) of its newest checkpoint that was evaluated, or None
    'over_steps',   # (rows with measures and steps, those of real images or None, n) or None
    'trained_on',   # the data, as recorded.py has it
    'measured_on',  # the data of its newest evaluation, and of the one of all checkpoints: a list
    'checkpoints',  # (title, prefix) of what samples are drawn from
])


def main(argv=None):
    return cli.run(flags.parse_report, report, argv, failures=(tf.errors.OpError,))


def report(config):
    """Writes the page."""
    refuse_existing(config.out, config.overwrite)
    found = [_read(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    sections = [
        ('Samples', _beside(found, lambda run: _samples(run, config))),
        ('Losses', _losses(found)),
        ('Quality', _measures(found)),
        ('Quality over steps', _quality(found)),
        ('Nearest training images', _beside(found, _neighbours)),
        ('Interpolations', _beside(found, lambda run: _walks(run, config))),
        ('Rows of samples, step by step', _beside(found, _rows)),
        ('Animation', _beside(found, _animation)),
        ('Speed', _speed(found)),
        ('How to reproduce it', _beside(found, _commands)),
        ('Differences between the runs' if len(found) > 1 else 'Configuration', _configurations(found)),
    ]
    title = 'Report on ' + ', '.join(run.name for run in found)
    write_text(config.out, _page(title, found, sections))
    print('{}: {} in {:.1f} MB'.format(config.out, ', '.join(run.name for run in found),
                                       os.path.getsize(config.out) / 1e6))


# ---------------------------------------------------------------------------- what there is

def _read(path, title):
    preset = run_folder.read_preset(path)
    config = run_folder.read_config(path)
    folder, shown = os.path.join(path, 'checkpoints'), []
    steps = checkpoint.list_steps(folder)
    if steps:
        shown.append((
            'the last checkpoint, step {:,}'.format(steps[-1]), checkpoint.checkpoint_path(folder, steps[-1])))
    watched = run_folder.read_table(os.path.join(path, 'quality.csv'), evaluation.QualityMonitor.COLUMNS)
    best = evaluation.best(watched)
    if best and best['step'] in steps and best['step'] != steps[-1]:
        shown.append(('the best checkpoint by Frechet distance, step {:,.0f}'.format(best['step']),
                      checkpoint.checkpoint_path(folder, int(best['step']))))
    evaluated, over_steps, measured_on = _evaluations(path)
    if watched:
        same = [row for row in watched if row['n'] == watched[-1]['n']]
        about = config.get('evaluation')
        real = about.get('real') if isinstance(about, dict) else None
        over_steps = same, real if _is_row(real) else None, int(same[-1]['n'])
    return Found(title, path, preset, config, run_folder.load_samples(path, preset.image_range, print),
                 run_folder.read_metrics(path), evaluated, over_steps, recorded.trained_on(config), measured_on, shown)


def _is_row(row):
    """Whether a row of measures, which came from a file, has the numbers that a page needs."""
    return isinstance(row, dict) and all(isinstance(row.get(key), (int, float)) for key, _, _ in images.QUALITY) \
        and all(value is None or isinstance(value, (int, float)) for key, value in row.items()
                if key in BETTER or key in SPREAD.values())


def _evaluations(path):
    """What there is in a run's evaluations.

    (folder, metrics.json) of the newest single one, the over_steps of one of all checkpoints,
    and the data that these two were measured against.
    """
    single, several, data = None, None, {}
    for name in sorted(glob.glob(os.path.join(glob.escape(path), 'evaluation*', 'metrics.json'))):
        try:
            metrics = read_json(name)
            rows = metrics['results']
            if not rows or not all(map(_is_row, rows)) or not isinstance(metrics['n'], int):
                raise ValueError('no rows of measures')
            metrics['features']['name']  # has to be there
            steps = [row for row in rows[1:] if isinstance(row.get('step'), int)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            print('WARNING: {}: expected an evaluation, found a damaged one ({}); the page goes without it'.format(
                name, reason(error)), file=sys.stderr)
            continue
        of_all = len({row['step'] for row in steps}) > 1
        if of_all:
            several = steps, rows[0], metrics['n']
        else:
            single = os.path.dirname(name), metrics
        data[of_all] = recorded.measured_on(metrics)
    return single, several, list(data.values())


# ------------------------------------------------------------------------------ the sections

def _samples(run, config):
    if not run.checkpoints:
        return _note('No checkpoint yet.')
    parts = []
    for title, prefix in run.checkpoints:
        z = sample_noise(run.preset, SAMPLES, config.seed)
        parts += [_note(title), _pixels(_generated(run, prefix, z, config), 8, 'A grid of samples')]
    return ''.join(parts)


def _walks(run, config):
    if not run.checkpoints:
        return _note('No checkpoint yet.')
    title, prefix = run.checkpoints[-1]
    z = sample_interpolations(run.preset, WALKS, WALK, config.seed)
    return _note('Each row walks from one noise vector to another; ' + title) + _pixels(
        _generated(run, prefix, z, config), WALK, 'Rows of images that change from left to right')


def _generated(run, prefix, z, config):
    return to_uint8(run.preset, generate(run.preset, prefix, z, config.seed, device=config.device), prefix)


def _rows(run):
    if not run.rows:
        return _note('No samples yet.')
    figure = images.rows_figure(run.rows, run.name, ROWS)
    return _png(images.figure_bytes(figure, images.ROWS_DPI), 'A row of samples for each logged step')


def _animation(run):
    if len(run.rows) < 2:
        return _note('Not enough samples yet.')
    content, frames = images.gif_bytes(run.rows, run.preset.samples_columns)
    return _image('gif', content, 'The samples of {} steps as an animation'.format(frames), 'pixels')


def _neighbours(run):
    path = run.evaluation and os.path.join(run.evaluation[0], 'neighbours.png')
    if not path or not os.path.isfile(path):
        return _not_evaluated(run)
    with open(path, 'rb') as handle:
        return _png(handle.read(), 'Samples above the training images that are nearest to them')


def _losses(found):
    keys = [key for key in ('d_loss', 'g_loss', 'loss') if any(key in row for run in found for row in run.metrics)]
    charts = []
    for key in keys:
        title = images.LOSS_TITLES.get(key, key)
        lines = _curves(found, 'step', key)
        for name in sorted({run.preset.recorded_losses for run in found} - {None}):
            recorded = images.read_recorded_losses(name)
            lines.insert(0, images.Line('recorded in 2017', recorded['step'], recorded[key], '0.65'))
        charts.append((images.line_chart(title, 'step', lines), title + ' over steps'))
        if len(found) > 1:
            charts.append((images.line_chart(title, 'seconds of training', _curves(found, 'seconds', key)),
                           title + ' over seconds'))
    return _charts(charts) or _note('No losses yet.')


def _data(found):
    """A line each where the runs were not trained on the same data, or not measured against the same, or alike."""
    measured = [(run, record) for run in found for record in run.measured_on]
    lines = [recorded.differences('trained on', [(run.name, run.trained_on) for run in found]),
             recorded.differences('measured against', [(run.name, record) for run, record in measured])]
    scales = [(run.name, run.evaluation[1]) for run in found if run.evaluation]
    if len({(metrics['n'], str(metrics['features']['name'])) for _, metrics in scales}) > 1:
        lines.append('These runs were measured in different ways, and their figures do not compare: {}.'.format(
            '; '.join('{}: {:,} images, by the {}'.format(name, metrics['n'], metrics['features']['name'])
                      for name, metrics in scales)))
    for run in found:
        others = [record for record in run.measured_on if record['checksum'] and run.trained_on['checksum']
                  and record['checksum'] != run.trained_on['checksum']]
        if others:
            lines.append('{} was trained on {}, and measured against {}.'.format(
                run.name, recorded.title(run.trained_on), recorded.title(others[0])))
    return ''.join('<p class="warning">{}</p>'.format(_text(line)) for line in lines if line)


def _curves(found, x, y):
    return [images.Line(run.name, [row[x] for row in rows], [row[y] for row in rows], 'C{}'.format(index % 10))
            for index, run in enumerate(found)
            for rows in [[row for row in run.metrics if x in row and y in row]] if rows]


def _speed(found):
    notes, charts = [], []
    for run in found:
        seconds = [row['seconds'] for row in run.metrics if 'seconds' in row]
        speeds = sorted(row['images_per_second'] for row in run.metrics if 'images_per_second' in row)
        if speeds:
            notes.append(_note('{}: {:,.0f} images/s in the median row{}.'.format(
                run.name, speeds[len(speeds) // 2],
                ', {:.1f} minutes of training'.format(seconds[-1] / 60) if seconds else '')))
            # Each in axes of its own: a dense network may be a hundred times as fast as a convolutional one.
            charts.append((images.line_chart('images per second', 'step', _curves([run], 'step', 'images_per_second'),
                                             from_zero=True), 'Images per second over steps of ' + run.name))
    return ''.join(notes) + _charts(charts) or _note('No rows yet.')


def _quality(found):
    watched = [(index, run) for index, run in enumerate(found) if run.over_steps]
    if not watched:
        return _note('Train with --eval_every, or evaluate with --all_checkpoints, to see how it rises and falls.')
    charts = []
    for key, title, better in images.QUALITY:
        for x, x_title in (('step', 'step'), ('seconds', 'seconds of training')):
            lines = []
            for index, run in watched:
                rows = [(_seconds_at(run, row['step']) if x == 'seconds' else row['step'], row[key])
                        for row in run.over_steps[0]]
                rows = [row for row in rows if row[0] is not None]
                lines.append(images.Line(run.name, *zip(*rows), colour='C{}'.format(index % 10)) if rows else None)
            lines = [line for line in lines if line]
            real = [run.over_steps[1] for _, run in watched if run.over_steps[1]]
            if lines and (x == 'step' or len(found) > 1):
                charts.append((images.line_chart(
                    '{} ({})'.format(title, better), x_title, lines,
                    level=('real images', real[0][key]) if real else None, from_zero=True),
                    '{} over {}'.format(title, x_title)))
    return _charts(charts) + _note('By samples of {}; distances of samples of other sizes do not compare.'.format(
        ', '.join('{:,}'.format(n) for n in sorted({run.over_steps[2] for _, run in watched}))))


def _seconds_at(run, step):
    """Seconds of training up to a step, between the rows of metrics.csv; None where they don't say."""
    rows = [(0.0, 0.0)] + [(row['step'], row['seconds']) for row in run.metrics if 'seconds' in row]
    if len(rows) < 2:
        return None
    for (x0, y0), (x1, y1) in zip(rows, rows[1:]):
        if x0 <= step <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (step - x0) / (x1 - x0)
    return rows[-1][1] * step / rows[-1][0]


def _measures(found):
    measured = [run for run in found if run.evaluation]
    if not measured:
        return ''.join(map(_not_evaluated, found))
    columns, notes, charts = [], [], []
    for run in measured:
        _, metrics = run.evaluation
        prefix = run.name + ', ' if len(found) > 1 else ''
        for row in metrics['results']:
            step = row.get('step')
            columns.append(('{}{}{}'.format(prefix, row.get('name'), ', step {:,}'.format(step) if isinstance(
                step, int) else ''), row))
        notes.append(_note('{}{:,} images against {:,} real ones, by the {}.'.format(
            run.name + ': ' if len(found) > 1 else '', metrics['n'], metrics['n'],
            metrics['features']['name'])))
        charts += _shares(run, metrics)
    lines = ['<div class="scroll"><table><thead><tr><th></th>{}</tr></thead><tbody>'.format(
        ''.join('<th>{}</th>'.format(_text(name)) for name, _ in columns))]
    for key, better in BETTER.items():
        cells = [_measure_cell(key, row) for _, row in columns]
        if any(cells):
            lines.append('<tr><th>{} ({})</th>{}</tr>'.format(
                _text(key.replace('_', ' ')), better, ''.join('<td>{}</td>'.format(cell) for cell in cells)))
    lines.append('</tbody></table></div>')
    missing = [_not_evaluated(run) for run in found if not run.evaluation]
    return ''.join(lines + notes + missing) + _charts(charts)


def _measure_cell(key, row):
    if row.get(key) is None:
        return ''
    cell = evaluation.COLUMNS[key][1].format(row[key])
    spread = SPREAD.get(key)
    if row.get(spread) is None:
        return cell
    return '{} ± {}'.format(cell, evaluation.COLUMNS[spread][1].format(row[spread]))


def _shares(run, metrics):
    """A chart of how the classes are shared out, where there was a classifier."""
    groups = [(str(row.get('name')), row['class_shares']) for row in metrics['results']
              if isinstance(row.get('class_shares'), list) and row['class_shares']
              and all(isinstance(share, (int, float)) for share in row['class_shares'])]
    count = len(groups[0][1]) if groups else 0
    if not groups or any(len(shares) != count for _, shares in groups):
        return []
    names = metrics.get('classes')
    if not isinstance(names, list) or len(names) != count:
        names = range(count)
    return [(images.bar_chart('classes of ' + run.name, [str(name) for name in names], groups),
             'Share of each class in {}'.format(run.name))]


def _not_evaluated(run):
    return _note('Not evaluated yet: python -m dcgan_tf1.evaluate --run={}'.format(run.path))


def _commands(run):
    versions = run.config.get('versions')
    data = run.config.get('data')
    lines = ['<pre>{}</pre>'.format(_text(run.config.get('command', 'not recorded')))]
    if isinstance(versions, dict):
        lines.append(_note('With ' + ', '.join('{} {}'.format(*item) for item in versions.items())))
    if isinstance(data, dict):
        lines.append(_note('Data: {}, checksum {}{}'.format(
            data.get('name'), data.get('checksum'), '; {}'.format(data['note']) if data.get('note') else '')))
    return ''.join(lines)


def _configurations(found):
    """Every value of one run; of several, those that are not the same in all."""
    flat = [_flat(run.config) for run in found]
    keys = list(collections.OrderedDict((key, None) for values in flat for key in values))
    if len(found) > 1:
        keys = [key for key in keys if len({values.get(key) for values in flat}) > 1]
    if not keys:
        return _note('None.')
    return '<table class="words"><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>'.format(
        ''.join('<th>{}</th>'.format(_text(run.name)) for run in found),
        ''.join('<tr><th>{}</th>{}</tr>'.format(_text(key), ''.join(
            '<td>{}</td>'.format(_text(values.get(key, ''))) for values in flat)) for key in keys))


def _flat(value, prefix=''):
    """{'a.b': text} of nested dictionaries."""
    if isinstance(value, dict):
        found = collections.OrderedDict()
        for key, item in value.items():
            found.update(_flat(item, '{}.{}'.format(prefix, key) if prefix else str(key)))
        return found
    return collections.OrderedDict([(prefix, value if isinstance(value, str) else json.dumps(value))])


# ---------------------------------------------------------------------------------- the page

def _text(value):
    return html.escape(str(value))


def _note(text):
    return '<p class="note">{}</p>'.format(_text(text))


def _image(kind, content, text, css=''):
    return '<img{} alt="{}" src="data:image/{};base64,{}">'.format(
        ' class="{}"'.format(css) if css else '', _text(text), kind, base64.b64encode(content).decode())


def _png(content, text):
    return _image('png', content, text)


def _pixels(pictures, columns, text):
    return _image('png', images.png_bytes(images.grid(pictures, columns)), text, 'pixels')


def _charts(charts):
    return '<div class="beside charts">{}</div>'.format(''.join(_png(*chart) for chart in charts)) if charts else ''


def _beside(found, section):
    if len(found) == 1:
        return section(found[0])
    return '<div class="beside">{}</div>'.format(''.join(
        '<div><h3>{}</h3>{}</div>'.format(_text(run.name), section(run)) for run in found))


def _page(title, found, sections):
    with open(os.path.join(TEMPLATES, 'report.css'), encoding='utf-8') as handle:
        style = re.sub(r'\s*\n\s*', '\n', handle.read())
    about = ''.join('<p><strong>{}</strong>: {}, {}, {}, seed {}.</p>'.format(*map(_text, (
        run.name, run.preset.title, run.config.get('device', 'a device that was not recorded'),
        _arithmetic(run.config), run.config['identity'].get('seed')))) for run in found) + _data(found)
    return '''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
{about}
{sections}
<p class="note">Written by dcgan_tf1 {version} on {date}.</p>
</body>
</html>
'''.format(title=_text(title), style=style, about=about, version=dcgan_tf1.__version__,
           date=time.strftime('%Y-%m-%d'),
           sections='\n'.join('<section>\n<h2>{}</h2>\n{}\n</section>'.format(_text(name), content)
                              for name, content in sections))


def _arithmetic(config):
    found = config.get('arithmetic')
    return found.get('precision', 'float32') if isinstance(found, dict) else 'float32'


if __name__ == '__main__':
    sys.exit(main())
