"""Preset -> the graph's handles: placeholders, losses, samples, the training loop.

Built once into the default graph and then finalised by the caller. Set the graph's seed
first (`tf.set_random_seed`): initial weights and dropout masks derive from it.
"""

import collections
import contextlib

import tensorflow.compat.v1 as tf

from dcgan_tf1 import layers

# Who draws dropout masks within one step; the masks of all are independent.
DRAWS = ('generator', 'discriminator', 'losses', 'sample')

TrainingGraph = collections.namedtuple('TrainingGraph', [
    'real',         # placeholder [N] + input_shape, float32 in the preset's range
    'noise',        # placeholder [N, z_dim], float32
    'draw',         # placeholder, int32 scalar: which dropout masks, see draw_number()
    'losses',       # losses.GanLosses of scalars, in training mode; moves no average
    'sample_images',  # [N] + image_shape
    'global_step',  # int64 variable
    'update',       # update(who, real, noise, draw): builds one network's update, an op
    'loop',         # Loop: whole steps on the device
])

# Any number of steps in one call of the session. The images that steps are trained on stay
# on the device; a call says which of them, and brings its noise.
Loop = collections.namedtuple('Loop', [
    'images',      # placeholder [count] + input_shape: what `load` puts on the device
    'load',        # op, to be run once
    'first',       # placeholder, int32 scalar: the first step's number, from 1
    'indices',     # placeholder [steps, N], int32: rows of the loaded images
    'noises',      # placeholder [steps, N, z_dim], float32
    'train',       # op: trains `steps` steps, each of which increments global_step
])

SamplingGraph = collections.namedtuple('SamplingGraph', 'noise draw sample_images')


def draw_number(step, who):
    """The value to feed as `draw` for one of DRAWS in one step; `step` may be a tensor."""
    return step * len(DRAWS) + DRAWS.index(who)


def make_steps(session, handles, images):
    """Puts `images` [count] + input_shape, float32, on the device; returns `steps`.

    `steps(first, indices, noises)` trains len(indices) steps in one call of `session`:
    first is the number of the first of them (from 1; it selects the dropout masks),
    indices [steps, N] the rows of `images` and noises [steps, N, z_dim] the noise of each.
    The numbers don't depend on how steps are divided into calls.
    """
    loop = handles.loop
    session.run(loop.load, {loop.images: images})
    # A callable skips the session's look at fetches and feeds in every call.
    return session.make_callable(loop.train, [loop.first, loop.indices, loop.noises])


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
    images = tf.cast(preset.generator(noise, net_pass), tf.float32)
    return tf.reshape(images, (-1,) + preset.image_shape, name='images')


def build_sampling_graph(preset, dropout=None, precision='float32', lowering='native'):
    """The generator alone. `dropout`: on, off, or None for what the preset says."""
    noise, draw = _noise_placeholder(preset), _draw_placeholder()
    if dropout is None:
        dropout = preset.dropout_when_sampling
    # Reference variables, as TensorFlow 1.0 made them: an exported graph has no others.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=False, auxiliary_name_scope=False), \
            layers.arithmetic(precision, lowering):
        return SamplingGraph(noise, draw, _sample_images(preset, noise, draw, dropout))


def build_training_graph(preset, precision='float32', lowering='native', towers=('',)):
    """Everything that training needs, with 2017's variable names; see TrainingGraph.

    precision and lowering: see layers.arithmetic.
    towers: the devices that share a step, each with an equal part of the images and noise
    and a batch norm of its own; gradients are averaged, and so are the statistics that
    move the averages. The device '' is TensorFlow's choice.

    UPDATE_OPS holds, for the placeholders, what a discriminator's update moves in the
    loop: one op for every moving average and pass (14 for the blog's DCGAN).
    """
    # A loop in the graph must read a variable anew in every step, as resource variables do.
    with _loops_of_tensorflow_1(), tf.variable_scope(
            tf.get_variable_scope(), use_resource=True, auxiliary_name_scope=False):
        builder = _Builder(preset, precision, lowering, towers)
        real = tf.placeholder(tf.float32, (None,) + preset.input_shape, name=preset.real_name)
        noise, draw = _noise_placeholder(preset), _draw_placeholder()
        forward = builder.forward(real, noise, draw)
        for op in sum(forward.average_updates(), []):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)
        builder.make_optimizers()
        global_step = tf.train.get_or_create_global_step()
        with layers.arithmetic(precision, lowering):
            images = _sample_images(preset, noise, draw, preset.dropout_when_sampling)
        return TrainingGraph(real, noise, draw, forward.mean_losses(), images, global_step, builder.update,
                             _build_loop(preset, builder.update, global_step))


def _build_loop(preset, update, global_step):
    placeholder = tf.placeholder(tf.float32, (None,) + preset.input_shape, name='loop/images')
    images = tf.get_variable('loop_images', initializer=placeholder, trainable=False, validate_shape=False,
                             collections=[tf.GraphKeys.LOCAL_VARIABLES])
    first = tf.placeholder(tf.int32, [], name='loop/first')
    indices = tf.placeholder(tf.int32, [None, None], name='loop/indices')
    noises = tf.placeholder(tf.float32, [None, None, preset.z_dim], name='loop/noises')

    def step(i):
        real = tf.gather(images, indices[i])
        real.set_shape((None,) + preset.input_shape)
        done = []
        for who in preset.schedule:
            with tf.control_dependencies(done):
                done = [update(who, tf.identity(real), tf.identity(noises[i]), draw_number(first + i, who))]
        with tf.control_dependencies(done), tf.control_dependencies([tf.assign_add(global_step, 1).op]):
            return i + 1

    count = tf.shape(indices)[0]
    train = tf.while_loop(lambda i: i < count, step, [tf.constant(0)], parallel_iterations=1, back_prop=False,
                          name='loop')
    return Loop(placeholder, images.initializer, first, indices, noises, train.op)


