"""Exports: every preset in every format against the session, under the runtimes that load it."""

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, command_environment, interpreter, run_command, run_process
from helpers.exports import (
    LABELLED,
    NAMES,
    ODD,
    OFTEN,
    expected_images,
    expected_logits,
    feeds,
    labels,
    make_checkpoint,
    noise,
    preset_of,
    registered,
)
from helpers.marks import SLOW_OR_NIGHTLY
from helpers.places import HELPERS

import dcgan_tf1
from dcgan_tf1.exporting import formats, package, tfjs
from dcgan_tf1.gan import freeze
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import image_files
from dcgan_tf1.util import files, images
from dcgan_tf1.util.errors import UserError

OLD = tf.VERSION.startswith('1.')
FAST = ('keras_dense', LABELLED.name)
if OLD:  # fewer kinds, for building graphs takes minutes there
    OFTEN = FAST + ('blog_mnist', ODD.name, 'cgan_mnist', 'vae')


def marks_of(name):
    return () if name in FAST else pytest.mark.slow if name in OFTEN else pytest.mark.nightly


FAST_NAMES = [pytest.param(name, marks=marks_of(name)) for name in NAMES]
LITERT = importlib.util.find_spec('ai_edge_litert') is not None
ALL = [name for name in formats.FORMATS if not formats.missing(name)]


def read(path):
    with open(path) as handle:
        return handle.read()


def manifest_of(out):
    return json.loads(read(os.path.join(out, 'MANIFEST.json')))


# --------------------------------------------------------------------- each by its runtime

# Each is a function of the export's folder, a network, {input's tensor: array} and the output's tensor.

def run_frozen(out, network, inputs, target):
    graph_def = tf.GraphDef()
    with open(os.path.join(out, 'frozen', network + '.pb'), 'rb') as handle:
        graph_def.ParseFromString(handle.read())
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph_def, name='')
        return session.run(target, inputs)


def run_saved_model(out, network, inputs, target):
    with tf.Graph().as_default(), tf.Session() as session:
        meta = tf.saved_model.loader.load(session, ['serve'], os.path.join(out, 'saved_model'))
        signature = meta.signature_def['serving_default' if network == 'generator' else network]
        answer, = signature.outputs
        assert signature.method_name == 'tensorflow/serving/predict'
        assert {info.name: tf.as_dtype(info.dtype) for info in signature.inputs.values()} == {
            name: array.dtype for name, array in inputs.items()}
        assert signature.outputs[answer].name == target
        return session.run(target, inputs)


def run_meta_graph(out, network, inputs, target):
    prefix = os.path.join(out, 'meta_graph', 'model')
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(prefix + '.meta').restore(session, prefix)
        return session.run(target, inputs)


def run_tflite(out, network, inputs, target, variant=''):
    kind = importlib.import_module('ai_edge_litert.interpreter') if LITERT else tf.lite
    model = kind.Interpreter(os.path.join(out, 'tflite', network + variant + '.tflite'))
    given = {each['name'] + ':0': each for each in model.get_input_details()}
    wanted, = model.get_output_details()
    assert set(given) == set(inputs) and wanted['dtype'] == np.float32
    for name, array in inputs.items():
        assert given[name]['dtype'] == array.dtype
        model.resize_tensor_input(given[name]['index'], array.shape)
    model.allocate_tensors()
    for name, array in inputs.items():
        model.set_tensor(given[name]['index'], array)
    model.invoke()
    return model.get_tensor(wanted['index'])


def run_onnx(out, network, inputs, target):
    onnxruntime = pytest.importorskip('onnxruntime', reason='onnxruntime is not here')
    session = onnxruntime.InferenceSession(os.path.join(out, 'onnx', network + '.onnx'),
                                           providers=['CPUExecutionProvider'])
    assert [given.name for given in session.get_inputs()] == list(inputs)
    return session.run([target], inputs)[0]


def run_tfjs(out, network, inputs, target, folder='tfjs'):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(tfjs.read(os.path.join(out, folder, network)), name='')
        return session.run(target, inputs)


RUNNERS = {'frozen': run_frozen, 'saved_model': run_saved_model, 'meta_graph': run_meta_graph, 'tflite': run_tflite,
           'onnx': run_onnx, 'tfjs': run_tfjs}


@pytest.mark.parametrize('kind', [name for name in ALL if name != 'web'])
@pytest.mark.parametrize('name', FAST_NAMES)
def test_every_format_of_every_preset_gives_what_the_session_gives(name, kind, exported):
    prefix, out, _ = exported(name)
    for count in (1, 16):
        z, of_classes = noise(name, count), labels(name, count)
        expected = expected_images(name, prefix, z, of_classes)
        images = RUNNERS[kind](out, 'generator', feeds(('inputs_noise:0', z), of_classes), 'images:0')
        assert images.shape == (count,) + preset_of(name).image_shape and images.dtype == np.float32
        np.testing.assert_allclose(images, expected, atol=1e-5)
        if preset_of(name).discriminator:
            logits = RUNNERS[kind](out, 'discriminator', feeds(('inputs_real:0', expected), of_classes), 'logits:0')
            np.testing.assert_allclose(logits, expected_logits(name, prefix, expected, of_classes), atol=1e-4)
    assert expected.std() > 1e-3
    if of_classes is not None:  # which both networks heed
        others = of_classes[::-1].copy()
        assert np.abs(expected_images(name, prefix, z, others) - expected).max() > 1e-3
        assert np.abs(expected_logits(name, prefix, expected, others) - logits).max() > 1e-3


