"""Surface of a part's CAD model: points on it and distances to it."""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.libraries import import_open3d

# Rays from each point that say whether it is inside, and the share of points about which they may disagree: rays
# meet edges, and meshes have small holes.
_DIRECTIONS, _UNSURE = 5, 0.05
_FEWEST_TRIED, _MOST_ROUNDS = 2000, 50


class CadSurface:
    """The surface of a triangle mesh.

    Args:
        vertices: (v, 3), metres.
        triangles: Whole numbers (t, 3), indices of vertices.

    Attributes:
        extent: Largest side of the bounding box, metres.
        area: Of the surface, square metres.

    Raises:
        InputError: Wrong shapes, vertices that are not finite, indices of no vertex, or no area.
    """

    def __init__(self, vertices, triangles):
        self.vertices = check_points("vertices", vertices, least=3)
        self.triangles = _check_triangles(triangles, len(self.vertices))
        self.extent = float(np.ptp(self.vertices[self.triangles].reshape(-1, 3), axis=0).max())
        self._areas = _areas(self.vertices[self.triangles])
        self.area = float(self._areas.sum())
        if not self.area > 0:
            raise InputError("A mesh must have a surface. Received: triangles without any area.")

    def sample(self, count, seed=0) -> np.ndarray:
        """Return points that are uniform on the surface by area, float64 (count, 3).

        Osada, Funkhouser, Chazelle, Dobkin, *Shape Distributions*, 2002, equation 1.
        """
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(self.triangles), count, p=self._areas / self._areas.sum())
        a, b, c = np.moveaxis(self.vertices[self.triangles[chosen]], 1, 0)
        root, share = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
        return (1 - root) * a + root * (1 - share) * b + root * share * c

    def sample_inside(self, count, seed=0) -> np.ndarray | None:
        """Return points that are uniform in the solid that the surface encloses, float64 (count, 3).

        Returns:
            The points; None where the surface encloses nothing, because it is open or flat.
        """
        rng = np.random.default_rng(seed)
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        found, missing = [], count
        for _ in range(_MOST_ROUNDS):
            inside = self._inside(rng.uniform(low, high, (max(4 * count, _FEWEST_TRIED), 3)), rng)
            if inside is None:
                return None
            found.append(inside[:missing])
            missing -= len(found[-1])
            if not missing:
                return np.concatenate(found)
        return None

    def _inside(self, points, rng):
        """Return those of the points (n, 3) that lie inside; None if the surface is not closed.

        From inside, a ray leaves the surface more often than it enters it, whatever its direction: so overlapping
        shells are one solid. Directions disagree about what an open surface encloses.
        """
        scene, votes = self.ray_casting_scene(), np.zeros(len(points), np.int64)
        normals = np.cross(*np.diff(self.vertices[self.triangles], axis=1).transpose(1, 0, 2))
        for _ in range(_DIRECTIONS):
            direction = rng.normal(size=3)
            rays = np.concatenate([points, np.broadcast_to(direction, points.shape)], axis=1)
            hits = scene.list_intersections(rays.astype(np.float32))
            leaving = np.sign(normals[hits["primitive_ids"].numpy()] @ direction)
            crossings = np.bincount(hits["ray_ids"].numpy(), leaving, minlength=len(points))
            votes += crossings.round() != 0
        unsure = (votes > 0) & (votes < _DIRECTIONS)
        if unsure.mean() > _UNSURE:
            return None
        return points[votes > _DIRECTIONS / 2]

    def distance(self, points) -> np.ndarray:
        """Return the distance of each point (n, 3) to the surface in metres, float64 (n,), exact to float32."""
        scene = self.ray_casting_scene()
        return scene.compute_distance(np.asarray(points, np.float32)).numpy().astype(np.float64)

    def nearest(self, points) -> np.ndarray:
        """Return the point of the surface that is nearest to each point (n, 3), float64 (n, 3), exact to float32."""
        found = self.ray_casting_scene().compute_closest_points(np.asarray(points, np.float32))
        return found["points"].numpy().astype(np.float64)

    def ray_casting_scene(self):
        """Return Open3D's `RaycastingScene` that holds the mesh."""
        scene = import_open3d().t.geometry.RaycastingScene()
        scene.add_triangles(self.vertices.astype(np.float32), self.triangles.astype(np.uint32))
        return scene


def _check_triangles(triangles, num_vertices):
    triangles = np.asarray(triangles)
    if triangles.ndim != 2 or triangles.shape[1] != 3 or not len(triangles):
        raise InputError(
            f"`triangles` must have the shape (triangles, 3), one at least. Received: shape {triangles.shape}."
        )
    if triangles.min() < 0 or triangles.max() >= num_vertices:
        raise InputError(
            f"`triangles` must be indices from 0 to {num_vertices - 1}. "
            f"Received: {triangles.min()} to {triangles.max()}."
        )
    return triangles.astype(np.int64)


def _areas(corners):
    a, b, c = np.moveaxis(corners, 1, 0)
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def check_points(name, points, least=1):
    """Return points as float64 (n, 3).

    Args:
        name: What they are, for the message.
        points: Array-like.
        least: How many are needed.

    Raises:
        InputError: Another shape, fewer points, or a coordinate that is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"`{name}` must have the shape (points, 3). Received: shape {points.shape}.")
    if len(points) < least:
        expected = "one point" if least == 1 else f"{least} points"
        raise InputError(f"`{name}` must hold at least {expected}. Received: {len(points)}.")
    num_wrong = np.count_nonzero(~np.isfinite(points).all(axis=1))
    if num_wrong:
        raise InputError(
            f"`{name}` must be finite. Received: NaN or inf in {num_wrong} of {len(points)} points."
        )
    return points


def check_visible(visible, shape):
    """Return a mask as bool of this shape, all true for None; InputError for another shape or an empty mask."""
    if visible is None:
        return np.ones(shape, bool)
    visible = np.asarray(visible, bool)
    if visible.shape != shape:
        raise InputError(f"`visible` must have the shape {shape}. Received: shape {visible.shape}.")
    if not visible.any():
        raise InputError("`visible` must leave at least one point. Received: none visible.")
    return visible


def check_labels(name, labels, count=None):
    """Return labels as int64 (n,); InputError unless they are whole numbers, at least one and `count` in all."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"`{name}` must be whole numbers of the shape (points,). "
            f"Received: {labels.dtype} of shape {labels.shape}."
        )
    if not len(labels) or (count is not None and len(labels) != count):
        expected = "at least one label" if count is None else f"{count} labels"
        raise InputError(f"`{name}` must hold {expected}. Received: {len(labels)}.")
    return labels.astype(np.int64)
