"""Figures of the scores of a detector: precision over recall, the confusion of classes, errors by kind."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfapp.detection.scores.errors import (
    BACKGROUND,
    BOTH,
    CONFUSED,
    CORRECT,
    DUPLICATE,
    KIND_TITLES,
    LOCALISATION,
    UNMATCHED,
)
from tfapp.detection.scores.evaluation import CURVE_RECALLS
from tfapp.report.colours import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, qualitative
from tfapp.report.figures import save_png
from tfapp.report.result_table import DASH

CURVES, CONFUSION, ERRORS = "precision-recall.png", "confusion.png", "errors.png"
_GREY = "#a8a8a8"
KIND_COLOURS = {
    CORRECT: GREEN,
    LOCALISATION: ORANGE,
    CONFUSED: PURPLE,
    BOTH: RED,
    DUPLICATE: SKY,
    BACKGROUND: _GREY,
}
# Of its class: what is taken for another class is not found either.
_MISSED = ("object not found as its class", BLUE)
# Colours repeat after ten curves, and both together after forty.
_DASHES = ("-", "--", "-.", ":")
_MOST_NUMBERS = 25  # classes whose numbers can be read in their cells
_ROW, _FRAME = 0.3, 1.6  # inches: of a class, and of all around the rows


def save_figures(metrics, folder) -> list[Path]:
    """Write the figures of the scores of a detector, and return their files.

    Args:
        metrics: As `evaluate_detections` returns it.
        folder: Where `CURVES`, `CONFUSION` and `ERRORS` are written, by write-then-rename.
    """
    drawn = {CURVES: draw_curves, CONFUSION: draw_confusion, ERRORS: draw_errors}
    for name, draw in drawn.items():
        save_png(draw(metrics), Path(folder) / name)
    return [Path(folder) / name for name in drawn]


def draw_curves(metrics) -> Figure:
    """Return a figure of precision over recall, a curve for each class with objects, the best average precision first.

    Precision is that of the average precisions: at each recall the largest at this recall or a higher one.
    """
    values = metrics["average_precision"][metrics["ap"]]
    known = [place for place, curve in enumerate(metrics["curves"]) if curve is not None]
    order = sorted(known, key=lambda place: -values[place])
    columns = 1 + (len(order) - 1) // 25 if order else 1
    figure = Figure(figsize=(6.4 + 1.7 * columns, 5), layout="constrained")
    panel = figure.subplots()
    recalls, width = 100 * np.array(CURVE_RECALLS), 1.8 if len(order) <= 10 else 1.2
    for place in order:
        curve = 100 * np.array(metrics["curves"][place])
        # Up to the last recall that is reached; beyond there is no precision to speak of.
        reached = int(np.count_nonzero(curve))
        style = {"color": qualitative(place), "ls": _DASHES[place // 10 % len(_DASHES)], "lw": width}
        label = f"{metrics['class_names'][place]}  {100 * values[place]:.1f}"
        panel.step(recalls[:reached], curve[:reached], where="pre", label=label, **style)
        if reached:
            panel.plot(recalls[reached - 1], curve[reached - 1], "o", ms=4, color=style["color"])
    panel.set(xlim=(0, 101), ylim=(0, 102), xlabel="recall, %", ylabel="precision, %")
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    mean = _percent(metrics["mean"][metrics["ap"]])
    panel.set_title(f"mean AP ({metrics['ap']}) {mean} % at an overlap of {metrics['iou']:g}", fontsize=11)
    if order:
        size = {"fontsize": 9 if len(order) <= 12 else 8, "ncols": columns}
        figure.legend(loc="outside right upper", title="AP, %", frameon=False, **size)
    return figure


def draw_confusion(metrics) -> Figure:
    """Return a figure of the confusion matrix: counts, and as colour the share of each row."""
    counts = np.array(metrics["confusion"], np.int64)
    # Classes that are neither there nor detected are left out; the last row and column are those without a partner.
    kept = (counts.sum(0) + counts.sum(1) > 0) | (np.arange(len(counts)) == len(counts) - 1)
    counts = counts[np.ix_(kept, kept)]
    names = [name for name, there in zip(metrics["class_names"], kept, strict=False) if there]
    with np.errstate(invalid="ignore"):
        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    side = float(np.clip(0.52 * len(counts), 3.0, 13.0))
    figure = Figure(figsize=(side + 2.6, side + 1.5), layout="constrained")
    panel = figure.subplots()
    panel.set_facecolor("0.9")
    shown = np.ma.masked_invalid(shares)
    # What is not there is not detected either: the corner says nothing.
    shown[-1, -1] = np.ma.masked
    drawn = panel.imshow(shown, cmap="Blues", vmin=0, vmax=100)
    numbered = len(names) <= _MOST_NUMBERS
    size = 10 if len(names) <= 8 else 7.5
    for place, count in np.ndenumerate(counts):
        if numbered and count:
            colour = "white" if shares[place] > 60 else "black"
            panel.text(*place[::-1], f"{count:,}", ha="center", va="center", fontsize=size, color=colour)
    ticks = {"fontsize": 10 if numbered else 5}
    panel.set_xticks(
        range(len(counts)), [*names, "missed"], rotation=45, ha="right", rotation_mode="anchor", **ticks
    )
    panel.set_yticks(range(len(counts)), [*names, UNMATCHED], **ticks)
    panel.tick_params(length=0)
    for line in (panel.axhline, panel.axvline):
        line(len(names) - 0.5, color="0.3", lw=1)
    panel.set(xlabel="detected as", ylabel="what is there")
    panel.set_title(_threshold(metrics), fontsize=10)
    bar = figure.colorbar(drawn, ax=panel, shrink=0.7, pad=0.03)
    bar.set_label("share of the row, %")
    bar.outline.set_visible(False)
    return figure


def draw_errors(metrics) -> Figure:
    """Return a figure of bars for each class and for all: its detections by kind, and its objects found or missed."""
    errors = {kind: np.array(metrics["errors"][kind]) for kind in KIND_COLOURS}
    found, missed = errors[CORRECT], np.array(metrics["missed"])
    order = np.argsort(-np.array(metrics["objects"]), kind="stable")
    # As above.
    there = sum(errors.values()) + found + missed > 0
    order = order[there[order]]
    rows = [*(metrics["class_names"][place] for place in order), "all"]
    figure = Figure(figsize=(10.4, _FRAME + _ROW * len(rows)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    kinds = {(KIND_TITLES[kind], colour): errors[kind] for kind, colour in KIND_COLOURS.items()}
    _stack(panels[0], kinds, order)
    _stack(panels[1], {(KIND_TITLES[CORRECT], GREEN): found, _MISSED: missed}, order)
    places = _places(len(order))
    panels[0].set_yticks(places, rows)
    panels[0].get_yticklabels()[-1].set_fontweight("bold")
    panels[0].set_ylim(places[-1] + 0.6, -0.6)
    panels[0].set_xlabel("detections, %")
    panels[1].set_xlabel("objects, %")
    handles = {}
    for panel in panels:
        handles |= dict(zip(*panel.get_legend_handles_labels()[::-1], strict=True))
    place = {"loc": "outside upper center", "ncols": len(handles), "frameon": False, "fontsize": 9}
    figure.legend(handles.values(), handles.keys(), handlelength=1.1, columnspacing=1.2, **place)
    figure.supxlabel(_threshold(metrics), fontsize=9, color="0.35")
    return figure


def _places(count):
    # A gap between the classes and all of them.
    return np.append(np.arange(count), count + 0.4)


def _stack(panel, columns, order):
    """Draw rows of shares one after another, with their numbers in all at the end of each row."""
    counts = {style: np.append(values[order], values.sum()) for style, values in columns.items()}
    totals = sum(counts.values())
    places, left = _places(len(order)), np.zeros(len(totals))
    for (label, colour), values in counts.items():
        widths = 100 * values / np.maximum(totals, 1)
        bars = {"height": 0.72, "edgecolor": "white", "lw": 0.6}
        panel.barh(places, widths, left=left, color=colour, label=label, **bars)
        for place, start, width, value in zip(places, left, widths, values, strict=True):
            if width > 7:
                ink = "black" if colour in (ORANGE, SKY, _GREY) else "white"
                text = {"ha": "center", "va": "center", "fontsize": 8, "color": ink}
                panel.text(start + width / 2, place, f"{value:,}", **text)
        left = left + widths
    for place, total in zip(places, totals, strict=True):
        panel.text(101, place, f"{total:,}" if total else DASH, va="center", fontsize=8, color="0.35")
    panel.set_xlim(0, 100)
    panel.tick_params(axis="y", length=0)
    panel.spines[["top", "right", "left"]].set_visible(False)


def _threshold(metrics):
    return f"detections with a score of at least {metrics['score']:g}, at an overlap of {metrics['iou']:g}"


def _percent(share):
    return DASH if share is None else f"{100 * share:.1f}"
