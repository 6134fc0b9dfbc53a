import numpy as np
import pytest
from PIL import Image

from tfapp.optimizers import branch_and_prune
from tfapp.solvers.search.figures import (
    chosen_counts,
    draw_bounds,
    draw_comparison,
    draw_discs,
    draw_steps,
    save_bounds_png,
    save_comparison_png,
    save_discs_gif,
    save_discs_png,
    save_search_gif,
    save_steps_png,
)
from tfapp.solvers.search.functions import FUNCTIONS
from tfapp.solvers.search.global_search import compare_searches
from tfapp.solvers.search.tables import SearchTable


def searched(name, **options):
    function = FUNCTIONS[name]
    given = {"gradient": function.gradient, "start": function.start}
    return function, branch_and_prune(
        function.function, function.bounds, function.lipschitz, **given, **options
    )


@pytest.fixture(scope="module")
def line():
    return searched("f3")


@pytest.fixture(scope="module")
def plane():
    return searched("sines-2", max_evaluations=12)


@pytest.fixture(scope="module")
def table():
    functions = [FUNCTIONS["f3"], FUNCTIONS["f2"]]
    return SearchTable(compare_searches(functions, budget=20, seeds=(0, 1)), functions, 20, "command")


def test_figure_3_3_has_a_panel_for_each_sample_with_the_samples_until_then(line):
    function, result = line
    panels = [panel for panel in draw_steps(function, result).axes if panel.axison]
    assert len(panels) == 15
    for count, panel in enumerate(panels, 1):
        dots = next(drawn for drawn in panel.lines if drawn.get_marker() == "o")
        np.testing.assert_array_equal(dots.get_xdata(), result.samples[:count, 0])


def test_dashed_lines_are_the_bounds_after_that_sample(line):
    function, result = line
    panel = draw_steps(function, result).axes[11]
    heights = [drawn.get_ydata()[0] for drawn in panel.lines if drawn.get_linestyle() == "--"]
    assert heights == pytest.approx([3.9648, 0.39648], abs=5e-5)


def test_all_of_the_interval_is_shaded_in_the_last_panel(line):
    function, result = line
    panel = [panel for panel in draw_steps(function, result).axes if panel.axison][-1]
    spans = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in panel.patches)
    reached = 0.0
    for start, end in spans:
        assert start <= reached + 1e-9
        reached = max(reached, end)
    assert reached == pytest.approx(4 * np.pi)


def test_counts_are_all_or_closer_at_the_start_with_both_ends():
    assert chosen_counts(5, 16) == [1, 2, 3, 4, 5]
    counts = chosen_counts(1155, 16)
    assert counts[0] == 1 and counts[-1] == 1155 and len(counts) <= 16
    assert np.all(np.diff(counts) > 0) and counts[1] <= 3


def test_discs_are_where_the_samples_are_and_as_large_as_the_balls(plane):
    function, result = plane
    panel = draw_discs(function, result).axes[-2]
    (discs,) = panel.collections[-1:]
    np.testing.assert_allclose(discs.get_offsets(), result.samples)
    assert panel.get_title().startswith("12 samples")


def test_comparison_has_a_panel_for_each_function_and_a_curve_for_each_method(table):
    panels = [panel for panel in draw_comparison(table).axes if panel.axison]
    assert [panel.get_title() for panel in panels] == ["f3", "f2"]
    labels = [text.get_text() for text in draw_comparison(table).legends[0].get_texts()]
    assert labels == list(dict.fromkeys(trace.method for trace in table.traces))


def test_bounds_are_drawn_as_they_were_proven(line):
    function, result = line
    lower = next(
        drawn for drawn in draw_bounds(function, result).axes[0].lines if "lower" in drawn.get_label()
    )
    np.testing.assert_array_equal(lower.get_ydata(), result.lower_bounds)


@pytest.mark.slow
def test_pictures_are_png_files(plane, table, tmp_path):
    line = searched("f3", max_evaluations=2)
    save_steps_png(*line, tmp_path / "steps.png")
    save_bounds_png(*line, tmp_path / "bounds.png")
    save_discs_png(*plane, tmp_path / "discs.png")
    save_comparison_png(table, tmp_path / "comparison.png")
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert picture.format == "PNG" and min(picture.size) > 400
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "save"), [("f3", save_search_gif), ("sines-2", save_discs_gif)])
def test_animation_has_one_picture_for_each_sample(name, save, tmp_path):
    function, result = searched(name, max_evaluations=3)
    save(function, result, tmp_path / "search.gif")
    with Image.open(tmp_path / "search.gif") as picture:
        assert picture.format == "GIF" and picture.n_frames == 3
