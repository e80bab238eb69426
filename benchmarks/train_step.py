#!/usr/bin/env python3
"""Times one training step in this project and in what its users would pick instead.

    .venv/bin/python benchmarks/train_step.py [--quick] [--json] [--only=torch,2017] [--rounds=N]
    .venv/bin/python benchmarks/train_step.py --preset=tf_tutorial     # beside the tutorial's Keras code
    .venv/bin/python benchmarks/train_step.py --preset=resnet_mnist    # beside the same network in PyTorch
    .venv/bin/python benchmarks/train_step.py --preset=dcgan           # at 64x64: beside its author's and PyTorch

This project's lines name the precision, and the lowering where it is not the trainer's own
choice. For `blog_mnist` the work is the same everywhere: a generator update, then a discriminator update, on the same
64 images and noise, with dropout drawn afresh in every pass; for `dcgan` a discriminator update and two
generator updates. Each implementation runs in a
process of its own (`workers.py`), all are started one after the other and stay up, and then
they take turns, A B C A B C ..., so that a machine whose speed drifts slows all of them.
Figures are medians over all timed steps. Missing environments are made on the first call
(.venv-torch, and .venv-tf1.15 where there is a Python 3.7).
"""

import argparse
import collections
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from counts import positive

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
GIVEN = dict(os.environ)  # before this package chooses kernels, for processes that choose for themselves
sys.path[:0] = [ROOT]

BATCHES = {'blog_mnist': 64, 'dcgan': 64, 'tf_tutorial': 256, 'resnet_mnist': 64}  # the presets' own

# How one implementation is started, and what its products are computed in.
Implementation = collections.namedtuple('Implementation', 'name environment worker precision quick')

_BLOG_MNIST = (
    Implementation('2017 graph: tf.layers, feed_dict, float32', '.venv', ['graph2017'], 'float32', True),
    Implementation('2017 graph by oneDNN (the default here or not)', '.venv', ['graph2017', '--onednn'], 'float32',
                   False),
    Implementation('dcgan_tf1: float32, native', '.venv', ['dcgan_tf1', '--lowering=native'], 'float32', False),
    Implementation('dcgan_tf1: float32, matmul', '.venv', ['dcgan_tf1', '--lowering=matmul'], 'float32', False),
    Implementation('dcgan_tf1: float32, mixed', '.venv', ['dcgan_tf1', '--lowering=mixed'], 'float32', False),
    Implementation('dcgan_tf1: float32', '.venv', ['dcgan_tf1'], 'float32', True),
    Implementation('dcgan_tf1: bfloat16, native', '.venv',
                   ['dcgan_tf1', '--precision=bfloat16', '--lowering=native'], 'bfloat16', False),
    Implementation('dcgan_tf1: bfloat16, mixed', '.venv',
                   ['dcgan_tf1', '--precision=bfloat16', '--lowering=mixed'], 'bfloat16', False),
    Implementation('dcgan_tf1: bfloat16, matmul', '.venv',
                   ['dcgan_tf1', '--precision=bfloat16', '--lowering=matmul'], 'bfloat16', False),
    Implementation('dcgan_tf1: bfloat16', '.venv', ['dcgan_tf1', '--precision=bfloat16'], 'bfloat16', True),
    Implementation('keras 3: tf.function, float32', '.venv', ['keras'], 'float32', True),
    Implementation('keras 3: tf.function with XLA, float32', '.venv', ['keras', '--xla'], 'float32', False),
    Implementation('torch: eager, float32', '.venv-torch', ['torch'], 'float32', False),
    Implementation('torch: eager, float32, channels last', '.venv-torch', ['torch', '--channels_last'],
                   'float32', True),
    Implementation('torch: eager, bfloat16, channels last', '.venv-torch',
                   ['torch', '--channels_last', '--bfloat16'], 'bfloat16', True),
    Implementation('torch: compiled, float32, channels last', '.venv-torch',
                   ['torch', '--channels_last', '--compile'], 'float32', False),
    Implementation('torch: compiled, bfloat16, channels last', '.venv-torch',
                   ['torch', '--channels_last', '--compile', '--bfloat16'], 'bfloat16', False),
    Implementation('torch: compiled, bfloat16', '.venv-torch', ['torch', '--compile', '--bfloat16'],
                   'bfloat16', False),
    Implementation('tf1.15: 2017 graph, float32', '.venv-tf1.15', ['graph2017'], 'float32', True),
    Implementation('tf1.15: dcgan_tf1, float32', '.venv-tf1.15', ['dcgan_tf1'], 'float32', False),
)

