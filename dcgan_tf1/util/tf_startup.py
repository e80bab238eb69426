"""What a command does before TensorFlow is imported, and nobody else: it changes settings of the whole process.

A program that imports modules of this package keeps its own. So the commands begin here in
the two ways that there are: `python -m dcgan_tf1.train` in the module's first lines, where its
name is `__main__`, and `dcgan-train` in `commands.py`. Nothing here imports TensorFlow, which takes
seconds and which a help text does without.

Since 2.18, TensorFlow prints a few informational lines and false alarms while it is imported, and some releases
another in the first run of a session, whatever TF_CPP_MIN_LOG_LEVEL says, because they come before its log is set
up. They go through the file descriptor, so that is what is held back here. Anything but those lines is passed on.
"""

import contextlib
import gc
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import threading
import warnings

from dcgan_tf1.util import processor, streams
from dcgan_tf1.util.errors import UserError, reason

ONEDNN = 'TF_ENABLE_ONEDNN_OPTS'  # the variable by which TensorFlow takes oneDNN's kernels, or its own
_TALKATIVE = ((2, 18), (2, 19), (2, 20))  # the releases that write a line in a session's first run
_talks_in_first_run = False  # whether this process's will, as nothing has been run yet
# The distributions that TensorFlow is had as, by the folders of their metadata.
_METADATA = re.compile(r'(?:(?:intel_)?tensorflow(?:_cpu|_gpu|_intel|_macos|_rocm|_cpu_aws)?|tf_nightly(?:_cpu|_gpu)?)'
                       r'-(\d+)\.(\d+)\.(?:.*)\.(?:dist|egg)-info$')

_CHATTER = re.compile(rb'I\d{4} |WARNING: All log messages before absl::InitializeLog|'
                      rb'[EW]\d{4} .*(?:Unable to register cu\w+ factory|computation placer already registered)')


def begin():
    """Readies this process for a command; TensorFlow will be quiet whenever something imports it."""
    streams.open_missing()
    # Graphs are many objects, none of which is garbage: looking for some in every 700 new ones, as Python does, takes
    # a twentieth of the time until the first step.
    gc.set_threshold(100000, 2, 2)
    # TensorFlow's C++ start-up messages (one of them a false alarm on every machine without CUDA) would bury our
    # log; set the variable to 0 to see them.
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    # TensorFlow 1.15 on Python 3.7 warns six times about its own use of NumPy.
    warnings.filterwarnings('ignore', category=FutureWarning, module='tensor(flow|board)')
    if 'tensorflow' not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def choose_kernels(release):
    """Lets a TensorFlow that is not loaded yet take oneDNN's kernels where the user does not say and they are faster.

    TensorFlow takes them by itself only where a processor has instructions for 8 or 16 bits. They are twice as fast as
    its own with AVX2 alone, too (docs/performance.md). They can be chosen since 2.5; those of before 2.9 end the
    process on some processors.

    release: (major, minor), or None where nobody knows.
    """
    if release is not None and release >= (2, 9) and 'avx2' in processor.cpu_instructions() \
            and ONEDNN not in os.environ:
        os.environ[ONEDNN] = '1'


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
        release = installed_release(os.path.dirname(os.path.dirname(module.__spec__.origin or '')))
        check_numpy(release)
        choose_kernels(release)
        global _talks_in_first_run  # noqa: PLW0603
        quiet = os.environ.get('TF_CPP_MIN_LOG_LEVEL') != '0'
        with contextlib.ExitStack() as stack:
            if quiet:
                stack.enter_context(without_chatter(_CHATTER))
            # TensorFlow 2 imports Keras, which would import matplotlib. That takes time, and fails with some of the
            # user's settings. (In this process, keras.visualization takes it for not installed.)
            stack.enter_context(_as_if_not_installed('matplotlib'))
            stack.enter_context(_without_garbage())
            try:
                self._loader.exec_module(module)
                import tensorflow.compat.v1 as tf
            except Exception as error:
                raise Unusable(release, 'to import it', '{}: {}{}'.format(
                    type(error).__name__, reason(error), '' if release is None or release >= (2, 12) else
                    '; releases before 2.12 need protobuf<3.21')) from error
        if quiet:
            _talks_in_first_run = release in _TALKATIVE
            # Deprecation notes address whoever writes the graph; ours must use the old names.
            tf.logging.set_verbosity(tf.logging.ERROR)


@contextlib.contextmanager
def _as_if_not_installed(module):
    """Inside, it is an ImportError to import a module, unless something has imported it before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None
    try:
        yield
    finally:
        sys.modules.pop(module, None)


@contextlib.contextmanager
def _without_garbage():
    """Nothing is looked at for garbage inside, and what is there at the end never again: modules stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def quieten_first_run(config):
    """Runs a session of `config`, a command's first, where TensorFlow would write to standard error in that run."""
    global _talks_in_first_run  # noqa: PLW0603
    if _talks_in_first_run:
        _talks_in_first_run = False
        import tensorflow.compat.v1 as tf
        with without_chatter(_CHATTER), tf.Graph().as_default(), tf.Session(config=config) as session:
            session.run(tf.no_op())


class Unusable(UserError, ImportError):
    """TensorFlow is installed and can't be imported. An ImportError, too, for whoever would do without it."""

    def __init__(self, release, expected, found):
        super().__init__('TensorFlow{}: expected {}, found {}'.format(
            '' if release is None else ' {}.{}'.format(*release), expected, found))


def check_numpy(release):
    """UserError where a TensorFlow that is not imported yet would fail with this NumPy, which then writes pages."""
    import numpy as np
    if release is not None and release < (2, 16) and int(np.__version__.split('.')[0]) > 1:
        raise Unusable(release, 'numpy<2', np.__version__)


def installed_release(folder):
    """(major, minor) of the TensorFlow that is installed in a folder, by its metadata; None where it has none."""
    try:
        matches = [_METADATA.match(name) for name in os.listdir(folder)]
    except OSError:
        return None
    # The lowest, where one was installed over another.
    return min((tuple(map(int, one.groups())) for one in matches if one is not None), default=None)


_redirecting = threading.RLock()  # standard error is the process's, whichever thread redirects it


@contextlib.contextmanager
def without_chatter(chatter=re.compile(b'')):
    """Holds back what is written to standard error, and passes on the lines that are no `chatter`.

    After an exception all of it is passed on.
    """
    with _redirecting, contextlib.ExitStack() as stack:
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
