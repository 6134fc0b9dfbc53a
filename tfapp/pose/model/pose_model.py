"""Object model and pose network, trained together by Keras's `fit()`."""

import itertools
from typing import NamedTuple

import keras
import tensorflow as tf

from tfapp.layers import HiddenPointRemoval, rigid_transform, rotation_from_quaternion
from tfapp.pose.model.hypotheses import choose_hypotheses, hypothesis_costs, pick
from tfapp.pose.model.pose_network import build_pose_network
from tfapp.pose.model.settings import PoseSettings
from tfapp.pose.model.visible_distance import visible_chamfer_distance

# Share of what all hypotheses cost in the loss: those that are never chosen would not learn otherwise.
SHARE_OF_ALL = 0.05
# How slowly the share of scenes in which a point of the model is visible follows the scenes.
SEEN_MOMENTUM = 0.99


class PosedModels(NamedTuple):
    """Posed object models beside what was observed, for S choices of the rotation channels.

    Attributes:
        clouds: `(batch, S, N, m, 3)` in units of the network.
        distances: Chamfer distances `(batch, S)` in units of the network.
        visible: `(batch, S, N, m)`, how visible each point is, from 0 to 1.
    """

    clouds: tf.Tensor
    distances: tf.Tensor
    visible: tf.Tensor


@keras.saving.register_keras_serializable("tfapp")
class PoseModel(keras.Model):
    """Learns a cloud of points and the poses of its instances from depth images alone.

    `fit(depth, points)`: depth `(batch, height, width)` in metres of the parts alone, points `(batch, n, 3)` that it
    shows, in metres in the camera's frame. The loss of a scene is the Chamfer distance between these points and what
    is visible of the object model at the poses. Calling it returns what `build_pose_network` says.

    Args:
        **settings: As for `PoseSettings`.

    Attributes:
        settings: `PoseSettings`.
        network: The pose network.
        signs: Choices of the rotation channels of N instances, lists of +1 and -1.
        object_points: The object model X `(m, 3)`, in units of the network; it begins uniformly distributed in a cube.
        seen: `(m,)`, in about which share of the scenes each of its points is visible.

    Reference:
        Y. Wu, dissertation, chapter 4, eq. 4.1 and 4.2; Y. Wu, T. K. Marks, A. Cherian, et al., *Unsupervised Joint 3D
        Object Model Learning and 6D Pose Estimation for Depth-Based Instance Segmentation*, ICCV workshops 2019.
    """

    def __init__(self, name="pose_model", **settings):
        # Whatever policy is set: Keras would round the depth that the model is called with.
        super().__init__(name=name, dtype="float32")
        self.settings = PoseSettings(**settings)
        self.signs = sign_table(self.settings.instances, self.settings.channels)
        self.network = build_pose_network(self.settings)
        half = self.settings.side / 2
        self.object_points = self.add_weight(
            name="object_points",
            shape=(self.settings.points, 3),
            initializer=keras.initializers.RandomUniform(-half, half, seed=self.settings.seed),
        )
        self.seen = self.add_weight(
            name="seen", shape=(self.settings.points,), initializer="ones", trainable=False
        )
        self.model_optimizer = None
        # A layer that XLA cannot compile, so that Keras compiles no pose model by it.
        self._removal = HiddenPointRemoval(self.settings.radius_exponent, self.settings.camera_position)
        self._distance = keras.metrics.Mean(name="distance_mm")
        self.built = True

    def compile(self, optimizer, model_optimizer=None, **options):
        """Set the optimizers.

        Args:
            optimizer: Of the pose network.
            model_optimizer: Of the object model; by default a copy of that of the network.
            **options: As for every Keras model.
        """
        super().compile(optimizer=optimizer, **options)
        copy = self.optimizer.from_config(self.optimizer.get_config())
        self.model_optimizer = copy if model_optimizer is None else keras.optimizers.get(model_optimizer)
        self.optimizer.build(self.network.trainable_variables)
        self.model_optimizer.build([self.object_points])

    def call(self, depth, training=False):
        return self.network(depth, training=training)

    def train_step(self, data):
        depth, points, weights = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            outputs = self(depth, training=True)
            loss = self.compute_loss(depth, points, outputs, weights)
            # Solvers that look at the loss, such as BPGrad, read it there.
            self.model_optimizer.scale_loss(loss)
            scaled = self.optimizer.scale_loss(loss)
        parts = (self.network.trainable_variables, [self.object_points])
        gradients = tape.gradient(scaled, parts)
        self.optimizer.apply(gradients[0], parts[0])
        self.model_optimizer.apply(gradients[1], parts[1])
        self._loss_tracker.update_state(loss)
        return self.get_metrics_result()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        observed = self.observed(y)
        hypotheses, of_all = self.choose(y_pred, observed)
        signs = tf.constant(self.signs, observed.dtype)
        found = self.compare(pick(y_pred, hypotheses), signs[None], observed)
        best = tf.argmin(found.distances, -1)
        lengths = tf.sqrt(found.distances) if self.settings.squared else found.distances
        self._distance.update_state(1e3 * self.settings.unit * tf.reduce_min(lengths, -1))
        if training:
            self._follow_visibility(tf.gather(found.visible, best, axis=1, batch_dims=1))
        reflected = tf.cast(tf.gather(signs, best) < 0, hypotheses.dtype)
        taken = hypotheses * self.settings.channels + reflected
        scenes = combined_channels(found.distances, self._gamma(observed.dtype))
        scenes += SHARE_OF_ALL * of_all + self.choice_loss(taken, y_pred["choice"])
        if sample_weight is not None:
            scenes *= tf.cast(sample_weight, scenes.dtype)
        return tf.reduce_mean(scenes)

    def choice_loss(self, taken, logits):
        """Return what it costs to say another alternative than the one that was taken, `(batch,)`.

        Args:
            taken: int32 `(batch, N)`, the alternative of each instance.
            logits: `(batch, N, alternatives)`.
        """
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(taken, logits), -1)

    @property
    def metrics(self):
        return [*super().metrics, self._distance]

    def observed(self, points):
        """Return points `(batch, n, 3)` in metres in the frame of the camera in that of the network."""
        points = tf.cast(points, self.object_points.dtype)
        return (points - tf.constant(self.settings.centre, points.dtype)) / self.settings.unit

    def choose(self, outputs, observed):
        """Return which hypothesis each instance takes, int32 `(batch, N)`, and what all of them cost, `(batch,)`.

        Args:
            outputs: What calling the model returns.
            observed: Observed points `(batch, n, 3)` in units of the network.
        """
        shape = tf.shape(observed)
        if self.settings.hypotheses == 1:
            return tf.zeros((shape[0], self.settings.instances), tf.int32), tf.zeros(
                shape[:1], observed.dtype
            )
        signs = tf.ones(outputs["quaternion"].shape[1:3])[None]
        own, back = hypothesis_costs(
            # What many poses ask of the object model is not what the best one does.
            self._clouds(outputs, signs, tf.stop_gradient(tf.convert_to_tensor(self.object_points))),
            observed,
        )
        return choose_hypotheses(tf.stop_gradient(own), tf.stop_gradient(back)), tf.reduce_mean(own, (1, 2))

    def compare(self, poses, signs, observed):
        """Return the object model at the poses of N instances beside what was observed, for each choice of channels.

        Args:
            poses: Dict of `quaternion` `(batch, N, 4)` and `translation` `(batch, N, 3)`.
            signs: `(batch or 1, S, N)`, S choices: -1 where an instance shows the rotation channel -R, else +1.
            observed: Observed points `(batch, n, 3)` in units of the network.

        Returns:
            `PosedModels`.
        """
        count = signs.shape[1]
        repeated = {name: tf.repeat(value[:, None], count, axis=1) for name, value in poses.items()}
        clouds = self._clouds(repeated, signs, tf.convert_to_tensor(self.object_points))
        instances, size = clouds.shape[2:4]
        flat = tf.reshape(clouds, (-1, instances * size, 3))
        distances, visible = visible_chamfer_distance(
            flat,
            tf.repeat(observed, count, axis=0),
            self.settings.visibility,
            self._removal,
            squared=self.settings.squared,
        )
        return PosedModels(
            clouds,
            tf.reshape(distances, (-1, count)),
            tf.reshape(visible, (-1, count, instances, size)),
        )

    def _clouds(self, poses, signs, points):
        return rigid_transform(
            points, rotation_from_quaternion(poses["quaternion"]), poses["translation"], signs
        )

    def _gamma(self, dtype):
        """Return gamma of the softmin at this step, or None for the minimum."""
        if self.settings.combination == "min":
            return None
        return self.settings.gamma_rate * tf.cast(self.optimizer.iterations, dtype)

    def _follow_visibility(self, visible):
        share = tf.reduce_mean(tf.reduce_max(visible, axis=1), axis=0)
        self.seen.assign(SEEN_MOMENTUM * self.seen + (1 - SEEN_MOMENTUM) * share)

    def get_config(self):
        return {"name": self.name, **self.settings.to_config()}

    def get_compile_config(self):
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "model_optimizer": keras.saving.serialize_keras_object(self.model_optimizer),
        }

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(one) for name, one in config.items()})


