"""Both sides of condition (3.4) along a training, as a picture (figure 3.6)."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.png_file import save_png

# Without momentum both sides are equal but for the rounding of float32.
_ROUNDING = 1e-3


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
    axes.plot(step, left, color="#2b6cb0", lw=0.9, label="left: largest f(xᵢ) − L |xₜ₊₁ − xᵢ|")
    axes.plot(step, right, color="#cb181d", lw=1.6, label="right: ρ × smallest loss")
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylabel("loss")
    share = f"condition (3.4) holds at {share_that_holds(steps):.0%} of {len(step)} steps"
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
