"""Which images and which noise each update of a step gets, on one worker and on several."""

import types

import numpy as np
import pytest

from dcgan_tf1.data.batches import Batches
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.training.prefetch import InputPrefetcher

# Two batches of images a step; one batch of noise for the first update, two for the second.
PRESET = types.SimpleNamespace(image_batches=2, noise_batches=(1, 2), z_dim=3, noise='uniform')


def prepared(shard=slice(0, 4), first=2, count=2):
    """(indices [steps, images of a step], noise [steps, vectors of a step, 3]) of a worker's shard of batches of 4."""
    plan = types.SimpleNamespace(batches=Batches(40, 4, seed=5), shard=shard, batch_size=4, fed=False,
                                 local_batch_size=shard.stop - shard.start)
    prefetcher = InputPrefetcher(PRESET, plan, 7)
    try:
        return prefetcher.submit(first, count).result()
    finally:
        prefetcher.close()


def test_each_update_of_each_step_has_a_batch_of_its_own():
    indices, noise = prepared()
    batches = Batches(40, 4, seed=5)
    np.testing.assert_array_equal(indices, [np.concatenate([batches.indices(2 * step - 1), batches.indices(2 * step)])
                                            for step in (2, 3)])
    assert len(set(indices.ravel())) == 16
    np.testing.assert_array_equal(noise, [sample_noise(PRESET, 12, 7, 'noise', step) for step in (2, 3)])


@pytest.mark.parametrize('local', [1, 2])
def test_the_shards_of_all_workers_are_what_one_has(local):
    indices, noise = prepared()
    shards = [prepared(slice(begin, begin + local)) for begin in range(0, 4, local)]
    for number in range(2):  # batches of images
        np.testing.assert_array_equal(
            np.concatenate([each[:, number * local:(number + 1) * local] for each, _ in shards], axis=1),
            indices[:, number * 4:(number + 1) * 4])
    for first, batches in ((0, 1), (1, 2)):  # of noise, as an update takes it
        np.testing.assert_array_equal(
            np.concatenate([each[:, first * local:(first + batches) * local] for _, each in shards], axis=1),
            noise[:, first * 4:(first + batches) * 4])
