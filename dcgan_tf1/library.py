"""The functions of `import dcgan_tf1`: presets, checkpoints, images, data, export; networks are in library_graph.py.

Thin over the rest of the package. Nothing here prints: notes go to `absl.logging`. Wrong input raises
UserError, whose message is one line; of metrics and of a Preset's fields it is a ValueError.
"""

import os
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf
from absl import logging

from dcgan_tf1.data import loading, reading, sources
from dcgan_tf1.data.folders import is_picture
from dcgan_tf1.exporting import catalogue, package
from dcgan_tf1.gan import noise
from dcgan_tf1.gan import presets as table
from dcgan_tf1.gan.preset import Preset, require_preset
from dcgan_tf1.runs import (
    checkpoint,
    checkpoint_sizes,
    classes,
    library_inputs,
    numbering,
    restoring,
    run_folder,
    sampling,
    size_flags,
)
from dcgan_tf1.util import flags
from dcgan_tf1.util import images as pictures
from dcgan_tf1.util.checks import is_whole
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.paths import PICTURES

Path = Union[str, os.PathLike]

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


# --------------------------------------------------------------------------------- checkpoints

def preset_of(path: Path, preset: Optional[Preset] = None,
              image_size: Union[None, int, Tuple[int, int]] = None) -> Preset:
    """The preset that a checkpoint is restored with, for the size, mode and number of classes of its training.

    Args:
      path: as restore() takes it. A run names its preset itself.
      preset: needed for any other checkpoint, whose variables tell only sizes, by their shapes (carpedm20's tell
        height and width only of square images, and only to the next multiple of 16).
      image_size: (H, W), or one number for both, where the variables don't tell it correctly.

    Raises UserError where the preset or a size is unknown, where image_size contradicts them, and as restore() does.
    """
    path = library_inputs.path_of('path', path, library_inputs.CHECKPOINT)
    if numbering.is_run(path) and preset is None and image_size is None:
        return run_folder.read_preset(path, library_inputs.log)
    preset, prefix = restoring.find_checkpoint(preset, path, 'last', any_noise=True)
    height, width = library_inputs.image_size_of(image_size)
    run, given = run_folder.run_of(prefix, preset.name), size_flags.NOTHING._replace(height=height, width=width)
    if run is not None:  # by whose settings it is read
        preset = run_folder.read_preset(run, library_inputs.log)
        trained = preset.image_shape[:2]
        if height is not None and (height, width) != trained:
            raise UserError('image_size: expected ({}, {}), by which {} was trained, found {!r}'.format(
                *trained + (run, image_size)))
        given = checkpoint_sizes.beside_run(preset, size_flags.NOTHING)
    try:
        return checkpoint_sizes.of_checkpoint(preset, prefix, given, library_inputs.log)
    except flags.Error as error:  # whose text begins with a command's flag
        raise UserError('image_size={!r}: {}'.format(image_size, str(error).partition(': ')[2]))


def class_names(path: Path, preset: Optional[Preset] = None,
                image_size: Union[None, int, Tuple[int, int]] = None) -> Tuple[str, ...]:
    """The names of the classes that a checkpoint makes images of, in the order of their labels; () where it has none.

    Args:
      path, preset, image_size: as preset_of() takes them. Classes that nothing names are called by their numbers.

    Raises UserError as preset_of() does.
    """
    preset = preset_of(path, preset, image_size)
    _, prefix = restoring.find_checkpoint(preset, path, 'last', any_noise=True)
    return classes.class_names_of_checkpoint(prefix, preset)


