"""What a depth image says for and against a part at a pose, as pictures to look points up in."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, minimum_filter


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pictures of some scenes.

    Attributes:
        depth: float32 `(scenes, height, width)`, metres, 0 where no part is: the nearest that was measured in a pixel
            or one of its eight neighbours, as a point may belong to the part of the next pixel.
        gap: float32 `(scenes, height, width)`, metres from the ray of a pixel to the nearest ray that meets a part, at
            the distance of the parts; 0 on parts, and where nothing was measured, which says nothing.
        nearest: float32 `(scenes, height, width, 3)`, the point that was measured at the nearest pixel of a part.
    """

    depth: np.ndarray
    gap: np.ndarray
    nearest: np.ndarray

    def __len__(self):
        return len(self.depth)


def evidence_of(parts, camera, measured=None):
    """Return the `Evidence` of scenes.

    Args:
        parts: `(scenes, height, width)`, depth of the parts alone in metres, 0 elsewhere; each shows some.
        camera: `Camera`.
        measured: bool of this shape, the pixels where something was measured, a part or what is behind; all if None.
    """
    parts = np.asarray(parts, np.float32)
    front, gap, nearest = np.empty_like(parts), np.empty_like(parts), np.empty((*parts.shape, 3), np.float32)
    rays = camera.rays().astype(np.float32)
    for scene, depth in enumerate(parts):
        away, (rows, columns) = distance_transform_edt(depth <= 0, return_indices=True)
        # A part may reach to the border of the next pixel.
        gap[scene] = np.maximum(away - 1, 0) * np.median(depth[depth > 0]) / np.sqrt(camera.fx * camera.fy)
        nearest[scene] = (rays * depth[..., None])[rows, columns]
        lowest = minimum_filter(np.where(depth > 0, depth, np.inf), 3)
        front[scene] = np.where(depth > 0, lowest, 0)
    if measured is not None:
        gap[~np.asarray(measured)] = 0
    return Evidence(front, gap, nearest)
