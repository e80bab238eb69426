"""The trainer as a command: what it writes, how it stops, how it goes on."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import PATIENCE, check_one_line_error, run_command, run_process, start_command, wait_for
from helpers.data import blobs, write_mnist
from helpers.marks import REPEATING, SLOW_OR_NIGHTLY
from helpers.runs import read_metrics, same_checkpoint, same_results
from PIL import Image

from dcgan_tf1.data import loading, prepare
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import classifier, evaluation
from dcgan_tf1.metrics.table import MONITORED_COLUMNS
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.runs.sampling import generate
from dcgan_tf1.util import devices, images, processor, tf_startup
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.figure_style import FigureError
from dcgan_tf1.util.seeds import draw_noise

# blog_dense does a step in milliseconds; 400 images in batches of 64 are 6 steps an epoch.
DENSE = ('--preset=blog_dense',)
ONEDNN = devices.computes_by_onednn()


def train(data, run_dir, *flags):
    return run_command('train', '--data_dir=' + data, '--run_dir={}'.format(run_dir), *flags)


@pytest.fixture(scope='module')
def dense_run(tiny_data, tmp_path_factory):
    """An undisturbed run of three epochs of six steps."""
    parent = tmp_path_factory.mktemp('runs')
    status, out, err = run_process('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(parent),
                                   '--epochs=3', '--checkpoint_every=6', *DENSE)
    assert status == 0 and err == '', err
    return os.path.join(str(parent), '00000-blog_dense'), out


def test_everything_is_written(dense_run, tiny_data):
    run, out = dense_run
    assert set(os.listdir(run)) == {'.lock', 'config.json', 'log.txt', 'losses.csv', 'samples', 'figure.png',
                                    'losses.png', 'checkpoints', 'events'}
    rows = read_metrics(run)
    assert list(rows[0]) == ['step', 'epoch', 'd_loss', 'd_loss_real', 'd_loss_fake', 'g_loss', 'images_per_second',
                             'seconds']
    seconds = [float(row['seconds']) for row in rows]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    assert [(row['step'], row['epoch']) for row in rows] == [('6', '1'), ('12', '2'), ('18', '3')]
    for row in rows:
        assert abs(float(row['d_loss']) - float(row['d_loss_real']) - float(row['d_loss_fake'])) < 1e-4
        assert float(row['images_per_second']) > 0
    assert sorted(os.listdir(os.path.join(run, 'samples'))) == [
        'step-{:06d}.{}'.format(step, kind) for step in (6, 12, 18) for kind in ('npz', 'png')]
    with np.load(os.path.join(run, 'samples', 'step-000018.npz')) as arrays:
        assert arrays['images'].shape == (25, 28, 28, 1) and arrays['z'].shape == (25, 100)
        assert np.abs(arrays['images']).max() <= 1 and -1 <= arrays['z'].min() < -0.9
    for step in (6, 12, 18):  # fresh noise for each row
        with np.load(os.path.join(run, 'samples', 'step-{:06d}.npz'.format(step))) as arrays:
            np.testing.assert_array_equal(arrays['z'], sample_noise(PRESETS['blog_dense'], 25, 0, 'samples', step))
    assert Image.open(os.path.join(run, 'samples', 'step-000018.png')).size == (25 * 28, 28)
    assert Image.open(os.path.join(run, 'figure.png')).size == (70 + 25 * 28 + 12, 40 + 3 * 28 + 12)
    assert Image.open(os.path.join(run, 'losses.png')).size == (1080, 432)
    assert checkpoint.list_steps(os.path.join(run, 'checkpoints')) == [6, 12, 18]
    with open(os.path.join(run, 'log.txt')) as handle:
        log = handle.read()
    for line in out.strip().splitlines():
        assert line in log
    assert '400 images of MNIST' in log and '18 steps of 64 images, 6 steps to an epoch, seed 0' in log
    assert 'CPU' in log or 'GPU' in log


def test_config_has_every_value(dense_run, tiny_data):
    run, _ = dense_run
    with open(os.path.join(run, 'config.json')) as handle:
        config = json.load(handle)
    for field in ('seed', 'batch_size', 'learning_rate', 'beta1', 'update_ops', 'generator', 'shuffle'):
        assert field in config['identity'], field
    assert config['identity']['generator'] == 'blog_dense_generator' and config['identity']['batch_size'] == 64
    assert config['schedule']['epochs'] == 3 and config['schedule']['total_steps'] == 18
    found = loading.load('mnist', data_dir=tiny_data)
    assert config['data']['checksum'] == found.checksum and config['data']['note'] is None
    assert config['versions']['python'] == '.'.join(map(str, sys.version_info[:3]))
    assert config['device'] and config['command'].startswith('python -m dcgan_tf1.train ')
    assert '--epochs=3' in config['command']


def test_events_hold_losses_samples_and_the_graph(dense_run):

    folder = os.path.join(dense_run[0], 'events')
    scalars, pictures, graphs = {}, [], 0
    for name in os.listdir(folder):
        for event in tf.train.summary_iterator(os.path.join(folder, name)):
            graphs += bool(event.graph_def)
            for value in event.summary.value:
                if value.HasField('image'):
                    pictures.append((event.step, value.image.width, value.image.encoded_image_string[:4]))
                else:
                    scalars[value.tag, event.step] = value.simple_value
    assert graphs == 1 and pictures == [(step, 700, b'\x89PNG') for step in (6, 12, 18)]
    for row in read_metrics(dense_run[0]):
        assert abs(scalars['g_loss', int(row['step'])] - float(row['g_loss'])) < 1e-4


@pytest.mark.slow_tf1
def test_the_same_seed_gives_the_same_run_and_another_does_not(dense_run, tiny_data, tmp_path):
    for seed in (0, 1):
        status, _, err = train(tiny_data, tmp_path, *(DENSE + ('--max_steps=12', '--seed={}'.format(seed))))
        assert status == 0, err
    same_checkpoint(dense_run[0], tmp_path / '00000-blog_dense', 12)
    with pytest.raises(AssertionError):
        same_checkpoint(dense_run[0], tmp_path / '00001-blog_dense', 12)


@pytest.mark.slow_tf1
def test_resume_with_more_steps_equals_an_undisturbed_run(dense_run, tiny_data, tmp_path):
    """Also --resume's three ways, and a row that a kill left half written."""
    flags = DENSE + ('--checkpoint_every=6',)
    assert train(tiny_data, tmp_path, *(flags + ('--max_steps=7',)))[0] == 0
    run = tmp_path / '00000-blog_dense'
    with open(str(run / 'losses.csv'), 'a') as handle:
        handle.write('8,2,0.1')
    status, out, err = train(tiny_data, tmp_path, *(flags + ('--epochs=3', '--resume=must')))
    assert status == 0 and 'going on at step 7' in out, err
    same_results(dense_run[0], run, 18)
    status, out, _ = train(tiny_data, tmp_path, *(flags + ('--epochs=3', '--resume=must')))
    assert status == 0 and 'nothing left to do' in out
    # auto: finished, so a new run; never: a new run whatever there is.
    for flag, name in (('auto', '00001-blog_dense'), ('never', '00002-blog_dense')):
        assert train(tiny_data, tmp_path, *(flags + ('--max_steps=2', '--resume=' + flag)))[0] == 0
        assert (tmp_path / name / 'config.json').exists()


