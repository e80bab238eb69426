"""The tables of docs/results.md, as Markdown, from records of runs."""

import collections
import textwrap

import systems
from run_records import data_title

from dcgan_tf1.data.catalogue import DATASETS, short_title
from dcgan_tf1.metrics.table import METRICS, format_with_error

# Of the table of all systems; the table of all runs has every metric.
MAIN = ('frechet_distance', 'precision', 'recall', 'class_accuracy', 'memorised', 'checkerboard')
BY_KEY = {metric.key: metric for metric in METRICS}
# The systems of 2017: how soon the others of the same images are as good as these were in the end.
ORIGINALS = ('blog_mnist', 'blog_cifar_horse')
MORE_IS_WORSE = ('memorised',)  # of metrics that are best as real images have them, those of which less is no fault


def all_tables(records, strips, left_out=()):
    """Everything that is generated.

    records: of the runs. strips: their folder, relative to the document. left_out: names of records that don't count.
    """
    recorded, ran = {record['system'] for record in records}, {record['name'] for record in records}
    missing = [name for name in systems.BY_NAME if name not in recorded]
    seeds = [name for name, system, _ in systems.runs() if name not in ran and system.name in recorded]
    parts = ['{}: {}.'.format(text, ', '.join(map('`{}`'.format, names))) for text, names in (
        ('Not yet run to the end with the data of these tables', missing),
        ('Other seeds not yet run', seeds),
        ('Left out, for their presets have changed since', left_out)) if names]
    if records:
        parts += [conditions(records), other_scales(records), '\n'.join(main_table(records, strips)),
                  '### Time to quality', '\n'.join(time_tables(records)),
                  '### Every run', '\n'.join(run_table(records)),
                  '### Losses beside those of 2017', '\n'.join(loss_table(records))]
    parts += ['### What the sources said', '\n'.join(said_table())]
    return '\n\n'.join(part for part in parts if part)


def conditions(records):
    days = sorted({record['date'] for record in records})
    return 'Conditions: TensorFlow {}; {}; {}.'.format(
        ', '.join(sorted({record['versions']['tensorflow'] for record in records})),
        ', '.join(sorted({record['device'] for record in records})),
        days[0] if len(days) == 1 else '{} to {}'.format(days[0], days[-1])) + ''.join(
            ' `{}` was trained on {}.'.format(record['name'], record['data']['note'] or 'files other than the '
                                              'published ones')
            for record in records if not record['data']['official'])


def other_scales(records):
    """Which runs were measured by another classifier than most on the same data: their figures have another scale."""
    return '\n'.join(
        textwrap.fill('Measured by a different {} ({}) from the other runs of these data ({}), so on another scale, '
                      'and marked by *: {}.'.format(*_apart(features, usual), ', '.join(
                          '`{}`'.format(record['name']) for record in some)), 119, break_on_hyphens=False)
        for features, usual, some in _measured_otherwise(records))


def _measured_otherwise(records):
    """[(features, those of most runs of the same data, the records with the former)]."""
    found = []
    for _, of_data in grouped(records, lambda record: record['evaluation']['features'].partition(' (')[0]):
        groups = grouped(of_data, lambda record: record['evaluation']['features'])
        usual, _ = max(groups, key=lambda group: len(group[1]))
        found += [(features, usual, some) for features, some in groups if features != usual]
    return found


def marked_systems(records):
    """{system: its name in tables}, with a * where a run of it was measured by another classifier than most."""
    others = {record['system'] for _, _, some in _measured_otherwise(records) for record in some}
    return {record['system']: '`{}`{}'.format(record['system'], '\\*' if record['system'] in others else '')
            for record in records}


def _apart(features, usual):
    """(what two classifiers of the same data are, what only the first one has, what only the second one has)."""
    what, space, dataset = features.partition(' (')[0].rpartition(' ')
    one, other = [each.partition(' (')[2].rstrip(')').replace('%', ' %').split(', ') for each in (features, usual)]
    return (what + space + (short_title(dataset) if dataset in DATASETS else dataset),
            ', '.join(each for each in one if each not in other),
            ', '.join(each for each in other if each not in one).replace('test accuracy ', ''))


def grouped(records, key):
    """[(key, records)], in the order in which the keys come up."""
    groups = collections.OrderedDict()
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return list(groups.items())


