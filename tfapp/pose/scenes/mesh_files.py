"""Triangle meshes as files, through Open3D."""

from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.pose.libraries import import_open3d

MESH_SUFFIXES = (".stl", ".obj", ".ply")


def read_mesh(path):
    """Read a mesh: vertices float64 (v, 3) in the file's own units, triangles int32 (t, 3).

    Raises:
        InputError: The file is missing, of another kind, damaged, or holds no triangle.
    """
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(f"{path} is not a mesh that can be read; expected {', '.join(MESH_SUFFIXES)}.")
    if not path.is_file():
        raise InputError(f"Mesh {path} does not exist.")
    open3d = import_open3d()
    try:
        mesh = open3d.io.read_triangle_mesh(str(path))
    except RuntimeError as error:
        raise InputError(f"Mesh {path} cannot be read ({error}).") from None
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles)
    if not len(triangles) or not np.isfinite(vertices).all():
        raise InputError(f"{path} is damaged or empty: it holds no triangle, or a vertex that is not finite.")
    return vertices.copy(), triangles.copy()


def write_mesh(path, vertices, triangles) -> None:
    """Write a mesh, in the format of the file's suffix, by write-then-rename."""
    with atomic_path(path) as temporary:
        if not import_open3d().io.write_triangle_mesh(str(temporary), open3d_mesh(vertices, triangles)):
            raise OSError(f"{path} cannot be written.")


def open3d_mesh(vertices, triangles):
    """Return Open3D's `TriangleMesh` of vertices (v, 3) and triangles (t, 3)."""
    open3d = import_open3d()
    return open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(triangles)
    )
