"""Studies that train networks by every solver: figures 3.16 to 3.19, and table 3.2."""

from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.errors import InputError
from tfapp.report.result_table import DASH, ResultTable
from tfapp.reproduce.bpgrad import ASSUMED, SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

# Network, epochs, epochs of the search, images per batch and further options of `Workload`.
SETTINGS = {
    ("mnist", "small"): ("lenet-5", 5, 2, 100, {}),
    ("mnist", "paper"): ("lenet-mnist", 20, 5, 100, {}),
    ("cifar10", "small"): ("lenet-cifar10", 12, 4, 100, {}),
    ("cifar10", "paper"): ("lenet-cifar10", 100, 20, 100, {}),
    ("imagenet", "small"): ("resnet-18", 2, 1, 64, {"size": 64}),
    # AlexNet as Krizhevsky et al. (2012) train it: 90 passes with batches of 128, random crops and mirror images.
    ("imagenet", "paper"): ("alexnet", 90, 5, 128, {"size": 227, "augment": "crop-mirror"}),
}
SCALES = {"small": "for two cores.", "paper": "for a GPU."}
# Of the figures of one parameter: values of L, and how axes and tables write the parameters.
LIPSCHITZ = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
SYMBOLS = {"lipschitz": "L", "rho": "ρ"}

Data = Annotated[str, Option(help="mnist:PATH, cifar10:PATH or imagenet:PATH.")]
Out = Annotated[Path, Option(help="Folder of trainings and results; a killed command resumes.")]
Scale = Annotated[str, Option(help="small, for two cores, or paper, for a GPU.")]
Seeds = Annotated[tuple, Option(help="Seeds, comma-separated.", text="seeds")]
Epochs = Annotated[int | None, Option(min=1, help="Epochs.", show_default="by scale")]
GridEpochs = Annotated[
    int | None, Option(min=0, help="Epochs of the search for parameters.", show_default="by scale")
]
Dask = Annotated[str | None, Option(help="local, or a Dask scheduler's address.")]


def comparison(name, reader):
    """Return the function that compares all solvers on the data of one reader, or of any for None."""

    def make(
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = (0, 1, 2),
        epochs: Epochs = None,
        grid_epochs: GridEpochs = None,
        dask: Dask = None,
        overwrite: Annotated[bool, Option(help="Start again, removing the trainings in --out.")] = False,
        *,
        progress,
        command,
    ):
        from tfapp.optimizers import SOLVERS
        from tfapp.solvers.trainings.comparison import compare_solvers

        workload, usual_epochs, usual_grid = _workload(name, data, reader, scale)
        compared, remarks, written = compare_solvers(
            workload,
            dict.fromkeys(SOLVERS),
            seeds,
            epochs or usual_epochs,
            usual_grid if grid_epochs is None else grid_epochs,
            out,
            command=command,
            dask=dask,
            overwrite=overwrite,
            progress=progress,
        )
        return Result([compared.table(), *remarks], written)

    return make


def sweep(name, solver):
    """Return the function that trains BPGrad over the values of one parameter."""

    def make(
        data: Data,
        out: Out,
        scale: Scale = "small",
        seeds: Seeds = (0, 1, 2),
        epochs: Epochs = None,
        dask: Dask = None,
        *,
        progress,
        command,
    ):
        del command
        from tfapp.solvers.trainings.comparison import Comparison, train_jobs

        workload, usual_epochs, _ = _workload(name, data, "mnist", scale)
        jobs = sweep_jobs(workload, solver, seeds, epochs or usual_epochs)
        results = train_jobs(jobs, out / "trainings", dask, progress=progress)
        written = files_of(out, name, ".png", ".csv")
        title = f"{workload.model}, {jobs[0].epochs} epochs, {len(seeds)} seeds"
        save_sweep_png(results, written[0], title)
        Comparison(results).write_csv(written[1])
        return Result([sweep_table(results)], written)

    return make


def sweep_jobs(workload, solver, seeds, epochs):
    """Return the trainings of a figure: BPGrad over L, or `bpgrad-rho` over rho, with every seed."""
    from tfapp.optimizers import SWEEPS
    from tfapp.solvers.trainings.training import Job

    values = LIPSCHITZ if solver == "bpgrad" else SWEEPS[solver].values
    return [Job(workload, solver, value, seed, epochs) for value in values for seed in seeds]