@pytest.mark.slow_tf1
def test_resume_refuses_other_settings(dense_run, tiny_data, tmp_path):
    assert train(tiny_data, tmp_path, *(DENSE + ('--max_steps=3',)))[0] == 0
    other = DENSE + ('--max_steps=6', '--batch_size=32')
    check_one_line_error(train(tiny_data, tmp_path, *(other + ('--resume=must',))),
                         'batch_size was 64, now 32', '00000-blog_dense')
    run = tmp_path / '00000-blog_dense'
    check_one_line_error(train(tiny_data, run, *other), 'batch_size was 64, now 32')
    check_one_line_error(train(tiny_data, run, '--resume=never', *other), '--resume=never', 'found a run')
    status, out, _ = train(tiny_data, tmp_path, *other)  # auto: starts a new one beside it
    assert status == 0 and '00001-blog_dense' in out
    line = '{} has done its 3 steps with other settings: batch_size was 64, now 32; starting a new run\n'.format(run)
    assert line in out and line in (tmp_path / '00001-blog_dense' / 'log.txt').read_text()
    check_one_line_error(train(tiny_data, tmp_path / 'none', *(other + ('--resume=must',))),
                         '--resume=require', 'found none')


@pytest.mark.parametrize('preset, flags, total, kills', [
    pytest.param('blog_dense', ['--checkpoint_every=80', '--log_every=30', '--max_steps=320'], 320, (80,),
                 marks=pytest.mark.slow),
    pytest.param('blog_dense', ['--checkpoint_every=40', '--log_every=30', '--max_steps=400'], 400, (40, 160),
                 marks=pytest.mark.nightly),
    pytest.param('blog_mnist', ['--checkpoint_every=4', '--log_every=3', '--max_steps=14', '--batch_size=16'], 14,
                 (4, 8), marks=pytest.mark.nightly),
])
def test_killed_and_resumed_equals_undisturbed(tiny_data, tmp_path, preset, flags, total, kills):
    flags = ['--preset=' + preset] + flags
    assert train(tiny_data, tmp_path / 'whole', *flags)[0] == 0
    killed = tmp_path / 'killed' / '00000-{}'.format(preset)
    for step in kills:
        process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'killed'), *flags)
        wait_for(lambda: any(s >= step for s in checkpoint.list_steps(str(killed / 'checkpoints'))), process)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    status, out, err = train(tiny_data, tmp_path / 'killed', *flags)
    assert status == 0 and 'going on at step' in out, err
    same_results(tmp_path / 'whole' / '00000-{}'.format(preset), killed, total)


