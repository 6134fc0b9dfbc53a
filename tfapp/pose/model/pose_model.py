"""The object model and the pose network, trained together by Keras's `fit()`."""

from dataclasses import asdict

import keras
import tensorflow as tf

from tfapp.layers import HiddenPointRemoval, chamfer_distance, rigid_transform, rotation_from_quaternion
from tfapp.pose.model.combination import combined_channels, sign_table, winner_takes_all
from tfapp.pose.model.pose_network import build_pose_network
from tfapp.pose.model.settings import PoseSettings
from tfapp.pose.model.soft_visibility import soft_chamfer_distance, soft_visibility

# How slowly the share of scenes in which a point of the model is visible follows the scenes.
SEEN_MOMENTUM = 0.99


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
        object_points: The object model X `(m, 3)`, in units of the network; it begins uniformly distributed in a cube.
        seen: `(m,)`, in about which share of the scenes each of its points is visible.

    Reference:
        Y. Wu, dissertation, chapter 4, eq. 4.1 and 4.2; Y. Wu, T. K. Marks, A. Cherian, et al., *Unsupervised Joint 3D
        Object Model Learning and 6D Pose Estimation for Depth-Based Instance Segmentation*, ICCV workshops 2019.
    """

    def __init__(self, name="pose_model", **settings):
        super().__init__(name=name)
        self.settings = PoseSettings(**settings)
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
        self._signs = sign_table(self.settings.instances, self.settings.channels)
        self._removal = HiddenPointRemoval(self.settings.radius_exponent, self.settings.camera_place)
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
            self.model_optimizer.scale_loss(loss)
            scaled = self.optimizer.scale_loss(loss)
        parts = (self.network.trainable_variables, [self.object_points])
        gradients = tape.gradient(scaled, parts)
        self.optimizer.apply(gradients[0], parts[0])
        self.model_optimizer.apply(gradients[1], parts[1])
        self._loss_tracker.update_state(loss)
        return self.get_metrics_result()

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        losses, visible = self.alternatives(y_pred, y)
        best = tf.argmin(losses, -1)
        lengths = tf.sqrt(losses) if self.settings.squared else losses
        self._distance.update_state(1e3 * self.settings.unit * tf.reduce_min(lengths, -1))
        if training:
            self._follow_visibility(tf.gather(visible, best, axis=1, batch_dims=1))
        choice = tf.nn.sparse_softmax_cross_entropy_with_logits(best, y_pred["choice"])
        scenes = self._of_scenes(losses) + choice
        if sample_weight is not None:
            scenes *= tf.cast(sample_weight, scenes.dtype)
        return tf.reduce_mean(scenes)

    @property
    def metrics(self):
        return [*super().metrics, self._distance]

    def alternatives(self, poses, points):
        """Return the Chamfer distance of every alternative, and what it shows of the object model.

        Args:
            poses: What calling the model returns.
            points: Observed points `(batch, n, 3)` in metres.

        Returns:
            Distances `(batch, K * signs)` in units of the network, hypothesis by hypothesis, and visibilities
            `(batch, K * signs, N, m)`.
        """
        clouds = self.clouds(poses)
        count, instances, size = clouds.shape[1:4]
        flat = tf.reshape(clouds, (-1, instances * size, 3))
        observed = (points - tf.constant(self.settings.centre, points.dtype)) / self.settings.unit
        observed = tf.repeat(tf.cast(observed, flat.dtype), count, axis=0)
        distances, visible = self._distances(flat, observed)
        shape = (-1, count, instances, size)
        return tf.reshape(distances, (-1, count)), tf.reshape(visible, shape)

    def clouds(self, poses):
        """Return the object model at the poses of every alternative, `(batch, K * signs, N, m, 3)`."""
        signs = tf.constant(self.signs_of_alternatives())[None]
        return rigid_transform(
            tf.convert_to_tensor(self.object_points), self.rotations(poses), self.translations(poses), signs
        )

    def rotations(self, poses):
        """Return the rotations of every alternative, `(batch, K * signs, N, 3, 3)`."""
        return self._for_each_sign(rotation_from_quaternion(poses["quaternion"]))

    def translations(self, poses):
        """Return the translations of every alternative, `(batch, K * signs, N, 3)`, in units of the network."""
        return self._for_each_sign(poses["translation"])

    def signs_of_alternatives(self):
        """Return +1 or -1 for each alternative and instance: -1 is the rotation channel -R."""
        return self._signs * self.settings.hypotheses

    def _for_each_sign(self, poses):
        return tf.repeat(poses, len(self._signs), axis=1)

    def _distances(self, clouds, observed):
        """Return the Chamfer distances `(batch,)` and the visibility of the points `(batch, n)`."""
        squared = self.settings.squared
        if self.settings.visibility == "soft":
            visible = soft_visibility(clouds, self.settings.camera_place)
            return soft_chamfer_distance(clouds, visible, observed), visible
        if self.settings.visibility == "none":
            return chamfer_distance(clouds, observed, squared=squared), tf.ones(tf.shape(clouds)[:2])
        visible = self._removal(tf.stop_gradient(clouds))
        distances = chamfer_distance(clouds, observed, squared=squared, a_mask=visible)
        return distances, tf.cast(visible, clouds.dtype)

    def _of_scenes(self, losses):
        by_hypothesis = tf.reshape(losses, (-1, self.settings.hypotheses, len(self._signs)))
        gamma = None
        if self.settings.combination == "softmin":
            gamma = self.settings.gamma_rate * tf.cast(self.optimizer.iterations, losses.dtype)
        return winner_takes_all(combined_channels(by_hypothesis, gamma))

    def _follow_visibility(self, visible):
        share = tf.reduce_mean(tf.reduce_max(visible, axis=1), axis=0)
        self.seen.assign(SEEN_MOMENTUM * self.seen + (1 - SEEN_MOMENTUM) * share)

    def get_config(self):
        return {"name": self.name, **asdict(self.settings)}

    def get_compile_config(self):
        return {
            "optimizer": keras.saving.serialize_keras_object(self.optimizer),
            "model_optimizer": keras.saving.serialize_keras_object(self.model_optimizer),
        }

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(one) for name, one in config.items()})
