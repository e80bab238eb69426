"""The order of the house, read off its imports: one way, in no circle, and no command imports another."""

import ast
import os

import dcgan_tf1

PACKAGE = os.path.dirname(dcgan_tf1.__file__)
# A package may import those of the floors below its own, and itself.
FLOORS = (
    ('util',), ('gan', 'data', 'parallel'), ('runs',), ('exporting', 'metrics'), ('reporting',), ('training',))
COMMANDS = len(FLOORS)


def modules():
    """{dotted name below dcgan_tf1: path} of every module."""
    found = {}
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            if name.endswith('.py'):
                path = os.path.join(folder, name)
                found[os.path.relpath(path, PACKAGE)[:-len('.py')].replace(os.sep, '.')] = path
    return found


def floor(module):
    package = module.split('.')[0] if '.' in module else ''
    return next((number for number, packages in enumerate(FLOORS) if package in packages), COMMANDS)


def imports(path, known):
    """The modules of the package that one imports, at its top or inside functions."""
    with open(path, encoding='utf-8') as handle:
        tree = ast.parse(handle.read())
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = ['{}.{}'.format(node.module, alias.name) for alias in node.names] + [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith('dcgan_tf1.') and name[len('dcgan_tf1.'):] in known:
                yield name[len('dcgan_tf1.'):]


def graph():
    known = modules()
    return {module: sorted(set(imports(path, known))) for module, path in known.items()}


def test_every_package_has_its_floor():
    packages = {name.split('.')[0] for name in modules() if '.' in name}
    assert packages == {package for packages in FLOORS for package in packages}


def test_imports_run_one_way():
    wrong = []
    for module, others in graph().items():
        for other in others:
            same = '.' in module and module.split('.')[0] == other.split('.')[0]
            if not same and floor(other) >= floor(module) and module != '__init__':
                wrong.append('{} imports {}'.format(module, other))
    assert wrong == []


def test_there_is_no_circle():
    left = {module: set(others) for module, others in graph().items()}
    while True:
        free = {module for module, others in left.items() if not others}
        if not free:
            break
        left = {module: others - free for module, others in left.items() if module not in free}
    assert left == {}
