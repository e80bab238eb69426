"""matplotlib as all our figures use it: its own defaults, whatever the user's settings are.

A `matplotlibrc`, `MPLBACKEND` or what a program that uses us has set would change sizes, ask for
LaTeX or for a backend that is not there. Drawn straight into memory by Agg, a figure needs
none of it, no pyplot and no screen. matplotlib is imported when the first one is drawn.
"""

import contextlib
import importlib
import io
import logging
import os
import sys
import tempfile
import warnings

from dcgan_tf1.util.errors import UserError, reason


class FigureError(UserError):
    """A figure could not be drawn. (One that can't be written is a UserError as any other file's.)"""


@contextlib.contextmanager
def own_style():
    """Inside, figures are made and drawn in matplotlib's default style; outside, nothing has changed.

    To be used as a decorator of what makes or draws a figure. What fails in it is a FigureError.
    """
    try:
        matplotlib = import_matplotlib()
        # As they are before any file of settings is read. A backend is not asked for.
        style = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith('backend')}
        if 'text.parse_math' in style:
            style['text.parse_math'] = False
        with matplotlib.rc_context(style), warnings.catch_warnings():
            warnings.simplefilter('ignore', UserWarning)  # of a character without a shape, a title without room
            yield
    except UserError:
        raise
    except Exception as error:
        raise FigureError('expected to draw a figure with matplotlib, found {}: {}'.format(
            type(error).__name__, reason(error))) from error


def new_figure(width, height):
    """An empty figure of so many inches."""
    return importlib.import_module('matplotlib.figure').Figure(figsize=(width, height))


@own_style()
def figure_bytes(figure, dpi):
    """A figure as the bytes of a PNG file."""
    importlib.import_module('matplotlib.backends.backend_agg').FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format='png', dpi=dpi)
    return stream.getvalue()


def whole_numbers(axis, max_ticks):
    """At most so many marks along an axis, at whole numbers."""
    axis.set_major_locator(importlib.import_module('matplotlib.ticker').MaxNLocator(max_ticks, integer=True))


def plain(text):
    """Text that somebody else chose, such as a file's name, to be drawn as it stands.

    Without it `$` would begin a formula; what has no shape, such as a control character or an
    undecodable byte of a file's name, becomes U+FFFD.
    """
    text = ''.join(char if char.isprintable() or char == '\n' else '\N{REPLACEMENT CHARACTER}' for char in str(text))
    if text.startswith('_'):
        text = ' ' + text  # or a legend would leave it out
    # Before matplotlib 3.6 formulas can't be switched off.
    return text if 'text.parse_math' in import_matplotlib().rcParamsDefault else text.replace('$', r'\$')


def import_matplotlib():
    if 'matplotlib' not in sys.modules:
        # matplotlib can't be imported with a backend that is not installed here: Jupyter, say, sets one for
        # all that it starts.
        with _environment(MPLBACKEND=None), _without_complaints():
            try:
                import matplotlib
            except ImportError:
                raise
            except Exception:  # of a file of settings that can't be read
                for name in [name for name in sys.modules if name.split('.')[0] == 'matplotlib']:
                    del sys.modules[name]
                with _environment(MATPLOTLIBRC=os.devnull), _empty_folder():
                    import matplotlib
        # What the variable says is for who uses matplotlib beside us.
        with contextlib.suppress(KeyError, ValueError, ImportError):
            matplotlib.rcParams['backend'] = os.environ['MPLBACKEND']
    return sys.modules['matplotlib']


@contextlib.contextmanager
def _without_complaints():
    """Without what matplotlib says of the user's files of settings, which we have no use for."""
    logger = logging.getLogger('matplotlib')
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


@contextlib.contextmanager
def _environment(**values):
    before = {name: os.environ.pop(name, None) for name in values}
    try:
        os.environ.update({name: value for name, value in values.items() if value is not None})
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _empty_folder():
    """Makes an empty folder the current one: matplotlib looks for its settings there first."""
    here = os.open('.', os.O_RDONLY)
    try:
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            try:
                yield
            finally:
                os.fchdir(here)
    finally:
        os.close(here)
