"""Command `tfapp solvers compare`: solvers side by side on images, each at its best parameter."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import chosen_solvers, parse_seeds, typed

Option = typer.Option


def compare(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH, imagenet:PATH.")
    ],
    out: Annotated[Path, Option(help="Folder of trainings and results; a killed comparison resumes.")],
    model: Annotated[
        str, Option(help="lenet-5, lenet-mnist, lenet-cifar10, two-layer, resnet-18, ...")
    ] = "lenet-5",
    solvers: Annotated[
        str,
        Option(
            help="Of bpgrad, bpgrad-auto, bpgrad-plain, sgd, sgd-momentum, adagrad, adadelta, rmsprop, adam, eve, "
            "alig; comma-separated; SOLVER=VALUE sets its learning rate or L and leaves out the search."
        ),
    ] = "all",
    seeds: Annotated[str, Option(help="Seeds of initial weights and batches, comma-separated.")] = "0,1,2",
    epochs: Annotated[int, Option(min=1, help="Epochs of every training.")] = 5,
    grid_epochs: Annotated[
        int, Option(min=0, help="Epochs of the search for the parameters, on validation images; 0: none.")
    ] = 2,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 100,
    weight_decay: Annotated[float, Option(help="In the objective, of all solvers.")] = 0.0005,
    train_images: Annotated[
        int | None, Option(help="Take the first so many training images.", show_default="all")
    ] = None,
    size: Annotated[
        int | None, Option(help="Resize images to squares of this side.", show_default="their own")
    ] = None,
    augment: Annotated[str, Option(help="none, mirror, crop or crop-mirror.")] = "none",
    dask: Annotated[
        str | None, Option(help="local, or a Dask scheduler's address: trainings at the same time.")
    ] = None,
    overwrite: Annotated[bool, Option(help="Start again, removing the trainings in --out.")] = False,
):
    """Train one network by every solver: same initial weights, batches and objective; best parameters by search."""
    from tfapp.data import open_classification
    from tfapp.solvers.trainings.comparison import compare_solvers
    from tfapp.solvers.trainings.workload import Workload

    # The full path, so that the command resumes from any folder.
    spec = open_classification(data).spec
    workload = Workload(spec, model, batch_size, weight_decay, train_images, size, augment)
    options = {"command": typed(context), "dask": dask, "overwrite": overwrite, "progress": ConsoleProgress()}
    comparison, remarks, written = compare_solvers(
        workload, chosen_solvers(solvers), parse_seeds(seeds), epochs, grid_epochs, out, **options
    )
    print_table(comparison.table())
    for remark in remarks:
        console.print(remark)
    print_written(*written)
