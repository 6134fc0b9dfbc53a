"""Surfaces of the parts that are simulated, and scenes of one each at known poses, for tests of the refinement."""

import numpy as np
from scipy.spatial.transform import Rotation

from tfapp.pose.libraries import import_open3d
from tfapp.pose.refinement.evidence import evidence_of
from tfapp.pose.refinement.scene_set import SceneSet
from tfapp.pose.scenes.camera import Camera
from tfapp.pose.simulation.ray_casting import DepthCaster

CAMERA = Camera(64, 64, 300.0, 300.0, 32.0, 32.0)
_AWAY = np.array([0.0, 0.0, 0.5])


def surface_of(part, count=3000, seed=0):
    """Return points (count, 3) of the surface of a part, uniformly drawn."""
    rng = np.random.default_rng(seed)
    corners = part.vertices[part.triangles]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    shares = np.sort(rng.random((count, 2)), axis=1)
    weights = np.stack([shares[:, 0], shares[:, 1] - shares[:, 0], 1 - shares[:, 1]], 1)
    return np.einsum("cp,cpx->cx", weights, corners[rng.choice(len(areas), count, p=areas / areas.sum())])


def scenes_of_part(part, count=60, seed=0):
    """Return the `SceneSet` of scenes that show one part each at a random pose, with true labels and poses."""
    import_open3d()
    caster = DepthCaster(part, 10.0, CAMERA)
    rotations = Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()
    # The floor of the bin is far behind.
    seen = [caster.cast((np.diag([1.0, -1, -1]), 9 * _AWAY), one[None], _AWAY[None]) for one in rotations]
    parts = np.stack([np.where(one.labels > 0, one.depth, 0) for one in seen])
    points = [CAMERA.back_project(depth)[0].astype(float) for depth in parts]
    labels = [np.zeros(len(some), int) for some in points]
    found = SceneSet(
        points, labels, evidence_of(parts, [CAMERA] * count), np.tile(CAMERA.intrinsics, (count, 1)), 1
    )
    found.rotation, found.translation = rotations[:, None], np.tile(_AWAY, (count, 1, 1))
    found.residual[:] = 0
    return found
