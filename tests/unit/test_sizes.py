"""Networks that follow the image's size: which sizes there are, who says them, and what the networks then make."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.data import blobs, write_mnist
from PIL import Image

import dcgan_tf1 as dcgan
from dcgan_tf1 import train
from dcgan_tf1.gan import catalogue, graph, sizes
from dcgan_tf1.gan.carpedm20 import dcgan_sizes
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.resnet import resnet_sizes
from dcgan_tf1.runs import checkpoint_sizes, run_folder, size_flags
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text


def test_sizes_are_halved_rounding_up_and_doubled():
    assert sizes.halvings((45, 61, 3), 4) == [(45, 61), (23, 31), (12, 16), (6, 8), (3, 4)]
    assert sizes.halvings((28, 28, 1), 4)[-1] == (2, 2) and sizes.halvings((108, 108, 3), 4)[-1] == (7, 7)
    for shape, expected in (((28, 28, 1), ((7, 7), 2)), ((32, 32, 3), ((4, 4), 3)), ((64, 64, 3), ((4, 4), 4)),
                            ((64, 96, 3), ((4, 6), 4)), ((48, 48, 3), ((6, 6), 3))):
        assert sizes.doubled_from(shape) == expected
    assert [sizes.halves((side, side, 3)) for side in (16, 28, 32, 48, 56, 64, 128)] == [1, 2, 2, 2, 3, 3, 4]


def test_which_presets_follow_the_size():
    assert sorted(catalogue.SIZED) == sorted(name for name, each in PRESETS.items() if each.image_sizes != 'fixed')
    for name, shape, message in (
            ('blog_mnist', (64, 64, 1), 'expected images of 28x28x1, the one size of blog_mnist, found 64x64x1'),
            ('dcgan', (4, 64, 3), 'expected images of sides from 8 to 4096, found 4x64x3'),
            ('dcgan', (64, 64, 2), 'expected images of 1 or 3 channels, found 2'),
            ('resnet_mnist', (12, 12, 1), 'expected images of sides from 16 to 4096'),
            ('resnet_mnist', (45, 64, 3), 'expected sides that are multiples of 8')):
        with pytest.raises(ValueError, match=message):
            PRESETS[name].with_image_shape(shape)
    assert PRESETS['blog_mnist'].with_image_shape((28, 28, 1)) is PRESETS['blog_mnist']
    assert PRESETS['blog_dense'].with_image_shape((10, 12, 3)).input_shape == (360,)


@pytest.mark.slow_tf1
@pytest.mark.parametrize('name', [name if name in ('dcgan', 'keras_dense', 'cgan_cifar10') else pytest.param(
    name, marks=pytest.mark.slow) for name in catalogue.SIZED])
def test_networks_make_images_of_other_sizes(name):
    preset = PRESETS[name].with_mode('small') if 'small' in PRESETS[name].modes else PRESETS[name]
    if preset.gf_dim is not None:
        preset = dataclasses.replace(preset, gf_dim=4, df_dim=4)
    shape = (48, 64, 1) if preset.image_sizes == 'doubled' else (27, 17, 1)
    preset = preset.with_image_shape(shape)
    judge = preset.discriminator or preset.encoder
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_sampling_graph(preset)
        labels = None if preset.classes is None else handles.one_hot
        judged = judge(tf.reshape(handles.sample_images, (-1,) + preset.input_shape),
                       preset.batch_context('real', False, labels=labels))
        session.run(tf.global_variables_initializer())
        feeds = {handles.noise: np.ones((2, preset.z_dim)), handles.dropout_seed: 0}
        if labels is not None:
            feeds[handles.labels] = [0, 1]
        judged = judged[0] if isinstance(judged, tuple) else judged
        images, judged = session.run([handles.sample_images, judged], feeds)
    assert images.shape == (2,) + shape and judged.shape == (2, 1 if preset.discriminator else 100)
    assert np.isfinite(images).all() and np.isfinite(judged).all() and images.std() > 0


@pytest.mark.slow_tf1
def test_a_resnet_has_a_block_more_for_each_doubling():
    preset = PRESETS['resnet_cifar_horse'].with_mode('small').with_image_shape((64, 64, 3))
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        handles = graph.build_sampling_graph(preset)
        preset.discriminator(handles.sample_images, preset.batch_context('real', False))
        names = {variable.op.name for variable in tf.trainable_variables()}
    for scope, blocks, convolutions in (('generator', 4, 12), ('discriminator', 5, 13)):  # 3 and 4 at 32x32
        own = [name for name in names if name.startswith(scope + '/block_') and name.endswith('kernel')]
        assert {name.split('/')[1] for name in own} == {'block_{}'.format(number + 1) for number in range(blocks)}
        assert len(own) == convolutions


def plan(*given):
    lines = []
    return make_plan(train.parse_train(list(given)), lines.append), lines


@pytest.mark.usefixtures('elsewhere')
def test_pictures_say_their_channels_and_data_sets_their_size(tmp_path):
    for folder, mode in (('grey', 'L'), ('colour', 'RGB')):
        os.makedirs(folder)
        for number in range(3):
            Image.new(mode, (40, 30), number).save('{}/{}.png'.format(folder, number))
    write_mnist(tmp_path / 'data' / 'mnist', blobs(20), np.zeros(20, np.uint8))
    for given, shape in (
            (['--preset=dcgan', '--data_dir=grey'], (64, 64, 1)),
            (['--preset=dcgan', '--data_dir=colour', '--image_size=16'], (16, 16, 3)),
            (['--preset=dcgan', '--data_dir=grey', '--channels=3', '--image_height=17',
              '--image_width=9'], (17, 9, 3)),
            (['--preset=dcgan', '--data_dir=colour', '--channels=1'], (64, 64, 1)),
            (['--preset=dcgan', '--dataset=mnist'], (28, 28, 1)),
            (['--preset=resnet_cifar_horse', '--dataset=folder', '--data_dir=grey'], (32, 32, 3)),
            (['--preset=resnet_cifar_horse', '--dataset=folder', '--data_dir=grey', '--channels=auto',
              '--image_size=64'], (64, 64, 1)),
            (['--preset=blog_mnist', '--dataset=folder', '--data_dir=colour'], (28, 28, 1))):
        found, lines = plan('--batch_size=2', *given)
        assert found.preset.image_shape == found.data.images.shape[1:] == shape, given
        assert found.identity['image_shape'] == found.identity['input_shape'] == list(shape)
        assert any('all pictures are grey' in line for line in lines) == (
            '--data_dir=grey' in given and shape[2] == 1)
    found, _ = plan('--preset=dcgan', '--data_dir=grey', '--batch_size=2', '--gf_dim=8', '--df_dim=4',
                    '--z_dist=uniform01')
    assert [found.identity[name] for name in ('gf_dim', 'df_dim', 'noise')] == [8, 4, 'uniform01']
    for given, message in (
            (['--image_size=64'], 'expected images of 64x64, as the flags of sizes .*, found 28x28x1'),
            (['--channels=3'], 'expected images of 3 channels, as .* found 28x28x1')):
        with pytest.raises(UserError, match='--dataset=mnist: ' + message):
            plan('--preset=dcgan', '--dataset=mnist', *given)


@pytest.mark.usefixtures('elsewhere')
def test_a_checkpoint_bounds_the_size_that_data_say(tmp_path):
    def write(name, rows, columns, channels):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.get_variable('generator/g_h0_lin/Matrix', [100, rows * columns * 8 * 4])
            tf.get_variable('generator/g_h4/w', [5, 5, channels, 4])
            session.run(tf.global_variables_initializer())
            return tf.train.Saver().save(session, str(tmp_path / name), write_meta_graph=False)

    write_mnist(tmp_path / 'data' / 'mnist', blobs(20), np.zeros(20, np.uint8))
    np.savez('wide.npz', images=np.zeros((4, 45, 61, 3), np.uint8))
    os.makedirs('mine')
    Image.new('L', (40, 30)).save('mine/1.png')
    small, wide, usual = write('small', 2, 2, 1), write('wide', 3, 4, 3), write('usual', 4, 4, 3)
    line = ("{}: images of {}, as the checkpoint's variables say of a square image; --image_height and --image_width "
            'give others')
    for given, prefix, shape, guessed in (
            (['--dataset=mnist'], small, (28, 28, 1), False),
            (['--dataset=npz', '--data_dir=wide.npz'], wide, (45, 61, 3), False),
            (['--data_dir=mine'], small, (32, 32, 1), True), (['--data_dir=mine'], usual, (64, 64, 3), True),
            (['--data_dir=mine', '--image_size=30'], small, (30, 30, 1), False)):
        found, lines = plan('--preset=dcgan', '--batch_size=1', '--init_checkpoint=' + prefix, *given)
        assert (found.preset.image_shape, found.preset.gf_dim) == (shape, 4)
        assert (line.format(prefix, shape_text(shape)) in lines) == guessed == any('square' in each for each in lines)
    for given, prefix, message in (
            (['--dataset=mnist'], usual, '--dataset=mnist: expected images of 3 channels'),
            (['--dataset=npz', '--data_dir=wide.npz'], usual,
             r'usual: expected .*Matrix of shape \[100, 384\] for images of 45x61, found \[100, 512\]'),
            (['--data_dir=mine'], wide, 'wide: expected --image_height and --image_width beside it')):
        with pytest.raises(UserError, match=message):
            plan('--preset=dcgan', '--init_checkpoint=' + prefix, *given)
    lines = []
    told = checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], usual, size_flags.NOTHING, lines.append)
    assert told.image_shape == PRESETS['dcgan'].image_shape and lines == [line.format(usual, '64x64x3')]
    assert dcgan.preset_of(small, PRESETS['dcgan']) == checkpoint_sizes.of_checkpoint(
        PRESETS['dcgan'], small, size_flags.NOTHING, print)
    assert dcgan.preset_of(wide, PRESETS['dcgan'], (45, 61)).image_shape == (45, 61, 3)
    with pytest.raises(UserError, match=r'usual: expected .* for images of 45x61'):
        dcgan.preset_of(usual, PRESETS['dcgan'], (45, 61))
    told = checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], usual, size_flags.NOTHING._replace(height=60, width=64),
                                    lines.append)
    assert told.image_shape == (60, 64, 3) and len(lines) == 1
    with pytest.raises(UserError, match='wide: expected --image_height'):
        checkpoint_sizes.of_checkpoint(PRESETS['dcgan'], wide, size_flags.NOTHING)


def test_what_a_run_records_of_its_sizes_is_checked(tmp_path):
    def read(**identity):
        with open(str(tmp_path / 'config.json'), 'w') as handle:
            json.dump({'identity': dict(identity, preset='dcgan')}, handle)
        return run_folder.read_preset(str(tmp_path))

    assert read() == PRESETS['dcgan']
    found = read(image_shape=[45, 61, 1], gf_dim=8, df_dim=4, z_dim=50, noise='normal')
    (tmp_path / 'checkpoints').mkdir()
    assert dcgan.preset_of(str(tmp_path)) == found
    assert found == dataclasses.replace(PRESETS['dcgan'].with_image_shape((45, 61, 1)), gf_dim=8, df_dim=4, z_dim=50,
                                        noise='normal')
    for name, values in (('image_shape', ('64', [64, 64], [64, 64, 2], [10 ** 9, 64, 3], [64, 64, 3.0], [0, 64, 3])),
                         ('gf_dim', (0, 10 ** 9, None, '64')), ('z_dim', (True,)), ('noise', ('bad', ['normal'], 1))):
        for value in values:
            with pytest.raises(UserError, match=str(tmp_path)):
                read(**{name: value})


def test_variables_tell_the_sizes_of_dcgan():
    shapes = {'generator/g_h0_lin/Matrix': [50, 4 * 4 * 128], 'generator/g_h4/w': [5, 5, 3, 16]}
    expected = {'z_dim': 50, 'gf_dim': 16, 'image_shape': (64, 64, 3)}
    assert dcgan_sizes(shapes) == expected
    assert dcgan_sizes(dict(shapes, **{'discriminator/d_h0_conv/w': [5, 5, 3, 8]})) == dict(expected, df_dim=8)
    for units in (3 * 4 * 128, 100):
        shapes['generator/g_h0_lin/Matrix'] = [50, units]
        assert dcgan_sizes(shapes) == dict(expected, image_shape=(None, None, 3))
    shapes['generator/g_h0_lin/Matrix'] = [50, 3 * 4 * 128]
    assert dcgan_sizes(shapes, (45, 61))['image_shape'] == (45, 61, 3)
    with pytest.raises(ValueError, match=r'Matrix of shape \[50, 2048\] for images of 64x64, found \[50, 1536\]'):
        dcgan_sizes(shapes, (64, 64))
    shapes['generator/g_h0_lin/Matrix'] = [50, 4 * 4 * 128]
    assert dcgan_sizes(dict(shapes, **{'generator/g_h1/w': [5, 5, 64, 128]})) == expected
    with pytest.raises(ValueError, match=r'generator/g_h1/w of shape \[5, 5, 64, 128\].*found \[5, 5, 64, 64\]'):
        dcgan_sizes(dict(shapes, **{'generator/g_h1/w': [5, 5, 64, 64]}))
    with pytest.raises(ValueError, match='expected the five layers of the generator of dcgan'):
        dcgan_sizes(dict(shapes, **{'generator/g_h5/w': [5, 5, 3, 16]}))
    for damaged in ({}, {'generator/g_h4/w': [5, 5, 3, 16]}, dict(shapes, **{'generator/g_h4/w': [3]})):
        assert dcgan_sizes(damaged) == {}


def test_variables_tell_the_size_of_a_resnet():
    shapes = {'generator/dense/kernel': [128, 4 * 4 * 64], 'generator/conv2d/kernel': [3, 3, 64, 3]}
    shapes.update({'generator/block_{}/conv2d/kernel'.format(block): [3, 3, 64, 64] for block in (1, 2, 3, 4)})
    assert resnet_sizes(shapes) == resnet_sizes(shapes, (64, 64)) == {'image_shape': (64, 64, 3)}
    with pytest.raises(ValueError, match='expected 3 blocks .* for images of 32x32, found 4 and'):
        resnet_sizes(shapes, (32, 32))
    shapes['generator/dense/kernel'] = [128, 4 * 6 * 64]
    assert resnet_sizes(shapes) == {'image_shape': (None, None, 3)}
    assert resnet_sizes(shapes, (64, 96)) == {'image_shape': (64, 96, 3)} and resnet_sizes({}) == {}


def test_a_checkpoint_in_a_run_is_of_the_runs_size(tmp_path):
    """Its variables would tell another one, or that they can't; whatever else the flags say."""
    sized = dataclasses.replace(PRESETS['dcgan'].with_image_shape((20, 40, 3)), gf_dim=4, df_dim=4)
    run = tmp_path / '00000-dcgan'
    os.makedirs(str(run / 'checkpoints'))
    (run / 'config.json').write_text(json.dumps({'identity': {
        'preset': 'dcgan', 'image_shape': [20, 40, 3], 'input_shape': [20, 40, 3], 'gf_dim': 4, 'df_dim': 4}}))
    prefix = str(run / 'checkpoints' / 'model.ckpt-1')
    with tf.Graph().as_default(), tf.Session() as session:
        dcgan.discriminator(sized, dcgan.generator(sized, np.zeros([1, 100])))
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, prefix)
    for given, shape in ((size_flags.NOTHING, (20, 40, 3)), (size_flags.NOTHING._replace(noise='normal'), (20, 40, 3)),
                         (size_flags.NOTHING._replace(height=19, width=40), (19, 40, 3))):
        found, _ = run_folder.find_checkpoint(None, None, prefix, 'dcgan', sizes=given)
        assert (found.image_shape, found.noise) == (shape, given.noise or 'uniform')
    assert dcgan.preset_of(prefix, PRESETS['dcgan']).image_shape == (20, 40, 3)
    for given, shape in (([], (20, 40, 3)), (['--image_height=19', '--image_width=40'], (19, 40, 3))):
        config = train.parse_train(['--preset=dcgan', '--data_dir=x', '--init_checkpoint=' + prefix] + given)
        assert (config.preset.image_shape, config.preset.gf_dim) == (shape, 4)
    with pytest.raises(flags.Error, match='^--image_height and --image_width: expected sides that are multiples of 8'):
        train.parse_train(['--preset=resnet_cifar_horse', '--dataset=folder', '--image_height=45', '--image_width=61'])


