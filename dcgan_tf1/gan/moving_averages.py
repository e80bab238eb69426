"""How the averages of batch norm move: towards what the passes of a training step saw.

The passes are `layers.BatchContext`s; layers.batch_norm() records in them.
"""

import tensorflow.compat.v1 as tf


def mean_statistics(passes):
    """What moves the averages: the mean over the passes of one network, one for each tower.

    A list of tensors, two for each batch norm, as updates() takes them.
    """
    with tf.name_scope('moving_averages'):
        return [tf.add_n(values) / len(values) if len(values) > 1 else values[0]
                for seen in zip(*[ctx.statistics for ctx in passes])
                for values in ([each.mean for each in seen], [each.variance for each in seen])]


def updates(passes, values=None):
    """Builds the ops that move every average towards what the passes saw.

    `passes` are those of one network, one for each tower; values: mean_statistics() of them,
    or what to put in its place. Each op reads its average when it runs, after the control
    dependencies in force when this is called: call it under those of another pass's updates to
    fix the order of two.
    """
    values = iter(mean_statistics(passes) if values is None else values)
    with tf.name_scope('moving_averages'):
        moves = []
        for seen in passes[0].statistics:
            for average in (seen.moving_mean, seen.moving_variance):
                # read_value() reads anew; a reference variable itself would give the cached
                # read, which ignores the control dependencies.
                step = (average.read_value() - next(values)) * (1 - seen.momentum)
                moves.append(tf.assign_sub(average, step).op)
        return moves
