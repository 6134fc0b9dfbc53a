"""The learned object model beside the CAD model of the part."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.evaluation.registration import Registration
from tfapp.pose.pictures.model_panels import DEPTHS, draw_points, frame_panel, label_bar, reach_of
from tfapp.pose.pictures.shaded_mesh import shade_mesh
from tfapp.pose.pictures.views import VIEWS, MainAxes, finite_points

_ERRORS = "plasma"


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
