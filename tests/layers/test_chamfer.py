import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from tfapp.layers import chamfer as chamfer_nearest
from tfapp.layers import chamfer_distance, nearest_distances

METHODS = pytest.mark.parametrize("method", ["matmul", "tree"])
REDUCTIONS = {"max": max, "sum": lambda x, y: x + y, "mean": lambda x, y: (x + y) / 2}


def clouds(batch=3, m=60, n=45, dtype="float64", seed=0):
    """Points on ellipsoids of about 5 cm, some decimetres before the camera."""
    rng = np.random.default_rng(seed)
    for count in (m, n):
        points = rng.standard_normal((batch, count, 3))
        points *= [0.05, 0.03, 0.02] / np.linalg.norm(points, axis=-1, keepdims=True)
        yield (points + [0.0, 0.0, 0.6] + rng.uniform(-0.02, 0.02, (batch, 1, 3))).astype(dtype)


def masks(a, b, share=0.6):
    rng = np.random.default_rng(1)
    return rng.random(a.shape[:2]) < share, rng.random(b.shape[:2]) < share


def by_scipy(a, b, squared=False, reduction="max", a_mask=None, b_mask=None):
    """The definition with all distances in float64, or a tree's where there are many."""
    expected = []
    for scene, (x, y) in enumerate(zip(a.astype(np.float64), b.astype(np.float64), strict=True)):
        x = x if a_mask is None else x[a_mask[scene]]
        y = y if b_mask is None else y[b_mask[scene]]
        ways = [cKDTree(y).query(x)[0], cKDTree(x).query(y)[0]]
        if len(x) < 100:
            ways = [cdist(x, y).min(1), cdist(x, y).min(0)]
        means = [np.mean(way**2 if squared else way) for way in ways]
        expected.append(REDUCTIONS[reduction](*means))
    return np.array(expected)


@METHODS
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_equals_scipy(method, squared, reduction, masked):
    a, b = clouds(dtype="float32")
    options = dict(squared=squared, reduction=reduction)
    if masked:
        options |= dict(zip(("a_mask", "b_mask"), masks(a, b), strict=True))
    ours = chamfer_distance(a, b, method=method, **options)
    np.testing.assert_allclose(ours, by_scipy(a, b, **options), rtol=1e-6)


@pytest.mark.parametrize("method", ["auto", "matmul", "tree"])
@pytest.mark.parametrize(("m", "n"), [(700, 900), (2048, 1024)])
def test_many_points_equal_scipy(method, m, n):
    a, b = clouds(2, m, n, "float32")
    np.testing.assert_allclose(chamfer_distance(a, b, method=method), by_scipy(a, b), rtol=1e-6)


@METHODS
def test_nearly_equal_clouds_equal_scipy(method):
    a, _ = clouds(2, 1500, 1, "float32")
    b = a + np.random.default_rng(2).normal(0, 1e-5, a.shape).astype(np.float32)
    np.testing.assert_allclose(chamfer_distance(a, b, method=method), by_scipy(a, b), rtol=1e-6)


@METHODS
def test_nearest_distances_are_those_of_each_point(method):
    a, b = clouds()
    ours, theirs = nearest_distances(a, b, method=method)
    for scene in range(len(a)):
        distances = cdist(a[scene], b[scene])
        np.testing.assert_allclose(ours[scene], distances.min(1), rtol=1e-12)
        np.testing.assert_allclose(theirs[scene], distances.min(0), rtol=1e-12)


def test_known_values_of_every_reduction():
    # From a to b: 1. From b to a: 5 and 1, mean 3; squared 25 and 1, mean 13.
    a, b = np.zeros((1, 1, 3)), np.array([[[3.0, 4, 0], [0, 0, 1]]])
    values = {
        (squared, reduction): float(chamfer_distance(a, b, squared=squared, reduction=reduction)[0])
        for squared in (False, True)
        for reduction in REDUCTIONS
    }
    assert values == {
        (False, "max"): 3, (False, "sum"): 4, (False, "mean"): 2,
        (True, "max"): 13, (True, "sum"): 14, (True, "mean"): 7,
    }  # fmt: skip


@METHODS
def test_clouds_far_from_the_origin_lose_nothing_but_their_own_rounding(method):
    a, b = (points + [1000.0, -2000.0, 500.0] for points in clouds(m=200, n=200, dtype="float64"))
    a, b = a.astype(np.float32), b.astype(np.float32)
    np.testing.assert_allclose(chamfer_distance(a, b, method=method), by_scipy(a, b), rtol=1e-6)