@pytest.mark.parametrize('kind', [name for name in ALL if name not in ('tfjs', 'web')])
def test_a_label_out_of_range_gives_what_the_exports_readme_says(kind, exported):
    _, out, _ = exported(LABELLED.name)
    z = noise(LABELLED.name, 1)

    def image(label):
        return RUNNERS[kind](out, 'generator', feeds(('inputs_noise:0', z), np.array([label], np.int32)), 'images:0')

    if kind in ('tflite', 'onnx'):
        for label in (-1, 10) if kind == 'tflite' else (-11, 10):
            with pytest.raises(Exception, match='out of (data )?bounds'):  # each runtime has its own
                image(label)
        if kind == 'onnx':
            np.testing.assert_array_equal(image(-1), image(9))
        return
    of_none = image(10)
    assert min(np.abs(image(label) - of_none).max() for label in range(10)) > 1e-3
    np.testing.assert_array_equal(image(-1), of_none)


@pytest.mark.skipif('tflite' not in ALL, reason='this TensorFlow is too old for it')
@pytest.mark.parametrize('name', FAST_NAMES)
def test_smaller_tflite_variants_are_near(name, exported):
    prefix, out, _ = exported(name)
    z, of_classes = noise(name, 16), labels(name, 16)
    expected = expected_images(name, prefix, z, of_classes)
    span = preset_of(name).image_range[1] - preset_of(name).image_range[0]
    whole = os.path.getsize(os.path.join(out, 'tflite', 'generator.tflite'))
    for variant, mean, share in (('-float16', 1e-3, 0.55), ('-int8', 0.06, 0.4)):
        images = run_tflite(out, 'generator', feeds(('inputs_noise:0', z), of_classes), 'images:0', variant)
        error = np.abs(images - expected)
        print('{} generator{}: largest error {:.2g}, mean {:.2g}'.format(name, variant, error.max(), error.mean()))
        assert error.mean() < mean * span
        assert os.path.getsize(os.path.join(out, 'tflite', 'generator' + variant + '.tflite')) < share * whole


def save_inputs(name, path):
    """Writes 16 inputs of a generator under the keys of its signature; returns (noise, labels or None)."""
    z, of_classes = noise(name, 16), labels(name, 16)
    np.savez(str(path), noise=z, **({} if of_classes is None else {'labels': of_classes}))
    return z, of_classes


# Whether the signature is what TensorFlow 2 takes doesn't depend on the network.
@pytest.mark.slow
@pytest.mark.skipif(OLD, reason='tf.saved_model.load is TensorFlow 2')
@pytest.mark.parametrize('name', [name if name in FAST + ('blog_mnist', 'vae')
                                  else pytest.param(name, marks=pytest.mark.nightly)
                                  for name in NAMES])