def sign_table(instances, channels):
    """Return which rotation channel each instance has, as lists of +1 and -1.

    Args:
        instances: Number of instances N.
        channels: 1 for R alone, 2 for R and -R: then there are 2^N alternatives, the first of which has no -R.
    """
    return [list(signs) for signs in itertools.product((1.0, -1.0)[:channels], repeat=instances)]


def softmin_weights(losses, gamma):
    """Return w_i = exp(-gamma L_i / sum_j L_j) / sum_k exp(-gamma L_k / sum_j L_j) of losses `(..., alternatives)`.

    At gamma = 0 all weights are equal; as gamma grows the smallest loss wins.

    Reference:
        Y. Wu, dissertation, eq. 4.2; gamma grows by 0.002 each iteration.
    """
    total = tf.reduce_sum(losses, -1, keepdims=True)
    return tf.nn.softmax(-gamma * losses / tf.maximum(total, 1e-12), -1)


def combined_channels(losses, gamma=None):
    """Return the loss over the rotation channels: their softmin, or their smallest if gamma is None.

    The weights have no gradient: with one, a bad channel could lower the loss by getting worse.

    Args:
        losses: `(..., alternatives)`.
        gamma: Number or scalar tensor, or None for the minimum, the simplified variant of Wu (2020).
    """
    if gamma is None:
        return tf.reduce_min(losses, -1)
    return tf.reduce_sum(tf.stop_gradient(softmin_weights(losses, gamma)) * losses, -1)
