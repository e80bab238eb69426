"""dcgan and conditional_mnist beside independent builds under TensorFlow 1.15.5, whose checkpoints load by name."""

import collections
import dataclasses
import glob
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, interpreter, run_command
from helpers.data import blobs, write_mnist
from helpers.golden import VARIABLES
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.references import leave_initial_values, results_of
from PIL import Image

from dcgan_tf1.gan import graph, step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.updates import network_trainables
from dcgan_tf1.runs import checkpoint_paths, checkpoint_sizes, run_folder, sampling, size_flags
from dcgan_tf1.util.errors import UserError

pytestmark = SLOW_OR_NIGHTLY
BATCH = 8
Both = collections.namedtuple('Both', 'preset ours theirs z labels folder')


def dcgan(image_shape, gf_dim, df_dim):
    return dataclasses.replace(PRESETS['dcgan'].with_image_shape(image_shape), gf_dim=gf_dim, df_dim=df_dim)


# By what a test calls them. The widths of dcgan are small but for one.
SYSTEMS = {
    'conditional_mnist': PRESETS['conditional_mnist'], '64': PRESETS['dcgan'], '45x61': dcgan((45, 61, 3), 8, 6),
    '28': dcgan((28, 28, 1), 8, 8), '108': dcgan((108, 108, 3), 4, 4), '128': dcgan((128, 128, 3), 4, 4)}
# Those that halve as others do are nightly.
ALL = [pytest.param(name, marks=[pytest.mark.nightly] * (name in ('28', '108', '128'))) for name in sorted(SYSTEMS)]


def computed(preset, session, given, z, real, labels):
    """What our graph, which is in the session, makes of the batch; then every variable after a step of the loop."""
    handles = graph.build_training_graph(preset)
    contexts = [preset.batch_context(name, name != 'sample', labels=handles.one_hot)
                for name in ('generator', 'real', 'fake', 'sample')]
    fake = preset.generator(handles.noise, contexts[0])
    fetches = {
        'fake': fake, 'logits_real': preset.discriminator(handles.real, contexts[1])[0],
        'logits_fake': preset.discriminator(fake, contexts[2])[0], 'sampled': preset.generator(
            handles.noise, contexts[3]), 'd_loss': handles.losses.d_loss, 'g_loss': handles.losses.g_loss}
    for loss, scope in ((handles.losses.g_loss, 'generator'), (handles.losses.d_loss, 'discriminator')):
        own = network_trainables(scope)
        fetches.update({'gradient/' + v.op.name: g for v, g in zip(own, tf.gradients(loss, own))})
    variables = {v.op.name: v for v in tf.global_variables() if v is not handles.global_step}
    loop, feeds = {handles.loop.images: real}, {handles.real: real, handles.noise: z, handles.dropout_seed: 0}
    if labels is not None:
        loop[handles.loop.labels] = feeds[handles.labels] = labels
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()], loop)
    networks = {name: v for name, v in variables.items() if '/Adam' not in name and '_power' not in name}
    if preset.gf_dim not in (None, 64):
        # Kernels of fewer inputs are larger, so that what batch norm divides by is no smaller, nor gradients larger.
        for variable in networks.values():
            if variable.shape.ndims == 4:
                variable.load(session.run(variable) * 8 / np.sqrt(preset.gf_dim), session)
    given.update(leave_initial_values(session, networks, np.random.RandomState(4)))
    found = session.run(fetches, feeds)
    steps = step_loop.make_steps(session, handles, real, labels)
    steps(1, np.arange(BATCH, dtype=np.int32)[np.newaxis], z[np.newaxis])
    found.update({'after/' + name: session.run(v) for name, v in variables.items()})
    found['sampled_after'] = session.run(handles.sample_images, feeds)
    return found


@pytest.fixture(scope='module')
def both(tmp_path_factory):
    """both(name): what our graph and theirs make of the same, with the folder of their checkpoints."""
    python = interpreter('DCGAN_TF1_PYTHON_TF115', 'Python 3.7 with TensorFlow 1.15.5')
    made = {}

    def build(name):
        preset = dataclasses.replace(SYSTEMS[name], batch_size=BATCH, learning_rate=0.0)
        folder, draw, given = tmp_path_factory.mktemp(name), np.random.RandomState(3), {}
        z = draw.uniform(-1, 1, (BATCH, 100)).astype(np.float32)
        real = draw.uniform(*preset.image_range, size=(BATCH,) + preset.image_shape).astype(np.float32)
        labels = None if preset.classes is None else np.array([3, 1, 4, 1, 5, 9, 2, 6], np.int32)
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(0)
            ours = computed(preset, session, given, z, real, labels)
        given.update(z=z, real=real, **{} if labels is None else {'labels': labels})
        theirs = results_of('carpedm20_reference.py', preset.name if preset.gf_dim is None else '{}:{}:{}'.format(
            preset.name, preset.gf_dim, preset.df_dim), given, folder, python)
        return Both(preset, ours, theirs, z, labels, str(folder))

    def get(name):
        if name not in made:
            made[name] = build(name)
        return made[name]

    return get


