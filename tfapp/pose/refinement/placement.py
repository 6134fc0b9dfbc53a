"""Best pose of an object model for every instance: of many candidates the best go on to finer registration."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.nearest_field import NearestField
from tfapp.pose.refinement.scene_set import LEAST_POINTS

# Where residuals stop to grow, as a share of the part's extent: what is farther belongs to something else.
CAP = 0.12
# Instances that are worked on at a time.
_BATCH = 64
# Measured points of an instance that decide which candidates go on, and that the last steps use.
_FEW, _MANY = 64, 256
# Points of the model that are projected into the pictures.
_PROJECTED = 200
# Candidates that are refined by some steps, and those of them that are refined to the end.
_PROMISING, _FINAL = 12, 3
_FIRST_STEPS, _MIDDLE_STEPS, _LAST_STEPS = 4, 4, 6
# Poses that differ by less are the same minimum, in radians.
_SAME = np.radians(30)
# Neighbours that a normal is found from.
_NEIGHBOURS = 12


def model_of(points, extent, radius=0.0, seed=0):
    """Return the `fitting.Model` of object points.

    Args:
        points: `(m, 3)`, metres.
        extent: Largest extent of the part in metres.
        radius: Each point stands for a disc of this radius in metres, across the surface; 0 for the point alone.
        seed: Of the points that are projected into the pictures.
    """
    field = NearestField.of(points)
    # Few points are repeated, so that every model has the same shapes.
    few = np.resize(np.random.default_rng(seed).permutation(len(points)), _PROJECTED)
    return fitting.Model(
        points=tf.constant(field.points),
        index=tf.constant(field.index),
        shape=tf.constant(field.shape),
        origin=tf.constant(field.origin),
        voxel=tf.constant(field.voxel, tf.float32),
        normals=tf.constant(normals_of(points), tf.float32),
        radius=tf.constant(radius, tf.float32),
        few=tf.constant(field.points[few]),
        cap=tf.constant(CAP * extent, tf.float32),
    )


def normals_of(points):
    """Return unit normals `(m, 3)`, of either sign, of the surface that points `(m, 3)` lie on."""
    near = points[cKDTree(points).query(points, min(_NEIGHBOURS, len(points)))[1]].reshape(len(points), -1, 3)
    centred = near - near.mean(1, keepdims=True)
    return np.linalg.eigh(np.swapaxes(centred, 1, 2) @ centred)[1][..., 0]


def place(model, scenes, candidates, *, seed=0, same=None, advance=lambda count: None):
    """Give every instance of which enough is seen the best pose that is found, and set `residual` and `margin`.

    Args:
        model: `fitting.Model`.
        scenes: `SceneSet`, whose poses are replaced.
        candidates: A source of candidates, as of `tfapp.pose.refinement.candidates`.
        seed: Of the measured points that are drawn of large instances.
        same: Rotations `(k, 3, 3)` of the model that are its symmetries: poses that differ by them are one minimum.
        advance: Called with the number of instances that were placed since the last call.
    """
    scenes.residual[:], scenes.margin[:] = np.nan, np.nan
    chosen = scenes.instances(LEAST_POINTS)
    for first in range(0, len(chosen), _BATCH):
        batch = chosen[first : first + _BATCH]
        at = tuple(np.array([(scene, index) for scene, index, _ in batch]).T)
        found = _best_poses(model, batch, scenes, candidates, seed, same)
        scenes.rotation[at], scenes.translation[at], scenes.residual[at], scenes.margin[at] = found
        advance(len(batch))


def observed_in(scenes, numbers, points=None, weights=None):
    """Return `fitting.Observed` of instances.

    Args:
        scenes: `SceneSet`.
        numbers: Number of the scene of each instance.
        points, weights: As of `Observed`; None where only the pictures are looked at.
    """
    chosen, place_of = np.unique(numbers, return_inverse=True)
    evidence = scenes.evidence.select(chosen)
    return fitting.Observed(
        points=None if points is None else tf.constant(points, tf.float32),
        weights=None if weights is None else tf.constant(weights, tf.float32),
        scene=tf.constant(place_of, tf.int32),
        front=tf.constant(evidence.front),
        gap=tf.constant(evidence.gap),
        behind=tf.constant(evidence.behind),
        nearest=tf.constant(evidence.nearest),
        intrinsics=tf.constant(scenes.intrinsics[chosen], tf.float32),
    )


def alternatives(model, batch, scenes, candidates, seed=0):
    """Return the best few poses of each instance, other minima of its residual among them.

    Args:
        model, candidates, seed: As for `place`.
        batch: List of (scene, number, points `(n, 3)`); the numbers tell instances of one scene apart.
        scenes: `SceneSet`.

    Returns:
        Rotations float64 `(B, k, 3, 3)`, translations `(B, k, 3)` and residuals `(B, k)` in metres.
    """
    found = []
    for first in range(0, len(batch), _BATCH):
        some = batch[first : first + _BATCH]
        numbers = [scene for scene, _, _ in some]
        few, many = (observed_in(scenes, numbers, *_drawn(some, count, seed)) for count in (_FEW, _MANY))
        rotation, translation = (tf.constant(one, tf.float32) for one in candidates(some))
        found.append([one.numpy().astype(float) for one in _search(few, many, model, rotation, translation)])
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _best_poses(model, batch, scenes, candidates, seed, same):
    rotation, translation, total = alternatives(model, batch, scenes, candidates, seed)
    rows, best = np.arange(len(batch)), total.argmin(-1)
    same = np.eye(3)[None] if same is None else same
    alike = rotation[rows, best][:, None] @ same
    apart = _angle(np.swapaxes(alike, -1, -2)[:, :, None] @ rotation[:, None]).min(1) > _SAME
    runner_up = np.where(apart, total, np.inf).min(-1)
    found = total[rows, best]
    return rotation[rows, best], translation[rows, best], found, runner_up - found


def _drawn(batch, count, seed):
    points, weights = np.zeros((len(batch), count, 3)), np.zeros((len(batch), count))
    for row, (scene, index, own) in enumerate(batch):
        drawn = np.random.default_rng([seed, scene, index]).permutation(len(own))[:count]
        points[row, : len(drawn)], weights[row, : len(drawn)] = own[drawn], 1
    return points, weights


@tf.function(reduce_retracing=True, autograph=False)
def _search(few, many, model, rotation, translation):
    rotation, translation = _best(few, model, rotation, translation, _PROMISING)
    rotation, translation = fitting.refine(few, model, rotation, translation, _FIRST_STEPS)
    rotation, translation = _best(few, model, rotation, translation, _FINAL)
    rotation, translation = fitting.settle(many, model, rotation, translation, _MIDDLE_STEPS, fitting.COARSE)
    rotation, translation = fitting.settle(many, model, rotation, translation, _LAST_STEPS)
    return rotation, translation, fitting.residual(many, model, rotation, translation).total


def _best(observed, model, rotation, translation, count):
    total = fitting.residual(observed, model, rotation, translation).total
    chosen = tf.math.top_k(-total, tf.minimum(count, tf.shape(total)[1])).indices
    return tf.gather(rotation, chosen, batch_dims=1), tf.gather(translation, chosen, batch_dims=1)


def _angle(rotations):
    cosine = (np.trace(rotations, axis1=-2, axis2=-1) - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))
