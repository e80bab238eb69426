"""The library: networks, checkpoints and the rest in graphs and sessions of the caller's own."""

import ast
import dataclasses
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import typing
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, command_environment, run_command
from helpers.places import ROOT
from PIL import Image

import dcgan_tf1 as dcgan
from dcgan_tf1.gan import graph, layers
from dcgan_tf1.gan import presets as table
from dcgan_tf1.gan.noise import at_temperature, sample_interpolations
from dcgan_tf1.gan.objectives import G_OBJECTIVE, UpdateSpec
from dcgan_tf1.gan.preset import StepInterval
from dcgan_tf1.metrics import distances, run_images
from dcgan_tf1.runs import checkpoint, checkpoint_paths, sampling

DENSE, BLOG = dcgan.get_preset('blog_dense'), dcgan.get_preset('blog_mnist')
AVERAGED = dataclasses.replace(DENSE, name='averaged', ema_decay=0.9)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run folder of blog_dense that an earlier version wrote."""
    folder = str(tmp_path_factory.mktemp('runs'))
    with zipfile.ZipFile(os.path.join(ROOT, 'tests', 'fixtures', 'run_0.1.0.zip')) as archive:
        archive.extractall(folder)
    return os.path.join(folder, '00000-blog_dense')


@pytest.fixture(scope='module')
def blog_run(tmp_path_factory):
    """A run folder of blog_mnist with checkpoints of two steps: random weights, and averages that are not those of
    a new network.
    """
    folder = tmp_path_factory.mktemp('blog') / 'runs' / '00000-blog_mnist'
    (folder / 'checkpoints').mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps({'identity': {'preset': 'blog_mnist'}}))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        dcgan.discriminator(BLOG, dcgan.generator(BLOG, np.zeros([1, 100])))
        saver = tf.train.Saver(max_to_keep=None)
        session.run(tf.global_variables_initializer())
        randoms = np.random.RandomState(0)
        for variable in tf.global_variables():
            if '/moving_' in variable.op.name:
                variable.load(randoms.uniform(0.5, 1.5, variable.shape.as_list()), session)
        for step in (2, 4):
            saver.save(session, str(folder / 'checkpoints' / 'model.ckpt'), global_step=step)
    return str(folder)


@pytest.fixture(scope='module')
def averaged(tmp_path_factory):
    """The prefix of a checkpoint of AVERAGED, whose averages differ from its weights."""
    with tf.Graph().as_default(), tf.Session() as session:
        dcgan.build_training_graph(AVERAGED)
        session.run(tf.global_variables_initializer())
        for number, variable in enumerate(tf.global_variables()):
            if variable.op.name.endswith('Average'):
                variable.load(np.full(variable.shape.as_list(), 0.01 * number), session)
        return tf.train.Saver().save(session, str(tmp_path_factory.mktemp('averaged') / 'model.ckpt'), global_step=3)


def values_of(prefix):
    reader = tf.train.NewCheckpointReader(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def last(run):
    return checkpoint_paths.resolve(run)


def leaky(x):
    return np.maximum(0.01 * x, x)


def dense_images(values, z):
    """What blog_dense's generator makes, in NumPy."""
    x = leaky(z.dot(values['generator/dense/kernel']) + values['generator/dense/bias'])
    x = np.tanh(x.dot(values['generator/dense_1/kernel']) + values['generator/dense_1/bias'])
    return x.reshape(-1, 28, 28, 1)


# ----------------------------------------------------------------------------------- the package

