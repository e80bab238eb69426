"""Data with labels, and of the user's own: folders of class folders, .npz files, both splits as one data set."""

import dataclasses
import json
import os
import re
import resource
import tracemalloc

import numpy as np
import pytest
from helpers.commands import check_one_line_error, run_command
from helpers.data import blobs, write_mnist
from PIL import Image

from dcgan_tf1 import train
from dcgan_tf1.data import cache, class_names, loading, npz, prepare, reading, recorded
from dcgan_tf1.gan.preset import StepInterval
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import classes
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.util.errors import UserError

LABELS = np.arange(40).astype(np.uint8) % 10
pytestmark = pytest.mark.usefixtures('elsewhere')


def test_a_folder_of_class_folders(tmp_path):
    for name, values in (('b, c', (10, 20)), ('a', (30,)), ('empty', ()), ('.hidden', (1,))):
        os.makedirs('mine/' + name)
        for value in values:
            Image.new('L', (28, 28), value).save('mine/{}/{}.png'.format(name, value))
    for name in ('notes.txt', 'a/notes.txt'):
        open('mine/' + name, 'w').close()
    lines = []
    found = loading.load('folder', data_dir='mine', shape=(28, 28, 1), log=lines.append)
    assert found.images[:, 0, 0, 0].tolist() == [30, 10, 20] and found.labels.tolist() == [0, 1, 1]
    assert found.classes == ('a', 'b, c') and found.labels.dtype == np.int64
    assert lines == ['mine: 3 of 6 files left out: empty/, notes.txt, a/notes.txt',
                     'mine: 2 classes by sub-folders: a 1, b, c 2']
    assert [classes.parse_classes(text, found.classes) for text in ('b, c', '1,a')] == [[1], [1, 0]]
    # macOS writes a folder's accents as letters of their own.
    apart, whole = 'cafe\u0301', 'caf\xe9'
    for names, text in (((apart, 'dog'), whole), ((whole, 'dog'), apart)):
        assert classes.parse_classes(text + ',dog', names) == [0, 1] and class_names.number_among(names, text) == 0
    # The labels are part of the content.
    os.rename('mine/b, c/20.png', 'mine/a/20.png')
    assert loading.load('folder', data_dir='mine', shape=(28, 28, 1), log=lines.append).checksum != found.checksum
    # Pictures that lie beside the folders are taken without labels, and what is left out is said.
    Image.new('L', (28, 28), 90).save('mine/loose.png')
    found = loading.load('folder', data_dir='mine', shape=(28, 28, 1), log=lines.append)
    assert found.labels is None and found.classes == () and found.images[:, 0, 0, 0].tolist() == [90]
    assert lines[-1] == 'mine: 4 of 5 files left out: a/, b, c/, empty/, notes.txt'
    with pytest.raises(UserError, match='expected labels for --preset=cgan_mnist, found none in mine: a class is a'):
        prepare.prepare(found, PRESETS['cgan_mnist'])


@pytest.mark.parametrize('names, texts', [
    # A number is a label where no name is one, and else never.
    (('cat', 'dog'), {'cat': [0], '1': [1], 'dog,0': [1, 0], 'all': [0, 1], 'cat, dog': [0, 1], '2': None}),
    (('07', '1', '10', '2'), {'07': [0], '7': [0], '2': [3], '10,1': [2, 1], '0': None, '3': None}),
    (tuple('0123456789'), {'7': [7], '07': [7], '10': None}),
    (('-1', '+1', '0'), {'1': [1], '-1': [0], '0': [2], '2': None}),
    (('1', '01'), {'1': [0], '01': [1], '001': None}),
    # The longest name counts, whatever commas are in it.
    (('a,b', '07', 'a', 'all'), {'a,b': [0], '07,a,b': [1, 0], 'a,07': [2, 1], 'all': [3], 'b': None})])
def test_classes_by_name_or_number(names, texts):
    for text, expected in texts.items():
        if expected is None:
            with pytest.raises(UserError, match='--class: expected one of {}, '.format(re.escape(names[0]))):
                classes.parse_classes(text, names)
        else:
            assert classes.parse_classes(text, names) == expected, text


