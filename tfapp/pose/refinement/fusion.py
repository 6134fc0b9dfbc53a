"""Object model from what the best placed instances show of it."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.placement import CAP, observed_in
from tfapp.pose.refinement.scene_set import LEAST_POINTS
from tfapp.pose.refinement.thinning import thinned

# Side of a voxel, as a share of the part's extent.
VOXEL = 0.03
# A surface is thick where the noise is more than this share of a voxel.
_THICK = 0.25
# A point that more of the instances contradict, as they see what is behind it, is none of the part.
CONTRADICTED = 0.1
# What is out of its place by less than this share of the cap may be noise.
_NOISE = 1 / 6
# A model shows a place if a point of it is within so many voxels.
_SHOWN = 1.5
_BATCH = 64


def fused_model(scenes, extent, *, share, least=2, more=(), noise=0.0):
    """Return the object points that the best placed instances show, `(m, 3)` in metres, in the frame of the model.

    Args:
        scenes: `SceneSet` whose instances are placed.
        extent: Largest extent of the part in metres.
        share: Share of the instances that count, those with the smallest residuals; three at least.
        least: Measured points that a voxel needs.
        more: Further clouds in the frame of the model that count.
        noise: Spread of the measured points about the surface, metres: what is thick by it is thinned.
    """
    best = best_instances(scenes, share)
    clouds = [scenes.local(scene, index, points) for scene, index, points in best]
    points = voxel_means([*clouds, *more], VOXEL * extent, least)
    if noise > _THICK * VOXEL * extent:
        points = voxel_means([thinned(points, np.concatenate(clouds), noise)], VOXEL * extent)
    kept = contradiction(scenes, best, points, extent) <= CONTRADICTED
    return points[kept] if kept.sum() >= LEAST_POINTS else points


def best_instances(scenes, share):
    """Return (scene, instance, points) of the share of placed instances with the smallest residuals, three at least."""
    placed = [one for one in scenes.instances(LEAST_POINTS) if np.isfinite(scenes.residual[one[0], one[1]])]
    order = np.argsort([scenes.residual[scene, index] for scene, index, _ in placed], kind="stable")
    return [placed[place] for place in order[: max(3, round(share * len(placed)))]]


def completed(points, moved, scenes, instances, extent):
    """Return a model with what its symmetries say of sides that were not shown, `(m, 3)` in metres.

    Args:
        points: `(m, 3)`, the model.
        moved: `(k, m, 3)`, the model carried along by each of its symmetries.
        scenes, instances, extent: As for `contradiction`.
    """
    voxel = VOXEL * extent
    # What was shown there itself is more exact.
    new = moved.reshape(-1, 3)
    new = new[cKDTree(points).query(new)[0] > _SHOWN * voxel]
    if not len(new):
        return points
    new = voxel_means([new], voxel)
    return np.concatenate([points, new[contradiction(scenes, instances, new, extent) <= CONTRADICTED]])


def voxel_means(clouds, voxel, least=1):
    """Return the mean of the points in each voxel that holds at least so many of them, float64 `(m, 3)`.

    Args:
        clouds: List of `(n, 3)`, metres.
        voxel: Side of a voxel in metres.
        least: Points that a voxel needs; one where hardly any voxel has as many.
    """
    points = np.concatenate(clouds)
    cells = np.floor(points / voxel).astype(np.int64)
    _, place, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(place.ravel(), points[:, axis]) for axis in range(3)], 1)
    full = counts >= least
    if full.sum() < LEAST_POINTS:
        full[:] = True
    return sums[full] / counts[full, None]


def contradiction(scenes, instances, points, extent, front=fitting.FRONT):
    """Return the share of instances that contradict each point of a model, `(m,)`: they see what is behind it.

    Args:
        scenes: `SceneSet`.
        instances: List of (scene, instance, measured points).
        points: `(m, 3)`, in the frame of the model.
        extent: Largest extent of the part in metres.
        front: As of `fitting.violations`.
    """
    cap, counts = CAP * extent, np.zeros(len(points))
    model_points = tf.constant(points, tf.float32)
    for first in range(0, len(instances), _BATCH):
        scene, index = np.array([one[:2] for one in instances[first : first + _BATCH]]).T
        out = _violations(
            observed_in(scenes, scene),
            model_points,
            tf.constant(scenes.rotation[scene, index], tf.float32),
            tf.constant(scenes.translation[scene, index], tf.float32),
            tf.constant(cap, tf.float32),
            front,
        )
        counts += (out.numpy() > _NOISE * cap).sum(0)
    return counts / max(len(instances), 1)


@tf.function(reduce_retracing=True, autograph=False)
def _violations(observed, points, rotation, translation, cap, front):
    return fitting.violations(observed, points, rotation, translation, cap, front)
