import re

import numpy as np
import pytest
from PIL import Image

from tfapp.errors import InputError
from tfapp.landscape import (
    Surface,
    save_contour_png,
    save_html,
    save_side_by_side_png,
    save_surface_png,
    side_by_side,
    surface_html,
)
from tfapp.landscape.figures.panels import LossScale, tick_label


def bowl(steepness=1.0, n=9, nan=()):
    """Loss 0.01 + steepness (alpha^2 + 3 beta^2): steeper along beta."""
    surface = Surface.empty(n, 0.5)
    for i, j in surface.todo():
        alpha, beta = surface.alphas[i], surface.betas[j]
        surface.record(i, j, np.nan if (i, j) in nan else 0.01 + steepness * (alpha**2 + 3 * beta**2))
    return surface


def colours(path):
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG" and min(image.size) > 600
        return len(image.convert("RGB").getcolors(image.width * image.height))


DRAWINGS = {
    "surface": save_surface_png,
    "contour": save_contour_png,
    "pair": lambda surface, path: save_side_by_side_png([surface, bowl(9.0)], ["one", "two"], path),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_picture_opens_and_is_not_empty(tmp_path, draw):
    draw(bowl(), tmp_path / "figure.png")
    assert colours(tmp_path / "figure.png") > 500
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize("draw", [save_surface_png, save_contour_png])
@pytest.mark.parametrize("nan", [{(0, 0), (0, 1), (5, 5)}, {(4, 4)}], ids=["cells", "solution"])
def test_a_surface_with_nan_cells_is_drawn(tmp_path, draw, nan):
    draw(bowl(nan=nan), tmp_path / "figure.png")
    assert colours(tmp_path / "figure.png") > 500


@pytest.mark.parametrize("draw", [save_surface_png, save_contour_png])
def test_a_flat_surface_is_drawn(tmp_path, draw):
    draw(bowl(0.0), tmp_path / "figure.png")
    assert colours(tmp_path / "figure.png") > 20


def test_a_surface_without_any_finite_loss_is_refused(tmp_path):
    everywhere = {(i, j) for i in range(3) for j in range(3)}
    with pytest.raises(InputError, match="only NaN or infinite"):
        save_contour_png(bowl(n=3, nan=everywhere), tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())


def test_as_many_titles_as_surfaces_are_needed():
    with pytest.raises(InputError, match="1 surfaces, 2 titles"):
        side_by_side([bowl()], ["a", "b"])


def test_the_interactive_figure_has_alpha_on_x_and_beta_on_y():
    surface = bowl()
    trace = surface_html(surface).data[0]
    np.testing.assert_array_equal(trace.x, surface.alphas)
    np.testing.assert_allclose(trace.z[8][4], 0.01 + 3 * 0.25)  # row: beta = 0.5, column: alpha = 0
    np.testing.assert_allclose(trace.z[4][8], 0.01 + 0.25)


def test_surfaces_beside_one_another_share_their_loss_axis_and_colours():
    figure = side_by_side([bowl(1.0), bowl(9.0)], ["flat", "sharp"])
    highest = np.log10(0.01 + 9 * (0.25 + 0.75))
    for scene in (figure.layout.scene, figure.layout.scene2):
        assert scene.zaxis.type == "log"
        np.testing.assert_allclose(scene.zaxis.range, [-2, highest])
    np.testing.assert_allclose([figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax], [-2, highest])


def test_the_solution_is_marked_where_it_is():
    pin = surface_html(bowl()).data[1]
    assert (pin.x[0], pin.y[0], pin.z[0]) == (0, 0, 0.01)


def test_the_solution_is_marked_where_it_was_measured_beside_an_even_grid():
    surface = bowl(n=4)
    surface.centre = 0.005
    figure = surface_html(surface)
    assert figure.data[1].z[0] == 0.005 and figure.layout.coloraxis.cmin == pytest.approx(np.log10(0.005))


@pytest.mark.parametrize("centre", [np.nan, np.inf])
def test_a_solution_without_a_finite_loss_is_not_marked(centre):
    surface = bowl(n=4)
    surface.centre = centre
    figure = surface_html(surface)
    assert figure.data[1].z[0] is None and "solution, loss" not in figure.layout.annotations[0].text


def test_surfaces_beside_one_another_share_axes_that_hold_both_windows():
    wide = Surface.empty(5, ((-1, 2), (-0.1, 0.1)))
    for i, j in wide.todo():
        wide.record(i, j, 1.0 + i)
    figure = side_by_side([bowl(), wide], ["a", "b"])
    for scene in (figure.layout.scene, figure.layout.scene2):
        assert (scene.xaxis.range, scene.yaxis.range) == ((-1, 2), (-0.5, 0.5))


def test_axes_name_their_direction_and_what_a_user_called_it_is_no_html():
    surface = bowl()
    surface.metadata["directions"] = {"labels": ["to <b>", "v"], "relative": [1, 1], "absolute": [2, 2]}
    axis = surface_html(surface).layout.scene.xaxis
    assert axis.title.text == "α · to &lt;b&gt;<br>(1 = 100 % of |w| = 2)"


def test_a_surface_draws_itself(tmp_path):
    bowl().plot(tmp_path / "surface.png", "U-Net")
    bowl().to_html(tmp_path / "surface.html", "U-Net")
    assert colours(tmp_path / "surface.png") > 500
    assert "U-Net" in (tmp_path / "surface.html").read_text(encoding="utf-8")


def test_a_line_draws_itself_as_a_curve(tmp_path):
    line = Surface.empty(5, line=True)
    for i, j in line.todo():
        line.record(i, j, 1 + line.alphas[i] ** 2)
    line.plot(tmp_path / "line.png")
    assert colours(tmp_path / "line.png") > 20
    with pytest.raises(InputError, match="Received: a line"):
        line.to_html(tmp_path / "line.html")


def test_the_page_loads_no_script_from_elsewhere(tmp_path):
    save_html(surface_html(bowl(), "<script src='evil.js'>"), tmp_path / "surface.html")
    page = (tmp_path / "surface.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)\b[^>]*\b(src|href)\s*=", page.replace("\\u003c", "<"))
    assert len(page) > 1_000_000 and "Plotly.newPlot" in page


@pytest.mark.parametrize(
    "low,high,log,ticks",
    [
        (0.05, 0.4, False, [0.05, 0.1, 0.15, 0.2]),
        (0.05, 0.6, True, [0.05, 0.1, 0.2, 0.5]),
        (0.01, 100.0, True, [0.01, 0.1, 1.0, 10.0, 100.0]),
        (-1.0, 99.0, False, [0, 20, 40, 60, 80]),
        (0.0, 1.0, False, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_scales_are_logarithmic_where_losses_span_a_decade_and_have_round_ticks(low, high, log, ticks):
    scale = LossScale.common([np.array([low, np.nan]), np.array([high])])
    assert scale.log is log
    np.testing.assert_allclose(scale.ticks()[: len(ticks)], ticks, atol=1e-12)
    assert len(scale.ticks()) <= 8


@pytest.mark.parametrize(
    "loss,label", [(0.0, "0"), (0.05, "0.05"), (200.0, "200"), (1e5, "10⁵"), (2e-4, "2·10⁻⁴"), (0.3, "0.3")]
)
def test_ticks_are_written_plainly(loss, label):
    assert tick_label(loss) == label


def test_interactive_panels_stand_in_rows():
    figure = side_by_side([bowl(), bowl(), bowl()], ["a", "b", "c"], columns=2)
    first, _, third = (figure.layout[name].domain for name in ("scene", "scene2", "scene3"))
    assert first.x == third.x and first.y[0] > third.y[1]
