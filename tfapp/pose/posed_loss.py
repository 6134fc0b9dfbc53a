"""Loss of a scene when one of its parts is turned and the others are where they are."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.layers import HiddenPointRemoval, rigid_transform
from tfapp.pose.model.pose_model import PoseModel
from tfapp.pose.model.visible_distance import visible_chamfer_distance
from tfapp.runs.accelerators import jit_compile

# Pairs of points that a batch of poses compares at a time; the soft visibility holds them all in memory.
PAIRS = 2**23
# More observed points than this change the loss by less than its picture shows.
MOST_OBSERVED = 2048


class PosedLoss:
    """The Chamfer distance of eq. 4.1 as in training, as a function of the rotation of one instance.

    Args:
        points: (m, 3), the object in the part's frame, metres.
        observed: (k, 3), what the scene shows, metres, in the frame of the camera.
        poses: Rotations (N, 3, 3) and translations (N, 3) in metres of all instances into the frame of the camera.
        instance: Index of the one that is turned.
        visibility: One of `VISIBILITIES`.
        exponent: Of the removal of hidden points.

    Attributes:
        batch: Rotations that it is best called with.
    """

    def __init__(self, points, observed, poses, instance, *, visibility, exponent):
        rotation, translation = (np.asarray(part, float) for part in poses)
        others = np.arange(len(rotation)) != instance
        posed = points @ np.swapaxes(rotation[others], 1, 2) + translation[others, None]
        self._turned, self._fixed, self._observed, self._translation = (
            tf.constant(array, tf.float32)
            for array in (points, posed.reshape(1, -1, 3), [observed], [[translation[instance]]])
        )
        self._rotation = rotation[instance]
        self._visibility, self._removal = visibility, HiddenPointRemoval(exponent)
        self.batch = max(1, PAIRS // (len(points) * len(rotation) * len(observed)))
        # The hulls are computed by SciPy, which TensorFlow calls between its operations: XLA cannot compile that.
        self._of_batch = tf.function(
            self._distances,
            input_signature=[tf.TensorSpec((None, 3, 3), tf.float32)],
            autograph=False,
            jit_compile=False,
        )

    def __call__(self, turns):
        """Return float64 (b,) in metres for turns (b, 3, 3) of the instance in its own frame."""
        rotations = self._rotation @ np.asarray(turns, float)
        return self._of_batch(tf.constant(rotations, tf.float32)).numpy().astype(float)

    def _distances(self, rotations):
        count = tf.shape(rotations)[0]
        turned = rigid_transform(
            self._turned, rotations[:, None], tf.repeat(self._translation, count, axis=0)
        )
        clouds = tf.concat([turned[:, 0], tf.repeat(self._fixed, count, axis=0)], 1)
        observed = tf.repeat(self._observed, count, axis=0)
        return visible_chamfer_distance(clouds, observed, self._visibility, self._removal)[0]


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
            f"{folder.path} has no true poses to look around; expected scenes of `tfapp pose simulate`, or of a BOP "
            "dataset with truth."
        )
    index = _index(folder, scene)
    poses = folder.poses(index)
    count = len(poses[0])
    if instance is None:
        instance = 1 + int(
            np.argmax(np.bincount(folder.labels(index).ravel(), minlength=count + 1)[1 : count + 1])
        )
    if not 1 <= instance <= count:
        raise InputError(f"`instance` must be from 1 to {count}, as many as the scene has; got {instance}.")
    observed, _ = folder.camera_of(index).back_project(folder.parts(index))
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


@keras.saving.register_keras_serializable("tfapp")
class ChamferModel(PoseModel):
    """A `PoseModel` whose loss is how far the object models are from what was observed, eq. 4.1 and 4.2.

    What it costs to say another alternative than the best one is left out: it teaches a layer that no pose depends
    on, and far from the solution it is so large that nothing of the poses would be seen. With one hypothesis and
    one rotation channel there is no difference.
    """

    @classmethod
    def of(cls, model):
        """Return one with the settings and weights of a compiled `PoseModel`, at the same step of its training."""
        copy = cls(**model.get_config())
        copy.set_weights(model.get_weights())
        copy.compile(keras.optimizers.SGD(), jit_compile=jit_compile())
        copy.optimizer.iterations.assign(model.optimizer.iterations)
        return copy

    def choice_loss(self, taken, logits):
        del logits
        return tf.zeros(tf.shape(taken)[:1])