def test_arrays_of_ones_own(tmp_path):
    images = np.arange(5 * 6 * 4 * 3).reshape(5, 6, 4, 3) % 256
    labels, lines = np.array([[4], [0], [1], [1], [0]]), []
    os.makedirs('data/npz')
    np.savez('data/npz/mine.npz', x_train=images, y_train=labels, x_test=images[:2], y_test=[1, 5], extra=1)
    for data_dir in (None, 'data', 'data/npz', 'data/npz/mine.npz'):
        found = loading.load('npz', data_dir=data_dir, log=lines.append)
        np.testing.assert_array_equal(found.images, images)
        assert found.labels.tolist() == [4, 0, 1, 1, 0] and found.classes == tuple('01234')
        assert found.official is None and list(found.files) == ['data/npz/mine.npz']
    assert lines == 4 * ['data/npz/mine.npz: x_train taken; left out: extra', 'data/npz/mine.npz: 5 classes by '
                         'y_train: 0 2, 1 2, 4 1; WARNING: without images: 2, 3']
    both = loading.load_splits('npz', ('train', 'test'), 'data', log=lines.append)
    np.testing.assert_array_equal(both.images, np.concatenate([images, images[:2]]))
    assert both.labels.tolist() == [4, 0, 1, 1, 0, 1, 5] and both.classes == tuple('012345')
    np.savez_compressed('grey.npz', images=images[..., 0].astype(np.uint8))
    found = loading.load_splits('npz', ('train', 'test'), 'grey.npz', log=lines.append)
    assert found.images.shape == (5, 6, 4, 1) and found.labels is None and found.classes == ()
    assert lines[-2:] == ['grey.npz: no labels, so the images have no labels',
                          'grey.npz: no test images; those of train are all that is trained on']
    np.savez('data/npz/other.npz', images=images)
    with pytest.raises(UserError, match='npz: expected one .npz file, found mine.npz, other.npz; name one'):
        loading.load('npz')
    with pytest.raises(UserError, match='--data_dir=empty: expected one .npz file with x_train'):
        os.mkdir('empty')
        loading.load('npz', data_dir='empty')
    with pytest.raises(UserError, match='--data_dir: expected a folder, found a file'):
        loading.load('mnist', data_dir='grey.npz')
    # MNIST under this name is no mistake.
    np.savez('mnist.npz', x_train=blobs(40), y_train=LABELS)
    assert len(loading.load('npz', data_dir='mnist.npz').images) == 40


@pytest.mark.parametrize('arrays, message', [
    ({'y_train': [1]}, 'expected the array x_train or train_images or images or X_train or .*, found y_train'),
    ({'images': np.zeros((2, 4, 4))}, 'images of float64, no integers from 0 to 255; for images from 0 to 1, '),
    ({'images': np.zeros((2, 3, 4, 4), int)}, r'found \[2, 3, 4, 4\]; images.transpose\(0, 2, 3, 1\) puts the chan'),
    ({'images': np.zeros((8, 8, 3), int)}, r'found \[8, 8, 3\], one picture; images\[None\] makes an array of it'),
    ({'images': np.zeros((8, 8, 4), int)}, r'one picture; images\[None, ..., :3\] makes an array of it'),
    ({'images': np.array([None] * 2)}, 'images of object, no integers from 0 to 255$'),
    ({'images': np.zeros((0, 4, 4), int)}, r'an empty one, of the shape \[0, 4, 4\]'),
    ({'images': np.zeros((2, 4, 4, 2), int)}, r'images \[N, H, W\] or \[N, H, W, 1 or 3\], found \[2, 4, 4, 2\]'),
    ({'images': np.full((2, 4, 4), 256)}, 'images from 256 to 256'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': [1]}, r'labels \[2\], a label for each image, found \[1\]'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': np.ones((2, 2), int)}, r'found \[2, 2\]'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': [0, 1000]}, 'labels from 0 to 1000'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': [0, -1]}, 'labels from -1 to 0'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': [0.0, 1.0]}, 'labels of float64, no integers from 0 to 999; --'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': np.full((2, 2), 0.5)}, 'labels of float64, no integers from 0'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': [b'a', b'\xff']}, 'labels in UTF-8, found other bytes; --nolab'),
    ({'images': np.zeros((2, 4, 4), int), 'labels': ['a', '']}, 'a label for each picture, found an empty one')])
