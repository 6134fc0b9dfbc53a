"""Grasps drawn on the depth image of their scene: the outlines of finger tips or of the cup's lip, and the approach."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.pose.pictures.scene_pictures import instance_colour
from tfapp.report.figures import save_png

_SIZE = 6.0  # inches
_CIRCLE = 2 * np.pi * np.arange(25) / 24
# How much of the approach is drawn, metres, and of how many grasps.
_SHAFT, _SHOWN = 0.02, 5
# Of what is around the parts, of all their points, and of the depths that grey is told apart in.
_MARGIN, _POINTS, _DEPTHS = 0.2, 400, (0.02, 0.98)
# Of a label from its grasp, points of type.
_AWAY = 40


def save_grasps_png(depth, camera, plan, gripper, path, title) -> None:
    """Draw the best grasps of a scene, numbered from the best on, each in the colour of its part.

    Args:
        depth: `(height, width)`, metres; 0 where nothing was measured.
        camera: `Camera`.
        plan: `ScenePlan`.
        gripper: What they are for.
        path: PNG file, written by write-then-rename.
        title: Line above the picture.
    """
    save_png(draw_grasps(depth, camera, plan, gripper, title), path)


def draw_grasps(depth, camera, plan, gripper, title) -> Figure:
    """Return the figure that `save_grasps_png` saves."""
    left, right, top, bottom = _window(plan, camera)
    figure = Figure(figsize=(_SIZE, _SIZE * (bottom - top) / (right - left) + 0.4), layout="constrained")
    axes = figure.add_subplot()
    # Pixel centres are at half pixels, as the camera projects.
    extent = (0, depth.shape[1], depth.shape[0], 0)
    near = depth[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
    limits = np.quantile(near[near > 0], _DEPTHS) if (near > 0).any() else (0, 1)
    seen = np.where(depth > 0, depth, np.nan)
    axes.imshow(seen, cmap="gray_r", vmin=limits[0], vmax=limits[1], extent=extent, interpolation="nearest")
    for instance, cloud in enumerate(plan.poses.clouds):
        some = camera.project(cloud[:: -(-len(cloud) // _POINTS)])
        axes.plot(*some.T, ".", ms=1.5, color=instance_colour(instance), alpha=0.5)
    # The best is drawn last, above the others.
    for number, grasp in reversed(list(enumerate(plan.grasps[:_SHOWN], 1))):
        _draw(axes, grasp, gripper, camera, number)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    return figure


def _window(plan, camera):
    """Return the first and last columns and rows around the parts, within the picture."""
    seen = camera.project(plan.poses.clouds.reshape(-1, 3))
    low, high = seen.min(0), seen.max(0)
    margin = _MARGIN * (high - low).max()
    size = np.array([camera.width, camera.height])
    low, high = np.clip(low - margin, 0, size - 1), np.clip(high + margin, 1, size)
    return low[0], high[0], low[1], high[1]


def _draw(axes, grasp, gripper, camera, number):
    colour, width = instance_colour(grasp.instance), 2.2 if number == 1 else 1.0
    lines = outlines(gripper, grasp.width)
    for line in lines:
        axes.plot(*_seen(line, grasp, camera), color="white", lw=width + 1.5)
    for line in lines:
        axes.plot(*_seen(line, grasp, camera), color=colour, lw=width)
    # All around, so that grasps beside each other can be told.
    angle = 2 * np.pi * number / _SHOWN
    axes.annotate(
        f"{number}: {grasp.score:.2f}",
        _seen(lines[-1][-1:], grasp, camera)[:, 0],
        (_AWAY * np.cos(angle), _AWAY * np.sin(angle)),
        textcoords="offset points",
        fontsize=7,
        ha="center",
        va="center",
        arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6},
        bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": colour, "lw": 0.6},
    )


def outlines(gripper, width):
    """Return lines, each `(k, 3)` in metres in the frame of a gripper: where it touches, and last its approach."""
    shaft = np.array([[0, 0, 0], [0, 0, -_SHAFT]])
    if gripper.kind == "suction":
        radius = gripper.cup_diameter / 2
        lip = radius * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE), np.zeros(len(_CIRCLE))], 1)
        return [lip, shaft]
    lines = []
    for low, high in gripper.boxes(width)[:2]:
        x, y = (low[0], high[0]), (low[1], high[1])
        lines.append(np.array([[x[a], y[b], 0] for a, b in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]))
    half = width / 2 + gripper.clearance
    return [*lines, np.array([[-half, 0, 0], [half, 0, 0]]), shaft]


def _seen(line, grasp, camera):
    """Return columns and rows (2, k) of a line in the frame of the gripper."""
    return camera.project(line @ grasp.rotation.T + grasp.translation).T
