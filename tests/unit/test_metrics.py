"""Every metric against an independent formula, and in cases with a known answer; and the table of them."""

import fcntl
import threading

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.data import blobs

from dcgan_tf1.metrics import classifier, distances, evaluation, extractors, projection, results, spectrum, table
from dcgan_tf1.util.files import locked

FIRST_FEATURES = [4.1805, 0.3529, -4.9367]  # of the projection, of a blob


def normal(count, mean=0.0, scale=1.0, size=8, seed=0):
    return np.random.RandomState(seed).normal(mean, scale, (count, size))


def graph_tensor(x):
    with tf.Graph().as_default():
        return tf.constant(x)


def correlated(seed):
    draw = np.random.RandomState(seed)
    return draw.normal(size=(500, 12)).dot(draw.normal(size=(12, 12))) + draw.normal(size=12)


@pytest.mark.parametrize('seed', range(3))
def test_the_frechet_distance_is_scipys_formula(seed):
    linalg = pytest.importorskip('scipy.linalg', reason='SciPy is not here')
    real, fake = correlated(seed), correlated(seed + 10)
    one, two = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(one + two - 2 * linalg.sqrtm(one.dot(two)).real)
    np.testing.assert_allclose(distances.frechet_distance(real, fake), expected, rtol=1e-8)


def test_the_frechet_distance_in_known_cases():
    real = normal(4000)
    assert abs(distances.frechet_distance(real, real)) < 1e-8
    np.testing.assert_allclose(distances.frechet_distance(real, real + 3), 9 * 8, rtol=1e-9)
    # Equal means, covariance times 4: tr(C + 4 C - 2 * 2 C) = tr C.
    centred = real - real.mean(0)
    np.testing.assert_allclose(distances.frechet_distance(centred, 2 * centred),
                               np.trace(np.cov(real, rowvar=False)), rtol=1e-9)
    # A collapsed set, whose covariance has no rank: only the real one's spread is left.
    np.testing.assert_allclose(distances.frechet_distance(centred, np.zeros((50, 8))),
                               np.trace(np.cov(real, rowvar=False)), rtol=1e-6)
    # A shifted Gaussian drawn anew: the squared distance of the means, and a little for the sampling.
    assert abs(distances.frechet_distance(real, normal(4000, 0.5, seed=1)) - 8 * 0.25) < 0.15
    with pytest.raises(ValueError, match='at least 2'):
        distances.frechet_distance(real, real[:1])


def test_the_kernel_distance_is_scipys_formula():
    distance = pytest.importorskip('scipy.spatial.distance', reason='SciPy is not here')
    real, fake = correlated(1)[:60], correlated(2)[:40]

    def kernel(a, b):  # an inner product of every pair, by another way
        return (distance.cdist(a, b, lambda x, y: float(x @ y)) / 12 + 1) ** 3

    def pairs(a):
        matrix = kernel(a, a)
        return matrix[~np.eye(len(a), dtype=bool)].mean()

    expected = pairs(real) + pairs(fake) - 2 * kernel(real, fake).mean()
    found, error = distances.kernel_distance(real, fake)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isnan(error)


def test_the_kernel_distance_in_known_cases():
    same, error = distances.kernel_distance(normal(5000), normal(5000, seed=1), block=500)
    assert abs(same) < 4 * error and 0 < error < 0.05
    # Unbiased: blocks a tenth as large give the same within their error.
    smaller, its_error = distances.kernel_distance(normal(5000), normal(5000, seed=1), block=50)
    assert abs(smaller) < 4 * its_error
    shifted, error = distances.kernel_distance(normal(2000), normal(2000, 1.0, seed=1), block=500)
    assert shifted > 10 * error and shifted > 1
    assert distances.kernel_distance(normal(2000), np.zeros((2000, 8)))[0] > 0.1


def test_the_kernel_distances_error_is_that_of_a_mean_over_blocks():
    real, fake = normal(40), normal(40, 0.3, seed=1)
    found, error = distances.kernel_distance(real, fake, block=10)
    values = [distances.kernel_distance(real[first:first + 10], fake[first:first + 10])[0]
              for first in range(0, 40, 10)]
    np.testing.assert_allclose((found, error), (np.mean(values), np.std(values, ddof=1) / 2), rtol=1e-9)


