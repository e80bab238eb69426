"""A training from end to end: plan, graph, restored variables, steps with their hooks, end."""

import dataclasses

import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import graph
from dcgan_tf1.gan.collectives import AllReduce
from dcgan_tf1.gan.step_loop import BYTES, FED
from dcgan_tf1.metrics import classifier, evaluation, projection
from dcgan_tf1.metrics.table import PIXELS
from dcgan_tf1.runs import checkpoint, checkpoint_paths, checkpoint_reader
from dcgan_tf1.training import hooks, lowering, record
from dcgan_tf1.training.job import EarlyLog, Job
from dcgan_tf1.training.loop import CallSize, run_steps
from dcgan_tf1.training.plan import make_plan
from dcgan_tf1.training.prefetch import InputPrefetcher
from dcgan_tf1.training.session import TrainingSession
from dcgan_tf1.training.signals import StopSignals
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import refuse_existing


def train(config, output_closed=lambda: False):
    """Trains until the last step, a signal or an error; returns the exit status.

    What a step computes is a function of the seed and the step's number, so a resumed run
    goes on exactly where it stopped. output_closed: whether the output is lost by now, which
    log.txt is to say.
    """
    log = EarlyLog()
    # What can be refused is refused before there is a run folder.
    if config.trace is not None and (config.cluster is None or config.cluster.task == 0):
        refuse_existing(config.trace, overwrite=True)
    session_config = devices.session_config(
        config.device, config.intra_op_threads, config.inter_op_threads, config.num_gpus, config.xla)
    device = devices.find(config.device, config.num_gpus, session_config)
    plan = make_plan(config, log, device.memory)
    config = dataclasses.replace(config, preset=plan.preset)
    job = Job(config, log)
    monitored = job.is_chief and config.eval_every is not None
    if monitored:
        _check_measurable(config, plan.data)

    def write_config(policy, monitor=None):
        measured = record.measured_before(job.run) if monitor is None and job.start is not None else None
        job.run.write_config(record.config_record(config, plan, device, policy, monitor, measured))

    def measure(policy):
        return lowering.choose(config.preset, policy, session_config, job.run.log)

    with job.open_run(plan, output_closed):
        plan = job.agree(plan, device, measure, write_config)
        if job.start is not None and job.start >= plan.total:
            job.finish_at_once(plan)
            return 0
        job.group.start_server(session_config)
        # Its classifier may take minutes to train, for which the other workers wait only when all are there.
        monitor = _make_monitor(config, plan.data, job.run.log) if monitored else None
        if monitored and job.start is not None:
            record.check_features(job.run, monitor)
        if job.is_chief:
            write_config(job.policy, monitor)
        return _build_and_train(config, plan, job, device, session_config, monitor)


def _build_and_train(config, plan, job, device, session_config, monitor):
    """Builds the graph and trains from the step that the job goes on from; returns the exit status."""
    start = job.start or 0
    with tf.Graph().as_default() as tf_graph, StopSignals() as stop, tf.device(job.group.device):
        tf.set_random_seed(config.seed)
        handles = graph.build_training_graph(
            config.preset, job.policy.precision, job.policy.built_by, device.towers, plan.total,
            AllReduce(job.group.count, job.group.task), FED if plan.fed else BYTES)
        saver, initialise = checkpoint.make_saver(), tf.global_variables_initializer()
        tf_graph.finalize()
        with tf.Session(job.group.target, config=session_config) as session:
            session.run(initialise)
            model = TrainingSession(session, handles, saver, config.preset, plan)
            _restore(model, config, job)
            if job.is_chief:
                record.describe(config, plan, job, device, model.exchange)
                _tell_of_no_batch_norm(config, job.run.log)
            if not stop.listening:
                job.run.log('not the main thread: no signal is waited for, and an end from outside saves nothing')
            prefetcher = InputPrefetcher(config.preset, plan, config.seed)
            if config.steps_per_run > prefetcher.most_steps:
                job.run.log('--steps_per_run={}: taking {} in a call, which brings their images'.format(
                    config.steps_per_run, prefetcher.most_steps))
            ending = run_steps(
                lambda first, inputs: model.take_steps(first, inputs, stop.requested), prefetcher,
                hooks.chief_hooks(config, plan, job.run, model, monitor, tf_graph, start, job.traced)
                if job.is_chief else hooks.worker_hooks(config, plan, start, job.traced),
                start, plan.total, CallSize(config.steps_per_run, job.group.count == 1, prefetcher.most_steps))
            if ending.stopped:
                job.run.log('stopped by {} after step {:,}; saved, the same command goes on from there'.format(
                    stop.name or 'another worker', ending.step))
            job.group.finish()
            return stop.exit_status if ending.stopped else 0


def _tell_of_no_batch_norm(config, log):
    """Tells of flags that change nothing, for no network has a batch norm."""
    if any(variable.op.name.endswith('/moving_mean') for variable in tf.global_variables()):
        return
    for flag in ('batch_norm', 'update_ops'):
        if any(argument.startswith('--{}='.format(flag)) for argument in config.arguments):
            log('--{}: without effect, for --preset={} has no batch norm'.format(flag, config.preset.name))


def _check_measurable(config, data):
    """UserError where there is nothing to measure by."""
    if data.count < 2 * evaluation.MIN_IMAGES:
        raise UserError('--eval_every: expected at least {} real images to measure by, found {}'.format(
            2 * evaluation.MIN_IMAGES, data.count))
    if config.eval_features != PIXELS and not classifier.can_be_trained(data.dataset):
        raise UserError(
            '--eval_every: expected labels of two classes or more to train a classifier with, by whose features '
            'images are measured, found none in {}; --eval_features={} measures by a fixed random projection'.format(
                data.dataset.folder, PIXELS))


def _make_monitor(config, data, log):
    real = data.as_bytes(config.preset.image_range)
    count = min(config.eval_n, len(real) // 2)
    if count < config.eval_n:
        log('measuring {:,} images in place of {:,}: there are {:,} real ones for two halves'.format(
            count, config.eval_n, len(real)))
    if config.eval_features == PIXELS:
        extractor = projection.projection(config.preset.image_shape, device=config.device)
    else:
        extractor = classifier.classifier(data.dataset, log=log, device=config.device)
    labelled = config.preset.classes is not None
    return evaluation.QualityMonitor(extractor, real, data.title, count, config.seed, log,
                                     data.labels if labelled else None, config.preset.classes)


def _restore(model, config, job):
    """Sets the variables to those that the run goes on from, or begins with; the chief's go to all workers."""
    if not job.is_chief:
        job.run.log('{} of {:,} trains along'.format(job.group.name(job.group.task), job.group.count))
    elif job.start is not None:
        model.restore(checkpoint.checkpoint_path(job.run.checkpoints, job.start))
    elif config.init_checkpoint:
        init_checkpoint = checkpoint_paths.resolve(config.init_checkpoint)
        for line in checkpoint_reader.notes(config.preset, init_checkpoint):
            job.run.log(line)
        absent = model.begin_from(init_checkpoint)
        job.run.log('starting from the variables of {}{}'.format(init_checkpoint, absent and (
            '; it has no {}, which begin anew'.format(' and no '.join(absent))) or ''))
    model.synchronise()
