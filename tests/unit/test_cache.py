"""Images in a file in place of memory: what is kept, what becomes of a damaged file, and training from it."""

import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import command_environment
from helpers.exports import registered
from helpers.own_pictures import grey, load
from PIL import Image

from dcgan_tf1 import train
from dcgan_tf1.data import cache, loading, picked, prepare, reading
from dcgan_tf1.gan import step_loop
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import evaluation, run_images
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.training import trainer
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.images import to_uint8

pytestmark = pytest.mark.usefixtures('elsewhere')


def read(path):
    with open(path, 'rb') as handle:
        return handle.read()


def write_pictures(count, folder='mine', seed=0):
    draw = np.random.RandomState(seed)
    os.makedirs(folder, exist_ok=True)
    for index in range(count):
        Image.fromarray(draw.randint(0, 256, (28, 28)).astype(np.uint8)).save('{}/{:03d}.png'.format(folder, index))


def both(folder='mine', **how):
    """A folder's Dataset from memory, and from a file with what was logged."""
    lines = []
    return (loading.load('folder', data_dir=folder, shape=(28, 28, 1), log=lines.append),
            loading.load('folder', data_dir=folder, shape=(28, 28, 1), log=lines.append,
                         reading=reading.Reading(cache_gib=0, **how)), lines)


def from_memory(**how):
    """What is logged of a folder that fits into memory."""
    lines = []
    loading.load('folder', data_dir='mine', shape=(28, 28, 1), log=lines.append, reading=reading.Reading(**how))
    return lines


def test_more_than_memory_is_to_hold_lies_in_a_file():
    write_pictures(9)
    memory, file, lines = both()
    np.testing.assert_array_equal(memory.images, file.images)
    assert isinstance(file.images, np.memmap) and memory.checksum == file.checksum and len(lines) == 1
    assert 'decoding 9 images once into ' in lines[0]
    path, = [os.path.join('mine', cache.FOLDER, name) for name in os.listdir('mine/' + cache.FOLDER)]
    assert both()[2] == ['images from ' + os.path.abspath(path)]
    # One byte of an image or of the description, its form, the end, or all of it.
    raw = read(path)
    end = raw.index(b'{"count"', 9 * 28 * 28)
    other = b'{"count": 9, "shape": [28, 28, 1], "notes": {"missing": [2], "lines": []}}'
    other += struct.pack('<Q32s8s', len(other), hashlib.sha256(raw[:end] + other).digest(), raw[-8:])
    for damaged in (b'\xff' + raw[1:], raw[:-3], raw[:100], b'', raw.replace(b'"missing"', b'"mossing"'),
                    raw[:end] + other, raw[:end] + other.replace(b'[2]', b'[9]')):
        with open(path, 'wb') as handle:
            handle.write(damaged)
        memory, file, lines = both()
        assert memory.checksum == file.checksum and 'found a damaged file' in lines[0] and 'decoding' in lines[1]
        assert read(path) == raw
    # What it was made of, and how, decides on its name.
    os.utime('mine/003.png', (1, 1))
    write_pictures(1, seed=1)
    memory, file, lines = both()
    np.testing.assert_array_equal(memory.images, file.images)
    assert 'of other pictures, or of these in another order, removed' in lines[1] and not os.path.exists(path)
    both(crop=20)
    assert len(os.listdir('mine/' + cache.FOLDER)) == 2
    both(cache_dir='else/where')
    assert len(os.listdir('else/where')) == 1
    shutil.rmtree('mine/' + cache.FOLDER)
    open('mine/' + cache.FOLDER, 'w').close()
    for wrong in ('mine/003.png', 'mine/003.png/deeper'):
        with pytest.raises(UserError, match='^--cache_dir: expected a folder, found a file at /.*/mine/003.png$'):
            both(cache_dir=wrong)
        with pytest.raises(UserError, match='^--cache_dir: expected a folder, found a file at'):  # though not needed
            from_memory(cache_dir=wrong)
    assert '--cache_dir: not used, for the images fit into memory (--cache_gib)' in from_memory(cache_dir='x')
    if os.path.isdir('/proc/self'):  # on Linux, where not even root makes folders
        with pytest.raises(UserError, match='^cannot write /proc/mine/.*: No such file or directory; '
                                            '--cache_dir=FOLDER'):
            both(cache_dir='/proc/mine')
    with pytest.raises(UserError, match='^/.*/mine/.dcgan_tf1-cache: expected a folder, found a file; --cache_dir='):
        both()


