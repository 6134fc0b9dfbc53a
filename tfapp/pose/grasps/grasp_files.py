"""Files of grasps: what a robot's program reads of a scene."""

from scipy.spatial.transform import Rotation

from tfapp.files import write_json


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
