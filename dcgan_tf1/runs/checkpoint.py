"""The one way checkpoints are written, found and restored.

Files are those of `tf.train.Saver` in its V2 format: `model.ckpt-N.index`, `.data-*` and
`.meta`, N being the number of steps done, and `checkpoint`, which names the newest.
"""

import contextlib
import glob
import os
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.updates import EMA
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import cannot_read, cannot_write, make_folder
from dcgan_tf1.util.paths import literal

NAME = 'model.ckpt'
_INDEX = re.compile(re.escape(NAME) + r'-(\d+)\.index$')
_STATE = re.compile(rb'\s*model_checkpoint_path:\s*"((?:[^"\\\n]|\\.)+)"')


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


def save(saver, session, folder, step, keep, keep_step=None):
    """Writes a checkpoint, then deletes all but the newest `keep` (0 keeps all) and that of step `spare`.

    The Saver writes under temporary names and renames, the index last, so a kill at any
    moment leaves the earlier checkpoints whole and this one whole or absent.
    """
    prefix = checkpoint_path(folder, step)
    try:
        make_folder(folder)
        with session.graph.as_default(), literal(os.path.join(folder, NAME)) as path:
            saver.save(session, path, global_step=step)
    except (tf.errors.OpError, RuntimeError, OSError, ValueError) as error:
        # Nothing of the failed one may look whole.
        for path in glob.glob(glob.escape(prefix) + '.*'):
            os.remove(path)
        earlier = list_steps(folder)
        raise UserError('{}; {}'.format(
            cannot_write(prefix, error),
            'the checkpoint of step {} is intact'.format(earlier[-1]) if earlier else 'there is no earlier one'))
    if keep:
        # Of those up to this step: a later one is a damaged one that was passed over.
        for old in [old for old in list_steps(folder) if old <= step and old != keep_step][:-keep]:
            # The index goes first: without it the rest is no checkpoint.
            paths = sorted(glob.glob(glob.escape(checkpoint_path(folder, old)) + '.*'),
                           key=lambda path: not path.endswith('.index'))
            for path in paths:
                os.remove(path)
    return prefix


def remove_parts(folder):
    """Removes what is left of checkpoints that were being written, or deleted, when the process was killed."""
    whole = {'{}-{}'.format(NAME, step) for step in list_steps(folder)}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        match = re.match(r'({}-\d+)\.'.format(re.escape(NAME)), name)
        if match and (match.group(1) not in whole or '.tempstate' in name):
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, name))


def without_suffix(path):
    """A checkpoint's prefix from the name of one of its files, or from itself."""
    return re.sub(r'\.(index|meta|data-\d+-of-\d+)$', '', path)


def resolve(path):
    """A checkpoint's prefix from whatever names one; UserError, which says what was found, where nothing does.

    path: a prefix or one of its files, whichever program wrote it; a folder of them (our newest, else the one
    that its file `checkpoint` names, else the only one); that file itself; a run folder; a SavedModel.
    """
    if os.path.isdir(path):
        return _in_folder(path)
    folder, name = os.path.split(path)
    if name == 'saved_model.pb' and _index_prefixes(os.path.join(folder, 'variables')):
        return _in_folder(os.path.join(folder, 'variables'))
    prefix = without_suffix(path)
    if _is_there(prefix) and prefix == path:
        begins = _beginning(path)
        if begins.lstrip().startswith(b'model_checkpoint_path'):
            return _named_by_state(path)
        kind = next((kind for start, kind in _NO_CHECKPOINTS if begins.startswith(start)), None)
        if name.endswith(('.pb', '.pbtxt')):
            kind = 'a graph, whose weights, if it has some, are constants and no variables'
        if kind:
            raise UserError('{}: expected the name of a checkpoint, without its .index, found {}'.format(path, kind))
    if not _is_there(prefix):
        others = _index_prefixes(folder or '.')
        raise UserError('{}: expected a checkpoint, found no file {}.index{}'.format(
            path, prefix, '; in that folder there is ' + _listed(others) if others else ''))
    return prefix


# How files begin that are taken for checkpoints by mistake.
_NO_CHECKPOINTS = ((b'\x89HDF', 'an HDF5 file, as Keras writes it'),
                   (b'PK\x03\x04', 'a zip archive, as .npz, .keras and PyTorch\'s files are'))


def _is_there(prefix):
    """Whether a prefix has an index, or is a checkpoint in one file, as TensorFlow wrote them before 0.12."""
    return os.path.exists(prefix + '.index') or os.path.isfile(prefix)


def _beginning(path):
    try:
        with open(path, 'rb') as handle:
            return handle.read(1 << 13)
    except FileNotFoundError:
        return b''  # a prefix is no file
    except OSError as error:
        raise cannot_read(path, error)


def _index_prefixes(folder):
    """The prefixes of all checkpoints in a folder, whatever their names."""
    return sorted(os.path.join(folder, name[:-len('.index')])
                  for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name.endswith('.index'))


