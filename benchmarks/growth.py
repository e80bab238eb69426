#!/usr/bin/env python3
"""Prints how step time and memory grow with the batch, on one thread and on two.

    .venv/bin/python benchmarks/growth.py [--presets=blog_mnist,blog_cifar_horse] [--batches=16,64,256]

Each size runs in a process of its own, in the precision that the trainer picks here. The
sizes of one preset are all up at the same time and take turns.
"""

import argparse
import statistics
import sys

from counts import positive
from train_step import Implementation, Worker, machine

THREADS = (1, 2)


def measure(preset, precision, batches, rounds):
    """{(threads, batch): (median seconds of a step, peak bytes)}."""
    workers = {}
    try:
        for threads in THREADS:
            for batch in batches:
                print('starting {} {} {}'.format(preset, threads, batch), file=sys.stderr)
                workers[threads, batch] = Worker(Implementation('batch {}'.format(batch), '.venv', [
                    'dcgan_tf1', '--preset=' + preset, '--batch={}'.format(batch), '--threads={}'.format(threads),
                    '--precision=' + precision], precision, True))
        for worker in workers.values():
            worker.steps(1)
        for _ in range(rounds):
            for worker in workers.values():
                worker.seconds += worker.steps(1)
        return {key: (statistics.median(worker.seconds), worker.ask('about')['peak_memory_bytes'])
                for key, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--presets', default='blog_mnist,blog_cifar_horse')
    parser.add_argument('--batches', default='16,32,64,128,256,512,1024')
    parser.add_argument('--rounds', type=positive, default=5, help='timed steps of each (default: %(default)s)')
    arguments = parser.parse_args()

    from dcgan_tf1.util import tf_startup  # isort: skip
    tf_startup.begin()
    from dcgan_tf1.util import devices  # noqa: PLC0415
    policy = devices.choose_compute_policy(devices.find('cpu'))
    about = machine()
    print('{cpu}, {cores} cores, {}; {system}; {precision}, convolutions as measured'.format(
        ' '.join(about['instructions']), precision=policy.precision, **about))
    for preset in arguments.presets.split(','):
        batches = [int(batch) for batch in arguments.batches.split(',')]
        measured = measure(preset, policy.precision, batches, arguments.rounds)
        print('\n{:<18}{:>8}{:>16}{:>12}{:>16}{:>12}{:>10}'.format(
            preset, 'batch', '1 thread, ms', 'images/s', '2 threads, ms', 'images/s', 'MiB'))
        for batch in batches:
            (one, _), (two, memory) = measured[1, batch], measured[2, batch]
            print('{:<18}{:>8}{:>16.0f}{:>12.0f}{:>16.0f}{:>12.0f}{:>10.0f}'.format(
                '', batch, 1e3 * one, batch / one, 1e3 * two, batch / two, memory / 2 ** 20), flush=True)


if __name__ == '__main__':
    main()
