"""Data sets as people have them on their disks: which pictures are taken, with which labels, and what is said."""

import errno
import importlib.util
import io
import os
import re
import shutil
import struct
import sys

import numpy as np
import pytest
from helpers.commands import check_one_line_error, run_command
from helpers.own_pictures import SHAPE, grey, load, write_records, zipped
from PIL import Image

import dcgan_tf1
from dcgan_tf1.data import label_files, loading, pictures, reading, trees
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.usefixtures('elsewhere')


def test_a_class_that_is_called_folder_is_no_data_set_of_its_own():
    for name, value in (('binder', 1), ('folder', 2), ('pen', 3)):
        grey('mine/{}/a.png'.format(name), value)
    assert load()[:3] == ([1, 2, 3], [0, 1, 2], ('binder', 'folder', 'pen'))
    grey('collection/folder/a.png', 7)
    os.makedirs('collection/mnist')
    assert load('collection')[:2] == ([7], None)  # as data/ has them
    for name, count in (('y.npz', 3), ('npz/x.npz', 2)):
        os.makedirs('arrays/npz', exist_ok=True)
        np.savez('arrays/' + name, images=np.zeros((count, 4, 4), np.uint8))
    assert len(loading.load('npz', data_dir='arrays', log=lambda line: None).images) == 3


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('around', ['train/', 'pictures/all/', 'seg_train/seg_train/'])
def test_folders_around_all_classes_are_none(around, packed):
    for name, value in (('cat/a.png', 1), ('dog/b.png', 2)):
        grey('mine/' + around + name, value)
    open('mine/LICENSE', 'w').close()
    if around.startswith('seg'):
        grey('mine/seg_test/seg_test/cat/c.png', 3)
    values, labels, classes, lines = load(zipped('mine') if packed else 'mine')
    assert (values, labels, classes) == ([1, 2], [0, 1], ('cat', 'dog'))
    assert any('files left out: LICENSE' in line for line in lines)
    assert lines[-1].endswith(': 2 classes by sub-folders: cat 1, dog 1')


@pytest.mark.parametrize('taken, others', [
    ('training_set', ['test_set', 'single_prediction']), ('training', ['validation', 'evaluation']),
    ('train', ['eval']), ('train', ['test', 'extra']), ('train', ['test', 'unlabeled']), ('Train', ['hold-out'])])
def test_parts_of_a_data_set_by_their_usual_names(taken, others):
    for value, name in enumerate([taken] + others, 1):
        for each in ('cat', 'dog'):
            grey('mine/{}/{}/{}.png'.format(name, each, value), value)
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([1, 1], [0, 1], ('cat', 'dog'))
    assert '{}/ taken, the pictures for training; left out: '.format(taken) in lines[0]


def test_a_pipe_is_no_picture_and_waited_for_by_nobody():
    grey('mine/a.png', 1)
    os.mkfifo('mine/b.png')
    assert load()[0] == [1]
    assert [os.path.basename(path) for path in pictures.picture_files('mine')] == ['a.png']


def test_tables_without_labels():
    for name, value in (('cats/a.png', 1), ('dogs/b.png', 2)):
        grey('mine/' + name, value)
    table = 'mine/metadata.csv'
    for text, labels, line in (
            ('file_name,text\ncats/a.png,x\ndogs/b.png,y\n', [0, 1], 'no label among the columns file_name, text of '
             'metadata.csv; labels by sub-folders'),
            ('file_name, Label\ncats/a.png, 5\ndogs/b.png, 0\n', [5, 0], None),
            ('file_name,text\ncats/a.png,x\n', None, 'of metadata.csv, so the pictures have no labels')):
        with open(table, 'w') as handle:
            handle.write(text)
        _, found, _, lines = load()
        assert found == labels and (line is None or any(line in each for each in lines)), lines
    with open(table, 'w') as handle:
        handle.write('file_name, Label\ncats/a.png, 5\ndogs/b.png, 0\n')
    assert load()[3][-1] == ('mine: 6 classes by the column Label of metadata.csv: 0 1, 5 1; WARNING: without images: '
                             '1, 2, 3, 4')


