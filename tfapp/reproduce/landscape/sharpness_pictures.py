"""Sharpness of networks and batch sizes as a picture: each seed a point, the geometric mean with its interval."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.reproduce.landscape.orders import geometric_interval
from tfapp.reproduce.landscape.protocol import TITLES

_WIDTH, _HEIGHT, _COLUMNS = 3.6, 3.3, 4  # inches of one diagram; diagrams in a row
_APART = 0.28


def save_sharpness_png(values, columns, path) -> None:
    """Draw numbers of trainings as a PNG file, a diagram for each column.

    Args:
        values: From (network, batch size) to {seed: {column: number}}.
        columns: Names of the columns.
        path: PNG file.
    """
    save_png(draw_sharpness(values, columns), path)


def draw_sharpness(values, columns) -> Figure:
    """Return the Matplotlib figure of `save_sharpness_png`."""
    networks, batches = (list(dict.fromkeys(key[place] for key in values)) for place in (0, 1))
    across = min(len(columns), _COLUMNS)
    down = -(-len(columns) // across)
    figure = Figure(figsize=(_WIDTH * across, _HEIGHT * down + 0.4), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel in panels[len(columns) :]:
        panel.set_axis_off()
    for panel, column in zip(panels, columns, strict=False):
        for (network, batch), seeds in values.items():
            number = batches.index(batch)
            place = networks.index(network) + _APART * (number - (len(batches) - 1) / 2)
            found = np.array([one[column] for one in seeds.values()], float)
            label = f"batch {batch}" if network == networks[0] and panel is panels[0] else None
            _draw(panel, place, found, qualitative(number), label)
        panel.set_xticks(
            range(len(networks)), [TITLES[network] for network in networks], rotation=25, ha="right"
        )
        panel.tick_params(axis="x", labelsize=8)
        panel.set_title(column, fontsize=9)
        if all(one[column] > 0 for seeds in values.values() for one in seeds.values()):
            panel.set_yscale("log")
        panel.grid(axis="y", alpha=0.3)
    for row in range(down):
        panels[row * across].set_ylabel("sharpness")
    figure.legend(loc="outside upper center", ncols=len(batches), frameon=False)
    return figure


def _draw(panel, place, found, colour, label):
    panel.plot([place] * len(found), found, "o", color=colour, ms=3.5, alpha=0.5, mew=0)
    interval = geometric_interval(found)
    if interval is None:
        panel.plot([place], [found.mean()], "_", color=colour, ms=12, label=label)
        return
    mean, low, high = interval
    panel.errorbar(
        place, mean, [[mean - low], [high - mean]], fmt="_", ms=12, color=colour, capsize=3, label=label
    )
