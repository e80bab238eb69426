"""What each system does in a step, and when it writes what."""

import csv
import dataclasses
import glob
import os
import shutil
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, graph_flags, run_command
from helpers.data import blobs, write_mnist
from helpers.marks import SLOW_OR_NIGHTLY
from PIL import Image

from dcgan_tf1 import train
from dcgan_tf1.data import loading
from dcgan_tf1.gan import graph, layers, losses, resnet, step_loop, updates
from dcgan_tf1.gan.objectives import AUTOENCODER_OBJECTIVE, G_OBJECTIVE, UpdateSpec
from dcgan_tf1.gan.presets import PRESETS, StepInterval
from dcgan_tf1.gan.updates import network_trainables
from dcgan_tf1.runs import checkpoint, checkpoint_paths
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.training.session import TrainingSession
from dcgan_tf1.util.seeds import draw_noise


class Looped:
    """A preset's training graph in a session, with a few images on the device."""

    def __init__(self, preset, images=40, total_steps=10):
        self.preset = preset
        draw = np.random.RandomState(0)
        low, high = preset.image_range
        self.images = draw.uniform(low, high, (images,) + preset.input_shape).astype(np.float32)
        with tf.Graph().as_default() as tf_graph:
            tf.set_random_seed(0)
            self.handles = graph.build_training_graph(preset, total_steps=total_steps)
            self.variables = {v.op.name: v for v in tf.global_variables()}
            self.session = tf.Session(graph=tf_graph)
            self.session.run([tf.global_variables_initializer(), tf.local_variables_initializer()],
                             {self.handles.loop.images: self.images})
            self.gradients = {}
            for scope, loss in (('generator', 'g_loss'), ('discriminator', 'd_loss')):
                if scope in preset.model.networks:
                    own = network_trainables(scope)
                    self.gradients.update(zip([v.op.name for v in own],
                                              tf.gradients(getattr(self.handles.losses, loss), own)))
        self.steps = step_loop.make_steps(self.session, self.handles, self.images)
        self._initial = self.values()

    def reset(self):
        """Takes every variable back to its initial value."""
        variables = list(self.variables.items())
        self.session.run([v.initializer for _, v in variables],
                         {v.initializer.inputs[1]: self._initial[name] for name, v in variables})
        return self

    def values(self):
        return self.session.run(self.variables)

    def set(self, name, value):
        initializer = self.variables[name].initializer
        self.session.run(initializer, {initializer.inputs[1]: value})

    def noise(self, step):
        size = self.preset.batch_size * sum(self.preset.noise_batches)
        return draw_noise(0, 'noise', step, (size, self.preset.z_dim), self.preset.noise)

    def step(self, number, indices):
        self.steps(number, np.asarray(indices, np.int32)[np.newaxis], self.noise(number)[np.newaxis])


def small(name, batch=4, **fields):
    return dataclasses.replace(PRESETS[name], batch_size=batch, **fields)


# Networks that are soon built, for what a preset does with any.
DENSE = {name: getattr(PRESETS['keras_dense'], name) for name in ('generator', 'discriminator', 'input_shape')}


@pytest.fixture(scope='module')
def built_cntk():
    return Looped(small('cntk', learning_rate=0.0, dropout_when_training=False, **DENSE))


@pytest.fixture
def cntk(built_cntk):
    """A graph that tests share: it does not learn, and has no dropout."""
    return built_cntk.reset()


@pytest.mark.slow_tf1
@pytest.mark.parametrize('simultaneous', [True, pytest.param(False, marks=pytest.mark.slow)])
def test_simultaneous_gradients_are_taken_at_the_same_weights(simultaneous):
    preset = small('tf_tutorial', dropout_when_training=False, learning_rate=0.01)
    if not simultaneous:
        preset = dataclasses.replace(preset, schedule=PRESETS['blog_mnist'].schedule)
    looped = Looped(preset)
    gradients = looped.session.run(looped.gradients, {
        looped.handles.real: looped.images[:4], looped.handles.noise: looped.noise(1), looped.handles.dropout_seed: 0})
    looped.step(1, range(4))
    after = looped.values()
    for scope in ('generator', 'discriminator'):
        # Adam's first moment after one step is (1 - beta1) times the gradient.
        errors = [np.abs(after[name + '/Adam'] - 0.1 * gradient).max() / np.abs(0.1 * gradient).max()
                  for name, gradient in gradients.items() if name.startswith(scope)]
        assert (max(errors) < 1e-4) == (simultaneous or scope == 'generator'), (scope, max(errors))


