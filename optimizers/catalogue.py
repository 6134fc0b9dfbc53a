"""Solvers that are compared with each other, each with the one parameter that is searched, and with its options."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import keras

from tfapp.optimizers.adaptive import AdaptiveOptimizer
from tfapp.optimizers.alig import ALIG
from tfapp.optimizers.bpgrad import BPGrad
from tfapp.optimizers.epoch_rates import EpochRates
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.lipschitz_rules import AUTO, MEDIAN

# What a search goes through: it begins with some of them, and goes on at the end where the best one lies.
_CONSTANTS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_RATES = (1e-5, 3e-5, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_ADADELTA_RATES = (*_RATES, 3.0, 10.0)
# Options of a solver behind its name, such as `adam:beta_1=0.99`, as tables write them.
SYMBOLS = {
    "rho": "ρ",
    "epsilon": "ε",
    "beta_1": "β₁",
    "beta_2": "β₂",
    "beta_3": "β₃",
    "momentum": "μ",
    "lipschitz": "L",
    "learning_rate": "rate",
}


@dataclass(frozen=True)
class Solver:
    """A Keras optimizer and the parameter that decides how well it does.

    Attributes:
        title: As tables write it.
        make: Function of the parameter, and of options by name, that returns the optimizer; everything else is at the
            values of its authors.
        parameter: Name of the parameter.
        ladder: Values that a search may try, the smallest first.
        first: Places of the first and the last one in it that a search tries at once.
        value: Value that is taken without a search.
        told: The options behind its name, as tables write them, or "".
        options: Names of the options, and the words that each may be, or `float` for a number.
    """

    title: str
    make: Callable
    parameter: str
    ladder: tuple
    first: tuple[int, int]
    value: float | str
    options: dict = field(default_factory=dict)
    told: str = ""

    @property
    def symbol(self) -> str:
        """The parameter as tables write it: L, rate, or its name."""
        return SYMBOLS.get(self.parameter, self.parameter)

    @property
    def full_title(self) -> str:
        """The title with the options behind the name."""
        return ", ".join(filter(None, (self.title, self.told)))

    @property
    def values(self) -> tuple:
        """Values that a search tries at once, the smallest first."""
        first, last = self.first
        return self.ladder[first : last + 1]

    def beyond(self, tried, best):
        """Return the value to try after those that were tried, of which one is best; None where there is none.

        Args:
            tried: Values of the ladder.
            best: One of them: if it is the smallest or the largest, the next one beyond it is worth a try.
        """
        place = self.ladder.index(best)
        step = {min(tried): -1, max(tried): 1}.get(best) if len(self.ladder) > 1 else None
        if step is None or not 0 <= place + step < len(self.ladder):
            return None
        return self.ladder[place + step]


def _ladder(values, lowest, highest):
    return values, (values.index(lowest), values.index(highest))


def _bpgrad(lipschitz, mean="batch", steps_per_epoch=None, **options):
    if mean == "epoch" and steps_per_epoch is None:
        raise ValueError("The mean over an epoch, mean=epoch, needs the updates of an epoch.")
    return BPGrad(lipschitz, mean_steps=steps_per_epoch if mean == "epoch" else None, **options)


def _sgd(rate, momentum=0.0, nesterov=False):
    return keras.optimizers.SGD(rate, momentum=momentum, nesterov=nesterov)


def _amsgrad(rate):
    return keras.optimizers.Adam(rate, amsgrad=True)


def _adaptive(rule, of_keras, rate, **options):
    """Return Keras's own optimizer, or with options the one that has them."""
    return AdaptiveOptimizer(rule, rate, **options) if options else of_keras(rate)


_OF_BPGRAD = {
    "rho": float,
    "momentum": float,
    "form": ("algorithm-2", "authors"),
    "decay": ("in-loss", "in-gradient"),
    "zero_gradient": ("skip", "random"),
    "mean": ("batch", "epoch"),
}
_BOTH = {"epsilon": float, "epsilon_inside": ("yes", "no")}
_OF_RULE = {
    "adagrad": {"rho": float} | _BOTH,
    "adadelta": {"rho": float} | _BOTH,
    "rmsprop": {"rho": float} | _BOTH,
    "adam": {"beta_1": float, "beta_2": float, "bias_correction": ("yes", "no")} | _BOTH,
}
_OF_RULE["amsgrad"] = _OF_RULE["adam"]


