"""Grasps of a scene: those of the model at every pose that is trusted, from above and free, best first."""

from dataclasses import dataclass

import numpy as np

from tfapp.errors import InputError
from tfapp.pose.grasps.antipodal import antipodal_grasps
from tfapp.pose.grasps.candidates import SampledSurface
from tfapp.pose.grasps.obstacles import Obstacles
from tfapp.pose.grasps.suction import suction_grasps
from tfapp.pose.object_surface import object_surface
from tfapp.pose.observations import observe
from tfapp.pose.refinement.fusion import VOXEL
from tfapp.pose.scenes.floor import floor_plane

CAMERA, FLOOR = "camera", "floor"
# A grasp is another one than a better one of the same part if it is so far from it, metres, or turned by so much.
_OTHER_PLACE, _OTHER_ANGLE = 0.004, np.radians(20)
# Why candidates of an instance are left out.
TILTED, HIDDEN, BLOCKED, ALIKE = "tilted", "hidden", "blocked", "alike"


@dataclass(frozen=True)
class PlanOptions:
    """What decides which grasps of a scene are taken.

    Attributes:
        up: `camera`, against the direction in which it looks; `floor`, the normal of the dominant plane; or three
            numbers, a direction in the frame of the camera.
        max_tilt: Largest angle between the approach and the vertical, radians.
        least_confidence: Parts whose pose has less are not grasped.
        most: Grasps of each part.
    """

    up: str | tuple = CAMERA
    max_tilt: float = np.radians(45)
    least_confidence: float = 0.5
    most: int = 10

    def check(self):
        """Raise InputError for what is out of range."""
        if not 0 <= self.max_tilt <= np.pi / 2:
            raise InputError(f"`max_tilt` must be from 0 to 90 degrees; got {np.degrees(self.max_tilt):g}.")
        if not 0 <= self.least_confidence <= 1:
            raise InputError(f"`least_confidence` must be from 0 to 1; got {self.least_confidence:g}.")
        if self.most < 1:
            raise InputError(f"`most` must be at least 1; got {self.most}.")


@dataclass(frozen=True, eq=False)
class Grasp:
    """A grasp of a part in a scene.

    Attributes:
        instance: Position of the part, from 0.
        rotation: float64 `(3, 3)`, from the frame of the gripper into that of the camera; its third column is the
            direction of the approach.
        translation: float64 `(3,)`, where the part is held, metres.
        width: Between the contacts, metres; 0 for a cup.
        quality: Of the grasp on the model, from 0 to 1.
        confidence: Of the pose, from 0 to 1.
        tilt: Angle between the approach and the vertical, radians.
        unmeasured: As of `Contact`.
    """

    instance: int
    rotation: np.ndarray
    translation: np.ndarray
    width: float
    quality: float
    confidence: float
    tilt: float
    unmeasured: float

    @property
    def score(self):
        """What grasps are ranked by: quality times confidence."""
        return self.quality * self.confidence


@dataclass(frozen=True, eq=False)
class ScenePlan:
    """Grasps of a scene.

    Attributes:
        grasps: List of `Grasp`, best first.
        poses: `ScenePoses`.
        up: float64 `(3,)`, unit vector in the frame of the camera.
        slope: Angle between `up` and the normal of the floor that was found, radians; None where there is none.
        left_out: For each instance a dict of how many candidates were left out, by why; None of one that has too
            little confidence.
    """

    grasps: list
    poses: object
    up: np.ndarray
    slope: float | None
    left_out: list


