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
        front, gap, behind, nearest: Pictures of the scenes, as of `Evidence`.
        intrinsics: float32 `(scenes, 4)`: fx, fy, cx, cy in pixels of the camera of each scene.
    """

    points: tf.Tensor
    weights: tf.Tensor
    scene: tf.Tensor
    front: tf.Tensor
    gap: tf.Tensor
    behind: tf.Tensor
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
# Share with which a plane step counts what is along the surface: without it, planes would slide away.
_ALONG = 0.05
# Radians that a plane step turns by at most.
_MOST_TURN = 0.3
# Of the normal equations, whose weights sum to about 1: what nothing tells stays as it is.
_DAMPING = 1e-4


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


def distances(observed, model, rotation, translation):
    """Return how far each measured point is from the model, metres, `(B, C, n)`; arguments as for `residual`."""
    return _to_model(observed, model, rotation, translation)[1]


def step(observed, model, rotation, translation, reach=COARSE):
    """Return the poses after one step of robust iterative closest points; arguments as for `residual`.

    Measured points are drawn to the nearest ones of the model, with weights that fall with the distance. What of the
    model stands beside the silhouette or in front of what was measured is drawn to the nearest point that was measured.
    """
    found, weights, targets, pulls = _drawn(observed, model, rotation, translation, reach)
    shape = tf.shape(rotation)[:2]
    own = tf.broadcast_to(model.few, tf.concat([shape, tf.shape(model.few)], 0))
    measured = tf.broadcast_to(observed.points[:, None], tf.shape(found))
    return kabsch(
        tf.concat([found, own], 2), tf.concat([measured, targets], 2), tf.concat([weights, pulls], 2)
    )


def plane_step(observed, model, rotation, translation, reach=FINE):
    """Return the poses after one Gauss-Newton step towards the planes of a fused model; arguments as for `step`.

    Of a measured point's way to the model what is along the surface counts little, so that surfaces slide over each
    other: Y. Chen and G. Medioni, Object modelling by registration of multiple range images, 1992. From nearby it takes
    fewer steps than `step`.
    """
    found, weights, targets, pulls = _drawn(observed, model, rotation, translation, reach)
    local, normal = _local(observed, model, rotation, translation)
    pulled = tf.matmul(targets - translation[:, :, None], rotation)
    along = tf.where(model.radius > 0, _ALONG, 1.0)
    axes = tf.unstack(tf.eye(3))
    # A motion w, v about the middle moves a point x by w x (cross) + v: along a direction d by (x x d) w + d v.
    middle = tf.reduce_mean(model.few, 0)
    near, far = local - middle, pulled - middle
    rows = [_rows(near, normal), *(_rows(near, tf.broadcast_to(axis, tf.shape(near))) for axis in axes)]
    pulled_rows = [_rows(far, tf.broadcast_to(axis, tf.shape(far))) for axis in axes]
    away = found - local
    wanted = [tf.reduce_sum(away * normal, -1), *tf.unstack(away, axis=-1)]
    rest = model.few - pulled
    jacobian = tf.concat([*rows, *pulled_rows], 2)
    scales = [weights * (1 - along), *[weights * along] * 3, *[pulls] * 3]
    weighted = jacobian * tf.concat(scales, 2)[..., None]
    normal_matrix = tf.matmul(jacobian, weighted, transpose_a=True)
    right = tf.matmul(
        weighted, tf.concat([*wanted, *tf.unstack(rest, axis=-1)], 2)[..., None], transpose_a=True
    )
    # In units of the cap rotations and translations are alike.
    unit = tf.concat([tf.fill([3], 1 / model.cap), tf.ones(3)], 0)
    system = normal_matrix * unit[:, None] * unit + _DAMPING * tf.eye(6)
    motion = tf.linalg.solve(system, right * unit[:, None])[..., 0] * unit
    # Points so few that they leave the system singular to float32 move nothing.
    motion = tf.where(tf.reduce_all(tf.math.is_finite(motion), -1, keepdims=True), motion, 0)
    # Far from the model the planes may ask for more than they know of.
    turn = _rotation_of(tf.clip_by_norm(motion[..., :3], _MOST_TURN, [-1]))
    new = tf.matmul(rotation, turn, transpose_b=True)
    # Not matvec: TensorFlow 2.21 writes beyond its result where a single vector is broadcast (seen on the CPU).
    shift = middle - tf.reduce_sum(turn * middle, -1) + tf.clip_by_norm(motion[..., 3:], model.cap, [-1])
    return new, translation - tf.linalg.matvec(new, shift)


def _drawn(observed, model, rotation, translation, reach):
    """Return where measured points are drawn to and how much, and the same of points of the model."""
    found, lengths = _to_model(observed, model, rotation, translation)
    scale = reach * model.cap
    count = tf.maximum(tf.reduce_sum(observed.weights, -1), 1e-6)[:, None, None]
    weights = observed.weights[:, None] / (1 + (lengths / scale) ** 2) / count
    _, targets, violation = _seen(observed, model.few, rotation, translation, model.cap)
    wrong = tf.cast(violation > COARSE * model.cap / 2, weights.dtype)
    few = tf.cast(tf.shape(model.few)[0], weights.dtype)
    return found, weights, targets, wrong / (1 + (violation / model.cap) ** 2) / few


def _rows(points, directions):
    return tf.concat([tf.linalg.cross(points, directions), directions], -1)


def _rotation_of(vector):
    """Return the rotation matrices of rotation vectors `(..., 3)` (Rodrigues)."""
    angle = tf.maximum(tf.norm(vector, axis=-1), 1e-9)[..., None, None]
    x, y, z = tf.unstack(vector, axis=-1)
    zero = tf.zeros_like(x)
    cross = tf.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    cross = tf.reshape(cross, tf.concat([tf.shape(vector)[:-1], [3, 3]], 0)) / angle
    return tf.eye(3) + tf.sin(angle) * cross + (1 - tf.cos(angle)) * tf.matmul(cross, cross)


def violations(observed, points, rotation, translation, cap, front=FRONT):
    """Return how far each point of a model is where it should not be seen, metres, `(B, q)`, of one pose an instance.

    Args:
        observed: `Observed`.
        points: `(q, 3)`, in the frame of the model.
        rotation: `(B, 3, 3)`. translation: `(B, 3)`.
        cap: As of `Model`.
        front: Share of it by which points may stand in front of what was measured.
    """
    return _seen(observed, points, rotation[:, None], translation[:, None], cap, front)[2][:, 0]


def refine(observed, model, rotation, translation, steps, reach=COARSE):
    """Return the poses after so many `step`s."""
    for _ in range(steps):
        rotation, translation = step(observed, model, rotation, translation, reach)
    return rotation, translation


def settle(observed, model, rotation, translation, steps, reach=FINE):
    """Return poses that are nearly right after so many `plane_step`s."""
    for _ in range(steps):
        rotation, translation = plane_step(observed, model, rotation, translation, reach)
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
    local, nearest = _looked_up(observed, model, rotation, translation)
    centre, normal = tf.gather(model.points, nearest), tf.gather(model.normals, nearest)
    away = local - centre
    across = away - tf.reduce_sum(away * normal, -1, keepdims=True) * normal
    length = tf.norm(across, axis=-1, keepdims=True)
    found = centre + across * tf.minimum(1.0, model.radius / tf.maximum(length, 1e-9))
    return found, tf.norm(local - found, axis=-1)


def _local(observed, model, rotation, translation):
    """Return measured points in the frame of the model, and the normals of the points of the model nearest to them."""
    local, nearest = _looked_up(observed, model, rotation, translation)
    return local, tf.gather(model.normals, nearest)


def _looked_up(observed, model, rotation, translation):
    local = tf.matmul(observed.points[:, None] - translation[:, :, None], rotation)
    cell = tf.cast(tf.floor((local - model.origin) / model.voxel), tf.int32)
    cell = tf.clip_by_value(cell, 0, model.shape - 1)
    flat = (cell[..., 0] * model.shape[1] + cell[..., 1]) * model.shape[2] + cell[..., 2]
    return local, tf.gather(model.index, flat)


def _seen(observed, few, rotation, translation, cap, front=FRONT):
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
    nearest, gap, behind = (
        tf.gather(tf.reshape(picture, (-1,)), place)
        for picture in (observed.front, observed.gap, observed.behind)
    )
    targets = tf.gather(tf.reshape(observed.nearest, (-1, 3)), place)
    slack = front * cap
    before = tf.where(nearest > 0, nearest - points[..., 2] - slack, 0)
    beside = tf.where(behind - points[..., 2] > slack, gap, 0)
    return points, targets, tf.maximum(beside, tf.maximum(before, 0))
