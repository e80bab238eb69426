"""Run folders as records: what the tables of docs/results.md are made of, a small JSON file for each run.

Only a whole run counts: of a system of systems.py, with its preset's own settings, trained to the last step and
evaluated there by 10,000 images, or half of the real ones. Anything else is refused.
"""

import dataclasses
import glob
import io
import json
import os
import re
import shlex
import statistics

import numpy as np
import systems
from PIL import Image

from dcgan_tf1.data.catalogue import short_title
from dcgan_tf1.gan.noise import sample_noise
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics import evaluation
from dcgan_tf1.reporting import figures
from dcgan_tf1.runs import checkpoint, run_folder, sampling
from dcgan_tf1.training import resume
from dcgan_tf1.util import images
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import read_json

IMAGES = 10000  # of an evaluation
SAMPLES, COLUMNS = 24, 12  # of a strip
LAST = 10  # rows of losses whose mean is recorded
STRIP_BYTES = 20000  # colours are left out of a strip that is larger

_SHAPES = {'cifar10': (32, 32, 3)}  # of the data sets that systems are trained on in place of their presets' own
_PLACES = ('run_dir', 'data_dir', 'cache_dir', 'init_checkpoint')  # flags that name places on a machine


def from_run(path, trial=False):
    """(the record of a run folder, a function that makes its strip of samples as the bytes of a PNG file).

    Raises UserError for a run that does not count. trial: one that was cut short and evaluated by fewer images
    does.
    """
    config = run_folder.read_config(path)
    preset, mode = _preset(path, config)
    asked = _section(path, config, 'flags').get('precision')
    system = systems.name_of(preset.name, mode, None if asked == 'auto' else asked)
    if system not in systems.BY_NAME:
        raise UserError('{}: expected a run of one of the systems {}, found {}'.format(
            path, ', '.join(systems.BY_NAME), system))
    schedule = _section(path, config, 'schedule')
    total = schedule['total_steps']
    folder = os.path.join(path, 'checkpoints')
    step = max(checkpoint.list_steps(folder), default=0)
    if step != total:
        raise UserError('{}: expected a finished run, found it at step {:,} of {:,}'.format(path, step, total))
    epoch = _steps_per_epoch(path, config, preset, schedule)
    # Not with the run's own preset, which has what its flags said.
    differing = [] if trial else differences(
        _on_data_of(system, run_folder.preset_in_mode(preset.name, preset.mode)), config['identity'], total, epoch)
    if differing:
        raise UserError('{}: expected a whole run of {} as it is now, found that {}'.format(
            path, system, '; '.join(differing)))
    losses = _losses(path, preset, schedule)
    data = _section(path, config, 'data')
    record = {
        'name': '{}-{}'.format(system, config['identity']['seed']), 'system': system, 'preset': preset.name,
        'mode': mode, 'seed': config['identity']['seed'], 'command': _command(config['command']),
        'date': _date(path), 'device': config['device'], 'precision': config['arithmetic']['precision'],
        'versions': {key: config['versions'][key] for key in ('dcgan_tf1', 'tensorflow')},
        'data': {'name': data['name'], 'class': config['identity'].get('class'), 'images': data['images'],
                 'official': data['official'], 'note': data['note'], 'checksum': data['checksum'][:12]},
        'identity': config['identity'], 'steps': total, 'steps_per_epoch': epoch,
        'minutes': _rounded(_seconds_at(losses, total) / 60),
        'images_per_second': _rounded(statistics.median(losses['images_per_second'])),
        'losses': loss_summary(losses, preset),
        'evaluation': _evaluation(path, preset, config, total, trial),
        'quality': _quality(path, config, losses)}
    return record, lambda: samples_strip(preset, checkpoint.checkpoint_path(folder, total))


def read_all(folder):
    """The records in a folder, in the order of the systems and of the seeds."""
    records = []
    for path in glob.glob(os.path.join(glob.escape(folder), '*.json')):
        try:
            record = read_json(path)
        except (OSError, ValueError) as error:
            raise UserError('{}: expected a record of a run, found {}'.format(path, error))
        if not isinstance(record, dict) or record.get('system') not in systems.BY_NAME:
            raise UserError('{}: expected a record of one of the systems {}, found {}'.format(
                path, ', '.join(systems.BY_NAME), record.get('system') if isinstance(record, dict) else 'none'))
        records.append(record)
    order = list(systems.BY_NAME)
    return sorted(records, key=lambda record: (order.index(record['system']), record['seed']))


