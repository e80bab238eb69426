"""Preset -> the graph's handles: placeholders, losses, samples, the training loop.

Built once into the default graph and then finalised by the caller. Set the graph's seed
first (`tf.set_random_seed`): initial weights and dropout masks derive from it.
"""

import collections
import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import layers

# Dropout masks are drawn anew for each update of a step, for its losses and its samples.
_SEEDS_PER_STEP = 16
LOSSES, SAMPLE = 14, 15  # and an update's place in the schedule

TrainingGraph = collections.namedtuple('TrainingGraph', [
    'real',         # placeholder [N] + input_shape, float32 in the preset's range
    'noise',        # placeholder [N, z_dim], float32
    'dropout_seed',         # placeholder, int32 scalar: which dropout masks, see dropout_seed_for()
    'losses',       # the preset's losses, scalars, in training mode; moves no average
    'sample_images',  # [N] + image_shape
    'global_step',  # int64 variable
    'update',       # update(UpdateSpec, real, noise, dropout_seed): builds one update, an op
    'loop',         # Loop: whole steps on the device
    'loss_accumulators',  # LossAccumulators: what the updates themselves started from
    'exchange',     # SyncOps, where there are several workers, else None
])

# Any number of steps in one call of the session. The images that steps are trained on stay
# on the device; a call says which of them, and brings its noise.
Loop = collections.namedtuple('Loop', [
    'images',      # placeholder [count] + input_shape: what `load` puts on the device
    'load',        # op, to be run once
    'first',       # placeholder, int32 scalar: the first step's number, from 1
    'indices',     # placeholder [steps, image_batches * N], int32: rows of the loaded images, or -1
    'noises',      # placeholder [steps, sum(noise_batches) * N, z_dim], float32
    'train',       # op: trains `steps` steps, each of which increments global_step
])

# The losses of a step's objectives, in the schedule's order, each taken before its update.
LossAccumulators = collections.namedtuple('LossAccumulators', [
    'names',  # the losses' names, one for each objective
    'sums',   # variable [objectives]: of the last step ('before'), or of all since `reset` ('mean')
    'counts',  # variable [objectives]: updates that were made
    'reset',  # op
])


class AllReduce:
    """This process of several that compute the same graph; makes the operations that add up over all of them."""

    GROUP = 1

    def __init__(self, count=1, task=0):
        self.count, self.task = count, task
        self.sums = 0  # made so far; each has a number, the same on every worker
        self.bytes = 0  # that all of them add up in one run of each

    def add_up(self, tensor):
        """The sum over the workers of one tensor of a known shape."""
        self.sums += 1
        self.bytes += int(np.prod(tensor.shape.as_list())) * tensor.dtype.size
        return tf.raw_ops.CollectiveReduce(
            input=tensor, group_size=self.count, group_key=self.GROUP, instance_key=self.sums, merge_op='Add',
            final_op='Id', subdiv_offsets=[0])

    def add_up_all(self, tensors):
        """The sums of tensors of one type, by one all-reduce: a few large ones are faster than many small ones."""
        shapes = [tensor.shape.as_list() for tensor in tensors]
        total = self.add_up(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0))
        parts = tf.split(total, [int(np.prod(shape)) for shape in shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes)]

    def mean_all(self, tensors):
        """The means over the workers."""
        return [total / self.count for total in self.add_up_all(tensors)]


ALONE = AllReduce()

# What several workers exchange beside the gradients.
SyncOps = collections.namedtuple('SyncOps', [
    'wish',    # placeholder, float32 [1]: 1 where this worker wishes to stop after the call
    'wishes',  # float32 [1]: how many do; comes with the loop's `train`
    'sync',    # op: gives all workers the first one's variables
    'sums',    # all-reduces of a step
    'bytes',   # that each worker brings to them
])

SamplingGraph = collections.namedtuple('SamplingGraph', 'noise dropout_seed sample_images')


def dropout_seed_for(step, use):
    """The value to feed as `dropout_seed` in one step for an update's place in the schedule, LOSSES or SAMPLE.

    `step` may be a tensor.
    """
    return step * _SEEDS_PER_STEP + use


