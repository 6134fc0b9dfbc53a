"""Loss, bounds and both sides of condition (3.4) along a training, as pictures."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from tfapp.errors import InputError
from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.solvers.styles import LOWER, UPPER

# Beyond this ratio of the largest to the smallest a linear axis shows one of them only.
_LOG_RATIO = 10.0
# Of an axis that begins at 0, so that what vanishes does not stretch it over all decades.
_DECADES = 1e-4
# Without momentum both sides are equal but for the rounding of float32.
_ROUNDING = 1e-3


def save_training_bounds_png(steps, path, title=None) -> None:
    """Draw loss and bounds over the steps, below them the step size, and the gradient norm with L.

    Axes that span more than a decade are logarithmic. L is in the panel of the gradient norm because both are slopes:
    a gradient above L proves that L is too small for a Lipschitz constant.

    Args:
        steps: Dictionary from column to float64 `(rows,)`, as `BoundsLogger.steps`.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.

    Raises:
        InputError: No row, or no finite loss.
    """
    save_png(draw_training_bounds(steps, title), path)


def draw_training_bounds(steps, title=None) -> Figure:
    """Return the figure that `save_training_bounds_png` saves."""
    if not len(steps.get("loss", ())) or not np.isfinite(steps["loss"]).any():
        raise InputError("Expected the numbers of at least one step to draw. Received: none.")
    figure = Figure(figsize=(8.4, 8.4), layout="constrained")
    losses, sizes, norms = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    _draw_losses(losses, steps)
    sizes.plot(steps["step"], steps["step_size"], color=qualitative(0), lw=0.6)
    sizes.set_ylabel("step size η")
    _draw_norms(norms, steps)
    for axes, column in ((losses, "loss"), (sizes, "step_size"), (norms, "gradient_norm")):
        _scale(axes, steps[column], steps.get("lower_bound") if axes is losses else None)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
    norms.set_xlabel("step")
    if title:
        figure.suptitle(title)
    return figure


def save_step_sizes_png(steps, path, title=None) -> None:
    """Draw the step size over the steps.

    Args:
        steps, path, title: As for `save_training_bounds_png`.
    """
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps["step"], steps["step_size"], color=qualitative(0), lw=0.8)
    axes.set(xlabel="step t", ylabel="step size ηₜ", title=title)
    _scale(axes, steps["step_size"])
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)
    save_png(figure, path)


def _draw_losses(axes, steps):
    step, best, lower = steps["step"], steps["best_loss"], steps["lower_bound"]
    # L "auto" takes running means; no bound of what it sees is above that.
    what = "running mean of the loss" if (steps["loss"] < best * (1 - _ROUNDING)).any() else "loss"
    axes.plot(step, steps["loss"], color="0.65", lw=0.5, label="loss that the solver saw")
    for bound, colour, label in (
        (best, UPPER, f"upper bound: smallest {what}"),
        (lower, LOWER, f"lower bound: ρ × smallest {what}, not proven"),
    ):
        axes.plot(step, bound, color=colour, lw=1.6, drawstyle="steps-post", label=label)
    axes.fill_between(step, lower, best, color=LOWER, alpha=0.08, lw=0, step="post")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)


def _draw_norms(axes, steps):
    axes.plot(steps["step"], steps["gradient_norm"], color=qualitative(0), lw=0.6, label="gradient norm")
    lipschitz = steps.get("lipschitz", np.zeros(1))
    if lipschitz.any():
        # Before "auto" has found L it is 0.
        axes.plot(steps["step"], np.where(lipschitz > 0, lipschitz, np.nan), color="black", lw=1.2, label="L")
    axes.set_ylabel("slope")
    axes.legend(frameon=False)


def _scale(axes, values, others=None):
    shown = np.concatenate([values, values[:0] if others is None else others])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if len(shown) and shown.max() > _LOG_RATIO * shown.min():
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(shown.min() / 1.5, _DECADES * shown.max()))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)


def save_condition_png(steps, path) -> None:
    """Draw the left-hand and the right-hand side of condition (3.4) over the steps that were checked.

    Args:
        steps: Dictionary from column to float64 `(rows,)`, as `BoundsLogger.steps`.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: No step was checked.
    """
    save_conditions_png({"": steps}, path)


def save_conditions_png(trainings, path) -> None:
    """Draw the condition along several trainings, one above the other.

    Args:
        trainings: Dictionary from title to what `save_condition_png` takes.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: No step of a training was checked.
    """
    save_png(draw_conditions(trainings), path)


def draw_conditions(trainings) -> Figure:
    """Return the figure that `save_conditions_png` saves."""
    figure = Figure(figsize=(8.4, 0.4 + 4.2 * len(trainings)), layout="constrained")
    panels = figure.subplots(len(trainings), 1, squeeze=False)[:, 0]
    for axes, (title, steps) in zip(panels, trainings.items(), strict=True):
        _draw(axes, title, steps)
    panels[-1].set_xlabel("step t")
    return figure


def _draw(axes, title, steps):
    step, left, right = checked_steps(steps)
    axes.plot(step, right, color=LOWER, lw=1.8, label="right: ρ × smallest loss")
    # Without momentum it lies on the other: dashed, and above it.
    axes.plot(step, left, "--", color="#2b6cb0", lw=0.9, label="left: largest f(xᵢ) − L |xₜ₊₁ − xᵢ|")
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylabel("loss")
    equal = np.mean(np.abs(left - right) <= _ROUNDING * steps["loss"][np.isfinite(steps["condition_lhs"])])
    share = f"condition (3.4) holds at {share_that_holds(steps):.0%} of {len(step)} steps (left = right at {equal:.0%})"
    axes.set_title(f"{title}: {share}" if title else share, fontsize=11)
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)
    axes.legend(frameon=False)


def checked_steps(steps):
    """Return the steps at which the condition was checked, and its left-hand and right-hand side there.

    Raises:
        InputError: There is none.
    """
    left = steps.get("condition_lhs", np.empty(0))
    checked = np.isfinite(left)
    if not checked.any():
        raise InputError(
            "Expected steps at which condition (3.4) was checked, as by BoundsLogger(check_condition=True). "
            "Received: none."
        )
    return tuple(steps[name][checked] for name in ("step", "condition_lhs", "condition_rhs"))


def share_that_holds(steps) -> float:
    """Return the share of the checked steps at which the condition holds, but for the rounding of float32.

    Args:
        steps: As for `save_condition_png`.
    """
    _, left, right = checked_steps(steps)
    losses = steps["loss"][np.isfinite(steps["condition_lhs"])]
    return float(np.mean(left <= right + _ROUNDING * losses))
