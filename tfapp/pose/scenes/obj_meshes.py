"""Triangle meshes in OBJ files.

Open3D leaves out every face of more than three corners of an OBJ file, and says nothing. So these files are read here.
Of a file only the vertices and the faces are looked at: what it names, and what its materials name, would be opened
wherever and whatever it is, and is not needed.
"""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.scenes.polygons import triangulate


def read_obj(path):
    """Read a mesh: vertices float64 (v, 3) in the file's own units, triangles int64 (t, 3).

    The lines `v x y z` and `f a b c ...`, whose corners may be `a/texture/normal` and are counted from 1, or backwards
    from the last vertex above the line if they are negative (Wavefront, *Advanced Visualizer*, appendix B1).

    Raises:
        InputError: A line of a vertex or face cannot be read, or a face has a corner that is no vertex.
    """
    points, faces = [], []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, words in _statements(file):
            try:
                if words[0] == "v":
                    x, y, z = words[1:4]
                    points.append((float(x), float(y), float(z)))
                else:
                    corners = [int(word.partition("/")[0]) for word in words[1:]]
                    # From 1 on, or backwards from -1; 0 is none and stays outside.
                    faces.append([one - 1 if one >= 0 else _from_end(one, points) for one in corners])
            except ValueError:
                raise InputError(
                    f"{path} is damaged or no mesh: line {number} is {' '.join(words)[:80]!r}; expected `v x y z` or "
                    "`f a b c`."
                ) from None
    points = np.reshape(np.array(points, np.float64), (-1, 3))
    try:
        if all(len(face) == 3 for face in faces):
            return points, triangulate(path, points, np.reshape(np.array(faces, np.int64), (-1, 3)))
        return points, triangulate(path, points, [np.array(face, np.int64) for face in faces])
    except OverflowError:
        raise InputError(f"{path} is damaged: a face has a corner of more than 18 digits.") from None


def _from_end(number, points):
    return len(points) + number if len(points) + number >= 0 else -1


def _statements(file):
    """Yield (number, words) of the lines of vertices and faces; a line that ends in a backslash goes on in the next."""
    begun, first = [], 0
    for number, line in enumerate(file, 1):
        words = line.partition("#")[0].split()
        continues = bool(words) and words[-1].endswith("\\")
        if continues:
            words[-1] = words[-1][:-1]
        first = first if begun else number
        begun += [word for word in words if word]
        if continues:
            continue
        if begun and begun[0] in ("v", "f"):
            yield first, begun
        begun = []
    if begun and begun[0] in ("v", "f"):
        yield first, begun
