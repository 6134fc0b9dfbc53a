"""A part of one's own, from a mesh file: whether it is a solid, and its convex pieces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from tfapp.archives import DAMAGED, open_arrays
from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.pose.libraries import import_coacd
from tfapp.pose.scenes.mesh_files import enclosed_volume, open3d_mesh, read_mesh
from tfapp.pose.simulation.parts import Part

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
SMALLEST, LARGEST = 0.002, 0.5
MOST_TRIANGLES = 2_000_000
_USUAL = 0.05
# Of the largest side: corners nearer to each other are one.
_NEAR = 1e-5
# More open edges than this are holes, not sides that were divided on one face only.
_MOST_OPEN = 5000
# What touches other parts is coarser than what is seen, or a mesh with fine threads would take minutes. Measured on
# parts of T-LESS and nuts and bolts: a hollow part becomes 17 pieces in about 5 s.
_TRIANGLES = 2000
_COACD = {
    "threshold": 0.15,
    "mcts_iterations": 40,
    "mcts_nodes": 10,
    "mcts_max_depth": 2,
    "resolution": 1000,
    "preprocess_resolution": 50,
    "seed": 0,
}
# Of the volume of all pieces: thinner ones are left out.
_THINNEST = 1e-5


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
    if enclosed_volume(vertices, triangles) < 0:
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
    likely_units = f"its largest side is {extent:.4g}, so they are probably {likely}: `units` {likely}."
    if units is None:
        raise InputError(f"The units of {path} are not stated; {likely_units}")
    if units not in UNITS:
        raise InputError(f"Unknown units {units!r}; choose one of {', '.join(UNITS)}.")
    if units not in fitting:
        size = "larger than any bin" if extent * UNITS[units] > LARGEST else "smaller than 2 mm"
        raise InputError(
            f"{path} would be {extent * UNITS[units]:.4g} m large, {size}, in {units}; {likely_units}"
        )
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


def is_closed(vertices, triangles, tolerance):
    """Return whether every edge is run along as often in one direction as in the other.

    So it is on the surface of a solid, also of one that consists of several bodies or intersects itself. A side may be
    one edge of one face and several edges of the next: edges are divided where corners of open edges lie on them.

    Args:
        vertices: (v, 3).
        triangles: (t, 3), corners of each, in their turn.
        tolerance: How far from an edge a corner may lie on it.
    """
    starts, ends = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    edges, balance = _balance(starts, ends, np.ones(len(starts)))
    if not balance.any():
        return True
    edges, balance = edges[balance != 0], balance[balance != 0]
    if len(edges) > _MOST_OPEN:
        return False
    corners = np.unique(edges)
    parts = [_divided(vertices, edge, corners, tolerance) for edge in edges]
    counts = np.repeat(balance, [len(part) - 1 for part in parts])
    _, balance = _balance(
        np.concatenate([part[:-1] for part in parts]), np.concatenate([part[1:] for part in parts]), counts
    )
    return not balance.any()


def _balance(starts, ends, counts):
    """Return each edge once, (e, 2) from the smaller index, and how much oftener it is run along forwards."""
    edges = np.stack([np.minimum(starts, ends), np.maximum(starts, ends)], axis=1)
    edges, which = np.unique(edges, axis=0, return_inverse=True)
    return edges, np.bincount(which.ravel(), np.where(starts < ends, counts, -counts))


def _divided(vertices, edge, corners, tolerance):
    """Return the indices of an edge's ends, and between them of the corners that lie on it, in order."""
    start, end = vertices[edge]
    along = end - start
    length = np.linalg.norm(along)
    offsets = vertices[corners] - start
    place = offsets @ along / length
    away = np.linalg.norm(offsets - place[:, None] * along / length, axis=1)
    inside = (away < tolerance) & (place > tolerance) & (place < length - tolerance)
    return np.concatenate([edge[:1], corners[inside][np.argsort(place[inside])], edge[1:]])


def with_convex_pieces(part, file=None):
    """Return the part with convex pieces: its own, or those kept in a file, or those found now.

    Approximate convex decomposition: Wei, Liu, Ling, Su, *Approximate Convex Decomposition for 3D Meshes with
    Collision-Aware Concavity and Tree Search*, 2022 (CoACD).

    Args:
        part: `Part`, with or without pieces.
        file: .npz of `write_pieces` with the pieces of this part, which needs not exist.

    Raises:
        InputError: CoACD is needed and not installed, or finds no solid piece.
    """
    if len(part.pieces):
        return part
    pieces = _read(file) if file is not None and file.is_file() else _decompose(part)
    if not pieces:
        raise InputError(f"{part.name} has no volume; expected a solid part.")
    return replace(part, pieces=pieces)


def write_pieces(pieces, file) -> None:
    """Write convex pieces as .npz, by write-then-rename."""
    with atomic_path(file) as temporary:
        np.savez(temporary, **{f"piece{index:04d}": piece for index, piece in enumerate(pieces)})


def _read(file):
    try:
        with open_arrays(file) as kept:
            pieces = [kept[name] for name in sorted(kept)]
    except DAMAGED as error:
        raise InputError(f"{file} is damaged ({error}); simulate again with `overwrite`.") from None
    for piece in pieces:
        if piece.ndim != 2 or piece.shape[1:] != (3,) or not np.isfinite(piece).all():
            raise InputError(
                f"{file} is damaged: a piece has the shape {piece.shape}, expected finite corners (n, 3); simulate "
                "again with `overwrite`."
            )
    return pieces


def _decompose(part):
    coacd = import_coacd()
    found = coacd.run_coacd(coacd.Mesh(*_simplified(part)), **_COACD)
    pieces = [np.asarray(vertices) for vertices, _ in found]
    volumes = np.array([_hull_volume(piece) for piece in pieces])
    return [
        piece for piece, volume in zip(pieces, volumes, strict=True) if volume > _THINNEST * volumes.sum()
    ]


def _simplified(part):
    mesh = open3d_mesh(part.vertices, part.triangles)
    if len(part.triangles) > _TRIANGLES:
        mesh = mesh.simplify_quadric_decimation(_TRIANGLES)
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles)


def _hull_volume(points):
    try:
        return ConvexHull(points).volume
    except (QhullError, ValueError):
        return 0.0
