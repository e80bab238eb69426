"""Random numbers as a function of (seed, what for, step).

Nothing keeps a generator's state, so a resumed run draws what the killed one would have.
"""

import hashlib

import numpy as np


def derive_seed(seed, *names):
    """An int in [0, 2**31) that depends on `seed` and on every name, in order."""
    text = '/'.join([str(seed)] + [str(name) for name in names])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], 'big') & 0x7FFFFFFF


def numpy_rng(seed, stream, step):
    """A `RandomState` for one step of one named stream ('noise', 'shuffle' ...).

    `RandomState` is used because NumPy keeps its stream frozen between releases.
    """
    return np.random.RandomState([derive_seed(seed, stream), step])


def draw_noise(seed, stream, step, shape, distribution):
    """Noise for one step: float32 of `shape`, 'uniform' in [-1, 1), 'normal' (0, 1) or 'uniform01' in [0, 1)."""
    rng = numpy_rng(seed, stream, step)
    draw = {'uniform': lambda: rng.uniform(-1, 1, shape), 'normal': lambda: rng.normal(0, 1, shape),
            'uniform01': lambda: rng.uniform(0, 1, shape)}[distribution]
    return draw().astype(np.float32)