@pytest.mark.slow_tf1
def test_an_incomplete_batch_is_kept_with_all_of_the_noise():
    looped = Looped(small('tf_tutorial'))
    looped.step(1, [3, 4, -1, -1])
    incomplete = looped.values()
    gamma = incomplete['generator/batch_normalization_2/moving_mean']
    looped.reset().step(1, [3, 4, 5, 6])
    complete = looped.values()
    # The generator's averages saw the same four noises; the discriminator other images.
    np.testing.assert_allclose(complete['generator/batch_normalization_2/moving_mean'], gamma, rtol=1e-6)
    assert np.isfinite(gamma).all() and np.abs(gamma).max() > 0
    name = 'discriminator/dense/kernel/Adam'
    assert np.abs(complete[name] - incomplete[name]).max() > 1e-6


@pytest.mark.slow_tf1
def test_cntk_skips_the_discriminators_update_on_a_short_batch(cntk):
    looped = cntk
    before = looped.values()
    looped.step(1, [0, 1, 2, 3, 4, 5, -1, -1])  # the first update has a full batch, the second has not
    once = looped.values()
    looped.step(2, [0, 1, 2, -1, 4, 5, -1, -1])  # neither has
    neither = looped.values()
    beta1 = PRESETS['cntk'].beta1
    # Powers of beta1, which start at beta1, count the updates made.
    assert [values['beta1_power_1'] for values in (before, once, neither)] == [beta1, beta1 ** 2, beta1 ** 2]
    np.testing.assert_allclose([values['beta1_power'] for values in (before, once, neither)],
                               [beta1, beta1 ** 3, beta1 ** 5])
    for name in ('sums', 'counts'):
        np.testing.assert_array_equal(neither['seen_losses/' + name][:2], once['seen_losses/' + name][:2])
    assert once['seen_losses/counts'].tolist()[:2] == [1, 0] and once['seen_losses/counts'].sum() == 3


def test_cntk_draws_fresh_images_and_noise_for_each_discriminator_update_and_one_noise_for_the_generator(cntk):
    looped = cntk
    z = looped.noise(1)
    looped.step(1, range(8))
    names = looped.handles.loss_accumulators.names
    assert names == ('d_loss', 'd_loss', 'g_loss', 'g_loss')
    sums = looped.values()['seen_losses/sums']

    def losses(real, noise):
        return looped.session.run(looped.handles.losses, {
            looped.handles.real: looped.images[real], looped.handles.noise: noise, looped.handles.dropout_seed: 0})

    expected = [losses(slice(0, 4), z[:4]).d_loss, losses(slice(4, 8), z[4:8]).d_loss,
                losses(slice(0, 4), z[8:]).g_loss]
    np.testing.assert_allclose([sums[0], sums[1], sums[2:].sum() / 2], expected, rtol=1e-5)


@pytest.mark.slow_tf1
def test_keras_dense_reports_each_loss_from_before_its_update():
    preset = small('keras_dense', learning_rate=0.05)
    looped = Looped(preset)
    feeds = {looped.handles.real: looped.images[:4], looped.handles.noise: looped.noise(1)[:4],
             looped.handles.dropout_seed: 0}
    before = looped.session.run(looped.handles.losses, feeds)
    looped.step(1, range(4))
    real, fake, g_loss = looped.session.run(looped.handles.loss_accumulators.sums)
    np.testing.assert_allclose(real, before.d_loss_real, rtol=1e-5)  # the first update starts from the initial weights
    assert abs(fake - before.d_loss_fake) > 1e-3  # the second does not
    assert np.isfinite(g_loss)
    feeds.update({looped.handles.real: looped.images[4:8], looped.handles.noise: looped.noise(2)[:4]})
    before = looped.session.run(looped.handles.losses, feeds)
    looped.step(2, range(4, 8))
    accumulators = looped.handles.loss_accumulators
    sums, counts = looped.session.run([accumulators.sums, accumulators.counts])
    np.testing.assert_allclose(sums[0], before.d_loss_real, rtol=1e-5)  # not that of the first step, too
    assert counts.tolist() == [1, 1, 1]


