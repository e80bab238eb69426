"""The package uses only what exists in TensorFlow 1.15 and in 2.21 alike."""

import ast
import glob
import inspect
import os

import tensorflow.compat.v1 as tf
from helpers.places import HELPERS, ROOT

PACKAGE = os.path.join(ROOT, 'dcgan_tf1')


def allowed():
    """{symbol: set of the arguments common to both, or None where any goes}."""
    found = {}
    with open(os.path.join(HELPERS, 'tf_v1_symbols.txt')) as handle:
        for line in handle:
            if line.strip() and not line.startswith('#'):
                symbol, _, arguments = line.strip().partition(' ')
                found[symbol] = None if arguments == '*' else set(arguments.split())
    return found


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return '.'.join(['tf'] + parts[::-1]) if isinstance(node, ast.Name) and node.id == 'tf' else None


def uses(source):
    """(symbol, keyword arguments or None, line) of each use of `tf.` in a source text."""
    tree = ast.parse(source)
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {node.func: node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner and dotted(node):
            call = called.get(node)
            yield dotted(node), call and [k.arg for k in call.keywords], node.lineno


def problems(source, symbols):
    for symbol, keywords, line in uses(source):
        parent = symbol.rsplit('.', 1)[0]
        if symbol not in symbols and symbols.get(parent, ()) is not None:  # not a constant of a message
            yield '{}: {} is not in both'.format(line, symbol)
        elif symbols.get(symbol) is not None:
            for keyword in keywords or []:
                if keyword not in symbols[symbol]:
                    yield '{}: {}({}=) is not in both'.format(line, symbol, keyword)


def test_the_package_uses_common_symbols_and_arguments():
    found = []
    for path in sorted(glob.glob(os.path.join(PACKAGE, '**', '*.py'), recursive=True)):
        with open(path) as handle:
            source = handle.read()
        found += ['{}:{}'.format(os.path.relpath(path, PACKAGE), text) for text in problems(source, allowed())]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [(a.name, a.asname) for a in node.names]
                if isinstance(node, ast.ImportFrom):
                    names = [(node.module or '', None)]
                found += ['{}: imports {}'.format(os.path.relpath(path, PACKAGE), name) for name, alias in names
                          if name.split('.')[0] in ('tensorflow', 'keras', 'tf_keras')
                          and (name, alias) != ('tensorflow.compat.v1', 'tf')]
    assert found == []


def test_the_check_would_find_a_newer_symbol_or_argument():
    symbols = allowed()
    assert list(problems('tf.random.Generator.from_seed(1)', symbols))
    assert list(problems('tf.Session.partial_run', symbols)) and list(problems('tf.train.Saver.load()', symbols))
    assert not list(problems('tf.GraphKeys.UPDATE_OPS', symbols))
    assert list(problems('tf.nn.fused_batch_norm(x, g, b, exponential_avg_factor=0.9)', symbols))
    assert not list(problems('tf.nn.fused_batch_norm(x, g, b, epsilon=0.9)', symbols))


def test_the_list_is_true_of_the_tensorflow_at_hand():
    for symbol, arguments in allowed().items():
        found = tf
        for part in symbol.split('.')[1:]:
            found = getattr(found, part)
        if arguments:
            target = inspect.unwrap(found.__init__ if inspect.isclass(found) else found)
            assert arguments <= set(inspect.signature(target).parameters), symbol
