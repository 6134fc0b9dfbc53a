"""Grasps of an object model, in its own frame: what they are, and those that its symmetries make of them."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.evaluation.cad_surface import CadSurface

# Points of the surface that stand for it in tests of collision.
DENSE = 6000
# Of a voxel of the model: how far away normals count to the mean at a point.
_SMOOTHED = 1.5


@dataclass(frozen=True, eq=False)
class Candidates:
    """Grasps, best first.

    Attributes:
        rotation: float64 `(n, 3, 3)`, from the frame of the gripper into that of the model.
        translation: float64 `(n, 3)`, where the part is held, metres.
        width: float64 `(n,)`, between the contacts, metres; 0 for a cup.
        quality: float64 `(n,)`, from 0 to 1.
    """

    rotation: np.ndarray
    translation: np.ndarray
    width: np.ndarray
    quality: np.ndarray

    def __len__(self):
        return len(self.quality)

    def select(self, chosen):
        """Return those of these positions."""
        return Candidates(
            *(one[chosen] for one in (self.rotation, self.translation, self.width, self.quality))
        )

    def sorted(self):
        """Return them with the best first."""
        return self.select(np.argsort(-self.quality, kind="stable"))

    def with_symmetries(self, symmetries):
        """Return each of them carried along by every rotation of `ModelSymmetries`, best first."""
        count = len(symmetries.rotations)
        moved = symmetries.moved(self.translation)
        turned = symmetries.rotations[:, None] @ self.rotation
        return Candidates(
            turned.reshape(-1, 3, 3),
            moved.reshape(-1, 3),
            np.tile(self.width, count),
            np.tile(self.quality, count),
        ).sorted()


class SampledSurface:
    """Points of a closed surface with normals that are means of their neighbourhood, and what rays meet of it.

    Args:
        surface: `ModelSurface`.
        seed: Of the points.

    Attributes:
        points, normals: float64 `(DENSE, 3)`, metres and unit vectors out of the part.
        area: Of the surface, square metres.
        extent: Largest side of its bounding box, metres.
        centre: float64 `(3,)`, centre of mass of the body.
    """

    def __init__(self, surface, seed=0):
        mesh = CadSurface(surface.vertices, surface.triangles)
        self._scene, self._flat = mesh.ray_casting_scene(), _normals(surface.vertices, surface.triangles)
        self.points, self.area, self.extent = mesh.sample(DENSE, seed), mesh.area, mesh.extent
        self.centre = _centre(surface.vertices, surface.triangles)
        nearest = self._scene.compute_closest_points(self.points.astype(np.float32))["primitive_ids"].numpy()
        self._own = self._flat[nearest]
        self._tree, self._radius = cKDTree(self.points), _SMOOTHED * surface.voxel
        self.normals = self.normals_at(self.points, self._own)

    def normals_at(self, points, near):
        """Return the mean normals `(n, 3)` around points, of those sides that face as `near` `(n, 3)` does."""
        found = near.copy()
        for place, others in enumerate(self._tree.query_ball_point(points, self._radius)):
            normals = self._own[others]
            mean = normals[normals @ near[place] > 0.5].sum(0)
            length = np.linalg.norm(mean)
            if length > 0:
                found[place] = mean / length
        return found

    def first_hits(self, origins, directions):
        """Return how far rays go until they meet the surface, `(n,)`, infinite where they do not."""
        rays = np.concatenate([origins, directions], -1).astype(np.float32)
        return self._scene.cast_rays(rays)["t_hit"].numpy().astype(np.float64)

    def exits(self, origins, directions):
        """Return (number of the ray, how far, flat normal `(k, 3)`) of every place where a ray leaves the body."""
        rays = np.concatenate([origins, directions], -1).astype(np.float32)
        hits = {name: one.numpy() for name, one in self._scene.list_intersections(rays).items()}
        number = hits["ray_ids"].astype(int)
        normals = self._flat[hits["primitive_ids"]]
        leaves = (normals * directions[number]).sum(1) > 0
        return number[leaves], hits["t_hit"][leaves].astype(np.float64), normals[leaves]


def _normals(vertices, triangles):
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def _centre(vertices, triangles):
    """Return the centre of mass of a closed body: the mean of tetrahedra to the origin, by their signed volume."""
    corners = vertices[triangles] - vertices.mean(0)
    volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    return vertices.mean(0) + (volumes[:, None] * corners.sum(1) / 4).sum(0) / volumes.sum()


def balance(levers, extent):
    """Return 1 where a part is held at its centre of mass, falling to 0 at half of its extent beside it."""
    return np.clip(1 - levers / (extent / 2), 0, 1)
