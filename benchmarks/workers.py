"""One implementation of the training step, taking steps when told to on standard input.

    steps N        -> {"seconds": [...]}
    turn SECONDS   -> the same, as many as take so long, but one at least
    rate PRECISION -> {"flops": [...]}   (the worker `product` alone)
    about          -> {"peak_memory_bytes": ..., "versions": {...}, ...}

Started by train_step.py, growth.py and gpu_check.py. N counts calls: of one step each or, with --steps_per_call=0, of
as many as take half a second, whose mean is given. In this project a call is one of the session. Each function
below returns `step(images, noise)`, which takes one step of a preset (this project's: a step for each noise) on
float32 images and noise (SHAPES), and the versions of what it runs on: for `blog_mnist` one generator and one discriminator update on images [64, 28, 28, 1] and
noise [64, 100]. The peers are written as their own users would.
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

LEAK, KEEP, SMOOTHING = 0.01, 0.8, 0.1

# Of each preset: an image's shape, the noise's size, batches of images and of noise in a step.
SHAPES = {'blog_mnist': ((28, 28, 1), 100, 1, 1), 'blog_cifar_horse': ((32, 32, 3), 100, 1, 1),
          'cgan_mnist': ((28, 28, 1), 100, 1, 1), 'tf_tutorial': ((28, 28, 1), 100, 1, 1),
          'resnet_mnist': ((28, 28, 1), 128, 5, 7)}


def graph2017(_):
    """The blog's graph as its author wrote it: tf.layers, feed_dict, all update ops, float32."""
    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    tf.disable_eager_execution()
    tf.disable_resource_variables()
    layers = tf.layers

    def block(x, training):
        x = layers.batch_normalization(x, training=training)
        return tf.nn.dropout(tf.maximum(LEAK * x, x), keep_prob=KEEP)

    def generator(z):
        with tf.variable_scope('generator'):
            x = block(tf.reshape(layers.dense(z, 4 * 4 * 512), [-1, 4, 4, 512]), True)
            x = block(layers.conv2d_transpose(x, 256, 4, strides=1, padding='valid'), True)
            x = block(layers.conv2d_transpose(x, 128, 3, strides=2, padding='same'), True)
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

    real = tf.placeholder(tf.float32, [None, 28, 28, 1], name='inputs_real')
    noise = tf.placeholder(tf.float32, [None, 100], name='inputs_noise')
    fake = generator(noise)
    d_real, d_fake = discriminator(real, False), discriminator(fake, True)
    g_loss = entropy(d_fake, 1 - SMOOTHING)
    d_loss = entropy(d_real, 1 - SMOOTHING) + entropy(d_fake, 0.0)
    trainable = tf.trainable_variables()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        g_train = tf.train.AdamOptimizer(1e-3, beta1=0.4).minimize(
            g_loss, var_list=[v for v in trainable if v.name.startswith('generator')])
        d_train = tf.train.AdamOptimizer(1e-3, beta1=0.4).minimize(
            d_loss, var_list=[v for v in trainable if v.name.startswith('discriminator')])
    session = tf.Session()
    session.run(tf.global_variables_initializer())

    def step(images, z):
        session.run(g_train, feed_dict={real: images, noise: z})
        session.run(d_train, feed_dict={real: images, noise: z})

    return step, {'tensorflow': tf.VERSION}


def dcgan_tf1(arguments):
    """This project's trainer: its graph and its way of running it."""
    import dataclasses  # noqa: PLC0415

    import tensorflow.compat.v1 as tf  # noqa: PLC0415

    from dcgan_tf1.gan import graph, step_loop
    from dcgan_tf1.gan.presets import PRESETS  # noqa: PLC0415
    from dcgan_tf1.util import devices  # noqa: PLC0415

    config = devices.session_config(arguments.device, arguments.threads, arguments.threads, xla=arguments.xla)
    policy = devices.choose_compute_policy(
        devices.find(arguments.device, config=config), arguments.precision, arguments.lowering)
    if policy.warning:
        raise SystemExit('left out: ' + policy.warning)
    preset = dataclasses.replace(PRESETS[arguments.preset], batch_size=arguments.batch)
    with tf.Graph().as_default() as tf_graph:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(preset, policy.precision, policy.conv_impl)
        initialise = tf.global_variables_initializer()
        tf_graph.finalize()
        session = tf.Session(config=config)
    session.run(initialise)
    steps, taken = [], itertools.count()

    def step(images, z):
        if not steps:  # as the trainer does, which puts the whole data set there
            labels = None if preset.classes is None else np.arange(len(images), dtype=np.int32) % preset.classes
            steps.append(step_loop.make_steps(session, handles, images, labels))
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


def _torch_layout(arguments):
    """(memory format, device) of what the flags ask for; readies PyTorch for the device."""
    import torch  # noqa: PLC0415

    if arguments.device == 'gpu':
        if not torch.cuda.is_available():
            raise SystemExit('PyTorch {} sees no GPU'.format(torch.__version__))
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision('high')  # TF32 in products, too, as TensorFlow has it
    return (torch.channels_last if arguments.channels_last else torch.contiguous_format,
            'cuda' if arguments.device == 'gpu' else 'cpu')


