"""Directions in weight space, one or two: what they mean, their file, and the copy beside a surface."""

import dataclasses
import json
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.landscape.directions.structure import (
    PARAMETERS,
    Parameter,
    check_same_structure,
    open_archive,
    parameters_from_json,
    parameters_of,
    structure_hash,
)
from tfapp.landscape.fingerprint import hash_arrays

_FORMAT = 1
_TINY = 1e-10
_COMPUTED = ("gradient", "hessian")
_REQUEST = "request"
_ENDING = "-directions.npz"


@dataclass(frozen=True, eq=False)
class Directions:
    """The line w + alpha*u or the plane w + alpha*u + beta*v through a solution w.

    A step of alpha along u is alpha * `relative_u` of the norm of the weights that are moved, and
    alpha * `absolute_u` in the unit of the weights; axes are labelled in both.

    Attributes:
        kind: how they were made, such as "filter" or "pca".
        u, v: one float32 array per entry of `model.trainable_variables`; v is None for a line.
        labels: what the axes are, one per direction.
        relative_u, relative_v: |u| / |w| and |v| / |w| over the weights moved by either; 1 means that a step
            of 1 is as long as the weights themselves. None where v is.
        parameters: the trainable parameters they belong to.
        weights: hash of the trainable parameters of w.
        metadata: seeds, explained variance and the like, in types that JSON knows; always `cosine` of the
            angle between u and v (of a plane) and `share_perturbed`, moved / all trainable parameters.
        points: float64 (m, 1) or (m, 2), solutions that lie on the line, or in the plane or are projected to
            it, as alpha (and beta); None if there are none.
        point_names: m names, empty for points that have none.
        unmoved: paths of weights that are not trained, which directions do not move, and in which one of the `points`
            differs from w; moving statistics of batch normalisation are left out.
    """

    kind: str
    u: list[np.ndarray]
    v: list[np.ndarray] | None
    labels: tuple[str, ...]
    relative_u: float
    relative_v: float | None
    parameters: tuple[Parameter, ...]
    weights: str
    metadata: dict = field(default_factory=dict)
    points: np.ndarray | None = None
    point_names: tuple[str, ...] = ()
    unmoved: tuple[str, ...] = ()

    @classmethod
    def through(cls, model: keras.Model, kind: str, u, v=None, *, labels, metadata=None, **points):
        """Return the directions u and v at the present weights of a model, with their figures."""
        u, v = (None if d is None else [np.asarray(a, np.float32) for a in d] for d in (u, v))
        figures = direction_figures(model, u, v)
        return cls(
            kind,
            u,
            v,
            tuple(labels),
            figures.pop("relative_length_u"),
            figures.pop("relative_length_v", None),
            parameters_of(model),
            _hash_weights(model),
            (metadata or {}) | figures,
            **points,
        )

    @property
    def absolute_u(self) -> float:
        """|u|, the length of a step of 1."""
        return _norm(self.u)

    @property
    def absolute_v(self) -> float | None:
        return None if self.v is None else _norm(self.v)

    def line(self) -> "Directions":
        """Return the line along u alone; points are projected to it along v."""
        points = None if self.points is None else self.points[:, :1]
        metadata = {name: value for name, value in self.metadata.items() if name != "cosine"}
        return dataclasses.replace(
            self, v=None, labels=self.labels[:1], relative_v=None, points=points, metadata=metadata
        )

    def check(self, model: keras.Model, what: str = "This set of directions") -> None:
        """Refuse a model that the directions were not made for.

        Directions without `points` may be used at other weights of the same model, with a warning: they are
        no longer normalised by its filters, or no longer its gradient or eigenvectors.

        Raises:
            InputError: another structure (the first parameter that differs is named), or other weights than
                those that `points` are relative to.
        """
        check_same_structure(self.parameters, model, what)
        if self.weights == _hash_weights(model):
            return
        if self.points is not None:
            raise InputError(
                f"{what} leads from one trained solution to others, and {model.name!r} has other weights than "
                "the first; load those, or make the directions again."
            )
        warnings.warn(
            f"{what} was made at other weights of {model.name!r}; lengths relative to them are out of date.",
            stacklevel=2,
        )

    def save(self, path) -> None:
        """Write a NumPy archive without pickled objects, by write-then-rename."""
        arrays = {f"u{index}": array for index, array in enumerate(self.u)}
        arrays |= {f"v{index}": array for index, array in enumerate(self.v or ())}
        if self.points is not None:
            arrays["points"] = self.points
        names = ("kind", "labels", "relative_u", "relative_v", "parameters", "weights", "point_names")
        record = {name: getattr(self, name) for name in names}
        if self.unmoved:
            record["unmoved"] = self.unmoved
        record |= {"format": _FORMAT, "structure": structure_hash(self.parameters), "metadata": self.metadata}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, record=np.array(json.dumps(record)), **arrays)

    @classmethod
    def load(cls, path, model: keras.Model | None = None) -> "Directions":
        """Read what `save` wrote, and `check` it against the model if one is given.

        Raises:
            InputError: the file is missing, is not a file of directions, or belongs to another model.
        """
        with open_archive(path, "file of directions") as archive:
            record = json.loads(str(archive["record"]))
            rows = record.pop("parameters")
            if fault := PARAMETERS.fault(rows, "parameters"):
                raise ValueError(fault)
            parameters = parameters_from_json(rows)
            if (record.pop("format"), record.pop("structure")) != (_FORMAT, structure_hash(parameters)):
                raise ValueError("another format")
            u = [_read(archive, f"u{index}", p.shape) for index, p in enumerate(parameters)]
            is_line = record["relative_v"] is None
            v = None if is_line else [_read(archive, f"v{i}", p.shape) for i, p in enumerate(parameters)]
            points = archive["points"] if "points" in archive else None
            tuples = {name: tuple(record.pop(name)) for name in ("labels", "point_names")}
            tuples["unmoved"] = tuple(record.pop("unmoved", ()))
            found = cls(**record, **tuples, u=u, v=v, parameters=parameters, points=points)
        if model is not None:
            found.check(model, str(path))
        return found


