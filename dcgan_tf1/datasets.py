"""Finds, downloads and checks a data set and says what is in it: `python -m dcgan_tf1.datasets`, or `dcgan-data`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import dataclasses
import os
import re
import sys
from typing import Optional, Tuple

from dcgan_tf1.data import reading
from dcgan_tf1.data.catalogue import DATASETS, OWN_HINT
from dcgan_tf1.gan.sizes import MAX_SIDE
from dcgan_tf1.util import cli, flags, paths
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing, refuse_existing, shape_text

EXAMPLES = (
    ('MNIST, downloaded into data/mnist unless it is there', 'python -m dcgan_tf1.datasets --dataset=mnist'),
    ('the horses of CIFAR-10, the first 100 as a picture',
     'python -m dcgan_tf1.datasets --dataset=cifar10 --class=horse --preview=horses.png'),
    ('pictures of your own, as a preset for 32x32 would see them',
     'python -m dcgan_tf1.datasets --dataset=folder --data_dir=my_pictures --shape=32x32x3'))


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What `datasets` does."""

    dataset: str
    split: str
    data_dir: Optional[str]
    image_class: Optional[str]
    shape: Tuple[int, int, Optional[int]]  # None: as many channels as the pictures need
    reading: reading.Reading
    preview: Optional[str]
    overwrite: bool


def parse(argv):
    """The DataConfig of a list of flags; None after a help text."""
    command = flags.Command(
        'dcgan-data', 'Finds, downloads and checks a data set, and says what is in it. ' + ' '.join(
            '{}: {}.'.format(*item) for item in DATASETS.items()), EXAMPLES)
    command.group('Which')
    command.choice('dataset', 'mnist', DATASETS, 'The data set.', hint=OWN_HINT)
    command.choice('split', 'train', ('train', 'test'), 'Which part of it.')
    command.string('class', None, 'Count and preview this class alone, by name or number.')
    command.string('shape', '28x28x1', 'Height, width and channels that --dataset=folder resizes to: 28x28x1, or '
                                        '28x28xauto for grey where all pictures are, else colour.')
    command.group('Where')
    command.path('data_dir', None, 'The only place to look; of --dataset=folder also a zip, TFRecord or Parquet file, '
                                   'of npz an .npz or .npy file. Default: $DCGAN_TF1_DATA, then data/, into which '
                                   'what is missing is downloaded.')
    command.path('preview', None, 'Write the first 100 images to this PNG or JPEG file.', paths.PICTURES)
    command.boolean('overwrite', False, 'Replace a file that is there.')
    reading.add_flags(command)
    values = command.parse(argv)
    if values is None:
        return None
    pictures, shape = values['dataset'] == 'folder', _parse_shape(values['shape'])
    if command.values['shape'].present and not pictures:
        raise flags.Error('--shape: expected only with --dataset=folder, found --dataset=' + values['dataset'])
    if pictures and values['split'] != 'train':
        raise flags.Error('--split: expected train for --dataset=folder, all of which is trained on, found '
                          + values['split'])
    reading.check_class(values, values['class'])
    return DataConfig(dataset=values['dataset'], split=values['split'], data_dir=values['data_dir'],
                      image_class=values['class'], shape=shape,
                      reading=dataclasses.replace(reading.from_flags(values, values['dataset']),
                                                  image_class=values['class']), preview=values['preview'],
                      overwrite=values['overwrite'])


def _parse_shape(text):
    parts = text.split('x')
    if len(parts) != 3 or not all(re.fullmatch('[0-9]{1,4}', part) and 1 <= int(part) <= MAX_SIDE
                                  for part in parts[:2]) or parts[2] not in ('1', '3', 'auto'):
        raise flags.Error('--shape: expected HEIGHTxWIDTHxCHANNELS, sides from 1 to {:,} and 1, 3 or auto channels, '
                          'found {!r}'.format(MAX_SIDE, text))
    return int(parts[0]), int(parts[1]), None if parts[2] == 'auto' else int(parts[2])


def main(argv=None):
    return cli.run(parse, describe, argv)


def describe(config):
    """Finds, reads and describes one data set; draws a preview where asked to."""
    import numpy as np

    from dcgan_tf1.data import class_names, loading
    from dcgan_tf1.data.picked import pick
    from dcgan_tf1.util import images
    if config.preview:
        refuse_existing(config.preview, config.overwrite)
    dataset = loading.load(config.dataset, config.split, config.data_dir, config.shape, reading=config.reading)
    picked = dataset.images
    print('{}: {}'.format(dataset.name, DATASETS[dataset.name]))
    print('  from      {}'.format(dataset.folder))
    for path, digest in dataset.files.items():
        print('  file      {}  sha256 {}'.format(listing([os.path.basename(path)]), digest))
    print('  content   sha256 {} ({})'.format(dataset.checksum, {
        True: 'the published content', False: 'not the published content',
        None: 'no published checksum to compare with'}[dataset.official]))
    print('  images    {:,} of {}, bytes from {} to {}'.format(
        len(picked), shape_text(picked.shape[1:]), picked.min(), picked.max()))
    if dataset.labels is not None:
        counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
        print('  classes   ' + listing(['{} {:,}'.format(name, count) for name, count in zip(
            dataset.classes, counts)], len(counts)))
    if config.image_class is not None:
        number = class_names.class_number(dataset.name, dataset.classes, config.image_class)
        picked = pick(picked, np.flatnonzero(dataset.labels == number))
        print('  class     {}: {:,} images'.format(listing([dataset.classes[number]]), len(picked)))
    if config.preview and not len(picked):
        raise UserError('--preview: expected images to show, found none of the class {}'.format(
            listing([dataset.classes[number]])))
    if config.preview:
        images.save_picture(config.preview, images.grid(picked[:100], columns=10))
        print('  preview   {} (the first {})'.format(config.preview, min(100, len(picked))))


if __name__ == '__main__':
    sys.exit(main())
