"""What a program of the user's own restores: which checkpoint a path names, and which variables of any graph are a
preset's, by their names and shapes in a scope.
"""

import collections
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import tensorflow.compat.v1 as tf
from absl import logging

from dcgan_tf1.gan import graph
from dcgan_tf1.gan.preset import Preset, require_preset
from dcgan_tf1.runs import checkpoint_paths, checkpoint_reader, library_inputs, numbering, run_folder
from dcgan_tf1.util.checks import is_whole
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text


def find_checkpoint(preset: Optional[Preset], path: Any, which: Union[str, int],
                    any_noise: bool = False) -> Tuple[Preset, str]:
    """(preset, prefix) of what `path` names; a run says its preset, another checkpoint does not.

    any_noise: whether the preset's noise may be another than that which a run was trained with.
    """
    preset, prefix = _find(preset, path, which)
    run, other = run_folder.run_around(prefix)
    identity = {} if other != preset.name or any_noise else run_folder.read_config(run)['identity']
    # The variables' shapes say nothing about the noise, and don't determine every size.
    shape = identity.get('image_shape')
    for what, trained, ours in (
            ('{} noise', identity.get('noise', preset.noise), preset.noise),
            ('{} classes', identity.get('classes', preset.classes), preset.classes),
            ('images of {}', shape_text(shape if isinstance(shape, list) else preset.image_shape),
             shape_text(preset.image_shape))):
        if ours != trained:
            raise UserError('{}: expected a preset with {}, as it was trained with, found {}; preset_of({!r}) has '
                            'it'.format(prefix, what.format(trained), ours, run))
    if other not in (None, preset.name):
        logging.warning('%s: of a run of %s, read as one of %s', prefix, other, preset.name)
    return checkpoint_reader.with_weights_of(preset, prefix, False, logging.warning), prefix


def _find(preset: Optional[Preset], path: str, which: Union[str, int]) -> Tuple[Preset, str]:
    if preset is not None:
        require_preset('preset', preset)
    path = library_inputs.path_of('path', path, library_inputs.CHECKPOINT)
    step = None if isinstance(which, str) and which in ('last', 'best') else which
    if which is None or step is not None and not is_whole(step):
        raise UserError("which: expected 'last', 'best' or the number of a step, found {!r}".format(which))
    trained = _preset_name(path, preset)
    if trained is not None:
        if preset is None:
            preset = run_folder.read_preset(path, library_inputs.log)
        if preset.name != trained:
            raise UserError('{}: expected a run of {}, found one of {}'.format(path, preset.name, trained))
        return preset, run_folder.checkpoint_of_run(path, step, 'best' if which == 'best' else 'last')
    if preset is None:
        raise UserError('{}: expected a run folder, or preset= beside a checkpoint, found no config.json'.format(path))
    if which == 'best':
        raise UserError("which='best': expected a run folder, found {}".format(path))
    if step is not None:
        return preset, checkpoint_paths.of_step(path, step)
    return preset, checkpoint_paths.resolve(path)


def _preset_name(path: str, preset: Optional[Preset]) -> Optional[str]:
    """Which preset a run folder is of; None where there is no run.

    Another program's folder of checkpoints with a config.json is no run either, if `preset` is given for it.
    """
    if not numbering.is_run(path):
        return None
    try:
        return str(run_folder.read_config(path)['identity']['preset'])
    except run_folder.DamagedRun:
        if preset is not None and checkpoint_paths.prefixes(path):
            return None
        raise


def restored_variables(preset: Preset, variables: Mapping[str, Any], scope: Optional[str]) -> Dict[str, Any]:
    """{the checkpoint's name: variable} for the preset's networks in one scope of a graph.

    Args:
      variables: {name: variable} of the graph, which is the default graph.
      scope: the scope around the networks. None: the current one, where it has them, else the only one that does.

    Raises UserError where the graph has no networks of the preset, or has them in several scopes.
    """
    networks = _network_variables(preset)
    scopes = {}  # type: Dict[str, List[str]]
    for network, names in networks.items():
        first = next(iter(names))
        for name in variables:
            if name == first or name.endswith('/' + first):
                around = name[:-len(first)]
                if all(around + other in variables and variables[around + other].shape.as_list() == shape
                       for other, (_, shape) in names.items()):
                    scopes.setdefault(around, []).append(network)
    around = _choose_scope(preset, networks, scopes, scope)
    chosen = collections.OrderedDict()  # type: Dict[str, Any]
    for network in scopes[around]:
        for name, (saved, _) in networks[network].items():
            chosen[saved] = variables.get(around + saved, variables[around + name])
            if around + saved in variables:  # a training graph has a weight beside its average
                chosen[name] = variables[around + name]
    return chosen


def _choose_scope(preset: Preset, networks: Mapping[str, Mapping[str, Any]], scopes: Mapping[str, List[str]],
                  scope: Optional[str]) -> str:
    if scope is not None:
        around = scope.rstrip('/') + '/' if scope else ''
        if around in scopes:
            return around
    elif len(scopes) == 1:
        return next(iter(scopes))
    elif scopes:
        current = tf.get_variable_scope().name
        around = current + '/' if current else ''
        if around in scopes:
            return around
        raise UserError('restore: expected the networks of {} in one scope, found them in {}; scope= names one'.format(
            preset.name, ', '.join(repr(each.rstrip('/')) for each in sorted(scopes))))
    raise UserError('restore: expected the variables of {} ({}){} in the graph of the session, found {}'.format(
        preset.name, ', '.join('{}/...'.format(network) for network in networks),
        '' if scope is None else ' in the scope {!r}'.format(scope),
        'them in the scope {}'.format(', '.join(repr(each.rstrip('/')) for each in sorted(scopes)))
        if scopes else 'none'))


def _network_variables(preset: Preset) -> Dict[str, Dict[str, Tuple[str, List[int]]]]:
    """{network: {its variable's name: (the name in a checkpoint, shape)}}, from a graph that is built for this."""
    with tf.Graph().as_default():
        tf.set_random_seed(0)
        labels = None if preset.classes is None else tf.placeholder(tf.float32, [None, preset.classes])
        ctx = preset.batch_context('sample', False, labels=labels)
        preset.generator(tf.placeholder(tf.float32, [None, preset.z_dim]), ctx)
        for network in (preset.discriminator, preset.encoder):
            if network is not None:
                network(tf.placeholder(tf.float32, (None,) + preset.input_shape), ctx)
        by_network = collections.OrderedDict()  # type: Dict[str, Dict[str, Tuple[str, List[int]]]]
        for saved, variable in graph.sampled_variables(preset, tf.global_variables()).items():
            name = variable.op.name
            names = by_network.setdefault(name.split('/')[0], collections.OrderedDict())
            names[name] = saved, variable.shape.as_list()
        return by_network
