"""What hostile bytes are thrown at: for each reader, a function of the bytes and some whole files to start from.

A target returns, or raises what the user is told of (UserError, a wrong flag). Anything else is a
finding: another exception, more than a second, more memory than the limit, a file made or a
command run by the input.
"""

import contextlib
import gzip
import io
import json
import os
import pickle
import shutil
import struct
import tarfile

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import numpy as np
import picture_targets
import tensorflow.compat.v1 as tf
from absl import flags as absl_flags
from scratch import FOLDER, write

from dcgan_tf1.data import cifar, npz, npz_files
from dcgan_tf1.data.idx import read_idx
from dcgan_tf1.metrics.table import COLUMNS, METRICS, MONITORED_COLUMNS, format_with_error
from dcgan_tf1.parallel import cluster
from dcgan_tf1.reporting import collect, page, sections
from dcgan_tf1.runs import checkpoint, checkpoint_paths, checkpoint_reader, run_folder, tables
from dcgan_tf1.runs import samples as run_samples
from dcgan_tf1.training.config import parse_train
from dcgan_tf1.util.errors import UserError

EXPECTED = (UserError, absl_flags.Error)
# ------------------------------------------------------------------------------- data files

def idx(content):
    read_idx(write(content, 'idx', 'images'), 3)


def idx_seeds():
    yield struct.pack('>4B3I', 0, 0, 8, 3, 2, 3, 4) + bytes(24)
    yield struct.pack('>4B3I', 0, 0, 8, 3, 2 ** 31, 2 ** 31, 4)


def idx_gz(content):
    read_idx(write(content, 'idx', 'labels.gz'), 1)


def idx_gz_seeds():
    yield gzip.compress(struct.pack('>4BI', 0, 0, 8, 1, 5) + bytes(5))
    yield gzip.compress(struct.pack('>4BI', 0, 0, 8, 1, 2 ** 20) + bytes(2 ** 20))


def cifar_pickle(content):
    cifar.decode_pickle(content, 'data_batch_1')


def cifar_pickle_seeds():
    rows = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
    for protocol in (0, 2, 4):
        yield pickle.dumps({b'data': rows[:1], b'labels': [3]}, protocol)
    yield pickle.dumps({b'data': rows[:0], b'labels': []}, 2)
    yield b'\x80\x02cbuiltins\neval\nU\x01x\x85R.'
    yield b'\x80\x02cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R.'


def cifar_binary(content):
    write(content, 'binary', 'test_batch.bin')
    cifar.read_binaries(os.path.join(FOLDER, 'binary'), 'test')


def cifar_binary_seeds():
    yield bytes([7]) + bytes(3072)
    yield bytes([10]) + bytes(3072)


def cifar_tar(content):
    cifar.read_tar(write(gzip.compress(content, 1), 'tar', 'cifar.tar.gz'), 'test')


def cifar_tar_seeds():
    batch = pickle.dumps({b'data': np.zeros((1, 3072), np.uint8), b'labels': [3]}, 2)
    for name, kind in (('cifar-10-batches-py/test_batch', tarfile.REGTYPE), ('../test_batch', tarfile.REGTYPE),
                       ('cifar-10-batches-py/test_batch', tarfile.SYMTYPE), ('x', tarfile.GNUTYPE_SPARSE),
                       ('cifar-10-batches-py/' + 200 * 'x', tarfile.REGTYPE)):
        stream = io.BytesIO()
        for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            with tarfile.open(fileobj=stream, mode='w', format=form) as archive:
                member = tarfile.TarInfo(name)
                member.type, member.size, member.linkname = kind, len(batch), '/etc/passwd'
                archive.addfile(member, io.BytesIO(batch))
            yield stream.getvalue()[:6000]


def cifar_plain_tar(content):
    cifar.read_tar(write(content, 'tar', 'cifar.tar'), 'train')


def cifar_plain_tar_seeds():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w') as archive:
        for name in cifar.BATCHES['train']:
            member = tarfile.TarInfo('cifar-10-batches-bin/{}.bin'.format(name))
            member.size = 3073
            archive.addfile(member, io.BytesIO(bytes(3073)))
    yield stream.getvalue()


def cifar_tar_gz(content):
    cifar.read_tar(write(content, 'tar', 'raw.tar.gz'), 'test')


