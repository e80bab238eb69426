"""The flags of one command: their kinds, their help text, and the groups of them that several commands have.

Nothing here knows of presets or data sets: what a flag may be is passed in. Each command has flags of
its own (no global registry), so a help text lists only what the command knows, and a misspelt
flag fails at once. Nothing here imports TensorFlow or NumPy, so a help text comes at once, too.
"""

import math
import os
import re
import textwrap

from absl import flags

import dcgan_tf1
from dcgan_tf1.util import paths
from dcgan_tf1.util.compute_policy import CONV_IMPL_CHOICES, PRECISION_CHOICES

Error = flags.Error  # of a wrong flag; its message is one line
UnknownFlag = flags.UnrecognizedFlagError


MAX_INTEGER = (1 << 31) - 1  # of an integer, since TensorFlow's are of 32 bits


# absl's message about an illegal value. Only the words that follow the value show where it ends.
_ILLEGAL = re.compile(
    r'flag --(\w+)=(.*?): (?:\2 is not |invalid literal|could not convert|value should be|Exceeds the limit|\('
    r'|[^:]*$)', re.S)


class Command:
    """One command's flags, in groups.

    name: the installed command's. purpose: what it does, for the help text. examples: whole commands, each
    with a line that says what it does: pairs of (line, command).
    """

    def __init__(self, name, purpose, examples=()):
        self._name, self._purpose, self._examples = name, purpose, examples
        self._groups, self._help, self._paths, self._old_names, self._old_values = [], {}, {}, {}, {}
        self._reals, self._most, self._expected, self._lists = {}, {}, {}, []
        self.values = flags.FlagValues()
        self._define(flags.DEFINE_boolean, 'help', False, '', short_name='h')
        self._define(flags.DEFINE_boolean, 'version', False, '')

    def _define(self, define, name, default, *args, **kwargs):
        define(name, default, *args, flag_values=self.values, **kwargs)
        if name not in ('help', 'version'):
            if not self._groups:
                self.group('Flags')
            self._groups[-1][1].append(name)
            self._help[name] = args[-1]  # absl puts the choices in front of it

    def group(self, title):
        self._groups.append((title, []))

    def string(self, name, default, help_text):
        self._define(flags.DEFINE_string, name, default, help_text)

    def list_of(self, name, default, help_text):
        """A string of several values with commas between them. Given twice, it is refused: the first would be lost."""
        self.string(name, default, help_text)
        self._lists.append(name)

    def path(self, name, default, help_text, kinds=()):
        """A string in which `~` is a home folder; a name that has an extension has to have one of `kinds`."""
        self.string(name, default, help_text)
        self._paths[name] = kinds

    def paths(self, name, help_text):
        """Several paths, with commas between them or by giving the flag several times: a tuple, () for none."""
        self._define(flags.DEFINE_multi_string, name, [], help_text)
        self._paths[name] = ()

    def integer(self, name, default, help_text, lower=None, upper=MAX_INTEGER, old_name=None, hint=''):
        """upper: None for any number. old_name: what the flag was called before; it goes on working.

        hint: what a message about another value says beside what was expected.
        """
        self._define(flags.DEFINE_integer, name, default, help_text, lower_bound=lower)
        self._most[name] = upper
        self._expected[name] = 'a whole number{}{}'.format(
            '' if lower is None else ' from {:,}'.format(lower),
            '' if lower is None or upper in (None, MAX_INTEGER) else ' to {:,}'.format(upper)) + hint
        if old_name is not None:
            self._expected[old_name] = self._expected[name]
            flags.DEFINE_integer(old_name, default, '', lower_bound=lower, flag_values=self.values)
            self._old_names[name] = old_name

    def real(self, name, default, help_text, lower=None, upper=None, infinite=False):
        """infinite: whether `inf` is one of its values."""
        self._define(flags.DEFINE_float, name, default, help_text, lower_bound=lower, upper_bound=upper)
        self._reals[name] = infinite
        self._expected[name] = 'a number' + ''.join(
            ' {} {:g}'.format(word, bound) for word, bound in (('from', lower), ('to', upper)) if bound is not None)

    def boolean(self, name, default, help_text):  # a default of None: neither said
        self._define(flags.DEFINE_boolean, name, default, help_text)
        self._expected[name] = 'true or false'

    def choice(self, name, default, choices, help_text, old_values=(), hint=''):
        """old_values: {what a value was called before: the value}; they go on working. hint: as integer() has it."""
        self._old_values[name] = dict(old_values)
        self._expected[name] = 'one of ' + ', '.join(choices) + hint
        self._define(flags.DEFINE_enum, name, default, list(choices) + list(old_values), help_text)

    def parse(self, argv):
        """Returns the flags' values by name, or None after printing the help text, or the version."""
        rest = self._parsed(argv)
        if self.values['help'].value:
            print(self.help_text())
            return None
        if self.values['version'].value:
            print('dcgan_tf1 ' + dcgan_tf1.__version__)
            return None
        if len(rest) > 1:
            raise Error('expected only flags (--name=value), found {!r}'.format(rest[1]))
        for name in self._lists:
            if self.values[name].present > 1:
                raise Error('--{}: expected it once, with commas between several values, found it {} times'.format(
                    name, self.values[name].present))
        values = self.values.flag_values_dict()
        for name, old_name in self._old_names.items():
            old = values.pop(old_name)
            if self.values[old_name].present:
                if self.values[name].present and values[name] != old:
                    raise Error('--{0}: expected the same as its old name --{1} has, found --{0}={2} and --{1}={3}'
                                .format(name, old_name, values[name], old))
                values[name] = old
        for name, old_values in self._old_values.items():
            values[name] = old_values.get(values[name], values[name])
        for name, highest in self._most.items():
            if None not in (values[name], highest) and values[name] > highest:
                raise Error('--{}: expected at most {:,}, found {:,}'.format(name, highest, values[name]))
        for name, infinite in self._reals.items():
            if values[name] is not None and (math.isnan(values[name]) or math.isinf(values[name]) and not infinite):
                raise Error('--{}: expected a finite number, found {}'.format(name, values[name]))
        for name, kinds in self._paths.items():
            if isinstance(values[name], list):
                values[name] = tuple(paths.expand(path, '--' + name) for text in values[name]
                                     for path in paths.split(text))
            elif values[name] is not None:
                values[name] = _checked_path(name, values[name], kinds)
        return values

    def _parsed(self, argv):
        """Sets the values that the flags have in `argv`; returns what is no flag, with the program's name."""
        try:
            return self.values([self._name] + list(argv))
        except flags.IllegalFlagValueError as error:
            match = _ILLEGAL.match(str(error))
            if match is None or match.group(1) not in self._expected:
                raise
            raise Error('--{}: expected {}, found {!r}'.format(
                match.group(1), self._expected[match.group(1)], match.group(2)))
        except UnicodeDecodeError:
            raise Error('--flagfile: expected a file of flags in UTF-8, found other bytes')

    def help_text(self):
        lines = ['usage: {} [--flag=value ...]'.format(self._name), '']
        lines += textwrap.wrap(self._purpose, 92)
        for title, names in self._groups:
            lines += ['', title]
            for name in names:
                lines += self._help_lines(name)
        if self._examples:
            lines += ['', 'Examples']
            for purpose, example in self._examples:
                lines += ['  # ' + purpose, '  ' + example]
        return '\n'.join(lines)

    def _help_lines(self, name):
        flag, text = self.values[name], self._help[name]
        old_values = self._old_values.get(name, {})
        if getattr(flag.parser, 'enum_values', None):
            text += ' One of {}.'.format(', '.join(
                value for value in flag.parser.enum_values if value not in old_values))
        for old, value in old_values.items():
            text += ' ({} is the old name of {}.)'.format(old, value)
        if flag.default not in (None, []):
            default = str(flag.default).lower() if flag.boolean else flag.default
            text += ' (default: {})'.format(default)
        spelling = '  --[no]{}'.format(name) if flag.boolean else '  --{}'.format(name)
        if name in self._old_names:
            spelling += ', --' + self._old_names[name]
        lines = textwrap.wrap(text, 66)
        if len(spelling) > 24:
            return [spelling] + [' ' * 26 + line for line in lines]
        return ['{:<26}{}'.format(spelling if i == 0 else '', line) for i, line in enumerate(lines)]


