"""How data of the user's own are read: the flags that say so, and what a run's config.json keeps of them."""

import collections
import dataclasses
import os
from typing import Optional

from dcgan_tf1.data.catalogue import BACKGROUNDS
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError

RESIZE = ('lanczos', 'bilinear', 'nearest')


@dataclasses.dataclass(frozen=True)
class Reading:
    """What decides on the pixels of pictures and on where they are kept; each field is a flag."""

    background: str = 'black'  # what transparent parts are laid on
    crop: Optional[int] = None  # side of the window at the centre that is kept; 0: the largest square
    resize: str = 'lanczos'
    recursive: bool = False  # whether pictures of all deeper folders are taken, too
    label_column: Optional[str] = None  # of a table; None: the usual names
    labels: bool = True  # False: images are read without theirs
    skip_damaged: bool = False
    cache_gib: Optional[float] = None  # beyond which pixels lie in a file; None: half of the memory that is free
    cache_dir: Optional[str] = None  # where that file lies; None: beside the data
    image_class: Optional[str] = None  # the class that is wanted, which is missed before pictures are decoded


# One split of a data set as a reader gives it.
Loaded = collections.namedtuple('Loaded', [
    'images',   # uint8 [N, H, W, C]; a numpy.memmap where they lie in a file
    'labels',   # integers [N], or None where there are none
    'files',    # paths of the files that were read
    'classes',  # the labels' names, where the files say them; None for those that the data set is known to have
    'notes',    # lines on what was done to the images on the way
    'digest',   # hashlib's SHA-256 of the images, where it is known already; else None
])
Loaded.__new__.__defaults__ = (None, (), None)


# Those that a run is compared by when it is resumed: the data's checksum tells of the others.
COMPARED = ('background', 'crop', 'resize')
_PICTURES = ('background', 'crop', 'resize', 'recursive', 'skip_damaged')
_OWN = ('cache_gib', 'cache_dir')
_ARRAYS = ('label_column', 'labels') + _OWN  # of arrays, too
_NAMES = _PICTURES + _ARRAYS
DEFAULTS = Reading()
NO_LIMIT = 1 << 33  # GiB: what an infinite cache_gib comes to, more than a file can have


def add_flags(command, title='Pictures of your own (--dataset=folder)', transparent='--dataset=folder'):
    """The flags of pictures of the user's own, in a group under that title.

    transparent: whose pictures the help text of --background speaks of.
    """
    command.group(title)
    command.choice('background', None, BACKGROUNDS, 'What transparent parts of the pictures of {} are laid on. '
                                                    'Default: black.'.format(transparent))
    command.integer('crop', None, 'Side of the window at the centre of a picture that is kept, before it is resized; '
                                  "0 for the largest square. Default: the largest window of the images' "
                                  'proportions.', 0)
    command.choice('resize', None, RESIZE, 'How pictures are resized. Default: lanczos.')
    command.boolean('recursive', None, 'Take the pictures of all deeper folders, too. Default: only where there are '
                                       'no others.')
    command.string('label_column', None, 'The column of metadata.csv, metadata.jsonl, a Parquet file or a table of '
                                         'pixels (npz), or the feature of TFRecords, that has the labels. Default: '
                                         'label, or another usual name.')
    command.boolean('labels', None, '--nolabels: read the images without their labels, such as those that are no '
                                    'classes (folder and npz). Default: with them.')
    command.boolean('skip_damaged', None, 'Leave pictures out that are damaged or smaller than --crop, and say which. '
                                          'Default: refuse them.')
    command.real('cache_gib', None, 'Data sets larger than this many GiB are kept in a memory-mapped file (folder '
                                    'and npz); inf for no limit. Default: half of the free memory.', 0,
                 infinite=True)
    command.path('cache_dir', None, 'The folder of that file. Default: .dcgan_tf1-cache in the folder of the data.')


def given(values):
    """{name: value} of those of a command's flags that say how data are read, and were given."""
    return {name: values[name] for name in _NAMES if values.get(name) is not None}


def refuse_with_run(values):
    """Refuses flags that decide on the pixels: those of a run's data were read as its config.json says."""
    for name, value in given(values).items():
        if name not in _OWN:
            raise flags.Error('--{0}: expected only without --run, which says how its data were read, found '
                              '--{0}={1}'.format(name, value))


