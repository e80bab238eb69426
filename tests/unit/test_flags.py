"""Help texts, wrong flags, and the configuration that flags become."""

import dataclasses
import functools
import inspect
import re
import subprocess
import sys

import pytest
from absl import flags as absl_flags
from helpers.commands import (
    PATIENCE,
    check_one_line_error,
    command_environment,
    run_command,
    run_process,
    start_process,
)

import dcgan_tf1
from dcgan_tf1 import __main__, animation, compare, evaluate, export, launch, report, sample, train
from dcgan_tf1.gan import augmentation, catalogue, losses
from dcgan_tf1.gan.presets import PRESETS


def test_help_lists_only_our_flags_in_groups(capsys):
    assert train.main(['--help']) == 0
    out, err = capsys.readouterr()
    assert err == ''
    assert re.findall(r'^\S.*$', out, re.M)[-9:] == [
        'What to train', 'Data', 'Pictures of your own (--dataset=folder)', 'Images and networks', 'Run folder',
        'Machine', 'Several workers (or TF_CONFIG in the environment; docs/distributed.md)',
        'To experiment with (default: what the preset says)', 'Examples']
    named = re.findall(r'^  --(?:\[no\])?(\w+)', out, re.M)
    assert len(named) == len(set(named)) and {'preset', 'seed', 'run_dir', 'resume', 'device'} <= set(named)
    assert not {'logtostderr', 'v', 'alsologtostderr', 'helpfull', 'only_check_args'} & set(named)
    assert max(map(len, out.splitlines())) <= 100
    for preset in PRESETS:
        assert preset in out


def test_each_command_says_its_version(capsys):
    for main in (train.main, launch.main, sample.main, __main__.main):
        assert main(['--version']) == 0
        assert capsys.readouterr().out == 'dcgan_tf1 {}\n'.format(dcgan_tf1.__version__)


@pytest.mark.parametrize('parse, named', [
    (report.parse, ['runs', 'out', 'overwrite', 'seed', 'device']), (animation.parse, ['run', 'out']),
    (compare.parse, ['runs', 'rows', 'out']), (launch.parse, ['workers'])])
def test_help_lists_the_flags_of_commands_without_groups_too(parse, named, capsys):
    assert parse(['--help']) is None
    assert re.findall(r'^  --(?:\[no\])?(\w+)', capsys.readouterr().out, re.M)[:len(named)] == named


