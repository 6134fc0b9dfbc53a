"""Global searches as pictures: on an interval, in the plane, and against one another."""

import math

import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from tfapp.optimizers.branch_and_prune.covers import removed_intervals, uncovered_gaps
from tfapp.report.colours import SEQUENTIAL, qualitative
from tfapp.report.figures import save_gif, save_png
from tfapp.solvers.search.functions import AnalyticFunction
from tfapp.solvers.styles import LOWER, UPPER, label_lowest

_POINTS = 800
_COLUMNS, _MOST_PANELS, _MOST_FRAMES = 4, 16, 80
_REMOVED, _NEW, _SAWTOOTH = "#cfe3f0", "#fdbe85", "#6a51a3"
_SIDE = 301
_MOST_PLANE_PANELS, _MOST_PLANE_FRAMES = 4, 80
_NEWEST, _BEST = "#cb181d", "white"
# Beyond this ratio of the largest to the smallest value a linear colour scale shows the heights only.
_LOG_RATIO = 1000.0
_CHART_COLUMNS = 3
# Errors below this are drawn at it: the axis is logarithmic and some searches reach 0.
_LEAST_ERROR = 1e-9


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
    axes.axhline(values.min(), color=UPPER, lw=1.1, ls="--", label="upper bound: smallest value")
    axes.axhline(
        result.targets[count - 1], color=LOWER, lw=1.1, ls="--", label="lower bound once all is removed"
    )
    axes.plot(samples, values, "o", color="black", ms=3.5)
    axes.plot(samples[-1:], values[-1:], "o", color=LOWER, ms=5)
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


def save_discs_png(function: AnalyticFunction, result, path, *, title=None) -> None:
    """Draw a search in the plane at up to four of its samples: removed discs pale, what is left in full colour.

    Args:
        function: Of two variables, what was minimised.
        result: The `SearchResult`.
        path: PNG file, written by write-then-rename.
        title: Line above the figure.
    """
    save_png(draw_discs(function, result, title), path)


def draw_discs(function, result, title=None) -> Figure:
    """Return the figure that `save_discs_png` saves."""
    counts = _panel_counts(len(result.values))
    figure = Figure(figsize=(1.0 + 4.0 * len(counts), 4.7), layout="constrained")
    panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for panel, count in zip(panels, counts, strict=True):
        drawn = draw_plane_step(panel, function, result, count)
    figure.colorbar(drawn, ax=panels, label="f", shrink=0.85, pad=0.01)
    figure.suptitle(title or f"{function.name}: {function.formula}")
    return figure


def save_discs_gif(function: AnalyticFunction, result, path) -> None:
    """Draw a search in the plane as an animation of one picture per sample, of at most 80.

    Args:
        function: Of two variables, what was minimised.
        result: The `SearchResult`.
        path: GIF file, written by write-then-rename.
    """
    figure = Figure(figsize=(5.6, 5.8))
    counts = chosen_counts(len(result.values), _MOST_PLANE_FRAMES)
    frames = [
        lambda count=count: draw_plane_step(
            figure.add_axes((0.09, 0.08, 0.87, 0.84)), function, result, count
        )
        for count in counts
    ]
    save_gif(figure, frames, path, per_second=2 if len(counts) <= 30 else 6)


def draw_plane_step(axes, function, result, count):
    """Draw what the search knew after `count` samples; return the filled contours."""
    samples, radii = result.samples[:count], result.radii_after(count)
    x, y = (np.linspace(*side, _SIDE) for side in function.bounds)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    values = function.function(points)
    window = (*function.bounds[0], *function.bounds[1])
    shown = {"origin": "lower", "interpolation": "bilinear", "extent": window}
    drawn = axes.imshow(values, cmap=SEQUENTIAL, norm=_norm(values), **shown)
    removed = _removed(points, samples, radii)
    axes.contourf(x, y, removed, levels=(0.5, 1.5), colors="white", alpha=0.7)
    _draw_edges(axes, samples, radii)
    axes.plot(*samples.T, "o", color="black", ms=3)
    axes.plot(*samples[-1], "o", color=_NEWEST, ms=5)
    best = samples[result.values[:count].argmin()]
    axes.plot(*best, "*", color=_NEWEST, markeredgecolor=_BEST, ms=13)
    axes.set(xlim=function.bounds[0], ylim=function.bounds[1], aspect="equal")
    smallest = result.values[:count].min()
    axes.set_title(f"{count} samples, {removed.mean():.1%} removed, smallest {smallest:.4g}", fontsize=10)
    return drawn


