"""`tfapp solvers plane`: the paths of several solvers in the PCA plane of a trained network."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import console, finish, follow, print_written, progress_bar
from tfapp.cli.reproduce_options import typed
from tfapp.cli.solvers_compare import chosen_solvers
from tfapp.cli.solvers_paths import print_columns
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option
_CHECKPOINTS = 40
_TRAJECTORY = "trajectory"


def plane(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help="digits, or mnist:PATH, fashion-mnist:PATH, cifar10:PATH.")],
    out: Annotated[Path, Option(help="Folder of trainings, surface and figure; a killed command goes on.")],
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
    from tfapp.solvers.trainings.workload import Workload

    chosen = chosen_solvers(solvers)
    check_folder(out)
    images = open_classification(data)
    if not hasattr(images.train, "images"):
        raise InputError(f"The plane needs images in memory; {data} reads them one by one from files.")
    workload = Workload(images.spec, model, batch_size, weight_decay, train_images)
    workload.build(seed)  # Whatever is wrong with the network is said before anything is written.
    part, _ = workload.parts()
    if overwrite:
        _remove(out)
    paths = _train(workload, chosen, seed, epochs, out / "paths")
    best, model, directions, points = _plane(paths)
    inputs = part.images[:samples].astype("float32") / 255
    surface = _measure(model, inputs, part.labels[:samples], directions, grid)
    written = [out / f"plane{suffix}" for suffix in (".png", ".csv", ".md", ".npz")]
    _write(
        written,
        surface,
        directions,
        points,
        paths,
        best,
        f"{workload.model} on {data.partition(':')[0]}",
        typed(context),
    )
    surface.save(written[-1])
    print_written(*written)


def _remove(out):
    shutil.rmtree(out / "paths", ignore_errors=True)
    for file in out.glob("plane*"):
        file.unlink()


def _train(workload, chosen, seed, epochs, out):
    """Train by each solver with its trajectory, and return (result, folder) by solver, without those that diverge."""
    from tfapp.optimizers import SOLVERS
    from tfapp.solvers.trainings.training import Job

    every = max(1, workload.training_batches(seed, 0)[1] * epochs // _CHECKPOINTS)
    found = {}
    with progress_bar() as bar:
        task = bar.add_task("trainings", total=epochs * len(chosen), note="")
        for name, value in chosen.items():
            bar.update(task, note=SOLVERS[name].title)
            job = Job(workload, name, SOLVERS[name].value if value is None else value, seed, epochs)
            result = _train_one(job, out / job.folder, every, lambda epoch: bar.advance(task))
            if result["diverged"]:
                console.print(f"{SOLVERS[name].title} diverged and is left out.", markup=False)
            else:
                found[name] = (result, out / job.folder)
        finish(bar, task)
    return found


def _train_one(job, folder, every, progress):
    from tfapp.landscape import TrajectoryRecorder
    from tfapp.solvers.trainings.training import MODEL, train

    # Of a training that was killed before its first model was kept nothing is left to go on with.
    begins = not (folder / MODEL).is_file()
    recorder = TrajectoryRecorder(folder / _TRAJECTORY, every, frequency="step", overwrite=begins)
    return train(job, folder, progress, [recorder])


def _plane(paths):
    """Return the best solver, its trained model, the plane of all checkpoints, and their points by solver."""
    import keras
    import numpy as np

    from tfapp.landscape import load_trajectory, pca_directions
    from tfapp.solvers.trainings.training import MODEL

    if not paths:
        raise InputError(
            "Every solver diverged; choose smaller rates or larger L with --solvers SOLVER=VALUE."
        )
    # The plane passes through the last of its points: the best end, by the objective that is measured there.
    ranked = sorted(paths, key=lambda name: -paths[name][0]["test_objective"])
    best = ranked[-1]
    model = keras.models.load_model(paths[best][1] / MODEL)
    trajectories = {name: load_trajectory(paths[name][1] / _TRAJECTORY) for name in ranked}
    checkpoints = [path[index] for path in trajectories.values() for index in range(len(path))]
    directions = pca_directions(model, checkpoints)
    ends = np.cumsum([len(path) for path in trajectories.values()])
    points = dict(zip(ranked, np.split(directions.points, ends[:-1]), strict=True))
    return best, model, directions, {name: (trajectories[name].steps, points[name]) for name in paths}


def _measure(model, inputs, labels, directions, grid):
    from tfapp.landscape import landscape

    with progress_bar() as bar:
        task = bar.add_task("surface", total=None, note="")
        options = {"directions": directions, "range": "auto", "n": grid, "batch_size": 100}
        surface = landscape(model, inputs, labels, progress=follow(bar, task), **options)
        finish(bar, task)
    return surface


def _write(files, surface, directions, points, paths, best, title, command):
    from tfapp.files import write_text
    from tfapp.optimizers import SOLVERS
    from tfapp.solvers.paths.figures import save_plane_png
    from tfapp.solvers.paths.paths import markdown, write_table

    grid = surface.alphas, surface.betas, surface.loss
    coordinates = {name: places for name, (_, places) in points.items()}
    save_plane_png(grid, coordinates, directions.labels, files[0], title)
    lines = [
        (SOLVERS[name].title, int(step), *(f"{x:.6g}" for x in place))
        for name, (steps, places) in points.items()
        for step, place in zip(steps, places, strict=True)
    ]
    write_table(("solver", "step", "alpha", "beta"), lines, files[1])
    header = ("solver", "parameter", "objective", "training error %", "test error %", "end in the plane")
    rows = [_row(SOLVERS[name].title, paths[name][0], coordinates[name][-1]) for name in paths]
    print_columns(header, rows, (0, 1, 2, 3, 4))
    shares = " and ".join(f"{share:.1%}" for share in directions.metadata["explained_variance"])
    notes = (
        f"The plane passes through the end of {SOLVERS[best].title}, the lowest on the test images, and is the closest "
        f"to all checkpoints: its axes have {shares} of their squared distances from that end. Points are projections: "
        "the loss of a checkpoint is not that of the plane below it.",
    )
    write_text(files[2], markdown(title, command, header, rows, notes))


def _row(title, result, end):
    from tfapp.reproduce.bpgrad.path_solvers import parameter_text

    numbers = (
        f"{result['train_objective']:.4f}",
        f"{result['train_error']:.2f}",
        f"{result['test_error']:.2f}",
    )
    return title, parameter_text(result["solver"], result["value"]), *numbers, f"({end[0]:.2f}, {end[1]:.2f})"
