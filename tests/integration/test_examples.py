"""The examples: the C program draws what the session does, the notebook runs whole, the image has what it names."""

import contextlib
import io
import json
import os
import pathlib
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import PATIENCE, interpreter, run_command
from helpers.exports import LABELLED
from helpers.places import ROOT
from helpers.runs import read_metrics
from PIL import Image

import dcgan_tf1
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.util import images

pytestmark = pytest.mark.once

EXAMPLES = os.path.join(ROOT, 'examples')
FIXTURE = os.path.join(ROOT, 'tests', 'fixtures', 'run_0.1.0.zip')


def read(*names):
    with open(os.path.join(ROOT, *names), encoding='utf-8') as handle:
        return handle.read()


# ------------------------------------------------------------------- sample_in_your_session.py

def test_sampling_in_a_session_of_ones_own(tmp_path):
    with zipfile.ZipFile(FIXTURE) as archive:
        archive.extractall(str(tmp_path))
    run, out, said = str(tmp_path / '00000-blog_dense'), str(tmp_path / 'out.png'), io.StringIO()
    with contextlib.redirect_stdout(said):
        runpy.run_path(os.path.join(EXAMPLES, 'sample_in_your_session.py'))['main'](run, out)
    assert said.getvalue() == '{}: the last 16 of 64 images of {}\n'.format(
        out, os.path.join(run, 'checkpoints', 'model.ckpt-8'))
    expected = images.grid(images.to_uint8(dcgan_tf1.generate(run, 16, seed=3), (-1, 1)), 4)[..., 0]
    with Image.open(out) as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected).max() <= 1  # which of two bytes is nearer


# ----------------------------------------------------------------------------- custom_preset.py

def test_a_preset_of_ones_own_from_training_to_export(tiny_data, tmp_path, monkeypatch):
    """The file as a program and for the commands; the document shows it as it is."""
    assert '```python\n{}```'.format(read('examples', 'custom_preset.py')) in read('docs', 'presets.md')
    path = os.path.join(EXAMPLES, 'custom_preset.py')
    monkeypatch.setattr(sys, 'argv', [path, '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
                                      '--max_steps=100', '--checkpoint_every=50'])
    try:
        with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as ended:
            runpy.run_path(path, run_name='__main__')
        assert ended.value.code == 0
        folder = str(tmp_path / '00000-tiny')
        with open(os.path.join(folder, 'config.json'), encoding='utf-8') as handle:
            assert json.load(handle)['preset_file']['path'] == path
        rows = read_metrics(folder)
        assert [int(row['step']) for row in rows] == [50, 100]
        assert float(rows[1]['d_loss']) < 1.9  # it has begun to tell them apart
        # The commands run the file once more, also where the program has registered the preset itself.
        runpy.run_path(path)
        status, out, err = run_command('sample', '--run=' + folder, '--preset_file=' + path, '--step=50')
        assert status == 0 and 'model.ckpt-50' in out, err
        status, out, err = run_command('export', '--run=' + folder, '--formats=frozen')
        assert status == 0 and 'generator.pb' in out, err
        z = dcgan_tf1.sample_noise(PRESETS['tiny'], 3)
        graph_def = tf.GraphDef()
        with open(os.path.join(folder, 'export-000100', 'frozen', 'generator.pb'), 'rb') as handle:
            graph_def.ParseFromString(handle.read())
        with tf.Graph().as_default(), tf.Session() as session:
            images, = tf.import_graph_def(graph_def, {'inputs_noise': z}, ['images:0'])
            np.testing.assert_allclose(session.run(images), dcgan_tf1.generate(folder, 3), atol=1e-5)
    finally:
        PRESETS.pop('tiny', None)


# ----------------------------------------------------------------------- load_frozen_graph.c

def documented_command():
    """(the Python code that finds TensorFlow, the compiler's command) as the C program's comment has them."""
    lines = re.sub(r'^ \*', '', read('examples', 'load_frozen_graph.c'), flags=re.MULTILINE)
    return re.search(r'TF=\$\(python -c "(.+)"\)\n\s+(cc (?:.*\\\n)*.+)', lines).groups()


