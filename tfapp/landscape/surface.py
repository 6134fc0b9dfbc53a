"""A grid of losses around a solution, and its file."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path

TODO, DONE, NAN = 0, 1, 2
_FORMAT = 1
_ARRAYS = ("alphas", "betas", "loss", "regularisation", "status")


@dataclass
class Surface:
    """Losses f(w + alpha*u + beta*v) on a square grid whose centre is the solution w.

    Attributes:
        alphas, betas: float64 (n,), ascending, relative: 1 moves every filter by 100 % of its norm.
        loss: float64 (n, n), `loss[i, j]` = f(alphas[i], betas[j]) as `model.evaluate` reports it, weight
            decay included; NaN where not measured or not finite.
        regularisation: float64 (n, n), the part of `loss` that does not come from the data.
        status: uint8 (n, n), `TODO`, `DONE` or `NAN` (measured, and the loss was NaN or infinite).
        metadata: what is needed to compute the surface again, in types that JSON knows. `key`: hashes of
            weights, data, model and loss, then samples, seed, n, range, batch_size; `direction_seeds`;
            `versions`; and, once points are measured, `self_check` and `timing` (seconds).
    """

    alphas: np.ndarray
    betas: np.ndarray
    loss: np.ndarray
    regularisation: np.ndarray
    status: np.ndarray
    metadata: dict = field(default_factory=dict)

    @classmethod
    def empty(cls, n: int, range: float, metadata: dict | None = None) -> "Surface":
        """Return an n x n surface over [-range, range]^2 with nothing measured; `n` is odd and >= 3."""
        half = n // 2
        # Built from integers so that the centre is exactly 0 and the grid exactly symmetric.
        axis = range * np.arange(-half, half + 1) / half
        nothing = np.full((n, n), np.nan)
        return cls(axis, axis.copy(), nothing, nothing.copy(), np.zeros((n, n), np.uint8), metadata or {})

    @property
    def data_loss(self) -> np.ndarray:
        """float64 (n, n): the loss without weight decay and other terms of `model.losses`."""
        return self.loss - self.regularisation

    @property
    def centre(self) -> float:
        """The loss of the solution itself, f(0, 0)."""
        return float(self.loss[len(self.alphas) // 2, len(self.betas) // 2])

    @property
    def num_measured(self) -> int:
        return int(np.count_nonzero(self.status != TODO))

    @property
    def num_nan(self) -> int:
        return int(np.count_nonzero(self.status == NAN))

    @property
    def complete(self) -> bool:
        return self.num_measured == self.status.size

    def extreme(self, which) -> tuple[float, float, float] | None:
        """Return `(loss, alpha, beta)` where `which`, `np.nanargmin` or `np.nanargmax`, says; None if no
        cell is finite."""
        if np.isnan(self.loss).all():
            return None
        i, j = np.unravel_index(which(self.loss), self.loss.shape)
        return float(self.loss[i, j]), float(self.alphas[i]), float(self.betas[j])

    def record(self, i: int, j: int, loss: float, regularisation: float = 0.0) -> None:
        """Store one measured cell; a loss that is not finite becomes NaN and is marked as such."""
        finite = bool(np.isfinite(loss))
        self.loss[i, j] = loss if finite else np.nan
        self.regularisation[i, j] = regularisation if finite else np.nan
        self.status[i, j] = DONE if finite else NAN

    def todo(self) -> list[tuple[int, int]]:
        """Return the cells that are not measured yet, coarse lattices first."""
        return [cell for cell in coarse_to_fine(len(self.alphas)) if self.status[cell] == TODO]

    def measured_grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `(alphas, betas, loss)` of the finest lattice that is measured throughout.

        Of a complete surface that is all of it; of an interrupted one a coarser picture, in which nothing
        is interpolated.

        Raises:
            InputError: fewer than 3 x 3 points are measured.
        """
        half = len(self.alphas) // 2
        for stride in reversed(_strides(half)):
            lattice = slice(half % stride, None, stride)
            if np.all(self.status[lattice, lattice] != TODO):
                return self.alphas[lattice], self.betas[lattice], self.loss[lattice, lattice]
        raise InputError(
            f"Expected at least 3 x 3 measured points to draw. Received: {self.num_measured} points; "
            "run the same command again to go on."
        )

    def save(self, path) -> None:
        """Write a NumPy archive without pickled objects, by write-then-rename."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        text = json.dumps({"format": _FORMAT, **self.metadata})
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, metadata=np.array(text), **arrays)

    @classmethod
    def load(cls, path) -> "Surface":
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing or is not a surface.
        """
        if not Path(path).is_file():
            raise InputError(f"Expected the file of a surface. Received: {path}, which does not exist.")
        try:
            # Opened here, because NumPy leaves a file open that is not the archive it looks like.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
                metadata = json.loads(str(archive["metadata"]))
            if metadata.pop("format") != _FORMAT:
                raise ValueError("another format")
        except (ValueError, KeyError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is not a surface that this version can read ({error}).") from error
        return cls(**arrays, metadata=metadata)


def coarse_to_fine(n: int) -> list[tuple[int, int]]:
    """Return all cells of an n x n grid, n odd: the centre, then nested lattices of halving mesh.

    Each lattice contains the ones before it, and a run that stops early leaves the whole window at a
    coarser mesh instead of a corner at the finest.

    >>> coarse_to_fine(3)[:3]
    [(1, 1), (0, 1), (1, 0)]
    """
    half = n // 2
    cells = [(half, half)]
    for stride in _strides(half):
        lattice = range(half % stride, n, stride)
        level = [(i, j) for i in lattice for j in lattice]
        cells += sorted(level, key=lambda cell: (cell[0] - half) ** 2 + (cell[1] - half) ** 2)
    return list(dict.fromkeys(cells))


def _strides(half):
    """Return the meshes of the nested lattices, powers of two from the coarsest down to 1."""
    return [1 << level for level in reversed(range(half.bit_length()))]
