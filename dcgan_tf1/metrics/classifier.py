"""The classifier of a data set, whose features images are compared by.

Inception knows photographs and not digits, and its weights can't be shipped. As in TF-GAN
(https://github.com/tensorflow/gan), a classifier that is trained on the data set extracts the
features: its last hidden layer gives them, its softmax the probabilities. It is trained once and
kept in `data/` under a name with the data's checksum and the seed: beside the files of a published data set, and in
`data/classifiers/` for data of the user's own, whose labels it is trained on.
"""

import collections
import math
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.data import loading, sources
from dcgan_tf1.data.picked import pick
from dcgan_tf1.gan import freeze, layers, moving_averages
from dcgan_tf1.gan.layers import average_pool, batch_norm, conv2d, dense, dropout
from dcgan_tf1.metrics import extractors
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import check_writable, read_json, write_bytes, write_json
from dcgan_tf1.util.seeds import derive_seed, numpy_rng

# How a data set's classifier is built and trained: filters of each stage (0: one that only halves the image), passes
# over the data, and whether an image may be mirrored (a digit may not).
Recipe = collections.namedtuple('Recipe', 'filters epochs mirrored')
RECIPES = {
    'mnist': Recipe((24, 48), 4, False),
    'fashion_mnist': Recipe((32, 64), 6, True),
    'cifar10': Recipe((32, 64, 128), 12, True),
}
BATCH = 128
LEARNING_RATE = 3e-3
SHIFT = 2  # pixels, at most, to each side, that training images are moved by
FEATURES = 128
VERSION = 1  # of all of the above; a change to any of it makes another classifier

# Of data of the user's own.
FOLDER = 'classifiers'
STEPS = 1500  # in as many passes as that makes, but not fewer or more than
EPOCHS = (2, 60)
LARGE_SIDE = 128  # from which on an image is halved first: it takes seconds a step else
MAX_TEST_IMAGES = 5000  # that are kept apart, where the data has none


def can_be_trained(dataset):
    """Whether a data set has labels, of two classes or more, to train a classifier with."""
    return dataset.labels is not None and len(dataset.classes) > 1


