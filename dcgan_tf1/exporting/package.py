"""An export as a whole: a folder with every format asked for, each compared with the session, and what is in it."""

import collections
import contextlib
import functools
import os
import platform
import shutil
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import dcgan_tf1
from dcgan_tf1.exporting import formats, readme
from dcgan_tf1.gan import freeze, graph
from dcgan_tf1.gan.catalogue import NOISES
from dcgan_tf1.gan.noise import labels_in_turn, sample_noise
from dcgan_tf1.runs import checkpoint, checkpoint_paths
from dcgan_tf1.runs.classes import class_names_of_checkpoint
from dcgan_tf1.runs.sampling import generate_in_batches
from dcgan_tf1.util import devices
from dcgan_tf1.util.errors import UserError, one_line, reason
from dcgan_tf1.util.files import PART, read_json, sha256, write_json, write_text, writing

MANIFEST = 'MANIFEST.json'
README = 'README.md'
OPSET = 17  # of ONNX, unless told otherwise
BATCHES = (1, 16)  # on which every format is compared with the session; of the latter as many as show all classes


def _to_terminal(text):
    print(text, flush=True)


def write(preset, prefix, out, formats_asked=None, with_discriminator=False, opset=None, overwrite=False,
          log=_to_terminal, uint8=False, channels_first=False):
    """Writes the folder `out` with formats of a checkpoint, a manifest and a README; returns the formats' names.

    Args:
      preset, prefix: the checkpoint's Preset, and its prefix.
      formats_asked: names of catalogue.FORMATS; None for all that can be written here.
      with_discriminator: whether it is exported, too.
      opset: of ONNX; None for OPSET.
      overwrite: whether an earlier export is replaced.
      log: a function that takes a line for each file that is written, and for each format that is left out.
      uint8, channels_first: whether ONNX also gets a generator of such images, see graph.as_pictures().

    UserError where something of the user's would be replaced, or a format can't be written.
    """
    chosen = _choose_formats(formats_asked, log)
    formats.check_options(preset, chosen, with_discriminator, [flag for flag, given in (
        ('--uint8', uint8), ('--layout', channels_first), ('--opset', opset)) if given])
    if not out:
        raise UserError('--out: expected a folder, found nothing')
    out = os.path.realpath(out)  # before anything is asked of it: `..` behind a folder that is not there hides others
    refuse = functools.partial(_refuse, out, overwrite, chosen)
    refuse()
    with replacing_folder(out, refuse) as folder, opened(
            preset, prefix, with_discriminator, opset or OPSET, uint8, channels_first) as exported:
        written = {}
        for name in chosen:
            try:
                written[name] = _write(exported, name, os.path.join(folder, name), log)
            except UserError as error:
                if formats_asked:
                    raise
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
                log('WARNING: {}: left out; {}'.format(name, error))
        if not written:
            raise UserError('{}: expected a format that can be written, found none'.format(out))
        manifest = _manifest(exported, prefix, written)
        write_text(os.path.join(folder, README), readme.text(exported, written, BATCHES))
        manifest['files'] = _checksums(folder)
        write_json(os.path.join(folder, MANIFEST), manifest)
        _keep_other_files(out, folder)
    return list(written)


def _choose_formats(asked, log):
    """The formats to write, in the table's order; those that can't be had here are named."""
    reasons = {name: formats.missing(name) for name in formats.FORMATS}
    for name in asked or ():
        if reasons[name]:
            raise UserError('--formats: expected formats that can be written here, found {}, which {}'.format(
                name, reasons[name]))
    if not asked:
        for name, why in reasons.items():
            if why:
                log('{}: left out; {}'.format(name, why))
    return [name for name in formats.FORMATS if (name in asked if asked else not reasons[name])]


@contextlib.contextmanager
def opened(preset, prefix, with_discriminator=False, opset=OPSET, uint8=False, channels_first=False):
    """The formats.Export of a checkpoint `prefix`, with its session open."""
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        networks = graph.build_inference_graph(preset, with_discriminator)
        variants = [graph.as_pictures(networks[0], preset, uint8, channels_first)] if uint8 or channels_first else []
        variables = graph.sampled_variables(preset, tf.global_variables())
        with tf.Session(config=devices.session_config('cpu')) as session:
            checkpoint.restore(session, prefix, variables)
            signatures = collections.OrderedDict()
            for network in networks:
                name = network.name if signatures else 'serving_default'
                signatures[name] = network.inputs, {network.output_key: network.output}
            placeholders = list({tensor.name: tensor for network in networks
                                 for tensor in network.inputs.values()}.values())
            frozen, variants = [[_frozen(session, placeholders, network) for network in some]
                                for some in (networks, variants)]
            yield formats.Export(preset, checkpoint_paths.step_of(prefix), frozen, session, signatures, opset,
                                 functools.partial(_draw, preset, functools.partial(_run, session, frozen[0])),
                                 list(class_names_of_checkpoint(prefix, preset)) or None, variants)


