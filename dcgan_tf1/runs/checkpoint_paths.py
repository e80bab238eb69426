"""Which checkpoint a path names, whichever program wrote it."""

import glob
import ntpath
import os
import re

from dcgan_tf1.runs import frozen_weights
from dcgan_tf1.runs.checkpoint import NAME, checkpoint_path, list_steps
from dcgan_tf1.runs.checkpoint_reader import DATA, SHARD, data_files, has_index, shard_pattern
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import cannot_read, contents, listing

_BEFORE_STATE = b'\xef\xbb\xbf \t\r\n\v\f'  # the mark that Windows' editors begin a file with, and white space
_STATE = re.compile(rb'model_checkpoint_path:\s*"((?:[^"\\\n]|\\.)+)"')

_STEP = re.compile(r'-(\d+)$')

_V1_ENDS = b'\x57\xfb\x80\x8b\x24\x75\x47\xdb'  # a table of LevelDB's, which a V1 checkpoint is


def without_suffix(path):
    """A checkpoint's prefix from the name of one of its files, or from itself."""
    # A shell completes the name as far as its files have it in common.
    return re.sub(r'\.(index|meta|data-\d+-of-\d+|(data-\d+-of-)?)$', '', path)


def resolve(path):
    """A checkpoint's prefix from whatever names one; UserError, which says what was found, where nothing does.

    path: a prefix or one of its files, whichever program wrote it; a folder of them (the one that its file
    `checkpoint` names, else our newest, else the newest, if all have one name); that file itself; a run folder; a
    SavedModel; a frozen graph, whose path is taken for a prefix.
    """
    if os.path.isdir(path) and not os.path.exists(path + '.index'):
        return _in_folder(path)
    folder, name = os.path.split(path)
    if name == 'saved_model.pb' and prefixes(os.path.join(folder, 'variables')):
        return _in_folder(os.path.join(folder, 'variables'))
    if frozen_weights.is_one(path):
        frozen_weights.weights_of(path)  # or says what else it is
        return path
    prefix = without_suffix(path)
    if SHARD.search(prefix):
        prefix = SHARD.sub('', prefix)
        if not shard_pattern(prefix):
            beside = os.listdir(folder or '.') if os.path.isdir(folder or '.') else []
            raise UserError('{}: expected all {} files of a checkpoint, found {}'.format(
                path, int(SHARD.search(path).group(1)), listing(sorted(
                    name for name in beside if name.startswith(os.path.basename(prefix) + '-')))))
    if prefix == path and os.path.isfile(path) and not os.path.exists(path + '.index'):
        begins = _beginning(path)
        if begins.lstrip(_BEFORE_STATE).startswith(b'model_checkpoint_path'):
            return _named_by_state(path)
        kind = _kind_of(path, begins)
        if kind:
            raise UserError('{}: expected the name of a checkpoint, without its .index, found {}'.format(path, kind))
    if not _is_there(prefix):
        raise UserError('{}: expected a checkpoint, found {}{}'.format(
            path, _without_index(prefix) or ('no such file' if prefix.endswith(frozen_weights.SUFFIX) else
                                             'no file {}.index'.format(prefix)), _listed_in(folder)))
    return prefix


def _kind_of(path, begins):
    """What a file is that is no checkpoint; None for one in one file, as TensorFlow wrote them before 0.12."""
    if path.endswith('.pbtxt'):
        return 'a graph as text; a frozen one, whose weights are constants, is read as .pb'
    kind = signatures.kind(begins)
    if kind or _ending(path, len(_V1_ENDS)) == _V1_ENDS:
        return kind
    return 'a file of another format, or a checkpoint that was cut short'


def _is_v1(path):
    try:
        return _ending(path, len(_V1_ENDS)) == _V1_ENDS
    except OSError:  # a folder, a link to nothing, or what may not be read
        return False


def _is_there(prefix):
    """Whether a prefix has a checkpoint: with an index, or as before TensorFlow 0.12 in one file or several."""
    return has_index(prefix) or bool(shard_pattern(prefix))


def _beginning(path):
    try:
        with open(path, 'rb') as handle:
            return handle.read(1 << 13)
    except OSError as error:
        raise cannot_read(path, error)


def _ending(path, count):
    with open(path, 'rb') as handle:
        handle.seek(max(0, os.path.getsize(path) - count))
        return handle.read()


def prefixes(folder):
    """The prefixes of all checkpoints in a folder, whatever their names: [] where it is none."""
    names = set(os.listdir(folder) if os.path.isdir(folder) else [])
    prefix_names = {name[:-len('.index')] for name in names if name.endswith('.index')}
    # In one file, as TensorFlow wrote them before 0.12, with its graph beside it or alone.
    prefix_names.update(
        name[:-len('.meta')] for name in names if name.endswith('.meta') and name[:-len('.meta')] in names)
    prefix_names.update(name for name in names if _STEP.search(name) and not SHARD.search(name)
                        and _is_v1(os.path.join(folder, name)))
    # In several.
    parts = {SHARD.sub('', name): name for name in names if SHARD.search(name)}
    prefix_names.update(
        name for name, part in parts.items()
        if not name.endswith('.data') and shard_pattern(os.path.join(folder, name))
        and _is_v1(os.path.join(folder, part)))  # TFRecords have such names, too
    return sorted(os.path.join(folder, name) for name in prefix_names)


