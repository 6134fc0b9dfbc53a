"""Closed surface of an object model: from its points by Poisson reconstruction, and closed where nothing was seen."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree
from skimage.measure import marching_cubes

from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.libraries import import_open3d
from tfapp.pose.scenes.mesh_files import enclosed_volume, open3d_mesh, without_unused

# Neighbours that tell a normal.
_NEIGHBOURS = 12
# Of Poisson reconstruction: cells along an edge are 2 ** depth, of a cube that is so many times the points' own.
_DEPTH, _SCALE = 6, 1.5
# Of a voxel of the model: cells of the grid that is triangulated, and how far beyond the convex hull it may reach.
_CELL, _BEYOND = 0.5, 0.5
# Points of the model this many voxels from the surface are missed by it, at most a share of them.
_MISSED, _MOST_MISSED = 1.0, 0.05
# Surface without a point of the model within so many voxels was closed, not seen.
_CLOSED = 2.0
_SAMPLES = 20_000
# Shares of the grid's triangles that are kept, the first with which it is closed.
_KEPT = (0.3, 0.2, 0.4)
_PLANES = 50_000


@dataclass(frozen=True, eq=False)
class ModelSurface:
    """A closed surface.

    Attributes:
        vertices: float64 `(v, 3)`, metres.
        triangles: int64 `(t, 3)`, counter-clockwise seen from outside.
        points: float64 `(m, 3)`, the model that it was made from.
        normals: float64 `(m, 3)`, unit vectors out of the model at its points.
        voxel: Distance of neighbouring points of the model, about, in metres.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    voxel: float

    @property
    def volume(self):
        """Cubic metres."""
        return enclosed_volume(self.vertices, self.triangles)

    def deviation(self):
        """Return how the surface lies to the points, a `SurfaceDeviation`."""
        surface = CadSurface(self.vertices, self.triangles)
        away = surface.distance(self.points)
        beside = cKDTree(self.points).query(surface.sample(_SAMPLES))[0]
        closed = float((beside > _CLOSED * self.voxel).mean())
        return SurfaceDeviation(float(np.median(away)), float(away.max()), closed)


@dataclass(frozen=True)
class SurfaceDeviation:
    """How a closed surface lies to the points of its model.

    Attributes:
        median, largest: Distance of a point to the surface, metres.
        closed: Share of the surface, by area, that is farther than two voxels from any point: no camera saw it.
    """

    median: float
    largest: float
    closed: float


def closed_surface(points, voxel):
    """Return the `ModelSurface` of a model's points.

    Poisson reconstruction (Kazhdan and Hoppe, *Screened Poisson Surface Reconstruction*, 2013; Open3D's) from normals
    that agree with their neighbours'. It bulges where no points are: what is outside of their convex hull is cut off,
    and the rest is triangulated on a grid (marching cubes), so that it is closed whatever was seen.

    Args:
        points: `(m, 3)` of the surface, metres.
        voxel: Distance of neighbouring ones, about.

    Raises:
        InputError: The points enclose nothing, as those of one flat side, or the surface misses them.
    """
    points = np.asarray(points, np.float64)
    hull = _hull(points, voxel)
    normals = outward_normals(points)
    mesh = _poisson(points, normals)
    vertices, triangles = _simplified(*_triangulated(mesh, hull, points, voxel))
    surface = ModelSurface(vertices, triangles, points, normals, voxel)
    missed = (CadSurface(vertices, triangles).distance(points) > _MISSED * voxel).mean()
    if missed > _MOST_MISSED:
        raise InputError(f"{_FAILED}: it would miss {missed:.0%} of the points; {_REMEDY}.")
    return surface


_FAILED = "No closed surface can be made of the model's points"
_REMEDY = "show the part from more sides, so that its views overlap, and refine again"


def outward_normals(points):
    """Return unit vectors `(m, 3)` that stand on the surface of points and lead out of it, as a whole.

    Neighbours agree with each other (Hoppe and others, *Surface Reconstruction from Unorganized Points*, 1992); the
    sign of all is that of the volume which they enclose.
    """
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud.estimate_normals(open3d.geometry.KDTreeSearchParamKNN(_NEIGHBOURS))
    cloud.orient_normals_consistent_tangent_plane(_NEIGHBOURS)
    normals = np.asarray(cloud.normals)
    outward = np.einsum("ij,ij->", points - points.mean(0), normals)
    return normals * (1.0 if outward > 0 else -1.0)


def is_watertight(vertices, triangles):
    """Return whether a mesh is closed: each edge belongs to two triangles, and none of them cross."""
    return bool(open3d_mesh(vertices, triangles).is_watertight())


def _hull(points, voxel):
    """Return the planes (k, 4) of the convex hull of points that enclose a body thicker than a voxel."""
    try:
        planes = np.unique(ConvexHull(points).equations.round(9), axis=0)
    except QhullError:
        planes = None
    # From each plane the hull reaches as far as the point that is farthest behind it.
    if planes is None or -(points @ planes[:, :3].T + planes[:, 3]).min(0).max() < voxel:
        raise InputError(f"{_FAILED}: they are flat; {_REMEDY}.")
    return planes


def _poisson(points, normals):
    open3d = import_open3d()
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    cloud.normals = open3d.utility.Vector3dVector(normals)
    mesh, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
        cloud, depth=_DEPTH, scale=_SCALE, n_threads=1
    )
    if not mesh.is_edge_manifold(allow_boundary_edges=False):
        raise InputError(f"{_FAILED}: it stays open; {_REMEDY}.")
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles)


def _triangulated(mesh, hull, points, voxel):
    """Return vertices and triangles of the largest body of what a mesh encloses within the hull."""
    cell, beyond = _CELL * voxel, _BEYOND * voxel
    low = points.min(0) - beyond - 2 * cell
    counts = np.ceil((points.max(0) + beyond + 2 * cell - low) / cell).astype(int) + 1
    grid = low + cell * np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    scene = CadSurface(*mesh).ray_casting_scene()
    inside = -scene.compute_signed_distance(grid.astype(np.float32), nsamples=3).numpy().astype(np.float64)
    for first in range(0, len(grid), _PLANES):
        some = slice(first, first + _PLANES)
        within = beyond - (grid[some] @ hull[:, :3].T + hull[:, 3]).max(1)
        inside[some] = np.minimum(inside[some], within)
    if not (inside > 0).any():
        raise InputError(f"{_FAILED}: it would be empty; {_REMEDY}.")
    vertices, triangles, _, _ = marching_cubes(
        inside.reshape(counts), 0.0, gradient_direction="ascent", allow_degenerate=False
    )
    return _largest_body(low + cell * vertices.astype(np.float64), triangles.astype(np.int64))


def _simplified(vertices, triangles):
    """Return the mesh without the slivers that grids make in flat sides (quadric error metrics), and still closed."""
    mesh = open3d_mesh(vertices, triangles)
    for share in _KEPT:
        simple = mesh.simplify_quadric_decimation(round(share * len(triangles)))
        if simple.is_watertight():
            return np.asarray(simple.vertices), np.asarray(simple.triangles, np.int64)
    raise InputError(f"{_FAILED}: it would not be closed; {_REMEDY}.")


def _largest_body(vertices, triangles):
    bodies, _, areas = open3d_mesh(vertices, triangles).cluster_connected_triangles()
    vertices, triangles = without_unused(vertices, triangles[np.asarray(bodies) == int(np.argmax(areas))])
    if enclosed_volume(vertices, triangles) < 0:
        triangles = triangles[:, ::-1]
    return vertices, triangles
