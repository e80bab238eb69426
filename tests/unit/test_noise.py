"""A preset's noise, and what lies between two vectors of it."""

import types

import numpy as np
import pytest

from dcgan_tf1.gan.noise import interpolate, sample_interpolations, sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import sampling
from dcgan_tf1.util.compute_policy import ComputePolicy

UNIFORM, NORMAL = [types.SimpleNamespace(noise=name, z_dim=200) for name in ('uniform', 'normal')]


def test_noise_is_the_presets_and_a_function_of_seed_stream_and_step():
    uniform, normal = sample_noise(UNIFORM, 100), sample_noise(NORMAL, 100)
    assert uniform.shape == normal.shape == (100, 200) and uniform.dtype == normal.dtype == np.float32
    assert uniform.min() >= -1 and uniform.max() < 1 and abs(uniform.std() - 1 / np.sqrt(3)) < 0.01
    assert abs(normal.std() - 1) < 0.02 and normal.max() > 3
    above = sample_noise(types.SimpleNamespace(noise='uniform01', z_dim=200), 100)
    assert 0 <= above.min() < 0.001 and 0.999 < above.max() < 1 and abs(above.std() - 1 / np.sqrt(12)) < 0.01
    np.testing.assert_array_equal(sample_noise(UNIFORM, 10), uniform[:10])
    for other in ({'seed': 1}, {'stream': 'noise'}, {'step': 1}):
        assert abs(np.corrcoef(uniform.ravel(), sample_noise(UNIFORM, 100, **other).ravel())[0, 1]) < 0.03


def test_interpolation_is_straight_for_uniform_noise_and_a_circle_for_normal():
    z0, z1 = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    np.testing.assert_allclose(interpolate(z0, z1, 0.25), [0.75, 0.5])
    np.testing.assert_allclose(interpolate(z0, z1, 1 / 3, 'normal'), [np.sqrt(3) / 2, 1.0])
    np.testing.assert_array_equal(interpolate(z0, z1, 0.25, 'uniform01'), interpolate(z0, z1, 0.25))
    # Between vectors that are near each other, one and the same, or opposite, too.
    z = np.random.RandomState(0).randn(100)
    for other in (z + 0.1 * np.random.RandomState(1).randn(100), z, 1e-7 + z):
        for t in (0.25, 0.5):
            assert abs(np.linalg.norm(interpolate(z, other, t, 'normal')) / np.linalg.norm(z) - 1) < 0.02
    np.testing.assert_allclose(interpolate(z, z, 0.3, 'normal'), z, rtol=1e-12)
    np.testing.assert_allclose(interpolate(np.stack([z, z]), np.stack([-z, 0 * z]), 0.5, 'normal'),
                               [0 * z, z * np.sqrt(0.5)], atol=1e-12)
    for distribution in ('uniform', 'normal'):
        np.testing.assert_allclose(interpolate(z0, z1, np.array([[0.0], [1.0]]), distribution), [z0, z1], atol=1e-15)


def test_interpolations_lead_from_one_vector_to_another():
    for preset in (UNIFORM, NORMAL):
        z = sample_interpolations(preset, 3, 5, seed=2).reshape(3, 5, 200)
        np.testing.assert_allclose(z[:, [0, -1]].reshape(6, 200), sample_noise(preset, 6, seed=2), atol=1e-6)
        middle = interpolate(z[:, 0], z[:, -1], 0.5, preset.noise)
        np.testing.assert_allclose(z[:, 2], middle, atol=1e-6)


def test_samples_are_computed_as_asked_for(monkeypatch):
    class Built(Exception):
        pass

    def build(preset, dropout, *policy):
        raise Built(dropout, *policy)

    monkeypatch.setattr(sampling.graph, 'build_sampling_graph', build)
    monkeypatch.setattr(sampling.devices, 'choose_compute_policy', lambda *_: ComputePolicy('bfloat16', 'matmul', ''))
    with pytest.raises(Built) as caught:
        sampling.generate(PRESETS['blog_mnist'], 'x', np.zeros((1, 100)), dropout=True)
    assert caught.value.args == (True, 'bfloat16', 'matmul')
