"""Noise of a preset, and the images that a checkpoint makes of it."""

import sys

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan import graph
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.util import devices, images
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.seeds import draw_noise

BATCH = 256  # images generated at a time


def noise(preset, seed, count, walk=0):
    """The preset's noise: [count, z_dim].

    With `walk`, for each of `count` pairs a way of `walk` vectors from one to the other:
    [count * walk, z_dim]; straight for uniform noise, which stays within its cube, and along
    a circle for normal noise, which stays normal.
    """
    if not walk:
        return draw_noise(seed, 'sample', 0, (count, preset.z_dim), preset.noise)
    ends = draw_noise(seed, 'sample', 0, (count, 2, 1, preset.z_dim), preset.noise).astype(np.float64)
    way = np.linspace(0, 1, walk)[:, np.newaxis]
    away, there = (1 - way, way) if preset.noise == 'uniform' else (np.cos(way * np.pi / 2), np.sin(way * np.pi / 2))
    return (ends[:, 0] * away + ends[:, 1] * there).reshape(-1, preset.z_dim).astype(np.float32)


def generate(preset, prefix, z, seed=0, dropout=None, device='auto', precision='float32', conv_impl='auto',
             progress=False):
    """Images [N] + image_shape in the preset's range for noise z [N, z_dim].

    Builds the generator alone and restores its variables from the checkpoint `prefix`,
    which may hold no others. `dropout`: on, off, or None for what the preset says.
    device, precision, conv_impl: as the flags of those names. progress: shows a bar on a terminal.
    """
    policy = devices.choose_compute_policy(devices.find(device), precision, conv_impl)
    if policy.warning:
        print('WARNING: ' + policy.warning, file=sys.stderr)
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(seed)
        handles = graph.build_sampling_graph(preset, dropout, policy.precision, policy.conv_impl)
        variables = graph.sampled_variables(preset, tf.global_variables())
        tf_graph.finalize()
        with tf.Session(config=devices.session_config(device)) as session:
            checkpoint.restore(session, prefix, variables)
            run = session.make_callable(handles.sample_images, [handles.noise, handles.dropout_seed])
            return generate_in_batches(run, z, disable=None if progress else True)


def generate_in_batches(sample, z, disable=True):
    """The images [N] + image_shape of noise z [N, z_dim], BATCH at a time.

    sample: (noise, which batch) -> images. disable: of the progress bar, as tqdm has it.
    """
    firsts = tqdm(range(0, len(z), BATCH), desc='samples', unit='batch', leave=False, disable=disable)
    return np.concatenate([sample(z[first:first + BATCH], first // BATCH) for first in firsts])


def to_uint8(preset, raw, source):
    """Images in the preset's range as bytes; UserError, which names their source, where they are not finite."""
    try:
        return images.to_uint8(raw, preset.image_range)
    except ValueError as error:
        raise UserError('{}: {}'.format(source, error))
