"""The training graph in its session: all that the loop and its hooks ask of TensorFlow."""

import collections
import math
import operator
import re

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, step_loop
from dcgan_tf1.gan.updates import EMA
from dcgan_tf1.runs import checkpoint, checkpoint_reader
from dcgan_tf1.runs.sampling import generate_in_batches
from dcgan_tf1.util.errors import UserError

# Kinds of variables that another program's checkpoint may lack, {name for people: pattern of the variables' names}; a
# training that begins with such a checkpoint begins them anew; those of Adam also where only some are there.
_ADAM, _AVERAGES = 'variables of Adam', 'averages of the weights'
_OPTIONAL = collections.OrderedDict([
    (_ADAM, re.compile(r'.*/Adam(_1)?|beta[12]_power(_1)?')),
    (_AVERAGES, re.compile('.*' + EMA))])
# What a training that begins has of its own.
_OWN = re.compile('{}|seen_losses/.*'.format(tf.GraphKeys.GLOBAL_STEP))


def check_start(preset, prefix):
    """Raises UserError where a checkpoint is none that a training of the preset can begin from.

    Builds its graph, which is thrown away.
    """
    with tf.Graph().as_default() as tf_graph:
        graph.build_training_graph(preset)
        wanted, averages, _ = _to_begin_from(prefix, _variables(tf_graph))
    checkpoint.check(prefix, wanted)
    checkpoint.check(prefix, averages)


def _variables(tf_graph):
    return tf_graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)


def _to_begin_from(prefix, variables):
    """(wanted, averages, absent): what a training that begins from a checkpoint takes from it.

    wanted: {the checkpoint's name: variable}. averages: the same of the averages of the weights, where the checkpoint
    has none and they begin with the weights. absent: the kinds of variables, of _OPTIONAL, that it lacks.
    """
    saved = set(checkpoint_reader.shapes(prefix))
    wanted = checkpoint.by_name(each for each in variables if not _OWN.fullmatch(each.op.name))
    absent, averages = [], {}
    for kind, pattern in _OPTIONAL.items():
        of_kind = [name for name in wanted if pattern.fullmatch(name)]
        if of_kind and (not saved.issuperset(of_kind) if kind == _ADAM else not saved.intersection(of_kind)):
            absent.append('full set of ' * bool(saved.intersection(of_kind)) + kind)
            apart = {name: wanted.pop(name) for name in of_kind}
            if kind == _AVERAGES:
                averages = {name[:-len(EMA)]: variable for name, variable in apart.items()}
    return wanted, averages, absent


