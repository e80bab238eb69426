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
