"""Where the poses of scenes begin: with what a network says, with a clustering, or with a part whose shape is known."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from tfapp.pose.evaluation.instances import label_points, spectral_clustering
from tfapp.pose.predictions import all_hypotheses, learned_points, predict_poses
from tfapp.pose.refinement.alternation import GROWTH, RefinedModel, explain_all, grown_model
from tfapp.pose.refinement.nearest_field import extent_of
from tfapp.pose.refinement.scene_set import scene_set

# Measured points of a scene that are clustered.
_CLUSTERED = 400


@dataclass(frozen=True, eq=False)
class NetworkBeginning:
    """With the poses that a `PoseModel` gives, and its object points."""

    model: object
    name = "network"
    # Its first model is always the same.
    attempts = 1

    @property
    def instances(self):
        """Fewest and most instances of a scene."""
        return self.model.settings.instances, self.model.settings.instances

    def scene_set(self, folder, observations, progress=lambda done, total: None):
        """Return the `SceneSet` of the scenes of some `Observations`."""
        poses = predict_poses(self.model, observations)
        scenes = scene_set(
            folder,
            observations.indices,
            lambda position, points: label_points(points, poses[position].clouds, poses[position].visible),
            self.instances[1],
            hypotheses=all_hypotheses(self.model, observations),
            progress=progress,
        )
        scenes.rotation = np.stack([one.rotation for one in poses])
        scenes.translation = np.stack([one.translation for one in poses])
        return scenes

    def first_model(self, scenes, progress, attempt=1):
        """Return the first `RefinedModel` of training scenes."""
        del scenes, progress, attempt
        points, seen = learned_points(self.model)
        learned = points[seen].astype(np.float64)
        return RefinedModel(learned, extent_of(learned), fused=False)


@dataclass(frozen=True, eq=False)
class ClusteringBeginning:
    """With a spectral clustering of what is measured, and a model that grows from one instance.

    Attributes:
        instances: Fewest and most instances of a scene. Where they differ, scenes are first cut into the most.
    """

    instances: tuple[int, int]
    name = "clustering"
    attempts = 3

    def scene_set(self, folder, observations, progress=lambda done, total: None):
        """Return the `SceneSet` of the scenes of some `Observations`.

        Warns:
            UserWarning: Some scenes begin with fewer instances than were asked for.
        """
        least, most = self.instances
        scenes = scene_set(folder, observations.indices, self._label, most, least=least, progress=progress)
        few = [number for number, labels in enumerate(scenes.labels) if len(np.unique(labels)) < most]
        if few:
            names = [folder.stems[int(observations.indices[number])] for number in few]
            warnings.warn(
                f"The clustering of {_scenes_in_words(names)} found fewer than {most} instances, as it does where few "
                "pixels are measured or some lie far from all others; the others begin there without a point.",
                stacklevel=2,
            )
        return scenes

    def first_model(self, scenes, progress, attempt=1):
        """Return the first `RefinedModel` of training scenes; that of each attempt grows from other instances."""
        with progress.task("growing a model", GROWTH) as task:
            model = grown_model(scenes, task.advance, attempt)
        if scenes.least < scenes.count:
            with progress.task("counting instances") as task:
                explain_all(model, scenes, task)
        return model

    def _label(self, position, points):
        most = self.instances[1]
        if most == 1:
            return np.zeros(len(points), np.int64)
        if len(points) <= most:
            return np.arange(len(points))
        # The eigenvectors of all points of a large image would take minutes.
        few = points[np.random.default_rng(position).permutation(len(points))[:_CLUSTERED]]
        labels = spectral_clustering(few, most, affinity="nearest_neighbors")
        return labels[cKDTree(few).query(points)[1]]


def _scenes_in_words(names):
    return f"scene {names[0]}" if len(names) == 1 else f"{len(names)} scenes, such as {names[0]},"


@dataclass(frozen=True, eq=False)
class CadBeginning(ClusteringBeginning):
    """With a part whose surface is known; there is nothing to learn.

    Attributes:
        model: `RefinedModel` of the surface, in the frame of the CAD file.
    """

    model: RefinedModel
    name = "cad"
    attempts = 1

    def first_model(self, scenes, progress, attempt=1):
        """Return the model."""
        del scenes, progress, attempt
        return self.model
