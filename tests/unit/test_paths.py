"""Paths that users give: home folders, commas, extensions, and what looks like a pattern to TensorFlow."""

import os

import numpy as np
import pytest
from helpers.commands import run_command
from helpers.data import blobs, write_mnist
from PIL import Image

from dcgan_tf1 import animation, compare, datasets, evaluate, export, report, sample, train
from dcgan_tf1.data import loading
from dcgan_tf1.exporting import formats
from dcgan_tf1.util import cli, files, flags, images, paths
from dcgan_tf1.util.errors import UserError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home folder, in which the test works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    return str(tmp_path)


# ------------------------------------------------------------------------------ ~

PATHS = [
    (train.parse_train, [], ['data_dir', 'run_dir', 'init_checkpoint', 'trace']),
    (datasets.parse, ['--dataset=npz'], ['cache_dir']),
    (sample.parse, ['--run=a'], ['run', 'out', 'outdir', 'npz', 'z', 'preset_file']),
    (sample.parse, ['--run=a', '--interpolate'], ['video']),
    (sample.parse, ['--preset=vae', '--checkpoint=a'], ['checkpoint']),
    (animation.parse, ['--run=a'], ['run', 'out']),
    (compare.parse, ['--runs=a,b'], ['out']),
    (report.parse, ['--runs=a'], ['out']),
    (export.parse, ['--run=a'], ['run', 'out']),
    (evaluate.parse, ['--run=a', '--features_input=x', '--features_output=y', '--features=f'],
     ['run', 'data_dir', 'out', 'features']),
    (evaluate.parse, ['--preset=vae', '--images=a'], ['images', 'cache_dir']),
    (datasets.parse, [], ['data_dir', 'preview']),
]


def value_of(config, name):
    if isinstance(getattr(config, 'reading', None), dict) and name in config.reading:
        return config.reading[name]
    return getattr(config if hasattr(config, name) else config.reading, name)


@pytest.mark.parametrize('parse, given, names', PATHS, ids=lambda value: getattr(value, '__name__', None))
def test_a_home_folder_is_expanded_in_every_path_flag(parse, given, names, home):
    for name in names:
        config = parse(given + ['--{}=~/x'.format(name)])
        assert value_of(config, name) == os.path.join(home, 'x'), name
        with pytest.raises(UserError, match='--{}: expected a path, found ~nobody-here/x, and there is no such home '
                                            'folder'.format(name)):
            parse(given + ['--{}=~nobody-here/x'.format(name)])
        assert value_of(parse(given + ['--' + name, './~x']), name) == './~x'


def test_a_flag_that_takes_any_text_is_a_path_or_known_not_to_be_one(monkeypatch):
    defined = {True: set(), False: set()}  # by whether it is a path

    def parse(command, argv):
        for name in command.values:
            if command.values[name].flag_type() in ('string', 'multi string'):
                defined[name in command._paths].add(name)

    monkeypatch.setattr(flags.Command, 'parse', parse)
    for function in (train.parse_train, sample.parse, animation.parse, compare.parse,
                     report.parse, export.parse, evaluate.parse, datasets.parse):
        assert function([]) is None
    assert defined[True] == {'runs'} | {name for _, _, names in PATHS for name in names}
    assert defined[False] <= {'augment', 'class', 'preset', 'mode', 'shape', 'formats', 'worker_hosts', 'images_range',
                              'label_column', 'seeds', 'features_range', 'features_input', 'features_output',
                              'features_probabilities'}


def test_the_environments_data_folder_is_expanded_too(home, monkeypatch):
    monkeypatch.setenv('DCGAN_TF1_DATA', '~/mine')
    write_mnist(os.path.join(home, 'mine', 'mnist'), blobs(40), np.arange(40).astype(np.uint8) % 10)
    assert loading.load('mnist').folder == os.path.join(home, 'mine', 'mnist')


# ------------------------------------------------------------------------------ commas

def test_runs_with_commas_in_their_names(home):
    for name in ('a', 'b', 'a,1', 'c,d,e'):
        os.makedirs(name)
    for given, expected in (('a,b', ('a', 'b')), ('a,1', ('a,1',)), ('a,1,b,c,d,e,', ('a,1', 'b', 'c,d,e')),
                            ('~/a,1,~/b', (os.path.join(home, 'a,1'), os.path.join(home, 'b'))),
                            ('x,y', ('x', 'y'))):
        assert report.parse(['--runs=' + given]).runs == expected, given
    assert compare.parse(['--runs=a,1', '--runs', 'b,c,d,e']).runs == ('a,1', 'b', 'c,d,e')
    with pytest.raises(flags.Error, match='--runs: expected two run folders or more, found a,1'):
        compare.parse(['--runs=a,1'])


# ------------------------------------------------------------------------------ extensions

@pytest.mark.parametrize('parse, given, right, wrong', [
    (sample.parse, ['--run=a', '--out'], ['x.png', 'x.JPG', 'x.jpeg', 'x', 'v1.5/x'], ['x.gif', 'x.npz']),
    (sample.parse, ['--run=a', '--npz'], ['x.npz', 'x'], ['x.png']),
    (compare.parse, ['--runs=a,b', '--out'], ['x.png', 'x.jpg'], ['x.pdf']),
    (animation.parse, ['--run=a', '--out'], ['x.gif'], ['x.mp4', 'x.png']),
    (report.parse, ['--runs=a', '--out'], ['x.html', 'x.htm'], ['x.pdf']),
    (datasets.parse, ['--preview'], ['x.png', 'x.jpg'], ['x.bmp']),
], ids=lambda value: getattr(value, '__name__', None))
def test_a_format_that_is_not_written_is_refused_before_any_work(parse, given, right, wrong):
    for name in right:
        parse(given + [name])
    for name in wrong:
        with pytest.raises(flags.Error, match='{}: expected a name that ends in .*{}'.format(given[-1], name)):
            parse(given + [name])


