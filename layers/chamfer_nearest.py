"""Which point of the other cloud is nearest: by matrix products in the graph, or by trees outside of it."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.layers.outside_graph import compiles_with_xla, map_scenes, refuse_xla
from tfapp.layers.pooling_windows import axis_lengths

# Above this many pairs of points in a scene trees are faster on a CPU (benchmarks/pose_layers.py measures it).
TREE_ABOVE = 1_000_000
# Pairs of points whose distances are in memory at once, a few scenes of them.
PAIRS_ON_CPU, PAIRS_ON_GPU = 1 << 22, 1 << 28


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
    squared = tf.reduce_sum(tf.square(others), -1, keepdims=True)
    squared = tf.where(others_count[..., None], squared, squared.dtype.max)
    left = tf.concat([-2 * points, tf.ones_like(points[..., :1])], -1)
    right = tf.concat([others, squared], -1)
    return tf.argmin(_products(left, right), -1, output_type=tf.int32)


def _products(left, right):
    """Return <l_i, r_j> for all pairs."""
    if on_gpu():
        # Its matrix products may round float32 to ten bits (TensorFloat-32), which finds other points.
        return tf.add_n([left[:, :, None, k] * right[:, None, :, k] for k in range(left.shape[-1])])
    return tf.matmul(left, right, transpose_b=True)


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
