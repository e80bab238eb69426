"""Preset -> the graph's handles: placeholders, losses, samples, train ops.

Built once into the default graph and then finalised by the caller. Set the graph's seed
first (`tf.set_random_seed`): initial weights and dropout masks derive from it.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1 import layers

# Who draws dropout masks within one step; the masks of all are independent.
DRAWS = ('generator', 'discriminator', 'losses', 'sample')

TrainingGraph = collections.namedtuple('TrainingGraph', [
    'real',         # placeholder [N] + input_shape, float32 in the preset's range
    'noise',        # placeholder [N, z_dim], float32
    'draw',         # placeholder, int32 scalar: which dropout masks, see draw_number()
    'losses',       # losses.GanLosses of scalars, in training mode; moves no average
    'train_ops',    # {'generator': op, 'discriminator': op}; the schedule's last one
                    # also increments global_step
    'train_feeds',  # {'generator': placeholders that its op needs, ...}
    'sample_images',  # [N] + image_shape
    'global_step',  # int64 variable
])

SamplingGraph = collections.namedtuple('SamplingGraph', 'noise draw sample_images')


def draw_number(step, who):
    """The value to feed as `draw` for one of DRAWS in one step."""
    return step * len(DRAWS) + DRAWS.index(who)


def make_step(session, handles, preset):
    """Returns `step(number, real, z)`, which does one training step in `session`.

    number counts steps from 1 and selects the dropout masks; real [N] + input_shape and
    z [N, z_dim] are float32 arrays. The preset's schedule is followed, each network on the
    same arrays. Callables skip the session's look at fetches and feeds in every call.
    """
    updates = [(who, session.make_callable(handles.train_ops[who], handles.train_feeds[who]),
                [tensor.name for tensor in handles.train_feeds[who]]) for who in preset.schedule]

    def step(number, real, z):
        feeds = {handles.real.name: real, handles.noise.name: z}
        for who, update, names in updates:
            feeds[handles.draw.name] = draw_number(number, who)
            update(*[feeds[name] for name in names])

    return step


def network_trainables(scope):
    """The trainable variables of 'generator' or 'discriminator'."""
    return tf.trainable_variables(scope + '/')


def _noise_placeholder(preset):
    return tf.placeholder(tf.float32, [None, preset.z_dim], name=preset.noise_name)


def _draw_placeholder():
    return tf.placeholder(tf.int32, [], name='draw')


def _sample_images(preset, noise, draw, dropout):
    """Generator images with batch norm on its moving averages: [N] + image_shape."""
    net_pass = layers.Pass('sample', training=False, draw=draw if dropout else None)
    images = preset.generator(noise, net_pass)
    return tf.reshape(images, (-1,) + preset.image_shape, name='images')


def build_sampling_graph(preset, dropout=None):
    """The generator alone. `dropout`: on, off, or None for what the preset says."""
    noise, draw = _noise_placeholder(preset), _draw_placeholder()
    if dropout is None:
        dropout = preset.dropout_when_sampling
    return SamplingGraph(noise, draw, _sample_images(preset, noise, draw, dropout))


def build_training_graph(preset):
    """Everything that training needs, with 2017's variable names; see TrainingGraph.

    UPDATE_OPS holds what a discriminator step moves: one op for every moving average and
    pass (14 for the blog's DCGAN). Where the real and the fake pass move the same
    average, the real one's update comes first.
    """
    real = tf.placeholder(tf.float32, (None,) + preset.input_shape, name=preset.real_name)
    noise, draw = _noise_placeholder(preset), _draw_placeholder()
    dropout = draw if preset.dropout_when_training else None

    # One forward graph serves both updates: feeding another `draw` redraws the masks.
    passes = {name: layers.Pass(name, training, dropout, preset.batch_norm) for name, training in (
        ('generator', True), ('real', preset.discriminator_batch_statistics),
        ('fake', preset.discriminator_batch_statistics))}
    fake = preset.generator(noise, passes['generator'])
    d_logits_real, _ = preset.discriminator(real, passes['real'])
    d_logits_fake, _ = preset.discriminator(fake, passes['fake'])
    losses = preset.loss(d_logits_real, d_logits_fake, preset.smoothing)

    g_updates = layers.moving_average_updates(passes['generator'])
    real_updates = layers.moving_average_updates(passes['real'])
    with tf.control_dependencies(real_updates):
        fake_updates = layers.moving_average_updates(passes['fake'])
    every_update = g_updates + real_updates + fake_updates
    for op in every_update:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)

    updates = {'generator': every_update, 'discriminator': every_update}
    feeds = {'generator': [real, noise, draw], 'discriminator': [real, noise, draw]}
    if preset.update_ops == 'own':
        # The generator's step runs no pass over real images, so the fake pass's updates
        # have nothing to wait for there: a second set of them.
        updates['generator'] = g_updates + layers.moving_average_updates(passes['fake'])
        feeds['generator'] = [noise, draw]

    global_step = tf.train.get_or_create_global_step()
    objectives = {'generator': losses.g_loss, 'discriminator': losses.d_loss}
    train_ops = {}
    # Adam's own variables are numbered in order of creation, and 2017 made the
    # generator's optimiser first, whatever the order of updates in a step.
    for who in ('generator', 'discriminator'):
        optimizer = tf.train.AdamOptimizer(preset.learning_rate, preset.beta1, preset.beta2,
                                           preset.adam_epsilon)
        gradients = optimizer.compute_gradients(
            objectives[who], var_list=network_trainables(who))
        with tf.control_dependencies(updates[who]):
            train_ops[who] = optimizer.apply_gradients(
                gradients, global_step=global_step if who == preset.schedule[-1] else None)

    images = _sample_images(preset, noise, draw, preset.dropout_when_sampling)
    return TrainingGraph(real, noise, draw, losses, train_ops, feeds, images, global_step)
