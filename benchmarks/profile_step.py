#!/usr/bin/env python3
"""Prints where the time of one training step goes, by kind of operation.

    .venv/bin/python benchmarks/profile_step.py [--preset=blog_mnist] [--precision=auto] [--lowering=auto]

Traces both updates of a step with the session's own tracer and adds up the time that each
kind of operation took on the cores, so the shares are of busy time; operations that run
side by side count in full.
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

import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
from counts import positive  # noqa: E402

from dcgan_tf1.gan import graph, step_loop
from dcgan_tf1.gan.presets import PRESETS  # noqa: E402
from dcgan_tf1.training import lowering, tracing  # noqa: E402
from dcgan_tf1.util import devices  # noqa: E402
from dcgan_tf1.util.compute_policy import CONV_IMPL_CHOICES, PRECISION_CHOICES  # noqa: E402


def profile(preset, policy, steps):
    """(median seconds of a step untraced, {kind: microseconds a step}, {kind: calls a step})."""
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset, policy.precision, policy.built_by)
        # Outside of the loop, where the tracer would count the loop's own waiting as well.
        real, noises = tf.identity(handles.real), [tf.identity(handles.noise) for _ in preset.schedule]
        if preset.incomplete_batch == 'drop':  # as in the loop: convolutions are divided by how many images there are
            real.set_shape((preset.batch_size,) + preset.input_shape)
            for update, noise in zip(preset.schedule, noises):
                noise.set_shape((preset.noise_batches[update.noise] * preset.batch_size, preset.z_dim))
        updates = [handles.update(update, real, noise, handles.dropout_seed, labels=handles.one_hot)
                   for update, noise in zip(preset.schedule, noises)]
        session.run(tf.global_variables_initializer())
        kinds = {op.name: op.type for op in tf_graph.get_operations()}
        draw = np.random.RandomState(0)
        feeds = {handles.real: np.tanh(draw.randn(preset.batch_size, *preset.input_shape)),
                 handles.noise: None}
        if handles.labels is not None:
            feeds[handles.labels] = np.arange(preset.batch_size) % preset.classes
        took, microseconds, calls = [], collections.Counter(), collections.Counter()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        for step in range(3 + 2 * steps):
            traced = step >= 3 + steps
            start = time.perf_counter()
            for place, update in enumerate(updates):
                count = preset.noise_batches[preset.schedule[place].noise] * preset.batch_size
                feeds[handles.noise] = draw.uniform(-1, 1, (count, preset.z_dim))
                feeds[handles.dropout_seed] = step_loop.dropout_seed_for(step, place)
                metadata = tf.RunMetadata() if traced else None
                session.run(update, feeds, options=options if traced else None, run_metadata=metadata)
                for device in metadata.step_stats.dev_stats if traced else ():
                    for node in device.node_stats:
                        # Rewritten graphs have nodes of their own, whose kinds their labels name.
                        kind = kinds.get(node.node_name) or tracing.kind_of(node) or 'other'
                        microseconds[kind] += node.op_end_rel_micros - node.op_start_rel_micros
                        calls[kind] += 1
            if 3 <= step < 3 + steps:
                took.append(time.perf_counter() - start)
    return (statistics.median(took), {kind: value / steps for kind, value in microseconds.items()},
            {kind: value / steps for kind, value in calls.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(PRESETS))
    parser.add_argument('--steps', type=positive, default=5, help='steps to trace (default: %(default)s)')
    parser.add_argument('--top', type=positive, default=20, help='kinds to list (default: %(default)s)')
    parser.add_argument('--precision', default='auto', choices=PRECISION_CHOICES)
    parser.add_argument('--lowering', default='auto', choices=CONV_IMPL_CHOICES)
    arguments = parser.parse_args()
    device = devices.find()
    preset = PRESETS[arguments.preset]
    policy = lowering.policy_for(preset, device, tf.ConfigProto(), print, arguments.precision, arguments.lowering)
    step_s, microseconds, calls = profile(preset, policy, arguments.steps)
    total = sum(microseconds.values())
    print('{}: {:.0f} ms a step untraced; TensorFlow {} on {}; {}'.format(
        arguments.preset, 1e3 * step_s, tf.VERSION, device.title, policy.why))
    print('{:<36}{:>10}{:>8}{:>8}'.format('kind of operation', 'ms a step', 'share', 'calls'))
    for kind, value in sorted(microseconds.items(), key=lambda item: -item[1])[:arguments.top]:
        print('{:<36}{:>10.1f}{:>8.1%}{:>8.0f}'.format(kind, value / 1e3, value / total, calls[kind]))
    print('{:<36}{:>10.1f}'.format('all', total / 1e3))


if __name__ == '__main__':
    main()
