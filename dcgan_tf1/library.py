"""The functions of `import dcgan_tf1`: networks in a graph of the caller's, checkpoints, images, data, export.

Thin over the rest of the package. Nothing here prints: notes go to `absl.logging`. Wrong input raises
UserError, whose message is one line; of metrics and of a Preset's fields it is a ValueError.
"""

import collections
import contextlib
import math
import os
import random
import weakref
from typing import Any, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf
from absl import logging

from dcgan_tf1.data import loading, sources
from dcgan_tf1.exporting import catalogue, package
from dcgan_tf1.gan import graph, layers, noise
from dcgan_tf1.gan import presets as table
from dcgan_tf1.gan.preset import Preset
from dcgan_tf1.runs import checkpoint, restoring, sampling
from dcgan_tf1.util import images as pictures
from dcgan_tf1.util.errors import UserError

# ------------------------------------------------------------------------------------- presets


def get_preset(name: str) -> Preset:
    """The preset of that name, a frozen dataclass; UserError, which lists them, where there is none."""
    return table.get(name)


def presets() -> List[str]:
    """The names of all presets, those of your own among them."""
    return list(table.PRESETS)


def register_preset(preset: Preset) -> None:
    """Makes a preset known by its name, to this module and to every command of this process.

    Raises UserError where the name is no identifier, or is that of another preset.
    """
    table.register(preset)


# ------------------------------------------------------------------------------------ networks

def generator(preset: Preset, z: Any, training: bool = False, dropout: Optional[bool] = None) -> Any:
    """The preset's generator in the default graph: noise -> images, a tensor.

    Its variables are in the scope `generator` (`decoder` for the auto-encoders) within the
    variable scope around, which says whether they are reference or resource variables. Called
    again within the same scope, it uses the same variables.

    Args:
      z: float32 [N, z_dim], the preset's noise (see `sample_noise`).
      training: True: batch norm uses the batch's statistics, the ops that move its averages join
        the collection UPDATE_OPS, and dropout is on where the preset trains with it, with other masks in
        every run of the session. False: batch norm uses its moving averages, and the same noise gives the
        same images.
      dropout: on, off, or None for what the preset says. When sampling, the masks are those of `dcgan-sample`
        where the graph's seed is its --seed and there is no scope around.

    Returns: float32 [N] + preset.image_shape, in preset.image_range.
    Raises UserError for noise of another shape or type.
    """
    z = _checked('generator', z, (preset.z_dim,))
    if dropout is None:
        dropout = preset.dropout_when_training if training else preset.dropout_when_sampling
    with _seeded_graph():
        ctx = layers.BatchContext('generator' if training else 'sample', training,
                                  _dropout_seed(training) if dropout else None, preset.batch_norm)
        images = preset.generator(z, ctx)
        _add_updates(ctx)
        images = images[0] if isinstance(images, tuple) else images  # a decoder's, with its logits
        return tf.reshape(tf.cast(images, tf.float32), (-1,) + preset.image_shape)


def discriminator(preset: Preset, images: Any, training: bool = False) -> Any:
    """The preset's discriminator in the default graph: images -> logits, a tensor.

    Its variables are in the scope `discriminator` within the variable scope around.

    Args:
      images: float32 [N] + preset.image_shape or [N] + preset.input_shape, in preset.image_range.
      training: as for `generator`. False: without dropout and with batch norm on its moving averages,
        so that an image's logit does not depend on the others in its batch.

    Returns: float32 [N, 1]; the larger, the more real. The sigmoid of it is a probability.
    Raises UserError for a preset without a discriminator, and for images of another shape or type.
    """
    if preset.discriminator is None:
        raise UserError('discriminator: expected a preset that has one, found {}'.format(preset.name))
    images = _checked('discriminator', images, preset.image_shape, preset.input_shape)
    if preset.input_shape != preset.image_shape:
        images = tf.reshape(images, (-1,) + preset.input_shape)
    with _seeded_graph():
        ctx = layers.BatchContext(
            'discriminator' if training else 'real', training and preset.discriminator_batch_statistics,
            _dropout_seed(training) if training and preset.dropout_when_training else None, preset.batch_norm)
        logits, _ = preset.discriminator(images, ctx)
        _add_updates(ctx if training else None)
        return tf.cast(logits, tf.float32)


