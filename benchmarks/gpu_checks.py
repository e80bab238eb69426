"""One check of gpu_check.py in a process of its own: `python gpu_checks.py NAME SETTINGS`, which prints rows as JSON.

A row is a dictionary with a `name`, and of these what applies: `images_per_second`, `step_ms`, `note` (a sentence),
`error` (what went wrong), `left_out` (why it was not tried), `missing` and `get` (what the machine lacks, and how to
get it). SETTINGS is what gpu_check.py's settings_of() makes, as JSON.
"""

import functools
import json
import os
import sys

sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]

import gpu_devices  # noqa: E402
import gpu_runs  # noqa: E402
import gpu_steps  # noqa: E402

from dcgan_tf1.gan.catalogue import PRESET_TITLES  # noqa: E402

# In the order in which they are run, with the seconds that each may take: what tells most comes first.
CHECKS = {
    'devices': (gpu_devices.devices, 150),
    'train_step.blog_mnist': (functools.partial(gpu_steps.train_step, 'blog_mnist'), 240),
    'training': (gpu_runs.training, 120),
    'sampling': (gpu_runs.sampling, 120),
    'resume': (gpu_runs.resume, 240),
    'memory': (gpu_steps.memory, 120),
    'export': (gpu_runs.export, 120),
    'num_gpus': (gpu_runs.several_gpus, 120),
}
_STEPS = [('cgan_mnist', 200), ('dcgan', 240), ('resnet_mnist', 300), ('tf_tutorial', 200)]
_STEPS += [(preset, 120) for preset in PRESET_TITLES if preset not in gpu_steps.WITH_XLA]
CHECKS.update(('train_step.' + preset, (functools.partial(gpu_steps.train_step, preset), seconds))
              for preset, seconds in _STEPS)
UNTIMED = 'resume', 'memory', 'export', 'num_gpus'  # side by side, where the machine is large enough
QUICK = [name for name in CHECKS if name == 'train_step.blog_mnist' or not name.startswith('train_step')]


def main():
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    from dcgan_tf1.util import tf_startup  # isort: skip
    tf_startup.begin()
    for row in CHECKS[name][0](settings):
        print(json.dumps(row), flush=True)


if __name__ == '__main__':
    main()
