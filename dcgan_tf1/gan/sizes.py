"""Which sizes of images networks can make, and the sizes of their layers; needs no TensorFlow."""

from dcgan_tf1.util.files import shape_text

MIN_SIDE, MAX_SIDE = 8, 4096
CHANNELS = (1, 3)

# What Preset.image_sizes may be. 'fixed': images of image_shape alone. 'any': of any height, width and number of
# channels. 'doubled': those of which doubled_from() finds what they are doubled from.
KINDS = ('fixed', 'any', 'doubled')


def check(kind, image_shape):
    """ValueError where networks that follow an image's size as `kind` says can't make images of [H, W, C]."""
    sides, channels, smallest = image_shape[:2], image_shape[2], {'doubled': 2 * MIN_SIDE}.get(kind, MIN_SIDE)
    if channels not in CHANNELS:
        raise ValueError('expected images of 1 or 3 channels, found {}'.format(channels))
    for side in sides:
        if not smallest <= side <= MAX_SIDE:
            raise ValueError('expected images of sides from {} to {}, found {}'.format(
                smallest, MAX_SIDE, shape_text(image_shape)))
    step = 2 ** _doublings(image_shape)
    if kind == 'doubled' and any(side % step for side in sides):
        raise ValueError('expected sides that are multiples of {}, which doubling a small image comes to, found '
                         '{}'.format(step, shape_text(image_shape)))


def halvings(image_shape, count):
    """The sizes (H, W) of an image and of what `count` convolutions of stride 2 make of it, rounded up.

    (45, 61, 3) and 2 -> [(45, 61), (23, 31), (12, 16)].
    """
    return [tuple(-(-side // 2 ** times) for side in image_shape[:2]) for times in range(count + 1)]


def doubled_from(image_shape):
    """(the (H, W) that an image is doubled from, how often): the smaller side is 4 to 7 pixels there.

    28x28 -> (7, 7), 2. 32x32 -> (4, 4), 3. 64x96 -> (4, 6), 4.
    """
    times = _doublings(image_shape)
    return tuple(side >> times for side in image_shape[:2]), times


def halves(image_shape):
    """How often an image can be halved to a smaller side of 7 pixels at least: twice for 28x28 and for 32x32."""
    return _floor_log2(min(image_shape[:2]) // 7)


def _doublings(image_shape):
    return _floor_log2(min(image_shape[:2]) // 4)


def _floor_log2(value):
    return max(int(value), 1).bit_length() - 1