_OURS = (
    Implementation('dcgan_tf1: float32', '.venv', ['dcgan_tf1'], 'float32', True),
    Implementation('dcgan_tf1: bfloat16', '.venv', ['dcgan_tf1', '--precision=bfloat16'], 'bfloat16', True),
)

IMPLEMENTATIONS = {
    'blog_mnist': _BLOG_MNIST,
    'tf_tutorial': (
        Implementation("keras 3: the tutorial's code, tf.function, float32", '.venv', ['keras_tutorial'],
                       'float32', True),) + _OURS,
    'resnet_mnist': (
        Implementation('torch: eager, float32, channels last', '.venv-torch', ['torch_resnet', '--channels_last'],
                       'float32', True),
        Implementation('torch: eager, bfloat16, channels last', '.venv-torch',
                       ['torch_resnet', '--channels_last', '--bfloat16'], 'bfloat16', True)) + _OURS,
    'dcgan': (
        Implementation("the author's graph: tf.layers, feed_dict, float32", '.venv', ['graph_carpedm20'],
                       'float32', True),
        Implementation('dcgan_tf1: float32, native', '.venv', ['dcgan_tf1', '--lowering=native'], 'float32', False),
        Implementation('dcgan_tf1: bfloat16, native', '.venv',
                       ['dcgan_tf1', '--precision=bfloat16', '--lowering=native'], 'bfloat16', False)) + _OURS + tuple(
            Implementation('torch: {}, {}, channels last'.format('compiled' if flags else 'eager', precision),
                           '.venv-torch', ['torch_dcgan', '--channels_last'] + flags
                           + ['--bfloat16'] * (precision == 'bfloat16'), precision, not flags)
            for flags in ([], ['--compile']) for precision in ('float32', 'bfloat16')),
}


# ------------------------------------------------------------------------- counting work

# Multiply-adds for one image, positions * kernel area * channels in * channels out, of each of the generator's layers
# and of the discriminator's; and how many updates of the generator a step has beside one of the discriminator.
_LAYERS = {
    'blog_mnist': ([100 * 8192, 4 * 4 * 16 * 512 * 256, 7 * 7 * 9 * 256 * 128, 14 * 14 * 9 * 128 * 1],
                   [14 * 14 * 9 * 1 * 128, 7 * 7 * 9 * 128 * 256, 4 * 4 * 9 * 256 * 512, 8192], 1),
    'dcgan': ([100 * 8192, 4 * 4 * 25 * 512 * 256, 8 * 8 * 25 * 256 * 128, 16 * 16 * 25 * 128 * 64,
               32 * 32 * 25 * 64 * 3],
              [32 * 32 * 25 * 3 * 64, 16 * 16 * 25 * 64 * 128, 8 * 8 * 25 * 128 * 256, 4 * 4 * 25 * 256 * 512, 8192],
              2),
}


def step_flops(batch=64, preset='blog_mnist'):
    """Floating-point operations of a step's matrix products and convolutions; None where they are not counted.

    Two for each multiply-add; batch norm, activations, dropout and Adam are not counted.
    What a step needs: a generator's update runs both networks forward, the
    discriminator back to the images, and the generator back to its weights; the
    discriminator's runs the generator forward and itself forward and back on real and
    fake images. No gradient is taken for noise and none for images in the discriminator's.
    """
    if preset not in _LAYERS:
        return None
    generator, discriminator, generator_updates = _LAYERS[preset]
    g, d = sum(generator), sum(discriminator)
    generator_update = g + d + d + (2 * g - generator[0])
    discriminator_update = g + 2 * (d + 2 * d - discriminator[0])
    return 2 * batch * (generator_updates * generator_update + discriminator_update)


# ------------------------------------------------------------------------------ workers

