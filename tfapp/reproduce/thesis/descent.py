"""Figures 1.1 and 1.2 of the thesis chapter: gradient descent in an ellipse, and by four learning rates."""

from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.reproduce.study import Option, Result, Study, files_of
from tfapp.reproduce.thesis import SOURCE

Out = Annotated[Path, Option(help="Folder for the figure and its numbers.")]
STEPS = 20
FIGURE_1_1 = (
    "f = (x₁² + 10 x₂²) / 2 by steepest descent with exact line search (eq. 1.1.20). The start is (10, 1), as in the "
    "figure that the text takes from Boyd and Vandenberghe (Convex Optimization, section 9.3.2): the worst direction, "
    "from which each step leaves ((κ - 1) / (κ + 1))² = .669 of f, κ being 10.",
)
# Shares of the rate 1 / λ that is best on a parabola of curvature λ.
RATES = {
    "too small: 0.3 / λ": 0.3,
    "the best: 1 / λ": 1.0,
    "larger: 1.7 / λ": 1.7,
    "beyond 2 / λ: 2.1 / λ": 2.1,
}
FIGURE_1_2 = (
    "f = λ x² / 2 with λ = 1 by gradient descent from x = 1, eight updates. The text's figure has rates λ₁ to λ₃ whose "
    "values it does not give, and says that larger ones than λ₃ can diverge: four rates are taken here, below, at and "
    "above the best one, 1 / λ, and beyond twice as much, where its section 1.1.4 says that descent diverges.",
)
CURVATURE, UPDATES = 1.0, 8


def figure_1_1(out: Out, *, progress, command):
    """Follow exact line search down the ellipse, and write its path."""
    del progress
    from tfapp.files import write_text
    from tfapp.report.result_table import ResultTable, document
    from tfapp.solvers.paths.parabola import ON_ITS_AXES, line_search_factor, line_search_path

    path = line_search_path(ON_ITS_AXES, (10.0, 1.0), STEPS)
    rows = [
        (step, *(f"{x:.6g}" for x in point), f"{loss:.6g}")
        for step, (point, loss) in enumerate(zip(path.points, path.losses, strict=True))
    ]
    table = ResultTable(("step", "x1", "x2", "f"), rows)
    written = files_of(out, "thesis-figure-1.1", ".png", ".md", ".csv")
    title = f"Exact line search in an ellipse of condition number 10: a step leaves {line_search_factor():.3f} of f"
    _save_ellipse(path, written[0], title)
    write_text(written[1], document(table, FIGURE_1_1, title=title, source=SOURCE, command=command))
    table.write_csv(written[2])
    return Result([ResultTable(table.header, rows[:6])], written)


def figure_1_2(out: Out, *, progress, command):
    """Follow gradient descent by four rates, and write its path."""
    del progress
    from tfapp.files import write_text
    from tfapp.report.result_table import ResultTable, document

    paths = {name: descend(share / CURVATURE) for name, share in RATES.items()}
    rows = [(name, *(f"{x:.4g}" for x in path)) for name, path in paths.items()]
    table = ResultTable(("rate", *(f"x after {step}" for step in range(UPDATES + 1))), rows)
    written = files_of(out, "thesis-figure-1.2", ".png", ".md", ".csv")
    title = "What a learning rate does on a parabola of curvature λ"
    _save_parabolas(paths, written[0], title)
    write_text(written[1], document(table, FIGURE_1_2, title=title, source=SOURCE, command=command))
    table.write_csv(written[2])
    return Result([table.columns(0, 1, 2, 3, 4, UPDATES + 1)], written)


def descend(rate):
    """Return the places of gradient descent on f = λ x² / 2 from 1: x <- x - rate λ x, float64 (updates + 1,)."""
    return (1 - rate * CURVATURE) ** np.arange(UPDATES + 1)


def _save_ellipse(path, file, title):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png
    from tfapp.solvers.paths.figures import draw_contours, mark_ends
    from tfapp.solvers.paths.parabola import MINIMISER, ON_ITS_AXES

    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    draw_contours(axes, ON_ITS_AXES.value, ((-10.8, 10.8), (-4.0, 4.0)), MINIMISER)
    axes.plot(*path.points.T, ".-", color="#08519c", lw=1.3, ms=7, zorder=5)
    mark_ends(axes, [path], MINIMISER)
    axes.legend(frameon=False, loc="upper left")
    figure.suptitle(title)
    save_png(figure, file)


def _save_parabolas(paths, file, title):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png

    figure = Figure(figsize=(3.3 * len(paths), 3.7), layout="constrained")
    x = np.linspace(-2.3, 2.3, 200)
    for number, (axes, (name, path)) in enumerate(
        zip(figure.subplots(1, len(paths), sharey=True), paths.items(), strict=True)
    ):
        axes.plot(x, CURVATURE * x**2 / 2, color="0.5", lw=1.2)
        axes.plot(path, CURVATURE * path**2 / 2, "o-", color=f"C{number}", lw=1.2, ms=5)
        axes.plot(path[0], CURVATURE * path[0] ** 2 / 2, "s", color="white", mec="black", ms=8, zorder=5)
        axes.set(title=name, xlabel="x")
    figure.axes[0].set_ylabel("f")
    figure.suptitle(title)
    save_png(figure, file)


STUDIES = (
    Study(
        "thesis-figure-1.1",
        "Figure 1.1: steepest descent with exact line search in an ellipse",
        SOURCE,
        FIGURE_1_1,
        {},
        figure_1_1,
    ),
    Study(
        "thesis-figure-1.2",
        "Figure 1.2: gradient descent by four learning rates",
        SOURCE,
        FIGURE_1_2,
        {},
        figure_1_2,
    ),
)
