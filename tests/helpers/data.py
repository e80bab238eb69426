"""Tiny data sets as files."""

import gzip
import os
import struct

import numpy as np

from dcgan_tf1.data import cifar


def write_idx(path, array):
    """Writes a uint8 array as an IDX file, gzipped if the name ends in .gz."""
    opener = gzip.open if str(path).endswith('.gz') else open
    with opener(str(path), 'wb') as handle:
        handle.write(struct.pack('>4B', 0, 0, 8, array.ndim))
        handle.write(struct.pack('>{}I'.format(array.ndim), *array.shape))
        handle.write(array.tobytes())


def write_mnist(folder, images, labels, split='train'):
    os.makedirs(str(folder), exist_ok=True)
    write_idx(os.path.join(str(folder), split + '-images-idx3-ubyte.gz'), images)
    write_idx(os.path.join(str(folder), split + '-labels-idx1-ubyte.gz'), labels)


def blobs(count, seed=0):
    """uint8 [count, 28, 28]: one soft blob each, at a random place."""
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[:28, :28]
    centre = draw.uniform(8, 20, (count, 2, 1, 1))
    distance = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2
    return (255 * np.exp(-distance / 20)).astype(np.uint8)


def located(count, seed):
    """Blobs in one of four corners, uint8 [count, 28, 28], and which: uint8 [count]."""
    draw = np.random.RandomState(seed)
    labels = draw.randint(4, size=count)
    y, x = np.mgrid[:28, :28]
    rows = 8 + 12 * (labels // 2) + draw.randint(-2, 3, count)
    columns = 8 + 12 * (labels % 2) + draw.randint(-2, 3, count)
    distance = (y - rows[:, np.newaxis, np.newaxis]) ** 2 + (x - columns[:, np.newaxis, np.newaxis]) ** 2
    return (255 * np.exp(-distance / 20)).astype(np.uint8), labels.astype(np.uint8)


def cifar_rows(count=4, seed=0):
    draw = np.random.RandomState(seed)
    return draw.randint(0, 256, (count, 3072)).astype(np.uint8), [int(i) for i in draw.randint(0, 10, count)]


def official_pickle(rows, labels):
    """A batch as Python 2 pickled the official ones: protocol 2, byte strings, NumPy's old names."""
    def text(raw):
        return (b'U' + bytes([len(raw)]) if len(raw) < 256 else b'T' + struct.pack('<i', len(raw))) + raw

    def integer(number):
        return b'J' + struct.pack('<i', number)

    array = (b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n' + integer(0) + b'\x85' + text(b'b') + b'\x87R('
             + integer(1) + integer(rows.shape[0]) + integer(rows.shape[1]) + b'\x86' + b'cnumpy\ndtype\n'
             + text(b'u1') + integer(0) + integer(1) + b'\x87R(' + integer(3) + text(b'|') + b'NNN' + integer(-1)
             + integer(-1) + integer(0) + b'tb\x89' + text(rows.tobytes()) + b'tb')
    return (b'\x80\x02}(' + text(b'batch_label') + text(b'training batch 1 of 5')
            + text(b'labels') + b'](' + b''.join(integer(label) for label in labels) + b'e'
            + text(b'data') + array + text(b'filenames') + b'](' + text(b'horse_0001.png') + b'eu.')


def write_cifar(folder, count=4):
    """A whole unpacked cifar-10-batches-py; returns all rows and labels of the training batches."""
    os.makedirs(str(folder))
    rows, labels = zip(*[cifar_rows(count, seed) for seed in range(6)])
    for name, data, label in zip(cifar.BATCHES['train'] + cifar.BATCHES['test'], rows, labels):
        with open(os.path.join(str(folder), name), 'wb') as handle:
            handle.write(official_pickle(data, label))
    return np.concatenate(rows[:5]), np.concatenate(labels[:5])


def write_binary_cifar(folder, rows, labels):
    """cifar-10-batches-bin of the same training images."""
    os.makedirs(str(folder))
    for index in range(5):
        part = slice(4 * index, 4 * index + 4)
        records = np.concatenate([labels[part, None].astype(np.uint8), rows[part]], axis=1)
        records.tofile(os.path.join(str(folder), 'data_batch_{}.bin'.format(index + 1)))
