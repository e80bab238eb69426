"""Checkpoints: written, kept by number, restored, refused."""

import os
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.runs import checkpoint, checkpoint_paths, checkpoint_reader
from dcgan_tf1.util.errors import UserError


class Model:
    """Two variables and a step counter in a finalised graph."""

    def __init__(self, shape=(3,), names=('a', 'b')):
        with tf.Graph().as_default() as graph:
            self.variables = [tf.get_variable(name, shape, initializer=tf.zeros_initializer(), use_resource=False)
                              for name in names]
            self.step = tf.train.get_or_create_global_step()
            self.saver = checkpoint.make_saver()
            self.all = tf.global_variables()
            initialise = tf.global_variables_initializer()
            graph.finalize()
            self.session = tf.Session()
        self.session.run(initialise)

    def set(self, value):
        variables = self.variables + [self.step]
        self.session.run([v.initializer for v in variables],
                         {v.initializer.inputs[1]: np.full(v.shape.as_list(), value) for v in variables})

    def get(self):
        return [float(self.session.run(v).ravel()[0]) for v in self.variables + [self.step]]


def test_save_keep_and_restore(tmp_path, monkeypatch):
    folder, model = str(tmp_path), Model()
    assert checkpoint.list_steps(str(tmp_path / 'none')) == []
    for step in (5, 10, 100, 15):
        model.set(step)
        checkpoint.save(model.saver, model.session, folder, step, keep=0)
    assert checkpoint.list_steps(folder) == [5, 10, 15, 100]
    synced = []
    monkeypatch.setattr(checkpoint, 'sync', lambda paths: synced.append((sorted(
        os.path.relpath(path, folder) for path in paths), checkpoint.list_steps(folder))))
    checkpoint.save(model.saver, model.session, folder, 101, keep=2)
    # The new one is on the disk before the first older one goes.
    assert synced == [(['.', 'model.ckpt-101.data-00000-of-00001', 'model.ckpt-101.index', 'model.ckpt-101.meta'],
                       [5, 10, 15, 100, 101])]
    assert checkpoint.list_steps(folder) == [100, 101]
    assert {name.split('.')[1] for name in os.listdir(folder) if name != 'checkpoint'} == {'ckpt-100', 'ckpt-101'}
    other = Model()
    checkpoint.restore(other.session, checkpoint.checkpoint_path(folder, 100), checkpoint.by_name(other.all))
    assert other.get() == [100, 100, 100]
    assert checkpoint_paths.resolve(folder) == checkpoint_paths.resolve(os.path.join(folder, 'model.ckpt-101.index')) \
        == checkpoint_paths.resolve(os.path.join(folder, 'model.ckpt-101')) == os.path.join(folder, 'model.ckpt-101')


def test_what_can_not_be_resolved(tmp_path):
    with pytest.raises(UserError, match='expected checkpoints model.ckpt-N in the folder, found none'):
        checkpoint_paths.resolve(str(tmp_path))
    with pytest.raises(UserError, match='found no file .*model.ckpt-3.index'):
        checkpoint_paths.resolve(str(tmp_path / 'model.ckpt-3'))


def test_missing_and_mismatched_variables_are_named_with_their_shapes(tmp_path):
    model = Model()
    prefix = checkpoint.save(model.saver, model.session, str(tmp_path), 1, keep=0)
    other = Model(names=('a', 'c'))
    with pytest.raises(UserError) as error:
        checkpoint.restore(other.session, prefix, checkpoint.by_name(other.all))
    assert str(error.value) == prefix + (
        ': expected the variable c of shape [3], found none of that name; of that shape it has a, b')
    other = Model(shape=(2, 2))
    with pytest.raises(UserError) as error:
        checkpoint.restore(other.session, prefix, checkpoint.by_name(other.all))
    assert 'expected the variable a of shape [2, 2], found shape [3]' in str(error.value)
    assert '\n' not in str(error.value)


def test_a_weight_and_its_average_which_start_from_one_tensor_get_values_of_their_own(tmp_path):
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        weight = tf.get_variable('weight', [3], initializer=tf.ones_initializer())
        tf.get_variable('average', initializer=weight.initial_value)
        saver = checkpoint.make_saver()
        for variable, value in zip(tf.global_variables(), (2, 5)):
            variable.load(np.full(3, value), session)
        checkpoint.save(saver, session, str(tmp_path), 1, 0)
        session.run(tf.global_variables_initializer())
        tf_graph.finalize()
        checkpoint.restore(session, checkpoint.checkpoint_path(str(tmp_path), 1),
                           checkpoint.by_name(tf.global_variables()))
        assert [each.tolist() for each in session.run(tf.global_variables())] == [[2, 2, 2], [5, 5, 5]]