def _checked_path(name, path, kinds):
    extension = os.path.splitext(path)[1]
    if not path:
        raise Error('--{}: expected a path, found nothing'.format(name))
    if kinds and extension and extension.lower() not in kinds:
        raise Error('--{}: expected a name that ends in {}, found {!r}'.format(name, ' or '.join(kinds), path))
    return paths.expand(path, '--' + name)


def fields_of(config, values, **others):
    """A frozen configuration of the class `config`: its fields of `values`, except `others`."""
    return config(**dict({name: values[name] for name in config.__dataclass_fields__ if name not in others}, **others))


def given(values, *names):
    """Which of these flags have been given, for a message."""
    present = ['--' + name for name in names if values[name] is not None]
    return ' and '.join(present) if present else 'neither' if len(names) == 2 else 'none of them'


# ------------------------------------------- flags that several commands have, and values of some

def device_flag(command):
    command.choice('device', 'auto', ('auto', 'cpu', 'gpu'), 'auto: a GPU where TensorFlow sees one.')


def compute_flags(command, precision, training):
    """--precision, whose default is given, and --lowering. training: whether the command trains, or only samples."""
    command.choice('precision', precision, PRECISION_CHOICES,
                   'Type of matrix products and of activations; {} float32. auto: the fastest that the machine is '
                   'made for.{}'.format(
                       'weights, batch norm, losses and Adam stay' if training else 'batch norm stays',
                       ' Checkpoints are the same for all.' if training else ''))
    command.choice('lowering', 'auto', CONV_IMPL_CHOICES,
                   "How convolutions are computed. native: by TensorFlow's kernels, operation for operation 2017's "
                   'graph. matmul: as matrix products. mixed: what was the fastest for each product on our CPUs. '
                   'auto: native on a GPU; on a CPU mixed{}.'.format(
                       ', or, where 300 steps or more are trained, what is measured once to be the fastest on this '
                       'machine' if training else ''))


