"""`tfapp export` of a run of `tfapp transfer train`."""


def export_transfer_run(path, base_dir, version):
    """Export the backbone, the transfer network and the classifiers of a run, and return the version folder.

    Raises:
        InputError: The run was not trained or evaluated to its end, or its files have changed or are damaged.
        ExportError: As `tfapp.export.export_scorer`.
    """
    import json

    from tfapp.export import export_scorer
    from tfapp.transfer.evaluation import METRICS
    from tfapp.transfer.exporting import scoring_model_of
    from tfapp.transfer.transfer_run import TransferRun

    run = TransferRun.open(path)
    model, class_names = scoring_model_of(run)
    metrics = json.loads((run.path / METRICS).read_text(encoding="utf-8"))
    low = run.config.low or run.config.high
    return export_scorer(
        model,
        base_dir,
        class_names=class_names,
        warmup_sizes=((low, low),),
        version=version,
        metadata={
            "run": path.name,
            "config": run.record["config"],
            "backbone": run.record["backbone"],
            "mean_average_precision": {one["name"]: one["mean"] for one in metrics["features"]},
        },
    )