def _in_folder(folder):
    steps = list_steps(folder)
    if steps:
        return checkpoint_path(folder, steps[-1])
    if os.path.isfile(os.path.join(folder, 'checkpoint')):
        return _named_by_state(os.path.join(folder, 'checkpoint'))
    for below, mark in (('checkpoints', 'config.json'), ('variables', 'saved_model.pb')):
        if os.path.isfile(os.path.join(folder, mark)) and os.path.isdir(os.path.join(folder, below)):
            return _in_folder(os.path.join(folder, below))
    found = _index_prefixes(folder)
    if len(found) != 1:
        raise UserError('{}: expected checkpoints {}-N in the folder, {}'.format(folder, NAME, (
            'or one of another name, found {}; name one of them'.format(_listed(found)) if found else 'found none')))
    return found[0]


def _named_by_state(path):
    """The newest checkpoint by a file `checkpoint`, which tf.train.Saver keeps beside its files."""
    folder = os.path.dirname(path)
    match = _STATE.match(_beginning(path))
    try:
        # Text of a protocol buffer: bytes of UTF-8, some of them escaped.
        named = match.group(1).decode('unicode_escape').encode('latin-1').decode('utf-8')
    except (AttributeError, UnicodeError):
        raise UserError('{}: expected the name of the newest checkpoint (model_checkpoint_path: "..."), found a '
                        'damaged file'.format(path))
    # It may name where its folder lay when it was written.
    for prefix in (os.path.join(folder, named), os.path.join(folder, os.path.basename(named))):
        if _is_there(prefix):
            return prefix
    others = _index_prefixes(folder or '.')
    raise UserError('{}: expected the checkpoint {}, which it names, found no such file{}'.format(
        path, named, '; in that folder there is ' + _listed(others) if others else ''))


def _listed(prefixes):
    names = [os.path.basename(prefix) for prefix in prefixes]
    return ', '.join(names[:5]) + (' ...' if len(names) > 5 else '')


def step_of(prefix):
    """The number of steps that a checkpoint was written after, by its name; None if it says none."""
    match = re.search(r'-(\d+)$', prefix)
    return int(match.group(1)) if match else None


def restore(session, prefix, variables):
    """Sets `variables`, {the checkpoint's name: variable}, to what the checkpoint holds.

    What the checkpoint holds beside them is ignored. Adds no op, so the graph may be
    finalised. Raises UserError for a damaged checkpoint, and for a missing or mismatched
    variable, which it names with the shapes; then no variable has changed.
    """
    with _reading(prefix) as reader:
        _compare(prefix, reader.get_variable_to_shape_map(), variables)
        # A weight's moving average starts from the same tensor as the weight, which takes one value in a run.
        rounds = [{}]
        for name, variable in variables.items():
            value = variable.initializer.inputs[1]
            if all(value in feeds for feeds in rounds):
                rounds.append({})
            feeds = next(each for each in rounds if value not in each)
            feeds[value] = variable.initializer, reader.get_tensor(name)
    for feeds in rounds:
        session.run([initializer for initializer, _ in feeds.values()],
                    {value: array for value, (_, array) in feeds.items()})


def check(prefix, variables):
    """Raises restore()'s UserError where the checkpoint can't set these variables; needs no session."""
    _compare(prefix, shapes(prefix), variables)


def _compare(prefix, shapes, variables):
    for name, variable in variables.items():
        expected = variable.shape.as_list()
        if name not in shapes:
            raise UserError('{}: expected the variable {} of shape {}, found none of that name{}'.format(
                prefix, name, expected, _alternatives(name, expected, shapes)))
        if shapes[name] != expected:
            raise UserError('{}: expected the variable {} of shape {}, found shape {}'.format(
                prefix, name, expected, shapes[name]))


def names(prefix):
    """The names of all that a checkpoint holds."""
    with _reading(prefix) as reader:
        return set(reader.get_variable_to_shape_map())


def shapes(prefix):
    """{name: shape} of all that a checkpoint holds."""
    with _reading(prefix) as reader:
        return reader.get_variable_to_shape_map()


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
            with _reading(checkpoint_path(folder, step)) as reader:
                for name in reader.get_variable_to_shape_map():
                    reader.get_tensor(name)  # checks its sum
        except UserError as error:
            failure = failure or error
            continue
        if failure is not None:
            log('WARNING: {}; going back to {}'.format(failure, checkpoint_path(folder, step)))
        return step
    if failure is not None:
        raise failure
    return None


@contextlib.contextmanager
def _reading(prefix):
    """A reader of the checkpoint; what it raises for damaged files becomes a UserError."""
    with literal(prefix) as path:
        try:
            yield tf.train.NewCheckpointReader(path)
        except (tf.errors.OpError, RuntimeError, ValueError, LookupError, MemoryError) as error:
            raise UserError('{}: expected a whole checkpoint, found a damaged one: {}'.format(
                prefix, reason(error).replace(path, prefix)))


def _alternatives(name, shape, shapes):
    same = sorted(other for other in shapes
                  if shapes[other] == shape and not re.search(r'/Adam(_1)?$', other))
    return '; of that shape it has {}'.format(', '.join(same[:3])) if same else \
        '; it has {} variables: {} ...'.format(len(shapes), ', '.join(sorted(shapes)[:3]))


def unused_averages(preset, prefix):
    """A warning where a checkpoint holds averages of the weights that the preset does not sample with, else None."""
    if preset.ema_decay is None and any(name.endswith(EMA) for name in names(prefix)):
        return ('{} holds averages of the weights, as with --ema_decay, and {} samples with the weights '
                'themselves'.format(prefix, preset.name))
    return None
