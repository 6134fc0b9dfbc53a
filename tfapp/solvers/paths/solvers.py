"""Parameters that the solvers have on the functions of a few variables."""

import math

import keras

from tfapp.errors import InputError
from tfapp.optimizers import (
    ALIG,
    AdaptiveOptimizer,
    BPGrad,
    EpochRates,
    Eve,
    LossAwareOptimizer,
    make_solver,
    solver_of,
)
from tfapp.optimizers.catalogue import base_of, value_text
from tfapp.solvers.paths.paths import PathSolver
from tfapp.solvers.paths.reddi_example import InverseSquareRoot

_SINES = {
    "bpgrad": 4 * math.pi,
    "bpgrad-plain": 4 * math.pi,
    "bpgrad-auto": "auto",
    "sgd": 0.1,
    "sgd-momentum": 0.01,
    "nesterov": 0.01,
    "adagrad": 0.5,
    "adadelta": 1.0,
    "rmsprop": 0.1,
    "adam": 0.1,
    "amsgrad": 0.1,
    "nadam": 0.1,
    "eve": 0.1,
    "alig": 0.1,
}
# L of BPGrad on f1 to f3 is that of Wu (2020). All others are of 1, 2 and 5 times powers of ten; they were chosen by
# hand for a low end after few updates.
VALUES = {
    "f1": _SINES,
    "f2": _SINES,
    "f3": _SINES,
    "parabola": {
        "bpgrad": 10.0,
        "bpgrad-plain": 5.0,
        "bpgrad-auto": "auto",
        "sgd": 0.1,
        "sgd-momentum": 0.1,
        "nesterov": 0.1,
        "adagrad": 1.0,
        "adadelta": 1.0,
        "rmsprop": 0.02,
        "adam": 0.2,
        "amsgrad": 0.2,
        "nadam": 0.2,
        "eve": 0.2,
        "alig": 0.1,
    },
    "separable": {
        "bpgrad": 5.0,
        "bpgrad-plain": 1.0,
        "bpgrad-auto": "auto",
        "sgd": 0.5,
        "sgd-momentum": 0.1,
        "nesterov": 0.1,
        "adagrad": 0.1,
        "adadelta": 1.0,
        "rmsprop": 0.001,
        "adam": 0.001,
        "amsgrad": 0.001,
        "nadam": 0.001,
        "eve": 0.001,
        "alig": 1.0,
    },
}


def adaptive_solver(rule, title, parameters, **settings) -> PathSolver:
    """Return `AdaptiveOptimizer` with a rule and settings, which `parameters` tells in words."""
    return PathSolver(rule, title, parameters, lambda: AdaptiveOptimizer(rule, **settings))


