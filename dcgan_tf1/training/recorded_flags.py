"""The flags that a run was started with, by which `train --run_dir=RUN` goes on with it."""

import os

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json

# Of a run, as config.json lists them.
KEY = 'arguments'
# Not kept: what says where and how to go on, which machines and files there are, and what is executed.
_NOT_KEPT = frozenset((
    'help', 'run_dir', 'resume', 'preset_file', 'trace', 'device', 'precision', 'lowering', 'xla', 'steps_per_run',
    'intra_op_threads', 'inter_op_threads', 'worker_hosts', 'task_index', 'worker_timeout'))
_LENGTH = ('epochs', 'max_steps')
_PLACES = ('data_dir', 'cache_dir')  # which are to be found from another folder, too


def of_command(command, values):
    """['--name=value'] of the flags that were given, as config.json keeps them.

    values: what command.parse() returned.
    """
    found = []
    for name in sorted(command.values):
        flag = command.values[name]
        if flag.present and name in values and name not in _NOT_KEPT:
            found.append(flag.serialize() if name not in _PLACES else '--{}={}'.format(
                name, os.path.abspath(values[name])))
    return found


def of_run(path, flags):
    """The flags that the run folder `path` was started with; [] where it is none.

    flags: absl's FlagValues of what is given now. How long to train is taken from it, if it says so in either way.

    Of a run that lists none, from before they were kept, its preset alone. UserError for a damaged list.
    """
    try:
        config = read_json(os.path.join(path, 'config.json'))
        preset = config['identity']['preset']
    except (OSError, ValueError, TypeError, KeyError):
        return []  # whoever opens it says so
    found = config.get(KEY, ['--preset={}'.format(preset)])
    if not isinstance(found, list) or not all(isinstance(each, str) and each.startswith('--') for each in found):
        raise UserError('{}: expected a list of flags as {} in its config.json, found {!r:.60}'.format(
            path, KEY, found))
    # A run folder may come from elsewhere.
    left_out = _NOT_KEPT.union(_LENGTH if any(flags[name].present for name in _LENGTH) else ())
    return [each for each in found if _name_of(each, flags) not in left_out]


def _name_of(text, flags):
    name = text[2:].partition('=')[0]
    return name if name in flags or not name.startswith('no') else name[2:]