@pytest.fixture(scope='module')
def compile_example(tmp_path_factory):
    """compile_example(): the program, compiled as its comment says, or with other libraries."""
    code, command = documented_command()
    found = io.StringIO()
    with contextlib.redirect_stdout(found):
        exec(code)
    package = found.getvalue().strip()
    if not shutil.which('cc'):
        pytest.skip('no C compiler is here (Debian: apt install gcc)')
    if not os.path.exists(os.path.join(package, 'include', 'tensorflow', 'c', 'c_api.h')):
        pytest.skip("TensorFlow {}'s package has no headers of the C API".format(tf.VERSION))
    if not sys.platform.startswith('linux'):
        pytest.skip('the libraries have other names on this system')

    def build(libraries=None):
        program = str(tmp_path_factory.mktemp('c') / 'load_frozen_graph')
        line = command.replace('-o load_frozen_graph', '-o ' + shlex.quote(program))
        if libraries:
            line, count = re.subn(r'-L"\$TF".* -lm .*', libraries + ' -lm', line)
            assert count == 1
        if shutil.which('ld.gold'):
            line += ' -fuse-ld=gold'  # a third of the time, for libraries of a gigabyte
        done = subprocess.run(['sh', '-c', line + ' -Wall -Wextra -pedantic'], cwd=EXAMPLES, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, TF=package))
        assert done.returncode == 0, done.stdout
        assert not re.search(r'load_frozen_graph\.c:\d+:\d+: warning', done.stdout), done.stdout
        return program

    return build


@pytest.fixture(scope='module')
def program(compile_example):
    return compile_example()


def draw(program, *arguments):
    """(exit status, the errors in one string) of the C program; TensorFlow's own log is left out."""
    done = subprocess.run([program] + [str(argument) for argument in arguments], capture_output=True, text=True,
                          check=False)
    return done.returncode, '\n'.join(line for line in done.stderr.splitlines() if line.startswith('error: '))


def read_picture(path):
    """A PGM or PPM file -> uint8 [height, width, channels]."""
    with open(str(path), 'rb') as handle:
        kind, size, most, pixels = handle.read().split(b'\n', 3)
    width, height = map(int, size.split())
    assert most == b'255'
    return np.frombuffer(pixels, np.uint8).reshape(height, width, {b'P5': 1, b'P6': 3}[kind])


@pytest.fixture(scope='module')
def frozen(tmp_path_factory):
    """The frozen generator of a run, exported."""
    folder = tmp_path_factory.mktemp('run')
    with zipfile.ZipFile(FIXTURE) as archive:
        archive.extractall(str(folder))
    status, _, err = run_command('export', '--run={}'.format(folder / '00000-blog_dense'), '--formats=frozen',
                                 '--out={}'.format(folder / 'export'))
    assert status == 0, err
    return folder / 'export' / 'frozen' / 'generator.pb'


@pytest.fixture(scope='module')
def noise_graph(tmp_path_factory):
    """A graph whose images [N, 2, 5, 3] are its noise [N, 30]."""
    path = tmp_path_factory.mktemp('graph') / 'noise.pb'
    with tf.Graph().as_default() as graph:
        tf.reshape(tf.placeholder(tf.float32, [None, 30], name='inputs_noise'), [-1, 2, 5, 3], name='images')
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def check_against_session(program, frozen, tmp_path, *flags, **labels):
    z = np.random.RandomState(3).uniform(-1, 1, (5, 100)).astype(np.float32)
    (tmp_path / 'z.f32').write_bytes(z.tobytes())
    assert draw(program, frozen, tmp_path / 'out.pgm', 5, '--noise={}'.format(tmp_path / 'z.f32'), *flags) == (0, '')
    graph_def = tf.GraphDef.FromString(frozen.read_bytes())
    with tf.Graph().as_default(), tf.Session() as session:
        output, = tf.import_graph_def(graph_def, dict(labels, inputs_noise=z), ['images:0'])
        expected = images.grid(images.to_uint8(session.run(output), (-1, 1)), 3)
    assert expected.std() > 10
    found = read_picture(tmp_path / 'out.pgm')
    assert found.shape == (56, 84, 1)
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


