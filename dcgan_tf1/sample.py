"""Draws images from a run or any checkpoint: `python -m dcgan_tf1.sample --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import math
import os
import sys
from typing import Optional

from dcgan_tf1.runs import checkpoint_flags, size_flags
from dcgan_tf1.util import cli, flags, paths
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing, refuse_existing, replacing

WALK = 10  # images from one end of an interpolation to the other
IMAGES = 25  # of a preset without labels, unless told otherwise
ROWS = 10  # of one with labels
EXAMPLES = (
    ('100 images of the best checkpoint',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --checkpoint=best --num_images=100'),
    ('eight rows, each from one image to another',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --interpolate --num_images=8 --out=interpolation.png'),
    ('sevens, of a preset with labels', 'python -m dcgan_tf1.sample --run=runs/00000-cgan_mnist --class=7'),
    ('each row from a 3 to an 8',
     'python -m dcgan_tf1.sample --run=runs/00000-cgan_mnist --class=3,8 --interpolate --out=walks.png'),
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
    sizes: size_flags.SizeFlags
    step: Optional[int]
    which: str
    num_images: Optional[int]
    classes: Optional[str]
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
    command.integer('num_images', None, 'How many; with --interpolate, how many rows. Default: {}; for presets with '
                    'labels {} of each class, or as many rows as there are pairs of neighbouring classes ({} of one '
                    'class or pair).'.format(IMAGES, ROWS, ROWS), 1, old_name='n')
    command.string('class', None, 'Of presets with labels, the class to make images of, by name or number, or several '
                                  'with commas between them, a column each. Default: all.')
    command.integer('seed', 0, 'Of the noise and of the dropout masks.', 0)
    command.boolean('interpolate', False, 'Rows that walk in a straight line from one noise vector to another; of '
                    'presets with labels from one class to the next, unless --class names one alone.')
    command.choice('dropout', 'preset', ('preset', 'off'),
                   "preset: as the preset samples (2017's DCGAN left dropout on).")
    command.group('Where to')
    command.path('out', None, 'The file, a PNG or JPEG picture by its name. Default: samples-STEP-SEED.png in the run '
                              'folder, samples.png for a checkpoint.', paths.PICTURES)
    command.path('npz', None, "Also write the arrays to this .npz file: 'images' in the preset's range, 'z' and, for "
                              "presets with labels, 'labels' [N] or weights of the classes [N, classes].",
                 ('.npz',))
    command.integer('columns', 0, 'Images in a row; 0 for one of each class, for a square grid without labels or of '
                    'one class, and for 10 with --interpolate.', 0)
    command.boolean('overwrite', False, 'Replace files that are there.')
    command.group('Machine')
    flags.device_flag(command)
    flags.compute_flags(command, 'float32')
    values = command.parse(argv)
    if values is None:
        return None
    checkpoint_flags.check(values)
    return flags.fields_of(SampleConfig, values, classes=values['class'], sizes=size_flags.read(values))


def main(argv=None):
    return cli.run(parse, sample, argv)


def sample(config):
    """Writes the grid, and the arrays where asked to."""
    from dcgan_tf1.runs import checkpoint, run_folder
    from dcgan_tf1.runs.sampling import generate, to_uint8
    from dcgan_tf1.util import images
    checkpoint_flags.load_presets(config)
    preset, prefix = run_folder.find_checkpoint(config.run, config.step, config.checkpoint, config.preset,
                                                config.which, config.mode, config.sizes)
    out = config.out or ('samples.png' if config.run is None else os.path.join(
        config.run, 'samples-{:06d}-{}.png'.format(checkpoint.step_of(prefix), config.seed)))
    if config.npz and os.path.realpath(config.npz) == os.path.realpath(out):
        raise UserError('--npz: expected another file than that of the picture, found {}'.format(config.npz))
    for path in filter(None, (out, config.npz)):
        refuse_existing(path, config.overwrite)
    names, wanted = _classes(config, preset)
    z, labels, columns = _inputs(config, preset, wanted)
    raw = generate(preset, prefix, z, config.seed, dropout=None if config.dropout == 'preset' else False,
                   device=config.device, precision=config.precision, conv_impl=config.lowering, labels=labels)
    images.save_picture(out, images.grid(to_uint8(preset, raw, prefix), columns))
    print('{}: {} images{} from {}'.format(
        out, len(raw), ' of {}'.format(listing([names[label] for label in wanted], 30)) if wanted else '', prefix))
    if config.npz:
        _save_arrays(config.npz, preset, raw, z, labels)


def _classes(config, preset):
    """(names of the preset's classes, the labels asked for); both empty where it takes none."""
    from dcgan_tf1.runs.classes import class_names, parse_classes
    if preset.classes is None:
        if config.classes is not None:
            raise UserError('--class: expected a preset with labels, found {}, which takes none'.format(preset.name))
        return (), []
    names = class_names(config.run, preset)
    return names, list(range(preset.classes)) if config.classes is None else parse_classes(config.classes, names)


def _inputs(config, preset, classes):
    """(noise, labels or weights of the classes or None, images in a row) of what is to be drawn."""
    import numpy as np

    from dcgan_tf1.gan import noise
    if not config.interpolate:
        count = config.num_images or (ROWS * len(classes) if classes else IMAGES)
        z, labels = noise.sample_inputs(preset, count, config.seed, 'sample', classes=classes)
        columns = len(classes) if len(classes) > 1 else math.ceil(math.sqrt(count))
        return z, labels, config.columns or columns
    columns = config.columns or WALK
    if len(classes) > 1:
        rows = config.num_images or (len(classes) - 1 if len(classes) > 2 else ROWS)
        return noise.sample_class_walks(preset, classes, rows, columns, config.seed) + (columns,)
    z = noise.sample_interpolations(preset, config.num_images or (ROWS if classes else IMAGES), columns, config.seed)
    return z, np.full(len(z), classes[0], np.int32) if classes else None, columns


def _save_arrays(path, preset, raw, z, labels):
    import numpy as np
    with replacing(path) as temporary, open(temporary, 'wb') as handle:
        np.savez_compressed(handle, images=raw, z=z, **{} if labels is None else {'labels': labels})
    print('{}: images {} in [{:g}, {:g}], z {}{}'.format(
        path, list(raw.shape), preset.image_range[0], preset.image_range[1], list(z.shape),
        '' if labels is None else ', labels {}'.format(list(labels.shape))))


if __name__ == '__main__':
    sys.exit(main())
