"""Every flag of every command, and the frozen configuration that each is turned into.

Nothing else reads flags. Each command has flags of its own (no global registry), so a help
text lists only what the command knows, and a misspelt flag fails at once.
"""

import dataclasses
import math
import os
import textwrap
from typing import Optional, Tuple

from absl import flags

from dcgan_tf1.data.loading import DATASETS
from dcgan_tf1.data.pictures import BACKGROUNDS
from dcgan_tf1.exporting.formats import FORMATS
from dcgan_tf1.gan import losses
from dcgan_tf1.gan.presets import PRESETS, Preset, StepInterval
from dcgan_tf1.parallel.group import Cluster, find_cluster
from dcgan_tf1.util import paths
from dcgan_tf1.util.compute_policy import CONV_IMPL_CHOICES, PRECISION_CHOICES


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


@dataclasses.dataclass(frozen=True)
class LaunchConfig:
    """What `launch` does; train_flags are those of each worker, which reads them itself."""

    workers: int
    timeout: float
    train_flags: Tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """What `sample` does."""

    run: Optional[str]
    checkpoint: Optional[str]
    preset: Optional[str]
    step: Optional[int]
    which: str
    n: int
    seed: int
    columns: int
    interpolate: bool
    dropout: str
    out: Optional[str]
    npz: Optional[str]
    overwrite: bool
    device: str
    precision: str
    lowering: str


@dataclasses.dataclass(frozen=True)
class AnimationConfig:
    """What `animation` does."""

    run: str
    out: Optional[str]
    overwrite: bool


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """What `compare` does."""

    runs: Tuple[str, ...]
    rows: int
    out: str
    overwrite: bool


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """What `report` does."""

    runs: Tuple[str, ...]
    out: str
    overwrite: bool
    seed: int
    device: str


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What `evaluate` does."""

    run: Optional[str]
    checkpoint: Optional[str]
    preset: Optional[str]
    step: Optional[int]
    which: str
    images: Optional[str]
    background: str
    images_range: Optional[Tuple[float, float]]
    tiles: Optional[bool]
    all_checkpoints: bool
    n: int
    seed: int
    data_dir: Optional[str]
    other_data: Optional[bool]
    features: Optional[str]
    features_seed: int
    features_input: Optional[str]
    features_output: Optional[str]
    features_probabilities: Optional[str]
    features_range: Optional[Tuple[float, float]]
    out: Optional[str]
    overwrite: bool
    device: str


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """What `export` does."""

    run: Optional[str]
    checkpoint: Optional[str]
    preset: Optional[str]
    step: Optional[int]
    which: str
    formats: Optional[Tuple[str, ...]]
    with_discriminator: bool
    opset: int
    out: Optional[str]
    overwrite: bool


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What `datasets` does."""

    dataset: str
    split: str
    data_dir: Optional[str]
    image_class: Optional[str]
    shape: Tuple[int, int, int]
    background: str
    preview: Optional[str]