def test_nothing_is_half_restored(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable('a', initializer=[7.0], use_resource=False)
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / 'model.ckpt'), 3)
    model = Model(shape=(1,), names=('a',))
    model.set(2)
    with pytest.raises(UserError, match='global_step'):
        checkpoint.restore(model.session, prefix, checkpoint.by_name(model.all))
    assert model.get() == [2, 2]
    checkpoint.restore(model.session, prefix, checkpoint.by_name(model.variables))
    assert model.get() == [7, 2]


def damage_data(prefix):
    path = prefix + '.data-00000-of-00001'
    with open(path, 'r+b') as handle:
        handle.truncate(os.path.getsize(path) // 2)


def zero_data(prefix):
    path = prefix + '.data-00000-of-00001'
    with open(path, 'r+b') as handle:
        handle.write(b'\xff' * os.path.getsize(path))


def lose_data(prefix):
    os.remove(prefix + '.data-00000-of-00001')


def damage_index(prefix):
    with open(prefix + '.index', 'wb') as handle:
        handle.write(b'garbage')


@pytest.mark.parametrize('damage', [damage_data, zero_data, lose_data, damage_index])
def test_a_damaged_newest_one_is_passed_over_with_a_warning_that_names_both(tmp_path, damage):
    folder, model, lines = str(tmp_path), Model(), []
    for step in (1, 2):
        model.set(step)
        checkpoint.save(model.saver, model.session, folder, step, keep=0)
    damage(checkpoint.checkpoint_path(folder, 2))
    assert checkpoint.latest_valid_step(folder, lines.append) == 1
    assert len(lines) == 1 and 'model.ckpt-2: ' in lines[0] and 'going back to ' in lines[0] \
        and 'model.ckpt-1' in lines[0]
    damage(checkpoint.checkpoint_path(folder, 1))
    with pytest.raises(UserError, match='model.ckpt-2: expected a whole checkpoint, found a damaged one'):
        checkpoint.latest_valid_step(folder, lines.append)


def test_no_checkpoint_at_all(tmp_path):
    assert checkpoint.latest_valid_step(str(tmp_path), print) is None


def test_deleting_old_ones_never_counts_a_later_damaged_one(tmp_path):
    folder, model = str(tmp_path), Model()
    for step in (50, 100):
        checkpoint.save(model.saver, model.session, folder, step, keep=0)
    damage_data(checkpoint.checkpoint_path(folder, 100))
    checkpoint.save(model.saver, model.session, folder, 60, keep=1)
    assert checkpoint.list_steps(folder) == [60, 100]


def test_only_what_a_saver_writes_is_ever_deleted(tmp_path):
    folder, model = str(tmp_path), Model()
    checkpoint.save(model.saver, model.session, folder, 50, keep=1)
    own = ['model.ckpt-50.notes.txt', 'model.ckpt-50.tar.gz', 'model.ckpt-10.zip', 'model.ckpt-10.index.bak']
    parts = ['model.ckpt-50.index.tempstate123', 'model.ckpt-50.meta.tmp0f', 'model.ckpt-10.data-00000-of-00001']
    for name in own + parts:
        (tmp_path / name).write_text('')
    checkpoint.remove_parts(folder)
    assert not set(parts) & set(os.listdir(folder)) and checkpoint.list_steps(folder) == [50]
    checkpoint.save(model.saver, model.session, folder, 60, keep=1)
    assert sorted(os.listdir(folder)) == sorted(own + ['checkpoint'] + [
        'model.ckpt-60.' + suffix for suffix in ('data-00000-of-00001', 'index', 'meta')])


def test_a_failed_save_leaves_the_earlier_ones(tmp_path):
    folder, model = str(tmp_path / 'c'), Model()
    checkpoint.save(model.saver, model.session, folder, 1, keep=1)
    shutil.move(folder, folder + '-away')
    with open(folder, 'w') as handle:
        handle.write('a file where the folder was')
    with pytest.raises(UserError, match='cannot write .*model.ckpt-2: '):
        checkpoint.save(model.saver, model.session, folder, 2, keep=1)
    os.remove(folder)
    shutil.move(folder + '-away', folder)
    assert checkpoint.list_steps(folder) == [1]
    checkpoint.restore(model.session, checkpoint.checkpoint_path(folder, 1), checkpoint.by_name(model.all))


# ------------------------------------------------------------------- checkpoints of other names

@pytest.fixture
def model():
    return Model()


def save_as(model, prefix, step=None):
    """A checkpoint under another name, with its file `checkpoint`; returns its prefix."""
    os.makedirs(os.path.dirname(str(prefix)), exist_ok=True)
    with model.session.graph.as_default():
        return model.saver.save(model.session, str(prefix), step, write_meta_graph=False)


def test_a_folder_of_another_programs_checkpoints_is_read_by_its_file_checkpoint(model, tmp_path):
    older, newer = [save_as(model, tmp_path / 'a' / 'DCGAN.model', step) for step in (500002, 1502)]
    state = tmp_path / 'a' / 'checkpoint'
    assert checkpoint_paths.resolve(str(tmp_path / 'a')) == checkpoint_paths.resolve(str(state)) == newer
    assert checkpoint_paths.step_of(newer) == 1502
    state.write_text('model_checkpoint_path: "{}"\n'.format(older))  # with a whole path
    assert checkpoint_paths.resolve(str(state)) == older
    shutil.move(str(tmp_path / 'a'), str(tmp_path / 'moved'))
    assert checkpoint_paths.resolve(str(tmp_path / 'moved')) == str(tmp_path / 'moved' / 'DCGAN.model-500002')
    shutil.copytree(str(tmp_path / 'moved'), str(tmp_path / 'a'))  # two of them: each has weights of its own
    assert checkpoint_paths.resolve(str(tmp_path / 'moved')) == str(tmp_path / 'moved' / 'DCGAN.model-500002')
    state = tmp_path / 'moved' / 'checkpoint'
    state.write_text('model_checkpoint_path: "DCGAN.model-7"\n')
    with pytest.raises(UserError, match='checkpoint: expected the checkpoint .*DCGAN.model-7, which it names, found '
                                        'no file .*DCGAN.model-7.index; in that folder there is DCGAN.model-1502, '
                                        'DCGAN.model-500002'):
        checkpoint_paths.resolve(str(state))
    assert checkpoint_paths.resolve(str(tmp_path / 'moved')).endswith('/DCGAN.model-500002')  # what has come along
    state.write_text('model_checkpoint_path: DCGAN')
    for path in state, tmp_path / 'moved':
        with pytest.raises(UserError, match='found a damaged file'):
            checkpoint_paths.resolve(str(path))
    state.unlink()
    assert checkpoint_paths.resolve(str(tmp_path / 'moved')).endswith('/DCGAN.model-500002')
    save_as(model, tmp_path / 'moved' / 'other', 9)
    state.unlink()
    with pytest.raises(UserError, match='found DCGAN.model-1502, DCGAN.model-500002, other-9; name one of them'):
        checkpoint_paths.resolve(str(tmp_path / 'moved'))
    for path in list((tmp_path / 'moved').glob('DCGAN.model-1502*')) + list((tmp_path / 'moved').glob('other*')):
        path.unlink()
    assert checkpoint_paths.resolve(str(tmp_path / 'moved')).endswith('/DCGAN.model-500002')


def test_the_newest_has_the_largest_number_and_not_the_last_name(tmp_path):
    for step in (9, 10):
        for suffix in ('.index', '.data-00000-of-00001'):
            (tmp_path / 'DCGAN.model-{}{}'.format(step, suffix)).write_bytes(b'')
    assert checkpoint_paths.resolve(str(tmp_path)) == str(tmp_path / 'DCGAN.model-10')


def test_an_older_one_that_is_not_whole_and_other_files_are_in_nobodys_way(model, tmp_path):
    prefix = save_as(model, tmp_path / 'DCGAN.model', 500)
    (tmp_path / 'checkpoint').unlink()
    for name in ('DCGAN.model-100.data-00000-of-00001', 'train.data-00000-of-00001'):
        (tmp_path / name).write_bytes(b'')
    assert checkpoint_paths.resolve(str(tmp_path)) == prefix


def test_what_did_not_come_along_is_named(model, tmp_path):
    prefix = save_as(model, tmp_path / 'DCGAN.model', 500)
    data, index = prefix + '.data-00000-of-00001', prefix + '.index'
    (tmp_path / 'checkpoint').unlink()
    for path in data, index:
        shutil.copy(path, str(tmp_path / 'kept'))
        with open(path, 'wb') as handle:
            handle.write(b'version https://git-lfs.github.com/spec/v1\n')
        with pytest.raises(UserError, match='DCGAN.model-500: .* found a damaged one: {}: a pointer of Git LFS'.format(
                os.path.basename(path))), checkpoint_reader.reading(prefix) as reader:
            reader.read_all()
        shutil.copy(str(tmp_path / 'kept'), path)
    os.remove(str(tmp_path / 'kept'))
    os.rename(index, index + '.away')
    for path in prefix, data, str(tmp_path):
        with pytest.raises(UserError, match='found DCGAN.model-500.data-00000-of-00001 without DCGAN.model-500.index, '
                                            'which has to be beside it'):
            checkpoint_paths.resolve(path)
    state = tmp_path / 'checkpoint'
    state.write_text('model_checkpoint_path: "DCGAN.model-500"\n')
    save_as(model, tmp_path / 'DCGAN.model', 400)
    older = state.read_text()
    for text in older.replace('400', '500'), None:  # which is not passed over for an older one
        state.write_text(text) if text else state.unlink()
        with pytest.raises(UserError, match='found DCGAN.model-500.data-00000-of-00001 without DCGAN.model-500.index'):
            checkpoint_paths.resolve(str(tmp_path))
    os.rename(index + '.away', index)
    os.remove(data)
    assert checkpoint_paths.resolve(str(tmp_path)) == prefix
    with pytest.raises(UserError, match='damaged one: DCGAN.model-500.index without DCGAN.model-500.data-00000-of-'), \
            checkpoint_reader.reading(prefix) as reader:
        reader.read_all()


def test_the_file_checkpoint_goes_before_the_largest_number(model, tmp_path):
    newer, older = [save_as(model, tmp_path / 'model.ckpt', step) for step in (500, 23000)]
    (tmp_path / 'checkpoint').write_text('model_checkpoint_path: "model.ckpt-500"\n')
    assert checkpoint_paths.resolve(str(tmp_path)) == newer
    for text in ('model_checkpoint_path: "model.ckpt-7"\n', ''):
        (tmp_path / 'checkpoint').write_text(text)
        assert checkpoint_paths.resolve(str(tmp_path)) == older


@pytest.mark.parametrize('name', ['mod\xe8le "7"-3', 'a b\\c-3'])
def test_the_file_checkpoint_names_any_name(model, name, tmp_path):
    prefix = save_as(model, tmp_path / name)
    assert checkpoint_paths.resolve(str(tmp_path / 'checkpoint')) == prefix == str(tmp_path / name)


def test_a_relative_path_is_resolved_as_it_is_given(model, tmp_path, monkeypatch):
    save_as(model, tmp_path / 'DCGAN.model', 3)
    monkeypatch.chdir(tmp_path)
    for path in ('.', 'checkpoint', 'DCGAN.model-3', 'DCGAN.model-3.index'):
        assert os.path.normpath(checkpoint_paths.resolve(path)) == 'DCGAN.model-3', path
    with pytest.raises(UserError, match='found no file DCGAN.model.index; in that folder there is DCGAN.model-3'):
        checkpoint_paths.resolve('DCGAN.model')


def test_a_run_folder_and_a_saved_model_are_taken_for_their_checkpoints(model, tmp_path):
    (tmp_path / 'config.json').write_text('{}')
    expected = checkpoint.save(model.saver, model.session, str(tmp_path / 'checkpoints'), 5, keep=0)
    assert checkpoint_paths.resolve(str(tmp_path)) == expected
    (tmp_path / 'saved').mkdir()
    (tmp_path / 'saved' / 'saved_model.pb').write_bytes(b'')
    variables = save_as(model, tmp_path / 'saved' / 'variables' / 'variables')
    os.remove(str(tmp_path / 'saved' / 'variables' / 'checkpoint'))
    assert checkpoint_paths.resolve(str(tmp_path / 'saved')) == variables
    assert checkpoint_paths.resolve(str(tmp_path / 'saved' / 'saved_model.pb')) == variables
    assert checkpoint_paths.step_of(variables) is None


@pytest.mark.parametrize('name, content, what', [
    ('generator.pbtxt', b'node {', 'found a graph as text'),
    ('model.h5', b'\x89HDF\r\n', 'an HDF5 file'), ('g.pth', b'PK\x03\x04', 'a zip archive'),
    ('old.pth', b'\x80\x02\x8a\n', 'a pickle, as StyleGAN'), ('m.index.gz', b'\x1f\x8b\x08', 'gzip has compressed'),
    ('w.npy', b'\x93NUMPY', 'NumPy'), ('weights.txt', b'1 2 3', 'of another format, or a checkpoint that was cut'),
    ('none', b'', 'an empty file'),
    ('lfs', b'version https://git-lfs.github.com/spec/v1', 'a pointer of Git LFS')])
def test_what_is_no_checkpoint_is_said_to_be_what_it_is(name, content, what, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match='{}: expected the name of a checkpoint.*{}'.format(name, what)):
        checkpoint_paths.resolve(str(tmp_path / name))


def write_frozen(path, weights, scope=''):
    graph_def = tf.GraphDef()
    for name, value in weights.items():
        node = graph_def.node.add(name=scope + name, op='Const')
        node.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(value))
    path.write_bytes(graph_def.SerializeToString())
    return str(path)


