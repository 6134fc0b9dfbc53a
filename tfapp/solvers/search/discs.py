"""A search in the plane: contours of the function, and the discs that were removed."""

import numpy as np
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.solvers.picture_files import save_gif
from tfapp.solvers.search.figures import chosen_counts
from tfapp.solvers.search.functions import AnalyticFunction

_SIDE = 301
_MOST_PANELS, _MOST_FRAMES = 4, 80
_COLOURS, _NEWEST, _BEST = "viridis", "#cb181d", "white"
# Beyond this ratio of the largest to the smallest value a linear colour scale shows the heights only.
_LOG_RATIO = 1000.0


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
        drawn = draw_step(panel, function, result, count)
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
    counts = chosen_counts(len(result.values), _MOST_FRAMES)
    frames = [
        lambda count=count: draw_step(figure.add_axes((0.09, 0.08, 0.87, 0.84)), function, result, count)
        for count in counts
    ]
    save_gif(figure, frames, path, per_second=2 if len(counts) <= 30 else 6)


def draw_step(axes, function, result, count):
    """Draw what the search knew after `count` samples; return the filled contours."""
    samples, radii = result.samples[:count], result.radii_after(count)
    x, y = (np.linspace(*side, _SIDE) for side in function.bounds)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    values = function.function(points)
    window = (*function.bounds[0], *function.bounds[1])
    shown = {"origin": "lower", "interpolation": "bilinear", "extent": window}
    drawn = axes.imshow(values, cmap=_COLOURS, norm=_norm(values), **shown)
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
    return sorted(counts)[-_MOST_PANELS:]


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
