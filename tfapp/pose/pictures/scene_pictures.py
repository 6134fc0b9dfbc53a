"""Scenes as pictures: depth, predicted instances, true instances (figures 4.6 to 4.9 of Wu, 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.pose.evaluation.instances import match_labels, pair_scores
from tfapp.report.colours import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW
from tfapp.report.figures import save_png

# In the place of a true instance, of points that belong to none.
NO_INSTANCE = -1


@dataclass(frozen=True, eq=False)
class SegmentedScene:
    """Observed points with the instance that each was said to belong to.

    Attributes:
        depth: (height, width), metres along z; 0, NaN or infinite where nothing was measured.
        pixels: Whole numbers (n, 2), row and column of each point.
        points: (n, 3), metres in the camera frame.
        labels: Whole numbers (n,), predicted instances.
        truth: Whole numbers (n,), true instances, 0 of points that belong to none; or None.
        clouds: (instances, m, 3), the object model in its predicted poses, metres, or None.
        name: What the scene is called.

    Raises:
        InputError: Not as many points, pixels and labels, none, or a pixel outside of the depth image.
    """

    depth: np.ndarray
    pixels: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    truth: np.ndarray | None = None
    clouds: np.ndarray | None = None
    name: str = ""

    def __post_init__(self):
        shapes = [np.shape(self.pixels), np.shape(self.points), np.shape(self.labels)]
        count = len(self.labels)
        right = count > 0 and shapes == [(count, 2), (count, 3), (count,)]
        if not right or (self.truth is not None and np.shape(self.truth) != (count,)):
            raise InputError(
                "A scene needs pixels (n, 2), points (n, 3), labels and true labels (n,). "
                f"Received: shapes {', '.join(map(str, shapes))}, truth {np.shape(self.truth)}."
            )
        if np.ndim(self.depth) != 2 or (np.max(self.pixels, axis=0) >= np.shape(self.depth)).any():
            raise InputError(
                "The pixels of a scene must be in its depth image (height, width). "
                f"Received: shape {np.shape(self.depth)}, pixels up to {np.max(self.pixels, axis=0).tolist()}."
            )

    @property
    def known(self):
        """bool (n,): which points belong to an instance, and are scored; None without the truth."""
        return None if self.truth is None else np.asarray(self.truth) > 0

    @property
    def f1(self):
        """F1 of pairs of points that belong to instances, None if that is not known of any."""
        if self.truth is None or not self.known.any():
            return None
        return pair_scores(np.asarray(self.labels)[self.known], np.asarray(self.truth)[self.known]).f1

    def shown_labels(self):
        """Return predicted and true labels from 0, named alike where they mean the same; the truth may be None.

        A true label is -1 of points that belong to no instance.
        """
        labels = np.asarray(self.labels)
        if self.truth is None or not self.known.any():
            return labels - np.min(labels), None if self.truth is None else np.full(len(labels), NO_INSTANCE)
        known, truth = self.known, np.asarray(self.truth)
        names = dict(zip(labels[known], match_labels(labels[known], truth[known]), strict=True))
        for label in np.unique(labels[~known]):
            names.setdefault(label, max(names.values()) + 1)
        least = np.min(truth[known])
        matched = np.array([names[label] for label in labels])
        return matched - least, np.where(known, truth - least, NO_INSTANCE)


_PANEL = 2.3  # inches
_MARGIN = 0.12
_SMALLEST_DOT = 2.4  # points of type


def save_scenes_png(scenes: Sequence[SegmentedScene], path, title=None, *, scenes_in_row=2) -> None:
    """Draw for each scene the depth image, and its points coloured by predicted instance beside the truth.

    Each is cut to where the points are. Colours are matched to the truth, since the names of instances mean nothing.

    Args:
        scenes: One or more.
        path: PNG file, written by write-then-rename.
        title: Line above the figure.
        scenes_in_row: >= 1.

    Raises:
        InputError: No scene; nothing is written then.
    """
    save_png(draw_scenes(scenes, title, scenes_in_row), path)


def draw_scenes(scenes, title=None, scenes_in_row=2) -> Figure:
    """Return the figure that `save_scenes_png` saves."""
    if not scenes:
        raise InputError("A picture of scenes needs at least one. Received: none.")
    wide = 2 if all(scene.truth is None for scene in scenes) else 3
    columns = min(scenes_in_row, len(scenes))
    rows = -(-len(scenes) // columns)
    size = (columns * wide * _PANEL + 0.3 * (columns - 1), rows * (_PANEL + 0.28) + 0.45)
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(rows, columns, squeeze=False, wspace=0.03).ravel()
    for part, scene in zip(parts, scenes, strict=False):
        _draw_scene(part.subplots(1, wide), scene)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def _draw_scene(panels, scene):
    window, (near, far) = _window(scene), _depth_range(scene)
    depth = np.where(np.isfinite(scene.depth) & (scene.depth > 0), scene.depth, np.nan)
    panels[0].imshow(depth, cmap="viridis_r", vmin=near, vmax=far)
    panels[0].set_title(
        ": ".join(filter(None, [scene.name, f"depth {1000 * near:.0f}–{1000 * far:.0f} mm"])), fontsize=9
    )
    predicted, truth = scene.shown_labels()
    for panel, labels, name in zip(panels[1:], (predicted, truth), ("predicted", "truth"), strict=False):
        if labels is None:
            panel.set_axis_off()
            continue
        panel.imshow(depth, cmap="gray_r", vmin=near - (far - near), vmax=far + 2 * (far - near), alpha=0.5)
        _draw_labels(panel, scene, labels, window)
        panel.set_title(name, fontsize=9)
    if scene.f1 is not None:
        panels[1].set_title(f"predicted, F1 {scene.f1:.3f}", fontsize=9)
    for panel in panels:
        panel.set(xlim=window[0], ylim=window[1], xticks=[], yticks=[])


def _window(scene):
    """Return the limits of columns and, from below, of rows: a square around the points."""
    low, high = np.min(scene.pixels, axis=0), np.max(scene.pixels, axis=0)
    size = np.array(np.shape(scene.depth))
    half = min((0.5 + _MARGIN) * max((high - low).max(), 8), size.max() / 2)
    # Moved into the picture, and in the middle of a side that is too short for it.
    room = np.maximum(size / 2 - half, 0)
    row, column = np.clip((low + high) / 2, (size - 1) / 2 - room, (size - 1) / 2 + room)
    return (column - half, column + half), (row + half, row - half)


def _draw_labels(panel, scene, labels, window):
    rows, columns = np.asarray(scene.pixels).T
    (left, right), _ = window
    pixel = 72 * _PANEL / (right - left)
    if pixel < _SMALLEST_DOT and not _is_dense(rows, columns):
        panel.scatter(columns, rows, c=point_colours(labels), s=_SMALLEST_DOT**2, lw=0, marker="s")
        return
    picture = np.zeros((*np.shape(scene.depth), 4))
    picture[rows, columns] = [(*colour, 1.0) for colour in point_colours(labels)]
    panel.imshow(picture, interpolation="nearest")


def _is_dense(rows, columns):
    """Say whether most pixels of points have a neighbour: all of a part was labelled, not a sample of it."""
    taken = np.zeros((rows.max() + 1, columns.max() + 1), bool)
    taken[rows, columns] = True
    return np.count_nonzero(taken[:, 1:] & taken[:, :-1]) > 0.7 * np.count_nonzero(taken)


def _depth_range(scene):
    """Return the nearest depth of the points, and the farthest with a margin that the floor below them is in."""
    depth = np.asarray(scene.points)[:, 2]
    near, far = np.quantile(depth, [0.005, 0.995])
    spread = max(far - near, 1e-3)
    return near - 0.05 * spread, far + 0.25 * spread


# Without black, which is the ground.
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, YELLOW)
_NO_COLOUR = "#8b8f98"


def instance_colour(label) -> str:
    """Return the colour of an instance, a whole number >= 0; they repeat after seven. Grey is that of none."""
    return _NO_COLOUR if label == NO_INSTANCE else _COLOURS[label % len(_COLOURS)]


def point_colours(labels):
    """Return the colours of points by their labels, a list of (red, green, blue) in [0, 1]."""
    return [to_rgb(instance_colour(label)) for label in labels]
