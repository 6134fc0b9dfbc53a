"""Figure 4 of the lecture: the loss along the gradient, random directions and single weights, layer by layer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from tfapp.reproduce.lecture import SOURCE
from tfapp.reproduce.lecture.classifier import stem_of, trained_classifier
from tfapp.reproduce.study import Option, Result, Study, as_set, files_of

NAME = "lecture-figure-4"
SCALES = {
    "small": "an epoch of 10,000 training images, the loss of 500 of them at 41 places of each line; some minutes.",
    "paper": "10 epochs of all training images, the loss of 5,000 of them at 81 places of each line.",
}
# Epochs, training images (None: all), images that the loss is measured on, places of a line.
_SIZES = {"small": (1, 10000, 500, 41), "paper": (10, None, 5000, 81)}
WHOLE = "all layers"
GRADIENT, RANDOM, STEEPEST, SINGLE = "gradient", "random", "weight of the largest slope", "single weight"
# How many directions of each kind.
_COUNTS = {GRADIENT: 1, RANDOM: 3, STEEPEST: 1, SINGLE: 3}
COLOURS = {GRADIENT: "#d62728", RANDOM: "#1f77b4", STEEPEST: "#2ca02c", SINGLE: "#bcbd22"}
ASSUMED = (
    "The figure is of Santurkar et al. (2018), whose network and place are not in the notes: LeNet-5 is trained by "
    "SGD with momentum, rate 0.01, for as long as the scale says. Every direction is as long as the weights that it "
    "moves: at 1 the displacement is 100 % of the norm of the kernels and biases of its layer, or of all.",
    "The lecture says that directions within one layer are to be compared, so that each layer has its own panel, with "
    "its gradient, three random directions, the weight of the largest slope and three weights that are drawn.",
)


@dataclass(frozen=True, eq=False)
class Line:
    """The loss along one direction.

    Attributes:
        layer: Whose weights are moved, or `WHOLE`.
        kind: One of `COLOURS`.
        losses: float64 (places,).
    """

    layer: str
    kind: str
    losses: np.ndarray

    @property
    def bends(self):
        """Share of the second differences that are below zero by more than 1e-4 of the range of the losses."""
        return float(np.mean(np.diff(self.losses, 2) < -1e-4 * np.ptp(self.losses)))


def figure_4(
    data: Annotated[str, Option(help="mnist:PATH, cifar10:PATH, fashion-mnist:PATH or digits.")],
    out: Annotated[Path, Option(help="Folder for the figure, its numbers and the training.")],
    scale: Annotated[str, Option(help="small or paper.")] = "small",
    model: Annotated[str, Option(help="lenet-5, resnet-20, ... as in `tfapp solvers compare`.")] = "lenet-5",
    epochs: Annotated[int | None, Option(help="Of the training.", show_default="by scale", min=1)] = None,
    images: Annotated[int | None, Option(help="Training images.", show_default="by scale", min=10)] = None,
    learning_rate: Annotated[float, Option(help="Of SGD with momentum 0.9.")] = 0.01,
    seed: Annotated[int, Option(help="Of weights, order and directions.", min=0)] = 0,
    *,
    progress,
    command,
):
    """Train a network, and measure its loss along directions of all weights and of each layer."""
    from tfapp.data import open_classification
    from tfapp.files import write_text
    from tfapp.report.result_table import ResultTable, document

    usual_epochs, usual_images, samples, places = _SIZES[scale]
    chosen = (epochs or usual_epochs, images or usual_images, learning_rate, seed)
    run = trained_classifier(open_classification(data), model, *chosen, out / "trainings", progress)
    distances = np.linspace(-1, 1, places)
    with progress.task("lines") as task:
        lines = measure_lines(run.load_model(), run.sample(samples, 0), distances, seed, task)
    stem = stem_of(NAME, data, model)
    written = files_of(out, stem, ".png", ".md", ".csv")
    title = f"Loss along directions, {model}, {data.partition(':')[0]}, epoch {chosen[0]}"
    _save(lines, distances, written[0], title)
    rows = [
        (line.layer, line.kind, number, f"{distance:.6g}", f"{loss:.9g}")
        for number, line in enumerate(lines)
        for distance, loss in zip(distances, line.losses, strict=True)
    ]
    ResultTable(("layer", "direction", "line", "distance", "loss"), rows).write_csv(written[2])
    summary = summary_of(lines)
    remarks = [as_set(SCALES[scale], command), *ASSUMED]
    text = document(summary, remarks, title=title, source=f"{SOURCE}, figure 4", command=command)
    write_text(written[1], text)
    return Result([summary], written)


def measure_lines(model, sample, distances, seed, progress=lambda done, total: None):
    """Return the `Line`s of all layers together, and of each layer with more than one trainable weight.

    Args:
        model: Compiled Keras model.
        sample: Images and labels.
        distances: Places of a line, as shares of the norm of the weights that it moves.
        seed: Of random directions and weights.
        progress: Function of the lines done and the lines in all.
    """
    import tensorflow as tf

    from tfapp.landscape.flatness.derivatives import as_batches, flatten, make_gradient, prepare

    batches = as_batches(*sample, None, 100)
    n = prepare(model, batches)
    gradient_of = make_gradient(model, batches)
    _, gradient = gradient_of(tf.zeros(n, tf.float64))
    weights, places = flatten(model.trainable_variables), places_of_layers(model)
    lines, total = [], len(places) * sum(_COUNTS.values())
    for index, (layer, place) in enumerate(places.items()):
        rng = np.random.default_rng([seed, index])
        length = np.linalg.norm(weights[place])
        for kind, unit in directions(gradient.numpy()[place], rng):
            direction = np.zeros(n)
            direction[place] = length * unit
            losses = [float(gradient_of(tf.constant(distance * direction))[0]) for distance in distances]
            lines.append(Line(layer, kind, np.array(losses)))
            progress(len(lines), total)
    return lines


def places_of_layers(model):
    """Return the slices of the flat vector of trainable weights by layer, those of all weights first."""
    ends = np.cumsum([0, *(int(np.prod(variable.shape)) for variable in model.trainable_variables)])
    spans = {
        id(variable): (int(start), int(end))
        for variable, start, end in zip(model.trainable_variables, ends, ends[1:], strict=False)
    }
    found = {WHOLE: slice(0, int(ends[-1]))}
    for layer in model.layers:
        own = [spans[id(variable)] for variable in layer.trainable_variables]
        if own and max(end for _, end in own) - min(start for start, _ in own) > 1:
            found[layer.name] = slice(min(start for start, _ in own), max(end for _, end in own))
    return found


def directions(gradient, rng):
    """Yield the kind and the direction, a vector of length 1, of each line of a layer.

    Args:
        gradient: float64 (n,), of its weights.
        rng: NumPy's generator.
    """
    n = len(gradient)
    length = np.linalg.norm(gradient)
    # Where nothing slopes there is no such direction.
    if length > 0:
        yield GRADIENT, gradient / length
    for _ in range(_COUNTS[RANDOM]):
        drawn = rng.standard_normal(n)
        yield RANDOM, drawn / np.linalg.norm(drawn)
    yield STEEPEST, np.eye(1, n, int(np.argmax(np.abs(gradient))))[0]
    for place in rng.choice(n, size=min(n, _COUNTS[SINGLE]), replace=False):
        yield SINGLE, np.eye(1, n, int(place))[0]


def summary_of(lines):
    """Return a `ResultTable` with a row for each layer: how far the loss rises, and where it is not convex."""
    from tfapp.report.result_table import ResultTable

    rows = []
    for layer in dict.fromkeys(line.layer for line in lines):
        row = [layer]
        for kind in COLOURS:
            own = [line for line in lines if (line.layer, line.kind) == (layer, kind)]
            rise = [np.ptp(line.losses) for line in own]
            row.append(f"{np.mean(rise):.3g} ({np.mean([line.bends for line in own]):.0%})" if own else "–")
        rows.append(tuple(row))
    return ResultTable(("layer", *COLOURS), rows, "Range of the loss (share of the line that is not convex)")


def _save(lines, distances, file, title):
    from matplotlib.figure import Figure

    from tfapp.report.figures import save_png

    layers = list(dict.fromkeys(line.layer for line in lines))
    columns = min(3, len(layers))
    rows = -(-len(layers) // columns)
    figure = Figure(figsize=(0.4 + 3.6 * columns, 0.9 + 2.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, layer in zip(panels, layers, strict=False):
        for line in lines:
            if line.layer == layer:
                width = 2.0 if line.kind in (GRADIENT, STEEPEST) else 1.0
                axes.plot(distances, line.losses, color=COLOURS[line.kind], lw=width, label=line.kind)
        axes.set(title=layer, yscale="log")
        axes.grid(alpha=0.3, which="both")
    for axes in panels[len(layers) :]:
        axes.set_axis_off()
    handles = dict(zip(*panels[0].get_legend_handles_labels()[::-1], strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    for axes in panels[max(0, len(layers) - columns) : len(layers)]:
        axes.set_xlabel("distance / norm of the weights moved")
    figure.supylabel("loss", fontsize=10)
    figure.suptitle(title)
    save_png(figure, file)


STUDIES = (
    Study(
        NAME,
        "Figure 4: the loss along the gradient, random directions and single weights, layer by layer",
        SOURCE,
        ASSUMED,
        SCALES,
        figure_4,
    ),
)
