"""Standard input, output and error of a command, which may be closed or unable to show a character, and loggers."""

import contextlib
import logging
import os
import sys


def open_missing():
    """Replaces those streams that the process was started without (`2>&-`) by ones that lead nowhere.

    To be called before any file is opened: that file would get the missing stream's number,
    and with it all that is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name, mode in (('stdin', 'r'), ('stdout', 'w'), ('stderr', 'w')):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(mode))


def _nowhere(mode):
    return open(os.devnull, mode, encoding='utf-8', errors='backslashreplace')


@contextlib.contextmanager
def usable():
    """Inside, any text can be printed: what the terminal's encoding lacks is escaped, a closed stream drops it.

    A path may have characters that a terminal has not, or bytes that are no text at all.
    """
    with contextlib.ExitStack() as stack:
        for name in ('stdout', 'stderr'):
            stream = getattr(sys, name)
            if stream is None:
                setattr(sys, name, stack.enter_context(_nowhere('w')))
                stack.callback(setattr, sys, name, None)
            elif hasattr(stream, 'reconfigure') and not _shows_all(stream):
                stack.callback(_set_errors, stream, stream.errors)
                _set_errors(stream, 'backslashreplace')
        yield


def _shows_all(stream):
    # Python chooses surrogateescape in the C locale: with UTF-8 it gives undecodable bytes back as they were.
    return stream.errors not in ('strict', 'surrogateescape') or (
        stream.errors == 'surrogateescape' and stream.encoding.lower().replace('-', '') == 'utf8')


def _set_errors(stream, errors):
    with contextlib.suppress(OSError, ValueError):  # it writes what it still holds, perhaps to a closed pipe
        stream.reconfigure(errors=errors)


@contextlib.contextmanager
def quiet_logger(name):
    """Holds back what a logger says below an error."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(max(logger.getEffectiveLevel(), logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(before)


def without_notes():
    """Without deprecation notes, which address whoever writes the graph, where a program runs a command of ours."""
    # TensorFlow's own logger; a help text does without importing it.
    return contextlib.nullcontext() if os.environ.get('TF_CPP_MIN_LOG_LEVEL') == '0' else quiet_logger('tensorflow')
