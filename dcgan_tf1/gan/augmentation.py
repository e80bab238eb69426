"""What is done to images at random in every update: to real ones alone (mirror), or to all that a discriminator sees.

Mirroring real images alone changes what the generator learns: it makes mirrored images, too. What is done to real and
generated images alike is differentiable: the generator learns through it, but does not learn to imitate it. Source of
the latter, and of its extents: Zhao et al., 2020, https://arxiv.org/abs/2006.10738. Random numbers derive from the
graph's seed, the pass's name and its seed, as dropout masks do.
"""

import collections

import tensorflow.compat.v1 as tf

from dcgan_tf1.util.seeds import derive_seed


def mirror(images, shape, seed, tower=0):
    """images [N] + any shape of H * W * C values -> the same, half of them with left and right exchanged, by chance.

    shape: (H, W, C). seed: int32 scalar tensor, as a dropout_seed. tower: its number; each draws for itself.
    """
    drawn = tf.random.stateless_uniform(
        tf.shape(images)[:1], tf.stack([derive_seed(tf.get_default_graph().seed, 'mirror', tower), seed]))
    mirrored = tf.reshape(tf.reverse(tf.reshape(images, (-1,) + tuple(shape)), [2]), tf.shape(images))
    mirrored.set_shape(images.shape)
    return tf.where(drawn < 0.5, mirrored, images)


def augment(images, ctx, names):
    """images [N, H, W, C] -> the same, each moved, recoloured or cut as `names` of AUGMENTATIONS say; float32.

    ctx: the layers.BatchContext of the pass.
    """
    if names:
        images = tf.cast(images, tf.float32)  # what a generator gives may be of less precision
    count = tf.shape(images)[0]
    for name in names:
        def uniform(what, low=0.0, high=1.0, name=name):
            """[N, 1, 1, 1], float32."""
            seed = derive_seed(tf.get_default_graph().seed, 'augment', ctx.name, name, what)
            return tf.random.stateless_uniform([count, 1, 1, 1], tf.stack([seed, ctx.augment_seed]), low, high)

        images = AUGMENTATIONS[name](images, uniform)
    return images


def translation(images, uniform):
    """Moved by up to an eighth of the size, up or down and to either side; what comes in is 0."""
    _, height, width, _ = images.shape.as_list()

    def shift(size, what):
        """[N, size, size]: which row or column each one takes; none where that is outside."""
        reach = (size + 4) // 8  # rounded
        amount = tf.cast(tf.floor(uniform(what, -reach, reach + 1)), tf.int32)
        return tf.one_hot(tf.range(size)[tf.newaxis] + amount[:, :, 0, 0], size)

    def taken(images, places, size, other):
        """The first axis of images [N, size, other, C] as `places` has it."""
        return tf.reshape(tf.matmul(places, tf.reshape(images, [-1, size, other * channels])),
                          [-1, size, other, channels])

    channels = images.shape.as_list()[3]
    moved = tf.transpose(taken(images, shift(height, 'rows'), height, width), [0, 2, 1, 3])
    return tf.transpose(taken(moved, shift(width, 'columns'), width, height), [0, 2, 1, 3])


def color(images, uniform):
    """Brightness moved by up to 0.5, saturation times 0 to 2, contrast times 0.5 to 1.5; of images in [-1, 1]."""
    images += uniform('brightness', -0.5, 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = (images - grey) * uniform('saturation', 0.0, 2.0) + grey
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * uniform('contrast', 0.5, 1.5) + mean


def cutout(images, uniform):
    """A rectangle of half the height and width becomes 0; part of it may lie outside."""
    _, height, width, _ = images.shape.as_list()

    def inside(size, what):
        """[N, size]: 1 where the rectangle is."""
        side = (size + 1) // 2
        first = tf.floor(uniform(what, 0.0, size + 1.0 - side % 2)[:, :, 0, 0]) - side // 2
        place = tf.range(size, dtype=tf.float32)[tf.newaxis]
        return tf.cast(tf.logical_and(place >= first, place < first + side), tf.float32)

    hole = inside(height, 'rows')[:, :, tf.newaxis] * inside(width, 'columns')[:, tf.newaxis]
    return images * (1 - hole[..., tf.newaxis])


AUGMENTATIONS = collections.OrderedDict([('translation', translation), ('color', color), ('cutout', cutout)])