@pytest.mark.slow
def test_a_row_of_losses_puts_the_discriminators_together_as_its_loss_does():
    def uneven(*args):
        found = losses.hinge(*args)
        return found._replace(d_loss=uneven.d_loss(found.d_loss_real, found.d_loss_fake))

    uneven.d_loss = lambda real, fake: 0.25 * real + 0.75 * fake
    for loss, share in ((losses.halves, [0.5, 0.5]), (losses.hinge, [1, 1]), (uneven, [0.25, 0.75])):
        looped = Looped(small('keras_dense', loss=loss))
        looped.step(1, range(4))
        session = types.SimpleNamespace(_handles=looped.handles, _session=looped.session, _preset=looped.preset)
        row = TrainingSession.losses_of_updates(session)
        np.testing.assert_allclose(row['d_loss'], np.dot(share, [row['d_loss_real'], row['d_loss_fake']]), rtol=1e-6)
        assert TrainingSession.losses_of_updates(session) == {}  # no update since
    with pytest.raises(ValueError, match='Preset.losses: expected losses of the updates in its schedule, d_loss, '
                                         "g_loss, beside losses_when='mean', found 'd_loss_real'"):
        small('blog_dense', losses_when='mean')


def _spectral_generator(z, ctx):
    with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
        x = tf.tanh(layers.dense(z, 16, spectral_norm=ctx))
        return tf.reshape(tf.tanh(layers.dense(x, 784, spectral_norm=ctx)), [-1, 28, 28, 1])


def _spectral_discriminator(x, ctx):
    with tf.variable_scope('discriminator', reuse=tf.AUTO_REUSE):
        logits = layers.dense(tf.tanh(layers.dense(tf.reshape(x, [-1, 784]), 16, spectral_norm=ctx)), 1)
        return logits, tf.sigmoid(logits)


def test_spectral_norm_of_a_generator_follows_its_kernels():
    looped = Looped(small('sngan_mnist', generator=_spectral_generator, discriminator=_spectral_discriminator,
                          g_learning_rate=1e-2))
    before = looped.values()
    for step in range(1, 21):
        looped.step(step, range(4))
    after = looped.values()
    for name in ('generator/dense', 'generator/dense_1', 'discriminator/dense'):
        kernel, u = after[name + '/kernel'], after[name + '/u']
        assert np.abs(u - before[name + '/u']).max() > 1e-3, name
        v = u @ kernel.T
        estimate = np.linalg.norm(v / np.linalg.norm(v) @ kernel)
        assert estimate > 0.95 * np.linalg.norm(kernel, 2), name


def test_the_discriminator_of_cntk_needs_a_full_batch(tiny_data, tmp_path):
    check_one_line_error(run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                                     '--preset=cntk', '--batch_size=6000', '--max_steps=2'),
                         '--batch_size=6000: expected at least 6000 images', 'of the discriminator, found 5400')
    assert os.listdir(str(tmp_path)) == []


@SLOW_OR_NIGHTLY
def test_resnet_moves_u_once_in_each_discriminator_update_and_averages_the_generator():
    mode = PRESETS['resnet_mnist'].modes['small']  # its networks, in the steps that were published
    preset = small('resnet_mnist', batch=2, learning_rate=0.01, generator=mode['generator'],
                   discriminator=mode['discriminator'])
    looped = Looped(preset)
    before = looped.values()
    looped.step(1, range(10))
    after = looped.values()
    # One power iteration in each of five updates; the kernel moves in between, too, so replay
    # on a kernel that does not.
    still = Looped(dataclasses.replace(preset, learning_rate=0.0))
    still.step(1, range(10))
    name = 'discriminator/block_2/conv2d'
    matrix, u = before[name + '/kernel'].reshape(-1, 32), before[name + '/u']
    for _ in range(5):
        v = u @ matrix.T / np.linalg.norm(u @ matrix.T)
        u = v @ matrix / np.linalg.norm(v @ matrix)
    np.testing.assert_allclose(still.values()[name + '/u'], u, atol=1e-5)
    for key in before:
        if key.endswith(updates.EMA):
            weight = key[:-len(updates.EMA)]
            np.testing.assert_array_equal(before[key], before[weight])
            expected = 0.999 * before[weight] + 0.001 * after[weight]
            np.testing.assert_allclose(after[key], expected, rtol=1e-5, atol=1e-7)
    # Samples are drawn with the averages.
    z = looped.noise(1)[:3]
    looped.set('generator/conv2d/bias', np.full(1, 5, np.float32))
    feeds = {looped.handles.noise: z, looped.handles.dropout_seed: 0}
    first = looped.session.run(looped.handles.sample_images, feeds)
    assert np.abs(first).max() < 0.9
    looped.set('generator/conv2d/bias' + updates.EMA, np.full(1, 5, np.float32))
    assert looped.session.run(looped.handles.sample_images, feeds).min() > 0.9


