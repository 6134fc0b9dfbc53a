"""Features of the same images, sharp, at low resolution and transferred, in the plane (figures 5.1 and 5.3)."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.transfer.embedding import EMBEDDED, NEIGHBOURS, chance_agreement
from tfapp.transfer.evaluation import TITLES
from tfapp.transfer.pictures.feature_styles import class_style

# Dots of few images are larger, and those of many leave gaps.
_INK, _SMALLEST, _LARGEST = 9000, 7, 40


def save_embedding_png(embedding, path) -> None:
    """Draw the layouts of the same images by their sharp, low-resolution and transferred features side by side.

    Args:
        embedding: `tfapp.transfer.embedding.Embedding`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_embedding(embedding), path)


def draw_embedding(embedding) -> Figure:
    """Return the figure that `save_embedding_png` saves."""
    figure = Figure(figsize=(11.7, 5.3), layout="compressed")
    for panel, name in zip(figure.subplots(1, len(EMBEDDED)), EMBEDDED, strict=True):
        _draw_points(panel, embedding.points[name], embedding)
        _frame_panel(panel, embedding.points[name])
        features, plane = (f"{100 * share:.0f} %" for share in embedding.agreements[name])
        panel.set_title(
            f"{TITLES[name]}\nneighbours of the own class {features}, in the plane {plane}", fontsize=10
        )
    _add_legend(figure, panel, embedding.class_names)
    figure.suptitle(
        f"t-SNE of the same {len(embedding.classes)} test images; share of the {NEIGHBOURS} nearest neighbours that "
        f"are of an image's own class, {100 * chance_agreement(embedding.classes):.0f} % by chance",
        fontsize=11,
    )
    return figure


def _draw_points(panel, points, embedding):
    size, count = np.clip(_INK / len(points), _SMALLEST, _LARGEST), len(embedding.class_names)
    for index, name in enumerate(embedding.class_names):
        own = points[embedding.classes == index]
        panel.scatter(*own.T, s=size, lw=0.2, edgecolors="0.3", label=name, **class_style(index, count))


def _frame_panel(panel, points):
    """Make a panel square, to one scale; where the origin is and how long a unit means nothing."""
    low, high = points.min(axis=0), points.max(axis=0)
    (x, y), half = (low + high) / 2, 0.54 * max(float(np.max(high - low)), 1e-6)
    panel.set(xlim=(x - half, x + half), ylim=(y - half, y + half), xticks=[], yticks=[], aspect="equal")
    for spine in panel.spines.values():
        spine.set_color("0.8")


def _add_legend(figure, panel, class_names):
    handles, labels = panel.get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": _columns(class_names)}
    legend = figure.legend(handles, labels, frameon=False, fontsize=11, **place)
    for handle in legend.legend_handles:
        handle.set_sizes([55])


def _columns(class_names):
    longest = max(map(len, class_names))
    return int(np.clip(120 // (longest + 5), 1, min(len(class_names), 10)))
