"""Preset -> the graph's handles: placeholders, losses, samples, the training loop.

Built once into the default graph and then finalised by the caller. Set the graph's seed
first (`tf.set_random_seed`): initial weights and dropout masks derive from it.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import layers
from dcgan_tf1.gan.collectives import AllReduce, build_sync_ops
from dcgan_tf1.gan.noise import at_temperature
from dcgan_tf1.gan.step_loop import FLOATS, build_step_loop, loops_of_tensorflow_1
from dcgan_tf1.gan.updates import EMA, UpdateBuilder, network_trainables

TrainingGraph = collections.namedtuple('TrainingGraph', [
    'real',         # placeholder [N] + input_shape, float32 in the preset's range
    'noise',        # placeholder [N, z_dim], float32
    'dropout_seed',  # placeholder, int32 scalar: which dropout masks, see step_loop.dropout_seed_for()
    'losses',       # the preset's losses, scalars, in training mode; moves no average
    'sample_images',  # [N] + image_shape
    'global_step',  # int64 variable
    'update',       # builds one update, an op; see updates.UpdateBuilder.update
    'loop',         # step_loop.Loop: whole steps on the device
    'loss_accumulators',  # updates.LossAccumulators: what the updates themselves started from, or None
    'exchange',     # collectives.SyncOps, where there are several workers, else None
    'labels',       # placeholder [N], int32: of the images, real or to be made; None where the preset takes none
    'one_hot',      # what they become, float32 [N, classes], or None
])

# one_hot: what `labels` become, float32 [N, classes]; fed in their place, it may be between classes.
SamplingGraph = collections.namedtuple('SamplingGraph', 'noise labels one_hot dropout_seed sample_images')


def _noise_placeholder(preset):
    return tf.placeholder(tf.float32, [None, preset.z_dim], name=preset.noise_name)


def _labels_placeholder(preset, name):
    """(placeholder [N], int32; one-hot [N, classes], float32), or None for both where the preset takes no labels."""
    if preset.classes is None:
        return None, None
    labels = tf.placeholder(tf.int32, [None], name=name)
    return labels, tf.one_hot(labels, preset.classes, name='y')


def _dropout_seed_placeholder():
    return tf.placeholder(tf.int32, [], name='dropout_seed')


def generated_images(preset, z, ctx, name=None):
    """What the preset's generator makes of noise z: float32 [N] + image_shape, also where its network has them flat.

    ctx: a layers.BatchContext. name: of the images' operation, for others to ask for.
    """
    images = preset.generator(z, ctx)
    images = images[0] if isinstance(images, tuple) else images  # a decoder's, with its logits
    images = tf.cast(images, tf.float32)
    if tuple(images.shape.as_list()[1:]) == preset.image_shape:
        return tf.identity(images, name=name)
    return tf.reshape(images, (-1,) + preset.image_shape, name=name)


def _sample_images(preset, noise, one_hot, dropout_seed, dropout):
    """Images with batch norm on its moving averages, at the preset's temperature: [N] + image_shape."""
    ctx = preset.batch_context('sample', False, dropout_seed=dropout_seed if dropout else None, labels=one_hot)
    return generated_images(preset, at_temperature(preset, noise), ctx, name='images')


def build_sampling_graph(preset, dropout=None, precision='float32', conv_impl='native'):
    """The generator alone. `dropout`: on, off, or None for what the preset says.

    `sampled_variables` says under which names a checkpoint has its variables.
    """
    noise, dropout_seed = _noise_placeholder(preset), _dropout_seed_placeholder()
    labels, one_hot = _labels_placeholder(preset, preset.labels_name)
    if dropout is None:
        dropout = preset.dropout_when_sampling
    # Reference variables, as TensorFlow 1.0 made them: an exported graph has no others.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=False, auxiliary_name_scope=False), \
            layers.compute_policy(precision, conv_impl):
        return SamplingGraph(noise, labels, one_hot, dropout_seed, _sample_images(
            preset, noise, one_hot, dropout_seed, dropout))


def sampled_variables(preset, variables):
    """{the checkpoint's name: variable} for the variables of a sampling or inference graph.

    Where the preset keeps moving averages of its weights, those are what is sampled with.
    """
    averaged = [] if preset.ema_decay is None else [
        variable.op.name for variable in network_trainables(preset.model.networks[0])]
    return {variable.op.name + (EMA if variable.op.name in averaged else ''): variable for variable in variables}


# One network as others are to load it: `inputs` are placeholders, {key: tensor}, and `output` is a tensor.
Network = collections.namedtuple('Network', 'name inputs output_key output')


