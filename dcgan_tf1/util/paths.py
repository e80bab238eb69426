"""Names of files: what a user means by one, and what TensorFlow makes of it."""

import contextlib
import os
import re
import tempfile

from dcgan_tf1.util.errors import UserError

PICTURES = ('.png', '.jpg', '.jpeg')  # extensions of the pictures that images.save_picture writes

# Functions of TensorFlow that look for files take these for a pattern, as a shell does.
_PATTERN = re.compile(r'[][*?\\]')


def expand(path, flag):
    """`path` with its `~` or `~user` replaced by the home folder; UserError, which names the flag, where it has none.

    The shell does that only for a word that begins with it, and `--run_dir=~/runs` does not.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith('~'):
        raise UserError('{}: expected a path, found {}, and there is no such home folder (a folder of that name is '
                        './{})'.format(flag, path, path))
    return expanded


def split(text):
    """The paths in a text with commas between them; a comma is a path's own where that path exists."""
    parts, paths = text.split(','), []
    while parts:
        count = next((count for count in range(len(parts), 1, -1)
                      if os.path.exists(os.path.expanduser(','.join(parts[:count])))), 1)
        paths.append(','.join(parts[:count]))
        del parts[:count]
    return [path for path in paths if path]


@contextlib.contextmanager
def literal(path):
    """Yields another name of `path` in which TensorFlow sees no pattern; `path` itself where it sees none.

    path: a file, a folder, or a checkpoint's prefix. What is written under the name that is
    yielded lies in the folder of `path`, unless its own last part looks like a pattern:
    that one is only for reading.
    """
    if not _PATTERN.search(path):
        yield path
        return
    folder, name = os.path.split(os.path.abspath(path))
    with _temporary_folder(path) as place:
        if not _PATTERN.search(name):
            os.symlink(folder, os.path.join(place, 'folder'))
            yield os.path.join(place, 'folder', name)
            return
        for entry in os.listdir(folder) if os.path.isdir(folder) else []:
            if entry == name or entry.startswith(name + '.'):
                os.symlink(os.path.join(folder, entry), os.path.join(place, 'file' + entry[len(name):]))
        yield os.path.join(place, 'file')


@contextlib.contextmanager
def _temporary_folder(path):
    """A folder for links, whose own name is no pattern: that of the system's temporary folder may be one."""
    failure = None
    for parent in (tempfile.gettempdir(), '/tmp', '/var/tmp', '/dev/shm', os.path.expanduser('~')):
        if _PATTERN.search(parent):
            continue
        try:
            made = tempfile.TemporaryDirectory(prefix='dcgan_tf1-', dir=parent)
            break
        except OSError as error:
            failure = error
    else:
        raise UserError('{}: expected a path without any of [ ] * ? \\, which TensorFlow takes for a pattern; there '
                        'is no temporary folder for another name of it either{}'.format(
                            path, '' if failure is None else ': {}'.format(failure.strerror)))
    with made as place:
        yield place
