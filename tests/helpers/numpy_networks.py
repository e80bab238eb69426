"""The networks of the sngan, cgan, cntk and ResNet presets in NumPy alone, as the papers and the sources have them.

A network is a function of its input, its variables {name: array} and, where it takes some, one-hot labels.
"""

import numpy as np


def convolve(x, kernel, strides=1, padding='SAME'):
    """[N, H, W, C] by [k, k, C, F] -> [N, H', W', F]."""
    size = kernel.shape[0]
    if padding == 'SAME':
        around = [_padding(length, size, strides) for length in x.shape[1:3]]
        x = np.pad(x, [(0, 0)] + around + [(0, 0)], 'constant')
    rows, columns = [(length - size) // strides + 1 for length in x.shape[1:3]]
    return sum(np.tensordot(x[:, i:i + strides * rows:strides, j:j + strides * columns:strides][:, :rows, :columns],
                            kernel[i, j], 1) for i in range(size) for j in range(size))


def _padding(length, size, strides):
    total = max((-(-length // strides) - 1) * strides + size - length, 0)
    return total // 2, total - total // 2


def transpose(x, kernel, strides, padding='SAME'):
    """The transposed convolution: [N, H, W, C] by [k, k, F, C] -> [N, H', W', F]."""
    size, (count, height, width, _) = kernel.shape[0], x.shape
    full = np.zeros((count, (height - 1) * strides + size, (width - 1) * strides + size, kernel.shape[2]))
    for i in range(size):
        for j in range(size):
            full[:, i:i + strides * height:strides, j:j + strides * width:strides][:, :height, :width] += np.tensordot(
                x, kernel[i, j].T, 1)
    if padding == 'VALID':
        return full
    (top, _), (left, _) = [_padding(length * strides, size, strides) for length in (height, width)]
    return full[:, top:top + height * strides, left:left + width * strides]


def relu(x, slope=0.0):
    return np.where(x > 0, x, slope * x)


class Variables:
    """One network's variables; its layers take them in the order in which `tf.layers` numbers them."""

    def __init__(self, values, scope, training, gain=1.0):
        self._values, self._scope, self._training, self._gain = values, scope, training, gain
        self._counts = {}

    def within(self, name):
        return Variables(self._values, self._scope + '/' + name, self._training, self._gain)

    def _next(self, kind):
        number = self._counts[kind] = self._counts.get(kind, -1) + 1
        prefix = '{}/{}{}/'.format(self._scope, kind, '_{}'.format(number) if number else '')
        return {name[len(prefix):]: value for name, value in self._values.items() if name.startswith(prefix)}

    def _kernel(self, own):
        kernel = own['kernel'].astype(np.float64)
        if 'u' not in own:
            return kernel
        matrix = kernel.reshape(-1, kernel.shape[-1])
        v = matrix.dot(own['u'][0])
        v /= np.linalg.norm(v)
        return kernel * self._gain / np.linalg.norm(v.dot(matrix))

    def dense(self, x):
        own = self._next('dense')
        return x.dot(self._kernel(own)) + own.get('bias', 0)

    def conv(self, x, strides=1, padding='SAME'):
        own = self._next('conv2d')
        return convolve(x, self._kernel(own), strides, padding) + own['bias']

    def deconv(self, x, strides, padding='SAME'):
        own = self._next('conv2d_transpose')
        return transpose(x, own['kernel'].astype(np.float64), strides, padding) + own['bias']

    def norm(self, x, epsilon=1e-3):
        own, axes = self._next('batch_normalization'), tuple(range(x.ndim - 1))
        mean, variance = ((x.mean(axes), x.var(axes)) if self._training
                          else (own['moving_mean'], own['moving_variance']))
        return (x - mean) / np.sqrt(variance + epsilon) * own['gamma'] + own['beta']


def sngan_generator(z, variables, labels=None):
    def norm(x):
        x = variables.norm(x)
        if labels is None:
            return relu(x, 0.2)
        scale, shift = variables.dense(labels), variables.dense(labels)
        return relu(x * (1 + scale[:, None, None]) + shift[:, None, None], 0.2)

    of_mnist = variables._values['generator/conv2d_transpose_2/kernel'].shape[2] == 1
    x = variables.dense(z if labels is None else np.concatenate([z, labels], axis=1)).reshape(-1, 4, 4, 512)
    x = variables.deconv(norm(x), *((1, 'VALID') if of_mnist else (2,)))
    x = variables.deconv(norm(x), 2)
    return np.tanh(variables.deconv(norm(x), 2))


def sngan_discriminator(x, variables, labels=None):
    for _ in range(3):
        x = relu(variables.conv(x, 2), 0.1)
    x = x.reshape(len(x), -1)
    logits = variables.dense(x)
    return logits if labels is None else logits + (variables.dense(labels) * x).sum(axis=1, keepdims=True)


def cntk_generator(z, variables):
    x = relu(variables.norm(variables.dense(z), 1e-5))
    x = relu(variables.norm(variables.dense(x).reshape(-1, 7, 7, 128), 1e-5))
    x = relu(variables.norm(variables.deconv(x, 2), 1e-5))
    return 1 / (1 + np.exp(-variables.deconv(x, 2)))


def cntk_discriminator(x, variables):
    for _ in range(2):
        x = relu(variables.norm(variables.conv(x, 2, 'VALID'), 1e-5), 0.2)
    x = relu(variables.norm(variables.dense(x.reshape(len(x), -1)), 1e-5), 0.2)
    return variables.dense(x)


def _doubled(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _halved(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def resnet_generator(z, variables):
    x = variables.dense(z)
    side, blocks = (7, 2) if x.shape[1] % 49 == 0 else (4, 3)
    x = x.reshape(len(x), side, side, -1)
    for number in range(blocks):
        block = variables.within('block_{}'.format(number + 1))
        y = block.conv(_doubled(relu(block.norm(x))))
        y = block.conv(relu(block.norm(y)))
        x = y + block.conv(_doubled(x))
    return np.tanh(variables.conv(relu(variables.norm(x))))


def resnet_discriminator(x, variables):
    for number in range(4):
        block = variables.within('block_{}'.format(number + 1))
        y = block.conv(x if number == 0 else relu(x))
        y = block.conv(relu(y))
        x = _halved(y) + block.conv(_halved(x)) if number < 2 else y + x
    return variables.dense(relu(x).sum(axis=(1, 2)))
