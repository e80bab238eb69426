"""Where the inputs of the fuzzed readers are written to: in memory, where the system has files there."""

import atexit
import os
import shutil
import tempfile

FOLDER = tempfile.mkdtemp(prefix='dcgan-fuzz-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def path_of(*names):
    path = os.path.join(FOLDER, *names)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(content, *names):
    path = path_of(*names)
    with open(path, 'wb') as handle:
        handle.write(content)
    return path
