"""The networks of the public API, built in a graph of the caller's; see library.py for the rest of it."""

import collections
import contextlib
import random
import weakref
from typing import Any, Iterator, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph, layers, moving_averages
from dcgan_tf1.gan.noise import at_temperature
from dcgan_tf1.gan.preset import Preset, require_preset
from dcgan_tf1.runs.library_inputs import require_switch
from dcgan_tf1.util.checks import is_whole
from dcgan_tf1.util.errors import UserError, reason


def generator(preset: Preset, z: Any, training: bool = False, dropout: Optional[bool] = None,
              labels: Any = None) -> Any:
    """The preset's generator in the default graph: noise -> images, a tensor.

    Its variables are in the scope `generator` (`decoder` for the autoencoders) within the
    variable scope around, which says whether they are reference or resource variables. Called
    again within the same scope, it uses the same variables.

    Args:
      z: float32 [N, z_dim], the preset's noise (see `sample_noise`).
      training: True: batch norm uses the batch's statistics, the ops that move its averages join
        the collection UPDATE_OPS, and dropout is on where the preset trains with it, with other masks in
        every run of the session. False: batch norm uses its moving averages, the noise is taken at the
        preset's temperature, and the same noise gives the same images.
      dropout: on, off, or None for what the preset says. When sampling, the masks are those of `dcgan-sample`
        where the graph's seed is its --seed and there is no scope around.
      labels: of a preset with labels, integers [N], or weights of the classes, float [N, classes].

    Returns: float32 [N] + preset.image_shape, in preset.image_range.
    Raises UserError for noise or labels of another shape or type, and where labels are missing or not taken.
    """
    require_preset('generator', preset)
    require_switch('generator', training=training, **{} if dropout is None else {'dropout': dropout})
    z = _checked('generator', z, (preset.z_dim,))
    one_hot = _one_hot('generator', preset, labels, z)
    if dropout is None:
        dropout = preset.dropout_when_training if training else preset.dropout_when_sampling
    with _own_variables('generator', preset.model.networks[0]), _seeded_graph():
        ctx = preset.batch_context('generator' if training else 'sample', training, dropout_seed=_dropout_seed(
            training) if dropout else None, labels=one_hot)
        images = graph.generated_images(preset, z if training else at_temperature(preset, z), ctx)
        _add_updates(ctx)
        return images


def discriminator(preset: Preset, images: Any, training: bool = False, labels: Any = None) -> Any:
    """The preset's discriminator in the default graph: images -> logits, a tensor.

    Its variables are in the scope `discriminator` within the variable scope around.

    Args:
      images: float32 [N] + preset.image_shape or [N] + preset.input_shape, in preset.image_range.
      training: as for `generator`; images are not augmented. False: without dropout and with batch norm on its
        moving averages, so that an image's logit does not depend on the others in its batch.
      labels: as for `generator`.

    Returns: float32 [N, 1]; the larger, the more real. The sigmoid of it is a probability.
    Raises UserError for a preset without a discriminator, and as `generator` does.
    """
    require_preset('discriminator', preset)
    require_switch('discriminator', training=training)
    if preset.discriminator is None:
        raise UserError('discriminator: expected a preset that has one, found {}'.format(preset.name))
    images = _checked('discriminator', images, preset.image_shape, preset.input_shape)
    one_hot = _one_hot('discriminator', preset, labels, images)
    if preset.input_shape != preset.image_shape:
        images = tf.reshape(images, (-1,) + preset.input_shape)
    with _own_variables('discriminator', 'discriminator'), _seeded_graph():
        ctx = preset.batch_context(
            'discriminator' if training else 'real', training and preset.discriminator_batch_statistics,
            dropout_seed=_dropout_seed(training) if training and preset.dropout_when_training else None,
            labels=one_hot)
        logits, _ = preset.discriminator(images, ctx)
        _add_updates(ctx if training else None)
        return tf.cast(logits, tf.float32)


def build_training_graph(preset: Preset, total_steps: int = 1) -> graph.TrainingGraph:
    """Everything that the trainer's steps need, in the default graph: a named tuple, see `graph.TrainingGraph`.

    Placeholders `real` [N] + input_shape, `noise` [N, z_dim], `dropout_seed` (int32, [], to be fed always: equal
    numbers give equal masks) and, for a preset with labels, `labels` [N]; the losses (scalars, in nats), `update`,
    which builds one update of the schedule, and the loop that trains any number of steps in one call of the session.
    The graph has to be free of other networks, and the call outside of any variable scope, since the trainer names
    its variables as the notebooks of 2017 did. An optimizer of your own needs a name of its own, for the trainer's
    two are there already.

    Args:
      total_steps: over how many a preset's learning rate falls, where it does.

    Raises UserError for a graph that has the networks already, within a variable scope, and for less than a step.
    """
    require_preset('build_training_graph', preset)
    if not is_whole(total_steps, 1):
        raise UserError('build_training_graph: expected total_steps of 1 or more, an integer, found {!r:.80}'.format(
            total_steps))
    _require_graph('build_training_graph')
    scope = tf.get_variable_scope().name
    if scope:
        raise UserError('build_training_graph: expected no variable scope around, found {!r}'.format(scope))
    built = [name for name in preset.model.networks if tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, name + '/')]
    if built:
        raise UserError('build_training_graph: expected a graph of its own, found one with a {}'.format(built[0]))
    with _seeded_graph():
        return graph.build_training_graph(preset, total_steps=int(total_steps))


def _require_graph(what: str) -> None:
    with tf.init_scope():  # also outside of a tf.function, whose variables no session could restore
        if tf.executing_eagerly():
            raise UserError('{}: expected to be called for a graph (with tf.Graph().as_default()), found eager '
                            'execution'.format(what))


