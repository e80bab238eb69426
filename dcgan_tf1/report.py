"""One HTML page about one run or several: `python -m dcgan_tf1.report --runs=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import os
import sys

import tensorflow.compat.v1 as tf

from dcgan_tf1 import flags
from dcgan_tf1.reporting import collect, page
from dcgan_tf1.runs import run_folder
from dcgan_tf1.util import cli
from dcgan_tf1.util.files import refuse_existing, write_text


def main(argv=None):
    return cli.run(flags.parse_report, report, argv, failures=(tf.errors.OpError,))


def report(config):
    """Writes the page."""
    refuse_existing(config.out, config.overwrite)
    runs = [collect.collect(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    write_text(config.out, page.render(runs, config.seed, config.device))
    print('{}: {} in {:.1f} MB'.format(config.out, ', '.join(run.name for run in runs),
                                       os.path.getsize(config.out) / 1e6))


if __name__ == '__main__':
    sys.exit(main())
