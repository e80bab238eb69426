"""What images are compared by: a classifier of the data set itself, or any frozen graph.

Inception knows photographs and not digits, and its weights can't be shipped. As in TF-GAN
(https://github.com/tensorflow/gan), a classifier that is trained on the data set is the
extractor: its last hidden layer gives the features, its softmax the probabilities. It is
trained once and kept beside the data, in `data/`, under a name with the data's checksum and the seed.
"""

import collections
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1 import datasets, devices, graphdefs, layers
from dcgan_tf1.errors import UserError, reason
from dcgan_tf1.files import read_json, replacing, write_json
from dcgan_tf1.layers import average_pool, batch_norm, conv2d, dense, dropout
from dcgan_tf1.seeds import derive_seed, numpy_rng

Extractor = collections.namedtuple('Extractor', [
    'name',      # for tables and metrics.json
    'accuracy',  # on the data set's test images; None for a graph of the user's
    'run',       # run(uint8 [N, H, W, C]) -> (features [N, D], probabilities [N, K] or None)
])

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
VERSION = 1  # of all of the above: a change makes another classifier


def classifier_network(images, net_pass, filters, classes):
    """images [N, H, W, C] in [0, 1] -> (features [N, 128], logits [N, classes])."""
    with tf.variable_scope('classifier', reuse=tf.AUTO_REUSE):
        x = 2 * images - 1
        for count in filters:
            for _ in range(2):
                x = tf.nn.relu(batch_norm(conv2d(x, count, 3), net_pass, momentum=0.9))
            if x.shape.as_list()[1] % 2:
                x = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])
            x = average_pool(x)                             # half the height and width
        x = tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
        features = tf.nn.relu(tf.cast(dense(dropout(x, 0.7, net_pass), FEATURES), tf.float32))
        return features, tf.cast(dense(dropout(features, 0.7, net_pass), classes), tf.float32)


def classifier(name, data_dir=None, seed=0, log=print):
    """The Extractor of a data set: read where it was trained before, else trained now.

    Raises UserError for a data set without labels, or whose files are missing.
    """
    if name not in RECIPES:
        raise UserError('--features: expected a frozen graph for the data set {}, for which there is no classifier '
                        '(there are those of {})'.format(name, ', '.join(RECIPES)))
    train = datasets.load(name, 'train', data_dir, log=log)
    path = os.path.join(datasets.DATA_FOLDER, name, 'classifier-v{}-{}-seed{}.pb'.format(
        VERSION, train.checksum[:12], seed))
    about = path[:-len('.pb')] + '.json'
    if not (os.path.exists(path) and os.path.exists(about)):
        # Where a stand-in has no test images of its own, a tenth of the others is kept apart.
        if train.note is None:
            test = datasets.load(name, 'test', data_dir, log=log)
            sets = train.images, train.labels, test.images, test.labels
        else:
            kept = len(train.images) // 10
            sets = train.images[kept:], train.labels[kept:], train.images[:kept], train.labels[:kept]
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _train(name, sets, len(train.classes), seed, path, about, log)
    try:
        accuracy = read_json(about)['test_accuracy']
        if not isinstance(accuracy, float):
            raise ValueError('no accuracy')
    except (ValueError, KeyError, TypeError) as error:
        raise UserError('{}: expected what is known of a classifier, found a damaged file ({}); remove it to train '
                        'anew'.format(about, error))
    title = 'classifier of {} (test accuracy {:.2%}, seed {})'.format(name, accuracy, seed)
    return Extractor(title, accuracy, load_graph(path, 'images', 'features', 'probabilities', (0.0, 1.0)).run)


