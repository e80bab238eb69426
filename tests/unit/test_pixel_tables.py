"""Tables of pixels, an image a line, as arrays of the user's own."""

import os
import warnings
import zipfile

import numpy as np
import pytest

from dcgan_tf1 import train
from dcgan_tf1.data import loading, pixel_tables, reading
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.usefixtures('elsewhere')

GREY = np.random.RandomState(0).randint(0, 256, (12, 9, 9)).astype(np.uint8)
LABELS = np.arange(12) * 5 % 4


def write(path, rows, names=None, end='\n'):
    with open(path, 'w', encoding='utf-8') as handle:
        for row in ([] if names is None else [names]) + [list(map(str, row)) for row in rows]:
            handle.write(','.join(row) + end)


def load(path, **how):
    lines = []
    return loading.load('npz', data_dir=path, reading=reading.Reading(**how), log=lines.append), lines


def rows_of(images=GREY, labels=LABELS):
    return [[label] + image.reshape(-1).tolist() for label, image in zip(labels, images)]


NAMES = ['label'] + ['pixel{}'.format(index) for index in range(81)]


@pytest.mark.parametrize('rows, names', [
    (rows_of(), NAMES),
    (rows_of(), ['Label'] + ['{}x{}'.format(row, column) for row in range(9) for column in range(9)]),
    (rows_of(), None),
    (rows_of(), ['0'] + ['0.{}'.format(index) for index in range(1, 82)]),  # a table without names, read and written
    ([row[1:] + row[:1] for row in rows_of()], NAMES[1:] + NAMES[:1]),
    # As scikit-learn's and pandas's frames are written: numbers for names, an index without one.
    ([row[1:] + row[:1] for row in rows_of()], ['pixel_{}_{}'.format(*divmod(i, 9)) for i in range(81)] + ['target']),
    (rows_of(), list(map(str, range(82)))),
    ([[number] + row for number, row in enumerate(rows_of())], [''] + NAMES),
    ([[number] + row for number, row in enumerate(rows_of())], ['Unnamed: 0'] + NAMES),
    ([[number] + row for number, row in enumerate(rows_of())], [''] + list(map(str, range(82)))),
    (np.array(rows_of(), float).tolist(), ['# label'] + NAMES[1:]),
    ([['id{}'.format(number)] + row for number, row in enumerate(rows_of())], ['id'] + NAMES),
    ([[label, '"{}"'.format(' '.join(map(str, image.reshape(-1)))), 'Training'] for label, image in zip(LABELS, GREY)],
     ['class', 'pixels', 'Usage']),
])
def test_images_and_labels(rows, names):
    write('mine.csv', rows, names)
    dataset, lines = load('mine.csv')
    assert dataset.images.dtype == np.uint8 and np.array_equal(dataset.images, GREY[..., None])
    assert dataset.labels.tolist() == LABELS.tolist() and dataset.classes == ('0', '1', '2', '3')
    assert list(dataset.files) == ['mine.csv'] and dataset.notes == tuple(
        line[len('mine.csv: '):] for line in lines)
    assert '4 classes by the column ' in lines[-1] and lines[-1].endswith(': 0 3, 1 3, 2 3, 3 3')


@pytest.mark.parametrize('first, names', [
    (['img'], ['id'] + NAMES[1:]), (['img'], ['digit'] + NAMES[1:]), ([], list(map(str, range(81)))),
    (['0'], [''] + list(map(str, range(81)))), ([], list(map(str, range(1, 82))))])
def test_what_is_not_called_as_a_label_is_none(first, names):
    write('mine.csv', [first + row[1:] for row in rows_of()], names)
    dataset, lines = load('mine.csv')
    assert np.array_equal(dataset.images, GREY[..., None]) and dataset.labels is None
    others = '; --label_column may name one of {}'.format(names[0] or 'Unnamed: 0') if first else ''
    assert lines == ['mine.csv: no column of labels, so the images have none' + others]


@pytest.mark.parametrize('last', [False, True])
def test_labels_that_are_texts_need_no_names(last):
    rows = [['c{}'.format(row[0])] + row[1:] for row in rows_of()]
    write('mine.csv', [row[1:] + row[:1] for row in rows] if last else rows)
    dataset, _ = load('mine.csv')
    assert np.array_equal(dataset.images, GREY[..., None]) and dataset.classes == ('c0', 'c1', 'c2', 'c3')
    assert dataset.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize('separator', [';', '\t'])
