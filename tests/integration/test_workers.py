"""Several workers: their addresses, what they refuse, and real processes that train together and are killed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import (
    PATIENCE,
    check_one_line_error,
    command_environment,
    run_command,
    start_command,
    start_process,
)
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.places import HELPERS

from dcgan_tf1 import launch
from dcgan_tf1.launch import _free_ports
from dcgan_tf1.parallel import group
from dcgan_tf1.parallel.cluster import Cluster, find_cluster
from dcgan_tf1.parallel.connection import Connection
from dcgan_tf1.runs import checkpoint
from dcgan_tf1.util.errors import UserError

TFJOB = ('{"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:2"]}, "task": {"type": "%s", "index": %d}, '
         '"environment": "cloud"}')
WORKERS = '{"cluster": {"worker": %s}, "task": {"type": "worker", "index": %s}}'


@pytest.mark.parametrize('text, expected', [
    (None, None), ('', None), ('{}', None), ('{"cluster": {"worker": ["a:1"]}}', None),
    (TFJOB % ('chief', 0), Cluster(('c:1', 'a:1', 'b:2'), 0)),
    (TFJOB % ('worker', 1), Cluster(('c:1', 'a:1', 'b:2'), 2)),
    ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": "1"}}',
     Cluster(('a:1', 'b:2'), 1)),
    ('{"cluster": null, "rpc_layer": "grpc"}', None), ('{"cluster": {"ps": [], "worker": ["a:1"]}, "task": {}}', None),
    ('{"cluster": {"master": ["127.0.0.1:2222"]}, "task": {"type": "master", "index": 0}}', None),
    (WORKERS % ('["[fe80::1%eth0]:1", "[::1]:2", "under_score.b-c:3"]', 2),
     Cluster(('[fe80::1%eth0]:1', '[::1]:2', 'under_score.b-c:3'), 2)),
])
def test_tf_config(text, expected):
    assert find_cluster(None, None, text) == expected


@pytest.mark.parametrize('text, part', [
    ('{', 'expected JSON'), ('[]', '"task": {...}}, found []'),
    (TFJOB % ('worker', 2), 'a task of type worker and index 0 to 1, as the cluster has it, found 2'),
    # It would be taken for the chief.
    (TFJOB % ('chief', 1), 'a task of type chief and index 0, as the cluster has it, found 1'),
    (TFJOB % ('worker', -1), 'found -1'),
    (TFJOB % ('ps', 0), 'no parameter servers here, and no evaluators), found "ps"'),
    (TFJOB % ('evaluator', 0), 'found "evaluator"'), (TFJOB % ('master', 0), 'a cluster with a master'),
    # What trained alone, in silence.
    ('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}', 'found "ps"'),
    ('{"cluster": {"evaluator": ["a:1"]}}', 'a cluster of chief and worker alone'),
    ('{"cluster": {"workers": ["a:1", "b:1"]}}', 'found "workers"'), ('{"cluster": [], "task": {}}', 'found []'),
    ('{"task": {"type": "ps", "index": 0}}', 'found "ps"'), ('{"task": {"type": "worker", "index": 0}}', 'found {}'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}', 'found "evaluator"'),
    # Every one of them took itself for the first.
    ('{"cluster": {"worker": ["a:1", "b:1"]}}', 'which tells the 2 workers apart, found {}'),
    ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}',
     '0 to 1, as the cluster has it, found null'),
    (WORKERS % ('"a:1"', '0'), 'a list of addresses for worker, found "a:1"'),
    (WORKERS % ('{"0": "a:1"}', '0'), 'a list of addresses for worker, found {"0": "a:1"}'),
    (WORKERS % ('["a:1", "b:1"]', '1.7'), 'found 1.7'), (WORKERS % ('["a:1", "b:1"]', 'true'), 'found true'),
    (WORKERS % ('["a:1", "b:1"]', '"one"'), 'found "one"'),
    (WORKERS % ('["a:1"]', '"' + '9' * 5000 + '"'), 'found "999'),
    ('{"cluster": {"worker": ["a:1"]}, "task": 0}', 'found 0'),
    (WORKERS % ('["a", "b:1"]', '0'), "'a'"), (WORKERS % ('[1, "b:1"]', '0'), 'found 1'),
    (WORKERS % ('["b:1", "b:1"]', '0'), 'once'), (WORKERS % ('["a:1", "b:x"]', '0'), "'b:x'"),
    (WORKERS % ('["a:1", "b:99999"]', '0'), 'b:99999'), (WORKERS % ('["a:1", "::1:2222"]', '0'), '[IPV6]:PORT'),
    (WORKERS % ('["a:1", "[::1]"]', '0'), "found '[::1]'"), (WORKERS % ('["a:1", "[b]:1"]', '0'), "found '[b]:1'"),
])
def test_a_wrong_tf_config_says_what_is_wrong(text, part):
    with pytest.raises(UserError, match='^TF_CONFIG: .*' + re.escape(part)):
        find_cluster(None, None, text)


def test_flags_win_over_tf_config_and_belong_together():
    assert find_cluster('a:1,b:2', 1, TFJOB % ('chief', 0)) == Cluster(('a:1', 'b:2'), 1)
    for given, *parts in ((['--worker_hosts=a:1,b:2'], '--task_index'), (['--task_index=0'], '--worker_hosts'),
                          (['--worker_hosts=a:1,b:2', '--task_index=2'], '--task_index', '0 to 1'),
                          (['--worker_hosts=a', '--task_index=0'], '--worker_hosts', 'HOST:PORT'),
                          (['--worker_timeout=9'], '--worker_timeout: expected --worker_hosts', 'found none')):
        result = run_command('train', *given)
        check_one_line_error(result, *parts)
        assert result[0] == 2
    check_one_line_error(run_command('launch', '--workers=2', '--', '--worker_hosts=a:1,b:2', '--task_index=0'),
                         '--worker_hosts: expected to be left out, for launch chooses')
    check_one_line_error(run_command('launch', '--workers=1'), '--workers')
    check_one_line_error(run_command('launch', '--preset=dcgan'), "'preset'", '; flags of dcgan-train follow after --')
    assert launch.parse(['--', '--worker_timeout=9', '--preset=blog_dense']).timeout == 9
    check_one_line_error(run_command('launch', '--', '--preset=no'), '--preset')


# ------------------------------------------------------------------------ the line between workers

def teams(facts, timeout=20, said=None, first_timeout=None):
    """handshake() of one WorkerGroup for each of `facts`: a list of what each returned or raised, and the teams."""
    hosts = tuple('127.0.0.1:{}'.format(port) for port in _free_ports(len(facts)))
    found, lost = [None] * len(facts), []
    made = [group.WorkerGroup(Cluster(hosts, task), timeout if task else first_timeout or timeout, lost.append,
                         (said if said is not None else []).append) for task in range(len(facts))]

    def shake(task):
        try:
            found[task] = made[task].handshake(facts[task], {'start': 5} if task == 0 else None)
        except UserError as error:
            found[task] = error

    threads = [threading.Thread(target=shake, args=(task,)) for task in range(len(facts)) if facts[task] is not None]
    for thread in threads:
        thread.start()
    return threads, found, made, lost


def connected(port):
    """A connection to a port at which somebody will soon listen."""
    for _ in range(100):
        try:
            return socket.create_connection(('127.0.0.1', port))
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError('nobody listens')


def test_all_hear_what_the_first_tells_and_end_together():
    threads, found, made, lost = teams([{'seed': 1}] * 3)
    for thread in threads:
        thread.join()
    assert found == [{'start': 5}] * 3
    finishing = [threading.Thread(target=team.finish) for team in made]
    for thread in finishing:
        thread.start()
    for thread in finishing:
        thread.join(10)
        assert not thread.is_alive()
    for team in made:
        team.close()
    assert lost == []


def test_a_difference_is_named_everywhere():
    threads, found, made, _ = teams([{'seed': 1, 'tensorflow': '2'}, {'seed': 2, 'tensorflow': '2'}])
    for thread in threads:
        thread.join()
    for error in found:
        assert isinstance(error, UserError)
        assert str(error) == '{}: expected seed 1, as {} has it, found 2'.format(made[0].name(1), made[0].name(0))


@pytest.mark.slow
def test_who_is_missing_is_named():
    threads, found, made, _ = teams([{}, {}, None], timeout=2)
    for thread in threads:
        thread.join()
    assert made[0].name(2) in str(found[0]) and 'within 2 s' in str(found[0]) and made[0].name(1) not in str(found[0])
    assert str(found[1]) == str(found[0])
    # A worker that would have given up before hears it from the first, too.
    threads, found, made, _ = teams([{}, {}, None], timeout=1, first_timeout=4)
    for thread in threads:
        thread.join()
    assert 'within 4 s' in str(found[0]) and str(found[1]) == str(found[0])
    threads, found, made, _ = teams([None, {}], timeout=2)
    threads[0].join()
    assert made[1].name(0) in str(found[1]) and 'refused' in str(found[1])


def test_a_taken_port_is_named():
    port, = _free_ports(1)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', port))
        taken.listen(1)
        for task in (0, 1):
            hosts = ['127.0.0.1:1', '127.0.0.1:1']
            hosts[task] = '127.0.0.1:{}'.format(port)
            team = group.WorkerGroup(Cluster(tuple(hosts), task), 5, None, print)
            with pytest.raises(UserError, match='worker {}.*{}.*free port.*in use'.format(task, port)):
                team.handshake({}, {})


def test_workers_at_addresses_of_ipv6(monkeypatch):
    with socket.socket(socket.AF_INET6) as one:
        try:
            one.bind(('::1', 0))
        except OSError as error:
            pytest.skip('IPv6 is not here: {}'.format(error.strerror))
        hosts = '[::1]:{},[::1]:1'.format(one.getsockname()[1])
    made = [group.WorkerGroup(find_cluster(hosts, task, None), 20, [].append, print) for task in range(2)]
    found = []
    first = threading.Thread(target=lambda: found.append(made[0].handshake({'seed': 1}, {'start': 5})))
    first.start()
    monkeypatch.setattr(made[1], '_listen', socket.socket)  # port 1 is not ours
    assert made[1].handshake({'seed': 1}, None) == {'start': 5}
    first.join()
    assert found == [{'start': 5}]
    for team in made:
        team.close()

    def without_ipv6(family):
        raise OSError(97, 'Address family not supported by protocol')

    monkeypatch.setattr(group.socket, 'socket', without_ipv6)
    with pytest.raises(UserError, match=r'^worker 0 \(\[::1\]:\d+\): expected .* found: Address family not supported'):
        group.WorkerGroup(find_cluster(hosts, 0, None), 20, [].append, print).handshake({}, {})


@pytest.mark.once
def test_strangers_are_turned_away():
    said = []
    threads, found, made, _ = teams([{}, None], said=said)
    port = int(made[0].hosts[0].split(':')[1])
    for greeting in (b'GET / HTTP/1.1\r\n\r\n', b'\x00' * 100000, b'[' * 60000 + b'\n', b'{"from": 1}\n', b''):
        with connected(port) as stranger:
            stranger.sendall(greeting)
    silent = socket.create_connection(('127.0.0.1', port))
    liar = Connection(socket.create_connection(('127.0.0.1', port)))
    liar.send({'from': 'dcgan_tf1', 'task': 7, 'facts': {}})
    assert 'worker 1 to 1, found 7' in liar.receive(5)['error']
    assert made[1].handshake({}, None) == {'start': 5}
    threads[0].join()
    silent.close()
    assert found[0] == {'start': 5}
    deadline = time.time() + PATIENCE  # each is judged in a thread of its own
    while sum('is no worker' in text for text in said) < 6 and time.time() < deadline:
        time.sleep(0.05)
    assert sum('is no worker' in text for text in said) == 6, said  # five greetings, and one who said nothing
    for team in made:
        team.close()


@pytest.mark.once
@pytest.mark.parametrize('how', ['gone', 'silent', 'failed'])
def test_a_lost_worker_is_named_to_all(how):
    threads, found, made, lost = teams([{}] * 3, timeout=2)
    for thread in threads:
        thread.join()
    if how == 'gone':
        made[2]._closing = True
        made[2]._connections[0].close()
        expected = made[0].name(2) + ' has ended'
    elif how == 'silent':
        made[2]._connections = {}  # nothing more is sent
        expected = made[0].name(2) + ' has not been heard from for 2 s (--worker_timeout)'
    else:
        made[2].close('the disk is full')
        expected = made[0].name(2) + ' has stopped: the disk is full'
    deadline = time.time() + PATIENCE
    while len(lost) < 2 and time.time() < deadline:
        time.sleep(0.05)
    assert lost[:2] == [expected] * 2  # the chief and worker 1
    for team in made:
        team.close()


@pytest.mark.slow
def test_workers_that_fail_together_report_one_failure_each():
    threads, _, made, lost = teams([{}] * 3, timeout=20)
    for thread in threads:
        thread.join()
    made[0].close('d_loss is nan')
    deadline = time.time() + PATIENCE
    while len(lost) < 2 and time.time() < deadline:
        time.sleep(0.05)
    assert lost == [made[0].name(0) + ' has stopped: d_loss is nan'] * 2
    made[0]._report_loss('d_loss is nan elsewhere')  # comes too late: its own failure is being reported
    assert len(lost) == 2
    # A worker whose end is being reported leaves its own failure out, and does not end as if all were well.
    for work in (lambda: made[1].close('d_loss is nan'), made[2].finish):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(1)
        assert thread.is_alive()


# --------------------------------------------------------------------------------- real processes

def start_workers(count, tiny_data, run_dir, *flags, **kwargs):
    script = kwargs.pop('script', None)
    hosts = kwargs.pop('hosts', None) or ['127.0.0.1:{}'.format(port) for port in _free_ports(count)]
    flags = ('--data_dir=' + tiny_data, '--run_dir={}'.format(run_dir), '--worker_hosts=' + ','.join(hosts)) + flags
    started = []
    for task in range(count):
        own = flags + ('--task_index={}'.format(task),)
        started.append(start_command('train', *own, **kwargs) if script is None else start_process(
            [sys.executable, script] + list(own), env=command_environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True))
    return hosts, started


def ends(started, timeout=PATIENCE):
    return [(process.returncode,) + streams for process in started
            for streams in [process.communicate(timeout=timeout)]]


def variables_of(run, step):
    reader = tf.train.NewCheckpointReader(checkpoint.checkpoint_path(os.path.join(str(run), 'checkpoints'), step))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.parametrize('preset, script, flags, from_0', [
    pytest.param('still', 'still_preset.py', (), 'beta', marks=pytest.mark.nightly),
    pytest.param('conditional', None, ('--preset_file=' + os.path.join(HELPERS, 'conditional_preset.py'),), 'bias',
                 marks=SLOW_OR_NIGHTLY)])
def test_two_workers_compute_what_one_does_with_their_images(preset, script, flags, from_0, tiny_data, tmp_path):
    script = script and os.path.join(HELPERS, script)
    flags += ('--preset=' + preset, '--max_steps=10', '--precision=float32', '--log_every=5')
    command = [script] if script else ['-m', 'dcgan_tf1.train']
    subprocess.run([sys.executable] + command + ['--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path / 'one'),
                                                 '--batch_size=64'] + list(flags), check=True,
                   env=command_environment())
    _, started = start_workers(2, tiny_data, tmp_path / 'two', '--batch_size=32', *flags, script=script)
    for status, _, err in ends(started):
        assert status == 0, err
    expected, found = [variables_of(tmp_path / run / ('00000-' + preset), 10) for run in ('one', 'two')]
    assert set(found) == set(expected) and found['global_step'] == 10
    for name in expected:
        # Sums in another order; Adam makes more of one where a gradient is next to nothing.
        apart = np.abs(found[name] - expected[name])
        assert np.quantile(apart, 0.999) < 2e-5 and apart.max() < 2e-4, name
    # By far more than that did what started from 0 move.
    assert max(np.abs(expected[name]).max() for name in expected if name.endswith(from_0)) > 1e-3


def wait_for_line(process, part, timeout=PATIENCE):
    """Reads the process's output up to a line with `part`."""
    seen = []
    deadline = time.time() + timeout
    while time.time() < deadline:
        line = process.stdout.readline()
        seen.append(line)
        if part in line:
            return seen
        if not line:
            break
    raise AssertionError('{!r} not in {!r}'.format(part, seen))