class _Command:
    """One command's flags, in groups."""

    def __init__(self, name, purpose):
        self._name, self._purpose, self._groups, self._help, self._paths = name, purpose, [], {}, {}
        self.values = flags.FlagValues()
        self._define(flags.DEFINE_boolean, 'help', False, '', short_name='h')

    def _define(self, define, name, default, *args, **kwargs):
        define(name, default, *args, flag_values=self.values, **kwargs)
        if name != 'help':
            if not self._groups:
                self.group('Flags')
            self._groups[-1][1].append(name)
            self._help[name] = args[-1]  # absl puts the choices in front of it

    def group(self, title):
        self._groups.append((title, []))

    def string(self, name, default, help_text):
        self._define(flags.DEFINE_string, name, default, help_text)

    def path(self, name, default, help_text, kinds=()):
        """A string in which `~` is a home folder; a name that has an extension has to have one of `kinds`."""
        self.string(name, default, help_text)
        self._paths[name] = kinds

    def paths(self, name, help_text):
        """Several paths, with commas between them or by giving the flag several times: a tuple, () for none."""
        self._define(flags.DEFINE_multi_string, name, [], help_text)
        self._paths[name] = ()

    def integer(self, name, default, help_text, lower=None, upper=None):
        self._define(flags.DEFINE_integer, name, default, help_text, lower_bound=lower, upper_bound=upper)

    def real(self, name, default, help_text, lower=None):
        self._define(flags.DEFINE_float, name, default, help_text, lower_bound=lower)

    def boolean(self, name, default, help_text):  # a default of None: neither said
        self._define(flags.DEFINE_boolean, name, default, help_text)

    def choice(self, name, default, choices, help_text):
        self._define(flags.DEFINE_enum, name, default, list(choices), help_text)

    def parse(self, argv):
        """Returns the flags' values by name, or None after printing the help text."""
        rest = self.values([self._name] + list(argv))
        if self.values['help'].value:
            print(self.help_text())
            return None
        if len(rest) > 1:
            raise flags.Error('expected only flags (--name=value), found {!r}'.format(rest[1]))
        values = self.values.flag_values_dict()
        for name, kinds in self._paths.items():
            if isinstance(values[name], list):
                values[name] = tuple(paths.expand(path, '--' + name) for text in values[name]
                                     for path in paths.split(text))
            elif values[name] is not None:
                values[name] = self._checked_path(name, values[name], kinds)
        return values

    @staticmethod
    def _checked_path(name, path, kinds):
        extension = os.path.splitext(path)[1]
        if not path:
            raise flags.Error('--{}: expected a path, found nothing'.format(name))
        if kinds and extension and extension.lower() not in kinds:
            raise flags.Error('--{}: expected a name that ends in {}, found {!r}'.format(
                name, ' or '.join(kinds), path))
        return paths.expand(path, '--' + name)

    def help_text(self):
        lines = ['usage: {} [--flag=value ...]'.format(self._name), '']
        lines += textwrap.wrap(self._purpose, 92)
        for title, names in self._groups:
            lines += ['', title]
            for name in names:
                flag = self.values[name]
                text = self._help[name]
                if getattr(flag.parser, 'enum_values', None):
                    text += ' One of {}.'.format(', '.join(flag.parser.enum_values))
                if flag.default not in (None, []):
                    default = str(flag.default).lower() if flag.boolean else flag.default
                    text += ' (default: {})'.format(default)
                spelling = '  --[no]{}'.format(name) if flag.boolean else '  --{}'.format(name)
                wrapped = textwrap.wrap(text, 66)
                if len(spelling) > 24:
                    lines.append(spelling)
                    spelling = ''
                lines += ['{:<26}{}'.format(spelling if i == 0 else '', line)
                          for i, line in enumerate(wrapped)]
        return '\n'.join(lines)


def _preset_lines():
    return ' '.join('{}: {}.'.format(preset.name, preset.title) for preset in PRESETS.values())


def _arithmetic_flags(command, precision):
    command.choice('precision', precision, PRECISION_CHOICES,
                   'What products are computed in; weights, batch norm, losses and Adam stay float32. auto: the '
                   'fastest that the machine is made for. Checkpoints are the same for all.')
    command.choice('lowering', 'auto', CONV_IMPL_CHOICES,
                   "How convolutions are computed. native: by TensorFlow's kernels, operation for operation 2017's "
                   'graph. matmul: as products of matrices. mixed: the faster of the two for each product on a CPU. '
                   'auto: native on a GPU, mixed on a CPU.')


