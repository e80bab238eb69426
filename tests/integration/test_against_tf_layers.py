"""Our networks against an independent build of the spec on `tf.layers`, in its own process."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.references import check_against, leave_initial_values

from dcgan_tf1.gan import graph, objectives
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.updates import network_trainables


@pytest.mark.parametrize('name', [pytest.param('blog_mnist', marks=pytest.mark.slow), pytest.param(
    'blog_cifar_horse', marks=pytest.mark.slow), 'blog_dense'])
def test_outputs_losses_gradients_and_averages(name, tmp_path):
    preset = dataclasses.replace(PRESETS[name], dropout_when_training=False, learning_rate=0.0)
    draw = np.random.RandomState(3)
    real = np.tanh(draw.randn(8, *preset.input_shape)).astype(np.float32)
    z = draw.uniform(-1, 1, (8, preset.z_dim)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset)
        passes = [preset.batch_context(p, training=True) for p in ('g', 'r', 'f')]
        fake = preset.generator(handles.noise, passes[0])
        logits_real, probability = preset.discriminator(handles.real, passes[1])
        logits_fake, _ = preset.discriminator(fake, passes[2])
        sampled = preset.generator(handles.noise, preset.batch_context('s', training=False))
        networks = {v.op.name: v for v in tf.global_variables()
                    if '/' in v.op.name and '/Adam' not in v.op.name}
        gradients = {}
        for loss, who in ((handles.losses.g_loss, 'generator'), (handles.losses.d_loss, 'discriminator')):
            own = network_trainables(who)
            gradients.update({'gradient/' + v.op.name: g for v, g in zip(own, tf.gradients(loss, own))})
        session.run(tf.global_variables_initializer())
        given = leave_initial_values(session, networks, draw)
        feeds = {handles.real: real, handles.noise: z, handles.dropout_seed: 0}
        ours = session.run(dict(gradients, fake=fake, logits_real=logits_real, logits_fake=logits_fake,
                                sampled=sampled, d_loss=handles.losses.d_loss, g_loss=handles.losses.g_loss), feeds)
        np.testing.assert_allclose(session.run(probability, feeds), 1 / (1 + np.exp(-ours['logits_real'])), rtol=1e-5)
        update = handles.update(objectives.UpdateSpec((objectives.D_OBJECTIVE,)), handles.real, handles.noise,
                                handles.dropout_seed)
        session.run(update, feeds)  # learns nothing, moves every average
        ours.update({'average/' + key: session.run(v) for key, v in networks.items() if 'moving_' in key})

    check_against('tf_layers_reference.py', name, ours, dict(given, z=z, real=real), tmp_path)
