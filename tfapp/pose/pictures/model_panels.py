"""Panels that show a model along one direction, all to one scale."""

import numpy as np

from tfapp.pose.pictures.views import round_length

_HIDDEN = "0.72"
COLOURS = "viridis"
# Of the half width of the window: few points lie nearer or farther away.
DEPTHS = np.array([-0.75, 0.75])


def draw_points(axes, points, values, limits, cmap=COLOURS):
    """Draw points (n, 3), seen along z, the nearest last and largest, coloured by values within limits.

    Returns:
        The artist, for a colour bar.
    """
    order = np.argsort(points[:, 2])
    x, y, depth = points[order].T
    nearness = (depth - depth.min()) / max(np.ptp(depth), 1e-9)
    style = {"cmap": cmap, "vmin": limits[0], "vmax": limits[1], "lw": 0.3, "edgecolors": "0.25", "zorder": 3}
    return axes.scatter(x, y, c=values[order], s=5 + 17 * nearness, **style)


def draw_hidden(axes, points) -> None:
    """Draw points that were never visible, small and grey."""
    axes.scatter(*points[:, :2].T, s=5, facecolors="none", edgecolors=_HIDDEN, lw=0.6, zorder=2)


def frame_panel(axes, reach, title=None) -> None:
    """Give a panel its window of +-reach metres without ticks, with a bar of a round length."""
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_color("0.85")
    if title:
        axes.set_title(title, fontsize=10)
    length = round_length(0.6 * reach)
    start, low = -0.92 * reach, -0.9 * reach
    axes.plot([start, start + length], [low, low], color="black", lw=2, solid_capstyle="butt", zorder=4)
    axes.annotate(
        f"{1000 * length:g} mm", (start, low), (0, 3), textcoords="offset points", fontsize=8, zorder=4
    )


def reach_of(*clouds) -> float:
    """Return the half width of a window that holds clouds (n, 3) seen from anywhere, with a margin, metres."""
    farthest = max(float(np.linalg.norm(cloud, axis=1).max()) for cloud in clouds if len(cloud))
    return max(1.08 * farthest, 1e-4)


def label_bar(figure, drawn, panels, label) -> None:
    """Put a colour bar at the right of panels, in millimetres of values in metres."""
    bar = figure.colorbar(drawn, ax=panels, shrink=0.85, aspect=24, pad=0.015)
    bar.set_label(label, fontsize=9)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{1000 * value:g}".replace("-", "−"))
    bar.ax.tick_params(labelsize=8)