@pytest.mark.parametrize('scope', ['', 'import/'])
def test_a_frozen_graph_is_read_like_a_checkpoint(scope, tmp_path):
    weights = {'generator/g_h1/w': np.ones((2, 3), np.float32), 'generator/g_bn0/beta': np.zeros(3, np.float16),
               'generator/Reshape/shape': np.array([-1, 3], np.int32), 'generator/mul/x': np.float32(0.2)}
    path = write_frozen(tmp_path / 'faces.pb', weights, scope)
    assert checkpoint_paths.resolve(path) == path and checkpoint_paths.step_of(path) is None
    with checkpoint_reader.reading(path) as reader:
        assert reader.shapes == {'generator/g_h1/w': [2, 3], 'generator/g_bn0/beta': [3]}  # neither sizes nor factors
        assert (reader.note is None) == (not scope)
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable('generator/g_h1/w', [2, 3])
        checkpoint.restore(session, path, checkpoint.by_name([w]))
        np.testing.assert_array_equal(session.run(w), weights['generator/g_h1/w'])
        missing = tf.get_variable('generator/g_h2/w', [2, 3])
        with pytest.raises(UserError, match='faces.pb: expected the variable generator/g_h2/w of shape .*, found non'):
            checkpoint.restore(session, path, checkpoint.by_name([missing]))


