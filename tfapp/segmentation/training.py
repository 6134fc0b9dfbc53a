"""Train a segmenter in a run folder, with Keras `fit()`; a killed run resumes."""

import shutil
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from tfapp.data import (
    Frames,
    choose_framing,
    noisy_set,
    open_dataset,
    ordered_batches,
    split_items,
    training_stream,
)
from tfapp.errors import InputError
from tfapp.files import atomic_path, check_folder
from tfapp.landscape import TrajectoryRecorder
from tfapp.models import (
    OneHotMeanSquaredError,
    add_weight_decay,
    build,
    current_tv_weights,
    stride_of,
    tv_head,
)
from tfapp.optimizers import ALIG, BPGrad, Eve
from tfapp.runs.callbacks import (
    ReportProgress,
    RunRecorder,
    StopAtLoss,
    StopOnDivergence,
    has_reached,
    latest_checkpoint,
)
from tfapp.runs.progress import SILENT
from tfapp.runs.record import RECORD
from tfapp.segmentation.config import LOSS_AWARE, with_defaults
from tfapp.segmentation.run import MODEL, TRAJECTORY, Run

# A dozen images would make epochs of two steps, and twenty epochs would train nothing.
LEAST_STEPS = 50


def train(spec, out, config, *, overwrite=False, callbacks=(), progress=SILENT, title="training"):
    """Train, or go on with, the run in `out`.

    Args:
        spec: Dataset as on the command line.
        out: Run folder.
        config: A `TrainConfig`.
        overwrite: Start again, removing an existing run in `out`.
        callbacks: Further Keras callbacks.
        progress: `Progress` that shows the batches with the running loss, and lambda.
        title: What the task is called there.

    Returns:
        The finished `Run`.

    Raises:
        InputError: For anything in the input that cannot be used; nothing is written then.
        TrainingDiverged: If the loss becomes NaN or infinite; the last good checkpoint is kept.
    """
    with progress.task(title, note="reading data") as task:
        watchers = [ReportProgress(task, tv_weight_note), *_recorder(out, config), *callbacks]
        run = _train(spec, Path(out), config, overwrite, watchers)
        if task.total is None:
            task.finish("trained already")
    return run


def _recorder(out, config):
    """Return the callback, if any, that records the trajectory; it resumes with a run that resumes."""
    if config.trajectory is None:
        return []
    config.check()
    return [TrajectoryRecorder(Path(out) / TRAJECTORY, config.trajectory)]


