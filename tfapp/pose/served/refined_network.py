"""Keras model from depth to refined poses: network, registration to the refined model and what speaks for each pose."""

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers import quaternion_from_rotation, rotation_from_quaternion
from tfapp.pose.refinement import confidence
from tfapp.pose.served import rounds
from tfapp.pose.served.drawn_points import scene_points
from tfapp.pose.served.labels import labels_of
from tfapp.pose.served.part import part_of
from tfapp.pose.served.pictures import cleaned, pictures_of, point_map
from tfapp.pose.served.verdict import judged

# Places of a scene that are searched anew, for each instance; and of one that nothing is known of.
_PLACES, _FIRST_PLACES = 2, 3
# Arrays of more numbers than this are weights, which are stored once, whatever the number of signatures.
_SMALL = 64


def refined_pose_network(refined, camera, instances, distance, model=None):
    """Return a Keras model that gives refined poses.

    Input: depth float32 `(batch, height, width)` in metres, of the parts alone: NaN where it is not known whether a
    part is there, 0, negative or infinite where none is. Outputs, with N instances: `quaternion` `(batch, N, 4)`,
    (w, x, y, z) of length 1 and w not negative; `translation` `(batch, N, 3)` in metres in the frame of the camera;
    `reflected` bool `(batch, N)`, always false; `residual`, `shown`, `margin` and bool `found` `(batch, N)`, as of
    `Verdict`; `confidence` `(batch, N)` as of `tfapp.pose.refinement.confidence`, 0 where no instance was found;
    `labels` uint8 `(batch, height, width)`, as of `labels_of`. The graph holds TensorFlow's operations alone and has a
    fixed number of steps. Scenes of a batch do not depend on each other. Weights of the network are shared with
    `model`.

    Args:
        refined: `RefinedModel`.
        camera: `Camera`.
        instances: Fewest and most instances of a scene, the second one N.
        distance: Metres from the camera to about where parts lie.
        model: `PoseModel` whose hypotheses the search begins with, of N instances and a model in the frame of
            `refined`; None to look everywhere.
    """
    depth = keras.Input((camera.height, camera.width), name="depth")
    given, frame = [depth], {}
    if model is not None:
        outputs = model.network(CleanedDepth(dtype="float32", name="cleaned")(depth))
        given += [outputs["quaternion"], outputs["translation"]]
        frame = {"centre": model.settings.centre, "unit": model.settings.unit}
    layer = RefinedPoses(
        part_of(refined, distance), camera, instances, **frame, dtype="float32", name="refined_poses"
    )
    return keras.Model(depth, layer(given), name="refined_pose_network")


class CleanedDepth(keras.layers.Layer):
    """Depth with 0 wherever no part was measured, so that no number is too large for the network."""

    def call(self, depth):
        return cleaned(depth)


class RefinedPoses(keras.layers.Layer):
    """Registers a part to depth images.

    Input: list of depth `(batch, height, width)` and, if there is a network, its `quaternion` `(batch, K, N, 4)` and
    `translation` `(batch, K, N, 3)`. Output: as of `refined_pose_network`.

    Args:
        part: `Part`, as arrays.
        camera: `Camera`.
        instances: Fewest and most instances of a scene, the second one N.
        centre: Point of the camera's frame in metres that is the network's origin.
        unit: Length in metres that is 1 to the network.
    """

    def __init__(self, part, camera, instances, centre=(0.0, 0.0, 0.0), unit=1.0, **kwargs):
        super().__init__(**kwargs)
        self.least, self.instances = instances
        self._centre, self._unit = np.array(centre, np.float32), float(unit)
        self._intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
        self._part = tf.nest.map_structure(self._kept, part)

    def call(self, inputs):
        depth, *hypotheses = inputs
        part = tf.nest.map_structure(tf.convert_to_tensor, self._part)
        intrinsics, unknown, count = tf.constant(self._intrinsics), tf.math.is_nan(depth), self.instances
        depth = cleaned(depth)
        height, width = depth.shape[1:]
        points = tf.reshape(point_map(depth, intrinsics), (-1, height * width, 3))
        drawn = scene_points(points, min(rounds.DIVIDED * count, height * width))
        scenes = rounds.Scenes(*drawn, pictures_of(depth, unknown, intrinsics), self.least)
        if hypotheses:
            placed = rounds.from_hypotheses(scenes, part, *self._in_metres(*hypotheses), count)
        else:
            placed = rounds.searched_anew(scenes, part, rounds.nowhere(scenes, count), _FIRST_PLACES * count)
        placed = rounds.registered(scenes, part, placed, wide=False)
        placed = rounds.searched_anew(scenes, part, placed, _PLACES * count)
        placed = rounds.registered(scenes, part, placed, wide=True)
        verdict = judged(scenes, part, placed)
        quaternion = quaternion_from_rotation(verdict.rotation)
        return {
            # Of the two quaternions of a rotation the one whose real part is not negative.
            "quaternion": tf.where(quaternion[..., :1] < 0, -quaternion, quaternion),
            "translation": verdict.translation,
            "reflected": tf.zeros_like(verdict.found),
            "residual": verdict.residual,
            "shown": verdict.shown,
            "margin": verdict.margin,
            "confidence": tf.where(verdict.found, _confidence(verdict, part.extent), 0.0),
            "found": verdict.found,
            "labels": tf.reshape(labels_of(points, part, verdict), (-1, height, width)),
        }

    def _in_metres(self, quaternion, translation):
        rotation = rotation_from_quaternion(quaternion)
        count = quaternion.shape[1] * quaternion.shape[2]
        translation = translation * self._unit + self._centre
        return tf.reshape(rotation, (-1, count, 3, 3)), tf.reshape(translation, (-1, count, 3))

    def _kept(self, array):
        if array.size <= _SMALL:
            return array
        return self.add_weight(
            shape=array.shape,
            dtype=array.dtype.name,
            initializer=lambda shape, dtype: tf.constant(array, dtype),
            trainable=False,
            name="part",
        )


def _confidence(verdict, extent):
    """Return what `confidence.confidence` says, `(B, N)`, by the same features and weights."""
    lengths = (tf.maximum(one / extent, 1e-4) for one in (verdict.residual, verdict.margin))
    residual, margin = (tf.math.log(one) / np.log(10.0) for one in lengths)
    features = tf.stack([residual, verdict.shown, margin], -1)
    weights = tf.constant(confidence.WEIGHTS, features.dtype)
    return tf.sigmoid(tf.reduce_sum(features * weights, -1) + confidence.BIAS)
