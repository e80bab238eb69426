"""What lies below a folder or in a zip archive, by names relative to it: nothing is unpacked to the disk.

Hidden files and folders are passed over, and so is what macOS adds to archives.
"""

import contextlib
import io
import os
import posixpath
import stat
import zipfile

from dcgan_tf1.util import signatures
from dcgan_tf1.util.errors import UserError, system_reason
from dcgan_tf1.util.files import cannot_read, stamp

MAX_FILE = 1 << 28  # bytes of one file in an archive; a picture has fewer
SUFFIX = '.zip'
_UTF8 = 1 << 11  # the mark, among a member's flags


FOLDER, FILE = 'folder', 'file'


def kind_of(path):
    """FOLDER, FILE, or None for a pipe, socket or device: opening one may block forever."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return FILE  # a link to nothing: whoever reads it says so
    return FOLDER if stat.S_ISDIR(mode) else FILE if stat.S_ISREG(mode) else None


class _Tree:
    """Names with slashes, sorted: `files`, and `folders` {name: (its sub-folders' names, its files' names)}.

    left_out: names of folders that can't be read, or that another name has already led to.
    """

    left_out = ()

    def __init__(self, place):
        self.place, self.files, self.folders = place, (), {'': ([], [])}

    def _add(self, folder, folders, files):
        self.folders[folder] = (sorted(folders), sorted(files))

    def _finish(self):
        self.files = tuple(sorted(posixpath.join(folder, name)
                                  for folder, (_, names) in self.folders.items() for name in names))

    def path(self, name):
        """What messages call a file."""
        return os.path.join(self.place, *name.split('/'))


class Folder(_Tree):
    """A folder of the disk; links to folders are followed, but to none whose pictures are there already."""

    def __init__(self, place):
        super().__init__(place)
        self.left_out, seen, links = [], set(), []
        coming = [('', os.path.realpath(place))]
        while coming or links:
            folder, real = coming.pop() if coming else links.pop(0)  # links last, so that it is them that are left out
            inside = None if real in seen else self._inside(folder)
            seen.add(real)
            if inside is None:
                if not self._is_circle(folder, real):
                    self.left_out.append(folder)
                self._drop(folder)
                continue
            self._add(folder, *inside)
            for name in inside[0]:
                below = posixpath.join(folder, name)
                if os.path.islink(self.path(below)):
                    links.append((below, os.path.realpath(self.path(below))))
                else:
                    coming.append((below, os.path.join(real, name)))
        self.left_out.sort()
        self._finish()

    def _inside(self, folder):
        """(the names of its folders, those of its files); None where it can't be read."""
        folders, files = [], []
        path = self.path(folder) if folder else self.place
        try:
            for name in os.listdir(path):
                kind = None if name.startswith('.') else kind_of(os.path.join(path, name))
                if kind is not None:
                    (folders if kind == FOLDER else files).append(name)
        except OSError:
            if folder:
                return None
            raise
        return folders, files

    def _is_circle(self, folder, real):
        """Whether a folder is a link to one that is around it."""
        around = os.path.realpath(os.path.dirname(self.path(folder)))
        return (around + os.sep).startswith(os.path.join(real, ''))

    def _drop(self, folder):
        above, name = posixpath.split(folder)
        self.folders[above] = ([each for each in self.folders[above][0] if each != name], self.folders[above][1])

    def open(self, name):
        """The path of a file."""
        return self.path(name)

    def read(self, name):
        try:
            with open(self.path(name), 'rb') as handle:
                return handle.read()
        except OSError as error:
            raise cannot_read(self.path(name), error)

    def holding(self, names):
        """The paths that the files are read from."""
        return [self.path(name) for name in names]

    def stamps(self, names):
        """For each file a text that changes when it does; also for one that can't be read."""
        for name in names:
            try:
                yield stamp(self.path(name), name)
            except OSError:
                yield name