@pytest.mark.slow
def test_killed_before_the_first_checkpoint_begins_again_in_the_same_folder(dense_run, tiny_data, tmp_path):
    run = tmp_path / '00000-blog_dense'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--max_steps=100000',
                            '--checkpoint_every=100000', *DENSE)
    wait_for((run / 'losses.csv').exists, process)
    process.kill()
    process.communicate()
    status, _, err = train(tiny_data, tmp_path, *(DENSE + ('--epochs=3', '--checkpoint_every=6')))
    assert status == 0, err
    assert [path.name for path in tmp_path.iterdir()] == ['00000-blog_dense']
    same_results(dense_run[0], run, 18)


@SLOW_OR_NIGHTLY
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_leave_with_their_status(tiny_data, tmp_path, number):
    run = tmp_path / '00000-blog_dense'
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                            '--max_steps=1000000', *DENSE)
    wait_for(lambda: (run / 'samples').exists() and len(os.listdir(str(run / 'samples'))) > 2, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number and err == ''
    assert '166,666 rows of samples will take up to 15.2 GiB there' in out
    steps = checkpoint.list_steps(str(run / 'checkpoints'))
    assert len(steps) == 1
    assert 'stopped by {} after step {:,}; saved'.format(signal.Signals(number).name, steps[0]) in out
    status, out, _ = train(tiny_data, tmp_path, '--max_steps={}'.format(steps[0] + 5), *DENSE)
    assert status == 0 and 'going on at step {:,}'.format(steps[0]) in out


@pytest.mark.parametrize('log_every', [5, 99])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
        tiny_data, tmp_path, monkeypatch, capsys, log_every):

    from dcgan_tf1 import train as trainer
    from dcgan_tf1.training import prefetch

    draw = prefetch.sample_noise
    monkeypatch.setattr(prefetch, 'sample_noise', lambda preset, count, seed, stream, step=0:
                        draw(preset, count, seed, stream, step) * (np.nan if (stream, step) == ('noise', 10) else 1))
    status = trainer.main(['--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--max_steps=20',
                           '--checkpoint_every=4', '--log_every={}'.format(log_every)] + list(DENSE))
    message = capsys.readouterr().err
    check_one_line_error((status, '', message), 'd_loss is nan after step 1', 'expected a finite loss', 'model.ckpt-8')
    folder = str(tmp_path / '00000-blog_dense' / 'checkpoints')
    assert checkpoint.list_steps(folder) == [4, 8]
    for step in (4, 8):
        reader = tf.train.NewCheckpointReader(checkpoint.checkpoint_path(folder, step))
        assert all(np.isfinite(reader.get_tensor(name)).all() for name in reader.get_variable_to_shape_map())
    assert message.strip() in (tmp_path / '00000-blog_dense' / 'log.txt').read_text()


def test_a_damaged_newest_checkpoint_and_samples_file_are_passed_over(dense_run, tiny_data, tmp_path):
    run = tmp_path / '00000-blog_dense'
    shutil.copytree(dense_run[0], str(run))
    with open(str(run / 'checkpoints' / 'model.ckpt-18.data-00000-of-00001'), 'r+b') as handle:
        handle.truncate(1000)
    (run / 'samples' / 'step-000006.npz').write_bytes(b'damaged')
    status, out, err = train(tiny_data, tmp_path, '--epochs=3', '--checkpoint_every=6', *DENSE)
    assert status == 0, err
    assert 'model.ckpt-18: expected a whole checkpoint' in out and 'model.ckpt-12' in out
    assert 'step-000006.npz: expected an .npz file with the array' in out
    same_checkpoint(dense_run[0], run, 18)


@pytest.mark.slow
def test_a_second_trainer_on_one_folder_is_refused(tiny_data, tmp_path):
    flags = ('--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--max_steps=1000000') + DENSE
    run = tmp_path / '00000-blog_dense'
    process = start_command('train', *flags)
    try:
        wait_for((run / 'losses.csv').exists, process)
        for resume in ('auto', 'must'):
            check_one_line_error(run_command('train', '--resume=' + resume, *flags),
                                 '00000-blog_dense', 'another trainer', str(process.pid))
        check_one_line_error(run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(run),
                                         '--max_steps=1000000', *DENSE), 'another trainer')
        status, out, _ = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                                     '--max_steps=2', '--resume=never', *DENSE)
        assert status == 0 and '00001-blog_dense' in out
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_gpu_where_there_is_none_is_an_error_that_says_what_was_found(tiny_data, tmp_path):
    check_one_line_error(train(tiny_data, tmp_path, '--device=gpu', *DENSE), '--device=gpu', 'CPU:0')
    assert os.listdir(str(tmp_path)) == []  # nothing was begun