def test_arrays_that_are_refused(tmp_path, arrays, message):
    np.savez('x.npz', **arrays)
    with pytest.raises(UserError, match='x.npz: .*' + message):
        loading.load('npz', data_dir='x.npz')


@pytest.mark.parametrize('labels, numbers, classes', [
    (['dog', 'cat', 'dog'], [1, 0, 1], ('cat', 'dog')), ([['7'], ['0'], ['7']], [7, 0, 7], tuple('01234567')),
    (np.eye(4)[[3, 0, 3]].astype(np.uint8), [3, 0, 3], tuple('0123')),
    (np.eye(5, dtype=np.float32)[[3, 0, 3]], [3, 0, 3], tuple('01234')),  # the last class has no image
    (np.eye(4, dtype=bool)[[3, 0, 3]], [3, 0, 3], tuple('0123')),
    (np.char.encode(['dog', 'caf\xe9', 'dog'], 'utf-8'), [1, 0, 1], ('caf\xe9', 'dog'))])
def test_labels_of_arrays_that_are_names_or_one_hot(labels, numbers, classes):
    np.savez('x.npz', images=np.full((3, 4, 4), 99, np.uint8), labels=labels)
    dataset = loading.load('npz', data_dir='x.npz', log=lambda line: None)
    assert (dataset.labels.tolist(), dataset.labels.dtype, dataset.classes) == (numbers, np.int64, classes)


def test_texts_of_both_splits_are_numbered_together():
    images = np.full((2, 4, 4), 99, np.uint8)
    np.savez('x.npz', x_train=images, y_train=['bee', 'ant'], x_test=images, y_test=['bee', 'cow'])
    found = [loading.load('npz', split, 'x.npz', log=lambda line: None) for split in ('train', 'test')]
    assert [each.labels.tolist() for each in found] == [[1, 0], [1, 2]]
    assert {each.classes for each in found} == {('ant', 'bee', 'cow')}
    both = loading.load_splits('npz', ('train', 'test'), 'x.npz', log=lambda line: None)
    assert both.labels.tolist() == [1, 0, 1, 2] and both.classes == ('ant', 'bee', 'cow')
    for others in ([0, 1], ['', '']):  # of test images whose labels are of another kind, or not known
        np.savez('x.npz', x_train=images, y_train=['bee', 'ant'], x_test=images, y_test=others)
        found = loading.load('npz', 'train', 'x.npz', log=lambda line: None)
        assert (found.labels.tolist(), found.classes) == ([1, 0], ('ant', 'bee'))
    np.savez('x.npz', x_train=images, y_train=['bee', 'ant'], x_test=images, y_test=[0, 1])
    with pytest.raises(UserError, match='expected the classes ant, bee in the test images, too, found 0, 1; --nolab'):
        loading.load_splits('npz', ('train', 'test'), 'x.npz', log=lambda line: None)


@pytest.mark.parametrize('images, labels', [
    ('X_train', 'y_train'), ('X', 'y'), ('image', 'label'), ('images', 'label'), ('images', 'y'), ('data', 'labels'),
    ('data', 'y'), ('arr_0', 'arr_1')])
def test_other_usual_names_of_arrays(images, labels):
    np.savez('x.npz', **{images: np.full((2, 4, 4), 99, np.uint8), labels: [1, 0]})
    assert loading.load('npz', data_dir='x.npz', log=lambda line: None).labels.tolist() == [1, 0]


def test_texts_that_are_damaged_are_called_that():
    np.savez('x.npz', images=np.full((3, 4, 4), 99, np.uint8), labels=['cat', 'dog', 'cat'])
    with open('x.npz', 'r+b') as handle:
        content = handle.read()
        handle.seek(content.index('dog'.encode('utf-32-le')))
        handle.write(b'\xff')
    with pytest.raises(UserError, match="x.npz: expected .* the array 'labels'.*, found: Bad CRC-32 .*; --nolabels"):
        loading.load('npz', data_dir='x.npz', log=lambda line: None)


