"""Cameras by image, and scenes of other cameras than that a network was trained with."""

import json

import numpy as np
import pytest

from tests.pose.own_scenes import CAMERA, TOP, block_depth, write_own_scenes
from tfapp.errors import InputError
from tfapp.pose import Camera, SceneFolder
from tfapp.pose.model.pose_network import PointMap
from tfapp.pose.scenes.image_cameras import common_camera
from tfapp.pose.scenes.other_view import seen_by, share_seen

USUAL = Camera(**CAMERA)
# The same as `CAMERA` as OpenCV counts, from the centre of the first pixel.
MATRIX = [40.0, 0, 15.0, 0, 42.0, 11.75, 0, 0, 1]


@pytest.fixture
def own(tmp_path):
    return write_own_scenes(tmp_path / "own", 3)


def write_cameras(folder, cameras):
    (folder / "scene_camera.json").write_text(json.dumps(cameras))
    return folder


def test_matrix_of_bop_counts_from_the_centre_of_the_first_pixel(own):
    folder = SceneFolder(write_cameras(own, {"00001": {"cam_K": MATRIX}}), "all")
    assert folder.camera_of(1) == USUAL and folder.camera == USUAL


def test_every_image_has_its_points_by_its_own_camera(own):
    other = {"cam_K": [80.0, 0, 20, 0, 60.0, 9, 0, 0, 1]}
    folder = SceneFolder(write_cameras(own, {"1": other, "00002": {**CAMERA, "fx": 50}}), "all")
    rows, columns = np.mgrid[:24, :32]
    for index, (fx, fy, cx, cy) in enumerate([(40, 42, 15, 11.75), (80, 60, 20, 9), (50, 42, 15, 11.75)]):
        z = block_depth()
        expected = np.stack([(columns - cx) / fx * z, (rows - cy) / fy * z, z], -1).reshape(-1, 3)
        points, _ = folder.camera_of(index).back_project(folder.depth(index))
        np.testing.assert_allclose(points, expected, rtol=1e-5, atol=1e-7)


def test_cameras_of_their_own_are_not_taken_for_one(own):
    folder = SceneFolder(write_cameras(own, {"00001": {**CAMERA, "fx": 50}}), "all")
    with pytest.raises(InputError, match="have cameras of their own; `camera_of` tells them"):
        folder.camera  # noqa: B018
    assert SceneFolder(own, "all").cameras_hash and folder.camera_of(0) == USUAL


def test_depth_scale_of_an_image_counts_for_it_alone(own):
    from tests.pose.test_depth_images import write_png

    for name, steps in (("00000", 1000), ("00001", 10_000)):
        (own / "depth" / f"{name}.npy").unlink()
        write_png(own / "depth" / f"{name}.png", (block_depth() * steps).round())
    folder = SceneFolder(write_cameras(own, {"00001": {"cam_K": MATRIX, "depth_scale": 0.1}}), "all")
    for index in range(3):
        np.testing.assert_allclose(folder.depth(index), block_depth(), rtol=1e-6)


@pytest.mark.parametrize(
    ("cameras", "found"),
    [
        ({"00001": {"cam_K": MATRIX[:8]}}, r'image 00001, is damaged: "cam_K" is .*, expected a list of 9'),
        ({"00001": {"fx": 40, "fy": 42, "cx": 15}}, '"cy" is missing'),
        ({"00001": []}, '"00001" is .., expected a table of entries'),
        ({"00009": {"cam_K": MATRIX}}, "has an entry '00009', but no depth image has this name"),
        ({"00001": {"cam_K": [40, 3, *MATRIX[2:]]}}, r'has skew \("cam_K" is .*rectify the images first'),
        (
            {"00001": {"cam_K": [-40, *MATRIX[1:]]}},
            "expected .fx, 0, cx, 0, fy, cy, 0, 0, 1. with focal lengths",
        ),
        ({"00001": {"cam_K": [1.9, 0, 15, 0, 1.9, 12, 0, 0, 1]}}, "image 00001, has a field of view of 167"),
        ({"00001": {**CAMERA, "cx": 400}}, "image 00001, has the principal point outside the image"),
        (
            {"00001": {"cam_K": MATRIX, "depth_scale": 0}},
            '"depth_scale" is 0, expected a finite number above 0',
        ),
        ({"00001": {**CAMERA, "k1": 0.2}}, r'has lens distortion \("k1" is 0.2\)'),
    ],
)
def test_camera_of_an_image_that_cannot_be_names_the_image(own, cameras, found):
    with pytest.raises(InputError, match=f"scene_camera.json.*{found}"):
        SceneFolder(write_cameras(own, cameras))


