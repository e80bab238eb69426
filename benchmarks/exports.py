#!/usr/bin/env python3
"""Times the exported generator in each of its runtimes beside the plain session.

    .venv/bin/python benchmarks/exports.py --run=runs/00000-blog_mnist [--rounds=20]

Exports into a temporary folder, loads every format again, and lets them take turns, so that
a machine whose speed drifts slows all alike; figures are medians. What is not in Python
(TensorFlow.js) is timed by the exported page itself.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dcgan_tf1.util import tf_startup  # isort: skip
tf_startup.begin()

import numpy as np  # noqa: E402
from counts import positive  # noqa: E402

from dcgan_tf1.exporting import formats, package
from dcgan_tf1.runs import run_folder
from dcgan_tf1.util import processor  # noqa: E402

COUNTS = 1, 64
TIMED = [name for name in formats.FORMATS if name not in ('tfjs', 'web')]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--run', required=True, help='a run folder')
    parser.add_argument('--rounds', type=positive, default=20, help='turns that each takes (default: %(default)s)')
    arguments = parser.parse_args()
    preset, prefix = run_folder.find_checkpoint(arguments.run, None, None, None)
    with tempfile.TemporaryDirectory() as folder, package.opened(preset, prefix) as exported:
        network = exported.networks[0]
        inputs = {count: exported.draw(network, count, 0) for count in COUNTS}
        session = package.plain_session(exported, network)
        rows = [('plain session, with variables', None, '', session)]
        for name in TIMED:
            if formats.missing(name) or formats.unmeasured(name):
                print('{}: left out; {}'.format(name, formats.missing(name) or formats.unmeasured(name)))
                continue
            os.mkdir(os.path.join(folder, name))
            for artefact in formats.FORMATS[name].write(exported, os.path.join(folder, name)):
                run, runtime = artefact.load()
                rows.append(('{}/{}'.format(name, artefact.path), artefact.bytes, runtime, run))
        seconds = {(title, count): [] for title, *_ in rows for count in COUNTS}
        for turn in range(arguments.rounds + 2):
            for title, _, _, run in rows:
                for count in COUNTS:
                    time.sleep(0.05)  # some runtimes' threads spin for a while after a call
                    start = time.perf_counter()
                    run(*inputs[count])
                    if turn >= 2:  # the first ones warm up
                        seconds[title, count].append(time.perf_counter() - start)
        print('{}, {}, {} cores'.format(preset.name, processor.cpu_name(), os.cpu_count()))
        print('{:<37} {:>7} {:>14} {:>8} {:>8}  {}'.format('', 'MB', 'largest error', 'ms, 1', 'ms, 64', 'runtime'))
        for title, size, runtime, run in rows:
            error = max(float(np.abs(run(*inputs[count]) - session(*inputs[count])).max()) for count in COUNTS)
            print('{:<37} {:>7} {:>14.1e} {:>8.1f} {:>8.1f}  {}'.format(
                title, '' if size is None else '{:.2f}'.format(size / 1e6), error,
                *[1e3 * statistics.median(seconds[title, count]) for count in COUNTS], runtime))


if __name__ == '__main__':
    main()
