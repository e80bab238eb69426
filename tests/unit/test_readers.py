"""Readers against hand-made files, damaged ones and hostile ones."""

import gzip
import io
import lzma
import os
import pickle
import pickletools
import struct
import tarfile

import numpy as np
import pytest
from helpers.data import cifar_rows, official_pickle, write_binary_cifar, write_cifar, write_idx

from dcgan_tf1.data import cifar, idx, npz
from dcgan_tf1.util.errors import UserError

# ------------------------------------------------------------------------------ IDX

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize('name', ['images', 'images.gz'])
def test_idx_by_hand(tmp_path, name):
    raw = bytes([0, 0, 8, 3]) + struct.pack('>3I', 2, 3, 4) + bytes(range(24))
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if name.endswith('.gz') else raw)
    np.testing.assert_array_equal(idx.read_idx(str(path), 3), IMAGES)


def whole(suffix='.gz'):
    raw = bytes([0, 0, 8, 3]) + struct.pack('>3I', 2, 3, 4) + bytes(range(24))
    return gzip.compress(raw) if suffix else raw


@pytest.mark.parametrize('raw, message', [
    (b'', 'an empty file'),
    (bytes([0, 0, 8, 1]) + bytes(30), 'found 00000801'),
    (bytes([0, 0, 13, 3]) + bytes(30), 'found 00000d03'),
    (bytes([0, 0, 8, 3, 0, 0]), 'expected 12 bytes of dimensions, found 2'),
    (whole('')[:-1], 'expected 24 bytes after the header (2 x 3 x 4), found 23'),
    (whole('') + b'x', 'expected 24 bytes after the header (2 x 3 x 4), found more'),
    (bytes([0, 0, 8, 3]) + struct.pack('>3I', 0, 3, 4), 'found dimensions 0 x 3 x 4'),
    (bytes([0, 0, 8, 3]) + struct.pack('>3I', 2 ** 31, 2 ** 31, 4), 'found dimensions'),
])
def test_damaged_idx(tmp_path, raw, message):
    path = tmp_path / 'images'
    path.write_bytes(raw)
    with pytest.raises(UserError) as error:
        idx.read_idx(str(path), 3)
    assert str(path) in str(error.value) and message in str(error.value)


@pytest.mark.parametrize('raw', [
    whole()[:-9], whole()[:-4] + b'\0\0\0\0', whole()[:12] + b'\xff\xff' + whole()[14:], b'no gzip at all', b''],
    ids=['cut', 'wrong sum', 'wrong length', 'no gzip', 'empty'])
def test_damaged_gzip(tmp_path, raw):
    path = tmp_path / 'images.gz'
    path.write_bytes(raw)
    with pytest.raises(UserError) as error:
        idx.read_idx(str(path), 3)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('name, raw', [('images.gz', whole('')), ('images', whole())], ids=['plain', 'gzipped'])
