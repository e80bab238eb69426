"""The flags of `train`, and the frozen configuration that they become."""

import dataclasses
import os
import shlex
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple

from dcgan_tf1.data import reading
from dcgan_tf1.data.catalogue import DATASETS, OWN_HINT, title_on
from dcgan_tf1.gan import preset_file
from dcgan_tf1.gan.catalogue import PRESET_TITLES, preset_names
from dcgan_tf1.metrics.table import PIXELS
from dcgan_tf1.parallel.cluster import Cluster, find_cluster
from dcgan_tf1.runs import checkpoint_flags, preset_files, size_flags
from dcgan_tf1.training import experiment_flags, recorded_flags
from dcgan_tf1.util import flags
from dcgan_tf1.util.errors import UserError, one_line

if TYPE_CHECKING:  # it imports TensorFlow, which a help text does without
    from dcgan_tf1.gan.preset import Preset

EXAMPLES = (
    ("the 2017 blog's DCGAN on MNIST; the same command resumes it",
     'python -m dcgan_tf1.train --preset=blog_mnist'),
    ('measured every 500 steps, so that the best checkpoint is kept',
     'python -m dcgan_tf1.train --preset=blog_mnist --eval_every=500'),
    ('on pictures of your own',
     'python -m dcgan_tf1.train --preset=dcgan --data_dir=my_pictures --image_size=64'),
    ('a preset of your own', 'python -m dcgan_tf1.train --preset_file=my_preset.py --preset=tiny'))

