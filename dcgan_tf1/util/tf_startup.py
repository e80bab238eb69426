"""What a command does before TensorFlow is imported, and nobody else: it changes settings of the whole process.

A program that imports modules of this package keeps its own. So the commands begin here in
the two ways that there are: `python -m dcgan_tf1.train` in the module's first lines, where its
name is `__main__`, and `dcgan-train` in `commands.py`. Nothing here imports TensorFlow, which takes
seconds and which a help text does without.

Since 2.19, TensorFlow prints a few informational lines while it is imported, whatever
TF_CPP_MIN_LOG_LEVEL says, because they come before its log is set up. They go through
the file descriptor, so that is what is held back here. Anything but those lines is
passed on.
"""

import contextlib
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import warnings

from dcgan_tf1.util import processor, streams
from dcgan_tf1.util.figure_style import import_matplotlib

ONEDNN = 'TF_ENABLE_ONEDNN_OPTS'  # the variable by which TensorFlow takes oneDNN's kernels, or its own
_chose_kernels = False  # whether it was begin() that set it

_CHATTER = re.compile(rb'I\d{4} |WARNING: All log messages before absl::InitializeLog')


def begin():
    """Readies this process for a command; TensorFlow will be quiet whenever something imports it."""
    streams.open_missing()
    # TensorFlow's C++ start-up messages (one of them a false alarm on every machine without CUDA) would bury our
    # log; set the variable to 0 to see them.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    # TensorFlow 1.15 on Python 3.7 warns six times about its own use of NumPy.
    warnings.filterwarnings('ignore', category=FutureWarning, module='tensor(flow|board)')
    # TensorFlow takes oneDNN's kernels by itself only where a processor has instructions for 8 or 16 bits. They are
    # twice as fast as its own with AVX2 alone, too (docs/performance.md).
    global _chose_kernels  # noqa: PLW0603
    if 'avx2' in processor.cpu_instructions() and ONEDNN not in os.environ:
        os.environ[ONEDNN], _chose_kernels = '1', True
    if 'tensorflow' not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def environment_of_others():
    """The environment without what begin() chose of kernels: what programs of others would have here."""
    return {name: value for name, value in os.environ.items() if name != ONEDNN or not _chose_kernels}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow, once, where the others find it, and lets a _Loader import it."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != 'tensorflow':
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Imports TensorFlow as its own loader does, without the start-up chatter."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader  # what is asked of it later, it answers itself
        quiet = os.environ.get('TF_CPP_MIN_LOG_LEVEL') != '0'
        with contextlib.ExitStack() as stack:
            if quiet:
                stack.enter_context(without_chatter(_CHATTER))
            # First: Keras, which TensorFlow 2 imports, imports it, and fails with some settings of the user's.
            with contextlib.suppress(ImportError):
                import_matplotlib()
            self._loader.exec_module(module)
            import tensorflow.compat.v1 as tf
        if quiet:
            # Deprecation notes address whoever writes the graph; ours must use the old names.
            tf.logging.set_verbosity(tf.logging.ERROR)


@contextlib.contextmanager
def without_chatter(chatter=re.compile(b'')):
    """Holds back what is written to standard error, and passes on the lines that are no `chatter`.

    After an exception all of it is passed on.
    """
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            stderr = os.dup(2)
        except OSError:  # there is no standard error, or no place for temporary files
            yield
            return
        _flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            chatter = None
            raise
        finally:
            _flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            with contextlib.suppress(OSError):  # whoever read it has gone
                for line in held:
                    if chatter is None or not chatter.match(line):
                        os.write(2, line)


def _flush():
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