def test_of_a_larger_set_the_kernel_distance_takes_images_evenly():
    real, sorted_set = normal(200), np.concatenate([normal(800, seed=1), normal(800, 3.0, seed=2)])
    found, _ = distances.kernel_distance(real, sorted_set, block=100)
    half = np.concatenate([sorted_set[:800:8], sorted_set[800::8]])
    np.testing.assert_allclose(found, distances.kernel_distance(real, half, block=100)[0], rtol=0.1)
    assert found > 1 + distances.kernel_distance(real, sorted_set[:200], block=100)[0]


def test_a_much_larger_set_takes_no_more_memory(monkeypatch):
    seen, discrepancy = [], distances._discrepancy
    monkeypatch.setattr(distances, '_discrepancy', lambda x, y: seen.append((len(x), len(y))) or discrepancy(x, y))
    distances.kernel_distance(normal(110), normal(5000), block=50)
    distances.kernel_distance(normal(30), normal(40), block=50)
    assert seen == [(55, 55), (55, 55), (30, 40)]


def test_the_classifier_score_in_known_cases():
    sure = np.eye(10)[np.arange(1000) % 10]
    np.testing.assert_allclose(distances.classifier_score(sure)[0], 10, rtol=1e-9)
    np.testing.assert_allclose(distances.classifier_score(sure)[1], 0, atol=1e-9)
    np.testing.assert_allclose(distances.classifier_score(np.eye(10)[np.full(1000, 3)])[0], 1, rtol=1e-9)
    np.testing.assert_allclose(distances.classifier_score(np.full((1000, 10), 0.1))[0], 1, rtol=1e-9)
    # By hand: half of the images are [1, 0], half [0.5, 0.5]; p(y) is [0.75, 0.25].
    half = np.array([[1, 0], [0.5, 0.5]] * 10)
    divergence = 0.5 * np.log(1 / 0.75) + 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25))
    np.testing.assert_allclose(distances.classifier_score(half, splits=2), (np.exp(divergence), 0), atol=1e-9)
    # The first half is sure of two classes (2), the second of one (1): a mean of 1.5, half a class on either side.
    uneven = np.array([[1, 0], [0, 1]] * 10 + [[1, 0]] * 20)
    np.testing.assert_allclose(distances.classifier_score(uneven, splits=2), (1.5, 0.5), atol=1e-9)


def test_precision_and_recall_in_known_cases():
    real = normal(800, size=2)
    assert distances.precision_recall(real, real) == (1, 1)
    assert distances.precision_recall(real, real + 100) == (0, 0)
    # Collapsed to one real image: all is real, and next to nothing is covered.
    precision, recall = distances.precision_recall(real, np.repeat(real[:1], 800, axis=0))
    assert precision == 1 and recall < 0.01
    # Real ones and as many far away: half is real.
    half, all_of_it = distances.precision_recall(real, np.concatenate([real, real + 100]))
    assert half == 0.5 and all_of_it == 1
    # Much wider: what is real is covered, little of the rest is real.
    wide = distances.precision_recall(real, normal(800, scale=10, size=2, seed=1))
    assert wide[0] < 0.25 and wide[1] > 0.9


def test_precision_by_hand():
    real = np.array([[0.0], [1.0], [10.0]])  # distances to the nearest other: 1, 1, 9
    fake = np.array([[-0.9], [1.5], [2.1], [18.9], [20.0]])
    # Within 1 of 0, within 1 of 1, within 9 of 10 (twice: 2.1 and 18.9), nowhere.
    precision, recall = distances.precision_recall(real, fake, k=1)
    assert precision == 4 / 5
    # Fake balls: -0.9 reaches 2.4, 1.5 and 2.1 reach 0.6, 18.9 and 20 reach 1.1.
    assert recall == 2 / 3
    # In balls: -0.9 in one, 1.5 in two (those of 1 and of 10), 2.1 and 18.9 in one.
    assert distances.density_coverage(real, fake, k=1) == (5 / 5, 1.0)


