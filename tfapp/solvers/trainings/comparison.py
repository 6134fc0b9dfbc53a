"""Trainings of many solvers: those of a search and over seeds, their table and its picture."""

import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tfapp.claims import claiming
from tfapp.errors import InputError, WorkFailed
from tfapp.files import check_folder, write_text
from tfapp.optimizers import make_solver, solver_of
from tfapp.optimizers.catalogue import value_text
from tfapp.report.colours import QUALITATIVE, qualitative
from tfapp.report.figures import legend_beside, save_png
from tfapp.report.result_table import ResultTable, code, document, mean_and_spread
from tfapp.runs.progress import SILENT
from tfapp.solvers.trainings.search import at_the_edge, best_values, grid_jobs, jobs_beyond, write_grid
from tfapp.solvers.trainings.training import COLUMNS, Job, train
from tfapp.workers import dask_workers

MEASURES = ("train_objective", "train_error", "test_error")
_HEADER = ("solver", "parameter", "training objective", "training error %", "test error %")
EDGE = "* the smallest or largest value that a search tries: a better one may lie beyond it"
LOSS_ALONE = (
    "The objective is the loss without the decay of the weights, as one of the solvers counts that in the gradient "
    "alone."
)


@claiming("out")
def compare_solvers(
    workload,
    chosen,
    seeds,
    epochs,
    grid_epochs,
    out,
    *,
    command="",
    dask=None,
    overwrite=False,
    progress=SILENT,
):
    """Search the parameters, train every solver with every seed, and write table and figure.

    Args:
        workload: `tfapp.solvers.trainings.workload.Workload`.
        chosen: Dictionary from the solver to the value of its parameter, None to search it.
        seeds: List of seeds.
        epochs, grid_epochs: Epochs of trainings and of the search.
        out: Folder.
        command: The line that was typed.
        dask: Address of a scheduler, `local` or None.
        overwrite: Whether to start again.
        progress: `Progress` that shows the epochs.

    Returns:
        (the `Comparison`, a list of remarks on its table, the list of the files that were written).

    Raises:
        InputError: For data, network or batches that cannot be used, before anything is written; as `train_all`.
        WorkFailed: As `train_all`.
    """
    out = Path(out)
    check_folder(out)
    remarks = []
    if any(not getattr(make_solver(name, steps_per_epoch=1), "decays_loss", True) for name in chosen):
        workload = replace(workload, loss_alone=True)
        remarks.append(LOSS_ALONE)
    for name, value in chosen.items():
        try:
            make_solver(name, value, steps_per_epoch=1, epochs=epochs)
        except ValueError as error:
            raise InputError(f"{name}={value}: {error}") from error
    # Whatever is wrong with data, network or batches is said before anything is written.
    workload.check_factors(workload.build(seeds[0]))
    workload.for_choosing().training_batches(seeds[0], 0)
    for folder in ("grid", "trainings") if overwrite else ():
        shutil.rmtree(out / folder, ignore_errors=True)
    written = []
    searched = [solver for solver, value in chosen.items() if value is None]
    values = best_values(searched, [])
    if grid_epochs:
        jobs = grid_jobs(workload, searched, grid_epochs)
        tried = []
        while jobs:
            tried += train_jobs(jobs, out / "grid", dask, progress=progress, title="search")
            values = best_values(searched, tried)
            jobs = jobs_beyond(workload, searched, tried, grid_epochs)
        if tried:
            written.append(out / "grid.csv")
            write_grid(written[-1], tried)
    values |= {solver: value for solver, value in chosen.items() if value is not None}
    jobs = [Job(workload, solver, values[solver], seed, epochs) for seed in seeds for solver in chosen]
    trained = train_jobs(jobs, out / "trainings", dask, progress=progress)
    comparison = Comparison(trained, searched if grid_epochs else ())
    written += [out / f"comparison{suffix}" for suffix in (".md", ".csv", ".png")]
    write_text(written[-3], document(comparison.table(), code(command)))
    comparison.write_csv(written[-2])
    save_curves_png(comparison, written[-1], f"{workload.model} on {workload.data.partition(':')[0]}")
    return comparison, [*remarks, *[EDGE] * bool(comparison.at_edge)], written


