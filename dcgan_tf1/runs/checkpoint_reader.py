"""What a checkpoint holds, whichever TensorFlow wrote it, under the names that this package gives its variables.

Or a frozen graph, which is read wherever a checkpoint is.
"""

import contextlib
import dataclasses
import difflib
import os
import re

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.updates import EMA
from dcgan_tf1.runs import frozen_weights
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.paths import literal

_NETWORK = r'(generator|discriminator|encoder|decoder)/'
# carpedm20's first versions had no scopes, and called the discriminator's last layer by the number before its own.
_WITHOUT_SCOPE = re.compile(r'([gd])_(h|bn)\d')
_SCOPES = {'g': 'generator', 'd': 'discriminator'}
_FORMER_LAST, _LAST = 'discriminator/d_h3_lin/', 'discriminator/d_h4_lin/'
_BESIDE_LAST = 'discriminator/d_h3_conv/w'  # a network without it has a d_h3_lin that is meant so
# Their batch norm kept averages of tensors whose names depend on TensorFlow: 1.0.1 .../mean, 1.4.1 .../Squeeze. A
# discriminator that was built twice has two pairs, the first of them from real images.
_MOMENT = re.compile(r'((?:generator/g|discriminator/d)_bn\d+)(?:_\d+)?/.*\bmoments/.*?'
                     '(mean|variance|Squeeze|Squeeze_1)' + EMA)
_MOVING = {'mean': '/moving_mean', 'Squeeze': '/moving_mean',
           'variance': '/moving_variance', 'Squeeze_1': '/moving_variance'}

_OF_OBJECTS = '_CHECKPOINTABLE_OBJECT_GRAPH'  # in what tf.train.Checkpoint wrote
_BESIDE_WEIGHTS = re.compile(r'.*/Adam(_1)?|beta[12]_power(_\d+)?|' + _OF_OBJECTS)


# The end of each file's name, or of the pattern that matches them all, in a V1 checkpoint (the format before
# TensorFlow 0.12) that a Saver with sharded=True wrote.
SHARD = re.compile(r'-(?:\d{5}|\?{5})-of-(\d{5})$')


DATA = re.compile(r'\.data-\d{5}-of-\d{5}$')  # the end of the name of a file of values, in the V2 format


def has_index(prefix):
    """Whether a prefix has an index, or is a checkpoint in one file, as TensorFlow wrote them before 0.12."""
    return os.path.exists(prefix + '.index') or os.path.isfile(prefix)


def data_files(prefix):
    """The names of the files that hold a checkpoint's values in the V2 format, sorted; [] if there are none."""
    folder, name = os.path.split(prefix)
    try:
        there = os.listdir(folder or '.')
    except OSError:
        return []
    return sorted(each for each in there if each.startswith(name) and DATA.fullmatch(each[len(name):]))


def shard_pattern(prefix):
    """The pattern of the shards' name endings, e.g. -?????-of-00002, if all shards of a checkpoint exist; else ''."""
    folder, name = os.path.split(prefix)
    try:
        ends = [each[len(name):] for each in os.listdir(folder or '.') if each.startswith(name + '-')]
    except OSError:
        return ''
    counts = [match.group(1) for match in map(SHARD.fullmatch, ends) if match]
    return next(('-?????-of-' + count for count in sorted(set(counts)) if counts.count(count) == int(count)), '')


@contextlib.contextmanager
def reading(prefix):
    """A CheckpointReader; what TensorFlow raises for damaged files becomes a UserError."""
    several = '' if has_index(prefix) else shard_pattern(prefix)
    with literal(prefix) as path:
        try:
            yield CheckpointReader(prefix, frozen_weights.weights_of(prefix) if frozen_weights.is_one(prefix)
                                   else tf.train.NewCheckpointReader(path + several))
        except UnicodeEncodeError as error:
            raise UserError('{!r}: expected UTF-8, which TensorFlow takes paths in, found other bytes'.format(
                error.object))
        except (tf.errors.OpError, RuntimeError, ValueError, TypeError, LookupError, MemoryError) as error:
            if 'Sliced checkpoints are not supported' in str(error):
                raise UserError('{}: expected whole variables, found some in parts, which TensorFlow reads in its V2 '
                                'format alone; save it once more in that'.format(prefix))
            if not has_index(prefix) and not several:
                raise UserError('{}: expected a checkpoint, found that it is not there any more'.format(prefix))
            raise UserError('{}: expected a whole checkpoint, found a damaged one: {}'.format(
                prefix, _what_is_wrong(prefix) or reason(error).replace(path, prefix)))


