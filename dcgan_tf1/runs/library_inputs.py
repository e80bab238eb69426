"""What the public API is given, checked: one line for what it can't take; and where its lines of log go."""

import dataclasses
import numbers
import os
import re
from typing import Any, List, Optional, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf
from absl import logging

from dcgan_tf1.data import reading
from dcgan_tf1.gan.catalogue import is_temperature
from dcgan_tf1.gan.preset import Preset
from dcgan_tf1.runs import classes, sample_inputs
from dcgan_tf1.util.checks import is_whole
from dcgan_tf1.util.errors import UserError

CHECKPOINT = 'a run folder or a checkpoint'  # what a path is expected to name


def log(line: str) -> None:
    """Takes a line of the commands' log: what warns there is a warning here, too, which absl shows."""
    mark = 'WARNING: '
    if mark in line:
        logging.warning('%s', line.replace(mark, '', 1))
    else:
        logging.info('%s', line)


def image_size_of(image_size: Union[None, int, Tuple[int, int]]) -> Tuple[Optional[int], Optional[int]]:
    if image_size is None:
        return None, None
    height, width = image_size if isinstance(image_size, (tuple, list)) and len(image_size) == 2 else (image_size,) * 2
    for side in (height, width):
        if not is_whole(side, 1):
            raise UserError('image_size: expected a height and a width, found {!r}'.format(image_size))
    return int(height), int(width)


def path_of(what: str, path: Any, expected: str) -> str:
    """A path without `~`; UserError, which says what was `expected`, where it is none."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes) or not os.fspath(path) or (
            '\0' in os.fspath(path)):
        raise UserError('{}: expected {}, found {}'.format(
            what, expected, 'nothing' if path == '' else repr(path)[:80]))
    return os.path.expanduser(os.fspath(path))


def require_natural(what: str, **values: Any) -> None:
    for name, value in values.items():
        if not is_whole(value, 0):
            raise UserError('{}: expected a {} of 0 or more, an integer, found {!r}'.format(what, name, value))


def require_shape(what: str, name: str, shape: Any) -> None:
    """Of the data set `folder` alone there has to be one: (H, W, C)."""
    if name == 'folder' and shape is None:
        raise UserError("{}: expected a shape (H, W, C) for the data set 'folder', found None".format(what))
    if shape is not None and not (isinstance(shape, (tuple, list)) and len(shape) == 3 and shape[2] in (1, 3) and all(
            is_whole(side, 1) for side in shape)):
        raise UserError('{}: expected a shape (H, W, C) of 1 or 3 channels, found {!r:.80}'.format(what, shape))
    if shape is not None and name != 'folder':
        raise UserError("{}: expected a shape only for the data set 'folder', found {!r} for {!r}".format(
            what, shape, name))


def require_switch(what: str, **values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, (bool, np.bool_)):
            raise UserError('{}: expected {} as True or False, found {!r:.80}'.format(what, name, value))


_FLAGS = re.compile(r'(?<![^\s(])--(?={})'.format('|'.join(  # in a path, others may stand
    ('data_dir', 'class', 'out', 'formats', 'with_discriminator', 'overwrite', 'uint8', 'layout', 'opset')
    + tuple(field.name for field in dataclasses.fields(reading.Reading)))))


def without_flags(error: UserError) -> UserError:
    """An error that speaks of a command's flags, for who has called a function: its arguments have their names."""
    text = str(error).replace('--nolabels', 'labels=False')
    return UserError(_FLAGS.sub('', re.sub(r"--dataset=(\w+)", r"name='\1'", text)))


def array_of(what: str, value: Any, expected: str, dtype: Any = None) -> np.ndarray:
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError, NotImplementedError):  # no numbers, rows of several lengths, a graph's tensor
        shown = 'a tensor, of which session.run() gives the values' if isinstance(value, tf.Tensor) else repr(value)
        raise UserError('{}: expected {}, found {:.80}'.format(what, expected, shown))


def floats_of(what: str, value: Any, expected: str, dtype: Any = np.float32) -> np.ndarray:
    """Finite numbers; UserError for anything else: texts, truth values, complex numbers."""
    given = array_of(what, value, expected)
    try:
        if given.dtype.kind in 'bcSUmM' or given.dtype.kind == 'O' and not all(
                isinstance(each, numbers.Real) and not isinstance(each, bool) for each in given.flat):
            raise TypeError
        with np.errstate(over='ignore'):
            given = given.astype(dtype)
    except (TypeError, ValueError):
        raise UserError('{}: expected {}, found {:.80}'.format(what, expected, ' '.join(repr(value).split())))
    if not np.isfinite(given).all():
        raise UserError('{}: expected {}, found {}, not finite'.format(what, expected, list(given.shape) or value))
    return given


def noise_of(preset: Preset, z: Any) -> np.ndarray:
    noise_given = floats_of('generate', z, 'finite noise [N, {}] for {}'.format(preset.z_dim, preset.name))
    if noise_given.ndim != 2 or noise_given.shape[1] != preset.z_dim or not len(noise_given):
        raise UserError('generate: expected finite noise [N, {}] for {}, found {}'.format(
            preset.z_dim, preset.name, list(noise_given.shape) or repr(z)[:80]))
    return noise_given


def at_temperature(name: str, preset: Preset, temperature: Optional[float]) -> Preset:
    if temperature is None:
        return preset
    if not is_temperature(temperature):
        raise UserError('{}: expected a temperature from 0.001 to 1,000, found {!r}'.format(name, temperature))
    return dataclasses.replace(preset, temperature=float(temperature))


def labels_of(prefix: str, preset: Preset, labels: Any) -> Tuple[Optional[List[int]], Optional[np.ndarray]]:
    """(the classes to take in turn or None, a label or weights for each image or None) of generate's `labels`."""
    if preset.classes is None:
        if labels is not None:
            raise UserError('generate: expected no labels for {}, which takes none, found some'.format(preset.name))
        return None, None
    if labels is None:
        return list(range(preset.classes)), None
    given = array_of('generate', labels, 'labels')
    if given.dtype.kind == 'U' and given.ndim < 2 and given.size:
        names = classes.class_names_of_checkpoint(prefix, preset)
        return [label for text in given.reshape(-1) for label in classes.parse_classes(
            str(text), names, 'generate')], None
    checked = sample_inputs.as_labels(given if given.ndim else given.reshape(1), preset.classes)
    if checked is not None:
        return (None, checked) if given.ndim else (checked.tolist(), None)
    raise UserError('generate: expected names of classes, integers [N] from 0 to {}, or finite weights [N, {}], found '
                    '{}'.format(preset.classes - 1, preset.classes, sample_inputs.described(given)))
