"""How far above the minimum solvers are, over their updates."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from tfapp.png_file import save_png
from tfapp.solvers.solver_styles import line_style

# Below this a difference of two float64 values of order 1 is rounding.
_LEAST = 1e-12
_MOST = 1e6
# Beyond this ratio of the largest to the smallest a linear axis shows one of them only.
_LOG_RATIO = 30.0


@dataclass(frozen=True)
class GapPanel:
    """A panel.

    Attributes:
        title: Its title.
        paths: `Path`s.
        minimum: f*.
        marks: Dictionary from labels to values of f, which are drawn as dotted lines.
    """

    title: str
    paths: list
    minimum: float
    marks: dict = field(default_factory=dict)


def save_gaps_png(panels, path, title=None) -> None:
    """Draw |f - f*| over the logarithm of the updates; differences below 1e-12 are drawn at it.

    Args:
        panels: `GapPanel`s, from left to right.
        path: PNG file, written by write-then-rename.
        title: Line above the figure, or None.
    """
    save_png(draw_gaps(panels, title), path)


def draw_gaps(panels, title=None) -> Figure:
    """Return the figure that `save_gaps_png` saves."""
    is_wide = len(panels) == 1 and len(panels[0].paths) > 4
    figure = Figure(figsize=(8.0 if is_wide else max(6.4, 5.0 * len(panels)), 5.2), layout="constrained")
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, panel in zip(columns, panels, strict=True):
        _draw_panel(axes, panel)
        if not is_wide:
            axes.legend(frameon=False, fontsize=9)
    if is_wide:
        handles = columns[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right upper", frameon=False, fontsize=9)
    figure.supylabel("|f − f*|", fontsize=11)
    if title:
        figure.suptitle(title)
    return figure


def _draw_panel(axes, panel):
    gaps = [_shown(path, panel.minimum) for path in panel.paths]
    for path, shown in zip(panel.paths, gaps, strict=True):
        label = f"{path.solver.title}{' (diverged)' if path.diverged else ''}"
        style = line_style(path.solver, label=label, alpha=0.85)
        # Thin: where a path goes round and round for ever a wide line would be a block.
        axes.plot(np.arange(1, len(shown) + 1), shown, **style | {"lw": 0.6 * style["lw"]})
    for label, value in panel.marks.items():
        axes.axhline(abs(value - panel.minimum), color="0.3", lw=0.9, ls=":", label=label)
    finite = np.concatenate(gaps)
    finite = finite[np.isfinite(finite)]
    is_log = len(finite) > 0 and finite.max() > _LOG_RATIO * finite.min()
    axes.set(xscale="log", yscale="log" if is_log else "linear", xlabel="update", title=panel.title)
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)


def _shown(path, minimum):
    # The start is update 0, which a logarithmic axis has not.
    gaps = path.gaps(minimum)[1:]
    return np.where(np.isfinite(gaps) & (gaps < _MOST), np.maximum(gaps, _LEAST), np.nan)
