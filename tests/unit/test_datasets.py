"""Where data is found, how it is scaled and in which order it is served."""

import dataclasses
import json
import os
import tarfile

import numpy as np
import pytest
from helpers.commands import check_one_line_error, run_command, run_process
from helpers.data import blobs, write_binary_cifar, write_cifar, write_idx, write_mnist
from PIL import Image

from dcgan_tf1 import evaluate, train
from dcgan_tf1.data import class_names, loading, prepare, reading, sources
from dcgan_tf1.data.batches import Batches
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import run_images
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError

LABELS = np.arange(40).astype(np.uint8) % 10
pytestmark = pytest.mark.usefixtures('elsewhere')


def test_order_of_the_places(tmp_path, monkeypatch):
    for place, seed in (('given/mnist', 1), ('direct', 2), ('env/mnist', 3), ('data/mnist', 4)):
        write_mnist(tmp_path / place, blobs(40, seed), LABELS)
    monkeypatch.setenv('DCGAN_TF1_DATA', str(tmp_path / 'env'))

    def folder(data_dir=None):
        return os.path.relpath(loading.load('mnist', data_dir=data_dir).folder, str(tmp_path))

    assert folder('given') == 'given/mnist'
    assert folder('direct') == 'direct'
    assert folder() == 'env/mnist'
    monkeypatch.delenv('DCGAN_TF1_DATA')
    assert folder() == 'data/mnist'


def test_a_place_that_is_named_and_has_nothing_is_an_error_that_says_what_lies_there(tmp_path, monkeypatch):
    write_mnist(tmp_path / 'data' / 'mnist', blobs(40), LABELS)  # which is not fallen back on
    for wrong in ('nowhere', ''):
        with pytest.raises(UserError, match='--data_dir: expected a folder, found none at ' + (wrong or "''")):
            loading.load('mnist', data_dir=wrong)
    os.makedirs('given/mnist/sub')
    for index in range(10):
        open('given/file{}'.format(index), 'w').close()
    with pytest.raises(UserError, match=(
            r'--data_dir=given: expected MNIST \(train-images-idx3-ubyte .* mnist.npz\), there or in mnist/; found '
            'file0, file1, file2, file3, file4, file5, file6, file7 and 3 more, and in mnist/ sub/$')):
        loading.load('mnist', data_dir='given')
    with pytest.raises(UserError, match='--data_dir: expected a folder, found a file at given/file1'):
        loading.load('mnist', data_dir='given/file1')
    monkeypatch.setenv('DCGAN_TF1_DATA', str(tmp_path / 'nowhere'))
    with pytest.raises(UserError, match='DCGAN_TF1_DATA: expected a folder, found none at .*nowhere'):
        loading.load('mnist')
    monkeypatch.setenv('DCGAN_TF1_DATA', 'given')
    with pytest.raises(UserError, match='DCGAN_TF1_DATA=given: expected a folder for each data set .*found file0,'):
        loading.load('mnist')


def test_a_collection_without_this_data_set_is_said_before_looking_further(tmp_path, monkeypatch):
    write_mnist(tmp_path / 'data' / 'mnist', blobs(40), LABELS)
    write_mnist(tmp_path / 'env' / 'fashion_mnist', blobs(40), LABELS)
    monkeypatch.setenv('DCGAN_TF1_DATA', 'env')
    lines = []
    assert loading.load('mnist', log=lines.append).folder == os.path.join('data', 'mnist')
    assert lines == ['mnist: not in $DCGAN_TF1_DATA, where env has fashion_mnist/; looking in data/mnist']
    assert loading.load('fashion_mnist', log=lines.append).folder == os.path.join('env', 'fashion_mnist')
    assert len(lines) == 1