@contextlib.contextmanager
def _own_variables(what: str, network: str) -> Iterator[None]:
    """UserError where the variable scope around can't have a network's variables, or has others of their names."""
    scope = tf.get_variable_scope()
    if scope.partitioner is not None:
        raise UserError('{}: expected a variable scope without a partitioner, found one'.format(what))
    prefix, before = '{}{}/'.format(scope.name and scope.name + '/', network), len(tf.global_variables())
    try:
        yield
    except ValueError as error:
        if 'Trying to share variable' not in str(error):
            raise
        raise UserError("{}: expected a variable scope of its own, found another network's {}: {}".format(
            what, prefix, reason(error)))
    missing = len(tf.global_variables()) - before
    if scope.reuse is True and missing:  # which the networks' own scopes make anew
        raise UserError('{}: expected variables {}... to reuse, found {} of them missing'.format(
            what, prefix, missing))


def _checked(what: str, value: Any, *shapes: Tuple[int, ...]) -> Any:
    """`value` as a float32 tensor of a known shape, [N] + one of `shapes`."""
    _require_graph(what)
    expected = 'expected float32 {}'.format(' or '.join(
        '[N, {}]'.format(', '.join(map(str, shape))) for shape in collections.OrderedDict.fromkeys(shapes)))
    try:
        if isinstance(value, np.ndarray) and value.dtype.kind != 'f':
            raise TypeError  # bytes, say, whose values are in another range
        _require_finite(what, expected, value)
        tensor = tf.convert_to_tensor(value, tf.float32)
    except RuntimeError:  # a tensor with a value, of eager execution
        return _checked(what, value.numpy(), *shapes)
    except (TypeError, ValueError):
        raise UserError('{}: {}, found {}'.format(
            what, expected, getattr(getattr(value, 'dtype', None), 'name', None) or type(value).__name__))
    for shape in shapes:
        if tensor.shape.is_compatible_with((None,) + shape):
            tensor = tf.identity(tensor)  # whose shape can be set without changing the caller's
            tensor.set_shape((None,) + shape)
            return tensor
    raise UserError('{}: {}, found {}'.format(what, expected, tensor.shape))


def _require_finite(what: str, expected: str, value: Any) -> None:
    """UserError for a constant of floats of which some are not finite in float32."""
    if isinstance(value, (list, tuple, np.ndarray)):
        try:
            constant = np.asarray(value)
        except (TypeError, ValueError, NotImplementedError):  # tensors in a list
            return
        with np.errstate(over='ignore'):
            if constant.dtype.kind == 'f' and not np.isfinite(constant.astype(np.float32)).all():
                raise UserError('{}: {}, found values that are not finite'.format(what, expected))


def _one_hot(what: str, preset: Preset, labels: Any, beside: Any) -> Any:
    """Labels as float32 [N, classes], for as many examples as `beside` has; None for a preset that takes none."""
    if preset.classes is None:
        if labels is not None:
            raise UserError('{}: expected no labels for {}, which takes none, found some'.format(what, preset.name))
        return None
    expected = '{}: expected labels for {}: integers [N] from 0 to {}, or float [N, {}]'.format(
        what, preset.name, preset.classes - 1, preset.classes)
    if labels is None:
        raise UserError(expected + '; found none')
    kind = type(labels).__name__
    try:
        try:
            values = np.asarray(labels)
        except NotImplementedError:  # a tensor or a variable, or some in a list
            values = np.asarray(None)
        if values.dtype.kind in 'iufb':
            labels = values
        _require_finite(what, expected.partition(': ')[2], values)
        if values.dtype.kind in 'iu' and not 0 <= values.min(initial=0) <= values.max(initial=0) < preset.classes:
            raise UserError('{}; found {} to {}'.format(expected, values.min(), values.max()))
        tensor = tf.convert_to_tensor(labels)
    except (TypeError, ValueError):
        raise UserError('{}; found {}'.format(expected, kind))
    rank = 1 if tensor.dtype.is_integer else 2
    shape = beside.shape[:1].concatenate([preset.classes][:rank - 1])
    if not (tensor.dtype.is_integer or tensor.dtype.is_floating) or not tensor.shape.is_compatible_with(shape):
        raise UserError('{}; found {} {} for {}'.format(expected, tensor.dtype.name, tensor.shape, beside.shape[0]))
    tensor = tf.identity(tensor)  # whose shape can be set without changing the caller's
    tensor.set_shape(shape)
    return tf.cast(tensor, tf.float32) if rank == 2 else tf.one_hot(tf.cast(tensor, tf.int32), preset.classes)


def _dropout_seed(training: bool) -> Any:
    """Which dropout masks: others in every run of the session, or always those of a command's first batch."""
    return tf.random_uniform([], maxval=2 ** 31 - 1, dtype=tf.int32) if training else tf.constant(0)


def _add_updates(ctx: Optional[layers.BatchContext]) -> None:
    """Adds what a training pass moves, averages and singular vectors, to UPDATE_OPS, as tf.layers does."""
    if ctx is None or not ctx.training and not ctx.power_iterations:
        return
    ops = moving_averages.updates([ctx]) + [tf.assign(u, value).op for u, value in ctx.power_iterations]
    for op in ops:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)


_random_seeds: 'weakref.WeakKeyDictionary[Any, int]' = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def _seeded_graph() -> Iterator[None]:
    """Our layers derive their seeds from the graph's; one that has none gets a random one while they are built."""
    tf_graph = tf.get_default_graph()
    if tf_graph.seed is not None:
        yield
        return
    tf_graph.seed = _random_seeds.setdefault(tf_graph, random.SystemRandom().randrange(2 ** 31))
    try:
        yield
    finally:
        tf_graph.seed = None
