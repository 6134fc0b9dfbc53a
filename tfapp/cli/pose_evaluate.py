"""Commands `tfapp pose evaluate` and `tfapp pose show`."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, console, print_table, print_written

Option = typer.Option
Run = Annotated[Path, typer.Argument(help="Run folder of `tfapp pose train`.")]
Choose = Annotated[
    str, Option(help="Which alternative counts: distance, the best fit, or network, what it says itself.")
]


def evaluate(
    run: Run,
    choose: Choose = "distance",
    scenes: Annotated[int | None, Option(min=1, help="Scenes of each split.", show_default="all")] = None,
    baselines: Annotated[bool, Option(help="K-means and spectral clustering of the same points.")] = True,
):
    """Segmentation, object model and poses against the truth of simulated scenes, held out and trained on."""
    from tfapp.pose.evaluate import evaluate_run

    evaluation = evaluate_run(run, choose, scenes, baselines, ConsoleProgress())
    table = evaluation.table()
    if table.rows:
        print_table(table)
    for sentence in evaluation.remarks():
        console.print(sentence)
    print_written(*evaluation.written)


def show(
    run: Run,
    choose: Choose = "distance",
    scenes: Annotated[int, Option(min=1, help="Scenes to show.")] = 8,
):
    """Pictures and a page of the learned model and of some scenes; needs no truth."""
    from tfapp.pose.evaluate import draw_run

    print_written(*draw_run(run, choose, scenes, ConsoleProgress()))
