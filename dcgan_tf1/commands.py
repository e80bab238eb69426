"""The installed commands: `dcgan-train` is `train()`. Each begins as `python -m dcgan_tf1.train` does."""

import importlib

from dcgan_tf1.util import tf_startup


def _run(module):
    tf_startup.begin()
    return importlib.import_module('dcgan_tf1.' + module).main()


def train():
    return _run('train')


def launch():
    return _run('launch')


def sample():
    return _run('sample')


def data():
    return _run('datasets')


def animation():
    return _run('animation')


def compare():
    return _run('compare')


def evaluate():
    return _run('evaluate')


def report():
    return _run('report')


def export():
    return _run('export')
