"""Robust registration of an object model to instances in depth images: residual, and steps that lower it.

Everything here is a function of tensors, in a batch of B instances with C candidate poses each: training refines
whole folders by it, and an exported model the instances of a request.
"""

from typing import NamedTuple

import tensorflow as tf


class Observed(NamedTuple):
    """What is seen of a batch of instances.

    Attributes:
        points: float32 `(B, n, 3)`, measured points of each instance, metres in the camera's frame.
        weights: float32 `(B, n)`, 1 for a point, 0 where there are fewer; they need not sum to 1.
        scene: int32 `(B,)`, the scene of each in the pictures.
        front, gap, nearest: Pictures of the scenes, as of `Evidence`.
        intrinsics: float32 `(scenes, 4)`: fx, fy, cx, cy in pixels of the camera of each scene.
    """

    points: tf.Tensor
    weights: tf.Tensor
    scene: tf.Tensor
    front: tf.Tensor
    gap: tf.Tensor
    nearest: tf.Tensor
    intrinsics: tf.Tensor


class Model(NamedTuple):
    """An object model with what it is looked up by.

    Attributes:
        points: float32 `(m, 3)`, metres.
        index, shape, origin, voxel: As of `NearestField`.
        normals: float32 `(m, 3)`, unit normals of its surface there, of either sign.
        radius: Each point stands for a disc of this radius, in metres, across its normal; 0 for the point alone.
        few: float32 `(q, 3)`, some of its points, which are projected into the pictures.
        cap: Length in metres at which a residual stops to grow: what is farther is not of this instance.
    """

    points: tf.Tensor
    index: tf.Tensor
    shape: tf.Tensor
    origin: tf.Tensor
    voxel: tf.Tensor
    normals: tf.Tensor
    radius: tf.Tensor
    few: tf.Tensor
    cap: tf.Tensor


class Residual(NamedTuple):
    """Means in metres, `(B, C)`: of the measured points to the model, and of what of the model should not be seen."""

    distance: tf.Tensor
    violation: tf.Tensor

    @property
    def total(self):
        return self.distance + self.violation


# Model points may stand in front of what was measured by this share of the cap: noise of the camera, and voxels.
FRONT = 1 / 3
# What is nearer than this share of the cap pulls with more than half of its weight: at first, and at the end.
COARSE, FINE = 0.5, 0.15


def residual(observed, model, rotation, translation):
    """Return the `Residual` of poses.

    Args:
        observed: `Observed`.
        model: `Model`.
        rotation: `(B, C, 3, 3)`.
        translation: `(B, C, 3)`, metres.
    """
    _, lengths = _to_model(observed, model, rotation, translation)
    _, _, violation = _seen(observed, model.few, rotation, translation, model.cap)
    weights = observed.weights[:, None]
    count = tf.maximum(tf.reduce_sum(weights, -1), 1e-6)
    distance = tf.reduce_sum(weights * tf.minimum(lengths, model.cap), -1) / count
    return Residual(distance, tf.reduce_mean(tf.minimum(violation, model.cap), -1))


def step(observed, model, rotation, translation, reach=COARSE):
    """Return the poses after one step of robust iterative closest points; arguments as for `residual`.

    Measured points are drawn to the nearest ones of the model, with weights that fall with the distance. What of the
    model stands beside the silhouette or in front of what was measured is drawn to the nearest point that was measured.
    """
    found, lengths = _to_model(observed, model, rotation, translation)
    scale = reach * model.cap
    count = tf.maximum(tf.reduce_sum(observed.weights, -1), 1e-6)[:, None, None]
    weights = observed.weights[:, None] / (1 + (lengths / scale) ** 2) / count
    _, targets, violation = _seen(observed, model.few, rotation, translation, model.cap)
    wrong = tf.cast(violation > COARSE * model.cap / 2, weights.dtype)
    few = tf.cast(tf.shape(model.few)[0], weights.dtype)
    pulls = wrong / (1 + (violation / model.cap) ** 2) / few
    shape = tf.shape(rotation)[:2]
    own = tf.broadcast_to(model.few, tf.concat([shape, tf.shape(model.few)], 0))
    measured = tf.broadcast_to(observed.points[:, None], tf.shape(found))
    return kabsch(
        tf.concat([found, own], 2), tf.concat([measured, targets], 2), tf.concat([weights, pulls], 2)
    )


