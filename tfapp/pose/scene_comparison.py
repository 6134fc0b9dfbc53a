"""Comparison of segmented scenes and their poses with what is known of them, on all pixels of the parts."""

import warnings
from dataclasses import asdict

import numpy as np

from tfapp.pose.evaluation.abstention import abstention_scores
from tfapp.pose.evaluation.best_frame import best_frame
from tfapp.pose.evaluation.bop import LEAST_VISIBLE, BopScores
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.instances import label_points, mean_over_scenes, pair_scores
from tfapp.pose.evaluation.pose_errors import (
    instance_scores,
    part_poses,
    pose_errors,
    right_predictions,
    summarise,
)
from tfapp.pose.evaluation.registration import mirror_symmetry
from tfapp.pose.evaluation.symmetries import Symmetries
from tfapp.pose.evaluation.visibility import Silhouettes
from tfapp.pose.pictures.scene_pictures import SegmentedScene
from tfapp.pose.refinement.mesh_symmetries import mesh_symmetries
from tfapp.pose.simulation.parts import BUILT_IN


def part_symmetries(folder):
    """Return the `Symmetries` of a folder's part; see `symmetries_and_phrase`."""
    return symmetries_and_phrase(folder)[0]


def symmetries_and_phrase(folder):
    """Return the `Symmetries` of a folder's part, its mirror image among them if that is the part itself.

    Where the folder names none, and its part is not one of the package, they are found from the mesh. The phrase says
    which were found; it is None where none were searched.
    """
    mesh, phrase = folder.object_mesh(), None
    symmetries = Symmetries.of(folder.symmetries or [])
    if searches_symmetries(folder):
        symmetries, phrase = mesh_symmetries(*mesh)
    mirror = mirror_symmetry(*mesh)
    return (symmetries if mirror is None else symmetries.with_mirror(mirror)), phrase


def searches_symmetries(folder):
    """Return whether nobody knows the symmetries of a folder's part: it names none, and the part is of its own."""
    named = folder.symmetries or []
    alone = not isinstance(named, dict) and all(
        not isinstance(one, dict) and np.allclose(one, np.eye(3)) for one in named
    )
    return alone and (folder.record or {}).get("part") not in BUILT_IN


def segment_scenes(folder, observations, poses):
    """Yield the `SegmentedScene`s of scenes: every pixel of the parts once, labelled by the posed models.

    Args:
        folder: `SceneFolder`.
        observations: `Observations` of its scenes.
        poses: Their `ScenePoses`, in the same order.
    """
    for number, found in enumerate(poses):
        index = int(observations.indices[number])
        points, pixels = folder.camera_of(index).back_project(observations.depth[number])
        truth = folder.labels(index)[tuple(pixels.T)] if folder.has_labels else None
        yield SegmentedScene(
            depth=observations.depth[number],
            pixels=pixels,
            points=points,
            labels=label_points(points, found.clouds, found.visible),
            truth=truth,
            clouds=found.clouds,
            name=folder.stems[index],
        )


def score_labels(scenes, clusterings=None, progress=None):
    """Return the means over scenes of precision, recall and F1, by the name of the method, and what they leave out.

    Points that belong to no part count in no score, but are clustered too: nobody else tells them apart.

    Args:
        scenes: Iterable of `SegmentedScene`s with truth: those of a large folder would not fit into memory together.
        clusterings: `Clusterings` of the same pixels to score too, or None.
        progress: Function of the number of scenes done, or None.

    Returns:
        A dict from "ours" and the names of the clusterings to dicts, empty if no point belongs to a part, and the mean
        share of points that belong to none.

    Warns:
        UserWarning: A clustering found fewer parts in some scenes than it was told.
    """
    scores, outside, few = {}, [], {}
    for number, scene in enumerate(scenes):
        known = scene.known
        outside.append(1 - known.mean())
        if known.any():
            labels = {"ours": scene.labels}
            if clusterings is not None:
                labels |= clusterings.labels(scene.points, seed=number)
                for name in labels.keys() - {"ours"}:
                    if len(np.unique(labels[name])) < clusterings.instances:
                        few.setdefault(name, []).append(scene.name)
            for name, found in labels.items():
                scores.setdefault(name, []).append(pair_scores(found[known], scene.truth[known]))
        if progress:
            progress(number + 1)
    for name, found in sorted(few.items()):
        warnings.warn(
            f"The clustering that ours is compared with ({name}) found fewer than {clusterings.instances} parts in "
            f"{len(found)} of {number + 1} scene(s), such as {found[0]}; it is scored as it is.",
            stacklevel=2,
        )
    means = {name: asdict(mean_over_scenes(found)) for name, found in scores.items()}
    return means, float(np.mean(outside))


