"""The figures of runs: rows of samples, losses, metrics over steps, comparisons, nearest neighbours."""

import collections
import csv
import os
import textwrap

import numpy as np

from dcgan_tf1.metrics.table import DRAWN, title_with_direction
from dcgan_tf1.util.column_heads import column_heads, short_names
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.figure_style import figure_bytes, new_figure, own_style, plain, whole_numbers
from dcgan_tf1.util.files import write_bytes
from dcgan_tf1.util.images import MAX_COLUMNS, double, encode_as_named, grid, subsample, with_heads

MAX_ROWS = 400  # a picture of 11,200 pixels; PNG writers stop at 65,536
# The most pixels of a picture: each takes more than a hundred bytes while it is drawn. And the number of rows of large
# images that it has to have room for, with fewer images in each.
MAX_PIXELS, FEW_ROWS = 8000000, 16
ROWS_DPI = 100

REFERENCE = os.path.join(os.path.dirname(os.path.dirname(__file__)), 'reference')


def _save_figure(path, figure, dpi):
    write_bytes(path, encode_as_named(path, figure_bytes(figure, dpi)))


def save_rows_figure(path, rows, title, max_rows=MAX_ROWS, names=()):
    """Writes the blog's figure as a PNG file; see rows_figure()."""
    _save_figure(path, rows_figure(rows, title, max_rows, names), ROWS_DPI)


