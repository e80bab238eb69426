"""Which class a name or a number stands for."""

import re
import unicodedata

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import listing


def class_number(dataset, classes, image_class):
    """The label of a class, given by name or number, of the data set of that name."""
    if not classes:
        raise UserError('--class: expected a data set with classes, found --dataset={}'.format(dataset))
    return number_among(classes, image_class)


def _integer(text):
    # An int() of more digits than these takes its time.
    return int(text) if re.match(r'[+-]?[0-9]{1,9}$', text) else None


def composed(name):
    """A name as others write it: macOS takes accents apart in those of files."""
    return unicodedata.normalize('NFC', name)


def number_among(classes, image_class, flag='--class'):
    """The label of a class, given by name or number, among the names of `classes`; `flag` gave it.

    Where names are numbers themselves, a number is never taken for a label: the class 2 of 1, 2 and 10 is the second.
    """
    image_class, names = composed(image_class), [composed(name) for name in classes]
    if image_class in names:
        return names.index(image_class)
    number, named = _integer(image_class), [_integer(name) for name in classes]
    if number is not None:
        labels = [label for label, each in enumerate(named) if each == number]
        if len(labels) == 1:
            return labels[0]
        if 0 <= number < len(classes) and named == [None] * len(classes):
            return number
    also = '' if any(each is not None for each in named) else ', or a number from 0 to {}'.format(len(classes) - 1)
    near = [name for name in names if name.lower() == image_class.lower()]
    raise UserError('{}: expected one of {}{}, found {!r}{}'.format(
        flag, listing(classes, 30), also, image_class, '; did you mean {!r}?'.format(near[0]) if near else ''))
