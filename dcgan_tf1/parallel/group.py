"""Several processes, on one machine or many, that train one GAN together.

Each has a `tf.distribute.Server`, and TensorFlow's collective all-reduce adds up what they
computed (in `gan`). What TensorFlow's runtime does not report, or reports by hanging, goes
over a connection of our own from each worker to the chief, the worker with the first address:
before training, who is there and whether all would do the same; while training, that each
worker is alive; at the end, why one has stopped. The chief accepts these connections on its own
port before its TensorFlow server takes that port over, so a cluster needs no addresses beyond
those of TF_CONFIG. Neither the connections nor TensorFlow's servers authenticate anyone: both
are for private networks.

The keys of the messages, `facts` (the fingerprint) and `told` (the chief's settings), are those
of version 0.1.0: a worker of another version then learns that its version differs.
"""

import contextlib
import os
import queue
import socket
import sys
import threading
import time

import tensorflow.compat.v1 as tf

from dcgan_tf1.parallel.cluster import address_family, split_address
from dcgan_tf1.parallel.connection import SILENT, Connection
from dcgan_tf1.util.errors import UserError

JOB = 'worker'  # in TensorFlow's names of devices
_MAGIC = 'dcgan_tf1'
_GRACE = 5  # seconds that a worker waits longer for the chief's verdict than the chief does for others


class SingleWorker:
    """The group of a worker that trains alone."""

    count, task, target, device = 1, 0, '', None

    def gather(self, fingerprint):
        del fingerprint

    def handshake(self, fingerprint, chief_settings):
        del fingerprint
        return chief_settings

    def start_server(self, config):
        del config

    def end_if_lost(self):
        pass

    def finish(self):
        pass

    def close(self, error=None):
        pass