DENSE = ('--preset=blog_dense', '--batch_size=8', '--log_every=50', '--checkpoint_every=50')


@SLOW_OR_NIGHTLY
@pytest.mark.parametrize('victim', [0, pytest.param(1, marks=pytest.mark.nightly)])
def test_when_a_worker_is_killed_the_others_say_so_and_any_number_resumes(victim, tiny_data, tmp_path):
    hosts, started = start_workers(2, tiny_data, tmp_path, '--max_steps=100000', '--worker_timeout=20', *DENSE)
    wait_for_line(started[0], 'step 50/')
    wait_for_line(started[0], 'step 100/')
    started[victim].send_signal(signal.SIGKILL)
    before = time.time()
    (status, _, err), = ends([started[1 - victim]])
    assert time.time() - before < 25
    check_one_line_error((status, '', err), 'worker {} ({}) has ended'.format(victim, hosts[victim]))
    started[victim].communicate()
    run = tmp_path / '00000-blog_dense'
    steps = checkpoint.list_steps(str(run / 'checkpoints'))
    assert steps
    _, started = start_workers(3, tiny_data, tmp_path, '--max_steps={}'.format(steps[-1] + 3), *DENSE)
    results = ends(started)
    assert [status for status, _, _ in results] == [0, 0, 0], results
    assert 'going on at step {:,}'.format(steps[-1]) in results[0][1]
    assert checkpoint.list_steps(str(run / 'checkpoints'))[-1] == steps[-1] + 3


