"""An estimate of a Lipschitz constant in words, as files and as a picture."""

from dataclasses import asdict

import numpy as np
from matplotlib.figure import Figure

from tfapp.report.figures import save_png
from tfapp.report.result_table import ResultTable

USELESS = (
    "Random initialisations are far apart and alike in their loss: this L is thousands of times too small to train "
    "with; use `mode` trajectory."
)
_BINS = 60
# This share, the smallest slopes, is drawn in the first bin: a slope may be as small as one likes.
_LEFT_OUT = 0.005


def estimate_rows(estimate) -> list:
    """Return (what, value) rows as text.

    Args:
        estimate: `LipschitzEstimate`.
    """
    return [
        ("slopes", f"{len(estimate.slopes):,}"),
        ("median", f"{estimate.median:.4g}"),
        (f"quantile {estimate.quantile:g}", f"{estimate.quantile_slope:.4g}"),
        ("largest", f"{estimate.max:.4g}"),
        ("largest gradient norm", f"{estimate.max_gradient_norm:.4g}"),
        (f"L for BPGrad with momentum {estimate.momentum:g}", f"{estimate.lipschitz:.4g}"),
    ]


def estimate_json(estimate, settings: dict) -> dict:
    """Return the estimate without its slopes for a JSON file.

    Args:
        estimate: `LipschitzEstimate`.
        settings: How it was made, in types that JSON knows.
    """
    fields = {name: value for name, value in asdict(estimate).items() if name != "slopes"}
    return {
        **settings,
        **fields,
        "num_slopes": len(estimate.slopes),
        "median": estimate.median,
        "quantile_slope": estimate.quantile_slope,
        "max": estimate.max,
        "lipschitz": estimate.lipschitz,
    }


def write_slopes(estimate, path) -> None:
    """Write one slope a row as CSV, in the order of the path."""
    ResultTable(["slope"], [[f"{slope:.9g}"] for slope in estimate.slopes]).write_csv(path)


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
