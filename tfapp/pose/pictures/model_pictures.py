"""Learned object model from several sides, alone and beside the CAD model of the part."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from tfapp.errors import InputError
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.registration import Registration
from tfapp.report.colours import SEQUENTIAL
from tfapp.report.figures import save_png

# A turn and a tilt of the main axes, away from all three of them.
_OBLIQUE = Rotation.from_euler("xy", [-58, 28], degrees=True).as_matrix()
VIEWS = {
    "broad side": np.eye(3),
    "long edge": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "end": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "oblique": _OBLIQUE,
}
# Of the half width of the window: few points lie nearer or farther away.
DEPTHS = np.array([-0.75, 0.75])
_ERRORS, _HIDDEN = "plasma", "0.72"
_PIXELS = 420
# Towards the light, in the frame of the view: from above on the left, behind the viewer.
_LIGHT = np.array([-0.35, 0.5, 0.79])
_DARKEST = 0.35


def save_model_png(points, path, visible=None, title=None) -> None:
    """Draw a learned model along its three main axes and obliquely, coloured by the depth of each view.

    Args:
        points: (m, 3), metres, in any frame.
        path: PNG file, written by write-then-rename.
        visible: bool (m,), points that were visible in some scene; the others, which never got a gradient, are
            drawn small and grey. None for all.
        title: Line above the figure.

    Raises:
        InputError: Points of another shape or not finite, or none visible; nothing is written then.
    """
    save_png(draw_model(points, visible, title), path)


def draw_model(points, visible=None, title=None) -> Figure:
    """Return the figure that `save_model_png` saves."""
    points, visible = finite_points(points, visible)
    seen = MainAxes.of(points[visible]).apply(points)
    reach = reach_of(seen[visible])
    figure = Figure(figsize=(11.6, 3.6), layout="constrained")
    panels = figure.subplots(1, len(VIEWS))
    for panel, (name, view) in zip(panels, VIEWS.items(), strict=True):
        turned = seen @ view.T
        drawn = draw_points(panel, turned[visible], turned[visible, 2], DEPTHS * reach)
        draw_hidden(panel, turned[~visible])
        frame_panel(panel, reach, name)
    label_bar(figure, drawn, panels, "towards the viewer, mm")
    figure.suptitle(title or "Learned object model", fontsize=12)
    if not visible.all():
        figure.supxlabel(
            f"grey: {np.count_nonzero(~visible)} of {len(points)} points were visible in no scene", fontsize=9
        )
    return figure


def save_model_beside_cad_png(
    points, registration: Registration, vertices, triangles, path, *, visible=None, title=None
) -> None:
    """Draw the part above, the learned model below, and last the model laid onto the part, from four sides.

    The points of the last row are coloured by their distance to the surface of the part.

    Args:
        points: (m, 3), learned model, metres.
        registration: Of it to the CAD model, by `register_model`.
        vertices: (v, 3), of the CAD model, metres.
        triangles: Whole numbers (t, 3).
        path: PNG file, written by write-then-rename.
        visible: bool (m,), points to draw; None for all.
        title: Line above the figure.

    Raises:
        InputError: Wrong shapes or values that are not finite; nothing is written then.
    """
    save_png(draw_model_beside_cad(points, registration, vertices, triangles, visible, title), path)


def draw_model_beside_cad(points, registration, vertices, triangles, visible=None, title=None) -> Figure:
    """Return the figure that `save_model_beside_cad_png` saves."""
    points, visible = finite_points(points, visible)
    points, surface = registration.apply(points[visible]), CadSurface(vertices, triangles)
    frame, distances = MainAxes.of_box(surface.vertices), surface.distance(points)
    seen = frame.apply(points)
    reach = reach_of(seen, frame.apply(surface.vertices))
    figure = Figure(figsize=(11.6, 9.4), layout="constrained")
    panels = figure.subplots(3, len(VIEWS))
    for column, (name, view) in zip(panels.T, VIEWS.items(), strict=True):
        turned = seen @ view.T
        shade = shade_mesh(surface, lambda part, view=view: frame.apply(part) @ view.T, reach)
        _draw_shade(column[0], shade, reach)
        _draw_shade(column[2], 0.5 + 0.5 * shade, reach)
        depth = draw_points(column[1], turned, turned[:, 2], DEPTHS * reach)
        error = draw_points(
            column[2], turned, distances, (0, max(np.quantile(distances, 0.95), 1e-4)), _ERRORS
        )
        for panel, heading in zip(column, (name, None, None), strict=True):
            frame_panel(panel, reach, heading)
    rows = ("CAD model", "learned model", "learned model on the part")
    for panel, name in zip(panels[:, 0], rows, strict=True):
        panel.set_ylabel(name, fontsize=10)
    label_bar(figure, depth, panels[1], "towards the viewer, mm")
    label_bar(figure, error, panels[2], "distance to the part, mm")
    figure.suptitle(f"{title or 'Learned model and part'}\n{_in_words(registration)}", fontsize=11)
    return figure


def _draw_shade(panel, shade, reach):
    panel.imshow(shade, cmap="gray", vmin=0, vmax=1, extent=(-reach, reach, -reach, reach), zorder=1)


def _in_words(registration):
    to_part, to_model = registration.learned_to_cad, registration.cad_to_learned
    mirrored = "; the model is a mirror image" if registration.reflected else ""
    return (
        f"model to part: median {_mm(to_part.median)}, mean {_mm(to_part.mean)}; "
        f"part to model: median {_mm(to_model.median)}, mean {_mm(to_model.mean)}{mirrored}"
    )


def _mm(metres):
    return f"{1000 * metres:.2f} mm"


@dataclass(frozen=True, eq=False)
class MainAxes:
    """The frame of a cloud's principal axes: x along its length, z through its thickness.

    A learned model has no orientation of its own, and so is looked at along these.

    Attributes:
        centre: float64 (3,), metres.
        axes: float64 (3, 3), the axes as rows, determinant +1.
    """

    centre: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, points) -> "MainAxes":
        """Return those of points (n, 3), at least one."""
        centre = points.mean(axis=0)
        _, _, axes = np.linalg.svd(points - centre, full_matrices=True)
        # The sign of an axis means nothing; the longer tail points to the positive side.
        axes[:2] *= np.where((((points - centre) @ axes[:2].T) ** 3).sum(axis=0) < 0, -1, 1)[:, None]
        axes[2] = np.cross(axes[0], axes[1])
        return cls(centre, axes)

    @classmethod
    def of_box(cls, vertices) -> "MainAxes":
        """Return the axes of the frame of a CAD model, which people chose, in the order of its extents."""
        extents = np.ptp(vertices, axis=0)
        axes = np.eye(3)[np.argsort(-extents, kind="stable")]
        axes[2] = np.cross(axes[0], axes[1])
        return cls(vertices.min(axis=0) + extents / 2, axes)

    def apply(self, points) -> np.ndarray:
        """Return points (..., 3) in this frame."""
        return (np.asarray(points, np.float64) - self.centre) @ self.axes.T


def finite_points(points, visible=None):
    """Return float64 points (m, 3) and which of them to look at, bool (m,).

    Raises:
        InputError: Another shape, NaN or infinite values, or no point to look at.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise InputError(f"Expected finite points of the shape (points, 3). Received: shape {points.shape}.")
    visible = np.ones(len(points), bool) if visible is None else np.asarray(visible, bool)
    if visible.shape != points.shape[:1] or not visible.any():
        raise InputError(
            f"Expected `visible` of the shape ({len(points)},), at least one of them true. "
            f"Received: shape {visible.shape}, {np.count_nonzero(visible)} true."
        )
    return points, visible


