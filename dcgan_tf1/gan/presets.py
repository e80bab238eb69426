"""Each system of the sources as one row of PRESETS.

What the fields mean is said in preset.py. The tutorials' and the baselines are in tutorial_presets.py.

Sources:
  blog_mnist, blog_cifar_horse: https://github.com/NELSONZHAO/zhihu/tree/master/dcgan
  blog_dense: https://github.com/NELSONZHAO/zhihu/tree/master/mnist_gan
  resnet_mnist, resnet_cifar_horse: Miyato et al., 2018, https://arxiv.org/abs/1802.05957
  dcgan, conditional_mnist: https://github.com/carpedm20/DCGAN-tensorflow
  the optimiser of all, Adam: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980
"""

import dataclasses

from dcgan_tf1.gan import carpedm20, catalogue, losses, networks, resnet
from dcgan_tf1.gan.objectives import D_OBJECTIVE, G_OBJECTIVE, UpdateSpec
from dcgan_tf1.gan.preset import Preset, StepInterval
from dcgan_tf1.gan.tutorial_presets import AUTOENCODER, CNTK, KERAS_DENSE, TF_TUTORIAL, TF_TUTORIAL_101, VAE
from dcgan_tf1.util.errors import UserError

_BLOG_MNIST = Preset(
    name='blog_mnist',
    title=catalogue.PRESET_TITLES['blog_mnist'],
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

# What differs from MNIST in the presets that are trained on horses.
_HORSES = {
    'dataset': 'cifar10',
    'image_class': 'horse',
    'image_shape': (32, 32, 3),
    'input_shape': (32, 32, 3),
    'holdout': 0,
}

_BLOG_CIFAR_HORSE = dataclasses.replace(
    _BLOG_MNIST,
    name='blog_cifar_horse',
    title=catalogue.PRESET_TITLES['blog_cifar_horse'],
    **_HORSES,
    image_sizes='any',
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
    title=catalogue.PRESET_TITLES['blog_dense'],
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(784,),
    image_sizes='any',
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

# What is meant for an hour of two cores: a quarter of the width; two discriminator updates, each on as many images as
# the generator's one; a higher rate and an average with warm-up, since the steps are few.
_RESNET_SMALL = {
    'discriminator': resnet.resnet_small_discriminator,
    'schedule': tuple(UpdateSpec((D_OBJECTIVE,), images=i, noise=i) for i in range(2)) + (
        UpdateSpec((G_OBJECTIVE,), noise=2),),
    'image_batches': 2,
    'noise_batches': (1, 1, 1),
    'steps': 8000,
    'learning_rate': 4e-4,
    'ema_warmup': True,
}

_RESNET_MNIST = Preset(
    name='resnet_mnist',
    title=catalogue.PRESET_TITLES['resnet_mnist'],
    input_shape=(28, 28, 1),
    image_sizes='doubled',
    sizes_of_variables=resnet.resnet_sizes,
    steps=50000,
    holdout=5000,
    noise='normal',
    z_dim=128,
    generator=resnet.resnet_mnist_generator,
    discriminator=resnet.resnet_discriminator,
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
    modes={'full': {}, 'small': dict(_RESNET_SMALL, generator=resnet.resnet_mnist_small_generator)},
)

_RESNET_CIFAR_HORSE = dataclasses.replace(
    _RESNET_MNIST,
    name='resnet_cifar_horse',
    title=catalogue.PRESET_TITLES['resnet_cifar_horse'],
    **_HORSES,
    scaling='minmax',
    generator=resnet.resnet_cifar_generator,
    modes={'full': {}, 'small': dict(_RESNET_SMALL, generator=resnet.resnet_cifar_small_generator)},
)

_SNGAN_MNIST = Preset(
    name='sngan_mnist',
    title=catalogue.PRESET_TITLES['sngan_mnist'],
    input_shape=(28, 28, 1),
    holdout=5000,
    epochs=5,
    generator=networks.sngan_mnist_generator,
    discriminator=networks.sngan_discriminator,
    ema_decay=0.999,
    ema_warmup=True,
    loss=losses.hinge,
    spectral_gain=1.4,
    learning_rate=1e-3,
    learning_rate_decay='linear',
    beta1=0.0,
    beta2=0.9,
)

_SNGAN_CIFAR_HORSE = dataclasses.replace(
    _SNGAN_MNIST,
    name='sngan_cifar_horse',
    title=catalogue.PRESET_TITLES['sngan_cifar_horse'],
    **_HORSES,
    image_sizes='any',
    noise='normal',
    spectral_gain=2.5,
    augment=('translation',),  # 5,000 images are few
    epochs=50,
    generator=networks.sngan_cifar_generator,
    discriminator=networks.sngan_cifar_discriminator,
)

_CGAN_MNIST = dataclasses.replace(
    _SNGAN_MNIST,
    name='cgan_mnist',
    title=catalogue.PRESET_TITLES['cgan_mnist'],
    sizes_of_variables=networks.cgan_sizes,
    classes=10,
    noise='normal',
    temperature=1.03,
    epochs=15,
    d_learning_rate=2e-3,
    samples=10,
)

_CGAN_FASHION_MNIST = dataclasses.replace(
    _CGAN_MNIST,
    name='cgan_fashion_mnist',
    title=catalogue.PRESET_TITLES['cgan_fashion_mnist'],
    dataset='fashion_mnist',
    temperature=1.0,  # at 1.03 clothes get no nearer to real ones
)

_CGAN_CIFAR10 = dataclasses.replace(
    _SNGAN_CIFAR_HORSE,
    name='cgan_cifar10',
    title=catalogue.PRESET_TITLES['cgan_cifar10'],
    sizes_of_variables=networks.cgan_sizes,
    image_class=None,
    classes=10,
    samples=10,
    epochs=50,
)

_DCGAN = Preset(
    name='dcgan',
    title=catalogue.PRESET_TITLES['dcgan'],
    dataset='folder',
    image_shape=(64, 64, 3),
    input_shape=(64, 64, 3),
    image_sizes='any',
    sizes_of_variables=carpedm20.dcgan_sizes,
    real_name='real_images',
    noise_name='z',
    gf_dim=64,
    df_dim=64,
    epochs=25,
    generator=carpedm20.dcgan_generator,
    discriminator=carpedm20.dcgan_discriminator,
    # The discriminator once, then the generator twice on the same noise.
    schedule=(UpdateSpec((D_OBJECTIVE,)), UpdateSpec((G_OBJECTIVE,)), UpdateSpec((G_OBJECTIVE,))),
    learning_rate=2e-4,
    beta1=0.5,
    first_adam='discriminator',
    log_every=StepInterval(200, 'steps'),
    samples=64,
    samples_columns=8,
    samples_noise='fixed',
    checkpoint_every=StepInterval(200, 'steps'),
)

_CONDITIONAL_MNIST = dataclasses.replace(
    _DCGAN,
    name='conditional_mnist',
    title=catalogue.PRESET_TITLES['conditional_mnist'],
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(28, 28, 1),
    image_sizes='fixed',
    sizes_of_variables=carpedm20.conditional_sizes,
    image_range=(0.0, 1.0),
    splits=('train', 'test'),
    shuffle='once',
    classes=10,
    gf_dim=None,
    df_dim=None,
    generator=carpedm20.conditional_mnist_generator,
    discriminator=carpedm20.conditional_mnist_discriminator,
    samples=60,  # 64 in the original: here whole rows, a column for each class
    samples_columns=None,
)

PRESETS = {preset.name: preset for preset in (
    _BLOG_MNIST, _BLOG_CIFAR_HORSE, _BLOG_DENSE, TF_TUTORIAL, TF_TUTORIAL_101, KERAS_DENSE, CNTK,
    _RESNET_MNIST, _RESNET_CIFAR_HORSE, _SNGAN_MNIST, _SNGAN_CIFAR_HORSE, _CGAN_MNIST, _CGAN_FASHION_MNIST,
    _CGAN_CIFAR10, _DCGAN, _CONDITIONAL_MNIST, AUTOENCODER, VAE)}


def get(name: str) -> Preset:
    """The preset of that name; UserError, which lists them, where there is none."""
    if not isinstance(name, str) or name not in PRESETS:
        raise UserError('expected one of the presets {}, found {!r}'.format(', '.join(PRESETS), name))
    return PRESETS[name]


def register(preset: Preset) -> None:
    """Adds a preset to PRESETS; UserError where its name is no identifier, or that of another one.

    ValueError for a mode whose fields are not what they have to be.

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
    for mode in preset.modes:
        preset.with_mode(mode)
    PRESETS[preset.name] = preset


def _same(one, other):
    """Whether two presets have equal fields; functions count as equal where they have the same code."""
    def contents(preset):
        return [getattr(value, '__code__', value) for value in (
            getattr(preset, field.name) for field in dataclasses.fields(preset))]

    return contents(one) == contents(other)
