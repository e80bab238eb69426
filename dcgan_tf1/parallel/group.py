"""Several processes, on one machine or many, that train one GAN together.

Each has a `tf.distribute.Server`, and TensorFlow's collective all-reduce adds up what they
computed (`graph.py`). What TensorFlow's runtime does not tell, or tells by hanging, goes over a
line of our own from each worker to the first: who is there and whether all would do the
same, before any training; that each is alive, while it goes on; why one has stopped. The line
uses the worker's own port until its server starts, so a cluster needs no more than TF_CONFIG
says. Neither it nor TensorFlow's server asks who calls: both are for private networks.
"""

import collections
import contextlib
import json
import os
import queue
import re
import socket
import sys
import threading
import time

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import parse_json

JOB = 'worker'  # in TensorFlow's names of devices
_LONGEST = 1 << 16  # bytes of a message
_MAGIC = 'dcgan_tf1'
_GRACE = 5  # seconds that a worker waits longer for the first one's verdict than that one does for others

# A cluster as one of its workers sees it: addresses 'host:port' of all, and which it is.
Cluster = collections.namedtuple('Cluster', 'hosts task')


def find_cluster(worker_hosts, task_index, tf_config):
    """The Cluster that flags or the text of TF_CONFIG describe; None for a worker alone.

    TF_CONFIG is what Kubeflow's TFJob and the cloud services set: {"cluster": {"chief": [...],
    "worker": [...]}, "task": {"type": ..., "index": ...}}; a chief comes first. Flags win.
    Raises UserError, also for what would not train here as it says: another kind of task, or none.
    """
    if worker_hosts is not None:
        if task_index is None:
            raise UserError('--task_index: expected which of --worker_hosts this is, found nothing')
        return _checked('--worker_hosts', worker_hosts.split(','), task_index, '--task_index')
    if task_index is not None:
        raise UserError('--worker_hosts: expected the addresses of all workers beside --task_index, found nothing')
    return _from_tf_config(tf_config) if tf_config else None


def _from_tf_config(text):
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UserError('TF_CONFIG: expected JSON, found {!r} ({})'.format(text[:80], error))
    _expect(isinstance(value, dict), '{"cluster": {...}, "task": {...}}', value)
    cluster, task = value.get('cluster'), value.get('task')  # null is as good as nothing
    cluster, task = {} if cluster is None else cluster, {} if task is None else task
    _expect(isinstance(cluster, dict), 'a cluster of {"worker": [addresses]}', cluster)
    _expect(isinstance(task, dict), 'a task of {"type": "worker", "index": 0}', task)
    for kind, addresses in cluster.items():
        _expect(isinstance(addresses, list), 'a list of addresses for {}'.format(kind), addresses)
        _expect(kind in _KINDS or not addresses, 'a cluster of {} alone{}'.format(_KINDS_IN_WORDS, _NO_OTHERS), kind)
    hosts = [host for kind in _KINDS for host in cluster.get(kind, [])]
    kind, index = task.get('type'), task.get('index')
    _expect(kind is None or kind in _KINDS, 'a task of type {}{}'.format(_KINDS_IN_WORDS, _NO_OTHERS), kind)
    if kind is None and len(hosts) < 2:  # who is alone need not say which it is
        return _checked('TF_CONFIG', hosts, 0, 'TF_CONFIG') if hosts else None
    _expect(kind is not None, 'a task with a type, which tells the {} workers apart'.format(len(hosts)), task)
    own = len(cluster.get(kind, []))
    _expect(own > 0, 'a cluster with a {}, which this task is'.format(kind), cluster)
    if isinstance(index, str) and re.match('[0-9]{1,5}$', index):
        index = int(index)
    _expect(type(index) is int and 0 <= index < own, 'a task of type {} and index 0{}, as the cluster has it'.format(
        kind, ' to {}'.format(own - 1) if own > 1 else ''), index)
    before = sum(len(cluster.get(other, [])) for other in _KINDS[:_KINDS.index(kind)])
    return _checked('TF_CONFIG', hosts, before + index, 'TF_CONFIG')


_KINDS = ('chief', 'master', 'worker')  # in the order in which they are counted
_KINDS_IN_WORDS = 'chief and worker'
_NO_OTHERS = ' (there are no parameter servers here, and no evaluators)'


def _expect(true, what, found):
    if not true:
        raise UserError('TF_CONFIG: expected {}, found {}'.format(what, json.dumps(found)[:80]))


def _split(address):
    """(host, port) of HOST:PORT, without the brackets of an IPv6 address; None where it is none."""
    match = re.match(r'(?:\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\w+)?)\]|([^\s:/\[\]]+)):([0-9]{1,5})$', address)
    if match and 0 < int(match.group(3)) < 65536:
        return match.group(1) or match.group(2), int(match.group(3))
    return None


def _family(host):
    """What to listen with where others call this worker `host`: IPv4 unless that has no such address."""
    try:
        found = {family for family, _, _, _, _ in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):  # perhaps the others know the name
        return socket.AF_INET
    return socket.AF_INET6 if found == {socket.AF_INET6} else socket.AF_INET


