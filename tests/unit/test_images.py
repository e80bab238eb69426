"""Conversion to bytes, grids and figures."""

import io
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from helpers.commands import command_environment
from PIL import Image

from dcgan_tf1.metrics.table import DRAWN
from dcgan_tf1.reporting import figures
from dcgan_tf1.util import images
from dcgan_tf1.util.column_heads import column_heads, short_names
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.figure_style import FigureError


@pytest.mark.parametrize('image_range', [(-1.0, 1.0), (0.0, 1.0)])
def test_to_uint8_at_the_ends_of_the_range(image_range):
    low, high = image_range
    middle = (low + high) / 2
    values = np.array([low, high, middle, low - 1, high + 1, low + 1e-7, high - 1e-7], np.float32)
    assert images.to_uint8(values, image_range).tolist() == [0, 255, 128, 0, 255, 0, 255]


def test_to_uint8_undoes_the_scaling_of_every_level():
    levels = np.arange(256, dtype=np.uint8)
    scaled = (levels.astype(np.float32) / 255 * 2 - 1).astype(np.float32)
    np.testing.assert_array_equal(images.to_uint8(scaled, (-1.0, 1.0)), levels)


def test_to_uint8_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match='found 2 values'):
        images.to_uint8(np.array([0, np.nan, np.inf]), (-1, 1))


def test_grid_and_png(tmp_path):
    cells = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30, 40, 50)])
    picture = images.grid(cells, columns=3)
    assert picture.shape == (4, 9, 1)
    assert picture[0, ::3, 0].tolist() == [10, 20, 30] and picture[2, ::3, 0].tolist() == [40, 50, 0]
    images.save_png(str(tmp_path / 'x.png'), picture)
    np.testing.assert_array_equal(np.asarray(Image.open(str(tmp_path / 'x.png'))), picture[..., 0])
    colours = np.random.RandomState(0).randint(0, 256, (6, 5, 3)).astype(np.uint8)
    images.save_png(str(tmp_path / 'y.png'), colours)
    np.testing.assert_array_equal(np.asarray(Image.open(str(tmp_path / 'y.png'))), colours)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['x.png', 'y.png']


@pytest.mark.parametrize('channels', [1, 3])
def test_rows_figure_shows_every_pixel(tmp_path, channels):
    draw = np.random.RandomState(0)
    rows = [(step, draw.randint(0, 256, (4, 28, 28, channels)).astype(np.uint8)) for step in (101, 202, 303)]
    figures.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title')
    drawn = np.asarray(Image.open(str(tmp_path / 'f.png')).convert('RGB')).astype(int)
    expected = np.concatenate([images.grid(row, 4) for _, row in rows]).astype(int)
    expected = np.broadcast_to(expected, expected.shape[:2] + (3,))
    # The margins are 70 pixels on the left and 40 above; the picture is drawn one to one.
    difference = np.abs(drawn[40:40 + 84, 70:70 + 112] - expected)
    assert difference[1:-1, 1:-1].max() == 0  # the frame covers the edge


def test_rows_figure_of_very_many_rows(tmp_path):
    rows = [(step, np.full((1, 4, 4, 1), 10 * step, np.uint8)) for step in range(1, 8)]
    figures.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title', 3)
    drawn = np.asarray(Image.open(str(tmp_path / 'f.png')).convert('L'))
    assert drawn[40 + 2:40 + 12:4, 72].tolist() == [10, 40, 70]  # steps 1, 4 and 7: the last is shown


@pytest.mark.parametrize('side, classes, count, drawn', [
    (28, 0, 25, (1, 25)), (64, 0, 64, (1, 64)), (128, 0, 64, (1, 30)), (512, 0, 64, (1, 1)), (4096, 0, 64, (1, 1)),
    (32, 10, 60, (6, 10)), (128, 10, 60, (3, 10)), (256, 10, 60, (1, 7))])
def test_of_large_images_fewer_are_drawn(side, classes, count, drawn):
    lines, columns = figures.drawn_of_row((count, side, side, 3), classes)
    assert (lines, columns) == drawn
    assert side > 700 or lines * columns * side * side * figures.FEW_ROWS <= figures.MAX_PIXELS
    cells = np.arange(count)[:, np.newaxis]
    expected = [line * (classes or count) + column for line in range(lines) for column in range(columns)]
    assert figures.first_images(cells, lines, columns, classes)[:, 0].tolist() == expected


