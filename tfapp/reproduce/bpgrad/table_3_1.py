"""Table 3.1: where solvers are on Rosenbrock's function after 4,000 updates."""

from tfapp.solvers.paths.solvers import ON_ROSENBROCK

UPDATES = 4000
SOURCE = "Y. Wu, dissertation, chapter 3, table 3.1 and its appendix; the number is assumed"
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
TABLE = ON_ROSENBROCK
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
        paths: `SolverPath`s of the solvers of `TABLE` on Rosenbrock's function, of `UPDATES` updates.
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
