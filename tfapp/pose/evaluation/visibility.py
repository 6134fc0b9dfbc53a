"""Visible share of every instance: pixels where it is seen, of those that it would fill alone."""

import numpy as np

from tfapp.pose.libraries import import_open3d


class Silhouettes:
    """Counts the pixels that a posed part fills when nothing stands in front of it, those beyond the picture too.

    Args:
        surface: `CadSurface` of the part.
    """

    def __init__(self, surface):
        self._scene = surface.ray_casting_scene()
        low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
        self._corners = np.stack(np.meshgrid(*np.stack([low, high], 1)), -1).reshape(-1, 3)

    def pixels(self, rotation, translation, camera) -> int:
        """Return the number of pixels.

        Args:
            rotation: (3, 3), from the part into the frame of the camera.
            translation: (3,), metres.
            camera: `Camera`.
        """
        rays = _rays(self._corners @ rotation.T + translation, camera)
        # A part that moves is met by rays that move the other way.
        moved = np.empty((*rays.shape[:-1], 6), np.float32)
        moved[..., :3], moved[..., 3:] = -translation @ rotation, rays @ rotation
        hits = self._scene.cast_rays(import_open3d().core.Tensor(moved))["t_hit"].numpy()
        return int(np.count_nonzero(np.isfinite(hits)))

    def visible(self, labels, rotations, translations, camera) -> np.ndarray:
        """Return the visible share of each instance, float64 (N,) in [0, 1]; 0 of what is outside of the picture.

        Args:
            labels: (height, width): 0, or the number 1..N of the instance that is seen.
            rotations: (N, 3, 3), true ones.
            translations: (N, 3), metres.
            camera: `Camera`.
        """
        seen = np.bincount(np.ravel(labels), minlength=len(rotations) + 1)[1 : len(rotations) + 1]
        whole = [self.pixels(*pose, camera) for pose in zip(rotations, translations, strict=True)]
        # Rays along an edge may miss what the picture shows.
        return seen / np.maximum(np.maximum(whole, seen), 1)


def _rays(corners, camera):
    """Return rays (rows, columns, 3) of the pixels around what is seen, up to one picture beyond each edge."""
    size = np.array([camera.width, camera.height])
    low, high = -size, 2 * size
    if (corners[:, 2] > 0).all():
        seen = camera.project(corners)
        low = np.clip(np.floor(seen.min(axis=0)), low, high).astype(int)
        high = np.clip(np.ceil(seen.max(axis=0)), low, high).astype(int)
    x, y = (np.arange(first, last) + 0.5 for first, last in zip(low, high, strict=True))
    grid = np.meshgrid((x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy)
    return np.stack([*grid, np.ones_like(grid[0])], axis=-1)
