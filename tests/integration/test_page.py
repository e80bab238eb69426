"""The exported web page in headless Chromium, and exported models in TensorFlow.js under Node."""

import base64
import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.browser import PHONE, console, set_width
from helpers.commands import PATIENCE
from helpers.exports import (
    LABELLED,
    MANY,
    NAMES,
    OFTEN,
    expected_images,
    expected_logits,
    labels,
    noise,
    preset_of,
)
from helpers.places import CACHE, locked_cache
from PIL import Image

from dcgan_tf1.exporting import formats
from dcgan_tf1.gan.noise import interpolate
from dcgan_tf1.util.images import to_uint8

pytestmark = pytest.mark.slow_tf1

TFJS = '4.22.0'
if tf.VERSION.startswith('1.'):
    OFTEN = ('blog_mnist', 'cgan_mnist')
CDN = 'https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@{}/dist/tf.min.js'.format(TFJS)


@pytest.fixture(scope='module')
def npm():
    """The folder of TensorFlow.js's npm package, fetched once."""
    if not shutil.which('npm'):
        pytest.skip('TensorFlow.js is not here: it needs npm')
    folder = os.path.join(CACHE, 'tfjs-' + TFJS)
    with locked_cache():
        if not os.path.isdir(folder):
            work = folder + '.part'
            shutil.rmtree(work, ignore_errors=True)
            os.makedirs(work)
            try:
                packed = subprocess.check_output(['npm', 'pack', '--silent', '@tensorflow/tfjs@' + TFJS], cwd=work)
            except subprocess.CalledProcessError as error:
                pytest.skip('TensorFlow.js is not here: npm pack: {}'.format(error))
            with tarfile.open(os.path.join(work, packed.decode().split()[-1])) as package:
                package.extract('package/dist/tf.min.js', work)
            os.rename(work, folder)
    return os.path.join(folder, 'package', 'dist')


@pytest.fixture(scope='module')
def exports(exported, tmp_path_factory):
    """export(name): (checkpoint prefix, a copy of what a preset's export has for browsers)."""
    made = {}

    def export(name):
        if name not in made:
            prefix, whole, _ = exported(name)
            out = str(tmp_path_factory.mktemp(name) / 'export')
            for part in ('tfjs', 'web'):
                shutil.copytree(os.path.join(whole, part), os.path.join(out, part))
            shutil.copy(os.path.join(whole, 'README.md'), out)
            made[name] = prefix, out
        return made[name]

    return export


NODE = '''
const [library, folder, input, output] = process.argv.slice(2);
const fs = require('fs');
const tf = require(library);
const disk = (folder) => ({ load: async () => {
  const json = JSON.parse(fs.readFileSync(folder + '/model.json'));
  const group = json.weightsManifest[0];
  const data = Buffer.concat(group.paths.map((path) => fs.readFileSync(folder + '/' + path)));
  return { modelTopology: json.modelTopology, signature: json.signature, weightSpecs: group.weights,
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) };
} });
(async () => {
  await tf.setBackend('cpu');
  const model = await tf.loadGraphModel(disk(folder));
  const inputs = JSON.parse(fs.readFileSync(input)).map(
    ({ key, dtype, shape, values }) => [key, tf.tensor(values, shape, dtype)]);
  const outputs = model.predict(inputs.length === 1 ? inputs[0][1] : Object.fromEntries(inputs));
  fs.writeFileSync(output, Buffer.from((await outputs.data()).buffer));
  console.log(JSON.stringify(outputs.shape));
})();
'''


@pytest.fixture(scope='module')
def node(npm, tmp_path_factory):
    """run(folder of a graph model, {key of its signature: array}): its outputs, on the plain JavaScript backend."""
    if not shutil.which('node'):
        pytest.skip('node is not here')
    work = tmp_path_factory.mktemp('node')
    (work / 'run.js').write_text(NODE)

    def run(folder, inputs):
        (work / 'input.json').write_text(json.dumps([
            {'key': key, 'dtype': array.dtype.name, 'shape': array.shape, 'values': array.ravel().tolist()}
            for key, array in inputs.items()]))
        shape = subprocess.check_output(
            ['node', str(work / 'run.js'), os.path.join(npm, 'tf.min.js'), folder, str(work / 'input.json'),
             str(work / 'output.bin')], stderr=subprocess.DEVNULL)
        return np.fromfile(str(work / 'output.bin'), '<f4').reshape(json.loads(shape.decode()))

    return run


