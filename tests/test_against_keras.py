"""Presets that come from Keras code, against an independent build on Keras in its own process."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import graph, layers
from dcgan_tf1.presets import PRESETS

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize('name', ['tf_tutorial', 'tf_tutorial_101', 'keras_dense'])
def test_outputs_and_losses(name, tmp_path):
    preset = dataclasses.replace(PRESETS[name], dropout_when_training=False)
    draw = np.random.RandomState(3)
    real = draw.uniform(*(preset.image_range + ((8,) + preset.input_shape,))).astype(np.float32)
    z = draw.randn(8, preset.z_dim).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset)
        networks = {v.op.name: v for v in tf.global_variables()
                    if v.op.name.startswith(('generator/', 'discriminator/')) and '/Adam' not in v.op.name}
        fake = preset.generator(handles.noise, layers.Pass('g', training=True))
        logits_real, _ = preset.discriminator(handles.real, layers.Pass('r', training=True))
        logits_fake, _ = preset.discriminator(fake, layers.Pass('f', training=True))
        session.run(tf.global_variables_initializer())
        # Anything but the initial values, which hide a gamma or beta in the wrong place.
        for variable in networks.values():
            value = session.run(variable)
            value = value + draw.uniform(0.05, 0.15, value.shape) if value.ndim == 1 else value
            variable.load(value.astype(np.float32), session)
        given = {key: session.run(v) for key, v in networks.items()}
        ours = session.run({
            'fake': fake, 'logits_real': logits_real, 'logits_fake': logits_fake, 'sampled': handles.sample_images,
            'd_loss_real': handles.losses.d_loss_real, 'd_loss_fake': handles.losses.d_loss_fake,
            'g_loss': handles.losses.g_loss}, {handles.real: real, handles.noise: z, handles.draw: 0})
    np.savez(str(tmp_path / 'in.npz'), z=z, real=real, **given)
    env = dict(os.environ, TF_USE_LEGACY_KERAS='1', TF_CPP_MIN_LOG_LEVEL='3')
    subprocess.run([sys.executable, os.path.join(HERE, 'keras_reference.py'), name,
                    str(tmp_path / 'in.npz'), str(tmp_path / 'out.npz')], check=True, env=env)
    theirs = dict(np.load(str(tmp_path / 'out.npz')))
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
