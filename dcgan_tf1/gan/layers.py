"""The layers of TensorFlow 1's `tf.layers`, written on `tf.get_variable`.

Same variable names, shapes, initial distributions and defaults as `tf.layers` in
TensorFlow 1.x, without Keras, so that they exist in every release. Every layer opens a
variable scope named after itself (`dense`, `dense_1`, ...); re-entering the network's
scope restarts the numbering, which is how a second pass finds the variables of the first. A layer
of another program's has the names that this one gave: `name`, its scope's, and `variables`.

Images are [N, H, W, C], kernels [height, width, in, out]; those of `conv2d_transpose` are
[height, width, out, in]. Variables are float32 whatever `compute_policy` says; tensors
between layers are of its precision.
"""

import collections
import contextlib
import threading

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.convolutions import Convolution

# Some of them for networks, which take everything from here.
from dcgan_tf1.gan.initializers import GLOROT, glorot_uniform, normal, seeded, truncated_normal  # noqa: F401
from dcgan_tf1.gan.sharing import shared
from dcgan_tf1.util.compute_policy import ComputePolicy
from dcgan_tf1.util.seeds import derive_seed


class _Policies(threading.local):
    """Those that are open in this thread: graphs may be built in several at once."""

    def __init__(self):
        super().__init__()
        self.open = [ComputePolicy()]  # the innermost is in force


_policies = _Policies()


@contextlib.contextmanager
def compute_policy(precision='float32', conv_impl='native'):
    """Layers built inside compute in `precision`, with convolutions as `conv_impl` says.

    With 'native' a graph is the original notebook's, operation for operation; with the others
    the layers take every shorter way that gives the same values. Weights, batch norm's
    statistics and what `dense` gives for one unit stay float32.
    """
    _policies.open.append(ComputePolicy(precision, conv_impl))
    try:
        yield
    finally:
        _policies.open.pop()


# What one batch norm saw in one pass, and the averages that should move towards it.
BatchStatistics = collections.namedtuple(
    'BatchStatistics', 'moving_mean moving_variance mean variance momentum')


class BatchContext:
    """One pass of a network over one batch: how its batch norm and dropout behave.

    Args:
      name: the pass, e.g. 'real' or 'fake'; dropout masks differ between names.
      training: whether batch norm normalises by the batch's own statistics (and records
        them in `statistics`) or by its moving averages.
      dropout_seed: scalar int32 tensor that selects the dropout masks: equal values draw equal
        masks, different ones independent masks. None switches dropout off.
      batch_norm: 'fused' for the kernel of current releases, whose batch variance carries
        Bessel's correction N/(N-1) when it enters the moving average; 'moments' for the
        unfused form of TensorFlow 1.0.1, with the biased variance. Of vectors it is always the
        latter, as in `tf.layers` and Keras, but for a layer with `fused_vectors`.
      labels: one-hot labels of the batch, float32 [N, classes], for networks that take some; see with_labels().
      augment_seed: as dropout_seed, of what augmentation draws.
      image_shape: (H, W, C) of the images, which networks that follow it read.
      gf_dim, df_dim: the widths of a preset's networks that have them as settings.
      spectral_gain: the spectral norm of kernels that are spectrally normalised in this pass.
    """

    def __init__(self, name, training, dropout_seed=None, batch_norm='fused', labels=None, augment_seed=None,
                 image_shape=None, gf_dim=None, df_dim=None, spectral_gain=1.0):
        self.name = name
        self.image_shape, self.gf_dim, self.df_dim = image_shape, gf_dim, df_dim
        self.labels = labels
        self.augment_seed = augment_seed
        self.spectral_gain = spectral_gain
        self.training = training
        self.dropout_seed = dropout_seed
        self.batch_norm = batch_norm
        self.statistics = []  # one BatchStatistics for each batch norm of a training pass
        self.power_iterations = []  # (u, its next value) for each spectrally normalised kernel
        self.dropped = False  # whether a dropout was drawn
        self.output = None  # what the pass gave, where it is kept for a later update


def _variable(name, shape, initializer, trainable=True):
    """A float32 variable of the kind that the scope around says (reference or resource).

    An initializer without a seed of its own gets one that derives from the graph's
    (`tf.set_random_seed`) and the variable's full name: initial weights don't depend on the order
    in which a graph is built.
    """
    seed = derive_seed(tf.get_default_graph().seed, tf.get_variable_scope().name + '/' + name)
    return tf.get_variable(name, shape, tf.float32, seeded(initializer, seed), trainable=trainable)


