"""A box on a floor below a camera, with or without a wall beside it: a scene whose grasps can be told by hand."""

from types import SimpleNamespace

import numpy as np
from meshes import boxes
from scipy.spatial.transform import Rotation

from tests.pose.fitted_runs import surface_points
from tfapp.pose.model_surface import ModelSurface
from tfapp.pose.predictions import ScenePoses
from tfapp.pose.refinement.alternation import RefinedModel
from tfapp.pose.scenes.camera import Camera

# Metres: a box of 40 x 20 x 10 mm whose centre is the origin of its frame.
SIDES = np.array([0.04, 0.02, 0.01])
MESH = boxes((-SIDES / 2, SIDES / 2))
VOXEL = 0.0012
CAMERA = Camera(120, 120, 480.0, 480.0, 60.0, 60.0)
FLOOR = 0.5


def box_surface():
    vertices, triangles = MESH
    points = surface_points(vertices, triangles, 10_000)
    return ModelSurface(vertices, triangles, points, np.zeros_like(points), VOXEL)


def depth_of_box(wall=None):
    """Return the depth of the box in the middle, long along x of the picture, and of a wall from y = `wall` down."""
    depth = np.full((CAMERA.height, CAMERA.width), FLOOR, np.float32)
    top = FLOOR - SIDES[2]
    x, y = (CAMERA.rays()[..., axis] for axis in (0, 1))
    if wall is not None:
        depth[y * (FLOOR - 0.03) > wall] = FLOOR - 0.03
    depth[(np.abs(x * top) < SIDES[0] / 2) & (np.abs(y * top) < SIDES[1] / 2)] = top
    return depth


def pose_of_box():
    """Return the rotation and translation of the box: its z leads up, to the camera."""
    return Rotation.from_euler("x", 180, degrees=True).as_matrix(), np.array([0, 0, FLOOR - SIDES[2] / 2])


def scene_poses(points, confidence=(0.9,)):
    """Return the `ScenePoses` of as many boxes, all at one place."""
    rotation, translation = pose_of_box()
    count = len(confidence)
    clouds = np.tile(points @ rotation.T + translation, (count, 1, 1))
    return ScenePoses(
        np.tile(rotation, (count, 1, 1)),
        np.tile(translation, (count, 1)),
        np.zeros(count, bool),
        clouds,
        np.ones(clouds.shape[:2], bool),
        0.0,
        np.zeros(count),
        np.ones(count),
        np.ones(count),
        np.array(confidence),
    )


class BoxPredictor:
    """Tells the pose of the box, as a refined run does.

    Args:
        mesh_file: Where its mesh is.
        confidence: That of each pose.
    """

    def __init__(self, mesh_file, confidence=(0.9,)):
        cad = {"path": str(mesh_file), "units": "m"}
        self.run = SimpleNamespace(path=mesh_file.parent, config={"cad": cad, "observed": 40})
        self.refined = RefinedModel(box_surface().points, SIDES[0])
        self._confidence = confidence

    def poses(self, folder, observations):
        del folder
        return [scene_poses(self.refined.points, self._confidence)] * len(observations)