def parse_train(argv):
    command = _Command('dcgan-train', 'Trains one GAN and writes everything about it into a numbered run folder. '
                                      'The presets are ' + _preset_lines())
    command.group('What to train')
    command.choice('preset', 'blog_mnist', PRESETS, 'The system.')
    command.integer('seed', 0, 'Initial weights, noise, dropout and the order of images all derive from it.', 0)
    command.integer('epochs', None, 'Passes over the images. Default: what the preset says.', 1)
    command.integer('max_steps', None, 'Stop after this many steps, however many epochs that is.', 1)
    command.integer('batch_size', None, 'Images in a step. Default: what the preset says.', 1)
    command.real('learning_rate', None, "Adam's. Default: what the preset says.", 0)
    command.choice('update_ops', None, ('per_pass', 'all', 'own'),
                   "Which moving averages a train op waits for: its own passes' or, as in 2017, every one. "
                   'own is the former name of per_pass. Default: what the preset says.')
    command.choice('batch_norm', None, ('fused', 'moments'),
                   "Today's kernel, or TensorFlow 1.0.1's form with the biased moving variance. "
                   'Default: what the preset says.')
    command.string('mode', None, 'One of the named variants that some presets have ({}).'.format('; '.join(
        '{}: {}'.format(preset.name, ', '.join(preset.modes)) for preset in PRESETS.values() if preset.modes)))
    command.choice('likelihood', None, sorted(_LIKELIHOODS), "A VAE's: of independent Bernoulli pixels, or squared "
                                                             'error in its place. Default: bernoulli.')
    command.path('init_checkpoint', None, 'Start from the variables of this checkpoint, as sample --checkpoint takes '
                                          'it (a new run; its step count starts at 0).')
    command.group('Data')
    command.choice('dataset', None, DATASETS, 'Train on another data set of the same shape. '
                                              'Default: what the preset says.')
    command.string('class', None, "Train on this class alone, by name or number; 'all' for every class. "
                                  'Default: what the preset says.')
    command.path('data_dir', None, 'The only place to look for the data. Default: $DCGAN_TF1_DATA, then data/, into '
                                   'which what is missing is downloaded.')
    _background_flag(command, '--dataset=folder')
    command.group('Run folder')
    command.path('run_dir', 'runs', 'Where numbered run folders are made; or one run folder, to resume it.')
    command.choice('resume', 'auto', ('auto', 'never', 'must'),
                   'auto: go on with the newest unfinished run of this preset that was started with the same '
                   'settings, else start a new one. must: fail if there is none to go on with.')
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
    command.group('Machine')
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')
    _arithmetic_flags(command, 'auto')
    command.boolean('xla', False, 'Let XLA compile what it can (on a CPU only with '
                                  'TF_XLA_FLAGS=--tf_xla_cpu_global_jit in the environment).')
    command.integer('steps_per_run', 0, 'Steps that TensorFlow takes before Python is back; 0 for as many as take '
                                        'half a second. The numbers do not depend on it.', 0)
    command.integer('num_gpus', 1, 'GPUs that share a step: each takes --batch_size images, and gradients are '
                                   'averaged. With --device=cpu, logical devices, to try it out.', 1)
    command.integer('intra_op_threads', 0, 'Threads within an operation; 0 leaves it to TensorFlow.', 0)
    command.integer('inter_op_threads', 0, 'Operations at the same time; 0 leaves it to TensorFlow.', 0)
    command.group('Several workers (or TF_CONFIG in the environment; docs/distributed.md)')
    command.string('worker_hosts', None, 'HOST:PORT (or [IPV6]:PORT) of every worker, with commas between them, the '
                                         'same for all. Each takes --batch_size images; the first writes the run '
                                         'folder.')
    command.integer('task_index', None, 'Which of --worker_hosts this is, from 0.', 0)
    command.real('worker_timeout', 60, 'Seconds to wait for another worker, at the start and at any time.', 1)
    values = command.parse(argv)
    if values is None:
        return None
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
    preset = dataclasses.replace(preset, **overrides)
    _check_background(values, preset.dataset == 'folder', '--dataset=folder')
    cluster = find_cluster(values['worker_hosts'], values['task_index'], os.environ.get('TF_CONFIG'))
    return TrainConfig(preset=preset, gif=preset.gif, cluster=cluster, **{
        field.name: values[field.name] for field in dataclasses.fields(TrainConfig)
        if field.name not in ('preset', 'gif', 'cluster')})