def test_importing_the_package_imports_neither_tensorflow_nor_numpy():
    code = '''
import sys
import dcgan_tf1
heavy = {'tensorflow', 'numpy', 'matplotlib', 'PIL', 'absl'}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert 'generator' in dir(dcgan_tf1) and not hasattr(dcgan_tf1, 'sampler')
assert issubclass(dcgan_tf1.UserError, Exception) and not heavy & set(sys.modules)
dcgan_tf1.frechet_distance
assert 'tensorflow' not in sys.modules
'''
    done = subprocess.run([sys.executable, '-c', code], env=command_environment(), check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_documented_and_typed():
    for name in dcgan.__all__:
        value = getattr(dcgan, name)
        assert value.__doc__ and len(value.__doc__.splitlines()[0]) > 20, name
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            annotations = [each.annotation for each in signature.parameters.values()] + [signature.return_annotation]
            assert inspect.Signature.empty not in annotations, name
            assert typing.get_type_hints(value), name
    with open(dcgan.__file__, encoding='utf-8') as handle:
        for_checkers = [alias.name for node in ast.walk(ast.parse(handle.read()))
                        if isinstance(node, ast.ImportFrom) and node.module.startswith('dcgan_tf1')
                        for alias in node.names]
    assert sorted(for_checkers) == sorted(dcgan.__all__)
    assert os.path.exists(os.path.join(os.path.dirname(dcgan.__file__), 'py.typed'))


# ------------------------------------------------------------------------ in a graph of one's own

def test_a_graph_with_other_variables_samples_what_the_command_does(run, tmp_path, capsys):
    status, _, err = run_command('sample', '--run=' + run, '--n=16', '--npz={}'.format(tmp_path / 's.npz'),
                                 '--out={}'.format(tmp_path / 's.png'))
    assert status == 0, err
    expected = np.load(str(tmp_path / 's.npz'))
    with tf.Graph().as_default(), tf.Session() as session:
        own = tf.get_variable('own', initializer=3.0)
        uninitialised = tf.get_variable('dense/kernel', [2])
        step = tf.train.create_global_step()
        z = tf.placeholder(tf.float32, [None, DENSE.z_dim])
        images = dcgan.generator(DENSE, z, training=False)
        session.run([own.initializer, step.initializer])
        dcgan.restore(session, DENSE, run)
        noise = dcgan.sample_noise(DENSE, 16, seed=0)
        found = session.run(images, {z: noise})
        assert session.run([own, step]) == [3.0, 0]
        assert session.run(tf.report_uninitialized_variables()).tolist() == [uninitialised.op.name.encode()]
    np.testing.assert_array_equal(noise, expected['z'])
    np.testing.assert_allclose(found, expected['images'], atol=1e-6)
    np.testing.assert_allclose(found, dense_images(values_of(last(run)), noise), atol=1e-5)
    np.testing.assert_array_equal(dcgan.generate(run, 16, seed=0), expected['images'])
    out, err = capsys.readouterr()
    assert out == ''


def test_with_batch_norm_and_dropout_in_sampling_as_well(blog_run):
    noise = dcgan.sample_noise(BLOG, 4, seed=5)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        z = tf.placeholder(tf.float32, [None, 100])
        images, without = dcgan.generator(BLOG, z), dcgan.generator(BLOG, z, dropout=False)
        assert len(tf.global_variables()) == 20  # the second call has the variables of the first
        dcgan.restore(session, BLOG, blog_run)
        found, plain = session.run([images, without], {z: noise})
        np.testing.assert_array_equal(session.run(images, {z: noise}), found)
    np.testing.assert_allclose(found, dcgan.generate(blog_run, 4, seed=5), atol=1e-5)
    np.testing.assert_allclose(plain, sampling.generate(BLOG, last(blog_run), noise, dropout=False), atol=1e-5)
    assert np.abs(plain - found).max() > 0.01


def test_a_temperature_multiplies_the_noise_that_images_are_sampled_from(run, tmp_path):
    """In the library, in dcgan-sample, in an exported graph and for dcgan-evaluate alike; never in training."""
    noise, prefix = dcgan.sample_noise(DENSE, 4, seed=5), last(run)
    expected = dense_images(values_of(prefix), 0.5 * noise)
    np.testing.assert_allclose(dcgan.generate(run, 4, seed=5, temperature=0.5), expected, atol=1e-5)
    with pytest.raises(dcgan.UserError, match='^generate: expected a temperature from 0.001 to 1,000, found 0$'):
        dcgan.generate(run, temperature=0)
    npz, picture, out = [str(tmp_path / name) for name in ('found.npz', 'found.png', 'exported')]
    status, _, err = run_command('sample', '--run=' + run, '--num_images=4', '--seed=5', '--temperature=0.5',
                                 '--npz=' + npz, '--out=' + picture)
    assert status == 0, err
    with np.load(npz) as arrays:
        np.testing.assert_array_equal(arrays['z'], noise)
        np.testing.assert_allclose(arrays['images'], expected, atol=1e-5)
        assert arrays['temperature'] == 0.5
    # What --npz wrote gives the same images again, unless another temperature is asked for.
    again = str(tmp_path / 'again.npz')
    for extra, same in (((), True), (('--temperature=1',), False)):
        status, _, err = run_command('sample', '--run=' + run, '--z=' + npz, '--npz=' + again, '--overwrite', *extra)
        assert status == 0 and ('were made at a temperature of 0.5, and so are these' in err) == same, err
        with np.load(again) as arrays:
            assert (np.abs(arrays['images'] - expected).max() < 1e-5) == same
    np.savez(again, z=noise, temperature=-1.0)
    check_one_line_error(run_command('sample', '--run=' + run, '--z=' + again), again,
                         'expected a temperature, a number from 0.001 to 1,000, found -1.0')
    status, _, err = run_command('export', '--run=' + run, '--formats=frozen', '--temperature=0.5', '--out=' + out)
    assert status == 0, err
    definition = tf.GraphDef()
    with open(os.path.join(out, 'frozen', 'generator.pb'), 'rb') as file:
        definition.ParseFromString(file.read())
    with tf.Graph().as_default(), tf.Session() as session:
        images, = tf.import_graph_def(definition, return_elements=['images:0'], name='')
        np.testing.assert_allclose(session.run(images, {'inputs_noise:0': noise}), expected, atol=1e-5)
    for bad in ('0.5', [1], 1e39, float('nan')):
        with pytest.raises(dcgan.UserError, match='^generate: expected a temperature from'):
            dcgan.generate(run, temperature=bad)
    for half, names in ((False, ['as the preset samples', 'temperature 1']), (True, ['temperature 0.5'])):
        sampled = list(run_images.sample_checkpoints(
            dataclasses.replace(DENSE, temperature=0.5), [prefix], 4, 5, True, 'cpu', heated=half))
        assert [each.name for each in sampled] == names
        assert np.abs(sampled[0].images - dcgan.to_uint8(expected, DENSE.image_range).astype(float)).max() <= 1
    cold = dataclasses.replace(DENSE, temperature=0.5)
    with tf.Graph().as_default(), tf.Session() as session:
        trained = [dcgan.generator(preset, noise, training=True) for preset in (DENSE, cold)]
        dcgan.restore(session, DENSE, run)
        np.testing.assert_array_equal(*session.run(trained))
    shifted = dataclasses.replace(cold, noise='uniform01')
    np.testing.assert_allclose(at_temperature(shifted, np.array([0, 0.5, 1])), [0.25, 0.5, 0.75])
    with pytest.raises(ValueError, match=r'^Preset.temperature: expected a number from 0.001 to 1,000, found nan$'):
        dataclasses.replace(DENSE, temperature=float('nan'))


@pytest.mark.parametrize('flags, error', [
    (('sample', '--checkpoint=a', '--preset=vae', '--temperature=-1'), 'expected a number from 0.001 to'),
    (('export', '--checkpoint=a', '--preset=vae', '--temperature=nan'), 'expected a finite number, found nan'),
    (('evaluate', '--images=a', '--preset=vae', '--temperature=2'), 'expected --run or --checkpoint beside it'),
])
def test_temperatures_that_are_refused(flags, error):
    check_one_line_error(run_command(*flags), '--temperature: ' + error)


def test_two_generators_under_scopes_have_checkpoints_of_their_own(run, averaged):
    noise = dcgan.sample_noise(DENSE, 3)
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        with tf.variable_scope('one'), tf.variable_scope('inner'):
            one = dcgan.generator(DENSE, noise)
        with tf.variable_scope('two'):
            two = dcgan.generator(AVERAGED, noise)
        # Adam's own variables lie in the generator's scope and are in no checkpoint of it.
        tf.train.AdamOptimizer().minimize(tf.reduce_mean(two), var_list=tf.trainable_variables('two/'))
        tf_graph.finalize()
        with pytest.raises(dcgan.UserError, match="in one scope, found them in 'one/inner', 'two'; scope= names one"):
            dcgan.restore(session, DENSE, run)
        assert dcgan.restore(session, DENSE, run, scope='one/inner') == last(run)
        with tf.variable_scope('two'):
            dcgan.restore(session, AVERAGED, averaged)
        found = session.run([one, two])
    np.testing.assert_allclose(found[0], dense_images(values_of(last(run)), noise), atol=1e-5)
    values = values_of(averaged)
    averages = {name: values[name + '/ExponentialMovingAverage'] for name in values
                if name + '/ExponentialMovingAverage' in values}
    np.testing.assert_allclose(found[1], dense_images(averages, noise), atol=1e-5)
    np.testing.assert_allclose(found[1], dcgan.generate(averaged, 3, preset=AVERAGED), atol=1e-5)


def test_the_only_scope_is_found_from_outside(run):
    noise = dcgan.sample_noise(DENSE, 2)
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope('outer'):
            images = dcgan.generator(DENSE, noise)
        dcgan.restore(session, DENSE, run)
        np.testing.assert_allclose(session.run(images), dense_images(values_of(last(run)), noise), atol=1e-5)
        for scope in ('', 'elsewhere'):
            with pytest.raises(dcgan.UserError, match=r"generator/\.\.\..* in the scope '{}'.*found them in the scope "
                                                      "'outer'".format(scope)):
                dcgan.restore(session, DENSE, run, scope=scope)
        with pytest.raises(dcgan.UserError, match='variables of blog_mnist .* found none'):
            dcgan.restore(session, BLOG, run + '/checkpoints')


@pytest.mark.parametrize('resource', [False, True])
def test_variables_are_of_the_kind_that_the_scope_says(run, resource):
    noise = dcgan.sample_noise(DENSE, 2)
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        with tf.variable_scope('outer', use_resource=resource):
            images = dcgan.generator(DENSE, noise)
            logits = dcgan.discriminator(DENSE, images)
        assert {variable.op.type for variable in tf.global_variables()} == {
            'VarHandleOp' if resource else 'VariableV2'}
        tf_graph.finalize()
        before = len(tf_graph.get_operations())
        dcgan.restore(session, DENSE, run)
        assert len(tf_graph.get_operations()) == before
        x, found = session.run([images, logits])
    values = values_of(last(run))
    np.testing.assert_allclose(x, dense_images(values, noise), atol=1e-5)
    x = leaky(x.reshape(2, 784).dot(values['discriminator/dense/kernel']) + values['discriminator/dense/bias'])
    np.testing.assert_allclose(
        found, x.dot(values['discriminator/dense_1/kernel']) + values['discriminator/dense_1/bias'], atol=1e-5)


def test_the_discriminator_takes_images_flat_or_not_and_is_the_one_that_is_exported(blog_run, run):
    images = np.random.RandomState(0).uniform(-1, 1, (5, 28, 28, 1)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        shaped, flat = [dcgan.discriminator(DENSE, x) for x in (images, images.reshape(5, 784))]
        dcgan.restore(session, DENSE, run)
        np.testing.assert_array_equal(*session.run([shaped, flat]))
    with tf.Graph().as_default(), tf.Session() as session:
        logits = dcgan.discriminator(BLOG, images)
        dcgan.restore(session, BLOG, blog_run)
        found = session.run(logits)
    with tf.Graph().as_default(), tf.Session() as session:
        network = graph.build_inference_graph(BLOG, with_discriminator=True)[1]
        checkpoint.restore(session, last(blog_run), checkpoint.by_name(tf.global_variables()))
        np.testing.assert_allclose(found, session.run(network.output, {network.inputs['images']: images}), atol=1e-5)
    assert found.shape == (5, 1)


def test_in_training_averages_move_and_masks_change():
    noise = dcgan.sample_noise(BLOG, 4)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        with tf.variable_scope('outer'):
            images = dcgan.generator(BLOG, noise, training=True)
            dcgan.generator(BLOG, noise, training=False)
            updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
            assert len(updates) == 6  # a mean and a variance for each of three batch norms
            logits = dcgan.discriminator(BLOG, images, training=True)
            assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 10
        session.run(tf.global_variables_initializer())
        first, second = session.run(images), session.run(images)
        assert np.abs(first - second).max() > 1e-3  # other masks
        assert session.run(logits).shape == (4, 1)
        name = 'outer/generator/batch_normalization/moving_mean'
        mean, = [each for each in tf.global_variables() if each.op.name == name]
        kernel, = [each for each in tf.global_variables() if each.op.name == 'outer/generator/dense/kernel']
        assert not session.run(mean).any()
        session.run(updates)
        x = noise.dot(session.run(kernel)).reshape(-1, 512)
        np.testing.assert_allclose(session.run(mean), 0.01 * x.mean(axis=0), atol=1e-6)


def test_spectral_norms_move_in_training_alone():
    preset = dcgan.get_preset('resnet_mnist')
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 28, 28, 1])
        dcgan.discriminator(preset, images)
        assert not tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        dcgan.discriminator(preset, images, training=True)
        moved = [op.inputs[0] for op in tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
        assert len(moved) == len([each for each in tf.global_variables() if each.op.name.endswith('/u')]) == 11


def weights(seed):
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        if seed is not None:
            tf.set_random_seed(seed)
        dcgan.generator(DENSE, np.zeros([1, 100]))
        assert tf_graph.seed == seed
        session.run(tf.global_variables_initializer())
        return session.run(tf.global_variables())[0]


def test_weights_follow_the_graphs_seed_and_differ_without_one():
    np.testing.assert_array_equal(weights(3), weights(3))
    assert np.abs(weights(None) - weights(None)).max() > 0.01
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        graph.build_sampling_graph(DENSE)
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(tf.global_variables())[0], weights(3))