@pytest.mark.parametrize('gain', [1, 2.5])
def test_spectral_normalisation_sets_the_largest_singular_value(gain):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        ctx = layers.BatchContext('real', training=True, spectral_gain=gain)
        x = tf.eye(30)
        y = layers.dense(x, 20, use_bias=False, spectral_norm=ctx)  # the normalised kernel itself
        (u, moved), = ctx.power_iterations
        session.run(tf.global_variables_initializer())
        move = tf.assign(u, moved)
        for _ in range(300):
            session.run(move)
        kernel = [v for v in tf.trainable_variables() if v.op.name == 'dense/kernel'][0]
        singular = np.linalg.svd(session.run(kernel), compute_uv=False)
        np.testing.assert_allclose(np.linalg.svd(session.run(y), compute_uv=False), gain * singular / singular[0],
                                   atol=1e-4)


def test_the_learning_rate_falls_linearly_to_zero():
    # With beta1 = beta2 = 0 Adam's step is the learning rate times the gradient's sign.
    preset = small('blog_dense', learning_rate=1e-5, learning_rate_decay='linear', beta1=0.0, beta2=0.0,
                   adam_epsilon=1e-12)
    looped = Looped(preset, total_steps=4)
    values = [looped.values()['discriminator/dense_1/bias'][0]]
    for number in range(1, 5):
        looped.step(number, range(4))
        values.append(looped.values()['discriminator/dense_1/bias'][0])
    np.testing.assert_allclose(np.abs(np.diff(values)), [1e-5, 7.5e-6, 5e-6, 2.5e-6], rtol=1e-3)


# ------------------------------------------------------------------ what is written, and when

def plan(*given):
    return make_plan(train.parse_train(list(given)), print)


@pytest.fixture
def mnist(monkeypatch):
    """As many images as MNIST has, all of them black."""
    def load(name, splits, *args, **kwargs):
        count = sum({'train': 60000, 'test': 10000}[split] for split in splits)
        return loading.Dataset(name, np.broadcast_to(np.uint8(0), (count, 28, 28, 1)), np.arange(count) % 10,
                               tuple('0123456789'), 'nowhere', {}, 'none', True, None, count, splits)
    monkeypatch.setattr(loading, 'load_splits', load)


@pytest.mark.parametrize('preset, total, rows, pictures, saves', [
    ('blog_mnist', 4295, [101, 202, 4242], [101, 202, 4242], [500, 4000]),
    ('blog_dense', 300 * 859, [859, 1718], [859, 1718], [8590, 17180]),
    ('tf_tutorial', 50 * 235, [235, 470, 11750], [235, 470, 11750], [15 * 235, 30 * 235]),
    ('tf_tutorial_101', 101 * 235, [235, 11 * 235, 101 * 235], [235, 11 * 235, 101 * 235], [15 * 235]),
    ('keras_dense', 10000, [1, 101, 9901], [1, 1001, 9001], [1000, 10000]),
    ('cntk', 5000, [200, 400, 5000], [200, 400, 5000], [1000, 5000]),
    ('resnet_mnist', 50000, [100, 200, 50000], [500, 1000, 50000], [500, 50000]),
    ('conditional_mnist', 25 * 1093, [200, 400, 27200], [200, 400, 27200], [200, 27200]),
    ('autoencoder', 20 * 468, [468, 936], [468, 936], [5 * 468, 20 * 468])])