def test_density_and_coverage_in_known_cases():
    real = normal(2000, size=4)
    density, coverage = distances.density_coverage(real, normal(2000, size=4, seed=1))
    assert abs(density - 1) < 0.1 and 0.9 < coverage <= 1
    assert distances.density_coverage(real, real + 100) == (0, 0)
    density, coverage = distances.density_coverage(real, np.repeat(real.mean(0, keepdims=True), 2000, axis=0))
    assert density > 1 and coverage < 0.2  # the middle is densely real, and alone
    with pytest.raises(ValueError, match='at least 6 images, found 5'):
        distances.density_coverage(real[:5], real)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_a_neighbour_lies_on_the_edge_of_its_ball_and_so_in_it(dtype, monkeypatch):
    real = normal(1000, size=64).astype(dtype)
    # Each ball of five neighbours has its centre and those five: 6 / 5.
    assert distances.density_coverage(real, real) == (1.2, 1)
    same = np.repeat(normal(1, size=64), 50, axis=0).astype(dtype)
    assert distances.precision_recall(same, same) == (1, 1) and distances.density_coverage(same, same) == (10, 1)
    monkeypatch.setattr(distances, 'PAIRS', 1000 * 7)  # in blocks
    assert distances.density_coverage(real, real) == (1.2, 1)


@pytest.mark.parametrize('k', [0, -1, 1.5, None, True])
def test_a_number_of_a_neighbour_that_there_is_not(k):
    for measure in (distances.precision_recall, distances.density_coverage):
        with pytest.raises(ValueError, match='the number of a neighbour, from 1, as k, found {}'.format(k)):
            measure(normal(20), normal(20), k=k)


def test_the_nearest_of_the_others():
    draw = np.random.RandomState(0)
    points, others = draw.normal(size=(2300, 5)), draw.normal(size=(40, 5))
    indices, found = distances.nearest(points, others)
    expected = np.sqrt(((points[:, np.newaxis] - others) ** 2).sum(axis=2))
    np.testing.assert_array_equal(indices, expected.argmin(axis=1))
    np.testing.assert_allclose(found, expected.min(axis=1), rtol=1e-9)
    np.testing.assert_allclose(distances.nearest(points, points)[1], np.zeros(2300), atol=1e-6)


def test_distances_to_many_are_taken_some_at_a_time(monkeypatch):
    draw = np.random.RandomState(0)
    points, others = draw.randn(7, 5).astype(np.float32), draw.randn(11, 5).astype(np.float32)
    expected = ((points[:, np.newaxis].astype(np.float64) - others) ** 2).sum(axis=-1)
    monkeypatch.setattr(distances, '_OTHERS', 4)
    monkeypatch.setattr(distances, 'PAIRS', 33)
    np.testing.assert_allclose(np.concatenate(list(distances.squared_distances(points, others))), expected)


def test_the_class_histogram():
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1]])
    found = distances.class_histogram(probabilities)
    np.testing.assert_allclose(found.shares, [0.75, 0.25, 0])
    np.testing.assert_allclose(found.entropy, -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    np.testing.assert_allclose(found.confidence, (0.9 + 0.6 + 0.7 + 0.8) / 4)
    np.testing.assert_allclose(distances.class_histogram(np.eye(10)).entropy, np.log(10))


def test_larger_images_are_fed_fewer_at_a_time(monkeypatch):
    images, extractor, fed = blobs(8)[..., np.newaxis], projection.projection((28, 28, 1)), []
    whole, values = extractor.run(images)[0], extractors.FrozenGraph._values
    monkeypatch.setattr(extractors.FrozenGraph, '_values', lambda self, session, some: (
        fed.append(len(some)), values(self, session, some))[1])
    for pixels, expected in ((extractors.MAX_FED_PIXELS, [8]), (3 * 28 * 28, [3, 3, 2]), (1, [1] * 8)):
        monkeypatch.setattr(extractors, 'MAX_FED_PIXELS', pixels)
        np.testing.assert_allclose(extractor.run(images)[0], whole, atol=1e-4)
        assert fed == expected
        fed.clear()


def test_the_projection_of_pixels_tells_better_images_from_worse():
    """By the same weights at any time and in any release; images may be of any size."""
    images = blobs(600)[..., np.newaxis]
    extractor = projection.projection((28, 28, 1))
    real, draw = extractor.run(images[:300])[0], np.random.RandomState(0)
    assert extractor.run(images[:2])[1] is None and real.shape == (300, 64) and real.dtype == np.float32
    np.testing.assert_allclose(real[0, :3], FIRST_FEATURES, atol=1e-3)
    worse = [images[300:]] + [np.clip(images[300:] + draw.normal(0, deviation, images[300:].shape), 0, 255).astype(
        np.uint8) for deviation in (5, 20, 80)]
    found = [distances.frechet_distance(real, extractor.run(some)[0]) for some in worse]
    assert found[0] < 0.5 * found[2] and found == sorted(found)
    assert distances.frechet_distance(real, np.repeat(real[:1], 300, axis=0)) > 10 * found[0]  # all the same
    other = projection.projection((28, 28, 1), 1)
    assert other.name != extractor.name and np.abs(other.run(images[:1])[0] - real[:1]).max() > 0.1
    for shape in ((45, 61, 3), (4, 5, 1)):
        pictures = draw.randint(0, 256, (2,) + shape).astype(np.uint8)
        values = projection.projection(shape).run(pictures)[0]
        assert values.shape == (2, 64) and np.abs(values[0] - values[1]).max() > 1e-3
    assert projection.is_projection(extractor.name) and not projection.is_projection('classifier of mnist')


def test_the_classes_accuracies():
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6], [0.8, 0.1, 0.1]])
    np.testing.assert_array_equal(distances.class_accuracies(probabilities, np.array([0, 1, 1, 0, 0])),
                                  [2 / 3, 1 / 2, np.nan])


