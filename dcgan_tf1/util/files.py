"""Files that are either whole or absent."""

import codecs
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import time

from dcgan_tf1.util.errors import UserError, system_reason

CHUNK = 1 << 16


@contextlib.contextmanager
def writing(path):
    """Turns an operating system's error about writing to `path` into a UserError.

    A full disk shows only when a file is written or closed, and that error does not name the file.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error)


def cannot_write(path, error):
    """The UserError about a file or folder that an error of the system's or TensorFlow's kept from being written."""
    return UserError('cannot write {}: {}'.format(path, system_reason(error)))


def cannot_read(path, error):
    """The UserError about a file or folder that an error of the system's or TensorFlow's kept from being read."""
    return UserError('cannot read {}: {}'.format(path, system_reason(error)))


PART = '.part-'  # what the names of files and folders that are being written begin with


@contextlib.contextmanager
def replacing(path):
    """Yields a path beside `path` to write to; on success it takes the name `path`.

    The final name never holds half a file, whatever interrupts the writer. The temporary
    name ends with `path`'s own extension, since some writers choose the format by it.
    Where it can't be written, UserError names `path`. A link is replaced, and what it stands for
    stays as it is: it may belong to another run.
    """
    _refuse_device(path)
    temporary = _temporary_name(path)
    try:
        with writing(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def _temporary_name(path):
    # Not by the process's number alone, which is 1 in every container.
    return os.path.join(os.path.dirname(path), PART + '{}{:06d}-{}'.format(
        os.getpid(), secrets.randbelow(10 ** 6), os.path.basename(path)))


def _refuse_device(path):
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise UserError('{}: expected a file, found a device or a pipe'.format(path))


def check_writable(path):
    """Raises UserError where `replacing` could not write `path`, whose folder may be missing; leaves nothing."""
    folder = os.path.dirname(path) or os.curdir
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder) or os.curdir
    with writing(path):
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # By the name that it would have: one may be too long.
        trial = os.path.join(folder, os.path.basename(_temporary_name(path)))
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.remove(trial)


def make_folder(path):
    """Makes a folder where there is none, in one that is there; OSError where that one has vanished."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)


def refuse_existing(path, overwrite):
    """Raises UserError where a file would be replaced unasked, or can't be written, for want of a folder or else."""
    folder = os.path.dirname(path) or '.'
    if not os.path.isdir(folder):
        raise cannot_write(path, OSError(errno.ENOENT, 'there is no folder ' + folder))
    _refuse_device(path)
    if os.path.islink(path):
        raise UserError('{}: expected a file, found a link; give the name of what it stands for: {}'.format(
            path, os.path.realpath(path)))
    if os.path.isdir(path):
        raise UserError('{}: expected a file, found a folder'.format(path))
    if os.path.lexists(path) and not overwrite:
        raise UserError('{}: expected a new file, found one; --overwrite replaces it'.format(path))
    check_writable(path)


@contextlib.contextmanager
def locked(folder):
    """Holds an exclusive lock on a folder while it is entered; without effect where its file system has no locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_bytes(path, content, durable=False):
    """Writes `content` to `path`, whole or not at all.

    durable: through a power cut, too, in which some file systems keep a new name and not what it names. It takes
    milliseconds.
    """
    with replacing(path) as temporary, open(temporary, 'wb') as handle:
        handle.write(content)
        if durable:
            handle.flush()
            os.fsync(handle.fileno())


def sync(paths):
    """Returns when files, and the names in folders, are on the disk, where the file system can tell."""
    for path in paths:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def write_text(path, text):
    """Writes `text` (UTF-8; bytes of a file's name that are no text as an escape) to `path`, whole or not at all."""
    write_bytes(path, text.encode('utf-8', 'backslashreplace'), durable=True)


def encoding_of(content):
    """Of a text's bytes: UTF-16 where their mark says so, as a spreadsheet's "Unicode text" has it; else UTF-8."""
    return 'utf-16' if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else 'utf-8-sig'


def write_json(path, value):
    """Writes `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + '\n')


def parse_json(text):
    """json.loads, whose every failure is a ValueError: what is nested too deeply is a RecursionError in it."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('it is nested too deeply')


def read_json(path):
    """The value in a JSON file; OSError or ValueError where there is none."""
    with open(path, encoding='utf-8') as handle:
        return parse_json(handle.read())


def remove_parts(folder, names=r'.*', untouched_s=0):
    """Removes what `replacing` left behind in `folder` when the process was killed, for files of these names.

    Only for callers that alone write such files, or for files untouched for `untouched_s` seconds: another process may
    be writing one now.
    """
    pattern = re.compile(r'{}\d+-({})$'.format(re.escape(PART), names))
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if pattern.match(name):
            with contextlib.suppress(OSError):
                if time.time() - os.path.getmtime(os.path.join(folder, name)) >= untouched_s:
                    os.remove(os.path.join(folder, name))


def sha256(path):
    """The hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, 'rb') as handle:
        for chunk in iter(lambda: handle.read(CHUNK), b''):
            digest.update(chunk)
    return digest.hexdigest()


def stamp(path, name):
    """A text that changes when a file does: its name for people or in a folder, its size and its time."""
    about = os.stat(path)
    return '{} {} {}'.format(name, about.st_size, about.st_mtime_ns)


def shape_text(shape):
    """For messages: (64, 64, 3) -> '64x64x3'."""
    return 'x'.join(map(str, shape))


def listing(names, max_names=8):
    """For messages: the first few of `names` on one line, and how many more there are; 'nothing' for none."""
    shown = [''.join(letter if letter.isprintable() else '?' for letter in name) for name in names[:max_names]]
    more = len(names) - len(shown)
    return ', '.join(shown) + (' and {:,} more'.format(more) if more else '') if names else 'nothing'


def contents(folder):
    """For messages: what lies in a folder, sub-folders with a slash."""
    return listing([name + '/' if os.path.isdir(os.path.join(folder, name)) else name
                    for name in sorted(os.listdir(folder))])