def test_c_draws_what_the_session_does(program, frozen, tmp_path):
    check_against_session(program, frozen, tmp_path)


@pytest.mark.slow
def test_c_draws_classes_in_turn_or_the_one_asked_for(program, frozen, exported, tmp_path):
    labelled = pathlib.Path(exported(LABELLED.name)[1], 'frozen', 'generator.pb')
    check_against_session(program, labelled, tmp_path, inputs_labels=np.arange(5, dtype=np.int32))
    check_against_session(program, labelled, tmp_path, '--class=7', inputs_labels=np.full(5, 7, np.int32))
    out = tmp_path / 'none.pgm'
    assert draw(program, labelled, out, 5, '--class=10') == (1, 'error: --class: expected 0 to 9, found 10')
    assert draw(program, frozen, out, 5, '--class=1') == (
        1, 'error: --class: expected a graph that takes labels, found {}'.format(frozen))
    assert not out.exists()


def test_c_draws_the_same_with_tensorflow_115(compile_example, frozen, tmp_path):
    python = interpreter('DCGAN_TF1_PYTHON_TF115', 'TensorFlow 1.15.5')
    package, libraries = subprocess.check_output([python, '-c', (
        'from importlib.util import find_spec; print(find_spec("tensorflow_core").submodule_search_locations[0]); '
        'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')], text=True).split()
    # Its package has the C API in the library of its Python module, which needs libpython.
    folders = [os.path.join(package, 'python'), package, libraries]
    program = compile_example(' '.join(
        ['-Wl,--no-as-needed'] + ['-L{0} -Wl,-rpath,{0}'.format(shlex.quote(folder)) for folder in folders] +
        ['-l:_pywrap_tensorflow_internal.so', '-l:libtensorflow_framework.so.1', '-lpython3.7m']))
    check_against_session(program, frozen, tmp_path)


def test_c_draws_noise_and_colours(program, noise_graph, tmp_path):
    def noise(*arguments):
        path = tmp_path / 'out.ppm'
        assert draw(program, noise_graph, path, 400, *arguments) == (0, '')
        # A grid of 20 x 20 images back to [N, ...]; each is its noise in bytes.
        return read_picture(path).reshape(20, 2, 20, 5, 3).transpose(0, 2, 1, 3, 4).reshape(-1)

    uniform = noise('--seed=1')
    np.testing.assert_array_equal(uniform, noise('--seed=1'))
    assert (uniform != noise('--seed=2')).mean() > 0.95
    counts = np.histogram(uniform, 16, (0, 256))[0] / 750.0  # 12,000 bytes in 16 equal parts
    assert abs(counts - 1).max() < 0.15
    normal = noise('--seed=1', '--normal', '--range=-6,6') / 255.0 * 12 - 6
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03
    assert abs((np.abs(normal) < 1).mean() - 0.683) < 0.03

    np.testing.assert_array_equal(noise('--seed=1', '--uniform01', '--range=0,1'), uniform)
    z = np.linspace(-0.5, 1.5, 30, dtype=np.float32)
    (tmp_path / 'z.f32').write_bytes(z.tobytes())
    assert draw(program, noise_graph, tmp_path / 'one.ppm', 1, '--range=0,1',
                '--noise={}'.format(tmp_path / 'z.f32')) == (0, '')
    np.testing.assert_array_equal(read_picture(tmp_path / 'one.ppm').ravel(), images.to_uint8(z, (0, 1)))


