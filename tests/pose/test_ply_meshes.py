"""PLY meshes are those that Open3D reads, and damaged ones are refused where Open3D ends the process."""

import numpy as np
import open3d
import pytest

from tfapp.errors import InputError
from tfapp.pose.scenes.mesh_files import read_mesh

BALL = open3d.geometry.TriangleMesh.create_sphere(0.05, 8)


@pytest.fixture
def ball(tmp_path):
    file = tmp_path / "a.ply"
    assert open3d.io.write_triangle_mesh(str(file), BALL)
    return file


@pytest.mark.parametrize("options", [{}, {"write_ascii": True}])
def test_mesh_is_that_which_open3d_reads(tmp_path, options):
    file = tmp_path / "a.ply"
    assert open3d.io.write_triangle_mesh(str(file), BALL, **options)
    expected = open3d.io.read_triangle_mesh(str(file))
    vertices, triangles = read_mesh(file)
    np.testing.assert_array_equal(vertices, np.asarray(expected.vertices))
    np.testing.assert_array_equal(triangles, np.asarray(expected.triangles))


def test_faces_of_more_corners_are_divided_where_they_are_concave(tmp_path):
    # A square of side 2 from which a wedge of area 1 is cut, and a triangle of area 2 beside it.
    corners = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (1, 1, 0), (0, 2, 0), (4, 0, 0)]
    text = [
        *(
            "ply",
            "format ascii 1.0",
            "element vertex 6",
            "property float x",
            "property float y",
            "property float z",
        ),
        *("element face 2", "property list uchar int vertex_index", "end_header"),
        *(" ".join(map(str, corner)) for corner in corners),
        *("5 0 1 2 3 4", "3 1 5 2"),
    ]
    (tmp_path / "a.ply").write_text("\n".join(text) + "\n")
    vertices, triangles = read_mesh(tmp_path / "a.ply")
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    areas = np.cross(b - a, c - a)[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(3 + 2)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ((b"element vertex 44", b"element vertex 1e400"), "is damaged, cut short, or not a PLY file"),
        ((b"element face 84", b"element face -1"), "is damaged"),
        ((b"property double y", b"property double a"), "is damaged or no mesh; expected .* x, y and z"),
        ((b"vertex_indices", b"corners"), "expected .* the list vertex_indices"),
        ((b"list uchar uint", b"list uchar triple"), "is damaged, cut short, or not a PLY file"),
    ],
)
def test_header_of_another_form_is_refused(ball, wrong, reason):
    content = ball.read_bytes()
    before, after = wrong
    name = before.rsplit(b" ", 1)[0] if before.startswith(b"element") else None
    if name is not None:
        start = content.index(name)
        content = content[:start] + after + content[content.index(b"\n", start) :]
    else:
        assert before in content
        content = content.replace(before, after)
    ball.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_mesh(ball)


def test_mesh_that_lacks_faces_is_refused(ball):
    assert len(read_mesh(ball)[1]) == len(BALL.triangles)
    ball.write_bytes(ball.read_bytes()[:-130])
    with pytest.raises(InputError, match="is damaged, cut short"):
        read_mesh(ball)


def test_damaged_meshes_are_refused_or_whole(ball):
    content, rng = ball.read_bytes(), np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(content)
        place = rng.integers(300 if rng.random() < 0.5 else len(damaged))
        kind = rng.integers(3)
        if kind == 0:
            damaged[place] = rng.integers(256)
        elif kind == 1:
            del damaged[place : place + rng.integers(1, 20)]
        else:
            damaged[place:place] = rng.bytes(rng.integers(1, 9))
        ball.write_bytes(damaged)
        try:
            vertices, triangles = read_mesh(ball)
        except InputError:
            continue
        assert np.isfinite(vertices).all()
        assert 0 <= triangles.min() <= triangles.max() < len(vertices)
