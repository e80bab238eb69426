"""A data set as a preset trains on it: scaled to its range, of one class or all."""

import collections

import numpy as np

from dcgan_tf1.data.sources import DATASETS
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing

# How data of the user's own have labels, for messages.
_LABELS_OF = {'folder': ': a class is a sub-folder of pictures, with no pictures beside the sub-folders',
              'npz': ': they are the array y_train or labels'}


class TrainingData(collections.namedtuple('TrainingData', [
        'images',         # float32 [N] + input_shape, in the preset's range
        'labels',         # int32 [N], or None where the data set has none
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
            dataset.name, by(preset.image_shape), preset.name, by(dataset.images.shape[1:])))
    images, labels, full_size = dataset.images, dataset.labels, dataset.nominal_size
    if preset.classes is not None and labels is None:
        raise UserError('--dataset={}: expected labels for --preset={}, found none in {}{}'.format(
            dataset.name, preset.name, dataset.folder, _LABELS_OF.get(dataset.name, '')))
    if preset.classes not in (None, len(dataset.classes)):
        raise UserError('--dataset={}: expected the {} classes of --preset={}, found {} in {}'.format(
            dataset.name, preset.classes, preset.name, len(dataset.classes), dataset.folder))
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
    return TrainingData(scaled.reshape((-1,) + preset.input_shape), None if labels is None else
                        labels[keep].astype(np.int32), dataset, image_class, full_size)


def class_number(dataset, image_class):
    """The label of a class given by name or number."""
    if not dataset.classes:
        raise UserError('--class: expected a data set with classes, found --dataset={}'.format(dataset.name))
    return number_among(dataset.classes, image_class)


def number_among(classes, image_class, flag='--class'):
    """The same among the names of `classes`; `flag` gave it."""
    if image_class in classes:
        return classes.index(image_class)
    if image_class.isdecimal() and int(image_class) < len(classes):
        return int(image_class)
    raise UserError('{}: expected one of {}, found {!r}'.format(flag, listing(classes, 30), image_class))


def by(shape):
    return 'x'.join(map(str, shape))