@pytest.mark.parametrize('command, flags_given, parts', [
    ('train', ['--prest=blog_mnist'], ['prest', 'preset']),
    ('train', ['--preset=blog_mnits'], ['preset', 'blog_mnits', 'blog_mnist']),
    ('train', ['--epochs=1: 2'], ["--epochs: expected a whole number from 1, found '1: 2'"]),
    ('train', ['--preset=dcgn'], ["found 'dcgn', perhaps for dcgan (a preset of your own"]),
    ('train', ['--resume=a: b'], ["--resume: expected one of auto, never, require, found 'a: b'"]),
    ('train', ['--epochs=0'], ["--epochs: expected a whole number from 1, found '0' (--help lists the flags)"]),
    ('train', ['--seed=-1'], ["--seed: expected a whole number from 0, found '-1'"]),
    ('train', ['--batch_size=many'], ["--batch_size: expected a whole number from 1, found 'many'"]),
    ('train', ['--resume=maybe'], ["--resume: expected one of auto, never, require, found 'maybe'"]),
    ('train', ['--gif=2'], ["--gif: expected true or false, found '2'"]),
    ('train', ['--beta1=x'], ["--beta1: expected a number", "found 'x'"]),
    ('sample', ['--n=x'], ["--n: expected a whole number from 1, found 'x'"]),
    ('train', ['blog_mnist'], ['blog_mnist', '--name=value']),
    ('train', ['--data_dir=/no/such/folder'], ['--data_dir', '/no/such/folder']),
    ('sample', [], ['--run', '--checkpoint', 'neither']),
    ('sample', ['--run=a', '--checkpoint=b'], ["--checkpoint: expected last or best beside --run, found 'b'"]),
    ('evaluate', ['--run=a', '--features=pixel'], ["--features: expected pixels or a frozen graph (.pb), found 'pix",
                                                   'which is no file']),
    ('compare', ['--runs=a,b,./a', '--out=x.png'], ['--runs: expected each run once, found ./a twice']),
    ('sample', ['--checkpoint=b', '--preset=blog_mnist', '--which=best'], ['beside it, found --checkpoint']),
    ('sample', ['--run=a', '--step=1', '--which=best'], ['beside it, found --step']),
    ('sample', ['--run=a', '--seeds=' + '1' * 5000], ['--seeds: expected seeds and ranges of them']),
    ('evaluate', ['--run=a', '--dataset=npz'], ['--dataset: expected --checkpoint or --images beside it']),
    ('evaluate', ['--images=a', '--run=b'], ['neither --run nor --checkpoint beside it, found --run (']),
    ('evaluate', ['--images=a', '--checkpoint=b'], ['beside it, found --checkpoint (']),
    ('evaluate', ['--images=a', '--preset=vae', '--step=5'], ['--step: expected --run beside it, found --images']),
    ('evaluate', ['--images=a', '--preset=vae', '--which=best'], ['--which: expected --run beside it, found --im']),
    ('evaluate', ['--run=a', '--all_checkpoints', '--step=1'], ['beside it, found --step (']),
    ('evaluate', ['--run=a', '--all_checkpoints', '--which=best'], ['beside it, found --which=best (']),
    ('evaluate', ['--run=a', '--features=x.pb', '--features_input=y'], ['beside it, found --features_input (']),
    ('evaluate', ['--run=a', '--all_checkpoints', '--checkpoint=last'], ['beside it, found --checkpoint=last (']),
    ('sample', ['--run=a', '--step=1', '--checkpoint=last'], ['--checkpoint=last: expected', 'found --step']),
    ('sample', ['--checkpoint=b', '--preset=vae', '--which=last'], ['--which=last: expected a --run']),
    ('sample', ['--checkpoint=best'], ['--checkpoint=best: expected --run beside it, found none']),
    ('sample', ['--checkpoint=b'], ['--preset']),
    ('sample', ['--run=a', '--class=3', '--class=8'], ['--class: expected it once, with commas', 'found it 2 times']),
    ('sample', ['--run=a', '--seeds=1', '--seeds=5'], ['--seeds: expected it once, with commas']),
    ('export', ['--run=a', '--formats=onnx', '--formats=web'], ['--formats: expected it once, with commas']),
    ('datasets', ['--dataset=celebA'], ["found 'celebA'", 'pictures of your own are --dataset=folder with']),
    ('datasets', ['--dataset=folder', '--shape=100000x8x3'], ['--shape: expected', 'from 1 to 4,096', '100000x8x3']),
    ('datasets', ['--dataset=folder', '--data_dir=.', '--norecursive'], ['--norecursive: expected --recursive, or']),
    ('datasets', ['--dataset=npz', '--nolabels', '--class=1'], ['--class: expected no --nolabels beside it']),
    ('train', ['--preset=dcgan', '--nolabels', '--class=cat'], ['--class: expected no --nolabels beside it']),
    ('train', ['--preset=cgan_mnist', '--dataset=folder', '--nolabels'], ['--nolabels: expected a preset without']),
    ('train', ['--worker_hosts=127.0.0.1:1', '--task_index=0', '--worker_timeout=5'], ['two workers', 'found one']),
    ('launch', ['--', '--task_index=0'], ['--task_index: expected to be left out, for launch']),
    ('launch', ['--', '--worker_hosts=h:1', '--task_index=0'], ['--worker_hosts: expected to be left out, for']),
    ('compare', ['--runs=a,b', '--rows=2000000'], ['--rows: expected at most 1,000']),
    ('sample', ['--run=a', '--seeds=1', '--z=b'], ['--z: expected no --seeds beside it, found both']),
    ('sample', ['--run=a', '--seeds=1', '--n=3'], ['--num_images: expected no --seeds beside it']),
    ('sample', ['--run=a', '--outdir=b', '--interpolate'], ['--outdir: expected no --interpolate beside it']),
    ('sample', ['--run=a', '--video=b.mp4'], ['--video: expected --interpolate beside it']),
    ('sample', ['--run=a', '--video=b', '--interpolate', '--out=c'], ['--video: expected no --out beside it']),
    ('sample', ['--run=a', '--video=b.mpg', '--interpolate'], ["--video: expected a name that ends in .mp4 or .gif"]),
    ('sample', ['--run=a', '--interpolate', '--columns=1'], ['--columns: expected 2 or more beside --interpolate']),
    ('sample', ['--run=a', '--outdir=b', '--columns=3'], ['--columns: expected a picture, found --outdir']),
    ('sample', ['--checkpoint=no/such', '--preset=blog_mnist'], ['no/such', 'expected a checkpoint']),
    ('sample', ['--run=no/such'], ['no/such', 'run folder']),
    ('datasets', ['--shape=28x28'], ['--shape', '28x28']),
    ('train', ['--preset=cgan_mnist', '--class=7'], ['--class: expected a preset without labels', 'dcgan-sample']),
    ('train', ['--preset=vae', '--loss=hinge'], ['--loss: expected a GAN, found --preset=vae']),
    ('train', ['--preset=vae', '--augment=none'], ['--augment: expected a GAN']),
    ('train', ['--preset=autoencoder', '--d_learning_rate=1'], ['--d_learning_rate: expected a GAN']),
    ('train', ['--preset=vae', '--z_dist=uniform'], ['--z_dist: expected a GAN']),
    ('train', ['--image_size=64x48'], ['not square, --image_height and --image_width), found', '64x48']),
    ('train', ['--image_size=64'], ['--image_size: expected a preset for images of other sizes (dcgan, blog_cifar',
                                    'are 28x28x1']),
    ('train', ['--image_height=64', '--image_width=9'], ['--image_height: expected a preset for images of other']),
    ('train', ['--channels=3'], ['--channels: expected a preset', '--preset=blog_mnist']),
    ('train', ['--gf_dim=8'], ['--gf_dim: expected a preset with this setting (dcgan)']),
    ('train', ['--preset=dcgan', '--image_width=9'], ['--image_width: expected --image_height beside it']),
    ('train', ['--preset=dcgan', '--image_size=9', '--image_width=9'], ['--image_size: expected neither']),
    ('train', ['--preset=resnet_mnist', '--image_size=45'], ['--image_size: expected sides that are multiples of 8']),
    ('sample', ['--run=a', '--image_size=9'], ['--image_size: expected only with --checkpoint']),
    ('evaluate', ['--images=a', '--preset=dcgan', '--z_dist=normal'], ['--z_dist: expected --checkpoint beside it']),
    ('train', ['--loss=bernoulli'], ['loss', 'hinge', 'bernoulli']),
    ('train', ['--smoothing=0.1', '--loss=hinge'], ['--smoothing: expected a loss with', 'smoothed_labels', 'hinge']),
    ('train', ['--smoothing=0.1', '--preset=cntk'], ['--smoothing: expected a loss', 'found log_probabilities']),
    ('train', ['--smoothing=1'], ['--smoothing: expected a number from 0 to less than 1, found 1']),
    ('train', ['--smoothing=0.1', '--preset=vae'], ['--smoothing: expected a GAN']),
    ('train', ['--augment=translation,blur'], ["--augment: expected none, or some of", 'translation,blur']),
    ('train', ['--augment=cutout,cutout'], ['each once']), ('train', ['--augment='], ["found ''"]),
    ('train', ['--preset=blog_dense', '--augment=cutout'], ['[H, W, C], found --preset=blog_dense, whose are flat']),
    ('train', ['--preset=cntk', '--augment=color'], ['in [-1, 1], found --preset=cntk in [0, 1]']),
    ('train', ['--ema_decay=1'], ['--ema_decay: expected a number from 0 to less than 1, found 1']),
    ('train', ['--ema_decay=nan'], ['--ema_decay', 'found nan']), ('train', ['--beta1=1.5'], ['--beta1', '1.5']),
    ('train', ['--learning_rate=nan'], ['--learning_rate: expected a finite number, found nan']),
    ('train', ['--worker_timeout=inf'], ['--worker_timeout', 'inf']),
    ('sample', ['--run=a', '--temperature=inf'], ['--temperature: expected a finite number, found inf']),
    ('train', ['--cache_gib=nan'], ['--cache_gib: expected a finite number, found nan']),
    ('train', ['--intra_op_threads=5000000000'], ['--intra_op_threads: expected at most 65,536, found 5,000,000,000']),
    ('train', ['--preset=vae', '--dataset=mnist', '--worker_hosts=10.0.0..1:2222,b:2222', '--task_index=1'],
     ['expected addresses HOST:PORT', '10.0.0..1:2222']),
    ('train', ['--max_steps=10000000000'], ['--max_steps: expected at most 2,147,483,647, found 10,000,000,000']),
    ('sample', ['--run=a', '--num_images=100000000000000000'], ['--num_images: expected at most 2,147,483,647']),
    ('train', ['--eval_n=500'], ['--eval_n: expected --eval_every beside it, found none']),
    ('train', ['--learning_rate=1', '--g_learning_rate=1', '--d_learning_rate=2'],
     ['--learning_rate: expected a network without a rate of its own', '--d_learning_rate=2']),
])
def test_wrong_flags_are_one_line(command, flags_given, parts):
    check_one_line_error(run_command(command, *flags_given), *parts)


