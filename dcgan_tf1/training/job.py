"""Where a worker trains: its run folder and its group of workers, opened, agreed upon and closed together."""

import contextlib
import os

import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1.parallel.group import SingleWorker, WorkerGroup, abort_process
from dcgan_tf1.runs import checkpoint_paths, run_folder, samples
from dcgan_tf1.runs.classes import class_names
from dcgan_tf1.training import lowering, record, resume, tracing
from dcgan_tf1.training.plan import SCHEDULES, StepSchedule
from dcgan_tf1.training.session import check_start
from dcgan_tf1.util.errors import UserError, one_line, reason

_MAX_LETTERS = 4000  # of an error that the other workers are told


class EarlyLog:
    """Prints lines, and keeps them until there is a run folder to log into."""

    def __init__(self):
        self.lines = []

    def __call__(self, text):
        print(text, flush=True)
        self.lines.append(text)


class Job:
    """The run and the workers of one training; a context manager, to be entered when the plan is made.

    An error that leaves it is told to the other workers and to log.txt.

    Args:
      config: the TrainConfig.
      log: an EarlyLog.
    """

    def __init__(self, config, log):
        self._config, self._log = config, log
        self.group = SingleWorker() if config.cluster is None else WorkerGroup(
            config.cluster, config.worker_timeout, self._abort, log)
        self.is_chief = self.group.task == 0
        self.run = run_folder.NullRun()
        self.start = None  # the step that is gone on from, or None
        self.policy = None  # what is computed in
        self.traced = None

    def _abort(self, text):
        # It is told by a thread of the group's: the run may be closed by now, for a failure of its own.
        with contextlib.suppress(UserError, ValueError):
            self.run.log_to_file('error: ' + text)
        abort_process('{}; the same command goes on from the last checkpoint'.format(text))

    def open_run(self, plan, output_closed):
        """Opens the run folder, on the chief."""
        config = self._config
        if self.is_chief:
            # A run that is gone on with no longer needs what it was started from, which may be gone.
            self.run, self.start = resume.open_run(
                config.run_dir, config.resume, plan.identity, plan.total, self._log, output_closed,
                self._check_beginning)
        return self

    def _check_beginning(self, new):
        """UserError where a run, new or not, can't begin at its first step: a resumed one needs none of this."""
        config = self._config
        if config.trace is not None and new:
            tracing.check_new(config.trace)
        if config.init_checkpoint:
            check_start(config.preset, checkpoint_paths.resolve(config.init_checkpoint))

    def __enter__(self):
        return self

    def agree(self, plan, device, measure, write_config):
        """Agrees with the other workers on all that decides the numbers; returns the plan with the chief's schedules.

        Sets `start`, `policy` and `traced`, the TracedSteps or None. measure: takes a ComputePolicy and returns
        the one that measurements choose. write_config: takes the ComputePolicy of a run that begins; called before
        anything that takes time, since a folder without config.json is not found again after a kill, or where a
        worker doesn't come.
        """
        for text in self._log.lines:
            self.run.log_to_file(text)
        fingerprint = self._fingerprint(plan)
        if self.is_chief:
            self.policy = record.choose_policy(self._config, device, self.run, self.start)
            if self.start is None:
                write_config(self.policy)
                if lowering.is_open(self._config.lowering, self.policy) and plan.total >= lowering.WORTH_STEPS:
                    self.group.gather(fingerprint)  # from now on the other workers wait as long as the chief is alive
                    self.policy = measure(self.policy)
                    write_config(self.policy)
            self.traced = tracing.traced_steps(self._config.trace, self.start or 0, plan.total)
        chief_settings = self.is_chief and {
            'start': self.start, 'precision': self.policy.precision, 'lowering': self.policy.conv_impl,
            'convolutions': self.policy.convolutions,
            'schedules': {name: list(getattr(plan, name)) for name in SCHEDULES}, 'traced': self.traced}
        chief_settings = self.group.handshake(fingerprint, chief_settings)
        if self.is_chief:
            return plan
        self.start = chief_settings['start']
        self.traced = chief_settings['traced'] and tracing.TracedSteps(*chief_settings['traced'])
        self.policy = self._policy_of_chief(device, chief_settings)
        # A call of the session is of as many steps on all workers, whatever --log_every is here.
        return plan._replace(**{name: StepSchedule(*chief_settings['schedules'][name]) for name in SCHEDULES})

    def _fingerprint(self, plan):
        """What has to be the same on all workers, in the order in which it is compared."""
        if self.group.count == 1:
            return None
        fingerprint = {'number of workers': self.group.count, 'dcgan_tf1': dcgan_tf1.__version__,
                       'tensorflow': str(tf.VERSION)}
        fingerprint.update(plan.identity)
        fingerprint['init_checkpoint'] = bool(self._config.init_checkpoint)  # wherever it lies for each of them
        fingerprint.update({'steps': plan.total, 'steps_per_run': self._config.steps_per_run,
                            'precision': self._config.precision, 'lowering': self._config.lowering})
        if self._config.steps_per_run > 1:  # of which fewer are taken in a call that brings its images
            fingerprint['images brought by each call'] = plan.fed
        fingerprint['preset_file'] = self._config.preset_file and self._config.preset_file['sha256']
        return fingerprint

    def _policy_of_chief(self, device, chief_settings):
        policy = record.of_recorded(device, chief_settings['precision'], chief_settings['lowering'],
                                    chief_settings['convolutions'], 'the chief')
        if policy.warning:
            raise UserError('{}: expected to compute in {}, as the chief does: {}'.format(
                self.group.name(self.group.task), chief_settings['precision'], policy.warning))
        return policy

    def finish_at_once(self, plan):
        """Ends a training of which no step is left."""
        if self.is_chief:
            run, preset = self.run, self._config.preset
            run.log('{} is at step {:,} of {:,}: nothing left to do'.format(run.path, self.start, plan.total))
            if self._config.trace is not None and not os.path.exists(self._config.trace):
                run.log('--trace: without a step, nothing is traced')
            if self._config.gif:
                samples.animate(run, preset, class_names(run.path, preset))
        self.group.finish()

    def __exit__(self, kind, error, traceback):
        del kind, traceback
        try:
            if isinstance(error, Exception):
                self._tell(error)
        finally:
            self.group.close()
            self.run.close()

    def _tell(self, error):
        if isinstance(error, tf.errors.OpError):
            self.group.end_if_lost()
        text = str(error) if isinstance(error, UserError) else reason(error) if isinstance(
            error, tf.errors.OpError) else '{}: {}'.format(type(error).__name__, error)
        text = one_line(text[:_MAX_LETTERS])
        self.group.close(text)
        with contextlib.suppress(UserError):
            self.run.log_to_file('error: {}'.format(text))