def make_steps(session, handles, images):
    """Puts `images` [count] + input_shape, float32, on the device; returns `steps`.

    `steps(first, indices, noises)` trains len(indices) steps in one call of `session`:
    first is the number of the first of them (from 1; it selects the dropout masks),
    indices and noises are as in Loop.
    The numbers don't depend on how steps are divided into calls.
    """
    loop = handles.loop
    session.run(loop.load, {loop.images: images})
    if handles.exchange is not None:
        # The last argument: 1 where this worker wishes to stop. Returns how many do.
        return session.make_callable(handles.exchange.wishes,
                                     [loop.first, loop.indices, loop.noises, handles.exchange.wish])
    # A callable skips the session's look at fetches and feeds in every call.
    return session.make_callable(loop.train, [loop.first, loop.indices, loop.noises])


def network_trainables(*scopes):
    """The trainable variables of one network or several, e.g. 'generator'."""
    return [variable for scope in scopes for variable in tf.trainable_variables(scope + '/')]


def _noise_placeholder(preset):
    return tf.placeholder(tf.float32, [None, preset.z_dim], name=preset.noise_name)


def _dropout_seed_placeholder():
    return tf.placeholder(tf.int32, [], name='dropout_seed')


def _sample_images(preset, noise, dropout_seed, dropout):
    """Images with batch norm on its moving averages: [N] + image_shape."""
    ctx = layers.BatchContext('sample', training=False, dropout_seed=dropout_seed if dropout else None)
    images = preset.generator(noise, ctx)
    images = images[0] if isinstance(images, tuple) else images  # a decoder's, with its logits
    images = tf.cast(images, tf.float32)
    if tuple(images.shape.as_list()[1:]) == preset.image_shape:
        return tf.identity(images, name='images')
    return tf.reshape(images, (-1,) + preset.image_shape, name='images')  # flat ones


def build_sampling_graph(preset, dropout=None, precision='float32', conv_impl='native'):
    """The generator alone. `dropout`: on, off, or None for what the preset says.

    `sampled_variables` says under which names a checkpoint has its variables.
    """
    noise, dropout_seed = _noise_placeholder(preset), _dropout_seed_placeholder()
    if dropout is None:
        dropout = preset.dropout_when_sampling
    # Reference variables, as TensorFlow 1.0 made them: an exported graph has no others.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=False, auxiliary_name_scope=False), \
            layers.compute_policy(precision, conv_impl):
        return SamplingGraph(noise, dropout_seed, _sample_images(preset, noise, dropout_seed, dropout))


def sampled_variables(preset, variables):
    """{the checkpoint's name: variable} for the variables of a sampling or inference graph.

    Where the preset keeps moving averages of its weights, those are what is sampled with.
    """
    averaged = [] if preset.ema_decay is None else [
        variable.op.name for variable in network_trainables(preset.model.networks[0])]
    return {variable.op.name + (EMA if variable.op.name in averaged else ''): variable for variable in variables}


EMA = '/ExponentialMovingAverage'  # as tf.train.ExponentialMovingAverage names them

# One network as others are to load it: `input` and `output` are tensors, named as the keys say.
Network = collections.namedtuple('Network', 'name input_key input output_key output')


def build_inference_graph(preset, with_discriminator=False):
    """The networks as they are exported: a list of Network, of which the generator is the first.

    Without dropout, with batch norm on its moving averages (also in the discriminator, so
    that an image's logit does not depend on the others in its batch), and in operations
    that TensorFlow 1.0 has. The generator: `inputs_noise` [N, z_dim] -> `images`
    [N] + image_shape; the discriminator: `inputs_real` [N] + image_shape -> `logits` [N, 1].
    """
    with tf.variable_scope(tf.get_variable_scope(), use_resource=False, auxiliary_name_scope=False):
        noise = tf.placeholder(tf.float32, [None, preset.z_dim], name='inputs_noise')
        found = [Network('generator', 'noise', noise, 'images', _sample_images(preset, noise, None, False))]
        if with_discriminator:
            real = tf.placeholder(tf.float32, (None,) + preset.image_shape, name='inputs_real')
            x = real if preset.input_shape == preset.image_shape else tf.reshape(real, (-1,) + preset.input_shape)
            logits, _ = preset.discriminator(x, layers.BatchContext('real', training=False))
            found.append(Network('discriminator', 'images', real, 'logits', tf.identity(logits, name='logits')))
        return found


