"""What every command does around its work: flags, one-line errors, exit status."""

import contextlib
import errno
import os
import signal
import sys
import threading

from absl import flags as absl_flags

from dcgan_tf1.util import streams
from dcgan_tf1.util.errors import UserError, one_line, reason

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_ON_WRITING = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


def run(parse, work, argv=None, described=lambda error: None):
    """Parses `argv` (without the program's name; default sys.argv) and does the work.

    Args:
      parse: list of arguments -> frozen config, or None where a help text, or the version, was asked for
        and printed.
      work: config -> exit status or None for 0.
      described: an error -> a line about it where it is one of the user's own code, else None.

    Returns the exit status: 1 after a UserError, an error of TensorFlow's (out of memory, say) or a file
    that can't be read or written, 2 after a wrong flag; each is one line on standard error, without a
    traceback.
    """
    with streams.usable(), streams.without_notes():
        return _run(parse, work, argv, described)


def _run(parse, work, argv, described):
    try:
        config = parse(sys.argv[1:] if argv is None else argv)
        status = (_blaming_the_users_code(work, config, described) or 0) if config is not None else 0
        sys.stdout.flush()
        return status
    except absl_flags.Error as error:
        return _fail(' '.join(str(error).split()) + ' (--help lists the flags)', EXIT_USAGE)
    except UserError as error:
        return _fail(error, EXIT_ERROR)
    except _tensorflow_errors() as error:
        return _fail('{}: {}'.format(type(error).__name__, reason(error)), EXIT_ERROR)
    except BrokenPipeError:
        _write_nowhere(sys.stdout)  # whoever read it has gone
        return EXIT_ERROR
    except OSError as error:
        # From any use of a file. Code that writes raises a UserError itself, unless it does not know the file's name.
        return _fail('cannot {} {}: {}'.format('write' if error.errno in _ON_WRITING else 'access', (
            error.filename or 'a file'), error.strerror or error), EXIT_ERROR)
    except MemoryError as error:
        return _fail('expected memory for what was asked, found too little{}; fewer images at once take less, as does '
                     'a smaller --cache_gib for your own pictures'.format(': {}'.format(error) if str(error) else ''),
                     EXIT_ERROR)
    except UnicodeEncodeError as error:
        return _fail('{!r}: expected UTF-8, which TensorFlow takes paths in, found other bytes'.format(error.object),
                     EXIT_ERROR)
    except KeyboardInterrupt:
        return _fail('interrupted', EXIT_INTERRUPTED)


def in_main_thread():
    """Whether signals can be asked for here: Python allows it in the main thread alone."""
    return threading.current_thread() is threading.main_thread()


def stop_signals():
    """The signals that ask to stop, of those that may be asked for here. SIGHUP stays ignored, as under `nohup`."""
    return [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if in_main_thread() and (
        number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN)]


def _tensorflow_errors():
    """What TensorFlow raises where the machine or the input is at fault; nothing where it has not been imported."""
    tf = sys.modules.get('tensorflow.compat.v1')
    return () if tf is None else (tf.errors.OpError,)


def _blaming_the_users_code(work, config, described):
    """work(config); an error that `described` has a line for is a UserError with that."""
    try:
        return work(config)
    except Exception as error:
        text = None if isinstance(error, UserError) else described(error)
        if text is None:
            raise
        raise UserError(text) from error


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
    print('error: {}'.format(one_line(message)), file=sys.stderr)
    return status
