"""Images in a preset's range -> bytes, grids, PNG files and figures."""

import collections
import csv
import io
import math
import os
import textwrap

import numpy as np
from PIL import Image

from dcgan_tf1.util.figure_style import figure_bytes, new_figure, own_style, plain, whole_numbers
from dcgan_tf1.util.files import write_bytes

MAX_ROWS = 400  # a picture of 11,200 pixels; PNG writers stop at 65,536
ROWS_DPI = 100
MAX_FRAMES = 200  # of an animation

REFERENCE = os.path.join(os.path.dirname(os.path.dirname(__file__)), 'reference')


def to_uint8(images, image_range):
    """Float images in `image_range` (low, high) -> uint8, any shape.

    Values outside are clipped first, then rounded to the nearest of 256 levels; `low`
    becomes 0, `high` 255. Bytes are pixels already. Raises ValueError for values that are
    not finite.
    """
    if np.asarray(images).dtype == np.uint8:
        return images
    images = np.asarray(images, np.float32)
    if not np.isfinite(images).all():
        raise ValueError('expected finite images, found {} values that are not'.format(
            int((~np.isfinite(images)).sum())))
    low, high = image_range
    return np.rint((np.clip(images, low, high) - low) * (255 / (high - low))).astype(np.uint8)


def grid(images, columns):
    """uint8 [N, H, W, C] -> one picture [rows * H, columns * W, C]; left-over cells are black."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:count] = images
    cells = cells.reshape(rows, columns, height, width, channels)
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def _pillow(picture):
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def png_bytes(picture):
    """uint8 [H, W, 1 or 3] -> the bytes of a PNG file."""
    stream = io.BytesIO()
    _pillow(picture).save(stream, 'PNG')
    return stream.getvalue()


def save_picture(path, picture):
    """Writes uint8 [H, W, 1 or 3] as the picture that the name's extension says: JPEG, else PNG."""
    write_bytes(path, _as_named(path, png_bytes(picture)))


def _as_named(path, png):
    """The bytes of a PNG file -> those of what `path` is called."""
    if not path.lower().endswith(('.jpg', '.jpeg')):
        return png
    stream = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        # Whole colours for each pixel: samples are small, and so are a figure's letters.
        picture.convert('L' if picture.mode == 'L' else 'RGB').save(stream, 'JPEG', quality=95, subsampling=0)
    return stream.getvalue()


def save_png(path, picture):
    """Writes uint8 [H, W, 1 or 3] as a PNG file, whole or not at all."""
    write_bytes(path, png_bytes(picture))


def gif_bytes(rows, columns=None):
    """Rows of samples, (step, uint8 [N, H, W, C]), as the frames of an animated GIF: (its bytes, their number).

    columns: images in a row of each frame; None for a square. Of more than MAX_FRAMES rows
    evenly spaced ones are taken, the last one among them; that one is shown longest.
    """
    rows, _ = subsample(rows, MAX_FRAMES)
    frames = []
    for _, pictures in rows:
        picture = grid(pictures, columns or math.ceil(math.sqrt(len(pictures))))
        frames.append(_pillow(picture.repeat(2, axis=0).repeat(2, axis=1)))  # samples are small
    stream = io.BytesIO()
    frames[0].save(stream, 'GIF', save_all=True, append_images=frames[1:], loop=0,
                   duration=[200] * (len(frames) - 1) + [2000])
    return stream.getvalue(), len(frames)


def save_gif(path, rows, columns=None):
    """Writes what gif_bytes() makes; returns the number of frames."""
    content, frames = gif_bytes(rows, columns)
    write_bytes(path, content)
    return frames


def _save_figure(path, figure, dpi):
    write_bytes(path, _as_named(path, figure_bytes(figure, dpi)))


