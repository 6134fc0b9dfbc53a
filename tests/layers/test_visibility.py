import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation as SciPyRotation

from tfapp.layers import HiddenPointRemoval, hidden_point_mask

BACKENDS = pytest.mark.parametrize("backend", ["scipy", "open3d", "z-buffer"])
HULLS = pytest.mark.parametrize("backend", ["scipy", "open3d"])
CAMERA = (0.3, -0.2, 0.1)


@pytest.fixture(autouse=True)
def installed(request):
    if "backend" in request.fixturenames and request.getfixturevalue("backend") == "open3d":
        pytest.importorskip("open3d")


def scenes(batch=1, points=300, parts=2, seed=0):
    """Points on the faces of boxes of some centimetres, six decimetres before the camera."""
    rng = np.random.default_rng(seed)
    cloud = rng.uniform(-1, 1, (batch, parts, points // parts, 3))
    face = rng.integers(0, 3, cloud.shape[:3] + (1,))
    np.put_along_axis(cloud, face, rng.choice([-1.0, 1.0], face.shape), -1)
    cloud *= [0.025, 0.012, 0.008]
    turns = SciPyRotation.random(batch * parts, rng=rng).as_matrix().reshape(batch, parts, 3, 3)
    places = rng.uniform(-0.04, 0.04, (batch, parts, 1, 3)) + [0, 0, 0.6]
    return (cloud @ turns + places).reshape(batch, -1, 3)


def visible(points, backend="scipy", **options):
    return HiddenPointRemoval(backend=backend, **options)(tf.constant(points)).numpy()


def by_open3d(points, exponent=2.9, camera=(0.0, 0.0, 0.0)):
    """Open3D's own answer, whose radius is absolute."""
    open3d = pytest.importorskip("open3d")
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    radius = np.linalg.norm(points - camera, axis=1).max() * 10**exponent
    _, indices = cloud.hidden_point_removal(np.array(camera), radius)
    return np.isin(np.arange(len(points)), indices)


@HULLS
def test_equals_open3d_on_100_random_scenes(backend):
    clouds = scenes(100)
    expected = [by_open3d(points) for points in clouds]
    np.testing.assert_array_equal(visible(clouds, backend), expected)


@HULLS
@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.14])
def test_equals_open3d_from_another_camera_with_another_exponent(backend, exponent):
    clouds = scenes(10)
    expected = [by_open3d(points, exponent, CAMERA) for points in clouds]
    np.testing.assert_array_equal(visible(clouds, backend, exponent=exponent, camera=CAMERA), expected)


@BACKENDS
@pytest.mark.parametrize("factor", [10, 0.001])
def test_unit_of_the_points_does_not_matter(backend, factor):
    clouds = scenes(10)
    camera = tuple(factor * x for x in CAMERA)
    expected = visible(clouds, backend, camera=CAMERA)
    np.testing.assert_array_equal(visible(factor * clouds, backend, camera=camera), expected)


@BACKENDS
def test_moving_cloud_and_camera_together_changes_nothing(backend):
    clouds = scenes(5)
    # Multiples of a power of two are added without rounding.
    clouds, shift = np.round(clouds * 2**20) / 2**20, np.array([0.5, -0.25, 0.125])
    expected = visible(clouds, backend)
    np.testing.assert_array_equal(visible(clouds + shift, backend, camera=shift), expected)


@BACKENDS
def test_far_side_of_a_sphere_is_hidden(backend):
    rng = np.random.default_rng(0)
    sphere = rng.standard_normal((1, 2000, 3))
    sphere /= np.linalg.norm(sphere, axis=-1, keepdims=True)
    seen = visible(sphere + [0, 0, 20.0], backend)
    # From far away the near half is visible, up to the points at the rim.
    assert seen[sphere[..., 2] < -0.4].mean() > 0.9
    assert seen[sphere[..., 2] > 0.4].mean() < (0.25 if backend == "z-buffer" else 0.01)


def test_z_buffer_agrees_with_the_hull_in_four_points_of_five():
    clouds = scenes(20, 2048)
    assert 0.78 < np.mean(visible(clouds, "z-buffer") == visible(clouds)) < 0.9


@BACKENDS
def test_threads_and_batches_change_nothing(backend):
    clouds = scenes(5)
    together = visible(clouds, backend, threads=3)
    alone = np.concatenate([visible(points[None], backend, threads=1) for points in clouds])
    np.testing.assert_array_equal(together, alone)


BAD_POINTS = {
    "NaN": (np.nan, 0.0, 0.6),
    "infinite": (0.0, np.inf, 0.6),
    "minus infinite": (0.0, 0.0, -np.inf),
}


@BACKENDS
@pytest.mark.parametrize("bad", BAD_POINTS)
def test_points_that_are_not_finite_are_hidden_and_change_nothing_else(backend, bad):
    clouds = scenes(2)
    expected = visible(clouds, backend)
    spoilt = np.insert(clouds, [0, 100], np.array(BAD_POINTS[bad]), axis=1)
    seen = visible(spoilt, backend)
    assert not seen[:, [0, 101]].any()
    np.testing.assert_array_equal(np.delete(seen, [0, 101], axis=1), expected)


@BACKENDS
def test_point_at_the_camera_is_visible_and_hides_nothing(backend):
    clouds = scenes(2)
    expected = visible(clouds, backend, camera=CAMERA)
    seen = visible(np.insert(clouds, 50, CAMERA, axis=1), backend, camera=CAMERA)
    assert seen[:, 50].all()
    np.testing.assert_array_equal(np.delete(seen, 50, axis=1), expected)


