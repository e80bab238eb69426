"""A file of the user's that registers presets: `--preset_file=my.py`. It is a program, and it is executed."""

import contextlib
import hashlib
import os
import sys
import traceback
import types

from dcgan_tf1.util.errors import UserError

_loaded = {}  # {path: (SHA-256 of what was executed, the names that it registered)}


def load(path, expected=None, log=print):
    """Executes a preset file, once in a process as long as it stays the same; the log says so.

    expected: the SHA-256 that it has to have, or None. Returns what config.json records of it: its
    path, absolute and without links, and its SHA-256. UserError where it can't be read or fails, with
    its line, or registers nothing.
    """
    path = os.path.realpath(path)
    try:
        with open(path, 'rb') as handle:
            source = handle.read()
    except OSError as error:
        raise UserError('--preset_file: cannot read {}: {}'.format(path, error.strerror))
    digest = hashlib.sha256(source).hexdigest()
    if expected not in (None, digest):
        raise UserError('{}: expected the file that the run was started with (SHA-256 {:.12}), found a changed one '
                        '({:.12}); --preset_file={} executes it all the same'.format(path, expected, digest, path))
    if _loaded.get(path, (None, ()))[0] != digest:
        log('presets of {} (SHA-256 {}), which is executed'.format(path, digest))
        _loaded[path] = digest, _execute(path, source)
    return {'path': path, 'sha256': digest}


def _execute(path, source):
    """The names of the presets that the file registers. After an error, it has registered none."""
    from dcgan_tf1.gan.presets import PRESETS  # with it comes TensorFlow
    for name in _loaded.pop(path, (None, ()))[1]:  # a user's session, in which the file has been changed
        PRESETS.pop(name, None)
    before = dict(PRESETS)
    module = types.ModuleType('preset_file_' + hashlib.sha256(path.encode('utf-8', 'replace')).hexdigest()[:12])
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses and pickle look there
    sys.path.insert(0, os.path.dirname(path))  # as for a program: what lies beside it can be imported
    try:
        exec(compile(source, path, 'exec'), module.__dict__)
        # Also one that the program has registered itself, which this file then registers anew.
        names = [name for name in PRESETS if PRESETS[name] is not before.get(name)]
        if not names:
            raise UserError('{}: expected register_preset(Preset(...)) with a new name, found no such call'.format(
                path))
        return names
    except (Exception, SystemExit) as error:
        PRESETS.clear()
        PRESETS.update(before)
        text = _described(path, error)
        if text is None:
            raise
        raise UserError(text)
    finally:
        with contextlib.suppress(ValueError):  # the file has done so itself
            sys.path.remove(os.path.dirname(path))


def forget():
    """Lets the next load() of each file execute it anew, as in a new process; registered presets stay."""
    _loaded.clear()


def described(error):
    """The line of a preset file at which it failed, now or in a network of its own, and with what; None for none."""
    return next(filter(None, (_described(path, error) for path in _loaded)), None)


def _described(path, error):
    line = _line(path, error)
    return None if line is None else '{}, line {}: {}: {}'.format(
        path, line, type(error).__name__, ' '.join(str(error).split()))


def _line(path, error):
    """The line of the file at which it failed."""
    if isinstance(error, SyntaxError) and error.filename == path:
        error.args = (error.msg,)
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return lines[-1] if lines else None


def record_of(name):
    """What load() returned of the file that registered the preset `name` last; None where no such file did."""
    return next(({'path': path, 'sha256': digest} for path, (digest, names) in reversed(list(_loaded.items()))
                 if name in names), None)


def changed(recorded, now):
    """A warning where a run goes on with another content of its preset file than it was started with, else None.

    recorded: what its config.json has, perhaps nothing or something damaged. now: what load() returned, or None.
    """
    before = recorded.get('sha256') if isinstance(recorded, dict) else None
    if now is None or before in (None, now['sha256']):
        return None
    return '{path} has changed since this run was started (SHA-256 {:.12}, now {sha256:.12})'.format(before, **now)