def test_too_few_images_and_wrong_places(tiny_data, tmp_path):
    check_one_line_error(train(tiny_data, tmp_path, '--batch_size=401', *DENSE), '--batch_size=401', '400')
    check_one_line_error(train(tiny_data, tmp_path, '--class=zebra', *DENSE), '--class', 'zebra')
    (tmp_path / 'file').write_text('mine')
    check_one_line_error(train(tiny_data, tmp_path / 'file', *DENSE), str(tmp_path / 'file'))
    assert (tmp_path / 'file').read_text() == 'mine'
    check_one_line_error(train(tiny_data, tmp_path, '--init_checkpoint=nothing', *DENSE), 'nothing')
    assert os.listdir(str(tmp_path)) == ['file']


@pytest.mark.slow_tf1
def test_start_from_the_variables_of_a_checkpoint(dense_run, tiny_data, tmp_path):
    prefix = checkpoint.checkpoint_path(os.path.join(dense_run[0], 'checkpoints'), 18)
    status, out, err = train(tiny_data, tmp_path, '--init_checkpoint=' + prefix, '--max_steps=1',
                             '--learning_rate=0', *DENSE)
    assert status == 0 and 'starting from the variables of ' + prefix in out, err
    ours = tf.train.NewCheckpointReader(str(tmp_path / '00000-blog_dense' / 'checkpoints' / 'model.ckpt-1'))
    theirs = tf.train.NewCheckpointReader(prefix)
    assert ours.get_tensor('global_step') == 1
    for name in ('generator/dense/kernel', 'discriminator/dense_1/bias'):
        np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name))