def test_saved_models_load_in_tensorflow_2_and_in_its_command_line_tool(name, exported, tmp_path):
    prefix, out, _ = exported(name)
    z, of_classes = save_inputs(name, tmp_path / 'inputs.npz')
    subprocess.run([sys.executable, '-c', (
        'import sys, numpy as np, tensorflow as tf\n'
        'generate = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]\n'
        'inputs = {key: tf.constant(array) for key, array in np.load(sys.argv[2]).items()}\n'
        'np.savez(sys.argv[3], images=generate(**inputs)["images"].numpy())'), os.path.join(out, 'saved_model'),
        str(tmp_path / 'inputs.npz'), str(tmp_path / 'images.npz')], check=True, stderr=subprocess.DEVNULL)
    with np.load(str(tmp_path / 'images.npz')) as arrays:
        np.testing.assert_allclose(arrays['images'], expected_images(name, prefix, z, of_classes), atol=1e-5)
    if name in ('blog_mnist', LABELLED.name):
        tool = os.path.join(os.path.dirname(sys.executable), 'saved_model_cli')
        saved = os.path.join(out, 'saved_model')
        text = subprocess.check_output([tool, 'show', '--dir', saved, '--all'], stderr=subprocess.DEVNULL).decode()
        assert "signature_def['serving_default']" in text and 'shape: (-1, 28, 28, 1)' in text
        assert "signature_def['discriminator']" in text
        subprocess.run([tool, 'run', '--dir', saved, '--tag_set', 'serve', '--signature_def', 'serving_default',
                        '--inputs', ';'.join('{0}={1}[{0}]'.format(key, tmp_path / 'inputs.npz') for key in (
                            'noise', 'labels')[:1 if of_classes is None else 2]), '--outdir', str(tmp_path)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        np.testing.assert_allclose(np.load(str(tmp_path / 'images.npy')),
                                   expected_images(name, prefix, z, of_classes), atol=1e-5)


OLD_PYTHONS = {'1.0.1': 'DCGAN_TF1_PYTHON_TF10', '1.4.1': 'DCGAN_TF1_PYTHON_TF14', '1.15.5': 'DCGAN_TF1_PYTHON_TF115'}


def old_python(version):
    path = interpreter(OLD_PYTHONS[version], 'TensorFlow ' + version)
    env = {key: value for key, value in os.environ.items() if not key.startswith('PYTHON')}
    return path, dict(env, TF_CPP_MIN_LOG_LEVEL='3')


@pytest.mark.slow_tf1
@pytest.mark.parametrize('name, version', [pytest.param(name, '1.0.1', marks=marks_of(name)) for name in NAMES] + [
    pytest.param(name, version, marks=pytest.mark.slow if name in FAST + (ODD.name,) else pytest.mark.nightly)
    for version in ('1.15.5', '1.4.1') for name in NAMES])
def test_exports_load_in_genuine_old_tensorflow(name, version, exported, tmp_path):
    python, env = old_python(version)
    prefix, out, _ = exported(name)
    z, of_classes = save_inputs(name, tmp_path / 'inputs.npz')
    subprocess.run([python, os.path.join(HELPERS, 'legacy_load.py'), out, str(tmp_path / 'inputs.npz'),
                    str(tmp_path / 'images.npz')], env=env, check=True, stderr=subprocess.DEVNULL)
    expected = expected_images(name, prefix, z, of_classes)
    with np.load(str(tmp_path / 'images.npz')) as arrays:
        assert arrays['version'] == version
        for kind in ('frozen', 'saved_model', 'meta_graph'):
            np.testing.assert_allclose(arrays[kind], expected, atol=1e-5)
            np.testing.assert_allclose(arrays[kind + '_1'], expected[:1], atol=1e-5)


@pytest.mark.slow_tf1
@pytest.mark.parametrize('version', ['1.0.1', pytest.param('1.4.1', marks=pytest.mark.slow)])
@pytest.mark.parametrize('name', ['blog_dense', pytest.param('blog_mnist', marks=SLOW_OR_NIGHTLY),
                                  pytest.param('blog_cifar_horse', marks=SLOW_OR_NIGHTLY)])
def test_checkpoints_restore_into_a_graph_built_in_old_tensorflow(name, version, tmp_path):
    python, env = old_python(version)
    prefix = make_checkpoint(name, tmp_path)
    z = noise(name, 16)
    np.savez(str(tmp_path / 'z.npz'), z=z)
    subprocess.run([python, os.path.join(HELPERS, 'legacy_2017.py'), name, str(tmp_path), prefix,
                    str(tmp_path / 'z.npz')], env=env, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with np.load(str(tmp_path / 'expected.npz')) as arrays:
        expected = expected_images(name, prefix, z)
        np.testing.assert_allclose(arrays['images'].reshape(expected.shape), expected, atol=1e-5)


# --------------------------------------------------------------- what lies in the folder

def test_the_manifest_says_what_is_there(exported):
    prefix, out, text = exported('blog_mnist')
    manifest = manifest_of(out)
    assert (manifest['preset'], manifest['step'], manifest['checkpoint']) == ('blog_mnist', 7, prefix)
    generator, discriminator = manifest['networks']
    z = {'key': 'noise', 'name': 'inputs_noise:0', 'dtype': 'float32', 'shape': [None, 100],
         'range': 'uniform in [-1, 1)'}
    assert generator == {
        'name': 'generator', 'signature': 'serving_default', 'input': z, 'inputs': [z],
        'output': {'key': 'images', 'name': 'images:0', 'dtype': 'float32', 'shape': [None, 28, 28, 1],
                   'range': [-1.0, 1.0]}}
    assert discriminator['output']['shape'] == [None, 1] and discriminator['signature'] == 'discriminator'
    assert list(manifest['formats']) == ALL and manifest['versions']['tensorflow'] == tf.VERSION
    for kind, artefacts in manifest['formats'].items():
        assert text.count('\n' + kind + ' ') + text.startswith(kind + ' ') == len(artefacts)
        for artefact in artefacts:
            exact = 'int8' not in artefact['path'] and 'float16' not in artefact['path']
            assert 0 <= artefact['largest_error'] <= (1e-5 if exact else 0.5), artefact
            assert artefact['runtime'] and artefact['bytes'] > 1000
    found = sorted(os.path.relpath(os.path.join(folder, name), out)
                   for folder, _, names in os.walk(out) for name in names)
    assert sorted(list(manifest['files']) + ['MANIFEST.json']) == found
    assert sorted(os.listdir(os.path.join(out, 'web'))) == [
        'group1-shard{}of4.js'.format(i) for i in range(1, 5)] + [
        'images.js', 'index.html', 'main.js', 'model.js', 'page.js', 'style.css']  # and not the report's, say
    for name, checksum in manifest['files'].items():
        assert files.sha256(os.path.join(out, name)) == checksum, name
    assert 'inputs_real:0' in read(os.path.join(out, 'README.md')) and manifest['classes'] is None


def test_the_manifest_and_signatures_say_which_labels_a_conditional_preset_takes(exported):
    _, out, _ = exported(LABELLED.name)
    manifest = manifest_of(out)
    of_classes = {'key': 'labels', 'name': 'inputs_labels:0', 'dtype': 'int32', 'shape': [None], 'range': [0, 9]}
    for network, key in zip(manifest['networks'], ('noise', 'images')):
        assert network['inputs'] == [network['input'], of_classes] and network['input']['key'] == key
    assert manifest['classes'] == list('0123456789')
    inputs = json.loads(read(os.path.join(out, 'tfjs', 'generator', 'model.json')))['signature']['inputs']
    assert inputs['labels'] == {'name': 'inputs_labels:0', 'dtype': 'DT_INT32',
                                'tensorShape': {'dim': [{'size': '-1'}]}}
    page = tfjs.read_script(os.path.join(out, 'web'), 'page.js')
    assert (page['classes'], page['class_weights']) == (list('0123456789'), 'y:0')


def test_every_class_is_compared_and_named_as_the_runs_data_names_it(tmp_path, monkeypatch):
    many = dataclasses.replace(LABELLED, name='many', classes=35, samples=35)
    names = ['class {}'.format(number) for number in range(35)]
    run, seen = tmp_path / '00000-many', []
    run.mkdir()
    (run / 'config.json').write_text(json.dumps({
        'identity': {'preset': 'many', 'dataset': 'folder'}, 'data': {'classes': names}}))
    measured = formats.measure

    def measure(artefact, cases):
        cases = list(cases)
        seen.extend(inputs[1] for inputs, _ in cases)
        return measured(artefact, cases)

    monkeypatch.setattr(formats, 'measure', measure)
    monkeypatch.setitem(PRESETS, 'many', many)
    make_checkpoint('many', run / 'checkpoints')
    status, _, err = run_command('export', '--run={}'.format(run), '--formats=web')
    assert status == 0, err
    assert [len(batch) for batch in seen] == [1, 16, 16, 16] and set(np.concatenate(seen)) == set(range(35))
    out = str(run / 'export-000007')
    assert manifest_of(out)['classes'] == tfjs.read_script(os.path.join(out, 'web'), 'page.js')['classes'] == names
    readme = read(os.path.join(out, 'README.md'))
    assert ', 34 `class 34`.' in readme and ' on a folder of pictures, after 7 steps' in readme
    # A checkpoint is the run's also where its path is given, not the run's.
    status, found, err = run_command('sample', '--checkpoint={}'.format(run / 'checkpoints'), '--preset=many',
                                     '--class=class 34', '--num_images=1', '--out={}'.format(tmp_path / 's.png'))
    assert status == 0 and ': 1 image of class 34 from ' in found, err


@pytest.mark.slow
@pytest.mark.parametrize('name', ['blog_mnist', 'vae', LABELLED.name])
def test_every_python_example_of_the_readme_runs(name, exported):
    _, out, _ = exported(name)
    blocks = re.findall(r'```python\n(.*?)```', read(os.path.join(out, 'README.md')), re.S)
    if OLD:
        blocks = [block for block in blocks if 'import numpy as np, tensorflow as tf' not in block]  # TensorFlow 2's
    most = 5 if name != LABELLED.name else 8
    assert len(blocks) == (3 if OLD else 7) and all(len(block.splitlines()) <= most for block in blocks)
    script = '\n'.join("""found = {{}}
exec({!r}, found)
assert found['images'].shape == (16, 28, 28, 1) and found['images'].std() > 0.001, found['images']
print('ran')""".format(block) for block in blocks)
    text = subprocess.check_output([sys.executable, '-c', script], cwd=out,
                                   env=command_environment(TF_CPP_MIN_LOG_LEVEL='3'))
    assert text.decode().splitlines() == ['ran'] * len(blocks)


def test_shards_of_at_most_four_mebibytes_hold_the_weights_in_order(exported):
    _, out, _ = exported('blog_mnist')
    folder = os.path.join(out, 'tfjs', 'generator')
    model = json.loads(read(os.path.join(folder, 'model.json')))
    group, = model['weightsManifest']
    sizes = [os.path.getsize(os.path.join(folder, path)) for path in group['paths']]
    assert len(sizes) == 4 and sizes[:3] == [4 << 20] * 3 and 0 < sizes[3] <= 4 << 20
    assert sum(sizes) == sum(4 * int(np.prod(weight['shape'])) for weight in group['weights'])
    assert model['format'] == 'graph-model'
    assert model['signature']['inputs']['noise']['name'] == 'inputs_noise:0'
    constants = {node['name'] for node in model['modelTopology']['node'] if node['op'] == 'Const'}
    assert constants == {weight['name'] for weight in group['weights']}


@pytest.mark.parametrize('name', ['keras_dense', LABELLED.name])
def test_the_directions_of_the_page_are_the_first_layers_singular_vectors(name, exported):
    prefix, out, _ = exported(name)
    page = tfjs.read_script(os.path.join(out, 'web'), 'page.js')
    kernel = tf.train.NewCheckpointReader(prefix).get_tensor('generator/dense/kernel')[:100]  # not the labels' rows
    found = np.array(page['directions'])
    np.testing.assert_allclose(found.dot(found.T), np.eye(5), atol=1e-3)
    singular = np.linalg.svd(kernel, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(found.dot(kernel), axis=1), singular[:5], rtol=1e-3)


# ------------------------------------------------------------------ graphs for old releases

def test_newer_operations_attributes_and_notes_are_taken_back():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 4, 4, 3], name='x')
        ones = tf.ones([3])
        y = tf.nn.fused_batch_norm(x, ones, ones, ones, ones, is_training=False)[0]
        y = tf.identity(y + tf.reduce_sum(y, axis=3, keepdims=True), name='y')
        with tf.Session() as session:
            frozen = freeze.freeze(session, [x], y)
            value = np.random.RandomState(0).uniform(size=(2, 4, 4, 3)).astype(np.float32)
            expected = session.run(y, {x: value})
        variable = tf.get_variable('v', [2])
        meta = freeze.meta_graph(graph, tf.train.Saver(), {'serving_default': ({'x': x}, {'y': y})})
    operations = {node.op for node in frozen.node}
    assert {'FusedBatchNorm', 'Add'} <= operations and not operations & {'FusedBatchNormV3', 'AddV2', 'Fill'}
    for graph_def in (frozen, meta.graph_def):
        for node in graph_def.node:
            assert not {'U', '_output_shapes', 'explicit_paddings', 'debug_name', 'grad_a'} & set(node.attr), node
            assert node.device == ''
    assert list(meta.meta_info_def.tags) == ['serve'] and variable.op.name == 'v'
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(frozen, name='')
        np.testing.assert_allclose(session.run('y:0', {'x:0': value}), expected, atol=1e-5)


def test_freezing_computes_all_that_does_not_depend_on_the_input():
    with tf.Graph().as_default(), tf.Session() as session:
        x, other = tf.placeholder(tf.float32, [None, 2], name='x'), tf.placeholder(tf.float32, [], name='other')
        v = tf.get_variable('scope/v', initializer=np.float32([[1, 2], [3, 4]]), use_resource=False)
        halves = tf.split(v * 2 + 1, 2, axis=1)  # two outputs of one operation
        y = tf.identity(tf.matmul(x, v) + tf.matmul(x, tf.concat(halves[::-1], 1)), name='y')
        tf.add(y, other)
        session.run(tf.global_variables_initializer())
        expected = session.run(y, {x: [[1, 10]]})
        frozen = freeze.freeze(session, [x, other], y)
    assert sorted(node.op for node in frozen.node) == [
        'Add', 'Const', 'Const', 'Identity', 'MatMul', 'MatMul', 'Placeholder']
    assert {'scope/v', 'x', 'y'} <= {node.name for node in frozen.node}
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(frozen, name='')
        np.testing.assert_array_equal(session.run('y:0', {'x:0': [[1, 10]]}), expected)


def test_onnx_has_the_opset_that_was_asked_for(dense, tmp_path):
    onnx = pytest.importorskip('onnx')
    out = tmp_path / 'out'
    status, _, err = run_command(*flags(dense, out, '--formats=onnx', '--opset=15'))
    assert status == 0, err
    assert onnx.load(str(out / 'onnx' / 'generator.onnx')).opset_import[0].version == 15
    manifest = json.loads((out / 'MANIFEST.json').read_text())
    assert (manifest['onnx_opset'], manifest['averaged_weights'], manifest['temperature']) == (15, False, 1)




# ------------------------------------------------------------------------- variants of ONNX

@pytest.mark.skipif('onnx' not in ALL, reason='tf2onnx is not here')
@pytest.mark.parametrize('name, given, suffix, shape', [
    ('blog_dense', ['--uint8', '--layout=nchw'], '-uint8-nchw', [3, 28, 28]),
    (LABELLED.name, ['--uint8'], '-uint8', [28, 28, 3]), ('blog_dense', ['--layout=nchw'], '-nchw', [1, 28, 28])])
def test_onnx_as_programs_take_it_that_measure_pictures(name, given, suffix, shape, tmp_path):
    prefix, out = make_checkpoint(name, tmp_path), str(tmp_path / 'out')
    with registered(name):
        status, text, err = run_command('export', '--checkpoint=' + prefix, '--preset=' + name, '--out=' + out,
                                        '--formats=onnx', *given)
    assert status == 0 and 'generator{}.onnx'.format(suffix) in text, err
    assert sorted(os.listdir(os.path.join(out, 'onnx'))) == ['generator{}.onnx'.format(suffix), 'generator.onnx']
    manifest, as_bytes = manifest_of(out), '--uint8' in given
    plain, variant = manifest['networks']
    target = 'bytes' * as_bytes + 'images' * (not as_bytes) + '_nchw' * ('--layout=nchw' in given)
    assert variant['output'] == {
        'key': 'bytes' if as_bytes else 'images', 'name': target + ':0', 'dtype': 'uint8' if as_bytes else 'float32',
        'shape': [None] + shape, 'range': [0, 255] if as_bytes else [-1.0, 1.0]}
    assert (variant['name'], variant['inputs'], variant['signature']) == ('generator' + suffix, plain['inputs'], None)
    assert plain['output']['shape'] == [None, 28, 28, 1]
    assert [artefact['largest_error'] <= limit for artefact, limit in zip(
        manifest['formats']['onnx'], (1e-5, 1))] == [True, True]
    z, of_classes = noise(name, 16), labels(name, 16)
    found = run_onnx(out, 'generator' + suffix, feeds(('inputs_noise:0', z), of_classes), target + ':0')
    expected = expected_images(name, prefix, z, of_classes)
    if as_bytes:
        expected = images.to_uint8(expected, (-1.0, 1.0)).repeat(3, axis=3)
    if '--layout=nchw' in given:
        expected = expected.transpose(0, 3, 1, 2)
    assert found.dtype == expected.dtype and list(found.shape) == [16] + shape
    np.testing.assert_allclose(found.astype(float), expected, atol=1 if as_bytes else 1e-5)
    assert (found == expected).mean() > 0.99 or not as_bytes
    assert 'onnx/generator{}.onnx'.format(suffix) in read(os.path.join(out, 'README.md'))
    assert ('torch_fidelity' in read(os.path.join(out, 'README.md'))) == (len(given) == 2)


def test_variants_of_onnx_without_onnx_are_refused(dense, tmp_path, monkeypatch):
    check_one_line_error(run_command(*flags(dense, tmp_path / 'out', '--formats=frozen,web', '--uint8')),
                         '--uint8: expected onnx among --formats, found frozen,web')
    check_one_line_error(run_command(*flags(dense, tmp_path / 'out', '--formats=frozen', '--opset=13')),
                         '--opset: expected onnx among --formats, found frozen')
    monkeypatch.setattr(formats.importlib.util, 'find_spec', lambda name: None)
    for asked in ('--layout=nchw', '--opset=13'):
        result = run_command(*flags(dense, tmp_path / 'out', asked))
        check_one_line_error(result, asked.split('=')[0] + ': expected the format onnx, found frozen',
                             '; onnx needs tf2onnx')


def test_an_empty_folder_stays_the_one_that_it_is(dense, tmp_path, monkeypatch):
    """The one that somebody works in, and the one that a link leads to."""
    for name in ('here', 'disk'):
        (tmp_path / name).mkdir()
    (tmp_path / 'disk' / '.part-of-a-killed-export').mkdir()
    os.symlink('disk', str(tmp_path / 'link'))
    monkeypatch.chdir(tmp_path / 'here')
    for out, place in (('.', '.'), (tmp_path / 'link', tmp_path / 'disk')):
        status, _, err = run_command(*flags(dense, out, '--formats=frozen'))
        assert status == 0, err
        assert {'MANIFEST.json', 'README.md', 'frozen'} <= set(os.listdir(str(place)))
        assert [name for name in os.listdir(str(place)) if name.startswith('.part-')] == [
            '.part-of-a-killed-export'] * (place != '.')
    assert os.path.islink(str(tmp_path / 'link'))
    assert sorted(os.listdir(str(tmp_path))) == ['disk', 'here', 'link']


FIDELITY = '''
import sys, torch, torch_fidelity
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.generative_model_onnx import GenerativeModelONNX

class Means(FeatureExtractorBase):  # its own need weights that are downloaded
    def __init__(self, name, features_list, **_): super().__init__(name, features_list)
    @staticmethod
    def get_provided_features_list(): return ('means',)
    @staticmethod
    def get_default_feature_layer_for_metric(metric): return 'means'
    @staticmethod
    def can_be_compiled(): return False
    @staticmethod
    def get_dummy_input_for_compile(): return torch.zeros([1, 3, 28, 28], dtype=torch.uint8)
    def forward(self, x):
        assert x.dtype == torch.uint8 and x.shape[1:] == (3, 28, 28), x.shape
        return (torch.nn.functional.avg_pool2d(x.float(), 7).mean(1).flatten(1),)

torch_fidelity.register_feature_extractor('means', Means)
class Generator(GenerativeModelONNX):
    def forward(self, z): return super().forward(2 * z - 1)
found = []
for input2 in sys.argv[2:]:
    generator = Generator(sys.argv[1], 100, 'uniform_0_1', 0)
    found.append(torch_fidelity.calculate_metrics(
        input1=generator, input1_model_num_samples=200, input2=input2, fid=True, cuda=False, cache=False,
        verbose=False, feature_extractor='means')['frechet_inception_distance'])
print(*found)
'''


@pytest.mark.nightly
@pytest.mark.skipif('onnx' not in ALL, reason='tf2onnx is not here')
def test_torch_fidelity_reads_the_variant_and_the_files_of_single_images(dense, tmp_path):
    """Of one generator they are near each other, and of noise far away."""
    python = interpreter('DCGAN_TF1_PYTHON_TORCH', 'a Python with torch-fidelity and onnxruntime')
    status, _, err = run_command(*flags(dense, tmp_path / 'out', '--formats=onnx', '--uint8', '--layout=nchw'))
    assert status == 0, err
    status, _, err = run_command('sample', '--checkpoint=' + dense, '--preset=blog_dense', '--num_images=200',
                                 '--outdir={}'.format(tmp_path / 'files'))
    assert status == 0, err
    image_files.save(str(tmp_path / 'noise'), list(map(str, range(200))), np.random.RandomState(0).randint(
        0, 256, (200, 28, 28, 1)).astype(np.uint8))
    done = subprocess.run([python, '-c', FIDELITY, str(tmp_path / 'out' / 'onnx' / 'generator-uint8-nchw.onnx'),
                           str(tmp_path / 'files'), str(tmp_path / 'noise')], check=True, stdout=subprocess.PIPE)
    same, other = map(float, done.stdout.split())
    assert same < 0.05 * other


# --------------------------------------------------------------------------- bad input

@pytest.fixture(scope='module')
def dense(tmp_path_factory):
    return make_checkpoint('blog_dense', tmp_path_factory.mktemp('dense'))


def flags(prefix, out, *more):
    return ('export', '--checkpoint=' + prefix, '--preset=blog_dense', '--out={}'.format(out)) + more


def test_wrong_flags_are_one_line(dense, tmp_path):
    out = tmp_path / 'out'
    check_one_line_error(run_command(*flags(dense, out, '--formats=frozen,pytorch')), '--formats', "'pytorch'", 'onnx')
    check_one_line_error(run_command(*flags(dense, out, '--opset=5')), 'opset', '13')
    check_one_line_error(run_command('export', '--checkpoint=' + dense, '--out={}'.format(out)), '--preset')
    check_one_line_error(run_command('export', '--out={}'.format(out)), '--run', '--checkpoint')
    result = run_command('export', '--checkpoint=' + dense, '--preset=keras_dense', '--out={}'.format(out))
    check_one_line_error(result, 'generator/dense_1/kernel', '[128, 256]', '[128, 784]')
    vae = make_checkpoint('vae', tmp_path)
    result = run_command('export', '--checkpoint=' + vae, '--preset=vae', '--out={}'.format(out),
                         '--with_discriminator')
    check_one_line_error(result, '--with_discriminator', 'vae')
    check_one_line_error(run_command(*flags(dense, out, '--formats=web', '--with_discriminator')),
                         '--with_discriminator: expected another format beside web')
    assert not out.exists() and not [name for name in os.listdir(str(tmp_path)) if name.startswith('.part')]


def test_a_folder_with_something_in_it_is_refused_and_only_an_export_is_replaced(dense, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'thesis.tex').write_text('mine')
    check_one_line_error(run_command(*flags(dense, out, '--formats=frozen')), str(out), 'thesis.tex', '--overwrite')
    result = run_command(*flags(dense, out, '--formats=frozen', '--overwrite'))
    check_one_line_error(result, str(out), 'MANIFEST.json', 'thesis.tex')
    assert (out / 'thesis.tex').read_text() == 'mine'
    (tmp_path / 'file').write_text('mine')
    check_one_line_error(run_command(*flags(dense, tmp_path / 'file', '--formats=frozen', '--overwrite')), 'file')

    empty = tmp_path / 'empty'
    empty.mkdir()
    assert run_command(*flags(dense, empty, '--formats=frozen,web'))[0] == 0
    (empty / 'web' / 'tf.min.js').write_text('// a copy')
    result = run_command(*flags(dense, empty, '--formats=frozen,web'))
    check_one_line_error(result, str(empty), '--overwrite')
    assert run_command(*flags(dense, empty, '--formats=web', '--overwrite'))[0] == 0
    assert not (empty / 'frozen').exists() and (empty / 'web' / 'tf.min.js').read_text() == '// a copy'
    assert 'web/tf.min.js' not in manifest_of(str(empty))['files']


def test_what_others_put_into_an_export_stays_whatever_it_is(dense, tmp_path):
    out = tmp_path / 'out'
    assert run_command(*flags(dense, out, '--formats=frozen,web'))[0] == 0
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'photo').write_text('mine')
    (out / '.git' / 'refs' / 'tags').mkdir(parents=True)
    (out / '.git' / 'HEAD').write_text('ref')
    os.symlink('../elsewhere', str(out / 'media'))
    os.symlink('nowhere', str(out / 'frozen' / 'dangling'))
    (out / '.part-killed').mkdir()  # half an export
    (out / '.part-killed' / 'generator.pb').write_text('half')
    assert run_command(*flags(dense, out, '--formats=web', '--overwrite'))[0] == 0
    assert (out / '.git' / 'refs' / 'tags').is_dir() and (out / '.git' / 'HEAD').read_text() == 'ref'
    assert os.readlink(str(out / 'media')) == '../elsewhere' and (out / 'media' / 'photo').read_text() == 'mine'
    assert os.listdir(str(out / 'frozen')) == ['dangling']
    assert os.readlink(str(out / 'frozen' / 'dangling')) == 'nowhere'
    assert sorted(os.listdir(str(out))) == ['.git', 'MANIFEST.json', 'README.md', 'frozen', 'media', 'web']
    for _ in range(2):
        assert run_command(*flags(dense, out, '--formats=frozen', '--overwrite'))[0] == 0
        assert sorted(os.listdir(str(out / 'frozen'))) == ['dangling', 'generator.pb']


