"""Draws images from a run or any checkpoint: `python -m dcgan_tf1.sample --run=...`."""

import dcgan_tf1.quiet_start  # noqa: F401  isort: skip

import math
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import checkpoint, cli, devices, flags, graph, images, runs
from dcgan_tf1.errors import UserError
from dcgan_tf1.files import refuse_existing, replacing
from dcgan_tf1.seeds import draw_noise

WALK = 10  # images from one end of an interpolation to the other
BATCH = 256  # images generated at a time


def main(argv=None):
    return cli.run(flags.parse_sample, sample, argv, failures=(tf.errors.OpError,))


def sample(config):
    """Writes the PNG grid, and the arrays where asked to."""
    preset, prefix = runs.find_checkpoint(config.run, config.step, config.checkpoint, config.preset)
    out = config.out or ('samples.png' if config.run is None else os.path.join(
        config.run, 'samples-{:06d}-{}.png'.format(checkpoint.step_of(prefix), config.seed)))
    for path in filter(None, (out, config.npz)):
        refuse_existing(path, config.overwrite)
    columns = config.columns or (WALK if config.interpolate else math.ceil(math.sqrt(config.n)))
    z = noise(preset, config.seed, config.n, columns if config.interpolate else 0)
    raw = generate(preset, prefix, z, config.seed, dropout=None if config.dropout == 'preset' else False,
                   device=config.device, precision=config.precision, lowering=config.lowering)
    try:
        pictures = images.to_uint8(raw, preset.image_range)
    except ValueError as error:
        raise UserError('{}: {}'.format(prefix, error))
    images.save_png(out, images.grid(pictures, columns))
    print('{}: {} images from {}'.format(out, len(raw), prefix))
    if config.npz:
        with replacing(config.npz) as temporary, open(temporary, 'wb') as handle:
            np.savez_compressed(handle, images=raw, z=z)
        print('{}: images {} in [{:g}, {:g}], z {}'.format(
            config.npz, list(raw.shape), preset.image_range[0], preset.image_range[1], list(z.shape)))


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


def generate(preset, prefix, z, seed=0, dropout=None, device='auto', precision='float32', lowering='auto'):
    """Images [N] + image_shape in the preset's range for noise z [N, z_dim].

    Builds the generator alone and restores its variables from the checkpoint `prefix`,
    which may hold no others. `dropout`: on, off, or None for what the preset says.
    device, precision, lowering: as the flags of those names.
    """
    arithmetic = devices.choose_arithmetic(devices.find(device), precision, lowering)
    if arithmetic.warning:
        print('WARNING: ' + arithmetic.warning, file=sys.stderr)
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(seed)
        handles = graph.build_sampling_graph(preset, dropout, arithmetic.precision, arithmetic.lowering)
        variables = graph.sampled_variables(preset, tf.global_variables())
        tf_graph.finalize()
        with tf.Session(config=devices.session_config(device)) as session:
            checkpoint.restore(session, prefix, variables)
            run = session.make_callable(handles.sample_images, [handles.noise, handles.draw])
            return np.concatenate([run(z[first:first + BATCH], first // BATCH)
                                   for first in range(0, len(z), BATCH)])


if __name__ == '__main__':
    sys.exit(main())
