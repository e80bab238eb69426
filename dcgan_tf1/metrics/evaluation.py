"""Generated images against real ones: the real ones' features, and every metric of a set of images."""

import collections
import math

import numpy as np

from dcgan_tf1.metrics import distances
from dcgan_tf1.metrics.table import MONITORED_COLUMNS
from dcgan_tf1.util import images
from dcgan_tf1.util.seeds import numpy_rng

MIN_IMAGES = 100  # fewer say nothing
REAL = 'real images'  # the scale: a second half of the real ones in the generated ones' place

# The real images that generated ones are compared with.
Reference = collections.namedtuple('Reference', [
    'training',  # features of all real images but the second half
    'images',    # these images, uint8
    'features',  # of the first half: n images
    'other',     # (features, probabilities) of the second half: n others
    'near',      # the distance to `training` within which one in a hundred of the second half lies
    'title',     # for people
])


def as_bytes(data, preset):
    """A TrainingData's images as bytes: uint8 [N] + image_shape."""
    return images.to_uint8(data.images.reshape((-1,) + preset.image_shape), preset.image_range)


def draw_labels(preset, labels, count, seed):
    """Labels to make `count` images of, as often as they are among the real ones' `labels`: int32 [count].

    None where the preset takes none.
    """
    if preset.classes is None:
        return None
    return numpy_rng(seed, 'evaluate/labels', 0).choice(labels, count).astype(np.int32)


def make_reference(real, title, extractor, count, seed, log=print):
    """The Reference of `real`, uint8 [N, H, W, C]: two halves of `count` images, and the rest to search."""
    order = numpy_rng(seed, 'evaluate', 0).permutation(len(real))
    others, training = order[:count], order[count:]
    log('features of {:,} real images ({})'.format(len(real), title))
    features, probabilities = extractor.run(real)
    near = np.percentile(distances.nearest(features[others], features[training])[1], 1)
    return Reference(features[training], real[training], features[training[:count]],
                     (features[others], None if probabilities is None else probabilities[others]), near, title)


def measure(name, step, extracted, reference):
    """(the metrics of a set of images as a row of results, the index of each image's nearest training image).

    extracted: what an Extractor gives for the images. name, step: for the row.
    """
    features, probabilities = extracted
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
        ('nearest_training_distance', float(distance_to_training.mean()))])
    if probabilities is not None:
        row['classifier_score'], row['classifier_score_deviation'] = distances.classifier_score(probabilities)
        histogram = distances.class_histogram(probabilities)
        row.update(class_entropy=histogram.entropy, confidence=histogram.confidence,
                   class_shares=histogram.shares.tolist())
    return row, nearest


class QualityMonitor:
    """Measures a smaller sample of a run while it trains, always by the same noise and real images."""

    COLUMNS = MONITORED_COLUMNS

    def __init__(self, extractor, real, title, count, seed, log):
        """real: uint8 [N, H, W, C], of which two times `count` are taken."""
        order = numpy_rng(seed, 'evaluate', 1).permutation(len(real))[:2 * count]
        self.count, self.features, self._extractor = count, extractor.name, extractor
        self._reference = make_reference(real[order], title, extractor, count, seed, log)
        self.real = self._row(None, self._reference.other)

    def _row(self, step, extracted):
        row, _ = measure(None, step, extracted, self._reference)
        return dict({key: row[key] for key in self.COLUMNS if key in row}, n=self.count)

    def measure(self, step, images_uint8):
        """The row of quality.csv for images of a step, uint8 [count, H, W, C]."""
        return self._row(step, self._extractor.run(images_uint8))