class GraspPlanner:
    """Plans grasps of a run's part with one gripper; candidates on the model are made once.

    Args:
        predictor: `Predictor` of a refined run, or of one of a known part.
        gripper: `ParallelGripper` or `SuctionGripper`.
        options: `PlanOptions`.
        seed: Of the candidates.

    Attributes:
        candidates: `Candidates` on the model.

    Raises:
        InputError: Numbers out of range, a run without a closed model, or a part that this gripper cannot hold.
    """

    def __init__(self, predictor, gripper, options=PlanOptions(), seed=0):
        gripper.check()
        options.check()
        self._predictor, self._gripper, self._options = predictor, gripper, options
        sampled = SampledSurface(object_surface(predictor), seed)
        symmetries = predictor.refined.symmetries
        if gripper.kind == "parallel":
            self.candidates = antipodal_grasps(sampled, gripper, symmetries, seed)
        else:
            self.candidates = suction_grasps(sampled, gripper, symmetries)
        if not len(self.candidates):
            raise InputError(_NO_CANDIDATE[gripper.kind].format(gripper=gripper))
        self._voxel = VOXEL * predictor.refined.extent

    def plan(self, folder, index):
        """Return the `ScenePlan` of a scene.

        Args:
            folder: `SceneFolder`.
            index: Number of the scene.
        """
        run = self._predictor.run
        [poses] = self._predictor.poses(folder, observe(folder, run.config["observed"], indices=[index]))
        depth, camera = folder.depth(index), folder.camera_of(index)
        floor = floor_plane(camera.back_project(depth)[0], tolerance=folder.tolerance, seed=index)
        up = self._up(floor, folder, index)
        known = floor if self._options.up == FLOOR else None
        obstacles = Obstacles(depth, camera, poses.clouds, self._voxel, known)
        grasps, left_out = [], []
        for instance, confidence in enumerate(poses.confidence):
            if confidence < self._options.least_confidence:
                left_out.append(None)
                continue
            found, counts = self._of_instance(instance, poses, up, obstacles)
            grasps += found
            left_out.append(counts)
        grasps.sort(key=lambda one: -one.score)
        slope = None if floor is None else float(np.arccos(np.clip(floor[0] @ up, -1, 1)))
        return ScenePlan(grasps, poses, up, slope, left_out)

    def _up(self, floor, folder, index):
        up = self._options.up
        if up == FLOOR:
            if floor is None:
                raise InputError(
                    f"Scene {folder.stems[index]} of {folder.path} shows no floor; give another `up`."
                )
            return floor[0]
        direction = np.array([0.0, 0.0, -1.0] if up == CAMERA else up)
        return direction / np.linalg.norm(direction)

    def _of_instance(self, instance, poses, up, obstacles):
        """Return the free grasps of an instance, best first, and how many candidates were left out by why."""
        candidates, turn = self.candidates, poses.rotation[instance]
        rotation = turn @ candidates.rotation
        places = candidates.translation @ turn.T + poses.translation[instance]
        tilts = np.arccos(np.clip(-rotation[:, :, 2] @ up, -1, 1))
        counts = dict.fromkeys((TILTED, HIDDEN, BLOCKED, ALIKE), 0)
        counts[TILTED] = int((tilts > self._options.max_tilt).sum())
        found = []
        for one in np.flatnonzero(tilts <= self._options.max_tilt):
            if len(found) == self._options.most:
                break
            if _is_alike(self._gripper, rotation[one], places[one], found):
                counts[ALIKE] += 1
                continue
            if self._gripper.kind == "suction" and not obstacles.is_shown(places[one]):
                counts[HIDDEN] += 1
                continue
            boxes = self._gripper.boxes(candidates.width[one])
            contact = obstacles.contact(instance, rotation[one], places[one], boxes)
            if not contact.free:
                counts[BLOCKED] += 1
                continue
            grasp = Grasp(
                instance,
                rotation[one],
                places[one],
                float(candidates.width[one]),
                float(candidates.quality[one]),
                float(poses.confidence[instance]),
                float(tilts[one]),
                contact.unmeasured,
            )
            found.append(grasp)
        return found, counts


_NO_CANDIDATE = {
    "parallel": "Nowhere can the part be held between fingers that open to {gripper.opening:g} m; expected opposite "
    "sides nearer than that and twice the `clearance` of {gripper.clearance:g} m: give a larger `opening`, or use "
    "suction.",
    "suction": "Nowhere does a cup of {gripper.cup_diameter:g} m close on the part; expected a place of that size "
    "within {gripper.seal:g} m of a plane: give a smaller `cup_diameter`, a larger `seal`, or use a parallel gripper.",
}


def up_named(text):
    """Return `camera`, `floor`, or the three numbers of a text such as 0,-0.5,-0.87.

    Raises:
        InputError: It is none of these, or a direction of no length.
    """
    if text in (CAMERA, FLOOR):
        return text
    try:
        direction = tuple(float(part) for part in text.split(","))
    except ValueError:
        direction = ()
    if len(direction) != 3 or not np.isfinite(direction).all() or not np.linalg.norm(direction) > 0:
        raise InputError(
            f"`up` must be {CAMERA}, {FLOOR}, or a direction such as 0,-0.5,-0.87; got {text!r}."
        )
    return direction


def _is_alike(gripper, rotation, place, others):
    """Return whether a grasp is so near to one of others that it says nothing new."""
    # A cup may be turned about its approach, and fingers by half a turn.
    turns = gripper.kind == "suction"
    near = (one.rotation for one in others if np.linalg.norm(one.translation - place) < _OTHER_PLACE)
    least = np.cos(_OTHER_ANGLE)
    return any(
        other[:, 2] @ rotation[:, 2] > least and (turns or abs(other[:, 0] @ rotation[:, 0]) > least)
        for other in near
    )
