"""Frozen graphs as feature extractors: what an input takes is read off its dtype and shape, not assumed.

A graph may take pixels in a range (float16 to float64), bytes (uint8 and wider integers) or
encoded pictures (strings); images beside each other (NHWC, NCHW), flat, or one at a time.
"""

import collections
import os

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan import freeze
from dcgan_tf1.metrics import distances
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import listing
from dcgan_tf1.util.images import png_bytes

BATCH = 128  # images fed at a time, where the graph does not say how many
MAX_FED_PIXELS = BATCH << 14  # at most, of one channel: larger images than 128x128 are fed fewer at a time
_PLACEHOLDERS = ('Placeholder', 'PlaceholderWithDefault')
_VARIABLES = ('Variable', 'VariableV2', 'VarHandleOp')
RANGE = (-1.0, 1.0)  # of float inputs, where nothing else is said
_TAKEN = 'float or byte images [N, H, W, C] or [N, C, H, W] of 1 or 3 channels, flat ones [N, H * W * C], or ' \
         'encoded ones'

Extractor = collections.namedtuple('Extractor', [
    'name',      # for tables and metrics.json
    'accuracy',  # on the data set's test images; None for a graph of the user's
    'run',       # run(uint8 [N, H, W, C]) -> (features [N, D], probabilities [N, K] or None)
])

# How an input takes images.
_Form = collections.namedtuple('_Form', [
    'layout',    # 'NHWC', 'NCHW', 'NHW', 'flat' or 'encoded'
    'batched',   # whether there is a dimension for the number of images
    'count',     # of images at a time, where that is fixed; else None
    'size',      # [height, width] that images are resized to; None for as they are
    'channels',  # that they are given, 1 or 3; None for as they are
])