def test_a_command_behind_the_list_of_commands_is_named(capsys):
    assert __main__.main(['train', '--preset=vae']) == 2
    assert "found 'train'; python -m dcgan_tf1.train starts it" in capsys.readouterr().err


def test_a_training_in_a_program_of_ones_own_is_recorded_as_its_command():
    assert train.parse_train(['--preset=vae', '--run_dir=my runs']).command == (
        "python -m dcgan_tf1.train --preset=vae '--run_dir=my runs'")
    assert train.parse_train(['--preset=dcgan', '--cache_gib=inf']).reading.cache_gib > 1e6


def test_samples_of_several_rows_an_epoch_are_pictures_of_their_own():
    names = [train.parse_train(['--preset=tf_tutorial'] + flags).preset.samples_name
             for flags in ([], ['--log_every=0'], ['--log_every=50'])]
    assert names == ['image_at_epoch_{epoch:04d}.png'] * 2 + ['step-{step:06d}.png']


def test_flags_override_the_preset():
    config = train.parse_train(['--preset=blog_cifar_horse', '--epochs=3', '--batch_size=8', '--update_ops=all'])
    assert config.preset == dataclasses.replace(
        PRESETS['blog_cifar_horse'], epochs=3, batch_size=8, update_ops='all')
    assert train.parse_train([]).preset is not None and train.parse_train([]).preset == PRESETS['blog_mnist']


