import numpy as np
import pytest
from meshes import boxes, bracket, handed
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.pose.evaluation.alignment import start_rotations
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.registration import mirror_symmetry, register_model
from tfapp.pose.simulation.parts import bolt

pytest.importorskip("open3d", reason="registration needs the extra `pose`")

ROTATION = Rotation.from_rotvec([0.4, -1.9, 1.1]).as_matrix()
TRANSLATION = np.array([0.05, -0.02, 0.3])


def learned(mesh, count=300, sign=1.0, noise=0.0005):
    """Return points of the part in another frame, such that part = sign * ROTATION @ point + TRANSLATION."""
    points = CadSurface(*mesh).sample(count, seed=7)
    points = points + np.random.default_rng(1).normal(0, noise, points.shape)
    return sign * (points - TRANSLATION) @ ROTATION


def angle(a, b):
    return Rotation.from_matrix(a.T @ b).magnitude()


@pytest.fixture(scope="module")
def upright():
    return register_model(learned(handed()), *handed())


def test_the_frame_of_a_learned_model_is_found(upright):
    assert not upright.reflected
    assert angle(upright.rotation, ROTATION) < np.radians(2)
    np.testing.assert_allclose(upright.translation, TRANSLATION, atol=0.005)


def test_the_learned_model_lies_on_the_part_in_the_frame_found(upright):
    points = learned(handed())
    moved = upright.apply(points)
    np.testing.assert_allclose(moved, points @ ROTATION.T + TRANSLATION, atol=0.001)
    assert upright.learned_to_cad.mean == pytest.approx(CadSurface(*handed()).distance(moved).mean())


def test_distances_of_the_part_to_the_model_are_those_of_its_surface_to_the_nearest_points(upright):
    moved = upright.apply(learned(handed()))
    surface = CadSurface(*handed()).sample(40_000, seed=3)
    distances = cKDTree(moved).query(surface)[0]
    assert upright.cad_to_learned.median == pytest.approx(np.median(distances), rel=0.03)
    assert upright.cad_to_learned.mean == pytest.approx(distances.mean(), rel=0.03)


def test_a_mirror_image_of_a_handed_part_is_found_out():
    found = register_model(learned(handed(), sign=-1.0), *handed())
    assert found.reflected
    assert angle(found.rotation, ROTATION) < np.radians(2)
    np.testing.assert_allclose(found.apply(learned(handed(), sign=-1.0)), learned_on_part(), atol=0.001)


def learned_on_part():
    return learned(handed()) @ ROTATION.T + TRANSLATION


def test_a_part_that_is_its_own_mirror_image_is_never_called_reflected():
    assert not register_model(learned(bracket(), sign=-1.0), *bracket()).reflected


def test_stray_points_do_not_pull_the_rest_off():
    stray = np.random.default_rng(2).uniform(-0.05, 0.05, (30, 3)) - TRANSLATION @ ROTATION
    found = register_model(np.concatenate([learned(handed()), stray]), *handed())
    assert angle(found.rotation, ROTATION) < np.radians(3)
    assert found.learned_to_cad.median < 0.0007 < found.learned_to_cad.mean


def test_points_that_were_never_visible_are_left_out():
    points = np.concatenate([learned(handed()), np.full((50, 3), 0.2)])
    found = register_model(points, *handed(), visible=np.arange(350) < 300)
    assert found.learned_to_cad.mean < 0.0006
    assert angle(found.rotation, ROTATION) < np.radians(2)


def test_a_model_of_one_side_is_right_but_not_complete():
    points = learned(handed(), 900)
    on_part = points @ ROTATION.T + TRANSLATION
    found = register_model(points[on_part[:, 0] < -0.005], *handed())
    assert found.learned_to_cad.mean < 0.0007
    assert found.cad_to_learned.mean > 0.008


