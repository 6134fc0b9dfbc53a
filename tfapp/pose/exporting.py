"""The pose network as a robot calls it: depth in, one pose of each instance in metres out."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.pose.model.hypotheses import pick


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
