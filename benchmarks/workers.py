"""One implementation of the training step, taking steps when told to on standard input.

    steps N        -> {"seconds": [...]}
    turn SECONDS   -> the same, as many as take so long, but one at least
    rate PRECISION -> {"flops": [...]}   (the worker `product` alone)
    about          -> {"peak_memory_bytes": ..., "versions": {...}, ...}

Started by train_step.py, growth.py and gpu_check.py. N counts calls: of one step each or, with --steps_per_call=0, of
as many as take half a second, whose mean is given. In this project a call is one of the session. Each function below
returns `step(images, noise)`, which takes one step of a preset (this project's: one for each noise) on float32 images
and noise (see shapes_of()), and the versions of what it runs on: for `blog_mnist` one generator and one discriminator
update on images [64, 28, 28, 1] and noise [64, 100]. The peers are written as their own users would; PyTorch's are in
torch_workers.py.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import sys
import time

import numpy as np
from step_timer import KEEP, LEAK, SHAPES, SMOOTHING, Timer
from torch_workers import torch, torch_dcgan, torch_resnet

from dcgan_tf1.gan.catalogue import PRESET_TITLES


def graph2017(_):
    """The blog's graph as its author wrote it: tf.layers, feed_dict, all update ops, float32."""
    step, _, versions = build_graph2017()
    return step, versions


def build_graph2017(seed=None):
    """(graph2017's step; sample(z), its images as the author sampled, with dropout; the versions)."""
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    tf.disable_eager_execution()
    tf.disable_resource_variables()
    layers = tf.layers

    def block(x, training):
        x = layers.batch_normalization(x, training=training)
        return tf.nn.dropout(tf.maximum(LEAK * x, x), keep_prob=KEEP)

    def generator(z, training):
        with tf.variable_scope('generator', reuse=not training):
            x = block(tf.reshape(layers.dense(z, 4 * 4 * 512), [-1, 4, 4, 512]), training)
            x = block(layers.conv2d_transpose(x, 256, 4, strides=1, padding='valid'), training)
            x = block(layers.conv2d_transpose(x, 128, 3, strides=2, padding='same'), training)
            return tf.tanh(layers.conv2d_transpose(x, 1, 3, strides=2, padding='same'))

    def discriminator(x, reuse):
        with tf.variable_scope('discriminator', reuse=reuse):
            x = layers.conv2d(x, 128, 3, strides=2, padding='same')
            x = tf.nn.dropout(tf.maximum(LEAK * x, x), keep_prob=KEEP)
            x = block(layers.conv2d(x, 256, 3, strides=2, padding='same'), True)
            x = block(layers.conv2d(x, 512, 3, strides=2, padding='same'), True)
            return layers.dense(tf.reshape(x, [-1, 4 * 4 * 512]), 1)

    def entropy(logits, label):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(
            logits=logits, labels=tf.ones_like(logits) * label))

    tf.set_random_seed(seed)
    real = tf.placeholder(tf.float32, [None, 28, 28, 1], name='inputs_real')
    noise = tf.placeholder(tf.float32, [None, 100], name='inputs_noise')
    fake = generator(noise, True)
    d_real, d_fake = discriminator(real, False), discriminator(fake, True)
    g_loss = entropy(d_fake, 1 - SMOOTHING)
    d_loss = entropy(d_real, 1 - SMOOTHING) + entropy(d_fake, 0.0)
    trainable = tf.trainable_variables()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        g_train = tf.train.AdamOptimizer(1e-3, beta1=0.4).minimize(
            g_loss, var_list=[v for v in trainable if v.name.startswith('generator')])
        d_train = tf.train.AdamOptimizer(1e-3, beta1=0.4).minimize(
            d_loss, var_list=[v for v in trainable if v.name.startswith('discriminator')])
    samples = generator(noise, False)
    session = tf.Session()
    session.run(tf.global_variables_initializer())

    def step(images, z):
        session.run(g_train, feed_dict={real: images, noise: z})
        session.run(d_train, feed_dict={real: images, noise: z})

    return step, lambda z: session.run(samples, feed_dict={noise: z}), {'tensorflow': tf.VERSION}


