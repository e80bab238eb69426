"""The images that a checkpoint makes of noise and labels."""

import contextlib
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan import graph
from dcgan_tf1.gan.noise import labels_in_turn
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.util import devices, images
from dcgan_tf1.util.errors import UserError

MAX_BATCH = 256  # images generated at a time, at most
_PIXELS = MAX_BATCH * 64 * 64  # and as many pixels: what large networks hold of a batch grows with them


def batch_size(image_shape):
    """How many images of a shape [H, W, C] are generated at a time."""
    return max(1, min(MAX_BATCH, _PIXELS // (image_shape[0] * image_shape[1])))


def generate(preset, prefix, z, seed=0, dropout=None, device='auto', precision='float32', conv_impl='auto',
             progress=False, labels=None):
    """Images [N] + image_shape in the preset's range for noise z [N, z_dim]; see generate_by_batch()."""
    return np.concatenate(list(generate_by_batch(
        preset, prefix, z, seed, dropout, device, precision, conv_impl, progress, labels)))


def generate_by_batch(preset, prefix, z, seed=0, dropout=None, device='auto', precision='float32', conv_impl='auto',
                      progress=False, labels=None):
    """Yields images [N] + image_shape in the preset's range for noise z [N, z_dim], batch_size() at a time.

    labels: where the preset takes some, int [N]; or float [N, classes], weights of the classes; None
    for all classes in turn.
    Builds the generator alone and restores its variables from the checkpoint `prefix`,
    which may hold no others. `dropout`: on, off, or None for what the preset says.
    device, precision, conv_impl: as the flags --device, --precision and --lowering.
    progress: shows a bar on a terminal.
    """
    policy = devices.choose_compute_policy(devices.find(device), precision, conv_impl)
    if policy.warning:
        print('WARNING: --precision={}: {}'.format(precision, policy.warning), file=sys.stderr)
    if labels is None:
        labels = labels_in_turn(preset, len(z))
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(seed)
        handles = graph.build_sampling_graph(preset, dropout, policy.precision, policy.conv_impl)
        variables = graph.sampled_variables(preset, tf.global_variables())
        tf_graph.finalize()
        with tf.Session(config=devices.session_config(device)) as session:
            checkpoint.restore(session, prefix, variables)
            feeds = [handles.noise, handles.dropout_seed]
            if labels is not None:
                feeds.append(handles.labels if labels.ndim == 1 else handles.one_hot)
            run = session.make_callable(handles.sample_images, feeds)
            yield from _in_batches(run, preset.image_shape, z, labels, disable=None if progress else True)


def generate_bytes(preset, prefix, z, *args, **kwargs):
    """Images as generate() makes them as bytes, uint8 [N] + image_shape, without all of them as floats."""
    pixels, done = np.empty((len(z),) + tuple(preset.image_shape), np.uint8), 0
    # Closed at once where it fails, for it has its own default graph while it waits.
    with contextlib.closing(generate_by_batch(preset, prefix, z, *args, **kwargs)) as batches:
        for raw in batches:
            pixels[done:done + len(raw)] = to_uint8(preset, raw, prefix)
            done += len(raw)
    return pixels


def check(preset, prefixes):
    """Raises the UserError of generate() where one of these checkpoints can't be sampled from."""
    with tf.Graph().as_default():
        graph.build_sampling_graph(preset)
        variables = graph.sampled_variables(preset, tf.global_variables())
    for prefix in prefixes:
        checkpoint.check(prefix, variables)


def generate_in_batches(sample, image_shape, z, labels=None):
    """Images [N] + image_shape for noise z [N, z_dim] and labels [N], if there are some, batch_size() at a time.

    sample: (noise, the batch's number[, labels]) -> images.
    """
    return np.concatenate(list(_in_batches(sample, image_shape, z, labels)))


def _in_batches(sample, image_shape, z, labels, disable=True):
    """disable: of the progress bar, as in tqdm."""
    size = batch_size(image_shape)
    for first in tqdm(range(0, len(z), size), desc='samples', unit='batch', leave=False, disable=disable):
        yield sample(z[first:first + size], first // size, *[] if labels is None else [labels[first:first + size]])


def to_uint8(preset, raw, source):
    """Images in the preset's range as uint8. Raises UserError, which names their source, where one is not finite."""
    try:
        return images.to_uint8(raw, preset.image_range)
    except ValueError as error:
        raise UserError('{}: {}'.format(source, error))
