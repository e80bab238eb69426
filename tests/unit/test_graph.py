"""Every preset's graph: names, shapes, and what each train op moves."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers.golden import OUTPUTS, POWERS, VARIABLES, key
from helpers.marks import SLOW_OR_NIGHTLY

from dcgan_tf1.gan import graph, layers, objectives, step_loop, updates
from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.gan.updates import network_trainables

SMALL = 4  # images in a batch


# The largest graphs, and those that differ from another in one line.
SLOW = ('cntk', 'blog_cifar_horse', 'tf_tutorial_101', 'sngan_mnist', 'sngan_cifar_horse', 'cgan_fashion_mnist',
        'cgan_cifar10', 'dcgan', 'conditional_mnist')
WIDE = ('resnet_mnist', 'resnet_cifar_horse')  # of which the small modes are tested as often as the slow ones


@pytest.fixture(scope='module', params=[
    pytest.param(name, marks=[pytest.mark.nightly] if name in WIDE else
                 [SLOW_OR_NIGHTLY] if name in SLOW or ':' in name else
                 [pytest.mark.slow_tf1] if name == 'cgan_mnist' else []) for name in sorted(VARIABLES)])
def preset(request):
    name, _, mode = request.param.partition(':')
    return PRESETS[name].with_mode(mode) if mode else PRESETS[name]


def test_every_preset_has_its_golden_list():
    assert {name for name in VARIABLES if ':' not in name} == set(PRESETS)


def batch(preset, seed=0):
    draw = np.random.RandomState(seed)
    return (np.tanh(draw.randn(SMALL, *preset.input_shape)).astype(np.float32),
            draw.uniform(-1, 1, (SMALL, preset.z_dim)).astype(np.float32))


G_UPDATE, D_UPDATE = [
    objectives.UpdateSpec((objective,)) for objective in (objectives.G_OBJECTIVE, objectives.D_OBJECTIVE)]


class Built:
    """A preset's training graph in a session, with every variable's value at hand."""

    def __init__(self, preset):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(0)
            self.handles = graph.build_training_graph(preset)
            self.variables = tf.global_variables()
            self.initialise = tf.global_variables_initializer()
        self._updates = {}
        self.session = tf.Session(graph=self.graph)
        self.session.run(self.initialise)
        self._initial = self.session.run(self.variables)

    def reset(self):
        """Takes every variable back to its initial value."""
        self.session.run([v.initializer for v in self.variables],
                         {v.initializer.inputs[1]: value for v, value in zip(self.variables, self._initial)})
        return self

    def values(self):
        return {v.op.name: value for v, value in zip(self.variables, self.session.run(self.variables))}

    def operation(self, update):
        if update not in self._updates:
            with self.graph.as_default():
                handles = self.handles
                self._updates[update] = handles.update(
                    update, handles.real, handles.noise, handles.dropout_seed, labels=handles.one_hot)
        return self._updates[update]

    def update(self, update, real, z, draw=1):
        self.session.run(self.operation(update), self.feeds(draw, z, real))

    def feeds(self, draw, z, real=None):
        """What the graph is fed: noise, labels where it takes some, and real images where there are some."""
        handles = self.handles
        found = {handles.noise: z, handles.dropout_seed: draw}
        if real is not None:
            found[handles.real] = real
        if handles.labels is not None:
            found[handles.labels] = np.arange(len(z))
        return found


@pytest.fixture(scope='module')
def whole(preset):
    """The graph of `preset`, which the tests of a module share; pytest takes one preset after the other."""
    built = Built(preset)
    yield built
    built.session.close()


@pytest.fixture
def built(whole):
    return whole.reset()


def test_variables_are_those_of_2017(preset, built):
    found = {v.op.name: v.shape.as_list() for v in built.variables}
    assert found.pop('global_step') == []
    assert found == VARIABLES[key(preset)]


@pytest.fixture(scope='module')
def blog():
    """build(update_ops): the blog's DCGAN without learning and dropout, built once for each of them."""
    made = {}

    def build(update_ops=PRESETS['blog_mnist'].update_ops):
        if update_ops not in made:
            made[update_ops] = Built(dataclasses.replace(
                PRESETS['blog_mnist'], update_ops=update_ops, learning_rate=0.0, dropout_when_training=False))
        return made[update_ops].reset()

    return build


def test_counts_of_the_blogs_dcgan(blog):
    with blog().graph.as_default():
        assert len(tf.global_variables()) == 92 + 1  # global_step
        assert len(tf.trainable_variables()) == 26
        assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 14


def test_every_trainable_variable_belongs_to_one_network(preset, built):
    with built.graph.as_default():
        one, other = [[v.name for v in network_trainables(scope)] for scope in preset.model.networks]
        assert sorted(one + other) == sorted(v.name for v in tf.trainable_variables())
        assert one and other and not set(one) & set(other)


