"""Presets of a user's own file: on every command, remembered by a run, and never executed behind the user's back."""

import hashlib
import json
import os
import shutil
import sys

import pytest
from helpers.commands import check_one_line_error, run_command
from helpers.places import ROOT

from dcgan_tf1 import train
from dcgan_tf1.gan import catalogue, preset_file
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import preset_files, run_folder
from dcgan_tf1.util.errors import UserError


@pytest.fixture(autouse=True)
def forget():
    """forget(): registers nothing of any file any more, as in a new process; so does the end of each test."""
    before = {name: PRESETS[name] for name in catalogue.PRESET_TITLES}

    def again():
        PRESETS.clear()
        PRESETS.update(before)
        preset_file.forget()

    yield again
    again()


@pytest.fixture(scope='module')
def trained(tiny_data, tmp_path_factory):
    """(the file, a run of its preset `tiny` of 50 steps)."""
    folder = tmp_path_factory.mktemp('mine')
    path = str(shutil.copy(os.path.join(ROOT, 'examples', 'custom_preset.py'), str(folder / 'my_preset.py')))
    status, out, err = run_command('train', '--preset_file=' + path, '--preset=tiny', '--data_dir=' + tiny_data,
                                   '--max_steps=50', '--run_dir={}'.format(folder / 'runs'))
    assert status == 0, err
    assert out.count('presets of {} (SHA-256 '.format(path)) == 1
    return path, str(folder / 'runs' / '00000-tiny')


@pytest.fixture()
def changed(trained, tmp_path):
    """A copy of `trained` whose file has changed since the run was started."""
    path, _ = trained
    shutil.copytree(os.path.dirname(path), str(tmp_path / 'copy'))
    path, run = str(tmp_path / 'copy' / 'my_preset.py'), str(tmp_path / 'copy' / 'runs' / '00000-tiny')
    record(run, path, sha256(path))
    with open(path, 'a') as handle:
        handle.write('# changed\n')
    return path, run


def sha256(path):
    with open(path, 'rb') as handle:
        return hashlib.sha256(handle.read()).hexdigest()


@pytest.mark.slow
def test_a_run_remembers_its_file(trained, tiny_data, tmp_path, forget):
    path, run = trained
    copy = shutil.copytree(run, str(tmp_path / 'copy'))
    with open(os.path.join(run, 'config.json')) as handle:
        assert json.load(handle)['preset_file'] == {'path': path, 'sha256': sha256(path)}
    for number, (command, *given) in enumerate((
            ('sample', '--run=' + run, '--num_images=4', '--out={}'.format(tmp_path / 'a.png')),
            ('export', '--run=' + run, '--formats=frozen', '--out={}'.format(tmp_path / 'export')),
            ('report', '--runs=' + run, '--out={}'.format(tmp_path / 'a.html')),
            ('animation', '--run=' + run),
            ('compare', '--runs={},{}'.format(run, copy), '--out={}'.format(tmp_path / 'b.png')),
            ('train', '--preset=tiny', '--run_dir=' + os.path.dirname(run), '--data_dir=' + tiny_data,
             '--max_steps=60', '--resume=require'))):
        forget()
        status, out, err = run_command(command, *given)
        assert status == 0, (number, err)
        assert out.count('presets of {} (SHA-256 {}), which is executed\n'.format(path, sha256(path))) == 1
    with open(os.path.join(run, 'config.json')) as handle:  # written anew by the training that went on
        assert json.load(handle)['preset_file'] == {'path': path, 'sha256': sha256(path)}
    assert '--preset_file' not in out and 'WARNING' not in err


def test_a_preset_may_log_one_loss_alone(tiny_data, tmp_path, forget):
    source = ('import dataclasses\nimport dcgan_tf1\ndcgan_tf1.register_preset(dataclasses.replace('
              "dcgan_tf1.get_preset('blog_dense'), name='mine', losses=('d_loss_real',), recorded_losses={!r}))\n")
    given = ['--preset_file={}'.format(tmp_path / 'mine.py'), '--preset=mine', '--data_dir=' + tiny_data,
             '--max_steps=2', '--log_every=1', '--run_dir={}'.format(tmp_path / 'runs')]
    (tmp_path / 'mine.py').write_text(source.format('mnist2017_losses.csv'))
    status, out, err = run_command('train', *given)
    run = tmp_path / 'runs' / '00000-mine'
    assert status == 0 and 'WARNING' not in out, err
    assert (run / 'losses.csv').read_text().startswith('step,epoch,d_loss_real,images_per_second,seconds\n1,')
    assert (run / 'losses.png').exists()
    (tmp_path / 'mine.py').write_text(source.format('none.csv'))
    check_one_line_error(run_command('train', '--resume=never', *given), 'Preset.recorded_losses: expected None or '
                         "one of cifar2017_losses.csv, mnist2017_losses.csv, found 'none.csv'")


