"""What the fields of a Preset have to be: each by itself, and all of them together. A ValueError names the field."""

import collections
import collections.abc
import dataclasses
import math

import numpy as np

from dcgan_tf1.gan import augmentation, sizes
from dcgan_tf1.gan.catalogue import NOISES, SCALINGS, is_temperature
from dcgan_tf1.gan.objectives import MAX_UPDATES, Model, Objective, UpdateSpec

# How often something happens: every `count` 'steps' or 'epochs'.
StepInterval = collections.namedtuple('StepInterval', 'count unit')

_CHOICES = {
    'scaling': SCALINGS,
    'shuffle': ('always', 'after_first_epoch', 'never', 'once', 'with_replacement'),
    'incomplete_batch': ('drop', 'keep', 'skip'),
    'noise': tuple(NOISES),
    'image_sizes': sizes.KINDS,
    'batch_norm': ('fused', 'moments'),
    'update_ops': ('per_pass', 'all'),
    'learning_rate_decay': ('none', 'linear'),
    'first_adam': ('generator', 'discriminator'),
    'losses_when': ('after', 'before', 'mean'),
    'samples_noise': ('fresh', 'fixed', 'fakes'),
}
_LEAST = {'batch_size': 1, 'z_dim': 1, 'holdout': 0, 'image_batches': 1, 'samples': 1, 'first_step': 0,
          'first_epoch': 0}  # of whole numbers
_LEAST_OR_NONE = {'classes': 1, 'gf_dim': 1, 'df_dim': 1, 'samples_columns': 1, 'epochs': 1, 'steps': 1}
_FRACTIONS = 'beta1', 'beta2', 'ema_decay'
_RATES = 'learning_rate', 'g_learning_rate', 'd_learning_rate', 'adam_epsilon', 'smoothing'
_MAY_BE_NONE = 'ema_decay', 'g_learning_rate', 'd_learning_rate'
_SWITCHES = ('drop_last_full_batch', 'mirror', 'discriminator_batch_statistics', 'dropout_when_training',
             'dropout_when_sampling', 'ema_warmup', 'gif')
_TEXTS = 'dataset', 'real_name', 'noise_name', 'labels_name', 'samples_name'  # register_preset() checks the name
_TEXTS_OR_NONE = 'title', 'image_class', 'recorded_losses', 'mode'
_FUNCTIONS = 'generator', 'discriminator', 'encoder', 'loss'
_INTERVALS = 'log_every', 'log_first', 'samples_every', 'checkpoint_every'


def check(preset):
    """Raises ValueError, in one line, where a field is not what it has to be."""
    _check_kinds(preset)
    _check_numbers(preset)
    _check_lists(preset)
    _check_shapes(preset)
    _check_intervals(preset)
    _check_length(preset)
    _check_schedule(preset)
    if preset.classes is not None:
        _check_conditional(preset)


def _wrong(preset, name, expected):
    return ValueError('Preset.{}: expected {}, found {!r:.200}'.format(name, expected, getattr(preset, name)))


def _check_kinds(preset):
    for name, choices in _CHOICES.items():
        if not isinstance(getattr(preset, name), str) or getattr(preset, name) not in choices:
            raise _wrong(preset, name, 'one of ' + ', '.join(map(repr, choices)))
    for name in _TEXTS + _TEXTS_OR_NONE:
        value = getattr(preset, name)
        if not isinstance(value, str) and not (value is None and name in _TEXTS_OR_NONE):
            raise _wrong(preset, name, 'a text')
    for name in _SWITCHES:
        if not isinstance(getattr(preset, name), bool):
            raise _wrong(preset, name, 'True or False')
    if not isinstance(preset.model, Model):
        raise _wrong(preset, 'model', 'a Model, as objectives.GAN')
    # Of an autoencoder it is the encoder, of a GAN the discriminator, that the model asks for.
    needed = 'generator', 'loss', 'encoder' if 'encoder' in preset.model.networks else 'discriminator'
    for name in _FUNCTIONS:
        value = getattr(preset, name)
        if (value is not None or name in needed) and not hasattr(value, '__name__'):
            raise _wrong(preset, name, "a function with a name, by which a run's config.json knows it")
    fields = {field.name for field in dataclasses.fields(preset)} - {'name', 'mode', 'modes'}
    if not isinstance(preset.modes, collections.abc.Mapping) or not all(
            isinstance(mode, collections.abc.Mapping) and set(mode) <= fields for mode in preset.modes.values()):
        raise _wrong(preset, 'modes', '{mode: {field: value}}')
    if preset.mode is not None and preset.mode not in preset.modes:
        raise _wrong(preset, 'mode', 'None or one of its modes')
    if preset.sizes_of_variables is not None and not callable(preset.sizes_of_variables):
        raise _wrong(preset, 'sizes_of_variables', 'a function')
    _check_samples_name(preset)


