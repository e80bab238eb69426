"""Flags that say which images a preset's networks make, where they follow an image's size; and what a checkpoint says.

A run says its own sizes (recorded_settings). Of another checkpoint the variables' shapes do, where the preset can tell
them by those (Preset.sizes_of_variables), and else these flags.
"""

import collections
import dataclasses

from dcgan_tf1.gan import sizes
from dcgan_tf1.gan.catalogue import NOISES, SIZED
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import by

# What the flags say, each None where they don't; channels may be 'auto'.
SizeFlags = collections.namedtuple('SizeFlags', 'height width channels noise gf_dim df_dim')
NOTHING = SizeFlags(*[None] * 6)

_OF_IMAGES = ('image_size', 'image_height', 'image_width', 'channels')
_ALL = _OF_IMAGES + ('z_dist', 'gf_dim', 'df_dim')


def add(command, default, auto=False):
    """--image_size, --image_height, --image_width, --channels and --z_dist.

    default: what holds where the first three are not given, for the help text. auto: whether --channels may be.
    """
    command.integer('image_size', None, 'Height and width of the images, of presets whose networks follow them: {}. '
                    'Default: {}.'.format(', '.join(SIZED), default), sizes.MIN_SIDE, sizes.MAX_SIDE)
    command.integer('image_height', None, 'The height, beside --image_width, of images that are not square.',
                    sizes.MIN_SIDE, sizes.MAX_SIDE)
    command.integer('image_width', None, 'The width.', sizes.MIN_SIDE, sizes.MAX_SIDE)
    command.choice('channels', None, ('1', '3', 'auto')[:3 if auto else 2], 'Of the images of these presets: 1 for '
                   'grey, 3 for colour{}. Default: {}.'.format(
                       ', auto for grey where all pictures are' if auto else '',
                       'auto for dcgan, else what the preset says' if auto else default))
    command.choice('z_dist', None, NOISES, 'What noise is drawn from: {}. Default: what the preset says.'.format(
        '; '.join('{}: {}'.format(*each) for each in NOISES.items())))


def add_widths(command):
    """--gf_dim and --df_dim."""
    command.integer('gf_dim', None, "Of dcgan, the generator's width: filters of its last hidden layer, of which the "
                                    'others have 2, 4 and 8 times as many. Default: 64.', 1, sizes.MAX_SIDE)
    command.integer('df_dim', None, "Of dcgan, the discriminator's: filters of its first layer. Default: 64.", 1,
                    sizes.MAX_SIDE)


def read(values):
    """The SizeFlags of a command's values; flags.Error for flags that don't go together."""
    size, height, width = [values[name] for name in ('image_size', 'image_height', 'image_width')]
    if size is not None and (height, width) != (None, None):
        raise flags.Error('--image_size: expected neither --image_height nor --image_width beside it, found {}'.format(
            flags.given(values, 'image_height', 'image_width')))
    if (height is None) != (width is None):
        missing, found = ('height', 'width') if height is None else ('width', 'height')
        raise flags.Error('--image_{0}: expected --image_{1} beside it, found none'.format(found, missing))
    channels = values['channels']
    return SizeFlags(size or height, size or width, int(channels) if channels in ('1', '3') else channels,
                     values['z_dist'], values.get('gf_dim'), values.get('df_dim'))


def refuse(values, names, expected):
    """flags.Error where one of the flags `names`, without their dashes, has been given."""
    for name in names:
        if values.get(name) is not None:
            raise flags.Error('--{}: {}'.format(name, expected))


def refuse_with_run(values):
    refuse(values, _ALL, 'expected only with --checkpoint; a run says its own')


