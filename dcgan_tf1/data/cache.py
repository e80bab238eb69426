"""Images that are more than memory is to hold: decoded once into a file beside the data, which is then mapped.

The file holds the bytes of all images, one after the other, then a JSON object that describes them, its length as
uint64, the SHA-256 of images and object, and a magic. Its name has the checksum of what decides on its content: the
data's files with their sizes and times, and how they are read. It takes its name when it is whole; a damaged one is
made anew.
"""

import collections
import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import struct

import numpy as np
from tqdm import tqdm

from dcgan_tf1.data.reading import NO_LIMIT
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import PART, cannot_write, parse_json

FOLDER = '.dcgan_tf1-cache'
VERSION = 3  # of the file format, and of how pictures are decoded
_MAGIC = b'DCGANPX2'
_TAIL = struct.Struct('<Q32s8s')
_MAX_ABOUT = 1 << 28  # bytes of the description
_CHUNK = 1 << 20

# Where images are kept: the cache's file, their shape [H, W, C], and a glob pattern for all files of the same kind.
Place = collections.namedtuple('Place', 'path shape pattern')


def limit(reading):
    """How many bytes of images memory is to hold."""
    return free_memory() // 2 if reading.cache_gib is None else int(min(reading.cache_gib, NO_LIMIT) * (1 << 30))


def fits(size, reading, log):
    """Whether so many bytes of images stay in memory; if so, a --cache_dir is checked, and said to have no effect."""
    if size > limit(reading):
        return False
    if reading.cache_dir is not None:
        _check_folder(reading.cache_dir, reading)
        log('--cache_dir: not used, for the images fit into memory (--cache_gib)')
    return True


def free_memory():
    """Bytes of memory that are free, of the machine and of this process's group."""
    try:
        with open('/proc/meminfo', encoding='ascii') as handle:
            free = int(re.search(r'^MemAvailable: *(\d+) kB$', handle.read(), re.M).group(1)) << 10
    except (OSError, AttributeError):
        free = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2
    for names in _GROUP_FILES:
        with contextlib.suppress(OSError, ValueError):  # 'max' where there is no limit
            max_bytes, used = [_number_in(os.path.join('/sys/fs/cgroup', name)) for name in names]
            free = min(free, max(0, max_bytes - used))
    return free


# A control group's limit and what it uses, in its second and first form.
_GROUP_FILES = (('memory.max', 'memory.current'), ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'))


def _number_in(path):
    with open(path, encoding='ascii') as handle:
        return int(handle.read())


def place_of(source, shape, reading, stamps, part=None):
    """The Place of the images of `source`, a folder or file, or of a `part` of it, made of what `stamps` name.

    Raises UserError where there can't be a folder of that name.
    """
    source = os.path.abspath(source)
    folder = reading.cache_dir or os.path.join(source if os.path.isdir(source) else os.path.dirname(source), FOLDER)
    _check_folder(folder, reading)
    how = hashlib.sha256(json.dumps([VERSION, source if reading.cache_dir else os.path.basename(source), part,
                                     reading.crop, reading.resize, reading.background, reading.recursive,
                                     reading.skip_damaged]).encode()).hexdigest()[:8]
    digest = hashlib.sha256()
    for stamp in stamps:
        digest.update(stamp.encode('utf-8', 'surrogateescape') + b'\n')
    title = os.path.basename(source)[:40] + ('' if part is None else '-' + part[:40])
    kind = '{}-{}-{}'.format(re.sub(r'[^\w.-]', '_', title), 'x'.join(map(str, shape)), how)
    return Place(os.path.join(folder, '{}-{}.pixels'.format(kind, digest.hexdigest()[:16])), tuple(shape),
                 os.path.join(glob.escape(folder), glob.escape(kind) + '-*.pixels'))


def _check_folder(folder, reading):
    nearest = os.path.abspath(folder)
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        raise UserError(
            '--cache_dir: expected a folder, found a file at ' + nearest if reading.cache_dir else
            '{}: expected a folder, found a file; --cache_dir=FOLDER keeps images elsewhere'.format(nearest))


def load(place, count, fill, log, check=lambda notes, count: None):
    """(the images, numpy.memmap uint8 [N, H, W, C]; what `fill` said of them; hashlib's SHA-256 of them).

    Args:
      place: a Place.
      count: how many images there are at most.
      fill: (write, bar) -> a dictionary that JSON can hold; write(row, uint8 [n, H, W, C]) takes images, with no gaps
        between the rows. Called where there is no complete file.
      check: (what `fill` said, how many images there are): raises ValueError, KeyError or TypeError where what a file
        says differs from what `fill` would say.

    Raises UserError where the file can't be written.
    """
    _remove_parts(place, log)
    if os.path.exists(place.path):
        cached = _open(place, log, check)
        if cached is not None:
            return cached
        with contextlib.suppress(OSError):
            os.remove(place.path)
    is_made = False
    try:
        os.makedirs(os.path.dirname(place.path), exist_ok=True)
        is_made = True
        return _make(place, count, fill, log, check)
    except OSError as error:
        if is_made and error.errno not in _OF_WRITING:
            raise
        raise UserError('{}; --cache_dir=FOLDER keeps these images elsewhere, and a larger --cache_gib keeps them in '
                        'memory'.format(cannot_write(place.path, error)))


def check_of_all(expected):
    """A check for load() of `expected` images, of which none may be left out."""
    def check(_, count):
        if count != expected:
            raise ValueError('{:,} images of {:,}'.format(count, expected))

    return check


_OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EFBIG)


