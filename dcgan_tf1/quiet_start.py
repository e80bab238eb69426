"""Imports TensorFlow without its start-up chatter; imported first by each command.

Since 2.19, TensorFlow prints a few informational lines while it is imported, whatever
TF_CPP_MIN_LOG_LEVEL says, because they come before its log is set up. They go through
the file descriptor, so that is what is held back here. Anything but those lines is
passed on.
"""

import contextlib
import os
import re
import sys
import tempfile

_CHATTER = re.compile(rb'I\d{4} |WARNING: All log messages before absl::InitializeLog')


@contextlib.contextmanager
def without_chatter(chatter=re.compile(b'')):
    """Holds back what is written to standard error, and passes on the lines that are no `chatter`.

    After an exception all of it is passed on.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            chatter = None
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if chatter is None or not chatter.match(line):
                    os.write(2, line)


def _import_tensorflow():
    with without_chatter(_CHATTER):
        import tensorflow.compat.v1 as tf
        # Deprecation notes address whoever writes the graph; ours must use the old names.
        tf.logging.set_verbosity(tf.logging.ERROR)


if os.environ.get('TF_CPP_MIN_LOG_LEVEL') != '0':
    _import_tensorflow()