def test_placeholders_and_layer_outputs(preset, built):
    assert (built.handles.real.op.name, built.handles.noise.op.name) == {
        'blog_dense': ('real_img', 'noise_img'), 'dcgan': ('real_images', 'z'),
        'conditional_mnist': ('real_images', 'z')}.get(preset.name, ('inputs_real', 'inputs_noise'))
    assert built.handles.real.shape.as_list() == [None] + list(preset.input_shape)
    for scope, expected in OUTPUTS[key(preset)].items():
        for layer, shape in expected:
            names = ['{}/{}/{}:0'.format(scope, layer, kind) for kind in ('BiasAdd', 'conv2d_transpose')]
            output = next(t for op in built.graph.get_operations() for t in op.outputs if t.name in names)
            assert output.shape.as_list()[1:] == shape
    assert built.handles.sample_images.shape.as_list() == [None] + list(preset.image_shape)


def test_an_update_moves_its_own_networks_and_nothing_else(preset, built):
    real, z = batch(preset)
    # Each kind once: after a few, a hinge loss has nothing left to lower.
    kinds = collections.OrderedDict((update.objectives, update) for update in preset.schedule)
    for update in kinds.values():
        before = built.values()
        built.update(update, real, z)
        after = built.values()
        moved = {name for name in before if not np.array_equal(before[name], after[name])}
        networks = {scope for objective in update.objectives for scope in objective.networks}
        passes = {name for objective in update.objectives for name in preset.model.passes[objective.loss]}
        powers, own = set(), set()
        for scope in preset.model.networks:
            mine = {name for name in before if name.startswith(scope + '/') and 'moving_' not in name}
            averages = {name for name in mine if name.endswith('/ExponentialMovingAverage')}
            us = {name for name in mine if name.endswith('/u')}
            if scope in networks:
                own |= mine - us
                powers |= {name + POWERS[key(preset)][scope] for name in ('beta1_power', 'beta2_power')}
                own |= us if 'real' in passes else set()
            else:
                assert not moved & (mine | averages), scope
        if preset.beta1 == 0:  # its power is 0 from the first update on
            powers -= {name for name in powers if name.startswith('beta1') and before[name] == 0}
        statistics = {name for name in before if 'moving_' in name and (
            'generator' in passes if name.startswith('generator/') else passes & {'real', 'fake'})}
        seen = {name for name in before if name.startswith('seen_losses/')}
        # A bias right before a batch norm has a gradient of zero but for rounding, a unit that
        # ReLU has shut none, and a zero one moves nothing; a `u` of one element is 1 or -1.
        silent = {name for name in own - moved if '/bias' in name or before[name].size == 1 or before[name].ndim == 1
                  or name.endswith(('/Adam', '/Adam_1')) and not after[name].any()}
        assert moved - silent == (own | powers | statistics | seen) - silent
        kernels = [name for name in moved if name.endswith(('kernel', 'Matrix', '/w'))]
        for objective in update.objectives:
            assert any(name.startswith(objective.networks) for name in kernels)


@pytest.mark.slow_tf1
@pytest.mark.parametrize('update_ops, after_generator, after_both', [
    ('per_pass', (1, 1), (2, 3)), ('all', (1, 2), (2, 4))])
def test_how_often_the_averages_move(update_ops, after_generator, after_both, blog):
    """(generator's, discriminator's) number of moves; 2017's are 2 and 4 a step."""
    # Without learning and dropout, and with fakes in place of the real images, every pass
    # sees the same statistics b, and n moves from 0 lead to b (1 - 0.99^n).
    built, preset = blog(update_ops), PRESETS['blog_mnist']
    _, z = batch(preset)
    with built.graph.as_default():
        fakes = preset.generator(built.handles.noise, layers.BatchContext('generator', training=True))
        fakes = built.session.run(fakes, {built.handles.noise: z})

    def moves(values, scope, unit):
        mean = values[scope + '/batch_normalization/moving_mean']
        return float(np.median(np.log(1 - mean / unit) / np.log(0.99)))

    built.update(G_UPDATE, fakes, z)
    first = built.values()
    built.update(D_UPDATE, fakes, z)
    second = built.values()
    units = {}
    with built.graph.as_default():
        seen = layers.BatchContext('generator', training=True), layers.BatchContext('fake', training=True)
        preset.discriminator(preset.generator(built.handles.noise, seen[0]), seen[1])
        for scope, ctx in zip(('generator', 'discriminator'), seen):
            units[scope] = built.session.run(ctx.statistics[0].mean, {built.handles.noise: z})
    for values, expected in ((first, after_generator), (second, after_both)):
        found = [moves(values, scope, units[scope]) for scope in ('generator', 'discriminator')]
        np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.slow_tf1
@pytest.mark.parametrize('batch_statistics', [True, False])
def test_the_discriminators_batch_statistics_are_a_choice(batch_statistics, blog):
    preset = dataclasses.replace(PRESETS['blog_mnist'], discriminator_batch_statistics=batch_statistics,
                                 dropout_when_training=False)
    built = blog() if batch_statistics else Built(preset)
    assert len(built.graph.get_collection(tf.GraphKeys.UPDATE_OPS)) == (14 if batch_statistics else 6)
    real, z = batch(preset)

    def d_loss_real(images):
        return built.session.run(built.handles.losses.d_loss_real, {
            built.handles.real: images, built.handles.dropout_seed: 0})

    # On averages an image is judged alone, so halves of a batch average to the whole.
    halves = (d_loss_real(real[:2]) + d_loss_real(real[2:])) / 2
    assert (abs(halves - d_loss_real(real)) < 1e-6) != batch_statistics


