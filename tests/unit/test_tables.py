"""Tables as a kill or a spreadsheet leaves them: what is read, and what is kept beside."""

import math
import os

import pytest

from dcgan_tf1.runs import run_folder, tables
from dcgan_tf1.util.errors import UserError

COLUMNS = ('step', 'd_loss', 'seconds')
ROWS = [{'step': 100, 'd_loss': 1.25, 'seconds': 0.5}, {'step': 200, 'd_loss': -0.75, 'seconds': 1e-05}]
PLAIN = 'step,d_loss,seconds\n100,1.25,0.5\n200,-0.75,1e-05\n'


@pytest.fixture
def run(tmp_path):
    """A Run whose log is a list of lines."""
    (tmp_path / 'run').mkdir()
    found = run_folder.Run(str(tmp_path / 'run'))
    found.lines = []
    found.log = found.lines.append
    yield found
    found.close()


def go_on(run, content, step=1000):
    """(the rows, the file as it is written anew, the names beside it) of metrics.csv as it was found."""
    with open(run.file('metrics.csv'), 'wb') as handle:
        handle.write(content)
    rows = run.start_table('metrics.csv', COLUMNS, step)
    with open(run.file('metrics.csv'), 'rb') as handle:
        written = handle.read().decode()
    return rows, written, sorted(name for name in os.listdir(run.path) if name.startswith('metrics.csv.'))


SPREADSHEET = 'step;d_loss;seconds\r\n100;1,25;0,5\r\n200;-0,75;1E-05\r\n'


@pytest.mark.parametrize('content', [
    PLAIN.encode(),
    PLAIN.encode('utf-8-sig'),
    SPREADSHEET.encode('utf-8-sig'),
    SPREADSHEET.replace(';', '\t').encode('utf-16'),
    PLAIN.replace('\n', '\r\n').encode(),
    b'"step","d_loss","seconds"\n"100","1.25","0.5"\n"200","-0.75","0.00001"\n,,\n,,\n',
    b'step,d_loss,seconds,,\n100,1.25,0.5,,\n200,-0.75,1e-05,,\n',
    b'seconds,step,d_loss\n1e-05,200,-0.75\n0.5,100,1.25',  # sorted by another column, and columns moved
    PLAIN.encode() + b'300,0.1',  # a kill
    PLAIN.encode() + b'300,0.1,-',
    PLAIN.encode() + bytes(50),
], ids=lambda content: repr(content[:12]))
def test_what_a_spreadsheet_or_a_kill_leaves_is_read_whole(run, content):
    rows, written, beside = go_on(run, content)
    assert rows == ROWS and written == PLAIN and beside == [] and run.lines == []


def test_rows_after_the_step_are_dropped_without_a_word(run):
    assert go_on(run, PLAIN.encode(), 100) == (ROWS[:1], PLAIN[:PLAIN.index('200')], [])
    assert run.lines == []


@pytest.mark.parametrize('content, rows, what', [
    (b'100,1.25,0.5\n200,-0.75,1e-05\n', [], 'it has no column step, d_loss, seconds'),
    (b'step,d_loss\n100,1.25\n', [], 'it has no column seconds'),
    (b'step,d_loss,seconds\n100,1.25,0.5\n150,,\n200,-0.75,1e-05\n', ROWS, 'row 2 is not all numbers'),
    (b'step,d_loss,seconds\n100,1.25,0.5\n150\n200,-0.75,1e-05\n', ROWS, 'row 2 has 1 cells for 3 columns'),
    (b'step,d_loss,seconds,mine\n100,1.25,0.5,good\n200,-0.75,1e-05,\n', ROWS, 'it also has the column mine'),
    (b'step,d_loss,seconds\n100,1.25,0.5\n200,-0.75,"1e-05\n', ROWS[:1], 'row 2 is not all numbers'),
    (b'\x93NUMPY\x01\x00', [], 'it has no column'),
])
def test_what_cannot_be_read_is_kept_beside_and_named(run, content, rows, what):
    if b'"' in content:
        content += b'300,1,1\n'  # swallowed by the open quotation mark
    found, written, beside = go_on(run, content)
    assert found == rows and written.startswith('step,d_loss,seconds\n')
    assert beside == ['metrics.csv.unreadable-1']
    with open(run.file(beside[0]), 'rb') as handle:
        assert handle.read() == content
    assert len(run.lines) == 1 and run.lines[0].startswith('WARNING: ' + run.file('metrics.csv'))
    assert what in run.lines[0] and run.lines[0].endswith('kept as ' + run.file(beside[0]))


def test_what_was_kept_is_never_written_over(run):
    go_on(run, b'one\n1\n')
    assert go_on(run, b'two\n2\n')[2] == ['metrics.csv.unreadable-1', 'metrics.csv.unreadable-2']
    with open(run.file('metrics.csv.unreadable-1'), 'rb') as handle:
        assert handle.read() == b'one\n1\n'


def test_no_table_yet_or_an_empty_one(run):
    assert run.start_table('metrics.csv', COLUMNS, 5) == []
    assert go_on(run, b'')[::2] == ([], []) and go_on(run, b'\n')[::2] == ([], []) and run.lines == []


