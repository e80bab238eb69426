"""Generated images against real ones: the real ones' features, and every metric of a set of images."""

import collections
import math

import numpy as np

from dcgan_tf1.data.picked import pick
from dcgan_tf1.metrics import distances, spectrum
from dcgan_tf1.metrics.table import MONITORED_COLUMNS, MONITORED_WITH_LABELS
from dcgan_tf1.util.seeds import numpy_rng

MIN_IMAGES = 100  # fewer say nothing
REAL = 'real images'  # the scale: a second half of the real ones in the generated ones' place

# A set of images with what an Extractor gives for them.
Extracted = collections.namedtuple('Extracted', [
    'images',         # uint8 [N, H, W, C]
    'features',       # [N, D]
    'probabilities',  # [N, K], or None
    'labels',         # of the classes that they are of, or were asked for: int [N]; None where nobody knows
])

# The real images that generated ones are compared with.
Reference = collections.namedtuple('Reference', [
    'training',  # features of all real images but the second half
    'images',    # these images, uint8
    'features',  # of the first half: n images
    'labels',    # their labels; None where images are measured without
    'classes',   # how many classes there are, or None
    'other',     # the second half, Extracted: n others
    'near',      # the distance to `training` within which one in a hundred of the second half lies
    'title',     # for people
])


def extract(extractor, images_uint8, labels=None):
    """The Extracted of uint8 [N, H, W, C]."""
    return Extracted(images_uint8, *extractor.run(images_uint8), labels)


def make_reference(real, title, extractor, count, seed, log=print, labels=None, classes=None):
    """The Reference of `real`, uint8 [N, H, W, C]: two halves of `count` images, and the rest to search.

    labels, classes: the images' labels, int [N], and how many classes there are; None to measure without. Images
    that are compared with it are to be made of the second half's labels: as many of each class as in `other`.
    """
    order = numpy_rng(seed, 'evaluate', 0).permutation(len(real))
    others, training = order[:count], order[count:]
    log('features of {:,} real images ({})'.format(len(real), title))
    features, probabilities = extractor.run(real)
    near = np.percentile(distances.nearest(features[others], features[training])[1], 1)
    other = Extracted(real[others], features[others], None if probabilities is None else probabilities[others],
                      None if labels is None else labels[others])
    return Reference(features[training], pick(real, training), features[training[:count]],
                     None if labels is None else labels[training[:count]], classes, other, near, title)


def measure(name, step, extracted, reference):
    """(the metrics of a set of images as a row of results, the index of each image's nearest training image).

    extracted: the images, Extracted. name, step: for the row.
    """
    features, probabilities = extracted.features, extracted.probabilities
    distance, error = distances.kernel_distance(reference.features, features)
    precision, recall = distances.precision_recall(reference.features, features)
    density, coverage = distances.density_coverage(reference.features, features)
    nearest, distance_to_training = distances.nearest(features, reference.training)
    row = collections.OrderedDict([
        ('name', name), ('step', step),
        ('frechet_distance', distances.frechet_distance(reference.features, features)),
        ('kernel_distance', distance), ('kernel_distance_error', None if math.isnan(error) else error),
        ('precision', float(precision)), ('recall', float(recall)), ('density', density), ('coverage', coverage),
        # Nearer to a training image than all but one in a hundred of real images are.
        ('memorised', float((distance_to_training < reference.near).mean())),
        ('nearest_training_distance', float(distance_to_training.mean())),
        ('checkerboard', spectrum.checkerboard(extracted.images))])
    if probabilities is not None:
        row['classifier_score'], row['classifier_score_deviation'] = distances.classifier_score(probabilities)
        histogram = distances.class_histogram(probabilities)
        row.update(class_entropy=histogram.entropy, confidence=histogram.confidence,
                   class_shares=histogram.shares.tolist())
    if extracted.labels is not None:
        row.update(_by_class(extracted, reference))
    return row, nearest


def _by_class(extracted, reference):
    """The metrics that need labels: over all classes, and for each class (None where it has too few images).

    Left out are metrics for which no class has enough images, and accuracy by probabilities of other classes.
    """
    row, probabilities = {}, extracted.probabilities
    if probabilities is not None and probabilities.shape[1] == reference.classes:
        row['class_accuracy'] = float((probabilities.argmax(axis=1) == extracted.labels).mean())
        row['class_accuracies'] = _with_none(distances.class_accuracies(probabilities, extracted.labels))
    by_class = distances.frechet_by_class(reference.features, reference.labels, extracted.features, extracted.labels,
                                          reference.classes)
    if not np.isnan(by_class).all():
        row['frechet_within_classes'] = float(np.nanmean(by_class))
        row['frechet_by_class'] = _with_none(by_class)
    return row


def _with_none(values):
    """Numbers as JSON has them: a list with None for NaN."""
    return [None if math.isnan(value) else float(value) for value in values]


class QualityMonitor:
    """Measures a smaller sample of a run while it trains, always by the same noise, labels and real images."""

    def __init__(self, extractor, real, title, count, seed, log, labels=None, classes=None):
        """real: uint8 [N, H, W, C], of which two times `count` are taken. labels, classes: as for make_reference()."""
        order = numpy_rng(seed, 'evaluate', 1).permutation(len(real))[:2 * count]
        self.count, self.features, self._extractor = count, extractor.name, extractor
        self._reference = make_reference(real[order], title, extractor, count, seed, log,
                                         None if labels is None else labels[order], classes)
        self.labels = self._reference.other.labels  # that images are to be made of, int [count]; or None
        metrics, _ = measure(None, None, self._reference.other, self._reference)
        self.columns = MONITORED_COLUMNS + tuple(key for key in MONITORED_WITH_LABELS if key in metrics)
        self.real = self._row(metrics)

    def _row(self, metrics):
        return dict({key: metrics[key] for key in self.columns if key in metrics}, n=self.count)

    def measure(self, step, images_uint8):
        """The row of quality.csv for images of a step, uint8 [count, H, W, C]."""
        return self._row(measure(None, step, extract(self._extractor, images_uint8, self.labels), self._reference)[0])