@pytest.mark.parametrize('change, message', [
    ({'graph': 'nothing.pb'}, 'error: cannot read nothing.pb: No such file or directory'),
    ({'graph': 'broken.pb'}, 'error: broken.pb: Invalid GraphDef'),
    ({'graph': 'other.pb'}, "error: other.pb: expected a frozen generator with the float32 tensor 'inputs_noise:0', "
                            'found none'),
    ({'out': 'no/out.ppm'}, 'error: cannot write no/out.ppm: No such file or directory'),
    ({'out': '/dev/full'}, 'error: cannot write /dev/full: No space left on device'),
    ({'count': '0'}, "error: COUNT: expected a whole number from 1 to 4096, found '0'"),
    ({'flag': '--noise=nan.f32'}, 'error: noise.pb: expected finite images, found nan in them'),
    ({'flag': '--noise=short.f32'}, 'error: short.f32: expected COUNT * z_dim float32 numbers (240 bytes), '
                                    'found 9 bytes'),
    ({'flag': '--range=1,-1'}, "error: --range: expected LOW,HIGH with LOW below HIGH, found '1,-1'"),
    ({'flag': '--z_dim=7'}, 'error: noise.pb: expected z_dim 7, found 30'),
    ({'flag': '--colour'}, 'error: expected --seed=N, --noise=FILE, --normal, --uniform01, --range=LOW,HIGH, '
                           "--z_dim=N or --class=N, found '--colour'"),
    ({'flag': '--normal', 'more': '--uniform01'},
     'error: expected one of --noise=FILE, --normal and --uniform01, found more')])
