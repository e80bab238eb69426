"""What of a GPU is there, and what is missing: driver, CUDA's libraries, what TensorFlow makes of them.

Used by gpu_check.py; each check is a generator of rows, as gpu_checks.py describes them.
"""

import ctypes
import glob
import os
import shutil
import subprocess
import time

GET_LIBRARIES = "pip install 'tensorflow[and-cuda]=={}'"
GET_DRIVER = ('install the NVIDIA driver (Debian and Ubuntu: apt install nvidia-driver; WSL: that of Windows; a '
              'container: nvidia-container-toolkit and --gpus=all), then see that nvidia-smi lists the GPU')
_SMI = 'nvidia-smi', '/usr/bin/nvidia-smi', '/usr/local/nvidia/bin/nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi'

# The names of the libraries that TensorFlow loads, by the CUDA that it was built for.
_LIBRARIES = {
    10: ('libcudart.so.10.0', 'libcublas.so.10.0', 'libcufft.so.10.0', 'libcusolver.so.10.0', 'libcusparse.so.10.0'),
    11: ('libcudart.so.11.0', 'libcublas.so.11', 'libcublasLt.so.11', 'libcufft.so.10', 'libcusolver.so.11',
         'libcusparse.so.11'),
    12: ('libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11', 'libcusolver.so.11',
         'libcusparse.so.12'),
    13: ('libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcufft.so.12', 'libcusolver.so.12',
         'libcusparse.so.12')}


