"""Runs as records, and the tables and pictures of docs/results.md that are made of them."""

import copy
import dataclasses
import json
import os
import shutil
import sys

import numpy as np
import pytest
from helpers.commands import graph_flags, run_command
from helpers.places import ROOT
from PIL import Image

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.reporting import figures
from dcgan_tf1.util.errors import UserError

sys.path.insert(0, os.path.join(ROOT, 'benchmarks'))

import result_tables  # noqa: E402
import results_table  # noqa: E402
import run_records  # noqa: E402

pytestmark = pytest.mark.once


def edit_json(path, change):
    with open(str(path)) as handle:
        value = json.load(handle)
    change(value)
    with open(str(path), 'w') as handle:
        json.dump(value, handle)


# ------------------------------------------------------------------------------------ records

@pytest.fixture(scope='module')
def short_run(tiny_data, plain_graph, tmp_path_factory):
    """A run of keras_dense of 4 steps, evaluated by 100 images."""
    parent = str(tmp_path_factory.mktemp('short'))
    for command in (['train', '--run_dir=' + parent, '--preset=keras_dense', '--max_steps=4', '--log_every=2'],
                    ['evaluate', '--run=' + os.path.join(parent, '00000-keras_dense'), '--num_images=100']
                    + graph_flags(plain_graph)):
        status, _, err = run_command(*command + ['--data_dir=' + tiny_data])
        assert status == 0, err
    return os.path.join(parent, '00000-keras_dense')


@pytest.fixture(scope='module')
def whole_run(short_run, tmp_path_factory):
    """The same where 4 steps are a whole run, evaluated by as many images as there have to be, and measured."""
    run = tmp_path_factory.mktemp('whole') / 'run'
    shutil.copytree(short_run, str(run))

    def whole(config):
        config['flags']['max_steps'] = None
        config['command'] = "python -m dcgan_tf1.train '--run_dir=/a b' --preset=keras_dense --data_dir=/c --seed=0"

    def measured(metrics):
        metrics['n'] = 2700
        metrics['features']['name'] = 'classifier of mnist (seed 0)'
    edit_json(run / 'config.json', whole)
    edit_json(run / 'evaluation-000004' / 'metrics.json', measured)
    (run / 'quality.csv').write_text('step,n,frechet_distance,precision\n2,2000,50.125,0.5\n4,2000,20.5,0.75\n')
    (run / 'losses.csv').write_text('step,epoch,d_loss,d_loss_real,d_loss_fake,g_loss,images_per_second,seconds\n'
                                    '1,1,0.5,0.25,0.75,1.5,1,30\n2,1,1.5,0.25,0.75,2.5,2,45\n')
    before = PRESETS['keras_dense']
    PRESETS['keras_dense'] = dataclasses.replace(before, steps=4)
    yield str(run)
    PRESETS['keras_dense'] = before


@pytest.fixture
def places(tmp_path):
    """Places of which the document has text around its markers."""
    found = results_table.trial_places(str(tmp_path))
    (tmp_path / 'results.md').write_text('# Title\n\n{}\nold\n{}\n\nWritten by hand.\n'.format(*results_table.MARKERS))
    return found


def test_a_record_says_what_a_run_was_and_gave(whole_run):
    record, _ = run_records.from_run(whole_run)
    assert [record[key] for key in ('name', 'system', 'seed', 'mode')] == ['keras_dense-0', 'keras_dense', 0, None]
    assert record['command'] == 'python -m dcgan_tf1.train --preset=keras_dense --seed=0'
    assert record['data'] == dict(record['data'], name='mnist', images=5400, official=False, note=None)
    # Its rows are counted from 0 and end two steps and 30 seconds before the run does.
    assert (record['steps'], record['minutes'], record['images_per_second']) == (4, 1.0, 1.5)
    assert record['losses'] == {'rows': 2, 'last_ten': {
        'd_loss': 1.0, 'd_loss_real': 0.25, 'd_loss_fake': 0.75, 'g_loss': 2.0}}
    assert record['quality']['columns'] == ['step', 'minutes', 'frechet_distance', 'precision']
    assert record['quality']['rows'] == [[2, 0.5, 50.125, 0.5], [4, 1.0, 20.5, 0.75]]
    with open(os.path.join(whole_run, 'evaluation-000004', 'metrics.json')) as handle:
        real, own = json.load(handle)['results']
    for found, expected in ((record['evaluation']['real'], real), (record['evaluation']['results'][0], own)):
        for key, value in expected.items():
            if key not in ('name', 'step') and value is not None:
                np.testing.assert_allclose(found[key], value, rtol=1e-5, err_msg=key)
    text = run_records.as_text(record)
    assert json.loads(text) == record and len(text.splitlines()) < 80
    assert 'tmp' not in text  # no place of this machine


