"""The scene and the instance whose loss is drawn."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError

# More observed points than this change the loss by less than its picture shows.
MOST_OBSERVED = 2048


@dataclass(frozen=True, eq=False)
class ChosenScene:
    """One scene with its truth.

    Attributes:
        name: Of the scene.
        observed: float32 (k, 3), what it shows of the parts, metres, in the frame of the camera.
        poses: Rotations (N, 3, 3) and translations (N, 3), metres.
        instance: Index of the instance that is turned, from 0.
    """

    name: str
    observed: np.ndarray
    poses: tuple
    instance: int


def choose_scene(folder, scene="0", instance=None, *, seed=0):
    """Return the `ChosenScene` of what a user typed.

    Args:
        folder: `SceneFolder` with a truth.
        scene: Name of a scene, or its number from 0.
        instance: Number of the instance from 1, as in the true labels; by default the one that most is seen of.
        seed: Of the observed points, where a scene shows more than 2048.

    Raises:
        InputError: No truth, no such scene or instance.
    """
    if not folder.has_truth:
        raise InputError(
            f"{folder.path} has no true poses to look around; expected scenes of `tfapp pose simulate`."
        )
    index = _index(folder, scene)
    poses = folder.poses(index)
    count = len(poses[0])
    if instance is None:
        instance = 1 + int(np.argmax(np.bincount(folder.labels(index).ravel(), minlength=count + 1)[1:]))
    if not 1 <= instance <= count:
        raise InputError(f"--instance must be from 1 to {count}, as many as the scene has; got {instance}.")
    observed, _ = folder.camera.back_project(folder.parts(index))
    if len(observed) > MOST_OBSERVED:
        chosen = np.random.default_rng([seed, index]).permutation(len(observed))[:MOST_OBSERVED]
        observed = observed[chosen]
    return ChosenScene(folder.stems[index], observed, poses, instance - 1)


def _index(folder, scene):
    if scene in folder.stems:
        return folder.stems.index(scene)
    if scene.isdecimal() and int(scene) < len(folder):
        return int(scene)
    raise InputError(
        f"{folder.path} has no scene {scene!r}; expected a name from {folder.stems[0]} to {folder.stems[-1]}, or a "
        f"number from 0 to {len(folder) - 1}."
    )
