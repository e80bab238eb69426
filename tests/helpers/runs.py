"""Run folders read and compared."""

import csv
import os

import numpy as np

from dcgan_tf1.runs import checkpoint, run_folder


def read_metrics(run):
    with open(run_folder.losses_file(str(run)), newline='') as handle:
        return list(csv.DictReader(handle))


def same_checkpoint(one, other, step):
    for suffix in ('.index', '.data-00000-of-00001'):
        paths = [checkpoint.checkpoint_path(os.path.join(str(run), 'checkpoints'), step) + suffix
                 for run in (one, other)]
        with open(paths[0], 'rb') as a, open(paths[1], 'rb') as b:
            assert a.read() == b.read(), suffix


def same_results(one, other, step):
    """Checkpoints, losses and samples bit for bit; only the speed may differ."""
    same_checkpoint(one, other, step)
    rows = [[{k: v for k, v in row.items() if k not in ('images_per_second', 'seconds')} for row in read_metrics(run)]
            for run in (one, other)]
    assert rows[0] == rows[1] and rows[0]
    names = [sorted(os.listdir(os.path.join(str(run), 'samples'))) for run in (one, other)]
    assert names[0] == names[1] and len(names[0]) == 2 * len(rows[0])
    for name in names[0]:
        if name.endswith('.npz'):
            a, b = [np.load(os.path.join(str(run), 'samples', name)) for run in (one, other)]
            assert sorted(a.files) == sorted(b.files)
            for key in a.files:
                np.testing.assert_array_equal(a[key], b[key])