@pytest.mark.parametrize('wrong', [KeyboardInterrupt, OSError(28, 'No space left on device')])
def test_an_earlier_export_outlives_what_ends_its_replacement(tmp_path, monkeypatch, wrong):
    out, rename = tmp_path / 'out', os.rename
    out.mkdir()
    (out / 'MANIFEST.json').write_text('earlier')

    def fail(source, target):
        if os.path.basename(source) == 'new':
            raise wrong
        rename(source, target)

    monkeypatch.setattr(os, 'rename', fail)
    with pytest.raises(KeyboardInterrupt if wrong is KeyboardInterrupt else UserError), \
            package.replacing_folder(str(out), lambda: None) as folder:
        assert os.path.isdir(folder)
    assert os.listdir(str(tmp_path)) == ['out'] and (out / 'MANIFEST.json').read_text() == 'earlier'


def test_nothing_of_others_is_replaced_wherever_out_leads(dense, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'results').mkdir()
    (tmp_path / 'results' / 'thesis.txt').write_text('mine')
    # `draft` is not there, so that the whole path is not, either.
    check_one_line_error(run_command(*flags(dense, 'draft/../results', '--formats=frozen')), 'thesis.txt')
    with pytest.raises(UserError, match='^out: expected a folder, found nothing'):
        dcgan_tf1.export_generator(dense, '', ['frozen'], PRESETS['blog_dense'])
    # Another program's manifest.
    (tmp_path / 'results' / 'MANIFEST.json').write_text('{"files": ["thesis.txt"], "versions": {}}')
    check_one_line_error(run_command(*flags(dense, 'results', '--formats=frozen', '--overwrite')),
                         'expected an earlier export')
    assert os.listdir(str(tmp_path)) == ['results'] and (tmp_path / 'results' / 'thesis.txt').read_text() == 'mine'
    # What comes while an export is made.
    for there in (False, True):
        out = tmp_path / 'late-{}'.format(there)
        if there:
            out.mkdir()

        def put(line, out=out):
            out.mkdir(exist_ok=True)
            (out / 'notes.txt').write_text('mine')

        with pytest.raises(UserError, match='--out: expected an? .*folder.*notes.txt'):
            package.write(PRESETS['blog_dense'], dense, str(out), ['frozen'], log=put)
        assert os.listdir(str(out)) == ['notes.txt']


