"""Command `tfapp transfer train`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_written
from tfapp.cli.options import typed

Option = typer.Option


def train(
    context: typer.Context,
    spec: Annotated[
        str,
        typer.Argument(
            help="voc2007:PATH, labels:PATH (labels.csv), or digits, mnist:PATH, cifar10:PATH, imagenet:PATH."
        ),
    ],
    out: Annotated[Path, Option(help="Run folder; a killed run there resumes.")],
    backbone: Annotated[
        str, Option(help="A network of keras.applications, or a .keras file of any model for images.")
    ] = "ResNet101",
    weights: Annotated[
        str | None,
        Option(help="Of keras.applications: a file without the top, or imagenet, which Keras may download."),
    ] = None,
    layer: Annotated[
        str | None,
        Option(
            help="Of a .keras file: where features are taken.", show_default="what its last Dense layer gets"
        ),
    ] = None,
    input_scale: Annotated[float, Option(help="Of a .keras file: what it takes for white.")] = 1.0,
    high: Annotated[int, Option(help="Side in pixels of sharp images, which the backbone sees.")] = 224,
    low: Annotated[
        int, Option(help="Side in pixels of poor images, before they are enlarged again; 0 keeps the size.")
    ] = 32,
    degrade: Annotated[
        list[str] | None,
        Option(
            help="Makes poor images worse: blur=1, gaussian=0.05, jpeg=15, brightness=-0.3, ...; repeatable."
        ),
    ] = None,
    hidden: Annotated[int, Option(help="Units N1 of the first layer.")] = 1024,
    clusters: Annotated[int, Option(help="Units N2 of the second layer, and k of k-means.")] = 100,
    pseudo: Annotated[
        str, Option(help="Pseudo-labels: own, the cluster of the sharp image, or nearest, to the poor one.")
    ] = "own",
    solver: Annotated[
        str, Option(help="sgd-momentum, bpgrad, bpgrad-auto, adam, ... as in `tfapp solvers compare`.")
    ] = "sgd-momentum",
    value: Annotated[
        float | None,
        Option(help="Its learning rate, or L of BPGrad.", show_default="0.01, or the solver's usual one"),
    ] = None,
    iterations: Annotated[int, Option(help="Batches in all.")] = 45_000,
    decay_every: Annotated[
        int, Option(help="Iterations after which the learning rate is divided by 10; 0: never.")
    ] = 15_000,
    batch_size: Annotated[int, Option(help="Images per batch.")] = 1000,
    weight_decay: Annotated[float, Option(help="In the objective, of the kernels.")] = 0.0005,
    seed: Annotated[int, Option(help="Of clusters, weights, order and random degradations.")] = 0,
    skip_bad: Annotated[bool, Option("--skip-bad", help="Go on without images that cannot be read.")] = False,
    overwrite: Annotated[bool, Option(help="Start again, removing the run in --out.")] = False,
):
    """Learn, without labels, to pull features of poor images towards clusters of features of sharp ones."""
    options = dict(locals())
    from tfapp.transfer.config import TransferConfig
    from tfapp.transfer.training import train as run_training

    options["low"] = options["low"] or None
    options["degrade"] = tuple(degrade or ())
    config = TransferConfig(**{field.name: options[field.name] for field in fields(TransferConfig)})
    run = run_training(
        spec, out, config, command=typed(context), overwrite=overwrite, progress=ConsoleProgress()
    )
    print_written(run.path / "transfer.keras", run.path / "history.csv")
    console.print(f"next: tfapp transfer evaluate {run.path}", soft_wrap=True, markup=False, highlight=False)