class FrozenGraph:
    """Some outputs of a GraphDef as a function of images.

    Args:
      path: for messages.
      graph_def: the GraphDef; it is not changed.
      source: the operation or tensor that takes images.
      targets: those whose values are wanted, each [N, D] or with further dimensions of size 1.
      value_range: (low, high) of the pixels that a float input takes; None for RANGE. An input
        of integers takes bytes, one of strings PNG files.
      device: as the flag --device.

    Raises UserError for a graph that this TensorFlow can't load, or whose tensors don't fit.
    """

    def __init__(self, path, graph_def, source, targets, value_range=None, device='auto'):
        self._path, self._device = path, device
        self._graph = self._imported(graph_def)
        self._source = self._tensor(source)
        self._targets = [self._tensor(name) for name in targets]
        for target in self._targets:
            if not (target.dtype.is_floating or target.dtype.is_integer):
                raise UserError('{}: expected numbers from {}, found {}'.format(path, target.name, target.dtype.name))
        if value_range is not None and not self._source.dtype.is_floating:
            raise UserError('--features_range: expected none for {} of {}, which takes {}'.format(
                self._source.name, path,
                'encoded pictures' if self._source.dtype == tf.string else 'bytes from 0 to 255'))
        self._range = value_range or RANGE
        self._converters = {}  # by the shape of images

    def run(self, images):
        """The targets' values for uint8 [N, H, W, C]: a list of arrays [N, D]."""
        form = self._form(images.shape[1:])
        count = form.count or max(1, min(BATCH, MAX_FED_PIXELS // (images.shape[1] * images.shape[2])))
        outputs = []
        with tf.Session(graph=self._graph, config=devices.session_config(self._device)) as session, tqdm(
                total=len(images), desc='features', unit='image', disable=None, leave=False) as bar:
            fed = self._feeder(session, form, images.shape[1:])
            for first in range(0, len(images), count):
                part = images[first:first + count]
                # A graph with a fixed batch size gets a full batch; the images that fill it up are dropped.
                full = part if form.count is None else part[np.minimum(np.arange(count), len(part) - 1)]
                values = self._values(session, fed(full))
                outputs.append([self._rows(target, value, len(full), form.batched)[:len(part)]
                                for target, value in zip(self._targets, values)])
                bar.update(len(part))
        return [np.concatenate(each) for each in zip(*outputs)]

    def _values(self, session, images):
        try:
            return session.run(self._targets, {self._source: images})
        except (tf.errors.FailedPreconditionError, tf.errors.InvalidArgumentError) as error:
            variables, placeholders = [[op.name for op in self._graph.get_operations() if op.type in types]
                                       for types in (_VARIABLES, _PLACEHOLDERS)]
            if isinstance(error, tf.errors.FailedPreconditionError) and variables:
                raise UserError('{}: expected a frozen graph, whose variables are constants, found variables: '
                                '{}'.format(self._path, listing(variables)))
            raise UserError('{}: expected {} of images that are fed to {}, found: {}; its placeholders: {}'.format(
                self._path, ', '.join(target.name for target in self._targets), self._source.name,
                reason(error), listing(placeholders)))

    # --------------------------------------------------------------- graph and tensors

    def _imported(self, graph_def):
        graph, copy = tf.Graph(), tf.GraphDef()
        copy.CopyFrom(graph_def)  # for importing fills in attributes
        try:
            with graph.as_default():
                tf.import_graph_def(freeze.strip_newer_defaults(copy), name='')
        except (ValueError, KeyError, TypeError, tf.errors.OpError) as error:
            raise UserError('{}: expected a graph that TensorFlow {} can load, found: {}'.format(
                self._path, tf.VERSION, reason(error)))
        return graph

    def _tensor(self, name):
        known = collections.OrderedDict((each.name, each.type) for each in self._graph.get_operations())
        if name.split(':')[0] not in known:
            # What is meant to be fed, and what is computed last.
            likely = [each for each, kind in known.items() if kind in _PLACEHOLDERS]
            likely += [each for each, kind in list(known.items())[-3:] if kind not in _PLACEHOLDERS]
            raise UserError('{}: expected an operation {}, found {}'.format(
                self._path, name.split(':')[0],
                '{} others, {} among them'.format(len(known), listing(likely)) if known else 'an empty graph'))
        try:
            return self._graph.get_tensor_by_name(name if ':' in name else name + ':0')
        except (ValueError, KeyError) as error:
            raise UserError('{}: expected the tensor {}, found: {}'.format(self._path, name, reason(error)))

    def _form(self, shape):
        """The _Form of the input for images of `shape` (H, W, C)."""
        dtype = self._source.dtype
        rank = self._source.shape.ndims
        sides = None if rank is None else self._source.shape.as_list()
        if dtype == tf.string:
            form = _encoded_form(sides)
        elif dtype.is_floating or dtype.is_integer and dtype.max >= 255:
            form = _pixels_form(sides, shape)
        else:
            form = None
        if form is None:
            raise UserError('{}: expected an input that takes {}, found {} ({}, {}) for images {}'.format(
                self._path, _TAKEN, self._source.name, dtype.name,
                'any shape' if sides is None else _brackets(sides), _brackets(shape)))
        return form

    # ------------------------------------------------------------------------- feeding

    def _feeder(self, session, form, shape):
        """A function that turns uint8 [N, H, W, C] into the value to feed."""
        if form.layout == 'encoded':
            return lambda part: [png_bytes(image) for image in part] if form.batched else png_bytes(part[0])
        if shape not in self._converters:  # an evaluation while training comes many times
            self._converters[shape] = self._converter(form, shape)
        pixels, ready = self._converters[shape]
        return lambda part: session.run(ready, {pixels: part})

    def _converter(self, form, shape):
        """(a placeholder for uint8 [N, H, W, C], the value to feed that they become)."""
        dtype = self._source.dtype
        low, high = self._range if dtype.is_floating else (0, 255)
        with self._graph.as_default():
            pixels = tf.placeholder(tf.uint8, (None,) + shape)
            x = tf.cast(pixels, tf.float32) / 255 * (high - low) + low
            if form.size is not None and tuple(form.size) != shape[:2]:
                x = tf.image.resize_bilinear(x, form.size)
            if form.channels == 3 and shape[2] == 1:
                x = tf.concat([x] * 3, axis=3)
            elif form.channels == 1 and shape[2] == 3:
                # Rec. 601's luma, as Pillow and TensorFlow have it.
                x = tf.reduce_sum(x * [0.299, 0.587, 0.114], axis=3, keepdims=True)
            if form.layout == 'NCHW':
                x = tf.transpose(x, [0, 3, 1, 2])
            elif form.layout == 'NHW':
                x = x[..., 0]
            elif form.layout == 'flat':
                x = tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])
            x = x if dtype.is_floating else tf.round(x)
            return pixels, tf.cast(x if form.batched else x[0], dtype)

    def _rows(self, target, value, count, batched):
        """A target's value for `count` images as [count, D]."""
        shape = np.shape(value)
        sides = [side for side in (shape[1:] if batched else shape) if side != 1]
        if (batched and (len(shape) < 2 or shape[0] != count)) or len(sides) > 1:
            raise UserError('{}: expected {} to be [N, D], found {} for {} image{}'.format(
                self._path, target.name, _brackets(shape), count, '' if count == 1 else 's'))
        value = np.asarray(value).reshape(count, -1)
        if target.dtype.is_floating and target.dtype.size < 4:
            value = value.astype(np.float32)
        if not np.isfinite(value).all():
            raise UserError('{}: expected finite numbers from {}, found {} that are not'.format(
                self._path, target.name, int((~np.isfinite(value)).sum())))
        return value


