"""Runs beside each other in one picture: `python -m dcgan_tf1.compare --runs=A,B`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import sys

from dcgan_tf1 import flags
from dcgan_tf1.data import recorded
from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import run_folder, samples
from dcgan_tf1.util import cli
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing


def main(argv=None):
    return cli.run(flags.parse_compare, compare, argv)


def compare(config):
    """Writes the picture: rows of samples at the same steps, and loss curves over steps and seconds."""
    refuse_existing(config.out, config.overwrite)
    runs = [_read(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    last = max(run.samples[-1][0] for run in runs)
    steps = [int(round(last * (i + 1) / config.rows)) for i in range(config.rows)]
    # A run that ended earlier shows its last samples beside the later steps of the others.
    chosen = [[min(run.samples, key=lambda row, step=step: (abs(row[0] - step), row[0])) for step in steps]
              for run in runs]
    note = recorded.differences('trained on', [(run.title, recorded.trained_on(run_folder.read_config(path)))
                                               for path, run in zip(config.runs, runs)])
    figures.save_comparison(config.out, runs, steps, chosen, note)
    if note:
        print(note)
    print('{}: {} at steps {}'.format(config.out, ', '.join(run.title for run in runs), ', '.join(map(str, steps))))


def _read(path, title):
    rows = samples.load(path, run_folder.read_preset(path).image_range, print)
    if not rows:
        raise UserError('{}: expected a run with samples, found none in it'.format(path))
    return figures.Compared(title, rows, run_folder.read_metrics(path))


if __name__ == '__main__':
    sys.exit(main())
