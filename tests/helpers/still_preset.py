"""`train` with one more preset, whose steps don't depend on how a batch is divided: python still_preset.py FLAGS...

The blog's DCGAN without dropout, with batch norm by its moving averages in training, too, and with tanh for leaky
ReLU: at a kink, a difference in the last bit of a sum becomes one in the gradient's fourth place.
"""

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import dataclasses
import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1 import train
from dcgan_tf1.gan import layers, networks
from dcgan_tf1.gan.presets import PRESETS


def still(network):
    def call(x, ctx):
        return network(x, layers.BatchContext(ctx.name, training=False))
    return call


networks.leaky_relu = lambda x, alpha: tf.tanh(x)
BLOG = PRESETS['blog_mnist']
PRESETS['still'] = dataclasses.replace(
    BLOG, name='still', generator=still(BLOG.generator), discriminator=still(BLOG.discriminator),
    dropout_when_training=False, dropout_when_sampling=False)

if __name__ == '__main__':
    sys.exit(train.main())