def round_length(length) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50 ... (and of their tenths ...) that is not above a length > 0."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(step * power for step in (5, 2, 1) if step * power <= length * (1 + 1e-9)))


def draw_points(axes, points, values, limits, cmap=SEQUENTIAL):
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


def shade_mesh(surface: CadSurface, to_view, reach, pixels=_PIXELS) -> np.ndarray:
    """Return how bright a mesh is in each pixel, by ray casting.

    Args:
        surface: The mesh.
        to_view: Function from points (n, 3) of the mesh's frame to the view's: x to the right, y up, z towards
            the viewer; a rotation and a translation.
        reach: Half the width of the picture, metres.
        pixels: Its width and height.

    Returns:
        float64 (pixels, pixels), the first row the uppermost, from 0.35 to 1 on the mesh and NaN beside it.
    """
    origin, *axes = to_view(np.concatenate([np.zeros((1, 3)), np.eye(3)]))
    to_mesh = (np.array(axes) - origin).T  # its rows are the axes of the view
    ends = reach * (np.arange(pixels) + 0.5 - pixels / 2) / (pixels / 2)
    x, y = np.meshgrid(ends, ends[::-1])
    away = 4 * (reach + surface.extent)
    starts = np.stack([x, y, np.full_like(x, away)], axis=-1) - origin
    rays = np.concatenate([starts @ to_mesh, np.broadcast_to(-to_mesh[2], starts.shape)], axis=-1)
    hits = surface.ray_casting_scene().cast_rays(rays.astype(np.float32))
    normals = hits["primitive_normals"].numpy() @ to_mesh.T
    # Whichever way round the corners of a triangle are, what is seen of it looks at the viewer.
    normals *= np.where(normals[..., 2:] < 0, -1, 1)
    bright = _DARKEST + (1 - _DARKEST) * np.clip(normals @ _LIGHT, 0, 1)
    return np.where(np.isfinite(hits["t_hit"].numpy()), bright, np.nan)
