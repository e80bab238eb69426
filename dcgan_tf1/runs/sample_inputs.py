"""What images are made of: noise that is drawn, that of given seeds or that in a file, and labels."""

import collections
import contextlib
import re

import numpy as np

from dcgan_tf1.data import npz
from dcgan_tf1.gan import noise
from dcgan_tf1.gan.catalogue import is_temperature
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing
from dcgan_tf1.util.images import square

IMAGES = 25  # of a preset without labels, unless told otherwise
ROWS = 10  # of one with labels, and of a walk along one class or pair of classes
STEPS = 10  # images from one end of a row to the other

Inputs = collections.namedtuple('Inputs', [
    'z',        # noise, float32 [N, z_dim]
    'labels',   # int32 [N], or float32 [N, classes], weights of the classes; None where the preset takes none
    'columns',  # images in a row of a picture of them all
    'names',    # of a file for each image, without an extension; None of walks
])

# Noise that is given in place of what is drawn: z [N, z_dim], names of the vectors, their labels or None.
Given = collections.namedtuple('Given', 'z names labels')


def of_seeds(preset, seeds):
    """The Given noise of seeds: the first vector that `dcgan-sample --seed` draws of each."""
    return Given(noise.noise_of_seeds(preset, seeds), ['seed{:06d}'.format(seed) for seed in seeds], None)


def read(path, preset, classes=(), with_labels=True):
    """The Given noise in an .npz file, as `dcgan-sample --npz` writes it; UserError for one that does not fit.

    classes: the names of the preset's classes, with which those in the file are compared; () to leave that out.
    with_labels: whether its labels are wanted, if it has some.
    """
    z = npz.read_array(path, 'z')
    if z.ndim != 2 or z.shape[1] != preset.z_dim or not len(z) or z.dtype.kind == 'b':
        raise UserError('{}: expected z [N, {}], numbers, found {} {}'.format(
            path, preset.z_dim, z.dtype, list(z.shape)))
    with np.errstate(over='ignore'):
        z = z.astype(np.float32)
    if not np.isfinite(z).all():
        raise UserError('{}: expected finite values in z, found some that are not'.format(path))
    labels = None
    if with_labels and preset.classes is not None and 'labels' in npz.names(path):
        stored = npz.read_array(path, 'labels')
        labels = as_labels(stored, preset.classes)
        if labels is None or len(labels) != len(z):
            raise UserError('{}: expected labels, integers [{}] from 0 to {} or finite weights [{}, {}], found '
                            '{}'.format(path, len(z), preset.classes - 1, len(z), preset.classes, described(stored)))
        check_classes(path, classes, '--class names others')
    return Given(z, ['z{:06d}'.format(number) for number in range(len(z))], labels)


def as_labels(array, classes):
    """An array as labels: int32 [N] from 0 to classes - 1, or float32 [N, classes], finite weights; None of others."""
    if array.dtype.kind in 'iu' and array.ndim == 1 and array.size and 0 <= array.min() <= array.max() < classes:
        return array.astype(np.int32)
    if array.dtype.kind == 'f' and array.ndim == 2 and array.shape[1] == classes and np.isfinite(array).all():
        return array.astype(np.float32)
    return None


def check_classes(path, classes, way_out):
    """Raises UserError where an .npz file of samples names other classes than these; () to leave that out."""
    recorded = None
    if 'classes' in npz.names(path):
        with contextlib.suppress(UserError):  # another program's, of something else
            recorded = npz.read_array(path, 'classes', 'U').reshape(-1).tolist()
    if classes and recorded not in (None, list(classes)):
        raise UserError('{}: expected labels of the classes {}, found those of {}; {}'.format(
            path, listing(classes), listing(recorded), way_out))