class TrainingSession:
    """A session with the variables of one training.

    Args:
      session: a tf.Session of the graph.
      handles: the TrainingGraph.
      saver: of all variables.
      preset: the Preset.
      plan: the Plan; its images are put on the device, unless they are fed.
    """

    def __init__(self, session, handles, saver, preset, plan):
        self._session, self._handles, self._saver = session, handles, saver
        self._preset, self._plan = preset, plan
        unknown = [name for name in preset.losses if not hasattr(handles.losses, name)]
        if unknown:
            raise UserError('Preset.losses: expected some of {}, found {!r}'.format(
                ', '.join(handles.losses._fields), unknown[0]))
        with_labels = [] if handles.labels is None else [handles.labels]
        self._losses = session.make_callable(
            [getattr(handles.losses, name) for name in preset.losses],
            [handles.real, handles.noise, handles.dropout_seed] + with_labels)
        self._sample = session.make_callable(
            handles.sample_images, [handles.noise, handles.dropout_seed] + with_labels)
        data = plan.data
        self._steps = step_loop.make_steps(
            session, handles, None if plan.fed else data.pixels.reshape((-1,) + data.input_shape),
            data.labels, data.table)
        self._metadata = None  # of steps that are to be traced
        self._cached = (None, None)  # the last step whose losses were evaluated, and those

    # ------------------------------------------------------------------------ variables

    def restore(self, prefix):
        """Sets the variables from a checkpoint of the same training."""
        checkpoint.restore(self._session, prefix, checkpoint.by_name(_variables(self._session.graph)))

    def begin_from(self, prefix):
        """Sets the variables of a training that begins from any checkpoint: all but the number of steps.

        Returns the kinds of variables, of _OPTIONAL, that the checkpoint lacks. Averages of the weights that it lacks
        start from the weights.
        """
        wanted, averages, absent = _to_begin_from(prefix, _variables(self._session.graph))
        checkpoint.restore(self._session, prefix, wanted)
        if averages:
            checkpoint.restore(self._session, prefix, averages)
        return absent

    def synchronise(self):
        """Gives all workers the chief's variables."""
        if self._handles.exchange is not None:
            self._session.run(self._handles.exchange.sync)

    def save(self, folder, step, keep, spared):
        """Writes a checkpoint; see checkpoint.save()."""
        checkpoint.save(self._saver, self._session, folder, step, keep, spared)

    @property
    def exchange(self):
        """The SyncOps of several workers, or None."""
        return self._handles.exchange

    # ---------------------------------------------------------------------------- steps

    def take_steps(self, first, inputs, stop_requested):
        """Trains the steps; returns whether to stop after them: all workers do where one of them is asked to.

        inputs: an InputPrefetcher's. stop_requested: () -> whether this one is asked to by now.
        """
        metadata, self._metadata = self._metadata, None
        return self._steps(first, *inputs, stop_requested=stop_requested, metadata=metadata)

    def trace_next(self):
        """Has the next take_steps() traced; returns the tf.RunMetadata that will have what it took."""
        self._metadata = tf.RunMetadata()
        return self._metadata

    # --------------------------------------------------------------------------- losses

    def losses(self, taken):
        """{name: value} after the step, in training mode, on its images and noise; they move no average."""
        if self._cached[0] != taken.step:
            size = self._plan.local_batch_size
            data, indices = self._plan.data, taken.indices[-size:]
            indices = indices[indices >= 0]
            values = self._losses(data.scaled(indices), taken.noise[-size:],
                                  step_loop.dropout_seed_for(taken.step, step_loop.LOSSES),
                                  *[] if self._handles.labels is None else [data.labels[indices]])
            self._cached = (taken.step, dict(zip(self._preset.losses, map(float, values))))
        return self._cached[1]

    def losses_of_updates(self):
        """{name: loss as the updates themselves computed it}; None where the preset does not keep it.

        As `losses_when` says, that of the last step, or the mean since the last call. A loss that
        no update since then has computed is left out.
        """
        seen = self._handles.loss_accumulators
        if seen is None:
            return None
        sums, counts = self._session.run([seen.sums, seen.counts])
        self._session.run(seen.reset)
        losses = {}
        for name in set(seen.names):
            places = [i for i, other in enumerate(seen.names) if other == name]
            count = float(counts[places].sum())
            if count:
                losses[name] = float(sums[places].sum()) / count
        if 'd_loss' not in losses and {'d_loss_real', 'd_loss_fake'} <= set(losses):
            d_loss = getattr(self._preset.loss, 'd_loss', operator.add)
            losses['d_loss'] = d_loss(losses['d_loss_real'], losses['d_loss_fake'])
        return {name: losses[name] for name in self._preset.losses if name in losses}

    # -------------------------------------------------------------------------- samples

    def sample(self, step, z, labels=None):
        """Images [N] + image_shape in the preset's range of noise z [N, z_dim], by the generator as it is now.

        labels: int32 [N], where the preset takes some.
        """
        if self._preset.dropout_when_sampling:  # masks are drawn for all at once, and there are few
            return self._sample_at_once(step, z, labels)
        return generate_in_batches(lambda some, _, *of_classes: self._sample_at_once(step, some, *of_classes),
                                   self._preset.image_shape, z, labels)

    def _sample_at_once(self, step, z, labels=None):
        return self._sample(z, step_loop.dropout_seed_for(step, step_loop.SAMPLE),
                            *[] if labels is None else [labels])

    def sample_for_quality(self, z, labels=None):
        """As sample(), of more noise than fits into one batch.

        The same dropout masks each time, which are no training step's: what differs is the generator.
        """
        return generate_in_batches(
            lambda some, batch, *of_classes: self._sample_at_once(-1 - batch, some, *of_classes),
            self._preset.image_shape, z, labels)


def check_finite(losses, step, folder):
    """Returns the losses; UserError, which names the last checkpoint in `folder`, where one is not finite."""
    for name, value in losses.items():
        if not math.isfinite(value):
            steps = checkpoint.list_steps(folder)
            last = ('the last good checkpoint is ' + checkpoint.checkpoint_path(folder, steps[-1])
                    if steps else 'there is no checkpoint yet')
            raise UserError('{} is {} after step {:,}: expected a finite loss; {}. Try another --seed, a lower '
                            '--learning_rate or --precision=float32'.format(name, value, step, last))
    return losses
