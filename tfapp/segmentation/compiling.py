"""Loss, metrics and optimizer that segmenters and restorers are compiled with."""

import keras

from tfapp.models import OneHotMeanSquaredError
from tfapp.models.probabilities import LabelImageMeanSquaredError, label_image_accuracy
from tfapp.optimizers import BPGrad, RateSchedule, make_solver
from tfapp.optimizers.catalogue import read_setting
from tfapp.runs.accelerators import jit_compile
from tfapp.segmentation.config import OWN_OPTIMIZERS


def compile_configured(model, config, dataset, steps):
    """Compile with what a configuration says.

    Args:
        model: Segmenter, or restorer for image pairs.
        config: A completed `TrainConfig`.
        dataset: The opened dataset.
        steps: Batches of an epoch.
    """
    optimizer = make_optimizer(config, steps)
    rate = None if config.solver else _learning_rate(config, steps)
    if dataset.image_pairs:
        compile_restorer(model, optimizer, rate)
    else:
        compile_segmenter(model, optimizer, rate, config.loss)


def compile_segmenter(model, optimizer, learning_rate, loss="cross-entropy"):
    """Compile with the weighted loss that all commands share.

    Pixel weights carry the class weights and are 0 at ignored pixels; the mean is over the weights.

    Args:
        model: Segmenter that ends in probabilities, or for `mse` in any numbers.
        optimizer: Keras optimizer, or the name of one.
        learning_rate: Number or `keras.optimizers.schedules.LearningRateSchedule`; None for that of the optimizer.
        loss: `cross-entropy`, or `mse` against the one-hot labels, of a model with one output channel against the
            labels themselves.
    """
    if model.output_shape[-1] == 1:
        make_loss = LabelImageMeanSquaredError
        accuracy = keras.metrics.MeanMetricWrapper(label_image_accuracy, name="accuracy")
    else:
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
    if learning_rate is not None:
        optimizer.learning_rate = learning_rate
    model.compile(
        optimizer=optimizer,
        loss=make_loss(reduction="mean_with_sample_weight"),
        weighted_metrics=metrics,
        jit_compile=jit_compile(),
    )
    # Left to the first step, the variables of the optimizer have TensorFlow trace that step twice.
    model.optimizer.build(model.trainable_variables)


def make_optimizer(config, steps=None):
    """Return the optimizer of a `TrainConfig`, at any learning rate, which compiling sets, but for a `solver`.

    Args:
        config: A completed `TrainConfig`.
        steps: Batches of an epoch, for a solver whose rates differ by epoch.
    """
    if config.solver is not None:
        optimizer = make_solver(*read_setting(config.solver), steps, config.epochs)
        if not config.decays_loss:
            optimizer.weight_decay = config.weight_decay
        return optimizer
    if config.optimizer == "bpgrad":
        lipschitz = config.lipschitz if config.lipschitz.startswith("auto") else float(config.lipschitz)
        return BPGrad(lipschitz, momentum=config.momentum)
    if config.optimizer in OWN_OPTIMIZERS:
        optimizer = OWN_OPTIMIZERS[config.optimizer]()
    else:
        optimizer = keras.optimizers.get(config.optimizer)
    if config.momentum:
        optimizer.momentum = config.momentum
    return optimizer


def _learning_rate(config, steps):
    return RateSchedule.parse(config.schedule).schedule(config.learning_rate, steps, config.epochs)
