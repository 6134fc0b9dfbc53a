"""Export a pose network for TensorFlow Serving: depth in, the pose of every instance out."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import reason_of_call
from tfapp.export.archive import Servable, write_version
from tfapp.export.depth_images import NOTHING, decode_depth, in_metres, is_measured
from tfapp.export.errors import ExportError
from tfapp.export.kinds import POSE_NETWORK
from tfapp.export.manifest import EXTRA
from tfapp.export.requests import BYTES, DEFAULT, Request, check_keras_model, decided, tolerance_of

OUTPUTS = ("quaternion", "translation", "reflected", "found")
OBJECT_FILE = "object.ply"
CONVENTION = (
    "A point x of the object model is at R x + t in the frame of the camera (x right, y down, z forward), and at "
    "-R x + t where `reflected` is true; R is the rotation of `quaternion`, t is `translation`."
)
_SAID = ("quaternion", "translation", "reflected", "choice")
# What inputs and outputs mean, by alias.
MEANINGS = {
    "depth": "depth along the optical axis in metres, of the parts alone; 0, NaN or infinite where none is",
    "quaternion": "rotation R of each instance, (w, x, y, z) of length 1",
    "translation": "translation t of each instance in metres, in the frame of the camera",
    "reflected": "whether the instance shows the object model by -R, not by R",
    "found": "whether anything was measured in the scene; if not, quaternions are (1, 0, 0, 0) and translations 0",
}


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
    # What a depth image of whole numbers has where nothing was measured.
    nothing = 0.0

    def served(self, depth):
        """Return what is served of the answer to float32 `depth`, by output alias."""
        found = self.poses(depth)
        return {alias: found[alias] for alias in OUTPUTS}

    def answer(self, depth):
        """Return what the model says of float32 `depth`: dict of its four outputs, numbers as float32."""
        found = self.model(depth, training=False)
        numbers = {
            alias: tf.cast(found[alias], tf.float32) for alias in ("quaternion", "translation", "choice")
        }
        return {**numbers, "reflected": found["reflected"]}

    def poses(self, depth):
        """Return the `answer` with `found`: what a network says of an image of nothing is no pose."""
        said = self.answer(depth)
        found = tf.reduce_any(is_measured(depth), [1, 2])[:, None] & tf.ones_like(said["reflected"])
        return {
            "quaternion": tf.where(found[..., None], said["quaternion"], tf.constant([1.0, 0.0, 0.0, 0.0])),
            "translation": tf.where(found[..., None], said["translation"], 0.0),
            "choice": said["choice"],
            "reflected": said["reflected"] & found,
            "found": found,
        }


def inspect_pose_network(model, camera, distance):
    """Try `model` on one depth image and return it as a `PoseNetwork`.

    Raises:
        ExportError: not a Keras model on the TensorFlow backend; `camera` or `distance` unusable; other inputs or
            outputs than those of a pose network.
    """
    check_keras_model(model)
    camera = checked_camera(camera)
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


def checked_camera(camera):
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
            f"`model` must give a dict of {', '.join(_SAID)} for depth {depth.shape}. "
            f"Received: {type(error).__name__} ({reason_of_call(error)})."
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


def export_pose_network(model, base_path, *, camera, distance, object_points, version=None, metadata=None):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.archive.write_version` says. Signatures
    (`tfapp.export.pose.pose_endpoints`): `serving_default` float32 depth, `serving_bytes` 16-bit PNG
    files. The points of the object model go with it as `assets.extra/object.ply`, the camera stands in
    `assets.extra/export.json`.

    Args:
        model: Keras model from depth float32 `(batch, height, width)` in metres, of the parts alone, to a dict
            of `quaternion` `(batch, N, 4)`, (w, x, y, z) of length 1, `translation` `(batch, N, 3)` in metres in
            the frame of the camera, bool `reflected` `(batch, N)` and `choice` `(batch, N, alternatives)`, the
            logits of which the largest decided between poses (one column where there was nothing to decide).
            The last one is not served: it tells which scenes of the check are too close to call.
        base_path: Folder of the model, which holds one folder per version; made if missing.
        camera: Dict of `width`, `height`, `fx`, `fy`, `cx`, `cy` in pixels, and `depth_scale`, the millimetres
            that a step of a 16-bit image stands for, 1 if it is missing.
        distance: Metres from the camera to where parts lie; images for the check are made there.
        object_points: `(m, 3)`, the object model in metres, in its own frame.
        version: Positive int, or None for the highest existing version plus one.
        metadata: Dict of JSON values kept in `assets.extra/export.json`; `git_commit` is shown at its top.

    Returns:
        `pathlib.Path` of the version folder.

    Raises:
        ExportError: unusable arguments, a folder that cannot be written, or an artifact that does not answer as
            the model does (differences beyond 1e-5, times `distance` if that is more than a metre; four epsilons
            of the compute dtype for half precision).
    """
    network = inspect_pose_network(model, camera, distance)
    return write_version(ServedPoses(network, checked_points(object_points)), base_path, version, metadata)


