"""Trainers that start in a moment, and what they leave: a server forks them after TensorFlow is imported.

Run as a program it is that server: it reads lines of JSON, each a command's flags (module, flags,
the file for its output), forks, and answers with the process's number; `wait N` answers with
its exit status.
"""

import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Forkserver:
    def __init__(self, env):
        self._server = subprocess.Popen([sys.executable, os.path.abspath(__file__)], env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, universal_newlines=True)
        assert self._server.stdout.readline() == 'ready\n'

    def start(self, module, flags, output):
        """Starts `python -m dcgan_tf1.<module> flags...` with its output in a file; returns the process's number."""
        return int(self._ask({'module': module, 'flags': flags, 'output': output}))

    def wait(self, pid):
        """Its exit status; -N after signal N."""
        return int(self._ask({'wait': pid}))

    def _ask(self, value):
        self._server.stdin.write(json.dumps(value) + '\n')
        self._server.stdin.flush()
        return self._server.stdout.readline()

    def close(self):
        self._server.stdin.close()
        self._server.wait()


def serve():
    sys.path.insert(0, ROOT)
    import importlib

    modules = {'train': importlib.import_module('dcgan_tf1.train')}
    print('ready', flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if 'wait' in asked:
            _, status = os.waitpid(asked['wait'], 0)
            print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            output = os.open(asked['output'], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((null, 0), (output, 1), (output, 2)):
                os.dup2(source, target)
            status = 70
            try:
                status = modules[asked['module']].main(asked['flags'])
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        print(pid, flush=True)


def open_files(pid):
    return len(os.listdir('/proc/{}/fd'.format(pid)))


def resident_memory(pid):
    """In bytes."""
    with open('/proc/{}/statm'.format(pid)) as handle:
        return int(handle.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def kill_after(pid, seconds):
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)


if __name__ == '__main__':
    serve()
