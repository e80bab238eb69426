"""Where data is found, how it is scaled and in which order it is served."""

import dataclasses
import os

import numpy as np
import pytest
from conftest import blobs, check_one_line_error, run_command, run_process, write_mnist
from PIL import Image
from test_readers import write_cifar

from dcgan_tf1 import datasets
from dcgan_tf1.errors import UserError
from dcgan_tf1.presets import PRESETS

LABELS = np.arange(40).astype(np.uint8) % 10


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No data/ but a test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)


def test_order_of_the_places(tmp_path, monkeypatch):
    for place, seed in (('given/mnist', 1), ('direct', 2), ('env/mnist', 3), ('data/mnist', 4)):
        write_mnist(tmp_path / place, blobs(40, seed), LABELS)
    monkeypatch.setenv('DCGAN_TF1_DATA', str(tmp_path / 'env'))

    def folder(data_dir=None):
        return os.path.relpath(datasets.load('mnist', data_dir=data_dir).folder, str(tmp_path))

    assert folder('given') == 'given/mnist'
    assert folder('direct') == 'direct'
    assert folder() == 'env/mnist'
    monkeypatch.delenv('DCGAN_TF1_DATA')
    assert folder() == 'data/mnist'
    os.mkdir('empty')
    assert folder('empty') == 'data/mnist'
    with pytest.raises(UserError, match='--data_dir: expected a folder, found none at nowhere'):
        datasets.load('mnist', data_dir='nowhere')


def test_half_a_data_set_of_the_users_is_an_error(tmp_path):
    write_mnist(tmp_path / 'given', blobs(40), LABELS)
    os.remove('given/train-labels-idx1-ubyte.gz')
    with pytest.raises(UserError, match='expected train-labels-idx1-ubyte.gz beside the other files'):
        datasets.load('mnist', data_dir='given')


def test_images_and_labels_must_agree(tmp_path):
    write_mnist(tmp_path / 'a', blobs(40), LABELS[:-1])
    with pytest.raises(UserError, match='one label for each of the 40 images .*found 39'):
        datasets.load('mnist', data_dir='a')
    write_mnist(tmp_path / 'b', blobs(40), LABELS + 1)
    with pytest.raises(UserError, match='labels from 0 to 9, found 10'):
        datasets.load('mnist', data_dir='b')


def test_forms_of_cifar(tmp_path):
    rows, labels = write_cifar(tmp_path / 'x' / 'cifar10' / 'cifar-10-batches-py')
    for data_dir in ('x', 'x/cifar10', 'x/cifar10/cifar-10-batches-py'):
        found = datasets.load('cifar10', data_dir=data_dir)
        np.testing.assert_array_equal(found.labels, labels)
        assert found.official is False
    np.testing.assert_array_equal(found.images[0, 0, :, 0], rows[0, :32])
    os.remove('x/cifar10/cifar-10-batches-py/data_batch_3')
    with pytest.raises(FileNotFoundError, match='data_batch_3'):
        datasets.load('cifar10', data_dir='x')


def test_folder_of_pictures(tmp_path):
    os.mkdir('mine')
    for index in range(3):
        Image.new('RGB', (50, 40), (index * 100, 0, 0)).save('mine/{}.png'.format(index))
    found = datasets.load('folder', data_dir='mine', shape=(32, 32, 3))
    assert found.images[:, 5, 5, 0].tolist() == [0, 100, 200] and found.labels is None
    os.mkdir('none')
    with pytest.raises(UserError, match='expected files in none.folder or none or data.folder, found none'):
        datasets.load('folder', data_dir='none', shape=(32, 32, 3))


def dataset(images, labels=None, **changes):
    found = datasets.Dataset('mnist', images, labels, tuple('0123456789'), 'f', {}, 'c', None, None, len(images))
    return found._replace(**changes)


def test_bytes_are_scaled_to_the_presets_range():
    images = np.zeros((5002, 28, 28, 1), np.uint8)
    images[5000], images[5001] = 255, 51
    data = datasets.prepare(dataset(images), PRESETS['blog_mnist'])
    assert data.images.shape == (2, 28, 28, 1) and data.images.dtype == np.float32  # the first 5,000 held out
    assert data.images[0].min() == 1 and np.allclose(data.images[1], -0.6)
    assert datasets.prepare(dataset(images), PRESETS['blog_dense']).images.shape == (2, 784)
    unit = dataclasses.replace(PRESETS['blog_mnist'], image_range=(0.0, 1.0), holdout=0)
    assert np.allclose(datasets.prepare(dataset(images), unit).images[[0, -2, -1], 0, 0, 0], [0, 1, 0.2])


def test_minmax_is_over_all_images_and_before_the_class():
    images = np.full((4, 32, 32, 3), 100, np.uint8)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = 50, 150  # not horses
    images[2, 0, 0, 0], images[3, 0, 0, 0] = 75, 125
    found = dataset(images, np.array([1, 1, 7, 7]), name='cifar10', classes=datasets.DATASETS['cifar10'].classes)
    data = datasets.prepare(found, PRESETS['blog_cifar_horse'], 'horse')
    assert data.image_class == 'horse' and data.full_size == 2
    np.testing.assert_allclose(data.images[:, 0, 0, 0], [-0.5, 0.5])
    assert np.isfinite(data.images).all()  # where minimum and maximum agree


def test_the_holdout_is_taken_off_before_the_class():
    labels = np.arange(5100) % 10
    images = np.zeros((5100, 28, 28, 1), np.uint8)
    data = datasets.prepare(dataset(images, labels), PRESETS['blog_mnist'], '3')
    assert len(data.images) == 10 and data.full_size == 10
    stand_in = dataset(images[:5000], labels[:5000], note='a note', stands_for=60000)
    data = datasets.prepare(stand_in, PRESETS['blog_mnist'], '3')
    assert len(data.images) == 500 and data.full_size == 5500


