"""What one update of a training step is built of.

Forward passes over the towers, gradients, optimizers, the moving averages of batch norm and
of the weights, and the losses that updates start from.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import augmentation, layers, moving_averages
from dcgan_tf1.gan.objectives import GENERATOR
from dcgan_tf1.gan.sharing import sharing
from dcgan_tf1.util.compute_policy import ComputePolicy

EMA = '/ExponentialMovingAverage'  # as tf.train.ExponentialMovingAverage names them

# How far a training is: the step's number, from 1, and what its learning rates are multiplied by (None: 1). Both
# may be tensors.
Progress = collections.namedtuple('Progress', 'step rate_factor')

# The losses of a step's objectives, in the schedule's order, each taken before its update.
LossAccumulators = collections.namedtuple('LossAccumulators', [
    'names',   # the losses' names, one for each objective
    'sums',    # variable [objectives]: of the last step ('before'), or of all since `reset` ('mean')
    'counts',  # variable [objectives]: updates that were made
    'reset',   # op
])


def network_trainables(*scopes):
    """The trainable variables of one network or several, e.g. 'generator'."""
    return [variable for scope in scopes for variable in tf.trainable_variables(scope + '/')]


class Forward:
    """The networks over one batch, an equal part of it on each tower.

    made: {name: a context for each tower} of passes that are taken as an earlier update made them.
    """

    def __init__(self, preset, towers, real, noise, labels, dropout_seed, first_tower, made):
        self.losses = []  # of each tower
        self.tensors = [{} for _ in towers]  # what each tower's passes share; see sharing()
        self.passes = collections.OrderedDict()  # {name: a layers.BatchContext for each tower}, e.g. 'fake'
        # Numbered over all workers: each tower has dropout masks of its own.
        labels_parts = [None] * len(towers) if labels is None else _split(labels, len(towers))
        for number, (device, real_part, noise_part, labels_part) in enumerate(zip(
                towers, _split(real, len(towers)), _split(noise, len(towers)), labels_parts), first_tower):

            def new_context(name, training=True, number=number, labels_part=labels_part):
                if name in made:
                    ctx = made[name][number - first_tower]
                    self.passes.setdefault(name, []).append(ctx)
                    return ctx
                ctx = preset.batch_context(
                    '{}/{}'.format(name, number) if number else name, training,
                    dropout_seed=dropout_seed if preset.dropout_when_training else None,
                    labels=labels_part, augment_seed=dropout_seed)
                self.passes.setdefault(name, []).append(ctx)
                return ctx

            with tf.device(device or None), sharing(self.tensors[number - first_tower]):
                seen = augmentation.mirror(real_part, preset.image_shape, dropout_seed, number) \
                    if preset.mirror else real_part
                self.losses.append(preset.model.forward(preset, seen, noise_part, new_context))

    def mean_losses(self):
        """The losses over the whole batch: scalars."""
        return type(self.losses[0])(*[_mean(parts) for parts in zip(*self.losses)])

    def statistics(self, names=None):
        """{name: what moves the averages}, of the passes `names`; of all without."""
        return collections.OrderedDict((name, moving_averages.mean_statistics(contexts))
                                       for name, contexts in self.passes.items() if names is None or name in names)

    def average_updates(self, statistics):
        """The ops that move the averages by what statistics() returned, or what to put in its place.

        Where two passes move the same average, as real and fake do, the model's order holds.
        """
        updates = []
        for name, values in statistics.items():
            with tf.control_dependencies(updates):
                updates = updates + moving_averages.updates(self.passes[name], values)
        return updates


class UpdateBuilder:
    """Builds forward passes and updates that share variables and optimizers."""

    def __init__(self, preset, precision, conv_impl, towers, all_reduce):
        self._preset, self._towers, self._all_reduce = preset, towers, all_reduce
        self._policy = ComputePolicy(precision, conv_impl)
        self._optimizers, self._averages = {}, {}
        self.loss_accumulators = _make_loss_accumulators(preset) if preset.losses_when != 'after' else None

    def forward(self, real, noise, labels, dropout_seed, made=()):
        """labels: one-hot [N, classes], or None where the preset takes none. made: see Forward."""
        with layers.compute_policy(self._policy.precision, self._policy.conv_impl):
            return Forward(self._preset, self._towers, real, noise, labels, dropout_seed,
                           self._all_reduce.task * len(self._towers), made)

    def make_optimizers(self):
        """One Adam for each set of networks that learn together; the networks exist already.

        Adam's own variables are numbered in order of creation, which is the source's
        (`first_adam`), whatever the order of updates in a step. They are made here, outside
        of any loop; likewise the averages of the weights.
        """
        preset = self._preset
        learners = {objective.networks for spec in preset.schedule for objective in spec.objectives}
        for networks in sorted(learners, key=lambda names: (
                preset.first_adam not in names, preset.model.networks.index(names[0]))):
            self._optimizers[networks] = _Adam(preset.beta1, preset.beta2, preset.adam_epsilon)
            self._optimizers[networks].make_variables(network_trainables(*networks))
        if preset.ema_decay is not None:
            for variable in network_trainables(preset.model.networks[0]):
                self._averages[variable.op.name] = tf.get_variable(
                    variable.op.name + EMA, initializer=variable.initial_value, trainable=False)

    def averaged_weights(self, getter, name, *args, **kwargs):
        """A custom getter: the average of a weight in the weight's place, where there is one."""
        return self._averages[name] if name in self._averages else getter(name, *args, **kwargs)

    def update(self, spec, real, noise, dropout_seed, full_batch=None, labels=None, progress=None,
               generated=None):
        """One objectives.UpdateSpec on real [N] + input_shape and noise [N, z_dim]: an op.

        full_batch: where the preset skips incomplete batches, the N of a full one.
        labels: one-hot [N, classes], where the preset takes some.
        progress: the Progress at this step; None for the step after the graph's global_step, at the whole learning
          rate.
        generated: a dictionary that the updates of a step share, so that a later one does not make images again that
          an earlier one made of the same noise and weights. Each update has to be built under a control dependency
          on the one before it.
        """
        preset = self._preset
        progress = progress or Progress(tf.train.get_or_create_global_step() + 1, None)
        generated, batch = {} if generated is None else generated, (spec.noise, labels is not None and spec.images)
        forward = self.forward(real, noise, labels, dropout_seed, generated.get(batch, {}))
        self._keep(generated, batch, spec, forward)
        gradients = [self._gradients(objective, forward) for objective in spec.objectives]
        passes = {name for objective in spec.objectives for name in preset.model.passes[objective.loss]}
        statistics = forward.statistics(passes if preset.update_ops == 'per_pass' else None)
        power_iterations = _power_iterations(spec, forward, passes)
        if self._all_reduce.count > 1:
            gradients, statistics = self._averaged_over_workers(gradients, statistics)

        def apply():
            return self._apply(spec, forward, gradients, statistics, power_iterations, progress)

        # Several workers have no incomplete batches, nor may one of them skip what the others wait for.
        if preset.incomplete_batch == 'skip' and full_batch is not None and 'real' in passes \
                and self._all_reduce.count == 1:
            return tf.cond(tf.equal(tf.shape(real)[0], full_batch), lambda: _one_after(apply()),
                           lambda: tf.constant(0)).op
        return apply()

    def _keep(self, generated, batch, spec, forward):
        """Keeps the generator's pass for the later updates of a step that it is the same for."""
        passes = forward.passes.get(GENERATOR, [])
        if any(network == self._preset.model.networks[0] for each in spec.objectives for network in each.networks):
            generated.clear()
        elif passes and not any(ctx.dropped for ctx in passes):
            generated[batch] = {GENERATOR: passes}

    def _apply(self, spec, forward, gradients, statistics, power_iterations, progress):
        """The op that moves all that an update moves: first what the passes saw, then the weights."""
        # With several objectives, or where u moves, nothing may change before the last gradient.
        wait = [gradient for each in gradients for gradient, _ in each] \
            if len(gradients) > 1 or power_iterations else []
        with tf.control_dependencies(wait):
            moved = [tf.assign(u, value).op for u, value in power_iterations]
        with tf.control_dependencies(forward.average_updates(statistics) + moved + wait):
            learned = [self._optimizers[objective.networks].learn(each, self._learning_rate(
                objective, progress)) for objective, each in zip(spec.objectives, gradients)]
        learners = [network for objective in spec.objectives for network in objective.networks]
        if self._averages and self._preset.model.networks[0] in learners:
            with tf.control_dependencies(learned):
                learned = self._weight_average_updates(progress.step)
        return tf.group(*(learned + self._accumulate_losses(spec, forward)))

    def _learning_rate(self, objective, progress):
        rate = self._preset.learning_rate_of(objective.networks[0])
        return rate if progress.rate_factor is None else rate * progress.rate_factor

    def _weight_average_updates(self, step):
        """The ops that move the averages of the weights towards them, in step `step` from 1."""
        decay, updates = self._preset.ema_decay, []
        if self._preset.ema_warmup:
            step = tf.cast(step, tf.float32)
            decay = tf.minimum(decay, (1 + step) / (10 + step))
        for variable in network_trainables(self._preset.model.networks[0]):
            average = self._averages[variable.op.name]
            delta = (1 - decay) * (average.read_value() - variable.read_value())
            updates.append(tf.assign_sub(average, delta).op)
        return updates

    def _averaged_over_workers(self, gradients, statistics):
        """Both of an update's, by one all-reduce."""
        tensors = [gradient for each in gradients for gradient, _ in each]
        tensors += [value for values in statistics.values() for value in values]
        means = iter(self._all_reduce.mean_all(tensors))
        return ([[(next(means), variable) for _, variable in each] for each in gradients],
                collections.OrderedDict((name, [next(means) for _ in values]) for name, values in statistics.items()))

    def _gradients(self, objective, forward):
        """[(gradient, variable)] of one objective, the mean over the towers."""
        variables = network_trainables(*objective.networks)
        # What the gradients are too small for in float16 is lost, unless the loss is larger.
        scale = 1024.0 if self._policy.precision == 'float16' else 1.0
        gradients = []
        for device, losses, tensors in zip(self._towers, forward.losses, forward.tensors):
            with tf.device(device or None), sharing(tensors):
                loss = getattr(losses, objective.loss)
                # Not colocated with what they are the gradients of: TensorFlow makes one of operations that are alike,
                # but not where they are colocated with different ones.
                of_tower = tf.gradients(loss * scale if scale != 1 else loss, variables)
                # None: a bias that a batch norm takes out again (see layers.batch_norm).
                gradients.append([tf.zeros_like(v) if g is None else g / scale if scale != 1 else g
                                  for g, v in zip(of_tower, variables)])
        return [(_mean(parts), variable) for parts, variable in zip(zip(*gradients), variables)]

    def _accumulate_losses(self, spec, forward):
        """The ops that add an update's losses to loss_accumulators, in a list."""
        accumulators, schedule = self.loss_accumulators, self._preset.schedule
        if accumulators is None:
            return []
        place = sum(len(earlier.objectives) for earlier in schedule[:schedule.index(spec)])
        places, losses = list(range(place, place + len(spec.objectives))), forward.mean_losses()
        values = [getattr(losses, objective.loss) for objective in spec.objectives]
        put = tf.scatter_update if self._preset.losses_when == 'before' else tf.scatter_add
        return [put(accumulators.sums, places, values).op, put(accumulators.counts, places, [1.0] * len(places)).op]


