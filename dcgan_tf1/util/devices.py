"""Which device a session uses, and what it computes in there."""

import collections
import os

import tensorflow.compat.v1 as tf

from dcgan_tf1.util import tf_startup
from dcgan_tf1.util.compute_policy import CONV_IMPL_CHOICES, PRECISION_CHOICES, ComputePolicy
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.processor import cpu_instructions, cpu_name

Device = collections.namedtuple('Device', [
    'kind',        # 'CPU' or 'GPU'
    'title',       # for people
    'towers',      # the devices that share a step; ('',) for the one that TensorFlow takes
    'capability',  # a GPU's compute capability at least: (8, 0), (7, 0) or (0, 0); None for a CPU
    'memory',      # bytes that TensorFlow may take of the GPU's, the smallest of several; None for a CPU
])
Device.__new__.__defaults__ = (None,)


def session_config(device='auto', intra_op_threads=0, inter_op_threads=0, num_gpus=1, xla=False):
    """A ConfigProto for `device` 'auto', 'cpu' or 'gpu'; threads 0 for TensorFlow's choice.

    A command's first call runs a silenced session where TensorFlow would write to standard error in that first run.
    A GPU's memory is taken as needed, not all at once. With 'cpu', num_gpus is a number of
    logical devices, which share the processor.
    """
    config = tf.ConfigProto(allow_soft_placement=True,
                            intra_op_parallelism_threads=intra_op_threads,
                            inter_op_parallelism_threads=inter_op_threads)
    config.gpu_options.allow_growth = True
    if device == 'cpu':
        config.device_count['GPU'] = 0
        config.device_count['CPU'] = num_gpus
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    tf_startup.quieten_first_run(config)
    rewrites = config.graph_options.rewrite_options
    # TensorFlow's optimiser takes most of the time until a first step's operations run. Its second turn over a graph
    # finds next to nothing, and two of its passes are for GPUs and their memory.
    rewrites.meta_optimizer_iterations = rewrites.ONE
    if device == 'cpu' or not tf.config.experimental.list_physical_devices('GPU'):
        rewrites.memory_optimization, rewrites.layout_optimizer = rewrites.NO_MEM_OPT, rewrites.OFF
    return config


def find(device='auto', num_gpus=1, config=None):
    """The Device that a session with `config`, a session_config() of the same, computes on.

    It asks a session, and a process's first session sets the number of threads for all, so
    who wants another number has to give it here. Raises UserError where TensorFlow does not
    have what is asked for.
    """
    config = config or session_config(device, num_gpus=num_gpus)
    with tf.Session(graph=tf.Graph(), config=config) as session:
        devices = session.list_devices()
    gpu_devices = [each for each in devices if each.device_type == 'GPU']
    gpus = [each.name for each in gpu_devices]
    if (device == 'gpu' or device == 'auto' and num_gpus > 1) and len(gpus) < num_gpus:
        raise UserError('--{}: expected {}, TensorFlow {} found only {}{}'.format(
            'device=gpu' if num_gpus == 1 else 'num_gpus={}'.format(num_gpus),
            'a GPU' if num_gpus == 1 else '{} GPUs'.format(num_gpus),
            tf.VERSION, ', '.join(each.name.rsplit('device:', 1)[-1] for each in devices),
            '; --device=cpu takes logical ones, to try it out' if num_gpus > 1 else ''))
    kind = 'GPU' if gpus else 'CPU'
    towers = tuple('/{}:{}'.format(kind.lower(), i) for i in range(num_gpus)) if num_gpus > 1 else ('',)
    if gpus:
        return Device(kind, 'GPU ({})'.format(', '.join(_gpu_names(gpus)[:num_gpus])), towers, _compute_capability(),
                      min(each.memory_limit_bytes for each in gpu_devices[:num_gpus]))
    return Device(kind, 'CPU ({}, {} cores{})'.format(cpu_name(), os.cpu_count(), (
        ', as {} logical devices'.format(num_gpus) if num_gpus > 1 else '')), towers, None)


