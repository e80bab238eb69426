"""The data that a run was trained on, as its config.json records them: found again, compared and named."""

import os

from dcgan_tf1.data import loading, sources
from dcgan_tf1.data.reading import DEFAULTS
from dcgan_tf1.util.errors import UserError

SHOWN = 12  # digits of a checksum


def record_of(dataset, image_class, own=None):
    """What metrics.json says about a Dataset. own: whether it is the run's; None where there is no run to ask."""
    return {'name': dataset.name, 'class': image_class, 'checksum': dataset.checksum, 'folder': dataset.folder,
            'note': dataset.note, 'official': dataset.official, 'own': own}


def trained_on(config):
    """What a config.json says of the data that a run was trained on, as record_of() has it; None where silent."""
    identity = config['identity']
    record = _texts(config.get('data'))
    record['class'] = _texts(identity)['class']
    if record['checksum'] is None and isinstance(identity.get('data_checksum'), str):
        record['checksum'] = identity['data_checksum']
    return record


def measured_on(metrics):
    """What a metrics.json says of the data that were measured against, as record_of() has it."""
    return _texts(metrics.get('data'))


def _texts(data):
    data = data if isinstance(data, dict) else {}
    return {key: data[key] if isinstance(data.get(key), str) else None
            for key in ('name', 'class', 'folder', 'place', 'checksum', 'note')}


def short(record):
    """As evaluations.csv has it: the checksum's first digits, and whether it is a stand-in's."""
    return record['checksum'][:SHOWN] + (' (stand-in)' if record.get('note') else '')


def title(record):
    """For people: the data set, its class, what is not as it should be, and the checksum."""
    parts = [str(record.get(key)) for key in ('name', 'class', 'note') if record.get(key)]
    return '{} ({})'.format(', '.join(parts) or 'data', (record.get('checksum') or 'no checksum')[:SHOWN])


def load(run, config, name, data_dir=None, shape=None, other_data=False, log=print, reading=DEFAULTS):
    """(the data set that a run is measured against, whether it is the one that it was trained on).

    It is all splits that the run was trained on. It is looked for in `data_dir` if that is named; else
    where the run found it, then in the usual places. Raises UserError where it is not the run's own, unless
    other_data is set.
    Whether it is the run's own is None where config.json has no checksum to tell by.
    """
    record = dict(trained_on(config), name=name, splits=_splits(run, config))
    record['class'] = None  # the whole data set is compared
    dataset, folders = None, {}  # one place under two names is read once
    for folder in () if data_dir else filter(None, (record['folder'], record['place'])):
        folders.setdefault(os.path.abspath(folder), folder)
    for folder in folders.values():
        candidate = _in_its_folder(record, folder, shape, log, reading)
        if candidate is not None and candidate.checksum == record['checksum']:
            dataset = candidate
            break
        dataset = dataset or candidate
    if dataset is None or dataset.checksum != record['checksum']:
        try:
            usual = loading.load_splits(name, record['splits'], data_dir, shape, log, reading)
        except UserError as error:
            if dataset is None:
                raise UserError('{}; {} was trained on {}, then in {}'.format(
                    error, run, title(record), record['folder'] or 'a folder that it does not record'))
        else:
            dataset = usual if dataset is None or usual.checksum == record['checksum'] else dataset
    if record['checksum'] is None:
        log('{}: its config.json does not say which data it was trained on; measuring against {} in {}'.format(
            run, title(record_of(dataset, None)), dataset.folder))
        return dataset, None
    own = dataset.checksum == record['checksum']
    actual = '{} in {}'.format(title(record_of(dataset, None)), dataset.folder)
    expected = '{}, then in {}'.format(title(record), record['folder'])
    if not own and not other_data:
        raise UserError('{}: expected the data that {} was trained on, {}, found {}; name their folder with '
                        '--data_dir, or measure against these with --other_data'.format(
                            '--data_dir=' + data_dir if data_dir else dataset.folder, run, expected, actual))
    if not own:
        log('measuring against other data than {} was trained on: {} in place of {}'.format(run, actual, expected))
    return dataset, own


def _splits(run, config):
    """The splits that a run was trained on."""
    splits = config['identity'].get('splits', ['train'])
    if not isinstance(splits, list) or not splits or not all(split in ('train', 'test') for split in splits):
        raise UserError("{}: expected splits of 'train' and 'test' in its config.json, found {!r}".format(run, splits))
    return splits


def _in_its_folder(record, folder, shape, log, reading):
    """What lies now in the folder that a run found its data in; None for nothing."""
    name = record['name']
    if not (os.path.isdir(folder) or name in sources.SINGLE_FILES and os.path.isfile(folder)):
        return None
    if record['note'] is not None and name == 'mnist':
        path = os.path.join(folder, loading.EMBEDDED_FILE)
        return loading.read_embedded(path) if os.path.exists(path) else None
    if not all(sources.DATASETS[name].present(folder, split)
               for split in loading.splits_there(name, record['splits'], folder, lambda line: None)):
        return None
    return loading.read_splits(name, record['splits'], folder, shape, log, reading)


def differences(verb, named):
    """One line on what each was trained on (or measured against), where that is not the same for all; else None.

    named: pairs of a name and a record; one without a checksum says nothing.
    """
    known = [(name, record) for name, record in named if record.get('checksum')]
    if len({(record['checksum'], record.get('class')) for _, record in known}) < 2:
        return None
    return 'These runs were {} different data: {}.'.format(verb, '; '.join(
        '{}: {}'.format(name, title(record)) for name, record in known))
