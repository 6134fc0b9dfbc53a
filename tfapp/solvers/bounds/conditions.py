"""Conditions (3.13) and (3.15) of Wu (2020) on the directions along a path of the weights."""

from dataclasses import dataclass

import numpy as np

# Columns at a time, so that no second copy of all places in float64 is needed.
_COLUMNS = 65536


@dataclass(frozen=True)
class DirectionConditions:
    """Where the conditions on directions hold.

    With the unit directions d_t of the gradients, along which the weights go down:

        (3.13)  <x_i - x_t, d_t> >= (f(x_i) - f(x_t)) / L   for all i <= t
        (3.15)  <x_i - x_t, d_t> >= 0                       for all i < t

    By Theorem 3 a step of Algorithm 2 without momentum goes nowhere in the balls around earlier places if (3.13) holds.

    Attributes:
        with_losses: bool (steps,), whether (3.13) holds at a step t for every i.
        without: bool (steps,), the same of (3.15).
        share_with_losses: float (steps,), the share of i < t for which (3.13) holds; 1 at the first step.
        share_without: float (steps,), the same of (3.15).
    """

    with_losses: np.ndarray
    without: np.ndarray
    share_with_losses: np.ndarray
    share_without: np.ndarray


def direction_conditions(places, losses, step_sizes, lipschitz, momentum, form) -> DirectionConditions:
    """Check conditions (3.13) and (3.15) at every step of a path that BPGrad took.

    The directions are those that the steps show: without momentum d_t = (x_t - x_{t+1}) / eta_t, and with it what is
    left of a step when the part of the steps before is taken off, as `form` has it.

    Args:
        places: float32 (steps + 1, weights), x_1 and the weights after each step, all in a row.
        losses: (steps,), f(x_t).
        step_sizes: (steps,), eta_t, positive.
        lipschitz: L.
        momentum: mu, in [0, 1).
        form: `algorithm-2` or `authors`, of `BPGrad`.

    References:
        Y. Wu, dissertation, 2020, chapter 3, Theorem 3 (eq. 3.13) and Corollary 2 (eq. 3.15).
    """
    products = _products(places)
    losses, step_sizes = np.asarray(losses, np.float64), np.asarray(step_sizes, np.float64)
    found = [
        _at(step, products, losses, _coefficients(step, step_sizes, momentum, form), lipschitz)
        for step in range(len(losses))
    ]
    return DirectionConditions(*map(np.array, zip(*found, strict=True)))


def _products(places):
    """Return the inner products of places less the first one, float64 (places, places)."""
    total = np.zeros((len(places), len(places)))
    for first in range(0, places.shape[1], _COLUMNS):
        block = places[:, first : first + _COLUMNS].astype(np.float64)
        block -= block[0]
        total += block @ block.T
    return total


def _coefficients(step, sizes, momentum, form):
    """Return what d_t is a sum of: pairs of the number of a place and its factor."""
    # v_t is x_{t+1} - x_t in the text, and that divided by eta_t in the code of the authors.
    now, before = (1.0, 1.0) if form == "algorithm-2" else (1 / sizes[step], 1 / sizes[step - 1])
    parts = [(step + 1, -now), (step, now)]
    if step:
        parts += [(step, momentum * before), (step - 1, -momentum * before)]
    factor = 1 / sizes[step] if form == "algorithm-2" else 1.0
    return [(place, factor * part) for place, part in parts]


def _at(step, products, losses, coefficients, lipschitz):
    """Return whether either condition holds for all i, and for which share of them."""
    if not step:
        return True, True, 1.0, 1.0
    along = sum(part * products[: step + 1, place] for place, part in coefficients)
    inner = along[:step] - along[step]
    # Of rounding: products are differences of much larger numbers.
    slack = 1e-9 * np.abs(products[: step + 1, : step + 1]).max()
    with_losses = inner >= (losses[:step] - losses[step]) / lipschitz - slack
    without = inner >= -slack
    return with_losses.all(), without.all(), with_losses.mean(), without.mean()
