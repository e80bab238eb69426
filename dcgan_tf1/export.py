"""Exports the generator to what other systems load: `python -m dcgan_tf1.export --run=...`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import os
import sys
from typing import Optional, Tuple

from dcgan_tf1.exporting.catalogue import FORMATS
from dcgan_tf1.gan import preset_file
from dcgan_tf1.runs import checkpoint_flags, size_flags
from dcgan_tf1.util import cli, flags

EXAMPLES = (
    ('all formats that the installed packages allow', 'python -m dcgan_tf1.export --run=runs/00000-blog_mnist'),
    ('the best checkpoint, with the discriminator',
     'python -m dcgan_tf1.export --run=runs/00000-blog_mnist --checkpoint=best --with_discriminator'),
    ('for torch-fidelity',
     'python -m dcgan_tf1.export --run=runs/00000-blog_mnist --formats=onnx --uint8 --layout=nchw'),
    ("another program's checkpoint, as a frozen graph and a web page",
     'python -m dcgan_tf1.export --checkpoint=old/generator.ckpt --preset=blog_dense --formats=frozen,web'))


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What `export` does."""

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
    formats: Optional[Tuple[str, ...]]
    with_discriminator: bool
    opset: Optional[int]
    uint8: bool
    layout: str
    out: Optional[str]
    overwrite: bool


def parse(argv):
    """The ExportConfig of a list of flags; None after a help text."""
    command = flags.Command('dcgan-export', 'Exports the generator of a run or a checkpoint to what other systems '
                                            'load, each format compared with the session. The formats are ' + ' '.join(
                                                '{}: {}.'.format(*item) for item in FORMATS.items()), EXAMPLES)
    checkpoint_flags.add(command)
    command.group('What to write')
    command.list_of('formats', None, 'Formats with commas between them. Default: all that the installed packages '
                                     "allow (in a checkout, pip install -e '.[export]' for all).")
    command.boolean('with_discriminator', False, 'Export the discriminator, too (but not to the web page).')
    command.integer('opset', None, "ONNX's version of its operations: 13 to 18. Default: 17.", 13, 18)
    command.boolean('uint8', False, 'Of ONNX also a generator of bytes from 0 to 255 in three channels, grey ones '
                                    'repeated, as programs that measure pictures take them.')
    command.choice('layout', 'nhwc', ('nhwc', 'nchw'), "nchw: of ONNX also a generator of images [N, C, H, W]; with "
                                                       '--uint8 one that has both, which torch-fidelity reads.')
    command.group('Where to')
    command.path('out', None, 'The folder. Default: export-STEP in the run folder (with a --temperature '
                              'export-STEP-t0.7), export for a checkpoint.')
    command.boolean('overwrite', False, 'Replace an earlier export (files that others put there are kept).')
    values = command.parse(argv)
    if values is None:
        return None
    checkpoint_flags.check(values)
    chosen = None
    if values['formats'] is not None:
        chosen = tuple(values['formats'].split(','))
        for name in chosen:
            if name not in FORMATS:
                raise flags.Error('--formats: expected some of {}, found {!r}'.format(','.join(FORMATS), name))
    for name, asked in (('uint8', values['uint8']), ('layout', values['layout'] != 'nhwc'),
                        ('opset', values['opset'] is not None)):
        if asked and chosen is not None and 'onnx' not in chosen:
            raise flags.Error('--{}: expected onnx among --formats, found {}'.format(name, ','.join(chosen)))
    return flags.fields_of(ExportConfig, values, formats=chosen, sizes=size_flags.read(values))


def main(argv=None):
    return cli.run(parse, export, argv, preset_file.described)


def export(config):
    """Writes a folder with every format asked for, a manifest and a README."""
    from dcgan_tf1.exporting import package
    from dcgan_tf1.runs import checkpoint_paths, run_folder
    checkpoint_flags.load_presets(config)
    preset, prefix = run_folder.find_checkpoint(config.run, config.step, config.checkpoint, config.preset,
                                                config.which, config.mode, config.sizes, config.averages)
    preset = checkpoint_flags.at_temperature(preset, config)
    out = config.out or ('export' if config.run is None else os.path.join(
        config.run, 'export-{:06d}{}'.format(checkpoint_paths.step_of(prefix),
                                             checkpoint_flags.temperature_suffix(config))))
    written = package.write(preset, prefix, out, config.formats, config.with_discriminator, config.opset,
                            config.overwrite, uint8=config.uint8, channels_first=config.layout == 'nchw')
    print('{}: {} from {}'.format(out, ', '.join(written), prefix))


if __name__ == '__main__':
    sys.exit(main())