def test_of_an_earlier_export_what_was_changed_stays_and_what_is_in_the_way_is_named(dense, tmp_path):
    out = tmp_path / 'out'
    assert run_command(*flags(dense, out, '--formats=frozen'))[0] == 0
    (out / 'frozen' / 'generator.pb').write_text('changed')
    (out / 'web').mkdir()
    (out / 'web' / 'index.html').write_text('mine')
    check_one_line_error(run_command(*flags(dense, out, '--formats=web', '--overwrite')),
                         'expected no file of others at a name of the export', 'index.html')
    assert (out / 'web' / 'index.html').read_text() == 'mine'
    os.remove(str(out / 'web' / 'index.html'))
    for changed, formats_given in ((out / 'frozen' / 'generator.pb', 'frozen'), (out / 'README.md', 'web')):
        if changed.name == 'README.md':
            changed.write_text('mine')
        result = run_command(*flags(dense, out, '--formats=' + formats_given, '--overwrite'))
        check_one_line_error(result, 'found {} changed'.format(changed))
        assert 'largest error' not in result[1]  # at once
    os.remove(str(out / 'README.md'))
    assert run_command(*flags(dense, out, '--formats=web', '--overwrite'))[0] == 0
    assert (out / 'frozen' / 'generator.pb').read_text() == 'changed'


