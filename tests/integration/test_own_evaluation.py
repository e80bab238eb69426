"""Evaluation of data of the user's own: by a classifier of its labels, or by a projection that needs none."""

import dataclasses
import json
import os
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, run_command
from helpers.data import blobs, located
from helpers.exports import LABELLED, make_checkpoint
from helpers.marks import SLOW_OR_NIGHTLY
from PIL import Image

from dcgan_tf1 import train
from dcgan_tf1.data import loading, picked
from dcgan_tf1.gan import layers
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import classifier, run_images
from dcgan_tf1.reporting import evaluating
from dcgan_tf1.runs import sampling
from dcgan_tf1.training import record
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.images import to_uint8


@SLOW_OR_NIGHTLY
def test_the_classifier_of_ones_own_pictures_learns_their_own_labels(tmp_path, monkeypatch):
    """Of four folders of pictures that are not square, one after the other, of which a tenth of each is kept apart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classifier, 'STEPS', 30)
    images, labels = located(600, 0)
    for label in range(4):
        os.makedirs('mine/corner {}'.format(label))
        for number, image in enumerate(images[labels == label]):
            Image.fromarray(image[:, :27]).save('mine/corner {}/{:03d}.png'.format(label, number))
    dataset, lines = loading.load('folder', data_dir='mine', shape=(28, 27, 1), log=lambda line: None), []
    assert classifier.recipe_of(dataset) == classifier.Recipe((32, 64), 8, False)
    extractor = classifier.classifier(dataset, log=lines.append)
    assert 'mine: no test images with labels there; the classifier is tested with 60 training images' in lines[0]
    assert extractor.accuracy > 0.9 and extractor.name.startswith('classifier of folder (test accuracy ')
    assert sorted(os.listdir('data/classifiers')) == ['folder-v1-{}-seed0.{}'.format(dataset.checksum[:12], kind)
                                                      for kind in ('json', 'pb')]
    features, probabilities = extractor.run(dataset.images[:10])
    assert features.shape == (10, classifier.FEATURES) and probabilities.shape == (10, 4)


def test_images_in_a_file_stay_there_while_a_classifier_is_trained_on_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save('images.npy', np.broadcast_to(np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1), (60, 28, 28, 1)))
    dataset = loading.Dataset('folder', np.load('images.npy', mmap_mode='r'), np.arange(60) % 4, tuple('abcd'), 'mine',
                              {}, '0' * 64, None, None, 60)
    given = []

    def train(name, recipe, sets, *_):
        given.extend(sets)
        raise UserError('enough')

    monkeypatch.setattr(classifier, 'train_network', train)
    with pytest.raises(UserError, match='enough'):
        classifier.classifier(dataset, log=lambda line: None)
    assert picked.in_file(given[0]) and len(given[0]) == 54 and len(given[2]) == 6
    images = np.concatenate([np.asarray(given[0]), np.asarray(given[2])])[:, 0, 0, 0]
    assert sorted(images) == list(range(60)) and len(set(images[54:] % 4)) > 1  # not all of one class
    np.testing.assert_array_equal(np.concatenate(given[1::2]), images % 4)


@pytest.mark.parametrize('shape, count, expected', [
    ((28, 28, 1), 60000, ((32, 64), 4)), ((32, 32, 3), 50000, ((32, 64, 128), 4)),
    ((64, 64, 3), 3786, ((16, 32, 64, 128), 52)), ((61, 45, 3), 200, ((16, 32, 64), 60)),
    ((256, 128, 3), 10 ** 6, ((0, 16, 32, 64, 128), 2)), ((8, 9, 1), 100, ((32, 64), 60))])
def test_a_classifier_follows_the_images_size_and_number(shape, count, expected):
    own = types.SimpleNamespace(name='folder', images=np.broadcast_to(np.uint8(0), (count,) + shape))
    found = classifier.recipe_of(own)
    assert (found.filters, found.epochs) == expected
    assert classifier.recipe_of(types.SimpleNamespace(name='cifar10')) == classifier.RECIPES['cifar10']
    with tf.Graph().as_default():
        features, logits = classifier.classifier_network(
            tf.zeros((2,) + shape), layers.BatchContext('test', training=False), found.filters, 5)
        assert features.shape.as_list() == [2, 128] and logits.shape.as_list() == [2, 5]


@pytest.mark.slow_tf1
def test_pictures_without_labels_are_measured_by_a_projection_or_a_graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir('mine')
    for number, image in enumerate(blobs(220)):
        Image.fromarray(image).save('mine/{:03d}.png'.format(number))
    flags = ['--preset=blog_dense', '--dataset=folder', '--data_dir=mine', '--batch_size=8', '--log_every=1',
             '--eval_every=1', '--eval_n=100', '--resume=auto']
    check_one_line_error(run_command('train', '--max_steps=1', *flags), '--eval_every: expected labels',
                         'none in mine', '--eval_features=pixels')
    assert not os.path.exists('runs')
    status, text, err = run_command('train', '--max_steps=1', '--eval_features=pixels', *flags)
    assert status == 0 and 'Frechet distance' in text, err
    run = 'runs/00000-blog_dense'
    with open(run + '/config.json') as handle:
        measured = json.load(handle)['evaluation']
    assert measured['features'] == 'random projection of pixels (seed 0)' and 'class_accuracy' not in measured['real']
    check_one_line_error(run_command('evaluate', '--run=' + run), '--features: expected a frozen graph (.pb) for mine',
                         'no labels', '--features=pixels')
    status, text, err = run_command('evaluate', '--run=' + run, '--features=pixels', '--features_seed=3')
    assert status == 0 and 'real ones (your own pictures), by the random projection of pixels (seed 3)' in text, err
    with open(run + '/evaluation-000001/metrics.json') as handle:
        found = json.load(handle)
    real, sampled = found['results']
    assert found['features'] == {'name': 'random projection of pixels (seed 3)', 'test_accuracy': None}
    assert real['frechet_distance'] < 0.1 * sampled['frechet_distance'] and 'classifier_score' not in real


@pytest.mark.slow
def test_real_pictures_of_ones_own_are_read_as_the_flags_say(tmp_path, monkeypatch):
    """Images that are the centres of the real pictures are as good as those where these are cropped, too."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.RandomState(0).randint(0, 256, (220, 48, 32, 3), dtype=np.uint8)
    pixels[:, 16:32, 8:24] //= 4  # the middle is dark
    os.makedirs('mine/deeper')
    os.mkdir('theirs')
    for number, image in enumerate(pixels):
        Image.fromarray(image).save('mine/deeper/{:03d}.png'.format(number))
        Image.fromarray(image[16:32, 8:24]).save('theirs/{:03d}.png'.format(number))
    flags = ['--images=theirs', '--preset=dcgan', '--image_size=16', '--channels=3', '--data_dir=mine',
             '--features=pixels', '--overwrite']

    def distances(*more):
        status, _, err = run_command('evaluate', *(flags + list(more)))
        assert status == 0, err
        with open('evaluation/metrics.json') as handle:
            return [row['frechet_distance'] for row in json.load(handle)['results']]

    real, given = distances('--crop=16', '--recursive', '--cache_gib=0', '--cache_dir=kept')
    assert given < 1.5 * real and os.listdir('kept')
    real, given = distances('--crop=0')
    assert given > 10 * real
    distances('--crop=20')  # larger than the images that are given, which it is not for
    for flag, message in (('--crop=49', '--crop'),
                          ('--cache_gib=nan', '--cache_gib: expected a finite number, found nan')):
        check_one_line_error(run_command('evaluate', *flags, flag), message)
    check_one_line_error(
        run_command('evaluate', '--images=theirs', '--preset=blog_cifar_horse', '--crop=16', '--background=white'),
        '--crop: expected only with real images of the data set folder, found --crop=16 with cifar10')


