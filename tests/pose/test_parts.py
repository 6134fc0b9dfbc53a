import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from tfapp.pose.simulation.part_files import is_closed
from tfapp.pose.simulation.parts import BUILT_IN, bin_mesh, regular_polygon, ring

PARTS = {name: build() for name, build in BUILT_IN.items()}


def volume(part):
    a, b, c = np.moveaxis(part.vertices[part.triangles], 1, 0)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def surface_points(part, count=4000):
    rng = np.random.default_rng(0)
    a, b, c = np.moveaxis(part.vertices[part.triangles], 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(areas), count, p=areas / areas.sum())
    weights = rng.dirichlet(np.ones(3), count)
    return np.einsum("kc,kcd->kd", weights, np.stack([a, b, c], 1)[chosen])


@pytest.mark.parametrize("name", PARTS)
def test_surface_is_watertight_and_does_not_cut_itself(name):
    open3d = pytest.importorskip("open3d")
    mesh = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(PARTS[name].vertices),
        open3d.utility.Vector3iVector(PARTS[name].triangles),
    )
    assert mesh.is_watertight() and mesh.is_orientable()


@pytest.mark.parametrize(("name", "holes"), [("nut", 1), ("bolt", 0), ("l-bracket", 0), ("camera-head", 0)])
def test_surface_has_as_many_holes_as_the_part(name, holes):
    part = PARTS[name]
    edges = np.unique(np.sort(part.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    # Euler's characteristic of a surface with so many handles.
    assert len(part.vertices) - len(edges) + len(part.triangles) == 2 - 2 * holes


@pytest.mark.parametrize("name", PARTS)
def test_part_is_five_centimetres_around_its_centre(name):
    low, high = PARTS[name].vertices.min(axis=0), PARTS[name].vertices.max(axis=0)
    np.testing.assert_allclose(low, -high, atol=1e-9)
    assert PARTS[name].extent == pytest.approx(0.05)


# A nut of 50 mm across corners is 25 * 3 ** 0.5 mm across flats; cylinders are prisms of 48 sides.
HEXAGON = 3 * 3**0.5 / 2
CIRCLE = 24 * np.sin(np.pi / 24)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nut", (HEXAGON * 25**2 - CIRCLE * 12.5**2) * 20),
        ("bolt", CIRCLE * 7**2 * 39 + HEXAGON * 13**2 * 11),
        ("l-bracket", (50 * 8 + 27 * 8) * 24),
        ("camera-head", 14 * 10 * 10 + 42 * 30 * 22 + CIRCLE * 11.5**2 * 18),
    ],
)
def test_volume_in_cubic_millimetres(name, expected):
    assert volume(PARTS[name]) * 1e9 == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", PARTS)
def test_pieces_are_convex_and_fill_the_part(name):
    hulls = [ConvexHull(piece) for piece in PARTS[name].pieces]
    assert all(
        len(hull.vertices) == len(piece) for hull, piece in zip(hulls, PARTS[name].pieces, strict=True)
    )
    # Circles that touch are coarser than circles that are seen.
    assert sum(hull.volume for hull in hulls) == pytest.approx(volume(PARTS[name]), rel=0.03)


@pytest.mark.parametrize("name", PARTS)
def test_symmetries_are_rotations_that_keep_the_part(name):
    points, tree = surface_points(PARTS[name], 500), cKDTree(surface_points(PARTS[name], 40_000))
    spacing = tree.query(points)[0].max()
    for matrix in PARTS[name].symmetries:
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert tree.query(points @ matrix.T)[0].max() < 2 * spacing


@pytest.mark.parametrize(("name", "count"), [("nut", 12), ("bolt", 6), ("l-bracket", 1), ("camera-head", 1)])
def test_number_of_symmetries(name, count):
    assert len(np.unique(np.round(PARTS[name].symmetries, 6), axis=0)) == count


@pytest.mark.parametrize("name", ["l-bracket", "camera-head"])
def test_parts_without_symmetry_change_under_half_turns(name):
    points, tree = surface_points(PARTS[name], 500), cKDTree(surface_points(PARTS[name], 40_000))
    for turn in (np.diag([1.0, -1, -1]), np.diag([-1.0, 1, -1]), np.diag([-1.0, -1, 1])):
        assert tree.query(points @ turn)[0].max() > 0.004


def test_ring_covers_what_is_between_two_polygons():
    outer, inner = regular_polygon(5, 2.0), regular_polygon(31, 0.5, (0.6, -0.4))
    triangles = ring(outer, inner, 0.0, up=True)
    areas = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])[:, 2] / 2
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(ConvexHull(outer).volume - ConvexHull(inner).volume)


def test_bin_is_open_only_below():
    vertices, triangles = bin_mesh(0.09)
    assert not is_closed(vertices, triangles, 1e-9)
    assert np.ptp(vertices, axis=0) == pytest.approx([0.189, 0.189, 0.027])
