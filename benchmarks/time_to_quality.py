#!/usr/bin/env python3
"""How long it takes to quality: the Frechet distance over seconds of training, of the original graph and of presets.

    .venv/bin/python benchmarks/time_to_quality.py --picture=PNG --json=JSON     # in some 40 minutes on two cores
    .venv/bin/python benchmarks/time_to_quality.py --steps=60 --every=20 --n=200   # a trial

The original graph as its author wrote it (`graph2017` of workers.py: tf.layers, feed_dict, float32), `blog_mnist` and
`cgan_mnist`, on the same digits and noise of one seed, each in a process of its own. All are up at the same time and
take turns of --every steps; between turns --n samples of each are measured. Seconds are those of training alone, and
before them what it took to get ready for the first step (imports, data, graph). The original's distance at the end is
the aim that the others are asked when they reached. Presets keep their own schedule; of `cgan_mnist`, whose learning
rate falls over three times as many steps, the first half of --steps is taken.
"""

import argparse
import multiprocessing
import os
import sys
import time
import warnings

from dcgan_tf1.util import tf_startup

GIVEN = dict(os.environ)  # before this package chooses kernels, which the original's author did not
if __name__ == '__main__':
    tf_startup.begin()

import numpy as np
from counts import positive

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing, write_bytes, write_json

ORIGINAL = 'the original graph'
# Which are trained, and what part of --steps.
TRAININGS = ((ORIGINAL, 1.0), ('blog_mnist', 1.0), ('cgan_mnist', 0.5))


# ---------------------------------------------------------------- one training, in a process of its own

def serve(name, seed, every, total, count, turns):
    """Sends None when it is ready, then [step, seconds, images as bytes] after `every` steps each; waits for turns."""
    warnings.simplefilter('ignore')  # tf.layers is deprecated
    train = _train_original if name == ORIGINAL else _train_preset
    if name != ORIGINAL:
        tf_startup.begin()
    turns.recv()
    train(name, seed, every, total, count, turns)


def _plan(name, seed):
    from dcgan_tf1.training.config import parse_train
    from dcgan_tf1.training.plan import make_plan

    config = parse_train(['--preset=' + name, '--seed={}'.format(seed)])
    return config, make_plan(config, lambda text: None)


def _noise_to_measure(preset, seed, count, data):
    """(noise, labels in the proportions of the data or None) that samples are made of."""
    from dcgan_tf1.gan.noise import sample_noise

    labels = None if preset.classes is None else data.labels[np.random.RandomState(seed).permutation(
        len(data.labels))[:count]].astype(np.int32)
    return sample_noise(preset, count, seed, 'evaluate', 0), labels


def _train_preset(name, seed, every, total, count, turns):
    """As the trainer does it, without what it writes."""
    import tensorflow.compat.v1 as tf

    from dcgan_tf1.gan import graph, step_loop
    from dcgan_tf1.runs import checkpoint
    from dcgan_tf1.training import lowering
    from dcgan_tf1.training.loop import CallSize, Hook, run_steps
    from dcgan_tf1.training.plan import StepSchedule
    from dcgan_tf1.training.prefetch import InputPrefetcher
    from dcgan_tf1.training.session import TrainingSession
    from dcgan_tf1.util import devices
    from dcgan_tf1.util.images import to_uint8

    config, plan = _plan(name, seed)
    preset, session_config = plan.preset, devices.session_config('cpu')
    policy = lowering.policy_for(preset, devices.find('cpu', config=session_config), session_config, lambda text: None)
    noise, labels = _noise_to_measure(preset, seed, count, plan.data)
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        handles = graph.build_training_graph(
            preset, policy.precision, policy.built_by, total_steps=plan.total, images_as=step_loop.BYTES)
        saver = checkpoint.make_saver()
        with tf.Session(config=session_config) as session:
            session.run(tf.global_variables_initializer())
            model = TrainingSession(session, handles, saver, preset, plan)

            class Turns(Hook):
                def after_step(self, taken):
                    if taken.step in self.schedule or taken.is_last:
                        images = to_uint8(model.sample_for_quality(noise, labels), preset.image_range)
                        turns.send([taken.step, taken.seconds, images])
                        turns.recv()

            turns.send(None)
            turns.recv()
            run_steps(lambda first, inputs: model.take_steps(first, inputs, lambda: False),
                      InputPrefetcher(preset, plan, seed), [Turns(StepSchedule(every, every))], 0, total,
                      CallSize(0, True))


def _train_original(name, seed, every, total, count, turns):
    from workers import build_graph2017

    from dcgan_tf1.gan.noise import sample_noise
    from dcgan_tf1.util.images import to_uint8

    del name
    _, plan = _plan('blog_mnist', seed)
    preset, seconds = plan.preset, 0.0
    noise, _ = _noise_to_measure(preset, seed, count, plan.data)
    step, sample, _ = build_graph2017(seed)
    turns.send(None)
    turns.recv()
    for number in range(1, total + 1):
        started = time.monotonic()
        images = plan.data.scaled(plan.batches.indices(number)).reshape(-1, 28, 28, 1)
        step(images, sample_noise(preset, plan.batch_size, seed, 'noise', number))
        seconds += time.monotonic() - started
        if number % every == 0 or number == total:
            made = np.concatenate([sample(noise[first:first + 500]) for first in range(0, count, 500)])
            turns.send([number, seconds, to_uint8(made, preset.image_range)])
            turns.recv()