class Zip(_Tree):
    """A zip archive; while its only content is one folder, that folder is taken for the archive itself."""

    def __init__(self, place):
        super().__init__(place)
        try:
            self._archive = zipfile.ZipFile(place)
        except Exception as error:  # noqa: BLE001  hostile bytes make zipfile raise almost anything
            raise UserError('{}: expected a zip archive, found: {}'.format(place, signatures.no_zip(place, error)))
        self._members = {}
        for member in self._archive.infolist():
            name = posixpath.normpath(_slashed(_name_of(member)))
            parts = name.split('/')
            if name.startswith('/') or '..' in parts:
                raise UserError('{}: expected plain files below one folder, found the member {!r}'.format(
                    place, member.filename))
            if any(part.startswith('.') for part in parts) or parts[0] == '__MACOSX':
                continue
            other = self._members.get(name)
            if other is None or _is_folder(other):
                self._members[name] = member
            elif not _is_folder(member) and (other.CRC, other.file_size) != (member.CRC, member.file_size):
                raise UserError('{}: expected each file once, found another {}'.format(place, name))
        self._build()

    def _build(self):
        folders = {'': (set(), set())}
        for name, member in self._members.items():
            parent, base = posixpath.split(name)
            if _is_folder(member):
                parent, base = name, None
            while True:
                inside = folders.setdefault(parent, (set(), set()))
                if base is not None:
                    inside[1].add(base)
                base = None
                if not parent:
                    break
                above, last = posixpath.split(parent)
                folders.setdefault(above, (set(), set()))[0].add(last)
                parent = above
        top = ''
        while len(folders[top][0]) == 1 and not folders[top][1]:
            top = posixpath.join(top, *folders[top][0])
        self._top = top + '/' if top else ''
        for name, (inner, files) in folders.items():
            if (name + '/').startswith(self._top) or not top:
                self._add(name[len(self._top):], inner, files)
        self._finish()

    def open(self, name):
        """A file's content as a stream."""
        return io.BytesIO(self.read(name))

    def read(self, name):
        member = self._members[self._top + name]
        try:
            if member.flag_bits & 1:
                raise ValueError('one that asks for a password')
            if member.file_size > MAX_FILE:
                raise ValueError('{:,} bytes, more than {:,}'.format(member.file_size, MAX_FILE))
            return self._archive.read(member)
        except Exception as error:  # noqa: BLE001  as above, and each method of compression has errors of its own
            raise UserError('{}: expected a file of an archive that can be read, found: {}'.format(
                self.path(name), system_reason(error)))

    def holding(self, names):
        del names
        return [self.place]

    def stamps(self, names):
        for name in names:
            member = self._members[self._top + name]
            yield '{} {} {}'.format(name, member.file_size, member.CRC)


def _name_of(member):
    """A member's name, also of programs that write UTF-8 without the mark that says so, as Info-ZIP does."""
    if not member.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):
            return member.filename.encode('cp437').decode('utf-8')
    return member.filename


def _is_folder(member):
    return _slashed(member.filename).endswith('/')


def _slashed(name):
    """A member's name with slashes: some programs of Windows write backslashes against the format's rules."""
    return name.replace('\\', '/')


class Part:
    """What lies below one folder of a tree, as a tree of its own."""

    left_out = ()  # the tree around it has said so

    def __init__(self, tree, folder):
        self._tree, self._above, above = tree, folder, folder + '/'
        self.place = tree.path(folder)
        self.files = tuple(name[len(above):] for name in tree.files if name.startswith(above))
        self.folders = {name[len(above):]: inside for name, inside in tree.folders.items()
                        if (name + '/').startswith(above)}

    def _name(self, name):
        return posixpath.join(self._above, name)

    def path(self, name):
        return self._tree.path(self._name(name))

    def open(self, name):
        return self._tree.open(self._name(name))

    def read(self, name):
        return self._tree.read(self._name(name))

    def holding(self, names):
        return self._tree.holding(list(map(self._name, names)))

    def stamps(self, names):
        return self._tree.stamps(list(map(self._name, names)))
