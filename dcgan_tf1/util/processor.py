"""What the processor is and can do, as far as the system tells. Needs no TensorFlow."""

import glob
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


def seconds_waited():
    """How long this process's threads have had work and no core to do it on; 0 where the system does not tell."""
    waited = 0
    for path in glob.glob('/proc/self/task/*/schedstat'):
        try:
            with open(path) as handle:
                waited += int(handle.read().split()[1])
        except (OSError, IndexError, ValueError):
            pass  # a thread that has just ended, or a kernel that does not count
    return waited / 1e9


def cores_allowed():
    """How many cores' time a container's limit allows this process (cgroup 1 and 2); infinity where there is none."""
    try:
        with open('/sys/fs/cgroup/cpu.max') as handle:
            quota, period = handle.read().split()
    except (OSError, ValueError):
        try:
            with open('/sys/fs/cgroup/cpu/cpu.cfs_quota_us') as handle, \
                    open('/sys/fs/cgroup/cpu/cpu.cfs_period_us') as other:
                quota, period = handle.read().strip(), other.read()
        except OSError:
            return float('inf')
    try:
        return int(quota) / int(period) if int(quota) > 0 else float('inf')
    except (ValueError, ZeroDivisionError):  # 'max'
        return float('inf')
