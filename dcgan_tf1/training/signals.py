"""Signals that ask a trainer to stop."""

import contextlib
import os
import signal
import threading
import time

from dcgan_tf1.util import cli

_GRACE = 1.0  # seconds after the second signal that Python has to end the process in its own way
_ECHO = 0.5  # seconds within which the same signal again is the first one: GNU timeout sends it to the group, too


class StopSignals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a request that the loop sees after its step.

    A second one ends the process at once: checkpoints on the disk are whole at any moment. The same one within half a
    second, and a second SIGHUP, don't: where a terminal is closed, the shell and the system may each send one. SIGHUP
    stays ignored where it was, as under `nohup`. In another thread than the main one, signals are left to the program
    that the thread belongs to.
    """

    def __init__(self):
        self.signum, self.listening = None, cli.in_main_thread()
        self._first = 0.0  # when the first one came
        self._before = {}  # what handled each signal
        self._ended = threading.Event()
        self._stack = contextlib.ExitStack()

    def _handle(self, signum, frame):
        if self.signum is None:
            self.signum, self._first = signum, time.monotonic()
        elif signum != signal.SIGHUP and not (signum == self.signum and time.monotonic() - self._first < _ECHO):
            # Not what was there before: a shell has SIGINT ignored in what it starts with `&`.
            signal.signal(signum, signal.SIG_DFL)
            if signum == signal.SIGINT:
                signal.default_int_handler(signum, frame)
            os.kill(os.getpid(), signum)

    def __enter__(self):
        numbers = cli.stop_signals()
        with contextlib.ExitStack() as stack:  # undoes what it has done where the rest fails
            if numbers:
                self._watch(stack, frozenset(numbers))
            for number in numbers:
                self._before[number] = signal.signal(number, self._handle)
                stack.callback(_restore, number, self._before[number])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._stack.close()

    def _watch(self, stack, numbers):
        """Has a thread end the process at the second signal: Python's handlers wait for TensorFlow's calls to end."""
        theirs, ours = os.pipe()
        stack.callback(os.close, ours)  # which ends the thread
        os.set_blocking(ours, False)
        before = signal.set_wakeup_fd(ours)
        if before != -1:  # a program around us listens there
            signal.set_wakeup_fd(before)
            os.close(theirs)
            return
        stack.callback(_forget, ours)
        threading.Thread(target=self._end_at_the_second, args=(theirs, numbers), daemon=True).start()

    def _end_at_the_second(self, pipe, numbers):
        first = None
        with open(pipe, 'rb', buffering=0) as signals:
            while True:
                number = signals.read(1)
                if not number:
                    return
                if number[0] not in numbers:
                    continue
                if first is None:
                    first = number[0], time.monotonic()
                elif number[0] != signal.SIGHUP and not (
                        number[0] == first[0] and time.monotonic() - first[1] < _ECHO):
                    break
        if not self._ended.wait(_GRACE):  # else Python has ended the training itself, and a program may go on
            os._exit(128 + number[0])

    def requested(self):
        """Whether one has come by now."""
        return self.signum is not None

    @property
    def name(self):
        """Of the signal that asked to stop, or None."""
        return signal.Signals(self.signum).name if self.signum else None

    @property
    def exit_status(self):
        """Of a process that stopped because it was asked to, here or on another worker."""
        return 128 + (self.signum or signal.SIGTERM)


def _restore(number, handler):
    # None: one that Python did not set, and can't set again.
    signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _forget(descriptor):
    """Has Python write signals to this one no more."""
    now = signal.set_wakeup_fd(-1)
    if now not in (-1, descriptor):
        signal.set_wakeup_fd(now)
