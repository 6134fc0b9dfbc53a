"""Figure 3.15 of Wu (2020): slopes of the loss of MatConvNet's networks, in the readings of eq. 3.17."""

import numpy as np

from tfapp.optimizers import estimate_lipschitz
from tfapp.report.result_table import ResultTable, document
from tfapp.solvers.trainings.workload import objective

SOURCE = "Y. Wu, dissertation, chapter 3, eq. 3.17 and figure 3.15"
STEPS = {"small": 100, "paper": 600}
# One for each batch of an epoch, as the text says.
INITIALISATIONS = {"mnist": {"small": 20, "paper": 600}, "cifar10": {"small": 20, "paper": 500}}
# MatConvNet's rate for MNIST, and that of CIFAR-10 times its factor of the weights.
RATES = {"mnist": 0.001, "cifar10": 0.005}
MOMENTUM = 0.9
OFFICIAL = "all pairs"
READINGS = {
    OFFICIAL: {"pairs": "all", "same_batch": False},
    "successive": {"same_batch": False},
    "same batch": {},
    "inits": {"mode": "inits", "pairs": "all", "same_batch": False},
}


def notes(lipschitz):
    """Return what the readings are, for a table with the text's L."""
    return (
        "all pairs: of steps along the training, as in the official code, each loss at its own batch, where that code "
        f"has the mean of the losses so far. Wu (2020) chooses L = {lipschitz:g} and says that only a tiny portion of "
        "the slopes has relatively large values.",
        "successive: of successive steps only. They hold the difference between two batches, which does not shrink "
        "with the step, and grow as the learning rate falls.",
        "same batch: of successive steps, both losses at the batch of the first. They depend on the rate far less.",
        "inits: all pairs of random initialisations, each with a batch of its own, in the words of Wu (2020): 600 of "
        "them on MNIST and 500 on CIFAR-10 at paper scale. Thousands of times too small: the text cannot be literal.",
    )


def measure(workload, reader, scale, seed=0, advance=lambda: None):
    """Return a dictionary from the names of `READINGS` to `LipschitzEstimate`s.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload`.
        reader: `mnist` or `cifar10`.
        scale: One of `STEPS`.
        seed: Of the initial weights and of the order of the images.
        advance: Called after each reading.
    """
    estimates = {}
    _, per_epoch = workload.training_batches(seed, 0)
    for name, reading in READINGS.items():
        steps = INITIALISATIONS[reader][scale] if "mode" in reading else min(STEPS[scale], per_epoch)
        model = workload.build(seed)
        model.compile("sgd", objective())
        options = {
            "steps": steps,
            "learning_rate": RATES[reader],
            "momentum": MOMENTUM,
            "seed": seed,
        } | reading
        estimates[name] = estimate_lipschitz(model, workload.training_batches(seed, 0)[0], **options)
        advance()
    return estimates


def slopes_table(estimates, lipschitz) -> ResultTable:
    """Return the figures of `LipschitzEstimate`s, a column for each reading."""
    names = ("slopes", "median", "quantile 0.99", "quantile 0.999", "largest")
    names += (f"share above {lipschitz:g}", "largest gradient norm")
    columns = [_column(estimate, lipschitz) for estimate in estimates.values()]
    return ResultTable(("", *estimates), list(zip(names, *columns, strict=True)))


def _column(estimate, lipschitz):
    tail = np.quantile(estimate.slopes, (0.5, 0.99, 0.999, 1.0), method="inverted_cdf")
    share = np.mean(estimate.slopes > lipschitz)
    numbers = [f"{value:.3g}" for value in tail]
    return [f"{len(estimate.slopes):,}", *numbers, f"{share:.2%}", f"{estimate.max_gradient_norm:.3g}"]


def slopes_document(table, lipschitz, title, command: str) -> str:
    """Return heading, command, table and notes."""
    return document(table, notes(lipschitz), title=title, source=SOURCE, command=command)
