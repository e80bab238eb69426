"""Losses by hand."""

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import losses

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