@pytest.mark.once
def test_a_cache_that_can_not_be_written(monkeypatch):
    write_pictures(3)
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(cache.os, 'fsync', full)
    with pytest.raises(UserError, match=r'cannot write .*pixels: No space left on device; --cache_dir=FOLDER keeps'):
        both()
    assert os.listdir('mine/' + cache.FOLDER) == []
    monkeypatch.setattr(cache.shutil, 'disk_usage', lambda folder: shutil._ntuple_diskusage(1, 1, 1))
    with pytest.raises(UserError, match=r'cannot write .*pixels: No space left on device'):
        both()


@pytest.mark.once
def test_a_cache_whose_writer_was_killed_is_begun_anew():
    write_pictures(600)
    script = ('import os\nfrom dcgan_tf1.data import loading, pictures, reading\nread = pictures.read\n'
              'def slow(found, shape, how, write, bar):\n'
              '    def die(row, pixels):\n        write(row, pixels)\n        os.kill(os.getpid(), 9)\n'
              '    return read(found, shape, how, die, bar)\npictures.read = slow\n'
              'loading.load("folder", data_dir="mine", shape=(28, 28, 1), reading=reading.Reading(cache_gib=0))\n')
    process = subprocess.run([sys.executable, '-c', script], env=command_environment(), check=False)
    assert process.returncode == -9
    part, = os.listdir('mine/' + cache.FOLDER)
    assert part.startswith('.part-')
    memory, file, _ = both()
    assert memory.checksum == file.checksum
    assert os.listdir('mine/' + cache.FOLDER) == [part[len('.part-'):]]


def test_what_killed_writers_left_is_removed_and_what_is_being_written_is_not():
    write_pictures(3)
    both()
    folder = os.path.join('mine', cache.FOLDER)
    name, = os.listdir(folder)
    kind = '.part-' + name.rpartition('-')[0]
    parts = [os.path.join(folder, part) for part in (kind + '-0.pixels', kind + '-1.pixels', '.part-other-0.pixels')]
    for part in parts:
        open(part, 'w').close()
    with open(parts[1]) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        lines = both()[2]
        assert lines[0].endswith('-0.pixels: left by a process that was killed, removed') and len(lines) == 2
        assert [os.path.exists(part) for part in parts] == [False, True, True]
        write_pictures(3, seed=1)  # where a file is made, too
        both()
        assert os.path.exists(parts[1])
    both()
    assert not os.path.exists(parts[1]) and len(os.listdir(folder)) == 2


def test_the_limit_is_by_the_memory_that_is_free(monkeypatch):
    assert cache.limit(reading.Reading(cache_gib=0.5)) == 1 << 29
    assert cache.free_memory() > 1 << 26 and cache.limit(reading.DEFAULTS) < 1 << 44
    for endless in (float('inf'), 1e300, 10 ** 400):
        assert cache.limit(reading.Reading(cache_gib=endless)) == 1 << 63
        assert reading.record_of(reading.Reading(cache_gib=endless)) == {'cache_gib': 1 << 33}
    for wrong in (float('nan'), -1, -float('inf')):
        with pytest.raises(UserError, match='load_dataset: expected a cache_gib of 0 or more, found (nan|-1|-inf)$'):
            reading.of_library('npz', {'cache_gib': wrong})
    monkeypatch.setattr(cache, '_GROUP_FILES', (('most', 'used'),))
    monkeypatch.setattr(cache, '_number_in', lambda path: {'most': 5000, 'used': 3000}[os.path.basename(path)])
    assert cache.limit(reading.DEFAULTS) == 1000


# ----------------------------------------------------------------------------------- training

def test_bytes_become_what_they_were_as_floats():
    images = np.random.RandomState(0).randint(0, 256, (9, 28, 28, 1)).astype(np.uint8)
    dataset = loading.Dataset('folder', images, None, (), 'f', {}, 'c', None, None, 9)
    for name in ('blog_mnist', 'resnet_mnist'):
        data = prepare.prepare(dataset, PRESETS[name])
        low, high = PRESETS[name].image_range
        np.testing.assert_array_equal(data.images, ((images.astype(np.float32) / 255) * (high - low) + low).astype(
            np.float32).reshape((-1,) + data.input_shape))
        assert data.as_bytes(PRESETS[name].image_range) is images