def _gpu_names(devices):
    """The models of the GPUs that a session calls `devices`; those names before TensorFlow 2.4."""
    details = getattr(tf.config.experimental, 'get_device_details', None)
    present = tf.config.experimental.list_physical_devices('GPU')
    if details is None or len(present) != len(devices):
        return devices
    return [details(gpu).get('device_name', name) for gpu, name in zip(present, devices)]


def _compute_capability():
    """The highest of the compute capabilities that matter here which a GPU reaches, or (0, 0)."""
    for capability in ((8, 0), (7, 0)):
        if tf.test.is_gpu_available(cuda_only=True, min_cuda_compute_capability=capability):
            return capability
    return 0, 0


def choose_compute_policy(device, precision='auto', conv_impl='auto'):
    """The ComputePolicy for a Device: `precision` of PRECISION_CHOICES, `conv_impl` of CONV_IMPL_CHOICES.

    'auto' is the fastest that the machine is made for. What it is not made for falls back
    to float32, with a warning if it was asked for by name. Raises UserError for others.
    """
    for name, value, choices in (('precision', precision, PRECISION_CHOICES),
                                 ('lowering', conv_impl, CONV_IMPL_CHOICES)):
        if value not in choices:
            raise UserError('--{}: expected one of {}, found {!r}'.format(name, ', '.join(choices), value))
    best, why = _best_precision(device)
    chosen, warning = precision, None
    if precision == 'auto':
        chosen = best
    elif precision == 'bfloat16' and best != 'bfloat16' or precision == 'float16' and best == 'float32':
        chosen, warning = 'float32', 'computing in float32, for ' + why
    elif precision == 'float16' and device.kind == 'CPU':
        chosen, warning = 'float32', 'computing in float32, for float16 needs a GPU'
    if conv_impl == 'auto':
        conv_impl = 'native' if device.kind == 'GPU' else 'mixed'
    return ComputePolicy(chosen, conv_impl, why if precision == 'auto' else None, warning)


def _best_precision(device):
    """(the fastest precision that the device is made for, why)."""
    if device.kind == 'GPU':
        why = ('the GPU has compute capability {}.{} or more'.format(*device.capability)
               if device.capability >= (7, 0) else 'the GPU has a compute capability below 7.0')
        if device.capability >= (8, 0):
            if RELEASE >= BFLOAT16_SINCE:
                return 'bfloat16', why
            why += ', and TensorFlow {} lacks kernels for bfloat16'.format(tf.VERSION)
        return ('float16' if device.capability >= (7, 0) else 'float32'), why
    if RELEASE < BFLOAT16_SINCE:
        return 'float32', 'TensorFlow {} lacks kernels for bfloat16'.format(tf.VERSION)
    fast = [name for name in ('amx_bf16', 'avx512_bf16') if name in cpu_instructions()]
    if fast:
        return 'bfloat16', 'the processor has {}'.format(fast[0])
    return 'float32', 'the processor has neither amx_bf16 nor avx512_bf16'


def computes_by_onednn():
    """Whether TensorFlow, as it was started, takes oneDNN's kernels on this processor, or its own."""
    given = os.environ.get(tf_startup.ONEDNN, '').lower()
    if given in ('0', 'false', '1', 'true'):
        return given in ('1', 'true') and RELEASE >= (2, 5)
    return onednn_is_default()


def onednn_is_default():
    """Whether it does so where nobody chooses."""
    return RELEASE >= (2, 9) and bool(_ONEDNN_BY_DEFAULT & cpu_instructions())


_ONEDNN_BY_DEFAULT = {'avx512_vnni', 'avx512_bf16', 'avx_vnni', 'amx_tile', 'amx_int8', 'amx_bf16'}
# oneDNN can be chosen since 2.5, and is on by default since 2.9.
RELEASE = tuple(int(part) for part in str(tf.VERSION).split('.')[:2])
# Before it, batch norm and some convolutions fail, even with oneDNN's kernels, which not every processor can use.
BFLOAT16_SINCE = (2, 16)
