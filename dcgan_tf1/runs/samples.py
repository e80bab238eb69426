"""The samples of a run: step-N.npz with their values, a picture of each, and the animation of them all."""

import glob
import os
import re

import numpy as np

from dcgan_tf1.data import npz
from dcgan_tf1.util import images
from dcgan_tf1.util.column_heads import column_heads
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import make_folder, replacing, write_bytes


def save(run, step, name, picture, raw, z, labels=None):
    """Writes the samples of one step.

    Args:
      run: the run folder.
      name: of the picture.
      picture: uint8 [H, W, C].
      raw, z, labels: the samples [N] + image_shape in the preset's range, their noise [N, z_dim] and, where the
        preset takes some, their labels [N], for step-N.npz.
    """
    folder = os.path.join(run, 'samples')
    make_folder(folder)
    with replacing(os.path.join(folder, 'step-{:06d}.npz'.format(step))) as temporary:
        np.savez_compressed(temporary, images=raw, z=z, **{} if labels is None else {'labels': labels})
    images.save_png(os.path.join(folder, name), picture)


def load(run, image_range, log):
    """The samples of a run, ascending: list of (step, uint8 [N, H, W, C]).

    Nothing but pictures is made of them, so a damaged file is left out with a warning.
    """
    rows = []
    for name in glob.glob(os.path.join(glob.escape(os.path.join(run, 'samples')), 'step-*.npz')):
        number = re.match(r'step-(\d+)\.npz$', os.path.basename(name))
        if number:
            try:
                rows.append((int(number.group(1)), images.to_uint8(npz.read_array(name, 'images'), image_range)))
            except (UserError, ValueError) as error:
                text = str(error) if isinstance(error, UserError) else '{}: expected samples, found: {}'.format(
                    name, error)
                log('WARNING: {}; what is made of the samples goes without it'.format(text))
    return sorted(rows, key=lambda row: row[0])


def save_animation(run, preset, out=None, log=print, names=()):
    """Joins the samples of a run into one GIF; returns its path and the number of frames.

    names: of a conditional preset's classes, each of which has a column.
    """
    rows = load(run, preset.image_range, log)
    if not rows:
        raise UserError('{}: expected samples to animate, found none'.format(run))
    content, frames = animation_bytes(rows, preset, names)
    out = out or os.path.join(run, 'animation.gif')
    write_bytes(out, content)
    return out, frames


def animation_bytes(rows, preset, names):
    """(the bytes of the GIF, the number of its frames) of a preset's samples, list of (step, uint8 [N, H, W, C])."""
    if not names:
        return images.gif_bytes(rows, preset.samples_columns)
    rows = [(step, images.first_columns(cells, len(names))) for step, cells in rows]
    names = names[:images.MAX_COLUMNS]
    return images.gif_bytes(rows, len(names), column_heads(names, 2 * preset.image_shape[1]))
