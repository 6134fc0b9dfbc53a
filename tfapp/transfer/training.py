"""Train a transfer network in a run folder, from the images."""

from dataclasses import asdict, replace
from pathlib import Path
from shutil import rmtree

from tfapp.claims import claiming
from tfapp.data import open_multi_label
from tfapp.data.image_facts import remarks_on
from tfapp.errors import InputError
from tfapp.models.hub import with_full_preset
from tfapp.runs.fitting import refuse_fewer
from tfapp.runs.full_paths import with_full_paths
from tfapp.runs.progress import SILENT
from tfapp.transfer.backbones import open_backbone
from tfapp.transfer.network import k_means_centroids, kept_in, train_network
from tfapp.transfer.run import TransferRun


@claiming("out")
def train(spec, out, config, *, command="", overwrite=False, progress=SILENT, title=""):
    """Extract features, cluster the sharp ones, and train the network; what is done already is not done again.

    Args:
        spec: What `tfapp.data.open_multi_label` takes. The labels of its images are not looked at.
        out: Run folder.
        config: `TransferConfig`.
        command: Command line to keep in `run.json`.
        overwrite: Start again, removing an existing run in `out`.
        progress: `Progress` that shows each step: the features, the clusters, and the iterations with the loss.
        title: What the names of the steps there begin with.

    Returns:
        The finished `TransferRun`.

    Raises:
        InputError: For anything in the input that cannot be used.
        TrainingDiverged: If the loss becomes NaN or infinite.
    """
    out = Path(out)
    config.check()
    resolution = config.resolution()
    begun = TransferRun.begun(out, overwrite)
    data = open_multi_label(spec)
    if config.clusters > len(data.train):
        raise InputError(
            f"`clusters` {config.clusters} is more than the {len(data.train)} training images of {data.spec}; give "
            "at most that many."
        )
    for remark in remarks_on(data):
        progress.say(remark.text)
    config = replace(config, backbone=with_full_preset(config.backbone))
    config = with_full_paths(config, "backbone", "weights")
    if config.features_of is not None:
        config = replace(config, features_of=str(TransferRun.open(config.features_of).path.resolve()))
    if begun is not None and config.input_scale is None:
        # It resumes with what it began with: version 0.1 did not go by the model.
        config = replace(config, input_scale=begun.config.input_scale)
    backbone = open_backbone(
        config.backbone,
        resolution.high,
        weights=config.weights,
        layer=config.layer,
        input_scale=config.input_scale,
    )
    if config.input_scale is None and backbone.scale_reason:
        progress.say(
            f"{config.backbone} gets images with {backbone.input_scale:g} for white: {backbone.scale_reason}."
        )
    config = replace(config, input_scale=backbone.input_scale)
    if begun is None:
        stored = {
            "spec": data.spec,
            "fingerprint": data.fingerprint(),
            "class_names": list(data.class_names),
        }
        run = TransferRun.create(
            out, command, config=asdict(config), data=stored, backbone=backbone.description()
        )
    else:
        run = begun
        run.check_same(config, data, backbone)
        refuse_fewer(kept_in(out), config.iterations)
        # Evaluation goes on without the same images.
        run.record["config"] |= {"skip_bad": config.skip_bad, "features_of": config.features_of}
        run.save()
    high = None
    try:
        high, low = _features(run, backbone, data, config, progress, title)
        _cluster(run, high, config, progress, title)
    except InputError:
        # What took time stays, and is resumed: features, but not those that no clusters can be made of.
        if begun is None and (high is not None or not any(run.path.rglob("*.npz"))):
            rmtree(run.path)
        raise
    _train(run, high, low, config, command, progress, title)
    return run


def _features(run, backbone, data, config, progress, title):
    with progress.task(f"{title}high resolution") as high, progress.task(f"{title}low resolution") as low:
        tasks = {"high": high, "low": low}
        return run.features(
            backbone,
            data,
            "train",
            skip_bad=config.skip_bad,
            progress=lambda name, done, total: tasks[name](done, total),
        )


def _cluster(run, high, config, progress, title):
    with progress.task(f"{title}k-means", 1):
        if run.centroids() is None:
            run.keep_centroids(k_means_centroids(high.values, config.clusters, seed=config.seed))


def _train(run, high, low, config, command, progress, title):
    with progress.task(f"{title}training", config.iterations) as task:
        train_network(run.path, low.values, run.targets(high, low), config, task)
        run.record_extension(command, iterations=config.iterations)
