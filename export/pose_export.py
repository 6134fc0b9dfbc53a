"""Export a pose network for TensorFlow Serving."""

from dataclasses import dataclass

import numpy as np

from tfapp.export.errors import ExportError
from tfapp.export.kinds import POSE_NETWORK
from tfapp.export.manifest import EXTRA
from tfapp.export.point_file import ply_text
from tfapp.export.pose_network import PoseNetwork, inspect_pose_network
from tfapp.export.pose_reference import stored_pose_requests, warmup_pose_requests
from tfapp.export.pose_signatures import pose_endpoints
from tfapp.export.servable import Servable
from tfapp.export.writer import write_version

OBJECT_FILE = "object.ply"
CONVENTION = (
    "A point x of the object model is at R x + t in the frame of the camera (x right, y down, z forward), and at "
    "-R x + t where `reflected` is true; R is the rotation of `quaternion`, t is `translation`."
)
# What inputs and outputs mean, by alias.
MEANINGS = {
    "depth": "depth along the optical axis in metres, of the parts alone; 0, NaN or infinite where none is",
    "quaternion": "rotation R of each instance, (w, x, y, z) of length 1",
    "translation": "translation t of each instance in metres, in the frame of the camera",
    "reflected": "whether the instance shows the object model by -R, not by R",
}


def export_pose_network(model, base_path, *, camera, distance, object_points, version=None, metadata=None):
    """Export `model` to `base_path/<version>/` and return that path.

    The folder is checked and published as `tfapp.export.writer.write_version` says. Signatures
    (`tfapp.export.pose_signatures.pose_endpoints`): `serving_default` float32 depth, `serving_bytes` 16-bit PNG
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
    return write_version(ServedPoses(network, _points(object_points)), base_path, version, metadata)


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


def _points(points):
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise ExportError(
            "`object_points` must be finite points (m, 3) in metres. "
            f"Received: an array of shape {points.shape}, {np.count_nonzero(~np.isfinite(points))} numbers not finite."
        )
    return points
