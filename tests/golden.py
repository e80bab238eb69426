"""The variables of each preset, as 2017's graphs named them: {name: shape}.

blog_mnist's list was read off TensorFlow 1.0.1 itself, running the blog's graph on
`tf.layers` (tests/legacy_2017.py writes such checkpoints and is tested against this).
"""


def _layer(name, kernel, bias):
    return {name + '/kernel': kernel, name + '/bias': [bias]}


def _batch_norm(name, channels):
    return {name + '/gamma': [channels], name + '/beta': [channels]}


def _averages(name, channels):
    return {name + '/moving_mean': [channels], name + '/moving_variance': [channels]}


def _with_adam(trainable):
    found = dict(trainable)
    for name, shape in trainable.items():
        found[name + '/Adam'] = found[name + '/Adam_1'] = shape
    found.update({name: [] for name in ('beta1_power', 'beta2_power', 'beta1_power_1', 'beta2_power_1')})
    return found


def _dcgan(channels):
    trainable, averages = {}, {}
    for scope, layers in (
            ('generator/', [('dense', [100, 8192], 8192), ('conv2d_transpose', [4, 4, 256, 512], 256),
                            ('conv2d_transpose_1', [3, 3, 128, 256], 128),
                            ('conv2d_transpose_2', [3, 3, channels, 128], channels)]),
            ('discriminator/', [('conv2d', [3, 3, channels, 128], 128), ('conv2d_1', [3, 3, 128, 256], 256),
                                ('conv2d_2', [3, 3, 256, 512], 512), ('dense', [8192, 1], 1)])):
        for name, shape, bias in layers:
            trainable.update(_layer(scope + name, shape, bias))
    for name, width in (('generator/batch_normalization', 512), ('generator/batch_normalization_1', 256),
                        ('generator/batch_normalization_2', 128), ('discriminator/batch_normalization', 256),
                        ('discriminator/batch_normalization_1', 512)):
        trainable.update(_batch_norm(name, width))
        averages.update(_averages(name, width))
    return dict(_with_adam(trainable), **averages)


def _dense():
    trainable = {}
    for name, shape, bias in (
            ('generator/dense', [100, 128], 128), ('generator/dense_1', [128, 784], 784),
            ('discriminator/dense', [784, 128], 128), ('discriminator/dense_1', [128, 1], 1)):
        trainable.update(_layer(name, shape, bias))
    return _with_adam(trainable)


VARIABLES = {'blog_mnist': _dcgan(1), 'blog_cifar_horse': _dcgan(3), 'blog_dense': _dense()}

# Shapes of the layers' outputs, without N, in order, as the source documents have them.
OUTPUTS = {
    'blog_mnist': {
        'generator': [('dense', [8192]), ('conv2d_transpose', [7, 7, 256]), ('conv2d_transpose_1', [14, 14, 128]),
                      ('conv2d_transpose_2', [28, 28, 1])],
        'discriminator': [('conv2d', [14, 14, 128]), ('conv2d_1', [7, 7, 256]), ('conv2d_2', [4, 4, 512]),
                          ('dense', [1])]},
    'blog_cifar_horse': {
        'generator': [('dense', [8192]), ('conv2d_transpose', [8, 8, 256]), ('conv2d_transpose_1', [16, 16, 128]),
                      ('conv2d_transpose_2', [32, 32, 3])],
        'discriminator': [('conv2d', [16, 16, 128]), ('conv2d_1', [8, 8, 256]), ('conv2d_2', [4, 4, 512]),
                          ('dense', [1])]},
    'blog_dense': {
        'generator': [('dense', [128]), ('dense_1', [784])],
        'discriminator': [('dense', [128]), ('dense_1', [1])]},
}
