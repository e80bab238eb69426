"""Marks of tests that depend on TensorFlow's release."""

import pytest

from dcgan_tf1.util.devices import BFLOAT16_SINCE, RELEASE

# Slow, and nightly under TensorFlow 1.15.5: building graphs takes long there, and quicker tests cover the same.
SLOW_OR_NIGHTLY = pytest.mark.slow if RELEASE >= (2, 0) else pytest.mark.nightly
# Presets whose kinds of layers another preset has as well, in other sizes: what takes long is tested of them nightly.
REPEATING = ('cgan_cifar10', 'cgan_fashion_mnist', 'dcgan', 'resnet_mnist', 'sngan_mnist', 'tf_tutorial_101')
NEEDS_BFLOAT16 = pytest.mark.skipif(RELEASE < BFLOAT16_SINCE, reason='this TensorFlow lacks kernels for bfloat16')
