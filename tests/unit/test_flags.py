"""Help texts, wrong flags, and the configuration that flags become."""

import dataclasses
import re

import pytest
from absl import flags as absl_flags
from helpers.commands import check_one_line_error, run_command, run_process

from dcgan_tf1 import flags
from dcgan_tf1.gan.presets import PRESETS


def test_help_lists_only_our_flags_in_groups(tmp_path):
    # Jupyter sets such a backend for all that it starts; TensorFlow 2 itself imports matplotlib.
    (tmp_path / 'matplotlibrc').write_bytes(b'text.usetex: True # \xff')
    status, out, err = run_process('train', '--help', env={
        'MPLBACKEND': 'module://not.installed', 'MATPLOTLIBRC': str(tmp_path / 'matplotlibrc')})
    assert status == 0 and err == '', err
    assert re.findall(r'^\S.*$', out, re.M)[-5:-1] == ['What to train', 'Data', 'Run folder', 'Machine']
    named = re.findall(r'^  --(?:\[no\])?(\w+)', out, re.M)
    assert len(named) == len(set(named)) and {'preset', 'seed', 'run_dir', 'resume', 'device'} <= set(named)
    assert not {'logtostderr', 'v', 'alsologtostderr', 'helpfull', 'only_check_args'} & set(named)
    assert max(map(len, out.splitlines())) <= 100
    for preset in PRESETS:
        assert preset in out


@pytest.mark.parametrize('parse, named', [
    (flags.parse_report, ['runs', 'out', 'overwrite', 'seed', 'device']), (flags.parse_animation, ['run', 'out']),
    (flags.parse_compare, ['runs', 'rows', 'out']), (flags.parse_launch, ['workers'])])
def test_help_lists_the_flags_of_commands_without_groups_too(parse, named, capsys):
    assert parse(['--help']) is None
    assert re.findall(r'^  --(?:\[no\])?(\w+)', capsys.readouterr().out, re.M)[:len(named)] == named


@pytest.mark.parametrize('command, flags_given, parts', [
    ('train', ['--prest=blog_mnist'], ['prest', 'preset']),
    ('train', ['--preset=blog_mnits'], ['preset', 'blog_mnits', 'blog_mnist']),
    ('train', ['--epochs=0'], ['epochs', '0', 'positive']),
    ('train', ['--seed=-1'], ['seed', '-1']),
    ('train', ['--batch_size=many'], ['batch_size', 'many']),
    ('train', ['blog_mnist'], ['blog_mnist', '--name=value']),
    ('train', ['--data_dir=/no/such/folder'], ['--data_dir', '/no/such/folder']),
    ('sample', [], ['--run', '--checkpoint', 'neither']),
    ('sample', ['--run=a', '--checkpoint=b'], ['found --run and --checkpoint']),
    ('sample', ['--checkpoint=b', '--preset=blog_mnist', '--which=best'], ['beside it, found --checkpoint']),
    ('sample', ['--run=a', '--step=1', '--which=best'], ['beside it, found --step']),
    ('evaluate', ['--images=a', '--run=b'], ['neither --run nor --checkpoint beside it, found --run (']),
    ('evaluate', ['--images=a', '--checkpoint=b'], ['beside it, found --checkpoint (']),
    ('evaluate', ['--run=a', '--all_checkpoints', '--step=1'], ['beside it, found --step (']),
    ('evaluate', ['--run=a', '--all_checkpoints', '--which=best'], ['beside it, found --which (']),
    ('evaluate', ['--run=a', '--features=x.pb', '--features_input=y'], ['beside it, found --features_input (']),
    ('sample', ['--checkpoint=b'], ['--preset']),
    ('sample', ['--checkpoint=no/such', '--preset=blog_mnist'], ['no/such', 'expected a checkpoint']),
    ('sample', ['--run=no/such'], ['no/such', 'run folder']),
    ('datasets', ['--shape=28x28'], ['--shape', '28x28']),
])
def test_wrong_flags_are_one_line(command, flags_given, parts):
    check_one_line_error(run_command(command, *flags_given), *parts)


def test_flags_override_the_preset():
    config = flags.parse_train(['--preset=blog_cifar_horse', '--epochs=3', '--batch_size=8', '--update_ops=all'])
    assert config.preset == dataclasses.replace(
        PRESETS['blog_cifar_horse'], epochs=3, batch_size=8, update_ops='all')
    assert flags.parse_train([]).preset is not None and flags.parse_train([]).preset == PRESETS['blog_mnist']


@pytest.mark.parametrize('given, image_class', [
    ([], 'horse'), (['--class=ship'], 'ship'), (['--class=all'], None), (['--dataset=folder'], None),
    (['--dataset=cifar10'], 'horse')])
def test_class(given, image_class):
    assert flags.parse_train(['--preset=blog_cifar_horse'] + given).preset.image_class == image_class


def test_a_misspelt_field_or_flag_fails_at_once():
    with pytest.raises(TypeError):
        dataclasses.replace(PRESETS['blog_mnist'], lerning_rate=1.0)
    with pytest.raises(ValueError, match="Preset.update_ops: expected one of 'per_pass', 'all', found 'owm'"):
        dataclasses.replace(PRESETS['blog_mnist'], update_ops='owm')
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS['blog_mnist'].epochs = 3
    with pytest.raises(absl_flags.Error):
        flags.parse_train(['--lerning_rate=1'])


def test_a_wrong_flag_in_a_process_of_its_own_is_one_line_without_traceback():
    check_one_line_error(run_process('sample', '--run=no/such'), 'no/such', 'run folder')


def test_the_former_name_of_per_pass_is_understood():
    for name in ('own', 'per_pass'):
        assert flags.parse_train(['--update_ops=' + name]).preset.update_ops == 'per_pass'
    assert dataclasses.replace(PRESETS['blog_mnist'], update_ops='own') == PRESETS['blog_mnist']
