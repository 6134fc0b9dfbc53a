"""Table 3.1: where solvers are on Rosenbrock's function after 4,000 updates."""

import math

import keras

from tfapp.optimizers import ALIG, BPGrad, Eve
from tfapp.solvers.paths.paths import PathSolver

UPDATES = 4000
SOURCE = (
    "Y. Wu, dissertation, chapter 3, table 3.1 and its appendix; the number is this project's reading of them"
)
TITLE = "Rosenbrock's function from (-1.2, 2.5), 4,000 updates"
HEADER = ("solver", "parameters", "table", "here", "digits")
NOTES = (
    f"After {SOURCE}.",
    "digits: whether the end, rounded to two decimals, is the table's.",
    "The appendix gives BPGrad's L and ρ, and 0.002 as the rate of SGD, with which SGD without momentum diverges. With "
    "momentum 0.9 it diverges too, unless the gradient counts 1 - 0.9 times (damped), which is a rate of 0.0002.",
    "The parameters of RMSProp, Adagrad, Adam and Adadelta were found here, by search among plausible ones for the "
    "table's digits; they are not the appendix's words. Those of RMSProp and Adagrad give all digits. Adagrad has to "
    "forget: its sum of squares is 0.9 times the old one plus the new square.",
    "No rate of Adam from 0.001 to 0.5 with its usual β gives the table's digits, and no Adadelta that was tried; the "
    "rows have what comes nearest without odd parameters.",
    "BPGrad with momentum ends 0.0005 from the table's second digit; the path oscillates by that much.",
    'Eve, ALI-G and L "auto" are not in the table.',
)


def _leaky_adagrad(rate, rho, epsilon):
    # sum = rho * sum + g^2 is 1 / (1 - rho) times the mean of RMSProp.
    share = 1 - rho
    return keras.optimizers.RMSprop(rate * math.sqrt(share), rho=rho, epsilon=share * epsilon**2)


# Keras adds epsilon to the square of what MatConvNet adds it to.
TABLE = (
    PathSolver("bpgrad-plain", "BPGrad, μ = 0", "L = 500, ρ = 0.1", lambda: BPGrad(500.0, momentum=0.0)),
    PathSolver("bpgrad", "BPGrad, μ = 0.9", "L = 500, ρ = 0.1", lambda: BPGrad(500.0)),
    PathSolver("sgd", "SGD", "rate 0.001", lambda: keras.optimizers.SGD(0.001)),
    PathSolver(
        "sgd-momentum",
        "SGD, μ = 0.9, damped",
        "rate 0.002",
        lambda: keras.optimizers.SGD(0.0002, momentum=0.9),
    ),
    PathSolver(
        "rmsprop",
        "RMSProp",
        "rate 0.02, ρ = 0.99",
        lambda: keras.optimizers.RMSprop(0.02, rho=0.99, epsilon=1e-16),
    ),
    PathSolver(
        "adagrad", "Adagrad, forgetting", "rate 0.01, ρ = 0.9", lambda: _leaky_adagrad(0.01, 0.9, 1e-10)
    ),
    PathSolver("adam", "Adam", "rate 0.02", lambda: keras.optimizers.Adam(0.02, epsilon=1e-8)),
    PathSolver(
        "adadelta",
        "Adadelta",
        "ρ = 0.99, ε = 1e-6",
        lambda: keras.optimizers.Adadelta(1.0, rho=0.99, epsilon=1e-6),
    ),
    PathSolver("eve", "Eve", "rate 0.02", lambda: Eve(0.02)),
    PathSolver("alig", "ALI-G", "rate 0.001", lambda: ALIG(0.001)),
    PathSolver("bpgrad-auto", 'BPGrad, L "auto"', "ρ = 0.1", lambda: BPGrad("auto")),
)
# Of the solvers that are in the table.
PRINTED = {
    "bpgrad-plain": ("0.77", "0.60"),
    "bpgrad": ("0.97", "0.95"),
    "sgd": ("0.86", "0.74"),
    "sgd-momentum": ("0.98", "0.96"),
    "rmsprop": ("0.95", "0.87"),
    "adagrad": ("0.99", "0.98"),
    "adam": ("1.00", "0.99"),
    "adadelta": ("0.78", "0.57"),
}


def rows(paths):
    """Return the rows of `HEADER` as text.

    Args:
        paths: `Path`s of the solvers of `TABLE` on Rosenbrock's function, of `UPDATES` updates.
    """
    return [_row(path) for path in paths]


def _row(path):
    solver, end = path.solver, path.points[-1]
    printed = PRINTED.get(solver.name)
    return (
        solver.title,
        solver.parameters,
        f"({', '.join(printed)})" if printed else "–",
        f"({end[0]:.4f}, {end[1]:.4f})",
        _verdict(printed, end) if printed else "–",
    )


def _verdict(printed, end):
    agrees = [f"{coordinate:.2f}" == text for coordinate, text in zip(end, printed, strict=True)]
    return {2: "both", 1: "one of two", 0: "neither"}[sum(agrees)]
