"""`tfapp export` of a run of `tfapp pose train`."""


def export_pose_run(path, base_dir, version):
    """Export the network of a pose run and return the version folder.

    Raises:
        InputError: The run's training has not ended, or its files are damaged.
        ExportError: As `tfapp.export.export_pose_network`.
    """
    from tfapp.export import export_pose_network
    from tfapp.pose.evaluate import learned_points
    from tfapp.pose.exporting import chosen_pose_network
    from tfapp.pose.pose_run import PoseRun

    run = PoseRun.open(path)
    model = run.load_model()
    points, seen = learned_points(model)
    return export_pose_network(
        chosen_pose_network(model),
        base_dir,
        camera=run.record["camera"],
        distance=model.settings.centre[2],
        # Points that no scene showed stayed where they began: no part of the object.
        object_points=points[seen],
        version=version,
        metadata={"run": path.name, "config": run.config, "frame": run.record["frame"]},
    )
