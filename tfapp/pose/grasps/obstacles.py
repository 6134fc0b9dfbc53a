"""What a gripper must not touch in a scene: all that was measured, and what is hidden behind it."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.spatial import cKDTree

from tfapp.pose.grasps.grippers import box_surfaces

# A gripper may come as near to what was measured, metres.
_MARGIN = 0.001
# Points of a gripper are no nearer to each other than this, metres: of fine pictures several pixels are one then.
_STEP = 0.001
# A measured point belongs to a part whose model is within so many voxels.
_OWN = 1.5


@dataclass(frozen=True)
class Contact:
    """How a gripper stands in a scene.

    Attributes:
        free: Whether it touches nothing.
        unmeasured: Share of its surface in the picture where nothing was measured: what is there is not known.
    """

    free: bool
    unmeasured: float


class Obstacles:
    """All of a depth image, bin and other parts included.

    A point is taken if it lies behind what its pixel measured: what is there is solid, or hidden. Only behind the part
    that is grasped, which has a model, nothing is said to be. Beyond the picture, and where nothing was measured,
    nothing counts.

    Args:
        depth: `(height, width)`, metres; 0 where nothing was measured.
        camera: `Camera`.
        clouds: `(N, m, 3)`, the object model in the poses of the parts, metres in the camera's frame.
        voxel: Distance of neighbouring points of the model, metres.
        floor: Normal and distance as of `floor_plane`; what is below is taken too. None where it is not known.
    """

    def __init__(self, depth, camera, clouds, voxel, floor=None):
        self._camera, self._floor = camera, floor
        points, pixels = camera.back_project(depth)
        self._tree = cKDTree(points)
        # Of a pixel where the parts are; so far apart are the points of a gripper.
        self._pixel = float(np.median(clouds[..., 2])) / min(camera.fx, camera.fy)
        self._step = max(self._pixel, _STEP)
        self._voxel = voxel
        self._taken = []
        for cloud in clouds:
            own = cKDTree(cloud).query(points, distance_upper_bound=_OWN * voxel)[0] < np.inf
            self._taken.append(self._limits(points[~own, 2], pixels[~own], depth.shape))
        self._measured = np.isfinite(depth) & (depth > 0)

    def contact(self, instance, rotation, translation, boxes):
        """Return the `Contact` of a gripper.

        Args:
            instance: Position of the part that it grasps.
            rotation, translation: `(3, 3)` and `(3,)` in metres, from the gripper's frame into the camera's.
            boxes: `(k, 2, 3)`, as of the grippers.
        """
        points = box_surfaces(boxes, self._step) @ rotation.T + translation
        if self._floor is not None and (points @ self._floor[0] + self._floor[1] < _MARGIN).any():
            return Contact(False, 0.0)
        points = points[points[:, 2] > 0]
        columns, rows = np.floor(self._camera.project(points)).astype(int).T
        seen = (columns >= 0) & (columns < self._camera.width) & (rows >= 0) & (rows < self._camera.height)
        places = rows[seen], columns[seen]
        if (points[seen, 2] > self._taken[instance][places] - _MARGIN).any():
            return Contact(False, 0.0)
        return Contact(True, float((~self._measured[places]).mean()) if seen.any() else 1.0)

    def is_shown(self, place):
        """Return whether a point `(3,)` of a part was measured itself, up to the distance of points."""
        return bool(self._tree.query(place)[0] < self._pixel + self._voxel)

    def _limits(self, depths, pixels, shape):
        """Return the depth (height, width) behind which each pixel is taken, infinite where it is not."""
        limits = np.full(shape, np.inf)
        limits[tuple(pixels.T)] = depths
        # Where points of a gripper are farther apart than pixels, each stands for those around it.
        size = 2 * int(np.ceil((self._step / self._pixel - 1) / 2)) + 1
        return minimum_filter(limits, size, mode="nearest") if size > 1 else limits
