"""Runs side by side in one picture: `python -m dcgan_tf1.compare --runs=A,B`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import sys
from typing import Optional, Tuple

from dcgan_tf1.gan import preset_file
from dcgan_tf1.runs import checkpoint_flags
from dcgan_tf1.util import cli, flags, paths
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing

EXAMPLES = (('two runs, eight rows of samples each',
             'python -m dcgan_tf1.compare --runs=runs/00000-blog_mnist,runs/00001-blog_dense --rows=8'),)


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """What `compare` does."""

    runs: Tuple[str, ...]
    rows: int
    out: str
    overwrite: bool
    preset_file: Optional[str]


def parse(argv):
    """The CompareConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-compare', 'Draws runs side by side in one picture: rows of samples at the '
                                             'same steps, and the loss curves over steps and over seconds.', EXAMPLES)
    command.paths('runs', 'Two run folders or more, with commas between them; or repeat the flag.')
    command.integer('rows', 10, 'Rows of samples, evenly over the longest run; each shows the row of samples nearest '
                                'to its step, labelled with its own.', 1, 1000)
    command.path('out', 'comparison.png', 'The file, a PNG or JPEG picture by its name.', paths.PICTURES)
    command.boolean('overwrite', False, 'Replace a file that is there.')
    checkpoint_flags.preset_file_flag(command)
    values = command.parse(argv)
    if values is None:
        return None
    flags.check_runs(values, 2, 'two run folders or more')
    return flags.fields_of(CompareConfig, values)


def main(argv=None):
    return cli.run(parse, compare, argv, preset_file.described)


def compare(config):
    """Writes the picture: rows of samples at the same steps, and loss curves over steps and seconds."""
    from dcgan_tf1.data import recorded
    from dcgan_tf1.reporting import figures
    from dcgan_tf1.runs import run_folder
    checkpoint_flags.load_presets(config)
    refuse_existing(config.out, config.overwrite)
    runs = [_read(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    last = max(run.samples.steps[-1] for run in runs)
    steps = [int(round(last * (i + 1) / config.rows)) for i in range(config.rows)]
    rows = {}  # where there are fewer samples than rows, each is shown once
    for step in steps:
        # A run that ended earlier shows its last samples beside the later steps of the others.
        row = [min((abs(sampled - step), sampled, place) for place, sampled in enumerate(run.samples.steps))
               for run in runs]
        rows[tuple(sampled for _, sampled, _ in row)] = [
            run.samples[place] for run, (_, _, place) in zip(runs, row)]
    note = recorded.differences('trained on', [(run.title, recorded.trained_on(run_folder.read_config(path)))
                                               for path, run in zip(config.runs, runs)])
    figures.save_comparison(config.out, runs, list(zip(*rows.values())), note)
    if note:
        print(note)
    for run in runs:
        if len(run.names) > figures.COMPARED_IMAGES:
            print('{}: of {:,} classes, the first {} are shown'.format(
                run.title, len(run.names), figures.COMPARED_IMAGES))
    print('{}: {} at steps {}'.format(config.out, ', '.join(run.title for run in runs), ', '.join(
        ' beside '.join(map(str, sorted(set(sampled_steps)))) for sampled_steps in rows)))


def _read(path, title):
    from dcgan_tf1.reporting import figures
    from dcgan_tf1.runs import run_folder, samples
    from dcgan_tf1.runs.classes import class_names
    preset = run_folder.read_preset(path)
    rows = samples.load(path, preset.image_range, print)
    if not rows:
        raise UserError('{}: expected a run with samples, found none in it'.format(path))
    return figures.Compared(title, rows, run_folder.read_losses(path), class_names(path, preset))


if __name__ == '__main__':
    sys.exit(main())
