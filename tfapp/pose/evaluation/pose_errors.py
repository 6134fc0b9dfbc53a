"""Errors of predicted poses against the true ones, modulo the symmetries of the part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from tfapp.errors import InputError
from tfapp.pose.evaluation.frames import ModelFrame
from tfapp.pose.evaluation.symmetries import Symmetries

_NEAR = 0.005  # metres
_FOUND_ANGLE, _FOUND_SHARE = np.radians(10), 0.1


@dataclass(frozen=True, eq=False)
class PoseErrors:
    """Errors of the poses of one scene, in the order of the true instances.

    Attributes:
        matched: int64 (instances,), which predicted instance each true one was matched to; -1 for none, where fewer
            were predicted.
        rotation: float64 (instances,), radians from 0 to pi; NaN for a reflected part (`part_poses`), infinite for a
            true instance without a predicted one.
        translation: float64 (instances,), metres, of the origin of the CAD model; infinite likewise.
    """

    matched: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


def part_poses(rotation, translation, reflected, registration: ModelFrame):
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
        registration: `ModelFrame` or `Registration` of the learned model.

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

    Matched by the Hungarian method on the distance of the translations, so that rotations do not help. As many are
    matched as there are of both.

    Args:
        estimated: (rotations (n, 3, 3), translations (n, 3)) of the CAD model, as `part_poses` returns them.
        true: (rotations (N, 3, 3), translations (N, 3)) of the CAD model, metres.
        symmetries: Of the part.

    Raises:
        InputError: Wrong shapes, or values that are not finite.
    """
    rotation, translation = _check_poses("predicted", *estimated)
    true_rotation, true_translation = _check_poses("true", *true)
    apart = np.linalg.norm(true_translation[:, None] - translation, axis=-1)
    found, partners = linear_sum_assignment(apart)
    count = len(true_rotation)
    errors = PoseErrors(np.full(count, -1), np.full(count, np.inf), np.full(count, np.inf))
    errors.matched[found] = partners
    errors.rotation[found] = symmetries.rotation_error(rotation[partners], true_rotation[found])
    errors.translation[found] = apart[found, partners]
    return errors


def instance_scores(errors: Sequence[PoseErrors], predicted, extent) -> dict:
    """Return how many of the predicted instances are there, and how many of the true ones were found.

    An instance is found if its pose is off by at most 10 degrees and a tenth of the part's extent.

    Args:
        errors: `PoseErrors` of scenes.
        predicted: Number of instances that were predicted in all of them.
        extent: Largest side of the part, metres.

    Returns:
        A dict of `instance_precision`, found of predicted, and `instance_recall`, found of true, each in [0, 1].
    """
    found = sum(np.count_nonzero(_are_found(one, extent)) for one in errors)
    true = sum(len(one.rotation) for one in errors)
    return {"instance_precision": found / predicted, "instance_recall": found / true}


def right_predictions(errors, predicted, extent):
    """Return which of the predicted instances of one scene are right, as `instance_scores` counts, bool (predicted,).

    Args:
        errors: `PoseErrors` of the scene.
        predicted: Number of instances that were predicted in it.
        extent: Largest side of the part, metres.
    """
    right = np.zeros(predicted, bool)
    right[errors.matched[_are_found(errors, extent)]] = True
    return right


def _are_found(errors, extent):
    # Not a number is not below anything, and what has no partner is infinite.
    return (errors.rotation <= _FOUND_ANGLE) & (errors.translation <= _FOUND_SHARE * extent)


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

    def apart(predicted, true):
        return np.linalg.norm(predicted - true, axis=-1).max(axis=-1)

    return _least(estimated, true, vertices, symmetries, apart)