def test_rhythms(preset, total, rows, pictures, saves, mnist):
    found = plan('--preset=' + preset)
    assert found.total == total
    for rhythm, steps in ((found.log_steps, rows), (found.sample_steps, pictures), (found.checkpoint_steps, saves)):
        assert rhythm.after(0) == steps[0] and all(step in rhythm for step in steps)
        assert rhythm.after(steps[0]) == steps[0] + rhythm.every and steps[0] + 1 not in rhythm
    assert found.log_steps.after(rows[0]) == rows[1] if len(rows) > 1 else True
    assert [step for step in range(1, total + 1) if step in found.log_steps][-1] >= rows[-1]


def test_modes_and_likelihoods():
    assert train.parse_train(['--preset=cntk', '--mode=slow']).preset.steps == 10000
    assert train.parse_train(['--preset=cntk', '--mode=slow']).preset.log_every == StepInterval(400, 'steps')
    assert train.parse_train(['--preset=cntk', '--mode=fast']).preset == dataclasses.replace(
        PRESETS['cntk'], mode='fast')
    small = train.parse_train(['--preset=resnet_mnist', '--mode=small', '--learning_rate=0.1']).preset
    assert (small.mode, small.learning_rate, small.generator) == ('small', 0.1, resnet.resnet_mnist_small_generator)
    with pytest.raises(ValueError, match="expected one of 'full', 'small', found 'slow'"):
        PRESETS['resnet_mnist'].with_mode('slow')
    assert train.parse_train(['--preset=vae', '--likelihood=squared_error']).preset.loss.__name__ == 'squared_error'
    for given, parts in ((['--preset=cntk', '--mode=slwo'], ['--mode', 'fast, slow', 'slwo']),
                         (['--mode=slow'], ['--mode', 'blog_mnist has no modes']),
                         (['--likelihood=squared_error'], ['--likelihood', 'vae', 'blog_mnist'])):
        check_one_line_error(run_command('train', *given), *parts)
    for command, given, parts in (
            ('sample', ['--checkpoint=a', '--preset=resnet_mnist', '--mode=tiny'], ['--mode', 'full, small', 'tiny']),
            ('export', ['--run=a', '--mode=small'], ['--mode', 'only with --checkpoint']),
            ('evaluate', ['--images=a', '--preset=resnet_mnist', '--mode=small'], ['--mode', '--checkpoint'])):
        check_one_line_error(run_command(command, *given), *parts)


def test_a_preset_that_contradicts_itself_fails_at_once():
    for fields, message in (({'epochs': None}, 'either epochs or steps'), ({'steps': 5}, 'either epochs or steps'),
                            ({'schedule': (UpdateSpec((AUTOENCODER_OBJECTIVE,)),)}, 'expected networks of'),
                            ({'schedule': (UpdateSpec((G_OBJECTIVE,), noise=1),)}, '1 of noise')):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(PRESETS['blog_mnist'], **fields)


def run(tiny_data, folder, *given):
    status, out, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(folder), *given)
    assert status == 0, err
    return out


def rows_of(path):
    with open(str(path / 'losses.csv'), newline='') as handle:
        return list(csv.DictReader(handle))


@SLOW_OR_NIGHTLY
def test_keras_dense_run(tiny_data, tmp_path):
    """Steps count from 0; a picture shows the first four fakes of its step, before the step."""
    run(tiny_data, tmp_path, '--preset=keras_dense', '--max_steps=102', '--checkpoint_every=50')
    path = tmp_path / '00000-keras_dense'
    rows = rows_of(path)
    assert [int(row['step']) for row in rows] == [0, 100]
    for row in rows:
        np.testing.assert_allclose(float(row['d_loss']), (float(row['d_loss_real']) + float(row['d_loss_fake'])) / 2,
                                   rtol=1e-4)
    assert [name for name in os.listdir(str(path / 'samples')) if name.endswith('.png')] == ['step-000000.png']
    assert Image.open(str(path / 'samples' / 'step-000000.png')).size == (56, 56)
    with np.load(str(path / 'samples' / 'step-000000.npz')) as arrays:
        np.testing.assert_array_equal(arrays['z'], draw_noise(0, 'noise', 1, (64, 100), 'normal')[:4])
        with tf.Graph().as_default(), tf.Session() as session:  # the generator has not learned yet
            tf.set_random_seed(0)
            preset = PRESETS['keras_dense']
            images = preset.generator(tf.constant(arrays['z']), preset.batch_context('sample', False))
            session.run(tf.global_variables_initializer())
            np.testing.assert_allclose(session.run(images), arrays['images'], atol=0.02)
    # Resumed in the middle, it writes what it would have written.
    other = tmp_path / 'other'
    run(tiny_data, other, '--preset=keras_dense', '--max_steps=60', '--checkpoint_every=50')
    run(tiny_data, other, '--preset=keras_dense', '--max_steps=102', '--checkpoint_every=50', '--resume=must')
    same = [{k: v for k, v in row.items() if k not in ('images_per_second', 'seconds')} for row in rows]
    assert [{k: v for k, v in row.items() if k not in ('images_per_second', 'seconds')}
            for row in rows_of(other / '00000-keras_dense')] == same


