"""IDX files, the format of MNIST and its like, as arrays; a damaged file raises a UserError that names it."""

import struct

import numpy as np

from dcgan_tf1.data.archives import MAX_BYTES, plain_bytes
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import CHUNK


def read_idx(path, dimensions):
    """The uint8 array in an IDX file of unsigned bytes, plain or gzipped.

    Format: two zero bytes, type 0x08, the number of dimensions, each dimension as a
    big-endian uint32, then the bytes (as on the MNIST page of LeCun, Cortes and Burges).
    """
    with plain_bytes(path) as handle:
        magic = handle.read(4)
        if magic != bytes((0, 0, 8, dimensions)):
            raise UserError('{}: expected an IDX file of bytes in {} dimensions (magic {}), found {}'.format(
                path, dimensions, bytes((0, 0, 8, dimensions)).hex(), magic.hex() or 'an empty file'))
        header = handle.read(4 * dimensions)
        if len(header) != 4 * dimensions:
            raise UserError('{}: expected {} bytes of dimensions, found {}'.format(
                path, 4 * dimensions, len(header)))
        shape = struct.unpack('>{}I'.format(dimensions), header)
        size = 1
        for length in shape:
            size *= length
        if not 0 < size <= MAX_BYTES:
            raise UserError('{}: expected 1 to {} bytes of data, found dimensions {}'.format(
                path, MAX_BYTES, ' x '.join(map(str, shape))))
        body = bytearray()  # grows with the bytes that are there, whatever size the header claims
        while len(body) <= size:
            part = handle.read(min(CHUNK, size + 1 - len(body)))
            if not part:
                break
            body += part
    if len(body) != size:
        raise UserError('{}: expected {} bytes after the header ({}), found {}'.format(
            path, size, ' x '.join(map(str, shape)),
            len(body) if len(body) < size else 'more'))
    return np.frombuffer(body, np.uint8).reshape(shape)
