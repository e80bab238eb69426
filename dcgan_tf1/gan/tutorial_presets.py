"""The presets of the tutorials, and of the baselines that one of them names.

What the fields mean is said in preset.py.

Sources:
  tf_tutorial: https://www.tensorflow.org/tutorials/generative/dcgan
  cntk: https://github.com/microsoft/CNTK/blob/master/Tutorials/CNTK_206B_DCGAN.ipynb
  vae: Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114
"""

import dataclasses
import math

from dcgan_tf1.gan import catalogue, losses, networks, objectives
from dcgan_tf1.gan.objectives import (
    AUTOENCODER_OBJECTIVE,
    D_FAKE_OBJECTIVE,
    D_OBJECTIVE,
    D_REAL_OBJECTIVE,
    G_OBJECTIVE,
    UpdateSpec,
)
from dcgan_tf1.gan.preset import Preset, StepInterval

TF_TUTORIAL = Preset(
    name='tf_tutorial',
    title=catalogue.PRESET_TITLES['tf_tutorial'],
    input_shape=(28, 28, 1),
    image_sizes='any',
    batch_size=256,
    incomplete_batch='keep',
    epochs=50,
    noise='normal',
    generator=networks.tf_tutorial_generator,
    discriminator=networks.tf_tutorial_discriminator,
    schedule=(UpdateSpec((G_OBJECTIVE, D_OBJECTIVE)),),  # both gradients at the same weights
    learning_rate=1e-4,
    adam_epsilon=1e-7,  # Keras's
    log_every=StepInterval(1, 'epochs'),
    samples=16,
    samples_columns=4,
    samples_noise='fixed',
    samples_name='image_at_epoch_{epoch:04d}.png',
    gif=True,
    checkpoint_every=StepInterval(15, 'epochs'),
)

TF_TUTORIAL_101 = dataclasses.replace(
    TF_TUTORIAL,
    name='tf_tutorial_101',
    title=catalogue.PRESET_TITLES['tf_tutorial_101'],
    generator=networks.tf_tutorial_101_generator,
    epochs=101,
    first_epoch=0,
    log_first=StepInterval(1, 'epochs'),
    log_every=StepInterval(10, 'epochs'),
)

KERAS_DENSE = Preset(
    name='keras_dense',
    title=catalogue.PRESET_TITLES['keras_dense'],
    input_shape=(28, 28, 1),
    image_sizes='any',
    image_range=(0.0, 1.0),
    batch_size=32,
    shuffle='with_replacement',
    steps=10000,
    noise='normal',
    generator=networks.keras_dense_generator,
    discriminator=networks.keras_dense_discriminator,
    loss=losses.halves,  # the discriminator's reported loss is the mean of its two
    schedule=(UpdateSpec((D_REAL_OBJECTIVE,)), UpdateSpec((D_FAKE_OBJECTIVE,)), UpdateSpec((G_OBJECTIVE,), noise=1)),
    noise_batches=(1, 1),
    adam_epsilon=1e-7,  # Keras's
    losses=('d_loss', 'd_loss_real', 'd_loss_fake', 'g_loss'),
    losses_when='before',
    first_step=0,
    log_first=StepInterval(1, 'steps'),
    samples_every=StepInterval(1000, 'steps'),
    samples=4,
    samples_columns=2,
    samples_noise='fakes',
    checkpoint_every=StepInterval(1000, 'steps'),
)

CNTK = Preset(
    name='cntk',
    title=catalogue.PRESET_TITLES['cntk'],
    input_shape=(28, 28, 1),
    image_range=(0.0, 1.0),
    batch_size=128,
    incomplete_batch='skip',
    steps=5000,
    generator=networks.cntk_generator,
    discriminator=networks.cntk_discriminator,
    loss=losses.log_probabilities,
    # Two discriminator updates, each on fresh images and noise; two of the generator on one noise.
    schedule=(UpdateSpec((D_OBJECTIVE,), images=0, noise=0), UpdateSpec((D_OBJECTIVE,), images=1, noise=1),
              UpdateSpec((G_OBJECTIVE,), noise=2), UpdateSpec((G_OBJECTIVE,), noise=2)),
    image_batches=2,
    noise_batches=(1, 1, 1),
    learning_rate=2e-4,
    beta1=0.5,
    beta2=math.exp(-128 / 720000),
    losses_when='mean',
    log_every=StepInterval(200, 'steps'),  # 25 times in a run
    checkpoint_every=StepInterval(1000, 'steps'),
    modes={'fast': {}, 'slow': {'steps': 10000, 'log_every': StepInterval(400, 'steps')}},
)

AUTOENCODER = Preset(
    name='autoencoder',
    title=catalogue.PRESET_TITLES['autoencoder'],
    model=objectives.AUTOENCODER,
    input_shape=(28, 28, 1),
    image_sizes='any',
    image_range=(0.0, 1.0),
    batch_size=128,
    epochs=20,
    noise='normal',
    generator=networks.dense_decoder,
    encoder=networks.autoencoder_encoder,
    loss=losses.mean_squared_error,
    schedule=(UpdateSpec((AUTOENCODER_OBJECTIVE,)),),
    losses=('loss',),
    log_every=StepInterval(1, 'epochs'),
    checkpoint_every=StepInterval(5, 'epochs'),
)

VAE = dataclasses.replace(
    AUTOENCODER,
    name='vae',
    title=catalogue.PRESET_TITLES['vae'],
    encoder=networks.vae_encoder,
    loss=losses.bernoulli,
    losses=('loss', 'reconstruction', 'kl'),
)
