"""Turns of registration and fusion: poses of all instances for a model, and a model from what the instances show."""

from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tfapp.pose.refinement import fitting
from tfapp.pose.refinement.evidence import evidence_of
from tfapp.pose.refinement.fusion import fuse
from tfapp.pose.refinement.nearest_field import extent_of
from tfapp.pose.refinement.placement import facing, half_turns, model_of, place, turned

# Of the extent of the part: where residuals stop to grow, and the side of a voxel.
CAP, VOXEL = 0.12, 0.03
# An instance with fewer points is not placed by them.
LEAST_POINTS = 12


@dataclass(eq=False)
class Scenes:
    """Scenes, and what is thought of them.

    Attributes:
        points: List of float64 `(k, 3)`, all measured points of the parts of each scene, metres.
        labels: List of int64 `(k,)`, the instance of each point.
        evidence: `Evidence`.
        camera: `Camera`.
        count: Instances of each scene.
        rotation, translation: float64 `(scenes, count, 3, 3)` and `(scenes, count, 3)`; None before the first round.
        residual, margin: float64 `(scenes, count)`, metres.
    """

    points: list
    labels: list
    evidence: object
    camera: object
    count: int
    rotation: np.ndarray | None = None
    translation: np.ndarray | None = None
    residual: np.ndarray | None = None
    margin: np.ndarray | None = None
    hypotheses: tuple | None = None

    def instances(self):
        """Return (scene, instance, points) of each instance."""
        return [
            (scene, index, points[labels == index])
            for scene, (points, labels) in enumerate(zip(self.points, self.labels, strict=True))
            for index in range(self.count)
        ]


def read_scenes(parts, camera, labels, count, measured=None):
    points = [camera.back_project(depth)[0].astype(float) for depth in parts]
    return Scenes(points, [label(p) for label, p in zip(labels, points, strict=True)] if callable(labels[0]) else labels,
                  evidence_of(parts, camera, measured), camera, count)


def place_all(scenes, model_points, extent, candidates, seed=0, radius=None):
    """Place every instance; `candidates(chosen list of (scene, index, points)) -> (R, t)`. Updates scenes."""
    found = scenes.instances()
    usable = [k for k, (_, _, points) in enumerate(found) if len(points) >= LEAST_POINTS]
    model = model_of(model_points, CAP * extent, VOXEL * extent if radius is None else radius, seed)
    chosen = [found[k] for k in usable]
    placed = place(
        model,
        [(scene, points) for scene, _, points in chosen],
        scenes.evidence,
        scenes.camera,
        lambda part: candidates(chosen[part]),
        seed=seed,
    )
    shape = (len(scenes.points), scenes.count)
    if scenes.rotation is None:
        scenes.rotation = np.tile(np.eye(3), (*shape, 1, 1))
        scenes.translation = np.zeros((*shape, 3))
    scenes.residual, scenes.margin = np.full(shape, 2 * CAP * extent), np.zeros(shape)
    for k in range(len(found)):
        scene, index, points = found[k]
        if k not in set(usable) and not scenes.translation[scene, index].any():
            centre = points.mean(0) if len(points) else scenes.points[scene].mean(0)
            scenes.translation[scene, index] = centre - model_points.mean(0)
    for row, (scene, index, _) in enumerate(chosen):
        scenes.rotation[scene, index], scenes.translation[scene, index] = placed.rotation[row], placed.translation[row]
        scenes.residual[scene, index], scenes.margin[scene, index] = placed.residual[row], placed.margin[row]


def grid_candidates(model_points, rotations):
    few = model_points[:: max(1, len(model_points) // 300)]

    def candidates(chosen):
        centroids = np.stack([points.mean(0) for _, _, points in chosen])
        translation = facing(few, rotations, centroids)
        return np.broadcast_to(rotations, (len(chosen), *rotations.shape)), translation

    return candidates


def near_candidates(scenes, model_points, turns):
    centre = model_points.mean(0)

    def candidates(chosen):
        at = tuple(np.array([(scene, index) for scene, index, _ in chosen]).T)
        return turned(scenes.rotation[at], scenes.translation[at], turns, centre)

    return candidates


def hypothesis_candidates(scenes, model_points):
    """All hypotheses of the network with half turns."""
    centre, turns = model_points.mean(0), half_turns(model_points)
    rotations, translations = scenes.hypotheses

    def candidates(chosen):
        s, i = np.array([(scene, index) for scene, index, _ in chosen]).T
        r, t = turned(rotations[s, :, i], translations[s, :, i], turns, centre)
        return r.reshape(len(s), -1, 3, 3), t.reshape(len(s), -1, 3)

    return candidates


def joined(*sources):
    def candidates(chosen):
        found = [source(chosen) for source in sources]
        return tuple(np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))

    return candidates


def fused(scenes, share, extent, least=2):
    found = scenes.instances()
    rows = [k for k, (_, _, points) in enumerate(found) if len(points) >= LEAST_POINTS]
    residual = np.array([scenes.residual[found[k][0], found[k][1]] for k in rows])
    best = [rows[b] for b in np.argsort(residual)[: max(3, int(share * len(rows)))]]
    clouds = []
    for k in best:
        scene, index, points = found[k]
        clouds.append((points - scenes.translation[scene, index]) @ scenes.rotation[scene, index])
    points = fuse(clouds, VOXEL * extent, least)
    against = contradiction(scenes, points, [found[k][:2] for k in best], CAP * extent)
    return points[against <= CONTRADICTED]


CONTRADICTED = 0.1


def contradiction(scenes, points, chosen, cap):
    """Return the share of instances that contradict each point of a model: it should be seen there and is not."""
    counts = np.zeros(len(points))
    evidence, camera = scenes.evidence, scenes.camera
    intrinsics = tf.constant([camera.fx, camera.fy, camera.cx, camera.cy], tf.float32)
    for first in range(0, len(chosen), 64):
        s, i = np.array(chosen[first : first + 64]).T
        rows, place = np.unique(s, return_inverse=True)
        observed = fitting.Observed(None, None, tf.constant(place, tf.int32),
            *(tf.constant(getattr(evidence, name)[rows]) for name in ("depth", "gap", "nearest")), intrinsics)
        r, t = (tf.constant(one[s, i], tf.float32) for one in (scenes.rotation, scenes.translation))
        v = fitting.contradicted(observed, tf.constant(points, tf.float32), r, t, cap)
        counts += (v.numpy() > cap / 6).sum(0)
    return counts / len(chosen)


def divide(scenes, model_points):
    """Give every point to the instance whose model is nearest."""
    tree = cKDTree(model_points)
    for scene, points in enumerate(scenes.points):
        local = np.einsum("nkx,nxy->nky", points[None] - scenes.translation[scene][:, None], scenes.rotation[scene])
        scenes.labels[scene] = tree.query(local)[0].argmin(0)


def random_rotations(count, seed):
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def icosahedral(seed=None):
    grid = Rotation.create_group("I").as_matrix()
    return grid if seed is None else grid @ random_rotations(1, seed)[0]
