"""The 2017 TensorFlow-1 graph-mode DCGAN, on every TensorFlow from 1.15 to 2.21."""

__version__ = '0.1.0'
