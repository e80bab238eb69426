"""What a preset's generator makes images of: noise, and labels where it takes some."""

import numpy as np

from dcgan_tf1.util.seeds import draw_noise


def sample_noise(preset, count, seed=0, stream='sample', step=0):
    """[count, z_dim], float32, from the preset's distribution.

    A function of (seed, stream, step): 'noise' at a step is what that step trains on,
    'samples' what its samples are made of.
    """
    return draw_noise(seed, stream, step, (count, preset.z_dim), preset.noise)


def at_temperature(preset, z):
    """What images are sampled from, of noise z: `temperature` times as far from its mean. z: an array or a tensor."""
    if preset.temperature == 1:
        return z
    mean = 0.5 if preset.noise == 'uniform01' else 0.0
    return mean + (z - mean) * preset.temperature if mean else z * preset.temperature


def labels_in_turn(preset, count):
    """All classes in turn: int32 [count]; None where the preset takes no labels."""
    return None if preset.classes is None else (np.arange(count) % preset.classes).astype(np.int32)


def sample_inputs(preset, count, seed, stream, step=0, classes=None):
    """(noise [count, z_dim], labels [count] or None) of a sheet of samples.

    With labels, the sheet has a column for each class and a row for each noise vector.

    classes: the labels of the columns; None for all.
    """
    if preset.classes is None:
        return sample_noise(preset, count, seed, stream, step), None
    columns = np.arange(preset.classes) if classes is None else np.asarray(classes)
    rows = -(-count // len(columns))
    z = sample_noise(preset, rows, seed, stream, step)
    return np.repeat(z, len(columns), axis=0)[:count], np.tile(columns, rows)[:count].astype(np.int32)


_STRAIGHT = 1e-5  # vectors whose angle has a smaller sine are joined by a straight line: no circle differs from it


def interpolate(z0, z1, t, distribution='uniform'):
    """Noise between z0, where t is 0, and z1, where t is 1; the three are broadcast.

    'uniform' and 'uniform01': along a straight line, which stays within the cube. 'normal': along a circle around 0,
    by the angle between the two, so that what is between is as far from 0 as they are.
    Source: Shoemake 1985, https://doi.org/10.1145/325165.325242.
    """
    if distribution == 'normal':
        lengths = np.linalg.norm(z0, axis=-1, keepdims=True) * np.linalg.norm(z1, axis=-1, keepdims=True)
        cosine = np.sum(z0 * z1, axis=-1, keepdims=True) / np.where(lengths > 0, lengths, 1)
        angle = np.arccos(np.clip(cosine, -1, 1))
        sine = np.sin(angle)
        bent = sine > _STRAIGHT
        return np.where(bent, (z0 * np.sin((1 - t) * angle) + z1 * np.sin(t * angle)) / np.where(bent, sine, 1),
                        z0 * (1 - t) + z1 * t)
    return z0 * (1 - t) + z1 * t


def sample_interpolations(preset, count, steps, seed=0):
    """`count` pairs of vectors, each as `steps` vectors from one to the other: [count * steps, z_dim], float32."""
    ends = sample_noise(preset, 2 * count, seed).astype(np.float64).reshape(count, 2, 1, preset.z_dim)
    t = np.linspace(0, 1, steps)[:, np.newaxis]
    return interpolate(ends[:, 0], ends[:, 1], t, preset.noise).reshape(-1, preset.z_dim).astype(np.float32)


def noise_of_seeds(preset, seeds):
    """A vector of each seed, the first one that it draws: [len(seeds), z_dim], float32."""
    return np.concatenate([sample_noise(preset, 1, seed) for seed in seeds])


def interpolate_along(preset, z, steps):
    """From each of z [N, z_dim] to the next one in `steps` vectors: [(N - 1) * steps, z_dim], float32."""
    z, t = np.asarray(z, np.float64)[:, np.newaxis], np.linspace(0, 1, steps)[:, np.newaxis]
    return interpolate(z[:-1], z[1:], t, preset.noise).reshape(-1, preset.z_dim).astype(np.float32)


def class_interpolations(preset, classes, z, steps):
    """For each of z [N, z_dim] a row that walks in `steps` images from a class to the next one of `classes`.

    classes: two labels at least; after the last pair of neighbours comes the first again.

    Returns: noise [N * steps, z_dim] and weights of the classes [N * steps, classes], float32.
    """
    weights = along(np.eye(preset.classes)[np.asarray(classes)], steps).reshape(-1, steps, preset.classes)
    rows = np.arange(len(z)) % len(weights)
    return np.repeat(z, steps, axis=0), weights[rows].reshape(-1, preset.classes)


def along(weights, steps):
    """From each of [N, classes] in a straight line to the next one in `steps`: [(N - 1) * steps, classes], float32."""
    t = np.linspace(0, 1, steps)[:, np.newaxis]
    walk = weights[:-1, np.newaxis] * (1 - t) + weights[1:, np.newaxis] * t
    return walk.reshape(-1, weights.shape[1]).astype(np.float32)
