"""Each system of the sources as one row of PRESETS.

What the fields mean is said in preset.py.

Sources:
  blog_mnist, blog_cifar_horse: https://github.com/NELSONZHAO/zhihu/tree/master/dcgan
  blog_dense: https://github.com/NELSONZHAO/zhihu/tree/master/mnist_gan
  tf_tutorial: https://www.tensorflow.org/tutorials/generative/dcgan
  cntk: https://github.com/microsoft/CNTK/blob/master/Tutorials/CNTK_206B_DCGAN.ipynb
  resnet_mnist, resnet_cifar_horse: Miyato et al., 2018, https://arxiv.org/abs/1802.05957
  vae: Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114
  the optimiser of all, Adam: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980
"""

import dataclasses
import math

from dcgan_tf1.gan import catalogue, losses, networks
from dcgan_tf1.gan.objectives import (
    AUTOENCODER,
    AUTOENCODER_OBJECTIVE,
    D_FAKE_OBJECTIVE,
    D_OBJECTIVE,
    D_REAL_OBJECTIVE,
    G_OBJECTIVE,
    UpdateSpec,
)
from dcgan_tf1.gan.preset import Preset, StepInterval
from dcgan_tf1.util.errors import UserError

_BLOG_MNIST = Preset(
    name='blog_mnist',
    title=catalogue.PRESETS['blog_mnist'],
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(28, 28, 1),
    holdout=5000,
    shuffle='after_first_epoch',
    batch_size=64,
    epochs=5,
    generator=networks.blog_mnist_generator,
    discriminator=networks.blog_discriminator,
    dropout_when_sampling=True,
    smoothing=0.1,
    beta1=0.4,
    log_every=StepInterval(101, 'steps'),
    recorded_losses='mnist2017_losses.csv',
)

_BLOG_CIFAR_HORSE = dataclasses.replace(
    _BLOG_MNIST,
    name='blog_cifar_horse',
    title=catalogue.PRESETS['blog_cifar_horse'],
    dataset='cifar10',
    image_class='horse',
    image_shape=(32, 32, 3),
    input_shape=(32, 32, 3),
    holdout=0,
    scaling='minmax',
    shuffle='never',
    drop_last_full_batch=True,
    epochs=50,
    generator=networks.blog_cifar_generator,
    log_every=StepInterval(100, 'steps'),
    samples=15,
    recorded_losses='cifar2017_losses.csv',
)

_BLOG_DENSE = Preset(
    name='blog_dense',
    title=catalogue.PRESETS['blog_dense'],
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(784,),
    real_name='real_img',
    noise_name='noise_img',
    holdout=5000,
    shuffle='after_first_epoch',
    batch_size=64,
    epochs=300,
    generator=networks.blog_dense_generator,
    discriminator=networks.blog_dense_discriminator,
    # The original's quirk: the generator has a dropout layer that was never switched on.
    dropout_when_training=False,
    loss=losses.smoothed_losses,
    smoothing=0.1,
    schedule=(UpdateSpec((D_OBJECTIVE,)), UpdateSpec((G_OBJECTIVE,))),
    first_adam='discriminator',
    losses=('d_loss', 'd_loss_real', 'd_loss_fake', 'g_loss'),
    log_every=StepInterval(1, 'epochs'),
    checkpoint_every=StepInterval(10, 'epochs'),
)

