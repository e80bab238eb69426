"""Finds, downloads and checks a data set and says what is in it: `python -m dcgan_tf1.datasets`, or `dcgan-data`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import os
import sys

import numpy as np

from dcgan_tf1 import flags
from dcgan_tf1.data import loading, prepare
from dcgan_tf1.data.sources import DATASETS
from dcgan_tf1.util import cli, images


def main(argv=None):
    return cli.run(flags.parse_data, describe, argv)


def describe(config):
    """Finds, reads and describes one data set; draws a preview where asked to."""
    if config.dataset == 'folder':
        dataset = loading.load('folder', 'train', config.data_dir, config.shape, background=config.background)
    else:
        dataset = loading.load(config.dataset, config.split, config.data_dir)
    picked = dataset.images
    print('{}: {}'.format(dataset.name, DATASETS[dataset.name].title))
    print('  from      {}'.format(dataset.folder))
    for path, digest in dataset.files.items():
        print('  file      {}  sha256 {}'.format(os.path.basename(path), digest))
    print('  content   sha256 {} ({})'.format(dataset.checksum, {
        True: 'the published content', False: 'not the published content',
        None: 'no published checksum to compare with'}[dataset.official]))
    print('  images    {:,} of {}, bytes from {} to {}'.format(
        len(picked), prepare.by(picked.shape[1:]), picked.min(), picked.max()))
    if dataset.labels is not None:
        counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
        print('  classes   ' + ', '.join('{} {:,}'.format(name, count)
                                         for name, count in zip(dataset.classes, counts)))
    if config.image_class is not None:
        picked = picked[dataset.labels == prepare.class_number(dataset, config.image_class)]
        print('  class     {}: {:,} images'.format(config.image_class, len(picked)))
    if config.preview:
        images.save_picture(config.preview, images.grid(picked[:100], columns=10))
        print('  preview   {} (the first {})'.format(config.preview, min(100, len(picked))))


if __name__ == '__main__':
    sys.exit(main())
