"""Loss over two rotation angles, from above and in perspective."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tfapp.report.colours import SEQUENTIAL, SOLUTION
from tfapp.report.figures import save_png

_MARKS = {
    "truth": {"marker": "*", "ms": 16, "color": SOLUTION, "markeredgecolor": "white"},
    "other": {"marker": "o", "ms": 7, "color": "white", "markeredgecolor": "black"},
    "swapped": {"marker": "v", "ms": 9, "color": "#ff9f1c", "markeredgecolor": "black"},
}
_HALO = [withStroke(linewidth=2.5, foreground="black", alpha=0.6)]
_TICKS = np.arange(-180, 181, 60)


def save_rotation_surface_png(surface, path, title=None) -> None:
    """Draw a `RotationSurface` with the true pose and the local minima, in millimetres against degrees.

    Args:
        surface: `RotationSurface`.
        path: PNG file, written by write-then-rename.
        title: Line above the figure.
    """
    save_png(draw_rotation_surface(surface, title), path)


def draw_rotation_surface(surface, title=None) -> Figure:
    """Return the figure that `save_rotation_surface_png` saves."""
    angles, loss = _closed(surface)
    marks = _marks(surface)
    figure = Figure(figsize=(13.2, 6.2))
    above = figure.add_axes((0.06, 0.16, 0.36, 0.74))
    drawn = _draw_above(above, angles, loss, marks, surface.names)
    bar = figure.colorbar(drawn, cax=figure.add_axes((0.432, 0.16, 0.011, 0.74)))
    bar.set_label("Chamfer distance, mm")
    perspective = figure.add_axes((0.5, 0.08, 0.5, 0.88), projection="3d", computed_zorder=False)
    _draw_perspective(perspective, angles, loss, marks, surface.names)
    figure.legend(*above.get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False, fontsize=10)
    figure.suptitle(title or "Loss around the true pose", fontsize=13)
    return figure


def _closed(surface):
    """Return angles in degrees from -180 to 180 and losses in millimetres, both ends of the turn included."""
    angles = np.degrees(np.append(surface.angles, np.pi))
    return angles, 1e3 * np.pad(surface.loss, ((0, 1), (0, 1)), mode="wrap")


def _marks(surface):
    """Return (kind, label, places (k, 2) in degrees, losses (k,) in mm) of what is marked."""
    swapped = surface.swapped_minima
    others = [one for one in surface.minima if one not in swapped]
    truth = f"true pose, {1e3 * surface.truth:.2f} mm"
    marks = [
        ("other", "local minimum", *_places(others)),
        ("swapped", "local minimum with the ends swapped, loss in mm", *_places(swapped)),
        ("truth", truth, np.zeros((1, 2)), np.array([1e3 * surface.truth])),
    ]
    return [mark for mark in marks if len(mark[3])]


def _places(minima):
    """Return the places and losses of minima, those at the end of the turn at both of its ends."""
    places = [np.degrees(one.angles) for one in minima]
    rows = [
        (first, second, 1e3 * one.loss)
        for one, place in zip(minima, places, strict=True)
        for first in _ends(place[0])
        for second in _ends(place[1])
    ]
    rows = np.reshape(rows, (-1, 3))
    return rows[:, :2], rows[:, 2]


def _ends(angle):
    return (angle, -angle) if np.isclose(abs(angle), 180) else (angle,)


def _draw_above(axes, angles, loss, marks, names):
    drawn = axes.contourf(angles, angles, loss.T, 40, cmap=SEQUENTIAL)
    axes.contour(angles, angles, loss.T, 13, colors="white", linewidths=0.5, alpha=0.5)
    for kind, label, places, losses in marks:
        axes.plot(*places.T, ls="", label=label, clip_on=False, zorder=6, **_MARKS[kind])
        if kind == "swapped":
            _write_losses(axes, places, losses)
    for axis, name in zip((axes.xaxis, axes.yaxis), names, strict=True):
        axis.set_ticks(_TICKS)
        axis.set_label_text(_axis_label(name), fontsize=10)
    axes.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
    return drawn


def _write_losses(axes, places, losses):
    """Write the losses beside the marks of one end of the turn, inside of the frame."""
    for place, loss in zip(places, losses, strict=True):
        if -180 in place.round():
            continue
        side, up = -1 if place[0] > 120 else 1, 4 if place[1] < -160 else -4
        aside = {"ha": "right" if side < 0 else "left", "xytext": (8 * side, up)}
        style = {"color": "white", "fontsize": 9, "path_effects": _HALO, "zorder": 7}
        axes.annotate(f"{loss:.2f}", place, textcoords="offset points", **aside, **style)


def _draw_perspective(axes, angles, loss, marks, names):
    x, y = np.meshgrid(angles, angles)
    low, high = loss.min(), loss.max()
    floor = low - 0.3 * (high - low)
    axes.contour(x, y, loss.T, 13, offset=floor, linewidths=0.8, cmap=SEQUENTIAL)
    axes.plot_surface(
        x, y, loss.T, rcount=90, ccount=90, cmap=SEQUENTIAL, linewidth=0.2, edgecolor=(1, 1, 1, 0.3), zorder=2
    )
    for kind, _, places, losses in marks:
        # Drawn over the walls on purpose: the minima are what one looks for.
        axes.plot(*places.T, losses, ls="", zorder=10, **(_MARKS[kind] | {"ms": 0.7 * _MARKS[kind]["ms"]}))
    for axis, name in zip((axes.xaxis, axes.yaxis), names, strict=True):
        axis.set_ticks(_TICKS)
        axis.set_label_text(_axis_label(name), fontsize=9)
        axis.labelpad = 8
    axes.set(xlim=(-180, 180), ylim=(-180, 180), zlim=(floor, high))
    axes.set_zlabel("mm", fontsize=9)
    axes.set_zticks([tick for tick in axes.get_zticks() if low <= tick <= high])
    axes.tick_params(labelsize=8, pad=1)
    axes.tick_params(axis="y", pad=5)
    axes.view_init(elev=36, azim=-76)
    axes.set_box_aspect((1, 1, 0.7), zoom=0.95)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.98, 1.0))


def _axis_label(name):
    return f"turn about the part's {name} axis, °"