def test_the_frechet_distance_within_each_class():
    """Two classes apart, of which the images of the other are asked for: all is well together, nothing within."""
    labels = np.arange(2000) % 2
    apart = 6.0 * labels[:, np.newaxis]
    real, fake = normal(2000) + apart, normal(2000, seed=1) + apart
    for asked, expected in ((labels, 0), (1 - labels, 36 * 8)):
        found = distances.frechet_by_class(real, labels, fake, asked, 3)
        one = distances.frechet_distance(real[labels == 1], fake[asked == 1])
        assert found[1] == one and abs(found[0] - expected) < 0.01 * expected + 0.1 and np.isnan(found[2])
    assert distances.frechet_distance(real, fake) < 0.1
    # A class of which there is one image alone on either side has none.
    few = np.where(np.arange(2000) == 7, 2, labels)
    assert np.isnan(distances.frechet_by_class(real, few, fake, few, 3)).tolist() == [False, False, True]


def noise(*shape):
    return np.random.RandomState(0).normal(size=shape)


def blurred(images):
    """Each pixel with 2/3 of its weight, and its four neighbours with the rest, on the torus."""
    return 2 / 3 * images + sum(np.roll(images, shift, axis) for axis in (1, 2) for shift in (-1, 1)) / 12


def as_bytes(images, contrast=20):
    return np.rint(128 + contrast * images).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize('shape', [(400, 28, 28, 1), (200, 33, 20, 3)])
def test_a_checkerboard_by_its_formula(shape):
    """White noise of variance 1 with what alternates added, in the place of one frequency or of all three."""
    images = noise(*shape)
    assert abs(spectrum.checkerboard(as_bytes(images))) < 0.5
    rows, columns = [(-1.0) ** np.arange(side) for side in shape[1:3]]
    lines, board = rows[:, np.newaxis, np.newaxis], np.outer(rows, columns)[..., np.newaxis]
    # The Hann window sums up to 1/4 of the pixels, its square to 9/64 of them.
    pixels = np.prod([side - side % 2 for side in shape[1:3]])
    height = 10 * np.log10(1 + 0.25 ** 2 * pixels ** 2 / (9 / 64 * pixels))
    for added, count in ((board, 1), (lines, 1), (board + lines + columns[np.newaxis, :, np.newaxis], 3)):
        assert abs(spectrum.checkerboard(as_bytes(images + added)) - count * height / 3) < 0.6


def test_the_spectrum_of_large_images_is_taken_of_some_at_a_time(monkeypatch):
    images = np.random.RandomState(0).randint(0, 256, (9, 32, 24, 3)).astype(np.uint8)
    expected = spectrum.mean_spectrum(images)
    monkeypatch.setattr(spectrum, 'BLOCK_PIXELS', 2 * 32 * 24)
    np.testing.assert_allclose(spectrum.mean_spectrum(images), expected)


