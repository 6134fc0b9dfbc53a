"""`tfapp reproduce bpgrad-...`: figures and tables of the chapter on BPGrad."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli import (
    reproduce_bounds,
    reproduce_paths,
    reproduce_segmenters,
    reproduce_solvers,
    reproduce_two_layer,
)
from tfapp.cli.console import print_table, print_written
from tfapp.cli.reproduce_options import check_scale, typed
from tfapp.files import check_folder

Option = typer.Option
_SCALES = ("small", "paper")


def figure_3_3(
    context: typer.Context,
    out: Annotated[Path, Option(help="Folder for the figure (PNG and GIF), the samples and the table.")],
    scale: Annotated[str, Option(help="small or paper: the same here, it takes seconds.")] = "small",
):
    """Figure 3.3: Algorithm 1 on f3, step by step, with the counts for f1 and f2."""
    check_scale(scale, _SCALES)
    check_folder(out)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import figure_3_3 as figure
    from tfapp.solvers.search.figures import save_search_gif, save_steps_png
    from tfapp.solvers.search.functions import FUNCTIONS
    from tfapp.solvers.search.tables import write_samples

    results = {name: figure.run_algorithm_1(name) for name in ("f3", "f2", "f1")}
    written = [out / f"bpgrad-figure-3.3{suffix}" for suffix in (".png", ".gif", ".csv", ".md")]
    save_steps_png(FUNCTIONS["f3"], results["f3"], written[0], title=figure.TITLE)
    save_search_gif(FUNCTIONS["f3"], results["f3"], written[1])
    write_samples(results["f3"], written[2])
    write_text(written[3], figure.markdown(results, typed(context)))
    print_table(*figure.rows(results))
    print_written(*written)


COMMANDS = {
    "bpgrad-figure-3.3": figure_3_3,
    **reproduce_paths.COMMANDS,
    **reproduce_two_layer.COMMANDS,
    **reproduce_bounds.COMMANDS,
    **reproduce_solvers.COMMANDS,
    **reproduce_segmenters.COMMANDS,
}
