"""MatConvNet's LeNet on MNIST: trainings by BPGrad followed step by step, slopes of its loss (figure 3.15)."""

import warnings

import numpy as np

from tfapp.data import batch_stream
from tfapp.models import build_classifier
from tfapp.optimizers import BPGrad, estimate_lipschitz
from tfapp.report.result_table import ResultTable, document
from tfapp.solvers.bounds.logger import BoundsLogger
from tfapp.solvers.trainings.workload import objective

BATCH_SIZE, WEIGHT_DECAY = 100, 0.0005
RHO = 0.1


def build_lenet(images, seed, weight_decay=0.0):
    """Return the network with its initial weights; it sees pixels of 0 to 255 less their mean image.

    Args:
        images: `ClassificationSet` of images in memory.
        seed: Non-negative integer.
        weight_decay: Adds `weight_decay / 2 * |w|^2` to the loss.
    """
    mean = images.train.mean_image()
    options = {"seed": seed, "weight_decay": weight_decay, "image_scale": 255.0, "image_mean": mean}
    return build_classifier("lenet-mnist", images.num_classes, images.image_shape, **options)


def lenet_batches(images, seed):
    """Return endless batches of 100 training images; an epoch leaves out those that do not fill one."""
    return batch_stream(images.train, BATCH_SIZE, seed, drop_remainder=True)


def follow_training(images, *, lipschitz, momentum, steps, epochs=1, seed=0, callbacks=(), **options):
    """Train by BPGrad with rho = 0.1, and record every step.

    Args:
        images: `ClassificationSet` of images in memory.
        lipschitz: L.
        momentum: Of BPGrad.
        steps: Steps in an epoch.
        epochs: Epochs.
        seed: Of the initial weights and of the order of the images.
        callbacks: Further Keras callbacks.
        **options: Of `BoundsLogger`.

    Returns:
        The `BoundsLogger`, the Keras `History`, and a list of the sentences that the logger would warn with.
    """
    model = build_lenet(images, seed, WEIGHT_DECAY)
    model.compile(BPGrad(lipschitz, rho=RHO, momentum=momentum), objective())
    bounds = BoundsLogger(**options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        history = model.fit(
            lenet_batches(images, seed),
            steps_per_epoch=steps,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[bounds, *callbacks],
        )
    return bounds, history, [str(warning.message) for warning in caught]


# Slopes along an epoch: figure 3.15.

SOURCE = "Y. Wu, dissertation, chapter 3, eq. 3.17 and figure 3.15"
TITLE = "Slopes of the loss of LeNet along an epoch of SGD"
LIPSCHITZ = 15.0  # of Wu (2020)
STEPS = {"small": 100, "paper": 600}
INITIALISATIONS = {"small": 20, "paper": 100}
# MatConvNet's for this network.
LEARNING_RATE, MOMENTUM = 0.001, 0.9
OFFICIAL = "all pairs"
READINGS = {
    OFFICIAL: {"pairs": "all", "same_batch": False},
    "successive": {"same_batch": False},
    "same batch": {},
    "inits": {"mode": "inits", "pairs": "all", "same_batch": False},
}
NOTES = (
    "all pairs: of steps along the training, each loss at its own batch, as the official code computes them. It is "
    f"what the figure shows and what Wu (2020) describes, who chooses L = {LIPSCHITZ:g} and says that only a tiny "
    "portion of the slopes is larger, though the largest is much larger.",
    "successive: of successive steps only. They hold the difference between two batches, which does not shrink with "
    "the step, and grow as the learning rate falls.",
    "same batch: of successive steps, both losses at the batch of the first. They depend on the rate far less.",
    "inits: all pairs of random initialisations, in the words of Wu (2020). Thousands of times too small.",
)


def measure(images, scale, seed=0, advance=lambda: None):
    """Return a dictionary from the names of `READINGS` to `LipschitzEstimate`s.

    Args:
        images: `ClassificationSet` of images in memory.
        scale: One of `STEPS`.
        seed: Of the initial weights and of the order of the images.
        advance: Called after each reading.
    """
    estimates = {}
    for name, reading in READINGS.items():
        steps = (INITIALISATIONS if reading.get("mode") == "inits" else STEPS)[scale]
        model = build_lenet(images, seed)
        model.compile("sgd", objective())
        options = {
            "steps": steps,
            "learning_rate": LEARNING_RATE,
            "momentum": MOMENTUM,
            "seed": seed,
        } | reading
        estimates[name] = estimate_lipschitz(model, lenet_batches(images, seed), **options)
        advance()
    return estimates


def slopes_table(estimates) -> ResultTable:
    """Return the figures of `LipschitzEstimate`s, a column for each reading."""
    names = ("slopes", "median", "quantile 0.99", "quantile 0.999", "largest")
    names += (f"share above {LIPSCHITZ:g}", "largest gradient norm")
    columns = [_column(estimate) for estimate in estimates.values()]
    return ResultTable(("", *estimates), list(zip(names, *columns, strict=True)))


def _column(estimate):
    tail = np.quantile(estimate.slopes, (0.5, 0.99, 0.999, 1.0), method="inverted_cdf")
    share = np.mean(estimate.slopes > LIPSCHITZ)
    numbers = [f"{value:.3g}" for value in tail]
    return [f"{len(estimate.slopes):,}", *numbers, f"{share:.2%}", f"{estimate.max_gradient_norm:.3g}"]


def slopes_document(estimates, command: str) -> str:
    """Return heading, command, table and notes."""
    return document(slopes_table(estimates), NOTES, title=TITLE, source=SOURCE, command=command)
