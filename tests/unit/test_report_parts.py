"""What a report's pictures and charts show, not only that there are some."""

import types

import numpy as np
from PIL import Image

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics.table import DRAWN
from dcgan_tf1.reporting import figures, sections


def test_samples_and_interpolations_have_the_class_of_their_column_and_row(monkeypatch):
    asked = []

    def generate(preset, prefix, z, seed, device=None, labels=None):
        asked.append(labels.tolist())
        return np.zeros((len(z), 28, 28, 1), np.uint8)

    monkeypatch.setattr(sections.sampling, 'generate_bytes', generate)
    run = types.SimpleNamespace(preset=PRESETS['cgan_mnist'], classes=tuple('abcdefghij'), checkpoints=[('t', 'p')])
    sections.samples(run, 3, 'cpu')
    sections.interpolations(run, 3, 'cpu')
    assert asked == [list(range(10)) * sections.NOISES_SHOWN,
                     np.repeat(np.arange(10), sections.INTERPOLATION_STEPS).tolist()]


def test_charts_have_the_axes_and_the_level_that_they_are_titled_by(monkeypatch):
    charts = []
    monkeypatch.setattr(sections.figures, 'line_chart', lambda title, x_title, lines, **more: (
        charts.append((title, x_title, lines, more)) or b''))
    losses = [{'step': step, 'seconds': 7.0 * step, 'd_loss': 1.0, 'g_loss': 2.0, 'images_per_second': speed}
              for step, speed in ((1, 9.), (2, 1.), (3, 5.))]
    real = {metric.key: 100.0 + number for number, metric in enumerate(DRAWN)}
    runs = [types.SimpleNamespace(name=name, preset=PRESETS['vae'], losses=losses,
                                  metrics_over_steps=([dict(real, step=2)], real, 10)) for name in 'ab']
    sections.losses(runs)
    assert {x_title for _, x_title, _, _ in charts} >= {'seconds of training'}
    for _, x_title, lines, _ in charts:
        assert list(lines[-1].x) == [7.0 * step if x_title == 'seconds of training' else step for step in (1, 2, 3)]
    del charts[:]
    sections.metrics_over_steps(runs)
    for title, _, lines, more in charts:
        metric = next(each for each in DRAWN if figures.title_with_direction(each) == title)
        assert more['level'] == ('real images', real[metric.key]) and list(lines[0].y) == [real[metric.key]]
    assert charts and 'a: 5 images/s in the median row' in sections.speed(runs[:1])


def test_neighbours_lie_below_the_samples(tmp_path):
    bright, dark = [np.full((2, 28, 28, 1), value, np.uint8) for value in (200, 50)]
    figures.save_neighbours(str(tmp_path / 'x.png'), bright, dark)
    column = np.asarray(Image.open(str(tmp_path / 'x.png')).convert('L'))[:, -30]
    assert (column[len(column) // 4], column[3 * len(column) // 4]) == (200, 50)


def test_steps_stand_beside_their_rows():
    axes = figures.rows_figure([(step, np.zeros((2, 28, 28, 1), np.uint8)) for step in (10, 20, 30)], 't').axes[0]
    heights = [axes.transData.transform((0, y))[1] for y in axes.get_yticks()]
    texts = [each.get_text() for each in axes.get_yticklabels()]
    assert [text for _, text in sorted(zip(heights, texts), reverse=True)] == ['10', '20', '30']
