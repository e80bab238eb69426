"""Images from elsewhere: the range of their values and whether pictures are grids are found out, or refused."""

import os

import numpy as np
import pytest
from helpers.data import blobs
from PIL import Image

from dcgan_tf1.data import reading
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import given_images
from dcgan_tf1.util import images
from dcgan_tf1.util.errors import UserError

DIGITS = blobs(6)[..., np.newaxis]
DIGITS[0, 14, 14] = 255
FRACTIONS = DIGITS.astype(np.float32) / 255
BOTH = (-1.0, 1.0)


def to_bytes(found, preset_range=BOTH, value_range=None):
    """(the bytes, the lines that were said)."""
    lines = []
    return given_images.to_bytes(np.asarray(found), 'x.npz', preset_range, value_range, lines.append), lines


@pytest.mark.parametrize('found,said', [
    (DIGITS, None), (DIGITS.astype(np.int64), None), (DIGITS.astype(np.int16), None), (DIGITS.astype('>u2'), None),
    (DIGITS.astype(np.float32), '[0, 255]'), (DIGITS.astype(np.float64), '[0, 255]'), (FRACTIONS, '[0, 1]'),
    (FRACTIONS.astype(np.float64), '[0, 1]'), (2 * FRACTIONS - 1, None), ((2 * FRACTIONS - 1) * 1.0005, None)])
def test_digits_of_any_type_are_the_same_bytes(found, said):
    result, lines = to_bytes(found)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, DIGITS)
    assert (lines == []) if said is None else (len(lines) == 1 and said in lines[0] and 'x.npz' in lines[0])


def test_a_preset_from_0_to_1_takes_its_own_range_and_says_so_of_another():
    result, lines = to_bytes(FRACTIONS, (0.0, 1.0))
    np.testing.assert_array_equal(result, DIGITS)
    assert lines == []
    result, lines = to_bytes(2 * FRACTIONS - 1, (0.0, 1.0))
    np.testing.assert_array_equal(result, DIGITS)
    assert len(lines) == 1 and '[-1, 1]' in lines[0]


def test_truth_values_are_black_and_white():
    np.testing.assert_array_equal(to_bytes(DIGITS > 99)[0], np.where(DIGITS > 99, 255, 0))


