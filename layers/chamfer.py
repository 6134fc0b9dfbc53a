"""The Chamfer distance of clouds of points."""

import tensorflow as tf

from tfapp.layers.chamfer_nearest import nearest_indices
from tfapp.layers.tv_arguments import at_least_float32, check_choice

_REDUCTIONS = {"max": tf.maximum, "sum": tf.add, "mean": lambda ours, theirs: (ours + theirs) / 2}
_METHODS = ("auto", "matmul", "tree")


def chamfer_distance(a, b, *, squared=False, reduction="max", a_mask=None, b_mask=None, method="auto"):
    """Return the Chamfer distance of each scene's clouds A and B.

        d(A, B) = max( 1/|A| sum_a min_b |a - b|,  1/|B| sum_b min_a |b - a| )

    with the two means joined as `reduction` says. The nearest points are found without gradient, the distances to
    them computed anew: they are exact, never negative, and their derivative is finite, zero at distance zero.

    Args:
        a: Float tensor `(batch, m, 3)`. Half precision is computed in float32.
        b: Tensor `(batch, n, 3)` of the same type.
        squared: Square each distance before the mean.
        reduction: `"max"` of the two means (eq. 4.1), their `"sum"`, or their `"mean"`.
        a_mask: Boolean `(batch, m)`, True for points that count, on either side; the others may be anything, also
            NaN. All points if None.
        b_mask: Boolean `(batch, n)`, the same.
        method: `"matmul"` looks at all pairs, a few scenes at a time. `"tree"` asks SciPy's k-d trees in threads,
            outside of the graph: not with XLA, not in a SavedModel. `"auto"` takes trees on a CPU without XLA for
            more than a million pairs in a scene, where they are faster.

    Returns:
        Tensor `(batch,)` in the unit of the points (squared with `squared`). A scene without a point that counts in
        one of its clouds has nothing to compare: 0, with gradient zero.

    Raises:
        ValueError: For other shapes, types or options.

    Reference:
        Y. Wu, dissertation, eq. 4.1; Y. Wu, T. K. Marks, A. Cherian, et al., *Unsupervised Joint 3D Object Model
        Learning and 6D Pose Estimation for Depth-Based Instance Segmentation*, ICCV workshops 2019.

    Example:
        >>> a = tf.constant([[[0.0, 0.0, 0.0]]])
        >>> b = tf.constant([[[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]]])
        >>> chamfer_distance(a, b).numpy()  # from a to b: 1; from b to a: (5 + 1) / 2
        array([3.], dtype=float32)
    """
    check_choice("reduction", reduction, tuple(_REDUCTIONS))
    ours, theirs, a_counts, b_counts = _distances(a, b, squared, a_mask, b_mask, method)
    return _REDUCTIONS[reduction](_mean(ours, a_counts), _mean(theirs, b_counts))


def nearest_distances(a, b, *, squared=False, a_mask=None, b_mask=None, method="auto"):
    """Return the distance of each point to the nearest one of the other cloud, before any mean.

    Args:
        a, b, squared, a_mask, b_mask, method: Those of `chamfer_distance`.

    Returns:
        from_a: Tensor `(batch, m)`, from each point of a to the nearest one of b; 0 where there is nothing to
            compare, because the point or all of b does not count.
        from_b: Tensor `(batch, n)`, from each point of b to the nearest one of a.

    Raises:
        ValueError: For other shapes, types or options.

    Example:
        >>> from_a, from_b = nearest_distances(tf.zeros((1, 1, 3)), tf.constant([[[3.0, 4.0, 0.0]]]))
        >>> from_a.numpy().tolist(), from_b.numpy().tolist()
        ([[5.0]], [[5.0]])
    """
    return _distances(a, b, squared, a_mask, b_mask, method)[:2]


def _distances(a, b, squared, a_mask, b_mask, method):
    """Return the distances from a and from b, and which of them count."""
    check_choice("method", method, _METHODS)
    a, b = _cloud("a", a), _cloud("b", b)
    a_counts, b_counts = _mask("a_mask", a_mask, a), _mask("b_mask", b_mask, b)
    # What does not count may be NaN, which no product with zero would take away.
    a, b = (tf.where(counts[..., None], cloud, 0.0) for cloud, counts in ((a, a_counts), (b, b_counts)))
    a_to_b, b_to_a = nearest_indices(a, b, a_counts, b_counts, method)
    a_compares = a_counts & tf.reduce_any(b_counts, -1, keepdims=True)
    b_compares = b_counts & tf.reduce_any(a_counts, -1, keepdims=True)
    ours = _lengths(a - tf.gather(b, a_to_b, batch_dims=1), squared, a_compares)
    theirs = _lengths(b - tf.gather(a, b_to_a, batch_dims=1), squared, b_compares)
    return ours, theirs, a_compares, b_compares


def _cloud(name, cloud):
    cloud = tf.convert_to_tensor(cloud)
    if not cloud.dtype.is_floating or not cloud.shape.is_compatible_with((None, None, 3)):
        raise ValueError(
            f"`{name}` must be a float tensor of shape (batch, points, 3). "
            f"Received: {name}.shape={tuple(cloud.shape)}, {name}.dtype={cloud.dtype.name}"
        )
    if cloud.shape[1] == 0:
        raise ValueError(
            f"`{name}` must have at least one point. Received: {name}.shape={tuple(cloud.shape)}"
        )
    return at_least_float32(cloud)


def _mask(name, mask, cloud):
    if mask is None:
        return tf.ones(tf.shape(cloud)[:2], tf.bool)
    mask = tf.cast(mask, tf.bool)
    if not mask.shape.is_compatible_with(cloud.shape[:2]):
        raise ValueError(
            f"`{name}` must have the shape (batch, points) of its cloud. "
            f"Received: {name}.shape={tuple(mask.shape)} for points of shape {tuple(cloud.shape)}"
        )
    return mask


def _lengths(vectors, squared, count):
    lengths = tf.reduce_sum(tf.square(vectors), -1)
    if not squared:
        # The square root has no derivative at zero; there it shall be zero.
        zero = lengths == 0
        lengths = tf.where(zero, lengths, tf.sqrt(tf.where(zero, tf.ones_like(lengths), lengths)))
    return tf.where(count, lengths, tf.zeros_like(lengths))


def _mean(distances, count):
    weights = tf.cast(count, distances.dtype)
    return tf.reduce_sum(distances, -1) / tf.maximum(tf.reduce_sum(weights, -1), 1)
