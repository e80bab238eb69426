"""Lists the commands: `python -m dcgan_tf1`."""

import importlib
import sys

import dcgan_tf1
from dcgan_tf1.util import cli, flags

COMMANDS = ('train', 'launch', 'sample', 'animation', 'compare', 'evaluate', 'report', 'export', 'datasets')


def parse(argv):
    """The commands' names, which is all that there is to configure; None after a help text, or the version."""
    command = flags.Command('python -m dcgan_tf1', 'Lists the commands.')
    named = next(iter(sys.argv[1:] if argv is None else argv), None)
    if named in COMMANDS:
        raise flags.Error('expected no command after python -m dcgan_tf1, found {0!r}; python -m dcgan_tf1.{0} starts '
                          'it'.format(named))
    return None if command.parse(argv) is None else COMMANDS


def main(argv=None):
    return cli.run(parse, list_commands, argv)


def list_commands(names):
    """Prints a line about each command, the first of its module's docstring."""
    print('{} (version {})\n'.format(dcgan_tf1.__doc__.splitlines()[0], dcgan_tf1.__version__))
    for name in names:
        purpose = importlib.import_module('dcgan_tf1.' + name).__doc__.split(':')[0]
        print('  python -m dcgan_tf1.{:<10} {}'.format(name, purpose))
    print('\nEach explains its flags with --help.')


if __name__ == '__main__':
    sys.exit(main())