def test_bytes_that_depend_on_their_place_are_scaled_a_few_images_at_a_time(monkeypatch):
    images = np.random.RandomState(0).randint(0, 200, (9, 32, 32, 3)).astype(np.uint8)
    preset = dataclasses.replace(PRESETS['blog_cifar_horse'], image_class=None)
    data = prepare.prepare(loading.Dataset('folder', images, None, (), 'f', {}, 'c', None, None, 9), preset)
    expected = to_uint8(data.images, preset.image_range).reshape(images.shape)
    monkeypatch.setattr(prepare, '_AT_ONCE', 2 * 32 * 32 * 3)
    calls, scaled = [], prepare.TrainingData._scaled
    monkeypatch.setattr(prepare.TrainingData, '_scaled', lambda self, some: calls.append(some) or scaled(self, some))
    np.testing.assert_array_equal(data.as_bytes(preset.image_range), expected)
    assert len(calls) == 5 and (expected != images).any()
    # Those in a file stay there until they are asked for.
    images.tofile('images')
    mapped = np.memmap('images', np.uint8, 'r', shape=images.shape)
    for pixels, rows in ((mapped, np.arange(9)), (picked.pick(mapped, [8, 2, 5]), np.array([8, 2, 5]))):
        del calls[:]
        found = data._replace(pixels=pixels).as_bytes(preset.image_range)
        assert picked.in_file(found) and not calls and found.shape == (len(rows), 32, 32, 3)
        np.testing.assert_array_equal(found[1:3], expected[rows[1:3]])
        np.testing.assert_array_equal(found[-1], expected[rows[-1]])
        np.testing.assert_array_equal(picked.pick(found, [1, 0])[:], expected[rows[[1, 0]]])
        assert [len(some) for some in calls[:1]] == [2]


class _Features:
    """In the place of an Extractor."""

    name = 'means'

    def run(self, images):
        return np.asarray(images[:], np.float64).mean(axis=(1, 3))[:, :4], None


def test_images_in_a_file_are_picked_and_measured_as_those_in_memory(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (240, 28, 28, 1)).astype(np.uint8)
    images.tofile('pixels')
    mapped = np.memmap('pixels', np.uint8, 'r', shape=images.shape)
    labels, found = np.arange(240) % 3, []
    for pixels in (images, mapped, picked.joined([images[:100], mapped[100:103], mapped[103:]])):
        dataset = loading.Dataset('folder', pixels, labels, tuple('abc'), 'f', {}, 'c', None, None, 240)
        data = prepare.prepare(dataset, PRESETS['blog_mnist'], 'b')
        assert picked.in_file(data.pixels) == (pixels is not images) and data.count == 80
        np.testing.assert_array_equal(picked.pick(data.pixels, [5, 3])[:], images[1::3][[5, 3]])
        minmax = prepare.prepare(dataset, dataclasses.replace(PRESETS['blog_mnist'], scaling='minmax'))
        reference = evaluation.make_reference(data.as_bytes((-1, 1)), 't', _Features(), 20, 0, log=lambda line: None)
        found.append([data.images, data.scaled([7, 2]), minmax.images, minmax.as_bytes((-1, 1)),
                      reference.features, reference.images[[4, 1]], reference.other.images])
    for one, *others in zip(*found):
        for other in others:
            np.testing.assert_array_equal(one, other)


def test_two_splits_in_files_stay_there_as_one():
    images = np.random.RandomState(0).randint(0, 256, (13, 28, 28)).astype(np.uint8)
    np.savez('mine.npz', x_train=images[:9], x_test=images[9:])
    memory, file = [loading.load_splits('npz', ('train', 'test'), 'mine.npz', log=[].append, reading=how)
                    for how in (reading.DEFAULTS, reading.Reading(cache_gib=0))]
    assert picked.in_file(file.images) and not picked.in_file(memory.images) and memory.checksum == file.checksum
    assert file.images.shape == (13, 28, 28, 1) and file.images.dtype == np.uint8
    some = picked.pick(file.images, np.arange(13))
    for key in (0, -1, slice(7, 11), slice(None, None, -3), [12, 0, 12, 9], np.arange(13) % 2 == 0, slice(0, 0),
                Ellipsis, (Ellipsis, 0), (10, 3), (slice(8, 10), slice(2), 5), ([1, 11], Ellipsis, 0), (None, 2), ()):
        np.testing.assert_array_equal(file.images[key], memory.images[key])
        np.testing.assert_array_equal(some[key], memory.images[key])


