#!/usr/bin/env python3
"""What the parts of a training step cost that are no convolutions: steps with some of them left out.

    .venv/bin/python benchmarks/leave_out.py [--precision=auto] [--lowering=auto] [--rounds=12]

Builds the step of `blog_mnist` several times, each without one part more, and has them take turns of three steps, so
that a machine whose speed drifts slows them all. What is left trains no GAN of use; it is timed alone. A part costs
more than its own operations take where others wait for it, and less where they run beside it.
"""

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import argparse
import contextlib
import statistics
import time
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from counts import positive

from dcgan_tf1.gan import graph, networks, step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.training import lowering
from dcgan_tf1.util import devices
from dcgan_tf1.util.compute_policy import CONV_IMPL_CHOICES, PRECISION_CHOICES

PRESET = PRESETS['blog_mnist']
STEPS = 3  # in a turn

_uniform = tf.random.stateless_uniform


def _zeros_for_bits(shape, seed, *args, **kwargs):
    drawn = kwargs.get('dtype', tf.float32)
    return tf.zeros(shape, drawn) if drawn == tf.int32 else _uniform(shape, seed, *args, **kwargs)


def _identity(x, *_, **__):
    return x


_BITS = tf.random, 'stateless_uniform', _zeros_for_bits
_DROPOUT, _LEAKY_RELU, _BATCH_NORM = [(networks, name, _identity) for name in ('dropout', 'leaky_relu', 'batch_norm')]
# What is left out: for people, and where something else stands in its place.
PARTS = (
    ('nothing left out', ()),
    ("dropout's random bits", (_BITS,)),
    ('dropout', (_DROPOUT,)),
    ('leaky ReLU, too', (_DROPOUT, _LEAKY_RELU)),
    ('batch norm, too', (_DROPOUT, _LEAKY_RELU, _BATCH_NORM)),
)


def build(policy, config):
    """A function that takes STEPS steps, of a graph and a session of its own."""
    draw = np.random.RandomState(0)
    images = np.tanh(draw.randn(256, *PRESET.input_shape)).astype(np.float32)
    indices = draw.randint(0, len(images), (STEPS, PRESET.batch_size)).astype(np.int32)
    noises = draw.uniform(-1, 1, (STEPS, PRESET.batch_size, PRESET.z_dim)).astype(np.float32)
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        handles = graph.build_training_graph(PRESET, policy.precision, policy.built_by)
        session = tf.Session(config=config)
        session.run(tf.global_variables_initializer())
        steps = step_loop.make_steps(session, handles, images)
    return lambda: steps(1, indices, noises)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--precision', default='auto', choices=PRECISION_CHOICES)
    parser.add_argument('--lowering', default='auto', choices=CONV_IMPL_CHOICES)
    parser.add_argument('--rounds', type=positive, default=12, help='turns of each (default: %(default)s)')
    arguments = parser.parse_args()
    config = devices.session_config('cpu')
    device = devices.find('cpu', config=config)
    policy = lowering.policy_for(PRESET, device, config, print, arguments.precision, arguments.lowering)
    built = []
    for _, left_out in PARTS:
        with contextlib.ExitStack() as patches:
            for place in left_out:
                patches.enter_context(mock.patch.object(*place))
            built.append(build(policy, config))
    took = [[] for _ in built]
    for turn in range(2 + arguments.rounds):
        for take, seconds in zip(built, took):
            start = time.perf_counter()
            take()
            if turn >= 2:
                seconds.append((time.perf_counter() - start) / STEPS)
    print('{}, batch {}, {}, {} convolutions; TensorFlow {} on {}'.format(
        PRESET.name, PRESET.batch_size, policy.precision, policy.conv_impl, tf.VERSION, device.title))
    print('without                    ms a step (least)')
    for (name, _), seconds in zip(PARTS, took):
        print('{:24} {:9.1f} ({:.1f})'.format(name, 1e3 * statistics.median(seconds), 1e3 * min(seconds)))


if __name__ == '__main__':
    main()
