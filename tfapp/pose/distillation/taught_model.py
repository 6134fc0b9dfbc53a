"""Pose model that is taught poses: its loss is how far its object model is from where it should be."""

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from tfapp.layers import rotation_from_quaternion
from tfapp.pose.model.pose_model import SHARE_OF_ALL, PoseModel

# Points of the object model that tell how far two poses are apart.
_FEW = 32
# A cross entropy of 1 costs as much as this length in units of the network: there, poses that are a millimetre better
# would else count for nothing.
SHARE_OF_CHOICE = 0.05
# What an instance that nothing is taught of costs to be matched, in units of the network: more than any other.
_NOTHING = 1e3


@keras.saving.register_keras_serializable("tfapp")
class TaughtPoseModel(PoseModel):
    """Learns the poses of instances that are given; the object model stays as it is.

    `fit(depth, (rotation, translation, weight))`: depth `(batch, height, width)` in metres of the parts alone,
    rotations `(batch, N, 3, 3)`, translations `(batch, N, 3)` in metres and weights `(batch, N)`, 0 of an instance that
    nothing is known of. Each instance of the network learns the one that lies nearest. The cost of a hypothesis is the
    mean distance between points of the object model at its pose and at the taught one, or at one that a symmetry of the
    part turns it to, whichever is nearest. The loss is the cost of the best hypothesis, 5 % of the mean of all, as in
    the training, and the cross entropy of the choice, which is to say that best one. Here, unlike in the training, it
    has a gradient into the features.

    Args:
        symmetries: Rotations `(s, 3, 3)` that are symmetries of the part, nested lists, the identity among them.
        symmetry_centre: The point `(3,)` about which they turn, metres.
        **settings: As for `PoseModel`, with one rotation channel.
    """

    def __init__(self, symmetries, symmetry_centre, name="taught_pose_model", **settings):
        super().__init__(name=name, **settings)
        self._symmetries, self._centre = np.array(symmetries), np.array(symmetry_centre)
        # XLA has no place for the matching of instances, which Python computes.
        self.supports_jit = False
        network = self.network
        choice = network.get_layer("choice")(network.get_layer("fixed_features").input)
        outputs = {**network.output, "choice": network.get_layer("choice_shape")(choice)}
        # Keras is to keep the layers once, as those of `network`.
        object.__setattr__(self, "_taught", keras.Model(network.input, outputs))

    def train_step(self, data):
        depth, taught, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(depth, taught, self._taught(depth, training=True))
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self._loss_tracker.update_state(loss)
        return self.get_metrics_result()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        del x, sample_weight, training
        rotation, translation, weight = (tf.cast(one, self.object_points.dtype) for one in y)
        translation = self.observed(translation)
        rotation, translation, weight = _matched(y_pred["translation"], rotation, translation, weight)
        costs = self._costs(y_pred, rotation, translation)
        taken = tf.argmin(costs, 1, output_type=tf.int32)
        logits = y_pred["choice"]
        each = tf.reduce_min(costs, 1) + SHARE_OF_ALL * tf.reduce_mean(costs, 1)
        each += SHARE_OF_CHOICE * tf.nn.sparse_softmax_cross_entropy_with_logits(taken, logits)
        chosen = tf.argmax(logits, -1, output_type=tf.int32)
        said = tf.gather(tf.transpose(costs, (0, 2, 1)), chosen, batch_dims=2)
        total = tf.maximum(tf.reduce_sum(weight), 1.0)
        self._distance.update_state(1e3 * self.settings.unit * tf.reduce_sum(weight * said) / total)
        return tf.reduce_sum(weight * each) / total

    def _costs(self, outputs, rotation, translation):
        """Return how far each hypothesis is from the taught pose, `(batch, K, N)`, in units of the network."""
        points = tf.convert_to_tensor(self.object_points)[:_FEW]
        own = tf.einsum("bknxy,py->bknpx", rotation_from_quaternion(outputs["quaternion"]), points)
        own += outputs["translation"][..., None, :]
        centre = tf.constant(self._centre / self.settings.unit, points.dtype)
        turned = (
            tf.einsum("sxy,py->spx", tf.constant(self._symmetries, points.dtype), points - centre) + centre
        )
        taught = tf.einsum("bnxy,spy->bnspx", rotation, turned) + translation[:, :, None, None]
        away = tf.norm(own[:, :, :, None] - taught[:, None] + 1e-9, axis=-1)
        return tf.reduce_min(tf.reduce_mean(away, -1), -1)

    def get_config(self):
        taught = {"symmetries": self._symmetries.tolist(), "symmetry_centre": self._centre.tolist()}
        return super().get_config() | taught


def _matched(places, rotation, translation, weight):
    """Return what is taught in the order of the network's instances, by the places `(batch, K, N, 3)` that it gives."""
    away = tf.norm(tf.reduce_mean(places, 1)[:, :, None] - translation[:, None], axis=-1)
    away = tf.where(weight[:, None] > 0, away, _NOTHING)
    order = tf.numpy_function(_assigned, [tf.stop_gradient(away)], tf.int32)
    order = tf.ensure_shape(order, (None, weight.shape[1]))
    return tuple(tf.gather(one, order, batch_dims=1) for one in (rotation, translation, weight))


def _assigned(away):
    return np.array([linear_sum_assignment(one)[1] for one in away], np.int32).reshape(away.shape[:2])
