"""The evaluation command: on runs, checkpoints and images, by a classifier and by a graph of the user's."""

import contextlib
import csv
import json
import os
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, graph_flags, run_command
from helpers.data import blobs, located, write_mnist
from helpers.exports import make_checkpoint
from PIL import Image

from dcgan_tf1.data import loading
from dcgan_tf1.gan.noise import sample_inputs
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import classifier, evaluation, extractors, given_images, results, run_images
from dcgan_tf1.metrics.table import COLUMNS
from dcgan_tf1.reporting import evaluating, figures
from dcgan_tf1.runs.sampling import generate
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import sha256
from dcgan_tf1.util.images import to_uint8


def metrics_of(folder):
    with open(os.path.join(str(folder), 'metrics.json')) as handle:
        return json.load(handle)


@pytest.mark.slow_tf1
def test_a_run_by_a_graph_of_the_users(run, tiny_data, plain_graph):
    flags = ['--run=' + run, '--n=150', '--data_dir=' + tiny_data] + graph_flags(plain_graph)
    status, text, err = run_command('evaluate', *flags)
    assert status == 0, err
    out = os.path.join(run, 'evaluation-000004')
    metrics = metrics_of(out)
    assert (metrics['preset'], metrics['n'], metrics['features']['name']) == ('blog_mnist', 150, 'features.pb')
    real, sampled, without = metrics['results']
    assert [row['name'] for row in metrics['results']] == [evaluation.REAL, 'as the preset samples', 'dropout off']
    assert (real['step'], sampled['step']) == (None, 4)
    # Two halves of the same blobs are near each other; an untrained generator's grey is far away.
    assert real['frechet_distance'] < 0.1 * sampled['frechet_distance']
    assert real['precision'] > 0.6 and real['coverage'] > 0.6 and sampled['precision'] == sampled['coverage'] == 0
    assert sampled['frechet_distance'] != without['frechet_distance']
    assert len(real['class_shares']) == 4 and abs(sum(real['class_shares']) - 1) < 1e-9
    assert real['memorised'] <= 0.02 and 1 <= sampled['classifier_score'] <= 4
    assert 'Frechet' in text and evaluation.REAL in text and '4 dropout off' in text
    with Image.open(os.path.join(out, 'neighbours.png')) as picture:
        assert picture.size[0] > 900 and np.asarray(picture.convert('L')).std() > 10
    with open(os.path.join(run, 'evaluations.csv')) as handle:
        rows = list(csv.DictReader(handle))
    assert [(row['step'], row['name'], row['n']) for row in rows] == [
        ('4', 'as the preset samples', '150'), ('4', 'dropout off', '150')]
    np.testing.assert_allclose(float(rows[0]['frechet_distance']), sampled['frechet_distance'], rtol=1e-5)

    check_one_line_error(run_command('evaluate', *flags), 'metrics.json', '--overwrite')
    status, _, err = run_command('evaluate', '--overwrite', *flags)
    assert status == 0, err
    again = metrics_of(out)['results']
    np.testing.assert_allclose(again[1]['frechet_distance'], sampled['frechet_distance'], rtol=1e-6)  # same seed
    with open(os.path.join(run, 'evaluations.csv')) as handle:
        assert len(list(csv.DictReader(handle))) == 4


@pytest.mark.parametrize('shape', [(28, 28, 1), (64, 128, 3), (96, 48, 3)])
def test_neighbours_have_the_proportions_of_the_images(shape, tmp_path):
    images = np.zeros((3,) + shape, np.uint8)
    images[1, 2:-2, 2:-2] = 128
    figures.save_neighbours(str(tmp_path / 'x.png'), images, 0 * images)
    with Image.open(str(tmp_path / 'x.png')) as picture:
        grey = np.argwhere(np.asarray(picture.convert('L'))[:, 160:] == 128)
    sides = np.ptp(grey, axis=0) + 1
    assert abs(sides[0] / sides[1] - (shape[0] - 4) / (shape[1] - 4)) < 0.06


