"""One HTML page about one run or several: `python -m dcgan_tf1.report --runs=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import os
import sys
from typing import Optional, Tuple

from dcgan_tf1.gan import preset_file
from dcgan_tf1.runs import checkpoint_flags
from dcgan_tf1.util import cli, flags
from dcgan_tf1.util.files import refuse_existing, write_text

EXAMPLES = (
    ('one run', 'python -m dcgan_tf1.report --runs=runs/00000-blog_mnist'),
    ('two runs side by side',
     'python -m dcgan_tf1.report --runs=runs/00000-blog_mnist,runs/00001-blog_dense --out=both.html'))


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """What `report` does."""

    runs: Tuple[str, ...]
    out: str
    overwrite: bool
    seed: int
    device: str
    preset_file: Optional[str]


def parse(argv):
    """The ReportConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-report', 'Writes one self-contained HTML page about one run or several beside each '
                                            'other: samples, losses, speed, quality, interpolations, configuration.',
                            EXAMPLES)
    command.paths('runs', 'Run folders, with commas between them; or repeat the flag.')
    command.path('out', 'report.html', 'The HTML file.', ('.html', '.htm'))
    command.boolean('overwrite', False, 'Replace a file that is there.')
    command.integer('seed', 0, 'Seed of the noise of samples and interpolations.', 0, None)
    flags.device_flag(command)
    checkpoint_flags.preset_file_flag(command)
    values = command.parse(argv)
    if values is None:
        return None
    flags.check_runs(values, 1, 'a run folder or more')
    return flags.fields_of(ReportConfig, values)


def main(argv=None):
    return cli.run(parse, report, argv, preset_file.described)


def report(config):
    """Writes the page."""
    from dcgan_tf1.reporting import collect, page
    from dcgan_tf1.runs import run_folder
    checkpoint_flags.load_presets(config)
    refuse_existing(config.out, config.overwrite)
    runs = [collect.collect(*pair) for pair in zip(config.runs, run_folder.titles(config.runs))]
    rendered = page.render(runs, config.seed, config.device)
    refuse_existing(config.out, config.overwrite)  # another command may have made one meanwhile
    write_text(config.out, rendered)
    print('{}: {} in {:.1f} MB'.format(config.out, ', '.join(run.name for run in runs),
                                       os.path.getsize(config.out) / 1e6))


if __name__ == '__main__':
    sys.exit(main())
