"""What is thrown at the readers of pictures of one's own, and at the cache; see targets.py."""

import contextlib
import dataclasses
import io
import os
import struct
import zipfile
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image
from scratch import FOLDER, path_of, write

from dcgan_tf1.data import cache, own_pictures, pictures, reading
from dcgan_tf1.util.errors import UserError


def picture(content):
    write(content, 'pictures', 'x.png')
    folder = os.path.join(FOLDER, 'pictures')
    with mock.patch.object(pictures, 'MAX_PIXELS', 1 << 20):  # more take their time by right
        with contextlib.suppress(UserError):
            pictures.picture_sizes(folder)
        pictures.read_pictures(folder, (4, 4, 1), log=lambda line: None)


def picture_seeds():
    grey = np.arange(16, dtype=np.uint16).reshape(4, 4)
    for name, array, extra in (
            ('PNG', grey * 257, {}), ('PNG', grey.astype(np.uint8), {'transparency': 3}), ('TIFF', grey, {}),
            ('TIFF', grey.astype(np.float32), {}), ('BMP', grey.astype(np.uint8), {}),
            ('GIF', grey.astype(np.uint8), {'transparency': 3}), ('JPEG', grey.astype(np.uint8), {}),
            ('WEBP', np.zeros((4, 4, 4), np.uint8), {'lossless': True})):
        stream = io.BytesIO()
        Image.fromarray(array).save(stream, name, **extra)
        yield stream.getvalue()


def _own_pictures(place, how=reading.DEFAULTS):
    own_pictures.load(place, 'train', lambda line: None, (4, 4, 1), how)


def picture_zip(content):
    _own_pictures(write(content, 'zip', 'x.zip'), dataclasses.replace(reading.DEFAULTS, skip_damaged=True))


def picture_zip_seeds():
    for name in ('a/1.png', '../1.png', '__MACOSX/1.png'):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, next(picture_seeds()))
            archive.writestr('metadata.csv', 'file_name,label\na/1.png,cat\n')
        yield stream.getvalue()


def label_file(content):
    for folder, name in (('csv', 'metadata.csv'), ('jsonl', 'metadata.jsonl'), ('stylegan', 'dataset.json')):
        write(next(picture_seeds()), folder, 'a', '1.png')
        write(content, folder, name)
        with contextlib.suppress(UserError):
            _own_pictures(path_of(folder))


def label_file_seeds():
    yield b'file_name,label\na/1.png,3\n'
    yield b'{"file_name": "a/1.png", "label": "cat"}\n{"file_name": "../../x.png"}\n'
    yield b'{"labels": [["a/1.png", [0, 1]]]}'


def records(content):
    _own_pictures(write(content, 'records', 'x.tfrecord'))


def records_seeds():
    feature = {'image': tf.train.Feature(bytes_list=tf.train.BytesList(value=[next(picture_seeds())])),
               'label': tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))}
    example = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    path = path_of('records', 'seed')
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(example)
    with open(path, 'rb') as handle:
        yield handle.read()
    yield struct.pack('<QI', 2 ** 60, 0x1b6b9bd7) + bytes(100)


def record_pixels(content):
    for inside, labels in ((content, next(record_pixels_seeds())), (next(record_pixels_seeds()), content)):
        with tf.python_io.TFRecordWriter(path_of('pixels', 'x-r02.tfrecords')) as writer:
            writer.write(inside)
        write(labels, 'pixels', 'x-rxx.labels')
        with contextlib.suppress(UserError):
            _own_pictures(path_of('pixels'))


def record_pixels_seeds():
    feature = {'shape': tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 2, 2])),
               'data': tf.train.Feature(bytes_list=tf.train.BytesList(value=[b'1234']))}
    yield tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    stream = io.BytesIO()
    np.save(stream, np.ones((1, 2), np.float32))
    yield stream.getvalue()


def cache_file(content):
    place = cache.Place(write(content, 'cache', 'x.pixels'), (2, 2, 1), '')
    cache.load(place, 1, lambda rows, bar: rows(0, np.zeros((1, 2, 2, 1), np.uint8)), lambda line: None)


def cache_file_seeds():
    path = path_of('cache', 'seed.pixels')
    cache.load(cache.Place(path, (2, 2, 1), ''), 2, lambda rows, bar: rows(0, np.ones((2, 2, 2, 1), np.uint8)),
               lambda line: None)
    with open(path, 'rb') as handle:
        yield handle.read()


TARGETS = {function.__name__: (function, seeds) for function, seeds in (
    (picture, picture_seeds), (picture_zip, picture_zip_seeds), (label_file, label_file_seeds),
    (records, records_seeds), (record_pixels, record_pixels_seeds), (cache_file, cache_file_seeds))}