def test_what_lies_beside_an_archive_is_named():
    grey('some/a.png', 1)
    os.makedirs('mine')
    shutil.move(zipped('some'), 'mine')
    open('mine/list_attr.csv', 'w').close()
    values, _, _, lines = load()
    assert values == [1] and lines[0] == 'mine: 1 of 2 files left out: list_attr.csv'


def test_links_count_once_and_what_can_not_be_read_is_left_out(monkeypatch):
    grey('mine/cats/a.png', 1)
    grey('mine/dogs/b.png', 2)
    os.symlink('dogs', 'mine/a_link')
    os.symlink('..', 'mine/dogs/around')
    values, labels, _, lines = load()
    assert (values, labels) == ([1, 2], [0, 1])
    assert lines[0] == 'mine: folders left out, which can not be read or were read by another name: a_link'
    os.remove('mine/a_link')
    os.makedirs('mine/lost+found')
    listdir = os.listdir

    def denied(path):
        if str(path).endswith('lost+found'):
            raise PermissionError(13, 'Permission denied')
        return listdir(path)

    monkeypatch.setattr(os, 'listdir', denied)
    values, _, _, lines = load()
    assert values == [1, 2] and lines[0].endswith(': lost+found')


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'darwin', reason='no path has more than 1,024 letters there')
def test_deep_folders_end_no_recursion():
    grey('mine/a.png', 1)
    path = 'mine'
    for _ in range(1100):
        path += '/d'
        os.mkdir(path)
    assert load()[0] == [1]
    os.removedirs(path)  # which the cleaning up of temporary folders could not


def test_a_bad_value_or_a_bad_orientation_is_that_of_one_picture():
    grey('mine/a.png', 100)
    for name, value in (('b.tif', np.nan), ('c.tif', -1)):
        Image.fromarray(np.full((4, 4), value, np.float32)).save('mine/' + name)
    with pytest.raises(UserError, match='b.tif: expected values of 0 and more, found nan to nan'):
        load()
    values, _, _, lines = load(skip_damaged=True)
    assert values == [100] and '2 of 3 pictures left out' in lines[0]
    # The resolution as text, which nothing has to know.
    exif = struct.pack('<4sIHHHIHHHHI4sI', b'II*', 8, 2, 0x112, 3, 1, 6, 0, 0x11a, 2, 4, b'abc', 0)
    os.remove('mine/a.png')
    Image.new('L', (4, 4), 50).save('mine/a.jpg', exif=b'Exif\0\0' + exif)
    values, _, _, lines = load(skip_damaged=True)
    assert values == [50] and any('1 of 3 pictures turned upright' in line for line in lines)


@pytest.mark.parametrize('name, hint', [
    ('data-00000-of-00001.arrow', r"its Arrow files can be .*, which datasets.load_from_disk\('mine'\).to_parquet"),
    ('00000.tar', '00000.tar has to be unpacked first$')])
def test_what_others_keep_pictures_in_is_told_how_to_be_read(name, hint):
    os.makedirs('mine')
    open('mine/' + name, 'w').close()
    with pytest.raises(UserError, match='found {}; {}'.format(name, hint)):
        loading.load('folder', data_dir='mine', shape=(8, 8, 1))
    with pytest.raises(UserError, match='found {}$'.format(name)):
        loading.load('cifar10', data_dir='mine')


