"""Every system to its end: the list of them, and the script that trains, measures and records them all."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from helpers.commands import PATIENCE, command_environment, start_process, wait_for
from helpers.places import ROOT

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.train import parse_train
from dcgan_tf1.training import resume

sys.path.insert(0, os.path.join(ROOT, 'benchmarks'))

import results_table  # noqa: E402
import run_records  # noqa: E402
import systems  # noqa: E402

pytestmark = pytest.mark.once


def test_every_preset_is_among_the_systems_and_each_has_its_flags():
    assert {system.preset for system in systems.SYSTEMS} == set(PRESETS)
    names = [name for name, _, _ in systems.runs()]
    assert len(set(names)) == len(names) == sum(system.seeds for system in systems.SYSTEMS)
    for name, system, flags in systems.runs():
        config = parse_train(list(flags) + ['--eval_every={}'.format(system.eval_every)])
        mode = dict(flag.split('=') for flag in system.flags).get('--mode')
        precision = None if config.precision == 'auto' else config.precision
        assert name == '{}-{}'.format(systems.name_of(config.preset.name, mode, precision), config.seed)


@pytest.mark.parametrize('name, system, flags', [run for run in systems.runs() if run[0].endswith('-0')])
def test_a_run_by_a_systems_flags_is_a_run_of_that_system(name, system, flags):
    preset = parse_train(list(flags)).preset
    if preset.dataset == 'cifar10' and preset.image_sizes != 'fixed':
        preset = preset.with_image_shape((32, 32, 3))  # as the data say
    identity = resume.identity(preset, 0, None, 'x', preset.image_class, 1)
    if preset.learning_rate_decay != 'none':
        identity['decay_steps'] = preset.steps or 781 * preset.epochs
    record = {'system': system.name, 'preset': preset.name, 'mode': preset.mode, 'identity': identity,
              'steps': preset.steps or 781 * preset.epochs, 'steps_per_epoch': 781,
              'evaluation': {'temperature': preset.temperature}}
    assert run_records.outdated(record) == [], name
    assert run_records.outdated(dict(record, identity=dict(identity, batch_size=7)))


def test_the_document_is_as_the_records_have_it():
    """What stands between the markers is written by results_table.py from the records that are there."""
    content, _ = results_table.contents(run_records.read_all(results_table.HERE.records), results_table.HERE)
    with open(results_table.HERE.document, encoding='utf-8') as handle:
        text = handle.read()
    assert results_table.between_markers(text, content, '') == text


VENV = '''find_python() { echo python; }
make_venv() { :; }
say() { printf '%s\\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }
'''
# Stands for our commands: writes down its arguments, makes the files by which the script knows where it is, and
# fails, or waits for a signal, where it is told to.
PYTHON = '''#!/usr/bin/env bash
case "$*" in
  benchmarks/systems.py) exec "$REAL_PYTHON" "$@" ;;
esac
echo "$*" >> calls
if [ -n "${FAILS:-}" ] && [[ "$*" == *"$FAILS"* ]]; then exit 3; fi
if [ -n "${WAITS:-}" ] && [[ "$*" == *"$WAITS"* ]]; then
  exec "$REAL_PYTHON" -c 'if True:  # as a training hears signals: also those that a shell has ignored in it
    import signal, sys, time
    def hear(number, _):
        print({signal.SIGINT: "interrupted", signal.SIGTERM: "stopped"}[number], file=open("calls", "a"))
        if number == signal.SIGTERM:
            sys.exit(143)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)
    open("waiting", "w").close()
    time.sleep(60)'
fi
for argument; do
  case "$argument" in
    --run_dir=*) folder=${argument#*=} ;;
    --preset=*) preset=${argument#*=} ;;
    --out=*) touch "${argument#*=}" ;;
  esac
done
case "$*" in
  *.train*)
    [ -e "$folder/config.json" ] || folder=$folder/00000-$preset
    mkdir -p "$folder"
    touch "$folder/config.json" ;;
esac
'''


@pytest.fixture
def tree(tmp_path):
    """A copy of what the script is made of, with a stand-in for Python."""
    shutil.copytree(os.path.join(ROOT, 'benchmarks'), str(tmp_path / 'benchmarks'))
    for folder in ('scripts', '.venv/bin', 'docs'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'scripts' / 'venv.sh').write_text(VENV)
    (tmp_path / '.venv' / 'bin' / 'python').write_text(PYTHON)
    (tmp_path / '.venv' / 'bin' / 'python').chmod(0o755)
    return tmp_path


def start(tree, *arguments, start_new_session=False, **env):
    (tree / 'calls').write_text('')
    return start_process(['bash', str(tree / 'benchmarks' / 'reproduce_all.sh')] + list(arguments),
                         env=dict(os.environ, REAL_PYTHON=sys.executable, **env), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True, start_new_session=start_new_session)


def reproduce(tree, *arguments, **env):
    """(exit status, output, errors, the calls of Python as lists of words)."""
    process = start(tree, *arguments, **env)
    out, err = process.communicate()
    return process.returncode, out, err, [line.split() for line in (tree / 'calls').read_text().splitlines()]


def test_a_failure_does_not_end_the_rest_and_what_is_finished_is_left_out(tree):
    run, flags, only = '00000-sngan_cifar_horse', ('all', '--device=cpu'), 'sngan_cifar_horse'
    status, _, err, calls = reproduce(tree, *flags, ONLY=only, FAILS='dcgan_tf1.evaluate --run=all/' + only + '-1')
    assert status == 1 and 'these failed: sngan_cifar_horse-1 (evaluation); see above' in err
    tables = ['benchmarks/results_table.py']  # which says what is outdated
    one = [['-m', 'dcgan_tf1.train', '--run_dir=all/sngan_cifar_horse-0', '--preset=sngan_cifar_horse', '--seed=0',
            '--eval_every=385', '--device=cpu'],
           ['-m', 'dcgan_tf1.evaluate', '--run=all/sngan_cifar_horse-0/' + run, '--overwrite', '--device=cpu'],
           ['benchmarks/results_table.py', 'all/sngan_cifar_horse-0/' + run]]
    assert calls[:3] == one and len(calls) == 3 + 2 + 3 + len([tables]) + 1
    assert calls[-1][-1] == '--runs=' + ','.join('all/sngan_cifar_horse-{}/{}'.format(seed, run) for seed in (0, 2))
    # Again: that run goes on in its folder, its evaluation is repeated, and the report is of all three.
    status, _, err, calls = reproduce(tree, *flags, ONLY=only)
    assert status == 0 and 'failed' not in err
    assert calls.pop(3) == tables and [call[1] for call in calls] == [
        'dcgan_tf1.train', 'dcgan_tf1.evaluate', 'all/sngan_cifar_horse-1/' + run, 'dcgan_tf1.report']
    assert calls[0][2] == '--run_dir=all/sngan_cifar_horse-1/' + run and calls[3][-1].count(run) == 3
    assert reproduce(tree, *flags, ONLY=only)[3] == [tables]  # all finished
    assert len(reproduce(tree, 'all', ONLY=only)[3]) == 3 * 3 + 1 + 1  # with other flags they are not


def test_the_list_of_what_is_left(tree):
    assert reproduce(tree, 'all', ONLY='vae')[0] == 0
    status, out, _, calls = reproduce(tree, 'all', LIST='1')
    assert status == 0 and calls == []
    lines = [line.split() for line in out.splitlines()]
    names = [name for name, _, _ in systems.runs() if name != 'vae-0']
    assert [line[0] for line in lines[:-1]] == names
    assert abs(float(lines[-1][-2]) - sum(float(line[1]) for line in lines[:-1])) < 1e-6


def test_short_runs_and_whole_ones_do_not_mix(tree):
    status, _, err, calls = reproduce(tree, '--quick', 'some', ONLY='blog_mnist')
    assert status == 0, err
    trained = [call for call in calls if 'dcgan_tf1.train' in call]
    assert [call[2] for call in trained] == ['--run_dir=some/blog_mnist-0', '--run_dir=some/blog_mnist-float32-0']
    assert all('--max_steps=3' in call and not any('eval_every' in word for word in call) for call in trained)
    assert ['benchmarks/results_table.py', '--trial=some', 'some/blog_mnist-0/00000-blog_mnist'] in calls
    status, _, err, calls = reproduce(tree, 'some', ONLY='blog_mnist')
    assert status == 1 and 'expected a folder of whole runs' in err and calls == []
    assert reproduce(tree, 'whole', ONLY='vae')[0] == 0
    status, _, err, calls = reproduce(tree, '--quick', 'whole', ONLY='vae')
    assert status == 1 and 'expected no whole runs' in err and calls == []


@pytest.mark.parametrize('arguments, env, expected', [
    (['all'], {'ONLY': 'nothing'}, "ONLY=nothing: expected a part of a run's name"),
    (['--max_steps=3'], {}, 'expected a folder before the flags of train'),
    (['all', '--precision=float32'], {}, 'float32: expected a --flag=value of the machine or of where data lie')])
def test_what_makes_no_run_is_an_error(arguments, env, expected, tree):
    status, _, err, calls = reproduce(tree, *arguments, **env)
    assert status in (1, 2) and expected in err and calls == []


def test_a_signal_stops_the_command_and_then_the_script(tree):
    process = start(tree, 'all', ONLY='sngan_mnist', WAITS='sngan_mnist-0')
    wait_for((tree / 'waiting').exists, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM and 'goes on from here' in err
    assert (tree / 'calls').read_text().splitlines()[1:] == ['stopped']


def test_a_ctrl_c_in_a_terminal_reaches_the_command_once(tree):
    """All of the terminal's foreground group get it; a second signal would end a training without a checkpoint."""
    process = start(tree, 'all', ONLY='sngan_mnist', WAITS='sngan_mnist-0', start_new_session=True)
    wait_for((tree / 'waiting').exists, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT and 'goes on from here' in err
    assert (tree / 'calls').read_text().splitlines()[1:] == ['stopped']


@pytest.mark.slow
def test_a_trial_of_one_system(tree, tiny_data):
    """The whole way with real commands, on tiny data: nothing is written beside the real results."""
    (tree / '.venv' / 'bin' / 'python').write_text('#!/bin/sh\nexec {} "$@"\n'.format(sys.executable))
    (tree / 'docs' / 'results.md').write_text('as it was')
    recorded = sorted(os.listdir(str(tree / 'benchmarks' / 'results')))
    process = start_process(
        ['bash', str(tree / 'benchmarks' / 'reproduce_all.sh'), '--quick', str(tree / 'some')],
        env=dict(command_environment(ONLY='keras_dense'), DCGAN_TF1_DATA=tiny_data), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True)
    out, err = process.communicate()
    assert process.returncode == 0, err
    text = (tree / 'some' / 'results.md').read_text()
    assert text.startswith('# A trial') and '| `keras_dense` | 3 ' in text
    assert sorted(path.name for path in (tree / 'some').iterdir()) == [
        'features.pb', 'img', 'keras_dense-0', 'keras_dense.html', 'results', 'results.md', 'systems.png',
        'these-runs-are-cut-short']
    assert (tree / 'docs' / 'results.md').read_text() == 'as it was'
    assert sorted(os.listdir(str(tree / 'benchmarks' / 'results'))) == recorded