def test_runs_that_another_classifier_measured_are_named():
    found = [{'name': name, 'system': name[0],
              'evaluation': {'features': 'classifier of {} (seed {})'.format(data, seed)}}
             for name, data, seed in (('a-0', 'x', 1), ('b-0', 'x', 2), ('c-0', 'x', 2), ('d-0', 'y', 1))]
    assert result_tables.other_scales(found).replace('\n', ' ') == (
        'Measured by a different classifier of x (seed 1) from the other runs of these data (seed 2), so on another '
        'scale, and marked by *: `a-0`.')
    assert result_tables.marked_systems(found) == {'a': '`a`\\*', 'b': '`b`', 'c': '`c`', 'd': '`d`'}
    assert result_tables.other_scales(found[1:]) == ''


def test_losses_beside_those_of_2017():
    recorded = {key: np.array(values) for key, values in figures.read_recorded_losses('mnist2017_losses.csv').items()}
    summary = run_records.loss_summary(recorded, PRESETS['blog_mnist'])
    assert summary['within_2017'] == summary['rows'] == 42 and summary['last_ten'] == summary['last_ten_2017']
    recorded['g_loss'][3] = 100
    assert run_records.loss_summary(recorded, PRESETS['blog_mnist'])['within_2017'] == 41


@pytest.mark.parametrize('what, expected', [
    ('cut short', 'it has 4 steps, not 10,000'), ('stopped', 'at step 4 of 10,000'),
    ('settings', 'learning_rate was 0.5'), ('average', 'ema_decay was 0.5'),
    ('few images', 'an evaluation of 2,700 images'), ('not evaluated', 'dcgan-evaluate --run='),
    ('other data', 'found other data'),
    ('no system', 'expected a run of one of the systems'), ('no losses', 'expected rows of losses')])
def test_what_is_no_whole_run_is_refused(what, expected, whole_run, places, tmp_path, monkeypatch):
    run = tmp_path / 'run'
    shutil.copytree(whole_run, str(run))
    if what == 'cut short':
        monkeypatch.setitem(PRESETS, 'keras_dense', dataclasses.replace(PRESETS['keras_dense'], steps=10000))
    config, metrics = run / 'config.json', run / 'evaluation-000004' / 'metrics.json'
    changes = {
        'average': lambda value: value['identity'].update(ema_decay=0.5),
        'stopped': lambda value: value['schedule'].update(total_steps=10000),
        'settings': lambda value: value['identity'].update(learning_rate=0.5),
        'no system': lambda value: value['flags'].update(precision='bfloat16')}
    if what in changes:
        edit_json(config, changes[what])
    elif what == 'few images':
        edit_json(metrics, lambda value: value.update(n=100))
    elif what == 'other data':
        edit_json(metrics, lambda value: value['data'].update(own=False))
    elif what == 'not evaluated':
        metrics.unlink()
    elif what == 'no losses':
        (run / 'losses.csv').write_text('step,seconds\n')
    refused, = results_table.add([str(run)], places)
    assert expected in refused and refused.startswith(str(run))
    assert not os.path.exists(places.records)


# ------------------------------------------------------------------------------------- tables

