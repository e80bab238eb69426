"""The samples of a run: step-N.npz with their values, a picture of each, and the animation of them all."""

import collections.abc
import glob
import os
import re

import numpy as np

from dcgan_tf1.data import npz
from dcgan_tf1.util import images
from dcgan_tf1.util.column_heads import column_heads
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import make_folder, replacing, write_bytes

MAX_BYTES = 1 << 32  # of a row of samples


def save(run, step, name, picture, raw, z, labels=None):
    """Writes the samples of one step; returns the path of their values.

    Args:
      run: the run folder.
      name: of the picture.
      picture: uint8 [H, W, C].
      raw, z, labels: the samples [N] + image_shape in the preset's range, their noise [N, z_dim] and, where the
        preset takes some, their labels [N], for step-N.npz.
    """
    folder = os.path.join(run, 'samples')
    make_folder(folder)
    path = os.path.join(folder, 'step-{:06d}.npz'.format(step))
    with replacing(path) as temporary:
        np.savez_compressed(temporary, images=raw, z=z, **{} if labels is None else {'labels': labels})
    images.save_png(os.path.join(folder, name), picture)
    return path


class UnreadableSamples(UserError):
    """A file of samples that is damaged, or not there any more."""


class NoSamples(UserError):
    """A run without any."""


class SavedRows(collections.abc.Sequence):
    """A run's samples, ascending: (step, uint8 [N, H, W, C]) each, read when it is asked for.

    All at a time would be many GiB of a long run's large images.
    """

    def __init__(self, files, image_range):
        self._files, self._image_range = files, image_range  # list of (step, path)

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return SavedRows(self._files[index], self._image_range)
        step, path = self._files[index]
        return step, _read(path, self._image_range)

    @property
    def steps(self):
        """The steps alone, for which nothing is read."""
        return [step for step, _ in self._files]

    def up_to(self, step):
        """Those up to a step."""
        return SavedRows([row for row in self._files if row[0] <= step], self._image_range)

    def still_there(self):
        """Those whose files have not been removed in the meantime."""
        return SavedRows([row for row in self._files if os.path.exists(row[1])], self._image_range)

    def append(self, step, path):
        """One more, the last."""
        self._files.append((step, path))


def _read(path, image_range):
    try:
        return images.to_uint8(npz.read_array(path, 'images', max_bytes=MAX_BYTES), image_range)
    except UserError as error:
        raise UnreadableSamples(str(error))
    except ValueError as error:
        raise UnreadableSamples('{}: expected samples, found: {}'.format(path, error))


def load(run, image_range, log):
    """The SavedRows of a run. Nothing but pictures is made of them, so a damaged file is left out with a warning."""
    files = []
    for name in glob.glob(os.path.join(glob.escape(os.path.join(run, 'samples')), 'step-*.npz')):
        number = re.match(r'step-(\d+)\.npz$', os.path.basename(name))
        if number:
            try:
                _read(name, image_range)
                files.append((int(number.group(1)), name))
            except UserError as error:
                log('WARNING: {}; these samples are left out'.format(error))
    return SavedRows(sorted(files), image_range)


def save_animation(run, preset, out=None, log=print, names=()):
    """Joins the samples of a run into one GIF; returns its path and the number of frames.

    names: of a conditional preset's classes, each of which has a column.
    """
    rows = load(run, preset.image_range, log)
    if not rows:
        raise NoSamples('{}: expected samples to animate, found none'.format(run))
    content, frames = animation_bytes(rows, preset, names)
    out = out or os.path.join(run, 'animation.gif')
    write_bytes(out, content)
    return out, frames


def animate(run, preset, names):
    """The animation of a Run's samples, at the end of its training, if there are any."""
    try:
        run.log('{}: {} frames'.format(*save_animation(run.path, preset, log=run.log, names=names)))
    except NoSamples:
        run.log('--gif: no animation, for the run has no samples')


def animation_bytes(rows, preset, names):
    """(the bytes of the GIF, the number of its frames) of rows of a preset's samples, as images.gif_bytes() takes."""
    if not names:
        return images.gif_bytes(rows, preset.samples_columns)
    return images.gif_bytes(rows, len(names), lambda columns, width: column_heads(names[:columns], width))