def test_other_separators_one_at_the_end_and_a_label_in_another_column(separator):
    write('mine.csv', rows_of(), NAMES, end=',\n')
    with open('mine.csv') as handle:
        text = handle.read()
    with open('mine.csv', 'w') as handle:
        handle.write(text.replace(',', separator))
    assert np.array_equal(load('mine.csv')[0].images, GREY[..., None])
    write('mine.csv', [[0] + row[2:] + row[:1] for row in rows_of()])  # black in the corner, the label at the end
    assert load('mine.csv')[1][0] == ('mine.csv: WARNING: the first column, taken for the label, is 0 on every line; '
                                      'where the label is another one, a first line has to name the columns')


def test_without_labels_in_colour_and_from_a_cache(monkeypatch):
    monkeypatch.setattr(pixel_tables, '_BLOCK', 5)
    colour = np.random.RandomState(1).randint(0, 256, (12, 8, 8, 3)).astype(np.uint8)
    write('mine.csv', colour.reshape(12, -1), end='\r\n\r\n')
    for how in ({}, {'cache_gib': 0}, {'cache_gib': 0}):
        dataset, lines = load('mine.csv', **how)
        assert np.array_equal(dataset.images, colour) and dataset.labels is None
        assert lines[:2] == ['mine.csv: no column of labels, so the images have none', 'mine.csv: pixels taken in the '
                             'order of 8x8x3, a red, a green and a blue value for each']
    assert lines[2].startswith('images from ') and dataset.checksum == load('mine.csv')[0].checksum
    write('mine.csv', [['cat'] + row for row in rows_of()], ['kind'] + NAMES)
    dataset, lines = load('mine.csv', label_column='kind')
    assert dataset.classes == ('cat',) and lines[0] == 'mine.csv: left out, of the columns: label'
    assert load('mine.csv', labels=False)[0].labels is None
    write('mine.csv', [row[1:] for row in rows_of(np.minimum(GREY, 1))])
    assert load('mine.csv')[1][1] == 'mine.csv: WARNING: nearly black, for no value is above 16 of 255'


def test_emnist_is_turned_upright():
    write('emnist-digits-train.csv', rows_of(GREY.transpose(0, 2, 1)))
    for how in ({}, {'cache_gib': 0}):
        dataset, lines = load('emnist-digits-train.csv', **how)
        assert np.array_equal(dataset.images, GREY[..., None])
        assert "emnist-digits-train.csv: EMNIST's, whose images lie on their side in the file, turned upright" in lines


def test_a_folder_of_tables():
    os.makedirs('mine')
    write('mine/train.csv', rows_of(), NAMES)
    write('mine/test.csv', [row[1:] for row in rows_of()], NAMES[1:])
    write('mine/sample_submission.csv', [[1, 0]], ['ImageId', 'Label'])
    dataset, lines = load('mine')
    assert dataset.labels.tolist() == LABELS.tolist()
    assert lines[-1] == 'mine/train.csv: the table for training is taken; left out: test.csv'
    assert loading.load_splits('npz', ('train', 'test'), 'mine', log=lines.append).splits == ('train',)
    with pytest.raises(UserError, match='found another kind of file$'):
        loading.load('folder', data_dir='mine/sample_submission.csv', shape=(9, 9, 1))
    with zipfile.ZipFile('mine.zip', 'w') as archive:
        archive.write('mine/train.csv', 'train.csv')
    with pytest.raises(UserError, match='expected the array x_train .*, found train.csv, which have to be unpacked'):
        load('mine.zip')
    for name, place in (('mnist', 'mine'), ('folder', 'mine'), ('folder', 'mine/train.csv')):
        with pytest.raises(UserError, match='; --dataset=npz reads what is there$'):
            loading.load(name, data_dir=place, shape=(9, 9, 1))
    os.rename('mine/train.csv', 'mine/one.csv')
    with pytest.raises(UserError, match='mine: expected one table of pixels, found one.csv, test.csv; name one'):
        load('mine')
    for name in ('one.csv', 'test.csv'):
        os.remove('mine/' + name)
    with pytest.raises(UserError, match='--data_dir=mine: expected one .npz file .*; found sample_submission.csv$'):
        load('mine')


