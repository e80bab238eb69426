"""Coverage-guided fuzzing by atheris: python tests/faults/fuzz.py TARGET INPUTS [SEED], of one target or of `all`.

Prints how many inputs were tried in what time; a finding ends its target and makes the status 1, and the input
lies in the file that is named. Put it, as short as it can be made, into tests/faults/corpus/TARGET/.
"""

import os
import resource
import sys
import tempfile
import time

import atheris

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.dirname(os.path.dirname(HERE))]

with atheris.instrument_imports(include=['dcgan_tf1.' + name for name in (
        'data.idx', 'data.cifar', 'data.npz', 'data.archives', 'data.pictures', 'data.trees',
        'data.folders', 'data.label_files', 'data.tfrecords', 'data.record_pixels', 'data.cache', 'runs.run_folder',
        'runs.samples', 'runs.tables', 'runs.frozen_weights', 'reporting.collect', 'reporting.page',
        'reporting.sections', 'metrics.table',
        'parallel.cluster', 'parallel.connection', 'training.config', 'util.flags')]):
    import targets

SECONDS, MEMORY = 1, 1 << 30  # of one input


def main(name, inputs, seed, corpus):
    function, seeds = targets.TARGETS[name]
    for number, content in enumerate(seeds()):
        with open(os.path.join(corpus, str(number)), 'wb') as handle:
            handle.write(content)
    with open('/proc/self/statm') as handle:
        used = int(handle.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
    # Whatever asks for more than that gets a MemoryError.
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    watched = set(os.listdir('.')), time.time()

    def one_input(content):
        before = time.process_time()
        try:
            function(content)
        except targets.EXPECTED as error:
            if '\n' in str(error) and name != 'train_flags':  # whose lines the command joins
                raise AssertionError('more than one line: {!r}'.format(str(error)))
        if time.process_time() - before > SECONDS:
            raise AssertionError('took {:.1f} s'.format(time.process_time() - before))
        if set(os.listdir('.')) != watched[0]:
            raise AssertionError('made a file')

    atheris.Setup([sys.argv[0], corpus, '-runs={}'.format(inputs), '-seed={}'.format(seed), '-max_len=8192',
                   '-rss_limit_mb=0', '-timeout=10', '-verbosity=0', '-print_final_stats=0',
                   '-artifact_prefix={}'.format(os.path.join(tempfile.gettempdir(), 'finding-{}-'.format(name)))],
                  one_input)
    atheris.Fuzz()  # ends the process


def fuzz(name, inputs, seed):
    """Whether `inputs` of them find nothing; atheris ends its process, so this takes one of its own."""
    begun = time.time()
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as empty:
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(empty)
                main(name, inputs, seed, work)
            finally:
                os._exit(70)  # atheris has not ended it
        status = os.waitpid(pid, 0)[1]
    print('{}: {:,} inputs in {:.0f} s: {}'.format(
        name, inputs, time.time() - begun, 'no finding' if status == 0 else 'a finding'), flush=True)
    return status == 0


if __name__ == '__main__':
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ('all',) + tuple(targets.TARGETS):
        sys.exit('usage: fuzz.py TARGET INPUTS [SEED], a TARGET of all, ' + ', '.join(targets.TARGETS))
    names = list(targets.TARGETS) if sys.argv[1] == 'all' else [sys.argv[1]]
    found = [name for name in names if not fuzz(name, int(sys.argv[2]), int((sys.argv[3:] or [1])[0]))]
    targets.clean()
    sys.exit(bool(found))