def test_a_training_graph_gets_weights_and_averages(averaged):
    with tf.Graph().as_default(), tf.Session() as session:
        handles = dcgan.build_training_graph(AVERAGED)
        session.run(tf.global_variables_initializer())
        dcgan.restore(session, AVERAGED, averaged)
        names = {variable.op.name: variable for variable in tf.global_variables()}
        found = session.run(names)
        values = values_of(averaged)
        same = {name for name in found if np.array_equal(found[name], values[name])}
        assert {name for name in names if re.match('(generator|discriminator)/.*(kernel|bias|Average)$', name)} <= same
        assert len([name for name in same if name.endswith('Average')]) == 4
        images = session.run(handles.sample_images, {handles.noise: dcgan.sample_noise(AVERAGED, 2)})
    np.testing.assert_allclose(images, dcgan.generate(averaged, 2, preset=AVERAGED), atol=1e-5)


PROGRAM = '''
import sys
import numpy as np
import tensorflow.compat.v1 as tf
tf.{}_v2_behavior()
import dcgan_tf1 as dcgan
preset = dcgan.get_preset('blog_dense')
tf_graph = tf.Graph()
with tf_graph.as_default():
    z = tf.placeholder(tf.float32, [None, preset.z_dim])
    images = dcgan.generator(preset, z, training=False)
session = tf.Session(graph=tf_graph)
dcgan.restore(session, preset, sys.argv[1])  # outside of the graph's context
np.save(sys.argv[2], session.run(images, {{z: dcgan.sample_noise(preset, 2)}}))
if tf.executing_eagerly():
    try:
        dcgan.generator(preset, np.zeros([1, 100]))
    except dcgan.UserError as error:
        print(error)
else:
    print('graphs')
'''


@pytest.mark.parametrize('verb, said', [
    pytest.param('disable', 'graphs', marks=pytest.mark.slow), ('enable', 'found eager execution')])