def graph_carpedm20(_):
    """carpedm20's graph in tf.layers, in its author's manner: feed_dict, a call for each update, float32.

    Without the losses and summaries that he also evaluates in every step. Each update moves the averages of the
    passes that it runs.
    """
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    tf.disable_eager_execution()
    tf.disable_resource_variables()
    layers = tf.layers
    started = tf.random_normal_initializer(stddev=0.02)

    def norm(x):
        return layers.batch_normalization(x, momentum=0.9, epsilon=1e-5, training=True)

    def up(x, filters):
        return layers.conv2d_transpose(x, filters, 5, strides=2, padding='same', kernel_initializer=started)

    def down(x, filters):
        return layers.conv2d(x, filters, 5, strides=2, padding='same', kernel_initializer=started)

    def leaky(x):
        return tf.maximum(x, 0.2 * x)

    def generator(z):
        with tf.variable_scope('generator'):
            x = tf.reshape(layers.dense(z, 4 * 4 * 512, kernel_initializer=started), [-1, 4, 4, 512])
            for filters in (256, 128, 64, 3):
                x = up(tf.nn.relu(norm(x)), filters)
            return tf.tanh(x)

    def discriminator(x, reuse):
        with tf.variable_scope('discriminator', reuse=reuse):
            x = leaky(down(x, 64))
            for filters in (128, 256, 512):
                x = leaky(norm(down(x, filters)))
            return layers.dense(tf.reshape(x, [-1, 4 * 4 * 512]), 1, kernel_initializer=started)

    def entropy(logits, label):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(
            logits=logits, labels=tf.ones_like(logits) * label))

    def averages():
        return set(tf.get_collection(tf.GraphKeys.UPDATE_OPS))

    real = tf.placeholder(tf.float32, [None, 64, 64, 3], name='real_images')
    noise = tf.placeholder(tf.float32, [None, 100], name='z')
    fake = generator(noise)
    before = averages()
    d_real = discriminator(real, False)
    of_real = averages() - before
    d_fake = discriminator(fake, True)

    def train(loss, network, moved):
        with tf.control_dependencies(moved):
            return tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(
                loss, var_list=[v for v in tf.trainable_variables() if v.name.startswith(network)])

    d_train = train(entropy(d_real, 1.0) + entropy(d_fake, 0.0), 'discriminator', averages())
    g_train = train(entropy(d_fake, 1.0), 'generator', averages() - of_real)
    session = tf.Session()
    session.run(tf.global_variables_initializer())

    def step(images, z):
        session.run(d_train, feed_dict={real: images, noise: z})
        for _ in range(2):
            session.run(g_train, feed_dict={noise: z})

    return step, {'tensorflow': tf.VERSION}


def dcgan_tf1(arguments):
    """This project's trainer: its graph and its way of running it."""
    import dataclasses  # noqa: PLC0415

    from dcgan_tf1.util import tf_startup  # isort: skip
    tf_startup.begin()  # as its commands do
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    from dcgan_tf1.data import prepare
    from dcgan_tf1.gan import graph, step_loop
    from dcgan_tf1.gan.presets import PRESETS  # noqa: PLC0415
    from dcgan_tf1.training import lowering  # noqa: PLC0415
    from dcgan_tf1.util import devices  # noqa: PLC0415
    from dcgan_tf1.util.images import to_uint8  # noqa: PLC0415

    config = devices.session_config(arguments.device, arguments.threads, arguments.threads, xla=arguments.xla)
    preset = dataclasses.replace(PRESETS[arguments.preset], batch_size=arguments.batch)
    policy = lowering.policy_for(
        preset, devices.find(arguments.device, config=config), config, lambda text: print(text, file=sys.stderr),
        arguments.precision, arguments.lowering)
    if policy.warning:
        raise SystemExit('left out: --precision={}: {}'.format(arguments.precision, policy.warning))
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(  # of a run that is long, for rates that fall
            preset, policy.precision, policy.built_by, total_steps=step_loop.MAX_STEPS, images_as=step_loop.BYTES)
        initialise = tf.global_variables_initializer()
        tf_graph.finalize()
        session = tf.Session(config=config)
    session.run(initialise)
    steps, taken = [], itertools.count()

    def step(images, z):
        if not steps:  # as the trainer does, which puts the whole data set there, as bytes
            pixels = to_uint8(images, preset.image_range)
            labels = None if preset.classes is None else np.arange(len(images), dtype=np.int32) % preset.classes
            steps.append(step_loop.make_steps(session, handles, pixels, labels, prepare.byte_table(pixels, preset)))
        first = 1 + [next(taken) for _ in z][0]
        steps[0](first, np.tile(np.arange(len(images), dtype=np.int32), (len(z), 1)), z)

    return step, {'tensorflow': tf.VERSION}


