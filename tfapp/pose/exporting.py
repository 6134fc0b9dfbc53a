"""The pose network as a robot calls it: depth in, one pose of each instance in metres out."""

import keras
import numpy as np
import tensorflow as tf


def chosen_pose_network(model):
    """Return a Keras model that gives the poses of the alternative that the network itself says.

    Input: depth float32 `(batch, height, width)` in metres, of the parts alone. Outputs, with N instances:
    `quaternion` `(batch, N, 4)`, (w, x, y, z); `translation` `(batch, N, 3)` in metres in the frame of the camera;
    `reflected` bool `(batch, N)`, whether a point x of the object model is at -R x + t; `choice`
    `(batch, alternatives)`, the logits that chose. Weights are shared with `model`. The removal of hidden points takes
    no part in it, so that the graph needs nothing but TensorFlow's operations.

    Args:
        model: `PoseModel`.
    """
    settings = model.settings
    chosen = ChosenPoses(
        model.signs_of_alternatives(), settings.hypotheses, settings.centre, settings.unit, dtype="float32"
    )
    return keras.Model(model.network.input, chosen(model.network.output), name="chosen_poses")


class ChosenPoses(keras.layers.Layer):
    """Picks the alternative with the largest logit, and turns its translations into metres.

    Input: dict of `quaternion` `(batch, K, N, 4)`, `translation` `(batch, K, N, 3)` in units of the network and
    `choice` `(batch, alternatives)`, the alternatives of one hypothesis after those of another.

    Args:
        signs: `(alternatives, N)`, +1 or -1 for each instance; -1 is the rotation channel -R.
        hypotheses: Number K of hypotheses.
        centre: Point of the camera's frame in metres that is the network's origin.
        unit: Length in metres that is 1 to the network.
    """

    def __init__(self, signs, hypotheses, centre, unit, **kwargs):
        super().__init__(**kwargs)
        self.reflections = np.array(signs) < 0
        self.signs_of_each = len(signs) // hypotheses
        self.centre = np.array(centre, np.float32)
        self.unit = unit

    def call(self, poses):
        best = tf.argmax(poses["choice"], -1, output_type=tf.int32)
        hypothesis = best // self.signs_of_each
        quaternion, translation = (
            tf.gather(poses[name], hypothesis, axis=1, batch_dims=1) for name in ("quaternion", "translation")
        )
        return {
            "quaternion": quaternion,
            "translation": translation * self.unit + self.centre,
            "reflected": tf.gather(tf.constant(self.reflections), best),
            "choice": poses["choice"],
        }