def recipe_of(dataset):
    """The Recipe of a Dataset's classifier: its own, or one that follows from the images' size and number."""
    if dataset.name in RECIPES:
        return RECIPES[dataset.name]
    side, halved = min(dataset.images.shape[1:3]), 0
    while side >= LARGE_SIDE:
        side, halved = side // 2, halved + 1
    first = 32 if side <= 32 else 16
    filters = [min(first << stage, 256) for stage in range(max(2, int(math.log2(side)) - 2))]
    epochs = -(-STEPS // max(1, len(dataset.images) // BATCH))
    return Recipe((0,) * halved + tuple(filters), min(max(epochs, EPOCHS[0]), EPOCHS[1]), False)


def classifier_network(images, ctx, filters, classes):
    """images [N, H, W, C] in [0, 1] -> (features [N, 128], logits [N, classes])."""
    with tf.variable_scope('classifier', reuse=tf.AUTO_REUSE):
        x = 2 * images - 1
        for count in filters:
            for _ in range(2 if count else 0):
                x = tf.nn.relu(batch_norm(conv2d(x, count, 3), ctx, momentum=0.9))
            height, width = x.shape.as_list()[1:3]
            if height % 2 or width % 2:
                x = tf.pad(x, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
            x = average_pool(x)                             # half the height and width
        x = tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
        features = tf.nn.relu(tf.cast(dense(dropout(x, 0.7, ctx), FEATURES), tf.float32))
        return features, tf.cast(dense(dropout(features, 0.7, ctx), classes), tf.float32)


def classifier(dataset, seed=0, log=print, device='auto'):
    """The Extractor of a training split, a Dataset: read if it was trained before, else trained now.

    device: as the flag --device. Raises UserError for a data set without labels, and for damaged files.
    """
    name = dataset.name
    if not can_be_trained(dataset):
        raise UserError('{}: expected labels of two classes or more to train a classifier with, found {}'.format(
            dataset.folder, 'none' if dataset.labels is None else len(dataset.classes)))
    if 'test' in dataset.splits:  # its images are to test the classifier by
        dataset = loading.load_beside(dataset, 'train', log)
    own = not sources.DATASETS[name].files
    path = os.path.join(loading.DATA_FOLDER, FOLDER if own else name, '{}-v{}-{}-seed{}.pb'.format(
        name if own else 'classifier', VERSION, dataset.checksum[:12], seed))
    about = path[:-len('.pb')] + '.json'
    if not (os.path.exists(path) and os.path.exists(about)):
        check_writable(path)  # before minutes of training
        test = loading.load_beside(dataset, 'test', log) if dataset.note is None else None
        if test is not None and test.labels is not None:
            sets = dataset.images, dataset.labels, test.images, test.labels
        else:
            kept = len(dataset.images) // 10
            order = np.arange(len(dataset.images))
            if own:  # which may lie there class by class
                kept, order = min(kept, MAX_TEST_IMAGES), numpy_rng(0, 'classifier/test', 0).permutation(order)
            log('{}: no test images with labels there; the classifier is tested with {:,} training images, which are '
                'kept apart'.format(dataset.folder, kept))
            sets = tuple(pick(part, np.sort(rows)) for rows in (order[kept:], order[:kept])
                         for part in (dataset.images, dataset.labels))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        train_network(name, recipe_of(dataset), sets, len(dataset.classes), seed, path, about, log, device)
    try:
        accuracy = read_json(about)['test_accuracy']
        if not isinstance(accuracy, float):
            raise ValueError('no accuracy')
    except (ValueError, KeyError, TypeError) as error:
        raise UserError('{}: expected what is known of a classifier, found a damaged file ({}); remove it to train '
                        'anew'.format(about, error))
    title = 'classifier of {} (test accuracy {:.2%}, seed {})'.format(name, accuracy, seed)
    graph = extractors.load_graph(path, 'images', 'features', 'probabilities', (0.0, 1.0), device)
    return graph._replace(name=title, accuracy=accuracy)


def train_network(name, recipe, sets, classes, seed, path, about, log, device='auto'):
    """Trains a classifier by a Recipe, tests it, and writes it (`path`) and what is known of it (`about`).

    sets: images and labels to train on, images and labels to test by.
    """
    images, labels, test_images, test_labels = sets
    steps = recipe.epochs * max(1, len(images) // BATCH)
    log('training the classifier of {} that images are compared by, once: {:,} steps'.format(name, steps))
    start = time.monotonic()
    policy = devices.choose_compute_policy(devices.find(device))
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(derive_seed(seed, 'classifier'))
        shape = (None,) + images.shape[1:]
        batch = tf.placeholder(tf.float32, shape)
        truth, step = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int32, [])
        with layers.compute_policy(policy.precision, policy.conv_impl):
            ctx = layers.BatchContext('train', training=True, dropout_seed=step)
            _, logits = classifier_network(batch, ctx, recipe.filters, classes)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits))
        rate = learning_rate(tf.cast(step, tf.float32) / steps)
        with tf.control_dependencies(moving_averages.updates([ctx])):
            train = tf.train.AdamOptimizer(rate).minimize(loss)
        with tf.variable_scope(tf.get_variable_scope(), auxiliary_name_scope=False):
            inputs = tf.placeholder(tf.float32, shape, name='images')
            features, logits = classifier_network(
                inputs, layers.BatchContext('test', training=False), recipe.filters, classes)
            outputs = [tf.identity(features, name='features'), tf.nn.softmax(logits, name='probabilities')]
        with tf.Session(graph=graph, config=devices.session_config(device)) as session:
            session.run(tf.global_variables_initializer())
            with tqdm(total=steps, desc='classifier', unit='step', disable=None, leave=False) as bar:
                for number in range(steps):
                    chosen = batch_indices(len(images), seed, number)
                    step_loss, _ = session.run([loss, train], {
                        batch: augmented(images[chosen], seed, number, recipe.mirrored), truth: labels[chosen],
                        step: number})
                    bar.update()
                    bar.set_postfix(loss='{:.3f}'.format(step_loss), refresh=False)
            frozen = freeze.freeze(session, [inputs], *outputs)
    tested = extractors.FrozenGraph(path, frozen, 'images', ['probabilities'], (0.0, 1.0), device)
    accuracy = float((tested.run(test_images)[0].argmax(axis=1) == test_labels).mean())
    write_bytes(path, frozen.SerializeToString())
    write_json(about, {
        'dataset': name, 'test_accuracy': accuracy, 'test_images': len(test_images), 'seed': seed,
        'epochs': recipe.epochs, 'seconds': round(time.monotonic() - start, 1), 'tensorflow': str(tf.VERSION),
        'arithmetic': policy.why})
    log('{}: test accuracy {:.2%}, after {:.0f} s'.format(path, accuracy, time.monotonic() - start))


def learning_rate(done):
    """Up to LEARNING_RATE for a tenth of the steps, then down to 0; done: the share of them that is done, a tensor."""
    return LEARNING_RATE * tf.minimum(done / 0.1, (1 - done) / 0.9)


def batch_indices(count, seed, number):
    """Which of `count` images a step, from 0, takes: all of them once in an epoch but for an incomplete batch."""
    per_epoch = max(1, count // BATCH)
    order = numpy_rng(seed, 'classifier/shuffle', number // per_epoch).permutation(count)
    return order[number % per_epoch * BATCH:][:BATCH]


def augmented(images, seed, number, mirrored):
    """uint8 [N, H, W, C] -> float32 in [0, 1], each moved by up to SHIFT pixels, half of them mirrored."""
    draw = numpy_rng(seed, 'classifier/augment', number)
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), 'constant')
    rows = draw.randint(2 * SHIFT + 1, size=(count, 1)) + np.arange(height)
    columns = draw.randint(2 * SHIFT + 1, size=(count, 1)) + np.arange(width)
    if mirrored:
        flip = draw.rand(count) < 0.5
        columns[flip] = columns[flip, ::-1]
    moved = padded[np.arange(count)[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis]]
    return moved.astype(np.float32) / 255