def _panel_counts(total):
    """Return an early sample, two between and the last one."""
    counts = {max(1, round(share * total)) for share in (0.1, 0.3, 0.6, 1.0)}
    return sorted(counts)[-_MOST_PLANE_PANELS:]


def _norm(values):
    low, high = values.min(), values.max()
    if low >= 0 and high > _LOG_RATIO * max(low, 1e-300):
        return LogNorm(max(low, high / 1e6), high)
    return Normalize(low, high)


def _removed(points, samples, radii):
    removed = np.zeros(points.shape[:2])
    for sample, radius in zip(samples, radii, strict=True):
        removed[((points - sample) ** 2).sum(axis=-1) <= radius**2] = 1.0
    return removed


def _draw_edges(axes, samples, radii):
    diameters = 2 * radii
    axes.add_collection(
        EllipseCollection(
            diameters,
            diameters,
            np.zeros(len(radii)),
            units="xy",
            offsets=samples,
            offset_transform=axes.transData,
            facecolors="none",
            edgecolors=(0, 0, 0, 0.35),
            linewidths=0.6,
        )
    )


def save_comparison_png(table, path) -> None:
    """Draw the smallest error so far of every method over evaluations, one panel per function.

    Of random methods the median over the seeds, and the middle half of the seeds as a band.

    Args:
        table: A `SearchTable`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_comparison(table), path)


def draw_comparison(table) -> Figure:
    """Return the figure that `save_comparison_png` saves."""
    columns = min(_CHART_COLUMNS, len(table.functions))
    rows = math.ceil(len(table.functions) / columns)
    figure = Figure(figsize=(max(7.0, 0.6 + 4.0 * columns), 1.3 + 3.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    methods = list(dict.fromkeys(trace.method for trace in table.traces))
    groups = table.grouped()
    for panel, function in zip(panels, table.functions, strict=False):
        for index, method in enumerate(methods):
            _draw_method(panel, groups[function.name, method], qualitative(index))
        panel.set(xscale="log", yscale="log", xlim=(1, table.budget), title=function.name)
        panel.grid(alpha=0.3)
    label_lowest(panels, len(table.functions), columns)
    figure.supxlabel("evaluations of the function", fontsize=11)
    figure.supylabel("smallest value − minimum", fontsize=11)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _draw_method(axes, traces, colour):
    length = max(len(trace.errors) for trace in traces)
    errors = np.array([_padded(trace.best_errors, length) for trace in traces])
    low, median, high = np.maximum(np.quantile(errors, (0.25, 0.5, 0.75), axis=0), _LEAST_ERROR)
    evaluations = np.arange(1, length + 1)
    axes.plot(evaluations, median, color=colour, lw=1.5, label=traces[0].method, drawstyle="steps-post")
    axes.plot(evaluations[-1], median[-1], "o", color=colour, ms=4)
    if len(traces) > 1:
        axes.fill_between(evaluations, low, high, color=colour, alpha=0.15, lw=0, step="post")


def _padded(errors, length):
    return np.concatenate([errors, np.full(length - len(errors), errors[-1])])


def save_bounds_png(function, result, path) -> None:
    """Draw every value, and the upper and lower bound of the minimum, over the evaluations of one search.

    Args:
        function: The `AnalyticFunction` that was minimised.
        result: The `SearchResult`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_bounds(function, result), path)


def draw_bounds(function, result) -> Figure:
    """Return the figure that `save_bounds_png` saves."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    count = np.arange(1, len(result.values) + 1)
    smallest = np.minimum.accumulate(result.values)
    axes.plot(count, result.values, ".", color="0.6", ms=4, label="values")
    _draw_bound(axes, smallest, UPPER, "upper bound: smallest value")
    _draw_bound(axes, result.lower_bounds, LOWER, "lower bound: proven")
    axes.axhline(function.minimum, color="black", lw=0.8, ls=":", label="minimum")
    axes.set(xlabel="evaluations", ylabel="f", title=f"{function.name}: {function.formula}")
    _limit_height(axes, result)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _draw_bound(axes, bounds, colour, label):
    count = np.arange(1, len(bounds) + 1)
    axes.plot(count, bounds, color=colour, drawstyle="steps-post", label=label)
    axes.plot(count[-1], bounds[-1], "o", color=colour, ms=4)


def _limit_height(axes, result):
    """Leave out the first lower bounds, which are far below everything else."""
    values = result.values
    bottom = min(values.min() - np.ptp(values), 1.1 * result.certificate.lower_bound)
    axes.set_ylim(bottom, values.max() + 0.05 * np.ptp(values))