# Those of table 3.1 of Y. Wu's dissertation (2020) with the settings of its appendix A.4, and others beside them.
ON_ROSENBROCK = (
    PathSolver("bpgrad-plain", "BPGrad, μ = 0", "L = 500, ρ = 0.1", lambda: BPGrad(500.0, momentum=0.0)),
    PathSolver("bpgrad", "BPGrad, μ = 0.9", "L = 500, ρ = 0.1", lambda: BPGrad(500.0)),
    PathSolver("sgd", "SGD", "rate 0.001", lambda: keras.optimizers.SGD(0.001)),
    PathSolver(
        "sgd-momentum",
        "SGD, μ = 0.9, damped",
        "rate 0.002",
        lambda: keras.optimizers.SGD(0.0002, momentum=0.9),
    ),
    adaptive_solver(
        *("rmsprop", "RMSProp", "rate 0.02, ρ = 0.99, ε = 1e-6"),
        **{"learning_rate": 0.02, "rho": 0.99, "epsilon": 1e-6},
    ),
    adaptive_solver(
        *("adagrad", "Adagrad, forgetting", "rate 0.01, ρ = 0.9, ε = 1e-10"),
        **{"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-10},
    ),
    adaptive_solver(
        *("adam", "Adam, uncorrected", "rate 0.02, β = 0.9, 0.999, ε = 1e-6"),
        **{"learning_rate": 0.02, "epsilon": 1e-6, "bias_correction": False},
    ),
    adaptive_solver(
        *("adadelta", "Adadelta", "ρ = 0.99, ε = 1e-6 outside"),
        **{"rho": 0.99, "epsilon": 1e-6},
    ),
    PathSolver(
        "nesterov",
        "SGD, Nesterov, μ = 0.9",
        "rate 0.0002",
        lambda: keras.optimizers.SGD(0.0002, momentum=0.9, nesterov=True),
    ),
    PathSolver("amsgrad", "AMSGrad", "rate 0.02", lambda: keras.optimizers.Adam(0.02, amsgrad=True)),
    PathSolver("nadam", "Nadam", "rate 0.02", lambda: keras.optimizers.Nadam(0.02)),
    PathSolver("eve", "Eve", "rate 0.02", lambda: Eve(0.02)),
    PathSolver("alig", "ALI-G", "rate 0.001", lambda: ALIG(0.001)),
    PathSolver("bpgrad-auto", 'BPGrad, L "auto"', "ρ = 0.1", lambda: BPGrad("auto")),
)

# Theorem 1 of Reddi et al. (2018): beta_1 = 0, beta_2 = 1 / (1 + C^2) with C = 3, and rates that fall as 1 / sqrt(t).
_OF_THEOREM_1 = {"beta_1": 0.0, "beta_2": 0.1, "bias_correction": False}
ON_REDDI = (
    PathSolver("sgd", "SGD", "rate 0.1 / √t", lambda: keras.optimizers.SGD(InverseSquareRoot(0.1))),
    PathSolver(
        "adagrad",
        "Adagrad",
        "rate 0.1",
        lambda: AdaptiveOptimizer("adagrad", 0.1),
    ),
    PathSolver(
        "rmsprop",
        "RMSProp",
        "rate 0.1 / √t, ρ = 0.1",
        lambda: AdaptiveOptimizer("rmsprop", InverseSquareRoot(0.1), rho=0.1),
    ),
    PathSolver(
        "adam",
        "Adam",
        "rate 0.1 / √t, β = 0, 0.1",
        lambda: AdaptiveOptimizer("adam", InverseSquareRoot(0.1), **_OF_THEOREM_1),
        # Over RMSProp, which goes the same way.
        dashed=True,
    ),
    PathSolver(
        "amsgrad",
        "AMSGrad",
        "rate 0.1 / √t, β = 0, 0.1",
        lambda: AdaptiveOptimizer("amsgrad", InverseSquareRoot(0.1), **_OF_THEOREM_1),
    ),
)
_FIXED = {"rosenbrock": ON_ROSENBROCK, "reddi": ON_REDDI}


def path_solver(name, value) -> PathSolver:
    """Return a solver with the value of its parameter.

    Args:
        name: As for `tfapp.optimizers.solver_of`.
        value: A number, or `auto`.

    Raises:
        InputError: For rates or means by epoch, as there are no epochs here.
    """
    if isinstance(value, str) and EpochRates.is_text(value):
        raise InputError(
            f"{name}={value} gives rates by epoch, and a function has no epochs; expected one rate, such as {name}=0.1."
        )
    try:
        make_solver(name, value)
    except ValueError as error:
        raise InputError(f"{name} cannot go along a function: {error} Leave that option out.") from error
    title = solver_of(name).full_title
    return PathSolver(name, title, parameter_text(name, value), lambda: make_solver(name, value))


def parameter_text(name, value) -> str:
    """Return the value of a solver's parameter as tables write it."""
    return f"{solver_of(name).symbol} {value_text(value) if isinstance(value, str) else f'{value:.4g}'}"


def solvers_on(function, chosen) -> list[PathSolver]:
    """Return solvers with the parameters that they have on a function.

    Args:
        function: `rosenbrock` and `reddi`, whose solvers are `ON_ROSENBROCK` and `ON_REDDI`, or one of `VALUES`.
        chosen: Dictionary from names of solvers to values of their parameters, None for the one of the function.
            Names without options that have none on the function are left out.

    Raises:
        InputError: As `path_solver`; none of the solvers can go along the function.
    """
    usual = _FIXED.get(function) or _usual(function)
    found = []
    for name, value in chosen.items():
        if value is None and name != base_of(name):
            value = VALUES.get(function, {}).get(base_of(name), solver_of(name).value)
        if value is None:
            found += [solver for solver in usual if solver.name == name]
        else:
            found.append(path_solver(name, value))
    if function == "reddi":
        _check_reddi(found)
    return found


def _check_reddi(found):
    if not found:
        names = ", ".join(solver.name for solver in ON_REDDI)
        raise InputError(
            f"reddi has settings of {names}; give another solver its parameter, such as eve=0.01."
        )
    aware = next((solver.title for solver in found if isinstance(solver.make(), LossAwareOptimizer)), None)
    if aware:
        raise InputError(f"{aware} needs losses that are not negative, and those of reddi are; leave it out.")


def _usual(function):
    solvers = [path_solver(name, value) for name, value in VALUES[function].items()]
    return [*solvers, _original_adagrad()] if function == "separable" else solvers


def _original_adagrad():
    # Keras begins the sum of squares at 0.1, far above the squares of most of these gradients.
    return PathSolver(
        "adagrad",
        "Adagrad, sum from 0",
        "rate 0.1",
        lambda: keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0),
        dashed=True,
    )
