"""Grasps drawn on the depth image of their scene: the outlines of finger tips or of the cup's lip, and the approach."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.pose.pictures.scene_pictures import instance_colour
from tfapp.report.figures import save_png

_SIZE = 6.0  # inches
_CIRCLE = 2 * np.pi * np.arange(25) / 24
# How much of the approach is drawn, metres, and of how many grasps.
_SHAFT, _SHOWN = 0.02, 5


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
    figure = Figure(figsize=(_SIZE, _SIZE * depth.shape[0] / depth.shape[1] + 0.4), layout="constrained")
    axes = figure.add_subplot()
    # Pixel centres are at half pixels, as the camera projects.
    extent = (0, depth.shape[1], depth.shape[0], 0)
    axes.imshow(np.where(depth > 0, depth, np.nan), cmap="gray_r", extent=extent, interpolation="nearest")
    for instance, cloud in enumerate(plan.poses.clouds):
        axes.plot(*camera.project(cloud).T, ".", ms=1, color=instance_colour(instance), alpha=0.25)
    # The best is drawn last, above the others.
    for number, grasp in reversed(list(enumerate(plan.grasps[:_SHOWN], 1))):
        colour, width = instance_colour(grasp.instance), 2.2 if number == 1 else 1.0
        lines = outlines(gripper, grasp.width)
        for line in lines:
            axes.plot(*_seen(line, grasp, camera), color="white", lw=width + 1.5)
        for line in lines:
            axes.plot(*_seen(line, grasp, camera), color=colour, lw=width)
        place = _seen(lines[-1][-1:], grasp, camera)[:, 0]
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": colour, "lw": 0.6}
        axes.annotate(f"{number}: {grasp.score:.2f}", place, fontsize=7, ha="center", bbox=box)
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    return figure


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