def test_test_images_come_from_where_the_training_images_are(tmp_path, monkeypatch):
    write_mnist(tmp_path / 'env' / 'mnist', blobs(40), LABELS)
    write_mnist(tmp_path / 'data' / 'mnist', blobs(20, 1), LABELS[:20], 't10k')
    monkeypatch.setenv('DCGAN_TF1_DATA', 'env')
    with pytest.raises(UserError, match='env.mnist: expected the test images beside the others, found train-images-'):
        loading.load('mnist', 'test')
    write_mnist(tmp_path / 'env' / 'mnist', blobs(30, 2), LABELS[:30], 't10k')
    assert len(loading.load('mnist', 'test').images) == 30
    # Nor from another set in the same folder.
    np.savez('env/mnist/mnist.npz', x_test=blobs(10), y_test=LABELS[:10])
    os.remove('env/mnist/t10k-images-idx3-ubyte.gz')
    with pytest.raises(UserError, match='expected t10k-images-idx3-ubyte.gz beside the other files'):
        loading.load('mnist', 'test')
    os.makedirs('only')
    write_mnist(tmp_path / 'only', blobs(20, 1), LABELS[:20], 't10k')
    assert len(loading.load('mnist', 'test', 'only').images) == 20  # where there are none to go with


@pytest.mark.parametrize('folder, names', [
    ('given/MNIST/raw', '{}-{}-idx{}-ubyte'), ('given/mnist/MNIST/raw', '{}-{}-idx{}-ubyte'),
    ('given/raw', '{}-{}-idx{}-ubyte.gz'), ('given/digits', '{}-{}-idx{}-ubyte'), ('given', '{}-{}.idx{}-ubyte'),
    ('given', '{}-{}-idx{}-ubyte/{}-{}-idx{}-ubyte')])
def test_mnist_under_the_names_of_other_programs(tmp_path, folder, names):
    for prefix, count in (('train', 40), ('t10k', 30)):
        for kind, array in (('images', blobs(count)), ('labels', LABELS[:count])):
            path = os.path.join(folder, names.format(*2 * (prefix, kind, array.ndim)))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_idx(path, array)
    os.makedirs('given/fashion_mnist/raw')
    for split, count in (('train', 40), ('test', 30)):
        found = loading.load('mnist', split, data_dir='given')
        np.testing.assert_array_equal(found.images[..., 0], blobs(count))
        assert found.labels.tolist() == LABELS[:count].tolist() and found.folder.startswith(folder)


def test_two_sub_folders_that_could_be_meant(tmp_path):
    for name in ('one', 'two'):
        write_mnist(tmp_path / 'given' / name, blobs(40), LABELS)
    with pytest.raises(UserError, match='--data_dir=given: expected mnist in one folder, found it in one, two'):
        loading.load('mnist', data_dir='given')


def test_emnist_is_turned_upright(tmp_path):
    os.mkdir('gzip')
    for split, count in (('train', 40), ('test', 30)):
        write_idx('gzip/emnist-digits-{}-images-idx3-ubyte.gz'.format(split), blobs(count).transpose(0, 2, 1))
        write_idx('gzip/emnist-digits-{}-labels-idx1-ubyte.gz'.format(split), LABELS[:count])
    lines = []
    for split, count in (('train', 40), ('test', 30)):
        found = loading.load('mnist', split, data_dir='gzip', log=lines.append)
        np.testing.assert_array_equal(found.images[..., 0], blobs(count))
        assert found.official is False
    assert lines == 2 * ['gzip: emnist-digits, whose images lie on their side in the files, turned upright']
    write_idx('gzip/emnist-letters-train-labels-idx1-ubyte.gz', LABELS + 1)
    with pytest.raises(UserError, match='one of the sets of EMNIST, found emnist-digits, emnist-letters; put'):
        loading.load('mnist', data_dir='gzip')


def test_kerass_npz_is_found(tmp_path):
    for name, file in (('mnist', 'mnist.npz'), ('fashion_mnist', 'fashion_mnist.npz')):
        os.makedirs('data/' + name)
        path = 'data/{}/{}'.format(name, file)
        np.savez(path, x_train=blobs(40), y_train=LABELS, x_test=blobs(30), y_test=LABELS[:30])
        for split, count in (('train', 40), ('test', 30)):
            found = loading.load(name, split)  # without downloading anything
            assert found.images.shape == (count, 28, 28, 1) and list(found.files) == [path]
            np.testing.assert_array_equal(found.images[..., 0], blobs(count))


