"""The layers of 2017's `tf.layers`, written on `tf.get_variable`.

Same variable names, shapes, initial distributions and defaults as `tf.layers` in
TensorFlow 1.x, without Keras, so that they exist in every release. Every layer opens a
variable scope named after itself (`dense`, `dense_1`, ...); re-entering the network's
scope restarts the numbering, which is how a second pass finds the variables of the first.

Tensors are float32, images [N, H, W, C], kernels [height, width, in, out]; those of
`conv2d_transpose` are [height, width, out, in].
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.seeds import derive_seed

# What one batch norm saw in one pass, and the averages that should move towards it.
BatchStatistics = collections.namedtuple(
    'BatchStatistics', 'moving_mean moving_variance mean variance momentum')


class Pass:
    """One pass of a network over one batch: how its batch norm and dropout behave.

    Args:
      name: the pass, e.g. 'real' or 'fake'; dropout masks differ between names.
      training: whether batch norm normalises by the batch's own statistics (and records
        them in `statistics`) or by its moving averages.
      draw: scalar int32 tensor that selects the dropout masks: equal values draw equal
        masks, different ones independent masks. None switches dropout off.
      batch_norm: 'fused' for the kernel of current releases, whose batch variance carries
        Bessel's correction N/(N-1) when it enters the moving average; 'moments' for the
        unfused form of TensorFlow 1.0.1, with the biased variance.
    """

    def __init__(self, name, training, draw=None, batch_norm='fused'):
        self.name = name
        self.training = training
        self.draw = draw
        self.batch_norm = batch_norm
        self.statistics = []  # one BatchStatistics for each batch norm of a training pass


def _variable(name, shape, initializer=None, trainable=True):
    """A reference variable (not a resource one), as TensorFlow 1.0 made them.

    Without an initializer it is Glorot-uniform, its seed derived from the graph's seed
    (`tf.set_random_seed`) and the variable's full name: initial weights don't depend on
    the order in which a graph is built.
    """
    if initializer is None:
        full_name = tf.get_variable_scope().name + '/' + name
        initializer = tf.glorot_uniform_initializer(
            seed=derive_seed(tf.get_default_graph().seed, full_name))
    return tf.get_variable(name, shape, tf.float32, initializer,
                           trainable=trainable, use_resource=False)


def dense(x, units):
    """Fully connected layer with bias: [N, n] -> [N, units]."""
    with tf.variable_scope(None, default_name='dense'):
        kernel = _variable('kernel', [x.shape.as_list()[-1], units])
        bias = _variable('bias', [units], tf.zeros_initializer())
        return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def conv2d(x, filters, kernel_size, stride=1, padding='SAME'):
    """Convolution with bias: [N, H, W, C] -> [N, H', W', filters]."""
    with tf.variable_scope(None, default_name='conv2d'):
        kernel = _variable('kernel', [kernel_size, kernel_size, x.shape.as_list()[-1], filters])
        bias = _variable('bias', [filters], tf.zeros_initializer())
        x = tf.nn.conv2d(x, kernel, strides=[1, stride, stride, 1], padding=padding)
        return tf.nn.bias_add(x, bias)


def conv2d_transpose(x, filters, kernel_size, stride=1, padding='SAME'):
    """Transposed convolution with bias: [N, H, W, C] -> [N, H', W', filters].

    H' = H * stride for 'SAME', (H - 1) * stride + kernel_size for 'VALID' (the kernels
    here are never smaller than their stride).
    """
    _, height, width, channels = x.shape.as_list()

    def out(size):
        return size * stride if padding == 'SAME' else (size - 1) * stride + kernel_size

    with tf.variable_scope(None, default_name='conv2d_transpose'):
        kernel = _variable('kernel', [kernel_size, kernel_size, filters, channels])
        bias = _variable('bias', [filters], tf.zeros_initializer())
        shape = [out(height), out(width), filters]
        x = tf.nn.conv2d_transpose(x, kernel, tf.stack([tf.shape(x)[0]] + shape),
                                   strides=[1, stride, stride, 1], padding=padding)
        x.set_shape([None] + shape)
        return tf.nn.bias_add(x, bias)


def batch_norm(x, net_pass, momentum=0.99, epsilon=1e-3):
    """Batch normalisation over all axes but the last: [N, H, W, C] -> [N, H, W, C].

    In a training pass the batch's own mean and variance normalise, and are recorded in
    `net_pass.statistics`; nothing moves until an op of `moving_average_updates` runs.
    Otherwise the moving averages normalise. The variance that normalises is the biased
    one in every form. Source: Ioffe and Szegedy, 2015; constants of `tf.layers`.
    """
    channels = x.shape.as_list()[-1]
    with tf.variable_scope(None, default_name='batch_normalization'):
        gamma = _variable('gamma', [channels], tf.ones_initializer())
        beta = _variable('beta', [channels], tf.zeros_initializer())
        moving_mean = _variable('moving_mean', [channels], tf.zeros_initializer(), trainable=False)
        moving_variance = _variable('moving_variance', [channels], tf.ones_initializer(),
                                    trainable=False)
        if not net_pass.training:
            return tf.nn.batch_normalization(x, moving_mean, moving_variance, beta, gamma, epsilon)
        if net_pass.batch_norm == 'fused':
            y, mean, variance = tf.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon)
        else:
            mean, variance = tf.nn.moments(x, list(range(x.shape.ndims - 1)))
            y = tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
        net_pass.statistics.append(
            BatchStatistics(moving_mean, moving_variance, mean, variance, momentum))
        return y


def moving_average_updates(net_pass):
    """Builds the ops that move every average towards what `net_pass` saw.

    Each reads its average when it runs, after the control dependencies in force when this
    is called: call it under those of another pass's updates to fix the order of two.
    """
    with tf.name_scope('moving_averages'):
        updates = []
        for seen in net_pass.statistics:
            for average, value in ((seen.moving_mean, seen.mean),
                                   (seen.moving_variance, seen.variance)):
                # read_value() reads anew; the variable itself would give the cached read,
                # which ignores the control dependencies.
                step = (average.read_value() - value) * (1 - seen.momentum)
                updates.append(tf.assign_sub(average, step))
        return updates


def leaky_relu(x, leak):
    """max(leak * x, x), for leak in [0, 1]."""
    return tf.maximum(leak * x, x)


def dropout(x, keep, net_pass):
    """x / keep * floor(keep + u), u uniform in [0, 1); the identity where dropout is off.

    u is a function of the graph's seed, the layer's name, the pass's name and
    `net_pass.draw` alone, so a resumed run draws the masks it would have drawn.
    """
    with tf.variable_scope(None, default_name='dropout') as scope:
        if net_pass.draw is None:
            return x
        seed = derive_seed(tf.get_default_graph().seed, scope.name, net_pass.name)
        uniform = tf.random.stateless_uniform(tf.shape(x), tf.stack([seed, net_pass.draw]))
        uniform.set_shape(x.shape)
        return x / keep * tf.floor(keep + uniform)