def parse_launch(argv):
    """The workers' flags stand behind a `--`; a wrong one of them is an error before any of them starts."""
    command = _Command('dcgan-launch', 'Starts a cluster of workers on this machine, shows their logs as one, and '
                                       'ends them as one: '
                                       'dcgan-launch --workers=2 -- --preset=blog_mnist --batch_size=32')
    command.integer('workers', 2, 'How many.', 2, 64)
    argv = list(argv)
    split = argv.index('--') if '--' in argv else len(argv)
    values = command.parse(argv[:split])
    if values is None:
        return None
    train = parse_train(argv[split + 1:])
    if train is None:
        return None
    if train.cluster is not None:
        raise flags.Error('{}: expected nothing, for launch chooses the addresses, found {}'.format(
            '--worker_hosts' if 'worker_hosts' in ' '.join(argv) else 'TF_CONFIG', ','.join(train.cluster.hosts)))
    return LaunchConfig(workers=values['workers'], timeout=train.worker_timeout, train_flags=tuple(argv[split + 1:]))


_LIKELIHOODS = {'bernoulli': losses.bernoulli, 'squared_error': losses.squared_error}


def _every(steps):
    return StepInterval(steps, 'steps') if steps else StepInterval(1, 'epochs')


def parse_animation(argv):
    command = _Command('dcgan-animation', "Joins a run's samples, which lie on the disk, into an animated GIF.")
    command.path('run', None, 'The run folder.')
    command.path('out', None, 'The GIF file. Default: animation.gif in the run folder, which is replaced.', ('.gif',))
    command.boolean('overwrite', False, 'Replace a file that is there.')
    values = command.parse(argv)
    if values is None:
        return None
    if values['run'] is None:
        raise flags.Error('--run: expected a run folder, found nothing')
    return AnimationConfig(**{field.name: values[field.name] for field in dataclasses.fields(AnimationConfig)})


def parse_compare(argv):
    command = _Command('dcgan-compare', 'Draws runs beside each other in one picture: rows of samples at the same '
                                        'steps, and the loss curves over steps and over seconds.')
    command.paths('runs', 'Two run folders or more, with commas between them; or the flag once for each.')
    command.integer('rows', 10, 'Rows of samples, evenly over the longest run; each shows the row of samples nearest '
                                'to its step, labelled with its own.', 1)
    command.path('out', 'comparison.png', 'The file, a PNG or JPEG picture by its name.', paths.PICTURES)
    command.boolean('overwrite', False, 'Replace a file that is there.')
    values = command.parse(argv)
    if values is None:
        return None
    return CompareConfig(runs=_runs(values, 2, 'two run folders or more'), rows=values['rows'], out=values['out'],
                         overwrite=values['overwrite'])


def parse_sample(argv):
    command = _Command('dcgan-sample', 'Draws images from a run or a checkpoint into a PNG grid. Needs only the '
                                       "generator's variables; checkpoints of 2017's graph will do.")
    _checkpoint_flags(command)
    command.group('What to draw')
    command.integer('n', 25, 'Number of images; with --interpolate, of pairs that a row walks between.', 1)
    command.integer('seed', 0, 'Of the noise and of the dropout masks.', 0)
    command.boolean('interpolate', False, 'Rows that walk in a straight line from one noise vector to another.')
    command.choice('dropout', 'preset', ('preset', 'off'),
                   "preset: as the preset samples (2017's DCGAN left dropout on).")
    command.group('Where to')
    command.path('out', None, 'The file, a PNG or JPEG picture by its name. Default: samples-STEP-SEED.png in the run '
                              'folder, samples.png for a checkpoint.', paths.PICTURES)
    command.path('npz', None, "Also write the arrays to this .npz file: 'images' in the preset's range and 'z'.",
                 ('.npz',))
    command.integer('columns', 0, 'Images in a row; 0 for a square grid (10 for --interpolate).', 0)
    command.boolean('overwrite', False, 'Replace files that are there.')
    command.group('Machine')
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')
    _arithmetic_flags(command, 'float32')
    values = command.parse(argv)
    if values is None:
        return None
    _check_checkpoint_flags(values)
    return SampleConfig(**{field.name: values[field.name] for field in dataclasses.fields(SampleConfig)})


