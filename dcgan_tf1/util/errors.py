"""The one exception that a user is meant to read."""

import errno
import os
import unicodedata


class UserError(Exception):
    """Something the user can mend; the message is one line.

    It names the file or flag, what was expected and what was found. Commands print it
    after `error: ` and exit with status 1 (`cli.run`).
    """


def one_line(message: object) -> str:
    """A text with a question mark for whatever would end the line, or order a terminal about."""
    return ''.join('?' if unicodedata.category(letter) in ('Cc', 'Zl', 'Zp') else letter for letter in str(message))


def reason(error: Exception) -> str:
    """The one line of an exception's message that says what happened.

    TensorFlow 2 puts a heading and the graph's node in front of it, both releases put the
    node after it, in double brackets.
    """
    text = (getattr(error, 'message', None) or str(error)).split('\n\t [[')
    lines = text[0].strip().splitlines()
    nodes = [number for number, line in enumerate(lines[:-1]) if line.startswith('Node: ')]
    if nodes:  # the heading, the lines of Python that made the node, the node, what happened
        return lines[nodes[-1] + 1].strip()
    return (lines[-1] if len(text) > 1 else lines[0]) if lines else type(error).__name__


def system_reason(error: Exception) -> str:
    """What the system said: 'No space left on device', of an OSError, or of TensorFlow's 'PATH; No space left ...'."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    text = reason(error)
    last = text.rpartition('; ')[2]
    return last if last in {os.strerror(number) for number in errno.errorcode} else text
