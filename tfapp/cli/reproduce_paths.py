"""`tfapp reproduce bpgrad-table-3.1`, `bpgrad-figure-3.5` and `-3.7` to `-3.11`: solvers on analytic functions."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import print_written
from tfapp.cli.reproduce_options import check_scale, typed
from tfapp.cli.solvers_paths import print_columns, walk_with_progress
from tfapp.files import check_folder

Option = typer.Option
READING = "That it is this number is our reading: the text was not at hand."
_SCALES = ("small", "paper")
Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
Same = Annotated[str, Option(help="small or paper: the same here, it takes seconds.")]


def table_3_1(context: typer.Context, out: Out, scale: Same = "small"):
    """Table 3.1: where solvers are on Rosenbrock's function after 4,000 updates.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import table_3_1 as table
    from tfapp.solvers.paths.paths import markdown, write_table

    lines = table.rows(_rosenbrock_paths())
    written = [out / f"bpgrad-table-3.1{suffix}" for suffix in (".md", ".csv")]
    write_text(written[0], markdown(table.TITLE, typed(context), table.HEADER, lines, table.NOTES))
    write_table(table.HEADER, lines, written[1])
    print_columns(table.HEADER, lines, (0, 2, 3, 4))
    print_written(*written)


def figure_3_5(context: typer.Context, out: Out, scale: Same = "small"):
    """Figure 3.5: f1, f2 and f3 with the iterates of Algorithm 2.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    from tfapp.reproduce.bpgrad import algorithm_2 as algorithm
    from tfapp.solvers.paths.figures import save_iterates_png
    from tfapp.solvers.search.functions import FUNCTIONS

    found = {name: algorithm.usual_paths(name) for name in algorithm.NAMES}
    panels = [
        (FUNCTIONS[name], found[name][row], f"{name}, {found[name][row].solver.title}")
        for row in range(len(algorithm.MOMENTA))
        for name in algorithm.NAMES
    ]
    picture = out / "bpgrad-figure-3.5.png"
    save_iterates_png(panels, picture, "Iterates of Algorithm 2 from 2.5, L = 4π, ρ = 0.1")
    _tell_ends(context, "3.5", found, out, picture)


def gap_figure(number, name):
    """Return the command that draws |f - f*| on one function."""

    def command(context: typer.Context, out: Out, scale: Same = "small"):
        check_arguments(out, scale)
        from tfapp.reproduce.bpgrad import algorithm_2 as algorithm
        from tfapp.solvers.paths.figures import GapPanel, save_gaps_png
        from tfapp.solvers.search.functions import FUNCTIONS

        function = FUNCTIONS[name]
        found = algorithm.all_paths(name)
        local = float(function.function(algorithm.LOCAL_MINIMISER))
        marks = {} if name == "f1" else {"the local minimum at 4.913": local}
        title = f"Algorithm 2 on {name} = {function.formula}"
        picture = out / f"bpgrad-figure-{number}.png"
        save_gaps_png([GapPanel(title, found, function.minimum, marks)], picture)
        _tell_ends(context, number, {name: found}, out, picture)

    command.__doc__ = f"Figure {number}: |f - f*| of Algorithm 2 over its updates on {name}. {READING}"
    return command


def figure_3_10(out: Out, scale: Same = "small"):
    """Figure 3.10: paths of the solvers over Rosenbrock's function.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    from tfapp.reproduce.bpgrad.table_3_1 import TITLE
    from tfapp.solvers.paths.figures import save_paths_png, window_around
    from tfapp.solvers.paths.paths import write_paths
    from tfapp.solvers.search.functions import ROSENBROCK as FUNCTION

    found = _rosenbrock_paths()
    written = [out / f"bpgrad-figure-3.10{suffix}" for suffix in (".png", ".csv")]
    window = window_around(found, FUNCTION.minimiser, FUNCTION.bounds)
    save_paths_png(FUNCTION.function, window, FUNCTION.minimiser, found, written[0], TITLE)
    write_paths(found, written[1])
    print_written(*written)


def figure_3_11(out: Out, scale: Same = "small"):
    """Figure 3.11: |f - f*| of the solvers on Rosenbrock's function.

    That it is this number is our reading: the text was not at hand.
    """
    check_arguments(out, scale)
    from tfapp.reproduce.bpgrad.table_3_1 import TITLE
    from tfapp.solvers.paths.figures import GapPanel, save_gaps_png
    from tfapp.solvers.paths.paths import write_losses
    from tfapp.solvers.search.functions import ROSENBROCK

    found = _rosenbrock_paths()
    written = [out / f"bpgrad-figure-3.11{suffix}" for suffix in (".png", ".csv")]
    save_gaps_png([GapPanel(TITLE, found, ROSENBROCK.minimum)], written[0])
    write_losses(found, written[1])
    print_written(*written)


def check_arguments(out, scale):
    """Raise InputError for an unknown --scale or a file as --out."""
    check_scale(scale, _SCALES)
    check_folder(out)


def _rosenbrock_paths():
    from tfapp.reproduce.bpgrad.table_3_1 import TABLE, UPDATES
    from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, walk
    from tfapp.solvers.search.functions import ROSENBROCK

    function = TENSOR_FUNCTIONS["rosenbrock"]
    return walk_with_progress(TABLE, lambda solver: walk(function, ROSENBROCK.start, solver, UPDATES))


def _tell_ends(context, number, found, out, picture):
    """Print and write where the paths of Algorithm 2 end, and their points."""
    from tfapp.files import write_text
    from tfapp.reproduce.bpgrad import algorithm_2 as algorithm
    from tfapp.solvers.paths.paths import markdown, write_table

    lines = algorithm.rows(found)
    written = [out / f"bpgrad-figure-{number}{suffix}" for suffix in (".md", ".csv")]
    text = markdown(f"Algorithm 2, figure {number}", typed(context), algorithm.HEADER, lines, algorithm.NOTES)
    write_text(written[0], text)
    write_table(*algorithm.columns(found), written[1])
    print_columns(algorithm.HEADER, lines)
    print_written(picture, *written)


COMMANDS = {
    "bpgrad-table-3.1": table_3_1,
    "bpgrad-figure-3.5": figure_3_5,
    "bpgrad-figure-3.7": gap_figure("3.7", "f1"),
    "bpgrad-figure-3.8": gap_figure("3.8", "f2"),
    "bpgrad-figure-3.9": gap_figure("3.9", "f3"),
    "bpgrad-figure-3.10": figure_3_10,
    "bpgrad-figure-3.11": figure_3_11,
}
