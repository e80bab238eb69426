"""Our networks against an independent build of the spec on `tf.layers`, in its own process."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph, layers, models
from dcgan_tf1.presets import PRESETS

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize('name', ['blog_mnist', 'blog_cifar_horse', 'blog_dense'])
def test_outputs_losses_gradients_and_averages(name, tmp_path):
    preset = dataclasses.replace(PRESETS[name], dropout_when_training=False, learning_rate=0.0)
    draw = np.random.RandomState(3)
    real = np.tanh(draw.randn(8, *preset.input_shape)).astype(np.float32)
    z = draw.uniform(-1, 1, (8, preset.z_dim)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset)
        passes = [layers.Pass(p, training=True) for p in ('g', 'r', 'f')]
        fake = preset.generator(handles.noise, passes[0])
        logits_real, probability = preset.discriminator(handles.real, passes[1])
        logits_fake, _ = preset.discriminator(fake, passes[2])
        sampled = preset.generator(handles.noise, layers.Pass('s', training=False))
        networks = {v.op.name: v for v in tf.global_variables()
                    if '/' in v.op.name and '/Adam' not in v.op.name}
        gradients = {}
        for loss, who in ((handles.losses.g_loss, 'generator'), (handles.losses.d_loss, 'discriminator')):
            own = graph.network_trainables(who)
            gradients.update({'gradient/' + v.op.name: g for v, g in zip(own, tf.gradients(loss, own))})
        session.run(tf.global_variables_initializer())
        # Anything but the initial values, which hide a gamma or beta in the wrong place.
        for variable in networks.values():
            value = session.run(variable)
            value = value + draw.uniform(0.05, 0.15, value.shape) if value.ndim == 1 else value
            variable.load(value.astype(np.float32), session)
        given = {key: session.run(v) for key, v in networks.items()}
        feeds = {handles.real: real, handles.noise: z, handles.draw: 0}
        ours = session.run(dict(gradients, fake=fake, logits_real=logits_real, logits_fake=logits_fake,
                                sampled=sampled, d_loss=handles.losses.d_loss, g_loss=handles.losses.g_loss), feeds)
        np.testing.assert_allclose(session.run(probability, feeds), 1 / (1 + np.exp(-ours['logits_real'])), rtol=1e-5)
        update = handles.update(models.Update((models.DISCRIMINATOR,)), handles.real, handles.noise, handles.draw)
        session.run(update, feeds)  # learns nothing, moves every average
        ours.update({'average/' + key: session.run(v) for key, v in networks.items() if 'moving_' in key})

    np.savez(str(tmp_path / 'in.npz'), z=z, real=real, **given)
    env = dict(os.environ, TF_USE_LEGACY_KERAS='1', TF_CPP_MIN_LOG_LEVEL='3')
    subprocess.run([sys.executable, os.path.join(HERE, 'tf_layers_reference.py'), name,
                    str(tmp_path / 'in.npz'), str(tmp_path / 'out.npz')], check=True, env=env)
    theirs = dict(np.load(str(tmp_path / 'out.npz')))
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