# ---------------------------------------------------------------- all of them

class Training:
    """One of TRAININGS, and what has come of it: rows of (step, seconds, Frechet distance)."""

    def __init__(self, name, share, arguments):
        self.name, self.rows = name, []
        self.total = max(arguments.every, int(arguments.steps * share))
        self._turns, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=serve, args=(name, arguments.seed, arguments.every, self.total, arguments.n, theirs), daemon=True)
        started = time.monotonic()
        self._process.start()
        theirs.close()
        self._take()
        self.ready = time.monotonic() - started

    def _take(self):
        try:
            self._turns.send(None)
            return self._turns.recv()
        except (EOFError, OSError):
            raise SystemExit('error: {}: expected a training, found that it failed'.format(self.name))

    def turn(self, measure):
        """Trains on; returns whether it is done."""
        step, seconds, images = self._take()
        self.rows.append((step, self.ready + seconds, measure(step, images)['frechet_distance']))
        done = step == self.total
        if done:
            self._turns.send(None)
            self._process.join()
        return done

    def reached(self, distance):
        """The (step, seconds) after which it was measured as good as that; None where it never was."""
        return next(((step, seconds) for step, seconds, measured in self.rows if measured <= distance), None)


def monitor(seed, count):
    from dcgan_tf1.metrics import classifier, evaluation

    config, plan = _plan('blog_mnist', seed)
    real = plan.data.as_bytes(config.preset.image_range)
    return evaluation.QualityMonitor(
        classifier.classifier(plan.data.dataset), real, plan.data.title, count, seed, print)


def table(trainings, aim):
    lines = ['| run | ready after | images/s | {:.1f} after | by step | best | last |'.format(aim),
             '|---|---|---|---|---|---|---|']
    for each in trainings:
        step, seconds, last = each.rows[-1]
        reached = each.reached(aim)
        lines.append('| {} | {:.1f} s | {:.0f} | {} | {} | {:.1f} | {:.1f} |'.format(
            each.name if each.name == ORIGINAL else '`{}`'.format(each.name), each.ready,
            64 * step / (seconds - each.ready), 'never' if reached is None else '{:.0f} s'.format(reached[1]),
            '' if reached is None else '{:,}'.format(reached[0]), min(row[2] for row in each.rows), last))
    return '\n'.join(lines)


def picture(trainings, aim, count):
    """The curves, as the bytes of a PNG file."""
    from dcgan_tf1.util.figure_style import figure_bytes, new_figure, own_style

    with own_style():
        figure = new_figure(8, 4.5)
        axis = figure.add_subplot()
        for each in trainings:
            axis.plot([seconds / 60 for _, seconds, _ in each.rows], [distance for _, _, distance in each.rows],
                      marker='.', label=each.name)
        axis.axhline(aim, color='grey', linestyle=':', linewidth=1)
        axis.set_yscale('log')
        marks = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000]  # plain ones, where matplotlib's would be formulas
        axis.set_yticks(marks)
        axis.set_yticks([], minor=True)
        axis.set_yticklabels(['{:,}'.format(mark) for mark in marks])
        distances = [row[2] for each in trainings for row in each.rows]
        axis.set_ylim(min(distances) / 1.3, max(distances) * 1.3)
        axis.set_xlabel('minutes from the start, without measurements')
        axis.set_ylabel('Fr\u00e9chet distance of {:,} samples'.format(count))
        axis.set_title("Time to quality: digits (dotted: the original's at its end)")
        axis.legend()
        figure.tight_layout()
    return figure_bytes(figure, 110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--steps', type=positive, default=4295, help="of the original and blog_mnist (2017's 4295)")
    parser.add_argument('--every', type=positive, default=215, help='steps between measurements (default: 215)')
    parser.add_argument('--n', type=positive, default=2000, help='samples that are measured (default: 2000)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', help='where to write every measurement')
    parser.add_argument('--picture', help='where to draw the curves')
    arguments = parser.parse_args()
    for path in filter(None, (arguments.json, arguments.picture)):
        try:
            refuse_existing(path, overwrite=True)
        except UserError as error:
            parser.error(str(error))
    os.environ['TF_USE_LEGACY_KERAS'] = '1'  # the original's tf.layers
    multiprocessing.set_start_method('spawn')
    measured = monitor(arguments.seed, arguments.n)
    if tf_startup.ONEDNN not in GIVEN:  # of each process a choice of its own
        os.environ.pop(tf_startup.ONEDNN, None)
    trainings = [Training(name, share, arguments) for name, share in TRAININGS]
    left = list(trainings)
    while left:
        for each in list(left):
            if each.turn(measured.measure):
                left.remove(each)
            print('{}: step {:,}, {:.0f} s, {:.2f}'.format(each.name, *each.rows[-1]), flush=True)
            if arguments.json:  # what is measured by now, should a training fail
                write_json(arguments.json, {
                    'n': arguments.n, 'seed': arguments.seed, 'real_images': measured.real['frechet_distance'],
                    'trainings': {each.name: {'ready': each.ready, 'rows': each.rows} for each in trainings}})
    aim = trainings[0].rows[-1][2]
    print(table(trainings, aim))
    if arguments.picture:
        write_bytes(arguments.picture, picture(trainings, aim, arguments.n))


if __name__ == '__main__':
    try:
        main()
    except UserError as error:  # of the data
        sys.exit('error: {}'.format(error))