def load_graph(path, source, features, probabilities=None, value_range=None, device='auto'):
    """The Extractor of a frozen GraphDef.

    Args:
      path: the .pb file.
      source: the operation (or tensor) that takes images; its dtype and shape say how. Images are resized
        (bilinearly) to fit, and grey ones get three equal channels.
      features: the one whose value is [N, D] (or [N, 1, 1, D]).
      probabilities: the one whose value is [N, K], or None.
      value_range: (low, high) of the pixels that a float input takes; None for [-1, 1].
      device: as the flag --device.

    Raises UserError where the file holds no such graph, and in `run` where its values are not as expected.
    """
    graph = FrozenGraph(path, freeze.read_graph(path), source,
                        [name for name in (features, probabilities) if name], value_range, device)

    def run(images):
        outputs = graph.run(images)
        if not probabilities:
            return outputs[0], None
        if not distances.are_probabilities(outputs[1]):
            sums = outputs[1].sum(axis=1, dtype=np.float64)
            raise UserError('{}: expected probabilities that add up to 1 from {}, found values from {:.4g} to {:.4g} '
                            'with sums from {:.4g} to {:.4g}'.format(
                                path, probabilities, outputs[1].min(), outputs[1].max(), sums.min(), sums.max()))
        return outputs[0], outputs[1]

    return Extractor(os.path.basename(path), None, run)


def _encoded_form(sides):
    if sides is None or not sides:
        return _Form('encoded', False, 1, None, None)
    return _Form('encoded', True, sides[0], None, None) if len(sides) == 1 else None


def _pixels_form(sides, shape):
    """The _Form of an input of numbers with these sides, of which unknown ones are None; None if none fits."""
    if sides is None:
        return _Form('NHWC', True, None, None, None)
    if len(sides) == 4:
        return _image_form(sides[0], sides[1:], True, shape)
    if len(sides) == 3:
        if sides[0] in (1, 3) or sides[2] in (1, 3):
            return _image_form(1, sides, False, shape)
        if None not in sides[1:]:  # grey images without their one channel
            return _Form('NHW', True, sides[0], sides[1:], 1)
    if len(sides) == 2:
        channels = {None: shape[2]}
        channels.update({shape[0] * shape[1] * count: count for count in (1, 3)})
        if sides[1] in channels:
            return _Form('flat', True, sides[0], None, channels[sides[1]])
    return None


def _image_form(count, sides, batched, shape):
    """The _Form of images [H, W, C] or [C, H, W]; None if none fits."""
    first = sides[0] in (1, 3) and sides[2] not in (1, 3)
    channels = sides[0] if first else sides[2]
    size = sides[1:] if first else sides[:2]
    if channels not in (None, 1, 3) or 0 in sides:
        return None
    size = None if size == [None, None] else [own if side is None else side for side, own in zip(size, shape)]
    return _Form('NCHW' if first else 'NHWC', batched, count, size, channels)


def _brackets(sides):
    return '[{}]'.format(', '.join('N' if side is None else str(side) for side in sides))
