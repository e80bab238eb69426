"""Images as a folder of PNG files, one each: what programs that measure images read."""

import os

from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import check_writable, writing
from dcgan_tf1.util.images import save_png

EXTENSION = '.png'


def check(folder, names, overwrite):
    """Raises UserError where files of these names can't be written into a folder, or would be replaced unasked.

    Returns how many other pictures are there, which stay: whatever measures the folder reads them, too.
    """
    folder = os.path.realpath(folder)  # `..` behind a folder that is not there yet, and is made, would hide others
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise UserError('--outdir: expected a folder, found the file {}'.format(folder))
    if len(set(names)) < len(names):
        raise UserError('--outdir: expected each image once, found {} again'.format(next(
            name for number, name in enumerate(names) if name in names[:number])))
    present = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    replaced = [name + EXTENSION for name in names if name + EXTENSION in present]
    if replaced and not overwrite:
        raise UserError('{}: expected no {}, found {:,} of the {:,} files to be written; --overwrite replaces '
                        'them'.format(folder, replaced[0], len(replaced), len(names)))
    check_writable(os.path.join(folder, names[0] + EXTENSION))
    return sum(name.endswith(EXTENSION) for name in present) - len(replaced)


def save(folder, names, images):
    """Writes images, uint8 [N, H, W, 1 or 3], each under its name; a folder that is missing is made."""
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
    for name, image in zip(names, images):
        save_png(os.path.join(folder, name + EXTENSION), image)
