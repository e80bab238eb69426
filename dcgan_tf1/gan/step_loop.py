"""Any number of training steps in one call of the session: the loop over steps as part of the graph.

The images that steps are trained on stay on the device, as floats or as bytes that become floats there; a call says
which of them, and brings its noise. Images that are too many to stay there come with the call.
"""

import collections
import contextlib
import functools

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.objectives import MAX_UPDATES
from dcgan_tf1.gan.updates import Progress

# Dropout masks are drawn anew for each update of a step, for its losses and its samples.
LOSSES, SAMPLE = MAX_UPDATES, MAX_UPDATES + 1  # and an update's place in the schedule
_SEEDS_PER_STEP = MAX_UPDATES + 2

# How images come to the steps.
FLOATS = 'floats'  # they stay on the device, scaled
BYTES = 'bytes'    # they stay on the device as bytes, with a table of what each byte is scaled to
FED = 'fed'        # each call brings those of its steps, as bytes

Loop = collections.namedtuple('Loop', [
    'images',      # placeholder: what `load` puts on the device, FLOATS: [count] + input_shape, BYTES: as _packed()
                   # returns them; FED: [steps, image_batches * N] + input_shape, uint8, fed with `indices`
    'table',       # placeholder [256], or [256] + input_shape, float32: what a byte becomes; None for FLOATS
    'labels',      # placeholder [count], int32: of all images, put on the device; None where the preset takes none
    'load',        # op, to be run once
    'first',       # placeholder, int32 scalar: the first step's number, from 1
    'indices',     # placeholder [steps, image_batches * N], int32: rows of the loaded images, or -1; N: the batch size
                   # and, where the preset drops incomplete batches, no other number
    'noises',      # placeholder [steps, sum(noise_batches) * N, z_dim], float32
    'train',       # op: trains `steps` steps, each of which increments global_step
])


MAX_STEPS = (1 << 31) // _SEEDS_PER_STEP - 1  # of a run: seeds are of 32 bits


def dropout_seed_for(step, use):
    """The value to feed as `dropout_seed` in one step for an update's place in the schedule, LOSSES or SAMPLE.

    `step` may be a tensor.
    """
    return step * _SEEDS_PER_STEP + use


def make_steps(session, handles, images, labels=None, table=None):
    """Puts `images` [count] + input_shape on the device; returns a function that trains.

    images: float32 or, with a `table`, uint8; None where each call brings its own.
    labels: int32 [count], for a preset that takes some.
    table: float32, see Loop.

    steps(first, indices, noises, images=None, stop_requested=...) trains len(indices) steps in one call of
    `session`, and returns whether to stop after them. first is the number of the first of
    them (from 1; it selects the dropout masks); indices, noises and images are as in Loop. The numbers
    don't depend on how steps are divided into calls. stop_requested() says whether this worker
    is to stop by now: if one of several is, all do, after the same step. metadata: a tf.RunMetadata, which then gets
    a trace of the call.
    """
    loop, exchange = handles.loop, handles.exchange
    if images is not None and table is not None:
        images = _packed(images)
    loaded = [(loop.images, images), (loop.table, table), (loop.labels, labels)]
    session.run(loop.load, {placeholder: values for placeholder, values in loaded
                            if placeholder is not None and values is not None})
    fed = [loop.images] if images is None else []
    feeds, fetch = [loop.first, loop.indices, loop.noises] + fed, loop.train
    if exchange is not None:
        feeds, fetch = feeds + [exchange.stop_request], exchange.stop_votes
    # A callable skips the session's look at fetches and feeds in every call.
    train = session.make_callable(fetch, feeds)

    def traced(metadata, *inputs):
        return session.run(fetch, dict(zip(feeds, inputs)), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE),
                           metadata)

    def steps(first, indices, noises, images=None, stop_requested=lambda: False, metadata=None):
        call = train if metadata is None else functools.partial(traced, metadata)
        inputs = (first, indices, noises) + (() if images is None else (images,))
        if exchange is None:
            call(*inputs)
            return bool(stop_requested())
        return bool(call(*inputs, [1.0 if stop_requested() else 0.0])[0] > 0)

    return steps


