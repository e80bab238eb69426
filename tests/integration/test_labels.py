"""Labels from the data to the pictures: a run of a small conditional preset, resumed, sampled and restored."""

import dataclasses
import glob
import json
import os
import shutil
import signal
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, run_command, start_command, wait_for
from helpers.data import blobs
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.places import HELPERS
from helpers.runs import same_results
from PIL import Image

import dcgan_tf1 as dcgan
from dcgan_tf1.exporting import package
from dcgan_tf1.gan import catalogue, layers, noise, preset_file
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, checkpoint_paths, checkpoint_reader, run_folder, sampling
from dcgan_tf1.training import plan
from dcgan_tf1.util.errors import UserError

FILE = os.path.join(HELPERS, 'conditional_preset.py')
FLAGS = ('--preset_file=' + FILE, '--preset=conditional', '--precision=float32')


@pytest.fixture(scope='module', autouse=True)
def forget():
    """Registers nothing of the preset file any more after this module."""
    before = {name: PRESETS[name] for name in catalogue.PRESET_TITLES}
    yield
    PRESETS.clear()
    PRESETS.update(before)
    preset_file.forget()


def train(data, run_dir, *flags):
    return run_command('train', '--data_dir={}'.format(data), '--run_dir={}'.format(run_dir), *(FLAGS + flags))


@pytest.fixture(scope='module')
def conditional(tiny_data, tmp_path_factory):
    """A run of 12 steps with checkpoints and samples after every fourth."""
    parent = tmp_path_factory.mktemp('runs')
    status, _, err = train(tiny_data, parent, '--max_steps=12', '--checkpoint_every=4', '--log_every=4')
    assert status == 0, err
    return str(parent / '00000-conditional')


def test_samples_have_a_column_for_each_class(conditional):
    with np.load(os.path.join(conditional, 'samples', 'step-000012.npz')) as arrays:
        assert arrays['labels'].tolist() == list(range(10)) and len(np.unique(arrays['z'], axis=0)) == 1
        z, labels, expected = arrays['z'], arrays['labels'], arrays['images']
    prefix = checkpoint_paths.resolve(os.path.join(conditional, 'checkpoints'))
    np.testing.assert_allclose(
        sampling.generate(PRESETS['conditional'], prefix, z, labels=labels), expected, atol=1e-6)
    assert np.abs(expected[1:] - expected[:-1]).max(axis=(1, 2, 3)).min() > 1e-3


@pytest.mark.slow
def test_resumed_equals_undisturbed(conditional, tiny_data, tmp_path):
    flags = ('--checkpoint_every=4', '--log_every=4')
    assert train(tiny_data, tmp_path, '--max_steps=5', *flags)[0] == 0
    status, out, err = train(tiny_data, tmp_path, '--max_steps=12', '--resume=require', *flags)
    assert status == 0 and 'going on at step 5' in out, err
    run = str(tmp_path / '00000-conditional')
    shutil.copytree(conditional, str(tmp_path / 'whole'))
    same_results(str(tmp_path / 'whole'), run, 12)
    # Other settings than it was started with are named.
    check_one_line_error(
        train(tiny_data, tmp_path, '--max_steps=20', '--resume=require', '--ema_decay=0', '--beta1=0.5',
              '--loss=halves', '--augment=cutout', '--mirror', '--g_learning_rate=0.1', *flags),
        'ema_decay was 0.999, now None', 'beta1 was 0.0, now 0.5', "loss was 'hinge', now 'halves'",
        "augment was [], now ['cutout']", 'mirror was False, now True', 'g_learning_rate was None, now 0.1')


