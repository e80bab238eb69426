"""TensorFlow Lite models (LiteRT's): the conversion of a frozen GraphDef, and running the result."""

import os
import tempfile
import warnings

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.exporting.tables import with_tables
from dcgan_tf1.util.tf_startup import without_chatter

# What the end of a file's name says: float32, weights of half the size, integer products.
VARIANTS = ('', '-float16', '-int8')


def convert(graph_def, inputs, output, variant, cases):
    """The bytes of a model that takes float32 and int32, and gives float32, in every variant.

    Args:
      graph_def: a frozen GraphDef.
      inputs: {operation's name: shape, None for N}.
      output: the output's operation.
      variant: one of VARIANTS.
      cases: a list of arrays [count, ...], in the order of `inputs`, from which '-int8' sets its ranges.
    """
    # All three are in the releases that this runs on, their members in TensorFlow 2's alone.
    converters, optimize, kinds = tf.lite.TFLiteConverter, tf.lite.Optimize, tf.lite.OpsSet
    handle, path = tempfile.mkstemp(suffix='.pb')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(with_tables(graph_def).SerializeToString())
        converter = converters.from_frozen_graph(path, list(inputs), [output], inputs)
        if variant:
            converter.optimizations = [optimize.DEFAULT]
        if variant == '-float16':
            converter.target_spec.supported_types = [tf.float16]
        if variant == '-int8':
            converter.representative_dataset = lambda: ([one[np.newaxis] for one in case] for case in zip(*cases))
            converter.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8]
        with without_chatter():
            return converter.convert()
    finally:
        os.remove(path)


def load(path, names):
    """(a function from the arrays of the inputs `names` to the output, the runtime's name).

    The runtime is LiteRT where it is installed, else the one that TensorFlow brings.
    """
    with without_chatter():
        model, runtime = _interpreter(path)
    places = {given['name']: given['index'] for given in model.get_input_details()}
    target, = model.get_output_details()

    def run(*inputs):
        with without_chatter():
            for name, value in zip(names, inputs):
                model.resize_tensor_input(places[name], list(value.shape))
            model.allocate_tensors()
        for name, value in zip(names, inputs):
            model.set_tensor(places[name], value)
        model.invoke()
        return model.get_tensor(target['index'])

    return run, runtime


def _interpreter(path):
    """(an interpreter of the model in a file, the runtime's name)."""
    try:
        from ai_edge_litert import interpreter as litert  # noqa: PLC0415  optional
    except ImportError:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that LiteRT will take its place
            return tf.lite.Interpreter(model_path=path), 'TensorFlow {}, its TensorFlow Lite'.format(tf.VERSION)
    from importlib import metadata  # noqa: PLC0415  since Python 3.8, as LiteRT is
    return (litert.Interpreter(model_path=path, num_threads=os.cpu_count()),
            'LiteRT {}'.format(metadata.version('ai-edge-litert')))
