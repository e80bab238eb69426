"""Flags of `train` for those who experiment: averaged weights, rates, the loss, augmentation, mirroring."""

from dcgan_tf1.gan.catalogue import AUGMENTATIONS, GAN_LOSSES, SMOOTHING_LOSSES
from dcgan_tf1.util import flags

_RATES = ('g_learning_rate', 'd_learning_rate')
_GAN_ONLY = _RATES + ('loss', 'smoothing', 'augment', 'z_dist')


def add(command):
    command.group('To experiment with (default: what the preset says)')
    command.real('learning_rate', None, "Adam's learning rate for both networks.", 0)
    command.real('ema_decay', None, "Decay of the moving average of the generator's weights that images are "
                                    "sampled from; 0 for none. Smaller in the first steps (warm-up), unless the "
                                    "preset's average has none.", 0)
    command.real('g_learning_rate', None, "Adam's learning rate for the generator alone.", 0)
    command.real('d_learning_rate', None, "Adam's learning rate for the discriminator alone.", 0)
    command.real('beta1', None, "Adam's beta1, from 0 to less than 1.", 0)
    command.choice('loss', None, GAN_LOSSES, "The GAN's loss (docs/training.md).")
    command.real('smoothing', None, "How far below 1 the labels of real images, and the generator's target, are in a "
                                    "cross-entropy: from 0 (not at all) to less than 1.", 0)
    command.string('augment', None, 'What is done at random to all images that the discriminator sees, real and '
                                    'generated: some of {}, with commas between them, or none.'.format(
                                        ', '.join(AUGMENTATIONS)))
    command.boolean('mirror', None, 'Flip real images horizontally at random, so that mirrored images are learned, '
                                    'too: good for faces or landscapes, not for digits.')
    command.choice('update_ops', None, ('per_pass', 'all'),
                   "Which moving averages a train op waits for: its own passes' or, as in 2017, every one (there are "
                   'none without batch norm).', old_values={'own': 'per_pass'})
    command.choice('batch_norm', None, ('fused', 'moments'),
                   "Batch norm by today's kernel, or in TensorFlow 1.0.1's form with the biased moving variance.")


def overrides(preset, values):
    """{field: value} of what these flags change in a preset; flags.Error for what it can't be trained with."""
    changes = {name: values[name] for name in _RATES + ('beta1', 'smoothing')
               if values[name] is not None}
    for name in ('ema_decay', 'beta1', 'smoothing'):
        if values[name] is not None and not 0 <= values[name] < 1:
            raise flags.Error('--{}: expected a number from 0 to less than 1, found {:g}'.format(name, values[name]))
    if preset.discriminator is None:
        for name in _GAN_ONLY:
            if values[name] is not None:
                raise flags.Error('--{}: expected a GAN, found --preset={}, an autoencoder'.format(name, preset.name))
    if values['ema_decay'] is not None:
        changes['ema_decay'] = values['ema_decay'] or None
        # Of an average that begins with the initial weights, many of the first samples would be made of them.
        changes['ema_warmup'] = bool(values['ema_decay']) and (preset.ema_decay is None or preset.ema_warmup)
    if values['learning_rate'] is not None:
        rates = [values[name] for name in _RATES]
        if None not in rates:
            raise flags.Error('--learning_rate: expected a network without a rate of its own, found '
                              '--g_learning_rate={:g} and --d_learning_rate={:g}'.format(*rates))
        # Of both networks, also where the preset has one of its own for one of them.
        changes.update((name, None) for name in _RATES if values[name] is None)
    if values['mirror'] is not None:
        changes['mirror'] = values['mirror']
    if values['loss'] is not None:
        changes['loss'] = _loss(preset, values['loss'])
    if values['smoothing'] is not None:
        _check_smoothed(changes.get('loss', preset.loss).__name__)
    if values['augment'] is not None:
        changes['augment'] = _augmentations(preset, values['augment'])
    return changes


def _loss(preset, name):
    from dcgan_tf1.gan import losses  # with it comes TensorFlow, which a help text does without
    missing = [field for field in preset.losses if field not in losses.GanLosses._fields]
    if missing:
        raise flags.Error('--loss: expected a preset that logs some of {}, found {}, of --preset={}'.format(
            ', '.join(losses.GanLosses._fields), ', '.join(missing), preset.name))
    return getattr(losses, name)


def _check_smoothed(loss):
    if loss in GAN_LOSSES and loss not in SMOOTHING_LOSSES:  # one of the user's own may read it
        raise flags.Error('--smoothing: expected a loss with smoothed labels ({}), found {}'.format(
            ', '.join(SMOOTHING_LOSSES), loss))


def _augmentations(preset, text):
    names = () if text == 'none' else tuple(text.split(','))
    for name in names:
        if name not in AUGMENTATIONS or names.count(name) > 1:
            raise flags.Error('--augment: expected none, or some of {}, each once, found {!r}'.format(
                ', '.join(AUGMENTATIONS), text))
    if names and len(preset.input_shape) != 3:
        raise flags.Error('--augment: expected a discriminator of images [H, W, C], found --preset={}, whose are flat'
                          .format(preset.name))
    if 'color' in names and preset.image_range != (-1.0, 1.0):
        raise flags.Error('--augment=color: expected a preset of images in [-1, 1], found --preset={} in [{:g}, {:g}]'
                          .format(preset.name, *preset.image_range))
    return names
