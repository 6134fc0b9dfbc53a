import numpy as np
import pytest

from tfapp.errors import InputError
from tfapp.pose.simulation.part_files import is_closed, part_from_file, with_convex_pieces, write_pieces
from tfapp.pose.simulation.parts import BUILT_IN

pytest.importorskip("open3d", reason="meshes are read with the extra `pose`")

BRACKET = BUILT_IN["l-bracket"]()


def write_obj(path, vertices, triangles, scale=1000.0):
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in np.asarray(vertices) * scale]
    lines += [f"f {a} {b} {c}" for a, b, c in np.asarray(triangles) + 1]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_stl(path, vertices, triangles, scale=1000.0):
    corners = (np.asarray(vertices)[triangles] * scale).astype("<f4")
    rows = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    rows["corners"] = corners
    path.write_bytes(bytes(80) + np.uint32(len(rows)).tobytes() + rows.tobytes())
    return path


def split(vertices, triangles):
    """Give every triangle corners of its own."""
    return vertices[triangles].reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3)


def test_binary_stl_becomes_a_part_in_metres(tmp_path):
    part = part_from_file(write_stl(tmp_path / "own.stl", BRACKET.vertices + 7, BRACKET.triangles), "mm")
    assert part.name == "own.stl" and len(part.vertices) == 12 and len(part.triangles) == 20
    order, expected = np.lexsort(part.vertices.T.round(5)), np.lexsort(BRACKET.vertices.T.round(5))
    np.testing.assert_allclose(part.vertices[order], BRACKET.vertices[expected], atol=1e-6)


@pytest.mark.parametrize(("units", "scale"), [("m", 1), ("cm", 100), ("mm", 1000), ("inch", 1 / 0.0254)])
def test_units(tmp_path, units, scale):
    part = part_from_file(write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles, scale), units)
    assert part.extent == pytest.approx(0.05, rel=1e-5)


def test_corners_split_at_edges_are_merged(tmp_path):
    part = part_from_file(write_obj(tmp_path / "a.obj", *split(BRACKET.vertices, BRACKET.triangles)), "mm")
    assert len(part.vertices) == 12


def test_empty_triangles_are_dropped(tmp_path):
    triangles = np.concatenate([BRACKET.triangles, [[3, 3, 5]]])
    part = part_from_file(write_obj(tmp_path / "a.obj", BRACKET.vertices, triangles), "mm")
    assert len(part.triangles) == 20


@pytest.mark.parametrize("turned", [slice(None), slice(0, 7)])
def test_normals_are_turned_outwards(tmp_path, turned):
    triangles = BRACKET.triangles.copy()
    triangles[turned] = triangles[turned, ::-1]
    part = part_from_file(write_obj(tmp_path / "a.obj", BRACKET.vertices, triangles), "mm")
    a, b, c = np.moveaxis(part.vertices[part.triangles], 1, 0)
    # (50 * 8 + 27 * 8) * 24 cubic millimetres
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(14.784e-6, rel=1e-4)


def test_side_divided_on_one_face_only_is_no_hole():
    # A square of two triangles, and below it two pieces of one wall; the divided side has one corner more.
    vertices = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0], [1, 0, 0]], float)
    double = np.array([[0, 1, 2], [0, 2, 3], [3, 2, 1]])
    assert is_closed(vertices, double, 1e-6)
    vertices[3, 1] = -0.1
    assert not is_closed(vertices, double, 1e-6)


@pytest.mark.parametrize("units", [None, "m", "cm", "inch"])
def test_missing_or_wrong_units_are_refused_with_the_likely_ones(tmp_path, units):
    file = write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles, 1300)
    with pytest.raises(InputError, match="largest side is 65, so they are probably mm: `units` mm"):
        part_from_file(file, units)


def test_part_that_would_be_too_small_is_refused(tmp_path):
    file = write_obj(tmp_path / "a.obj", BRACKET.vertices, BRACKET.triangles, 1)
    with pytest.raises(InputError, match="smaller than 2 mm, in mm; .* probably m: `units` m"):
        part_from_file(file, "mm")


def test_unknown_units_are_refused(tmp_path):
    with pytest.raises(InputError, match="Unknown units 'feet'; choose one of m, cm, mm, inch"):
        part_from_file(write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles), "feet")


def test_part_of_no_sensible_size_in_any_units_is_refused(tmp_path):
    file = write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles, 1e6)
    with pytest.raises(InputError, match="in any of the units"):
        part_from_file(file, "mm")


@pytest.mark.parametrize("missing", [1, 6])
def test_mesh_with_a_hole_is_refused(tmp_path, missing):
    file = write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles[:-missing])
    with pytest.raises(InputError, match="a.stl is not watertight"):
        part_from_file(file, "mm")


def test_huge_mesh_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tfapp.pose.simulation.part_files.MOST_TRIANGLES", 19)
    with pytest.raises(InputError, match="has 20 triangles, more than 19; simplify it"):
        part_from_file(write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles), "mm")


@pytest.mark.parametrize("name", ["a.stl", "a.obj", "a.ply"])
@pytest.mark.parametrize("content", [b"", b"no mesh at all\n" * 20])
def test_file_without_a_mesh_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} (is damaged|cannot be read)"):
        part_from_file(tmp_path / name, "mm")


def test_missing_and_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        part_from_file(tmp_path / "a.stl", "mm")
    with pytest.raises(InputError, match="expected .stl, .obj, .ply"):
        part_from_file(tmp_path / "a.step", "mm")


def test_pieces_of_an_own_part_cover_it(tmp_path):
    pytest.importorskip("coacd")
    part = part_from_file(write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles), "mm")
    assert part.pieces == ()
    pieces = with_convex_pieces(part).pieces
    assert len(pieces) == 2
    directions = np.random.default_rng(0).normal(size=(50, 3))
    reached = (np.concatenate(pieces) @ directions.T).max(axis=0)
    np.testing.assert_allclose(reached, (part.vertices @ directions.T).max(axis=0), rtol=0.01)


def test_kept_pieces_are_not_found_again(tmp_path, monkeypatch):
    part = part_from_file(write_stl(tmp_path / "a.stl", BRACKET.vertices, BRACKET.triangles), "mm")
    write_pieces(BRACKET.pieces, tmp_path / "pieces.npz")
    monkeypatch.setitem(__import__("sys").modules, "coacd", None)
    for kept, piece in zip(
        with_convex_pieces(part, tmp_path / "pieces.npz").pieces, BRACKET.pieces, strict=True
    ):
        np.testing.assert_array_equal(kept, piece)
    with pytest.raises(InputError, match=r'CoACD, .* is not installed: pip install "tfapp\[pose\]"'):
        with_convex_pieces(part, tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("name", "units", "extent"),
    [("t-less/obj_14.stl", "mm", 0.0651), ("factory/factory_bolt_m16_loose.obj", "m", 0.041)],
)
def test_real_meshes_are_closed(real_data, name, units, extent):
    assert part_from_file(real_data("meshes") / name, units).extent == pytest.approx(extent, rel=1e-3)


def test_nut_whose_faces_are_divided_differently_is_closed(real_data):
    file = real_data("meshes") / "factory" / "factory_nut_m16_loose_subdiv_3x.obj"
    assert part_from_file(file, "m").extent == pytest.approx(0.0277, rel=1e-2)


def test_real_mesh_with_holes_is_refused(real_data):
    with pytest.raises(InputError, match="obj_07.stl is not watertight"):
        part_from_file(real_data("meshes") / "t-less" / "obj_07.stl", "mm")