def test_a_model_on_the_surface_of_one_side_of_a_bolt_is_not_left_turned_about_its_axis():
    part = bolt()
    points = learned((part.vertices, part.triangles), 2400, noise=0.0)
    on_part = points @ ROTATION.T + TRANSLATION
    found = register_model(points[on_part[:, 1] < 0], part.vertices, part.triangles)
    turns = Rotation.from_rotvec(np.radians(60) * np.arange(6)[:, None] * [0, 0, 1]).as_matrix()
    # By the nearest of sampled points alone it was 4 degrees.
    assert min(angle(found.rotation, turn @ ROTATION) for turn in turns) < np.radians(0.3)


def test_registration_is_the_same_twice(upright):
    again = register_model(learned(handed()), *handed())
    np.testing.assert_array_equal(again.rotation, upright.rotation)
    np.testing.assert_array_equal(again.translation, upright.translation)


def test_a_model_that_collapsed_to_a_point_is_measured():
    found = register_model(np.full((20, 3), 0.7), *bracket())
    assert np.isfinite(found.rotation).all()
    assert found.learned_to_cad.mean < 0.01 < found.cad_to_learned.mean


def test_no_rotation_is_farther_than_44_5_degrees_from_a_start():
    # The rotations are the corners of a 600-cell; 44.48 degrees is twice the radius of one of its cells.
    random = Rotation.random(20_000, random_state=0).as_quat()
    starts = Rotation.from_matrix(start_rotations()).as_quat()
    nearest = 2 * np.arccos(np.minimum(1, np.abs(random @ starts.T).max(axis=1)))
    assert len(starts) == 60
    assert np.radians(43) < nearest.max() < np.radians(44.5)


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (np.zeros((2, 3)), {}, "`points` must hold at least 3 points. Received: 2"),
        (np.full((9, 3), np.inf), {}, "`points` must be finite. Received: NaN or inf in 9 of 9"),
        (
            np.eye(3),
            {"visible": [True, True, False]},
            "`visible points` must hold at least 3 points. Received: 2",
        ),
        (np.eye(3), {"visible": [True]}, r"`visible` must have the shape \(3,\)"),
    ],
)
def test_models_that_cannot_be_registered_are_refused(points, options, message):
    with pytest.raises(InputError, match=message):
        register_model(points, *bracket(), **options)


@pytest.mark.parametrize(
    ("triangles", "message"),
    [
        (np.zeros((0, 3), int), r"`triangles` must have the shape \(triangles, 3\), one at least"),
        ([[0, 1, 99]], "`triangles` must be indices from 0 to 15. Received: 0 to 99"),
        ([[0, 1, 1]], "A mesh must have a surface"),
    ],
)
def test_meshes_without_a_surface_are_refused(triangles, message):
    with pytest.raises(InputError, match=message):
        CadSurface(bracket()[0], triangles)


def test_points_of_a_surface_are_on_it_and_uniform_by_area():
    # Sides of a bar of 1 x 1 x 3: each end has 1/14 of the area.
    points = CadSurface(*boxes(((0, 0, 0), (1, 1, 3)))).sample(20_000, seed=0)
    low, high = (np.isclose(points, edge).any(axis=1) for edge in (0, [1, 1, 3]))
    assert (low | high).all()
    assert np.isclose(points[:, 2], 0).mean() == pytest.approx(1 / 14, abs=0.006)
    assert points[np.isclose(points[:, 0], 0), 2].mean() == pytest.approx(1.5, abs=0.05)


def test_distances_to_a_surface_are_those_of_a_box():
    surface = CadSurface(*boxes(((0, 0, 0), (1, 1, 3))))
    points = [[0.5, 0.5, 0.2], [2.0, 0.5, 1.0], [2.0, 2.0, 4.0], [1.0, 0.3, 0.3]]
    np.testing.assert_allclose(surface.distance(points), [0.2, 1.0, np.sqrt(3), 0.0], atol=1e-6)


def test_the_mirror_image_of_a_bracket_is_its_reflection_across_the_width():
    found = mirror_symmetry(*bracket())
    assert np.linalg.det(found) == pytest.approx(-1)
    np.testing.assert_allclose(found, np.diag([1, -1, 1]), atol=0.02)


@pytest.mark.slow
def test_a_handed_part_has_no_mirror_symmetry():
    assert mirror_symmetry(*handed()) is None
