"""Run folders: numbering, locking, and the files inside.

    runs/00000-blog_mnist/
      config.json     every value, versions, device, data checksum
      log.txt         what the terminal showed
      losses.csv      losses and speed (metrics.csv in runs of 0.1.0, until they are resumed)
      samples/        step-000101.png and .npz: the samples of each logged step and their arrays
      figure.png      the samples of all steps, row by row
      losses.png      losses over steps, beside 2017's
      checkpoints/    model.ckpt-N.*
      quality.csv     with --eval_every: metrics of a sample while training; quality.png
      events/         for TensorBoard
"""

import contextlib
import csv
import fcntl
import io
import os
import sys
import time

from tqdm import tqdm

from dcgan_tf1.gan import preset_file
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import (
    checkpoint,
    checkpoint_paths,
    checkpoint_reader,
    checkpoint_sizes,
    preset_files,
    recorded_settings,
    size_flags,
    tables,
)
from dcgan_tf1.runs.numbering import NUMBERED, is_run
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json, remove_parts, write_json, write_text, writing

LOSSES, QUALITY = 'losses.csv', 'quality.csv'
_LOSSES_OF_0_1 = 'metrics.csv'


class DamagedRun(UserError):
    """A folder that is no run, or whose config.json can't be read."""


def create_folder(parent, name):
    """Makes and returns the next free `parent/NNNNN-name`."""
    if os.path.exists(parent) and not os.path.isdir(parent):
        raise UserError('{}: expected a folder to make runs in, found a file'.format(parent))
    with writing(parent):
        os.makedirs(parent, exist_ok=True)
        while True:
            numbers = [int(match.group(1)) for match in map(NUMBERED.match, os.listdir(parent)) if match]
            path = os.path.join(parent, '{:05d}-{}'.format(max(numbers, default=-1) + 1, name))
            try:
                os.mkdir(path)
                return path
            except FileExistsError:
                continue  # another trainer was quicker


def read_config(path):
    """A run's config.json as a dictionary; raises DamagedRun where it is missing or damaged."""
    name = os.path.join(path, 'config.json')
    try:
        config = read_json(name)
    except FileNotFoundError as error:
        raise DamagedRun('{}: expected a run folder with a config.json: {}'.format(path, error.strerror))
    except OSError as error:
        raise DamagedRun('cannot read {}: {}'.format(name, error.strerror))
    except ValueError as error:
        raise DamagedRun('{}: expected JSON, found {}'.format(name, error))
    if not isinstance(config, dict) or not isinstance(config.get('identity'), dict) \
            or not isinstance(config['identity'].get('preset'), str):
        raise DamagedRun("{}: expected a run's configuration with its 'identity', found none".format(name))
    return config


def read_preset(path, log=print):
    """The Preset that a run was started with; of the flags that changed it, only what recorded_settings applies.

    One that nothing has registered yet is looked for in the preset file that the run was trained with.
    """
    config = read_config(path)
    name = config['identity']['preset']
    if name not in PRESETS:
        preset_files.load_recorded(path, config, log)
    changed = preset_file.changed(config.get('preset_file'), preset_file.record_of(name))
    if changed:
        log('WARNING: {}: {}'.format(path, changed))
    if name not in PRESETS:
        raise UserError('{}: expected one of the presets {}, found {!r} (a preset of your own needs '
                        '--preset_file)'.format(path, ', '.join(PRESETS), name))
    return recorded_settings.apply(path, PRESETS[name], config)


def preset_in_mode(name, mode):
    """The preset `name`, in one of its modes where `mode` is not None."""
    return PRESETS[name] if mode is None else PRESETS[name].with_mode(mode)


