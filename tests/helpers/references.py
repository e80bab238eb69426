"""Our networks beside independent builds of the same, which run in a process of their own."""

import os
import subprocess
import sys

import numpy as np

from dcgan_tf1.util.devices import RELEASE

HERE = os.path.dirname(os.path.abspath(__file__))


def leave_initial_values(session, variables, draw):
    """Anything but the initial values, which hide a gamma or beta in the wrong place; returns all by name."""
    for variable in variables.values():
        value = session.run(variable)
        value = value + draw.uniform(0.05, 0.15, value.shape) if value.ndim == 1 else value
        variable.load(value.astype(np.float32), session)
    return {name: session.run(variable) for name, variable in variables.items()}


def results_of(script, name, given, folder, python=sys.executable):
    """What a script of this folder makes of the arrays `given`: {name: array}."""
    np.savez(str(folder / 'in.npz'), **given)
    # From 2.16 on Keras 2 is tf_keras; before, it is TensorFlow's own.
    env = dict(os.environ, TF_USE_LEGACY_KERAS='1' if RELEASE >= (2, 16) else '0', TF_CPP_MIN_LOG_LEVEL='3')
    env.pop('TF2_BEHAVIOR', None)  # which TensorFlow 2 sets, and 1.15 would heed
    subprocess.run([python, os.path.join(HERE, script), name,
                    str(folder / 'in.npz'), str(folder / 'out.npz')], check=True, env=env)
    return dict(np.load(str(folder / 'out.npz')))


def check_against(script, name, ours, given, folder):
    """Compares `ours`, {name: array}, with what a script of this folder makes of the arrays `given`."""
    theirs = results_of(script, name, given, folder)
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