@pytest.mark.parametrize('scaling, shape', [('bytes', (28, 28, 1)), ('minmax', (28, 28, 1)), ('bytes', (3, 5, 3))])
def test_a_step_gets_the_same_floats_however_its_images_come(scaling, shape):
    preset = dataclasses.replace(PRESETS['blog_mnist'], scaling=scaling, incomplete_batch='keep', batch_size=4,
                                 image_shape=shape, input_shape=shape)
    images = np.random.RandomState(0).randint(0, 256, (9,) + shape).astype(np.uint8)
    data = prepare.prepare(loading.Dataset('folder', images, None, (), 'f', {}, 'c', None, None, 9), preset)
    indices = np.array([[3, 8, 1, 0], [5, 2, -1, -1]], np.int32)
    for how, given, table in ((step_loop.FLOATS, data.images, None), (step_loop.BYTES, data.pixels, data.table),
                              (step_loop.FED, None, data.table)):
        with tf.Graph().as_default(), tf.Session() as session, step_loop.loops_of_tensorflow_1():
            with tf.variable_scope('', use_resource=True):
                global_step = tf.train.get_or_create_global_step()
                seen = tf.get_variable('seen', initializer=np.zeros((0,) + shape, np.float32), validate_shape=False)

                def update(spec, real, *_, seen=seen, **__):
                    return tf.assign(seen, tf.concat([seen.read_value(), real], 0), validate_shape=False).op

                loop = step_loop.build_step_loop(preset, update, global_step, 4, 2, how)
            # A GPU has none of bytes: all images would be copied to the processor in every step.
            gathers = [op.inputs[0].dtype.base_dtype for op in tf.get_default_graph().get_operations()
                       if 'Gather' in op.type]
            assert how == step_loop.FED or tf.uint8 not in gathers
            session.run(tf.global_variables_initializer())
            handles = type('Handles', (), {'loop': loop, 'exchange': None})
            steps = step_loop.make_steps(session, handles, given, table=table)
            fed = () if given is not None else (images[np.maximum(indices, 0)],)
            steps(1, indices, np.zeros((2, 4, 100), np.float32), *fed)
            np.testing.assert_array_equal(session.run(seen), data.images[[3, 8, 1, 0, 5, 2] if len(
                preset.schedule) == 1 else [3, 8, 1, 0, 3, 8, 1, 0, 5, 2, 5, 2]])


def settings(path):
    return json.loads(read(path + '/config.json'))


