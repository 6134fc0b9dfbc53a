"""`tfapp transfer grid`."""

from typing import Annotated

import typer

from tfapp.cli.console import console, print_table, print_written, progress_bar
from tfapp.cli.reproduce_options import parse_seeds
from tfapp.cli.transfer_evaluate import Classes, Form, Run, SkipBad, names_of, open_materials, write_page
from tfapp.cli.transfer_train import steps
from tfapp.errors import InputError

Option = typer.Option


def grid(
    run: Run,
    hidden: Annotated[str, Option(help="Values of N1, comma-separated.")] = "256,512,1024,2048",
    clusters: Annotated[str, Option(help="Values of N2 = k, comma-separated.")] = "50,100,200,500",
    seeds: Annotated[str, Option(help="Seeds of clusters and trainings, comma-separated.")] = "0",
    ap: Form = "area",
    classes: Classes = None,
    skip_bad: SkipBad = False,
):
    """Transfer networks of other sizes on the features of a run, N1 x N2; a killed grid goes on."""
    content, written = grid_of_run(
        run,
        _sizes("--hidden", hidden),
        _sizes("--clusters", clusters),
        parse_seeds(seeds),
        ap,
        names_of(classes),
        skip_bad=skip_bad or None,
    )
    print_grid(content)
    print_written(*written)


def grid_of_run(
    path, hidden, clusters, seeds, form="area", classes=None, *, skip_bad=None, title="", **options
):
    """Measure the grid; return the content of `grid.json` and the files that were written."""
    from tfapp.transfer.evaluation import HIGH, LOW, TITLES, assess
    from tfapp.transfer.grid import cells, check_cells, grid_of, measure_cell, write_grid
    from tfapp.transfer.pictures import save_grid_png

    run, materials = open_materials(path, form, classes, skip_bad, title)
    chosen = cells(hidden, clusters, seeds)
    check_cells(chosen, len(materials.features[LOW][0]))
    with progress_bar() as bar:
        show, measured = steps(bar, title), []
        without = {
            name: assess(
                materials,
                name,
                seed=run.config.seed,
                folder=run.path,
                **options,
                progress=lambda done, total, name=name: show(f"classifiers, {TITLES[name]}", done, total),
            ).mean
            for name in (HIGH, LOW)
        }
        for number, cell in enumerate(chosen):
            show("cells", number, len(chosen), "N1 {hidden}, N2 {clusters}, seed {seed}".format(**cell))
            measured.append(measure_cell(run, materials, cell, **options))
        show("cells", len(chosen), len(chosen), "")
    content = grid_of(measured, without[LOW], without[HIGH], form)
    written = write_grid(run.path, content)
    figure = run.path / "figures" / "grid.png"
    save_grid_png(content, figure)
    return content, [*written, figure, write_page(run)]


def print_grid(content):
    """Print the table of a grid."""
    from tfapp.transfer.grid import grid_table

    print_table(*grid_table(content), title=f"mean average precision ({content['ap']}), %")
    console.print(f"without a transfer: LR {100 * content['low']:.2f}, HR {100 * content['high']:.2f}")


def _sizes(option, text):
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes:
        raise InputError(f"{option} {text!r} is not understood; expected whole numbers such as 256,512.")
    return list(dict.fromkeys(sizes))
