"""Images, measures, layouts and trainings of feature transfer as pictures."""

from pathlib import PurePath

import numpy as np
from matplotlib.figure import Figure

from tfapp.errors import InputError
from tfapp.report.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, YELLOW
from tfapp.report.figures import save_png
from tfapp.transfer.embedding import EMBEDDED, NEIGHBOURS, chance_agreement
from tfapp.transfer.feature_names import HIGH, LOW, TITLES, TRANSFERRED, UNTRAINED

_WINE, _GREY = "#882255", "#a8a8a8"  # a wine red of P. Tol: eight colours are too few for many datasets
_CLASS_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, BLACK, YELLOW, _WINE, _GREY)
_ENOUGH_COLOURS = 8
# No common divisor with the number of colours: the two together repeat after seventy classes only.
_CLASS_MARKERS = ("o", "^", "s", "D", "P", "v", "X")
# The untrained network is the same network: its colour, but hollow.
_STYLES = {
    HIGH: {"marker": "s", "color": BLACK, "ms": 5.5},
    LOW: {"marker": "o", "color": SKY, "ms": 6.5, "markeredgecolor": "0.25", "markeredgewidth": 0.6},
    TRANSFERRED: {"marker": "D", "color": RED, "ms": 6},
    UNTRAINED: {"marker": "D", "color": RED, "ms": 5.5, "markerfacecolor": "white"},
}
_OTHERS = (("^", GREEN), ("v", PURPLE), ("P", ORANGE), ("X", BLUE), ("<", YELLOW), (">", _WINE), ("*", _GREY))
# Dots of few images are larger, and those of many leave gaps.
_INK, _SMALLEST, _LARGEST = 9000, 7, 40
_CURVES = {"loss": ("loss and weight decay", BLUE), "accuracy": ("images put into their cluster, %", RED)}


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
        f"t-SNE of the same {len(embedding.classes)} images; share of the {NEIGHBOURS} nearest neighbours that "
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
    styles = feature_styles(rows)
    # Drawn in the other order: the first ones lie on top.
    for name in reversed(rows):
        panel.plot(rows[name], places, ls="", zorder=3, label=features[name]["title"], **styles[name])
    _name_rows(panel, places, [metrics["class_names"][index] for index in order])
    handles, labels = panel.get_legend_handles_labels()
    place = {"loc": "outside upper center", "ncols": min(len(rows), 4)}
    figure.legend(handles[::-1], labels[::-1], frameon=False, **place)
    panel.set_xlabel(f"average precision ({form}), %")
    return figure


def feature_styles(names):
    """Return {name: keyword arguments of `plot`} of kinds of features, keys of `ComparedFeatures.features`."""
    others = iter(_OTHERS)
    found = {}
    for name in names:
        found[name] = _STYLES.get(name)
        if found[name] is None:
            marker, colour = next(others, ("h", _GREY))
            found[name] = {"marker": marker, "color": colour, "ms": 6}
    return found


def _name_rows(panel, places, names):
    panel.set_yticks(places, [*names, "mean"], fontsize=9)
    panel.get_yticklabels()[-1].set_fontweight("bold")
    panel.axhline(places[-1] - 0.8, color="0.4", lw=0.8)
    panel.set_ylim(places[-1] + 0.8, -0.8)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", alpha=0.3)
    panel.grid(axis="y", alpha=0.15)
    panel.set_axisbelow(True)


def save_history_png(rows, path) -> None:
    """Draw loss and accuracy against the iteration.

    Args:
        rows: As `read_history` returns them.
        path: PNG file, written by write-then-rename.

    Raises:
        InputError: No row; nothing is written then.
    """
    save_png(draw_history(rows), path)


def draw_history(rows) -> Figure:
    """Return the figure that `save_history_png` saves."""
    if not rows:
        raise InputError("A picture of a training needs at least one row of its history. Received: none.")
    iterations = [row["iteration"] for row in rows]
    # Of sharp features there is no accuracy.
    curves = {name: style for name, style in _CURVES.items() if name in rows[0]}
    figure = Figure(figsize=(5.2 * len(curves), 3.4), layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    # A single row would be no line at all.
    mark = {"marker": "o" if len(rows) < 30 else None, "ms": 3.5}
    for panel, (name, (label, colour)) in zip(panels, curves.items(), strict=True):
        scale = 100 if name == "accuracy" else 1
        panel.plot(iterations, [scale * row[name] for row in rows], lw=1.6, color=colour, **mark)
        panel.set_title(label, fontsize=11)
        panel.set_xlabel("iteration")
        panel.grid(alpha=0.3)
    panels[0].set_ylim(0, 1.05 * max(row["loss"] for row in rows))
    if "accuracy" in curves:
        panels[1].set_ylim(-2, 102)
    return figure


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


# Characters of an image's name that fit above it.
_NAME = 16


def save_samples_png(split, resolution, path, count=6, seed=0) -> None:
    """Draw images sharp, as the small file holds them, every pixel visible, and enlarged bicubically.

    Args:
        split: `tfapp.data.MultiLabelImages`; images that cannot be read are passed over.
        resolution: `tfapp.data.Resolution`.
        path: PNG file, written by write-then-rename.
        count: Images, at least 1; all of them if there are fewer.
        seed: Of the draw, and of what is random in the degradations.

    Raises:
        InputError: None of the images can be read; nothing is written then.
    """
    save_png(draw_samples(split, resolution, count, seed), path)


def draw_samples(split, resolution, count=6, seed=0) -> Figure:
    """Return the figure that `save_samples_png` saves."""
    images = _readable(split, count, seed)
    rows = _rows(resolution)
    figure = Figure(figsize=(1.1 + 1.7 * len(images), 0.4 + 1.75 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), len(images), squeeze=False)
    for line, (label, view) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(label, fontsize=9)
        for panel, (index, image) in zip(line, images, strict=True):
            panel.imshow(view(image, seed, index), interpolation="nearest", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
    for panel, (index, _) in zip(panels[0], images, strict=True):
        panel.set_title(_short(split.names[index]), fontsize=9)
    return figure


def _rows(resolution):
    """Return {label: function of (image, seed, index)} of the rows."""
    high, low = (f"{side}×{side}" for side in (resolution.high, resolution.low))
    if resolution.further:
        low = f"{min(resolution.lows)} to {max(resolution.lows)} pixels"
    rows = {f"HR: {high}": lambda image, seed, index: resolution.sharp(image)}
    if resolution.low is None:
        # Nothing is reduced, so that the file has the size that the network sees.
        return rows | {f"LR: {high},\nmade worse": resolution.low_resolution}
    return rows | {
        f"the file: {low}": resolution.small,
        f"LR: enlarged\nto {high}": resolution.low_resolution,
    }


def _readable(split, count, seed):
    """Return [(place in the split, image)] of images drawn at random, in the order of the split."""
    images, fault = {}, None
    for index in np.random.default_rng(seed).permutation(len(split)).tolist():
        if len(images) == count:
            break
        try:
            images[index] = split.read(index)
        except InputError as error:
            fault = error
    if not images:
        raise InputError(f"None of {len(split)} images can be shown. {fault or ''}".strip())
    return sorted(images.items(), key=lambda item: item[0])


def _short(name):
    name = PurePath(name).name
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def class_style(index, count):
    """Return colour and marker of a class, by its place among `count` classes; up to eight differ by colour alone."""
    marker = _CLASS_MARKERS[index % len(_CLASS_MARKERS)] if count > _ENOUGH_COLOURS else "o"
    return {"color": _CLASS_COLOURS[index % len(_CLASS_COLOURS)], "marker": marker}