class _Forward:
    """Both networks over one batch, an equal part of it on each tower."""

    def __init__(self, preset, towers, real, noise, draw):
        self.losses = []  # losses.GanLosses of each tower
        self._passes = {'generator': [], 'real': [], 'fake': []}  # a layers.Pass for each tower
        for number, (device, real_part, noise_part) in enumerate(zip(
                towers, _split(real, len(towers)), _split(noise, len(towers)))):
            with tf.device(device or None):
                passes = {name: self._pass(preset, name, draw, number) for name in self._passes}
                fake = preset.generator(noise_part, passes['generator'])
                d_logits_real, _ = preset.discriminator(real_part, passes['real'])
                d_logits_fake, _ = preset.discriminator(fake, passes['fake'])
                self.losses.append(preset.loss(d_logits_real, d_logits_fake, preset.smoothing))

    def _pass(self, preset, name, draw, number):
        training = name == 'generator' or preset.discriminator_batch_statistics
        net_pass = layers.Pass('{}/{}'.format(name, number) if number else name, training,
                               draw if preset.dropout_when_training else None, preset.batch_norm)
        self._passes[name].append(net_pass)
        return net_pass

    def mean_losses(self):
        """GanLosses of scalars over the whole batch."""
        return type(self.losses[0])(*[_mean(parts) for parts in zip(*self.losses)])

    def average_updates(self):
        """The ops that move (the generator's, the real pass's, the fake pass's) averages.

        Where the real and the fake pass move the same average, the real one's comes first.
        """
        generator = layers.moving_average_updates(self._passes['generator'])
        real = layers.moving_average_updates(self._passes['real'])
        with tf.control_dependencies(real):
            return generator, real, layers.moving_average_updates(self._passes['fake'])

    def generators_own_updates(self):
        """Without a pass over real images, whose updates the fake pass's would wait for."""
        return [layers.moving_average_updates(self._passes[name]) for name in ('generator', 'fake')]


class _Builder:
    """Builds forward passes and updates that share variables and optimisers."""

    def __init__(self, preset, precision, lowering, towers):
        self._preset, self._towers = preset, towers
        self._arithmetic = precision, lowering
        self._optimizers = {}

    def forward(self, real, noise, draw):
        with layers.arithmetic(*self._arithmetic):
            return _Forward(self._preset, self._towers, real, noise, draw)

    def make_optimizers(self):
        """One Adam for each network, with its variables; the networks' exist already.

        Adam's own variables are numbered in order of creation, and 2017 made the
        generator's first, whatever the order of updates in a step. An update that is never
        run makes them here, outside of any loop.
        """
        for who in ('generator', 'discriminator'):
            self._optimizers[who] = tf.train.AdamOptimizer(
                self._preset.learning_rate, self._preset.beta1, self._preset.beta2, self._preset.adam_epsilon)
            self._optimizers[who].apply_gradients(
                [(tf.zeros_like(variable), variable) for variable in network_trainables(who)])

    def update(self, who, real, noise, draw):
        """One network's update on real [N] + input_shape and noise [N, z_dim]: an op."""
        forward = self.forward(real, noise, draw)
        variables, optimizer = network_trainables(who), self._optimizers[who]
        # What the gradients are too small for in float16 is lost, unless the loss is larger.
        scale = 1024.0 if self._arithmetic[0] == 'float16' else 1.0
        gradients = []
        for device, losses in zip(self._towers, forward.losses):
            with tf.device(device or None):
                loss = losses.g_loss if who == 'generator' else losses.d_loss
                found = tf.gradients(loss * scale if scale != 1 else loss, variables, colocate_gradients_with_ops=True)
                # None: a bias that a batch norm takes out again (see layers.batch_norm).
                gradients.append([tf.zeros_like(v) if g is None else g / scale if scale != 1 else g
                                  for g, v in zip(found, variables)])
        if who == 'generator' and self._preset.update_ops == 'own':
            updates = forward.generators_own_updates()
        else:
            updates = forward.average_updates()
        with tf.control_dependencies(sum(updates, [])):
            return optimizer.apply_gradients(
                [(_mean(parts), variable) for parts, variable in zip(zip(*gradients), variables)])


def _split(x, parts):
    return tf.split(x, parts) if parts > 1 else [x]


def _mean(parts):
    return tf.add_n(parts) / len(parts) if len(parts) > 1 else parts[0]


@contextlib.contextmanager
def _loops_of_tensorflow_1():
    """Loops built inside are of TensorFlow 1's kind: the body's operations in this graph.

    The later kind, a function that is called, differentiates and traces less well here.
    """
    later = tf.control_flow_v2_enabled()
    tf.disable_control_flow_v2()
    try:
        yield
    finally:
        if later:
            tf.enable_control_flow_v2()