def _make(place, count, fill, log, check):
    folder, name = os.path.split(place.path)
    part = os.path.join(folder, PART + name)
    with _locked(part, log) as handle:
        cached = _open(place, log, check) if os.path.exists(place.path) else None  # another process has made it
        if cached is not None:
            os.remove(part)
            return cached
        size = int(np.prod(place.shape))
        try:
            handle.truncate(0)
            if shutil.disk_usage(folder).free < count * size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            log('decoding {:,} images once into {} ({:,.0f} MiB)'.format(count, place.path, count * size / (1 << 20)))
            rows = _Rows(handle, size)
            with tqdm(total=count, desc='decoding', unit='image', disable=None, leave=False) as bar:
                notes = fill(rows.write, bar)
            handle.seek(rows.count * size)
            handle.flush()
            digest = _digest(part, rows.count * size)
            about = json.dumps({'count': rows.count, 'shape': place.shape, 'notes': notes}).encode()
            handle.write(about + _TAIL.pack(len(about), _digest_of_all(digest, about), _MAGIC))
            handle.flush()
            os.fsync(handle.fileno())
            os.replace(part, place.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(part)
            raise
    for other in glob.glob(place.pattern):
        if other != place.path:
            log('{}: of other pictures, or of these in another order, removed'.format(other))
            with contextlib.suppress(OSError):
                os.remove(other)
    return _mapped(place, rows.count), notes, digest


class _Rows:
    """Images in a file, by their row."""

    def __init__(self, handle, size):
        self._handle, self._size, self.count = handle, size, 0

    def write(self, row, pixels):
        self._handle.seek(row * self._size)
        self._handle.write(np.ascontiguousarray(pixels, np.uint8).tobytes())
        self.count = max(self.count, row + len(pixels))


@contextlib.contextmanager
def _locked(part, log):
    """The file `part`, open for writing by this process alone; a process that was killed holds no lock any more."""
    while True:
        with open(part, 'ab+') as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log('waiting for another process that is writing ' + part)
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:  # a file system without locks
                raise UserError('{}; --cache_dir=FOLDER keeps these images elsewhere'.format(
                    cannot_write(part, error)))
            if _is_at(part, handle):
                with open(part, 'rb+') as writable:
                    yield writable
                return


def _is_at(path, handle):
    """Whether an open file still has this path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False


def _remove_parts(place, log):
    """Removes unfinished files of a place's kind that killed processes left: those that nobody has locked."""
    folder, names = os.path.split(place.pattern)
    for part in glob.glob(os.path.join(folder, PART + names)):
        with contextlib.suppress(OSError), open(part, 'rb+') as handle:  # BlockingIOError where one is being written
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(part, handle):
                os.remove(part)
                log('{}: left by a process that was killed, removed'.format(part))


def _open(place, log, check):
    """As load() returns it; None where the file is damaged, which is said."""
    try:
        raw, length, expected = _end(place.path)
        digest = _digest(place.path, length)
        if _digest_of_all(digest, raw) != expected:
            raise ValueError('other bytes than were written')
        about = parse_json(raw.decode('utf-8'))
        shape, count, size = tuple(about['shape']), about['count'], int(np.prod(place.shape))
        if shape != place.shape or not isinstance(count, int) or count < 1 or count * size != length:
            raise ValueError('{} images of {} in {} bytes'.format(count, list(shape), length))
        check(about['notes'], count)
        log('images from {}'.format(place.path))
        return _mapped(place, count), about['notes'], digest
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        log('WARNING: {}: expected the images that were decoded before, found a damaged file ({}); making it '
            'anew'.format(place.path, error))
        return None


def _end(path):
    """(the description at the end of a file, how many bytes are before it, the SHA-256 of both)."""
    with open(path, 'rb') as handle:
        end = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, end - _TAIL.size))
        length, digest, magic = _TAIL.unpack(handle.read(_TAIL.size))
        if magic != _MAGIC or length > min(end - _TAIL.size, _MAX_ABOUT):
            raise ValueError('no end')
        handle.seek(end - _TAIL.size - length)
        return handle.read(length), end - _TAIL.size - length, digest


def _digest(path, length):
    """hashlib's SHA-256 of a file's first bytes; read, not mapped, so that they don't count as memory in use."""
    digest, left = hashlib.sha256(), length
    with open(path, 'rb') as handle, tqdm(total=length, desc='checking', unit='B', unit_scale=True, disable=None,
                                          leave=False) as bar:
        while left:
            chunk = handle.read(min(_CHUNK, left))
            if not chunk:
                raise ValueError('{} bytes less'.format(left))
            digest.update(chunk)
            left -= len(chunk)
            bar.update(len(chunk))
    return digest


def _digest_of_all(digest, about):
    """The SHA-256 of images and their description `about`; digest: hashlib's of the images."""
    digest = digest.copy()
    digest.update(about)
    return digest.digest()


def _mapped(place, count):
    return np.memmap(place.path, np.uint8, 'r', shape=(count,) + place.shape)
