"""Figures of the page, to turn with the mouse or a finger: models and scenes in 3D."""

import numpy as np
import plotly.graph_objects as go

from tfapp.pose.evaluation.cad_surface import CadSurface
from tfapp.pose.pictures.model_pictures import MainAxes, finite_points
from tfapp.pose.pictures.scene_pictures import NO_INSTANCE, instance_colour
from tfapp.report.style import PLOT_FONT

_PLACE = "x %{x:.1f}<br>y %{y:.1f}<br>z %{z:.1f} mm"
# Of the camera frame: y points down, and one looks along z.
_FROM_THE_CAMERA = {"eye": {"x": 0.3, "y": -0.55, "z": -1.15}, "up": {"x": 0, "y": -1, "z": 0}}
# Points of a scene that are drawn at most: pages of many large scenes would be slow to load and to turn.
_MOST_POINTS = 2000
_FROM_ABOVE = {"eye": {"x": 1.0, "y": -1.0, "z": 0.7}, "up": {"x": 0, "y": 0, "z": 1}}


def model_figures(points, visible=None, cad=None) -> list[go.Figure]:
    """Return a learned model in 3D, coloured by height, and to the same scale the CAD model if there is one.

    Args:
        points: (m, 3), metres.
        visible: bool (m,); the other points are small and grey, and may be switched off. None for all.
        cad: (`Registration` of the points to the CAD model, its vertices (v, 3), its triangles (t, 3)), or None;
            without it the model lies along its main axes.

    Raises:
        InputError: Points of another shape or not finite, or none visible; a CAD model without a surface.
    """
    points, visible = finite_points(points, visible)
    if cad is None:
        seen, corners = MainAxes.of(points[visible]).apply(points), np.empty((0, 3))
    else:
        surface = CadSurface(*cad[1:])
        seen, corners = cad[0].apply(points), surface.vertices
    cube = _cube(np.concatenate([seen[visible], corners]))
    traces = [_cloud(seen[visible], "learned points", seen[visible, 2], 3.6)]
    if not visible.all():
        traces.append(_cloud(seen[~visible], "visible in no scene", "#b4bac4", 2))
    learned = _figure(traces, cube, _FROM_ABOVE)
    return [learned] if cad is None else [learned, _figure([_mesh(surface)], cube, _FROM_ABOVE)]


def scene_figures(scene) -> tuple[go.Figure, go.Figure | None]:
    """Return the points of a `SegmentedScene` by predicted instance, and by the truth; None without the truth.

    The first also holds the object model in its predicted poses, if they are given, for the reader to switch on.
    """
    predicted, truth = scene.shown_labels()
    labels, points = np.asarray(scene.labels), np.asarray(scene.points)
    if len(points) > _MOST_POINTS:
        some = np.random.default_rng(0).permutation(len(points))[:_MOST_POINTS]
        labels, points, predicted = labels[some], points[some], predicted[some]
        truth = None if truth is None else truth[some]
    traces = _instances(points, predicted)
    for index, cloud in enumerate(() if scene.clouds is None else scene.clouds):
        # What the model explains has its colour: the label that its points got in the picture.
        ours = predicted[labels == index]
        colour = instance_colour(int(ours[0])) if len(ours) else PLOT_FONT["color"]
        traces.append(_cloud(cloud, f"model at pose {index + 1}", colour, 1.8, visible="legendonly"))
    cube = _cube(points)
    figure = _figure(traces, cube, _FROM_THE_CAMERA)
    return figure, None if truth is None else _figure(_instances(points, truth), cube, _FROM_THE_CAMERA)


def _mesh(surface):
    corners = dict(zip("xyz", _millimetres(surface.vertices).T, strict=True))
    sides = dict(zip("ijk", surface.triangles.astype(np.int32).T, strict=True))
    light = {"ambient": 0.5, "diffuse": 0.8, "specular": 0.15, "roughness": 0.7}
    options = {"color": "#a9b7c9", "flatshading": True, "lighting": light, "name": "CAD model"}
    return go.Mesh3d(**corners, **sides, **options, hovertemplate=f"{_PLACE}<extra></extra>")


def _instances(points, labels):
    names = np.unique(labels)
    return [
        _cloud(
            points[labels == name],
            "no part" if name == NO_INSTANCE else f"instance {name + 1}",
            instance_colour(int(name)),
            2.6,
        )
        for name in names
    ]


def _cloud(points, name, colour, size, **options):
    coordinates = dict(zip("xyz", _millimetres(points).T, strict=True))
    marker = {"size": size, "color": colour, "line": {"width": 0}}
    if not isinstance(colour, str):
        marker |= {"color": np.asarray(1000 * colour, np.float32), "colorscale": "Viridis"}
    return go.Scatter3d(
        **coordinates,
        mode="markers",
        name=name,
        marker=marker,
        hovertemplate=f"{_PLACE}<extra></extra>",
        **options,
    )


def _millimetres(points):
    # Single precision is half the page, and a thousandth of what a depth camera tells apart.
    return (1000 * np.asarray(points, np.float64)).astype(np.float32)


def _cube(points):
    """Return the limits (3, 2) in millimetres of a cube around points, with a margin."""
    low, high = 1000 * points.min(axis=0), 1000 * points.max(axis=0)
    half = 0.55 * max((high - low).max(), 0.1)
    return np.stack([(low + high) / 2 - half, (low + high) / 2 + half], axis=1)


def _figure(traces, cube, camera):
    figure = go.Figure(traces)
    axes = {
        name: {"visible": False, "showspikes": False, "range": limits.tolist()}
        for name, limits in zip(("xaxis", "yaxis", "zaxis"), cube, strict=True)
    }
    figure.update_layout(
        template="none",
        font=PLOT_FONT | {"size": 12},
        scene={**axes, "aspectmode": "cube", "camera": camera, "dragmode": "orbit"},
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        showlegend=len(traces) > 1,
        legend={"orientation": "h", "x": 0, "y": 0, "yanchor": "bottom", "itemsizing": "constant"},
        # The reader's view and switches stay when another scene is chosen.
        uirevision="same",
    )
    return figure
