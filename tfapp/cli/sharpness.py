"""Command `tfapp sharpness`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_table, print_written, resumes
from tfapp.cli.sources import open_run
from tfapp.errors import InputError
from tfapp.report.result_table import ResultTable

Option = typer.Option
FILE = "sharpness.json"
_NOT_COMPARABLE = (
    "Exact products do not count the kinks of ReLU networks and differences do: compare the runs with --products "
    "differences."
)


@resumes
def sharpness(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of trained runs of any kind.")
    ],
    eps: Annotated[str, Option(help="Sizes of the box, comma-separated.")] = "1e-3,5e-4",
    subspace: Annotated[
        int | None,
        Option(help="Dimension of a random subspace (the papers': 100).", show_default="all weights"),
    ] = None,
    columns: Annotated[
        str, Option(help="Columns of the subspace: gaussian (entries of variance 1) or unit (length 1).")
    ] = "gaussian",
    box: Annotated[
        str,
        Option(
            help="keskar: EPS (|w| + 1), the rise in percent of 1 + loss; lu-tong: EPS |w|, the rise as a multiple of "
            "the loss, with their EPS of 0.1,0.2 or 0.01,0.02; filter: every filter moves by EPS of its norm."
        ),
    ] = "keskar",
    repeats: Annotated[int, Option(min=1, help="Trials, each with its own start and subspace.")] = 5,
    hessian: Annotated[bool, Option(help="Also eigenvalues, trace and spectrum of the Hessian.")] = False,
    products: Annotated[
        str, Option(help="Hessian's products: exact, differences (counts kinks too), or auto.")
    ] = "auto",
    samples: Annotated[int, Option(min=1, help="Training frames that the loss is averaged over.")] = 32,
    seed: Annotated[int, Option(min=0, help="Seed of starts, subspaces and frames.")] = 0,
    batch_size: Annotated[int, Option(min=1, help="Frames per pass.")] = 8,
    overwrite: Annotated[bool, Option(help="Start again, replacing the trials of these options.")] = False,
):
    """Measure how much the training loss can rise near the solution; interrupted, the same command resumes."""
    sizes = parse_sizes(eps)
    opened = [open_run(path) for path in runs]
    # Of one alone, loading its model says so at once.
    for run in opened[1:]:
        run.check_trained()
    sources = [run.solution() for run in opened]
    options = {"seed": seed, "batch_size": batch_size, "overwrite": overwrite}
    results, curvatures = [], []
    progress = ConsoleProgress()
    for source in sources:
        with progress.task(f"sharpness of {source.title}", note="reading data") as task:
            from tfapp.landscape import sharpness as measure

            model, data = source.load_model(), source.sample(samples, seed)
            options |= {"path": source.path / "landscape" / FILE}
            search = {"subspace": subspace, "columns": columns, "box": box, "repeats": repeats}
            counted = partial(task, note="")
            results.append(measure(model, *data, eps=sizes, **search, **options, progress=counted))
        if hessian:
            curvatures.append(_curvature(progress, source, model, data, options | {"method": products}))
    names = [source.path.name for source in sources]
    print_table(_table(sources, sizes, results))
    if curvatures:
        print_table(_curvature_table(sources, curvatures))
        if len({found.method for found in curvatures}) > 1:
            console.print(_NOT_COMPARABLE, soft_wrap=True, highlight=False)
    print_written(
        *(source.path / "landscape" / FILE for source in sources), *_draw(sources, names, results, curvatures)
    )


def parse_sizes(text):
    """Return the numbers of a comma-separated list such as 1e-3,5e-4."""
    try:
        sizes = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        sizes = ()
    if not sizes or not all(0 < size < float("inf") for size in sizes):
        raise InputError(f"--eps expects positive numbers such as 1e-3,5e-4; got {text!r}.")
    return sizes


def _curvature(progress, source, model, data, options):
    from tfapp.landscape import summarise_curvature

    with progress.task(f"Hessian of {source.title}", note="second derivatives") as task:
        return summarise_curvature(model, *data, **options, progress=partial(task, note=""))


def _table(sources, sizes, results):
    header = ("run", "network", *(f"ε = {size:g} [{results[0][0].unit}]" for size in sizes))
    rows = []
    for source, result in zip(sources, results, strict=True):
        rows.append([source.path.name, source.title, *map(_cell, result)])
        rows.append(["", "evaluations", *(measured.evaluations for measured in result)])
        rows.append(["", "at the border", *(f"{measured.active_share:.0%}" for measured in result)])
    return ResultTable(header, rows)


def _cell(measured):
    spread = f" ± {measured.spread:.2g}" if len(measured.trials) > 1 else ""
    return f"≥ {measured.mean:.4g}{spread}"


def _curvature_table(sources, curvatures):
    """Return one column per run: a row per figure fits any terminal."""
    columns = [
        (
            ", ".join(f"{value:.4g}" for value in found.largest.values),
            ", ".join(f"{residual:.0%}" for residual in found.largest.residuals),
            f"{found.largest.measured[0]:.4g}",
            f"{found.smallest.values[0]:.4g}",
            f"{found.trace.mean:.4g} ± {found.trace.standard_error:.2g}",
            "exact" if found.step is None else f"h = {found.step:g} |w|",
        )
        for found in curvatures
    ]
    names = ("largest eigenvalues", "residuals", "loss along the first", "smallest", "trace", "products")
    rows = list(zip(names, *columns, strict=True))
    header = ("run", *(source.path.name for source in sources))
    return ResultTable(header, rows, "Hessian of the training loss")


def _draw(sources, names, results, curvatures):
    """Write the spectrum of every run, and what compares several runs beside the first; return the paths."""
    from tfapp.landscape import save_sharpness_png, save_spectra_png

    written = []
    for source, name, found in zip(sources, names, curvatures, strict=False):
        written.append(source.path / "landscape" / "spectrum.png")
        save_spectra_png([found.density], [name], written[-1])
    folder = sources[0].path / "landscape"
    if len(sources) > 1:
        written.append(folder / "sharpness-comparison.png")
        save_sharpness_png(results, names, written[-1])
    if len(curvatures) > 1:
        written.append(folder / "spectra-comparison.png")
        save_spectra_png([found.density for found in curvatures], names, written[-1])
    return written
