"""Trainings of many solvers: the search of their parameters, the table over seeds and its picture."""

import shutil
from collections import defaultdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tfapp.claims import claiming
from tfapp.errors import InputError, WorkFailed
from tfapp.files import check_folder, write_text
from tfapp.optimizers import SOLVERS
from tfapp.optimizers.catalogue import value_text
from tfapp.report.colours import QUALITATIVE, qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable, code, document, mean_and_spread
from tfapp.runs.progress import SILENT
from tfapp.solvers.trainings.training import Job, train
from tfapp.workers import dask_workers

MEASURES = ("train_objective", "train_error", "test_error")
_HEADER = ("solver", "parameter", "training objective", "training error %", "test error %")
EDGE = "* the smallest or largest value that was tried: a better one may lie beyond it"


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
    # Whatever is wrong with data, network or batches is said before anything is written.
    workload.build(seeds[0])
    workload.for_choosing().training_batches(seeds[0], 0)
    for folder in ("grid", "trainings") if overwrite else ():
        shutil.rmtree(out / folder, ignore_errors=True)
    written = []
    searched = [solver for solver, value in chosen.items() if value is None]
    values = best_values(searched, [])
    if grid_epochs:
        jobs = grid_jobs(workload, searched, grid_epochs)
        tried = train_jobs(jobs, out / "grid", dask, progress=progress, title="search")
        values = best_values(searched, tried)
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
    return comparison, [EDGE] if comparison.at_edge else [], written


class Comparison:
    """Trainings of several solvers, each over the same seeds.

    Args:
        results: What `tfapp.solvers.trainings.training.train` returned.
        searched: Names of the solvers whose value was searched.
    """

    def __init__(self, results, searched=()):
        self.searched, self.by_solver = searched, defaultdict(list)
        for result in results:
            self.by_solver[result["solver"]].append(result)

    @property
    def at_edge(self):
        """Names of the searched solvers whose value is the smallest or largest of those tried."""
        return [name for name in self.searched if at_the_edge(name, self.by_solver[name][0]["value"])]

    def table(self) -> ResultTable:
        """Return a row for each solver, mean ± standard deviation over seeds, best test error first."""
        ranked = sorted(self.by_solver, key=self._test_error)
        return ResultTable(_HEADER, [self._row(solver) for solver in ranked])

    def curves(self, column):
        """Return {title: (seeds, epochs) array} of a column of the histories; diverged trainings are left out."""
        curves = {
            SOLVERS[solver].title: [r["history"][column] for r in results if not r["diverged"]]
            for solver, results in self.by_solver.items()
        }
        return {title: np.array(values) for title, values in curves.items() if values}

    def write_csv(self, path):
        """Write one row for each training."""
        rows = []
        for results in self.by_solver.values():
            for r in results:
                numbers = ["" if r["diverged"] else f"{r[name]:.6g}" for name in MEASURES]
                told = [r[name] for name in ("solver", "parameter", "value", "seed", "epochs")]
                rows.append([*told, *numbers, r["diverged"]])
        header = ["solver", "parameter", "value", "seed", "epochs", *MEASURES, "diverged"]
        ResultTable(header, rows).write_csv(path)

    def _row(self, solver):
        results = self.by_solver[solver]
        value = results[0]["value"]
        text = value_text(value)
        if text == "auto":
            # 0 before the updates are over that it is found from.
            found = [r["measured"]["lipschitz"] for r in results if not r["diverged"]]
            text = f"auto: {mean_and_spread(found, '.3g') if all(found) else 'not found, too few updates'}"
        parameter = f"{SOLVERS[solver].symbol} {text}{' *' if solver in self.at_edge else ''}"
        kept = [r for r in results if not r["diverged"]]
        lost = "" if len(kept) == len(results) else f" ({len(results) - len(kept)} diverged)"
        numbers = [
            mean_and_spread([r[name] for r in kept], form)
            for name, form in zip(MEASURES, (".4f", ".2f", ".2f"), strict=True)
        ]
        return [SOLVERS[solver].title + lost, parameter, *numbers]

    def _test_error(self, solver):
        return np.mean([r.get("test_error", np.inf) for r in self.by_solver[solver]])


SEED = 0


def grid_jobs(workload, solvers, epochs):
    """Return the trainings that try every value of every solver; a solver with one value needs none."""
    choosing = workload.for_choosing()
    return [
        Job(choosing, solver, value, SEED, epochs)
        for solver in solvers
        for value in SOLVERS[solver].values
        if len(SOLVERS[solver].values) > 1
    ]


def best_values(solvers, results):
    """Return the value of each solver with the lowest validation error, ties by the lower validation objective.

    Args:
        solvers: Names of `SOLVERS`.
        results: Results of the trainings of `grid_jobs`.

    Returns:
        Dictionary from solver to value. A solver all of whose trainings diverged keeps its usual value.
    """
    best = {}
    for solver in solvers:
        tried = [result for result in results if result["solver"] == solver and not result["diverged"]]
        ranked = sorted(tried, key=lambda result: (result["test_error"], result["test_objective"]))
        best[solver] = ranked[0]["value"] if ranked else SOLVERS[solver].value
    return best


def at_the_edge(solver, value):
    """Return whether the best value is the smallest or largest of those tried, so that a better one may lie outside."""
    values = SOLVERS[solver].values
    return len(values) > 1 and value in (values[0], values[-1])


def write_grid(path, results):
    """Write one row for each training of a grid search."""
    columns = ("solver", "parameter", "value", "train_objective", "test_objective", "test_error", "diverged")
    titles = (
        "solver",
        "parameter",
        "value",
        "objective",
        "validation objective",
        "validation error %",
        "diverged",
    )
    rows = [[_cell(result.get(column, "")) for column in columns] for result in results]
    ResultTable(titles, rows).write_csv(path)


def _cell(value):
    return f"{value:.6g}" if isinstance(value, float) else value


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


_PANELS = (("train_objective", "training objective", True), ("test_error", "test error, %", True))
_STYLES = ("-", "--", ":")


def save_curves_png(comparison, path, title=None):
    """Draw the training objective and the test error of every solver over the epochs.

    Lines are means over seeds, bands reach from the smallest to the largest. Both axes are logarithmic: late
    epochs differ by little. Diverged trainings are left out.

    Args:
        comparison: `Comparison`.
        path: PNG file, written by write-then-rename.
        title: Text above the panels, or None.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    panels = figure.subplots(1, len(_PANELS))
    for axes, (column, label, is_log) in zip(panels, _PANELS, strict=True):
        for number, (name, curves) in enumerate(comparison.curves(column).items()):
            _draw(axes, curves, name, number)
        axes.set(xlabel="epoch", ylabel=label, yscale="log" if is_log else "linear")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3, which="both")
    lines = [line for line in panels[0].get_lines() if isinstance(line, Line2D)]
    figure.legend(handles=lines, loc="outside right upper", frameon=False)
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