def test_c_says_what_is_wrong_in_one_line(program, noise_graph, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    shutil.copy(str(noise_graph), 'noise.pb')
    (tmp_path / 'broken.pb').write_bytes(b'no graph')
    (tmp_path / 'other.pb').write_bytes(tf.Graph().as_graph_def().SerializeToString())
    (tmp_path / 'nan.f32').write_bytes(np.full(60, np.nan, np.float32).tobytes())
    (tmp_path / 'short.f32').write_bytes(b'too short')
    arguments = dict({'graph': 'noise.pb', 'out': 'out.ppm', 'count': '2', 'flag': '--seed=0'}, **change)
    assert draw(program, *[arguments[name] for name in ('graph', 'out', 'count', 'flag', 'more') if name in arguments]
                ) == (1, message)
    assert not (tmp_path / 'out.ppm').exists()


# --------------------------------------------------------------------------- quickstart.ipynb

def test_the_notebook_is_clean_and_its_links_lead_somewhere():
    nbformat = pytest.importorskip('nbformat', reason='nbformat is not here')
    text = read('examples', 'quickstart.ipynb')
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.nbformat == 4 and set(notebook.metadata) == {'kernelspec', 'language_info'}
    links = []
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            assert cell.outputs == [] and cell.execution_count is None, cell.id
        else:
            links += re.findall(r'\]\(([^)#]+)', cell.source)
    assert links
    for link in links:
        assert os.path.exists(os.path.join(EXAMPLES, link)), link
    assert text == nbformat.writes(notebook) + '\n'  # so that a later change shows as what it is


@pytest.mark.slow
def test_the_notebook_runs_whole(tiny_data, tmp_path, monkeypatch):
    nbformat = pytest.importorskip('nbformat', reason='nbformat is not here')
    nbclient = pytest.importorskip('nbclient', reason='nbclient is not here')
    pytest.importorskip('ipykernel', reason='ipykernel is not here')
    monkeypatch.setenv('PYTHONPATH', ROOT)
    monkeypatch.setenv('DCGAN_TF1_DATA', tiny_data)
    notebook = nbformat.read(os.path.join(EXAMPLES, 'quickstart.ipynb'), as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells['parameters'].source += "\nPRESET, STEPS = 'blog_dense', 100"
    nbclient.NotebookClient(notebook, timeout=PATIENCE, kernel_name='python3',
                            resources={'metadata': {'path': str(tmp_path)}}).execute()

    def text(name):
        return ''.join(output.get('text', '') for output in cells[name].outputs)

    assert sys.executable in text('set-up')
    assert 'done: 100 steps' in text('train')
    for name, pictures in (('look', 2), ('sample', 1), ('interpolate', 1), ('plot', 1)):
        shown = [output for output in cells[name].outputs if 'image/png' in output.get('data', {})]
        assert len(shown) == pictures, (name, text(name))
    assert cells['load'].outputs[-1].data['text/plain'] == '(16, 28, 28, 1)'


# --------------------------------------------------------------------------------- Dockerfile

INSTRUCTIONS = {'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'FROM', 'RUN', 'USER', 'VOLUME', 'WORKDIR'}


def docker_instructions():
    """[(instruction, its arguments)], with lines joined and comments left out."""
    lines = [line for line in read('examples', 'Dockerfile').splitlines() if line and not line.startswith('#')]
    return [tuple(line.split(None, 1)) for line in re.sub(r'\\\n\s*', '', '\n'.join(lines)).splitlines()]


def test_the_image_is_made_as_it_should_be():
    instructions = docker_instructions()
    names = [name for name, _ in instructions]
    assert set(names) <= INSTRUCTIONS
    assert names[:names.index('FROM')] == ['ARG'] and names.count('FROM') == 1
    base = dict(instructions[:2])['ARG'].split('=')
    assert base[0] == 'BASE' and dict(instructions)['FROM'] == '${BASE}'
    assert re.match(r'python:3\.1[0-3]-', base[1]), base  # a fixed version that TensorFlow has packages for
    last = dict(instructions)
    assert last['USER'] not in ('root', '0') and names.index('USER') > max(
        place for place, name in enumerate(names) if name == 'RUN')

    home = last['WORKDIR']
    assert json.loads(last['VOLUME']) == [home + '/runs', home + '/data']
    # Where docker is, it finds what COPY names, for .dockerignore lets it through.
    sent = {line[1:] for line in read('.dockerignore').splitlines() if line.startswith('!')}
    copied = {source for name, arguments in instructions if name == 'COPY' for source in arguments.split()[:-1]}
    assert copied == sent
    for source in copied | set(re.findall(r"read\('([^']+)'", read('setup.py'))):
        assert source in copied and os.path.exists(os.path.join(ROOT, source)), source

    install, = [line for name, line in instructions if name == 'RUN' and line.startswith('pip ')]
    for extras, expected in (('', '.'), ('gpu,export', '.[gpu,export]')):
        line = subprocess.check_output(['sh', '-c', install.replace('pip ', 'echo ', 1)], text=True,
                                       env={'EXTRAS': extras})
        assert line == 'install --no-cache-dir {}\n'.format(expected)

    setup = read('setup.py')
    assert "'{}=".format(json.loads(last['ENTRYPOINT'])[0]) in setup
    assert json.loads(last['CMD']) == ['--preset=blog_mnist']
    for extra in re.search(r'# Extras of setup.py.*: (.+)\.\n', read('examples', 'Dockerfile')).group(1).split(', '):
        assert "'{}': ".format(extra) in setup


@pytest.mark.slow
def test_the_image_is_built_and_runs():
    if not shutil.which('docker') or subprocess.call(['docker', 'info'], stdout=subprocess.DEVNULL,
                                                     stderr=subprocess.DEVNULL):
        pytest.skip('no Docker daemon answers')
    subprocess.check_call(['docker', 'build', '-f', 'examples/Dockerfile', '-t', 'dcgan-test', '.'], cwd=ROOT)
    try:
        out = subprocess.check_output(['docker', 'run', '--rm', 'dcgan-test', '--help'], text=True)
        assert out.startswith('usage: dcgan-train ')
        user = subprocess.check_output(['docker', 'run', '--rm', '--entrypoint=id', 'dcgan-test', '-u'])
        assert user.strip() == b'1000'
    finally:
        subprocess.call(['docker', 'rmi', '-f', 'dcgan-test'])
