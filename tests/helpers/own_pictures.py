"""Tiny pictures of one colour each, and what the data set `folder` makes of them."""

import os
import zipfile

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from dcgan_tf1.data import loading, reading

SHAPE = (4, 4, 1)


def grey(path, value, size=(4, 4)):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    Image.new('L', size, value).save(path)


def load(place='mine', shape=SHAPE, **how):
    """(the values of the pictures, their labels, the classes, the log) of pictures of one colour each."""
    lines = []
    found = loading.load('folder', data_dir=place, shape=shape, log=lines.append, reading=reading.Reading(**how))
    return (np.asarray(found.images)[:, 0, 0, 0].tolist(), None if found.labels is None else found.labels.tolist(),
            found.classes, lines)


def zipped(folder, top=''):
    with zipfile.ZipFile(folder + '.zip', 'w') as archive:
        for path, _, names in os.walk(folder):
            for name in names:
                archive.write(os.path.join(path, name), top + os.path.relpath(os.path.join(path, name), folder))
    return folder + '.zip'


def write_records(path, *features):
    """A TFRecord file of one tf.Example for each {name: an integer, some of them, bytes, or [] for no bytes}."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tf.python_io.TFRecordWriter(path) as writer:
        for each in features:
            feature = {name: _feature(value) for name, value in each.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def _feature(value):
    if value == [] or isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[] if value == [] else [value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=np.ravel(value).tolist()))
