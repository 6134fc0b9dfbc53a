import numpy as np
import pytest

from tfapp.pose.simulation.parts import BUILT_IN
from tfapp.pose.simulation.physics import DropWorld

pytest.importorskip("mujoco", reason="parts fall with the extra `pose`")

MILLIMETRE = 1e-3


def drops(name, instances, count=5, scale=1.0):
    part = BUILT_IN[name]()
    part = type(part)(
        part.name, scale * part.vertices, part.triangles, [scale * piece for piece in part.pieces]
    )
    world = DropWorld(part, instances, 1.8 * part.extent)
    found = [world.drop(np.random.default_rng([7, number])) for number in range(count)]
    return part, [drop for drop in found if drop is not None]


def corners(part, drop):
    return part.vertices @ drop.rotation.transpose(0, 2, 1) + drop.translation[:, None]


@pytest.mark.parametrize("name", BUILT_IN)
def test_single_part_rests_on_the_floor(name):
    part, found = drops(name, 1)
    assert len(found) >= 4
    for drop in found:
        assert abs(corners(part, drop)[..., 2].min()) < 0.1 * MILLIMETRE


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_part_sinks_into_the_floor_or_leaves_the_walls(name):
    part, found = drops(name, 4)
    assert found
    for drop in found:
        placed = corners(part, drop)
        assert placed[..., 2].min() > -0.1 * MILLIMETRE
        assert np.abs(placed[..., :2]).max() < 1.8 * part.extent + MILLIMETRE


@pytest.mark.parametrize("name", BUILT_IN)
def test_parts_do_not_penetrate_each_other(name):
    open3d = pytest.importorskip("open3d")
    part, found = drops(name, 4)
    solid = open3d.t.geometry.RaycastingScene()
    solid.add_triangles(part.vertices.astype(np.float32), part.triangles.astype(np.uint32))
    for drop in found:
        for rotation, translation in zip(drop.rotation, drop.translation, strict=True):
            others = corners(part, drop).reshape(-1, 3) - translation
            depth = -solid.compute_signed_distance((others @ rotation).astype(np.float32)).numpy()
            assert depth.max() < 0.1 * MILLIMETRE


def test_rotations_are_proper():
    _, found = drops("bolt", 3)
    for drop in found:
        np.testing.assert_allclose(
            drop.rotation @ drop.rotation.transpose(0, 2, 1), np.tile(np.eye(3), (3, 1, 1)), atol=1e-12
        )
        np.testing.assert_allclose(np.linalg.det(drop.rotation), 1)


def test_drop_depends_on_its_random_numbers_only():
    part = BUILT_IN["bolt"]()
    world = DropWorld(part, 2, 0.09)
    first = world.drop(np.random.default_rng(3))
    world.drop(np.random.default_rng(4))
    for other in (world, DropWorld(part, 2, 0.09)):
        again = other.drop(np.random.default_rng(3))
        np.testing.assert_array_equal(again.rotation, first.rotation)
        np.testing.assert_array_equal(again.translation, first.translation)


def test_large_part_falls_as_a_small_one():
    _, small = drops("bolt", 2)
    _, large = drops("bolt", 2, scale=4.0)
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(other.translation, 4 * one.translation, atol=1e-3)


def test_parts_come_to_lie_in_more_than_one_way():
    _, found = drops("l-bracket", 1, count=12)
    assert len(np.unique(np.round([drop.rotation[0, 2] for drop in found], 1), axis=0)) >= 3


def test_part_that_cannot_rest_in_the_bin_is_no_drop():
    part = BUILT_IN["bolt"]()
    # Six bolts in a bin hardly longer than one lie on its walls and on each other.
    world = DropWorld(part, 6, 0.6 * part.extent)
    assert world.drop(np.random.default_rng(0)) is None
