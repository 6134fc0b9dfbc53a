"""The symmetries of a part, modulo which its rotation is known."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError

_TOLERANCE = 1e-4
# Steps of a whole turn: a point turns by less than 1 % of a diameter, as the BOP toolkit has it.
_AXIS_STEPS = 315


@dataclass(frozen=True, eq=False)
class Symmetries:
    """The orthogonal matrices that map a part onto itself, about the origin of its frame.

    Attributes:
        matrices: float64 (k, 3, 3), the identity among them; a determinant of -1 says that the part is its own
            mirror image.
        axis: float64 (3,), unit vector of an axis about which any rotation is a symmetry, or None. The ends of
            the axis are told apart; a body of revolution is its own mirror image.
    """

    matrices: np.ndarray
    axis: np.ndarray | None = None

    @classmethod
    def of(cls, description) -> "Symmetries":
        """Return the symmetries that `scenes.json` describes.

        Args:
            description: A list of 3 x 3 matrices, which needs not name the identity, or `{"axis": [x, y, z]}`.

        Raises:
            InputError: Neither of both, matrices that are not orthogonal, or an axis of length 0.
        """
        if isinstance(description, dict):
            return cls(np.eye(3)[None], _axis(description))
        try:
            matrices = np.asarray(description, np.float64).reshape(-1, 3, 3)
        except (TypeError, ValueError):
            matrices = np.full((1, 3, 3), np.nan)
        products = np.swapaxes(matrices, 1, 2) @ matrices
        if not np.allclose(products, np.eye(3), atol=_TOLERANCE):
            raise InputError(
                'Symmetries must be a list of orthogonal 3×3 matrices or {"axis": [x, y, z]}. '
                f"Received: {description!r}."
            )
        if not any(np.allclose(matrix, np.eye(3), atol=_TOLERANCE) for matrix in matrices):
            matrices = np.concatenate([np.eye(3)[None], matrices])
        return cls(matrices)

    def with_mirror(self, mirror) -> "Symmetries":
        """Return these together with a symmetry of determinant -1, (3, 3), and all products with it."""
        return Symmetries(np.concatenate([self.matrices, self.matrices @ mirror]), self.axis)

    def rotation_error(self, estimated, true) -> np.ndarray:
        """Return the smallest angle between estimated and true rotations over the symmetries.

        For a continuous axis it is the angle between the two directions of the axis.

        Args:
            estimated: (n, 3, 3), orthogonal; a determinant of -1 is a reflected part.
            true: (n, 3, 3), rotations.

        Returns:
            float64 (n,), radians from 0 to pi; NaN for a reflected part that is not its own mirror image, as no
            rotation brings it to the truth.
        """
        estimated, true = np.asarray(estimated, np.float64), np.asarray(true, np.float64)
        if self.axis is not None:
            return _angle_between(estimated @ self.axis, true @ self.axis)
        relative = np.swapaxes(true[:, None] @ self.matrices, -1, -2) @ estimated[:, None]
        angles = np.full(relative.shape[:2], np.inf)
        proper = np.linalg.det(relative) > 0
        if proper.any():
            angles[proper] = Rotation.from_matrix(relative[proper]).magnitude()
        smallest = angles.min(axis=1)
        return np.where(np.isfinite(smallest), smallest, np.nan)

    def all_matrices(self) -> np.ndarray:
        """Return the matrices, (k, 3, 3); of a continuous axis 315 turns and as many reflections that keep it."""
        if self.axis is None:
            return self.matrices
        angles = np.arange(_AXIS_STEPS) * (2 * np.pi / _AXIS_STEPS)
        turns = Rotation.from_rotvec(angles[:, None] * self.axis).as_matrix()
        return np.concatenate([turns, turns @ _reflection_along(self.axis)])


def _axis(description):
    axis = np.asarray(description.get("axis", []), np.float64)
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
