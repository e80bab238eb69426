"""conditional_mnist beside an independent build of it under TensorFlow 1.15.5, whose checkpoints load by name."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import interpreter, run_command
from helpers.data import blobs, write_mnist
from helpers.golden import VARIABLES
from helpers.references import leave_initial_values, results_of

from dcgan_tf1.gan import graph, layers, step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.updates import network_trainables
from dcgan_tf1.runs import checkpoint, sampling

# Nightly under TensorFlow 1.15.5, where building its graphs takes minutes.
pytestmark = pytest.mark.nightly if tf.VERSION.startswith('1.') else pytest.mark.slow
PRESET = dataclasses.replace(PRESETS['conditional_mnist'], batch_size=8, learning_rate=0.0)


def computed(session, given, z, real, labels):
    """What our graph, which is in the session, makes of the batch; then every variable after a step of the loop."""
    handles = graph.build_training_graph(PRESET)
    contexts = [layers.BatchContext(name, name != 'sample', labels=handles.one_hot)
                for name in ('generator', 'real', 'fake', 'sample')]
    fake = PRESET.generator(handles.noise, contexts[0])
    fetches = {
        'fake': fake, 'logits_real': PRESET.discriminator(handles.real, contexts[1])[0],
        'logits_fake': PRESET.discriminator(fake, contexts[2])[0], 'sampled': PRESET.generator(
            handles.noise, contexts[3]), 'd_loss': handles.losses.d_loss, 'g_loss': handles.losses.g_loss}
    for loss, scope in ((handles.losses.g_loss, 'generator'), (handles.losses.d_loss, 'discriminator')):
        own = network_trainables(scope)
        fetches.update({'gradient/' + v.op.name: g for v, g in zip(own, tf.gradients(loss, own))})
    variables = {v.op.name: v for v in tf.global_variables() if v is not handles.global_step}
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()], {
        handles.loop.images: real, handles.loop.labels: labels})
    networks = {name: v for name, v in variables.items() if '/Adam' not in name and '_power' not in name}
    given.update(leave_initial_values(session, networks, np.random.RandomState(4)))
    found = session.run(fetches, {handles.real: real, handles.noise: z, handles.labels: labels,
                                  handles.dropout_seed: 0})
    steps = step_loop.make_steps(session, handles, real, labels)
    steps(1, np.arange(8, dtype=np.int32)[np.newaxis], z[np.newaxis])
    found.update({'after/' + name: session.run(v) for name, v in variables.items()})
    found['sampled_after'] = session.run(handles.sample_images, {
        handles.noise: z, handles.labels: labels, handles.dropout_seed: 0})
    return found


@pytest.fixture(scope='module')
def both(tmp_path_factory):
    """(ours, theirs, z, labels, the folder of their checkpoints): results by name."""
    python = interpreter('DCGAN_TF1_PYTHON_TF115', 'Python 3.7 with TensorFlow 1.15.5')
    folder, draw = tmp_path_factory.mktemp('carpedm20'), np.random.RandomState(3)
    z, real = draw.uniform(-1, 1, (8, 100)).astype(np.float32), draw.uniform(0, 1, (8, 28, 28, 1)).astype(np.float32)
    labels, given = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.int32), {}
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        ours = computed(session, given, z, real, labels)
    theirs = results_of('carpedm20_reference.py', 'conditional_mnist', dict(given, z=z, real=real, labels=labels),
                        folder, python)
    return ours, theirs, z, labels, str(folder)


def test_outputs_losses_gradients_and_a_step(both):
    ours, theirs = both[:2]
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
    assert np.abs(ours['after/generator/g_bn1/moving_variance'] - 1).max() > 0.1


def test_names_and_shapes(both):
    with open(os.path.join(both[4], 'variables.json')) as handle:
        assert json.load(handle) == VARIABLES['conditional_mnist']


@pytest.mark.parametrize('name', ['DCGAN.model-1', 'weights-1'])
def test_its_checkpoints_are_sampled_and_trained_on_from(both, name, tmp_path):
    for split, count in (('train', 40), ('t10k', 10)):  # it is trained on both
        write_mnist(tmp_path / 'data' / 'mnist', blobs(count), np.arange(count).astype(np.uint8) % 10, split)
    _, theirs, z, labels, folder = both
    prefix = os.path.join(folder, name)
    images = sampling.generate(PRESETS['conditional_mnist'], prefix, z, labels=labels)
    np.testing.assert_allclose(images, theirs['sampled_after'], atol=1e-5)
    status, out, err = run_command('sample', '--checkpoint=' + prefix, '--preset=conditional_mnist',
                                   '--num_images=10', '--out={}'.format(tmp_path / 'x.png'))
    assert status == 0 and '10 images' in out, err
    status, out, err = run_command(
        'train', '--preset=conditional_mnist', '--init_checkpoint=' + prefix, '--run_dir={}'.format(tmp_path),
        '--data_dir={}'.format(tmp_path / 'data'), '--max_steps=1', '--batch_size=8', '--precision=float32')
    assert status == 0 and 'starting from the variables of ' + prefix in out and 'data: 50 images' in out, err
    assert ('no variables of Adam, which begin anew' in out) == (name == 'weights-1')
    after = tf.train.NewCheckpointReader(checkpoint.resolve(str(tmp_path / '00000-conditional_mnist')))
    # Adam's powers count the updates: one and two in each of the steps.
    steps = 1 if name == 'weights-1' else 2
    assert [after.get_tensor(power) for power in ('beta1_power', 'beta1_power_1', 'global_step')] == [
        0.5 ** (1 + steps), 0.5 ** (1 + 2 * steps), 1]
    moved = after.get_tensor('generator/g_h2/w') - theirs['after/generator/g_h2/w']
    assert 0 < np.abs(moved).max() < 1e-3  # two updates of at most about 2e-4 each
