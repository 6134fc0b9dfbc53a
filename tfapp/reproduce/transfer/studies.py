"""Studies `transfer-table-5.1`, `-table-5.2`, `transfer-figure-5.1` and `-figure-5.3`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from tfapp.errors import InputError
from tfapp.report.result_table import DASH, ResultTable, document, mean_and_spread
from tfapp.reproduce.study import Option, Result, Study, files_of

SOURCE = (
    'Y. Wu, Z. Zhang, G. Wang, "Unsupervised Deep Feature Transfer for Low Resolution Image Classification", ICCV '
    "Workshops 2019"
)
# What Wu (2020), chapter 5, leaves open, or says in two ways.
ASSUMED = (
    'Pseudo-labels of low-resolution features are "assigned by finding [their] nearest neighbor to the k centroids of '
    'high resolution features", which is the reading `nearest`; figure 5.2 looks like the cluster of the sharp image, '
    "`own`, which is better here and taken. The text says 1,000 epochs of batches of 1,000 in 31,561 iterations, which "
    "do not agree for its 5,011 images; 31,561 are taken. Kernel and C of its support vector machines are not said: "
    "linear ones on features of length 1, C by cross-validation."
)
SCALES = {"small": "CIFAR-10, for two cores.", "paper": "VOC2007 with a backbone of yours, for a GPU."}


def study_of(name, heading, make_of_runs, validated=False):
    """Return the `Study` that trains a run for each seed, and makes a table or figure of them.

    Args:
        name: Of the study.
        heading: What it shows.
        make_of_runs: Function of the `Scale`, the runs by seed, the folder, the paragraph above tables and the
            `Progress` that returns the `Result`.
        validated: Whether PASCAL VOC is trained on its list `train` and tested on `val`.
    """

    def make(
        data: Annotated[
            str,
            Option(help="cifar10:PATH, voc2007:PATH, ..., or a folder of CIFAR-10 (small), VOC2007 (paper)."),
        ],
        out: Annotated[
            Path, Option(help="Folder of runs and results; commands with the same one share them.")
        ],
        scale: Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")] = "small",
        seeds: Annotated[
            tuple, Option(help="Seeds of backbone, clusters and network, comma-separated.", text="seeds")
        ] = (0, 1, 2),
        backbone: Annotated[
            str | None,
            Option(
                help="Of keras.applications, or a .keras file.",
                show_default="small: a ResNet-18 trained first",
            ),
        ] = None,
        weights: Annotated[
            str | None, Option(help="Its weights: a file without the top, or imagenet.")
        ] = None,
        epochs: Annotated[
            int | None, Option(min=1, help="Epochs of a backbone that is trained.", show_default="by scale")
        ] = None,
        iterations: Annotated[
            int | None, Option(min=1, help="Of each network.", show_default="by scale")
        ] = None,
        *,
        progress,
        command,
    ):
        from tfapp.data import names_multi_label
        from tfapp.reproduce.transfer.scales import SCALES as SETTINGS

        chosen = SETTINGS[scale]
        spec = data if names_multi_label(data) else f"{chosen.reader}:{data}"
        options = {"backbone": backbone, "weights": weights, "epochs": epochs, "iterations": iterations}
        if validated and spec.startswith("voc2007:") and "?" not in spec:
            # "by calculating the mean average precision (mAP) on VOC2007 validation set"
            spec, out_runs = f"{spec}?train=train&test=val", "runs-validation"
        else:
            out_runs = "runs"
        runs = train_runs(spec, chosen, seeds, out, out_runs, progress=progress, **options)
        spread = f"mean ± standard deviation over {len(runs)} seeds" if len(runs) > 1 else "one seed"
        result = make_of_runs(chosen, runs, out, f"After {SOURCE}; {spread}. `{command}`", progress)
        result.shown.append(ASSUMED)
        return result

    return Study(
        name, heading, SOURCE, (ASSUMED,), SCALES, make, help=f"{heading}.\n\n{ASSUMED}", trains=True
    )


def train_runs(spec, scale, seeds, out, folder="runs", *, backbone, weights, epochs, iterations, progress):
    """Train a run for each seed, `out/FOLDER/seed-S`, and return their paths by seed.

    Args:
        spec: What `open_multi_label` takes.
        scale: `Scale`.
        seeds: List of seeds.
        out: Folder.
        folder: Name of that of the runs in it.
        backbone, weights: As of `tfapp transfer train`; None to train a backbone on the data, one of each seed.
        epochs, iterations: In place of those of the scale, or None.
        progress: `Progress`.
    """
    from tfapp.runs.ahead import do_ahead
    from tfapp.runs.progress import SILENT
    from tfapp.transfer.training import train

    if backbone is None and scale.backbone is None:
        raise InputError("Say the backbone, such as `backbone` ResNet101 `weights` FILE (or imagenet).")
    config = scale.config
    if iterations is not None:
        config = replace(config, iterations=iterations, decay_every=max(1, iterations // 3))
    if backbone is None:
        do_ahead(
            _trained_backbone,
            [((spec, scale.backbone, seed, out, epochs, SILENT), {}) for seed in seeds],
            progress,
            "backbones ahead",
        )
    calls = {}
    for seed in seeds:
        own = backbone or str(_trained_backbone(spec, scale.backbone, seed, out, epochs, progress))
        settings = replace(config, backbone=own, weights=weights, seed=seed)
        calls[seed] = spec, out / folder / f"seed-{seed}", settings
    do_ahead(train, [(call, {}) for call in calls.values()], progress)
    for seed, call in calls.items():
        train(*call, progress=progress, title=f"seed {seed}: ")
    return {seed: path for seed, (_, path, _) in calls.items()}


def _trained_backbone(spec, training, seed, out, epochs, progress):
    """Train a classifier on the images and their labels, and return its `.keras` file."""
    from tfapp.data import open_classification
    from tfapp.solvers.trainings.training import MODEL, Job, train
    from tfapp.solvers.trainings.workload import Workload

    data = open_classification(spec)
    workload = Workload(data.spec, training.model, training.batch_size, augment=training.augment)
    job = Job(workload, training.solver, training.value, seed, epochs or training.epochs)
    folder = out / "backbones" / f"seed-{seed}"
    with progress.task(f"seed {seed}: backbone, epochs", job.epochs, training.model) as task:
        result = train(job, folder, progress=task)
        task.finish("" if result["diverged"] else f"test error {result['test_error']:.1f} %")
    if result["diverged"]:
        raise InputError(f"The backbone of seed {seed} diverged; choose another `seeds`.")
    return folder / MODEL


def make_table_5_1(scale, runs, out, heading, progress):
    """Write table 5.1, over the sizes of the two layers."""
    from tfapp.reproduce.transfer.published import published_grid_table
    from tfapp.transfer.grid import VALIDATION_SHARE, grid_remark, grid_table, write_grid
    from tfapp.transfer.pictures import save_grid_png
    from tfapp.transfer.results import grid_of_run

    grids = []
    for seed, path in runs.items():
        options = {"costs": scale.costs, "progress": progress, "title": f"seed {seed}: "}
        # The runs of PASCAL VOC are tested on its validation list already.
        options["validation_share"] = 0.0 if path.parent.name == "runs-validation" else VALIDATION_SHARE
        grids.append(grid_of_run(path, scale.hidden, scale.clusters, [seed], scale.form, **options)[0])
    content = merged_grid(grids)
    folder = out / "transfer-table-5.1"
    printed = published_grid_table()
    written = [*write_grid(folder, content, heading, printed), folder / "grid.png"]
    save_grid_png(content, written[-1])
    return Result([grid_table(content), grid_remark(content), printed], written)


def merged_grid(grids):
    """Return one content of `grid.json` for those of several runs: all cells, and means of LR and HR."""
    without = {name: sum(grid[name] for grid in grids) / len(grids) for name in ("low", "high")}
    cells = [cell for grid in grids for cell in grid["cells"]]
    return grids[0] | without | {"cells": cells}


def make_table_5_2(scale, runs, out, heading, progress):
    """Write table 5.2, of sharp, low-resolution and transferred features, on both readings of pseudo-labels."""
    from tfapp.files import write_json, write_text
    from tfapp.transfer.config import READINGS
    from tfapp.transfer.results import evaluate_run

    options = {"also": READINGS, "costs": scale.costs, "progress": progress}
    metrics = [
        evaluate_run(path, scale.form, title=f"seed {seed}: ", **options)[0] for seed, path in runs.items()
    ]
    table, by_class = table_5_2(metrics), precisions_by_class(metrics, scale.form)
    written = files_of(out, "transfer-table-5.2", ".md", ".json")
    write_text(written[0], document(heading, table, by_class, ASSUMED))
    write_json(written[1], {"seeds": list(runs), "metrics": metrics})
    return Result([table, by_class], written)


def table_5_2(metrics) -> ResultTable:
    """Return the table of HR, LR, ours and the control, means over seeds in percent.

    Args:
        metrics: Contents of `metrics.json`, one of each seed, with the same features.
    """
    from tfapp.average_precision import FORMS

    one_label = metrics[0]["features"][0]["accuracy"] is not None
    rows = []
    for place, first in enumerate(metrics[0]["features"]):
        results = [content["features"][place] for content in metrics]
        row = [first["title"], str(first["dimension"])]
        row += [_percent([result["mean"][form] for result in results]) for form in FORMS]
        rows.append(row + ([_percent([result["accuracy"] for result in results])] if one_label else []))
    header = ["features", "length", *(f"mAP {form} %" for form in FORMS)]
    return ResultTable(header + (["accuracy %"] if one_label else []), rows)


def precisions_by_class(metrics, form) -> ResultTable:
    """Return average precisions in percent: a row for each class and their mean, printed numbers beside ours.

    Args:
        metrics: As of `table_5_2`.
        form: Form of the average precision.
    """
    from tfapp.reproduce.transfer.published import published_precisions

    printed, features = published_precisions(), metrics[0]["features"]
    header = ["class"]
    for one in features:
        header += [one["title"], "printed"] if one["name"] in printed else [one["title"]]
    rows = []
    names = metrics[0]["class_names"]
    for place, name in enumerate((*names, "mean")):
        row = [name]
        for number, one in enumerate(features):
            found = [content["features"][number] for content in metrics]
            values = [
                result["mean"][form] if place == len(names) else result["average_precision"][form][place]
                for result in found
            ]
            row.append(mean_and_spread([100 * value for value in values], ".1f"))
            if one["name"] in printed:
                value = printed[one["name"]].get(name)
                row.append(DASH if value is None else f"{value:.1f}")
        rows.append(row)
    title = (
        f"average precision ({form}) by class, %; printed: Wu (2020), table 5.2, VOC2007 with a ResNet-101"
    )
    return ResultTable(header, rows, title)


def _percent(values):
    return mean_and_spread([100 * value for value in values], ".2f")


def _figure_of(split):
    """Return the function that draws the images of a split of every run."""

    def make(scale, runs, out, heading, progress):
        del scale, out, heading
        from tfapp.transfer.results import agreements_table, tsne_of_run

        result = Result()
        for seed, path in runs.items():
            options = {"progress": progress, "title": f"seed {seed}: ", "seed": seed, "split": split}
            embedding, written = tsne_of_run(path, **options)
            result.shown.append(agreements_table(embedding))
            result.written += written
        return result

    return make


STUDIES = (
    study_of(
        "transfer-table-5.1",
        "Mean average precision over the sizes of the two layers, N1 x N2",
        make_table_5_1,
        validated=True,
    ),
    study_of(
        "transfer-table-5.2",
        "Sharp, low-resolution and transferred features side by side, with both readings of the pseudo-labels",
        make_table_5_2,
    ),
    *(
        study_of(
            f"transfer-figure-{number}",
            f"Sharp, low-resolution and transferred features of {words} images in the plane, by t-SNE",
            _figure_of(split),
        )
        for number, words, split in (("5.1", "training", "train"), ("5.3", "test", "test"))
    ),
)