def projection_errors(estimated, true, vertices, symmetries: Symmetries, camera) -> np.ndarray:
    """Return how far the vertex that is seen farthest off is from where it should be seen, over the symmetries.

    The maximum symmetry-aware projection distance (MSPD) of the BOP challenge, see `surface_errors`.

    Args:
        estimated, true, vertices, symmetries: As of `surface_errors`.
        camera: `Camera`.

    Returns:
        float64 (n,), pixels; infinite where a vertex of either pose is not in front of the camera.
    """

    def apart(predicted, true):
        behind = ((predicted[..., 2] <= 0) | (true[..., 2] <= 0)).any(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.linalg.norm(camera.project(predicted) - camera.project(true), axis=-1)
        return np.where(behind, np.inf, moved.max(axis=-1))

    return _least(estimated, true, vertices, symmetries, apart)


def _least(estimated, true, vertices, symmetries, apart):
    """Return the smallest distance over the symmetries, `apart` being that of points (n, v, 3) from others.

    A rotation is compared with rotations alone and a reflected part with reflected ones, as the challenge, which knows
    no reflections, does; without one among the symmetries a reflected part is compared with all.
    """
    vertices = np.asarray(vertices, np.float64)
    rotation, translation = _check_poses("predicted", *estimated)
    true = _check_poses("true", *true)
    matrices = symmetries.all_matrices()
    mirrors, reflected = np.linalg.det(matrices) < 0, np.linalg.det(rotation) < 0
    predicted = _posed(vertices, rotation, translation)

    def errors_of(matrix, rows, points=slice(None)):
        images = np.swapaxes(vertices[points] @ np.swapaxes(matrix, -1, -2), -1, -2)
        moved = np.swapaxes(true[0][rows] @ images, 1, 2) + true[1][rows, None]
        return apart(predicted[rows][:, points], moved)

    # A few vertices tell which symmetries cannot be the best one: of hundreds about an axis, nearly all.
    extreme = np.unique([vertices.argmin(axis=0), vertices.argmax(axis=0)])
    bounds = np.full((len(matrices), len(rotation)), np.inf)
    for bound, matrix, mirror in zip(bounds, matrices, mirrors, strict=True):
        rows = np.flatnonzero(reflected == mirror) if mirrors.any() else np.arange(len(rotation))
        bound[rows] = errors_of(matrix, rows, extreme)
    errors = errors_of(matrices[bounds.argmin(axis=0)], np.arange(len(rotation)))
    for bound, matrix in zip(bounds, matrices, strict=True):
        rows = np.flatnonzero(bound < errors)
        if len(rows):
            errors[rows] = np.minimum(errors[rows], errors_of(matrix, rows))
    return errors


def summarise(errors: Sequence[PoseErrors]) -> dict:
    """Return the errors of many scenes in a few numbers, each instance counting the same.

    Returns:
        A dict of `rotation_median`, `rotation_mean` (radians, of the matched instances that are not reflected; None if
        all are), `translation_median`, `translation_mean` (metres, of the matched ones), `reflected`, the share of
        reflected instances, and `within_5_degrees_5_mm` and `within_10_degrees_5_mm`, the shares of the instances that
        are no farther off; what is reflected or was not predicted is.

    Raises:
        InputError: No scene.
    """
    if not errors:
        raise InputError("A summary of pose errors needs at least one scene. Received: none.")
    rotation = np.concatenate([one.rotation for one in errors])
    translation = np.concatenate([one.translation for one in errors])
    known, placed = rotation[np.isfinite(rotation)], translation[np.isfinite(translation)]
    # Not a number is not below anything.
    within = {
        f"within_{angle}_degrees_5_mm": (rotation <= np.radians(angle)) & (translation <= _NEAR)
        for angle in (5, 10)
    }
    return {
        "rotation_median": float(np.median(known)) if len(known) else None,
        "rotation_mean": float(np.mean(known)) if len(known) else None,
        "translation_median": float(np.median(placed)),
        "translation_mean": float(np.mean(placed)),
        "reflected": float(np.isnan(rotation).mean()),
        **{name: float(near.mean()) for name, near in within.items()},
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
