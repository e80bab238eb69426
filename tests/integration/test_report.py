"""The report: what it shows, that it needs nothing beside itself, and that it can be read on a phone."""

import base64
import io
import json
import os
import re
import shutil
import types

import numpy as np
import pytest
from helpers.browser import PHONE, console, set_width
from helpers.commands import check_one_line_error, graph_flags, run_command
from helpers.marks import SLOW_OR_NIGHTLY
from PIL import Image

from dcgan_tf1.gan.presets import PRESETS
from dcgan_tf1.metrics.table import DRAWN
from dcgan_tf1.reporting import collect, sections
from dcgan_tf1.runs.run_folder import titles
from dcgan_tf1.util.images import to_uint8

# A page is made of files; what TensorFlow is asked for is tested in test_old_run.py, too.
pytestmark = pytest.mark.slow_tf1

SECTIONS = ['Samples', 'Losses', 'Quality', 'Quality over steps', 'Nearest training images', 'Interpolations',
            'Rows of samples, step by step', 'Animation', 'Speed', 'How to reproduce it']


@pytest.mark.slow
def test_losses_of_systems_that_have_others_beside_2017s():
    """The one loss of a VAE over steps and over seconds, without a line of 2017's, which had two."""
    rows = [{'step': step, 'seconds': step / 2, 'd_loss': 1.0, 'g_loss': 2.0} for step in (1, 2)]
    blog = types.SimpleNamespace(name='a', preset=PRESETS['blog_mnist'], losses=rows)
    vae = types.SimpleNamespace(name='b', preset=PRESETS['vae'], losses=[{'step': 1, 'seconds': 1, 'loss': 3.0}])
    assert [sections.losses(runs).count('<img') for runs in ([blog, vae], [vae, blog], [blog], [vae])] == [6, 6, 2, 1]


def test_a_run_without_rows_is_named_beside_others():
    rows = [{'step': step, 'seconds': step / 2, 'd_loss': 1.0, 'g_loss': 2.0, 'images_per_second': 9.0}
            for step in (1, 2)]
    runs = [types.SimpleNamespace(name=name, preset=PRESETS['blog_mnist'], losses=found)
            for name, found in (('a', rows), ('b', []))]
    assert 'b: no losses yet.' in sections.losses(runs) and 'a: no losses' not in sections.losses(runs)
    page = sections.speed(runs)
    assert 'a: 9 images/s in the median row, 1 s of training.' in page and 'b: no rows yet.' in page


def test_before_the_second_row_of_losses_nobody_knows_the_seconds():
    run = types.SimpleNamespace(losses=[{'step': 0, 'seconds': 0.5}], preset=PRESETS['blog_mnist'])
    assert sections.seconds_at(run, 100) is None
    run.losses.append({'step': 200, 'seconds': 8.5})
    assert [sections.seconds_at(run, step) for step in (100, 400)] == [4.5, 17]
    # Where the preset counts steps from 0, that row is of 201 of them.
    run = types.SimpleNamespace(losses=[{'step': 200, 'seconds': 20.1}], preset=PRESETS['keras_dense'])
    assert PRESETS['keras_dense'].first_step == 0 and abs(sections.seconds_at(run, 100) - 10) < 1e-9


def test_the_newest_evaluation_is_that_of_the_highest_step(tmp_path):
    rows = [dict({metric.key: 0.5 for metric in DRAWN if not metric.labelled}, step=None, name='real images')]

    def write(name, *steps, **more):
        (tmp_path / name).mkdir()
        content = dict(results=rows + [dict(rows[0], step=step) for step in steps], n=100, features={'name': 'f'},
                       data={'checksum': 'a'}, **more)
        (tmp_path / name / 'metrics.json').write_text(json.dumps(content))

    for name, steps in (('evaluation-1000000', [1000000]), ('evaluation-999000', [999000]), ('evaluation', [500]),
                        ('evaluation-all', [500, 1000])):
        write(name, *steps)
    write('evaluation-2000000-t2', 2000000, temperature=2.0)
    single, several, _ = collect.evaluations_of(str(tmp_path), PRESETS['blog_mnist'])
    assert os.path.basename(single[0]) == 'evaluation-1000000'
    assert [row['step'] for row in several[0]] == [500, 1000]
    write('evaluation-later', 1000000)
    os.utime(str(tmp_path / 'evaluation-later' / 'metrics.json'), (1e10, 1e10))
    single, _, _ = collect.evaluations_of(str(tmp_path), PRESETS['blog_mnist'])
    assert os.path.basename(single[0]) == 'evaluation-later'