def build_training_graph(preset, precision='float32', conv_impl='native', towers=('',), total_steps=1, workers=ALONE):
    """Everything that training needs, with 2017's variable names; see TrainingGraph.

    precision and conv_impl: see layers.compute_policy.
    towers: the devices that share a step, each with an equal part of the images and noise
    and a batch norm of its own; gradients are averaged, and so are the statistics that
    move the averages. The device '' is TensorFlow's choice.
    total_steps: over which a preset's learning rate falls.
    workers: of several processes, each with a part of the images and noise, this one; they
    do as towers do. `real` and `noise` are its part alone.

    UPDATE_OPS holds, for the placeholders, one op for every moving average and pass (14
    for the blog's DCGAN): what a discriminator's update moves in the loop.
    """
    # A loop in the graph must read a variable anew in every step, as resource variables do.
    with _loops_of_tensorflow_1(), tf.variable_scope(
            tf.get_variable_scope(), use_resource=True, auxiliary_name_scope=False):
        builder = _Builder(preset, precision, conv_impl, towers, workers)
        real = tf.placeholder(tf.float32, (None,) + preset.input_shape, name=preset.real_name)
        noise, dropout_seed = _noise_placeholder(preset), _dropout_seed_placeholder()
        forward = builder.forward(real, noise, dropout_seed)
        every_pass = [name for names in preset.model.passes.values() for name in names]
        for op in forward.average_updates(forward.statistics(every_pass)):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)
        builder.make_optimizers()
        global_step = tf.train.get_or_create_global_step()
        with layers.compute_policy(precision, conv_impl), tf.variable_scope(
                tf.get_variable_scope(), custom_getter=builder.averaged_weights, auxiliary_name_scope=False):
            images = _sample_images(preset, noise, dropout_seed, preset.dropout_when_sampling)
        sums, size = workers.sums, workers.bytes
        loop = _build_loop(preset, builder, global_step, len(towers), total_steps)
        per_step = workers.sums - sums, workers.bytes - size
        exchange = _build_exchange(workers, loop, per_step) if workers.count > 1 else None
        return TrainingGraph(real, noise, dropout_seed, forward.mean_losses(), images, global_step, builder.update,
                             loop, builder.loss_accumulators, exchange)


def _build_exchange(workers, loop, per_step):
    wish = tf.placeholder(tf.float32, [1], name='exchange/wish')
    with tf.control_dependencies([loop.train]):
        wishes = workers.add_up(wish)
    # The first worker's variables and the others' zeros add up to the first one's. One sum for each type.
    ours, assigns = tf.global_variables(), []
    for dtype in sorted({variable.dtype.base_dtype for variable in ours}, key=lambda each: each.name):
        some = [variable for variable in ours if variable.dtype.base_dtype == dtype]
        values = [variable.read_value() if workers.task == 0 else tf.zeros_like(variable) for variable in some]
        assigns += [tf.assign(variable, value).op for variable, value in zip(some, workers.add_up_all(values))]
    return SyncOps(wish, wishes, tf.group(*assigns), *per_step)


def _build_loop(preset, builder, global_step, towers, total_steps):
    placeholder = tf.placeholder(tf.float32, (None,) + preset.input_shape, name='loop/images')
    images = tf.get_variable('loop_images', initializer=placeholder, trainable=False, validate_shape=False,
                             collections=[tf.GraphKeys.LOCAL_VARIABLES])
    first = tf.placeholder(tf.int32, [], name='loop/first')
    indices = tf.placeholder(tf.int32, [None, None], name='loop/indices')
    noises = tf.placeholder(tf.float32, [None, None, preset.z_dim], name='loop/noises')
    size = preset.batch_size * towers
    noise_ends = [size * sum(preset.noise_batches[:i]) for i in range(len(preset.noise_batches) + 1)]

    def real_images(i, batch):
        rows = indices[i, batch * size:(batch + 1) * size]
        if preset.incomplete_batch != 'drop':
            rows = tf.boolean_mask(rows, rows >= 0)
        real = tf.gather(images, rows)
        real.set_shape((None,) + preset.input_shape)
        return real

    def step(i):
        builder.learning_rate = preset.learning_rate
        if preset.learning_rate_decay == 'linear':
            builder.learning_rate *= tf.cast(total_steps + 1 - first - i, tf.float32) / total_steps
        done = []
        for place, update in enumerate(preset.schedule):
            with tf.control_dependencies(done):
                real = tf.identity(real_images(i, update.images))
                noise = tf.identity(noises[i, noise_ends[update.noise]:noise_ends[update.noise + 1]])
                done = [builder.update(update, real, noise, dropout_seed_for(first + i, place), size)]
        with tf.control_dependencies(done), tf.control_dependencies([tf.assign_add(global_step, 1).op]):
            return i + 1

    count = tf.shape(indices)[0]
    train = tf.while_loop(lambda i: i < count, step, [tf.constant(0)], parallel_iterations=1, back_prop=False,
                          name='loop')
    builder.learning_rate = preset.learning_rate  # what is built next is outside of the loop
    return Loop(placeholder, images.initializer, first, indices, noises, train.op)


