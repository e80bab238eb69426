"""What every command does around its work: flags, one-line errors, exit status."""

import os
import sys

from absl import flags as absl_flags

from dcgan_tf1.errors import UserError, reason

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


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
    try:
        config = parse(sys.argv[1:] if argv is None else argv)
        return (work(config) or 0) if config is not None else 0
    except absl_flags.Error as error:
        return _fail(' '.join(str(error).split()) + ' (--help lists the flags)', EXIT_USAGE)
    except UserError as error:
        return _fail(error, EXIT_ERROR)
    except failures as error:
        return _fail('{}: {}'.format(type(error).__name__, reason(error)), EXIT_ERROR)
    except BrokenPipeError:
        # Whoever read our output has gone; keep the interpreter from failing again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except OSError as error:
        return _fail('{}: {}'.format(error.filename or 'input or output', error.strerror or error), EXIT_ERROR)
    except KeyboardInterrupt:
        return _fail('interrupted', EXIT_INTERRUPTED)


def _fail(message, status):
    sys.stdout.flush()
    print('error: {}'.format(message), file=sys.stderr)
    return status
