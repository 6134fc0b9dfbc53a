"""Symmetries that are found from an object model."""

import numpy as np
import pytest

from tests.pose.cast_parts import scenes_of_part, surface_of
from tests.pose.rendered_parts import EXTENT, box, part, pose, scenes_of
from tfapp.pose.refinement import symmetry
from tfapp.pose.refinement.fusion import completed
from tfapp.pose.refinement.symmetry import ModelSymmetries, find_symmetries
from tfapp.pose.simulation.parts import (
    Part,
    bolt,
    camera_head,
    cap,
    l_bracket,
    mesh_of,
    nut,
    regular_polygon,
    ring,
    side,
)

# Searches trace graphs of many steps.
slow = pytest.mark.slow
AXIS = np.array([0.0, 0.6, 0.8])
CENTRE = np.array([0.01, -0.02, 0.03])


def knob():
    """Return a part of two cylinders, so that its ends differ."""
    wide, thin = regular_polygon(90, 0.02), regular_polygon(90, 0.01)
    faces = [cap(wide, -0.015, up=False), ring(wide, thin, -0.005, up=True), cap(thin, 0.015, up=True)]
    return Part("knob", *mesh_of(*faces, side(wide, -0.015, -0.005), side(thin, -0.005, 0.015)), pieces=())


@slow
@pytest.mark.parametrize(
    ("made", "order", "flips"),
    [(nut, 6, True), (bolt, 6, False), (knob, 0, False), (camera_head, 1, False), (l_bracket, 1, False)],
)
def test_order_and_half_turns_of_a_part_are_found(made, order, flips):
    one = made()
    scenes = scenes_of_part(one)
    extent = np.ptp(one.vertices, axis=0).max()
    found = find_symmetries(scenes, scenes.instances(), surface_of(one), extent)
    assert (found.order, found.flips) == (order, flips)


@slow
def test_axis_of_a_bolt_that_was_seen_from_one_side_is_that_of_the_whole():
    one = bolt()
    scenes, points = scenes_of_part(one), surface_of(one)
    axis = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][0]
    across = np.cross(axis, [0.3, 0.5, 0.8])
    half = points[(points - points.mean(0)) @ across > 0]
    found = find_symmetries(scenes, scenes.instances(), half, np.ptp(points, axis=0).max())
    assert found.order == 6
    assert abs(found.axis @ axis) > np.cos(np.radians(2))


@pytest.mark.parametrize(
    ("contrasts", "order"),
    [
        # A bolt of twelve scenes, as it was measured.
        ({4: 0.39, 5: 0.4, 6: 0.61, 7: 0.44}, 6),
        # Divisors of a whole part have a larger contrast than its order.
        ({2: 1.0, 3: 0.9, 4: 0.5, 6: 0.8}, 6),
        ({2: 1.0, 4: 0.8, 6: 0.5, 8: 0.6}, 8),
        ({2: 0.9, 8: 0.2}, 2),
        ({7: 0.6, 6: 0.4}, 7),
    ],
)
def test_the_order_of_most_contrast_is_followed_to_its_multiples(contrasts, order):
    assert symmetry._highest(list(contrasts.items()))[0] == order


def test_symmetries_leave_their_centre_where_it_is():
    group = ModelSymmetries.about(AXIS, CENTRE, 6, across=np.array([1.0, 0, 0]))
    np.testing.assert_allclose(group.moved(CENTRE[None]), np.tile(CENTRE, (12, 1, 1)), atol=1e-12)


@pytest.mark.parametrize("order", [2, 5])
def test_symmetries_about_an_axis_are_a_group(order):
    group = ModelSymmetries.about(AXIS, CENTRE, order, across=np.array([1.0, 0, 0])).rotations
    products = (group[:, None] @ group).reshape(-1, 3, 3)
    away = np.abs(products[:, None] - group).max((2, 3)).min(1)
    assert away.max() < 1e-12
    assert len(group) == 2 * order


def test_arrays_give_symmetries_back():
    group = ModelSymmetries.about(AXIS, CENTRE, 3)
    back = ModelSymmetries.from_arrays(group.to_arrays())
    np.testing.assert_array_equal(back.rotations, group.rotations)
    assert (back.order, back.flips, back.axis.tolist()) == (3, False, AXIS.tolist())


def test_a_file_without_symmetries_has_none():
    assert ModelSymmetries.from_arrays({}).describe() == "none"


def test_matrices_that_are_no_rotations_are_refused():
    arrays = ModelSymmetries.about(AXIS, CENTRE, 3).to_arrays()
    with pytest.raises(ValueError, match="no rotations"):
        ModelSymmetries.from_arrays(arrays | {"rotations": 2 * arrays["rotations"]})


def test_a_side_that_was_not_shown_is_completed():
    rod = box(np.array([-0.025, -0.006, -0.006]), np.array([0.025, 0.006, 0.006]), 0.001)
    upper = rod[rod[:, 2] > 0]
    group = ModelSymmetries.about(np.array([1.0, 0, 0]), np.zeros(3), 4)
    found = completed(upper, group.moved(upper), None, [], EXTENT)
    np.testing.assert_array_equal(found[: len(upper)], upper)
    away = np.linalg.norm(rod[:, None] - found, axis=2).min(1)
    assert away.max() < 0.03 * EXTENT * np.sqrt(3)


def test_what_scenes_contradict_is_not_added():
    scenes = scenes_of([[pose(seed)] for seed in range(8)])
    model = part()
    # A part that is its own mirror image would have a second short leg.
    wrong = ModelSymmetries.about(np.array([1.0, 0, 0]), model.mean(0), 2)
    found = completed(model, wrong.moved(model), scenes, scenes.instances(), EXTENT)
    added = found[len(model) :]
    assert len(added) < 0.2 * len(wrong.moved(model)[1])
