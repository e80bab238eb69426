"""Gzipped files, and members of tar archives, read without unpacking anything to the disk."""

import contextlib
import gzip
import posixpath
import tarfile
import zlib

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import CHUNK, cannot_read

MAX_BYTES = 600 << 20  # of an archive, unpacked
_GZIP_MAGIC = b'\x1f\x8b'


@contextlib.contextmanager
def plain_bytes(path):
    """Opens a file, gzipped or not whatever its name says, for its unpacked bytes.

    Raises UserError for a damaged gzip file, and for one that can't be read.
    """
    try:
        with open(path, 'rb') as handle:
            packed = handle.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with (gzip.open if packed else open)(path, 'rb') as stream:
            yield stream
    except (EOFError, zlib.error) as error:
        raise UserError('{}: expected a whole gzip file, found a damaged one ({})'.format(path, error))
    except OSError as error:
        raise cannot_read(path, error)


def read_members(path, names, most):
    """Yields (name, content) of the members of a tar archive, gzipped or not, whose base name is one of `names`.

    An archive with a member that would leave its target (an absolute name, '..', a link), that is no
    plain file or folder, or that holds more than `most` bytes is refused whole: nobody made it for
    this. Raises UserError, which names the archive; also at its end, where the stream's checksum is.
    """
    try:
        with plain_bytes(path) as stream:
            archive = tarfile.open(fileobj=stream, mode='r|')  # noqa: SIM115  holds nothing open itself
            for member in archive:
                name = posixpath.normpath(member.name)
                if (member.name.startswith('/') or name.startswith('..') or '\\' in name
                        or not (member.isfile() or member.isdir())):
                    raise UserError('{}: expected plain files below one folder, found the member {!r}{}'.format(
                        path, member.name, '' if member.isfile() else ', a link or device'))
                if member.size > most:
                    raise UserError('{}: expected at most {} bytes in {}, found {}'.format(
                        path, most, member.name, member.size))
                if member.isfile() and posixpath.basename(name) in names:
                    yield posixpath.basename(name), archive.extractfile(member).read()
            # The tar ends before the gzip stream does, and the stream's checksum comes last.
            for _ in iter(lambda: stream.read(CHUNK), b''):
                if stream.tell() > MAX_BYTES:
                    raise UserError('{}: expected at most {} bytes unpacked, found more'.format(path, MAX_BYTES))
    except tarfile.TarError as error:
        raise UserError('{}: expected a whole tar archive, found a damaged one ({})'.format(path, error))
