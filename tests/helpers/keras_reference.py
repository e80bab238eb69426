"""Networks of the Keras sources, written on Keras as their authors would, without the package.

Run in a process of its own by test_against_keras.py: reads weights and a batch from an .npz
file, writes what Keras computes from them, dropout off. Under current TensorFlow it is
Keras 2 (tf_keras), under 1.15 the one inside it.

    python keras_reference.py PRESET IN.npz OUT.npz
"""

import sys

import numpy as np
import tensorflow as tf

try:
    import tf_keras as keras
except ImportError:
    keras = tf.keras

L = keras.layers


def tutorial_generator(first_leaky):
    first = [L.Dense(7 * 7 * 256, use_bias=False, input_shape=(100,)), L.BatchNormalization()]
    if first_leaky:
        first.append(L.LeakyReLU())
    return keras.Sequential(first + [
        L.Reshape((7, 7, 256)),
        L.Conv2DTranspose(128, (5, 5), strides=(1, 1), padding='same', use_bias=False),
        L.BatchNormalization(), L.LeakyReLU(),
        L.Conv2DTranspose(64, (5, 5), strides=(2, 2), padding='same', use_bias=False),
        L.BatchNormalization(), L.LeakyReLU(),
        L.Conv2DTranspose(1, (5, 5), strides=(2, 2), padding='same', use_bias=False, activation='tanh')])


def tutorial_discriminator():
    return keras.Sequential([
        L.Conv2D(64, (5, 5), strides=(2, 2), padding='same', input_shape=(28, 28, 1)),
        L.LeakyReLU(), L.Dropout(0.3),
        L.Conv2D(128, (5, 5), strides=(2, 2), padding='same'),
        L.LeakyReLU(), L.Dropout(0.3), L.Flatten(), L.Dense(1)])


def dense_generator():
    return keras.Sequential([
        L.Dense(128, activation='relu', input_shape=(100,)), L.Dense(256, activation='relu'),
        L.Dense(784, activation='sigmoid'), L.Reshape((28, 28, 1))])


def dense_discriminator():
    return keras.Sequential([
        L.Flatten(input_shape=(28, 28, 1)), L.Dense(256, activation='relu'), L.Dense(128, activation='relu'),
        L.Dense(1)])


MODELS = {
    'tf_tutorial': lambda: (tutorial_generator(True), tutorial_discriminator()),
    'tf_tutorial_101': lambda: (tutorial_generator(False), tutorial_discriminator()),
    'keras_dense': lambda: (dense_generator(), dense_discriminator()),
}


def set_weights(model, scope, given):
    """Gives each layer the weights that carry the name tf.layers would have given it."""
    kinds = {'Dense': ('dense', ['kernel', 'bias']), 'Conv2D': ('conv2d', ['kernel', 'bias']),
             'Conv2DTranspose': ('conv2d_transpose', ['kernel', 'bias']),
             'BatchNormalization': ('batch_normalization', ['gamma', 'beta', 'moving_mean', 'moving_variance'])}
    seen = {}
    for layer in model.layers:
        kind = type(layer).__name__.replace('V1', '').replace('V2', '')
        if kind in kinds:
            name, parts = kinds[kind]
            number = seen[name] = seen.get(name, -1) + 1
            prefix = '{}/{}{}/'.format(scope, name, '_{}'.format(number) if number else '')
            layer.set_weights([given.pop(prefix + part) for part in parts if prefix + part in given])


def main(preset, path_in, path_out):
    given = dict(np.load(path_in))
    tf.compat.v1.disable_eager_execution()
    z, real = given.pop('z'), given.pop('real')
    generator, discriminator = MODELS[preset]()
    set_weights(generator, 'generator', given)
    set_weights(discriminator, 'discriminator', given)
    assert not given, sorted(given)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)
    fake = generator(tf.constant(z), training=True)
    real_output, fake_output = [discriminator(x, training=False) for x in (tf.constant(real), fake)]
    real_loss, fake_loss = bce(tf.ones_like(real_output), real_output), bce(tf.zeros_like(fake_output), fake_output)
    results = tf.compat.v1.keras.backend.get_session().run({
        'fake': fake, 'logits_real': real_output, 'logits_fake': fake_output, 'd_loss_real': real_loss,
        'd_loss_fake': fake_loss, 'g_loss': bce(tf.ones_like(fake_output), fake_output),
        'sampled': generator(tf.constant(z), training=False)})
    np.savez(path_out, **results)


if __name__ == '__main__':
    main(*sys.argv[1:])