def test_a_damaged_file_beside_a_whole_one(tmp_path):
    write_mnist(tmp_path / 'given', blobs(40), LABELS)
    write_idx('given/train-images-idx3-ubyte', blobs(40))
    with open('given/train-images-idx3-ubyte.gz', 'r+b') as handle:
        handle.truncate(2000)
    lines = []
    found = loading.load('mnist', data_dir='given', log=lines.append)
    np.testing.assert_array_equal(found.images[..., 0], blobs(40))
    assert list(found.files) == ['given/train-images-idx3-ubyte', 'given/train-labels-idx1-ubyte.gz']
    assert len(lines) == 1 and lines[0].startswith('WARNING: given/train-images-idx3-ubyte.gz: expected a whole gzip')
    assert lines[0].endswith('taking given/train-images-idx3-ubyte in its place')
    os.remove('given/train-images-idx3-ubyte')
    with pytest.raises(UserError, match='idx3-ubyte.gz: expected a whole gzip file'):
        loading.load('mnist', data_dir='given')


def test_half_a_data_set_of_the_users_is_an_error(tmp_path):
    write_mnist(tmp_path / 'given', blobs(40), LABELS)
    os.remove('given/train-labels-idx1-ubyte.gz')
    with pytest.raises(UserError, match='expected train-labels-idx1-ubyte.gz beside the other files'):
        loading.load('mnist', data_dir='given')


def test_images_and_labels_must_agree(tmp_path):
    write_mnist(tmp_path / 'a', blobs(40), LABELS[:-1])
    with pytest.raises(UserError, match='one label for each of the 40 images .*found 39'):
        loading.load('mnist', data_dir='a')
    write_mnist(tmp_path / 'b', blobs(40), LABELS + 1)
    with pytest.raises(UserError, match='labels from 0 to 9, found 10'):
        loading.load('mnist', data_dir='b')


def test_forms_of_cifar(tmp_path):
    rows, labels = write_cifar(tmp_path / 'x' / 'cifar10' / 'cifar-10-batches-py')
    for data_dir in ('x', 'x/cifar10', 'x/cifar10/cifar-10-batches-py'):
        found = loading.load('cifar10', data_dir=data_dir)
        np.testing.assert_array_equal(found.labels, labels)
        assert found.official is False
    np.testing.assert_array_equal(found.images[0, 0, :, 0], rows[0, :32])
    os.remove('x/cifar10/cifar-10-batches-py/data_batch_3')
    with pytest.raises(UserError, match='cifar-10-batches-py: expected data_batch_1, .*, found no data_batch_3$'):
        loading.load('cifar10', data_dir='x')
    write_binary_cifar('x/cifar10/cifar-10-batches-bin', rows, labels)  # a whole one beside it
    lines = []
    assert loading.load('cifar10', data_dir='x', log=lines.append).checksum == found.checksum
    assert len(lines) == 1 and 'found no data_batch_3' in lines[0] and lines[0].endswith('-bin in its place')