@METHODS
@pytest.mark.parametrize("apart", [10, 1e3, 1e5])
def test_clouds_that_are_wide_for_their_distances_equal_scipy(method, apart, monkeypatch):
    """Two blocks of points that are nearly on each other, far from each other."""
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1, (1, 200, 3)) + np.where(rng.random((1, 200, 1)) < 0.5, 0, apart)
    a, b = (np.float32(places + rng.normal(0, 0.005, places.shape)) for _ in range(2))
    for on_gpu in (False, True) if method == "matmul" else (False,):
        monkeypatch.setattr(chamfer_nearest, "on_gpu", lambda on_gpu=on_gpu: on_gpu)
        np.testing.assert_allclose(chamfer_distance(a, b, method=method), by_scipy(a, b), rtol=1e-5)


@METHODS
def test_masked_points_far_away_change_nothing(method):
    a, b = (points + 1000.0 for points in clouds(m=200, n=200, dtype="float64"))
    a, b = a.astype(np.float32), b.astype(np.float32)
    a_mask, b_mask = masks(a, b, 0.3)
    expected = by_scipy(a, b, a_mask=a_mask, b_mask=b_mask)
    a[~a_mask], b[~b_mask] = np.nan, np.inf
    ours = chamfer_distance(a, b, a_mask=a_mask, b_mask=b_mask, method=method)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@METHODS
@pytest.mark.parametrize("squared", [False, True])
def test_equal_clouds_have_distance_and_gradient_zero(method, squared):
    a, _ = clouds(2, 500, 1, "float32")
    shuffled = tf.constant(np.random.default_rng(0).permutation(a, axis=1))
    value, gradients = value_and_gradients(tf.constant(a), shuffled, method=method, squared=squared)
    np.testing.assert_array_equal(value, 0)
    np.testing.assert_array_equal(gradients, np.zeros_like(gradients))


def value_and_gradients(a, b, **options):
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        value = chamfer_distance(a, b, **options)
    return value, tape.gradient(value, [a, b])


@pytest.mark.slow
@METHODS
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_equal_finite_differences(method, squared, reduction, masked):
    arrays = list(clouds())
    options = dict(squared=squared, reduction=reduction, method=method)
    if masked:
        options |= dict(zip(("a_mask", "b_mask"), masks(*arrays), strict=True))
    a, b = arrays
    a_way, b_way = (np.random.default_rng(3).standard_normal(array.shape) for array in arrays)
    _, (to_a, to_b) = value_and_gradients(tf.constant(a), tf.constant(b), **options)
    ours = np.sum(to_a * a_way, axis=(1, 2)) + np.sum(to_b * b_way, axis=(1, 2))
    h = 1e-7
    above, below = (chamfer_distance(a + s * a_way, b + s * b_way, **options) for s in (h, -h))
    np.testing.assert_allclose(ours, (above - below) / (2 * h), rtol=1e-6)


@METHODS
def test_masked_points_have_gradient_zero(method):
    a, b = (tf.constant(points) for points in clouds())
    a_mask, b_mask = masks(a, b)
    _, gradients = value_and_gradients(a, b, a_mask=a_mask, b_mask=b_mask, reduction="sum", method=method)
    for gradient, mask in zip(gradients, (a_mask, b_mask), strict=True):
        np.testing.assert_array_equal(gradient[~mask], 0)
        assert np.linalg.norm(gradient[mask], axis=-1).min() > 0


@METHODS
@pytest.mark.parametrize("empty", ["a", "b", "both"])
def test_scene_with_nothing_to_compare_is_zero_with_gradient_zero(method, empty):
    a, b = (tf.constant(points) for points in clouds())
    a_mask, b_mask = np.ones(a.shape[:2], bool), np.ones(b.shape[:2], bool)
    a_mask[1] &= empty == "b"
    b_mask[1] &= empty == "a"
    value, gradients = value_and_gradients(a, b, a_mask=a_mask, b_mask=b_mask, method=method)
    assert value[1] == 0
    np.testing.assert_allclose(np.delete(value, 1), np.delete(by_scipy(a.numpy(), b.numpy()), 1), rtol=1e-12)
    for gradient in gradients:
        np.testing.assert_array_equal(gradient[1], 0)
        assert np.isfinite(gradient).all()


