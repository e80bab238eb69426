"""The 2017 TensorFlow-1 graph-mode DCGAN, on TensorFlow 1.15 to 2.21.

The names in `__all__` are the library; docs/library.md shows how they are used. Importing this package
changes nothing in the program that does, and imports neither TensorFlow nor NumPy: a name's module is
imported when the name is first used (PEP 562).
"""

import importlib
from typing import TYPE_CHECKING, Any, List

__version__ = '0.1.0'

__all__ = [
    'Preset', 'UserError', 'build_training_graph', 'class_names', 'classifier_score', 'density_coverage',
    'discriminator', 'export_generator', 'frechet_distance', 'generate', 'generator', 'get_preset', 'interpolate',
    'kernel_distance', 'load_dataset', 'precision_recall', 'preset_of', 'presets', 'register_preset', 'restore',
    'sample_noise', 'save_grid', 'to_uint8']

# Where the names are that library.py does not have.
_ELSEWHERE = {
    'build_training_graph': 'library_graph', 'discriminator': 'library_graph', 'generator': 'library_graph',
    'Preset': 'gan.preset', 'UserError': 'util.errors', 'classifier_score': 'metrics.distances',
    'density_coverage': 'metrics.distances', 'frechet_distance': 'metrics.distances',
    'kernel_distance': 'metrics.distances', 'precision_recall': 'metrics.distances'}

if TYPE_CHECKING:  # with __getattr__, a checker would take any misspelt name
    from dcgan_tf1.gan.preset import Preset
    from dcgan_tf1.library import (
        class_names,
        export_generator,
        generate,
        get_preset,
        interpolate,
        load_dataset,
        preset_of,
        presets,
        register_preset,
        restore,
        sample_noise,
        save_grid,
        to_uint8,
    )
    from dcgan_tf1.library_graph import build_training_graph, discriminator, generator
    from dcgan_tf1.metrics.distances import (
        classifier_score,
        density_coverage,
        frechet_distance,
        kernel_distance,
        precision_recall,
    )
    from dcgan_tf1.util.errors import UserError
else:
    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError('module {!r} has no attribute {!r}'.format(__name__, name))
        value = getattr(importlib.import_module('dcgan_tf1.' + _ELSEWHERE.get(name, 'library')), name)
        globals()[name] = value  # the next time without this function
        return value


def __dir__() -> List[str]:
    return sorted(set(globals()) | set(__all__))
