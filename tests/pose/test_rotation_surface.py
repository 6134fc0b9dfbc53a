"""The loss over two rotation angles: axes, local minima, and the half turn of an elongated part."""

import json

import numpy as np
import pytest
from meshes import boxes, bracket
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.layers import hidden_point_mask
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.pictures.rotation_surface_picture import draw_rotation_surface, save_rotation_surface_png
from tfapp.pose.posed_loss import PosedLoss
from tfapp.pose.rotation_surface import local_minima, measure_surface, parse_axes, part_axes, turns

ROTATION = Rotation.from_rotvec([0.3, 1.1, -0.6]).as_matrix()
ROUND = 2 * np.pi * (np.arange(24) / 24 - 0.5)


def nail():
    """A bar along x with a head at one end: 60 mm long, 8 mm wide, the head 12 mm."""
    return boxes(
        ((-0.03, -0.004, -0.004), (0.02, 0.004, 0.004)), ((0.02, -0.006, -0.006), (0.03, 0.006, 0.006))
    )


def scene():
    """Poses of two nails 40 cm before the camera, side by side, and what it sees of them."""
    rotations = Rotation.from_rotvec([[0, 0, 0.4], [0, 0, -0.7]]).as_matrix()
    translations = np.array([[-0.04, 0, 0.4], [0.04, 0, 0.4]])
    points = CadSurface(*nail()).sample(1500, seed=1)
    posed = np.concatenate([points @ R.T + t for R, t in zip(rotations, translations, strict=True)])
    seen = posed[~hidden_point_mask(posed, exponent=2.9)]
    return seen[np.random.default_rng(0).permutation(len(seen))[:200]], (rotations, translations)


def surface_of_nail(**options):
    observed, poses = scene()
    points = CadSurface(*nail()).sample(150)
    loss = PosedLoss(points, observed, poses, 0, visibility="hidden-points", exponent=2.0)
    return measure_surface(loss, part_axes(*nail()), ("short", "long"), steps=12, **options)


@pytest.fixture(scope="module")
def surface():
    return surface_of_nail()


def test_principal_axes_are_those_of_points_on_the_surface():
    vertices, triangles = bracket()
    found = part_axes(vertices @ ROTATION.T, triangles)
    points = CadSurface(vertices @ ROTATION.T, triangles).sample(200_000)
    axes = np.linalg.eigh(np.cov(points.T))[1].T[::-1]
    for name, expected in zip(("long", "middle", "short"), axes, strict=True):
        assert abs(found[name] @ expected) == pytest.approx(1, abs=1e-4)


def test_axes_across_a_part_with_equal_sides_are_those_of_its_file():
    found = part_axes(*nail())
    np.testing.assert_allclose([found[name] for name in ("long", "middle", "short")], np.eye(3), atol=1e-9)


@pytest.mark.parametrize("text", ["long", "long,long", "long,wide", "x,y,z", ""])
def test_axes_that_are_no_two_names_are_refused(text):
    with pytest.raises(InputError, match="`axes` expects two of long, middle, short, x, y, z"):
        parse_axes(text)


def test_turns_are_about_the_second_axis_first():
    found = turns(np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), [0.0, np.pi / 2])
    # About x from z to -y, then about z from -y to x.
    np.testing.assert_allclose(found[1, 1] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found[0, 0], np.eye(3), atol=1e-12)


def test_minima_across_the_border_are_one():
    values = np.cos(ROUND)[:, None] + 0.2 * np.cos(ROUND)[None]
    [only] = local_minima(values)
    assert only.cell == (0, 0) and only.depth == pytest.approx(2.4)


def test_depth_is_the_climb_to_something_lower():
    profile = np.array([9.0, 0, 5, 1, 7, 3])
    found = local_minima(np.repeat(profile[:, None], 4, axis=1))
    # From 1 over 5 to 0; from 3 not over 9 to 0 but over 7 to 1.
    assert [(one.cell[0], one.value, one.depth) for one in found] == [(1, 0, 9), (3, 1, 4), (5, 3, 4)]


