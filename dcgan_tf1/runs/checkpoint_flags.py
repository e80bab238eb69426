"""Flags that say which checkpoint of which run: those of sample, evaluate and export."""

import dataclasses

from dcgan_tf1.gan import preset_file
from dcgan_tf1.gan.catalogue import MODES, PRESET_TITLES, is_temperature, preset_names
from dcgan_tf1.runs import size_flags
from dcgan_tf1.runs.preset_files import check_mode, check_name
from dcgan_tf1.util import flags

_WHICH = ('last', 'best')


def add(command):
    command.group('From what')
    command.path('run', None, 'A run folder.')
    command.path('checkpoint', None, 'With --run, which of its checkpoints: last, the newest, or best, the one with '
                                     'the smallest Frechet distance (dcgan-train --eval_every). Without --run, a '
                                     'checkpoint prefix (.../model.ckpt-4295) or file, a folder of checkpoints or '
                                     'of a SavedModel, or a frozen graph (.pb), also of another program; needs '
                                     '--preset.')
    command.choice('which', None, _WHICH, 'The old name of --checkpoint beside --run. Default: last.')
    command.integer('step', None, "With --run: the checkpoint of this step.", 0)
    preset_flags(command, None, "The checkpoint's preset.")
    mode_flag(command, 'The one that --checkpoint was trained in; a run remembers its own.')
    command.boolean('averages', False, "Take the moving averages of the generator's weights from --checkpoint "
                                       '(NAME/ExponentialMovingAverage) in place of the weights; a run remembers.')
    command.real('temperature', None, 'What noise is scaled by, around its mean, before images are made of it: less '
                 'than 1 for fewer odd images and less variety, more than 1 for the reverse. Default: what the preset '
                 'says.')
    size_flags.add(command, "what the checkpoint's variables tell of dcgan and the ResNets, else what the preset says")


def preset_flags(command, default, help_text):
    """--preset and --preset_file. A file's presets are known only when it has been executed."""
    command.string('preset', default, help_text + ' One of {}, or of --preset_file.'.format(', '.join(preset_names())))
    preset_file_flag(command)


def mode_flag(command, help_text):
    command.string('mode', None, 'One of the named variants that some presets have ({}). {}'.format('; '.join(
        '{}: {}'.format(name, ', '.join(modes)) for name, modes in MODES.items()), help_text))


def preset_file_flag(command):
    command.path('preset_file', None, 'A Python file of yours, which is executed: each register_preset(Preset(...)) '
                                      'in it adds a preset (docs/library.md). A run remembers the file that it was '
                                      'trained with.', ('.py',))


def check(values):
    """Refuses what does not go together. Afterwards `checkpoint` is a path or None, and `which` last or best.

    Returns the flag that asks for one of these, as it was given, or None.
    """
    check_preset(values)
    if values['temperature'] is not None and not is_temperature(values['temperature']):
        raise flags.Error('--temperature: expected a number from 0.001 to 1,000, found {:g}'.format(
            values['temperature']))
    flag = '--which' if values['which'] is not None else '--checkpoint'  # the one that was given
    if values['run'] is values['preset'] is None and values['checkpoint'] in _WHICH:
        raise flags.Error('--checkpoint={}: expected --run beside it, found none'.format(values['checkpoint']))
    if values['run'] is not None and values['checkpoint'] in _WHICH:
        if values['which'] not in (None, values['checkpoint']):
            raise flags.Error('--checkpoint: expected the same as --which, found --checkpoint={} and '
                              '--which={}'.format(values['checkpoint'], values['which']))
        values['which'], values['checkpoint'] = values['checkpoint'], None
    named, values['which'] = values['which'], values['which'] or 'last'
    if None not in (values['run'], values['checkpoint']):
        raise flags.Error('--checkpoint: expected last or best beside --run, found {!r}'.format(values['checkpoint']))
    if values['run'] is values['checkpoint'] is None:
        raise flags.Error('expected either --run or --checkpoint, found neither')
    if values['checkpoint'] is not None and values['preset'] is None:
        raise flags.Error('--preset: expected the preset of --checkpoint, found nothing')
    if values['mode'] is not None and values['run'] is not None:
        raise flags.Error('--mode: expected only with --checkpoint; a run says its own')
    if values['averages'] and values['run'] is not None:
        raise flags.Error('--averages: expected only with --checkpoint; a run says itself')
    if values['run'] is not None:
        size_flags.refuse_with_run(values)
    if values['checkpoint'] is not None and values['step'] is not None:
        raise flags.Error('--step: expected only with --run; a checkpoint prefix already ends in its step')
    if named is not None and (values['run'] is None or values['step'] is not None):
        raise flags.Error('{}={}: expected a --run, and no --step, beside it, found {}'.format(
            flag, named, flags.given(values, 'checkpoint', 'step')))
    return None if named is None else '{}={}'.format(flag, named)


def check_preset(values):
    """Refuses a preset that there is not, as long as no file has still to be executed."""
    if values['preset_file'] is None:
        check_name(values['preset'])
    if values['preset'] in PRESET_TITLES:
        check_mode(values['preset'], values['mode'])


def at_temperature(preset, config):
    """The preset with the --temperature that was asked for, if there was one."""
    return preset if config.temperature is None else dataclasses.replace(preset, temperature=config.temperature)


def temperature_suffix(config):
    """What the default name of an output ends in, where a --temperature was asked for: '-t0.7'."""
    return '' if config.temperature is None else '-t{:g}'.format(config.temperature)


def load_presets(config):
    """Executes the file of --preset_file, if there is one, and refuses a --preset that is not there then."""
    if config.preset_file is not None:
        preset_file.load(config.preset_file)
        check_name(getattr(config, 'preset', None), config.preset_file)
    check_mode(getattr(config, 'preset', None), getattr(config, 'mode', None))