def _by_rule(title, rule, of_keras, ladder, first, value):
    make = partial(_adaptive, rule, of_keras)
    return Solver(title, make, "learning_rate", *_ladder(ladder, *first), value, _OF_RULE[rule])


_EVE = {"beta_1": float, "beta_2": float, "beta_3": float, "epsilon": float}
# Names of the solvers that `make_solver` takes, each with its `Solver`.
SOLVERS = {
    "bpgrad": Solver("BPGrad", _bpgrad, "lipschitz", *_ladder(_CONSTANTS, 1.0, 200.0), 20.0, _OF_BPGRAD),
    "bpgrad-auto": Solver(
        'BPGrad, L "auto"', _bpgrad, "lipschitz", *_ladder(("auto",), "auto", "auto"), "auto", _OF_BPGRAD
    ),
    "bpgrad-plain": Solver(
        "BPGrad, μ = 0",
        partial(_bpgrad, momentum=0.0),
        "lipschitz",
        *_ladder(_CONSTANTS, 1.0, 200.0),
        5.0,
        {name: words for name, words in _OF_BPGRAD.items() if name != "momentum"},
    ),
    "sgd": Solver("SGD", _sgd, "learning_rate", *_ladder(_RATES, 0.001, 1.0), 0.1),
    "sgd-momentum": Solver(
        "SGD, μ = 0.9",
        partial(_sgd, momentum=0.9),
        "learning_rate",
        *_ladder(_RATES, 0.001, 0.1),
        0.01,
    ),
    "nesterov": Solver(
        "SGD, Nesterov, μ = 0.9",
        partial(_sgd, momentum=0.9, nesterov=True),
        "learning_rate",
        *_ladder(_RATES, 0.001, 0.1),
        0.01,
    ),
    "adagrad": _by_rule("Adagrad", "adagrad", keras.optimizers.Adagrad, _RATES, (0.001, 0.3), 0.03),
    "adadelta": _by_rule(
        "Adadelta", "adadelta", keras.optimizers.Adadelta, _ADADELTA_RATES, (0.1, 10.0), 1.0
    ),
    "rmsprop": _by_rule("RMSProp", "rmsprop", keras.optimizers.RMSprop, _RATES, (0.0001, 0.01), 0.001),
    "adam": _by_rule("Adam", "adam", keras.optimizers.Adam, _RATES, (0.0001, 0.01), 0.001),
    "amsgrad": _by_rule("AMSGrad", "amsgrad", _amsgrad, _RATES, (0.0001, 0.01), 0.001),
    "nadam": Solver("Nadam", keras.optimizers.Nadam, "learning_rate", *_ladder(_RATES, 0.0001, 0.01), 0.001),
    "eve": Solver("Eve", Eve, "learning_rate", *_ladder(_RATES, 0.0001, 0.01), 0.001, _EVE),
    "alig": Solver("ALI-G", ALIG, "learning_rate", *_ladder(_RATES, 0.001, 1.0), 0.1),
}


def solver_of(name) -> Solver:
    """Return the solver of a name, options included.

    Args:
        name: One of `SOLVERS`, or one with options behind it, such as `adam:beta_1=0.99:beta_2=0.9999` or
            `bpgrad:form=authors:rho=0.5`: numbers, or words, `yes` and `no` among them. `Solver.options` has what each
            solver takes. Adagrad, Adadelta, RMSProp, Adam and AMSGrad are Keras's own without options, and
            `tfapp.optimizers.AdaptiveOptimizer` with them.

    Raises:
        ValueError: For an unknown name or option, an option that stands twice, or a value that none can be.
    """
    base, *parts = name.split(":")
    if base not in SOLVERS:
        raise ValueError(f"`name` must be one of {', '.join(SOLVERS)}. Received: name={base!r}.")
    if not parts:
        return SOLVERS[base]
    solver, options = SOLVERS[base], {}
    for part in parts:
        option, equals, text = part.partition("=")
        if not equals or option not in solver.options or option in options:
            known = ", ".join(f"{one}=..." for one in solver.options)
            has = f"has the options {known}, each once" if known else "has no options"
            raise ValueError(f"{base} {has}. Received: {part!r} in {name!r}.")
        options[option] = _option(option, text, solver.options[option])
    try:
        solver.make(solver.value, **options, **_epochs_of(solver, 1))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    told = (
        f"{SYMBOLS.get(one, one)} = {part.partition('=')[2]}"
        for one, part in zip(options, parts, strict=True)
    )
    return replace(solver, told=", ".join(told), make=partial(solver.make, **options))


