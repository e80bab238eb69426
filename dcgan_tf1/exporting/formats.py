"""The formats of an export, each written, and loaded again by its own runtime.

`FORMATS` is the table: a new format is a row of it, a title in catalogue.py and a section in readme.py. Nothing here
knows of flags or folders beyond the one that it is told to write into.
"""

import collections
import importlib.util
import os
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.exporting import onnx_model, tfjs, tflite
from dcgan_tf1.gan import freeze
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.paths import literal

# A network, frozen: `inputs` are a list of Input, noise or images first, then labels where it takes some. `name` of an
# Input and `output` are operation names of graph_def (`tensor_name` makes tensors' of them), the shapes are without N.
Frozen = collections.namedtuple('Frozen', 'name graph_def inputs output_key output output_shape')
Input = collections.namedtuple('Input', 'key name dtype shape')

# What is exported: the frozen networks (the generator first), the session with the same as
# a graph with variables, and facts for the page: `classes` are the names of a conditional preset's, else None.
# `variants` are frozen networks of other outputs, which ONNX is written of, too.
# `draw(network, count, seed, first_label=0)` gives a list of inputs, with the labels in turn.
Export = collections.namedtuple('Export', 'preset step networks session signatures opset draw classes variants')

# One loadable thing that a format wrote: its path and files (relative to the format's
# folder) and their size, the Frozen network, whether it computes in float32 as the session
# does, and `load()`, which returns a function from the network's inputs, each [N] + shape, to outputs
# [N] + output_shape, and the runtime's name.
Artefact = collections.namedtuple('Artefact', 'path network files bytes exact load')


def _artefact(folder, path, network, files, load, exact=True):
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in files)
    return Artefact(path, network, files, size, exact, load)


# requires: what writing needs, runs_on: what loading needs; (module, pip's name) each. since: the first release of
# TensorFlow that can write it, where not all can.
Format = collections.namedtuple('Format', 'write requires runs_on since')
Format.__new__.__defaults__ = ((), (), None)

# How far off a format that computes in float32 may be. A logit is no pixel: it has no bounds, and is a sum over
# thousands of values. A byte may be rounded the other way.
TOLERANCES = {'images': 1e-5, 'logits': 1e-4, 'bytes': 1}
WEB_DIRECTIONS = 5
CALIBRATION = 128  # so many inputs, or one of each class, set the ranges of TFLite's int8 variant


def tensor_name(name):
    return name + ':0'


def input_tensors(network):
    return [tensor_name(each.name) for each in network.inputs]


# ------------------------------------------------------------------------------- TensorFlow

def run_graph(graph_def, network):
    """A function from inputs to outputs by a session of its own; of a frozen GraphDef."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name='')
    return _runner(tf.Session(graph=graph, config=devices.session_config('cpu')), input_tensors(network),
                   tensor_name(network.output))


def _runner(session, sources, target):
    return session.make_callable(session.graph.get_tensor_by_name(target),
                                 [session.graph.get_tensor_by_name(source) for source in sources])


def _tensorflow():
    return 'TensorFlow {}'.format(tf.VERSION)


def _write_frozen(export, folder):
    for network in export.networks:
        path = os.path.join(folder, network.name + '.pb')
        with open(path, 'wb') as handle:
            handle.write(network.graph_def.SerializeToString())

        def load(path=path, network=network):
            graph_def = tf.GraphDef()
            with open(path, 'rb') as handle:
                graph_def.ParseFromString(handle.read())
            return run_graph(graph_def, network), _tensorflow()

        yield _artefact(folder, network.name + '.pb', network, [network.name + '.pb'], load)


def _write_variables(export, prefix):
    """The networks' variables as a checkpoint; returns its Saver and the names of its files."""
    folder, name = os.path.split(prefix)
    os.makedirs(folder, exist_ok=True)
    with export.session.graph.as_default():
        saver = tf.train.Saver(tf.global_variables(), save_relative_paths=True)
    with literal(prefix) as path:
        saver.save(export.session, path, write_meta_graph=False, write_state=False)
    return saver, sorted(file for file in os.listdir(folder) if file.startswith(name + '.'))


def _write_saved_model(export, folder):
    saver, files = _write_variables(export, os.path.join(folder, 'variables', 'variables'))
    meta = freeze.meta_graph(export.session.graph, saver, export.signatures)
    with open(os.path.join(folder, 'saved_model.pb'), 'wb') as handle:
        handle.write(freeze.saved_model_bytes(meta))
    files = ['saved_model.pb'] + ['variables/' + name for name in files]
    for network, signature in zip(export.networks, export.signatures):

        def load(network=network, signature=signature):
            session = tf.Session(graph=tf.Graph(), config=devices.session_config('cpu'))
            with literal(folder) as path:
                loaded = tf.saved_model.load(session, ['serve'], path).signature_def[signature]
            return _runner(session, [loaded.inputs[each.key].name for each in network.inputs],
                           loaded.outputs[network.output_key].name), _tensorflow()

        path = 'saved_model.pb' if signature == 'serving_default' else 'saved_model.pb ({})'.format(signature)
        yield _artefact(folder, path, network, files, load)


