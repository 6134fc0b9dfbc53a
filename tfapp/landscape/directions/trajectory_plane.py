"""Plane that shows most of a training trajectory.

The plane passes through the solution w, the last of the checkpoints, and has the least squared distance from
all of them: with the differences d_i = w_i - w as the rows of D, its axes are the two first right singular
vectors of D, which are combinations of the rows, u = D^T q / s with D D^T q = s^2 q. The m x m matrix D D^T is
all that is decomposed. Principal axes about the mean of the checkpoints, the other convention, need not pass
through the solution.

References:
    Hao Li, Zheng Xu, Gavin Taylor, Christoph Studer, Tom Goldstein: Visualizing the Loss Landscape of
    Neural Nets. NeurIPS 2018, arXiv:1712.09913, section 7.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape.directions.directions import Directions
from tfapp.landscape.directions.solutions import solution_weights
from tfapp.landscape.directions.structure import check_same_structure
from tfapp.landscape.directions.trajectory import Trajectory, load_trajectory
from tfapp.landscape.fingerprint import hash_arrays

# Below this ratio of the two extents a path is a straight line to every eye, and its second axis is noise.
_STRAIGHT = 1e-4
# Columns of D that are held in float64 at once.
_BLOCK = 1 << 18


def pca_directions(model: keras.Model, trajectory: Trajectory | Sequence | str | Path) -> Directions:
    """Return the plane of a training trajectory, with the checkpoints projected to it.

    All trainable parameters take part, biases and parameters of normalisation layers included: they are part
    of the path. Moving statistics are not; the surface has those of the model.

    Args:
        model: built Keras model at the end of the trajectory; it is read only. If its weights are not those of
            the last checkpoint, as when the best were restored, they are added as the last point.
        trajectory: what `load_trajectory` returns, its folder, or a list of three solutions or more in their
            order, each as for `solution_weights`.

    Returns:
        `Directions` of kind "pca", u and v orthogonal and of relative length 1, with the first point at
        alpha >= 0 and beta >= 0. `points` are the least-squares coordinates of the checkpoints, the last of
        which is (0, 0). `metadata["explained_variance"]` is the share of the squared distances from the
        solution that lies along each axis, in [0, 1]; `metadata["steps"]` are the steps of the points if they
        were recorded, None for an added one.

    Raises:
        InputError: a trajectory of another model, or one that lies in a line.
    """
    stack, steps = _path(model, trajectory)
    count = len(model.trainable_variables)
    scatter = sum(block @ block.T for number in range(count) for block in _differences(stack(number)))
    squares, q = np.linalg.eigh(scatter)
    squares, q = squares[::-1].clip(0), q[:, ::-1][:, :2]
    extents = np.sqrt(squares[:2])
    if len(squares) < 3 or not extents[1] > _STRAIGHT * extents[0]:
        raise InputError(
            "Expected a trajectory of three checkpoints or more that are not on one line. Received: "
            f"{len(squares)} checkpoints that span no plane; draw the line through two of them instead."
        )
    # An eigenvector has no sign of its own.
    q = q * np.where(q[0] < 0, -1.0, 1.0)
    points = q * extents
    points[-1] = 0.0  # and not -0.0 or a rounding of it
    axes = [_combined(stack(number), q / extents) for number in range(count)]
    scale = _norm_of_moved(model, axes)
    return Directions.through(
        model,
        "pca",
        *([scale * axis[k] for axis in axes] for k in range(2)),
        labels=[
            f"PCA {k + 1} ({share:.1%} of variance)" for k, share in enumerate(squares[:2] / squares.sum())
        ],
        metadata={"explained_variance": (squares[:2] / squares.sum()).tolist(), "steps": steps},
        points=points / scale,
        point_names=("start", *[""] * (len(q) - 2), "solution"),
    )


def _path(model, trajectory):
    """Return a function from the number of a parameter to its values (m, *shape) along the path, the last of
    which is the model's, and the m steps."""
    if isinstance(trajectory, str | Path):
        trajectory = load_trajectory(trajectory)
    if isinstance(trajectory, Trajectory):
        check_same_structure(trajectory.parameters, model, f"The trajectory in {trajectory.folder}")
        stack, steps, last = trajectory.parameter, trajectory.steps.tolist(), trajectory.hashes[-1]
    else:
        stack, steps, last = _listed(model, list(trajectory))
    solution = [variable.numpy() for variable in model.trainable_variables]
    if last == hash_arrays(solution):
        return stack, steps
    return lambda number: np.concatenate([stack(number), solution[number][None]]), [*steps, None]


def _listed(model, solutions):
    if not solutions:
        raise InputError("Expected a trajectory of three checkpoints or more. Received: an empty list.")
    path = [solution_weights(model, s, f"Checkpoint {number}") for number, s in enumerate(solutions, 1)]
    return lambda number: np.stack([w[number] for w in path]), [None] * len(path), hash_arrays(path[-1])


def _differences(values):
    """Yield blocks (m, columns) of the differences from the last row, in float64."""
    flat = values.reshape(len(values), -1)
    for start in range(0, flat.shape[1], _BLOCK):
        block = flat[:, start : start + _BLOCK].astype(np.float64)
        yield block - block[-1]


def _combined(values, coefficients):
    """Return combinations of the differences, (2, *shape), for coefficients (m, 2)."""
    parts = [coefficients.T @ block for block in _differences(values)]
    return np.concatenate(parts, axis=1).reshape(2, *values.shape[1:])


def _norm_of_moved(model, axes):
    pairs = zip(model.trainable_variables, axes, strict=True)
    squares = [np.sum(np.square(w.numpy(), dtype=np.float64)) for w, axis in pairs if axis.any()]
    return float(np.sqrt(sum(squares))) or 1.0
