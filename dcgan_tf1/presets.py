"""Each system of the sources as one row of PRESETS.

A preset is the whole experiment: what it is trained on, its networks and losses, in which
order they are updated, and how often results are written. Deliberate quirks of 2017 are
fields with a comment, so that they can be seen and, by `dataclasses.replace`, undone.
"""

import dataclasses
from typing import Callable, Optional, Tuple

from dcgan_tf1 import losses, networks


@dataclasses.dataclass(frozen=True)
class Preset:
    """One system; see the module's docstring. Unknown fields fail at once."""

    name: str
    title: str  # one line for help texts and figures
    generator: Callable  # see networks.py
    discriminator: Callable
    input_shape: Tuple[int, ...]  # of the real images' placeholder, without N

    # --- data
    dataset: str  # a row of datasets.DATASETS
    image_shape: Tuple[int, int, int]  # [H, W, C]
    batch_size: int
    epochs: int
    image_class: Optional[str] = None  # only this class's images; None for all
    image_range: Tuple[float, float] = (-1.0, 1.0)
    # 'bytes': 0 and 255 are the ends of the range. 'minmax': every pixel position and
    # channel is scaled by its own minimum and maximum over the whole training set.
    scaling: str = 'bytes'
    # 2017's MNIST reader kept the first 5,000 training images for validation.
    holdout: int = 0
    # 2017's MNIST reader served the first epoch in file order: 'after_first_epoch'; its
    # horses were never shuffled: 'never'.
    shuffle: str = 'after_first_epoch'
    # 2017's loop over the horses also left out the last full batch of every epoch.
    drop_last_full_batch: bool = False

    # --- networks
    real_name: str = 'inputs_real'  # placeholders, named as 2017 named them
    noise_name: str = 'inputs_noise'
    z_dim: int = 100  # noise is uniform(-1, 1), drawn by NumPy
    batch_norm: str = 'fused'  # or 'moments', as in TensorFlow 1.0.1: see layers.Pass
    # 2017's quirk: the discriminator's batch norm always uses the batch's own statistics.
    # False: its moving averages, which then stay at their initial values.
    discriminator_batch_statistics: bool = True
    dropout_when_training: bool = True
    # 2017's quirk: the DCGAN's dropout stays on when sampling, while its batch norm uses
    # the moving averages.
    dropout_when_sampling: bool = True

    # --- training
    loss: Callable = losses.smoothed_labels
    smoothing: float = 0.1
    # Who is updated in a step, one after the other, on the same images and noise.
    schedule: Tuple[str, ...] = ('generator', 'discriminator')
    # 'own': a train op waits for the moving averages of the passes that it runs anyway.
    # 'all': for every one, as in 2017, so that a generator step also runs the
    # discriminator over the real images for nothing.
    update_ops: str = 'own'
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    adam_epsilon: float = 1e-8

    # --- what is written
    metrics: Tuple[str, ...] = ('d_loss', 'g_loss')  # fields of losses.GanLosses
    log_every: int = 100  # steps between rows of losses and samples; 0 for once an epoch
    samples: int = 25  # images in a row
    checkpoint_every: int = 500  # steps
    recorded_losses: Optional[str] = None  # 2017's curve, a file of dcgan_tf1/reference

    def __post_init__(self):
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError('Preset.{}: expected one of {}, found {!r}'.format(
                    field, ', '.join(map(repr, choices)), getattr(self, field)))


_CHOICES = {
    'scaling': ('bytes', 'minmax'),
    'shuffle': ('after_first_epoch', 'never'),
    'batch_norm': ('fused', 'moments'),
    'schedule': (('generator', 'discriminator'), ('discriminator', 'generator')),
    'update_ops': ('own', 'all'),
}


_BLOG_MNIST = Preset(
    name='blog_mnist',
    title="the 2017 blog's DCGAN on MNIST",
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(28, 28, 1),
    holdout=5000,
    batch_size=64,
    epochs=5,
    generator=networks.blog_mnist_generator,
    discriminator=networks.blog_discriminator,
    beta1=0.4,
    log_every=101,
    recorded_losses='mnist2017_losses.csv',
)

_BLOG_CIFAR_HORSE = dataclasses.replace(
    _BLOG_MNIST,
    name='blog_cifar_horse',
    title="the 2017 blog's DCGAN on the horses of CIFAR-10",
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
    log_every=100,
    samples=15,
    recorded_losses='cifar2017_losses.csv',
)

_BLOG_DENSE = Preset(
    name='blog_dense',
    title='the fully connected GAN that the 2017 blog compares with',
    dataset='mnist',
    image_shape=(28, 28, 1),
    input_shape=(784,),
    real_name='real_img',
    noise_name='noise_img',
    holdout=5000,
    batch_size=64,
    epochs=300,
    generator=networks.blog_dense_generator,
    discriminator=networks.blog_dense_discriminator,
    # 2017's quirk: the generator has a dropout layer that was never switched on.
    dropout_when_training=False,
    dropout_when_sampling=False,
    loss=losses.smoothed_losses,
    schedule=('discriminator', 'generator'),
    metrics=('d_loss', 'd_loss_real', 'd_loss_fake', 'g_loss'),
    log_every=0,
    checkpoint_every=8590,
)

PRESETS = {preset.name: preset for preset in (_BLOG_MNIST, _BLOG_CIFAR_HORSE, _BLOG_DENSE)}
