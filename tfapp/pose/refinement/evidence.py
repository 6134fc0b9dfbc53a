"""What a depth image says for and against a part at a pose, as pictures to look points up in."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, minimum_filter


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pictures of some scenes.

    Attributes:
        front: float32 `(scenes, height, width)`, metres, 0 where no part is: the smallest depth of a pixel and its
            eight neighbours. Nothing of a part is nearer to the camera; a pixel alone could not say so, as its ray may
            pass a part that fills the rest of the pixel.
        gap: float32 `(scenes, height, width)`, metres from a pixel to the nearest one of a part, beyond the first
            pixel and at the distance of the parts; 0 on parts, and where nothing was measured, which says nothing.
        nearest: float32 `(scenes, height, width, 3)`, the point that was measured at the nearest pixel of a part.
    """

    front: np.ndarray
    gap: np.ndarray
    nearest: np.ndarray

    def __len__(self):
        return len(self.front)

    def select(self, chosen):
        """Return the pictures of some scenes, by their numbers."""
        return Evidence(self.front[chosen], self.gap[chosen], self.nearest[chosen])


def evidence_of(parts, cameras, measured=None):
    """Return the `Evidence` of scenes.

    Args:
        parts: `(scenes, height, width)`, depth of the parts alone in metres, 0 elsewhere; each shows some.
        cameras: `Camera` of each scene.
        measured: bool of this shape, the pixels where something was measured, a part or what is behind; all if None.
    """
    parts = np.asarray(parts, np.float32)
    front, gap, nearest = np.zeros_like(parts), np.zeros_like(parts), np.zeros((*parts.shape, 3), np.float32)
    for scene, (depth, camera) in enumerate(zip(parts, cameras, strict=True)):
        shown, rays = depth > 0, camera.rays().astype(np.float32)
        away, (rows, columns) = distance_transform_edt(~shown, return_indices=True)
        # A part may reach to the far border of the next pixel.
        gap[scene] = np.maximum(away - 1, 0) * np.median(depth[shown]) / np.sqrt(camera.fx * camera.fy)
        nearest[scene] = (rays * depth[..., None])[rows, columns]
        front[scene] = np.where(shown, minimum_filter(np.where(shown, depth, np.inf), 3), 0)
    if measured is not None:
        gap[~np.asarray(measured)] = 0
    return Evidence(front, gap, nearest)
