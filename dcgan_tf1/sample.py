"""Draws images from a run or any checkpoint: `python -m dcgan_tf1.sample --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import math
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import flags
from dcgan_tf1.gan.noise import sample_interpolations, sample_noise
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.runs.sampling import generate, to_uint8
from dcgan_tf1.util import cli, images
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing, replacing

WALK = 10  # images from one end of an interpolation to the other


def main(argv=None):
    return cli.run(flags.parse_sample, sample, argv, failures=(tf.errors.OpError,))


def sample(config):
    """Writes the grid, and the arrays where asked to."""
    preset, prefix = run_folder.find_checkpoint(config.run, config.step, config.checkpoint, config.preset,
                                           config.which)
    out = config.out or ('samples.png' if config.run is None else os.path.join(
        config.run, 'samples-{:06d}-{}.png'.format(checkpoint.step_of(prefix), config.seed)))
    if config.npz and os.path.realpath(config.npz) == os.path.realpath(out):
        raise UserError('--npz: expected another file than that of the picture, found {}'.format(config.npz))
    for path in filter(None, (out, config.npz)):
        refuse_existing(path, config.overwrite)
    columns = config.columns or (WALK if config.interpolate else math.ceil(math.sqrt(config.n)))
    z = sample_interpolations(preset, config.n, columns, config.seed) if config.interpolate else sample_noise(
        preset, config.n, config.seed)
    raw = generate(preset, prefix, z, config.seed, dropout=None if config.dropout == 'preset' else False,
                   device=config.device, precision=config.precision, conv_impl=config.lowering)
    images.save_picture(out, images.grid(to_uint8(preset, raw, prefix), columns))
    print('{}: {} images from {}'.format(out, len(raw), prefix))
    if config.npz:
        with replacing(config.npz) as temporary, open(temporary, 'wb') as handle:
            np.savez_compressed(handle, images=raw, z=z)
        print('{}: images {} in [{:g}, {:g}], z {}'.format(
            config.npz, list(raw.shape), preset.image_range[0], preset.image_range[1], list(z.shape)))


if __name__ == '__main__':
    sys.exit(main())