def _train(spec, out, config, overwrite, callbacks):
    config.check()
    config = config.completed()
    dataset = open_dataset(spec)
    config.check_data(dataset)
    keras.utils.set_random_seed(config.seed)
    # A checkpoint has the encoder's weights already: a run goes on without their file.
    fresh = overwrite or latest_checkpoint(out)[0] is None
    model = _new_model(config, dataset, config.encoder_weights if fresh else None)
    run, frames = open_or_create(out, config, dataset, stride_of(model), overwrite)
    checkpoint, epoch = latest_checkpoint(run.path)
    if epoch > config.epochs:
        raise InputError(f"{out} already has {epoch} epochs; --epochs {config.epochs} would take some back.")
    steps = config.steps_per_epoch or max(LEAST_STEPS, -(-len(frames) // config.batch_size))
    if checkpoint is None:
        _compile(model, config, dataset, steps)
    else:
        model = keras.models.load_model(checkpoint)
    unfinished = epoch < config.epochs and not has_reached(run.path, config.until_loss)
    if unfinished:
        _fit(run, model, config, frames, epoch, steps, callbacks)
    if unfinished or not (run.path / MODEL).is_file():
        with atomic_path(run.path / MODEL) as temporary:
            model.save(temporary)
    return run


def compile_segmenter(model, optimizer, learning_rate, loss="cross-entropy"):
    """Compile with the weighted loss that all commands share.

    Pixel weights carry the class weights and are 0 at ignored pixels; the mean is over the weights.

    Args:
        model: Segmenter that ends in probabilities, or for `mse` in any numbers.
        optimizer: Keras optimizer, or the name of one.
        learning_rate: Number or `keras.optimizers.schedules.LearningRateSchedule`.
        loss: `cross-entropy`, or `mse` against the one-hot labels.
    """
    make_loss = {
        "cross-entropy": keras.losses.SparseCategoricalCrossentropy,
        "mse": OneHotMeanSquaredError,
    }[loss]
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    _compile_weighted(model, optimizer, learning_rate, make_loss, [accuracy])


def compile_restorer(model, optimizer, learning_rate):
    """Compile a network from images to images with the mean squared error over pixels and channels.

    Args:
        model: Network that ends in images.
        optimizer, learning_rate: As for `compile_segmenter`.
    """
    _compile_weighted(model, optimizer, learning_rate, keras.losses.MeanSquaredError, [])


def _compile_weighted(model, optimizer, learning_rate, make_loss, metrics):
    optimizer = keras.optimizers.get(optimizer)
    optimizer.learning_rate = learning_rate
    model.compile(
        optimizer=optimizer,
        loss=make_loss(reduction="mean_with_sample_weight"),
        weighted_metrics=metrics,
        # XLA's convolutions are slower than the default ones on a CPU.
        jit_compile=False,
    )
    # Left to the first step, the variables of the optimizer have TensorFlow trace that step twice.
    model.optimizer.build(model.trainable_variables)


def _compile(model, config, dataset, steps):
    optimizer = make_optimizer(config)
    if dataset.image_pairs:
        compile_restorer(model, optimizer, _learning_rate(config, steps))
    else:
        compile_segmenter(model, optimizer, _learning_rate(config, steps), config.loss)


def make_optimizer(config):
    """Return the optimizer of a `TrainConfig`, at any learning rate: compiling sets it."""
    if config.optimizer == "bpgrad":
        lipschitz = config.lipschitz if config.lipschitz == "auto" else float(config.lipschitz)
        return BPGrad(lipschitz, momentum=config.momentum)
    if config.optimizer in LOSS_AWARE:
        optimizer = {"alig": ALIG, "eve": Eve}[config.optimizer]()
    else:
        optimizer = keras.optimizers.get(config.optimizer)
    if config.momentum:
        optimizer.momentum = config.momentum
    return optimizer


def _new_model(config, dataset, encoder_weights):
    options = {} if encoder_weights is None else {"encoder_weights": encoder_weights}
    head_options = {
        "tv_weight": config.tv_weight,
        "learn_tv_weight": config.learn_tv_weight,
        "step": config.tv_step,
        "iterations": config.tv_iterations,
        "inference_iterations": config.tv_inference_iterations,
        "gradient": config.tv_gradient,
        "per_class": config.tv_per_class,
    }
    model = build(
        config.model,
        dataset.num_outputs,
        dataset.channels,
        head=config.head,
        head_options=head_options if config.head == "tv-softmax" else None,
        base_width=config.base_width,
        depth=config.depth,
        dropout=config.dropout,
        **options,
    )
    # Not of the total variation's weight: it would be pulled towards less of it.
    add_weight_decay(model, config.weight_decay, kernels_only=True)
    return model


def _learning_rate(config, steps):
    if config.schedule == "constant":
        return config.learning_rate
    return keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * steps)


def _fit(run, model, config, frames, first_epoch, steps, callbacks):
    stream = training_stream(
        frames,
        batch_size=config.batch_size,
        seed=config.seed,
        first_step=first_epoch * steps,
        augment=run.config["augment"],
    )
    validation = run.frames("validation") if run.split.validation else None
    model.fit(
        stream,
        epochs=config.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=steps,
        validation_data=None if validation is None else ordered_batches(validation, config.batch_size),
        callbacks=[
            StopOnDivergence(run.path),
            RunRecorder(run.path, tv_weight_columns),
            StopAtLoss(config.until_loss),
            *callbacks,
        ],
        shuffle=False,  # the stream is shuffled already
        verbose=0,
    )


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


def class_weights(frames, weighting):
    """Return one weight per class, or None for no weighting; a class that does not occur gets 0.

    Args:
        frames: Training `Frames` without class weights.
        weighting: `none`, `balanced` or `median-frequency`, the functions of this file.

    Raises:
        InputError: If no training pixel has a label.
    """
    if weighting == "none":
        return None
    counts = np.stack([_label_counts(frames, index) for index in range(len(frames))])
    if not counts.any():
        raise InputError(
            f"No training pixel of {frames.dataset.spec} has a label; use --class-weighting none, or other data."
        )
    rule = {"balanced": balanced, "median-frequency": median_frequency}[weighting]
    return [float(weight) for weight in rule(counts)]


def balanced(counts):
    """Return the inverse of each class's share of all labelled pixels, scaled to a mean of 1.

    The mean is over the classes that occur. No weight is above 20: a class of a few pixels must not take
    over the loss.

    Args:
        counts: Labelled pixels by image and class, shape (images, classes).
    """
    counts = counts.sum(axis=0)
    inverse = np.where(counts > 0, counts.sum() / np.maximum(counts, 1), 0.0)
    return np.minimum(inverse / inverse[counts > 0].mean(), 20.0)


def median_frequency(counts):
    """Return median(freq) / freq_c for each class c that occurs, and 0 for the others.

    freq_c = (pixels of class c) / (labelled pixels of the images in which c occurs), and the median is over
    the classes that occur: D. Eigen, R. Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a
    Common Multi-Scale Convolutional Architecture", ICCV 2015, as SegNet uses it. Pixels that
    have no label do not count as pixels of an image; a patch counts as an image.

    Args:
        counts: Labelled pixels by image and class, shape (images, classes).
    """
    labelled = counts.sum(axis=1, keepdims=True)
    where_present = np.where(counts > 0, labelled, 0).sum(axis=0)
    pixels = counts.sum(axis=0)
    occurs = pixels > 0
    frequency = pixels[occurs] / where_present[occurs]
    weights = np.zeros(counts.shape[1])
    weights[occurs] = np.median(frequency) / frequency
    return weights


def _label_counts(frames, index):
    _, labels, weights = frames[index]
    return np.bincount(labels[weights > 0], minlength=frames.dataset.num_classes)


def tv_weight_columns(model):
    """Return the weights of a model's TV head by column of `history.csv`; empty if it has no such head."""
    weights = _weights(model)
    names = ["tv_weight"] if len(weights) == 1 else [f"tv_weight_{i}" for i in range(len(weights))]
    return dict(zip(names, weights, strict=True))


def tv_weight_note(model):
    """Return the weights of a model's TV head as a progress bar shows them; empty if it has no such head."""
    weights = _weights(model)
    return " λ " + "/".join(f"{weight:.2f}" for weight in weights) if len(weights) else ""


def _weights(model):
    head = tv_head(model)
    return [] if head is None else current_tv_weights(head)
