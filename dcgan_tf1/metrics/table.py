"""The metrics, one line each: what the printed table, evaluations.csv, quality.csv, figures and reports go by."""

import collections

PIXELS = 'pixels'  # the word that asks for projection.py in place of a classifier or a graph

Metric = collections.namedtuple('Metric', [
    'key',        # in metrics.json and the CSV files
    'title',      # for figures and reports
    'heading',    # in the printed table
    'format',     # of a figure
    'better',     # 'lower' or 'higher'; 'as real' where the figure of real images is the best one
    'error',      # the key of its standard error or deviation, or None
    'monitored',  # whether it is measured while a run trains; the others can't tell steps apart by so few images
    'drawn',      # whether it is drawn over the steps of a run
    'labelled',   # whether it needs the images' labels, which those of conditional presets have
])
Metric.__new__.__defaults__ = (False,)


def title_with_direction(metric):
    """For people: 'Frechet distance (lower is better)', 'memorised (as real)'."""
    return '{} ({}{})'.format(metric.title, metric.better, '' if metric.better == 'as real' else ' is better')


METRICS = (
    Metric('frechet_distance', 'Frechet distance', 'Frechet', '{:.2f}', 'lower', None, True, True),
    Metric('frechet_within_classes', 'Frechet within classes', 'intra-class', '{:.2f}', 'lower', None, True,
           True, labelled=True),
    Metric('kernel_distance', 'kernel distance', 'KID', '{:.4f}', 'lower', 'kernel_distance_error', True, False),
    Metric('classifier_score', 'classifier score', 'score', '{:.2f}', 'higher', 'classifier_score_deviation', False,
           False),
    Metric('precision', 'precision', 'precision', '{:.3f}', 'higher', None, True, True),
    Metric('recall', 'recall', 'recall', '{:.3f}', 'higher', None, True, True),
    Metric('density', 'density', 'density', '{:.3f}', 'higher', None, False, False),
    Metric('coverage', 'coverage', 'coverage', '{:.3f}', 'higher', None, True, True),
    Metric('class_entropy', 'class entropy', 'entropy', '{:.3f}', 'as real', None, False, False),
    Metric('confidence', 'confidence', 'confidence', '{:.3f}', 'as real', None, False, False),
    Metric('class_accuracy', 'class accuracy', 'accuracy', '{:.3f}', 'higher', None, True, True, labelled=True),
    Metric('memorised', 'memorised', 'memorised', '{:.3f}', 'as real', None, False, False),
    Metric('checkerboard', 'checkerboard', 'checkerboard', '{:.1f}', 'as real', None, False, False),
)

DRAWN = tuple(metric for metric in METRICS if metric.drawn)

# Of a row in quality.csv; and those that the row of a conditional preset has besides.
MONITORED_COLUMNS = ('step', 'n') + tuple(metric.key for metric in METRICS if metric.monitored and not metric.labelled)
MONITORED_WITH_LABELS = tuple(metric.key for metric in METRICS if metric.monitored and metric.labelled)


def _columns():
    for metric in METRICS:
        yield metric.key, (metric.heading, metric.format)
        if metric.error is not None:
            yield metric.error, ('+-', metric.format)


# {key: (heading, format)} of every figure, errors included, in the order of tables.
COLUMNS = collections.OrderedDict(_columns())


def columns(labelled):
    """The keys of COLUMNS, without or with those of the metrics that need labels."""
    return [key for key in COLUMNS if labelled or key not in _LABELLED]


_LABELLED = [metric.key for metric in METRICS if metric.labelled]


def format_with_error(metric, row):
    """A metric of a row as text, with its error where the row has one; '' where the row lacks the metric."""
    if row.get(metric.key) is None:
        return ''
    text = metric.format.format(row[metric.key])
    if metric.error is None or row.get(metric.error) is None:
        return text
    return '{} ± {}'.format(text, metric.format.format(row[metric.error]))
