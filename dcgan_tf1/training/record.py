"""What a run says of itself: its config.json, the first lines of its log, and what it computes in."""

import os
import platform

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1.data import reading
from dcgan_tf1.gan import preset_file
from dcgan_tf1.metrics import projection
from dcgan_tf1.runs import run_folder
from dcgan_tf1.training import lowering, recorded_flags, resume
from dcgan_tf1.training.plan import few_rows_every
from dcgan_tf1.util import devices, processor
from dcgan_tf1.util.compute_policy import MEASURED
from dcgan_tf1.util.errors import UserError, one_line
from dcgan_tf1.util.files import shape_text
from dcgan_tf1.util.images import MAX_COLUMNS


def choose_policy(config, device, run, start):
    """What the run computes in: what is asked for; else what it was started in; else the fastest.

    Checkpoints are the same for all, so a run may change, but not silently.
    """
    if start is None:
        policy = devices.choose_compute_policy(device, config.precision, config.lowering)
    else:
        before = {'precision': 'float32', 'lowering': 'native'}  # what there was before there was a choice
        recorded = run_folder.read_config(run.path)
        arithmetic = recorded.get('arithmetic')
        before.update(arithmetic if isinstance(arithmetic, dict) else {})
        if not isinstance(before.get('onednn'), bool):  # what there was before there was a choice
            before['onednn'] = devices.onednn_is_default()
        changed = preset_file.changed(recorded.get('preset_file'), config.preset_file)
        if changed:
            run.log('WARNING: ' + changed)
        precision, conv_impl = [before[name] if getattr(config, name) == 'auto' else getattr(config, name)
                                for name in ('precision', 'lowering')]
        if conv_impl == MEASURED and precision != before['precision']:
            conv_impl = 'mixed'  # what was measured in one precision says nothing of another
        policy = of_recorded(device, precision, conv_impl, before.get('convolutions'), run.path)
        if (policy.precision, policy.conv_impl) != (before['precision'], before['lowering']):
            run.log('WARNING: until step {:,} this run computed in {precision} with {lowering} convolutions'.format(
                start, **before))
        flags = recorded.get('flags')
        differing = []
        if before['onednn'] != devices.computes_by_onednn():
            ways = "by oneDNN's", "by TensorFlow's own kernels"
            differing.append((ways if before['onednn'] else ways[::-1]) + ('TF_ENABLE_ONEDNN_OPTS',))
        if policy.convolutions not in (None, before.get('convolutions')):
            differing.append(("Winograd's convolutions as an earlier version did", 'as this one does',
                              '--lowering=mixed has none of them'))
        by_xla = isinstance(flags, dict) and flags.get('xla') is True
        if by_xla != config.xla:
            differing.append(('with XLA', 'without it', '--xla') if by_xla else ('without XLA', 'with it', '--xla'))
        threads = _threads(config)
        trained_on = before.get('threads', threads)  # unknown of an older run
        if device.kind == 'CPU' and trained_on != threads:
            differing.append(('on {} threads'.format(trained_on), 'on {}'.format(threads),
                              '--intra_op_threads, by default the cores'))
        workers = _workers(config)
        if before.get('workers', workers) != workers:
            differing.append(('with {} worker(s)'.format(before['workers']), 'with {}'.format(workers),
                              '--worker_hosts; each of them takes a batch'))
        for was, now, asked_by in differing:
            run.log('WARNING: until step {:,} this run computed {}, now {} ({}), so it does not go on bit for '
                    'bit'.format(start, was, now, asked_by))
    if config.xla and device.kind == 'CPU' and 'tf_xla_cpu_global_jit' not in os.environ.get('TF_XLA_FLAGS', ''):
        run.log('WARNING: --xla: nothing is compiled on a CPU without TF_XLA_FLAGS=--tf_xla_cpu_global_jit in the '
                'environment')
    if policy.warning:  # of a flag, or of the run's own precision
        run.log('WARNING: {}{}'.format('' if config.precision == 'auto' else '--precision={}: '.format(
            config.precision), policy.warning))
    return policy


def _workers(config):
    return len(config.cluster.hosts) if config.cluster else 1


def _threads(config):
    """How many threads a processor's operation is divided among, and so the order in which it adds up."""
    asked = os.environ.get('TF_NUM_INTRAOP_THREADS', '')
    return config.intra_op_threads or (int(asked) if asked.isdigit() else 0) or processor.cores()


def of_recorded(device, precision, conv_impl, convolutions, where):
    """The ComputePolicy of what a run or a chief has: conv_impl may be MEASURED, with a table of convolutions."""
    policy = devices.choose_compute_policy(device, precision, 'mixed' if conv_impl == MEASURED else conv_impl)
    # The precision may be one that there is none of here: see choose_policy().
    if conv_impl != MEASURED or policy.precision != precision:
        return policy
    return lowering.measured(policy, lowering.recorded(convolutions, where))


def measured_before(run):
    """What a run's config.json says of how it was measured, or None."""
    return run_folder.read_config(run.path).get('evaluation')