def with_keys(key, array, of_classes):
    return dict([(key, array)] + ([] if of_classes is None else [('labels', of_classes)]))


@pytest.mark.parametrize('name', [
    name if name in ('keras_dense', LABELLED.name) else pytest.param(name, marks=(
        pytest.mark.slow if name in OFTEN else pytest.mark.nightly)) for name in NAMES])
def test_a_graph_model_in_tensorflow_js_gives_the_sessions_images(name, node, exports):
    prefix, out = exports(name)
    # The plain JavaScript backend takes seconds for each image of a ResNet.
    for count in (1,) if name.startswith('resnet') else (1, 16):
        z, of_classes = noise(name, count), labels(name, count)
        images = node(os.path.join(out, 'tfjs', 'generator'), with_keys('noise', z, of_classes))
        assert images.shape == (count,) + preset_of(name).image_shape
        np.testing.assert_allclose(images, expected_images(name, prefix, z, of_classes), atol=1e-5)
    if preset_of(name).discriminator:
        images, of_classes = images[:2], labels(name, len(images[:2]))
        logits = node(os.path.join(out, 'tfjs', 'discriminator'), with_keys('images', images, of_classes))
        np.testing.assert_allclose(logits, expected_logits(name, prefix, images, of_classes), atol=1e-4)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def serve():
    servers = []

    def start(folder):
        server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), functools.partial(_Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return 'http://127.0.0.1:{}/'.format(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def wait_for(browser, script, seconds=120):
    from selenium.webdriver.support.ui import WebDriverWait
    return WebDriverWait(browser, seconds).until(lambda found: found.execute_script('return ' + script))


def pixels(browser, selector, index=0):
    """RGBA uint8 [H, W, 4] of a canvas."""
    size, values = browser.execute_script('''
        const canvas = document.querySelectorAll(arguments[0])[arguments[1]];
        return [[canvas.height, canvas.width], Array.from(
            canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)];''', selector, index)
    return np.array(values, np.uint8).reshape(size + [4])


def wait_until(true):
    """WebGL without a GPU takes its time."""
    deadline = time.time() + PATIENCE
    while not true():
        assert time.time() < deadline, 'not within {} seconds'.format(PATIENCE)
        time.sleep(0.1)


def from_disk(folder):
    """The address of a page that is opened by a double click."""
    return pathlib.Path(folder, 'index.html').as_uri()


def open_page(browser, address, npm, folder, width=PHONE):
    shutil.copyfile(os.path.join(npm, 'tf.min.js'), os.path.join(folder, 'tf.min.js'))
    set_width(browser, width)
    browser.get(address(folder))
    wait_for(browser, "window.dcgan && document.getElementById('walk').width === dcgan.page.image_shape[1]")


@pytest.mark.parametrize('name, where', [
    ('keras_dense', 'disk'), pytest.param('keras_dense', 'server', marks=pytest.mark.slow),
    pytest.param('blog_mnist', 'disk', marks=pytest.mark.slow),
    pytest.param('blog_cifar_horse', 'server', marks=pytest.mark.nightly)])
def test_the_pages_pixels_are_the_sessions(name, where, browser, serve, npm, exports):
    prefix, out = exports(name)
    open_page(browser, serve if where == 'server' else from_disk, npm, os.path.join(out, 'web'))
    assert browser.current_url.startswith('http:' if where == 'server' else 'file:')
    z = noise(name, 16)
    show(browser, z)
    expected = expected_images(name, prefix, z)
    check_grid(browser, name, expected)
    assert expected.std() > 0.01
    # Some at a time, as of large images.
    browser.execute_script('dcgan.limits.pixelsAtOnce = 3.5 * {} * {}'.format(*preset_of(name).image_shape))
    show(browser, z[::-1])
    check_grid(browser, name, expected[::-1])
    assert console(browser) == []


def show(browser, z):
    """Has the page show samples of noise [N, z_dim]."""
    browser.execute_async_script('''
        const done = arguments[1];
        dcgan.showSamples(arguments[0].map((z) => Float32Array.from(z))).then(done);''', z.tolist())


def is_shown(browser, name, selector, index, image):
    """Whether a canvas has the pixels of an image [H, W, C] in the preset's range, give or take one of 255 levels."""
    found = pixels(browser, selector, index)
    expected = to_uint8(image[np.newaxis], preset_of(name).image_range)[0]
    return found.shape[:2] == expected.shape[:2] and (found[..., 3] == 255).all() and np.abs(
        found[..., :3].astype(int) - expected.astype(int)).max() <= 1


def check_grid(browser, name, images):
    assert browser.execute_script("return document.querySelectorAll('#grid canvas').length") == len(images)
    for i, image in enumerate(images):
        assert is_shown(browser, name, '#grid canvas', i, image), i


@pytest.mark.slow
def test_of_many_classes_some_are_shown_each_under_its_name(browser, npm, exports):
    prefix, out = exports(MANY.name)
    open_page(browser, from_disk, npm, os.path.join(out, 'web'))
    z, of_classes = noise(MANY.name, 16), np.arange(16, dtype=np.int32) * 14 // 16
    show(browser, z)
    check_grid(browser, MANY.name, expected_images(MANY.name, prefix, z, of_classes))

    def names():
        return [each.text for each in browser.find_elements('css selector', '#grid small')]

    assert names() == list(map(str, of_classes)) and not browser.find_elements('css selector', '#grid span')
    browser.find_elements('css selector', '#classes button')[1 + 12].click()  # a 12, whose name is said once
    wait_until(lambda: is_shown(browser, MANY.name, '#grid canvas', 0, expected_images(
        MANY.name, prefix, z[:1], np.array([12], np.int32))[0]))
    assert names() == []


@pytest.mark.parametrize('name', [LABELLED.name, pytest.param('cgan_mnist', marks=pytest.mark.nightly)])
def test_a_class_by_keyboard_shows_the_same_noise_in_that_class(name, browser, npm, exports, tmp_path):
    from selenium.webdriver.common.keys import Keys
    prefix, out = exports(name)
    open_page(browser, from_disk, npm, os.path.join(out, 'web'))
    browser.execute_cdp_cmd('Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path)})
    z = noise(name, 16)

    def of_class(some, label):
        return expected_images(name, prefix, some, np.full(len(some), label, np.int32))

    def press(selector, index=0):
        browser.execute_script('document.querySelectorAll(arguments[0])[arguments[1]].focus()', selector, index)
        browser.switch_to.active_element.send_keys(Keys.ENTER)

    def pressed(selector):
        return browser.execute_script(
            'return [...document.querySelectorAll(arguments[0])].map((each) => each.ariaPressed)', selector)

    def until_shown(selector, image):
        wait_until(lambda: is_shown(browser, name, selector, 0, image))

    # All of them: a column for each class, a row for each noise vector.
    show(browser, z)
    check_grid(browser, name, expected_images(name, prefix, np.repeat(z[:4], 10, axis=0), np.tile(
        np.arange(10, dtype=np.int32), 4)))
    assert [each.text for each in browser.find_elements('css selector', '#classes button')] == ['All'] + list(
        '0123456789')
    assert [each.text for each in browser.find_elements('css selector', '#grid span')] == list('0123456789')
    assert pressed('#classes button') == ['true'] + ['false'] * 10
    press('#grid button', 23)  # the third noise vector's 3
    until_shown('#varied', of_class(z[2:3], 3)[0])
    press('#set-start')
    press('#download-grid')

    press('#classes button', 1 + 7)
    assert pressed('#classes button')[8] == 'true'
    until_shown('#varied', of_class(z[2:3], 7)[0])  # the same noise stays chosen
    check_grid(browser, name, of_class(z, 7))
    assert pressed('#grid button') == ['true' if i == 2 else 'false' for i in range(16)]
    assert browser.find_element('css selector', '#grid button').get_attribute('aria-label') == 'Sample 1, 7'
    assert browser.find_element('id', 'varied-class').text == 'Class: 7'
    press('#download-grid')
    press('#download-varied')

    # A direction leaves the class as it is.
    directions = browser.execute_script('return dcgan.page.directions')
    browser.execute_script("document.getElementById('direction-1').focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    deviation = {'uniform': 1 / np.sqrt(3), 'normal': 1}[preset_of(name).noise]
    until_shown('#varied', of_class(z[2:3] + np.float32(3 * deviation) * np.float32(directions[:1]), 7)[0])

    # At another temperature everything on the page is of noise that reaches as far; the export's own is 0.9.
    def set_temperature(key, value):
        browser.execute_script("document.getElementById('temperature').focus()")
        browser.switch_to.active_element.send_keys(key)
        assert browser.find_element('id', 'temperature-value').text == value

    own = preset_of(name).temperature
    assert browser.find_element('id', 'temperature-value').text == '{:g}'.format(own)
    press('#reset')
    set_temperature(Keys.HOME, '0.1')
    wait_until(lambda: is_shown(browser, name, '#start', 0, of_class(z[2:3] * 0.1 / own, 3)[0]))
    until_shown('#varied', of_class(z[2:3] * 0.1 / own, 7)[0])
    check_grid(browser, name, of_class(z * np.float32(0.1 / own), 7))
    set_temperature(Keys.END, '1' if preset_of(name).noise == 'uniform' else '1.5')
    browser.execute_script("""
        const slider = document.getElementById('temperature');
        slider.value = dcgan.page.temperature;
        slider.dispatchEvent(new Event('input'));""")
    until_shown('#start', of_class(z[2:3], 3)[0])

    # Half the way from the 3 to the 7 is of half of each class.
    press('#grid button', 5)
    press('#set-end')
    browser.execute_script("document.getElementById('position').focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    until_shown('#walk', of_class(z[5:6], 7)[0])
    for _ in range(50):
        browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    weights = np.eye(10, dtype=np.float32)[[3]] / 2 + np.eye(10, dtype=np.float32)[[7]] / 2
    middle = interpolate(z[2:3], z[5:6], 0.5, preset_of(name).noise).astype(np.float32)
    until_shown('#walk', expected_images(name, prefix, middle, weights)[0])
    assert browser.find_element('id', 'position-value').text == '50 %'
    assert [browser.find_element('id', each + '-class').text for each in ('start', 'end')] == ['3', '7']

    wait_until(lambda: sorted(os.listdir(str(tmp_path))) == [
        name + end for end in ('-7-samples.png', '-7.png', '-all-samples.png')])
    with Image.open(str(tmp_path / (name + '-all-samples.png'))) as picture:
        assert picture.size == (10 * 4 * 28, 4 * 4 * 28)
    assert browser.execute_script('return document.documentElement.scrollWidth') <= PHONE
    assert console(browser) == []


@pytest.mark.slow
@pytest.mark.parametrize('name', ['keras_dense', 'blog_mnist'])
def test_the_page_by_keyboard_on_a_phone(name, browser, serve, npm, exports):
    from selenium.webdriver.common.keys import Keys
    _, out = exports(name)
    open_page(browser, serve, npm, os.path.join(out, 'web'))

    def text(name):
        return browser.execute_script('return document.getElementById(arguments[0]).textContent', name)

    assert browser.execute_script('return document.documentElement.scrollWidth') <= PHONE
    assert any(part in text('status') for part in ('WebGL', 'CPU')) and 'ms an image' in text('status')
    before = [pixels(browser, '#grid canvas', i) for i in range(16)]

    def shows(selector, expected):  # WebGL adds up a batch of 1 in another order than one of 16
        return np.abs(pixels(browser, selector).astype(int) - expected).max() <= 1

    def focus(done):
        """Goes on by the tab key until `done` of the focused element."""
        for _ in range(60):
            browser.switch_to.active_element.send_keys(Keys.TAB)
            if done(browser.switch_to.active_element):
                return browser.switch_to.active_element
        raise AssertionError('not reached by the tab key')

    second = focus(lambda found: found.get_attribute('aria-label') == 'Sample 2')
    second.send_keys(Keys.ENTER)
    wait_for(browser, "document.querySelectorAll('#grid button')[1].getAttribute('aria-pressed') === 'true'")
    wait_until(lambda: shows('#varied', before[1]))
    slider = focus(lambda found: found.get_attribute('id') == 'direction-1')
    slider.send_keys(Keys.END)
    wait_until(lambda: not shows('#varied', before[1]))
    focus(lambda found: found.get_attribute('id') == 'reset').send_keys(Keys.ENTER)
    wait_until(lambda: shows('#varied', before[1]))
    # The walk starts at sample 1 and ends at sample 2.
    assert shows('#walk', before[0]) and not shows('#walk', before[1])
    focus(lambda found: found.get_attribute('id') == 'position').send_keys(Keys.END)
    wait_until(lambda: shows('#walk', before[1]))
    browser.execute_script("document.getElementById('new').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait_until(lambda: not shows('#grid canvas', before[0]))
    assert console(browser) == []


@pytest.mark.slow
def test_downloads_are_the_pictures_shown(browser, serve, npm, exports, tmp_path):
    _, out = exports('blog_mnist')
    open_page(browser, serve, npm, os.path.join(out, 'web'), width=1000)
    browser.execute_cdp_cmd('Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(tmp_path)})
    for button, name, size in (('download-varied', 'blog_mnist.png', (28, 28)),
                               ('download-grid', 'blog_mnist-samples.png', (4 * 4 * 28, 4 * 4 * 28))):
        browser.find_element('id', button).click()
        for _ in range(100):
            if (tmp_path / name).exists():
                break
            time.sleep(0.1)
        with Image.open(str(tmp_path / name)) as picture:
            assert picture.size == size
            found = np.asarray(picture.convert('RGB'))
        if button == 'download-varied':
            np.testing.assert_array_equal(found, pixels(browser, '#varied')[..., :3])
        else:  # each pixel four times as large
            np.testing.assert_array_equal(found[112:224:4, :112:4], pixels(browser, '#grid canvas', 4)[..., :3])
    assert console(browser) == []
    # What goes wrong later is said, too, until something goes well.
    browser.execute_script("dcgan.output = dcgan.page.output; dcgan.page.output = 'lost:0';")
    browser.find_element('id', 'new').click()
    wait_for(browser, "document.getElementById('status').className === 'error'")
    assert browser.find_element('id', 'status').text.startswith('No image could be made: ')
    browser.execute_script('dcgan.page.output = dcgan.output;')
    browser.find_element('id', 'new').click()
    wait_for(browser, "document.getElementById('status').className === ''")
    assert browser.find_element('id', 'status').text.startswith('16 images in ')
    browser.get_log('browser')


@pytest.mark.slow
@pytest.mark.parametrize('name', ['blog_mnist', LABELLED.name])
def test_the_readmes_example_for_the_browser_runs(name, browser, serve, npm, exports):
    _, out = exports(name)
    with open(os.path.join(out, 'README.md')) as handle:
        example, = re.findall(r'```html\n(.*?)```', handle.read(), re.S)
    assert example.count(CDN) == 1
    shutil.copyfile(os.path.join(npm, 'tf.min.js'), os.path.join(out, 'tf.min.js'))
    with open(os.path.join(out, 'example.html'), 'w') as handle:
        handle.write('<link rel="icon" href="data:,">' + example.replace(CDN, 'tf.min.js').replace(
            'console.log(await images.data())', 'window.found = [images.shape, await images.data()]'))
    browser.get(serve(out) + 'example.html')
    shape, size = wait_for(browser, 'window.found && [found[0], found[1].length]')
    assert shape == [16, 28, 28, 1] and size == 16 * 784
    assert console(browser) == []


def test_the_pages_integrity_hash_is_that_of_the_package(npm):
    with open(os.path.join(npm, 'tf.min.js'), 'rb') as handle:
        expected = 'sha384-' + base64.b64encode(hashlib.sha384(handle.read()).digest()).decode()
    with open(os.path.join(formats.PAGE, 'main.js')) as handle:
        source = handle.read()
    assert expected in source and CDN in source


@pytest.mark.parametrize('instead', [None, '<!DOCTYPE html>'], ids=['nothing', 'a page'])
@pytest.mark.parametrize('missing, said', [
    ('model.js', 'model.js could not be loaded'), ('page.js', 'page.js could not be loaded'),
    ('tf.min.js', 'TensorFlow.js could not be loaded from {}; without a network, put that file beside'.format(CDN))])
def test_the_page_says_what_is_missing(missing, said, instead, browser, npm, exports, tmp_path):
    _, out = exports('keras_dense')
    shutil.copytree(os.path.join(out, 'web'), str(tmp_path / 'web'))
    shutil.copyfile(os.path.join(npm, 'tf.min.js'), str(tmp_path / 'web' / 'tf.min.js'))
    os.remove(str(tmp_path / 'web' / missing))
    if instead is not None:  # as some servers answer
        (tmp_path / 'web' / missing).write_text(instead)
    browser.execute_cdp_cmd('Network.enable', {})
    browser.execute_cdp_cmd('Network.setBlockedURLs', {'urls': [CDN]})
    browser.get(from_disk(str(tmp_path / 'web')))
    wait_for(browser, "document.getElementById('status').className === 'error'")
    browser.execute_cdp_cmd('Network.setBlockedURLs', {'urls': []})
    text = browser.find_element('id', 'status').text
    assert text.startswith('The page could not start: ') and said in text
    browser.get_log('browser')
