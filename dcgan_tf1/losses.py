"""Logits -> scalar losses; pure functions.

`d_logits_real` and `d_logits_fake` are [N, 1]; every loss is a mean over the batch in nats.
"""

import collections

import tensorflow.compat.v1 as tf

# Scalars; d_loss is the sum of its two parts.
GanLosses = collections.namedtuple('GanLosses', 'd_loss d_loss_real d_loss_fake g_loss')


def cross_entropy(logits, label):
    """Mean sigmoid cross-entropy of `logits` against the one `label` in [0, 1]."""
    labels = tf.zeros_like(logits) + label
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def smoothed_labels(d_logits_real, d_logits_fake, smoothing):
    """The blog's DCGAN: real against 1 - smoothing, fake against 0.

    2017's quirk: the generator's target is smoothed, too.
    """
    real = cross_entropy(d_logits_real, 1 - smoothing)
    fake = cross_entropy(d_logits_fake, 0.0)
    return GanLosses(real + fake, real, fake, cross_entropy(d_logits_fake, 1 - smoothing))


def smoothed_losses(d_logits_real, d_logits_fake, smoothing):
    """The blog's dense GAN: 2017's quirk, smoothing multiplies the loss, not the label."""
    real = (1 - smoothing) * cross_entropy(d_logits_real, 1.0)
    fake = cross_entropy(d_logits_fake, 0.0)
    return GanLosses(real + fake, real, fake, (1 - smoothing) * cross_entropy(d_logits_fake, 1.0))
