"""Files of grasps: what a robot's program reads of a scene."""

from scipy.spatial.transform import Rotation

from tfapp.files import write_json
from tfapp.records import Entries, ListOf, Number, TableOf, read_record


def write_grasps(path, scene, plan, gripper):
    """Write the grasps of a scene as JSON, best first; lengths in metres, angles in radians.

    Args:
        path: The file.
        scene: Name of the scene.
        plan: `ScenePlan`.
        gripper: What they are for.
    """
    content = {
        "scene": scene,
        "frame": "from that of the gripper (z is the approach, x the closing direction) into that of the camera (x "
        "right, y down, z forward)",
        "gripper": gripper.to_json(),
        "up": plan.up.tolist(),
        **({} if plan.slope is None else {"floor_angle": plan.slope}),
        "grasps": [_grasp_record(rank, grasp, gripper) for rank, grasp in enumerate(plan.grasps, 1)],
        "parts": [
            {
                "instance": number,
                "confidence": float(confidence),
                "left_out": left_out or "too little confidence",
            }
            for number, (confidence, left_out) in enumerate(
                zip(plan.poses.confidence, plan.left_out, strict=True), 1
            )
        ],
    }
    write_json(path, content)


def read_scene(path):
    """Return of a file of `write_grasps` (number of grasps, angle between `up` and the floor's normal or None)."""
    content = read_record(path, _SCENE, "remove it, and the same command makes it anew.")
    return len(content["grasps"]), content.get("floor_angle")


_SCENE = Entries({"grasps": ListOf(TableOf())}, {"floor_angle": Number()})


def _grasp_record(rank, grasp, gripper):
    quaternion = Rotation.from_matrix(grasp.rotation).as_quat(canonical=True, scalar_first=True)
    opened = {}
    if gripper.kind == "parallel":
        opened = {"width": grasp.width, "opening": grasp.width + 2 * gripper.clearance}
    return {
        "rank": rank,
        "instance": grasp.instance + 1,
        "score": grasp.score,
        "quality": grasp.quality,
        "confidence": grasp.confidence,
        "rotation": grasp.rotation.tolist(),
        "quaternion": quaternion.tolist(),
        "translation": grasp.translation.tolist(),
        "approach": grasp.rotation[:, 2].tolist(),
        **opened,
        "tilt": grasp.tilt,
        "unmeasured": grasp.unmeasured,
    }
