"""Scenes with what is thought of them during a refinement: which point belongs to which instance, and all poses."""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.refinement.evidence import Evidence, evidence_of, noise_of

# An instance of which fewer points are seen is not placed by them.
LEAST_POINTS = 12


@dataclass(eq=False)
class SceneSet:
    """S scenes of N instances, or of N at most.

    Attributes:
        points: For each scene float64 `(k, 3)`, all measured points of the parts, metres in the camera's frame.
        labels: For each scene int64 `(k,)`, the instance of each point, from 0.
        evidence: `Evidence` of the scenes.
        intrinsics: float64 `(S, 4)`: fx, fy, cx, cy in pixels of each scene's camera.
        count: Instances N of each scene, at most.
        least: Instances of each scene at least; `count` where all have the same number.
        noise: Spread of the noise of the parts' depth in metres, median of the scenes, as of `noise_of`.
        hypotheses: Rotations float64 `(S, K, N, 3, 3)` and translations `(S, K, N, 3)` in metres that a network gives
            each instance, or None.
        present: bool `(S, N)`, which of the instances a scene has.
        rotation: float64 `(S, N, 3, 3)`, determinant +1.
        translation: float64 `(S, N, 3)`, metres.
        residual: float64 `(S, N)`, metres, of each pose, as of `fitting.residual`; NaN before an instance is placed.
        margin: float64 `(S, N)`, metres by which the residual of the best other minimum is larger.
    """

    points: list
    labels: list
    evidence: Evidence
    intrinsics: np.ndarray
    count: int
    hypotheses: tuple | None = None
    least: int | None = None
    noise: float = 0.0
    present: np.ndarray = field(init=False)
    rotation: np.ndarray = field(init=False)
    translation: np.ndarray = field(init=False)
    residual: np.ndarray = field(init=False)
    margin: np.ndarray = field(init=False)

    def __post_init__(self):
        shape = (len(self.points), self.count)
        self.least = self.least or self.count
        self.present = np.ones(shape, bool)
        self.rotation = np.broadcast_to(np.eye(3), (*shape, 3, 3)).copy()
        self.translation = np.zeros((*shape, 3))
        self.residual, self.margin = np.full(shape, np.nan), np.full(shape, np.nan)
        for scene, index, points in self.instances():
            self.translation[scene, index] = (points if len(points) else self.points[scene]).mean(0)

    def __len__(self):
        return len(self.points)

    def instances(self, least=0):
        """Return (scene, instance, points) of the present instances of which at least so many points are seen."""
        every = (
            (scene, index, points[labels == index])
            for scene, (points, labels) in enumerate(zip(self.points, self.labels, strict=True))
            for index in np.flatnonzero(self.present[scene]).tolist()
        )
        return [one for one in every if len(one[2]) >= least]

    def select(self, chosen):
        """Return some of the scenes, by their numbers; all instances are present there, and no poses taken along."""
        chosen = [int(number) for number in chosen]
        hypotheses = None if self.hypotheses is None else tuple(one[chosen] for one in self.hypotheses)
        points, labels = ([one[number] for number in chosen] for one in (self.points, self.labels))
        return SceneSet(
            points,
            [one.copy() for one in labels],
            self.evidence.select(chosen),
            self.intrinsics[chosen],
            self.count,
            hypotheses,
            self.least,
            self.noise,
        )

    def local(self, scene, index, points):
        """Return points of the camera's frame in that of the model, at the pose of an instance."""
        return (points - self.translation[scene, index]) @ self.rotation[scene, index]

    def divide(self, model_points):
        """Give every point to the instance whose model `(m, 3)` is nearest; return the share that changed hands."""
        tree, changed = cKDTree(model_points), 0
        for scene, points in enumerate(self.points):
            there = np.flatnonzero(self.present[scene])
            away = [tree.query(self.local(scene, index, points))[0] for index in there]
            labels = there[np.argmin(away, axis=0)]
            changed += int((labels != self.labels[scene]).sum())
            self.labels[scene] = labels
        return changed / sum(map(len, self.points))


def scene_set(
    folder, indices, label, count, *, least=None, hypotheses=None, progress=lambda done, total: None
):
    """Read scenes.

    Args:
        folder: `SceneFolder`.
        indices: Numbers of the scenes.
        label: Function of (position in `indices`, points `(k, 3)`) that returns the first labels, from 0 to count - 1.
        count, least, hypotheses: As of `SceneSet`.
        progress: Function of (scenes read, scenes in all).

    Raises:
        InputError: A scene cannot be read, or shows no part.
    """
    parts, measured, points, labels = [], [], [], []
    cameras = [folder.camera_of(int(index)) for index in indices]
    for position, index in enumerate(indices):
        parts.append(folder.parts(int(index)))
        measured.append(folder.depth(int(index)))
        points.append(cameras[position].back_project(parts[-1])[0].astype(np.float64))
        labels.append(np.asarray(label(position, points[-1]), np.int64))
        progress(position + 1, len(indices))
    evidence = evidence_of(np.stack(parts), cameras, np.stack(measured))
    intrinsics = np.stack([camera.intrinsics for camera in cameras])
    noise = float(np.median([noise_of(one) for one in parts]))
    return SceneSet(points, labels, evidence, intrinsics, count, hypotheses, least, noise)
