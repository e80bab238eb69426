"""Writes a feature extractor that need not be trained, for trials: python benchmarks/trial_features.py FILE.

Its features are 49 averages over parts of the image: they try out what measures images, and say nothing of
their quality.
"""

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1.util import cli
from dcgan_tf1.util.files import write_bytes


def main(path):
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, [None, 28, 28, 1], name='images')
        tf.reshape(tf.nn.avg_pool(images, [1, 4, 4, 1], [1, 4, 4, 1], 'VALID'), [-1, 1, 1, 49], name='features')
    write_bytes(path, graph.as_graph_def().SerializeToString())


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: python benchmarks/trial_features.py FILE')
    sys.exit(cli.run(lambda argv: argv[1], main, sys.argv))
