"""Command `tfapp transfer evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_table, print_written

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
    from tfapp.transfer.results import evaluate_run, metrics_remark, metrics_table

    options = {"skip_bad": skip_bad or None, "both_readings": both_readings}
    metrics, written = evaluate_run(run, ap, names_of(classes), progress=ConsoleProgress(), **options)
    print_table(metrics_table(metrics))
    console.print(metrics_remark(metrics), soft_wrap=True)
    print_written(*written)


def names_of(classes):
    """Turn a typed list of classes into their names; None stays None."""
    return None if classes is None else [name.strip() for name in classes.split(",")]
