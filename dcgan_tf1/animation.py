"""A run's samples as an animated GIF: `python -m dcgan_tf1.animation --run=...`, or `train --gif`."""

import dcgan_tf1.quiet_start  # noqa: F401  isort: skip

import os
import sys

from PIL import Image

from dcgan_tf1 import cli, flags, images, runs
from dcgan_tf1.errors import UserError
from dcgan_tf1.files import refuse_existing, replacing

NAME = 'animation.gif'
MAX_FRAMES = 200
SCALE = 2  # samples are small


def main(argv=None):
    return cli.run(flags.parse_animation, animate, argv)


def animate(config):
    preset = runs.read_preset(config.run)
    if config.out:
        refuse_existing(config.out, config.overwrite)
    path, frames = save_run_gif(config.run, preset, config.out)
    print('{}: {} frames'.format(path, frames))


def save_run_gif(run, preset, out=None, log=print):
    """Joins the samples on the disk into one GIF; returns its path and the number of frames.

    A row is laid out as the preset's own picture, or in a square. Of more than MAX_FRAMES
    rows evenly spaced ones are taken, the last one among them; that one is shown longest.
    """
    rows = runs.load_samples(run, preset.image_range, log)
    if not rows:
        raise UserError('{}: expected samples to animate, found none'.format(run))
    every = -(-len(rows) // MAX_FRAMES)
    rows = rows[(len(rows) - 1) % every::every]
    frames = []
    for _, pictures in rows:
        columns = preset.samples_columns or int(len(pictures) ** 0.5 + 0.999)
        picture = images.grid(pictures, columns).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
        frames.append(Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture))
    path = out or os.path.join(run, NAME)
    with replacing(path) as temporary:
        frames[0].save(temporary, 'GIF', save_all=True, append_images=frames[1:], loop=0,
                       duration=[200] * (len(frames) - 1) + [2000])
    return path, len(frames)


if __name__ == '__main__':
    sys.exit(main())
