"""The variables of each preset, as 2017's graphs named them: {name: shape}.

blog_mnist's list was read off TensorFlow 1.0.1 itself, running the blog's graph on
`tf.layers` (tests/helpers/legacy_2017.py writes such checkpoints and is tested against this);
dcgan's and conditional_mnist's off carpedm20's program under TensorFlow 1.15.5. The key of a preset in
another mode than its first is `name:mode`, see key().
"""


def key(preset):
    """A preset's key in the tables below."""
    return preset.name if preset.mode is None else '{}:{}'.format(preset.name, preset.mode)


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


def _parts(layer):
    """What a layer's kernel and bias are called: those of carpedm20's, like g_h0_lin, have names of their own."""
    if layer.startswith(('g_', 'd_')):
        return ('Matrix', 'bias') if layer.endswith('_lin') else ('w', 'biases')
    return 'kernel', 'bias'


def _table(networks, adams, extra=()):
    """{scope: [(layer, kernel shape, bias or None) | (batch norm, channels)]} -> variables with Adam's slots."""
    trainable, others = {}, {}
    for scope, layers in networks.items():
        for layer, shape, *rest in layers:
            name = scope + '/' + layer
            if isinstance(shape, int):
                trainable.update(_batch_norm(name, shape))
                others.update(_averages(name, shape))
                continue
            kernel, bias = _parts(layer)
            trainable[name + '/' + kernel] = shape
            if rest[0] is not None:
                trainable[name + '/' + bias] = [rest[0]]
            if 'u' in rest:
                others[name + '/u'] = [1, shape[-1]]
    found = dict(_with_adam(trainable), **others)
    if adams == 1:
        del found['beta1_power_1'], found['beta2_power_1']
    if 'ema' in extra:
        found.update({name + '/ExponentialMovingAverage': shape for name, shape in trainable.items()
                      if name.startswith('generator/')})
    found.update({'seen_losses/' + name: [count] for count in extra if count != 'ema' for name in ('sums', 'counts')})
    return found


_TF_TUTORIAL = {
    'generator': [('dense', [100, 12544], None), ('batch_normalization', 12544),
                  ('conv2d_transpose', [5, 5, 128, 256], None), ('batch_normalization_1', 128),
                  ('conv2d_transpose_1', [5, 5, 64, 128], None), ('batch_normalization_2', 64),
                  ('conv2d_transpose_2', [5, 5, 1, 64], None)],
    'discriminator': [('conv2d', [5, 5, 1, 64], 64), ('conv2d_1', [5, 5, 64, 128], 128), ('dense', [6272, 1], 1)]}

_DENSE_DECODER = [('dense', [100, 128], 128), ('dense_1', [128, 256], 256), ('dense_2', [256, 784], 784)]

_KERAS_DENSE = {
    'generator': _DENSE_DECODER,
    'discriminator': [('dense', [784, 256], 256), ('dense_1', [256, 128], 128), ('dense_2', [128, 1], 1)]}

_CNTK = {
    'generator': [('dense', [100, 1024], 1024), ('batch_normalization', 1024), ('dense_1', [1024, 6272], 6272),
                  ('batch_normalization_1', 128), ('conv2d_transpose', [5, 5, 128, 128], 128),
                  ('batch_normalization_2', 128), ('conv2d_transpose_1', [5, 5, 1, 128], 1)],
    'discriminator': [('conv2d', [5, 5, 1, 1], 1), ('batch_normalization', 1), ('conv2d_1', [5, 5, 1, 64], 64),
                      ('batch_normalization_1', 64), ('dense', [1024, 1024], 1024), ('batch_normalization_2', 1024),
                      ('dense_1', [1024, 1], 1)]}


def _resnet(size, blocks, channels, g=256, d=128):
    """g, d: the networks' widths."""
    generator = [('dense', [128, size * size * g], size * size * g)]
    for number in range(1, blocks + 1):
        block = 'block_{}/'.format(number)
        generator += [(block + 'batch_normalization', g), (block + 'conv2d', [3, 3, g, g], g),
                      (block + 'batch_normalization_1', g), (block + 'conv2d_1', [3, 3, g, g], g),
                      (block + 'conv2d_2', [1, 1, g, g], g)]
    generator += [('batch_normalization', g), ('conv2d', [3, 3, g, channels], channels)]
    discriminator = []
    for number in range(1, 5):
        block, into = 'block_{}/'.format(number), channels if number == 1 else d
        discriminator += [(block + 'conv2d', [3, 3, into, d], d, 'u'), (block + 'conv2d_1', [3, 3, d, d], d, 'u')]
        if number <= 2:
            discriminator.append((block + 'conv2d_2', [1, 1, into, d], d, 'u'))
    return {'generator': generator, 'discriminator': discriminator + [('dense', [d, 1], 1, 'u')]}


