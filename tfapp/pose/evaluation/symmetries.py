"""Symmetries of a part, discrete and about an axis, and how far two rotations are apart over them."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError

_TOLERANCE = 1e-4
# Steps of a whole turn: a point turns by less than 1 % of a diameter, as the BOP toolkit has it.
_AXIS_STEPS = 315
_EXPECTED = 'a list of orthogonal 3×3 matrices, {"axis": [x, y, z]}, or a list of matrices and one such axis'


@dataclass(frozen=True, eq=False)
class Symmetries:
    """The orthogonal matrices that map a part onto itself, about the origin of its frame.

    Attributes:
        matrices: float64 (k, 3, 3), the identity among them; a determinant of -1 says that the part is its own
            mirror image.
        axis: float64 (3,), unit vector of an axis about which any rotation is a symmetry, or None. The ends of
            the axis are told apart unless one of `matrices` swaps them; a body of revolution is its own mirror image.
    """

    matrices: np.ndarray
    axis: np.ndarray | None = None

    @classmethod
    def of(cls, description) -> "Symmetries":
        """Return the symmetries that `scenes.json` describes.

        Args:
            description: `{"axis": [x, y, z]}`, or a list of 3 x 3 matrices, which needs not name the identity, and
                of one such axis at most.

        Raises:
            InputError: Neither of both, matrices that are not orthogonal, an axis of length 0, or several axes.
        """
        many = np.iterable(description) and not isinstance(description, dict)
        listed = list(description) if many else [description]
        axes = [_axis(one) for one in listed if isinstance(one, dict)]
        if len(axes) > 1:
            raise InputError(f"Symmetries may have one axis of revolution. Received: {len(axes)}.")
        matrices = _matrices([one for one in listed if not isinstance(one, dict)])
        products = np.swapaxes(matrices, 1, 2) @ matrices
        if not np.allclose(products, np.eye(3), atol=_TOLERANCE):
            raise InputError(f"Symmetries must be {_EXPECTED}. Received: {description!r}.")
        if not any(np.allclose(matrix, np.eye(3), atol=_TOLERANCE) for matrix in matrices):
            matrices = np.concatenate([np.eye(3)[None], matrices])
        return cls(matrices, axes[0] if axes else None)

    def with_mirror(self, mirror) -> "Symmetries":
        """Return these together with a symmetry of determinant -1, (3, 3), and all products with it."""
        return Symmetries(np.concatenate([self.matrices, self.matrices @ mirror]), self.axis)

    def rotation_error(self, estimated, true) -> np.ndarray:
        """Return the smallest angle between estimated and true rotations over the symmetries.

        For a continuous axis it is the angle between the two directions of the axis, the smallest over the matrices.

        Args:
            estimated: (n, 3, 3), orthogonal; a determinant of -1 is a reflected part.
            true: (n, 3, 3), rotations.

        Returns:
            float64 (n,), radians from 0 to pi; NaN for a reflected part that is not its own mirror image, as no
            rotation brings it to the truth.
        """
        estimated, true = np.asarray(estimated, np.float64), np.asarray(true, np.float64)
        if self.axis is not None:
            directions = true[:, None] @ (self.matrices @ self.axis)[..., None]
            return _angle_between((estimated @ self.axis)[:, None], directions[..., 0]).min(axis=1)
        relative = np.swapaxes(true[:, None] @ self.matrices, -1, -2) @ estimated[:, None]
        angles = np.full(relative.shape[:2], np.inf)
        proper = np.linalg.det(relative) > 0
        if proper.any():
            angles[proper] = Rotation.from_matrix(relative[proper]).magnitude()
        smallest = angles.min(axis=1)
        return np.where(np.isfinite(smallest), smallest, np.nan)

    def all_matrices(self) -> np.ndarray:
        """Return all, (k, 3, 3); with a continuous axis each together with 315 turns and as many reflections."""
        if self.axis is None:
            return self.matrices
        angles = np.arange(_AXIS_STEPS) * (2 * np.pi / _AXIS_STEPS)
        turns = Rotation.from_rotvec(angles[:, None] * self.axis).as_matrix()
        turns = np.concatenate([turns, turns @ _reflection_along(self.axis)])
        return (turns @ self.matrices[:, None]).reshape(-1, 3, 3)


def _matrices(listed):
    """Return (k, 3, 3); NaN for what is no list of matrices."""
    try:
        return np.asarray(listed, np.float64).reshape(-1, 3, 3)
    except (TypeError, ValueError):
        return np.full((1, 3, 3), np.nan)


def _axis(description):
    try:
        axis = np.asarray(description.get("axis", []), np.float64)
    except (TypeError, ValueError):
        axis = np.empty(0)
    length = np.linalg.norm(axis)
    if axis.shape != (3,) or not np.isfinite(length) or not length:
        raise InputError(
            f'A continuous symmetry must be {{"axis": [x, y, z]}}, not all 0. Received: {description!r}.'
        )
    return axis / length


def _reflection_along(axis):
    """Return the reflection in a plane that holds the axis (Householder, of a normal across it)."""
    normal = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    return np.eye(3) - 2 * np.outer(normal, normal) / (normal @ normal)


def _angle_between(a, b):
    # Exact near 0 and pi, where the arc cosine of the product loses half of the digits.
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))