def _shared(key, make, of=None):
    """What make() gives; once, inside sharing(), for passes whose graph need not be the original's."""
    return make() if _policies.open[-1].conv_impl == 'native' else shared(key, make, of)


def _kernel(name, shape, initializer, spectral_norm=None):
    """A kernel of `shape`, its last axis the filters; of spectral norm `spectral_gain` for a BatchContext.

    Source: Miyato et al., 2018, https://arxiv.org/abs/1802.05957.
    The largest singular value of the kernel as a matrix [everything else, filters] comes from
    one power iteration, which starts from the saved `u` [1, filters] and is recorded in the
    BatchContext; nothing moves until it is assigned.
    """
    kernel = variable = _variable(name, shape, initializer)
    if _policies.open[-1].conv_impl != 'native':
        kernel = shared('read', lambda: tf.convert_to_tensor(variable), variable)
    if spectral_norm is None:
        return kernel
    gain = spectral_norm.spectral_gain
    kernel, power_iteration = _shared(('normalised', gain), lambda: _normalised(kernel, gain), kernel)
    spectral_norm.power_iterations.append(power_iteration)
    return kernel


def _normalised(kernel, gain):
    """(the kernel with its spectral norm made `gain`, (the variable u, its next value))."""
    filters = kernel.shape.as_list()[-1]
    u = _variable('u', [1, filters], normal(1.0), trainable=False)
    matrix = tf.reshape(kernel, [-1, filters])
    v = tf.nn.l2_normalize(tf.matmul(u, matrix, transpose_b=True), epsilon=1e-12)  # [1, everything else]
    moved = tf.nn.l2_normalize(tf.matmul(v, matrix), epsilon=1e-12)                # [1, filters]
    v, moved = tf.stop_gradient(v), tf.stop_gradient(moved)
    norm = tf.reshape(tf.matmul(tf.matmul(v, matrix), moved, transpose_b=True), [])
    factor = tf.reciprocal(norm)  # the gradient of a quotient reads the kernel three times more
    return kernel * (factor if gain == 1 else factor * gain), (u, moved)


def _operands(*tensors):
    return [tf.cast(tensor, _policies.open[-1].precision) for tensor in tensors]


def _times(weights, gain):
    return weights if gain == 1 else _shared(('times', gain), lambda: weights * gain, weights)


def _add_bias(x, name, channels, use_bias, gain=1.0):
    if not use_bias:
        return x
    bias = _times(_variable(name, [channels], tf.zeros_initializer()), gain)
    if x.dtype == tf.float32:
        return tf.nn.bias_add(x, bias)
    # BiasAdd's gradient sums up in bfloat16 and is off by tens of percent; a broadcast's is not.
    return tf.add(x, tf.cast(bias, x.dtype), name='BiasAdd')


# The arguments that dense, conv2d and conv2d_transpose share: whether there is a bias; an
# initialiser, see initializers.py; the BatchContext in which the kernel is spectrally normalised, or None; the
# scope's name, None for the numbered one; and the names of kernel and bias.
NAMES = ('kernel', 'bias')


def dense(x, units, use_bias=True, kernel_initializer=GLOROT, spectral_norm=None, name=None, variables=NAMES):
    """Fully connected layer: [N, n] -> [N, units]; float32 for one unit."""
    with tf.variable_scope(name, default_name='dense'):
        kernel = _kernel(variables[0], [x.shape.as_list()[-1], units], kernel_initializer, spectral_norm)
        # A product with one column (a logit) takes as long as reading x: nothing to gain.
        x, kernel = _operands(x, kernel) if units > 1 else (tf.cast(x, tf.float32), kernel)
        return _add_bias(tf.matmul(x, kernel), variables[1], units, use_bias)