@SLOW_OR_NIGHTLY
def test_launch_stops_as_one_and_resumes(tiny_data, tmp_path):
    flags = ('--workers=2', '--', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path)) + DENSE
    process = start_command('launch', *(flags + ('--max_steps=100000',)))
    seen = wait_for_line(process, 'step 100/')
    assert any(line.startswith('[worker 1] ') for line in seen)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM and out.count('stopped by SIGTERM after step') == 2, (out, err)
    step, = set(re.findall(r'after step ([\d,]+);', out))
    step = int(step.replace(',', ''))
    assert checkpoint.list_steps(str(tmp_path / '00000-blog_dense' / 'checkpoints'))[-1] == step
    process = start_command('launch', *(flags + ('--max_steps={}'.format(step), '--resume=must')))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and 'nothing left to do' in out, (out, err)


SLOWED = '''
import dataclasses, time, dcgan_tf1
from dcgan_tf1.{package} import {module}
real = {module}.{function}
{module}.{function} = lambda *arguments, **more: time.sleep({seconds}) or real(*arguments, **more)
dcgan_tf1.register_preset(dataclasses.replace(dcgan_tf1.get_preset('blog_dense'), name='mine'))
'''


def two_where_the_first_is_slow(tiny_data, folder, flags, **slow):
    """What two workers print, of whose package's module a function takes so many seconds more."""
    (folder / 'mine.py').write_text(SLOWED.format(**slow))
    process = start_command(
        'launch', '--workers=2', '--', '--data_dir=' + tiny_data, '--run_dir={}'.format(folder), '--preset=mine',
        '--preset_file={}'.format(folder / 'mine.py'), '--batch_size=4', *flags, cwd=str(folder))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    return out