@SLOW_OR_NIGHTLY
def test_start_from_weights_alone(dense_run, tiny_data, tmp_path):
    """Adam begins anew, and the moving averages of the weights begin with the weights."""
    prefix = checkpoint.checkpoint_path(os.path.join(dense_run[0], 'checkpoints'), 18)
    theirs = tf.train.NewCheckpointReader(prefix)
    names = [name for name in theirs.get_variable_to_shape_map() if name.endswith(('/kernel', '/bias'))]
    with tf.Graph().as_default(), tf.Session() as session:
        weights = [tf.get_variable(name, initializer=theirs.get_tensor(name), use_resource=False) for name in names]
        session.run(tf.global_variables_initializer())
        alone = tf.train.Saver(weights).save(session, str(tmp_path / 'weights'))
    status, out, err = train(tiny_data, tmp_path, '--init_checkpoint=' + alone, '--max_steps=1', '--learning_rate=0',
                             '--ema_decay=0.9', *DENSE)
    assert status == 0 and 'it has no variables of Adam and no averages of the weights, which begin anew' in out, err
    assert 'WARNING: all learning rates are 0, so nothing is learned' in out
    ours = tf.train.NewCheckpointReader(str(tmp_path / '00000-blog_dense' / 'checkpoints' / 'model.ckpt-1'))
    for name in names:
        np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name))
        if name.startswith('generator/'):
            np.testing.assert_array_equal(ours.get_tensor(name + '/ExponentialMovingAverage'), theirs.get_tensor(name))
    np.testing.assert_allclose([ours.get_tensor(name) for name in ('beta1_power', 'beta1_power_1')], 0.9 ** 2)
    # Of Adam's some alone, as where they are under other names: all begin anew.
    with tf.Graph().as_default(), tf.Session() as session:
        some = [tf.get_variable(name, initializer=theirs.get_tensor(name), use_resource=False)
                for name in names + ['beta1_power']]
        session.run(tf.global_variables_initializer())
        half = tf.train.Saver(some).save(session, str(tmp_path / 'half'))
    status, out, err = train(tiny_data, tmp_path / 'half-runs', '--init_checkpoint=' + half, '--max_steps=1', *DENSE)
    assert status == 0 and 'it has no full set of variables of Adam, which begin anew' in out, err
    check_one_line_error(train(tiny_data, tmp_path / 'runs', '--init_checkpoint=' + alone, '--preset=blog_mnist'),
                         'weights', 'expected the variable')
    assert not (tmp_path / 'runs').exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 5 MiB, mounted for one test."""
    path = tmp_path / 'disk'
    path.mkdir()
    if os.geteuid() != 0 or subprocess.call(['mount', '-t', 'tmpfs', '-o', 'size=5m', 'tmpfs', str(path)],
                                            stderr=subprocess.DEVNULL):
        pytest.skip('mounting a small file system needs root')
    yield path
    subprocess.check_call(['umount', '-l', str(path)])


@pytest.mark.parametrize('size', ['8k', '100k', '700k', '4m'])
def test_a_disk_that_fills_up_anywhere_is_one_line_that_names_the_file(tiny_data, small_disk, size):
    subprocess.check_call(['mount', '-o', 'remount,size=' + size, str(small_disk)])
    check_one_line_error(train(tiny_data, small_disk, '--checkpoint_every=6', '--epochs=3', *DENSE),
                         'No space left on device', str(small_disk))


@pytest.mark.slow_tf1
def test_a_full_disk_is_a_clear_error_and_spares_earlier_files(dense_run, tiny_data, small_disk):
    # One checkpoint of blog_dense has 3 MB with its .meta; the second does not fit.
    result = train(tiny_data, small_disk, '--checkpoint_every=6', '--epochs=3', *DENSE)
    check_one_line_error(result, 'error: cannot write ', 'model.ckpt-12: No space left on device; the checkpoint of '
                         'step 6 is intact')
    run = small_disk / '00000-blog_dense'
    assert checkpoint.list_steps(str(run / 'checkpoints')) == [6]
    subprocess.check_call(['mount', '-o', 'remount,size=30m', str(small_disk)])
    status, _, err = train(tiny_data, small_disk, '--checkpoint_every=6', '--epochs=3', *DENSE)
    assert status == 0, err
    same_results(dense_run[0], run, 18)
    subprocess.check_call(['mount', '-o', 'remount,ro', str(small_disk)])
    check_one_line_error(train(tiny_data, small_disk, '--resume=never', *DENSE), str(small_disk), 'Read-only')


def test_run_folders_are_numbered(tmp_path):
    parent = str(tmp_path / 'new')
    names = [os.path.basename(run_folder.create_folder(parent, 'x')) for _ in range(3)]
    assert names == ['00000-x', '00001-x', '00002-x']
    os.mkdir(os.path.join(parent, '00041-y'))
    os.mkdir(os.path.join(parent, 'mine'))
    assert run_folder.create_folder(parent, 'x').endswith('00042-x')


@pytest.mark.slow_tf1
def test_the_stand_ins_steps_and_its_note_go_everywhere(tiny_data, tmp_path, monkeypatch):
    """5,000 digits in place of 55,000 train for the steps of the full run."""
    from dcgan_tf1 import train as trainer
    from dcgan_tf1.training import hooks, plan
    from dcgan_tf1.training.config import parse_train

    found = loading.load('mnist', data_dir=tiny_data)
    stand_in = found._replace(images=found.images[:5000], labels=found.labels[:5000], note='a note',
                              nominal_size=60000)
    monkeypatch.setattr(loading, 'load', lambda *_: stand_in)
    made = plan.make_plan(parse_train([]), print)
    assert len(made.data.images) == 5000 and made.total == 5 * 859 and made.batches.per_epoch == 78
    both = loading.load_splits('mnist', ('train', 'test'))  # it stands in for the test images as well
    assert len(both.images) == 5000 and both.nominal_size == 70000
    titles = []
    monkeypatch.setattr(hooks.figures, 'save_rows_figure', lambda path, rows, title, *_: titles.append(title))
    assert trainer.train(parse_train(['--max_steps=2', '--log_every=1', '--run_dir={}'.format(tmp_path)]
                                     + list(DENSE))) == 0
    assert titles and all('a note' in title for title in titles)
    with open(str(tmp_path / '00000-blog_dense' / 'config.json')) as handle:
        assert json.load(handle)['data']['note'] == 'a note'


def test_a_figure_that_fails_does_not_end_the_training():
    from dcgan_tf1.training import hooks

    def fails(path, *arguments):
        raise FigureError('no fonts')

    def fills_the_disk(path, *arguments):
        raise UserError('no space')

    log, failed = [], set()
    run = types.SimpleNamespace(file='run/{}'.format, log=log.append)
    for name in ('figure.png', 'losses.png', 'figure.png'):  # as at one checkpoint and the next
        hooks.draw_figure(run, failed, name, fails, [])
    assert log == ['WARNING: run/{}: no fonts; training goes on without it'.format(name)
                   for name in ('figure.png', 'losses.png')]
    with pytest.raises(UserError, match='no space'):
        hooks.draw_figure(run, failed, 'figure.png', fills_the_disk)


@pytest.mark.slow
def test_a_run_whose_adams_were_named_the_other_way_round_resumes_bit_for_bit(dense_run, tiny_data, tmp_path,
                                                                              monkeypatch):
    """As those of blog_dense were before its discriminator's Adam came first, as in 2017."""
    flags = ('--epochs=3', '--checkpoint_every=6') + DENSE
    with monkeypatch.context() as before:
        before.setitem(PRESETS, 'blog_dense', dataclasses.replace(PRESETS['blog_dense'], first_adam='generator'))
        assert train(tiny_data, tmp_path, '--max_steps=12', *flags)[0] == 0
    run = tmp_path / '00000-blog_dense'
    config = json.loads((run / 'config.json').read_text())
    assert config['schedule'].pop('first_adam') == 'generator'
    (run / 'config.json').write_text(json.dumps(config))
    status, out, err = train(tiny_data, tmp_path, *flags)
    assert status == 0 and 'going on at step 12' in out, err
    same_results(run, dense_run[0], 18)


# ---------------------------------------------------------------- speed, which changes no value

