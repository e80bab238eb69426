"""Which way each product of a preset's convolutions is computed in: measured once on a machine, and kept.

What is the faster one depends on the processor, the release and the batch, so no table of ours is right everywhere.
The measurements lie in the user's cache folder ($XDG_CACHE_HOME/dcgan_tf1, by default ~/.cache/dcgan_tf1), a file for
each question. A file that is damaged, foreign or can't be written is no error: what it would say is measured anew.
"""

import hashlib
import json
import os
import time

import tensorflow.compat.v1 as tf
from tqdm import tqdm

from dcgan_tf1.gan import convolution_timing
from dcgan_tf1.gan.convolutions import PRODUCTS, WAYS
from dcgan_tf1.util import devices, processor
from dcgan_tf1.util.compute_policy import MEASURED
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json, write_json

VERSION = 7  # of the ways: whoever changes how one of them computes raises it
WORTH_STEPS = 300  # a shorter training wins less than the measuring takes
# Another way replaces that of `mixed` where it takes less than MARGIN of its seconds, or than BUSY_MARGIN on a busy
# machine: where the measuring threads waited for a core for BUSY or more of the time of all cores. (With
# nothing else running they wait 0.05, for each other; with another program on one of two cores, 0.3.)
MARGIN, BUSY_MARGIN = 0.95, 0.8
BUSY = 0.12

# The former name of a way, and the way that computes the same now, though it rounds in another order.
_RENAMED = {'winograd': 'winograd2x2'}

# What TensorFlow's threads, and its compiler, go by beside a session's configuration.
_VARIABLES = ('DNNL_MAX_CPU_ISA', 'OMP_NUM_THREADS', 'ONEDNN_MAX_CPU_ISA', 'TF_NUM_INTEROP_THREADS',
              'TF_NUM_INTRAOP_THREADS', 'TF_XLA_FLAGS')


def is_open(asked, policy):
    """Whether it is left to measurements how `policy` computes convolutions; asked: of CONV_IMPL_CHOICES."""
    return asked == 'auto' and policy.conv_impl == 'mixed'


def policy_for(preset, device, config, log, precision='auto', asked='auto'):
    """The ComputePolicy of a training of `preset` that is worth measuring for; asked: of CONV_IMPL_CHOICES."""
    policy = devices.choose_compute_policy(device, precision, asked)
    return choose(preset, policy, config, log) if is_open(asked, policy) else policy


def choose(preset, policy, config, log):
    """The ComputePolicy with what was measured for a preset's convolutions in place of `mixed`.

    policy: what is computed in. config: the session's ConfigProto. Where the preset has no convolutions, `policy`.
    """
    uses = convolution_timing.uses_of(preset)
    if not uses:
        return policy
    geometries = sorted({use.geometry for use in uses})
    question = {
        'version': VERSION, 'tensorflow': str(tf.VERSION), 'processor': processor.cpu_name(),
        'instructions': sorted(name for name in processor.cpu_instructions() if name.startswith(('avx', 'amx'))),
        'cores': processor.cores(), 'cores_allowed': str(processor.cores_allowed()),
        'threads': config.intra_op_parallelism_threads, 'at once': config.inter_op_parallelism_threads,
        'environment': {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        'xla': config.graph_options.optimizer_options.global_jit_level, 'onednn': devices.computes_by_onednn(),
        'precision': policy.precision, 'batch': preset.batch_size, 'any batch': preset.incomplete_batch != 'drop',
        'ways': {product: sorted(ways) for product, ways in WAYS.items()},
        'convolutions': [geometry.key for geometry in geometries]}
    path = os.path.join(cache_folder(), 'lowering-{}.json'.format(
        hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]))
    table = _kept(path, question)
    if table is None:
        began, waited = time.monotonic(), processor.seconds_waited()
        with tqdm(desc='measuring convolutions', unit='timing', disable=None, leave=False) as bar:
            def progress(cases):
                bar.total = (bar.total or 0) + len(cases)
                for case in cases:
                    yield case
                    bar.update()

            seconds = convolution_timing.seconds(
                geometries, policy.precision, preset.batch_size, config, progress=progress,
                any_batch=question['any batch'])
        took = time.monotonic() - began
        others = (processor.seconds_waited() - waited) / (took * question['cores'])
        # More threads than there are cores for wait for each other.
        busy = others >= BUSY and question['threads'] <= question['cores'] <= processor.cores_allowed()
        table = fastest(geometries, seconds, policy.precision, BUSY_MARGIN if busy else MARGIN)
        alone = [case for case in seconds if case.product in PRODUCTS]
        timed = len({case[:2] for case in alone})
        log('measured {} products of convolutions in {} ways, in {:.1f} s{}, {}: {}'.format(
            timed, len(alone), took, '' if timed == len(PRODUCTS) * len(geometries) else
            ' (the other {}, the smallest, would have taken longer)'.format(len(PRODUCTS) * len(geometries) - timed),
            'while other work kept the cores ({:.0f} % of their time), so the next training measures anew'.format(
                100 * others) if busy else 'once on this machine', _others(table, geometries, policy)))
        if not busy:
            _keep(path, {'question': question, 'convolutions': table, 'milliseconds': {
                '{}, {}, {}'.format(*case): round(1e3 * each, 4) for case, each in sorted(seconds.items())}}, log)
    else:
        log('convolutions as measured before ({}): {}'.format(path, _others(table, geometries, policy)))
    return measured(policy, table)