def _what_is_wrong(prefix):
    """What is missing of a checkpoint in the V2 format, or which file is of another kind; None if that is not it."""
    (folder, name), data = os.path.split(prefix), data_files(prefix)
    if os.path.isfile(prefix + '.index') and not data:
        return '{}.index without {}.data-00000-of-00001, which has to be beside it'.format(name, name)
    for each in [name + '.index'] + data:
        kind = signatures.kind_of(os.path.join(folder, each), ())
        if kind:
            return '{}: {}'.format(each, kind)
    return None


class CheckpointReader:
    """An open checkpoint.

    shapes: {name: shape} of all that it holds, by our names. note: for people, how its own names differ, or None.
    """

    def __init__(self, prefix, reader):
        self._prefix, self._reader = prefix, reader
        shapes, self._types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        self._names, self.note = _by_our_names(shapes)
        self.shapes = {ours: shapes[name] for ours, name in self._names.items()}

    def read_all(self):
        """Reads everything, which checks its sums."""
        for name in self._names.values():
            self._reader.get_tensor(name)

    def values(self, variables):
        """{name: array} for {name: variable}.

        Raises UserError for what is missing, of another shape, no real numbers, or not finite.
        """
        for name, variable in variables.items():
            expected = variable.shape.as_list()
            if name not in self.shapes:
                raise UserError('{}: expected the variable {} of shape {}, found none of that name{}'.format(
                    self._prefix, name, expected, self._alternatives(name, expected)))
            if self.shapes[name] != expected:
                raise UserError('{}: expected the variable {} of shape {}, found shape {}'.format(
                    self._prefix, name, expected, self.shapes[name]))
        return {name: self._value(name) for name in variables}

    def _value(self, name):
        kind = tf.as_dtype(self._types[self._names[name]])
        if not (kind.is_floating or kind.is_integer):
            raise UserError('{}: expected real numbers in the variable {}, found {}'.format(
                self._prefix, name, kind.name))
        value = self._reader.get_tensor(self._names[name])
        bad = np.size(value) - np.count_nonzero(np.isfinite(np.asarray(value, np.float64)))
        if bad:
            raise UserError('{}: expected finite numbers in the variable {}, found {:,} of {:,} that are not'.format(
                self._prefix, name, bad, np.size(value)))
        return value

    def _alternatives(self, name, shape):
        """What there is in place of a variable: those of its shape, else any, those of similar names first."""
        if _OF_OBJECTS in self.shapes:
            return '; tf.train.Checkpoint wrote it, which names variables by objects; expected one by tf.train.Saver'
        if name + EMA in self.shapes:
            return ('; it has only its moving average, which dcgan-sample, dcgan-evaluate and dcgan-export take with '
                    '--averages')
        if any(other.endswith(frozen_weights.FOLDED) for other in self.shapes):
            return ('; its batch norm has been folded into other constants, as dcgan-export does; the meta_graph or '
                    'saved_model of an export has the variables')

        def likeness(other):
            return -difflib.SequenceMatcher(None, name, other).ratio(), other

        weights = sorted((other for other in self.shapes if not _BESIDE_WEIGHTS.fullmatch(other)), key=likeness)
        same = [other for other in weights if self.shapes[other] == shape]
        if same:
            return '; of that shape it has ' + ', '.join(same[:3])
        return '; it has {} variables, of the most similar names {}'.format(len(self.shapes), ', '.join(
            '{} {}'.format(other, self.shapes[other]) for other in weights[:3]) or 'none')


