"""Which run a trainer goes on with: the newest unfinished one that was started with the same settings.

Settings are compared as config.json records them under `identity`: all that decides the
numbers of a step. What a later version has added is at its default in an older run.
"""

import collections
import contextlib
import dataclasses
import os

from dcgan_tf1.gan import objectives
from dcgan_tf1.gan.preset import Preset
from dcgan_tf1.runs import checkpoint, checkpoint_paths, numbering, run_folder
from dcgan_tf1.util.errors import UserError

# Fields of a preset that a run may change when it is resumed.
FREE_FIELDS = tuple(field.name for field in dataclasses.fields(Preset) if field.metadata.get('free_on_resume'))
# What settings and their values were called when earlier versions recorded them.
_RENAMED = {'metrics_when': 'losses_when'}
_RENAMED_VALUES = {('update_ops', 'own'): 'per_pass'}
# What to say of settings that no flag is named like.
_MEANT = {'decay_steps': ' (--epochs or --max_steps: its learning rate falls over all of its steps)',
          'data_checksum': ' (there are other images or labels than then, or they are read otherwise)'}
# Settings, beside the preset's fields, that older runs have not recorded: the values those were started with.
_DEFAULTS = {'init_checkpoint': None, 'class': None, 'num_gpus': 1, 'decay_steps': None, 'background': 'black',
             'crop': None, 'resize': 'lanczos'}


# ------------------------------------------------------------------------------- settings

def plain(value):
    """A preset's field as JSON has it: functions and models by name, tuples as lists."""
    if isinstance(value, objectives.Model):
        return plain(value.forward)
    if callable(value):
        return value.__name__
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def identity(preset, seed, init_checkpoint, data_checksum, image_class, num_gpus, how_read=()):
    """All that decides the numbers of a step, as JSON has it; a run is resumed only where this is equal.

    how_read: {setting: value} of how the data are read, where it is not the default; see reading.compared().
    """
    settings = {'preset': preset.name, 'seed': seed, 'init_checkpoint': init_checkpoint,
                'data_checksum': data_checksum, 'class': image_class, 'num_gpus': num_gpus}
    settings.update(how_read)
    for field in dataclasses.fields(preset):
        if field.name not in FREE_FIELDS + ('name', 'image_class'):
            settings[field.name] = plain(getattr(preset, field.name))
    return settings


def _default(name):
    """(whether a setting has a default, that as JSON has it)."""
    if name in _DEFAULTS:
        return True, _DEFAULTS[name]
    for field in dataclasses.fields(Preset):
        if field.name == name and field.default is not dataclasses.MISSING:
            return True, plain(field.default)
        if field.name == name and field.default_factory is not dataclasses.MISSING:
            return True, plain(field.default_factory())
    return False, None


def differences(recorded, wanted):
    """How two identities differ: a text for each setting that does, as 'seed was 0, now 1'; [] for the same.

    recorded: a run's, perhaps of an earlier or later version. wanted: this version's.
    """
    texts = []
    recorded = {_RENAMED.get(name, name): value for name, value in recorded.items()}
    recorded = {name: _RENAMED_VALUES.get((name, value), value) if isinstance(value, str) else value
                for name, value in recorded.items()}
    for name in sorted(set(recorded) | set(wanted)):
        if name not in wanted and not _default(name)[0]:
            texts.append('{} was {!r}, which this version does not know'.format(name, recorded[name]))
            continue
        known, default = _default(name)
        if name not in recorded and not known:
            texts.append('{} was not recorded, now {!r}'.format(name, wanted[name]))
            continue
        before, now = recorded.get(name, default), wanted.get(name, default)
        same = same_file(before, now) if name == 'init_checkpoint' else before == now
        if not same and not (name == 'schedule' and _schedule(before) == now):
            texts.append('{} was {!r}, now {!r}{}'.format(name, before, now, _MEANT.get(name, '')))
    return texts


def _schedule(recorded):
    """A recorded schedule, with the defaults of what its updates and objectives have got since."""
    try:
        return [plain(objectives.UpdateSpec(tuple(objectives.Objective(*each) for each in some), *rest))
                for some, *rest in recorded]
    except (TypeError, ValueError):
        return recorded


def same_file(before, now):
    """Whether two names of a checkpoint name the same one; early runs have recorded a relative one as it was."""
    if before == now or not (isinstance(before, str) and isinstance(now, str)):
        return before == now
    return _whole_name(before) == _whole_name(now)


def _whole_name(path):
    return os.path.realpath(os.path.expanduser(checkpoint_paths.without_suffix(path)))


# ------------------------------------------------------------------------------- the run

class OtherSettings(UserError):
    """A run that was to be gone on with was started with other settings."""


