"""What `dcgan-sample` makes images of, and the files that it writes them into."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dcgan_tf1.gan import noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import image_files, sample_inputs, samples, video
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.images import double, grid

PLAIN, LABELLED = PRESETS['blog_mnist'], PRESETS['cgan_mnist']
IMAGES = np.random.RandomState(0).randint(0, 256, (6, 4, 6, 3)).astype(np.uint8)


def test_seeds_are_listed_as_numbers_and_ranges():
    assert flags.parse_seeds('seeds', '0-3,40,2') == (0, 1, 2, 3, 40, 2) and flags.parse_seeds('seeds', None) is None
    for text in ('', '1,', '3-1', '-1', '1-', 'a', '1.5', '0-1000000', '1-2-3'):
        with pytest.raises(flags.Error, match='--seeds: expected seeds and ranges of them, as 0-35,40, .*found'):
            flags.parse_seeds('seeds', text)


def test_the_image_of_a_seed_is_the_first_that_the_seed_draws():
    found = sample_inputs.images_of(PLAIN, None, 0, [], sample_inputs.of_seeds(PLAIN, (3, 40)))
    np.testing.assert_array_equal(found.z, [noise.sample_noise(PLAIN, 9, seed)[0] for seed in (3, 40)])
    assert (found.labels, found.columns, found.names) == (None, 2, ['seed000003', 'seed000040'])
    # As many files as images are asked for are those of as many seeds.
    found = sample_inputs.images_of(PLAIN, 3, 39, [], as_files=True)
    np.testing.assert_array_equal(found.z[1], noise.sample_noise(PLAIN, 1, 40)[0])
    assert found.names == ['seed000039', 'seed000040', 'seed000041']
    # Of a preset with labels, each seed in all the classes that are asked for.
    found = sample_inputs.images_of(LABELLED, 5, 7, [3, 8], as_files=True)
    assert found.labels.tolist() == [3, 8, 3, 8, 3] and found.columns == 2 and found.labels.dtype == np.int32
    assert found.names == ['seed000007-class3', 'seed000007-class8', 'seed000008-class3', 'seed000008-class8',
                           'seed000009-class3']
    np.testing.assert_array_equal(found.z, noise.noise_of_seeds(LABELLED, [7, 7, 8, 8, 9]))
    assert len(sample_inputs.images_of(LABELLED, None, 0, [7], as_files=True).z) == 10
    names = ['0', '07', 'a b/c', '3', '</b>'] + list('56789')
    found = sample_inputs.images_of(LABELLED, 5, 7, [0, 1, 2, 3, 4], as_files=True, names=names)
    assert [name[10:] for name in found.names] == ['-class0', '-class1-07', '-class2-a_b_c', '-class3', '-class4-b']


def test_walks_lead_from_each_seed_to_the_next_or_keep_it_from_class_to_class():
    given = sample_inputs.of_seeds(PLAIN, (3, 1, 4))
    found = sample_inputs.interpolations_of(PLAIN, None, 5, 0, [], given)
    rows = found.z.reshape(2, 5, 100)
    np.testing.assert_allclose(rows[:, 0], given.z[:2], atol=1e-6)
    np.testing.assert_allclose(rows[:, 4], given.z[1:], atol=1e-6)
    np.testing.assert_allclose(rows[0, 1], 0.75 * given.z[0] + 0.25 * given.z[1], atol=1e-6)
    assert found.columns == 5
    found = sample_inputs.interpolations_of(LABELLED, None, 5, 0, [3, 8], given)
    np.testing.assert_array_equal(found.z, given.z.repeat(5, axis=0))
    np.testing.assert_array_equal(found.labels[[0, 4, 5]], np.eye(10)[[3, 8, 3]])
    # Labels that are given with the noise walk with it.
    found = sample_inputs.interpolations_of(LABELLED, None, 3, 0, [3, 8], given._replace(labels=np.array([3, 0, 1])))
    np.testing.assert_allclose(found.z[[0, 2]], given.z[:2], atol=1e-6)
    ends = np.eye(10)[[3, 0, 1]]
    np.testing.assert_array_equal(found.labels[[0, 2, 3, 5]], ends[[0, 1, 1, 2]])
    np.testing.assert_array_equal(found.labels[[1, 4]], (ends[:2] + ends[1:]) / 2)
    with pytest.raises(UserError, match='--interpolate: expected two noise vectors or more, found 1'):
        sample_inputs.interpolations_of(PLAIN, None, 5, 0, [], sample_inputs.of_seeds(PLAIN, (3,)))


def test_noise_and_labels_in_a_file(tmp_path):
    path, z = str(tmp_path / 'z.npz'), noise.sample_noise(PLAIN, 4)
    np.savez(path, z=z.astype(np.float64), labels=np.array([9, 0, 0, 3]))
    found = sample_inputs.images_of(LABELLED, None, 0, range(10), sample_inputs.read(path, LABELLED))
    np.testing.assert_array_equal(found.z, z)
    assert found.labels.tolist() == [9, 0, 0, 3] and found.names == [
        'z000000-class9', 'z000001-class0', 'z000002-class0', 'z000003-class3']
    assert found.z.dtype == np.float32 and found.columns == 2
    assert sample_inputs.read(path, PLAIN).labels is None
    np.savez(path, z=z, labels=np.full((4, 10), 0.1), classes=np.array(list('0123456789')))
    assert sample_inputs.read(path, LABELLED, tuple('0123456789')).labels.shape == (4, 10)
    with pytest.raises(UserError, match=r'expected labels of the classes a, b, .*, found those of 0, 1, .*--class'):
        sample_inputs.read(path, LABELLED, tuple('abcdefghij'))
    # Those of another preset are in nobody's way where they are not wanted.
    np.savez(path, z=z, labels=np.array([3, 19, 0, 3]))
    assert sample_inputs.read(path, LABELLED, tuple('abcdefghij'), with_labels=False).labels is None


@pytest.mark.parametrize('arrays, message', [
    ({'x': [1]}, "array 'z', found: x"), ({'z': np.zeros((2, 99))}, r'z \[N, 100\], numbers, found float64 \[2, 99\]'),
    ({'z': np.zeros((0, 100))}, r'found float64 \[0, 100\]'), ({'z': np.full((2, 100), np.nan)}, 'finite'),
    ({'z': np.zeros((2, 100)), 'labels': [1, 10]},
     r'labels, integers \[2\] from 0 to 9 or finite weights \[2, 10\], found int64 \[2\] from 1 to 10'),
    ({'z': np.zeros((2, 100)), 'labels': ['a', 'b']}, 'values of the type <U1'),
    ({'z': np.full((2, 100), 1e300)}, 'finite values in z'),
    ({'z': np.zeros((2, 100)), 'labels': [1]}, r'found int64 \[1\]'),
    ({'z': np.zeros((2, 100)), 'labels': np.zeros((2, 9))}, r'found float64 \[2, 9\]')])
def test_noise_that_does_not_fit_is_refused(arrays, message, tmp_path):
    np.savez(str(tmp_path / 'z.npz'), **arrays)
    with pytest.raises(UserError, match='z.npz: .*' + message):
        sample_inputs.read(str(tmp_path / 'z.npz'), LABELLED)


def test_a_file_for_each_image(tmp_path):
    folder, names = str(tmp_path / 'new' / 'images'), ['seed{:06d}'.format(i) for i in range(6)]
    image_files.check(folder, names, False)
    assert os.listdir(str(tmp_path)) == []
    image_files.save(folder, names[:4], IMAGES[:4])
    image_files.save(folder, names[4:], IMAGES[4:])
    assert sorted(os.listdir(folder)) == [name + '.png' for name in names]
    for name, image in zip(names, IMAGES):
        np.testing.assert_array_equal(np.asarray(Image.open(os.path.join(folder, name + '.png'))), image)
    with pytest.raises(UserError, match='images: expected no seed000004.png, found 2 of the 3 files to be written; '
                                        '--overwrite'):
        image_files.check(folder, ['other'] + names[4:], False)
    image_files.check(folder, ['other'] + names[4:], True)
    assert image_files.check(folder, ['other'], False) == 6  # which stay
    assert image_files.check(folder, ['other'] + names[4:], True) == 4
    with pytest.raises(UserError, match='each image once, found seed000000 again'):
        image_files.check(folder, names + names[:1], True)
    with pytest.raises(UserError, match='--outdir: expected a folder, found the file'):
        image_files.check(os.path.join(folder, 'seed000000.png'), names, True)


def test_a_video_shows_all_rows_there_and_back(tmp_path):
    frames = video.frames_of(IMAGES, 3)  # two rows of three
    assert len(frames) == 4
    for frame, moment in zip(frames, (0, 1, 2, 1)):
        np.testing.assert_array_equal(frame, double(grid(IMAGES[[moment, 3 + moment]], 2)))
    grey = [frame[..., :1] for frame in frames]
    video.save(str(tmp_path / 'walk.gif'), grey)
    with Image.open(str(tmp_path / 'walk.gif')) as film:
        shown = [(np.asarray(each.convert('L')), each.info['duration']) for each in ImageSequence.Iterator(film)]
    for (found, milliseconds), frame in zip(shown, grey):
        np.testing.assert_array_equal(found, frame[..., 0])
        assert milliseconds == 40
    assert len(shown) == 4


ENCODER = '''#!{}
import sys
if '-encoders' in sys.argv:
    print(' V....D mpeg4  MPEG-4')
elif '{}':
    print('no such thing', file=sys.stderr); sys.exit(3)
else:
    with open(sys.argv[-1][len('file:'):], 'wb') as out:
        out.write(' '.join(sys.argv[1:-1]).encode() + b'\\n' + sys.stdin.buffer.read())
'''


def test_a_video_is_handed_to_ffmpeg_or_becomes_a_gif(tmp_path, monkeypatch):
    """By a program that writes down what it is handed; below, by the real one where it is."""
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(video.importlib.util, 'find_spec', lambda name: None)
    frames, path = video.frames_of(IMAGES, 3), str(tmp_path / 'walk.mp4')
    assert video.writable_path(path) == (path[:-3] + 'gif', 'in place of {}, for there is no ffmpeg (pip install '
                                         'imageio-ffmpeg)'.format(path))
    assert video.writable_path('walk.gif') == ('walk.gif', None)
    program = tmp_path / 'ffmpeg'
    program.write_text(ENCODER.format(sys.executable, ''))
    program.chmod(0o755)
    assert video.writable_path(path) == (path, None)
    video.save(path, frames)
    with open(path, 'rb') as handle:
        arguments, pixels = handle.readline().decode(), handle.read()
    assert '-pix_fmt rgb24 -s 24x8 -r 25 -i - ' in arguments and '-c:v mpeg4 ' in arguments
    np.testing.assert_array_equal(np.frombuffer(pixels, np.uint8).reshape(4, 8, 24, 3), frames)
    program.write_text(ENCODER.format(sys.executable, 'fails'))
    os.remove(path)
    with pytest.raises(UserError, match='walk.mp4: expected a video from .*, found that it failed: no such thing'):
        video.save(path, frames)
    assert sorted(os.listdir(str(tmp_path))) == ['ffmpeg']


def test_a_video_decodes_to_its_frames(tmp_path):
    program = video.find_encoder()
    if program is None:
        pytest.skip('ffmpeg is not here (pip install imageio-ffmpeg)')
    smooth = np.mgrid[:32, :48].sum(axis=0)[np.newaxis, ..., np.newaxis] * 2 + np.arange(6).reshape(6, 1, 1, 1) * 9
    frames, path = video.frames_of(np.repeat(smooth, 3, axis=3).astype(np.uint8), 3), str(tmp_path / 'a:b.mp4')
    video.save(path, frames)
    pixels = subprocess.run(
        [program, '-loglevel', 'error', '-i', 'file:' + path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    found = np.frombuffer(pixels, np.uint8).reshape((4,) + frames[0].shape).astype(int)
    assert np.abs(found - frames).mean() < 3 and np.abs(found - frames).max() < 30


def test_rows_of_a_run_are_read_when_they_are_asked_for(tmp_path):
    said = []
    for step in (10, 5, 20):
        raw = np.full((2, 4, 4, 1), step / 20, np.float32)
        samples.save(str(tmp_path), step, 'step.png', np.zeros((4, 8, 1), np.uint8), raw, np.zeros((2, 3)))
    (tmp_path / 'samples' / 'step-000015.npz').write_bytes(b'PK')
    rows = samples.load(str(tmp_path), (0.0, 1.0), said.append)
    assert rows.steps == [5, 10, 20] and len(said) == 1 and 'step-000015.npz' in said[0]
    assert [(step, images[0, 0, 0, 0]) for step, images in rows] == [(5, 64), (10, 128), (20, 255)]
    rows = rows.up_to(10)
    rows.append(30, samples.save(str(tmp_path), 30, 'step.png', np.zeros((4, 8, 1), np.uint8), raw, np.zeros((2, 3))))
    assert rows[1:].steps == [10, 30] and rows[-1][1].shape == (2, 4, 4, 1)
    os.remove(str(tmp_path / 'samples' / 'step-000010.npz'))
    assert rows.still_there().steps == [5, 30]
    with pytest.raises(UserError, match='step-000010.npz'):
        list(rows)


@pytest.mark.parametrize('name, classes', [('blog_mnist', []), ('cgan_mnist', [1]), ('cgan_mnist', [1, 2])])
def test_walks_are_a_function_of_the_seed(name, classes):
    first, other = [sample_inputs.interpolations_of(PRESETS[name], 2, 3, seed, classes).z for seed in (5, 0)]
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(first[0], noise.sample_noise(PRESETS[name], 1, 5)[0], atol=1e-6)


def test_frames_have_even_sides_and_are_doubled_while_they_are_small(monkeypatch):
    monkeypatch.setattr(video, 'MAX_FRAME_PIXELS', 1000)
    sizes = [video.frames_of(np.zeros((2, height, width, 1), np.uint8), 2)[0].shape[:2]
             for height, width in ((40, 40), (41, 40), (40, 41), (10, 10))]
    assert sizes == [(40, 40), (82, 80), (80, 82), (20, 20)]
