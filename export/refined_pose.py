"""Export refined poses for TensorFlow Serving: depth in; pose, label and confidence of every instance out."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.archive import write_version
from tfapp.export.comparisons import REFINED_SHARES
from tfapp.export.drawn_parts import drawn_parts
from tfapp.export.errors import ExportError
from tfapp.export.kinds import REFINED_POSES
from tfapp.export.pose import ServedPoses, checked_camera, checked_points, encoded
from tfapp.export.requests import BYTES, DEFAULT, Request, check_keras_model

# Largest accepted difference of a number of a quaternion, a share or a confidence; lengths, in metres, are compared
# to a tenth of it.
TOLERANCE = 1e-3
_NOT_FOUND = "where `found` is false"
_MEANINGS = {
    "depth": "depth along the optical axis in metres, of the parts alone; 0 or infinite where none is, NaN where it is "
    "not known whether one is",
    "quaternion": f"rotation R of each instance, (w, x, y, z) of length 1; (1, 0, 0, 0) {_NOT_FOUND}",
    "translation": f"translation t of each instance in metres, in the frame of the camera; 0 {_NOT_FOUND}",
    "reflected": "always false",
    "residual": "metres that are left between the part at this pose and what was measured; the most it can be "
    f"{_NOT_FOUND}",
    "shown": f"share, 0 to 1, of the side facing the camera that was measured; 0 {_NOT_FOUND}",
    "margin": f"metres by which the next best pose of another kind fits worse; 0 {_NOT_FOUND}",
    "confidence": "how likely the pose is right within 10 degrees and a tenth of the part's extent, 0 to 1; 0 "
    f"{_NOT_FOUND}",
    "found": "whether there is such an instance; if not, its other numbers mean nothing",
    "labels": "which instance each pixel belongs to, from 1 in the order of the poses; 0 for none",
}
# Aliases, what follows the batch, and kind of dtype; N instances in images of H x W.
_SHAPES = {
    "quaternion": ("N", 4, "f"),
    "translation": ("N", 3, "f"),
    "reflected": ("N", "b"),
    "residual": ("N", "f"),
    "shown": ("N", "f"),
    "margin": ("N", "f"),
    "confidence": ("N", "f"),
    "found": ("N", "b"),
    "labels": ("H", "W", "u"),
}
# Scenes that are drawn until one has poses that the last bit of the depth does not change.
_DRAWN = 8
# A depth that differs by so little, as a share, may not lead to another pose.
_LITTLE = 1e-6


@dataclass(frozen=True, eq=False)
class RefinedPoseNetwork:
    """What the endpoints and the check need to know of a model of refined poses.

    Attributes:
        model: Keras model, from depth `(batch, height, width)` to a dict of `quaternion` `(batch, N, 4)`, `translation`
            `(batch, N, 3)`, bool `reflected` and `found` `(batch, N)`, `residual`, `shown`, `margin`, `confidence`
            `(batch, N)` and uint8 `labels` `(batch, height, width)`.
        camera, distance: As of `tfapp.export.pose.PoseNetwork`.
        num_instances: N.
        object_points: float32 `(m, 3)`, metres.
        tolerance: Largest accepted difference of two numbers; of lengths a tenth of it.
    """

    model: keras.Model
    camera: dict
    distance: float
    num_instances: int
    object_points: np.ndarray
    tolerance: float = TOLERANCE
    nothing = np.nan

    def __post_init__(self):
        size = (self.camera["height"], self.camera["width"])
        # One graph for all signatures: of its tens of thousands of operations a server should load no second copy.
        depth = tf.TensorSpec((None, *size), tf.float32, name="depth")
        graph = tf.function(self.answer, input_signature=[depth], autograph=False)
        object.__setattr__(self, "served", graph)

    def answer(self, depth):
        """Return what the model says of float32 `depth`, by output alias; `served` does so in one graph."""
        found = self.model(depth, training=False)
        return {alias: found[alias] for alias in _SHAPES}

    def expected(self, depth):
        """Return what the model says of float32 `depth`, image by image and operation by operation, as arrays.

        `decided` `(batch, N)` goes with it: where it says the same in one graph, and of a depth that differs in its
        last bits. Elsewhere two poses fit alike, and another computer may choose the other one.
        """
        with tf.device("cpu:0"):
            answers = [self._expected_of_one(one[np.newaxis]) for one in depth]
        return {alias: np.concatenate([one[alias] for one in answers]) for alias in answers[0]}

    def _expected_of_one(self, depth):
        answer = _arrays(self.answer(tf.constant(depth)))
        others = [_arrays(self.served(tf.constant(one))) for one in (depth, depth * np.float32(1 + _LITTLE))]
        decided = np.all([_same(answer, other, self.tolerance / 10) for other in others], 0)
        return {**answer, "decided": decided}


def _arrays(found):
    return {alias: value.numpy() for alias, value in found.items()}


def _same(one, other, tolerance):
    """Return which instances have the same numbers, bool `(1, N)`."""
    same = one["found"] == other["found"]
    for alias in ("quaternion", "translation", "residual", "margin", *REFINED_SHARES):
        near = np.abs(one[alias] - other[alias]) <= tolerance
        same &= near.reshape(*same.shape, -1).all(-1)
    return same


def export_refined_poses(model, base_path, *, camera, distance, object_points, version=None, metadata=None):
    """Export `model` to `base_path/<version>/` and return that path.

    As `tfapp.export.export_pose_network`, with the outputs `residual`, `shown`, `margin`, `confidence`, `found` and
    `labels` besides. The requests that it is checked by are pictures of the object model, drawn at random poses: one
    of all instances; one of these, one of a single instance, one of none, one of NaN and one of infinite depth
    together; and files. What the model says of each image alone must come back, in their order, to 1e-3 (lengths to
    0.1 mm).

    Args:
        model: Keras model as `RefinedPoseNetwork` has it.
        base_path, camera, distance, version, metadata: As for `export_pose_network`.
        object_points: `(m, 3)`, the object model in metres, dense enough to be drawn.

    Raises:
        ExportError: As `export_pose_network`; or no pose of a drawn scene is the same when the last bit of the depth
            changes, so that nothing can be compared.
    """
    network = inspect_refined_poses(model, camera, distance, object_points)
    return write_version(ServedRefinedPoses(network, network.object_points), base_path, version, metadata)


def inspect_refined_poses(model, camera, distance, object_points):
    """Try `model` on one depth image of nothing and return it as a `RefinedPoseNetwork`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `camera`, `distance` or `object_points` unusable;
            other outputs than those of a model of refined poses.
    """
    check_keras_model(model)
    camera, points = checked_camera(camera), checked_points(object_points)
    if not (np.isfinite(distance) and distance > 0):
        raise ExportError(f"`distance` must be a positive length in metres. Received: distance={distance!r}.")
    size = {"H": camera["height"], "W": camera["width"]}
    try:
        with tf.device("cpu:0"):
            found = model(tf.zeros((1, size["H"], size["W"])), training=False)
        size["N"] = found["found"].shape[1]
        got = {alias: (*found[alias].shape[1:], found[alias].numpy().dtype.kind) for alias in _SHAPES}
    except Exception as error:
        raise ExportError(
            f"`model` must give a dict of {', '.join(_SHAPES)} for depth (1, {size['H']}, {size['W']}). "
            f"Received: {type(error).__name__} ({reason_of_call(error)})."
        ) from error
    for alias, shape in _SHAPES.items():
        wanted = tuple(size.get(one, one) for one in shape)
        if got[alias] != wanted:
            raise ExportError(f"`{alias}` of `model` must be {wanted} for one image. Received: {got[alias]}.")
    return RefinedPoseNetwork(model, camera, float(distance), size["N"], points)


class ServedRefinedPoses(ServedPoses):
    """A model of refined poses with the object model that they are of."""

    kind = REFINED_POSES

    def stored_requests(self):
        """The requests that go with the artifact: a scene; a batch with all that may lack in one; two files."""
        network = self.network
        first = self._scene()
        single, nothing = self._drawn(1, 1), np.zeros_like(first)
        unknown = np.where(first > 0, first, np.nan).astype(np.float32)
        batch = [unknown, single, nothing, np.full_like(first, np.nan), np.full_like(first, np.inf), first]
        return [
            depth_request(network, first[np.newaxis]),
            depth_request(network, np.stack(batch)),
            files_request(network, [self._drawn(network.num_instances, 2), first]),
        ]

    def warmup_requests(self):
        """One request per signature, each of a single scene."""
        depth = self._drawn(self.network.num_instances, 0)
        return [depth_request(self.network, depth[np.newaxis]), files_request(self.network, [depth])]

    def meaning(self, alias, dtype):
        del dtype
        step = self.network.camera["depth_scale"]
        files = (
            f"16-bit grey PNG files of depth, {step:g} mm a step, of the parts alone; 0 where none is, 65535 where it "
            "is not known whether one is"
        )
        return _MEANINGS.get(alias, files)

    def _drawn(self, count, seed):
        network = self.network
        return drawn_parts(network.object_points, network.camera, network.distance, count, seed)

    def _scene(self):
        """Return a drawn scene in which an instance at least is found whatever the last bits of the depth are."""
        for seed in range(_DRAWN):
            depth = self._drawn(self.network.num_instances, seed)
            expected = self.network.expected(depth[np.newaxis])
            if (expected["found"] & expected["decided"]).any():
                return depth
        raise ExportError(
            f"`model` must find a part in one of {_DRAWN} pictures of its own object model, and the same one when the "
            "last bits of the depth change. Received: none, so that the export could not be checked."
        )


def depth_request(network, depth):
    """`serving_default` on float32 `depth` `(batch, height, width)` in metres."""
    return Request(DEFAULT, {"depth": depth}, network.expected(depth))


def files_request(network, pictures):
    """`serving_bytes` on a list of depth images `(height, width)` in metres, encoded to whole steps."""
    files, depth = encoded(pictures, network.camera)
    return Request(BYTES, {"depth_bytes": files}, network.expected(depth))