def test_camera_of_equal_ones_is_that_one():
    assert common_camera([USUAL] * 3) is USUAL


def test_camera_of_several_sees_what_each_of_them_sees():
    cameras = [USUAL, Camera(32, 24, 60.0, 30.0, 20.0, 2.0), Camera(32, 24, 50.0, 50.0, -9.0, 30.0)]
    common = common_camera(cameras)
    corners = np.array([[x, y] for x in (0, 32) for y in (0, 24)])
    rays = [
        np.insert((corners - [camera.cx, camera.cy]) / [camera.fx, camera.fy], 2, 1.0, axis=1)
        for camera in cameras
    ]
    seen = common.project(np.concatenate(rays))
    np.testing.assert_allclose([seen.min(0), seen.max(0)], [[0, 0], [32, 24]], atol=1e-9)
    assert 0 < common.cx <= 32 and 0 < common.cy <= 24


def slope(camera):
    """Return the depth of the plane z = 0.5 + 0.3 x - 0.2 y, of every pixel where it is."""
    x, y, _ = np.moveaxis(camera.rays(), -1, 0)
    return 0.5 / (1 - 0.3 * x + 0.2 * y)


def test_pictures_of_the_very_camera_are_not_touched():
    depth = slope(USUAL)[None]
    assert seen_by(USUAL, depth, USUAL.intrinsics[None]) is depth


@pytest.mark.parametrize(
    "other", [Camera(64, 60, 90.0, 88.0, 30.0, 33.0), Camera(32, 24, 40.1, 42.0, 15.5, 12.25)]
)
def test_another_camera_sees_the_same_plane_to_half_a_pixel(other):
    wide = Camera(100, 90, 80.0, 80.0, 52.0, 41.0)
    [seen] = seen_by(other, slope(wide)[None], wide.intrinsics[None])
    expected = slope(other)
    # dz = z^2 / 0.5 (0.3 dx - 0.2 dy), with half a pixel of the camera that measured along both.
    bound = expected.max() ** 2 / 0.5 * (0.3 + 0.2) * 0.5 / 80
    assert seen.shape == expected.shape and np.abs(seen - expected).max() < bound


def test_what_the_other_camera_does_not_show_is_nothing():
    narrow, wide = Camera(32, 24, 80.0, 80.0, 16.0, 12.0), Camera(32, 24, 40.0, 40.0, 16.0, 12.0)
    [seen] = seen_by(wide, np.ones((1, 24, 32), np.float32), narrow.intrinsics[None])
    expected = np.zeros((24, 32), bool)
    expected[6:18, 8:24] = True
    np.testing.assert_array_equal(seen > 0, expected)


def test_network_is_given_the_same_points_by_a_camera_of_twice_the_pixels():
    double = Camera(64, 48, 80.0, 84.0, 31.0, 24.5)
    depth = block_depth()
    depth[depth != np.float32(TOP)] = 0
    points = PointMap(CAMERA, (0, 0, 0.5), 0.1, 24)
    expected = points(depth[None]).numpy()
    seen = seen_by(USUAL, np.kron(depth, np.ones((2, 2), np.float32))[None], double.intrinsics[None])
    np.testing.assert_array_equal(points(seen).numpy(), expected)


def test_share_in_view_is_that_of_the_points():
    points = np.array([[[0, 0, 1.0], [0.39, 0, 1], [0.41, 0, 1], [0, -0.31, 1]]])
    assert share_seen(Camera(32, 24, 40.0, 40.0, 16.0, 12.0), points).tolist() == [0.5]
