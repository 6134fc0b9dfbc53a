"""Best constant frame: where the learned model would have to lie on the part for the poses to be as right as can be.

Errors of poses hold an error of the registration, which turns all of them alike. The frame that fits the true poses
best, whatever the shapes, leaves that out: what is left is of the poses themselves.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.evaluation.frames import ModelFrame

# Instances that are fitted, and those of them whose frame is tried as a start.
_MOST, _STARTS = 600, 100
_STEPS = 50
# Radians and metres below which a weight no longer grows.
_LEAST_ANGLE, _LEAST_LENGTH = 1e-3, 1e-5


def best_frame(poses, true, symmetries) -> ModelFrame:
    """Return the frame with the smallest mean rotation error and, among those, the smallest mean translation error.

    The rotation is a geodesic median over the symmetries: the best of the frames of single instances, improved by
    Weiszfeld's algorithm (R. Hartley and others, *L1 rotation averaging using the Weiszfeld algorithm*, 2011). So a
    minority of instances that are turned end for end does not pull it off.

    Args:
        poses: Of each scene (rotations (N, 3, 3), translations (N, 3), reflected bool (N,)) of the learned model, in
            the order of the true instances.
        true: Of each scene (rotations (N, 3, 3), translations (N, 3)) of the CAD model, metres.
        symmetries: `Symmetries` of the part.
    """
    rotation, translation, reflected = (np.concatenate(parts) for parts in zip(*poses, strict=True))
    true_rotation, true_translation = (np.concatenate(parts) for parts in zip(*true, strict=True))
    chosen = np.random.default_rng(0).permutation(len(rotation))[:_MOST]
    signs = np.where(reflected[chosen], -1.0, 1.0)[:, None, None]
    back = np.swapaxes(true_rotation[chosen], 1, 2)
    # The frame that would make the pose of each instance right.
    own = signs * (back @ rotation[chosen])
    matrix = _median_rotation(own, symmetries)
    placed = signs * rotation[chosen] @ matrix.T
    shifts = np.swapaxes(placed, 1, 2) @ (translation - true_translation)[chosen][..., None]
    sign = -1.0 if np.linalg.det(matrix) < 0 else 1.0
    return ModelFrame(sign * matrix, _median_point(shifts[..., 0]), sign < 0)


def _median_rotation(own, symmetries):
    """Return the orthogonal matrix with the smallest mean angle to matrices (n, 3, 3), over the symmetries."""
    best, least = None, np.inf
    for start in own[:_STARTS]:
        error = _mean_angle(own, start, symmetries)
        if error < least:
            best, least = start, error
    matrices = symmetries.all_matrices()
    matrix = best
    for _ in range(_STEPS):
        turns = _nearest_turns(own @ matrix.T, matrices)
        weights = 1 / np.maximum(np.linalg.norm(turns, axis=1), _LEAST_ANGLE)
        matrix = Rotation.from_rotvec(weights @ turns / weights.sum()).as_matrix() @ matrix
    return matrix if _mean_angle(own, matrix, symmetries) < least else best


def _mean_angle(own, matrix, symmetries):
    relative = own @ matrix.T
    angles = symmetries.rotation_error(relative, np.broadcast_to(np.eye(3), relative.shape))
    # What is a mirror image is as wrong as can be.
    return np.where(np.isnan(angles), np.pi, angles).mean()


def _nearest_turns(relative, matrices):
    """Return the rotation vectors (k, 3) of matrices (n, 3, 3), of each after the symmetry that makes it smallest."""
    traces = np.einsum("sab,nab->ns", matrices, relative)
    proper = np.linalg.det(matrices)[None] * np.linalg.det(relative)[:, None] > 0
    traces = np.where(proper, traces, -np.inf)
    known = np.isfinite(traces).any(axis=1)
    nearest = matrices[traces[known].argmax(axis=1)]
    return Rotation.from_matrix(np.swapaxes(nearest, 1, 2) @ relative[known]).as_rotvec()


def _median_point(points):
    """Return the point with the smallest mean distance to points (n, 3), by Weiszfeld's algorithm."""
    point = np.median(points, axis=0)
    for _ in range(_STEPS):
        weights = 1 / np.maximum(np.linalg.norm(points - point, axis=1), _LEAST_LENGTH)
        point = weights @ points / weights.sum()
    return point