def test_arrays_that_do_not_fit_on_the_disk_are_not_called_damaged():
    np.savez_compressed('x.npz', images=np.zeros((300, 28, 28), np.uint8))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, most[1]))
    try:
        with pytest.raises(UserError, match='^cannot write .*pixels: File too large; --cache_dir=FOLDER keeps'):
            loading.load('npz', data_dir='x.npz', reading=reading.Reading(cache_gib=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert os.listdir(cache.FOLDER) == []


@pytest.mark.parametrize('order', 'CF')
def test_integers_of_any_type_take_the_memory_of_bytes(order, monkeypatch):
    images = np.random.RandomState(0).randint(0, 256, (50, 64, 64)).astype(np.uint8)
    np.savez_compressed('x.npz', images=np.array(images, '>i8', order=order))
    monkeypatch.setattr(npz, '_BLOCK', 1 << 14)
    tracemalloc.start()
    try:
        found = npz.read_integers('x.npz', 'images', max_bytes=images.size)
        assert tracemalloc.get_traced_memory()[1] < 2 * images.size  # of 8 * images.size in the file
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, images)
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    with pytest.raises(UserError, match=r'x.npz: .* found: 204800 in memory for the shape \[50, 64, 64\], of 204799'):
        npz.read_integers('x.npz', 'images', max_bytes=images.size - 1)
    if order == 'C':
        found = [values for _, values in npz.blocks('x.npz', 'images')]
        assert len(found) == 50
        np.testing.assert_array_equal(np.concatenate(found), images)
    np.save('x.npy', images)
    os.truncate('x.npy', os.path.getsize('x.npy') - 1)
    with pytest.raises(UserError, match='x.npy: expected an .npy file of integers from 0 to 255, found: 1 bytes less'):
        npz.read_integers('x.npy', None)


def test_both_splits_as_one_data_set(tmp_path):
    write_mnist(tmp_path / 'given', blobs(40), LABELS)
    write_mnist(tmp_path / 'given', 255 - blobs(30), LABELS[:30], 't10k')
    parts = [loading.load('mnist', split, 'given') for split in ('train', 'test')]
    both = loading.load_splits('mnist', ('train', 'test'), 'given')
    np.testing.assert_array_equal(both.images, np.concatenate([part.images for part in parts]))
    np.testing.assert_array_equal(both.labels, np.concatenate([part.labels for part in parts]))
    assert both.nominal_size == 70 and both.splits == ('train', 'test') and both.official is False
    assert len(both.files) == 4 and both.checksum not in [part.checksum for part in parts]
    assert loading.load_splits('mnist', ('train',), 'given').checksum == parts[0].checksum
    np.testing.assert_array_equal(loading.load_beside(both, 'train').images, parts[0].images)
    config = train.parse_train(['--data_dir=given', '--batch_size=1'])
    preset = dataclasses.replace(config.preset, splits=('train', 'test'), holdout=0)
    plan = make_plan(dataclasses.replace(config, preset=preset), print)
    assert len(plan.data.images) == 70 and plan.identity['data_checksum'] == both.checksum
    # A run's own data are found by what its config.json says.
    config = {'identity': plan.identity, 'data': {'name': 'mnist', 'folder': 'given', 'checksum': both.checksum}}
    dataset, is_own = recorded.load('run', json.loads(json.dumps(config)), 'mnist')
    assert is_own and len(dataset.images) == 70
    config['identity']['splits'] = ['validation']
    with pytest.raises(UserError, match="run: expected splits of 'train' and 'test' in its config.json, found"):
        recorded.load('run', config, 'mnist')
    os.remove('given/t10k-labels-idx1-ubyte.gz')
    with pytest.raises(UserError, match='expected t10k-labels'):
        loading.load_splits('mnist', ('train', 'test'), 'given')


@pytest.mark.parametrize('preset, before, after, said', [
    ('blog_mnist', 'after_first_epoch', 'always', 'takes them shuffled, in the first epoch, too'),
    ('blog_cifar_horse', 'never', 'once', 'takes them shuffled, once for all epochs'),
    ('dcgan', 'always', None, None)])
def test_images_that_lie_class_by_class_are_not_trained_on_so(preset, before, after, said):
    shape = (28, 28) if preset == 'blog_mnist' else (32, 32, 3)
    images = np.broadcast_to(np.arange(40, dtype=np.uint8).reshape((40,) + (1,) * len(shape)), (40,) + shape)
    config = train.parse_train(['--preset=' + preset, '--dataset=npz', '--data_dir=x.npz', '--batch_size=4'])
    for labels, expected in ((np.arange(40) // 20, after or before), (np.arange(40) % 2, before),
                             (np.zeros(40, int), before)):
        np.savez('x.npz', images=images, labels=labels)
        lines, wanted = [], dataclasses.replace(config.preset, holdout=0)
        plan = make_plan(dataclasses.replace(config, preset=wanted), lines.append)
        assert plan.preset.shuffle == plan.identity['shuffle'] == expected
        told = [line for line in lines if 'class by class' in line]
        assert len(told) == (expected != before) and all(said in line for line in told)
        if told:  # of half of the images, which are all of one class as they lie there
            rows = np.concatenate([plan.batches.indices(number) for number in range(1, 6)])
            assert set(plan.data.labels[rows]) == {0, 1}


def test_a_run_on_few_images_has_rows_all_the_same(tmp_path):
    np.savez('x.npz', images=blobs(40))
    given, lines = ['--preset=dcgan', '--dataset=npz', '--data_dir=x.npz', '--batch_size=8'], []
    plan = make_plan(train.parse_train(given), lines.append)
    assert (plan.total, plan.log_steps, plan.sample_steps) == (125, (13, 13), (13, 13))
    assert lines[-2:] == [
        '125 steps, of which the preset would show the first at 200: a row of samples every 13 instead (--log_every)',
        'WARNING: 125 steps in all are too few for clear images, for which a GAN takes thousands (--max_steps=5000)']
    plan = make_plan(train.parse_train(given + ['--epochs=2', '--max_steps=9']), lines.append)
    assert plan.total == 9
    assert lines[-1] == '--epochs=2, which is 10 steps, has no effect beside --max_steps=9'
    for more, steps in (('--epochs=40', (200, 200)), ('--max_steps=9', (200, 200)), ('--log_every=300', (300, 300))):
        plan = make_plan(train.parse_train(given + [more]), lines.append)
        assert plan.log_steps == plan.sample_steps == steps and 'would show' not in lines[-1]
    assert sum('too few' in line for line in lines) == 2  # not where the steps were asked for
    config = train.parse_train(given)
    for fields, log_steps, sample_steps, name in (
            ({'log_every': StepInterval(5, 'steps'), 'samples_every': StepInterval(1000, 'steps')}, (5, 5), (13, 13),
             'step-{step:06d}.png'),
            ({'log_every': StepInterval(60, 'epochs'), 'samples_name': 'e{epoch:03d}.png'}, (13, 13), (13, 13),
             'step-{step:06d}.png'),
            ({'log_every': StepInterval(9, 'epochs'), 'samples_name': 'e{epoch:03d}.png'}, (45, 45), (45, 45),
             'e{epoch:03d}.png')):
        plan = make_plan(dataclasses.replace(config, preset=dataclasses.replace(config.preset, **fields)), print)
        assert (plan.log_steps, plan.sample_steps, plan.preset.samples_name) == (log_steps, sample_steps, name)


def test_a_schedule_that_falls_to_zero_is_one_of_as_many_steps():
    np.savez('x.npz', images=blobs(40))
    given = ['--dataset=npz', '--data_dir=x.npz', '--batch_size=8', '--max_steps=4']
    first, other = [make_plan(train.parse_train(['--preset=sngan_mnist'] + given + more), print).identity
                    for more in ([], ['--max_steps=5'])]
    assert first['decay_steps'] == 4 and other == dict(first, decay_steps=5)
    assert 'decay_steps' not in make_plan(train.parse_train(['--preset=blog_mnist'] + given), print).identity


def test_a_class_that_there_is_not_is_refused_before_anything_is_decoded():
    for name in ('mine/cat/a.png', 'mine/dog/b.png', 'flat/c.png'):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, 'w') as handle:
            handle.write('no picture')
    for place, message in (('mine', "--class: expected one of cat, dog, or a number from 0 to 1, found 'cta'"),
                           ('flat', '--class: expected a data set with classes, found --dataset=folder')):
        given = ['--data_dir=' + place, '--class=cta']
        with pytest.raises(UserError, match='^' + message):
            make_plan(train.parse_train(['--preset=dcgan'] + given), print)
        check_one_line_error(run_command('datasets', '--dataset=folder', *given), message)


def test_a_class_that_is_called_all(tmp_path):
    np.savez('x.npz', images=blobs(40), labels=np.array(['all', 'cat'])[LABELS % 2])
    given = ['--preset=dcgan', '--dataset=npz', '--data_dir=x.npz', '--batch_size=8']
    assert make_plan(train.parse_train(given), print).data.count == 40
    assert make_plan(train.parse_train(given + ['--class=1']), print).data.image_class == 'cat'
    with pytest.raises(UserError, match="--class: expected the number of a class, .* found 'all', which is one"):
        make_plan(train.parse_train(given + ['--class=all']), print)


def test_a_preset_with_labels_takes_the_classes_of_its_data(tmp_path):
    np.savez('x.npz', images=blobs(40), labels=LABELS % 4)
    given = ['--preset=cgan_mnist', '--dataset=npz', '--data_dir=x.npz', '--batch_size=4']
    plan = make_plan(train.parse_train(given), print)
    assert (plan.preset.classes, plan.preset.samples) == (4, 4) and plan.identity['classes'] == 4
    config = train.parse_train(given)
    plan = make_plan(dataclasses.replace(config, preset=dataclasses.replace(config.preset, samples=25)), print)
    assert plan.preset.samples == 12  # three rows, as before
    found = loading.load('npz', data_dir='x.npz')
    np.savez('x.npz', images=blobs(40))
    with pytest.raises(UserError, match='--dataset=npz: expected labels .* in x.npz: they are the array y_train or'):
        make_plan(train.parse_train(given), print)
    assert make_plan(train.parse_train(['--preset=blog_mnist'] + given[1:]), print).preset.classes is None
    with pytest.raises(UserError, match='expected the 10 classes of --preset=cgan_mnist, found 4 in x.npz'):
        prepare.prepare(found, PRESETS['cgan_mnist'])


@pytest.mark.parametrize('names, message', [
    (['cat', 'dog', 'bear'], None), (['cat', 'dog', 'bear', 'eel'], None),
    (['cat ', 'dog', 'bear'], None), ([b'cat', b'dog', b'bear'], None),
    (['cat', 'dog'], r'\[3 or more\], a name for each class, found cat, dog; --nolabels reads')])
def test_arrays_with_names_of_classes(names, message):
    np.savez('mine.npz', images=np.full((3, 4, 4), 17, np.uint8), labels=[0, 2, 1], classes=np.array(names))
    lines = []
    if message:
        with pytest.raises(UserError, match="mine.npz: expected .*classes.*" + message):
            loading.load('npz', data_dir='mine.npz', log=lines.append)
    else:
        found = loading.load('npz', data_dir='mine.npz', log=lines.append)
        assert found.classes == ('cat', 'dog', 'bear', 'eel')[:len(names)]
        assert lines[0].startswith('mine.npz: {} classes by labels: cat 1, dog 1, bear 1'.format(len(names)))
        for other in ([7, 8, 9], ['a', 'a', 'b'], [['a', 'b', 'c']], 'abc', np.array([{}], object)):
            np.savez('mine.npz', images=np.full((3, 4, 4), 17, np.uint8), labels=[0, 2, 1], classes=other)
            assert loading.load('npz', data_dir='mine.npz', log=lines.append).classes == ('0', '1', '2')
            assert 'left out: classes' in lines[-2]
