#!/usr/bin/env python3
"""Seconds from the command until the log has the line of the first step: imports, data, graph, losses and all.

    .venv/bin/python benchmarks/start_up.py                             # of some presets, three times each
    .venv/bin/python benchmarks/start_up.py --preset=blog_mnist,cntk    # of others

The first time may be longer: files come from the disk, and convolutions are measured once on a machine.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from counts import positive

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRESETS = ('blog_dense', 'blog_mnist', 'tf_tutorial', 'cgan_mnist', 'blog_cifar_horse', 'cntk', 'resnet_mnist')


def seconds_to_first_step(preset):
    """Of one training, which is ended then."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, '-m', 'dcgan_tf1.train', '--preset=' + preset, '--log_every=1', '--run_dir=' + folder],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        said = []
        for line in process.stdout:
            said.append(line)
            if re.match('step [01]/', line):  # some presets count from 0
                took = time.monotonic() - started
                process.kill()
                process.communicate()
                return took
        process.wait()
    raise SystemExit('error: {}: expected a first step, found {}'.format(preset, ''.join(said).strip() or 'nothing'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default=','.join(PRESETS), help='names, with commas (default: %(default)s)')
    parser.add_argument('--times', type=positive, default=3, help='trainings of each (default: %(default)s)')
    arguments = parser.parse_args()
    print('preset                seconds (least-most)')
    for preset in arguments.preset.split(','):
        took = [seconds_to_first_step(preset) for _ in range(arguments.times)]
        print('{:20} {:8.1f} ({:.1f}-{:.1f})'.format(preset, statistics.median(took), min(took), max(took)),
              flush=True)


if __name__ == '__main__':
    main()