def test_a_checkerboard_is_told_from_sharpness_and_contrast():
    smooth = blurred(blurred(noise(300, 32, 32, 1)))
    sharp = smooth + 0.8 * (smooth - blurred(smooth))
    values = {name: spectrum.checkerboard(as_bytes(images)) for name, images in (
        ('smooth', smooth), ('sharp', sharp), ('rough', noise(300, 32, 32, 1)))}
    assert values['smooth'] < values['sharp'] < values['rough'] < 0.5
    # As of a transposed convolution whose kernel is no multiple of its stride: every second pixel is brighter.
    uneven = (1 + 0.05 * (-1.0) ** np.arange(32))[:, np.newaxis]
    worse = spectrum.checkerboard(as_bytes((4 + smooth) * uneven * uneven.reshape(1, 32, 1) - 4))
    assert worse > 5
    for contrast in (10, 30):
        assert abs(spectrum.checkerboard(as_bytes(sharp, contrast)) - values['sharp']) < 0.3
    assert spectrum.checkerboard(np.full((10, 28, 28, 1), 77, np.uint8)) == 0
    assert spectrum.checkerboard(as_bytes(noise(10, 15, 28, 1))) is None  # too small to have a neighbourhood


def extracted(seed, labels=None, count=200):
    draw = np.random.RandomState(seed)
    return evaluation.Extracted(draw.randint(0, 256, (count, 16, 16, 1)).astype(np.uint8),
                                draw.normal(size=(count, 3)), draw.dirichlet(np.ones(4), count), labels)


def reference_of(labels=None, classes=None):
    real = extracted(0)
    return evaluation.Reference(real.features, None, real.features, labels, classes, extracted(1, labels), 0.1,
                                'real ones')


METRICS_OF_ALL = (
    'frechet_distance,kernel_distance,kernel_distance_error,classifier_score,classifier_score_deviation,precision,'
    'recall,density,coverage,class_entropy,confidence,memorised,checkerboard')


def test_the_table_of_metrics_is_what_is_measured_and_written(tmp_path):
    row, _ = evaluation.measure('samples', 4, extracted(2), reference_of())
    # Beside the columns: the row's name and step, and what metrics.json alone has.
    assert set(row) == set(METRICS_OF_ALL.split(',')) | {
        'name', 'step', 'nearest_training_distance', 'class_shares'}
    path = tmp_path / 'evaluations.csv'
    # A table of before there was a checkerboard.
    path.write_text('step,name,n,seed,features,{},data\n2,x,100,0,y{},z\n'.format(
        METRICS_OF_ALL.replace(',checkerboard', ''), ',1' * 12))
    results.append_to_csv(str(path), [row], 200, 0, 'an extractor', 'data')
    lines = path.read_text().split('\n')
    # As every version so far has written them, and a column more.
    assert lines[0] == 'step,name,n,seed,features,{},data'.format(METRICS_OF_ALL)
    assert lines[1] == '2,x,100,0,y{},,z'.format(',1' * 12)
    assert lines[2].split(',')[-2] == '{:.6g}'.format(row['checkerboard'])
    assert table.MONITORED_COLUMNS == (
        'step', 'n', 'frechet_distance', 'kernel_distance', 'precision', 'recall', 'coverage')
    assert [metric.key for metric in table.DRAWN if not metric.labelled] == [
        'frechet_distance', 'precision', 'recall', 'coverage']
    assert {metric.key for metric in table.METRICS if metric.better == 'lower'} == {
        'frechet_distance', 'frechet_within_classes', 'kernel_distance'}


def test_two_evaluations_at_a_time_lose_no_row(tmp_path, monkeypatch):
    row, _ = evaluation.measure('samples', 4, extracted(2), reference_of())
    path = tmp_path / 'evaluations.csv'
    added = threading.Thread(target=results.append_to_csv, args=(str(path), [row], 200, 0, 'an extractor', 'data'))
    waiting, flock = threading.Event(), fcntl.flock
    with locked(str(tmp_path)):
        monkeypatch.setattr(fcntl, 'flock', lambda *args: (waiting.set(), flock(*args)))
        added.start()
        assert waiting.wait(20)
        assert added.is_alive() and not path.exists()
    added.join()
    assert len(path.read_text().splitlines()) == 2


