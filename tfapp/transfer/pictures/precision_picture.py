"""Average precision of every class with sharp, low-resolution and transferred features."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.transfer.materials import HIGH, LOW
from tfapp.transfer.pictures.feature_styles import FEATURE_STYLES

_ROW, _FRAME = 0.27, 1.7  # inches: of a class, and of all around the rows


def save_precision_png(metrics, path) -> None:
    """Draw a row of dots for each class, the one that loses most by low resolution first, and last their mean.

    Args:
        metrics: Content of `metrics.json`.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_precision(metrics), path)


def draw_precision(metrics) -> Figure:
    """Return the figure that `save_precision_png` saves."""
    form, features = metrics["ap"], {one["name"]: one for one in metrics["features"]}
    values = {name: 100 * np.array(one["average_precision"][form]) for name, one in features.items()}
    order = np.argsort(values[LOW] - values[HIGH], kind="stable")
    rows = {
        name: np.append(column[order], 100 * features[name]["mean"][form]) for name, column in values.items()
    }
    # A gap between the classes and their mean.
    places = np.append(np.arange(len(order)), len(order) + 0.6)
    figure = Figure(figsize=(8.4, _FRAME + _ROW * len(places)), layout="constrained")
    panel = figure.subplots()
    panel.hlines(places, rows[LOW], rows[HIGH], color="0.75", lw=2.2, zorder=1)
    # Drawn in the other order: the first ones lie on top.
    for name in reversed(rows):
        panel.plot(rows[name], places, ls="", zorder=3, label=features[name]["title"], **FEATURE_STYLES[name])
    _name_rows(panel, places, [metrics["class_names"][index] for index in order])
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside upper center", ncols=len(rows), frameon=False)
    panel.set_xlabel(f"average precision ({form}), %")
    return figure


def _name_rows(panel, places, names):
    panel.set_yticks(places, [*names, "mean"], fontsize=9)
    panel.get_yticklabels()[-1].set_fontweight("bold")
    panel.axhline(places[-1] - 0.8, color="0.4", lw=0.8)
    panel.set_ylim(places[-1] + 0.8, -0.8)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", alpha=0.3)
    panel.grid(axis="y", alpha=0.15)
    panel.set_axisbelow(True)