def _check_samples_name(preset):
    try:
        name = preset.samples_name.format(step=1, epoch=1)
    except (KeyError, IndexError, ValueError, AttributeError):
        name = ''
    if not name or '/' in name or name.startswith('.'):
        raise _wrong(preset, 'samples_name', "the name of a picture with {step} or {epoch}, as 'step-{step:06d}.png'")


def _check_numbers(preset):
    for name, least in list(_LEAST.items()) + list(_LEAST_OR_NONE.items()):
        value = getattr(preset, name)
        if value is None and name in _LEAST_OR_NONE or name in ('epochs', 'steps'):
            continue
        if not _is_whole(value):
            raise _wrong(preset, name, 'a whole number')
        if value < least:
            raise _wrong(preset, name, '{} or more'.format(least))
    for name in _FRACTIONS + _RATES:
        value, fraction = getattr(preset, name), name in _FRACTIONS
        if value is None and name in _MAY_BE_NONE:
            continue
        if not (_is_real(value) and (0 <= value < 1 if fraction else 0 <= value < math.inf)):
            raise _wrong(preset, name, 'a number from 0' + ' to below 1' * fraction)
    if not (_is_real(preset.spectral_gain) and 0 < preset.spectral_gain < math.inf):
        raise _wrong(preset, 'spectral_gain', 'a number above 0')
    if not is_temperature(preset.temperature):
        raise _wrong(preset, 'temperature', 'a number from 0.001 to 1,000')
    ends = preset.image_range
    if not (isinstance(ends, tuple) and len(ends) == 2 and all(map(_is_real, ends))
            and -math.inf < ends[0] < ends[1] < math.inf):
        raise _wrong(preset, 'image_range', 'the values of black and white, as (-1.0, 1.0)')


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_lists(preset):
    if not isinstance(preset.splits, tuple) or not preset.splits or not all(
            split in ('train', 'test') for split in preset.splits):
        raise _wrong(preset, 'splits', "some of 'train' and 'test'")
    if not isinstance(preset.augment, tuple) or not all(isinstance(name, str) for name in preset.augment):
        raise _wrong(preset, 'augment', 'a tuple of names')
    if preset.augment and isinstance(preset.input_shape, tuple) and len(preset.input_shape) != 3:
        raise ValueError('Preset.augment: expected images [N, H, W, C], found input_shape {!r}'.format(
            preset.input_shape))
    unknown = [name for name in preset.augment if name not in augmentation.AUGMENTATIONS]
    if unknown:
        raise ValueError('Preset.augment: expected some of {}, found {!r}'.format(
            ', '.join(map(repr, augmentation.AUGMENTATIONS)), unknown[0]))
    if 'color' in preset.augment and preset.image_range != (-1.0, 1.0):
        raise ValueError("Preset.augment: expected 'color' only of images in [-1, 1], found image_range {!r}".format(
            preset.image_range))
    if not isinstance(preset.losses, tuple) or not preset.losses or not all(
            isinstance(name, str) for name in preset.losses):
        raise _wrong(preset, 'losses', 'a tuple of names')
    sizes_of_batches = preset.noise_batches
    if not isinstance(sizes_of_batches, tuple) or not sizes_of_batches or not all(
            _is_whole(size) and size > 0 for size in sizes_of_batches):
        raise _wrong(preset, 'noise_batches', 'a tuple of sizes, in batches, as (1, 2)')


def require_image_shape(what, shape):
    """ValueError, which names `what`, for anything but [H, W, C]."""
    if not _is_shape(shape) or len(shape) != 3:
        raise ValueError('Preset.{}: expected (H, W, C), found {!r:.80}'.format(what, shape))


def _is_shape(shape):
    return isinstance(shape, tuple) and shape != () and all(_is_whole(side) and side > 0 for side in shape)


