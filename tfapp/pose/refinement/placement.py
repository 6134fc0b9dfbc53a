"""Best pose of an object model for every instance: many candidates, of which the best go on to finer registration."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.nearest_field import NearestField

# Instances that are worked on at a time.
_BATCH = 64
# Measured points of an instance that decide which candidates go on, and that the last steps use.
_FEW, _MANY = 64, 256
# Points of the model that are projected into the pictures.
_PROJECTED = 200
# Candidates that are refined by some steps, and those of them that are refined to the end.
_PROMISING, _FINAL = 12, 3
_FIRST_STEPS, _LAST_STEPS = 4, 10
# Poses that differ by less are the same minimum, in radians.
_SAME = np.radians(30)


@dataclass(frozen=True, eq=False)
class Placed:
    """Poses of B instances.

    Attributes:
        rotation: float64 `(B, 3, 3)`.
        translation: float64 `(B, 3)`, metres.
        distance, violation: float64 `(B,)`, metres, the parts of the `Residual`.
        margin: float64 `(B,)`, metres by which the residual of the best pose that is another minimum is larger.
    """

    rotation: np.ndarray
    translation: np.ndarray
    distance: np.ndarray
    violation: np.ndarray
    margin: np.ndarray

    @property
    def residual(self):
        """float64 `(B,)`, metres: `distance` + `violation`."""
        return self.distance + self.violation

    def __len__(self):
        return len(self.rotation)


def model_of(points, cap, radius=0.0, seed=0):
    """Return the `fitting.Model` of object points `(m, 3)` with the cap of residuals, both in metres."""
    field = NearestField.of(points)
    few = np.random.default_rng(seed).permutation(len(points))[:_PROJECTED]
    # A small model is repeated, so that graphs have one shape.
    few = np.resize(few, _PROJECTED)
    return fitting.Model(
        tf.constant(field.points),
        tf.constant(field.index),
        tf.constant(field.shape),
        tf.constant(field.origin),
        tf.constant(field.voxel, tf.float32),
        tf.constant(normals_of(points), tf.float32),
        tf.constant(radius, tf.float32),
        tf.constant(field.points[few]),
        tf.constant(cap, tf.float32),
    )


def normals_of(points, neighbours=12):
    """Return unit normals `(m, 3)` of the surface that points `(m, 3)` lie on, of either sign."""
    near = points[cKDTree(points).query(points, min(neighbours, len(points)))[1]]
    centred = near - near.mean(1, keepdims=True)
    return np.linalg.eigh(np.swapaxes(centred, 1, 2) @ centred)[1][..., 0]


def place(model, instances, evidence, camera, candidates, *, seed=0, advance=lambda count: None):
    """Return the `Placed` poses of instances.

    Args:
        model: `fitting.Model`.
        instances: List of (scene, points `(n, 3)` in metres, n >= 1).
        evidence: `Evidence` of the scenes.
        camera: `Camera`.
        candidates: Function of a slice of instances that returns rotations `(b, C, 3, 3)` and translations `(b, C, 3)`.
        seed: Of the points that are drawn.
        advance: Called with the number of instances that are done.
    """
    found = []
    for first in range(0, len(instances), _BATCH):
        chosen = slice(first, first + _BATCH)
        found.append(_place_batch(model, instances[chosen], evidence, camera, candidates(chosen), seed))
        advance(min(first + _BATCH, len(instances)))
    return Placed(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _place_batch(model, instances, evidence, camera, candidates, seed):
    scenes, of_scene = np.unique([scene for scene, _ in instances], return_inverse=True)
    pictures = [tf.constant(getattr(evidence, name)[scenes]) for name in ("depth", "gap", "nearest")]
    intrinsics = tf.constant([camera.fx, camera.fy, camera.cx, camera.cy], tf.float32)

    def observed(count):
        points = np.zeros((len(instances), count, 3), np.float32)
        weights = np.zeros((len(instances), count), np.float32)
        for row, (_, own) in enumerate(instances):
            drawn = np.random.default_rng([seed, len(own)]).permutation(len(own))[:count]
            points[row, : len(drawn)], weights[row, : len(drawn)] = own[drawn], 1
        return fitting.Observed(
            tf.constant(points), tf.constant(weights), tf.constant(of_scene, tf.int32), *pictures, intrinsics
        )

    rotation, translation = (tf.constant(one, tf.float32) for one in candidates)
    few, many = observed(_FEW), observed(_MANY)
    rotation, translation, residual = _search(few, many, model, rotation, translation)
    rotation, translation = rotation.numpy().astype(float), translation.numpy().astype(float)
    distance, violation = residual.distance.numpy().astype(float), residual.violation.numpy().astype(float)
    rows, total = np.arange(len(rotation)), distance + violation
    best = total.argmin(-1)
    relative = np.swapaxes(rotation[rows, best][:, None], -1, -2) @ rotation
    other = _angle(relative) > _SAME
    runner_up = np.where(other, total, np.inf).min(-1)
    return (
        rotation[rows, best],
        translation[rows, best],
        distance[rows, best],
        violation[rows, best],
        runner_up - total[rows, best],
    )


@tf.function(reduce_retracing=True)
def _search(few, many, model, rotation, translation):
    rotation, translation = _best(few, model, rotation, translation, _PROMISING)
    rotation, translation = fitting.refine(few, model, rotation, translation, _FIRST_STEPS)
    rotation, translation = _best(few, model, rotation, translation, _FINAL)
    rotation, translation = fitting.refine(many, model, rotation, translation, _LAST_STEPS // 2)
    rotation, translation = fitting.refine(many, model, rotation, translation, _LAST_STEPS, fitting.FINE)
    return rotation, translation, fitting.residual(many, model, rotation, translation)


def _best(observed, model, rotation, translation, count):
    total = fitting.residual(observed, model, rotation, translation).total
    count = tf.minimum(count, tf.shape(total)[1])
    chosen = tf.math.top_k(-total, count).indices
    return tf.gather(rotation, chosen, batch_dims=1), tf.gather(translation, chosen, batch_dims=1)


def _angle(rotations):
    cosine = (np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))


def turned(rotation, translation, turns, centre):
    """Return poses turned by rotations of the model about its own centre.

    Args:
        rotation: `(..., 3, 3)`. translation: `(..., 3)`.
        turns: `(k, 3, 3)`.
        centre: `(3,)`, the centre in the frame of the model.

    Returns:
        `(..., k, 3, 3)` and `(..., k, 3)`.
    """
    new = rotation[..., None, :, :] @ turns
    kept = rotation @ centre + translation
    return new, kept[..., None, :] - new @ centre


def half_turns(points):
    """Return the identity and the half turns about the principal axes of points `(m, 3)`: `(4, 3, 3)`."""
    axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    return np.concatenate([np.eye(3)[None], Rotation.from_rotvec(np.pi * axes).as_matrix()])


def facing(points, rotations, centroids):
    """Return translations that lay the side of a model which faces the camera onto what is seen of instances.

    Args:
        points: `(m, 3)`, the model.
        rotations: `(C, 3, 3)`.
        centroids: `(b, 3)`, of the measured points of each instance.

    Returns:
        `(b, C, 3)`.
    """
    view = centroids / np.linalg.norm(centroids, axis=-1, keepdims=True)
    moved = points @ np.swapaxes(rotations, -1, -2)
    away = np.einsum("cmx,bx->bcm", moved, view)
    front = away <= np.median(away, axis=-1, keepdims=True)
    centres = np.einsum("bcm,cmx->bcx", front, moved) / front.sum(-1, keepdims=True)
    return centroids[:, None] - centres