def as_text(record):
    """A record as JSON, one line for each entry and for each row of its quality."""
    lines = []
    for key, value in record.items():
        if key == 'quality' and value is not None:
            rows = ',\n      '.join(map(json.dumps, value['rows']))
            text = json.dumps(dict(value, rows=[]))[:-3] + '[\n      {}]}}'.format(rows)
        elif key == 'evaluation':
            text = json.dumps(value, indent=4).replace('\n', '\n  ')
            text = re.sub(r'\[[^\][{}]*\]', lambda match: json.dumps(json.loads(match.group())), text)
        else:
            text = json.dumps(value)
        lines.append('  {}: {}'.format(json.dumps(key), text))
    return '{\n' + ',\n'.join(lines) + '\n}\n'


# --------------------------------------------------------------------------- what a run was

def _section(path, config, name):
    if not isinstance(config.get(name), dict):
        raise UserError("{}: expected a run whose config.json has '{}', found none".format(path, name))
    return config[name]


def _preset(path, config):
    """(a run's Preset, in the mode that it was trained in; that mode, or None where it changes nothing)."""
    preset = run_folder.read_preset(path)
    mode = _section(path, config, 'schedule').get('mode')
    if mode is None:
        return preset, None
    return preset, mode if preset.modes[mode] else None