class Worker:
    """One implementation in a process of its own, taking steps when told to."""

    def __init__(self, implementation):
        self.implementation = implementation
        self._chatter = tempfile.TemporaryFile()  # noqa: SIM115  shown where the process fails
        started = time.monotonic()
        self._process = subprocess.Popen(
            [python_of(implementation.environment), os.path.join(HERE, 'workers.py')] + implementation.worker,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._chatter, universal_newlines=True, cwd=ROOT,
            env=dict(GIVEN, PYTHONPATH=ROOT, TF_CPP_MIN_LOG_LEVEL='3', TF_USE_LEGACY_KERAS=(
                '0' if implementation.worker[0].startswith('keras') else '1'), KERAS_BACKEND='tensorflow'))
        self.steps(1)
        self.first_step_s = time.monotonic() - started
        self.seconds = []

    def ask(self, question):
        with contextlib.suppress(OSError):  # it has ended, as is said below
            self._process.stdin.write(question + '\n')
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith('{'):
                return json.loads(line)
        status = self._process.wait()
        self._chatter.seek(0)
        sys.stderr.write(self._chatter.read().decode(errors='replace'))
        raise SystemExit('error: {}: its process ended with status {}'.format(self.implementation.name, status))

    def steps(self, count):
        return self.ask('steps {}'.format(count))['seconds']

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._chatter.close()


def python_of(environment):
    return os.path.join(ROOT, environment, 'bin', 'python')


def prepare(names):
    """Makes the environments that are missing; returns those that can be had."""
    commands = {
        '.venv': "make_venv .venv \"$(find_python)\" -e '.[test]'",
        '.venv-torch': 'make_venv .venv-torch "$(find_python)" torch==2.13.0 numpy',
        '.venv-tf1.15': "make_venv .venv-tf1.15 \"$(find_exact 3.7)\" -e '.[test]' 'tensorflow==1.15.5'",
    }
    environments = set()
    for name in names:
        status = subprocess.call(['bash', '-c', 'set -e; . scripts/venv.sh; ' + commands[name]],
                                 cwd=ROOT, stdout=sys.stderr)
        if status == 0:
            environments.add(name)
        else:
            print('warning: {} can not be made here; what needs it is left out'.format(name), file=sys.stderr)
    return environments


def without_slow_bfloat16(implementations):
    """Leaves bfloat16 of this project out where the trainer would refuse it (PyTorch's stays)."""
    from dcgan_tf1.util import tf_startup  # isort: skip
    tf_startup.begin()
    from dcgan_tf1.util import devices  # noqa: PLC0415
    warning = devices.choose_compute_policy(devices.find('cpu'), 'bfloat16').warning
    if not warning:
        return implementations
    print('without dcgan_tf1 in bfloat16: {}'.format(warning), file=sys.stderr)
    return [one for one in implementations if '--precision=bfloat16' not in one.worker]


def measure(preset, implementations, rounds, steps):
    """Starts every worker, lets them take turns, and returns the results as dictionaries."""
    workers, batch = [], BATCHES[preset]
    flops = step_flops(batch, preset)
    product = Worker(Implementation('matrix product', '.venv', ['product', '--onednn'], None, True))
    try:
        for implementation in implementations:
            print('starting {}'.format(implementation.name), file=sys.stderr)
            try:
                worker = Worker(implementation._replace(
                    worker=implementation.worker + ['--preset=' + preset, '--batch={}'.format(batch)]))
                worker.steps(2)  # warm up
            except SystemExit as error:  # for want of a compiler, say
                print('warning: left out: {}'.format(error), file=sys.stderr)
                continue
            workers.append(worker)
        rates = {'float32': [], 'bfloat16': []}
        for index in range(rounds):
            print('round {} of {}'.format(index + 1, rounds), file=sys.stderr)
            for precision, measured in rates.items():
                measured.extend(product.ask('rate ' + precision)['flops'])
            for worker in workers:
                worker.seconds += worker.steps(steps)
        rates = {precision: statistics.median(measured) for precision, measured in rates.items()}
        results = []
        for worker in workers:
            about = worker.ask('about')
            step = statistics.median(worker.seconds)
            results.append({
                'name': worker.implementation.name,
                'images_per_second': batch / step,
                'step_ms': 1e3 * step,
                'step_ms_min': 1e3 * min(worker.seconds),
                'step_ms_max': 1e3 * max(worker.seconds),
                'steps': len(worker.seconds),
                'processor_ms': 1e3 * about['processor_seconds'],
                'flops_per_second': flops and flops / step,
                'share_of_matrix_product': flops and flops / step / rates[worker.implementation.precision],
                'precision': worker.implementation.precision,
                'peak_memory_bytes': about['peak_memory_bytes'],
                'first_step_s': worker.first_step_s,
                'versions': about['versions'],
            })
        return results, rates
    finally:
        for worker in workers + [product]:
            worker.close()


