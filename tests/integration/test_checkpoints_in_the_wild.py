"""Checkpoints of carpedm20's program as people hold them: of its first versions, of forks, with other classes."""

import dataclasses
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, run_command
from helpers.marks import SLOW_OR_NIGHTLY
from PIL import Image

import dcgan_tf1 as dcgan
from dcgan_tf1.gan import graph
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint_reader, sampling

pytestmark = pytest.mark.usefixtures('elsewhere')

DCGAN = dataclasses.replace(PRESETS['dcgan'].with_image_shape((32, 32, 3)), gf_dim=4, df_dim=4, batch_size=4)


def name_of_first_versions(name):
    """Those had no scopes, d_h3_lin twice as a number, of a layer before and of the last, and averages of moments."""
    name = name.replace('generator/', '').replace('discriminator/', '').replace('d_h4_lin', 'd_h3_lin')
    return re.sub('(.*)/moving_(.*)', r'\1/\1/moments/moments_1/\2/ExponentialMovingAverage', name)


def save(folder, preset=DCGAN, rename=str, **values):
    """A checkpoint of a preset's networks and Adam's variables under other names; `values` in place of some."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        graph.build_training_graph(preset)
        session.run([variable.initializer for variable in tf.global_variables()])
        variables = {variable.op.name: variable for variable in tf.global_variables()
                     if variable.op.name != 'global_step'}
        for name, value in values.items():
            shape = variables[name].shape.as_list()
            variables[name].load(np.full(shape, value, np.float32), session)
        return tf.train.Saver({rename(name): variable for name, variable in variables.items()}).save(
            session, os.path.join(str(folder), 'DCGAN.model'), 7, write_state=False)


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / 'mine').mkdir()
    for number in range(200):
        Image.fromarray(np.random.RandomState(number).randint(0, 256, (32, 32, 3)).astype(np.uint8)).save(
            str(tmp_path / 'mine' / '{}.png'.format(number)))
    return str(tmp_path / 'mine')


@SLOW_OR_NIGHTLY
def test_those_of_the_first_versions_are_sampled_and_trained_on_from(pictures, tmp_path):
    for folder in ('ours', 'first'):
        (tmp_path / folder).mkdir()
    ours, first = save(tmp_path / 'ours'), save(tmp_path / 'first', rename=name_of_first_versions)
    arrays = str(tmp_path / 'x.npz')
    status, out, err = run_command('sample', '--preset=dcgan', '--checkpoint={}'.format(tmp_path / 'first'),
                                   '--num_images=4', '--npz=' + arrays)
    assert status == 0 and 'images of 32x32x3' in out, err
    assert err.strip() == 'WARNING: {}: its variables g_... and d_... are taken for generator/g_... and ' \
                          "discriminator/d_...; d_h3_lin is taken for d_h4_lin; averages of moments are taken " \
                          "for batch norm's moving_mean and moving_variance".format(first)
    z = dcgan.sample_noise(DCGAN, 4)
    np.testing.assert_array_equal(np.load(arrays)['images'], sampling.generate(DCGAN, ours, z))
    flags = ['--preset=dcgan', '--data_dir=' + pictures, '--batch_size=4', '--max_steps=1', '--precision=float32']
    for prefix in (ours, first):
        status, out, err = run_command('train', '--init_checkpoint=' + prefix, '--run_dir={}-runs'.format(prefix),
                                       *flags)
        assert status == 0 and 'starting from the variables of ' + prefix in out and 'begin anew' not in out, err
        assert ('d_h3_lin is taken for d_h4_lin' in out) == (prefix == first)
    images = [dcgan.generate(os.path.join(prefix + '-runs', '00000-dcgan'), 4) for prefix in (ours, first)]
    np.testing.assert_array_equal(*images)


@SLOW_OR_NIGHTLY
def test_what_is_not_finite_is_found_before_anything_is_made(pictures, tmp_path):
    prefix = save(tmp_path, **{'generator/g_bn3/moving_variance': np.nan})
    said = (prefix, 'expected finite numbers in the variable generator/g_bn3/moving_variance, found 4 of 4')
    checkpoint = ['--preset=dcgan', '--checkpoint=' + prefix]
    check_one_line_error(run_command('sample', '--out={}'.format(tmp_path / 'x.png'), *checkpoint), *said)
    check_one_line_error(run_command('export', '--out={}'.format(tmp_path / 'x'), '--formats=frozen',
                                     *checkpoint), *said)
    # Before a classifier is trained, too.
    check_one_line_error(run_command('evaluate', '--data_dir=' + pictures, '--features=pixels', '--num_images=100',
                                     '--out={}'.format(tmp_path / 'e'), *checkpoint), *said)
    check_one_line_error(run_command(
        'train', '--preset=dcgan', '--data_dir=' + pictures, '--batch_size=4', '--max_steps=1',
        '--run_dir={}'.format(tmp_path / 'runs'), '--init_checkpoint=' + prefix), *said)
    with pytest.raises(dcgan.UserError, match='expected finite numbers'):
        dcgan.generate(prefix, 1, preset=DCGAN)
    assert not [name for name in os.listdir(str(tmp_path)) if name in ('x', 'x.png', 'e', 'runs')]


@pytest.mark.slow_tf1
def test_four_channels_are_refused_by_the_checkpoints_name(pictures, tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable('generator/g_h4/w', [5, 5, 4, 4])
        tf.get_variable('generator/g_h0_lin/Matrix', [100, 2 * 2 * 32])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / 'four'), write_state=False)
    for command, flag in (('sample', '--checkpoint='), ('train', '--init_checkpoint=')):
        given = ['--data_dir=' + pictures, '--run_dir={}'.format(tmp_path / 'runs')] if command == 'train' else []
        check_one_line_error(run_command(command, '--preset=dcgan', flag + prefix, *given),
                             prefix, 'expected images of 1 or 3 channels, found 4')


@SLOW_OR_NIGHTLY
def test_conditional_mnist_of_other_classes_and_noise(tmp_path):
    preset = dataclasses.replace(PRESETS['conditional_mnist'], classes=3, z_dim=62, batch_size=6, samples=6)
    prefix, arrays = save(tmp_path, preset), str(tmp_path / 'x.npz')
    status, _, err = run_command('sample', '--preset=conditional_mnist', '--checkpoint=' + prefix, '--num_images=6',
                                 '--npz=' + arrays)
    assert status == 0, err
    with np.load(arrays) as found:
        assert found['z'].shape == (6, 62) and found['labels'].tolist() == [0, 1, 2, 0, 1, 2]
    assert dcgan.preset_of(prefix, PRESETS['conditional_mnist']).classes == 3
    shapes = checkpoint_reader.shapes(prefix)
    assert shapes['discriminator/d_h0_conv/w'] == [5, 5, 1 + 3, 1 + 3]
    assert shapes['discriminator/d_h1_conv/w'] == [5, 5, 1 + 3 + 3, 64 + 3]
    assert shapes['discriminator/d_h2_lin/Matrix'] == [7 * 7 * (64 + 3) + 3, 1024]
    (tmp_path / 'many').mkdir()
    many = save(tmp_path / 'many', dataclasses.replace(preset, classes=62, samples=62))  # more than samples in a row
    assert dcgan.preset_of(many, PRESETS['conditional_mnist']).samples == 62


@pytest.mark.parametrize('kind, given, message', [
    ('dcgan', 'conditional_mnist', 'labels, which --preset=dcgan reads'),
    ('conditional_mnist', 'dcgan', 'conditional GAN for MNIST, which --preset=conditional_mnist reads')])
def test_the_other_preset_of_the_same_program_is_named(kind, given, message, tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        for name in (('g_h0_lin/Matrix', 'g_h4/w') if kind == 'dcgan' else ('g_h0_lin/Matrix', 'g_h1_lin/Matrix')):
            tf.get_variable('generator/' + name, [2, 2])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / 'm'), write_state=False)
    check_one_line_error(run_command('sample', '--preset=' + given, '--checkpoint=' + prefix), prefix, message)


def test_averages_alone_are_sampled_from_in_their_size(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        z = tf.placeholder(tf.float32, [None, DCGAN.z_dim])
        images = dcgan.generator(DCGAN, z, training=False)
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver({variable.op.name + '/ExponentialMovingAverage' * variable.trainable: variable
                                 for variable in tf.global_variables()}).save(
            session, str(tmp_path / 'm'), write_state=False)
        arrays = str(tmp_path / 'x.npz')
        status, _, err = run_command('sample', '--preset=dcgan', '--checkpoint=' + prefix, '--averages',
                                     '--num_images=4', '--npz=' + arrays)
        assert status == 0, err
        with np.load(arrays) as found:
            np.testing.assert_allclose(session.run(images, {z: found['z']}), found['images'], atol=1e-5)
    check_one_line_error(run_command('sample', '--preset=dcgan', '--checkpoint=' + prefix, '--overwrite'), prefix,
                         'found none of that name; it has only its moving average, which dcgan-sample, ')


@pytest.mark.slow
def test_what_the_library_is_given_by_mistake(tmp_path):
    prefix = save(tmp_path)
    assert dcgan.preset_of(prefix, PRESETS['dcgan'], image_size=32).image_shape == (32, 32, 3)
    assert dcgan.class_names(prefix, PRESETS['dcgan'], image_size=32) == ()
    for given, message in ((('dcgan',), "preset: expected a Preset, .* found 'dcgan'"),
                           ((PRESETS['dcgan'], '32'), "image_size: expected a height and a width, found '32'")):
        with pytest.raises(dcgan.UserError, match=message):
            dcgan.preset_of(prefix, *given)
