"""The timeline of a few steps: which, in what form, and that tracing changes no number."""

import json
import os

import pytest
import tensorflow.compat.v1 as tf
from helpers.commands import check_one_line_error, run_command

from dcgan_tf1.training import tracing


def metadata_of(device, *operations):
    found = tf.RunMetadata()
    stats = found.step_stats.dev_stats.add(device=device)
    for label, start, took in operations:
        stats.node_stats.add(node_name=label.split(' = ')[0], timeline_label=label, all_start_micros=start,
                             op_start_rel_micros=2, op_end_rel_micros=2 + took)
    return found


def test_operations_that_overlap_lie_in_rows_of_their_own():
    events = tracing.timeline([
        metadata_of('cpu', ('a = Conv2D(x, y)', 1000, 30), ('b = Mul(a, a)', 1010, 5), ('c = Relu(b)', 1015, 5)),
        metadata_of('cpu', ('d = _MklMatMul(c)', 1100, 7)), metadata_of('acc', ('e', 1030, 1))])
    assert [event['args']['name'] for event in events if event['ph'] == 'M'] == ['acc', 'cpu']
    found = [(event['pid'], event['tid'], event['name'], event['ts'], event['dur'])
             for event in events if event['ph'] == 'X']
    assert found == [(0, 0, 'e', 32, 1), (1, 0, 'Conv2D', 2, 30), (1, 1, 'Mul', 12, 5), (1, 1, 'Relu', 17, 5),
                     (1, 0, '_MklMatMul', 102, 7)]
    assert events[3]['args'] == {'name': 'a', 'operation': 'a = Conv2D(x, y)'}
    assert tracing.timeline([]) == []


def test_which_steps_are_traced():
    def traced(start, total):
        hook, found, step = tracing.hook('x', None, tracing.traced_steps('x', start, total), None), [], start
        while step < total:
            end = min(total, hook.schedule.after(step), step + 100)  # as run_steps() has it
            found += range(step + 1, end + 1) if hook._before < step + 1 <= hook._last else ()
            step = end
        return found

    assert traced(0, 1000) == [11, 12, 13] and traced(500, 1000) == [511, 512, 513]
    assert traced(0, 5) == [3, 4, 5] and traced(7, 9) == [8, 9] and traced(0, 13) == [11, 12, 13]


@pytest.mark.slow
def test_a_training_writes_a_timeline_and_the_same_numbers(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def losses(*given):
        flags = ['--data_dir=' + tiny_data, '--preset=blog_dense', '--batch_size=16', '--max_steps=15',
                 '--log_every=5', '--resume=never']
        status, out, err = run_command('train', *(flags + list(given)))
        assert status == 0, err
        with open(sorted(os.listdir('runs'))[-1].join(['runs/', '/losses.csv'])) as handle:
            return out, [line.split(',')[:4] for line in handle]

    _, expected = losses()
    out, found = losses('--trace=steps.json')
    assert found == expected and len(found) == 4
    with open('steps.json') as handle:
        events = json.load(handle)['traceEvents']
    operations = [event for event in events if event['ph'] == 'X']
    assert 'steps.json: {:,} operations of steps 11 to 13, to be shown by '.format(len(operations)) in out
    assert len([event for event in operations if 'MatMul' in event['name']]) >= 3 * 10
    rows = {}
    for event in operations:
        assert event['ts'] >= rows.get((event['pid'], event['tid']), 0) and event['dur'] >= 0
        rows[event['pid'], event['tid']] = event['ts'] + event['dur']
    before = os.listdir('runs')
    check_one_line_error(
        run_command('train', '--data_dir=' + tiny_data, '--preset=blog_dense', '--trace=missing/steps.json'),
        'cannot write missing/steps.json: there is no folder missing')
    check_one_line_error(run_command('train', '--data_dir=' + tiny_data, '--preset=blog_dense', '--trace=steps.json'),
                         '--trace: expected a new file, found steps.json')
    check_one_line_error(run_command('train', '--data_dir=' + tiny_data, '--preset=blog_dense', '--trace=steps.txt'),
                         "--trace: expected a name that ends in .json, found 'steps.txt'")
    assert os.listdir('runs') == before
    # The same command goes on with a run that was traced, and leaves the file alone.
    with open('steps.json', 'rb') as handle:
        traced = handle.read()
    status, out, err = run_command('train', '--data_dir=' + tiny_data, '--preset=blog_dense', '--batch_size=16',
                                   '--max_steps=20', '--log_every=5', '--trace=steps.json')
    assert status == 0 and '--trace: steps.json is there already, and nothing is traced' in out, err
    assert 'from step 15' in out or 'step 20/20' in out
    with open('steps.json', 'rb') as handle:
        assert handle.read() == traced
    assert os.listdir('runs') == before
