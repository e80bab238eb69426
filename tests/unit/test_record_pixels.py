"""TFRecords whose pictures are pixels: those of StyleGAN's first versions, and of TensorFlow's converter of MNIST."""

import os
import struct
import zlib

import numpy as np
import pytest
from helpers.own_pictures import grey, write_records

from dcgan_tf1.data import loading, reading, record_pixels
from dcgan_tf1.util.errors import UserError

RANDOM = np.random.RandomState(0)
PICTURES = RANDOM.randint(0, 256, (3, 8, 8, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def found(place, shape=(8, 8, 3), **how):
    lines = []
    return loading.load('folder', data_dir=place, shape=shape, log=lines.append,
                        reading=reading.Reading(**how)), lines


def as_stylegan(pixels):
    """The features of a picture [H, W, C]."""
    return {'shape': pixels.transpose(2, 0, 1).shape, 'data': pixels.transpose(2, 0, 1).tobytes()}


def write_levels(prefix, pictures=PICTURES):
    """The same pictures at 4x4 and at 8x8, as StyleGAN's dataset_tool.py writes them."""
    write_records(prefix + '-r02.tfrecords', *[as_stylegan(each[::2, ::2]) for each in pictures])
    write_records(prefix + '-r03.tfrecords', *[as_stylegan(each) for each in pictures])


def test_the_pictures_of_stylegan_are_read_in_the_size_that_fits():
    write_levels('mine/faces')
    loaded, lines = found('mine')
    np.testing.assert_array_equal(loaded.images, PICTURES)
    assert loaded.labels is None and len(loaded.files) == 1
    assert ('mine: the same pictures in several sizes: faces-r03.tfrecords taken; left out: faces-r02.tfrecords'
            in lines)
    assert loaded.notes[0] in lines[0]
    assert not any('files left out' in line for line in lines)  # said above
    np.testing.assert_array_equal(found('mine', (4, 4, 3))[0].images, PICTURES[:, ::2, ::2])
    assert found('mine', (16, 16, 3))[0].images.shape == (3, 16, 16, 3)  # of the largest
    np.testing.assert_array_equal(found('mine', (4, 4, 3), crop=4)[0].images, PICTURES[:, 2:6, 2:6])
    np.testing.assert_array_equal(found('mine/faces-r02.tfrecords', (4, 4, 3))[0].images, PICTURES[:, ::2, ::2])
    # One channel, and several sets beside each other.
    write_levels('two/a', PICTURES[..., :1])
    write_levels('two/b', PICTURES[:1, :, :, 1:2])
    loaded, _ = found('two', (8, 8, None))
    np.testing.assert_array_equal(loaded.images, np.concatenate([PICTURES[..., :1], PICTURES[:1, :, :, 1:2]]))


@pytest.mark.parametrize('labels, classes', [
    (np.eye(4, dtype=np.float32)[[2, 0, 1]], ('0', '1', '2', '3')),
    (np.array([2., 0., 1.], np.float32), ('0', '1', '2')),
    (np.array([[2], [0], [1]], np.int64), ('0', '1', '2'))])
def test_labels_beside_the_pictures_of_stylegan(labels, classes):
    write_levels('mine/faces')
    with open('mine/faces-rxx.labels', 'wb') as handle:
        np.save(handle, labels)
    loaded, lines = found('mine')
    assert (loaded.labels.tolist(), loaded.classes) == ([2, 0, 1], classes)
    assert sorted(loaded.files) == [os.path.join('mine', name) for name in ('faces-r03.tfrecords', 'faces-rxx.labels')]
    assert any('{} classes by faces-rxx.labels: 0 1, 1 1, 2 1'.format(len(classes)) in line for line in lines)
    assert not any('left out: faces-rxx' in line or 'no label' in line for line in lines)
    assert found('mine', labels=False)[0].labels is None
    write_levels('mine/more')
    with pytest.raises(UserError, match='mine: expected labels for each of .*, found .*faces-rxx.labels; --nolabels'):
        found('mine')


@pytest.mark.parametrize('content, message', [
    (np.array([[1, 1, 0]] * 3, np.float32), r'rxx.labels: expected labels \[3\], or .*, found \[3, 3\]; --nolabels'),
    (np.zeros(2), r'expected labels \[3\], or \[3, classes\] with a single 1 in each row, found \[2\]; --nolabels'),
    (np.array([.5, 0, 0]), 'rxx.labels: expected names or integers from 0 to 999 as labels, found 0.5'),
    (None, 'rxx.labels: expected an .npy file, found: .*; --nolabels reads the images without labels$')])
def test_labels_that_are_none(content, message):
    write_levels('mine/faces')
    with open('mine/faces-rxx.labels', 'wb') as handle:
        if content is None:
            handle.write(b'no array')
        else:
            np.save(handle, content)
    with pytest.raises(UserError, match=message):
        found('mine')
    assert found('mine', labels=False)[0].images.shape == (3, 8, 8, 3)


def test_an_empty_vector_is_no_label():
    write_levels('mine/faces')
    with open('mine/faces-rxx.labels', 'wb') as handle:
        np.save(handle, np.zeros((3, 0), np.float32))
    loaded, lines = found('mine')
    assert loaded.labels is None and any('no label among data, shape' in line for line in lines)


@pytest.mark.parametrize('sizes', [
    {'height': 8, 'width': 4, 'depth': 3}, {'image/height': 8, 'image/width': 4}, {'rows': 8, 'cols': 4},
    {'shape': [8, 4, 3]}, {'shape': [8, 4]}])
def test_pixels_beside_their_height_and_width(sizes):
    pixels = PICTURES[:, :, :4]
    write_records('mine/train.tfrecords', *[
        dict(sizes, image_raw=each.tobytes(), label=number) for number, each in enumerate(pixels)])
    loaded, _ = found('mine', (8, 4, 3))
    np.testing.assert_array_equal(loaded.images, pixels)
    assert loaded.labels.tolist() == [0, 1, 2]


def test_pixels_of_squares_beside_their_number():
    for pixels in (PICTURES, PICTURES[..., 0]):
        write_records('mine/train.tfrecords', *[
            {'image_raw': each.tobytes(), 'pixels': each.size, 'label': 1} for each in pixels])
        np.testing.assert_array_equal(found('mine', (8, 8, None))[0].images, pixels.reshape(3, 8, 8, -1))


@pytest.mark.parametrize('dtype, text', [(np.float32, '4 bytes for each value, as float32 has; .* as uint8'),
                                         (np.float64, '8 bytes .* float64'), (np.uint16, '2 bytes .* uint16')])
@pytest.mark.parametrize('depth', [{}, {'depth': 1}])
def test_pixels_of_other_types_are_no_pixels_of_four_channels(dtype, text, depth):
    write_records('mine/a.tfrecords', dict(depth, image_raw=np.ones((8, 8), dtype).tobytes(), height=8, width=8))
    with pytest.raises(UserError, match=r'a.tfrecords \(record 1\): expected .* under image_raw, found ' + text):
        found('mine')


def test_four_channels_where_a_feature_says_so():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:4] = (10, 20, 30, 255)
    write_records('mine/a.tfrecords', {'image_raw': pixels.tobytes(), 'height': 8, 'width': 8, 'depth': 4})
    np.testing.assert_array_equal(found('mine')[0].images[0], pixels[..., :3])


@pytest.mark.parametrize('size', [256, 512, 768])
def test_an_encoded_picture_of_as_many_bytes_as_pixels(size):
    grey('one.png', 7, (16, 16))
    with open('one.png', 'rb') as handle:
        encoded = handle.read()
    text = size - len(encoded) - 12
    chunk = b'tEXt' + b'a'.ljust(text, b'\0')
    encoded = encoded[:33] + struct.pack('>I', text) + chunk + struct.pack('>I', zlib.crc32(chunk)) + encoded[33:]
    assert len(encoded) == size
    write_records('mine/a.tfrecords', {'image': encoded, 'image/height': 16, 'image/width': 16})
    assert (found('mine', (16, 16, 1))[0].images == 7).all()


def test_few_rows_are_no_channels():
    pixels = PICTURES[0, :4, :4]
    write_records('mine/a.tfrecords', {'image_raw': pixels.tobytes(), 'shape': [4, 4, 3]})
    with pytest.raises(UserError, match='record 1.: expected a picture or its pixels'):  # 4 rows or 4 channels?
        found('mine', (4, 4, 3))
    for shape, order in (([4, 4, 3], (0, 1, 2)), ([3, 4, 4], (2, 0, 1))):
        write_records('mine/a.tfrecords', {
            'image_raw': pixels.transpose(order).tobytes(), 'shape': shape, 'channels': 3})
        np.testing.assert_array_equal(found('mine', (4, 4, 3))[0].images[0], pixels)
    pixels = PICTURES[0]
    write_records('mine/a.tfrecords', {'image_raw': pixels.transpose(2, 0, 1).tobytes(), 'shape': [3, 8, 8]})
    np.testing.assert_array_equal(found('mine')[0].images[0], pixels)


def test_pixels_that_begin_like_a_jpeg():
    pixels = PICTURES[0].copy()
    pixels[0, 0] = 255, 216, 255
    write_records('mine/a.tfrecords', {'image_raw': pixels.tobytes(), 'height': 8, 'width': 8})
    np.testing.assert_array_equal(found('mine')[0].images[0], pixels)


def test_a_picture_that_the_first_record_lacks_is_missed():
    grey('one.png', 7, (8, 8))
    with open('one.png', 'rb') as handle:
        encoded = handle.read()
    write_records('mine/a.tfrecords', {'image': [], 'mask': encoded}, {'image': encoded, 'mask': encoded})
    with pytest.raises(UserError, match='a.tfrecords: expected a picture under image in record 1, found none'):
        found('mine')


def test_a_usual_name_that_has_no_bytes_is_not_the_picture():
    grey('one.png', 7, (8, 8))
    with open('one.png', 'rb') as handle:
        write_records('mine/a.tfrecords', {'data': 3, 'pic': handle.read()})
    assert found('mine')[0].images[0, 0, 0].tolist() == [7, 7, 7]


def test_an_encoded_picture_under_a_name_of_its_own():
    grey('one.png', 7, (8, 8))
    with open('one.png', 'rb') as handle:
        encoded = handle.read()
    write_records('mine/a.tfr', {'train/image': encoded, 'train/label': 1, 'name': b'x'})
    loaded, lines = found('mine')
    assert loaded.images[0, 0, 0].tolist() == [7, 7, 7] and loaded.labels is None
    assert any('no label among name, train/image, train/label, so .*; --label_column may name one'.replace('.*', (
        'the pictures have no labels')) in line for line in lines)
    assert found('mine', label_column='train/label')[0].labels.tolist() == [1]
    write_records('mine/a.tfr', {'a': encoded, 'b': encoded})
    with pytest.raises(UserError, match='a.tfr: expected pictures under one of image/encoded, .*, found a, b'):
        found('mine')


def test_bytes_that_are_no_pixels():
    """Of a record that was cut, of no size, of too many channels: never taken for pixels."""
    grey('one.png', 7, (8, 8))
    with open('one.png', 'rb') as handle:
        encoded = handle.read()
    write_records('mine/a.tfrecords', {'image': encoded, 'height': 8, 'width': 8, 'depth': 1})
    assert found('mine')[0].images[0, 0, 0].tolist() == [7, 7, 7]
    for features in ({'data': b'x' * 765, 'shape': [1, 8, 8]}, {'data': b'x' * 63, 'shape': [1, 8, 8]},
                     {'image_raw': b'x' * 784}, {'image_raw': b'x' * 50, 'pixels': 50},
                     {'image_raw': b'x' * 65, 'height': 8, 'width': 8},
                     {'image_raw': b'x' * 64, 'height': 0, 'width': 8},
                     {'data': b'', 'shape': [3, 0, 8]}, {'data': b'x' * 64, 'shape': [-1, -8, 8]},
                     {'data': b'x' * 64, 'shape': [4, 4, 2, 2]}):
        write_records('mine/a.tfrecords', features)
        with pytest.raises(UserError, match=r'a.tfrecords \(record 1\): expected a picture( or its pixels under .*, '
                                            'found [0-9]+ bytes that are neither; pixels need|.*an empty)'):
            found('mine')


def test_the_size_that_fits_holds_both_sides():
    names = ['a-r0{}.tfrecords'.format(level) for level in (2, 3, 4)]
    for shape in (4, 8, 3), (8, 4, 3):
        assert record_pixels.choose_sizes(names, shape, None)[0] == ['a-r03.tfrecords']