def _checkpoint_flags(command):
    command.group('From what')
    command.path('run', None, 'A run folder.')
    command.choice('which', 'last', ('last', 'best'), "Which of the run's checkpoints: the newest, or the one with "
                                                      'the smallest Frechet distance (train --eval_every).')
    command.integer('step', None, "That of this step, in place of --which.", 0)
    command.path('checkpoint', None, "A checkpoint prefix (.../model.ckpt-4295), a folder of them, another program's, "
                                     'too, or its file checkpoint; needs --preset.')
    command.choice('preset', None, PRESETS, "The checkpoint's system.")


def _check_checkpoint_flags(values):
    if (values['run'] is None) == (values['checkpoint'] is None):
        raise flags.Error('expected either --run or --checkpoint, found {}'.format(
            _given(values, 'run', 'checkpoint')))
    if values['checkpoint'] is not None and values['preset'] is None:
        raise flags.Error('--preset: expected the system of --checkpoint, found nothing')
    if values['checkpoint'] is not None and values['step'] is not None:
        raise flags.Error('--step: expected only with --run; a checkpoint prefix already ends in its step')
    if values['which'] == 'best' and (values['run'] is None or values['step'] is not None):
        raise flags.Error('--which=best: expected a --run, and no --step, beside it, found {}'.format(
            _given(values, 'checkpoint', 'step')))


def _given(values, *names):
    """Which of these flags have been given, for a message."""
    given = ['--' + name for name in names if values[name] not in (None, 'last')]  # --which is `last` by default
    return ' and '.join(given) if given else 'neither' if len(names) == 2 else 'none of them'


def parse_export(argv):
    command = _Command('dcgan-export', 'Exports the generator of a run or a checkpoint to what other systems load, '
                                       'each format compared with the session. The formats are ' + ' '.join(
                                           '{}: {}.'.format(name, one.title) for name, one in FORMATS.items()))
    _checkpoint_flags(command)
    command.group('What to write')
    command.string('formats', None, 'Formats with commas between them. Default: all that the installed packages '
                                    "allow (pip install 'dcgan_tf1[export]').")
    command.boolean('with_discriminator', False, 'Export the discriminator, too (but not to the web page).')
    command.integer('opset', 17, "ONNX's version of its operations: 13 to 18.", 13, 18)
    command.group('Where to')
    command.path('out', None, 'The folder. Default: export-STEP in the run folder, export for a checkpoint.')
    command.boolean('overwrite', False, 'Replace an earlier export (files that others put there are kept).')
    values = command.parse(argv)
    if values is None:
        return None
    _check_checkpoint_flags(values)
    chosen = None
    if values['formats'] is not None:
        chosen = tuple(values['formats'].split(','))
        for name in chosen:
            if name not in FORMATS:
                raise flags.Error('--formats: expected some of {}, found {!r}'.format(','.join(FORMATS), name))
    return ExportConfig(formats=chosen, **{field.name: values[field.name] for field in dataclasses.fields(ExportConfig)
                                           if field.name != 'formats'})