@pytest.mark.slow_tf1
def test_a_training_may_go_on_while_it_is_measured(run, tiny_data, plain_graph, tmp_path, monkeypatch):
    copy = tmp_path / '00000-blog_mnist'
    shutil.copytree(run, str(copy), ignore=shutil.ignore_patterns('evaluation*'))
    make_reference = evaluation.make_reference

    def of_a_later_step(*args, **kwargs):
        for path in (copy / 'checkpoints').glob('model.ckpt-4.*'):
            path.rename(str(path).replace('ckpt-4', 'ckpt-6'))
        return make_reference(*args, **kwargs)

    monkeypatch.setattr(evaluation, 'make_reference', of_a_later_step)
    flags = ['--run={}'.format(copy), '--n=100', '--data_dir=' + tiny_data] + graph_flags(plain_graph)
    status, out, err = run_command('evaluate', *flags)
    assert status == 0, err
    assert [row['step'] for row in metrics_of(copy / 'evaluation-000006')['results'][1:]] == [6, 6]
    # Of all checkpoints, those are left out that are gone when it is their turn.
    prefixes = [str(copy / 'checkpoints' / 'model.ckpt-{}'.format(step)) for step in (2, 4, 6)]
    found = list(run_images.sample_checkpoints(PRESETS['blog_mnist'], prefixes, 2, 0, False, 'cpu'))
    assert [sampled.step for sampled in found] == [2, 6]
    measured = run_images.sample_checkpoints(PRESETS['blog_mnist'], prefixes[:1], 2, 0, True, 'cpu')
    assert next(measured).name == 'as the preset samples'
    for path in (copy / 'checkpoints').glob('model.ckpt-2.*'):
        path.unlink()
    assert list(measured) == []  # what has been measured is not lost
    with pytest.raises(UserError, match='model.ckpt-4: expected a checkpoint, found that it is not there any more'):
        list(run_images.sample_checkpoints(PRESETS['blog_mnist'], prefixes[1:2], 2, 0, False, 'cpu'))
    check_one_line_error(run_command('evaluate', '--out={}'.format(copy), *flags),
                         '--out: expected a folder for an evaluation, found the run folder')


def rows_of(run):
    with open(os.path.join(str(run), 'evaluations.csv'), newline='') as handle:
        return list(csv.DictReader(handle))


@pytest.mark.slow_tf1
def test_a_run_is_measured_against_its_own_data(run, tiny_data, plain_graph, tmp_path, monkeypatch):
    """Where nothing else is asked for: not against inverted digits in a usual place, which are refused."""
    copy = str(tmp_path / '00000-blog_mnist')
    shutil.copytree(run, copy)
    old = 'step,name,n,seed,features,frechet_distance\n2,"as, then",100,0,old.pb,1.5\n'
    with open(os.path.join(copy, 'evaluations.csv'), 'w') as handle:
        handle.write(old)  # of before there was a column `data`
    write_mnist(tmp_path / 'usual' / 'mnist', 255 - blobs(5400), np.arange(5400).astype(np.uint8) % 10)
    monkeypatch.setenv('DCGAN_TF1_DATA', str(tmp_path / 'usual'))
    flags = ['--run=' + copy, '--n=100'] + graph_flags(plain_graph)
    status, text, err = run_command('evaluate', '--out={}'.format(tmp_path / 'own'), *flags)
    assert status == 0, err
    with open(os.path.join(copy, 'config.json')) as handle:
        trained = json.load(handle)['data']
    data = metrics_of(tmp_path / 'own')['data']
    assert data == {'name': 'mnist', 'class': None, 'checksum': trained['checksum'], 'note': None,
                    'folder': os.path.join(tiny_data, 'mnist'), 'official': False, 'own': True}
    other = ['--data_dir={}'.format(tmp_path / 'usual'), '--out={}'.format(tmp_path / 'other')] + flags
    check_one_line_error(run_command('evaluate', *other), '--other_data', trained['checksum'][:12],
                         os.path.join(tiny_data, 'mnist'), str(tmp_path / 'usual'))
    status, text, err = run_command('evaluate', '--other_data', *other)
    assert status == 0 and 'measuring against other data' in text, err
    found = metrics_of(tmp_path / 'other')
    assert found['data']['own'] is False and found['data']['checksum'] != trained['checksum']
    # An untrained generator's grey is as far from the one as from the other; the real images are not.
    rows = rows_of(copy)
    assert [row['data'] for row in rows] == [''] + [trained['checksum'][:12]] * 2 + [
        found['data']['checksum'][:12]] * 2
    assert (rows[0]['name'], rows[0]['frechet_distance'], rows[0]['density']) == ('as, then', '1.5', '')
    assert float(rows[1]['frechet_distance']) != float(rows[3]['frechet_distance'])
    check_one_line_error(run_command('evaluate', '--other_data', '--images=x', '--preset=blog_mnist'), '--other_data')


