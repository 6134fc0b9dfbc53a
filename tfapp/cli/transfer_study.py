"""Backbone, training and evaluation for the tables of transfer; what is done already is not done again."""

from dataclasses import replace

from tfapp.cli.console import finish, progress_bar
from tfapp.cli.transfer_evaluate import evaluate_run
from tfapp.cli.transfer_train import train_with_progress
from tfapp.errors import InputError


def trained_runs(spec, scale, seeds, out, *, backbone=None, weights=None, epochs=None, iterations=None):
    """Train a run for each seed, `out/runs/seed-S`, and return their paths by seed.

    Args:
        spec: What `open_multi_label` takes.
        scale: `Scale`.
        seeds: List of seeds.
        out: Folder.
        backbone, weights: As of `tfapp transfer train`; None to train a backbone on the data, one of each seed.
        epochs, iterations: In place of those of the scale.
    """
    if backbone is None and scale.backbone is None:
        raise InputError("Say the backbone, such as --backbone ResNet101 --weights FILE (or imagenet).")
    config = scale.config if iterations is None else _shortened(scale.config, iterations)
    runs = {}
    for seed in seeds:
        own = backbone or str(_trained_backbone(spec, scale.backbone, seed, out, epochs))
        runs[seed] = out / "runs" / f"seed-{seed}"
        settings = replace(config, backbone=own, weights=weights, seed=seed)
        train_with_progress(spec, runs[seed], settings, title=f"seed {seed}: ")
    return runs


def evaluated_runs(runs, scale):
    """Evaluate runs on both readings of pseudo-labels, and return the contents of their `metrics.json`."""
    options = {"both_readings": True, "costs": scale.costs}
    return [
        evaluate_run(path, scale.form, title=f"seed {seed}: ", **options)[0] for seed, path in runs.items()
    ]


def _shortened(config, iterations):
    return replace(config, iterations=iterations, decay_every=max(1, iterations // 3))


def _trained_backbone(spec, training, seed, out, epochs):
    """Train a classifier on the images and their labels, and return its `.keras` file."""
    from tfapp.data import open_classification
    from tfapp.solvers.trainings.training import MODEL, Job, train
    from tfapp.solvers.trainings.workload import Workload

    data = open_classification(spec)
    workload = Workload(data.spec, training.model, training.batch_size, augment=training.augment)
    job = Job(workload, training.solver, training.value, seed, epochs or training.epochs)
    folder = out / "backbones" / f"seed-{seed}"
    with progress_bar() as bar:
        task = bar.add_task(f"seed {seed}: backbone, epochs", total=job.epochs, note=training.model)
        result = train(job, folder, progress=lambda epoch: bar.update(task, completed=epoch))
        finish(bar, task, note="" if result["diverged"] else f"test error {result['test_error']:.1f} %")
    if result["diverged"]:
        raise InputError(f"The backbone of seed {seed} diverged; choose another --seeds.")
    return folder / MODEL
