"""Pictures of one's own in every form: deeper folders, archives, records and tables."""

import functools
import gzip
import json
import os
import resource
import shutil
import sys
import zipfile

import numpy as np
import pytest
from helpers.own_pictures import SHAPE, grey, load, write_records, zipped
from PIL import Image

from dcgan_tf1.data import cache, loading, parquet, picked, reading, tfrecords
from dcgan_tf1.util.errors import UserError

pytestmark = pytest.mark.usefixtures('elsewhere')


def read(path):
    with open(path, 'rb') as handle:
        return handle.read()


# --------------------------------------------------------------------------------- folders

def test_deeper_folders():
    for path, value in (('2019/may/1.png', 1), ('2019/june/2.png', 2), ('2020/a/b/3.png', 3), ('.git/x.png', 9)):
        grey('mine/' + path, value)
    assert load()[:3] == ([2, 1, 3], [0, 0, 1], ('2019', '2020'))  # june before may
    os.symlink(os.path.abspath('mine'), 'mine/2019/again')  # no circle is run into
    assert load()[0] == [2, 1, 3]
    # As before there were deeper folders: what lies in the first of them is all.
    grey('mine/2020/4.png', 4)
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([4], [0], ('2020',))
    assert lines[0] == ('mine: WARNING: only 1 taken; 3 pictures in deeper folders left out; --recursive takes them, '
                        'too')
    assert load(recursive=True)[:3] == ([2, 1, 4, 3], [0, 0, 1, 1], ('2019', '2020'))
    grey('mine/5.png', 5)
    assert load()[:2] == ([5], None) and load(recursive=True)[:3] == ([2, 1, 4, 3, 5], None, ())


def test_more_folders_than_classes(monkeypatch):
    monkeypatch.setattr('dcgan_tf1.data.folders.MAX_CLASSES', 2)
    for name in 'abc':
        grey('mine/{}/1.png'.format(name), ord(name))
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([97, 98, 99], None, ()) and '3 sub-folders of pictures' in lines[0]


def test_a_file_of_another_kind_is_refused():
    with open('x.txt', 'w'), pytest.raises(UserError, match='--data_dir=x.txt: expected pictures .* an empty file$'):
        load('x.txt')
    for place, hint in (('celeba/*.jpg', 'found none at .*; name the folder instead of a pattern$'),
                        (r'C:\Users\me\pics', 'found none at .*; WSL has it as /mnt/c/Users/me/pics$')):
        with pytest.raises(UserError, match=hint):
            load(place)
    grey('single.png', 1)
    with pytest.raises(UserError, match='--data_dir=single.png: .*, found a single picture; name its folder$'):
        load('single.png')
    os.makedirs('lsun/bedroom_lmdb')
    os.symlink('.', 'lsun/circle')
    with open('lsun/bedroom_lmdb/data.mdb', 'wb') as handle:
        handle.write(bytes(10) + b'\x08' + bytes(5) + b'\xde\xc0\xef\xbe')
    for place in ('lsun', 'lsun/bedroom_lmdb', 'lsun/bedroom_lmdb/data.mdb'):
        with pytest.raises(UserError, match='LMDB database, .* has to be exported to picture files first$'):
            load(place)
    with open('svhn.mat', 'wb') as handle:
        handle.write(b'MATLAB 5.0 MAT-file, Platform: PCWIN')
    for name in ('folder', 'npz'):
        with pytest.raises(UserError, match="svhn.mat: expected .* a MATLAB file, which scipy.io.loadmat turns"):
            loading.load(name, data_dir='svhn.mat', shape=SHAPE, log=print)
    with open('x.npz', 'wb') as handle:
        handle.write(b'something else')
    with pytest.raises(UserError, match='x.npz: expected an .npz file, found: a file of another format$'):
        loading.load('npz', data_dir='x.npz', log=print)


# ---------------------------------------------------------------------------- zip archives

class Unmarked(zipfile.ZipInfo):
    """A member whose name is written as it is, without the mark that says that it is UTF-8."""

    def _encodeFilenameFlags(self):
        return self.filename.encode('cp437'), 0


