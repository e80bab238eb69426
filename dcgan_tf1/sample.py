"""Draws images from a run or any checkpoint: `python -m dcgan_tf1.sample --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import contextlib
import dataclasses
import os
import re
import sys
import zlib
from typing import Optional, Tuple

from dcgan_tf1.gan import preset_file
from dcgan_tf1.runs import checkpoint_flags, size_flags
from dcgan_tf1.util import cli, flags, paths
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing, refuse_existing, replacing

EXAMPLES = (
    ('100 images of the best checkpoint',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --checkpoint=best --num_images=100'),
    ('eight rows, each from one image to another',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --interpolate --num_images=8 --out=interpolation.png'),
    ('a file for each of 10,000 images', 'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --outdir=images '
     '--num_images=10000'),
    ('a walk from one image to another, and to a third',
     'python -m dcgan_tf1.sample --run=runs/00000-blog_mnist --interpolate --seeds=3,14,15 --video=walks.mp4'),
    ('sevens, of a preset with labels', 'python -m dcgan_tf1.sample --run=runs/00001-cgan_mnist --class=7'),
    ('each row from a 3 to an 8',
     'python -m dcgan_tf1.sample --run=runs/00001-cgan_mnist --class=3,8 --interpolate --out=walks.png'),
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
    averages: bool
    temperature: Optional[float]
    step: Optional[int]
    which: str
    num_images: Optional[int]
    classes: Optional[str]
    seed: Optional[int]
    seeds: Optional[Tuple[int, ...]]
    z: Optional[str]
    columns: int
    interpolate: bool
    dropout: str
    out: Optional[str]
    outdir: Optional[str]
    video: Optional[str]
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
    command.integer('num_images', None, 'How many; with --interpolate, how many rows. Default: 25; for presets with '
                    'labels 10 of each class, or as many rows as there are pairs of neighbouring classes (10 of one '
                    'class or pair).', 1, old_name='n')
    command.list_of('class', None, 'Of presets with labels, the class to make images of, by name or number, or '
                                   'several with commas between them, a column each. Default: all.')
    command.integer('seed', None, 'Of the noise and of the dropout masks; with --outdir the first of the seeds of as '
                    'many images. Default: 0.', 0, None)
    command.list_of('seeds', None, 'The images of these seeds, as 0-35,40: of each the first one that --seed draws.')
    command.path('z', None, "The images of the noise 'z' [N, z_dim] in this .npz file and, unless --class says "
                            "otherwise, of its 'labels', at its 'temperature': what --npz wrote.", ('.npz',))
    command.boolean('interpolate', False, 'Rows that walk from one noise vector to another, on a straight line or, of '
                    'normal noise, on an arc (with --seeds and --z from each to the next); of presets with labels '
                    'from one class to the next (with labels in --z from those of each to those of the next), unless '
                    '--class names one alone.')
    command.choice('dropout', 'preset', ('preset', 'off'),
                   "preset: as the preset samples (2017's DCGAN left dropout on).")
    command.group('Where to')
    command.path('out', None, 'The file, a PNG or JPEG picture by its name. Default: samples-STEP-SEED.png in the run '
                              'folder (-seeds.png of --seeds, -z.png of --z; with others -0-class7-walk-t0.7.png), '
                              'samples.png for a checkpoint; none beside --outdir and --video.',
                 paths.PICTURES)
    command.path('outdir', None, 'A folder to write a PNG file into for each image: seed000000.png is that of seed 0, '
                                 'seed000000-class7-horse.png of a class, z000000.png of the first vector of --z.')
    command.path('video', None, 'With --interpolate: all rows at the same time, there and back, as an MP4 file where '
                                'ffmpeg or the package imageio-ffmpeg is installed, else as a GIF.', ('.mp4', '.gif'))
    command.path('npz', None, "Also write the arrays to this .npz file: 'images' in the preset's range, 'z', "
                              "'temperature' and, for presets with labels, 'labels' [N] or weights of the classes "
                              "[N, classes], and 'classes', their names.",
                 ('.npz',))
    command.integer('columns', 0, 'Images in a row; 0 for one of each class, for a square grid without labels or of '
                    'one class, and for 10 with --interpolate; with --video the images of a walk, 60 for 0.', 0)
    command.boolean('overwrite', False, 'Replace files that are there.')
    command.group('Machine')
    flags.device_flag(command)
    flags.compute_flags(command, 'float32', training=False)
    values = command.parse(argv)
    if values is None:
        return None
    checkpoint_flags.check(values)
    values['seeds'] = flags.parse_seeds('seeds', values['seeds'])
    _check(values)
    return flags.fields_of(SampleConfig, values, classes=values['class'], sizes=size_flags.read(values))


def _check(values):
    """Refuses flags that don't go together, or that would have no effect."""
    for name, others in (('z', ('seeds',)), ('num_images', ('seeds', 'z')), ('video', ('out',)),
                         ('outdir', ('interpolate', 'video'))):
        if values[name] is not None:
            for other in others:
                if values[other]:
                    raise flags.Error('--{}: expected no --{} beside it, found both'.format(name, other))
    if values['video'] is not None and not values['interpolate']:
        raise flags.Error('--video: expected --interpolate beside it, found none')
    if values['interpolate'] and values['columns'] == 1:
        raise flags.Error('--columns: expected 2 or more beside --interpolate, found 1')
    if values['outdir'] is not None and values['out'] is None and values['columns']:
        raise flags.Error('--columns: expected a picture, found --outdir without --out')


