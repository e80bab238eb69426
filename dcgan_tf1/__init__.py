"""The 2017 TensorFlow-1 graph-mode DCGAN, on TensorFlow 1.15 and 2.16 to 2.21."""

__version__ = '0.1.0'