def _option(name, text, kind):
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"`{name}` must be a number. Received: {name}={text!r}.") from None
    if text not in kind:
        raise ValueError(f"`{name}` must be one of {', '.join(kind)}. Received: {name}={text!r}.")
    return text == "yes" if set(kind) == {"yes", "no"} else text


def _epochs_of(solver, steps_per_epoch):
    """Return what `make` of a solver takes besides its options: the updates of an epoch where losses are averaged."""
    return {"steps_per_epoch": steps_per_epoch} if "mean" in solver.options else {}


def base_of(name) -> str:
    """Return the name in `SOLVERS` of a solver with or without options."""
    return name.partition(":")[0]


def checked_value(name, value):
    """Return the value of a solver's parameter, of which text is read: a float, a rule, or a text of `EpochRates`.

    Args:
        name: As for `solver_of`.
        value: A number, or a text: a number, `auto` or `auto-median` for L, or `EpochRates` for a learning rate.

    Raises:
        ValueError: For what is none of these, or out of range.
    """
    solver = solver_of(name)
    if solver.ladder == (AUTO,) and value != AUTO:
        raise ValueError(
            f"{base_of(name)} finds its L itself and takes no value but auto. Received: {value!r}."
        )
    if value in (AUTO, MEDIAN) and solver.parameter == "lipschitz":
        return value
    if isinstance(value, str) and EpochRates.is_text(value) and solver.parameter == "lipschitz":
        raise ValueError(f"L has no values by epoch, only learning rates have. Received: {value!r}.")
    if isinstance(value, str) and EpochRates.is_text(value) and solver.parameter == "learning_rate":
        return str(EpochRates.parse(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(
            f"Expected a positive number, the {solver.symbol} of {base_of(name)}. Received: {value!r}."
        )
    solver.make(number, **_epochs_of(solver, 1))
    return number


def read_setting(text) -> tuple:
    """Return the name of a solver and the value of its parameter, None where it has none, that a text means.

    Args:
        text: Such as `adam`, `adam=0.001`, `adam=0.01/0.001@31:beta_1=0.99` or `bpgrad=auto:form=authors`.

    Raises:
        ValueError: As `solver_of` and `checked_value`.
    """
    first, *options = text.split(":")
    base, equals, value = first.partition("=")
    name = ":".join([base, *options])
    solver_of(name)
    return name, checked_value(name, value) if equals else None


def value_text(value) -> str:
    """Return the value of a solver's parameter as names and tables write it: a few digits, "auto", or epochs' rates."""
    return value if isinstance(value, str) else f"{value:g}"


def make_solver(name, value=None, steps_per_epoch=None, epochs=None):
    """Return the optimizer of a solver.

    Args:
        name: One of `SOLVERS`, with or without options; as for `solver_of`.
        value: Value of its parameter; by default the one that needs no search. A learning rate may be a text of
            `tfapp.optimizers.EpochRates`, such as `0.05/0.005@31/0.0005@61`, which needs:
        steps_per_epoch: Updates in an epoch.
        epochs: Epochs of the training, for rates that fall from its first to its last.

    Raises:
        ValueError: For an unknown name, or rates by epoch without their number of updates.
    """
    solver = solver_of(name)
    value = solver.value if value is None else value
    if isinstance(value, str) and EpochRates.is_text(value):
        value = EpochRates.parse(value).schedule(steps_per_epoch, epochs)
    return solver.make(value, **_epochs_of(solver, steps_per_epoch))