@pytest.mark.parametrize('name', ['cifar-10-binary.tar.gz', 'cifar-10-python.tar', 'cifar-10-batches-py.tar.gz'])
def test_archives_of_cifar_under_other_names(tmp_path, name):
    rows, labels = write_cifar(tmp_path / 'py')
    write_binary_cifar(tmp_path / 'bin', rows, labels)
    os.mkdir('given')
    with tarfile.open(os.path.join('given', name), 'w:gz' if name.endswith('gz') else 'w') as archive:
        archive.add('bin' if 'binary' in name else 'py', 'cifar-10-batches')
    found = loading.load('cifar10', data_dir='given')
    np.testing.assert_array_equal(found.images, rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(found.labels, labels)


def test_folder_of_pictures(tmp_path):
    os.mkdir('mine')
    for index in range(3):
        Image.new('RGB', (50, 40), (index * 100, 0, 0)).save('mine/{}.png'.format(index))
    found = loading.load('folder', data_dir='mine', shape=(32, 32, 3))
    assert found.images[:, 5, 5, 0].tolist() == [0, 100, 200] and found.labels is None
    os.makedirs('none/of/cats')
    Image.new('L', (5, 4)).save('none/of/cats/1.png')
    found = loading.load('folder', data_dir='none', shape=(32, 32, 3))
    assert found.classes == ('cats',) and found.labels.tolist() == [0]
    os.rename('none/of/cats/1.png', 'none/of/cats/1.txt')
    with pytest.raises(UserError, match=r'--data_dir=none: expected pictures \(png, .* in folder/; found of/$'):
        loading.load('folder', data_dir='none', shape=(32, 32, 3))
    with pytest.raises(UserError, match=r'folder: expected pictures \(png, .*\), a zip .* in data.folder, found none'):
        loading.load('folder', shape=(32, 32, 3))


def test_the_background_decides_what_a_run_is_trained_on(tmp_path):
    os.makedirs('mine')
    for index in range(3):
        Image.new('LA', (28, 28), (0, 100 * index)).save('mine/{}.png'.format(index))
    os.makedirs('run')

    def identity(*given):
        config = train.parse_train(['--dataset=folder', '--data_dir=mine', '--batch_size=1'] + list(given))
        found = make_plan(config, lambda text: None).identity
        with open('run/config.json', 'w') as handle:
            json.dump({'identity': found}, handle)
        return found

    black, white = identity(), identity('--background=white')
    assert run_images.reading_of('run').background == 'white'
    # Runs that were started before there was a choice go on.
    assert 'background' not in black and white['background'] == 'white' and identity('--background=black') == black
    assert run_images.reading_of('run') == run_images.reading_of(None) == reading.DEFAULTS
    assert black['data_checksum'] != white['data_checksum']
    found = evaluate.parse(['--images=mine', '--preset=blog_mnist', '--background=white'])
    assert found.reading == {'background': 'white'}
    for parse, given, message in (
            (train.parse_train, ['--background=white'], 'with --dataset=folder, found --background=white with mnist'),
            (evaluate.parse, ['--run=run', '--background=white'], 'without --run, .*, found --background=white')):
        with pytest.raises(flags.Error, match='--background: expected only ' + message):
            parse(given)


def dataset(images, labels=None, **changes):
    found = loading.Dataset('mnist', images, labels, tuple('0123456789'), 'f', {}, 'c', None, None, len(images))
    return found._replace(**changes)


def test_bytes_are_scaled_to_the_presets_range():
    images = np.zeros((5002, 28, 28, 1), np.uint8)
    images[5000], images[5001] = 255, 51
    data = prepare.prepare(dataset(images), PRESETS['blog_mnist'])
    assert data.images.shape == (2, 28, 28, 1) and data.images.dtype == np.float32  # the first 5,000 held out
    assert data.images[0].min() == 1 and np.allclose(data.images[1], -0.6)
    assert prepare.prepare(dataset(images), PRESETS['blog_dense']).images.shape == (2, 784)
    unit = dataclasses.replace(PRESETS['blog_mnist'], image_range=(0.0, 1.0), holdout=0)
    assert np.allclose(prepare.prepare(dataset(images), unit).images[[0, -2, -1], 0, 0, 0], [0, 1, 0.2])


def test_minmax_is_over_all_images_and_before_the_class():
    images = np.full((4, 32, 32, 3), 100, np.uint8)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = 50, 150  # not horses
    images[2, 0, 0, 0], images[3, 0, 0, 0] = 75, 125
    found = dataset(images, np.array([1, 1, 7, 7]), name='cifar10', classes=sources.DATASETS['cifar10'].classes)
    data = prepare.prepare(found, PRESETS['blog_cifar_horse'], 'horse')
    assert data.image_class == 'horse' and data.full_size == 2
    np.testing.assert_allclose(data.images[:, 0, 0, 0], [-0.5, 0.5])
    assert np.isfinite(data.images).all()  # where minimum and maximum agree


def test_the_holdout_is_taken_off_before_the_class():
    labels = np.arange(5100) % 10
    images = np.zeros((5100, 28, 28, 1), np.uint8)
    data = prepare.prepare(dataset(images, labels), PRESETS['blog_mnist'], '3')
    assert len(data.images) == 10 and data.full_size == 10
    stand_in = dataset(images[:5000], labels[:5000], note='a note', nominal_size=60000)
    data = prepare.prepare(stand_in, PRESETS['blog_mnist'], '3')
    assert len(data.images) == 500 and data.full_size == 5500


def test_a_class_without_images_is_refused():
    found = dataset(np.zeros((10, 28, 28, 1), np.uint8), np.arange(10) % 5 + 1, classes=tuple('abcdef'))
    with pytest.raises(UserError, match="--class: expected a class with images, found none of 'a' in "):
        prepare.prepare(found, dataclasses.replace(PRESETS['blog_mnist'], holdout=0), 'a')


def test_classes_by_name_and_number():
    found = dataset(np.zeros((10, 28, 28, 1), np.uint8), np.arange(10), classes=sources.DATASETS['cifar10'].classes)
    for text in 'horse', '7':
        assert class_names.class_number(found.name, found.classes, text) == 7
    for wrong in ('zebra', '10', '-1', '\u00b2'):
        with pytest.raises(UserError, match='--class: expected one of airplane, '):
            class_names.class_number(found.name, found.classes, wrong)


def test_a_data_set_of_another_shape_is_refused():
    with pytest.raises(UserError, match='expected images of 32x32x3 for --preset=blog_cifar_horse, found 28x28x1'):
        prepare.prepare(dataset(np.zeros((9, 28, 28, 1), np.uint8)), PRESETS['blog_cifar_horse'])


def test_batches_first_epoch_in_order_later_ones_shuffled_incomplete_dropped():
    batches = Batches(10, 3, seed=5, shuffle='after_first_epoch')
    assert batches.per_epoch == 3
    first = np.concatenate([batches.indices(step) for step in (1, 2, 3)])
    assert first.tolist() == list(range(9))
    second, third = [np.concatenate([batches.indices(step) for step in steps]) for steps in ((4, 5, 6), (7, 8, 9))]
    assert len(set(second)) == 9 and second.tolist() != first.tolist() and second.tolist() != third.tolist()
    assert [batches.epoch(step) for step in (1, 3, 4, 6, 7)] == [1, 1, 2, 2, 3]
    again = Batches(10, 3, seed=5, shuffle='after_first_epoch')
    assert again.indices(5).tolist() == second[3:6].tolist()  # without having served the earlier ones
    assert Batches(10, 3, seed=6, shuffle='after_first_epoch').indices(5).tolist() != second[3:6].tolist()


def test_shuffled_once_every_epoch_has_the_same_order():
    batches = Batches(10, 5, seed=3, shuffle='once')
    first = [batches.indices(number).tolist() for number in (1, 2)]
    assert sorted(sum(first, [])) == list(range(10)) and first[0] != list(range(5))
    assert [batches.indices(number).tolist() for number in (3, 4)] == first
    assert Batches(10, 5, seed=3, shuffle='once').indices(4).tolist() == first[1]
    assert Batches(10, 5, seed=4, shuffle='once').indices(4).tolist() != first[1]


def test_batches_of_2017s_horses():
    batches = Batches(5000, 64, 0, shuffle='never', drop_last_full_batch=True)
    assert batches.per_epoch == 77
    np.testing.assert_array_equal(batches.indices(78), batches.indices(1))
    assert batches.indices(77)[-1] == 77 * 64 - 1


def test_batches_shuffled_always_with_the_incomplete_one_kept():
    batches = Batches(10, 4, seed=5, keep_incomplete=True)
    assert batches.per_epoch == 3
    epochs = [np.concatenate([batches.indices(number) for number in numbers]) for numbers in ((1, 2, 3), (4, 5, 6))]
    for found in epochs:
        assert found[-2:].tolist() == [-1, -1] and sorted(found[:10]) == list(range(10))
    assert epochs[0].tolist() != epochs[1].tolist() and epochs[0][:10].tolist() != list(range(10))


def test_batches_with_replacement():
    batches = Batches(10, 1000, seed=5, shuffle='with_replacement', keep_incomplete=True)
    first, second = batches.indices(1), batches.indices(2)
    assert first.dtype == np.int32 and set(first) == set(range(10)) and first.tolist() != second.tolist()
    assert np.bincount(first).min() > 60
    np.testing.assert_array_equal(batches.indices(1), first)


def test_too_few_images_for_a_batch():
    with pytest.raises(UserError, match='--batch_size=64: expected at least 64 images for one step, found 63'):
        Batches(63, 64, 0)


# --------------------------------------------------------------------------- real data

def test_real_mnist(real_data):
    found = loading.load('mnist', data_dir=real_data)
    assert found.images.shape == (60000, 28, 28, 1) and found.official is True
    assert np.bincount(found.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert found.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    data = prepare.prepare(found, PRESETS['blog_mnist'])
    assert data.images.shape == (55000, 28, 28, 1) and data.images.min() == -1 and data.images.max() == 1
    assert Batches(len(data.images), 64, 0).per_epoch == 859
    test = loading.load('mnist', 'test', data_dir=real_data)
    assert len(test.images) == 10000 and test.official is True


def test_real_mnist_under_the_name_of_another(real_data):
    with pytest.raises(UserError, match='expected the train images of fashion_mnist, found the train images of mnist'):
        loading.load('fashion_mnist', data_dir=os.path.join(real_data, 'mnist'))


def test_real_cifar(real_cifar):
    found = loading.load('cifar10', data_dir=real_cifar)
    assert found.images.shape == (50000, 32, 32, 3) and np.bincount(found.labels).tolist() == [5000] * 10
    data = prepare.prepare(found, PRESETS['blog_cifar_horse'], 'horse')
    assert data.images.shape == (5000, 32, 32, 3) and data.images.min() == -1 and data.images.max() == 1


# ----------------------------------------------------------------------------- command

@pytest.mark.slow_tf1
def test_command(tmp_path):
    write_mnist(tmp_path / 'given' / 'mnist', blobs(40), LABELS)
    status, out, err = run_process('datasets', '--data_dir=given', '--preview=p.png', '--class=3')
    assert status == 0, err
    assert err == ''
    assert '40 of 28x28x1' in out and 'class     3: 4 images' in out and 'not the published content' in out
    assert Image.open('p.png').size == (280, 28)
    for wrong in ('--background=white', '--shape=8x8x1'):
        check_one_line_error(run_command('datasets', '--data_dir=given', wrong), wrong[:7], 'with --dataset=folder')
    check_one_line_error(run_command('datasets', '--dataset=folder', '--split=test'), '--split: expected train')
    os.mkdir('pictures')
    Image.new('LA', (4, 4), (0, 0)).save('pictures/1.png')
    for ground, value in (('black', 0), ('white', 255)):
        status, out, err = run_command('datasets', '--dataset=folder', '--data_dir=pictures', '--shape=4x4x1',
                                       '--background=' + ground)
        assert status == 0 and 'bytes from {0} to {0}'.format(value) in out, err
        assert '1 of 1 pictures with transparent parts, laid on {} '.format(ground) in out
    for name, channels in (('1', 1), ('2', 3)):  # grey until there is one in colour
        Image.new('L' if channels == 1 else 'RGB', (4, 4)).save('pictures/{}.png'.format(name))
        status, out, err = run_command('datasets', '--dataset=folder', '--data_dir=pictures', '--shape=4x4xauto')
        assert status == 0 and ' of 4x4x{}, bytes'.format(channels) in out, err
    check_one_line_error(run_command('datasets', '--dataset=folder', '--shape=4x4x2'), '1, 3 or auto', '4x4x2')
    check_one_line_error(run_command('datasets', '--data_dir=nowhere'), '--data_dir', 'nowhere')
    check_one_line_error(run_command('datasets', '--dataset=emnist'), 'dataset', 'emnist', 'fashion_mnist')
    check_one_line_error(run_command('datasets', '--data_dir=given', '--preview=no/such/p.png'), 'p.png')


def test_a_preview_replaces_nothing_unasked_and_shows_something(elsewhere):
    np.savez('mine.npz', x_train=np.zeros((4, 8, 8), np.uint8), y_train=[0, 2, 0, 2])
    with open('p.png', 'w') as handle:
        handle.write('mine')
    flags = ('datasets', '--dataset=npz', '--data_dir=mine.npz', '--preview=p.png')
    check_one_line_error(run_command(*flags), 'p.png', '--overwrite')
    check_one_line_error(run_command(*flags + ('--overwrite', '--class=1')), '--preview', 'none of the class 1')
    with open('p.png') as handle:
        assert handle.read() == 'mine'
    assert run_command(*flags + ('--overwrite',))[0] == 0
