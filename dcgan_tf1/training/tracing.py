"""A timeline of a few training steps, in a file that Perfetto (ui.perfetto.dev) and chrome://tracing open."""

import collections
import os
import sys

from dcgan_tf1.training.loop import Hook
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_json

STEPS = 3   # that are traced
AFTER = 10  # before them: the first ones make room and choose kernels


def check_new(path):
    """Raises UserError where there is a file `path` already; only a run that is gone on with leaves it alone."""
    if os.path.lexists(path):
        raise UserError('--trace: expected a new file, found {}'.format(path))


class TracedSteps(collections.namedtuple('TracedSteps', 'before last')):
    """The step before those that are traced, and the last of them; a schedule of these two."""

    def after(self, step):
        return next((end for end in self if step < end), sys.maxsize)


def traced_steps(path, start, total):
    """The TracedSteps of a training from `start` to `total`; None without a path, or where there is a file already."""
    if path is None or os.path.lexists(path):
        return None
    before = start + max(0, min(AFTER, total - start - STEPS))
    return TracedSteps(before, min(before + STEPS, total))


def hook(path, model, steps, log):
    """The TraceHook of TracedSteps; None without a path, and for a run that is gone on with and was traced before."""
    if path is not None and steps is None:
        log('--trace: {} is there already, and nothing is traced'.format(path))
    return None if steps is None else TraceHook(path, model, steps, log)


class TraceHook(Hook):
    """Has the session trace some steps, and writes their timeline.

    Args:
      path: the file.
      model: the TrainingSession.
      steps: which, TracedSteps.
      log: takes a line of text.
    """

    def __init__(self, path, model, steps, log):
        super().__init__(steps)
        self._path, self._model, self._log = path, model, log
        self._before, self._last = steps
        self._found = []

    def before_steps(self, first, noises):
        if self._before < first <= self._last:
            self._found.append(self._model.trace_next())

    def after_step(self, taken):
        if self._found and (taken.step >= self._last or taken.stopping):
            events = timeline(self._found)
            self._found = []
            try:
                write_json(self._path, {'traceEvents': events, 'displayTimeUnit': 'ms'})
            except UserError as error:  # a full disk, say, which the run's own need not be
                self._log('WARNING: {}; training goes on'.format(error))
                return
            count = sum(event['ph'] == 'X' for event in events)
            self._log('{}: {:,} operations of steps {:,} to {:,}, to be shown by ui.perfetto.dev or '
                      'chrome://tracing'.format(self._path, count, self._before + 1, taken.step))


def kind_of(node):
    """A tf.NodeExecStats's kind of operation, by its label 'name = Kind(inputs)'; '' where it has none."""
    return node.timeline_label.split(' = ')[-1].split('(')[0].strip()


def timeline(run_metadata):
    """What sessions traced, tf.RunMetadata one after the other -> events of the Trace Event Format, ascending.

    A process is a device; a row of it has operations that don't overlap. Times are microseconds from the first one on.
    Source of the format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
    """
    operations = {}
    for metadata in run_metadata:
        for device in metadata.step_stats.dev_stats:
            operations.setdefault(device.device, []).extend(device.node_stats)
    begin = min([node.all_start_micros for nodes in operations.values() for node in nodes] or [0])
    events = []
    for process, (device, nodes) in enumerate(sorted(operations.items())):
        events.append({'ph': 'M', 'name': 'process_name', 'pid': process, 'args': {'name': device}})
        ends = []  # of each row
        for node in sorted(nodes, key=lambda node: node.all_start_micros + node.op_start_rel_micros):
            start = node.all_start_micros + node.op_start_rel_micros - begin
            took = max(0, node.op_end_rel_micros - node.op_start_rel_micros)
            row = next((row for row, end in enumerate(ends) if end <= start), len(ends))
            ends[row:row + 1] = [start + took]
            events.append({'ph': 'X', 'name': kind_of(node) or node.node_name, 'pid': process, 'tid': row,
                           'ts': start, 'dur': took,
                           'args': {'name': node.node_name, 'operation': node.timeline_label}})
    return events