def open_run(run_dir, resume, wanted, total, log, output_closed=lambda: False, beginning=lambda new: None):
    """The run to train in, locked, and the step of its newest checkpoint.

    The step is None for a new run, and for one that was stopped before its first
    checkpoint, which begins again in the same folder. One that has lost its checkpoints is left as it is.

    Args:
      run_dir: where numbered run folders are made; or one run folder, which it has to be.
      resume: 'auto', 'never', 'require' or its older name 'must', as the flag.
      wanted: the identity() to train with.
      total: how many steps; a run with fewer is unfinished.
      log: takes a line about a run that is not gone on with.
      output_closed: see run_folder.Run.
      beginning: called before anything is made for a run that begins at its first step, with whether it is a new
        one; may raise UserError.
    """
    def new_run():
        beginning(True)
        return run_folder.Run(run_folder.create_folder(run_dir, name), output_closed), None

    name = wanted['preset']
    paths = numbering.folders(run_dir, name)
    around = os.path.dirname(os.path.abspath(run_dir))
    if numbering.is_run(around) or numbering.is_missing_run(run_dir):
        raise UserError('--run_dir={}: expected a run, or a folder to make runs in, found {}'.format(
            run_dir, 'a folder of the run {}'.format(around) if numbering.is_run(around) else 'the name of a run that '
            'is not there'))
    insists = resume in ('require', 'must') or paths == [run_dir]
    if resume == 'never':
        if insists:
            raise UserError('--run_dir={}: expected a folder to make a run in for --resume=never, found a run'.format(
                run_dir))
        return new_run()
    runs = _look_through(paths, wanted, total, log, output_closed)
    if runs.run is not None:
        with _closed_on_failure(runs.run):
            if runs.step is None:
                beginning(False)
        return runs.run, runs.step
    if not insists:
        for text in runs.bare:
            log('WARNING: {}; it is left as it is, starting a new run'.format(text))
        _tell(runs.others, runs.damaged, total, log)
        if runs.finished is not None and not runs.others:
            _tell_finished(runs.finished, total, log)
        return new_run()
    if runs.finished is not None:
        run = run_folder.Run(runs.finished, output_closed)
        return run, checkpoint.latest_valid_step(run.checkpoints, log)
    if runs.others:
        path, _, differing = runs.others[0]
        raise OtherSettings('{}: expected the settings it was started with; {}'.format(path, '; '.join(differing)))
    if runs.bare:
        raise UserError(runs.bare[0])
    raise runs.damaged[0] if runs.damaged else UserError(
        '--resume={}: expected a run of {} in {}, found none'.format(resume, name, run_dir))


# What there is among runs, looked through from the newest on until one can be gone on with.
_Found = collections.namedtuple('_Found', [
    'run',       # the Run to go on with, locked, or None
    'step',      # of its newest checkpoint, or None
    'finished',  # the path of the newest finished run of these settings, or None
    'others',    # (path, config, its differences()) of runs of other settings
    'damaged',   # the DamagedRun of each that can't be read
    'bare',      # texts on those that have lost their checkpoints
])


def _look_through(paths, wanted, total, log, output_closed):
    finished, others, damaged, bare = None, [], [], []
    for path in paths:
        try:
            config = run_folder.read_config(path)
        except run_folder.DamagedRun as error:
            damaged.append(error)
            continue
        differing = differences(config['identity'], wanted)
        if differing:
            others.append((path, config, differing))
            continue
        run, step = _open_unfinished(path, total, log, output_closed)
        if run is None:
            finished = finished or path
        elif step is None and _had_checkpoints(path):
            run.close()
            bare.append('{}: expected checkpoints to go on from, found none beside the figures that come with '
                        'them'.format(path))
        else:
            return _Found(run, step, finished, others, damaged, bare)
    return _Found(None, None, finished, others, damaged, bare)


@contextlib.contextmanager
def _closed_on_failure(run):
    try:
        yield
    except BaseException:
        run.close()
        raise


def _open_unfinished(path, total, log, output_closed):
    """(the Run, the step of its newest checkpoint or None), or (None, None) for one that is finished."""
    try:
        run = run_folder.Run(path, output_closed)  # locked before its checkpoints are looked at
    except (OSError, run_folder.LockedRun):
        # A finished run that may only be read, or that another process looks at, stands in nobody's way.
        if max(checkpoint.list_steps(run_folder.checkpoints_of(path)), default=0) >= total:
            return None, None
        raise
    with _closed_on_failure(run):
        step = checkpoint.latest_valid_step(run.checkpoints, log)
    if step is None or step < total:
        return run, step
    run.close()
    return None, None


def _had_checkpoints(path):
    """Whether a run without checkpoints has lost them; what else is in it may be all that its user has kept."""
    return any(os.path.exists(os.path.join(path, name)) for name in ('figure.png', 'losses.png'))


def _progress(path, config):
    """(the step of a run's newest checkpoint or 0, how many it was started for or None)."""
    schedule = config.get('schedule')
    planned = schedule.get('total_steps') if isinstance(schedule, dict) else None
    return (max(checkpoint.list_steps(run_folder.checkpoints_of(path)), default=0),
            planned if isinstance(planned, int) else None)


def _tell_finished(path, total, log):
    """Says so where a run is not resumed that has all the steps asked for now, but not all of its own."""
    done, planned = _progress(path, run_folder.read_config(path))
    if planned is not None and total <= done < planned:
        log('{} is unfinished by its own settings (step {:,} of {:,}), and has the {:,} steps of these; starting a '
            'new run (--max_steps={} goes on)'.format(path, done, planned, total, planned))


def _warning(differing):
    """A warning's beginning where only the data differ, which no flag did."""
    return 'WARNING: ' if all(text.startswith('data_checksum ') for text in differing) else ''


def _tell(others, damaged, total, log):
    """Says why a new run is started, where there are some that the user may have meant."""
    for error in damaged:
        log('WARNING: {}; starting a new run'.format(error))
    for path, config, differing in others:
        done, planned = _progress(path, config)
        steps = total if planned is None else max(planned, total)
        if planned is not None and planned <= done < steps:
            log('{}{} has done its {:,} steps with other settings: {}; starting a new run'.format(
                _warning(differing), path, done, '; '.join(differing)))
            return
        if done < steps:
            log('{}{} is unfinished (step {:,} of {:,}), but was started with other settings: {}; starting a new '
                'run'.format(_warning(differing), path, done, steps, '; '.join(differing)))
            return
