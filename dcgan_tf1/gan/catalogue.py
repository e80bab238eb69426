"""The names of the presets, and what else help texts name; needs no TensorFlow, which the modules of these import."""

import collections
import numbers
import sys

# {name: title}, in the order of presets.PRESETS, whose titles these are.
PRESET_TITLES = collections.OrderedDict([
    ('blog_mnist', "the 2017 blog's DCGAN on MNIST"),
    ('blog_cifar_horse', "the 2017 blog's DCGAN on the horses of CIFAR-10"),
    ('blog_dense', 'the fully connected GAN that the 2017 blog compares with'),
    ('tf_tutorial', "the DCGAN of TensorFlow's own tutorial"),
    ('tf_tutorial_101', "a variant of TensorFlow's tutorial: epochs 0 to 100, no leaky ReLU after the dense layer"),
    ('keras_dense', 'the plain fully connected GAN of the introductory source'),
    ('cntk', "the DCGAN of CNTK's tutorial"),
    ('resnet_mnist', 'a ResNet GAN with spectral normalisation on MNIST'),
    ('resnet_cifar_horse', 'a ResNet GAN with spectral normalisation on the horses of CIFAR-10'),
    ('sngan_mnist', "the 2017 blog's layers, in 4x4, with spectral normalisation, on MNIST"),
    ('sngan_cifar_horse', "the 2017 blog's layers, in 4x4, with spectral normalisation, on the horses of CIFAR-10"),
    ('cgan_mnist', 'a conditional GAN on MNIST: digits of the class that one asks for'),
    ('cgan_fashion_mnist', 'a conditional GAN on Fashion-MNIST: clothes of the class that one asks for'),
    ('cgan_cifar10', 'a conditional GAN on CIFAR-10: photographs of the class that one asks for'),
    ('dcgan', "carpedm20's DCGAN, on pictures of any size"),
    ('conditional_mnist', "carpedm20's conditional DCGAN on MNIST"),
    ('autoencoder', 'a plain autoencoder, sampled by decoding random codes'),
    ('vae', 'a variational autoencoder'),
])

# {name: its modes}, of the presets that have some.
MODES = collections.OrderedDict([
    ('cntk', ('fast', 'slow')), ('resnet_mnist', ('full', 'small')), ('resnet_cifar_horse', ('full', 'small'))])

# Functions of losses.py that are a GAN's, and those of augmentation.py.
GAN_LOSSES = ('smoothed_labels', 'smoothed_losses', 'halves', 'log_probabilities', 'hinge')
SMOOTHING_LOSSES = GAN_LOSSES[:3]  # those that read Preset.smoothing
AUGMENTATIONS = ('translation', 'color', 'cutout')

# What Preset.noise may be, in words.
NOISES = collections.OrderedDict((
    ('uniform', 'uniform in [-1, 1)'), ('normal', 'normal, mean 0, variance 1'), ('uniform01', 'uniform in [0, 1)')))
SCALINGS = ('bytes', 'minmax')  # what Preset.scaling may be

# The presets whose networks follow the image's size, for messages and help texts.
SIZED = ('dcgan', 'blog_cifar_horse', 'blog_dense', 'tf_tutorial', 'tf_tutorial_101', 'keras_dense', 'resnet_mnist',
         'resnet_cifar_horse', 'sngan_cifar_horse', 'cgan_cifar10', 'autoencoder', 'vae')


def mode_names(name):
    """The names of a preset's modes, () where it has none; of one that is registered later only when it is."""
    presets = sys.modules.get('dcgan_tf1.gan.presets')
    return MODES.get(name, ()) if presets is None else tuple(presets.PRESETS[name].modes)


def preset_names():
    """The names of the presets, also of those that a program or a file of the user's has registered."""
    presets = sys.modules.get('dcgan_tf1.gan.presets')
    return tuple(PRESET_TITLES if presets is None else presets.PRESETS)


def is_temperature(value):
    """Whether noise can be multiplied by a value: beyond these limits float32 soon tells numbers no longer apart."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 1e-3 <= value <= 1e3
