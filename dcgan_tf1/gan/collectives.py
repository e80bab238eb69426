"""What several workers that compute the same graph exchange: sums over all of them, and the chief's variables."""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

SyncOps = collections.namedtuple('SyncOps', [
    'stop_request',  # placeholder, float32 [1]: 1 where this worker is to stop after the call
    'stop_votes',    # float32 [1]: how many workers are to stop; evaluating it runs the loop's `train`
    'sync',          # op: gives all workers the chief's variables
    'sums',          # all-reduces of a step
    'bytes',         # that each worker brings to them
])


class AllReduce:
    """Makes the operations of this worker, `task` of `count`, that add up over all of them.

    Every worker has to make the same ones in the same order, which is how they are matched.
    """

    GROUP = 1

    def __init__(self, count=1, task=0):
        self.count, self.task = count, task
        self.sums = 0  # made so far; each has a number, the same on every worker
        self.bytes = 0  # that all of them add up in one run of each

    def add_up(self, tensor):
        """The sum over the workers of one tensor of a known shape."""
        self.sums += 1
        self.bytes += int(np.prod(tensor.shape.as_list())) * tensor.dtype.size
        return tf.raw_ops.CollectiveReduce(
            input=tensor, group_size=self.count, group_key=self.GROUP, instance_key=self.sums, merge_op='Add',
            final_op='Id', subdiv_offsets=[0])

    def add_up_all(self, tensors):
        """The sums of tensors of one type, by one all-reduce: a few large ones are faster than many small ones."""
        shapes = [tensor.shape.as_list() for tensor in tensors]
        total = self.add_up(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0))
        parts = tf.split(total, [int(np.prod(shape)) for shape in shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes)]

    def mean_all(self, tensors):
        """The means over the workers."""
        return [total / self.count for total in self.add_up_all(tensors)]


def build_sync_ops(all_reduce, train, sums, size):
    """The SyncOps of a loop whose op is `train`; sums and size: the all-reduces of a step, and their bytes."""
    stop_request = tf.placeholder(tf.float32, [1], name='exchange/stop_request')
    with tf.control_dependencies([train]):
        stop_votes = all_reduce.add_up(stop_request)
    # The chief's variables and the others' zeros add up to the chief's. One sum for each type.
    variables, assigns = tf.global_variables(), []
    for dtype in sorted({variable.dtype.base_dtype for variable in variables}, key=lambda each: each.name):
        of_type = [variable for variable in variables if variable.dtype.base_dtype == dtype]
        values = [variable.read_value() if all_reduce.task == 0 else tf.zeros_like(variable) for variable in of_type]
        assigns += [tf.assign(variable, value).op
                    for variable, value in zip(of_type, all_reduce.add_up_all(values))]
    return SyncOps(stop_request, stop_votes, tf.group(*assigns), sums, size)