def test_deep_values_that_would_be_nearly_black_are_told():
    os.makedirs('mine')
    Image.fromarray(np.full((4, 4), 4095, np.uint16)).save('mine/a.png')
    values, _, _, lines = load()
    Image.fromarray(np.ones((4, 4), np.uint8)).save('mine/b.png')  # a mask, or what was once 255
    np.savez('x.npz', images=np.ones((3, 4, 4), np.uint8))
    assert any('nearly black' in line for line in load()[3])
    dark = loading.load('npz', data_dir='x.npz', log=lambda line: None).notes
    assert dark[0] == 'WARNING: nearly black, for no value is above 16 of 255'
    red = np.full((4, 4, 3), 3, np.uint8)
    red[0, 0, 0] = 255
    Image.fromarray(red).save('mine/b.png')
    assert not any('nearly black' in line for line in load(shape=(4, 4, 3))[3])
    # Of several kinds the brightest counts.
    Image.fromarray(np.full((4, 4), 1, np.float32)).save('mine/b.tif')
    os.remove('mine/b.png')
    assert not any('nearly black' in line for line in load()[3])
    remedy = '; values of 10 or 12 bits have to be scaled to 8 or 16 first'
    assert values == [16] and lines[1] == 'mine: ' + dark[0] + remedy


def test_an_error_is_one_line_whatever_a_file_is_called():
    os.makedirs('mine')
    with open('mine/bad\nline.png', 'wb') as handle:
        handle.write(b'no picture')
    check_one_line_error(run_command('datasets', '--dataset=folder', '--data_dir=mine'),
                         'mine/bad?line.png: expected a picture', 'found: a file of another format')


