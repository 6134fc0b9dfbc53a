import numpy as np
import pytest

from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.simulator import SceneSettings, Simulator, bin_camera, random_view, view_from

open3d = pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")

SIZE = 48


def scene_of(name, tilt, instances=3, number=0):
    settings = SceneSettings(BUILT_IN[name](), instances, size=SIZE, tilt=tilt)
    return settings, Simulator(settings).scene(number)


def distances(part, scene, points):
    """Return (instances, points): the distance of points of the camera's frame to each posed mesh."""
    surface = open3d.t.geometry.RaycastingScene()
    surface.add_triangles(part.vertices.astype(np.float32), part.triangles.astype(np.uint32))
    poses = zip(scene.rotation, scene.translation, strict=True)
    return np.stack(
        [
            surface.compute_distance(((points - shift) @ turn).astype(np.float32)).numpy()
            for turn, shift in poses
        ]
    )


@pytest.mark.parametrize("tilt", [0, 45])
@pytest.mark.parametrize("name", BUILT_IN)
def test_labelled_points_lie_on_their_posed_mesh(name, tilt):
    settings, scene = scene_of(name, tilt)
    labels = scene.view.labels
    points, pixels = settings.camera().back_project(scene.view.depth, labels > 0)
    away = distances(settings.part, scene, points)
    own = away[labels[tuple(pixels.T)].astype(int) - 1, np.arange(len(points))]
    assert own.max() < 1e-4
    # Where parts touch, two are as near.
    assert (own <= away.min(axis=0) + 1e-4).all()


@pytest.mark.parametrize("tilt", [0, 45])
def test_other_points_lie_on_the_bin(tilt):
    settings, scene = scene_of("bolt", tilt)
    points, _ = settings.camera().back_project(scene.view.depth, scene.view.labels == 0)
    # The floor is as near as that only along the line where a part touches it.
    assert (distances(settings.part, scene, points).min(axis=0) > 1e-4).mean() > 0.99


def test_depth_equals_a_cast_of_the_whole_scene():
    settings, scene = scene_of("camera-head", 0)
    whole, camera = open3d.t.geometry.RaycastingScene(), settings.camera()
    for turn, shift in zip(scene.rotation, scene.translation, strict=True):
        posed = settings.part.vertices @ turn.T + shift
        whole.add_triangles(posed.astype(np.float32), settings.part.triangles.astype(np.uint32))
    intrinsics = open3d.core.Tensor([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    rays = whole.create_rays_pinhole(intrinsics, open3d.core.Tensor(np.eye(4)), SIZE, SIZE)
    found = whole.cast_rays(rays)
    labels = found["geometry_ids"].numpy()
    labels = np.where(labels == open3d.t.geometry.RaycastingScene.INVALID_ID, 0, labels + 1)
    seen = scene.view.labels > 0
    assert (labels != scene.view.labels).mean() < 0.002
    np.testing.assert_allclose(found["t_hit"].numpy()[seen], scene.view.depth[seen], atol=1e-5)


def test_floor_is_at_the_camera_s_distance_from_above():
    settings, scene = scene_of("nut", 0)
    assert np.median(scene.view.depth) == pytest.approx(6.7 * settings.half_width, rel=1e-6)


def test_poses_are_rotations():
    _, scene = scene_of("l-bracket", 60)
    np.testing.assert_allclose(np.linalg.det(scene.rotation), 1)


@pytest.mark.parametrize("tilt", [0.0, 0.7])
def test_bin_fits_the_picture_from_everywhere_in_the_cone(tilt):
    camera = bin_camera(100, tilt)
    rim = np.array([[x, y, 0.3] for x in (-1.05, 1.05) for y in (-1.05, 1.05)])
    reached = 0.0
    for away in np.linspace(0, tilt, 6):
        for about in np.linspace(0, 6.28, 30):
            turn, shift = view_from(1.0, away, about)
            seen = np.abs(camera.project(rim @ turn.T + shift) - 50)
            reached = max(reached, seen.max())
    assert 47 < reached < 50.5


def test_view_looks_at_the_bin_s_centre_from_within_the_cone():
    rng = np.random.default_rng(0)
    tilts = []
    for _ in range(400):
        turn, shift = random_view(0.09, np.deg2rad(40), rng)
        assert np.linalg.det(turn) == pytest.approx(1)
        np.testing.assert_allclose(shift, [0, 0, 0.603])
        tilts.append(np.arccos(-turn[2, 2]))
    assert max(tilts) <= np.deg2rad(40) + 1e-9
    # Uniform on the cap of a sphere: half of the directions are within arccos((1 + cos 40°) / 2).
    assert np.mean(np.array(tilts) < np.arccos((1 + np.cos(np.deg2rad(40))) / 2)) == pytest.approx(
        0.5, abs=0.08
    )


@pytest.mark.slow
def test_every_instance_is_seen():
    settings = SceneSettings(BUILT_IN["nut"](), 4, size=SIZE, tilt=60)
    simulator = Simulator(settings)
    for number in range(4):
        counts = np.bincount(simulator.scene(number).view.labels.ravel(), minlength=5)
        assert counts[1:].min() >= 20