def by_data(records):
    return grouped(records, data_title)


def row(cells):
    return '| {} |'.format(' | '.join(cells))


def heading(cells):
    return [row(cells), '|' + '---|' * len(cells)]


# ------------------------------------------------------------------------------- all systems

def main_table(records, strips):
    """A row for each system, the mean over its seeds and the worst of them; above, the real images they learn from."""
    keys, names = _measured(records, [key for key in MAIN if key in BY_KEY]), marked_systems(records)
    lines = heading(['system', 'steps', 'minutes'] + [_heading(key) for key in keys] + ['24 samples'])
    for title, of_data in by_data(records):
        pools = list(grouped(of_data, lambda record: record['data']['images']))
        for count, of_pool in pools:  # without and with the images that some systems hold out
            about = '' if len(pools) == 1 else ', {:,}'.format(count)
            lines.append(row(['*real images: {}{}*'.format(title, about), '', ''] + [
                _mean([record['evaluation']['real'] for record in of_pool], key) for key in keys] + ['']))
        for system, runs in grouped(of_data, lambda record: record['system']):
            lines.append(row(
                [names[system] + ('' if len(runs) == 1 else ', {} seeds'.format(len(runs))),
                 _range([record['steps'] for record in runs], '{:,}'),
                 _minutes(runs)]
                + [mean_and_worst(runs, key) for key in keys]
                + ['![24 samples of {}]({}/{}.png)'.format(system, strips, runs[0]['name'])]))
    return lines


def _measured(records, keys):
    rows = [row for record in records for row in [record['evaluation']['real']] + record['evaluation']['results']]
    return [key for key in keys if any(row.get(key) is not None for row in rows)]


def _heading(key):
    return BY_KEY[key].heading.replace('Frechet', 'Fréchet')


def _mean(rows, key):
    values = [row[key] for row in rows if row.get(key) is not None]
    return BY_KEY[key].format.format(sum(values) / len(values)) if values else ''


def mean_and_worst(runs, key):
    """The mean of a metric over runs of a system, as its preset samples; in brackets the worst of several."""
    metric, rows = BY_KEY[key], [run['evaluation']['results'][0] for run in runs]
    values = [row[key] for row in rows if row.get(key) is not None]
    real = runs[0]['evaluation']['real'].get(key)
    if len(values) < 2 or (metric.better == 'as real' and real is None):
        return _mean(rows, key)
    distance_to_best = {'lower': lambda value: value, 'higher': lambda value: -value}.get(
        'lower' if key in MORE_IS_WORSE else metric.better, lambda value: abs(value - real))
    return '{} ({})'.format(_mean(rows, key), metric.format.format(max(values, key=distance_to_best)))


def _processor(record):
    return record['device'].split(' ')[0]  # CPU or GPU


def _minutes(runs):
    """Of each kind of processor and precision, which make different times."""
    return ', '.join('{:.1f} ({})'.format(computed_minutes(some), conditions)
                     for conditions, some in grouped(runs, _computed_by))


def _computed_by(record):
    return _processor(record) + ('' if record['precision'] == 'bfloat16' else ', ' + record['precision'])


def computed_minutes(runs):
    """What all steps take at the median speed of the fastest run: no evaluations, no pauses, no other work beside."""
    return min(record['steps'] * _images_in_a_step(record) / record['images_per_second'] / 60 for record in runs)


def _images_in_a_step(record):
    return record['identity']['batch_size'] * record['identity']['image_batches']


def _range(values, form):
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else '{} to {}'.format(low, high)


# ---------------------------------------------------------------------------------- every run

def run_table(records):
    """A row for each run and each way to sample it, with every metric."""
    keys = _measured(records, [metric.key for metric in METRICS])
    lines = heading(['run', 'images', 'minutes', 'images/s', 'computed in'] + [_heading(key) for key in keys])
    for title, of_data in grouped(records, lambda record: '{}, {:,} images'.format(
            data_title(record), record['data']['images'])):
        for real in real_rows(of_data, keys):
            lines.append(row(['', '*real: {}*'.format(title), '', '', ''] + real))
        for record in of_data:
            for index, result in enumerate(record['evaluation']['results']):
                about = ['{:.1f}'.format(record['minutes']), '{:,.0f}'.format(record['images_per_second']),
                         '{}, {}'.format(record['precision'], _processor(record))] if index == 0 else ['', '', '']
                lines.append(row(['`{}`'.format(record['name']) if index == 0 else '', result['name']] + about + [
                    format_with_error(BY_KEY[key], result) for key in keys]))
    return lines


