"""Who trains together: the addresses of all workers, from flags or from TF_CONFIG."""

import collections
import json
import re
import socket

from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import parse_json

# A cluster as one of its workers sees it: addresses 'host:port' of all, and which it is.
Cluster = collections.namedtuple('Cluster', 'hosts task')


def find_cluster(worker_hosts, task_index, tf_config):
    """The Cluster that flags or the text of TF_CONFIG describe; None for a worker alone.

    TF_CONFIG is what Kubeflow's TFJob and the cloud services set: {"cluster": {"chief": [...],
    "worker": [...]}, "task": {"type": ..., "index": ...}}; a chief comes first. Flags win.
    Raises flags.Error, of TF_CONFIG UserError, also for what would not train here as it says: another kind of task,
    or none.
    """
    if worker_hosts is not None:
        if task_index is None:
            raise flags.Error('--task_index: expected which of --worker_hosts this is, found nothing')
        try:
            return _checked('--worker_hosts', worker_hosts.split(','), task_index, '--task_index')
        except UserError as error:
            raise flags.Error(str(error))
    if task_index is not None:
        raise flags.Error('--worker_hosts: expected the addresses of all workers beside --task_index, found nothing')
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


def split_address(address):
    """(host, port) of HOST:PORT, without the brackets of an IPv6 address; None where it is none."""
    match = re.match(r'(?:\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?)\]|([^\s:/\[\]]+)):([0-9]{1,5})$', address)
    # A name of the network has 1 to 63 letters between its dots.
    labels = match.group(2).rstrip('.').split('.') if match and match.group(2) else ['x']
    if match and 0 < int(match.group(3)) < 65536 and all(0 < len(label) < 64 for label in labels):
        return match.group(1) or match.group(2), int(match.group(3))
    return None


def address_family(host):
    """What to listen with where others call this worker `host`: IPv4 unless that has no such address."""
    try:
        families = {family for family, _, _, _, _ in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):  # perhaps the others know the name
        return socket.AF_INET
    return socket.AF_INET6 if families == {socket.AF_INET6} else socket.AF_INET


def _checked(name, hosts, task, task_name):
    for host in hosts:
        if not isinstance(host, str) or split_address(host) is None:
            raise UserError('{}: expected addresses HOST:PORT, or [IPV6]:PORT, found {!r}'.format(name, host))
    if len(set(hosts)) < len(hosts):
        raise UserError('{}: expected each address once, found {}'.format(name, ', '.join(hosts)))
    if not 0 <= task < len(hosts):
        raise UserError('{}: expected 0 to {}, one of the {} workers, found {}'.format(
            task_name, len(hosts) - 1, len(hosts), task))
    return Cluster(tuple(hosts), task) if len(hosts) > 1 else None
