import numpy as np
import pytest
from PIL import Image

from tfapp.errors import InputError
from tfapp.optimizers import LipschitzEstimate
from tfapp.solvers import BoundsLogger
from tfapp.solvers.bounds.figures import (
    draw_conditions,
    draw_training_bounds,
    save_condition_png,
    share_that_holds,
)
from tfapp.solvers.bounds.lipschitz import draw_slopes, save_slopes_png


def width_of(path):
    with Image.open(path) as picture:
        return picture.width


def training(count=200, **others):
    """Return columns of a training whose losses fall over three decades."""
    step = np.arange(1.0, count + 1)
    loss = 2.0 * 10 ** (-3 * step / count)
    best = np.minimum.accumulate(loss)
    columns = {"step": step, "loss": loss, "best_loss": best, "lower_bound": 0.1 * best}
    columns |= {"step_size": loss / 20, "gradient_norm": 3 * loss, "lipschitz": np.full(count, 20.0)}
    return columns | others


def test_bounds_step_size_and_gradient_have_panels_with_the_steps_of_the_training():
    steps = training()
    losses, sizes, norms = draw_training_bounds(steps).axes
    drawn = [line.get_ydata() for axes in (losses, sizes, norms) for line in axes.get_lines()]
    for column, values in zip(
        ("loss", "best_loss", "lower_bound", "step_size", "gradient_norm", "lipschitz"), drawn, strict=True
    ):
        np.testing.assert_array_equal(values, steps[column])


def test_axes_that_span_decades_are_logarithmic():
    assert [axes.get_yscale() for axes in draw_training_bounds(training()).axes] == ["log"] * 3
    flat = {name: np.full(3, 1.0) for name in training()}
    assert [axes.get_yscale() for axes in draw_training_bounds(flat).axes] == ["linear"] * 3


@pytest.mark.parametrize("lipschitz", [np.zeros(200), None])
def test_constant_that_is_not_known_is_not_drawn(lipschitz):
    steps = training(lipschitz=lipschitz)
    if lipschitz is None:
        del steps["lipschitz"]
    assert len(draw_training_bounds(steps).axes[2].get_lines()) == 1


def test_losses_that_are_not_finite_leave_a_gap():
    steps = training()
    steps["loss"][10] = np.inf
    assert np.isfinite(draw_training_bounds(steps).axes[0].get_ylim()).all()


@pytest.mark.parametrize("draw", ["plot", "plot_condition"])
def test_logger_without_a_step_has_nothing_to_draw(tmp_path, draw):
    with pytest.raises(InputError, match="Expected .* Received: none"):
        getattr(BoundsLogger(), draw)(tmp_path / "bounds.png")
    assert not any(tmp_path.iterdir())


def checked(left):
    left = np.array(left)
    return training(len(left), condition_lhs=left, condition_rhs=np.ones(len(left)))


def test_share_of_steps_at_which_the_condition_holds():
    assert share_that_holds(checked([0.5, -2.0, np.nan, 3.0, 1.0 + 1e-6])) == 0.75


@pytest.mark.slow
def test_condition_is_drawn_where_it_was_checked(tmp_path):
    steps = checked([0.5, np.nan, 3.0, -1.0])
    (axes,) = draw_conditions({"": steps}).axes
    assert axes.get_lines()[0].get_xdata().tolist() == [1, 3, 4]
    assert "holds at 67% of 3 steps" in axes.get_title()
    save_condition_png(steps, tmp_path / "condition.png")
    assert width_of(tmp_path / "condition.png") > 1000


def estimate(slopes):
    return LipschitzEstimate(np.array(slopes), 0.5, 0.9, 7.0, "trajectory", "successive", True)


def test_slopes_are_all_in_the_histogram_and_their_figures_are_marked(tmp_path):
    found = estimate([0.0, 1e-9, *np.geomspace(0.1, 10, 98)])
    axes = draw_slopes(found).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == 99
    marks = [line.get_xdata()[0] for line in axes.get_lines()]
    assert marks == [found.median, found.quantile_slope, found.max, 7.0, found.lipschitz]
    save_slopes_png(found, tmp_path / "slopes.png")
    assert width_of(tmp_path / "slopes.png") > 1000


def test_constant_that_was_chosen_takes_the_place_of_the_recommended_one():
    assert draw_slopes(estimate([1.0, 2.0]), chosen=15.0).axes[0].get_lines()[-1].get_xdata()[0] == 15.0
