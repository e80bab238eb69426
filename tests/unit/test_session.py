"""The dropout masks that a training's samples are made with."""

import dataclasses

import numpy as np

from dcgan_tf1.gan import step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.training.session import TrainingSession


def seeds_of(what):
    """The dropout seeds that a TrainingSession gives the graph's generator when `what` is called with it."""
    seeds = []

    def sample(z, dropout_seed, *labels):
        seeds.append(dropout_seed)
        return np.zeros((len(z), 28, 28, 1), np.float32)

    session = TrainingSession.__new__(TrainingSession)
    session._sample, session._preset = sample, dataclasses.replace(PRESETS['blog_mnist'])
    what(session)
    return seeds


def test_samples_have_the_masks_of_their_step_and_measured_ones_those_of_no_step():
    z = np.zeros((2000, 100), np.float32)
    assert seeds_of(lambda session: session.sample(7, z[:25])) == [step_loop.dropout_seed_for(7, step_loop.SAMPLE)]
    first, again = seeds_of(lambda session: session.sample_for_quality(z)), seeds_of(
        lambda session: session.sample_for_quality(z))
    assert first == again and len(set(first)) == len(first) > 1
    assert max(first) < step_loop.dropout_seed_for(1, 0)  # before those of the first step
