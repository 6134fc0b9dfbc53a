"""Distribution of the slopes of a loss, as a picture (figure 3.15)."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png

_BINS = 60
# This share, the smallest slopes, is drawn in the first bin: a slope may be as small as one likes.
_LEFT_OUT = 0.005


def save_slopes_png(estimate, path, chosen=None) -> None:
    """Draw the slopes on a logarithmic axis, with their median, quantile and largest, a gradient norm, and L.

    Args:
        estimate: `LipschitzEstimate`.
        path: PNG file, written by write-then-rename.
        chosen: L that was chosen otherwise, to be drawn in place of the recommended one; or None.
    """
    save_png(draw_slopes(estimate, chosen), path)


def draw_slopes(estimate, chosen=None) -> Figure:
    """Return the figure that `save_slopes_png` saves."""
    slopes = estimate.slopes[estimate.slopes > 0]
    figure = Figure(figsize=(9.6, 4.8), layout="constrained")
    axes = figure.add_subplot()
    low = np.quantile(slopes, _LEFT_OUT)
    edges = np.geomspace(low / 1.02, 1.02 * slopes.max(), _BINS + 1)
    axes.hist(np.maximum(slopes, low), edges, color="#9ecae1", edgecolor="white", linewidth=0.3)
    for value, colour, style, label in _marks(estimate, chosen):
        axes.axvline(value, color=colour, linestyle=style, linewidth=1.5, label=f"{label}: {value:.3g}")
    axes.set(xscale="log", xlabel="slope of the loss", ylabel=f"slopes, of {len(estimate.slopes):,}")
    axes.grid(alpha=0.3)
    figure.legend(frameon=False, loc="outside right upper")
    axes.set_title(_describe(estimate), fontsize=11)
    return figure


def _marks(estimate, chosen):
    recommended = (estimate.lipschitz, "#cb181d", "-", f"L for momentum {estimate.momentum:g}")
    return (
        (estimate.median, "0.4", ":", "median"),
        (estimate.quantile_slope, "#2b6cb0", "--", f"quantile {estimate.quantile:g}"),
        (estimate.max, "0.4", "-", "largest slope"),
        (estimate.max_gradient_norm, "#238b45", "-.", "largest gradient norm"),
        recommended if chosen is None else (chosen, "#cb181d", "-", "L as chosen"),
    )


def _describe(estimate):
    path = "along a training by SGD" if estimate.mode == "trajectory" else "between random initialisations"
    pairs = "all pairs of steps" if estimate.pairs == "all" else "successive steps"
    batches = "the same batch at both ends" if estimate.same_batch else "each loss at its own batch"
    return f"Slopes {path}: {pairs}, {batches}"
