"""The numbered names of run folders, `00000-blog_mnist` and so on."""

import os
import re

NUMBERED = re.compile(r'(\d{5,})-(.+)$')
_LOW = re.compile(r'0\d{4}-.')  # which no date looks like


def is_run(path):
    """Whether a path is that of a run folder, perhaps a damaged one."""
    return os.path.isfile(os.path.join(path, 'config.json'))


def is_missing_run(path):
    """Whether a path is named like a run folder, and is neither one nor a folder of some."""
    return bool(_LOW.match(os.path.basename(os.path.abspath(path)))) and not is_run(path) and not (
        os.path.isdir(path) and any(NUMBERED.match(entry) for entry in os.listdir(path)))


def folders(parent, name):
    """The run folders of this name, that with the highest number first.

    `parent` may be a run folder itself, which is then the only one.
    """
    if is_run(parent):
        return [parent]
    numbered = []
    for entry in os.listdir(parent) if os.path.isdir(parent) else []:
        match = NUMBERED.match(entry)
        path = os.path.join(parent, entry)
        if match and match.group(2) == name and is_run(path):
            numbered.append((int(match.group(1)), path))
    return [path for _, path in sorted(numbered, reverse=True)]