def test_images_with_labels_are_measured_by_class_too(tmp_path):
    labels = np.arange(200) % 4
    reference = reference_of(labels, 4)
    real, _ = evaluation.measure(evaluation.REAL, None, reference.other, reference)
    row, _ = evaluation.measure('samples', 4, extracted(2, labels), reference)
    assert set(row) == set(table.COLUMNS) | {'name', 'step', 'nearest_training_distance', 'class_shares',
                                             'class_accuracies', 'frechet_by_class'}
    np.testing.assert_allclose(row['class_accuracy'], (extracted(2).probabilities.argmax(axis=1) == labels).mean())
    np.testing.assert_allclose(row['class_accuracy'], np.mean(row['class_accuracies']))
    np.testing.assert_allclose(row['frechet_within_classes'], np.mean(row['frechet_by_class']))
    np.testing.assert_allclose(row['frechet_by_class'][3], distances.frechet_distance(
        reference.features[3::4], extracted(2).features[3::4]))
    results.append_to_csv(str(tmp_path / 'evaluations.csv'), [row], 200, 0, 'an extractor', 'data', labelled=True)
    assert (tmp_path / 'evaluations.csv').read_text().split('\n')[0].split(',')[5:-1] == list(table.COLUMNS)
    text = results.format_by_class([real, row], ['cat', 'ant', 'hippopotamus', 'dog']).split('\n')
    assert text[0].split() == ['by', 'class', 'real', 'images', 'samples']
    assert text[4].split() == ['hippopotamus'] + [form.format(each[key][2]) for each in (real, row) for key, form in (
        ('class_accuracies', '{:.3f}'), ('frechet_by_class', '{:.2f}'))]
    assert len({len(line) for line in text}) == 1  # one under the other
    # Probabilities of other classes say nothing of these; and of the fifth class there are no images.
    other, _ = evaluation.measure('samples', 4, extracted(2, labels), reference_of(labels, 5))
    assert 'class_accuracy' not in other and 'class_accuracies' not in other
    assert other['frechet_by_class'] == row['frechet_by_class'] + [None]
    assert other['frechet_within_classes'] == row['frechet_within_classes']
    assert results.format_by_class([other], 'abcde').split('\n')[-1].strip() == 'e'
    # One image of each class, of which no distance can be taken.
    row, _ = evaluation.measure('samples', 4, extracted(2, np.arange(200)), reference_of(np.arange(200), 200))
    assert not {'frechet_within_classes', 'frechet_by_class', 'class_accuracy'} & set(row)