@pytest.fixture(scope='module')
def runs(tiny_data, plain_graph, tmp_path_factory):
    """A run of the dense GAN of 4 steps with samples of each, evaluated, and one of the convolutional that was not."""
    parent = str(tmp_path_factory.mktemp('reported'))
    for preset in ('blog_dense', 'blog_mnist'):
        status, _, err = run_command(
            'train', '--data_dir=' + tiny_data, '--run_dir=' + parent, '--max_steps=4', '--checkpoint_every=2',
            '--log_every=1', '--preset=' + preset, '--batch_size=4', '--seed=3')
        assert status == 0, err
    run = os.path.join(parent, '00000-blog_dense')
    for flags in ([], ['--all_checkpoints']):
        status, _, err = run_command('evaluate', '--run=' + run, '--n=100', '--data_dir=' + tiny_data,
                                     *(flags + graph_flags(plain_graph)))
        assert status == 0, err
    return run, os.path.join(parent, '00001-blog_mnist')


def report(out, *runs):
    status, text, err = run_command('report', '--runs=' + ','.join(map(str, runs)), '--out={}'.format(out))
    assert status == 0, err
    assert str(out) in text
    with open(str(out), encoding='utf-8') as handle:
        return handle.read(), err


def pictures(page):
    return [(text, kind, Image.open(io.BytesIO(base64.b64decode(content)))) for text, kind, content in re.findall(
        r'<img[^>]* alt="([^"]*)" src="data:image/(png|gif);base64,([^"]*)">', page)]


def cells(page, heading):
    row = re.search('<tr><th>{}</th>(.*?)</tr>'.format(re.escape(heading)), page).group(1)
    return re.findall('<td>(.*?)</td>', row)


def test_a_report_of_one_run(runs, tmp_path):
    page, _ = report(tmp_path / 'report.html', runs[0])
    assert re.findall('<h2>(.*?)</h2>', page) == SECTIONS + ['Configuration']
    # Nothing is fetched: no address but those of the pictures in the file.
    assert set(re.findall(r'(?:src|href)="([a-z]+:)', page)) == {'data:'} and 'url(' not in page
    found = pictures(page)
    assert len(found) == page.count('<img')
    by_text = {text: picture for text, _, picture in found}
    assert by_text['A grid of samples'].size == (8 * 28, 8 * 28)
    assert by_text['Rows of images that change from left to right'].size == (10 * 28, 6 * 28)
    assert by_text['The samples of 4 steps as an animation'].n_frames == 4
    for name in ('discriminator loss', 'generator loss', 'Frechet distance', 'coverage'):
        assert any(name in text for text in by_text), name
    with open(os.path.join(runs[0], 'evaluation-000004', 'metrics.json')) as handle:
        rows = json.load(handle)['results']
    assert cells(page, 'Frechet distance (lower is better)') == [
        '{:.2f}'.format(row['frechet_distance']) for row in rows]
    assert cells(page, 'coverage (higher is better)') == ['{:.3f}'.format(row['coverage']) for row in rows]
    assert '100 images against 100 real ones, by the features.pb.' in page
    assert cells(page, 'identity.seed') == ['3'] and cells(page, 'schedule.total_steps') == ['4']
    with open(os.path.join(runs[0], 'config.json')) as handle:
        assert '<pre>{}</pre>'.format(json.load(handle)['command']) in page


