"""The distributions: complete, accepted by PyPI's checks, and at work where there is no checkout.

That needs today's packaging tools and no TensorFlow of its own, so it is tested on Python 3.10 and later.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest
from helpers.commands import command_environment, run_command
from helpers.places import ROOT

FIXTURE = os.path.join(ROOT, 'tests', 'fixtures', 'run_0.1.0.zip')


def python(*arguments, **kwargs):
    """Runs `python arguments...`; fails with all that it printed."""
    done = subprocess.run([sys.executable] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **kwargs)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def source_files():
    """What git tracks of the checkout; beside it there may be somebody's pictures."""
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip('this is no git checkout')
    names = {name for name in listed.stdout.split('\0') if os.path.isfile(os.path.join(ROOT, name))}
    assert 'setup.py' in names
    return names


@pytest.fixture(scope='module')
def distributions(source_files, tmp_path_factory):
    """(sdist, wheel built from it). They are built in a copy, because setuptools writes beside the sources."""
    for module in ('build', 'twine'):
        pytest.importorskip(module, reason='{} is not here'.format(module))
    folder = tmp_path_factory.mktemp('packaging')
    with tarfile.open(str(folder / 'source.tar'), 'w') as archive:
        for name in source_files:
            archive.add(os.path.join(ROOT, name), name)
    with tarfile.open(str(folder / 'source.tar')) as archive:
        archive.extractall(str(folder / 'source'))
    python('-m', 'build', '--no-isolation', '--outdir', 'dist', 'source', cwd=str(folder))
    sdist, wheel = sorted((folder / 'dist').iterdir(), key=lambda path: path.suffix == '.whl')
    assert sdist.name.endswith('.tar.gz') and wheel.name.endswith('-py3-none-any.whl')
    return str(sdist), str(wheel)


@pytest.mark.once
def test_the_source_distribution_has_every_file(source_files, tmp_path):
    # setuptools writes this list into the archive, too; the archive itself is slow to make.
    python('setup.py', '--quiet', 'egg_info', '--egg-base', str(tmp_path), cwd=ROOT)
    listed = (tmp_path / 'dcgan_tf1.egg-info' / 'SOURCES.txt').read_text().splitlines()
    assert not source_files - set(listed)


@pytest.mark.slow
def test_they_are_complete_and_pass_the_checks(distributions, source_files):
    sdist, wheel = distributions
    python('-m', 'twine', 'check', '--strict', sdist, wheel)
    with tarfile.open(sdist) as archive:
        assert source_files <= {name.partition('/')[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if '.dist-info/' not in name}
    assert found == {name for name in source_files if name.startswith('dcgan_tf1/')}


@pytest.mark.slow
def test_every_command_works_where_there_is_no_checkout(distributions, tmp_path):
    python('-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--no-index',
           '--target', 'installed', distributions[1], cwd=str(tmp_path))
    scripts = tmp_path / 'installed' / 'bin'
    env = command_environment()
    env['PYTHONPATH'] = str(tmp_path / 'installed')
    imported = python('-c', 'import dcgan_tf1; print(dcgan_tf1.__file__)', cwd=str(tmp_path), env=env)
    assert imported.startswith(env['PYTHONPATH'])
    with zipfile.ZipFile(FIXTURE) as archive:
        archive.extractall(str(tmp_path))
    run = '--run=00000-blog_dense'
    calls = [(path.name, '--help') for path in sorted(scripts.glob('dcgan-*'))] + [
        ('dcgan-sample', run, '--n=4', '--out=samples.png', '--npz=samples.npz', '--device=cpu'),
        ('dcgan-report', '--runs=00000-blog_dense', '--out=report.html'),
        ('dcgan-export', run, '--formats=frozen,web', '--out=export')]

    def call(arguments):
        return subprocess.run([str(scripts / arguments[0])] + list(arguments[1:]), cwd=str(tmp_path), env=env,
                              capture_output=True, text=True, check=False)

    pool = ThreadPool(os.cpu_count())
    results = pool.map(call, calls, chunksize=1)
    pool.close()
    for arguments, result in zip(calls, results):
        assert result.returncode == 0, (arguments, result.stderr)
        if arguments[1] == '--help':
            assert result.stdout.startswith('usage: {} '.format(arguments[0]))
    assert {arguments[0] for arguments in calls} >= {'dcgan-' + name for name in (
        'train', 'launch', 'sample', 'data', 'animation', 'compare', 'evaluate', 'report', 'export')}

    status, _, err = run_command('sample', '--run={}'.format(tmp_path / '00000-blog_dense'), '--n=4', '--device=cpu',
                                 '--out={}'.format(tmp_path / 'here.png'), '--npz={}'.format(tmp_path / 'here.npz'))
    assert status == 0, err
    np.testing.assert_array_equal(*[np.load(str(tmp_path / name))['images'] for name in ('samples.npz', 'here.npz')])
    assert '<style>' in (tmp_path / 'report.html').read_text(encoding='utf-8')
    assert {'index.html', 'images.js', 'main.js', 'style.css'} <= set(os.listdir(str(tmp_path / 'export' / 'web')))
