"""Imports TensorFlow without its start-up chatter; imported first by each command.

Since 2.19, TensorFlow prints a few informational lines while it is imported, whatever
TF_CPP_MIN_LOG_LEVEL says, because they come before its log is set up. They go through
the file descriptor, so that is what is held back here. Anything but those lines is
passed on.
"""

import os
import re
import sys
import tempfile

_CHATTER = re.compile(rb'I\d{4} |WARNING: All log messages before absl::InitializeLog')


def _import_tensorflow():
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow.compat.v1 as tf
            # Deprecation notes address whoever writes the graph; ours must use the old names.
            tf.logging.set_verbosity(tf.logging.ERROR)
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)


if os.environ.get('TF_CPP_MIN_LOG_LEVEL') != '0':
    _import_tensorflow()