def _train(name, sets, classes, seed, path, about, log):
    images, labels, test_images, test_labels = sets
    recipe = RECIPES[name]
    steps = recipe.epochs * (len(images) // BATCH)
    log('training the classifier of {} that images are compared by, once: {:,} steps'.format(name, steps))
    start = time.time()
    arithmetic = devices.choose_arithmetic(devices.find())
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(derive_seed(seed, 'classifier'))
        shape = (None,) + images.shape[1:]
        batch = tf.placeholder(tf.float32, shape)
        truth, step = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int32, [])
        with layers.arithmetic(arithmetic.precision, arithmetic.lowering):
            net_pass = layers.Pass('train', training=True, draw=step)
            _, logits = classifier_network(batch, net_pass, recipe.filters, classes)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits))
        # Up for a tenth of the steps, then down to 0.
        done = tf.cast(step, tf.float32) / steps
        rate = LEARNING_RATE * tf.minimum(done / 0.1, (1 - done) / 0.9)
        with tf.control_dependencies(layers.moving_average_updates([net_pass])):
            train = tf.train.AdamOptimizer(rate).minimize(loss)
        with tf.variable_scope(tf.get_variable_scope(), auxiliary_name_scope=False):
            inputs = tf.placeholder(tf.float32, shape, name='images')
            features, logits = classifier_network(inputs, layers.Pass('test', training=False), recipe.filters, classes)
            outputs = [tf.identity(features, name='features'), tf.nn.softmax(logits, name='probabilities')]
        with tf.Session(graph=graph, config=devices.session_config()) as session:
            session.run(tf.global_variables_initializer())
            with tqdm(total=steps, desc='classifier', unit='step', disable=None, leave=False) as bar:
                for number in range(steps):
                    chosen = _chosen(len(images), seed, number)
                    found, _ = session.run([loss, train], {
                        batch: _augmented(images[chosen], seed, number, recipe.mirrored), truth: labels[chosen],
                        step: number})
                    bar.update()
                    bar.set_postfix(loss='{:.3f}'.format(found), refresh=False)
            frozen = graphdefs.freeze(session, [inputs], *outputs)
    predicted = _run_frozen(frozen, 'images:0', ['probabilities:0'], (0.0, 1.0), test_images)[0].argmax(axis=1)
    accuracy = float((predicted == test_labels).mean())
    with replacing(path) as temporary, open(temporary, 'wb') as handle:
        handle.write(frozen.SerializeToString())
    write_json(about, {
        'dataset': name, 'test_accuracy': accuracy, 'test_images': len(test_images), 'seed': seed,
        'epochs': recipe.epochs, 'seconds': round(time.time() - start, 1), 'tensorflow': str(tf.VERSION),
        'arithmetic': arithmetic.why})
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


# --------------------------------------------------------------------------- frozen graphs

def load_graph(path, source, features, probabilities=None, value_range=(-1.0, 1.0)):
    """The Extractor of a frozen GraphDef.

    Args:
      path: the .pb file.
      source: the operation (or tensor) that takes images, a float32 placeholder [N, H, W, C]
        in `value_range`. Where its H, W and C are known, images are resized (bilinearly) and
        grey ones repeated to fit.
      features, probabilities: those that give [N, D] (or [N, 1, 1, D]) and [N, K]; the latter
        may be None.
    """
    graph_def = tf.GraphDef()
    try:
        with open(path, 'rb') as handle:
            graph_def.ParseFromString(handle.read())
    except OSError as error:
        raise UserError('{}: expected a frozen graph: {}'.format(path, error.strerror))
    except Exception as error:  # noqa: BLE001  protobuf's DecodeError has moved between its releases
        raise UserError('{}: expected a frozen graph, found: {}'.format(path, reason(error)))
    wanted = [name if ':' in name else name + ':0' for name in (source, features, probabilities) if name]
    known = {node.name for node in graph_def.node}
    for name in wanted:
        if name.split(':')[0] not in known:
            raise UserError('{}: expected an operation {}, found {} others: {} ...'.format(
                path, name.split(':')[0], len(known), ', '.join(sorted(known)[:3])))

    def run(images):
        found = _run_frozen(graph_def, wanted[0], wanted[1:], value_range, images)
        return found[0], (found[1] if probabilities else None)

    return Extractor(os.path.basename(path), None, run)


def _run_frozen(graph_def, source, targets, value_range, images):
    low, high = value_range
    with tf.Graph().as_default(), tf.Session(config=devices.session_config()) as session:
        tf.import_graph_def(graph_def, name='')
        graph = session.graph
        source = graph.get_tensor_by_name(source)
        pixels = tf.placeholder(tf.uint8, (None,) + images.shape[1:])
        fed = tf.cast(pixels, tf.float32) / 255 * (high - low) + low
        shape = source.shape.as_list() if source.shape.ndims == 4 else [None] * 4
        if None not in shape[1:3] and tuple(shape[1:3]) != images.shape[1:3]:
            fed = tf.image.resize_bilinear(fed, shape[1:3])
        if shape[3] == 3 and images.shape[3] == 1:
            fed = tf.concat([fed] * 3, axis=3)
        found = []
        with tqdm(total=len(images), desc='features', unit='image', disable=None, leave=False) as bar:
            for first in range(0, len(images), BATCH):
                part = images[first:first + BATCH]
                values = session.run(targets, {source: session.run(fed, {pixels: part})})
                found.append([value.reshape(len(part), -1) for value in values])
                bar.update(len(part))
        return [np.concatenate(each) for each in zip(*found)]
