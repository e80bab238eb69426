"""The inputs of coming steps, prepared while the session trains."""

import concurrent.futures

import numpy as np

from dcgan_tf1.gan.noise import sample_noise

_MAX_FED = 1 << 26  # bytes of the images of one call
_UNLIMITED = 1 << 30  # steps


class InputPrefetcher:
    """Prepares the indices, the noise and, where they are fed, the images of coming steps, in a thread."""

    def __init__(self, preset, plan, seed):
        self._preset, self._plan, self._seed = preset, plan, seed
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    @property
    def most_steps(self):
        """How many steps there should be in one call at most, so that its images are not too many for memory."""
        data = self._plan.data
        size = self._plan.local_batch_size * self._preset.image_batches * int(np.prod(data.input_shape))
        return max(1, _MAX_FED // size) if self._plan.fed else _UNLIMITED

    def submit(self, first, count):
        """A future of what step_loop.Loop takes for `count` steps from `first` on.

        (indices, noises), and the images where they are fed.
        """
        return self._thread.submit(self._prepare, first, count)

    def _prepare(self, first, count):
        steps = range(first, first + count)
        indices = np.stack([self._indices(step) for step in steps])
        inputs = indices, np.stack([self._noise(step) for step in steps])
        return inputs + (self._images(indices),) if self._plan.fed else inputs

    def _images(self, indices):
        """uint8 [steps, images of a step] + input_shape; any image where there are no more."""
        rows = np.maximum(indices, 0).reshape(-1)
        return np.asarray(self._plan.data.pixels[rows]).reshape(indices.shape + self._plan.data.input_shape)

    def _indices(self, step):
        plan, each = self._plan, self._preset.image_batches
        return np.concatenate([plan.batches.indices((step - 1) * each + 1 + i)[plan.shard] for i in range(each)])

    def _noise(self, step):
        """Drawn for all workers, of which this one takes its shard of each batch."""
        preset, size, local = self._preset, self._plan.batch_size, self._plan.local_batch_size
        whole = sample_noise(preset, size * sum(preset.noise_batches), self._seed, 'noise', step)
        if local == size:
            return whole
        parts, first = [], 0
        for batches in preset.noise_batches:
            begin = size * first + self._plan.shard.start * batches
            parts.append(whole[begin:begin + local * batches])
            first += batches
        return np.concatenate(parts)

    def close(self):
        self._thread.shutdown()
