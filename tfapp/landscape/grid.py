"""A grid of losses around a solution: its arrays, what was measured of them, and its file."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path, plain_number, write_json
from tfapp.landscape.grid_record import TIMING, check_arrays, check_record
from tfapp.landscape.window import axis, coarse_to_fine, limits, nodes, strides
from tfapp.records import read_record

TODO, DONE, NAN, PREDICTED = 0, 1, 2, 3
_FORMAT = 2
_ARRAYS = ("alphas", "betas", "loss", "regularisation", "status")
_METRIC = "metric:"


@dataclass
class Grid:
    """Losses f(w + alpha*u + beta*v) on a grid around the solution w, or on a line (one beta).

    Figures and files for other programs are made of it; `tfapp.landscape.Surface` is a grid that can draw itself.

    Attributes:
        alphas, betas: float64 (n,) and (m,), ascending; for random directions relative: 1 moves every filter by
            100 % of its norm.
        loss: float64 (n, m), `loss[i, j]` = f(alphas[i], betas[j]) as `model.evaluate` reports it, weight
            decay included; NaN where not measured or not finite.
        regularisation: float64 (n, m), the part of `loss` that does not come from the data; NaN where not measured.
        status: uint8 (n, m), `TODO`, `DONE`, `NAN` (measured, and the loss was NaN or infinite) or `PREDICTED`.
        metadata: what is needed to compute the surface again, in types that JSON knows. `key`: hashes of
            weights, data, model and loss, then the options; `directions`; `versions`; and, once points are
            measured, `self_check`, `prediction`, `timing` (seconds) and, of a surface in bfloat16, `spot_check`.
        metrics: dictionary of float64 (n, m): the compiled metrics at measured points, NaN elsewhere.
        standard_error: float64 (n, m), of the data loss as a mean over images; NaN where not measured.
        centre: the loss of the solution itself, f(0, 0), NaN until it is measured. It need not be on the grid.
    """

    alphas: np.ndarray
    betas: np.ndarray
    loss: np.ndarray
    regularisation: np.ndarray
    status: np.ndarray
    metadata: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    standard_error: np.ndarray | None = None
    centre: float = float("nan")

    @classmethod
    def empty(cls, n: int, range=1.0, metadata: dict | None = None, *, line: bool = False) -> "Grid":
        """Return a surface with nothing measured.

        Args:
            n: points along each axis, >= 2. With an even number the solution is between four of them.
            range: half width of the window, or its limits `(low, high)`, or a pair of those for alpha and beta.
            metadata: see the class.
            line: one beta, 0, instead of `n`.
        """
        alpha_limits, beta_limits = limits(range)
        alphas, betas = axis(n, *alpha_limits), np.zeros(1) if line else axis(n, *beta_limits)
        nothing = np.full((len(alphas), len(betas)), np.nan)
        status = np.zeros(nothing.shape, np.uint8)
        return cls(
            alphas, betas, nothing, nothing.copy(), status, metadata or {}, standard_error=nothing.copy()
        )

    @property
    def data_loss(self) -> np.ndarray:
        """float64 (n, m): the loss without weight decay and other terms of `model.losses`."""
        return self.loss - self.regularisation

    @property
    def measured(self) -> np.ndarray:
        """bool (n, m): the cells that were measured, not predicted."""
        return (self.status == DONE) | (self.status == NAN)

    @property
    def num_measured(self) -> int:
        return int(np.count_nonzero(self.measured))

    @property
    def num_nan(self) -> int:
        return int(np.count_nonzero(self.status == NAN))

    @property
    def complete(self) -> bool:
        """Whether every cell has a loss, measured or predicted."""
        return not np.any(self.status == TODO)

    def extreme(self, which) -> tuple[float, float, float] | None:
        """Return `(loss, alpha, beta)` where `which`, `np.nanargmin` or `np.nanargmax`, says; None if no
        measured cell is finite."""
        measured = np.where(self.measured, self.loss, np.nan)
        if np.isnan(measured).all():
            return None
        i, j = np.unravel_index(which(measured), self.loss.shape)
        return float(self.loss[i, j]), float(self.alphas[i]), float(self.betas[j])

    def record(self, i: int, j: int, loss: float, regularisation: float = 0.0, metrics=None, error=np.nan):
        """Store one measured cell; a loss that is not finite becomes NaN and is marked as such."""
        finite = bool(np.isfinite(loss))
        self.loss[i, j] = loss if finite else np.nan
        self.regularisation[i, j] = regularisation if finite else np.nan
        self.standard_error[i, j] = error
        self.status[i, j] = DONE if finite else NAN
        for name, value in (metrics or {}).items():
            self.metrics.setdefault(name, np.full(self.loss.shape, np.nan))[i, j] = value
        if self.alphas[i] == 0 and self.betas[j] == 0 and np.isnan(self.centre):
            self.centre = self.loss[i, j]

    def fill(self, predicted: np.ndarray) -> None:
        """Take predicted losses, float (n, m), for the cells that were not measured."""
        self.loss[~self.measured] = predicted[~self.measured]
        self.status[~self.measured] = PREDICTED

    def todo(self) -> list[tuple[int, int]]:
        """Return the cells that are not measured yet, coarse lattices first."""
        return [cell for cell in coarse_to_fine(*self.loss.shape) if not self.measured[cell]]

    def drawable_grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `(alphas, betas, loss)` of the finest lattice that has a loss everywhere.

        Of a complete surface that is all of it; of an interrupted one a coarser picture, in which nothing
        is interpolated.

        Raises:
            InputError: fewer than 3 x 3 points have a loss, or the surface is a line.
        """
        if len(self.betas) == 1:
            raise InputError("Expected a surface over a plane to draw. Received: a line; draw it as a curve.")
        for stride in reversed(strides(max(self.loss.shape))):
            i, j = (nodes(count, stride) for count in self.loss.shape)
            if np.all(self.status[np.ix_(i, j)] != TODO):
                return self.alphas[i], self.betas[j], self.loss[np.ix_(i, j)]
        raise InputError(
            f"Expected at least 3 x 3 measured points to draw. Received: {self.num_measured} points; "
            "run the same command again to resume."
        )

    def save(self, path) -> None:
        """Write a NumPy archive without pickled objects, and the times beside it, by write-then-rename."""
        arrays = {name: getattr(self, name) for name in _ARRAYS} | {"measured": self.measured}
        arrays |= {f"{_METRIC}{name}": values for name, values in sorted(self.metrics.items())}
        arrays |= {"standard_error": self.standard_error, "centre": np.float64(self.centre)}
        # Times differ from run to run; without them the file of an interrupted surface is that of a whole one.
        lasting = {name: value for name, value in self.metadata.items() if name != "timing"}
        text = json.dumps({"format": _FORMAT, **lasting}, default=plain_number)
        write_json(_timing_file(path), self.metadata.get("timing", {}))
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, metadata=np.array(text), **arrays)

    @classmethod
    def load(cls, path) -> "Grid":
        """Read what `save` wrote, by this version or 0.1.0.

        Raises:
            InputError: the file is missing or is not a surface.
        """
        if not Path(path).is_file():
            raise InputError(f"Expected the file of a surface. Received: {path}, which does not exist.")
        try:
            with open_arrays(path, most=None) as archive:
                arrays = {name: archive[name] for name in _ARRAYS}
                metadata = json.loads(str(archive["metadata"]))
                if not isinstance(metadata, dict):
                    raise ValueError("its record is no table of entries")
                rest = _later_parts(archive, arrays, metadata.pop("format"))
            check_record(metadata)
            axes = {name: arrays[name] for name in ("alphas", "betas")}
            cells = {name: arrays[name] for name in ("loss", "regularisation")} | rest.get("metrics", {})
            cells |= {"standard_error": rest["standard_error"]}
            check_arrays(axes, cells, arrays["status"], rest["centre"])
        except DAMAGED as error:
            raise InputError(f"{path} is not a surface that this version can read ({error}).") from error
        if _timing_file(path).is_file():
            metadata["timing"] = read_record(_timing_file(path), TIMING, "remove it.")
        return cls(**arrays, metadata=metadata, **rest)


def _timing_file(path):
    return Path(path).with_suffix(".timing.json")


def _later_parts(archive, arrays, version):
    """Return what version 0.1.0 did not write."""
    if version == 1:
        middle = tuple(size // 2 for size in arrays["loss"].shape)
        return {
            "standard_error": np.full(arrays["loss"].shape, np.nan),
            "centre": float(arrays["loss"][middle]),
        }
    if version != _FORMAT:
        raise ValueError("another format")
    metrics = {name[len(_METRIC) :]: archive[name] for name in archive if name.startswith(_METRIC)}
    return {
        "metrics": metrics,
        "standard_error": archive["standard_error"],
        "centre": float(archive["centre"]),
    }
