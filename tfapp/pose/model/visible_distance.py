"""Chamfer distance between what is visible of clouds, also by degrees, and what was observed."""

import tensorflow as tf

from tfapp.layers import chamfer_distance

# Cells of the picture that the points are sorted into, and how far behind the nearest point of a cell, as shares of
# the cloud's extent, half of a point is hidden and how soon it is.
CELLS = 24
DEPTH, SOFTNESS = 0.06, 0.02
# What an observed point pays for a hidden one, as a share of the cloud's extent: so little that no point gains more
# by coming forward than by coming nearer, else instances overtake each other on their way to the camera.
HIDDEN_COST = 2 * SOFTNESS


def visible_chamfer_distance(clouds, observed, visibility, removal, *, squared=False):
    """Return the distances of eq. 4.1 and how visible each point of the clouds is.

    Args:
        clouds: `(batch, n, 3)`, all instances of a scene together, as they hide each other.
        observed: `(batch, k, 3)`, in the same unit.
        visibility: One of `VISIBILITIES`.
        removal: `HiddenPointRemoval`, which also says where the camera is.
        squared: Whether lengths are squared; not for `soft`.

    Returns:
        (distances `(batch,)`, visibility `(batch, n)` from 0 to 1).

    Reference:
        Y. Wu, dissertation, section 4.2 and eq. 4.1.
    """
    if visibility == "soft":
        visible = soft_visibility(clouds, removal.camera)
        return soft_chamfer_distance(clouds, visible, observed), visible
    if visibility == "none":
        return chamfer_distance(clouds, observed, squared=squared), tf.ones(tf.shape(clouds)[:2])
    visible = removal(tf.stop_gradient(clouds))
    distances = chamfer_distance(clouds, observed, squared=squared, a_mask=visible)
    return distances, tf.cast(visible, clouds.dtype)


def soft_visibility(points, camera):
    """Return how visible each point of a cloud is, in (0, 1), with a gradient.

    A point counts by a sigmoid of how far it lies behind the nearest point of its cell of the picture and the eight
    around it. Coarser than the removal of hidden points, but points that are hidden can learn to come forward.

    Args:
        points: `(batch, n, 3)`.
        camera: `(3,)`, where the cloud is seen from, along the third axis.

    Returns:
        `(batch, n)`.
    """
    seen = points - tf.constant(camera, points.dtype)
    depth = seen[..., 2]
    fixed = tf.stop_gradient(seen)
    picture = fixed[..., :2] / tf.maximum(fixed[..., 2:], 1e-6)
    front = tf.stop_gradient(_front(picture, fixed[..., 2]))
    extent = _extent(points)
    return tf.sigmoid((front + DEPTH * extent - depth) / (SOFTNESS * extent))


def _front(picture, depth):
    """Return the smallest depth around each point of the picture."""
    low = tf.reduce_min(picture, 1, keepdims=True)
    span = tf.maximum(tf.reduce_max(picture, 1, keepdims=True) - low, 1e-6)
    cells = tf.minimum(tf.cast((picture - low) / span * CELLS, "int32"), CELLS - 1)
    batch = tf.shape(depth)[0]
    index = (tf.range(batch)[:, None] * CELLS + cells[..., 1]) * CELLS + cells[..., 0]
    nearest = tf.math.unsorted_segment_min(
        tf.reshape(depth, [-1]), tf.reshape(index, [-1]), batch * CELLS * CELLS
    )
    # The smallest of nine cells is the largest of the negatives; cells without a point hold the largest number.
    image = tf.reshape(-nearest, (batch, CELLS, CELLS, 1))
    around = -tf.nn.max_pool2d(image, 3, 1, "SAME")
    return tf.gather(tf.reshape(around, [-1]), index)


def soft_chamfer_distance(points, visibility, observed):
    """Return the Chamfer distance `(batch,)` of eq. 4.1 between points that are visible by degrees and observed ones.

    Args:
        points: `(batch, n, 3)`.
        visibility: `(batch, n)`, in [0, 1]: the weight of a point on its own side; on the other side an observed point
            pays for what its point lacks of being visible.
        observed: `(batch, k, 3)`.
    """
    hidden = HIDDEN_COST * _extent(points) * (1.0 - visibility)
    squares = squared_distances(tf.stop_gradient(points), observed)
    to_observed = tf.argmin(squares, axis=-1)
    cost = tf.sqrt(squares) + tf.stop_gradient(hidden)[..., None]
    to_points = tf.argmin(tf.transpose(cost, (0, 2, 1)), axis=-1)
    there = _length(points - tf.gather(observed, to_observed, axis=1, batch_dims=1))
    back = _length(observed - tf.gather(points, to_points, axis=1, batch_dims=1))
    back += tf.gather(hidden, to_points, axis=1, batch_dims=1)
    total = tf.maximum(tf.reduce_sum(visibility, -1), 1e-6)
    return tf.maximum(tf.reduce_sum(visibility * there, -1) / total, tf.reduce_mean(back, -1))


def _extent(points):
    """Return the largest side of each cloud, `(batch, 1)`, without a gradient."""
    fixed = tf.stop_gradient(points)
    sides = tf.reduce_max(fixed, 1) - tf.reduce_min(fixed, 1)
    return tf.maximum(tf.reduce_max(sides, -1, keepdims=True), 1e-6)


def _length(vectors):
    # The small number keeps the gradient finite where two points are equal.
    return tf.sqrt(tf.reduce_sum(vectors**2, -1) + 1e-12)


def squared_distances(a, b):
    """Return the squared distances `(batch, m, n)` between points `(batch, m, 3)` and `(batch, n, 3)`."""
    return tf.reduce_sum((a[:, :, None] - b[:, None]) ** 2, -1)
