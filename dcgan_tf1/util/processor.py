"""What the processor is and can do, as far as the system tells. Needs no TensorFlow."""

import contextlib
import glob
import os
import platform


def cpu_instructions():
    """The processor's instruction sets: names as in /proc/cpuinfo; none where the system is not Linux."""
    try:
        with open('/proc/cpuinfo') as handle:
            return {name for line in handle if line.startswith('flags') for name in line.split(':', 1)[1].split()}
    except OSError:
        return set()


def cpu_name():
    """The processor's model."""
    try:
        with open('/proc/cpuinfo') as handle:
            for line in handle:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def cores():
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


def seconds_waited():
    """How long this process's threads have had work and no core to do it on; 0 where the system does not tell."""
    waited = 0
    for path in glob.glob('/proc/self/task/*/schedstat'):
        # Of a thread that has just ended, or by a kernel that does not count, there is nothing.
        with contextlib.suppress(OSError, IndexError, ValueError):
            waited += int(_content(path).split()[1])
    return waited / 1e9


def cores_allowed():
    """How many cores' time a container's limit allows this process (cgroup 1 and 2); infinity where there is none."""
    for names in (('cpu.max',), ('cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us')):
        try:
            quota, period = map(int, ' '.join(_content('/sys/fs/cgroup/' + name) for name in names).split())
            return quota / period if quota > 0 else float('inf')
        except (OSError, ValueError, ZeroDivisionError):  # another cgroup; or the quota 'max'
            continue
    return float('inf')


def _content(path):
    with open(path) as handle:
        return handle.read()
