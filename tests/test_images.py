"""Conversion to bytes, grids and figures."""

import numpy as np
import pytest
from PIL import Image

from dcgan_tf1 import images


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
    images.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title')
    drawn = np.asarray(Image.open(str(tmp_path / 'f.png')).convert('RGB')).astype(int)
    expected = np.concatenate([images.grid(row, 4) for _, row in rows]).astype(int)
    expected = np.broadcast_to(expected, expected.shape[:2] + (3,))
    # The margins are 70 pixels on the left and 40 above; the picture is drawn one to one.
    difference = np.abs(drawn[40:40 + 84, 70:70 + 112] - expected)
    assert difference[1:-1, 1:-1].max() == 0  # the frame covers the edge


def test_rows_figure_of_very_many_rows(tmp_path):
    rows = [(step, np.full((1, 4, 4, 1), 10 * step, np.uint8)) for step in range(1, 8)]
    images.save_rows_figure(str(tmp_path / 'f.png'), rows, 'title', 3)
    drawn = np.asarray(Image.open(str(tmp_path / 'f.png')).convert('L'))
    assert drawn[40 + 2:40 + 12:4, 72].tolist() == [10, 40, 70]  # steps 1, 4 and 7: the last is shown


def test_losses_figure_with_2017s_curve(tmp_path):
    for name, rows, first in (('mnist2017_losses.csv', 42, (101, 0.4604, 4.5237)),
                              ('cifar2017_losses.csv', 38, (100, 0.7785, 1.9247))):
        recorded = images.read_recorded_losses(name)
        assert len(recorded['step']) == rows
        assert (recorded['step'][0], recorded['d_loss'][0], recorded['g_loss'][0]) == first
    path = str(tmp_path / 'l.png')
    ours = {'step': [100, 200], 'd_loss': [1.0, 0.9], 'g_loss': [2.0, 1.5]}
    images.save_losses_figure(path, ours, 'title', recorded)
    with_curve = np.asarray(Image.open(path))
    images.save_losses_figure(path, ours, 'title')
    assert with_curve.shape == (432, 1080, 4) and (with_curve != np.asarray(Image.open(path))).any()