def keras(arguments):
    """Keras 3 on TensorFlow, a custom training step under tf.function."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    def block():
        return [layers.BatchNormalization(momentum=0.99, epsilon=1e-3), layers.LeakyReLU(negative_slope=LEAK),
                layers.Dropout(1 - KEEP)]

    generator = keras.Sequential(
        [keras.Input((100,)), layers.Dense(4 * 4 * 512), layers.Reshape((4, 4, 512))] + block()
        + [layers.Conv2DTranspose(256, 4, strides=1, padding='valid')] + block()
        + [layers.Conv2DTranspose(128, 3, strides=2, padding='same')] + block()
        + [layers.Conv2DTranspose(1, 3, strides=2, padding='same', activation='tanh')])
    discriminator = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Conv2D(128, 3, strides=2, padding='same'),
         layers.LeakyReLU(negative_slope=LEAK), layers.Dropout(1 - KEEP),
         layers.Conv2D(256, 3, strides=2, padding='same')] + block()
        + [layers.Conv2D(512, 3, strides=2, padding='same')] + block() + [layers.Flatten(), layers.Dense(1)])
    optimizers = [keras.optimizers.Adam(1e-3, beta_1=0.4) for _ in range(2)]

    def entropy(logits, label):
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(
            logits=logits, labels=tf.fill(tf.shape(logits), label)))

    @tf.function(jit_compile=arguments.xla)
    def train(images, z):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in generator.trainable_variables])
            loss = entropy(discriminator(generator(z, training=True), training=True), 1 - SMOOTHING)
        gradients = tape.gradient(loss, [v.value for v in generator.trainable_variables])
        optimizers[0].apply(gradients, generator.trainable_variables)
        fake = generator(z, training=True)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in discriminator.trainable_variables])
            loss = entropy(discriminator(images, training=True), 1 - SMOOTHING) \
                + entropy(discriminator(fake, training=True), 0.0)
        gradients = tape.gradient(loss, [v.value for v in discriminator.trainable_variables])
        optimizers[1].apply(gradients, discriminator.trainable_variables)
        return loss

    for optimizer, network in zip(optimizers, (generator, discriminator)):
        optimizer.build(network.trainable_variables)

    def step(images, z):
        train(tf.constant(images), tf.constant(z)).numpy()

    return step, {'keras': keras.__version__, 'tensorflow': tf.__version__}


def keras_tutorial(_):
    """TensorFlow's own DCGAN tutorial: Keras models and a training step under tf.function."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    from keras import layers  # noqa: PLC0415

    def up(filters, stride, **last):
        return layers.Conv2DTranspose(filters, 5, strides=stride, padding='same', use_bias=False, **last)

    generator = keras.Sequential([
        keras.Input((100,)), layers.Dense(7 * 7 * 256, use_bias=False), layers.BatchNormalization(),
        layers.LeakyReLU(), layers.Reshape((7, 7, 256)), up(128, 1), layers.BatchNormalization(), layers.LeakyReLU(),
        up(64, 2), layers.BatchNormalization(), layers.LeakyReLU(), up(1, 2, activation='tanh')])
    discriminator = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(64, 5, strides=2, padding='same'), layers.LeakyReLU(),
        layers.Dropout(0.3), layers.Conv2D(128, 5, strides=2, padding='same'), layers.LeakyReLU(),
        layers.Dropout(0.3), layers.Flatten(), layers.Dense(1)])
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizers = [keras.optimizers.Adam(1e-4) for _ in range(2)]

    @tf.function
    def train(images, z):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(z, training=True)
            on_real, on_fake = discriminator(images, training=True), discriminator(fake, training=True)
            generator_loss = entropy(tf.ones_like(on_fake), on_fake)
            discriminator_loss = entropy(tf.ones_like(on_real), on_real) + entropy(tf.zeros_like(on_fake), on_fake)
        for tape, loss, network, optimizer in (
                (generator_tape, generator_loss, generator, optimizers[0]),
                (discriminator_tape, discriminator_loss, discriminator, optimizers[1])):
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables))
        return generator_loss

    for optimizer, network in zip(optimizers, (generator, discriminator)):
        optimizer.build(network.trainable_variables)

    def step(images, z):
        train(tf.constant(images), tf.constant(z)).numpy()

    return step, {'keras': keras.__version__, 'tensorflow': tf.__version__}


