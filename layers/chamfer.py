"""Chamfer distance of clouds of points, and which point of the other cloud is nearest."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.layers.arguments import at_least_float32, check_choice
from tfapp.layers.host_functions import compiles_with_xla, map_scenes, refuse_xla
from tfapp.layers.pooling import axis_lengths

_REDUCTIONS = {"max": tf.maximum, "sum": tf.add, "mean": lambda ours, theirs: (ours + theirs) / 2}
_METHODS = ("auto", "matmul", "tree")
# Above this many pairs of points in a scene trees are faster on a CPU (benchmarks/pose_layers.py measures it).
TREE_ABOVE = 1_000_000
# Pairs of points whose distances are in memory at once, a few scenes of them.
PAIRS_ON_CPU, PAIRS_ON_GPU = 1 << 21, 1 << 28


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
        method: `"matmul"` looks at all pairs, a few scenes at a time. `"tree"` asks SciPy's k-d trees in threads
            of Python: not with XLA, not in a SavedModel. `"auto"` takes trees on a CPU without XLA for
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
        Pair of tensors: `(batch, m)`, from each point of a to the nearest one of b, 0 where there is nothing to
        compare, because the point or all of b does not count; and `(batch, n)`, from each point of b to the nearest
        one of a.

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


def nearest_indices(a, b, a_counts, b_counts, method):
    """Return (indices in b for each point of a, indices in a for each point of b), int32.

    Args:
        a: Tensor `(batch, m, 3)`; no gradient is taken of it.
        b: Tensor `(batch, n, 3)`.
        a_counts: Boolean `(batch, m)`: the points that may be chosen. The indices for other points mean nothing, nor
            do those into a cloud without a point to choose.
        b_counts: Boolean `(batch, n)`.
        method: `"matmul"`, `"tree"`, or `"auto"` for the faster one.

    Raises:
        ValueError: For `"tree"` in a graph that XLA compiles.
    """
    clouds = (tf.stop_gradient(a), tf.stop_gradient(b), a_counts, b_counts)
    if method == "tree":
        refuse_xla("method", method, "'matmul' or 'auto'")
    if method == "auto":
        method = _faster_method(a, b)
    if method == "auto":
        many = tf.shape(a)[1] * tf.shape(b)[1] > TREE_ABOVE
        ours, theirs = tf.cond(many, lambda: by_tree(*clouds), lambda: by_matmul(*clouds))
    else:
        ours, theirs = by_tree(*clouds) if method == "tree" else by_matmul(*clouds)
    return tf.ensure_shape(ours, a.shape[:2]), tf.ensure_shape(theirs, b.shape[:2])


def _faster_method(a, b):
    """Return the name of a method, or `"auto"` where the number of points is known only when the graph runs."""
    if on_gpu() or compiles_with_xla():
        return "matmul"
    if None in (a.shape[1], b.shape[1]):
        return "auto"
    return "tree" if a.shape[1] * b.shape[1] > TREE_ABOVE else "matmul"


def on_gpu():
    return bool(tf.config.get_visible_devices("GPU"))


def by_matmul(a, b, a_counts, b_counts):
    """Find the nearest points by all distances of a few scenes at a time."""
    clouds = [a, b, a_counts, b_counts]
    limit = PAIRS_ON_GPU if on_gpu() else PAIRS_ON_CPU
    (batch, m, _), n = axis_lengths(a), axis_lengths(b)[1]
    if all(isinstance(length, int) for length in (batch, m, n)) and batch * m * n <= limit:
        return _all_pairs(clouds)
    scenes = tf.clip_by_value(limit // tf.maximum(m * n, 1), 1, tf.maximum(batch, 1))
    chunks = tf.map_fn(
        _all_pairs,
        [_in_chunks(cloud, batch, scenes) for cloud in clouds],
        fn_output_signature=[tf.int32, tf.int32],
        parallel_iterations=1,  # more would hold more in memory
    )
    return [tf.reshape(found, (-1, tf.shape(found)[-1]))[:batch] for found in chunks]


def _in_chunks(tensor, batch, scenes):
    """Return (batch, ...) as (chunks, scenes, ...), at least one chunk, filled up with zeros."""
    chunks = tf.maximum(-(-batch // scenes), 1)
    missing = [[0, chunks * scenes - batch]] + [[0, 0]] * (tensor.shape.rank - 1)
    return tf.reshape(tf.pad(tensor, missing), tf.concat([[chunks, scenes], tf.shape(tensor)[1:]], 0))


@tf.autograph.experimental.do_not_convert
def _all_pairs(clouds):
    a, b, a_counts, b_counts = clouds
    # Far from the origin the squares would be large and their difference, the distance, lost in rounding.
    weights = tf.cast(b_counts, b.dtype)[..., None]
    total = tf.reduce_sum(weights, axis=1, keepdims=True)
    centre = tf.math.divide_no_nan(tf.reduce_sum(weights * b, axis=1, keepdims=True), total)
    a, b = a - centre, b - centre
    # Two products: an argmin over the first of the two axes of one takes several times as long.
    return [_nearest(a, b, b_counts), _nearest(b, a, a_counts)]


def _nearest(points, others, others_count):
    """Return argmin_j |y_j|^2 - 2 <x_i, y_j>, which is |x_i - y_j|^2 less what does not depend on j."""
    if on_gpu():
        # Its matrix products may round float32 to ten bits (TensorFloat-32), which finds other points.
        squares = [tf.square(points[:, :, None, k] - others[:, None, :, k]) for k in range(3)]
        distances = tf.where(others_count[:, None, :], tf.add_n(squares), squares[0].dtype.max)
        return tf.argmin(distances, -1, output_type=tf.int32)
    # In float32 the difference of squares would be lost in rounding where a cloud is some hundred times as wide as its
    # points are apart.
    points, others = tf.cast(points, tf.float64), tf.cast(others, tf.float64)
    squared = tf.reduce_sum(tf.square(others), -1, keepdims=True)
    squared = tf.where(others_count[..., None], squared, squared.dtype.max)
    left = tf.concat([-2 * points, tf.ones_like(points[..., :1])], -1)
    right = tf.concat([others, squared], -1)
    return tf.argmin(tf.matmul(left, right, transpose_b=True), -1, output_type=tf.int32)


def by_tree(a, b, a_counts, b_counts):
    """Find the nearest points by k-d trees of SciPy, a scene and direction in each thread."""
    return tf.numpy_function(_by_scipy, [a, b, a_counts, b_counts], [tf.int32, tf.int32], stateful=False)


def _by_scipy(a, b, a_counts, b_counts):
    # Points that are not finite have no nearest one, and a tree takes none.
    a_counts, b_counts = (mask & np.isfinite(cloud).all(-1) for cloud, mask in ((a, a_counts), (b, b_counts)))
    both_ways = [*a, *b], [*b, *a], [*a_counts, *b_counts], [*b_counts, *a_counts]
    found = map_scenes(_nearest_in_scene, *both_ways)
    return _stacked(found[: len(a)], a), _stacked(found[len(a) :], b)


def _nearest_in_scene(points, others, points_count, others_count):
    found = np.zeros(len(points), np.int32)
    if others_count.any() and points_count.any():
        tree = cKDTree(others[others_count], leafsize=32)
        found[points_count] = np.flatnonzero(others_count)[tree.query(points[points_count])[1]]
    return found


def _stacked(found, cloud):
    return np.reshape(found, cloud.shape[:2]).astype(np.int32)
