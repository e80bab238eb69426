"""Which run is gone on with: settings compared, and runs chosen, by config.json files written by hand."""

import copy
import dataclasses
import json
import os
import re
import shutil
import types

import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1 import train
from dcgan_tf1.gan import objectives
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, run_folder
from dcgan_tf1.training import config, hooks, resume
from dcgan_tf1.util.errors import UserError


def identity(seed=0, name='blog_dense', init_checkpoint=None, **changed):
    preset = dataclasses.replace(PRESETS[name], **changed)
    return resume.identity(preset, seed, init_checkpoint, 'abc', None, 1)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The prefix of a small whole checkpoint."""
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.get_variable('v', initializer=[1.0], use_resource=False).initializer)
        return tf.train.Saver().save(session, str(tmp_path_factory.mktemp('whole') / 'v'), write_meta_graph=False)


@pytest.fixture
def make(tmp_path, whole):
    """make(identity, step, total): a run folder that is at that step (None: without a checkpoint) of so many."""
    def make(wanted, step, total=18):
        path = run_folder.create_folder(str(tmp_path), wanted['preset'])
        with open(os.path.join(path, 'config.json'), 'w') as handle:
            json.dump({'identity': wanted, 'schedule': {'total_steps': total}}, handle)
        if step is not None:
            os.mkdir(os.path.join(path, 'checkpoints'))
            for suffix in ('.index', '.data-00000-of-00001'):
                shutil.copy(
                    whole + suffix, checkpoint.checkpoint_path(os.path.join(path, 'checkpoints'), step) + suffix)
        return path
    return make


def open_run(folder, wanted, how='auto', total=18):
    """(name of the run folder, step, the lines that were logged)."""
    lines = []
    run, step = resume.open_run(str(folder), how, wanted, total, lines.append)
    run.close()
    return os.path.basename(run.path), step, lines


def test_two_killed_runs_of_different_seeds_are_both_gone_on_with(make, tmp_path):
    make(identity(seed=0), 6)
    make(identity(seed=1), 7)
    assert open_run(tmp_path, identity(seed=0)) == ('00000-blog_dense', 6, [])
    assert open_run(tmp_path, identity(seed=1)) == ('00001-blog_dense', 7, [])
    assert open_run(tmp_path, identity(seed=0), 'must') == ('00000-blog_dense', 6, [])


def test_the_newest_unfinished_of_the_same_settings_is_taken(make, tmp_path):
    make(identity(), 5)
    make(identity(), 6)
    make(identity(), 18)
    make(identity(name='cntk'), 7)
    assert open_run(tmp_path, identity()) == ('00001-blog_dense', 6, [])
    # Only finished ones: a new run, or, where one must be gone on with, the newest of them.
    assert open_run(tmp_path, identity(), 'must', total=4) == ('00002-blog_dense', 18, [])
    assert open_run(tmp_path, identity(), total=4) == ('00004-blog_dense', None, [])


def test_a_run_that_must_be_there_is_named_by_either_word(make, tmp_path):
    make(identity(), 6)
    for how in ('must', 'require'):
        assert open_run(tmp_path, identity(), how) == ('00000-blog_dense', 6, [])
        with pytest.raises(UserError, match='--resume={}: expected a run of vae'.format(how)):
            open_run(tmp_path, identity(name='vae'), how)


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(make, tmp_path):
    make(identity(), None)
    make(identity(seed=1), 3)
    assert open_run(tmp_path, identity()) == ('00000-blog_dense', None, [])


@pytest.mark.parametrize('figure', [None, 'figure.png', 'losses.png'])
def test_a_run_whose_checkpoints_were_deleted_is_left_as_it_is(figure, make, tmp_path):
    path = make(identity(), None)
    message = '{}: expected checkpoints to go on from, found none beside the figures that come with them'.format(path)
    if figure:
        with open(os.path.join(path, figure), 'w'):
            pass
        for how, folder in (('require', str(tmp_path)), ('auto', path)):
            with pytest.raises(UserError, match=re.escape(message)):
                resume.open_run(folder, how, identity(), 18, print)
    name, step, lines = open_run(tmp_path, identity())
    assert (name, step) == ('0000{}-blog_dense'.format(int(bool(figure))), None)
    assert lines == (['WARNING: {}; it is left as it is, starting a new run'.format(message)] if figure else [])


def test_what_a_run_was_started_from_is_needed_only_where_it_begins(make, tmp_path):
    def gone(_):
        raise UserError('gone')

    def open_without(wanted):
        run, step = resume.open_run(str(tmp_path), 'auto', wanted, 18, print, beginning=gone)
        run.close()
        return step

    make(identity(init_checkpoint='x'), 6)
    make(identity(init_checkpoint='y'), None)
    assert open_without(identity(init_checkpoint='x')) == 6
    for name in 'yz':
        with pytest.raises(UserError, match='gone'):
            open_without(identity(init_checkpoint=name))
    assert len(os.listdir(str(tmp_path))) == 2


def test_a_new_run_says_which_setting_differs_from_the_newest_unfinished_one(make, tmp_path):
    make(identity(seed=5), 3)
    older = make(identity(seed=0), 6)
    make(identity(seed=2), 18)
    name, step, lines = open_run(tmp_path, identity(seed=1))
    assert (name, step) == ('00003-blog_dense', None)
    assert lines == [older + ' is unfinished (step 6 of 18), but was started with other settings: seed was 0, now 1; '
                     'starting a new run']


def test_a_run_that_only_these_settings_finish_is_named(make, tmp_path):
    path = make(identity(), 6)
    name, step, lines = open_run(tmp_path, identity(), total=5)
    assert (name, step) == ('00001-blog_dense', None)
    assert lines == [path + ' is unfinished by its own settings (step 6 of 18), and has the 5 steps of these; '
                     'starting a new run (--max_steps=18 goes on)']


def test_a_new_run_beside_finished_ones_has_nothing_to_say(make, tmp_path):
    make(identity(seed=0), 18)
    assert open_run(tmp_path, identity(seed=1)) == ('00001-blog_dense', None, [])


def test_must_fails_with_what_differs(make, tmp_path):
    make(identity(seed=0), 6)
    newest = make(identity(seed=2), 6)
    with pytest.raises(UserError) as error:
        open_run(tmp_path, identity(seed=1), 'must')
    assert str(error.value) == newest + ': expected the settings it was started with; seed was 2, now 1'
    with pytest.raises(UserError, match='seed was 2, now 1'):
        open_run(newest, identity(seed=1))
    with pytest.raises(UserError, match='--resume=must: expected a run of blog_dense in .*, found none'):
        open_run(tmp_path / 'none', identity(), 'must')


def test_a_damaged_run_is_passed_over_and_named(make, tmp_path):
    make(identity(), 6)
    damaged = make(identity(), 7)
    with open(os.path.join(damaged, 'config.json'), 'w') as handle:
        handle.write('{"identity"')
    assert open_run(tmp_path, identity()) == ('00000-blog_dense', 6, [])
    name, _, lines = open_run(tmp_path, identity(seed=1))
    assert name == '00002-blog_dense' and len(lines) == 2
    assert lines[0].startswith('WARNING: ' + damaged) and lines[0].endswith('; starting a new run')
    with pytest.raises(run_folder.DamagedRun):
        open_run(damaged, identity())


def test_a_run_that_is_being_trained_is_an_error_whatever_lies_beside_it(make, tmp_path):
    make(identity(), 5)
    held = run_folder.Run(make(identity(), 6))
    try:
        for how in ('auto', 'must'):
            with pytest.raises(UserError, match='00001-blog_dense: .* another trainer .*{}'.format(os.getpid())):
                open_run(tmp_path, identity(), how)
        assert open_run(tmp_path, identity(seed=1))[0] == '00002-blog_dense'
    finally:
        held.close()
    assert open_run(tmp_path, identity())[:2] == ('00001-blog_dense', 6)


def test_a_finished_run_that_another_process_looks_at_stands_in_nobodys_way(make, tmp_path):
    held = run_folder.Run(make(identity(), 18))
    try:
        assert open_run(tmp_path, identity())[:2] == ('00001-blog_dense', None)
    finally:
        held.close()


def test_a_checkpoint_to_begin_from_brings_its_noise_and_is_found_from_anywhere(make, tmp_path, monkeypatch):
    run = make(identity(name='keras_dense', noise='uniform'), 6)
    monkeypatch.chdir(tmp_path)
    given = ['--preset=keras_dense', '--init_checkpoint=' + os.path.basename(run)]
    config = train.parse_train(given)
    assert config.preset.noise == 'uniform' and '--init_checkpoint=' + run in config.arguments
    assert train.parse_train(given + ['--z_dist=normal']).preset.noise == 'normal'


class _Saved:
    """Stands in for a TrainingSession: what was to be spared."""

    def losses(self, taken):
        return {'d_loss': 1.0}

    def save(self, folder, step, keep, spared):
        self.spared = spared


def test_the_best_checkpoint_is_the_best_of_those_that_there_are(make):
    run = run_folder.Run(make(identity(), 6))
    try:
        with open(run.file('quality.csv'), 'w') as handle:
            handle.write('step,n,frechet_distance\n6,100,3\n9,100,1\n21,100,0\n')  # of 9, on a full disk, none
        measured, model = hooks.measured_before(run, 18), _Saved()
        with open(run.file('quality.csv')) as handle:
            assert [row['step'] for row in measured] == [6, 9] and '21' not in handle.read()
        for content, steps in (('step,n,frechet_distance,note\n6,100,3,good\n21,100,0,too late\n', [6]),
                               ('step,n,frechet_distance,recall\n6,100,3,\n9,100,1,0.5\n', [6, 9]),
                               ('a,b\n1,2\n', []), ('frechet_distance\n3\n', [])):
            with open(run.file('quality.csv'), 'w') as handle:
                handle.write(content)
            assert [row['step'] for row in hooks.measured_before(run, 18)] == steps, content
            with open(run.file('quality.csv')) as handle:
                assert handle.read() == content.replace('21,100,0,too late\n', '')
        hook = hooks.CheckpointHook(types.SimpleNamespace(keep_checkpoints=1),
                                    types.SimpleNamespace(checkpoint_steps=[20]), run, model, measured)
        hook.after_step(types.SimpleNamespace(step=20))
        assert model.spared == [6]
    finally:
        run.close()


# --------------------------------------------------------------------------- settings

def test_no_difference_between_the_same_settings_written_and_read():
    for name in PRESETS:
        wanted = identity(name=name)
        assert resume.differences(json.loads(json.dumps(wanted)), wanted) == [], name


def test_a_setting_that_a_later_version_added_was_at_its_default():
    older = identity()
    for name in ('ema_decay', 'learning_rate_decay', 'noise_batches', 'beta2', 'num_gpus', 'init_checkpoint', 'model'):
        del older[name]
    assert resume.differences(older, identity()) == []
    assert resume.differences(older, identity(ema_decay=0.9, beta2=0.5)) == [
        'beta2 was 0.999, now 0.5', 'ema_decay was None, now 0.9']
    del older['generator']  # which has no default
    assert resume.differences(older, identity()) == ["generator was not recorded, now 'blog_dense_generator'"]


def test_what_version_0_1_recorded_under_other_names_is_the_same():
    older = identity()
    older['metrics_when'] = older.pop('losses_when')
    older['update_ops'] = 'own'
    assert resume.differences(older, identity()) == []
    older['metrics_when'] = 'mean'
    assert resume.differences(older, identity()) == ["losses_when was 'mean', now 'after'"]
    assert resume.differences(older, dict(identity(update_ops='all'), losses_when='mean')) == [
        "update_ops was 'per_pass', now 'all'"]


def test_what_may_change_on_resume_is_said_on_the_field():
    recorded = set(identity()) - {'seed', 'init_checkpoint', 'data_checksum', 'class', 'num_gpus', 'preset'}
    free = {field.name for field in dataclasses.fields(PRESETS['vae'])} - recorded - {'name', 'image_class'}
    assert free == set(resume.FREE_FIELDS) == {
        'title', 'epochs', 'steps', 'losses', 'log_every', 'log_first', 'samples_every', 'samples', 'samples_columns',
        'samples_noise', 'samples_name', 'first_step', 'first_epoch', 'gif', 'checkpoint_every', 'recorded_losses',
        'modes', 'mode', 'first_adam', 'image_sizes', 'sizes_of_variables', 'temperature'}


def test_a_run_of_before_modes_were_recorded_is_gone_on_with_in_its_mode():
    def of(preset):
        return resume.identity(preset, 0, None, 'abc', None, 1)

    assert 'mode' not in of(PRESETS['cntk'])
    assert resume.differences(of(PRESETS['cntk']), of(PRESETS['cntk'].with_mode('slow'))) == []
    assert "generator was 'resnet_mnist_generator', now 'resnet_mnist_small_generator'" in resume.differences(
        of(PRESETS['resnet_mnist']), of(PRESETS['resnet_mnist'].with_mode('small')))


@pytest.mark.parametrize('name, mode, expected', [
    ('resnet_mnist', 'small', 'resnet_mnist_small_generator'), ('resnet_mnist', 'full', 'resnet_mnist_generator'),
    ('resnet_mnist', None, 'resnet_mnist_generator'), ('resnet_mnist', 'tiny', None),
    ('resnet_mnist', ['small'], None), ('blog_dense', 'small', None)])
def test_a_run_is_read_back_in_its_mode(tmp_path, name, mode, expected):
    (tmp_path / 'config.json').write_text(json.dumps({'identity': {'preset': name}, 'schedule': {'mode': mode}}))
    if expected is None:
        with pytest.raises(UserError, match='expected one of .* as mode in its config.json'):
            run_folder.read_preset(str(tmp_path))
    else:
        preset = run_folder.read_preset(str(tmp_path))
        assert (preset.mode, preset.generator.__name__) == (mode, expected)


@pytest.mark.parametrize('given', [[], ['--dataset=folder'], ['--loss=hinge']])
def test_a_run_is_read_back_with_its_own_scaling_and_curve(tmp_path, given):
    trained = config.parse_train(['--preset=blog_cifar_horse'] + given).preset
    recorded = {'identity': resume.identity(trained, 0, None, 'abc', None, 1),
                'schedule': {'recorded_losses': trained.recorded_losses}}
    (tmp_path / 'config.json').write_text(json.dumps(recorded))
    found = run_folder.read_preset(str(tmp_path))
    assert (found.scaling, found.recorded_losses) == (trained.scaling, trained.recorded_losses)
    recorded['schedule']['recorded_losses'] = '../../secret.csv'
    (tmp_path / 'config.json').write_text(json.dumps(recorded))
    assert run_folder.read_preset(str(tmp_path)).recorded_losses == 'cifar2017_losses.csv'
    (tmp_path / 'config.json').write_text(json.dumps({'identity': {'preset': 'blog_cifar_horse', 'scaling': 'x'}}))
    with pytest.raises(UserError, match="expected one of 'bytes', 'minmax' as scaling"):
        run_folder.read_preset(str(tmp_path))


def test_a_setting_of_a_later_version_is_a_difference_that_is_named():
    later = dict(identity(), flux='high')
    assert resume.differences(later, identity()) == ["flux was 'high', which this version does not know"]


def test_an_update_that_was_recorded_without_what_it_has_got_since_is_the_same():
    older, wanted = copy.deepcopy(identity()), identity()
    assert wanted['schedule'][0][2] == 0
    for update in older['schedule']:
        del update[2]
    assert resume.differences(older, wanted) == []
    older['schedule'][0][1] = 1
    assert len(resume.differences(older, wanted)) == 1
    assert objectives.UpdateSpec._fields == ('objectives', 'images', 'noise')


def test_one_checkpoint_under_several_names_is_one_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'link').symlink_to(tmp_path)
    for other in ('./old.ckpt', 'old.ckpt.index', str(tmp_path / 'old.ckpt'), 'link/old.ckpt', '~/old.ckpt'):
        assert resume.differences(identity(init_checkpoint='old.ckpt'), identity(init_checkpoint=other)) == [], other
    for other in ('new.ckpt', None):
        assert len(resume.differences(identity(init_checkpoint='old.ckpt'), identity(init_checkpoint=other))) == 1


def write_run(path, **config):
    os.makedirs(str(path))
    with open(str(path / 'config.json'), 'w') as handle:
        json.dump(config, handle)
    return '--run_dir={}'.format(path)


def test_a_run_that_is_not_there_is_not_made(tmp_path):
    run = write_run(tmp_path / '00001-dcgan', identity={'preset': 'dcgan'})[len('--run_dir='):]
    for place, found in ((str(tmp_path / '00003-dcgan'), 'the name of a run that is not there'),
                         (os.path.join(run, 'checkpoints'), 'a folder of the run ' + run)):
        with pytest.raises(UserError, match='--run_dir=.*: expected a run, or a folder to make .*, found ' + found):
            resume.open_run(place, 'auto', {'preset': 'dcgan'}, 9, print)
    assert os.listdir(str(tmp_path)) == ['00001-dcgan']


def test_a_run_is_gone_on_with_by_its_own_flags(tmp_path, capsys):
    flags = ['--preset=dcgan', '--data_dir=here', '--image_size=24', '--nomirror', '--learning_rate=0.01', '--gif',
             '--steps_per_run=3', '--trace=t.json', '--worker_hosts=a:1,b:2', '--task_index=0', '--worker_timeout=3']
    started = config.parse_train(flags)
    assert started.arguments == ('--data_dir=' + os.path.abspath('here'), '--gif', '--image_size=24',
                                 '--learning_rate=0.01', '--nomirror', '--preset=dcgan')
    run = write_run(tmp_path / 'run', identity={'preset': 'dcgan'}, arguments=list(started.arguments) + [
        '--preset_file=evil.py', '--noxla', '--device=gpu', '--flagfile=evil', '--undefok=x', '--', '--h', '--help', 7,
        '--of_a_later_version=3', '--eval_every', '--cache_dir=/no/such'])
    found = config.parse_train([run])
    # The folder of the data is not there.
    assert (found.preset, found.arguments, found.data_dir) == (started.preset, started.arguments[1:], None)
    assert (found.steps_per_run, found.trace, found.device, found.preset_file) == (0, None, 'auto', None)
    assert found.cluster is None
    assert found.command == 'python -m dcgan_tf1.train {}'.format(' '.join(found.arguments))  # starts it anew
    later = config.parse_train([run, '--epochs=7', '--device=cpu', '--resume=require'])
    assert later.command == 'python -m dcgan_tf1.train --epochs=7 {} --device=cpu'.format(' '.join(found.arguments))
    said = capsys.readouterr().out
    assert 'resuming with the flags it was started with: --gif ' in said
    assert 'run: without --data_dir={}, which is not there any more'.format(os.path.abspath('here')) in said
    config.parse_train([run, '--data_dir=there'])
    assert 'without --data_dir' not in capsys.readouterr().out
    # What is given now counts, and other settings are told apart as ever.
    found = config.parse_train([run, '--max_steps=7', '--learning_rate=0.02'])
    assert (found.max_steps, found.preset.learning_rate) == (7, 0.02)
    with pytest.raises(UserError, match='^--preset: expected dcgan, the preset of .*run, found tf_tutorial$'):
        config.parse_train([run, '--preset=tf_tutorial'])
    # How long to train is said in one of two ways.
    run = write_run(tmp_path / 'short', identity={'preset': 'vae'}, arguments=['--preset=vae', '--max_steps=5'])
    assert config.parse_train([run]).max_steps == 5
    found = config.parse_train([run, '--epochs=3'])
    assert (found.max_steps, found.preset.epochs, found.preset.name) == (None, 3, 'vae')
    # Of a run that lists no flags, its preset alone.
    assert config.parse_train([write_run(tmp_path / 'old', identity={'preset': 'vae'})]).preset.name == 'vae'
    assert config.parse_train([run, '--resume=never']).preset.name == 'blog_mnist'
    bad = write_run(tmp_path / 'bad', identity={'preset': 'vae'}, arguments=1)
    assert config.parse_train([bad]).preset.name == 'vae'
    run = write_run(tmp_path / 'other', identity={'preset': 'dcgan'}, arguments=['--preset=dcgan', '--channels=7'])
    with pytest.raises(UserError, match='other: expected flags that go with .* in its config.json, found: .*7'):
        config.parse_train([run])
    run = write_run(tmp_path / 'sized', identity={'preset': 'dcgan'}, arguments=['--preset=dcgan', '--image_size=32'])
    assert config.parse_train([run, '--image_height=20', '--image_width=40']).preset.image_shape == (20, 40, 3)
    run = write_run(tmp_path / 'mode', identity={'preset': 'cntk'}, arguments=['--preset=cntk', '--mode=slow'])
    assert config.parse_train([run]).preset.mode == 'slow'
    with pytest.raises(UserError, match='^--preset: expected cntk, the preset of .*mode, found vae$'):
        config.parse_train([run, '--preset=vae'])
