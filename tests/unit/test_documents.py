"""The documents: what they show can be run, what they name is there, and nothing that they should name is missing."""

import ast
import contextlib
import glob
import io
import os
import re
import shlex

import pytest
from helpers.places import ROOT

from dcgan_tf1 import animation, compare, datasets, evaluate, export, launch, report, sample, train
from dcgan_tf1.data.sources import DATASETS
from dcgan_tf1.exporting.formats import FORMATS
from dcgan_tf1.gan import preset_file
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.util import flags

pytestmark = pytest.mark.once

# {module: its function from arguments to a configuration, or to None after a help text}.
PARSERS = {'train': train.parse_train, 'launch': launch.parse, 'sample': sample.parse,
           'evaluate': evaluate.parse, 'report': report.parse, 'compare': compare.parse,
           'animation': animation.parse, 'export': export.parse, 'datasets': datasets.parse}

# Stands for the preset file of the documents' user.
EXAMPLE = os.path.join(ROOT, 'examples', 'custom_preset.py')

# Flags that the documents describe already and that are still to come; whoever adds one takes it out here.
COMING = set()

# Flags of other programs, and of our scripts.
OTHERS = {'help', 'version', 'no-deps', 'tf_xla_cpu_global_jit', 'all', 'nightly'}


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as handle:
        return handle.read()


@pytest.fixture(autouse=True)
def registered_presets_go_again():
    before = dict(PRESETS)
    yield
    PRESETS.clear()
    PRESETS.update(before)
    preset_file.forget()


PAGES = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, 'docs', '*.md')))
DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'data/README.md', 'benchmarks/README.md',
             'examples/README.md'] + PAGES
TEXTS = {name: read(name) for name in DOCUMENTS}

_FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
_SPAN = re.compile(r'`([^`\n]+)`')
# `dcgan-0` is a run.
_COMMAND = re.compile(r'(?:python3? -m dcgan_tf1\.(?P<module>\w+)|(?<![\w/-])dcgan-(?!\d)(?P<script>\w+)'
                      r'|(?P<file>(?:\./|benchmarks/|tests/)[\w/]+\.(?:sh|py)))(?P<arguments>[^"`|;\n#]*)')


def blocks(name, *languages):
    return [text for language, text in _FENCE.findall(TEXTS[name]) if language in languages]


def spans(name):
    return _SPAN.findall(_FENCE.sub('', TEXTS[name]))


def scripts():
    """{console script without dcgan-: module}, as they are installed."""
    return {script: 'datasets' if script == 'data' else script
            for script in re.findall(r"'dcgan-(\w+)=dcgan_tf1\.commands:\w+'", read('setup.py'))}


def shown_lines(name):
    """The lines of a document's shell and YAML blocks, continued ones joined, variables in their place."""
    for text in blocks(name, '', 'sh', 'bash'):
        values = {}
        for line in text.replace('\\\n', ' ').splitlines():
            values.update(re.findall(r'^(\w+)=(\S+)$', line))
            yield re.sub(r'\$(\w+)', lambda found, values=values: values.get(found.group(1), found.group()), line)
    for text in blocks(name, 'yaml'):
        for command in re.findall(r'command: \[(.*)\]', text):
            yield command.replace(',', '')


def commands(line):
    """(module or path of a script, arguments) of each of our commands in a line."""
    for found in _COMMAND.finditer(line):
        arguments = shlex.split(re.sub(r'\s&(&|\s*$).*', '', found.group('arguments')))
        if found.group('script'):
            assert found.group('script') in scripts(), line
        yield found.group('module') or scripts().get(found.group('script')) or found.group('file'), arguments


def flags_of(module):
    """The names of a command's flags, as its help text lists them; of a switch also the name that turns it off."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert PARSERS[module](['--help']) is None
    found = re.findall(r'^  --(\[no\])?(\w+)(?:, --(\w+))?', out.getvalue(), re.M)
    return {prefix + name for switch, new, old in found for name in filter(None, (new, old))
            for prefix in ([''] + ['no'] * bool(switch))}


def flags_of_benchmark(path):
    return set(re.findall(r"add_argument\('--(\w+)'", read(path)))


def names(arguments):
    """The flags among a command's arguments."""
    return {argument.split('=')[0][len('--'):] for argument in arguments if re.match(r'--\w', argument)}


