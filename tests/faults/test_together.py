"""A trainer beside what reads its run: neither disturbs the other. (Two trainers: test_train.py.)"""

import os

import pytest
from helpers.commands import graph_flags, run_command, start_command, wait_for

from dcgan_tf1.runs import checkpoint


@pytest.mark.slow
def test_a_trainer_beside_an_evaluator_an_exporter_a_sampler_and_a_report(tiny_data, plain_graph, tmp_path):
    run = tmp_path / '00000-blog_dense'
    # Few checkpoints are kept and many are written, so that the one that is read is soon deleted.
    process = start_command('train', '--data_dir=' + tiny_data, '--run_dir={}'.format(tmp_path), '--preset=blog_dense',
                            '--max_steps=1000000', '--log_every=50', '--checkpoint_every=50', '--keep_checkpoints=2')
    try:
        wait_for(lambda: len(checkpoint.list_steps(str(run / 'checkpoints'))) > 1, process)
        refused = 0
        for i in range(3):
            for command in (
                    ['evaluate', '--run={}'.format(run), '--n=100', '--out={}'.format(tmp_path / 'e{}'.format(i)),
                     '--data_dir=' + tiny_data] + graph_flags(plain_graph),
                    ['export', '--run={}'.format(run), '--formats=frozen',
                     '--out={}'.format(tmp_path / 'x{}'.format(i))],
                    ['sample', '--run={}'.format(run), '--out={}'.format(tmp_path / 's{}.png'.format(i))],
                    ['report', '--runs={}'.format(run), '--out={}'.format(tmp_path / 'r{}.html'.format(i))]):
                status, _, err = run_command(*command)
                # The checkpoint may be gone by the time it is opened; then the error says so in one line.
                assert status == 0 or err.count('\n') == 1 and 'model.ckpt' in err, err
                refused += status != 0
        assert refused < 6
        assert process.poll() is None
        before = checkpoint.list_steps(str(run / 'checkpoints'))[-1]
        wait_for(lambda: checkpoint.list_steps(str(run / 'checkpoints'))[-1] > before + 100, process)
    finally:
        process.kill()
        process.communicate()
    assert checkpoint.latest_valid_step(str(run / 'checkpoints'), print)
    assert os.path.exists(str(run / 'evaluations.csv'))
