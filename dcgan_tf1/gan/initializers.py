"""Initial weights: what a layer takes as `kernel_initializer`.

That is a function of a seed that returns an initializer of TensorFlow, as those below return one, or an initializer of
TensorFlow itself.
"""

import tensorflow.compat.v1 as tf


def glorot_uniform(gain=1.0):
    """Uniform with variance gain^2 * 2 / (fan in + fan out): Glorot and Bengio, 2010 ("Xavier").

    Source: https://proceedings.mlr.press/v9/glorot10a.html
    """
    return lambda seed: tf.variance_scaling_initializer(gain ** 2, 'fan_avg', 'uniform', seed=seed)


GLOROT = glorot_uniform()  # the default of tf.layers


def normal(stddev):
    """Normal with mean 0."""
    return lambda seed: tf.random_normal_initializer(0.0, stddev, seed=seed)


def truncated_normal(stddev):
    """Normal with mean 0; values more than two standard deviations away from it are drawn again."""
    return lambda seed: tf.truncated_normal_initializer(0.0, stddev, seed=seed)


def seeded(initializer, seed):
    """An initializer of TensorFlow, of one or of a function of a seed; one that has a seed keeps it."""
    if not hasattr(initializer, 'get_config'):
        return initializer(seed)
    config = initializer.get_config()
    if 'seed' not in config or config['seed'] is not None:
        return initializer  # constants, and what its owner has seeded
    return type(initializer).from_config(dict(config, seed=seed))  # a copy: others may share the original