def test_pictures_of_a_run_with_labels_have_a_column_for_each_class(conditional_run, runs, tmp_path):
    page, _ = report(tmp_path / 'report.html', conditional_run)
    found = {text: picture for text, _, picture in pictures(page)}
    sheet = np.asarray(found['Samples with a column for each class'].convert('L'))
    assert sheet.shape[1] == 10 * 56 and sheet.shape[0] > 8 * 56
    heads = sheet[:-8 * 56]
    # Each digit's name over the middle of its column.
    dark = np.flatnonzero(heads.min(axis=0) < 128)
    assert [len(set(dark // 56)), set(dark // 56)] == [10, set(range(10))] and set(dark % 56) <= set(range(20, 36))
    rows = np.asarray(found['A row of samples for each logged step'].convert('L'))
    names = rows[:-12 - 2 * 28, 70:70 + 280][-14:]
    assert set(np.flatnonzero(names.min(axis=0) < 128) // 28) == set(range(10))
    samples = [np.load(os.path.join(conditional_run, 'samples', 'step-00000{}.npz'.format(step))) for step in (1, 2)]
    expected = np.concatenate([to_uint8(each['images'], (-1, 1))[..., 0] for each in samples])
    expected = expected.reshape(2, 10, 28, 28).transpose(0, 2, 1, 3).reshape(56, 280)
    drawn = rows[-12 - 56:-12, 70:70 + 280]
    np.testing.assert_array_equal(drawn[1:-1, 1:-1], expected[1:-1, 1:-1])
    animation = found['The samples of 2 steps as an animation']
    assert animation.size == (560, len(heads) + 56)
    with Image.open(os.path.join(conditional_run, 'animation.gif')) as written:
        assert written.size == animation.size
    assert 'and is of one class: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; ' in page
    with open(os.path.join(conditional_run, 'config.json')) as handle:
        assert json.load(handle)['data']['classes'] == list('0123456789')

    out = str(tmp_path / 'comparison.png')
    heights = []
    for other in (conditional_run, runs[1]):
        status, _, err = run_command('compare', '--runs={},{}'.format(other, runs[0]), '--rows=2', '--out=' + out,
                                     '--overwrite')
        assert status == 0, err
        heights.append(Image.open(out).size[1])
    assert heights[0] == heights[1] + 13  # for the names


def test_a_report_of_several_runs_shows_how_they_differ(runs, tmp_path):
    page, _ = report(tmp_path / 'report.html', *runs)
    assert re.findall('<h2>(.*?)</h2>', page) == SECTIONS + ['Differences between the runs']
    assert cells(page, 'identity.preset') == ['blog_dense', 'blog_mnist']
    assert cells(page, 'identity.beta1') == ['0.9', '0.4']
    assert '<th>identity.seed</th>' not in page  # the same in both
    assert 'Not evaluated yet: python -m dcgan_tf1.evaluate --run={}'.format(runs[1]) in page
    texts = [text for text, _, _ in pictures(page)]
    assert texts.count('A grid of samples') == 2 and 'generator loss over seconds' in texts


@SLOW_OR_NIGHTLY
def test_different_data_are_told_at_the_top(runs, tmp_path):
    """Of runs that were trained or measured on different data, and of one that was measured against others."""
    page, _ = report(tmp_path / 'same.html', *runs)
    assert 'class="warning"' not in page
    other = str(tmp_path / '00000-blog_dense')
    shutil.copytree(runs[0], other)
    for name, change in (('config.json', stand_in), (os.path.join('evaluation-000004', 'metrics.json'), inverted)):
        with open(os.path.join(other, name)) as handle:
            content = json.load(handle)
        change(content)
        with open(os.path.join(other, name), 'w') as handle:
            json.dump(content, handle)
    page, _ = report(tmp_path / 'report.html', runs[0], other)
    lines = re.findall('<p class="warning">(.*?)</p>', page)
    assert len(lines) == 4
    assert lines[0].startswith('These runs were trained on different data: ')
    assert '; blog_dense ({}/00000-blog_dense): mnist, 5,000 digits (aaaaaaaaaaaa).'.format(tmp_path.name) in lines[0]
    assert lines[1].startswith('These runs were measured against different data: ') and 'bbbbbbbbbbbb' in lines[1]
    assert '100 images, by the features.pb; ' in lines[2] and '200 images, by the features.pb.' in lines[2]
    assert 'was trained on mnist, 5,000 digits (aaaaaaaaaaaa), and measured against mnist (bbbbbbbbbbbb)' in lines[3]

    out = tmp_path / 'comparison.png'
    status, text, err = run_command('compare', '--runs={},{}'.format(*runs), '--out={}'.format(out))
    assert status == 0 and 'different data' not in text, err
    before = Image.open(str(out)).convert('L')
    status, text, err = run_command('compare', '--runs={},{}'.format(runs[1], other), '--out={}'.format(out),
                                    '--overwrite')
    assert status == 0 and text.count('trained on different data') == 1 and '5,000 digits (aaaaaaaaaaaa)' in text, err
    # The line is under the picture, too, where nothing else is.
    margins = [np.asarray(picture.crop((0, picture.height - 22, picture.width, picture.height)))
               for picture in (before, Image.open(str(out)).convert('L'))]
    assert margins[0].min() == 255 and margins[1].min() < 100


def stand_in(config):
    config['data'].update(checksum='a' * 64, note='5,000 digits')


def inverted(metrics):
    metrics['data'].update(checksum='b' * 64)
    metrics['n'] = 200


def test_runs_of_the_same_name_can_be_told_apart(runs, tmp_path):
    others = [str(tmp_path / seed / '00000-blog_dense') for seed in ('seed-0', 'seed-1')]
    for other in others:
        shutil.copytree(runs[0], other)
    assert titles(runs) == ['blog_dense (00000-blog_dense)', 'blog_mnist (00001-blog_mnist)']
    assert titles(others) == ['blog_dense (seed-0/00000-blog_dense)', 'blog_dense (seed-1/00000-blog_dense)']
    assert titles([runs[0], runs[0] + '/']) == ['blog_dense (00000-blog_dense)'] * 2


def test_what_a_run_says_is_text_and_never_markup(runs, tmp_path):
    run = str(tmp_path / '00000-blog_dense')
    shutil.copytree(runs[0], run)
    with open(os.path.join(run, 'config.json')) as handle:
        config = json.load(handle)
    config.update(command='<script>alert(1)</script>', device='"><img src=x onerror=alert(1)>')
    config['identity']['<b>'] = {'</table>': '<script>'}
    with open(os.path.join(run, 'config.json'), 'w') as handle:
        json.dump(config, handle)
    with open(os.path.join(run, 'evaluation-000004', 'metrics.json')) as handle:
        metrics = json.load(handle)
    metrics['results'][1]['name'] = metrics['features']['name'] = '<script>'
    with open(os.path.join(run, 'evaluation-000004', 'metrics.json'), 'w') as handle:
        json.dump(metrics, handle)
    with open(os.path.join(run, 'evaluation', 'metrics.json'), 'w') as handle:
        handle.write('{"results": [{"frechet_distance": "<script>"}]}')
    page, err = report(tmp_path / 'report.html', run)
    assert '<script' not in page and '<img src=x' not in page and '<b>' not in page
    assert '&lt;script&gt;alert(1)&lt;/script&gt;' in page
    assert err.count('WARNING') == 1 and 'expected an evaluation' in err


def test_bad_input_is_one_line(runs, tmp_path):
    check_one_line_error(run_command('report'), '--runs', 'nothing')
    check_one_line_error(run_command('report', '--runs={}'.format(tmp_path), '--out={}'.format(tmp_path / 'x.html')),
                         'config.json')
    (tmp_path / 'mine.html').write_text('mine')
    check_one_line_error(run_command('report', '--runs=' + runs[0], '--out={}'.format(tmp_path / 'mine.html')),
                         'mine.html', '--overwrite')
    assert (tmp_path / 'mine.html').read_text() == 'mine'


@pytest.mark.parametrize('width', [pytest.param(PHONE, marks=pytest.mark.slow), 1100])
def test_in_a_browser(width, browser, runs, tmp_path):
    report(tmp_path / 'report.html', *runs)
    set_width(browser, width)
    browser.get('file://{}'.format(tmp_path / 'report.html'))
    assert browser.execute_script('return document.documentElement.scrollWidth') <= width
    shown = browser.execute_script('''
        return [...document.images].map((image) => [image.complete, image.naturalWidth, image.width])''')
    assert len(shown) > 10 and all(complete and natural and 0 < drawn <= width for complete, natural, drawn in shown)
    assert console(browser) == []
    if width > 600:  # side by side
        tops = browser.execute_script('''
            return [...document.querySelectorAll('h3')].slice(0, 2).map((one) => one.getBoundingClientRect().top)''')
        assert tops[0] == tops[1]
