"""Marks of tests that depend on TensorFlow's release."""

import pytest

from helpers.places import RELEASE

# Slow, and nightly under TensorFlow 1.15.5: building graphs takes long there, and quicker tests cover the same.
SLOW_OR_NIGHTLY = pytest.mark.slow if RELEASE >= (2, 0) else pytest.mark.nightly