@pytest.mark.slow
def test_training_from_a_file_is_training_from_memory():
    write_pictures(100)
    flags = ['--preset=blog_dense', '--dataset=folder', '--data_dir=mine', '--batch_size=16', '--log_every=5',
             '--crop=26', '--resize=bilinear', '--checkpoint_every=5']
    assert train.main(flags + ['--max_steps=10', '--run_dir=memory']) == 0
    # Stopped and gone on with, and not with other pixels.
    assert train.main(flags + ['--max_steps=5', '--run_dir=file', '--cache_gib=0']) == 0
    assert train.main(flags + ['--max_steps=10', '--run_dir=file/00000-blog_dense', '--cache_gib=0']) == 0
    runs = ['memory/00000-blog_dense', 'file/00000-blog_dense']
    values = []
    for run in runs:
        prefix = checkpoint.checkpoint_path(run + '/checkpoints', 10)
        reader = tf.train.NewCheckpointReader(prefix)
        values.append({name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
    for name, value in values[0].items():
        np.testing.assert_array_equal(value, values[1][name], name)
    assert settings(runs[0])['identity'] == settings(runs[1])['identity']
    identity, data = settings(runs[1])['identity'], settings(runs[1])['data']
    assert (identity['crop'], identity['resize'], data['reading']) == (26, 'bilinear', {'cache_gib': 0})
    assert data['notes'] == ['100 of 100 pictures cropped to 26x26 at their centres, from 28x28',
                             '100 of 100 pictures resized to 28x28 (bilinear)']
    assert run_images.reading_of(runs[1]) == reading.Reading(crop=26, resize='bilinear', cache_gib=0)
    Image.new('L', (28, 28), 3).save('mine/new.png')
    with pytest.raises(UserError, match='file/00000-blog_dense: expected the settings .*; data_checksum was'):
        trainer.train(train.parse_train(flags + ['--max_steps=12', '--run_dir=' + runs[1]]))


@pytest.mark.slow_tf1
def test_labels_go_with_images_that_each_call_brings():
    for number in range(10):
        write_pictures(10, 'mine/{}'.format(number), number)
    flags = ['--preset=labelled_dense', '--dataset=folder', '--data_dir=mine', '--batch_size=16']
    with registered('labelled_dense'):
        for run, more in (('memory', []), ('file', ['--cache_gib=0'])):
            assert train.main(flags + more + ['--max_steps=5', '--run_dir=' + run]) == 0
        plan = make_plan(train.parse_train(flags + ['--cache_gib=0']), print)
    assert plan.fed and sorted(set(plan.data.labels)) == list(range(10))
    readers = [tf.train.NewCheckpointReader(checkpoint.checkpoint_path(run + '/00000-labelled_dense/checkpoints', 5))
               for run in ('memory', 'file')]
    for name in readers[0].get_variable_to_shape_map():
        np.testing.assert_array_equal(*[reader.get_tensor(name) for reader in readers], name)


@pytest.mark.slow
def test_images_too_many_for_the_device_are_fed_and_the_bits_are_the_same(monkeypatch, capfd):
    write_pictures(100)
    flags = ['--preset=blog_dense', '--dataset=folder', '--data_dir=mine', '--batch_size=16', '--precision=float32']
    assert train.main(flags + ['--max_steps=6', '--run_dir=kept']) == 0
    find = devices.find
    for memory, fed in ((4 * 100 * 28 * 28, False), (4 * 100 * 28 * 28 - 4, True)):
        def found(*given, memory=memory, **named):
            return find(*given, **named)._replace(memory=memory)

        monkeypatch.setattr(devices, 'find', found)
        assert make_plan(train.parse_train(flags), print, memory).fed == fed
        assert train.main(flags + ['--max_steps=6', '--run_dir=fed']) == 0
        assert ('are more than a quarter of the 0.0 GiB of memory on the device' in capfd.readouterr().out) == fed
    readers = [tf.train.NewCheckpointReader(checkpoint.checkpoint_path(run + '/checkpoints', 6))
               for run in ('kept/00000-blog_dense', 'fed/00000-blog_dense', 'fed/00001-blog_dense')]
    for name in readers[0].get_variable_to_shape_map():
        for other in readers[1:]:
            np.testing.assert_array_equal(readers[0].get_tensor(name), other.get_tensor(name), name)


@pytest.mark.parametrize('flag, message', [
    ('--dataset=npz --cache_gib=nan', '--cache_gib: expected a finite number, found nan'),
    ('--dataset=npz --cache_gib=-1', "--cache_gib: expected a number from 0, found '-1'"),
    ('--crop=20', '--crop: expected only with --dataset=folder, found --crop=20'),
    ('--cache_gib=1', '--cache_gib: expected only with --dataset=folder or npz, found'),
    ('--skip_damaged', '--skip_damaged: expected only with')])
def test_flags_that_are_refused(flag, message, capsys):
    assert train.main(['--preset=blog_mnist'] + flag.split()) == 2
    assert message in capsys.readouterr().err


def from_file(**how):
    return loading.load('folder', data_dir='mine', shape=(4, 4, 1), log=lambda line: None,
                        reading=reading.Reading(cache_gib=0, **how)).images


def test_what_decides_on_the_pixels_decides_on_the_files_name():
    os.mkdir('mine')
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (9, 9, 4)).astype(np.uint8)).save('mine/a.png')
    for how in ({'background': 'white'}, {'resize': 'nearest'}):
        assert not np.array_equal(from_file(), from_file(**how))
    open('mine/b.png', 'w').close()
    assert len(from_file(skip_damaged=True)) == 1
    with pytest.raises(UserError, match='b.png: expected a picture'):
        from_file()


def test_folders_of_one_name_have_a_file_each_in_one_cache():
    for parent, value in (('one', 10), ('two', 20)):
        grey(parent + '/mine/a.png', value)
        os.utime(parent + '/mine/a.png', (1, 1))
        assert load(parent + '/mine', cache_gib=0, cache_dir='kept')[0] == [value]
    assert len(os.listdir('kept')) == 2


def test_an_archive_of_other_pictures_of_the_same_sizes_is_decoded_anew():
    for value in (10, 20):
        Image.new('L', (4, 4), value).save('a.bmp')
        with zipfile.ZipFile('a.zip', 'w') as archive:
            archive.write('a.bmp', 'x/a.bmp')
        assert load('a.zip', cache_gib=0)[0] == [value]


def test_arrays_in_fortran_order_are_no_file():
    array = np.random.RandomState(0).randint(0, 256, (5, 9, 9)).astype(np.uint8)
    np.savez('x.npz', images=np.asfortranarray(array))
    np.testing.assert_array_equal(loading.load('npz', data_dir='x.npz', log=print).images[..., 0], array)
    with pytest.raises(UserError, match='images in Fortran order, .*ascontiguousarray.*--cache_gib'):
        loading.load('npz', data_dir='x.npz', log=print, reading=reading.Reading(cache_gib=0))
