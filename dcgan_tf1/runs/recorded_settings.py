"""What a run's config.json says of the settings by which its checkpoints are read: its mode, sizes, flags and data."""

import dataclasses
import math

from dcgan_tf1.data.catalogue import DATASETS, MAX_CLASSES, title_on
from dcgan_tf1.gan.catalogue import NOISES, SCALINGS
from dcgan_tf1.util.errors import UserError

MAX_WIDTH = 4096  # of networks and noise whose width is recorded


def apply(run, preset, config):
    """The Preset in a run's mode, with its own sizes, noise, classes, samples and average of the weights.

    config: the run's config.json; what it lacks is as the preset has it. Raises UserError for other values than
    there may be.
    """
    identity, schedule = config['identity'], config.get('schedule')
    schedule = schedule if isinstance(schedule, dict) else {}
    if schedule.get('mode') is not None:  # older runs lack it, and their networks don't depend on it
        _checked(run, schedule, 'mode', None, list(preset.modes).__contains__,
                 'one of {}'.format(', '.join(map(repr, preset.modes)) or 'no modes'))
        preset = preset.with_mode(schedule['mode'])
    fields = {'noise': _checked(run, identity, 'noise', preset.noise, tuple(NOISES).__contains__,
                                'one of {}'.format(', '.join(map(repr, NOISES))))}
    widths = ('z_dim',) * (preset.sizes_of_variables is not None) + ('gf_dim', 'df_dim') * (preset.gf_dim is not None)
    for name in widths:
        fields[name] = _checked(run, identity, name, getattr(preset, name), lambda value: (
            _is_count(value) and value <= MAX_WIDTH), 'a number from 1 to {}'.format(MAX_WIDTH))
    if preset.classes is not None:
        fields['classes'] = _checked(run, identity, 'classes', preset.classes, lambda value: (
            _is_count(value) and value <= MAX_CLASSES), 'a number of classes')
        fields['samples'] = _checked(run, schedule, 'samples', preset.samples, _is_count, 'a number of samples')
    # 1 in runs of before there was a choice.
    fields['spectral_gain'] = _checked(run, identity, 'spectral_gain', 1.0, _is_gain, 'a number above 0')
    fields['scaling'] = _checked(run, identity, 'scaling', preset.scaling, SCALINGS.__contains__,
                                 'one of {}'.format(', '.join(map(repr, SCALINGS))))
    # The original's curve, unless the run is on other data or by another loss; never another file.
    if schedule.get('recorded_losses', preset.recorded_losses) is None:
        fields['recorded_losses'] = None
    fields['ema_decay'] = _checked(run, identity, 'ema_decay', preset.ema_decay, _is_decay,
                                   'null or a number from 0 to 1')
    dataset = identity.get('dataset', preset.dataset)
    if dataset != preset.dataset and isinstance(dataset, str) and dataset in DATASETS:
        fields['title'] = title_on(preset.heading, dataset)
    try:
        preset = dataclasses.replace(preset.with_noise(fields.pop('noise')), **fields)
        return preset if preset.image_sizes == 'fixed' else preset.with_image_shape(_checked(
            run, identity, 'image_shape', list(preset.image_shape), lambda value: (
                isinstance(value, list) and len(value) == 3 and all(map(_is_count, value))), 'a shape [H, W, C]'))
    except ValueError as error:
        raise UserError('{}: expected settings that go together in its config.json: {}'.format(run, error))


def _checked(run, recorded, name, default, accepts, expected):
    value = recorded.get(name, default)
    if not accepts(value):
        raise UserError('{}: expected {} as {} in its config.json, found {!r}'.format(run, expected, name, value))
    return value


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_gain(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _is_decay(value):
    return value is None or isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
