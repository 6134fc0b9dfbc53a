"""`tfapp solvers paths`: where the solvers go on functions of a few variables."""

from pathlib import Path
from typing import Annotated

import typer

from tfapp.cli.console import finish, print_table, print_written, progress_bar
from tfapp.cli.reproduce_options import typed
from tfapp.cli.solvers_compare import chosen_solvers
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
    """Let solvers walk on an analytic function, the ellipsoidal parabola or Wilson's separable example."""
    if function not in _FUNCTIONS:
        raise InputError(f"Unknown function {function!r}; choose one of: {', '.join(_FUNCTIONS)}.")
    check_folder(out)
    chosen = _chosen(function, solvers)
    count = steps or _STEPS.get(function, 1000)
    if function == "separable":
        if start is not None:
            raise InputError("separable starts at 0, as its lemma wants; leave out --start.")
        _separable(chosen, count, out, typed(context))
    elif function == "parabola":
        _parabola(chosen, count, _point(start, 2), out, typed(context))
    else:
        _analytic(function, chosen, count, start, out, typed(context))


def walk_with_progress(solvers, walk_one):
    """Return the path of each solver, shown by a progress bar.

    Args:
        solvers: List of `PathSolver`s.
        walk_one: Function of a `PathSolver` to its `Path`.
    """
    found = []
    with progress_bar() as bar:
        task = bar.add_task("solvers", total=len(solvers), note="")
        for solver in solvers:
            bar.update(task, note=solver.title)
            found.append(walk_one(solver))
            bar.advance(task)
        finish(bar, task)
    return found


def print_columns(header, lines, columns=None):
    """Print some columns of a table, by default all: a file has room for more than 80 characters."""
    columns = columns or range(len(header))
    print_table(
        [header[column] for column in columns], [[line[column] for column in columns] for line in lines]
    )


def _chosen(function, text):
    from tfapp.reproduce.bpgrad.path_solvers import solvers_on

    return solvers_on(function, chosen_solvers(text))


def _analytic(name, solvers, steps, start, out, command):
    from tfapp.solvers.paths.figures import save_iterates_png
    from tfapp.solvers.paths.paths import TENSOR_FUNCTIONS, walk
    from tfapp.solvers.search.functions import FUNCTIONS

    function = FUNCTIONS[name]
    point = _point(start, function.dimension) or function.start
    low, high = function.bounds[0]
    if function.dimension == 1 and not low <= point[0] <= high:
        raise InputError(f"{name} is a function on [{low:g}, {high:.4g}]; got --start {start}.")
    found = walk_with_progress(solvers, lambda solver: walk(TENSOR_FUNCTIONS[name], point, solver, steps))
    title = f"{name}: {function.formula}, {steps:,} updates"
    written = _write(found, function.minimum, title, out, command)
    picture = out / f"{name}-paths.png"
    if function.dimension == 1:
        panels = [(function, path, path.solver.title) for path in found]
        save_iterates_png(panels, picture, title)
    else:
        _contour(function.function, function.minimiser, function.bounds, found, picture, title)
    print_written(*written, picture)


def _parabola(solvers, steps, start, out, command):
    from tfapp.report.result_table import markdown_table
    from tfapp.solvers.paths import parabola
    from tfapp.solvers.paths.parabola import WINDOW, save_descents_png
    from tfapp.solvers.paths.paths import walk

    point = start or parabola.START
    found = walk_with_progress(solvers, lambda solver: walk(parabola.tensor_value, point, solver, steps))
    title = f"parabola: w'Hw / 2 with curvatures 1 and 10, {steps:,} updates"
    descents = parabola.descents()
    lines = parabola.rows(descents)
    rates = f"\n{markdown_table(parabola.HEADER, lines)}\n\n- {parabola.NOTE}\n"
    written = _write(found, 0.0, title, out, command, rates)
    written += [out / "parabola-paths.png", out / "parabola-rates.png"]
    _contour(parabola.value, parabola.MINIMISER, WINDOW, found, written[-2], title)
    save_descents_png(descents, written[-1], "What a learning rate does on a parabola of curvatures 1 and 10")
    print_columns(parabola.HEADER, lines, (0, 2, 3, 4))
    print_written(*written)


def _separable(solvers, steps, out, command):
    from tfapp.files import write_text
    from tfapp.solvers.paths import separable_example as example
    from tfapp.solvers.paths.figures import GapPanel, save_gaps_png
    from tfapp.solvers.paths.paths import markdown, write_losses

    problem = example.separable_problem()
    found = walk_with_progress(solvers, lambda solver: example.fit(problem, solver, steps))
    lines = example.rows(problem, found)
    written = [out / f"separable{suffix}" for suffix in (".md", ".csv", ".png")]
    write_text(written[0], markdown(example.TITLE, command, example.HEADER, lines, example.notes(problem)))
    write_losses(found, written[1])
    save_gaps_png([GapPanel("training loss on the separable problem", found, 0.0)], written[2])
    print_columns(example.HEADER, lines, (0, 2, 4, 7, 8))
    print_written(*written)


def _write(found, minimum, title, out, command, further=""):
    """Print and write the table of the paths, their points and |f - f*|; return the files."""
    from tfapp.files import write_text
    from tfapp.solvers.paths.figures import GapPanel, save_gaps_png
    from tfapp.solvers.paths.paths import HEADER, markdown, rows, write_paths

    name = title.partition(":")[0]
    lines = rows(found, minimum)
    print_columns(HEADER, lines, (0, 2, 3, 4, 5))
    written = [out / f"{name}{suffix}" for suffix in (".md", ".csv", "-gap.png")]
    write_text(written[0], markdown(title, command, HEADER, lines) + further)
    write_paths(found, written[1])
    save_gaps_png([GapPanel(title, found, minimum)], written[2])
    return written


def _contour(function, minimiser, bounds, found, path, title):
    from tfapp.solvers.paths.figures import save_paths_png, window_around

    window = window_around(found, minimiser, bounds)
    save_paths_png(function, window, minimiser, found, path, title)


def _point(text, dimension):
    """Return the point that --start means, None of None."""
    if text is None:
        return None
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
