"""Errors of predicted poses against the true ones, modulo the symmetries of the part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.pose.evaluation.registration import Registration

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
            the axis are told apart unless one of the matrices swaps them; a body of revolution is its own mirror image.
    """

    matrices: np.ndarray
    axis: np.ndarray | None = None

    @classmethod
    def of(cls, description) -> "Symmetries":
        """Return the symmetries that `scenes.json` describes.

        Args:
            description: A list of 3 x 3 matrices, which needs not name the identity, or `{"axis": [x, y, z]}`, or a
                list of matrices and one such axis.

        Raises:
            InputError: None of these, matrices that are not orthogonal, several axes, or an axis of length 0.
        """
        try:
            entries = [description] if isinstance(description, dict) else list(description)
            axes = [one for one in entries if isinstance(one, dict)]
            matrices = np.asarray([one for one in entries if not isinstance(one, dict)], np.float64).reshape(
                -1, 3, 3
            )
        except (TypeError, ValueError):
            axes, matrices = [], np.full((1, 3, 3), np.nan)
        if len(axes) > 1:
            raise InputError(f"Symmetries may have one axis of revolution. Received: {len(axes)}.")
        products = np.swapaxes(matrices, 1, 2) @ matrices
        if not np.allclose(products, np.eye(3), atol=_TOLERANCE):
            raise InputError(
                'Symmetries must be a list of orthogonal 3×3 matrices or {"axis": [x, y, z]}. '
                f"Received: {description!r}."
            )
        if not any(np.allclose(matrix, np.eye(3), atol=_TOLERANCE) for matrix in matrices):
            matrices = np.concatenate([np.eye(3)[None], matrices])
        return cls(matrices, _axis(axes[0]) if axes else None)

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
            ends = true[:, None] @ (self._proper @ self.axis)[..., None]
            return _angle_between((estimated @ self.axis)[:, None], ends[..., 0]).min(axis=1)
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
        turns = np.concatenate([turns @ matrix for matrix in self._proper])
        return np.concatenate([turns, turns @ _reflection_along(self.axis)])

    @property
    def _proper(self):
        return self.matrices[np.linalg.det(self.matrices) > 0]


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


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """Errors of the poses of one scene, in the order of the true instances.

    Attributes:
        matched: int64 (instances,), which predicted instance each true one was matched to.
        rotation: float64 (instances,), radians from 0 to pi; NaN for a reflected part (`part_poses`).
        translation: float64 (instances,), metres, of the origin of the CAD model.
    """

    matched: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


def part_poses(rotation, translation, reflected, registration: Registration):
    """Return the poses of the CAD model that follow from poses of the learned model.

    The learned model has a frame of its own. With the registration y = a A x + c of learned points x to CAD points y,
    the pose p = s R x + t of the learned model is the pose p = Q y + u of the CAD model,

        Q = s a R Aᵀ,    u = t - Q c.

    Two reflections, one of the model and one of the pose, make a rotation. A single one leaves Q with the
    determinant -1: the prediction is the mirror image of the part, and for a part that is its own mirror image
    the error counts as for any symmetry, while for another part its rotation has no error to speak of (NaN).

    Args:
        rotation: (n, 3, 3), R, determinant +1.
        translation: (n, 3), t, metres.
        reflected: bool (n,), s is -1; None for none.
        registration: Of the learned model to the CAD model.

    Returns:
        (Q (n, 3, 3) orthogonal, u (n, 3) in metres).

    Raises:
        InputError: Wrong shapes or values that are not finite.
    """
    rotation, translation = _check_poses("predicted", rotation, translation)
    reflected = np.zeros(len(rotation), bool) if reflected is None else np.asarray(reflected, bool)
    if reflected.shape != rotation.shape[:1]:
        raise InputError(
            f"`reflected` must have the shape ({len(rotation)},). Received: shape {reflected.shape}."
        )
    sign = np.where(reflected != registration.reflected, -1.0, 1.0)
    part = sign[:, None, None] * rotation @ registration.rotation.T
    return part, translation - part @ registration.translation


