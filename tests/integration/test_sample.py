"""Samples from runs, from generator-only checkpoints and from checkpoints of 2017."""

import dataclasses
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, run_command, run_process
from PIL import Image

from dcgan_tf1 import sample
from dcgan_tf1.gan import graph
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, checkpoint_paths, sampling, video


def test_a_grid_and_its_arrays_from_a_run(run, tmp_path):
    out, npz = str(tmp_path / 'g.png'), str(tmp_path / 'g.npz')
    status, text, err = run_process('sample', '--run=' + run, '--n=9', '--out=' + out, '--npz=' + npz)
    assert status == 0 and err == '', err
    assert 'model.ckpt-4' in text and '9 images' in text
    assert Image.open(out).size == (84, 84)
    with np.load(npz) as arrays:
        assert arrays['images'].shape == (9, 28, 28, 1) and arrays['z'].shape == (9, 100)
        first = arrays['images']
    np.testing.assert_allclose(np.asarray(Image.open(out))[:28, :28], (first[0, ..., 0] + 1) * 127.5, atol=0.6)
    # Nothing is overwritten unasked; the same seed draws the same, another others.
    check_one_line_error(run_command('sample', '--run=' + run, '--out=' + out), out, '--overwrite')
    assert run_command('sample', '--run=' + run, '--n=9', '--out=' + out, '--npz=' + npz, '--overwrite')[0] == 0
    with np.load(npz) as arrays:
        np.testing.assert_array_equal(arrays['images'], first)
    for flags in (['--seed=1'], ['--dropout=off'], ['--step=2']):
        assert run_command('sample', '--run=' + run, '--n=9', '--out=' + out, '--npz=' + npz, '--overwrite',
                           *flags)[0] == 0
        with np.load(npz) as arrays:
            assert np.abs(arrays['images'] - first).max() > 1e-3
    check_one_line_error(run_command('sample', '--run=' + run, '--step=3'), 'step 3', 'steps 2, 4')
    check_one_line_error(run_command('sample', '--run=' + run, '--preset=blog_dense'), '--preset', 'blog_mnist')


