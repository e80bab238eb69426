"""Frozen graphs of every form: features are the same whatever type and shape the input has."""

import json
import os
import subprocess

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import command_environment, interpreter
from helpers.data import blobs

from dcgan_tf1.gan import freeze
from dcgan_tf1.metrics import classifier, extractors
from dcgan_tf1.metrics.extractors import FrozenGraph
from dcgan_tf1.util.errors import UserError

IMAGES = blobs(5)[..., np.newaxis]
COLOURS = np.random.RandomState(0).randint(256, size=(5, 32, 24, 3)).astype(np.uint8)


def averages(pixels):
    """The features that the graphs below compute, of [N, H, W, C]: the means of quarters, over all channels."""
    count, height, width, _ = pixels.shape
    return pixels.astype(np.float64).reshape(count, 2, height // 2, 2, width // 2, -1).mean(axis=(2, 4, 5)).reshape(
        count, 4)


def write_graph(folder, dtype, shape, to_images, size, outputs=None):
    """A graph of an input `x` whose `features` are the averages of `to_images(x)`, [N, H, W, C] with these H, W, C."""
    path = str(folder / 'graph.pb')
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(dtype, shape, name='x')
        found = tf.reshape(tf.cast(to_images(x), tf.float32), (-1, 2, size[0] // 2, 2, size[1] // 2, size[2]))
        found = tf.reshape(tf.reduce_mean(found, axis=[2, 4, 5]), [-1, 4])
        found = tf.identity((outputs or (lambda y: y))(found), name='features')
        frozen = freeze.freeze(session, [x], found)
    with open(path, 'wb') as handle:
        handle.write(frozen.SerializeToString())
    return path


def measured(path, images, value_range=None):
    return extractors.load_graph(path, 'x', 'features', None, value_range).run(images)[0]


def same(x):
    return x


def decoded(x):
    return tf.expand_dims(tf.image.decode_png(x, channels=1), 0)


GREY, LUMA = averages(IMAGES), averages(COLOURS.dot([0.299, 0.587, 0.114])[..., np.newaxis])
FORMS = {
    'bytes': (tf.uint8, [None, 28, 28, 1], same, IMAGES, GREY),
    'wider integers': (tf.int32, [None, 28, 28, 1], same, IMAGES, GREY),
    'half': (tf.float16, [None, 28, 28, 1], same, IMAGES, GREY),
    'double': (tf.float64, [None, 28, 28, 1], same, IMAGES, GREY),
    'one at a time': (tf.float32, [1, 28, 28, 1], lambda x: tf.reshape(x, [1, 28, 28, 1]), IMAGES, GREY),
    'four at a time': (tf.float32, [4, 28, 28, 1], lambda x: tf.reshape(x, [4, 28, 28, 1]), IMAGES, GREY),
    'an image': (tf.uint8, [28, 28, 1], lambda x: x[tf.newaxis], IMAGES, GREY),
    'grey without channels': (tf.float32, [None, 28, 28], lambda x: x[..., tf.newaxis], IMAGES, GREY),
    'channels first': (tf.float32, [None, 3, 32, 24], lambda x: tf.transpose(x, [0, 2, 3, 1]), COLOURS,
                       averages(COLOURS)),
    'grey channels first': (tf.float32, [None, 1, 28, 28], lambda x: tf.transpose(x, [0, 2, 3, 1]), IMAGES, GREY),
    'flat': (tf.float32, [None, 784], lambda x: tf.reshape(x, [-1, 28, 28, 1]), IMAGES, GREY),
    'flat colours': (tf.float32, [None, 32 * 24 * 3], lambda x: tf.reshape(x, [-1, 32, 24, 3]), COLOURS,
                     averages(COLOURS)),
    'grey in colours': (tf.float32, [None, None, None, 3], same, IMAGES, GREY),
    'colours in grey': (tf.float32, [None, 32, 24, 1], same, COLOURS, LUMA),
    'an encoded picture': (tf.string, [], decoded, IMAGES, GREY),
    'a list of one encoded picture': (tf.string, [1], lambda x: decoded(x[0]), IMAGES, GREY),
}


@pytest.mark.parametrize('name', FORMS)
def test_an_input_of_any_form_gives_the_same_features(name, tmp_path):
    dtype, shape, to_images, images, expected = FORMS[name]
    size = (28, 28, 3 if name == 'grey in colours' else 1) if images is IMAGES else (
        32, 24, 1 if name == 'colours in grey' else 3)
    path = write_graph(tmp_path, dtype, shape, to_images, size)
    found = measured(path, images, (0.0, 255.0) if dtype.is_floating else None)
    np.testing.assert_allclose(found, expected, rtol=2e-3 if dtype == tf.float16 else 1e-5)


def test_floats_are_in_the_range_that_is_asked_for_and_in_minus_1_to_1_else(tmp_path):
    path = write_graph(tmp_path, tf.float32, [None, 28, 28, 1], same, (28, 28, 1))
    np.testing.assert_allclose(measured(path, IMAGES), GREY / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(measured(path, IMAGES, (0.0, 1.0)), GREY / 255, atol=1e-6)


@pytest.mark.parametrize('dtype,shape,parts', [
    (tf.bool, [None, 28, 28, 1], ('x:0 (bool, [N, 28, 28, 1])', 'images [28, 28, 1]', 'encoded')),
    (tf.float32, [None, 28, 28, 4], ('float32', '[N, 28, 28, 4]')),
    (tf.float32, [None, 100], ('float32', '[N, 100]', '[28, 28, 1]')),
    (tf.float32, [None, 1, 28, 28, 1], ('[N, 1, 28, 28, 1]',)),
    (tf.string, [None, 2], ('(string, [N, 2])',))])
def test_an_input_of_another_form_is_refused_by_its_type_and_shape(dtype, shape, parts, tmp_path):
    path = write_graph(tmp_path, dtype, shape, lambda x: tf.zeros([tf.shape(x)[0], 28, 28, 1]), (28, 28, 1))
    with pytest.raises(UserError) as caught:
        measured(path, IMAGES)
    for part in (path,) + parts:
        assert part in str(caught.value), (part, str(caught.value))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('outputs,parts', [
    (lambda y: y[:1], ('features:0', '[N, D]', '[1, 4]', '5 images')),
    (lambda y: tf.reshape(y, [-1, 2, 2]), ('[5, 2, 2]',)),
    (lambda y: y[:, 0], ('found [5]',)),
    (tf.as_string, ('numbers', 'string')),
    (lambda y: y / 0, ('finite', '20'))])
def test_an_output_that_is_not_one_row_of_numbers_for_each_image_is_refused(outputs, parts, tmp_path):
    path = write_graph(tmp_path, tf.float32, [None, 28, 28, 1], same, (28, 28, 1), outputs)
    with pytest.raises(UserError) as caught:
        measured(path, IMAGES + 1)
    for part in parts:
        assert part in str(caught.value), (part, str(caught.value))


def test_what_is_named_and_does_not_fit_is_refused(tmp_path, plain_graph):
    path = write_graph(tmp_path, tf.uint8, [None, 28, 28, 1], same, (28, 28, 1))
    with pytest.raises(UserError, match='--features_range: .*bytes from 0 to 255'):
        measured(path, IMAGES, (0.0, 1.0))
    with pytest.raises(UserError, match='tensor features:7'):
        extractors.load_graph(path, 'x', 'features:7')
    with pytest.raises(UserError, match='add up to 1 from pooled'):  # features in the probabilities' place
        extractors.load_graph(plain_graph, 'pictures', 'pooled', 'pooled').run(IMAGES)


def attributed(path, op=None, **attributes):
    """Sets attributes of one node in a graph's file, and its operation."""
    graph_def = tf.GraphDef()
    with open(path, 'rb') as handle:
        graph_def.ParseFromString(handle.read())
    node = next(node for node in graph_def.node if node.op == 'Mean')
    for name, value in attributes.items():
        setattr(node.attr[name], 'f' if isinstance(value, float) else 'b', value)
    node.op = op or node.op
    with open(path, 'wb') as handle:
        handle.write(graph_def.SerializeToString())


def test_newer_attributes_at_their_defaults_are_no_hindrance_and_newer_operations_are_one_line(tmp_path):
    path = write_graph(tmp_path, tf.uint8, [None, 28, 28, 1], same, (28, 28, 1))
    attributed(path, grad_a=False, exponential_avg_factor=1.0)
    np.testing.assert_allclose(measured(path, IMAGES), GREY, rtol=1e-5)
    attributed(path, op='OfTheYear3000')
    with pytest.raises(UserError) as caught:
        measured(path, IMAGES)
    assert path in str(caught.value) and 'OfTheYear3000' in str(caught.value) and '\n' not in str(caught.value)


MATMUL = '''
import sys
import numpy as np
import tensorflow.compat.v1 as tf
from dcgan_tf1.metrics import extractors
found, shares = extractors.load_graph(sys.argv[1], 'x', 'features', 'shares').run(np.load(sys.argv[2]))
np.savez(sys.argv[3], found=found, shares=shares, version=tf.VERSION)
'''


def test_a_graph_of_the_release_at_hand_is_read_by_1_15(tmp_path):
    """With all attributes filled in, as importing it does: so was the classifier cached."""
    python = interpreter('DCGAN_TF1_PYTHON_TF115', 'Python 3.7 with TensorFlow 1.15.5')
    path = str(tmp_path / 'graph.pb')
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 28, 28, 1], name='x')
        pooled = tf.reshape(tf.nn.max_pool(x, [1, 7, 7, 1], [1, 7, 7, 1], 'VALID'), [-1, 16])
        weights = tf.constant(np.random.RandomState(1).normal(size=(16, 8)).astype(np.float32))
        product = tf.matmul(pooled, weights, name='features')
        tf.nn.softmax(product, name='shares')
        with open(path, 'wb') as handle:
            handle.write(graph.as_graph_def(add_shapes=True).SerializeToString())
        expected = session.run(product, {x: IMAGES / 127.5 - 1})
    np.save(str(tmp_path / 'images.npy'), IMAGES)
    out = str(tmp_path / 'found.npz')
    subprocess.run([python, '-c', MATMUL, path, str(tmp_path / 'images.npy'), out], env=command_environment(),
                   check=True, stderr=subprocess.DEVNULL)
    with np.load(out) as found:
        assert str(found['version']) == '1.15.5'
        np.testing.assert_allclose(found['found'], expected, atol=1e-5)


def test_what_is_written_of_a_graph_is_what_was_frozen(tmp_path, monkeypatch):
    """The classifier's file has no attribute that importing fills in, and its accuracy is that of test images."""
    monkeypatch.chdir(tmp_path)
    recipe = classifier.Recipe((2,), 1, False)
    images, labels = blobs(256)[..., np.newaxis], np.arange(256) % 10
    os.makedirs('data')
    sets = images, labels, images[:50], labels[:50]
    classifier.train_network('mnist', recipe, sets, 10, 0, 'data/c.pb', 'data/c.json', print)
    with open('data/c.json') as handle:
        assert json.load(handle)['test_images'] == 50
    graph_def = tf.GraphDef()
    with open('data/c.pb', 'rb') as handle:
        graph_def.ParseFromString(handle.read())
    assert not [name for node in graph_def.node for name in node.attr if name in (
        'grad_a', 'grad_b', 'exponential_avg_factor', 'explicit_paddings', 'use_cudnn_on_gpu')]
    before = tf.GraphDef()
    before.CopyFrom(graph_def)
    FrozenGraph('data/c.pb', graph_def, 'images', ['features'], (0.0, 1.0)).run(images)
    assert graph_def == before


def test_an_extractor_that_measures_again_adds_nothing_to_its_graph(tmp_path, monkeypatch):
    dtype, shape, to_images, images, expected = FORMS['double']
    path, made, placeholder = write_graph(tmp_path, dtype, shape, to_images, (28, 28, 1)), [], tf.placeholder
    monkeypatch.setattr(tf, 'placeholder', lambda *values: made.append(placeholder(*values)) or made[-1])
    extractor = extractors.load_graph(path, 'x', 'features', None, None)
    for _ in range(3):
        np.testing.assert_allclose(extractor.run(images)[0], expected / 255 * 2 - 1, atol=1e-5)
    assert len(made) == 1