def test_a_figure_of_large_images_has_no_more_pixels_than_memory_is_for(tmp_path):
    rows = [(step, np.full((64, 64, 64, 1), step, np.uint8)) for step in range(1, 62)]
    figures.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title')
    with Image.open(str(tmp_path / 'f.png')) as picture:
        assert np.abs(np.subtract(picture.size, (70 + 64 * 64 + 12, 40 + 21 * 64 + 12))).max() <= 1  # every third
    rows = [(step, np.full((64, 256, 256, 1), step, np.uint8)) for step in range(1, 21)]
    figures.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title')
    with Image.open(str(tmp_path / 'f.png')) as picture:
        # Seven images, every second row.
        assert np.abs(np.subtract(picture.size, (70 + 7 * 256 + 12, 40 + 10 * 256 + 12))).max() <= 1


def test_names_stand_over_their_columns():
    heads = column_heads(['0', 'WWWW', 'i'], 80)
    assert heads.shape[1:] == (240, 1) and len(heads) < 20
    upright = column_heads(['0', 'WWWW', 'i'], 28)
    assert upright.shape[1:] == (84, 1) and len(upright) > 30
    for found, width in ((heads, 80), (upright, 28)):
        middles = [np.flatnonzero(part.min(axis=0)[:, 0] < 128).mean() for part in np.split(found, 3, axis=1)]
        assert all(abs(middle - width / 2) < 4 for middle in middles)
    # A name of somebody else's can't make a picture of any size, nor a line of its own.
    assert short_names(['a' * 24 + 'b' * 9999, 'a' * 24, '\u732b', 'f\xfcnf', 'two\n lines']) == [
        'a' * 14 + '\u2026' + 'b' * 9, 'a' * 24, '#2', 'f\xfcnf', 'two lines']  # the font has no cat
    np.testing.assert_array_equal(column_heads(['two\n lines'], 80), column_heads(['two lines'], 80))


def test_of_very_many_classes_the_first_are_drawn(tmp_path):
    """120 samples of 60 classes, of which each has its number's grey: 50 columns, two rows for each step."""
    cells = np.broadcast_to(np.tile(np.arange(60, dtype=np.uint8), 2)[:, np.newaxis, np.newaxis, np.newaxis],
                            (120, 4, 4, 1))
    names = list(map(str, range(60)))
    sheet = figures.class_sheet(cells, names)
    assert sheet.shape[1] == 50 * 8
    np.testing.assert_array_equal(sheet[-16:, ::8, 0], np.tile(np.arange(50), (16, 1)))
    figures.save_rows_figure(str(tmp_path / 'f.png'), [(1, cells), (2, cells), (3, cells)], 'title', 4, names)
    drawn = np.asarray(Image.open(str(tmp_path / 'f.png')).convert('L'))
    np.testing.assert_array_equal(drawn[-26:-14:4, 72:272:4], np.tile(np.arange(50), (3, 1)))
    assert drawn[-12 - 17, 72] == 255  # two steps of two rows each, under the names


def test_losses_figure_with_2017s_curve(tmp_path):
    for name, rows, first in (('mnist2017_losses.csv', 42, (101, 0.4604, 4.5237)),
                              ('cifar2017_losses.csv', 38, (100, 0.7785, 1.9247))):
        recorded = figures.read_recorded_losses(name)
        assert len(recorded['step']) == rows
        assert (recorded['step'][0], recorded['d_loss'][0], recorded['g_loss'][0]) == first
    path = str(tmp_path / 'l.png')
    ours = {'step': [100, 200], 'd_loss': [1.0, 0.9], 'g_loss': [2.0, 1.5]}
    figures.save_losses_figure(path, ours, 'title', recorded)
    with_curve = np.asarray(Image.open(path))
    figures.save_losses_figure(path, {'step': [100, 200], 'd_loss_real': [1.0, 0.9]}, 'title', recorded)
    figures.save_losses_figure(path, ours, 'title')
    assert with_curve.shape == (432, 1080, 4) and (with_curve != np.asarray(Image.open(path))).any()