def real_rows(records, keys):
    """The metrics of the real images that runs were measured beside: one list of cells, where they agree.

    Those of a preset with labels have more of them.
    """
    rows = []
    for record in records:
        cells = [format_with_error(BY_KEY[key], record['evaluation']['real']) for key in keys]
        for index, other in enumerate(rows):
            if all(one == two or not (one and two) for one, two in zip(cells, other)):
                rows[index] = [one or two for one, two in zip(cells, other)]
                break
        else:
            rows.append(cells)
    return rows


def loss_table(records):
    """The losses of the systems that 2017 recorded some of."""
    lines = heading(['run', 'rows in the range of 2017', 'last ten, discriminator (2017)',
                     'last ten, generator (2017)'])
    for record in records:
        losses = record['losses']
        if 'within_2017' in losses:
            means = ['{:.2f} ({:.2f})'.format(losses['last_ten'][key], losses['last_ten_2017'][key])
                     for key in ('d_loss', 'g_loss')]
            within = '{} of {}'.format(losses['within_2017'], losses['rows'])
            lines.append(row(['`{}`'.format(record['name']), within] + means))
    return lines if len(lines) > len(heading([''])) else ['None of these runs is of a system that 2017 recorded.']


# ----------------------------------------------------------------------------- time to quality

def time_tables(records):
    """When each run was as good as the original of the same images is in the end, by what was measured meanwhile."""
    lines = []
    for title, of_data in by_data(records):
        measured = [record for record in of_data if record['quality']]
        for original in ORIGINALS:
            runs = [record for record in measured if record['system'] == original]
            if runs:
                ends, count = [distances(record)[-1][1] for record in runs], runs[0]['quality']['n']
                limit = float('{:.2f}'.format(sum(ends) / len(ends)))
                lines += ['{}{}: `{}` ends at {:.2f}, the mean of its seeds, by {:,} images.'.format(
                    '\n' if lines else '', title, original, limit, count), '']
                lines += times_to([record for record in measured if record['quality']['n'] == count], limit)
    return lines or ['There is no run of {} yet to compare with.'.format(' or '.join(map('`{}`'.format, ORIGINALS)))]


def distances(record):
    """[(step, Frechet distance)] of what was measured while a run trained."""
    columns, rows = record['quality']['columns'], record['quality']['rows']
    return [tuple(each[columns.index(key)] for key in ('step', 'frechet_distance')) for each in rows]


def first_at(record, limit):
    """The step of the first measured distance of at most `limit`; None where there is none."""
    return next((step for step, distance in distances(record) if distance <= limit), None)


def times_to(records, limit):
    """A table of when each run's distance was first at most `limit`, of the runs that were measured meanwhile.

    Minutes are computed as in the table of all systems.
    """
    lines, names = heading(['system', 'at most {:g} by step'.format(limit), 'after minutes', 'on', 'best', 'last']), \
        marked_systems(records)
    for system, runs in grouped([record for record in records if record['quality']], lambda record: record['system']):
        steps = [first_at(record, limit) for record in runs]
        each = [computed_minutes([other for other in runs if _computed_by(other) == _computed_by(record)])
                / record['steps'] for record in runs]
        lines.append(row([
            names[system],
            ', '.join('never' if step is None else '{:,}'.format(step) for step in steps),
            ', '.join('-' if step is None else '{:.1f}'.format(step * minutes)
                      for step, minutes in zip(steps, each)) if any(steps) else '',
            ', '.join(sorted({_computed_by(record) for record in runs})),
            ', '.join('{:.2f}'.format(min(distance for _, distance in distances(record))) for record in runs),
            ', '.join('{:.2f}'.format(distances(record)[-1][1]) for record in runs)]))
    return lines


def said_table():
    return heading(['system', 'what its source said']) + [
        row(['`{}`'.format(system.name), system.said]) for system in systems.SYSTEMS]