class PoseJudge:
    """Judges the poses that a model gives scenes, by the true ones.

    Args:
        folder: `SceneFolder` with true poses and the mesh of the part.
        registration: `Registration` of the object model.
        symmetries: `Symmetries` of the part.
    """

    def __init__(self, folder, registration, symmetries):
        surface = CadSurface(*folder.object_mesh())
        self._folder, self._symmetries, self._frame = folder, symmetries, registration
        self._bop, self._extent = BopScores(surface.vertices, symmetries), surface.extent
        self._silhouettes = Silhouettes(surface)
        self._best = None

    def judge(self, indices, poses, progress=None):
        """Return the errors of poses in the registered frame, and in the best constant one.

        The best frame is that of the first scenes that are judged, which should be those of the training.

        Args:
            indices: Numbers of the scenes.
            poses: Their `ScenePoses`.
            progress: Function of (scenes done, scenes in all), or None.

        Returns:
            Two dicts of what `summarise`, `instance_scores` and `BopScores.recalls` return, and `abstention_scores`
            of poses that have a confidence.
        """
        true, targets, cameras = [], [], []
        for done, index in enumerate(map(int, indices), 1):
            true.append(self._folder.poses(index))
            cameras.append(self._folder.camera_of(index))
            targets.append(self._targets(index, true[-1], cameras[-1]))
            if progress:
                progress(done, len(indices))
        known = true, targets, cameras
        registered, errors = self._summary(self._frame, poses, *known)
        if self._best is None:
            self._best = best_frame(*_matched(poses, true, errors), self._symmetries)
        return registered, self._summary(self._best, poses, *known)[0]

    def _targets(self, index, true, camera):
        """Return which instances are seen well enough to be found; without labels all, as BOP poses are of such."""
        if not self._folder.has_labels:
            return np.ones(len(true[0]), bool)
        return self._silhouettes.visible(self._folder.labels(index), *true, camera) >= LEAST_VISIBLE

    @property
    def difference(self):
        """By how much the best frame, once scenes are judged, turns and moves all poses against the registered one.

        A dict of `rotation`, radians over the symmetries, None for a mirror image, and `translation`, metres.
        """
        (angle,), (length,) = self._frame.differences([self._best], self._symmetries)
        return {"rotation": None if np.isnan(angle) else float(angle), "translation": float(length)}

    def _summary(self, frame, poses, true, targets, cameras):
        estimated = [part_poses(one.rotation, one.translation, one.reflected, frame) for one in poses]
        errors = [
            pose_errors(found, right, self._symmetries) for found, right in zip(estimated, true, strict=True)
        ]
        predicted = sum(len(one.rotation) for one in poses)
        found = instance_scores(errors, predicted, self._extent)
        if all(one.confidence is not None for one in poses):
            right = [
                right_predictions(one, len(pose.rotation), self._extent)
                for one, pose in zip(errors, poses, strict=True)
            ]
            confidence = [one.confidence for one in poses]
            found |= abstention_scores(np.concatenate(confidence), np.concatenate(right))
        return summarise(errors) | found | self._bop.recalls(estimated, true, targets, cameras), errors


def _matched(poses, true, errors):
    """Return predicted and true poses of the instances that were matched, in the same order, as of `best_frame`."""
    predicted, theirs = [], []
    for ours, right, one in zip(poses, true, errors, strict=True):
        found = one.matched >= 0
        chosen = one.matched[found]
        predicted.append((ours.rotation[chosen], ours.translation[chosen], ours.reflected[chosen]))
        theirs.append(tuple(part[found] for part in right))
    return predicted, theirs