def every_figure(tmp_path, text):
    """Each figure that there is with `text` wherever somebody else's text goes: {name: its pixels}."""
    cells = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4, 1)
    rows, losses = [(1, cells), (2, cells)], {'step': [1, 2], 'd_loss': [1.0, 2.0], 'g_loss': [1.0, 3.0]}
    metrics = {metric.key: 0.5 for metric in DRAWN}
    runs = [figures.Compared(text, rows, [{'step': 1, 'seconds': 1.0, 'd_loss': 1.0}])] * 2
    figures.save_rows_figure(str(tmp_path / 'rows.png'), rows, text)
    figures.save_losses_figure(str(tmp_path / 'losses.png'), losses, text, losses)
    figures.save_comparison(str(tmp_path / 'comparison.png'), runs, [rows[:1]] * 2)
    figures.save_neighbours(str(tmp_path / 'neighbours.png'), cells, cells)
    figures.save_quality_figure(str(tmp_path / 'quality.png'), [dict(metrics, step=1)], metrics, text)
    (tmp_path / 'lines.png').write_bytes(figures.line_chart(
        text, 'step', [figures.Line(text, [1, 2], [1, 2]), figures.Line(None, [1], [1])], level=(text, 1)))
    (tmp_path / 'bars.png').write_bytes(figures.bar_chart(text, [text, 'b'], [(text, [1, 2])]))
    return {path.name: np.asarray(Image.open(str(path))) for path in tmp_path.glob('*.png')}


@pytest.fixture(scope='module')
def plain_figures(tmp_path_factory):
    return every_figure(tmp_path_factory.mktemp('plain'), 'cost of 5 [EUR]')


@pytest.mark.slow_tf1
def test_settings_of_the_user_reach_no_figure(plain_figures, tmp_path):
    theirs = {'text.usetex': True, 'figure.dpi': 40, 'savefig.dpi': 50, 'savefig.bbox': 'tight', 'font.size': 30,
              'axes.titlesize': 40, 'figure.autolayout': True, 'image.cmap': 'jet', 'lines.linewidth': 9,
              'axes.facecolor': 'red', 'savefig.transparent': True, 'axes.formatter.use_mathtext': True}
    with matplotlib.rc_context(theirs):
        found = every_figure(tmp_path, 'cost of 5 [EUR]')
        assert {key: matplotlib.rcParams[key] for key in theirs} == theirs
    assert set(found) == set(plain_figures) and len(found) == 7
    for name in found:
        np.testing.assert_array_equal(found[name], plain_figures[name], err_msg=name)


def test_a_picture_that_is_too_large_for_jpeg_is_told_before_it_is_made(tmp_path):
    picture = np.full((1, 65501, 1), 99, np.uint8)
    with pytest.raises(UserError, match='x.jpg: expected at most 65,500 pixels .* found 65,501 x 1; name it .png'):
        images.save_picture(str(tmp_path / 'x.jpg'), picture)
    images.save_picture(str(tmp_path / 'x.png'), picture)
    images.save_picture(str(tmp_path / 'x.jpg'), picture[:, :65500])
    with Image.open(str(tmp_path / 'x.jpg')) as saved:
        assert saved.size == (65500, 1) and np.asarray(saved).max() <= 100
    assert sorted(os.listdir(str(tmp_path))) == ['x.jpg', 'x.png']


@pytest.mark.once
@pytest.mark.parametrize('text', [
    pytest.param(r'5 $ or $6_7 $\frac{1$', marks=pytest.mark.slow),
    pytest.param('a\\b_c^d%&#{} ' + 'x' * 300, marks=pytest.mark.slow),
    '_two\nlines\t nul\0 bell\a undecodable \udcfc \u5b57 \U0001f40e'])
def test_any_text_can_be_drawn(text, plain_figures, tmp_path, recwarn):
    found = every_figure(tmp_path, text)
    assert {name: pixels.shape for name, pixels in found.items()} == {
        name: pixels.shape for name, pixels in plain_figures.items()}
    rows = [(1, np.zeros((2, 4, 4, 1), np.uint8))]
    figures.save_rows_figure(str(tmp_path / 'names.png'), rows, text, names=[text, 'b'])
    figures.save_comparison(str(tmp_path / 'names.png'), [figures.Compared('a', rows, [], [text, 'b'])], [rows])
    assert not recwarn.list


