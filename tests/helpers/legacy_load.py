"""Loads an export under an old TensorFlow, for the tests; not part of the package.

    python3.6 legacy_load.py EXPORT INPUTS.npz RESULT.npz

Runs the frozen generator, the SavedModel's and the MetaGraph's on the array `noise` and, of a conditional preset,
`labels`, as one batch and its first row by itself, and writes the images: `frozen`, `frozen_1`, `saved_model` ...
"""

import os
import sys

import numpy as np
import tensorflow as tf

NAMES = {'noise': 'inputs_noise:0', 'labels': 'inputs_labels:0'}


def frozen(session, folder):
    graph_def = tf.GraphDef()
    with open(os.path.join(folder, 'frozen', 'generator.pb'), 'rb') as handle:
        graph_def.ParseFromString(handle.read())
    tf.import_graph_def(graph_def, name='')
    return NAMES, 'images:0'


def saved_model(session, folder):
    meta = tf.saved_model.loader.load(session, ['serve'], os.path.join(folder, 'saved_model'))
    signature = meta.signature_def['serving_default']
    assert signature.method_name == 'tensorflow/serving/predict'
    return {key: info.name for key, info in signature.inputs.items()}, signature.outputs['images'].name


def meta_graph(session, folder):
    prefix = os.path.join(folder, 'meta_graph', 'model')
    tf.train.import_meta_graph(prefix + '.meta').restore(session, prefix)
    return NAMES, 'images:0'


def main(folder, inputs, result):
    with np.load(inputs) as arrays:
        inputs = dict(arrays.items())
    images = {}
    for load in (frozen, saved_model, meta_graph):
        with tf.Graph().as_default(), tf.Session() as session:
            sources, target = load(session, folder)
            for end, count in (('', None), ('_1', 1)):
                images[load.__name__ + end] = session.run(
                    target, {sources[key]: array[:count] for key, array in inputs.items()})
    np.savez(result, version=tf.__version__, **images)


if __name__ == '__main__':
    main(*sys.argv[1:])
