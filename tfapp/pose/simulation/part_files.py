"""A part of one's own, from a mesh file."""

from pathlib import Path

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.scenes.mesh_files import open3d_mesh, read_mesh
from tfapp.pose.simulation.closed_surface import is_closed
from tfapp.pose.simulation.parts import Part

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
SMALLEST, LARGEST = 0.002, 0.5
MOST_TRIANGLES = 2_000_000
_USUAL = 0.05
# Of the largest side: corners nearer to each other are one.
_NEAR = 1e-5


def part_from_file(path, units=None) -> Part:
    """Read a part from an STL, OBJ or PLY file; the origin becomes the centre of its bounding box.

    Corners that lie together are merged, as STL has one for each triangle and OBJ splits them at sharp edges, triangles
    without area are dropped, and the normals turned outwards. The part has no pieces yet: see `with_convex_pieces`. Of
    symmetries nothing is known.

    Args:
        path: The file.
        units: Of its coordinates: m, cm, mm or inch.

    Raises:
        InputError: No mesh can be read, the units are missing or give a part smaller than 2 mm or larger than 0.5 m,
            it has more than 2,000,000 triangles, or its surface is not closed.
    """
    path = Path(path)
    vertices, triangles = read_mesh(path)
    if len(triangles) > MOST_TRIANGLES:
        raise InputError(
            f"{path} has {len(triangles):,} triangles, more than {MOST_TRIANGLES:,}; simplify it in the program it is "
            "from."
        )
    scale = _scale(path, vertices[triangles].reshape(-1, 3), units)
    vertices, triangles = _cleaned(path, vertices, triangles)
    vertices = scale * (vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2)
    if _volume(vertices, triangles) < 0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    return Part(path.name, vertices, triangles, ())


def _scale(path, vertices, units):
    """Return the metres of a unit, or raise InputError with the likely one."""
    extent = float(np.ptp(vertices, axis=0).max())
    fitting = [name for name, metres in UNITS.items() if SMALLEST <= extent * metres <= LARGEST]
    if not fitting:
        raise InputError(
            f"{path} has a largest side of {extent:.4g}, which is no part of {1000 * SMALLEST:g} mm to "
            f"{LARGEST:g} m in any of the units {', '.join(UNITS)}; scale it."
        )
    likely = min(fitting, key=lambda name: abs(np.log(extent * UNITS[name] / _USUAL)))
    advice = f"its largest side is {extent:.4g}, so they are probably {likely}: --units {likely}."
    if units is None:
        raise InputError(f"The units of {path} are not stated; {advice}")
    if units not in UNITS:
        raise InputError(f"Unknown units {units!r}; choose one of {', '.join(UNITS)}.")
    if units not in fitting:
        size = "larger than any bin" if extent * UNITS[units] > LARGEST else "smaller than 2 mm"
        raise InputError(f"{path} would be {extent * UNITS[units]:.4g} m large, {size}, in {units}; {advice}")
    return UNITS[units]


def _cleaned(path, vertices, triangles):
    """Return the mesh with merged corners and without empty triangles, or raise InputError if it is not closed."""
    near = _NEAR * float(np.ptp(vertices, axis=0).max())
    mesh = open3d_mesh(vertices, triangles)
    mesh.merge_close_vertices(near)
    mesh.remove_degenerate_triangles()
    mesh.remove_unreferenced_vertices()
    vertices, triangles = np.asarray(mesh.vertices).copy(), np.asarray(mesh.triangles).copy()
    if len(triangles) and is_closed(vertices, triangles, 10 * near):
        return vertices, triangles
    mesh.orient_triangles()
    triangles = np.asarray(mesh.triangles).copy()
    if len(triangles) and is_closed(vertices, triangles, 10 * near):
        return vertices, triangles
    raise InputError(
        f"{path} is not watertight: its surface has holes or loose faces; close them in the program it is from, or "
        "with a mesh repair."
    )


def _volume(vertices, triangles):
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6
