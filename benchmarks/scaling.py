"""How training grows with the number of workers: measured from 1 to 2 here, and a model of many.

    python benchmarks/scaling.py [--preset=blog_mnist] [--batch_size=64] [--steps=20] [--rounds=3]

Each worker has one thread and `batch_size` images (weak scaling); one worker alone, two at once that know nothing of
each other, and two that train together take turns. Two strangers share the machine's memory and caches as two workers
do: what separates the latter two is the exchange alone.
"""

import argparse
import csv
import os
import re
import statistics
import subprocess
import sys
import tempfile

from counts import positive

GBIT = 1e9 / 8  # bytes a second
LATENCY = 30e-6  # seconds for a message between two machines of one data centre, assumed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default='blog_mnist')
    parser.add_argument('--batch_size', type=positive, default=64, help='of each worker')
    parser.add_argument('--steps', type=positive, default=20, help='that are timed, after as many that are not')
    parser.add_argument('--rounds', type=positive, default=3)
    given = parser.parse_args()
    seconds = {'alone': [], 'strangers': [], 'together': []}
    exchanged = None
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.rounds):
            seconds['alone'].append(wait([train(given, folder)])[0][0])
            pair = wait([train(given, folder), train(given, folder)])
            seconds['strangers'].append(max(each for each, _ in pair))
            (each, out), = wait([train(given, folder, together=True)])
            seconds['together'].append(each)
            exchanged = re.search(r'add up ([\d.]+) MB in (\d+) all-reduces', out)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    size, sums = float(exchanged.group(1)) * 1e6, int(exchanged.group(2))
    for name, values in seconds.items():
        print('{:<10} {:7.0f} ms a step ({:.0f} to {:.0f})'.format(
            name, 1e3 * median[name], 1e3 * min(values), 1e3 * max(values)))
    print('efficiency of 2 workers: {:.2f} of one alone, {:.2f} of two strangers; {:.1f} MB in {} all-reduces'.format(
        median['alone'] / median['together'], median['strangers'] / median['together'], size / 1e6, sums))
    local = max(median['together'] - median['strangers'], 1e-4)
    print('exchange between two processes here: {:.0f} ms, {:.1f} Gbit/s with waiting for each other'.format(
        1e3 * local, size / local / GBIT))
    print('\nmodel: {:.0f} ms of computing, and for each of the all-reduces around a ring 2 (N - 1) messages'.format(
        1e3 * median['alone']))
    print('| workers | images a step | 10 Gbit/s | 100 Gbit/s | 10 Gbit/s, computing 20 times as fast | 100 Gbit/s, '
          'likewise |')
    print('|---|---|---|---|---|---|')
    for workers in (2, 8, 64, 512):
        # What gRPC costs the processors is known from here; GPUs exchange by NCCL, which costs them nothing.
        cells = ['{:.2f}'.format(efficiency(median['alone'] / faster, workers, size, sums, rate, grpc))
                 for faster, grpc in ((1, local), (20, 0)) for rate in (10, 100)]
        print('| {} | {:,} | {} |'.format(workers, workers * given.batch_size, ' | '.join(cells)))


def efficiency(computing, workers, size, sums, gbit, grpc):
    """Of a step's time, the share that is computing: a ring passes 2 (N - 1) / N of the bytes through each worker.

    grpc: seconds for passing the bytes once, beside what the network takes, as between two processes here.
    """
    passed = 2 * (workers - 1) / workers * (size / (gbit * GBIT) + grpc)
    return computing / (computing + passed + sums * 2 * (workers - 1) * LATENCY)


def train(given, folder, together=False):
    flags = ['--preset=' + given.preset, '--batch_size={}'.format(given.batch_size), '--resume=never',
             '--max_steps={}'.format(2 * given.steps), '--log_every={}'.format(given.steps), '--steps_per_run=1',
             '--intra_op_threads=1', '--inter_op_threads=1', '--run_dir=' + tempfile.mkdtemp(dir=folder)]
    module = ['dcgan_tf1.launch', '--workers=2', '--'] if together else ['dcgan_tf1.train']
    return flags[-1].split('=')[1], subprocess.Popen(
        [sys.executable, '-m'] + module + flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True)


def wait(started):
    """[(seconds of a step, the output)] of each."""
    results = []
    for folder, process in started:
        out, err = process.communicate()
        if process.returncode:
            sys.exit(out + err)
        run, = os.listdir(folder)
        with open(os.path.join(folder, run, 'losses.csv')) as handle:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(handle)]
        results.append(((rows[-1]['seconds'] - rows[-2]['seconds']) / (rows[-1]['step'] - rows[-2]['step']), out))
    return results


if __name__ == '__main__':
    main()
