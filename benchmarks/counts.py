"""A type of argparse's for what the benchmarks count."""

import argparse


def positive(text):
    """An integer from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError('expected an integer from 1 on, found {!r}'.format(text))
    return int(text)