def direction_figures(
    model: keras.Model, u: list[np.ndarray], v: list[np.ndarray] | None = None
) -> dict[str, float]:
    """Say in numbers what a step of length 1 along one or two directions means.

    Args:
        model: the model for which `u` and `v` were made.
        u, v: one array per entry of `model.trainable_variables`; v may be None.

    Returns:
        `relative_length_u`, `relative_length_v`: |u| / |w| and |v| / |w| over the weights that either
        moves; 1 up to rounding for filter-normalised ones, whose axes have the unit 100 % of the norm of
        every filter.
        `cosine`: of the angle between u and v.
        `share_perturbed`: moved parameters / trainable parameters, in [0, 1].
        What is said of v is left out if v is None.
    """
    weights = [variable.numpy() for variable in model.trainable_variables]
    moved = [bool(a.any() or b.any()) for a, b in zip(u, v or u, strict=True)]
    norm_w = _norm([w for w, is_moved in zip(weights, moved, strict=True) if is_moved])
    counts = np.array([w.size for w in weights])
    figures = {
        "relative_length_u": _norm(u) / (norm_w + _TINY),
        "share_perturbed": float(counts[moved].sum() / counts.sum()),
    }
    if v is not None:
        inner = sum(float(np.vdot(a.astype(np.float64), b)) for a, b in zip(u, v, strict=True))
        figures["relative_length_v"] = _norm(v) / (norm_w + _TINY)
        figures["cosine"] = inner / (_norm(u) * _norm(v) + _TINY)
    return figures


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=np.float64)) for array in arrays)))


def _hash_weights(model):
    return hash_arrays(variable.numpy() for variable in model.trainable_variables)


def _read(archive, name, shape):
    array = archive[name]
    if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(f"{name} is not of shape {shape}, float32 and finite")
    return array


# A gradient and eigenvectors are sums that a machine may order differently each time, and come out different in
# their last bits; a surface resumes with those that it was begun with.


def directions_file(path) -> Path:
    """Return the file of the directions of the surface in `path`."""
    return Path(path).with_name(f"{Path(path).stem}{_ENDING}")


def is_directions_file(path) -> bool:
    """Return whether a file is named like that of directions, and is no surface."""
    return Path(path).name.endswith(_ENDING)


def directions_request(directions, hashes: dict, *, seed, layers, biases) -> dict:
    """Return what directions are made from, in types that JSON knows, or {} for those that are made alike each
    time or come from the caller.

    Args:
        directions, seed, layers, biases: as for `landscape`.
        hashes: of the weights and of the data.
    """
    if not (isinstance(directions, str) and directions in _COMPUTED):
        return {}
    layers = layers if layers is None or isinstance(layers, str) else list(layers)
    return {"kind": directions, "seed": int(seed), "layers": layers, "biases": bool(biases), **hashes}


def kept_directions(path, request: dict, overwrite: bool = False) -> Directions | None:
    """Return the directions that the surface in `path` was begun with, None where they are to be made.

    Args:
        path: file of the surface, or None.
        request: what `directions_request` returns; directions kept for another one are left alone.
        overwrite: the surface is begun again.
    """
    if path is None or overwrite or not request:
        return None
    if not (Path(path).exists() and directions_file(path).exists()):
        return None
    kept = Directions.load(directions_file(path))
    metadata = dict(kept.metadata)
    return replace(kept, metadata=metadata) if metadata.pop(_REQUEST, None) == request else None


def keep_directions(path, request: dict, directions: Directions) -> None:
    """Write directions that cannot be made again to the last bit beside the file of their surface."""
    if path is not None and request:
        metadata = directions.metadata | {_REQUEST: request}
        replace(directions, metadata=metadata).save(directions_file(path))
