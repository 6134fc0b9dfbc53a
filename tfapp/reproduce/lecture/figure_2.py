"""Figure 2 of the lecture: one rate for all coordinates oscillates in an ellipse, a rate for each does not."""

from pathlib import Path
from typing import Annotated

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.study import Option, Result, Study, files_of

NAME = "lecture-figure-2"
STEPS = 60
NOTES = (
    "f = w'Hw / 2 with curvatures 1 and 10, start (2, 1) along its axes. Above, the ellipse stands on the coordinates, "
    "as the lecture draws it; below, it is turned by 30 degrees. Gradient descent has .95 of the critical rate, "
    "2 / λmax, and is the same in both. The adaptive methods have a rate for each coordinate, to whom the "
    "ellipse on its axes as a circle, and the turned one as it is.",
    "AdaGrad's sum begins with 0 (eq. 1 of the lecture). Rates, chosen by hand: gradient descent .19, momentum .05 "
    "with μ = .7, AdaGrad .8, RMSProp .1, Adam .2.",
)
ANGLES = {"on its axes": "ON_ITS_AXES", "turned by 30 degrees": "TURNED"}


def figure_2(
    out: Annotated[Path, Option(help="Folder for the figure, the paths and the table.")], *, progress, command
):
    """Follow gradient descent, momentum and the adaptive methods down both ellipses."""
    import keras

    from tfapp.files import write_text
    from tfapp.report.result_table import ResultTable, document
    from tfapp.solvers.paths import parabola
    from tfapp.solvers.paths.paths import PathSolver, trace_path, trace_paths, write_paths
    from tfapp.solvers.paths.solvers import adaptive_solver

    solvers = [
        PathSolver("sgd", "gradient descent", "rate 0.19", lambda: keras.optimizers.SGD(0.19)),
        PathSolver(
            *("sgd-momentum", "momentum", "rate 0.05, μ = 0.7"),
            lambda: keras.optimizers.SGD(0.05, momentum=0.7),
        ),
        adaptive_solver("adagrad", "AdaGrad", "rate 0.8", learning_rate=0.8),
        adaptive_solver("rmsprop", "RMSProp", "rate 0.1, ρ = 0.9", learning_rate=0.1, rho=0.9),
        adaptive_solver("adam", "Adam", "rate 0.2", learning_rate=0.2),
    ]
    found = {}
    for name, attribute in ANGLES.items():
        ellipse = getattr(parabola, attribute)
        start = ellipse.start

        def trace(solver, ellipse=ellipse, start=start):
            return trace_path(ellipse.tensor_value, start, solver, STEPS)

        found[name] = trace_paths(solvers, trace, progress)
    rows = [
        (
            solver.title,
            solver.parameters,
            *(_updates(found[name][index]) for name in ANGLES),
            *(f"{found[name][index].losses[-1]:.2g}" for name in ANGLES),
        )
        for index, solver in enumerate(solvers)
    ]
    header = ("solver", "parameters", *(f"updates to f < 0.01, {name}" for name in ANGLES))
    table = ResultTable((*header, *(f"f after {STEPS}, {name}" for name in ANGLES)), rows)
    written = files_of(out, NAME, ".png", ".md", "-on-its-axes.csv", "-turned.csv")
    title = "One rate for all coordinates, and a rate for each"
    _save(found, written[0], title)
    write_text(written[1], document(table, NOTES, title=title, source=f"{SOURCE}, figure 2", command=command))
    for paths, file in zip(found.values(), written[2:], strict=True):
        write_paths(paths, file)
    return Result([table.columns(0, 1, 2, 3)], written)


def _updates(path):
    count = path.updates_to(0.01, 0.0)
    return "–" if count is None else count


def _save(found, file, title):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png
    from tfapp.solvers.paths import parabola
    from tfapp.solvers.paths.figures import draw_contours, draw_path, mark_ends

    columns = len(next(iter(found.values())))
    figure = Figure(figsize=(3.1 * columns, 6.6), layout="constrained")
    panels = figure.subplots(len(found), columns)
    for row, (name, paths) in zip(panels, found.items(), strict=True):
        ellipse = getattr(parabola, ANGLES[name])
        for axes, path in zip(row, paths, strict=True):
            draw_contours(axes, ellipse.value, parabola.WINDOW, parabola.MINIMISER, points=80)
            draw_path(axes, path)
            mark_ends(axes, [path], parabola.MINIMISER)
            axes.set_title(f"{path.solver.title}\n{name}", fontsize=10)
    figure.suptitle(title)
    save_png(figure, file)


STUDIES = (
    Study(
        NAME,
        "Figure 2: an ellipse by one rate for all coordinates, and by a rate for each",
        SOURCE,
        NOTES,
        {},
        figure_2,
    ),
)