def product(_):
    """Products of 2048x2048 matrices: what the machine's cores can do at most."""
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    tf.disable_eager_execution()
    size = 2048
    session = tf.Session()
    calls = {}
    for precision in ('float32', 'bfloat16'):
        matrix = tf.get_variable(precision, initializer=tf.cast(tf.random.uniform([size, size]), precision))
        session.run(matrix.initializer)
        calls[precision] = session.make_callable(tf.matmul(matrix, matrix).op)

    def rate(precision):
        rates = []
        for _ in range(6):
            start = time.perf_counter()
            calls[precision]()
            rates.append(2.0 * size ** 3 / (time.perf_counter() - start))
        return rates[1:]

    return rate, {'tensorflow': tf.VERSION}


def allows_tf32(worker):
    """Whether a worker computes float32 products on a GPU with 10 bits of mantissa; None where none can."""
    if worker.startswith('torch'):
        pytorch = sys.modules['torch']
        return bool(pytorch.backends.cudnn.allow_tf32 and pytorch.get_float32_matmul_precision() != 'highest')
    config = getattr(sys.modules.get('tensorflow'), 'config', None)
    asked = getattr(getattr(config, 'experimental', None), 'tensor_float_32_execution_enabled', None)
    return asked and bool(asked())


def shapes_of(arguments):
    """What step_timer.SHAPES says of a preset; of this project's own, what it says itself."""
    if arguments.worker != 'dcgan_tf1':
        return SHAPES[arguments.preset]
    from dcgan_tf1.gan import presets  # noqa: PLC0415

    preset = presets.PRESETS[arguments.preset]
    return preset.input_shape, preset.z_dim, preset.image_batches, sum(preset.noise_batches)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    workers = {worker.__name__: worker for worker in (
        graph2017, graph_carpedm20, dcgan_tf1, keras, keras_tutorial, torch, torch_dcgan, torch_resnet, product)}
    parser.add_argument('worker', choices=sorted(workers))
    for flag in ('onednn', 'xla', 'channels_last', 'bfloat16', 'compile', 'cuda_graphs'):
        parser.add_argument('--' + flag, action='store_true')
    parser.add_argument('--precision', default='float32')
    parser.add_argument('--lowering', default='auto')
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(PRESET_TITLES))
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--threads', type=int, default=0)
    parser.add_argument('--device', default='cpu', choices=('cpu', 'gpu'))
    parser.add_argument('--steps_per_call', type=int, default=1, help='0 for as many as take half a second')
    arguments = parser.parse_args()
    if arguments.worker != 'dcgan_tf1' and arguments.preset not in SHAPES:
        parser.error('--preset: expected one of {} for {}, found {}'.format(
            ', '.join(sorted(SHAPES)), arguments.worker, arguments.preset))
    if arguments.device == 'cpu':  # for all of them alike, also where there is a GPU
        os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    if arguments.onednn:
        os.environ['TF_ENABLE_ONEDNN_OPTS'] = '1'
    step, versions = workers[arguments.worker](arguments)
    versions['python'] = platform.python_version()
    timer = Timer(arguments, step, shapes_of(arguments))
    for line in sys.stdin:
        question, _, value = line.strip().partition(' ')
        if question == 'about':
            answer = {'peak_memory_bytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
                          1 if sys.platform == 'darwin' else 1024),
                      'versions': versions, 'tf32': allows_tf32(arguments.worker),
                      'steps_a_call': timer.steps_a_call, 'processor_seconds': timer.processor_seconds}
        elif question == 'rate':
            answer = {'flops': step(value)}
        elif question == 'turn':
            answer = {'seconds': timer.turn(float(value))}
        else:
            count = int(value) if arguments.worker != 'product' else 0
            answer = {'seconds': [timer.call() for _ in range(count)]}
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