def _torch_images(device, layout):
    """on_device(images): the same images in PyTorch's order, which stay on the device, as this project's do."""
    import torch  # noqa: PLC0415

    there = []

    def on_device(images):
        if not there:
            there.append(torch.from_numpy(images).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout))
        return there[0]

    return on_device


def torch_resnet(arguments):
    """PyTorch: Miyato et al.'s ResNet GAN for 28x28, with PyTorch's own spectral normalisation."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415
    from torch.nn.utils.parametrizations import spectral_norm  # noqa: PLC0415

    class Up(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.BatchNorm2d(256, eps=1e-3, momentum=0.01) for _ in range(2))
            self.convolutions = nn.ModuleList(nn.Conv2d(256, 256, 3, padding=1) for _ in range(2))
            self.shortcut = nn.Conv2d(256, 256, 1)

        def forward(self, x):
            y = functional.interpolate(functional.relu(self.norms[0](x)), scale_factor=2)
            y = self.convolutions[1](functional.relu(self.norms[1](self.convolutions[0](y))))
            return y + self.shortcut(functional.interpolate(x, scale_factor=2))

    class Block(nn.Module):
        def __init__(self, channels, down, first=False):
            super().__init__()
            self.down, self.first = down, first
            self.one = spectral_norm(nn.Conv2d(channels, 128, 3, padding=1))
            self.two = spectral_norm(nn.Conv2d(128, 128, 3, padding=1))
            self.shortcut = spectral_norm(nn.Conv2d(channels, 128, 1)) if down else None

        def forward(self, x):
            y = self.two(functional.relu(self.one(x if self.first else functional.relu(x))))
            if not self.down:
                return x + y
            if self.first:
                return functional.avg_pool2d(y, 2) + self.shortcut(functional.avg_pool2d(x, 2))
            return functional.avg_pool2d(y, 2) + functional.avg_pool2d(self.shortcut(x), 2)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.Sequential(Block(1, True, True), Block(128, True), Block(128, False), Block(128, False))
            self.last = spectral_norm(nn.Linear(128, 1))

        def forward(self, x):
            return self.last(functional.relu(self.blocks(x)).sum(dim=(2, 3)))

    generator = nn.Sequential(
        nn.Linear(128, 7 * 7 * 256), nn.Unflatten(1, (256, 7, 7)), Up(), Up(),
        nn.BatchNorm2d(256, eps=1e-3, momentum=0.01), nn.ReLU(), nn.Conv2d(256, 1, 3, padding=1), nn.Tanh())
    discriminator = Discriminator()
    layout, device = _torch_layout(arguments)
    for network in (generator, discriminator):
        network.to(device, memory_format=layout).train()
    optimizers = [torch.optim.Adam(network.parameters(), 2e-4, (0.0, 0.9), fused=True)
                  for network in (generator, discriminator)]
    average = [parameter.detach().clone() for parameter in generator.parameters()]

    on_device = _torch_images(device, layout)

    def learn(optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def step(images, z):
        images = on_device(images)
        z = torch.from_numpy(z).to(device)
        size = len(images) // 5
        for i in range(5):
            with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
                discriminator.requires_grad_(True)
                with torch.no_grad():
                    fake = generator(z[i * size:(i + 1) * size])
                loss = functional.relu(1 - discriminator(images[i * size:(i + 1) * size]).float()).mean() \
                    + functional.relu(1 + discriminator(fake).float()).mean()
            learn(optimizers[1], loss)
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(False)
            loss = -discriminator(generator(z[5 * size:])).float().mean()
        learn(optimizers[0], loss)
        with torch.no_grad():
            torch._foreach_lerp_(average, list(generator.parameters()), 0.001)

    return step, {'torch': torch.__version__}


def torch(arguments):
    """PyTorch, as its own DCGAN example does it, with the discriminator frozen while the generator learns."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415
    from torch.nn import functional  # noqa: PLC0415

    def block(channels):
        # Its momentum is the share of the new value.
        return [nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.LeakyReLU(LEAK), nn.Dropout(1 - KEEP)]

    generator = nn.Sequential(*(
        [nn.Linear(100, 4 * 4 * 512), nn.Unflatten(1, (512, 4, 4))] + block(512)
        + [nn.ConvTranspose2d(512, 256, 4)] + block(256)
        + [nn.ConvTranspose2d(256, 128, 3, stride=2, padding=1, output_padding=1)] + block(128)
        + [nn.ConvTranspose2d(128, 1, 3, stride=2, padding=1, output_padding=1), nn.Tanh()]))
    discriminator = nn.Sequential(*(
        [nn.Conv2d(1, 128, 3, stride=2, padding=1), nn.LeakyReLU(LEAK), nn.Dropout(1 - KEEP),
         nn.Conv2d(128, 256, 3, stride=2, padding=1)] + block(256)
        + [nn.Conv2d(256, 512, 3, stride=2, padding=1)] + block(512) + [nn.Flatten(), nn.Linear(512 * 4 * 4, 1)]))
    layout, device = _torch_layout(arguments)
    on_device = _torch_images(device, layout)
    networks = [network.to(device, memory_format=layout).train() for network in (generator, discriminator)]
    optimizers = [torch.optim.Adam(network.parameters(), 1e-3, (0.4, 0.999), fused=True) for network in networks]
    generate, discriminate = [torch.compile(network) for network in networks] if arguments.compile else networks

    def entropy(logits, label):
        return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, label).float())

    def step(images, z):
        real = on_device(images)
        z = torch.from_numpy(z).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(False)
            g_loss = entropy(discriminate(generate(z)), 1 - SMOOTHING)
        optimizers[0].zero_grad(set_to_none=True)
        g_loss.backward()
        optimizers[0].step()
        with torch.autocast(device, torch.bfloat16, enabled=arguments.bfloat16):
            discriminator.requires_grad_(True)
            with torch.no_grad():
                fake = generate(z)
            d_loss = entropy(discriminate(real), 1 - SMOOTHING) + entropy(discriminate(fake), 0.0)
        optimizers[1].zero_grad(set_to_none=True)
        d_loss.backward()
        optimizers[1].step()

    return step, {'torch': torch.__version__}


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
        found = []
        for _ in range(6):
            start = time.perf_counter()
            calls[precision]()
            found.append(2.0 * size ** 3 / (time.perf_counter() - start))
        return found[1:]

    return rate, {'tensorflow': tf.VERSION}


