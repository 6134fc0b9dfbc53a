"""Triangle meshes as files, through Open3D."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.files import atomic_path, check_regular_file
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
    check_regular_file(path, "a mesh")
    if not path.is_file():
        raise InputError(f"Mesh {path} does not exist.")
    _check_size(path)
    open3d = import_open3d()
    try:
        with _without_materials(path) as geometry:
            mesh = open3d.io.read_triangle_mesh(str(geometry))
    except (RuntimeError, MemoryError) as error:
        raise InputError(f"Mesh {path} cannot be read ({error}).") from None
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.triangles)
    if not len(triangles) or not np.isfinite(vertices).all():
        raise InputError(f"{path} is damaged or empty: it holds no triangle, or a vertex that is not finite.")
    if path.suffix.lower() == ".ply":
        _check_whole(path, triangles)
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        wrong = triangles[(triangles < 0) | (triangles >= len(vertices))][0]
        raise InputError(f"{path} is damaged: a triangle has the corner {wrong} of {len(vertices)} vertices.")
    return vertices.copy(), triangles.copy()


# A mesh of 20 million triangles, ten times what a part may have.
_MOST_BYTES = 2**30
_HEADER = 2**16
_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


@contextmanager
def _without_materials(path):
    """Yield the path of a mesh that names no other files: of an OBJ with materials a copy without them.

    What an OBJ names, and what its materials name, would be opened wherever and whatever it is, and is not needed.
    """
    if path.suffix.lower() != ".obj":
        yield path
        return
    with open(path, "rb") as file:
        plain = not any(map(_names_material, file))
    if plain:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "geometry.obj")
        with open(path, "rb") as file, open(copy, "wb") as kept:
            kept.writelines(line for line in file if not _names_material(line))
        yield copy


def _names_material(line):
    return line.lstrip()[:6] in (b"mtllib", b"usemtl")


def _check_size(path):
    """Raise InputError for a file that is too large, or a PLY header of more elements than the file can hold.

    Memory is taken by what a PLY header says. The counts of STL are compared with the file by Open3D; OBJ has none.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise InputError(
            f"{path} has more than {_MOST_BYTES:,} bytes; simplify it in the program it is from."
        )
    if path.suffix.lower() != ".ply":
        return
    for name, count, each in _elements(_header(path)):
        if count * each > size:
            raise InputError(
                f"{path} is damaged: its header announces {count:,} of {name}, more than {size:,} bytes can hold."
            )


def _check_whole(path, triangles):
    """Raise InputError if a PLY file is cut short: Open3D gives the faces that it has."""
    faces = [count for name, count, _ in _elements(_header(path)) if name == "face"]
    # A face of more corners is several triangles.
    if faces and len(triangles) < faces[0]:
        raise InputError(
            f"{path} is damaged or cut short: {len(triangles)} triangles can be read of {faces[0]} faces."
        )


def _header(path):
    with open(path, "rb") as file:
        return file.read(_HEADER).partition(b"end_header")[0].decode("latin-1")


def _elements(header):
    """Return (name, count, fewest bytes of one) of the elements that the header of a PLY file announces.

    G. Turk, "The PLY Polygon File Format", 1994: of a list at least its length is there; in text a number takes two
    characters with what follows it.
    """
    found, is_text = [], "format ascii" in header
    for words in map(str.split, header.splitlines()):
        if words[:1] == ["element"] and len(words) == 3 and words[2].isascii() and words[2].isdigit():
            found.append([words[1], int(words[2][:20]), 0])
        elif words[:1] == ["property"] and found and len(words) >= 3:
            found[-1][2] += 2 if is_text else _BYTES.get(words[2] if words[1] == "list" else words[1], 1)
    # One without properties takes nothing, and is no less wrong in such a number.
    return [(name, count, max(each, 1)) for name, count, each in found]


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
