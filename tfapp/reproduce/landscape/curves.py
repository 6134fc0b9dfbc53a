"""Training and test loss of the trainings of a figure of Lu and Tong over the epochs."""

from collections import defaultdict

import numpy as np
from matplotlib.figure import Figure

from tfapp.report.colours import qualitative
from tfapp.report.figures import save_png
from tfapp.reproduce.landscape.protocol import TITLES

_LOSSES = {"loss": "training", "val_loss": "test"}
_SIDE, _HEIGHT = 4.6, 4.2  # inches of one diagram


def measure_curves(trained):
    """Return pairs (`TrainedNetwork`, dictionary from column to number): where the losses end, and are smallest."""
    found = []
    for one in trained:
        history = one.history
        best = min(history, key=lambda row: row["val_loss"])
        columns = {
            "epochs": len(history),
            "last training loss": history[-1]["loss"],
            "last test loss": history[-1]["val_loss"],
            "smallest training loss": min(row["loss"] for row in history),
            "smallest test loss": best["val_loss"],
            "epoch of it": best["epoch"],
        }
        found.append((one, columns))
    return found


def save_loss_curves_png(trained, path) -> None:
    """Draw the losses over the epochs as a PNG file: the mean over the seeds, and a band from least to largest.

    Of one batch size the training losses of all networks stand in one diagram and the test losses in another; of two
    each network has a diagram of both losses.

    Args:
        trained: List of `TrainedNetwork`.
        path: PNG file.
    """
    save_png(draw_loss_curves(trained), path)


def draw_loss_curves(trained) -> Figure:
    """Return the Matplotlib figure of `save_loss_curves_png`."""
    histories = defaultdict(list)
    for one in trained:
        histories[one.network, one.batch_size].append(one.history)
    networks, batches = (list(dict.fromkeys(key[place] for key in histories)) for place in (0, 1))
    by_network = len(batches) > 1
    diagrams = networks if by_network else list(_LOSSES)
    figure = Figure(figsize=(_SIDE * len(diagrams), _HEIGHT), layout="constrained")
    places = figure.subplots(1, len(diagrams), squeeze=False, sharey=True)[0]
    for (network, batch), found in histories.items():
        for column, loss in _LOSSES.items():
            axes = places[diagrams.index(network if by_network else column)]
            colour = qualitative(batches.index(batch) if by_network else networks.index(network))
            name = f"B{batch}, {loss}" if by_network else TITLES[network]
            _draw(
                axes,
                [[row[column] for row in rows] for rows in found],
                colour,
                name,
                loss == "test" and by_network,
            )
    for axes, diagram in zip(places, diagrams, strict=True):
        axes.set(
            title=TITLES[diagram] if by_network else f"{_LOSSES[diagram]} loss", xlabel="epoch", yscale="log"
        )
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    places[0].set_ylabel("mean squared error")
    return figure


def _draw(axes, curves, colour, label, dashed):
    # A training that was extended has more epochs than the others.
    values = np.array([curve[: min(map(len, curves))] for curve in curves])
    epochs = np.arange(1, values.shape[1] + 1)
    axes.plot(epochs, values.mean(0), "--" if dashed else "-", color=colour, label=label)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
