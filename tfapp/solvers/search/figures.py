"""A search on an interval, sample by sample: what is removed and what is proven (figure 3.3)."""

import math

import numpy as np
from matplotlib.figure import Figure

from tfapp.optimizers.intervals import removed_intervals, uncovered_gaps
from tfapp.png_file import save_png
from tfapp.solvers.picture_files import label_lowest, save_gif
from tfapp.solvers.search.functions import AnalyticFunction

_POINTS = 800
_COLUMNS, _MOST_PANELS, _MOST_FRAMES = 4, 16, 80
_REMOVED, _NEW, _UPPER, _LOWER, _SAWTOOTH = "#cfe3f0", "#fdbe85", "#238b45", "#cb181d", "#6a51a3"


def save_steps_png(function: AnalyticFunction, result, path, *, title=None) -> None:
    """Draw a search on an interval as one panel per sample, of at most 16 samples: the first and last among them.

    Args:
        function: Of one variable, what was minimised.
        result: The `SearchResult`.
        path: PNG file, written by write-then-rename.
        title: Line above the figure.
    """
    save_png(draw_steps(function, result, title), path)


def draw_steps(function, result, title=None) -> Figure:
    """Return the figure that `save_steps_png` saves."""
    counts = chosen_counts(len(result.values), _MOST_PANELS)
    columns = min(_COLUMNS, len(counts))
    rows = math.ceil(len(counts) / columns)
    figure = Figure(figsize=(max(6.0, 0.6 + 3.1 * columns), 1.4 + 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, count in zip(panels, counts, strict=False):
        draw_step(panel, function, result, count)
        point, value = result.samples[count - 1, 0], result.values[count - 1]
        panel.set_title(f"{count}: f({point:.4g}) = {value:.4g}", fontsize=10)
    label_lowest(panels, len(counts), columns)
    figure.suptitle(title or f"{function.name}: {function.formula}")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3 if columns > 2 else 2, frameon=False)
    return figure


def save_search_gif(function: AnalyticFunction, result, path) -> None:
    """Draw a search on an interval as an animation of one picture per sample, of at most 80.

    Args:
        function: Of one variable, what was minimised.
        result: The `SearchResult`.
        path: GIF file, written by write-then-rename.
    """
    counts = chosen_counts(len(result.values), _MOST_FRAMES)
    figure = Figure(figsize=(7.2, 4.8))
    frames = [lambda count=count: _draw_frame(figure, function, result, count) for count in counts]
    save_gif(figure, frames, path, per_second=2 if len(counts) <= 30 else 6)


def _draw_frame(figure, function, result, count):
    # Fixed margins: a picture that moves is worse than one that wastes some room.
    axes = figure.add_axes((0.07, 0.22, 0.91, 0.7))
    draw_step(axes, function, result, count)
    place = f"f({result.samples[count - 1, 0]:.4f}) = {result.values[count - 1]:.4g}"
    share = 1.0 - float(np.diff(_uncovered(result, count)).sum()) / np.ptp(function.bounds[0])
    axes.set_title(f"{function.name}, sample {count}: {place}, {share:.1%} removed")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", ncols=3, fontsize=9, frameon=False)


def draw_step(axes, function, result, count) -> None:
    """Draw what the search knew after `count` samples: the removed balls, the samples, both bounds, the sawtooth."""
    samples, values = result.samples[:count, 0], result.values[:count]
    x = np.linspace(*function.bounds[0], _POINTS)
    curve = function.function(x[:, None])
    sawtooth = (values - result.certificate.lipschitz * np.abs(x[:, None] - samples)).max(axis=1)
    _draw_removed(axes, result, count)
    axes.plot(x, curve, color="black", lw=1.2, label="function")
    axes.plot(x, sawtooth, color=_SAWTOOTH, lw=0.7, label="sawtooth of the samples")
    axes.axhline(values.min(), color=_UPPER, lw=1.1, ls="--", label="upper bound: smallest value")
    axes.axhline(
        result.targets[count - 1], color=_LOWER, lw=1.1, ls="--", label="lower bound once all is removed"
    )
    axes.plot(samples, values, "o", color="black", ms=3.5)
    axes.plot(samples[-1:], values[-1:], "o", color=_LOWER, ms=5)
    margin = 0.06 * np.ptp(curve)
    axes.set(xlim=function.bounds[0], ylim=(min(0.0, curve.min()) - margin, curve.max() + margin))


def chosen_counts(total, most):
    """Return at most `most` of the numbers 1 to `total`, all or closer at the start, both ends among them."""
    if total <= most:
        return list(range(1, total + 1))
    return [int(count) for count in np.unique(np.geomspace(1, total, most).round())]


def _draw_removed(axes, result, count):
    low, high = result.certificate.low[0], result.certificate.high[0]
    ball = result.samples[count - 1, 0] + result.radii_after(count)[-1] * np.array([-1.0, 1.0])
    axes.axvspan(*ball.clip(low, high), color=_NEW, lw=0, label="removed by this sample")
    edges = np.concatenate([[low], low + _uncovered(result, count - 1, count).ravel(), [high]])
    for number, (start, end) in enumerate(edges.reshape(-1, 2)):
        label = "removed before" if number == 0 else None
        axes.axvspan(start, end, color=_REMOVED, lw=0, alpha=0.75, label=label)


def _uncovered(result, count, known=None):
    """Return the gaps that the first `count` balls leave, with the radii that they have after `known` samples."""
    certificate = result.certificate
    radii = result.radii_after(known or count)[:count]
    removed = removed_intervals(certificate.low, np.ones(1), result.samples[:count], radii)
    return uncovered_gaps(removed, certificate.high[0] - certificate.low[0])