def test_real_moves_an_average_before_fake(blog):
    built, preset = blog(), PRESETS['blog_mnist']
    real, z = batch(preset)
    real = 50 * real  # far from the fakes, so that the order shows
    with built.graph.as_default():
        seen = {name: layers.BatchContext(name, training=True) for name in ('generator', 'real', 'fake')}
        fakes = preset.generator(built.handles.noise, seen['generator'])
        preset.discriminator(built.handles.real, seen['real'])
        preset.discriminator(fakes, seen['fake'])
        r, f = built.session.run([seen['real'].statistics[0].mean, seen['fake'].statistics[0].mean],
                                 {built.handles.real: real, built.handles.noise: z})
    built.update(D_UPDATE, real, z)
    found = built.values()['discriminator/batch_normalization/moving_mean']
    np.testing.assert_allclose(found, 0.99 * 0.01 * r + 0.01 * f, rtol=1e-4, atol=1e-7)
    assert np.abs(found - (0.99 * 0.01 * f + 0.01 * r)).max() > 1e-4  # the other order would differ


@pytest.mark.slow_tf1
def test_a_generators_update_needs_the_real_images_in_2017s_way_only(blog):
    for update_ops, needs_real in (('per_pass', False), ('all', True)):
        built = blog(update_ops)
        update = built.operation(G_UPDATE)
        feeds = {built.handles.noise: batch(PRESETS['blog_mnist'])[1], built.handles.dropout_seed: 0}
        if needs_real:
            with pytest.raises(tf.errors.InvalidArgumentError):
                built.session.run(update, feeds)
        else:
            built.session.run(update, feeds)


def test_losses_move_nothing_and_draw_their_own_masks(preset, built):
    real, z = batch(preset)
    before = built.values()

    def losses(draw):
        return built.session.run(built.handles.losses, built.feeds(draw, z, real))

    assert losses(5) == losses(5)
    if preset.name == 'blog_mnist':  # whose discriminator has dropout
        assert losses(5) != losses(6)
    after = built.values()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_draw_numbers_never_repeat(preset):
    uses = list(range(len(preset.schedule))) + [step_loop.LOSSES, step_loop.SAMPLE]
    numbers = [step_loop.dropout_seed_for(step, use) for step in range(50) for use in uses]
    assert len(set(numbers)) == len(numbers)


def test_samples_use_averages_and_dropout_as_the_preset_says(preset, built):
    _, z = batch(preset)

    def images(noise, draw):
        return built.session.run(built.handles.sample_images, built.feeds(draw, noise))

    low, high = preset.image_range
    found = images(z, 1)
    assert found.shape == (SMALL,) + preset.image_shape and found.min() >= low and found.max() <= high
    assert np.array_equal(found, images(z, 2)) == (not preset.dropout_when_sampling)
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        handles = graph.build_sampling_graph(preset, dropout=False)
        assert set(graph.sampled_variables(preset, tf.global_variables())) == {
            name for name in VARIABLES[key(preset)] if name.startswith(preset.model.networks[0] + '/')
            and '/Adam' not in name and (not preset.ema_decay or 'moving_' in name or name.endswith(updates.EMA))}
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())

            def sampled(noise):
                feeds = {handles.noise: noise, handles.dropout_seed: 0}
                if handles.labels is not None:
                    feeds[handles.labels] = [0] * len(noise)
                return session.run(handles.sample_images, feeds)

            whole, one = sampled(z), sampled(z[:1])
    # Batch norm on its averages: an image does not depend on the others of its batch.
    np.testing.assert_allclose(whole[:1], one, atol=5e-6)


def test_the_kinds_of_variables(preset, whole):
    """Reference variables where a graph is exported, resource variables where a loop reads them anew."""
    sampling = tf.Graph()
    with sampling.as_default():
        tf.set_random_seed(0)
        graph.build_sampling_graph(preset)
    for tf_graph, kind in ((sampling, 'VariableV2'), (whole.graph, 'VarHandleOp')):
        with tf_graph.as_default():
            assert {v.op.type for v in tf.trainable_variables()} == {kind}


@pytest.mark.parametrize('lowering, times', [('mixed', 3), ('native', 6)])
def test_passes_over_real_and_fake_images_share_spectral_norms(lowering, times):
    """Of each kernel, one for the losses, the discriminator's update and the generator's; not in 2017's graph."""
    tf_graph = tf.Graph()
    with tf_graph.as_default():
        graph.build_training_graph(PRESETS['sngan_mnist'], 'float32', lowering)
        normalised = [v for v in tf.global_variables() if v.op.name.endswith('/u')]
    norms = [op for op in tf_graph.get_operations() if op.type == 'Reciprocal']
    assert len(normalised) == 4 and len(norms) == times * len(normalised)
