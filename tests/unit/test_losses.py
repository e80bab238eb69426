"""Losses by hand."""

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import catalogue, losses

REAL = np.array([[2.0], [-1.0], [0.5]], np.float32)
FAKE = np.array([[-3.0], [0.0], [1.5]], np.float32)


def entropy(logits, label):
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    return np.mean(-label * np.log(p) - (1 - label) * np.log(1 - p))


def evaluate(loss, smoothing):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(loss(tf.constant(REAL), tf.constant(FAKE), smoothing))


def test_smoothed_labels():
    found = evaluate(losses.smoothed_labels, 0.1)
    np.testing.assert_allclose(found.d_loss_real, entropy(REAL, 0.9), rtol=1e-6)
    np.testing.assert_allclose(found.d_loss_fake, entropy(FAKE, 0.0), rtol=1e-6)
    np.testing.assert_allclose(found.d_loss, entropy(REAL, 0.9) + entropy(FAKE, 0.0), rtol=1e-6)
    np.testing.assert_allclose(found.g_loss, entropy(FAKE, 0.9), rtol=1e-6)
    # One value worked out on paper: label 0.9 at logit 0 costs log 2 whatever the label.
    with tf.Graph().as_default(), tf.Session() as session:
        zero = losses.smoothed_labels(tf.zeros([4, 1]), tf.zeros([4, 1]), 0.1)
        np.testing.assert_allclose(session.run(zero.d_loss), 2 * np.log(2), rtol=1e-6)


def test_smoothed_losses():
    found = evaluate(losses.smoothed_losses, 0.1)
    np.testing.assert_allclose(found.d_loss_real, 0.9 * entropy(REAL, 1.0), rtol=1e-6)
    np.testing.assert_allclose(found.d_loss_fake, entropy(FAKE, 0.0), rtol=1e-6)
    np.testing.assert_allclose(found.d_loss, 0.9 * entropy(REAL, 1.0) + entropy(FAKE, 0.0), rtol=1e-6)
    np.testing.assert_allclose(found.g_loss, 0.9 * entropy(FAKE, 1.0), rtol=1e-6)


def test_which_losses_read_the_smoothing():
    for name in catalogue.GAN_LOSSES:
        plain, smoothed = [evaluate(getattr(losses, name), smoothing) for smoothing in (0.0, 0.5)]
        assert (plain != smoothed) == (name in catalogue.SMOOTHING_LOSSES), name


def softplus(x):
    return np.log1p(np.exp(x.astype(np.float64)))


def test_halves():
    found = evaluate(losses.halves, 0.0)
    np.testing.assert_allclose(found.d_loss, (entropy(REAL, 1.0) + entropy(FAKE, 0.0)) / 2, rtol=1e-6)
    np.testing.assert_allclose([found.d_loss_real, found.d_loss_fake, found.g_loss],
                               [entropy(REAL, 1.0), entropy(FAKE, 0.0), entropy(FAKE, 1.0)], rtol=1e-6)


def test_log_probabilities_are_those_written_and_stable():
    found = evaluate(losses.log_probabilities, 0.0)
    d_real, d_fake = [1 / (1 + np.exp(-x.astype(np.float64))) for x in (REAL, FAKE)]
    np.testing.assert_allclose(found.g_loss, np.mean(1 - np.log(d_fake)), rtol=1e-6)
    np.testing.assert_allclose(found.d_loss, -np.mean(np.log(d_real)) - np.mean(np.log(1 - d_fake)), rtol=1e-6)
    with tf.Graph().as_default(), tf.Session() as session:
        far = session.run(losses.log_probabilities(tf.constant([[-200.0]]), tf.constant([[-200.0]]), 0.0))
    np.testing.assert_allclose([far.g_loss, far.d_loss_real, far.d_loss_fake], [201, 200, 0], atol=1e-5)


def test_hinge():
    found = evaluate(losses.hinge, 0.0)
    # real 2, -1, 0.5 cost 0, 2, 0.5; fake -3, 0, 1.5 cost 0, 1, 2.5
    np.testing.assert_allclose(found, [2.5 / 3 + 3.5 / 3, 2.5 / 3, 3.5 / 3, 0.5], rtol=1e-6)


def test_losses_of_auto_encoders():
    draw = np.random.RandomState(0)
    images, logits = draw.uniform(0, 1, (3, 2, 2, 1)), draw.randn(3, 2, 2, 1)
    mean, log_variance = draw.randn(2, 3, 5)
    p = 1 / (1 + np.exp(-logits))
    kl = 0.5 * (mean ** 2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    cross = -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum((1, 2, 3)).mean()
    square = ((images - p) ** 2).sum((1, 2, 3)).mean()
    with tf.Graph().as_default(), tf.Session() as session:
        given = [tf.constant(value, tf.float32) for value in (images, logits)]
        code = tuple(tf.constant(value, tf.float32) for value in (mean, log_variance))
        found = session.run([losses.bernoulli(*given, code=code), losses.squared_error(*given, code=code),
                             losses.mean_squared_error(*given, code=code[0])])
    np.testing.assert_allclose(found[0], [cross + kl, cross, kl], rtol=1e-5)
    np.testing.assert_allclose(found[1], [square + kl, square, kl], rtol=1e-5)
    np.testing.assert_allclose(found[2], [square / 4, square / 4, 0], rtol=1e-5, atol=1e-7)
