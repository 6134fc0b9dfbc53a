"""Command `tfapp solvers plane`: the paths of several solvers in the PCA plane of a trained network."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_table, print_written
from tfapp.cli.options import chosen_solvers, typed
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option


def plane(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH.")],
    out: Annotated[Path, Option(help="Folder of trainings, surface and figure; a killed command resumes.")],
    model: Annotated[str, Option(help="lenet-5, lenet-mnist, lenet-cifar10, two-layer, ...")] = "lenet-5",
    solvers: Annotated[
        str,
        Option(help="As in `tfapp solvers compare`; SOLVER=VALUE sets its learning rate or L."),
    ] = "bpgrad,bpgrad-plain,sgd-momentum,adam",
    epochs: Annotated[int, Option(min=1, help="Epochs of every training.")] = 3,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 100,
    weight_decay: Annotated[float, Option(help="In the objective, of all solvers.")] = 0.0005,
    train_images: Annotated[
        int | None, Option(help="Take the first so many training images.", show_default="all")
    ] = None,
    samples: Annotated[int, Option(min=1, help="Training images that the surface is measured on.")] = 500,
    grid: Annotated[int, Option(min=3, help="Points of the surface along each axis.")] = 33,
    seed: Annotated[int, Option(min=0, help="Of the initial weights and the order of the batches.")] = 0,
    overwrite: Annotated[bool, Option(help="Start again, removing what is in --out.")] = False,
):
    """Train one network by several solvers from the same weights, and draw their paths in one plane of its loss."""
    from tfapp.data import open_classification
    from tfapp.solvers.paths.plane import draw_plane
    from tfapp.solvers.trainings.workload import Workload

    chosen = chosen_solvers(solvers)
    check_folder(out)
    images = open_classification(data)
    if not hasattr(images.train, "images"):
        raise InputError(f"The plane needs images in memory; {data} reads them one by one from files.")
    workload = Workload(images.spec, model, batch_size, weight_decay, train_images)
    table, written = draw_plane(
        workload,
        chosen,
        seed,
        epochs,
        out,
        f"{workload.model} on {data.partition(':')[0]}",
        samples=samples,
        grid=grid,
        command=typed(context),
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )
    print_table(table)
    print_written(*written)
