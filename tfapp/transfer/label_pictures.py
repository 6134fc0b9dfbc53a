"""Average precision by the number of labels, as a picture."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from tfapp.report.figures import save_png
from tfapp.transfer.feature_names import HIGH, LOW
from tfapp.transfer.few_labels import ALL, difference
from tfapp.transfer.pictures import feature_styles


def save_labels_png(curves, images, form, path) -> None:
    """Draw mean average precisions by the labels of each class, and beside them what is gained over LR.

    Args:
        curves: List of `LabelCurve`s.
        images: Number of all training images.
        form: Form of the average precision.
        path: PNG file, written by write-then-rename.
    """
    save_png(draw_labels(curves, images, form), path)


def draw_labels(curves, images, form) -> Figure:
    """Return the figure that `save_labels_png` saves."""
    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = list(curves[0].precisions)
    places = _places(counts)
    styles = feature_styles([one.name for one in curves])
    low = next(one for one in curves if one.name == LOW)
    for curve in curves:
        style = {"lw": 1.4, **styles[curve.name]}
        values = [100 * curve.values(count) for count in counts]
        left.plot(places, [value.mean() for value in values], label=curve.title, **style)
        if curve.name in (LOW, HIGH):
            continue
        found = [difference(100 * curve.values(count), 100 * low.values(count)) for count in counts]
        bars = [0.0 if half is None else half for _, half in found]
        right.errorbar(places, [mean for mean, _ in found], bars, capsize=3, elinewidth=1, **style)
    for panel in (left, right):
        labels = [f"all\n({images} images)" if count == ALL else str(count) for count in counts]
        panel.xaxis.set_major_locator(FixedLocator(places))
        panel.xaxis.set_major_formatter(FixedFormatter(labels))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlabel("labels of each class")
        panel.grid(alpha=0.3)
    left.set_ylabel(f"mean average precision ({form}), %")
    right.axhline(0, color="0.4", lw=0.9)
    right.set_ylabel("points above LR, with 95 % intervals")
    figure.legend(loc="outside upper center", ncols=min(len(curves), 4), frameon=False)
    return figure


def _places(counts):
    """Return where counts stand: by their logarithms, and all labels a step behind the last."""
    numbers = [np.log2(count) for count in counts if count != ALL]
    last = numbers[-1] if numbers else 0.0
    return [*numbers, *([last + 1.5] if ALL in counts else [])]
