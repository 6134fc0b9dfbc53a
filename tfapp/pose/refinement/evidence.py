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
        behind: float32 `(scenes, height, width)`, metres: what was measured where no part is, 0 elsewhere. A part that
            stands in front of it would have been seen; one behind it may be there.
        nearest: float32 `(scenes, height, width, 3)`, the point that was measured at the nearest pixel of a part.
    """

    front: np.ndarray
    gap: np.ndarray
    behind: np.ndarray
    nearest: np.ndarray

    def __len__(self):
        return len(self.front)

    def select(self, chosen):
        """Return the pictures of some scenes, by their numbers."""
        return Evidence(self.front[chosen], self.gap[chosen], self.behind[chosen], self.nearest[chosen])


# The difference of a value and the mean of four others, all of one spread, exceeds this many spreads half of the time.
_MEDIAN_DIFFERENCE = 0.6745 * np.sqrt(1.25)


def noise_of(depth):
    """Return the spread of the noise of parts in metres: of a pixel against the mean of its four neighbours.

    What bends between neighbouring pixels counts as well: it is an upper bound.

    Args:
        depth: `(height, width)`, depth of the parts alone in metres, 0 elsewhere.

    Returns:
        The spread (standard deviation); 0 where no pixel has four neighbours on a part.
    """
    depth = np.asarray(depth, np.float64)
    middle = depth[1:-1, 1:-1]
    around = np.stack([depth[:-2, 1:-1], depth[2:, 1:-1], depth[1:-1, :-2], depth[1:-1, 2:]])
    inside = (middle > 0) & (around > 0).all(0)
    if not inside.any():
        return 0.0
    return float(np.median(np.abs(middle - around.mean(0))[inside]) / _MEDIAN_DIFFERENCE)


def evidence_of(parts, cameras, measured=None):
    """Return the `Evidence` of scenes.

    Args:
        parts: `(scenes, height, width)`, depth of the parts alone in metres, 0 elsewhere; each shows some.
        cameras: `Camera` of each scene.
        measured: Depth of everything, of this shape, in metres, 0 where nothing was measured; None for something far
            behind the parts wherever they are not.
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
    behind = np.where(parts > 0, 0, np.inf if measured is None else measured).astype(np.float32)
    gap[(parts == 0) & (behind == 0)] = 0
    return Evidence(front, gap, behind, nearest)
