"""Solvers that are compared with each other, each with the one parameter that is searched."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.eve import Eve

_SMALL_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01)
# The unit of L is the loss per length of the weights, which differs more from network to network than rates do.
_CONSTANTS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class Solver:
    """A Keras optimizer and the parameter that decides how well it does.

    Attributes:
        title: As tables write it.
        make: Function of the parameter that returns the optimizer; everything else is at the values of its authors.
        parameter: Name of the parameter.
        values: Values that a grid search tries, the smallest first.
        value: Value that is taken without a search.
    """

    title: str
    make: Callable
    parameter: str
    values: tuple
    value: float | str

    @property
    def symbol(self) -> str:
        """The parameter as tables write it: L, rate, or its name."""
        return {"lipschitz": "L", "learning_rate": "rate"}.get(self.parameter, self.parameter)


def _by_rate(title, make, values, value):
    return Solver(title, make, "learning_rate", values, value)


SOLVERS = {
    "bpgrad": Solver("BPGrad", lambda L: BPGrad(L), "lipschitz", _CONSTANTS, 20.0),
    "bpgrad-auto": Solver('BPGrad, L "auto"', lambda L: BPGrad(L), "lipschitz", ("auto",), "auto"),
    "bpgrad-plain": Solver("BPGrad, μ = 0", lambda L: BPGrad(L, momentum=0.0), "lipschitz", _CONSTANTS, 5.0),
    "sgd": _by_rate(
        "SGD", lambda rate: keras.optimizers.SGD(rate), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), 0.1
    ),
    "sgd-momentum": _by_rate(
        "SGD, μ = 0.9", lambda rate: keras.optimizers.SGD(rate, momentum=0.9), _RATES, 0.01
    ),
    "adagrad": _by_rate(
        "Adagrad", lambda rate: keras.optimizers.Adagrad(rate), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), 0.03
    ),
    "adadelta": _by_rate(
        "Adadelta", lambda rate: keras.optimizers.Adadelta(rate), (0.1, 0.3, 1.0, 3.0, 10.0), 1.0
    ),
    "rmsprop": _by_rate("RMSProp", lambda rate: keras.optimizers.RMSprop(rate), _SMALL_RATES, 0.001),
    "adam": _by_rate("Adam", lambda rate: keras.optimizers.Adam(rate), _SMALL_RATES, 0.001),
    "eve": _by_rate("Eve", lambda rate: Eve(rate), _SMALL_RATES, 0.001),
    "alig": _by_rate("ALI-G", lambda rate: ALIG(rate), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), 0.1),
}
# One at a time, everything else at the solver's usual value; no competitors.
SWEEPS = {
    "bpgrad-rho": Solver(
        "BPGrad, ρ", lambda rho: BPGrad(20.0, rho=rho), "rho", (0.0, 0.1, 0.3, 0.5, 0.7, 0.9), 0.1
    )
}


def value_text(value) -> str:
    """Return the value of a solver's parameter as names and tables write it: a few digits, or "auto"."""
    return value if isinstance(value, str) else f"{value:g}"


def make_solver(name, value=None):
    """Return the optimizer of a solver of `SOLVERS`.

    Args:
        name: Its name, or one of `SWEEPS`.
        value: Value of its parameter; by default the one that needs no search.

    Raises:
        ValueError: For an unknown name.
    """
    known = SOLVERS | SWEEPS
    if name not in known:
        raise ValueError(f"`name` must be one of {', '.join(known)}. Received: name={name!r}.")
    solver = known[name]
    return solver.make(solver.value if value is None else value)