def test_what_lies_beside_the_file_can_be_imported(tmp_path, forget):
    (tmp_path / 'layers_of_mine.py').write_text('NAME = \'beside\'\n')
    (tmp_path / 'mine.py').write_text(
        'import dataclasses\nimport dcgan_tf1\nimport layers_of_mine\n'
        'dcgan_tf1.register_preset(dataclasses.replace(dcgan_tf1.get_preset(\'vae\'), name=layers_of_mine.NAME))\n')
    before = list(sys.path)
    preset_file.load(str(tmp_path / 'mine.py'), log=[].append)
    assert PRESETS['beside'].name == 'beside' and sys.path == before


def test_a_run_of_an_older_content_is_told_from_the_newer_one(changed, forget):
    path, run = changed
    preset_file.load(path, log=[].append)
    lines = []
    assert run_folder.read_preset(run, lines.append).name == 'tiny'
    assert len(lines) == 1 and 'my_preset.py has changed since this run was started' in lines[0]


def test_the_command_of_a_resumed_run_names_the_file(trained, forget):
    path, run = trained
    command = train.parse_train(['--run_dir=' + run, '--max_steps=70']).command
    assert '--preset=tiny' in command and command.endswith(' --preset_file=' + path) and '--run_dir' not in command


@pytest.mark.slow_tf1
def test_a_changed_file_has_to_be_named(changed, tiny_data, tmp_path, forget):
    path, run = changed
    forget()
    given = ['--run=' + run, '--out={}'.format(tmp_path / 'a.png')]
    check_one_line_error(run_command('sample', *given), path, 'changed', '--preset_file')
    assert 'tiny' not in PRESETS
    status, out, err = run_command('sample', '--preset_file=' + path, *given)
    assert status == 0 and 'presets of {}'.format(path) in out, err
    status, out, err = run_command('train', '--preset_file=' + path, '--preset=tiny', '--data_dir=' + tiny_data,
                                   '--run_dir=' + os.path.dirname(run), '--max_steps=70')
    assert status == 0 and 'WARNING: {} has changed since this run was started'.format(path) in out, err


def record(run, path, digest):
    """Has a run's config.json name another file."""
    name = os.path.join(run, 'config.json')
    with open(name) as handle:
        config = json.load(handle)
    config['preset_file'] = {'path': path, 'sha256': digest}
    with open(name, 'w') as handle:
        json.dump(config, handle)


@pytest.fixture
def stranger(tmp_path):
    """stranger(name of a file): a run from elsewhere which names a program that would leave a mark."""
    def make(path):
        path.write_text('open({!r}, "w").close()\n'.format(str(tmp_path / 'mark')))
        run = tmp_path / 'from elsewhere' / '00000-tiny'
        return str(run), {'preset_file': {'path': str(path), 'sha256': sha256(str(path))}}
    (tmp_path / 'from elsewhere' / '00000-tiny').mkdir(parents=True)
    yield make
    assert not (tmp_path / 'mark').exists()


def test_a_file_that_came_with_the_run_is_not_executed(stranger, tmp_path, monkeypatch):
    for place in (tmp_path / 'from elsewhere', tmp_path / 'from elsewhere' / '00000-tiny'):
        run, config = stranger(place / 'theirs.py')
        with pytest.raises(UserError, match='may have come with the run; --preset_file=.* executes it'):
            preset_files.load_recorded(run, config)
    monkeypatch.chdir(tmp_path)
    os.symlink(str(place / 'theirs.py'), str(tmp_path / 'link.py'))
    through_proc = '/proc/self/cwd/from elsewhere/00000-tiny/theirs.py'  # on Linux
    for path in [str(tmp_path / 'link.py')] + [through_proc] * os.path.exists(through_proc):
        with pytest.raises(UserError, match='may have come with the run'):
            preset_files.load_recorded(run, {'preset_file': dict(config['preset_file'], path=path)})