@dataclass(frozen=True, eq=False)
class ServedPoses(Servable):
    """A pose network with the object model that its poses are of.

    Attributes:
        network: `PoseNetwork`.
        object_points: float32 `(m, 3)`, metres.
    """

    network: PoseNetwork
    object_points: np.ndarray
    kind = POSE_NETWORK

    @property
    def model(self):
        return self.network.model

    @property
    def tolerance(self):
        return self.network.tolerance

    def endpoints(self):
        return pose_endpoints(self.network)

    def stored_requests(self):
        return stored_pose_requests(self.network)

    def warmup_requests(self):
        return warmup_pose_requests(self.network)

    def meaning(self, alias, dtype):
        del dtype
        step = self.network.camera["depth_scale"]
        files = f"16-bit grey PNG files of depth, {step:g} mm a step, of the parts alone; 0 where none is"
        return MEANINGS.get(alias, files)

    def facts(self):
        return {
            "instances": self.network.num_instances,
            "camera": self.network.camera,
            "distance": self.network.distance,
            "object_model": {
                "file": f"{EXTRA}/{OBJECT_FILE}",
                "points": len(self.object_points),
                "unit": "metre",
            },
            "convention": CONVENTION,
        }

    def assets(self):
        return {OBJECT_FILE: ply_text(self.object_points)}


def checked_points(points):
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise ExportError(
            "`object_points` must be finite points (m, 3) in metres. "
            f"Received: an array of shape {points.shape}, {np.count_nonzero(~np.isfinite(points))} numbers not finite."
        )
    return points


def pose_endpoints(network):
    """Functions to export by signature name.

    Args:
        network: `PoseNetwork` or `tfapp.export.refined_pose.RefinedPoseNetwork`, of N instances in images of H x W.

    Returns:
        Dict of `(function, input signature)`, B scenes in a request:
        `serving_default`: `depth` float32 `(B, H, W)` in metres to `quaternion` float32 `(B, N, 4)`, `translation`
        float32 `(B, N, 3)` in metres, `reflected` and `found` bool `(B, N)` (true and false also in JSON);
        `serving_bytes`: `depth_bytes` string `(B,)`, 16-bit grey PNG files in steps of the camera's `depth_scale`, to
        the same. One bad file fails its whole request with INVALID_ARGUMENT, and so does depth of another size, or
        mostly beyond 0.01 to 10 m, as in millimetres. Of refined poses the outputs are those
        that `RefinedPoseNetwork` names.
    """
    size = (network.camera["height"], network.camera["width"])

    def from_files(depth_bytes):
        one = tf.TensorSpec(size, tf.float32)
        decoded = tf.map_fn(
            lambda contents: decode_depth(contents, network.camera, network.nothing),
            depth_bytes,
            fn_output_signature=one,
        )
        return network.served(in_metres(decoded, size))

    def from_depth(depth):
        return network.served(in_metres(depth, size))

    return {
        DEFAULT: (from_depth, [tf.TensorSpec((None, *size), tf.float32, name="depth")]),
        BYTES: (from_files, [tf.TensorSpec((None,), tf.string, name="depth_bytes")]),
    }


