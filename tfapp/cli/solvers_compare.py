"""`tfapp solvers compare`: solvers side by side on images, each at its best parameter."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, finish, print_table, print_written, progress_bar
from tfapp.cli.reproduce_options import parse_seeds, typed
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option


def compare(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH, imagenet:PATH.")
    ],
    out: Annotated[Path, Option(help="Folder of trainings and results; a killed comparison goes on.")],
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
    from tfapp.solvers.trainings.workload import Workload

    # The full path, so that the command goes on from any folder.
    spec = open_classification(data).spec
    workload = Workload(spec, model, batch_size, weight_decay, train_images, size, augment)
    compare_solvers(
        workload,
        chosen_solvers(solvers),
        parse_seeds(seeds),
        epochs,
        grid_epochs,
        out,
        typed(context),
        dask,
        overwrite,
    )


def compare_solvers(workload, chosen, seeds, epochs, grid_epochs, out, command, dask=None, overwrite=False):
    """Search the parameters, train every solver with every seed, write table and figure, and return the results.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload`.
        chosen: Dictionary from the solver to the value of its parameter, None to search it.
        seeds: List of seeds.
        epochs, grid_epochs: Epochs of trainings and of the search.
        out: Folder.
        command: The line that was typed.
        dask: Address of a scheduler, `local` or None.
        overwrite: Whether to start again.
    """
    from tfapp.files import write_text
    from tfapp.solvers.trainings.comparison import (
        HEADER,
        Comparison,
        at_the_edge,
        best_values,
        grid_jobs,
        save_curves_png,
        write_grid,
    )
    from tfapp.solvers.trainings.training import Job

    check_folder(out)
    # Whatever is wrong with data, network or batches is said before anything is written.
    workload.build(seeds[0])
    workload.for_choosing().training_batches(seeds[0], 0)
    for folder in ("grid", "trainings") if overwrite else ():
        shutil.rmtree(out / folder, ignore_errors=True)
    written = []
    searched = [solver for solver, value in chosen.items() if value is None]
    values = best_values(searched, [])
    if grid_epochs:
        tried = train_with_progress(grid_jobs(workload, searched, grid_epochs), out / "grid", dask, "search")
        values = best_values(searched, tried)
        written.append(out / "grid.csv")
        write_grid(written[-1], tried)
    values |= {solver: value for solver, value in chosen.items() if value is not None}
    jobs = [Job(workload, solver, values[solver], seed, epochs) for seed in seeds for solver in chosen]
    results = train_with_progress(jobs, out / "trainings", dask, "trainings")
    comparison = Comparison(results)
    print_table(HEADER, comparison.rows())
    if any(at_the_edge(solver, values[solver]) for solver in searched if grid_epochs):
        console.print("* the smallest or largest value that was tried: a better one may lie beyond it")
    written += [out / f"comparison{suffix}" for suffix in (".md", ".csv", ".png")]
    write_text(written[-3], f"{comparison.markdown()}\n```\n{command}\n```\n")
    comparison.write_csv(written[-2])
    save_curves_png(comparison, written[-1], f"{workload.model} on {workload.data.partition(':')[0]}")
    print_written(*written)
    return results


def train_with_progress(jobs, out, dask, title):
    """Train the jobs, shown by a progress bar with an ETA, and return their results."""
    import tensorflow as tf

    from tfapp.solvers.trainings.comparison import train_all

    # Every training traces its own step, which TensorFlow takes for one function that is traced again and again.
    tf.get_logger().setLevel("ERROR")
    with progress_bar() as bar:
        task = bar.add_task(title, total=sum(job.epochs for job in jobs) or None, note="")

        def note(number, epochs):
            # Epochs that were trained before this command began are counted when their training is done.
            before = sum(job.epochs for job in jobs[:number]) if dask is None else 0
            bar.update(task, note=f"{jobs[number].folder}")
            if dask is None:
                bar.update(task, completed=before + epochs)
            else:
                bar.advance(task, epochs)

        results = train_all(jobs, out, dask, note)
        finish(bar, task)
    return results


def chosen_solvers(text):
    """Return the solvers that --solvers names, each with the value of its parameter or None to search it."""
    from tfapp.optimizers import SOLVERS

    if text == "all":
        return dict.fromkeys(SOLVERS)
    chosen = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in SOLVERS:
            raise InputError(f"Unknown solver {name!r} in --solvers; choose of: {', '.join(SOLVERS)}.")
        chosen[name] = _number(name, value) if value else None
    return chosen


def _number(name, value):
    from tfapp.optimizers import make_solver

    try:
        number = float(value)
        make_solver(name, number)
    except ValueError:
        raise InputError(
            f"--solvers {name}={value} is not understood; expected a positive number, such as {name}=0.1."
        ) from None
    return number