@pytest.mark.parametrize('name', ALL)
def test_outputs_losses_gradients_and_a_step(name, both):
    _, ours, theirs, *_ = both(name)
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        if name == '64' and (key.startswith('gradient/') or '/Adam' in key):
            # Rounding, each processor's own, may move a value over leaky ReLU's edge, where its slope jumps.
            assert np.linalg.norm(ours[key] - value) <= 1e-2 * np.linalg.norm(value) + 1e-5 * value.size ** 0.5, key
        else:
            np.testing.assert_allclose(ours[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
    assert np.abs(ours['after/generator/g_bn1/moving_variance'] - 1).max() > 0.01


@pytest.mark.parametrize('name', ['conditional_mnist', '64'])
def test_names_and_shapes(name, both):
    with open(os.path.join(both(name).folder, 'variables.json')) as handle:
        assert json.load(handle) == VARIABLES[both(name).preset.name]


@pytest.mark.parametrize('name', ['DCGAN.model-1', 'DCGAN.model-v1', 'weights-1', 'generator-1'])
def test_checkpoints_of_dcgan_tell_their_sizes(name, both):
    lines = []
    for system, expected in (('64', (64, 64, 3)), ('28', (32, 32, 1)), ('128', (128, 128, 3))):
        preset, _, theirs, z, _, folder = both(system)
        prefix = os.path.join(folder, name)
        told = checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], prefix, size_flags.NOTHING, lines.append)
        assert (told.image_shape, told.gf_dim, told.z_dim) == (expected, preset.gf_dim, 100)
        assert told.df_dim == (64 if name == 'generator-1' else preset.df_dim)
        height, width, _ = preset.image_shape
        given = size_flags.NOTHING._replace(height=height, width=width)
        said = checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], prefix, given, lines.append)
        assert said == dataclasses.replace(preset, batch_size=64, learning_rate=2e-4, df_dim=told.df_dim)
        np.testing.assert_allclose(sampling.generate(said, prefix, z), theirs['sampled_after'], atol=1e-5)
    assert [line.split('images of ')[1].split(',')[0] for line in lines] == ['64x64x3', '32x32x1', '128x128x3']
    with pytest.raises(UserError, match='expected --image_height and --image_width beside it'):
        checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], os.path.join(both('45x61').folder, name), size_flags.NOTHING)


def write_pictures(folder, count=20):
    folder.mkdir()
    for number in range(count):
        Image.fromarray(np.random.RandomState(number).randint(0, 256, (50, 70, 3)).astype(np.uint8)).save(
            str(folder / '{}.png'.format(number)))


@pytest.mark.parametrize('name', ['DCGAN.model-1', 'DCGAN.model-v1',
                                  pytest.param('weights-1', marks=pytest.mark.nightly)])
def test_training_goes_on_from_checkpoints_of_dcgan(name, both, tmp_path):
    write_pictures(tmp_path / 'data')
    theirs, prefix = both('45x61').theirs, str(tmp_path / name)
    for path in glob.glob(os.path.join(both('45x61').folder, name + '*')):
        shutil.copy(path, str(tmp_path))
    command = ['train', '--preset=dcgan', '--init_checkpoint=' + prefix, '--run_dir={}'.format(tmp_path / 'runs'),
               '--data_dir={}'.format(tmp_path / 'data'), '--batch_size=8', '--precision=float32']
    check_one_line_error(run_command(*command, '--max_steps=1'), prefix, '--image_height')
    command += ['--image_height=45', '--image_width=61']
    check_one_line_error(run_command(*command, '--gf_dim=16'), 'generator/g_h0_lin/Matrix', '[100, 1536]',
                         '[100, 768]')
    assert not os.path.exists(str(tmp_path / 'runs'))
    status, out, err = run_command(*command, '--max_steps=1')
    assert status == 0 and 'starting from the variables of ' + prefix in out and 'images of 45x61x3' in out, err
    assert ('no variables of Adam, which begin anew' in out) == (name == 'weights-1')
    run = str(tmp_path / 'runs' / '00000-dcgan')
    after = tf.train.NewCheckpointReader(checkpoint_paths.resolve(run))
    # Adam's powers count the updates: one and two in each of the steps.
    steps = 1 if name == 'weights-1' else 2
    assert [after.get_tensor(power) for power in ('beta1_power', 'beta1_power_1', 'global_step')] == [
        0.5 ** (1 + steps), 0.5 ** (1 + 2 * steps), 1]
    moved = after.get_tensor('generator/g_h2/w') - theirs['after/generator/g_h2/w']
    assert 0 < np.abs(moved).max() < 1e-3  # two updates of at most about 2e-4 each
    # The run says its sizes, also when what it was started from is gone.
    for path in glob.glob(prefix + '*'):
        os.remove(path)
    status, out, err = run_command(*command[:-2], '--max_steps=2')
    assert status == 0 and 'going on at step 1' in out, err
    assert run_folder.read_preset(run) == dataclasses.replace(SYSTEMS['45x61'], samples=64)
    arrays = str(tmp_path / 'x.npz')
    status, out, err = run_command('sample', '--run=' + run, '--num_images=3', '--npz=' + arrays)
    assert status == 0 and np.load(arrays)['images'].shape == (3, 45, 61, 3), err


@pytest.mark.parametrize('name', ['DCGAN.model-1', 'weights-1'])
def test_its_checkpoints_are_sampled_and_trained_on_from(both, name, tmp_path):
    for split, count in (('train', 40), ('t10k', 10)):  # it is trained on both
        write_mnist(tmp_path / 'data' / 'mnist', blobs(count), np.arange(count).astype(np.uint8) % 10, split)
    _, _, theirs, z, labels, folder = both('conditional_mnist')
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
    after = tf.train.NewCheckpointReader(checkpoint_paths.resolve(str(tmp_path / '00000-conditional_mnist')))
    # Adam's powers count the updates: one and two in each of the steps.
    steps = 1 if name == 'weights-1' else 2
    assert [after.get_tensor(power) for power in ('beta1_power', 'beta1_power_1', 'global_step')] == [
        0.5 ** (1 + steps), 0.5 ** (1 + 2 * steps), 1]
    moved = after.get_tensor('generator/g_h2/w') - theirs['after/generator/g_h2/w']
    assert 0 < np.abs(moved).max() < 1e-3  # two updates of at most about 2e-4 each
