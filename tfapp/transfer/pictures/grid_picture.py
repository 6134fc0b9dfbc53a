"""Mean average precision over the units of both layers (table 5.1 of the source) as a heat map."""

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.png_file import save_png

# Red loses, blue gains, white is LR.
_COLOURS = "RdBu"
# Of the colours: less would make chance look like a result, in points.
_LEAST_SPAN = 0.5


def save_grid_png(grid, path) -> None:
    """Draw the mean over seeds, below it the spread, coloured by what is gained or lost against LR.

    Args:
        grid: Content of `grid.json`.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: The grid has no cell; nothing is written then.
    """
    save_png(draw_grid(grid), path)


def draw_grid(grid) -> Figure:
    """Return the figure that `save_grid_png` saves."""
    if not grid["cells"]:
        raise InputError("A picture of a grid needs at least one cell. Received: none.")
    hidden, clusters, means, spreads = _means_and_spreads(grid)
    low, high = 100 * grid["low"], 100 * grid["high"]
    span = max(float(np.nanmax(np.abs(means - low))), _LEAST_SPAN)
    size = (3.4 + 1.05 * len(clusters), 2.3 + 0.72 * len(hidden))
    figure = Figure(figsize=size, layout="constrained")
    panel = figure.subplots()
    # Not white, which means "as LR", where nothing was trained.
    panel.set_facecolor("0.85")
    drawn = panel.imshow(means, cmap=_COLOURS, vmin=low - span, vmax=low + span, aspect="auto")
    _write_cells(panel, means, spreads, np.abs(means - low) > 0.6 * span)
    panel.set_xticks(range(len(clusters)), clusters)
    panel.set_yticks(range(len(hidden)), hidden)
    panel.set(xlabel="units of the second layer, N2 (clusters)", ylabel="units of the first layer, N1")
    panel.tick_params(length=0)
    panel.set_title(
        f"mean AP ({grid['ap']}) of transferred features, %\nLR {low:.1f}, HR {high:.1f}", fontsize=11
    )
    _draw_bar(figure, panel, drawn, low, high, span)
    return figure


def _means_and_spreads(grid):
    """Return the values of N1 and of N2, and in percent means and sample deviations over seeds, NaN for none."""
    hidden, clusters = (sorted({cell[name] for cell in grid["cells"]}) for name in ("hidden", "clusters"))
    values = {}
    for cell in grid["cells"]:
        place = hidden.index(cell["hidden"]), clusters.index(cell["clusters"])
        values.setdefault(place, []).append(100 * cell["mean"][grid["ap"]])
    means, spreads = np.full((2, len(hidden), len(clusters)), np.nan)
    for place, found in values.items():
        means[place] = np.mean(found)
        spreads[place] = np.std(found, ddof=1) if len(found) > 1 else np.nan
    return hidden, clusters, means, spreads


def _write_cells(panel, means, spreads, dark):
    for place, mean in np.ndenumerate(means):
        if np.isnan(mean):
            continue
        style = {"ha": "center", "color": "white" if dark[place] else "black", "textcoords": "offset points"}
        several = not np.isnan(spreads[place])
        panel.annotate(f"{mean:.1f}", place[::-1], (0, 1 if several else -4), fontsize=12, **style)
        if several:
            panel.annotate(f"± {spreads[place]:.1f}", place[::-1], (0, -11), fontsize=8.5, **style)


def _draw_bar(figure, panel, drawn, low, high, span):
    bar = figure.colorbar(drawn, ax=panel, pad=0.03)
    bar.set_label("red: worse than LR, blue: better")
    bar.ax.axhline(low, color="black", lw=1)
    if abs(high - low) < span:
        bar.ax.axhline(high, color="black", lw=1, ls=":")
        bar.ax.annotate("HR", (0.5, high), (0, 2), textcoords="offset points", ha="center", fontsize=8)
