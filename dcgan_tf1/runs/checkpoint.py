"""The one way checkpoints are written and restored.

Files are those of `tf.train.Saver` in its V2 format: `model.ckpt-N.index`, `.data-*` and
`.meta`, N being the number of steps done, and `checkpoint`, which names the newest.
"""

import contextlib
import os
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.runs.checkpoint_reader import reading
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import cannot_write, make_folder, sync
from dcgan_tf1.util.paths import literal

NAME = 'model.ckpt'
_INDEX = re.compile(re.escape(NAME) + r'-(\d+)\.index$')
# All that a Saver writes for a step, also under names that it is about to change: what else lies there is the user's.
_FILE = re.compile(re.escape(NAME) + r'-(\d+)\.(?:index|meta|data-\d{5}-of-\d{5})(\.(?:tempstate|tmp)\w*)?$')


def make_saver():
    """A Saver of every variable of the default graph; make it before finalising."""
    # save() below deletes old ones, by number. Relative names in the file `checkpoint` hold wherever the folder goes.
    return tf.train.Saver(max_to_keep=None, save_relative_paths=True)


def checkpoint_path(folder, step):
    return os.path.join(folder, '{}-{}'.format(NAME, step))


def list_steps(folder):
    """The steps of all checkpoints in a folder, ascending; [] if there is none."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(match.group(1)) for match in map(_INDEX.match, names) if match)


def save(saver, session, folder, step, keep, spared=()):
    """Writes a checkpoint, then deletes all but the newest `keep` (0 keeps all) and those of the steps `spared`.

    The Saver writes under temporary names and renames, the index last, so a kill at any
    moment leaves the earlier checkpoints whole and this one whole or absent. The new one is on the disk before an
    older one goes, so a power cut leaves one, too.
    """
    prefix = checkpoint_path(folder, step)
    try:
        make_folder(folder)
        with session.graph.as_default(), literal(os.path.join(folder, NAME)) as path:
            saver.save(session, path, global_step=step)
    except (tf.errors.OpError, RuntimeError, OSError, ValueError) as error:
        _remove(folder, step)  # nothing of the failed one may look whole
        earlier = list_steps(folder)
        raise UserError('{}; {}'.format(
            cannot_write(prefix, error),
            'the checkpoint of step {} is intact'.format(earlier[-1]) if earlier else 'there is no earlier one'))
    # Of those up to this step: a later one is a damaged one that was passed over.
    out_of_date = [old for old in list_steps(folder) if old <= step and old not in spared][:-keep] if keep else []
    if out_of_date:
        sync(_files(folder, step) + [folder])
        for old in out_of_date:
            _remove(folder, old)
    return prefix


def _files(folder, step):
    """The paths of all files of a checkpoint, the index first: without it the rest is no checkpoint."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    matches = [match for match in map(_FILE.match, names) if match and int(match.group(1)) == step]
    return [os.path.join(folder, match.group(0)) for match in sorted(
        matches, key=lambda match: (not match.group(0).endswith('.index'), match.group(0)))]


def _remove(folder, step):
    for path in _files(folder, step):
        os.remove(path)


def remove_parts(folder):
    """Removes what is left of checkpoints that were being written, or deleted, when the process was killed."""
    whole = set(list_steps(folder))
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        match = _FILE.match(name)
        if match and (int(match.group(1)) not in whole or match.group(2)):
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, name))


def restore(session, prefix, variables):
    """Sets `variables`, {the checkpoint's name: variable}, to what the checkpoint holds.

    What the checkpoint holds beside them is ignored. Adds no op, so the graph may be
    finalised. Raises UserError for a damaged checkpoint, and for a variable that is missing, of another
    shape or not finite, which it names; then no variable has changed.
    """
    with reading(prefix) as reader:
        values = reader.values(variables)
    # A weight's moving average starts from the same tensor as the weight, which takes one value in a run.
    rounds = [{}]
    for name, variable in variables.items():
        value = variable.initializer.inputs[1]
        if all(value in feeds for feeds in rounds):
            rounds.append({})
        feeds = next(each for each in rounds if value not in each)
        feeds[value] = variable.initializer, values[name]
    for feeds in rounds:
        session.run([initializer for initializer, _ in feeds.values()],
                    {value: array for value, (_, array) in feeds.items()})


def check(prefix, variables):
    """Raises restore()'s UserError where the checkpoint can't set these variables; needs no session."""
    with reading(prefix) as reader:
        reader.values(variables)


def by_name(variables):
    """{name: variable}, as `restore` takes them."""
    return {variable.op.name: variable for variable in variables}


def latest_valid_step(folder, log):
    """The step of the newest checkpoint that can be read to its end; None if there is none.

    A damaged one is passed over with a warning that names it and the one taken instead.
    Raises UserError where there are checkpoints and all are damaged.
    """
    failure = None
    for step in reversed(list_steps(folder)):
        try:
            with reading(checkpoint_path(folder, step)) as reader:
                reader.read_all()
        except UserError as error:
            failure = failure or error
            continue
        if failure is not None:
            log('WARNING: {}; going back to {}'.format(failure, checkpoint_path(folder, step)))
        return step
    if failure is not None:
        raise failure
    return None
