"""Runs beside each other in one picture: `python -m dcgan_tf1.compare --runs=A,B`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import sys

from dcgan_tf1 import flags
from dcgan_tf1.data import recorded
from dcgan_tf1.runs import run_folder
from dcgan_tf1.util import cli, images
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing


def main(argv=None):
    return cli.run(flags.parse_compare, compare, argv)


def compare(config):
    """Writes the picture: rows of samples at the same steps, and loss curves over steps and seconds."""
    refuse_existing(config.out, config.overwrite)
    found = [_read(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    last = max(run.rows[-1][0] for run in found)
    steps = [int(round(last * (i + 1) / config.rows)) for i in range(config.rows)]
    # A run that ended earlier shows its last row beside the later steps of the others.
    chosen = [[min(run.rows, key=lambda row, step=step: (abs(row[0] - step), row[0])) for step in steps]
              for run in found]
    note = recorded.differences('trained on', [(run.title, recorded.trained_on(run_folder.read_config(path)))
                                               for path, run in zip(config.runs, found)])
    images.save_comparison(config.out, found, steps, chosen, note)
    if note:
        print(note)
    print('{}: {} at steps {}'.format(config.out, ', '.join(run.title for run in found), ', '.join(map(str, steps))))


def _read(path, title):
    rows = run_folder.load_samples(path, run_folder.read_preset(path).image_range, print)
    if not rows:
        raise UserError('{}: expected a run with samples, found none in it'.format(path))
    return images.Compared(title, rows, run_folder.read_losses(path))


if __name__ == '__main__':
    sys.exit(main())