def cifar_tar_gz_seeds():
    for content in cifar_tar_seeds():
        yield gzip.compress(content)


def mnist_npz(content):
    npz.read_mnist_npz(write(content, 'npz', 'mnist.npz'), 'test')


def mnist_npz_seeds():
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, x_test=np.zeros((2, 3, 4), np.uint8), y_test=np.array([1, 2]))
        yield stream.getvalue()
    yield stream.getvalue().replace(b'(2, 3, 4)', b'(9999999,)')
    stream = io.BytesIO()
    np.savez(stream, x_test=np.array([{}], object), y_test=np.array([1]))
    yield stream.getvalue()


def own_npz(content):
    path = write(content, 'npz', 'own.npz')
    npz_files.present(path, 'test')
    npz_files.load(path, 'train', lambda line: None)


def pixel_table(content):
    path = write(content, 'npz', 'own.csv')
    npz_files.present(path, 'train')
    npz_files.load(path, 'train', lambda line: None)


def pixel_table_seeds():
    pixels = ','.join('pixel{}'.format(index) for index in range(64))
    yield 'label,{}\n1,{}\ncat,{}\n'.format(pixels, '7,' * 63 + '7', '12.0,' * 63 + '255').encode()
    yield 'label;pixels\n1;"{}"\n'.format('0 ' * 64).encode('utf-8-sig')
    yield ('3,' + '0,' * 63 + '9\n').encode()


def own_npz_seeds():
    for arrays in ({'x_train': np.zeros((2, 3, 4), np.uint8), 'y_train': np.array([[1], [2]])},
                   {'images': np.zeros((2, 3, 4, 3), np.int16), 'labels': np.array([1, 999]), 'z': np.array([{}])}):
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        yield stream.getvalue()
        yield stream.getvalue().replace(b'(2,', b'(99')


# ------------------------------------------------------------------------------ run folders

def config(content):
    write(content, 'run', 'config.json')
    path = os.path.join(FOLDER, 'run')
    run_folder.read_preset(path)
    run_folder.read_config(path)
    run = collect.collect(path, 'run')
    page.about(run)
    sections.commands(run)
    sections.configurations([run, run])


def config_seeds():
    yield json.dumps({'command': 'x', 'identity': {'preset': 'blog_dense', 'seed': 1}, 'arithmetic': {
        'precision': 'float32'}, 'versions': {'a': '1'}, 'data': {'name': 'mnist', 'note': None}}).encode()
    yield b'{"identity": {"preset": "vae", "class": [' + b'[' * 3000 + b']}}'


def evaluated(content):
    write(content, 'run2', 'evaluation-000004', 'metrics.json')
    write(b'{"identity": {"preset": "blog_dense"}}', 'run2', 'config.json')
    with contextlib.redirect_stderr(io.StringIO()):
        run = collect.collect(os.path.join(FOLDER, 'run2'), 'run2')
        if run.evaluation:
            for row in run.evaluation[1]['results']:
                for metric in METRICS:
                    format_with_error(metric, row)


def evaluation_seeds():
    row = {'name': 'real images', 'step': 4, 'class_shares': [0.5, 0.5]}
    row.update(dict.fromkeys(COLUMNS, 1.5))
    yield json.dumps({'n': 100, 'results': [row, row], 'features': {'name': 'x'}, 'classes': ['a', 'b']}).encode()


def table(content):
    path = write(content, 'table', 'quality.csv')
    said = []
    run_folder.read_table(path, None, said.append)
    tables.best_row(run_folder.read_table(path, MONITORED_COLUMNS, said.append))
    tables.texts_to_go_on(path, ['step', 'n'], said.append, ['n'])
    for kept in os.listdir(os.path.dirname(path)):
        if '.unreadable-' in kept:
            os.remove(os.path.join(os.path.dirname(path), kept))


def table_seeds():
    yield (b'step,n,frechet_distance,kernel_distance,precision,recall,coverage\n'
           b'2,100,1.5,0,0,0,0\n4,100,1e999,0,0,0,0\n')
    yield b'step,"n\n1,nan'


def samples(content):
    write(content, 'run3', 'samples', 'step-000001.npz')
    run_samples.load(os.path.join(FOLDER, 'run3'), (-1.0, 1.0), lambda text: None)