def nvidia_smi(*flags):
    """The lines that nvidia-smi prints, without units; None where it is not there or fails."""
    program = next(filter(None, map(shutil.which, _SMI)), None)
    if program is None:
        return None
    try:
        completed = subprocess.run([program, '--format=csv,noheader,nounits'] + list(flags), check=False, timeout=60,
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.strip().splitlines() if completed.returncode == 0 else None


def cards():
    """[{name, driver, memory_mib, capability}] of the GPUs that the driver has; None for a memory not told."""
    fields = '--query-gpu=name,driver_version,memory.total'
    lines = nvidia_smi(fields + ',compute_cap') or [  # which an old one does not know
        line + ', not known' for line in nvidia_smi(fields) or []]
    rows = [[field.strip() for field in line.split(',')] for line in lines]
    return [{'name': row[0], 'driver': row[1], 'memory_mib': _number(row[2]), 'capability': row[3]}
            for row in rows if len(row) == 4]


def _number(text):
    """[N/A], say, of cards that share the processor's memory."""
    try:
        return float(text)
    except ValueError:
        return None


def devices(_):
    """Rows: the driver, TensorFlow's build, each library, what XLA needs, the GPUs of a session, one convolution."""
    driver = find_driver()
    if 'cards' in driver:
        yield driver
    import tensorflow.compat.v1 as tf  # noqa: PLC0415
    build = getattr(tf.sysconfig, 'get_build_info', dict)() or {}
    release = str(tf.VERSION)
    with_cuda = bool(tf.test.is_built_with_cuda())
    cuda = build.get('cuda_version') or ('10.0' if release.startswith('1.15') else '12')
    cudnn = build.get('cudnn_version') or ('7' if release.startswith('1.15') else '9')
    row = {'name': 'TensorFlow', 'versions': {'tensorflow': release}, 'build': dict(build), 'note': (
        '{}, built for CUDA {}, cuDNN {}, {}'.format(
            release, cuda, cudnn, ' '.join(build.get('cuda_compute_capabilities', [])) or 'capabilities not said')
        if with_cuda else '{}, built without CUDA'.format(release))}
    if not with_cuda:
        row.update(missing='a TensorFlow that is built for CUDA', get=(
            'pip install tensorflow-gpu=={}' if release.startswith('1.15') else GET_LIBRARIES).format(release))
    yield row
    gpus, session_row = _session(tf)
    if 'cards' not in driver:
        yield seen_without_nvidia_smi(driver, session_row) if gpus else driver
    if with_cuda:
        for library in _LIBRARIES.get(int(cuda.split('.')[0]), ()) + ('libcudnn.so.' + cudnn.split('.')[0],):
            yield _library(library, release, tf.__file__)
        yield _compiler(tf.__file__, release)
    yield session_row
    if gpus:
        yield _convolution(tf)


def find_driver():
    """What is known of the driver, and what is missing: {fact: value}."""
    gpus = cards()
    if gpus:
        return {'name': 'driver', 'cards': gpus, 'note': '; '.join(
            '{name}, {}, compute capability {capability}, driver {driver}'.format(
                'memory not known' if card['memory_mib'] is None else '{:.0f} MiB'.format(card['memory_mib']), **card)
            for card in gpus)}
    try:
        ctypes.CDLL('libcuda.so.1')
        return {'name': 'driver', 'note': 'libcuda.so.1 loads; nvidia-smi lists no GPU', 'missing':
                'a GPU that the driver lists', 'get': GET_DRIVER}
    except OSError as error:
        return {'name': 'driver', 'note': 'no nvidia-smi that lists a GPU; {}'.format(error),
                'missing': 'the NVIDIA driver (libcuda.so.1)', 'get': GET_DRIVER}


def seen_without_nvidia_smi(driver, session_row):
    """The row of a driver whose GPUs TensorFlow uses although nvidia-smi lists none, as in some containers."""
    return {'name': driver['name'], 'note': driver['note'] + ', but TensorFlow uses some', 'cards': [
        {'name': session_row['title'], 'driver': 'not known', 'memory_mib': None, 'capability': 'not known'}]}


def _package_folders(tensorflow_file):
    """site-packages/nvidia/* beside TensorFlow, where its RUNPATH looks."""
    folder = os.path.dirname(os.path.abspath(tensorflow_file))
    while os.path.basename(folder) != 'tensorflow' and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    folders = []
    while os.path.dirname(folder) != folder:  # tensorflow itself may lie in another package called tensorflow
        folder = os.path.dirname(folder)
        folders += sorted(glob.glob(os.path.join(glob.escape(folder), 'nvidia', '*')))
        if os.path.basename(folder) in ('site-packages', 'dist-packages', 'site'):
            break
    return folders


def _loaded(name):
    """The path under which this process has a library already, or None."""
    try:
        with open('/proc/self/maps') as maps:
            return next((line.split()[-1] for line in maps if '/' + name in line), None)
    except OSError:
        return None


def _library(name, release, tensorflow_file):
    where = _loaded(name)
    if where:
        return {'name': name, 'note': 'TensorFlow loaded {}'.format(where)}
    paths = [os.path.join(folder, 'lib', name) for folder in _package_folders(tensorflow_file)]
    error = None
    for path in [path for path in paths if os.path.exists(path)] + [name]:
        try:
            ctypes.CDLL(path)
            return {'name': name, 'note': 'loads: {}'.format(_loaded(name) or path)}
        except OSError as failure:
            error = error or str(failure)
    return {'name': name, 'note': error, 'missing': name, 'get': GET_LIBRARIES.format(release)}


def _compiler(tensorflow_file, release):
    """What XLA compiles with: libdevice, and ptxas where the driver is not to do it."""
    folders = [folder for folder in _package_folders(tensorflow_file)
               if os.path.basename(folder) == 'cuda_nvcc'] + sorted(glob.glob('/usr/local/cuda*'))
    device = next((path for folder in folders for path in glob.glob(
        os.path.join(folder, 'nvvm', 'libdevice', 'libdevice*.bc'))), None)
    ptxas = shutil.which('ptxas') or next((path for path in (
        os.path.join(folder, 'bin', 'ptxas') for folder in folders) if os.path.exists(path)), None)
    row = {'name': 'for --xla', 'note': 'libdevice: {}; ptxas: {}'.format(device or 'not found', ptxas or 'not found')}
    if device is None:
        row.update(missing='libdevice, for --xla alone', get=GET_LIBRARIES.format(release))
    return row


def _session(tf):
    """([names of GPUs], the row about them)."""
    from dcgan_tf1.util import devices as ours  # noqa: PLC0415
    device = ours.find()
    policy = ours.choose_compute_policy(device)
    with tf.Session(graph=tf.Graph(), config=ours.session_config()) as session:
        gpus = [each.name for each in session.list_devices() if each.device_type == 'GPU']
    row = {'name': 'GPUs of a session', 'gpus': len(gpus), 'title': device.title,
           'note': '{}; the trainer takes {}'.format(device.title, policy.why)}
    if not gpus and os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1'):
        row.update(missing='GPUs that CUDA_VISIBLE_DEVICES hides', get='unset CUDA_VISIBLE_DEVICES')
    return gpus, row


def _convolution(tf):
    """One convolution and its first call: kernels for a card that is newer than TensorFlow are compiled then."""
    from dcgan_tf1.util import devices as ours  # noqa: PLC0415
    with tf.Graph().as_default():
        x = tf.random_normal([64, 14, 14, 64], seed=0)
        y = tf.reduce_sum(tf.nn.conv2d(x, tf.random_normal([3, 3, 64, 64], seed=1), strides=1, padding='SAME'))
        with tf.Session(config=ours.session_config('gpu')) as session:
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                session.run(y)
                seconds.append(time.perf_counter() - start)
    return {'name': 'a convolution there', 'step_ms': 1e3 * min(seconds), 'note': 'first call {:.1f} s'.format(
        seconds[0])}