@SLOW_OR_NIGHTLY
@pytest.mark.once
def test_cntk_rows_are_means_since_the_last_also_over_a_resumption(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, 'cntk', dataclasses.replace(PRESETS['cntk'], **DENSE))
    flags_given = ['--preset=cntk', '--batch_size=4', '--log_every=4']
    run(tiny_data, tmp_path / 'whole', '--max_steps=8', *flags_given)
    run(tiny_data, tmp_path / 'single', '--max_steps=8', '--preset=cntk', '--batch_size=4', '--log_every=1')
    run(tiny_data, tmp_path / 'parts', '--max_steps=6', *flags_given)
    run(tiny_data, tmp_path / 'parts', '--max_steps=8', '--resume=must', *flags_given)
    whole, single, parts = [[(float(row['d_loss']), float(row['g_loss'])) for row in rows_of(
        tmp_path / name / '00000-cntk')] for name in ('whole', 'single', 'parts')]
    np.testing.assert_allclose(whole, [np.mean(single[:4], axis=0), np.mean(single[4:], axis=0)], rtol=1e-4)
    assert parts == whole


@SLOW_OR_NIGHTLY
def test_tf_tutorial_writes_a_fixed_grid_after_every_epoch_and_an_animation(tmp_path):
    write_mnist(tmp_path / 'data' / 'mnist', blobs(300), np.zeros(300, np.uint8))
    out = run(str(tmp_path / 'data'), tmp_path, '--preset=tf_tutorial', '--epochs=2', '--batch_size=128')
    assert '3 steps to an epoch' in out and 'an epoch  ' in out  # the last batch, of 44 images, is kept
    path = tmp_path / '00000-tf_tutorial'
    pictures = sorted(name for name in os.listdir(str(path / 'samples')) if name.endswith('.png'))
    assert pictures == ['image_at_epoch_0001.png', 'image_at_epoch_0002.png']
    assert Image.open(str(path / 'samples' / pictures[0])).size == (112, 112)
    zs = [np.load(str(path / 'samples' / name))['z'] for name in ('step-000003.npz', 'step-000006.npz')]
    assert zs[0].shape == (16, 100)
    np.testing.assert_array_equal(*zs)
    assert Image.open(str(path / 'animation.gif')).n_frames == 2
    os.remove(str(path / 'animation.gif'))
    status, out, err = run_command('animation', '--run={}'.format(path))
    assert status == 0 and 'animation.gif: 2 frames' in out, err
    with Image.open(str(path / 'animation.gif')) as gif:
        assert gif.n_frames == 2 and gif.size == (224, 224)
        gif.seek(1)
        last = np.asarray(gif.convert('L'), np.int32)[::2, ::2]
    expected = np.asarray(Image.open(str(path / 'samples' / pictures[1])), np.int32)
    assert np.abs(last - expected).max() <= 2
    assert checkpoint.list_steps(str(path / 'checkpoints')) == [6]  # none after 15 epochs, so the one at the end


