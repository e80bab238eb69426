"""Generated images against real ones: the real ones' features, and every measure of a set of images."""

import collections
import math

import numpy as np

from dcgan_tf1.metrics import distances
from dcgan_tf1.util import images
from dcgan_tf1.util.seeds import numpy_rng

MIN_IMAGES = 100  # images; fewer say nothing
REAL = 'real images'  # the scale: a second half of the real ones in the generated ones' place

# The measures in the order of tables: key, heading, format.
COLUMNS = collections.OrderedDict([
    ('frechet_distance', ('Frechet', '{:.2f}')), ('kernel_distance', ('KID', '{:.4f}')),
    ('kernel_distance_error', ('+-', '{:.4f}')), ('classifier_score', ('score', '{:.2f}')),
    ('classifier_score_deviation', ('+-', '{:.2f}')), ('precision', ('precision', '{:.3f}')),
    ('recall', ('recall', '{:.3f}')), ('density', ('density', '{:.3f}')), ('coverage', ('coverage', '{:.3f}')),
    ('class_entropy', ('entropy', '{:.3f}')), ('confidence', ('confidence', '{:.3f}')),
    ('memorised', ('memorised', '{:.3f}'))])

# The real images, by which all are measured.
Reference = collections.namedtuple('Reference', [
    'training',  # features of all real images but the second half
    'images',    # these images, uint8
    'features',  # of the first half: n images
    'other',     # (features, probabilities) of the second half: n others
    'near',      # as near to one of `training` is one in a hundred of the second half
    'title',     # for people
])


def as_bytes(data, preset):
    """A TrainingData's images as bytes: uint8 [N] + image_shape."""
    return images.to_uint8(data.images.reshape((-1,) + preset.image_shape), preset.image_range)


def make_reference(real, title, extractor, count, seed, log=print):
    """The Reference of two times `count` images and all that are left of `real`, uint8 [N, H, W, C]."""
    order = numpy_rng(seed, 'evaluate', 0).permutation(len(real))
    others, training = order[:count], order[count:]
    log('features of {:,} real images ({})'.format(len(real), title))
    found, probabilities = extractor.run(real)
    near = np.percentile(distances.nearest(found[others], found[training])[1], 1)
    return Reference(found[training], real[training], found[training[:count]],
                     (found[others], None if probabilities is None else probabilities[others]), near, title)


def measure(name, step, extracted, reference):
    """(a row of results, the index of each image's nearest training image).

    extracted: what an Extractor gives for the images; name and step: for the row.
    """
    found, probabilities = extracted
    distance, error = distances.kernel_distance(reference.features, found)
    precision, recall = distances.precision_recall(reference.features, found)
    density, coverage = distances.density_coverage(reference.features, found)
    nearest, away = distances.nearest(found, reference.training)
    row = collections.OrderedDict([
        ('name', name), ('step', step),
        ('frechet_distance', distances.frechet_distance(reference.features, found)),
        ('kernel_distance', distance), ('kernel_distance_error', None if math.isnan(error) else error),
        ('precision', float(precision)), ('recall', float(recall)), ('density', density), ('coverage', coverage),
        # Nearer to a training image than all but one in a hundred of real images are.
        ('memorised', float((away < reference.near).mean())),
        ('nearest_training_distance', float(away.mean()))])
    if probabilities is not None:
        row['classifier_score'], row['classifier_score_deviation'] = distances.classifier_score(probabilities)
        histogram = distances.class_histogram(probabilities)
        row.update(class_entropy=histogram.entropy, confidence=histogram.confidence,
                   class_shares=histogram.shares.tolist())
    return row, nearest


class QualityMonitor:
    """Measures a smaller sample of a run while it trains, always by the same noise and real images."""

    # Of a row in quality.csv. The sample is too small for the rest to tell steps apart.
    COLUMNS = ('step', 'n', 'frechet_distance', 'kernel_distance', 'precision', 'recall', 'coverage')

    def __init__(self, extractor, real, title, count, seed, log):
        """real: uint8 [N, H, W, C], of which two times `count` are taken."""
        order = numpy_rng(seed, 'evaluate', 1).permutation(len(real))[:2 * count]
        self.count, self.features, self._extractor = count, extractor.name, extractor
        self._reference = make_reference(real[order], title, extractor, count, seed, log)
        self.real = self._row(None, self._reference.other)

    def _row(self, step, extracted):
        row, _ = measure(None, step, extracted, self._reference)
        return dict({key: row[key] for key in self.COLUMNS if key in row}, n=self.count)

    def measure(self, step, pictures):
        """A row of quality.csv of uint8 [count, H, W, C]."""
        return self._row(step, self._extractor.run(pictures))


def best(rows):
    """The row of quality.csv with the smallest Frechet distance, of those with the last one's n; None of none."""
    same = [row for row in rows if row['n'] == rows[-1]['n']]
    return min(same, key=lambda row: (row['frechet_distance'], row['step']), default=None)