def check_command(what, arguments):
    """Parses the flags of one command that a document shows."""
    if what in PARSERS:
        if not COMING & names(arguments):
            arguments = [re.sub('(?<=--preset_file=).*', lambda _: EXAMPLE, one) for one in arguments]
            assert PARSERS[what](arguments) is not None or '--help' in arguments
        return
    assert os.path.isfile(os.path.join(ROOT, what)), what
    preset = {'./run_mnist.sh': 'blog_mnist', './run_cifar.sh': 'blog_cifar_horse'}.get(what)
    if preset:
        check_command('train', ['--preset=' + preset] + arguments)
    elif what == 'benchmarks/reproduce_all.sh':
        check_command('train', [argument for argument in arguments if argument != '--quick'][1:])
    elif what == './run_tests.sh':
        assert all('--' + name in read(what) for name in names(arguments)), arguments
    elif what.startswith('benchmarks/'):
        assert names(arguments) <= flags_of_benchmark(what), arguments


@pytest.mark.parametrize('name', DOCUMENTS)
def test_commands_that_are_shown_have_the_flags_that_they_are_shown_with(name, monkeypatch, capsys):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    for line in shown_lines(name):
        for what, arguments in commands(line):
            check_command(what, arguments)
    for span in spans(name):
        for what, arguments in commands(span):
            if span.startswith('dcgan-'):  # no whole command: a mention, with a flag or without
                assert names(arguments) <= flags_of(what) | COMING, span
            else:
                check_command(what, arguments)


def test_the_commands_are_found():
    """The test above looks at what it should: some of each kind, by number of arguments."""
    found = [(what, len(arguments)) for name in DOCUMENTS for line in shown_lines(name)
             for what, arguments in commands(line)]
    assert {what for what, _ in found} >= set(PARSERS) | {'./run_mnist.sh', './run_tests.sh',
                                                          'benchmarks/reproduce_all.sh', 'benchmarks/train_step.py'}
    assert found.count(('train', 3)) > 2 and ('evaluate', 7) in found and ('launch', 4) in found
    assert list(commands('ssh 10.0.0.2 "cd x && python -m dcgan_tf1.train --epochs=1 --seed=2" &')) == [
        ('train', ['--epochs=1', '--seed=2'])]
    assert list(commands("dcgan-sample --run=r --out='a b.png' &")) == [('sample', ['--run=r', '--out=a b.png'])]


@pytest.mark.parametrize('module', sorted(PARSERS))
def test_help_texts_end_in_examples_which_can_be_run(module, monkeypatch, capsys):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    assert PARSERS[module](['--help']) is None
    text = capsys.readouterr().out
    examples = text[text.index('\nExamples\n'):].splitlines()[2:]
    assert len(examples) % 2 == 0 and all(line.startswith('  # ') for line in examples[::2])
    for line in examples[1::2]:
        (what, arguments), = commands(line)
        assert what == module
        check_command(what, arguments)


def test_a_flag_that_is_none_is_found():
    for what, arguments in (('train', ['--lerning_rate=1']), ('./run_mnist.sh', ['--epochs=none'])):
        with pytest.raises(flags.Error):
            check_command(what, arguments)
    with pytest.raises(AssertionError):
        check_command('benchmarks/growth.py', ['--preset=blog_mnist'])


def test_flags_that_are_named_exist_and_flags_that_exist_are_named():
    known = set().union(*map(flags_of, PARSERS))
    benchmarks = set().union(*[flags_of_benchmark(os.path.relpath(path, ROOT)) for path in glob.glob(
        os.path.join(ROOT, 'benchmarks', '*.py'))])
    named = {name: set(re.findall(r'--([a-z][\w-]*)', ' '.join(spans(name)))) for name in DOCUMENTS}
    for name, found in named.items():
        assert found <= known | benchmarks | COMING | OTHERS, name
    shown = set(re.findall(r'--([a-z]\w*)', ' '.join(line for name in DOCUMENTS for line in shown_lines(name))))
    described = shown.union(*named.values())
    assert {flag for flag in known if not (flag.startswith('no') and flag[2:] in known)} <= described
    assert not COMING & known, 'these are no longer to come'


