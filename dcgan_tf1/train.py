"""Trains a preset: `python -m dcgan_tf1.train --preset=blog_mnist`, or `dcgan-train`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import sys

from dcgan_tf1.gan import preset_file
from dcgan_tf1.training.config import parse_train
from dcgan_tf1.util import cli


def main(argv=None):
    with cli.lasting_output() as output_closed:
        return cli.run(parse_train, lambda config: train(config, output_closed), argv, preset_file.described)


def train(config, output_closed=lambda: False):
    """Trains until the last step, a signal or an error; returns the exit status."""
    from dcgan_tf1.training import trainer
    return trainer.train(config, output_closed)


if __name__ == '__main__':
    sys.exit(main())