def test_graphs_of_one_name_and_size_are_told_apart(tmp_path, monkeypatch):
    for folder, value in (('x', 1), ('y', 2)):
        (tmp_path / folder).mkdir()
        path = write_frozen(tmp_path / folder / 'g.pb', {'generator/a': np.full(2, value, np.float32)})
        os.utime(path, (1, 1))
        monkeypatch.chdir(tmp_path / folder)
        with checkpoint_reader.reading('g.pb') as reader, tf.Graph().as_default():
            found = reader.values(checkpoint.by_name([tf.get_variable('generator/a', [2])]))
        assert found['generator/a'].tolist() == [value, value]


def test_a_checkpoint_may_end_like_a_graph(model, tmp_path):
    prefix = save_as(model, tmp_path / 'model.pb')
    (tmp_path / 'model.pb').write_bytes(b'')
    assert checkpoint_paths.resolve(prefix) == prefix
    with checkpoint_reader.reading(prefix) as reader:
        reader.read_all()


def constant(kind):
    """A constant of a type that there is not."""
    node = tf.NodeDef(name='generator/a', op='Const')
    node.attr['value'].tensor.dtype = kind
    node.attr['value'].tensor.tensor_shape.dim.add(size=2)
    return node


@pytest.mark.parametrize('content, what', [
    (b'\n\x10', 'found: Error parsing'), (b'<html>', 'found:? a web page'),
    (b'', 'found an empty file'), (tf.GraphDef(node=[constant(0), constant(999)]).SerializeToString(), 'found one'),
    (tf.GraphDef(node=[tf.NodeDef(name='x', op='NoOp')]).SerializeToString(),
     'found one without weights; those of other graphs are in a checkpoint')])