def of_preset(preset, given):
    """The preset with what the flags say; flags.Error where it can't be."""
    said = {name: value for name, value in zip(
        ('image_size', 'channels', 'gf_dim', 'df_dim'), (given.height, given.channels, given.gf_dim, given.df_dim))
        if value is not None}
    for name in ('gf_dim', 'df_dim'):
        if name in said and getattr(preset, name) is None:
            raise flags.Error('--{}: expected a preset with this setting (dcgan), found --preset={}'.format(
                name, preset.name))
    if preset.image_sizes == 'fixed':
        for name in ('image_size', 'channels'):
            if name in said:
                raise flags.Error('--{}: expected a preset for images of other sizes (dcgan and others), found '
                                  '--preset={}, whose images are {}'.format(
                                      name, preset.name, by(preset.image_shape)))
    preset = dataclasses.replace(preset.with_noise(given.noise or preset.noise),
                                 gf_dim=given.gf_dim or preset.gf_dim, df_dim=given.df_dim or preset.df_dim)
    height, width, channels = preset.image_shape
    channels = channels if given.channels in (None, 'auto') else given.channels
    try:
        return preset.with_image_shape((given.height or height, given.width or width, channels))
    except ValueError as error:
        raise flags.Error('--{}: {}'.format(
            'image_size' if given.height == given.width else 'image_height and --image_width', error))


def told(preset, prefix, given):
    """{field: value}: what a checkpoint's variables say of a preset's sizes, see Preset.sizes_of_variables.

    UserError where they contradict the size that the flags say.
    """
    from dcgan_tf1.runs import checkpoint_reader  # with it comes TensorFlow, which a help text does without
    if preset.sizes_of_variables is None:
        return {}
    size = None if given.height is None else (given.height, given.width)
    try:
        return preset.sizes_of_variables(checkpoint_reader.shapes(prefix), size)
    except ValueError as error:
        raise UserError('{}: {}'.format(prefix, error))


def with_told(preset, prefix, found, given):
    """A preset of the flags `given` with what told() found where they say nothing.

    A flag that says otherwise is refused by the checkpoint's variables, which the error then names.
    """
    sizes_told = tuple(found.get('image_shape', (None,) * 3))
    found = {name: value for name, value in found.items()
             if name != 'image_shape' and getattr(given, name, None) is None}
    channels = given.channels or sizes_told[2]
    if found.get('classes'):
        found['samples'] = max(preset.samples, found['classes'])
    try:
        preset = preset.with_noise(found.pop('noise', preset.noise))
        return dataclasses.replace(preset, **found).with_image_shape(tuple(
            say or tell or other for say, tell, other in zip(
                (given.height, given.width, None), sizes_told[:2] + (None if channels == 'auto' else channels,),
                preset.image_shape)))
    except ValueError as error:
        raise UserError('{}: {}'.format(prefix, error))


def beside_run(preset, given):
    """The SizeFlags `given` beside a checkpoint in a run of `preset`, None for none: its size, where they say none."""
    if preset is None or preset.image_sizes == 'fixed':
        return given
    height, width, channels = preset.image_shape
    return given._replace(height=given.height or height, width=given.width or width,
                          channels=given.channels or channels)


def require_square(prefix, found):
    """UserError where told() finds no size, which only the flags can say then."""
    if None in found.get('image_shape', ()):
        raise UserError('{}: expected --image_height and --image_width beside it, or image_size in the library, for '
                        'its images are not square, found neither'.format(prefix))


def guess(prefix, image_shape):
    """The line about a size that no flag says: images of another shape may have variables of the same shapes."""
    return ("{}: images of {}, as the checkpoint's variables say of a square image; --image_height and --image_width "
            'say otherwise'.format(prefix, by(image_shape)))


def of_checkpoint(preset, prefix, given, log=print):
    """The preset for the sizes of a checkpoint: those that the flags say, else those that its variables tell.

    log: takes a line about what the variables told.
    """
    preset = of_preset(preset, given)
    found = told(preset, prefix, given)
    require_square(prefix, found)
    sized = with_told(preset, prefix, found, given)
    if given.height is None and 'image_shape' in found:
        log(guess(prefix, sized.image_shape))
    return sized
