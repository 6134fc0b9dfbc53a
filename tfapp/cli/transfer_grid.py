"""Command `tfapp transfer grid`."""

from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_table, print_written
from tfapp.cli.options import parse_seeds
from tfapp.cli.transfer_evaluate import Classes, Form, Run, SkipBad, names_of
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
    """Transfer networks of other sizes on the features of a run, N1 x N2; a killed grid resumes."""
    from tfapp.transfer.grid import grid_remark, grid_table
    from tfapp.transfer.results import grid_of_run

    content, written = grid_of_run(
        run,
        _sizes("--hidden", hidden),
        _sizes("--clusters", clusters),
        parse_seeds(seeds),
        ap,
        names_of(classes),
        skip_bad=skip_bad or None,
        progress=ConsoleProgress(),
    )
    print_table(grid_table(content))
    console.print(grid_remark(content))
    print_written(*written)


def _sizes(option, text):
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes:
        raise InputError(f"{option} {text!r} is not understood; expected whole numbers such as 256,512.")
    return list(dict.fromkeys(sizes))
