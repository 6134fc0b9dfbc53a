"""Grasps of a part alone: grippers, antipodal pairs, places for a cup."""

import numpy as np
import pytest

from tests.pose.box_scene import SIDES, box_surface
from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.grasps.antipodal import antipodal_grasps
from tfapp.pose.grasps.candidates import Candidates, SampledSurface, balance
from tfapp.pose.grasps.grippers import (
    ParallelGripper,
    SuctionGripper,
    box_surfaces,
    gripper_of,
    inside_boxes,
)
from tfapp.pose.grasps.suction import suction_grasps
from tfapp.pose.model_surface import ModelSurface
from tfapp.pose.refinement.symmetry import ModelSymmetries
from tfapp.pose.simulation.parts import cap, mesh_of, regular_polygon, side

pytest.importorskip("open3d", reason="rays are cast with the extra `pose`")
NONE = ModelSymmetries.none()
FINGERS = ParallelGripper(0.03, finger_width=0.008)


@pytest.fixture(scope="module")
def sampled():
    return SampledSurface(box_surface())


@pytest.fixture(scope="module")
def pairs(sampled):
    return antipodal_grasps(sampled, FINGERS, NONE)


def test_the_centre_of_mass_and_the_area_are_those_of_the_box(sampled):
    np.testing.assert_allclose(sampled.centre, 0, atol=1e-9)
    assert sampled.area == pytest.approx(2 * (40 * 20 + 20 * 10 + 40 * 10) * 1e-6)


@pytest.mark.slow
def test_contacts_lie_on_opposite_sides_within_the_cones_of_friction(pairs):
    surface = CadSurface(*box_surface_mesh())
    line = pairs.rotation[:, :, 0]
    for sign in (-1, 1):
        contacts = pairs.translation + sign * pairs.width[:, None] / 2 * line
        assert surface.distance(contacts).max() < 1e-6
        found = surface.ray_casting_scene().compute_closest_points(contacts.astype(np.float32))
        cosine = np.abs((found["primitive_normals"].numpy() * line).sum(1))
        # Within the cone up to what the mean of normals near an edge makes of it.
        assert (cosine > np.cos(np.arctan(FINGERS.friction)) - 0.02).mean() > 0.95


def box_surface_mesh():
    surface = box_surface()
    return surface.vertices, surface.triangles


@pytest.mark.slow
def test_fingers_close_across_what_they_open_for(pairs):
    assert len(pairs) and (pairs.width <= FINGERS.widest).all()
    # Across the 20 mm and the 10 mm; the 40 mm are too wide.
    assert set(np.round(1000 * pairs.width[:50])) <= {10, 20}
    assert np.abs(pairs.rotation[:20, 0, 0]).max() < 0.1


@pytest.mark.slow
def test_rotations_are_right_handed_and_the_best_comes_first(pairs):
    np.testing.assert_allclose(np.linalg.det(pairs.rotation), 1)
    np.testing.assert_allclose(
        pairs.rotation @ pairs.rotation.swapaxes(1, 2), np.tile(np.eye(3), (len(pairs), 1, 1)), atol=1e-9
    )
    assert (np.diff(pairs.quality) <= 0).all() and 0 < pairs.quality.min() <= pairs.quality.max() <= 1


@pytest.mark.slow
def test_an_opened_gripper_touches_nothing_of_the_part(pairs):
    points = CadSurface(*box_surface_mesh()).sample(20_000, seed=3)
    for one in range(0, len(pairs), 40):
        local = (points - pairs.translation[one]) @ pairs.rotation[one]
        assert inside_boxes(local, FINGERS.boxes(pairs.width[one])).mean() < 1e-3


@pytest.mark.slow
def test_the_best_pair_holds_the_part_at_its_middle(pairs):
    assert np.linalg.norm(np.cross(pairs.translation[0], pairs.rotation[0, :, 0])) < 0.25 * SIDES[0] / 2


def test_a_cup_closes_where_all_of_its_lip_is_on_one_side(sampled):
    cup = SuctionGripper(0.008, seal=0.0004)
    found = suction_grasps(sampled, cup, NONE)
    assert len(found)
    inner = SIDES / 2 - 0.004 + cup.seal
    across = np.abs(found.rotation[:, :, 2]).argmax(1)
    for axis in range(3):
        own = found.translation[across == axis]
        for other in {0, 1, 2} - {axis}:
            assert len(own) == 0 or np.abs(own[:, other]).max() <= inner[other] + 1e-9
    # It looks into the part, and the small sides of 20 x 10 mm have room for it too.
    assert ((found.rotation[:, :, 2] * found.translation).sum(1) < 0).all()
    assert set(across) == {0, 1, 2}


