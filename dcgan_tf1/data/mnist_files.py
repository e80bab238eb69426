"""MNIST, and what comes in its form, under the names that its files are found by.

IDX files keep the names that they were published under, those that unpackers give them
(train-images.idx3-ubyte) or EMNIST's (emnist-digits-train-images-idx3-ubyte), each gzipped or
not. Keras has all in one .npz.
"""

import functools
import os
import re

import numpy as np

from dcgan_tf1.data import archives, download, idx, npz
from dcgan_tf1.data.reading import Loaded
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import contents

_PREFIXES = {'train': 'train', 'test': 't10k'}
_KINDS = (('images', 3), ('labels', 1))
_EMNIST = re.compile(r'(emnist-[a-z]+)-(?:train|test)-(?:images|labels)[-.]idx[13]-ubyte(?:\.gz)?$')


def _idx_paths(folder, prefix, kind, dimensions):
    """The files that may hold the images or labels of a split, under whichever of their names."""
    paths = []
    for separator in '-.':
        base = os.path.join(folder, '{}-{}{}idx{}-ubyte'.format(prefix, kind, separator, dimensions))
        # An archive of several such files unpacks each into a folder that has its own name.
        for path in (base + '.gz', base, os.path.join(base, os.path.basename(base))):
            if os.path.isfile(path):
                paths.append(path)
    return paths


class _Idx:
    """A set of IDX files in a folder; `name` is that of one of EMNIST's, or None for MNIST's own names."""

    def __init__(self, folder, name=None):
        self._folder, self._name = folder, name
        self.published = name is None  # under the names of the files that are downloaded

    def _prefix(self, split):
        return _PREFIXES[split] if self._name is None else '{}-{}'.format(self._name, split)

    def paths(self, split):
        """{'images': files, 'labels': files} of a split, where there are several the best one first."""
        return {kind: _idx_paths(self._folder, self._prefix(split), kind, dimensions) for kind, dimensions in _KINDS}

    def has(self, split):
        return any(self.paths(split).values())

    def load(self, split, log):
        candidates, arrays, paths = self.paths(split), [], []
        for kind, dimensions in _KINDS:
            if not candidates[kind]:
                raise UserError('{}: expected {}-{}-idx{}-ubyte.gz beside the other files, found {}'.format(
                    self._folder, self._prefix(split), kind, dimensions, contents(self._folder)))
            array, path = archives.first_undamaged(
                [(path, functools.partial(_read_idx, path, dimensions)) for path in candidates[kind]], log)
            arrays.append(array)
            paths.append(path)
        images, labels = arrays
        if self._name is not None:
            log('{}: {}, whose images lie on their side in the files, turned upright'.format(
                self._folder, self._name))
            images = np.ascontiguousarray(images.transpose(0, 2, 1))  # EMNIST has columns where MNIST has rows
        return images, labels, paths


def _read_idx(path, dimensions):
    return idx.read_idx(path, dimensions), path


class _Npz:
    published = False

    def __init__(self, path):
        self._path = path

    def has(self, split):
        del split  # it holds both
        return os.path.isfile(self._path)

    def load(self, split, log):
        del log
        return npz.read_mnist_npz(self._path, split) + ([self._path],)


def _emnist_sets(folder):
    """Which of EMNIST's sets lie in a folder: 'emnist-digits', 'emnist-letters' ..."""
    return sorted({match.group(1) for match in map(_EMNIST.match, os.listdir(folder)) if match})


class MnistFiles:
    """The files of a data set in the form of MNIST, `npz` being what Keras calls them."""

    def __init__(self, npz):
        self._npz = npz

    def _form(self, folder, split):
        """The form in which a split lies in a folder, or None.

        Both splits come in one form: EMNIST's training images don't go with MNIST's test images.
        """
        forms = [_Idx(folder)] + [_Idx(folder, name) for name in _emnist_sets(folder)] + [
            _Npz(os.path.join(folder, self._npz))]
        for which in ('train', split):
            present = next((form for form in forms if form.has(which)), None)
            if present is not None:
                return present
        return None

    def present(self, folder, split):
        """Whether the images or the labels of a split lie in `folder`."""
        form = self._form(folder, split)
        return form is not None and form.has(split)

    def obtain(self, source, split, home, log):
        """Downloads those files of a split that `home` lacks; DownloadError where no mirror has them."""
        form = self._form(home, split) if os.path.isdir(home) else None
        if form is not None and not form.published:
            return
        paths = _Idx(home).paths(split)
        for remote in source.files:
            if remote.name.startswith(_PREFIXES[split]) and not any(
                    paths[kind] for kind, _ in _KINDS if kind in remote.name):
                download.fetch(remote, source.mirrors, home, log=log)

    def load(self, folder, split, log, shape=None, reading=None):
        """The Loaded of a split: images [N, H, W, 1]."""
        del shape, reading  # of the user's own data
        form = self._form(folder, split)
        several = _emnist_sets(folder)
        if isinstance(form, _Idx) and not form.published and len(several) > 1:
            raise UserError('{}: expected one of the sets of EMNIST, found {}; put the files of one into a folder of '
                            'their own'.format(folder, ', '.join(several)))
        images, labels, paths = form.load(split, log)
        if len(images) != len(labels):
            raise UserError('{}: expected one label for each of the {} images of {}, found {}'.format(
                paths[-1], len(images), os.path.basename(paths[0]), len(labels)))
        if labels.max() > 9:
            raise UserError('{}: expected labels from 0 to 9, found {}'.format(paths[-1], labels.max()))
        return Loaded(images[..., np.newaxis], labels.astype(np.int64), paths)