def test_who_only_reads_a_table_is_told_what_is_missing(tmp_path):
    path, lines = str(tmp_path / 'metrics.csv'), []
    assert run_folder.read_table(path, COLUMNS, lines.append) == [] and lines == []
    (tmp_path / 'metrics.csv').write_text(PLAIN + 'x,y,z\n')
    assert run_folder.read_table(path, COLUMNS, lines.append) == ROWS
    assert len(lines) == 1 and path in lines[0] and 'row 3' in lines[0]
    assert os.listdir(str(tmp_path)) == ['metrics.csv']


def test_the_best_checkpoint_is_not_chosen_by_half_a_table(tmp_path):
    (tmp_path / 'config.json').write_text('{"identity": {"preset": "blog_dense"}}')
    (tmp_path / 'quality.csv').write_text('step,n,frechet_distance\n2,100,6\n4,100,?\n')
    with pytest.raises(UserError, match='quality.csv: expected metrics .*row 2'):
        run_folder.find_checkpoint(str(tmp_path), None, None, None, 'best')


def test_texts_with_a_column_that_came_later(tmp_path):
    path, lines = str(tmp_path / 'evaluations.csv'), []
    (tmp_path / 'evaluations.csv').write_bytes('step;name;score\r\n4;as it is, or so;9,77\r\n'.encode('utf-8-sig'))
    columns = ['step', 'name', 'data', 'score']
    expected = [{'step': '4', 'name': 'as it is, or so', 'data': '', 'score': '9.77'}]
    assert tables.texts_to_go_on(path, columns, lines.append, optional=['data']) == expected and lines == []
    assert tables.texts_to_go_on(path, columns, lines.append) == []
    assert len(lines) == 1 and 'it has no column data' in lines[0] and 'evaluations.csv.unreadable-1' in lines[0]


@pytest.mark.parametrize('both', [False, True])
def test_a_metrics_csv_of_an_earlier_version_is_carried_over_with_all_its_rows(run, both):
    with open(run.file('metrics.csv'), 'w') as handle:
        handle.write(PLAIN)
    if both:  # which no version of ours leaves: neither is lost
        with open(run.file('losses.csv'), 'w') as handle:
            handle.write('step,d_loss,seconds\n300,0.5,2\n')
    expected = [{'step': 300, 'd_loss': 0.5, 'seconds': 2}] if both else ROWS
    assert run_folder.read_losses(run.path) == expected
    assert run.start_losses(COLUMNS, 1000) == expected == run_folder.read_losses(run.path)
    assert sorted(name for name in os.listdir(run.path) if name.endswith('.csv')) == (
        ['losses.csv', 'metrics.csv'] if both else ['losses.csv'])
    run.append_row('losses.csv', {'step': 400, 'd_loss': 2.0, 'seconds': 3})
    assert [row['step'] for row in run_folder.read_losses(run.path)] == [row['step'] for row in expected] + [400]


def test_columns_that_came_later_are_nan_in_rows_before_them(run):
    with open(run.file('quality.csv'), 'w') as handle:
        handle.write('step,n,frechet_distance\n4,100,7.5\n8,100,6\n')
    columns = ('step', 'n', 'frechet_distance', 'recall')
    rows = run.start_table('quality.csv', columns, 4, optional=['recall'])
    assert run.lines == [] and [row['frechet_distance'] for row in rows] == [7.5] and math.isnan(rows[0]['recall'])
    run.append_row('quality.csv', {'step': 8, 'n': 100, 'frechet_distance': 5, 'recall': 0.5})
    with open(run.file('quality.csv')) as handle:
        assert handle.read() == 'step,n,frechet_distance,recall\n4,100,7.5,nan\n8,100,5,0.5\n'
    assert run.start_table('quality.csv', ('step', 'n', 'frechet_distance'), 8) == [
        {'step': step, 'n': 100, 'frechet_distance': distance} for step, distance in ((4, 7.5), (8, 5))]
    assert 'it also has the column recall; it is kept as' in run.lines[0]


def test_the_best_is_the_same_before_and_after_it_is_written():
    rows = [{'step': step, 'n': 500.0, 'frechet_distance': distance} for step, distance in (
        (100, 1260.014), (200, 1260.006), (300, 1270.0))]
    written = [{key: float(tables.cell(key, value)) for key, value in row.items()} for row in rows]
    assert written[0]['frechet_distance'] == written[1]['frechet_distance'] == 1260.01
    assert tables.best_row(rows)['step'] == tables.best_row(written)['step'] == 100


def test_a_row_without_its_numbers_is_not_the_best():
    rows = [{'step': step, 'n': n, 'frechet_distance': distance} for step, n, distance in (
        (1, 500, float('nan')), (2, 500, 5.0), (3, 500, 4.0), (4, float('nan'), 1.0))]
    assert tables.best_row(rows)['step'] == 3
    assert [row['step'] for row in tables.best_rows(rows + [{'step': 9, 'n': 100, 'frechet_distance': 8.0}])] == [3, 9]
    assert tables.best_row(rows[:1]) is None and tables.best_row([]) is None