class Comparison:
    """Trainings of several solvers, each over the same seeds.

    Args:
        results: What `tfapp.solvers.trainings.training.train` returned. Those of one solver with several values of its
            parameter count as several.
        searched: Names of the solvers whose value was searched.
    """

    def __init__(self, results, searched=()):
        self.searched, self.groups = searched, defaultdict(list)
        for result in results:
            self.groups[result["solver"], result["value"]].append(result)

    @property
    def at_edge(self):
        """Names of the searched solvers whose value is the last that a search can try."""
        return [name for name, value in self.groups if name in self.searched and at_the_edge(name, value)]

    @property
    def diverged(self):
        """Titles of those of whom a training diverged."""
        return [
            self.title(*key) for key, results in self.groups.items() if any(r["diverged"] for r in results)
        ]

    def title(self, name, value):
        """Return how tables and pictures call a solver: by its title, and by what sets it apart from its likes."""
        solver = solver_of(name)
        likes = [(one, its) for one, its in self.groups if solver_of(one).title == solver.title]
        common = set.intersection(*({*solver_of(one).told.split(", ")} for one, _ in likes))
        told = [text for text in solver.told.split(", ") if text and text not in common]
        if len({its for _, its in likes}) > 1:
            told.insert(0, f"{solver.symbol} = {value_text(value)}")
        return ", ".join([solver.title, *told])

    def table(self) -> ResultTable:
        """Return a row for each solver, mean ± standard deviation over seeds, best test error first."""
        ranked = sorted(self.groups, key=self._test_error)
        return ResultTable(_HEADER, [self._row(key) for key in ranked])

    def curves(self, column):
        """Return {title: (seeds, epochs) array} of a column of the histories; diverged trainings are left out."""
        curves = {
            self.title(*key): [r["history"][column] for r in results if not r["diverged"]]
            for key, results in self.groups.items()
        }
        return {title: np.array(values) for title, values in curves.items() if values}

    def write_csv(self, path):
        """Write one row for each training."""
        rows = []
        for results in self.groups.values():
            for r in results:
                numbers = ["" if r["diverged"] else f"{r[name]:.6g}" for name in MEASURES]
                told = [r[name] for name in ("solver", "parameter", "value", "seed", "epochs")]
                rows.append([*told, *numbers, r["diverged"]])
        header = ["solver", "parameter", "value", "seed", "epochs", *MEASURES, "diverged"]
        ResultTable(header, rows).write_csv(path)

    def write_curves_csv(self, path):
        """Write one row for each epoch of each training that did not diverge."""
        told, rows = ("solver", "value", "seed"), []
        for results in self.groups.values():
            for r in (r for r in results if not r["diverged"]):
                numbers = zip(*(r["history"][name] for name in COLUMNS), strict=True)
                rows += [[*(r[name] for name in told), *map("{:.6g}".format, row)] for row in numbers]
        ResultTable([*told, *COLUMNS], rows).write_csv(path)

    def _row(self, key):
        (name, value), results = key, self.groups[key]
        solver, text = solver_of(name), value_text(value)
        if text == "auto":
            # 0 before the updates are over that it is found from.
            found = [r["measured"]["lipschitz"] for r in results if not r["diverged"]]
            text = f"auto: {mean_and_spread(found, '.3g') if all(found) else 'not found, too few updates'}"
        parameter = f"{solver.symbol} {text}{' *' if name in self.at_edge else ''}"
        if solver.told:
            parameter += f", {solver.told}"
        kept = [r for r in results if not r["diverged"]]
        lost = "" if len(kept) == len(results) else f" ({len(results) - len(kept)} diverged)"
        numbers = [
            mean_and_spread([r[name] for r in kept], form)
            for name, form in zip(MEASURES, (".4f", ".2f", ".2f"), strict=True)
        ]
        return [solver.title + lost, parameter, *numbers]

    def _test_error(self, key):
        return np.mean([r.get("test_error", np.inf) for r in self.groups[key]])