def main(argv=None):
    return cli.run(parse, sample, argv, preset_file.described)


def sample(config):
    """Writes the grid, the files or the video, and the arrays where asked to."""
    from dcgan_tf1.runs import checkpoint_paths, image_files, run_folder, video
    from dcgan_tf1.util import images as image_tools
    checkpoint_flags.load_presets(config)
    preset, prefix = run_folder.find_checkpoint(config.run, config.step, config.checkpoint, config.preset,
                                                config.which, config.mode, config.sizes, config.averages)
    preset = _at_temperature(preset, config)
    if config.dropout == 'off' and not preset.dropout_when_sampling:
        print('--dropout=off: {} samples without dropout in any case'.format(preset.name), file=sys.stderr)
    names, wanted = _classes(config, preset, prefix)
    inputs = _inputs(config, preset, wanted, names)
    out, film, note = config.out, None, None
    if config.video is not None:
        film, note = video.writable_path(config.video)
    elif config.outdir is None and out is None:
        out = 'samples.png' if config.run is None else os.path.join(config.run, 'samples-{:06d}-{}.png'.format(
            checkpoint_paths.step_of(prefix), _what_is_drawn(config)))
    if film != config.video and os.path.lexists(film):  # a substitute, which nobody asked to be replaced
        raise UserError('{0}: expected no such file, which is written {1}, found one; --video={0} --overwrite '
                        'replaces it'.format(film, note))
    outputs = list(filter(None, (out, film, config.npz)))
    _check_outputs(config, outputs)
    if out is not None:
        height, width = preset.image_shape[:2]
        image_tools.check_size(out, (-(-len(inputs.z) // inputs.columns) * height, inputs.columns * width))
    if config.outdir is not None:
        others = image_files.check(config.outdir, inputs.names, config.overwrite)
    raw, pictures = _generate(config, preset, prefix, inputs, out is not None or film is not None)
    _check_outputs(config, outputs)  # another command may have made them meanwhile
    count = '{} image{}{} from {}'.format(len(inputs.z), '' if len(inputs.z) == 1 else 's',
                                          _of_classes(inputs.labels, names, wanted), prefix)
    if out is not None:
        image_tools.save_picture(out, image_tools.grid(pictures, inputs.columns))
        print('{}: {}'.format(out, count))
    if config.outdir is not None:
        print('{}: {}.png to {}.png, {}{}'.format(config.outdir, inputs.names[0], inputs.names[-1], count, (
            '; other pictures there, which stay: {:,}'.format(others) if others else '')))
    if film is not None:
        frames = video.frames_of(pictures, inputs.columns)
        video.save(film, frames)
        print('{}: {} frames of {}{}'.format(film, len(frames), count, '; ' + note if note else ''))
    if config.npz:
        _save_arrays(config.npz, preset, raw, inputs.z, inputs.labels, names)


def _what_is_drawn(config):
    """What the default name of a run's picture says of it: '0', 'seeds-class7', '3-walk-t0.7'."""
    parts = ['seeds' if config.seeds is not None else 'z' if config.z is not None else str(config.seed or 0)]
    if config.classes is not None:
        parts.append('class' + _in_a_name(config.classes))
    if config.interpolate:
        parts.append('walk')
    return '-'.join(parts) + checkpoint_flags.temperature_suffix(config)


def _in_a_name(text, most=100):
    """A text for a file's name: in `most` bytes, and with a mark of its own where letters had to be left out."""
    plain = re.sub(r'[^\w.,-]+', '_', text)
    kept = plain.encode('utf-8')[:most].decode('utf-8', 'ignore')
    return kept if kept == text else '{}_{:08x}'.format(kept, zlib.crc32(text.encode('utf-8', 'surrogateescape')))


def _at_temperature(preset, config):
    """The preset at --temperature, or else at the temperature in --z's file, so that the same images are made."""
    from dcgan_tf1.runs import sample_inputs
    recorded = sample_inputs.temperature_in(config.z) if config.z is not None and config.temperature is None else None
    if recorded is None:
        return checkpoint_flags.at_temperature(preset, config)
    if recorded != preset.temperature:
        print('{}: its images were made at a temperature of {:g}, and so are these; --temperature={:g} is that of {}'
              .format(config.z, recorded, preset.temperature, preset.name), file=sys.stderr)
    return dataclasses.replace(preset, temperature=recorded)


def _check_outputs(config, outputs):
    """Raises UserError where one of the files would replace something unasked, or one of the others."""
    if None not in (config.out, config.outdir) and (
            os.path.realpath(os.path.dirname(config.out) or '.') == os.path.realpath(config.outdir)):
        raise UserError('--out: expected a file outside of --outdir, whose pictures are one image each, found '
                        + config.out)
    if config.npz and os.path.realpath(config.npz) in map(os.path.realpath, outputs[:-1]):
        raise UserError('--npz: expected another file than that of the picture, found {}'.format(config.npz))
    for path in outputs:
        refuse_existing(path, config.overwrite)


def _generate(config, preset, prefix, inputs, whole):
    """Writes the files of --outdir; returns (values in the preset's range or None, bytes or None).

    The values where --npz needs them, the bytes where `whole`.
    """
    import numpy as np

    from dcgan_tf1.runs import image_files
    from dcgan_tf1.runs.sampling import generate_by_batch, to_uint8
    kept, pictures, done = [], [], 0
    with contextlib.closing(generate_by_batch(
            preset, prefix, inputs.z, config.seed or 0, None if config.dropout == 'preset' else False, config.device,
            config.precision, config.lowering, True, inputs.labels)) as batches:
        for raw in batches:
            images = to_uint8(preset, raw, prefix)
            if config.outdir is not None:
                image_files.save(config.outdir, inputs.names[done:done + len(raw)], images)
            kept += [raw] if config.npz else []
            pictures += [images] if whole else []
            done += len(raw)
    return [np.concatenate(some) if some else None for some in (kept, pictures)]


def _classes(config, preset, prefix):
    """(names of the preset's classes, the labels asked for); both empty where it takes none."""
    from dcgan_tf1.runs.classes import class_names_of_checkpoint, parse_classes
    if preset.classes is None:
        if config.classes is not None:
            raise UserError('--class: expected a preset with labels, found {}, which takes none'.format(preset.name))
        return (), []
    names = class_names_of_checkpoint(prefix, preset)
    return names, list(range(preset.classes)) if config.classes is None else parse_classes(config.classes, names)


def _inputs(config, preset, classes, names):
    """The sample_inputs.Inputs of what is to be drawn."""
    from dcgan_tf1.runs import sample_inputs, video
    given, seed = None, config.seed or 0
    if config.seeds is not None or config.z is not None:
        flag = 'seeds' if config.z is None else 'z'
        if config.seed is not None and not (preset.dropout_when_sampling and config.dropout == 'preset'):
            raise UserError('--seed: expected dropout, whose masks it selects beside --{}, found {}'.format(
                flag, '--dropout=off' if preset.dropout_when_sampling else preset.name + ', which samples without'))
        given = sample_inputs.of_seeds(preset, config.seeds) if config.z is None else sample_inputs.read(
            config.z, preset, names, config.classes is None)
    if config.interpolate:
        return sample_inputs.interpolations_of(preset, config.num_images, config.columns or (
            sample_inputs.STEPS if config.video is None else video.STEPS), seed, classes, given)
    inputs = sample_inputs.images_of(preset, config.num_images, seed, classes, given, config.outdir is not None, names)
    # Images that don't fill a row need no black cells beside them.
    return inputs._replace(columns=min(config.columns, len(inputs.z)) or inputs.columns)


def _of_classes(labels, names, wanted):
    """' of 3, 8': those of the wanted classes that there are images of, for people."""
    if labels is None:
        return ''
    present = set(labels) if labels.ndim == 1 else set((labels.max(axis=0) > 0).nonzero()[0])
    return ' of ' + listing([names[label] for label in wanted if label in present], 30)


def _save_arrays(path, preset, raw, z, labels, names):
    import numpy as np
    with replacing(path) as temporary, open(temporary, 'wb') as handle:
        of_classes = {} if labels is None else {'labels': labels, 'classes': np.array(names)}
        np.savez_compressed(handle, images=raw, z=z, temperature=float(preset.temperature), **of_classes)
    print('{}: images {} in [{:g}, {:g}], z {}{}'.format(
        path, list(raw.shape), preset.image_range[0], preset.image_range[1], list(z.shape),
        '' if labels is None else ', labels {}'.format(list(labels.shape))))


if __name__ == '__main__':
    sys.exit(main())