def test_programs_with_and_without_the_behaviour_of_tensorflow_2(run, tmp_path, verb, said):
    if (verb == 'enable') == tf.executing_eagerly():  # the release's own, as in all other tests
        if verb == 'enable':
            with pytest.raises(dcgan.UserError, match=said):
                dcgan.generator(DENSE, np.zeros([1, 100]))
        return
    done = subprocess.run([sys.executable, '-c', PROGRAM.format(verb), run, str(tmp_path / 'x.npy')],
                          env=command_environment(), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    np.testing.assert_allclose(np.load(str(tmp_path / 'x.npy')), dcgan.generate(run, 2), atol=1e-6)


# ----------------------------------------------------------------------------- paths and bad input

@pytest.mark.slow_tf1
def test_what_names_a_checkpoint(blog_run, tmp_path, monkeypatch):
    folder = os.path.join(blog_run, 'checkpoints')
    prefixes = [os.path.join(folder, 'model.ckpt-{}'.format(step)) for step in (2, 4)]
    with tf.Graph().as_default(), tf.Session() as session:
        dcgan.generator(BLOG, np.zeros([1, 100]))

        def restored(path, **which):
            return dcgan.restore(session, BLOG, path, **which)

        assert restored(blog_run) == restored(folder) == restored(prefixes[1]) == prefixes[1]
        assert restored(blog_run, which=2) == restored(folder, which=2) == restored(prefixes[0]) == prefixes[0]
        measured = tmp_path / '00000-blog_mnist'
        shutil.copytree(blog_run, str(measured))
        (measured / 'quality.csv').write_text('step,n,frechet_distance\n2,100,3.5\n4,100,7.5\n')
        assert restored(measured, which='best').endswith('model.ckpt-2')
        monkeypatch.setenv('HOME', str(tmp_path))
        assert restored('~/00000-blog_mnist', which=4) == str(measured / 'checkpoints' / 'model.ckpt-4')
        for path, which, message in (
                (blog_run, 3, 'checkpoint of step 3, found those of steps 2, 4'),
                (folder, 3, 'checkpoint of step 3, found model.ckpt-2, model.ckpt-4'),
                (folder, 'best', "which='best': expected a run folder"), (blog_run, 'best', 'quality.csv'),
                (folder, 'newest', "'last', 'best' or the number"), (blog_run + '-1', 'last', 'found no file')):
            with pytest.raises(dcgan.UserError, match=message):
                restored(path, which=which)
        with pytest.raises(dcgan.UserError, match='expected a run of blog_dense, found one of blog_mnist'):
            dcgan.restore(session, DENSE, blog_run)
        config = json.loads((measured / 'config.json').read_text())
        config['identity']['noise'] = 'uniform'
        (measured / 'config.json').write_text(json.dumps(config))
        for path in (measured, measured / 'checkpoints', measured / 'checkpoints' / 'model.ckpt-2'):
            with pytest.raises(dcgan.UserError, match='expected a preset with uniform noise, .* found normal'):
                dcgan.restore(session, dataclasses.replace(BLOG, noise='normal'), path)
        del config['identity']['noise']
        config['identity']['image_shape'] = [27, 28, 1]
        (measured / 'config.json').write_text(json.dumps(config))
        with pytest.raises(dcgan.UserError, match='with images of 27x28x1, as it was trained with, found 28x28'):
            dcgan.restore(session, BLOG, measured)
        shutil.copytree(folder, str(tmp_path / 'theirs'))
        (tmp_path / 'theirs' / 'config.json').write_text('{"lr": 0.1}')
        assert restored(tmp_path / 'theirs') == str(tmp_path / 'theirs' / 'model.ckpt-4')
    with pytest.raises(dcgan.UserError, match='or preset= beside a checkpoint'):
        dcgan.generate(folder)


def test_a_checkpoint_without_the_variables_changes_none(run, averaged):
    with tf.Graph().as_default(), tf.Session() as session:
        dcgan.generator(dataclasses.replace(DENSE, z_dim=7), np.zeros([1, 7]))
        session.run(tf.global_variables_initializer())
        before = session.run(tf.global_variables())
        with pytest.raises(dcgan.UserError, match=r'dense/kernel of shape \[7, 128\], found shape \[100, 128'):
            dcgan.restore(session, dataclasses.replace(DENSE, z_dim=7), run)
        for old, new in zip(before, session.run(tf.global_variables())):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize('call, message', [
    (lambda: dcgan.generator(DENSE, np.zeros([2, 99])), r'expected float32 \[N, 100\], found \(2, 99\)'),
    (lambda: dcgan.generator(DENSE, tf.zeros([2, 100], tf.float64)), r'\[N, 100\], found float64'),
    (lambda: dcgan.generator(DENSE, 'noise'), 'found str'),
    (lambda: dcgan.generator('blog_dense', np.zeros([2, 100])), "generator: expected a Preset, .*found 'blog_dense'"),
    (lambda: dcgan.discriminator('blog_dense', np.zeros([2, 784])), 'discriminator: expected a Preset'),
    (lambda: dcgan.build_training_graph('blog_dense'), 'build_training_graph: expected a Preset'),
    (lambda: dcgan.sample_noise('blog_dense', 2), 'sample_noise: expected a Preset'),
    (lambda: dcgan.interpolate('blog_dense', 0, 0, 0), 'interpolate: expected a Preset'),
    (lambda: dcgan.discriminator(DENSE, np.zeros([2, 784], np.uint8)), r'\[N, 784\], found uint8'),
    (lambda: dcgan.to_uint8(tf.zeros([2, 4, 4, 1]), (-1, 1)), 'to_uint8: expected an array of images, found a t'),
    (lambda: dcgan.to_uint8(None, (-1, 1)), 'to_uint8: expected an array of numbers, found object'),
    (lambda: dcgan.save_grid('x.png', tf.zeros([2, 4, 4, 1])), 'save_grid: expected an array of images, found a'),
    (lambda: dcgan.interpolate(DENSE, tf.zeros([1, 100]), 0, 0), 'expected arrays of numbers, found a tensor'),
    (lambda: dcgan.discriminator(DENSE, np.zeros([2, 28, 28])), r'\[N, 28, 28, 1\] or \[N, 784\], found \(2, 28, 28'),
    (lambda: dcgan.discriminator(dcgan.get_preset('vae'), np.zeros([2, 784])), 'that has one, found vae'),
    (lambda: dcgan.generate('nowhere', preset=DENSE, z=np.zeros([1, 100])), 'nowhere'),
    (lambda: dcgan.get_preset('blog'), "presets blog_mnist, .*found 'blog'"),
    (lambda: dcgan.load_dataset('mnst'), "expected one of mnist, .*found 'mnst'"),
    (lambda: dcgan.load_dataset('mnist', 'validation'), "'train' or 'test', found 'validation'"),
    (lambda: dcgan.load_dataset('folder', shape=(8, 8)), r'a shape \(H, W, C\) of 1 or 3 channels, found \(8, 8\)'),
    (lambda: dcgan.load_dataset('mnist', shape=(32, 32, 1)), r"only for the data set 'folder', found \(32, 32, 1\)"),
    (lambda: dcgan.load_dataset('folder', shape=(0, 8, 3)), r'expected a shape .*, found \(0, 8, 3\)'),
    (lambda: dcgan.to_uint8(np.array([np.nan]), (-1, 1)), 'finite images, found 1 values'),
    (lambda: dcgan.save_grid('x.png', np.zeros([2, 28, 28, 1])), r'expected uint8 .*, found float64 \[2, 28, 28, 1\]'),
])
def test_wrong_input_is_one_line(call, message):
    with tf.Graph().as_default(), pytest.raises(dcgan.UserError, match=message) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_a_count_beside_noise_is_that_of_the_noise(run):
    assert len(dcgan.generate(run)) == 16 and len(dcgan.generate(run, 2, z=np.zeros([2, 100]))) == 2
    for count, message in ((3, 'a count of 2, as many as noise vectors, found 3'), (2.5, 'generate: expected a count'),
                           (-1, 'generate: expected a count of 0 or more, an integer, found -1')):
        with pytest.raises(dcgan.UserError, match=message):
            dcgan.generate(run, count, z=np.zeros([2, 100]))


def test_a_tensor_of_eager_execution_has_its_values_taken():
    class Eager:  # what raises so in a graph of TensorFlow 2
        def numpy(self):
            return np.full([2, 100], 0.5)

    def convert(value, *args):
        if isinstance(value, Eager):
            raise RuntimeError('Attempting to capture an EagerTensor without building a function.')
        return convert_to_tensor(value, *args)

    convert_to_tensor = tf.convert_to_tensor
    with pytest.MonkeyPatch.context() as patch, tf.Graph().as_default():
        patch.setattr(tf, 'convert_to_tensor', convert)
        images = dcgan.generator(DENSE, Eager())
    assert images.shape.as_list() == [2, 28, 28, 1]


@pytest.mark.parametrize('fields, message', [
    ({'image_shape': (14, 14, 1)}, 'Preset.input_shape: expected as many values as the image_shape '),
    ({'image_shape': (28, 28)}, r'Preset.image_shape: expected \(H, W, C\), found \(28, 28\)'),
    ({'input_shape': 784}, r'Preset.input_shape: expected a shape, as \(784,\) or \(H, W, C\), found 784'),
    ({'log_every': 50}, "Preset.log_every: expected a StepInterval, as StepInterval\\(500, 'steps'\\), found 50"),
    ({'log_every': StepInterval(0, 'steps')}, 'Preset.log_every: expected a StepInterval'),
    ({'checkpoint_every': StepInterval(5, 'minutes')}, 'Preset.checkpoint_every: expected a StepInterval'),
    ({'z_dim': 0}, 'Preset.z_dim: expected 1 or more, found 0'),
    ({'z_dim': 1.5}, 'Preset.z_dim: expected a whole number, found 1.5'),
    ({'batch_size': 'a'}, "Preset.batch_size: expected a whole number, found 'a'"),
    ({'samples': True}, 'Preset.samples: expected a whole number, found True'),
    ({'epochs': 'a'}, "Preset: expected a whole number of epochs or steps, 1 or more, found 'a'"),
    ({'epochs': 5.0}, 'Preset: expected a whole number of epochs or steps, 1 or more, found 5.0'),
    ({'schedule': (UpdateSpec(G_OBJECTIVE),)}, r'Preset.schedule: expected a tuple of Objectives .*\(G_OBJECTIVE,\)'),
    ({'schedule': (UpdateSpec((G_OBJECTIVE,)),) * 15}, 'Preset.schedule: expected at most 14 updates, found 15'),
    ({'schedule': (UpdateSpec(()),)}, r'Preset.schedule: expected a tuple of Objectives in each UpdateSpec'),
    ({'schedule': (UpdateSpec((G_OBJECTIVE,), 'a'),)}, 'Preset.schedule: expected images and noise as numbers'),
    ({'schedule': (UpdateSpec((G_OBJECTIVE,), -1),)}, 'Preset.schedule: expected images and noise as numbers'),
    ({'augment': [['color']]}, 'Preset.augment: expected a tuple of names'),
    ({'samples_name': 'x{nope}.png'}, 'Preset.samples_name: expected the name of a picture'),
    ({'samples_name': '../x{step}.png'}, 'Preset.samples_name: expected the name of a picture'),
    ({'sizes_of_variables': 5}, 'Preset.sizes_of_variables: expected a function, found 5'),
    ({'mode': 'nope'}, "Preset.mode: expected None or one of its modes, found 'nope'"),
    ({'modes': {'a': {'mode': 'b'}}}, 'Preset.modes: expected {mode'),
    ({'image_range': 5}, r'Preset.image_range: expected the values of black and white, as \(-1.0, 1.0\), found 5'),
    ({'image_range': (1, -1)}, r'Preset.image_range: .*, found \(1, -1\)'),
    ({'learning_rate': -1}, 'Preset.learning_rate: expected a number from 0, found -1'),
    ({'smoothing': 'a'}, "Preset.smoothing: expected a number from 0, found 'a'"),
    ({'beta2': 2}, 'Preset.beta2: expected a number from 0 to below 1, found 2'),
    ({'ema_decay': 'a'}, "Preset.ema_decay: expected a number from 0 to below 1, found 'a'"),
    ({'noise_batches': (0,)}, r'Preset.noise_batches: expected a tuple of sizes, .* found \(0,\)'),
    ({'noise_batches': 5}, 'Preset.noise_batches: expected a tuple'),
    ({'schedule': 5}, 'Preset.schedule: expected a tuple of UpdateSpecs, found 5'),
    ({'generator': None}, 'Preset.generator: expected a function with a name'),
    ({'discriminator': None}, 'Preset.discriminator: expected a function with a name'),
    ({'title': 5}, 'Preset.title: expected a text, found 5'), ({'gif': 'no'}, 'Preset.gif: expected True or False'),
    ({'modes': 5}, 'Preset.modes: expected {mode: {field: value}}, found 5'),
    ({'modes': {'a': {'nope': 1}}}, 'Preset.modes: expected {mode'), ({'shuffle': []}, 'Preset.shuffle: expected one'),
    ({'model': 'GAN'}, "Preset.model: expected a Model, as objectives.GAN, found 'GAN'")])
def test_fields_of_a_preset_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(DENSE, **fields)
    assert dataclasses.replace(DENSE, image_shape=[28, 28, 1]) == DENSE


@pytest.mark.parametrize('shape', [(32, 32), 32, (('a'), 2, 1), 'abc', (8, 8, True), None])
def test_other_shapes_than_of_images_are_refused(shape):
    with pytest.raises(ValueError, match=r'^Preset.with_image_shape: expected \(H, W, C\), found '):
        DENSE.with_image_shape(shape)


@pytest.mark.parametrize('total', ['a', -5, 0, None, 1.5, True])
def test_a_rate_falls_over_a_whole_number_of_steps(total):
    with tf.Graph().as_default(), pytest.raises(dcgan.UserError, match='total_steps of 1 or more, an integer, found'):
        dcgan.build_training_graph(DENSE, total)


def test_constants_in_a_graph_have_to_be_finite():
    preset, z = dcgan.get_preset('cgan_mnist'), np.zeros([2, 100], np.float32)
    with tf.Graph().as_default():
        with pytest.raises(dcgan.UserError, match='generator: expected float32 .*, found values that are not finite'):
            dcgan.generator(DENSE, z + np.nan)
        with pytest.raises(dcgan.UserError, match='generator: expected float32 .*, found values that are not finite'):
            dcgan.generator(DENSE, [[1e300] * 100])
        with pytest.raises(dcgan.UserError, match='generator: expected labels .* found values that are not finite'):
            dcgan.generator(preset, z, labels=np.full([2, 10], np.nan))


def test_a_truth_value_is_no_temperature(run):
    with pytest.raises(dcgan.UserError, match='generate: expected a temperature from 0.001 to 1,000, found True'):
        dcgan.generate(run, temperature=True)


def test_a_run_says_its_size_itself(run):
    assert dcgan.preset_of(run, image_size=28).image_shape == (28, 28, 1)
    with pytest.raises(dcgan.UserError, match=r'image_size: expected \(28, 28\), by which .* was trained, found 32'):
        dcgan.preset_of(run, image_size=32)


def test_noise_of_another_size_is_refused(run):
    np.testing.assert_array_equal(dcgan.generate(run, z=np.ones([2, 100], object)),
                                  dcgan.generate(run, z=np.ones([2, 100])))
    for z in (np.ones([2, 100], bool), np.ones([2, 100]) * 1j, [['1'] * 100]):
        with pytest.raises(dcgan.UserError, match=r'expected finite noise \[N, 100\] for blog_dense, found '):
            dcgan.generate(run, z=z)
    for z, found in ((np.zeros([2, 5]), r'\[2, 5\]'), ('abc', "'abc'"), ([[1], [1, 2]], r'\[\[1\], \[1, 2\]\]'),
                     (np.full([2, 100], np.nan), r'\[2, 100\]')):
        with pytest.raises(dcgan.UserError, match=r'expected finite noise \[N, 100\] for blog_dense, found ' + found):
            dcgan.generate(run, z=z)


def test_a_training_graph_has_to_be_its_own():
    with tf.Graph().as_default():
        with tf.variable_scope('outer'), pytest.raises(dcgan.UserError, match="no variable scope around, .*'outer'"):
            dcgan.build_training_graph(DENSE)
        dcgan.generator(DENSE, np.zeros([1, 100]))
        with pytest.raises(dcgan.UserError, match='a graph of its own, found one with a generator'):
            dcgan.build_training_graph(DENSE)


# ------------------------------------------------------------------------ presets, images and data

def test_presets_are_registered_once_by_names_that_can_be_written(monkeypatch):
    monkeypatch.setattr(table, 'PRESETS', dict(table.PRESETS))
    own, count = dataclasses.replace(DENSE, name='own', generator=lambda z, ctx: z), len(dcgan.presets())
    dcgan.register_preset(own)
    assert dcgan.get_preset('own') is own and dcgan.presets()[-1] == 'own' and len(dcgan.presets()) == count + 1
    dcgan.register_preset(dataclasses.replace(own))  # the same
    for other in (dataclasses.replace(own, z_dim=3), dataclasses.replace(own, generator=lambda z, ctx: -z)):
        with pytest.raises(dcgan.UserError, match="no other preset has, found 'own' .*vae, own"):
            dcgan.register_preset(other)
    for name in ('a-b', '', 'own/own', None):
        with pytest.raises(dcgan.UserError, match='letters, digits and underscores, found'):
            dcgan.register_preset(dataclasses.replace(own, name=name))
    with pytest.raises(dcgan.UserError, match='expected a Preset, found'):
        dcgan.register_preset('own')
    with pytest.raises(ValueError, match='Preset.z_dim: expected 1 or more, found 0'):
        dcgan.register_preset(dataclasses.replace(own, name='moded', modes={'a': {'z_dim': 0}}))
    assert len(dcgan.presets()) == count + 1


def test_formats_to_export_are_named_or_all(tmp_path):
    for formats in ([], (), 'onnx', ['frozen', 'pytorch']):
        with pytest.raises(dcgan.UserError, match='export_generator: expected a list of some of frozen'):
            dcgan.export_generator('no', str(tmp_path / 'out'), formats)


def test_interpolation_is_that_of_the_command():
    tutorial = dcgan.get_preset('tf_tutorial')  # normal noise, the other's is uniform
    for preset in (BLOG, tutorial):
        z = sample_interpolations(preset, 2, 5, seed=3).reshape(2, 5, 100)
        np.testing.assert_allclose(dcgan.interpolate(preset, z[:, 0], z[:, 4], np.linspace(0, 1, 5)), z, atol=1e-6)
        np.testing.assert_allclose(dcgan.interpolate(preset, z[:, 0], z[:, 4], 0.25), z[:, 1], atol=1e-6)
    np.testing.assert_allclose(dcgan.interpolate(tutorial, np.full([1, 100], 3), np.full([1, 100], 4), 0.5),
                               np.full([1, 100], 3.5), rtol=1e-6)


def test_images_as_bytes_and_as_a_grid(tmp_path):
    images = np.linspace(-1.5, 1.5, 4 * 6).reshape(6, 2, 2, 1)
    found = dcgan.to_uint8(images, (-1, 1))
    assert found[0, 0, 0, 0] == 0 and found[-1, -1, -1, 0] == 255
    dcgan.save_grid(str(tmp_path / 'x.png'), found)
    dcgan.save_grid(tmp_path / 'y.png', found, columns=2)
    assert Image.open(str(tmp_path / 'x.png')).size == (6, 4) and Image.open(str(tmp_path / 'y.png')).size == (4, 6)
    assert np.asarray(Image.open(str(tmp_path / 'x.png')))[-1, -1] == 255


def test_a_graph_is_built_as_its_own_thread_says():
    begun, done = threading.Event(), threading.Event()

    def elsewhere():
        with layers.compute_policy('bfloat16', 'matmul'):
            begun.set()
            done.wait(60)

    other = threading.Thread(target=elsewhere)
    other.start()
    try:
        assert begun.wait(60)
        with tf.Graph().as_default() as tf_graph:
            dcgan.generator(BLOG, tf.zeros([2, 100]))
            kinds = [op.type for op in tf_graph.get_operations()]
            assert kinds.count('Conv2DBackpropInput') == 3 and not any(
                tensor.dtype == tf.bfloat16 for op in tf_graph.get_operations() for tensor in op.outputs)
    finally:
        done.set()
        other.join()


def test_presets_are_hashable_and_have_no_numbers_of_numpys():
    assert len({dcgan.get_preset(name) for name in dcgan.presets()}) == len(dcgan.presets())
    preset = dcgan.get_preset('dcgan').with_image_shape(np.array([32, 48, 3]))
    preset = dataclasses.replace(preset, image_range=(np.float32(-1), np.float32(1)), noise_batches=(np.int64(1),))
    preset = dataclasses.replace(preset, image_shape=list(np.array(preset.image_shape)), samples=np.array(49))
    assert json.loads(json.dumps([preset.image_shape, preset.image_range, preset.noise_batches, preset.samples])) == [
        [32, 48, 3], [-1, 1], [1], 49]
    with pytest.raises(ValueError, match=r'Preset.image_shape: expected \(H, W, C\), found \(\(8, 8, 1\),\)'):
        dataclasses.replace(preset, image_shape=np.array([[8, 8, 1]]))


def test_what_commands_warn_of_is_a_warning(tmp_path, caplog):
    for number in range(2):
        Image.new('L', (8, 8), number).save(str(tmp_path / '{}.png'.format(number)))
    with caplog.at_level('WARNING', 'absl'):
        dcgan.load_dataset('folder', data_dir=tmp_path, shape=(8, 8, 1))
    assert [record.getMessage() for record in caplog.records if record.levelname == 'WARNING'] == [
        '{}: nearly black, for no value is above 16 of 255'.format(tmp_path)]


def test_data_and_metrics_are_the_packages_own(tiny_data, capsys):
    dataset = dcgan.load_dataset('mnist', data_dir=tiny_data)
    assert dataset.images.shape == (5400, 28, 28, 1) and dataset.images.dtype == np.uint8
    assert dataset.labels[:3].tolist() == [0, 1, 2]
    assert capsys.readouterr() == ('', '')
    for name in ('classifier_score', 'density_coverage', 'frechet_distance', 'kernel_distance', 'precision_recall'):
        assert getattr(dcgan, name) is getattr(distances, name)
    # Two Gaussians of equal covariance, 3 apart.
    features = np.random.RandomState(0).normal(size=(4000, 2))
    assert abs(dcgan.frechet_distance(features, features + [3, 0]) - 9) < 1e-6


def test_export_writes_what_the_command_does(run, tmp_path, capsys):
    assert dcgan.export_generator(run, tmp_path / 'out', ['frozen'], which=8) == ['frozen']
    assert capsys.readouterr().out == ''
    manifest = json.loads((tmp_path / 'out' / 'MANIFEST.json').read_text(encoding='utf-8'))
    assert manifest['step'] == 8 and manifest['formats']['frozen'][0]['largest_error'] < 1e-5
    with tf.Graph().as_default(), tf.Session() as session:
        tf_graph = tf.GraphDef()
        tf_graph.ParseFromString((tmp_path / 'out' / 'frozen' / 'generator.pb').read_bytes())
        noise = dcgan.sample_noise(DENSE, 2)
        images, = tf.import_graph_def(tf_graph, {'inputs_noise': noise}, ['images:0'])
        np.testing.assert_allclose(session.run(images), dcgan.generate(run, 2), atol=1e-6)
    for formats, message in ((['froze'], "some of frozen, .* found 'froze'"), (['frozen'], 'empty folder')):
        with pytest.raises(dcgan.UserError, match=message):
            dcgan.export_generator(run, tmp_path / 'out', formats)
    with pytest.raises(dcgan.UserError, match='expected the format onnx, found frozen'):
        dcgan.export_generator(run, tmp_path / 'other', ['frozen'], uint8=True)


def test_export_has_the_generator_of_bytes(run, tmp_path):
    pytest.importorskip('tf2onnx')
    onnxruntime = pytest.importorskip('onnxruntime')
    assert dcgan.export_generator(run, tmp_path / 'out', ['onnx'], uint8=True, layout='nchw') == ['onnx']
    found, = onnxruntime.InferenceSession(str(tmp_path / 'out' / 'onnx' / 'generator-uint8-nchw.onnx')).run(
        None, {'inputs_noise:0': dcgan.sample_noise(DENSE, 2)})
    expected = dcgan.to_uint8(dcgan.generate(run, 2), DENSE.image_range).transpose(0, 3, 1, 2).repeat(3, axis=1)
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


# ------------------------------------------------------------------------------------ the document

with open(os.path.join(ROOT, 'docs', 'library.md'), encoding='utf-8') as page:
    BLOCKS = re.findall(r'^```python\n(.*?)^```$', page.read(), re.M | re.S)


@pytest.fixture(scope='module')
def cgan_run(blog_run):
    """A run folder of cgan_mnist beside blog_run, whose checkpoint has random averages of the generator's weights."""
    folder = os.path.join(os.path.dirname(blog_run), '00001-cgan_mnist')
    os.makedirs(os.path.join(folder, 'checkpoints'))
    with open(os.path.join(folder, 'config.json'), 'w') as handle:
        json.dump({'identity': {'preset': 'cgan_mnist'}}, handle)
    preset = dcgan.get_preset('cgan_mnist')
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        dcgan.generator(preset, np.zeros([1, 100]), labels=[0])
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(graph.sampled_variables(preset, tf.global_variables()))
        saver.save(session, os.path.join(folder, 'checkpoints', 'model.ckpt'), global_step=4)
    return folder


@pytest.mark.parametrize('number', range(len(BLOCKS)))
def test_the_document_runs_as_it_stands(number, blog_run, cgan_run, monkeypatch):
    monkeypatch.chdir(os.path.dirname(os.path.dirname(blog_run)))
    names = {}
    exec(compile(BLOCKS[number].replace('which=2500', 'which=2'), 'library.md', 'exec'), names)  # of a short run
    if 'x' in names:
        assert names['x'].shape == (16, 28, 28, 1) and np.abs(names['x']).max() <= 1
    if 'after' in names:  # both checkpoints are of the same weights
        np.testing.assert_array_equal(names['before'], names['after'])
    if 'sevens' in names:
        np.testing.assert_allclose(names['more'], names['sevens'], atol=1e-5)
        assert names['sevens'].shape == (16, 28, 28, 1)
    if 'g_loss' in names and 'updates' in names:
        assert len(names['updates']) == 2 and 0 < names['d_loss'] < 20 and 0 < names['g_loss'] < 20
    if 'save_grid' in BLOCKS[number]:
        assert Image.open('samples.png').size == (112, 112)


def test_the_document_lists_every_public_name():
    with open(os.path.join(ROOT, 'docs', 'library.md'), encoding='utf-8') as handle:
        spans = ' '.join(re.findall(r'`([^`\n]+)`', handle.read()))
    assert [name for name in dcgan.__all__ if not re.search(r'\b{}\b'.format(name), spans)] == []


def test_wrong_arguments_are_one_line_each(tmp_path):
    for call, message in (
            (lambda: dcgan.sample_noise(BLOG, -1), 'expected a count of 0 or more, an integer, found -1'),
            (lambda: dcgan.sample_noise(BLOG, 2.0), 'expected a count of 0 or more, an integer, found 2.0'),
            (lambda: dcgan.sample_noise(BLOG, 1, seed=-2), 'expected a seed of 0 or more, an integer, found -2'),
            (lambda: dcgan.to_uint8(np.zeros(3), (1, 1)), r'expected a range .*found \(1, 1\)'),
            (lambda: dcgan.save_grid('x.png', np.zeros((1, 2, 2, 1), np.uint8), -1), 'a column or more, found -1'),
            (lambda: dcgan.export_generator('run', 'out', 'frozen'), "expected a list .*found 'frozen'"),
            (lambda: dcgan.export_generator('run', 'out', layout='NCHW'), "'nhwc' or 'nchw', found 'NCHW'"),
            (lambda: dcgan.generate('run', which=True), 'the number of a step, found True')):
        with pytest.raises(dcgan.UserError, match=message):
            call()


def test_numbers_of_numpy_in_a_preset_are_plain_ones():
    preset = dataclasses.replace(DENSE, z_dim=np.int64(5), temperature=np.float32(.5), gif=np.bool_(True))
    assert json.dumps([preset.z_dim, preset.temperature, preset.gif]) == '[5, 0.5, true]'


def test_labels_may_be_tensors_in_a_list_and_variables():
    preset = dcgan.get_preset('cgan_mnist')
    with tf.Graph().as_default(), tf.Session() as session:
        z = np.zeros([4, preset.z_dim], np.float32)
        made = [dcgan.generator(preset, z, labels=labels) for labels in (
            [1] * 4, [tf.constant(1)] * 4,
            tf.get_variable('l', [4], tf.int32, tf.ones_initializer(), trainable=False, use_resource=True),
            tf.get_variable('m', [4], tf.int32, tf.ones_initializer(), trainable=False, use_resource=False))]
        session.run(tf.global_variables_initializer())
        expected, *found = session.run(made)
        for each in found:
            np.testing.assert_array_equal(each, expected)


@pytest.mark.parametrize('low, high', [(np.int8(-128), np.int8(127)), (np.float16(-128), np.float16(127))])
def test_the_ends_of_a_range_may_be_of_any_type(low, high):
    assert dcgan.to_uint8(np.array([-128, 0, 127], np.float32), (low, high)).tolist() == [0, 128, 255]


@pytest.mark.parametrize('call, message', [
    (lambda z: dcgan.save_grid('x.png', np.zeros((1, 2, 2, 1), np.uint8), 2.0), 'save_grid: expected a column'),
    (lambda z: dcgan.to_uint8(z, None), r'to_uint8: expected a range \(low, high\), found None'),
    (lambda z: dcgan.to_uint8(z, 'ab'), r"to_uint8: expected a range \(low, high\), found 'ab'"),
    (lambda z: dcgan.to_uint8(z, (0, np.inf)), r'to_uint8: expected a range \(low, high\), found \(0, inf\)'),
    (lambda z: dcgan.save_grid(b'x', np.zeros((1, 2, 2, 1), np.uint8)), 'save_grid: expected a path of a file'),
    (lambda z: dcgan.get_preset(['vae']), r"expected one of the presets blog_mnist, .* found \['vae'\]"),
    (lambda z: dcgan.preset_of(5), 'path: expected a run folder or a checkpoint, found 5'),
    (lambda z: dcgan.load_dataset(['mnist']), r"load_dataset: expected one of mnist, .* found \['mnist'\]"),
    (lambda z: dcgan.load_dataset('mnist', data_dir=5), 'data_dir: expected a folder, found 5'),
    (lambda z: dcgan.export_generator('x', 'y', 5), 'export_generator: expected a list of some of .* found 5'),
    (lambda z: dcgan.interpolate(DENSE, z[:2], z[:3], 0.5), r'interpolate: .* twice.* found \[2, 100\], \[3, 100\]'),
    (lambda z: dcgan.interpolate(DENSE, z[:2], z[:2], 'x'), r'interpolate: expected arrays of numbers'),
    (lambda z: dcgan.generate(None, 2, preset=DENSE), 'path: expected a run folder or a checkpoint, found None'),
    (lambda z: dcgan.interpolate(DENSE, z[0], z[1], [0, 1]), r'interpolate: expected noise \[N, 100\]'),
    (lambda z: dcgan.interpolate(DENSE, z, z[:, :9], 0.5), 'interpolate: expected noise'),
    (lambda z: dcgan.interpolate(DENSE, z, z, None), 'interpolate: expected arrays of numbers, found None'),
    (lambda z: dcgan.interpolate(DENSE, z, z, np.nan), 'interpolate: expected arrays of numbers, found nan, not fin'),
    (lambda z: dcgan.interpolate(DENSE, z, np.array([[1, 2], [3]], object), 0.5), 'interpolate: .* found array'),
    (lambda z: dcgan.interpolate(DENSE, z, 1j * z, 0.5), 'interpolate: expected arrays of numbers, found array'),
    (lambda z: dcgan.to_uint8(np.zeros(3, np.uint8), (0, 1)), 'to_uint8: expected floats in .*found uint8, by'),
    (lambda z: dcgan.save_grid('x.gif', np.zeros((1, 2, 2, 1), np.uint8)), 'save_grid: expected a name .*found x.gif'),
    (lambda z: dcgan.save_grid('', np.zeros((1, 2, 2, 1), np.uint8)), 'save_grid: expected .* found nothing'),
    (lambda z: dcgan.save_grid('x\0.png', np.zeros((1, 2, 2, 1), np.uint8)), 'save_grid: expected a path of a file'),
    (lambda z: dcgan.save_grid('x.png', np.zeros((2, 0, 8, 1), np.uint8)), r'save_grid: expected uint8 .*\[2, 0, 8'),
    (lambda z: dcgan.save_grid('x.png', np.zeros((1, 2, 2, 1), np.uint8), True), 'save_grid: .* found True'),
    (lambda z: dcgan.save_grid('x.png', np.zeros((1, 99, 99, 1), np.uint8), 10 ** 18), 'save_grid: .* memory holds'),
    (lambda z: dcgan.load_dataset('folder', data_dir='x'), r'load_dataset: expected a shape \(H, W, C\) for the data'),
    (lambda z: dcgan.load_dataset('mnist', data_dir='x'), 'data_dir: expected a folder, found none at x'),
    (lambda z: dcgan.load_dataset('folder', shape=(8, 8, True)), 'load_dataset: expected a shape'),
    (lambda z: dcgan.restore(None, DENSE, 'x'), 'restore: expected a session and .*, found None and None'),
    (lambda z: dcgan.restore(tf.Session(), DENSE, 'x', 5), 'restore: expected a session and .* and 5'),
    (lambda z: dcgan.preset_of(''), 'path: expected a run folder or a checkpoint, found nothing'),
    (lambda z: dcgan.generate('x', which=None), "which: expected 'last', 'best' or the number of a step, found None"),
    (lambda z: dcgan.export_generator('x', 'y', overwrite='no'), "export_generator: expected overwrite as True or F"),
    (lambda z: dcgan.generator(DENSE, z, training='no'), "generator: expected training as True or False, found 'no'"),
    (lambda z: dcgan.generator(DENSE, z, dropout='no'), "generator: expected dropout as True or False, found 'no'")])
def test_more_wrong_arguments_are_one_line(call, message):
    with pytest.raises(dcgan.UserError, match='^' + message):
        call(dcgan.sample_noise(DENSE, 3))


def test_a_function_of_an_eager_program_is_refused_and_one_within_a_graph_is_not():
    """Its variables could be restored by no session."""
    script = """
import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
import dcgan_tf1 as dcgan
tf.enable_v2_behavior()
preset = dcgan.get_preset('blog_dense')
z = dcgan.sample_noise(preset, 2)
try:
    tf2.function(lambda z: dcgan.generator(preset, z))(tf.constant(z))
except dcgan.UserError as error:
    print(error)
with tf.Graph().as_default(), tf.Session() as session:
    images = tf2.function(lambda z: dcgan.generator(preset, z))(tf.constant(z))
    session.run(tf.global_variables_initializer())
    print(session.run(images).shape)
"""
    out = subprocess.check_output([sys.executable, '-c', script], env=command_environment(),
                                  stderr=subprocess.DEVNULL).decode()
    assert 'generator: expected to be called for a graph (with tf.Graph().as_default()), found eager execution' in out
    assert '(2, 28, 28, 1)' in out


def test_variable_scopes_that_can_not_have_a_network(blog_run):
    z = dcgan.sample_noise(BLOG, 2)
    with tf.Graph().as_default():
        dcgan.generator(BLOG, z)
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            dcgan.generator(BLOG, z)
        for message, scope, preset in (
                ('expected variables typo/generator/... to reuse, found 20 of them missing',
                 {'name_or_scope': 'typo', 'reuse': True}, BLOG),
                ('expected a variable scope without a partitioner',
                 {'name_or_scope': 'x', 'partitioner': tf.fixed_size_partitioner(2)}, BLOG),
                ("expected a variable scope of its own, found another network's generator/: Trying to share variable",
                 {'name_or_scope': tf.get_variable_scope()}, dcgan.get_preset('sngan_mnist'))):
            with tf.variable_scope(**scope), pytest.raises(
                    dcgan.UserError, match='^generator: ' + message):
                dcgan.generator(preset, z)
