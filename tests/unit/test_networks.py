"""The networks that no other program of ours has, against the same in NumPy."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import numpy_networks

from dcgan_tf1.gan.presets import PRESETS


def leave_initial_values(session, draw):
    """Sets every variable to something else, for zeros and ones hide what they are multiplied by; returns all."""
    for variable in tf.global_variables():
        value = session.run(variable)
        noise = draw.uniform(0.5, 1.5, value.shape) if 'variance' in variable.op.name else draw.normal(
            0, 0.3 if value.ndim == 1 else 0.01, value.shape)
        variable.load((value + noise).astype(np.float32), session)
    return {variable.op.name: session.run(variable) for variable in tf.global_variables()}


@pytest.mark.parametrize('name, mode, generator, discriminator', [
    ('sngan_mnist', None, numpy_networks.sngan_generator, numpy_networks.sngan_discriminator),
    ('cgan_mnist', None, numpy_networks.sngan_generator, numpy_networks.sngan_discriminator),
    ('sngan_cifar_horse', None, numpy_networks.sngan_generator, numpy_networks.sngan_discriminator),
    ('cntk', None, numpy_networks.cntk_generator, numpy_networks.cntk_discriminator),
    ('resnet_mnist', 'small', numpy_networks.resnet_generator, numpy_networks.resnet_discriminator),
    ('resnet_cifar_horse', 'small', numpy_networks.resnet_generator, numpy_networks.resnet_discriminator)])
def test_images_and_logits(name, mode, generator, discriminator):
    preset, draw = PRESETS[name] if mode is None else PRESETS[name].with_mode(mode), np.random.RandomState(0)
    z = draw.normal(size=(3, preset.z_dim)).astype(np.float32)
    x = np.tanh(draw.normal(size=(3,) + preset.image_shape)).astype(np.float32)
    labels = [] if preset.classes is None else [np.eye(preset.classes, dtype=np.float32)[[3, 7, 3]]]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        found, contexts = {}, {}
        for training in (False, True):
            contexts[training] = [preset.batch_context(pass_name, training=training, labels=tf.constant(labels[0]))
                                  if labels else preset.batch_context(pass_name, training=training)
                                  for pass_name in ('generated', 'real')]
            found['images', training] = preset.generator(tf.constant(z), contexts[training][0])
        found['logits', True] = preset.discriminator(tf.constant(x), contexts[True][1])[0]
        session.run(tf.global_variables_initializer())
        values = leave_initial_values(session, draw)
        found = session.run(found)
    for (what, training), value in found.items():
        network, given, scope = {'images': (generator, z, 'generator'),
                                 'logits': (discriminator, x, 'discriminator')}[what]
        expected = network(given, numpy_networks.Variables(values, scope, training, preset.spectral_gain), *labels)
        assert expected.std() > 0.01
        np.testing.assert_allclose(value, expected, atol=1e-4 * max(1, abs(expected).max()), err_msg=what)
    momenta = {round(each.momentum, 6) for context in contexts[True] for each in context.statistics}
    assert momenta == {round(math.exp(-128 / 5000), 6) if name == 'cntk' else 0.99}