def _check_shapes(preset):
    require_image_shape('image_shape', preset.image_shape)
    if not _is_shape(preset.input_shape):
        raise _wrong(preset, 'input_shape', 'a shape, as (784,) or (H, W, C)')
    if np.prod(preset.input_shape) != np.prod(preset.image_shape):
        raise ValueError('Preset.input_shape: expected as many values as the image_shape {!r} has, found {!r} '
                         '(with_image_shape() changes both)'.format(preset.image_shape, preset.input_shape))


def _check_intervals(preset):
    for name in _INTERVALS:
        value = getattr(preset, name)
        if value is None and name in ('log_first', 'samples_every'):
            continue
        if not isinstance(value, StepInterval) or not _is_whole(value.count) or value.count < 1 or (
                value.unit not in ('steps', 'epochs')):
            raise _wrong(preset, name, "a StepInterval, as StepInterval(500, 'steps')")


def _check_length(preset):
    if (preset.epochs is None) == (preset.steps is None):
        raise ValueError('Preset: expected either epochs or steps, found {!r} and {!r}'.format(
            preset.epochs, preset.steps))
    length = preset.epochs if preset.steps is None else preset.steps
    if not _is_whole(length) or length < 1:
        raise ValueError('Preset: expected a whole number of epochs or steps, 1 or more, found {!r:.80}'.format(
            length))


def _check_schedule(preset):
    if not isinstance(preset.schedule, tuple) or not preset.schedule or not all(
            isinstance(update, UpdateSpec) for update in preset.schedule):
        raise _wrong(preset, 'schedule', 'a tuple of UpdateSpecs')
    if len(preset.schedule) > MAX_UPDATES:
        raise ValueError('Preset.schedule: expected at most {} updates, found {}'.format(
            MAX_UPDATES, len(preset.schedule)))
    for update in preset.schedule:
        if not isinstance(update.objectives, (tuple, list)) or not update.objectives or not all(
                map(_is_objective, update.objectives)):
            raise ValueError('Preset.schedule: expected a tuple of Objectives in each UpdateSpec, as (G_OBJECTIVE,), '
                             'found {!r:.200}'.format(update.objectives))
        if not all(_is_whole(which) and which >= 0 for which in (update.images, update.noise)):
            raise ValueError('Preset.schedule: expected images and noise as numbers of batches, from 0, found '
                             '{!r:.200}'.format(update))
        for objective in update.objectives:
            if objective.loss not in preset.model.passes or not set(objective.networks) <= set(
                    preset.model.networks):
                raise ValueError('Preset.schedule: expected networks of {} and losses of {}, found {!r}'.format(
                    preset.model.networks, tuple(preset.model.passes), objective))
        if update.images >= preset.image_batches or update.noise >= len(preset.noise_batches):
            raise ValueError('Preset.schedule: expected one of {} batches of images and {} of noise, '
                             'found {!r}'.format(preset.image_batches, len(preset.noise_batches), update))
    if preset.losses_when != 'after':
        kept = {objective.loss for update in preset.schedule for objective in update.objectives}
        kept |= {'d_loss'} if {'d_loss_real', 'd_loss_fake'} <= kept else set()
        missing = [name for name in preset.losses if name not in kept]
        if missing:
            raise ValueError(
                'Preset.losses: expected losses of the updates in its schedule, {}, beside losses_when={!r}, '
                'found {!r}'.format(', '.join(sorted(kept)), preset.losses_when, missing[0]))


def _is_objective(objective):
    return (isinstance(objective, Objective) and isinstance(objective.loss, str)
            and isinstance(objective.networks, (tuple, list))
            and all(isinstance(network, str) for network in objective.networks))


def _check_conditional(preset):
    """Images are made of noise and the labels of the real images beside it: there must be as many of both."""
    if preset.image_class is not None:
        raise _wrong(preset, 'image_class', 'None beside classes')
    if preset.samples < preset.classes:
        raise _wrong(preset, 'samples', 'one of each of the {} classes or more'.format(preset.classes))
    if preset.samples_noise == 'fakes':
        raise _wrong(preset, 'samples_noise', "'fresh' or 'fixed' beside classes")
    if set(preset.noise_batches) != {1} or preset.incomplete_batch != 'drop':
        raise ValueError(
            "Preset.noise_batches: expected batches of 1, and incomplete_batch='drop', beside classes, found {!r} "
            'and {!r}'.format(preset.noise_batches, preset.incomplete_batch))
