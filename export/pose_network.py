"""A Keras model seen as a pose network: depth in, the pose of every instance out, its limits checked first."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from tfapp.export.errors import ExportError, reason_of
from tfapp.export.keras_model import check_keras_model, tolerance_of
from tfapp.export.sample_depth import sample_depth

OUTPUTS = ("quaternion", "translation", "reflected")


@dataclass(frozen=True)
class PoseNetwork:
    """What the endpoints and the check need to know of a model.

    Attributes:
        model: Keras model, from depth `(batch, height, width)` to a dict of `quaternion` `(batch, N, 4)`,
            `translation` `(batch, N, 3)`, bool `reflected` `(batch, N)` and `choice` `(batch, N, alternatives)`.
        camera: Dict of `width` and `height` (int), `fx`, `fy`, `cx`, `cy` in pixels and `depth_scale`, the
            millimetres of one step of a 16-bit image.
        distance: How far from the camera, in metres, parts lie.
        num_instances: N.
        tolerance: Largest accepted difference of two numbers of a pose computed by two runtimes.
    """

    model: keras.Model
    camera: dict
    distance: float
    num_instances: int
    tolerance: float

    def answer(self, depth):
        """Return what the model says of float32 `depth`: dict of its four outputs, numbers as float32."""
        found = self.model(depth, training=False)
        numbers = {
            alias: tf.cast(found[alias], tf.float32) for alias in ("quaternion", "translation", "choice")
        }
        return {**numbers, "reflected": found["reflected"]}


def inspect_pose_network(model, camera, distance):
    """Try `model` on one depth image and return it as a `PoseNetwork`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `camera` or `distance` unusable; other inputs or
            outputs than those of a pose network.
    """
    check_keras_model(model)
    camera = _checked_camera(camera)
    if not (np.isfinite(distance) and distance > 0):
        raise ExportError(f"`distance` must be a positive length in metres. Received: distance={distance!r}.")
    size = (camera["height"], camera["width"])
    if getattr(model, "input_shape", None) != (None, *size):
        raise ExportError(
            f"`model` must take depth (batch, {size[0]}, {size[1]}), the size of the camera's images. "
            f"Received: input shape {getattr(model, 'input_shape', None)}."
        )
    # A float32 number in metres is known to a share of itself.
    tolerance = tolerance_of(model) * max(1.0, float(distance))
    trial = PoseNetwork(model, camera, float(distance), 0, tolerance)
    return replace(trial, num_instances=_try(trial))


def _checked_camera(camera):
    names = ("width", "height", "fx", "fy", "cx", "cy")
    try:
        sizes = {name: int(camera[name]) for name in names[:2]}
        lengths = {name: float(camera[name]) for name in names[2:]}
        found = {**sizes, **lengths, "depth_scale": float(camera.get("depth_scale", 1.0))}
    except (KeyError, TypeError, ValueError, AttributeError):
        found = {}
    if not found or not all(np.isfinite(value) and value > 0 for value in found.values()):
        raise ExportError(
            f"`camera` must have positive numbers {', '.join(names)}. Received: camera={camera!r}."
        )
    return found


def _try(network):
    depth = sample_depth(network.camera, network.distance)[np.newaxis]
    try:
        with tf.device("cpu:0"):
            found = {alias: value.numpy() for alias, value in network.answer(depth).items()}
    except Exception as error:
        raise ExportError(
            f"`model` must give a dict of {', '.join(OUTPUTS)} and choice for depth {depth.shape}. "
            f"Received: {type(error).__name__} ({reason_of(error)})."
        ) from error
    shapes = {alias: value.shape for alias, value in found.items()}
    count = found["reflected"].shape[-1] if found["reflected"].ndim == 2 else 0
    wanted = {"quaternion": (1, count, 4), "translation": (1, count, 3), "reflected": (1, count)}
    if (
        not count
        or any(shapes[alias] != shape for alias, shape in wanted.items())
        or found["choice"].shape[:-1] != (1, count)
    ):
        raise ExportError(
            "`model` must give quaternion (batch, N, 4), translation (batch, N, 3), reflected (batch, N) and "
            f"choice (batch, N, alternatives). Received: {shapes} for one image."
        )
    _check_values(found)
    return count


def _check_values(found):
    if found["reflected"].dtype != bool:
        raise ExportError(f"`reflected` of `model` must be bool. Received: {found['reflected'].dtype}.")
    for alias in ("translation", "choice"):
        if not np.isfinite(found[alias]).all():
            raise ExportError(
                f"`{alias}` of `model` must be finite. Received: NaN or infinity; train it anew."
            )
    lengths = np.linalg.norm(found["quaternion"], axis=-1)
    # 1e-2 leaves room for half precision; written so that NaN fails.
    if not np.all(np.abs(lengths - 1) < 1e-2):
        raise ExportError(f"`quaternion` of `model` must have length 1. Received: lengths {lengths.ravel()}.")