def test_gzip_is_told_by_its_bytes_not_by_its_name(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    np.testing.assert_array_equal(idx.read_idx(str(tmp_path / name), 3), IMAGES)


def test_missing_idx_and_a_folder_in_its_place(tmp_path):
    for path in (tmp_path / 'none', tmp_path):
        with pytest.raises(UserError, match=str(path)):
            idx.read_idx(str(path), 3)


# ---------------------------------------------------------------------------- CIFAR


def test_cifar_pickle_by_hand():
    rows, labels = cifar_rows()
    images, found = cifar.decode_pickle(official_pickle(rows, labels), 'data_batch_1')
    assert images.shape == (4, 32, 32, 3) and images.dtype == np.uint8
    # Red, green and blue planes follow each other, each row by row.
    assert images[1, 2, 3].tolist() == [rows[1, 2 * 32 + 3], rows[1, 1024 + 67], rows[1, 2048 + 67]]
    assert found.tolist() == labels


def test_cifar_pickle_as_numpy_itself_reads_it():
    rows, labels = cifar_rows()
    # What NumPy itself unpickles from the hand-made bytes is what we read.
    theirs = pickle.loads(official_pickle(rows, labels), encoding='bytes')
    np.testing.assert_array_equal(theirs[b'data'], rows)


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_cifar_pickles_of_python_3(protocol):
    rows, labels = cifar_rows()
    for batch in ({'data': rows, 'labels': labels}, {b'data': rows, b'labels': labels, b'batch_label': b'1 of 5'}):
        images, found = cifar.decode_pickle(pickle.dumps(batch, protocol), 'data_batch_1')
        np.testing.assert_array_equal(images, rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        assert found.tolist() == labels


@pytest.mark.parametrize('batch, found', [
    ({'labels': [1]}, r"found 'labels' \(list\)"), ([1], 'found no dictionary'), ({}, 'found nothing'),
    ({'data': cifar_rows()[0], 'fine_labels': [1]}, r"found 'data' \(matrix\), 'fine_labels' \(list\)"),
    ({'data': [1], b'labels': 'x\ny'}, r"found 'data' \(list\), 'labels' \(str\)")])
def test_another_pickle_says_what_is_in_it(batch, found):
    with pytest.raises(UserError, match="x: expected a pickle with .*'data' and .*'labels', " + found):
        cifar.decode_pickle(pickle.dumps(batch, 2), 'x')


class Exploit:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_pickles_that_would_run_code_are_refused(tmp_path):
    marker = tmp_path / 'ran'
    hostile = [pickle.dumps(Exploit(os.system, 'touch {}'.format(marker)), protocol) for protocol in (0, 2, 4)]
    hostile += [pickle.dumps({b'data': Exploit(eval, '1'), b'labels': []}, 4),
                pickle.dumps(Exploit(getattr, 'x', 'join'), 4),
                pickle.dumps({b'data': np.array([[object]], object), b'labels': [1]}, 2),
                pickle.dumps({b'data': np.zeros((1, 3072)), b'labels': [1]}, 2),
                b'cbuiltins\nexec\n(S"open(%r,\'w\')"\ntR.' % str(marker).encode(),
                b'\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.',
                b'c_codecs\nencode\n(S"x"\nS"rot13"\ntR.', b'c_codecs\ndecode\n(S"x"\nS"latin1"\ntR.',
                b'Pid\n.', b'\x80\x02]q\x00h\x01.', b'', b'.', b'\x80\x05' + b'\xff' * 50]
    for raw in hostile:
        with pytest.raises(UserError, match='data_batch_1: expected'):
            cifar.decode_pickle(raw, 'data_batch_1')
    assert not marker.exists()
    assert any(op.name == 'STACK_GLOBAL' for op, _, _ in pickletools.genops(hostile[2]))  # it was tried


@pytest.mark.parametrize('change', [
    lambda rows, labels: (rows[:, :-1], labels), lambda rows, labels: (rows, labels[:-1]),
    lambda rows, labels: (rows, [10] + labels[1:])])
def test_cifar_pickle_of_wrong_content(change):
    with pytest.raises(UserError, match='x.pickle: expected'):
        cifar.decode_pickle(official_pickle(*change(*cifar_rows())), 'x.pickle')


def test_all_forms_of_cifar_are_equal(tmp_path):
    rows, labels = write_cifar(tmp_path / 'py')
    write_binary_cifar(tmp_path / 'bin', rows, labels)
    tars = [str(tmp_path / name) for name in ('py.tar.gz', 'py.tar', 'bin.tar.gz', 'bin.tar')]
    for path in tars:
        with tarfile.open(path, 'w:gz' if path.endswith('gz') else 'w') as archive:
            archive.add(str(tmp_path / os.path.basename(path)[:3].rstrip('.')), 'cifar-10-batches')
    expected = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    for images, found, _ in (cifar.read_pickles(str(tmp_path / 'py'), 'train'),
                             cifar.read_binaries(str(tmp_path / 'bin'), 'train'),
                             *[cifar.read_tar(path, 'train') for path in tars]):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(found, labels)


def test_a_batch_of_cifar_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match='expected data_batch_1, .*, found no data_batch_1, data_batch_2, .*_5$'):
        cifar.read_pickles(str(tmp_path), 'train')


def test_cifar_binary_of_wrong_length(tmp_path):
    for name in cifar.BATCHES['train']:
        (tmp_path / (name + '.bin')).write_bytes(bytes(3073 + 5))
    with pytest.raises(UserError, match='records of 3073 bytes .*found 3078'):
        cifar.read_binaries(str(tmp_path), 'train')


def member(name, kind=tarfile.REGTYPE, content=b'', link=''):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), link
    return info, io.BytesIO(content)


@pytest.mark.parametrize('hostile', [
    member('/etc/cron.d/x', content=b'x'), member('../outside', content=b'x'), member('a/../../outside', content=b'x'),
    member('cifar-10-batches-py/data_batch_1', tarfile.SYMTYPE, link='/etc/passwd'),
    member('cifar-10-batches-py/data_batch_1', tarfile.LNKTYPE, link='/etc/passwd'),
    member('dev', tarfile.CHRTYPE), member('pipe', tarfile.FIFOTYPE)])
