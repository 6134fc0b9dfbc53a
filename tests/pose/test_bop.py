"""Average recall by MSSD and MSPD against brute force, and which instances are its targets."""

from dataclasses import replace

import numpy as np
import pytest
from meshes import boxes, bracket, handed
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.bop import BopScores, matches
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.pose_errors import projection_errors, surface_errors
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.evaluation.visibility import Silhouettes
from tfapp.pose.scenes.camera import Camera

CAMERA = Camera(320, 240, 400.0, 410.0, 155.0, 122.0)
NONE = Symmetries.of([])
HALF_TURN = np.diag([-1.0, -1.0, 1.0])
SYMMETRIES = {
    "none": NONE,
    "half turn": Symmetries.of([HALF_TURN]),
    "axis": Symmetries.of({"axis": [0, 0, 1]}),
    "axis and ends": Symmetries.of([{"axis": [0, 0, 1]}, np.diag([1.0, -1.0, -1.0])]),
}


def poses(count, seed):
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(count, random_state=seed).as_matrix()
    return rotation, rng.normal(0, 0.02, (count, 3)) + [0, 0, 0.5]


def near(rotation, translation, seed):
    """Return poses that are off by some degrees and millimetres, some of them by half a turn as well."""
    rng = np.random.default_rng(seed)
    off = Rotation.from_rotvec(rng.normal(0, 0.15, (len(rotation), 3))).as_matrix()
    half = np.where(rng.random((len(rotation), 1, 1)) < 0.5, HALF_TURN, np.eye(3))
    return rotation @ half @ off, translation + rng.normal(0, 0.003, translation.shape)


def projected(points):
    """Return pixels of points by the matrix of the camera."""
    matrix = np.array([[CAMERA.fx, 0, CAMERA.cx], [0, CAMERA.fy, CAMERA.cy], [0, 0, 1]])
    seen = points @ matrix.T
    return seen[:, :2] / seen[:, 2:]


def brute_force(estimate, truth, vertices, matrices):
    """Return MSSD and MSPD of one pose to another, one symmetry after the other."""
    surface, picture = [], []
    ours = (estimate[0] @ vertices.T).T + estimate[1]
    for matrix in matrices:
        theirs = (truth[0] @ matrix @ vertices.T).T + truth[1]
        surface.append(np.linalg.norm(ours - theirs, axis=1).max())
        picture.append(max(np.linalg.norm(projected(ours) - projected(theirs), axis=1)))
    return min(surface), min(picture)


def turns(about_ends=False):
    """Return the turns about z in steps of 2 pi / 315, as BOP's toolkit has them, and those with swapped ends."""
    about = [Rotation.from_euler("z", 360 * step / 315, degrees=True).as_matrix() for step in range(315)]
    return about + [turn @ np.diag([1.0, -1.0, -1.0]) for turn in about] if about_ends else about


MATRICES = {
    "none": [np.eye(3)],
    "half turn": [np.eye(3), HALF_TURN],
    "axis": turns(),
    "axis and ends": turns(about_ends=True),
}


@pytest.mark.parametrize("kind", SYMMETRIES)
def test_recalls_are_those_of_brute_force(kind):
    vertices, true = bracket()[0], poses(3, seed=1)
    estimated = near(*true, seed=2)
    scores = BopScores(vertices, SYMMETRIES[kind])
    diameter = max(np.linalg.norm(a - b) for a in vertices for b in vertices)
    errors = [
        brute_force(
            *(tuple(part[i] for part in side) for side in (estimated, true)), vertices, MATRICES[kind]
        )
        for i in range(3)
    ]
    expected = {
        "mssd": np.mean([[error < 0.05 * k * diameter for k in range(1, 11)] for error, _ in errors]),
        "mspd": np.mean([[error < 5 * k * 320 / 640 for k in range(1, 11)] for _, error in errors]),
    }
    # One scene for each instance, so that nothing can be matched otherwise.
    scenes = [[tuple(part[i : i + 1] for part in side) for i in range(3)] for side in (estimated, true)]
    found = scores.recalls(*scenes, [np.ones(1, bool)] * 3, [CAMERA] * 3)
    assert found["targets"] == 3 and scores.diameter == pytest.approx(diameter)
    assert {name: found[f"{name}_recall"] for name in expected} == pytest.approx(expected)
    assert 0 < expected["mssd"] < 1 and 0 < expected["mspd"] < 1


def test_thresholds_are_those_of_the_challenge():
    scores = BopScores(boxes(((0, 0, 0), (0.03, 0.04, 0.12)))[0], NONE)
    np.testing.assert_allclose(scores.thresholds(CAMERA)["mssd"], 0.13 * np.linspace(0.05, 0.5, 10))
    # Half as wide as 640 pixels.
    np.testing.assert_allclose(scores.thresholds(CAMERA)["mspd"], np.linspace(2.5, 25, 10))


def test_vertices_inside_of_the_hull_change_no_surface_error():
    vertices = handed()[0]
    inside = np.random.default_rng(0).dirichlet(np.ones(len(vertices)), 5000) @ vertices
    true = poses(4, seed=3)
    estimated, targets = near(*true, seed=4), [np.ones(4, bool)]
    few, many = (
        BopScores(points, NONE).recalls([estimated], [true], targets, [CAMERA])
        for points in (vertices, np.concatenate([inside, vertices]))
    )
    assert few["mssd_recall"] == many["mssd_recall"]