@pytest.mark.parametrize('preset, given, changed', [
    ('blog_mnist', ['--ema_decay=0.99', '--beta1=0', '--augment=color,translation'],
     {'ema_decay': 0.99, 'ema_warmup': True, 'beta1': 0, 'augment': ('color', 'translation')}),
    ('cgan_mnist', ['--ema_decay=0', '--loss=smoothed_labels', '--g_learning_rate=0.1'],
     {'ema_decay': None, 'ema_warmup': False, 'loss': losses.smoothed_labels, 'g_learning_rate': 0.1}),
    ('cgan_mnist', ['--loss=smoothed_labels', '--smoothing=0.2'], {'loss': losses.smoothed_labels, 'smoothing': 0.2}),
    ('blog_mnist', ['--smoothing=0'], {'smoothing': 0, 'recorded_losses': None}),
    ('resnet_mnist', ['--ema_decay=0.9'], {'ema_decay': 0.9}),  # whose average has no warm-up
    ('cgan_cifar10', ['--augment=none', '--learning_rate=0.5', '--d_learning_rate=1'],
     {'augment': (), 'learning_rate': 0.5, 'd_learning_rate': 1}),
    ('cgan_mnist', ['--learning_rate=0.5'], {'learning_rate': 0.5, 'd_learning_rate': None}),  # of both networks
    ('cgan_mnist', ['--learning_rate=0.5', '--d_learning_rate=1'], {'learning_rate': 0.5, 'd_learning_rate': 1}),
    ('blog_mnist', ['--loss=hinge'], {'loss': losses.hinge, 'recorded_losses': None}),  # 2017's are of another
    ('vae', ['--beta1=0.5', '--ema_decay=0.9', '--mirror'],
     {'mirror': True, 'beta1': 0.5, 'ema_decay': 0.9, 'ema_warmup': True})])