class _Forward:
    """The networks over one batch, an equal part of it on each tower."""

    def __init__(self, preset, towers, real, noise, dropout_seed, first_tower):
        self.losses = []  # of each tower
        self.passes = collections.OrderedDict()  # {name: a layers.BatchContext for each tower}, e.g. 'fake'
        # Numbered over all workers: each tower has dropout masks of its own.
        for number, (device, real_part, noise_part) in enumerate(zip(
                towers, _split(real, len(towers)), _split(noise, len(towers))), first_tower):

            def new_context(name, training=True, number=number):
                ctx = layers.BatchContext('{}/{}'.format(name, number) if number else name, training,
                                       dropout_seed if preset.dropout_when_training else None, preset.batch_norm)
                self.passes.setdefault(name, []).append(ctx)
                return ctx

            with tf.device(device or None):
                self.losses.append(preset.model.forward(preset, real_part, noise_part, new_context))

    def mean_losses(self):
        """The losses over the whole batch: scalars."""
        return type(self.losses[0])(*[_mean(parts) for parts in zip(*self.losses)])

    def statistics(self, names):
        """{name: what moves the averages}, of the passes `names`."""
        return collections.OrderedDict((name, layers.seen_statistics(passes))
                                       for name, passes in self.passes.items() if name in names)

    def average_updates(self, statistics):
        """The ops that move the averages by what statistics() returned, or what to put in its place.

        Where two passes move the same average, as real and fake do, the model's order holds.
        """
        updates = []
        for name, values in statistics.items():
            with tf.control_dependencies(updates):
                updates = updates + layers.moving_average_updates(self.passes[name], values)
        return updates


