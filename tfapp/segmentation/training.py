"""Train a segmenter in a run folder, with Keras `fit()`; a killed run goes on where it stood."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from tfapp.data import (
    AUGMENTATIONS,
    Frames,
    choose_framing,
    open_dataset,
    ordered_batches,
    split_items,
    training_stream,
)
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.models import build, stride_of
from tfapp.runs import MODEL, RECORD, Run
from tfapp.segmentation.checkpoints import RunRecorder, StopOnDivergence, latest_checkpoint
from tfapp.segmentation.class_weights import class_weights

OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "lion")
# What may differ between the command that made a run and the one that goes on with it.
EXTENDABLE = ("epochs",)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run; the fields are the options of `tfapp train`."""

    model: str = "unet"
    head: str = "tv-softmax"
    base_width: int = 16
    depth: int = 4
    dropout: float = 0.0
    tv_weight: float = 1.0
    learn_tv_weight: bool = True
    tv_step: float = 1.0
    tv_iterations: int = 30
    epochs: int = 20
    steps_per_epoch: int | None = None
    batch_size: int = 8
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    class_weighting: str = "none"
    augment: str = "dihedral"
    resize: tuple[int, int] | None = None
    patch: int | None = None
    overlap: int = 0
    test_share: float = 0.2
    validation_share: float = 0.1
    seed: int = 0
    split_seed: int = 0


def train(spec, out, config, *, overwrite=False, callbacks=()):
    """Train, or go on with, the run in `out`.

    Args:
        spec: Dataset as on the command line.
        out: Run folder.
        config: A `TrainConfig`.
        overwrite: Start again, removing an existing run in `out`.
        callbacks: Further Keras callbacks (the progress bar).

    Returns:
        The finished `Run`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    out = Path(out)
    _check_config(config)
    dataset = open_dataset(spec)
    keras.utils.set_random_seed(config.seed)
    model = _new_model(config, dataset)
    run, frames = _open_or_create(out, spec, config, dataset, stride_of(model), overwrite)
    first_epoch, model = _resume(run, model, config)
    if first_epoch < config.epochs:
        _fit(run, model, config, frames, first_epoch, callbacks)
    if not (run.path / MODEL).is_file() or first_epoch < config.epochs:
        with atomic_path(run.path / MODEL) as temporary:
            model.save(temporary)
    return run


def compile_segmenter(model, optimizer, learning_rate):
    """Compile with the weighted cross-entropy that all commands share.

    Pixel weights carry the class weights and are 0 at ignored pixels; the mean is over the weights.
    """
    model.compile(
        optimizer=keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}}),
        loss=keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        # XLA's convolutions are slower than the default ones on a CPU.
        jit_compile=False,
    )


def steps_in_epoch(config, frame_count):
    """Return the batches of one epoch: as configured, or one pass over the frames."""
    return config.steps_per_epoch or -(-frame_count // config.batch_size)


def _check_config(config):
    choices = {"optimizer": OPTIMIZERS, "augment": AUGMENTATIONS, "class_weighting": ("none", "balanced")}
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise InputError(
                f"Unknown {name.replace('_', ' ')} {getattr(config, name)!r}; choose one of: {', '.join(allowed)}."
            )
    for name in (
        "epochs",
        "batch_size",
        "base_width",
        "depth",
        "learning_rate",
        "tv_weight",
        "tv_step",
        "tv_iterations",
    ):
        if not getattr(config, name) > 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0; got {getattr(config, name)}.")
    if not (0 < config.test_share < 1 and 0 <= config.validation_share < 1):
        raise InputError("--test-share must lie between 0 and 1, --validation-share from 0 to below 1.")


def _new_model(config, dataset):
    head_options = {
        "tv_weight": config.tv_weight,
        "learn_tv_weight": config.learn_tv_weight,
        "step": config.tv_step,
        "iterations": config.tv_iterations,
    }
    model = build(
        config.model,
        dataset.num_classes,
        dataset.channels,
        head=config.head,
        head_options=head_options if config.head == "tv-softmax" else None,
        base_width=config.base_width,
        depth=config.depth,
        dropout=config.dropout,
    )
    compile_segmenter(model, config.optimizer, config.learning_rate)
    return model


def _open_or_create(out, spec, config, dataset, stride, overwrite):
    if (out / RECORD).is_file() and not overwrite:
        run = Run.open(out)
        _check_same(run, config, dataset)
        return run, run.frames("train")
    _check_free(out, overwrite)
    framing = choose_framing(dataset, stride, config.resize, config.patch, config.overlap)
    split = split_items(dataset, config.split_seed, config.test_share, config.validation_share)
    items = dataset.select(split.train)
    weights = class_weights(Frames(dataset, items, framing), config.class_weighting)
    frames = Frames(dataset, items, framing, weights)
    # Built once here so that every refusal of the input comes before the first file.
    training_stream(frames, batch_size=config.batch_size, seed=config.seed, augment=config.augment)
    frames[0]
    if out.exists() and overwrite:
        shutil.rmtree(out)
    stored = {**asdict(config), "resize": framing.resize, "patch": framing.patch, "class_weights": weights}
    stored["requested"] = {"resize": config.resize, "patch": config.patch}
    return Run.create(out, f"tfapp train {spec} --out {out}", stored, dataset, split), frames


def _check_free(out, overwrite):
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is a file; --out must name a folder.")
    if any(out.iterdir()) and not (overwrite and (out / RECORD).is_file()):
        raise InputError(f"Folder {out} is not empty and not a run; choose another --out.")


def _check_same(run, config, dataset):
    now = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}
    then = {**run.config, **run.config["requested"]}
    changed = [name for name in now if name not in EXTENDABLE and now[name] != then.get(name)]
    if dataset.spec != run.record["data"]["spec"]:
        changed.append("dataset")
    if changed:
        name = changed[0]
        raise InputError(
            f"{run.path} holds a run with another {name.replace('_', ' ')} "
            f"({then.get(name, run.record['data']['spec'])}); use another --out, or --overwrite to start again."
        )
    if dataset.fingerprint() != run.data_fingerprint:
        raise InputError(
            f"The data of {dataset.spec} changed since {run.path} began; use --overwrite to start again."
        )


def _resume(run, model, config):
    checkpoint, epoch = latest_checkpoint(run.path)
    if checkpoint is None:
        return 0, model
    if epoch > config.epochs:
        raise InputError(
            f"{run.path} already has {epoch} epochs; --epochs {config.epochs} would take some back."
        )
    return epoch, keras.models.load_model(checkpoint)


def _fit(run, model, config, frames, first_epoch, callbacks):
    steps = steps_in_epoch(config, len(frames))
    stream = training_stream(
        frames,
        batch_size=config.batch_size,
        seed=config.seed,
        first_step=first_epoch * steps,
        augment=config.augment,
    )
    validation = run.frames("validation") if run.split.validation else None
    model.fit(
        stream,
        epochs=config.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=steps,
        validation_data=None if validation is None else ordered_batches(validation, config.batch_size),
        callbacks=[StopOnDivergence(run.path), RunRecorder(run.path), *callbacks],
        shuffle=False,  # the stream is shuffled already
        verbose=0,
    )


def tv_weight_of(model):
    """Return the learned lambda of the model's TV head as a float, or NaN without one."""
    from tfapp.models import tv_head

    head = tv_head(model)
    return float("nan") if head is None else float(np.asarray(head.current_tv_weight()))