def build_step_loop(preset, update, global_step, batch_size, total_steps, images_as=FLOATS, unrolled=False):
    """The Loop of a preset's steps.

    update: see TrainingGraph. batch_size: images in a batch on this worker.
    total_steps: over which a preset's learning rate falls. images_as: FLOATS, BYTES or FED.
    unrolled: whether updates that are repeated within a step are built one by one, not once in a loop of their own.
    """
    source = _Images(preset, images_as, batch_size)
    first = tf.placeholder(tf.int32, [], name='loop/first')
    indices = tf.placeholder(tf.int32, [None, None], name='loop/indices')
    noises = tf.placeholder(tf.float32, [None, None, preset.z_dim], name='loop/noises')
    noise_ends = [batch_size * sum(preset.noise_batches[:i]) for i in range(len(preset.noise_batches) + 1)]

    def step(i):
        factor = None
        if preset.learning_rate_decay == 'linear':
            factor = tf.cast(total_steps + 1 - first - i, tf.float32) / total_steps

        generated = {}  # see UpdateBuilder.update

        def one(place, spec, later=None):
            """The op of the update at `place`, or of the one `later` places after it in a row of its kind."""
            later, shared = (0, generated) if later is None else (later, None)
            real, one_hot = source.batch(i, indices, spec.images + later)
            begin, end = noise_ends[spec.noise:spec.noise + 2]
            noise = tf.identity(noises[i, begin + later * (end - begin):end + later * (end - begin)])
            if preset.incomplete_batch == 'drop':  # see _Images.batch()
                noise = tf.ensure_shape(noise, [end - begin, preset.z_dim])
            return update(spec, real, noise, dropout_seed_for(first + i, place + later), full_batch=batch_size,
                          labels=one_hot, progress=Progress(first + i, factor), generated=shared)

        def several(place, spec, count):
            generated.clear()

            def body(later):
                with tf.control_dependencies([one(place, spec, later)]):
                    return later + 1

            return tf.while_loop(lambda later: later < count, body, [tf.constant(0)], parallel_iterations=1,
                                 back_prop=False, name='updates').op

        done, place = [], 0
        while place < len(preset.schedule):
            count = 1 if unrolled else repeated(preset, place)
            with tf.control_dependencies(done):
                done = [one(place, preset.schedule[place]) if count == 1 else
                        several(place, preset.schedule[place], count)]
            place += count
        with tf.control_dependencies(done), tf.control_dependencies([tf.assign_add(global_step, 1).op]):
            return i + 1

    count = tf.shape(indices)[0]
    train = tf.while_loop(lambda i: i < count, step, [tf.constant(0)], parallel_iterations=1, back_prop=False,
                          name='loop')
    return Loop(source.load_images, source.load_table, source.load_labels, source.load(), first, indices, noises,
                train.op)