def test_a_file_of_another_content_is_not_executed(stranger, tmp_path):
    run, config = stranger(tmp_path / 'other.py')
    config['preset_file']['sha256'] = '0' * 64
    with pytest.raises(UserError, match='expected the file that the run was started with'):
        preset_files.load_recorded(run, config)


@pytest.mark.parametrize('damaged', ['other.py', {}, {'path': 'other.py', 'sha256': ''}, {'path': '/x.py'}, [1],
                                     {'path': '/a\0b', 'sha256': ''}])
def test_a_damaged_record_is_one_line(damaged):
    with pytest.raises(UserError, match='name the file with --preset_file'):
        preset_files.load_recorded('runs/00000-tiny', {'preset_file': damaged})


def test_a_record_of_a_file_that_is_gone_is_one_line():
    with pytest.raises(UserError, match='expected its preset file /no/such.py, found none there'):
        preset_files.load_recorded('runs/00000-tiny', {'preset_file': {'path': '/no/such.py', 'sha256': '0'}})


@pytest.mark.parametrize('text, parts', [
    ('import dcgan_tf1\n\ndcgan_tf1.register_preset(x)\n', ['line 3', "NameError: name 'x' is not defined"]),
    ('def f():\n    1 / 0\n\n\nf()\n', ['line 2', 'ZeroDivisionError: division by zero']),
    ('x = (\n', ['line ', 'SyntaxError: ']),
    ('import sys\nsys.exit("no")\n', ['line 2', 'SystemExit: no']),
    ('import dcgan_tf1\ndcgan_tf1.Preset(name="x", titel="x")\n', ['line 2', 'TypeError', 'titel']),
    ('import dcgan_tf1\nfrom dcgan_tf1.gan.presets import PRESETS\nimport dataclasses\n'
     'dcgan_tf1.register_preset(dataclasses.replace(PRESETS["vae"], epochs=1))\n', ['line 4', 'vae']),
    ('import dcgan_tf1\n', ['found no such call'])])
def test_an_error_of_the_file_is_one_line_with_its_line(text, parts, tmp_path):
    path, before = tmp_path / 'mine.py', dict(PRESETS)
    path.write_text(text)
    check_one_line_error(run_command('sample', '--preset_file={}'.format(path), '--preset=tiny', '--checkpoint=x'),
                         str(path), *parts)
    assert before == PRESETS


def test_an_error_of_a_network_is_one_line_with_its_line(tiny_data, tmp_path):
    with open(os.path.join(ROOT, 'examples', 'custom_preset.py')) as handle:
        text = handle.read()
    path = tmp_path / 'mine.py'
    path.write_text(text.replace('return tf.tanh(dense(x, 784)) ', "return tf.tanh('x' + dense(x, 784)) "))
    line = next(number for number, each in enumerate(path.read_text().splitlines(), 1) if "'x' +" in each)
    check_one_line_error(
        run_command('train', '--preset_file={}'.format(path), '--preset=tiny', '--data_dir=' + tiny_data,
                    '--run_dir={}'.format(tmp_path / 'runs')), '{}, line {}: '.format(path, line))


@pytest.mark.parametrize('command, given, parts', [
    ('sample', ['--preset_file=no/such.py', '--run=a'], ['no/such.py', 'No such file']),
    ('sample', ['--preset_file=a.txt', '--run=a'], ['--preset_file', '.py', 'a.txt']),
    ('sample', ['--preset_file={}', '--preset=tinny', '--checkpoint=a'], ['--preset', 'tiny', "'tinny'"]),
    ('sample', ['--preset=tiny', '--checkpoint=a'], ["'tiny'", 'blog_mnist', '--preset_file']),
    ('train', ['--preset_file={}'], ['--preset', 'found nothing']),
    ('train', ['--preset=tiny', '--run_dir=no/such'], ["'tiny'", '--preset_file'])])
def test_what_does_not_go_together_is_one_line(command, given, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = os.path.join(ROOT, 'examples', 'custom_preset.py')
    check_one_line_error(run_command(command, *[one.format(path) for one in given]), *parts)