def save_sweep_png(results, path, title):
    """Draw training objective and test error over the values of the parameter; crosses are diverged trainings.

    Args:
        results: Results of the trainings of `sweep_jobs`.
        path: PNG file, written by write-then-rename.
        title: Text above.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    from tfapp.report.figures import save_png

    parameter = results[0]["parameter"]
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    values = sorted({result["value"] for result in results})
    for axes, (name, label) in zip(
        panels, (("train_objective", "training objective"), ("test_error", "test error, %")), strict=True
    ):
        found = {v: [r[name] for r in results if r["value"] == v and not r["diverged"]] for v in values}
        kept = [value for value in values if found[value]]
        means = np.array([np.mean(found[value]) for value in kept])
        spread = np.array([[np.min(found[v]), np.max(found[v])] for v in kept]).T
        axes.errorbar(kept, means, np.abs(spread - means), marker="o", capsize=3, color="C0")
        lost = [value for value in values if len(found[value]) < sum(r["value"] == value for r in results)]
        axes.plot(lost, [axes.get_ylim()[1]] * len(lost), "x", color="C3", label="diverged")
        axes.set(xlabel=SYMBOLS[parameter], ylabel=label, yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "235" else "")
        if parameter == "lipschitz":
            axes.set_xscale("log")
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.xaxis.set_minor_locator(NullLocator())
        if lost:
            axes.legend(frameon=False)
    figure.suptitle(title)
    save_png(figure, path)


def sweep_table(results) -> ResultTable:
    """Return a row for each value: its seeds, those that diverged, and the mean objective and error of the others."""
    symbol = SYMBOLS[results[0]["parameter"]]
    header = (symbol, "seeds", "diverged", "training objective", "test error %")
    rows = []
    for value in sorted({result["value"] for result in results}):
        same = [result for result in results if result["value"] == value]
        kept = [result for result in same if not result["diverged"]]
        numbers = [
            f"{np.mean([r[name] for r in kept]):{form}}" if kept else DASH
            for name, form in (("train_objective", ".4f"), ("test_error", ".2f"))
        ]
        rows.append([f"{value:g}", str(len(same)), str(len(same) - len(kept)), *numbers])
    return ResultTable(header, rows)


def _workload(name, data, reader, scale):
    """Return the `Workload` of a figure or table, its epochs, and those of the search."""
    from tfapp.data import names_classification, open_classification
    from tfapp.solvers.trainings.workload import Workload

    named = data.partition(":")[0]
    if not names_classification(data) and reader:
        data, named = f"{reader}:{data}", reader
    allowed = (reader,) if reader else ("mnist", "cifar10", "imagenet")
    if named not in (*allowed, "digits"):
        expected = ", ".join(f"{one}:PATH" for one in allowed)
        raise InputError(f"{name} is made of other images: expected `data` {expected}; got {data!r}.")
    settings = SETTINGS["mnist" if named == "digits" else named, scale]
    model, epochs, grid_epochs, batch_size, options = settings
    spec = open_classification(data).spec
    return Workload(spec, model, batch_size=batch_size, **options), epochs, grid_epochs


def _study(name, heading, make):
    return Study(name, heading, SOURCE, (ASSUMED,), SCALES, make, help=f"{heading}. {ASSUMED}")


STUDIES = (
    _study(
        "bpgrad-figure-3.16",
        "Figure 3.16: objective and test error of all solvers on MNIST",
        comparison("Figure 3.16", "mnist"),
    ),
    _study(
        "bpgrad-figure-3.17",
        "Figure 3.17: objective and test error of all solvers on CIFAR-10",
        comparison("Figure 3.17", "cifar10"),
    ),
    _study(
        "bpgrad-figure-3.18",
        "Figure 3.18: how much L matters to BPGrad, on MNIST",
        sweep("bpgrad-figure-3.18", "bpgrad"),
    ),
    _study(
        "bpgrad-figure-3.19",
        "Figure 3.19: how much rho matters to BPGrad, on MNIST",
        sweep("bpgrad-figure-3.19", "bpgrad-rho"),
    ),
    _study(
        "bpgrad-table-3.2",
        "Table 3.2: test error of all solvers on MNIST, CIFAR-10 or ImageNet",
        comparison("Table 3.2", None),
    ),
)
