"""A fixed random convolutional projection of pixels, for data sets that no classifier can be trained for.

Its features know nothing of what images show: distances between them tell generators of one data set apart, and mean
nothing beside those of another data set or extractor. That features of random networks do so much is shown by Naeem
et al., 2020, https://arxiv.org/abs/2002.09797 (their R64).
"""

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.metrics import extractors
from dcgan_tf1.metrics.table import PIXELS
from dcgan_tf1.util.seeds import numpy_rng

FEATURES = 64
FILTERS = (32, 64, 128)  # of the stages, and so on with the last one, until no side is longer than
LAST_SIDE = 8
SCALE = 4  # by which distances of different generators differ within the two decimals of a table
NAME = 'random projection of pixels'  # and its seed


def is_projection(name):
    """Whether an Extractor of this name is such a projection."""
    return name.startswith(NAME)


def projection(shape, seed=0, device='auto'):
    """The Extractor for images [N] + shape (H, W, C); another seed draws other weights. device: as the flag."""
    graph = extractors.FrozenGraph(
        '--features=' + PIXELS, _graph_def(shape, seed), 'images', ['features'], (-1.0, 1.0), device)
    return extractors.Extractor('{} (seed {})'.format(NAME, seed), None, lambda images: (graph.run(images)[0], None))


def _graph_def(shape, seed):
    """images [N] + shape in [-1, 1] -> features [N, 64], with weights that are the same in all releases of NumPy."""
    draw = numpy_rng(seed, 'projection', 0)

    def weights(*sides):
        """Normal, of the variance of He et al., 2015, by which a layer keeps the size of what it is given."""
        return draw.normal(0, np.sqrt(2 / np.prod(sides[:-1])), sides).astype(np.float32)

    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, (None,) + tuple(shape), name='images')
        stage = 0
        while stage == 0 or max(x.shape.as_list()[1:3]) > LAST_SIDE:
            count = FILTERS[min(stage, len(FILTERS) - 1)]
            x = tf.nn.conv2d(x, weights(3, 3, x.shape.as_list()[3], count), [1, 1, 1, 1], 'SAME')
            x = tf.nn.relu(x + draw.normal(0, 0.1, count).astype(np.float32))
            x = tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')   # half the height and width, rounded up
            stage += 1
        size = int(np.prod(x.shape.as_list()[1:]))
        tf.matmul(tf.reshape(x, [-1, size]), SCALE * weights(size, FEATURES), name='features')
        return graph.as_graph_def()