def _sngan(channels, classes=0):
    generator = [('dense', [100 + classes, 8192], 8192)]
    for number, (out, into) in enumerate(zip((256, 128, channels), (512, 256, 128))):
        end = '_{}'.format(number) if number else ''
        generator += [('batch_normalization' + end, into), ('conv2d_transpose' + end, [4, 4, out, into], out)]
        if classes:  # the batch norm's scale and shift by the labels
            generator += [('dense_{}'.format(2 * number + i), [classes, into], None) for i in (1, 2)]
    discriminator = [('conv2d' + end, [4, 4, into, out], out, 'u') for end, into, out in (
        ('', channels, 128), ('_1', 128, 256), ('_2', 256, 512))] + [('dense', [8192, 1], 1, 'u')]
    if classes:
        discriminator.append(('dense_1', [classes, 8192], None, 'u'))
    return {'generator': generator, 'discriminator': discriminator}


_CARPEDM20_DCGAN = {
    'generator': [('g_h0_lin', [100, 8192], 8192), ('g_bn0', 512), ('g_h1', [5, 5, 256, 512], 256), ('g_bn1', 256),
                  ('g_h2', [5, 5, 128, 256], 128), ('g_bn2', 128), ('g_h3', [5, 5, 64, 128], 64), ('g_bn3', 64),
                  ('g_h4', [5, 5, 3, 64], 3)],
    'discriminator': [('d_h0_conv', [5, 5, 3, 64], 64), ('d_h1_conv', [5, 5, 64, 128], 128), ('d_bn1', 128),
                      ('d_h2_conv', [5, 5, 128, 256], 256), ('d_bn2', 256), ('d_h3_conv', [5, 5, 256, 512], 512),
                      ('d_bn3', 512), ('d_h4_lin', [8192, 1], 1)]}

_CONDITIONAL_MNIST = {
    'generator': [('g_h0_lin', [110, 1024], 1024), ('g_bn0', 1024), ('g_h1_lin', [1034, 6272], 6272), ('g_bn1', 6272),
                  ('g_h2', [5, 5, 128, 138], 128), ('g_bn2', 128), ('g_h3', [5, 5, 1, 138], 1)],
    'discriminator': [('d_h0_conv', [5, 5, 11, 11], 11), ('d_h1_conv', [5, 5, 21, 74], 74), ('d_bn1', 74),
                      ('d_h2_lin', [3636, 1024], 1024), ('d_bn2', 1024), ('d_h3_lin', [1034, 1], 1)]}


def _autoencoder(codes):
    return {'decoder': _DENSE_DECODER,
            'encoder': [('dense', [784, 256], 256), ('dense_1', [256, 128], 128)]
            + [('dense_{}'.format(2 + i), [128, 100], 100) for i in range(codes)]}


VARIABLES = {
    'blog_mnist': _dcgan(1), 'blog_cifar_horse': _dcgan(3), 'blog_dense': _dense(),
    'tf_tutorial': _table(_TF_TUTORIAL, 2), 'tf_tutorial_101': _table(_TF_TUTORIAL, 2),
    'keras_dense': _table(_KERAS_DENSE, 2, (3,)), 'cntk': _table(_CNTK, 2, (4,)),
    'resnet_mnist': _table(_resnet(7, 2, 1), 2, ('ema',)),
    'resnet_cifar_horse': _table(_resnet(4, 3, 3), 2, ('ema',)),
    'resnet_mnist:small': _table(_resnet(7, 2, 1, 64, 32), 2, ('ema',)),
    'resnet_cifar_horse:small': _table(_resnet(4, 3, 3, 64, 32), 2, ('ema',)),
    'sngan_mnist': _table(_sngan(1), 2, ('ema',)),
    'sngan_cifar_horse': _table(_sngan(3), 2, ('ema',)),
    'cgan_mnist': _table(_sngan(1, 10), 2, ('ema',)),
    'cgan_fashion_mnist': _table(_sngan(1, 10), 2, ('ema',)),
    'cgan_cifar10': _table(_sngan(3, 10), 2, ('ema',)),
    'dcgan': _table(_CARPEDM20_DCGAN, 2), 'conditional_mnist': _table(_CONDITIONAL_MNIST, 2),
    'autoencoder': _table(_autoencoder(1), 1), 'vae': _table(_autoencoder(2), 1)}

# What the names of each network's powers of Adam end in: of the networks that learn apart, the first made has no
# number. The blog's DCGAN makes the generator's first, its dense GAN the discriminator's.
POWERS = {name: {'generator': '', 'discriminator': '_1'} for name in VARIABLES}
POWERS['blog_dense'] = POWERS['dcgan'] = POWERS['conditional_mnist'] = {'generator': '_1', 'discriminator': ''}
POWERS['autoencoder'] = POWERS['vae'] = {'decoder': '', 'encoder': ''}