@pytest.mark.nightly
@pytest.mark.once
def test_the_others_wait_for_a_classifier_that_takes_longer_than_they_wait_for_a_worker(tiny_data, tmp_path):
    two_where_the_first_is_slow(
        tiny_data, tmp_path, ['--max_steps=4', '--eval_every=2', '--eval_n=100', '--worker_timeout=5'],
        package='metrics', module='classifier', function='classifier', seconds=8)
    with open(str(tmp_path / '00000-mine' / 'quality.csv')) as handle:
        assert [line.split(',')[0] for line in handle][1:] == ['2', '4']


@pytest.mark.slow
@pytest.mark.once
def test_the_others_wait_while_the_first_measures_convolutions(tiny_data, tmp_path):
    out = two_where_the_first_is_slow(
        tiny_data, tmp_path, ['--max_steps=300', '--worker_timeout=3'],
        package='training', module='lowering', function='choose', seconds=12)
    assert 'done: 300 steps' in out, out


@pytest.mark.slow
@pytest.mark.once
def test_all_take_as_many_steps_in_a_call_as_the_one_that_is_traced(tiny_data, tmp_path):
    process = start_command(
        'launch', '--workers=2', '--', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path),
        '--preset=blog_dense', '--batch_size=4', '--max_steps=30', '--log_every=30', '--checkpoint_every=30',
        '--steps_per_run=5', '--trace=steps.json', cwd=str(tmp_path))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and 'operations of steps 11 to 13' in out, (out, err)
    assert checkpoint.list_steps(str(tmp_path / '00000-blog_dense' / 'checkpoints')) == [30]