def test_a_text_is_drawn_as_it_stands():
    def drawn(text, legend=None):
        return figures.line_chart(text, 'step', [figures.Line(legend, [1, 2], [1, 2])])

    # As a formula, `$x$` would be an x in italics, and a backslash before a dollar would be left out.
    assert len({drawn(text) for text in ('$x$', 'x', '$', r'\$', r'\\$')}) == 5
    assert drawn('a', '_b') not in (drawn('a'), drawn('a', '_c'))


HOST = '''
import os, sys
from dcgan_tf1.reporting import figures
assert 'matplotlib' not in sys.modules
figures.save_losses_figure('l.png', {'step': [1], 'loss': [1.0]}, 'a title')
import matplotlib
assert os.environ['MPLBACKEND'] == 'module://not.installed' and matplotlib.rcParams['font.size'] == 10
assert sorted(os.listdir('.')) == ['l.png', 'matplotlibrc']
'''


@pytest.mark.slow_tf1
def test_a_backend_that_is_not_here_and_broken_settings_stop_no_figure(tmp_path):
    (tmp_path / 'matplotlibrc').write_bytes(b'font.size: 30 \xff\nfont.family: \xfe')
    done = subprocess.run([sys.executable, '-c', HOST], cwd=str(tmp_path), check=False, stderr=subprocess.PIPE,
                          env=command_environment(MPLBACKEND='module://not.installed'))
    assert done.returncode == 0, done.stderr
    assert Image.open(str(tmp_path / 'l.png')).size == (540, 432)


def test_a_figure_that_fails_is_one_line(tmp_path, monkeypatch):
    def no_fonts(*_, **__):
        raise RuntimeError('Could not open font file')

    monkeypatch.setattr('matplotlib.backends.backend_agg.RendererAgg.draw_text', no_fonts)
    with pytest.raises(FigureError, match='^expected to draw a figure .* RuntimeError: Could not open font file$'):
        figures.save_losses_figure(str(tmp_path / 'l.png'), {'step': [1], 'loss': [1.0]}, 'a title')
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.once
@pytest.mark.parametrize('shape, count, columns, size, frames', [
    ((28, 28, 1), 64, 8, (448, 448), 101),        # twice the size
    pytest.param((32, 32, 3), 64, 8, (512, 512), 101, marks=pytest.mark.nightly),
    ((64, 64, 3), 64, 8, (512, 512), 101),        # as they are
    # The first two of the first four lines.
    pytest.param((256, 256, 3), 64, 8, (512, 1024), 101, marks=pytest.mark.slow),
    ((1100, 1000, 3), 4, None, (1000, 1100), 51)])
def test_frames_of_animations_are_bounded(shape, count, columns, size, frames):
    cells = np.zeros((count,) + shape, np.uint8)
    cells[:] = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    content, found = images.gif_bytes([(1, cells)] * 200 + [(2, 255 - cells)], columns)
    assert found == frames
    with Image.open(io.BytesIO(content)) as film:
        assert film.size == size
        film.seek(film.n_frames - 1)
        assert film.convert('RGB').getpixel((0, 0)) == (255,) * 3 and film.info['duration'] == 2000


def test_frames_with_heads_keep_their_columns_as_long_as_they_can():
    cells = np.zeros((40, 128, 128, 1), np.uint8)
    heads = []

    def head(columns, width):
        heads.append((columns, width))
        return np.zeros((20, columns * width, 1), np.uint8)

    content, _ = images.gif_bytes([(1, cells)], 10, head)
    with Image.open(io.BytesIO(content)) as film:
        assert film.size == (1280, 20 + 3 * 128) and heads == [(10, 128)]


def test_values_that_are_not_finite_are_counted_in_every_block(monkeypatch):
    monkeypatch.setattr(images, '_AT_ONCE', 4)
    with pytest.raises(ValueError, match='found 1 values'):
        images.to_uint8(np.array([np.nan] + [0.] * 9, np.float32), (-1, 1))


def test_animations_are_repeated_for_ever():
    frames = [(1, np.zeros((1, 4, 4, 3), np.uint8)), (2, np.full((1, 4, 4, 3), 9, np.uint8))]
    assert b'NETSCAPE2.0\x03\x01\x00\x00' in images.gif_bytes(frames)[0]
