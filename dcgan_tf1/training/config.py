"""The flags of `train`, and the frozen configuration that they become."""

import dataclasses
import os
from typing import Optional

from absl import flags

from dcgan_tf1.data.loading import DATASETS
from dcgan_tf1.flags import _arithmetic_flags as arithmetic_flags
from dcgan_tf1.flags import _background_flag as background_flag
from dcgan_tf1.flags import _check_background as check_background
from dcgan_tf1.flags import _Command as Command
from dcgan_tf1.flags import _preset_lines as preset_lines
from dcgan_tf1.gan import losses
from dcgan_tf1.gan.presets import PRESETS, Preset, StepInterval
from dcgan_tf1.parallel.cluster import Cluster, find_cluster

_LIKELIHOODS = {'bernoulli': losses.bernoulli, 'squared_error': losses.squared_error}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What `train` does; the preset already carries the flags that override its fields."""

    preset: Preset
    seed: int
    max_steps: Optional[int]
    data_dir: Optional[str]
    background: str
    run_dir: str
    resume: str
    init_checkpoint: Optional[str]
    keep_checkpoints: int
    eval_every: Optional[int]
    eval_n: int
    gif: bool
    device: str
    precision: str
    lowering: str
    xla: bool
    steps_per_run: int
    num_gpus: int
    intra_op_threads: int
    inter_op_threads: int
    cluster: Optional[Cluster]
    worker_timeout: float


def parse_train(argv):
    """The TrainConfig of a list of arguments; None after printing the help text. Raises flags.Error or UserError."""
    command = Command('dcgan-train', 'Trains one GAN and writes everything about it into a numbered run folder. '
                                     'The presets are ' + preset_lines())
    _add_system_flags(command)
    _add_data_flags(command)
    _add_run_folder_flags(command)
    _add_machine_flags(command)
    _add_worker_flags(command)
    values = command.parse(argv)
    if values is None:
        return None
    preset = _overridden_preset(values)
    check_background(values, preset.dataset == 'folder', '--dataset=folder')
    cluster = find_cluster(values['worker_hosts'], values['task_index'], os.environ.get('TF_CONFIG'))
    return TrainConfig(preset=preset, gif=preset.gif, cluster=cluster, **{
        field.name: values[field.name] for field in dataclasses.fields(TrainConfig)
        if field.name not in ('preset', 'gif', 'cluster')})


def _add_system_flags(command):
    command.group('What to train')
    command.choice('preset', 'blog_mnist', PRESETS, 'The system.')
    command.integer('seed', 0, 'Initial weights, noise, dropout and the order of images all derive from it.', 0)
    command.integer('epochs', None, 'Passes over the images. Default: what the preset says.', 1)
    command.integer('max_steps', None, 'Stop after this many steps, however many epochs that is.', 1)
    command.integer('batch_size', None, 'Images in a step. Default: what the preset says.', 1)
    command.real('learning_rate', None, "Adam's. Default: what the preset says.", 0)
    command.choice('update_ops', None, ('own', 'all'),
                   "Which moving averages a train op waits for: its own passes' or, as in 2017, every one. "
                   'Default: what the preset says.')
    command.choice('batch_norm', None, ('fused', 'moments'),
                   "Today's kernel, or TensorFlow 1.0.1's form with the biased moving variance. "
                   'Default: what the preset says.')
    command.string('mode', None, 'One of the named variants that some presets have ({}).'.format('; '.join(
        '{}: {}'.format(preset.name, ', '.join(preset.modes)) for preset in PRESETS.values() if preset.modes)))
    command.choice('likelihood', None, sorted(_LIKELIHOODS), "A VAE's: of independent Bernoulli pixels, or squared "
                                                             'error in its place. Default: bernoulli.')
    command.path('init_checkpoint', None, 'Start from the variables of this checkpoint, as sample --checkpoint takes '
                                          'it (a new run; its step count starts at 0).')


def _add_data_flags(command):
    command.group('Data')
    command.choice('dataset', None, DATASETS, 'Train on another data set of the same shape. '
                                              'Default: what the preset says.')
    command.string('class', None, "Train on this class alone, by name or number; 'all' for every class. "
                                  'Default: what the preset says.')
    command.path('data_dir', None, 'The only place to look for the data. Default: $DCGAN_TF1_DATA, then data/, into '
                                   'which what is missing is downloaded.')
    background_flag(command, '--dataset=folder')


def _add_run_folder_flags(command):
    command.group('Run folder')
    command.path('run_dir', 'runs', 'Where numbered run folders are made; or one run folder, to resume it.')
    command.choice('resume', 'auto', ('auto', 'never', 'require', 'must'),
                   'auto: go on with the newest unfinished run of this preset that was started with the same '
                   'settings, else start a new one. require, or must: fail if there is none to go on with.')
    command.integer('log_every', None, 'Steps between rows of losses and samples; 0 for once an epoch. '
                                       'Default: what the preset says.', 0)
    command.integer('checkpoint_every', None, 'Steps between checkpoints (there is always one at the end). '
                                              'Default: what the preset says.', 1)
    command.boolean('gif', None, 'Join the samples into animation.gif at the end (also later: python -m '
                                 'dcgan_tf1.animation). Default: what the preset says.')
    command.integer('keep_checkpoints', 5, 'How many of the newest to keep; 0 keeps all.', 0)
    command.integer('eval_every', None, 'Steps between measurements of the quality (as evaluate measures it, on a '
                                        'smaller sample); 0 for once an epoch. Each leaves a checkpoint, and the best '
                                        'one is kept. Default: never.', 0)
    command.integer('eval_n', 2000, 'Images of such a sample; at most half of the real ones.', 100)


def _add_machine_flags(command):
    command.group('Machine')
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')
    arithmetic_flags(command, 'auto')
    command.boolean('xla', False, 'Let XLA compile what it can (on a CPU only with '
                                  'TF_XLA_FLAGS=--tf_xla_cpu_global_jit in the environment).')
    command.integer('steps_per_run', 0, 'Steps that TensorFlow takes before Python is back; 0 for as many as take '
                                        'half a second. The numbers do not depend on it.', 0)
    command.integer('num_gpus', 1, 'GPUs that share a step: each takes --batch_size images, and gradients are '
                                   'averaged. With --device=cpu, logical devices, to try it out.', 1)
    command.integer('intra_op_threads', 0, 'Threads within an operation; 0 leaves it to TensorFlow.', 0)
    command.integer('inter_op_threads', 0, 'Operations at the same time; 0 leaves it to TensorFlow.', 0)


def _add_worker_flags(command):
    command.group('Several workers (or TF_CONFIG in the environment; docs/distributed.md)')
    command.string('worker_hosts', None, 'HOST:PORT (or [IPV6]:PORT) of every worker, with commas between them, the '
                                         'same for all. Each takes --batch_size images; the first, the chief, '
                                         'writes the run folder.')
    command.integer('task_index', None, 'Which of --worker_hosts this is, from 0.', 0)
    command.real('worker_timeout', 60, 'Seconds to wait for another worker, at the start and at any time.', 1)


def _overridden_preset(values):
    """The preset that the flags name, with the fields that they override."""
    preset = PRESETS[values['preset']]
    overrides = {}
    if values['mode'] is not None:
        if values['mode'] not in preset.modes:
            raise flags.Error('--mode: expected {}, found {!r}'.format(
                'one of ' + ', '.join(preset.modes) if preset.modes else 'none, for {} has no modes'.format(
                    preset.name), values['mode']))
        overrides.update(preset.modes[values['mode']])
    if values['likelihood'] is not None:
        if preset.loss not in _LIKELIHOODS.values():
            raise flags.Error('--likelihood: expected a preset with one (vae), found --preset={}'.format(preset.name))
        overrides['loss'] = _LIKELIHOODS[values['likelihood']]
    overrides.update({name: values[name] for name in (
        'epochs', 'batch_size', 'learning_rate', 'update_ops', 'batch_norm', 'dataset', 'gif')
        if values[name] is not None})
    if values['epochs'] is not None:
        overrides['steps'] = None
    if values['log_every'] is not None:
        overrides.update(log_every=_every(values['log_every']), log_first=None, samples_every=None)
    if values['checkpoint_every'] is not None:
        overrides['checkpoint_every'] = StepInterval(values['checkpoint_every'], 'steps')
    if 'dataset' in overrides and overrides['dataset'] != preset.dataset:
        overrides['image_class'] = None  # the preset's class is one of its own data set
    if values['class'] is not None:
        overrides['image_class'] = None if values['class'] == 'all' else values['class']
    return dataclasses.replace(preset, **overrides)


def _every(steps):
    return StepInterval(steps, 'steps') if steps else StepInterval(1, 'epochs')