def check_features(run, monitor):
    """Raises UserError where a run that goes on was measured by other features, whose figures are on another scale.

    monitor: the QualityMonitor that is to measure it.
    """
    before = measured_before(run)
    before = before.get('features') if isinstance(before, dict) else None
    if isinstance(before, str) and projection.is_projection(before) != projection.is_projection(monitor.features):
        raise UserError('--eval_features: expected the features that {} was measured by, the {}, found the {}'.format(
            run.path, before, monitor.features))
    if isinstance(before, str) and before != monitor.features and run_folder.read_quality(run.path).rows:
        run.log('WARNING: quality.csv has distances by the {} so far, and by the {} from here on: they are on other '
                'scales, and the best checkpoint is the best of both'.format(before, monitor.features))


def config_record(config, plan, device, policy, monitor, measured):
    """The content of config.json. monitor: the QualityMonitor, or None, for measured_before() or None in its place."""
    dataset = plan.data.dataset
    return {
        'command': config.command,
        recorded_flags.KEY: list(config.arguments),
        'identity': plan.identity,
        'schedule': dict({name: resume.plain(getattr(config.preset, name)) for name in resume.FREE_FIELDS},
                         total_steps=plan.total, batches_per_epoch=plan.batches.per_epoch,
                         keep_checkpoints=config.keep_checkpoints),
        'data': {'name': dataset.name, 'note': dataset.note, 'folder': dataset.folder,
                 'place': os.path.abspath(dataset.folder),  # to be found from another folder, too
                 'files': dataset.files, 'checksum': dataset.checksum, 'official': dataset.official,
                 'images': plan.data.count, 'classes': list(dataset.classes), 'notes': list(dataset.notes),
                 'reading': reading.record_of(config.reading)},
        'evaluation': measured if monitor is None else {
            'n': monitor.count, 'features': monitor.features, 'real': monitor.real},
        'preset_file': config.preset_file,
        'device': device.title,
        'arithmetic': dict({'precision': policy.precision, 'lowering': policy.conv_impl,
                            'onednn': devices.computes_by_onednn(), 'threads': _threads(config),
                            'workers': _workers(config)}, **(
            {} if policy.convolutions is None else {'convolutions': policy.convolutions})),
        'flags': {'device': config.device, 'xla': config.xla, 'steps_per_run': config.steps_per_run,
                  'precision': config.precision, 'lowering': config.lowering,
                  'intra_op_threads': config.intra_op_threads,
                  'inter_op_threads': config.inter_op_threads, 'data_dir': config.data_dir,
                  'run_dir': config.run_dir, 'resume': config.resume, 'max_steps': config.max_steps},
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': tf.VERSION, 'numpy': np.__version__,
                     'python': platform.python_version(), 'system': platform.platform()},
    }


def describe(config, plan, job, device, exchange):
    """Logs what is trained, on what and where. exchange: the graph's SyncOps, or None."""
    preset, log, dataset = config.preset, job.run.log, plan.data.dataset
    log('dcgan_tf1 {}, TensorFlow {}, {}'.format(dcgan_tf1.__version__, tf.VERSION, device.title))
    name = preset.name if preset.mode is None else '{} in mode {}'.format(preset.name, preset.mode)
    log('{}: {}{}{}'.format(name, preset.heading, '' if preset.image_sizes == 'fixed' else '; images of {}'.format(
        shape_text(preset.image_shape)), '' if config.preset_file is None else (
            ' ({path}, SHA-256 {sha256})'.format(**config.preset_file))))
    log('computing in ' + job.policy.why)
    log('data: {:,} images of {} from {}{}{}'.format(
        plan.data.count, one_line(plan.data.title), dataset.folder,
        ' (the published files)' if dataset.official else '', ', mirrored at random' if preset.mirror else ''))
    if preset.augment:
        log('augmented at random, real and generated images alike: ' + ', '.join(preset.augment))
    if (preset.classes or 0) > MAX_COLUMNS:
        log('of {:,} classes, figures and animations show the first {}; samples/ has all'.format(
            preset.classes, MAX_COLUMNS))
    if not any(preset.learning_rate_of(network) for network in preset.model.networks):
        log('WARNING: all learning rates are 0, so nothing is learned')
    if exchange is not None:
        log('{} workers, which add up {:.1f} MB in {} all-reduces a step'.format(
            job.group.count, exchange.bytes / 1e6, exchange.sums))
    each = preset.image_batches
    epoch = -(-plan.batches.per_epoch // each)
    log('{:,} step{} of {}{} images, {:,} step{} to an epoch, seed {}'.format(
        plan.total, 's' * (plan.total > 1), '{} x '.format(each) if each > 1 else '', plan.batch_size, epoch,
        's' * (epoch > 1), config.seed))
    log('writing to {}{}'.format(job.run.path, '' if job.start is None else
                                 ', going on at step {:,} (--resume=never starts a new run)'.format(job.start)))
    if not plan.sample_steps.count(plan.total):
        log('no row of samples before step {:,}, which is beyond the last one; --log_every={} would show some'.format(
            plan.sample_steps.first, few_rows_every(plan.total)))
    rows = plan.sample_steps.count(plan.total) - plan.sample_steps.count(job.start or 0)
    gib = rows * preset.samples * int(np.prod(preset.image_shape)) * 5 / 2 ** 30  # as floats, and as a picture
    if gib >= 1:
        log('{:,} rows of samples will take up to {:,.1f} GiB there (--log_every: more steps between them)'.format(
            rows, gib))