def test_flags_to_experiment_with(preset, given, changed):
    assert train.parse_train(['--preset=' + preset] + given).preset == dataclasses.replace(PRESETS[preset], **changed)


@pytest.mark.parametrize('given, image_class', [
    ([], 'horse'), (['--class=ship'], 'ship'), (['--class=all'], None), (['--dataset=folder'], None),
    (['--dataset=cifar10'], 'horse')])
def test_class(given, image_class):
    assert train.parse_train(['--preset=blog_cifar_horse'] + given).preset.image_class == image_class


@pytest.mark.parametrize('given, kept', [
    ([], True), (['--dataset=cifar10', '--epochs=3'], True), (['--dataset=folder'], False)])
def test_what_2017_did_to_its_own_images_is_not_done_to_others(given, kept):
    preset = train.parse_train(['--preset=blog_cifar_horse'] + given).preset
    assert (preset.scaling, preset.recorded_losses) == (
        ('minmax', 'cifar2017_losses.csv') if kept else ('bytes', None))


def test_a_misspelt_field_or_flag_fails_at_once():
    with pytest.raises(TypeError):
        dataclasses.replace(PRESETS['blog_mnist'], lerning_rate=1.0)
    with pytest.raises(ValueError, match="Preset.update_ops: expected one of 'per_pass', 'all', found 'owm'"):
        dataclasses.replace(PRESETS['blog_mnist'], update_ops='owm')
    for field, value, expected in (
            ('generator', functools.partial(min, 1), 'a function with a name'), ('batch_size', 0, '1 or more'),
            ('ema_decay', 1.5, 'a number from 0 to below 1'), ('beta1', 1.0, 'a number from 0 to below 1')):
        with pytest.raises(ValueError, match='Preset.{}: expected {}'.format(field, expected)):
            dataclasses.replace(PRESETS['blog_mnist'], **{field: value})
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS['blog_mnist'].epochs = 3
    with pytest.raises(absl_flags.Error):
        train.parse_train(['--lerning_rate=1'])


@pytest.mark.slow
def test_a_wrong_flag_in_a_process_of_its_own_is_one_line_without_traceback(tmp_path):
    # Jupyter sets such a backend for all that it starts; TensorFlow 2 itself imports matplotlib.
    (tmp_path / 'matplotlibrc').write_bytes(b'text.usetex: True # \xff')
    env = {'MPLBACKEND': 'module://not.installed', 'MATPLOTLIBRC': str(tmp_path / 'matplotlibrc')}
    check_one_line_error(run_process('sample', '--run=no/such', env=env), 'no/such', 'run folder')


# In one process: what is asked for comes without the packages that take long to import.
IMPORTS = '''
import importlib, os, re, sys, time
began = time.time()
from dcgan_tf1.util import tf_startup
tf_startup.begin()
for line in open(os.path.join(os.path.dirname(tf_startup.__file__), '..', 'commands.py')):
    for module in re.findall(r"_run\\('(\\w+)'\\)", line):
        main = importlib.import_module('dcgan_tf1.' + module).main
        assert main(['--help']) == 0 and main(['--no_such_flag']) == 2
assert importlib.import_module('dcgan_tf1.train').main(['--preset=blog_mnits']) == 2
assert importlib.import_module('dcgan_tf1.__main__').main([]) == 0
print(time.time() - began, *sorted({'tensorflow', 'numpy', 'PIL', 'matplotlib', 'tqdm'} & set(sys.modules)))
'''