def test_tar_members_that_leave_the_target_are_refused(tmp_path, hostile):
    path = str(tmp_path / 'c.tar.gz')
    with tarfile.open(path, 'w:gz') as archive:
        archive.addfile(*hostile)
    with pytest.raises(UserError, match='plain files below one folder'):
        cifar.read_tar(path, 'train')


def packed_cifar(tmp_path, name=''):
    """Packs the whole of a small CIFAR-10, or one of its files: the archive's path and bytes."""
    write_cifar(tmp_path / 'py')
    path = str(tmp_path / 'c.tar.gz')
    with tarfile.open(path, 'w:gz') as archive:
        archive.add(os.path.join(str(tmp_path / 'py'), name), os.path.join('cifar-10-batches-py', name))
    with open(path, 'rb') as handle:
        return path, handle.read()


def test_damaged_and_incomplete_tars(tmp_path):
    path, raw = packed_cifar(tmp_path, 'data_batch_1')
    with pytest.raises(UserError, match='expected data_batch_2, .*, found only data_batch_1$'):
        cifar.read_tar(path, 'train')
    for damaged in (raw[:len(raw) // 2], raw[:100], b'', b'no tar', lzma.compress(gzip.decompress(raw))):
        with open(path, 'wb') as handle:
            handle.write(damaged)
        with pytest.raises(UserError, match='c.tar.gz: '):
            cifar.read_tar(path, 'train')


def test_a_flipped_byte_anywhere_in_a_tar_is_found(tmp_path):
    path, raw = packed_cifar(tmp_path)
    draw = np.random.RandomState(0)
    for place in draw.randint(10, len(raw) - 4, 60):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << draw.randint(8)
        with open(path, 'wb') as handle:
            handle.write(damaged)
        with pytest.raises(UserError, match='c.tar.gz'):
            cifar.read_tar(path, 'train')


# ------------------------------------------------------------------------------ npz

def test_kerass_npz(tmp_path):
    path = str(tmp_path / 'mnist.npz')
    for images, labels in ((IMAGES, np.uint8([3, 4])), (np.asfortranarray(IMAGES[..., None]).astype(int), [3, 4])):
        np.savez_compressed(path, x_train=images, y_train=labels, x_test=IMAGES[:1], y_test=[1])
        found = npz.read_mnist_npz(path, 'train')
        np.testing.assert_array_equal(found[0], IMAGES)
        assert found[0].dtype == found[1].dtype == np.uint8 and found[1].tolist() == [3, 4]


@pytest.mark.parametrize('arrays, message', [
    ({'y_train': [1]}, 'x_train'), ({'x_train': IMAGES / 255, 'y_train': [1]}, 'x_train of float64, no int'),
    ({'x_train': IMAGES.astype(int) - 5, 'y_train': [1, 1]}, 'x_train from -5 to 18'),
    ({'x_train': IMAGES, 'y_train': np.uint8([[1, 1]])}, r'found \[2, 3, 4\] and \[1, 2\]'),
    ({'x_train': np.array([{}], object), 'y_train': [1]}, 'of object, no integers')])
def test_another_npz_is_refused(tmp_path, arrays, message):
    path = str(tmp_path / 'mnist.npz')
    np.savez(path, **arrays)
    with pytest.raises(UserError, match='mnist.npz: expected .*' + message):
        npz.read_mnist_npz(path, 'train')


def test_write_idx_helper_round_trip(tmp_path):
    write_idx(tmp_path / 'x.gz', IMAGES)
    np.testing.assert_array_equal(idx.read_idx(str(tmp_path / 'x.gz'), 3), IMAGES)


class MakesAFolder:
    """What makes one when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ('made',)


def test_a_pickle_among_arrays_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez('x.npz', z=np.array([MakesAFolder()], object))
    np.save('x.npy', np.array([MakesAFolder()], object))
    for path, name in (('x.npz', 'z'), ('x.npy', None)):
        with pytest.raises(UserError, match=path):
            npz.read_array(path, name)
        assert not os.path.exists('made')


def test_arrays_of_too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez('x.npz', z=np.zeros(99))
    np.save('x.npy', np.zeros(99))
    for path, name in (('x.npz', 'z'), ('x.npy', None)):
        with pytest.raises(UserError, match='found: .*more than 99 bytes'):
            npz.read_array(path, name, max_bytes=99)


def test_a_matrix_in_fortran_order_is_refused():
    pixels = np.asfortranarray(np.random.RandomState(0).randint(0, 256, (2, 3072)).astype(np.uint8))
    with pytest.raises(UserError, match='C-ordered'):
        cifar.decode_pickle(pickle.dumps({'data': pixels, 'labels': [0, 1]}, 2), 'x')
