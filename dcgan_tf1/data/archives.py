"""Gzipped files and members of tar archives, read without unpacking anything to the disk; and the first of several
copies that is not damaged.
"""

import contextlib
import gzip
import posixpath
import tarfile
import zlib

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import CHUNK, cannot_read

MAX_BYTES = 600 << 20  # of a decoded file or an unpacked archive; MNIST's largest has 47 MB, EMNIST's 547 MB
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


def read_members(path, names, max_bytes):
    """Yields (name, content) of the members of a tar archive, gzipped or not, whose base name is one of `names`.

    An archive with a member that would leave its target (an absolute name, '..', a link), that is no
    plain file or folder, or that holds more than `max_bytes` bytes is refused as a whole: no archive of a
    data set looks like that. Raises UserError, which names the archive; a wrong checksum shows at the end.
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
                if member.size > max_bytes:
                    raise UserError('{}: expected at most {} bytes in {}, found {}'.format(
                        path, max_bytes, member.name, member.size))
                if member.isfile() and posixpath.basename(name) in names:
                    yield posixpath.basename(name), archive.extractfile(member).read()
            # The tar ends before the gzip stream does, and the stream's checksum comes last.
            for _ in iter(lambda: stream.read(CHUNK), b''):
                if stream.tell() > MAX_BYTES:
                    raise UserError('{}: expected at most {} bytes unpacked, found more'.format(path, MAX_BYTES))
    except tarfile.TarError as error:
        raise UserError('{}: expected a whole tar archive, found a damaged one ({})'.format(path, error))


def first_undamaged(copies, log):
    """The content of the first undamaged one of `copies`, pairs (path, function that reads it); logs damaged ones.

    Raises the first one's error if all are damaged.
    """
    failures = []
    for path, read in copies:
        try:
            content = read()
        except (UserError, OSError) as error:
            failures.append(error)
            continue
        for failure in failures:
            log('WARNING: {}; taking {} in its place'.format(
                failure if isinstance(failure, UserError) else cannot_read(failure.filename, failure),
                path))
        return content
    raise failures[0]
