"""How long each way takes to compute the products of a preset's convolutions, alone and on all cores."""

import collections
import time

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.collectives import AllReduce
from dcgan_tf1.gan.convolutions import PRODUCTS, TILES, Convolution, noted
from dcgan_tf1.gan.updates import UpdateBuilder

# One thing to be timed: the key of a convolutions.Geometry, one of PRODUCTS or TOGETHER, and one of its ways.
Case = collections.namedtuple('Case', 'key product way')

# All three products, for ways that compute for one of them what the others need, too.
TOGETHER = 'together'

MAX_BYTES = 1 << 30  # of patches, or of values at points, that are made just to be timed
# A way that after two rounds takes this many times the fastest one's seconds is timed no more (all products TOGETHER:
# that takes longer than the fastest of each).
HOPELESS = 2


def uses_of(preset):
    """A convolutions.Use for each convolution of a preset's networks in training, in the order in which they run."""
    with tf.Graph().as_default(), noted() as uses, tf.variable_scope(tf.get_variable_scope(), use_resource=True):
        real, noise, labels = [None if width is None else tf.placeholder(tf.float32, (None,) + tuple(width))
                               for width in (preset.input_shape, [preset.z_dim],
                                             None if preset.classes is None else [preset.classes])]
        UpdateBuilder(preset, 'float32', 'native', ('',), AllReduce()).forward(
            real, noise, labels, tf.placeholder(tf.int32, []))
    return list(collections.OrderedDict.fromkeys(uses))  # the discriminator runs on real images and on fake ones


def seconds(geometries, precision, batch, config=None, rounds=5, limit_s=8, patience_s=30,
            progress=lambda cases: cases, any_batch=False):
    """{Case: the least seconds} of all products of these Geometries in all ways that come into question, and TOGETHER.

    The largest convolutions come first. A product has times for all of its ways or, where the first round did
    not time them all within `patience_s` seconds, for none.

    Args:
      precision: of util.compute_policy.PRECISIONS.
      batch: images.
      config: a session's ConfigProto.
      rounds: how often each is timed, all in turn, unless after two rounds it takes HOPELESS times as long as another
        way.
      limit_s: seconds after which no third round or later one is begun: of one alone, chance decides.
      progress: takes the Cases of a round and returns them, to be iterated over.
      any_batch: whether the graph does not know how many images a batch has, as where incomplete ones are kept.
    """
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        operations = collections.OrderedDict()
        for geometry in sorted(collections.OrderedDict.fromkeys(geometries), key=_multiplications, reverse=True):
            operations.update(_operations(geometry, tf.as_dtype(precision), batch, any_batch))
        session.run(tf.global_variables_initializer())
        calls = {case: session.make_callable(each) for case, each in operations.items()}
        times, began = {}, time.perf_counter()
        for number in range(rounds):
            if number > 1 and time.perf_counter() - began > limit_s:
                break
            slow = hopeless(times) if number > 1 else ()
            for case in progress([case for case in calls if case not in slow]):
                if time.perf_counter() - began > patience_s:
                    break
                calls[case]()  # its operands come into the caches, as they would be from the layer before
                start = time.perf_counter()
                calls[case]()
                times[case] = min(times.get(case, float('inf')), time.perf_counter() - start)
        missing = {case[:2] for case in calls if case not in times}
        return {case: taken for case, taken in times.items() if case[:2] not in missing}


def hopeless(times):
    """The Cases that are so slow that they will not be chosen; times: {Case: seconds}."""
    least = {}
    for case, taken in times.items():
        least[case[:2]] = min(taken, least.get(case[:2], taken))
    limits = {(key, product): taken * HOPELESS for (key, product), taken in least.items()}
    for key, product in least:
        if product == TOGETHER:  # is hopeless where the fastest products alone take less
            limits[key, TOGETHER] = sum(least[key, each] for each in PRODUCTS)
    return {case for case, taken in times.items() if taken > limits[case[:2]]}


def _multiplications(geometry):
    """How many of them a geometry's convolution of one image takes."""
    height, width = Convolution.of(geometry, 'native').output_size
    return height * width * geometry.kernel_size ** 2 * geometry.channels * geometry.filters


def _operations(geometry, dtype, batch, any_batch):
    """{Case: the operations that compute it, from variables}."""
    height, width, channels, filters, size = geometry[:5]
    convolve = Convolution.of(geometry, 'native')
    x_shape, kernel_shape = [batch, height, width, channels], [size, size, channels, filters]
    y_shape = [batch] + list(convolve.output_size) + [filters]
    with tf.variable_scope(None, default_name='convolution'):
        x, kernel, y = [
            tf.get_variable(name, initializer=tf.cast(tf.random.normal(shape), dtype), use_resource=True).read_value()
            for name, shape in (('x', x_shape), ('kernel', kernel_shape), ('y', y_shape))]
    if any_batch:
        x, y = [tf.placeholder_with_default(each, [None] + each.shape.as_list()[1:]) for each in (x, y)]
    operands = {'forward': (x, kernel), 'to_input': (y, kernel), 'to_kernel': (x, y)}
    operations = {Case(geometry.key, product, way): [convolve.compute(product, way, *operands[product]).op]
                  for product in PRODUCTS for way in convolve.candidates(product, dtype)
                  if _fits(geometry, product, way, dtype, batch)}
    for way in TILES:
        each = [operations.get(Case(geometry.key, product, way)) for product in PRODUCTS]
        if all(each):
            operations[Case(geometry.key, TOGETHER, way)] = sum(each, [])
    return operations


def _fits(geometry, product, way, dtype, batch):
    """Whether a way may be timed: some make much more of large images than the training has that it is for."""
    if way == usual_way(geometry, product, dtype.name) or way in ('native', 'blocks'):
        return True
    convolve = Convolution.of(geometry, 'native')
    if way in TILES:
        values = convolve.tile_values(way) * (geometry.stride ** 2 * geometry.channels + geometry.filters)
        return batch * values * dtype.size <= MAX_BYTES
    height, width = convolve.output_size
    return product == 'to_kernel' or (
        batch * height * width * geometry.kernel_size ** 2 * geometry.channels * dtype.size <= MAX_BYTES)


def usual_way(geometry, product, precision):
    """What `mixed` takes for one of a geometry's products."""
    return Convolution.of(geometry, 'mixed').usual_way(product, tf.as_dtype(precision))