def measured(policy, table):
    """A ComputePolicy that computes convolutions as a table says."""
    return policy._replace(conv_impl=MEASURED, convolutions=table)


def fastest(geometries, seconds, precision, margin=MARGIN):
    """{Geometry.key: {product: way}}: what `mixed` takes, unless another way is faster by more than chance.

    margin: the share of the usual way's seconds that another has to stay below. One for all products TOGETHER has to
    stay below that share of the sum of those chosen alone, as if each were computed as often as the others. Untimed
    products get the usual way.
    """
    table = {}
    for geometry in geometries:
        table[geometry.key] = ways = {}
        took = {product: {case.way: value for case, value in seconds.items() if case[:2] == (geometry.key, product)}
                for product in PRODUCTS + (convolution_timing.TOGETHER,)}
        for product in PRODUCTS:
            usual = convolution_timing.usual_way(geometry, product, precision)
            best = min(took[product], key=took[product].get, default=usual)
            ways[product] = (
                usual if usual in took[product] and took[product][best] >= margin * took[product][usual] else best)
        together = took[convolution_timing.TOGETHER]
        best = min(together, key=together.get, default=None)
        if together and together[best] < margin * sum(took[product][way] for product, way in ways.items()):
            table[geometry.key] = dict.fromkeys(PRODUCTS, best)
    return table


def recorded(table, where):
    """The table that a config.json has, with today's names, checked; UserError for another thing."""
    if not _is_table(table, _RENAMED):
        wrong = table if not isinstance(table, dict) else next(
            {key: ways} for key, ways in sorted(table.items()) if not _is_table({key: ways}, _RENAMED))
        raise UserError("{}: expected what was measured, as 'convolutions' of 'arithmetic' in its config.json, found "
                        '{:.120}; --lowering=mixed goes on without'.format(where, repr(wrong)))
    return {key: {product: _RENAMED.get(way, way) for product, way in ways.items()} for key, ways in table.items()}


def cache_folder():
    """The folder of what was measured; it need not be there."""
    base = os.environ.get('XDG_CACHE_HOME', '')
    # By the specification a relative path is to be ignored.
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser('~/.cache'), 'dcgan_tf1')


def _others(table, geometries, policy):
    """Which products are not computed as in `mixed`, for the log."""
    differing = ['{} of {} {}'.format(product, geometry.key, table[geometry.key][product])
                 for geometry in geometries for product in PRODUCTS
                 if table[geometry.key][product] != convolution_timing.usual_way(geometry, product, policy.precision)]
    return 'as --lowering=mixed but for ' + '; '.join(differing) if differing else 'as --lowering=mixed'


def _is_table(table, more=()):
    """Whether it has a way for each product of each convolution; more: former names of ways."""
    return isinstance(table, dict) and all(
        isinstance(ways, dict) and set(ways) == set(PRODUCTS)
        and all(isinstance(ways[product], str) and (ways[product] in WAYS[product] or ways[product] in more)
                for product in PRODUCTS)
        for ways in table.values())


def _kept(path, question):
    """The table that a file of the cache has; None for none."""
    try:
        kept = read_json(path)
        table = kept['convolutions'] if kept['question'] == question else None
    except (UserError, OSError, ValueError, TypeError, KeyError):
        return None
    return table if _is_table(table) and set(table) == set(question['convolutions']) else None


def _keep(path, content, log):
    if path.startswith('~'):  # the system knows no home
        return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_json(path, content)
    except (UserError, OSError) as error:
        log('what was measured is not kept: {}'.format(error))