def violations(observed, points, rotation, translation, cap):
    """Return how far each point of a model is where it should not be seen, metres, `(B, q)`, of one pose an instance.

    Args:
        observed: `Observed`.
        points: `(q, 3)`, in the frame of the model.
        rotation: `(B, 3, 3)`. translation: `(B, 3)`.
        cap: As of `Model`.
    """
    return _seen(observed, points, rotation[:, None], translation[:, None], cap)[2][:, 0]


def refine(observed, model, rotation, translation, steps, reach=COARSE):
    """Return the poses after so many `step`s."""
    for _ in range(steps):
        rotation, translation = step(observed, model, rotation, translation, reach)
    return rotation, translation


def kabsch(source, target, weights):
    """Return the rotations and translations that carry weighted points onto others: least squares.

    W. Kabsch, A solution for the best rotation to relate two sets of vectors, 1976.

    Args:
        source, target: `(..., n, 3)`.
        weights: `(..., n)`, not negative, not all 0.

    Returns:
        `(..., 3, 3)` of determinant +1, and `(..., 3)`.
    """
    weights = weights[..., None] / tf.maximum(tf.reduce_sum(weights, -1)[..., None, None], 1e-12)
    from_centre = tf.reduce_sum(weights * source, -2, keepdims=True)
    to_centre = tf.reduce_sum(weights * target, -2, keepdims=True)
    covariance = tf.matmul(source - from_centre, weights * (target - to_centre), transpose_a=True)
    _, u, v = tf.linalg.svd(covariance)
    sign = tf.linalg.det(tf.matmul(v, u, transpose_b=True))
    signs = tf.stack([tf.ones_like(sign), tf.ones_like(sign), sign], -1)
    rotation = tf.matmul(v * signs[..., None, :], u, transpose_b=True)
    moved = tf.matmul(from_centre, rotation, transpose_b=True)
    return rotation, (to_centre - moved)[..., 0, :]


def _to_model(observed, model, rotation, translation):
    """Return the point of the model's discs nearest to each measured one, `(B, C, n, 3)` in its frame, and how far."""
    local = tf.matmul(observed.points[:, None] - translation[:, :, None], rotation)
    cell = tf.cast(tf.floor((local - model.origin) / model.voxel), tf.int32)
    cell = tf.clip_by_value(cell, 0, model.shape - 1)
    flat = (cell[..., 0] * model.shape[1] + cell[..., 1]) * model.shape[2] + cell[..., 2]
    nearest = tf.gather(model.index, flat)
    centre, normal = tf.gather(model.points, nearest), tf.gather(model.normals, nearest)
    away = local - centre
    across = away - tf.reduce_sum(away * normal, -1, keepdims=True) * normal
    length = tf.norm(across, axis=-1, keepdims=True)
    found = centre + across * tf.minimum(1.0, model.radius / tf.maximum(length, 1e-9))
    return found, tf.norm(local - found, axis=-1)


def _seen(observed, few, rotation, translation, cap):
    """Return some points of the model in the camera's frame, the measured points they belong to, and violations."""
    points = tf.matmul(few, rotation, transpose_b=True) + translation[:, :, None]
    height, width = tf.shape(observed.front)[1], tf.shape(observed.front)[2]
    away = tf.maximum(points[..., 2], 1e-3)
    fx, fy, cx, cy = tf.unstack(tf.gather(observed.intrinsics, observed.scene)[:, None, None], axis=-1)
    column = fx * points[..., 0] / away + cx
    row = fy * points[..., 1] / away + cy
    column = tf.cast(tf.clip_by_value(column, 0, tf.cast(width - 1, column.dtype)), tf.int32)
    row = tf.cast(tf.clip_by_value(row, 0, tf.cast(height - 1, row.dtype)), tf.int32)
    place = (observed.scene[:, None, None] * height + row) * width + column
    nearest, gap = (
        tf.gather(tf.reshape(picture, (-1,)), place) for picture in (observed.front, observed.gap)
    )
    targets = tf.gather(tf.reshape(observed.nearest, (-1, 3)), place)
    before = tf.where(nearest > 0, nearest - points[..., 2] - FRONT * cap, 0)
    return points, targets, tf.maximum(gap, tf.maximum(before, 0))