def temperature_in(path):
    """The temperature of the images in an .npz file that `dcgan-sample --npz` wrote; None of others."""
    if 'temperature' not in npz.names(path):
        return None
    value = npz.read_array(path, 'temperature')
    if value.shape != () or not is_temperature(float(value)):
        raise UserError('{}: expected a temperature, a number from 0.001 to 1,000, found {}'.format(
            path, value.tolist() if value.size == 1 else described(value)))
    return float(value)


def described(labels):
    """For messages: an array's type, shape and, of numbers, range; what has no shape, as it is."""
    if labels.shape == ():
        return repr(labels.item())
    kind = '{} {}'.format('texts' if labels.dtype.kind == 'U' else labels.dtype, list(labels.shape))
    return kind + (' from {:g} to {:g}'.format(labels.min(), labels.max())
                   if labels.dtype.kind in 'iuf' and labels.size else '')


def images_of(preset, count, seed, classes, given=None, as_files=False, names=()):
    """The Inputs of single images.

    Args:
      count: how many; None for the default, and where noise is given.
      seed: what the noise is drawn from; with as_files the first of as many seeds as there are noise vectors.
      classes: the labels that are asked for, each of every noise vector; [] of a preset without.
      given: the Given noise, or None.
      names: of the preset's classes, for those of files.
    """
    if given is not None and given.labels is not None:
        single = given.labels.ndim == 1  # not between classes
        return Inputs(given.z, given.labels, square(len(given.z)), [
            name + (_class_suffix(preset, label, names) if single else '')
            for name, label in zip(given.names, given.labels)])
    columns = max(1, len(classes))
    if given is None:
        count = count or (ROWS * columns if classes else IMAGES)
        if not as_files:
            z, labels = noise.sample_inputs(preset, count, seed, 'sample', classes=classes)
            return Inputs(z, labels, columns if columns > 1 else square(count), None)
        given = of_seeds(preset, range(seed, seed + -(-count // columns)))
    count = count or len(given.z) * columns
    labels = np.tile(np.asarray(classes, np.int32), len(given.z))[:count] if classes else None
    suffixes = [_class_suffix(preset, label, names) for label in classes] or ['']
    files = [name + suffix for name in given.names for suffix in suffixes]
    return Inputs(np.repeat(given.z, columns, axis=0)[:count], labels, columns if columns > 1 else square(count),
                  files[:count])


def _class_suffix(preset, label, names):
    """What a file's name says of a class: -class7, and what it is called where that is something else than 7."""
    text = '-class{:0{}d}'.format(label, len(str(preset.classes - 1)))
    called = re.sub(r'[^\w]+', '_', names[label])[:40].strip('_') if names else ''
    return text if called in ('', str(label)) else '{}-{}'.format(text, called)


def interpolations_of(preset, rows, steps, seed, classes, given=None):
    """Rows of `steps` images from one noise vector to another, or from a class to the next, as Inputs.

    rows: how many; None for the default, and where noise is given: then a row leads from each of its vectors to the
    next, with the labels that are given with them; or, between classes, each vector is the noise of one row.
    """
    if given is not None and given.labels is not None:
        weights = given.labels if given.labels.ndim == 2 else np.eye(preset.classes)[given.labels]
        return Inputs(_along(preset, given, steps), noise.along(weights, steps), steps, None)
    if len(classes) > 1:
        rows = rows or (len(classes) - 1 if len(classes) > 2 else ROWS)
        z = noise.sample_noise(preset, rows, seed) if given is None else given.z
        return Inputs(*noise.class_interpolations(preset, classes, z, steps) + (steps, None))
    if given is None:
        z = noise.sample_interpolations(preset, rows or (ROWS if classes else IMAGES), steps, seed)
    else:
        z = _along(preset, given, steps)
    return Inputs(z, np.full(len(z), classes[0], np.int32) if classes else None, steps, None)


def _along(preset, given, steps):
    if len(given.z) < 2:
        raise UserError('--interpolate: expected two noise vectors or more, found 1')
    return noise.interpolate_along(preset, given.z, steps)