class Timer:
    """Takes calls of some steps each, and says how long a step took in each of them."""

    def __init__(self, arguments, step):
        # The trainer's own rule; this module needs no TensorFlow.
        from dcgan_tf1.training.loop import CallSize  # noqa: PLC0415

        self._step, self._whole_calls = step, arguments.worker == 'dcgan_tf1'
        self._size, self._taken = CallSize(arguments.steps_per_call, adapts=True), 0
        self._on_gpu = arguments.device == 'gpu'
        shape, z_dim, image_batches, noise_batches = SHAPES[arguments.preset]
        self._draw = np.random.RandomState(0)
        self._images = np.tanh(self._draw.randn(image_batches * arguments.batch, *shape)).astype(np.float32)
        self._noise = noise_batches * arguments.batch, z_dim

    def call(self):
        """Seconds of a step, the mean over the steps of one call."""
        count = self._size.steps
        z = self._draw.uniform(-1, 1, (count,) + self._noise).astype(np.float32)
        start = time.perf_counter()
        if self._whole_calls:
            self._step(self._images, z)
        else:
            for noise in z:
                self._step(self._images, noise)
        if self._on_gpu and 'torch' in sys.modules:
            sys.modules['torch'].cuda.synchronize()
        seconds = (time.perf_counter() - start) / count
        if self._taken:  # the first call's time tells nothing
            self._size.adapt(seconds)
        self._taken += 1
        return seconds

    @property
    def steps_a_call(self):
        return self._size.steps

    def turn(self, seconds):
        """The same of calls for so many seconds."""
        start, found = time.perf_counter(), []
        while not found or time.perf_counter() - start < seconds:
            found.append(self.call())
        return found


def allows_tf32():
    """Whether this process computes float32 products on a GPU with 10 bits of mantissa; None where none can."""
    if 'torch' in sys.modules:
        found = sys.modules['torch']
        return bool(found.backends.cudnn.allow_tf32 and found.get_float32_matmul_precision() != 'highest')
    config = getattr(sys.modules.get('tensorflow'), 'config', None)
    asked = getattr(getattr(config, 'experimental', None), 'tensor_float_32_execution_enabled', None)
    return asked and bool(asked())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    workers = {worker.__name__: worker for worker in (
        graph2017, dcgan_tf1, keras, keras_tutorial, torch, torch_resnet, product)}
    parser.add_argument('worker', choices=sorted(workers))
    for flag in ('xla', 'channels_last', 'bfloat16', 'compile'):
        parser.add_argument('--' + flag, action='store_true')
    parser.add_argument('--precision', default='float32')
    parser.add_argument('--lowering', default='auto')
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(SHAPES))
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--threads', type=int, default=0)
    parser.add_argument('--device', default='cpu', choices=('cpu', 'gpu'))
    parser.add_argument('--steps_per_call', type=int, default=1, help='0 for as many as take half a second')
    arguments = parser.parse_args()
    if arguments.device == 'cpu':  # for all of them alike, also where there is a GPU
        os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    step, versions = workers[arguments.worker](arguments)
    versions['python'] = platform.python_version()
    timer = Timer(arguments, step)
    for line in sys.stdin:
        question, _, value = line.strip().partition(' ')
        if question == 'about':
            answer = {'peak_memory_bytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      'versions': versions, 'tf32': allows_tf32(), 'steps_a_call': timer.steps_a_call}
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
