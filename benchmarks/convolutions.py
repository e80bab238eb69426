#!/usr/bin/env python3
"""Times every convolution of a DCGAN and its two gradients in each way to compute them.

    .venv/bin/python benchmarks/convolutions.py [--preset=blog_mnist] [--precision=auto] [--batch=64] [--rounds=15]

Each product runs alone, on all cores, and all of them take turns: as `train --lowering=auto` measures them, only
longer. So do all three products of a convolution together, in ways in which they share work. The last line adds up
what one training step needs: how long a step would take if nothing but its convolutions took time; `auto` counts what
products share once.
"""

import argparse
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import tensorflow.compat.v1 as tf  # noqa: E402
from counts import positive  # noqa: E402

from dcgan_tf1.gan import convolution_timing  # noqa: E402
from dcgan_tf1.gan.convolutions import PRODUCTS, WAYS, Convolution  # noqa: E402
from dcgan_tf1.gan.presets import PRESETS  # noqa: E402
from dcgan_tf1.training import lowering  # noqa: E402
from dcgan_tf1.util import devices  # noqa: E402
from dcgan_tf1.util.compute_policy import PRECISION_CHOICES  # noqa: E402

# The presets of a step that times_a_step() knows: updates of the generator beside one of the discriminator.
GENERATOR_UPDATES = {'blog_cifar_horse': 1, 'blog_mnist': 1, 'cgan_mnist': 1, 'dcgan': 2, 'sngan_cifar_horse': 1,
                     'sngan_mnist': 1}
ALL_WAYS = tuple(collections.OrderedDict.fromkeys(way for product in PRODUCTS for way in WAYS[product]))


def times_a_step(use, generator_updates=1):
    """How often a step runs each of a convolution's passes: forward, back to its input, back to its kernel.

    A generator's update runs both networks forward, both back to their inputs, and the generator back to its kernels;
    the discriminator's runs the generator forward and, on real and on fake images, itself forward and back, though not
    to the images.
    """
    if use.scope.startswith('generator'):
        return 1 + generator_updates, generator_updates, generator_updates
    on_images = use.geometry.channels <= 3
    return 2 + generator_updates, generator_updates + (0 if on_images else 2), 2


def products_a_step(use, generator_updates=1):
    """{product: how often a step computes it}: of a transposed convolution, forward and to_input change places."""
    forward, back, to_kernel = times_a_step(use, generator_updates)
    return dict(zip(PRODUCTS, (back, forward, to_kernel) if use.transposed else (forward, back, to_kernel)))


def shared(seconds, key, ways):
    """What share of their seconds alone a convolution's products take together, in the ways that were chosen."""
    together = {seconds.get((key, convolution_timing.TOGETHER, way)) for way in ways.values()}
    if len(together) > 1 or together == {None}:
        return 1
    return min(1, together.pop() / sum(seconds[key, product, way] for product, way in ways.items()))


def flops(use, batch):
    """Of one product, two for each multiply-add, with those of the zeros around an image."""
    rows, columns = Convolution.of(use.geometry, 'native').output_size
    _, _, channels, filters, size = use.geometry[:5]
    return 2 * batch * rows * columns * size * size * channels * filters


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(GENERATOR_UPDATES))
    parser.add_argument('--precision', default='auto', choices=PRECISION_CHOICES)
    parser.add_argument('--batch', type=positive, default=64)
    parser.add_argument('--rounds', type=positive, default=15, help='timed runs of each (default: %(default)s)')
    arguments = parser.parse_args()
    device = devices.find()
    precision = devices.choose_compute_policy(device, arguments.precision).precision
    uses = convolution_timing.uses_of(PRESETS[arguments.preset])
    geometries = [use.geometry for use in uses]
    seconds = convolution_timing.seconds(geometries, precision, arguments.batch, rounds=arguments.rounds,
                                         limit_s=float('inf'), patience_s=float('inf'))
    table = lowering.fastest(geometries, seconds, precision)

    print('{}, batch {}, {}; TensorFlow {} on {}; least milliseconds of {} rounds'.format(
        arguments.preset, arguments.batch, precision, tf.VERSION, device.title, arguments.rounds))
    row = '{:<28} {:<24} {:<9} {:>6}' + ' {:>11}' * (len(ALL_WAYS) + 2) + ' {:>8}'
    print(row.format('layer', 'convolution', 'product', 'a step', *ALL_WAYS + ('mixed', 'auto', 'GFLOP/s')))
    totals = collections.Counter()
    for use in uses:
        for product, times in products_a_step(use, GENERATOR_UPDATES[arguments.preset]).items():
            own = {way: seconds.get((use.geometry.key, product, way)) for way in ALL_WAYS}
            mixed = convolution_timing.usual_way(use.geometry, product, precision)
            auto = table[use.geometry.key][product]
            print(row.format(use.scope, use.geometry.key, product, times, *[
                '-' if took is None else '{:.2f}'.format(1e3 * took) for took in own.values()] + [
                    mixed, auto, '{:.0f}'.format(flops(use, arguments.batch) / own[auto] / 1e9)]))
            # A way is left out where it is not exact, or too large; then the total has what takes its place.
            totals.update({way: times * (own[way] or own[mixed]) for way in ('native', 'matmul')})
            totals.update({'mixed': times * own[mixed],
                           'auto': times * own[auto] * shared(seconds, use.geometry.key, table[use.geometry.key])})
    for geometry in collections.OrderedDict.fromkeys(geometries):
        together = ['{} {:.2f}'.format(case.way, 1e3 * took) for case, took in seconds.items()
                    if case[:2] == (geometry.key, convolution_timing.TOGETHER)]
        if together:
            print('the three products of {} together, ms: {}'.format(geometry.key, ', '.join(together)))
    print('all of a step, ms: ' + ', '.join('{} {:.1f}'.format(name, 1e3 * took) for name, took in totals.items()))


if __name__ == '__main__':
    main()
