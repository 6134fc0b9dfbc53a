"""The surface of a part's CAD model: points on it and distances to it."""

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.evaluation.point_checks import check_points
from tfapp.pose.libraries import import_open3d


class CadSurface:
    """The surface of a triangle mesh.

    Args:
        vertices: (v, 3), metres.
        triangles: Whole numbers (t, 3), indices of vertices.

    Attributes:
        extent: Largest side of the bounding box, metres.

    Raises:
        InputError: Wrong shapes, vertices that are not finite, indices of no vertex, or no area.
    """

    def __init__(self, vertices, triangles):
        self.vertices = check_points("vertices", vertices, least=3)
        self.triangles = _check_triangles(triangles, len(self.vertices))
        self.extent = float(np.ptp(self.vertices[self.triangles].reshape(-1, 3), axis=0).max())
        self._areas = _areas(self.vertices[self.triangles])
        if not self._areas.sum() > 0:
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

    def distance(self, points) -> np.ndarray:
        """Return the distance of each point (n, 3) to the surface in metres, float64 (n,), exact to float32."""
        scene = self.ray_casting_scene()
        return scene.compute_distance(np.asarray(points, np.float32)).numpy().astype(np.float64)

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
