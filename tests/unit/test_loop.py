"""The loop over steps: how they are divided into calls, in which order hooks are called, and how it ends."""

import time

import numpy as np
import pytest

from dcgan_tf1.training.loop import CallSize, Hook, run_steps
from dcgan_tf1.training.plan import IsolatedSteps, StepSchedule


class Inputs:
    """In the place of an InputPrefetcher."""

    def __init__(self, events):
        self._events = events

    def submit(self, first, count):
        self._first, self._count = first, count
        steps = np.arange(first, first + count)
        return type('Future', (), {'result': lambda self: (steps[:, np.newaxis], steps[:, np.newaxis] / 10)})()

    def close(self):
        self._events.append('inputs closed')


class Recorder(Hook):
    def __init__(self, name, events, schedule=None):
        super().__init__(schedule)
        self._name, self._events = name, events

    def after_step(self, taken):
        self._events.append((self._name, taken.step, taken.count, taken.is_last, taken.stopping))

    def end(self):
        self._events.append(self._name + ' ended')

    def close(self):
        self._events.append(self._name + ' closed')


def run(schedules, start, total, steps_per_run, stop_at=None, events=None):
    """(the calls as (first, last step), the Ending)."""
    calls, events = [], [] if events is None else events

    def take_steps(first, inputs):
        indices, noises = inputs
        assert indices[:, 0].tolist() == list(range(first, first + len(indices))) and len(noises) == len(indices)
        calls.append((first, int(indices[-1, 0])))
        return stop_at is not None and calls[-1][1] >= stop_at

    hooks = [Recorder('hook {}'.format(number), events, schedule) for number, schedule in enumerate(schedules)]
    ending = run_steps(take_steps, Inputs(events), hooks, start, total, CallSize(steps_per_run, adapts=False))
    return calls, ending


def test_no_call_goes_past_a_step_that_a_hook_waits_for():
    calls, ending = run([StepSchedule(4, 4), StepSchedule(3, 100), None], 0, 10, 1000)
    assert calls == [(1, 3), (4, 4), (5, 8), (9, 10)] and ending == (10, False)
    assert [StepSchedule(4, 3).count(last) for last in (0, 3, 4, 6, 7, 100)] == [0, 0, 1, 1, 2, 33]
    assert run([StepSchedule(4, 4)], 5, 10, 2)[0] == [(6, 7), (8, 8), (9, 10)]
    assert run([], 0, 3, 0)[0] == [(1, 1), (2, 2), (3, 3)]


def test_a_step_can_be_looked_at_before_it_is_taken():
    assert run([IsolatedSteps(StepSchedule(4, 4))], 0, 9, 1000)[0] == [(1, 3), (4, 4), (5, 7), (8, 8), (9, 9)]
    assert run([IsolatedSteps(StepSchedule(1, 1))], 0, 3, 1000)[0] == [(1, 1), (2, 2), (3, 3)]


def test_hooks_are_called_in_the_order_of_their_list_and_all_is_closed():
    events = []
    run([StepSchedule(2, 2), None], 0, 3, 1000, events=events)
    assert events == [('hook 0', 2, 2, False, False), ('hook 1', 2, 2, False, False),
                      ('hook 0', 3, 1, True, False), ('hook 1', 3, 1, True, False),
                      'hook 0 ended', 'hook 1 ended', 'hook 1 closed', 'hook 0 closed', 'inputs closed']


def test_a_stop_ends_the_loop_after_its_step_and_the_hooks_hear_of_it():
    events = []
    calls, ending = run([None], 0, 9, 1, stop_at=2, events=events)
    assert calls == [(1, 1), (2, 2)] and ending == (2, True)
    assert events == [('hook 0', 1, 1, False, False), ('hook 0', 2, 1, False, True), 'hook 0 closed', 'inputs closed']
    # After the last step of all there is nothing to stop.
    assert run([None], 0, 2, 1, stop_at=2)[1] == (2, False)


def test_all_is_closed_after_an_error():
    class Failing(Recorder):
        def after_step(self, taken):
            raise ValueError('failed')

    events = []
    with pytest.raises(ValueError, match='failed'):
        run_steps(lambda *_: False, Inputs(events), [Failing('hook', events)], 0, 3, CallSize(1, adapts=False))
    assert events == ['hook closed', 'inputs closed']


def test_a_clock_that_is_set_meanwhile_changes_nothing(monkeypatch):
    found, now = [], iter(range(1000000, 0, -3600))
    monkeypatch.setattr(time, 'time', lambda: next(now))

    class Seconds(Hook):
        def after_step(self, taken):
            found.append(taken.seconds)

    run_steps(lambda first, inputs: time.sleep(0.01), Inputs([]), [Seconds(None)], 0, 5, CallSize(1, adapts=False))
    assert len(found) == 5 and found == sorted(found) and 0.05 <= found[-1] < 30


def test_a_call_is_of_as_many_steps_as_take_half_a_second():
    size = CallSize(0, adapts=True)
    assert size.steps == 1
    for seconds, steps in ((0.01, 50), (10, 1), (1e-12, 1000)):
        size.adapt(seconds)
        assert size.steps == steps
    fixed, several = CallSize(7, adapts=True), CallSize(0, adapts=False)
    for size in (fixed, several):
        size.adapt(0.01)
    assert (fixed.steps, several.steps) == (7, 1)
