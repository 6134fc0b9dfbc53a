"""Poses of scenes by a refined model, and how much each can be trusted."""

import numpy as np
import tensorflow as tf
from scipy.spatial import cKDTree

from tfapp.layers import HiddenPointRemoval
from tfapp.pose.model.settings import usual_exponent
from tfapp.pose.predictions import ScenePoses
from tfapp.pose.refinement.alternation import place_new
from tfapp.pose.refinement.confidence import Evidences, confidence
from tfapp.pose.refinement.fusion import VOXEL
from tfapp.pose.refinement.placement import CAP

# Scenes that are placed at a time.
_SCENES = 32
# Points of a refined model, about.
_MANY_POINTS = 1000
# A point of the model is seen where a measured one is within so many voxels.
_SEEN = 2


def refined_poses(beginning, refined, folder, observations, progress=None):
    """Return the `ScenePoses` of scenes by the refined model, placed in all that the scenes show of parts.

    Args:
        beginning: Where the search begins, as of `tfapp.pose.refinement.beginnings`.
        refined: `RefinedModel`.
        folder: `SceneFolder` of the scenes.
        observations: `Observations` of them.
        progress: Function of (scenes done, scenes in all), or None.
    """
    found, removal = [], HiddenPointRemoval(usual_exponent(_MANY_POINTS), (0.0, 0.0, 0.0))
    for first in range(0, len(observations), _SCENES):
        batch = observations.select(slice(first, first + _SCENES))
        scenes = beginning.scene_set(folder, batch)
        place_new(refined, scenes)
        found += [_scene_poses(scenes, scene, refined, removal, batch) for scene in range(len(scenes))]
        if progress:
            progress(len(found), len(observations))
    return found


def _scene_poses(scenes, scene, refined, removal, batch):
    there = np.flatnonzero(scenes.present[scene])
    rotation, translation = scenes.rotation[scene][there], scenes.translation[scene][there]
    clouds = refined.points @ np.swapaxes(rotation, -1, -2) + translation[:, None]
    visible = removal(tf.constant(clouds.reshape(1, -1, 3), tf.float32)).numpy().reshape(clouds.shape[:2])
    observed = batch.points[scene]
    back = cKDTree(clouds[visible]).query(observed)[0]
    forth = cKDTree(observed).query(clouds[visible])[0]
    evidences = _evidences(scenes, scene, there, refined, clouds, removal)
    return ScenePoses(
        rotation,
        translation,
        np.zeros(len(rotation), bool),
        clouds,
        visible,
        max(float(back.mean()), float(forth.mean())),
        residual=evidences.residual,
        shown=evidences.shown,
        margin=evidences.margin,
        confidence=confidence(evidences, refined.extent),
    )


def _evidences(scenes, scene, there, refined, clouds, removal):
    """Return the `Evidences` of the instances of a scene."""
    # Alone, without the others in front of it: what is hidden by them was not shown.
    facing = removal(tf.constant(clouds, tf.float32)).numpy()
    shown = np.zeros(len(there))
    for place, (cloud, index) in enumerate(zip(clouds, there, strict=True)):
        own = scenes.points[scene][scenes.labels[scene] == index]
        if len(own):
            limit = _SEEN * VOXEL * refined.extent + own[:, 2].mean() / np.sqrt(
                np.prod(scenes.intrinsics[scene, :2])
            )
            shown[place] = (cKDTree(own).query(cloud[facing[place]])[0] < limit).mean()
    cap = CAP * refined.extent
    residual = np.nan_to_num(scenes.residual[scene][there], nan=2 * cap)
    margin = np.nan_to_num(scenes.margin[scene][there], nan=0.0, posinf=cap)
    return Evidences(residual, shown, np.minimum(margin, cap))
