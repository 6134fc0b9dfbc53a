"""The convex pieces of a part of one's own, found once and kept in the folder of its scenes."""

from dataclasses import replace

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from tfapp.errors import InputError
from tfapp.files import atomic_path
from tfapp.pose.libraries import import_coacd
from tfapp.pose.scenes.mesh_files import open3d_mesh

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
    with np.load(file, allow_pickle=False) as kept:
        return [kept[name] for name in sorted(kept)]


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
