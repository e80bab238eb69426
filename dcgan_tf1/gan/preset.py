"""What a preset is: the whole experiment.

What it is trained on, its networks and losses, in which order they are updated, and how often
results are written. Deliberate quirks of the original notebooks
(https://github.com/NELSONZHAO/zhihu, of 2017) are fields with a comment, so that they can be
seen and, by `dataclasses.replace`, undone.
"""

import dataclasses
from typing import Callable, Mapping, Optional, Tuple

import numpy as np

from dcgan_tf1.gan import layers, objectives, preset_fields, sizes
from dcgan_tf1.gan.losses import smoothed_labels
from dcgan_tf1.gan.objectives import D_OBJECTIVE, G_OBJECTIVE, UpdateSpec
from dcgan_tf1.gan.preset_fields import StepInterval
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text


def require_preset(what, preset):
    """UserError, by the function `what`, for anything but a Preset: its name, say."""
    if not isinstance(preset, Preset):
        raise UserError('{}: expected a Preset, as get_preset() returns it, found {!r}'.format(what, preset))


def free_on_resume(default=dataclasses.MISSING, **how):
    """A field that a run may change when it is resumed, since it changes nothing in the numbers of a step."""
    return dataclasses.field(default=default, metadata={'free_on_resume': True}, **how)


def _without_numpy(value):
    """A value with Python's numbers in place of NumPy's, which JSON doesn't know, and tuples in place of arrays."""
    if isinstance(value, (np.generic, np.ndarray)):
        return _as_tuples(value.tolist())
    if not isinstance(value, (tuple, list)):
        return value
    plain = [_without_numpy(each) for each in value]
    if all(one is other for one, other in zip(plain, value)):
        return value
    return type(value)(*plain) if hasattr(value, '_fields') else type(value)(plain)


