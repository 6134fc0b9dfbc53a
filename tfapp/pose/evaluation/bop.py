"""Average recall by MSSD and MSPD, as the BOP challenge defines them.

T. Hodaň and others, *BOP Challenge 2020 on 6D Object Localization*, 2020, section 2. Its third error, VSD, which needs
a tolerance of the sensor, is left out, so that the mean of the two is not its AR.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from tfapp.pose.evaluation.pose_errors import projection_errors, surface_errors

# Share of an instance's silhouette that must be seen, or it is no target.
LEAST_VISIBLE = 0.1
_STEPS = np.arange(1, 11)
_SURFACE_STEP = 0.05  # of the part's diameter
_PIXEL_STEP, _WIDTH = 5.0, 640  # pixels, in an image of this width
# Coordinates that are held at a time.
_AT_A_TIME = 2_000_000


class BopScores:
    """Scores poses of one part.

    Args:
        vertices: (v, 3), of the CAD model, metres.
        symmetries: `Symmetries` of the part.
    """

    def __init__(self, vertices, symmetries):
        vertices = np.asarray(vertices, np.float64)
        # The distance of two images of a point is convex in the point: the farthest vertex is one of the hull. In
        # pictures it is nearly so: of the meshes of T-LESS at half a metre MSPD is smaller by 0.05 % at most.
        self._vertices = _hull(vertices)
        self._symmetries = symmetries
        self.diameter = float(pdist(self._vertices).max())

    def thresholds(self, camera):
        """Return, from "mssd" and "mspd", their ten thresholds: metres, and pixels of a `Camera`."""
        pixels = _PIXEL_STEP * camera.width / _WIDTH
        return {"mssd": _SURFACE_STEP * self.diameter * _STEPS, "mspd": pixels * _STEPS}

    def recalls(self, estimated: Sequence, true: Sequence, targets: Sequence, cameras: Sequence) -> dict:
        """Return the average recall over all targets of all scenes.

        Args:
            estimated: Of each scene (rotations (n, 3, 3), translations (n, 3)) of the CAD model, metres.
            true: Of each scene (rotations (N, 3, 3), translations (N, 3)).
            targets: Of each scene bool (N,): which true instances are to be found.
            cameras: Of each scene its `Camera`.

        Returns:
            A dict of `targets`, their number, and `mssd_recall` and `mspd_recall`, each in [0, 1]: the mean over the
            thresholds of the share of targets that were found; None without a target.
        """
        count = int(sum(np.count_nonzero(one) for one in targets))
        found = {"targets": count}
        errors = self._errors(estimated, true, cameras)
        for name, of_scenes in errors.items():
            matched = sum(
                matches(pairs[:, valid], threshold)
                for pairs, valid, camera in zip(of_scenes, targets, cameras, strict=True)
                for threshold in self.thresholds(camera)[name]
            )
            found[f"{name}_recall"] = matched / (count * len(_STEPS)) if count else None
        return found

    def _errors(self, estimated, true, cameras):
        """Return, from "mssd" and "mspd", the errors (n, N) of all pairs in each scene."""
        errors = {"mssd": [], "mspd": []}
        # Scenes of one camera follow one another.
        for camera, scenes in groupby(zip(cameras, estimated, true, strict=True), key=lambda scene: scene[0]):
            _, ours, theirs = zip(*scenes, strict=True)
            for name, found in self._errors_of(ours, theirs, camera).items():
                errors[name] += found
        return errors

    def _errors_of(self, estimated, true, camera):
        """Return the same of scenes of one camera."""
        shapes = [(len(ours[0]), len(theirs[0])) for ours, theirs in zip(estimated, true, strict=True)]
        scenes = [_pairs(ours, theirs) for ours, theirs in zip(estimated, true, strict=True)]
        pairs = [np.concatenate(arrays) for arrays in zip(*scenes, strict=True)]
        errors = {"mssd": [], "mspd": []}
        step = max(1, _AT_A_TIME // len(self._vertices))
        # Many scenes at a time, as an axis of symmetry stands for hundreds of matrices.
        for first in range(0, len(pairs[0]), step):
            *ours, true_rotation, true_translation = (array[first : first + step] for array in pairs)
            both = ours, (true_rotation, true_translation)
            errors["mssd"].append(surface_errors(*both, self._vertices, self._symmetries))
            errors["mspd"].append(projection_errors(*both, self._vertices, self._symmetries, camera))
        return {name: _cut(np.concatenate(parts), shapes) for name, parts in errors.items()}


def _pairs(ours, theirs):
    """Return the rotations and translations of each estimate beside those of each true pose, row by row."""
    rows, columns = np.indices((len(ours[0]), len(theirs[0]))).reshape(2, -1)
    return *(part[rows] for part in ours), *(part[columns] for part in theirs)


def _cut(values, shapes):
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)]


def matches(errors, threshold) -> int:
    """Return how many targets are found: each estimate takes the free target with the smallest error below a threshold.

    BOP lets estimates choose in the order of their confidence. Ours have none, and choose in the order they come in.

    Args:
        errors: (n, N), of each estimate to each target.
        threshold: Errors must be smaller.
    """
    free = np.ones(errors.shape[1], bool)
    for row in errors:
        below = np.where(free & (row < threshold), row, np.inf)
        if len(below) and np.isfinite(best := below.min()):
            free[np.argmax(below == best)] = False
    return int(np.count_nonzero(~free))


def _hull(vertices):
    """Return the vertices of the convex hull; of a flat part all, as it has none."""
    try:
        return vertices[ConvexHull(vertices).vertices]
    except (QhullError, ValueError):
        return vertices
