"""What is done to images at random, to real ones or to all that a discriminator sees: values and seeds."""

import collections
import dataclasses

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.gan import augmentation, collectives, layers, objectives, updates
from dcgan_tf1.gan.presets import PRESETS

IMAGES = np.random.RandomState(0).uniform(-1, 1, (60, 16, 24, 3)).astype(np.float32)


def drawn(values):
    """A `uniform` that gives these: {what: one value, or [N] of them}, wherever it may draw."""
    def uniform(what, low=0.0, high=1.0):
        value = np.broadcast_to(np.float32(values[what]), [len(IMAGES)]).reshape(-1, 1, 1, 1)
        assert (low <= value).all() and (value < high).all()
        return tf.constant(value)
    return uniform


def evaluate(name, values, given=IMAGES):
    """(what an augmentation makes of images, the gradient of its sum)."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.constant(given)
        result = augmentation.AUGMENTATIONS[name](images, drawn(values))
        return session.run([result, tf.gradients(result, images)[0]])


def test_translation_moves_by_what_is_drawn_and_what_comes_in_is_0():
    rows, columns = np.arange(60) % 5 - 2, np.arange(60) % 7 - 3  # an eighth of 16 and of 24
    found, gradient = evaluate('translation', {'rows': rows + 0.5, 'columns': columns + 0.1})
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (3, 3), (0, 0)), 'constant')
    expected = np.stack([image[2 + y:18 + y, 3 + x:27 + x] for image, y, x in zip(padded, rows, columns)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # What is still there has a gradient of 1, what left has none.
    assert set(np.unique(gradient)) == {0, 1}
    np.testing.assert_array_equal(gradient.sum(axis=(1, 2, 3)), 3 * (16 - abs(rows)) * (24 - abs(columns)))


def test_color_changes_brightness_then_saturation_then_contrast():
    values = {'brightness': 0.3, 'saturation': 1.5, 'contrast': 0.8}
    found, gradient = evaluate('color', values)
    x = IMAGES + 0.3
    grey = x.mean(axis=3, keepdims=True)
    x = (x - grey) * 1.5 + grey
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(found, (x - mean) * 0.8 + mean, atol=1e-5)
    np.testing.assert_allclose(gradient, np.ones_like(IMAGES), atol=1e-4)


def test_cutout_blanks_half_the_height_and_width():
    found, gradient = evaluate('cutout', {'rows': np.where(np.arange(60) % 2, 0.5, 9.0), 'columns': 24.5})
    hole = np.ones_like(IMAGES)
    hole[1::2, :4, 18:] = 0  # 8 x 12 pixels about a corner, of which a quarter is inside
    hole[::2, 5:13, 18:] = 0
    np.testing.assert_array_equal(found, IMAGES * hole)
    np.testing.assert_array_equal(gradient, hole)
    # Of 15 rows it takes 8, of 13 columns 7: halves are rounded up.
    odd = np.ones((60, 15, 13, 1), np.float32)
    found, _ = evaluate('cutout', {'rows': 7.5, 'columns': 6.5}, odd)
    odd[:, 3:11, 3:10] = 0
    np.testing.assert_array_equal(found, odd)


def augmented(session, name, seed, names=('translation', 'color', 'cutout')):
    ctx = layers.BatchContext(name, True, augment_seed=tf.constant(seed))
    return session.run(augmentation.augment(tf.constant(IMAGES), ctx, names))


def test_what_is_drawn_is_a_function_of_the_pass_and_its_seed():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        first = augmented(session, 'real', 5)
        np.testing.assert_array_equal(augmented(session, 'real', 5), first)
        for name, seed in (('fake', 5), ('real', 6), ('real/1', 5)):  # the last: of another tower
            assert np.abs(augmented(session, name, seed) - first).max(axis=(1, 2, 3)).min() > 0.01
        # Each image of a batch by an amount of its own, through all that there are.
        moved = augmented(session, 'real', 5, ('translation',))
        amounts = set()
        padded = np.pad(IMAGES, ((0, 0), (2, 2), (3, 3), (0, 0)), 'constant')
        for image, result in zip(padded, moved):
            amounts |= {(y, x) for y in range(5) for x in range(7)
                        if np.allclose(image[y:y + 16, x:x + 24], result, atol=1e-6)}
        assert {y for y, _ in amounts} == set(range(5)) and {x for _, x in amounts} == set(range(7))
        assert augmentation.augment(IMAGES, None, ()) is IMAGES


def test_half_of_the_real_images_are_mirrored_and_no_generated_one():
    """By both towers of a step, each for itself; also of images that are flat, of as many channels as there are."""
    def forward(preset, real, noise, new_context):
        seen.append(real)
        return objectives.GAN.forward(preset, real, noise, new_context)

    def losses(logits_real, logits_fake, smoothing):
        fakes.append(logits_fake)
        return collections.namedtuple('Losses', 'd_loss')(tf.reduce_mean(logits_real))

    seen, fakes = [], []
    preset = dataclasses.replace(
        PRESETS['blog_dense'], mirror=True, loss=losses, image_shape=(16, 24, 3), input_shape=(16 * 24 * 3,),
        model=objectives.GAN._replace(forward=forward), generator=lambda z, ctx: z,
        discriminator=lambda x, ctx: (x, x))
    flat, mirrored = IMAGES.reshape(60, -1), IMAGES[:, :, ::-1].reshape(60, -1)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        seed = tf.placeholder(tf.int32, [])
        builder = updates.UpdateBuilder(preset, 'float32', 'native', ('', ''), collectives.AllReduce())
        builder.forward(tf.constant(flat), tf.constant(flat), None, seed)
        chosen = []
        for number in (5, 6, 5):
            found = np.concatenate(session.run(seen, {seed: number}))
            swapped = (found == mirrored).all(axis=1)
            np.testing.assert_array_equal(found[~swapped], flat[~swapped])
            chosen.append(swapped)
        np.testing.assert_array_equal(np.concatenate(session.run(fakes)), flat)
    assert (chosen[0] == chosen[2]).all() and (chosen[0] != chosen[1]).any()
    assert (chosen[0][:30] != chosen[0][30:]).any() and 20 < chosen[0].sum() < 40


def test_both_networks_learn_through_what_is_done_to_real_and_generated_images():
    seen = {}

    def discriminator(x, ctx):
        seen[ctx.name] = x
        return tf.reduce_mean(x, axis=[1, 2, 3])[:, tf.newaxis], None

    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        real, brighter = tf.constant(IMAGES), tf.constant(0.0)
        preset = dataclasses.replace(PRESETS['sngan_cifar_horse'], generator=lambda z, ctx: real + z,
                                     discriminator=discriminator)
        losses = objectives.GAN.forward(preset, real, brighter, lambda name, *_: layers.BatchContext(
            name, True, augment_seed=tf.constant(3)))
        gradient, one, other = session.run([tf.gradients(losses.g_loss, brighter)[0], seen['real'], seen['fake']])
    assert np.abs(one - other).max() > 0.1  # although the images are the same
    assert -1 < gradient < -0.8  # what is moved out of sight has none
