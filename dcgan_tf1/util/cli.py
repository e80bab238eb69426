"""What every command does around its work: flags, one-line errors, exit status."""

import contextlib
import errno
import os
import sys
import threading

from absl import flags as absl_flags

from dcgan_tf1.util import streams
from dcgan_tf1.util.errors import UserError, reason

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_ON_WRITING = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


def run(parse, work, argv=None, failures=()):
    """Parses `argv` (without the program's name; default sys.argv) and does the work.

    Args:
      parse: list of arguments -> frozen config, or None where a help text was asked for
        and printed.
      work: config -> exit status or None for 0.
      failures: exceptions of the libraries in use that are the machine's or the input's
        fault, not a mistake of ours (out of memory, say).

    Returns the exit status: 1 after a UserError or a file that can't be read or written,
    2 after a wrong flag; each is one line on standard error, without a traceback.
    """
    with streams.usable(), _without_notes():
        return _run(parse, work, argv, failures)


def _run(parse, work, argv, failures):
    try:
        config = parse(sys.argv[1:] if argv is None else argv)
        status = (work(config) or 0) if config is not None else 0
        sys.stdout.flush()
        return status
    except absl_flags.Error as error:
        return _fail(' '.join(str(error).split()) + ' (--help lists the flags)', EXIT_USAGE)
    except UserError as error:
        return _fail(error, EXIT_ERROR)
    except failures as error:
        return _fail('{}: {}'.format(type(error).__name__, reason(error)), EXIT_ERROR)
    except BrokenPipeError:
        _write_nowhere(sys.stdout)  # whoever read it has gone
        return EXIT_ERROR
    except OSError as error:
        # Of whatever was done with a file: what writes has said so itself, unless it has no name for it.
        return _fail('cannot {} {}: {}'.format('write' if error.errno in _ON_WRITING else 'access', (
            error.filename or 'a file'), error.strerror or error), EXIT_ERROR)
    except UnicodeEncodeError as error:
        return _fail('{!r}: expected UTF-8, which TensorFlow takes paths in, found other bytes'.format(error.object),
                     EXIT_ERROR)
    except KeyboardInterrupt:
        return _fail('interrupted', EXIT_INTERRUPTED)


def in_main_thread():
    """Whether signals can be asked for here: Python allows it in the main thread alone."""
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _without_notes():
    """Without deprecation notes, which address whoever writes the graph, where a program runs a command of ours."""
    import tensorflow.compat.v1 as tf
    before = tf.logging.get_verbosity()
    if os.environ.get('TF_CPP_MIN_LOG_LEVEL') != '0':
        tf.logging.set_verbosity(max(before, tf.logging.ERROR))
    try:
        yield
    finally:
        tf.logging.set_verbosity(before)


@contextlib.contextmanager
def lasting_output():
    """Lets work go on when whoever reads standard output or error has gone: a closed terminal or pipe.

    What is written after that is dropped. Yields a function that says whether it happened.
    """
    with streams.usable():
        before = sys.stdout, sys.stderr
        lasting = [_Lasting(stream) for stream in before]
        sys.stdout, sys.stderr = lasting
        try:
            yield lambda: any(stream.gone for stream in lasting)
        finally:
            sys.stdout, sys.stderr = before


class _Lasting:
    def __init__(self, stream):
        self._stream, self.gone = stream, False

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def _try(self, call, *arguments):
        try:
            return call(*arguments)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            self.gone = True
            _write_nowhere(self._stream)

    def write(self, text):
        self._try(self._stream.write, text)
        return len(text)

    def flush(self):
        self._try(self._stream.flush)


def _write_nowhere(stream):
    """Lets a closed stream be written to, by us and by the interpreter when it ends: nothing comes of it."""
    with contextlib.suppress(OSError):  # one of a program that calls us may have no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(message, status):
    try:
        sys.stdout.flush()
    except OSError:  # what has just been reported, most likely
        _write_nowhere(sys.stdout)
    print('error: {}'.format(message), file=sys.stderr)
    return status
