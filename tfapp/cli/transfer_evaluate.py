"""`tfapp transfer evaluate`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written, progress_bar
from tfapp.cli.transfer_train import steps
from tfapp.errors import InputError

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp transfer train`.")]
Form = Annotated[str, Option("--ap", help="Average precision: area, or 11-point as in VOC2007.")]
Classes = Annotated[
    str | None, Option(help="Classes to look at, comma-separated.", show_default="all of the data")
]
SkipBad = Annotated[bool, Option("--skip-bad", help="Go on without images that cannot be read.")]


def evaluate(
    run: Run,
    ap: Form = "area",
    classes: Classes = None,
    both_readings: Annotated[
        bool, Option(help="Train a second network on the other reading of the pseudo-labels, side by side.")
    ] = False,
    skip_bad: SkipBad = False,
):
    """Classifiers on sharp, poor and transferred features, tested side by side."""
    metrics, written = evaluate_run(
        run, ap, names_of(classes), skip_bad=skip_bad or None, both_readings=both_readings
    )
    print_metrics(metrics)
    print_written(*written)


def evaluate_run(path, form="area", classes=None, *, skip_bad=None, both_readings=False, title="", **options):
    """Evaluate a run; return the content of its `metrics.json` and the files that were written."""
    from tfapp.transfer.evaluation import METRICS, TITLES, assess, write_metrics
    from tfapp.transfer.grid import with_other_reading

    run, materials = open_materials(path, form, classes, skip_bad, title)
    with progress_bar() as bar:
        show = steps(bar, title)
        if both_readings:
            materials = with_other_reading(run, materials, partial(show, "training, other reading"))
        results = [
            assess(
                materials,
                name,
                seed=run.config.seed,
                folder=run.path,
                **options,
                progress=lambda done, total, name=name: show(f"classifiers, {TITLES[name]}", done, total),
            )
            for name in materials.features
        ]
    metrics = write_metrics(run, materials, results, form)
    return metrics, [run.path / METRICS, *_draw(run, metrics)]


def open_materials(path, form, classes=None, skip_bad=None, title=""):
    """Open a run and return it with its `Materials`, whose missing features are extracted under progress bars."""
    from tfapp.transfer.classifiers import FORMS
    from tfapp.transfer.evaluation import gather
    from tfapp.transfer.run import TransferRun

    if form not in FORMS:
        raise InputError(f"Unknown --ap {form!r}; choose one of: {', '.join(FORMS)}.")
    run = TransferRun.open(path)
    with progress_bar() as bar:
        return run, gather(run, classes=classes, skip_bad=skip_bad, progress=steps(bar, title))


def names_of(classes):
    """Turn a typed list of classes into their names; None stays None."""
    return None if classes is None else [name.strip() for name in classes.split(",")]


def print_metrics(metrics):
    """Print the table of HR, LR, ours and the control."""
    header = ["features", "length", "C", "mAP area %", "mAP 11-point %"]
    one_label = metrics["features"][0]["accuracy"] is not None
    rows = []
    for result in metrics["features"]:
        mean = result["mean"]
        row = [result["title"], result["dimension"], f"{result['cost']:g}"]
        row += [f"{100 * mean['area']:.2f}", f"{100 * mean['11-point']:.2f}"]
        rows.append(row + ([f"{100 * result['accuracy']:.2f}"] if one_label else []))
    print_table(header + (["accuracy %"] if one_label else []), rows)
    images, labels = metrics["images"], metrics["pseudo_labels"]
    skipped = f", {len(images['skipped'])} could not be read" if images["skipped"] else ""
    console.print(
        f"{images['train']} images to fit on, {images['test']} to test on{skipped}; the network gives "
        f"{100 * labels['accuracy']:.1f} % of the former their pseudo-label, and both readings of pseudo-labels agree "
        f"on {100 * labels['agreement']:.1f} %",
        soft_wrap=True,
    )


def _draw(run, metrics):
    from tfapp.runs.history import read_history
    from tfapp.transfer.pictures import save_history_png, save_precision_png, save_samples_png

    figures = run.path / "figures"
    save_precision_png(metrics, figures / "precision.png")
    save_history_png(read_history(run.path), figures / "history.png")
    save_samples_png(run.data().test, run.config.resolution(), figures / "samples.png", 6, run.config.seed)
    return [*(figures / f"{name}.png" for name in ("precision", "history", "samples")), write_page(run)]


def write_page(run):
    """Write the page of a run, with all that it has by now, and return its path."""
    from tfapp.transfer.page import save_page

    page = run.path / "transfer.html"
    save_page(run, page)
    return page
