"""The line through two solutions and the plane through three.

References:
    Ian J. Goodfellow, Oriol Vinyals, Andrew M. Saxe: Qualitatively Characterizing Neural Network
    Optimization Problems. ICLR 2015, arXiv:1412.6544 (the line).
    Timur Garipov, Pavel Izmailov, Dmitrii Podoprikhin, Dmitry Vetrov, Andrew Gordon Wilson: Loss Surfaces,
    Mode Connectivity, and Fast Ensembling of DNNs. NeurIPS 2018, arXiv:1802.10026 (the plane, appendix).
"""

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.solutions import solution_weights

# Below this sine of their angle two float32 differences are one line, not a plane.
_COLLINEAR = 1e-4


def line_through(first: keras.Model, second, *, names: tuple[str, str] = ("first", "second")) -> Directions:
    """Return the line (1 - alpha) * first + alpha * second through two solutions.

    Moving statistics are not trainable, so along the whole line they are those of the first solution: where
    the networks have batch normalisation, the loss at alpha = 1 is that of the second solution only if the
    statistics are estimated again at every point.

    Args:
        first: the solution at alpha = 0, a model at its weights; it is read only.
        second: the solution at alpha = 1, reached up to the last bit of float32: a model of the same
            architecture, a list of weights, or a path, as for `solution_weights`.
        names: what figures and messages call them.

    Returns:
        `Directions` of kind "line" with `points` [[0], [1]].

    Raises:
        InputError: a solution of another architecture, that is not finite or that cannot be read, or two
            solutions that are the same.
    """
    u = _difference(first, second, names[1])
    _length(u, names)
    return Directions.through(
        first,
        "line",
        u,
        labels=(f"from {names[0]} to {names[1]}",),
        points=np.array([[0.0], [1.0]]),
        point_names=tuple(names),
    )


def plane_through(
    first: keras.Model, second, third, *, names: tuple[str, str, str] = ("first", "second", "third")
) -> Directions:
    """Return the plane through three solutions.

    u = second - first, and v is third - first without its part along u (Gram-Schmidt), as long as u, so that
    the plane is drawn to scale. The solutions are at (0, 0), (1, 0) and (c, d), in `points`:

        c = <third - first, u> / <u, u>,    d = |third - first - c * u| / |u|.

    Args:
        first: the solution at (0, 0), a model at its weights; it is read only.
        second, third: the other two, each as for `line_through`, whose remark on moving statistics holds too.
        names: what figures and messages call them.

    Returns:
        `Directions` of kind "plane".

    Raises:
        InputError: as for `line_through`, or three solutions on one line.
    """
    u = _difference(first, second, names[1])
    length = _length(u, names)
    side = _difference(first, third, names[2])
    c = sum(float(np.vdot(s, a)) for s, a in zip(side, u, strict=True)) / length**2
    v = [s - c * a for s, a in zip(side, u, strict=True)]
    if _norm(v) <= _COLLINEAR * _norm(side):
        raise InputError(
            f"Expected three solutions that are not on one line. Received: {names[2]!r} on the line through "
            f"{names[0]!r} and {names[1]!r}; draw that line instead."
        )
    d = _norm(v) / length
    return Directions.through(
        first,
        "plane",
        u,
        [array / d for array in v],
        labels=(f"from {names[0]} to {names[1]}", f"towards {names[2]}, at right angles"),
        points=np.array([[0.0, 0.0], [1.0, 0.0], [c, d]]),
        point_names=tuple(names),
    )


def _difference(first, other, name):
    """Return other - first in float64, where the difference of two float32 numbers is exact enough."""
    weights = solution_weights(first, other, name)
    return [
        np.asarray(array, np.float64) - variable.numpy()
        for array, variable in zip(weights, first.trainable_variables, strict=True)
    ]


def _length(u, names):
    length = _norm(u)
    if length == 0:
        raise InputError(
            f"Expected two different solutions. Received: {names[0]!r} and {names[1]!r} with the same weights."
        )
    return length


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))
