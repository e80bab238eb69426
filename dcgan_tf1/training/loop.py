"""The loop over the steps of a training. What is written on the way is the work of hooks."""

import collections
import contextlib
import time


class Hook:
    """Something that is done after steps. The loop calls the hooks in the order of their list.

    schedule: the steps after which the hook wants to be called, an object with `after(step)`, the
    first of them after a step. The hook may be called after others as well, and after the last step.
    """

    schedule = None

    def __init__(self, schedule=None):
        self.schedule = schedule

    def before_steps(self, first, noises):
        """Called before step `first` and those that are taken in the same call; noises: as step_loop.Loop has them."""

    def after_step(self, taken):
        """Called with a TakenSteps."""

    def end(self):
        """Called after the last step of all; not where the loop is stopped before."""

    def close(self):
        """Called on every way out of the loop."""


class TakenSteps:
    """What the hooks are told of the steps that were taken in one call of the session, and tell each other.

    A hook that comes later in the list finds in it what earlier ones have found or done.
    """

    def __init__(self, step, count, indices, noise, seconds, is_last, stopping):
        self.step, self.count = step, count  # the last of the steps, and how many they are
        self.indices, self.noise = indices, noise  # of the last step, as step_loop.Loop has them
        self.seconds = seconds  # of training since the loop began, without what hooks took
        self.is_last = is_last  # whether it is the last step of all
        self.stopping = stopping  # whether the loop stops after it
        self.loss_row = None  # its row of losses.csv
        self.samples = None  # its samples as one picture, uint8 [H, W, C]
        self.quality_row = None  # its row of quality.csv
        self.saved = False  # whether there is a checkpoint of it


class CallSize:
    """How many steps to take in one call of the session; Python looks up for signals between calls.

    The numbers of a run don't depend on it.
    """

    _SECONDS = 0.5  # that a call is to take
    _MAX_STEPS = 1000

    def __init__(self, steps_per_run, adapts, max_steps=_MAX_STEPS):
        """steps_per_run: 0 for as many as take half a second, or for 1 where `adapts` is False.

        Several workers take one step at a time: all must take equally many, and they wait for each other in each.
        max_steps: how many steps there are in a call at most.
        """
        self.steps, self._max_steps = min(steps_per_run or 1, max_steps), min(max_steps, self._MAX_STEPS)
        self._adapts = adapts and not steps_per_run

    def adapt(self, seconds):
        """Chooses by what a step took."""
        if self._adapts:
            self.steps = max(1, min(int(self._SECONDS / max(seconds, 1e-9)), self._max_steps))


# How the loop ended: after which step, and whether it was stopped before the last one.
Ending = collections.namedtuple('Ending', 'step stopped')


def run_steps(take_steps, prefetcher, hooks, start, total, call_size):
    """Trains steps start + 1 to total; returns an Ending.

    Args:
      take_steps: (first, inputs) -> whether to stop after them; inputs: the prefetcher's.
      prefetcher: an InputPrefetcher, which is closed at the end, as the hooks are.
      hooks: list of Hook. No call of the session goes past a step that one of them waits for.
      call_size: a CallSize.
    """
    def count_after(step):
        until = min([total] + [hook.schedule.after(step) for hook in hooks if hook.schedule is not None])
        return min(call_size.steps, until - step)

    with contextlib.ExitStack() as stack:
        for closing in [prefetcher] + hooks:
            stack.callback(closing.close)
        step, count, seconds, resumed = start, count_after(start), 0.0, time.monotonic()
        coming = prefetcher.submit(step + 1, count)
        while step < total:
            first, inputs = step + 1, coming.result()
            indices, noises = inputs[:2]
            step += count
            if step < total:
                count = count_after(step)
                coming = prefetcher.submit(step + 1, count)
            for hook in hooks:
                hook.before_steps(first, noises)
            before = time.monotonic()
            stopping = take_steps(first, inputs)
            if first > start + 1:  # the first call's time tells nothing
                call_size.adapt((time.monotonic() - before) / len(indices))
            seconds += time.monotonic() - resumed
            taken = TakenSteps(step, len(indices), indices[-1], noises[-1], seconds, step == total, stopping)
            for hook in hooks:
                hook.after_step(taken)
            if stopping and step < total:
                return Ending(step, True)
            resumed = time.monotonic()  # what hooks took is no training
        for hook in hooks:
            hook.end()
        return Ending(step, False)
