#!/usr/bin/env python3
"""Ten of a run's rows of samples as one picture, evenly spaced over the run: those on top of the README.

    .venv/bin/python benchmarks/rows_picture.py RUN OUT.png [ROWS]
"""

import argparse

from counts import positive

from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import run_folder, samples
from dcgan_tf1.runs.classes import class_names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('run')
    parser.add_argument('out')
    parser.add_argument('rows', nargs='?', type=positive, default=10)
    arguments = parser.parse_args()
    preset, config = run_folder.read_preset(arguments.run), run_folder.read_config(arguments.run)
    rows = samples.load(arguments.run, preset.image_range, print)
    if len(rows) < arguments.rows:
        raise SystemExit('error: {}: expected {} rows of samples, found {}'.format(
            arguments.run, arguments.rows, len(rows)))
    last = len(rows) - 1
    rows = [rows[round(place * last / max(arguments.rows - 1, 1))] for place in range(arguments.rows)]
    figures.save_rows_figure(arguments.out, rows, '{}, seed {}'.format(preset.name, config['identity']['seed']),
                             names=class_names(arguments.run, preset))


if __name__ == '__main__':
    main()