def pose_errors(estimated, true, symmetries: Symmetries) -> PoseErrors:
    """Match predicted instances to the true ones and return their errors.

    Matched by the Hungarian method on the distance of the translations, so that rotations do not help.

    Args:
        estimated: (rotations (n, 3, 3), translations (n, 3)) of the CAD model, as `part_poses` returns them.
        true: (rotations (n, 3, 3), translations (n, 3)) of the CAD model, metres.
        symmetries: Of the part.

    Raises:
        InputError: Wrong shapes, values that are not finite, or other numbers of instances.
    """
    rotation, translation = _check_poses("predicted", *estimated)
    true_rotation, true_translation = _check_poses("true", *true)
    if len(rotation) != len(true_rotation):
        raise InputError(
            f"Expected as many predicted instances as true ones. Received: {len(rotation)} and {len(true_rotation)}."
        )
    apart = np.linalg.norm(true_translation[:, None] - translation, axis=-1)
    _, matched = linear_sum_assignment(apart)
    return PoseErrors(
        matched,
        symmetries.rotation_error(rotation[matched], true_rotation),
        np.take_along_axis(apart, matched[:, None], axis=1)[:, 0],
    )


def surface_errors(estimated, true, vertices, symmetries: Symmetries) -> np.ndarray:
    """Return how far the vertex of the part that is farthest off is from its true place, over the symmetries.

    The maximum symmetry-aware surface distance (MSSD) of T. Hodaň and others, *BOP Challenge 2020 on 6D Object
    Localization*, 2020. A reflected part has one too: a large one, unless the part is its own mirror image.

    Args:
        estimated: (rotations (n, 3, 3), translations (n, 3)), in the order of `true`.
        true: (rotations (n, 3, 3), translations (n, 3)), metres.
        vertices: (v, 3), of the CAD model, metres.
        symmetries: Of the part.

    Returns:
        float64 (n,), metres.
    """
    vertices = np.asarray(vertices, np.float64)
    predicted = _posed(vertices, *_check_poses("predicted", *estimated))
    true = _check_poses("true", *true)
    errors = np.inf
    # One symmetry after the other: hundreds of images of a large mesh would not fit into memory.
    for matrix in symmetries.all_matrices():
        apart = np.linalg.norm(predicted - _posed(vertices @ matrix.T, *true), axis=-1)
        errors = np.minimum(errors, apart.max(axis=1))
    return errors


def summarise(errors: Sequence[PoseErrors]) -> dict:
    """Return the errors of many scenes in a few numbers, each instance counting the same.

    Returns:
        A dict of `rotation_median`, `rotation_mean` (radians, of the instances that are not reflected; None if all
        are), `translation_median`, `translation_mean` (metres) and `reflected`, the share of reflected instances.

    Raises:
        InputError: No scene.
    """
    if not errors:
        raise InputError("A summary of pose errors needs at least one scene. Received: none.")
    rotation = np.concatenate([one.rotation for one in errors])
    translation = np.concatenate([one.translation for one in errors])
    known = rotation[~np.isnan(rotation)]
    return {
        "rotation_median": float(np.median(known)) if len(known) else None,
        "rotation_mean": float(np.mean(known)) if len(known) else None,
        "translation_median": float(np.median(translation)),
        "translation_mean": float(np.mean(translation)),
        "reflected": float(np.isnan(rotation).mean()),
    }


def _posed(points, rotation, translation):
    return points @ np.swapaxes(rotation, 1, 2) + translation[:, None]


def _check_poses(name, rotation, translation):
    rotation, translation = np.asarray(rotation, np.float64), np.asarray(translation, np.float64)
    if rotation.shape[1:] != (3, 3) or translation.shape != (len(rotation), 3) or not len(rotation):
        raise InputError(
            f"Expected {name} rotations (instances, 3, 3) and translations (instances, 3), one at least. "
            f"Received: shapes {rotation.shape} and {translation.shape}."
        )
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
        raise InputError(f"Expected {name} poses that are finite. Received: NaN or infinite values.")
    return rotation, translation
