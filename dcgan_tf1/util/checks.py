"""What a value is that a program of the user's hands over."""

import math
import numbers
from typing import Any


def is_whole(value: Any, least: float = -math.inf) -> bool:
    """Whether a value is an integer, of Python's or NumPy's, of at least that size; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least