def test_an_estimate_is_found_by_one_target_only_whatever_the_order():
    true = poses(2, seed=5)
    swapped = tuple(part[::-1] for part in true)
    twice = tuple(part[[0, 0]] for part in true)
    scores, targets = BopScores(bracket()[0], NONE), [np.ones(2, bool)]
    assert scores.recalls([swapped], [true], targets, [CAMERA])["mssd_recall"] == 1.0
    assert scores.recalls([twice], [true], targets, [CAMERA])["mssd_recall"] == 0.5


def test_estimates_take_the_nearest_free_target_in_their_order():
    # The first takes the second target, the second has none left below 3: as BOP's greedy matching.
    assert matches(np.array([[2.0, 1.0], [9.0, 0.5]]), 3.0) == 1
    assert matches(np.array([[2.0, 1.0], [2.5, 0.5]]), 3.0) == 2
    assert matches(np.array([[3.0, 3.0]]), 3.0) == 0


def test_what_is_hardly_visible_is_no_target():
    true = poses(2, seed=6)
    wrong = true[0], true[1] + [[0, 0, 0], [0.5, 0, 0]]
    scores = BopScores(bracket()[0], NONE)
    found = scores.recalls([wrong], [true], [np.array([True, False])], [CAMERA])
    assert found == {"targets": 1, "mssd_recall": 1.0, "mspd_recall": 1.0}
    nothing = scores.recalls([wrong], [true], [np.zeros(2, bool)], [CAMERA])
    assert nothing == {"targets": 0, "mssd_recall": None, "mspd_recall": None}


def test_every_scene_is_seen_by_its_own_camera():
    """Pixels of a camera with thirty times the focal length tell apart what those of another do not."""
    true, far = poses(1, seed=6), replace(CAMERA, fx=12000.0, fy=12300.0)
    moved = true[0], true[1] + [0.005, 0, 0]
    scores, scene = BopScores(bracket()[0], NONE), ([moved], [true], [np.ones(1, bool)])
    alone = [scores.recalls(*scene, [camera])["mspd_recall"] for camera in (CAMERA, far)]
    together = scores.recalls(*(2 * part for part in scene), [CAMERA, far])
    assert together["mspd_recall"] == pytest.approx(np.mean(alone)) and alone[0] > alone[1] == 0


def test_a_pose_behind_the_camera_is_seen_nowhere():
    true = poses(1, seed=7)
    behind = true[0], true[1] - [[0, 0, 0.6]]
    assert projection_errors(behind, true, bracket()[0], NONE, CAMERA) == np.inf


def test_a_rotation_is_not_compared_with_mirror_images():
    # Half a turn about x moves a corner by (0, 2 y, 2 z), and away from its mirror image across z by 2 y alone.
    plate = boxes(((-0.03, -0.02, -0.01), (0.03, 0.03, 0.01)))[0]
    (rotation, translation), mirror = poses(1, seed=8), np.diag([1.0, 1.0, -1.0])
    turned = rotation @ np.diag([1.0, -1.0, -1.0]), translation
    for symmetries in (NONE, NONE.with_mirror(mirror)):
        found = surface_errors(turned, (rotation, translation), plate, symmetries)
        np.testing.assert_allclose(found, [2 * np.hypot(0.03, 0.01)])
    mirrored = turned[0] @ mirror, translation
    found = surface_errors(mirrored, (rotation, translation), plate, NONE.with_mirror(mirror))
    np.testing.assert_allclose(found, [2 * np.hypot(0.03, 0.01)])


@pytest.fixture(scope="module")
def plate():
    """Return the silhouettes of a plate of 40 x 30 mm: at 0.4 m, 40 x 30.75 pixels of `CAMERA`."""
    pytest.importorskip("open3d", reason="rays are cast with the extra `pose`")
    return Silhouettes(CadSurface(*boxes(((-0.02, -0.015, 0), (0.02, 0.015, 0.001)))))


def test_a_silhouette_has_the_pixels_of_its_projection(plate):
    # The centre of a pixel is inside a rectangle of 40 columns and 30.75 rows.
    assert plate.pixels(np.eye(3), np.array([0, 0, 0.4]), CAMERA) == 40 * 30


def test_pixels_beyond_the_picture_count_to_the_silhouette(plate):
    # Moved by 155 pixels to the left, half of the plate is outside.
    outside = np.array([-0.155, 0, 0.4])
    assert plate.pixels(np.eye(3), outside, CAMERA) == 40 * 30
    labels = np.zeros((240, 320), int)
    labels[107:137, :20] = 1
    assert plate.visible(labels, np.eye(3)[None], outside[None], CAMERA) == pytest.approx(0.5)


def test_the_visible_share_is_that_of_the_labelled_pixels(plate):
    labels = np.zeros((240, 320), int)
    labels[107:137, 135:139] = 2
    rotations, places = np.stack([np.eye(3)] * 3), np.array([[0, 0, 0.4]] * 2 + [[9.0, 0, 0.4]])
    np.testing.assert_allclose(plate.visible(labels, rotations, places, CAMERA), [0, 0.1, 0])