def test_a_cup_that_is_larger_than_a_side_closes_on_none_of_them(sampled):
    found = suction_grasps(sampled, SuctionGripper(0.012, seal=0.0004), NONE)
    # Of 40 x 20 mm alone.
    assert len(found) and (np.abs(found.rotation[:, 2, 2]) > 0.9).all()


def rod(radius, length):
    ring = regular_polygon(96, radius)
    half = length / 2
    return mesh_of(cap(ring, -half, up=False), cap(ring, half, up=True), side(ring, -half, half))


@pytest.mark.parametrize(("play", "closes"), [(0.0009, False), (0.0018, True)])
def test_a_cup_closes_on_a_rod_whose_sag_is_less_than_its_play(play, closes):
    # 7 - sqrt(7² - 4²) = 1.26 mm.
    vertices, triangles = rod(0.007, 0.05)
    surface = ModelSurface(vertices, triangles.astype(np.int64), vertices, vertices, 0.0015)
    found = suction_grasps(SampledSurface(surface), SuctionGripper(0.008, seal=play), NONE)
    sideways = np.abs(found.rotation[:, 2, 2]) < 0.1
    assert bool(sideways.any()) == closes
    assert (~sideways).any()


def test_symmetric_equivalents_are_among_the_grasps():
    one = Candidates(np.eye(3)[None], np.array([[0.01, 0, 0.002]]), np.array([0.01]), np.array([0.5]))
    group = ModelSymmetries.about(np.array([0, 0, 1.0]), np.array([0.01, 0.01, 0]), 4)
    found = one.with_symmetries(group)
    expected = [[0.01, 0, 0.002], [0.02, 0.01, 0.002], [0.01, 0.02, 0.002], [0, 0.01, 0.002]]
    np.testing.assert_allclose(found.translation, expected, atol=1e-12)
    np.testing.assert_allclose(found.rotation[1], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)


def test_balance_falls_from_the_centre_of_mass_outward():
    np.testing.assert_allclose(balance(np.array([0, 0.01, 0.02, 0.03]), 0.04), [1, 0.5, 0, 0])


def test_fingers_and_palm_are_where_they_are_said_to_be():
    right, left, palm = ParallelGripper(0.04, 0.01, 0.006, 0.045, 0.003).boxes(0.02)
    np.testing.assert_allclose(right, [[0.013, -0.005, -0.04], [0.019, 0.005, 0.005]])
    np.testing.assert_allclose(left, [[-0.019, -0.005, -0.04], [-0.013, 0.005, 0.005]])
    np.testing.assert_allclose(palm, [[-0.026, -0.01, -0.09], [0.026, 0.01, -0.04]])


def test_points_of_a_box_cover_its_sides_within_a_step():
    corners = np.array([[[-0.01, -0.02, 0], [0.01, 0.02, 0.005]]])
    points = box_surfaces(corners, 0.002)
    on_sides = np.isclose(points, corners[0, 0]) | np.isclose(points, corners[0, 1])
    assert on_sides.any(1).all()
    from scipy.spatial import cKDTree

    low, high = corners[0]
    tried = np.random.default_rng(0).uniform(low, high, (200, 3))
    tried[:, 2] = high[2]
    assert cKDTree(points).query(tried)[0].max() <= 0.002 / np.sqrt(2) + 1e-9


@pytest.mark.parametrize(
    ("kind", "numbers", "sentence"),
    [
        ("hook", {}, "Unknown `gripper` 'hook'; choose one of: parallel, suction"),
        ("parallel", {}, "`gripper` parallel needs its `opening` in metres"),
        ("suction", {"friction": 0.5}, "`friction` is not for `gripper` suction; leave it out"),
        ("parallel", {"opening": 40.0}, "`opening` must be above 0 and at most 0.5; got 40"),
        ("suction", {"cup_diameter": 0.0}, "`cup_diameter` must be above 0 and at most 0.5; got 0"),
        ("parallel", {"opening": 0.04, "friction": -1.0}, "`friction` must be above 0"),
    ],
)
def test_grippers_that_cannot_be_are_refused(kind, numbers, sentence):
    with pytest.raises(InputError, match=sentence):
        gripper_of(kind, **numbers)