def machine():
    from dcgan_tf1.util import tf_startup  # isort: skip
    tf_startup.begin()
    from dcgan_tf1.util.processor import cpu_instructions, cpu_name  # noqa: PLC0415
    return {'cpu': cpu_name(), 'cores': os.cpu_count(), 'system': platform.platform(),
            'instructions': [name for name in ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16')
                             if name in cpu_instructions()]}


def report(preset, results, rates, about):
    flops = step_flops(BATCHES[preset], preset)
    print('{cpu}, {cores} cores, {}; {system}'.format(' '.join(about['instructions']), **about))
    print('{}, batch {}; matrix product 2048x2048: float32 {:.0f}, bfloat16 {:.0f} GFLOP/s{}'.format(
        preset, BATCHES[preset], rates['float32'] / 1e9, rates['bfloat16'] / 1e9,
        '; a step is {:.1f} GFLOP'.format(flops / 1e9) if flops else ''))
    base = next((result for result in results if result['name'].startswith('2017')), results[0])
    print('{:<50}{:>9}{:>21}{:>7}{:>8}{:>9}{:>7}{:>7}{:>9}'.format(
        '', 'images/s', 'ms (min-max)', 'ratio', 'cpu ms', 'GFLOP/s', 'share', 'MiB', 'first s'))
    for result in results:
        work = ('{:>9.0f}{:>7.0%}'.format(result['flops_per_second'] / 1e9, result['share_of_matrix_product'])
                if result['flops_per_second'] else '{:>9}{:>7}'.format('-', '-'))
        print('{:<50}{:>9.1f}{:>21}{:>7.2f}{:>8.0f}{}{:>7.0f}{:>9.1f}'.format(
            result['name'], result['images_per_second'],
            '{:.0f} ({:.0f}-{:.0f})'.format(result['step_ms'], result['step_ms_min'], result['step_ms_max']),
            result['images_per_second'] / base['images_per_second'], result['processor_ms'], work,
            result['peak_memory_bytes'] / 2 ** 20, result['first_step_s']))
    print('ratio: images per second over those of {!r}; cpu: time of all cores together, which tells more\n'
          'where others keep them busy; share: of the matrix product in the same precision'.format(base['name']))
    versions = sorted({'{} {}'.format(*item) for result in results for item in result['versions'].items()})
    print('versions: ' + ', '.join(versions))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--preset', default='blog_mnist', choices=sorted(IMPLEMENTATIONS))
    parser.add_argument('--quick', action='store_true', help='fewer implementations and rounds; under three minutes')
    parser.add_argument('--json', action='store_true', help='print one JSON object in place of the table')
    parser.add_argument('--only', default='', metavar='TEXT,...', help='only implementations whose names hold a TEXT')
    parser.add_argument('--rounds', type=positive, help='turns that each takes (default: 8; 4 with --quick)')
    parser.add_argument('--steps', type=positive, default=3, help='steps in a turn (default: %(default)s)')
    arguments = parser.parse_args()
    rounds = arguments.rounds or (4 if arguments.quick else 8)
    candidates = IMPLEMENTATIONS[arguments.preset]
    chosen = [one for one in candidates
              if (one.quick or not arguments.quick)
              and any(text in one.name for text in arguments.only.split(','))]
    if not chosen:
        parser.error('--only={}: expected a part of one of {}, found none'.format(
            arguments.only, ', '.join(repr(one.name) for one in candidates)))
    environments = prepare(sorted({'.venv'} | {one.environment for one in chosen}))
    chosen = without_slow_bfloat16([one for one in chosen if one.environment in environments])
    if not chosen:
        parser.error('--only={}: expected something that can be timed on this machine, found nothing'.format(
            arguments.only))
    results, rates = measure(arguments.preset, chosen, rounds, arguments.steps)
    about = machine()
    if arguments.json:
        print(json.dumps({
            'machine': about, 'preset': arguments.preset, 'batch_size': BATCHES[arguments.preset],
            'matrix_product_flops': rates,
            'step_flops': step_flops(BATCHES[arguments.preset], arguments.preset), 'results': results}, indent=2))
    else:
        report(arguments.preset, results, rates, about)


if __name__ == '__main__':
    main()