# Shapes of the layers' outputs, without N, in order, as the source documents have them. (The
# ResNets' shortcuts convolve before they up-sample and after they pool, which is the same.)
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
    'tf_tutorial': {
        'generator': [('conv2d_transpose', [7, 7, 128]), ('conv2d_transpose_1', [14, 14, 64]),
                      ('conv2d_transpose_2', [28, 28, 1])],
        'discriminator': [('conv2d', [14, 14, 64]), ('conv2d_1', [7, 7, 128]), ('dense', [1])]},
    'keras_dense': {
        'generator': [('dense', [128]), ('dense_1', [256]), ('dense_2', [784])],
        'discriminator': [('dense', [256]), ('dense_1', [128]), ('dense_2', [1])]},
    'cntk': {
        'generator': [('dense', [1024]), ('dense_1', [6272]), ('conv2d_transpose', [14, 14, 128]),
                      ('conv2d_transpose_1', [28, 28, 1])],
        'discriminator': [('conv2d', [12, 12, 1]), ('conv2d_1', [4, 4, 64]), ('dense', [1024]), ('dense_1', [1])]},
    'resnet_mnist': {
        'generator': [('dense', [12544]), ('block_1/conv2d_1', [14, 14, 256]), ('block_2/conv2d_1', [28, 28, 256]),
                      ('block_2/conv2d_2', [14, 14, 256]), ('conv2d', [28, 28, 1])],
        'discriminator': [('block_1/conv2d_1', [28, 28, 128]), ('block_1/conv2d_2', [14, 14, 128]),
                          ('block_2/conv2d', [14, 14, 128]), ('block_2/conv2d_2', [7, 7, 128]),
                          ('block_3/conv2d', [7, 7, 128]), ('block_4/conv2d_1', [7, 7, 128]), ('dense', [1])]},
    'resnet_cifar_horse': {
        'generator': [('dense', [4096]), ('block_1/conv2d_1', [8, 8, 256]), ('block_2/conv2d_1', [16, 16, 256]),
                      ('block_3/conv2d_1', [32, 32, 256]), ('conv2d', [32, 32, 3])],
        'discriminator': [('block_1/conv2d_1', [32, 32, 128]), ('block_1/conv2d_2', [16, 16, 128]),
                          ('block_2/conv2d_2', [8, 8, 128]), ('block_3/conv2d', [8, 8, 128]),
                          ('block_4/conv2d_1', [8, 8, 128]), ('dense', [1])]},
    'dcgan': {
        'generator': [('g_h0_lin', [8192]), ('g_h1', [8, 8, 256]), ('g_h2', [16, 16, 128]), ('g_h3', [32, 32, 64]),
                      ('g_h4', [64, 64, 3])],
        'discriminator': [('d_h0_conv', [32, 32, 64]), ('d_h1_conv', [16, 16, 128]), ('d_h2_conv', [8, 8, 256]),
                          ('d_h3_conv', [4, 4, 512]), ('d_h4_lin', [1])]},
    'conditional_mnist': {
        'generator': [('g_h0_lin', [1024]), ('g_h1_lin', [6272]), ('g_h2', [14, 14, 128]), ('g_h3', [28, 28, 1])],
        'discriminator': [('d_h0_conv', [14, 14, 11]), ('d_h1_conv', [7, 7, 74]), ('d_h2_lin', [1024]),
                          ('d_h3_lin', [1])]},
    'autoencoder': {
        'decoder': [('dense', [128]), ('dense_1', [256]), ('dense_2', [784])],
        'encoder': [('dense', [256]), ('dense_1', [128]), ('dense_2', [100])]},
    'vae': {
        'decoder': [('dense', [128]), ('dense_1', [256]), ('dense_2', [784])],
        'encoder': [('dense', [256]), ('dense_1', [128]), ('dense_2', [100]), ('dense_3', [100])]},
}
OUTPUTS['tf_tutorial_101'] = OUTPUTS['tf_tutorial']
for _name in ('resnet_mnist', 'resnet_cifar_horse'):
    OUTPUTS[_name + ':small'] = {  # but for the images and the logit, a quarter of the width
        scope: [(layer, shape[:-1] + [shape[-1] // 4 if shape[-1] > 3 else shape[-1]]) for layer, shape in layers]
        for scope, layers in OUTPUTS[_name].items()}
for _name, _like in (('sngan_mnist', 'blog_mnist'), ('sngan_cifar_horse', 'blog_cifar_horse')):
    OUTPUTS[_name] = OUTPUTS[_like]
OUTPUTS['cgan_mnist'] = OUTPUTS['cgan_fashion_mnist'] = OUTPUTS['sngan_mnist']
OUTPUTS['cgan_cifar10'] = OUTPUTS['sngan_cifar_horse']