def _frozen(session, placeholders, network):
    graph_def = freeze.freeze(session, placeholders, network.output)
    unused = {tensor.op.name for tensor in network.inputs.values()} - {node.name for node in graph_def.node}
    if unused:
        raise UserError('{}: expected a network that depends on all of its inputs, found one that ignores {}'.format(
            network.name, ', '.join(sorted(unused))))
    return formats.Frozen(
        network.name, graph_def,
        [formats.Input(key, tensor.op.name, tensor.dtype.name, tuple(tensor.shape.as_list()[1:]))
         for key, tensor in network.inputs.items()],
        network.output_key, network.output.op.name, tuple(network.output.shape.as_list()[1:]))


def _draw(preset, generate, network, count, seed, first_label=0):
    """A network's inputs to compare and calibrate with: a list of arrays.

    They are the preset's noise, or images that the generator makes of it (a discriminator's logits are far off for
    images of any other kind), and all labels in turn. generate: a function from the generator's inputs to its images.
    """
    drawn = [sample_noise(preset, count, seed, 'export')]
    if preset.classes is not None:
        drawn.append(labels_in_turn(preset, first_label + count)[first_label:])
    if network.inputs[0].key == 'images':
        made = generate_in_batches(lambda z, _, *labels: generate(z, *labels), preset.image_shape, *drawn)
        drawn[0] = made.reshape((count,) + network.inputs[0].shape)
    return drawn[:len(network.inputs)]


def _write(exported, name, folder, log):
    """Writes one format and loads it again; returns a list of (Artefact, error or None, runtime or why not).

    UserError also for networks that the format's converter or runtime can't take.
    """
    os.makedirs(folder)
    try:
        return _written_and_measured(exported, name, folder, log)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  converters raise whatever an operation provokes
        raise UserError('{}: expected networks that it can hold, found: {}: {}'.format(
            name, type(error).__name__, one_line(reason(error))))


def _written_and_measured(exported, name, folder, log):
    results, unmeasured = [], formats.unmeasured(name)
    with writing(folder):
        artefacts = list(formats.FORMATS[name].write(exported, folder))
    for artefact in artefacts:
        error, runtime = None, unmeasured
        if not unmeasured:
            error, runtime = formats.measure(artefact, _cases(exported, artefact.network))
        log('{:<11} {:<31} {:>8.2f} MB  {}'.format(name, artefact.path, artefact.bytes / 1e6, (
            'not loaded again: ' + unmeasured if unmeasured else
            'largest error {:.1e} in {}'.format(error, runtime))))
        results.append((artefact, error, runtime))
    return results


def _cases(exported, network):
    """Inputs of BATCHES, and of as many more as show all classes, with what the session makes of them."""
    run, size = plain_session(exported, network), BATCHES[-1]
    cases = [exported.draw(network, count, 0) for count in BATCHES]
    cases += [exported.draw(network, size, first, first) for first in range(size, exported.preset.classes or 0, size)]
    for inputs in cases:
        yield inputs, run(*inputs)


def plain_session(exported, network):
    """A function from a network's inputs to its outputs by the session with variables."""
    return functools.partial(_run, exported.session, network)


def _run(session, network, *inputs):
    return session.run(formats.tensor_name(network.output), dict(zip(formats.input_tensors(network), inputs)))


# ---------------------------------------------------------------------------- the manifest

def _manifest(exported, prefix, written):
    preset = exported.preset
    ranges = {'noise': NOISES[preset.noise], 'images': list(preset.image_range),
              'logits': 'any; the sigmoid is above 0.5 for images taken as real',
              'bytes': [0, 255], 'labels': None if preset.classes is None else [0, preset.classes - 1]}

    def tensor(key, name, dtype, shape):
        return {'key': key, 'name': formats.tensor_name(name), 'dtype': dtype, 'shape': [None] + list(shape),
                'range': ranges[key]}

    return {
        'preset': preset.name,
        'title': preset.heading,
        'classes': exported.classes,
        'temperature': preset.temperature,
        'checkpoint': prefix,
        'step': exported.step,
        'averaged_weights': preset.ema_decay is not None,  # of the generator
        'networks': [{
            'name': network.name,
            'signature': signature,
            'input': tensor(*network.inputs[0]),  # for readers of older manifests
            'inputs': [tensor(*each) for each in network.inputs],
            'output': tensor(network.output_key, network.output,
                             'uint8' if network.output_key == 'bytes' else 'float32', network.output_shape),
        } for network, signature in zip(exported.networks + exported.variants,
                                        list(exported.signatures) + [None] * len(exported.variants))],
        'formats': {name: [{
            'path': '{}/{}'.format(name, artefact.path), 'network': artefact.network.name,
            'largest_error': error, 'on_batches_of': list(BATCHES), 'runtime': runtime,
            'bytes': artefact.bytes,
        } for artefact, error, runtime in artefacts] for name, artefacts in written.items()},
        'onnx_opset': exported.opset if 'onnx' in written else None,
        'versions': {'dcgan_tf1': dcgan_tf1.__version__, 'tensorflow': str(tf.VERSION),
                     'python': platform.python_version(), 'numpy': np.__version__},
    }