def test_graphs_without_weights_are_refused(content, what, tmp_path):
    (tmp_path / 'generator.pb').write_bytes(content)
    with pytest.raises(UserError, match='generator.pb: expected a frozen graph.*' + what):
        checkpoint_paths.resolve(str(tmp_path / 'generator.pb'))


def test_folded_batch_norm_is_no_variable(tmp_path):
    path = write_frozen(tmp_path / 'ours.pb', {'generator/batch_normalization/batchnorm/mul': np.ones(3, np.float32)})
    with tf.Graph().as_default(), pytest.raises(UserError, match='gamma .*, found none .*; its batch norm has been '
                                                                 'folded .*; the meta_graph or saved_model of an'):
        checkpoint.check(path, checkpoint.by_name([tf.get_variable('generator/batch_normalization/gamma', [3])]))


def test_a_checkpoint_in_several_files_of_before_0_12(tmp_path):
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={'CPU': 2})) as session:
        for device, name, value in ((0, 'generator/a', 3.0), (1, 'generator/b', 4.0)):
            with tf.device('/cpu:{}'.format(device)):
                tf.get_variable(name, initializer=[value], use_resource=False)
        session.run(tf.global_variables_initializer())
        pattern = tf.train.Saver(sharded=True, write_version=tf.train.SaverDef.V1).save(
            session, str(tmp_path / 'm'), global_step=5)
    prefix = str(tmp_path / 'm-5')
    assert pattern == prefix + '-?????-of-00002' and not os.path.exists(prefix)
    for path in (pattern, prefix, prefix + '-00001-of-00002', str(tmp_path), str(tmp_path / 'checkpoint')):
        assert checkpoint_paths.resolve(path) == prefix
    os.remove(str(tmp_path / 'checkpoint'))
    assert checkpoint_paths.resolve(str(tmp_path)) == prefix and checkpoint_paths.step_of(prefix) == 5
    assert checkpoint_paths.of_step(str(tmp_path), 5) == prefix
    with checkpoint_reader.reading(prefix) as reader:
        assert reader.shapes == {'generator/a': [1], 'generator/b': [1]}
        reader.read_all()
    with tf.Graph().as_default(), tf.Session() as session:
        b = tf.get_variable('b', [1])
        checkpoint.restore(session, prefix, {'generator/b': b})
        assert session.run(b) == [4.0]
    os.remove(prefix + '-00000-of-00002')
    (tmp_path / 'n-00000-of-00001').mkdir()  # no part of a checkpoint
    (tmp_path / 'o-00000-of-00001').symlink_to('nothing')
    for path in (pattern, prefix + '-00001-of-00002'):
        with pytest.raises(UserError, match=r'expected all 2 files of a checkpoint, found m-5-00001-of-00002$'):
            checkpoint_paths.resolve(path)
    with pytest.raises(UserError, match='expected checkpoints'):
        checkpoint_paths.resolve(str(tmp_path))


