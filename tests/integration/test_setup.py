"""The scripts that set everything up, with a stand-in for Python that records its calls."""

import ast
import os
import pty
import re
import runpy
import shutil
import subprocess
import sys
import types

import pytest
import setuptools
from helpers.commands import command_environment
from helpers.places import ROOT

from dcgan_tf1 import commands

pytestmark = pytest.mark.once

SCRIPTS = ['run_mnist.sh', 'run_cifar.sh', 'run_tests.sh', os.path.join('.ci', 'run'),
           os.path.join('benchmarks', 'reproduce_all.sh')]

FAKE = '''#!/bin/sh
# python --version | -m venv [--clear] FOLDER | -m pip install ...
case "$*" in
  --version) echo "Python $(cat "$FAKE_HOME/version")" ;;
  *venv*) echo "$*" >> "$FAKE_HOME/calls"
          for folder; do :; done
          mkdir -p "$folder/bin"; rm -f "$folder/bin/python"; cp "$0" "$folder/bin/python" ;;
  *pip*) echo "$*" >> "$FAKE_HOME/calls"; test ! -e "$FAKE_HOME/broken" ;;
esac
'''


@pytest.fixture
def fake(tmp_path):
    (tmp_path / 'version').write_text('3.12.1')
    (tmp_path / 'python').write_text(FAKE)
    (tmp_path / 'python').chmod(0o755)
    (tmp_path / 'setup.py').write_text('one')
    (tmp_path / 'calls').write_text('')
    return tmp_path


def calls(fake, *arguments):
    """Runs make_venv; returns its exit status and what it called."""
    (fake / 'calls').write_text('')
    script = 'set -euo pipefail; . "{}/scripts/venv.sh"; make_venv .venv ./python {}'.format(ROOT, ' '.join(arguments))
    status = subprocess.call(['bash', '-c', script], cwd=str(fake), env=dict(os.environ, FAKE_HOME=str(fake)),
                             stderr=subprocess.DEVNULL)
    lines = (fake / 'calls').read_text().split('\n')
    return status, [('clear' if '--clear' in line else 'venv') if 'venv' in line.split() else 'pip'
                    for line in lines if line]


def test_set_up_once_then_at_once(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    assert calls(fake, '-e .') == (0, [])
    assert calls(fake, "-e '.[test]'") == (0, ['pip'])
    assert calls(fake, '-e .') == (0, [])  # the two do not undo each other
    (fake / 'setup.py').write_text('two')
    assert calls(fake, '-e .') == (0, ['pip'])


def test_an_interrupted_set_up_is_taken_up_again(fake):
    (fake / '.venv' / 'bin').mkdir(parents=True)  # venv was stopped before pip was there
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / 'setup.py').write_text('two')
    (fake / 'broken').write_text('')
    assert calls(fake, '-e .') == (1, ['pip'])
    (fake / 'broken').unlink()
    assert calls(fake, '-e .') == (0, ['pip'])


def test_another_python_makes_ours_anew(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / 'version').write_text('3.12.2')
    assert calls(fake, '-e .') == (0, [])  # which is the same to packages
    (fake / 'version').write_text('3.13.0')
    assert calls(fake, '-e .') == (0, ['clear', 'pip'])


def test_an_environment_that_is_not_ours_is_completed_or_left(fake):
    (fake / '.venv' / 'bin').mkdir(parents=True)
    shutil.copy(str(fake / 'python'), str(fake / '.venv' / 'bin' / 'python'))
    (fake / '.venv' / 'mine').write_text('')
    assert calls(fake, '-e .') == (0, ['pip'])
    (fake / '.venv' / 'bin' / 'python').write_text("#!/bin/sh\necho Python 3.11.7\n")
    assert calls(fake, "-e '.[test]'") == (1, [])
    assert (fake / '.venv' / 'mine').exists() and not (fake / '.venv' / '.python').exists()


def test_a_copy_runs_its_own_code(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / 'copy').mkdir()
    for name in ('version', 'python', 'setup.py', '.venv'):
        shutil.move(str(fake / name), str(fake / 'copy' / name))
    assert calls(fake / 'copy', '-e .') == (0, ['pip'])


def test_an_environment_whose_python_is_gone_is_made_anew(fake):
    assert calls(fake, '-e .') == (0, ['venv', 'pip'])
    (fake / '.venv' / 'bin' / 'python').unlink()
    (fake / '.venv' / 'bin' / 'python').symlink_to('/no/such/python')
    assert calls(fake, '-e .') == (0, ['clear', 'pip'])
    assert calls(fake, '-e .') == (0, [])


def test_a_python_without_tensorflow_is_refused():
    done = subprocess.run(['bash', '-c', '. scripts/venv.sh; PYTHON=/bin/false find_python'], cwd=ROOT,
                          capture_output=True, check=False)
    assert done.returncode == 1 and b'error: expected Python 3.7 to 3.13' in done.stderr


