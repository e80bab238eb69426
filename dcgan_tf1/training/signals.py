"""Signals that ask a trainer to stop."""

import signal

from dcgan_tf1.util import cli


class StopSignals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a request that the loop sees after its step.

    A second one ends the process at once: checkpoints on the disk are whole at any moment.
    SIGHUP stays ignored where it was, as under `nohup`. In another thread than the main one,
    signals are left to the program that the thread belongs to.
    """

    def __init__(self):
        self.signum, self.listening = None, cli.in_main_thread()
        self._before = {}  # what handled each signal

    def _handle(self, signum, frame):
        del frame
        self.signum = signum
        for number in self._before:
            # Not what was there before: a shell has SIGINT ignored in what it starts with `&`.
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def __enter__(self):
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if self.listening else ()
        for number in numbers:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            # None: one that Python did not set, and can't set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

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