@pytest.mark.parametrize('name', DOCUMENTS)
def test_python_examples_compile(name):
    for text in blocks(name, 'python'):
        ast.parse(text, name)


def slugs(text):
    """The anchors that GitHub gives the headings of a document."""
    headings = re.findall(r'^#+ (.+)$', _FENCE.sub('', text), re.M)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('name', DOCUMENTS)
def test_links_and_pictures_lead_somewhere(name):
    text = _SPAN.sub('', _FENCE.sub('', TEXTS[name]))
    targets = re.findall(r'\]\(([^()\s]+)\)', text)
    assert targets
    for target in targets:
        if target.startswith('https://'):
            continue
        path, _, anchor = target.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        assert os.path.exists(os.path.join(ROOT, path)), target
        if anchor:
            assert anchor in slugs(read(path)), target


def test_every_page_says_what_it_is_for_and_is_reached_from_the_readme():
    for name in [other for other in DOCUMENTS if other != 'README.md']:
        lines = [line for line in TEXTS[name].splitlines() if line]
        assert lines[0].startswith('# ') and re.match(r'[A-Z].*[.,\w]', lines[1]), name
        target = os.path.relpath(name)
        assert '({})'.format(target) in TEXTS['README.md'] or name == 'data/README.md', name
        assert re.search(r'\((\.\./)?README\.md\)', TEXTS[name]) or name == 'data/README.md', name
    assert '(../data/README.md)' in TEXTS['docs/data.md'] and '(../docs/data.md)' in TEXTS['data/README.md']


def test_the_readme_is_short_and_has_its_picture_on_top():
    lines = TEXTS['README.md'].splitlines()
    assert len(lines) <= 150 and any(line.startswith('![') for line in lines[:4])


@pytest.mark.parametrize('name', DOCUMENTS + ['CHANGELOG.md'])
def test_lines_of_prose_are_as_long_as_those_of_code(name):
    lines = re.sub(r'```.*?```', '', read(name), flags=re.S).splitlines()
    assert [line for line in lines if len(line) > 119 and not line.startswith(('|', '!['))] == []


def first_cells(text):
    return re.findall(r'^\| `([\w-]+)` \|', text, re.M)


def test_tables_have_a_row_for_each():
    """Presets, commands, data sets and formats, in the order of the code."""
    for name in ('README.md', 'docs/presets.md'):
        assert [cell for cell in first_cells(TEXTS[name]) if cell in PRESETS][:len(PRESETS)] == list(PRESETS), name
    assert {cell[len('dcgan-'):] for cell in first_cells(TEXTS['README.md']) if cell.startswith('dcgan-')} == set(
        scripts())
    assert set(scripts().values()) == set(PARSERS)
    assert first_cells(TEXTS['docs/data.md'])[1:][:len(DATASETS)] == list(DATASETS)
    assert first_cells(TEXTS['docs/export.md']) == list(FORMATS)


def test_no_document_names_a_place_on_somebodys_machine():
    for name, text in TEXTS.items():
        assert not re.search(r'(^|[\s`"(=])/(work|root|home|Users)/', text), name


def test_the_architecture_names_every_module():
    tree = blocks('docs/architecture.md', '')[0]
    for folder, _, names in os.walk(os.path.join(ROOT, 'dcgan_tf1')):
        package = os.path.relpath(folder, os.path.join(ROOT, 'dcgan_tf1'))
        for name in names:
            module, extension = os.path.splitext(name)
            if extension == '.py' and (module != '__init__' or package == '.'):
                assert re.search(r'\b{}\b'.format(module), tree), os.path.join(package, name)