def test_the_python_of_the_environment_that_is_there_is_kept(tmp_path):
    def found(**env):
        return subprocess.check_output(['bash', '-c', '. "{}/scripts/venv.sh"; find_python'.format(ROOT)],
                                       cwd=str(tmp_path), env=dict(without, **env)).decode().strip()

    without = {name: value for name, value in os.environ.items() if name != 'PYTHON'}
    without['PATH'] = '{}:{}'.format(tmp_path, without['PATH'])
    for name in ('python3', '.venv/bin/python'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(sys.executable, str(tmp_path / name))
    assert found() != '.venv/bin/python'  # not finished: may be anything
    (tmp_path / '.venv' / '.python').write_text('')
    assert found() == '.venv/bin/python'
    assert found(PYTHON=sys.executable) == sys.executable


# Says where it is, what it was called with and what it was told, in place of setting anything up.
STUB = '''#!/usr/bin/env bash
{
  printf '%s\\n' "$PWD" "$*"
  env | grep -E '^(PIP_|PYTHON|CDPATH)' | sort
} >> "$SEEN"
case "$*" in
  *version_info*) exit 0 ;;
  *--version*) echo "Python 3.12.1" ;;
  *"-m venv"*) for folder; do :; done
               mkdir -p "$folder/bin"; rm -f "$folder/bin/python"; cp "$0" "$folder/bin/python" ;;
esac
'''


@pytest.fixture
def checkout(tmp_path):
    """start(how, **environment): runs the scripts of a checkout with a stub for Python in a path with spaces."""
    root = tmp_path / 'my checkout'
    (root / 'scripts').mkdir(parents=True)
    for name in ('run_mnist.sh', 'setup.py', os.path.join('scripts', 'venv.sh')):
        shutil.copy(os.path.join(ROOT, name), str(root / name))
    python = tmp_path / 'my tools' / 'python 3'
    python.parent.mkdir()
    python.write_text(STUB)
    python.chmod(0o755)

    def start(*how, **environment):
        seen = tmp_path / 'seen'
        seen.write_text('')
        env = {name: value for name, value in os.environ.items() if not name.startswith(('PIP_', 'PYTHON'))}
        env.update(environment, PYTHON=str(python), SEEN=str(seen))
        env = {name: value for name, value in env.items() if value is not None}
        done = subprocess.run(list(how), cwd=str(tmp_path), env=env, capture_output=True, text=True, check=False)
        return done, seen.read_text().splitlines()

    start.root = root
    return start


def test_scripts_trust_nothing_that_the_environment_has_for_other_programs(checkout, tmp_path):
    """A link to the script, spaces in every path, CDPATH, another program's PYTHONPATH, settings of pip's, no HOME."""
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'other' / 'my checkout' / 'scripts').mkdir(parents=True)
    (tmp_path / 'bin' / 'again').symlink_to(os.path.join('..', 'my checkout', 'run_mnist.sh'))
    (tmp_path / 'bin' / 'mnist').symlink_to('again')
    done, seen = checkout(os.path.join('bin', 'mnist'), '--epochs=1', 'a b', HOME=None, CDPATH=str(tmp_path / 'other'),
                          PYTHONPATH='/elsewhere', PYTHONHOME='/elsewhere', PIP_USER='yes', PIP_TARGET='/elsewhere',
                          PIP_REQUIRE_VIRTUALENV='1', PIP_NO_DEPS='1', PIP_INDEX_URL='https://index.example/simple',
                          PIP_CERT='/a cert.pem')
    assert done.returncode == 0, done.stderr
    assert 'not used here: PIP_NO_DEPS PIP_REQUIRE_VIRTUALENV PIP_TARGET PIP_USER)' in done.stderr
    called = [line for line in seen if line.startswith('-')]
    assert [line for line in called if line != '--version' and 'version_info' not in line] == [
        '-m venv .venv', '-I -m pip install --quiet --disable-pip-version-check -e .', '-c import mlxtend',
        '-m dcgan_tf1.train --epochs=1 a b']
    assert [line for line in seen if line.startswith('/')] == [str(checkout.root)] * len(called)
    told = set(seen) - set(called) - {str(checkout.root)}
    assert told == {'PYTHON=' + str(tmp_path / 'my tools' / 'python 3'), 'PIP_USER=no', 'PIP_CERT=/a cert.pem',
                    'PIP_INDEX_URL=https://index.example/simple'}