def test_zip_archives():
    grey('mine/cats/1.png', 1)
    grey('mine/dogs/2.png', 2)
    grey('mine/dogs/__MACOSX.png', 3)
    for top in ('', 'a/b/'):
        assert load(zipped('mine', top))[:3] == ([1, 2, 3], [0, 1, 1], ('cats', 'dogs'))
    with zipfile.ZipFile('mine.zip') as archive, zipfile.ZipFile('windows.zip', 'w') as windows:
        windows.writestr('a\\empty\\', b'')
        for name in archive.namelist():
            windows.writestr(name.replace('/', '\\'), archive.read(name))
    assert load('windows.zip')[:3] == ([1, 2, 3], [0, 1, 1], ('cats', 'dogs'))
    # UTF-8 without the mark that says so, as Info-ZIP writes it; and names of another code page.
    with zipfile.ZipFile('linux.zip', 'w') as archive:
        for name, value in (('k\xc3\xa4tzchen/1.png', 1), ('h\xc3\xbcndchen/2.png', 2), ('\x81/3.png', 3)):
            archive.writestr(Unmarked(name.encode('latin-1').decode('cp437')), png(value))
    assert load('linux.zip')[:3] == ([2, 1, 3], [0, 1, 2], ('h\xfcndchen', 'k\xe4tzchen', '\xfc'))
    with zipfile.ZipFile('twice.zip', 'w') as archive:
        for name in ('a/1.png', 'a\\1.png'):
            archive.writestr(name, png(1))
        archive.writestr('a/1.png/', b'')
    assert load('twice.zip')[0] == [1]
    with zipfile.ZipFile('twice.zip', 'a') as archive:
        archive.writestr('a//1.png', png(2))
    with pytest.raises(UserError, match='twice.zip: expected each file once, found another a/1.png'):
        load('twice.zip')
    with zipfile.ZipFile('inner.zip', 'w') as archive:
        archive.writestr('data/train.parquet', b'PAR1')
    with pytest.raises(UserError, match='expected pictures .*gif.*, found train.parquet, which have to be unpacked'):
        load('inner.zip')
    with zipfile.ZipFile('inner.zip', 'w') as archive:
        archive.writestr('train.csv', b'label,pixel0')
    with pytest.raises(UserError, match='found train.csv, which have to .* first; --dataset=npz reads tables'):
        load('inner.zip')
    os.mkdir('one')
    shutil.move('mine.zip', 'one/x.zip')
    assert load('one')[0] == [1, 2, 3]
    shutil.copy('one/x.zip', 'one/y.zip')
    with pytest.raises(UserError, match='one: expected one zip archive, .* found x.zip, y.zip; name one'):
        load('one')
    raw = read('one/x.zip')
    for damaged, message in ((raw[:len(raw) // 2], 'expected a zip archive'), (b'', 'expected a zip archive')):
        with open('bad.zip', 'wb') as handle:
            handle.write(damaged)
        with pytest.raises(UserError, match='bad.zip: ' + message):
            load('bad.zip')
    with zipfile.ZipFile('bad.zip', 'w') as archive:
        archive.writestr('../a.png', b'')
    with pytest.raises(UserError, match=r"bad.zip: expected plain files below one folder, found .*'../a.png'"):
        load('bad.zip')
    with zipfile.ZipFile('bad.zip', 'w') as archive:
        archive.writestr('notes.txt', b'')
    with pytest.raises(UserError, match='bad.zip: expected pictures .* found notes.txt'):
        load('bad.zip')
    raw = bytearray(raw)
    raw[raw.index(b'IDAT') + 6] ^= 255
    with open('bad.zip', 'wb') as handle:
        handle.write(raw)
    with pytest.raises(UserError, match='bad.zip.*1.png: expected a file of an archive that can be read, .* CRC'):
        load('bad.zip')
    assert load('bad.zip', skip_damaged=True)[:2] == ([2, 3], [1, 1])


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_every_compression_of_an_archive(method):
    grey('mine/1.png', 1)
    with zipfile.ZipFile('bad.zip', 'w', method) as archive:
        for name in ('1.png', '2.png'):
            archive.write('mine/1.png', name)
    raw = bytearray(read('bad.zip'))
    start, size = raw.index(b'2.png') + 5, archive.getinfo('2.png').compress_size
    raw[start + size // 2:start + size] = b'\xff' * (size - size // 2)
    with open('bad.zip', 'wb') as handle:
        handle.write(raw)
    with pytest.raises(UserError, match='bad.zip/2.png: expected a file of an archive that can be read, found: '):
        load('bad.zip')
    values, _, _, lines = load('bad.zip', skip_damaged=True)
    assert values == [1] and 'bad.zip/2.png: expected a file of an archive' in lines[1]


# ----------------------------------------------------------------------- cropped and resized

def test_crop_and_resize():
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    os.mkdir('mine')
    Image.fromarray(np.pad(pixels, ((0, 0), (3, 4)), 'edge')).save('mine/a.png')  # 17 wide

    def found(**how):
        lines = []
        images = loading.load('folder', data_dir='mine', shape=SHAPE, log=lines.append,
                              reading=reading.Reading(**how)).images[0, ..., 0]
        return images, lines

    images, lines = found(crop=4)
    np.testing.assert_array_equal(images, pixels[3:7, 3:7])  # the middle, half a pixel to the left
    assert lines == ['mine: 1 of 1 pictures cropped to 4x4 at their centres, from 17x10']
    square = Image.fromarray(pixels)
    for name, method in (('lanczos', Image.LANCZOS), ('bilinear', Image.BILINEAR), ('nearest', Image.NEAREST)):
        images, lines = found(crop=0, resize=name)
        np.testing.assert_array_equal(images, np.asarray(square.resize((4, 4), method)))
    assert lines == ['mine: 1 of 1 pictures cropped to the largest square at their centres, from 17x10',
                     'mine: 1 of 1 pictures resized to 4x4 (nearest)']
    with pytest.raises(UserError, match=r'a.png: expected a picture of at least 11x11 for --crop=11, found 17x10'):
        found(crop=11)


def test_damaged_pictures_are_left_out_where_that_is_asked_for():
    for value in range(1, 5):
        grey('mine/{}/{}.png'.format('ab'[value % 2], value), value, (8, 8))
    open('mine/a/2.png', 'w').close()
    grey('mine/b/1.png', 9, (5, 8))
    with pytest.raises(UserError, match='a/2.png: expected a picture'):
        load(crop=6)
    values, labels, classes, lines = load(crop=6, skip_damaged=True)
    assert (values, labels, classes) == ([4, 3], [0, 1], ('a', 'b'))
    assert lines[0] == 'mine: 2 of 4 pictures left out (--skip_damaged)'
    assert 'a/2.png: expected a picture' in lines[1] and 'b/1.png: expected a picture of at least 6x6' in lines[2]
    # The same from a file.
    assert load(crop=6, skip_damaged=True, cache_gib=0)[:3] == load(crop=6, skip_damaged=True, cache_gib=0)[:3] == (
        values, labels, classes)
    # What lies beside the pictures is said as it is now, also of those from a file.
    grey('mine/a/notes.txt.d/x.png', 1)
    with open('mine/a/IMG.heic', 'w'):
        pass
    assert any('left out: ' in line and 'IMG.heic' in line
               for line in load(crop=6, skip_damaged=True, cache_gib=0)[3])
    os.symlink('nothing', 'mine/a/0.png')
    for cache_gib in (None, 0):
        with pytest.raises(UserError, match='a/0.png: expected a picture .* No such file'):
            load(cache_gib=cache_gib)
        found = load(crop=6, skip_damaged=True, cache_gib=cache_gib)
        assert found[:3] == (values, labels, classes)
        assert any('a/0.png: expected a picture' in line for line in found[3])
    with pytest.raises(UserError, match='mine: expected pictures, found 5 that are damaged: '):
        load(crop=9, skip_damaged=True)


# ------------------------------------------------------------------------- arrays of one's own

def test_arrays_as_medmnist_has_them_and_npy():
    images, labels = np.arange(6 * 16).reshape(6, 4, 4).astype(np.uint8), np.array([[1], [0], [2], [0], [0], [1]])
    np.savez_compressed('x.npz', train_images=images, train_labels=labels, val_images=images[:1],
                        val_labels=labels[:1], test_images=images[:2], test_labels=labels[:2])
    np.save('x.npy', images.astype(np.int32))
    lines = []
    for how in (reading.DEFAULTS, reading.Reading(cache_gib=0)):
        found = loading.load_splits('npz', ('train', 'test'), 'x.npz', log=lines.append, reading=how)
        np.testing.assert_array_equal(found.images[..., 0], np.concatenate([images, images[:2]]))
        assert found.labels.tolist() == [1, 0, 2, 0, 0, 1, 1, 0]
        assert lines[0] == 'x.npz: train_images taken; left out: val_images, val_labels'
        found = loading.load('npz', data_dir='x.npy', log=lines.append, reading=how)
        np.testing.assert_array_equal(found.images[..., 0], images)
        assert found.labels is None and picked.in_file(found.images) == (how.cache_gib == 0)
    # Arrays of one file leave each other's images be; those of data that change go.
    assert ['-'.join(name.split('-')[:-2]) for name in sorted(os.listdir(cache.FOLDER))] == [
        'x.npy-4x4x1', 'x.npz-test_images-4x4x1', 'x.npz-train_images-4x4x1']
    os.utime('x.npz', (1, 1))
    loading.load('npz', 'test', 'x.npz', log=lines.append, reading=how)
    assert lines[-2].endswith(': of other pictures, or of these in another order, removed')
    assert len(os.listdir(cache.FOLDER)) == 3
    np.save('x.npy', images - 1000.0)
    with pytest.raises(UserError, match='x.npy: expected an .npy file of integers from 0 to 255, found: values of'):
        loading.load('npz', data_dir='x.npy')


def test_a_folder_of_npy_files_is_read_like_an_npz():
    os.mkdir('mine')
    images = np.arange(6 * 16).reshape(6, 4, 4).astype(np.uint8)
    arrays = {'x_train': images, 'y_train': np.array(list('abacab')),
              'x_test': images[:2], 'y_test': np.array(['d', 'b'])}
    for name, array in arrays.items():
        np.save('mine/{}.npy'.format(name), array)
    lines = []
    for how in (reading.DEFAULTS, reading.Reading(cache_gib=0)):
        found = loading.load('npz', data_dir='mine', log=lines.append, reading=how)
        np.testing.assert_array_equal(found.images[..., 0], images)
        assert (found.labels.tolist(), found.classes) == ([0, 1, 0, 2, 0, 1], ('a', 'b', 'c', 'd'))
        assert sorted(found.files) == ['mine/x_train.npy', 'mine/y_test.npy', 'mine/y_train.npy']
        found = loading.load('npz', 'test', 'mine', log=lines.append, reading=how)
        np.testing.assert_array_equal(found.images[..., 0], images[:2])
        assert found.labels.tolist() == [3, 1]
    kept = os.listdir(os.path.join('mine', cache.FOLDER))
    assert ['-'.join(name.split('-')[:-2]) for name in sorted(kept)] == ['mine-x_test-4x4x1', 'mine-x_train-4x4x1']
    assert loading.load('npz', data_dir='mine/x_train.npy', log=lines.append).labels is None
    assert lines[-1].endswith('have no labels; with y_train.npy beside it where --data_dir names the folder')
    loading.load('npz', data_dir='mine/x_train.npy', log=lines.append, reading=reading.Reading(labels=False))
    assert lines[-1].endswith('have no labels')
    np.savez('mine/other.npz', images=images)  # which the folder stands for then
    loading.load('npz', data_dir='mine/x_train.npy', log=lines.append)
    assert lines[-1].endswith('have no labels')
    os.remove('mine/other.npz')
    os.rename('mine/y_train.npy', 'mine/y_train.NPY')
    assert loading.load('npz', data_dir='mine', log=lines.append).labels is not None
    os.rename('mine/y_train.NPY', 'mine/y_train.npy')
    np.save('mine/y_train.npy', np.array([1, None] * 3), allow_pickle=True)
    with pytest.raises(UserError, match='mine/y_train.npy: expected an .npy file .*found: y_train of object'):
        loading.load('npz', data_dir='mine', log=lines.append)
    for name in ('x_train', 'x_test'):
        os.rename('mine/{}.npy'.format(name), 'mine/{}s.npy'.format(name))
    with pytest.raises(UserError, match='mine: expected one .npy file, or several of the usual names .*found x_tests'):
        loading.load('npz', data_dir='mine')


@pytest.mark.parametrize('images, remedy', [
    (np.full((3, 4, 4), 254.0), r'for images from 0 to 255, use np.rint\(images\).astype\(np.uint8\)$'),
    (np.full((3, 4, 4), -0.5, np.float32), r'for images from -1 to 1, use np.rint\(127.5 \* \(images \+ 1\)\)'),
    (np.full((3, 4, 4), 0.5, np.float16), r'for images from 0 to 1, use np.rint\(255 \* images\).astype\(np.uint8\)$'),
    (np.full((3, 4, 4), 300.0), 'images of float64, no integers from 0 to 255$'),
    (np.full((3, 4, 4), np.nan), 'images of float64, no integers from 0 to 255$'),
    (np.ones((3, 4, 4), bool), r'for images, use 255 \* images.astype\(np.uint8\)$'),
    (np.ones((3, 3072), np.uint8), r'found \[3, 3072\]; of flat images of 32x32, images.reshape\(-1, 32, 32, 3\) '
                                   r'makes one or, if all red values come first, .*transpose\(0, 2, 3, 1\)')])
def test_what_makes_images_of_other_arrays_is_said(images, remedy):
    np.savez('x.npz', images=images)
    with pytest.raises(UserError, match='x.npz: expected .*' + remedy):
        loading.load('npz', data_dir='x.npz')


def test_flat_images_of_one_channel_are_squares(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (3, 784)).astype(np.uint8)
    np.save('cat.npy', images)
    for limit in (None, 0):  # in memory, and by way of a file
        lines = []
        found = loading.load('npz', data_dir='cat.npy', log=lines.append, reading=reading.Reading(cache_gib=limit))
        np.testing.assert_array_equal(found.images, images.reshape(3, 28, 28, 1))
        assert 'cat.npy: flat images of 784 values, taken for 28x28, row by row' in lines


# --------------------------------------------------------------------------- records and tables

def png(value):
    grey('one.png', value)
    return read('one.png')


def test_labels_of_some_records_are_never_left_out_in_silence():
    write_records('mine/a.tfrecord', {'image': png(1), 'id': b'x'}, {'image': png(2), 'label': 1})
    with pytest.raises(UserError, match='a.tfrecord: expected no label in record 2, as in the first one, found one; '):
        load()
    write_records('mine/a.tfrecord', {'image': png(1), 'label': 'p\xe8che'.encode('latin-1')})
    with pytest.raises(UserError, match='a.tfrecord: expected label in UTF-8 in record 1, found other bytes; --no'):
        load()
    assert load(labels=False)[:2] == ([1], None)
    for name in ('mine/test-00000-of-00001', 'mine/validation-00000-of-00001'):
        write_records(name, {'image': png(1)})
    os.remove('mine/a.tfrecord')
    with pytest.raises(UserError, match='mine: expected files of images for training, found test-.*, valid.*; name'):
        load()
    os.remove('mine/validation-00000-of-00001')
    for number in range(2):  # one part, in shards
        write_records('mine/test-0000{}-of-00002'.format(number), {'image': png(1 + number)})
    os.remove('mine/test-00000-of-00001')
    assert load()[0] == [1, 2]


def test_records():
    for part, values in enumerate(((1, 2), (3,))):
        write_records('mine/x-train.tfrecord-0000{}-of-00002'.format(part), *[
            {'image': png(value), 'label': value % 3, 'id': b'x'} for value in values])
    write_records('mine/x-test.tfrecord-00000-of-00001', {'image': png(9), 'label': 5})
    values, labels, classes, lines = load()
    assert (values, labels, classes) == ([1, 2, 3], [1, 2, 0], ('0', '1', '2'))
    assert 'left out: x-test.tfrecord-00000-of-00001' in lines[0]
    notes = loading.load('folder', data_dir='mine', shape=SHAPE, log=lambda line: None).notes
    assert notes[0] == lines[0][len('mine: '):]
    assert load('mine/x-test.tfrecord-00000-of-00001')[:2] == ([9], [5])
    # As Kaggle and ImageNet call theirs; numbers that are no classes may be left.
    for name in ('00-64x64-10.tfrec', 'train-00000-of-01024'):
        write_records('k/' + name, {'image': png(8), 'label': 1000})
        with pytest.raises(UserError, match='found 1000; --nolabels reads the images without labels$'):
            load('k/' + name)
        assert load('k/' + name, labels=False)[:2] == ([8], None)
    assert not tfrecords.NAMES.match('model.ckpt-7.data-00000-of-00001')
    write_records('od/pet_train.record', {'image/encoded': png(8), 'image/object/class/label': 3})
    assert load('od')[:2] == ([8], None)
    with open('od/pet_train.record.gz', 'wb') as handle:
        handle.write(gzip.compress(read('od/pet_train.record')))
    with pytest.raises(UserError, match='record.gz: expected a TFRecord file, not compressed, .* a compressed'):
        load('od/pet_train.record.gz')
    write_records('beside/a.tfrecord', {'image': png(8), 'label': 3})
    for name in ('a.tfrecord.gz', 'events.record', 'notes.records'):
        shutil.copy('od/pet_train.record.gz', 'beside/' + name)
    values, _, _, lines = load('beside')
    assert values == [8] and any('left out' in line and 'events.record' in line for line in lines)
    write_records('a/b.tfrecords', {'image/encoded': png(7), 'image/class/text': b'cat'})
    values, labels, _, lines = load('a')
    assert loading.load('folder', data_dir='a', shape=SHAPE, log=lambda line: None).notes[0] == lines[0][len('a: '):]
    assert (values, labels) == ([7], None) and 'no label among image/class/text, image/encoded' in lines[0]
    assert load('a', label_column='image/class/text')[1:3] == ([0], ('cat',))
    write_records('c/b.tfrecords', {'Image': png(7), 'Label': b'cat'})
    assert load('c')[:3] == ([7], [0], ('cat',))
    with pytest.raises(UserError, match="b.tfrecords: expected the feature 'x' "):
        load('a', label_column='x')
    raw = read('a/b.tfrecords')
    for damaged, message in (
            (raw[:-5], 'a TFRecord file, not compressed, found after 0 records'),
            (gzip.compress(raw), 'a TFRecord file, not compressed, found after 0 records: a compressed file'),
            (2 * raw + raw[:-5], 'a whole TFRecord file, found one that is cut short in record 3'),
            (raw + raw[:40] + bytes([raw[40] ^ 1]) + raw[41:], 'a TFRecord file, not .*, found after 1 record: '),
            (raw[:40] + bytes([raw[40] ^ 1]) + raw[41:], 'a TFRecord file'), (b'', 'records, found none')):
        with open('a/b.tfrecords', 'wb') as handle:
            handle.write(damaged)
        with pytest.raises(UserError, match='expected ' + message):
            load('a')
    for features, message in (({'x': 1}, 'pictures under one of .*, found x'),
                              ({'image': b'no'}, r'b.tfrecords \(record 1\): expected a picture')):
        write_records('a/b.tfrecords', features)
        with pytest.raises(UserError, match=message):
            load('a')


def test_names_of_the_classes_of_records():
    write_records('mine/x-train.tfrecord-00000-of-00001', {'image': png(1), 'label': 1}, {'image': png(2), 'label': 0})
    for content, classes, warning in (
            ('\ufeffcat\ndog\n\n', ('cat', 'dog'), None), ('cat\ndog\nowl', ('cat', 'dog', 'owl'), None),
            ('cat\n', ('0', '1'), 'label.labels.txt has 1 names for 2 of them'),
            ('cat\ncat\n', ('0', '1'), 'label.labels.txt has some name twice'),
            ('', ('0', '1'), 'label.labels.txt has 0 names for 2 of them')):
        with open('mine/label.labels.txt', 'w', encoding='utf-8') as handle:
            handle.write(content)
        lines = []
        found = loading.load('folder', data_dir='mine', shape=SHAPE, log=lines.append)
        assert (found.labels.tolist(), found.classes) == ([1, 0], classes)
        assert ('mine/label.labels.txt' in found.files) == (warning is None)
        told = [line for line in lines if 'called by their numbers' in line]
        assert [warning in line for line in told] == [True] * (warning is not None)
        assert found.notes[0] == lines[0][len('mine: '):]
    with open('mine/label.labels.txt', 'wb') as handle:
        handle.write(b'p\xe8che\nlac')
    with pytest.raises(UserError, match='mine/label.labels.txt: expected a class on each line in UTF-8, found other'):
        load()
    assert load(labels=False)[1] is None
    write_records('mine/x-train.tfrecord-00000-of-00001', {'image': png(1), 'label': b'dog'})
    assert load()[2] == ('dog',)  # texts need no others


def test_parquet_files():
    pa = pytest.importorskip('pyarrow')
    import pyarrow.parquet as pq
    names = {'info': {'features': {'label': {'names': ['cat', 'dog'], '_type': 'ClassLabel'}}}}
    table = pa.table({'image': [{'bytes': png(value), 'path': None} for value in range(1, 6)],
                      'label': [0, 1, 1, 0, 1]})
    os.makedirs('mine/data')
    pq.write_table(table.slice(0, 3).replace_schema_metadata({'huggingface': json.dumps(names)}),
                   'mine/data/train-00000-of-00002.parquet', row_group_size=2)
    pq.write_table(table.slice(3), 'mine/data/train-00001-of-00002.parquet')
    assert load()[:3] == ([1, 2, 3, 4, 5], [0, 1, 1, 0, 1], ('cat', 'dog'))
    other = {'info': {'features': {'label': {'names': ['dog', 'cat'], '_type': 'ClassLabel'}}}}
    for changed, message in (
            (table.slice(3).replace_schema_metadata({'huggingface': json.dumps(other)}), 'the classes cat, dog'),
            (table.slice(3).rename_columns(['img', 'label']), 'the column image, as in .*, found img, label'),
            (table.slice(3).drop(['label']).append_column('label', [['x', 'y']]), 'int64 in the column label, as in')):
        pq.write_table(changed, 'mine/data/train-00001-of-00002.parquet')
        with pytest.raises(UserError, match='train-00001-of-00002.parquet: expected ' + message):
            load()
    pq.write_table(table.slice(3), 'mine/data/train-00001-of-00002.parquet')
    os.makedirs('parts/default/train')
    os.makedirs('parts/default/test')
    for part, rows in (('train', table.slice(0, 2)), ('test', table.slice(2))):
        pq.write_table(rows, 'parts/default/{}/0000.parquet'.format(part))
    assert load('parts')[0] == [1, 2]
    # Their own names tell more than that of the folder around them.
    for part in ('train', 'test'):
        os.makedirs('training_data', exist_ok=True)
        shutil.copy('parts/default/{}/0000.parquet'.format(part), 'training_data/a_{}.parquet'.format(part))
    os.makedirs('around')
    shutil.move('training_data', 'around/training_data')
    assert load('around')[0] == [1, 2]
    pq.write_table(pa.table({'Image': [png(8)], 'Label': ['x']}), 'x.parquet')
    assert load('x.parquet')[:3] == ([8], [0], ('x',))
    pq.write_table(pa.table({'img': [png(8)], 'kind': ['x']}), 'x.parquet')
    assert load('x.parquet')[:2] == ([8], None)
    assert load('x.parquet', label_column='kind')[1:3] == ([0], ('x',))
    pq.write_table(pa.table({'img': ['text']}), 'x.parquet')
    with pytest.raises(UserError, match='x.parquet: expected the bytes of a picture in img, row 1, found str'):
        load('x.parquet')
    for value, what in (({'bytes': None, 'path': 'a.png'}, "the path 'a.png' alone"), (
            {'bytes': None, 'path': None}, 'none')):
        kind = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
        pq.write_table(pa.table({'img': pa.array([value], kind)}), 'x.parquet')
        with pytest.raises(UserError, match='x.parquet: expected the bytes of a picture in img, row 1, found ' + what):
            load('x.parquet')
    # More names than a data set may have, of which few are there, are numbers.
    many = {'info': {'features': {'label': {'names': list(map('n{}'.format, range(1001)))}}}}
    pq.write_table(table.replace_schema_metadata({'huggingface': json.dumps(many)}), 'x.parquet')
    values, labels, classes, lines = load('x.parquet')
    assert (labels, classes) == ([0, 1, 1, 0, 1], ('0', '1'))
    assert 'WARNING: classes are called by their numbers, for x.parquet has 1,001 names for 2 of them' in lines[0]
    with open('x.parquet', 'wb') as handle:
        handle.write(b'PAR1')
    with pytest.raises(UserError, match='x.parquet: expected a Parquet file, found'):
        load('x.parquet')


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='counts open files in /proc')
def test_there_may_be_more_parquet_files_than_a_process_can_have_open():
    pa = pytest.importorskip('pyarrow')
    import pyarrow.parquet as pq
    os.makedirs('mine')
    for number in range(60):
        pq.write_table(pa.table({'image': [png(number)], 'label': [number % 2]}), 'mine/{:02d}.parquet'.format(number))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir('/proc/self/fd')) + 30, hard))
    try:
        assert load()[:2] == (list(range(60)), [0, 1] * 30)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_group_of_rows_of_a_parquet_file_is_never_wholly_in_memory():
    pa = pytest.importorskip('pyarrow')
    import pyarrow.parquet as pq
    rows = np.random.RandomState(0).bytes(64 << 20)
    rows = [rows[start:start + (1 << 15)] for start in range(0, 64 << 20, 1 << 15)]
    table = pa.table({'image': [{'bytes': row, 'path': None} for row in rows]})
    pq.write_table(table, 'x.parquet', row_group_size=1500, write_batch_size=8, use_dictionary=False)
    del table
    taken, blocks = pa.total_allocated_bytes(), parquet._Rows()
    one, most = parquet._Table('x.parquet', blocks), 0
    for row, value in enumerate(rows):
        assert one.picture('image', row) == value
        most = max(most, pa.total_allocated_bytes() - taken)
    assert most < 24 << 20
    # In any order, too, and some rows back without reading anew.
    for row in (1999, 3, 1999, 1400, 1300, 1501):
        assert one.picture('image', row) == rows[row]
    opened, one._read = [], functools.partial(lambda read, *group: opened.append(group) or read(*group), one._read)
    for row in (700, 760, 701, 764, 890):
        assert one.picture('image', row) == rows[row]
    assert opened == [(0, 'image')]
    blocks.close()


def test_parquet_needs_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow.parquet', None)
    open('x.parquet', 'w').close()
    with pytest.raises(UserError, match=r"x.parquet: expected pyarrow .* pip install pyarrow"):
        load('x.parquet')


def test_labels_in_a_later_parquet_file_alone():
    pa = pytest.importorskip('pyarrow')
    import pyarrow.parquet as pq
    os.mkdir('mine')
    pq.write_table(pa.table({'image': [png(1)]}), 'mine/a.parquet')
    pq.write_table(pa.table({'image': [png(2)], 'label': [1]}), 'mine/b.parquet')
    with pytest.raises(UserError, match='b.parquet: expected no column label, as in .*a.parquet, found one; --nolab'):
        load()
    assert load(labels=False)[:2] == ([1, 2], None)
