"""What a step computes in, and by which operations: the choices and their names. Needs no TensorFlow."""

import collections

PRECISIONS = ('float32', 'bfloat16', 'float16')
# See gan/convolutions.py, which has them.
CONV_IMPLS = ('native', 'matmul', 'mixed')
# As the flags take them; devices.choose_compute_policy() says what 'auto' is on a device.
PRECISION_CHOICES = ('auto',) + PRECISIONS
CONV_IMPL_CHOICES = ('auto',) + CONV_IMPLS

ComputePolicy = collections.namedtuple('ComputePolicy', [
    'precision',  # of PRECISIONS: of products, and of the tensors between layers
    'conv_impl',  # of CONV_IMPLS: 'native' is TensorFlow's kernels, the others faster ways to the same values
    'why',        # a sentence for the log
    'warning',    # a sentence where it is not what was asked for, or None
])
ComputePolicy.__new__.__defaults__ = ('float32', 'native', '', None)
