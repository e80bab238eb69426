"""A run's samples as an animated GIF: `python -m dcgan_tf1.animation --run=...`, or `train --gif`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import sys
from typing import Optional

from dcgan_tf1.gan import preset_file
from dcgan_tf1.runs import checkpoint_flags
from dcgan_tf1.util import cli, flags
from dcgan_tf1.util.files import refuse_existing

EXAMPLES = (('runs/00000-blog_mnist/animation.gif', 'python -m dcgan_tf1.animation --run=runs/00000-blog_mnist'),)


@dataclasses.dataclass(frozen=True)
class AnimationConfig:
    """What `animation` does."""

    run: str
    preset_file: Optional[str]
    out: Optional[str]
    overwrite: bool


def parse(argv):
    """The AnimationConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-animation', "Joins a run's samples, which lie on the disk, into an animated GIF.",
                            EXAMPLES)
    command.path('run', None, 'The run folder.')
    command.path('out', None, 'The GIF file. Default: animation.gif in the run folder, which is replaced.', ('.gif',))
    command.boolean('overwrite', False, 'Replace a file that is there.')
    checkpoint_flags.preset_file_flag(command)
    values = command.parse(argv)
    if values is None:
        return None
    if values['run'] is None:
        raise flags.Error('--run: expected a run folder, found nothing')
    return flags.fields_of(AnimationConfig, values)


def main(argv=None):
    return cli.run(parse, animate, argv, preset_file.described)


def animate(config):
    """Writes the GIF."""
    from dcgan_tf1.runs import run_folder, samples
    from dcgan_tf1.runs.classes import class_names
    checkpoint_flags.load_presets(config)
    preset = run_folder.read_preset(config.run)
    if config.out:
        refuse_existing(config.out, config.overwrite)
    path, frames = samples.save_animation(config.run, preset, config.out, names=class_names(config.run, preset))
    print('{}: {} frames'.format(path, frames))


if __name__ == '__main__':
    sys.exit(main())