class _Images:
    """The placeholders and variables that real images and their labels come by, and the batches of them in a step."""

    def __init__(self, preset, images_as, batch_size):
        self._preset, self._as, self._batch_size = preset, images_as, batch_size
        if images_as == FED:
            self.load_images, self._images = tf.placeholder(
                tf.uint8, (None, None) + preset.input_shape, name='loop/images'), None
        else:
            self.load_images, self._images = _on_device(
                'images', tf.float32, preset.input_shape if images_as == FLOATS else (_words(preset.input_shape),))
        self.load_table, self._table = (None, None) if images_as == FLOATS else _on_device(
            'table', tf.float32, () if preset.scaling == 'bytes' else preset.input_shape)
        self.load_labels, self._labels = (None, None) if preset.classes is None else _on_device('labels', tf.int32, ())

    def load(self):
        """The op that puts what was fed on the device."""
        return tf.group(*[each.initializer for each in (self._images, self._table, self._labels) if each is not None])

    def batch(self, i, indices, place):
        """(images, their one-hot labels or None): the batch in that place of a call's step i; indices: Loop's."""
        preset = self._preset
        part = slice(place * self._batch_size, (place + 1) * self._batch_size)
        rows = indices[i, part]
        fed = None if self._images is not None else self.load_images[i, part]
        if preset.incomplete_batch != 'drop':
            fed = None if fed is None else tf.boolean_mask(fed, rows >= 0)
            rows = tf.boolean_mask(rows, rows >= 0)
        # Read first: a gather of the variable itself copies memory that was taken from NumPy.
        real = tf.gather(self._images.read_value(), rows) if fed is None else fed
        real = _unpacked(real, preset.input_shape) if self._as == BYTES else real
        real = real if self._table is None else _scaled(real, self._table, preset)
        # Convolutions are divided by how many images a batch has, where all have the same number; another is an error.
        real = tf.ensure_shape(real, (self._batch_size if preset.incomplete_batch == 'drop' else None,)
                               + preset.input_shape)
        return tf.identity(real), None if self._labels is None else tf.one_hot(
            tf.gather(self._labels, rows), preset.classes)


def repeated(preset, place):
    """How many updates from `place` on differ only in taking the next images and noise, and can be built once.

    1 where losses are accumulated by place.
    """
    spec, count = preset.schedule[place], 1
    if preset.losses_when != 'after':
        return count
    for later in preset.schedule[place + 1:]:
        if later != spec._replace(images=spec.images + count, noise=spec.noise + count) \
                or preset.noise_batches[later.noise] != preset.noise_batches[spec.noise]:
            break
        count += 1
    return count


def _scaled(pixels, table, preset):
    """Bytes as the table has them: looked up, so that the floats are the same bits on every device."""
    if preset.scaling == 'bytes':
        return tf.gather(table, tf.cast(pixels, tf.int32))
    size = int(np.prod(preset.input_shape))
    # int64, for a GPU leaves sums of int32 to the processor.
    places = tf.cast(pixels, tf.int64) * size + np.arange(size, dtype=np.int64).reshape(preset.input_shape)
    return tf.gather(tf.reshape(table, [-1]), places)


def _words(shape):
    return -(-int(np.prod(shape)) // 4)


def _packed(images):
    """uint8 [N, ...] -> the same bytes as float32 [N, words]: TensorFlow has no gather of bytes on a GPU.

    Nothing is copied where the images are of whole words.
    """
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    if rows.shape[1] % 4:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)), mode='constant')
    return rows.view(np.float32)


def _unpacked(words, input_shape):
    """float32 [n, words] -> uint8 [n] + input_shape."""
    size = int(np.prod(input_shape))
    pixels = tf.reshape(tf.bitcast(words, tf.uint8), [-1, 4 * _words(input_shape)])
    return tf.reshape(pixels if size % 4 == 0 else pixels[:, :size], (-1,) + input_shape)


def _on_device(name, dtype, shape):
    """(placeholder, variable): what is fed once and stays on the device, [count] + shape."""
    placeholder = tf.placeholder(dtype, (None,) + shape, name='loop/' + name)
    return placeholder, tf.get_variable('loop_' + name, initializer=placeholder, trainable=False,
                                        validate_shape=False, collections=[tf.GraphKeys.LOCAL_VARIABLES])


@contextlib.contextmanager
def loops_of_tensorflow_1():
    """Loops built inside are of TensorFlow 1's kind: the body's operations in this graph.

    The later kind, a function that is called, differentiates and traces less well here.
    """
    later = tf.control_flow_v2_enabled()
    tf.disable_control_flow_v2()
    try:
        yield
    finally:
        if later:
            tf.enable_control_flow_v2()
