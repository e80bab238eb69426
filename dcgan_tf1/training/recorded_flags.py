"""The flags that a run was started with, by which `train --run_dir=RUN` resumes it.

A run folder may come from elsewhere, so of what its config.json lists only flags of the command are taken, and none
that executes anything.
"""

import os

from dcgan_tf1.util.files import read_json

KEY = 'arguments'  # of config.json
# Not taken from a run: where and how to go on, which machine and workers there are, and what is executed.
_NOT_KEPT = frozenset((
    'help', 'h', 'run_dir', 'resume', 'preset_file', 'trace', 'device', 'precision', 'lowering', 'xla',
    'steps_per_run', 'intra_op_threads', 'inter_op_threads', 'worker_hosts', 'task_index', 'worker_timeout'))
_PLACES = ('data_dir', 'cache_dir')  # left out where they are gone
_NAMED = _PLACES + ('init_checkpoint',)  # what is to be found from another folder, too
# Of these, one that is given now takes the place of all that the run has.
_TOGETHER = (('epochs', 'max_steps'), ('image_size', 'image_height', 'image_width'))


def of_command(command, values):
    """['--name=value'] of the flags that were given, as config.json keeps them.

    values: what command.parse() returned.
    """
    arguments = []
    for name in sorted(command.values):
        flag = command.values[name]
        if flag.present and name in values and name not in _NOT_KEPT:
            arguments.append('--{}={}'.format(name, os.path.abspath(values[name])) if name in _NAMED else
                             flag.serialize())
    return arguments


def of_new_run(command, values):
    """All flags that were given but those that name the run: with them another run is started as this one is."""
    return of_command(command, values) + [
        command.values[name].serialize() for name in sorted(_NOT_KEPT - {'run_dir', 'resume', 'help', 'h'})
        if name in command.values and command.values[name].present]


def of_run(path, given):
    """(the preset of the run folder `path`, the flags that it was started with, those left out because they name
    places that are not there any more); (None, [], []) where it is none.

    given: absl's FlagValues of what is given now; flags of the run that contradict it are left out. For an older run,
    which lists no flags, and for a damaged list: the preset alone.
    """
    try:
        config = read_json(os.path.join(path, 'config.json'))
        preset = config['identity']['preset']
    except (OSError, ValueError, TypeError, KeyError):
        return None, [], []  # whoever opens it says so
    listed = config.get(KEY)
    if not isinstance(listed, list) or not isinstance(preset, str):
        return preset, ['--preset={}'.format(preset)], []
    left_out = {name for group in _TOGETHER if any(given[name].present for name in group) for name in group}
    taken = [each for each in listed if _is_taken(each, given, left_out)]
    gone = [each for each in taken if _is_gone(each)]
    return preset, [each for each in taken if each not in gone], [
        each for each in gone if not given[_parts(each)[0]].present]


def _parts(text):
    """(name, '=' or '', value) of '--name=value'."""
    return text[2:].partition('=')


def _is_gone(text):
    name, _, value = _parts(text)
    return name in _PLACES and not os.path.exists(value)


def _is_taken(text, flags, left_out):
    if not isinstance(text, str) or not text.startswith('--') or text == '--norecursive':  # that never did anything
        return False
    name, equals, _ = _parts(text)
    if not equals and name.startswith('no') and name not in flags:
        name = name[2:]
    return name in flags and name not in _NOT_KEPT and name not in left_out and bool(equals or flags[name].boolean)