@pytest.mark.slow
def test_auto_encoders_learn_and_are_sampled_by_decoding_noise(tiny_data, tmp_path):
    for preset in ('autoencoder', 'vae'):
        run(tiny_data, tmp_path, '--preset=' + preset, '--epochs=3')
        path = tmp_path / '{:05d}-{}'.format(['autoencoder', 'vae'].index(preset), preset)
        losses = [float(row['loss']) for row in rows_of(path)]
        assert losses[2] < losses[0]
        out = str(tmp_path / (preset + '.png'))
        status, _, err = run_command('sample', '--run={}'.format(path), '--n=4', '--out=' + out,
                                     '--npz=' + out + '.npz')
        assert status == 0, err
        images = np.load(out + '.npz')['images']
        assert images.shape == (4, 28, 28, 1) and 0 <= images.min() < images.max() <= 1


@SLOW_OR_NIGHTLY
def test_averaged_weights_are_what_sample_draws_with_also_of_a_small_mode(tiny_data, plain_graph, tmp_path):
    out = run(tiny_data, tmp_path, '--preset=resnet_mnist', '--mode=small', '--batch_size=2', '--max_steps=2',
              '--log_every=2', '--precision=float32')
    assert 'resnet_mnist in mode small: ' in out
    path = tmp_path / '00000-resnet_mnist'
    prefix = checkpoint_paths.resolve(str(path / 'checkpoints'))
    with np.load(str(path / 'samples' / 'step-000002.npz')) as arrays:
        from dcgan_tf1.runs import sampling
        images = sampling.generate(PRESETS['resnet_mnist'].with_mode('small'), prefix, arrays['z'])
        np.testing.assert_allclose(images, arrays['images'], atol=1e-4)
    # A run says its mode, also of a checkpoint inside it; of a checkpoint alone the command does.
    found, inside = {}, prefix
    for name in glob.glob(prefix + '.*'):
        shutil.copy(name, str(tmp_path))
    prefix = str(tmp_path / os.path.basename(prefix))
    for name, given in (('run', ['--run={}'.format(path)]),
                        ('inside', ['--checkpoint=' + inside, '--preset=resnet_mnist']),
                        ('checkpoint', ['--checkpoint=' + prefix, '--preset=resnet_mnist', '--mode=small'])):
        npz = str(tmp_path / (name + '.npz'))
        status, _, err = run_command('sample', '--n=4', '--out={}.png'.format(npz), '--npz=' + npz, *given)
        assert status == 0, err
        found[name] = np.load(npz)['images']
    np.testing.assert_array_equal(found['run'], found['checkpoint'])
    np.testing.assert_array_equal(found['run'], found['inside'])
    status, out, err = run_command(
        'evaluate', '--checkpoint=' + prefix, '--preset=resnet_mnist', '--mode=small', '--n=100',
        '--data_dir=' + tiny_data, '--out={}'.format(tmp_path / 'evaluation'), *graph_flags(plain_graph))
    assert status == 0 and 'without averaged weights' in out, err
    check_one_line_error(run_command('sample', '--checkpoint=' + prefix, '--preset=resnet_mnist', '--out={}'.format(
        tmp_path / 'x.png')), 'generator/dense/kernel', '12544', '3136')
    out = run(tiny_data, tmp_path, '--preset=resnet_mnist', '--mode=small', '--batch_size=2', '--max_steps=2',
              '--log_every=2', '--resume=require')
    assert 'nothing left to do' in out


@pytest.mark.slow
def test_compare_draws_runs_at_the_same_steps(tiny_data, tmp_path):
    for preset, steps in (('blog_dense', 8), ('vae', 5)):
        run(tiny_data, tmp_path, '--preset=' + preset, '--max_steps={}'.format(steps), '--log_every=1')
    paths = [str(tmp_path / name) for name in ('00000-blog_dense', '00001-vae')]
    out = str(tmp_path / 'both.png')
    status, text, err = run_command('compare', '--runs=' + ','.join(paths), '--rows=4', '--out=' + out)
    assert status == 0 and 'at steps 2, 4, 5 beside 6, 5 beside 8' in text, err
    assert min(Image.open(out).size) > 500
    check_one_line_error(run_command('compare', '--runs=' + ','.join(paths), '--out=' + out), out, '--overwrite')
    check_one_line_error(run_command('compare', '--runs=' + paths[0]), '--runs', 'two')
    nothing = run_command('compare', '--runs={},{}'.format(paths[0], tmp_path), '--out=x.png')
    check_one_line_error(nothing, 'run folder')
