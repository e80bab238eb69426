"""The preset file that a run was trained with, as its config.json records it.

A run folder may come from elsewhere, so what it says decides little: a recorded file is executed only
where it lies at the same absolute path, which leads through no link, outside the run's folder and the
one around it, with the same content. Any other has to be named on the command line.
"""

import difflib
import os

from dcgan_tf1.gan import preset_file
from dcgan_tf1.gan.catalogue import mode_names, preset_names
from dcgan_tf1.runs.numbering import folders
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json


def load_recorded(run, config, log=print):
    """Executes the file that a run's configuration records; what load() returns, None where it records none.

    UserError for a file that is not to be executed unasked.
    """
    record = config.get('preset_file')
    if record is None:
        return None
    if not (isinstance(record, dict) and isinstance(record.get('path'), str) and isinstance(record.get('sha256'), str)
            and os.path.isabs(record['path']) and '\0' not in record['path']):
        raise UserError('{}: expected the path and SHA-256 of a preset file in its config.json, found {!r}; name the '
                        'file with --preset_file'.format(run, record))
    around = os.path.dirname(os.path.realpath(run))
    try:
        real = os.path.realpath(record['path'])
    except ValueError as error:  # bytes that no path has
        raise UserError('{}: expected the path of a preset file in its config.json, found {!r} ({}); name the file '
                        'with --preset_file'.format(run, record['path'], error))
    # A link, or /proc/self/cwd, may lead to what came with the run.
    if real != record['path'] or os.path.commonpath([around, real]) == around:
        raise UserError('{}: expected its preset file outside of {}, found {}, which may have come with the run; '
                        '--preset_file={} executes it'.format(run, around, record['path'], record['path']))
    if not os.path.isfile(record['path']):
        raise UserError('{}: expected its preset file {}, found none there; name it with --preset_file'.format(
            run, record['path']))
    return preset_file.load(record['path'], record['sha256'], log)


def load_for(name, run_dir, log=print):
    """Executes the preset file of the newest run of the preset `name` in a folder of runs, or of one run.

    Does nothing where no run there names a file.
    """
    for run in folders(run_dir, name):
        try:
            config = read_json(os.path.join(run, 'config.json'))
        except (OSError, ValueError):
            continue  # whoever opens it will say so
        if isinstance(config, dict) and config.get('preset_file') is not None:
            return load_recorded(run, config, log)
    return None


def check_name(name, path=None):
    """flags.Error, which lists the presets, where none of them has this name; path: that of --preset_file."""
    if name is not None and name not in preset_names():
        close = difflib.get_close_matches(name, preset_names(), 1)
        raise flags.Error('--preset: expected one of {}, found {!r}{}{}'.format(
            ', '.join(preset_names()), name, ', perhaps for {}'.format(*close) if close else '',
            '' if path else ' (a preset of your own needs --preset_file)'))


def check_mode(name, mode):
    """flags.Error, which lists its modes, where the preset `name` has none of this name; `mode` may be None."""
    if mode is not None and mode not in mode_names(name):
        raise flags.Error('--mode: expected {}, found {!r}'.format(
            'one of ' + ', '.join(mode_names(name)) if mode_names(name) else 'none, for {} has no modes'.format(name),
            mode))