def conv2d(x, filters, kernel_size, strides=1, padding='SAME', use_bias=True,
           kernel_initializer=GLOROT, spectral_norm=None, name=None, variables=NAMES, gain=1.0):
    """Convolution: [N, H, W, C] -> [N, H', W', filters], multiplied by `gain`; see dropout_gain()."""
    _, height, width, channels = x.shape.as_list()
    with tf.variable_scope(name, default_name='conv2d'):
        kernel = _kernel(
            variables[0], [kernel_size, kernel_size, channels, filters], kernel_initializer, spectral_norm)
        convolve = Convolution(height, width, channels, kernel_size, strides, padding, _policies.open[-1].conv_impl)
        return _add_bias(convolve(*_operands(x), _times(kernel, gain)), variables[1], filters, use_bias, gain)


def conv2d_transpose(x, filters, kernel_size, strides=1, padding='SAME', use_bias=True,
                     kernel_initializer=GLOROT, size=None, name=None, variables=NAMES):
    """Transposed convolution: [N, H, W, C] -> [N, H', W', filters].

    H' = H * strides for 'SAME', (H - 1) * strides + kernel_size for 'VALID' (the kernels
    here are never smaller than their strides).
    size: another (H', W'), of which a convolution with these strides makes (H, W).
    """
    _, height, width, channels = x.shape.as_list()

    def out(size):
        return size * strides if padding == 'SAME' else (size - 1) * strides + kernel_size

    height, width = size or (out(height), out(width))
    with tf.variable_scope(name, default_name='conv2d_transpose'):
        kernel = _kernel(variables[0], [kernel_size, kernel_size, filters, channels], kernel_initializer)
        # The convolution whose gradient this is: from the output's geometry to the input's.
        convolve = Convolution(height, width, filters, kernel_size, strides, padding, _policies.open[-1].conv_impl)
        return _add_bias(convolve.transposed(*_operands(x), kernel), variables[1], filters, use_bias)


def upsample(x):
    """Nearest-neighbour: [N, H, W, C] -> [N, 2 H, 2 W, C]."""
    _, height, width, channels = x.shape.as_list()
    # Every pixel beside itself, then every row; at most four axes, which every runtime can do.
    x = tf.reshape(tf.concat([x, x], axis=3), [-1, height, 2 * width * channels])
    return tf.reshape(tf.concat([x, x], axis=2), [-1, 2 * height, 2 * width, channels])


def average_pool(x):
    """Means of 2x2: [N, H, W, C] -> [N, H / 2, W / 2, C], for even H and W."""
    return tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')


def batch_norm(x, ctx, momentum=0.99, epsilon=1e-3, fused_vectors=False, name=None, gain=1.0):
    """Batch normalisation over all axes but the last: [N, H, W, C] -> [N, H, W, C], or [N, C].

    In a training pass the batch's own mean and variance normalise, and are recorded in
    `ctx.statistics`; nothing moves until an op of moving_averages.updates() runs.
    Otherwise the moving averages normalise. The variance that normalises is the biased
    one in every form. Source: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167;
    constants of `tf.layers`.
    fused_vectors: whether `ctx.batch_norm`, 'fused' or not, is meant for vectors as well.
    gain: what the result is multiplied by; see dropout_gain().
    """
    channels = x.shape.as_list()[-1]
    with tf.variable_scope(name, default_name='batch_normalization'):
        gamma = _times(_variable('gamma', [channels], tf.ones_initializer()), gain)
        beta = _times(_variable('beta', [channels], tf.zeros_initializer()), gain)
        moving_mean = _variable('moving_mean', [channels], tf.zeros_initializer(), trainable=False)
        moving_variance = _variable('moving_variance', [channels], tf.ones_initializer(),
                                    trainable=False)
        if not ctx.training:
            return tf.cast(tf.nn.batch_normalization(
                tf.cast(x, tf.float32), moving_mean, moving_variance, beta, gamma, epsilon), x.dtype)
        bias = None
        if _policies.open[-1].conv_impl != 'native' and x.op.name.rsplit('/', 1)[-1] == 'BiasAdd':
            # Subtracting the mean takes the bias out again: all it does is to shift the mean.
            x, bias = x.op.inputs
            bias = bias.op.inputs[0] if bias.op.type == 'Cast' else bias  # not rounded
        if ctx.batch_norm == 'fused' and (x.shape.ndims == 4 or fused_vectors):
            pixels = x if x.shape.ndims == 4 else tf.reshape(x, [-1, 1, 1, channels])
            y, mean, variance = tf.nn.fused_batch_norm(pixels, gamma, beta, epsilon=epsilon)
            y = y if x.shape.ndims == 4 else tf.reshape(y, [-1, channels])
        else:
            exact = tf.cast(x, tf.float32)
            mean, variance = tf.nn.moments(exact, list(range(x.shape.ndims - 1)))
            y = tf.cast(tf.nn.batch_normalization(exact, mean, variance, beta, gamma, epsilon), x.dtype)
        if bias is not None:
            mean += bias
        ctx.statistics.append(
            BatchStatistics(moving_mean, moving_variance, mean, variance, momentum))
        return y