@pytest.mark.parametrize('content, message', [
    ('', 'expected a .csv with .*, found an empty file'),
    ('version https://git-lfs.github.com/spec/v1\n', 'found a pointer of Git LFS'),
    ('<!doctype html>', 'found a web page'),
    ('file_name,label\na.png,1\n', 'as many as a square has, found 2 columns: file_name, label'),
    (b'\xff\xfe\x00', "found: 'utf-8' codec can't decode byte 0xff"),
    (','.join(NAMES) + '\n', 'expected a line for each image, found none'),
    (','.join(NAMES) + '\n' + '1,' * 81 + '0\n\n' + '1,' * 80 + '0\n', 'line 4: expected 82 values, found 81'),
    ('1,' * 81 + '256\n', "line 1: expected 81 whole numbers from 0 to 255, found '256'$"),
    ('1,' * 82 + '\n' + '1,,' + '1,' * 80 + '\n', "line 2: expected 81 whole numbers from 0 to 255, found ''"),
    ('1,' * 81 + '2\n' + '1,' * 81 + '0.5\n', "line 2: .*, found '0.5'; multiply floats from 0 to 1 by 255"),
    ('1,' * 81 + '2\n' + '1,' * 81 + 'nan\n', "line 2: .*, found 'nan'"),
    ('label,pixels\n1,' + '0 ' * 81 + '\n2,' + '0 ' * 81 + 'junk 300\n', "line 3: .*, found 'junk'"),
    ('label;a\n', 'as many as a square has, found 2 columns: label, a'),
    ('0' * (1 << 22), 'found: a line of 4,194,304 characters or more'),
    ('label,pixels\n1,' + '0 ' * 81 + '\n2,' + '0 ' * 80 + '\n', "line 3: .*, found '80 of them'"),
])
def test_what_is_no_table_of_pixels(content, message):
    with open('x.csv', 'wb') as handle:
        handle.write(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with pytest.raises(UserError, match='x.csv.*' + message):
            load('x.csv')


def test_a_preset_with_labels_takes_a_table():
    write('mine.csv', rows_of(np.random.RandomState(2).randint(0, 256, (12, 28, 28))))
    config = train.parse_train(['--preset=cgan_mnist', '--dataset=npz', '--data_dir=mine.csv', '--batch_size=4'])
    plan = make_plan(config, lambda line: None)
    assert plan.data.images.shape == (12, 28, 28, 1) and plan.preset.classes == 4
    np.savez('mine.npz', images=GREY)
    with pytest.raises(UserError, match='mine.csv: expected a line of names .--label_column., found none'):
        load('mine.csv', label_column='label')
    with pytest.raises(UserError, match='--label_column: expected a table, found mine.npz'):
        load('mine.npz', label_column='label')


def test_the_images_of_a_table_that_are_for_training_are_taken():
    rows = [[label, image.reshape(-1).tolist(), part] for label, image, part in zip(
        LABELS, GREY, ('PublicTest', 'Training', 'Training'))]
    with open('fer.csv', 'w') as handle:
        handle.write('emotion,pixels,Usage\n' + ''.join('{},{},{}\n'.format(
            label, ' '.join(map(str, pixels)), part) for label, pixels, part in rows))
    for limit in (None, 0):
        lines = []
        found = loading.load('npz', data_dir='fer.csv', log=lines.append,
                             reading=reading.Reading(label_column='emotion', cache_gib=limit))
        np.testing.assert_array_equal(found.images[..., 0], GREY[1:3])
        assert found.labels.tolist() == LABELS[1:3].tolist()
        assert 'fer.csv: images with Training in the column Usage are taken; left out: 1 of PublicTest' in lines
        assert not any('left out, of the columns' in line for line in lines)
    lines = []
    assert len(loading.load('npz', data_dir='fer.csv', log=lines.append).images) == 2
    assert 'fer.csv: no column of labels, so the images have none; --label_column may name one of emotion' in lines
    with open('fer.csv') as handle:
        text = handle.read()
    for part in ('Training', 'PublicTest'):  # nothing to choose from
        with open('fer.csv', 'w') as handle:
            handle.write(text.replace('Training', part).replace('PublicTest', part))
        assert len(loading.load('npz', data_dir='fer.csv', log=lambda line: None).images) == len(rows)