def test_a_run_goes_on_being_measured_as_it_was(tmp_path):
    lines = []
    run = types.SimpleNamespace(path=str(tmp_path), log=lines.append)
    name = 'classifier of folder (test accuracy {}.00%, seed 0)'
    (tmp_path / 'config.json').write_text(json.dumps({
        'identity': {'preset': 'x'}, 'evaluation': {'features': name.format(90)}}))
    record.check_features(run, types.SimpleNamespace(features=name.format(90)))
    assert lines == []
    record.check_features(run, types.SimpleNamespace(features=name.format(91)))
    assert lines == []  # nothing was measured yet
    (tmp_path / 'quality.csv').write_text('step,n,frechet_distance\n2,100,5\n')
    record.check_features(run, types.SimpleNamespace(features=name.format(91)))
    assert len(lines) == 1 and 'accuracy 90.00%' in lines[0] and 'accuracy 91.00%' in lines[0]
    with pytest.raises(UserError, match='--eval_features: expected the features that .* was measured by, the class'):
        record.check_features(run, types.SimpleNamespace(features='random projection of pixels (seed 0)'))


def test_of_very_many_classes_a_sheet_has_those_that_are_drawn(tmp_path, monkeypatch):
    many = dataclasses.replace(LABELLED, name='many', classes=60, samples=60)
    monkeypatch.setitem(PRESETS, 'many', many)
    prefix = make_checkpoint('many', tmp_path)
    sheet = run_images.sheet_of_classes(many, prefix, 3, 'cpu')
    assert sheet.shape == (10 * 50, 28, 28, 1)
    expected = sampling.generate(many, prefix, sample_noise(many, 10, 3, 'samples')[[9] * 50], device='cpu',
                                 labels=np.arange(50, dtype=np.int32))
    assert np.abs(sheet[450:].astype(int) - to_uint8(expected, many.image_range)).max() <= 1


