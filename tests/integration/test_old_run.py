"""A run folder written by version 0.1.0 of November 2026 goes on working: it is resumed, sampled, measured, exported.

fixtures/run_0.1.0.zip is `train --preset=blog_dense --batch_size=16 --max_steps=8 --log_every=4
--checkpoint_every=4 --precision=float32` on the 5,400 blobs of conftest.py, then `evaluate` by
`plain_graph`, under TensorFlow 2.21. To keep it small, its figures and the checkpoint of step 4 are
left out, and the variables were rounded to multiples of 1/32, Adam's slots to a few values; the
expected numbers are what that version made of the checkpoint.
"""

import json
import os
import zipfile

import numpy as np
import pytest
from helpers.commands import graph_flags, run_command
from helpers.places import ROOT
from helpers.runs import read_metrics

ARCHIVE = os.path.join(ROOT, 'tests', 'fixtures', 'run_0.1.0.zip')

# Of the first four images, row 14.
PIXELS = [[0.00580386, -0.44301596, 0.27851066, 0.17500944], [-0.00268485, 0.19099940, -0.06140081, 0.10906155],
          [0.11764722, 0.04013652, -0.20399065, 0.20708705], [-0.29508457, 0.00934109, 0.00827118, 0.04993863]]


@pytest.fixture
def old_run(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(str(tmp_path))
    return str(tmp_path / '00000-blog_dense')


def test_it_is_sampled_exported_and_reported(old_run, tmp_path):
    status, _, err = run_command('sample', '--run=' + old_run, '--n=4', '--npz={}'.format(tmp_path / 's.npz'))
    assert status == 0, err
    found = np.load(str(tmp_path / 's.npz'))['images']
    np.testing.assert_allclose(found[:, 14, 10:14, 0], PIXELS, atol=1e-5)
    status, out, err = run_command('export', '--run=' + old_run, '--formats=frozen')
    assert status == 0, err
    assert 'generator.pb' in out
    status, _, err = run_command('report', '--runs=' + old_run, '--out={}'.format(tmp_path / 'report.html'))
    assert status == 0, err
    page = (tmp_path / 'report.html').read_text(encoding='utf-8')
    assert '2.89' in page and 'features.pb' in page  # of its earlier evaluation
    assert 'not recorded' not in page


def test_it_is_measured(old_run, tiny_data, plain_graph):
    status, _, err = run_command('evaluate', '--run=' + old_run, '--data_dir=' + tiny_data, '--n=100', '--overwrite',
                                 *graph_flags(plain_graph))
    assert status == 0, err
    with open(os.path.join(old_run, 'evaluation-000008', 'metrics.json')) as handle:
        row = json.load(handle)['results'][1]
    assert abs(row['frechet_distance'] - 2.88605) < 1e-2
    with open(os.path.join(old_run, 'evaluations.csv')) as handle:
        lines = handle.read().splitlines()
    assert len(lines) == 3 and lines[0].startswith('step,name,n,seed,features,')
    assert lines[1].startswith('8,as the preset samples,100,0,features.pb,2.88605,')


def test_it_is_resumed(old_run, tiny_data):
    status, out, err = run_command(
        'train', '--preset=blog_dense', '--batch_size=16', '--max_steps=12', '--log_every=4', '--checkpoint_every=4',
        '--precision=float32', '--data_dir=' + tiny_data, '--run_dir=' + os.path.dirname(old_run))
    assert status == 0, err
    assert 'going on at step 8' in out
    rows = read_metrics(old_run)
    assert [row['step'] for row in rows] == ['4', '8', '12']
    assert [row['d_loss'] for row in rows[:2]] == ['1.39569', '1.68781']
    np.testing.assert_allclose([float(rows[2][key]) for key in ('d_loss', 'd_loss_fake', 'g_loss')],
                               [1.3569, 1.35685, 0.270764], rtol=1e-4)