def _write_meta_graph(export, folder):
    saver, files = _write_variables(export, os.path.join(folder, 'model'))
    meta = freeze.meta_graph(export.session.graph, saver, export.signatures)
    with open(os.path.join(folder, 'model.meta'), 'wb') as handle:
        handle.write(meta.SerializeToString())
    for network in export.networks:

        def load(network=network):
            session = tf.Session(graph=tf.Graph(), config=devices.session_config('cpu'))
            with session.graph.as_default(), literal(os.path.join(folder, 'model')) as path:
                tf.train.import_meta_graph(path + '.meta').restore(session, path)
            return _runner(session, input_tensors(network), tensor_name(network.output)), _tensorflow()

        path = 'model.meta' if network is export.networks[0] else 'model.meta ({})'.format(network.name)
        yield _artefact(folder, path, network, ['model.meta'] + files, load)


# -------------------------------------------------------------------------- TensorFlow Lite

def _write_tflite(export, folder):
    for network in export.networks:
        inputs = collections.OrderedDict((each.name, (None,) + each.shape) for each in network.inputs)
        cases = export.draw(network, max(CALIBRATION, export.preset.classes or 0), 1)
        for variant in tflite.VARIANTS:
            name = '{}{}.tflite'.format(network.name, variant)
            with open(os.path.join(folder, name), 'wb') as handle:
                handle.write(tflite.convert(network.graph_def, inputs, network.output, variant, cases))

            def load(name=name, inputs=inputs):
                return tflite.load(os.path.join(folder, name), list(inputs))

            yield _artefact(folder, name, network, [name], load, exact=not variant)


# ------------------------------------------------------------------------------------- ONNX

def _write_onnx(export, folder):
    for network in export.networks + export.variants:
        path = os.path.join(folder, network.name + '.onnx')
        onnx_model.write(path, network.graph_def, input_tensors(network), tensor_name(network.output), export.opset)

        def load(path=path, network=network):
            import onnxruntime  # noqa: PLC0415  optional
            loaded = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
            return (lambda *inputs: loaded.run([tensor_name(network.output)],
                                               dict(zip(input_tensors(network), inputs)))[0],
                    'onnxruntime {}'.format(onnxruntime.__version__))

        yield _artefact(folder, network.name + '.onnx', network, [network.name + '.onnx'], load)


# ------------------------------------------------------------------------------ the browser

def _tfjs_arguments(network):
    """What tfjs.py writes of a network."""
    return (network.graph_def,
            collections.OrderedDict((each.key, (tensor_name(each.name), each.dtype, (None,) + each.shape))
                                    for each in network.inputs),
            {network.output_key: (tensor_name(network.output), 'float32', (None,) + network.output_shape)},
            'dcgan_tf1, TensorFlow {}'.format(tf.VERSION))


def _write_tfjs(export, folder):
    for network in export.networks:
        files = tfjs.write(os.path.join(folder, network.name), *_tfjs_arguments(network))

        def load(network=network):
            return (run_graph(tfjs.read(os.path.join(folder, network.name)), network),
                    _tensorflow() + ', from the JSON and shards read back')

        yield _artefact(folder, network.name + '/model.json', network, [network.name + '/' + name for name in files],
                        load)


PAGE = os.path.join(os.path.dirname(__file__), 'web')
_PAGE_FILES = ['index.html', 'images.js', 'main.js', 'style.css']


def _write_web(export, folder):
    preset, network = export.preset, export.networks[0]
    os.makedirs(folder, exist_ok=True)
    files = _PAGE_FILES + ['page.js'] + tfjs.write_scripts(folder, *_tfjs_arguments(network))
    page = {
        'preset': preset.name, 'title': preset.heading, 'step': export.step, 'z_dim': preset.z_dim,
        'temperature': preset.temperature, 'noise': preset.noise,
        'image_shape': preset.image_shape, 'image_range': preset.image_range,
        'input': tensor_name(network.inputs[0].name), 'output': tensor_name(network.output),
        'directions': np.round(latent_directions(network, WEB_DIRECTIONS), 5).tolist()}
    if export.classes is not None:
        # The page feeds weights of the classes in place of labels: between two images it is between their classes.
        page.update(classes=export.classes, class_weights=tensor_name(class_weights(network)))
    tfjs.write_script(folder, 'page.js', page)
    for name in _PAGE_FILES:
        shutil.copyfile(os.path.join(PAGE, name), os.path.join(folder, name))

    def load():
        return run_graph(tfjs.read_scripts(folder), network), _tensorflow() + ', from the scripts read back'

    yield _artefact(folder, 'index.html', network, files, load)