def stored_pose_requests(network):
    """The requests that go with the artifact: one scene, three with NaN, with infinity and with no part at
    all, and two files."""
    first, second = (sample_depth(network.camera, network.distance, seed) for seed in (1, 2))
    holes = [np.where(first > 0, first, np.nan), np.where(second > 0, second, np.inf), np.zeros_like(first)]
    return [
        depth_request(network, first[np.newaxis]),
        depth_request(network, np.stack(holes)),
        files_request(network, [first, second]),
    ]


def warmup_pose_requests(network):
    """One request per signature, each of a single scene."""
    depth = sample_depth(network.camera, network.distance)
    return [depth_request(network, depth[np.newaxis]), files_request(network, [depth])]


def depth_request(network, depth):
    """`serving_default` on float32 `depth` `(batch, height, width)` in metres."""
    return Request(DEFAULT, {"depth": depth}, keras_poses(network, depth))


def files_request(network, pictures):
    """`serving_bytes` on a list of depth images `(height, width)` in metres, encoded to whole steps."""
    files, depth = encoded(pictures, network.camera)
    return Request(BYTES, {"depth_bytes": files}, keras_poses(network, depth))


def encoded(pictures, camera):
    """Return depth images `(height, width)` in metres as 16-bit PNG files, and the depth `(batch, ...)` these hold."""
    step = camera["depth_scale"] / 1000
    whole = np.clip(np.rint(np.stack(pictures) / step), 0, NOTHING - 1).astype(np.uint16)
    files = [tf.io.encode_png(one[..., np.newaxis]).numpy() for one in whole]
    # An S array drops trailing zero bytes; PNG ends in a constant 0x82.
    return np.array(files, "S"), whole.astype(np.float32) * np.float32(step)


def keras_poses(network, depth):
    """What the Keras model says, arrays by output alias, and `decided`: in which scenes it has a clear choice
    for all instances.

    On the CPU, as the check runs there: a GPU's TF32 convolutions differ by more than the tolerance.
    """
    with tf.device("cpu:0"):
        found = {alias: value.numpy() for alias, value in network.poses(depth).items()}
    poses = {alias: found[alias] for alias in OUTPUTS}
    return {**poses, "decided": decided(found["choice"], network.tolerance).all(-1)}


def sample_depth(camera, distance, seed=0):
    """Rough discs in front of nothing, float32 `(height, width)` in metres, 0 where there is none.

    Args:
        camera: Dict with `height` and `width`, in pixels.
        distance: Metres to about the middle of the discs.
        seed: The same image for the same arguments.
    """
    size = np.array([camera["height"], camera["width"]])
    generator = np.random.default_rng([seed, *size])
    rows, columns = np.ogrid[: size[0], : size[1]]
    depth = np.zeros(size, np.float32)
    for _ in range(4):
        (row, column), radius = (
            generator.uniform(0.15, 0.85, 2) * size,
            generator.uniform(0.1, 0.2) * size.min(),
        )
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        rough = generator.normal(generator.uniform(0.93, 1.02), 0.003, size)
        depth = np.where(inside, distance * rough, depth)
    return depth.astype(np.float32)


def ply_text(points):
    """Return `points` `(m, 3)` in metres as the text of a PLY file of float32."""
    header = (
        "ply\nformat ascii 1.0\ncomment metres\n"
        f"element vertex {len(points)}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    # Nine digits give every float32 back.
    rows = ("{:.9g} {:.9g} {:.9g}\n".format(*point) for point in np.asarray(points, np.float32))
    return header + "".join(rows)
