"""Neighbourhoods over which sharpness is a maximum: a box in all weights, or in a random subspace."""

from collections.abc import Iterator

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.filters import norm_axes
from tfapp.landscape.flatness.derivatives import flatten

COLUMNS = ("unit", "gaussian")
# Rows of A that are drawn at once, and the size up to which all of them stay in memory.
_BLOCK = 1 << 16
_KEPT_BYTES = 1 << 30


def keskar_width(coordinates: np.ndarray) -> np.ndarray:
    """Return |x_i| + 1, half the sides of the box of Keskar et al. for eps = 1.

    Args:
        coordinates: the weights x (n,), or A^+ x (p,) in a subspace.
    """
    return np.abs(coordinates) + 1.0


def relative_width(coordinates: np.ndarray) -> np.ndarray:
    """Return |x_i|, half the sides of the box of Lu and Tong for eps = 1: theirs goes without the added one.

    Args:
        coordinates: the weights x (n,), or A^+ x (p,) in a subspace.
    """
    return np.abs(coordinates)


def filter_width(model: keras.Model) -> np.ndarray:
    """Return float64 (n,): the root mean square of the filter that each weight belongs to.

    At eps times that, a vertex of the box moves every filter by eps times its norm, so that rescaling a
    filter changes nothing (as in J. Kwon et al., "ASAM", ICML 2021). Biases, parameters of normalisation
    layers and all others without filters have 0: they stay.

    Raises:
        InputError: a kernel whose filters are not known, or no weight that can move.
    """
    width = flatten(
        np.zeros(tuple(variable.shape)) if axes is None else _root_mean_square(variable.numpy(), axes)
        for variable, axes in zip(model.trainable_variables, norm_axes(model), strict=True)
    )
    if not width.any():
        raise InputError(
            f"{model.name!r} has no filters to move: no kernel that is trainable and not zero; use the box "
            "of Keskar et al."
        )
    return width


class FullSpace:
    """All weights: A is the identity.

    Args:
        n: number of weights.
    """

    def __init__(self, n: int):
        self.size = n

    def lift(self, z: np.ndarray) -> np.ndarray:
        """Return A z (n,)."""
        return z

    def pull(self, gradient: np.ndarray) -> np.ndarray:
        """Return A' g, the gradient with respect to z."""
        return gradient

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Return A^+ x."""
        return x


class RandomSubspace:
    """Span of p random columns A (n, p) with independent Gaussian entries.

    Keskar et al. do not say how long the columns are, and the sharpness grows with them. `"gaussian"` leaves
    the entries at variance 1: a vertex then moves every weight by about eps sqrt(p), 0.01 for their eps = 1e-3
    and p = 100. `"unit"` scales the columns to length 1, and the moves by 1 / sqrt(n); in their network F1 they
    would be 1e-5, too little for the 9 % of their table 4.

    A is drawn in blocks of rows, which are drawn again at every use if they need more than 1 GiB.

    Args:
        n: number of weights.
        p: dimension, 1 <= p <= n.
        seed: integer >= 0, or a sequence of them.
        columns: `"gaussian"` or `"unit"`.
    """

    def __init__(self, n: int, p: int, seed, columns: str = "gaussian"):
        self.size = p
        self._n, self._seed = n, list(np.atleast_1d(seed))
        self._kept = list(self._draw()) if 4 * n * p <= _KEPT_BYTES else None
        self._gram = sum(block.T @ block for _, block in self._blocks())
        self._scale = np.ones(p)
        if columns == "unit":
            self._scale = 1.0 / np.sqrt(np.diag(self._gram))
            self._gram = self._gram * np.outer(self._scale, self._scale)

    def lift(self, z: np.ndarray) -> np.ndarray:
        """Return A z (n,)."""
        return np.concatenate([block @ (self._scale * z) for _, block in self._blocks()])

    def pull(self, gradient: np.ndarray) -> np.ndarray:
        """Return A' g (p,), the gradient with respect to z."""
        return self._scale * sum(gradient[rows] @ block for rows, block in self._blocks())

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """Return A^+ x = (A'A)^-1 A' x (p,)."""
        return np.linalg.solve(self._gram, self.pull(x))

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        for rows, block in self._kept if self._kept is not None else self._draw():
            yield rows, block.astype(np.float64)

    def _draw(self):
        for number, start in enumerate(range(0, self._n, _BLOCK)):
            rows = slice(start, min(start + _BLOCK, self._n))
            rng = np.random.default_rng([*self._seed, number])
            yield rows, rng.standard_normal((rows.stop - start, self.size), np.float32)


def _root_mean_square(array, axes):
    mean = np.mean(np.square(array, dtype=np.float64), axis=axes, keepdims=True)
    return np.broadcast_to(np.sqrt(mean), array.shape)