@pytest.mark.parametrize('name', SCRIPTS)
def test_another_shell_is_told_to_be_bash(name):
    if not shutil.which('dash'):
        pytest.skip('dash is not here')
    done = subprocess.run(['dash', os.path.join(ROOT, name)], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr == 'error: expected bash, found another shell; start it with: bash {}\n'.format(
        os.path.join(ROOT, name))


def test_scripts_are_checked_out_with_the_line_ends_of_a_shell():
    names = SCRIPTS + [os.path.join('scripts', 'venv.sh')]
    for name in names:
        with open(os.path.join(ROOT, name), 'rb') as handle:
            assert b'\r' not in handle.read(), name
    found = subprocess.run(['git', 'check-attr', 'eol', '--'] + names, cwd=ROOT, capture_output=True, text=True,
                           check=False)
    if found.returncode:
        pytest.skip('this is no checkout: ' + found.stderr)
    assert found.stdout.splitlines() == [name + ': eol: lf' for name in names]


@pytest.fixture(scope='module')
def package():
    """What setup.py says."""
    told, before = {}, setuptools.setup
    setuptools.setup = lambda **values: told.update(values)
    try:
        runpy.run_path(os.path.join(ROOT, 'setup.py'))
    finally:
        setuptools.setup = before
    return told


def test_setup_readme_and_scripts_name_the_same_pythons(package):
    from packaging.specifiers import SpecifierSet
    allowed = [minor for minor in range(4, 20) if SpecifierSet(package['python_requires']).contains(
        '3.{}.5'.format(minor))]
    assert allowed == [7, 8, 9, 10, 11, 12, 13]
    named = [line.rsplit(' ', 1)[1] for line in package['classifiers'] if re.match(r'.* :: Python :: 3\.', line)]
    assert named == ['3.{}'.format(minor) for minor in allowed]
    with open(os.path.join(ROOT, 'scripts', 'venv.sh')) as handle:
        script = handle.read()
    check, = re.findall(r"-c '(import sys; v = .*)' 2>", script)

    def supported(minor):
        with pytest.raises(SystemExit) as ended:
            exec(check.replace('import sys; ', ''), {'sys': types.SimpleNamespace(
                version_info=(3, minor, 1), exit=sys.exit)})
        return not ended.value.code

    assert [minor for minor in range(4, 20) if supported(minor)] == allowed
    assert re.search(r'candidates=\(python3 (.*)\)', script).group(1).split() == [
        'python3.{}'.format(minor) for minor in sorted(allowed, reverse=True)]
    for name, text in (('README.md', 'Python 3.7 to 3.13'),
                       ('README.md', '[1.15 to 2.21](docs/fidelity.md#releases-of-tensorflow) (Python 3.7 to 3.13)'),
                       (os.path.join('scripts', 'venv.sh'), 'Python 3.7 to 3.13'),
                       ('pyproject.toml', 'target-version = "py37"')):
        with open(os.path.join(ROOT, name), encoding='utf-8') as handle:
            assert text in handle.read(), name


def test_the_tensorflow_that_is_there_stays(package):
    from packaging.requirements import Requirement
    required = [Requirement(text) for text in package['install_requires']]
    tensorflow, = [one for one in required if one.name == 'tensorflow']
    releases = ['1.15.0', '1.15.5', '2.0.4', '2.8.4', '2.15.1', '2.16.1', '2.21.0']
    assert list(tensorflow.specifier.filter(['1.14.0'] + releases + ['2.22.0'])) == releases
    assert tensorflow.marker is None
    # Those for Python 3.7 agree to any later protobuf, and can't be imported with it.
    protobuf, = [one for one in required if one.name == 'protobuf']
    assert [protobuf.marker.evaluate({'python_version': version}) for version in ('3.7', '3.8')] == [True, False]
    assert list(protobuf.specifier.filter(['3.20.3', '3.21.0', '4.21.0'])) == ['3.20.3']


def test_every_installed_command_is_one_of_ours(package):
    with open(commands.__file__) as handle:
        source = handle.read()
    for entry in package['entry_points']['console_scripts']:
        name, function = re.match(r'dcgan-(\w+)=dcgan_tf1\.commands:(\w+)$', entry).groups()
        assert name == function and callable(getattr(commands, function))
        module, = re.findall(r"def {}\(\):\n    return _run\('(\w+)'\)".format(name), source)
        with open(os.path.join(ROOT, 'dcgan_tf1', module + '.py')) as handle:
            tree = ast.parse(handle.read())
        # `python -m` begins as the installed command does, before anything imports TensorFlow.
        first = tree.body[1]
        assert isinstance(first, ast.If) and ast.dump(first.test) == ast.dump(ast.parse(
            "__name__ == '__main__'").body[0].value)
        assert 'main' in [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert len(package['entry_points']['console_scripts']) == 9


def test_scripts_can_be_run():
    for name in SCRIPTS:
        path = os.path.join(ROOT, name)
        assert os.access(path, os.X_OK), name
        subprocess.check_call(['bash', '-n', path])


@pytest.mark.slow
def test_a_terminal_gets_a_progress_bar(tiny_data, tmp_path):
    terminal, end = pty.openpty()
    subprocess.check_call(['stty', 'cols', '80', 'rows', '40'], stdin=end)
    process = subprocess.Popen(
        [sys.executable, '-m', 'dcgan_tf1.train', '--preset=blog_dense', '--data_dir=' + tiny_data,
         '--run_dir={}'.format(tmp_path), '--max_steps=60'],
        stdout=end, stderr=end, env=command_environment())
    os.close(end)
    shown = b''
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    assert process.wait() == 0
    assert re.search(r'blog_dense 100%\|\S+\| 60/60 \[\d\d:\d\d<00:00, d_loss \d\.\d+, g_loss \d\.\d+, [\d,]+ img/s\]',
                     shown.decode())
    assert b'step 54/60  epoch 9  d_loss ' in shown