class _Builder:
    """Builds forward passes and updates that share variables and optimisers."""

    def __init__(self, preset, precision, conv_impl, towers, workers):
        self._preset, self._towers, self._workers = preset, towers, workers
        self._policy = precision, conv_impl
        self._optimizers, self._averages = {}, {}
        self.learning_rate = preset.learning_rate
        self.loss_accumulators = _make_seen_losses(preset) if preset.losses_when != 'after' else None

    def forward(self, real, noise, dropout_seed):
        with layers.compute_policy(*self._policy):
            return _Forward(self._preset, self._towers, real, noise, dropout_seed,
                            self._workers.task * len(self._towers))

    def make_optimizers(self):
        """One Adam for each set of networks that learn together; the networks exist already.

        Adam's own variables are numbered in order of creation, which is the source's
        (`first_adam`), whatever the order of updates in a step. An update that is never
        run makes them here, outside of any loop; likewise the averages of the weights.
        """
        preset = self._preset
        learners = {objective.networks for update in preset.schedule for objective in update.objectives}
        for networks in sorted(learners, key=lambda names: (
                preset.first_adam not in names, preset.model.networks.index(names[0]))):
            # A function, because in the loop the learning rate is a tensor of the step.
            self._optimizers[networks] = tf.train.AdamOptimizer(
                lambda: self.learning_rate, preset.beta1, preset.beta2, preset.adam_epsilon)
            self._optimizers[networks].apply_gradients(
                [(tf.zeros_like(variable), variable) for variable in network_trainables(*networks)])
        if preset.ema_decay is not None:
            for variable in network_trainables(preset.model.networks[0]):
                self._averages[variable.op.name] = tf.get_variable(
                    variable.op.name + EMA, initializer=variable.initial_value, trainable=False)

    def averaged_weights(self, getter, name, *args, **kwargs):
        """A custom getter: the average of a weight in the weight's place, where there is one."""
        return self._averages[name] if name in self._averages else getter(name, *args, **kwargs)

    def update(self, update, real, noise, dropout_seed, full_batch=None):
        """One objectives.UpdateSpec on real [N] + input_shape and noise [N, z_dim]: an op.

        full_batch: where the preset skips incomplete batches, the N of a full one.
        """
        preset = self._preset
        forward = self.forward(real, noise, dropout_seed)
        gradients = [self._gradients(objective, forward) for objective in update.objectives]
        names = {name for objective in update.objectives for name in preset.model.passes[objective.loss]}
        power = 'real' in names and forward.passes['real'][0].power_iterations
        if preset.update_ops == 'all':
            names = set(forward.passes)
        statistics = forward.statistics(names)
        if self._workers.count > 1:
            gradients, statistics = self._averaged_over_workers(gradients, statistics)

        def apply():
            # With several objectives, or where u moves, nothing may change before the last gradient.
            wait = [g for found in gradients for g, _ in found] if len(gradients) > 1 or power else []
            with tf.control_dependencies(wait):
                moved = [tf.assign(u, value).op for u, value in power or ()]
            with tf.control_dependencies(forward.average_updates(statistics) + moved + wait):
                done = [self._optimizers[objective.networks].apply_gradients(found)
                        for objective, found in zip(update.objectives, gradients)]
            learners = [network for objective in update.objectives for network in objective.networks]
            if self._averages and preset.model.networks[0] in learners:
                with tf.control_dependencies(done):
                    done = [tf.assign_sub(average, (1 - preset.ema_decay) * (
                        average.read_value() - variable.read_value())).op
                        for variable in network_trainables(preset.model.networks[0])
                        for average in [self._averages[variable.op.name]]]
            return tf.group(*(done + self._note_losses(update, forward)))

        # Several workers have no incomplete batches, nor may one of them skip what the others wait for.
        if preset.incomplete_batch == 'skip' and full_batch is not None and 'real' in names \
                and self._workers.count == 1:
            return tf.cond(tf.equal(tf.shape(real)[0], full_batch), lambda: _one_after(apply()),
                           lambda: tf.constant(0)).op
        return apply()

    def _averaged_over_workers(self, gradients, statistics):
        """Both of an update's, by one all-reduce."""
        tensors = [gradient for found in gradients for gradient, _ in found]
        tensors += [value for values in statistics.values() for value in values]
        means = iter(self._workers.mean_all(tensors))
        return ([[(next(means), variable) for _, variable in found] for found in gradients],
                collections.OrderedDict((name, [next(means) for _ in values]) for name, values in statistics.items()))

    def _gradients(self, objective, forward):
        """[(gradient, variable)] of one objective, the mean over the towers."""
        variables = network_trainables(*objective.networks)
        # What the gradients are too small for in float16 is lost, unless the loss is larger.
        scale = 1024.0 if self._policy[0] == 'float16' else 1.0
        gradients = []
        for device, losses in zip(self._towers, forward.losses):
            with tf.device(device or None):
                loss = getattr(losses, objective.loss)
                found = tf.gradients(loss * scale if scale != 1 else loss, variables, colocate_gradients_with_ops=True)
                # None: a bias that a batch norm takes out again (see layers.batch_norm).
                gradients.append([tf.zeros_like(v) if g is None else g / scale if scale != 1 else g
                                  for g, v in zip(found, variables)])
        return [(_mean(parts), variable) for parts, variable in zip(zip(*gradients), variables)]

    def _note_losses(self, update, forward):
        """The ops that add an update's losses to loss_accumulators, in a list."""
        if self.loss_accumulators is None:
            return []
        place = sum(len(earlier.objectives) for earlier in self._preset.schedule[:self._preset.schedule.index(update)])
        losses, seen = forward.mean_losses(), self.loss_accumulators
        rows = list(range(place, place + len(update.objectives)))
        values = [getattr(losses, objective.loss) for objective in update.objectives]
        if self._preset.losses_when == 'before':
            return [tf.scatter_update(seen.sums, rows, values).op,
                    tf.scatter_update(seen.counts, rows, [1.0] * len(rows)).op]
        return [tf.scatter_add(seen.sums, rows, values).op, tf.scatter_add(seen.counts, rows, [1.0] * len(rows)).op]


def _make_seen_losses(preset):
    # Global variables: a mean goes on over a checkpoint.
    names = tuple(objective.loss for update in preset.schedule for objective in update.objectives)
    sums, counts = [tf.get_variable('seen_losses/' + name, [len(names)], tf.float32, tf.zeros_initializer(),
                                    trainable=False) for name in ('sums', 'counts')]
    return LossAccumulators(names, sums, counts, tf.group(sums.initializer, counts.initializer))


def _one_after(op):
    with tf.control_dependencies([op]):
        return tf.constant(1)


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