def build_inference_graph(preset, with_discriminator=False):
    """The networks as they are exported: a list of Network, of which the generator is the first.

    Without dropout, with batch norm on its moving averages (also in the discriminator, so
    that an image's logit does not depend on the others in its batch), and in operations
    that TensorFlow 1.0 has. The generator: `inputs_noise` [N, z_dim] -> `images`
    [N] + image_shape; the discriminator: `inputs_real` [N] + image_shape -> `logits` [N, 1].
    Those of a conditional preset take `inputs_labels` [N], int32, too.
    """
    with tf.variable_scope(tf.get_variable_scope(), use_resource=False, auxiliary_name_scope=False):
        noise = tf.placeholder(tf.float32, [None, preset.z_dim], name='inputs_noise')
        labels, one_hot = _labels_placeholder(preset, 'inputs_labels')
        also = [] if labels is None else [('labels', labels)]
        networks = [Network('generator', collections.OrderedDict([('noise', noise)] + also), 'images',
                            _sample_images(preset, noise, one_hot, None, False))]
        if with_discriminator:
            real = tf.placeholder(tf.float32, (None,) + preset.image_shape, name='inputs_real')
            x = real if preset.input_shape == preset.image_shape else tf.reshape(real, (-1,) + preset.input_shape)
            logits, _ = preset.discriminator(x, preset.batch_context('real', False, labels=one_hot))
            networks.append(Network('discriminator', collections.OrderedDict([('images', real)] + also), 'logits',
                                    tf.identity(logits, name='logits')))
        return networks


def as_pictures(network, preset, uint8, channels_first):
    """The generator's Network with another output, for programs that take its images as they take picture files.

    uint8: `bytes` from 0 to 255, of three channels: grey is repeated. channels_first: [N, C, H, W].
    """
    x = network.output
    if uint8:
        low, high = preset.image_range
        x = tf.round((tf.clip_by_value(x, low, high) - low) * (255 / (high - low)))
        x = tf.concat([x] * 3, axis=3) if preset.image_shape[2] == 1 else x
    if channels_first:
        x = tf.transpose(x, [0, 3, 1, 2])
    if uint8:
        x = tf.cast(x, tf.uint8)
    name = 'bytes' if uint8 else 'images'
    layout = '_nchw' if channels_first else ''
    return Network(network.name + ('-uint8' if uint8 else '') + layout.replace('_', '-'), network.inputs, name,
                   tf.identity(x, name=name + layout))


def build_training_graph(preset, precision='float32', conv_impl='native', towers=('',), total_steps=1, workers=None,
                         images_as=FLOATS):
    """Everything that training needs, with the original notebook's variable names; see TrainingGraph.

    precision and conv_impl: see layers.compute_policy.
    towers: the devices that share a step, each with an equal part of the images and noise
    and a batch norm of its own; gradients are averaged, and so are the statistics that
    move the averages. The device '' is TensorFlow's choice.
    total_steps: over which a preset's learning rate falls.
    workers: the AllReduce of this process, where several compute the graph, each with a part of
    the images and noise; they do as towers do. `real` and `noise` are its part alone.
    images_as: how images come to the loop's steps: step_loop.FLOATS, BYTES or FED.

    UPDATE_OPS holds, for the placeholders, one op for every moving average and pass (14
    for the blog's DCGAN): what a discriminator's update moves in the loop.
    """
    workers = workers or AllReduce()
    # A loop in the graph must read a variable anew in every step, as resource variables do.
    with loops_of_tensorflow_1(), tf.variable_scope(
            tf.get_variable_scope(), use_resource=True, auxiliary_name_scope=False):
        builder = UpdateBuilder(preset, precision, conv_impl, towers, workers)
        real = tf.placeholder(tf.float32, (None,) + preset.input_shape, name=preset.real_name)
        noise, dropout_seed = _noise_placeholder(preset), _dropout_seed_placeholder()
        labels, one_hot = _labels_placeholder(preset, preset.labels_name)
        forward = builder.forward(real, noise, one_hot, dropout_seed)
        in_losses = {name for passes in preset.model.passes.values() for name in passes}
        for op in forward.average_updates(forward.statistics(in_losses)):
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)
        builder.make_optimizers()
        global_step = tf.train.get_or_create_global_step()
        with layers.compute_policy(precision, conv_impl), tf.variable_scope(
                tf.get_variable_scope(), custom_getter=builder.averaged_weights, auxiliary_name_scope=False):
            images = _sample_images(preset, noise, one_hot, dropout_seed, preset.dropout_when_sampling)
        sums, size = workers.sums, workers.bytes
        loop = build_step_loop(preset, builder.update, global_step, preset.batch_size * len(towers), total_steps,
                               images_as, unrolled=workers.count > 1)
        exchange = build_sync_ops(workers, loop.train, workers.sums - sums, workers.bytes - size) \
            if workers.count > 1 else None
        return TrainingGraph(real, noise, dropout_seed, forward.mean_losses(), images, global_step, builder.update,
                             loop, builder.loss_accumulators, exchange, labels, one_hot)
