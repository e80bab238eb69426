"""What a step computes in, and by which operations: the choices and their names. Needs no TensorFlow."""

import collections

PRECISIONS = ('float32', 'bfloat16', 'float16')
# See gan/convolutions.py, which has them.
CONV_IMPLS = ('native', 'matmul', 'mixed')
# As the flags take them; devices.choose_compute_policy() says what 'auto' is on a device.
PRECISION_CHOICES = ('auto',) + PRECISIONS
CONV_IMPL_CHOICES = ('auto',) + CONV_IMPLS

_ComputePolicy = collections.namedtuple('ComputePolicy', [
    'precision',  # of PRECISIONS: of products, and of the tensors between layers
    # Of CONV_IMPLS: 'native' is TensorFlow's kernels, the others faster ways to the same values; or MEASURED, by
    # `convolutions`. To a layer it may be that table itself.
    'conv_impl',
    'reason',     # of the precision, for people; None where it was asked for
    'warning',    # a sentence where it is not what was asked for, or None
    'convolutions',  # of MEASURED, the table that training/lowering.py has of what is the fastest; else None
])
_ComputePolicy.__new__.__defaults__ = ('float32', 'native', None, None, None)
MEASURED = 'measured'


class ComputePolicy(_ComputePolicy):
    """What a graph computes in, and how."""

    @property
    def why(self):
        """What is computed in, and why, for the log."""
        return '{}, {} convolutions{}'.format(
            self.precision, self.conv_impl, '' if self.reason is None else ' ({})'.format(self.reason))

    @property
    def built_by(self):
        """What a graph is built with as its conv_impl."""
        return self.conv_impl if self.convolutions is None else self.convolutions