@pytest.mark.parametrize('found,span', [
    (DIGITS.astype(np.int32) * 257, 'int32 values from 0 to 65'), (DIGITS.astype(np.uint16) * np.uint16(257), '65'),
    (DIGITS.astype(np.int16) - 128, 'int16 values from -128 to'), (DIGITS // 255, 'uint8 values from 0 to 1'),
    (DIGITS.astype(np.int64) // 16, 'to 15'), (FRACTIONS * 16, 'to 16'), (FRACTIONS * 305 - 5, 'from -5 to 300'),
    (FRACTIONS * 1.3, 'float32 values from 0 to 1.3'), (FRACTIONS * 6 - 3, 'from -3 to 3')])
def test_a_range_that_can_not_be_told_is_refused_and_named(found, span):
    with pytest.raises(UserError) as caught:
        to_bytes(found)
    assert str(caught.value).startswith('x.npz: ') and span in str(caught.value), str(caught.value)
    assert '--images_range=LOW,HIGH' in str(caught.value)


def test_the_range_that_is_named_decides_and_nothing_is_clipped():
    for found, value_range in ((DIGITS.astype(np.int32) * 257, (0.0, 65535.0)), (FRACTIONS * 6 - 3, (-3.0, 3.0)),
                               (FRACTIONS * 16, (0.0, 16.0)), (DIGITS, (0.0, 255.0))):
        result, lines = to_bytes(found, value_range=value_range)
        np.testing.assert_array_equal(result, DIGITS)
        assert lines == []
    np.testing.assert_array_equal(to_bytes(DIGITS // 128, value_range=(0.0, 1.0))[0], DIGITS // 128 * 255)
    np.testing.assert_allclose(to_bytes(FRACTIONS, value_range=BOTH)[0], 127.5 + FRACTIONS * 127.5, atol=0.51)
    with pytest.raises(UserError, match=r'from 0 to 1 \(--images_range\), found float32 values from -1 to 1'):
        to_bytes(2 * FRACTIONS - 1, value_range=(0.0, 1.0))


def test_values_that_are_not_finite_are_refused():
    found = FRACTIONS.copy()
    found[0, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match='x.npz: expected finite values, found 1 that'):
        to_bytes(found)


# ------------------------------------------------------------------------------- pictures

def save(folder, name, pixels):
    os.makedirs(str(folder), exist_ok=True)
    images.save_png(os.path.join(str(folder), name), pixels)


def read(path, tiles=None, value_range=None, **how):
    lines = []
    return given_images.read(
        str(path), PRESETS['blog_mnist'], value_range, tiles, reading.Reading(**how), log=lines.append), lines


def test_pictures_are_cropped_and_resized_as_asked_and_damaged_ones_left_out(tmp_path):
    picture = np.zeros((56, 56, 1), np.uint8)
    picture[14:42, 14:42] = DIGITS[0]
    save(tmp_path, 'a.png', picture)
    assert np.abs(read(tmp_path, tiles=False)[0][0].astype(int) - DIGITS[0]).max() > 50
    np.testing.assert_array_equal(read(tmp_path, tiles=False, crop=28)[0], DIGITS[:1])
    np.testing.assert_array_equal(read(tmp_path, tiles=False, resize='nearest')[0][0], picture[1::2, 1::2])
    with pytest.raises(UserError, match='^--tiles: expected no --crop beside it, .* found --crop$'):
        read(tmp_path, tiles=True, crop=28)
    (tmp_path / 'b.png').write_bytes(b'no picture')
    with pytest.raises(UserError, match='b.png: '):
        read(tmp_path, tiles=False, crop=28)
    found, lines = read(tmp_path, crop=28, skip_damaged=True, tiles=False)
    assert len(found) == 1 and any('b.png' in line for line in lines)


def test_grids_are_refused_by_their_sizes_and_cut_up_where_asked(tmp_path):
    save(tmp_path, 'a.png', images.grid(DIGITS[:5], 3))  # with a black cell at its end
    save(tmp_path, 'b.png', DIGITS[5])
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    for part in (str(tmp_path), '1 of 2', '84x56', '--tiles', '--notiles', '28x28'):
        assert part in str(caught.value), part
    found, lines = read(tmp_path, tiles=True)
    np.testing.assert_array_equal(found, DIGITS)
    (tmp_path / 'h.heic').write_text('')
    assert any('1 of 3 files left out: h.heic' in line for line in read(tmp_path, tiles=True)[1])
    assert len(lines) == 1 and '6 images of 28x28 cut out of 2 pictures' in lines[0] and '1 black cell' in lines[0]
    assert '28x28, 84x56' in lines[0]
    assert read(tmp_path, tiles=False)[0].shape == (2, 28, 28, 1)


def test_black_images_within_a_grid_are_kept(tmp_path):
    cells = np.concatenate([DIGITS[:1], 0 * DIGITS[:2], DIGITS[1:2], 0 * DIGITS[:2]])
    save(tmp_path, 'a.png', images.grid(cells, 3))
    np.testing.assert_array_equal(read(tmp_path, tiles=True)[0], cells[:4])
    # A last row that is black throughout has one image at least.
    save(tmp_path, 'a.png', images.grid(0 * DIGITS, 3))
    assert len(read(tmp_path, tiles=True)[0]) == 4


def test_what_is_no_grid_is_refused_for_tiles(tmp_path):
    save(tmp_path, 'a.png', images.grid(DIGITS, 3))
    save(tmp_path, 'b.png', np.zeros((30, 28, 1), np.uint8))
    with pytest.raises(UserError, match='b.png: expected a grid of images of 28x28 for --tiles, found 28x30'):
        read(tmp_path, tiles=True)


def test_a_picture_on_its_side_is_measured_as_it_is_seen(tmp_path):
    (tmp_path / 'p').mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((56, 30), np.uint8)).save(str(tmp_path / 'p' / 'a.jpg'), exif=exif.tobytes())
    with pytest.raises(UserError, match='found 56x30'):
        read(tmp_path / 'p', tiles=True)


def test_what_does_not_go_with_the_images_is_refused(tmp_path):
    np.savez(str(tmp_path / 'x.npz'), images=DIGITS)
    np.savez(str(tmp_path / 'words.npz'), images=np.array(['a', 'b']))
    with pytest.raises(UserError, match='--tiles: expected a folder'):
        read(tmp_path / 'x.npz', tiles=True)
    with pytest.raises(UserError, match='--images_range: expected an .npz'):
        read(tmp_path, value_range=BOTH)
    with pytest.raises(UserError, match='words.npz: .* values of the type <U1'):
        read(tmp_path / 'words.npz')
    np.testing.assert_array_equal(read(tmp_path / 'x.npz')[0], DIGITS)