def test_what_a_conditional_run_records_is_read_back(tmp_path):
    def read(**identity):
        with open(str(tmp_path / 'config.json'), 'w') as handle:
            json.dump({'identity': identity}, handle)
        return run_folder.read_preset(str(tmp_path))

    found = read(preset='conditional_mnist', z_dim=50, classes=3)
    assert (found.z_dim, found.classes) == (50, 3)
    cgan = PRESETS['cgan_mnist']
    assert read(preset='cgan_mnist', z_dim=20, spectral_gain=1.0).spectral_gain == 1.0
    # A temperature is one of the preset's noise.
    assert read(preset='cgan_mnist').temperature == cgan.temperature == 1.03
    assert read(preset='cgan_mnist', noise='uniform').temperature == 1
    assert train.parse_train(['--preset=cgan_mnist', '--z_dist=uniform']).preset.temperature == 1
    for bad in (0, 'much', True, None):
        with pytest.raises(UserError, match='spectral_gain'):
            read(preset='cgan_mnist', spectral_gain=bad)
    for name in ('cgan_mnist', 'conditional_mnist'):  # of one class, too
        with tf.Graph().as_default():
            preset = dataclasses.replace(PRESETS[name], classes=1, samples=1)
            graph.build_sampling_graph(preset)
            shapes = {variable.op.name: variable.shape.as_list() for variable in tf.global_variables()}
        assert preset.sizes_of_variables(shapes)['classes'] == 1


def test_a_training_from_a_run_takes_its_noise_over(tmp_path):
    run = tmp_path / '00000-dcgan'
    (run / 'checkpoints').mkdir(parents=True)
    (run / 'config.json').write_text(json.dumps({'identity': {
        'preset': 'dcgan', 'noise': 'normal', 'image_shape': [8, 8, 1], 'gf_dim': 4}}))
    with tf.Graph().as_default(), tf.Session() as session:
        graph.build_sampling_graph(run_folder.read_preset(str(run)))
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(run / 'checkpoints' / 'model.ckpt-1'))
    flags = ['--preset=dcgan', '--init_checkpoint={}'.format(run)]
    assert train.parse_train(flags).preset.noise == 'normal'
    assert train.parse_train(flags + ['--z_dist=uniform']).preset.noise == 'uniform'