def class_weights(network):
    """The operation of a conditional network that makes one-hot labels [N, classes], in whose place others are fed."""
    labels = next(each.name for each in network.inputs if each.key == 'labels')
    names = [node.name for node in network.graph_def.node if node.op == 'OneHot' and node.input[0] == labels]
    if not names:
        raise UserError('{}: expected a network that takes its labels (BatchContext.labels), found one that makes '
                        'nothing of them'.format(network.name))
    return names[0]


def latent_directions(network, count):
    """The unit directions of z along which the first layer changes most: [count, z_dim].

    They are the left singular vectors of the first kernel [z_dim, units], or, where labels are joined to the noise,
    of its rows for the noise. Source: Shen and Zhou, 2021,
    "Closed-form factorization of latent semantics in GANs", https://arxiv.org/abs/2007.06600.
    """
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(network.graph_def, name='')
    noise = tensor_name(network.inputs[0].name)
    values = {node.name: node.attr['value'].tensor for node in network.graph_def.node if node.op == 'Const'}
    for op in graph.get_operations():
        if op.type == 'MatMul' and op.inputs[1].op.name in values:
            joined = list(op.inputs[0].op.inputs)[:-1] if op.inputs[0].op.type == 'ConcatV2' else [op.inputs[0]]
            sources = [_source(tensor) for tensor in joined]
            if noise in sources:
                start = sum(tensor.shape.as_list()[1] for tensor in joined[:sources.index(noise)])
                kernel = tf.make_ndarray(values[op.inputs[1].op.name])[start:start + network.inputs[0].shape[0]]
                vectors = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)[0].T[:count]
                # A singular vector's sign is arbitrary; fix it, so that an export can be repeated.
                return vectors * np.sign(
                    vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])[:, np.newaxis]
    raise UserError('web: expected a generator whose first layer is dense, found none in {}'.format(network.name))


def _source(tensor):
    """The name of the tensor that this one is, or is but for constants that move it: noise at a temperature."""
    while tensor.op.type in ('Mul', 'Add', 'AddV2', 'Sub'):
        moved = [each for each in tensor.op.inputs if each.op.type != 'Const']
        if len(moved) != 1:
            break
        tensor, = moved
    return tensor.name


# -------------------------------------------------------------------------------- the table

_TF2ONNX, _ONNXRUNTIME = ('tf2onnx', 'tf2onnx'), ('onnxruntime', 'onnxruntime')

FORMATS = collections.OrderedDict([
    ('frozen', Format(_write_frozen)),
    ('saved_model', Format(_write_saved_model)),
    ('meta_graph', Format(_write_meta_graph)),
    ('tflite', Format(_write_tflite, since=(2, 3))),
    ('onnx', Format(_write_onnx, (_TF2ONNX,), (_ONNXRUNTIME,))),
    ('tfjs', Format(_write_tfjs)),
    ('web', Format(_write_web)),
])


def missing(name):
    """Why a format can't be written here, or None."""
    since = FORMATS[name].since
    if since is not None and since > devices.RELEASE:
        return 'needs TensorFlow {}.{}, found {}'.format(*since + (tf.VERSION,))
    absent = [pip for module, pip in FORMATS[name].requires if importlib.util.find_spec(module) is None]
    return 'needs {}: pip install {}'.format(' and '.join(absent), ' '.join(absent)) if absent else None


def unmeasured(name):
    """Why a format can't be loaded again here, or None."""
    absent = [pip for module, pip in FORMATS[name].runs_on if importlib.util.find_spec(module) is None]
    return '{} is not installed: pip install {}'.format(' and '.join(absent), ' '.join(absent)) if absent else None


def measure(artefact, cases):
    """(the largest error over cases of (inputs, expected outputs), the runtime).

    UserError where a format that computes in float32 is further off than TOLERANCES allow.
    """
    run, runtime = artefact.load()
    errors = []
    for inputs, expected in cases:
        outputs = run(*inputs)
        if outputs.shape != expected.shape:
            raise UserError('{}: expected outputs {}, found them {} in {}'.format(
                artefact.path, list(expected.shape), list(outputs.shape), runtime))
        errors.append(np.abs(outputs.astype(np.float64) - expected).max())
    error = float(np.max(errors))  # NaN where one is
    tolerance = TOLERANCES[artefact.network.output_key]
    if artefact.exact and not error <= tolerance:
        raise UserError('{}: expected outputs within {:g} of the session, found them {:.2g} off in {}'.format(
            artefact.path, tolerance, error, runtime))
    return error, runtime


def check_options(preset, chosen, with_discriminator, of_onnx):
    """UserError for what nothing would come of. of_onnx: flags that were given."""
    if of_onnx and 'onnx' not in chosen:
        why = missing('onnx')
        raise UserError('{}: expected the format onnx, found {}{}'.format(', '.join(of_onnx), ', '.join(chosen), (
            '; onnx {}'.format(why) if why else '')))
    if with_discriminator and preset.discriminator is None:
        raise UserError('--with_discriminator: expected a preset with a discriminator, found {}'.format(preset.name))
    if with_discriminator and chosen == ['web']:
        raise UserError('--with_discriminator: expected another format beside web, which has the generator alone')