_YEAR = 365 * 24 * 60 * 60  # seconds: more than that and sockets don't know what to do
_LIKELIHOODS = ('bernoulli', 'squared_error')  # functions of gan.losses


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What `train` does; the preset already carries the flags that override its fields."""

    preset: 'Preset'
    preset_file: Optional[Mapping[str, Any]]  # of the file that it comes from, as config.json records it
    seed: int
    epochs: Optional[int]  # as given; the preset has them, too
    max_steps: Optional[int]
    every_class: bool  # whether --class=all was given
    image_shape: Tuple[Optional[int], Optional[int], Optional[int]]  # None: what the data say; see image_sizes.py
    auto_channels: bool
    data_dir: Optional[str]
    reading: reading.Reading
    run_dir: str
    resume: str
    init_checkpoint: Optional[str]
    log_every: Optional[int]
    keep_checkpoints: int
    eval_every: Optional[int]
    eval_n: int
    eval_features: str
    gif: bool
    device: str
    precision: str
    lowering: str
    xla: bool
    steps_per_run: int
    trace: Optional[str]
    num_gpus: int
    intra_op_threads: int
    inter_op_threads: int
    cluster: Optional[Cluster]
    worker_timeout: float
    arguments: Tuple[str, ...]  # the flags that were given, or that the run of --run_dir was started with
    command: str  # that a shell starts such a training with


_STARTED = ['python', '-m', 'dcgan_tf1.train']


def parse_train(argv, with_workers=False):
    """The TrainConfig of a list of arguments; None after printing the help text. Raises flags.Error or UserError.

    with_workers: whether there will be several, whose addresses are not among the arguments.
    """
    command, typed = _command(), _STARTED + list(argv)
    values = command.parse(argv)
    if values is None:
        return None
    if values['resume'] != 'never':
        trained, kept, gone = recorded_flags.of_run(values['run_dir'], command.values)
        if kept:
            command, values = _with_kept(command, values, trained, kept, argv)
            typed = _STARTED + recorded_flags.of_new_run(command, values)
        for flag in gone:
            print(one_line('{}: without {}, which is not there any more; name where it is now'.format(
                values['run_dir'], shlex.quote(flag))))
    if values['preset_file'] is not None and not command.values['preset'].present:
        raise flags.Error('--preset: expected one of the presets of {} beside it, found nothing'.format(
            values['preset_file']))
    if values['preset'] in PRESET_TITLES:  # before TensorFlow is imported
        preset_files.check_mode(values['preset'], values['mode'])
    for name in ('eval_features', 'eval_n'):
        if command.values[name].present and values['eval_every'] is None:
            raise flags.Error('--{}: expected --eval_every beside it, found none'.format(name))
    preset, record = _find_preset(values)
    if record is not None and not command.values['preset_file'].present:  # which the run has named
        typed.append('--preset_file=' + record['path'])
    from dcgan_tf1.training import image_sizes  # with it comes TensorFlow
    own_dataset = preset.dataset
    preset, image_shape, auto_channels = image_sizes.by_flags(_overridden_preset(preset, values), values, own_dataset)
    reading.check_class(values, values['class'])
    if preset.classes is not None and values['labels'] is False:
        raise flags.Error('--nolabels: expected a preset without labels, found --preset={}'.format(preset.name))
    cluster = find_cluster(values['worker_hosts'], values['task_index'], os.environ.get('TF_CONFIG'))
    alone = cluster is None and not with_workers and 'TF_CONFIG' not in os.environ
    if command.values['worker_timeout'].present and alone:
        raise flags.Error('--worker_timeout: expected --worker_hosts (or TF_CONFIG) of two workers or more beside it, '
                          'found ' + ('none' if values['worker_hosts'] is None else 'one'))
    return flags.fields_of(
        TrainConfig, values, preset=preset, preset_file=record, gif=preset.gif, cluster=cluster,
        every_class=values['class'] == 'all',
        arguments=tuple(recorded_flags.of_command(command, values)), command=' '.join(map(shlex.quote, typed)),
        image_shape=image_shape, auto_channels=auto_channels, reading=dataclasses.replace(
            reading.from_flags(values, preset.dataset), image_class=preset.image_class))


def _command():
    command = flags.Command(
        'dcgan-train', 'Trains one GAN and writes everything about it into a numbered run folder. The presets are '
        + ' '.join('{}: {}.'.format(*item) for item in PRESET_TITLES.items()), EXAMPLES)
    _add_system_flags(command)
    _add_data_flags(command)
    _add_size_flags(command)
    _add_run_folder_flags(command)
    _add_machine_flags(command)
    _add_worker_flags(command)
    experiment_flags.add(command)
    return command


def _with_kept(command, values, trained, kept, argv):
    """(the command, its values) with the flags that the run of --run_dir was started with in front of `argv`."""
    run = values['run_dir']
    if command.values['preset'].present and values['preset'] != trained:
        raise UserError('--preset: expected {}, the preset of {}, found {}'.format(trained, run, values['preset']))
    command = _command()
    try:
        values = command.parse(kept + list(argv))
    except flags.Error as error:
        raise UserError('{}: expected flags that go with those given now as {} in its config.json, found: {}'.format(
            run, recorded_flags.KEY, error))
    print(one_line('{}: resuming with the flags it was started with: {}'.format(
        run, ' '.join(map(shlex.quote, kept)))))
    return command, values


def _add_system_flags(command):
    command.group('What to train')
    checkpoint_flags.preset_flags(command, 'blog_mnist', 'What to train.')
    command.integer('seed', 0, 'Initial weights, noise, dropout and the order of images all derive from it.', 0, None)
    command.integer('epochs', None, 'Passes over the images. Default: what the preset says.', 1)
    command.integer('max_steps', None, 'Stop after this many steps, however many epochs that is.', 1)
    command.integer('batch_size', None, 'Images in a batch; a step takes one, or several where the preset says so. '
                                          'Default: what the preset says.', 1)
    checkpoint_flags.mode_flag(command, 'Other flags override what it says.')
    command.choice('likelihood', None, _LIKELIHOODS, "The vae's reconstruction term: independent Bernoulli pixels or "
                                                     'squared error. Default: bernoulli.')
    command.path('init_checkpoint', None, 'Start from the variables of this checkpoint, as dcgan-sample '
                                          '--checkpoint takes it (a new run; its step count starts at 0).')


def _add_data_flags(command):
    command.group('Data')
    command.choice('dataset', None, DATASETS, 'Train on another data set, of the same shape or, for networks that '
                                              'follow the images, of any. Default: what the preset says.',
                   hint=OWN_HINT)
    command.string('class', None, "Train on this class alone, by name or number; 'all' for every class. Not for "
                                  'presets with labels, which are trained on all. Default: what the preset says.')
    command.path('data_dir', None, 'The only place to look for the data; of --dataset=folder also a zip, TFRecord or '
                                   'Parquet file, of npz an .npz or .npy file. Default: $DCGAN_TF1_DATA, then data/, '
                                   'into which what is missing is downloaded.')
    reading.add_flags(command)


def _add_size_flags(command):
    command.group('Images and networks')
    size_flags.add(command, 'as --init_checkpoint has it; else of pictures what the preset says (dcgan: 64), of other '
                            'data sets their own', auto=True)
    size_flags.add_widths(command)


def _add_run_folder_flags(command):
    command.group('Run folder')
    command.path('run_dir', 'runs', 'Where numbered run folders are made; or one run folder, to resume it by '
                                    'the flags that it was started with.')
    command.choice('resume', 'auto', ('auto', 'never', 'require'),
                   'auto: resume the newest unfinished run of this preset that was started with the same settings, '
                   'else start a new one. require: never start one: fail if there is none with the same settings, do '
                   'nothing if it is finished.',
                   old_values={'must': 'require'})
    command.integer('log_every', None, 'Steps between rows of losses and samples; 0 for once an epoch. '
                                       'Default: what the preset says.', 0)
    command.integer('checkpoint_every', None, 'Steps between checkpoints (there is always one at the end). '
                                              'Default: what the preset says.', 1)
    command.boolean('gif', None, 'Join the samples into animation.gif at the end (also later: python -m '
                                 'dcgan_tf1.animation). Default: what the preset says.')
    command.integer('keep_checkpoints', 5, 'How many of the newest to keep; 0 keeps all.', 0)
    command.integer('eval_every', None, 'Steps between measurements of the quality (as by dcgan-evaluate, on a '
                                        'smaller sample); 0 for once an epoch. Each leaves a checkpoint, and the best '
                                        'one is kept. Default: never.', 0)
    command.integer('eval_n', 2000, 'Images of such a sample; at most half of the real ones.', 100)
    command.choice('eval_features', 'classifier', ('classifier', PIXELS),
                   'What they are measured by: a classifier that is trained on the labels of the data, or a fixed '
                   'random projection, which needs none (dcgan-evaluate --features=pixels).')


def _add_machine_flags(command):
    command.group('Machine')
    flags.device_flag(command)
    flags.compute_flags(command, 'auto', training=True)
    command.boolean('xla', False, 'Let XLA compile what it can (on a CPU only with '
                                  'TF_XLA_FLAGS=--tf_xla_cpu_global_jit in the environment).')
    command.integer('steps_per_run', 0, 'Steps that TensorFlow takes before Python is back; 0 for as many as take '
                                        'half a second. The numbers do not depend on it.', 0)
    command.path('trace', None, 'Write a timeline of three steps, after some to warm up, to this new file, '
                                'which ui.perfetto.dev and chrome://tracing show; of several workers, the '
                                "chief's.", ('.json',))
    command.integer('num_gpus', 1, 'GPUs that share a step: each takes --batch_size images, and gradients are '
                                   'averaged. With --device=cpu, logical devices, to try it out.', 1, 1024)
    command.integer('intra_op_threads', 0, 'Threads within an operation; 0 leaves it to TensorFlow.', 0, 1 << 16)
    command.integer('inter_op_threads', 0, 'Operations at the same time; 0 leaves it to TensorFlow.', 0, 1 << 16)


def _add_worker_flags(command):
    command.group('Several workers (or TF_CONFIG in the environment; docs/distributed.md)')
    command.string('worker_hosts', None, 'HOST:PORT (or [IPV6]:PORT) of every worker, with commas between them, the '
                                         'same for all. Each takes --batch_size images; the first, the chief, '
                                         'writes the run folder.')
    command.integer('task_index', None, 'Which of --worker_hosts this is, from 0.', 0)
    command.real('worker_timeout', 60, 'Seconds to wait for another worker, at the start and at any time.', 1,
                 _YEAR)


def _find_preset(values):
    """(the Preset that the flags name, what config.json records of the user's file that it comes from or None).

    Without --preset_file, a run of the preset in --run_dir says where its file is.
    """
    name, path = values['preset'], values['preset_file']
    if path is not None:
        preset_file.load(path)
    elif name not in preset_names():
        preset_files.load_for(name, values['run_dir'])
    preset_files.check_name(name, path)
    from dcgan_tf1.gan.presets import PRESETS
    return PRESETS[name], preset_file.record_of(name)


def _overridden_preset(preset, values):
    """The preset with the fields that the flags override."""
    from dcgan_tf1.gan import losses
    from dcgan_tf1.gan.preset import StepInterval
    overrides = {}
    if values['mode'] is not None:
        preset_files.check_mode(preset.name, values['mode'])
        preset = preset.with_mode(values['mode'])
    if values['likelihood'] is not None:
        if preset.loss not in [getattr(losses, name) for name in _LIKELIHOODS]:
            raise flags.Error('--likelihood: expected a preset with one (vae), found --preset={}'.format(preset.name))
        overrides['loss'] = getattr(losses, values['likelihood'])
    overrides.update(experiment_flags.overrides(preset, values))
    overrides.update({name: values[name] for name in (
        'epochs', 'batch_size', 'learning_rate', 'update_ops', 'batch_norm', 'dataset', 'gif')
        if values[name] is not None})
    if values['epochs'] is not None:
        overrides['steps'] = None
    if values['log_every'] is not None:
        preset = preset.with_rows_every(
            StepInterval(values['log_every'], 'steps') if values['log_every'] else StepInterval(1, 'epochs'))
    if values['checkpoint_every'] is not None:
        overrides['checkpoint_every'] = StepInterval(values['checkpoint_every'], 'steps')
    if 'dataset' in overrides and overrides['dataset'] != preset.dataset:
        overrides['image_class'] = None  # the preset's class is one of its own data set
        overrides['title'] = title_on(preset.heading, overrides['dataset'])
        overrides['scaling'] = 'bytes'  # 'minmax', 2017's on its own images, turns a white border black
    if values['class'] is not None:
        if preset.classes is not None:
            raise flags.Error('--class: expected a preset without labels, found --preset={}, which is trained on all '
                              'classes (dcgan-sample --class asks for images of one)'.format(preset.name))
        overrides['image_class'] = None if values['class'] == 'all' else values['class']
    if {'dataset', 'loss', 'smoothing', 'image_class'}.intersection(
            name for name, value in overrides.items() if value != getattr(preset, name)):
        overrides['recorded_losses'] = None  # which are not of these images, or not of this loss
    return dataclasses.replace(preset, **overrides)