@pytest.mark.once
def test_help_and_wrong_flags_of_all_commands_need_no_tensorflow_and_half_a_second():
    process = start_process([sys.executable, '-c', IMPORTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=command_environment(), universal_newlines=True)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    seconds, *imported = out.splitlines()[-1].split()
    assert imported == []
    assert float(seconds) < 5  # generous: a tenth of that where nothing else runs
    assert out.count('usage: dcgan-') == 9 and err.count('error: ') == 10
    assert [line.split()[2] for line in out.splitlines() if line.startswith('  python -m dcgan_tf1.') and (
        '--' not in line)] == ['dcgan_tf1.' + name for name in __main__.COMMANDS]


def test_names_and_titles_of_help_texts_are_those_of_the_code():
    from dcgan_tf1.data import catalogue as data_catalogue
    from dcgan_tf1.data import sources
    from dcgan_tf1.exporting import catalogue as export_catalogue
    from dcgan_tf1.exporting import formats
    assert list(export_catalogue.FORMATS) == list(formats.FORMATS)
    assert list(data_catalogue.DATASETS) == list(sources.DATASETS)
    assert list(catalogue.PRESET_TITLES.items()) == [(name, preset.title) for name, preset in PRESETS.items()]
    assert tuple(augmentation.AUGMENTATIONS) == catalogue.AUGMENTATIONS
    of_gans = [name for name, function in vars(losses).items() if inspect.isfunction(function)
               and list(inspect.signature(function).parameters) == ['d_logits_real', 'd_logits_fake', 'smoothing']]
    assert sorted(catalogue.GAN_LOSSES) == sorted(of_gans)
    assert {name: tuple(preset.modes) for name, preset in PRESETS.items() if preset.modes} == catalogue.MODES


@pytest.mark.parametrize('parse, given, field, value', [
    (sample.parse, ['--run=a', '--num_images=7'], 'num_images', 7),
    (sample.parse, ['--run=a', '--n=7'], 'num_images', 7),
    (sample.parse, ['--run=a', '--n=7', '--num_images=7'], 'num_images', 7),
    (evaluate.parse, ['--run=a', '--n=700'], 'num_images', 700),
    (sample.parse, ['--run=a'], 'which', 'last'), (sample.parse, ['--run=a', '--checkpoint=best'], 'which', 'best'),
    (export.parse, ['--run=a', '--checkpoint=best', '--which=best'], 'which', 'best'),
    (export.parse, ['--run=a', '--checkpoint=last'], 'checkpoint', None),
    (sample.parse, ['--checkpoint=best', '--preset=vae'], 'checkpoint', 'best'),
    (train.parse_train, ['--resume=require'], 'resume', 'require'),
    (train.parse_train, ['--resume=must'], 'resume', 'require')])
def test_new_names_stand_beside_old_ones(parse, given, field, value):
    assert getattr(parse(given), field) == value


def test_old_values_become_the_new_ones():
    for value in ('own', 'per_pass'):
        assert train.parse_train(['--preset=tf_tutorial', '--update_ops=' + value]).preset.update_ops == 'per_pass'
    assert dataclasses.replace(PRESETS['blog_mnist'], update_ops='own') == PRESETS['blog_mnist']


@pytest.mark.parametrize('command, given, parts', [
    ('sample', ['--run=a', '--n=7', '--num_images=8'], ['--num_images=8 and --n=7']),
    ('sample', ['--run=a', '--checkpoint=last', '--which=best'], ['--checkpoint=last and --which=best']),
    ('sample', ['--run=a', '--checkpoint=best', '--step=3'], ['--step']),
    ('datasets', ['--dataset=mnits'], ['mnits', 'mnist'])])
def test_old_and_new_names_that_disagree_are_an_error(command, given, parts):
    check_one_line_error(run_command(command, *given), *parts)