def test_where_checkpoints_lie_as_other_programs_leave_them(model, tmp_path):
    parent = tmp_path / 'checkpoint'
    prefix = save_as(model, parent / 'celebA_64_64_64' / 'DCGAN.model', 3)
    for folder in (parent, tmp_path):
        with pytest.raises(UserError, match='found none, but in .*celebA_64_64_64$'):
            checkpoint_paths.resolve(str(folder))
    state = parent / 'celebA_64_64_64' / 'checkpoint'
    state.write_bytes(b'\xef\xbb\xbfmodel_checkpoint_path: "C:\\\\Users\\\\bob\\\\DCGAN.model-3"\r\n')  # of Windows
    assert checkpoint_paths.resolve(str(state)) == checkpoint_paths.resolve(str(state.parent)) == prefix
    for completed in ('.', '.data-00000-of-', '.data-00000-of-00001'):
        assert checkpoint_paths.resolve(prefix + completed) == prefix
    assert checkpoint_paths.of_step(str(state.parent), 3) == prefix
    with pytest.raises(UserError, match='expected a checkpoint of step 4, found DCGAN.model-3'):
        checkpoint_paths.of_step(str(state.parent), 4)
    os.remove(prefix + '.index')
    with pytest.raises(UserError, match='found DCGAN.model-3.data-00000-of-00001 without DCGAN.model-3.index'):
        checkpoint_paths.resolve(str(state.parent))
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'DCGAN.model.zip').write_bytes(b'PK')
    with pytest.raises(UserError, match='in the folder, found DCGAN.model.zip$'):
        checkpoint_paths.resolve(str(tmp_path / 'other'))


