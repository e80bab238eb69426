"""What a file is that is not what was expected: said by its first bytes, for messages."""

import re

from dcgan_tf1.util.errors import system_reason

LENGTH = 512  # of the first bytes, at least
_SIGNATURES = (
    (b'version https://git-lfs', 'a pointer of Git LFS in place of the file, which "git lfs pull" fetches'),
    (b'\x89HDF', 'an HDF5 file, as Keras writes it'),
    (b'PK\x03\x04', "a zip archive, as .npz, .keras and PyTorch's files are"),
    (b'\x1f\x8b', 'a file that gzip has compressed'),
    (b'BZh', 'a file that bzip2 has compressed'),
    (b'\xfd7zXZ', 'a file that xz has compressed'),
    ((b'\x80\x02', b'\x80\x03', b'\x80\x04', b'\x80\x05'),
     'a pickle, as StyleGAN networks and old PyTorch files are; it is not opened, as that could run arbitrary code'),
    (b'MATLAB 5.0', 'a MATLAB file, which scipy.io.loadmat turns into arrays'),
    (b'MATLAB 7.3', 'a MATLAB 7.3 file, which h5py reads'),
    (bytes(10) + b'\x08' + bytes(5) + b'\xde\xc0\xef\xbe',
     'an LMDB database, which has to be exported to picture files first'),
    (b'\x93NUMPY', "an array of NumPy's"),
    (b'PAR1', 'a Parquet file'),
    (b'Rar!', 'a RAR archive'),
    (b"7z\xbc\xaf'\x1c", 'a 7z archive'),
    (b'%PDF', 'a PDF'),
    (b'8BPS', 'a Photoshop file'),
    ((b'II*\0', b'MM\0*'), 'a TIFF of a kind that Pillow does not read, as of floats in several channels'),
)
_HEIF = re.compile(rb'....ftyp(hei[cxms]|hev[cxms])', re.S)
_AVIF = re.compile(rb'....ftyp(avi[fs]|mif1.{4}.*?avif)', re.S)
_PAGE = re.compile(rb'(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(!doctype html|html)', re.I | re.S)
_SVG = re.compile(rb'(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg', re.I | re.S)


def kind(begins):
    """What a file is, by its first bytes; None where they don't tell."""
    if not begins:
        return 'an empty file'
    for pattern, text in ((_PAGE, 'a web page, perhaps left by a download that failed'), (_SVG, 'an SVG drawing'),
                          (_HEIF, 'an HEIC photograph'), (_AVIF, 'an AVIF picture')):
        if pattern.match(begins):
            return text
    return next((text for start, text in _SIGNATURES if begins.startswith(start)), None)


def no_zip(path, error):
    """What is wrong with a file that Python's zipfile does not read, for `error`."""
    other = kind_of(path, b'PK')
    if other is None and str(error) == 'File is not a zip file':
        # It may begin like one, while its end, where the names are, is missing.
        return 'one that was cut short' if (_begins(path) or b'').startswith(b'PK') else 'a file of another format'
    return other or system_reason(error)


def kind_of(path, expected):
    """What a file is; None where its first bytes don't tell, can't be read, or are those that are expected.

    expected: bytes, or a tuple of several, () for none.
    """
    begins = _begins(path)
    return None if begins is None or begins.startswith(expected) and begins else kind(begins)


def _begins(path):
    """The first bytes of a file; None where it can't be read."""
    try:
        with open(path, 'rb') as handle:
            return handle.read(LENGTH)
    except OSError:
        return None