@SLOW_OR_NIGHTLY
def test_killed_and_resumed_equals_undisturbed(tiny_data, tmp_path):
    """With all that draws at random: labels, noise, augmentation, mirroring."""
    flags = ('--max_steps=150', '--checkpoint_every=50', '--log_every=50', '--augment=translation,cutout',
             '--mirror')
    assert train(tiny_data, tmp_path / 'whole', *flags)[0] == 0
    killed = tmp_path / 'killed' / '00000-conditional'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'killed'),
                            *(FLAGS + flags))
    wait_for(lambda: checkpoint.list_steps(str(killed / 'checkpoints')), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    status, out, err = train(tiny_data, tmp_path / 'killed', *flags)
    assert status == 0 and 'going on at step' in out, err
    same_results(tmp_path / 'whole' / '00000-conditional', killed, 150)


# ------------------------------------------------------------------------------------- dcgan-sample

def sampled(run, tmp_path, *flags):
    """(arrays, (width, height) in images) of `dcgan-sample`."""
    out, npz = str(tmp_path / 's.png'), str(tmp_path / 's.npz')
    status, _, err = run_command('sample', '--run=' + run, '--out=' + out, '--npz=' + npz, '--overwrite', *flags)
    assert status == 0, err
    with np.load(npz) as arrays:
        return dict(arrays), tuple(side // 28 for side in Image.open(out).size)


@pytest.mark.parametrize('flags, classes, size', [
    ((), range(10), (10, 10)), (('--class=7',), [7], (4, 3)), (('--class=3,8', '--num_images=6'), [3, 8], (2, 3)),
    (('--num_images=13', '--columns=5'), range(10), (5, 3))])
def test_a_sheet_of_the_classes_asked_for(conditional, tmp_path, flags, classes, size):
    arrays, found = sampled(conditional, tmp_path, '--seed=2', *flags)
    assert found == size
    count, columns = len(arrays['labels']), len(classes)
    assert arrays['labels'].tolist() == [classes[i % columns] for i in range(count)]
    rows = noise.sample_noise(PRESETS['conditional'], -(-count // columns), 2)
    np.testing.assert_array_equal(arrays['z'], rows.repeat(columns, axis=0)[:count])
    prefix = checkpoint_paths.resolve(os.path.join(conditional, 'checkpoints'))
    np.testing.assert_allclose(arrays['images'], sampling.generate(
        PRESETS['conditional'], prefix, arrays['z'], 2, labels=arrays['labels']), atol=1e-6)


def test_walks_between_classes_keep_the_noise(conditional, tmp_path):
    arrays, size = sampled(conditional, tmp_path, '--interpolate', '--columns=5')
    assert size == (5, 9)
    weights, z = arrays['labels'].reshape(9, 5, 10), arrays['z'].reshape(9, 5, 8)
    np.testing.assert_array_equal(weights[:, 0], np.eye(10)[:9])
    np.testing.assert_array_equal(weights[:, 4], np.eye(10)[1:])
    np.testing.assert_allclose(weights[3, 1], 0.75 * np.eye(10)[3] + 0.25 * np.eye(10)[4])
    assert (z == z[:, :1]).all() and len(np.unique(z[:, 0], axis=0)) == 9
    # At the ends of a row stand the images of the classes themselves.
    images = arrays['images'].reshape(9, 5, 28, 28, 1)
    plain = dcgan.generate(conditional, z=z[:, 4], labels=np.arange(1, 10))
    np.testing.assert_allclose(images[:, 4], plain, atol=1e-6)
    arrays, size = sampled(conditional, tmp_path, '--interpolate', '--class=3,8', '--n=2')
    assert size == (10, 2)
    np.testing.assert_array_equal(arrays['labels'][[0, 9, 10, 19]], np.eye(10)[[3, 8, 3, 8]])
    arrays, size = sampled(conditional, tmp_path, '--interpolate', '--class=7', '--n=2')
    assert size == (10, 2) and arrays['labels'].tolist() == 20 * [7]
    np.testing.assert_array_equal(arrays['z'], noise.sample_interpolations(PRESETS['conditional'], 2, 10))


def test_files_of_classes_and_labels_of_a_file(conditional, tmp_path):
    arrays, _ = sampled(conditional, tmp_path, '--seeds=4,9', '--class=3,8', '--outdir={}'.format(tmp_path / 'images'))
    assert sorted(os.listdir(str(tmp_path / 'images'))) == [
        'seed00000{}-class{}.png'.format(seed, label) for seed in (4, 9) for label in (3, 8)]
    np.savez(str(tmp_path / 'given.npz'), z=arrays['z'][:3], labels=arrays['labels'][:3])
    again, size = sampled(conditional, tmp_path, '--z={}'.format(tmp_path / 'given.npz'))
    assert again['labels'].tolist() == [3, 8, 3] and size == (2, 2)
    np.testing.assert_allclose(again['images'], arrays['images'][:3], atol=1e-6)
    again, _ = sampled(conditional, tmp_path, '--z={}'.format(tmp_path / 'given.npz'), '--class=7')
    assert again['labels'].tolist() == [7, 7, 7]


def test_classes_that_there_are_not(conditional, run, tmp_path):
    for wrong in ('horse', '10', '3,', '-1'):
        check_one_line_error(run_command('sample', '--run=' + conditional, '--class=' + wrong),
                             '--class: expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, found ')
    check_one_line_error(run_command('sample', '--run=' + run, '--class=7'), '--class: expected a preset with labels, '
                         'found blog_mnist')


# ------------------------------------------------------------------------------- the data's own classes

@pytest.mark.slow_tf1
def test_a_folder_of_class_folders_is_trained_on_and_its_classes_are_asked_for(tmp_path):
    for number, name in enumerate(('cats', 'dogs', 'eels')):
        os.makedirs('{}/{}'.format(tmp_path / 'mine', name))
        for index, image in enumerate(blobs(8, number)):
            Image.fromarray(image).save('{}/{}/{}.png'.format(tmp_path / 'mine', name, index))
    flags = ('--dataset=folder', '--batch_size=8', '--max_steps=2', '--log_every=1', '--ema_decay=0')
    status, out, err = train(tmp_path / 'mine', tmp_path / 'runs', *flags)
    assert status == 0, err
    run = str(tmp_path / 'runs' / '00000-conditional')
    preset = run_folder.read_preset(run)
    assert (preset.classes, preset.samples, preset.ema_decay) == (3, 3, None)
    with np.load(os.path.join(run, 'samples', 'step-000002.npz')) as arrays:
        assert arrays['labels'].tolist() == [0, 1, 2]
    arrays, size = sampled(run, tmp_path, '--class=eels,0', '--n=4')
    assert arrays['labels'].tolist() == [2, 0, 2, 0] and size == (2, 2)
    np.testing.assert_array_equal(arrays['images'], dcgan.generate(run, 4, labels=['eels', '0']))
    assert dcgan.class_names(run) == ('cats', 'dogs', 'eels')
    # Each class has a picture of its own name.
    for asked, name in (([], '0'), (['--class=eels,0'], '0-classeels,0'),
                        (['--interpolate', '--class=1', '--temperature=0.5'], '0-class1-walk-t0.5')):
        status, _, err = run_command('sample', '--run=' + run, '--n=2', *asked)
        assert status == 0 and os.path.exists(os.path.join(run, 'samples-000002-{}.png'.format(name))), err
    with pytest.raises(dcgan.UserError, match='expected a preset with 3 classes, .* found 10; preset_of.* has it'):
        dcgan.generate(run, 1, preset=dcgan.get_preset('conditional'))
    # The same command goes on; loose pictures beside the folders leave none of them for labels.
    assert 'nothing left to do' in train(tmp_path / 'mine', tmp_path / 'runs', '--resume=require', *flags)[1]
    Image.fromarray(image).save(str(tmp_path / 'mine' / 'loose.png'))
    check_one_line_error(train(tmp_path / 'mine', tmp_path / 'runs', *flags), '--dataset=folder', 'expected labels',
                         'no pictures beside the sub-folders')


@pytest.mark.parametrize('name, value', [('classes', 0), ('classes', [3]), ('classes', 10 ** 9), ('samples', 'x'),
                                         ('ema_decay', 'x'), ('ema_decay', float('nan'))])
def test_a_damaged_record_of_classes_is_one_line(conditional, tmp_path, name, value):
    copy = str(tmp_path / 'run')
    shutil.copytree(conditional, copy)
    with open(os.path.join(copy, 'config.json')) as handle:
        config = json.load(handle)
    config['schedule' if name == 'samples' else 'identity'][name] = value
    with open(os.path.join(copy, 'config.json'), 'w') as handle:
        json.dump(config, handle)
    check_one_line_error(run_command('sample', '--run=' + copy), copy, 'as {} in its config.json'.format(name))


def test_a_checkpoint_inside_a_run_is_read_by_its_settings(conditional, tmp_path, capsys):
    copy = str(tmp_path / 'run')
    shutil.copytree(conditional, copy)
    prefix = os.path.join(copy, 'checkpoints', 'model.ckpt-12')
    with open(os.path.join(copy, 'config.json')) as handle:
        config = json.load(handle)
    for noise_now, expected, said in (('uniform01', 'uniform01', 'of the run '), ('bogus', 'normal', 'WARNING: ')):
        config['identity']['noise'] = noise_now
        with open(os.path.join(copy, 'config.json'), 'w') as handle:
            json.dump(config, handle)
        preset, found = run_folder.find_checkpoint(None, None, os.path.join(copy, 'checkpoints'), 'conditional')
        assert (preset.noise, found) == (expected, prefix) and said in capsys.readouterr().err
    assert run_folder.run_of(prefix, 'conditional') == copy
    for path, name in ((prefix, 'vae'), (str(tmp_path / 'model.ckpt-12'), 'conditional')):
        assert run_folder.run_of(path, name) is None


# ------------------------------------------------------------------------------------- the library

def test_averages_of_weights_that_a_preset_would_not_take_are_named(conditional, tmp_path):
    preset, prefix = dcgan.get_preset('conditional'), os.path.join(conditional, 'checkpoints', 'model.ckpt-12')
    without = dataclasses.replace(preset, ema_decay=None)
    assert checkpoint_reader.notes(preset, prefix) == []
    note, = checkpoint_reader.notes(without, prefix)
    assert 'model.ckpt-12 holds averages of the weights' in note and '--averages' in note


def test_what_an_export_holds_in_place_of_averages_is_sampled(conditional, tmp_path):
    expected, out = dcgan.generate(conditional, 10), tmp_path / 'export'
    assert dcgan.export_generator(conditional, str(out), ['meta_graph']) == ['meta_graph']
    path = str(out / 'meta_graph' / 'model')
    status, _, err = run_command('sample', '--checkpoint=' + path, '--preset=conditional', '--num_images=10',
                                 '--npz={}'.format(tmp_path / 'found.npz'), '--out={}'.format(tmp_path / 's.png'))
    assert status == 0 and 'has no averages of the weights; conditional takes the weights themselves' in err
    with np.load(str(tmp_path / 'found.npz')) as arrays:
        np.testing.assert_allclose(arrays['images'], expected, atol=1e-6)
    preset = dcgan.get_preset('conditional')
    np.testing.assert_allclose(dcgan.generate(path, 10, preset=preset), expected, atol=1e-6)
    check_one_line_error(run_command('sample', '--checkpoint=' + path, '--preset=conditional', '--averages',
                                     '--out={}'.format(tmp_path / 't.png')), 'ExponentialMovingAverage')
    with tf.Graph().as_default(), tf.Session() as session:
        z, labels = tf.placeholder(tf.float32, [None, preset.z_dim]), tf.placeholder(tf.int32, [None])
        images = dcgan.generator(preset, z, labels=labels)
        dcgan.restore(session, preset, path)
        found = session.run(images, {z: noise.sample_noise(preset, 1).repeat(preset.classes, axis=0),
                                     labels: np.arange(preset.classes)})
    np.testing.assert_allclose(found, dcgan.generate(conditional, preset.classes), atol=1e-5)


def test_a_checkpoint_in_a_run_is_of_its_settings_also_in_the_library(conditional, tmp_path):
    copy = str(tmp_path / '00000-conditional')
    shutil.copytree(conditional, copy)
    with open(os.path.join(copy, 'config.json')) as handle:
        config = json.load(handle)
    config['identity']['noise'] = 'uniform01'
    with open(os.path.join(copy, 'config.json'), 'w') as handle:
        json.dump(config, handle)
    prefix = os.path.join(copy, 'checkpoints', 'model.ckpt-12')
    assert dcgan.preset_of(prefix, dcgan.get_preset('conditional')).noise == 'uniform01'


def test_averages_that_a_preset_would_not_take_are_taken_on_demand(conditional, tmp_path, monkeypatch):
    away, found = str(tmp_path / 'model.ckpt-12'), []
    for path in glob.glob(os.path.join(conditional, 'checkpoints', 'model.ckpt-12.*')):
        shutil.copy(path, str(tmp_path))
    expected = dcgan.generate(conditional, 10)
    monkeypatch.setitem(PRESETS, 'conditional', dataclasses.replace(PRESETS['conditional'], ema_decay=None))
    for flags in ((), ('--averages',)):
        npz = str(tmp_path / 'found.npz')
        status, _, err = run_command('sample', '--checkpoint=' + away, '--preset=conditional', '--num_images=10',
                                     '--npz=' + npz, '--out={}'.format(tmp_path / 's.png'), '--overwrite', *flags)
        assert status == 0 and ('holds averages' in err) == (not flags), err
        with np.load(npz) as arrays:
            found.append(arrays['images'])
    assert np.abs(found[0] - expected).max() > 1e-3
    np.testing.assert_allclose(found[1], expected, atol=1e-6)
    check_one_line_error(run_command('sample', '--run=' + conditional, '--averages'), '--averages: expected only')
    check_one_line_error(run_command('evaluate', '--images=a', '--preset=vae', '--averages'), '--averages: expected')


def test_networks_in_a_graph_of_ones_own_take_labels(conditional):
    preset = PRESETS['conditional']
    z, labels = noise.sample_inputs(preset, 20, 1, 'sample')
    expected = dcgan.generate(conditional, 20, seed=1)
    with tf.Graph().as_default(), tf.Session() as session:
        some = tf.placeholder(tf.int64, [None])
        with tf.variable_scope('mine'):
            images = [dcgan.generator(preset, z, labels=given)
                      for given in (labels, some, np.eye(10)[labels], list(labels))]
            logits = [dcgan.discriminator(preset, expected, labels=given) for given in (some, np.eye(10)[labels])]
        dcgan.restore(session, preset, conditional)
        for found in session.run(images, {some: labels}):
            np.testing.assert_allclose(found, expected, atol=1e-6)
        one, other = session.run(logits, {some: labels})
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert np.abs(one - session.run(logits[0], {some: (labels + 1) % 10})).max() > 1e-4
    sevens = dcgan.generate(conditional, 4, labels='7')
    for given in (7, ['7'], np.full(4, 7), np.eye(10)[[7] * 4]):
        np.testing.assert_array_equal(dcgan.generate(conditional, 4, labels=given), sevens)


@pytest.mark.parametrize('call, message', [
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8])), r'from 0 to 9, or float \[N, 10\]; found none'),
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8]), labels=[1]), r'found int64 \(1,\) for 2'),
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8]), labels=[1, 10]), 'found 1 to 10'),
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8]), labels=True), 'found bool'),
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8]), labels=['a', 'b']), 'found string'),
    (lambda preset, run: dcgan.generator(preset, np.zeros([2, 8]), labels=[[1], [1, 2]]), 'found list'),
    (lambda preset, run: dcgan.discriminator(preset, np.zeros([2, 28, 28, 1]), labels=np.zeros([2, 9])),
     r'found float64 \(2, 9\)'),
    (lambda preset, run: dcgan.discriminator(dcgan.get_preset('blog_dense'), np.zeros([2, 784]), labels=[1, 2]),
     'expected no labels for blog_dense'),
    (lambda preset, run: dcgan.generate(run, labels='horse'), "generate: expected one of 0, .*found 'horse'"),
    (lambda preset, run: dcgan.generate(run, z=np.zeros([3, 8]), labels=[1, 2]), 'expected 3 labels'),
    (lambda preset, run: dcgan.generate(run, labels=[1, 10]), r'found int64 \[2\]'),
    (lambda preset, run: dcgan.generate(run, 0), 'count of 1 or more|expected noise'),
])
def test_wrong_labels_are_one_line(conditional, call, message):
    with tf.Graph().as_default(), pytest.raises(dcgan.UserError, match=message) as caught:
        call(PRESETS['conditional'], conditional)
    assert len(str(caught.value).splitlines()) == 1