@contextlib.contextmanager
def may_only_read(folder):
    """As a user who may read `folder`, and may not write to it."""
    os.chmod(str(folder), 0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        os.chmod(str(folder), 0o755)


@pytest.fixture
def shared(run, tiny_data, plain_graph):
    """A folder that all may enter, with a copy of the run, of its data and of the graph."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        for source, name in ((run, 'run'), (tiny_data, 'data')):
            shutil.copytree(source, os.path.join(folder, name), ignore=shutil.ignore_patterns('evaluation*'))
            os.chmod(os.path.join(folder, name), 0o755)
        shutil.copy(plain_graph, os.path.join(folder, 'features.pb'))
        yield folder


@pytest.mark.slow_tf1
def test_a_run_that_may_only_be_read_is_refused_at_once_or_measured_elsewhere(shared, monkeypatch):
    flags = ['--run={}/run'.format(shared), '--n=100', '--data_dir={}/data'.format(shared)] + graph_flags(
        os.path.join(shared, 'features.pb'))
    with may_only_read(os.path.join(shared, 'run')):
        with monkeypatch.context() as patch:
            patch.setattr(evaluation, 'measure', None)  # it does not come to that
            patch.setattr(loading, 'load', None)
            check_one_line_error(run_command('evaluate', *flags), 'evaluation-000004', 'Permission denied', '--out')
        assert not os.path.exists(os.path.join(shared, 'run', 'evaluation-000004'))
        status, text, err = run_command('evaluate', '--out={}/out/there'.format(shared), *flags)
    assert status == 0 and 'Frechet' in text, err
    assert len(metrics_of(os.path.join(shared, 'out', 'there'))['results']) == 3
    assert err.count('\n') == 1 and err.startswith('WARNING') and 'evaluations.csv' in err


@pytest.mark.slow_tf1
def test_the_table_is_printed_before_anything_is_written(run, tiny_data, plain_graph, tmp_path, monkeypatch):
    def full(*_):
        raise UserError('no space')

    monkeypatch.setattr(evaluating, 'write_json', full)
    status, text, err = run_command('evaluate', '--run=' + run, '--n=100', '--out={}'.format(tmp_path / 'out'),
                                    '--data_dir=' + tiny_data, *graph_flags(plain_graph))
    assert (status, err) == (1, 'error: no space\n')
    assert evaluation.REAL in text and '4 dropout off' in text


def test_columns_never_run_together():
    row = dict.fromkeys(COLUMNS, 8582.1743)
    rows = [dict(row, name=evaluation.REAL, step=None),
            dict(row, name='as the preset samples', step=4, frechet_distance=123456789.0, kernel_distance=34329.1021),
            dict(row, name='a name that is longer than all of the others are', step=1000000, recall=None)]
    lines = results.format_table(rows, 'title').split('\n')
    assert lines[0] == 'title' and lines[1].split() == [heading for heading, _ in COLUMNS.values()]
    for line, row in zip(lines[2:], rows):
        shown = [form.format(row[key]) for key, (_, form) in COLUMNS.items() if row[key] is not None]
        assert line.split()[-len(shown):] == shown
    assert len({len(line) for line in lines[1:]}) == 1  # one under the other
    assert lines[3].startswith('4 as the preset samples ') and '123456789.00' in lines[3]


@pytest.mark.slow_tf1
def test_all_checkpoints_of_a_run(run, tiny_data, plain_graph, tmp_path):
    status, text, err = run_command('evaluate', '--run=' + run, '--n=100', '--all_checkpoints', '--seed=1',
                                    '--out={}'.format(tmp_path), '--data_dir=' + tiny_data, *graph_flags(plain_graph))
    assert status == 0, err
    assert [row['step'] for row in metrics_of(tmp_path)['results']] == [None, 2, 4]
    assert metrics_of(tmp_path)['seed'] == 1 and [row['seed'] for row in rows_of(run)[-2:]] == ['1', '1']
    with Image.open(str(tmp_path / 'quality.png')) as picture:
        assert picture.size[0] > 1000
    assert 'quality.png' in text
    # The samples beside their neighbours are those of the newest one; what replaces all that leaves no picture of it.
    neighbours = sha256(str(tmp_path / 'neighbours.png'))
    status, _, err = run_command('evaluate', '--run=' + run, '--n=100', '--step=4', '--seed=1', '--overwrite',
                                 '--out={}'.format(tmp_path), '--data_dir=' + tiny_data, *graph_flags(plain_graph))
    assert status == 0 and sorted(os.listdir(str(tmp_path))) == ['metrics.json', 'neighbours.png'], err
    assert sha256(str(tmp_path / 'neighbours.png')) == neighbours
    check_one_line_error(run_command('evaluate', '--run=' + run, '--all_checkpoints', '--preset=blog_dense',
                                     *graph_flags(plain_graph)), 'expected', 'blog_mnist', 'blog_dense')


@pytest.mark.slow_tf1
def test_a_run_with_labels_is_measured_by_class(conditional_run, tiny_data, plain_graph, tmp_path):
    run, data = str(tmp_path / '00000-averaged_dense'), '--data_dir=' + tiny_data
    preset = PRESETS['averaged_dense']
    shutil.copytree(conditional_run, run)
    status, text, err = run_command('evaluate', '--run=' + run, '--n=150', data, *graph_flags(plain_graph, 'tenths'))
    assert status == 0, err
    out = os.path.join(run, 'evaluation-000002')
    real, sampled, plain, raw = metrics_of(out)['results']
    assert (plain['name'], raw['name']) == ('temperature 1', 'without averaged weights')
    assert metrics_of(out)['temperature'] == preset.temperature
    # Blobs are numbered regardless of where they are: their classes are the same to anybody.
    assert real['class_accuracy'] < 0.3 and len(real['class_accuracies']) == len(real['frechet_by_class']) == 10
    assert real['frechet_within_classes'] < 0.2 * sampled['frechet_within_classes']
    assert 'by class' in text and '\n9 ' in text and 'classes.png' in text
    np.testing.assert_allclose([float(row['frechet_within_classes']) for row in rows_of(run)],
                               [row['frechet_within_classes'] for row in (sampled, plain, raw)], rtol=1e-5)
    np.testing.assert_allclose([float(row['class_accuracy']) for row in rows_of(run)],
                               [row['class_accuracy'] for row in (sampled, plain, raw)], rtol=1e-5)
    # Ten rows, each of one noise vector, under the digits.
    sheet = np.asarray(Image.open(os.path.join(out, 'classes.png')))
    drawn = sheet[-10 * 56::2, ::2].reshape(10, 28, 10, 28).transpose(0, 2, 1, 3)
    z, labels = sample_inputs(preset, 100, 0, 'samples')
    prefix = os.path.join(run, 'checkpoints', 'model.ckpt-2')
    expected = to_uint8(generate(preset, prefix, z, labels=labels), (-1, 1))
    assert np.abs(drawn.reshape(100, 28, 28, 1).astype(int) - expected).max() <= 1
    assert len(sheet) > 560 and sheet[0, 0] == 255 and sheet[:-560].min() < 50

    # By a graph that knows four classes; and images whose labels nobody knows.
    status, text, err = run_command('evaluate', '--run=' + run, '--n=100', '--all_checkpoints', data,
                                    *graph_flags(plain_graph))
    assert status == 0 and 'accuracy' not in text and 'intra-class' in text, err
    assert 'class_accuracy' not in metrics_of(os.path.join(run, 'evaluation'))['results'][0]
    assert sorted(os.listdir(os.path.join(run, 'evaluation'))) == [
        'classes.png', 'metrics.json', 'neighbours.png', 'quality.png']
    assert rows_of(run)[3]['class_accuracy'] == '' and len(rows_of(run)) == 4
    np.savez(str(tmp_path / 'given.npz'), images=blobs(120)[..., np.newaxis])
    status, text, err = run_command('evaluate', '--images={}'.format(tmp_path / 'given.npz'), '--preset=cgan_mnist',
                                    '--out={}'.format(tmp_path / 'given'), data, *graph_flags(plain_graph, 'tenths'))
    assert status == 0 and 'these images have no labels' in text and 'intra-class' not in text, err
    assert not {'class_accuracy', 'frechet_within_classes'} & set(metrics_of(tmp_path / 'given')['results'][0])
    assert sorted(os.listdir(str(tmp_path / 'given'))) == ['metrics.json', 'neighbours.png']


@pytest.mark.slow_tf1
def test_given_images_that_say_their_classes_are_measured_by_class(plain_graph, tiny_data, tmp_path):
    path, out = str(tmp_path / 'given.npz'), tmp_path / 'out'
    flags = ['evaluate', '--images=' + path, '--preset=cgan_mnist', '--out={}'.format(out), '--overwrite', '--n=120',
             '--data_dir=' + tiny_data] + graph_flags(plain_graph, 'tenths')
    images = blobs(120)[..., np.newaxis]
    extractor = extractors.load_graph(plain_graph, 'pictures', 'pooled:0', 'tenths', (0, 1))
    taken_for = extractor.run(images)[1].argmax(axis=1)
    for labels, accuracy in ((taken_for, 1), ((taken_for + (np.arange(120) % 4 == 0)) % 10, 0.75)):
        np.savez(path, images=images, labels=labels)
        status, text, err = run_command(*flags)
        assert status == 0 and 'intra-class' in text and 'class accuracy' not in err, err
        row = metrics_of(out)['results'][1]
        assert row['class_accuracy'] == accuracy and len(row['frechet_by_class']) == 10
    assert len(set(taken_for)) > 1
    assert sorted(os.listdir(str(out))) == ['metrics.json', 'neighbours.png']  # no classes.png: nothing makes more
    for labels, said in ((np.arange(120), 'int64 [120] from 0 to 119'), (np.eye(10)[taken_for], 'float64 [120, 10]'),
                         (taken_for[1:], 'int64 [119]'), (taken_for.astype(str), 'texts [120]')):
        np.savez(path, images=images, labels=labels)
        status, text, err = run_command(*flags)
        assert status == 0 and 'labels that are no integers [120] from 0 to 9 (' + said in text, (text, err)
        assert 'class_accuracy' not in metrics_of(out)['results'][1]
    np.savez(path, images=images, labels=taken_for[:, np.newaxis])
    assert run_command(*flags)[0] == 0 and 'class_accuracy' in metrics_of(out)['results'][1]
    for changed, said in (({'classes': np.array(list('abcdefghij'))}, 'expected labels of the classes 0, 1, '),
                          ({'labels': np.array([{}] * 120, object)}, "Object arrays cannot be loaded")):
        np.savez(path, **dict({'images': images, 'labels': taken_for}, **changed))
        status, text, err = run_command(*flags)
        assert status == 0 and said in text and 'measured without class accuracy' in text, (text, err)
        assert 'class_accuracy' not in metrics_of(out)['results'][1]


def test_images_that_lie_there_class_by_class_are_measured_in_any_order(plain_graph, tmp_path):
    images, labels = located(800, 0)
    write_mnist(tmp_path / 'data' / 'mnist', *located(5600, 1))
    np.savez(str(tmp_path / 'sorted.npz'), images=images[np.argsort(labels, kind='stable')][..., np.newaxis])
    status, _, err = run_command(
        'evaluate', '--images={}'.format(tmp_path / 'sorted.npz'), '--preset=blog_mnist', '--num_images=200',
        '--out={}'.format(tmp_path / 'out'), '--data_dir={}'.format(tmp_path / 'data'), *graph_flags(plain_graph))
    assert status == 0, err
    real, given = metrics_of(tmp_path / 'out')['results']
    np.testing.assert_allclose(given['class_shares'], real['class_shares'], atol=0.15)
    assert given['recall'] > 0.6 and given['classifier_score'] > 0.9 * real['classifier_score']


def test_images_in_a_folder_and_in_an_npz(tiny_data, plain_graph, tmp_path):
    pictures = blobs(120, seed=9)
    (tmp_path / 'pictures').mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(str(tmp_path / 'pictures' / '{:03d}.png'.format(i)))
    np.savez(str(tmp_path / 'same.npz'), images=pictures[..., np.newaxis].astype(np.float32) / 127.5 - 1)
    np.savez(str(tmp_path / 'wide.npz'), images=pictures[..., np.newaxis].astype(np.int64))
    found = []
    for name in ('pictures', 'same.npz', 'wide.npz'):
        out = tmp_path / ('out-' + name)
        status, text, err = run_command(
            'evaluate', '--images={}'.format(tmp_path / name), '--preset=blog_mnist', '--out={}'.format(out),
            '--data_dir=' + tiny_data, *graph_flags(plain_graph))
        assert status == 0, err
        assert 'measuring 120 images in place of 10,000' in text
        found.append(metrics_of(out)['results'][1])
    # Blobs like the real ones.
    assert found[0]['precision'] > 0.6 and found[0]['coverage'] > 0.6
    for key in ('frechet_distance', 'kernel_distance', 'coverage', 'class_entropy'):
        np.testing.assert_allclose(found[0][key], [each[key] for each in found[1:]], rtol=1e-6)


def test_copies_of_training_images_are_found(tiny_data, plain_graph, tmp_path):
    np.savez(str(tmp_path / 'copies.npz'), images=blobs(5400)[5000:5150][..., np.newaxis])
    status, _, err = run_command('evaluate', '--images={}'.format(tmp_path / 'copies.npz'), '--preset=blog_mnist',
                                 '--out={}'.format(tmp_path / 'out'), '--data_dir=' + tiny_data, '--n=100',
                                 *graph_flags(plain_graph))
    assert status == 0, err
    # All but those that fell into the second half of the real images, about a quarter.
    assert metrics_of(tmp_path / 'out')['results'][1]['memorised'] > 0.6


@pytest.mark.slow
def test_the_classifier_is_trained_once_and_kept_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(classifier.RECIPES, 'mnist', classifier.Recipe((8,), 3, False))
    write_mnist(tmp_path / 'mine' / 'mnist', *located(1500, 0))
    write_mnist(tmp_path / 'mine' / 'mnist', *located(300, 1), split='t10k')
    lines = []
    dataset = loading.load('mnist', data_dir=str(tmp_path / 'mine'))
    extractor = classifier.classifier(dataset, log=lines.append)
    assert extractor.accuracy > 0.95 and '{:.2%}'.format(extractor.accuracy) in extractor.name
    assert 'training the classifier' in lines[0]
    names = sorted(os.listdir('data/mnist'))
    assert [name.split('-')[0] for name in names] == ['classifier'] * 2 and 'seed0' in names[0]
    before = sha256(os.path.join('data/mnist', names[1]))
    images, labels = located(300, 2)
    found, probabilities = extractor.run(images[..., np.newaxis])
    assert found.shape == (300, classifier.FEATURES) and probabilities.shape == (300, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), np.ones(300), atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.95
    del lines[:]
    again = classifier.classifier(dataset, log=lines.append)
    assert lines == [] and again.accuracy == extractor.accuracy
    assert sha256(os.path.join('data/mnist', names[1])) == before
    classifier.classifier(dataset, seed=1, log=lines.append)  # another seed, another one
    assert lines and len(os.listdir('data/mnist')) == 4
    with open(os.path.join('data/mnist', names[0]), 'w') as handle:
        handle.write('{')
    status, _, err = run_command('evaluate', '--images={}'.format(tmp_path), '--preset=blog_mnist',
                                 '--data_dir={}'.format(tmp_path / 'mine'))
    assert status == 1 and err.startswith('error: ')


def test_the_classifier_is_tested_by_images_of_its_own_folder_or_by_a_tenth_that_is_kept_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, labels = located(100, 0)
    write_mnist(tmp_path / 'mine' / 'mnist', images, labels)
    write_mnist(tmp_path / 'usual' / 'mnist', *located(30, 1), split='t10k')
    monkeypatch.setenv('DCGAN_TF1_DATA', str(tmp_path / 'usual'))
    given, lines = [], []

    def train(name, recipe, sets, classes, seed, path, about, log, device):
        given.append([array.squeeze() for array in sets])
        raise UserError('enough')

    monkeypatch.setattr(classifier, 'train_network', train)
    dataset = loading.load('mnist', data_dir=str(tmp_path / 'mine'))
    for _ in range(2):
        with pytest.raises(UserError, match='enough'):
            classifier.classifier(dataset, log=lines.append)
        write_mnist(tmp_path / 'mine' / 'mnist', *located(20, 2), split='t10k')
    for found, expected in zip(given, ((images[10:], labels[10:], images[:10], labels[:10]),
                                       (images, labels) + located(20, 2))):
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)
    assert len(lines) == 1 and 'no test images with labels there' in lines[0] and '10 training images' in lines[0]


def test_test_images_without_labels_test_no_classifier(tmp_path, monkeypatch):
    images, lines, given = np.zeros((20, 16, 16), np.uint8), [], []
    np.savez(str(tmp_path / 'mine.npz'), x_train=images, y_train=np.arange(20) % 2, x_test=images[:5])

    def train(name, recipe, sets, *_):
        given.append([len(part) for part in sets])
        raise UserError('enough')

    monkeypatch.setattr(classifier, 'train_network', train)
    dataset = loading.load('npz', data_dir=str(tmp_path / 'mine.npz'))
    with pytest.raises(UserError, match='enough'):
        classifier.classifier(dataset, log=lines.append)
    assert given == [[18, 18, 2, 2]] and 'no test images with labels there' in lines[-1]
    loading.load_splits('npz', ('train', 'test'), str(tmp_path / 'mine.npz'), log=lines.append)
    assert 'the test images have no labels' in lines[-1]
    monkeypatch.setattr(classifier, 'check_writable', lambda path: given.append(path) or 1 / 0)
    with pytest.raises(ZeroDivisionError):  # before the training
        classifier.classifier(dataset, log=lines.append)
    assert len(given) == 2


def test_of_a_folder_of_pictures_those_alone_are_read_that_are_measured(tmp_path):
    for index in range(9):
        Image.fromarray(np.full((28, 28), index, np.uint8)).save(str(tmp_path / '{}.png'.format(index)))
    found = given_images.read(str(tmp_path), PRESETS['blog_mnist'], choose=lambda there: [there - 1, 2], log=[].append)
    assert found[:, 0, 0, 0].tolist() == [8, 2]


def test_augmentation_moves_and_mirrors():
    images = np.zeros((400, 9, 9, 1), np.uint8)
    images[:, 4, 2] = 255
    moved = classifier.augmented(images, 0, 0, mirrored=True)
    assert moved.shape == images.shape and moved.max() == 1
    places = np.array([np.argwhere(image[..., 0])[0] for image in moved])
    assert set(places[:, 0]) == {2, 3, 4, 5, 6}
    assert set(places[:, 1]) == {0, 1, 2, 3, 4} | {4, 5, 6, 7, 8}
    still = classifier.augmented(images, 0, 0, mirrored=False)
    assert {np.argwhere(image[..., 0])[0][1] for image in still} == {0, 1, 2, 3, 4}


@pytest.mark.nightly
def test_the_classifier_of_mnist_is_good(real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(classifier.RECIPES, 'mnist', classifier.RECIPES['mnist']._replace(epochs=1))
    dataset = loading.load('mnist', data_dir=real_data)
    assert classifier.classifier(dataset).accuracy > 0.985  # after a quarter of its training


def test_bad_input_is_one_line(run, tiny_data, plain_graph, tmp_path):
    data = '--data_dir=' + tiny_data
    base = ['--run=' + run, data, '--out={}'.format(tmp_path / 'out')]
    check_one_line_error(run_command('evaluate', data), 'one of --run, --checkpoint and --images, found none')
    check_one_line_error(run_command('evaluate', '--images=x', data), '--preset')
    check_one_line_error(run_command('evaluate', '--images=x', '--checkpoint=last', '--preset=blog_mnist', data),
                         '--images: expected neither --run nor --checkpoint beside it, found --checkpoint')
    check_one_line_error(run_command('evaluate', '--n=5', *base), '100')
    check_one_line_error(run_command('evaluate', '--features=x.pb', *base), '--features_input', 'neither')
    flags = ['--features_input=pictures', '--features_output=nothing']
    result = run_command('evaluate', '--features=' + plain_graph, *(base + flags))
    check_one_line_error(result, 'nothing', 'features.pb')
    check_one_line_error(run_command('evaluate', '--features={}'.format(tmp_path / 'no.pb'), *(base + flags)), 'no.pb')
    (tmp_path / 'bad.pb').write_bytes(b'\xff' * 100)
    result = run_command('evaluate', '--features={}'.format(tmp_path / 'bad.pb'), *(base + flags))
    check_one_line_error(result, 'bad.pb')
    check_one_line_error(run_command('evaluate', '--features=pixels', *(base + flags)), '--features: expected a '
                         'frozen graph (.pb) for --features_input and --features_output, found pixels')
    check_one_line_error(run_command('evaluate', '--features_range=1', *base), '--features_range', "'1'")
    check_one_line_error(run_command('evaluate', '--features_range=0,1', *base), '--features_range', '--features')
    check_one_line_error(run_command('evaluate', '--notiles', *base), '--tiles', '--images')
    result = run_command('evaluate', '--features_seed=0', *(base + graph_flags('x.pb')))
    check_one_line_error(result, '--features_seed')
    check_one_line_error(run_command('evaluate', '--images=x', '--preset=blog_mnist', '--images_range=0,inf'),
                         '--images_range', "'0,inf'")
    check_one_line_error(run_command('evaluate', '--all_checkpoints', '--step=2', *base), '--all_checkpoints')
    prefix = make_checkpoint('blog_dense', tmp_path)
    check_one_line_error(run_command('evaluate', '--checkpoint=' + prefix, '--preset=keras_dense', data,
                                     '--out={}'.format(tmp_path / 'out'), *graph_flags(plain_graph)), 'dense')
    np.savez(str(tmp_path / 'few.npz'), images=np.zeros((20, 28, 28, 1), np.uint8))
    images = ['--preset=blog_mnist', data, '--out={}'.format(tmp_path / 'out')] + graph_flags(plain_graph)
    check_one_line_error(run_command('evaluate', '--images={}'.format(tmp_path / 'few.npz'), *images), '20', '100')
    np.savez(str(tmp_path / 'shape.npz'), images=np.zeros((200, 32, 32, 3), np.uint8))
    result = run_command('evaluate', '--images={}'.format(tmp_path / 'shape.npz'), *images)
    check_one_line_error(result, '[200, 32, 32, 3]')
    (tmp_path / 'generated').mkdir()
    check_one_line_error(run_command('evaluate', '--images={}'.format(tmp_path / 'generated'), '--preset=blog_mnist',
                                     '--out={}'.format(tmp_path / 'other' / '..' / 'generated')),
                         '--out: expected another folder than that of --images')
    with tf.Session() as session:
        gpus = [each for each in session.list_devices() if each.device_type == 'GPU']
    if not gpus:
        check_one_line_error(run_command('evaluate', '--images=x', '--preset=vae', '--features=pixels',
                                         '--device=gpu'), '--device=gpu: expected a GPU, TensorFlow')
    (tmp_path / 'no.npz').write_text('no')
    check_one_line_error(run_command('evaluate', '--images={}'.format(tmp_path / 'no.npz'), *images), 'no.npz')
    assert not (tmp_path / 'out').exists()