@METHODS
def test_nan_in_a_point_that_counts_shows_in_its_scene_only(method):
    a, b = clouds(dtype="float32")
    a[1, 7, 2] = np.nan
    value = chamfer_distance(a, b, method=method).numpy()
    np.testing.assert_array_equal(np.isnan(value), [False, True, False])


@pytest.mark.parametrize("masked", [False, True])
def test_chunks_of_scenes_change_nothing(monkeypatch, masked):
    a, b = clouds(7)
    a_mask, b_mask = masks(a, b) if masked else (None, None)
    expected = chamfer_distance(a, b, a_mask=a_mask, b_mask=b_mask, method="matmul")
    for scenes in (1, 2, 3, 7, 100):
        monkeypatch.setattr(chamfer_nearest, "PAIRS_ON_CPU", scenes * a.shape[1] * b.shape[1])
        ours = chamfer_distance(a, b, a_mask=a_mask, b_mask=b_mask, method="matmul")
        np.testing.assert_array_equal(ours, expected)


def test_way_of_a_gpu_finds_the_same(monkeypatch):
    a, b = clouds(dtype="float32")
    monkeypatch.setattr(chamfer_nearest, "on_gpu", lambda: True)
    monkeypatch.setattr(chamfer_nearest, "TREE_ABOVE", 0)  # auto takes no trees there
    monkeypatch.setattr(chamfer_nearest, "by_tree", None)
    np.testing.assert_allclose(chamfer_distance(a, b), by_scipy(a, b), rtol=1e-6)


@pytest.mark.parametrize("points", [60, None])
@pytest.mark.parametrize("above", [0, 10**9])
def test_unknown_sizes_in_a_graph(monkeypatch, points, above):
    monkeypatch.setattr(chamfer_nearest, "TREE_ABOVE", above)
    signature = [tf.TensorSpec((None, points, 3), tf.float64)] * 2
    graph = tf.function(lambda a, b: value_and_gradients(a, b), input_signature=signature)
    a, b = clouds(4, 60, 60)
    value, gradients = graph(a, b)
    expected, expected_gradients = value_and_gradients(tf.constant(a), tf.constant(b), method="matmul")
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradients, expected_gradients, atol=1e-12)


def test_empty_batch():
    assert chamfer_distance(np.zeros((0, 5, 3)), np.zeros((0, 4, 3))).shape == (0,)


def test_auto_compiles_with_xla_whatever_the_sizes(monkeypatch):
    monkeypatch.setattr(chamfer_nearest, "TREE_ABOVE", 0)
    compiled = tf.function(value_and_gradients, jit_compile=True)
    a, b = (tf.constant(points) for points in clouds())
    value, gradients = compiled(a, b)
    expected, expected_gradients = value_and_gradients(a, b)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_tree_with_xla_is_refused():
    compiled = tf.function(lambda a, b: chamfer_distance(a, b, method="tree"), jit_compile=True)
    with pytest.raises(ValueError, match="`method` must be 'matmul' or 'auto' where XLA .* method='tree'"):
        compiled(*clouds())


def test_half_precision_is_computed_in_float32():
    a, b = clouds(dtype="float16")
    value = chamfer_distance(a, b)
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, by_scipy(a, b), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(a=np.zeros((2, 3, 5))), r"`a` must be a float tensor .* Received: a.shape=\(2, 3, 5\)"),
        (dict(b=np.zeros((5, 3))), r"`b` must be .* b.shape=\(5, 3\)"),
        (dict(b=np.zeros((2, 5, 3), int)), "`b` must be .* b.dtype=int64"),
        (dict(a=np.zeros((2, 0, 3))), r"`a` must have at least one point. Received: a.shape=\(2, 0, 3\)"),
        (dict(a_mask=np.ones((2, 4), bool)), r"`a_mask` must have .* a_mask.shape=\(2, 4\) .* \(2, 5, 3\)"),
        (dict(b_mask=np.ones((2, 5, 3), bool)), "`b_mask` must have"),
        (dict(reduction="none"), "`reduction` must be one of .* Received: reduction='none'"),
        (dict(method="brute"), "`method` must be one of .* Received: method='brute'"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    given = dict(a=np.zeros((2, 5, 3)), b=np.zeros((2, 5, 3))) | arguments
    with pytest.raises(ValueError, match=message):
        chamfer_distance(**given)