def test_a_network_that_a_format_can_not_hold_is_one_line(dense, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError('Lgamma')

    monkeypatch.setattr(tfjs, 'write', fail)
    check_one_line_error(run_command(*flags(dense, tmp_path / 'out', '--formats=tfjs')),
                         "tfjs: expected networks that it can hold, found: KeyError: 'Lgamma'")
    status, text, err = run_command(*flags(dense, tmp_path / 'out'))
    assert status == 0 and "WARNING: tfjs: left out; tfjs: expected networks that it can hold" in text, err


def test_an_output_that_is_not_finite_or_of_another_shape_is_not_delivered(dense):
    with package.opened(PRESETS['blog_dense'], dense) as exported:
        network = exported.networks[0]

        def measure(made):
            artefact = formats.Artefact('x.pb', network, [], 0, True, lambda: (made, 'some runtime'))
            return formats.measure(artefact, [((np.zeros((count, 1)),), np.zeros((count, 784))) for count in (1, 2)])

        assert measure(lambda z: np.zeros((len(z), 784)))[0] == 0
        for made, message in ((lambda z: np.full((len(z), 784), np.nan if len(z) > 1 else 0), 'nan off'),
                              (lambda z: np.zeros((0, 784)), r'expected outputs \[1, 784\], found them \[0, 784\]')):
            with pytest.raises(UserError, match=message):
                measure(made)


def test_a_discriminator_is_compared_and_calibrated_on_images_of_the_generator(dense):
    with package.opened(PRESETS['blog_dense'], dense, with_discriminator=True) as exported:
        generator, discriminator = exported.networks
        expected = package.plain_session(exported, generator)(*exported.draw(generator, 20, 3))
        images, = exported.draw(discriminator, 20, 3)
        np.testing.assert_allclose(images, expected.reshape((20,) + discriminator.inputs[0].shape), atol=1e-6)
        assert np.abs(images - exported.draw(discriminator, 20, 4)[0]).max() > 1e-3


def test_of_formats_that_nobody_named_one_that_fails_is_left_out(dense, tmp_path, monkeypatch):
    def fail(*_):
        raise UserError('expected a generator whose first layer is dense')

    monkeypatch.setattr(formats, 'latent_directions', fail)
    check_one_line_error(run_command(*flags(dense, tmp_path / 'out', '--formats=frozen,web')), 'first layer is dense')
    assert not (tmp_path / 'out').exists()
    status, text, err = run_command(*flags(dense, tmp_path / 'out'))
    assert status == 0 and 'WARNING: web: left out; expected a generator whose first layer is dense' in text, err
    found = manifest_of(str(tmp_path / 'out'))['formats']
    assert 'frozen' in found and 'web' not in found and not (tmp_path / 'out' / 'web').exists()


def test_an_export_that_fails_midway_leaves_the_old_one_whole(dense, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert run_command(*flags(dense, out, '--formats=frozen'))[0] == 0
    before = manifest_of(str(out))

    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(tfjs, 'write', fail)
    result = run_command(*flags(dense, out, '--formats=frozen,tfjs', '--overwrite'))
    check_one_line_error(result, 'tfjs', 'No space left on device')
    assert manifest_of(str(out)) == before
    assert files.sha256(str(out / 'frozen' / 'generator.pb')) == before['files']['frozen/generator.pb']
    assert os.listdir(str(tmp_path)) == ['out']


def test_a_format_that_is_off_is_not_delivered(dense, tmp_path, monkeypatch):
    monkeypatch.setitem(formats.TOLERANCES, 'images', -1.0)
    check_one_line_error(run_command(*flags(dense, tmp_path / 'out', '--formats=frozen')), 'generator.pb', 'session')
    assert not (tmp_path / 'out').exists()


def test_missing_packages_are_named(dense, tmp_path, monkeypatch):
    monkeypatch.setattr(formats.importlib.util, 'find_spec', lambda name: None)
    result = run_command(*flags(dense, tmp_path / 'out', '--formats=onnx'))
    check_one_line_error(result, 'onnx', 'tf2onnx', 'pip install')
    status, text, err = run_command(*flags(dense, tmp_path / 'out'))
    assert status == 0 and 'onnx: left out; needs tf2onnx: pip install tf2onnx' in text, err


@pytest.mark.skipif('onnx' not in ALL, reason='tf2onnx is not here')
def test_what_can_not_be_loaded_again_is_named(dense, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, 'find_spec',
                        lambda name: None if name == 'onnxruntime' else found(name))
    status, text, err = run_command(*flags(dense, tmp_path / 'out', '--formats=onnx'))
    assert status == 0 and 'not loaded again: onnxruntime is not installed: pip install onnxruntime' in text, err
    assert manifest_of(str(tmp_path / 'out'))['formats']['onnx'][0]['largest_error'] is None


@pytest.mark.skipif('tflite' not in ALL, reason='this TensorFlow is too old for it')
def test_tflite_is_compared_by_tensorflows_own_runtime_where_there_is_no_litert(dense, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ai_edge_litert', None)
    status, text, err = run_command(*flags(dense, tmp_path / 'out', '--formats=tflite'))
    assert status == 0 and text.count('in TensorFlow {}, its TensorFlow Lite\n'.format(tf.VERSION)) == 3, (text, err)
    assert err == '' and manifest_of(str(tmp_path / 'out'))['formats']['tflite'][0]['largest_error'] < 1e-5


@pytest.mark.slow
def test_an_export_of_a_run_goes_into_its_folder(tiny_data, tmp_path):
    status, _, err = run_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--max_steps=3',
                                 '--preset=blog_dense', '--batch_size=4')
    assert status == 0, err
    run = os.path.join(str(tmp_path), '00000-blog_dense')
    status, text, err = run_process('export', '--run=' + run, '--formats=frozen,web')
    assert status == 0 and err == '', err
    out = os.path.join(run, 'export-000003')
    assert out in text and manifest_of(out)['step'] == 3
    assert sorted(os.listdir(out)) == ['MANIFEST.json', 'README.md', 'frozen', 'web']
    assert 'after 3 steps' in read(os.path.join(out, 'README.md'))
