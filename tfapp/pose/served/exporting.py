"""Export of the refined poses of a run for TensorFlow Serving."""

from tfapp.errors import InputError
from tfapp.files import content_hash
from tfapp.pose.refinement.refined_run import model_file, read_refined, unexplained
from tfapp.pose.scenes.camera import Camera


def export_refined_run(run, base_dir, version, *, instances, distance, model=None, metadata=None):
    """Write the refined poses of a run for TensorFlow Serving, and return the version folder.

    Args:
        run: `ScenesRun` that is refined.
        base_dir, version: As of `ScenesRun.export`.
        instances: Fewest and most instances of a scene.
        distance: Metres from the camera to about where parts lie.
        model: `PoseModel` whose hypotheses the search begins with, where the refinement began with them; or None.
        metadata: Dict of what is kept of the run in the manifest besides.

    Raises:
        InputError: The run is not refined, damaged, or its model does not explain its scenes.
        ExportError: As `tfapp.export.export_refined_poses`.
    """
    from tfapp.export import export_refined_poses
    from tfapp.pose.served.refined_network import refined_pose_network

    refined, start = read_refined(run)
    if sentence := unexplained(run):
        raise InputError(sentence)
    camera = Camera(**run.record["camera"])
    # A model that grew from a clustering is in no frame that the network knows.
    hypotheses = model if start == "network" else None
    return export_refined_poses(
        refined_pose_network(refined, camera, instances, distance, hypotheses),
        base_dir,
        camera=run.record["camera"],
        distance=distance,
        object_points=refined.points,
        version=version,
        metadata={
            "run": run.path.name,
            "config": run.config,
            "refined model": content_hash(model_file(run)).hex(),
            "start": start,
            "extent": refined.extent,
            "fewest_instances": instances[0],
            **(metadata or {}),
        },
    )
