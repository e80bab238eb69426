"""Pictures of every kind that Pillow reads, value by value, and what is said about them."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from dcgan_tf1.data import catalogue, folders, pictures
from dcgan_tf1.data.reading import Reading
from dcgan_tf1.util.errors import UserError

DEEP = np.array([[0, 128, 129, 257], [25700, 32896, 65406, 65535]], np.uint16)  # 16 bits
SCALED = [[0, 0, 1, 1], [100, 128, 254, 255]]                                   # a 257th, rounded


def read(folder, shape=(2, 4, 1), **kwargs):
    """The pictures of a folder as lists, without their last axis where it is 1, and what was logged."""
    lines = []
    images, _ = pictures.read_pictures(str(folder), shape, Reading(**kwargs), log=lines.append)
    return images[..., 0].tolist() if shape[-1] == 1 else images.tolist(), [line.split(': ', 1)[1] for line in lines]


def write_png(path, depth, colour, rows, transparent=None):
    """A PNG by hand: `rows` are the bytes of each row, as the file has them."""
    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    width = 8 * len(rows[0]) // (depth * {0: 1, 2: 3, 4: 2, 6: 4}[colour])
    with open(str(path), 'wb') as handle:
        handle.write(b'\x89PNG\r\n\x1a\n'
                     + chunk(b'IHDR', struct.pack('>IIBBBBB', width, len(rows), depth, colour, 0, 0, 0))
                     + (chunk(b'tRNS', transparent) if transparent else b'')
                     + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in rows))) + chunk(b'IEND', b''))


def write_tiff(path, width, rows, bits, photometric=1, extra=None):
    """A grey TIFF by hand; `rows` are the bytes of each row, `bits` those of each channel."""
    tags = [(256, 4, [width]), (257, 4, [len(rows)]), (258, 3, bits), (259, 3, [1]), (262, 3, [photometric]),
            (273, 4, [8]), (277, 3, [len(bits)]), (278, 4, [len(rows)]), (279, 4, [len(b''.join(rows))])]
    tags += [(338, 3, [extra])] if extra is not None else []
    body = b''.join(rows)
    with open(str(path), 'wb') as handle:
        handle.write(struct.pack('<2sHI', b'II', 42, 8 + len(body)) + body + struct.pack('<H', len(tags)))
        for tag, kind, values in tags:
            content = struct.pack('<{}{}'.format(len(values), 'HI'[kind - 3]), *values)
            handle.write(struct.pack('<HHI', tag, kind, len(values)) + content + bytes(4 - len(content)))
        handle.write(bytes(4))


def big_endian(*channels):
    """The rows of a PNG of 16 bits."""
    return [row.tobytes() for row in np.stack(channels, -1).astype('>u2')]


# ---------------------------------------------------------------------------- conversions

def test_16_bits_are_scaled_to_8(tmp_path):
    write_png(tmp_path / 'a.png', 16, 0, big_endian(DEEP))
    Image.fromarray(DEEP).save(str(tmp_path / 'b.tif'))
    Image.fromarray(DEEP.astype('>u2').view('u2').byteswap()).save(str(tmp_path / 'c.png'))
    found, lines = read(tmp_path)
    assert found == [SCALED] * 3
    assert lines == ['3 of 3 pictures with more than 8 bits a channel, scaled to 8']


def test_16_bit_digits_keep_their_256_levels(tmp_path):
    levels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    write_png(tmp_path / 'a.png', 16, 0, big_endian(levels * 257))
    assert read(tmp_path, (16, 16, 1))[0] == [levels.tolist()]


def test_16_bits_of_colours_keep_their_upper_bytes(tmp_path):
    other = DEEP[::-1]
    write_png(tmp_path / 'rgb.png', 16, 2, big_endian(DEEP, other, DEEP))
    write_png(tmp_path / 'rgba.png', 16, 6, big_endian(DEEP, other, DEEP, np.full_like(DEEP, 65535)))
    found, lines = read(tmp_path, (2, 4, 3))
    assert found == [np.stack([DEEP, other, DEEP], -1).__rshift__(8).tolist()] * 2
    assert lines == ['2 of 2 pictures with more than 8 bits a channel, scaled to 8']


def test_16_bit_greys_with_alpha(tmp_path):
    alpha = np.array([[0] * 4, [65535] * 4], np.uint16)
    write_png(tmp_path / 'la.png', 16, 4, big_endian(DEEP, alpha))
    found, lines = read(tmp_path, background='white')
    assert found == [[[255] * 4, (DEEP[1] >> 8).tolist()]]
    assert lines == ['1 of 1 pictures with transparent parts, laid on white (--background)',
                     '1 of 1 pictures with more than 8 bits a channel, scaled to 8']


@pytest.mark.parametrize('depth, row, key, expected', [
    (1, bytes([0b01010101]), 1, [0, 7, 0, 7] * 2), (2, bytes([0b00011011]), 2, [0, 85, 7, 255]),
    (4, bytes([0x03, 0xcf]), 12, [0, 51, 7, 255]), (8, bytes([0, 3, 4, 255]), 3, [0, 7, 4, 255]),
    (16, struct.pack('>4H', 0, 300, 257, 65535), 300, [0, 7, 1, 255])])
def test_the_colour_that_a_png_calls_transparent_at_any_depth(tmp_path, monkeypatch, depth, row, key, expected):
    monkeypatch.setitem(catalogue.BACKGROUNDS, 'seven', (7, 7, 7, 255))
    write_png(tmp_path / 'a.png', depth, 0, [row], struct.pack('>H', key))
    found, lines = read(tmp_path, (1, len(expected), 1), background='seven')
    assert found == [[expected]] and 'transparent parts' in lines[0]


def test_the_transparent_colour_of_16_bits_a_channel(tmp_path):
    row = struct.pack('>6H', 0x1234, 0, 0, 0x3412, 0, 0)
    write_png(tmp_path / 'a.png', 16, 2, [row], struct.pack('>3H', 0x1234, 0, 0))
    assert read(tmp_path, (1, 2, 3), background='white')[0] == [[[[255] * 3, [0x34, 0, 0]]]]


@pytest.mark.parametrize('values, expected, said', [
    (DEEP / np.float32(65535), SCALED, 'decimal numbers from 0 to 1: 0 is taken as black, 1 as white'),
    (np.float32([[0, 1.4, 1.6, 7], [8, 9, 99.5001, 255]]), [[0, 1, 2, 7], [8, 9, 100, 255]],
     'decimal numbers from 0 to 255: 0 is taken as black, 255 as white'),
    (DEEP.astype(np.float32), SCALED, 'decimal numbers from 0 to 65535: 0 is taken as black, 65535 as white'),
    (DEEP.astype(np.int32), SCALED, '32-bit integers from 0 to 65535: 0 is taken as black, 65535 as white'),
    (np.int32([[0, 1, 2, 3], [4, 5, 6, 200]]), [[0, 1, 2, 3], [4, 5, 6, 200]],
     '32-bit integers from 0 to 200: 0 is taken as black, 255 as white')])
def test_decimal_numbers_and_long_integers_by_their_range(tmp_path, values, expected, said):
    Image.fromarray(values).save(str(tmp_path / 'a.tif'))
    found, lines = read(tmp_path)
    assert found == [expected] and lines[-1] == '1 picture of ' + said


def test_the_range_is_that_of_the_whole_folder(tmp_path):
    Image.fromarray(np.full((2, 4), 0.5, np.float32)).save(str(tmp_path / 'dark.tif'))
    Image.fromarray(np.full((2, 4), 200, np.float32)).save(str(tmp_path / 'light.tif'))
    Image.new('L', (4, 2), 9).save(str(tmp_path / 'bytes.png'))
    found, lines = read(tmp_path)
    assert [picture[0][0] for picture in found] == [9, 0, 200]
    assert lines == ['2 pictures of decimal numbers from 0.5 to 200: 0 is taken as black, 255 as white']


@pytest.mark.parametrize('low, high, found', [
    (0, 1.5, '0 to 1.5'), (0, 300, '0 to 300'), (0, 1e6, '0 to 1e.06')])
def test_decimal_numbers_of_another_range_are_refused(tmp_path, low, high, found):
    Image.fromarray(np.float32([[0, 0], [low, high]])).save(str(tmp_path / 'b.tif'))
    with pytest.raises(UserError, match='b.tif: expected .* from 0 to 1, 255 or 65535, found {} in'.format(found)):
        read(tmp_path)


def test_black_that_is_the_largest_value(tmp_path):
    write_tiff(tmp_path / 'a.tif', 4, [row.tobytes() for row in DEEP], [16], photometric=0)
    write_tiff(tmp_path / 'b.tif', 4, [bytes(row) for row in SCALED], [8], photometric=0)
    assert read(tmp_path)[0] == [(255 - np.array(SCALED)).tolist()] * 2


def test_12_bits_are_scaled_to_8(tmp_path):
    write_tiff(tmp_path / 'a.tif', 4, [bytes.fromhex(row) for row in ('000008009fff', '800801010fef')], [12])
    found, lines = read(tmp_path)
    values = [[0x000, 0x008, 0x009, 0xfff], [0x800, 0x801, 0x010, 0xfef]]
    assert found == [[[round(value * 255 / 4095) for value in row] for row in values]]
    assert lines == ['1 of 1 pictures with more than 8 bits a channel, scaled to 8']


@pytest.mark.parametrize('premultiplied, black, white', [(1, [10, 60], [10, 187]), (2, [10, 30], [10, 157])])
def test_greys_with_alpha_in_a_tiff(tmp_path, premultiplied, black, white):
    if (b'II', 1, (1,), 1, (8, 8), (premultiplied,)) not in TiffImagePlugin.OPEN_INFO:
        pytest.skip('this Pillow refuses such files')
    write_tiff(tmp_path / 'a.tif', 2, [bytes([10, 255, 60, 128])], [8, 8], extra=premultiplied)
    for background, expected in (('black', black), ('white', white)):
        assert np.abs(np.array(read(tmp_path, (1, 2, 1), background=background)[0]) - expected).max() <= 1


def test_every_mode_of_8_bits(tmp_path):
    colours = np.uint8([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]).repeat(8, 0).repeat(8, 1)
    rgb = Image.fromarray(colours)
    rgb.save(str(tmp_path / '1.png'))
    rgb.save(str(tmp_path / '2.bmp'))
    rgb.save(str(tmp_path / '3.tiff'))
    rgb.save(str(tmp_path / '4.webp'), lossless=True)
    rgb.convert('P', palette=Image.ADAPTIVE).save(str(tmp_path / '5.gif'))
    rgb.convert('P', palette=Image.ADAPTIVE).save(str(tmp_path / '6.png'))
    rgb.convert('RGBA').save(str(tmp_path / '7.png'))
    rgb.convert('CMYK').save(str(tmp_path / '8.tif'))
    found, lines = read(tmp_path, (16, 16, 3))
    assert found == [colours.tolist()] * 8 and lines == ['1 of 8 pictures in CMYK, turned to RGB']
    grey, lines = read(tmp_path, (16, 16, 1))
    assert grey[0][0][0] == 76 and grey == [grey[0]] * 8  # 0.299 * 255
    assert lines[1:] == ['8 of 8 pictures in colour, turned to grey']


def test_jpeg_files_in_cmyk_are_no_negatives(tmp_path):
    Image.new('CMYK', (16, 16), (0, 255, 255, 0)).save(str(tmp_path / '1.JPG'))
    assert b'Adobe' in (tmp_path / '1.JPG').read_bytes()[:64]  # whose marker says that values are inverted
    found, lines = read(tmp_path, (16, 16, 3))
    assert np.abs(np.array(found[0]) - (255, 0, 0)).max() < 4 and lines == ['1 of 1 pictures in CMYK, turned to RGB']


def test_two_levels_and_greys_with_alpha(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(str(tmp_path / '1.png'))
    Image.fromarray(np.uint8([[[10, 255], [200, 128]]])).save(str(tmp_path / '2.png'))
    assert read(tmp_path, (1, 2, 1))[0] == [[[0, 255]], [[10, 100]]]
    assert read(tmp_path, (1, 2, 1), background='white')[0] == [[[0, 255]], [[10, 227]]]


def test_black_ink_on_a_transparent_ground(tmp_path):
    ink = np.zeros((2, 4, 4), np.uint8)
    ink[0, 1:3, 3] = 255
    Image.fromarray(ink).save(str(tmp_path / 'a.png'))
    Image.new('RGBA', (4, 2), (0, 0, 0, 255)).save(str(tmp_path / 'opaque.png'))
    palette = Image.new('P', (4, 2), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9] + 254 * [0, 0, 0])
    palette.save(str(tmp_path / 'palette.gif'), transparency=1)
    black, lines = read(tmp_path)
    assert black == [[[0] * 4] * 2] * 3
    assert lines == ['2 of 3 pictures with transparent parts, laid on black (--background)',
                     'WARNING: nearly black, for no value is above 16 of 255']
    white, lines = read(tmp_path, background='white')
    assert white == [[[255, 0, 0, 255], [255] * 4], [[0] * 4] * 2, [[255] * 4] * 2]
    assert lines == ['2 of 3 pictures with transparent parts, laid on white (--background)']


@pytest.mark.parametrize('name', ['a.gif', 'a.png', 'a.tif'])
def test_the_first_of_several_frames_is_taken(tmp_path, name):
    frames = [Image.new('L', (4, 2), value) for value in (50, 150)]
    frames[0].save(str(tmp_path / name), save_all=True, append_images=frames[1:])
    assert read(tmp_path) == ([[[50] * 4] * 2], ['1 of 1 pictures with several frames, of which the first is taken'])


@pytest.mark.parametrize('values', [np.arange(6, dtype=np.uint8), np.arange(6, dtype=np.uint16) * 257])
@pytest.mark.parametrize('orientation, expected', [(1, [[0, 1, 2], [3, 4, 5]]), (6, [[3, 0], [4, 1], [5, 2]]),
                                                   (2, [[2, 1, 0], [5, 4, 3]]), (8, [[2, 5], [1, 4], [0, 3]])])
def test_pictures_are_turned_upright(tmp_path, values, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values.reshape(2, 3)).save(str(tmp_path / 'a.png'), exif=exif.tobytes())
    shape = np.shape(expected)
    assert read(tmp_path, shape + (1,))[0] == [expected]
    assert list(pictures.picture_sizes(str(tmp_path)).values()) == [shape[::-1]]


# -------------------------------------------------------------------- what is left out and cut

def test_pictures_are_cropped_resized_and_sorted_and_it_is_said(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (255, 0, 0)  # the middle third is what remains
    Image.fromarray(wide).save(str(tmp_path / 'b.png'))
    Image.new('L', (10, 10), 100).save(str(tmp_path / 'a.JPG'), 'JPEG')
    Image.new('L', (8, 8)).save(str(tmp_path / 'c.png'))
    Image.new('L', (6, 4)).save(str(tmp_path / 'd.png'))
    Image.new('L', (6, 4)).save(str(tmp_path / 'e.png'))
    images, paths = pictures.read_pictures(str(tmp_path), (8, 8, 3), log=lambda line: None)
    assert [os.path.basename(path) for path in paths] == ['a.JPG', 'b.png', 'c.png', 'd.png', 'e.png']
    assert images.shape == (5, 8, 8, 3)
    assert np.abs(images[0].astype(int) - 100).max() <= 2
    assert np.abs(images[1][:, 2:-2].astype(int) - (255, 0, 0)).max() <= 2
    grey, lines = read(tmp_path, (8, 8, 1))
    assert np.abs(np.array(grey[1])[:, 2:-2] - 76).max() <= 2  # 0.299 * 255
    assert lines == ['3 of 5 pictures cropped about their centres to the proportions of 8x8, from 6x4, 60x20',
                     '4 of 5 pictures resized to 8x8', '1 of 5 pictures in colour, turned to grey']
    sizes = pictures.picture_sizes(str(tmp_path))
    assert list(sizes) == paths and list(sizes.values()) == [(10, 10), (60, 20), (8, 8), (6, 4), (6, 4)]


def test_what_is_no_picture_is_counted_by_name(tmp_path):
    for suffix in folders.SUFFIXES:
        Image.new('L', (4, 2), 77).save(str(tmp_path / ('x' + suffix.upper())),
                                        'JPEG' if suffix in ('.jfif', '.jpe') else None)
    for name in ['notes.txt', 'x.heic', '.hidden', 'line\nbreak'] + ['{}.npz'.format(i) for i in range(6)]:
        (tmp_path / name).write_text('')
    (tmp_path / 'cats').mkdir()
    found, lines = read(tmp_path)
    assert len(found) == len(folders.SUFFIXES) and np.abs(np.array(found) - 77).max() <= 2
    assert lines == ['10 of 24 files left out: 0.npz, 1.npz, 2.npz, 3.npz, 4.npz, 5.npz, cats/, line?break and 2 more']


def test_a_folder_without_pictures_says_what_is_there(tmp_path):
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(UserError, match=r'expected pictures \(png, jpg, .*pnm\), found notes.txt$'):
        read(tmp_path)


def test_damaged_pictures_and_other_formats_are_refused(tmp_path):
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)).save(
        str(tmp_path / 'x.png'))
    raw = (tmp_path / 'x.png').read_bytes()
    postscript = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n'
    for damaged in (raw[:len(raw) // 2], b'', b'hello', b'P5 9 9 255 x', postscript):
        (tmp_path / 'x.png').write_bytes(damaged)
        with pytest.raises(UserError, match='x.png: expected a picture'):
            read(tmp_path)
    with pytest.raises(UserError, match='x.png: expected a picture'):
        pictures.picture_sizes(str(tmp_path))


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path):
    write_png(tmp_path / 'bomb.png', 8, 0, [b'0'])
    raw = (tmp_path / 'bomb.png').read_bytes()
    for side, message in ((30000, 'a picture .*decompression bomb'), (8193, 'at most 67,108,864 pixels, found 8193')):
        header = struct.pack('>4sIIBBBBB', b'IHDR', side, side, 8, 0, 0, 0, 0)
        (tmp_path / 'bomb.png').write_bytes(raw[:12] + header + struct.pack('>I', zlib.crc32(header)) + raw[33:])
        with pytest.raises(UserError, match='bomb.png: expected ' + message):
            read(tmp_path)


def test_what_pillow_warns_of_is_logged_with_the_folder(tmp_path, recwarn):
    Image.new('L', (4, 2), 99).save(str(tmp_path / 'a.tif'))
    raw = (tmp_path / 'a.tif').read_bytes()
    start, = struct.unpack_from('<I', raw, 4)
    count, = struct.unpack_from('<H', raw, start)
    # The directory once more, at the end, with a tag whose data would lie far beyond the end.
    directory = (struct.pack('<H', count + 1) + raw[start + 2:start + 2 + 12 * count]
                 + struct.pack('<HHII', 65000, 12, 2 ** 30, 8) + bytes(4))
    (tmp_path / 'a.tif').write_bytes(raw[:4] + struct.pack('<I', len(raw)) + raw[8:] + directory)
    found, lines = read(tmp_path)
    assert found == [[[99] * 4] * 2] and len(lines) == 1 and lines[0].startswith('1 of 1 pictures with a warning: ')
    assert not recwarn.list


@pytest.mark.parametrize('compression', ['raw', 'tiff_lzw'])
@pytest.mark.parametrize('orientation, turn', list(enumerate([
    lambda a: a, lambda a: a[:, ::-1], lambda a: a[::-1, ::-1], lambda a: a[::-1], lambda a: a.T,
    lambda a: np.rot90(a, -1), lambda a: a[::-1, ::-1].T, np.rot90], 1)))
def test_a_tiff_is_turned_upright_once(orientation, turn, compression, tmp_path):
    values = np.arange(0, 60, 10, dtype=np.uint8).reshape(2, 3)
    path = str(tmp_path / 'a.tif')
    Image.fromarray(values).save(path, compression=compression, tiffinfo={0x0112: orientation})
    upright = turn(values)
    found, _ = pictures.read_pictures(str(tmp_path), upright.shape + (1,))
    np.testing.assert_array_equal(found[0, ..., 0], upright)
    assert pictures.picture_sizes(str(tmp_path)) == {path: upright.shape[::-1]}
