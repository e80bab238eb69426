"""The inputs of coming steps, prepared while the session trains."""

import concurrent.futures

import numpy as np

from dcgan_tf1.gan.noise import sample_noise


class InputPrefetcher:
    """Prepares the indices and the noise of coming steps in a thread of its own."""

    def __init__(self, preset, plan, seed):
        self._preset, self._plan, self._seed = preset, plan, seed
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    def submit(self, first, count):
        """A future of (indices, noises), as step_loop.Loop has them, of `count` steps from `first` on."""
        return self._thread.submit(self._prepare, first, count)

    def _prepare(self, first, count):
        steps = range(first, first + count)
        return np.stack([self._indices(step) for step in steps]), np.stack([self._noise(step) for step in steps])

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
