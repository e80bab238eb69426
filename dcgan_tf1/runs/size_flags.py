"""Flags for the images that a preset's networks make, if the networks adapt to the image size.

A run records its own sizes (recorded_settings). For any other checkpoint these flags give them or, where they don't,
the variables' shapes (checkpoint_sizes), if the preset can derive sizes from those (Preset.sizes_of_variables).
"""

import collections
import dataclasses

from dcgan_tf1.gan import sizes
from dcgan_tf1.gan.catalogue import NOISES, SIZED
from dcgan_tf1.util import flags
from dcgan_tf1.util.files import shape_text

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
                    'Default: {}.'.format(', '.join(SIZED), default), sizes.MIN_SIDE, sizes.MAX_SIDE,
                    hint=' (of images that are not square, --image_height and --image_width)')
    command.integer('image_height', None, 'The height, beside --image_width, of images that are not square.',
                    sizes.MIN_SIDE, sizes.MAX_SIDE)
    command.integer('image_width', None, 'The width.', sizes.MIN_SIDE, sizes.MAX_SIDE)
    command.choice('channels', None, ('1', '3', 'auto')[:3 if auto else 2], 'Channels of the images, for these '
                   'presets: 1 for grey, 3 for colour{}. Default: {}.'.format(
                       ', auto for grey where all pictures are' if auto else '',
                       'auto for dcgan, else what the preset says' if auto else default))
    command.choice('z_dist', None, NOISES, 'Distribution of the noise: {}. Default: what the preset says.'.format(
        '; '.join('{}: {}'.format(*each) for each in NOISES.items())))


def add_widths(command):
    """--gf_dim and --df_dim."""
    command.integer('gf_dim', None, "For dcgan, the generator's width: the filters of its last hidden layer; the "
                                    'others have 2, 4 and 8 times as many. Default: 64.', 1, sizes.MAX_SIDE)
    command.integer('df_dim', None, "For dcgan, the discriminator's width: the filters of its first layer. "
                                    'Default: 64.', 1, sizes.MAX_SIDE)


def read(values):
    """The SizeFlags of a command's values; flags.Error for flags that don't go together."""
    size, height, width = [values[name] for name in ('image_size', 'image_height', 'image_width')]
    if size is not None and (height, width) != (None, None):
        raise flags.Error('--image_size: expected neither --image_height nor --image_width beside it, found {}'.format(
            flags.given(values, 'image_height', 'image_width')))
    if (height is None) != (width is None):
        missing, present = ('height', 'width') if height is None else ('width', 'height')
        raise flags.Error('--image_{0}: expected --image_{1} beside it, found none'.format(present, missing))
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
                flag = 'image_height' if name == 'image_size' and given.height != given.width else name
                raise flags.Error('--{}: expected a preset for images of other sizes ({}), found --preset={}, whose '
                                  'images are {}'.format(
                                      flag, ', '.join(SIZED), preset.name, shape_text(preset.image_shape)))
    preset = dataclasses.replace(preset.with_noise(given.noise or preset.noise),
                                 gf_dim=given.gf_dim or preset.gf_dim, df_dim=given.df_dim or preset.df_dim)
    height, width, channels = preset.image_shape
    channels = channels if given.channels in (None, 'auto') else given.channels
    try:
        return preset.with_image_shape((given.height or height, given.width or width, channels))
    except ValueError as error:
        raise flags.Error('--{}: {}'.format(
            'image_size' if given.height == given.width else 'image_height and --image_width', error))
