"""Where the tests find the checkout, what is kept between runs, and real data."""

import contextlib
import fcntl
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HELPERS = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(ROOT, '.cache')
REAL_DATA = os.environ.get('DCGAN_TF1_DATA')


@contextlib.contextmanager
def locked_cache():
    """Holds .cache, which keeps from one run to the next what takes long to make or to fetch."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests under two releases run side by side
        yield
