"""The order in which real images are served."""

import numpy as np

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.seeds import numpy_rng


class Batches:
    """The order of the real images: a function of seed and batch number, without state.

    Args:
      count: images there are.
      size: images in a batch.
      shuffle, drop_last_full_batch: as in Preset.
      keep_incomplete: whether an epoch ends with its incomplete batch, if it has one.
    """

    def __init__(self, count, size, seed, shuffle='always', drop_last_full_batch=False, keep_incomplete=False):
        self._count, self._size, self._seed, self._shuffle = count, size, seed, shuffle
        self.per_epoch = (-(-count // size) if keep_incomplete else count // size) - int(drop_last_full_batch)
        if self.per_epoch < 1:
            raise UserError('--batch_size={}: expected at least {} images for one step, found {}; a smaller one takes '
                            'fewer'.format(size, size * (1 + int(drop_last_full_batch)), count))
        self._epoch, self._order = None, None

    def epoch(self, number):
        """The epoch, from 1, that a batch, from 1, belongs to."""
        return (number - 1) // self.per_epoch + 1

    def indices(self, number):
        """Which of the images a batch (from 1) takes: int32 [size], -1 where there are no more."""
        if self._shuffle == 'with_replacement':
            return numpy_rng(self._seed, 'draw', number).randint(self._count, size=self._size).astype(np.int32)
        epoch = self.epoch(number)
        start = (number - 1) % self.per_epoch * self._size
        if self._shuffle == 'once':
            epoch = 0
        if self._shuffle == 'never' or epoch == 1 and self._shuffle == 'after_first_epoch':
            rows = np.arange(start, min(start + self._size, self._count), dtype=np.int32)
        else:
            if epoch != self._epoch:
                order = numpy_rng(self._seed, 'shuffle', epoch).permutation(self._count)
                self._epoch, self._order = epoch, order.astype(np.int32)
            rows = self._order[start:start + self._size]
        return np.pad(rows, (0, self._size - len(rows)), 'constant', constant_values=-1)