def check_runs(values, least, expected):
    if len(values['runs']) < least:
        raise Error('--runs: expected {}, found {}'.format(expected, ', '.join(values['runs']) or 'nothing'))
    seen = set()
    for run in values['runs']:
        if os.path.realpath(run) in seen:
            raise Error('--runs: expected each run once, found {} twice'.format(run))
        seen.add(os.path.realpath(run))


MAX_SEEDS = 1000000
_DIGITS = 40  # of a seed, or of the two ends of a range


def parse_seeds(name, text):
    """The seeds that a text like 0-35,40 lists, a tuple; None of None."""
    if text is None:
        return None
    seeds, expected = [], '--{}: expected seeds and ranges of them, as 0-35,40, '.format(name)
    for part in text.split(','):
        first, dash, last = part.partition('-')
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or len(part) > _DIGITS:
            raise Error(expected + 'found {!r}'.format(text))
        ends = int(first), int(last or first)
        if ends[0] > ends[1] or len(seeds) + ends[1] - ends[0] >= MAX_SEEDS:
            raise Error(expected + 'upwards and at most {:,}, found {!r}'.format(MAX_SEEDS, text))
        seeds += range(ends[0], ends[1] + 1)
    return tuple(seeds)


def parse_range(name, text):
    """(low, high) of LOW,HIGH; None of None."""
    if text is None:
        return None
    try:
        low, high = [float(part) for part in text.split(',')]
        if not -math.inf < low < high < math.inf:
            raise ValueError
    except ValueError:
        raise Error('--{}: expected LOW,HIGH, found {!r}'.format(name, text))
    return low, high
