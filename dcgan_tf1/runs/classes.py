"""The classes that a conditional preset makes images of: what a run calls them, and which ones a text names."""

from dcgan_tf1.data.class_names import composed, number_among
from dcgan_tf1.data.sources import DATASETS
from dcgan_tf1.runs import run_folder
from dcgan_tf1.util.errors import UserError


def class_names(run, preset):
    """The names of a preset's classes, in the order of its labels; () where it takes none.

    Those of the data that a run was trained on; of a data set that does not name them, their numbers.

    Args:
      run: the run folder, or None for another checkpoint.
      preset: the Preset; a run's own, see run_folder.read_preset.
    """
    if preset.classes is None:
        return ()
    config = {} if run is None else run_folder.read_config(run)
    data, dataset = config.get('data'), config.get('identity', {}).get('dataset', preset.dataset)
    names = data.get('classes') if isinstance(data, dict) else None
    if names is None:
        source = DATASETS.get(dataset) if isinstance(dataset, str) else None
        known = () if source is None else source.classes
        return known if len(known) == preset.classes else tuple(map(str, range(preset.classes)))
    if not isinstance(names, list) or len(names) != preset.classes or not all(isinstance(each, str) for each in names):
        raise UserError('{}: expected the names of {} classes in its config.json, found {!r}'.format(
            run, preset.classes, names))
    return tuple(names)


def class_names_of_checkpoint(prefix, preset):
    """class_names() of the run in which a checkpoint lies, if it lies in one."""
    return class_names(run_folder.run_of(prefix, preset.name), preset)


def parse_classes(text, names, flag='--class'):
    """The labels that a text asks for: a class by name or number, several with commas between them, or 'all'.

    flag: what gave the text, for messages.
    """
    if text == 'all' and text not in names:
        return list(range(len(names)))
    names = [composed(name) for name in names]
    parts, labels, known = composed(text).split(','), [], set(names)
    max_parts = 1 + max(name.count(',') for name in names)
    while parts:
        # A name may have commas itself: the longest one counts.
        texts = [','.join(parts[:count]) for count in range(min(max_parts, len(parts)), 0, -1)]
        chosen = next((each for each in texts if each in known or each.strip() in known), parts[0])
        labels.append(number_among(names, chosen if chosen in known else chosen.strip(), flag))
        del parts[:chosen.count(',') + 1]
    return labels
