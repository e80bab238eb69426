"""Logits -> scalar losses; pure functions.

`d_logits_real` and `d_logits_fake` are [N, 1]; every loss is a mean over the batch, in nats
but for `hinge`. A GAN's losses in general: Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661.
"""

import collections

import tensorflow.compat.v1 as tf

# Scalars. d_loss is the sum of its two parts, unless the loss has an attribute `d_loss`, a function that combines
# them: logs that get each part from a different update need it.
GanLosses = collections.namedtuple('GanLosses', 'd_loss d_loss_real d_loss_fake g_loss')


def cross_entropy(logits, label):
    """Mean sigmoid cross-entropy of `logits` against the one `label` in [0, 1]."""
    labels = tf.zeros_like(logits) + label
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def smoothed_labels(d_logits_real, d_logits_fake, smoothing):
    """The blog's DCGAN: real against 1 - smoothing, fake against 0.

    The original's quirk: the generator's target is smoothed, too. Source:
    https://github.com/NELSONZHAO/zhihu/blob/master/dcgan/dcgan_mnist.ipynb
    """
    real = cross_entropy(d_logits_real, 1 - smoothing)
    fake = cross_entropy(d_logits_fake, 0.0)
    return GanLosses(real + fake, real, fake, cross_entropy(d_logits_fake, 1 - smoothing))


def smoothed_losses(d_logits_real, d_logits_fake, smoothing):
    """The blog's dense GAN: the original's quirk, smoothing multiplies the loss, not the label.

    Source: https://github.com/NELSONZHAO/zhihu/blob/master/mnist_gan/gan_mnist.ipynb
    """
    real = (1 - smoothing) * cross_entropy(d_logits_real, 1.0)
    fake = cross_entropy(d_logits_fake, 0.0)
    return GanLosses(real + fake, real, fake, (1 - smoothing) * cross_entropy(d_logits_fake, 1.0))


def halves(d_logits_real, d_logits_fake, smoothing):
    """Cross-entropies as `smoothed_labels`, but d_loss is the mean of its two parts."""
    losses = smoothed_labels(d_logits_real, d_logits_fake, smoothing)
    return losses._replace(d_loss=halves.d_loss(losses.d_loss_real, losses.d_loss_fake))


halves.d_loss = lambda real, fake: (real + fake) / 2


def log_probabilities(d_logits_real, d_logits_fake, smoothing):
    """CNTK's: generator 1 - log D(fake), discriminator -(log D(real) + log(1 - D(fake))).

    Source: https://github.com/microsoft/CNTK/blob/master/Tutorials/CNTK_206B_DCGAN.ipynb
    """
    del smoothing
    # log D = -softplus(-logit), log(1 - D) = -softplus(logit)
    real = tf.reduce_mean(tf.nn.softplus(-d_logits_real))
    fake = tf.reduce_mean(tf.nn.softplus(d_logits_fake))
    return GanLosses(real + fake, real, fake, tf.reduce_mean(1 + tf.nn.softplus(-d_logits_fake)))


def hinge(d_logits_real, d_logits_fake, smoothing):
    """Miyato et al., 2018: real above 1 and fake below -1 cost nothing.

    Source: https://arxiv.org/abs/1802.05957
    """
    del smoothing
    real = tf.reduce_mean(tf.nn.relu(1 - d_logits_real))
    fake = tf.reduce_mean(tf.nn.relu(1 + d_logits_fake))
    return GanLosses(real + fake, real, fake, -tf.reduce_mean(d_logits_fake))


# Scalars; loss is the sum of the other two.
AutoencoderLosses = collections.namedtuple('AutoencoderLosses', 'loss reconstruction kl')


def mean_squared_error(images, logits, code):
    """A plain autoencoder: mean over pixels and batch. images in [0, 1], logits of the same shape."""
    del code
    error = tf.reduce_mean(tf.square(images - tf.sigmoid(logits)))
    return AutoencoderLosses(error, error, tf.zeros([]))


def bernoulli(images, logits, code):
    """A VAE: -log p(images) of independent Bernoulli pixels, plus the KL divergence; see `_elbo`."""
    return _elbo(tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits), code)


def squared_error(images, logits, code):
    """A VAE with squared error in place of the likelihood: what its source blames for blur."""
    return _elbo(tf.square(images - tf.sigmoid(logits)), code)


def _elbo(costs, code):
    """costs [N] + image shape; code (mean, log-variance) [N, z_dim] each.

    Both are summed over pixels or codes and averaged over the batch; the divergence is that
    of normal(mean, variance) from normal(0, 1). Source: Kingma and Welling, 2014,
    https://arxiv.org/abs/1312.6114.
    """
    mean, log_variance = code
    reconstruction = tf.reduce_mean(tf.reduce_sum(costs, axis=list(range(1, costs.shape.ndims))))
    kl = tf.reduce_mean(tf.reduce_sum(
        (tf.square(mean) + tf.exp(log_variance) - 1 - log_variance) / 2, axis=1))
    return AutoencoderLosses(reconstruction + kl, reconstruction, kl)
