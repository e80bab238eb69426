"""What was done to how many pictures on their way to an array, as lines for the log and config.json."""

import collections

from dcgan_tf1.util.files import listing

_NAMED = 1000  # damaged pictures of which each is named
_COUNTS = ('turned', 'transparent', 'deep', 'frames', 'coloured', 'grey', 'resized')
_COUNTERS = ('cropped', 'windows', 'modes', 'warnings')  # by size (width, height), mode, or Pillow's text
NEARLY_BLACK = 16  # of 255: images without a larger value are nearly black
_BLOCK = 1024  # images that are looked at at once


def nearly_black():
    """The line about images without a value above NEARLY_BLACK."""
    return 'WARNING: nearly black, for no value is above {} of 255'.format(NEARLY_BLACK)


def tell_if_nearly_black(images, tell):
    """Warns where no value of images, uint8 [N, ...], is above NEARLY_BLACK; they may lie in a file that is mapped."""
    if not any(images[row:row + _BLOCK].max() > NEARLY_BLACK for row in range(0, len(images), _BLOCK)):
        tell(nearly_black())


class Remarks(list):
    """Lines about the data at `place`, kept for their reading.Loaded or PictureSet, and logged as they are told."""

    def __init__(self, place, log):
        super().__init__()
        self._place, self._log = place, log

    def tell(self, line):
        self.append(line)
        self._log('{}: {}'.format(self._place, line))


class Notes:
    """What was done to how many pictures."""

    def __init__(self, shape, reading):
        self._shape, self._reading = shape, reading
        for name in _COUNTS:
            setattr(self, name, 0)
        for name in _COUNTERS:
            setattr(self, name, collections.Counter())
        self.ranges, self.damaged = [], []
        self.brightest = 0  # value of all pictures, of 255

    def add(self, other):
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        self.brightest = max(self.brightest, other.brightest)

    def lines(self, total):
        """A line for each kind of thing that was done to some of `total` pictures."""
        def some(count, text):
            return ['{:,} of {:,} pictures {}'.format(count, total, text)] if count else []

        def of_sizes(counter, text):
            sizes = listing(['{}x{}'.format(*before) for before, _ in counter.most_common()], 5)
            return some(sum(counter.values()), '{}, from {}'.format(text, sizes))

        size, reading = '{1}x{0}'.format(*self._shape), self._reading
        window = 'the largest square' if reading.crop == 0 else '{0}x{0}'.format(reading.crop)
        mixed = self.grey if self.grey < total - len(self.damaged) else 0
        more = len(self.damaged) - _NAMED
        damaged = self.damaged[:_NAMED] + (['and {:,} others that are left out'.format(more)] if more > 0 else [])
        return (
            some(len(self.damaged), 'left out (--skip_damaged)') + damaged
            + of_sizes(self.windows, 'cropped to {} at their centres'.format(window))
            + of_sizes(self.cropped, 'cropped about their centres to the proportions of {}'.format(size))
            + some(self.turned, 'turned upright, as their EXIF says')
            + [line for mode, count in sorted(self.modes.items())
               for line in some(count, 'in {}, turned to RGB'.format(mode))]
            + some(self.resized, 'resized to {}{}'.format(
                size, '' if reading.resize == 'lanczos' else ' ({})'.format(reading.resize)))
            + some(self.transparent, 'with transparent parts, laid on {} (--background)'.format(reading.background))
            + some(self.deep, 'with more than 8 bits a channel, scaled to 8')
            + ([] if self.brightest > NEARLY_BLACK else [nearly_black() + (
                '; values of 10 or 12 bits have to be scaled to 8 or 16 first' if self.deep else '')])
            + some(self.frames, 'with several frames, of which the first is taken')
            + some(self.coloured, 'in colour, turned to grey')
            + some(mixed, 'in grey, among others in colour')
            + [line for text, count in self.warnings.items() for line in some(count, 'with a warning: ' + text)]
            + self.ranges)