def restore(session: Any, preset: Preset, path: Path, scope: Optional[str] = None,
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
    if not hasattr(session, 'graph') or not isinstance(scope, (str, type(None))):
        raise UserError('restore: expected a session and the name of a scope, found {!r:.80} and {!r:.80}'.format(
            session, scope))
    preset, prefix = restoring.find_checkpoint(preset, path, which)
    with session.graph.as_default():
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        chosen = restoring.restored_variables(preset, variables, scope)
        checkpoint.restore(session, prefix, chosen)
    logging.info('%s: restored %d variables of %s', prefix, len(chosen), preset.name)
    return prefix


# -------------------------------------------------------------------------------------- images

def sample_noise(preset: Preset, count: int, seed: int = 0) -> np.ndarray:
    """The preset's noise: float32 [count, z_dim], uniform in [-1, 1) or [0, 1), or normal (0, 1).

    The same as what `dcgan-sample --seed` draws. Raises UserError for a count or seed below 0.
    """
    require_preset('sample_noise', preset)
    library_inputs.require_natural('sample_noise', count=count, seed=seed)
    return noise.sample_noise(preset, count, seed)


def interpolate(preset: Preset, z0: np.ndarray, z1: np.ndarray, t: Union[float, np.ndarray]) -> np.ndarray:
    """Noise on the way from z0 to z1, float32 [N, z_dim] each, as `dcgan-sample --interpolate` takes it.

    In a straight line for uniform noise, which stays within its cube; along a circle for normal noise, which is as
    far from 0 all the way.

    Args:
      t: where: 0 is z0, 1 is z1. One number, or [T] of them.

    Returns: float32 [N, z_dim] for one number, else [N, T, z_dim].
    Raises UserError for arrays of other shapes, and for values that are no finite numbers.
    """
    require_preset('interpolate', preset)
    z0, z1, t = [library_inputs.floats_of('interpolate', each, 'arrays of numbers', np.float64)
                 for each in (z0, z1, t)]
    for each in (z0, z1):
        if each.ndim != 2 or each.shape[1] != preset.z_dim or z0.shape != z1.shape or t.ndim > 1:
            raise UserError('interpolate: expected noise [N, {}], twice, and, for t, a number or [T], found {}, {}, '
                            '{}'.format(preset.z_dim, list(z0.shape), list(z1.shape), list(t.shape)))
    if t.ndim:
        z0, z1, t = np.expand_dims(z0, 1), np.expand_dims(z1, 1), t[:, np.newaxis]
    return noise.interpolate(z0, z1, t, preset.noise).astype(np.float32)


def generate(path: Path, count: Optional[int] = None, seed: int = 0, preset: Optional[Preset] = None,
             which: Union[str, int] = 'last', z: Optional[np.ndarray] = None, labels: Any = None,
             temperature: Optional[float] = None) -> np.ndarray:
    """Images that a checkpoint makes, by a graph and session of their own: what `dcgan-sample` writes.

    Args:
      path, which: as for `restore`.
      count, seed: of the noise that is drawn. count: None for 16, or for as many as z or labels are.
      preset: where `path` is no run folder, the one that was trained.
      z: float32 [N, z_dim], noise in place of what `count` and `seed` draw; the seed then only selects
        dropout masks, where the preset samples with dropout.
      labels: of a preset with labels, a class by name or label, or a list of names, which come in turn (of noise
        that is drawn, each vector with all of them); or one label for each image, integers [N], or weights of the
        classes, float [N, classes], which draw N noise vectors. None: all classes in turn.
      temperature: what noise is multiplied by, from 0.001 to 1,000; None for what the preset says.

    Returns: float32 [N] + preset.image_shape, in preset.image_range; `to_uint8` makes bytes of them.
    Raises UserError where there is no such checkpoint, and for noise or labels of another shape.
    """
    preset, prefix = restoring.find_checkpoint(preset, path, which)
    preset = library_inputs.at_temperature('generate', preset, temperature)
    columns, labels = library_inputs.labels_of(prefix, preset, labels)
    library_inputs.require_natural('generate', seed=seed, **{} if count is None else {'count': count})
    if labels is not None:
        drawn = sample_noise(preset, len(labels), seed)
    else:
        drawn, labels = noise.sample_inputs(
            preset, 16 if count is None else int(count), seed, 'sample', classes=columns)
    if z is not None:
        drawn = library_inputs.noise_of(preset, z)
        labels = np.resize(columns, len(drawn)).astype(np.int32) if columns is not None else labels
    if not len(drawn):
        raise UserError('generate: expected a count of 1 or more, found 0')
    if labels is not None and len(labels) != len(drawn):
        raise UserError('generate: expected {} labels, as many as noise vectors, found {}'.format(
            len(drawn), len(labels)))
    if count not in (None, len(drawn)):
        raise UserError('generate: expected a count of {}, as many as {}, found {}'.format(
            len(drawn), 'labels' if z is None else 'noise vectors', count))
    return sampling.generate(preset, prefix, drawn, seed, labels=labels)


def to_uint8(images: np.ndarray, image_range: Tuple[float, float]) -> np.ndarray:
    """Float images of any shape as bytes: the range's lower end becomes 0, its upper end 255.

    Values outside are clipped. Raises UserError for values that are not finite, for a range that has no extent, and
    for bytes (uint8) in another range than (0, 255), which none are in.
    """
    try:
        low, high = image_range
        has_extent = -float('inf') < low < high < float('inf')
        low, high = float(low), float(high)  # of NumPy's integers, the difference may be too large for their type
    except (TypeError, ValueError):  # also of texts, which are no numbers
        has_extent = False
    if not has_extent:
        raise UserError('to_uint8: expected a range (low, high), found {!r:.80}'.format(image_range))
    images = library_inputs.array_of('to_uint8', images, 'an array of images')
    if images.dtype.name == 'bfloat16':
        images = images.astype(np.float32)
    if images.dtype.kind not in 'biuf':
        raise UserError('to_uint8: expected an array of numbers, found {}'.format(images.dtype))
    if images.dtype == np.uint8 and (low, high) != (0, 255):
        raise UserError('to_uint8: expected floats in ({:g}, {:g}), found uint8, bytes already'.format(low, high))
    try:
        return pictures.to_uint8(images, (low, high))
    except ValueError as error:
        raise UserError('to_uint8: {}'.format(error))


def save_grid(path: Path, images: np.ndarray, columns: Optional[int] = None) -> None:
    """Writes images, uint8 [N, H, W, 1 or 3], as one picture: a JPEG file where the name says so, else PNG.

    columns: images in a row; None for a square. Raises UserError where the file can't be written, for other
    arrays, and for the name of another kind of picture.
    """
    path = library_inputs.path_of('save_grid', path, 'a path of a file')
    if is_picture(path) and not path.lower().endswith(PICTURES):
        raise UserError('save_grid: expected a name that ends in {}, found {}'.format(' or '.join(PICTURES), path))
    images = library_inputs.array_of('save_grid', images, 'an array of images')
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not images.size:
        raise UserError('save_grid: expected uint8 [N, H, W, 1 or 3], found {} {}'.format(
            images.dtype, list(images.shape)))
    if columns is not None and not is_whole(columns, 1):
        raise UserError('save_grid: expected a column or more, found {!r:.80}'.format(columns))
    try:
        picture = pictures.grid(images, columns or pictures.square(len(images)))
    except (MemoryError, ValueError):  # of more bytes than NumPy can count, say
        raise UserError('save_grid: expected a picture that memory holds, found {!r:.80} columns of {}'.format(
            columns, list(images.shape)))
    pictures.save_picture(path, picture)


# ---------------------------------------------------------------------------------------- data

def load_dataset(name: str, split: str = 'train', data_dir: Optional[Path] = None,
                 shape: Optional[Tuple[int, int, int]] = None, **how: Any) -> loading.Dataset:
    """One split of a data set, found or downloaded as the commands do: a named tuple, see `loading.Dataset`.

    Its `images` are uint8 [N, H, W, C], its `labels` int64 [N] or None, its `classes` the names of the labels.

    Args:
      name: 'mnist', 'fashion_mnist', 'cifar10' or another of docs/data.md.
      split: 'train' or 'test'.
      data_dir: the only folder to look in; None for $DCGAN_TF1_DATA, then `data/`.
      shape: (H, W, C) that the data set `folder` is resized to.
      how: data of your own are read, by the names of the flags: crop, resize, background, recursive, label_column,
        labels, skip_damaged, cache_gib, cache_dir; see docs/data.md. Beyond cache_gib, `images` is a numpy.memmap.

    Raises UserError for a `how` that does nothing, and where the files are damaged, or are not there and can't be
    downloaded.
    """
    if not isinstance(name, str) or name not in sources.DATASETS:
        raise UserError('load_dataset: expected one of {}, found {!r}'.format(', '.join(sources.DATASETS), name))
    if split not in ('train', 'test'):
        raise UserError("load_dataset: expected the split 'train' or 'test', found {!r}".format(split))
    library_inputs.require_shape('load_dataset', name, shape)
    data_dir = None if data_dir is None else library_inputs.path_of('data_dir', data_dir, 'a folder')
    if how.get('cache_dir') is not None:
        how['cache_dir'] = library_inputs.path_of('cache_dir', how['cache_dir'], 'a folder')
    how = {key: value.item() if isinstance(value, np.generic) else value for key, value in how.items()}
    settings = reading.of_library(name, how)
    try:
        return loading.load(name, split, data_dir, shape, library_inputs.log, settings)
    except UserError as error:
        raise library_inputs.without_flags(error)


# -------------------------------------------------------------------------------------- export

def export_generator(path: Path, out: Path, formats: Optional[Sequence[str]] = None, preset: Optional[Preset] = None,
                     which: Union[str, int] = 'last', with_discriminator: bool = False,
                     overwrite: bool = False, uint8: bool = False, layout: str = 'nhwc',
                     temperature: Optional[float] = None) -> List[str]:
    """Writes a folder from which other systems can load a checkpoint's generator, as `dcgan-export` does.

    Each format is compared with the session; MANIFEST.json has the largest error of each.

    Args:
      path, which, preset, temperature: as for `generate`.
      out: the folder, which is empty or not there yet.
      formats: some of 'frozen', 'saved_model', 'meta_graph', 'tflite', 'onnx', 'tfjs' and 'web'; None for all that
        can be written here.
      with_discriminator: whether that is exported, too.
      overwrite: whether an earlier export in `out` is replaced.
      uint8: whether ONNX also gets a generator of bytes, 0 to 255, in three channels.
      layout: 'nchw', where that generator, or else one of floats, is to give [N, C, H, W]; with uint8 it is the one
        that torch-fidelity reads.

    Returns: the names of the formats that were written.
    Raises UserError where there is no such checkpoint, for a format that can't be written here, for uint8 or 'nchw'
    without ONNX, and where something that is no export would be replaced.
    """
    if formats is not None:
        names = list(formats) if isinstance(formats, Iterable) and not isinstance(formats, str) else []
        wrong = [name for name in names if not isinstance(name, str) or name not in catalogue.FORMATS]
        if wrong or not names:
            raise UserError('export_generator: expected a list of some of {}, found {!r}'.format(
                ', '.join(catalogue.FORMATS), wrong[0] if wrong else formats))
        formats = names
    if layout not in ('nhwc', 'nchw'):
        raise UserError("export_generator: expected the layout 'nhwc' or 'nchw', found {!r}".format(layout))
    library_inputs.require_switch('export_generator', with_discriminator=with_discriminator, overwrite=overwrite,
                                  uint8=uint8)
    preset, prefix = restoring.find_checkpoint(preset, path, which)
    preset = library_inputs.at_temperature('export_generator', preset, temperature)
    try:
        return package.write(preset, prefix, library_inputs.path_of('out', out, 'a folder'), formats,
                             with_discriminator, overwrite=overwrite, log=library_inputs.log, uint8=uint8,
                             channels_first=layout == 'nchw')
    except UserError as error:
        raise library_inputs.without_flags(error)
