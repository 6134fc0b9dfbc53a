"""Paths of several solvers on one function, side by side in tables and figures."""

from tfapp.files import write_text
from tfapp.report.result_table import document
from tfapp.runs.progress import SILENT
from tfapp.solvers.paths import parabola, reddi_example, separable_example
from tfapp.solvers.paths.figures import (
    GapPanel,
    save_gaps_png,
    save_iterates_png,
    save_paths_png,
    save_places_png,
    window_around,
)
from tfapp.solvers.paths.parabola import TURNED
from tfapp.solvers.paths.paths import (
    TENSOR_FUNCTIONS,
    paths_table,
    trace_path,
    trace_paths,
    write_losses,
    write_paths,
)
from tfapp.solvers.search.functions import FUNCTIONS


def compare_paths(name, solvers, steps, start, out, *, command="", progress=SILENT):
    """Run solvers on a function, and write tables and figures of where they go.

    Args:
        name: `parabola`, `separable`, `reddi`, or one of `tfapp.solvers.paths.paths.TENSOR_FUNCTIONS`.
        solvers: List of `PathSolver`s.
        steps: Updates of each.
        start: First point, or None for the function's; `separable` and `reddi` always start at 0.
        out: Folder.
        command: The line that was typed.
        progress: `Progress` that shows the solvers.

    Returns:
        (a list of `ResultTable`s that are narrow enough for a terminal, the list of the files that were written).
    """
    if name == "separable":
        return _separable(solvers, steps, out, command, progress)
    if name == "reddi":
        return _reddi(solvers, steps, out, command, progress)
    if name == "parabola":
        return _parabola(solvers, steps, start or TURNED.start, out, command, progress)
    return _analytic(name, solvers, steps, start or FUNCTIONS[name].start, out, command, progress)


def _analytic(name, solvers, steps, start, out, command, progress):
    function = FUNCTIONS[name]
    found = trace_paths(
        solvers, lambda solver: trace_path(TENSOR_FUNCTIONS[name], start, solver, steps), progress
    )
    title = f"{name}: {function.formula}, {steps:,} updates"
    table, written = _write(name, found, function.minimum, title, out, command)
    picture = out / f"{name}-paths.png"
    if function.dimension == 1:
        save_iterates_png([(function, path, path.solver.title) for path in found], picture, title)
    else:
        _contour(function.function, function.minimiser, function.bounds, found, picture, title)
    return [table], [*written, picture]


def _parabola(solvers, steps, start, out, command, progress):
    found = trace_paths(
        solvers, lambda solver: trace_path(TURNED.tensor_value, start, solver, steps), progress
    )
    title = f"parabola: w'Hw / 2 with curvatures 1 and 10, {steps:,} updates"
    descents = parabola.descents()
    rates = parabola.rates_table(descents)
    table, written = _write("parabola", found, 0.0, title, out, command, rates, [parabola.NOTE])
    written += [out / "parabola-paths.png", out / "parabola-rates.png"]
    _contour(TURNED.value, parabola.MINIMISER, parabola.WINDOW, found, written[-2], title)
    heading = "What a learning rate does on a parabola of curvatures 1 and 10"
    parabola.save_descents_png(TURNED, descents, written[-1], heading)
    return [table, rates.columns(0, 2, 3, 4)], written


def _separable(solvers, steps, out, command, progress):
    example = separable_example
    problem = example.separable_problem()
    found = trace_paths(solvers, lambda solver: example.fit(problem, solver, steps), progress)
    table = example.errors_table(problem, found)
    written = [out / f"separable{suffix}" for suffix in (".md", ".csv", ".png")]
    text = document(table, example.notes(problem), title=example.TITLE, command=command)
    write_text(written[0], text)
    write_losses(found, written[1])
    save_gaps_png([GapPanel("training loss on the separable problem", found, 0.0)], written[2])
    return [table.columns(0, 2, 4, 7, 8)], written


def _reddi(solvers, steps, out, command, progress):
    example = reddi_example
    found = trace_paths(solvers, lambda solver: example.fit(solver, steps), progress)
    table = example.regrets_table(found)
    written = [out / f"reddi{suffix}" for suffix in (".md", ".csv", ".png")]
    write_text(written[0], document(table, example.NOTES, title=example.TITLE, command=command))
    write_paths(found, written[1], "average regret")
    save_places_png(found, written[2], example.TITLE)
    return [table], written


def _write(name, found, minimum, title, out, command, *further):
    """Write the table of the paths, what else its document has, their points and |f - f*|; return the narrow table."""
    table = paths_table(found, minimum)
    written = [out / f"{name}{suffix}" for suffix in (".md", ".csv", "-gap.png")]
    write_text(written[0], document(table, *further, title=title, command=command))
    write_paths(found, written[1])
    save_gaps_png([GapPanel(title, found, minimum)], written[2])
    return table.columns(0, 2, 3, 4, 5), written


def _contour(function, minimiser, bounds, found, path, title):
    window = window_around(found, minimiser, bounds)
    save_paths_png(function, window, minimiser, found, path, title)