def test_adding_a_run_writes_tables_and_pictures_and_nothing_again(whole_run, places, tmp_path, capsys):
    files = [tmp_path / name for name in ('results.md', 'systems.png', 'img/keras_dense-0.png',
                                          'results/keras_dense-0.json')]
    for again in (False, True):
        before = again and [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
        assert results_table.add([whole_run], places) == []
        results_table.write_tables(places)
        assert ('recorded already' in capsys.readouterr().out) == again
    assert before == [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    text = (tmp_path / 'results.md').read_text()
    assert text.startswith('# Title\n\n<!--') and text.endswith('-->\n\nWritten by hand.\n') and 'old' not in text
    row, = [line for line in text.splitlines() if line.startswith('| `keras_dense` | 4 ')]
    assert '![24 samples of keras_dense](img/keras_dense-0.png)' in row and '| 1.4 (CPU) |' in row  # 4 x 32 / 1.5 s
    missing, = [line for line in text.splitlines() if line.startswith('Not yet run')]
    assert '`cgan_mnist`' in missing and '`keras_dense`' not in missing
    with Image.open(str(tmp_path / 'img' / 'keras_dense-0.png')) as strip:
        assert strip.size == (12 * 28, 2 * 28)
    with Image.open(str(tmp_path / 'systems.png')) as picture:
        assert picture.size == (230 + 24 * 32 + 4, 8 + 32)


def test_a_record_of_a_preset_that_has_changed_is_left_out(whole_run, places, monkeypatch, capsys):
    assert results_table.add([whole_run], places) == []
    for changes, expected in (({'learning_rate': 0.5}, 'learning_rate was 0.001, now 0.5'),
                              ({'steps': 5}, 'it has 4 steps, not 5')):
        monkeypatch.setitem(PRESETS, 'keras_dense', dataclasses.replace(PRESETS['keras_dense'], **changes))
        results_table.write_tables(places)
        assert expected in capsys.readouterr().err
        with open(places.document) as handle:
            text = handle.read()
        assert 'have changed since: `keras_dense-0`.' in text and '![24 samples' not in text
        assert os.path.exists(os.path.join(places.records, 'keras_dense-0.json'))


@pytest.fixture
def two_seeds(whole_run):
    """Records of blog_mnist with two seeds, and one of cgan_mnist."""
    record, _ = run_records.from_run(whole_run)
    found = []
    for system, seed, distance, recall, memorised, curve in (
            ('blog_mnist', 0, 25.0, 0.8, 0.0, [60.0, 30.0]), ('blog_mnist', 1, 27.0, 0.9, 0.018, [40.0, 20.0]),
            ('cgan_mnist', 0, 2.5, 0.91, 0.011, [25.0, 4.0])):
        each = copy.deepcopy(record)
        each.update(name='{}-{}'.format(system, seed), system=system, seed=seed)
        each['evaluation']['real']['memorised'] = 0.01
        each['evaluation']['results'][0].update(frechet_distance=distance, recall=recall, memorised=memorised)
        each['quality']['rows'] = [[430, 1.5, curve[0], 0.5], [860, 3.0, curve[1], 0.5]]
        found.append(each)
    return found


def test_several_seeds_are_one_row_with_mean_and_worst(two_seeds):
    lines = result_tables.main_table(two_seeds, 'img')
    titles = [cell.strip() for cell in lines[0].split('|')]
    cells = dict(zip(titles, [cell.strip() for cell in lines[3].split('|')]))
    assert cells['system'] == '`blog_mnist`, 2 seeds' and cells['Fréchet'] == '26.00 (27.00)'
    assert cells['recall'] == '0.850 (0.800)' and cells['memorised'] == '0.009 (0.018)'  # less is no fault
    assert dict(zip(titles, lines[4].split('|')))['Fréchet'] == ' 2.50 '
    assert lines[2].startswith('| *real images: MNIST*') and len(lines) == 5


def test_what_is_still_to_be_run_is_named(two_seeds):
    text = result_tables.all_tables(two_seeds, 'img')
    assert '`blog_dense`, ' in text and text.startswith(
        'Not yet run to the end with the data of these tables: `blog_mnist-float32`, ')
    assert '\n\nOther seeds not yet run: `blog_mnist-2`, `cgan_mnist-1`, `cgan_mnist-2`.\n\n' in text


def test_real_images_have_a_row_for_each_set_of_them(two_seeds):
    two_seeds[2]['evaluation']['real']['frechet_within_classes'] = 1.25  # of a preset with labels alone
    two_seeds[1]['evaluation']['real']['density'] = 99.0  # measured otherwise
    lines = [line for line in result_tables.run_table(two_seeds) if '*real: MNIST, 5,400 images*' in line]
    assert len(lines) == 2 and '| 1.25 |' in lines[0] and '| 99.000 |' in lines[1]


def test_time_to_quality(two_seeds):
    two_seeds[0]['images_per_second'] = 3.0  # twice as fast as the others: of its own system, it stands for both
    assert '| 4 | 0.7 (CPU) |' in result_tables.main_table(two_seeds, 'img')[3]
    text = '\n'.join(result_tables.time_tables(two_seeds))
    assert 'MNIST: `blog_mnist` ends at 25.00, the mean of its seeds, by 2,000 images.' in text
    assert '| `blog_mnist` | never, 860 | -, 152.9 | CPU | 30.00, 20.00 | 30.00, 20.00 |' in text
    assert '| `cgan_mnist` | 430 | 152.9 | CPU | 4.00 | 4.00 |' in text
    assert result_tables.first_at(two_seeds[2], 4) == 860


def test_a_document_without_its_markers_is_left_alone(tmp_path):
    begin, end = results_table.MARKERS
    for text in ('', begin, '{1}\n{0}'.format(begin, end), begin + end + end):
        with pytest.raises(UserError, match='expected one line'):
            results_table.between_markers(text, 'new', 'x.md')


def test_strips_are_small_and_have_the_classes_in_turn(monkeypatch):
    asked = []

    def generate(preset, prefix, z, labels=None):
        asked.append(labels)
        return np.random.RandomState(0).uniform(-1, 1, (24,) + preset.image_shape)
    monkeypatch.setattr(run_records.sampling, 'generate', generate)
    content = run_records.samples_strip(PRESETS['cgan_cifar10'], 'prefix')
    assert asked[0].tolist() == 2 * (list(range(10)) + [0, 1]) and len(content) < 30000  # noise, as bad as it gets
    run_records.samples_strip(PRESETS['blog_mnist'], 'prefix')
    assert asked[1] is None




