"""Pieces of HTML: escaped texts, notes, pictures inside the page, charts and columns."""

import base64
import html

from dcgan_tf1.util import images


def text(value):
    """A value as escaped text."""
    return html.escape(str(value))


def note(value):
    """A paragraph in small type."""
    return '<p class="note">{}</p>'.format(text(value))


def image(kind, content, alt, css=''):
    """A picture inside the page; content: the bytes of a file of the kind 'png' or 'gif'."""
    return '<img{} alt="{}" src="data:image/{};base64,{}">'.format(
        ' class="{}"'.format(css) if css else '', text(alt), kind, base64.b64encode(content).decode())


def png(content, alt):
    """A PNG file inside the page."""
    return image('png', content, alt)


def pixels(images_uint8, columns, alt):
    """A grid of uint8 [N, H, W, C] whose pixels stay sharp."""
    return image('png', images.png_bytes(images.grid(images_uint8, columns)), alt, 'pixels')


def charts(pairs):
    """Charts, (bytes of a PNG file, text in its place), beside each other; '' of none."""
    return '<div class="beside charts">{}</div>'.format(''.join(png(*pair) for pair in pairs)) if pairs else ''


def side_by_side(runs, section):
    """What section(run) gives for each run, in columns under their names; of one run as it is."""
    if len(runs) == 1:
        return section(runs[0])
    return '<div class="beside">{}</div>'.format(''.join(
        '<div><h3>{}</h3>{}</div>'.format(text(run.name), section(run)) for run in runs))