def test_weights_that_are_not_finite_are_an_error_that_names_the_checkpoint(run, tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        graph.build_sampling_graph(PRESETS['blog_dense'])
        session.run([tf.assign(v, tf.fill(v.shape, np.nan)) for v in tf.global_variables()])
        prefix = tf.train.Saver().save(session, str(tmp_path / 'nan.ckpt'))
    check_one_line_error(run_command('sample', '--checkpoint=' + prefix, '--preset=blog_dense',
                                     '--out={}'.format(tmp_path / 'x.png')), 'nan.ckpt', 'finite')
    assert not (tmp_path / 'x.png').exists()


def test_interpolation_command(run, tmp_path):
    out = str(tmp_path / 'walk.png')
    assert run_command('sample', '--run=' + run, '--interpolate', '--n=3', '--out=' + out)[0] == 0
    assert Image.open(out).size == (280, 84)


def session_images(prefix, preset, z):
    """What the training graph's own sampler makes of a checkpoint, dropout off."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        handles = graph.build_training_graph(dataclasses.replace(preset, dropout_when_sampling=False))
        checkpoint.restore(session, prefix, checkpoint.by_name(tf.global_variables()))
        return session.run(handles.sample_images, {handles.noise: z, handles.dropout_seed: 0})


@pytest.mark.slow
def test_many_images_come_in_batches_and_are_all_different(run):
    z = sample_noise(PRESETS['blog_mnist'], 300)
    prefix = checkpoint_paths.resolve(os.path.join(run, 'checkpoints'))
    images = sampling.generate(PRESETS['blog_mnist'], prefix, z, dropout=False)
    assert images.shape == (300, 28, 28, 1)
    np.testing.assert_allclose(images, session_images(prefix, PRESETS['blog_mnist'], z), atol=1e-5)
    assert len({image.tobytes() for image in images}) == 300


@pytest.mark.parametrize('shape, size', [((28, 28, 1), 256), ((64, 64, 3), 256), ((128, 128, 3), 64),
                                         ((100, 200, 3), 52), ((512, 512, 3), 4), ((4096, 2048, 3), 1)])
def test_no_batch_of_images_has_more_pixels_than_256_of_64x64(shape, size):
    sizes, z = [], np.arange(600.0)[:, None]

    def sample(some, number):
        assert number == len(sizes)
        sizes.append(len(some))
        return some

    np.testing.assert_array_equal(sampling.generate_in_batches(sample, shape, z), z)
    assert set(sizes[:-1]) == {size} and sum(sizes) == 600


@pytest.mark.slow_tf1
def test_a_checkpoint_of_the_generator_alone(run, tmp_path):
    preset = PRESETS['blog_mnist']
    whole = checkpoint_paths.resolve(os.path.join(run, 'checkpoints'))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        graph.build_sampling_graph(preset)
        checkpoint.restore(session, whole, checkpoint.by_name(tf.global_variables()))
        alone = tf.train.Saver().save(session, str(tmp_path / 'generator.ckpt'))
    status, _, err = run_command('sample', '--checkpoint=' + alone, '--preset=blog_mnist', '--n=4', '--dropout=off',
                                 '--out={}'.format(tmp_path / 'x.png'), '--npz={}'.format(tmp_path / 'x.npz'))
    assert status == 0, err
    with np.load(str(tmp_path / 'x.npz')) as arrays:
        np.testing.assert_allclose(arrays['images'], session_images(whole, preset, arrays['z']), atol=1e-6)


def test_a_checkpoint_of_another_preset_names_the_variable_and_both_shapes(run):
    result = run_command('sample', '--checkpoint=' + os.path.join(run, 'checkpoints', 'model.ckpt-4'),
                         '--preset=blog_cifar_horse')
    check_one_line_error(result, 'generator/conv2d_transpose_2/kernel', '[3, 3, 3, 128]', '[3, 3, 1, 128]')
    assert 'model.ckpt-4: of a run of blog_mnist, read as one of blog_cifar_horse' in result[1]
    result = run_command('sample', '--checkpoint=' + os.path.join(run, 'checkpoints', 'model.ckpt-4'),
                         '--preset=blog_dense')
    check_one_line_error(result, 'generator/dense/kernel', '[100, 128]', '[100, 8192]')


def test_single_images_as_files_and_of_noise_in_a_file(run, tmp_path):
    folder, npz, out = str(tmp_path / 'images'), str(tmp_path / 'a.npz'), str(tmp_path / 'a.png')
    base = ['--run=' + run, '--dropout=off']
    status, text, err = run_command('sample', '--seeds=0-1,7', '--outdir=' + folder, '--npz=' + npz, *base)
    assert status == 0 and '{}: seed000000.png to seed000007.png, 3 images from '.format(folder) in text, err
    names = ['seed000000.png', 'seed000001.png', 'seed000007.png']
    assert sorted(os.listdir(folder)) == names and sorted(os.listdir(str(tmp_path))) == ['a.npz', 'images']
    assert run_command('sample', '--seed=7', '--n=1', '--out=' + out, *base)[0] == 0
    pictures = [np.asarray(Image.open(path)).astype(int) for path in [out] + [
        os.path.join(folder, name) for name in names]]
    assert np.abs(pictures[0] - pictures[3]).max() <= 1
    with np.load(npz) as arrays:
        np.testing.assert_allclose(pictures[1:], (arrays['images'][..., 0] + 1) * 127.5, atol=0.6)
    check_one_line_error(run_command('sample', '--n=2', '--outdir=' + folder, *base), 'seed000000.png', '--overwrite')
    check_one_line_error(run_command('sample', '--n=2', '--outdir=' + folder, '--overwrite', '--out={}'.format(
        os.path.join(folder, 'grid.png')), *base), '--out: expected a file outside of --outdir')
    # The same noise again, with the same dropout masks where there are some, which --seed selects.
    assert run_command('sample', '--run=' + run, '--z=' + npz, '--npz=' + npz, '--out=' + out, '--overwrite')[0] == 0
    with np.load(npz) as arrays:
        first = dict(arrays)
    status, text, err = run_command('sample', '--run=' + run, '--z=' + npz, '--outdir=' + folder, '--out=' + out,
                                    '--overwrite')
    assert status == 0 and len(text.splitlines()) == 2, err
    for place in range(3):
        picture = np.asarray(Image.open(os.path.join(folder, 'z00000{}.png'.format(place))))
        np.testing.assert_allclose(picture, (first['images'][place, ..., 0] + 1) * 127.5, atol=0.6)
    check_one_line_error(run_command('sample', '--z=' + npz, '--seed=1', '--out=' + out, '--overwrite', *base),
                         '--seed: expected dropout, whose masks', '--z, found --dropout=off')


def test_what_another_command_has_made_meanwhile_is_left(run, tmp_path, monkeypatch):
    generate, out = sample._generate, tmp_path / 'out.png'

    def beside_another(*args):
        out.write_text('of another')
        return generate(*args)

    monkeypatch.setattr(sample, '_generate', beside_another)
    check_one_line_error(run_command('sample', '--run=' + run, '--n=2', '--out={}'.format(out)), 'a new file')
    assert out.read_text() == 'of another'


def test_a_walk_as_a_video(run, tmp_path):
    status, text, err = run_command('sample', '--run=' + run, '--interpolate', '--seeds=1,2,3', '--columns=4',
                                    '--video={}'.format(tmp_path / 'walk.gif'))
    assert status == 0 and 'walk.gif: 6 frames of 8 images from' in text, err
    with Image.open(str(tmp_path / 'walk.gif')) as film:
        assert film.size == (112, 56) and film.n_frames == 6
    assert os.listdir(str(tmp_path)) == ['walk.gif']


def test_what_stands_in_for_a_video_replaces_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(video, 'find_encoder', lambda: None)
    given = ['--run=' + run, '--interpolate', '--seeds=1,2', '--columns=3', '--video={}'.format(tmp_path / 'walk.mp4')]
    (tmp_path / 'walk.gif').write_text('mine')
    check_one_line_error(run_command('sample', '--overwrite', *given), 'walk.gif: expected no such file',
                         'which is written in place of {}'.format(tmp_path / 'walk.mp4'), 'found one')
    assert (tmp_path / 'walk.gif').read_text() == 'mine'
    (tmp_path / 'walk.gif').unlink()
    status, text, err = run_command('sample', *given)
    assert status == 0 and 'walk.gif: 4 frames of 3 images from' in text, err
    assert 'walk.mp4, for there is no ffmpeg' in text


def test_a_row_that_is_not_full_has_no_black_cells(run, tmp_path):
    out = str(tmp_path / 'row.png')
    assert run_command('sample', '--run=' + run, '--n=3', '--columns=10', '--out=' + out)[0] == 0
    with Image.open(out) as picture:
        assert picture.size == (3 * 28, 28)


def test_arrays_and_picture_of_one_name_are_refused_before_any_work(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_one_line_error(run_command('sample', '--run=' + run, '--out=x', '--npz=./x'), '--npz', 'another file')
    os.symlink('x.npz', 'link')
    check_one_line_error(run_command('sample', '--run=' + run, '--out=link', '--npz=x.npz'), '--npz', 'another file')
    assert os.listdir(str(tmp_path)) == ['link']