def test_classes_by_name_and_number():
    found = dataset(np.zeros((10, 28, 28, 1), np.uint8), np.arange(10), classes=datasets.DATASETS['cifar10'].classes)
    assert datasets.class_number(found, 'horse') == datasets.class_number(found, '7') == 7
    for wrong in ('zebra', '10', '-1', '\u00b2'):
        with pytest.raises(UserError, match='--class: expected one of airplane, '):
            datasets.class_number(found, wrong)


def test_a_data_set_of_another_shape_is_refused():
    with pytest.raises(UserError, match='expected images of 32x32x3 for --preset=blog_cifar_horse, found 28x28x1'):
        datasets.prepare(dataset(np.zeros((9, 28, 28, 1), np.uint8)), PRESETS['blog_cifar_horse'])


def test_batches_first_epoch_in_order_later_ones_shuffled_incomplete_dropped():
    batches = datasets.Batches(10, 3, seed=5, shuffle='after_first_epoch')
    assert batches.per_epoch == 3
    first = np.concatenate([batches.indices(step) for step in (1, 2, 3)])
    assert first.tolist() == list(range(9))
    second, third = [np.concatenate([batches.indices(step) for step in steps]) for steps in ((4, 5, 6), (7, 8, 9))]
    assert len(set(second)) == 9 and second.tolist() != first.tolist() and second.tolist() != third.tolist()
    assert [batches.epoch(step) for step in (1, 3, 4, 6, 7)] == [1, 1, 2, 2, 3]
    again = datasets.Batches(10, 3, seed=5, shuffle='after_first_epoch')
    assert again.indices(5).tolist() == second[3:6].tolist()  # without having served the earlier ones
    assert datasets.Batches(10, 3, seed=6, shuffle='after_first_epoch').indices(5).tolist() != second[3:6].tolist()


def test_batches_of_2017s_horses():
    batches = datasets.Batches(5000, 64, 0, shuffle='never', drop_last_full_batch=True)
    assert batches.per_epoch == 77
    np.testing.assert_array_equal(batches.indices(78), batches.indices(1))
    assert batches.indices(77)[-1] == 77 * 64 - 1


def test_batches_shuffled_always_with_the_incomplete_one_kept():
    batches = datasets.Batches(10, 4, seed=5, keep_incomplete=True)
    assert batches.per_epoch == 3
    epochs = [np.concatenate([batches.indices(number) for number in numbers]) for numbers in ((1, 2, 3), (4, 5, 6))]
    for found in epochs:
        assert found[-2:].tolist() == [-1, -1] and sorted(found[:10]) == list(range(10))
    assert epochs[0].tolist() != epochs[1].tolist() and epochs[0][:10].tolist() != list(range(10))


def test_batches_with_replacement():
    batches = datasets.Batches(10, 1000, seed=5, shuffle='with_replacement', keep_incomplete=True)
    first, second = batches.indices(1), batches.indices(2)
    assert first.dtype == np.int32 and set(first) == set(range(10)) and first.tolist() != second.tolist()
    assert np.bincount(first).min() > 60
    np.testing.assert_array_equal(batches.indices(1), first)


def test_too_few_images_for_a_batch():
    with pytest.raises(UserError, match='--batch_size=64: expected at least 64 images for one step, found 63'):
        datasets.Batches(63, 64, 0)


# --------------------------------------------------------------------------- real data

def test_real_mnist(real_data):
    found = datasets.load('mnist', data_dir=real_data)
    assert found.images.shape == (60000, 28, 28, 1) and found.official is True
    assert np.bincount(found.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert found.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    data = datasets.prepare(found, PRESETS['blog_mnist'])
    assert data.images.shape == (55000, 28, 28, 1) and data.images.min() == -1 and data.images.max() == 1
    assert datasets.Batches(len(data.images), 64, 0).per_epoch == 859
    test = datasets.load('mnist', 'test', data_dir=real_data)
    assert len(test.images) == 10000 and test.official is True


def test_real_mnist_under_the_name_of_another(real_data):
    with pytest.raises(UserError, match='expected the train images of fashion_mnist, found the train images of mnist'):
        datasets.load('fashion_mnist', data_dir=os.path.join(real_data, 'mnist'))


def test_real_cifar(real_cifar):
    found = datasets.load('cifar10', data_dir=real_cifar)
    assert found.images.shape == (50000, 32, 32, 3) and np.bincount(found.labels).tolist() == [5000] * 10
    data = datasets.prepare(found, PRESETS['blog_cifar_horse'], 'horse')
    assert data.images.shape == (5000, 32, 32, 3) and data.images.min() == -1 and data.images.max() == 1


# ----------------------------------------------------------------------------- command

def test_command(tmp_path):
    write_mnist(tmp_path / 'given' / 'mnist', blobs(40), LABELS)
    status, out, err = run_process('datasets', '--data_dir=given', '--preview=p.png', '--class=3')
    assert status == 0, err
    assert err == ''
    assert '40 of 28x28x1' in out and 'class     3: 4 images' in out and 'not the published content' in out
    assert Image.open('p.png').size == (280, 28)
    check_one_line_error(run_command('datasets', '--data_dir=nowhere'), '--data_dir', 'nowhere')
    check_one_line_error(run_command('datasets', '--dataset=emnist'), 'dataset', 'emnist', 'fashion_mnist')
    check_one_line_error(run_command('datasets', '--data_dir=given', '--preview=no/such/p.png'), 'p.png')