def samples_seeds():
    stream = io.BytesIO()
    np.savez(stream, images=np.zeros((1, 2, 2, 1), np.float32), z=np.zeros((1, 2), np.float32))
    yield stream.getvalue()
    stream = io.BytesIO()
    np.savez_compressed(stream, images=np.array([{}], object))
    yield stream.getvalue()
    yield stream.getvalue().replace(b'(1,)', b'(9' + b'9' * 12 + b',)')


def _checkpoint_files():
    """{suffix: content} of a small whole checkpoint."""
    if not _CHECKPOINT:
        folder = os.path.join(FOLDER, 'made')
        with tf.Graph().as_default(), tf.Session() as session:
            values = [tf.get_variable('v{}'.format(i), initializer=np.arange(i + 2, dtype=np.float32))
                      for i in range(3)]
            session.run([value.initializer for value in values])
            tf.train.Saver().save(session, os.path.join(folder, 'model.ckpt'), global_step=5, write_meta_graph=False)
        for suffix in ('.index', '.data-00000-of-00001'):
            with open(os.path.join(folder, 'model.ckpt-5' + suffix), 'rb') as handle:
                _CHECKPOINT[suffix] = handle.read()
    return _CHECKPOINT


_CHECKPOINT = {}


def checkpoint_index(content):
    _checkpoint('.index', content)


def checkpoint_index_seeds():
    yield _checkpoint_files()['.index']


def checkpoint_data(content):
    _checkpoint('.data-00000-of-00001', content)


def checkpoint_data_seeds():
    yield _checkpoint_files()['.data-00000-of-00001']


def _checkpoint(changed, content):
    for suffix, whole in _checkpoint_files().items():
        write(content if suffix == changed else whole, 'checkpoints', 'model.ckpt-5' + suffix)
    checkpoint.latest_valid_step(os.path.join(FOLDER, 'checkpoints'), lambda text: None)


def frozen_graph(content):
    path = checkpoint_paths.resolve(write(content, 'frozen', 'generator.pb'))
    with checkpoint_reader.reading(path) as reader:
        reader.read_all()


def frozen_graph_seeds():
    graph_def = tf.GraphDef()
    for name, value in (('generator/a', np.ones((2, 2), np.float32)), ('generator/b', np.zeros(3, np.float16))):
        node = graph_def.node.add(name=name, op='Const')
        node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(value))
    yield graph_def.SerializeToString()


# -------------------------------------------------------------------------- flags and messages

def train_flags(content):
    with contextlib.redirect_stdout(io.StringIO()):
        # No argument of a process can hold a NUL.
        parse_train(content.replace(b'\0', b'').decode('utf-8', 'replace').split('\n'))


def train_flags_seeds():
    yield (b'--preset=blog_mnist\n--max_steps=3\n--learning_rate=1e-3\n--class=all\n--worker_hosts=a:1,b:2\n'
           b'--task_index=1')
    yield b'--preset=cntk\n--mode=slow\n--gif\n--nogif\n-h'
    yield b'--flagfile=/etc/passwd\n--undefok=x'


def tf_config(content):
    cluster.find_cluster(None, None, content.decode('utf-8', 'replace'))


def tf_config_seeds():
    yield b'{"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}'


TARGETS = {function.__name__: (function, seeds) for function, seeds in (
    (idx, idx_seeds), (idx_gz, idx_gz_seeds), (cifar_pickle, cifar_pickle_seeds), (cifar_binary, cifar_binary_seeds),
    (cifar_tar, cifar_tar_seeds), (cifar_plain_tar, cifar_plain_tar_seeds), (cifar_tar_gz, cifar_tar_gz_seeds),
    (mnist_npz, mnist_npz_seeds), (own_npz, own_npz_seeds), (pixel_table, pixel_table_seeds),
    (config, config_seeds),
    (evaluated, evaluation_seeds), (table, table_seeds), (samples, samples_seeds),
    (checkpoint_index, checkpoint_index_seeds), (checkpoint_data, checkpoint_data_seeds),
    (frozen_graph, frozen_graph_seeds), (train_flags, train_flags_seeds), (tf_config, tf_config_seeds))}
TARGETS.update(picture_targets.TARGETS)


def clean():
    shutil.rmtree(FOLDER, ignore_errors=True)