def _by_our_names(names):
    """({our name: the checkpoint's}, for people how they differ or None)."""
    theirs = {}
    for name in sorted(names, key=len, reverse=True):  # so that, of x and x:0, it is x that counts
        theirs[re.sub(r':0$', '', name)] = name
    if any(re.match(_NETWORK, name) for name in theirs):
        return _of_first_versions(theirs, None)
    if any(re.match(_NETWORK, name, re.I) for name in theirs):
        return _of_first_versions({re.sub('^' + _NETWORK, lambda scope: scope.group().lower(), ours, flags=re.I): name
                                   for ours, name in theirs.items()}, 'the scopes of its networks have capitals')
    around = {match.group(1) for match in (re.match(r'(.+?)/' + _NETWORK, name) for name in theirs) if match}
    if len(around) == 1:
        scope, = around
        return _of_first_versions(
            {re.sub('^' + re.escape(scope) + '/', '', ours): name for ours, name in theirs.items()},
            'its variables are in the scope {}'.format(scope))
    if not around and any(_WITHOUT_SCOPE.match(name) for name in theirs):
        return _of_first_versions({
            '{}/{}'.format(_SCOPES[ours[0]], ours) if _WITHOUT_SCOPE.match(ours) else ours: name
            for ours, name in theirs.items()}, 'its variables g_... and d_... are taken for generator/g_... and '
                                               'discriminator/d_...')
    return theirs, None


def _of_first_versions(theirs, note):
    """The same with what carpedm20's first versions called otherwise within their networks."""
    renamed, notes = {}, [note] if note else []
    former = [name for name in theirs if name.startswith(_FORMER_LAST)]
    if former and _BESIDE_LAST in theirs and not any(name.startswith(_LAST) for name in theirs):
        renamed.update((name, _LAST + name[len(_FORMER_LAST):]) for name in former)
        notes.append('d_h3_lin is taken for d_h4_lin')
    moments = {}
    for name in sorted(theirs, key=lambda each: (len(each), each)):
        match = _MOMENT.fullmatch(name)
        if match:
            moments.setdefault(match.group(1) + _MOVING[match.group(2)], name)
    moments = {name: ours for ours, name in moments.items() if ours not in theirs}
    if moments:
        renamed.update(moments)
        notes.append("averages of moments are taken for batch norm's moving_mean and moving_variance")
    return {renamed.get(name, name): theirs[name] for name in theirs}, '; '.join(notes) or None


def shapes(prefix):
    """{name: shape} of all that a checkpoint holds, by our names."""
    with reading(prefix) as reader:
        return reader.shapes


def notes(preset, prefix):
    """Lines for people about a checkpoint of another program: other names, and averages that are left alone."""
    with reading(prefix) as reader:
        note, names = reader.note, reader.shapes
    lines = [] if note is None else ['{}: {}'.format(prefix, note)]
    if preset.ema_decay is None and any(
            name.endswith(EMA) and re.match(_NETWORK, name) and name[:-len(EMA)] in names for name in names):
        lines.append('{} holds averages of the weights, and {} takes the weights themselves; --averages, or in the '
                     'library a preset with ema_decay, takes the averages'.format(prefix, preset.name))
    return lines


def with_weights_of(preset, prefix, averages, warn):
    """The preset for a checkpoint: without averages of the weights where it has none of them.

    Exports hold only what the generator samples with: for these presets the averages, under the weights' names.

    averages: whether they are asked for, whatever the preset says. warn: takes the lines of notes(), and one if those
    are missing.
    """
    if averages and preset.ema_decay is None:
        preset = dataclasses.replace(preset, ema_decay=0.999)
    lines = notes(preset, prefix)
    if preset.ema_decay is not None and not averages:
        names = [name for name in shapes(prefix) if name.startswith(preset.model.networks[0] + '/')]
        if names and not any(name.endswith(EMA) for name in names):
            preset = dataclasses.replace(preset, ema_decay=None)
            lines.append('{} has no averages of the weights; {} takes the weights themselves'.format(
                prefix, preset.name))
    for line in lines:
        warn(line)
    return preset
