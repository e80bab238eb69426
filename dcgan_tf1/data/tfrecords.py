"""Pictures in TFRecord files of tf.Example, encoded or as pixels.

Format of a record: its length as uint64, that length's checksum, the content, the content's checksum (little
endian; https://www.tensorflow.org/tutorials/load_data/tfrecord). Every file is untrusted input.
"""

import collections
import io
import os
import re
import struct

from PIL import Image

from dcgan_tf1.data import label_files, record_pixels
from dcgan_tf1.data.folders import PictureSet
from dcgan_tf1.data.picture_notes import Remarks
from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, reason
from dcgan_tf1.util.files import cannot_read, listing, stamp
from dcgan_tf1.util.streams import without_notes

# Also those without a suffix, as ImageNet's train-00000-of-01024; but not a checkpoint's.
NAMES = re.compile(r'(?!.*\.data-\d).*(\.tfr(ec(ords?)?)?(-\d{5}-of-\d{5})?|-\d{5}-of-\d{5})$', re.I)
# Read only if there is nothing else: other programs' records have such names, too, and a compressed file, which is
# refused, must not stand in the way of the uncompressed one beside it.
OTHER_NAMES = re.compile(r'.*(\.records?(-\d{5}-of-\d{5})?|\.(tfrec(ords?)?|records?)(-\d{5}-of-\d{5})?\.(gz|zz))$',
                         re.I)