def build_training_graph(preset: Preset, total_steps: int = 1) -> graph.TrainingGraph:
    """Everything that the trainer's steps need, in the default graph: a named tuple, see `graph.TrainingGraph`.

    Placeholders `real` [N] + input_shape and `noise` [N, z_dim], the losses (scalars, in nats), `update`, which
    builds one update of the schedule, and the loop that trains any number of steps in one call of the session.
    The graph has to be free of other networks, and the call outside of any variable scope, since the trainer
    names its variables as the notebooks of 2017 did.

    Args:
      total_steps: over how many a preset's learning rate falls, where it does.

    Raises UserError for a graph that has the networks already, and within a variable scope.
    """
    _require_graph('build_training_graph')
    scope = tf.get_variable_scope().name
    if scope:
        raise UserError('build_training_graph: expected no variable scope around, found {!r}'.format(scope))
    there = [name for name in preset.model.networks if tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, name + '/')]
    if there:
        raise UserError('build_training_graph: expected a graph of its own, found one with a {}'.format(there[0]))
    with _seeded_graph():
        return graph.build_training_graph(preset, total_steps=total_steps)


def _require_graph(what: str) -> None:
    if tf.executing_eagerly():
        raise UserError('{}: expected to be called for a graph (with tf.Graph().as_default()), found eager '
                        'execution'.format(what))


def _checked(what: str, value: Any, *shapes: Tuple[int, ...]) -> Any:
    """`value` as a float32 tensor of a known shape, [N] + one of `shapes`."""
    _require_graph(what)
    expected = 'expected float32 {}'.format(' or '.join(
        '[N, {}]'.format(', '.join(map(str, shape))) for shape in collections.OrderedDict.fromkeys(shapes)))
    try:
        tensor = tf.convert_to_tensor(value, tf.float32)
    except (TypeError, ValueError):
        raise UserError('{}: {}, found {}'.format(
            what, expected, getattr(getattr(value, 'dtype', None), 'name', None) or type(value).__name__))
    for shape in shapes:
        if tensor.shape.is_compatible_with((None,) + shape):
            tensor = tf.identity(tensor)  # whose shape can be set without changing the caller's
            tensor.set_shape((None,) + shape)
            return tensor
    raise UserError('{}: {}, found {}'.format(what, expected, tensor.shape))


def _dropout_seed(training: bool) -> Any:
    """Which dropout masks: others in every run of the session, or always those of a command's first batch."""
    return tf.random_uniform([], maxval=2 ** 31 - 1, dtype=tf.int32) if training else tf.constant(0)


def _add_updates(ctx: Optional[layers.BatchContext]) -> None:
    """Adds what a training pass moves, averages and singular vectors, to UPDATE_OPS, as tf.layers does."""
    if ctx is None or not ctx.training and not ctx.power_iterations:
        return
    ops = layers.moving_average_updates([ctx]) + [tf.assign(u, value).op for u, value in ctx.power_iterations]
    for op in ops:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)


_random_seeds: 'weakref.WeakKeyDictionary[Any, int]' = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def _seeded_graph() -> Iterator[None]:
    """Our layers derive their seeds from the graph's; one that has none gets one of chance while they are built."""
    tf_graph = tf.get_default_graph()
    if tf_graph.seed is not None:
        yield
        return
    tf_graph.seed = _random_seeds.setdefault(tf_graph, random.SystemRandom().randrange(2 ** 31))
    try:
        yield
    finally:
        tf_graph.seed = None


# --------------------------------------------------------------------------------- checkpoints