def test_images_are_made_of_the_labels_of_the_second_half():
    """So that there are as many of each class among them as among the real images in their place."""
    draw = np.random.RandomState(0)
    real, labels = draw.randint(0, 256, (500, 16, 16, 1)).astype(np.uint8), draw.randint(0, 3, 500)

    class Corners:
        name = 'corners'

        @staticmethod
        def run(images):
            features = images[:, :3, 0, 0].astype(np.float64)
            return features, np.eye(3)[images[:, 0, 0, 0] % 3]

    monitor = evaluation.QualityMonitor(Corners, real, 'noise', 200, 0, lambda text: None, labels, 3)
    assert len(monitor.labels) == 200 and monitor.columns == table.MONITORED_COLUMNS + (
        'frechet_within_classes', 'class_accuracy') and set(monitor.real) == set(monitor.columns)
    images = real[:200].copy()
    images[:, 0, 0, 0] = 3 * (images[:, 0, 0, 0] // 6) + monitor.labels  # of which three the class is told
    assert monitor.measure(5, images)['class_accuracy'] == 1
    assert abs(monitor.real['class_accuracy'] - 1 / 3) < 0.1
    without = evaluation.QualityMonitor(Corners, real, 'noise', 200, 0, lambda text: None)
    assert without.labels is None and without.columns == table.MONITORED_COLUMNS
    assert set(without.measure(5, images)) == set(table.MONITORED_COLUMNS)


def test_a_metric_is_shown_with_its_error():
    kernel = next(metric for metric in table.METRICS if metric.key == 'kernel_distance')
    assert table.format_with_error(kernel, {'kernel_distance': 0.12345, 'kernel_distance_error': 0.001}) == (
        '0.1235 \N{PLUS-MINUS SIGN} 0.0010')
    assert table.format_with_error(kernel, {'kernel_distance': 0.5, 'kernel_distance_error': None}) == '0.5000'
    assert table.format_with_error(kernel, {'kernel_distance': None}) == ''


@pytest.mark.parametrize('call, message', [
    (lambda x: distances.kernel_distance(x[:1], x), 'at least 2 images, found 1'),
    (lambda x: distances.frechet_distance(graph_tensor(x), x), 'features .N, D., numbers, found .*Tensor'),
    (lambda x: distances.frechet_distance([[1.0], [1.0, 2.0]], x), 'features .N, D., numbers, found'),
    (lambda x: distances.precision_recall(1e200 * x, 1e200 * x), 'features whose powers are finite'),
    (lambda x: distances.density_coverage(1e200 * x, 1e200 * x), 'features whose powers are finite'),
    (lambda x: distances.kernel_distance(x, x, block=1), 'blocks of 2 images or more, found 1'),
    (lambda x: distances.classifier_score(np.full((5, 10), .1)), 'at least 10 images, found 5'),
    (lambda x: distances.classifier_score(x, 0), 'a split or more, found 0'),
    (lambda x: distances.precision_recall(x, x[:0]), 'at least 4 images, found 0'),
    (lambda x: distances.density_coverage(x, x[:0]), 'at least 1 images, found 0'),
    (lambda x: distances.precision_recall(x[0], x), r'features \[N, D\], numbers, found float64 \[4\]'),
    (lambda x: distances.frechet_distance(x, [['a']]), 'features .* found <U1'),
    (lambda x: distances.frechet_distance(x[:, :0], x[:, :0]), r'features \[N, D\], numbers, found float64 \[.*, 0\]'),
    (lambda x: distances.frechet_distance(1e200 * x, x), 'features whose powers are finite'),
    (lambda x: distances.kernel_distance(1e60 * x, x), 'features whose powers are finite'),
    (lambda x: distances.kernel_distance(x, x, block=2.5), 'blocks of 2 images or more, found 2.5'),
    (lambda x: distances.classifier_score(np.full((20, 4), .25), 'a'), "a split or more, found 'a'"),
    (lambda x: distances.classifier_score(np.full((20, 4), 25.)), 'probabilities, .*take the softmax of logits'),
    (lambda x: distances.classifier_score(np.full((20, 4), [-2, 1, 1, 1])), 'probabilities, from 0 to 1'),
] + [(lambda x, each=each: each(x, x[:, :2]), 'features of one length D, found 4 of real images and 2 of others')
     for each in (distances.frechet_distance, distances.kernel_distance, distances.precision_recall,
                  distances.density_coverage)
] + [(lambda x, each=each: each(x, np.where(x == x[3, 2], np.nan, x)), 'finite features') for each in (
    distances.frechet_distance, distances.kernel_distance, distances.precision_recall, distances.density_coverage)])
def test_what_no_distance_is_defined_for(call, message):
    with pytest.raises(ValueError, match='^expected ' + message):
        call(normal(20, size=4))


def test_metrics_take_lists():
    real, fake = normal(50, size=4), normal(50, size=4, seed=1)
    for each in (distances.frechet_distance, distances.kernel_distance, distances.precision_recall,
                 distances.density_coverage):
        found = each(real.tolist(), fake.tolist())
        assert found == pytest.approx(each(real, fake), nan_ok=True)
        assert all(type(value) is float for value in np.atleast_1d(found).tolist())


def test_the_classifier_sees_every_image_in_an_epoch_and_learns_ever_less():
    count = 3 * classifier.BATCH
    epochs = [np.concatenate([classifier.batch_indices(count, 0, 3 * epoch + number) for number in range(3)])
              for epoch in range(2)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(count))] * 2 and (epochs[0] != epochs[1]).any()
    with tf.Graph().as_default(), tf.Session() as session:
        rates = session.run(classifier.learning_rate(tf.constant([0.0, 0.05, 0.1, 0.55, 1.0])))
    np.testing.assert_allclose(rates, classifier.LEARNING_RATE * np.array([0, 0.5, 1, 0.5, 0]), atol=1e-9)


def test_features_of_other_floats():
    real, fake = normal(60).astype(np.float32), normal(60, 0.5, seed=1).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        rounded = session.run([tf.cast(tf.constant(each), tf.bfloat16) for each in (real, fake)])
    for measure in (distances.frechet_distance, lambda *sets: distances.kernel_distance(*sets, block=30)[0],
                    distances.precision_recall, distances.density_coverage):
        wide = measure(real.astype(np.longdouble), fake.astype(np.longdouble))
        np.testing.assert_allclose(wide, measure(real, fake), rtol=1e-6)
        plain = [each.astype(np.float32) for each in rounded]
        np.testing.assert_allclose(measure(*rounded), measure(*plain), rtol=1e-6)
    assert distances.frechet_distance(real.astype(np.float16), real.astype(np.float16)) >= 0
