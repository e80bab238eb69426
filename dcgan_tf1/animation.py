"""A run's samples as an animated GIF: `python -m dcgan_tf1.animation --run=...`, or `train --gif`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import sys

from dcgan_tf1 import flags
from dcgan_tf1.runs import run_folder, samples
from dcgan_tf1.util import cli
from dcgan_tf1.util.files import refuse_existing


def main(argv=None):
    return cli.run(flags.parse_animation, animate, argv)


def animate(config):
    preset = run_folder.read_preset(config.run)
    if config.out:
        refuse_existing(config.out, config.overwrite)
    path, frames = samples.save_animation(config.run, preset, config.out)
    print('{}: {} frames'.format(path, frames))


if __name__ == '__main__':
    sys.exit(main())