def restore(session: Any, preset: Preset, path: str, scope: Optional[str] = None,
            which: Union[str, int] = 'last') -> str:
    """Sets the variables of the preset's networks in the session's graph from a checkpoint; returns its prefix.

    Every network of the preset that is in the scope is restored: the generator, the discriminator or both.
    All other variables stay as they are, initialised or not. Where the preset keeps moving averages
    of the generator's weights, the generator gets those. No op is added, so the graph may be finalised.

    Args:
      path: a run folder, a folder of checkpoints, or one checkpoint's prefix, whichever program wrote it.
      scope: the variable scope around the networks. None: the one that the call is made in, where it has them,
        else the only one that does.
      which: of a folder's checkpoints the 'last', the one of a step (a number), or the 'best' of a run that was
        trained with --eval_every.

    Raises UserError where there is no such checkpoint, where the graph has no networks of the preset or has
    them in several scopes, and for a variable that the checkpoint lacks or has in another shape; then none has
    changed.
    """
    prefix = restoring.find_checkpoint(preset, path, which)[1]
    with session.graph.as_default():
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        chosen = restoring.restored_variables(preset, variables, scope)
        checkpoint.restore(session, prefix, chosen)
    logging.info('%s: restored %d variables of %s', prefix, len(chosen), preset.name)
    return prefix


# -------------------------------------------------------------------------------------- images

def sample_noise(preset: Preset, count: int, seed: int = 0) -> np.ndarray:
    """The preset's noise: float32 [count, z_dim], uniform in [-1, 1) or normal (0, 1).

    The same as what `dcgan-sample --seed` draws. Raises UserError for a count or seed below 0.
    """
    for name, value in (('count', count), ('seed', seed)):
        if value < 0:
            raise UserError('sample_noise: expected a {} of 0 or more, found {}'.format(name, value))
    return noise.sample_noise(preset, count, seed)


def interpolate(preset: Preset, z0: np.ndarray, z1: np.ndarray, t: Union[float, np.ndarray]) -> np.ndarray:
    """Noise on the way from z0 to z1, float32 [N, z_dim] each, as `dcgan-sample --interpolate` takes it.

    In a straight line for uniform noise, which stays within its cube; along a circle for normal noise, which
    stays normal.

    Args:
      t: where: 0 is z0, 1 is z1. One number, or [T] of them.

    Returns: float32 [N, z_dim] for one number, else [N, T, z_dim].
    """
    t = np.asarray(t)
    if t.ndim:
        z0, z1, t = np.expand_dims(z0, 1), np.expand_dims(z1, 1), t[:, np.newaxis]
    z0, z1, t = [np.asarray(each, np.float64) for each in (z0, z1, t)]
    return noise.interpolate(z0, z1, t, preset.noise).astype(np.float32)


def generate(path: str, count: int = 16, seed: int = 0, preset: Optional[Preset] = None,
             which: Union[str, int] = 'last', z: Optional[np.ndarray] = None) -> np.ndarray:
    """Images that a checkpoint makes, by a graph and session of their own: what `dcgan-sample` writes.

    Args:
      path, which: as for `restore`.
      count, seed: of the noise that is drawn.
      preset: where `path` is no run folder, the one that was trained.
      z: float32 [N, z_dim], noise in place of what `count` and `seed` draw; the seed then only selects
        dropout masks, where the preset samples with dropout.

    Returns: float32 [N] + preset.image_shape, in preset.image_range; `to_uint8` makes bytes of them.
    Raises UserError where there is no such checkpoint, or for noise of another shape.
    """
    preset, prefix = restoring.find_checkpoint(preset, path, which)
    z = sample_noise(preset, count, seed) if z is None else np.asarray(z, np.float32)
    if z.ndim != 2 or z.shape[1] != preset.z_dim or not len(z):
        raise UserError('generate: expected noise [N, {}] for {}, found {}'.format(
            preset.z_dim, preset.name, list(z.shape)))
    return sampling.generate(preset, prefix, z, seed)