@pytest.mark.slow
@pytest.mark.once
def test_a_failure_of_the_first_reaches_the_others(tiny_data, tmp_path):
    _, started = start_workers(2, tiny_data, tmp_path, '--max_steps=100000', '--learning_rate=1e30', *DENSE)
    for status, _, err in ends(started):
        check_one_line_error((status, '', err), 'expected a finite loss')


@pytest.mark.slow
@pytest.mark.once
def test_different_settings_are_refused(tiny_data, tmp_path):
    port, other = _free_ports(2)
    hosts = '--worker_hosts=127.0.0.1:{},127.0.0.1:{}'.format(port, other)
    started = [start_command('train', hosts, '--task_index={}'.format(task), '--data_dir=' + tiny_data,
                             '--run_dir={}'.format(tmp_path), '--preset=' + preset, '--max_steps=5')
               for task, preset in enumerate(['blog_dense', 'keras_dense'])]
    for result in ends(started):
        check_one_line_error(result, 'worker 1 (127.0.0.1:{})'.format(other), 'blog_dense', 'keras_dense')


@pytest.fixture
def network():
    """Two network namespaces with an address each: (names, addresses, cut()), where the test may make them."""
    if os.geteuid() != 0 or not shutil.which('ip'):
        pytest.skip('network namespaces are not here: they need root and ip')
    names = ['dcgan-{}-{}'.format(os.getpid(), i) for i in range(2)]
    made = []

    def ip(*words):
        subprocess.run(('ip',) + words, check=True, stderr=subprocess.DEVNULL)

    try:
        try:
            for name in names:
                ip('netns', 'add', name)
                made.append(name)
            ip('link', 'add', 'dcgan0', 'netns', names[0], 'type', 'veth', 'peer', 'name', 'dcgan1', 'netns', names[1])
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip('network namespaces are not here: {}'.format(error))
        addresses = ['10.213.77.{}'.format(i + 1) for i in range(2)]
        for i, name in enumerate(names):
            ip('-n', name, 'addr', 'add', addresses[i] + '/24', 'dev', 'dcgan{}'.format(i))
            ip('-n', name, 'link', 'set', 'dcgan{}'.format(i), 'up')
            ip('-n', name, 'link', 'set', 'lo', 'up')
        yield names, addresses, lambda: ip('-n', names[1], 'link', 'set', 'dcgan1', 'down')
    finally:
        for name in made:
            ip('netns', 'delete', name)


