"""Command `tfapp solvers paths`: where the solvers go on functions of a few variables."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import ConsoleProgress, print_table, print_written
from tfapp.cli.options import chosen_solvers, typed
from tfapp.errors import InputError
from tfapp.files import check_folder

Option = typer.Option
_FUNCTIONS = ("f1", "f2", "f3", "rosenbrock", "parabola", "separable")
_STEPS = {"rosenbrock": 4000, "parabola": 200, "separable": 2000}


def paths(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help=f"{', '.join(_FUNCTIONS)}.")],
    out: Annotated[Path, Option(help="Folder for the table, the numbers and the figures.")],
    solvers: Annotated[
        str,
        Option(
            help="Of bpgrad, bpgrad-auto, bpgrad-plain, sgd, sgd-momentum, adagrad, adadelta, rmsprop, adam, eve, "
            "alig; comma-separated; SOLVER=VALUE sets its learning rate or L."
        ),
    ] = "all",
    steps: Annotated[
        int | None,
        Option(min=1, help="Updates.", show_default="1000; rosenbrock 4000, parabola 200, separable 2000"),
    ] = None,
    start: Annotated[
        str | None, Option(help="Start, coordinates comma-separated.", show_default="the function's")
    ] = None,
):
    """Run solvers on an analytic function, the ellipsoidal parabola or Wilson's separable example."""
    if function not in _FUNCTIONS:
        raise InputError(f"Unknown function {function!r}; choose one of: {', '.join(_FUNCTIONS)}.")
    check_folder(out)
    from tfapp.solvers.paths.comparison import compare_paths
    from tfapp.solvers.paths.solvers import solvers_on

    chosen = solvers_on(function, chosen_solvers(solvers))
    options = {"command": typed(context), "progress": ConsoleProgress()}
    count = steps or _STEPS.get(function, 1000)
    tables, written = compare_paths(function, chosen, count, _start(function, start), out, **options)
    for table in tables:
        print_table(table)
    print_written(*written)


def _start(function, text):
    """Return the point that --start means on a function, None of None."""
    from tfapp.solvers.search.functions import FUNCTIONS

    if text is None:
        return None
    if function == "separable":
        raise InputError("separable starts at 0, as its lemma wants; leave out --start.")
    if function == "parabola":
        return _point(text, 2)
    point, (low, high) = _point(text, FUNCTIONS[function].dimension), FUNCTIONS[function].bounds[0]
    if len(point) == 1 and not low <= point[0] <= high:
        raise InputError(f"{function} is a function on [{low:g}, {high:.4g}]; got --start {text}.")
    return point


def _point(text, dimension):
    try:
        point = tuple(float(part) for part in text.split(","))
    except ValueError:
        point = ()
    if len(point) != dimension or not all(abs(x) < float("inf") for x in point):
        raise InputError(
            f"--start {text!r} is not understood; expected {dimension} number{'s' * (dimension > 1)} such as "
            f"{','.join(['2.5'] * dimension)}."
        )
    return point
