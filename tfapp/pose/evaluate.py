"""How well a pose model segments scenes, and what it learned of the part."""

from dataclasses import asdict, dataclass

import numpy as np

from tfapp.pose.evaluation.instances import (
    k_means,
    label_points,
    mean_over_scenes,
    pair_scores,
    spectral_clustering,
)
from tfapp.pose.evaluation.pose_errors import Symmetries, part_poses, pose_errors, summarise
from tfapp.pose.evaluation.registration import mirror_symmetry, register_model
from tfapp.pose.pictures.scene_pictures import SegmentedScene

# Points of the model that less than this share of the scenes shows count as never seen.
LEAST_SEEN = 0.01
METHODS = {"K-means": k_means, "spectral clustering": spectral_clustering}


@dataclass(frozen=True)
class PartResults:
    """Means over some scenes.

    Attributes:
        scenes: Number of scenes.
        distance: Chamfer distance in metres.
        scores: From "ours" and the names of `METHODS` to precision, recall and F1; empty without true labels.
        poses: As `summarise` returns it; None without true poses.
    """

    scenes: int
    distance: float
    scores: dict
    poses: dict | None

    def to_json(self):
        return asdict(self)


def learned_points(model):
    """Return the object model in metres `(m, 3)`, in its own frame, and which of its points scenes show, `(m,)`."""
    return model.object_points.numpy() * model.settings.unit, model.seen.numpy() >= LEAST_SEEN


def register(model, folder):
    """Return the learned model's `Registration` to the CAD mesh of a folder's truth."""
    points, visible = learned_points(model)
    return register_model(points, *folder.object_mesh(), visible=visible)


def evaluate_scenes(folder, observations, poses, registration=None, *, baselines=True, progress=None):
    """Compare the poses of scenes with what is known of them.

    Args:
        folder: `SceneFolder`.
        observations: `Observations` of its scenes.
        poses: Their `ScenePoses`, in the same order.
        registration: Of the learned model; None where no mesh is known: then poses have no errors.
        baselines: Whether to cluster the same points by K-means and spectral clustering too.
        progress: Function of (scenes done, scenes in all), or None.

    Returns:
        (`PartResults`, list of `SegmentedScene`).
    """
    symmetries = None if registration is None else part_symmetries(folder)
    shown, errors, scores = [], [], {}
    for number, found in enumerate(poses):
        scene = _segmented(folder, observations, number, found)
        shown.append(scene)
        if scene.truth is not None:
            for name, labels in _labels(scene, len(found.rotation), baselines).items():
                scores.setdefault(name, []).append(pair_scores(labels, scene.truth))
        if registration is not None:
            estimated = part_poses(found.rotation, found.translation, found.reflected, registration)
            true = folder.poses(int(observations.indices[number]))
            errors.append(pose_errors(estimated, true, symmetries))
        if progress:
            progress(number + 1, len(poses))
    means = {name: asdict(mean_over_scenes(each)) for name, each in scores.items()}
    distance = float(np.mean([found.distance for found in poses]))
    return PartResults(len(poses), distance, means, summarise(errors) if errors else None), shown


def part_symmetries(folder):
    """Return the `Symmetries` of a folder's part, its mirror image among them if that is the part itself."""
    symmetries = Symmetries.of(folder.symmetries or [])
    mirror = mirror_symmetry(*folder.object_mesh())
    return symmetries if mirror is None else symmetries.with_mirror(mirror)


def _segmented(folder, observations, number, found):
    index = int(observations.indices[number])
    pixels, points = observations.pixels[number], observations.points[number]
    truth = folder.labels(index)[tuple(pixels.T)] if folder.has_truth else None
    return SegmentedScene(
        depth=observations.depth[number],
        pixels=pixels,
        points=points,
        labels=label_points(points, found.clouds, found.visible),
        truth=truth,
        clouds=found.clouds,
        name=folder.stems[index],
    )


def _labels(scene, instances, baselines):
    ours = {"ours": scene.labels}
    if not baselines or instances == 1:
        return ours
    return ours | {name: method(scene.points, instances) for name, method in METHODS.items()}
