"""Predictions of a trained model: its points, the poses that it gives to scenes, the network as a robot calls it."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.layers import rotation_from_quaternion
from tfapp.pose.model.hypotheses import pick

BATCH = 32
# Points of the model that less than this share of the scenes shows count as never seen.
LEAST_SEEN = 0.01
CHOICES = ("distance", "network")


def learned_points(model):
    """Return the object model in metres `(m, 3)`, in its own frame, and which of its points scenes show, `(m,)`."""
    return model.object_points.numpy() * model.settings.unit, model.seen.numpy() >= LEAST_SEEN


@dataclass(frozen=True, eq=False)
class ScenePoses:
    """What a model says of one scene; N instances, m points of the object model.

    Attributes:
        rotation: float64 `(N, 3, 3)`, determinant +1.
        translation: float64 `(N, 3)`, metres.
        reflected: bool `(N,)`: a point x of the object model is at -R x + t, not at R x + t.
        clouds: float64 `(N, m, 3)`, the object model at these poses, metres.
        visible: bool `(N, m)`, points that the camera sees.
        distance: Chamfer distance between these and the observed points, metres; squared metres if it was trained so.
        residual: float64 `(N,)`, metres: how far measured points of each instance are from the model, and the model
            from where it may be seen, on average; None of a network. So are the next ones.
        shown: float64 `(N,)`, share of the side of each that faces the camera which was measured.
        margin: float64 `(N,)`, metres by which the residual of the next best pose of another kind is larger.
        confidence: float64 `(N,)`, from 0 to 1, see `tfapp.pose.refinement.confidence`.
    """

    rotation: np.ndarray
    translation: np.ndarray
    reflected: np.ndarray
    clouds: np.ndarray
    visible: np.ndarray
    distance: float
    residual: np.ndarray | None = None
    shown: np.ndarray | None = None
    margin: np.ndarray | None = None
    confidence: np.ndarray | None = None


def predict_poses(model, observations, *, choose="distance", progress=None):
    """Return the `ScenePoses` of every scene.

    Args:
        model: `PoseModel`.
        observations: `Observations`.
        choose: Which of the alternatives, hypotheses and rotation channels, is taken: `distance`, the one that
            fits the observed points best, or `network`, the one that the network itself says, as an exported one
            does.
        progress: Function of (scenes done, scenes in all), or None.

    Raises:
        InputError: For another choice.
    """
    check_choice(choose)
    found = []
    for first in range(0, len(observations), BATCH):
        batch = observations.select(slice(first, first + BATCH))
        found += _of_batch(model, batch, choose)
        if progress:
            progress(len(found), len(observations))
    return found


def all_hypotheses(model, observations):
    """Return every pose that the network gives each instance, whatever fits.

    Args:
        model: `PoseModel`.
        observations: `Observations`.

    Returns:
        Rotations float64 `(scenes, K, N, 3, 3)` and translations float64 `(scenes, K, N, 3)` in metres.
    """
    rotation, translation = [], []
    for first in range(0, len(observations), BATCH):
        batch = observations.select(slice(first, first + BATCH))
        outputs = model(batch.seen_by(model.settings.lens), training=False)
        rotation.append(rotation_from_quaternion(outputs["quaternion"]).numpy().astype(np.float64))
        translation.append(model.settings.in_metres(outputs["translation"]))
    return np.concatenate(rotation), np.concatenate(translation)


def check_choice(choose):
    """Raise InputError for what `predict_poses` cannot choose by."""
    if choose not in CHOICES:
        raise InputError(f"Unknown choice {choose!r}; choose one of: {', '.join(CHOICES)}.")


def _of_batch(model, batch, choose):
    outputs = model(batch.seen_by(model.settings.lens), training=False)
    observed = model.observed(batch.points)
    if choose == "distance":
        hypotheses, _ = model.choose(outputs, observed)
        signs = np.array(model.signs, np.float32)[None]
    else:
        said = np.argmax(outputs["choice"], -1)
        hypotheses, reflected = np.divmod(said, model.settings.channels)
        signs = np.where(reflected, -1, 1).astype(np.float32)[:, None]
    poses = pick(outputs, hypotheses)
    found = model.compare(poses, signs, observed)
    rows, best = np.arange(len(batch)), np.argmin(found.distances, -1)
    signs = np.broadcast_to(signs, (len(batch), *signs.shape[1:]))[rows, best]
    rotation = rotation_from_quaternion(poses["quaternion"]).numpy()
    clouds, visible, distances = (
        np.asarray(part)[rows, best] for part in (found.clouds, found.visible, found.distances)
    )
    settings = model.settings
    return [
        ScenePoses(
            rotation[scene].astype(float),
            settings.in_metres(poses["translation"][scene]),
            signs[scene] < 0,
            settings.in_metres(clouds[scene]),
            visible[scene] > 0.5,
            float(distances[scene]) * settings.unit ** (2 if settings.squared else 1),
        )
        for scene in rows
    ]


def chosen_pose_network(model):
    """Return a Keras model that gives the poses of the alternative that the network itself says.

    Input: depth float32 `(batch, height, width)` in metres, of the parts alone. Outputs, with N instances:
    `quaternion` `(batch, N, 4)`, (w, x, y, z); `translation` `(batch, N, 3)` in metres in the frame of the camera;
    `reflected` bool `(batch, N)`, whether a point x of the object model is at -R x + t; `choice`
    `(batch, N, alternatives)`, the logits that chose. Weights are shared with `model`. The removal of hidden
    points takes no part in it, so that the graph needs nothing but TensorFlow's operations.

    Args:
        model: `PoseModel`.
    """
    settings = model.settings
    chosen = ChosenPoses(settings.channels, settings.centre, settings.unit, dtype="float32")
    return keras.Model(model.network.input, chosen(model.network.output), name="chosen_poses")


class ChosenPoses(keras.layers.Layer):
    """Picks for each instance the pose with the largest logit, and turns its translation into metres.

    Input: dict of `quaternion` `(batch, K, N, 4)`, `translation` `(batch, K, N, 3)` in units of the network and
    `choice` `(batch, N, K * channels)`, the channels of one hypothesis after those of another.

    Args:
        channels: 1, or 2 where each second alternative is the rotation channel -R.
        centre: Point of the camera's frame in metres that is the network's origin.
        unit: Length in metres that is 1 to the network.
    """

    def __init__(self, channels, centre, unit, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.centre = np.array(centre, np.float32)
        self.unit = unit

    def call(self, outputs):
        best = tf.argmax(outputs["choice"], -1, output_type=tf.int32)
        poses = pick(outputs, best // self.channels)
        return {
            "quaternion": poses["quaternion"],
            "translation": poses["translation"] * self.unit + self.centre,
            "reflected": best % self.channels == 1,
            "choice": outputs["choice"],
        }
