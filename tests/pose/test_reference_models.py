"""Points inside a part and of its surface in the place of a learned model."""

import numpy as np
import pytest
from meshes import boxes, bracket

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.reference_models import INTERIOR, SURFACE, register_references

pytest.importorskip("open3d", reason="rays are cast with the extra `pose`")

BOX = boxes(((0, 0, 0), (0.01, 0.02, 0.06)))


def test_points_inside_a_box_are_uniform_in_it():
    points = CadSurface(*BOX).sample_inside(4000, seed=1) / [0.01, 0.02, 0.06]
    assert len(points) == 4000 and (points > 0).all() and (points < 1).all()
    np.testing.assert_allclose(points.mean(axis=0), 0.5, atol=0.02)
    np.testing.assert_allclose(points.std(axis=0), np.sqrt(1 / 12), atol=0.01)


def test_points_inside_an_l_leave_its_corner_out():
    points = CadSurface(*bracket()).sample_inside(1000)
    lying, upright = points[:, 2] < -0.014, points[:, 0] < -0.024
    assert (lying | upright).all() and lying.any() and upright.any()


def test_shells_that_overlap_are_one_solid():
    both = boxes(((0, 0, 0), (0.02, 0.02, 0.02)), ((0.01, 0.001, 0.001), (0.03, 0.019, 0.019)))
    points = CadSurface(*both).sample_inside(3000)
    # What belongs to both counts once: half of the first box, which is 8 of its 8 + 3.24 parts in volume.
    assert np.mean((points[:, 0] > 0.01) & (points[:, 0] < 0.02)) == pytest.approx(4 / 11.24, abs=0.03)


def test_triangles_turned_inside_out_enclose_the_same():
    vertices, triangles = BOX
    points = CadSurface(vertices, triangles[:, ::-1]).sample_inside(100)
    assert (points > 0).all() and (points < [0.01, 0.02, 0.06]).all()


@pytest.mark.parametrize("triangles", [BOX[1][2:], BOX[1][:2]], ids=["a side is missing", "one side alone"])
def test_an_open_surface_encloses_nothing(triangles):
    assert CadSurface(BOX[0], triangles).sample_inside(10) is None


@pytest.fixture(scope="module")
def references():
    return register_references(*BOX, 100)


@pytest.mark.slow
def test_points_of_the_surface_lie_on_it_and_those_inside_do_not(references):
    assert references[SURFACE].learned_to_cad.mean < 1e-4
    # The registration may only bring points inside nearer to the surface than where they came from.
    inside = np.random.default_rng(0).uniform(0, 1, (100_000, 3)) * [0.01, 0.02, 0.06]
    depth = np.minimum(inside, [0.01, 0.02, 0.06] - inside).min(axis=1).mean()
    assert 0.6 * depth < references[INTERIOR].learned_to_cad.mean <= 1.1 * depth


@pytest.mark.slow
def test_the_part_is_nearer_to_points_of_its_surface(references):
    assert references[SURFACE].cad_to_learned.mean < references[INTERIOR].cad_to_learned.mean


@pytest.mark.slow
def test_an_open_mesh_has_points_of_its_surface_alone():
    assert list(register_references(BOX[0], BOX[1][2:], 50)) == [SURFACE]