def flatten(x):
    """[N, H, W, C] -> [N, H * W * C]."""
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def with_labels(x, ctx):
    """The labels behind x's own channels, at every position: [N, ..., C] -> [N, ..., C + classes]."""
    labels = tf.cast(ctx.labels, x.dtype)
    if x.shape.ndims == 4:
        _, height, width, _ = x.shape.as_list()
        # Not tf.tile: OpenVINO 2026 draws nonsense with it where the batch may have any size.
        labels = tf.reshape(labels, [-1, 1, 1, labels.shape.as_list()[1]]) * tf.ones([1, height, width, 1], x.dtype)
    return tf.concat([x, labels], axis=x.shape.ndims - 1)


def leaky_relu(x, alpha):
    """max(alpha * x, x), for alpha in [0, 1]."""
    if _policies.open[-1].conv_impl == 'native':
        return tf.maximum(alpha * x, x)  # TensorFlow 1.0 has no LeakyRelu
    return tf.nn.leaky_relu(x, alpha)


def dropout_gain(keep_prob, ctx):
    """The gain of a layer before dropout(), by which dropout only has to set zeros: 1 / keep_prob, or 1.

    Multiplying a layer's few weights takes no time, multiplying every activation does; and a positive factor
    common to all of them passes through a leaky ReLU unchanged.
    """
    return 1.0 if ctx.dropout_seed is None or _policies.open[-1].conv_impl == 'native' else 1 / keep_prob


def dropout(x, keep_prob, ctx, gain=1.0):
    """x / keep_prob with probability `keep_prob` in [1/256, 1], else 0; the identity where dropout is off.

    gain: what x was multiplied by already: 1, or dropout_gain() with the same keep_prob.
    Masks are a function of the graph's seed, the layer's name, the pass's name and
    `ctx.dropout_seed` alone, so a resumed run draws the masks it would have drawn.
    """
    with tf.variable_scope(None, default_name='dropout') as scope:
        if ctx.dropout_seed is None:
            return x
        ctx.dropped = True

        def seeds(what):
            return tf.stack([derive_seed(tf.get_default_graph().seed, scope.name, ctx.name, what), ctx.dropout_seed])

        size = int(np.prod(x.shape.as_list()[1:]))
        # Random bits are what dropout spends its time on: 8 for each element do. What is kept is
        # those up to a limit, itself drawn between the two neighbours of keep_prob * 256, so that the
        # probability is exact: 0.8 is 204 of 256 in a fifth of the draws, 205 in the others.
        bits = tf.random.stateless_uniform([tf.shape(x)[0], -(-size // 4)], seeds('bits'),
                                           minval=-2 ** 31, maxval=2 ** 31 - 1, dtype=tf.int32)
        bits = tf.reshape(tf.bitcast(bits, tf.uint8), [-1, size + -size % 4])
        bits = bits[:, :size] if size % 4 else bits
        whole, rest = divmod(keep_prob * 256, 1)
        one_more = tf.random.stateless_uniform([], seeds('limit')) < rest
        limit = tf.cast(whole - 1 + tf.cast(one_more, tf.float32), tf.uint8)
        kept = tf.reshape(tf.less_equal(bits, limit), [-1] + x.shape.as_list()[1:])
        if gain != 1:
            return _zero_elsewhere(kept, x)
        return x * (tf.cast(kept, x.dtype) * tf.constant(1 / keep_prob, x.dtype))


def _zero_elsewhere(kept, x):
    """x where `kept`, else 0. TensorFlow's own gradient makes zeros anew."""
    zeros = tf.zeros_like(x)

    @tf.custom_gradient
    def select(x):
        return tf.where(kept, x, zeros), lambda dy: tf.where(kept, dy, zeros)

    return select(x)