def train_jobs(jobs, out, dask=None, *, progress=SILENT, title="trainings"):
    """Return `train_all` of the jobs, whose epochs are one task of a `Progress`."""
    # Every training traces its own step, which TensorFlow takes for one function that is traced again and again.
    tf.get_logger().setLevel("ERROR")
    with progress.task(title, sum(job.epochs for job in jobs) or None) as task:

        def note(number, epochs):
            # Epochs that were trained before this command began are counted when their training is done.
            done = sum(job.epochs for job in jobs[:number]) + epochs if dask is None else task.done + epochs
            task(done, note=jobs[number].folder)

        results = train_all(jobs, out, dask, note)
        task.finish("")
    return results


def train_all(jobs, out, dask=None, progress=None):
    """Train every job in a folder of its own, and return the results in the order of the jobs.

    Args:
        jobs: List of `Job`.
        out: Folder that holds the folders; with workers on other machines it must be one that all of them see.
        dask: Address of a Dask scheduler, `local` for one worker per core of this machine, or None for none.
        progress: Function of (number of the job, epochs of it that are done), or None.

    Raises:
        InputError: If a folder holds another training, or no scheduler answers.
        WorkFailed: If a worker fails.
    """
    note = progress or (lambda number, epochs: None)
    if dask is None:
        return [_train_alone(number, job, out, note) for number, job in enumerate(jobs)]
    with dask_workers(dask) as client:
        return _on_workers(client, jobs, out, note)


def _train_alone(number, job, out, note):
    result = train(job, out / job.folder, lambda epoch: note(number, epoch))
    # Keras keeps what every model has traced until it is told otherwise.
    keras.utils.clear_session()
    return result


def _on_workers(client, jobs, out, note):
    from dask.distributed import as_completed

    futures = {
        client.submit(train, job, out / job.folder, pure=False): number for number, job in enumerate(jobs)
    }
    results = {}
    try:
        for future in as_completed(list(futures)):
            number = futures[future]
            results[number] = future.result()
            note(number, jobs[number].epochs)
    except InputError:
        raise
    except Exception as error:
        raise WorkFailed(f"A Dask worker failed: {error}") from error
    finally:
        client.cancel(list(futures))
    return [results[number] for number in range(len(jobs))]


_PANELS = (("train_objective", "training objective"), ("test_error", "test error, %"))
# Of the largest to the smallest number, from which on an axis is logarithmic: on a shorter one it has hardly a label.
_LOG_RATIO = 4.0
_STYLES = ("-", "--", ":")


def save_curves_png(comparison, path, title=None):
    """Draw the training objective and the test error of every solver over the epochs.

    Lines are means over seeds, bands reach from the smallest to the largest. Axes of numbers that differ much are
    logarithmic: late epochs differ by little. Diverged trainings are left out.

    Args:
        comparison: `Comparison`.
        path: PNG file, written by write-then-rename.
        title: Text above the panels, or None.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    for axes, (column, label) in zip(panels, _PANELS, strict=True):
        found = comparison.curves(column)
        for number, (name, curves) in enumerate(found.items()):
            _draw(axes, curves, name, number)
        values = np.concatenate([curves.ravel() for curves in found.values()] or [np.ones(1)])
        is_log = values.min() > 0 and values.max() > _LOG_RATIO * values.min()
        axes.set(xlabel="epoch", ylabel=label, yscale="log" if is_log else "linear")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3, which="both")
    legend_beside(figure, (line for line in panels[0].get_lines() if isinstance(line, Line2D)))
    if title:
        figure.suptitle(title)
    save_png(figure, path)


def _draw(axes, curves, name, number):
    epochs = np.arange(1, curves.shape[1] + 1)
    colour, style = qualitative(number), _STYLES[number // len(QUALITATIVE) % len(_STYLES)]
    # BPGrad is what the picture is about.
    width = 2.4 if name.startswith("BPGrad") else 1.2
    axes.plot(epochs, curves.mean(0), style, color=colour, linewidth=width, label=name)
    if len(curves) > 1:
        axes.fill_between(epochs, curves.min(0), curves.max(0), color=colour, alpha=0.12, linewidth=0)
