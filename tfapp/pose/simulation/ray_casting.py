"""Depth and labels of parts in a bin, by ray casting (Open3D)."""

import itertools
from dataclasses import dataclass

import numpy as np

from tfapp.pose.libraries import import_open3d
from tfapp.pose.simulation.parts import bin_mesh

# Of the camera's distance: how far from zero the height of a point of the floor may be.
_FLAT = 1e-5


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a camera sees.

    Attributes:
        depth: float32 (height, width) in metres along the optical axis; 0 where no ray meets anything.
        labels: uint8 (height, width): 1..N where an instance is seen, else 0.
    """

    depth: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Hits:
    """What rays meet first.

    Attributes:
        distance: float32 (height, width), in lengths of each ray's direction; infinite where nothing is met.
        labels: uint8 (height, width): 1..N where an instance is met, else 0.
        cosine: float32 (height, width) in [0, 1], of the angle between ray and surface normal; 0 where nothing is met.
    """

    distance: np.ndarray
    labels: np.ndarray
    cosine: np.ndarray


class DepthCaster:
    """Casts the rays of a camera at copies of a part in a bin.

    The search trees of the part and of the bin are built once: rays are moved into the frame of what they may meet,
    instead of shapes into the frame of the camera. A ray keeps z = 1 in the camera's frame, so that its parameter at a
    hit is the depth in every frame.

    Args:
        part: `Part`.
        half_width: Of the bin's floor, in metres.
        camera: `Camera`.
    """

    def __init__(self, part, half_width, camera):
        self._open3d = import_open3d()
        self._camera = camera
        self._rays = camera.rays()
        self._part = self._tree(part.vertices, part.triangles)
        self._bin = self._tree(*bin_mesh(half_width))
        bounds = part.vertices.min(axis=0), part.vertices.max(axis=0)
        self._bin_key = self._bin_seen = None
        self._corners = np.array(list(itertools.product(*zip(*bounds, strict=True))))

    def cast(self, bin_pose, rotations, translations) -> Rendering:
        """Return what the camera sees.

        Args:
            bin_pose: Rotation (3, 3) and translation (3,) in metres from the bin into the frame of the camera.
            rotations: (N, 3, 3), from the part into the frame of the camera.
            translations: (N, 3) in metres.
        """
        depth = self._bin_depth(*bin_pose).copy()
        labels = np.zeros(depth.shape, np.uint8)
        for label, pose in enumerate(zip(rotations, translations, strict=True), start=1):
            window = self._window(*pose)
            found = self._depth(self._part, self._rays[window], *pose)
            nearer = found < depth[window]
            depth[window][nearer] = found[nearer]
            labels[window][nearer] = label
        return Rendering(np.where(np.isfinite(depth), depth, np.float32(0)), labels)

    def meet(self, rays, scene, origin=(0.0, 0.0, 0.0)) -> Hits:
        """Return what any rays from one point meet.

        Args:
            rays: (height, width, 3), directions in the frame of the camera.
            scene: `bin_pose`, `rotations` and `translations` as of `cast`.
            origin: Where the rays begin, in metres in the frame of the camera.
        """
        bin_pose, rotations, translations = scene
        shape = rays.shape[:2]
        hits = Hits(
            np.full(shape, np.inf, np.float32), np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
        )
        trees = [self._bin] + [self._part] * len(rotations)
        poses = [bin_pose, *zip(rotations, translations, strict=True)]
        for label, (tree, pose) in enumerate(zip(trees, poses, strict=True)):
            found, normals, moved = self._hits(tree, rays, *pose, origin)
            nearer = found < hits.distance
            hits.distance[nearer] = found[nearer]
            hits.labels[nearer] = label
            across = np.abs((normals * moved).sum(-1))
            lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(moved, axis=-1)
            hits.cosine[nearer] = (across / np.maximum(lengths, 1e-12))[nearer]
        return hits

    def floor(self, bin_pose):
        """Return bool (height, width): where the camera sees the floor of the bin while it is empty."""
        rotation, translation = bin_pose
        depth = self._bin_depth(rotation, translation)
        seen = np.isfinite(depth)
        points = self._rays[seen] * depth[seen, None]
        height = ((points - translation) @ rotation)[:, 2]
        floor = np.zeros(depth.shape, bool)
        # Walls begin at the floor, whose own points are that near to zero.
        floor[seen] = np.abs(height) < _FLAT * np.linalg.norm(translation)
        return floor

    def _bin_depth(self, rotation, translation):
        """Return the depth of the bin alone: cast once for all scenes that are seen from above."""
        key = rotation.tobytes(), translation.tobytes()
        if key != self._bin_key:
            self._bin_key = key
            self._bin_seen = self._depth(self._bin, self._rays, rotation, translation)
        return self._bin_seen

    def _tree(self, vertices, triangles):
        scene = self._open3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(vertices.astype(np.float32), triangles.astype(np.uint32))
        return scene

    def _depth(self, tree, rays, rotation, translation):
        """Return float32 (height, width), infinite where nothing is met, of rays in the frame of the camera."""
        return self._cast(tree, rays, rotation, -translation)[0]["t_hit"].numpy()

    def _hits(self, tree, rays, rotation, translation, origin):
        """Return as `_depth` how far, and in the frame of the tree the normals and the directions, (..., 3)."""
        found, moved = self._cast(tree, rays, rotation, np.asarray(origin) - translation)
        return found["t_hit"].numpy(), found["primitive_normals"].numpy(), moved[..., 3:]

    def _cast(self, tree, rays, rotation, start):
        moved = np.empty((*rays.shape[:2], 6), np.float32)
        moved[..., :3] = start @ rotation
        moved[..., 3:] = rays @ rotation
        return tree.cast_rays(self._open3d.core.Tensor(moved), nthreads=1), moved

    def _window(self, rotation, translation):
        """Return the part of the picture outside which the box around a posed part is not seen."""
        seen = self._camera.project(self._corners @ rotation.T + translation)
        (left, top), (right, bottom) = np.floor(seen.min(axis=0)), np.ceil(seen.max(axis=0))
        limits = self._camera.height, self._camera.width
        edges = ((top, bottom), (left, right))
        return tuple(
            slice(*np.clip(edge, 0, limit).astype(int)) for edge, limit in zip(edges, limits, strict=True)
        )