@pytest.mark.parametrize('content, what', [
    (b'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n', 'a pointer of Git LFS'),
    (b'\n<!DOCTYPE html>\n<html>', 'a web page'), (b'', 'an empty file'),
    (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="x">', 'an SVG drawing'),
    (b'\0\0\0\x18ftypheic\0\0', 'an HEIC photograph'), (b'\0\0\0\x1cftypavif\0\0', 'an AVIF picture')])
def test_what_is_read_by_mistake_is_said_to_be_what_it_is(content, what):
    os.makedirs('mine')
    for name, dataset in (('mine/a.jpg', 'folder'), ('a.zip', 'folder'), ('a.npz', 'npz'), ('a.npy', 'npz'),
                          ('a.parquet', 'folder')):
        if name == 'a.parquet' and importlib.util.find_spec('pyarrow') is None:
            continue
        with open(name, 'wb') as handle:
            handle.write(content)
        with pytest.raises(UserError, match='{}: expected .*, found: {}'.format(re.escape(name), what)):
            loading.load(dataset, data_dir=os.path.dirname(name) or name, shape=SHAPE, log=lambda line: None)
    with pytest.raises(UserError, match='a.jpg: expected a picture .*, found: ' + what):
        load(zipped('mine'))


def test_an_archive_that_was_cut_short_is_said_to_be_one():
    grey('mine/a.png', 1)
    np.savez('x.npz', images=np.zeros((2, 4, 4), np.uint8))
    for name, dataset in ((zipped('mine'), 'folder'), ('x.npz', 'npz')):
        os.truncate(name, 60)
        with pytest.raises(UserError, match=name + ': expected .*, found: one that was cut short'):
            loading.load(dataset, data_dir=name, shape=SHAPE, log=lambda line: None)


def test_the_flag_that_reads_what_is_there_is_named():
    grey('mine/a.png', 1)
    np.savez('x.npz', x_train=np.zeros((2, 4, 4), np.uint8))
    for place, flag in (('mine', 'folder'), ('x.npz', 'npz')):
        with pytest.raises(UserError, match='--data_dir.*; --dataset={} reads what is there$'.format(flag)):
            loading.load('mnist', data_dir=place, log=lambda line: None)
        with pytest.raises(UserError, match="^data_dir.*; name='{}' reads what is there$".format(flag)):
            dcgan_tf1.load_dataset('cifar10', data_dir=place)


def split_in_two():
    for name, value in (('train/cat/a.png', 1), ('train/dog/b.png', 2), ('test/cat/c.png', 3), ('test/dog/d.png', 4)):
        grey('mine/' + name, value)


def test_parts_of_which_none_is_for_training_are_no_classes():
    for name in ('val/cat/a.png', 'val/dog/b.png', 'test/cat/c.png', 'test/dog/d.png'):
        grey('mine/' + name, 1)
    with pytest.raises(UserError, match='mine: expected a folder of images for training, found test, val; name one'):
        load()
    assert load('mine/val')[1:3] == ([0, 1], ('cat', 'dog'))
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,label\nval/cat/a.png,x\ntest/dog/d.png,y\n')
    assert load()[1:3] == ([1, 0], ('x', 'y'))  # sorted by name
    assert load(labels=False)[1] is None
    for name in ('images_val/a.png', 'images_test/b.png'):
        grey('theirs/' + name, 1)
    with pytest.raises(UserError, match='expected a folder of images for training, found images_test, images_val'):
        load('theirs')
    for name in ('extra_large/a.png', 'extra_small/b.png'):  # no parts, but words that begin as some
        grey('sizes/' + name, 1)
    assert load('sizes')[1:3] == ([0, 1], ('extra_large', 'extra_small'))


def test_what_looks_like_parts_or_classes_and_is_not_taken_for_them_is_warned_of():
    for name in ('fold1/cat/a.png', 'fold1/dog/b.png', 'fold2/cat/c.png', 'fold2/dog/d.png'):
        grey('mine/' + name, 1)
    assert load()[3][0] == ('mine: WARNING: fold1/, fold2/ are taken for the classes, though each of them has cat/, '
                            'dog/; --data_dir may name one')
    assert not [line for line in load(labels=False)[3] if 'WARNING: fold1' in line]
    for name in ('cat/a.png', 'dog/b.png', 'fox/deeper/c.png'):
        grey('yours/' + name, 1)
    os.makedirs('yours/owl')
    with open('yours/owl/a.tga', 'w') as handle:
        handle.write('of a format that is not read')
    _, labels, classes, lines = load('yours')
    assert (labels, classes) == ([0, 1], ('cat', 'dog')) and re.match(
        r'yours: WARNING: no classes, for no pictures \(png, .*\) lie directly in them: fox/, owl/$', lines[1])
    grey('yours/preview.png', 7)
    zipped('yours')
    os.rename('yours.zip', 'yours/all.zip')
    values, labels, _, lines = load('yours')
    assert (values, labels) == ([7], None)
    assert lines[:2] == [
        'yours: WARNING: only 1 taken; 3 pictures in deeper folders left out; --recursive takes them, too',
        'yours: WARNING: all.zip not read, for there are pictures, too; --data_dir may name a file']


def test_folders_of_one_name_are_one_class():
    for number, name in enumerate(('caf\xe9', 'cafe\u0301', 'cat', 'cat ')):
        grey('mine/{}/{}.png'.format(name, number), number)
    assert load()[:3] == ([1, 0, 2, 3], [0, 0, 1, 1], ('caf\xe9', 'cat'))


@pytest.mark.parametrize('name, text', [
    ('metadata.csv', 'image_id,age\n1,30\n'), ('dataset.json', '{"info": "of another kind"}'),
    ('metadata.jsonl', '{"file_name": "train/cat/a.png", "text": "a"}\n{"file_name": "test/dog/d.png", "text": "b"}')])
def test_a_file_without_labels_makes_no_classes_of_the_parts(name, text):
    split_in_two()
    with open('mine/' + name, 'w') as handle:
        handle.write(text)
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([1, 2], [0, 1], ('cat', 'dog'))
    assert lines[:2] == ['mine: {} not read, for it has no labels of pictures'.format(name),
                         'mine: train/ taken, the pictures for training; left out: test/']
    # One that has labels says what is taken.
    with open('mine/metadata.csv', 'w') as handle:
        handle.write('file_name,label\ntest/cat/c.png,x\ntrain/cat/a.png,y\n')
    if name == 'metadata.csv':
        values, labels, classes, lines = load()
        assert (values, labels, classes) == ([3, 1], [0, 1], ('x', 'y'))
        assert lines[0] == ('mine: WARNING: metadata.csv names pictures of test/, train/, and all of them are taken; '
                            '--data_dir may name one of these folders')


def test_parts_whose_names_are_written_without_spaces():
    for name, value in (('trainingSet/7/a.png', 1), ('testSet/7/b.png', 2)):
        grey('mine/' + name, value)
    assert load()[:3] == ([1], [0], ('7',))
    grey('mine/trainingSample/7/c.png', 3)
    with pytest.raises(UserError, match='mine: expected one folder of images for training, found trainingSample, '
                                        'trainingSet; name one with --data_dir, or take all'):
        load()
    assert load('mine/trainingSet')[0] == [1] and len(load(recursive=True)[0]) == 3
    grey('others/trainStation/a.png', 1)  # no parts: not all are called so
    grey('others/bridge/a.png', 2)
    assert load('others')[2] == ('bridge', 'trainStation')


def test_labels_that_are_no_classes_may_be_left():
    split_in_two()
    way_out = r'; --nolabels reads the images without labels$'
    for name, text, message in (
            ('dataset.json', '{"labels": [["train/cat/a.png", [0.5, 1.5]], ["train/dog/b.png", [1.0, 2.0]], '
                             '["test/cat/c.png", [1.0, 2.0]], ["test/dog/d.png", [1.0, 2.0]]]}',
             r'expected names or integers from 0 to 999 as labels, found \[1.0, 2.0\]'),
            ('metadata.csv', 'file_name,label\ntrain/cat/a.png,5\ntest/dog/d.png,\n', 'expected .* label')):
        with open('mine/' + name, 'w') as handle:
            handle.write(text)
        with pytest.raises(UserError, match=message + '.*' + way_out):
            load()
        values, labels, classes, lines = load(labels=False)
        assert labels is None and classes == () and lines[-1] == 'mine: read without labels (--nolabels)'
        os.remove('mine/' + name)
    assert load('mine/train', labels=False)[:3] == ([1, 2], None, ())
    with pytest.raises(UserError, match='--label_column: expected no --nolabels beside it'):
        load(labels=False, label_column='label')
    for labels in (np.zeros((3, 14), np.uint8), np.array([0, -1, 1]), np.array([0.5, 1, 2])):
        np.savez('x.npz', train_images=np.full((3, 4, 4), 17, np.uint8), train_labels=labels, val_images=[0])
        with pytest.raises(UserError, match='x.npz: expected .*train_labels.*' + way_out):
            loading.load('npz', data_dir='x.npz', log=lambda line: None)
        found = loading.load('npz', data_dir='x.npz', log=lambda line: None, reading=reading.Reading(labels=False))
        # What was left out stands in config.json, too.
        assert found.labels is None and found.notes == (
            'train_images taken; left out: val_images', 'read without labels (--nolabels)')


def test_palettes_of_greys_are_grey():
    picture = Image.fromarray(np.arange(0, 256, 16).astype(np.uint8).reshape(4, 4))
    os.makedirs('mine')
    picture.convert('P').save('mine/a.gif')
    grey('mine/b.png', 3)
    assert 'all pictures are grey: images of 1 channel ' in load(shape=(4, 4, None))[3][0]
    picture = picture.convert('P')
    picture.putpalette([0, 0, 9] * 256)
    picture.save('mine/c.png')
    assert not any('are grey' in line for line in load(shape=(4, 4, None))[3])


def test_what_a_disk_fails_to_read_is_no_damaged_picture(monkeypatch):
    grey('mine/a.png', 1)
    grey('mine/b.png', 99)

    def fails(path, *args, **kwargs):
        if str(path).endswith('a.png'):
            raise OSError(number, os.strerror(number), path)
        return open(path, *args, **kwargs)

    monkeypatch.setattr(pictures, 'open', fails, raising=False)
    for number in (errno.EIO, errno.EACCES, errno.ENOMEM, errno.ECONNRESET):
        for how in ({}, {'skip_damaged': True}, {'skip_damaged': True, 'cache_gib': 0}):
            for shape in (SHAPE, (4, 4, None)):
                with pytest.raises(UserError, match='^cannot read mine/a.png: ' + os.strerror(number)):
                    load(shape=shape, **how)

    class Failing(io.BytesIO):
        def read(self, *_):
            raise OSError(errno.EIO, 'Input/output error')

    monkeypatch.setattr(pictures, 'open', lambda path, mode: Failing(), raising=False)
    with pytest.raises(UserError, match='cannot read mine/a.png: Input/output error'):
        load(skip_damaged=True)
    def too_much(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(UserError, match='cannot read mine/[ab].png: .*emory'):
        patched.setattr(pictures, 'open', open, raising=False)
        patched.setattr(pictures.decoding, 'decode', too_much)
        load(skip_damaged=True)
    # What its bytes lead a decoder to is the picture's.
    number = errno.EINVAL
    monkeypatch.setattr(pictures, 'open', fails, raising=False)
    assert load(skip_damaged=True)[0] == [99]


def test_arrays_where_pictures_are_looked_for_are_named():
    for name in ('p.tar.gz', 'p.7z', 'p.png'):
        with open(name, 'w'):
            pass
        for data in ('folder', 'cifar10'):
            with pytest.raises(UserError) as caught:
                loading.load(data, data_dir=name, shape=SHAPE, log=lambda line: None)
            assert 'npz' not in str(caught.value)
    np.savez('x.npz', images=np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(UserError, match='found a zip archive, as .npz, .*; --dataset=npz reads what is there$'):
        load('x.npz')


def test_what_is_logged_is_noted():
    for name in ('train/cat/a.png', 'val/cat/c.png'):
        grey('mine/' + name, 100)

    def notes(name='folder', place='mine'):
        return loading.load(name, data_dir=place, shape=SHAPE, log=lambda line: None).notes

    assert any('left out: val/' in note for note in notes())
    write_records('mine/x.tfrecords', {'image/encoded': b'x'})
    assert any('x.tfrecords not read, for there are pictures' in note for note in notes())
    os.mkdir('tables')
    for name in ('train', 'test'):
        with open('tables/{}.csv'.format(name), 'w') as handle:
            handle.write('label,' + ','.join(map('pixel{}'.format, range(64))) + '\n' + ('1' + ',99' * 64 + '\n') * 2)
    assert notes('npz', 'tables')[-1] == 'the table for training is taken; left out: test.csv'


def test_pictures_of_an_unknown_range_behind_a_damaged_one_stay_in_their_rows():
    os.mkdir('mine')
    open('mine/0.tif', 'w').close()
    for number, value in ((1, 0.), (2, 1.), (3, .5)):
        Image.fromarray(np.full((4, 4), value, np.float32)).save('mine/{}.tif'.format(number))
    assert load(skip_damaged=True)[0] == [0, 255, 128]


def test_a_picture_as_large_as_the_crop_is_taken():
    grey('mine/a.png', 100, (6, 9))
    assert load(crop=6)[0] == [100]


def test_a_file_of_an_archive_that_is_too_large(monkeypatch):
    grey('mine/a.png', 1)
    monkeypatch.setattr(trees, 'MAX_FILE', 10)
    with pytest.raises(UserError, match='a.png: expected a file of an archive .* found: .* bytes, more than 10'):
        load(zipped('mine'))


def test_classes_without_images_at_the_end_are_named():
    assert label_files.counts(np.array([0, 0]), ('a', 'b'), None) == '2 classes: a 2; WARNING: without images: b'
