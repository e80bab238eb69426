"""How far generated images are from real ones: functions of features and class probabilities.

Features are [N, D] and probabilities [N, K] arrays of one extractor (`extractors.py`); all
arithmetic is float64. Nothing here draws images or random numbers: the caller gives samples in
random order. Distances between all pairs are taken in blocks, so that memory
stays within some hundred MiB for tens of thousands of images.
"""

import collections
from typing import Tuple

import numpy as np

from dcgan_tf1.util.checks import is_whole

BLOCK = 1000  # images of a block of the kernel distance
PAIRS = 4 * 10 ** 6  # pairs whose distances are held at a time

Histogram = collections.namedtuple('Histogram', 'shares entropy confidence')


def _features(features, least):
    """An array [N, D] of `least` images or more; ValueError for anything else, and where it is not finite."""
    try:
        features = np.asarray(features)
    except (TypeError, ValueError, NotImplementedError):  # rows of several lengths, a graph's tensor
        raise ValueError('expected features [N, D], numbers, found {:.80}'.format(' '.join(repr(features).split())))
    if features.dtype.name == 'bfloat16' or features.dtype.kind == 'f' and features.dtype.itemsize > 8:
        features = features.astype(np.float64)
    if features.ndim != 2 or features.dtype.kind not in 'biuf' or not features.shape[1]:
        raise ValueError('expected features [N, D], numbers, found {} {}'.format(features.dtype, list(features.shape)))
    if len(features) < least:
        raise ValueError('expected at least {} images, found {}'.format(least, len(features)))
    if not np.isfinite(features).all():
        raise ValueError('expected finite features, found some that are not')
    return features