def to_uint8(images: np.ndarray, image_range: Tuple[float, float]) -> np.ndarray:
    """Float images of any shape as bytes: the range's lower end becomes 0, its upper end 255.

    Values outside are clipped. Raises UserError for values that are not finite, and for a range that has no extent.
    """
    if not image_range[0] < image_range[1]:
        raise UserError('to_uint8: expected a range (low, high), found {}'.format(tuple(image_range)))
    try:
        return pictures.to_uint8(images, image_range)
    except ValueError as error:
        raise UserError('to_uint8: {}'.format(error))


def save_grid(path: str, images: np.ndarray, columns: Optional[int] = None) -> None:
    """Writes images, uint8 [N, H, W, 1 or 3], as one picture: a JPEG file where the name says so, else PNG.

    columns: images in a row; None for a square. Raises UserError where the file can't be written, or for other
    arrays.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not len(images):
        raise UserError('save_grid: expected uint8 [N, H, W, 1 or 3], found {} {}'.format(
            images.dtype, list(images.shape)))
    if columns is not None and columns < 1:
        raise UserError('save_grid: expected a column or more, found {}'.format(columns))
    pictures.save_picture(os.fspath(path), pictures.grid(images, columns or math.ceil(math.sqrt(len(images)))))


# ---------------------------------------------------------------------------------------- data

def load_dataset(name: str, split: str = 'train', data_dir: Optional[str] = None,
                 shape: Optional[Tuple[int, int, int]] = None) -> loading.Dataset:
    """One split of a data set, found or downloaded as the commands do: a named tuple, see `loading.Dataset`.

    Its `images` are uint8 [N, H, W, C], its `labels` int64 [N] or None, its `classes` the names of the labels.

    Args:
      name: 'mnist', 'fashion_mnist', 'cifar10' or another of docs/data.md.
      split: 'train' or 'test'.
      data_dir: the only folder to look in; None for $DCGAN_TF1_DATA, then `data/`.
      shape: (H, W, C) that the data set `folder` is resized to.

    Raises UserError where the files are damaged, or are not there and can't be downloaded.
    """
    if name not in sources.DATASETS:
        raise UserError('load_dataset: expected one of {}, found {!r}'.format(', '.join(sources.DATASETS), name))
    if split not in ('train', 'test'):
        raise UserError("load_dataset: expected the split 'train' or 'test', found {!r}".format(split))
    return loading.load(name, split, data_dir, shape, logging.info)


# -------------------------------------------------------------------------------------- export

def export_generator(path: str, out: str, formats: Optional[Sequence[str]] = None, preset: Optional[Preset] = None,
                     which: Union[str, int] = 'last', with_discriminator: bool = False,
                     overwrite: bool = False) -> List[str]:
    """Writes a folder with what other systems load a checkpoint's generator by, as `dcgan-export` does.

    Each format is compared with the session; MANIFEST.json has the largest error of each.

    Args:
      path, which, preset: as for `generate`.
      out: the folder, which is empty or not there yet.
      formats: some of 'frozen', 'saved_model', 'meta_graph', 'tflite', 'onnx', 'tfjs' and 'web'; None for all that
        can be written here.
      with_discriminator: whether that is exported, too.
      overwrite: whether an earlier export in `out` is replaced.

    Returns: the names of the formats that were written.
    Raises UserError where there is no such checkpoint, for a format that can't be written here, and where
    something that is no export would be replaced.
    """
    for name in [formats] if isinstance(formats, str) else formats or ():
        if isinstance(formats, str) or name not in catalogue.FORMATS:
            raise UserError('export_generator: expected a list of some of {}, found {!r}'.format(
                ', '.join(catalogue.FORMATS), name))
    preset, prefix = restoring.find_checkpoint(preset, path, which)
    return package.write(preset, prefix, os.fspath(out), formats, with_discriminator, overwrite=overwrite,
                         log=logging.info)
