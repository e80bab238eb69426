"""Presets that come from Keras code, against an independent build on Keras in its own process."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.references import check_against, leave_initial_values

from dcgan_tf1.gan import graph
from dcgan_tf1.gan.presets import PRESETS


@pytest.mark.slow_tf1
@pytest.mark.parametrize('name', [pytest.param('tf_tutorial', marks=pytest.mark.slow), pytest.param(
    'tf_tutorial_101', marks=pytest.mark.nightly), 'keras_dense'])
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
        fake = preset.generator(handles.noise, preset.batch_context('g', training=True))
        logits_real, _ = preset.discriminator(handles.real, preset.batch_context('r', training=True))
        logits_fake, _ = preset.discriminator(fake, preset.batch_context('f', training=True))
        session.run(tf.global_variables_initializer())
        given = leave_initial_values(session, networks, draw)
        ours = session.run({
            'fake': fake, 'logits_real': logits_real, 'logits_fake': logits_fake, 'sampled': handles.sample_images,
            'd_loss_real': handles.losses.d_loss_real, 'd_loss_fake': handles.losses.d_loss_fake,
            'g_loss': handles.losses.g_loss}, {handles.real: real, handles.noise: z, handles.dropout_seed: 0})
    check_against('keras_reference.py', name, ours, dict(given, z=z, real=real), tmp_path)