def parse_report(argv):
    command = _Command('dcgan-report', 'Writes one self-contained HTML page about one run or several beside each '
                                       'other: samples, losses, speed, quality, interpolations, configuration.')
    command.paths('runs', 'Run folders, with commas between them; or the flag once for each.')
    command.path('out', 'report.html', 'The HTML file.', ('.html', '.htm'))
    command.boolean('overwrite', False, 'Replace a file that is there.')
    command.integer('seed', 0, 'Of the noise of samples and interpolations.', 0)
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')
    values = command.parse(argv)
    if values is None:
        return None
    runs = _runs(values, 1, 'a run folder or more')
    return ReportConfig(runs=runs, **{field.name: values[field.name] for field in dataclasses.fields(ReportConfig)
                                      if field.name != 'runs'})


def _runs(values, least, expected):
    if len(values['runs']) < least:
        raise flags.Error('--runs: expected {}, found {}'.format(expected, ', '.join(values['runs']) or 'nothing'))
    return values['runs']


def parse_evaluate(argv):
    command = _Command('dcgan-evaluate', 'Measures how far generated images are from real ones: Frechet and kernel '
                                         'distance, classifier score, precision, recall, density, coverage, classes, '
                                         'and how near they are to training images; by a classifier of the data set, '
                                         'which is trained once, or by a frozen graph.')
    _checkpoint_flags(command)
    command.path('images', None, "In place of a checkpoint: a folder of pictures, or an .npz with 'images'; needs "
                                 '--preset for the real ones.')
    _background_flag(command, '--images=FOLDER')
    command.string('images_range', None, "LOW,HIGH: black and white of an .npz. Default: found by the type and the "
                                         "values of 'images', or refused.")
    command.boolean('tiles', None, 'Whether pictures are grids of images, to be cut up. Default: pictures whose sides '
                                   "are multiples of an image's are refused.")
    command.boolean('all_checkpoints', False, "Every checkpoint of the run, and a picture of the quality over steps.")
    command.group('How')
    command.integer('n', 10000, 'Images; at most half of the real ones. Distances depend on it.', 100)
    command.integer('seed', 0, 'Of the noise, the dropout masks and the choice of real images.', 0)
    command.path('data_dir', None, 'The only place to look for the real images. Default: where the run found them, '
                                   'then $DCGAN_TF1_DATA, then data/.')
    command.boolean('other_data', None, 'Measure a run also against other data than it was trained on. Default: '
                                        'refuse them.')
    command.path('features', None, "A frozen graph (.pb) whose features are compared, in place of the data set's "
                                   'classifier; needs --features_input and --features_output.')
    command.string('features_input', None, 'Its placeholder for images: floats or bytes, [N, H, W, C], [N, C, H, W] '
                                           'or flat, or encoded pictures.')
    command.string('features_output', None, 'Its features [N, D].')
    command.string('features_probabilities', None, 'Its class probabilities [N, K], if it has some.')
    command.string('features_range', None, 'The range in which it takes pixels, if it takes floats. Default: -1,1.')
    command.integer('features_seed', None, 'Of the classifier: another seed trains another one. Default: 0.', 0)
    command.group('Where to')
    command.path('out', None, 'The folder. Default: evaluation-STEP in the run folder, else evaluation.')
    command.boolean('overwrite', False, 'Replace an earlier evaluation.')
    command.group('Machine')
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')
    values = command.parse(argv)
    if values is None:
        return None
    if values['images'] is None:
        _check_checkpoint_flags(values)
    elif values['run'] is not None or values['checkpoint'] is not None:
        raise flags.Error('--images: expected neither --run nor --checkpoint beside it, found {}'.format(
            _given(values, 'run', 'checkpoint')))
    elif values['preset'] is None:
        raise flags.Error('--preset: expected the system whose real images --images are compared with, found nothing')
    _check_background(values, values['images'] is not None and os.path.isdir(values['images']), '--images=FOLDER')
    if values['all_checkpoints'] and (values['run'] is None or values['step'] is not None
                                      or values['which'] == 'best'):
        raise flags.Error('--all_checkpoints: expected a --run, and neither --step nor --which=best, beside it, '
                          'found {}'.format(_given(values, 'checkpoint', 'images', 'step', 'which')))
    if values['features'] is not None and None in (values['features_input'], values['features_output']):
        raise flags.Error('--features: expected --features_input and --features_output beside it, found {}'.format(
            _given(values, 'features_input', 'features_output')))
    _check_measuring_flags(values)
    return EvaluateConfig(**{field.name: values[field.name] for field in dataclasses.fields(EvaluateConfig)})


