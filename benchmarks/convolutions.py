#!/usr/bin/env python3
"""Times every convolution of a DCGAN and its two gradients in each conv_impl.

    .venv/bin/python benchmarks/convolutions.py [--preset=blog_mnist] [--precision=auto] [--batch=64] [--rounds=15]

Each product runs alone, on all cores, and all of them take turns. The last line adds up what one
training step needs: how long a step would take if nothing but its convolutions took time.
"""

import argparse
import collections
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import tensorflow.compat.v1 as tf  # noqa: E402

from dcgan_tf1.gan import layers
from dcgan_tf1.gan.convolutions import Convolution  # noqa: E402
from dcgan_tf1.gan.presets import PRESETS  # noqa: E402
from dcgan_tf1.util import devices  # noqa: E402
from dcgan_tf1.util.compute_policy import CONV_IMPLS, PRECISION_CHOICES  # noqa: E402

PRODUCTS = ('forward', 'to input', 'to kernel')
# The presets of a step that times_a_step() knows: updates of the generator beside one of the discriminator.
GENERATOR_UPDATES = {'blog_cifar_horse': 1, 'blog_mnist': 1, 'dcgan': 2}

Layer = collections.namedtuple('Layer', 'name geometry transposed x kernel y')  # x, kernel and y: shapes


def layers_of(preset):
    """A Layer for each convolution of the preset's networks."""
    found = []

    class Noted(Convolution):
        def __init__(self, *geometry):
            super().__init__(*geometry)
            self._geometry = geometry[:-1]  # without the conv_impl

        def _note(self, transposed, x, kernel, y):
            found.append(Layer(tf.get_variable_scope().name, self._geometry, transposed,
                               *[tensor.shape.as_list() for tensor in (x, kernel, y)]))
            return y

        def __call__(self, x, kernel):
            return self._note(False, x, kernel, super().__call__(x, kernel))

        def transposed(self, y, kernel):
            return self._note(True, y, kernel, super().transposed(y, kernel))

    layers.Convolution = Noted
    try:
        with tf.Graph().as_default():
            images = preset.generator(tf.zeros([1, preset.z_dim]), preset.batch_context('generator', training=True))
            preset.discriminator(images, preset.batch_context('real', training=True))
    finally:
        layers.Convolution = Convolution
    return found


def times_a_step(layer, generator_updates=1):
    """How often a step runs each of the layer's PRODUCTS.

    A generator's update runs both networks forward, both back to their inputs, and the generator back to its kernels;
    the discriminator's runs the generator forward and, on real and on fake images, itself forward and back, though not
    to the images.
    """
    if layer.name.startswith('generator'):
        return 1 + generator_updates, generator_updates, generator_updates
    on_images = layer.x[-1] <= 3
    return 2 + generator_updates, generator_updates + (0 if on_images else 2), 2


def flops(layer, batch):
    """Of one product, two for each multiply-add, with those of the zeros around an image."""
    small = layer.x if layer.transposed else layer.y
    height, width, channels, filters = layer.kernel
    return 2 * batch * small[1] * small[2] * height * width * channels * filters


def operations(layer, conv_impl, batch, dtype):
    """What computes the layer's forward product and its two gradients, from variables."""
    with tf.variable_scope(None, default_name='layer'):
        x, kernel, dy = [
            tf.get_variable(name, initializer=tf.cast(tf.random.normal(shape), dtype), use_resource=True).read_value()
            for name, shape in (('x', [batch] + layer.x[1:]), ('kernel', layer.kernel), ('dy', [batch] + layer.y[1:]))]
    convolve = Convolution(*layer.geometry, conv_impl)
    y = (convolve.transposed if layer.transposed else convolve)(x, kernel)
    return [y.op] + [gradient.op for gradient in tf.gradients(y, [x, kernel], dy)]


def measure(found, precision, batch, rounds):
    """{(layer's name, product, conv_impl): median seconds}."""
    with tf.Graph().as_default(), tf.Session() as session:
        cases = {(layer.name, product, conv_impl): operation
                 for layer in found for conv_impl in CONV_IMPLS
                 for product, operation in zip(PRODUCTS, operations(layer, conv_impl, batch, tf.as_dtype(precision)))}
        session.run(tf.global_variables_initializer())
        calls = {case: session.make_callable([operation]) for case, operation in cases.items()}
        took = {case: [] for case in calls}
        for turn in range(-1, rounds):
            for case, call in calls.items():
                call()  # its operands come into the caches, as they would be from the layer before
                start = time.perf_counter()
                call()
                if turn >= 0:
                    took[case].append(time.perf_counter() - start)
        return {case: statistics.median(seconds) for case, seconds in took.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(GENERATOR_UPDATES))
    parser.add_argument('--precision', default='auto', choices=PRECISION_CHOICES)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--rounds', type=int, default=15, help='timed runs of each (default: %(default)s)')
    arguments = parser.parse_args()
    device = devices.find()
    precision = devices.choose_compute_policy(device, arguments.precision).precision
    found = layers_of(PRESETS[arguments.preset])
    seconds = measure(found, precision, arguments.batch, arguments.rounds)

    print('{}, batch {}, {}; TensorFlow {} on {}'.format(
        arguments.preset, arguments.batch, precision, tf.VERSION, device.title))
    print('{:<32} {:<25} {:<9} {:>7}'.format('layer', '', 'product', 'a step') + ''.join(
        ' {:>10}'.format(conv_impl + ', ms') for conv_impl in CONV_IMPLS) + ' {:>14}'.format('best, GFLOP/s'))
    totals = collections.Counter()
    for layer in found:
        for product, times in zip(PRODUCTS, times_a_step(layer, GENERATOR_UPDATES[arguments.preset])):
            own = [seconds[layer.name, product, conv_impl] for conv_impl in CONV_IMPLS]
            print('{:<32} {:<25} {:<9} {:>7}'.format(
                layer.name, '{}, {}'.format('x'.join(map(str, layer.x[1:])), 'x'.join(map(str, layer.kernel))),
                product, times) + ''.join(' {:>10.2f}'.format(1e3 * value) for value in own)
                + ' {:>14.0f}'.format(flops(layer, arguments.batch) / min(own) / 1e9))
            totals.update(dict(zip(CONV_IMPLS + ('best',), [times * value for value in own + [min(own)]])))
    print('{:<76}'.format('all of a step') + ''.join(' {:>10.1f}'.format(1e3 * totals[name]) for name in CONV_IMPLS)
          + ' {:>11.1f} ms'.format(1e3 * totals['best']))


if __name__ == '__main__':
    main()