@pytest.mark.slow
@pytest.mark.once
def test_across_a_network_whose_link_is_cut(network, tiny_data, tmp_path):
    names, addresses, cut = network
    hosts = [address + ':2222' for address in addresses]

    def start(task, *flags):
        return start_process(
            ['ip', 'netns', 'exec', names[task], sys.executable, '-m', 'dcgan_tf1.train', '--data_dir=' + tiny_data,
             '--run_dir={}'.format(tmp_path), '--worker_hosts=' + ','.join(hosts), '--task_index={}'.format(task)]
            + list(DENSE + flags), env=command_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)

    started = [start(task, '--max_steps=100000', '--worker_timeout=10') for task in range(2)]
    wait_for_line(started[0], 'step 100/')
    cut()
    before = time.time()
    for task, result in enumerate(ends(started)):
        check_one_line_error(result, 'worker {} ({}) has not been heard from for 10 s'.format(
            1 - task, hosts[1 - task]))
    assert time.time() - before < 40
    # And a start over a link that is down.
    started = [start(task, '--max_steps=100000', '--worker_timeout=5') for task in range(2)]
    first, second = ends(started)
    check_one_line_error(first, 'found no worker 1 ({})'.format(hosts[1]))
    check_one_line_error(second, 'expected worker 0 ({})'.format(hosts[0]))


def test_a_setting_that_one_side_alone_has_is_a_difference():
    for found, expected in (({'seed': 1, 'extra': 2}, {'seed': 1}), ({'seed': 1}, {'seed': 1, 'extra': 2})):
        assert 'extra' in group.difference('worker 1', 'worker 0', found, expected)
    assert group.difference('worker 1', 'worker 0', {'seed': 1}, {'seed': 1}) is None


def test_a_worker_is_one_of_those_that_there_are_and_comes_once():
    threads, found, made, _ = teams([{}, None, None])
    port = int(made[0].hosts[0].split(':')[1])

    def call(task):
        connection = Connection(connected(port))
        connection.send({'from': 'dcgan_tf1', 'task': task, 'facts': {}})
        return connection

    assert 'worker 1 to 2, found 0' in call(0).receive(5)['error']
    twins = [call(1), call(1)]
    refused = []
    while not refused:
        refused = [answer for answer in (twin.receive(0.1) for twin in twins) if isinstance(answer, dict)]
    assert len(refused) == 1 and 'once, found it twice' in refused[0]['error']
    call(2)
    threads[0].join(10)
    assert not threads[0].is_alive() and found[0] == {'start': 5}
