"""The names of the data sets and what help texts say of them; needs neither NumPy nor Pillow."""

import collections
import re

# {name: title}, in the order of sources.DATASETS.
DATASETS = collections.OrderedDict([
    ('mnist', 'MNIST, handwritten digits'),
    ('fashion_mnist', 'Fashion-MNIST, articles of clothing'),
    ('cifar10', 'CIFAR-10, small photographs'),
    ('folder', 'your own pictures, cropped and resized'),
    ('npz', 'arrays of your own, in an .npz, .npy or .csv file'),
])

OWN_HINT = '; pictures of your own are --dataset=folder with --data_dir=FOLDER'  # for the flag's message

_ON_DATA = re.compile(',? on (MNIST|Fashion-MNIST|CIFAR-10|the horses of CIFAR-10|pictures of any size)(:.*)?$')


def short_title(dataset, image_class=None):
    """What a data set is called, for people; and a class of it, where there is one."""
    title = DATASETS[dataset].split(',')[0]
    return title if image_class is None else '{}, {}'.format(title, image_class)


def title_on(title, dataset):
    """A preset's title for another data set, in place of the preset's own, which the title may end in.

    Exported pages show it, too, so it does not say whose pictures they were.
    """
    without = _ON_DATA.sub('', title)
    return '{}{} on {}'.format(without, '' if without != title else ',', {
        'folder': 'a folder of pictures', 'npz': 'an array of images'}.get(dataset, short_title(dataset)))


MAX_CLASSES = 1000  # of a data set

# What transparent parts of pictures are laid on: RGBA.
BACKGROUNDS = {'black': (0, 0, 0, 255), 'white': (255, 255, 255, 255)}
