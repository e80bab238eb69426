"""A data set as a preset trains on it: scaled to its range, of one class or all."""

import collections

import numpy as np

from dcgan_tf1.data.catalogue import short_title
from dcgan_tf1.data.class_names import class_number
from dcgan_tf1.data.picked import computed, in_file, pick
from dcgan_tf1.data.sources import DATASETS
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text
from dcgan_tf1.util.images import to_uint8

_AT_ONCE = 1 << 22  # values that are scaled at a time, where bytes are wanted of them

# How data of the user's own have labels, for messages.
_LABELS_OF = {'folder': ': a class is a sub-folder of pictures, with no pictures beside the sub-folders, or labels '
                        'are in metadata.csv, metadata.jsonl or dataset.json (docs/data.md)',
              'npz': ': they are the array y_train or labels'}


class TrainingData(collections.namedtuple('TrainingData', [
        'pixels',         # uint8 [N, H, W, C], also where they lie in a file: an array or PickedImages
        'table',          # float32 [256], or [256] + input_shape: what a byte (at its place) becomes
        'input_shape',    # what the networks take, without N
        'labels',         # int32 [N], or None where the data set has none
        'dataset',        # the Dataset they come from
        'image_class',    # name of the one class taken, or None
        'full_size',      # N of the full data set, where a stand-in was taken; else N
])):

    @property
    def count(self):
        """How many images there are."""
        return len(self.pixels)

    @property
    def images(self):
        """All images, scaled: four times the memory that their bytes take."""
        return self.scaled(slice(None))

    def as_bytes(self, image_range):
        """All images as bytes of the preset's range, uint8 [N, H, W, C]; those in a file stay there."""
        if self.table.ndim == 1:
            return self.pixels  # black and white are the ends of the range

        def as_bytes(pixels):
            return to_uint8(self._scaled(pixels), image_range).reshape(pixels.shape)

        if in_file(self.pixels):
            return computed(self.pixels, as_bytes)
        scaled, each = np.empty(self.pixels.shape, np.uint8), max(1, _AT_ONCE // int(np.prod(self.input_shape)))
        for first in range(0, self.count, each):
            scaled[first:first + each] = as_bytes(self.pixels[first:first + each])
        return scaled

    def scaled(self, rows):
        """Some of the images as the networks take them: float32 [n] + input_shape in the preset's range."""
        return self._scaled(np.asarray(self.pixels[rows]))

    def _scaled(self, pixels):
        pixels = pixels.reshape((-1,) + self.input_shape)
        if self.table.ndim == 1:
            return self.table[pixels]
        return np.take_along_axis(self.table, pixels.astype(np.intp), 0)

    @property
    def title(self):
        """For people: the data set, and the class where there is one."""
        return short_title(self.dataset.name, self.image_class)


def prepare(dataset, preset, image_class=None):
    """The TrainingData of a Dataset: the images that a preset trains on, and how it scales them."""
    if dataset.images.shape[1:] != preset.image_shape:
        raise UserError('--dataset={}: expected images of {} for --preset={}, found {}'.format(
            dataset.name, shape_text(preset.image_shape), preset.name, shape_text(dataset.images.shape[1:])))
    images, labels, full_size = dataset.images, dataset.labels, dataset.nominal_size
    if preset.classes is not None and labels is None:
        raise UserError('--dataset={}: expected labels for --preset={}, found none in {}{}'.format(
            dataset.name, preset.name, dataset.folder, _LABELS_OF.get(dataset.name, '')))
    if preset.classes not in (None, len(dataset.classes)):
        raise UserError('--dataset={}: expected the {} classes of --preset={}, found {} in {}'.format(
            dataset.name, preset.classes, preset.name, len(dataset.classes), dataset.folder))
    keep = np.ones(len(images), bool)
    if preset.holdout and DATASETS[dataset.name].has_holdout:
        full_size -= preset.holdout
        if dataset.note is None:
            keep[:preset.holdout] = False
            if len(images) <= preset.holdout:
                raise UserError('{}: expected more than the {} images that are held out, found {}'.format(
                    dataset.folder, preset.holdout, len(images)))
    if image_class is not None:
        number = class_number(dataset.name, dataset.classes, image_class)
        image_class = dataset.classes[number]
        share = (labels[keep] == number).mean()
        keep &= labels == number
        if not keep.any():
            raise UserError('--class: expected a class with images, found none of {!r} in {}'.format(
                image_class, dataset.folder))
        full_size = int(round(full_size * share))
    return TrainingData(
        images if keep.all() else pick(images, np.flatnonzero(keep)), byte_table(images, preset), preset.input_shape,
        None if labels is None else labels[keep].astype(np.int32), dataset, image_class, full_size)


def byte_table(images, preset):
    """What a preset makes of each byte: float32 [256], or [256] + input_shape where that depends on its place."""
    values = np.arange(256, dtype=np.uint8)
    low, high = preset.image_range
    if preset.scaling == 'minmax':
        # Over the whole training set, before a class is taken, as 2017 did.
        floor, ceiling = images.min(axis=0).astype(np.float32), images.max(axis=0).astype(np.float32)
        values = values.reshape((-1,) + (1,) * floor.ndim)
        scaled = ((values - floor) / np.maximum(ceiling - floor, 1)).reshape((-1,) + preset.input_shape)
    else:
        scaled = values.astype(np.float32) / 255
    return (scaled * (high - low) + low).astype(np.float32)