def _listing(folder):
    return sorted(os.path.relpath(os.path.join(parent, name), folder)
                  for parent, _, names in os.walk(folder) for name in names)


def _checksums(folder):
    return {name: sha256(os.path.join(folder, name)) for name in _listing(folder)}


# ------------------------------------------------------------------------------ the folder

def _refuse(out, overwrite, chosen):
    """Raises UserError where something of the user's would be replaced. chosen: the formats that are written."""
    if not os.path.lexists(out):
        return
    if not os.path.isdir(out):
        raise UserError('--out: expected a folder, found the file {}'.format(out))
    entries = _entries(out)
    if not entries:
        return
    if not overwrite:
        raise UserError('--out: expected an empty folder or none, found {} with {} in it; --overwrite replaces an '
                        'earlier export'.format(out, ', '.join(entries[:3])))
    earlier = _earlier_files(out)
    if earlier is None:
        raise UserError('--out: expected an earlier export (a folder with {}) to overwrite, found {} with {} in '
                        'it'.format(MANIFEST, out, ', '.join(entries[:3])))
    for name, checksum in earlier.items():
        path = os.path.join(out, name)
        if (name == README or name.split('/')[0] in chosen) and os.path.isfile(path) and sha256(path) != checksum:
            raise UserError('--out: expected the earlier export as it was written, found {} changed; it is replaced '
                            'when you have moved or removed it'.format(path))


def _earlier_files(out):
    """{name: SHA-256} of the files of an earlier export; None where there is none. UserError for a damaged one."""
    path = os.path.join(out, MANIFEST)
    if not os.path.isfile(path):
        return None
    try:
        manifest = read_json(path)
        if not isinstance(manifest, dict) or 'dcgan_tf1' not in manifest['versions']:
            return None  # another program's
        return dict(manifest['files'])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError('{}: expected the manifest of an earlier export, found a damaged one ({})'.format(path, error))


def _entries(folder):
    """What is in a folder, without what a killed export left."""
    return sorted(name for name in os.listdir(folder) if not name.startswith(PART))


@contextlib.contextmanager
def replacing_folder(out, check):
    """Yields a folder to write into; on success it takes the name `out`, or its content that of an empty `out`.

    What was there is moved aside first and deleted last, so that one of the two is always whole. An empty folder
    stays the one that it is: it may be a mounted one, or the one that somebody works in.

    check: raises where something would be replaced that may not be; called once more at the end, minutes later.
    """
    fills = os.path.isdir(out) and not _entries(out)
    parent = out if fills else os.path.dirname(out)
    with writing(parent):
        os.makedirs(parent, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=PART, suffix='-' + os.path.basename(out), dir=parent)
    new, old = os.path.join(temporary, 'new'), os.path.join(temporary, 'old')
    try:
        os.mkdir(new)
        yield new
        check()
        if fills and _entries(out):
            raise UserError('--out: expected a folder that stays empty meanwhile, found {} with {} in it'.format(
                out, ', '.join(_entries(out)[:3])))
        with writing(out):
            if fills:
                for name in sorted(os.listdir(new), key=lambda each: each == MANIFEST):  # last: then it is whole
                    os.rename(os.path.join(new, name), os.path.join(out, name))
                return
            try:
                if os.path.isdir(out):
                    os.rename(out, old)
                os.rename(new, out)
            except BaseException:  # a signal, too, comes between the two
                if os.path.isdir(old) and not os.path.lexists(out):
                    os.rename(old, out)
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _keep_other_files(out, folder):
    """Carries over what others put into an earlier export, such as a copy of TensorFlow.js beside the page."""
    earlier = _earlier_files(out)
    if earlier is None:
        return
    for parent, folders, names in os.walk(out):
        inside = os.path.relpath(parent, out)
        if inside == os.curdir:
            folders[:] = [name for name in folders if not name.startswith(PART)]  # what a killed export left
        for name in [os.path.normpath(os.path.join(inside, each)) for each in folders + names]:
            source, target = os.path.join(out, name), os.path.join(folder, name)
            is_folder = os.path.isdir(source) and not os.path.islink(source)
            if name == MANIFEST:
                continue
            if os.path.lexists(target):
                if name in earlier or is_folder and os.path.isdir(target):
                    continue
                raise UserError('--out: expected no file of others at a name of the export, found {}'.format(source))
            if name in earlier and os.path.isfile(source) and sha256(source) == earlier[name]:
                continue
            if is_folder:
                if not os.listdir(source):  # others come with what is in them
                    os.makedirs(target)
            else:  # a link stays one
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