class WorkerGroup:
    """The connections between the workers of a cluster, as one of the workers has them.

    Args:
      cluster: the Cluster.
      timeout: seconds to wait for another worker, at the start and at any time.
      fail: fail(text) is called in a thread of its own when a worker is lost, and has to end the process.
      log: takes a line of text.
    """

    def __init__(self, cluster, timeout, fail, log):
        self.count, self.task, self.hosts = len(cluster.hosts), cluster.task, cluster.hosts
        self.device = '/job:{}/task:{}'.format(JOB, self.task)
        self.target = None
        self._timeout, self._fail, self._log = timeout, fail, log
        self._connections = {}  # by task: to all other workers on the chief, else to the chief alone
        self._failure, self._closing = None, False
        self._lock = threading.Lock()
        self._finished = {}  # an Event for each connection
        self._failed = threading.Event()

    def name(self, task):
        return 'worker {} ({})'.format(task, self.hosts[task])

    # ------------------------------------------------------------------- before training

    def gather(self, fingerprint):
        """Waits, on the chief, for all workers, which then wait for handshake() as long as the chief is alive.

        fingerprint: {what: value}, JSON, which has to be the same on all workers. Raises UserError where a worker is
        missing or would compute something else.
        """
        if self.task == 0 and not self._connections:
            with contextlib.closing(self._listen()) as listener:
                self._meet(listener, fingerprint)
            threading.Thread(target=self._heartbeat, daemon=True).start()

    def handshake(self, fingerprint, chief_settings):
        """Waits for all workers, unless they were gathered, and returns the chief's settings; raises as gather().

        chief_settings: JSON, what the chief has decided for all; ignored on the others.
        """
        if self.task == 0:
            self.gather(fingerprint)
            for connection in self._connections.values():
                connection.send({'told': chief_settings})
        else:
            with contextlib.closing(self._listen()):
                chief_settings = self._join(fingerprint)
            threading.Thread(target=self._heartbeat, daemon=True).start()
        for task, connection in self._connections.items():
            self._finished[task] = threading.Event()
            threading.Thread(target=self._receive_from, args=(task, connection), daemon=True).start()
        return chief_settings

    def _listen(self):
        """On the worker's own port: a taken one shows before anything is waited for."""
        host, port = split_address(self.hosts[self.task])
        try:
            listener = socket.socket(address_family(host))
        except OSError as error:  # a machine without IPv6
            raise UserError('{}: expected a machine with that kind of address, found: {}'.format(
                self.name(self.task), error.strerror))
        try:
            # TensorFlow's server takes the port over while the connections that were accepted on it live on.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('', port))
            if self.task == 0:
                listener.listen(self.count + 8)
        except OSError as error:
            listener.close()
            raise UserError('{}: expected a free port, found: {}'.format(self.name(self.task), error.strerror))
        return listener

    def _meet(self, listener, fingerprint):
        self._log('waiting for {} of {} workers at {}'.format(self.count - 1, self.count, self.hosts[0]))
        deadline, hellos = time.monotonic() + self._timeout, queue.Queue()
        done = threading.Event()
        accepting = threading.Thread(target=self._accept, args=(listener, hellos, done), daemon=True)
        accepting.start()
        try:
            self._connections = self._collect_hellos(hellos, deadline, fingerprint)
        finally:
            done.set()
            accepting.join()  # a listener that is still waited on would keep the port

    def _collect_hellos(self, hellos, deadline, fingerprint):
        """{task: Connection} of all other workers."""
        connections = {}
        while len(connections) < self.count - 1:
            try:
                connection, hello = hellos.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                missing = [task for task in range(1, self.count) if task not in connections]
                error = 'expected all {} workers within {:g} s (--worker_timeout), found no {}'.format(
                    self.count, self._timeout, ', '.join(map(self.name, missing)))
                _refuse(connections.values(), error)
                raise UserError(error)
            task = hello.get('task')
            if not isinstance(task, int) or not 0 < task < self.count:
                _refuse([connection], 'expected a worker 1 to {}, found {!r}'.format(self.count - 1, task))
                continue
            if task in connections:
                _refuse([connection], 'expected {} once, found it twice'.format(self.name(task)))
                continue
            problem = difference(self.name(task), self.name(0), hello.get('facts'), fingerprint)
            if problem:
                _refuse(list(connections.values()) + [connection], problem)
                raise UserError(problem)
            connections[task] = connection
        return connections

    def _accept(self, listener, hellos, done):
        listener.settimeout(0.1)
        while not done.is_set():
            try:
                caller, address = listener.accept()
            except socket.timeout:
                continue
            except OSError as error:  # of one caller that went away at once, or of too many open files
                self._log('WARNING: a call from a worker failed: {}'.format(error.strerror))
                time.sleep(0.1)
                continue
            # In a thread for each caller: one that says nothing must not keep the others waiting.
            threading.Thread(target=self._accept_hello, args=(caller, address, hellos), daemon=True).start()

    def _accept_hello(self, caller, address, hellos):
        connection = Connection(caller)
        hello = connection.receive(10)
        if isinstance(hello, dict) and hello.get('from') == _MAGIC:
            hellos.put((connection, hello))
        else:
            self._log('WARNING: {} called and is no worker'.format(address[0]))
            connection.close()

    def _join(self, fingerprint):
        """Calls the chief until it answers; returns its settings."""
        host, port = split_address(self.hosts[0])
        deadline, problem = time.monotonic() + self._timeout, None
        while True:
            try:
                connection = Connection(socket.create_connection((host, port), timeout=min(self._timeout, 5)))
                connection.send({'from': _MAGIC, 'task': self.task, 'facts': fingerprint})
                # The chief knows within its own time who is missing, and that began before this call.
                answer = connection.receive(self._timeout + _GRACE)
                while isinstance(answer, dict) and 'alive' in answer:  # it has gathered all, and is not ready yet
                    answer = connection.receive(self._timeout + _GRACE)
                if isinstance(answer, dict) and 'told' in answer:
                    self._connections = {0: connection}
                    return answer['told']
                connection.close()
                for key in 'error', 'failed':
                    if isinstance(answer, dict) and key in answer:
                        raise UserError(str(answer[key]))
                problem = 'no answer' if answer is SILENT else 'an answer that is not of {}'.format(_MAGIC)
            except (OSError, UnicodeError) as error:
                problem = getattr(error, 'strerror', None) or str(error)
            if time.monotonic() > deadline:
                raise UserError('{}: expected {} within {:g} s (--worker_timeout), found: {}'.format(
                    self.name(self.task), self.name(0), self._timeout, problem))
            time.sleep(0.2)

    # ------------------------------------------------------------------- while training

    def start_server(self, config):
        """Starts TensorFlow's server; `config`, a ConfigProto, becomes one for sessions on `target`."""
        del config.device_filters[:]
        # Only its own device: a session cleans up after a step what other workers may still be reading.
        config.device_filters.append(self.device)
        # The distributed runtime fuses a convolution with its bias for bfloat16, too, and has no kernel for it.
        rewrites = config.graph_options.rewrite_options
        rewrites.remapping = rewrites.OFF
        config.experimental.collective_group_leader = '/job:{}/replica:0/task:0'.format(JOB)
        try:
            self._server = tf.distribute.Server(
                {JOB: list(self.hosts)}, job_name=JOB, task_index=self.task, config=config)
        except tf.errors.OpError as error:
            raise UserError('{}: expected to start a server, found: {}'.format(self.name(self.task), error.message))
        self.target = self._server.target

    def _heartbeat(self):
        """Tells the others at short intervals that this worker is alive."""
        while not self._closing:
            for connection in list(self._connections.values()):
                connection.send({'alive': True})
            time.sleep(min(1.0, self._timeout / 5))

    def _receive_from(self, task, connection):
        while not self._closing:
            message = connection.receive(self._timeout)
            if self._closing:
                return
            if message is SILENT:
                self._report_loss('{} has not been heard from for {:g} s (--worker_timeout)'.format(
                    self.name(task), self._timeout))
            elif not isinstance(message, dict):
                if not self._finished[task].is_set():
                    self._report_loss('{} has ended'.format(self.name(task)))
            elif 'failed' in message:
                self._report_loss(str(message['failed']))
            elif 'finished' in message:
                self._finished[task].set()
                continue
            else:
                continue
            return

    def _report_loss(self, text):
        with self._lock:
            if self._failure is not None or self._closing:
                return
            self._failure = text
        for connection in list(self._connections.values()):
            connection.send({'failed': text})
        self._failed.set()
        self._fail(text)

    def end_if_lost(self):
        """Ends the process where a worker is lost, else returns: the runtime's own error does not say which worker."""
        if self._failed.wait(self._timeout + 1):
            _wait_for_the_end()

    def finish(self):
        """Waits until all have trained their last step: a worker's server serves the others until then."""
        for connection in self._connections.values():
            connection.send({'finished': True})
        for event in self._finished.values():
            while not event.wait(0.2):
                if self._failure is not None:
                    _wait_for_the_end()

    def close(self, error=None):
        """Closes the connections; the others are told of an `error`, a text.

        Does not return with an `error` where another worker's failure is being reported: workers that fail
        together each report one of the two, not both.
        """
        with self._lock:
            lost, self._closing = self._failure is not None, True
        if error is not None:
            if lost:
                _wait_for_the_end()
            for connection in self._connections.values():
                connection.send({'failed': '{} has stopped: {}'.format(self.name(self.task), error)})
        for connection in self._connections.values():
            connection.close()


def _wait_for_the_end():
    """Leaves it to `fail`, which another thread has called, to end the process."""
    threading.Event().wait()


def _refuse(connections, error):
    for connection in connections:
        connection.send({'error': error})
        connection.close()


def difference(name, chief, found, expected):
    """How a worker's fingerprint differs from the chief's: one line, or None."""
    if not isinstance(found, dict):
        return '{}: expected to hear what it would do, found {!r}'.format(name, found)
    for key in list(expected) + sorted(set(found) - set(expected)):
        if found.get(key) != expected.get(key):
            return '{}: expected {} {!r}, as {} has it, found {!r}'.format(
                name, key, expected.get(key), chief, found.get(key))
    return None


def abort_process(text):
    """Ends the process at once, with a one-line error: a session that waits for a lost worker can't be stopped."""
    try:
        sys.stdout.flush()
        print('error: ' + text, file=sys.stderr, flush=True)
    finally:  # whoever read the output may have gone
        os._exit(1)