@pytest.mark.slow_tf1
@pytest.mark.parametrize('steps_per_run', [pytest.param(1, marks=pytest.mark.slow), 4])
def test_steps_per_run_changes_no_number(dense_run, tiny_data, tmp_path, steps_per_run):
    status, _, err = train(tiny_data, tmp_path, '--epochs=3', '--checkpoint_every=6',
                           '--steps_per_run={}'.format(steps_per_run), *DENSE)
    assert status == 0, err
    same_results(dense_run[0], tmp_path / '00000-blog_dense', 18)


def read_config(run):
    with open(str(run / 'config.json')) as handle:
        return json.load(handle)


@pytest.mark.slow
def test_flags_of_batch_norm_say_where_there_is_none(tiny_data, tmp_path):
    flags = '--max_steps=1', '--batch_norm=moments', '--update_ops=all'
    status, out, _ = train(tiny_data, tmp_path, *flags, *DENSE)
    assert status == 0 and '--batch_norm: without effect, for --preset=blog_dense has no batch norm\n' in out
    assert '--update_ops: without effect, for --preset=blog_dense has no batch norm\n' in out
    status, out, _ = train(tiny_data, tmp_path, *flags, '--preset=cntk')
    assert status == 0 and 'without effect' not in out


@pytest.mark.slow
def test_a_resumed_run_keeps_its_arithmetic_unless_told_otherwise(tiny_data, tmp_path):
    run = tmp_path / '00000-blog_dense'
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=2', '--precision=float32', '--lowering=native', *DENSE)
    assert status == 0 and 'computing in float32, native convolutions\n' in out
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=4', *DENSE)
    assert status == 0 and 'computing in float32, native convolutions\n' in out and 'WARNING' not in out
    here = {'precision': 'float32', 'lowering': 'native', 'onednn': ONEDNN, 'threads': processor.cores(),
            'workers': 1}
    assert read_config(run)['arithmetic'] == here
    more = '--intra_op_threads={}'.format(processor.cores() + 1)
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=6', '--lowering=matmul', '--xla', more, *DENSE)
    assert status == 0 and 'going on at step 4' in out
    assert 'WARNING: until step 4 this run computed in float32 with native convolutions' in out
    assert 'WARNING: until step 4 this run computed without XLA, now with it (--xla), so it does not go on bit' in out
    assert 'WARNING: until step 4 this run computed on {} threads, now on {} (--intra_op_threads, by default the ' \
           'cores), so it does not go on bit for bit'.format(here['threads'], here['threads'] + 1) in out
    assert read_config(run)['arithmetic'] == dict(here, lowering='matmul', threads=here['threads'] + 1)


@SLOW_OR_NIGHTLY
def test_a_run_that_goes_on_by_other_kernels_says_so(tiny_data, tmp_path, monkeypatch):
    run = tmp_path / '00000-blog_dense'
    monkeypatch.setattr(devices, 'RELEASE', (2, 21))
    monkeypatch.setenv(tf_startup.ONEDNN, 'false')  # TensorFlow is loaded by now, and computes as before
    status, _, err = train(tiny_data, tmp_path, '--max_steps=2', *DENSE)
    assert status == 0 and read_config(run)['arithmetic']['onednn'] is False, err
    monkeypatch.setenv(tf_startup.ONEDNN, '1')
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=4', *DENSE)
    said = "WARNING: until step {} this run computed by TensorFlow's own kernels, now by oneDNN's " \
           '(TF_ENABLE_ONEDNN_OPTS), so it does not go on bit for bit\n'
    assert status == 0 and said.format(2) in out
    monkeypatch.setenv(tf_startup.ONEDNN, 'true')
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=5', *DENSE)
    assert status == 0 and 'WARNING' not in out
    # Of before there was a choice, on a processor for which TensorFlow chose its own.
    config = read_config(run)
    del config['arithmetic']['onednn']
    (run / 'config.json').write_text(json.dumps(config))
    monkeypatch.setattr(devices, 'cpu_instructions', lambda: {'avx2'})
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=6', *DENSE)
    assert status == 0 and said.format(5) in out


def test_a_precision_that_the_machine_is_not_made_for_falls_back_with_a_warning(tiny_data, tmp_path):
    status, out, _ = train(tiny_data, tmp_path, '--max_steps=1', '--device=cpu', '--precision=float16', *DENSE)
    assert status == 0
    assert out.count('WARNING: --precision=float16: computing in float32, for ') == 1
    config = read_config(tmp_path / '00000-blog_dense')
    assert config['arithmetic']['precision'] == 'float32' and config['flags']['precision'] == 'float16'


