"""What a preset's networks do together in one training pass, and what can be learned from it.

A Model has a function that runs the networks over one batch and returns the losses, and the
names by which the rest of the package speaks of its networks, losses and passes.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.augmentation import augment

Model = collections.namedtuple('Model', [
    'forward',   # forward(preset, real, noise, new_context) -> the preset's losses; labels are the contexts'. A
                 # context with an output is of a pass that has been made
    'networks',  # the networks' scopes; the first is the one that images are sampled from
    'passes',    # {loss: the passes that it comes from}, in the order in which averages move
])

# One optimiser's aim: the networks (scopes) that learn, and the loss that they lower.
Objective = collections.namedtuple('Objective', 'networks loss')

# One update of a step. All objectives' gradients are taken at the same weights. images and
# noise: which of the step's batches of real images and of noise it is taken on.
UpdateSpec = collections.namedtuple('UpdateSpec', 'objectives images noise')
UpdateSpec.__new__.__defaults__ = (0, 0)

MAX_UPDATES = 14  # of a step, each of which has dropout masks of its own, by a place of step_loop's

GENERATOR = 'generator'  # the pass in which a GAN's images are made

G_OBJECTIVE = Objective(('generator',), 'g_loss')
D_OBJECTIVE = Objective(('discriminator',), 'd_loss')
D_REAL_OBJECTIVE = Objective(('discriminator',), 'd_loss_real')
D_FAKE_OBJECTIVE = Objective(('discriminator',), 'd_loss_fake')
AUTOENCODER_OBJECTIVE = Objective(('decoder', 'encoder'), 'loss')


def _gan(preset, real, noise, new_context):
    made = new_context(GENERATOR)
    if made.output is None:
        made.output = preset.generator(noise, made)

    def logits(images, name):
        ctx = new_context(name, preset.discriminator_batch_statistics)
        return preset.discriminator(augment(images, ctx, preset.augment), ctx)[0]

    return preset.loss(logits(real, 'real'), logits(made.output, 'fake'), preset.smoothing)


GAN = Model(_gan, ('generator', 'discriminator'), {
    'd_loss': (GENERATOR, 'real', 'fake'), 'd_loss_real': ('real',), 'd_loss_fake': (GENERATOR, 'fake'),
    'g_loss': (GENERATOR, 'fake')})


def _autoencoder(preset, real, noise, new_context):
    """`noise` reparameterises a VAE's code; a plain autoencoder has no use for it."""
    code = preset.encoder(real, new_context('encoder'))
    if isinstance(code, tuple):
        mean, log_variance = [tf.cast(part, tf.float32) for part in code]
        code = mean, log_variance
        z = mean + tf.exp(log_variance / 2) * noise
    else:
        z = code
    _, logits = preset.generator(z, new_context('decoder'))
    return preset.loss(real, tf.cast(logits, tf.float32), code)


AUTOENCODER = Model(_autoencoder, ('decoder', 'encoder'), {'loss': ('encoder', 'decoder')})
