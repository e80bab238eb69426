"""The sizes of a preset that a checkpoint's variables say, where flags do not."""

import dataclasses

from dcgan_tf1.gan.updates import EMA
from dcgan_tf1.runs import checkpoint_reader, size_flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text


def read(preset, prefix, given):
    """{field: value}: what a checkpoint's variables say of a preset's sizes, see Preset.sizes_of_variables.

    UserError where they contradict the size that the flags say.
    """
    if preset.sizes_of_variables is None:
        return {}
    size = None if given.height is None else (given.height, given.width)
    try:
        shapes = checkpoint_reader.shapes(prefix)
        averages = {name[:-len(EMA)]: shape for name, shape in shapes.items() if name.endswith(EMA)}
        return preset.sizes_of_variables(dict(averages, **shapes), size)
    except ValueError as error:
        raise UserError('{}: {}'.format(prefix, error))


def applied(preset, prefix, fields, given):
    """A preset to which the flags `given` are applied, with the sizes that read() found where they say nothing.

    A flag that contradicts the checkpoint fails later, when variables are restored; that error names the variable.
    """
    sizes = tuple(fields.get('image_shape', (None,) * 3))
    fields = {name: value for name, value in fields.items()
              if name != 'image_shape' and getattr(given, name, None) is None}
    channels = given.channels or sizes[2]
    if fields.get('classes'):
        fields['samples'] = max(preset.samples, fields['classes'])
    try:
        preset = preset.with_noise(fields.pop('noise', preset.noise))
        return dataclasses.replace(preset, **fields).with_image_shape(tuple(
            flag or saved or other for flag, saved, other in zip(
                (given.height, given.width, None), sizes[:2] + (None if channels == 'auto' else channels,),
                preset.image_shape)))
    except ValueError as error:
        raise UserError('{}: {}'.format(prefix, error))


def beside_run(preset, given):
    """The SizeFlags `given` for a checkpoint in a run of `preset`, or in none; the run's size if they say none."""
    if preset is None or preset.image_sizes == 'fixed':
        return given
    height, width, channels = preset.image_shape
    return given._replace(height=given.height or height, width=given.width or width,
                          channels=given.channels or channels)


def require_square(prefix, fields):
    """UserError where read() finds no size, which only the flags can say then."""
    if None in fields.get('image_shape', ()):
        raise UserError('{}: expected --image_height and --image_width beside it, or image_size in the library, for '
                        'its images are not square, found neither'.format(prefix))


def guess(prefix, image_shape):
    """The line about a size that no flag says: images of another shape may have variables of the same shapes."""
    return ("{}: images of {}, as the checkpoint's variables say of a square image; --image_height and --image_width "
            'give others'.format(prefix, shape_text(image_shape)))


def of_checkpoint(preset, prefix, given, log=print):
    """The preset for the sizes of a checkpoint: those that the flags say, else those that its variables tell.

    log: takes a line about what the variables say.
    """
    preset = size_flags.of_preset(preset, given)
    fields = read(preset, prefix, given)
    require_square(prefix, fields)
    sized = applied(preset, prefix, fields, given)
    if given.height is None and 'image_shape' in fields:
        log(guess(prefix, sized.image_shape))
    return sized