@BACKENDS
def test_points_in_one_place_are_seen_alike(backend):
    points = scenes(points=100)
    doubled = np.concatenate([points, points, points[:, :20]], axis=1)
    expected = visible(points, backend)
    np.testing.assert_array_equal(
        visible(doubled, backend), np.concatenate([expected, expected, expected[:, :20]], axis=1)
    )


@BACKENDS
def test_points_that_do_not_exist_are_hidden_and_hide_nothing(backend):
    clouds, others = scenes(3), 0.5 * scenes(3, seed=1)
    exists = np.repeat([True, False], [clouds.shape[1], others.shape[1]])[None].repeat(3, 0)
    layer = HiddenPointRemoval(backend=backend)
    seen = layer(np.concatenate([clouds, others], axis=1), exists=exists).numpy()
    assert not seen[~exists].any()
    np.testing.assert_array_equal(seen[:, : clouds.shape[1]], visible(clouds, backend))


@BACKENDS
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_fewer_than_five_points_are_all_visible(backend, count):
    line = np.linspace(1, 2, count)[:, None] * [0.1, 0.2, 1.0]
    assert visible(line[None], backend).all()


@BACKENDS
def test_points_without_any_to_see(backend):
    assert visible(np.zeros((2, 0, 3)), backend).shape == (2, 0)
    assert visible(np.zeros((0, 9, 3)), backend).shape == (0, 9)
    assert not visible(np.full((2, 9, 3), np.nan), backend).any()
    assert visible(np.zeros((2, 9, 3)), backend).all()


ANGLES = np.linspace(0, 1, 40)
FLAT = {
    "identical": np.ones((40, 3)),
    "two places": np.repeat([[1.0, 0, 1], [0, 1, 1]], 20, axis=0),
    "on a ray": np.outer(1 + ANGLES, [1.0, 2, 3]),
    "on a line": np.outer(ANGLES, [1.0, 0, 0]) + [0, 0, 1],
    "in a plane with the camera": np.c_[np.cos(ANGLES), np.sin(7 * ANGLES), 0 * ANGLES],
}


@HULLS
@pytest.mark.parametrize("shape", FLAT)
def test_points_in_one_plane_with_the_camera_are_all_visible(backend, shape):
    assert visible(FLAT[shape][None], backend).all()


@pytest.mark.parametrize("shape", FLAT)
def test_flat_clouds_have_a_visible_point_in_the_z_buffer(shape):
    assert visible(FLAT[shape][None], "z-buffer").any()


@BACKENDS
def test_points_all_around_the_camera(backend):
    sphere = np.random.default_rng(0).standard_normal((1, 500, 3))
    sphere /= np.linalg.norm(sphere, axis=-1, keepdims=True)
    assert visible(sphere, backend).mean() > 0.8


@BACKENDS
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_tiny_and_huge_clouds(backend, size):
    clouds = scenes(2)
    np.testing.assert_array_equal(visible(size * clouds, backend), visible(clouds, backend))


@HULLS
def test_hull_with_xla_is_refused(backend):
    compiled = tf.function(HiddenPointRemoval(backend=backend), jit_compile=True)
    with pytest.raises(ValueError, match="`backend` must be 'z-buffer' where XLA"):
        compiled(scenes().astype(np.float32))


@BACKENDS
def test_keras_knows_what_xla_can_compile(backend):
    assert HiddenPointRemoval(backend=backend).supports_jit == (backend == "z-buffer")


@BACKENDS
def test_result_has_no_gradient(backend):
    points = tf.constant(scenes())
    with tf.GradientTape() as tape:
        tape.watch(points)
        seen = tf.cast(HiddenPointRemoval(backend=backend)(points), tf.float64)
    assert tape.gradient(seen, points) is None


@pytest.mark.parametrize("shape", [(300, 3), (4, 300, 3)])
def test_mask_of_an_array_is_what_the_layer_does_not_see(shape):
    points = np.squeeze(scenes(4)[: shape[0] if len(shape) == 3 else 1])
    hidden = hidden_point_mask(points)
    assert (hidden.shape, hidden.dtype) == (shape[:-1], bool)
    np.testing.assert_array_equal(np.atleast_2d(hidden), ~visible(np.reshape(points, (-1, 300, 3))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(exponent=100.0), r"`exponent` must be in \[0, 10\].* Received: exponent=100.0"),
        (dict(exponent=float("nan")), "`exponent` must be"),
        (dict(camera=(0, 0)), r"`camera` must be three finite numbers .* camera=\(0, 0\)"),
        (dict(camera=(0, 0, np.inf)), "`camera` must be"),
        (dict(backend="cgal"), "`backend` must be one of .* Received: backend='cgal'"),
        (dict(threads=0), "`threads` must be a positive integer. Received: threads=0"),
        (dict(pixels=0), "`pixels` must be a positive integer"),
        (dict(splat=2), "`splat` must be an odd integer up to `pixels`. Received: splat=2, pixels=64"),
        (dict(splat=5, pixels=4), "`splat` must be an odd integer"),
        (dict(tolerance=0), "`tolerance` must be a finite number > 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        HiddenPointRemoval(**options)


def test_points_of_another_shape_are_refused():
    with pytest.raises(
        ValueError, match=r"points of shape \(batch, points, 3\). Received: input_shape=\(5, 3\)"
    ):
        HiddenPointRemoval()(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"`points` must have shape .* Received: points.shape=\(5, 2\)"):
        hidden_point_mask(np.zeros((5, 2)))


def test_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(ImportError, match='backend="open3d" needs the package open3d-cpu'):
        HiddenPointRemoval(backend="open3d")