def _checked(name, hosts, task, task_name):
    for host in hosts:
        if not isinstance(host, str) or _split(host) is None:
            raise UserError('{}: expected addresses HOST:PORT, or [IPV6]:PORT, found {!r}'.format(name, host))
    if len(set(hosts)) < len(hosts):
        raise UserError('{}: expected each address once, found {}'.format(name, ', '.join(hosts)))
    if not 0 <= task < len(hosts):
        raise UserError('{}: expected 0 to {}, one of the {} workers, found {}'.format(
            task_name, len(hosts) - 1, len(hosts), task))
    return Cluster(tuple(hosts), task) if len(hosts) > 1 else None


class SingleWorker:
    """A trainer without others."""

    count, task, target, device = 1, 0, '', None

    def agree(self, facts, told):
        del facts
        return told

    def start_server(self, config):
        del config

    def end_if_lost(self):
        pass

    def finish(self):
        pass

    def close(self, error=None):
        pass


class WorkerGroup:
    """The line between the workers; `fail(text)` is called in a thread of its own when one is lost."""

    def __init__(self, cluster, timeout, fail, log):
        self.count, self.task, self.hosts = len(cluster.hosts), cluster.task, cluster.hosts
        self.device = '/job:{}/task:{}'.format(JOB, self.task)
        self.target = None
        self._timeout, self._fail, self._log = timeout, fail, log
        self._lines = {}  # of other workers: all of them on the first, else the first alone
        self._failure, self._closing = None, False
        self._lock = threading.Lock()
        self._finished = {}  # an Event for each line
        self._failed = threading.Event()

    def name(self, task):
        return 'worker {} ({})'.format(task, self.hosts[task])

    # ------------------------------------------------------------------- before training

    def agree(self, facts, told):
        """Waits for all workers; raises UserError where one is missing or would do something else.

        facts: {what: value}, JSON, to be the same everywhere. told: what the first tells
        the others, JSON; returned everywhere.
        """
        listener = self._listen()
        try:
            told = self._gather(listener, facts, told) if self.task == 0 else self._join(facts)
        finally:
            listener.close()
        for task, line in self._lines.items():
            self._finished[task] = threading.Event()
            threading.Thread(target=self._watch, args=(task, line), daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        return told

    def _listen(self):
        """On the worker's own port: a taken one shows before anything is waited for."""
        host, port = _split(self.hosts[self.task])
        try:
            listener = socket.socket(_family(host))
        except OSError as error:  # a machine without IPv6
            raise UserError('{}: expected a machine with that kind of address, found: {}'.format(
                self.name(self.task), error.strerror))
        try:
            # TensorFlow's server takes the port over while the lines that were accepted on it live on.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(('', port))
            if self.task == 0:
                listener.listen(self.count + 8)
        except OSError as error:
            listener.close()
            raise UserError('{}: expected a free port, found: {}'.format(self.name(self.task), error.strerror))
        return listener

    def _gather(self, listener, facts, told):
        self._log('waiting for {} of {} workers at {}'.format(self.count - 1, self.count, self.hosts[0]))
        deadline, callers, found = time.time() + self._timeout, queue.Queue(), {}
        # A thread for each caller: one that says nothing must not keep the others waiting.
        done = threading.Event()
        accepting = threading.Thread(target=self._accept, args=(listener, callers, done), daemon=True)
        accepting.start()
        try:
            self._hear(callers, deadline, found, facts)
        finally:
            done.set()
            accepting.join()  # a listener that is still waited on would keep the port
        for line in found.values():
            line.send({'told': told})
        self._lines = found
        return told

    def _hear(self, callers, deadline, found, facts):
        """Fills `found`, {task: line}, with all other workers."""
        while len(found) < self.count - 1:
            try:
                line, hello = callers.get(timeout=max(deadline - time.time(), 0.01))
            except queue.Empty:
                missing = [task for task in range(1, self.count) if task not in found]
                error = 'expected all {} workers within {:g} s (--worker_timeout), found no {}'.format(
                    self.count, self._timeout, ', '.join(map(self.name, missing)))
                self._refuse(found, error)
                raise UserError(error)
            task = hello.get('task')
            if not isinstance(task, int) or not 0 < task < self.count:
                problem = 'expected a worker 1 to {}, found {!r}'.format(self.count - 1, task)
            elif task in found:
                problem = 'expected {} once, found it twice'.format(self.name(task))
            else:
                problem = _difference(self.name(task), self.name(0), hello.get('facts'), facts)
                if problem:
                    self._refuse(dict(found, **{'': line}), problem)
                    raise UserError(problem)
                found[task] = line
                continue
            line.send({'error': problem})
            line.close()

    def _refuse(self, found, error):
        for line in found.values():
            line.send({'error': error})
            line.close()

    def _accept(self, listener, callers, done):
        listener.settimeout(0.1)
        while not done.is_set():
            try:
                connection, address = listener.accept()
            except socket.timeout:
                continue
            except OSError as error:  # of one connection that went away at once, or of too many open files
                self._log('WARNING: a call from a worker failed: {}'.format(error.strerror))
                time.sleep(0.1)
                continue
            threading.Thread(target=self._greet, args=(connection, address, callers), daemon=True).start()

    def _greet(self, connection, address, callers):
        line = Connection(connection)
        hello = line.receive(10)
        if isinstance(hello, dict) and hello.get('from') == _MAGIC:
            callers.put((line, hello))
        else:
            self._log('WARNING: {} called and is no worker'.format(address[0]))
            line.close()

    def _join(self, facts):
        host, port = _split(self.hosts[0])
        deadline, problem = time.time() + self._timeout, None
        while True:
            try:
                line = Connection(socket.create_connection((host, port), timeout=min(self._timeout, 5)))
                line.send({'from': _MAGIC, 'task': self.task, 'facts': facts})
                # The first worker knows within its own time who is missing, and that began before this call.
                answer = line.receive(self._timeout + _GRACE)
                if isinstance(answer, dict) and 'told' in answer:
                    self._lines = {0: line}
                    return answer['told']
                line.close()
                if isinstance(answer, dict) and 'error' in answer:
                    raise UserError(str(answer['error']))
                problem = 'no answer' if answer is _SILENT else 'an answer that is not of {}'.format(_MAGIC)
            except OSError as error:
                problem = error.strerror or str(error)
            if time.time() > deadline:
                raise UserError('{}: expected {} within {:g} s (--worker_timeout), found: {}'.format(
                    self.name(self.task), self.name(0), self._timeout, problem))
            time.sleep(0.2)

    # ------------------------------------------------------------------- while training

    def start_server(self, config):
        """Starts TensorFlow's server; `config`, a ConfigProto, becomes one for sessions on `target`."""
        del config.device_filters[:]
        # Itself alone: what a session cleans up after a step, others may still be reading from.
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

    def _beat(self):
        """Tells the others, often, that this one lives."""
        while not self._closing:
            for line in list(self._lines.values()):
                line.send({'alive': True})
            time.sleep(min(1.0, self._timeout / 5))

    def _watch(self, task, line):
        while not self._closing:
            message = line.receive(self._timeout)
            if self._closing:
                return
            if message is _SILENT:
                self._lost('{} has not been heard from for {:g} s (--worker_timeout)'.format(
                    self.name(task), self._timeout))
            elif not isinstance(message, dict):
                if not self._finished[task].is_set():
                    self._lost('{} has ended'.format(self.name(task)))
            elif 'failed' in message:
                self._lost(str(message['failed']))
            elif 'finished' in message:
                self._finished[task].set()
                continue
            else:
                continue
            return

    def _lost(self, text):
        with self._lock:
            if self._failure is not None or self._closing:
                return
            self._failure = text
        for line in list(self._lines.values()):
            line.send({'failed': text})
        self._failed.set()
        self._fail(text)

    def end_if_lost(self):
        """Ends the process where a worker is lost, else returns: the runtime's own error does not say which."""
        if self._failed.wait(self._timeout + 1):
            threading.Event().wait()  # `fail` ends it

    def finish(self):
        """Waits until all have trained their last step: a worker's server serves the others until then."""
        for line in self._lines.values():
            line.send({'finished': True})
        for event in self._finished.values():
            while not event.wait(0.2) and self._failure is None:
                pass

    def close(self, error=None):
        """Ends the line; the others hear of an `error`, a text."""
        if error is not None and self._failure is None:
            for line in self._lines.values():
                line.send({'failed': '{} has stopped: {}'.format(self.name(self.task), error)})
        self._closing = True
        for line in self._lines.values():
            line.close()


_SILENT = object()


class Connection:
    """A connection that carries a JSON value a line."""

    def __init__(self, connection):
        self._connection, self._rest = connection, b''
        self._lock = threading.Lock()

    def send(self, value):
        with contextlib.suppress(OSError), self._lock:  # whoever reads finds out
            self._connection.sendall(json.dumps(value).encode() + b'\n')

    def receive(self, seconds):
        """The next value; None at the end or for what is no JSON, _SILENT after `seconds` without a byte."""
        while b'\n' not in self._rest:
            try:
                self._connection.settimeout(seconds)
                part = self._connection.recv(_LONGEST)
            except socket.timeout:
                return _SILENT
            except OSError:
                return None
            self._rest += part
            if not part or len(self._rest) > _LONGEST:
                return None
        text, _, self._rest = self._rest.partition(b'\n')
        try:
            return parse_json(text.decode())
        except ValueError:
            return None

    def close(self):
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def _difference(name, first, found, expected):
    """What a worker would do differently from the first: one line, or None."""
    if not isinstance(found, dict):
        return '{}: expected to hear what it would do, found {!r}'.format(name, found)
    for key in list(expected) + sorted(set(found) - set(expected)):
        if found.get(key) != expected.get(key):
            return '{}: expected {} {!r}, as {} has it, found {!r}'.format(
                name, key, expected.get(key), first, found.get(key))
    return None


def leave(text, status=1):
    """Ends the process at once, with a one-line error: a session that waits for a lost worker can't be stopped."""
    sys.stdout.flush()
    print('error: ' + text, file=sys.stderr, flush=True)
    os._exit(status)
