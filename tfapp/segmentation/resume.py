"""Begin the run of a segmenter in a folder, or resume the one that was begun there."""

from dataclasses import asdict

from tfapp.data import Frames, choose_framing, noisy_set, split_items, training_stream
from tfapp.errors import InputError
from tfapp.runs.checkpoints import Checkpoints
from tfapp.runs.fitting import refuse_fewer
from tfapp.segmentation.class_weights import class_weights
from tfapp.segmentation.config import with_defaults
from tfapp.segmentation.run import Run


def begin_or_resume(out, config, dataset, stride, overwrite):
    """Return (run, training frames); every refusal of the input comes before the first file.

    Args:
        out: Run folder.
        config: A `TrainConfig`.
        dataset: The opened dataset.
        stride: The network's stride.
        overwrite: Remove an existing run in `out`.

    Raises:
        InputError: For a folder that is not free, another run in it, changed data, or data that do not
            fit the configuration.
    """
    run = Run.begun(out, overwrite)
    if run is not None:
        _check_same(run, config, dataset)
        refuse_fewer(Checkpoints(out), config.epochs)
        extended = {name: getattr(config, name) for name in config.extendable}
        if any(run.config.get(name) != value for name, value in extended.items()):
            run.config.update(extended)
            run.record["command"] = config.command(dataset.spec, out)
            run.save()
        return run, run.frames("train")
    framing = choose_framing(dataset, stride, config.resize, config.patch, config.overlap)
    split = split_items(dataset, config.split_seed, config.test_share, config.validation_share)
    if config.train_images is not None:
        split = split.with_train_images(config.train_images)
    noisy = noisy_set(split.train, config.train_noise, config.noisy_share, config.split_seed)
    frames = Frames(dataset, dataset.select(split.train), framing, noisy_set=noisy)
    weights = class_weights(frames, config.class_weighting)
    frames = frames.weighted(weights)
    _read_all(frames)
    augment = config.augment if config.augment != "auto" else _fitting_augmentation(frames)
    training_stream(frames, batch_size=config.batch_size, seed=config.seed, augment=augment)
    resolved = {"resize": framing.resize, "patch": framing.patch, "augment": augment}
    requested = {name: getattr(config, name) for name in resolved}
    stored = {**asdict(config), **resolved, "requested": requested, "class_weights": weights}
    data = {
        "spec": dataset.spec,
        "fingerprint": dataset.fingerprint(),
        "class_names": list(dataset.class_names),
        "channels": dataset.channels,
        "ignore_value": dataset.ignore_value,
        "split": split.to_json(),
    }
    return Run.create(out, config.command(dataset.spec, out), config=stored, data=data), frames


def _fitting_augmentation(frames):
    height, width, _ = frames.frame_shape
    return "dihedral" if height == width else "flips"


def _read_all(frames):
    # A damaged image is told now, not after an hour; what fits stays in memory for the training.
    for index in range(len(frames)):
        frames[index]


def _check_same(run, config, dataset):
    now = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
        if name not in config.extendable
    }
    now["dataset"] = dataset.spec
    # An option that is younger than the run had its default then.
    then = with_defaults(run.config) | run.config["requested"] | {"dataset": run.record["data"]["spec"]}
    run.refuse_other(now, then)
    if dataset.fingerprint() != run.data_fingerprint:
        raise InputError(
            f"The data of {dataset.spec} changed since {run.path} began; use `overwrite` to start again."
        )
