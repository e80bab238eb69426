"""The images that a checkpoint makes of noise."""

import sys

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan import graph
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.util import devices, images
from dcgan_tf1.util.errors import UserError

BATCH_SIZE = 256  # images generated at a time


def generate(preset, prefix, z, seed=0, dropout=None, device='auto', precision='float32', conv_impl='auto',
             progress=False):
    """Images [N] + image_shape in the preset's range for noise z [N, z_dim].

    Builds the generator alone and restores its variables from the checkpoint `prefix`,
    which may hold no others. `dropout`: on, off, or None for what the preset says.
    device, precision, conv_impl: as the flags --device, --precision and --lowering.
    progress: shows a bar on a terminal.
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
    """Images [N] + image_shape for noise z [N, z_dim], BATCH_SIZE at a time.

    sample: (noise, the batch's number) -> images. disable: of the progress bar, as in tqdm.
    """
    firsts = tqdm(range(0, len(z), BATCH_SIZE), desc='samples', unit='batch', leave=False, disable=disable)
    return np.concatenate([sample(z[first:first + BATCH_SIZE], first // BATCH_SIZE) for first in firsts])


def to_uint8(preset, raw, source):
    """Images in the preset's range as uint8. Raises UserError, which names their source, where one is not finite."""
    try:
        return images.to_uint8(raw, preset.image_range)
    except ValueError as error:
        raise UserError('{}: {}'.format(source, error))
