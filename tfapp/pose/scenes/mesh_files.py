"""Triangle meshes as files: STL through Open3D, whose readers of OBJ and PLY are not safe; those two by others."""

from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path, check_regular_file
from tfapp.packed import check_unpacked
from tfapp.pose.libraries import import_open3d
from tfapp.pose.scenes.obj_meshes import read_obj
from tfapp.pose.scenes.ply_meshes import read_ply


def read_mesh(path):
    """Read a mesh: vertices float64 (v, 3) in the file's own units, triangles int32 (t, 3); each vertex is of one.

    Raises:
        InputError: The file is missing, of another kind, damaged, or holds no triangle.
    """
    path = Path(path)
    if path.suffix.lower() not in MESH_SUFFIXES:
        check_unpacked(path, "the mesh")
        raise InputError(f"{path} is not a mesh that can be read; expected {', '.join(MESH_SUFFIXES)}.")
    check_regular_file(path, "a mesh")
    if not path.is_file():
        raise InputError(f"Mesh {path} does not exist.")
    _check_size(path)
    vertices, triangles = _READERS[path.suffix.lower()](path)
    if not len(triangles) or not np.isfinite(vertices).all():
        raise InputError(f"{path} is damaged or empty: it holds no triangle, or a vertex that is not finite.")
    vertices, triangles = without_unused(vertices, triangles)
    return vertices, triangles.astype(np.int32)


def without_unused(vertices, triangles):
    """Return a mesh without the vertices that no triangle uses: they are not of the surface.

    Args:
        vertices: (v, 3).
        triangles: Whole numbers (t, 3), of which those that come back are int64.
    """
    used, places = np.unique(triangles, return_inverse=True)
    return vertices[used], places.reshape(-1, 3)


def enclosed_volume(vertices, triangles):
    """Return the volume that a closed mesh encloses, cubic in the unit of its vertices; below 0 if inside out."""
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _read_stl(path):
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(_END)
        file.seek(max(0, size - _END))
        end = file.read()
    # Binary files may begin with this word too, and have 50 bytes for each of the triangles that they announce.
    is_binary = size == 84 + 50 * int.from_bytes(start[80:84], "little")
    if start.lstrip().startswith(b"solid") and not is_binary and b"endsolid" not in end:
        raise InputError(f"{path} is damaged or cut short: an STL file of text ends with the line endsolid.")
    try:
        mesh = import_open3d().io.read_triangle_mesh(str(path))
    except (RuntimeError, MemoryError) as error:
        raise InputError(f"Mesh {path} cannot be read ({error}).") from None
    return np.array(mesh.vertices), np.array(mesh.triangles)


_READERS = {".stl": _read_stl, ".obj": read_obj, ".ply": read_ply}
MESH_SUFFIXES = tuple(_READERS)
# Bytes in which the end of a text file is looked for.
_END = 4096
# A mesh of 5 million triangles, more than twice what a part may have.
_MOST_BYTES = 2**28


def _check_size(path):
    """Raise InputError for a file that is too large; the counts in STL are compared with the file by Open3D."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise InputError(
            f"{path} has more than {_MOST_BYTES:,} bytes; simplify it in the program it is from."
        )


def write_mesh(path, vertices, triangles) -> None:
    """Write a mesh, in the format of the file's suffix, by write-then-rename."""
    mesh = open3d_mesh(vertices, triangles)
    if Path(path).suffix.lower() == ".stl":
        # STL has a normal for each triangle, and Open3D writes none without.
        mesh.compute_triangle_normals()
    with atomic_path(path) as temporary:
        if not import_open3d().io.write_triangle_mesh(str(temporary), mesh):
            raise OSError(f"{path} cannot be written.")


def open3d_mesh(vertices, triangles):
    """Return Open3D's `TriangleMesh` of vertices (v, 3) and triangles (t, 3)."""
    open3d = import_open3d()
    return open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(vertices), open3d.utility.Vector3iVector(triangles)
    )
