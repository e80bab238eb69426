"""A cluster on this machine alone: `python -m dcgan_tf1.launch --workers=2 -- <flags of train>`."""

if __name__ == '__main__':  # before anything imports TensorFlow
    from dcgan_tf1.util import tf_startup
    tf_startup.begin()

import contextlib
import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Tuple

from dcgan_tf1.training.config import parse_train
from dcgan_tf1.util import cli, flags

GRACE = 20  # seconds that the others get after one has ended, beside their own --worker_timeout
EXAMPLES = (('two workers, each with half of the batch of 64',
             'python -m dcgan_tf1.launch --workers=2 -- --preset=blog_mnist --batch_size=32'),)


@dataclasses.dataclass(frozen=True)
class LaunchConfig:
    """What `launch` does; train_flags are those of each worker, which reads them itself."""

    workers: int
    timeout: float
    train_flags: Tuple[str, ...]


def parse(argv):
    """The LaunchConfig of a list of flags; None after a help text.

    The workers' flags stand behind a `--`; a wrong one of them is an error before any of them starts.
    """
    command = flags.Command('dcgan-launch', 'Starts a cluster of workers on this machine, shows their logs as one, '
                                            'and ends them as one. Flags of dcgan-train follow after --.', EXAMPLES)
    command.integer('workers', 2, 'Number of workers.', 2, 64)
    argv = list(argv)
    split = argv.index('--') if '--' in argv else len(argv)
    try:
        values = command.parse(argv[:split])
    except flags.UnknownFlag as error:
        raise flags.Error('{}; flags of dcgan-train follow after --'.format(error))
    if values is None:
        return None
    for name in ('worker_hosts', 'task_index'):
        if any(re.match('--?{}(=|$)'.format(name), argument) for argument in argv[split + 1:]):
            raise flags.Error('--{0}: expected to be left out, for launch chooses the addresses and numbers, found '
                              '--{0}'.format(name))
    train = parse_train(argv[split + 1:], with_workers=True)
    if train is None:
        return None
    if train.cluster is not None:
        raise flags.Error('{}: expected to be left out, for launch chooses the addresses, found {}'.format(
            'TF_CONFIG' if 'TF_CONFIG' in os.environ else '--worker_hosts', ','.join(train.cluster.hosts)))
    return LaunchConfig(workers=values['workers'], timeout=train.worker_timeout, train_flags=tuple(argv[split + 1:]))


def main(argv=None):
    return cli.run(parse, launch, argv)


def launch(config):
    """Runs the workers until all have ended; returns the exit status of the first that failed, or 0."""
    hosts = ','.join('127.0.0.1:{}'.format(port) for port in _free_ports(config.workers))
    command = [sys.executable, '-m', 'dcgan_tf1.train'] + list(config.train_flags) + ['--worker_hosts=' + hosts]
    # Sessions of their own: a Ctrl-C of the terminal reaches them once, through this process.
    # What they print is read as UTF-8, whatever the terminal's encoding is.
    env = dict(os.environ, PYTHONIOENCODING='utf-8:backslashreplace')
    workers, readers = [], []
    asked = []  # signals, which the loop below passes on: the last worker may not have been started yet
    # Outside the main thread, signals are left to the calling program. A signal that stays ignored here is
    # ignored in the workers, too.
    before = {number: signal.signal(number, lambda signum, _: asked.append(signum)) for number in cli.stop_signals()}
    try:
        for task in range(config.workers):
            workers.append(subprocess.Popen(
                command + ['--task_index={}'.format(task)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                start_new_session=True))
            readers.append(threading.Thread(target=_copy_lines, args=(task, workers[-1]), daemon=True))
            readers[-1].start()
        status, deadline = 0, None
        while any(worker.poll() is None for worker in workers):
            while asked:
                _tell(workers, asked.pop(0))
            status = status or next((worker.returncode for worker in workers if worker.returncode), 0)
            if status and deadline is None:
                deadline = time.monotonic() + config.timeout + GRACE
            if deadline is not None and time.monotonic() > deadline:
                for worker in workers:
                    worker.kill()
            time.sleep(0.1)
        status = status or next((worker.returncode for worker in workers if worker.returncode), 0)
        for reader in readers:
            reader.join()
        return 128 - status if status < 0 else status
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _tell(workers, signum):
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.send_signal(signum)


def _free_ports(count):
    """Ports that nobody listens on now; all are open at once, so that none comes twice."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(('127.0.0.1', 0))
            ports.append(listener.getsockname()[1])
        return ports


def _copy_lines(task, worker):
    for line in worker.stdout:
        text = '[worker {}] {}'.format(task, line.decode(errors='replace').rstrip('\n'))
        with contextlib.suppress(OSError):  # nobody reads any more; the workers train on
            print(text, flush=True)


if __name__ == '__main__':
    sys.exit(main())
