"""Triangle meshes in PLY files.

Open3D's reader of PLY meshes reads where no memory is if a file is damaged or cut short, and the process ends without
a word. So these files go through plyfile.
"""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.libraries import import_plyfile
from tfapp.pose.scenes.polygons import triangulate

_LISTS = ("vertex_indices", "vertex_index")
_HEADER = 2**16
_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


def read_ply(path):
    """Read a mesh: vertices float64 (v, 3) in the file's own units, triangles int64 (t, 3).

    Faces of more corners are cut into triangles.

    Raises:
        InputError: The file is damaged, cut short, or holds no mesh.
    """
    _check_counts(path)
    parsed = _parsed(path)
    elements = {element.name: element for element in parsed.elements}
    vertices, faces = elements.get("vertex"), elements.get("face")
    name = None if faces is None else next((one for one in _LISTS if one in _lists_of(faces)), None)
    numbers = set() if vertices is None else {one.name for one in vertices.properties} - _lists_of(vertices)
    if name is None or not {"x", "y", "z"} <= numbers:
        raise InputError(
            f"{path} is damaged or no mesh; expected a PLY file with the numbers x, y and z of each vertex and the "
            "list vertex_indices of each face."
        )
    points = np.stack([np.asarray(vertices[axis], np.float64) for axis in "xyz"], -1)
    # Not the map of the file that plyfile may give: Open3D takes none.
    corners = np.asarray(faces[name])
    if not len(corners) or not len(points):
        raise InputError(f"{path} is damaged or empty: it holds no vertex or no face.")
    if corners.dtype == object and all(len(one) == 3 for one in corners):
        corners = np.stack(list(corners))
    faces = corners if corners.dtype != object else [np.asarray(one, np.int64) for one in corners]
    return points, triangulate(path, points, faces)


def _parsed(path):
    """Return the `plyfile.PlyData` of a file."""
    plyfile = import_plyfile()
    try:
        for name in _LISTS:
            try:
                # Where all faces are triangles the file is one table, read at once; else it is read number by number.
                return plyfile.PlyData.read(str(path), mmap="c", known_list_len={"face": {name: 3}})
            except (plyfile.PlyElementParseError, KeyError):
                continue
        return plyfile.PlyData.read(str(path), mmap=False)
    # Whatever a damaged file makes of the header and the numbers.
    except (
        plyfile.PlyParseError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        MemoryError,
        EOFError,
    ) as error:
        said = str(error) or type(error).__name__
        raise InputError(f"{path} is damaged, cut short, or not a PLY file ({said[:200]}).") from None


def _lists_of(element):
    return {one.name for one in element.properties if hasattr(one, "len_dtype")}


def _check_counts(path):
    """Raise InputError for a header of more elements than the file can hold: memory is taken by what it says."""
    size = path.stat().st_size
    for name, count, each in _elements(_header(path)):
        if count * each > size:
            raise InputError(
                f"{path} is damaged: its header announces {count:,} of {name}, more than {size:,} bytes can hold."
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
