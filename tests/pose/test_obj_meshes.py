"""OBJ meshes with faces of any number of corners, of which Open3D leaves out all but the triangles."""

import numpy as np
import open3d
import pytest

from tfapp.errors import InputError
from tfapp.pose.scenes.mesh_files import read_mesh

# A cube of side 2 as quads, the last two counted from the end, one with textures and normals.
CUBE = """# a cube
mtllib cube.mtl
v 0 0 0
v 2 0 0 1.0
v 2 2 0 0.5 0.5 0.5
v 0 2 0
v 0 0 2
v 2 0 2
v 2 2 2
v 0 2 2
vt 0 0
vn 0 0 1
g sides
f 4 3 2 1
f 5/1/1 6/1/1 7/1/1 8/1/1
f 1//1 2//1 6//1 5//1
f 2 3 \\
  7 6
f -6 -5 -1 -2
f -5 -8 -4 -1
"""


def volume(vertices, triangles):
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def written(tmp_path, text):
    file = tmp_path / "a.obj"
    file.write_text(text)
    return file


def test_quads_become_triangles_that_turn_as_they_did(tmp_path):
    vertices, triangles = read_mesh(written(tmp_path, CUBE))
    assert triangles.shape == (12, 3)
    assert volume(vertices, triangles) == pytest.approx(8)


def test_triangles_are_those_that_open3d_reads(tmp_path):
    ball = open3d.geometry.TriangleMesh.create_sphere(0.05, 8)
    assert open3d.io.write_triangle_mesh(str(tmp_path / "a.obj"), ball)
    vertices, triangles = read_mesh(tmp_path / "a.obj")
    np.testing.assert_allclose(vertices, np.asarray(ball.vertices), atol=1e-6)
    np.testing.assert_array_equal(triangles, np.asarray(ball.triangles))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("v 0 0\nf 1 1 1\n", "line 1 is 'v 0 0'; expected `v x y z`"),
        ("v 0 0 0\nf 1 a 1\n", "line 2 is 'f 1 a 1'"),
        ("v 0 0 0\nf 1 1\n", "a face has 2 corners; expected 3 or more"),
        ("v 0 0 0\nf 1 1 2\n", "a face has the corner 1 of 1 vertices"),
        ("v 0 0 0\nf 1 1 0\n", "a face has the corner -1 of 1 vertices"),
        ("v 0 0 0\nf 1 1 -2\n", "a face has the corner -1 of 1 vertices"),
        ("v 0 0 0\nf 1 1 1 99999999999999999999\n", "a corner of more than 18 digits"),
        ("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "a vertex that is not finite"),
        ("v 0 0 0\nl 1 1\n", "it holds no triangle"),
    ],
)
def test_damaged_lines_are_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read_mesh(written(tmp_path, text))


def test_vertex_of_no_face_is_left_out(tmp_path):
    # At the end, as the cube counts some corners from the last vertex.
    vertices, triangles = read_mesh(written(tmp_path, CUBE + "v 9 9 9\n"))
    assert vertices.max() == 2
    assert volume(vertices, triangles) == pytest.approx(8)


def test_stl_of_text_that_is_cut_is_refused(tmp_path):
    ball = open3d.geometry.TriangleMesh.create_sphere(0.05, 8)
    ball.compute_triangle_normals()
    file = tmp_path / "a.stl"
    assert open3d.io.write_triangle_mesh(str(file), ball, write_ascii=False)
    assert len(read_mesh(file)[1]) == len(ball.triangles)
    corner = "vertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n"
    facet = f"facet normal 0 0 1\nouter loop\n{corner}endloop\nendfacet\n"
    text = f"solid a\n{facet}{facet}endsolid a\n"
    file.write_text(text)
    assert len(read_mesh(file)[1]) == 2
    file.write_text(text[:-60])
    with pytest.raises(InputError, match="a.stl is damaged or cut short: an STL file of text ends with"):
        read_mesh(file)