def _in_folder(folder):
    steps, candidates, state = list_steps(folder), prefixes(folder), os.path.join(folder, 'checkpoint')
    newest = checkpoint_path(folder, steps[-1]) if steps else _newest(candidates)
    if os.path.isfile(state):
        try:
            return _named_by_state(state)
        except UserError as error:
            # It may have come without what it names. A damaged one of another program's may mean any of them.
            if newest is None or not steps and not isinstance(error, _Gone):
                raise
    if steps:
        return newest
    for below, mark in (('checkpoints', 'config.json'), ('variables', 'saved_model.pb')):
        if os.path.isfile(os.path.join(folder, mark)) and os.path.isdir(os.path.join(folder, below)):
            return _in_folder(os.path.join(folder, below))
    if newest is None:
        raise UserError('{}: expected checkpoints {}-N in the folder, {}'.format(folder, NAME, (
            'or some of another name, found {}; name one of them'.format(_listed(candidates)) if candidates
            else _none_in(folder))))
    for prefix in _without_indices(folder):
        if _STEP.sub('', prefix) == _STEP.sub('', newest) and (step_of(prefix) or 0) > (step_of(newest) or 0):
            raise UserError('{}: expected whole checkpoints, found {}'.format(folder, _without_index(prefix)))
    return newest


def _newest(candidates):
    """The one with the largest number of some prefixes NAME-N, or the only prefix; None where they differ in NAME."""
    if len(candidates) == 1:
        return candidates[0]
    if None in map(step_of, candidates) or len({_STEP.sub('', prefix) for prefix in candidates}) != 1:
        return None
    return max(candidates, key=step_of)


def _none_in(folder):
    # As carpedm20's program has them: checkpoint/celebA_64_64_64/DCGAN.model-N.
    below = [sub for depth in ('*', '*/*') for sub in sorted(glob.glob(os.path.join(glob.escape(folder), depth)))
             if prefixes(sub)]
    if below:
        return 'found none, but in {}'.format(', '.join(below[:3]) + (' ...' if len(below) > 3 else ''))
    lost, names = _without_indices(folder), sorted(os.listdir(folder))
    graphs = [name for name in names if name.endswith(frozen_weights.SUFFIX) and name != 'saved_model.pb']
    return 'found {}{}'.format(_without_index(lost[0]) if lost else contents(folder) if names else 'none', (
        '; a frozen graph is named by its file' if graphs else ''))


def _without_indices(folder):
    """The prefixes of the checkpoints in a folder of which the index is missing."""
    found = sorted({os.path.join(folder, DATA.sub('', name)) for name in os.listdir(folder) if DATA.search(name)})
    return [prefix for prefix in found if not has_index(prefix)]


def _without_index(prefix):
    """Text on a checkpoint of which the index is missing; '' where there is nothing of it, or all."""
    data = [] if has_index(prefix) else data_files(prefix)
    return '{} without {}.index, which has to be beside it'.format(data[0], os.path.basename(prefix)) if data else ''


def _named_by_state(path):
    """The newest checkpoint by a file `checkpoint`, which tf.train.Saver keeps beside its files."""
    folder = os.path.dirname(path)
    match = _STATE.match(_beginning(path).lstrip(_BEFORE_STATE))
    try:
        # Text of a protocol buffer: bytes of UTF-8, some of them escaped.
        named = match.group(1).decode('unicode_escape').encode('latin-1').decode('utf-8')
    except (AttributeError, UnicodeError):
        raise UserError('{}: expected the name of the newest checkpoint (model_checkpoint_path: "..."), found a '
                        'damaged file'.format(path))
    named = SHARD.sub('', named)
    # An absolute path is where the checkpoint lay when the file was written, perhaps on another system. Other weights
    # may lie there by now, so what lies beside the file comes first.
    beside = [os.path.join(folder, each(named)) for each in (os.path.basename, ntpath.basename)]
    whole = os.path.join(folder, named)
    for prefix in beside + [whole] if os.path.isabs(named) else [whole] + beside:
        if _is_there(prefix):
            return prefix
    prefix = os.path.join(folder, ntpath.basename(named))
    lost = _without_index(prefix)
    raise (UserError if lost else _Gone)('{}: expected the checkpoint {}, which it names, found {}{}'.format(
        path, named, lost or 'no file {}.index'.format(prefix), _listed_in(folder)))


class _Gone(UserError):
    """A checkpoint that is named, of which there is nothing."""


def _listed_in(folder):
    others = prefixes(folder or '.')
    return '; in that folder there is ' + _listed(others) if others else ''


def _listed(candidates):
    names = [os.path.basename(prefix) for prefix in candidates]
    return ', '.join(names[:5]) + (' ...' if len(names) > 5 else '')


def of_step(folder, step):
    """The prefix of a folder's checkpoint of a step, whatever its name; UserError where there is none, or several."""
    candidates = [prefix for prefix in prefixes(folder) if step_of(prefix) == step]
    if len(candidates) != 1:
        raise UserError('{}: expected a checkpoint of step {}, found {}'.format(
            folder, step, _listed(candidates or prefixes(folder)) or 'none'))
    return candidates[0]


def step_of(prefix):
    """The number of steps that a checkpoint was written after, by its name; None if it says none."""
    match = _STEP.search(prefix)
    return int(match.group(1)) if match else None