@SLOW_OR_NIGHTLY
def test_of_many_classes_samples_are_drawn_some_at_a_time(tmp_path, monkeypatch):
    """A row of samples of a thousand classes had taken many GiB, all of them in one call."""
    most = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sampling, 'MAX_BATCH', 64)
    of = sampling._in_batches
    monkeypatch.setattr(sampling, '_in_batches', lambda sample, *others: of(
        lambda some, *rest: most.append(len(some)) or sample(some, *rest), *others))
    np.savez('many.npz', images=np.random.RandomState(0).randint(0, 256, (300, 28, 28)).astype(np.uint8),
             labels=np.arange(300))
    status, _, err = run_command('train', '--preset=cgan_mnist', '--dataset=npz', '--data_dir=many.npz', '--run_dir=r',
                                 '--batch_size=8', '--max_steps=1', '--log_every=1', '--lowering=native')
    assert status == 0, err
    with np.load('r/00000-cgan_mnist/samples/step-000001.npz') as found:
        assert found['labels'].tolist() == list(range(300))
    assert sum(most) == 300 and max(most) == 64
    # Of 60 samples, six of each class, there are fewer of each.
    preset = dataclasses.replace(PRESETS['conditional_mnist'], dataset='npz')
    for classes, samples in ((20, 120), (300, 900), (2000, 2000)):
        of = types.SimpleNamespace(classes=list(range(classes)), labels=np.zeros(1))
        assert plan.with_classes_of(preset, of).samples == samples


def test_a_generator_that_ignores_labels_is_not_exported(tmp_path):
    def deaf(z, ctx):
        with tf.variable_scope('generator', reuse=tf.AUTO_REUSE):
            return tf.reshape(tf.tanh(layers.dense(z, 784)), [-1, 28, 28, 1])

    preset = dataclasses.replace(PRESETS['cgan_mnist'], name='deaf', generator=deaf, ema_decay=None)
    with tf.Graph().as_default(), tf.Session() as session:
        deaf(tf.zeros([1, preset.z_dim]), None)
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / 'model.ckpt'))
    with pytest.raises(UserError, match='generator: expected a network that depends on all of its inputs, found one '
                                        'that ignores inputs_labels'), package.opened(preset, prefix):
        pass