def subsample(rows, most):
    """At most `most` of the rows, evenly spaced, the last one among them; and how many rows one stands for."""
    every = max(1, -(-len(rows) // most))
    return rows[(len(rows) - 1) % every::every], every


def save_rows_figure(path, rows, title, most=MAX_ROWS):
    """Writes the blog's figure as a PNG file; see rows_figure()."""
    _save_figure(path, rows_figure(rows, title, most), ROWS_DPI)


@own_style()
def rows_figure(rows, title, most=MAX_ROWS):
    """The blog's figure: a row of samples for each logged step, under each other; to be drawn at ROWS_DPI.

    Args:
      rows: list of (step, uint8 [N, H, W, C]), each with the same shape. Of more than
        `most`, evenly spaced ones are drawn, the last one among them.
      title: text above.
    """
    rows, every = subsample(rows, most)
    if every > 1:
        title += ' (every {}th row)'.format(every)
    columns = rows[0][1].shape[0]
    height, width = rows[0][1].shape[1:3]
    picture = np.concatenate([grid(images, columns) for _, images in rows])
    dpi = ROWS_DPI
    # One image pixel is one figure pixel; the margins, in pixels, hold title and steps.
    left, right, top, bottom = 70, 12, 40, 12
    pixels_wide = max(left + columns * width + right, 400)  # or the title would not fit
    pixels_high = top + len(rows) * height + bottom
    figure = new_figure(pixels_wide / dpi, pixels_high / dpi)
    axes = figure.add_axes([left / pixels_wide, bottom / pixels_high,
                            columns * width / pixels_wide, len(rows) * height / pixels_high])
    # figimage() draws without resampling; the axes over it carry nothing but the labels.
    figure.figimage(np.repeat(picture, 4 - picture.shape[-1], axis=-1), left, bottom)
    axes.patch.set_visible(False)
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([])
    axes.set_yticks([index + 0.5 for index in range(len(rows))])
    axes.set_yticklabels(['{:,}'.format(step) for step, _ in rows], fontsize=7)
    axes.tick_params(length=0)
    figure.text((left - 5) / pixels_wide, 1 - (top - 6) / pixels_high, 'step', fontsize=7, ha='right')
    figure.text(left / pixels_wide, 1 - 16 / pixels_high, plain(title), fontsize=8, va='center')
    return figure


LOSS_TITLES = {'d_loss': 'discriminator loss', 'g_loss': 'generator loss', 'kl': 'KL divergence'}


def read_recorded_losses(name):
    """2017's recorded curve -> {'step': [...], 'd_loss': [...], 'g_loss': [...]}."""
    with open(os.path.join(REFERENCE, name), newline='') as handle:
        rows = list(csv.DictReader(handle))
    return {key: [float(row[key]) for row in rows] for key in ('step', 'd_loss', 'g_loss')}


@own_style()
def save_losses_figure(path, metrics, title, recorded=None):
    """Draws losses over the steps, each in axes of its own, in front of 2017's recorded ones.

    Args:
      path: of the PNG file.
      metrics: {'step': [...], 'd_loss': [...], ...}, our run; losses in nats.
      title: text above.
      recorded: the same of 2017, or None.
    """
    keys = [key for key in metrics if key != 'step']
    figure = new_figure(max(4.5, 9 if len(keys) == 2 else 4 * len(keys)), 3.6)
    for index, key in enumerate(keys):
        axes = figure.add_subplot(1, len(keys), index + 1)
        if recorded is not None:
            axes.plot(recorded['step'], recorded[key], color='0.65', linewidth=1.2, label='recorded in 2017')
        axes.plot(metrics['step'], metrics[key], color='C0', linewidth=1.2, marker='.', markersize=4,
                  label='this run')
        axes.set_title(LOSS_TITLES.get(key, key), fontsize=9)
        axes.set_xlabel('step', fontsize=8)
        axes.tick_params(labelsize=7)
        whole_numbers(axes.xaxis, 6)
        low, high = axes.get_ylim()
        low = min(low, 0)  # a hinge loss has negative values
        axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc='upper right', ncol=2)
    figure.suptitle(plain(title), fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    _save_figure(path, figure, 120)


# One run of a comparison: its title, rows of (step, uint8 [N, H, W, C]), rows of losses.csv.
Compared = collections.namedtuple('Compared', 'title rows metrics')

COMPARED = 10  # images of each row that a comparison shows


@own_style()
def save_comparison(path, found, steps, chosen, note=None):
    """Draws runs beside each other: rows of samples on top, loss curves under them.

    Args:
      path: of the PNG or JPEG file.
      found: list of Compared, one for each column.
      steps: the steps that the rows stand for.
      chosen: for each run, for each of the steps, the row (step, images) nearest to it;
        each is labelled with its own step.
      note: a line under the picture, or None.
    """
    losses = [key for key in ('d_loss', 'g_loss', 'loss') if any(key in row for run in found for row in run.metrics)]
    figure = new_figure(4.2 * max(2, len(found)), 0.48 * len(steps) + 2.6 * len(losses) + 0.8)
    layout = figure.add_gridspec(len(steps) + 1, 1, height_ratios=[1] * len(steps) + [5.6 * max(1, len(losses))],
                                 left=0.09, right=0.98, top=0.96, bottom=0.06, hspace=0.12)
    for number, rows in enumerate(zip(*chosen)):
        columns = layout[number].subgridspec(1, len(found), wspace=0.16)
        for run, (step, pictures) in enumerate(rows):
            axes = figure.add_subplot(columns[run])
            picture = grid(pictures[:COMPARED], min(COMPARED, len(pictures)))
            axes.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, cmap='gray', vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_ylabel('{:,}'.format(step), fontsize=7, rotation=0, ha='right', va='center')
            if number == 0:
                axes.set_title(plain(found[run].title), fontsize=9)
    curves = layout[len(steps)].subgridspec(max(1, len(losses)), 2, wspace=0.16, hspace=0.45)
    for number, key in enumerate(losses):
        for side, (column, title) in enumerate((('step', 'steps'), ('seconds', 'seconds of training'))):
            axes = figure.add_subplot(curves[number, side])
            for index, run in enumerate(found):
                rows = [row for row in run.metrics if key in row and column in row]
                if rows:
                    axes.plot([row[column] for row in rows], [row[key] for row in rows], color='C{}'.format(index),
                              linewidth=1.1, label=plain(run.title))
            axes.set_xlabel(title, fontsize=7)
            axes.set_ylabel(LOSS_TITLES.get(key, key), fontsize=7)
            axes.tick_params(labelsize=6)
            axes.grid(alpha=0.3)
            if axes.lines:
                axes.legend(fontsize=6)
            else:  # a run of before there were such figures
                axes.text(0.5, 0.5, 'not recorded in these runs', fontsize=7, ha='center', transform=axes.transAxes)
    if note is not None:
        wide = int(figure.get_size_inches()[0] * 22)  # characters of this size
        figure.text(0.5, 0.004, plain(textwrap.fill(note, wide)), fontsize=6, ha='center', va='bottom')
    _save_figure(path, figure, 130)


@own_style()
def save_neighbours(path, pictures, nearest):
    """Draws images, uint8 [N, H, W, C], over what they are to be compared with, one by one."""
    figure = new_figure(0.55 * len(pictures) + 1.5, 1.35)
    axes = figure.add_axes([1.45 / (0.55 * len(pictures) + 1.5), 0.02, 0.55 * len(pictures) / (
        0.55 * len(pictures) + 1.5), 0.96])
    both = np.concatenate([grid(pictures, len(pictures)), grid(nearest, len(nearest))])
    axes.imshow(both[..., 0] if both.shape[-1] == 1 else both, cmap='gray', vmin=0, vmax=255, aspect='auto')
    axes.set_xticks([])
    axes.set_yticks([pictures.shape[1] * 0.5, pictures.shape[1] * 1.5])
    axes.set_yticklabels(['generated', 'nearest in\ntraining'], fontsize=8)
    axes.tick_params(length=0)
    _save_figure(path, figure, 110)


QUALITY = (('frechet_distance', 'Frechet distance', 'lower is better'), ('precision', 'precision', 'higher is better'),
           ('recall', 'recall', 'higher is better'), ('coverage', 'coverage', 'higher is better'))


@own_style()
def save_quality_figure(path, rows, real, title):
    """Draws measures over steps, each in axes of its own, with those of real images as the scale.

    rows: dictionaries with 'step' and the measures of QUALITY; real: the same of real images.
    """
    figure = new_figure(11, 3)
    for index, (key, name, better) in enumerate(QUALITY):
        axes = figure.add_subplot(1, len(QUALITY), index + 1)
        axes.plot([row['step'] for row in rows], [row[key] for row in rows], marker='.', linewidth=1.2,
                  label='generated')
        axes.axhline(real[key], color='0.5', linewidth=1, linestyle='--', label='real')
        axes.set_title('{} ({})'.format(name, better), fontsize=8)
        axes.set_xlabel('step', fontsize=8)
        axes.tick_params(labelsize=7)
        whole_numbers(axes.xaxis, 5)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.suptitle(plain(title), fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    _save_figure(path, figure, 120)


# One line of a chart: its name, or None for one without; its colour as matplotlib names it.
Line = collections.namedtuple('Line', 'name x y colour')
Line.__new__.__defaults__ = (None,)


@own_style()
def line_chart(title, x_title, lines, level=None, from_zero=False):
    """Lines over a common axis, for a page: the bytes of a PNG file.

    lines: list of Line; those without a colour get one each. level: (name, y) of a
    horizontal line to compare with, or None.
    """
    figure = new_figure(5, 2.9)
    axes = figure.add_subplot(1, 1, 1)
    for index, line in enumerate(lines):
        axes.plot(line.x, line.y, color=line.colour or 'C{}'.format(index), label=line.name and plain(line.name),
                  linewidth=1.2, marker='.' if len(line.x) < 60 else None, markersize=4)
    if level is not None:
        axes.axhline(level[1], color='0.5', linewidth=1, linestyle='--', label=plain(level[0]))
    axes.set_title(plain(title), fontsize=10)
    axes.set_xlabel(x_title, fontsize=9)
    axes.tick_params(labelsize=8)
    whole_numbers(axes.xaxis, 5)
    if from_zero:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if any(line.name for line in lines) or level is not None:
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure_bytes(figure, 150)


@own_style()
def bar_chart(title, names, groups):
    """Bars beside each other for each of `names`, for a page; groups: list of (name, heights)."""
    figure = new_figure(5, 2.9)
    axes = figure.add_subplot(1, 1, 1)
    width = 0.8 / len(groups)
    for index, (name, heights) in enumerate(groups):
        axes.bar(np.arange(len(heights)) + (index - (len(groups) - 1) / 2) * width, heights, width, label=plain(name))
    axes.set_title(plain(title), fontsize=10)
    axes.set_xticks(range(len(names)))
    axes.set_xticklabels(list(map(plain, names)), fontsize=8, rotation=0 if max(map(len, names)) < 4 else 40,
                         ha='center' if max(map(len, names)) < 4 else 'right')
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3, axis='y')
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the legend
    axes.legend(fontsize=7, ncol=2, loc='upper right')
    figure.tight_layout()
    return figure_bytes(figure, 150)
