"""A timeline of a few training steps, in a file that Perfetto (ui.perfetto.dev) and chrome://tracing open."""

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


def hook(path, model, start, total, log):
    """The TraceHook; None without a path, and for a run that is gone on with and was traced before."""
    if path is None:
        return None
    if os.path.lexists(path):
        log('--trace: {} is there already, and nothing is traced'.format(path))
        return None
    return TraceHook(path, model, start, total, log)


class TraceHook(Hook):
    """Has the session trace some steps, and writes their timeline.

    Args:
      path: the file.
      model: the TrainingSession.
      start, total: the step that is gone on from, and the last one.
      log: takes a line of text.
    """

    def __init__(self, path, model, start, total, log):
        self._path, self._model, self._log = path, model, log
        self._before = start + max(0, min(AFTER, total - start - STEPS))
        self._last = min(self._before + STEPS, total)
        super().__init__(self)
        self._found = []

    def after(self, step):
        """As a schedule: the step before the traced ones, and their last."""
        return next((end for end in (self._before, self._last) if step < end), sys.maxsize)

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


def timeline(found):
    """What sessions traced, tf.RunMetadata one after the other -> events of the Trace Event Format, ascending.

    A process is a device; a row of it has operations that don't overlap. Times are microseconds from the first one on.
    Source of the format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
    """
    operations = {}
    for metadata in found:
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
