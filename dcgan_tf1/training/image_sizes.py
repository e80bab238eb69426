"""Of which size the images of a training are: by its flags, the checkpoint it starts from, the preset and the data."""

from dcgan_tf1.runs import (
    checkpoint_paths,
    checkpoint_sizes,
    numbering,
    recorded_settings,
    run_folder,
    size_flags,
)
from dcgan_tf1.training import resume
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import shape_text


def by_flags(preset, values, own_dataset):
    """(the preset for the sizes that are known before the data, wanted, auto_channels).

    wanted: the (H, W, C) that images are to have, None to take the data's. The user's own pictures are resized:
    by default to the preset's size, which a checkpoint's variables may have set. auto_channels: whether they become
    grey where all of them are.

    Args:
      values: train's flags.
      own_dataset: the data set that the preset itself names.
    """
    given = size_flags.read(values)
    sizes = {} if values['init_checkpoint'] is None else _sizes_of_checkpoint(
        preset, values['init_checkpoint'], given, values['run_dir'])
    if preset.dataset == 'folder':
        checkpoint_sizes.require_square(values['init_checkpoint'], sizes)
    sizes.pop('classes', None)  # which the data say
    channels = given.channels or sizes.get('image_shape', (None,) * 3)[2]
    preset = checkpoint_sizes.applied(size_flags.of_preset(preset, given), values['init_checkpoint'], sizes, given)
    if preset.image_sizes == 'fixed':
        return preset, preset.image_shape, False
    auto = channels == 'auto' or channels is None and own_dataset == 'folder'
    return preset, (given.height, given.width, None if auto else channels), auto


def to_load(preset, wanted, auto_channels):
    """The (H, W, C) that pictures are resized to; C is None where they say themselves."""
    height, width, channels = [one or other for one, other in zip(wanted, preset.image_shape)]
    return height, width, None if auto_channels else channels


def of_data(config, dataset, log):
    """The preset of a TrainConfig for images of the size of a Dataset.

    UserError where its networks, or those of its checkpoint, can't make them.
    """
    preset, wanted = config.preset, config.image_shape
    if preset.image_sizes == 'fixed':
        return preset  # prepare.prepare() compares
    shape = dataset.images.shape[1:]
    if any(one not in (None, other) for one, other in zip(wanted, shape)):
        height, width, channels = wanted
        raise UserError('--dataset={}: expected images of {}{}, as the flags of sizes or --init_checkpoint say, found '
                        '{}'.format(dataset.name, '' if height is None else '{}x{}'.format(height, width),
                                    '' if channels is None else 'x{}'.format(channels) if height else
                                    '{} channel{}'.format(channels, 's' if channels > 1 else ''), shape_text(shape)))
    try:
        preset = preset.with_image_shape(shape)
    except ValueError as error:
        raise UserError('--dataset={}: {}'.format(dataset.name, error))
    if config.init_checkpoint is not None and preset.sizes_of_variables is not None and wanted[0] is None:
        _check_variables(preset, config.init_checkpoint, dataset, log)
    return preset


def _check_variables(preset, init_checkpoint, dataset, log):
    """UserError where a checkpoint's variables don't fit the preset's size, which no flag gives."""
    try:
        prefix = checkpoint_paths.resolve(init_checkpoint)
    except UserError:
        return  # see _sizes_of_checkpoint
    height, width, _ = preset.image_shape
    sizes = checkpoint_sizes.read(preset, prefix, size_flags.NOTHING._replace(height=height, width=width))
    # Resized to what the variables say, where no run does.
    if dataset.name == 'folder' and 'image_shape' in sizes and run_folder.run_of(prefix, preset.name) is None:
        log(checkpoint_sizes.guess(prefix, preset.image_shape))


def _sizes_of_checkpoint(preset, init_checkpoint, given, run_dir):
    """What the variables of a checkpoint tell; where it is gone by now, what the run says that began with it."""
    try:
        prefix = checkpoint_paths.resolve(init_checkpoint)
    except UserError:
        for run in numbering.folders(run_dir, preset.name):
            try:
                config = run_folder.read_config(run)
                if resume.same_file(config['identity'].get('init_checkpoint'), init_checkpoint):
                    recorded = recorded_settings.apply(run, preset, config)
                    return {name: getattr(recorded, name) for name in (
                        'image_shape', 'z_dim', 'gf_dim', 'df_dim', 'noise')}
            except UserError:
                continue
        return {}  # whoever begins with it will say what is wrong with it
    run = run_folder.run_of(prefix, preset.name)
    if run is None:
        return checkpoint_sizes.read(preset, prefix, given)
    recorded = run_folder.read_preset(run)  # which knows its size; variables tell it only roughly
    return dict(checkpoint_sizes.read(preset, prefix, checkpoint_sizes.beside_run(recorded, given)),
                image_shape=recorded.image_shape, noise=recorded.noise)
