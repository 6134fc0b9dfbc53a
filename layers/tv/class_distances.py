"""Borders that cost by the two classes that they part."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers.arguments import checked_spacing
from tfapp.layers.tv.linear_operator import LinearOperator
from tfapp.layers.tv.operators import (
    adjoint_differences,
    differences_norm_squared,
    forward_differences,
    unit_spacing,
)


@keras.saving.register_keras_serializable(package="tfapp")
class ClassDistances(LinearOperator):
    """Borders that cost by the two classes they part: lambda * distance(a, b) for a unit of length between a and b.

    The distances must be those of points in a space with a Euclidean distance: then the length of the differences of
    A, moved to these points, is the tightest that such an embedding gives. The total variation of the plain layer is
    the one with a distance of 2 between any two classes, but counts by class and is a little larger where classes mix.

    Args:
        distances: Symmetric matrix (classes, classes) of numbers >= 0 with zeros on its diagonal.
        spacing: Distance of neighbours along each spatial axis, or None for 1.

    Reference:
        J. Lellmann, C. Schnoerr, "Continuous Multiclass Labeling Approaches and Algorithms", SIAM Journal on Imaging
        Sciences 4, 2011, section 4.2, "Euclidean metric methods".
    """

    is_coupled = True
    reach = 1

    def __init__(self, distances, spacing=None):
        table = np.asarray(distances, np.float64)
        if (
            table.ndim != 2
            or table.shape[0] != table.shape[1]
            or len(table) < 2
            or not np.isfinite(table).all()
        ):
            raise ValueError(
                "`distances` must be a square matrix of finite numbers, one row for each class. "
                f"Received: {distances!r}"
            )
        if (table < 0).any() or np.diag(table).any() or not np.allclose(table, table.T, rtol=1e-6, atol=0):
            raise ValueError(
                "`distances` must be symmetric and >= 0, with zeros on the diagonal. "
                f"Received: {table.tolist()}"
            )
        self._points = _embedded(table)
        self.distances = table.tolist()
        self.spacing = checked_spacing(spacing=spacing)

    def apply(self, planes):
        if planes.shape[0] != len(self._points):
            raise ValueError(
                f"`distances` has {len(self._points)} classes, the logits have {planes.shape[0]}; give one row and one "
                "column for each class."
            )
        moved = tf.tensordot(tf.constant(self._points.T, planes.dtype), planes, 1)
        return forward_differences(moved, unit_spacing(planes, self.spacing))

    def adjoint(self, field):
        planes = adjoint_differences(field, unit_spacing(field[0], self.spacing))
        return tf.tensordot(tf.constant(self._points, planes.dtype), planes, 1)

    def norm_squared(self, axes):
        largest = np.linalg.norm(self._points, 2) ** 2
        return float(largest) * differences_norm_squared(axes, self.spacing)

    def groups(self, axes):
        return (axes,)

    def get_config(self):
        return {"distances": self.distances, "spacing": self.spacing}


def _embedded(distances):
    """Return points (classes, dimensions) around 0 with these distances, by classical multidimensional scaling."""
    centre = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    largest = max(values.max(), np.finfo(float).tiny)
    if values.min() < -1e-6 * largest:
        raise ValueError(
            "`distances` cannot be those of points in a space with a Euclidean distance; their square roots often can. "
            f"Received: {distances.tolist()}"
        )
    kept = values > 1e-9 * largest
    if not kept.any():
        raise ValueError(f"`distances` must not be all 0. Received: {distances.tolist()}")
    return vectors[:, kept] * np.sqrt(values[kept])