@pytest.mark.parametrize('channels', [1, 3])
def test_a_picture_is_what_its_name_says(channels, tmp_path):
    smooth = np.linspace(0, 255, 32 * 32 * channels).reshape(32, 32, channels).astype(np.uint8)
    for name, kind, error in (('x.png', 'PNG', 0), ('x.jpg', 'JPEG', 6), ('x.JPEG', 'JPEG', 6), ('x', 'PNG', 0)):
        images.save_picture(str(tmp_path / name), smooth)
        with Image.open(str(tmp_path / name)) as picture:
            assert (picture.format, picture.mode) == (kind, 'L' if channels == 1 else 'RGB')
            assert np.abs(np.asarray(picture).reshape(smooth.shape).astype(int) - smooth).max() <= error


# ------------------------------------------------------------------------------ messages

def test_what_the_system_says_of_a_file(tmp_path, capsys):
    with pytest.raises(UserError) as error:
        files.write_text(str(tmp_path / 'none' / 'x'), '')
    assert str(error.value) == 'cannot write {}: No such file or directory'.format(tmp_path / 'none' / 'x')
    with pytest.raises(UserError, match='cannot write .*none/x.png: there is no folder .*none'):
        files.refuse_existing(str(tmp_path / 'none' / 'x.png'), False)
    for error, message in ((OSError(28, 'No space left on device'), 'cannot write a file: No space left on device'),
                           (OSError(13, 'Permission denied', 'x'), 'cannot access x: Permission denied')):
        def fail(_, error=error):
            raise error
        assert cli.run(lambda argv: argv, fail, []) == 1
        assert capsys.readouterr().err == 'error: {}\n'.format(message)


def test_a_link_is_never_written_through_and_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    real, link, pipe = [tmp_path / name for name in ('elsewhere/x.txt', 'link.png', 'pipe.png')]
    link.symlink_to(real)
    for overwrite in (False, True):
        with pytest.raises(UserError, match='link.png: expected a file, found a link; .* stands for: .*elsewhere/x.t'):
            files.refuse_existing(str(link), overwrite)  # of a file that is not there yet
    real.write_bytes(b'1')
    files.write_bytes(str(link), b'2')  # as in a copy of a run that was made of links
    assert not link.is_symlink() and link.read_bytes() == b'2' and real.read_bytes() == b'1'
    os.mkfifo(str(pipe))
    for path in (str(pipe), os.devnull):
        for refuse in (lambda path: files.refuse_existing(path, True), lambda path: files.write_bytes(path, b'')):
            with pytest.raises(UserError, match='{}: expected a file, found a device or a pipe'.format(path)):
                refuse(path)


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path):
    with pytest.raises(UserError, match='cannot write .*: File name too long'):
        files.refuse_existing(str(tmp_path / ('x' * 245 + '.png')), False)
    files.check_writable(str(tmp_path / 'none' / 'x.png'))
    assert not os.listdir(str(tmp_path))


# ------------------------------------------------------------------------------ patterns

def test_a_path_that_looks_like_no_pattern_is_left_alone(tmp_path):
    with paths.literal('runs/{a}/x y.ckpt') as path:
        assert path == 'runs/{a}/x y.ckpt'


def test_where_there_is_no_place_for_another_name_the_path_is_an_error(monkeypatch):
    def fail(*_, **__):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(paths.tempfile, 'TemporaryDirectory', fail)
    with pytest.raises(UserError, match=r'runs\[1\]/x: expected a path without .*: No space left on device'), \
            paths.literal('runs[1]/x'):
        pass


@pytest.mark.slow_tf1
def test_everything_works_in_a_folder_whose_name_looks_like_a_pattern(tiny_data, tmp_path, monkeypatch):
    temporary = tmp_path / 't[1]'
    temporary.mkdir()
    monkeypatch.setattr(paths.tempfile, 'tempdir', str(temporary))
    parent = str(tmp_path / 'runs[1]')
    for steps in (2, 3):
        status, out, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir=' + parent, '--batch_size=4',
                                       '--preset=blog_dense', '--log_every=1', '--max_steps={}'.format(steps))
        assert status == 0, err
    assert 'going on at step 2' in out
    run = os.path.join(parent, '00000-blog_dense')
    assert run_command('sample', '--run=' + run, '--n=4', '--out={}'.format(tmp_path / 'x*.jpg'))[0] == 0
    with Image.open(str(tmp_path / 'x*.jpg')) as picture:
        assert (picture.format, picture.size) == ('JPEG', (56, 56))
    chosen = [name for name in formats.FORMATS if not formats.missing(name)]
    status, out, err = run_command('export', '--run=' + run, '--formats=' + ','.join(chosen))
    assert status == 0, err
    for name in chosen:
        assert '\n{} '.format(name) in '\n' + out and os.path.isdir(os.path.join(run, 'export-000003', name))
    assert 'WARNING' not in out and os.listdir(str(temporary)) == []


def test_the_convolutions_that_the_log_names_can_be_asked_for():
    assert train.parse_train(['--lowering=mixed']).lowering == 'mixed'
    assert sample.parse(['--run=a', '--lowering=mixed']).lowering == 'mixed'
