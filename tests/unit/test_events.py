"""Event files: what TensorBoard reads them in the order of."""

import os

import tensorflow.compat.v1 as tf

from dcgan_tf1.runs import events


def test_a_new_file_is_read_last_whatever_the_clock_says(tmp_path, monkeypatch):
    for now, step in ((2000000000, 0), (1000000000.5, 20), (1000000000.5, 20), (2000000009, 30)):
        monkeypatch.setattr(events.time, 'time', lambda now=now: now)
        before = os.listdir(str(tmp_path))
        events.EventWriter(str(tmp_path), tf.Graph(), step).close()
        new, = set(os.listdir(str(tmp_path))) - set(before)
        assert sorted(before + [new])[-1] == new and new.endswith('.{:06d}'.format(step))
    assert len(os.listdir(str(tmp_path))) == 4


def test_what_is_written_can_be_read_before_the_writer_is_closed(tmp_path):
    """A kill loses none of it; and what an earlier process wrote after step 20 is out of date."""
    writer = events.EventWriter(str(tmp_path), tf.Graph(), 20)
    writer.add(21, {'loss': 0.5}, None)
    name, = os.listdir(str(tmp_path))
    found = list(tf.train.summary_iterator(str(tmp_path / name)))
    writer.close()
    assert [(each.step, each.session_log.status) for each in found if each.HasField('session_log')] == [
        (21, tf.SessionLog.START)]
    assert [each.step for each in found if each.summary.value] == [21]