@pytest.mark.parametrize('sharded', [False, True])
def test_checkpoints_in_one_file_are_found_without_the_file_checkpoint(sharded, tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.get_variable('a', initializer=[7.0], use_resource=False).initializer)
        tf.train.Saver(write_version=tf.train.SaverDef.V1, sharded=sharded).save(
            session, str(tmp_path / 'DCGAN.model'), 2)
    os.remove(str(tmp_path / 'checkpoint'))
    assert ('DCGAN.model-2-00000-of-00001' in os.listdir(str(tmp_path))) == sharded
    model = Model(shape=(1,), names=('a',))
    prefix = checkpoint_paths.resolve(str(tmp_path))
    assert prefix == str(tmp_path / 'DCGAN.model-2')
    os.remove(prefix + '.meta')
    assert checkpoint_paths.resolve(str(tmp_path)) == prefix
    checkpoint.restore(model.session, prefix, checkpoint.by_name(model.variables))
    assert model.get() == [7, 0]


# -------------------------------------------------------------------------- names of other programs

OURS = ('generator/g_h0_lin/Matrix', 'discriminator/d_h3_conv/w', 'discriminator/d_h4_lin/Matrix', 'beta1_power')


@pytest.mark.parametrize('theirs, note', [
    (OURS, None),
    ([name + ':0' for name in OURS], None),
    (['model/DCGAN/' + name for name in OURS], 'its variables are in the scope model/DCGAN'),
    ([name.replace('gen', 'Gen').replace('dis', 'Dis') for name in OURS], 'the scopes of its networks have capitals'),
    (['g_h0_lin/Matrix', 'd_h3_conv/w', 'd_h3_lin/Matrix', 'beta1_power'],
     'its variables g_... and d_... are taken for generator/g_... and discriminator/d_...; d_h3_lin is taken for '
     'd_h4_lin'),
    ([name.replace('h4_lin', 'h3_lin') for name in OURS], 'd_h3_lin is taken for d_h4_lin')])
def test_variables_that_another_program_called_otherwise(theirs, note, tmp_path):
    with tf.Graph().as_default() as tf_graph, tf.Session() as session:
        variables = [tf.get_variable(name, [2], initializer=tf.zeros_initializer()) for name in OURS]
        saver = tf.train.Saver(dict(zip(theirs, variables)))
        for value, variable in enumerate(variables):
            variable.load(np.full(2, value + 1), session)
        prefix = saver.save(session, str(tmp_path / 'm'), 1)
        session.run(tf.global_variables_initializer())
        tf_graph.finalize()
        checkpoint.restore(session, prefix, checkpoint.by_name(variables))
        assert [each.tolist() for each in session.run(variables)] == [[1, 1], [2, 2], [3, 3], [4, 4]]
    assert set(checkpoint_reader.shapes(prefix)) == set(OURS)
    assert checkpoint_reader.notes(PRESETS['dcgan'], prefix) == ([] if note is None else [prefix + ': ' + note])


def test_conditional_mnists_last_layer_keeps_its_name(tmp_path):
    names = ['discriminator/d_h2_lin/Matrix', 'discriminator/d_h3_lin/Matrix']
    model = Model(names=names)
    assert set(names) < set(checkpoint_reader.shapes(save_as(model, tmp_path / 'm')))


def save_values(path, **values):
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in values.items():
            tf.get_variable(name, initializer=value, use_resource=False)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(path))


@pytest.mark.parametrize('mean, variance', [('moments_1/mean', 'moments_1/variance'), ('Squeeze', 'Squeeze_1')])
@pytest.mark.parametrize('scopes, number', [(('', ''), ''), (('generator/', 'discriminator/'), ''), (('', ''), '_1')])
def test_averages_of_moments_are_those_of_batch_norm(mean, variance, scopes, number, tmp_path):
    """As ExponentialMovingAverage named those of tensors in TensorFlow 1.0.1 and 1.4.1; fakes come second."""
    g, d = scopes[0] + 'g_bn0', scopes[1] + 'd_bn1'
    names = ['{0}/{0}{1}/moments/{2}/ExponentialMovingAverage'.format(layer, second, moment)
             for layer, second in ((g, number), (d, ''), (d, '_2')) for moment in (mean, variance)]
    prefix = save_values(tmp_path / 'm', **{name: np.float32([value]) for value, name in enumerate(names)})
    with checkpoint_reader.reading(prefix) as reader:
        assert reader.note.endswith("averages of moments are taken for batch norm's moving_mean and moving_variance")
    model = Model((1,), [layer + moving for layer in ('generator/g_bn0', 'discriminator/d_bn1')
                         for moving in ('/moving_mean', '/moving_variance')])
    checkpoint.restore(model.session, prefix, checkpoint.by_name(model.variables))
    assert np.concatenate(model.session.run(model.variables)).tolist() == [0, 1, 2, 3]