def drawn_of_row(shape, classes):
    """(lines, columns) of what a step's samples [N, H, W, C] are drawn in; classes: how many names there are, or 0."""
    columns = min(classes, MAX_COLUMNS) or shape[0]
    max_images = max(1, MAX_PIXELS // FEW_ROWS // (shape[1] * shape[2]))
    columns = min(columns, max_images)
    return max(1, min(shape[0] // (classes or shape[0]), max_images // columns)), columns


def first_images(images, lines, columns, classes):
    """Of a step's samples [N, H, W, C] a copy of the first lines and columns, as drawn_of_row() counts them."""
    each = classes or len(images)
    rows = images[:len(images) // each * each].reshape((-1, each) + images.shape[1:])
    return rows[:lines, :columns].reshape((-1,) + images.shape[1:]).copy()


@own_style()
def rows_figure(rows, title, max_rows=MAX_ROWS, names=()):
    """The blog's figure: a row of samples for each logged step, under each other; to be drawn at ROWS_DPI.

    Args:
      rows: sequence of (step, uint8 [N, H, W, C]), each with the same shape, of which one is taken at a time. Of more
        than `max_rows`, evenly spaced ones are drawn, the last one among them.
      title: text above.
      names: of a conditional preset's classes. Each (of many, the first MAX_COLUMNS) has a column under its name, and
        each noise vector of a step a row of its own, all of which count among `max_rows`.
    """
    count, height, width, _ = shape = rows[-1][1].shape
    lines, columns = drawn_of_row(shape, len(names))
    rows, every = subsample(rows, max(1, min(max_rows, MAX_PIXELS // (columns * width * height)) // lines))
    rows = [(step, first_images(images, lines, columns, len(names))) for step, images in rows]
    if len(rows[0][1]) < count and len(names) <= columns:
        title += ' (the first {} of {})'.format(len(rows[0][1]), count)
    names = names[:columns]
    if every > 1:
        title += ' (every {}th row)'.format(every)
    picture = np.concatenate([grid(images, columns) for _, images in rows])
    heads = column_heads(names, width) if names else np.zeros((0, columns * width, 1), np.uint8)
    dpi = ROWS_DPI
    # One image pixel is one figure pixel; the margins, in pixels, hold title, names and steps.
    left, right, top, bottom = 70, 12, 40 + len(heads), 12
    pixels_wide = max(left + columns * width + right, 400)  # or the title would not fit
    pixels_high = top + len(picture) + bottom
    figure = new_figure(pixels_wide / dpi, pixels_high / dpi)
    axes = figure.add_axes([left / pixels_wide, bottom / pixels_high,
                            columns * width / pixels_wide, len(picture) / pixels_high])
    # figimage() draws without resampling; the axes over it carry nothing but the labels.
    figure.figimage(np.repeat(picture, 4 - picture.shape[-1], axis=-1), left, bottom)
    if names:
        figure.figimage(np.repeat(heads, 3, axis=-1), left, bottom + len(picture))
    axes.patch.set_visible(False)
    axes.set_ylim(len(rows), 0)
    axes.set_xticks([])
    axes.set_yticks([index + 0.5 for index in range(len(rows))])
    axes.set_yticklabels(['{:,}'.format(step) for step, _ in rows], fontsize=7)
    axes.tick_params(length=0)
    figure.text((left - 5) / pixels_wide, 1 - (top - 6) / pixels_high, 'step', fontsize=7, ha='right')
    figure.text(left / pixels_wide, 1 - 16 / pixels_high, plain(title), fontsize=8, va='center')
    return figure


def class_sheet(images_uint8, names):
    """Samples with a column for each class, under its name, as one picture: uint8 [H, W, C].

    images_uint8: uint8 [N, H, W, C], all classes in turn. Of many, the first MAX_COLUMNS are drawn; each twice its
    size unless that makes more than MAX_PIXELS.
    """
    images_uint8, names = first_images(images_uint8, None, MAX_COLUMNS, len(names)), names[:MAX_COLUMNS]
    picture = grid(images_uint8, len(names))
    scale = 2 if 4 * picture.shape[0] * picture.shape[1] <= MAX_PIXELS else 1
    return with_heads(double(picture) if scale == 2 else picture, column_heads(names, scale * images_uint8.shape[2]))


LOSS_TITLES = {'d_loss': 'discriminator loss', 'g_loss': 'generator loss', 'kl': 'KL divergence'}


def read_recorded_losses(name):
    """2017's recorded curve -> {'step': [...], 'd_loss': [...], 'g_loss': [...]}; UserError for another name."""
    known = sorted(each for each in os.listdir(REFERENCE) if each.endswith('.csv'))
    if name not in known:
        raise UserError('Preset.recorded_losses: expected None or one of {}, found {!r}'.format(
            ', '.join(known), name))
    with open(os.path.join(REFERENCE, name), newline='') as handle:
        rows = list(csv.DictReader(handle))
    return {key: [float(row[key]) for row in rows] for key in ('step', 'd_loss', 'g_loss')}


@own_style()
def save_losses_figure(path, losses, title, recorded=None):
    """Draws losses over the steps, each in axes of its own, in front of 2017's recorded ones.

    Args:
      path: of the PNG file.
      losses: {'step': [...], 'd_loss': [...], ...} of the run, in nats.
      title: text above.
      recorded: the same of 2017, or None.
    """
    keys = [key for key in losses if key != 'step']
    figure = new_figure(max(4.5, 9 if len(keys) == 2 else 4 * len(keys)), 3.6)
    for index, key in enumerate(keys):
        axes = figure.add_subplot(1, len(keys), index + 1)
        if recorded is not None and key in recorded:
            axes.plot(recorded['step'], recorded[key], color='0.65', linewidth=1.2, label='recorded in 2017')
        axes.plot(losses['step'], losses[key], color='C0', linewidth=1.2, marker='.', markersize=4,
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


# One run of a comparison: its title, samples as rows of (step, uint8 [N, H, W, C]), rows of losses, and the names of
# a conditional preset's classes, of which all samples have one in turn.
Compared = collections.namedtuple('Compared', 'title samples losses names')
Compared.__new__.__defaults__ = ((),)

COMPARED_IMAGES = 10  # that a comparison shows of each row
SHORT_NAME = 2  # letters of a class's name that fit over such an image; longer ones are turned upwards


@own_style()
def save_comparison(path, runs, chosen, note=None):
    """Draws runs beside each other: rows of samples on top, loss curves under them.

    Args:
      path: of the PNG or JPEG file.
      runs: list of Compared, one for each column.
      chosen: for each run, the samples (step, images) of each row, which its step stands beside.
      note: a line under the picture, or None.
    """
    keys = [key for key in ('d_loss', 'g_loss', 'loss') if any(key in row for run in runs for row in run.losses)]
    row_count = len(chosen[0])
    shown = [short_names(run.names[:COMPARED_IMAGES]) for run in runs]
    longest = max([len(name) for names in shown for name in names], default=0)
    heads = 0.1 * bool(longest) + 0.05 * longest * (longest > SHORT_NAME)  # inches, under the titles
    high = 0.48 * row_count + 2.6 * len(keys) + 0.8 + heads
    figure = new_figure(4.2 * max(2, len(runs)), high)
    layout = figure.add_gridspec(row_count + 1, 1, height_ratios=[1] * row_count + [5.6 * max(1, len(keys))],
                                 left=0.09, right=0.98, top=1 - (0.4 + heads) / high, bottom=0.6 / high,
                                 hspace=0.12)
    for number, rows in enumerate(zip(*chosen)):
        columns = layout[number].subgridspec(1, len(runs), wspace=0.16)
        for column, (step, images_uint8) in enumerate(rows):
            axes = figure.add_subplot(columns[column])
            names = shown[column]
            count = len(names) or min(COMPARED_IMAGES, len(images_uint8))
            picture = grid(images_uint8[:count], count)
            axes.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, cmap='gray', vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            # On two lines: the columns are no further apart than the numbers need.
            axes.set_ylabel('{}{:,}'.format('' if number else 'step\n', step), fontsize=7, rotation=0, ha='right',
                            va='center')
            if number == 0:
                axes.set_title(plain(runs[column].title), fontsize=9, pad=6 + 72 * heads)
                upright = max(map(len, names), default=0) > SHORT_NAME
                for index, name in enumerate(names):
                    axes.text((index + 0.5) * picture.shape[1] / count, -2, plain(name), fontsize=6, ha='center',
                              va='bottom', rotation=90 if upright else 0)
    curves = layout[row_count].subgridspec(max(1, len(keys)), 2, wspace=0.16, hspace=0.45)
    for number, key in enumerate(keys):
        for side, (x, title) in enumerate((('step', 'steps'), ('seconds', 'seconds of training'))):
            axes = figure.add_subplot(curves[number, side])
            axes.set_xlabel(title, fontsize=7)
            _draw_losses(axes, runs, key, x)
    if note is not None:
        wide = int(figure.get_size_inches()[0] * 22)  # characters of this size
        figure.text(0.5, 0.004, plain(textwrap.fill(note, wide)), fontsize=6, ha='center', va='bottom')
    _save_figure(path, figure, 130)


def _draw_losses(axes, runs, key, x):
    """The curves of one loss of all runs, over 'step' or 'seconds'."""
    for index, run in enumerate(runs):
        rows = [row for row in run.losses if key in row and x in row]
        if rows:
            axes.plot([row[x] for row in rows], [row[key] for row in rows], color='C{}'.format(index),
                      linewidth=1.1, label=plain(run.title), marker='.' if len(rows) < 3 else None)
    if x == 'step':
        whole_numbers(axes.xaxis, 6)
    axes.set_ylabel(LOSS_TITLES.get(key, key), fontsize=7)
    axes.tick_params(labelsize=6)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=6)
    else:  # written by a version that did not record them
        axes.text(0.5, 0.5, 'not recorded in these runs', fontsize=7, ha='center', transform=axes.transAxes)


@own_style()
def save_neighbours(path, images_uint8, nearest):
    """Draws generated images above the training image nearest to each; both uint8 [N, H, W, C]."""
    count, height, width, _ = images_uint8.shape
    ratio = min(max(width / height, 1 / 8), 8)  # beyond, PNG files would be too large to be read
    high = max(0.3, 0.55 / ratio)  # inches of an image: room for the text beside it
    left, wide, bottom = 1.45, count * high * ratio, 0.03
    size = left + wide + 0.05, 2 * high + 2 * bottom
    figure = new_figure(*size)
    axes = figure.add_axes([left / size[0], bottom / size[1], wide / size[0], 2 * high / size[1]])
    both = np.concatenate([grid(images_uint8, count), grid(nearest, count)])
    axes.imshow(both[..., 0] if both.shape[-1] == 1 else both, cmap='gray', vmin=0, vmax=255, aspect='auto')
    axes.set_xticks([])
    axes.set_yticks([height * 0.5, height * 1.5])
    axes.set_yticklabels(['generated', 'nearest in\ntraining'], fontsize=8)
    axes.tick_params(length=0)
    _save_figure(path, figure, 110)


@own_style()
def save_quality_figure(path, rows, real, title):
    """Draws metrics over steps, each in axes of its own, with those of real images as the scale.

    rows: dictionaries with 'step' and the metrics of DRAWN, of which those that need labels may be missing. real: the
    same of real images.
    """
    metrics = [metric for metric in DRAWN if all(row.get(metric.key) is not None for row in [real] + rows)]
    figure = new_figure(2.75 * len(metrics), 3)
    for index, metric in enumerate(metrics):
        axes = figure.add_subplot(1, len(metrics), index + 1)
        axes.plot([row['step'] for row in rows], [row[metric.key] for row in rows], marker='.', linewidth=1.2,
                  label='generated')
        axes.axhline(real[metric.key], color='0.5', linewidth=1, linestyle='--', label='real')
        axes.set_title(title_with_direction(metric), fontsize=8)
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