def _as_tuples(value):
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True)
class Preset:
    """A whole experiment: data, networks, losses, updates. Unknown fields fail at once."""

    name: str
    title: str = free_on_resume()  # one line for help texts and figures
    generator: Callable  # what images are sampled from; see networks.py
    input_shape: Tuple[int, ...]  # of the real images' placeholder, without N
    # What the networks do together. It holds dictionaries.
    model: objectives.Model = dataclasses.field(default=objectives.GAN, hash=False)
    discriminator: Optional[Callable] = None  # of a GAN
    encoder: Optional[Callable] = None  # of an autoencoder

    # --- data
    dataset: str = 'mnist'  # a row of data.sources.DATASETS
    image_shape: Tuple[int, int, int] = (28, 28, 1)  # [H, W, C]
    # Of which other sizes the networks can make images: see sizes.KINDS, with_image_shape() and ctx.image_shape.
    image_sizes: str = free_on_resume('fixed')
    # sizes_of_variables(shapes, size=None): what a checkpoint's variables, {name: shape}, say of image_shape, z_dim,
    # gf_dim, df_dim and classes: {field: value}. A side known only to lie in a range is given as its maximum, an
    # unknown one as None. size: the (H, W) if it is known already; ValueError where the variables contradict it.
    sizes_of_variables: Optional[Callable] = free_on_resume(None)
    batch_size: int = 64
    image_class: Optional[str] = None  # only this class's images; None for all
    image_range: Tuple[float, float] = (-1.0, 1.0)
    # 'bytes': 0 and 255 are the ends of the range. 'minmax': every pixel position and
    # channel is scaled by its own minimum and maximum over the whole training set.
    scaling: str = 'bytes'
    # The first so many images of MNIST are left out: the original's reader kept 5,000 for validation.
    holdout: int = 0
    splits: Tuple[str, ...] = ('train',)  # of the data set: all that is trained on
    # 'always': every epoch is permuted. 'after_first_epoch': the original's MNIST reader
    # served the first one in file order. 'never': the original's horses. 'once': by one
    # permutation, the same in all epochs. 'with_replacement': every batch is drawn from all images.
    shuffle: str = 'always'
    # An epoch's incomplete last batch: 'drop'; 'keep' (with a full batch of noise);
    # 'skip': a step that gets one makes no update that needs real images.
    incomplete_batch: str = 'drop'
    # The original's loop over the horses also left out the last full batch of every epoch.
    drop_last_full_batch: bool = False

    # Whether half of a step's real images, chosen anew in each update, have left and right exchanged.
    mirror: bool = False

    # --- networks
    # Of a conditional preset, whose networks take labels: how many classes there are. None: they take none.
    classes: Optional[int] = None
    real_name: str = 'inputs_real'  # placeholders, named as the original named them
    noise_name: str = 'inputs_noise'
    labels_name: str = 'inputs_labels'
    z_dim: int = 100
    noise: str = 'uniform'  # 'uniform' in [-1, 1), 'normal' (0, 1) or 'uniform01' in [0, 1), drawn by NumPy
    # The widths of networks that have them as settings, ctx.gf_dim and ctx.df_dim: the filters of the generator's
    # last hidden layer, and of the discriminator's first.
    gf_dim: Optional[int] = None
    df_dim: Optional[int] = None
    batch_norm: str = 'fused'  # or 'moments', as in TensorFlow 1.0.1: see layers.BatchContext
    # The original's quirk: the discriminator's batch norm always uses the batch's own statistics.
    # False: its moving averages, which then stay at their initial values.
    discriminator_batch_statistics: bool = True
    dropout_when_training: bool = True
    # The original's quirk: the DCGAN's dropout stays on when sampling, while its batch norm
    # uses the moving averages.
    dropout_when_sampling: bool = False
    # Decay of an exponential moving average of the generator's (or decoder's) weights, with
    # which images are sampled. None: no average.
    ema_decay: Optional[float] = None
    # Whether the average forgets faster in the first steps: its decay is then at most (1 + n) / (10 + n) after n
    # steps. Without, the initial weights are a third of it after a thousand steps at a decay of 0.999.
    ema_warmup: bool = False
    # What noise is multiplied by when images are sampled, but not in training: less than 1 for fewer odd images and
    # less variety, more than 1 for the reverse. Of 'uniform01' it is the distance from 0.5. Source: Kingma and
    # Dhariwal, 2018, https://arxiv.org/abs/1807.03039.
    temperature: float = free_on_resume(1.0)

    # The spectral norm of the kernels that are spectrally normalised; 1 as published. The logits of a network of four
    # layers then hardly reach the hinge loss's margin: the discriminator is too weak.
    spectral_gain: float = 1.0

    # --- training
    # What is done to every image that the discriminator sees while training: see augmentation.py.
    augment: Tuple[str, ...] = ()
    epochs: Optional[int] = free_on_resume(None)  # how long: either this
    steps: Optional[int] = free_on_resume(None)  # or this
    loss: Callable = smoothed_labels
    smoothing: float = 0.0
    # The updates of a step, one after the other.
    schedule: Tuple[UpdateSpec, ...] = (UpdateSpec((G_OBJECTIVE,)), UpdateSpec((D_OBJECTIVE,)))
    # Fresh batches of real images in a step, and of noise: the latter's sizes, in batches.
    image_batches: int = 1
    noise_batches: Tuple[int, ...] = (1,)
    # 'per_pass' (in version 0.1 'own'): a train op waits for the moving averages of the passes
    # that it runs anyway. 'all': for every one, as in the original, so that a generator step
    # also runs the discriminator over the real images for nothing.
    update_ops: str = 'per_pass'
    learning_rate: float = 1e-3
    g_learning_rate: Optional[float] = None  # of one network alone; None: learning_rate
    d_learning_rate: Optional[float] = None
    learning_rate_decay: str = 'none'  # or 'linear': to 0 over the whole run
    beta1: float = 0.9
    beta2: float = 0.999
    adam_epsilon: float = 1e-8
    # Whose Adam the source made first: its powers are `beta1_power` and `beta2_power` in checkpoints, the other's
    # `beta1_power_1` and `beta2_power_1`. 'generator' or 'discriminator'. Free on resume, because in runs older
    # than this field both Adams have the same powers.
    first_adam: str = free_on_resume('generator')

    # --- what is written
    losses: Tuple[str, ...] = free_on_resume(('d_loss', 'g_loss'))  # fields of what `loss` returns
    # A row's losses: 'after' the step, on its images and noise; 'before': what the step's
    # updates themselves started from; 'mean' of that over the steps since the last row.
    losses_when: str = 'after'
    log_every: StepInterval = free_on_resume(StepInterval(100, 'steps'))  # rows of losses and samples
    log_first: Optional[StepInterval] = free_on_resume(None)  # the first row; None: after log_every
    samples_every: Optional[StepInterval] = free_on_resume(None)  # rows that have samples; None: all
    samples: int = free_on_resume(25)  # images in a row
    samples_columns: Optional[int] = free_on_resume(None)  # of a row's own picture; None: side by side
    # The samples' noise: 'fresh' in every row; 'fixed', drawn once; 'fakes': the first of
    # the noise that the step's own updates use, sampled before them.
    samples_noise: str = free_on_resume('fresh')
    samples_name: str = free_on_resume('step-{step:06d}.png')  # may also have {epoch}
    # The number of the first step, and of the first epoch, in all that is written.
    first_step: int = free_on_resume(1)
    first_epoch: int = free_on_resume(1)
    gif: bool = free_on_resume(False)  # join the samples into an animation at the end
    checkpoint_every: StepInterval = free_on_resume(StepInterval(500, 'steps'))
    recorded_losses: Optional[str] = free_on_resume(None)  # the original's curve, a file of dcgan_tf1/reference
    # Named sets of other values: --mode.
    modes: Mapping[str, Mapping] = free_on_resume(default_factory=dict, hash=False)
    mode: Optional[str] = free_on_resume(None)  # the one that was taken

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (np.generic, np.ndarray, tuple, list)):
                plain = _without_numpy(value)
                object.__setattr__(self, field.name, tuple(plain) if isinstance(plain, list) else plain)
        if self.update_ops == 'own':  # its name in version 0.1
            object.__setattr__(self, 'update_ops', 'per_pass')
        preset_fields.check(self)

    @property
    def heading(self):
        """The title; of a preset without one, its name."""
        return self.title or self.name

    def learning_rate_of(self, network):
        """Adam's for one of the model's networks, by its name."""
        own = {'generator': self.g_learning_rate, 'discriminator': self.d_learning_rate}.get(network)
        return self.learning_rate if own is None else own

    def with_image_shape(self, image_shape):
        """The preset for images of another [H, W, C]; ValueError, in one line, where its networks can't make them."""
        if hasattr(image_shape, 'as_list'):  # a TensorShape
            image_shape = image_shape.as_list()
        image_shape = _without_numpy(image_shape)
        image_shape = tuple(image_shape) if isinstance(image_shape, list) else image_shape
        preset_fields.require_image_shape('with_image_shape', image_shape)
        if image_shape == self.image_shape:
            return self
        if self.image_sizes == 'fixed':
            raise ValueError('expected images of {}, the one size of {}, found {}'.format(
                shape_text(self.image_shape), self.name, shape_text(image_shape)))
        sizes.check(self.image_sizes, image_shape)
        flat = len(self.input_shape) == 1
        return dataclasses.replace(self, image_shape=image_shape,
                                   input_shape=(int(np.prod(image_shape)),) if flat else image_shape)

    def with_rows_every(self, log_every):
        """The preset with rows of losses, and of samples with each, at another StepInterval."""
        return dataclasses.replace(self, log_every=log_every, log_first=None, samples_every=None,
                                   samples_name=self._samples_name(log_every))

    def with_samples_every(self, samples_every):
        """The preset with rows of samples at another StepInterval, each with a row of losses beside the usual ones."""
        return dataclasses.replace(self, samples_every=samples_every, samples_name=self._samples_name(samples_every))

    def _samples_name(self, every):
        """The samples' name, which has a step where there are several rows an epoch: each is a picture of its own."""
        return Preset.samples_name if every.unit == 'steps' and '{step' not in self.samples_name else self.samples_name

    def with_noise(self, noise):
        """The preset for another kind of noise, at temperature 1: a temperature is meant for one kind of noise."""
        return self if noise == self.noise else dataclasses.replace(self, noise=noise, temperature=1.0)

    def batch_context(self, name, training, **others):
        """The layers.BatchContext of one pass of the preset's networks; others: its further arguments."""
        return layers.BatchContext(name, training, batch_norm=self.batch_norm, image_shape=self.image_shape,
                                   gf_dim=self.gf_dim, df_dim=self.df_dim, spectral_gain=self.spectral_gain, **others)

    def with_mode(self, mode):
        """The preset with the values of one of its modes; ValueError, which lists them, for another."""
        if mode not in tuple(self.modes):
            raise ValueError('Preset.with_mode: expected {}, found {!r}'.format(
                'one of ' + ', '.join(map(repr, self.modes)) if self.modes else 'none, for {} has no modes'.format(
                    self.name), mode))
        return dataclasses.replace(self, mode=mode, **self.modes[mode])