_TF_TUTORIAL = Preset(
    name='tf_tutorial',
    title=catalogue.PRESETS['tf_tutorial'],
    input_shape=(28, 28, 1),
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

_TF_TUTORIAL_101 = dataclasses.replace(
    _TF_TUTORIAL,
    name='tf_tutorial_101',
    title=catalogue.PRESETS['tf_tutorial_101'],
    generator=networks.tf_tutorial_101_generator,
    epochs=101,
    first_epoch=0,
    log_first=StepInterval(1, 'epochs'),
    log_every=StepInterval(10, 'epochs'),
)

_KERAS_DENSE = Preset(
    name='keras_dense',
    title=catalogue.PRESETS['keras_dense'],
    input_shape=(28, 28, 1),
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

_CNTK = Preset(
    name='cntk',
    title=catalogue.PRESETS['cntk'],
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

_RESNET_MNIST = Preset(
    name='resnet_mnist',
    title=catalogue.PRESETS['resnet_mnist'],
    input_shape=(28, 28, 1),
    steps=50000,
    holdout=5000,
    noise='normal',
    z_dim=128,
    generator=networks.resnet_mnist_generator,
    discriminator=networks.resnet_discriminator,
    ema_decay=0.999,
    loss=losses.hinge,
    # Five discriminator updates; the generator's batch is twice as large.
    schedule=tuple(UpdateSpec((D_OBJECTIVE,), images=i, noise=i) for i in range(5)) + (
        UpdateSpec((G_OBJECTIVE,), noise=5),),
    image_batches=5,
    noise_batches=(1, 1, 1, 1, 1, 2),
    learning_rate=2e-4,
    learning_rate_decay='linear',
    beta1=0.0,
    beta2=0.9,
    samples_every=StepInterval(500, 'steps'),
)

_RESNET_CIFAR_HORSE = dataclasses.replace(
    _RESNET_MNIST,
    name='resnet_cifar_horse',
    title=catalogue.PRESETS['resnet_cifar_horse'],
    dataset='cifar10',
    image_class='horse',
    image_shape=(32, 32, 3),
    input_shape=(32, 32, 3),
    holdout=0,
    scaling='minmax',
    generator=networks.resnet_cifar_generator,
)

_SNGAN_MNIST = Preset(
    name='sngan_mnist',
    title=catalogue.PRESETS['sngan_mnist'],
    input_shape=(28, 28, 1),
    holdout=5000,
    epochs=5,
    generator=networks.sngan_mnist_generator,
    discriminator=networks.sngan_discriminator,
    ema_decay=0.999,
    ema_warmup=True,
    loss=losses.hinge,
    learning_rate=4e-4,
    learning_rate_decay='linear',
    beta1=0.0,
    beta2=0.9,
)

_SNGAN_CIFAR_HORSE = dataclasses.replace(
    _SNGAN_MNIST,
    name='sngan_cifar_horse',
    title=catalogue.PRESETS['sngan_cifar_horse'],
    dataset='cifar10',
    image_class='horse',
    image_shape=(32, 32, 3),
    input_shape=(32, 32, 3),
    holdout=0,
    augment=('translation',),  # 5,000 images are few
    epochs=50,
    generator=networks.sngan_cifar_generator,
    discriminator=networks.sngan_cifar_discriminator,
)

_CGAN_MNIST = dataclasses.replace(
    _SNGAN_MNIST,
    name='cgan_mnist',
    title=catalogue.PRESETS['cgan_mnist'],
    classes=10,
    samples=10,
)

_CGAN_FASHION_MNIST = dataclasses.replace(
    _CGAN_MNIST,
    name='cgan_fashion_mnist',
    title=catalogue.PRESETS['cgan_fashion_mnist'],
    dataset='fashion_mnist',
)

_CGAN_CIFAR10 = dataclasses.replace(
    _SNGAN_CIFAR_HORSE,
    name='cgan_cifar10',
    title=catalogue.PRESETS['cgan_cifar10'],
    image_class=None,
    classes=10,
    samples=10,
    epochs=25,
)

_AUTOENCODER = Preset(
    name='autoencoder',
    title=catalogue.PRESETS['autoencoder'],
    model=AUTOENCODER,
    input_shape=(28, 28, 1),
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

_VAE = dataclasses.replace(
    _AUTOENCODER,
    name='vae',
    title=catalogue.PRESETS['vae'],
    encoder=networks.vae_encoder,
    loss=losses.bernoulli,
    losses=('loss', 'reconstruction', 'kl'),
)

PRESETS = {preset.name: preset for preset in (
    _BLOG_MNIST, _BLOG_CIFAR_HORSE, _BLOG_DENSE, _TF_TUTORIAL, _TF_TUTORIAL_101, _KERAS_DENSE, _CNTK,
    _RESNET_MNIST, _RESNET_CIFAR_HORSE, _SNGAN_MNIST, _SNGAN_CIFAR_HORSE, _CGAN_MNIST, _CGAN_FASHION_MNIST,
    _CGAN_CIFAR10, _AUTOENCODER, _VAE)}


def get(name: str) -> Preset:
    """The preset of that name; UserError, which lists them, where there is none."""
    if name not in PRESETS:
        raise UserError('expected one of the presets {}, found {!r}'.format(', '.join(PRESETS), name))
    return PRESETS[name]


def register(preset: Preset) -> None:
    """Adds a preset to PRESETS; UserError where its name is no identifier, or that of another one.

    The same preset may be registered again, as happens where its file is run twice.
    """
    if not isinstance(preset, Preset):
        raise UserError('register_preset: expected a Preset, found {!r}'.format(preset))
    if not (isinstance(preset.name, str) and preset.name.isidentifier()):
        raise UserError('register_preset: expected a name of letters, digits and underscores, found {!r}'.format(
            preset.name))
    if preset.name in PRESETS and not _same(PRESETS[preset.name], preset):
        raise UserError('register_preset: expected a name that no other preset has, found {!r} (there are {})'.format(
            preset.name, ', '.join(PRESETS)))
    PRESETS[preset.name] = preset


def _same(one, other):
    """Whether two presets have equal fields, of which functions are equal that have the same code."""
    def contents(preset):
        return [getattr(value, '__code__', value) for value in (
            getattr(preset, field.name) for field in dataclasses.fields(preset))]

    return contents(one) == contents(other)