MAX_RECORD = 1 << 28  # bytes; a picture has fewer
IMAGES = ('image/encoded', 'image', 'image_raw', 'img', 'data')
LABELS = ('image/class/label',) + label_files.LABEL_COLUMNS
_CLASS_NAMES = '.labels.txt'  # after the feature's name, as tensorflow_datasets calls the file beside the records
# How pictures begin that Pillow may read: PNG, JPEG, GIF, WebP and TIFF; in two bytes, which may be pixels, too, BMP
# and PGM and its kin.
_ENCODED = (b'\x89PNG', b'\xff\xd8\xff', b'GIF8', b'RIFF', b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_PERHAPS_ENCODED = (b'BM', b'P1', b'P2', b'P3', b'P4', b'P5', b'P6')
_HEAD, _TAIL = 12, 4  # bytes around a record's content

_Record = collections.namedtuple('_Record', 'path number offset length')


def find(place, paths, reading, log):
    """The PictureSet of the pictures in some TFRecord files, one after the other."""
    records, labels, image, label, seen = [], [], None, None, {}
    for path in paths:
        for record, features in _examples(path):
            if image is None:
                seen = features
                image = label_files.find_column([
                    name for name in features if features[name].WhichOneof('kind') in ('bytes_list', None)],
                    IMAGES) or _only_picture(features)
                if image is None:
                    raise UserError('{}: expected pictures under one of {}, found {}'.format(
                        path, ', '.join(IMAGES), listing(sorted(features))))
                label = label_files.choose_column(
                    path, 'feature', sorted(features), reading.label_column, LABELS) if reading.labels else None
            if image not in features or len(features[image].bytes_list.value) != 1:
                raise UserError('{}: expected a picture under {} in record {}, found none'.format(
                    path, image, record.number))
            records.append(record)
            if label is not None:
                labels.append(_label(path, record, features, label))
            elif reading.labels and features.keys() != seen.keys():
                later = label_files.find_column(features, LABELS)
                if later is not None:
                    raise UserError('{}: expected no {} in record {}, as in the first one, found one{}'.format(
                        path, later, record.number, label_files.WAY_OUT))
    if not records:
        raise UserError('{}: expected records, found none'.format(place))
    notes, files = Remarks(place, log), list(paths)
    label_numbers, classes = None, ()
    if label is not None:
        label_numbers, classes = label_files.encode(labels, place)
        names = os.path.join(os.path.dirname(paths[0]), label.replace('/', '.') + _CLASS_NAMES)
        if label_files.are_numbers(classes) and os.path.exists(names):
            numbers, classes = classes, label_files.with_names(classes, _lines(names), names, notes.tell)
            files += [names] * (classes != numbers)
    elif reading.labels:
        label_numbers, classes, beside = record_pixels.read_labels(paths, len(records), place) or (None, (), [])
        files += beside
        if not beside:
            notes.tell('no label among {}, so the pictures have no labels; --label_column may name one'.format(
                listing(sorted(seen))))

    def picture(index):
        return _picture(records[index], image)

    return PictureSet(
        place, ['{} (record {})'.format(each.path, each.number) for each in records], picture, label_numbers, classes,
        [], files, lambda: (stamp(path, os.path.basename(path)) for path in paths), tuple(notes),
        source='the feature {}'.format(label) if label is not None else listing(
            [os.path.basename(path) for path in files[len(paths):]]))


def _picture(record, image):
    """The picture of a record: one of Pillow's, or a stream of an encoded one."""
    features = _parse(record, _read(record))
    data = features[image].bytes_list.value[0]
    like_encoded, wrong = data.startswith(_ENCODED), None
    try:
        pixels = record_pixels.picture(features, image)
    except ValueError as error:
        pixels, wrong = None, error
    if like_encoded and (pixels is None or _is_whole(data)):  # perhaps in as many bytes as it has pixels
        return io.BytesIO(data)
    if pixels is not None:
        return pixels
    if wrong is None and (data.startswith(_PERHAPS_ENCODED) or signatures.kind(data) is not None):
        return io.BytesIO(data)
    raise UserError('{} (record {}): expected a picture or its pixels under {}, found {}'.format(
        record.path, record.number, image, wrong or '{:,} bytes that are neither; pixels need their height and width '
                                                    'beside them'.format(len(data))))


def _is_whole(data):
    """Whether bytes that begin like a picture are one; pixels may begin so, too."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
    except Exception:  # noqa: BLE001  Pillow's decoders raise whatever the bytes provoke
        return False
    return True


def _only_picture(features):
    """The name of the only feature that is an encoded picture; None where there is none, or are several."""
    names = [name for name in sorted(features) if features[name].bytes_list.value and all(
        value.startswith(_ENCODED + _PERHAPS_ENCODED) for value in features[name].bytes_list.value)]
    return names[0] if len(names) == 1 else None


def _lines(path):
    try:
        with open(path, encoding='utf-8-sig') as handle:
            return handle.read().rstrip().splitlines()
    except UnicodeDecodeError:
        raise UserError('{}: expected a class on each line in UTF-8, found other bytes{}'.format(
            path, label_files.WAY_OUT))
    except OSError as error:
        raise cannot_read(path, error)


def _label(path, record, features, name):
    values = []
    if name in features:  # get() makes one
        try:
            values = list(features[name].int64_list.value) or [
                text.decode('utf-8') for text in features[name].bytes_list.value]
        except UnicodeDecodeError:
            raise UserError('{}: expected {} in UTF-8 in record {}, found other bytes{}'.format(
                path, name, record.number, label_files.WAY_OUT))
    if len(values) != 1:
        raise UserError('{}: expected one {} in record {}, found {}{}'.format(
            path, name, record.number, len(values), label_files.WAY_OUT))
    return values[0]


def _examples(path):
    """Yields (_Record, its features) of a file, whose checksums are compared on the way."""
    import tensorflow.compat.v1 as tf  # takes seconds, which other data do without
    offset, number = 0, 0
    try:
        _check_lengths(path)  # for TensorFlow takes the memory that a length asks for
        with without_notes():  # it is deprecated, and in 1.15 there is nothing else outside of a graph
            contents = tf.python_io.tf_record_iterator(path)
        for content in contents:
            number += 1
            record = _Record(path, number, offset + _HEAD, len(content))
            offset += _HEAD + len(content) + _TAIL
            yield record, _parse(record, content)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  TensorFlow's errors differ between releases
        raise UserError('{}: expected a TFRecord file, not compressed, found after {} record{}: {}'.format(
            path, number, '' if number == 1 else 's',
            'a compressed file, which gzip -dc (or zlib) unpacks' if number == 0 and _is_compressed(path) else
            reason(error)))


def _is_compressed(path):
    with open(path, 'rb') as handle:
        return handle.read(2) in (b'\x1f\x8b', b'\x78\x01', b'\x78\x5e', b'\x78\x9c', b'\x78\xda')  # gzip, zlib


def _check_lengths(path):
    """Raises ValueError where a record would be larger than the rest of the file, or than MAX_RECORD.

    UserError where that is not the first one.
    """
    size, offset, number = os.path.getsize(path), 0, 0
    with open(path, 'rb') as handle:
        while offset < size:
            number += 1
            handle.seek(offset)
            head = handle.read(_HEAD)
            length = struct.unpack('<Q', head[:8])[0] if len(head) == _HEAD else size
            offset += _HEAD + length + _TAIL
            if offset > size and number > 1:  # else it is hardly a file of this kind
                raise UserError('{}: expected a whole TFRecord file, found one that is cut short in record {}'.format(
                    path, number))
            if length > MAX_RECORD or offset > size:
                raise ValueError('record {} of {:,} bytes in {:,}'.format(number, length, size))


def _parse(record, content):
    import tensorflow.compat.v1 as tf
    try:
        return tf.train.Example.FromString(content).features.feature
    except Exception as error:  # noqa: BLE001  each release of protobuf has its own
        raise UserError('{}: expected a tf.Example in record {}, found: {}'.format(
            record.path, record.number, reason(error)))


def _read(record):
    try:
        with open(record.path, 'rb') as handle:
            handle.seek(record.offset - _HEAD)
            length, = struct.unpack('<Q', handle.read(_HEAD)[:8])
            if length != record.length:
                raise UserError('{}: expected a file that stays as it is, found another'.format(record.path))
            return handle.read(length)
    except (OSError, struct.error) as error:
        raise cannot_read(record.path, error)