def from_flags(values, dataset, base=DEFAULTS, expected='--dataset={}'):
    """`base` with what a command's flags say; flags.Error for one that does nothing for the data set.

    expected: for the message, where the flags have an effect, with {} for the name of a data set.
    """
    asked = given(values)
    for name, value in asked.items():
        if name not in _FOR.get(dataset, ()):
            raise flags.Error('--{0}: expected only with {1}, found --{0}={2} with {3}'.format(
                name, expected.format('folder or npz' if name in _ARRAYS else 'folder'), value, dataset))
    if values.get('recursive') is False and not base.recursive:
        raise flags.Error('--norecursive: expected --recursive, or neither, for pictures of deeper folders are taken '
                          'in any case where there are no others')
    return dataclasses.replace(base, **asked)


def check_class(values, image_class):
    """Refuses a class that is asked for beside --nolabels, which hides it."""
    if values['labels'] is False and image_class not in (None, 'all'):
        raise flags.Error('--class: expected no --nolabels beside it, which leaves no classes, found both')


def of_library(dataset, values):
    """The Reading of {name: value}; UserError for one that does nothing for the data set, or a value that is none."""
    for name, value in values.items():
        if name not in _FOR.get(dataset, ()):
            raise UserError('load_dataset: expected {} for {!r}, found {}'.format(
                ', '.join(_FOR.get(dataset, ())) or 'nothing else', dataset, name))
        _check(name, value, 'load_dataset: expected {}, found {!r}'.format(_EXPECTED[name], value))
    return Reading(**values)


def record_of(reading):
    """{name: value} of the settings that config.json keeps but runs are not compared by, if not the default."""
    kept = {name: getattr(reading, name) for name in _NAMES
            if name not in COMPARED and getattr(reading, name) != getattr(DEFAULTS, name)}
    if 'cache_gib' in kept:
        kept['cache_gib'] = min(kept['cache_gib'], NO_LIMIT)  # JSON has no infinity
    if 'cache_dir' in kept:
        kept['cache_dir'] = os.path.abspath(kept['cache_dir'])
    return kept


def compared(reading):
    """{name: value} of the settings that a run is compared by, of those that are no default."""
    return {name: getattr(reading, name) for name in COMPARED if getattr(reading, name) != getattr(DEFAULTS, name)}


def of_run(run, config):
    """The Reading that a run's data were read with, by its config.json; UserError for a value that is none."""
    data = config.get('data')
    data = data.get('reading') if isinstance(data, dict) else None
    recorded = dict(data if isinstance(data, dict) else {}, **{
        name: config['identity'][name] for name in COMPARED if name in config['identity']})
    recorded = {name: value for name, value in recorded.items() if name in _NAMES}
    for name, value in recorded.items():
        _check(name, value, '{}: expected {} in its config.json, found {!r}'.format(run, _EXPECTED[name], value))
    return Reading(**recorded)


_FOR = {'folder': _NAMES, 'npz': _ARRAYS}  # what each data set is read by
_EXPECTED = {'background': 'a background of ' + ' or '.join(BACKGROUNDS), 'crop': 'a crop of 0 or more',
             'resize': 'resize as one of ' + ', '.join(RESIZE), 'recursive': 'recursive as true or false',
             'label_column': 'the name of a label_column', 'labels': 'labels as true or false',
             'skip_damaged': 'skip_damaged as true or false',
             'cache_gib': 'a cache_gib of 0 or more', 'cache_dir': 'the name of a cache_dir'}


def _check(name, value, message):
    right = {
        'background': lambda: value in tuple(BACKGROUNDS), 'resize': lambda: value in RESIZE,
        'crop': lambda: value is None or isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        'cache_gib': lambda: value is None or isinstance(value, (int, float)) and value >= 0,
        'recursive': lambda: isinstance(value, bool), 'labels': lambda: isinstance(value, bool),
        'skip_damaged': lambda: isinstance(value, bool),
    }.get(name, lambda: value is None or isinstance(value, str))
    if not right():
        raise UserError(message)
