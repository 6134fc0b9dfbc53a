import numpy as np
import pytest
from PIL import Image

from tfapp.solvers.paths.figures import (
    GapPanel,
    draw_gaps,
    draw_iterates,
    draw_paths,
    draw_plane,
    save_gaps_png,
    save_iterates_png,
    save_paths_png,
    save_plane_png,
    window_around,
)
from tfapp.solvers.paths.parabola import TURNED, Descent, draw_descents, line_search_path
from tfapp.solvers.paths.paths import PathSolver, SolverPath
from tfapp.solvers.search.functions import FUNCTIONS, ROSENBROCK


def path(function, name, *ends):
    """Return a path that comes ten times nearer to each of the ends in turn."""
    points = [np.array(function.start)]
    for end in ends:
        points += [points[-1] + (np.array(end) - points[-1]) * (1 - 0.1**n) for n in range(1, 6)]
    points = np.array(points)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = function.function(points)
    return SolverPath(PathSolver(name, f"path of {name}", "", None), points, losses)


def diverging(function):
    return path(function, "sgd", [1e200] * function.dimension, [np.inf] * function.dimension)


def texts(figure):
    return {text.get_text() for legend in legends(figure) for text in legend.get_texts()}


def legends(figure):
    found = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [*found, *(one for part in figure.subfigs for one in legends(part))]


def check(file):
    with Image.open(file) as picture:
        assert picture.width > 1000 and picture.convert("L").getextrema()[0] < 60


@pytest.fixture
def paths():
    return [path(ROSENBROCK, name, (-1.4, 2.0), (0, 0), (1, 1)) for name in ("bpgrad", "adam")]


def test_paths_over_contours_are_in_the_panel_of_their_family(paths):
    figure = draw_paths(ROSENBROCK.function, ROSENBROCK.bounds, ROSENBROCK.minimiser, paths, "title")
    assert len(figure.axes) == 2 and texts(figure) == {"path of bpgrad", "path of adam", "start", "minimum"}


def test_window_holds_paths_start_and_minimum(paths):
    window = window_around(paths, ROSENBROCK.minimiser, ROSENBROCK.bounds)
    for one in (*paths[0].points, ROSENBROCK.minimiser):
        assert all(low < x < high for x, (low, high) in zip(one, window, strict=True))


def test_window_is_not_stretched_by_a_path_that_diverges(paths, tmp_path):
    window = window_around([*paths, diverging(ROSENBROCK)], ROSENBROCK.minimiser, ROSENBROCK.bounds)
    assert all(high - low < 8 for low, high in window)
    save_paths_png(
        ROSENBROCK.function, window, (1.0, 1.0), [*paths, diverging(ROSENBROCK)], tmp_path / "p.png"
    )
    check(tmp_path / "p.png")


def test_gaps_have_every_solver_and_mark_in_the_legend(paths, tmp_path):
    panel = GapPanel("Rosenbrock", paths, 0.0, {"a local minimum": 3.0})
    assert texts(draw_gaps([panel])) == {"path of bpgrad", "path of adam", "a local minimum"}
    save_gaps_png([panel, panel], tmp_path / "gaps.png", "title")
    check(tmp_path / "gaps.png")


@pytest.mark.slow
def test_gap_of_a_path_that_diverges_is_named_so(tmp_path):
    panel = GapPanel("Rosenbrock", [diverging(ROSENBROCK)], 0.0)
    assert texts(draw_gaps([panel])) == {"path of sgd (diverged)"}


def test_axis_is_logarithmic_only_where_gaps_span_decades(paths):
    narrow = SolverPath(paths[0].solver, np.zeros((3, 1)), np.array([9.0, 8.0, 7.0]))
    for shown, scale in ((paths[0], "log"), (narrow, "linear")):
        assert draw_gaps([GapPanel("panel", [shown], 0.0)]).axes[0].get_yscale() == scale


def test_iterates_outside_the_interval_are_left_out(tmp_path):
    f1 = FUNCTIONS["f1"]
    panels = [
        (f1, path(f1, "sgd", [4.9]), "one"),
        (f1, path(f1, "sgd", [9.5]), "two"),
        (f1, diverging(f1), "three"),
    ]
    counts = [len(axes.collections[0].get_offsets()) for axes in draw_iterates(panels).axes[:3]]
    assert counts[0] == 6 and counts[1] < 6 and counts[2] == 1
    save_iterates_png(panels, tmp_path / "iterates.png", "title")
    check(tmp_path / "iterates.png")


def test_descents_have_a_panel_each_and_one_for_the_losses():
    found = [Descent(line_search_path(TURNED, TURNED.worst_start, 6), 0.67) for _ in range(2)]
    assert [axes.axison for axes in draw_descents(TURNED, found, "title").axes] == [True] * 3 + [False]


@pytest.mark.slow
def test_plane_has_contours_paths_and_their_common_start(tmp_path):
    alphas, betas = np.linspace(-1, 1, 9), np.linspace(-2, 2, 7)
    loss = alphas[:, None] ** 2 + betas**2 + 0.1
    loss[0, 0] = np.nan
    ways = {
        name: np.array([(0.8, 1.5), (0.3, x), (0.0, x / 2)]) for name, x in (("bpgrad", 0.2), ("adam", -0.5))
    }
    figure = draw_plane((alphas, betas, loss), ways, ("first", "second"))
    assert texts(figure) == {"BPGrad", "Adam", "start of all"}
    assert figure.axes[0].get_xlim() == (-1, 1) and figure.axes[0].get_ylim() == (-2, 2)
    save_plane_png((alphas, betas, loss), ways, ("first", "second"), tmp_path / "plane.png", "title")
    check(tmp_path / "plane.png")
