"""One picture: upright, with 8 bits a channel, laid on a background, cropped and resized.

What is done to it is counted in Notes.
"""

import numpy as np
from PIL import Image, ImageOps

from dcgan_tf1.data import depth
from dcgan_tf1.data.catalogue import BACKGROUNDS

_USUAL = ('1', 'L', 'P', 'RGB')
_WITH_ALPHA = ('LA', 'La', 'PA', 'RGBA', 'RGBa')
_ORIENTATION = 0x0112  # the tag of EXIF and TIFF
_PHOTOMETRIC = 262     # the tag of TIFF; 0: black is the largest value


def decode(opened, notes, limit=None):
    """An opened picture, upright, with 8 bits a channel: L, RGB or, where parts may be transparent, RGBA."""
    notes.frames += bool(getattr(opened, 'is_animated', False))
    limit, raw = limit or depth.scale(opened), depth.raw_mode(opened)
    negative = opened.format == 'TIFF' and opened.tag_v2.get(_PHOTOMETRIC) == 0
    picture = _upright(opened, notes)
    if opened.mode[0] in 'IF':
        values, key = np.asarray(picture), opened.info.get('transparency')
        if opened.mode[0] == 'I' and limit > 255:
            notes.deep += 1
        grey = depth.to_bytes(values, limit)
        grey = Image.fromarray(255 - grey if negative else grey)
        if not isinstance(key, int):
            return grey
        picture = grey.convert('RGBA')
        picture.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
        return picture
    if ';16' in raw:  # of which Pillow has kept the upper bytes
        notes.deep += 1
    if 'transparency' in picture.info:
        picture.info['transparency'] = _as_decoded(picture.info['transparency'], raw)
    elif picture.mode not in _WITH_ALPHA:
        if picture.mode not in _USUAL:
            notes.modes[picture.mode] += 1
        return picture.convert('L' if picture.mode in ('1', 'L') else 'RGB')
    if picture.mode == 'La':  # which Pillow converts to nothing else
        picture = picture.convert('LA')
    return picture.convert('RGBA')


def orientation(opened):
    """A picture's orientation, 1 to 8, as EXIF or the TIFF itself gives it; 0 where that can't be read."""
    try:
        value = (opened.tag_v2 if opened.format == 'TIFF' else opened.getexif()).get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  as of any other of Pillow's readers
        return 0
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


def _upright(opened, notes):
    turn = orientation(opened)
    if turn == 0:
        notes.warnings['an invalid EXIF orientation, taken as upright'] += 1
    notes.turned += turn in _TURNS
    if opened.format == 'TIFF':
        opened.load()  # which turns it, in every release of Pillow
        return opened.copy()
    return opened.transpose(_TURNS[turn]) if turn in _TURNS else opened.copy()


_TURNS = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
          6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}


def _as_decoded(key, raw):
    """The colour that a PNG calls transparent, converted from the file's bit depth to that of the decoded pixels."""
    if raw.endswith(';16B') and isinstance(key, tuple):  # Pillow keeps the upper bytes
        return tuple(value >> 8 for value in key)
    if isinstance(key, int):
        return {'1': min(key, 1) * 255, 'L;2': key * 85, 'L;4': key * 17}.get(raw, key)
    return key


def fit(picture, shape, reading, notes):
    """uint8 [H, W, C] of a picture in L, RGB or RGBA."""
    height, width, channels = shape
    if picture.mode == 'RGBA':
        notes.transparent += picture.getchannel('A').getextrema()[0] < 255
        ground = Image.new('RGBA', picture.size, BACKGROUNDS[reading.background])
        ground.alpha_composite(picture)
        picture = ground.convert('RGB')
    if picture.mode == 'RGB' and channels == 1:
        pixels = np.asarray(picture)
        notes.coloured += bool((pixels[..., :2] != pixels[..., 1:]).any())
    notes.grey += picture.mode == 'L' and channels == 3
    notes.brightest = max(notes.brightest, int(np.max(picture.getextrema())))
    if reading.crop is not None:
        side = reading.crop or min(picture.size)
        if picture.size != (side, side):
            notes.windows[picture.size] += 1
            left, top = (picture.size[0] - side) // 2, (picture.size[1] - side) // 2
            picture = picture.crop((left, top, left + side, top + side))
    if picture.size[0] * height != picture.size[1] * width:
        notes.cropped[picture.size] += 1
    notes.resized += picture.size != (width, height)
    fitted = ImageOps.fit(picture.convert('L' if channels == 1 else 'RGB'), (width, height),
                          _FILTERS[reading.resize])
    return np.asarray(fitted).reshape(shape)


_FILTERS = {'lanczos': Image.LANCZOS, 'bilinear': Image.BILINEAR, 'nearest': Image.NEAREST}
