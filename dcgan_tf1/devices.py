"""Which device a session uses, and how."""

import os
import platform

import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError


def session_config(device='auto', intra_op_threads=0, inter_op_threads=0):
    """A ConfigProto for `device` 'auto', 'cpu' or 'gpu'; threads 0 for TensorFlow's choice.

    A GPU's memory is taken as needed, not all at once.
    """
    config = tf.ConfigProto(allow_soft_placement=True,
                            intra_op_parallelism_threads=intra_op_threads,
                            inter_op_parallelism_threads=inter_op_threads)
    config.gpu_options.allow_growth = True
    if device == 'cpu':
        config.device_count['GPU'] = 0
    return config


def check_device(device):
    """The name of the device that a session with `session_config(device)` computes on.

    Raises UserError where `device` is 'gpu' and TensorFlow has none.
    """
    with tf.Session(graph=tf.Graph(), config=session_config(device)) as session:
        found = session.list_devices()
    gpus = [d.name for d in found if d.device_type == 'GPU']
    if device == 'gpu' and not gpus:
        raise UserError('--device=gpu: expected a GPU, TensorFlow {} found only {}'.format(
            tf.VERSION, ', '.join(d.name.rsplit('device:', 1)[-1] for d in found)))
    return 'GPU ({})'.format(gpus[0]) if gpus else 'CPU ({}, {} cores)'.format(cpu_name(), os.cpu_count())


def cpu_name():
    """The processor's model, as far as the system tells."""
    try:
        with open('/proc/cpuinfo') as handle:
            for line in handle:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
