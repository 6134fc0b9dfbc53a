"""`tfapp reproduce bpgrad-figure-3.16` to `-3.19` and `bpgrad-table-3.2`: solvers on MNIST, CIFAR-10 and ImageNet."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_table, print_written
from tfapp.cli.reproduce_options import check_scale, parse_seeds, typed
from tfapp.cli.solvers_compare import compare_solvers, train_with_progress
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option
READING = "The dissertation's text was not at hand: that it is this number is our reading."
# Network, epochs, epochs of the search, images per batch and further options of `Workload`.
SETTINGS = {
    ("mnist", "small"): ("lenet-5", 5, 2, 100, {}),
    ("mnist", "paper"): ("lenet-mnist", 20, 5, 100, {}),
    ("cifar10", "small"): ("lenet-cifar10", 12, 4, 100, {}),
    ("cifar10", "paper"): ("lenet-cifar10", 100, 20, 100, {}),
    ("imagenet", "small"): ("resnet-18", 2, 1, 64, {"size": 64}),
    # AlexNet as its paper trains it: 90 passes with batches of 128, random crops and mirror images.
    ("imagenet", "paper"): ("alexnet", 90, 5, 128, {"size": 227, "augment": "crop-mirror"}),
}
SCALES = ("small", "paper")
Data = Annotated[str, Option(help="mnist:PATH, cifar10:PATH or imagenet:PATH.")]
Out = Annotated[Path, Option(help="Folder of trainings and results; a killed command goes on.")]
Scale = Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")]
Seeds = Annotated[str, Option(help="Seeds, comma-separated.")]
Dask = Annotated[str | None, Option(help="local, or a Dask scheduler's address.")]


def comparison_command(name, what, reader):
    """Return the command that compares all solvers on the data of one reader, or on those that are named."""

    def command(
        context: typer.Context,
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = "0,1,2",
        epochs: Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")] = None,
        grid_epochs: Annotated[
            int | None, Option(min=0, help="Epochs of the search for parameters.", show_default="by scale")
        ] = None,
        dask: Dask = None,
        overwrite: Annotated[bool, Option(help="Start again, removing the trainings in --out.")] = False,
    ):
        from tfapp.optimizers import SOLVERS

        workload, usual_epochs, usual_grid = _workload(name, data, reader, scale)
        compare_solvers(
            workload,
            dict.fromkeys(SOLVERS),
            parse_seeds(seeds),
            epochs or usual_epochs,
            usual_grid if grid_epochs is None else grid_epochs,
            out,
            typed(context),
            dask,
            overwrite,
        )

    command.__doc__ = f"{what} {READING}"
    return command


def sweep_command(name, what, solver):
    """Return the command that trains BPGrad over the values of one parameter."""

    def command(
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = "0,1,2",
        epochs: Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")] = None,
        dask: Dask = None,
    ):
        numbers = parse_seeds(seeds)
        workload, usual_epochs, _ = _workload(name, data, "mnist", scale)
        check_folder(out)
        from tfapp.reproduce.bpgrad.sweep import save_sweep_png, sweep_jobs, sweep_rows
        from tfapp.solvers.trainings.comparison import Comparison

        jobs = sweep_jobs(workload, solver, numbers, epochs or usual_epochs)
        results = train_with_progress(jobs, out / "trainings", dask, "trainings")
        print_table(*sweep_rows(results))
        written = [out / f"{name}{suffix}" for suffix in (".png", ".csv")]
        save_sweep_png(
            results, written[0], f"{workload.model}, {jobs[0].epochs} epochs, {len(numbers)} seeds"
        )
        Comparison(results).write_csv(written[1])
        print_written(*written)

    command.__doc__ = f"{what} {READING}"
    return command


def _workload(name, data, reader, scale):
    """Return the `Workload` of a figure or table, its epochs, and those of the search."""
    check_scale(scale, SCALES)
    from tfapp.data import names_classification, open_classification
    from tfapp.solvers.trainings.workload import Workload

    named = data.partition(":")[0]
    if not names_classification(data) and reader:
        data, named = f"{reader}:{data}", reader
    allowed = (reader,) if reader else ("mnist", "cifar10", "imagenet")
    if named not in (*allowed, "digits"):
        expected = ", ".join(f"{one}:PATH" for one in allowed)
        raise InputError(f"{name} is made of other images: expected --data {expected}; got {data!r}.")
    settings = SETTINGS["mnist" if named == "digits" else named, scale]
    model, epochs, grid_epochs, batch_size, options = settings
    spec = open_classification(data).spec
    return Workload(spec, model, batch_size=batch_size, **options), epochs, grid_epochs


COMMANDS = {
    "bpgrad-figure-3.16": comparison_command(
        "Figure 3.16", "Figure 3.16: objective and test error of all solvers on MNIST.", "mnist"
    ),
    "bpgrad-figure-3.17": comparison_command(
        "Figure 3.17", "Figure 3.17: objective and test error of all solvers on CIFAR-10.", "cifar10"
    ),
    "bpgrad-figure-3.18": sweep_command(
        "bpgrad-figure-3.18", "Figure 3.18: how much L matters to BPGrad, on MNIST.", "bpgrad"
    ),
    "bpgrad-figure-3.19": sweep_command(
        "bpgrad-figure-3.19", "Figure 3.19: how much rho matters to BPGrad, on MNIST.", "bpgrad-rho"
    ),
    "bpgrad-table-3.2": comparison_command(
        "Table 3.2", "Table 3.2: test error of all solvers on MNIST, CIFAR-10 or ImageNet.", None
    ),
}
