"""The classifier of a data set, whose features images are compared by.

Inception knows photographs and not digits, and its weights can't be shipped. As in TF-GAN
(https://github.com/tensorflow/gan), a classifier that is trained on the data set extracts the
features: its last hidden layer gives them, its softmax the probabilities. It is trained once and
kept beside the data, in `data/`, under a name with the data's checksum and the seed.
"""

import collections
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.data import loading
from dcgan_tf1.exporting import freeze
from dcgan_tf1.gan import layers
from dcgan_tf1.gan.layers import average_pool, batch_norm, conv2d, dense, dropout
from dcgan_tf1.metrics import extractors
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json, write_bytes, write_json
from dcgan_tf1.util.seeds import derive_seed, numpy_rng

# How a data set's classifier is built and trained: filters of each stage, passes over the
# data, and whether an image may be mirrored (a digit may not).
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


def classifier_network(images, ctx, filters, classes):
    """images [N, H, W, C] in [0, 1] -> (features [N, 128], logits [N, classes])."""
    with tf.variable_scope('classifier', reuse=tf.AUTO_REUSE):
        x = 2 * images - 1
        for count in filters:
            for _ in range(2):
                x = tf.nn.relu(batch_norm(conv2d(x, count, 3), ctx, momentum=0.9))
            if x.shape.as_list()[1] % 2:
                x = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
            x = average_pool(x)                             # half the height and width
        x = tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
        features = tf.nn.relu(tf.cast(dense(dropout(x, 0.7, ctx), FEATURES), tf.float32))
        return features, tf.cast(dense(dropout(features, 0.7, ctx), classes), tf.float32)


def classifier(dataset, seed=0, log=print):
    """The Extractor of a training split, a Dataset: read if it was trained before, else trained now.

    Raises UserError for a data set without labels, and for damaged files.
    """
    name = dataset.name
    if name not in RECIPES:
        raise UserError('--features: expected a frozen graph for the data set {}, for which there is no classifier '
                        '(there are those of {})'.format(name, ', '.join(RECIPES)))
    if 'test' in dataset.splits:  # its images are to test the classifier by
        dataset = loading.load_beside(dataset, 'train', log)
    path = os.path.join(loading.DATA_FOLDER, name, 'classifier-v{}-{}-seed{}.pb'.format(
        VERSION, dataset.checksum[:12], seed))
    about = path[:-len('.pb')] + '.json'
    if not (os.path.exists(path) and os.path.exists(about)):
        test = loading.load_beside(dataset, 'test', log) if dataset.note is None else None
        if test is not None:
            sets = dataset.images, dataset.labels, test.images, test.labels
        else:
            kept = len(dataset.images) // 10
            log('{}: no test images there; the classifier is tested with {:,} training images, which are kept '
                'apart'.format(dataset.folder, kept))
            sets = dataset.images[kept:], dataset.labels[kept:], dataset.images[:kept], dataset.labels[:kept]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _train(name, sets, len(dataset.classes), seed, path, about, log)
    try:
        accuracy = read_json(about)['test_accuracy']
        if not isinstance(accuracy, float):
            raise ValueError('no accuracy')
    except (ValueError, KeyError, TypeError) as error:
        raise UserError('{}: expected what is known of a classifier, found a damaged file ({}); remove it to train '
                        'anew'.format(about, error))
    title = 'classifier of {} (test accuracy {:.2%}, seed {})'.format(name, accuracy, seed)
    graph = extractors.load_graph(path, 'images', 'features', 'probabilities', (0.0, 1.0))
    return graph._replace(name=title, accuracy=accuracy)


def _train(name, sets, classes, seed, path, about, log):
    images, labels, test_images, test_labels = sets
    recipe = RECIPES[name]
    steps = recipe.epochs * (len(images) // BATCH)
    log('training the classifier of {} that images are compared by, once: {:,} steps'.format(name, steps))
    start = time.time()
    policy = devices.choose_compute_policy(devices.find())
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(derive_seed(seed, 'classifier'))
        shape = (None,) + images.shape[1:]
        batch = tf.placeholder(tf.float32, shape)
        truth, step = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int32, [])
        with layers.compute_policy(policy.precision, policy.conv_impl):
            ctx = layers.BatchContext('train', training=True, dropout_seed=step)
            _, logits = classifier_network(batch, ctx, recipe.filters, classes)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits))
        # Up for a tenth of the steps, then down to 0.
        done = tf.cast(step, tf.float32) / steps
        rate = LEARNING_RATE * tf.minimum(done / 0.1, (1 - done) / 0.9)
        with tf.control_dependencies(layers.moving_average_updates([ctx])):
            train = tf.train.AdamOptimizer(rate).minimize(loss)
        with tf.variable_scope(tf.get_variable_scope(), auxiliary_name_scope=False):
            inputs = tf.placeholder(tf.float32, shape, name='images')
            features, logits = classifier_network(
                inputs, layers.BatchContext('test', training=False), recipe.filters, classes)
            outputs = [tf.identity(features, name='features'), tf.nn.softmax(logits, name='probabilities')]
        with tf.Session(graph=graph, config=devices.session_config()) as session:
            session.run(tf.global_variables_initializer())
            with tqdm(total=steps, desc='classifier', unit='step', disable=None, leave=False) as bar:
                for number in range(steps):
                    chosen = _chosen(len(images), seed, number)
                    step_loss, _ = session.run([loss, train], {
                        batch: _augmented(images[chosen], seed, number, recipe.mirrored), truth: labels[chosen],
                        step: number})
                    bar.update()
                    bar.set_postfix(loss='{:.3f}'.format(step_loss), refresh=False)
            frozen = freeze.freeze(session, [inputs], *outputs)
    tested = extractors.FrozenGraph(path, frozen, 'images', ['probabilities'], (0.0, 1.0))
    accuracy = float((tested.run(test_images)[0].argmax(axis=1) == test_labels).mean())
    write_bytes(path, frozen.SerializeToString())
    write_json(about, {
        'dataset': name, 'test_accuracy': accuracy, 'test_images': len(test_images), 'seed': seed,
        'epochs': recipe.epochs, 'seconds': round(time.time() - start, 1), 'tensorflow': str(tf.VERSION),
        'arithmetic': policy.why})
    log('{}: test accuracy {:.2%}, after {:.0f} s'.format(path, accuracy, time.time() - start))


def _chosen(count, seed, number):
    per_epoch = count // BATCH
    order = numpy_rng(seed, 'classifier/shuffle', number // per_epoch).permutation(count)
    return order[number % per_epoch * BATCH:][:BATCH]


def _augmented(images, seed, number, mirrored):
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