def titles(paths):
    """A name for each run folder: its preset and the end of its path, long enough to tell it from the others."""
    parts = [os.path.abspath(path).split(os.sep) for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        ends = ['/'.join(each[-depth:]) for each in parts]
        if len(set(ends)) == len(set(map(os.path.abspath, paths))):
            break
    return ['{} ({})'.format(read_config(path)['identity']['preset'], end) for path, end in zip(paths, ends)]


def find_checkpoint(run, step, path, name, which='last', mode=None, sizes=size_flags.NOTHING, averages=False):
    """(Preset, checkpoint prefix) of a run folder, or of a checkpoint `path` of the preset `name`.

    Args:
      run: the run folder, or None. step: one of its checkpoints, or None for the 'last' or the 'best': `which`.
      path: where run is None, a checkpoint prefix or a folder of them.
      name: the preset of `path`; with `run`, the preset it is expected to have, or None.
      mode: the mode that `path`'s preset was trained in, or None; a run records its own.
      sizes: the SizeFlags for `path`, where they differ from the run that it lies in; a run records its own.
      averages: whether to take the moving averages of `path`'s weights, whatever its preset says.
    """
    if run is None:
        prefix = checkpoint_paths.resolve(path)
        around, other = run_around(prefix)
        preset = None if around is None or other != name else _preset_around(prefix, around)
        if other not in (None, name):
            print('WARNING: {}: of a run of {}, read as one of {}'.format(prefix, other, name))
        if preset is not None and mode not in (None, preset.mode):
            raise UserError('--mode: expected {}, as its run has it, found {}'.format(preset.mode, mode))
        if preset is None or sizes != size_flags.NOTHING:
            sizes, preset = checkpoint_sizes.beside_run(preset, sizes), preset or preset_in_mode(name, mode)
            preset = checkpoint_sizes.of_checkpoint(preset, prefix, sizes)
        return checkpoint_reader.with_weights_of(preset, prefix, averages, _warn), prefix
    preset = read_preset(run)
    if name not in (None, preset.name):
        raise UserError('--preset: expected {}, the preset of {}, found {}'.format(preset.name, run, name))
    return preset, checkpoint_of_run(run, step, which)


def _warn(line):
    print('WARNING: ' + line, file=sys.stderr)


def _preset_around(prefix, run):
    """The Preset, with its settings, of the run that a checkpoint lies in; None of a damaged one."""
    try:
        preset = read_preset(run)
    except UserError as error:  # whoever names the checkpoint of a damaged run wants to save it
        _warn('{}; going on by the flags alone'.format(error))
        return None
    print('{}: of the run {}, read with its settings'.format(prefix, run), file=sys.stderr)
    return preset


def run_of(prefix, name):
    """The run folder, of the preset `name`, that a checkpoint lies in; None for any other checkpoint."""
    run, preset_name = run_around(prefix)
    return run if preset_name == name else None


def run_around(prefix):
    """(the run folder that a checkpoint lies in, the name of its preset); None for both of any other checkpoint."""
    folder = os.path.dirname(os.path.abspath(prefix))
    run = os.path.dirname(folder)
    with contextlib.suppress(DamagedRun):
        if os.path.basename(folder) == 'checkpoints' and is_run(run):
            return run, read_config(run)['identity']['preset']
    return None, None


def checkpoints_of(run):
    """The folder of a run's checkpoints."""
    return os.path.join(run, 'checkpoints')


def read_quality(run):
    """A run's quality.csv as tables.read_numbers() reads it, with what the best row is told by."""
    return tables.read_numbers(os.path.join(run, QUALITY), tables.RANKED_BY)


def checkpoint_of_run(run, step, which='last'):
    """The prefix of one of a run's checkpoints: of a step or, where that is None, the 'last' or the 'best'."""
    if step is None and which == 'best':
        table = read_quality(run)
        if table.problem:
            raise UserError('{}: expected metrics to find the best checkpoint by, found that {}'.format(
                os.path.join(run, QUALITY), table.problem))
        best = tables.best_row(table.rows)
        if best is None:
            raise UserError('{}: expected metrics to find the best checkpoint by, found none; train with '
                            '--eval_every'.format(os.path.join(run, QUALITY)))
        step = int(best['step'])
    folder = checkpoints_of(run)
    steps = checkpoint.list_steps(folder)
    if not steps or step not in [None] + steps:
        best = tables.best_row([row for row in read_quality(run).rows if row['step'] in steps])
        raise UserError('{}: expected a checkpoint{}, found {}{}'.format(
            folder, '' if step is None else ' of step {}'.format(step),
            'those of steps ' + ', '.join(map(str, steps)) if steps[1:] else 'that of step {}'.format(*steps) if steps
            else 'none',
            '' if best is None else ', the best of them that of step {:.0f}'.format(best['step'])))
    return checkpoint.checkpoint_path(folder, steps[-1] if step is None else step)


def losses_file(path):
    """The table of a run's losses; a run that was written by version 0.1.0 has it under its older name."""
    name, older = os.path.join(path, LOSSES), os.path.join(path, _LOSSES_OF_0_1)
    return older if os.path.exists(older) and not os.path.exists(name) else name


def read_losses(path):
    """A run's rows of losses, as read_table has them."""
    return read_table(losses_file(path))


def read_table(path, columns=None, log=print, optional=()):
    """The rows of a CSV file of numbers: list of {column: number}, of all columns or the ones named.

    [] if there is no file. One that can't be read is left out, with a warning unless a kill left it so.
    optional: columns beside the ones named, which the table may lack.
    """
    table = tables.read_numbers(path, columns, optional)
    if table.problem:
        log('WARNING: {}: expected a table of numbers, found that {}; {}'.format(
            path, table.problem, 'using the rest of it' if table.rows else 'left out'))
    return table.rows


class LockedRun(UserError):
    """A run that another process holds."""


class Run:
    """One run folder, held by one trainer at a time; closing it releases the lock.

    output_closed: says whether the terminal or pipe behind the output is closed.
    """

    def __init__(self, path, output_closed=lambda: False):
        self.path = path
        self._output_closed, self._noted = output_closed, False
        self.checkpoints = checkpoints_of(path)
        self._lock = open(os.path.join(path, '.lock'), 'a+')  # noqa: SIM115  held while the run is
        try:
            # The kernel drops the lock when the process ends, however it ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read().strip() or 'unknown'
            self._lock.close()
            raise LockedRun('{}: expected a run that nobody trains, found another trainer at work on it '
                            '(process {}); --resume=never starts a new run beside it'.format(path, owner))
        except OSError as error:  # a file system without locks
            raise OSError(error.errno, error.strerror, self._lock.name)
        with writing(self._lock.name):
            self._lock.truncate(0)
            self._lock.write(str(os.getpid()))
            self._lock.flush()
        # What an earlier trainer left when it was killed.
        remove_parts(path, r'config\.json|losses\.csv|metrics\.csv|quality\.csv|figure\.png|losses\.png|quality\.png')
        remove_parts(self.file('samples'))
        checkpoint.remove_parts(self.checkpoints)
        self._log = open(os.path.join(path, 'log.txt'), 'a', encoding='utf-8',  # noqa: SIM115
                         errors='backslashreplace')
        self._columns = {}  # of each table

    def close(self):
        # What could not be written has been reported, and closing would fail over it again.
        for handle in filter(None, (self._log, self._lock)):
            with contextlib.suppress(OSError):
                handle.close()

    def file(self, *names):
        return os.path.join(self.path, *names)

    def log(self, text):
        """One line to the terminal (above the progress bar) and to log.txt."""
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()
        if self._output_closed() and not self._noted:
            self._noted = True
            self.log_to_file('the terminal or pipe behind the output is closed; training goes on')
        self.log_to_file(text)

    def check(self):
        """Raises UserError where the folder was deleted: TensorFlow would make it anew, without its config.json."""
        if os.fstat(self._lock.fileno()).st_nlink == 0:
            raise UserError('{}: expected the folder of this run, found that it was deleted'.format(self.path))

    def log_to_file(self, text):
        """One line to log.txt alone."""
        self.check()
        with writing(self.file('log.txt')):
            self._log.write('{} {}\n'.format(time.strftime('%Y-%m-%d %H:%M:%S'), text))
            self._log.flush()

    def write_config(self, config):
        write_json(self.file('config.json'), config)

    # ---------------------------------------------------- losses.csv and quality.csv

    def start_losses(self, columns, step):
        """As start_table(), of the losses; a metrics.csv is renamed first, so that all rows are in one table."""
        name = losses_file(self.path)
        if name != self.file(LOSSES):
            with writing(self.file(LOSSES)):
                os.replace(name, self.file(LOSSES))
        return self.start_table(LOSSES, columns, step)

    def start_table(self, name, columns, step, optional=()):
        """Keeps a table's rows up to `step`, where the run goes on; returns them as numbers.

        A row that a kill left incomplete is dropped with those after `step`. A table that can't be read, or not all of
        it, is kept beside with a warning. optional: columns that came later, NaN in rows without them.
        """
        self._columns[name] = columns
        rows = sorted((row for row in tables.numbers_to_go_on(self.file(name), columns, self.log, optional)
                       if row['step'] <= step), key=lambda row: row['step'])
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(columns)
        for row in rows:
            writer.writerow([tables.cell(key, row[key]) for key in columns])
        write_text(self.file(name), stream.getvalue())
        return rows

    def append_row(self, name, row):
        path = self.file(name)
        with writing(path), open(path, 'a', newline='', encoding='utf-8') as handle:
            cells = [tables.cell(key, row[key]) for key in self._columns[name]]
            csv.writer(handle, lineterminator='\n').writerow(cells)


class NullRun:
    """Stands in for the Run in workers other than the chief: it writes nothing."""

    path = None

    def close(self):
        pass

    def log(self, text):
        print(text, flush=True)

    def log_to_file(self, text):
        pass
