"""Depth and labels of parts in a bin, by ray casting (Open3D)."""

import itertools
from dataclasses import dataclass

import numpy as np

from tfapp.pose.libraries import import_open3d
from tfapp.pose.simulation.parts import bin_mesh


@dataclass(frozen=True, eq=False)
class Rendering:
    """What a camera sees.

    Attributes:
        depth: float32 (height, width) in metres along the optical axis; 0 where no ray meets anything.
        labels: uint8 (height, width): 1..N where an instance is seen, else 0.
    """

    depth: np.ndarray
    labels: np.ndarray


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
        moved = np.empty((*rays.shape[:2], 6), np.float32)
        moved[..., :3] = -translation @ rotation
        moved[..., 3:] = rays @ rotation
        return tree.cast_rays(self._open3d.core.Tensor(moved), nthreads=1)["t_hit"].numpy()

    def _window(self, rotation, translation):
        """Return the part of the picture outside which the box around a posed part is not seen."""
        seen = self._camera.project(self._corners @ rotation.T + translation)
        (left, top), (right, bottom) = np.floor(seen.min(axis=0)), np.ceil(seen.max(axis=0))
        limits = self._camera.height, self._camera.width
        edges = ((top, bottom), (left, right))
        return tuple(
            slice(*np.clip(edge, 0, limit).astype(int)) for edge, limit in zip(edges, limits, strict=True)
        )