def test_averages_of_moments_beside_batch_norms_own_stay(tmp_path):
    names = ['generator/g_bn0/moving_mean', 'generator/g_bn0/moments/Squeeze/ExponentialMovingAverage']
    with checkpoint_reader.reading(save_as(Model(names=names), tmp_path / 'm')) as reader:
        assert set(names) < set(reader.shapes) and reader.note is None


@pytest.mark.parametrize('value, message', [
    (np.float32([1, np.nan, -np.inf]), 'expected finite numbers in the variable a, found 2 of 3 that are not'),
    (np.complex64([1, 2, 3]), 'expected real numbers in the variable a, found complex64'),
    (['x', 'y', 'z'], 'expected real numbers in the variable a, found string')])
def test_values_that_no_weights_have(value, message, tmp_path):
    prefix, other = save_values(tmp_path / 'm', a=value, b=np.float32([1, 2, 3])), Model()
    for refuses in (lambda: checkpoint.check(prefix, checkpoint.by_name(other.variables)),
                    lambda: checkpoint.restore(other.session, prefix, checkpoint.by_name(other.variables))):
        with pytest.raises(UserError) as error:
            refuses()
        assert str(error.value) == '{}: {}'.format(prefix, message)
    assert other.get() == [0, 0, 0]


def test_what_there_is_in_place_of_a_missing_variable(tmp_path):
    model = Model(names=['generator/g_bn0/batch_norm/gamma', 'discriminator/d_bn1/batch_norm/gamma', 'generator/a/b'])
    prefix = save_as(model, tmp_path / 'm')
    for shape, listed in (((3,), '; of that shape it has generator/g_bn0/batch_norm/gamma, '),
                          ((4,), '; it has 4 variables, of the most similar names generator/g_bn0/batch_norm/gamma [3'
                                 '], ')):
        wanted = Model(shape=shape, names=['generator/g_bn0/gamma'])
        with pytest.raises(UserError, match='found none of that name') as error:
            checkpoint.check(prefix, checkpoint.by_name(wanted.variables))
        assert listed in str(error.value)


# ------------------------------------------------------------- paths that TensorFlow takes for patterns

@pytest.mark.parametrize('name', ['a[1]', 'a*', 'a?', 'a\\b', '[', 'with space'])
def test_checkpoints_in_a_folder_whose_name_looks_like_a_pattern(model, name, tmp_path, monkeypatch):
    temporary = tmp_path / 't[1]'  # as may that of the temporary folder
    temporary.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
    folder = str(tmp_path / name / 'checkpoints')
    os.makedirs(folder)
    for step in (4, 5):
        model.set(step)
        checkpoint.save(model.saver, model.session, folder, step, keep=1)
    assert sorted(os.listdir(folder)) == ['checkpoint'] + ['model.ckpt-5.' + suffix for suffix in (
        'data-00000-of-00001', 'index', 'meta')]
    with open(os.path.join(folder, 'checkpoint')) as handle:  # no name of ours for it
        assert handle.read().startswith('model_checkpoint_path: "model.ckpt-5"\n')
    assert checkpoint.latest_valid_step(folder, print) == 5
    model.set(0)
    checkpoint.restore(model.session, checkpoint_paths.resolve(folder), checkpoint.by_name(model.all))
    assert model.get() == [5, 5, 5] and os.listdir(str(temporary)) == []


def test_a_checkpoint_whose_own_name_looks_like_a_pattern(model, tmp_path):
    model.set(3)
    prefix = save_as(model, tmp_path / 'plain' / 'model')
    for suffix in ('.index', '.data-00000-of-00001'):
        shutil.copy(prefix + suffix, str(tmp_path / 'model[1]') + suffix)
        shutil.copy(prefix + suffix, str(tmp_path / 'model1') + suffix)  # what the pattern would match
    damage_data(str(tmp_path / 'model1'))
    model.set(0)
    checkpoint.restore(model.session, str(tmp_path / 'model[1]'), checkpoint.by_name(model.all))
    assert model.get() == [3, 3, 3]
    damage_data(str(tmp_path / 'model[1]'))
    with pytest.raises(UserError) as error:
        checkpoint.restore(model.session, str(tmp_path / 'model[1]'), checkpoint.by_name(model.all))
    assert str(tmp_path / 'model[1]') in str(error.value) and 'dcgan_tf1-' not in str(error.value)