@pytest.mark.slow
def test_several_devices_share_a_step(tiny_data, tmp_path):
    flags = ('--device=cpu', '--precision=float32', '--batch_size=32') + DENSE
    status, out, err = run_process('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'two'),
                                   '--max_steps=3', '--num_gpus=2', *flags)
    assert status == 0 and err == '', err
    assert 'as 2 logical devices' in out and '3 steps of 64 images, 6 steps to an epoch' in out
    status, _, err = train(tiny_data, tmp_path / 'one', '--max_steps=3', '--device=cpu', '--precision=float32', *DENSE)
    assert status == 0, err
    readers = [tf.train.NewCheckpointReader(checkpoint.checkpoint_path(
        str(tmp_path / who / '00000-blog_dense' / 'checkpoints'), 3)) for who in ('one', 'two')]
    for name in readers[0].get_variable_to_shape_map():
        np.testing.assert_allclose(*[reader.get_tensor(name) for reader in readers], rtol=1e-4, atol=1e-6)


def test_more_gpus_than_there_are_is_an_error(tiny_data, tmp_path):
    check_one_line_error(train(tiny_data, tmp_path, '--num_gpus=2', *DENSE), '--num_gpus=2: expected 2 GPUs', 'CPU:0')
    assert os.listdir(str(tmp_path)) == []


# One of each kind of network, under TensorFlow 1.15.5 of the quick ones; nightly all of them.
OFTEN = ('autoencoder', 'blog_dense', 'blog_mnist', 'vae') if tf.VERSION.startswith('1.') else [
    name for name in PRESETS if name not in REPEATING + ('cntk', 'conditional_mnist', 'sngan_cifar_horse')]


@pytest.mark.parametrize('preset', [pytest.param(
    name, marks=pytest.mark.slow if name in OFTEN else pytest.mark.nightly) for name in sorted(PRESETS)])
