"""Pictures of figures 4.3 to 4.9 of Wu (2020): learned models in a grid, segmented scenes in image and space."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.pictures.model_pictures import (
    DEPTHS,
    VIEWS,
    MainAxes,
    draw_points,
    frame_panel,
    reach_of,
    shade_mesh,
)
from tfapp.pose.pictures.scene_pictures import point_colours

_PANEL = 1.9  # inches
# Of the camera that looks at a scene in space, degrees.
_ELEVATION, _AZIMUTH = 35, -60


@dataclass(frozen=True, eq=False)
class ShownModel:
    """A panel of a grid.

    Attributes:
        surface: `CadSurface` of the part, whose frame the panel is looked at in.
        points: (m, 3), the learned model laid onto the part, metres; None to show the part itself.
    """

    surface: CadSurface
    points: np.ndarray | None = None


def draw_models(panels, rows, columns, title, views=("oblique",)) -> Figure:
    """Return a figure of models in a grid, those of a row at the same scale.

    Args:
        panels: From (row, column) to `ShownModel`s; what is missing stays empty.
        rows, columns: From what stands in `panels` to titles, in their order.
        title: Line above the figure.
        views: Names of `VIEWS`, each a column of its own.
    """
    wide = len(columns) * len(views)
    figure = Figure(figsize=(wide * _PANEL + 0.4, len(rows) * _PANEL + 0.6), layout="constrained")
    grid = figure.subplots(len(rows), wide, squeeze=False)
    for line, (row, name) in zip(grid, rows.items(), strict=True):
        shown = [panels[row, column] for column in columns if (row, column) in panels]
        clouds = [one.points for one in shown if one.points is not None]
        for place, panel in enumerate(line):
            column, view = list(columns)[place // len(views)], views[place % len(views)]
            first = place % len(views) == 0
            heading = columns[column] if panel in grid[0] and first else None
            if (row, column) in panels:
                _draw_model(panel, panels[row, column], clouds, VIEWS[view], heading)
            else:
                panel.set(xticks=[], yticks=[], title=heading or "")
        line[0].set_ylabel(name, fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_model(panel, shown, clouds, view, heading):
    frame = MainAxes.of_box(shown.surface.vertices)
    reach = reach_of(frame.apply(shown.surface.vertices), *map(frame.apply, clouds))
    if shown.points is None:
        shade = shade_mesh(shown.surface, lambda part: frame.apply(part) @ view.T, reach)
        panel.imshow(shade, cmap="gray", vmin=0, vmax=1, extent=(-reach, reach, -reach, reach), zorder=1)
    else:
        turned = frame.apply(shown.points) @ view.T
        draw_points(panel, turned, turned[:, 2], DEPTHS * reach)
    frame_panel(panel, reach, heading)


def draw_segmentations(scenes, title) -> Figure:
    """Return a figure with a row for each scene: prediction and truth in the image, and the same in space.

    Args:
        scenes: From titles of rows to `SegmentedScene`s with truth.
        title: Line above the figure.
    """
    figure = Figure(figsize=(4 * 2.3 + 0.4, len(scenes) * 2.3 + 0.6), layout="constrained")
    for number, (name, scene) in enumerate(scenes.items()):
        labels = scene.shown_labels()
        for place, (said, shown) in enumerate(zip(("predicted", "truth"), labels, strict=True)):
            flat = figure.add_subplot(len(scenes), 4, 4 * number + place + 1)
            deep = figure.add_subplot(len(scenes), 4, 4 * number + place + 3, projection="3d")
            _draw_flat(flat, scene, shown)
            _draw_deep(deep, scene, shown)
            score = f", F1 {scene.f1:.3f}" if place == 0 else ""
            flat.set_title(f"{said}{score}", fontsize=9)
            deep.set_title(f"{said}, points", fontsize=9)
            if place == 0:
                flat.set_ylabel(name, fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_flat(panel, scene, labels):
    picture = np.ones((*np.shape(scene.depth), 3))
    picture[tuple(np.asarray(scene.pixels).T)] = point_colours(labels)
    (top, left), (bottom, right) = (function(scene.pixels, axis=0) for function in (np.min, np.max))
    panel.imshow(picture, interpolation="nearest")
    panel.set(xlim=(left - 2.5, right + 2.5), ylim=(bottom + 2.5, top - 2.5), xticks=[], yticks=[])


def _draw_deep(panel, scene, labels):
    x, y, z = np.asarray(scene.points).T
    # Up is towards the camera, as the parts lie in a bin below it.
    panel.scatter(x, -y, -z, c=point_colours(labels), s=3, lw=0)
    panel.set_box_aspect([max(np.ptp(one), 1e-3) for one in (x, y, z)])
    panel.view_init(_ELEVATION, _AZIMUTH)
    panel.set(xticks=[], yticks=[], zticks=[])
