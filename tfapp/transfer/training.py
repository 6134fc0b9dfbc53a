"""From images to a trained transfer network in a run folder."""

import shutil
from dataclasses import replace
from pathlib import Path

from tfapp.data import open_multi_label
from tfapp.errors import InputError
from tfapp.runs.progress import SILENT, steps
from tfapp.runs.record import RECORD
from tfapp.transfer.backbones import open_backbone
from tfapp.transfer.network import MODEL, k_means_centroids, pseudo_labels, read_history, train_network
from tfapp.transfer.run import TransferRun, check_same, create_run


def train(spec, out, config, *, command="", overwrite=False, progress=SILENT, title=""):
    """Extract features, cluster the sharp ones, and train the network; what is done already is not done again.

    Args:
        spec: What `tfapp.data.open_multi_label` takes. The labels of its images are not looked at.
        out: Run folder.
        config: `TransferConfig`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        progress: `Progress`, of which each step is a task.
        title: Text before the names of the tasks.

    Returns:
        The finished `TransferRun`.

    Raises:
        InputError: For anything in the input that cannot be used.
        TrainingDiverged: If the loss becomes NaN or infinite.
    """
    out = Path(out)
    config.check()
    resolution = config.resolution()
    TransferRun.check_free(out)
    data = open_multi_label(spec)
    if config.clusters > len(data.train):
        raise InputError(
            f"--clusters {config.clusters} is more than the {len(data.train)} training images of {data.spec}; give "
            "at most that many."
        )
    config = _with_full_paths(config)
    backbone = open_backbone(
        config.backbone,
        resolution.high,
        weights=config.weights,
        layer=config.layer,
        input_scale=config.input_scale,
    )
    run = _begun(out, overwrite, config, data, backbone, command)
    with steps(progress, title) as report:
        high, low = run.features(
            backbone,
            data,
            "train",
            skip_bad=config.skip_bad,
            progress=lambda name, done, total: report(f"{name} resolution", done, total, ""),
        )
        _trained(run, high, low, config, report)
    return run


def training_labels(run, high, low, reading=None):
    """Return the pseudo-labels of a run's training images, int32 (n,), by its own reading or another one."""
    centroids = run.centroids()
    return pseudo_labels(high.values, low.values, centroids, reading or run.config.pseudo)


def _with_full_paths(config):
    # Later commands find the files from anywhere.
    full = {
        name: str(Path(value).expanduser().resolve())
        for name in ("backbone", "weights")
        if (value := getattr(config, name)) is not None and Path(value).expanduser().is_file()
    }
    return replace(config, **full)


def _begun(out, overwrite, config, data, backbone, command):
    if (out / RECORD).is_file() and not overwrite:
        run = TransferRun.open(out)
        check_same(run, config, data, backbone)
        done = read_history(out)
        if done and done[-1]["iteration"] > config.iterations:
            raise InputError(
                f"{out} already has {done[-1]['iteration']} iterations; --iterations {config.iterations} would take "
                "some back."
            )
        # Evaluation goes on without the same images.
        run.record["config"]["skip_bad"] = config.skip_bad
        run.save()
        return run
    shutil.rmtree(out, ignore_errors=True)
    return create_run(out, command, config, data, backbone)


def _trained(run, high, low, config, report):
    if run.centroids() is None:
        report("k-means", 0, None, "")
        run.keep_centroids(k_means_centroids(high.values, config.clusters, seed=config.seed))
    report("k-means", 1, 1, "")
    rows = read_history(run.path)
    if not (rows and rows[-1]["iteration"] == config.iterations and (run.path / MODEL).is_file()):
        labels = training_labels(run, high, low)
        train_network(
            run.path,
            low.values,
            labels,
            config,
            lambda done, total, note: report("training", done, total, note),
        )
        run.record["config"]["iterations"] = config.iterations
        run.save()
    report("training", config.iterations, config.iterations, "")
