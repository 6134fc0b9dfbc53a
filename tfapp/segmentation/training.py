"""Train a network in a run folder, with Keras `fit()`; a killed run goes on where it stood."""

from pathlib import Path

import keras

from tfapp.checkpoints import RunRecorder, StopAtLoss, StopOnDivergence, has_reached, latest_checkpoint
from tfapp.data import open_dataset, ordered_batches, training_stream
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.models import OneHotMeanSquaredError, add_weight_decay, build, stride_of
from tfapp.optimizers import ALIG, BPGrad, Eve
from tfapp.runs import MODEL
from tfapp.segmentation.config import LOSS_AWARE, TrainConfig
from tfapp.segmentation.opening import open_or_create
from tfapp.segmentation.tv_weights import tv_weight_columns

# A dozen images would make epochs of two steps, and twenty epochs would train nothing.
LEAST_STEPS = 50

__all__ = ["TrainConfig", "compile_restorer", "compile_segmenter", "train"]


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