def _power_iterations(spec, forward, passes):
    """[(u, its next value)] for the spectral norms that an update moves, in the networks that learn in it.

    The discriminator's come from its pass over real images alone.
    """
    learners = {network for objective in spec.objectives for network in objective.networks}
    iterations = collections.OrderedDict()
    for name in sorted(passes, key=lambda each: (each != 'real', each)):
        for u, value in forward.passes[name][0].power_iterations:
            network = u.op.name.split('/')[0]
            if network in learners and (name == 'real' or network != 'discriminator'):
                iterations.setdefault(u.op.name, (u, value))
    return list(iterations.values())


class _Adam(tf.train.AdamOptimizer):
    """Adam with a learning rate for each update: in the loop it is a tensor of the step."""

    def __init__(self, beta1, beta2, epsilon):
        self._rate = None
        super().__init__(lambda: self._rate, beta1, beta2, epsilon)

    def make_variables(self, variables):
        """Makes Adam's own variables for these, which otherwise its first update would."""
        self._create_slots(variables)

    def learn(self, gradients, learning_rate):
        """[(gradient, variable)] -> an op."""
        self._rate = learning_rate
        return self.apply_gradients(gradients)


def _make_loss_accumulators(preset):
    # Global variables: a mean goes on over a checkpoint. They are named seen_losses in checkpoints.
    names = tuple(objective.loss for spec in preset.schedule for objective in spec.objectives)
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