def _both(real, fake, least, least_fake=None):
    """Two arrays of features of the same kind; ValueError as _features() raises it."""
    real, fake = _features(real, least), _features(fake, least_fake or least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError('expected features of one length D, found {} of real images and {} of others'.format(
            real.shape[1], fake.shape[1]))
    return real, fake


def _check_count(value, least, expected):
    if not is_whole(value, least):
        raise ValueError('expected {}, found {!r:.80}'.format(expected, value))


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """The squared Fréchet distance between the two sets' Gaussians: 0 for equal ones, unbounded.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2)). It is biased upwards by
    small sets: compare only figures of the same N. Source: Heusel et al., 2017,
    https://arxiv.org/abs/1706.08500.
    """
    means, covariances = zip(*[_gaussian(each) for each in _both(real, fake, 2)])
    try:
        with np.errstate(over='ignore', invalid='ignore'):
            root = _root(covariances[0])
            # C1 C2 has the eigenvalues of this symmetric matrix, whose root is safe to take.
            product = root.dot(covariances[1]).dot(root)
            overlap = np.sqrt(np.clip(np.linalg.eigvalsh((product + product.T) / 2), 0, None)).sum()
            distance = _finite(((means[0] - means[1]) ** 2).sum()
                               + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * overlap)
            return max(0.0, distance)  # of equal sets, rounding may leave less
    except np.linalg.LinAlgError:  # of values that are not finite
        return _finite(np.nan)


def _finite(distance):
    if not np.isfinite(distance):
        raise ValueError('expected features whose powers are finite, found larger ones')
    return float(distance)


def _gaussian(features):
    features = np.asarray(features, np.float64)
    with np.errstate(over='ignore', invalid='ignore'):
        return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def _root(matrix):
    """The root of a symmetric, positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))).dot(vectors.T)


def kernel_distance(real: np.ndarray, fake: np.ndarray, block: int = BLOCK) -> Tuple[float, float]:
    """(KID, its standard error): the squared maximum mean discrepancy, unbiased.

    Kernel (x.y / D + 1)^3; the mean over blocks of `block` images of each set, and the
    standard error of that mean (NaN for a single block). The larger set is
    thinned evenly to the size of the smaller, but not below `block`. Around 0, also below, for equal
    distributions. Source: Binkowski et al., 2018, https://arxiv.org/abs/1801.01401.
    """
    _check_count(block, 2, 'blocks of 2 images or more')
    real, fake = [np.asarray(each, np.float64) for each in _both(real, fake, 2)]
    smaller = min(len(real), len(fake))
    blocks = max(1, smaller // block)
    count = max(smaller, blocks * block)
    real, fake = [each if len(each) <= count else each[np.linspace(0, len(each) - 1, count).astype(int)]
                  for each in (real, fake)]
    with np.errstate(over='ignore', invalid='ignore'):
        values = [_discrepancy(x, y) for x, y in zip(np.array_split(real, blocks), np.array_split(fake, blocks))]
    error = np.std(values, ddof=1) / np.sqrt(blocks) if blocks > 1 else np.nan
    return _finite(np.mean(values)), float(error)


def _discrepancy(x, y):
    def kernel(a, b):
        return (a.dot(b.T) / a.shape[1] + 1) ** 3

    def without_diagonal(matrix):
        return (matrix.sum() - np.trace(matrix)) / (len(matrix) * (len(matrix) - 1))

    return without_diagonal(kernel(x, x)) + without_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()


def classifier_score(probabilities: np.ndarray, splits: int = 10) -> Tuple[float, float]:
    """(score, standard deviation over splits): exp of the mean KL divergence from p(y | x) to p(y).

    From 1 (every image looks alike to the classifier) to the number of classes. The
    inception score's formula with a classifier of the data at hand. Source: Salimans et
    al., 2016, https://arxiv.org/abs/1606.03498.
    """
    _check_count(splits, 1, 'a split or more')
    probabilities = np.asarray(_features(probabilities, splits), np.float64)
    if not are_probabilities(probabilities):
        raise ValueError('expected probabilities, from 0 to 1 and adding up to 1 in each row, found others (take '
                         'the softmax of logits)')
    probabilities = np.clip(probabilities, 1e-16, 1)
    scores = []
    for part in np.array_split(probabilities, splits):
        divergence = (part * (np.log(part) - np.log(part.mean(axis=0)))).sum(axis=1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def are_probabilities(values):
    """Whether values [N, K] are those of K classes for each image, as nearly as bfloat16 gives them."""
    return values.min() >= -0.01 and (np.abs(values.sum(axis=1, dtype=np.float64) - 1) <= 0.02).all()


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> Tuple[float, float]:
    """(precision, recall), shares in [0, 1].

    Precision: the fake images that lie within a real one's distance to its k-th nearest
    real neighbour; recall: the same with the sets exchanged. Source: Kynkaanniemi et al., 2019,
    https://arxiv.org/abs/1904.06991.
    """
    _check_count(k, 1, 'the number of a neighbour, from 1, as k')
    real, fake = _both(real, fake, k + 1)
    return tuple(float(_within(points, centres, _squared_radii(centres, k)).any.mean())
                 for points, centres in ((fake, real), (real, fake)))


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> Tuple[float, float]:
    """(density, coverage): how deep the fake images lie among real ones, and how many real ones have a fake near.

    Density: the mean number, over k, of real balls (to the k-th nearest real neighbour)
    that a fake image lies in; about 1 for equal distributions, unbounded. Coverage: the
    share of real balls with a fake image in them. Source: Naeem et al., 2020,
    https://arxiv.org/abs/2002.09797.
    """
    _check_count(k, 1, 'the number of a neighbour, from 1, as k')
    real, fake = _both(real, fake, k + 1, 1)
    within = _within(fake, real, _squared_radii(real, k))
    return float(within.count.mean() / k), float(within.hit.mean())


_Within = collections.namedtuple('_Within', [
    'any',    # for each point, whether it lies in any ball
    'count',  # for each point, how many balls it lies in
    'hit',    # for each centre, whether any point lies in its ball
])


def _within(points, centres, squared_radii):
    count, hit = [], np.zeros(len(centres), bool)
    for squared in squared_distances(points, centres):
        inside = squared <= squared_radii
        count.append(inside.sum(axis=1))
        hit |= inside.any(axis=0)
    count = np.concatenate(count)
    return _Within(count > 0, count, hit)


def _squared_radii(points, k):
    """Each point's squared distance to the k-th nearest of the others, which lies on the edge and so in the ball.

    It is enlarged by rounding's error, so that this also holds where another block computes the distance anew.
    """
    # Rank 0 is the point itself.
    radii = np.concatenate([np.partition(squared, k, axis=1)[:, k] for squared in squared_distances(points, points)])
    lengths = np.einsum('ij,ij->i', points, points, dtype=np.float64)
    return radii + 1e-12 * (radii + lengths)


_OTHERS = 20000       # that are float64 at a time, for there may be hundred thousands of them;
_CONVERTED = 1 << 27  # up to so many values, all are converted at once: for each block anew takes time


def squared_distances(points, others):
    """Blocks of rows of the squared distances [len(points), len(others)]."""
    count, blocks = max(1, PAIRS // len(others)), range(0, len(others), _OTHERS)
    others = np.asarray(others, np.float64 if others.size <= _CONVERTED else None)
    with np.errstate(over='ignore'):
        norms = np.concatenate([(np.asarray(others[start:start + _OTHERS], np.float64) ** 2).sum(axis=1)
                                for start in blocks])
    _finite(norms.max())
    for first in range(0, len(points), count):
        rows = np.asarray(points[first:first + count], np.float64)
        squared = (rows ** 2).sum(axis=1)[:, np.newaxis] + norms
        for start in blocks:
            some = np.asarray(others[start:start + _OTHERS], np.float64)
            squared[:, start:start + _OTHERS] -= 2 * rows.dot(some.T)
        yield np.maximum(squared, 0, out=squared)


def nearest(points, others):
    """For each point the nearest of the others: (indices, distances)."""
    indices, distances = [], []
    for squared in squared_distances(points, others):
        indices.append(squared.argmin(axis=1))
        distances.append(np.sqrt(squared.min(axis=1)))
    return np.concatenate(indices), np.concatenate(distances)


def class_histogram(probabilities):
    """The Histogram of what a classifier takes images for.

    shares [K]: of images by their likeliest class; entropy: of those shares, in nats, from
    0 to log K; confidence: the mean of the likeliest class's probability.
    """
    probabilities = np.asarray(probabilities, np.float64)
    shares = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]) / len(probabilities)
    some = shares[shares > 0]
    return Histogram(shares, float(-(some * np.log(some)).sum()), float(probabilities.max(axis=1).mean()))


def class_accuracies(probabilities, labels):
    """For each class, the share of the images of this label that are taken for it: [K]; NaN for one without images."""
    right = np.asarray(probabilities).argmax(axis=1) == labels
    return np.array([right[labels == label].mean() if (labels == label).any() else np.nan
                     for label in range(np.shape(probabilities)[1])])


def frechet_by_class(real, real_labels, fake, fake_labels, classes):
    """The Frechet distance between the real and the fake images of each class: [classes].

    NaN for a class of which either set has fewer than 2 images.
    """
    sets = [(real[real_labels == label], fake[fake_labels == label]) for label in range(classes)]
    return np.array([frechet_distance(*pair) if min(map(len, pair)) > 1 else np.nan for pair in sets])