@pytest.mark.slow_tf1
def test_images_of_others_are_compared_with_a_data_set_that_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.RandomState(0).randint(0, 256, (400, 28, 28)).astype(np.uint8)
    np.savez('real.npz', images=images[:250], labels=np.arange(250) % 2)
    np.savez('made.npz', images=images[250:])
    flags = ['evaluate', '--images=made.npz', '--preset=blog_mnist', '--data_dir=real.npz', '--features=pixels',
             '--num_images=100']
    check_one_line_error(run_command(*flags), '--dataset=npz reads what is there')
    status, out, err = run_command(*flags, '--dataset=npz')
    assert status == 0, err
    with open('evaluation/metrics.json') as handle:
        assert json.load(handle)['data']['name'] == 'npz'
    # Of a preset with labels, too: of what the images are of, something is known or not; two classes, or none.
    flags[2:] = ['--preset=cgan_mnist', '--dataset=npz', '--overwrite'] + flags[3:]
    np.savez('bare.npz', images=images[:250])
    for data, what in (('real.npz', 'these images'), ('bare.npz', 'the real images')):
        status, out, err = run_command(*flags, '--data_dir=' + data)
        assert status == 0 and what + ' have no labels' in out, err
    np.savez('made.npz', images=images[250:], labels=np.arange(150) % 2)
    status, out, err = run_command(*flags, '--data_dir=real.npz')
    assert status == 0 and 'no labels' not in out, err
    with open('evaluation/metrics.json') as handle:
        assert len(json.load(handle)['results'][1]['frechet_by_class']) == 2


def test_real_images_of_another_data_set_are_scaled_as_those_are_that_are_trained_on():
    preset = PRESETS['blog_cifar_horse']
    assert preset.scaling == 'minmax' and evaluating.on_dataset(preset, 'cifar10') is preset
    trained_on = train.parse_train(['--preset=blog_cifar_horse', '--dataset=folder', '--data_dir=x']).preset
    on = evaluating.on_dataset(preset, 'folder')
    assert on.scaling == trained_on.scaling == 'bytes' and on.image_class is trained_on.image_class is None