def _steps_per_epoch(path, config, preset, schedule):
    if schedule['epochs'] is not None and _section(path, config, 'flags').get('max_steps') is None:
        return schedule['total_steps'] // schedule['epochs']  # of the full data set, also with a stand-in for it
    return -(-schedule['batches_per_epoch'] // preset.image_batches)


def differences(preset, identity, steps, steps_per_epoch):
    """How a run's settings differ from its preset's as it is now: texts; [] for a whole run of that preset."""
    wanted = resume.identity(preset, identity.get('seed'), None, identity.get('data_checksum'), preset.image_class, 1)
    whole = preset.steps or preset.epochs * steps_per_epoch
    if preset.learning_rate_decay != 'none':
        wanted['decay_steps'] = steps  # its length is compared below
    length = [] if steps == whole else ['it has {:,} steps, not {:,}'.format(steps, whole)]
    return length + resume.differences(identity, wanted)


def outdated(record):
    """The same of a record; the preset may have changed since."""
    preset, mode = PRESETS[record['preset']], record['mode']
    if mode is not None and mode not in preset.modes:
        return ['it has no mode {} any more'.format(mode)]
    preset = preset if mode is None else preset.with_mode(mode)
    temperature = record['evaluation'].get('temperature', 1.0)
    measured = [] if temperature == preset.temperature else [
        'temperature was {:g}, now {:g}'.format(temperature, preset.temperature)]
    return measured + differences(
        _on_data_of(record['system'], preset), record['identity'], record['steps'], record['steps_per_epoch'])


def _on_data_of(system, preset):
    """The preset on the data set that a system's flags say, for images of its size."""
    said = {name: value for name, _, value in (flag.partition('=') for flag in systems.BY_NAME[system].flags)}
    dataset = said.get('--dataset', preset.dataset)
    if dataset == preset.dataset:
        return preset
    return dataclasses.replace(preset, dataset=dataset, image_class=None).with_image_shape(_SHAPES[dataset])


def _command(text):
    """A command without the flags that name places on the machine."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return ' '.join(word for word in words if not word.startswith(tuple('--{}='.format(name) for name in _PLACES)))


def _date(path):
    """When a run was last trained: of its log, for files change their times when they are copied."""
    with open(os.path.join(path, 'log.txt'), encoding='utf-8', errors='replace') as handle:
        dates = re.findall(r'^\d{4}-\d\d-\d\d', handle.read(), re.M)
    if not dates:
        raise UserError('{}: expected lines with dates, found none'.format(os.path.join(path, 'log.txt')))
    return dates[-1]


# --------------------------------------------------------------------------- what it gave

def _losses(path, preset, schedule):
    """{column: array} of losses.csv, its steps counted from 1."""
    rows = run_folder.read_losses(path)
    if not rows:
        raise UserError('{}: expected rows of losses, found none'.format(run_folder.losses_file(path)))
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    columns['step'] = columns['step'] + 1 - schedule.get('first_step', preset.first_step)
    return columns


def _seconds_at(losses, step):
    """The seconds of training up to a step, between the rows and after the last one as in the rows around."""
    steps, seconds = losses['step'], losses['seconds']
    if step > steps[-1]:
        return seconds[-1] * step / steps[-1]
    return float(np.interp(step, np.append(0, steps), np.append(0, seconds)))


def loss_summary(losses, preset):
    """The means of the last rows and, beside what 2017 recorded, how many rows lie within its range."""
    summary = {'rows': len(losses['step']), 'last_ten': {
        key: _rounded(losses[key][-LAST:].mean()) for key in preset.losses}}
    if preset.recorded_losses:
        recorded = figures.read_recorded_losses(preset.recorded_losses)
        inside = [(min(recorded[key]) <= losses[key]) & (losses[key] <= max(recorded[key])) for key in preset.losses]
        summary['within_2017'] = int(np.all(inside, axis=0).sum())
        summary['last_ten_2017'] = {key: _rounded(np.mean(recorded[key][-LAST:])) for key in preset.losses}
    return summary


def _evaluation(path, preset, config, step, trial):
    """{'n', 'features', 'real': {metric: value}, 'results': [{'name', metric: value}]} of the last checkpoint's."""
    name = os.path.join(path, 'evaluation-{:06d}'.format(step), 'metrics.json')
    try:
        metrics = read_json(name)
    except (OSError, ValueError):
        raise UserError('{}: expected an evaluation of the last step, found none; dcgan-evaluate --run={}'.format(
            name, path))
    wanted = min(IMAGES, config['data']['images'] // 2)
    if not trial and (metrics['n'] != wanted or not metrics['features']['name'].startswith('classifier of ')):
        raise UserError("{}: expected an evaluation of {:,} images by the data set's classifier, found {:,} by "
                        '{}'.format(name, wanted, metrics['n'], metrics['features']['name']))
    if metrics['data'].get('own') is False:
        raise UserError('{}: expected an evaluation on the data that the run was trained on, found other data'.format(
            name))
    rows = [{key: _rounded(value) for key, value in row.items() if key != 'step'} for row in metrics['results']]
    real = [row for row in rows if row['name'] == evaluation.REAL]
    others = [row for row in rows if row['name'] != evaluation.REAL]
    if not real or not others:
        raise UserError('{}: expected metrics of real and of generated images, found {}'.format(
            name, ', '.join(row['name'] for row in rows) or 'none'))
    temperature = metrics.get('temperature', 1.0)  # from before there were others
    if temperature != preset.temperature:
        raise UserError("{}: expected an evaluation at {}'s temperature {:g}, found {:g}".format(
            name, preset.name, preset.temperature, temperature))
    return {'n': metrics['n'], 'features': metrics['features']['name'], 'temperature': temperature,
            'real': {key: value for key, value in real[0].items() if key != 'name'}, 'results': others}


def _quality(path, config, losses):
    """{'n', 'features', 'columns', 'rows'} of quality.csv, with the minutes of training; None where there is none."""
    rows = run_folder.read_table(os.path.join(path, 'quality.csv'))
    if not rows:
        return None
    columns = ['step', 'minutes'] + [key for key in rows[0] if key not in ('step', 'n')]
    return {'n': int(rows[-1]['n']), 'features': (config.get('evaluation') or {}).get('features'), 'columns': columns,
            'rows': [[int(row['step']), _rounded(_seconds_at(losses, row['step']) / 60)] + [
                _rounded(row[key]) for key in columns[2:]] for row in rows if row['n'] == rows[-1]['n']]}


def _rounded(value):
    """Numbers, alone or in lists, with six digits; anything else as it is."""
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float('{:.6g}'.format(value)) if isinstance(value, float) else value


# --------------------------------------------------------------------------- its samples

def samples_strip(preset, prefix):
    """24 samples in two rows; those of a conditional preset have the classes in turn in each row."""
    labels = None if preset.classes is None else np.tile(
        np.arange(COLUMNS) % preset.classes, SAMPLES // COLUMNS).astype(np.int32)
    raw = sampling.generate(preset, prefix, sample_noise(preset, SAMPLES), labels=labels)
    return small_png(images.grid(sampling.to_uint8(preset, raw, prefix), COLUMNS))


def small_png(picture, max_bytes=STRIP_BYTES):
    """uint8 [H, W, 1 or 3] as a PNG file, in fewer and fewer colours until it has at most so many bytes."""
    content = images.png_bytes(picture)
    picture = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    for colours in (256, 128, 64, 32):
        if len(content) <= max_bytes:
            break
        stream = io.BytesIO()
        picture.quantize(colours).save(stream, 'PNG', optimize=True)
        content = stream.getvalue()
    return content


def data_title(record):
    """What a record's images were, for people: the data set, and the class where there is one."""
    return short_title(record['data']['name'], record['data']['class'])