def test_steps_on_real_data(preset, real_data, real_cifar, tmp_path):
    data = real_cifar if PRESETS[preset].dataset == 'cifar10' else real_data
    if PRESETS[preset].dataset == 'fashion_mnist' and not os.path.isdir(os.path.join(data, 'fashion_mnist')):
        pytest.skip('no Fashion-MNIST beside MNIST')
    flags = ['--preset=' + preset, '--log_every=2']
    if PRESETS[preset].dataset == 'folder':
        flags.append('--dataset=mnist')
    # At their own size, steps of the larger ones take many seconds, and under TensorFlow 1.15.5 all do.
    if preset.startswith(('resnet', 'tf_tutorial', 'cntk')) or tf.VERSION.startswith('1.'):
        flags.append('--batch_size=16')
    if preset.startswith('resnet'):
        flags.append('--mode=small')
    status, _, err = train(data, tmp_path, '--max_steps=4', *flags)
    assert status == 0, err
    rows = read_metrics(tmp_path / '00000-{}'.format(preset))
    assert len(rows) == 2
    # A generator's hinge loss is a mean logit: -13 in the second step of cgan_cifar10.
    assert all(-100 < float(row[name]) < 1000 for row in rows for name in PRESETS[preset].losses)
    # And it goes on from there.
    status, out, err = train(data, tmp_path, '--max_steps=5', '--resume=must', *flags)
    if PRESETS[preset].learning_rate_decay == 'none':
        assert status == 0 and 'going on at step 4' in out, err
    else:
        check_one_line_error((status, out, err), 'decay_steps was 4, now 5 (--epochs or --max_steps: ')


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    """A data folder with test images, too, whose classifier is trained in a second; the folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(classifier.RECIPES, 'mnist', classifier.Recipe((4,), 1, False))
    write_mnist(tmp_path / 'mine' / 'mnist', blobs(5400), np.arange(5400).astype(np.uint8) % 10)
    write_mnist(tmp_path / 'mine' / 'mnist', blobs(300, seed=8), np.arange(300).astype(np.uint8) % 10, 't10k')
    return str(tmp_path / 'mine')


def evaluated(data, *flags):
    status, out, err = run_command('train', '--data_dir=' + data, '--preset=blog_dense', '--batch_size=8',
                                   '--eval_every=2', '--eval_n=100', '--keep_checkpoints=1', '--precision=float32',
                                   *flags)
    assert status == 0, err
    return out


@SLOW_OR_NIGHTLY
def test_the_quality_is_measured_while_training_and_the_best_checkpoint_kept(labelled):
    out = evaluated(labelled, '--max_steps=9')
    run = 'runs/00000-blog_dense'
    rows = run_folder.read_table(os.path.join(run, 'quality.csv'))
    assert [row['step'] for row in rows] == [2, 4, 6, 8, 9] and {row['n'] for row in rows} == {100}
    assert out.count('Frechet distance') == 5 and 'the best so far' in out
    best = min(rows, key=lambda row: row['frechet_distance'])
    assert checkpoint.list_steps(os.path.join(run, 'checkpoints')) == sorted({int(best['step']), 9})
    assert os.path.exists(os.path.join(run, 'quality.png'))
    with open(os.path.join(run, 'quality.csv')) as handle:
        whole = handle.read()

    # The measure is that of the checkpoint's images.
    preset = PRESETS['blog_dense']
    prefix = checkpoint.checkpoint_path(os.path.join(run, 'checkpoints'), 9)
    z = draw_noise(0, 'evaluate', 0, (100, 100), 'uniform')
    pictures = images.to_uint8(generate(preset, prefix, z), preset.image_range)
    data = prepare.prepare(loading.load('mnist', 'train', labelled), preset)
    monitor = evaluation.QualityMonitor(classifier.classifier(data.dataset), data.as_bytes(preset.image_range), '',
                                        100, 0, lambda _: None)
    measured = monitor.measure(9, pictures)
    np.testing.assert_allclose(measured['frechet_distance'], rows[-1]['frechet_distance'], rtol=0.02)

    # It is kept also where nothing is measured any more, and what it was measured by is not forgotten.
    best = int(best['step'])
    status, _, err = run_command('train', '--data_dir=' + labelled, '--preset=blog_dense', '--batch_size=8',
                                 '--keep_checkpoints=1', '--precision=float32', '--max_steps=14',
                                 '--checkpoint_every=1')
    assert status == 0 and checkpoint.list_steps(os.path.join(run, 'checkpoints')) == sorted({best, 14}), err
    check_one_line_error(run_command('train', '--data_dir=' + labelled, '--preset=blog_dense', '--batch_size=8',
                                     '--eval_every=2', '--eval_n=100', '--eval_features=pixels', '--max_steps=15',
                                     '--precision=float32'), '--eval_features', 'classifier of mnist')

    # Two parts measure what one does.
    evaluated(labelled, '--max_steps=4', '--run_dir=parts')
    evaluated(labelled, '--max_steps=9', '--run_dir=parts')
    with open('parts/00000-blog_dense/quality.csv') as parts:
        assert parts.read() == whole


@SLOW_OR_NIGHTLY
def test_the_quality_of_each_class_is_measured_where_there_are_labels(labelled):
    out = evaluated(labelled, '--preset=cgan_mnist', '--max_steps=2')
    run = 'runs/00000-cgan_mnist'
    row, = run_folder.read_table(os.path.join(run, 'quality.csv'))
    assert set(row) == set(MONITORED_COLUMNS) | {'class_accuracy', 'frechet_within_classes'}
    assert 'class accuracy {:.3f}'.format(row['class_accuracy']) in out
    with open(os.path.join(run, 'config.json')) as handle:
        real = json.load(handle)['evaluation']['real']
    # The labels of the data mean nothing; and how far features of a classifier of them lie apart, neither.
    assert real['class_accuracy'] < 0.3
    assert np.isfinite([each['frechet_within_classes'] for each in (real, row)]).all()
    with Image.open(os.path.join(run, 'quality.png')) as picture:
        assert picture.size == (6 * 330, 360)


@SLOW_OR_NIGHTLY
def test_the_best_checkpoint_is_drawn_and_exported(run, tmp_path):
    copy = str(tmp_path / '00000-blog_mnist')
    shutil.copytree(run, copy)
    check_one_line_error(run_command('sample', '--run=' + copy, '--which=best'), 'quality.csv', '--eval_every')
    with open(os.path.join(copy, 'quality.csv'), 'w') as handle:
        handle.write('step,n,frechet_distance\n2,50,1\n2,100,6\n4,100,7\n')
    assert run_command('sample', '--run=' + copy, '--which=best')[0] == 0
    assert os.path.exists(os.path.join(copy, 'samples-000002-0.png'))
    status, _, err = run_command('export', '--run=' + copy, '--which=best', '--formats=frozen')
    assert status == 0, err
    assert os.path.isdir(os.path.join(copy, 'export-000002'))
    assert run_command('sample', '--run=' + copy)[0] == 0
    assert os.path.exists(os.path.join(copy, 'samples-000004-0.png'))
    check_one_line_error(run_command('sample', '--run=' + copy, '--which=best', '--step=2'),
                         '--which=best: expected a --run, and no --step', 'found --step')
    check_one_line_error(run_command('sample', '--run=' + copy, '--checkpoint=best', '--step=2'),
                         '--checkpoint=best: expected a --run, and no --step', 'found --step')
    with open(os.path.join(copy, 'quality.csv'), 'w') as handle:
        handle.write('step,n,frechet_distance\n2,100,8\n3,100,6\n')
    check_one_line_error(run_command('sample', '--run=' + copy, '--which=best'), 'step 3',
                         'those of steps 2, 4, the best of them that of step 2')


@pytest.mark.slow_tf1
def test_without_samples_there_is_no_animation_and_no_error(tiny_data, tmp_path):
    flags = ['train', '--preset=keras_dense', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--gif',
             '--max_steps=2', '--log_every=10']
    for path in (tmp_path, tmp_path / '00000-keras_dense'):
        status, out, err = run_command(*flags[:3], '--run_dir={}'.format(path), *flags[4:])
        assert status == 0 and err == '' and '--gif: no animation, for the run has no samples' in out
    assert 'nothing left to do' in out
