"""Depth sensors of the simulator: what they measure of shapes whose answer can be worked out by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from tfapp.errors import InputError
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.simulation.measurement import measure
from tfapp.pose.simulation.parts import Part, cap, mesh_of, prism, rectangle, side
from tfapp.pose.simulation.ray_casting import DepthCaster, Hits
from tfapp.pose.simulation.sensors import EFFECTS, SENSORS, TABLE, Sensor, sensor_named
from tfapp.pose.simulation.simulator import view_from

# Of a long focal length, so that all rays are nearly parallel to the axis.
CAMERA = Camera(128, 128, 8000.0, 8000.0, 64.0, 64.0)


class Plane:
    """In the place of a `DepthCaster`: a plane through (0, 0, depth), turned about the y axis, of instance 1."""

    def __init__(self, depth, degrees=0.0):
        angle = np.deg2rad(degrees)
        self.point, self.normal = np.array([0, 0, depth]), np.array([np.sin(angle), 0, -np.cos(angle)])

    def meet(self, rays, scene, origin=(0.0, 0.0, 0.0)):
        along = rays @ self.normal
        away = ((self.point - origin) @ self.normal) / along
        cosine = np.abs(along) / np.linalg.norm(rays, axis=-1)
        return Hits(away.astype(np.float32), np.ones(rays.shape[:2], np.uint8), cosine.astype(np.float32))


class Edge:
    """In the place of a `DepthCaster`: instance 1 left of x = 0 of the directions, right of it the floor."""

    near, far = 0.45, 0.47

    def meet(self, rays, scene, origin=(0.0, 0.0, 0.0)):
        left = rays[..., 0] < 0
        depth = np.where(left, self.near, self.far).astype(np.float32)
        return Hits(depth, left.astype(np.uint8), np.ones(left.shape, np.float32))


def seen(sensor, caster, camera=CAMERA, entropy=(0, 0, 0), scene=None):
    return measure(sensor, caster, camera, scene, entropy)


def own_sensor(*effects, **changed):
    """Return a sensor without a step of the depth, which hides the step of the disparity."""
    usual = {"baseline": 0.05, "focal": 400.0, "nearest": 0.1, "farthest": 20.0, "noise": 0.1, "jitter": 0.5}
    usual |= {"footprint": 2.0, "grazing": (70.0, 80.0), "disparity_step": 0.125}
    return Sensor("own", effects, **usual | changed)


@pytest.mark.parametrize("depth", [0.4, 0.8, 1.6])
def test_noise_grows_with_the_square_of_the_depth(depth):
    found = seen(sensor_named("realsense", ["noise"]), Plane(depth)).depth
    # Subpixel error · z² / (focal length · baseline), of Intel's guide: 0.08, 848 / 2 pixels, 50 mm.
    assert found.std() == pytest.approx(0.08 * depth**2 / (424 * 0.05), rel=0.03)
    assert found.mean() == pytest.approx(depth, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "depth", "deviation"),
    [
        # Khoshelham and Elberink, 2012: 1.425e-5 z² centimetres, "about 4 cm" at 5 m.
        ("kinect", 4.5, 1.425e-5 * 450**2 / 100),
        # The maker's: 0.03 mm at 442 mm.
        ("photoneo", 0.442, 3e-5),
    ],
)
def test_noise_of_a_sensor_is_the_published_one(name, depth, deviation):
    found = seen(sensor_named(name, ["noise"]), Plane(depth)).depth
    assert found.std() == pytest.approx(deviation, rel=0.03)


def test_jitter_takes_an_edge_s_pixels_from_either_side():
    sensor = own_sensor("jitter", jitter=2.0)
    camera = Camera(16, 4000, 400.0, 400.0, 8.0, 2000.0)
    shares = (seen(sensor, Edge(), camera).labels == 1).mean(axis=0)
    # A pixel c + 0.5 looks left of the edge, which is at 8, if its own shift is larger.
    np.testing.assert_allclose(shares, norm.cdf(-(np.arange(16) + 0.5 - 8) / 2), atol=0.03)


def test_flying_pixels_have_the_mean_disparity_of_both_sides_and_no_label():
    sensor = own_sensor("flying-pixels", footprint=3.0)
    # Pixels of the sensor's size; the edge is a sixth of a pixel right of the middle of column 8.
    camera = Camera(16, 4, 400.0, 400.0, 8.5 + 1 / 6, 2.0)
    found = seen(sensor, Edge(), camera)
    # The thirds of a square of 3 pixels are one pixel apart: of column 8 two of three rays meet the near side, of
    # column 9 one, and of all others all or none.
    depths = np.full(16, np.float32(Edge.near))
    depths[8] = 1 / (2 / 3 / Edge.near + 1 / 3 / Edge.far)
    depths[9] = 1 / (1 / 3 / Edge.near + 2 / 3 / Edge.far)
    depths[10:] = Edge.far
    np.testing.assert_allclose(found.depth, np.tile(depths, (4, 1)), rtol=1e-6)
    # Mixed by 6 mm, more than the 3 pixels of 1.1 mm each that the square is wide.
    np.testing.assert_array_equal(found.labels[0], (np.arange(16) < 8).astype(int))


def test_mixture_that_stays_within_the_pixel_s_own_width_keeps_its_label():
    edge = Edge()
    edge.far = edge.near + 0.003
    camera = Camera(16, 4, 400.0, 400.0, 8.5 + 1 / 6, 2.0)
    found = seen(own_sensor("flying-pixels", footprint=3.0), edge, camera)
    assert edge.near < found.depth[0, 8] < edge.far and found.labels[0, 8] == 1


@pytest.mark.parametrize(("degrees", "share"), [(60, 1.0), (72.5, 0.75), (75, 0.5), (77.5, 0.25), (81, 0.0)])
def test_holes_follow_the_angle_of_a_tilted_plane(degrees, share):
    found = seen(own_sensor("holes"), Plane(0.5, degrees))
    # Rays differ by 0.9 degrees from one side of the picture to the other.
    assert (found.depth > 0).mean() == pytest.approx(share, abs=0.03)
    np.testing.assert_array_equal(found.labels > 0, found.depth > 0)


def test_steps_are_whole_ones_of_the_disparity():
    found = seen(sensor_named("kinect", ["quantisation"]), Plane(2.0, 80)).depth
    levels = np.unique(found[found > 0]).astype(float)
    eighths = 8 * 586 * 0.075 / levels
    np.testing.assert_allclose(eighths, eighths.round(), atol=1e-4)
    assert len(levels) > 5
    # Khoshelham and Elberink, 2012: 2.85e-5 z² centimetres.
    middle = (levels[1:] + levels[:-1]) / 2
    np.testing.assert_allclose(np.diff(levels), 2.85e-5 * (100 * middle) ** 2 / 100, rtol=0.01)


def test_realsense_writes_whole_millimetres_of_whole_steps():
    found = seen(sensor_named("realsense", ["quantisation"]), Plane(0.5, 80)).depth
    millimetres = np.unique(found) * 1000.0
    np.testing.assert_allclose(millimetres, millimetres.round(), atol=1e-4)
    exact = Plane(0.5, 80).meet(CAMERA.rays(), None).distance
    # Half a millimetre, and half a step of the disparity: z² / (32 · 424 · 50 mm) / 2.
    assert np.abs(found - exact).max() <= 0.0005 + exact.max() ** 2 / (32 * 424 * 0.05) / 2 + 1e-6


def test_what_is_out_of_reach_is_not_measured():
    for depth, measured in ((0.49, False), (0.51, True), (4.9, True), (5.1, False)):
        assert (seen(sensor_named("kinect", ["holes"]), Plane(depth)).depth > 0).all() == measured


HALF_WIDTH, HIGH = 0.07, 0.03
BOX = rectangle(0.02, 0.03, (0.03, -0.03))


@pytest.fixture(scope="module")
def box_in_a_bin():
    """A caster of a box on the floor, and the scene and the transformation from the bin to the camera above it."""
    pytest.importorskip("open3d", reason="depth is cast with the extra `pose`")
    faces = cap(BOX, 0.0, up=False), cap(BOX, HIGH, up=True), side(BOX, 0.0, HIGH)
    part = Part("box", *mesh_of(*faces), [prism(BOX, 0.0, HIGH)])
    camera = Camera(96, 96, 290.0, 290.0, 48.0, 48.0)
    bin_pose = turn, shift = view_from(HALF_WIDTH, 0.0, 0.0)
    scene = bin_pose, turn[None], shift[None]
    return DepthCaster(part, HALF_WIDTH, camera), camera, scene


def behind_the_box(points, viewpoint):
    """Return whether the way from each point (k, 3) to a viewpoint leads through the box: by its three slabs."""
    low, high = np.append(BOX.min(0), 0.0), np.append(BOX.max(0), HIGH)
    with np.errstate(divide="ignore"):
        ends = np.stack([low - points, high - points]) / (viewpoint - points)
    enters, leaves = np.min(ends, axis=0).max(-1), np.max(ends, axis=0).min(-1)
    return np.maximum(enters, 1e-6) < np.minimum(leaves, 1)


@pytest.mark.parametrize("baseline", [0.05, 0.23])
def test_shadow_is_where_the_second_viewpoint_does_not_see_the_floor(box_in_a_bin, baseline):
    caster, camera, scene = box_in_a_bin
    found = seen(own_sensor("shadow", baseline=baseline), caster, camera, scene=scene)
    ideal = caster.cast(*scene)
    turn, shift = scene[0]
    points = (camera.rays() * ideal.depth[..., None] - shift) @ turn
    floor = (ideal.labels == 0) & (np.abs(points[..., 2]) < 1e-6)
    # Walls throw shadows too: the floor beside the right one is left out.
    floor &= points[..., 0] < 0.06
    second = (np.array([baseline, 0, 0]) - shift) @ turn
    expected = behind_the_box(points[floor], second)
    assert expected.sum() > 20
    # At its border a ray may pass the box by less than a number of single precision tells.
    assert ((found.depth[floor] == 0) == expected).mean() > 0.999
    np.testing.assert_array_equal(found.depth[found.depth > 0], ideal.depth[found.depth > 0])


def test_shadow_falls_away_from_the_second_viewpoint(box_in_a_bin):
    caster, camera, scene = box_in_a_bin
    found = seen(own_sensor("shadow"), caster, camera, scene=scene)
    lost = np.nonzero((found.depth == 0) & (caster.cast(*scene).depth > 0))[1]
    box = np.nonzero(found.labels)[1]
    near_box = lost[np.abs(lost - box.min()) < 20]
    assert len(near_box) and (near_box <= box.min() + 1).all()


def test_angles_that_rays_meet_surfaces_at(box_in_a_bin):
    caster, camera, scene = box_in_a_bin
    rays = camera.rays()
    hits = caster.meet(rays, scene)
    # From above the floor and the top of the box are met at the angle of the ray to the axis, the left side of the box
    # at that to x.
    points = (rays * hits.distance[..., None] - scene[0][1]) @ scene[0][0]
    inside = (np.abs(points[..., :2]) < HALF_WIDTH - 1e-4).all(-1)
    flat = inside & ((np.abs(points[..., 2]) < 1e-6) | (np.abs(points[..., 2] - HIGH) < 1e-6))
    length = np.linalg.norm(rays, axis=-1)
    np.testing.assert_allclose(hits.cosine[flat], (1 / length)[flat], rtol=1e-5)
    left = (hits.labels == 1) & (np.abs(points[..., 0] - BOX[:, 0].min()) < 1e-6)
    assert flat.sum() > 1000 and left.sum() > 5
    np.testing.assert_allclose(hits.cosine[left], (np.abs(rays[..., 0]) / length)[left], rtol=1e-4)


def test_rays_meet_what_the_ideal_picture_shows(box_in_a_bin):
    caster, camera, scene = box_in_a_bin
    hits, ideal = caster.meet(camera.rays(), scene), caster.cast(*scene)
    np.testing.assert_array_equal(np.where(np.isfinite(hits.distance), hits.distance, 0), ideal.depth)
    np.testing.assert_array_equal(hits.labels, ideal.labels)


def test_the_same_numbers_make_the_same_picture_and_others_another(box_in_a_bin):
    caster, camera, scene = box_in_a_bin
    first, again, *others = (
        seen(SENSORS["realsense"], caster, camera, entropy, scene)
        for entropy in ((5, 6, 0), (5, 6, 0), (4, 6, 0), (5, 7, 0), (5, 6, 1))
    )
    np.testing.assert_array_equal(first.depth, again.depth)
    np.testing.assert_array_equal(first.labels, again.labels)
    for other in others:
        assert (other.depth != first.depth).mean() > 0.3


def test_what_was_not_measured_has_no_label(box_in_a_bin):
    caster, camera, scene = box_in_a_bin
    found = seen(SENSORS["realsense"], caster, camera, scene=scene)
    assert not found.labels[found.depth == 0].any() and (found.labels == 1).sum() > 50


def test_an_effect_leaves_the_random_numbers_of_the_others():
    both = seen(own_sensor("holes", "noise"), Plane(0.5, 75)).depth
    noise = seen(own_sensor("noise"), Plane(0.5, 75)).depth
    holes = seen(own_sensor("holes"), Plane(0.5, 75)).depth
    np.testing.assert_array_equal(both, np.where(holes > 0, noise, 0))


def test_every_parameter_of_a_sensor_has_a_value_and_a_source():
    for name, sensor in SENSORS.items():
        assert set(TABLE[name]) == set(sensor.parameters)
        for parameter, (value, source) in TABLE[name].items():
            assert getattr(sensor, parameter) == value and len(source) > 5
    assert SENSORS["realsense"].effects == SENSORS["kinect"].effects == tuple(EFFECTS)
    assert set(EFFECTS) - set(SENSORS["photoneo"].effects) == {"quantisation"}


def test_effects_are_chosen_in_the_one_order():
    assert sensor_named("realsense", ["shadow", "noise"]).effects == ("noise", "shadow")
    assert sensor_named("realsense") == SENSORS["realsense"] and sensor_named("ideal") is None


@pytest.mark.parametrize(
    ("name", "effects", "message"),
    [
        ("lidar", None, "Unknown sensor 'lidar'; choose ideal, realsense, photoneo or kinect."),
        ("realsense", ["fog"], "Unknown effect 'fog' in `effects`; choose of noise, jitter, flying-pixels"),
        (
            "photoneo",
            ["quantisation"],
            "The sensor photoneo has no effect quantisation: it has noise, jitter",
        ),
        ("ideal", ["noise"], "The sensor ideal has no effect noise: it has none."),
        ("kinect", [], "`effects` is empty; choose of noise"),
    ],
)
def test_sensors_and_effects_that_are_not_there_are_refused(name, effects, message):
    with pytest.raises(InputError, match=message):
        sensor_named(name, effects)
