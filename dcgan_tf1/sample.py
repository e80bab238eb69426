"""Draws images from a run or any checkpoint: `python -m dcgan_tf1.sample --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import math
import os
import sys
from typing import Optional

from dcgan_tf1.runs import checkpoint_flags
from dcgan_tf1.util import cli, flags, paths
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing, replacing

WALK = 10  # images from one end of an interpolation to the other
EXAMPLES = (
    ('100 images of the best checkpoint',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --checkpoint=best --num_images=100'),
    ('eight rows, each from one image to another',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --interpolate --num_images=8 --out=interpolation.png'),
    ("another program's checkpoint, also as arrays",
     'python -m dcgan_tf1.sample --checkpoint=old/generator.ckpt --preset=blog_dense --npz=digits.npz'))


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """What `sample` does."""

    run: Optional[str]
    checkpoint: Optional[str]
    preset: Optional[str]
    preset_file: Optional[str]
    mode: Optional[str]
    step: Optional[int]
    which: str
    num_images: int
    seed: int
    columns: int
    interpolate: bool
    dropout: str
    out: Optional[str]
    npz: Optional[str]
    overwrite: bool
    device: str
    precision: str
    lowering: str


def parse(argv):
    """The SampleConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-sample', "Draws images from a run or a checkpoint into a PNG grid. Needs only the "
                                            "generator's variables; checkpoints of 2017's graph will do.", EXAMPLES)
    checkpoint_flags.add(command)
    command.group('What to draw')
    command.integer('num_images', 25, 'How many; with --interpolate, how many pairs a row walks between.', 1,
                    old_name='n')
    command.integer('seed', 0, 'Of the noise and of the dropout masks.', 0)
    command.boolean('interpolate', False, 'Rows that walk in a straight line from one noise vector to another.')
    command.choice('dropout', 'preset', ('preset', 'off'),
                   "preset: as the preset samples (2017's DCGAN left dropout on).")
    command.group('Where to')
    command.path('out', None, 'The file, a PNG or JPEG picture by its name. Default: samples-STEP-SEED.png in the run '
                              'folder, samples.png for a checkpoint.', paths.PICTURES)
    command.path('npz', None, "Also write the arrays to this .npz file: 'images' in the preset's range and 'z'.",
                 ('.npz',))
    command.integer('columns', 0, 'Images in a row; 0 for a square grid (10 for --interpolate).', 0)
    command.boolean('overwrite', False, 'Replace files that are there.')
    command.group('Machine')
    flags.device_flag(command)
    flags.compute_flags(command, 'float32')
    values = command.parse(argv)
    if values is None:
        return None
    checkpoint_flags.check(values)
    return flags.fields_of(SampleConfig, values)


def main(argv=None):
    return cli.run(parse, sample, argv)


def sample(config):
    """Writes the grid, and the arrays where asked to."""
    import numpy as np

    from dcgan_tf1.gan.noise import sample_interpolations, sample_noise
    from dcgan_tf1.runs import checkpoint, run_folder
    from dcgan_tf1.runs.sampling import generate, to_uint8
    from dcgan_tf1.util import images
    checkpoint_flags.load_presets(config)
    preset, prefix = run_folder.find_checkpoint(config.run, config.step, config.checkpoint, config.preset,
                                                config.which, config.mode)
    out = config.out or ('samples.png' if config.run is None else os.path.join(
        config.run, 'samples-{:06d}-{}.png'.format(checkpoint.step_of(prefix), config.seed)))
    if config.npz and os.path.realpath(config.npz) == os.path.realpath(out):
        raise UserError('--npz: expected another file than that of the picture, found {}'.format(config.npz))
    for path in filter(None, (out, config.npz)):
        refuse_existing(path, config.overwrite)
    columns = config.columns or (WALK if config.interpolate else math.ceil(math.sqrt(config.num_images)))
    z = sample_interpolations(preset, config.num_images, columns, config.seed) if config.interpolate else sample_noise(
        preset, config.num_images, config.seed)
    raw = generate(preset, prefix, z, config.seed, dropout=None if config.dropout == 'preset' else False,
                   device=config.device, precision=config.precision, conv_impl=config.lowering)
    images.save_picture(out, images.grid(to_uint8(preset, raw, prefix), columns))
    print('{}: {} images from {}'.format(out, len(raw), prefix))
    if config.npz:
        with replacing(config.npz) as temporary, open(temporary, 'wb') as handle:
            np.savez_compressed(handle, images=raw, z=z)
        print('{}: images {} in [{:g}, {:g}], z {}'.format(
            config.npz, list(raw.shape), preset.image_range[0], preset.image_range[1], list(z.shape)))


if __name__ == '__main__':
    sys.exit(main())
