"""Paths of several solvers through a training, in one plane of the network's loss."""

import shutil

import numpy as np

from tfapp.claims import claiming
from tfapp.errors import InputError
from tfapp.files import write_text
from tfapp.landscape import TrajectoryRecorder, landscape, load_trajectory, pca_directions
from tfapp.optimizers import solver_of
from tfapp.report.result_table import ResultTable, document
from tfapp.runs.checkpoints import load_kept
from tfapp.runs.progress import SILENT
from tfapp.solvers.paths.figures import save_plane_png
from tfapp.solvers.paths.solvers import parameter_text
from tfapp.solvers.trainings.training import MODEL, Job, train

_HEADER = ("solver", "parameter", "objective", "training error %", "test error %", "end in the plane")
_CHECKPOINTS, _LEAST_POINTS = 40, 3
_TRAJECTORY = "trajectory"


@claiming("out")
def draw_plane(
    workload, chosen, seed, epochs, out, title, *, samples, grid, command="", overwrite=False, progress=SILENT
):
    """Train one network by several solvers from the same weights, and draw their paths in one plane of its loss.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload` of images in memory.
        chosen: Dictionary from the solver to the value of its parameter, None for its usual one.
        seed: Of the initial weights and the order of the batches.
        epochs: Epochs of every training.
        out: Folder of trainings, surface and figure.
        title: Line above the figure.
        samples: Training images that the surface is measured on.
        grid: Points of the surface along each axis.
        command: The line that was typed.
        overwrite: Whether to start again.
        progress: `Progress`; it is told of solvers that diverge.

    Returns:
        (a `ResultTable` that is narrow enough for a terminal, the list of the files that were written).

    Raises:
        InputError: For a network that cannot be built, and for too few steps, before anything is written; if every
            solver diverges.
    """
    workload.build(seed)
    train, _ = workload.splits()
    steps = workload.training_batches(seed, 0)[1] * epochs
    every = max(1, steps // _CHECKPOINTS)
    # All begin from the same weights.
    if 1 + len(chosen) * (steps // every) < _LEAST_POINTS:
        raise InputError(
            f"A plane needs {_LEAST_POINTS} points at least; {len(chosen)} solver(s) with {steps} step(s) give fewer: "
            "train for more `epochs` or on more images, or name another solver."
        )
    if overwrite:
        _remove(out)
    paths = _train(workload, chosen, seed, epochs, every, out / "paths", progress)
    best, model, directions, points = _plane(paths)
    inputs = train.values(slice(samples))
    with progress.task("surface") as task:
        options = {"directions": directions, "range": "auto", "n": grid, "batch_size": 100, "progress": task}
        surface = landscape(model, inputs, train.labels[:samples], **options)
    written = [out / f"plane{suffix}" for suffix in (".png", ".csv", ".md", ".npz")]
    table = _write(written, surface, directions, points, paths, best, title, command)
    surface.save(written[-1])
    return table, written


def _remove(out):
    shutil.rmtree(out / "paths", ignore_errors=True)
    for file in out.glob("plane*"):
        file.unlink()


def _train(workload, chosen, seed, epochs, every, out, progress):
    """Train by each solver with its trajectory, and return (result, folder) by solver, without those that diverge."""
    found = {}
    with progress.task("trainings", epochs * len(chosen)) as task:
        for name, value in chosen.items():
            task(task.done, note=solver_of(name).title)
            job = Job(workload, name, solver_of(name).value if value is None else value, seed, epochs)
            result = _train_one(job, out / job.folder, every, lambda epoch: task.advance())
            if result["diverged"]:
                progress.say(f"{solver_of(name).title} diverged and is left out.")
            else:
                found[name] = (result, out / job.folder)
        task.finish("")
    return found


def _train_one(job, folder, every, progress):
    # Of a training that was killed before its first model was kept nothing is left to resume from.
    begins = not (folder / MODEL).is_file()
    recorder = TrajectoryRecorder(folder / _TRAJECTORY, every, frequency="step", overwrite=begins)
    return train(job, folder, progress, [recorder])


def _plane(paths):
    """Return the best solver, its trained model, the plane of all checkpoints, and their points by solver."""
    if not paths:
        raise InputError(
            "Every solver diverged; choose smaller rates or larger L with `solvers` SOLVER=VALUE."
        )
    # The plane passes through the last of its points: the best end, by the objective that is measured there.
    ranked = sorted(paths, key=lambda name: -paths[name][0]["test_objective"])
    best = ranked[-1]
    model = load_kept(paths[best][1] / MODEL)
    trajectories = {name: load_trajectory(paths[name][1] / _TRAJECTORY) for name in ranked}
    checkpoints = [path[index] for path in trajectories.values() for index in range(len(path))]
    directions = pca_directions(model, checkpoints)
    ends = np.cumsum([len(path) for path in trajectories.values()])
    points = dict(zip(ranked, np.split(directions.points, ends[:-1]), strict=True))
    return best, model, directions, {name: (trajectories[name].steps, points[name]) for name in paths}


def _write(files, surface, directions, points, paths, best, title, command):
    """Write figure, points and table; return the narrow table."""
    grid = surface.alphas, surface.betas, surface.loss
    coordinates = {name: places for name, (_, places) in points.items()}
    save_plane_png(grid, coordinates, directions.labels, files[0], title)
    lines = [
        (solver_of(name).title, int(step), *(f"{x:.6g}" for x in place))
        for name, (steps, places) in points.items()
        for step, place in zip(steps, places, strict=True)
    ]
    ResultTable(("solver", "step", "alpha", "beta"), lines).write_csv(files[1])
    rows = [_row(solver_of(name).title, paths[name][0], coordinates[name][-1]) for name in paths]
    shares = " and ".join(f"{share:.1%}" for share in directions.metadata["explained_variance"])
    notes = (
        f"The plane passes through the end of {solver_of(best).title}, the lowest on the test images, and is the "
        f"closest to all checkpoints: its axes have {shares} of their squared distances from that end. Points are "
        "projections: the loss of a checkpoint is not that of the plane below it.",
    )
    table = ResultTable(_HEADER, rows)
    write_text(files[2], document(table, notes, title=title, command=command))
    return table.columns(0, 1, 2, 3, 4)


def _row(title, result, end):
    numbers = (
        f"{result['train_objective']:.4f}",
        f"{result['train_error']:.2f}",
        f"{result['test_error']:.2f}",
    )
    return title, parameter_text(result["solver"], result["value"]), *numbers, f"({end[0]:.2f}, {end[1]:.2f})"
