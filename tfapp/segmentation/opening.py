"""Create the run folder of a training, or find the one to go on with."""

import shutil
from dataclasses import asdict

from tfapp.data import Frames, choose_framing, noisy_set, split_items, training_stream
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.run_record import RECORD
from tfapp.runs import Run
from tfapp.segmentation.class_weights import class_weights
from tfapp.segmentation.config import with_defaults


def open_or_create(out, config, dataset, stride, overwrite):
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
    if (out / RECORD).is_file() and not overwrite:
        run = Run.open(out)
        _check_same(run, config, dataset)
        extended = {name: getattr(config, name) for name in config.extendable}
        if any(run.config.get(name) != value for name, value in extended.items()):
            run.config.update(extended)
            run.record["command"] = config.command(dataset.spec, out)
            run.save()
        return run, run.frames("train")
    _check_free(out, overwrite)
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
    if out.exists() and overwrite:
        shutil.rmtree(out)
    resolved = {"resize": framing.resize, "patch": framing.patch, "augment": augment}
    requested = {name: getattr(config, name) for name in resolved}
    stored = {**asdict(config), **resolved, "requested": requested, "class_weights": weights}
    return Run.create(out, config.command(dataset.spec, out), stored, dataset, split), frames


def _fitting_augmentation(frames):
    height, width, _ = frames.frame_shape
    return "dihedral" if height == width else "flips"


def _read_all(frames):
    # A damaged image is told now, not after an hour; what fits stays in memory for the training.
    for index in range(len(frames)):
        frames[index]


def _check_free(out, overwrite):
    check_folder(out)
    if out.exists() and any(out.iterdir()) and not (overwrite and (out / RECORD).is_file()):
        raise InputError(f"Folder {out} is not empty and not a run; choose another --out.")


def _as_stored(config):
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}


def _check_same(run, config, dataset):
    now = _as_stored(config)
    # An option that is younger than the run had its default then.
    then = with_defaults(run.config) | run.config["requested"] | {"dataset": run.record["data"]["spec"]}
    now["dataset"] = dataset.spec
    changed = next(
        (name for name in now if name not in config.extendable and now[name] != then.get(name)), None
    )
    if changed:
        raise InputError(
            f"{run.path} holds a run with another {changed.replace('_', ' ')} ({then.get(changed)}, not "
            f"{now[changed]}); use another --out, or --overwrite to start again."
        )
    if dataset.fingerprint() != run.data_fingerprint:
        raise InputError(
            f"The data of {dataset.spec} changed since {run.path} began; use --overwrite to start again."
        )
