"""How workers.py takes and times steps: what all implementations have in common. Needs no TensorFlow."""

import statistics
import sys
import time

import numpy as np

LEAK, KEEP, SMOOTHING = 0.01, 0.8, 0.1

# Of each preset that others than this project have: an image's shape, the noise's size, batches of images and of noise
# in a step.
SHAPES = {'blog_mnist': ((28, 28, 1), 100, 1, 1), 'blog_cifar_horse': ((32, 32, 3), 100, 1, 1),
          'cgan_mnist': ((28, 28, 1), 100, 1, 1), 'tf_tutorial': ((28, 28, 1), 100, 1, 1),
          'resnet_mnist': ((28, 28, 1), 128, 5, 7), 'dcgan': ((64, 64, 3), 100, 1, 1)}


class Timer:
    """Takes calls of some steps each, and says how long a step took in each of them."""

    def __init__(self, arguments, step, shapes):
        # The trainer's own rule; this module needs no TensorFlow.
        from dcgan_tf1.training.loop import CallSize  # noqa: PLC0415

        self._step, self._whole_calls = step, arguments.worker == 'dcgan_tf1'
        self._size, self._taken = CallSize(arguments.steps_per_call, adapts=True), 0
        # A GPU is still at work when PyTorch's last call returns; the session's returns after its fetches.
        self._behind = arguments.device == 'gpu' and arguments.worker.startswith('torch')
        shape, z_dim, image_batches, noise_batches = shapes
        self._draw = np.random.RandomState(0)
        self._images = np.tanh(self._draw.randn(image_batches * arguments.batch, *shape)).astype(np.float32)
        self._noise = noise_batches * arguments.batch, z_dim
        self._processor = []

    def call(self):
        """Seconds of a step, the mean over the steps of one call."""
        count = self._size.steps
        z = self._draw.uniform(-1, 1, (count,) + self._noise).astype(np.float32)
        start, processor = time.perf_counter(), time.process_time()
        if self._whole_calls:
            self._step(self._images, z)
        else:
            for noise in z:
                self._step(self._images, noise)
        if self._behind:
            sys.modules['torch'].cuda.synchronize()
        seconds = (time.perf_counter() - start) / count
        if self._taken:  # the first call's time tells nothing
            self._size.adapt(seconds)
            self._processor.append((time.process_time() - processor) / count)
        self._taken += 1
        return seconds

    @property
    def processor_seconds(self):
        """Seconds that a step kept the cores busy, of all cores together: the median over all calls but the first."""
        return statistics.median(self._processor) if self._processor else None

    @property
    def steps_a_call(self):
        return self._size.steps

    def turn(self, seconds):
        """The same of calls for so many seconds."""
        start, times = time.perf_counter(), []
        while not times or time.perf_counter() - start < seconds:
            times.append(self.call())
        return times
