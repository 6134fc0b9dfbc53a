"""Command `tfapp solvers lipschitz`: the L for BPGrad, from the slopes of the loss along a short training."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, in_flags, print_table, print_written
from tfapp.cli.options import typed
from tfapp.errors import InputError
from tfapp.files import check_folder
from tfapp.report.result_table import ResultTable

Option = typer.Option


def lipschitz(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Compiled .keras file, or a network such as lenet-5.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:, imagenet:"),
    ],
    out: Annotated[Path, Option(help="Folder for lipschitz.json, slopes.csv and slopes.png.")],
    momentum: Annotated[float, Option(help="Momentum of the BPGrad to come; in [0, 1).")] = 0.9,
    steps: Annotated[int, Option(help="Steps of SGD.")] = 100,
    batch_size: Annotated[int, Option(help="Images per batch, as in the training to come.")] = 100,
    learning_rate: Annotated[float, Option(help="Learning rate of the SGD.")] = 0.01,
    quantile: Annotated[float, Option(help="Which quantile of the slopes to take; in (0, 1].")] = 0.99,
    mode: Annotated[
        str, Option(help="trajectory; or inits: random initialisations, which show why not to use them.")
    ] = "trajectory",
    pairs: Annotated[str, Option(help="successive steps, or all; all with --own-batches.")] = "successive",
    own_batches: Annotated[
        bool, Option("--own-batches", help="Each loss at its own batch, as the official code.")
    ] = False,
    weight_decay: Annotated[float, Option(help="Of a built-in network.")] = 0.0005,
    input_scale: Annotated[
        float, Option(help="For .keras files: the value that the model takes for white.")
    ] = 1.0,
    seed: Annotated[int, Option(min=0, help="Of the order of the images and of built-in weights.")] = 0,
):
    """Estimate the Lipschitz constant of a training loss for BPGrad."""
    from tfapp.files import write_json
    from tfapp.optimizers import estimate_lipschitz
    from tfapp.solvers.bounds.lipschitz import (
        USELESS,
        estimate_json,
        estimate_rows,
        save_slopes_png,
        write_slopes,
    )
    from tfapp.solvers.trainings.classifier_source import open_classifier

    check_folder(out)
    source = {"batch_size": batch_size, "weight_decay": weight_decay, "input_scale": input_scale}
    network, batches = open_classifier(model, data, seed=seed, **source)
    options = {"steps": steps, "learning_rate": learning_rate, "mode": mode, "pairs": pairs}
    options |= {"same_batch": not own_batches, "quantile": quantile, "momentum": momentum, "seed": seed}
    try:
        with console.status("measuring slopes"):
            estimate = estimate_lipschitz(network, batches, **options)
    except ValueError as error:
        raise InputError(str(error)) from error
    print_table(ResultTable(("what", model), estimate_rows(estimate)))
    if mode == "inits":
        console.print(in_flags(USELESS, context.command), soft_wrap=True, highlight=False)
    written = [out / name for name in ("lipschitz.json", "slopes.csv", "slopes.png")]
    settings = {"command": typed(context), "model": model, "data": data} | source | options
    write_json(written[0], estimate_json(estimate, settings))
    write_slopes(estimate, written[1])
    save_slopes_png(estimate, written[2])
    print_written(*written)