def _check_measuring_flags(values):
    """Reads the ranges among evaluate's flags; an error for a flag that nothing would come of."""
    for name in ('features_range', 'images_range'):
        values[name] = _parse_range(name, values[name])
    for name, needed in (('features_range', 'features'), ('images_range', 'images'), ('tiles', 'images'),
                         ('features_input', 'features'), ('features_output', 'features'),
                         ('features_probabilities', 'features'), ('other_data', 'run')):
        if values[name] is not None and values[needed] is None:
            raise flags.Error('--{}: expected --{} beside it, found none'.format(name, needed))
    if values['features'] is not None and values['features_seed'] is not None:
        raise flags.Error("--features_seed: expected the data set's classifier, found --features beside it")
    values['features_seed'] = values['features_seed'] or 0


def _parse_range(name, text):
    if text is None:
        return None
    try:
        low, high = [float(part) for part in text.split(',')]
        if not -math.inf < low < high < math.inf:
            raise ValueError
    except ValueError:
        raise flags.Error('--{}: expected LOW,HIGH, found {!r}'.format(name, text))
    return low, high


def parse_data(argv):
    command = _Command('dcgan-data', 'Finds, downloads and checks a data set, and says what is in it. '
                       + ' '.join('{}: {}.'.format(name, source.title) for name, source in DATASETS.items()))
    command.group('Which')
    command.choice('dataset', 'mnist', DATASETS, 'The data set.')
    command.choice('split', 'train', ('train', 'test'), 'Which part of it.')
    command.string('class', None, 'Count and preview this class alone, by name or number.')
    command.string('shape', '28x28x1', 'Height, width and channels that --dataset=folder resizes to.')
    _background_flag(command, '--dataset=folder')
    command.group('Where')
    command.path('data_dir', None, 'The only place to look. Default: $DCGAN_TF1_DATA, then data/, into which what '
                                   'is missing is downloaded.')
    command.path('preview', None, 'Write the first 100 images to this PNG or JPEG file.', paths.PICTURES)
    values = command.parse(argv)
    if values is None:
        return None
    pictures, shape = values['dataset'] == 'folder', _parse_shape(values['shape'])
    _check_background(values, pictures, '--dataset=folder')
    if command.values['shape'].present and not pictures:
        raise flags.Error('--shape: expected only with --dataset=folder, found --dataset=' + values['dataset'])
    if pictures and values['split'] != 'train':
        raise flags.Error('--split: expected train for --dataset=folder, all of which is trained on, found '
                          + values['split'])
    return DataConfig(dataset=values['dataset'], split=values['split'], data_dir=values['data_dir'],
                      image_class=values['class'], shape=shape,
                      background=values['background'], preview=values['preview'])


def _background_flag(command, beside):
    command.choice('background', None, BACKGROUNDS, 'What transparent parts of the pictures of {} are laid on. '
                                                    'Default: black.'.format(beside))


def _check_background(values, pictures, beside):
    """Refuses --background where there are no pictures to lay on it, and fills in its default."""
    if values['background'] is not None and not pictures:
        raise flags.Error('--background: expected only with {}, found --background={}'.format(
            beside, values['background']))
    values['background'] = values['background'] or 'black'


def _parse_shape(text):
    parts = text.split('x')
    if len(parts) != 3 or not all(part.isdecimal() and int(part) for part in parts) or parts[2] not in ('1', '3'):
        raise flags.Error('--shape: expected HEIGHTxWIDTHxCHANNELS with 1 or 3 channels, found {!r}'.format(text))
    return tuple(int(part) for part in parts)