def test_shallow_minima_are_left_out_but_the_lowest_stays():
    values = np.random.default_rng(0).random((9, 9))
    assert len(local_minima(values)) > 1
    [lowest] = local_minima(values, 10.0)
    assert lowest.value == values.min()


def test_every_minimum_is_lower_than_its_eight_neighbours():
    values = np.random.default_rng(1).random((8, 10))
    around = [np.roll(values, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    expected = set(zip(*map(np.ndarray.tolist, np.nonzero(values < np.min(around, 0))), strict=True))
    assert {minimum.cell for minimum in local_minima(values)} == expected


@pytest.mark.parametrize("visibility", ["none", "hidden-points"])
def test_loss_of_turned_poses_is_that_of_k_d_trees(visibility):
    observed, (rotations, translations) = scene()
    points = CadSurface(*nail()).sample(60)
    loss = PosedLoss(points, observed, (rotations, translations), 1, visibility=visibility, exponent=2.0)
    turned = Rotation.from_rotvec([[0, 0, 0], [0, 2.0, 0], [1.0, 0, 0.5]]).as_matrix()
    for turn, found in zip(turned, loss(turned), strict=True):
        cloud = np.concatenate(
            [points @ rotations[0].T + translations[0], points @ (rotations[1] @ turn).T + translations[1]]
        )
        if visibility == "hidden-points":
            cloud = cloud[~hidden_point_mask(cloud, exponent=2.0)]
        there, back = cKDTree(observed).query(cloud)[0], cKDTree(cloud).query(observed)[0]
        assert found == pytest.approx(max(there.mean(), back.mean()), rel=1e-3)


def test_elongated_part_has_a_local_minimum_with_its_ends_swapped(surface):
    assert surface.truth <= 1.02 * surface.loss.min()
    swapped = surface.swapped_minima[0]
    assert abs(abs(swapped.angles[0]) - np.pi) < 0.6
    assert surface.truth < swapped.loss < surface.loss.max() and swapped.depth > 0.5 * surface.truth


def test_part_whose_ends_are_alike_has_no_swapped_minimum():
    same = [np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.diag([-1.0, 1.0, -1.0]), np.diag([1.0, -1.0, -1.0])]
    surface = surface_of_nail(symmetries=Symmetries.of([matrix.tolist() for matrix in same]))
    assert all(abs(minimum.rotation_error) <= np.pi / 2 + 1e-6 for minimum in surface.minima)
    near = [one for one in surface.minima if one.swapped and one.rotation_error < 0.1]
    assert not set(near) & set(surface.swapped_minima)


def test_progress_ends_at_all_poses():
    calls = []
    surface_of_nail(progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (144, 144)


def test_files_keep_the_numbers(surface, tmp_path):
    surface.save(tmp_path / "one.npz")
    surface.save_json(tmp_path / "one.json", scene="00000")
    with np.load(tmp_path / "one.npz") as kept:
        np.testing.assert_array_equal(kept["loss"], surface.loss)
        assert kept["angles"][6] == 0
    content = json.loads((tmp_path / "one.json").read_text())
    assert content["scene"] == "00000" and list(content["axes"]) == ["short", "long"]
    assert content["loss_at_truth"] == surface.loss[6, 6]
    assert [one["loss"] for one in content["minima"]] == sorted(one["loss"] for one in content["minima"])


@pytest.mark.slow
def test_picture_is_in_millimetres_and_degrees_and_closes_the_turn(surface, tmp_path):
    save_rotation_surface_png(surface, tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 20_000
    figure = draw_rotation_surface(surface)
    above = figure.axes[0]
    assert above.get_xlim() == (-180, 180) and "°" in above.get_xlabel()
    low, high = figure.axes[1].get_ylim()
    assert low <= 1e3 * surface.loss.min() and high >= 0.95e3 * surface.loss.max()
    assert f"{1e3 * surface.truth:.2f} mm" in figure.legends[0].texts[-1].get_text()
