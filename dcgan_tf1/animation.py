"""A run's samples as an animated GIF: `python -m dcgan_tf1.animation --run=...`, or `train --gif`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1 import quiet_start
    quiet_start.begin()

import sys

from dcgan_tf1 import cli, flags, runs
from dcgan_tf1.files import refuse_existing


def main(argv=None):
    return cli.run(flags.parse_animation, animate, argv)


def animate(config):
    preset = runs.read_preset(config.run)
    if config.out:
        refuse_existing(config.out, config.overwrite)
    path, frames = runs.save_animation(config.run, preset, config.out)
    print('{}: {} frames'.format(path, frames))


if __name__ == '__main__':
    sys.exit(main())
